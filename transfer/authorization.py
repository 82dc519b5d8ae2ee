"""What CFO and CTO sign: one transfer, to its payees, to an own change address or to our new key, once (AUT-01 to AUT-05, AUT-08)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NoReturn, Protocol

from ceremony.base import signatures
from ceremony.base.amounts import format_btc, grouped
from ceremony.base.control import control, refuse
from ceremony.base.data import Btc, Digest, Malformed, Mark, Name, Person, Text, Time, dump, record
from ceremony.base.lines import sha256
from ceremony.base.signatures import Key, Namespace, Signature
from transfer.valuation import ReferenceValue

OFFICERS = ("cfo", "cto")
MOST_PAYMENTS = 100
MOST_COINS = 1_000
MOST_REPLACED = 20


@record
class Payment:
    """Who is paid, where, and how much."""

    payee: Name
    destination: Text
    amount: Btc


@record
class Authorization:
    """AUT-01: everything that an authorization binds.

    A `transfer` pays 1 to 100 payees, each once. A `consolidation` pays nobody: coins of the account are gathered at one own
    change address, the smallest first, `coins` of them at most, and nothing leaves but the fee. A `sweep` moves everything that a
    former key holds to the first address of the key in use. Nothing else can be made: Malformed says what is wrong."""

    type: Literal["authorization"] = "authorization"
    version: Literal["2"] = "2"
    kind: Literal["transfer", "consolidation", "sweep"] = "transfer"
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
    payments: tuple[Payment, ...]
    coins: int | None = None
    """Of a consolidation: how many coins it may gather."""
    key_record: Digest | None = None
    """Of a sweep: the former key that it empties, by the key record of its newest set."""
    to: Digest | None = None
    """Of a sweep: the key in use, by the key record of its newest set."""
    address: Text | None = None
    """Of a sweep: the whole address 0/0 of the same account of the key in use. Everybody re-derives it."""
    fee_cap: Btc
    replaces: tuple[Digest, ...] = ()
    """Transactions that are signed and not settled, and that can never be mined beside this one (BRD-06)."""
    aware_of: tuple[int, ...] = ()
    """Voided transfers (numbers of ceremonies) that may have signed a payment to one of these payees: its signers know of them (BRD-06)."""
    purpose: Text
    reference_value: ReferenceValue
    """What the amount was worth by `not_before`, which is when it was drafted."""
    requester: Person
    not_before: Time
    expires: Time

    def __post_init__(self) -> None:
        check_payments(self)

    @property
    def amount(self) -> int:
        """The sum that leaves us, without the fee; 0 for a consolidation and for a sweep."""
        return sum(payment.amount for payment in self.payments)

    @property
    def digest(self) -> str:
        """SHA-256 of the authorization's file."""
        return sha256(dump(self))


def check_payments(authorization: Authorization) -> None:
    """A transfer pays 1 to 100 payees, each and each address once; a consolidation pays none and names its number of coins; a sweep
    pays none, takes every coin, and names both keys and one address."""
    found, what = authorization.payments, f"authorization {authorization.identifier}"
    if len(set(authorization.replaces)) != len(authorization.replaces) or len(authorization.replaces) > MOST_REPLACED:
        raise Malformed(f"{what}: it replaces a transaction twice, or more than {MOST_REPLACED}")
    if authorization.reference_value.time > authorization.not_before:
        valued = authorization.reference_value.time
        raise Malformed(f"{what}: its reference value is of {valued}, expected no later than {authorization.not_before}")
    _check_sweep(authorization, what)
    if authorization.kind == "sweep":
        return
    if authorization.kind == "consolidation":
        if found or not 2 <= (authorization.coins or 0) <= MOST_COINS:
            raise Malformed(f"{what}: a consolidation has no payments and gathers 2 to {MOST_COINS} coins")
        return
    if not 1 <= len(found) <= MOST_PAYMENTS or authorization.coins is not None:
        raise Malformed(f"{what}: found {len(found)} payments, expected 1 to {MOST_PAYMENTS}, and no number of coins")
    for name, values in (("payee", [p.payee for p in found]), ("destination", [p.destination for p in found])):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise Malformed(f"{what}: the {name} {twice[0]} is there twice")


