"""The default scheme alone: Vault's arithmetic, its published shares, 24 words, and what the coefficients are.

What every scheme holds to is in test_schemes.py."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import pytest
from mnemonic import Mnemonic
from pyshamir import _utils

from shares.plan import LETTERS, Plan, SitePlan
from shares.schemes import Split, gf256
from shares.schemes.gf256 import GF256
from tests.shares.splitting import SECRET, combined, div, lagrange, members_of, mul, refused, stream

VECTORS = Path(__file__).parents[1] / "vectors"
VAULT = json.loads((VECTORS / "vault_shamir.json").read_text())["cases"]
BIP39 = json.loads((VECTORS / "bip39.json").read_text())["cases"]


def test_the_field_as_vault_tests_it() -> None:
    ours = {"add": lambda a, b: a ^ b, "mult": mul, "div": div}
    theirs = {"add": _utils.add, "mult": _utils.mul, "div": _utils.div}
    cases = [case for case in VAULT if case["kind"] == "gf256"]
    assert len(cases) == 8
    for case in cases:
        assert ours[case["operation"]](case["a"], case["b"]) == theirs[case["operation"]](case["a"], case["b"]) == case["expected"]


def test_the_shares_that_vault_published() -> None:
    case = VAULT[0]
    shares = {int(share[-2:], 16): bytes.fromhex(share[:-2]) for share in case["shares"]}
    for size in (3, 4, 5):
        for chosen in combinations(shares, size):
            part = {x: shares[x] for x in chosen}
            assert gf256._combine(part) == lagrange(part) == bytes.fromhex(case["secret"])


def test_what_vault_refuses_is_refused() -> None:
    for case in (case for case in VAULT if case["kind"] == "split_invalid"):

        def split(case: dict = case) -> Split:
            wide = SitePlan(letter="A", threshold=case["threshold"], members=case["parts"])
            plan = Plan(site_threshold=2, sites=(wide, SitePlan(letter="B", threshold=2, members=2)))
            return GF256().split(bytes.fromhex(case["secret"]), plan, os.urandom)

        refused("GEN-05", split)
    plan = Plan(site_threshold=2, sites=tuple(SitePlan(letter=letter, threshold=2, members=3) for letter in "AB"))
    for case in (case for case in VAULT if case["kind"] == "combine_invalid"):
        shares = {x: bytes.fromhex(share)[:-1] for x, share in enumerate(case["shares"], start=1)}
        refused("REC-02" if shares else "REC-01", lambda shares=shares: GF256().combine_site(plan, "A", shares))


@pytest.mark.parametrize("case", BIP39, ids=range(len(BIP39)))
def test_a_recovered_secret_is_the_entropy_of_its_24_words(plan: Plan, case: dict) -> None:
    scheme, entropy = GF256(), bytes.fromhex(case["entropy"])
    split = scheme.split(entropy, plan, stream(entropy))
    found = combined(scheme, plan, split, ("A1", "A3", "C2", "C3", "D1", "D2"))
    assert Mnemonic("english").to_mnemonic(found) == case["mnemonic"]


def test_the_coefficients_are_the_bytes_that_were_drawn(plan: Plan) -> None:
    """Site shares first, then each site; for each secret byte the coefficients of x, x^2 and so on, as they come."""
    split, source = GF256().split(SECRET, plan, stream(b"order")), stream(b"order")

    def expected(secret: bytes, threshold: int, count: int) -> list[bytes]:
        polynomials = [bytes([byte]) + source(threshold - 1) for byte in secret]
        values = [bytearray() for _ in range(count)]
        for polynomial in polynomials:
            for x in range(1, count + 1):
                value = 0
                for coefficient in reversed(polynomial):
                    value = mul(value, x) ^ coefficient
                values[x - 1].append(value)
        return [bytes(value) for value in values]

    assert list(split.site_shares.values()) == expected(SECRET, 3, 4)
    for letter in plan.letters:
        assert [split.custodian_shares[f"{letter}{member}"] for member in (1, 2, 3)] == expected(split.site_shares[letter], 2, 3)


def test_coefficients_are_uniform_and_zero_is_one_of_them() -> None:
    """With every possible coefficient once, a share takes every value once, so one share says nothing (GEN-04)."""
    plan = Plan(site_threshold=2, sites=tuple(SitePlan(letter=letter, threshold=2, members=2) for letter in "AB"))
    seen: dict[str, list[bytes]] = {"A": [], "B": []}
    for coefficient in range(256):
        split = GF256().split(SECRET, plan, lambda number, c=coefficient: bytes([c]) * number)
        for letter, share in split.site_shares.items():
            seen[letter].append(share)
    assert seen["A"][0] == seen["B"][0] == SECRET  # a zero is taken as it comes; drawing again would betray that it was none
    for shares in seen.values():
        assert all({share[at] for share in shares} == set(range(256)) for at in range(32))


def test_an_independent_interpolation_gives_the_same(plan: Plan) -> None:
    """x is the place in the plan, the secret lies at 0: at both levels, for every quorum."""
    split = GF256().split(SECRET, plan, stream(b"parts"))
    for letter in plan.letters:
        for quorum in plan.minimal_quorums_of_site(letter):
            assert lagrange(members_of(split, quorum)) == split.site_shares[letter]
    by_x = {LETTERS.index(letter) + 1: share for letter, share in split.site_shares.items()}
    assert all(lagrange({x: by_x[x] for x in quorum}) == SECRET for quorum in combinations(by_x, 3))
    assert all(lagrange({x: by_x[x] for x in short}) != SECRET for short in combinations(by_x, 2))


def test_a_share_at_zero_would_dictate_the_secret() -> None:
    """Such a share would be the result, whatever the others say: why GEN-04 refuses it."""
    forged = bytes.fromhex("66" * 32)
    assert gf256._combine({0: forged, 1: bytes(32)}) == forged
