"""Every scheme holds to one interface: the same suite for all of them, the library's own facts apart.

What only one scheme has is in test_gf256.py and test_slip39.py."""

from __future__ import annotations

import os
import random
import secrets
import threading
from typing import Any, NamedTuple, get_args

import pyshamir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyshamir import _utils
from shamir_mnemonic import shamir

from ceremony.base.control import Refused
from shares.plan import LETTERS, Plan, SchemeName, SitePlan
from shares.schemes import CODES, SIZE, Scheme, Split, gf256, scheme_of, slip39
from tests.shares.splitting import SECRET, combined, members_of, refused, stream


class Library(NamedTuple):
    """Where a library has its source of randomness, and what splits in it; what of ours combines."""

    module: Any
    source: str
    splits: tuple[Any, str]
    ours: tuple[Any, str]


LIBRARIES = {
    "gf256": Library(_utils, "secrets", (pyshamir, "split"), (gf256, "_combine")),
    "slip39": Library(shamir, "RANDOM_BYTES", (shamir, "_split_secret"), (slip39, "_combined")),
}
SCHEMES = [scheme_of(name) for name in LIBRARIES]

each_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=LIBRARIES)


def plan_of(threshold: int, count: int, members: tuple[int, int] = (2, 2)) -> Plan:
    sites = tuple(SitePlan(letter=letter, threshold=members[0], members=members[1]) for letter in LETTERS[:count])
    return Plan(site_threshold=threshold, sites=sites)


def test_every_scheme_is_here() -> None:
    assert tuple(LIBRARIES) == tuple(CODES) == get_args(SchemeName)
    assert len(set(CODES.values())) == len(CODES)
    assert all(0 < code < 256 for code in CODES.values())
    for name, scheme in zip(LIBRARIES, SCHEMES, strict=True):
        assert (scheme.name, scheme.code) == (name, CODES[scheme.name])
    with pytest.raises(ValueError, match="no scheme"):
        scheme_of("rot13")


@each_scheme
def test_every_quorum_by_its_parts(scheme: Scheme, plan: Plan) -> None:
    split = scheme.split(SECRET, plan, stream(b"parts"))
    assert tuple(split.site_shares) == plan.letters
    assert tuple(split.custodian_shares) == plan.positions
    assert {len(share) for each in (split.site_shares, split.custodian_shares) for share in each.values()} == {SIZE}
    recoveries = 0
    for letter in plan.letters:
        for quorum in plan.minimal_quorums_of_site(letter):
            assert scheme.combine_site(plan, letter, members_of(split, quorum)) == split.site_shares[letter]
            recoveries += 1
    for letters in plan.minimal_quorums_of_sites():
        assert scheme.combine_sites(plan, {letter: split.site_shares[letter] for letter in letters}) == SECRET
        recoveries += 1
    assert recoveries == plan.recoveries()


@each_scheme
def test_all_108_quorums_give_the_secret(scheme: Scheme, plan: Plan) -> None:
    split = scheme.split(SECRET, plan, stream(b"all"))
    quorums = list(plan.quorums())
    assert len(quorums) == 108
    for quorum in quorums:
        assert combined(scheme, plan, split, quorum) == SECRET


@each_scheme
@pytest.mark.parametrize(("threshold", "count"), [(t, n) for n in range(2, 10) for t in range(2, n + 1)])
def test_every_threshold_of_every_number(scheme: Scheme, threshold: int, count: int) -> None:
    """Of sites, and of custodians at a site; the shares of one set with another threshold never give the secret."""
    chance = random.Random(count * 10 + threshold)
    plan = plan_of(threshold, count, (threshold, count))
    split = scheme.split(SECRET, plan, stream(b"every"))
    letters = chance.sample(plan.letters, threshold)
    members = {letter: tuple(f"{letter}{m}" for m in chance.sample(range(1, count + 1), threshold)) for letter in letters}
    sites = {letter: scheme.combine_site(plan, letter, members_of(split, chosen)) for letter, chosen in members.items()}
    assert sites == {letter: split.site_shares[letter] for letter in letters}
    assert scheme.combine_sites(plan, sites) == SECRET
    if threshold > 2:
        lower = plan_of(threshold - 1, count)
        assert result(scheme, lower, {letter: split.site_shares[letter] for letter in letters[1:]}) != SECRET


def result(scheme: Scheme, plan: Plan, shares: dict[str, bytes]) -> bytes | None:
    """What comes of shares that do not belong together: something else, or a refusal where the scheme has a digest."""
    try:
        return scheme.combine_sites(plan, shares)
    except Refused as error:
        if (scheme.name, error.identifier) != ("slip39", "REC-02"):
            raise
        return None


