"""Pause: somebody leaves. The screen is locked until administrator and witness have both signed the transcript anew (ASM-03)."""

from __future__ import annotations

from ceremony.record import entries
from ceremony.record.exceptional import granted
from ceremony.record.rules.pause import check_back, returned, under_way
from ceremony.record.state import State
from ceremony.screen import panels
from ceremony.screen.terminal import REASON, Back
from ceremony.script.room import Room, Steps
from ceremony.script.table import SCRIPTS, in_one_sitting

LOCKED = "This ceremony is paused already: administrator and witness sign to go on, or q stops it as it stands. Nothing is lost."
FORM = "First finish what is asked here. b goes back, q stops; nothing is lost."
SITTING = (
    "Not now: a set is made in one sitting, and its shares are open. Finish it first; if that cannot be, q ends it, the new set is void "
    "and all begins again."
)
ALONE = "Not now: administrator and witness are not both here. q stops; nothing is lost, and `ceremony resume` goes on."
OPEN = (
    "Not now: shares are open. Finish first, it takes a few minutes; nobody leaves before their share is locked again. "
    "If that cannot be: q ends the vault, no share stays open, nothing is lost, and `ceremony resume` goes on."
)


def busy(room: Room) -> str:
    """Why nobody pauses and nothing is excepted at this moment, and what to do instead; empty if both may be."""
    if in_one_sitting(room.state):
        return SITTING
    if room.state.opened.kind in ("check", "reseal") and not {"administrator", "witness"} <= set(room.state.actors(entries.Present)):
        return ALONE
    return OPEN if room.vault is not None and _shares_open(room.state) else ""


def _shares_open(state: State) -> bool:
    run = state.since(entries.Vault)
    return run.last(entries.Unlocked) is not None and run.last(entries.VaultEnded) is None


def leave(room: Room) -> Steps:
    """ASM-03: who leaves, and why; from this entry on the session is locked. `b` at the first question: it was not meant."""
    room.screen.show(panels.paragraph("Somebody leaves: this ceremony is paused, and goes on where it stands. b goes back, q stops."))
    here = (*room.charter.custodians, "administrator", "witness")
    person = "|".join(here)
    fields = (
        ("Who leaves", "who leaves, such as: witness, or: A1 B2", f"({person})( ({person}))*"),
        ("Why", "a reason, in plain letters", REASON),
    )
    try:
        who, reason = room.screen.form(*fields, back=True)
    except Back:
        return
    yield ("tool", entries.Paused(who=tuple(dict.fromkeys(who.split())), reason=reason))


def locked(room: Room) -> Steps:
    """ASM-03: the locked page, until administrator and witness are both back and have signed the same checkpoint.

    It is the same page after an interruption: who has signed already is not asked again."""
    room.media.clear()
    pause = under_way(room.state)
    assert pause is not None  # noqa: S101 (the loop comes here for nothing else)
    opened = room.state.opened
    blind = next((step.blind for step in SCRIPTS[opened.kind] if not room.state.done(step.number)), False)
    left = f"{opened.mark.upper()}  {opened.kind}" + ("" if blind else f", ceremony {opened.ceremony}")
    room.screen.screen((left + "LOCKED".rjust(panels.WIDTH - len(left)), "== Paused ".ljust(panels.WIDTH, "=")), busy=lambda: LOCKED)
    room.screen.forget()  # what was to be read before the pause is nobody's meanwhile, also not by scrolling back
    body: entries.Paused = pause.body
    room.screen.show((
        *panels.field("left", ", ".join(body.who)),
        *panels.field("why", body.reason),
        *panels.field("since", f"{pause.line.time} (entry {pause.line.seq})"),
        "",
        *panels.paragraph(
            "To go on, administrator and witness both sign the transcript anew. If one cannot come back, both officers may except that."
        ),
        *panels.paragraph("If somebody is not back yet, type q. `ceremony resume` comes to this page again."),
    ))  # fmt: skip
    signed = returned(room.state)
    text = next(iter(signed.values()), "") or room.statement()
    why, excepted = {}, "ASM-03" in granted(room.state.since(entries.Paused))
    for person in ("administrator", "witness"):
        if person not in signed and not (signed and excepted):
            reason = room.screen.agree(person, "you are back: sign the transcript.")
            if reason:
                why[person] = reason
                break
            yield room.sign_checkpoint(person, "return", text)
    check_back(room.state, "going on after the pause", "; ".join(f"{person}: {reason}" for person, reason in why.items()))
    yield ("tool", entries.Continued(paused=pause.line.seq))
