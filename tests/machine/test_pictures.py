"""The process that reads pictures of cards: no network, processes of its own, and gone when nobody asks any more (REC-10)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ceremony.base.data import Malformed
from ceremony.machine import pictures
from tests.vault.ptyvault import inside
from tests.vault.test_process import gone
from transfer.gap import qr

CODE = "COLDSHARE1." + "0" * 40


def readers() -> list[int]:
    """The processes that were started here to read pictures."""
    ours = [int(each) for each in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]
    return [pid for pid in ours if b"ceremony.machine.pictures" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.control("REC-10")
def test_a_picture_is_read_by_a_process_without_network_that_ends_with_the_reading() -> None:
    found = pictures.looks(qr.png(CODE))
    assert next(found).readers == ((CODE,), (CODE,))
    (keeper,) = readers()
    child = inside(keeper)
    for namespace in ("net", "pid"):
        assert os.readlink(f"/proc/{child}/ns/{namespace}") != os.readlink(f"/proc/self/ns/{namespace}")
    assert b"HOME=" not in Path(f"/proc/{child}/environ").read_bytes()
    found.close()  # type: ignore[attr-defined]
    assert gone(keeper, child)


def test_nothing_but_codes_of_cards_comes_out_of_a_picture() -> None:
    assert {look.readers for look in pictures.looks(qr.png("\x1b[2JVERIFIED"))} == {((), ())}


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(40), b"%PDF-1.7\n", bytes(1_000_000)])
def test_what_is_no_picture_is_told(raw: bytes) -> None:
    with pytest.raises(Malformed, match=r"picture|PDF"):
        list(pictures.looks(raw))
    assert readers() == []


@pytest.mark.control("REC-10")
def test_a_reader_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SECONDS", 2)
    found = pictures.looks(qr.png(CODE))
    next(found)
    (keeper,) = readers()
    os.kill(inside(keeper), signal.SIGSTOP)
    with pytest.raises(Malformed, match="its reader was ended"):
        list(found)
    assert gone(keeper)
