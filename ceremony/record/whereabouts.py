"""Where every share of every set is, since when, and what is asked about it: a fold over ceremonies and custody records.

It holds no clock: what is overdue is asked for a time. A record is taken in before whatever it leads to, so that this is a chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from ceremony.base.control import control, refuse
from ceremony.record import entries
from ceremony.record.bags import INTACT, Bags
from ceremony.record.custody import BY_FORM, CustodyRecord, check_signers
from ceremony.record.sets import KeySet, Sets
from ceremony.record.state import Recorded, State
from shares.plan import Plan
from transfer.limits import moment

Place = Literal["custodian", "safe", "moving", "lost", "destroyed"]
WHERE: Mapping[Place, str] = MappingProxyType(
    {"custodian": "with its custodian", "safe": "in the safe", "moving": "on its way", "lost": "lost", "destroyed": "destroyed"}
)
"""Place -> what people call it."""
DECIDE, RETURN, PROVE = timedelta(days=14), timedelta(days=7), timedelta(days=4 * 92)
"""How long officers have for a decision, a share may be out of its safe, and a proof of a share is good (DRL-02: four drills)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What both officers must decide on: reshare, a new key, or accept; of a former key's share: sweep it, or accept."""

    since: str
    what: str
    proof: bool = False
    """STO-10: whether a later proof of the share answers it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One position's share of one set. Times in our form; empty where there is none."""

    position: str
    place: Place = "custodian"
    since: str
    told: str
    """Of the place: which safe, which carrier, what for."""
    bag: str = ""
    """Its number; empty from when it was opened until another one is closed."""
    due: str = ""
    """When a share on its way must have arrived."""
    receiver: str = ""
    proven: str = ""
    unopened: str = ""
    """Why it could not be opened when it was last tried; empty if it could."""
    former: str = ""
    """When its custodian was replaced: somebody who left had it, and knows a passphrase of it."""
    alone: bool = False
    """Its newest bag was closed by its custodian alone: the second signature is the safe's."""
    questions: tuple[Question, ...] = ()
    decided: str = ""

    @property
    def orphaned(self) -> bool:
        """Whether its custodian was replaced, and who has the position now never opened it: the passphrase went with the one before."""
        return bool(self.former) and self.proven < self.former

    @property
    def able(self) -> bool:
        """Whether its custodian can be expected to open it now."""
        return self.place in ("custodian", "safe") and not self.unopened and not self.orphaned


