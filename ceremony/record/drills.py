"""Drills: the 92-day clock, who has taken part, whose share was proven alone, who must come next (DRL-01 to DRL-03). A fold.

The clock begins anew with each drill that was held, and with a new key. Practice and production have the same clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

from ceremony.base.control import control, refuse
from ceremony.base.mark import permits
from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.ledger import CARRIED_OUT, DRILL_HELD, granted
from ceremony.record.register import Ceremony, Register
from ceremony.record.sets import KEY_MADE
from ceremony.record.state import State
from transfer.limits import moment, written

DUE, OVERDUE, LONGER = 75, 92, 30
"""DRL-01: days after which a drill is due and overdue, and how much longer one exception of both officers lasts."""
WINDOW = 4
"""DRL-02: within so many drills everyone takes part, every share is proven, a site and a custodian at each site were missing."""
ATTACKS = MappingProxyType(
    {
        "AIR-05": "another HSM than the charter's",
        "AIR-06": "a key that lies in the HSM already",
        "ASM-01": "another person's signing key",
        "AUD-10": "an old copy of the register",
        "AUT-02": "an authorization that one officer signed",
        "AUT-04": "an expired, altered or revoked authorization",
        "AUT-05": "an authorization that was used before",
        "AUT-06": "a payee who is not listed",
        "AUT-07": "an amount above the limits",
        "GEN-10": "somebody else's medium",
        "REC-02": "the share of another position",
        "REC-03": "a damaged share",
        "REC-05": "a forged share",
        "REC-12": "an old card",
        "REC-13": "the share of another set",
        "TXN-06": "another address than the payee's slip has",
        "TXN-09": "a snapshot that lies about amounts",
    }
)
"""DRL-03: attacks that a drill can inject, by the control that must catch them."""


@dataclass(frozen=True, slots=True)
class Held:
    """A drill that counts: when it ended, who took part in its practice transfers, whose shares were proven in it."""

    ceremony: int
    time: str
    took_part: frozenset[str]
    proven: frozenset[str]


@dataclass(frozen=True, slots=True)
class Coming:
    """DRL-02: who must come to the next drill, and who before the window of four ends; the same for proofs of shares."""

    drills: int
    """Drills held since the key was made."""
    practise: tuple[str, ...]
    prove: tuple[str, ...]
    must: bool
    """Whether the next drill is the last one that can still do it for them."""
    without_site: bool
    """A drill without one whole site is still to come."""
    without_one: bool
    """A drill without one custodian at each site is still to come."""


def began(ceremonies: Iterable[Ceremony]) -> str:
    """When the clock began: the end of the newest drill that was held, or of the newest key generation; empty without a key."""
    times = [c.time for c in ceremonies if c.state.closed is not None and c.state.closed.outcome in (KEY_MADE, DRILL_HELD)]
    return times[-1] if times else ""


def days(since: str, now: str) -> int:
    """Whole days from one time to another."""
    return (moment(now) - moment(since)).days


def day(since: str, after: int) -> str:
    """The date (UTC) so many days later: 2026-11-20."""
    return written(moment(since) + timedelta(days=after))[:10]


def check_due(book: Register, now: str, *, excepted: bool) -> None:
    """DRL-01 for an ordinary transfer that would be granted now; `excepted`: both officers signed the one exception."""
    check_clock(began(book.ceremonies), now, excepted=excepted)


@control("DRL-01")
def check_clock(since: str, now: str, *, excepted: bool) -> None:
    """DRL-01: an overdue drill blocks an ordinary transfer; one exception of both officers gives 30 days more, and no other follows."""
    last = OVERDUE + (LONGER if excepted else 0)
    if since and days(since, now) > last:
        refuse(
            "DRL-01",
            "a drill is overdue",
            found=f"the last one (or the key) is of {since[:10]}, {days(since, now)} days ago",
            expected=f"a drill held within {OVERDUE} days, so by {day(since, OVERDUE)}"
            + (f"; with the exception by {day(since, last)}" if excepted else ""),
            do="Hold a drill (`ceremony drill`). "
            + (
                "The exception has ended."
                if excepted
                else f"Or both officers sign one exception (`ceremony exception`), for {LONGER} days."
            ),
        )


def held(ceremonies: Sequence[Ceremony]) -> tuple[Held, ...]:
    """The drills that count since the newest key, in their order."""
    found: list[Held] = []
    for ceremony in ceremonies:
        outcome = ceremony.state.closed.outcome if ceremony.state.closed else None
        if outcome == KEY_MADE:
            found = []
        elif outcome == DRILL_HELD:
            found.append(Held(ceremony.number, ceremony.time, took_part(ceremony.state), proven(ceremony.state)))
        elif ceremony.amends:
            new = granted(ceremony.state)
            found = [replace(drill, took_part=drill.took_part - new, proven=drill.proven - new) for drill in found]
    return tuple(found)


def check_practised(before: Sequence[frozenset[str]], now: Iterable[str], custodians: Iterable[str]) -> None:
    """DRL-02: the fourth of four drills has taken in a practice transfer of everybody who was in none of the three before it.

    It is refused before anything is opened, and nobody is needed for good: one more practice transfer with who is missing mends it, or
    an amendment that puts somebody else in their place."""
    if len(before) < WINDOW - 1:
        return
    done = {p for drill in before[-(WINDOW - 1) :] for p in drill} | set(now)
    if missing := [p for p in custodians if p not in done]:
        refuse(
            "DRL-02",
            f"{' '.join(missing)} took part in no practice transfer of {WINDOW} drills",
            found=f"the three drills before, and this one, without {' '.join(missing)}",
            expected="everybody once in four drills",
            do="Hold one more practice transfer with them, in the same practice register, and give its new head. Who cannot come for "
            "longer is replaced by an amendment.",
        )


def took_part(state: State) -> frozenset[str]:
    """Positions that took part in the practice transfers of one drill."""
    return frozenset(p for body in state.all(entries.Rehearsed) for p in body.took_part)


def proven(state: State, since: str = "") -> frozenset[str]:
    """Positions whose shares one drill or check proved alone; or, after `since`, their custodians at their own sites, as a health record
    says that this check took in."""
    brought = frozenset(body.position for body in state.all(entries.Healthy) if body.at > since)
    here = state.last(entries.Alone) is not None
    return brought | (frozenset(body.position for body in state.all(entries.Proven)) if here else frozenset())


def who_must_come(book: Register) -> Coming:
    """DRL-02: what the next drill owes to the window of four that it closes; checks of shares between drills count as proofs, too."""
    charter, drills = book.charter, held(book.ceremonies)
    recent = drills[-(WINDOW - 1) :]
    first = drills[-WINDOW].ceremony if len(drills) >= WINDOW else book.key_began
    lately = [c.state for c in book.ceremonies if c.number > max(first, book.in_use.ceremony)]  # of shares that are in use
    practised = {p for drill in recent for p in drill.took_part}
    since = book.ceremonies[first - 1].time
    shown = {p for state in lately for p in proven(state, since)}
    plan = charter.plan
    sites = [{p[0] for p in drill.took_part} for drill in recent]
    return Coming(
        drills=len(drills),
        practise=tuple(p for p in charter.custodians if p not in practised),
        prove=tuple(p for p in charter.custodians if p not in shown),
        must=len(drills) >= WINDOW - 1,
        without_site=not any(there and len(there) < len(plan.letters) for there in sites),
        without_one=not any(_one_missing(charter, drill.took_part) for drill in recent),
    )


def _one_missing(charter: Charter, there: frozenset[str]) -> bool:
    """Whether each site that took part did so without one of its custodians."""
    letters = {p[0] for p in there}
    return bool(letters) and all(any(p[0] == letter and p not in there for p in charter.custodians) for letter in letters)


@control("DRL-02")
def evidence(practice: Register, head: str, ours: Charter, genesis: str, since: str, now: str) -> entries.Rehearsed:  # noqa: PLR0913, PLR0917
    """DRL-02: the practice transfers of a verified practice register that count for a drill: carried out after `since` and before
    `now`, by people who all are of our charter, by name and key. A rehearsed cast has other keys: a demonstration counts for nothing."""
    if not permits(practice.charter.mark, "practice chain"):
        _no_evidence("a register of another mark", "a practice register")
    if practice.genesis == genesis:
        _no_evidence("this very register", "a practice register beside it")
    counted: dict[int, tuple[str, ...]] = {}
    found = "no transfer was carried out in it" + (f" since {since}" if since else "")
    for ceremony, charter in zip(practice.ceremonies, practice.charters, strict=False):
        closed = ceremony.state.closed
        if closed is None or closed.outcome != CARRIED_OUT or ceremony.time <= since:
            continue
        if ceremony.time > now:
            found = f"ceremony {ceremony.number} is dated {ceremony.time}, and it is {now} now"
            continue
        known = {(member.name, member.key): member.person for member in ours.people}
        present = ceremony.state.actors(entries.Present)
        who = {p: known.get((charter.member(p).name, charter.member(p).key)) for p in present}
        strangers = [p for p, person in who.items() if person is None]
        if strangers:
            found = f"in ceremony {ceremony.number}, {', '.join(strangers)} of other names or keys than in this charter"
        else:
            counted[ceremony.number] = tuple(person for person in who.values() if person in ours.custodians)
    if not counted:
        _no_evidence(found, "a transfer that this charter's own people carried out since the last drill")
    return entries.Rehearsed(
        genesis=practice.genesis,
        head=head,
        ceremonies=tuple(counted),
        took_part=tuple(sorted({p for people in counted.values() for p in people})),
        refused=tuple(sorted(_refused(practice.ceremonies, since))),
    )


def _refused(ceremonies: Iterable[Ceremony], since: str) -> set[str]:
    """Controls that refused an attack in the practice register since then, as its transcripts have it."""
    found = (e for c in ceremonies for e in c.state.entries if isinstance(e.body, entries.Refusal) and e.line.time > since)
    return {e.body.identifier for e in found if e.body.identifier in ATTACKS}


def _no_evidence(found: str, expected: str) -> None:
    do = "Hold a practice transfer with these people and their own keys, then give its register, genesis and head."
    refuse("DRL-02", "the practice register shows no practice transfer that counts", found=found, expected=expected, do=do)


@control("DRL-03")
def check_caught(attack: str, refused: Sequence[str]) -> None:
    """DRL-03: a drill passes only if the attack that it injected was caught: its control refused, in the practice register."""
    if attack not in refused:
        refuse(
            "DRL-03",
            f"the attack was not caught: {ATTACKS.get(attack, 'not on the list')}",
            found=f"refusals of {', '.join(refused) or 'no attack'} in the practice register since the last drill",
            expected=f"a refusal of {attack}",
            do="This drill has failed. Find out why, and hold another one.",
        )
