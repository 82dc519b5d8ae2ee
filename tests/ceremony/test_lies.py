"""An HSM that lies, and a screen process that lies: what the vault refuses at the real command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from tests.ceremony import rehearsal
from tests.softhsm import make_shim


class Midway(dict[str, str]):
    """What people remember; when the first passphrase is asked for, the HSM begins to lie."""

    def __init__(self, remembered: Mapping[str, str], faults: Path, lie: str) -> None:
        super().__init__(remembered)
        self._faults = faults
        self._lie = lie

    def __getitem__(self, key: str) -> str:
        self._faults.write_text(self._lie + "\n")
        return super().__getitem__(key)


def lying(set_: Stage, lie: str) -> tuple[str, int]:
    """The sitting, with an HSM that lies from the first unlocked share on."""
    set_.cast.passphrases = Midway(set_.cast.passphrases, set_.folder / "hsm" / "softhsm2.conf.faults", lie)
    words = list(demonstration.transfer_command(set_, "resume"))
    words[words.index("--module") + 1] = make_shim(set_.folder)
    return rehearsal.run(set_, *words)


LIES = {
    "does not unwrap": ("REC-07", "spurn"),
    "says that the wrapping key may leave": ("REC-08", "lie 162 1 1f"),
    "says that child keys may leave": ("REC-09", "lie 162 1 3"),
    "bends signatures": ("GEN-03", "bend"),
    "keeps what it should destroy": ("SEC-03", "keep"),
}


@pytest.mark.control("REC-07")
@pytest.mark.control("REC-08")
@pytest.mark.control("REC-09")
@pytest.mark.control("GEN-03")
@pytest.mark.control("SEC-03")
@pytest.mark.parametrize("lie", LIES)
def test_an_hsm_that_lies_is_refused(approved: Stage, lie: str) -> None:
    identifier, fault = LIES[lie]
    shown, code = lying(approved, fault)
    assert code == 1, shown[-2000:]
    assert rehearsal.refusals(approved) == [identifier]
    assert "checked" not in rehearsal.types(approved)


OWN = {p: f"the {name} sings in the mine at dawn" for p, name in zip(("A1", "A2", "B1", "B2", "C1", "C2"), "abcdef", strict=True)}


@pytest.fixture
def known(founded: Stage) -> Stage:
    """A desk whose custodians bring passphrases of their own, which the lying screen process knows."""
    founded.cast.own = OWN
    (founded.folder / "known.json").write_text(json.dumps(OWN))
    return founded


@pytest.mark.control("REC-04")
def test_a_share_that_is_not_the_committed_one_is_named_as_it_is_entered(known: Stage) -> None:
    shown, code = rehearsal.run_lying(known, "forge", demonstration.keygen_command(known))
    assert code == 1, shown[-2000:]
    assert rehearsal.refusals(known) == ["REC-04"]
    assert "A1" in shown.split("REC-04")[1]


@pytest.mark.control("REC-06")
def test_an_account_that_is_not_the_recovered_one_is_refused(known: Stage) -> None:
    shown, code = rehearsal.run_lying(known, "account", demonstration.keygen_command(known))
    assert code == 0, shown[-2000:]
    for act in (demonstration.fund, demonstration.snapshot, demonstration.authorize, demonstration.prepare):
        act(known)
    shown, code = rehearsal.run(known, *demonstration.transfer_command(known))
    assert code == 1, shown[-2000:]
    assert rehearsal.refusals(known) == ["REC-06"]
    assert "imported" not in rehearsal.types(known)


@pytest.mark.control("SEC-01")
def test_a_share_that_was_not_locked_again_well_is_refused_and_the_old_one_stays(approved: Stage) -> None:
    before = {p.name: p.read_bytes() for p in (approved.folder / "custodians").rglob("*.sealed")}
    shown, code = rehearsal.run_lying(approved, "medium", demonstration.transfer_command(approved, "resume"))
    assert code == 1, shown[-2000:]
    assert rehearsal.refusals(approved)[-1] == "SEC-01"
    after = {p.name: p.read_bytes() for p in (approved.folder / "custodians").rglob("*.sealed")}
    assert {name: after[name] for name in before} == before
    shown, code = rehearsal.run(replace(approved), *demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
