"""A share card at the terminal: scanned, from a picture, or typed; each slip is named to its line and mended in place (REC-03)."""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageFilter

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.lines import sha256
from ceremony.cast import Cast
from ceremony.machine import pdf
from ceremony.screen import card as paper
from ceremony.screen.terminal import Pausing, Stopped, Terminal
from ceremony.script import on_card, on_file, typed_card
from ceremony.script.on_file import Unwritten
from shares import card
from tests.ceremony.eyes import Eyes
from tests.screen.test_paper_card import sealed

SHARE = sealed(position="A1")
OTHER = sealed(position="A1", sealing=11)
LINES = card.lines(SHARE)


def wrong(line: str, at: int = 6) -> str:
    """A line with one other character (its second group's, unless told otherwise)."""
    return line[:at] + ("7" if line[at] != "7" else "8") + line[at + 1 :]


def room_of(*lines: str | type[BaseException]) -> Any:
    """A room in which somebody types these lines."""
    left = iter(lines)

    def read(prompt: str) -> str:
        sys.stdout.write(prompt)
        line = next(left)
        if isinstance(line, str):
            return line
        raise line

    return SimpleNamespace(screen=Terminal(read), cards={})


def read(*lines: str, position: str = "A1") -> bytes:
    return typed_card.read_card(room_of(*lines), position)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[bytes, str], str]:
    def written(raw: bytes, name: str) -> str:
        path = tmp_path / name
        path.write_bytes(raw)
        return str(path)

    return written


def page(raw: bytes, sheet: paper.Paper = "A6", copies: int = 1) -> bytes:
    return pdf.pages(paper.pdf(raw, sheet, copies), 1754)[0]


def photograph(raw: bytes) -> bytes:
    """A JPEG of the card: turned, a little blurred, small."""
    turned = Image.open(io.BytesIO(page(raw))).convert("L").rotate(6, expand=True, fillcolor=230).filter(ImageFilter.GaussianBlur(1.5))
    out = io.BytesIO()
    turned.save(out, format="JPEG", quality=60)
    return out.getvalue()


def test_what_is_printed_was_read_back() -> None:
    raw = typed_card.printed(SHARE)
    assert raw == paper.pdf(SHARE)
    assert typed_card.scanned(raw) == SHARE
    assert typed_card.scanned(typed_card.printed(SHARE, "A4", 3)) == SHARE


@pytest.mark.parametrize("fault", ["another line", "another code", "no code", "one of four"])
def test_a_card_that_does_not_read_back_is_not_printed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, line, whole = paper._code, paper._line, paper.pdf
    if fault == "another line":
        monkeypatch.setattr(paper, "_line", lambda pen, number, text: line(pen, number, wrong(text) if number == 9 else text))
    elif fault == "another code":
        monkeypatch.setattr(paper, "_code", lambda pen, _: code(pen, card.payload(OTHER)))
    elif fault == "no code":
        monkeypatch.setattr(paper, "_code", lambda *_: None)
    else:
        monkeypatch.setattr(paper, "pdf", lambda raw, sheet, copies: whole(raw, sheet, copies - 1))
    with pytest.raises(Malformed, match="does not read back"):
        typed_card.printed(SHARE, "A4", 4 if fault == "one of four" else 1)


