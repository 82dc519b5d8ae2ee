"""Blots and blur on a rendered card, where its code is: what years do to paper (scripts/bench shows the same as figures)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from ceremony.screen import card as paper
from transfer.gap import qr

PART = 0.1
"""Of the code's area that one blot covers."""
FINDER = 7
"""Modules of a finder pattern's side (ISO/IEC 18004, 6.3.3)."""


@dataclass(frozen=True)
class Stain:
    """A picture with one blot. `module`: pixels; `on_finder`: whether the blot touches a finder pattern."""

    image: Image.Image
    module: float
    left: float = 0
    top: float = 0
    on_finder: bool = False


def none(image: Image.Image, text: str) -> Stain:
    """The picture without any blot."""
    return Stain(image, _box(image)[2] / (len(qr.modules(text, paper.LEVEL)) - 2 * qr.QUIET))


def of(image: Image.Image, text: str, steps: int) -> Iterator[Stain]:
    """A picture of a card for each place of a grid of `steps` by `steps` where the blot may lie."""
    left, top, side = _box(image)
    module = none(image, text).module
    blot, finder = PART**0.5 * side, FINDER * module
    corners = ((left, top), (left + side - finder, top), (left, top + side - finder))
    for step in range(steps * steps):
        x, y = left + (side - blot) * (step % steps) / (steps - 1), top + (side - blot) * (step // steps) / (steps - 1)
        stained = image.copy()
        ImageDraw.Draw(stained).rectangle((x, y, x + blot, y + blot), fill=0)
        touched = any(x < cx + finder and x + blot > cx and y < cy + finder and y + blot > cy for cx, cy in corners)
        yield Stain(stained, module, x, y, touched)


def blurred(stain: Stain) -> Image.Image:
    """The same, blurred by half a module."""
    return stain.image.filter(ImageFilter.GaussianBlur(stain.module / 2))


def is_read(image: Image.Image, text: str) -> bool:
    """Whether the leading decoder reads it, as the tool lets it look."""
    out = io.BytesIO()
    image.save(out, format="PNG")
    return any(qr.first_reader(look) == [text] for look in qr.looks(out.getvalue()))


def _box(image: Image.Image) -> tuple[float, float, float]:
    """Where the code lies, as a decoder sees it: left, top and side in pixels, without its quiet zone."""
    import zxingcpp  # noqa: PLC0415

    (found,) = zxingcpp.read_barcodes(image)
    at = found.position
    return at.top_left.x, at.top_left.y, at.top_right.x - at.top_left.x
