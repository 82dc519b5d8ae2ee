"""What CFO and CTO sign: one transfer, to one payee, once (AUT-01 to AUT-05, AUT-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ceremony.base import signatures
from ceremony.base.amounts import format_btc, grouped
from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Mark, Name, Person, Text, Time, dump, record
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature

OFFICERS = ("cfo", "cto")


@record
class Authorization:
    """AUT-01: everything that an authorization binds. Amount and greatest fee are integers in base units (satoshi)."""

    type: Literal["authorization"] = "authorization"
    version: Literal["1"] = "1"
    kind: Literal["transfer"] = "transfer"
    mark: Mark
    genesis: Digest
    charter: Digest
    policy: Digest
    register_head: Digest
    """The register's head that its signers saw."""
    identifier: Name
    chain: Literal["bitcoin"] = "bitcoin"
    network: Literal["main", "test", "regtest"]
    account: Name
    asset: Literal["BTC"] = "BTC"
    payee: Name
    destination: Text
    amount: int
    greatest_fee: int
    purpose: Text
    reference_value: Text
    """What the amount was worth when drafted, in words: `USD 6,500,000.00 on 2026-11-20 (desk)`."""
    requester: Person
    not_before: Time
    expires: Time

    @property
    def digest(self) -> str:
        """SHA-256 of the authorization's file."""
        return sha256(dump(self))


@record
class Confirmation:
    """AUT-08: destination and amount were checked with the payee over another channel, by someone who is not the requester."""

    type: Literal["confirmation"] = "confirmation"
    version: Literal["1"] = "1"
    authorization: Digest
    destination: Text
    amount: int
    checker: Person
    channel: Text
    spoken_with: Text
    time: Time


_TOKEN = object()


class Authorized:
    """Proof that an authorization is signed by both officers, confirmed, and valid now. Only `signed_by` makes one."""

    __slots__ = ("authorization", "confirmation")

    def __init__(self, authorization: Authorization, confirmation: Confirmation, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only signed_by makes this proof")
        self.authorization = authorization
        self.confirmation = confirmation


def signed_by(  # noqa: PLR0913, PLR0917 (two documents, what signs each, keys, clock)
    authorization: Authorization,
    signed: Sequence[Signature],
    confirmation: Confirmation,
    confirmed: Signature,
    keys: Mapping[str, str],
    now: str,
) -> Authorized:
    """The proof that CFO and CTO signed these bytes (AUT-02), the payee was asked (AUT-08), and it is valid at `now` (AUT-04).

    `keys`: person -> public key, from the charter. `now`: a UTC time in the form of the transcript."""
    check_officers(authorization, signed, keys)
    check_confirmation(authorization, confirmation, confirmed, keys)
    check_valid(authorization, now)
    return Authorized(authorization, confirmation, _TOKEN)


@control("AUT-02")
def check_officers(authorization: Authorization, signed: Sequence[Signature], keys: Mapping[str, str]) -> None:
    """AUT-02: CFO and CTO signed identical bytes with two different keys; the same key twice is one signature."""
    raw = dump(authorization)
    good = {}
    for signature in signed:
        if signature.signer in OFFICERS:
            signatures.verify(signature, raw, keys[signature.signer], "authorization@cold-ceremony")
            good[signature.signer] = keys[signature.signer]
    if len(set(good.values())) != len(OFFICERS):
        refuse(
            "AUT-02",
            f"authorization {authorization.identifier} is not signed by both officers",
            found="signatures of " + (", ".join(sorted(good)) or "neither"),
            expected="cfo and cto, each with a key of their own, over these same bytes",
            do="Let the missing officer read it with `authorize show` and sign it.",
        )


@control("AUT-08")
def check_confirmation(authorization: Authorization, confirmation: Confirmation, confirmed: Signature, keys: Mapping[str, str]) -> None:
    """AUT-08: destination and amount were confirmed out of band, by someone who is not the requester, and that person signed it."""
    wanted = (authorization.digest, authorization.destination, authorization.amount)
    if (confirmation.authorization, confirmation.destination, confirmation.amount) != wanted:
        refuse(
            "AUT-08",
            "the confirmation is of something else",
            found=f"{format_btc(confirmation.amount)} to {grouped(confirmation.destination)}, authorization {confirmation.authorization}",
            expected=f"{format_btc(authorization.amount)} to {grouped(authorization.destination)}, authorization {authorization.digest}",
            do="Ask the payee again, over another channel, about this authorization.",
        )
    check_distinct(authorization, confirmation.checker)
    if confirmed.signer != confirmation.checker:
        refuse(
            "AUT-08",
            "the confirmation is signed by somebody else",
            found=f"checked by {confirmation.checker}, signed by {confirmed.signer}",
            expected="the signature of the checker",
            do="Let the checker sign what they heard.",
        )
    if confirmation.checker not in keys:
        refuse(
            "AUT-08",
            "the checker is not in the charter",
            found=confirmation.checker,
            expected="a person of the charter",
            do="Let someone of the charter call the payee.",
        )
    signatures.verify(confirmed, dump(confirmation), keys[confirmation.checker], "confirmation@cold-ceremony")


def check_distinct(authorization: Authorization, checker: str) -> None:
    """AUT-08: whoever calls the payee is not the one who asked for the transfer."""
    if checker == authorization.requester:
        refuse(
            "AUT-08",
            "the payee was not confirmed by a second person",
            found=f"requested and checked by {checker}",
            expected="a checker who is not the requester",
            do="Let someone else call the payee.",
        )


@control("AUT-04")
def check_valid(authorization: Authorization, now: str) -> None:
    """AUT-04: an expired or not yet valid authorization is refused."""
    if not authorization.not_before <= now <= authorization.expires:
        refuse(
            "AUT-04",
            f"authorization {authorization.identifier} is not valid now",
            found=f"valid from {authorization.not_before} to {authorization.expires}",
            expected=f"a validity that includes {now}",
            do="Draft and sign a new one.",
        )


@control("AUT-01")
def binds(authorization: Authorization, values: Mapping[str, Any]) -> None:
    """AUT-01: the authorization names this very register, charter and policy; `values` is field -> expected."""
    for name, expected in values.items():
        found = getattr(authorization, name)
        if found != expected:
            refuse(
                "AUT-01",
                f"authorization {authorization.identifier}: {name.replace('_', ' ')}",
                found=str(found),
                expected=str(expected),
                do="Draft and sign a new one against this register.",
            )
