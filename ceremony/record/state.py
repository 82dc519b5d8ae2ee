"""The fold: what a ceremony's transcript says so far. Loop, resume, verify, report and status all read this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from ceremony.base.lines import KEPT, Line
from ceremony.record import entries as kinds
from ceremony.record.entries import decode_body
from ceremony.record.loss import SignedLoss
from ceremony.record.suspension import SignedSuspension

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
    _by_kind: dict[type, list[Recorded]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Filled at the first question: a verifier asks many times, and a register may have many entries."""

    def _of(self, kind: type) -> Sequence[Recorded]:
        """The entries whose body is of this kind, in order."""
        if not self._by_kind and self.entries:
            found: dict[type, list[Recorded]] = {}
            for entry in self.entries:
                found.setdefault(type(entry.body), []).append(entry)
            self._by_kind.update(found)  # whole: several threads may ask first
        return self._by_kind.get(kind, ())

    def then(self, entry: Recorded) -> State:
        """The state after one more entry."""
        return State((*self.entries, entry))

    @property
    def opened(self) -> kinds.Opened:
        """The first entry's body."""
        return next(self.all(kinds.Opened))

    @property
    def run(self) -> kinds.Opened | kinds.Resumed:
        """The entry that the newest run begins with."""
        return next(e.body for e in reversed(self.entries) if isinstance(e.body, kinds.Opened | kinds.Resumed))

    @property
    def closing(self) -> kinds.Closed | None:
        """How the ceremony is to end; it has ended when all have signed that."""
        return self.last(kinds.Closed)

    @property
    def unended(self) -> tuple[str, ...]:
        """Who has to sign the end and has not (AUD-02)."""
        closing = self.closing
        signed = {e.actor for e in self.since(kinds.Closed).entries if _is_signature(e.body, "end", None)}
        return tuple(person for person in closing.signers if person not in signed) if closing is not None else ()

    @property
    def closed(self) -> kinds.Closed | None:
        """How the ceremony ended; None until all who must have signed that: what is open frees, counts and prints nothing."""
        closing = self.closing
        return closing if closing is not None and not self.unended else None

    @property
    def _runs(self) -> Iterator[kinds.Opened | kinds.Resumed]:
        """The entries that its runs begin with; `opened` is the first of all."""
        return chain(self.all(kinds.Opened), self.all(kinds.Resumed))

    @property
    def losses(self) -> tuple[SignedLoss, ...]:
        """The forms of a loss that this ceremony goes on by."""
        return tuple(body.loss for body in self._runs if body.loss is not None)

    @property
    def suspensions(self) -> tuple[SignedSuspension, ...]:
        """The forms that suspend a key, or lift that, in the order in which they count (STO-07)."""
        return tuple(signed for body in self._runs for signed in body.suspensions or ())

    @property
    def lost(self) -> frozenset[str]:
        """Who is lost for the rest of this ceremony, and stood in for (SET-10)."""
        return frozenset(person for loss in self.losses for person in loss.form.lost)

    def all(self, kind: type[B]) -> Iterator[B]:
        """The bodies of one kind, in order."""
        return (e.body for e in self._of(kind))

    def last(self, kind: type[B]) -> B | None:
        """The newest body of one kind."""
        found = self._of(kind)
        return found[-1].body if found else None

    def newest(self, kind: type) -> Recorded:
        """The newest entry of one kind, where it is known to be there."""
        return self._of(kind)[-1]

    def actors(self, kind: type[B]) -> tuple[str, ...]:
        """Who has an entry of this kind, in order, each once."""
        return tuple(dict.fromkeys(e.actor for e in self._of(kind)))

    def since(self, *kinds: type[Any]) -> State:
        """Only the entries from the newest one of these kinds on (none if there is none)."""
        at = max((i for i, e in enumerate(self.entries) if isinstance(e.body, kinds)), default=len(self.entries))
        return State(self.entries[at:])

    def signers(self, purpose: str, file: str | None = None) -> tuple[str, ...]:
        """Who signed for this purpose (and this file)."""
        found = [e.actor for e in self._of(kinds.Signature) if _is_signature(e.body, purpose, file)]
        return tuple(dict.fromkeys(found))

    def file(self, kind: str) -> kinds.File | None:
        """The newest file of one kind."""
        return next((e.body for e in reversed(self._of(kinds.File)) if e.body.kind == kind), None)

    def done(self, number: int) -> bool:
        """Whether a step of the script is done."""
        return any(s.number == number for s in self.all(kinds.Step))


def _is_signature(body: Any, purpose: str, file: str | None) -> bool:
    return isinstance(body, kinds.Signature) and body.purpose == purpose and (file is None or body.file == file)


def fold(lines: Iterable[Line], where: str) -> State:
    """The state after all these lines."""
    return State(tuple(recorded(line, where) for line in lines))
