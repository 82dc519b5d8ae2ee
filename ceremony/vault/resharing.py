"""Resharing inside the opener: the secret of the set in use is recovered once and split anew (SEC-05, REC-06, GEN-08).

Nothing is derived from it, no key goes to the HSM, and the shares that were opened are not locked again: their sealed shares are as
they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.record import order
from ceremony.record.chain import Chain
from ceremony.record.charter import Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.order import ShareOrder
from ceremony.vault.generation import Birth, Generation
from ceremony.vault.opening import Board, Rules
from ceremony.vault.orders import verify_charters, verify_key_record
from ceremony.vault.passphrase import Passphrases
from ceremony.vault.protocol import BeginReshare, Recovered
from ceremony.vault.recovery import combined
from transfer.authorization import check_valid

ORIGIN = "as the set before it: recovered from its shares and split anew; randomness of the split: "


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the opener verified before the first share: the charter in force, the key record that is followed, the order, and whose
    shares may be opened: positions of both plans whose custodian is still the same person."""

    charter: Charter
    record: KeyRecord
    order: ShareOrder
    positions: tuple[str, ...]


def verify_reshare(message: BeginReshare) -> Ordered:
    """SIG-08: all of it from the genesis down; refuses with the control that is broken, as `verify_orders` does."""
    chain = verify_charters(message.charters, message.genesis)
    charter = chain[-1]
    record = verify_key_record(message.key_record, message.key_record_signatures, message.genesis, chain, former=True)
    wanted = order.verified(message.order, message.order_signatures, "reshare", charter, record, message.genesis)
    check_valid(wanted, message.taken)
    facts = [(a.name, a.chain, a.network, a.path) for a in record.accounts]
    due = [(a.name, a.chain, a.network, a.path) for a in charter.accounts]
    if (charter.scheme, due) != (record.scheme, facts):
        refuse(
            "SIG-08",
            "the charter in force is not of this key",
            found=f"{charter.scheme}, accounts {', '.join(a.name for a in charter.accounts)}",
            expected=f"{record.scheme}, accounts {', '.join(a.name for a in record.accounts)}",
            do="Another scheme or other accounts need a new key: `ceremony keygen`.",
        )
    return Ordered(charter, record, wanted, Chain(chain).stayed(record.charter))


class Resharing:
    """One resharing: the board of the old set, then the generation of the new one."""

    def __init__(self, message: BeginReshare, ordered: Ordered, board: Board) -> None:
        self._message, self._ordered, self._board = message, ordered, board
        self._secret: bytes | None = None
        self._recovered = False

    @classmethod
    def rules(cls, ordered: Ordered) -> Rules:
        """Whose shares of the old set may be opened. None is locked again, so its profile matters to nobody."""
        return Rules(record=ordered.record, profile=ordered.charter.kdf, positions=ordered.positions)

    def recover(self) -> Recovered:
        """Combine one minimal quorum and compare, once (REC-01, REC-06)."""
        if self._recovered:
            raise Malformed("the secret was recovered already")
        self._secret, told = combined(self._board, self._ordered.record)
        self._recovered = True
        self._board.forget()
        return told

    def resplit(self, random: Callable[[int], bytes], sources: tuple[str, ...], talk: Passphrases) -> Generation:
        """The same secret in fresh polynomials, under the charter in force; the reference to it goes, and the process later."""
        if self._secret is None:
            raise Malformed("recover the secret first; it is split once")
        secret, self._secret = self._secret, None
        message = self._message
        follows, origin = self._ordered.record.digest, ORIGIN + ", ".join(sources)
        birth = Birth(message.genesis, message.ceremony, message.issued, origin, follows)
        return Generation(birth, self._ordered.charter, random, talk, secret)
