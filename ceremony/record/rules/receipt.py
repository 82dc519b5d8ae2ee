"""What a receipt must have recorded: an earlier transfer's transaction in a block, and people who looked and signed (BRD-03, BRD-04)."""

from __future__ import annotations

from ceremony.record import entries
from ceremony.record.claims import check_settlement, settles
from ceremony.record.exceptional import granted
from ceremony.record.ledger import EXCEPTED, VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal, read_transaction
from transfer.authorization import Authorization
from transfer.bitcoin.address import address_of
from transfer.receipt import Receipt, check_independent

LEAST_SIGNERS = 2
"""BRD-04: custodians, one of whom did not broadcast."""


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """A receipt that was closed: it is of a transfer of this register, of exactly its outputs, and enough custodians signed it."""
    closed = ceremony.state.closing
    if closed is None or closed.outcome == VOID:
        return
    if closed.outcome == EXCEPTED:
        _check_excepted(ceremony, ledger, closed.reason)
        return
    receipt = ceremony.load(Receipt, "receipt")
    transfer = ledger.carried.get(receipt.txid)
    if transfer is None:
        differs("BRD-03", ceremony, "its transaction", receipt.txid, "the transaction of an earlier transfer")
    _check_receipt(ceremony, ledger, receipt, transfer)
    check_independent(receipt.nodes, receipt.mark)
    seen = [(s.node, s.txid, s.block_hash, s.block_height, s.confirmations) for s in ceremony.state.all(entries.Sighting)]
    place = (receipt.txid, receipt.block_hash, receipt.block_height, receipt.confirmations)
    equal("BRD-03", ceremony, "what was seen", seen, [(node, *place) for node in receipt.nodes])
    _check_settled(ceremony, ledger, receipt)
    looked = set(ceremony.state.signers("receipt")) & set(ledger.charter.custodians)
    if len(looked) < LEAST_SIGNERS or not looked - {receipt.broadcaster}:
        differs("BRD-04", ceremony, "who signed the receipt", ", ".join(sorted(looked)), "two custodians, one of them not the broadcaster")


def _check_settled(ceremony: Ceremony, ledger: Ledger, receipt: Receipt) -> None:
    """BRD-06: it settles exactly those transfers that can never be mined beside this one, and only when it is deep enough."""
    check_settlement(ledger.claims, receipt.txid, receipt.confirmations)
    expected = [(one.number, one.txid, receipt.txid) for one in settles(ledger.claims, receipt.txid, receipt.confirmations)]
    found = [(body.ceremony, body.txid, body.by) for body in ceremony.state.all(entries.Settled)]
    equal("BRD-06", ceremony, "the transfers that it settles", found, expected)


def _check_excepted(ceremony: Ceremony, ledger: Ledger, reason: str) -> None:
    """BRD-05: closed without a receipt only by an exception that both officers signed; what the chain may still do stays reserved."""
    if "BRD-05" not in granted(ceremony.state):
        differs("BRD-05", ceremony, "it was closed without a receipt", "no exception", "an exception to BRD-05, signed by both officers")
    waiting = [f"transfer {claim.number}" for claim in ledger.waiting]
    if reason not in waiting:
        differs("BRD-05", ceremony, "what was closed", reason, " or ".join(waiting) or "a transfer that awaits its receipt")


def _check_receipt(ceremony: Ceremony, ledger: Ledger, receipt: Receipt, transfer: Ceremony) -> None:
    """The receipt says of the transfer what the register says of it."""
    wanted = transfer.load(Authorization, "authorization")
    network = ledger.charter.account(wanted.account).network
    paid = read_transaction(transfer.raw("transaction"), f"{transfer.folder.name}, transaction")
    for what, found, expected in (
        ("mark", receipt.mark, ledger.charter.mark),
        ("genesis", receipt.genesis, ledger.genesis),
        ("transfer", receipt.ceremony, transfer.number),
        ("authorization", receipt.authorization, wanted.digest),
        (
            "outputs",
            [(o.address, o.amount) for o in receipt.outputs],
            [(address_of(o.script, network), o.amount) for o in paid.outputs],
        ),
    ):
        equal("BRD-03", ceremony, f"the receipt's {what}", found, expected)
    if receipt.confirmations < 1:
        differs("BRD-03", ceremony, "the receipt's confirmations", 0, "1 or more")
