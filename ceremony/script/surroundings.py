"""The room before people come in: one list that the witness walks through with the administrator (AIR-01)."""

from __future__ import annotations

from collections.abc import Mapping

from ceremony.record import entries
from ceremony.record.entries import RoomCheck
from ceremony.record.rules.surroundings import ITEMS, answered, check_room, covered, not_held
from ceremony.screen import panels
from ceremony.screen.terminal import REASON, Back
from ceremony.script.room import Room, Steps

MEANING: Mapping[RoomCheck, str] = {
    "recorders": "no telephone, camera, microphone or recording watch is here",
    "windows": "nobody sees in; no window or mirror shows screen or keyboard",
    "access": "the door is locked; only those who are listed come in",
    "power": "the machine has a supply of its own, nothing unknown on it",
    "emissions": "nothing that transmits is near; shielding is as agreed",
    "sound": "what is said and typed here is not heard outside",
}
"""What each item asks, in one line."""
ALL_HOLDS = "all of this holds, or type the number of what does not"


def checklist(room: Room) -> Steps:
    """AIR-01: each item is answered by the witness and recorded; administrator and witness sign them with the end of the phase."""
    waiting = [item for item in ITEMS if item not in answered(room.state) or answered(room.state)[item].held == "no"]
    if waiting and not (not_held(room.state) and covered(room.state)):
        for item, note in _asked(room, waiting).items():
            yield ("witness", entries.RoomItem(item=item, held="no" if note else "yes", note=note))
    check_room(room.state, room.state.opened.mark)
    for body in not_held(room.state):
        room.screen.say(f"AIR-01, recorded: {body.item} is not held ({body.note}).")


def _asked(room: Room, waiting: list[RoomCheck]) -> dict[RoomCheck, str]:
    """Item -> why it does not hold; nothing if it does. Enter says that all the others hold. The number of a marked one takes that back."""
    notes = dict.fromkeys(waiting, "")
    about = "Administrator and witness walk through the room. Both sign this list at the end of this phase, with the transcript."
    while True:
        marks = [
            f"{n}  {item:<10} {'NOT HELD: ' + notes[item] if notes[item] else MEANING[item]}" for n, item in enumerate(waiting, start=1)
        ]
        room.screen.fresh((*panels.paragraph(about), "", *panels.listed("Of this room it holds that:", marks)))
        numbers = "|".join(str(n) for n in range(1, len(waiting) + 1))
        marked = any(notes.values())
        prompt = f"witness: {'the rest holds, or a number to change it' if marked else ALL_HOLDS}. [Enter] "
        chosen = room.screen.ask(prompt, f"Enter alone, or one number from 1 to {len(waiting)}", f"|{numbers}")
        if not chosen:
            return notes
        item = waiting[int(chosen) - 1]
        if notes[item]:
            notes[item] = ""  # it was a slip, or it was put right
            continue
        try:
            notes[item] = room.screen.ask(f"witness, {item}, what does not hold: ", "a reason, in plain letters", REASON, back=True)
        except Back:
            continue
