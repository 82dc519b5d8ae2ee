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

CODES: dict[SchemeName, int] = {"gf256": 1, "slip39": 2}
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
        Wrong share bytes give a wrong result without a word, or REC-02 where the scheme has a digest that they do not fit."""

    def combine_sites(self, plan: Plan, shares: Mapping[Letter, bytes]) -> bytes:
        """The secret, from exactly the threshold of site shares by letter; refuses as `combine_site` does."""


def scheme_of(name: str) -> Scheme:
    """The scheme that a key record names; ValueError for an unknown one."""
    if name not in get_args(SchemeName):
        raise ValueError(f"no scheme is called {name!r}")
    from shares.schemes.gf256 import GF256  # noqa: PLC0415 - it imports this module
    from shares.schemes.slip39 import Slip39  # noqa: PLC0415 - as above

    return GF256() if name == "gf256" else Slip39()


class Drawn:
    """The ceremony's generator in the place of a library's own, and how many bytes were drawn from it.

    The sharing libraries draw from the operating system alone; a broken source there must not decide the shares (GEN-13)."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.drawn = 0

    def token_bytes(self, number: int) -> bytes:
        """As `secrets.token_bytes`; GEN-13 if the generator gives less."""
        drawn = self._random(number)
        if len(drawn) != number:
            do = "End this vault and start another one."
            refuse("GEN-13", "the ceremony's generator", found=f"{len(drawn)} bytes", expected=f"{number} bytes", do=do)
        self.drawn += number
        return drawn


def check_drawn(library: str, drawn: int, expected: int, *, in_order: bool) -> None:
    """Refuse with GEN-13 a sharing library that drew less from the ceremony's generator than it needs, or mixed up the order.

    Another release might fetch its randomness by another name, and then draw past us without a word."""
    if drawn != expected or not in_order:
        refuse(
            "GEN-13",
            f"{library} does not draw from the ceremony's generator",
            found=f"{drawn} bytes drawn, shares {'in order' if in_order else 'in another order'}",
            expected=f"{expected} bytes drawn, shares in order",
            do=f"Install the release of {library} that this tool was tested with.",
        )


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
