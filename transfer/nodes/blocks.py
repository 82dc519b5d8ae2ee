"""Blocks of the practice chain: building them (BIP-34 height, BIP-141 commitment, regtest's proof of work) and their form on disk."""

from __future__ import annotations

import struct

from ceremony.base.data import record
from transfer.bitcoin.tx import COINBASE_TXID, Transaction, TxIn, TxOut
from transfer.bitcoin.wire import compact, hash256, sized
from transfer.nodes import Tip

REWARD = 50 * 100_000_000
HALVING = 150
"""Blocks after which regtest halves the reward."""

_BITS = 0x207FFFFF
_TARGET = 0x7FFFFF << 232
_VERSION = 0x20000000
_RESERVED = bytes(32)
_COMMITMENT = bytes.fromhex("6a24aa21a9ed")


@record
class Block:
    """One block as it stands in the practice chain's file: 80 bytes of header and the whole transactions, the coinbase first."""

    header: bytes
    transactions: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        """The network serialisation."""
        return self.header + compact(len(self.transactions)) + b"".join(self.transactions)

    @property
    def hash(self) -> str:
        """The block hash as people write it."""
        return hash256(self.header)[::-1].hex()

    @property
    def time(self) -> int:
        """Seconds since 1970, as the header says."""
        return int.from_bytes(self.header[68:72], "little")


def build(tip: Tip, time: int, script: bytes, fees: int, transactions: tuple[Transaction, ...]) -> Block:
    """The block after `tip` with these transactions; reward and fees go to `script`."""
    height = tip.height + 1
    witnesses = merkle_root((bytes(32), *(bytes.fromhex(transaction.wtxid)[::-1] for transaction in transactions)))
    outputs = (TxOut((REWARD >> height // HALVING) + fees, script), TxOut(0, _COMMITMENT + hash256(witnesses + _RESERVED)))
    mined = TxIn(COINBASE_TXID, 0xFFFFFFFF, _height(height), 0xFFFFFFFF, (_RESERVED,))
    everything = (Transaction(2, (mined,), outputs, 0), *transactions)
    root = merkle_root(tuple(bytes.fromhex(transaction.txid)[::-1] for transaction in everything))
    start = struct.pack("<I32s32sII", _VERSION, bytes.fromhex(tip.hash)[::-1], root, time, _BITS)
    return Block(header=_work(start), transactions=tuple(transaction.raw for transaction in everything))


def merkle_root(hashes: tuple[bytes, ...]) -> bytes:
    """The root over hashes in internal byte order; an odd last one is paired with itself."""
    level = list(hashes)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [hash256(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def _height(height: int) -> bytes:
    """The coinbase's input script: the height as the script interpreter pushes it (BIP-34), and a byte to make it two at least."""
    if height <= 16:
        return bytes([0x50 + height, 0])
    return sized(height.to_bytes((height.bit_length() + 8) // 8, "little"))


def _work(start: bytes) -> bytes:
    """The header with the first nonce that meets regtest's target: about every second one does."""
    nonce = 0
    while int.from_bytes(hash256(start + struct.pack("<I", nonce)), "little") > _TARGET:
        nonce += 1
    return start + struct.pack("<I", nonce)
