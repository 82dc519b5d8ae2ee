"""Bitcoin transactions: a strict codec (BIP-144) that accepts exactly the bytes which it would write.

`Transaction.raw` of `parse(raw)` is `raw`; anything else is Malformed: a length that is not minimal, bytes too many, a
witness marker without a witness, an amount out of range."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import cached_property

from ceremony.base.data import Malformed
from transfer.bitcoin.wire import Cursor, compact, hash256, sized

MAX_TRANSACTION = 4_000_000
"""Bytes: no block can hold a larger one (BIP-141)."""
MAX_MONEY = 21_000_000 * 100_000_000
MAX_ITEM = MAX_TRANSACTION
MAX_COUNT = 100_000
COINBASE_TXID = "00" * 32
_MARKER = b"\x00\x01"


@dataclass(frozen=True, slots=True)
class TxIn:
    """`txid` as people write it (reversed hexadecimal); `witness` is the stack, empty if there is none."""

    txid: str
    vout: int
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()

    @property
    def outpoint(self) -> bytes:
        """36 bytes: the transaction hash in internal byte order and the output number."""
        return bytes.fromhex(self.txid)[::-1] + struct.pack("<I", self.vout)


@dataclass(frozen=True, slots=True)
class TxOut:
    """`amount` in satoshi; `script` is the scriptPubKey."""

    amount: int
    script: bytes

    @property
    def raw(self) -> bytes:
        """Eight bytes of amount and the script with its length."""
        return struct.pack("<Q", self.amount) + sized(self.script)


@dataclass(frozen=True)
class Transaction:
    """A whole transaction; `version`, `locktime` and the sequences are unsigned 32-bit integers.

    No slots: what is computed of it is kept, since one previous transaction may stand behind many inputs."""

    version: int
    inputs: tuple[TxIn, ...]
    outputs: tuple[TxOut, ...]
    locktime: int

    @cached_property
    def stripped(self) -> bytes:
        """The serialisation without witnesses: what the txid commits to."""
        return self._raw(with_witness=False)

    @property
    def raw(self) -> bytes:
        """The network serialisation: with the witnesses if there are any (BIP-144)."""
        return self._raw(with_witness=any(i.witness for i in self.inputs))

    @cached_property
    def txid(self) -> str:
        """The transaction identifier as people write it."""
        return hash256(self.stripped)[::-1].hex()

    @property
    def wtxid(self) -> str:
        """The identifier that commits to the witnesses too (BIP-141)."""
        return hash256(self.raw)[::-1].hex()

    @property
    def weight(self) -> int:
        """Weight units (BIP-141): three times the stripped size and once the whole size."""
        return 3 * len(self.stripped) + len(self.raw)

    @property
    def is_coinbase(self) -> bool:
        """Whether it made new coins, which can be spent only 100 blocks later."""
        return len(self.inputs) == 1 and self.inputs[0].txid == COINBASE_TXID

    def without_witness(self) -> Transaction:
        """The same transaction with every witness left out; its txid does not change."""
        return replace(self, inputs=tuple(replace(i, witness=()) for i in self.inputs))

    def _raw(self, *, with_witness: bool) -> bytes:
        parts = [struct.pack("<I", self.version), _MARKER if with_witness else b"", compact(len(self.inputs))]
        parts += [i.outpoint + sized(i.script_sig) + struct.pack("<I", i.sequence) for i in self.inputs]
        parts.append(compact(len(self.outputs)))
        parts += [o.raw for o in self.outputs]
        if with_witness:
            parts += [compact(len(i.witness)) + b"".join(sized(item) for item in i.witness) for i in self.inputs]
        parts.append(struct.pack("<I", self.locktime))
        return b"".join(parts)


def parse(raw: bytes, what: str = "transaction") -> Transaction:
    """The transaction that `raw` is the one serialisation of; Malformed otherwise."""
    if len(raw) > MAX_TRANSACTION:
        raise Malformed(f"{what}: {len(raw)} bytes, expected at most {MAX_TRANSACTION}")
    cursor = Cursor(raw, what)
    version = cursor.integer(4)
    has_witness = cursor.peek(2) == _MARKER
    if has_witness:
        cursor.take(2)
    inputs = tuple(_input(cursor) for _ in range(_count(cursor, what, "inputs")))
    outputs = tuple(_output(cursor, what) for _ in range(_count(cursor, what, "outputs")))
    if has_witness:
        inputs = tuple(replace(i, witness=_stack(cursor)) for i in inputs)
        if not any(i.witness for i in inputs):
            raise Malformed(f"{what}: marked as having witnesses, but every one is empty")
    locktime = cursor.integer(4)
    cursor.end()
    return Transaction(version, inputs, outputs, locktime)


def _count(cursor: Cursor, what: str, of: str) -> int:
    count = cursor.compact(MAX_COUNT)
    if count == 0:
        raise Malformed(f"{what}: has no {of}")
    return count


def _input(cursor: Cursor) -> TxIn:
    txid = cursor.take(32)[::-1].hex()
    return TxIn(txid=txid, vout=cursor.integer(4), script_sig=cursor.sized(MAX_ITEM), sequence=cursor.integer(4))


def _output(cursor: Cursor, what: str) -> TxOut:
    amount = cursor.integer(8)
    if amount > MAX_MONEY:
        raise Malformed(f"{what}: an output of {amount} sat, more than there can be")
    return TxOut(amount=amount, script=cursor.sized(MAX_ITEM))


def _stack(cursor: Cursor) -> tuple[bytes, ...]:
    return tuple(cursor.sized(MAX_ITEM) for _ in range(cursor.compact(MAX_COUNT)))
