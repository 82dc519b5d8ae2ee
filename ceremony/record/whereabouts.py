"""Where every share of the set in use is, since when, and what is asked about it: a fold over ceremonies and custody records.

It holds no clock: what is overdue is asked for a time. A record is taken in before whatever it leads to, so that this is a chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Literal, NoReturn

from ceremony.base.control import control, refuse
from ceremony.record import entries
from ceremony.record.bags import INTACT, Bags
from ceremony.record.custody import BY_FORM, CustodyRecord, check_signers
from ceremony.record.keyrecord import KeyRecord
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
    """What both officers must decide on: reshare, a new key, or accept."""

    since: str
    what: str
    proof: bool = False
    """STO-10: whether a later proof of the share answers it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One position's share of the set in use. Times in our form; empty where there is none."""

    position: str
    place: Place = "custodian"
    since: str
    told: str
    """Of the place: which safe, which carrier, what for."""
    bag: str = ""
    due: str = ""
    """When a share on its way must have arrived."""
    receiver: str = ""
    proven: str = ""
    unopened: str = ""
    """Why it could not be opened when it was last tried; empty if it could."""
    former: bool = False
    """Its custodian was replaced: who has the position now has no passphrase for it."""
    alone: bool = False
    """Its newest bag was closed by its custodian alone: the second signature is the safe's."""
    questions: tuple[Question, ...] = ()
    decided: str = ""

    @property
    def able(self) -> bool:
        """Whether its custodian can be expected to open it now."""
        return self.place in ("custodian", "safe") and not self.unopened and not self.former


