"""A charter that loosens waits for the cool-off in force: it is proposed in one ceremony and counts by a second one (STO-07).

What is in force is always one charter that people signed, never a mixture: so a charter that loosens does not tighten at the same time.
Until it counts the one before it does, which is the stricter of both in every field."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ceremony.base.control import refuse
from ceremony.base.data import dump
from ceremony.record import entries
from ceremony.record.chain import cool_off_ends
from ceremony.record.charter import Charter
from ceremony.record.in_force import difference
from ceremony.record.register import Ceremony
from transfer.in_force import History, in_force
from transfer.limits import moment


def hours_in_force(history: History | None, now: str) -> int:
    """The cool-off in force at this UTC time, in hours; none before the first policy."""
    return 0 if history is None else in_force(history, now).cool_off_hours


def waits(before: Charter, after: Charter, history: History | None, now: str) -> bool:
    """STO-07: whether a later charter waits for the cool-off in force, since it loosens. Refused if it tightens as well."""
    found = difference(before, after)
    if not found.looser or not hours_in_force(history, now):
        return False
    if found.stricter:
        refuse(
            "STO-07",
            "a charter that loosens one thing and tightens another",
            found=f"looser in {', '.join(found.looser)}; stricter in {', '.join(found.stricter)}",
            expected="two charters: the first one tightens and counts at once, the second one loosens and waits for its cool-off",
            do="Make the stricter charter with `ceremony charter amend`, take it in, then make the other one.",
        )
    return True


def proposal_of(proposals: Iterable[Ceremony], after: Charter) -> Ceremony | None:
    """The first ceremony that ended as a proposal of this very charter."""
    return next((ceremony for ceremony in proposals if ceremony.raw("charter") == dump(after)), None)


def hours_of(proposal: Ceremony) -> int:
    """The cool-off that was in force at a proposal, in hours, as its entry says."""
    entry = proposal.state.newest(entries.Proposed)
    return (moment(entry.body.not_before) - moment(entry.line.time)) // timedelta(hours=1)


def counts_from(proposal: Ceremony, after: Charter, history: History | None, now: str) -> str:
    """The UTC time from which a proposed charter can count: the cool-off after the later of the proposal's signed end and the charter's
    own date; by the longer of the cool-offs in force then and now."""
    return cool_off_ends(max(proposal.ended, after.issued), max(hours_of(proposal), hours_in_force(history, now)))


def check_waited(proposal: Ceremony | None, after: Charter, history: History | None, now: str) -> None:
    """STO-07: the cool-off of a charter that loosens is over."""
    ready = counts_from(proposal, after, history, now) if proposal is not None else "a time after its proposal"
    if proposal is None or now < ready:
        refuse(
            "STO-07",
            "the cool-off of this charter is not over",
            found=f"now {now}" if proposal is not None else "no ceremony that proposed it",
            expected=f"{ready} or later",
            do="End this ceremony with `ceremony void`, so that others can be held. From that time on begin `ceremony amend` with the same "
            "charter. Until then the charter before it is in force.",
        )
