"""The receipt comes into the register, and the transfer is closed by it (BRD-04, BRD-05)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ceremony.base import signatures
from ceremony.base.amounts import grouped
from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.signatures import Signature
from ceremony.record import entries, exceptional
from ceremony.record.charter import Charter
from ceremony.record.claims import Claims, check_settlement, settles
from ceremony.record.register import Ceremony, Register
from ceremony.record.sweeping import spent_by
from ceremony.screen import panels
from ceremony.script import ending
from ceremony.script.opening import take_in
from ceremony.script.room import Room, Steps, last_step
from transfer.authorization import Authorization
from transfer.bitcoin.reading import review
from transfer.outstanding import SETTLED_DEPTH
from transfer.receipt import Output, Receipt, check_independent
from transfer.request import SigningRequest


def take(room: Room) -> Steps:
    """BRD-04: the receipt is of a transfer of this register, equals its signing request, and enough people signed it."""
    if WITHOUT in room.given or exceptional.pending(room.state) is not None or room.excepted("BRD-05"):
        _check_excepted(room)
        return
    raw, signed, receipt = room.signed("receipt", "the signed receipt", partial(load, Receipt))
    check_receipt(room.book, receipt)
    claims = {claim.number: claim for claim in room.book.claims(room.here.number)}
    check_settlement(claims, receipt.txid, receipt.confirmations)
    check_signers(receipt, signed, room.charter)
    lacking = check_independent(receipt.nodes, room.charter.mark)
    yield from take_in(room, "receipt.json", "receipt", raw, signed)
    for node in receipt.nodes[sum(1 for _ in room.state.all(entries.Sighting)) :]:
        yield ("tool", _sighting(receipt, node))
    for one in settles(claims, receipt.txid, receipt.confirmations):
        if one.number not in {body.ceremony for body in room.state.all(entries.Settled)}:
            yield ("tool", entries.Settled(ceremony=one.number, txid=one.txid, by=receipt.txid))
    if lacking:
        room.screen.show(panels.listed("Production would refuse:", (lacking,)))
    room.screen.show(_about_rivals(claims, receipt))
    room.screen.show((*panels.field("txid", grouped(receipt.txid)), *panels.field("block", grouped(receipt.block_hash))))


def _about_rivals(claims: Claims, receipt: Receipt) -> tuple[str, ...]:
    """What becomes of the transfers that can never be mined beside this one (BRD-06)."""
    settled = settles(claims, receipt.txid, SETTLED_DEPTH)
    if not settled:
        return ()
    deep = receipt.confirmations >= SETTLED_DEPTH
    title = (
        "Can never be mined any more; amount and other coins are free again:"
        if deep
        else (f"Still held back; a receipt of {SETTLED_DEPTH} confirmations or more settles them:")
    )
    return panels.listed(title, [f"transfer {one.number}, txid {grouped(one.txid)}" for one in settled])


def _sighting(receipt: Receipt, node: str) -> entries.Sighting:
    return entries.Sighting(
        node=node,
        txid=receipt.txid,
        block_hash=receipt.block_hash,
        block_height=receipt.block_height,
        confirmations=receipt.confirmations,
    )


@control("BRD-05")
def check_receipt(book: Register, receipt: Receipt) -> None:
    """BRD-05: the receipt names a transfer that awaits one, its transaction, and exactly the outputs that were signed."""
    transfer = next((c for c in book.ceremonies if c.number == receipt.ceremony and _awaits(c)), None)
    checked = transfer.state.last(entries.Checked) if transfer else None
    expected = checked.txid if checked else f"a transfer numbered {receipt.ceremony}"
    outputs = _outputs(book, transfer) if transfer and checked else ()
    wanted = transfer.load(Authorization, "authorization").digest if transfer else ""
    found = (receipt.mark, receipt.genesis, receipt.authorization, receipt.outputs)
    if checked is None or receipt.txid != checked.txid or found != (book.charter.mark, book.genesis, wanted, outputs):
        refuse(
            "BRD-05",
            "the receipt is not of this register's transfer",
            found=f"transaction {receipt.txid} of ceremony {receipt.ceremony}, {len(receipt.outputs)} output(s), "
            f"authorization {receipt.authorization}",
            expected=f"{expected} with the authorization and the outputs that were signed",
            do="Make the receipt from the outbound bundle of this register.",
        )
    if receipt.confirmations < 1:
        refuse("BRD-05", "the transaction is in no block", found="0 confirmations", expected="1 or more", do="Wait, then make it anew.")


def _awaits(ceremony: Ceremony) -> bool:
    return ceremony.kind == "transfer" and ceremony.state.closed is not None and ceremony.state.closed.outcome == "carried out"


def _outputs(book: Register, transfer: Ceremony) -> tuple[Output, ...]:
    seen = review(SigningRequest("bitcoin", transfer.raw("request")), spent_by(book, transfer))
    outputs = {o.index: Output(address=o.address, amount=o.amount) for o in seen.payments}
    outputs |= {o.index: Output(address=o.address, amount=o.amount) for o in (*seen.change, *seen.swept)}
    return tuple(outputs[index] for index in sorted(outputs))


@control("BRD-04")
def check_signers(receipt: Receipt, signed: Sequence[Signature], charter: Charter) -> None:
    """BRD-04: two custodians or more signed the receipt, one of them not the broadcaster."""
    raw = dump(receipt)
    for signature in signed:
        signatures.verify(signature, raw, charter.key(signature.signer), "receipt@cold-ceremony")
    looked = {s.signer for s in signed} & set(charter.custodians)
    if len(looked) < 2 or not looked - {receipt.broadcaster}:
        refuse(
            "BRD-04",
            "too few people signed the receipt",
            found=", ".join(sorted(looked)) or "no custodian",
            expected="two custodians or more, one of them not the broadcaster",
            do="Let another custodian look at the chain and sign with `ceremony online receipt`.",
        )


WITHOUT = "without"
"""What the command line gives instead of a receipt: the number of the transfer that is closed without one."""


def _check_excepted(room: Room) -> None:
    """BRD-05: without a receipt a transfer is closed only by an exception; what the chain may still do stays reserved (BRD-06)."""
    if not room.excepted("BRD-05"):
        refuse(
            "BRD-05",
            f"there is no receipt of transfer {_without(room)}",
            found="no receipt",
            expected="a receipt, or an exception form that CFO and CTO signed",
            do="Make a receipt with `ceremony online receipt`. If there can be none, let the officers sign an exception.",
        )
    room.screen.show(panels.paragraph(f"Transfer {_without(room)} is closed without a receipt. Its amount and its coins stay reserved."))


def _without(room: Room) -> str:
    waiting = [str(claim.number) for claim in room.book.claims(room.here.number) if claim.outstanding and not claim.void]
    if WITHOUT not in room.given:
        expected = "a transfer that awaits its receipt: " + (", ".join(waiting) or "there is none")
        room.given[WITHOUT] = room.screen.ask("Number of the transfer without a receipt: ", expected, "|".join(waiting) or r"\d{99}")
    if room.given[WITHOUT] not in waiting:
        raise Malformed(f"no transfer {room.given[WITHOUT][:12]} awaits its receipt; {', '.join(waiting) or 'none'} does")
    return room.given[WITHOUT]


def close(room: Room) -> Steps:
    """BRD-05: the transfer is closed by its receipt, or by an exception in its place."""
    seen = room.state.last(entries.Sighting)
    if seen is None:
        number = _without(room)
        room.screen.word("CLOSE", f"Transfer {number} ends without a receipt.")
        yield from last_step(room)
        yield ending.closed(room, outcome="excepted", reason=f"transfer {number}")
        return
    room.screen.say(f"Transaction {grouped(seen.txid)} is in block {seen.block_height}, {seen.confirmations} confirmation(s).")
    room.screen.word("CLOSE", "The transfer is complete.")
    yield from last_step(room)
    yield ending.closed(room, outcome="receipt", reason=seen.txid)
