"""What a plan survives, and who could compel or freeze a quorum, in words. Pure; exact for any thresholds (shares/survival.py)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

from ceremony.record.whereabouts import WHERE, Custody, Share
from shares.survival import Group, survival

_MOST = 6
"""Groups that are told one by one; more are counted."""


SURVIVES, NO_QUORUM = "Today the key survives the loss of", "NO QUORUM today"


def survives(custody: Custody, lost: Collection[str] = ()) -> tuple[str, tuple[str, ...]]:
    """A title, and each loss that the key survives once these shares are lost, too, one sentence each; or, where no quorum can be opened
    today, that title, whether the key still exists, and what would bring a quorum back."""
    plan, able = custody.of, custody.able - set(lost)
    found = survival(plan, able)
    if not found.enough:
        return NO_QUORUM, _without(custody, able, lost)
    told = []
    if found.sites:
        told.append(f"{_any(found.sites, 'whole site')}")
    if found.at_each:
        told.append(f"{_so_many(found.at_each, 'custodian')} at each site")
    told += [f"{_any(sites, 'whole site')} and {_so_many(each, 'custodian')} at each of the others" for sites, each in found.both]
    if found.shares:
        told.append(f"{_any(found.shares, 'share')}, wherever {'they are' if found.shares > 1 else 'it is'}")
    return SURVIVES, tuple(told or ("NOTHING more: whichever share is lost next, there may be no quorum left.",))


def _without(custody: Custody, able: Collection[str], lost: Collection[str]) -> tuple[str, ...]:
    """What can be opened today is not what exists: a share that moves, or whose passphrase is not known today, is not gone."""
    plan, there = custody.of, custody.existing - set(lost)
    gone = {p for p, share in custody.shares.items() if share.place == "destroyed"}
    said = f"{len(plan.sites_open(able))} of the {plan.site_threshold} sites that are needed can open, so nothing can be signed."
    if plan.enough(there):
        left = "The key is not gone: enough of its shares exist."
    elif plan.enough(set(plan.positions) - gone):
        left = "Too few of its shares are known to exist: the key is gone unless lost ones are found."
    else:
        return said, "THE KEY IS GONE with this set: too many of its shares were destroyed."
    ways = []
    for site in plan.sites:
        lacking = site.threshold - sum(p in able for p in site.positions)
        waiting = [f"{p} ({'lost' if p in lost else why(custody.shares[p])})" for p in site.positions if p not in able and p not in gone]
        if 0 < lacking <= len(waiting):
            ways.append(f"Site {site.letter} opens again with {lacking} of: {', '.join(waiting)}.")
    return said, left, *ways


def why(share: Share) -> str:
    """Why a share cannot be opened today, in a few words."""
    if share.place not in ("custodian", "safe"):
        return WHERE[share.place]
    return "a former custodian's passphrase" if share.orphaned else share.unopened


def _any(count: int, what: str) -> str:
    return f"any one {what}" if count == 1 else f"any {count} {what}s"


def _so_many(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"any {count} {what}s"


def compel(groups: Sequence[Group], names: Sequence[str]) -> tuple[str, ...]:
    """STO-08: who could compel a quorum, alone or together."""
    alone = [name for group in groups if len(group) == 1 for name in group]
    more = [group for group in groups if len(group) > 1]
    told = [f"{_list(alone)} alone could compel a quorum{' (each of them)' if len(alone) > 1 else ''}."] if alone else []
    if not groups:
        return ("No country can compel a quorum, nor can all of them together.",)
    if not alone:
        told.append("No country alone can compel a quorum.")
    if more:
        told.append(f"Acting together, {_together(more, names, 'and')} could.")
    return tuple(told)


def freeze(groups: Sequence[Group], names: Sequence[str]) -> tuple[str, ...]:
    """STO-08: without whose sites no quorum is left."""
    if groups and not groups[0]:
        return ("No quorum can be opened, so there is none to freeze.",)
    alone = [name for group in groups if len(group) == 1 for name in group]
    more = [group for group in groups if len(group) > 1]
    told = [
        f"{_list(alone)} alone could freeze the funds{' (each of them)' if len(alone) > 1 else ''}: without its sites no quorum is left."
        if alone
        else "No country alone can freeze the funds: without its sites enough are left."
    ]
    if more:
        told.append(f"Acting together, {_together(more, names, 'and')} could freeze them.")
    return tuple(told)


def _together(groups: Sequence[Group], names: Sequence[str], word: str) -> str:
    """Groups in words: `any two of them`, if every pair is one; else one by one."""
    size = len(groups[0])
    if len(groups) > 1 and set(groups) == set(combinations(sorted(set(names)), size)):
        return f"any {size} of the {len(set(names))} countries"
    told = [f" {word} ".join(group) for group in groups[:_MOST]]
    return ", or ".join(told) + (f", or {len(groups) - _MOST} other groups" if len(groups) > _MOST else "")


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
