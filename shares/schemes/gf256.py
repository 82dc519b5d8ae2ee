"""Nested Shamir sharing over GF(256), byte by byte, in HashiCorp Vault's arithmetic (polynomial 0x11B) by `pyshamir`.

Vault's share is the y bytes and then x. Here x is the share's place in the plan, so a share is its 32 y bytes.
The library checks nothing: too few, mixed or damaged shares give a wrong secret without a word. Numbers, lengths and x
are checked here; what the shares are worth is checked by commitments and extended public keys."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from shares.plan import LETTERS, Letter, Plan, SchemeName
from shares.schemes import CODES, SIZE, Drawn, Random, Split, check_drawn, check_quorum, check_secret

_SOURCE = threading.Lock()


class GF256:
    """The default scheme: the secret is BIP-39 entropy, so 24 words restore it in any wallet."""

    name: SchemeName = "gf256"
    code = CODES["gf256"]

    def split(self, secret: bytes, plan: Plan, random: Random) -> Split:
        """See `Scheme.split`. Coefficients are uniform, zero included: the library takes the bytes as they come (GEN-04)."""
        check_secret(secret)
        ys = _split(secret, plan.site_threshold, len(plan.sites), random)
        site_shares = dict(zip(plan.letters, ys, strict=True))
        custodian_shares: dict[str, bytes] = {}
        for site in plan.sites:
            ys = _split(site_shares[site.letter], site.threshold, site.members, random)
            custodian_shares.update(zip(site.positions, ys, strict=True))
        return Split(site_shares, custodian_shares)

    def combine_site(self, plan: Plan, letter: Letter, shares: Mapping[int, bytes]) -> bytes:
        """See `Scheme.combine_site`."""
        site = plan.site(letter)
        check_quorum(f"custodian shares of site {letter}", shares, site.threshold, site.members)
        return _combine(shares)

    def combine_sites(self, plan: Plan, shares: Mapping[Letter, bytes]) -> bytes:
        """See `Scheme.combine_sites`."""
        by_x = {LETTERS.index(plan.site(letter).letter) + 1: share for letter, share in shares.items()}
        check_quorum("site shares", by_x, plan.site_threshold, len(plan.sites))
        return _combine(by_x)


class _Source(Drawn):
    """What `pyshamir` finds under the name `secrets` while it splits for us: the ceremony's generator, and no shuffle.

    The library draws coefficients from the operating system alone and shuffles the x coordinates; here x is the position."""

    def SystemRandom(self) -> _Source:
        return self

    def shuffle(self, coordinates: list[int]) -> None:
        """Leave them in order: the library then gives x = 1, 2, 3 and so on."""


def _split(secret: bytes, threshold: int, count: int, random: Random) -> list[bytes]:
    """The y bytes for x = 1 to `count`."""
    from pyshamir import _utils, split  # noqa: PLC0415 - the base install does not have it

    source = _Source(random)
    with _SOURCE:  # the name belongs to the module, so two splits at once would draw from each other's source
        original, _utils.secrets = _utils.secrets, source
        try:
            parts = split(secret, count, threshold)
        finally:
            _utils.secrets = original
    in_order = [part[-1] for part in parts] == list(range(1, count + 1))
    check_drawn("pyshamir", source.drawn, SIZE * (threshold - 1), in_order=in_order)
    return [bytes(part[:-1]) for part in parts]


def _combine(shares: Mapping[int, bytes]) -> bytes:
    from pyshamir import combine  # noqa: PLC0415 - the base install does not have it

    return bytes(combine([bytearray(share) + bytes([x]) for x, share in sorted(shares.items())]))
