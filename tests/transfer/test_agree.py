from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from bitcoin_case import ACCOUNT, coins, order, request
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.vault.orders import matches
from tests.desk import NOW, OTHER, PAYEE, Desk
from tests.policies import counted
from transfer import authorization as papers
from transfer.agree import Agreed, agree, check_fee, check_payment, same_reading
from transfer.authorization import Authorization, Authorized, signed_by
from transfer.authorization import Payment as Paid
from transfer.bitcoin import second
from transfer.bitcoin.build import build
from transfer.bitcoin.reading import review
from transfer.limits import Policy, Spent
from transfer.outstanding import Claim
from transfer.review import Change, Decoded, Payment, Review


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def seen() -> Review:
    return review(request(), ACCOUNT)


@pytest.fixture(scope="module")
def decoded() -> Decoded:
    return second.read(request(), ACCOUNT)


def wanted(desk: Desk, **changes: Any) -> Authorization:
    return desk.authorization(**{"account": "treasury", "amount": 120_000, "fee_cap": 10_000, **changes})


def proof(desk: Desk, authorization: Authorization) -> Authorized:
    said = desk.confirmation(authorization)
    signed = [desk.sign(person, authorization, "authorization@cold-ceremony") for person in ("cfo", "cto")]
    return signed_by(authorization, signed, said, [desk.sign("witness", said, "confirmation@cold-ceremony")], desk.charter().keys, NOW)


def refusal(run: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value


def judged(desk: Desk, authorization: Authorization, seen: Review, policy: Policy | None = None, spent: Sequence[Spent] = ()) -> Refused:
    """The refusal of an authorization and a review to which both readers agree."""
    return refusal(
        lambda: agree(
            proof(desk, authorization), seen, seen.decoded, counted(policy or desk.policy()), (Claim(number=2, spent=tuple(spent)),), NOW
        )
    )


def test_two_real_readers_agree_with_what_was_authorized(desk: Desk, seen: Review, decoded: Decoded) -> None:
    agreed = agree(proof(desk, wanted(desk)), seen, decoded, counted(desk.policy()), (), NOW)
    assert agreed.review == seen
    assert agreed.authorized.authorization == wanted(desk)
    assert agreed.policy == desk.policy()


def test_a_request_without_change_agrees_too(desk: Desk) -> None:
    made = build(ACCOUNT, coins(120_300), order(rate=1_000))
    found = review(made, ACCOUNT)
    assert found.change == ()
    agree(proof(desk, wanted(desk)), found, second.read(made, ACCOUNT), counted(desk.policy()), (), NOW)


def test_only_agree_makes_the_proof(desk: Desk, seen: Review) -> None:
    with pytest.raises(TypeError):
        Agreed(proof(desk, wanted(desk)), seen, desk.policy(), object())


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, tuple):
        return value[:-1] or (None,)
    return {"regtest": "test", "treasury": "other"}.get(value, "00" * 32)


@pytest.mark.control("TXN-01")
@pytest.mark.parametrize("name", [f.name for f in fields(Decoded) if f.name != "chain"])
def test_readers_that_differ_in_one_field_are_refused(seen: Review, decoded: Decoded, name: str) -> None:
    same_reading(seen, decoded)
    error = refusal(lambda: same_reading(seen, replace(decoded, **{name: _other(getattr(decoded, name))})))
    assert error.identifier == "TXN-01"
    assert name in error.what


@pytest.mark.control("TXN-01")
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_readers_that_differ_anywhere_within_are_refused(data: st.DataObject) -> None:
    found = review(request(), ACCOUNT)
    name = data.draw(st.sampled_from(["inputs", "payments", "change"]))
    items = list(getattr(found.decoded, name))
    at = data.draw(st.integers(0, len(items) - 1))
    part = data.draw(st.sampled_from(fields(items[at]))).name
    value = getattr(items[at], part)
    items[at] = replace(items[at], **{part: value + 1 if isinstance(value, int) else value[:-1]})
    error = refusal(lambda: same_reading(found, replace(found.decoded, **{name: tuple(items)})))
    assert error.identifier == "TXN-01"


@pytest.mark.control("TXN-01")
@pytest.mark.parametrize("change", [{"amount": 119_999}, {"amount": 120_001}])
def test_another_amount_than_authorized(desk: Desk, seen: Review, change: dict[str, Any]) -> None:
    assert judged(desk, wanted(desk, **change), seen).identifier == "TXN-01"


@pytest.mark.control("TXN-01")
def test_another_payee_than_authorized(desk: Desk) -> None:
    stranger = review(build(ACCOUNT, coins(100_000, 80_000), order(payee=OTHER)), ACCOUNT)
    error = judged(desk, wanted(desk), stranger)
    assert error.identifier == "TXN-01"
    assert "bcrt 1qrp 33g0" in error.found


