"""A PDF as pictures and as text, by poppler's programs: what stands on a page is read by another hand than the one that drew it."""

from __future__ import annotations

import os
import subprocess

from ceremony.base.data import Malformed

SIDE = 3508
"""Pixels of a page's longer side (A4 at 300 dots per inch): no page makes this host take more memory than that."""
MOST = 4
"""Pages that are looked at."""
SECONDS = 60
MAX_PDF = 30_000_000
"""Bytes: the largest PDF, such as a scanner makes, that is looked at at all."""

_PATH = "/usr/bin:/bin"


def is_pdf(raw: bytes) -> bool:
    """Whether a file is meant as a PDF."""
    return raw[:5] == b"%PDF-"


def pages(raw: bytes, side: int = SIDE) -> tuple[bytes, ...]:
    """The first pages of a PDF as grey PNG files, the longer side of each `side` pixels. Malformed if it cannot be read."""
    found: list[bytes] = []
    for number in range(1, MOST + 1):
        page = _poppler("pdftoppm", raw, "-png", "-gray", "-scale-to", str(side), "-f", str(number), "-l", str(number), "-")
        if not page:
            break
        found.append(page)
    if not found:
        raise Malformed("not a PDF with a page that can be read")
    return tuple(found)


def text(raw: bytes) -> str:
    """The text of a PDF's pages, in the order in which it was drawn; a form feed after each page."""
    return _poppler("pdftotext", raw, "-raw", "-", "-").decode("utf-8", errors="replace")


def _poppler(program: str, raw: bytes, *options: str) -> bytes:
    if len(raw) > MAX_PDF:
        raise Malformed(f"a PDF of {len(raw)} bytes, expected at most {MAX_PDF}")
    environment = {"PATH": os.environ.get("PATH", _PATH), "LC_ALL": "C"}
    try:
        done = subprocess.run([program, *options], input=raw, capture_output=True, check=False, timeout=SECONDS, env=environment)
    except FileNotFoundError:
        raise Malformed(f"{program} is not installed here (Debian: poppler-utils); give a PNG or JPEG picture instead") from None
    except subprocess.TimeoutExpired:
        raise Malformed(f"a PDF that {program} cannot read within {SECONDS} seconds") from None
    return done.stdout
