"""The HSM's signatures, verified once more from the record alone, and the transaction that was made of them (SIG-03, SIG-06)."""

from __future__ import annotations

from ceremony.base.data import Malformed
from ceremony.record import entries
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal, read_transaction
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.sighash import Sighash, sighashes
from transfer.request import AccountKey, SigningRequest


def check(ceremony: Ceremony, request: SigningRequest, account: AccountKey) -> None:
    """Each signature is by the recorded key at its path over the digest of its input; the transaction is the request with them."""
    wanted = sighashes(request, account)
    assembled = b""
    for body in ceremony.state.all(entries.HsmSigned):
        assembled = _assembled(ceremony, body, wanted, request, account)
    for imported in ceremony.state.all(entries.Imported):
        equal("REC-09", ceremony, "the keys in the HSM", sorted(imported.paths), sorted({sighash.path for sighash in wanted}))
    transaction = read_transaction(ceremony.raw("transaction"), f"{ceremony.folder.name}, transaction")
    if transaction.raw != assembled:
        differs("SIG-06", ceremony, "the transaction", transaction.txid, "the approved request with the recorded signatures")
    for checked in ceremony.state.all(entries.Checked):
        equal(
            "SIG-03", ceremony, "the transaction that was checked", (checked.txid, checked.weight), (transaction.txid, transaction.weight)
        )
        (agreed, *_) = ceremony.state.all(entries.Agreed)
        equal("SIG-03", ceremony, "the fee that was checked", checked.fee, agreed.fee)


def _assembled(
    ceremony: Ceremony, body: entries.HsmSigned, wanted: tuple[Sighash, ...], request: SigningRequest, account: AccountKey
) -> bytes:
    """The transaction with these signatures; SIG-03 if one does not verify."""
    by_input = sorted(body.signatures, key=lambda signature: signature.input)
    found = [(s.input, s.path, s.public) for s in by_input]
    equal("SIG-03", ceremony, "the keys that signed", found, [(s.index, s.path, s.public_key.hex()) for s in wanted])
    if any(len(s.raw) != 128 for s in by_input):
        raise Malformed(f"{ceremony.folder.name}: a signature of the HSM has not 64 bytes")
    return assemble(request, tuple(bytes.fromhex(s.raw) for s in by_input), account)