@pytest.mark.control("SEC-01")
def test_the_file_that_a_card_was_printed_from_proves_no_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does a copy under another name, or what a program made of it ("print to PDF"): who names it would be left with nothing. A
    picture is taken; that it is one of the paper, people see."""
    drawn, copy, printed, photograph = (tmp_path / name for name in ("card-A1-0002.pdf", "copy.pdf", "to-pdf.pdf", "photograph.png"))
    drawn.write_bytes(paper.pdf(SHARE, "A6", 1))
    copy.write_bytes(drawn.read_bytes())
    printed.write_bytes(paper.pdf(SHARE, "A4", 2))
    photograph.write_bytes(pdf.pages(drawn.read_bytes())[0])
    room = room_of(str(drawn), str(copy), str(printed), str(photograph))
    assert typed_card.read_card(room, "A1", drawn.read_bytes()) == SHARE
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("look at the paper itself") == 3
    assert "The tool cannot tell a photograph from a picture that a program made of the file" in shown


@pytest.mark.parametrize("kind", ["card.pdf", "card.png", "card.jpg", "sheet.pdf"])
def test_a_picture_of_the_card(kind: str, picture: Callable[[bytes, str], str]) -> None:
    raw = {
        "card.pdf": lambda: paper.pdf(SHARE),
        "card.png": lambda: page(SHARE),
        "card.jpg": lambda: photograph(SHARE),
        "sheet.pdf": lambda: paper.pdf(SHARE, "A4", 4),
    }[kind]()
    assert read(picture(raw, kind)) == SHARE


def test_a_picture_of_two_cards_or_of_none(picture: Callable[[bytes, str], str], capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (Image.open(io.BytesIO(page(raw))).convert("L") for raw in (SHARE, OTHER))
    both = Image.new("L", (one.width * 2, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))
    out = io.BytesIO()
    both.save(out, format="PNG")
    blank = io.BytesIO()
    Image.new("L", (900, 900), 255).save(blank, format="PNG")
    paths = [picture(out.getvalue(), "two.png"), picture(blank.getvalue(), "none.png"), picture(b"%PDF-1.4 torn", "torn.pdf")]
    assert read(*paths, "no-such-file.png", "/no/such/place", card.payload(SHARE)) == SHARE
    shown = " ".join(capsys.readouterr().out.split())
    for said in ("2 different share cards", "No share card can be read there", "not a PDF with a page", "There is no such file"):
        assert said in shown


@pytest.mark.parametrize("kind", ["PDF", "PNG"])
def test_torn_and_changed_pictures_are_read_or_told(kind: str) -> None:
    whole = paper.pdf(SHARE) if kind == "PDF" else page(SHARE)
    chance = random.Random(1)
    for _ in range(12):
        raw = bytearray(whole)
        for _ in range(chance.choice((1, 40))):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            assert typed_card.scanned(bytes(raw[: chance.randrange(8, 2 * len(raw))])) == SHARE
        except Malformed:
            continue


def test_a_scanner_that_types() -> None:
    assert read(card.payload(SHARE)) == SHARE
    assert read(card.payload(SHARE).lower()) == SHARE
    assert read(*LINES[:5], card.payload(SHARE)) == SHARE


@pytest.mark.control("REC-03")
def test_a_scanner_that_is_set_to_another_keyboard(capsys: pytest.CaptureFixture[str]) -> None:
    """German and French, as a scanner that is set to the American one types on them."""
    text = card.payload(SHARE)
    german = text.translate(str.maketrans("YZ", "ZY"))
    french = text.translate(str.maketrans("AQZWM.0123456789", "QAWZ?:)!@#$%^&*("))
    assert read(german, french, text) == SHARE
    assert " ".join(capsys.readouterr().out.split()).count("must be set to the keyboard of this") == 2


@pytest.mark.control("REC-03")
def test_a_slip_is_named_to_its_line_and_group_and_mended_in_place(capsys: pytest.CaptureFixture[str]) -> None:
    typed = [*LINES[:3], wrong(LINES[3]), LINES[3], LINES[4].lower().replace(" ", ""), wrong(LINES[5], 21), f"5={LINES[5].split()[4]}"]
    assert read(*typed, LINES[6], f"8 {LINES[7]}", LINES[8]) == SHARE
    shown = capsys.readouterr().out
    assert "REC-03 line 4 of the card" in shown
    assert "look at group 2" in shown
    assert "REC-03 line 6 of the card" in shown
    assert "look at group 5" in shown
    assert f"6  {' '.join(wrong(LINES[5], 21).split()[:4])}" in shown


@pytest.mark.control("REC-03")
def test_each_kind_of_slip_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    swapped = LINES[0][1] + LINES[0][0] + LINES[0][2:]
    slips = [LINES[1], LINES[0][:-1], LINES[0][:-1] + "U", swapped, wrong(wrong(wrong(LINES[0], 0), 5), 10), card.payload(SHARE)[:-4]]
    assert read(*slips, *LINES) == SHARE
    shown = " ".join(capsys.readouterr().out.split())
    for said in (
        "found line 2 expected line 1",
        "19 characters",
        "no card has, in group 5",
        "changed places; look at group 1",
        "a check that does not fit",
        "REC-03 the scanned code of the card",
    ):
        assert said in shown


def test_back_one_line_and_nothing_is_lost() -> None:
    assert read(*LINES[:4], "b", "b", "", "", *LINES[4:]) == SHARE
    assert read(*LINES[:4], "b", LINES[3], *LINES[4:]) == SHARE
    assert read(*LINES[:2], wrong(LINES[2]), "b", "", *LINES[2:]) == SHARE
    with pytest.raises(Malformed, match="was not read"):  # whoever cannot read their card holds up nobody
        read(*LINES[:1], "b", "b")


def to_print(folder: Path, *lines: str) -> Any:
    """A room in which A1's new card is printed from this folder."""
    room = room_of(*lines)
    room.medium, room.media, room.noted = lambda _: folder, {}, []
    return room


