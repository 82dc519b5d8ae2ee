"""Paper: lines of a screen as pages of a PDF, the same bytes each time. What people carry looks like what they saw.

A4, one typewriter face; the mark stands on top of every page and across it (DRL-04)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ceremony.base.data import Mark

COLUMNS, ROWS = 84, 64
"""What fits one page."""
_FACE, _SIZE, _LEADING = "Courier", 9.6, 11.6
_LEFT, _TOP = 54, 770


def pdf(title: str, pages: Sequence[Sequence[str]], mark: Mark) -> bytes:
    """A PDF (A4) with these pages of lines, at most 84 columns and 64 rows each, in printable ASCII.

    A line that begins with `# ` is a heading. ValueError for what does not fit: nothing on paper may be cut off."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415 (slow to import)
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle(title)
    for number, lines in enumerate(pages, start=1):
        _check_fits(lines)
        _watermark(canvas, mark)
        canvas.setFont(f"{_FACE}-Bold", _SIZE)
        canvas.drawString(_LEFT, _TOP + 24, f"{mark.upper()}  {title}")
        canvas.drawRightString(A4[0] - _LEFT, _TOP + 24, f"page {number} of {len(pages)}")
        for row, line in enumerate(lines):
            heading = line.startswith("# ")
            canvas.setFont(f"{_FACE}-Bold" if heading else _FACE, _SIZE)
            canvas.drawString(_LEFT, _TOP - row * _LEADING, line.removeprefix("# "))
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def paged(lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Lines as pages; a form feed alone in a line begins a new one."""
    pages: list[list[str]] = [[]]
    for line in lines:
        if line == "\f" or len(pages[-1]) == ROWS:
            pages.append([])
        if line != "\f":
            pages[-1].append(line)
    return tuple(tuple(page) for page in pages)


def _check_fits(lines: Sequence[str]) -> None:
    for line in lines:
        if len(line) > COLUMNS or not line.isascii() or not (line.isprintable() or not line):
            raise ValueError(f"this line does not fit the page: {line!r}")
    if len(lines) > ROWS:
        raise ValueError(f"{len(lines)} lines do not fit one page of {ROWS}")


def _watermark(canvas: Any, mark: Mark) -> None:
    """Which kind of ceremony this is, is seen from across the room, also without colour."""
    from reportlab.lib.colors import Color  # noqa: PLC0415

    canvas.saveState()
    canvas.setFillColor(Color(0.9, 0.9, 0.9))
    canvas.setFont("Helvetica-Bold", 100)
    canvas.translate(300, 420)
    canvas.rotate(55)
    canvas.drawCentredString(0, -40, mark.upper())
    canvas.restoreState()
