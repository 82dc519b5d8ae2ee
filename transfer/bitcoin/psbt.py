"""The signing request of Bitcoin: an unsigned PSBT, version 0 (BIP-174), written one way only and read strictly (TXN-08).

Global map: the unsigned transaction (00) and nothing else. Each input, in this order: the whole previous transaction (00),
sighash type ALL (03), one key origin (06). Each output of ours: one key origin (02); other outputs: an empty map.

A witness UTXO (01) is left out: amounts come from previous transactions alone (TXN-09). These stand without their own
witnesses, so that the txid commits to every byte. Never a signature: a PSBT with one is not a signing request. Inputs and
outputs are in the order of BIP-69; version, locktime and sequences are those of `rules`."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from transfer.bitcoin import rules, tx
from transfer.bitcoin.tx import Transaction, TxIn, TxOut
from transfer.bitcoin.wire import Cursor, compact, sized

MAGIC = b"psbt\xff"
_UNSIGNED, _PREVIOUS, _SIGHASH, _INPUT_ORIGIN, _OUTPUT_ORIGIN = 0x00, 0x00, 0x03, 0x06, 0x02
_SIGHASH_ALL = struct.pack("<I", 1)
_MAX_KEY = 34
_PATH_STEPS = 5

Map = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose key it is: compressed public key, the master key's fingerprint (4 bytes), all steps from the master key."""

    public_key: bytes
    fingerprint: bytes
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RequestInput:
    """One input: the whole previous transaction, without its witnesses, and the origin of the key that signs."""

    previous: Transaction
    origin: Origin


@dataclass(frozen=True, slots=True)
class Psbt:
    """A signing request in its parts; `origins` has one entry per output, None where it is not ours."""

    transaction: Transaction
    inputs: tuple[RequestInput, ...]
    origins: tuple[Origin | None, ...]

    @property
    def raw(self) -> bytes:
        """The one serialisation."""
        parts = [MAGIC, _pair(bytes([_UNSIGNED]), self.transaction.stripped), b"\x00"]
        for each in self.inputs:
            parts += [_pair(bytes([_PREVIOUS]), each.previous.stripped), _pair(bytes([_SIGHASH]), _SIGHASH_ALL)]
            parts += [_origin_pair(_INPUT_ORIGIN, each.origin), b"\x00"]
        for origin in self.origins:
            parts += [_origin_pair(_OUTPUT_ORIGIN, origin) if origin else b"", b"\x00"]
        return b"".join(parts)


def in_order(inputs: tuple[TxIn, ...]) -> tuple[TxIn, ...]:
    """Inputs in the order of BIP-69."""
    return tuple(sorted(inputs, key=lambda i: (i.txid, i.vout)))


def outputs_in_order(outputs: tuple[TxOut, ...]) -> tuple[TxOut, ...]:
    """Outputs in the order of BIP-69."""
    return tuple(sorted(outputs, key=lambda o: (o.amount, o.script)))


@control("TXN-08")
def parse(raw: bytes) -> Psbt:
    """TXN-08: the request that `raw` is the one serialisation of; anything else is refused."""
    try:
        found = _parse(raw)
        if found.raw != raw:
            raise Malformed("signing request: not written the one way that is allowed")
    except Malformed as error:
        refuse(
            "TXN-08",
            "signing request",
            found=str(error),
            expected="an unsigned PSBT as this tool writes it (docs/formats.md)",
            do="Build the request again from the snapshot; do not edit or convert it.",
        )
    return found


def _parse(raw: bytes) -> Psbt:
    if len(raw) > rules.MAX_REQUEST:
        raise Malformed(f"signing request: {len(raw)} bytes, expected at most {rules.MAX_REQUEST}")
    cursor = Cursor(raw, "signing request")
    if cursor.take(len(MAGIC)) != MAGIC:
        raise Malformed("signing request: does not start as a PSBT")
    (unsigned,) = _values(_map(cursor), "global map", bytes([_UNSIGNED]))
    transaction = _unsigned(unsigned)
    previous = cache(_previous)
    inputs = tuple(_input(_map(cursor), f"input {number}", previous) for number in range(len(transaction.inputs)))
    origins = tuple(_output(_map(cursor), f"output {number}") for number in range(len(transaction.outputs)))
    cursor.end()
    return Psbt(transaction, inputs, origins)


