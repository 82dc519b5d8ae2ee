"""Blame: for every way in which a share can be wrong, one message that is read as a whole: whose it is, what is wrong with it, what
was expected, what to do; and nothing secret. All of them stand in blame.txt, to be read aloud.

`python -m tests.shares.test_blame` writes that file anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from shares import card, commitment, envelope
from shares.envelope import SALT, SEALED, Expected, Header, check_header, check_undamaged, seal, unseal, wrong_passphrase
from shares.plan import Plan, SitePlan, Terms

GOLDEN = Path(__file__).with_name("blame.txt")
PLAN = Plan(site_threshold=3, sites=tuple(SitePlan(letter=letter, threshold=2, members=3) for letter in "ABCD"))
TERMS = Terms(mark="practice", scheme="gf256", plan=PLAN)
SET, RETIRED, FOREIGN = "00112233445566778899", "99887766554433221100", "ffffffffffffffffffff"
SHARE, FORGED = bytes(range(200, 232)), bytes(range(32))
PASSPHRASE, OTHER = b"abacus bobbin cactus dollop embark fossil", b"another passphrase, chosen on purpose"
A1 = Header.of(TERMS, SET, "A1", "light", 4)
DUE = Expected(
    terms=TERMS,
    set_identifier=SET,
    position="A1",
    sealings=(1, 2, 4),
    retired={RETIRED: "retired by ceremony 7 on 2026-11-20"},
)


def sealed(share: bytes = SHARE, passphrase: bytes = PASSPHRASE, **header: Any) -> bytes:
    """A sealed share as somebody could make it; what differs from A1's own is given."""
    return seal(replace(A1, **header), share, passphrase, bytes(SALT))


RIGHT = sealed()
RECORDED = hashlib.sha256(RIGHT).hexdigest()
COMMITMENT = commitment.custodian(TERMS, "A1", SHARE)


@dataclass(frozen=True)
class Presented:
    """What A1 presents, the passphrase that they type, and what was opened before."""

    raw: bytes
    passphrase: bytes = PASSPHRASE
    expected: Expected = DUE
    recorded: str | None = RECORDED


def unlocked(way: Presented) -> bytes:
    """A share on its way through every check, in the order of the ceremony (sitting.unlock_one, the vault's Board.unlock)."""
    header = envelope.read(way.raw, way.expected.position)
    check_undamaged(header, way.raw, way.expected, way.recorded if header.sealing == A1.sealing else None)
    check_header(header, way.expected)
    share = unseal(way.raw, way.passphrase)
    commitment.check_custodian(way.expected.terms, way.expected.position, share, COMMITMENT)
    return share


def changed(at: int, to: int) -> bytes:
    return RIGHT[:at] + bytes([to]) + RIGHT[at + 1 :]


def typed(change: Callable[[str], str], line: int = 6) -> Callable[[], object]:
    """One line of A1's card, typed with a slip."""
    right = card.lines(RIGHT)[line - 1]
    return lambda: card.check_line(line, change(right))


def neighbours(text: str) -> str:
    """Two characters that change places, the first two that differ."""
    text = text.replace(" ", "")
    at = next(i for i in range(len(text) - 1) if text[i] != text[i + 1])
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def another(text: str) -> str:
    return ("7" if text[0] != "7" else "8") + text[1:]


