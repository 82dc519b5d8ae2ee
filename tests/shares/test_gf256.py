"""Sharing over GF(256): against Vault's published shares, and against an arithmetic of our own (log tables, not bit by bit)."""

from __future__ import annotations

import json
import os
import random
import secrets
import threading
from collections.abc import Callable
from hashlib import shake_256
from itertools import combinations
from pathlib import Path

import pyshamir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic
from pyshamir import _utils

from ceremony.base.control import Refused
from shares.plan import LETTERS, Plan, SitePlan, indices
from shares.schemes import CODES, Random, Scheme, Split, gf256, scheme_of
from shares.schemes.gf256 import GF256

VECTORS = Path(__file__).parents[1] / "vectors"
VAULT = json.loads((VECTORS / "vault_shamir.json").read_text())["cases"]
BIP39 = json.loads((VECTORS / "bip39.json").read_text())["cases"]

EXP = [1] * 255
for _power in range(1, 255):
    _twice = EXP[_power - 1] << 1
    EXP[_power] = EXP[_power - 1] ^ (_twice ^ 0x11B if _twice & 0x100 else _twice)  # times the generator 3
LOG = {value: power for power, value in enumerate(EXP)}

SECRET = bytes(range(100, 132))


def mul(a: int, b: int) -> int:
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def div(a: int, b: int) -> int:
    return EXP[(LOG[a] - LOG[b]) % 255] if a else 0


def lagrange(points: dict[int, bytes], at: int = 0) -> bytes:
    """The value at `at` of the polynomials through these points, byte by byte."""
    result = bytearray(len(next(iter(points.values()))))
    for x, ys in points.items():
        weight = 1
        for other in points:
            if other != x:
                weight = mul(weight, div(at ^ other, x ^ other))
        for number, y in enumerate(ys):
            result[number] ^= mul(y, weight)
    return bytes(result)


def stream(seed: bytes) -> Random:
    """A reproducible source: it gives what was not given before."""
    given_so_far = 0
    whole = shake_256(seed).digest(20_000)

    def draw(number: int) -> bytes:
        nonlocal given_so_far
        given_so_far += number
        assert given_so_far <= len(whole)
        return whole[given_so_far - number : given_so_far]

    return draw


def members_of(split: Split, positions: tuple[str, ...]) -> dict[int, bytes]:
    return {indices(position)[1]: split.custodian_shares[position] for position in positions}


def refused(identifier: str, ask: Callable[[], object]) -> None:
    with pytest.raises(Refused) as error:
        ask()
    assert error.value.identifier == identifier


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
    quorum = plan.minimal(["A1", "A3", "C2", "C3", "D1", "D2"])
    sites = {letter: scheme.combine_site(plan, letter, members_of(split, positions)) for letter, positions in quorum.items()}
    assert Mnemonic("english").to_mnemonic(scheme.combine_sites(plan, sites)) == case["mnemonic"]


def test_every_quorum_by_its_parts(plan: Plan) -> None:
    scheme: Scheme = scheme_of("gf256")
    split = scheme.split(SECRET, plan, stream(b"parts"))
    assert tuple(split.site_shares) == plan.letters
    assert tuple(split.custodian_shares) == plan.positions
    recoveries = 0
    for letter in plan.letters:
        for quorum in plan.minimal_quorums_of_site(letter):
            shares = members_of(split, quorum)
            assert scheme.combine_site(plan, letter, shares) == lagrange(shares) == split.site_shares[letter]
            recoveries += 1
    for letters in plan.minimal_quorums_of_sites():
        shares = {letter: split.site_shares[letter] for letter in letters}
        assert scheme.combine_sites(plan, shares) == lagrange({LETTERS.index(x) + 1: y for x, y in shares.items()}) == SECRET
        recoveries += 1
    assert recoveries == plan.recoveries()


def test_all_108_quorums_give_the_secret(plan: Plan) -> None:
    split = GF256().split(SECRET, plan, stream(b"all"))
    for quorum in plan.quorums():
        sites = {indices(p)[0]: members_of(split, tuple(q for q in quorum if q[0] == p[0])) for p in quorum}
        assert lagrange({x: lagrange(members) for x, members in sites.items()}) == SECRET


@pytest.mark.parametrize(("threshold", "count"), [(t, n) for n in range(2, 10) for t in range(2, n + 1)])
def test_every_threshold_of_every_number_of_sites(threshold: int, count: int) -> None:
    plan = Plan(site_threshold=threshold, sites=tuple(SitePlan(letter=letter, threshold=2, members=2) for letter in LETTERS[:count]))
    split = GF256().split(SECRET, plan, stream(b"every"))
    by_x = {LETTERS.index(letter) + 1: share for letter, share in split.site_shares.items()}
    chance = random.Random(count * 10 + threshold)
    chosen = chance.sample(sorted(by_x), threshold)
    assert GF256().combine_sites(plan, {LETTERS[x - 1]: by_x[x] for x in chosen}) == SECRET
    assert all(lagrange({x: by_x[x] for x in quorum}) == SECRET for quorum in combinations(by_x, threshold))
    assert all(lagrange({x: by_x[x] for x in short}) != SECRET for short in combinations(by_x, threshold - 1))


