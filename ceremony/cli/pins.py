"""A PIN at the command line, outside of a ceremony: asked for until it is right, or its tries are used up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ceremony.base.data import Malformed
from ceremony.cli.parts import echo
from ceremony.vault.protocol import Interrupted, WrongSecret

T = TypeVar("T")


def opened(ask: Callable[[], T], given_up: str) -> T:
    """What `ask` opens with the PIN that its process asks for; Malformed with `given_up` once no try is left."""
    while True:
        try:
            return ask()
        except Interrupted:
            raise KeyboardInterrupt from None
        except WrongSecret as wrong:
            echo(str(wrong))
            if not wrong.tries_left:
                raise Malformed(given_up) from None
