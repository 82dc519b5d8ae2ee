"""What a plan survives, against trying out every loss."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain, combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from shares.plan import Plan, SitePlan
from shares.survival import compelling, freezing, quorums, still_needed, survival

PLAN = Plan(site_threshold=3, sites=tuple(SitePlan(letter=letter, threshold=2, members=3) for letter in "ABCD"))
ALL = frozenset(PLAN.positions)


@st.composite
def plans(draw: Callable[..., object], most: int = 4) -> Plan:
    count = draw(st.integers(2, most))
    sites = []
    for letter in "ABCDEFGHI"[:count]:  # type: ignore[index]
        members = draw(st.integers(2, 3))
        sites.append(SitePlan(letter=letter, threshold=draw(st.integers(2, members)), members=members))  # type: ignore[arg-type]
    return Plan(site_threshold=draw(st.integers(2, count)), sites=tuple(sites))  # type: ignore[arg-type]


def subsets(items: Collection[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(sorted(items), size) for size in range(len(items) + 1))


def greatest(survives: Callable[[int], bool], most: int) -> int:
    """The most that survives, and everything below it does."""
    found = 0
    while found < most and survives(found + 1):
        found += 1
    return found


def at_each(plan: Plan, able: Collection[str], letters: Collection[str], count: int) -> Iterator[set[str]]:
    """Every way to lose so many custodians at each of these sites."""
    choices = [list(combinations(plan.site(letter).positions, min(count, plan.site(letter).members))) for letter in letters]
    for lost in product(*choices):
        yield set(able) - set(chain.from_iterable(lost))


@settings(max_examples=60, deadline=None)
@given(plan=plans(), data=st.data())
def test_survival_is_what_trying_every_loss_says(plan: Plan, data: st.DataObject) -> None:
    able = data.draw(st.sets(st.sampled_from(plan.positions)))
    found = survival(plan, able)
    assert found.enough == plan.enough(able)
    assert still_needed(plan, able) == min(len(set(quorum) - able) for quorum in plan.quorums())
    assert quorums(plan, able) == sum(set(quorum) <= able for quorum in plan.quorums())
    if not found.enough:
        assert (found.sites, found.at_each, found.both, found.shares) == (0, 0, (), 0)
        return

    def without_sites(count: int, each: int = 0) -> bool:
        for lost in combinations(plan.letters, count):
            rest = {p for p in able if p[0] not in lost}
            others = [letter for letter in plan.letters if letter not in lost]
            if not all(plan.enough(left) for left in at_each(plan, rest, others, each)):
                return False
        return True

    assert found.sites == greatest(without_sites, len(plan.letters))
    assert found.shares == greatest(lambda n: all(plan.enough(able - set(lost)) for lost in combinations(sorted(able), n)), len(able))
    for sites, each in found.both:
        assert sites
        assert each


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_a_whole_plan_survives_so_many_at_each_site(plan: Plan) -> None:
    """With every share able, the custodians who are lost at each site are any."""
    able = frozenset(plan.positions)
    found = survival(plan, able)
    assert found.at_each == greatest(lambda n: all(plan.enough(left) for left in at_each(plan, able, plan.letters, n)), 3)
    for sites, each in found.both:
        for lost in combinations(plan.letters, sites):
            others = [letter for letter in plan.letters if letter not in lost]
            rest = {p for p in able if p[0] not in lost}
            assert all(plan.enough(left) for left in at_each(plan, rest, others, each))


def test_the_desk_of_the_design() -> None:
    found = survival(PLAN, ALL)
    assert (found.enough, found.sites, found.at_each, found.both, found.shares) == (True, 1, 1, ((1, 1),), 3)
    assert quorums(PLAN, ALL) == 108
    found = survival(PLAN, ALL - {"A1", "A2"})
    assert (found.sites, found.at_each, found.both, found.shares) == (0, 1, (), 1)
    assert still_needed(PLAN, ("A1",)) == 5


@settings(max_examples=100, deadline=None)
@given(plan=plans(), data=st.data())
def test_who_can_compel_and_who_can_freeze(plan: Plan, data: st.DataObject) -> None:
    """STO-08: a group of jurisdictions compels if the custodians of its sites are enough, and freezes if the others are not."""
    places = {letter: data.draw(st.sampled_from(["CH", "SG", "US"])) for letter in plan.letters}
    able = data.draw(st.one_of(st.none(), st.sets(st.sampled_from(plan.positions))))
    there = set(plan.positions if able is None else able)
    names = sorted(set(places.values()))
    for groups, holds in (
        (compelling(plan, places, able), lambda g: plan.enough({p for p in there if places[p[0]] in g})),
        (freezing(plan, places, able), lambda g: not plan.enough({p for p in there if places[p[0]] not in g})),
    ):
        for group in subsets(names):
            assert holds(group) == any(set(least) <= set(group) for least in groups), (group, groups)
        assert all(holds(least) for least in groups)
