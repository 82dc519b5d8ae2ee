"""What the report says, taken from the register alone: transfers with their documents, shares, what did not go as planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from ceremony.base.control import Refused, Undecided
from ceremony.base.data import Malformed, load
from ceremony.record import entries, runs
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.ledger import RECEIVED
from ceremony.record.register import Ceremony, Register
from ceremony.record.sets import KEY_MADE, RESHARED
from ceremony.record.state import Recorded
from ceremony.record.sweeping import spent_by
from transfer.authorization import Authorization, Confirmation
from transfer.bitcoin import tx
from transfer.bitcoin.reading import review
from transfer.bitcoin.sighash import Sighash, sighashes
from transfer.receipt import Receipt
from transfer.request import AccountKey, SigningRequest
from transfer.review import Review

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry and the ceremony that it stands in."""

    ceremony: Ceremony
    entry: Recorded

    @property
    def folder(self) -> str:
        """The name of the ceremony's folder."""
        return self.ceremony.folder.name

    @property
    def seq(self) -> int:
        """The entry's number."""
        return self.entry.line.seq


@dataclass(frozen=True, slots=True)
class Key:
    """The set of shares that was in use: its record, and the key generation that made it."""

    ceremony: Ceremony
    record: KeyRecord


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer, as far as it came: what is not there yet is None."""

    ceremony: Ceremony
    authorization: Authorization | None
    confirmation: Confirmation | None
    review: Review | None
    sighashes: tuple[Sighash, ...]
    transaction: tx.Transaction | None
    receipt: Receipt | None
    received: Ceremony | None
    """The ceremony that the receipt stands in."""
    settled: Place | None
    """The entry of another transaction's receipt that says that this one can never be mined (BRD-06)."""

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.ceremony.folder.name


@dataclass(frozen=True, slots=True)
class Share:
    """One position's sealed share: what was begun and proven, newest last, and where it was unlocked."""

    position: str
    begun: tuple[Place, ...]
    proven: tuple[Place, ...]
    unlocked: tuple[Place, ...]


def at(ceremony: Ceremony, kind: type) -> Place | None:
    """The newest entry of one kind."""
    found = [e for e in ceremony.state.entries if isinstance(e.body, kind)]
    return Place(ceremony, found[-1]) if found else None


def places(register: Register, *kinds: type) -> Iterator[Place]:
    """Every entry of these kinds, in order."""
    return (Place(c, e) for c in register.ceremonies for e in c.state.entries if isinstance(e.body, kinds))


def key_before(register: Register, number: int) -> Key | None:
    """The newest set that existed when this ceremony began."""
    made = [c for c in register.ceremonies if c.number < number and c.state.closed and c.state.closed.outcome in (KEY_MADE, RESHARED)]
    return Key(made[-1], made[-1].load(KeyRecord, "key-record")) if made else None


def newest_key(register: Register) -> Key | None:
    """The newest set of all."""
    return key_before(register, len(register.ceremonies) + 1)


def transfers(register: Register) -> tuple[Transfer, ...]:
    """Every transfer, in order."""
    return tuple(_transfer(register, c) for c in register.ceremonies if c.kind == "transfer")


def _transfer(register: Register, ceremony: Ceremony) -> Transfer:
    authorization = _document(ceremony, Authorization, "authorization")
    seen, digests = _read(ceremony, _account(register, ceremony) if authorization else None)
    transaction = _transaction(ceremony)
    received = _received(register, transaction.txid) if transaction else None
    return Transfer(
        ceremony=ceremony,
        authorization=authorization,
        confirmation=_document(ceremony, Confirmation, "confirmation"),
        review=seen,
        sighashes=digests,
        transaction=transaction,
        receipt=received.load(Receipt, "receipt") if received else None,
        received=received,
        settled=next((p for p in places(register, entries.Settled) if _counts(p) and p.entry.body.ceremony == ceremony.number), None),
    )


def _account(register: Register, ceremony: Ceremony) -> AccountKey | None:
    """What a transfer spends from; none if its authorization names keys that the register does not have."""
    try:
        return spent_by(register, ceremony)
    except (Refused, Malformed, Undecided):
        return None


def _counts(place: Place) -> bool:
    closed = place.ceremony.state.closed
    return closed is not None and closed.outcome == RECEIVED


def _document(ceremony: Ceremony, cls: type[T], kind: str) -> T | None:
    file = ceremony.state.file(kind)
    return load(cls, ceremony.raw(kind), f"{ceremony.folder.name}, {kind}") if file else None


def _read(ceremony: Ceremony, account: AccountKey | None) -> tuple[Review | None, tuple[Sighash, ...]]:
    """What the request says; nothing if there is none, or if it is one that our reader refuses (such a transfer never went on)."""
    if account is None or ceremony.state.file("request") is None:
        return None, ()
    request = SigningRequest("bitcoin", ceremony.raw("request"))
    try:
        return review(request, account), sighashes(request, account)
    except (Refused, Malformed):
        return None, ()


def _transaction(ceremony: Ceremony) -> tx.Transaction | None:
    if ceremony.state.last(entries.Checked) is None:
        return None
    return tx.parse(bytes.fromhex(ceremony.raw("transaction").decode("ascii").strip()), ceremony.folder.name)


def _received(register: Register, txid: str) -> Ceremony | None:
    """The newest receipt of a transaction."""
    closed = (c for c in register.ceremonies if c.state.closed is not None and c.state.closed.outcome == RECEIVED)
    return next((c for c in reversed(list(closed)) if any(s.txid == txid for s in c.state.all(entries.Sighting))), None)


def shares(register: Register, key: Key) -> tuple[Share, ...]:
    """Every position's sealed shares of one set."""
    begun = {p: register.sets.sealed(p, key.record.set_identifier).begun for p in key.record.plan.positions}
    kinds = (entries.Sealing, entries.Proven, entries.Healthy, entries.Unlocked)
    found = [p for p in places(register, *kinds) if p.entry.body.number in begun.get(p.entry.body.position, ())]
    return tuple(
        Share(
            position=position,
            begun=tuple(p for p in found if _is(p, entries.Sealing, position)),
            proven=tuple(p for p in found if _is(p, entries.Proven, position) or _is(p, entries.Healthy, position)),
            unlocked=tuple(p for p in found if _is(p, entries.Unlocked, position)),
        )
        for position in key.record.plan.positions
    )


def _is(place: Place, kind: type, position: str) -> bool:
    return bool(place.entry.body.position == position) and isinstance(place.entry.body, kind)


def interruptions(register: Register) -> Iterator[Place]:
    """The beginning of each run that followed an interruption, or that kept something aside."""
    for ceremony in register.ceremonies:
        cut_off = [id(body) for body in runs.interruptions(ceremony.state)]
        yield from (Place(ceremony, e) for e in ceremony.state.entries if id(e.body) in cut_off)