def _check_sweep(authorization: Authorization, what: str) -> None:
    """What only a sweep has, all of it, and nothing that it cannot have."""
    keys = (authorization.key_record, authorization.to, authorization.address)
    if authorization.kind != "sweep":
        if any(value is not None for value in keys):
            raise Malformed(f"{what}: only a sweep names the key that it empties, the one that it fills, and an address of that")
        return
    if authorization.payments or authorization.coins is not None or None in keys or authorization.key_record == authorization.to:
        raise Malformed(f"{what}: a sweep has no payments and no number of coins; it names two different key records and one address")


@record
class Call:
    """One payee was asked: the payment that was read to them and read back, over which channel, who answered, when."""

    payee: Name
    destination: Text
    amount: Btc
    channel: Text
    spoken_with: Text
    time: Time


@record
class Confirmation:
    """AUT-08: destination and amount of each payment were checked with its payee over another channel, by someone who is not the
    requester. One call for each payment, in the order of the authorization."""

    type: Literal["confirmation"] = "confirmation"
    version: Literal["2"] = "2"
    authorization: Digest
    checker: Person
    calls: tuple[Call, ...]


_TOKEN = object()


class Authorized:
    """Proof that an authorization is signed by both officers, confirmed, and valid now. Only `signed_by` makes one.

    `confirmation` is None for a consolidation and for a sweep: there is no payee to ask."""

    __slots__ = ("authorization", "confirmation")

    def __init__(self, authorization: Authorization, confirmation: Confirmation | None, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only signed_by makes this proof")
        self.authorization = authorization
        self.confirmation = confirmation


def signed_by(  # noqa: PLR0913, PLR0917 (two documents, what signs each, keys, clock)
    authorization: Authorization,
    signed: Sequence[Signature],
    confirmation: Confirmation | None,
    confirmed: Sequence[Signature],
    keys: Mapping[str, Key],
    now: str,
) -> Authorized:
    """The proof that CFO and CTO signed these bytes (AUT-02), each payee was asked (AUT-08), and it is valid at `now` (AUT-04).

    `keys`: person -> public key, from the charter. `now`: a UTC time in the form of the transcript."""
    check_officers(authorization, signed, keys)
    check_confirmation(authorization, confirmation, confirmed, keys)
    check_valid(authorization, now)
    return Authorized(authorization, confirmation, _TOKEN)


class Order(Protocol):
    """What both officers sign, and what counts once, between two times: an authorization, or an order about shares."""

    @property
    def type(self) -> str:
        """Which document it is."""

    @property
    def identifier(self) -> str:
        """Its name; no two have the same."""

    @property
    def register_head(self) -> str:
        """The register's head that its signers saw."""

    @property
    def not_before(self) -> str:
        """UTC time: it counts from then on."""

    @property
    def expires(self) -> str:
        """UTC time: it counts until then."""


def called(order: Order) -> str:
    """What a refusal calls it: `authorization t-20261120-00000001`, `share order s-20261120-00000001`."""
    return f"{order.type.replace('-', ' ')} {order.identifier}"


def check_head(order: Order, heads: Collection[str], newest: str) -> None:
    """AUD-10: it was signed against a head that this register still has."""
    if order.register_head not in heads:
        refuse(
            "AUD-10",
            f"the {order.type.replace('-', ' ')} names a register head that this register does not have",
            found=order.register_head,
            expected=f"a head of this register, such as {newest}",
            do=f"If the register is an old copy, get the newest one. Else draft and sign a new {order.type.rpartition('-')[2]}.",
        )


@control("AUT-02")
def check_officers(
    order: Order, signed: Sequence[Signature], keys: Mapping[str, Key], namespace: Namespace = "authorization@cold-ceremony"
) -> None:
    """AUT-02: CFO and CTO signed identical bytes with two different keys; the same key twice is one signature."""
    raw = dump(order)
    good = {}
    for signature in signed:
        if signature.signer in OFFICERS:
            signatures.verify(signature, raw, keys[signature.signer], namespace)
            good[signature.signer] = keys[signature.signer].text
    if len(set(good.values())) != len(OFFICERS):
        refuse(
            "AUT-02",
            f"{called(order)} is not signed by both officers",
            found="signatures of " + (", ".join(sorted(good)) or "neither"),
            expected="cfo and cto, each with a key of their own, over these same bytes",
            do="Let the missing officer read it, each field of it, and sign it.",
        )


@control("AUT-08")
def check_confirmation(
    authorization: Authorization, confirmation: Confirmation | None, confirmed: Sequence[Signature], keys: Mapping[str, Key]
) -> None:
    """AUT-08: destination and amount of every payment were confirmed out of band, by someone who is not the requester, and that
    person alone signed it. A consolidation and a sweep have no payee, and nobody who could be asked."""
    if not authorization.payments:
        if confirmation is not None or confirmed:
            _unconfirmed(f"a {authorization.kind} has nobody to ask", "a confirmation", "none", "Leave the confirmation out.")
        return
    if confirmation is None:
        _unconfirmed("nobody confirmed", "no confirmation", "one call to each payee", "Let the checker call the payees.")
    _check_calls(authorization, confirmation)
    check_distinct(authorization, confirmation.checker)
    if [signature.signer for signature in confirmed] != [confirmation.checker]:
        found = f"checked by {confirmation.checker}, signed by {', '.join(s.signer for s in confirmed) or 'nobody'}"
        _unconfirmed(
            "the confirmation is not signed by its checker alone",
            found,
            "the signature of the checker",
            "Let the checker sign what they heard.",
        )
    if confirmation.checker not in keys:
        do = "Let someone of the charter call the payee."
        _unconfirmed("the checker is not in the charter", confirmation.checker, "a person of the charter", do)
    signatures.verify(confirmed[0], dump(confirmation), keys[confirmation.checker], "confirmation@cold-ceremony")


def _check_calls(authorization: Authorization, confirmation: Confirmation) -> None:
    """One call for each payment of this very authorization, in its order."""
    do = "Ask the payee again, over another channel, about this authorization."
    if confirmation.authorization != authorization.digest:
        found, expected = f"authorization {confirmation.authorization}", f"authorization {authorization.digest}"
        _unconfirmed("the confirmation is of something else", found, expected, do)
    if len(confirmation.calls) != len(authorization.payments):
        found, expected = f"{len(confirmation.calls)} calls", f"{len(authorization.payments)}, one for each payment"
        _unconfirmed("the confirmation is of something else", found, expected, do)
    for call, payment in zip(confirmation.calls, authorization.payments, strict=True):
        if (call.payee, call.destination, call.amount) != (payment.payee, payment.destination, payment.amount):
            _unconfirmed("the confirmation is of something else", told(call), told(payment), do)


def told(payment: Payment | Call) -> str:
    """One payment in words: amount, payee, whole address."""
    return f"{format_btc(payment.amount)} to {payment.payee}, {grouped(payment.destination)}"


def _unconfirmed(what: str, found: str, expected: str, do: str) -> NoReturn:
    refuse("AUT-08", what, found=found, expected=expected, do=do)


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
def check_valid(order: Order, now: str) -> None:
    """AUT-04: an expired or not yet valid authorization, or share order, is refused."""
    if not order.not_before <= now <= order.expires:
        refuse(
            "AUT-04",
            f"{called(order)} is not valid now",
            found=f"valid from {order.not_before} to {order.expires}",
            expected=f"a validity that includes {now}",
            do="Draft and sign a new one.",
        )


@control("AUT-01")
def binds(order: Order, values: Mapping[str, Any]) -> None:
    """AUT-01: the authorization (or share order) names this very register, charter and policy; `values` is field -> expected."""
    for name, expected in values.items():
        found = getattr(order, name)
        if found != expected:
            refuse(
                "AUT-01",
                f"{called(order)}: {name.replace('_', ' ')}",
                found=str(found),
                expected=str(expected),
                do="Draft and sign a new one against this register.",
            )
