"""The receipt: what the online host saw of the transaction on chain, to be signed by people who looked (BRD-03, BRD-04)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ceremony.base.control import refuse
from ceremony.base.data import Btc, Digest, Mark, Person, Text, Time, dump, load, record
from ceremony.base.files import append_line, read_file
from ceremony.base.lines import sha256
from ceremony.base.mark import permits

LEAST_NODES = 2
"""BRD-03: one node may lie, or be cut off from the others."""


@record
class Output:
    """One output as the chain has it."""

    address: Text
    amount: Btc


@record
class Sent:
    """One line of the online host's list of broadcasts: before the bytes go out, and when an answer came (BRD-02)."""

    type: Literal["broadcast"] = "broadcast"
    version: Literal["2"] = "2"
    txid: Digest
    bytes: Digest
    """SHA-256 of the signed transaction, witnesses included: the same for each attempt."""
    node: Text
    time: Time
    answer: Text
    """`sending`, `taken`, or `UNRESOLVED:` and why."""


def note_sent(log: Path, sent: Sent) -> None:
    """BRD-02: add an attempt to the list, synced; refused if other bytes of this transaction were sent before."""
    for number, line in enumerate(read_file(log).splitlines(keepends=True) if log.exists() else (), start=1):
        before = load(Sent, line, f"{log.name}, line {number}")
        if before.txid == sent.txid and before.bytes != sent.bytes:
            refuse(
                "BRD-02",
                "other bytes of this transaction were sent before",
                found=f"SHA-256 {sent.bytes} now, {before.bytes} at {before.time}",
                expected="only the identical bytes, again",
                do="Send nothing. Find out which bundle is the right one, and tell the officers.",
            )
    append_line(log, dump(sent))


@record
class Receipt:
    """The transaction in its block. `broadcaster`: who sent it, and therefore does not count as the second pair of eyes."""

    type: Literal["receipt"] = "receipt"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    ceremony: int
    authorization: Digest
    txid: Digest
    nodes: tuple[Text, ...]
    """Which nodes showed it, each with this block at this height (BRD-03)."""
    block_hash: Digest
    block_height: int
    confirmations: int
    outputs: tuple[Output, ...]
    broadcaster: Person
    time: Time

    @property
    def digest(self) -> str:
        """SHA-256 of the receipt's file."""
        return sha256(dump(self))


def check_independent(nodes: Sequence[str], mark: Mark) -> str:
    """BRD-03: two or more different nodes. What production would have refused, or nothing."""
    if len(set(nodes)) != len(nodes):
        refuse("BRD-03", "one node was given twice", found=", ".join(nodes), expected="different nodes", do="Name another node.")
    if len(nodes) >= LEAST_NODES:
        return ""
    if not nodes or not permits(mark, "one node"):
        refuse(
            "BRD-03",
            "too few nodes looked",
            found=", ".join(nodes) or "none",
            expected="two or more that do not depend on each other",
            do="Give a second node with --node, run by somebody else or reached another way.",
        )
    return "one node: a receipt is of two or more that do not depend on each other"
