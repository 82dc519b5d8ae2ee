"""Coin selection: exact, deterministic, never dust, never dearer than it must be; compared with every set there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from bitcoin_case import ACCOUNT, PAYEE, coin, coins, order, sign, snapshot
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from transfer.bitcoin import rules, select
from transfer.bitcoin.account import opened
from transfer.bitcoin.address import script_of
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.build import build
from transfer.bitcoin.check import check
from transfer.bitcoin.reading import review
from transfer.bitcoin.select import Choice, Rates
from transfer.bitcoin.sighash import sighashes
from transfer.bitcoin.snapshot import OwnCoin, checked
from transfer.bitcoin.tx import TxOut
from transfer.outstanding import Claim
from transfer.review import Review

CHANGE = opened(ACCOUNT).own(1, 7).script
OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
TO, TO_OTHER = script_of(PAYEE, "regtest"), script_of(OTHER, "regtest")
AMOUNTS = st.lists(st.integers(100, 400_000), min_size=1, max_size=9)
PAID = st.lists(st.integers(400, 500_000), min_size=1, max_size=2)
RATE = st.integers(1_000, 60_000)


def own(*amounts: int) -> tuple[OwnCoin, ...]:
    return coins(*amounts).items


def outs(paid: list[int]) -> tuple[TxOut, ...]:
    return tuple(TxOut(amount, script) for amount, script in zip(paid, (TO, TO_OTHER), strict=False))


def cost(choice: Choice, payments: tuple[TxOut, ...], rates: Rates) -> int:
    """Fee, and what it will cost to spend the change."""
    return choice.fee + (rates.spending if len(choice.outputs) > len(payments) else 0)


def every_choice(some: tuple[OwnCoin, ...], payments: tuple[TxOut, ...], rates: Rates) -> list[Choice]:
    """Every set of coins that pays, without change and with it, within the caps."""
    found = []
    for count in range(1, len(some) + 1):
        for taken in combinations(some, count):
            rest = sum(c.amount for c in taken) - sum(o.amount for o in payments)
            plain, both = (rules.signed_weight(count, outputs) for outputs in (payments, (*payments, TxOut(0, CHANGE))))
            if rates.due(plain) <= rest <= rates.most(plain):
                found.append(Choice(taken, payments))
            own_change = rest - rates.due(both)
            if own_change >= rules.dust_limit(CHANGE) and rates.due(both) <= rates.most(both):
                found.append(Choice(taken, (*payments, TxOut(own_change, CHANGE))))
    return found


@given(AMOUNTS, PAID, RATE, st.integers(200, 40_000), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_no_set_of_coins_is_cheaper(amounts: list[int], paid: list[int], rate: int, cap: int, dearer: int) -> None:
    """Fee plus later spending, against brute force; and every promise of a choice."""
    some, payments = own(*amounts), outs(paid)
    rates = Rates(rate, rate * (1 + dearer) + 13 * dearer, cap)
    possible = every_choice(some, payments, rates)
    try:
        choice = select.pay((), some, payments, CHANGE, rates)
    except Malformed:
        assert not possible
        return
    if not possible:
        assert choice.fee > rates.most(choice.weight)
        return
    assert cost(choice, payments, rates) == min(cost(each, payments, rates) for each in possible)
    assert choice.outputs[: len(payments)] == payments
    assert len(choice.outputs) <= len(payments) + 1
    assert len(set(choice.coins)) == len(choice.coins)
    assert all(o.amount >= rules.dust_limit(o.script) for o in choice.outputs[len(payments) :])
    size = rules.virtual_size(rules.signed_weight(len(choice.coins), choice.outputs))
    assert choice.fee <= cap
    assert choice.fee * 1000 <= rates.fee_rate_cap * size
    assert choice.fee * 1000 > rate * size - 1000
    if dearer:
        assert choice.fee * 1000 >= rate * size


@given(AMOUNTS, PAID, RATE, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_same_coins_give_the_same_choice(amounts: list[int], paid: list[int], rate: int, shuffled: Any) -> None:
    some, rates = list(own(*amounts)), Rates(rate, 10**7, 10**8)
    assume(sum(amounts) > sum(paid) + rates.due(rules.signed_weight(len(some), outs(paid))))
    first = select.pay((), some, outs(paid), CHANGE, rates)
    shuffled.shuffle(some)
    assert select.pay((), some, outs(paid), CHANGE, rates) == first


@given(AMOUNTS, PAID, RATE, st.sets(st.integers(0, 8)), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_reserved_coins_stay_and_the_conflicting_one_goes(
    amounts: list[int], paid: list[int], rate: int, left: set[int], forced: int
) -> None:
    """BRD-06: never a reserved coin, but for the one that must be spent."""
    some = coins(*amounts)
    names = [each.outpoint for each in some.items]
    reserved = frozenset(name for at, name in enumerate(names) if at in left)
    wanted = order(payments=tuple(zip((PAYEE, OTHER), paid, strict=False)), rate=rate, max_fee=10**8, reserved=reserved)
    conflict = names[forced : forced + 1]
    replacing = tuple(Claim(number=2, coins=(name,), txid="11" * 32, fee=200, weight=600, signed=True) for name in conflict)
    try:
        made = build(ACCOUNT, some, replace(wanted, replacing=replacing))
    except Malformed as error:
        assert "too little" in str(error)  # noqa: PT017
        return
    spent = {f"{each.txid}:{each.vout}" for each in review(made, ACCOUNT).inputs}
    assert not spent & (reserved - {*conflict})
    assert {*conflict} <= spent


@pytest.mark.parametrize("inputs", [0, 1, 252, 253, 1_000])
def test_the_weight_is_counted_once(inputs: int) -> None:
    both = (TxOut(1, TO), TxOut(1, TO_OTHER))
    assert rules.with_inputs(rules.signed_weight(0, both), inputs) == rules.signed_weight(inputs, both)


def test_a_close_fit_has_no_change() -> None:
    """60,000 and 40,000 fit the amount and the fee of two inputs; the greatest coin alone would leave change."""
    seen = review(build(ACCOUNT, coins(500_000, 60_000, 40_000), order(amount=99_810, rate=1_000)), ACCOUNT)
    assert sorted(each.amount for each in seen.inputs) == [40_000, 60_000]
    assert (seen.change, seen.fee) == ((), 190)


def test_a_fit_that_is_dearer_than_change_is_not_taken() -> None:
    seen = review(build(ACCOUNT, coins(500_000, 60_000, 40_000), order(amount=99_000, rate=1_000)), ACCOUNT)
    assert [each.amount for each in seen.inputs] == [500_000]
    assert seen.change[0].amount == 500_000 - 99_000 - seen.fee


@pytest.mark.control("TXN-12")
def test_what_is_left_over_goes_to_the_fee_only_within_the_caps() -> None:
    """One coin, and 200 sat more than the fee: dust as change, too much as fee if the cap says so."""
    wanted = order(amount=120_000, rate=1_000)
    made = build(ACCOUNT, coins(120_000 + 110 + 200), wanted)
    assert review(made, ACCOUNT).fee == 310
    for cap in ({"max_fee": 309}, {"max_rate": 2_000}):
        with pytest.raises(Malformed, match="too little"):
            build(ACCOUNT, coins(120_000 + 110 + 200), replace(wanted, **cap))
    with_another = build(ACCOUNT, coins(120_000 + 110 + 200, 5_000), replace(wanted, max_fee=309))
    assert [c.path for c in review(with_another, ACCOUNT).change] == ["1/7"]


def test_many_equal_coins_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search gives up after its tries; the greatest coins first are the answer then."""
    monkeypatch.setattr(select, "TRIES", 50)
    some = own(*(10_000 + n % 7 for n in range(200)))
    found = select.pay((), some, outs([1_234_567]), CHANGE, Rates(1_500, 10**6, 10**6))
    assert len(found.coins) == len(select.pay((), some[::-1], outs([1_234_567]), CHANGE, Rates(1_500, 10**6, 10**6)).coins)
    assert sum(c.amount for c in found.coins) - sum(o.amount for o in found.outputs) == found.fee


