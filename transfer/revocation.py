"""A revocation: one officer takes an authorization back, for ever (AUT-04). Either officer suffices; nobody can undo it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ceremony.base import signatures
from ceremony.base.control import refuse
from ceremony.base.data import Digest, Mark, Name, Person, Text, Time, dump, record
from ceremony.base.signatures import Key, Signature
from transfer.authorization import OFFICERS, Authorization


@record
class Revocation:
    """Which authorization is taken back, by whom and why."""

    type: Literal["revocation"] = "revocation"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    authorization: Digest
    identifier: Name
    officer: Person
    reason: Text
    time: Time


def check_revocation(revocation: Revocation, signed: Sequence[Signature], keys: Mapping[str, Key]) -> Signature:
    """The signature of the officer whom the revocation names; AUT-03 if it is not there, or is somebody else's.

    `keys`: person -> public key, from the charter."""
    own = next((s for s in signed if s.signer == revocation.officer), None)
    if own is None or revocation.officer not in OFFICERS:
        refuse(
            "AUT-03",
            f"the revocation of {revocation.identifier} is not signed by its officer",
            found="signatures of " + (", ".join(s.signer for s in signed) or "nobody"),
            expected=f"one of {' or '.join(OFFICERS)}, who revokes it and signs it",
            do="Let CFO or CTO revoke it with `authorize revoke`.",
        )
    signatures.verify(own, dump(revocation), keys[own.signer], "revocation@cold-ceremony")
    return own


def check_unrevoked(authorization: Authorization, revoked: Mapping[str, Revocation]) -> None:
    """AUT-04: an authorization that an officer has revoked is refused for ever. `revoked`: digest -> its revocation."""
    found = revoked.get(authorization.digest)
    if found is not None:
        refuse(
            "AUT-04",
            f"authorization {authorization.identifier} is revoked",
            found=f"revoked by {found.officer} at {found.time}: {found.reason}",
            expected="an authorization that nobody has revoked",
            do="If a ceremony is prepared with it, end it with `ceremony void`. Draft and sign a new authorization if it must be paid.",
        )