def test_a_card_that_cannot_be_drawn_printed_or_read_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its custodian takes another one, or something else; nothing of it stays on their stick. A sitting goes on."""
    other = [line for text in card.lines(OTHER) for line in (text,)]
    for typed in (("n",), ("", "b", "n"), ("", *other, "n")):
        with pytest.raises(Unwritten, match="Card number 2 does not count"):
            on_card.hand_over(to_print(tmp_path, *typed), "A1", 2, SHARE)
        assert list(tmp_path.iterdir()) == []
    assert on_card.hand_over(to_print(tmp_path, "", "b", "", *LINES), "A1", 2, SHARE) == SHARE
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unwritten, match="is not installed here"):
        on_card.hand_over(to_print(tmp_path), "A1", 3, SHARE)


@pytest.mark.control("GEN-10")
def test_three_sticks_of_somebody_else_are_refused_and_something_else_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "share-B1-0001.sealed").write_bytes(sealed(position="B1"))
    room = to_print(tmp_path)
    with pytest.raises(Unwritten, match="GEN-10"):
        on_file.hand_over(room, "A1", 2, SHARE)
    assert [body.identifier for _, body in room.noted] == ["GEN-10"] * 3


def test_a_pause_loses_nothing() -> None:
    room = room_of(*LINES[:4], "p", *LINES[4:])
    room.screen.screen(("PRACTICE",), busy=lambda: "")
    with pytest.raises(Pausing):
        typed_card.read_card(room, "A1")
    assert typed_card.read_card(room, "A1") == SHARE
    assert room.cards == {}


@pytest.mark.control("REC-03")
def test_lines_of_an_old_card_and_a_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Every line fits by itself; each is shown once more, and Enter keeps it."""
    old = card.lines(OTHER)
    assert read(*LINES[:5], old[5], *LINES[6:], *([""] * 5), LINES[5], "", "", "") == SHARE
    assert "these lines are not of one card" in capsys.readouterr().out


@pytest.mark.control("REC-02")
@pytest.mark.parametrize("how", ["typed", "scanned", "picture"])
def test_the_card_of_another_custodian(how: str, picture: Callable[[bytes, str], str]) -> None:
    """By its header, as soon as three of its lines are there."""
    given = {"typed": LINES[:3], "scanned": [card.payload(SHARE)], "picture": [picture(page(SHARE), "card.png")]}[how]
    room = room_of(*given)
    with pytest.raises(Refused) as error:
        typed_card.read_card(room, "B2")
    assert (error.value.identifier, error.value.found) == ("REC-02", "the practice card of A1")
    assert room.cards == {}


@pytest.mark.control("GEN-09")
def test_a_passphrase_typed_here_does_not_stay(capsys: pytest.CaptureFixture[str]) -> None:
    for typed in ("correct horse battery staple", "correct/horse/battery", "correcthorsebattery.pdf"):
        assert read(typed, card.payload(SHARE)) == SHARE
        assert "horse" not in capsys.readouterr().out


def test_q_stops() -> None:
    with pytest.raises(Stopped):
        read(*LINES[:3], "q")


def test_on_a_real_terminal(tmp_path: Path) -> None:
    """One custodian after a slip, a step back and a scan that came to the wrong prompt; seen at 80 x 24, without colour."""
    (tmp_path / "card-A1-0012.pdf").write_bytes(paper.pdf(SHARE))
    command = [sys.executable, str(Path(__file__).with_name("typing_card.py"))]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"}
    cast = Cast(media={"A1": tmp_path}, custodians_here=("A1",), pace=Eyes())
    answers = [LINES[0], wrong(LINES[1]), f"2={LINES[1].split()[1]}", *LINES[2:4], "?", "b", "", *LINES[4:]]
    cast.instead = [(r"A1, line \d[^:]*: ", answer) for answer in answers]
    shown, code = cast.run([*command, "A1"], tmp_path, environment)
    assert (code, shown.split()[-1]) == (0, sha256(SHARE)), shown[-2000:]
    assert (cast.pace.headless, cast.pace.wide, cast.pace.coloured) == ([], [], set())
    assert "A1" in cast.budget
    for given, end in ((None, (0, sha256(SHARE))), (card.payload(OTHER), (0, sha256(OTHER)))):
        cast.instead = [] if given is None else [("A1, line 1, a scan, or the path of a picture: ", given)]
        shown, code = cast.run([*command, "A1"], tmp_path, environment)
        assert (code, shown.split()[-1]) == end, shown[-2000:]