def test_never_more_coins_than_a_request_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_INPUTS", 3)
    some = own(*[10_000] * 9)
    assert len(select.pay((), some, outs([28_000]), CHANGE, Rates(1_000, 10**6, 10**6)).coins) == 3
    with pytest.raises(Malformed, match="at most 3 at once"):
        select.pay((), some, outs([38_000]), CHANGE, Rates(1_000, 10**6, 10**6))
    assert len(select.gather((), some, 9, CHANGE, Rates(1_000, 10**6, 10**6)).coins) == 3


# Consolidation


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=9), st.integers(2, 9), RATE)
@settings(max_examples=80, deadline=None)
def test_the_smallest_coins_are_gathered_and_all_of_them_returns(amounts: list[int], most: int, rate: int) -> None:
    some, rates = own(*amounts), Rates(rate, rate + 13, 10**8)
    worth = sorted(c.amount for c in some if c.amount > rates.spending)
    try:
        choice = select.gather((), some, most, CHANGE, rates)
    except Malformed:
        assert len(worth) < 2 or sum(worth[:most]) - rates.due(rules.signed_weight(len(worth[:most]), (TxOut(0, CHANGE),))) < 294
        return
    assert sorted(c.amount for c in choice.coins) == worth[:most]
    assert [o.script for o in choice.outputs] == [CHANGE]
    assert choice.outputs[0].amount >= 294
    assert rates.due(choice.weight) == choice.fee


