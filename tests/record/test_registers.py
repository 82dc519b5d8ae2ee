"""Registers of every release since form 2, as they were written then: both verifiers read them for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ceremony.record.fields import FIELDS
from ceremony.record.verify import verify
from tests.record.registers import KEPT
from tests.record.test_verify_stock import run as stock


@pytest.mark.parametrize("kept", sorted(KEPT.iterdir()), ids=lambda path: path.name)
def test_a_register_of_an_earlier_release_is_verified(kept: Path) -> None:
    said = dict(line.split() for line in (kept / "anchor").read_text().splitlines())
    verdict = verify(kept / "register", said["genesis"], said["head"])
    assert (verdict.words, verdict.code) == (("VERIFIED",), 0)
    done = stock(kept / "register", said["genesis"], said["head"])
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "VERIFIED"), done.stderr
    told = done.stdout.splitlines()[-2].removeprefix("read by ceremony audit verify alone: ").split()
    assert told == sorted(f"{name}.{field}" for name, field in _not_by_stock())


def _not_by_stock() -> Iterator[tuple[str, str]]:
    """The fields that docs/formats.md says the verifier of stock tools does not hold."""
    for name, each in FIELDS.items():
        yield from ((name, field) for field, rests in each.items() if rests.to.endswith("not by stock tools"))
