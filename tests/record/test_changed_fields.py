"""The sweep, once for each type and field (tests/record/sweep.py); `scripts/sweep --whole` does it for every entry."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest

from ceremony.base.data import _fields
from ceremony.record.entries import ALL
from ceremony.record.fields import FIELDS
from tests.record import sweep
from tests.record.sweep import Place

UNTRIED = frozenset({
    "opened.mark", "opened.genesis", "resumed.loss", "sealing.number", "sealing.sha256",
    "custody.record",
})  # fmt: skip
"""Bound fields of which the sweep's registers have no other value to try; other tests of this folder change them."""


def test_every_field_of_every_entry_is_in_the_table() -> None:
    assert {name: sorted(set(_fields(cls)) - {"version"}) for name, cls in ALL.items()} == {n: sorted(each) for n, each in FIELDS.items()}


@cache
def _places() -> tuple[Place, ...]:
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        return tuple(sweep.places(Path(folder)))


@pytest.mark.parametrize("place", _places(), ids=str)
def test_a_changed_field_is_refused(place: Place, tmp_path: Path) -> None:
    """What is bound by both verifiers, what is computed by ours."""
    outcome = sweep.tried(place, tmp_path)
    if outcome is None:
        rests = FIELDS[place.type][place.field].how
        assert rests not in ("bound", "computed") or f"{place.type}.{place.field}" in UNTRIED
    else:
        assert outcome.faults == (), outcome


AGAIN = (
    Place("transfer", "armed", "positions", 1),
    Place("reshare", "recovered", "spares"),
)
"""Places that the first of its type does not show: the vault that was armed once more, and the spares of a resharing."""


@pytest.mark.parametrize("place", AGAIN, ids=str)
def test_a_changed_field_is_refused_where_it_stands_again(place: Place, tmp_path: Path) -> None:
    outcome = sweep.tried(place, tmp_path)
    assert outcome is not None
    assert outcome.faults == (), outcome
