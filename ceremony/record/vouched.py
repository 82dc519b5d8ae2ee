"""What people vouch for: an entry in a person's name lies under a later signature of that person (AUD-11).

People sign the head of a transcript: a checkpoint, an approval, the end. An entry of theirs that no such signature covers is the word of
who held the keyboard. Where its person left without signing, that is told by an entry; what then stands in their name counts only against
the desk: it opens questions, never closes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, load
from ceremony.record import checkpoint, entries
from ceremony.record.approval import Approval
from ceremony.record.state import Recorded, State

AGREES = ("run", "opening", "phase", "adjournment", "return")
"""Purposes of signatures over a checkpoint by which somebody agrees with what stands before it."""
CLOSES = (entries.Proven, entries.Removed, entries.Destroyed, entries.TypedBack, entries.SlipRead, entries.Watch)
"""Entries by which a question is closed, or a number of people is reached."""


def agreed(state: State) -> Mapping[str, int]:
    """Person -> the number of the newest entry that a signature of theirs covers."""
    at = {entry.line.digest: entry.line.seq for entry in state.entries}
    found: dict[str, int] = {}
    for entry in state.entries:
        if isinstance(entry.body, entries.Signature):
            found[entry.actor] = max(found.get(entry.actor, 0), _covered(entry.body, entry.line.seq, at))
    return found


def _covered(body: entries.Signature, seq: int, at: Mapping[str, int]) -> int:
    """The entry up to which one signature vouches; 0 for one that vouches for nothing here."""
    try:
        if body.purpose in AGREES:
            return checkpoint.parse(body.text or "").seq
        if body.purpose == "approval":
            return at.get(load(Approval, (body.text or "").encode("ascii"), "approval").head, 0)
    except Malformed:
        return 0  # another rule refuses it
    return seq if body.purpose == "end" else 0


def unvouched(state: State) -> Iterator[Recorded]:
    """Entries in a person's name that no signature of theirs covers. Not: signatures, which verify by themselves; "I do not agree",
    under which its own signature lies; and what a signed health record says of who is elsewhere."""
    known, here = agreed(state), set(state.actors(entries.Present))
    elsewhere = set(state.signers("health")) - here
    for entry in state.entries:
        body = entry.body
        if entry.actor == "tool" or isinstance(body, entries.Signature | entries.Disagreed | entries.Left):
            continue
        if isinstance(body, entries.Healthy | entries.Unhealthy | entries.BagOpened | entries.BagClosed) and entry.actor in elsewhere:
            continue
        if entry.line.seq > known.get(entry.actor, 0):
            yield entry


def counted(state: State) -> tuple[Recorded, ...]:
    """The entries that count: of a ceremony that has ended, without those that would close a question in the name of who left."""
    if state.closed is None:
        return state.entries
    alone = {entry.line.seq for entry in unvouched(state) if isinstance(entry.body, CLOSES)}
    return tuple(entry for entry in state.entries if entry.line.seq not in alone) if alone else state.entries


@control("AUD-11")
def check(state: State, folder: str) -> None:
    """AUD-11: at the end each entry of a person lies under a signature of theirs, or they say after it that they do not agree, or it is
    told that they left. Who is still to sign the end will sign them with it."""
    if state.closing is None:
        return
    left = told(state) | {*state.unended}
    declined = {entry.actor: entry.line.seq for entry in state.entries if isinstance(entry.body, entries.Disagreed)}
    for entry in unvouched(state):
        if entry.actor not in left | state.lost and declined.get(entry.actor, 0) < entry.line.seq:
            refuse(
                "AUD-11",
                f"{folder}, entry {entry.line.seq} ({entry.line.type})",
                found=f"in the name of {entry.actor}, who signed nothing after it",
                expected=f"a later signature of {entry.actor}, or an entry that they left",
                do="Use an undamaged copy of the register.",
            )


def told(state: State) -> frozenset[str]:
    """Who left without signing: the administrator or the witness says so; of the witness the administrator and two custodians."""
    said: dict[str, set[str]] = {}
    for entry in state.entries:
        if isinstance(entry.body, entries.Left):
            said.setdefault(entry.body.person, set()).add(entry.actor)
    return frozenset(person for person, by in said.items() if _enough(person, by))


def _enough(person: str, by: set[str]) -> bool:
    if person == "witness":
        return "administrator" in by and sum(len(each) == 2 for each in by) >= 2
    return bool(by & {"administrator", "witness"} - {person})
