"""A secret that is typed: once more if it was wrong, as often as the vault takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ceremony.script.room import Room
from ceremony.vault.protocol import Interrupted, WrongSecret

T = TypeVar("T")


def asked(room: Room, ask: Callable[[], T]) -> T:
    """What the vault asks of a person. Ctrl-C there stops; in one sitting it would end it for all, so it is asked whether that is
    meant."""
    while True:
        try:
            return ask()
        except Interrupted:
            room.screen.stop()


def taken(room: Room, ask: Callable[[], object], told: Callable[[WrongSecret], str] = str) -> bool:
    """Whether the right secret was typed in as many tries as there are; what was wrong is `told` after each."""
    while True:
        try:
            asked(room, ask)
        except WrongSecret as wrong:
            room.screen.fresh(())
            room.screen.say(told(wrong))
            if not wrong.tries_left:
                return False
        else:
            return True
