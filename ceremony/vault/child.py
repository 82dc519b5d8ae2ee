"""The frame of both child processes: start protected, answer messages of a closed list, end.

Whatever happens, no traceback is printed and no error text of an unexpected exception is sent: it might quote a secret."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.keeper import apart
from ceremony.vault import known_answers
from ceremony.vault.prompt import Prompt
from ceremony.vault.protection import protect
from ceremony.vault.protocol import (
    Channel,
    Failed,
    Finish,
    Finished,
    Hello,
    Interrupted,
    Protected,
    Ready,
    WrongSecret,
    plain,
    trouble,
)

Handlers = Mapping[type, Callable[[Any], Any]]


class Ending(Exception):
    """A refusal after which this process must not go on: it is told, and the process ends (REC-06)."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.identifier)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Child:
    """This process, seen from inside: its socket to the screen process, its socket to its sibling, its protections."""

    control: Channel
    link: Channel
    protection: tuple[Protected, ...]
    source: int
    target: int
    """Descriptors of the terminal. Standard input and output are none: what a library prints reaches nobody."""

    def prompt(self) -> Prompt:
        """The terminal, to ask a person for a secret; Malformed if it is none."""
        return Prompt(self.source, self.target)

    def ready(self) -> Ready:
        """The answer to `hello`: runs the known-answer tests (SET-09)."""
        return Ready(protection=self.protection, known_answers=known_answers.run())


def start(argv: Sequence[str]) -> Child:
    """Protect this process and take its two sockets. `argv`: control and link descriptor, parent's process number, seconds."""
    control, link, parent, seconds = (int(text) for text in argv)
    kept = apart(parent, seconds)
    # A library that fails while it cleans up prints a traceback of its own accord, in the middle of the screen.
    sys.excepthook = sys.unraisablehook = _silent
    source, target = _taken_aside()
    return Child(Channel(socket.socket(fileno=control)), Channel(socket.socket(fileno=link)), protect(kept), source, target)


def _taken_aside() -> tuple[int, int]:
    """The terminal under other numbers; under those of standard input, output and error lies nothing."""
    source, target = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return source, target


def _silent(*_: object) -> None:
    """Nothing is printed: a traceback might quote a secret."""


def loop(child: Child, closed: Sequence[type], handlers: Handlers) -> None:
    """Answer each message of the closed list by its handler until `finish`, the end of the socket, or a fault.

    `hello` and `finish` are answered here; a handler for Finish (say, to log out) runs before the answer."""
    handlers = {Hello: lambda _: child.ready(), Finish: lambda _: Finished(), **handlers}
    while True:
        try:
            message = child.control.receive(closed)
        except Malformed as error:
            child.control.send(trouble(error))
            return
        if message is None:
            return
        reply, goes_on = _answered(handlers[type(message)], message)
        child.control.send(reply)
        if not goes_on or isinstance(message, Finish):
            return


def _answered(handler: Callable[[Any], Any], message: Any) -> tuple[Any, bool]:
    """The reply, and whether the process may go on."""
    try:
        return handler(message), True
    except (Refused, Malformed, WrongSecret, Interrupted) as error:
        return trouble(error), True
    except Ending as error:
        return trouble(error.refusal), False
    except Exception as error:  # the last line of defence: say what kind and where, never the text
        return Failed(what=_place(error)), False


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return plain(f"{type(error).__name__} in {last.name}, {os.path.basename(last.filename)} line {last.lineno}")
