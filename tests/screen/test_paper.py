"""Paper is read back: what a stock program finds on the page is what was put there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ceremony.screen import paper


def text_of(raw: bytes, folder: Path) -> str:
    path = folder / "page.pdf"
    path.write_bytes(raw)
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True).stdout


def test_every_line_is_on_the_page_and_the_bytes_are_always_the_same(tmp_path: Path) -> None:
    lines = tuple(f"line {number} " + "x" * 60 for number in range(1, paper.ROWS + 3))
    raw = paper.pdf("a slip", paper.paged(lines), "practice")
    assert raw == paper.pdf("a slip", paper.paged(lines), "practice")
    shown = text_of(raw, tmp_path)
    assert all(line in shown for line in lines)
    assert "page 2 of 2" in shown
    assert "PRACTICE" in shown
    assert "PRODUCTION" in text_of(paper.pdf("a slip", [("one",)], "production"), tmp_path)


@pytest.mark.parametrize("line", ["x" * (paper.COLUMNS + 1), "t\u00fcr", "\x1b[2J"])
def test_what_does_not_fit_is_refused_not_cut(line: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        paper.pdf("a slip", [(line,)], "practice")
