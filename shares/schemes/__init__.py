"""A scheme splits a secret into site shares and each site share into custodian shares, and puts them together again.

A scheme knows nothing of commitments, seals or people. Its output is never trusted alone: whoever combines compares
the result with the recorded commitments and with the extended public keys (REC-05, REC-06)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, get_args

from ceremony.base.control import control, refuse
from ceremony.base.data import Position
from shares.plan import Letter, Plan, SchemeName, coordinate

SIZE = 32
"""Bytes of the secret and of every share."""

CODES: dict[SchemeName, int] = {"gf256": 1}
"""The byte by which sealed shares and commitments name a scheme."""

Random = Callable[[int], bytes]
"""`random(n)` gives n uniform bytes from the ceremony's own generator (GEN-13)."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Split:
    """All shares of one split. Neither printed nor compared: what is in it is secret."""

    site_shares: Mapping[Letter, bytes]
    custodian_shares: Mapping[Position, bytes]

    def __repr__(self) -> str:
        return f"Split({len(self.site_shares)} site shares, {len(self.custodian_shares)} custodian shares)"


class Scheme(Protocol):
    """One way to share. Every share has SIZE bytes; its x is its place in the plan."""

    @property
    def name(self) -> SchemeName:
        """As the key record names it."""

    @property
    def code(self) -> int:
        """As sealed shares and commitments name it."""

    def split(self, secret: bytes, plan: Plan, random: Random) -> Split:
        """Split SIZE bytes by the plan; every random byte comes from `random`. GEN-05 for a secret of another length."""

    def combine_site(self, plan: Plan, letter: Letter, shares: Mapping[int, bytes]) -> bytes:
        """The site share, from exactly the site's threshold of custodian shares by member number.

        REC-01 for another number of them, REC-02 for a member or a length that the plan does not have, GEN-04 for x = 0.
        Wrong share bytes give a wrong result without a word."""

    def combine_sites(self, plan: Plan, shares: Mapping[Letter, bytes]) -> bytes:
        """The secret, from exactly the threshold of site shares by letter; refuses as `combine_site` does."""


def scheme_of(name: str) -> Scheme:
    """The scheme that a key record names; ValueError for an unknown one."""
    if name not in get_args(SchemeName):
        raise ValueError(f"no scheme is called {name!r}")
    from shares.schemes.gf256 import GF256  # noqa: PLC0415 - it imports this module

    return GF256()


def check_secret(secret: bytes) -> None:
    """Refuse a secret that has not 256 bits (GEN-05 asks for 128 at least)."""
    if len(secret) != SIZE:
        refuse("GEN-05", "the secret", found=f"{len(secret)} bytes", expected=f"{SIZE} bytes", do="Start key generation anew.")


def check_quorum(what: str, shares: Mapping[int, bytes], threshold: int, count: int) -> None:
    """Refuse whatever is not exactly a minimal quorum of well-formed shares of `what`, before anything is combined."""
    for x, share in shares.items():
        coordinate(x, what)
        if not 0 < x <= count or len(share) != SIZE:
            found, expected = f"share {x} of {len(share)} bytes", f"shares 1 to {count}, of {SIZE} bytes each"
            refuse("REC-02", what, found=found, expected=expected, do="Leave this share out and look at its card.")
    check_number(what, len(shares), threshold)


@control("REC-01")
def check_number(what: str, number: int, threshold: int) -> None:
    """REC-01: too few shares release nothing, and a surplus one is checked by its commitment, never combined."""
    if number != threshold:
        do = "Let more custodians open their shares. Nothing was combined." if number < threshold else "Combine one minimal quorum only."
        refuse("REC-01", what, found=f"{number} shares", expected=f"exactly {threshold}", do=do)
