"""Approvals: each person signs a document that names everything they approve, never a bare hash (SIG-02)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from ceremony.base import signatures
from ceremony.base.control import control, refuse
from ceremony.base.data import Btc, Digest, Mark, Person, dump, record
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record.charter import OFFICERS, Charter
from transfer.review import Decoded


@record
class Approval:
    """What one person approves: this request for this authorization, in this ceremony, after this transcript."""

    type: Literal["approval"] = "approval"
    version: Literal["2"] = "2"
    kind: Literal["transfer"] = "transfer"
    mark: Mark
    genesis: Digest
    key_record: Digest
    ceremony: int
    authorization: Digest
    request: Digest
    txid: Digest
    """Of the transaction that the request is when it is signed (BIP-141: signatures are not in it)."""
    fee: Btc
    inputs: Digest
    """Of the coins that it spends: SHA-256 of their names (`txid:vout`), each on a line, in the request's order."""
    head: Digest
    """Digest of the last transcript entry before the first approval; of an officer who approved elsewhere, of the entry that
    administrator and witness signed at the end of the preparation."""
    role: Person


@record
class SignedApproval:
    """An approval and its signature."""

    approval: Approval
    signature: Signature


def read_from(request: Decoded) -> dict[str, Any]:
    """What an approval says of a request beside its digest, so that who reads no transaction can compare it (AUD-14)."""
    return {"txid": request.txid, "fee": request.fee, "inputs": inputs_digest(f"{coin.txid}:{coin.vout}" for coin in request.inputs)}


def inputs_digest(coins: Iterable[str]) -> str:
    """SHA-256 over the names of coins, each with a newline."""
    return sha256("".join(f"{coin}\n" for coin in coins).encode("ascii"))


_TOKEN = object()


class Approved:
    """Proof that everyone who must has approved one request. Only `approve` makes one."""

    __slots__ = ("approval", "people")

    def __init__(self, approval: Approval, people: tuple[str, ...], token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only approve makes this proof")
        self.approval = approval
        self.people = people


def approvers(charter: Charter, positions: Sequence[str]) -> tuple[str, ...]:
    """Who must approve: each custodian who will open a share, the witness, and the officers if the charter says so."""
    officers = OFFICERS if charter.officers_approve == "yes" else ()
    return (*sorted(positions), "witness", *officers)


@control("SIG-02")
def approve(
    wanted: Approval, signed: Sequence[SignedApproval], charter: Charter, positions: Sequence[str], prepared: str | None = None
) -> Approved:
    """SIG-02: every approval that is needed is there, names exactly `wanted` (but for the role), and verifies under the charter.

    `prepared`: the head that administrator and witness signed at the end of the preparation. An officer may have approved that one,
    elsewhere; everybody else approves in the room, after what was done there."""
    needed = approvers(charter, positions)
    by_person = {s.signature.signer: s for s in signed}
    for person in needed:
        given = by_person.get(person)
        carried = given is not None and person in OFFICERS and prepared is not None and given.approval.head == prepared
        expected = as_person(wanted, person, prepared if carried and prepared else wanted.head)
        if given is None or given.approval != expected:
            refuse(
                "SIG-02",
                f"the approval of {person} is missing or is of something else",
                found="nothing" if given is None else f"request {given.approval.request}, authorization {given.approval.authorization}",
                expected=f"request {wanted.request}, authorization {wanted.authorization}, approved by {', '.join(needed)}",
                do=f"Let {person} review and approve this very request.",
            )
        signatures.verify(given.signature, dump(expected), charter.key(person), "approval@cold-ceremony")
    return Approved(wanted, needed, _TOKEN)


def as_person(approval: Approval, person: str, head: str) -> Approval:
    """The same approval by somebody else, after this head."""
    values = {name: getattr(approval, name) for name in Approval.__dataclass_fields__}
    return Approval(**{**values, "role": person, "head": head})