@settings(max_examples=20, deadline=None)
@given(st.data(), st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=8))
def test_any_plan_and_any_secret(data: st.DataObject, secret: bytes, seed: bytes) -> None:
    sizes = data.draw(st.lists(st.integers(2, 9).flatmap(lambda n: st.tuples(st.integers(2, n), st.just(n))), min_size=2, max_size=9))
    sites = tuple(SitePlan(letter=letter, threshold=t, members=n) for letter, (t, n) in zip(LETTERS, sizes, strict=False))
    plan = Plan(site_threshold=data.draw(st.integers(2, len(sites))), sites=sites)
    split = GF256().split(secret, plan, stream(seed))
    found = {}
    for letter in data.draw(st.permutations(plan.letters))[: plan.site_threshold]:
        site = plan.site(letter)
        chosen = tuple(data.draw(st.permutations(site.positions))[: site.threshold])
        found[letter] = lagrange(members_of(split, chosen))
    last = GF256().combine_site(plan, letter, members_of(split, chosen))
    assert last == found[letter] == split.site_shares[letter]
    assert GF256().combine_sites(plan, found) == secret


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


def test_a_constant_operating_system_source_changes_nothing(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(number: int = 32) -> bytes:
        return bytes(number)

    for module, name in ((os, "urandom"), (secrets, "token_bytes")):
        monkeypatch.setattr(module, name, broken)
    one, same, other = (GF256().split(SECRET, plan, stream(seed)) for seed in (b"1", b"1", b"2"))
    assert one.custodian_shares == same.custodian_shares
    assert all(one.site_shares[letter] != other.site_shares[letter] for letter in plan.letters)
    assert all(one.custodian_shares[position] != other.custodian_shares[position] for position in plan.positions)
    assert len(set(one.custodian_shares.values())) == 12


def test_splits_at_once_keep_their_own_sources(plan: Plan) -> None:
    alone = [GF256().split(SECRET, plan, stream(bytes([seed]))) for seed in range(6)]
    together: dict[int, Split] = {}

    def run(seed: int) -> None:
        together[seed] = GF256().split(SECRET, plan, stream(bytes([seed])))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(together[seed].custodian_shares == alone[seed].custodian_shares for seed in range(6))


def test_the_library_gets_its_own_source_back(plan: Plan) -> None:
    GF256().split(SECRET, plan, stream(b"back"))
    assert _utils.secrets is secrets

    def fails(number: int) -> bytes:
        raise RuntimeError("the generator has stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        GF256().split(SECRET, plan, fails)
    assert _utils.secrets is secrets


@pytest.mark.control("GEN-13")
def test_a_library_that_draws_elsewhere_is_refused(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pyshamir.split

    def elsewhere(secret: bytes, parts: int, threshold: int) -> list[bytearray]:
        _utils.secrets = secrets
        return real(secret, parts, threshold)

    monkeypatch.setattr(pyshamir, "split", elsewhere)
    refused("GEN-13", lambda: GF256().split(SECRET, plan, stream(b"elsewhere")))


@pytest.mark.control("GEN-13")
def test_a_source_that_gives_too_little_is_refused(plan: Plan) -> None:
    refused("GEN-13", lambda: GF256().split(SECRET, plan, lambda number: b""))


@pytest.mark.control("GEN-05")
@pytest.mark.parametrize("size", [0, 15, 16, 31, 33, 64])
def test_only_secrets_of_256_bits_are_split(plan: Plan, size: int) -> None:
    refused("GEN-05", lambda: GF256().split(bytes(size), plan, stream(b"size")))


@pytest.mark.control("REC-01")
def test_nothing_but_a_minimal_quorum_is_combined(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    split = GF256().split(SECRET, plan, stream(b"short"))
    monkeypatch.setattr(gf256, "_combine", lambda shares: pytest.fail("shares were combined"))
    for positions in ((), ("A1",), ("A1", "A2", "A3")):
        refused("REC-01", lambda positions=positions: GF256().combine_site(plan, "A", members_of(split, positions)))
    for letters in ("", "A", "AB", "ABCD"):
        shares = {letter: split.site_shares[letter] for letter in letters}
        refused("REC-01", lambda shares=shares: GF256().combine_sites(plan, shares))


@pytest.mark.control("REC-02")
def test_shares_that_cannot_belong_are_refused(plan: Plan) -> None:
    good = bytes(32)
    for shares in ({1: good, 4: good}, {1: good, -1: good}, {1: good, 2: good[:31]}, {1: good, 2: good + b"\x02"}, {1: good, 300: good}):
        refused("REC-02", lambda shares=shares: GF256().combine_site(plan, "A", shares))
    refused("REC-02", lambda: GF256().combine_site(plan, "E", {1: good, 2: good}))
    refused("REC-02", lambda: GF256().combine_sites(plan, {"A": good, "B": good, "E": good}))


@pytest.mark.control("GEN-04")
def test_a_share_at_zero_is_refused(plan: Plan) -> None:
    """Such a share would be the result, whatever the others say."""
    forged = bytes.fromhex("66" * 32)
    assert gf256._combine({0: forged, 1: bytes(32)}) == forged
    refused("GEN-04", lambda: GF256().combine_site(plan, "A", {0: forged, 1: bytes(32)}))


def test_a_split_shows_nothing(plan: Plan) -> None:
    split = GF256().split(SECRET, plan, stream(b"quiet"))
    assert repr(split) == str(split) == "Split(4 site shares, 12 custodian shares)"
    assert split != GF256().split(SECRET, plan, stream(b"quiet"))


def test_schemes_by_name() -> None:
    scheme = scheme_of("gf256")
    assert (scheme.name, scheme.code) == ("gf256", CODES["gf256"])
    with pytest.raises(ValueError, match="no scheme"):
        scheme_of("rot13")
