"""A share card: what it says is read back whole, and every slip of a hand or a reader is seen and named (REC-03)."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import subprocess
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceremony.base.control import Refused
from shares import card
from shares.envelope import SEALED

SHARE = random.Random(1).randbytes(SEALED)
OTHER = random.Random(2).randbytes(SEALED)
LINES = card.lines(SHARE)
TYPED = [line.replace(" ", "") for line in LINES]
NUMBERED = list(enumerate(TYPED, start=1))


def slip(number: int, typed: str) -> str:
    """What the refusal of one line found."""
    with pytest.raises(Refused) as error:
        card.check_line(number, typed)
    assert (error.value.identifier, error.value.what) == ("REC-03", f"line {number} of the card")
    return error.value.found


def refused_whole(lines: Sequence[str]) -> str:
    with pytest.raises(Refused) as error:
        card.from_lines(lines)
    assert error.value.identifier == "REC-03"
    return error.value.what


def refused_scan(text: str) -> str:
    with pytest.raises(Refused) as error:
        card.from_payload(text)
    assert error.value.identifier == "REC-03"
    return error.value.found


@given(st.binary(min_size=SEALED, max_size=SEALED))
def test_both_forms_say_the_share(sealed: bytes) -> None:
    assert card.from_lines(card.lines(sealed)) == sealed
    assert card.from_payload(card.payload(sealed)) == sealed


def test_what_stands_on_a_card() -> None:
    assert sum(len(line.split()) for line in LINES) == 45
    assert all(re.fullmatch(f"[{card.LETTERS}]{{4}}( [{card.LETTERS}]{{4}}){{4}}", line) for line in LINES)
    assert not set("ILOU") & set(card.LETTERS)
    assert re.fullmatch(r"[0-9A-Z $%*+./:-]{155}", card.payload(SHARE))
    assert card.payload(SHARE) == "COLDSHARE1." + "".join(line[:16] for line in TYPED)
    with pytest.raises(ValueError, match="86 bytes"):
        card.lines(SHARE[1:])


def test_stock_tools_read_a_card() -> None:
    """Without this code: the first four groups of each line through tr and base32."""
    groups = "".join("".join(line.split()[:4]) for line in LINES)
    command = f"printf %s {groups} | tr 0-9A-HJKMNP-TV-Z A-Z2-7 | base32 -d"
    raw = subprocess.run(["sh", "-c", command], check=True, capture_output=True).stdout
    assert raw == SHARE + hashlib.sha256(SHARE).digest()[:4]


DOCS = Path(__file__).parents[2] / "docs"
VECTOR = re.search(r"(?m)^sealed, light = ([0-9a-f]{172})$", (DOCS / "formats.md").read_text())


def test_the_card_of_the_formats_is_this_one() -> None:
    assert VECTOR
    sealed = bytes.fromhex(VECTOR[1])
    *typed, scanned = re.findall(r"```text card\n(.*?)```", (DOCS / "formats.md").read_text(), flags=re.DOTALL)[0].splitlines()
    assert card.from_lines(typed) == card.from_payload(scanned) == sealed
    assert typed == [f"{number}  {line[:-5]} {line[-5:]}" for number, line in enumerate(card.lines(sealed), start=1)]


def test_the_paper_procedure_reads_a_card(tmp_path: Path) -> None:
    """docs/recovery.md, as somebody would type it, with the first four groups of each line."""
    procedure = (DOCS / "recovery.md").read_text().split("## From a paper card", 1)[1]
    (commands,) = re.findall(r"```sh\n(.*?)```", procedure.split("\n## ", 1)[0], flags=re.DOTALL)
    (tmp_path / "typed").write_text("\n".join(" ".join(line.lower().split()[:4]) for line in LINES) + "\n")
    command = ["sh", "-eu", "-c", commands.split("\n", 1)[1]]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert (tmp_path / "share-A1-0003.sealed").read_bytes() == SHARE
    once, again = done.stdout.splitlines()
    assert once == again.replace(" ", "") == hashlib.sha256(SHARE).hexdigest()[:8]


def test_case_spaces_hyphens_numbers_and_look_alikes() -> None:
    for number, line in NUMBERED:
        for typed in (line.lower(), LINES[number - 1], "-".join(LINES[number - 1].split()), f" {number}  {LINES[number - 1]} "):
            assert card.check_line(number, typed) == line
        assert card.check_line(number, f"{number}. {LINES[number - 1]}") == line
        for zero, one in (("O", "I"), ("o", "l"), ("O", "L"), ("o", "i")):
            assert card.check_line(number, line.replace("0", zero).replace("1", one)) == line


@pytest.mark.control("REC-03")
@pytest.mark.parametrize("number", range(1, card.LINES + 1))
def test_every_other_character_is_refused_and_its_group_named(number: int) -> None:
    line = TYPED[number - 1]
    for at, right in enumerate(line):
        for wrong in set(card.LETTERS) - {right}:
            assert slip(number, line[:at] + wrong + line[at + 1 :]) == f"a check that does not fit; look at group {at // 4 + 1}"
        for strange in "Uu$.":
            assert slip(number, line[:at] + strange + line[at + 1 :]) == f"a character that no card has, in group {at // 4 + 1}"


@pytest.mark.control("REC-03")
@pytest.mark.parametrize("number", range(1, card.LINES + 1))
def test_two_characters_that_changed_places_are_refused_and_named(number: int) -> None:
    line = TYPED[number - 1]
    for one, other in combinations(range(card.LENGTH), 2):
        if line[one] != line[other]:
            swapped = list(line)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            groups = sorted({one // 4 + 1, other // 4 + 1})
            where = f"group {groups[0]}" if len(groups) == 1 else f"groups {groups[0]} and {groups[1]}"
            assert slip(number, "".join(swapped)) == f"two characters that changed places; look at {where}"


@pytest.mark.control("REC-03")
@given(st.integers(1, card.LINES), st.data())
def test_up_to_four_wrong_characters_are_always_seen(number: int, data: st.DataObject) -> None:
    line = list(TYPED[number - 1])
    places = data.draw(st.lists(st.integers(0, card.LENGTH - 1), min_size=1, max_size=4, unique=True))
    for at in places:
        line[at] = data.draw(st.sampled_from(sorted(set(card.LETTERS) - {line[at]})))
    found = slip(number, "".join(line))
    if len(places) == 2:
        assert all(str(at // 4 + 1) in found for at in places)


@pytest.mark.control("REC-03")
def test_a_line_in_the_place_of_another_is_named() -> None:
    for number, line in NUMBERED:
        for other in set(range(1, card.LINES + 1)) - {number}:
            assert slip(other, line) == f"line {number}"
            assert slip(other, f"{number} {LINES[number - 1]}") == f"line {number}"
    one, other = 2, 7
    swapped = list(LINES)
    swapped[one - 1], swapped[other - 1] = swapped[other - 1], swapped[one - 1]
    assert refused_whole(swapped) == "line 2 of the card"


@pytest.mark.control("REC-03")
def test_too_short_and_too_long() -> None:
    first, second, *rest = LINES[0].split()
    assert slip(1, " ".join((first, second[:3], *rest))) == "19 characters; look at group 2"
    assert slip(1, " ".join((first, second + "0", *rest))) == "21 characters; look at group 2"
    assert slip(1, TYPED[0][:-1]) == "19 characters"
    assert slip(1, " ".join(LINES[0].split()[:4])) == "16 characters"
    assert slip(1, "") == "0 characters"
    assert refused_whole(LINES[:8]) == refused_whole((*LINES, LINES[0])) == "the card is not whole"


@pytest.mark.control("REC-03")
def test_lines_of_two_cards_do_not_make_one() -> None:
    """Also where both cards are of one custodian, before and after a locking: the header and so the first lines are the same."""
    after = SHARE[:21] + bytes([SHARE[21] ^ 1]) + OTHER[22:]
    assert card.lines(after)[:2] == LINES[:2]
    for at in range(card.LINES):
        mixed = list(LINES)
        mixed[at] = card.lines(OTHER)[at]
        assert refused_whole(mixed) == "these lines are not of one card"
    assert refused_whole((*LINES[:4], *card.lines(after)[4:])) == "these lines are not of one card"


@pytest.mark.control("REC-03")
def test_what_was_scanned_is_whole_or_refused() -> None:
    text = card.payload(SHARE)
    assert card.from_payload(f" {text.lower()}\n") == SHARE
    for at in range(len(card.PREFIX), len(text)):
        wrong = card.LETTERS[(card.LETTERS.index(text[at]) + 1) % 32]
        assert refused_scan(text[:at] + wrong + text[at + 1 :]) == "a text whose check does not fit"
    assert refused_scan(text[:-1]) == "143 characters"
    assert refused_scan(text + "0") == "145 characters"
    assert refused_scan(text[:-1] + "O") == "characters that no card has"
    assert refused_scan(text.replace("1.", "2.")) == "version 2"
    assert refused_scan("UR:BYTES/1-1") == refused_scan("") == refused_scan("COLDSHARE.") == "another text"


@pytest.mark.control("REC-03")
def test_a_scanner_that_is_set_to_another_keyboard_is_told() -> None:
    text = card.payload(SHARE)
    assert {"Y", "Z"} & set(text)
    with pytest.raises(Refused) as error:
        card.from_payload(text.translate(str.maketrans("YZ", "ZY")))
    assert "Y and Z" in error.value.do


def test_what_is_a_scan() -> None:
    assert all(card.is_scan(text) for text in (card.payload(SHARE), card.payload(OTHER).lower(), "COLDSHARE2.XYZ", card.PREFIX))
    assert not any(card.is_scan(text) for text in (*LINES, "", "share.png", "COLDSHARE"))


@pytest.mark.control("REC-03")
@given(st.integers(1, card.LINES), st.text(max_size=30))
def test_whatever_is_typed_is_refused(number: int, text: str) -> None:
    assert slip(number, text)


def test_what_was_typed_is_not_repeated() -> None:
    """Under stress people type a passphrase where a line is asked for (GEN-09)."""
    for typed in ("correct horse battery staple", "Tr0ub4dor&3-xkcd-936", "correcthorsebatteryx"):
        with pytest.raises(Refused) as error:
            card.check_line(1, typed)
        assert not any(word.lower() in str(error.value).lower() for word in re.split(r"[ -]", typed))


def test_the_alphabet_is_the_one_of_stock_tools_in_another_order() -> None:
    raw = bytes(range(10))
    assert base64.b32encode(raw).decode().translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", card.LETTERS)) == "".join(
        card.LETTERS[int.from_bytes(raw, "big") >> (75 - 5 * n) & 31] for n in range(16)
    )
