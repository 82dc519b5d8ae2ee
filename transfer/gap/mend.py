"""A QR code of which a stain or a tear took a corner: decoders look for three finder patterns and give up at two. Where two are found,
the third one is painted where it must have been, and a decoder looks again; what it reads is judged by its checks as ever.

ISO/IEC 18004, 6.3.3: black, white, black, white, black in widths of 1:1:3:1:1, along rows as along columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 1800
"""Pixels of the longer side at which finder patterns are looked for."""
MOST = 4
"""Patterns that are tried in pairs: those that most rows cross."""
_RUNS = re.compile(rb"\x00+|\xff+")
_STEP = 2


class Finder(NamedTuple):
    """A finder pattern: its middle and the width of a module, in pixels."""

    x: float
    y: float
    module: float


def mended(image: Image) -> Iterator[Image]:
    """The picture (grey) with a third finder pattern painted in, for each place where it may have been beside two that are there."""
    small = image.reduce(-(-max(image.size) // SIDE)) if max(image.size) > SIDE else image
    for one, other in combinations(finders(small), 2):
        if 0.7 < one.module / other.module < 1.4:
            for at, along in _corners(one, other):
                yield _painted(small, at, along)


def finders(image: Image) -> list[Finder]:
    """Finder patterns of a picture, those that most rows cross first."""
    from PIL import ImageOps  # noqa: PLC0415  (heavy)
    from PIL.Image import Transpose  # noqa: PLC0415

    dark = ImageOps.autocontrast(image, cutoff=1).point(lambda value: 255 * (value > 127))
    rows, columns = _rows(dark), _rows(dark.transpose(Transpose.TRANSPOSE))
    found: list[list[Finder]] = []
    for y in range(0, len(rows), _STEP):
        for x, module in _crossings(rows[y]):
            for middle, height in _crossings(columns[int(x)]):
                if abs(middle - y) < module and 0.6 < height / module < 1.6:
                    _gather(found, Finder(x, middle, (module + height) / 2))
    found.sort(key=len, reverse=True)
    return [_mean(group) for group in found[:MOST]]


def _rows(image: Image) -> list[bytes]:
    raw = image.tobytes()
    return [raw[at : at + image.width] for at in range(0, len(raw), image.width)]


def _crossings(row: bytes) -> Iterator[tuple[float, float]]:
    """Middle and module of each place where a row of pixels looks as if it crossed a finder pattern."""
    runs = [(run.start(), run.end() - run.start(), row[run.start()] == 0) for run in _RUNS.finditer(row)]
    for at in range(len(runs) - 4):
        if runs[at][2]:
            widths = [width for _, width, _ in runs[at : at + 5]]
            module = sum(widths) / 7
            if module >= 1 and all(abs(width - part * module) < part * module * 0.55 for width, part in zip(widths, _PARTS, strict=True)):
                yield runs[at + 2][0] + widths[2] / 2, module


_PARTS = (1, 1, 3, 1, 1)


def _gather(groups: list[list[Finder]], found: Finder) -> None:
    """Crossings of one pattern belong together."""
    for group in groups:
        if abs(group[0].x - found.x) < 2 * found.module and abs(group[0].y - found.y) < 2 * found.module:
            group.append(found)
            return
    groups.append([found])


def _mean(group: Sequence[Finder]) -> Finder:
    return Finder(*(sum(values) / len(group) for values in zip(*group, strict=True)))


def _corners(one: Finder, other: Finder) -> Iterator[tuple[Finder, tuple[float, float]]]:
    """Where the third pattern may lie, and the code's direction there (one module long): beside either of the two, if they share a side;
    else across."""
    module = (one.module + other.module) / 2
    x, y = other.x - one.x, other.y - one.y
    length = (x * x + y * y) ** 0.5
    for sign in (1, -1):
        for near in (one, other):
            yield Finder(near.x - sign * y, near.y + sign * x, module), (x * module / length, y * module / length)
        half = ((x - sign * y) / 2, (y + sign * x) / 2)
        scale = module * 2**0.5 / length
        yield Finder(one.x + half[0], one.y + half[1], module), (half[0] * scale, half[1] * scale)


def _painted(image: Image, at: Finder, along: tuple[float, float]) -> Image:
    """The picture with a finder pattern, and white around it, whose sides lie in this direction."""
    from PIL import ImageDraw  # noqa: PLC0415  (heavy)

    painted = image.copy()
    draw = ImageDraw.Draw(painted)
    for half, ink in ((4.5, 255), (3.5, 0), (2.5, 255), (1.5, 0)):
        across = (-along[1], along[0])
        corners = [
            (at.x + half * (a * along[0] + b * across[0]), at.y + half * (a * along[1] + b * across[1]))
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        draw.polygon(corners, fill=ink)
    return painted
