"""Plans and their quorums."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from shares.plan import LETTERS, MOST, Plan, SitePlan, coordinate, indices, position_of


def sites(*sizes: tuple[int, int], letters: str = LETTERS) -> tuple[SitePlan, ...]:
    return tuple(SitePlan(letter=letter, threshold=t, members=m) for letter, (t, m) in zip(letters, sizes, strict=False))


def site_sizes(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.integers(2, most).flatmap(lambda count: st.tuples(st.integers(2, count), st.just(count)))


@st.composite
def plans(draw: st.DrawFn, most: int = MOST) -> Plan:
    threshold, count = draw(site_sizes(most))
    return Plan(site_threshold=threshold, sites=sites(*[draw(site_sizes(most)) for _ in range(count)]))


def test_the_plan_of_the_desk(plan: Plan) -> None:
    assert plan.letters == ("A", "B", "C", "D")
    assert plan.positions == ("A1", "A2", "A3", "B1", "B2", "B3", "C1", "C2", "C3", "D1", "D2", "D3")
    assert plan.minimal_quorums_of_site("B") == (("B1", "B2"), ("B1", "B3"), ("B2", "B3"))
    assert plan.minimal_quorums_of_sites() == (("A", "B", "C"), ("A", "B", "D"), ("A", "C", "D"), ("B", "C", "D"))
    quorums = list(plan.quorums())
    assert len(quorums) == len(set(quorums)) == 108
    assert all(len(quorum) == 6 for quorum in quorums)
    assert plan.recoveries() == 12 + 4


def test_a_plan_survives_its_file(plan: Plan) -> None:
    assert load(Plan, dump(plan)) == plan


def test_positions_are_indices() -> None:
    assert [indices(position_of(site, member)) for site in range(1, 10) for member in range(1, 10)] == [
        (site, member) for site in range(1, 10) for member in range(1, 10)
    ]
    for site, member in ((10, 1), (1, 10), (-1, 1), (1, -1)):
        with pytest.raises(ValueError, match="no position"):
            position_of(site, member)


@pytest.mark.control("GEN-04")
@pytest.mark.parametrize("ask", [lambda: coordinate(0, "x"), lambda: position_of(0, 1), lambda: position_of(1, 0), lambda: indices("A0")])
def test_x_zero_is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(Refused) as error:
        ask()
    assert error.value.identifier == "GEN-04"


@pytest.mark.control("GEN-05")
@pytest.mark.parametrize(
    ("threshold", "its_sites"),
    [
        pytest.param(1, sites((2, 3), (2, 3)), id="site threshold 1"),
        pytest.param(0, sites((2, 3), (2, 3)), id="site threshold 0"),
        pytest.param(3, sites((2, 3), (2, 3)), id="site threshold above the sites"),
        pytest.param(2, sites((1, 3), (2, 3)), id="threshold 1 at a site"),
        pytest.param(2, sites((2, 3), (4, 3)), id="threshold above the members"),
        pytest.param(2, sites((2, 3), (2, 10)), id="ten members"),
        pytest.param(2, sites((2, 3), (8, 16)), id="a plan of more than 2,000 recoveries"),
        pytest.param(2, sites(*[(2, 3)] * 10, letters="ABCDEFGHIJ"), id="ten sites"),
        pytest.param(2, sites((2, 3), (2, 3), letters="AA"), id="the same letter twice"),
        pytest.param(2, sites((2, 3), (2, 3), letters="BA"), id="letters out of order"),
        pytest.param(2, sites((2, 3), (2, 3), letters="AC"), id="a gap in the letters"),
        pytest.param(2, (), id="no site"),
        pytest.param(10**29, sites((10**29, 10**29), (2, 3)), id="absurd numbers"),
    ],
)
def test_what_a_plan_must_not_be(threshold: int, its_sites: tuple[SitePlan, ...]) -> None:
    with pytest.raises(Refused) as error:
        Plan(site_threshold=threshold, sites=its_sites)
    assert error.value.identifier == "GEN-05"


@pytest.mark.control("GEN-05")
def test_a_file_cannot_bring_such_a_plan(plan: Plan) -> None:
    with pytest.raises(Refused) as error:
        load(Plan, dump(plan).replace(b'"site_threshold":"3"', b'"site_threshold":"1"'))
    assert error.value.identifier == "GEN-05"
    with pytest.raises(Malformed):
        load(Plan, dump(plan).replace(b'"letter":"A"', b'"letter":"a"'))


def test_no_plan_needs_more_recoveries_than_gen_07_allows() -> None:
    """The largest plan is nine sites of nine; so the plans that GEN-07 would refuse are all refused by GEN-05."""
    largest = max(comb(count, threshold) for count in range(2, MOST + 1) for threshold in range(2, count + 1))
    middle = Plan(site_threshold=5, sites=sites(*[(5, 9)] * 9))
    assert middle.recoveries() == 10 * largest == 1260


@settings(max_examples=40, deadline=None)
@given(plans(most=4))
def test_recoveries_count_the_quorums_that_are_listed(plan: Plan) -> None:
    parts = [plan.minimal_quorums_of_site(letter) for letter in plan.letters]
    assert plan.recoveries() == sum(map(len, parts)) + len(plan.minimal_quorums_of_sites())


@settings(max_examples=60, deadline=None)
@given(plans(most=4), st.integers(0, 2**32))
def test_enough_means_that_a_quorum_is_among_them(plan: Plan, seed: int) -> None:
    chance = random.Random(seed)
    opened = {position for position in plan.positions if chance.random() < 0.6}
    expected = any(opened.issuperset(quorum) for quorum in plan.quorums())
    assert plan.enough(opened) is expected
    if not expected:
        with pytest.raises(Refused) as error:
            plan.minimal(opened)
        assert error.value.identifier == "REC-01"
        return
    chosen = plan.minimal(opened)
    flat = tuple(position for positions in chosen.values() for position in positions)
    assert opened.issuperset(flat)
    assert flat in set(plan.quorums())
    assert all(position[0] == letter for letter, positions in chosen.items() for position in positions)


def test_spares_are_left_out(plan: Plan) -> None:
    opened = ["D3", "A2", "A1", "A3", "C1", "B3", "B1", "D1", "C1"]
    assert plan.sites_open(opened) == ("A", "B", "D")
    assert plan.minimal(opened) == {"A": ("A1", "A2"), "B": ("B1", "B3"), "D": ("D1", "D3")}
    assert plan.minimal(plan.positions) == {"A": ("A1", "A2"), "B": ("B1", "B2"), "C": ("C1", "C2")}


def test_one_share_counts_once(plan: Plan) -> None:
    assert plan.sites_open(["A1", "A1", "B1", "B2"]) == ("B",)


@pytest.mark.control("REC-01")
def test_every_set_below_a_quorum_is_short(plan: Plan) -> None:
    for opened in combinations(plan.positions, 5):
        assert not plan.enough(opened)
    with pytest.raises(Refused) as error:
        plan.minimal(["A1", "A2", "B1", "B2", "C3"])
    assert error.value.identifier == "REC-01"
    assert "2 (A, B)" in str(error.value)


@pytest.mark.control("REC-02")
@pytest.mark.parametrize("ask", ["enough", "minimal", "sites_open"])
def test_a_foreign_position_is_refused(plan: Plan, ask: str) -> None:
    with pytest.raises(Refused) as error:
        getattr(plan, ask)(["A1", "A4"])
    assert error.value.identifier == "REC-02"
    with pytest.raises(Refused) as error:
        plan.site("E")
    assert error.value.identifier == "REC-02"
