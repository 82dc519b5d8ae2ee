"""QR codes (ISO/IEC 18004) of UR frames and share cards: explicit black on white, and read back by two readers before they count.

`qrcode` draws; zxing-cpp reads; zbar (through pyzbar) is the second reader of what we show."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from transfer.gap.mend import mended

if TYPE_CHECKING:
    from PIL.Image import Image

QUIET = 4
"""Modules of white around the code (ISO/IEC 18004, 9.1)."""
MODULE = 8
"""Pixels per module in images, or more."""
MAX_PIXELS = 60_000_000
"""Pixels: the largest photograph that is read at all."""
_LEAST = 600
"""Pixels of the shorter side below which a picture is not made smaller."""

_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")

Modules = tuple[tuple[bool, ...], ...]
Level = Literal["M", "Q", "H"]
"""How much of a code may be lost: about 15, 25 or 30 per cent of its codewords."""


class Size(NamedTuple):
    """Character cells that a code needs on the terminal."""

    columns: int
    rows: int


@lru_cache(4)
def modules(text: str, level: Level = "M") -> Modules:
    """The code of `text` with its quiet zone, True for dark; the smallest version that holds it at this error level.

    Upper-case text goes in alphanumeric mode. Malformed if no version holds it. Kept for a moment: a frame is drawn as a picture and
    for the terminal."""
    import qrcode  # noqa: PLC0415  (heavy)
    from qrcode.exceptions import DataOverflowError  # noqa: PLC0415
    from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData  # noqa: PLC0415

    mode = MODE_ALPHA_NUM if _ALPHANUMERIC.issuperset(text) else MODE_8BIT_BYTE
    code = qrcode.QRCode(error_correction=getattr(qrcode.constants, f"ERROR_CORRECT_{level}"), border=QUIET)
    code.add_data(QRData(text.encode("utf-8"), mode=mode), optimize=0)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError):
        raise Malformed(f"{len(text)} characters do not fit a QR code") from None
    return tuple(tuple(map(bool, row)) for row in code.get_matrix())


def png(text: str, module: int = MODULE) -> bytes:
    """A PNG of the code, `module` pixels to each module (8 or more), black on white."""
    grid = modules(text)
    side = len(grid)
    image = _blank(side, side)
    image.putdata([0 if dark else 255 for row in grid for dark in row])
    return _as_png(image.resize((side * max(module, MODULE),) * 2, resample=0))


def terminal_lines(text: str) -> tuple[str, ...]:
    """The code as lines of half blocks: space, upper half, lower half, full block; two rows of modules to a line.

    A block is *dark*, the ground is *light*. The terminal layer must set both colours itself on every line (black ink
    38;2;0;0;0 on white ground 48;2;255;255;255) and put nothing beside or between: the theme's own colours are not read."""
    grid = modules(text)
    if len(grid) % 2:
        grid = (*grid, (False,) * len(grid))
    return tuple(
        "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in zip(grid[::2], grid[1::2], strict=True)
    )


def measure(lines: tuple[str, ...]) -> Size:
    """Columns and rows, to compare with the terminal's before the code is shown there (else offer the PNG)."""
    return Size(max(map(len, lines), default=0), len(lines))


def rasterise(lines: tuple[str, ...], module: int = MODULE) -> Image:
    """The picture that a terminal makes of `lines` with black ink on white ground: what `read_back` looks at."""
    halves = {shape: pair for pair, shape in _HALVES.items()}
    size = measure(lines)
    image = _blank(size.columns, 2 * size.rows)
    pairs = [[halves[cell] for cell in line] for line in lines]
    image.putdata([0 if pair[half] else 255 for row in pairs for half in (0, 1) for pair in row])
    return image.resize((size.columns * module, 2 * size.rows * module), resample=0)


def read(picture: Image | bytes) -> str:
    """The text of the one QR code in a picture (an image, or the bytes of a PNG or JPEG file), by zxing-cpp.

    Malformed if it is no such picture, holds no code that can be read, or more than one."""
    texts = set(first_reader(picture))
    if len(texts) != 1:
        raise Malformed(f"the picture holds {len(texts) or 'no'} QR codes that can be read, expected one; hold still, fill the picture")
    return texts.pop()


def first_reader(picture: Image | bytes) -> list[str]:
    """The text of each QR code that zxing-cpp reads in a picture; Malformed if it is no picture."""
    import zxingcpp  # noqa: PLC0415  (heavy)

    image = opened(picture) if isinstance(picture, bytes) else picture
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode, text_mode=zxingcpp.TextMode.Plain)
    return [str(code.text) for code in found]


def second_reader(picture: Image | bytes) -> list[str]:
    """The text of each QR code that zbar reads in a picture; Malformed if it is no picture."""
    from pyzbar.pyzbar import ZBarSymbol, decode  # noqa: PLC0415  (needs the system's zbar)

    image = opened(picture) if isinstance(picture, bytes) else picture
    return [code.data.decode("utf-8", errors="replace") for code in decode(image, symbols=[ZBarSymbol.QRCODE])]


def looks(picture: bytes) -> Iterator[Image]:
    """A picture (a PNG or JPEG file) as a reader may look at it more than once: as it is and sharpened, then the same made smaller,
    then with a missing corner painted in.

    What is blurred by half a module, and stained besides, is read sharpened alone; what is coarse, smaller."""
    image = opened(picture)
    while True:
        yield image
        yield _sharpened(image)
        if min(image.size) < 2 * _LEAST:
            break
        image = image.reduce(2)
    yield from mended(_sharpened(opened(picture)))


def _sharpened(image: Image) -> Image:
    from PIL.ImageFilter import UnsharpMask  # noqa: PLC0415  (heavy)

    return image.filter(UnsharpMask(radius=4, percent=300, threshold=0))


def read_back(picture: Image | bytes, expected: str) -> None:
    """EXP-02 (held with `ur.Collector.add`): both readers read exactly `expected` from what is about to be shown, or it is refused."""
    image = opened(picture) if isinstance(picture, bytes) else picture
    first, second = set(first_reader(image)) == {expected}, second_reader(image) == [expected]
    if not (first and second):
        readers = [name for name, good in (("zxing-cpp", first), ("zbar", second)) if not good]
        refuse(
            "EXP-02",
            "a QR code does not read back",
            found=f"another text, or none, by {' and '.join(readers)}",
            expected="the same frame by both readers",
            do="Show the PNG full screen, or use the stick: the bundle on it carries the same transaction.",
        )


def _blank(width: int, height: int) -> Image:
    from PIL import Image as Pictures  # noqa: PLC0415  (heavy)

    return Pictures.new("L", (width, height), 255)


def _as_png(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def opened(raw: bytes) -> Image:
    """A PNG or JPEG as a grey picture, its size looked at before memory is taken."""
    from PIL import Image as Pictures  # noqa: PLC0415  (heavy)

    try:
        image = Pictures.open(io.BytesIO(raw), formats=("PNG", "JPEG"))
        if image.width * image.height > MAX_PIXELS:
            raise Malformed(f"a picture of {image.width} x {image.height} pixels, expected at most {MAX_PIXELS} in all")
        return image.convert("L")
    except (OSError, SyntaxError, ValueError, Pictures.DecompressionBombError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed("not a PNG or JPEG picture that can be read") from None
