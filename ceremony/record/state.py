"""The fold: what a ceremony's transcript says so far. Loop, resume, verify, report and status all read this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from ceremony.base.lines import KEPT, Line
from ceremony.record import entries as kinds
from ceremony.record.entries import decode_body

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One entry: the line as it stands in the file, and its body as a record."""

    line: Line
    body: Any

    @property
    def actor(self) -> str:
        """Who acted: a person of the charter, or `tool`."""
        return self.line.actor


@lru_cache(KEPT)
def recorded(line: Line, where: str) -> Recorded:
    """A line with its body decoded; Malformed for an unknown type or form."""
    return Recorded(line=line, body=decode_body(line.type, line.body, f"{where}, entry {line.seq} ({line.type})"))


@dataclass(frozen=True, slots=True)
class State:
    """The entries of one ceremony in order, and questions to them."""

    entries: tuple[Recorded, ...]

    def then(self, entry: Recorded) -> State:
        """The state after one more entry."""
        return State((*self.entries, entry))

    @property
    def opened(self) -> kinds.Opened:
        """The first entry's body."""
        return next(self.all(kinds.Opened))

    @property
    def closed(self) -> kinds.Closed | None:
        """The last entry's body if the ceremony has ended."""
        return self.last(kinds.Closed)

    def all(self, kind: type[B]) -> Iterator[B]:
        """The bodies of one kind, in order."""
        return (e.body for e in self.entries if isinstance(e.body, kind))

    def last(self, kind: type[B]) -> B | None:
        """The newest body of one kind."""
        return next((e.body for e in reversed(self.entries) if isinstance(e.body, kind)), None)

    def actors(self, kind: type[B]) -> tuple[str, ...]:
        """Who has an entry of this kind, in order, each once."""
        return tuple(dict.fromkeys(e.actor for e in self.entries if isinstance(e.body, kind)))

    def since(self, *kinds: type[Any]) -> State:
        """Only the entries from the newest one of these kinds on (none if there is none)."""
        at = max((i for i, e in enumerate(self.entries) if isinstance(e.body, kinds)), default=len(self.entries))
        return State(self.entries[at:])

    def signers(self, purpose: str, file: str | None = None) -> tuple[str, ...]:
        """Who signed for this purpose (and this file)."""
        found = [e.actor for e in self.entries if _is_signature(e.body, purpose, file)]
        return tuple(dict.fromkeys(found))

    def file(self, kind: str) -> kinds.File | None:
        """The newest file of one kind."""
        return next((f for f in reversed(list(self.all(kinds.File))) if f.kind == kind), None)

    def done(self, number: int) -> bool:
        """Whether a step of the script is done."""
        return any(s.number == number for s in self.all(kinds.Step))


def _is_signature(body: Any, purpose: str, file: str | None) -> bool:
    return isinstance(body, kinds.Signature) and body.purpose == purpose and (file is None or body.file == file)


def fold(lines: Iterable[Line], where: str) -> State:
    """The state after all these lines."""
    return State(tuple(recorded(line, where) for line in lines))
