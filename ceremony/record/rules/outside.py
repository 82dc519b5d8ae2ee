"""What people bring from outside: two watches (ASM-04) and two closing slips (ASM-05). The step and the verifier read these rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ceremony.base.control import control, refuse
from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.health import APART, MINUTE, together
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import STAFF, differs
from ceremony.record.state import State
from ceremony.record.vouched import counted
from transfer.limits import moment

WORDS = 16
"""Of a head, as people read them."""
PLACES = 4
"""Words that one reader of a slip is asked for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one person's watch showed when the machine's clock showed something; both UTC, in our form."""

    person: str
    typed: str
    machine: str

    @property
    def behind(self) -> timedelta:
        """How far the watch is behind the machine; negative if it is ahead."""
        return moment(self.machine) - moment(self.typed)


def watches(state: State) -> tuple[Seen, ...]:
    """Each person's newest reading since the clock was last refused."""
    seen: dict[str, Seen] = {}
    for entry in state.entries:
        if isinstance(entry.body, entries.Refusal):
            seen = {}
        elif isinstance(entry.body, entries.Watch):
            seen[entry.actor] = Seen(entry.actor, entry.body.typed, entry.line.time)
    return tuple(seen.values())


@control("ASM-04")
def check_watches(seen: Sequence[Seen], charter: Charter) -> None:
    """ASM-04: witness and a custodian each typed the time; no more than two minutes from the machine, nor from each other."""
    people = {each.person for each in seen}
    if "witness" not in people or not people & set(charter.custodians):
        _apart(", ".join(sorted(people)) or "nobody", "the time from the watches of the witness and of one custodian")
    for each in seen:
        if not together(each.typed, each.machine):
            _apart(f"{each.typed} on the watch of {each.person}, {each.machine} on the machine", "at most two minutes between them")
    first, last = min(seen, key=lambda s: s.behind), max(seen, key=lambda s: s.behind)
    if last.behind - first.behind >= APART + MINUTE:
        apart = f"{first.person} reads {first.typed} at {first.machine}, {last.person} reads {last.typed} at {last.machine}"
        _apart(apart, "watches that are at most two minutes apart")


def _apart(found: str, expected: str) -> None:
    do = (
        "Set the machine's clock, or the watches, by one that both people trust; then `ceremony resume`. Entries never go back in "
        "time: if the machine was ahead, it has to wait until it is as late as the last entry."
    )
    refuse("ASM-04", "people's watches and the machine's clock", found=found, expected=expected, do=do)


def readers(state: State, number: int) -> dict[str, tuple[int, ...]]:
    """Who read the slip of this ceremony, and the places of the words that they gave."""
    found = ((e.actor, e.body) for e in counted(state) if isinstance(e.body, entries.SlipRead))
    return {actor: body.places for actor, body in found if body.ceremony == number}


@control("ASM-05")
def check_readers(state: State, last: int, charter: Charter) -> None:
    """ASM-05: two people, one of them a custodian, read number and head of the last ceremony from their own slips, at different places."""
    read = {person: set(places) for person, places in readers(state, last).items() if len(set(places)) == PLACES}
    pairs = ((one, other) for one in set(read) & set(charter.custodians) for other in read if other != one)
    if any(not read[one] & read[other] for one, other in pairs):
        return
    refuse(
        "ASM-05",
        f"the closing slips of ceremony {last}",
        found="read by " + (", ".join(sorted(read)) or "nobody"),
        expected=f"two people, one of them a custodian, each {PLACES} words of the head from their own slip",
        do="Let people who have the newest slip come, or fetch theirs; then `ceremony resume`. Slips printed today prove nothing.",
    )


SOON = timedelta(seconds=60)
"""Within which an entry follows the moment that it tells."""


def check_clock(ceremony: Ceremony) -> None:
    """ASM-04: the time that was shown is the machine's when the entry was written."""
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Clock):
            late = moment(entry.line.time) - moment(entry.body.machine)
            if not timedelta() <= late <= SOON:
                differs(
                    "ASM-04",
                    ceremony,
                    f"the clock in entry {entry.line.seq}",
                    entry.body.machine,
                    f"{entry.line.time}, when it was written",
                )


def check(ceremony: Ceremony, charter: Charter) -> None:
    """A ceremony that ended with a result: the clock was agreed, slips of the ceremony before it were read, by people who were there."""
    state = ceremony.state
    clock = next((at for at, e in enumerate(state.entries) if isinstance(e.body, entries.Clock)), None)
    if clock is None:
        differs("ASM-04", ceremony, "the clock", "no watch compared with it", "two watches, before the roll-call")
    check_watches(watches(State(state.entries[:clock])), charter)
    if ceremony.number > 1:
        check_readers(state, ceremony.number - 1, charter)
    there = set(state.actors(entries.Present))
    strangers = sorted({*state.actors(entries.Watch), *readers(state, ceremony.number - 1)} - there)
    if strangers:
        identifier = "ASM-03" if set(strangers) & set(STAFF) else "ASM-01"
        differs(identifier, ceremony, "who read watch or slip", ", ".join(strangers), "people who signed the roll-call")
