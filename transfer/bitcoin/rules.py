"""The few numbers that decide what a signing request may look like."""

from __future__ import annotations

from collections.abc import Sequence

from transfer.bitcoin.tx import TxOut
from transfer.bitcoin.wire import compact

VERSION = 2
SEQUENCE = 0xFFFFFFFD
"""Replaceable (BIP-125), so that a stuck transaction can be replaced by a conflicting one (BRD-06); no relative lock."""
LOCKTIME = 0
"""Always none: a height from the online host's snapshot could make a signed transaction valid only far in the future."""

MAX_REQUEST = 4_000_000
MAX_INPUTS = 1_000
MAX_OUTPUTS = 101
"""100 payments and one change."""

ROOM_FOR_REST, ROOM_FOR_INPUT = 10_000, 128
"""Bytes of a signing request that are set aside for all but its inputs, and for each input beside its previous transaction."""

INPUT_BYTES = 41
"""An input without its witness: outpoint, empty script, sequence."""
WITNESS_BYTES = 108
"""Greatest witness of a P2WPKH input: count, length, signature of at most 72 bytes (low S), length, public key of 33."""

_DUST = {b"\x00\x14": 294, b"\x00\x20": 330, b"\x51\x20": 330, b"\x76\xa9": 546, b"\xa9\x14": 540}


def dust_limit(script: bytes) -> int:
    """The least amount in satoshi that nodes relay to a script which `address_of` knows, at their usual 3,000 sat per 1,000 bytes."""
    return _DUST[script[:2]]


def signed_weight(inputs: int, outputs: Sequence[TxOut]) -> int:
    """The greatest weight of a transaction of P2WPKH inputs once every one carries its witness (BIP-141)."""
    stripped = 8 + len(compact(inputs)) + INPUT_BYTES * inputs + len(compact(len(outputs))) + sum(len(output.raw) for output in outputs)
    return 4 * stripped + 2 + WITNESS_BYTES * inputs


def with_inputs(weight: int, inputs: int) -> int:
    """The same for outputs whose weight without any input is known: `signed_weight(inputs, outputs)`, without counting them again."""
    return weight + inputs * (4 * INPUT_BYTES + WITNESS_BYTES) + 4 * (len(compact(inputs)) - 1)


def virtual_size(weight: int) -> int:
    """Virtual bytes (BIP-141), rounded up."""
    return (weight + 3) // 4


def fee_rate(fee: int, weight: int) -> int:
    """Satoshi per 1,000 virtual bytes, rounded up."""
    size = virtual_size(weight)
    return (fee * 1000 + size - 1) // size
