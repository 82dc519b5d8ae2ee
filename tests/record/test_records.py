"""What every record is: frozen, strict in its fields, equal and hashed by what it says, and of its own class."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from ceremony.base.data import Malformed, Text, Time, dump, load, record
from ceremony.base.lines import parse_line
from ceremony.record import entries
from ceremony.record.state import recorded


@record
class Note:
    said: Text
    by: Text = "nobody"
    seen: dict[Text, Text] = field(default_factory=dict)


@record
class Signed(Note):
    """As a note."""


def test_nothing_of_a_record_changes() -> None:
    note = Note(said="a")
    with pytest.raises(FrozenInstanceError):
        note.said = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del note.by
    with pytest.raises(FrozenInstanceError):
        note.more = "c"  # type: ignore[attr-defined]
    assert note == Note(said="a")


@pytest.mark.parametrize("given", [{}, {"by": "a"}, {"said": "a", "heard": "b"}])
def test_a_record_has_its_fields_and_no_other(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Note(**given)


def test_two_records_are_one_if_they_say_the_same() -> None:
    one, other = Note(said="a", by="b"), Note(by="b", said="a")
    assert (one == other, one == Note(said="a"), one == Signed(said="a", by="b"), one == "a") == (True, False, False, False)
    void = {"outcome": "void", "reason": "a", "signers": ("witness",)}
    assert hash(entries.Closed(**void)) == hash(entries.Closed(**dict(reversed(void.items()))))  # type: ignore[arg-type]
    assert replace(one, said="c") == Note(said="c", by="b")
    assert repr(other) == "Note(said='a', by='b', seen={})"
    assert Note(said="a").seen is not Note(said="a").seen
    assert load(Note, dump(one)) == one


@record
class Dated:
    at: Time
    on: entries.Date


@pytest.mark.control("SET-04")
@pytest.mark.parametrize(
    ("at", "on"), [("2026-11-31T08:00:00Z", "2026-11-30"), ("2026-11-30T24:00:00Z", "2026-11-30"), ("2026-11-30T08:00:00Z", "2027-02-29")]
)
def test_a_date_is_one_of_the_calendar(at: str, on: str) -> None:
    """A custody record of the 31st of November was taken in, and no day could be counted from it ever after."""
    with pytest.raises(Malformed, match="such as 2026-11-20"):
        load(Dated, dump(Dated(at=at, on=on)))


def test_an_entry_that_was_read_before_is_read_anew_when_a_byte_differs() -> None:
    """Entries are kept by their bytes: what is kept of one says nothing of another."""
    body = '"body":{"number":"1","title":"a","version":"2"}'
    line = '{"actor":"tool",' + body + ',"prev":"%s","seq":"1","time":"2026-11-20T09:30:00Z","type":"step"}'
    raw = (line % ("0" * 64) + "\n").encode()
    changed = raw.replace(b'"title":"a"', b'"title":"b"')
    titles = [recorded(parse_line(line, "here"), "here").body.title for line in (raw, changed, raw)]
    assert titles == ["a", "b", "a"]
