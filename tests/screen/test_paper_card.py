"""The share card on paper: rendered as a printer would, read by both decoders, damaged, and read again."""

from __future__ import annotations

import io
import random
from functools import cache

import pytest
from PIL import Image

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, Mark
from ceremony.machine import pdf
from ceremony.screen import card as paper
from shares import card
from shares.envelope import SEALED, Header
from tests.screen import stains
from transfer.gap import qr

MARKS: tuple[Mark, ...] = ("practice", "production")
PIXELS = 1754
"""Of the longer side of A6: 300 dots per inch."""


def sealed(mark: Mark = "practice", position: str = "B3", sealing: int = 12) -> bytes:
    """A sealed share in form; nobody has the passphrase."""
    header = Header(
        mark=mark,
        scheme="gf256",
        profile="standard",
        set_identifier="00112233445566778899",
        site_threshold=3,
        sites=4,
        member_threshold=2,
        members=3,
        position=position,
        sealing=sealing,
    )
    return header.pack() + random.Random(f"{mark} {position} {sealing}").randbytes(SEALED - len(header.pack()))


@cache
def drawn(mark: Mark = "practice", sheet: paper.Paper = "A6", copies: int = 1) -> bytes:
    return paper.pdf(sealed(mark), sheet, copies)


@cache
def page(mark: Mark = "practice") -> Image.Image:
    return Image.open(io.BytesIO(pdf.pages(drawn(mark), PIXELS)[0])).convert("L")


@pytest.mark.parametrize("mark", MARKS)
def test_both_decoders_read_the_page(mark: Mark) -> None:
    assert drawn(mark) == paper.pdf(sealed(mark))
    assert qr.first_reader(page(mark)) == qr.second_reader(page(mark)) == [card.payload(sealed(mark))]
    assert card.from_payload(qr.read(page(mark))) == sealed(mark)


@pytest.mark.control("DRL-04")
@pytest.mark.parametrize("mark", MARKS)
def test_the_kind_is_seen_in_words_and_in_colour(mark: Mark) -> None:
    """Practice is orange, and says so across the card as well; both say it in black and white."""
    other = MARKS[mark == "practice"]
    text = pdf.text(drawn(mark))
    assert mark.upper() in text
    assert other.upper() not in text
    assert Header.unpack(card.from_payload(qr.read(page(mark)))).mark == mark
    colored = Image.open(io.BytesIO(_colored(drawn(mark)))).convert("HSV").getchannel("S")
    assert (colored.getextrema()[1] > 100) == (mark == "practice")


def _colored(raw: bytes) -> bytes:
    import subprocess  # noqa: PLC0415

    return subprocess.run(["pdftoppm", "-png", "-r", "72", "-"], input=raw, capture_output=True, check=True).stdout


def test_what_stands_on_it_and_what_does_not() -> None:
    text = " ".join(pdf.text(drawn()).split())
    for said in ("SHARE CARD", "B3", "0011 2233 4455", "6677 8899", "sealing number", "12", *paper.FOUND, *paper.YOURS):
        assert said in text
    raw = drawn()
    assert not any(word in raw for word in (b"CreationDate (D:2026", b"CreationDate (D:2025"))
    assert len(set(pdf.text(paper.pdf(sealed(position="A1"))).split()) ^ set(text.split())) < 120, "only the share's own facts differ"


def test_lines_are_on_the_page_as_text() -> None:
    text = pdf.text(drawn())
    for number, line in enumerate(card.lines(sealed()), start=1):
        assert f"{number} {line}" in " ".join(text.split())


@pytest.mark.parametrize("copies", range(1, 5))
def test_a_sheet_has_up_to_four_copies_of_one_card(copies: int) -> None:
    (image,) = pdf.pages(drawn("production", "A4", copies))
    expected = [card.payload(sealed("production"))] * copies
    assert qr.first_reader(image) == qr.second_reader(image) == expected


@pytest.mark.parametrize(("sheet", "copies"), [("A6", 2), ("A6", 0), ("A4", 5), ("A4", 0)])
def test_more_copies_than_the_paper_has_room_for(sheet: paper.Paper, copies: int) -> None:
    with pytest.raises(ValueError, match="copies"):
        paper.pdf(sealed(), sheet, copies)


def test_what_is_no_sealed_share_gets_no_card() -> None:
    for raw in (b"", sealed()[:-1], b"\x02" + sealed()[1:]):
        with pytest.raises(Malformed):
            paper.pdf(raw)
    with pytest.raises(Refused, match="GEN-04"):
        paper.pdf(sealed()[:18] + b"\x00" + sealed()[19:])


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("blurred", [False, True])
def test_a_tenth_of_the_code_may_be_blackened_and_half_a_module_blurred(mark: Mark, blurred: bool) -> None:
    """One blot of a tenth of the code, in each of many places, also where it takes one of the three finder patterns; the leading
    decoder."""
    text, corners = card.payload(sealed(mark)), 0
    for stain in stains.of(page(mark), text, 4):
        assert stains.is_read(stains.blurred(stain) if blurred else stain.image, text), (stain.left, stain.top)
        corners += stain.on_finder
    assert corners >= 3
    assert stains.is_read(stains.blurred(stains.none(page(mark), text)), text)


def test_printed_in_black_only_it_is_read() -> None:
    image = page().point(lambda value: 255 * (value > 140)).convert("1").convert("L")
    assert qr.first_reader(image) == qr.second_reader(image) == [card.payload(sealed())]
