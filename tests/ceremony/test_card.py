"""`ceremony shares card`: the card of a real sealed share, on its custodian's own medium, read back; nothing that is not whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ceremony.demonstration import Stage
from ceremony.machine import pdf
from ceremony.record.register import Register
from ceremony.script.typed_card import scanned
from shares.envelope import unseal
from tests.ceremony import rehearsal
from tests.ceremony.test_shares import card, passphrase, put, sealed_anew


def print_card(set_: Stage, path: Path, *more: str) -> tuple[str, int]:
    genesis = Register.open(set_.folder / "register").genesis
    return rehearsal.run(set_, "shares", "card", "--register", "register", "--genesis", genesis, *more, str(path))


def cards(set_: Stage) -> list[Path]:
    return sorted((set_.folder / "custodians").glob("*/card-*"))


def test_a_card_is_printed_and_opens_like_the_file(authorized: Stage) -> None:
    path = card(authorized, "A2")
    shown, code = print_card(authorized, path)
    assert code == 0, shown
    (printed,) = cards(authorized)
    assert (printed.parent, printed.name) == (path.parent, "card-A2-0001.pdf")
    assert scanned(printed.read_bytes()) == path.read_bytes()
    secret = passphrase(authorized, "A2")
    assert unseal(scanned(printed.read_bytes()), secret) == unseal(path.read_bytes(), secret)
    assert "PRACTICE card of A2" in shown
    charter = Register.open(authorized.folder / "register").charter
    text = pdf.text(printed.read_bytes())
    assert not any(word in text for site in charter.sites for word in site.name.split())
    assert not any(word in text for person in charter.people for word in person.name.split())
    before = printed.read_bytes()
    shown, code = print_card(authorized, path)
    assert (code, printed.read_bytes()) == (2, before), "nothing is written over"
    printed.rename(printed.with_name("old.pdf"))
    shown, code = print_card(authorized, printed.with_name("old.pdf"), "--paper", "A4", "--copies", "4")
    assert code == 0, shown
    assert scanned(printed.read_bytes()) == path.read_bytes(), "an old card gives a new one"
    assert "expected 1" not in shown
    assert print_card(authorized, path, "--copies", "2")[1] == 2


@pytest.mark.control("GEN-10")
@pytest.mark.control("REC-03")
@pytest.mark.control("REC-12")
@pytest.mark.control("REC-13")
def test_what_gets_no_card(authorized: Stage) -> None:
    path, good = card(authorized, "A2"), card(authorized, "A2").read_bytes()
    secret = passphrase(authorized, "A2")
    wrong = (
        ("REC-03", good[:60] + bytes([good[60] ^ 1]) + good[61:]),
        ("REC-13", sealed_anew(good, secret, set_identifier="00" * 10)),
        ("REC-13", sealed_anew(good, secret, mark="production", profile="standard")),
        ("AUD-10", sealed_anew(good, secret, sealing=2)),
        ("GEN-04", good[:19] + b"\0" + good[20:]),
    )
    for identifier, raw in wrong:
        put(authorized, "A2", raw)
        shown, code = print_card(authorized, path)
        assert code == 1, shown
        assert shown.split()[0] == identifier
    put(authorized, "A2", good[:-1])
    shown, code = print_card(authorized, path)
    assert (code, "85 bytes, expected 86" in shown) == (2, True), shown
    put(authorized, "A2", good)
    shutil.copy(card(authorized, "B1"), path.parent / "other.sealed")
    shown, code = print_card(authorized, path)
    assert (code, shown.split()[0]) == (1, "GEN-10"), shown
    assert cards(authorized) == []
