"""A share card on paper: a PDF of A6, or of A4 with up to four copies and cut marks; the same bytes each time.

On it stand the sealed share as a QR code and as nine lines to type, what it is (kind, position, set, sealing number), and what a finder
should do. Nothing names holder, site, organisation, place or date. All of it is black on white; the orange of practice is for those who
print in colour, and the word PRACTICE says the same to the others (SET-08, DRL-04)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from ceremony.base.data import Mark
from shares import card
from shares.envelope import Header
from transfer.gap import qr

Paper = Literal["A6", "A4"]
MOST: dict[Paper, int] = {"A6": 1, "A4": 4}
"""Copies of one card that one sheet has room for."""

LEVEL: qr.Level = "H"
"""Of a card's code: about 30 per cent of its codewords may be lost."""
FOUND = (
    "If you found this card: it is one sealed part of several. Alone it opens nothing",
    "and is worth nothing, to anybody. Please do not copy, photograph or post it. Put it",
    "into an envelope, with the bag that it was in, and hand it in where you found it,",
    "or as lost property. Its owner is looking for it, and will ask there.",
)
YOURS = (
    "If it is yours: the passphrase never lies with it and is never written on it. If it was",
    "out of your hands, tell both officers the same day. To read it, scan the code or type",
    "the lines; I, L, O and U are not among the letters, 0 and 1 are digits.",
)
TITLE = "SHARE CARD"

_MM = 72 / 25.4
_WIDTH, _HEIGHT = 105 * _MM, 148.5 * _MM
"""A6 as a quarter of A4, in points. All below is in millimetres from the upper left corner, as on a ruler."""
_LEFT, _RIGHT = 7.0, 98.0
_SANS, _BOLD, _TYPED = "Helvetica", "Helvetica-Bold", "Courier-Bold"
Color = tuple[float, float, float]
_BLACK, _WHITE, _HAIR = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.72, 0.72, 0.72)


@dataclass(frozen=True, slots=True)
class _Look:
    """How a kind is told apart at a glance: the band, what is inside of its rim, the words in it, and the colour of the word that stands
    across the lines, if one does. Small letters never stand on a colour: printed in black only, it is dots."""

    band: Color
    inside: Color
    words: Color
    across: Color | None


_LOOKS: dict[Mark, _Look] = {
    "practice": _Look(band=(1.0, 0.55, 0.1), inside=_WHITE, words=_BLACK, across=(1.0, 0.8, 0.58)),
    "production": _Look(band=_BLACK, inside=_BLACK, words=_WHITE, across=None),
}


def pdf(sealed: bytes, paper: Paper = "A6", copies: int = 1) -> bytes:
    """The card of one sealed share (86 bytes), once on A6, or one to four times on A4: copies of one person's share, never of two (GEN-10).

    Malformed, GEN-04 or STO-05 for what is no sealed share; ValueError for more copies than the paper has room for."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415 (slow to import)
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    if not 1 <= copies <= MOST[paper]:
        raise ValueError(f"{copies} copies on {paper}, expected 1 to {MOST[paper]}")
    header = Header.unpack(sealed)
    out = io.BytesIO()
    size = A4 if paper == "A4" else (_WIDTH, _HEIGHT)
    canvas = Canvas(out, pagesize=size, invariant=1)
    canvas.setTitle(f"{header.mark} share card {header.position}")
    for place in range(copies):
        canvas.saveState()
        canvas.translate((place % 2) * _WIDTH, size[1] - _HEIGHT * (1 + place // 2))
        _draw(canvas, header, sealed)
        canvas.restoreState()
    if paper == "A4":
        _cut_marks(canvas, size)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


class _Pen:
    """Draws in millimetres from the upper left corner of one card."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas

    def text(self, place: tuple[float, float], text: str, font: str, points: float, color: Color = _BLACK) -> None:
        """A line of text, given by its left foot: millimetres from the left and from the upper edge."""
        left, down = place
        self.canvas.setFillColorRGB(*color)
        self.canvas.setFont(font, points)
        self.canvas.drawString(left * _MM, _HEIGHT - down * _MM, text)

    def box(self, left: float, down: float, width: float, height: float, color: Color) -> None:
        """A filled rectangle, given by its upper left corner."""
        self.canvas.setFillColorRGB(*color)
        self.canvas.rect(left * _MM, _HEIGHT - (down + height) * _MM, width * _MM, height * _MM, stroke=0, fill=1)


