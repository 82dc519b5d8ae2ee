"""What a plan survives: which losses leave a quorum, and who could compel or freeze one. Pure, exact, for any thresholds.

A share is *able* if its custodian can open it now. Sites count by how many able shares they have, whoever holds them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb

from shares.plan import Plan

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survival:
    """Which losses the key survives. `enough`: there is a quorum at all; else all the numbers are 0."""

    enough: bool
    sites: int
    """Any so many whole sites."""
    at_each: int
    """So many custodians at each site at once, whoever they are."""
    both: tuple[tuple[int, int], ...]
    """(sites, custodians): any so many whole sites, and so many custodians at each of the others; the most of each."""
    shares: int
    """Any so many shares, wherever they are."""


def survival(plan: Plan, able: Collection[str]) -> Survival:
    """What can be lost, so that the rest of `able` is still enough."""
    left = {site.letter: sum(p in able for p in site.positions) for site in plan.sites}
    spare = {site.letter: left[site.letter] - site.threshold for site in plan.sites if left[site.letter] >= site.threshold}
    if len(spare) < plan.site_threshold:
        return Survival(False, 0, 0, (), 0)
    extra = [sum(more >= each for more in spare.values()) - plan.site_threshold for each in range(max(spare.values()) + 1)]
    at_each = max(each for each, sites in enumerate(extra) if sites >= 0)
    both = tuple(
        (sites, each) for each, sites in enumerate(extra) if each and sites > 0 and (each + 1 >= len(extra) or extra[each + 1] < sites)
    )
    dearest = sorted(more + 1 for more in spare.values())[: len(spare) - plan.site_threshold + 1]
    return Survival(True, extra[0], at_each, both, sum(dearest) - 1)


def quorums(plan: Plan, able: Collection[str]) -> int:
    """How many smallest quorums can be formed of these shares."""
    of_site = [comb(sum(p in able for p in site.positions), site.threshold) for site in plan.sites]
    ways = [1] + [0] * plan.site_threshold  # how many choices of so many sites, among those seen so far
    for count in of_site:
        for size in range(plan.site_threshold, 0, -1):
            ways[size] += ways[size - 1] * count
    return ways[plan.site_threshold]


def still_needed(plan: Plan, held: Collection[str]) -> int:
    """How many shares more somebody who has these ones needs for a quorum; 0 if these are one."""
    lacking = sorted(max(0, site.threshold - sum(p in held for p in site.positions)) for site in plan.sites)
    return sum(lacking[: plan.site_threshold])


def smallest(groups: Collection[Group]) -> tuple[Group, ...]:
    """Those groups that contain no other one of them."""
    found = [set(group) for group in groups]
    return tuple(sorted((g for g in groups if not any(other < set(g) for other in found)), key=lambda g: (len(g), g)))


def compelling(plan: Plan, places: Mapping[str, str], able: Collection[str] | None = None) -> tuple[Group, ...]:
    """STO-08: the smallest groups of jurisdictions in whose sites a quorum lies. `places`: site letter -> jurisdiction."""
    standing = plan.sites_open(plan.positions if able is None else able)
    return smallest([g for g in _groups(places) if sum(places[letter] in g for letter in standing) >= plan.site_threshold])


def freezing(plan: Plan, places: Mapping[str, str], able: Collection[str] | None = None) -> tuple[Group, ...]:
    """STO-08: the smallest groups of jurisdictions without whose sites no quorum is left; the empty one if there is none already."""
    standing = plan.sites_open(plan.positions if able is None else able)
    return smallest([g for g in ((), *_groups(places)) if sum(places[letter] not in g for letter in standing) < plan.site_threshold])


def _groups(places: Mapping[str, str]) -> list[Group]:
    names = sorted(set(places.values()))
    return [group for size in range(1, len(names) + 1) for group in combinations(names, size)]