@dataclass(frozen=True, slots=True)
class Custody:
    """Every share of one set. Before the first key there is no share."""

    plan: Plan | None = None
    set_identifier: str = ""
    shares: Mapping[str, Share] = field(default_factory=dict)

    @property
    def of(self) -> Plan:
        """The plan of the set, where there is a key."""
        assert self.plan is not None  # noqa: S101 (who asks has looked that there is one)
        return self.plan

    @property
    def able(self) -> frozenset[str]:
        """Positions whose shares can be opened now."""
        return frozenset(p for p, share in self.shares.items() if share.able)

    @property
    def existing(self) -> frozenset[str]:
        """Positions whose shares exist, as far as is known, whether they can be opened now or not."""
        return frozenset(p for p, share in self.shares.items() if share.place not in ("lost", "destroyed"))

    @property
    def missing(self) -> frozenset[str]:
        """Positions whose shares somebody else may have."""
        return frozenset(p for p, share in self.shares.items() if share.place == "lost" or share.former)

    @property
    def destroyed(self) -> frozenset[str]:
        """Positions whose shares were destroyed, says a custody record."""
        return frozenset(p for p, share in self.shares.items() if share.place == "destroyed")

    def put(self, share: Share) -> Custody:
        """With this share as it is now."""
        return replace(self, shares={**self.shares, share.position: share})

    def decided(self, said: str) -> Custody:
        """With every question answered that is open."""
        now = self
        for share in self.shares.values():
            if share.questions:
                now = now.put(replace(share, questions=(), decided=said))
        return now


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Every set that there ever was, and every safe. The shares of a former key matter until it is empty (record/former.py)."""

    sets: Mapping[str, Custody] = field(default_factory=dict)
    """Set identifier -> its shares, oldest first."""
    newest: str = ""
    """The set in use; empty before the first key."""
    retired: frozenset[str] = frozenset()
    """Sets that another one of the same key follows, and those of resharings that were voided: their shares can only be destroyed."""
    safes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Site letter -> the two people of its safe (STO-09)."""
    taken: frozenset[str] = frozenset()
    """Identifiers of the records that are in the register."""

    @property
    def in_use(self) -> Custody:
        """The newest set."""
        return self.of(self.newest)

    def of(self, set_identifier: str) -> Custody:
        """The shares of one set; none, if there is none of this identifier."""
        return self.sets.get(set_identifier, Custody())

    def after(self, number: int, state: State, sets: Sets) -> Whereabouts:
        """With one more ceremony, ended or not. `sets`: with that ceremony in them."""
        now = self
        for entry in state.entries:
            now = now._with(number, entry, state, sets)
        if state.closed is not None and state.closed.outcome == "amended":
            for entry in state.entries:
                now = now._replaced(entry)
        for each in sets.all:
            if each.ceremony == number:
                follows = {each.record.follows[:20]} if each.record.follows else set()
                now = now._begun(each, state, each.record.plan.positions)
                now = replace(now, newest=each.identifier, retired=now.retired | follows)
        for each in sets.voided:
            if each.ceremony == number:
                locked = [p for p in each.record.plan.positions if sets.sealed(p, each.identifier).begun]
                now = replace(now._begun(each, state, locked), retired=now.retired | {each.identifier})
        return now

    def _with(self, number: int, entry: Recorded, state: State, sets: Sets) -> Whereabouts:
        body, time = entry.body, entry.line.time
        if isinstance(body, entries.Custody):
            return self.recorded(body.record)
        if isinstance(body, entries.Ordered | entries.Authorized):
            void = state.closed is not None and state.closed.outcome == "void"
            return self if void else self._ordered(body, time)
        custody = self.of(self._set_of(body, state, sets))
        share = custody.shares.get(getattr(body, "position", ""))
        if share is None:
            return self
        after = _after(share, body, time, number, state)
        return self if after is share else self._put(custody.put(after))

    def _set_of(self, body: Any, state: State, sets: Sets) -> str:
        """The set whose share an entry is about: as it says, by its sealing number, or the one that the ceremony opens."""
        if isinstance(body, entries.Proven | entries.Healthy):
            return sets.set_of(body.position, body.number)
        opened = next((each.key_record[:20] for each in state.all(entries.Authorized) if each.key_record), self.in_use.set_identifier)
        return getattr(body, "set_identifier", opened)

    def _ordered(self, body: entries.Ordered | entries.Authorized, time: str) -> Whereabouts:
        """STO-07: both officers ordered to reshare, or a new key, or to sweep a former one: that is the decision on every question about
        its shares that was open until then; as long as it is carried out: in a ceremony that was voided nothing became of it, and the
        questions stay."""
        if isinstance(body, entries.Ordered):
            said = f"{body.kind}, {time[:10]}: {body.identifier}"
            return self if body.kind == "reseal" else self._put(self.in_use.decided(said))
        swept = self.sets.get(body.key_record[:20]) if body.key_record else None
        return self._put(swept.decided(f"sweep, {time[:10]}: {body.identifier}")) if swept else self

    def _replaced(self, entry: Recorded) -> Whereabouts:
        """A custodian who was replaced: every share that was theirs is locked under a passphrase that only they know. What was decided
        is of the set in use; a former key is swept, or its officers accept that it was not."""
        body, now = entry.body, self
        if not isinstance(body, entries.Revoked) or body.decision == "not needed":
            return self
        asked, said = Question(entry.line.time, "its custodian was replaced"), f"{body.decision}, {entry.line.time[:10]}"
        for custody in self.sets.values():
            share = custody.shares.get(body.person)
            if share is None:
                continue
            after = replace(share, former=entry.line.time)
            if body.decision == "undecided" or custody is not self.in_use:
                after = replace(after, questions=(*share.questions, asked))
            else:
                after = replace(after, decided=said)
            now = now._put(custody.put(after))
        return now

    def _begun(self, made: KeySet, state: State, positions: Sequence[str]) -> Whereabouts:
        """A set that exists from now on, with these shares: they are with their custodians, in the bags that they were closed in."""
        identifier = made.identifier
        bags = {b.position: b.bag for b in state.all(entries.BagClosed) if b.set_identifier == identifier}
        proven = {e.body.position: e.line.time for e in state.entries if isinstance(e.body, entries.Proven)}
        since = state.entries[-1].line.time
        shares = {
            p: Share(position=p, since=since, told=f"made in ceremony {made.ceremony}", bag=bags.get(p, ""), proven=proven.get(p, ""))
            for p in positions
        }
        return self._put(Custody(made.record.plan, identifier, shares))

    def _put(self, custody: Custody) -> Whereabouts:
        return replace(self, sets={**self.sets, custody.set_identifier: custody})

    def recorded(self, found: CustodyRecord) -> Whereabouts:
        """With one custody record, which was checked."""
        now = replace(self, taken=self.taken | {found.identifier})
        if found.event == "safe":
            return replace(now, safes={**now.safes, found.site or "": found.people})
        custody = now.sets[found.set_identifier or ""]
        for position in found.positions:
            custody = custody.put(_moved(custody.shares[position], found))
        return now._put(custody)