def _draw(canvas: Any, header: Header, sealed: bytes) -> None:
    pen, look = _Pen(canvas), _LOOKS[header.mark]
    if look.across:
        _across(canvas, header.mark.upper(), look.across)
    pen.box(_LEFT, 6, _RIGHT - _LEFT, 11, look.band)
    pen.box(_LEFT + _RIM, 6 + _RIM, _RIGHT - _LEFT - 2 * _RIM, 11 - 2 * _RIM, look.inside)
    pen.text((_LEFT + 4, 13.1), TITLE, _BOLD, 13, look.words)
    canvas.drawRightString((_RIGHT - 4) * _MM, _HEIGHT - 13.1 * _MM, header.mark.upper())
    _code(pen, card.payload(sealed))
    _what(pen, header)
    pen.text((_LEFT + 74, 71.3), "check", _SANS, 6.5)
    for number, line in enumerate(card.lines(sealed), start=1):
        _line(pen, number, line)
    for row, line in enumerate((*FOUND, *YOURS)):
        pen.text((_LEFT, 123.4 + 3.0 * row + (1.2 if row >= len(FOUND) else 0)), line, _SANS, 6.8)


_RIM = 1.8


def _across(canvas: Any, word: str, color: Color) -> None:
    """The kind once more, as an outline across the lines, which stay readable over it."""
    canvas.saveState()
    canvas.setStrokeColorRGB(*color)
    canvas.setLineWidth(1.3)
    canvas.setFont(_BOLD, 48)
    canvas.translate(_WIDTH / 2, _HEIGHT - 97.5 * _MM)
    canvas.rotate(21)
    canvas.drawCentredString(0, -17, word, mode=1)
    canvas.restoreState()


_CODE = 52.0
"""Millimetres: the side of the code with its quiet zone."""


def _code(pen: _Pen, text: str) -> None:
    """The code, black on white whatever lies behind it. Dark modules that touch in a row are one rectangle, without seams."""
    grid = qr.modules(text, LEVEL)
    left, down, module = _LEFT - 1.5, 18.0, _CODE / len(grid)
    pen.box(left, down, _CODE, _CODE, _WHITE)
    for row, dark in enumerate(grid):
        at = 0
        for is_dark, run in groupby(dark):
            length = len(tuple(run))
            if is_dark:
                pen.box(left + at * module, down + row * module, length * module, module, _BLACK)
            at += length


def _what(pen: _Pen, header: Header) -> None:
    left = 61.0
    pen.text((left, 23.5), "position", _SANS, 8)
    pen.text((left, 38.5), header.position, _BOLD, 46)
    pen.text((left, 46), "set", _SANS, 8)
    groups = [header.set_identifier[at : at + 4] for at in range(0, len(header.set_identifier), 4)]
    pen.text((left, 51), " ".join(groups[:3]), _TYPED, 12)
    pen.text((left, 56), " ".join(groups[3:]), _TYPED, 12)
    pen.text((left, 62.5), "sealing number", _SANS, 8)
    pen.text((left, 67.5), str(header.sealing), _TYPED, 12)


def _line(pen: _Pen, number: int, line: str) -> None:
    """One line to type: its number, four groups, and the check apart from them."""
    down = 76.1 + 5.2 * (number - 1)
    *groups, check = line.split()
    pen.text((_LEFT + 1, down), str(number), _BOLD, 10)
    pen.text((_LEFT + 8, down), " ".join(groups), _TYPED, 14)
    pen.text((_LEFT + 74, down), check, _TYPED, 14)
    pen.box(_LEFT, down + 1.3, _RIGHT - _LEFT, 0.12, _HAIR)


def _cut_marks(canvas: Any, size: tuple[float, float]) -> None:
    """Short lines at the edges, and a cross in the middle, where a sheet of A4 is cut into quarters."""
    canvas.setLineWidth(0.4)
    across, up, short = size[0] / 2, size[1] - _HEIGHT, 4 * _MM
    for x, y in ((0, up), (size[0] - short, up), (across - short / 2, up)):
        canvas.line(x, y, x + short, y)
    for x, y in ((across, 0), (across, size[1] - short), (across, up - short / 2)):
        canvas.line(x, y, x, y + short)