PRODUCTION = {"mark": "production", "profile": "standard"}
WAYS: dict[str, tuple[str, Presented | Callable[[], object]]] = {
    "cut off": ("REC-03", Presented(RIGHT[:-1])),
    "too long": ("REC-03", Presented(RIGHT + b"\n")),
    "empty": ("REC-03", Presented(b"")),
    "not a sealed share at all": ("REC-03", Presented(b"x" * SEALED)),
    "a header that cannot be": ("REC-03", Presented(changed(15, 2))),
    "damaged": ("REC-03", Presented(changed(60, RIGHT[60] ^ 1))),
    "passphrase changed on purpose": ("REC-03", Presented(sealed(passphrase=OTHER), OTHER)),
    "forged with good checks, sealed anew": ("REC-03", Presented(sealed(FORGED))),
    "forged with good checks, not recorded": ("REC-05", Presented(sealed(FORGED), recorded=None)),
    "member number 0": ("GEN-04", Presented(changed(19, 0))),
    "site number 0": ("GEN-04", Presented(changed(18, 0))),
    "practice for production": (
        "REC-13",
        Presented(RIGHT, expected=replace(DUE, terms=replace(TERMS, mark="production"))),
    ),
    "production for practice": ("REC-13", Presented(sealed(**PRODUCTION), recorded=None)),
    "another set": ("REC-13", Presented(sealed(set_identifier=FOREIGN))),
    "a retired set": ("SEC-05", Presented(sealed(set_identifier=RETIRED))),
    "a retired set, of another custodian": ("SEC-05", Presented(sealed(set_identifier=RETIRED, position="A2"))),
    "swapped cards": ("REC-02", Presented(sealed(position="A2"))),
    "another site": ("REC-02", Presented(sealed(position="B3"))),
    "repeated": ("REC-02", Presented(RIGHT, expected=replace(DUE, opened=("A1", "A2")))),
    "another plan": ("REC-02", Presented(sealed(site_threshold=2))),
    "old sealing": ("REC-12", Presented(sealed(sealing=2))),
    "old sealing that the register does not know": ("REC-12", Presented(sealed(sealing=3))),
    "newer than the register": ("AUD-10", Presented(sealed(sealing=5))),
    "typed: another character": ("REC-03", typed(another)),
    "typed: two characters change places": ("REC-03", typed(neighbours)),
    "typed: a letter that no card has": ("REC-03", typed(lambda line: "U" + line[1:])),
    "typed: a character is missing": ("REC-03", typed(lambda line: line[1:])),
    "typed: another line": ("REC-03", lambda: card.check_line(6, card.lines(RIGHT)[4])),
    "typed: lines of two cards": ("REC-03", lambda: card.from_lines((*card.lines(RIGHT)[:8], card.lines(sealed(FORGED))[8]))),
    "scanned: of something else": ("REC-03", lambda: card.from_payload("https://example.com/")),
    "scanned: cut off": ("REC-03", lambda: card.from_payload(card.payload(RIGHT)[:-1])),
    "scanned: damaged": ("REC-03", lambda: card.from_payload(neighbours(card.payload(RIGHT)[::-1])[::-1])),
}
"""Way -> the control that refuses, and what is presented."""
TOLD: dict[str, Callable[[], str]] = {
    "wrong passphrase": lambda: wrong_passphrase(A1, 2),
    "wrong passphrase, for the third time": lambda: wrong_passphrase(A1, 0),
}
"""What is no refusal: a passphrase that does not open the recorded bytes."""


def refused(name: str) -> Refused:
    _, way = WAYS[name]
    with pytest.raises(Refused) as found:
        unlocked(way) if isinstance(way, Presented) else way()
    return found.value


def spoken(name: str) -> str:
    return TOLD[name]() if name in TOLD else str(refused(name))


def golden() -> str:
    return "\n".join(f"# {name}\n{spoken(name)}\n" for name in (*WAYS, *TOLD))


def test_what_is_right_opens() -> None:
    assert unlocked(Presented(RIGHT)) == SHARE
    lines = card.lines(RIGHT)
    assert card.from_lines([line.lower().replace("0", "o").replace("1", "l") for line in lines]) == RIGHT, "case and look-alikes are read"


@pytest.mark.control("REC-02")
@pytest.mark.control("REC-03")
@pytest.mark.control("REC-05")
@pytest.mark.control("REC-12")
@pytest.mark.control("REC-13")
@pytest.mark.control("SEC-05")
@pytest.mark.control("GEN-04")
@pytest.mark.parametrize("name", list(WAYS))
def test_each_way_is_refused_by_its_control(name: str) -> None:
    assert refused(name).identifier == WAYS[name][0]


@pytest.mark.parametrize("name", [name for name, (_, way) in WAYS.items() if isinstance(way, Presented)])
def test_each_message_names_the_position_and_says_what_to_do(name: str) -> None:
    said = refused(name)
    assert "A1" in str(said)
    assert said.found != said.expected
    assert said.do.endswith(".")


@pytest.mark.parametrize("name", [*WAYS, *TOLD])
def test_no_message_holds_anything_secret(name: str) -> None:
    """Neither passphrase nor share, in letters or digits; nor what was typed of a card."""
    said = spoken(name)
    kept = (SHARE.hex(), FORGED.hex(), PASSPHRASE.decode(), OTHER.decode(), *(word.decode() for word in PASSPHRASE.split()))
    assert [text for text in kept if text in said] == []
    assert [line for line in card.lines(RIGHT) if line[:8] in said.replace(" ", "")] == []


def test_the_messages_are_these() -> None:
    """Read blame.txt aloud before you change it."""
    assert GOLDEN.read_text() == golden()


if __name__ == "__main__":
    GOLDEN.write_text(golden())
