"""A code of which a corner is gone: the third finder pattern is painted in where it must have been."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from transfer.gap import mend, qr

TEXT = "COLDSHARE1." + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 4
MODULE, QUIET = 8, qr.QUIET


def picture(level: qr.Level = "H", turned: float = 0) -> Image.Image:
    grid = qr.modules(TEXT, level)
    image = Image.new("L", (len(grid),) * 2, 255)
    image.putdata([0 if dark else 255 for row in grid for dark in row])
    return image.resize((len(grid) * MODULE,) * 2, resample=0).rotate(turned, expand=True, fillcolor=255)


def torn(corner: str, fill: int = 0) -> Image.Image:
    """The code without one of its corners: a square of eleven modules is black, or torn off."""
    image = picture()
    far = image.width - (QUIET + 11) * MODULE
    left, top = {"upper left": (0, 0), "upper right": (far, 0), "lower left": (0, far)}[corner]
    size = (QUIET + 11) * MODULE
    ImageDraw.Draw(image).rectangle((left, top, left + size, top + size), fill=fill)
    return image


def read(image: Image.Image) -> set[str]:
    return {text for look in mend.mended(image) for text in qr.first_reader(look)}


def test_three_finder_patterns_are_found() -> None:
    """Each middle lies three and a half modules from two sides (ISO/IEC 18004, 6.3.3)."""
    image = picture()
    far = image.width / MODULE - 2 * QUIET - 3.5
    found = mend.finders(image)[:3]
    assert sorted((f.x / MODULE - QUIET, f.y / MODULE - QUIET) for f in found) == [(3.5, 3.5), (3.5, far), (far, 3.5)]
    assert [f.module for f in found] == [MODULE] * 3


@pytest.mark.parametrize("turned", [0, 8, 90, 180, 270, 187])
@pytest.mark.parametrize("fill", [0, 255], ids=["stained", "torn off"])
@pytest.mark.parametrize("corner", ["upper left", "upper right", "lower left"])
def test_a_missing_corner(corner: str, fill: int, turned: float) -> None:
    image = torn(corner, fill).rotate(turned, expand=True, fillcolor=255)
    assert set(qr.first_reader(image)) == set(), "no decoder reads it as it is"
    assert read(image) == {TEXT}


def test_looks_come_to_it() -> None:
    out = io.BytesIO()
    torn("upper left").filter(ImageFilter.GaussianBlur(MODULE / 2)).save(out, format="PNG")
    assert {text for look in qr.looks(out.getvalue()) for text in qr.first_reader(look)} == {TEXT}


def test_a_picture_without_a_code() -> None:
    assert list(mend.mended(Image.new("L", (300, 200), 255))) == []
    noise = Image.frombytes("L", (400, 300), random.Random(1).randbytes(120_000))
    assert read(noise) == set()
    half = picture().crop((0, 0, 30 * MODULE, 30 * MODULE))
    assert read(half) == set()
