"""What `x` leads to: which controls of the step in hand both officers may except, and which nobody may."""

from __future__ import annotations

from ceremony.base.catalogue import CATALOGUE
from ceremony.screen import panels
from ceremony.script.room import Room, Steps
from ceremony.script.table import Step


def fill(room: Room, step: Step) -> Steps:
    """Say what may be excepted here, and how; nothing is recorded by asking."""
    may = [f"{name} {CATALOGUE[name].rule}" for name in step.controls if CATALOGUE[name].excepted]
    never = [name for name in step.controls if not CATALOGUE[name].excepted]
    told = panels.listed("Both officers may except, in a form that they sign (`ceremony exception`):", may or ["no control of this step"])
    room.screen.pages((*told, *panels.listed("Nobody may except:", [", ".join(never) or "nothing else is held in this step"])))
    room.screen.enter("This step goes on where it stands.")
    yield from ()
