"""What the online host asks of a chain, and nothing else: the only package of ours with sockets.

A node is believed in nothing that can be checked: coins come with their whole previous transactions (TXN-09) and are
checked on the cold host (transfer/bitcoin/snapshot.py); a transaction counts when the chain shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from ceremony.base.control import Undecided, control
from ceremony.base.data import Malformed
from ceremony.base.show import shown
from transfer.bitcoin.account import MAX_INDEX
from transfer.request import AccountKey, Network

SPAN = MAX_INDEX
"""Addresses of each branch (receive, change) that are looked at unless told otherwise: all that are ours. A payment to one that
is not looked at would be seen by nobody."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The last block: its height, hash (as shown, 64 hexadecimal digits) and median time past (BIP-113, seconds since 1970)."""

    height: int
    hash: str
    median_time: int


@dataclass(frozen=True, slots=True)
class Unspent:
    """A coin that a node reports: `amount` in satoshi, `path` within the account as "branch/index", and the block that holds it."""

    txid: str
    vout: int
    amount: int
    path: str
    height: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A transaction as a node shows it; without block, height and with 0 confirmations while it only waits to be mined.

    `raw` is the whole transaction, witnesses included, as the node has it."""

    txid: str
    block_hash: str | None
    height: int | None
    confirmations: int
    raw: bytes


class Unresolved(Undecided):
    """BRD-02: nobody knows whether the transaction went out. It is never signed again; only the same bytes are sent again.

    `known`: what a look at the chain said afterwards."""

    identifier = "BRD-02"

    def __init__(self, txid: str, why: str, known: str = "") -> None:
        super().__init__(
            f"BRD-02 UNRESOLVED: it is not known whether the transaction went out\n"
            f"  found     {why}\n"
            + (f"  known     {known}\n" if known else "")
            + f"  expected  the node's answer with the transaction's own identifier {txid}\n"
            f"  do        `ceremony online watch` looks for it, also through another node. The same bytes may be sent again;\n"
            f"            what was signed cannot be taken back. Never sign again before the chain has settled it."
        )
        self.txid = txid
        self.why = why


class Node(Protocol):
    """A view of one chain. Malformed (exit 2) when the node cannot be used or answers what it should not."""

    def chain(self) -> Network:
        """The network that the node is on."""

    def tip(self) -> Tip:
        """The last block that the node has."""

    def coins(self, account: AccountKey, span: int = SPAN) -> tuple[Unspent, ...]:
        """All confirmed, spendable coins of the account's first `span` addresses of each branch, in order of txid and vout."""

    def transaction(self, txid: str, block_hash: str) -> bytes:
        """The whole transaction `txid`, witnesses included, from the block that holds it."""

    def rate(self) -> int | None:
        """A fee rate in satoshi per kvB for a block soon, or None if the node cannot say."""

    def broadcast(self, raw: bytes) -> str:
        """Hand over a signed transaction and return its txid; Unresolved with the node's words for any other answer (BRD-02)."""

    def sighting(self, txid: str, since: int | None = None) -> Sighting | None:
        """Where the node sees the transaction; `since` is the height from which blocks are searched if nothing quicker finds it."""

    def spender(self, txid: str, vout: int, since: int) -> Sighting | None:
        """The transaction that spends this output (in a block from `since` on, or waiting), or None: for BRD-06."""


@control("BRD-02")
def accepted(txid: str, told: object) -> str:
    """BRD-02: a broadcast went out only if the node names this very transaction; any other answer leaves it unresolved."""
    if told != txid:
        raise Unresolved(txid, f"the node answered {shown(told)}")
    return txid


def declined(txid: str, words: str) -> NoReturn:
    """The node said no, in its own words. Another node may have taken it already, or take it later: that is unresolved, too."""
    raise Unresolved(txid, f"the node does not take it: {words[:400]}")


def hash_of(value: object, what: str) -> str:
    """A block hash or txid as a node writes it; Malformed unless it is 64 hexadecimal digits in lower case."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise Malformed(f"the node's {what}: found {shown(value)}, expected 64 hexadecimal digits")
    return value


@contextmanager
def open_node(text: str, cookie: Path | None = None) -> Iterator[Node]:
    """The node that `text` names, closed at the end: `practice:FOLDER`, or `http://127.0.0.1:PORT` with its cookie file.

    Only this machine itself is reached (the cookie would cross a network in the clear): a node elsewhere comes through a tunnel."""
    kind, _, rest = text.partition(":")
    if kind == "practice" and rest:
        from transfer.nodes.practice import PracticeNode  # noqa: PLC0415 - the online host may lack the kernel

        with PracticeNode(Path(rest)) as practice:
            yield practice
        return
    port = re.fullmatch(r"http://(?:127\.0\.0\.1|localhost):([1-9][0-9]{0,4})/?", text)
    if not port or int(port[1]) > 65535:
        raise Malformed(f"node: found {shown(text)}, expected practice:FOLDER or http://127.0.0.1:PORT")
    if cookie is None:
        raise Malformed("node: its cookie file is needed as well (the file .cookie in the node's data folder)")
    from transfer.nodes.core import CoreNode  # noqa: PLC0415

    yield CoreNode(int(port[1]), cookie)
