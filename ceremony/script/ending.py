"""The end of a ceremony is signed: until all have signed it, it is open, and `resume` asks for their signatures alone (AUD-02)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from ceremony.base.amounts import grouped
from ceremony.base.control import refuse
from ceremony.record import end, entries, exceptional, scripts, vouched
from ceremony.record.loss import stand_in
from ceremony.screen import panels
from ceremony.script import remembered
from ceremony.script.exceptional import answer
from ceremony.script.room import Entry, Room, Steps

_DIGEST = re.compile(r"[0-9a-f]{64}")
"""What a receipt gives as its reason: the transaction."""


def signers(room: Room, outcome: str = "") -> tuple[str, ...]:
    """Who signs the end of this ceremony: whom its script names, else everyone who is there; of a void one administrator and witness."""
    due = scripts.current(room.state.opened.kind).ends or room.state.actors(entries.Present)
    return stand_in(scripts.STAFF if outcome == end.VOID else due, room.state.lost)


def gone(room: Room) -> tuple[str, ...]:
    """AUD-11: who has entries that no signature of theirs covers, and does not sign this end."""
    return tuple(sorted({entry.actor for entry in vouched.unvouched(room.state)} - {*scripts.STAFF} - room.state.lost))


def closed(room: Room, outcome: entries.Outcome, reason: str) -> Entry:
    """The closing entry: how the ceremony is to end, and who signs that. STO-07: before it, others can still be named who sign."""
    people = signers(room, outcome)
    for person in people:
        room.check_unsuspended(person, "the end of this ceremony")
    return ("tool", entries.Closed(outcome=outcome, reason=reason, signers=people))


def sign(room: Room) -> Steps:
    """AUD-02: each of them signs how it ended, and what is in force from then on. Who does not, says why, and it stays open."""
    text = end.of(room.here, room.genesis, room.book.charter.digest, _policy(room)).text
    closing = room.state.closing
    assert closing is not None  # noqa: S101 (the loop comes here for nothing else)
    reason = grouped(closing.reason) if _DIGEST.fullmatch(closing.reason) else closing.reason or "none"
    told = (*panels.field("outcome", closing.outcome), *panels.field("reason", reason))
    room.screen.show((*told, *panels.words("end", room.transcript.head)))
    room.screen.say(remembered.told(room.statement()))
    for person in room.state.unended:
        if person not in exceptional.said_no_now(room.state, "end"):
            yield from answer(room, person, "end", "sign the end.", partial(_signs, room, person, text))
    check_signed(room, room.state.unended)


def _policy(room: Room) -> str | None:
    policy = room.book.last_policy
    return policy.digest if policy is not None else None


def _signs(room: Room, person: str, text: str) -> Steps:
    yield room.sign_text(person, "end@cold-ceremony", "end", text)


def check_signed(room: Room, missing: Sequence[str]) -> None:
    """AUD-02: without all signatures of its end a ceremony has not ended."""
    if missing:
        said = {e.actor: e.body.because for e in room.state.entries if isinstance(e.body, entries.Disagreed) and e.body.to == "end"}
        refuse(
            "AUD-02",
            "the end of this ceremony is not signed by all",
            found="; ".join(f"{person}: {said.get(person, 'has not signed')}" for person in missing),
            expected="the signatures of " + ", ".join(room.state.closing.signers if room.state.closing else ()),
            do="Find out what is wrong. `ceremony resume` asks for the missing signatures, and for nothing else.",
        )
