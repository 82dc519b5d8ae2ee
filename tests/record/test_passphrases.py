"""Which passphrase a sealed share has, as the register tells it: a change that was cut off leaves two that count."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.passphrases import choices, told
from ceremony.record.register import Register
from tests.record.sample import FastDesk, Play, Sample
from tests.record.test_reseal_rules import reseal


def book(tmp_path: Path, *, cut_off: bool) -> Register:
    """A key generation, and a reseal of A1 and B3; `cut_off`: then one of A1 that stopped before its proof."""
    folder = tmp_path / "register"
    folder.mkdir()
    made = Sample(FastDesk(tmp_path), folder, Play())
    head = reseal(made, 2, made.keygen())
    if cut_off:
        scribe = made.begin(3, "reseal", "reseal", head, "2026-11-27T09:00:00Z", ("A1",))
        scribe.add("A1", entries.Unlocked(position="A1", number=2))
        scribe.add("A1", entries.Chosen(position="A1", renewed="passphrase"))
        identifier = made.key_record.set_identifier
        scribe.add("A1", entries.Sealing(position="A1", number=3, set_identifier=identifier, sha256=sha256(b"new")))
    return Register.open(folder)


def test_who_never_changed_it_is_told_nothing(tmp_path: Path) -> None:
    found = book(tmp_path, cut_off=False)
    assert told(found, "A2", found.key_record.set_identifier, 1) == ""
    assert told(found, "A1", "00" * 10, 1) == ""


def test_each_sealed_share_has_the_passphrase_of_the_ceremony_that_chose_it(tmp_path: Path) -> None:
    found = book(tmp_path, cut_off=True)
    known = choices(found, "A1", found.key_record.set_identifier)
    assert {number: (choice.ceremony, choice.anew) for number, choice in known.items()} == {1: (1, False), 2: (2, True), 3: (3, True)}


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (2, "opens with your passphrase of BEFORE, chosen on 2026-11-25"),
        (3, "under the NEW passphrase of 2026-11-27, which you have not proven"),
    ],
)
def test_after_a_cut_off_it_is_said_which_is_which(tmp_path: Path, number: int, says: str) -> None:
    found = book(tmp_path, cut_off=True)
    assert says in told(found, "A1", found.key_record.set_identifier, number)


def test_a_proven_change_is_told_by_its_day(tmp_path: Path) -> None:
    found = book(tmp_path, cut_off=False)
    assert told(found, "A1", found.key_record.set_identifier, 2).endswith("Its passphrase is the one that you chose on 2026-11-25.")
