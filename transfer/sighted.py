"""What a node shows of the transaction, against what was signed; and the receipt of it (BRD-03)."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import NoReturn

from ceremony.base.control import Undecided, control, refuse
from transfer.bitcoin import tx
from transfer.bitcoin.address import address_of
from transfer.bitcoin.check import Checked
from transfer.nodes import Sighting
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


def in_block(seen: Sighting | None, checked: Checked) -> InBlock:
    """The sighting as one in a block; Undecided (exit 3) while there is none yet, BRD-03 if it is of other bytes."""
    if seen is not None:
        check_same(seen, checked)
    if seen is None or seen.block_hash is None or seen.height is None:
        raise Undecided(
            f"AWAITING: the transaction is in no block yet\n"
            f"  found     {'nothing' if seen is None else 'waiting to be mined'}, says the node, of {checked.txid}\n"
            f"  expected  the transaction in a block\n"
            f"  do        Wait and ask again. If it does not come, send the same bytes again; never sign again."
        )
    return InBlock(checked.txid, seen.block_hash, seen.height, seen.confirmations, outputs_of(checked), token=_TOKEN)


@control("BRD-03")
def check_same(seen: Sighting, checked: Checked) -> None:
    """BRD-03: what the node shows is the signed transaction, byte for byte: the same outputs, the same witnesses."""
    if seen.raw != checked.raw:
        _other_bytes("BRD-03", seen, checked)


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
    names = ("mark", "genesis", "ceremony", "authorization", "txid", "block", "height", "outputs", "broadcaster")
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
