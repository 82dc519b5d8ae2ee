"""Who holds what: sites, custodians, thresholds, and the quorums that follow from them.

A site has a letter, a custodian a digit, and a position is both (`B3`). The x coordinate of a share is its place in
that order: site A has x = 1, custodian 3 has x = 3. So a share needs no x byte of its own, and nobody can choose one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations, product
from math import comb
from typing import Annotated, Literal

from ceremony.base.control import control, refuse
from ceremony.base.data import Mark, Pattern, Position, record

LETTERS = "ABCDEFGHI"
MOST = 9
"""Sites, and custodians at one site: a position has one letter of A to I and one digit of 1 to 9."""

Letter = Annotated[str, Pattern(r"[A-I]", "a site letter, A to I")]
SchemeName = Literal["gf256", "slip39"]


@record
class SitePlan:
    """One site: any `threshold` of its `members` custodians give the site share."""

    letter: Letter
    threshold: int
    members: int

    @property
    def positions(self) -> tuple[Position, ...]:
        """`A1` to `A3` for three members."""
        return tuple(f"{self.letter}{member}" for member in range(1, self.members + 1))


@record
class Plan:
    """Any `site_threshold` of the sites give the secret. A plan that GEN-05 refuses cannot be made."""

    site_threshold: int
    sites: tuple[SitePlan, ...]

    def __post_init__(self) -> None:
        check_plan(self)

    @property
    def letters(self) -> tuple[Letter, ...]:
        """The sites in order."""
        return tuple(site.letter for site in self.sites)

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every custodian's position, in order."""
        return tuple(position for site in self.sites for position in site.positions)

    def site(self, letter: str) -> SitePlan:
        """The plan of one site; REC-02 if there is none of this letter."""
        if letter not in self.letters:
            refuse("REC-02", "a site that the plan does not have", found=repr(letter), expected=_among(self.letters), do=_FOREIGN)
        return self.sites[self.letters.index(letter)]

    def minimal_quorums_of_site(self, letter: str) -> tuple[tuple[Position, ...], ...]:
        """Each smallest group of custodians that gives this site's share."""
        site = self.site(letter)
        return tuple(combinations(site.positions, site.threshold))

    def minimal_quorums_of_sites(self) -> tuple[tuple[Letter, ...], ...]:
        """Each smallest group of sites that gives the secret."""
        return tuple(combinations(self.letters, self.site_threshold))

    def quorums(self) -> Iterator[tuple[Position, ...]]:
        """Each smallest group of custodians that gives the secret (108 for 2 of 3 at 3 of 4 sites)."""
        for letters in self.minimal_quorums_of_sites():
            for parts in product(*(self.minimal_quorums_of_site(letter) for letter in letters)):
                yield tuple(position for part in parts for position in part)

    def recoveries(self) -> int:
        """How many recoveries prove every quorum by its parts (GEN-07): 12 + 4 for 2 of 3 at 3 of 4 sites.

        Nine sites of nine custodians need 1,260 at most, so every plan beyond GEN-07's 2,000 is one that GEN-05 refuses."""
        return sum(comb(site.members, site.threshold) for site in self.sites) + comb(len(self.sites), self.site_threshold)

    def sites_open(self, opened: Collection[str]) -> tuple[Letter, ...]:
        """The sites whose threshold these positions reach; one position counts once however often it is named."""
        known = self._known(opened)
        return tuple(site.letter for site in self.sites if len(known & set(site.positions)) >= site.threshold)

    def enough(self, opened: Collection[str]) -> bool:
        """Whether these positions give the secret."""
        return len(self.sites_open(opened)) >= self.site_threshold

    def minimal(self, opened: Collection[str]) -> dict[Letter, tuple[Position, ...]]:
        """One minimal quorum among these positions, by site: the first in order. Whoever is not in it is a spare.

        REC-01 if these positions do not give the secret."""
        known, letters = self._known(opened), self.sites_open(opened)
        if len(letters) < self.site_threshold:
            refuse(
                "REC-01",
                "too few sites are open",
                found=f"{len(letters)} ({', '.join(letters) or 'none'})",
                expected=f"{self.site_threshold} of {len(self.sites)} sites",
                do="Let more custodians open their shares. Nothing is lost and nothing was combined.",
            )
        chosen = [self.site(letter) for letter in letters[: self.site_threshold]]
        return {site.letter: tuple(p for p in site.positions if p in known)[: site.threshold] for site in chosen}

    def _known(self, opened: Collection[str]) -> set[Position]:
        for position in sorted(set(opened) - set(self.positions)):
            expected = _among(self.positions)
            refuse("REC-02", "a position that the plan does not have", found=repr(position), expected=expected, do=_FOREIGN)
        return set(opened)


@record
class Terms:
    """What all shares of one split have in common, before there is a set identifier."""

    mark: Mark
    scheme: SchemeName
    plan: Plan


_FOREIGN = "Look at the position on the card and at the charter."


@control("GEN-05")
def check_plan(plan: Plan) -> None:
    """GEN-05: a threshold of 1 or above the number of shares, too many or disordered sites, are refused."""
    letters = [site.letter for site in plan.sites]
    if len(letters) > MOST or letters != list(LETTERS[: len(letters)]):
        found, expected = " ".join(letters[: MOST + 1]) or "no site", f"at most {MOST} sites, lettered A, B, C and so on without a gap"
        refuse("GEN-05", "the sites of the plan", found=found, expected=expected, do=_MEND)
    _check_threshold("the sites of the plan", plan.site_threshold, len(letters))
    for site in plan.sites:
        _check_threshold(f"site {site.letter}", site.threshold, site.members)


_MEND = "Mend the plan in the charter."


def _check_threshold(what: str, threshold: int, count: int) -> None:
    if not 2 <= threshold <= count <= MOST:
        found, expected = f"{threshold} of {count}", f"a threshold of 2 or more, not above the number of shares, at most {MOST} shares"
        refuse("GEN-05", what, found=found, expected=expected, do=_MEND)


@control("GEN-04")
def coordinate(x: int, what: str) -> int:
    """GEN-04: x = 0 is refused on input, for every scheme: a share at 0 dictates the secret instead of sharing it."""
    if x == 0:
        refuse("GEN-04", what, found="x = 0", expected="x = 1 or higher", do="Treat this share as forged: keep it and tell the officers.")
    return x


def position_of(site: int, member: int) -> Position:
    """`B3` for site 2, member 3. GEN-04 for a zero; ValueError beyond the nine letters and digits."""
    if not (0 <= site <= MOST and 0 <= member <= MOST):
        raise ValueError(f"no position for site {site}, member {member}")
    return f"{LETTERS[coordinate(site, 'site number of a share') - 1]}{coordinate(member, 'member number of a share')}"


def indices(position: Position) -> tuple[int, int]:
    """(2, 3) for `B3`: the x of the site share and the x of the custodian share. GEN-04 for `B0`; ValueError for no position."""
    return LETTERS.index(position[0]) + 1, coordinate(int(position[1:]), "member number of a share")


def _among(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}"
