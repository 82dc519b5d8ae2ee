"""The policy's schedule: payees and limits, and the check of an authorization against the limits (AUT-07). Pure.

Amounts are whole satoshi, rates satoshi per 1,000 virtual bytes, times UTC in the form of `ceremony.base.data.Time`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from ceremony.base.amounts import MOST, format_btc
from ceremony.base.control import control, refuse
from ceremony.base.data import Btc, Digest, Malformed, Mark, Name, Text, Time, dump, record
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from transfer.authorization import Authorization
from transfer.bitcoin.address import script_of
from transfer.lookalike import check_unlike


@record
class Payee:
    """One payee. `added` is the date of the policy that first listed this destination; what counts is when that policy counted (AUT-06)."""

    name: Name
    chain: Literal["bitcoin"]
    network: Literal["main", "test", "regtest"]
    destination: Text
    added: Time
    note: Text


@record
class Policy:
    """One policy. `previous` is the digest of its predecessor and absent from the first one (number 0)."""

    type: Literal["policy"] = "policy"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    charter: Digest
    number: int
    previous: Digest | None = None
    issued: Time
    payees: tuple[Payee, ...]
    cool_off_hours: int
    per_transfer: Btc
    """The greatest sum of one transfer, all its payments together, without the fee."""
    window_days: int
    per_window: Btc
    """The greatest sum of amounts within any `window_days` days, this transfer included."""
    fee_cap: Btc
    """The highest fee of one transfer."""
    fee_rate_cap: int
    """Satoshi per 1,000 virtual bytes."""
    validity_days: int
    """The longest life of an authorization."""

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's file."""
        return sha256(dump(self))

    def payee(self, name: str) -> Payee | None:
        """One payee by name, or None."""
        return next((payee for payee in self.payees if payee.name == name), None)


@dataclass(frozen=True, slots=True)
class Spent:
    """What counts against the window: when an authorization was granted, and its amount in satoshi."""

    time: str
    amount: int


RANGES: dict[str, tuple[int, int]] = {
    "cool_off_hours": (0, 8_760),
    "per_transfer": (1, MOST),
    "window_days": (1, 366),
    "per_window": (1, MOST),
    "fee_cap": (1, MOST // 1_000),
    "fee_rate_cap": (1_000, 10_000_000),
    "validity_days": (1, 31),
}
"""Field -> least and greatest value."""


def moment(time: str) -> datetime:
    """A time of ours as a point in time; Malformed for a date that no calendar has (the 31st of February)."""
    try:
        return datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(f"{shown(time)} is not a UTC time such as 2026-11-20T09:30:00Z") from None


def written(point: datetime) -> str:
    """A point in time in our form, in UTC, whole seconds."""
    return point.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_form(policy: Policy) -> None:
    """Ranges, and payees that cannot be taken for one another; Malformed says which field (the caller's SET-04)."""
    for field, (least, greatest) in RANGES.items():
        if not least <= getattr(policy, field) <= greatest:
            raise Malformed(f"policy.{field}: found {getattr(policy, field)}, expected {least} to {greatest}")
    if policy.per_window < policy.per_transfer:
        raise Malformed(f"policy.per_window: found {policy.per_window}, expected at least per_transfer, {policy.per_transfer}")
    if (policy.number == 0) != (policy.previous is None):
        raise Malformed("policy.previous: the first policy (number 0) has none, every later one has one")
    for what, values in (("name", [p.name for p in policy.payees]), ("destination", [p.destination for p in policy.payees])):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise Malformed(f"policy.payees: the {what} {twice[0]} is there twice")
    issued = moment(policy.issued)
    for payee in policy.payees:
        script_of(payee.destination, payee.network)
        if moment(payee.added) > issued:
            raise Malformed(f"policy.payees: {payee.name} was added {payee.added}, after the policy was issued, {policy.issued}")


def check_look_alikes(policy: Policy) -> None:
    """TXN-07: no two destinations of the policy begin and end alike."""
    seen: dict[str, str] = {}
    for payee in policy.payees:
        check_unlike(payee.destination, payee.name, seen)
        seen[payee.destination] = f"that of {payee.name}"


def spent_in_window(policy: Policy, spent: Sequence[Spent], now: str) -> int:
    """Satoshi granted within the window that ends now; what is dated later than now counts as well."""
    start = moment(now) - timedelta(days=policy.window_days)
    return sum(s.amount for s in spent if moment(s.time) > start)


@control("AUT-07")
def check_limits(policy: Policy, authorization: Authorization, spent: Sequence[Spent], now: str) -> None:
    """AUT-07: the sum of the payments, that of the window, fee and validity are within the signed policy; no operator overrides it."""
    within = spent_in_window(policy, spent, now)
    life = moment(authorization.expires) - moment(authorization.not_before)
    _most("the sum of the payments", authorization.amount, policy.per_transfer, "per transfer")
    _most(f"the sum of {policy.window_days} days", within + authorization.amount, policy.per_window, f"per {policy.window_days} days")
    _most("the fee cap", authorization.fee_cap, policy.fee_cap, "fee per transfer")
    for payment in authorization.payments:
        if payment.amount < 1:
            refuse(
                "AUT-07",
                f"the amount for {payment.payee}",
                found="0 satoshi",
                expected="1 satoshi or more",
                do="Draft a new authorization.",
            )
    if not timedelta(0) < life <= timedelta(days=policy.validity_days):
        refuse(
            "AUT-07",
            "the authorization's validity",
            found=f"{authorization.not_before} to {authorization.expires}",
            expected=f"more than nothing and at most {policy.validity_days} days",
            do="Draft a new authorization with a validity within the policy.",
        )


def _most(what: str, found: int, limit: int, name: str) -> None:
    if found > limit:
        refuse(
            "AUT-07",
            f"{what} is above the policy's limit",
            found=format_btc(found),
            expected=f"at most {format_btc(limit)} {name}",
            do="Draft a smaller authorization, wait, or change the policy with all its signers.",
        )