def _map(cursor: Cursor) -> Map:
    found: Map = {}
    for key, value in _pairs(cursor):
        if key in found:
            raise Malformed(f"signing request: the key {key.hex()} is there twice")
        found[key] = value
    return found


def _pairs(cursor: Cursor) -> Iterator[tuple[bytes, bytes]]:
    while size := cursor.compact(_MAX_KEY):
        key = cursor.take(size)
        yield key, cursor.sized(tx.MAX_TRANSACTION)


def _values(found: Map, where: str, *keys: bytes) -> tuple[bytes, ...]:
    """The values of exactly these keys."""
    if set(found) != set(keys):
        names = ", ".join(sorted(key.hex() for key in found)) or "none"
        raise Malformed(f"signing request: {where} has the keys {names}; expected {', '.join(key.hex() for key in keys) or 'none'}")
    return tuple(found[key] for key in keys)


def _unsigned(raw: bytes) -> Transaction:
    transaction = tx.parse(raw, "unsigned transaction")
    if len(transaction.inputs) > rules.MAX_INPUTS or len(transaction.outputs) > rules.MAX_OUTPUTS:
        raise Malformed(f"unsigned transaction: more than {rules.MAX_INPUTS} inputs or {rules.MAX_OUTPUTS} outputs")
    if any(i.script_sig or i.witness for i in transaction.inputs):
        raise Malformed("unsigned transaction: an input is signed already")
    if len({i.outpoint for i in transaction.inputs}) != len(transaction.inputs):
        raise Malformed("unsigned transaction: spends an output twice")
    if transaction.inputs != in_order(transaction.inputs) or transaction.outputs != outputs_in_order(transaction.outputs):
        raise Malformed("unsigned transaction: inputs or outputs are not in the order of BIP-69")
    return transaction


def _input(found: Map, where: str, parsed: Callable[[bytes], Transaction]) -> RequestInput:
    origin_key = next((key for key in found if key[0] == _INPUT_ORIGIN), b"")
    previous, sighash, origin = _values(found, where, bytes([_PREVIOUS]), bytes([_SIGHASH]), origin_key)
    if sighash != _SIGHASH_ALL:
        raise Malformed(f"signing request: {where} asks for the sighash type {sighash.hex()}, expected ALL (01000000)")
    return RequestInput(parsed(previous), _origin(origin_key, origin, where))


def _previous(raw: bytes) -> Transaction:
    transaction = tx.parse(raw, "previous transaction")
    if any(i.witness for i in transaction.inputs):
        raise Malformed("previous transaction: written with witnesses, expected without")
    return transaction


def _output(found: Map, where: str) -> Origin | None:
    if not found:
        return None
    key = next((key for key in found if key[0] == _OUTPUT_ORIGIN), b"")
    (value,) = _values(found, where, key)
    return _origin(key, value, where)


def _origin(key: bytes, value: bytes, where: str) -> Origin:
    if len(key) != 34 or len(value) != 4 + 4 * _PATH_STEPS:
        raise Malformed(f"signing request: the key origin of {where} is not a compressed key with a path of {_PATH_STEPS} steps")
    return Origin(key[1:], value[:4], struct.unpack(f"<{_PATH_STEPS}I", value[4:]))


def _origin_pair(kind: int, origin: Origin) -> bytes:
    steps = struct.pack(f"<{len(origin.path)}I", *origin.path)
    return _pair(bytes([kind]) + origin.public_key, origin.fingerprint + steps)


def _pair(key: bytes, value: bytes) -> bytes:
    return compact(len(key)) + key + sized(value)
