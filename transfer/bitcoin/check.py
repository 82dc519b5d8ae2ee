"""The check of a signed transaction before anything leaves: it is the reviewed request, signed, and nothing else."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from transfer.agree import same_reading
from transfer.bitcoin import der, second, tx
from transfer.bitcoin.assemble import verified
from transfer.bitcoin.reading import Understood, understood
from transfer.bitcoin.sighash import SIGHASH_ALL, Sighash, sighashes
from transfer.bitcoin.tx import Transaction
from transfer.request import AccountKey, SigningRequest
from transfer.review import Review

_TOKEN = object()


@dataclass(frozen=True, slots=True)
class Checked:
    """A signed transaction that may leave, with the review of its request. Only `check` can make one."""

    raw: bytes
    txid: str
    wtxid: str
    weight: int
    review: Review
    token: InitVar[object]

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("Checked is made by check.check alone")


def check(raw: bytes, request: SigningRequest, account: AccountKey) -> Checked:
    """The signed transaction, checked by our codec and by the second reader.

    SIG-06 if it is not the transaction of the request, SIG-04 or SIG-03 if a signature is not in its one form or does not
    verify, TXN-01 if the second reader finds anything else. Malformed if it is no transaction."""
    found, signed = understood(request, account), tx.parse(raw, "signed transaction")
    _is_the_request(signed, found)
    for sighash in sighashes(request, account):
        _witness(signed.inputs[sighash.index].witness, sighash)
    if signed.weight > found.review.weight:
        raise Malformed(f"signed transaction: weight {signed.weight}, reviewed as at most {found.review.weight}")
    same_reading(found.review, second.verify(raw, request, account))
    return Checked(raw, signed.txid, signed.wtxid, signed.weight, found.review, token=_TOKEN)


def _is_the_request(signed: Transaction, found: Understood) -> None:
    if signed.without_witness() != found.transaction:
        refuse(
            "SIG-06",
            "the signed transaction is not the one that was reviewed",
            found=f"txid {signed.txid}",
            expected=f"txid {found.review.txid}",
            do="Do not send it. Assemble again from the request and the recorded signatures.",
        )


def _witness(witness: tuple[bytes, ...], sighash: Sighash) -> None:
    """A signature with SIGHASH_ALL in strict DER with low S, and the account's own key: nothing more (BIP-141, P2WPKH)."""
    if len(witness) != 2 or witness[1] != sighash.public_key or witness[0][-1:] != bytes([SIGHASH_ALL]):
        refuse(
            "SIG-06",
            f"witness of input {sighash.index}",
            found=", ".join(item[:40].hex() for item in witness) or "none",
            expected=f"a signature of type ALL and the key {sighash.public_key.hex()}",
            do="Do not send it. Assemble again from the request and the recorded signatures.",
        )
    der.strict(witness[0][:-1])
    verified(witness[0][:-1], sighash)
