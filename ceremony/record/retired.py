"""Retired sets: which of their shares may still exist, and whether those could still be the key (SEC-05). A fold, and plain counting.

Mathematics knows no retirement: enough shares of any set of a key give the key. Only what was destroyed before two people is gone. A set
of a resharing that was voided (GEN-14) counts like a retired one, by what was locked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ceremony.record import checkpoint, entries
from ceremony.record.former import formers
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.sets import KeySet, Sealed, Sets
from ceremony.record.state import State


@dataclass(frozen=True, slots=True)
class Retired:
    """One retired set: its key record, the ceremony that retired it and when that ended, and the positions whose share was destroyed."""

    record: KeyRecord
    ceremony: int
    time: str
    destroyed: frozenset[str]
    locked: frozenset[str] | None = None
    """Of a set that was voided: the positions whose share was locked by then; None of one that was in use."""
    former: bool = False
    """Whether it is of a former key that is not empty: the new key is there already, and a sweep alone makes its shares worthless."""

    @property
    def identifier(self) -> str:
        """The set identifier."""
        return self.record.set_identifier

    @property
    def may_exist(self) -> tuple[str, ...]:
        """The positions whose share of this set may still exist. However many copies of it there are, it counts once."""
        locked = self.record.plan.positions if self.locked is None else sorted(self.locked)
        return tuple(p for p in locked if p not in self.destroyed)

    @property
    def told(self) -> str:
        """Which ceremony made it one of these."""
        return f"ceremony {self.ceremony}" + ("" if self.locked is None else ", void")

    @property
    def enough(self) -> bool:
        """Whether the shares that may exist are a quorum of their set: then they are the key."""
        return self.record.plan.enough(self.may_exist)

    @property
    def advice(self) -> str:
        """What it means for the money."""
        if self.enough and self.former:
            return (
                "Old shares that may still exist could be enough to move what lies at this former key, with their passphrases: SWEEP IT "
                "NOW to the key in use (SEC-05)."
            )
        if self.enough:
            return (
                "Old shares that may still exist could be enough to move everything, with their passphrases: ONLY A NEW KEY AND A SWEEP "
                "ARE SAFE (SEC-05), or the destruction of more of them before two people."
            )
        if not self.may_exist:
            return "None of its shares is left, say those who destroyed them."
        return "Old shares that may still exist are too few to be the key."


def retired(book: Register) -> tuple[Retired, ...]:
    """Every retired set of the key in use, and of each former key that is not empty, oldest first; then those that were voided and of
    which anything was locked."""
    sets = book.sets
    waiting = (sets.in_use, *(each.key for each in formers(book) if not each.empty))
    found = [_of(book, each) for each in (*sets.all, *sets.voided) if each.identifier in sets.retired and sets.newest(each) in waiting]
    return tuple(each for each in found if each.locked is None or each.locked)


def _of(book: Register, each: KeySet) -> Retired:
    sets, identifier = book.sets, each.identifier
    number, locked = sets.retired[identifier], None
    if each in sets.voided:
        locked = frozenset(book.whereabouts.of(identifier).shares)
    time, former = book.ceremonies[number - 1].time, sets.newest(each) is not sets.in_use
    return Retired(each.record, number, time, _destroyed(book, identifier), locked, former)


def gone(state: State, set_identifier: str, sets: Sets, *, signed: bool = True) -> frozenset[str]:
    """Positions whose share of a set one ceremony destroyed. `signed`: only those for which custodian and witness signed a checkpoint
    after it, at the adjournment; without, what is recorded so far. `sets`: with this ceremony in it.

    A share that lies on a card or token, too, is gone when that is: who has it is asked for each, and may say that it is still there."""
    found = [e for e in state.entries if isinstance(e.body, entries.Destroyed) and e.body.set_identifier == set_identifier]
    known = {e.body.position for e in found if not signed or {e.actor, "witness"} <= _covering(state, e.line.seq)}
    return frozenset(position for position in known if not _elsewhere(sets.sealed(position, set_identifier)))


def _elsewhere(had: Sealed) -> bool:
    """Whether one of its cards or tokens, or the file that was proven last, was not destroyed, or its custodian had said of one that it
    may exist. (Another file that was never written cannot be told from one that was taken away.)"""
    lies = {number for number, on in had.on.items() if on.medium != "file" or number == had.proven}
    return bool(had.kept or lies - had.removed)


def _covering(state: State, seq: int) -> set[str]:
    """Who signed an adjournment over the entry of this number."""
    return {
        e.actor
        for e in state.entries
        if isinstance(e.body, entries.Signature) and e.body.purpose == "adjournment" and checkpoint.parse(e.body.text or "").seq >= seq
    }


def _destroyed(book: Register, identifier: str) -> frozenset[str]:
    """By the entries of ceremonies, and by custody records, which two people have signed."""
    recorded = book.whereabouts.of(identifier).destroyed
    return recorded.union(*(gone(state, identifier, book.sets) for state in _ended(book)))


def _ended(book: Register) -> Iterator[State]:
    return (c.state for c in book.ceremonies if c.state.closed is not None and c.state.closed.outcome != "void")


def reshare_due(book: Register) -> tuple[str, ...]:
    """Why the set in use must be made anew, in a few words each; none if nothing asks for it. The first one stops every transfer."""
    if not book.has_key:
        return ()
    since = book.in_use.ceremony
    bodies = (b for c in book.ceremonies[since:] if c.amends for b in c.state.all(entries.Revoked))
    decided = [f"{body.person} was replaced" for body in bodies if body.decision == "reshare"]
    changed = ["the charter has other sites, positions or thresholds"] if book.charter.plan != book.key_record.plan else []
    return (*changed, *decided)