@each_scheme
@settings(max_examples=15, deadline=None)
@given(data=st.data(), secret=st.binary(min_size=32, max_size=32), seed=st.binary(min_size=1, max_size=8))
def test_any_plan_and_any_secret(scheme: Scheme, data: st.DataObject, secret: bytes, seed: bytes) -> None:
    sizes = data.draw(st.lists(st.integers(2, 9).flatmap(lambda n: st.tuples(st.integers(2, n), st.just(n))), min_size=2, max_size=9))
    sites = tuple(SitePlan(letter=letter, threshold=t, members=n) for letter, (t, n) in zip(LETTERS, sizes, strict=False))
    plan = Plan(site_threshold=data.draw(st.integers(2, len(sites))), sites=sites)
    split = scheme.split(secret, plan, stream(seed))
    found = {}
    for letter in data.draw(st.permutations(plan.letters))[: plan.site_threshold]:
        site = plan.site(letter)
        chosen = tuple(data.draw(st.permutations(site.positions))[: site.threshold])
        found[letter] = scheme.combine_site(plan, letter, members_of(split, chosen))
        assert found[letter] == split.site_shares[letter]
    assert scheme.combine_sites(plan, found) == secret


@each_scheme
@settings(max_examples=25, deadline=None)
@given(data=st.data(), change=st.integers(1, 255), at=st.integers(0, SIZE - 1))
def test_a_changed_share_never_gives_the_secret(scheme: Scheme, data: st.DataObject, change: int, at: int) -> None:
    """Which share is wrong the commitments say; the scheme itself may at best refuse the whole."""
    plan = plan_of(3, 4)
    split = scheme.split(SECRET, plan, stream(b"changed"))
    shares = {letter: split.site_shares[letter] for letter in data.draw(st.sampled_from(plan.minimal_quorums_of_sites()))}
    letter = data.draw(st.sampled_from(sorted(shares)))
    shares[letter] = shares[letter][:at] + bytes([shares[letter][at] ^ change]) + shares[letter][at + 1 :]
    assert result(scheme, plan, shares) != SECRET


@each_scheme
def test_no_share_keeps_to_some_values(scheme: Scheme) -> None:
    """Over many splits of one secret every share takes every value of a byte."""
    plan = plan_of(3, 3)
    seen: dict[str, set[int]] = {letter: set() for letter in "ABC"}
    for number in range(64):
        split = scheme.split(SECRET, plan, stream(bytes([number])))
        for letter, share in split.site_shares.items():
            seen[letter].update(share)
    assert all(values == set(range(256)) for values in seen.values())


