"""Old sealed shares go from their medium, and the record says whose, which, by what and how (SEC-04)."""

from __future__ import annotations

import hashlib
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


def cut_off(room: Room) -> list[int]:
    """The first share is overwritten, and told; there it ends, before anybody wrote that down. Then all of it once more."""
    going = media.remove_older(room, "A1", 3, IDENTIFIER)
    next(going)
    going.close()  # type: ignore[attr-defined]
    return [body.number for _, body in removed(room)]


@pytest.mark.control("SEC-01")
def test_a_removal_that_was_cut_off_before_it_was_recorded_is_recorded_when_it_is_done_again(room: Room, tmp_path: Path) -> None:
    """Once the record has it, what was left of the name goes without a word."""
    assert cut_off(room) == [1, 2]
    assert [path.name for path in (tmp_path / "A1").iterdir()] == [on_file.name("A1", 3)]
    for number in (1, 2):
        (tmp_path / "A1" / on_file.name("A1", number)).write_bytes(sealed(number))
    had = Sealed(begun=dict.fromkeys((1, 2, 3), "00" * 32), proven=3, on=dict.fromkeys((1, 2, 3), Carrier("file")), removed=frozenset({1}))
    room.book.sets = Sets(sealings={("A1", IDENTIFIER): had})  # type: ignore[misc]
    assert cut_off(room) == [2]
    assert [path.name for path in (tmp_path / "A1").iterdir()] == [on_file.name("A1", 3)]


def test_what_is_no_sealed_share_any_more_stops_nothing(room: Room, tmp_path: Path) -> None:
    """Half a file, zeroes and somebody's notes: older shares go all the same, and those stay where they are."""
    odd = {"half.sealed": sealed(1)[:40], "zeroes.sealed": bytes(86), "notes.sealed": b"milk, eggs" * 100}
    for name, raw in odd.items():
        (tmp_path / "A1" / name).write_bytes(raw)
    assert [body.number for _, body in removed(room)] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "A1").iterdir()) == sorted([*odd, on_file.name("A1", 3)])


@pytest.mark.control("GEN-10")
def test_what_is_no_sealed_share_is_named_before_one_is_written_beside_it(tmp_path: Path) -> None:
    (tmp_path / "half.sealed").write_bytes(sealed(1)[:40])
    with pytest.raises(Refused) as caught:
        on_file.write(tmp_path, "A1", 2, sealed(2))
    assert (caught.value.identifier, caught.value.found) == ("GEN-10", "half.sealed (no sealed share)")


def test_of_two_copies_of_a_share_the_undamaged_one_is_read(room: Room, tmp_path: Path) -> None:
    good = sealed(3)
    had = Sealed(begun={3: hashlib.sha256(good).hexdigest()}, proven=3, on={3: Carrier("file")})
    room.book.sets = Sets(sealings={("A1", IDENTIFIER): had})  # type: ignore[misc]
    for name in ("a.sealed", "z.sealed"):
        (tmp_path / "A1" / name).write_bytes(good[:-1] + bytes((good[-1] ^ 1,)))
    assert media.newest(room, "A1", IDENTIFIER) == good


@pytest.mark.control("SEC-04")
def test_a_medium_that_keeps_what_it_should_lose_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_file, "wipe", lambda path, _name: path)
    with pytest.raises(Refused) as caught:
        removed(room)
    assert caught.value.identifier == "SEC-04"
    assert on_file.name("A1", 1) in caught.value.found


def test_a_folder_on_no_stick_is_told_as_such(tmp_path: Path) -> None:
    host = clean(tmp_path / "host")
    assert devices.medium_of(host.root, tmp_path) == "no USB device: / (overlay of overlay, writable)"


@pytest.mark.control("SEC-05")
def test_a_share_that_moved_to_a_token_leaves_no_picture_of_the_old_one_behind(room: Room, tmp_path: Path) -> None:
    """The old set lay on the stick, with a card printed from it; the new one is on a token. All of the old set is destroyed."""
    had = Sealed(begun=dict.fromkeys((1, 2, 3), "00" * 32), proven=3, on=dict.fromkeys((1, 2, 3), Carrier("file")))
    room.book.sets = Sets(sealings={("A1", IDENTIFIER): had})  # type: ignore[misc]
    room.carriers["A1"] = Carrier("token")
    for number in (2, 3):
        (tmp_path / "A1" / on_card.name("A1", number)).write_bytes(b"%PDF")
    assert [body.numbers for _, body in media.destroy_set(room, "A1", IDENTIFIER)] == [(1,), (2,), (3,)]
    assert list((tmp_path / "A1").iterdir()) == []


def test_what_an_old_card_was_printed_from_goes_with_it(room: Room, tmp_path: Path) -> None:
    """`ceremony shares card` leaves its PDF beside the share: it holds the sealed share, too."""
    on = {number: Carrier("file") for number in (1, 2, 3)}
    had = Sealed(begun=dict.fromkeys((1, 2, 3), "00" * 32), proven=3, on=on)
    room.book.sets = Sets(sealings={("A1", IDENTIFIER): had})  # type: ignore[misc]
    for number in (1, 3):
        (tmp_path / "A1" / on_card.name("A1", number)).write_bytes(b"%PDF")
    assert [body.number for _, body in removed(room)] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "A1").iterdir()) == [on_card.name("A1", 3), on_file.name("A1", 3)]
