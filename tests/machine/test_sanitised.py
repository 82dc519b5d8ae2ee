"""Old sealed shares go from their medium, and the record says whose, which, by what and how (SEC-04)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ceremony.base.control import Refused
from ceremony.machine import devices, tree
from ceremony.record import entries
from ceremony.record.sets import Carrier, Sealed, Sets
from ceremony.script import media, on_card, on_file
from ceremony.script.room import Room
from shares.envelope import SALT, Header, seal
from tests.machine.tree import clean

IDENTIFIER = "ab" * 10


def sealed(number: int) -> bytes:
    header = Header(
        mark="practice",
        scheme="gf256",
        profile="light",
        set_identifier=IDENTIFIER,
        site_threshold=2,
        sites=3,
        member_threshold=2,
        members=3,
        position="A1",
        sealing=number,
    )
    return seal(header, bytes(range(32)), b"a passphrase of a test", bytes(SALT))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A1's medium with two older shares and the new one, on the charter's stick."""
    folder = tmp_path / "A1"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / on_file.name("A1", number)).write_bytes(sealed(number))
    monkeypatch.setattr(tree, "ROOT", clean(tmp_path / "host", tmp_path / "A1").root)
    return cast(Room, SimpleNamespace(medium=lambda _person: folder, carriers={}, token=None, book=SimpleNamespace(sets=Sets())))


def removed(room: Room) -> list[tuple[str, Any]]:
    return list(media.remove_older(room, "A1", 3, IDENTIFIER))


def test_what_was_removed_is_told(room: Room, tmp_path: Path) -> None:
    found = removed(room)
    assert [(actor, body.number) for actor, body in found] == [("A1", 1), ("A1", 2)]
    body: entries.Removed = found[0][1]
    assert body.medium == "0951:1666 Stick, serial 60A44C413E, interfaces 08"
    assert body.tool.startswith("cold-ceremony ")
    assert "overwritten once with zeroes" in body.how
    assert [path.name for path in (tmp_path / "A1").iterdir()] == [on_file.name("A1", 3)]


@pytest.mark.control("SEC-04")
def test_a_medium_that_keeps_what_it_should_lose_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_file, "destroy", lambda _path: None)
    with pytest.raises(Refused) as caught:
        removed(room)
    assert caught.value.identifier == "SEC-04"
    assert on_file.name("A1", 1) in caught.value.found


def test_a_folder_on_no_stick_is_told_as_such(tmp_path: Path) -> None:
    host = clean(tmp_path / "host")
    assert devices.medium_of(host.root, tmp_path) == "no USB device: / (overlay of overlay, writable)"


def test_what_an_old_card_was_printed_from_goes_with_it(room: Room, tmp_path: Path) -> None:
    """`ceremony shares card` leaves its PDF beside the share: it holds the sealed share, too."""
    on = {number: Carrier("file") for number in (1, 2, 3)}
    had = Sealed(begun=dict.fromkeys((1, 2, 3), "00" * 32), proven=3, on=on)
    room.book.sets = Sets(sealings={("A1", IDENTIFIER): had})  # type: ignore[misc]
    for number in (1, 3):
        (tmp_path / "A1" / on_card.name("A1", number)).write_bytes(b"%PDF")
    assert [body.number for _, body in removed(room)] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "A1").iterdir()) == [on_card.name("A1", 3), on_file.name("A1", 3)]
