"""Closing slips: one page each, with everything that the next ceremony asks for, and nothing that two could read differently."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony.base.data import Malformed
from ceremony.base.lines import sha256
from ceremony.base.words import spoken
from ceremony.record import slip
from ceremony.record.register import Register
from ceremony.screen import paper
from ceremony.script.closing import slips_folder, write_slips
from tests.record import sample
from tests.screen.test_paper import text_of


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    return Register.open(sample.write(tmp_path_factory.mktemp("slips") / "register").register)


def test_a_slip_says_how_the_ceremony_ended_in_digits_and_in_words(register: Register) -> None:
    transfer = register.ceremonies[1]
    made = slip.slip_of(register, transfer)
    assert [name for name, _ in made.digests] == ["genesis", "head", "key record", "authorization", "signing request", "txid"]
    text = "\n".join(slip.lines(made, "A1", "Person A1"))
    for digest in dict(made.digests).values():
        assert digest in text
        assert all(re.search(rf"\b{place} {word}\b", text) for place, word in enumerate(spoken(digest), start=1))
    for said in ("PRACTICE", "A1, Person A1", "Desk Ltd", "carried out", transfer.time):
        assert said in text
    assert made.head == transfer.head == register.ceremonies[2].prev


def test_a_slip_has_the_digest_of_the_stock_verifier(register: Register) -> None:
    """An auditor who gets its three files from elsewhere compares them with paper."""
    scripts = Path(__file__).parents[2] / "scripts"
    raw = b"".join((scripts / name).read_bytes() for name in ("verify-transcript.sh", "facts.jq", "comparisons.jq"))
    assert sha256(raw) == slip.STOCK, f"in slip.py: {sha256(raw)}"
    rows = slip.lines(slip.slip_of(register, register.ceremonies[0]), "auditor", "")
    assert rows[rows.index("# verifier") + 1].strip() == slip.STOCK


def test_each_kind_of_ceremony_has_its_own_digests(register: Register) -> None:
    names = [[name for name, _ in slip.slip_of(register, ceremony).digests] for ceremony in register.ceremonies]
    assert names[0] == ["genesis", "head", "key record"]
    assert names[2] == ["genesis", "head", "key record", "txid"]


def test_the_longest_slip_fits_one_page_and_is_read_back(register: Register, tmp_path: Path) -> None:
    made = slip.slip_of(register, register.ceremonies[1])
    long = replace(made, organisation="An organisation with a name " * 70, outcome="key record signed")
    lines = slip.lines(long, "administrator", "A person with a name " * 90)
    assert len(paper.paged(lines)) == 1
    shown = text_of(paper.pdf("closing slip 2", [lines], "practice"), tmp_path)
    assert made.head in shown
    assert "page 1 of 1" in shown


def test_a_ceremony_that_has_not_ended_has_no_slip(register: Register) -> None:
    begun = register.ceremonies[1]
    unfinished = replace(begun, state=type(begun.state)(begun.state.entries[:-1]))
    with pytest.raises(Malformed, match="has not ended"):
        slip.slip_of(register, unfinished)


def test_slips_never_lie_in_the_register_and_never_replace_another_one(register: Register, tmp_path: Path) -> None:
    for inside in (register.folder, register.folder / "slips"):
        with pytest.raises(Malformed, match="never lie inside the register"):
            slips_folder(register.folder, str(inside))
    assert slips_folder(register.folder) == register.folder.resolve().parent / "slips"
    count = write_slips(register, register.ceremonies[1], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 * count == 2 * (len(register.charter.people) + 1)
    write_slips(register, register.ceremonies[1], tmp_path)
    (tmp_path / "slip-0002-A1.txt").write_text("another one")
    with pytest.raises(Malformed, match="is there already, and is another slip"):
        write_slips(register, register.ceremonies[1], tmp_path)
