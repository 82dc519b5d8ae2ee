"""What each key signs: the BIP-143 digest of each input with SIGHASH_ALL, computed from the signing request alone (SIG-01)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from transfer.bitcoin.reading import understood
from transfer.bitcoin.tx import Transaction
from transfer.bitcoin.wire import hash160, hash256, sized
from transfer.request import AccountKey, SigningRequest

SIGHASH_ALL = 1


@dataclass(frozen=True, slots=True)
class Sighash:
    """One signature to make: input number, path "branch/index" and public key of the key that makes it, 32 bytes to sign."""

    index: int
    path: str
    public_key: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Midstate:
    """The three hashes of BIP-143 that all inputs share, computed once so that many inputs are not quadratic."""

    prevouts: bytes
    sequences: bytes
    outputs: bytes


def midstate(transaction: Transaction) -> Midstate:
    """The shared hashes for SIGHASH_ALL."""
    return Midstate(
        hash256(b"".join(i.outpoint for i in transaction.inputs)),
        hash256(b"".join(struct.pack("<I", i.sequence) for i in transaction.inputs)),
        hash256(b"".join(o.raw for o in transaction.outputs)),
    )


def p2wpkh_code(public_key: bytes) -> bytes:
    """The script code of a P2WPKH input (BIP-143)."""
    return b"\x76\xa9\x14" + hash160(public_key) + b"\x88\xac"


def preimage(transaction: Transaction, shared: Midstate, index: int, script_code: bytes, amount: int) -> bytes:
    """The bytes that are hashed twice for input `index` with SIGHASH_ALL (BIP-143); `amount` in satoshi."""
    spent = transaction.inputs[index]
    return b"".join(
        (
            struct.pack("<I", transaction.version),
            shared.prevouts,
            shared.sequences,
            spent.outpoint,
            sized(script_code),
            struct.pack("<Q", amount),
            struct.pack("<I", spent.sequence),
            shared.outputs,
            struct.pack("<II", transaction.locktime, SIGHASH_ALL),
        )
    )


def sighashes(request: SigningRequest, account: AccountKey) -> tuple[Sighash, ...]:
    """One per input, in their order; refused for every request that our reader refuses."""
    found = understood(request, account)
    shared = midstate(found.transaction)
    return tuple(
        Sighash(
            index,
            spend.own.path,
            spend.own.public_key,
            hash256(preimage(found.transaction, shared, index, p2wpkh_code(spend.own.public_key), spend.amount)),
        )
        for index, spend in enumerate(found.spends)
    )