def _after(share: Share, body: Any, time: str, number: int, state: State) -> Share:
    """One share after one entry of a ceremony."""
    if isinstance(body, entries.BagOpened):
        asked = () if body.state == INTACT else (Question(time, f"its bag was {body.state} in ceremony {number}"),)
        unasked = share.place == "safe"
        told = f"out for ceremony {number}" + (", without an access record (STO-03)" if unasked else "")
        gone = "no bag came with it" if body.state == "missing" else ""
        return replace(share, place="custodian", since=time, told=told, bag="", unopened=gone, questions=(*share.questions, *asked))
    if isinstance(body, entries.BagClosed):
        few = len(state.actors(entries.Present)) == 1
        return replace(share, bag=body.bag, since=time, told=f"closed in ceremony {number}", alone=few)
    if isinstance(body, entries.Proven | entries.Healthy):
        proven = body.at if isinstance(body, entries.Healthy) else time
        left = tuple(question for question in share.questions if not question.proof)
        return replace(share, proven=proven, unopened="", questions=left)
    if isinstance(body, entries.Unhealthy):
        return _shut(share, body.at, body.why, "its check at its own site failed")
    if isinstance(body, entries.SetAside):
        return _shut(share, time, body.reason, f"it could not be opened in ceremony {number}")
    return share


def _shut(share: Share, since: str, why: str, what: str) -> Share:
    """Its custodian could not open it: that is asked about, once, until it is proven or decided (STO-07, STO-10)."""
    asked = () if any(question.proof for question in share.questions) else (Question(since, f"{what}: {why}", proof=True),)
    return replace(share, unopened=why, questions=(*share.questions, *asked))


def _moved(share: Share, found: CustodyRecord) -> Share:
    """One share after one event."""
    time, why = found.time, found.reason
    if found.event == "decision":
        left = tuple(q for q in share.questions if q.since > time)
        return replace(share, questions=left, decided=f"{found.decision}, {time[:10]}: {why}")
    at = replace(share, since=time, due="", receiver="")
    if found.event == "out":
        return replace(at, place="custodian", told=f"out of the safe of site {found.site}: {why}")
    if found.event == "in":
        return replace(at, place="safe", told=f"site {found.site}", bag=(found.bags or {})[share.position], alone=False)
    if found.event == "hand-over":
        return replace(at, place="moving", told=f"{found.carrier}, to {found.people[1]}", due=found.due or "", receiver=found.people[1])
    if found.event == "arrived":
        asked = () if found.state == INTACT else (Question(time, f"its bag was {found.state} at arrival"),)
        return replace(at, place="custodian", told=f"arrived, with {found.people[0]}", questions=(*at.questions, *asked))
    if found.event == "lost":
        return replace(at, place="lost", told=why, questions=(*at.questions, Question(time, "it is lost")))
    if found.event == "found":
        return replace(at, place="custodian", told=f"found: {why}")
    return replace(at, place="destroyed", told=found.how or "")


