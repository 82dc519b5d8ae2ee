"""The receipt: what the online host saw of the transaction on chain, to be signed by people who looked (BRD-03, BRD-04)."""

from __future__ import annotations

from typing import Literal

from ceremony.base.data import Digest, Mark, Person, Text, Time, dump, record
from ceremony.base.lines import sha256


@record
class Output:
    """One output as the chain has it. Amount in satoshi."""

    address: Text
    amount: int


@record
class Receipt:
    """The transaction in its block. `broadcaster`: who sent it, and therefore does not count as the second pair of eyes."""

    type: Literal["receipt"] = "receipt"
    version: Literal["1"] = "1"
    mark: Mark
    genesis: Digest
    ceremony: int
    authorization: Digest
    txid: Digest
    node: Text
    block: Digest
    height: int
    confirmations: int
    outputs: tuple[Output, ...]
    broadcaster: Person
    time: Time

    @property
    def digest(self) -> str:
        """SHA-256 of the receipt's file."""
        return sha256(dump(self))
