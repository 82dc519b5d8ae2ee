"""Approvals: each person signs a document that names everything they approve, never a bare hash (SIG-02)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ceremony.base import signatures
from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Mark, Person, dump, record
from ceremony.base.signatures import Signature
from ceremony.record.charter import OFFICERS, Charter


@record
class Approval:
    """What one person approves: this request for this authorization, in this ceremony, after this transcript."""

    type: Literal["approval"] = "approval"
    version: Literal["1"] = "1"
    kind: Literal["transfer"] = "transfer"
    mark: Mark
    genesis: Digest
    key_record: Digest
    ceremony: int
    authorization: Digest
    request: Digest
    head: Digest
    """Digest of the last transcript entry before the first approval."""
    role: Person


@record
class SignedApproval:
    """An approval and its signature."""

    approval: Approval
    signature: Signature


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
def approve(wanted: Approval, signed: Sequence[SignedApproval], charter: Charter, positions: Sequence[str]) -> Approved:
    """SIG-02: every approval that is needed is there, names exactly `wanted` (but for the role), and verifies under the charter."""
    needed = approvers(charter, positions)
    by_person = {s.signature.signer: s for s in signed}
    for person in needed:
        given = by_person.get(person)
        expected = _as(wanted, person)
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


def _as(approval: Approval, person: str) -> Approval:
    values = {name: getattr(approval, name) for name in Approval.__dataclass_fields__}
    return Approval(**{**values, "role": person})