@dataclass(frozen=True, slots=True)
class Late:
    """Something that should have been done: whose share, by which control, in words."""

    position: str
    control: str
    what: str


def overdue(custody: Custody, now: str) -> tuple[Late, ...]:
    """Everything that is overdue at this time, by position."""
    return tuple(late for _, share in sorted(custody.shares.items()) for late in _late(share, now))


def _late(share: Share, now: str) -> Sequence[Late]:
    at, here = moment(now), share.position
    found = [Late(here, "STO-07", f"no decision since {q.since[:10]}: {q.what}") for q in share.questions if at > moment(q.since) + DECIDE]
    if share.place == "moving" and share.due and now > share.due:
        found.append(Late(here, "STO-04", f"not arrived, due {share.due[:10]}"))
    if share.place == "custodian" and at > moment(share.since) + RETURN:
        found.append(Late(here, "SEC-02", f"not back in a safe since {share.since[:10]}"))
    if share.place in ("custodian", "safe") and at > (moment(share.proven) if share.proven else at - PROVE) + PROVE:
        found.append(Late(here, "STO-10", f"not proven since {share.proven[:10] or 'it was made'}"))
    return found


def undecided(custody: Custody) -> tuple[tuple[str, Question], ...]:
    """Every question that no decision has answered."""
    return tuple((p, question) for p, share in sorted(custody.shares.items()) for question in share.questions)


def check_record(  # noqa: PLR0913 (what the register says before it, the record, who signed it, and when)
    before: Whereabouts, bags: Bags, found: CustodyRecord, signers: Collection[str], now: str, *, excepted: bool = False
) -> None:
    """Everything that a record must hold to, against what the register says before it: signed as its event demands, new, of a set that
    matters, later than the last thing that is known of each share, and possible from there.

    `excepted`: both officers except this movement (STO-04): it may lack its authorization, its hand-over, or its receiver."""
    check_signers(found, signers, excepted=excepted)
    if found.identifier in before.taken:
        _not_so("AUT-05", found, "it is in the register already", "a record that was not taken in before")
    if found.time > now:
        _not_so("ASM-04", found, f"happened at {found.time}", f"a time up to now, {now}")
    if found.event in ("safe", "out", "in"):
        check_safe(before, found)
    if found.event == "safe":
        return
    custody = _tracked(before, found)
    for position in found.positions:
        share = custody.shares.get(position)
        if share is None:
            _not_so("AUD-08", found, position, f"positions of the set {custody.set_identifier}")
        if found.time < share.since:
            _not_so(
                "AUD-08", found, f"{position} at {found.time}", f"later than {share.since}, when it was {WHERE[share.place]} ({share.told})"
            )
        _check_possible(share, found, excepted=excepted)
        _check_decision(found, former=custody is not before.in_use)
        _check_bag(bags, share, found)
        bags = bags.put((position, custody.set_identifier), found.bags[position]) if found.event == "in" and found.bags else bags


def _tracked(before: Whereabouts, found: CustodyRecord) -> Custody:
    """SEC-05: the set in use, or the newest one of a former key; of a retired set, which opens nothing, a share can only be destroyed."""
    identifier = found.set_identifier or ""
    if identifier not in before.sets or (identifier in before.retired and found.event != "destroyed"):
        former = [each for each in before.sets if each not in (*before.retired, before.newest)]
        _not_so(
            "SEC-05",
            found,
            f"shares of the set {identifier}" + (", which is retired" if identifier in before.retired else ""),
            f"shares of the set in use, {before.in_use.set_identifier}" + "".join(f", or of a former key's, {each}" for each in former),
        )
    return before.sets[identifier]


