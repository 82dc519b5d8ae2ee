"""Both readers of a signing request, the authorization and the policy agree field by field (TXN-01). Only then can it be approved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields

from ceremony.base.amounts import format_btc, format_rate, grouped
from ceremony.base.control import control, refuse
from transfer.authorization import Authorization, Authorized, binds
from transfer.in_force import History, check_payees, in_force
from transfer.limits import Policy, check_limits
from transfer.outstanding import Claim, check_conflicts
from transfer.review import Change, Decoded, Payment, Review

_TOKEN = object()
_STOP = "Stop here. Keep the file and both readings: this is what an attack looks like."
_ANEW = "Build the signing request again from this authorization."


class Agreed:
    """Proof that one signing request is exactly what was authorized, to two readers and under the policy. Only `agree` makes one."""

    __slots__ = ("authorized", "policy", "review")

    def __init__(self, authorized: Authorized, review: Review, policy: Policy, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only agree makes this proof")
        self.authorized = authorized
        self.review = review
        self.policy = policy


def agree(  # noqa: PLR0913, PLR0917 (what was authorized, two readings, and what the policy's limits need)
    authorized: Authorized, review: Review, second: Decoded, history: History, claims: Sequence[Claim], now: str
) -> Agreed:
    """The proof that both readings are equal, and that what they read is what was authorized and what the policies allow at `now`.

    `claims`: what the register's other transfers hold back. Refuses with AUT-01, AUT-06, AUT-07, BRD-06, TXN-01, TXN-04 or
    TXN-12."""
    same_reading(review, second)
    authorization, policy = authorized.authorization, history.newest
    binds(authorization, {"policy": policy.digest, "mark": policy.mark, "genesis": policy.genesis})  # a policy outlives its charter
    check_payees(history, authorization, now)
    limits = in_force(history, now)
    check_limits(limits, authorization, [spent for claim in claims for spent in claim.counts], now)
    check_place(review, authorization)
    check_payment(review, authorization)
    check_fee(review, authorization, limits)
    check_conflicts(review, authorization, claims)
    return Agreed(authorized, review, policy, _TOKEN)


@control("TXN-01")
def same_reading(review: Review, second: Decoded) -> None:
    """TXN-01: both readers found the same facts, field by field."""
    first = review.decoded
    for field in fields(Decoded):
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        if ours != theirs:
            refuse(
                "TXN-01",
                f"the two readers of the signing request differ: {field.name}",
                found=f"{_short(ours)} by our reader",
                expected=f"{_short(theirs)}, as the second reader finds",
                do=_STOP,
            )


@control("TXN-04")
def check_place(review: Review, authorization: Authorization) -> None:
    """TXN-04: chain, network and account are the authorized ones."""
    found = (review.chain, review.network, review.account)
    expected = (authorization.chain, authorization.network, authorization.account)
    if found != expected:
        refuse(
            "TXN-04",
            "the signing request is of another chain, network or account",
            found=", ".join(found),
            expected=", ".join(expected),
            do=_ANEW,
        )


def check_payment(review: Review, authorization: Authorization) -> None:
    """TXN-01: what leaves the account is exactly the authorized payments, each once; at most one other output, which is change (TXN-11).

    A consolidation pays nobody: its one output is change, and it gathers no more coins than it names. A sweep pays nobody and has no
    change: its one output is the address of the key in use that the officers named."""
    found = Counter((payment.address, payment.amount) for payment in review.payments)
    wanted = Counter((payment.destination, payment.amount) for payment in authorization.payments)
    if found != wanted:
        refuse(
            "TXN-01",
            "the signing request does not pay what was authorized",
            found=_listed(found - wanted) if found - wanted else f"nothing else, but not {_listed(wanted - found)}",
            expected=f"{_listed(wanted)}, each once, and change" if wanted else "no payment at all: everything returns to the account",
            do=_ANEW,
        )
    _check_swept(review, authorization)
    least, most = {"transfer": (0, 1), "consolidation": (1, 1), "sweep": (0, 0)}[authorization.kind]
    if not least <= len(review.change) <= most:
        expected = {"transfer": "at most one output of change", "consolidation": "one output of change", "sweep": "no change"}[
            authorization.kind
        ]
        refuse("TXN-01", "what returns to the account", found=f"{len(review.change)} outputs", expected=expected, do=_ANEW)
    if authorization.coins is not None and len(review.inputs) > authorization.coins:
        expected = f"at most {authorization.coins}, as authorized"
        refuse("TXN-01", "the coins that are gathered", found=str(len(review.inputs)), expected=expected, do=_ANEW)


def _check_swept(review: Review, authorization: Authorization) -> None:
    """TXN-01: what goes to our new key is one output to the address that a sweep names, and nothing in anything else."""
    found = [output.address for output in review.swept]
    if found != ([authorization.address] if authorization.kind == "sweep" else []):
        refuse(
            "TXN-01",
            "what goes to our new key",
            found=", ".join(map(grouped, found)) or "nothing",
            expected=grouped(authorization.address) if authorization.address else "nothing: this is no sweep",
            do=_ANEW,
        )


def _listed(payments: Counter[tuple[str, int]]) -> str:
    """Payments in words, the first five of them."""
    told = [f"{format_btc(amount)} to {grouped(address)}" for address, amount in sorted(payments.elements())]
    return "; ".join(told[:5]) + (f" and {len(told) - 5} more" if told[5:] else "")


def check_fee(review: Review, authorization: Authorization, policy: Policy) -> None:
    """TXN-12: the fee is what the inputs leave over, and within the authorization's and the policy's caps, absolute and by rate."""
    outputs: tuple[Payment | Change, ...] = (*review.payments, *review.change, *review.swept)
    paid = sum(output.amount for output in outputs)
    left = sum(coin.amount for coin in review.inputs) - paid
    cap = min(authorization.fee_cap, policy.fee_cap)
    if review.fee != left:
        refuse("TXN-12", "the fee", found=f"{review.fee} sat", expected=f"{left} sat, which the inputs leave over", do=_STOP)
    if review.fee > cap:
        refuse("TXN-12", "the fee is too high", found=format_btc(review.fee), expected=f"at most {format_btc(cap)}", do=_ANEW)
    if review.rate > policy.fee_rate_cap:
        refuse(
            "TXN-12",
            "the fee rate is too high",
            found=format_rate(review.rate),
            expected=f"at most {format_rate(policy.fee_rate_cap)}, the policy's fee rate cap",
            do=_ANEW,
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