@pytest.mark.control("TXN-01")
def test_change_that_is_a_payment_is_refused(desk: Desk, seen: Review) -> None:
    stolen = Payment(index=seen.change[0].index, address=OTHER, amount=seen.change[0].amount, script=b"\x00")
    for payments, change in (((*seen.payments, stolen), ()), ((), seen.change), ((seen.payments[0], seen.payments[0]), seen.change)):
        forged = replace(seen, payments=payments, change=change)
        assert judged(desk, wanted(desk), forged).identifier == "TXN-01"


@pytest.mark.control("TXN-04")
@pytest.mark.parametrize("change", [{"network": "test"}, {"account": "other"}])
def test_another_network_or_account(desk: Desk, seen: Review, change: dict[str, Any]) -> None:
    assert judged(desk, wanted(desk), replace(seen, **change)).identifier == "TXN-04"


@pytest.mark.control("TXN-12")
def test_fee_caps_are_the_lesser_of_authorization_and_policy(desk: Desk, seen: Review) -> None:
    policy = desk.policy()
    check_fee(seen, wanted(desk, fee_cap=seen.fee), policy)
    check_fee(seen, wanted(desk, fee_cap=100_000), replace(policy, fee_cap=seen.fee))
    for authorized, cap in ((seen.fee - 1, 100_000), (100_000, seen.fee - 1)):
        error = refusal(lambda a=authorized, c=cap: check_fee(seen, wanted(desk, fee_cap=a), replace(policy, fee_cap=c)))  # type: ignore[misc]
        assert error.identifier == "TXN-12"


@pytest.mark.control("TXN-12")
def test_fee_rate_cap(desk: Desk, seen: Review) -> None:
    policy = desk.policy()
    check_fee(seen, wanted(desk), replace(policy, fee_rate_cap=seen.rate))
    error = refusal(lambda: check_fee(seen, wanted(desk), replace(policy, fee_rate_cap=seen.rate - 1)))
    assert error.identifier == "TXN-12"


@pytest.mark.control("TXN-12")
def test_a_fee_that_the_amounts_do_not_give(desk: Desk, seen: Review) -> None:
    own = seen.change[0]
    less = Change(index=own.index, address=own.address, amount=own.amount - 1, script=own.script, path=own.path)
    for forged in (replace(seen, fee=seen.fee - 1), replace(seen, change=(less,)), replace(seen, inputs=seen.inputs[:1])):
        assert judged(desk, wanted(desk), forged).identifier == "TXN-12"


def test_the_policy_is_asked_again(desk: Desk, seen: Review) -> None:
    other = desk.policy(per_transfer=1_000, per_window=1_000)
    assert judged(desk, wanted(desk), seen, policy=other).identifier == "AUT-01"
    assert judged(desk, wanted(desk, policy=other.digest), seen, policy=other).identifier == "AUT-07"
    assert judged(desk, wanted(desk), seen, spent=[Spent(NOW, 200_000_000)]).identifier == "AUT-07"
    assert judged(desk, wanted(desk, destination=OTHER), seen).identifier == "AUT-06"


def held(seen: Review, **changes: Any) -> Claim:
    """A signed transfer of 120,000 sat to the same payee that spends the first coin of this request."""
    first = f"{seen.inputs[0].txid}:{seen.inputs[0].vout}"
    paid = (papers.Payment(payee="exchange", destination=PAYEE, amount=120_000),)
    values = {"number": 2, "payments": paid, "coins": (first,), "txid": "11" * 32, "signed": True, **changes}
    return Claim(**values)


AWAY = (f"{'ab' * 32}:0",)
ELSEWHERE = (papers.Payment(payee="fund", destination=OTHER, amount=120_000),)
NAMED = {"replaces": ("11" * 32,)}
MUST_CONFLICT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a second payment to the payee, not named": ({}, {"coins": AWAY}),
    "the payee under another name": ({}, {"coins": AWAY, "payments": (papers.Payment(payee="other", destination=PAYEE, amount=1),)}),
    "the payee at another address": ({}, {"coins": AWAY, "payments": (papers.Payment(payee="exchange", destination=OTHER, amount=1),)}),
    "a coin that another transfer holds": ({}, {"payments": ELSEWHERE}),
    "a coin of a transfer that is prepared": ({}, {"payments": ELSEWHERE, "signed": False}),
    "a coin that was spent for good": ({}, {"payments": ELSEWHERE, "confirmations": 9}),
    "named, and no coin of it is spent": (NAMED, {"coins": AWAY}),
    "named, and it has its receipt": (NAMED, {"confirmations": 1}),
    "named, and it can never be mined": (NAMED, {"replaced_by": "22" * 32}),
    "named, and never signed": (NAMED, {"signed": False}),
    "named, and unknown": (NAMED, {"txid": "33" * 32, "payments": ELSEWHERE, "coins": AWAY}),
}


