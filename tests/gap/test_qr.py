from __future__ import annotations

import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from transfer.gap import qr, ur

SMALL = ur.encode(b"\x02")[0]
TYPICAL = ur.encode(random.Random(1).randbytes(222))
LARGEST = ur.encode(random.Random(2).randbytes(ur.MAX_PAYLOAD))[-1]
FRAMES = [SMALL, *TYPICAL, LARGEST]


@pytest.mark.parametrize("frame", FRAMES, ids=len)
def test_png_is_read_by_both_readers(frame: str) -> None:
    raw = qr.png(frame)
    qr.read_back(raw, frame)
    assert qr.read(raw) == frame
    image = Image.open(io.BytesIO(raw))
    assert (image.mode, image.width) == ("L", len(qr.modules(frame)) * qr.MODULE)
    assert {color for _, color in image.getcolors() or []} == {0, 255}


@pytest.mark.parametrize("frame", FRAMES, ids=len)
@pytest.mark.parametrize("module", [4, 8])
def test_terminal_lines_are_read_by_both_readers(frame: str, module: int) -> None:
    lines = qr.terminal_lines(frame)
    assert set("".join(lines)) <= set(" ▀▄█")
    qr.read_back(qr.rasterise(lines, module), frame)


def test_size_of_the_largest_frame() -> None:
    assert qr.measure(qr.terminal_lines(LARGEST)) == (65, 33)
    assert len(qr.modules(LARGEST)) == 57 + 2 * qr.QUIET
    assert qr.measure(()) == (0, 0)


def test_the_quiet_zone_is_white() -> None:
    grid = qr.modules(SMALL)
    side = len(grid)
    edge = [grid[y][x] for y in range(side) for x in range(side) if min(x, y, side - 1 - x, side - 1 - y) < qr.QUIET]
    assert not any(edge)
    assert grid[qr.QUIET][qr.QUIET]


def test_upper_case_is_smaller() -> None:
    assert len(qr.modules(LARGEST)) < len(qr.modules(LARGEST.lower()))


@settings(deadline=None, max_examples=15)
@given(st.binary(min_size=1, max_size=400))
def test_round_trip_through_the_picture(payload: bytes) -> None:
    state = ur.Collector()
    for frame in ur.encode(payload):
        state = state.add(qr.read(qr.rasterise(qr.terminal_lines(frame))))
    assert state.payload() == payload


def test_a_photograph_is_read() -> None:
    image = Image.open(io.BytesIO(qr.png(TYPICAL[0]))).rotate(7, expand=True, fillcolor=255).filter(ImageFilter.GaussianBlur(2))
    out = io.BytesIO()
    image.save(out, format="JPEG", quality=60)
    assert qr.read(out.getvalue()) == TYPICAL[0]


@pytest.mark.control("EXP-02")
@pytest.mark.parametrize("case", ["another text", "lower case", "inverted", "torn", "blank", "two"])
def test_a_code_that_does_not_read_back_is_refused(case: str) -> None:
    picture = qr.rasterise(qr.terminal_lines(SMALL))
    two = Image.new("L", (picture.width * 2, picture.height), 255)
    two.paste(picture, (0, 0))
    two.paste(qr.rasterise(qr.terminal_lines(TYPICAL[0])).resize(picture.size), (picture.width, 0))
    pictures: dict[str, Any] = {
        "another text": qr.rasterise(qr.terminal_lines(TYPICAL[0])),
        "lower case": qr.rasterise(qr.terminal_lines(SMALL.lower())),
        "inverted": picture.point(lambda value: 255 - value),
        "torn": picture.crop((0, 0, picture.width, picture.height // 2)),
        "blank": Image.new("L", (200, 200), 255),
        "two": two,
    }
    with pytest.raises(Refused) as error:
        qr.read_back(pictures[case], SMALL)
    assert error.value.identifier == "EXP-02"


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", qr.png(SMALL)[:200]])
def test_what_is_no_picture_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        qr.read(raw)


def test_a_picture_without_one_code_is_malformed() -> None:
    with pytest.raises(Malformed, match="no QR codes"):
        qr.read(Image.new("L", (100, 100), 255))


def test_a_huge_picture_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(out, format="PNG")
    with pytest.raises(Malformed, match="9000 x 9000"):
        qr.read(out.getvalue())


def test_too_much_for_one_code() -> None:
    with pytest.raises(Malformed, match="do not fit"):
        qr.png("A" * 5_000)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_fuzzed_pictures_never_crash(at: int, noise: bytes) -> None:
    raw = bytearray(qr.png(SMALL))
    at %= len(raw)
    raw[at : at + len(noise)] = noise
    for picture in (bytes(raw), bytes(raw[:at])):
        try:
            qr.read(picture)
        except Malformed:
            continue
