"""What a node shows of the transaction, against what was signed; and the receipt of it (BRD-03)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import NoReturn

from ceremony.base.control import Undecided, control, refuse
from transfer.bitcoin import tx
from transfer.bitcoin.address import address_of
from transfer.bitcoin.check import Checked
from transfer.nodes import Sighting, Tip
from transfer.receipt import Output, Receipt

_INCIDENT = (
    "Send nothing and sign no receipt. Keep what the node shows, look with another node, and tell the officers: this is an incident."
)


_TOKEN = object()


@dataclass(frozen=True, slots=True)
class InBlock:
    """The signed transaction, byte for byte, in a block of the chain that a node shows. Only `in_block` can make one."""

    txid: str
    block: str
    height: int
    confirmations: int
    outputs: tuple[Output, ...]
    token: InitVar[object]

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("InBlock is made by in_block alone")


@dataclass(frozen=True, slots=True)
class Shown:
    """What one node shows: its name as a receipt has it, its tip, and the transaction if it has it."""

    node: str
    tip: Tip
    seen: Sighting | None

    @property
    def place(self) -> str:
        """In words, for a person who compares nodes."""
        if self.seen is None:
            return f"{self.node}: not there, tip {self.tip.height}"
        if self.seen.block_hash is None:
            return f"{self.node}: waiting to be mined, tip {self.tip.height}"
        return f"{self.node}: block {self.seen.height}, {self.seen.block_hash}, tip {self.tip.height}"


def in_block(shown: Sequence[Shown], checked: Checked) -> InBlock:
    """The sightings as one in a block; Undecided (exit 3) while a node has none yet, BRD-03 if nodes differ or show other bytes."""
    check_same(shown, checked)
    for one in shown:
        seen = one.seen
        if seen is None or seen.block_hash is None or seen.height is None:
            raise Undecided(
                f"AWAITING: the transaction is in no block yet\n"
                f"  found     {'; '.join(each.place for each in shown)}\n"
                f"  expected  {checked.txid} in a block, on every node\n"
                f"  do        Wait and ask again. If it does not come, send the same bytes again; never sign again."
            )
    least = min((one.seen for one in shown if one.seen is not None), key=lambda seen: seen.confirmations)
    assert least.block_hash is not None  # noqa: S101 (each of them is in a block)
    assert least.height is not None  # noqa: S101
    return InBlock(checked.txid, least.block_hash, least.height, least.confirmations, outputs_of(checked), token=_TOKEN)


@control("BRD-03")
def check_same(shown: Sequence[Shown], checked: Checked) -> None:
    """BRD-03: every node shows the signed transaction, byte for byte, in one and the same block; a difference is an incident.

    A node whose tip is below that block is only behind."""
    for one in shown:
        if one.seen is not None and one.seen.raw != checked.raw:
            _other_bytes("BRD-03", one.seen, checked)
    placed = [one for one in shown if one.seen is not None and one.seen.height is not None]
    heights = [one.seen.height or 0 for one in placed if one.seen is not None]
    lacking = [one for one in shown if one not in placed and heights and one.tip.height >= min(heights)]
    if lacking or len({one.seen.block_hash for one in placed if one.seen is not None}) > 1:
        refuse(
            "BRD-03",
            "the nodes differ about the transaction",
            found="; ".join(one.place for one in shown),
            expected=f"{checked.txid} in one and the same block on each of them",
            do=_INCIDENT,
        )


def check_sent_again(seen: Sighting | None, checked: Checked) -> None:
    """BRD-02: only identical bytes are sent again; a node that has the transaction with other witnesses stops it."""
    if seen is not None and seen.raw != checked.raw:
        _other_bytes("BRD-02", seen, checked)


def _other_bytes(identifier: str, seen: Sighting, checked: Checked) -> NoReturn:
    found = tx.parse(seen.raw, "the node's transaction")
    refuse(
        identifier,
        "the node shows another transaction than the one that was signed",
        found=f"txid {found.txid}, with witnesses {found.wtxid}",
        expected=f"txid {checked.txid}, with witnesses {checked.wtxid}",
        do=_INCIDENT,
    )


def outputs_of(checked: Checked) -> tuple[Output, ...]:
    """Whole addresses and amounts of the signed transaction, in their order."""
    network = checked.review.network
    return tuple(Output(address=address_of(output.script, network), amount=output.amount) for output in tx.parse(checked.raw).outputs)


def compare(receipt: Receipt, shown: Receipt) -> None:
    """BRD-03: an earlier receipt and what this node shows now are of the same transaction in the same block; confirmations may grow."""
    names = ("mark", "genesis", "ceremony", "authorization", "txid", "block_hash", "block_height", "outputs", "broadcaster")
    for name in names:
        found, expected = getattr(receipt, name), getattr(shown, name)
        if found != expected:
            refuse(
                "BRD-03",
                f"the receipt says something else: {name}",
                found=str(found)[:400],
                expected=f"{str(expected)[:400]}, as this node and this bundle show",
                do=_INCIDENT,
            )
    if not 1 <= receipt.confirmations <= shown.confirmations or receipt.time > shown.time:
        refuse(
            "BRD-03",
            "the receipt is ahead of this node",
            found=f"{receipt.confirmations} confirmations at {receipt.time}",
            expected=f"1 to {shown.confirmations} confirmations, {shown.time} or earlier",
            do="Wait until this node has caught up; if it has, tell the officers.",
        )