@dataclass(frozen=True, slots=True)
class Custody:
    """Every share of the set in use, and every safe. Before the first key there is no share."""

    plan: Plan | None = None
    set_identifier: str = ""
    shares: Mapping[str, Share] = field(default_factory=dict)
    safes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Site letter -> the two people of its safe (STO-09)."""
    taken: frozenset[str] = frozenset()
    """Identifiers of the records that are in the register."""

    @property
    def of(self) -> Plan:
        """The plan of the set in use, where there is a key."""
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

    def after(self, number: int, state: State, made: KeyRecord | None) -> Custody:
        """With one more ceremony, ended or not. `made`: the key record of the set that it made, if it did."""
        now = self
        for entry in state.entries:
            now = now._with(number, entry, state)
        if state.closed is not None and state.closed.outcome == "amended":
            for entry in state.entries:
                now = now._replaced(entry)
        return now if made is None else now._begun(number, state, made)

    def _with(self, number: int, entry: Recorded, state: State) -> Custody:
        body, time = entry.body, entry.line.time
        if isinstance(body, entries.Custody):
            return self.recorded(body.record)
        if isinstance(body, entries.Ordered) and body.kind != "reseal":
            void = state.closed is not None and state.closed.outcome == "void"
            return self if void else self._ordered(body, time)
        share = self.shares.get(getattr(body, "position", ""))
        if share is None or getattr(body, "set_identifier", self.set_identifier) != self.set_identifier:
            return self
        if isinstance(body, entries.BagOpened):
            asked = () if body.state == INTACT else (Question(time, f"its bag was {body.state} in ceremony {number}"),)
            unasked = share.place == "safe"
            told = f"out for ceremony {number}" + (", without an access record (STO-03)" if unasked else "")
            gone = "no bag came with it" if body.state == "missing" else ""
            return self._put(replace(share, place="custodian", since=time, told=told, unopened=gone, questions=(*share.questions, *asked)))
        if isinstance(body, entries.BagClosed):
            few = len(state.actors(entries.Present)) == 1
            return self._put(replace(share, bag=body.bag, since=time, told=f"closed in ceremony {number}", alone=few))
        if isinstance(body, entries.Proven | entries.Healthy):
            proven = body.at if isinstance(body, entries.Healthy) else time
            left = tuple(question for question in share.questions if not question.proof)
            return self._put(replace(share, proven=proven, unopened="", questions=left))
        if isinstance(body, entries.Unhealthy):
            return self._put(_shut(share, body.at, body.why, "its check at its own site failed"))
        if isinstance(body, entries.SetAside):
            return self._put(_shut(share, time, body.reason, f"it could not be opened in ceremony {number}"))
        return self

    def _ordered(self, body: entries.Ordered, time: str) -> Custody:
        """STO-07: both officers ordered to reshare, or a new key: that is the decision on every question that was open until then;
        as long as it is carried out: in a ceremony that was voided nothing became of it, and the questions stay."""
        now = self
        for share in self.shares.values():
            if share.questions:
                now = now._put(replace(share, questions=(), decided=f"{body.kind}, {time[:10]}: {body.identifier}"))
        return now

    def _replaced(self, entry: Recorded) -> Custody:
        """A custodian who was replaced: the share is locked under a passphrase that only the one before them knows."""
        body, share = entry.body, self.shares.get(getattr(entry.body, "person", ""))
        if not isinstance(body, entries.Revoked) or share is None or body.decision == "not needed":
            return self
        asked = () if body.decision != "undecided" else (Question(entry.line.time, "its custodian was replaced"),)
        decided = share.decided if body.decision == "undecided" else f"{body.decision}, {entry.line.time[:10]}"
        return self._put(replace(share, former=True, questions=(*share.questions, *asked), decided=decided))

    def _begun(self, number: int, state: State, made: KeyRecord) -> Custody:
        """A set that exists from now on: its shares are with their custodians, in the bags that they were closed in."""
        identifier = made.set_identifier
        bags = {b.position: b.bag for b in state.all(entries.BagClosed) if b.set_identifier == identifier}
        proven = {e.body.position: e.line.time for e in state.entries if isinstance(e.body, entries.Proven)}
        since = state.entries[-1].line.time
        shares = {
            p: Share(position=p, since=since, told=f"made in ceremony {number}", bag=bags.get(p, ""), proven=proven.get(p, ""))
            for p in made.plan.positions
        }
        return replace(self, plan=made.plan, set_identifier=identifier, shares=shares)

    def _put(self, share: Share) -> Custody:
        return replace(self, shares={**self.shares, share.position: share})

    def recorded(self, found: CustodyRecord) -> Custody:
        """With one custody record, which was checked."""
        now = replace(self, taken=self.taken | {found.identifier})
        if found.event == "safe":
            return replace(now, safes={**now.safes, found.site or "": found.people})
        if found.set_identifier != self.set_identifier:
            return now
        for position in found.positions:
            now = now._put(_moved(now.shares[position], found))
        return now


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


def check_record(  # noqa: PLR0913, PLR0917 (what the register says before it, the record, who signed it, and when)
    custody: Custody,
    bags: Bags,
    retired: Collection[str],
    found: CustodyRecord,
    signers: Collection[str],
    now: str,
    *,
    excepted: bool = False,
) -> None:
    """Everything that a record must hold to, against what the register says before it: signed as its event demands, new, of the set in
    use, later than the last thing that is known of each share, and possible from there. Of a retired set shares can only be destroyed.

    `excepted`: both officers except this movement (STO-04): it may lack its authorization, its hand-over, or its receiver."""
    check_signers(found, signers, excepted=excepted)
    if found.identifier in custody.taken:
        _not_so("AUT-05", found, "it is in the register already", "a record that was not taken in before")
    if found.time > now:
        _not_so("ASM-04", found, f"happened at {found.time}", f"a time up to now, {now}")
    if found.event in ("safe", "out", "in"):
        check_safe(custody, found)
    if found.event == "safe":
        return
    if found.event == "destroyed" and found.set_identifier in retired:
        return
    if found.set_identifier != custody.set_identifier:
        _not_so("SEC-05", found, f"shares of the set {found.set_identifier}", f"shares of the set in use, {custody.set_identifier}")
    for position in found.positions:
        share = custody.shares.get(position)
        if share is None:
            _not_so("AUD-08", found, position, "positions of the set in use")
        if found.time < share.since:
            _not_so(
                "AUD-08", found, f"{position} at {found.time}", f"later than {share.since}, when it was {WHERE[share.place]} ({share.told})"
            )
        _check_possible(share, found, excepted=excepted)
        _check_bag(bags, share, found)
        bags = bags.put((position, ""), found.bags[position]) if found.event == "in" and found.bags else bags


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


def _check_bag(bags: Bags, share: Share, found: CustodyRecord) -> None:
    """STO-01: the bag is the one that was closed last; a share may go into the safe in a new one."""
    bag = (found.bags or {}).get(share.position)
    last = bags.closed.get((share.position, found.set_identifier or ""))
    known = bag in (None, last) or (found.event == "arrived" and found.state in ("replaced", "missing"))
    if not known and (found.event != "in" or bag in bags.used):
        new = ", or the number of a new bag" if found.event == "in" else ""
        _not_so("STO-01", found, f"{share.position} in bag {bag}", f"bag {last}, which was closed last{new}")


@control("STO-09")
def check_safe(custody: Custody, found: CustodyRecord) -> None:
    """STO-09: a safe has two people, and is opened by both of them together, never by one. STO-06: it holds its own site's shares."""
    letters = custody.plan.letters if custody.plan else ()
    if found.site not in letters:
        _not_so("STO-09", found, f"a safe at site {found.site}", f"at a site of the plan: {', '.join(letters)}")
    if found.event == "in" and (strays := [p for p in found.positions if p[0] != found.site]):
        _not_so(
            "STO-06", found, f"{' '.join(strays)} in the safe of site {found.site}", "each site's shares in its own safe, and no others"
        )
    two = custody.safes.get(found.site or "")
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
