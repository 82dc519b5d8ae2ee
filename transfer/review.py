"""What a reader finds in a signing request. Two readers find it on their own and are compared field by field (TXN-01).

`path` is "branch/index" below the account (BIP-44)."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal

from ceremony.base.data import Btc, Digest, Name, Pattern, Text, record
from transfer.request import Network

AddressPath = Annotated[str, Pattern(r"[01]/(0|[1-9][0-9]{0,9})", "branch and index such as 0/5")]


@record
class Input:
    """A coin that is spent: which output of which transaction, its amount, and whose it is."""

    txid: Digest
    vout: int
    amount: Btc
    path: AddressPath
    address: Text


@record
class Payment:
    """An output that leaves the account. `index` is its place among the outputs."""

    index: int
    address: Text
    amount: Btc
    script: bytes


@record
class Change:
    """An output that comes back: re-derived from the account (TXN-11)."""

    index: int
    address: Text
    amount: Btc
    script: bytes
    path: AddressPath


@record
class Decoded:
    """Every fact of a signing request, as one reader found it.

    `weight` is the greatest weight that the signed transaction can have (BIP-141), `rate` the fee in base units per 1,000
    virtual bytes at that weight, rounded up; `sequences` stand in the order of the inputs."""

    chain: Literal["bitcoin"]
    network: Network
    account: Name
    digest: Digest
    txid: Digest
    version: int
    locktime: int
    sequences: tuple[int, ...]
    inputs: tuple[Input, ...]
    payments: tuple[Payment, ...]
    change: tuple[Change, ...]
    swept: tuple[Change, ...] = ()
    """Of a sweep: its one output, re-derived from the account of the key in use. It is no change: it is of another key."""
    fee: Btc
    weight: int
    rate: int


@record
class Review(Decoded):
    """What people see: made by our reader from the bytes of the request and the account alone (TXN-02)."""

    @property
    def decoded(self) -> Decoded:
        """The same facts, to be compared with what the second reader found."""
        return Decoded(**{f.name: getattr(self, f.name) for f in fields(self)})
