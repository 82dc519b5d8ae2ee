"""Key generation inside the opener: what the key record must commit to."""

from __future__ import annotations

import secrets

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import load
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault.generation import Generation
from ceremony.vault.passphrase import Passphrases
from shares import commitment
from tests.vault.test_opener import keygen
from tests.vault.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("generation"))


def generated(world: World) -> Generation:
    return Generation(keygen(world), world.charter, secrets.token_bytes, "a test", Passphrases())


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
