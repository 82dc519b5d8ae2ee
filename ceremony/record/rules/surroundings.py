"""AIR-01: the room's checklist. The step and the verifier read this rule."""

from __future__ import annotations

from typing import get_args

from ceremony.base.control import control, refuse
from ceremony.base.data import Mark
from ceremony.base.mark import permits
from ceremony.record import entries
from ceremony.record.entries import RoomCheck
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs
from ceremony.record.state import State

ITEMS: tuple[RoomCheck, ...] = get_args(RoomCheck)
CONTROL = "AIR-01"


def answered(state: State) -> dict[RoomCheck, entries.RoomItem]:
    """The newest answer to each item."""
    return {body.item: body for body in state.all(entries.RoomItem)}


def not_held(state: State) -> tuple[entries.RoomItem, ...]:
    """Items whose newest answer is no."""
    return tuple(body for body in answered(state).values() if body.held == "no")


def covered(state: State) -> bool:
    """Whether both officers excepted the room as it is: a form that was signed before an item was not held says nothing of it."""
    signed = False
    for entry in state.entries:
        if isinstance(entry.body, entries.RoomItem) and entry.body.held == "no":
            signed = False
        elif isinstance(entry.body, entries.Excepted) and entry.body.control == CONTROL:
            signed = True
    return signed


@control("AIR-01")
def check_room(state: State, mark: Mark) -> None:
    """AIR-01: every item of the room's checklist holds, or both officers excepted it; practice records what production would refuse."""
    open_items = not_held(state)
    if open_items and not covered(state) and not permits(mark, "machine checks"):
        refuse(
            "AIR-01",
            "the room",
            found="; ".join(f"{body.item}: {body.note}" for body in open_items),
            expected="every item of the checklist held",
            do="Put it right, then `ceremony resume`. If that cannot be, both officers may sign an exception: type x in this step.",
        )


def check(ceremony: Ceremony, mark: Mark) -> None:
    """A ceremony that ended with a result: every item was answered by the witness, and the room was as it must be."""
    missing = [item for item in ITEMS if item not in answered(ceremony.state)]
    if missing:
        differs("AIR-01", ceremony, "the room's checklist", f"nothing about {', '.join(missing)}", "every item, answered")
    others = set(ceremony.state.actors(entries.RoomItem)) - {"witness"}
    if others:
        differs("AIR-01", ceremony, "the room's checklist", f"answered by {', '.join(sorted(others))}", "the witness")
    check_room(ceremony.state, mark)
