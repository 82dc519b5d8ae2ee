"""Sets: which splits of which keys there are, which one is in use, and which sealing numbers their shares have (REC-12, SEC-05).

A key is a secret and its accounts; a set is the shares of one split of it. A key generation makes a key and its first set;
resharing makes another set of the same key, whose key record follows the one before. The sealing numbers of one position
go on across sets, so that a number says which set it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ceremony.record import entries
from ceremony.record.charter import Medium
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.state import Recorded, State
from ceremony.record.vouched import counted

KEY_MADE, RESHARED = "key record signed", "set reshared"
"""How a ceremony ends that made a set."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """One set that exists: its key record, and the number of the ceremony that made it."""

    record: KeyRecord
    ceremony: int

    @property
    def identifier(self) -> str:
        """The set identifier."""
        return self.record.set_identifier


@dataclass(frozen=True, slots=True)
class Carrier:
    """What a sealed share lies on; of tokens, on which one."""

    medium: Medium
    token: entries.Token | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """One position's sealed shares of one set: SHA-256 of each that was begun, by sealing number; the newest number that was proven."""

    begun: Mapping[int, str] = field(default_factory=dict)
    proven: int = 0
    on: Mapping[int, Carrier] = field(default_factory=dict)
    """Sealing number -> what it was to be written to."""
    removed: frozenset[int] = frozenset()
    """Numbers that were removed from their media, or destroyed, as the record has it."""
    kept: frozenset[int] = frozenset()
    """Numbers that were replaced and not removed, as their custodian said: they may exist."""

    @property
    def acceptable(self) -> tuple[int, ...]:
        """REC-12: the numbers that a card may carry: the last proven one, and any begun after it (a crash may have left either)."""
        return tuple(sorted(number for number in self.begun if number >= max(self.proven, 1)))


Sealings = Mapping[tuple[str, str], Sealed]
"""(position, set identifier) -> its sealed shares."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Every set, oldest first, and every sealing; a fold over the ceremonies."""

    all: tuple[KeySet, ...] = ()
    voided: tuple[KeySet, ...] = ()
    """Of resharings that were voided: never in use (GEN-14), and shares of the very same key, wherever they were written by then."""
    sealings: Sealings = field(default_factory=dict)

    def after(self, number: int, state: State, key_record: Callable[[], KeyRecord]) -> Sets:
        """With one more ceremony, ended or not; `key_record` reads the one that it made."""
        found = replace(self, sealings=sealed_after(self.sealings, counted(state)))
        if state.closed is None:
            return found
        if state.closed.outcome == "void" and any(body.made == "recovered" for body in state.all(entries.Generated)):
            return replace(found, voided=(*self.voided, KeySet(key_record(), number)))
        if state.closed.outcome not in (KEY_MADE, RESHARED):
            return found
        return replace(found, all=(*self.all, KeySet(key_record(), number)))

    @property
    def in_use(self) -> KeySet | None:
        """The newest set; None before the first key."""
        return self.all[-1] if self.all else None

    @property
    def founding(self) -> KeySet | None:
        """The first set of the key in use."""
        return next((each for each in reversed(self.all) if each.record.follows is None), None)

    @property
    def formers(self) -> tuple[KeySet, ...]:
        """The newest set of every key but the one in use, oldest first: only a sweep opens them."""
        followed = [each.record.follows is None for each in self.all[1:]]
        return tuple(each for each, new_key_next in zip(self.all, followed, strict=False) if new_key_next)

    def before(self, number: int) -> Sets:
        """The sets that there were when a ceremony began."""
        return replace(self, all=tuple(each for each in self.all if each.ceremony < number))

    @property
    def former(self) -> KeySet | None:
        """The newest set of the key before the one in use: only a sweep opens it. None if there is no other key."""
        founding = self.founding
        before = [each for each in self.all if founding is not None and each.ceremony < founding.ceremony]
        return before[-1] if before else None

    @property
    def retired(self) -> Mapping[str, int]:
        """SEC-05: set identifier -> the ceremony that retired it: every set that another one of the same key follows, and every one of
        a resharing that was voided."""
        follows = {each.record.follows: each.ceremony for each in self.all}
        found = {each.identifier: follows[each.record.digest] for each in self.all if each.record.digest in follows}
        return {**found, **{each.identifier: each.ceremony for each in self.voided}}

    def newest(self, each: KeySet) -> KeySet:
        """The newest set of the same key. `each`: one of them, or one of a resharing of it that was voided."""
        then = max((at for at, known in enumerate(self.all) if known.ceremony <= each.ceremony), default=0)
        return next(later for later in self.all[then:] if later.identifier not in self.retired)

    def sealed(self, position: str, set_identifier: str) -> Sealed:
        """One position's sealed shares of one set."""
        return self.sealings.get((position, set_identifier), Sealed())

    def set_of(self, position: str, number: int) -> str:
        """The set identifier of one sealed share: a position has each number once. Empty if none has it."""
        return next((name for (place, name), had in self.sealings.items() if place == position and number in had.begun), "")

    def may_exist(self, set_identifier: str) -> Mapping[str, tuple[int, ...]]:
        """Position -> its older sealed shares of one set that were replaced and not removed (SEC-01)."""
        return {
            place: tuple(sorted(had.kept)) for (place, each), had in sorted(self.sealings.items()) if each == set_identifier and had.kept
        }

    def next_number(self, position: str) -> int:
        """The sealing number that this position's next sealed share gets, whatever its set."""
        return max((number for (place, _), had in self.sealings.items() if place == position for number in had.begun), default=0) + 1


def sealed_after(before: Sealings, found: Iterable[Recorded]) -> dict[tuple[str, str], Sealed]:
    """The sealings after these entries."""
    now = dict(before)
    for body in (e.body for e in found):
        if isinstance(body, entries.Sealing):
            had = now.get((body.position, body.set_identifier), Sealed())
            on = {**had.on, body.number: Carrier(body.medium, body.token)}
            now[body.position, body.set_identifier] = replace(had, begun={**had.begun, body.number: body.sha256}, on=on)
        elif isinstance(body, entries.Proven | entries.Healthy):
            for at, had in tuple(now.items()):
                if at[0] == body.position and body.number in had.begun:
                    now[at] = replace(had, proven=max(had.proven, body.number))
        elif isinstance(body, entries.Removed | entries.NotRemoved):
            for at, had in tuple(now.items()):
                if at[0] == body.position and body.number in had.begun:
                    now[at] = _without(had, {body.number}) if isinstance(body, entries.Removed) else _with(had, body.number)
        elif isinstance(body, entries.Destroyed):
            had = now.get((body.position, body.set_identifier), Sealed())
            now[body.position, body.set_identifier] = _without(had, set(body.numbers))
    return now


def _without(had: Sealed, numbers: set[int]) -> Sealed:
    return replace(had, removed=had.removed | numbers, kept=had.kept - numbers)


def _with(had: Sealed, number: int) -> Sealed:
    return replace(had, kept=had.kept | {number} - had.removed)
