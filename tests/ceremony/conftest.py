"""Stages at the moments where tests begin; each is played once in a test run (tests/ceremony/shared.py) and copied for each test.

The first key generation and the first transfer are played before Eyes, who stay with their stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ceremony import demonstration
from ceremony.cast import Pace
from ceremony.demonstration import Stage
from tests.ceremony import rehearsal, shared
from tests.ceremony.eyes import Eyes
from tests.ceremony.instants import Play, record

Copied = Callable[[], Stage]
Recorded = tuple[Stage, Play]


@pytest.fixture(scope="session")
def _founded(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    def play(folder: Path) -> Stage:
        set_ = rehearsal.stage(folder)
        demonstration.found(set_)
        return set_

    return shared.once(tmp_path_factory, "founded", play)


@pytest.fixture(scope="session")
def _generated(_founded: Stage, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    def play(folder: Path) -> Recorded:
        set_ = rehearsal.copy(_founded, folder)
        set_.cast.pace = eyes = Eyes()
        kept = record(set_, demonstration.keygen_command(set_))
        set_.cast.pace = Pace()
        demonstration.fund(set_)
        demonstration.snapshot(set_)
        demonstration.authorize(set_)
        set_.cast.pace = eyes
        return set_, kept

    return shared.once(tmp_path_factory, "authorized", play)


@pytest.fixture(scope="session")
def _authorized(_generated: Recorded) -> Stage:
    return _generated[0]


@pytest.fixture(scope="session")
def _recorded_prepare(_authorized: Stage, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    def play(folder: Path) -> Recorded:
        set_ = rehearsal.copy(_authorized, folder)
        set_.cast.pace = Eyes()
        return set_, record(set_, demonstration.prepare_command(set_))

    return shared.once(tmp_path_factory, "prepared", play)


@pytest.fixture(scope="session")
def _prepared(_recorded_prepare: Recorded) -> Stage:
    return _recorded_prepare[0]


@pytest.fixture(scope="session")
def _approved(_prepared: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Everything is approved; the room adjourned before the first share was unlocked."""

    def play(folder: Path) -> Stage:
        set_ = rehearsal.copy(_prepared, folder)
        _shown, code = rehearsal.run_broken(set_, "kill-step:Approvals", demonstration.transfer_command(set_))
        assert code == 128 + 9
        return set_

    return shared.once(tmp_path_factory, "approved", play)


@pytest.fixture(scope="session")
def _recorded_transfer(_prepared: Stage, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    def play(folder: Path) -> Recorded:
        set_ = rehearsal.copy(_prepared, folder)
        set_.cast.pace = _prepared.cast.pace
        return set_, record(set_, demonstration.transfer_command(set_))

    return shared.once(tmp_path_factory, "carried-out", play)


@pytest.fixture(scope="session")
def _carried_out(_recorded_transfer: Recorded) -> Stage:
    return _recorded_transfer[0]


@pytest.fixture(scope="session")
def watched(_authorized: Stage, _carried_out: Stage) -> dict[str, Any]:
    """Eyes on the plays above, by the kind of the ceremony (tests/ceremony/test_screens.py)."""
    return {"keygen": _authorized.cast.pace, "transfer": _carried_out.cast.pace}


def _copied(played: Stage, folder: Path) -> Stage:
    return rehearsal.copy(played, folder / "stage")


@pytest.fixture
def keygen(_generated: Recorded) -> Play:
    """Every instant of the first key generation."""
    return _generated[1]


@pytest.fixture
def prepare(_recorded_prepare: Recorded) -> Play:
    """Every instant of the part of a transfer that administrator and witness do alone."""
    return _recorded_prepare[1]


@pytest.fixture
def transfer(_recorded_transfer: Recorded) -> Play:
    """Every instant of the rest of it."""
    return _recorded_transfer[1]


@pytest.fixture
def founded(_founded: Stage, tmp_path: Path) -> Stage:
    """People, HSM, charter and policy; no key yet."""
    return _copied(_founded, tmp_path)


@pytest.fixture
def authorized(_authorized: Stage, tmp_path: Path) -> Stage:
    """A key, coins, a snapshot, a signed and confirmed authorization."""
    return _copied(_authorized, tmp_path)


@pytest.fixture
def prepared(_prepared: Stage, tmp_path: Path) -> Stage:
    """Administrator and witness are done; the room may come."""
    return _copied(_prepared, tmp_path)


@pytest.fixture
def approved(_approved: Stage, tmp_path: Path) -> Stage:
    """Everyone approved; no share is open."""
    return _copied(_approved, tmp_path)


@pytest.fixture
def carried_out(_carried_out: Stage, tmp_path: Path) -> Stage:
    """The bundle is out; the receipt is awaited."""
    return _copied(_carried_out, tmp_path)


@pytest.fixture(scope="module")
def carried_out_once(_carried_out: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The same, copied once for all tests of a module."""
    return rehearsal.copy(_carried_out, tmp_path_factory.mktemp("carried-out-once") / "stage")


@pytest.fixture
def played(_carried_out: Stage) -> Stage:
    """The same, not copied: only to be looked at, with what everybody typed in it."""
    return _carried_out
