"""`ceremony shares card`: the card of a real sealed share, on its custodian's own medium, read back; nothing that is not whole."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.machine import pdf
from ceremony.record.register import Register
from ceremony.script.typed_card import scanned
from shares.envelope import unseal
from tests.ceremony import rehearsal, shared
from tests.ceremony.test_shares import card, passphrase, put, sealed_anew


@pytest.fixture(scope="module")
def with_cards_once(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A key whose shares lie in files, under a charter that allows cards as well."""

    def play(folder: Path) -> Stage:
        set_ = rehearsal.stage(folder, replace(rehearsal.SMALL, media=("file", "card")))
        demonstration.found(set_)
        demonstration.generate(set_)
        return set_

    return shared.once(tmp_path_factory, "cards", play)


@pytest.fixture
def with_cards(with_cards_once: Stage, tmp_path: Path) -> Stage:
    return rehearsal.copy(with_cards_once, tmp_path / "stage")


def print_card(set_: Stage, path: Path, *more: str) -> tuple[str, int]:
    genesis = Register.open(set_.folder / "register").genesis
    return rehearsal.run(set_, "shares", "card", "--register", "register", "--genesis", genesis, *more, str(path))


def cards(set_: Stage) -> list[Path]:
    return sorted((set_.folder / "custodians").glob("*/card-*"))


@pytest.mark.long
def test_a_card_is_printed_and_opens_like_the_file(with_cards: Stage) -> None:
    path = card(with_cards, "A2")
    shown, code = print_card(with_cards, path)
    assert code == 0, shown
    (printed,) = cards(with_cards)
    assert (printed.parent, printed.name) == (path.parent, "card-A2-0001.pdf")
    assert scanned(printed.read_bytes()) == path.read_bytes()
    secret = passphrase(with_cards, "A2")
    assert unseal(scanned(printed.read_bytes()), secret) == unseal(path.read_bytes(), secret)
    assert "PRACTICE card of A2" in shown
    charter = Register.open(with_cards.folder / "register").charter
    text = pdf.text(printed.read_bytes())
    assert not any(word in text for site in charter.sites for word in site.name.split())
    assert not any(word in text for person in charter.people for word in person.name.split())
    before = printed.read_bytes()
    shown, code = print_card(with_cards, path)
    assert (code, printed.read_bytes()) == (2, before), "nothing is written over"
    assert "is there already" in shown
    printed.rename(printed.with_name("old.pdf"))
    shown, code = print_card(with_cards, printed.with_name("old.pdf"), "--paper", "A4", "--copies", "4")
    assert code == 0, shown
    assert scanned(printed.read_bytes()) == path.read_bytes(), "an old card gives a new one"
    assert "expected 1" not in shown
    assert print_card(with_cards, path, "--copies", "2")[1] == 2


@pytest.mark.control("GEN-10")
@pytest.mark.control("REC-03")
@pytest.mark.control("REC-12")
@pytest.mark.control("REC-13")
def test_what_gets_no_card(with_cards: Stage) -> None:
    path, good = card(with_cards, "A2"), card(with_cards, "A2").read_bytes()
    secret = passphrase(with_cards, "A2")
    wrong = (
        ("REC-03", good[:60] + bytes([good[60] ^ 1]) + good[61:]),
        ("REC-13", sealed_anew(good, secret, set_identifier="00" * 10)),
        ("REC-13", sealed_anew(good, secret, mark="production", profile="standard")),
        ("AUD-10", sealed_anew(good, secret, sealing=2)),
        ("GEN-04", good[:19] + b"\0" + good[20:]),
    )
    for identifier, raw in wrong:
        put(with_cards, "A2", raw)
        shown, code = print_card(with_cards, path)
        assert code == 1, shown
        assert shown.split()[0] == identifier
    put(with_cards, "A2", good[:-1])
    shown, code = print_card(with_cards, path)
    assert (code, "85 bytes, expected 86" in shown) == (2, True), shown
    put(with_cards, "A2", good)
    shutil.copy(card(with_cards, "B1"), path.parent / "other.sealed")
    shown, code = print_card(with_cards, path)
    assert (code, shown.split()[0]) == (1, "GEN-10"), shown
    assert cards(with_cards) == []


@pytest.mark.control("GEN-10")
def test_a_charter_without_cards(authorized: Stage) -> None:
    shown, code = print_card(authorized, card(authorized, "A2"))
    assert (code, shown.split()[0]) == (1, "GEN-10"), shown
    assert cards(authorized) == []