@pytest.mark.control("BRD-06")
@pytest.mark.parametrize("name", MUST_CONFLICT)
def test_what_could_be_mined_beside_an_outstanding_transfer_is_refused(desk: Desk, seen: Review, name: str) -> None:
    changes, claim = MUST_CONFLICT[name]
    authorization = proof(desk, wanted(desk, **changes))
    refused = refusal(lambda: agree(authorization, seen, seen.decoded, counted(desk.policy()), (held(seen, **claim),), NOW))
    assert refused.identifier == "BRD-06"


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        (NAMED, {}),
        (NAMED, {"payments": ELSEWHERE}),
        ({}, {"payments": ELSEWHERE, "coins": AWAY}),
        ({}, {"coins": AWAY, "confirmations": 1}),
        ({}, {"replaced_by": "22" * 32}),
    ],
    ids=["replaced", "another payee's, replaced", "another payee, other coins", "mined before", "never to be mined"],
)
def test_what_can_never_be_mined_beside_it_agrees(desk: Desk, seen: Review, changes: dict[str, Any], claim: dict[str, Any]) -> None:
    agree(proof(desk, wanted(desk, **changes)), seen, seen.decoded, counted(desk.policy()), (held(seen, **claim),), NOW)


@pytest.mark.control("BRD-06")
def test_whoever_replaces_one_of_two_rivals_replaces_both(desk: Desk, seen: Review) -> None:
    rivals = (held(seen), held(seen, number=3, txid="22" * 32, payments=ELSEWHERE))
    named = proof(desk, wanted(desk, **NAMED))
    assert refusal(lambda: agree(named, seen, seen.decoded, counted(desk.policy()), rivals, NOW)).what.startswith(
        "a rival of what it replaces"
    )
    both = proof(desk, wanted(desk, replaces=("11" * 32, "22" * 32)))
    agree(both, seen, seen.decoded, counted(desk.policy()), rivals, NOW)


# Several payments, and none


def several(desk: Desk, *paid: tuple[str, str, int], **changes: Any) -> Authorization:
    """An authorization of these payments (payee, address, amount)."""
    payments = tuple(Paid(payee=name, destination=address, amount=amount) for name, address, amount in paid)
    return desk.authorization(payments=payments, account="treasury", **changes)


@pytest.mark.control("TXN-01")
def test_each_payment_stands_in_the_request_once(desk: Desk) -> None:
    paid = (("exchange", PAYEE, 60_000), ("other", OTHER, 30_000))
    good = several(desk, *paid)
    made = build(ACCOUNT, coins(100_000, 80_000), order(payments=tuple((address, amount) for _, address, amount in paid)))
    both = review(made, ACCOUNT)
    check_payment(both, good)
    check_payment(replace(both, payments=both.payments[::-1]), good)
    first, second_ = both.payments
    for payments in ((first,), (first, second_, second_), (first, first), (first, replace(second_, amount=30_001)), ()):
        assert refusal(lambda payments=payments: check_payment(replace(both, payments=payments), good)).identifier == "TXN-01"  # type: ignore[misc]
    swapped = several(desk, ("exchange", PAYEE, 30_000), ("other", OTHER, 60_000))
    assert refusal(lambda: check_payment(both, swapped)).identifier == "TXN-01"
    assert refusal(lambda: check_payment(replace(both, change=both.change * 2), good)).identifier == "TXN-01"


@pytest.mark.control("TXN-01")
def test_a_consolidation_returns_everything_to_one_own_address(desk: Desk) -> None:
    gathering = wanted_nothing(desk, 2)
    found = review(build(ACCOUNT, coins(100_000, 80_000, 90_000), order(payments=(), gather=2)), ACCOUNT)
    check_payment(found, gathering)
    paying = review(request(), ACCOUNT)
    for forged in (
        replace(found, change=()),
        replace(found, change=found.change * 2),
        replace(found, payments=paying.payments),
        replace(found, inputs=(*found.inputs, *found.inputs[:1])),
    ):
        assert refusal(lambda forged=forged: check_payment(forged, gathering)).identifier == "TXN-01"  # type: ignore[misc]
    assert refusal(lambda: check_payment(found, wanted(desk))).identifier == "TXN-01"


def wanted_nothing(desk: Desk, most: int) -> Authorization:
    """A consolidation of so many coins."""
    return desk.authorization(kind="consolidation", payments=(), coins=most, account="treasury", fee_cap=10_000)


@pytest.mark.control("SIG-08")
def test_the_vault_holds_a_consolidation_to_the_same(desk: Desk) -> None:
    found = review(build(ACCOUNT, coins(100_000, 80_000, 90_000), order(payments=(), gather=2)), ACCOUNT)
    good = desk.authorization(kind="consolidation", payments=(), coins=2, fee_cap=10_000)
    matches(found, good)
    for forged in (replace(found, change=()), replace(found, change=found.change * 2), replace(found, inputs=found.inputs * 2)):
        assert refusal(lambda forged=forged: matches(forged, good)).identifier == "SIG-08"  # type: ignore[misc]
    paying = review(request(), ACCOUNT)
    assert refusal(lambda: matches(replace(found, payments=paying.payments), good)).identifier == "SIG-08"
    matches(paying, desk.authorization(amount=120_000))
    assert refusal(lambda: matches(replace(paying, change=paying.change * 2), desk.authorization(amount=120_000))).identifier == "SIG-08"