def gathered(**changes: Any) -> Review:
    wanted = order(**{"payments": (), "gather": 3, "rate": 1_000, **changes})
    return review(build(ACCOUNT, coins(50_000, 70_000, 60_000, 90_000, 60), wanted), ACCOUNT)


def test_a_consolidation_has_one_output_and_it_is_ours() -> None:
    seen = gathered()
    assert (seen.payments, [c.path for c in seen.change]) == ((), ["1/7"])
    assert sorted(i.amount for i in seen.inputs) == [50_000, 60_000, 70_000]
    assert seen.change[0].amount + seen.fee == 180_000


@pytest.mark.control("TXN-12")
def test_a_consolidation_that_costs_too_much() -> None:
    with pytest.raises(Refused) as caught:
        gathered(max_fee=240)
    assert caught.value.identifier == "TXN-12"


def test_what_is_gathered_fits_into_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole previous transactions go along: as many of the smallest as there is room for."""
    monkeypatch.setattr(rules, "ROOM_FOR_REST", 1_000)
    monkeypatch.setattr(rules, "MAX_REQUEST", 1_000 + 2 * (rules.ROOM_FOR_INPUT + len(own(1_000)[0].previous.stripped)))
    assert len(gathered(gather=4).inputs) == 2


# Several payments through both readers, signed


def test_a_hundred_payments_through_both_readers() -> None:
    """100 payments and a change from 120 coins: read, signed, verified by both readers; the size that was counted is never passed."""
    some = checked(snapshot([coin(n, 40_000 + n, f"0/{n}") for n in range(120)]), ACCOUNT)
    addresses = [opened(ACCOUNT).own(0, 1_000 + n).address for n in range(100)]
    wanted = order(payments=tuple((address, 30_000 + 7 * n) for n, address in enumerate(addresses)), max_fee=10**6)
    made = build(ACCOUNT, some, wanted)
    seen = review(made, ACCOUNT)
    assert sorted((p.address, p.amount) for p in seen.payments) == sorted(wanted.payments)
    assert len(seen.change) == 1
    checked_ = check(assemble(made, sign(sighashes(made, ACCOUNT)), ACCOUNT), made, ACCOUNT)
    assert seen.weight - 2 * len(seen.inputs) <= checked_.weight + 4 * len(seen.inputs)
    assert checked_.weight <= seen.weight


@pytest.mark.parametrize(
    ("payments", "says"),
    [
        (((PAYEE, 1_000), (PAYEE, 1_000)), "one address"),
        (((PAYEE, 1_000), (OTHER, 329)), "330 sat or more"),
        (((PAYEE, 1_000), (opened(ACCOUNT).own(1, 7).address, 1_000)), "own next change"),
        (tuple((opened(ACCOUNT).own(0, n).address, 1_000) for n in range(101)), "at most 100"),
    ],
)
def test_payments_that_cannot_be_built(payments: tuple[tuple[str, int], ...], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        build(ACCOUNT, coins(900_000), order(payments=payments))