@pytest.mark.control("GEN-13")
@each_scheme
def test_a_constant_operating_system_source_changes_nothing(scheme: Scheme, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(number: int = 32) -> bytes:
        return bytes(number)

    for module, name in ((os, "urandom"), (secrets, "token_bytes"), (shamir, "RANDOM_BYTES")):
        monkeypatch.setattr(module, name, broken)
    one, same, other = (scheme.split(SECRET, plan, stream(seed)) for seed in (b"1", b"1", b"2"))
    assert one.custodian_shares == same.custodian_shares
    assert all(one.site_shares[letter] != other.site_shares[letter] for letter in plan.letters)
    assert all(one.custodian_shares[position] != other.custodian_shares[position] for position in plan.positions)
    assert len(set(one.custodian_shares.values())) == 12


@each_scheme
def test_splits_at_once_keep_their_own_sources(scheme: Scheme, plan: Plan) -> None:
    alone = [scheme.split(SECRET, plan, stream(bytes([seed]))) for seed in range(6)]
    together: dict[int, Split] = {}

    def run(seed: int) -> None:
        together[seed] = scheme.split(SECRET, plan, stream(bytes([seed])))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(together[seed].custodian_shares == alone[seed].custodian_shares for seed in range(6))


@each_scheme
def test_a_split_that_begins_within_another_waits_for_it(scheme: Scheme, plan: Plan) -> None:
    """The second one begins while the first draws, and would go on drawing after the first has put the library's own source back."""
    alone = [scheme.split(SECRET, plan, stream(seed)).custodian_shares for seed in (b"first", b"second")]
    within, over = threading.Event(), threading.Event()
    sources, made = [stream(b"first"), stream(b"second")], []

    def second(number: int) -> bytes:
        if not within.is_set():
            within.set()
            over.wait(1)
        return sources[1](number)

    other = threading.Thread(target=lambda: made.append(scheme.split(SECRET, plan, second).custodian_shares))

    def first(number: int) -> bytes:
        if other.ident is None:
            other.start()
            within.wait(0.3)  # with the lock it never comes that far
        return sources[0](number)

    made.append(scheme.split(SECRET, plan, first).custodian_shares)
    over.set()
    other.join()
    assert sorted(map(repr, made)) == sorted(map(repr, alone))


@each_scheme
def test_the_library_gets_its_own_source_back(scheme: Scheme, plan: Plan) -> None:
    library = LIBRARIES[scheme.name]
    own = getattr(library.module, library.source)
    assert own in (secrets, secrets.token_bytes)
    scheme.split(SECRET, plan, stream(b"back"))
    assert getattr(library.module, library.source) is own

    def fails(number: int) -> bytes:
        raise RuntimeError("the generator has stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        scheme.split(SECRET, plan, fails)
    assert getattr(library.module, library.source) is own


@pytest.mark.control("GEN-13")
@each_scheme
def test_a_library_that_draws_elsewhere_is_refused(scheme: Scheme, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    library = LIBRARIES[scheme.name]
    real, own = getattr(*library.splits), getattr(library.module, library.source)

    def elsewhere(*asked: object) -> Any:
        setattr(library.module, library.source, own)
        return real(*asked)

    monkeypatch.setattr(*library.splits, elsewhere)
    refused("GEN-13", lambda: scheme.split(SECRET, plan, stream(b"elsewhere")))


@pytest.mark.control("GEN-13")
@each_scheme
def test_a_library_that_mixes_up_the_order_is_refused(scheme: Scheme, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its shares would not be those of their positions."""
    library = LIBRARIES[scheme.name]
    real = getattr(*library.splits)
    monkeypatch.setattr(*library.splits, lambda *asked: real(*asked)[::-1])
    refused("GEN-13", lambda: scheme.split(SECRET, plan, stream(b"order")))


@pytest.mark.control("GEN-13")
@each_scheme
@pytest.mark.parametrize("given_instead", [0, 1, 31])
def test_a_source_that_gives_too_little_is_refused(scheme: Scheme, plan: Plan, given_instead: int) -> None:
    refused("GEN-13", lambda: scheme.split(SECRET, plan, lambda number: bytes(min(given_instead, number - 1))))


@pytest.mark.control("GEN-05")
@each_scheme
@pytest.mark.parametrize("size", [0, 15, 16, 31, 33, 64])
def test_only_secrets_of_256_bits_are_split(scheme: Scheme, plan: Plan, size: int) -> None:
    refused("GEN-05", lambda: scheme.split(bytes(size), plan, stream(b"size")))


@pytest.mark.control("REC-01")
@each_scheme
def test_nothing_but_a_minimal_quorum_is_combined(scheme: Scheme, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    split = scheme.split(SECRET, plan, stream(b"short"))
    monkeypatch.setattr(*LIBRARIES[scheme.name].ours, lambda *_: pytest.fail("shares were combined"))
    for positions in ((), ("A1",), ("A1", "A2", "A3")):
        refused("REC-01", lambda positions=positions: scheme.combine_site(plan, "A", members_of(split, positions)))
    for letters in ("", "A", "AB", "ABCD"):
        shares = {letter: split.site_shares[letter] for letter in letters}
        refused("REC-01", lambda shares=shares: scheme.combine_sites(plan, shares))


@pytest.mark.control("REC-02")
@each_scheme
def test_shares_that_cannot_belong_are_refused(scheme: Scheme, plan: Plan) -> None:
    good = bytes(32)
    for shares in ({1: good, 4: good}, {1: good, -1: good}, {1: good, 2: good[:31]}, {1: good, 2: good + b"\x02"}, {1: good, 300: good}):
        refused("REC-02", lambda shares=shares: scheme.combine_site(plan, "A", shares))
    refused("REC-02", lambda: scheme.combine_site(plan, "E", {1: good, 2: good}))
    refused("REC-02", lambda: scheme.combine_sites(plan, {"A": good, "B": good, "E": good}))


@pytest.mark.control("GEN-04")
@each_scheme
def test_a_share_at_zero_is_refused(scheme: Scheme, plan: Plan) -> None:
    """Also where the scheme's own numbers begin at zero: in the house they begin at one."""
    refused("GEN-04", lambda: scheme.combine_site(plan, "A", {0: bytes(32), 1: bytes(32)}))


@each_scheme
def test_a_split_shows_nothing(scheme: Scheme, plan: Plan) -> None:
    split = scheme.split(SECRET, plan, stream(b"quiet"))
    assert repr(split) == str(split) == "Split(4 site shares, 12 custodian shares)"
    assert split != scheme.split(SECRET, plan, stream(b"quiet"))
