"""What a plan survives, and who could compel or freeze a quorum, in words. Pure; exact for any thresholds (shares/survival.py)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from shares.survival import Group, Survival

_MOST = 6
"""Groups that are told one by one; more are counted."""


def survives(found: Survival) -> tuple[str, ...]:
    """Each loss that the key survives, one sentence each; or that there is no quorum at all."""
    if not found.enough:
        return ("NO QUORUM: too few shares can be opened. Nothing can be signed, and nobody can recover the key.",)
    told = []
    if found.sites:
        told.append(f"{_any(found.sites, 'whole site')}")
    if found.at_each:
        told.append(f"{_so_many(found.at_each, 'custodian')} at each site")
    told += [f"{_any(sites, 'whole site')} and {_so_many(each, 'custodian')} at each of the others" for sites, each in found.both]
    if found.shares:
        told.append(f"{_any(found.shares, 'share')}, wherever {'they are' if found.shares > 1 else 'it is'}")
    if not told:
        return ("NOTHING more: whichever share is lost next, there may be no quorum left.",)
    return tuple(told)


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
        return ("There is no quorum to freeze.",)
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
