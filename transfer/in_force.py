"""What counts, from when: the policies of one register, the stricter of old and new until the cool-off is over (AUT-06). Pure.

A policy counts from the signed end of the ceremony that took it in, and never before the date that its people signed. What it tightens
counts at once. What it loosens counts when the cool-off in force is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from ceremony.base.amounts import grouped
from ceremony.base.control import control, refuse
from transfer.authorization import Authorization, Payment
from transfer.limits import Payee, Policy, moment, written

HIGHER, LOWER, MORE, ANY, FIXED = "higher is looser", "lower is looser", "more members looser", "any change looser", "fixed"
ITSELF = "says which document it is"

POLICY: Mapping[str, str] = MappingProxyType(
    {
        "type": FIXED,
        "version": FIXED,
        "mark": FIXED,
        "genesis": FIXED,
        "charter": ITSELF,
        "number": ITSELF,
        "previous": ITSELF,
        "issued": ITSELF,
        "payees": MORE,
        "cool_off_hours": LOWER,
        "per_transfer": HIGHER,
        "window_days": LOWER,
        "per_window": HIGHER,
        "fee_cap": HIGHER,
        "fee_rate_cap": HIGHER,
        "validity_days": HIGHER,
    }
)
"""Field of a policy -> which way is looser. A shorter window is: the same sum may be paid more often."""
_STRICTER: Mapping[str, Callable[..., Any]] = MappingProxyType({HIGHER: min, LOWER: max})


@dataclass(frozen=True, slots=True)
class Counted:
    """A policy, and the UTC time from which it counts."""

    policy: Policy
    since: str


@dataclass(frozen=True, slots=True)
class History:
    """The policies of a register in order, from the one of the key generation to the newest; at least one."""

    items: tuple[Counted, ...]

    @property
    def newest(self) -> Policy:
        """The one that an authorization names."""
        return self.items[-1].policy


def then(before: History | None, policy: Policy, ended: str) -> History:
    """The history with one more policy, which the ceremony took in whose last signature of the end has this time.

    The same policy once more, in a later key generation, begins nothing anew."""
    items = before.items if before is not None else ()
    if items and items[-1].policy == policy:
        return History(items)
    earlier = items[-1].since if items else ""
    return History((*items, Counted(policy, max(ended, policy.issued, earlier))))


def waits(history: History) -> tuple[datetime, ...]:
    """Of each policy, when the cool-off is over of what it loosened or listed.

    The greatest cool-off counts that was in force at any moment of the waiting: that of the older policy too, until the newer one's own
    wait is over, and one that a later policy raised meanwhile."""
    found: list[datetime] = []
    for at, item in enumerate(history.items):
        start = moment(item.since)
        hours = max(each.policy.cool_off_hours for each in history.items[_floor(found, start) : at + 1])
        for later in history.items[at + 1 :]:
            if moment(later.since) < start + timedelta(hours=hours):
                hours = max(hours, later.policy.cool_off_hours)
        found.append(start + timedelta(hours=hours))
    return tuple(found)


def _floor(over: Sequence[datetime], now: datetime) -> int:
    """The place of the newest policy that counts whole at this time, of those whose waits are given; 0, the first one, always does."""
    return next((at for at in range(len(over) - 1, 0, -1) if over[at] <= now), 0)


def in_force(history: History, now: str) -> Policy:
    """The newest policy, with its limits and fee caps as they count at this time: of each field the strictest value since the newest
    policy whose own wait is over. Its digest is no policy's: who needs that takes `newest`."""
    counts = [item.policy for item in history.items[_floor(waits(history), moment(now)) :]]
    limits = {name: _STRICTER[way](getattr(policy, name) for policy in counts) for name, way in POLICY.items() if way in _STRICTER}
    return replace(history.newest, **limits)


def payable_from(history: History, payee: Payee) -> str:
    """The UTC time from which a payee of the newest policy can be paid: since the first policy of the unbroken run that has this
    name with this destination on this network, and the cool-off after that."""
    at = len(history.items) - 1
    while at > 0 and _lists(history.items[at - 1].policy, payee):
        at -= 1
    return written(waits(history)[at])


def _lists(policy: Policy, payee: Payee) -> bool:
    listed = policy.payee(payee.name)
    return listed is not None and _place(listed) == _place(payee)


def _place(payee: Payee) -> tuple[str, str, str]:
    return (payee.chain, payee.network, payee.destination)


@control("AUT-06")
def check_payees(history: History, authorization: Authorization, now: str) -> None:
    """AUT-06: each destination is the listed one of the payee that is named, on the same network, and older than the cool-off."""
    for payment in authorization.payments:
        _check_payee(history, authorization, payment, now)


def _check_payee(history: History, authorization: Authorization, payment: Payment, now: str) -> None:
    payee = history.newest.payee(payment.payee)
    found = (authorization.chain, authorization.network, payment.destination)
    if payee is None or _place(payee) != found:
        refuse(
            "AUT-06",
            f"the destination is not the one that the policy lists for {payment.payee}",
            found=f"{grouped(payment.destination)} ({authorization.chain}, {authorization.network})",
            expected="a payee of the policy" if payee is None else f"{grouped(payee.destination)} ({payee.chain}, {payee.network})",
            do="Ask the payee over another channel. A new destination needs a new policy and its cool-off.",
        )
    ready = payable_from(history, payee)
    if now < ready:
        refuse(
            "AUT-06",
            f"the destination of {payee.name} is still in its cool-off",
            found=f"now {now}",
            expected=f"{ready} or later: the cool-off in force since the signed end of the ceremony that took this destination in",
            do="Wait. Nobody can shorten the cool-off of a destination that is listed already.",
        )