_FROM: Mapping[str, tuple[Place, ...]] = {
    "out": ("safe",),
    "in": ("custodian",),
    "hand-over": ("custodian",),
    "arrived": ("moving",),
    "lost": ("custodian", "safe", "moving"),
    "found": ("lost",),
    "destroyed": ("custodian", "safe", "moving", "lost"),
}
"""Event -> where a share can be before it."""


MOVES, MOVABLE = ("hand-over", "arrived"), ("custodian", "safe", "moving")
"""Movements, and where a share can be before one that both officers except: handed over or arrived without the record before it."""


def _check_possible(share: Share, found: CustodyRecord, *, excepted: bool) -> None:
    if found.event == "decision":
        if not share.questions:
            _not_so(
                "STO-07",
                found,
                f"nothing is asked about {share.position}",
                "a share that is lost, doubtful, not opened, or somebody else's",
            )
        return
    moved = found.event in MOVES and share.place in MOVABLE
    if moved and excepted:
        return
    if share.place not in _FROM[found.event]:
        where = f"{share.position} is {WHERE[share.place]} since {share.since[:10]} ({share.told})"
        from_there = f"a share that is {' or '.join(WHERE[place] for place in _FROM[found.event])}"
        _not_so("STO-04" if moved else "AUD-08", found, where, from_there)
    if found.event == "arrived" and found.people[0] != share.receiver:
        _not_so("STO-04", found, f"received by {found.people[0]}", f"by {share.receiver}, to whom it was sent")


def _check_decision(found: CustodyRecord, *, former: bool) -> None:
    """STO-07: a former key is swept; shares made anew, or one key more, do nothing for what lies there."""
    if found.event == "decision" and found.decision != "accept" and former != (found.decision == "sweep"):
        possible = "sweep or accept: its key is a former one" if former else "reshare, rekey or accept"
        _not_so("STO-07", found, f"{found.decision}, for a share of set {found.set_identifier}", possible)


def _check_bag(bags: Bags, share: Share, found: CustodyRecord) -> None:
    """STO-01: the bag is the one that was closed last; a share may go into the safe in a new one."""
    bag = (found.bags or {}).get(share.position)
    last = bags.closed.get((share.position, found.set_identifier or ""))
    known = bag in (None, last) or (found.event == "arrived" and found.state in ("replaced", "missing"))
    if not known and (found.event != "in" or bag in bags.used):
        new = ", or the number of a new bag" if found.event == "in" else ""
        _not_so("STO-01", found, f"{share.position} in bag {bag}", f"bag {last}, which was closed last{new}")


@control("STO-09")
def check_safe(before: Whereabouts, found: CustodyRecord) -> None:
    """STO-09: a safe has two people, and is opened by both of them together, never by one. STO-06: it holds its own site's shares."""
    letters = sorted({letter for custody in before.sets.values() for letter in custody.of.letters})
    if found.site not in letters:
        _not_so("STO-09", found, f"a safe at site {found.site}", f"at a site of the plan: {', '.join(letters)}")
    if found.event == "in" and (strays := [p for p in found.positions if p[0] != found.site]):
        _not_so(
            "STO-06", found, f"{' '.join(strays)} in the safe of site {found.site}", "each site's shares in its own safe, and no others"
        )
    two = before.safes.get(found.site or "")
    if found.event != "safe" and (two is None or set(two) != set(found.people)):
        _not_so(
            "STO-09",
            found,
            f"opened by {' and '.join(found.people)}",
            f"by {' and '.join(two)}" if two else "a safe of which a `ceremony custody safe` record says whose two it is",
        )


def _not_so(identifier: str, found: CustodyRecord, what: str, expected: str) -> NoReturn:
    refuse(
        identifier,
        f"custody record {found.identifier} ({found.event})",
        found=what,
        expected=expected,
        do="Compare with `ceremony custody status`. What happened before is recorded and taken in first; else draft it again."
        + (f" {BY_FORM}" if identifier == "STO-04" else ""),
    )
