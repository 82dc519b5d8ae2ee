"""Key generation inside the opener: what the key record must commit to."""

from __future__ import annotations

import secrets
from dataclasses import replace
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import load
from ceremony.record.charter import Site
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault.generation import Birth, Generation
from ceremony.vault.passphrase import Passphrases
from ceremony.vault.prompt import Prompt
from shares import commitment
from shares.plan import LETTERS
from tests.vault.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("generation"))


def birth(world: World) -> Birth:
    return Birth(world.charter.digest, 1, "2026-11-20T10:00:00Z", "a test")


def generated(world: World) -> Generation:
    return Generation(birth(world), world.charter, secrets.token_bytes, Passphrases(lambda: Prompt(0, 1)))


def test_every_share_is_committed_to(world: World) -> None:
    record = load(KeyRecord, generated(world).key_record)
    assert set(record.custodian_commitments) == set(world.charter.custodians)
    assert set(record.site_commitments) == set(world.charter.plan.letters)
    commitments = [*record.custodian_commitments.values(), *record.site_commitments.values()]
    assert len(set(commitments)) == len(commitments)


@pytest.mark.control("GEN-08")
def test_shares_that_one_commitment_would_cover_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commitment, "custodian", lambda *_: "00" * 32)
    with pytest.raises(Refused) as caught:
        generated(world)
    assert caught.value.identifier == "GEN-08"


def wide(world: World, site_threshold: int, sizes: list[tuple[int, int]]) -> Generation:
    """Key generation for any plan up to nine sites of nine. The charter is not checked here: tests of the charter do that."""
    member = world.charter.people[-1]
    sites = tuple(
        Site(letter=letter, name=f"Site {letter}", jurisdiction="CH", threshold=threshold)
        for letter, (threshold, _) in zip(LETTERS, sizes, strict=False)
    )
    positions = [f"{site.letter}{number}" for site, (_, members) in zip(sites, sizes, strict=True) for number in range(1, members + 1)]
    people = tuple(replace(member, person=position, name=f"Person {position}") for position in positions)
    charter = replace(world.charter, site_threshold=site_threshold, sites=sites, people=people)
    begun = Generation(birth(world), charter, secrets.token_bytes, Passphrases(lambda: Prompt(0, 1)))
    begun._proven.update(begun._split.custodian_shares)  # as if each had been locked, read back and opened
    return begun


@pytest.mark.control("GEN-07")
def test_eighty_one_custodians_are_proven_whole(world: World) -> None:
    """Nine sites of nine. At the thresholds that need the most recoveries (1,260) it is the same work four times as often."""
    proven = wide(world, 2, [(2, 9)] * 9).prove_quorums()
    assert (proven.of_custodians, proven.of_sites) == (9 * 36, 36)


@pytest.mark.control("GEN-07")
def test_the_site_with_the_most_quorums(world: World) -> None:
    proven = wide(world, 2, [(5, 9), (9, 9)]).prove_quorums()
    assert (proven.of_custodians, proven.of_sites) == (126 + 1, 1)


@pytest.mark.control("GEN-07")
@settings(max_examples=6, deadline=None)
@given(st.data())
def test_thresholds_of_many_kinds_up_to_nine_by_nine(world: World, data: st.DataObject) -> None:
    some = st.integers(2, 9).flatmap(lambda n: st.tuples(st.sampled_from(sorted({2, min(3, n), n})), st.just(n)))
    sizes = data.draw(st.lists(some.filter(lambda size: comb(size[1], size[0]) <= 36), min_size=2, max_size=9))
    threshold = data.draw(st.sampled_from(sorted({2, len(sizes)})))
    proven = wide(world, threshold, sizes).prove_quorums()
    assert proven.of_custodians + proven.of_sites == sum(comb(n, t) for t, n in sizes) + comb(len(sizes), threshold) <= 2_000


@pytest.mark.control("GEN-07")
def test_one_wrong_share_of_eighty_one_is_found(world: World) -> None:
    begun = wide(world, 2, [(2, 9)] * 9)
    share = begun._proven["G7"]
    begun._proven["G7"] = bytes([share[0] ^ 1]) + share[1:]
    with pytest.raises(Refused):
        begun.prove_quorums()
