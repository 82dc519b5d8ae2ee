"""Former keys: which of them were swept, by what, and what was left at them. A fold over the register; a snapshot may be old."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.register import Ceremony, Register
from ceremony.record.sets import KeySet
from ceremony.record.sweeping import spent_by
from transfer.bitcoin.reading import review
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.request import SigningRequest
from transfer.sweep import Stays, stays


@dataclass(frozen=True, slots=True)
class Former:
    """A key that is no longer in use, by its newest set."""

    key: KeySet
    charter: Charter
    """The one that its key record names: its sites, and the people who locked its shares."""
    sweep: int = 0
    """The newest transfer that swept it and was carried out; 0 if none was."""
    time: str = ""
    """When that was."""
    settled: bool = False
    """Whether a receipt says that the chain has it, and every sweep before it."""
    stays: Stays | None = None
    """What that one left where it was."""

    @property
    def empty(self) -> bool:
        """Everything that could be moved was moved, as far as the register knows."""
        return self.settled and self.stays is not None and not (self.stays.later or self.stays.held or self.stays.young)


def formers(book: Register) -> tuple[Former, ...]:
    """Every former key of a register, oldest first."""
    return tuple(_former(book, each) for each in book.sets.formers)


def _former(book: Register, key: KeySet) -> Former:
    of_key = {each.record.digest for each in book.sets.all if _same(each, key)}
    swept = [c for c in book.ceremonies if any(body.key_record in of_key for body in c.state.all(entries.Authorized)) and _carried_out(c)]
    charter = book.chain.named(key.record.charter, "a former key's record")
    if not swept:
        return Former(key, charter)
    last = swept[-1]
    claims = {claim.number: claim for claim in book.claims(0)}
    settled = all(claims[each.number].settled for each in swept)
    return Former(key, charter, last.number, last.time, settled, _stays(book, last))


def _same(one: KeySet, other: KeySet) -> bool:
    """Whether two sets are of one key: it is known by its extended public keys."""
    return one.record.accounts == other.record.accounts


def _carried_out(ceremony: Ceremony) -> bool:
    return ceremony.state.closed is not None and ceremony.state.closed.outcome == "carried out"


def _stays(book: Register, sweep: Ceremony) -> Stays:
    account = spent_by(book, sweep)
    seen = review(SigningRequest("bitcoin", sweep.raw("request")), account)
    left = stays(seen, checked(sweep.load(Snapshot, "snapshot"), account), book.reserved(sweep.number))
    mined = {coin for claim in book.claims(0) if claim.confirmations for coin in claim.coins}
    return replace(left, held=tuple(coin for coin in left.held if coin.outpoint not in mined))
