"""Panels that must fit the screen whatever the plan and however many payments: 78 columns, 24 rows, nothing torn apart."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.screen import panels
from ceremony.screen.terminal import _leaves
from shares.plan import LETTERS, Plan, SitePlan
from transfer.review import Change, Input, Payment, Review

SIZE = st.integers(2, 9).flatmap(lambda count: st.tuples(st.integers(2, count), st.just(count)))


def plan_of(threshold: int, sizes: list[tuple[int, int]]) -> Plan:
    return Plan(
        site_threshold=threshold,
        sites=tuple(SitePlan(letter=letter, threshold=t, members=m) for letter, (t, m) in zip(LETTERS, sizes, strict=False)),
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(SIZE, min_size=2, max_size=9), st.data())
def test_every_board_fits_the_screen(sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    plan = plan_of(data.draw(st.integers(2, len(sizes))), sizes)
    opened = data.draw(st.sets(st.sampled_from(plan.positions)))
    lines = panels.board(plan, opened, plan.positions)
    assert max(map(len, lines)) <= panels.WIDTH
    assert len(lines) <= 11
    assert all(any(position in line for line in lines) for position in plan.positions)
    assert lines[-1] == f"  sites open: {len(plan.sites_open(opened))} of {plan.site_threshold} needed"


def test_the_board_of_eighty_one() -> None:
    lines = panels.board(plan_of(5, [(5, 9)] * 9), {"A1", "I9"}, {"A1", "A2", "I9"})
    assert lines[0] == "  A1 O  A2 w  A3 -  A4 -  A5 -  A6 -  A7 -  A8 -  A9 - 1 of 5"
    assert lines[-2] == "  O open, w waiting, - not here"


def review_of(count: int) -> Review:
    """A review of so many payments, in the order of the bytes: the last one first."""
    payments = tuple(Payment(index=n, address=f"bcrt1q{n:056d}", amount=1_000 + n, script=b"\x00") for n in reversed(range(count)))
    return Review(
        chain="bitcoin",
        network="regtest",
        account="main",
        digest="00" * 32,
        txid="00" * 32,
        version=2,
        locktime=0,
        sequences=(0xFFFFFFFD,),
        inputs=(Input(txid="00" * 32, vout=0, amount=10**9, path="0/0", address="bcrt1q"),),
        payments=payments,
        change=(Change(index=count, address="bcrt1qback", amount=5, script=b"\x00", path="1/0"),),
        fee=1_000,
        weight=4_000,
        rate=1_000,
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 100), st.integers(5, 40))
def test_no_page_tears_a_payee_from_the_address(count: int, rows: int) -> None:
    seen = review_of(count)
    names = {p.address: f"payee-{p.index}" for p in reversed(seen.payments)}
    blocks = panels.review(seen, names)
    leaves = _leaves(blocks, rows)
    assert [line for leaf in leaves for line in leaf] == list(panels.as_lines(blocks))
    assert all(len(leaf) <= rows for leaf in leaves)
    assert all(any(set(block) <= set(leaf) for leaf in leaves) for block in blocks)


def test_payments_are_numbered_as_on_the_payee_slip() -> None:
    seen = review_of(3)
    names = {p.address: f"payee-{p.index}" for p in reversed(seen.payments)}
    told = [line.split() for line in panels.as_lines(panels.review(seen, names)) if line.startswith("  payee")]
    assert told == [["payee", "1", "payee-0"], ["payee", "2", "payee-1"], ["payee", "3", "payee-2"]]
    stranger = panels.as_lines(panels.review(seen, {seen.payments[0].address: "known"}))
    assert [line.split()[:2] for line in stranger if line.startswith(("  payee", "  PAY "))] == [
        ["payee", "1"],
        ["PAY", "0.00001002"],
        ["PAY", "0.00001000"],
        ["PAY", "0.00001001"],
        ["PAY", "IN"],
    ]
