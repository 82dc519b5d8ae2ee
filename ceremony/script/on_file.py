"""Sealed shares as files: one folder for each person, with their own shares and nobody else's (GEN-10)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed
from ceremony.base.files import GONE, PARTIAL, destroy, read_file, sync_folder, wipe, write_new
from ceremony.base.show import shown
from ceremony.machine import tree
from ceremony.machine.devices import medium_of
from ceremony.script.room import TRIES, Room, refusal
from shares.envelope import SEALED, Header

SUFFIX = ".sealed"
_MOST = 4096
"""Bytes of a file that are looked at: one that is no sealed share is told by what it is."""
HOW = "overwritten once with zeroes, synced, removed; flash memory may keep old cells"
"""SEC-04: what `destroy` does."""


class Unwritten(Exception):
    """This carrier cannot take the share; its custodian gets ready another one, which gets the next sealing number."""


@dataclass(frozen=True, slots=True)
class Gone:
    """One sealed share that is no longer on its medium: its number, which medium that is, and how it went (SEC-04)."""

    number: int
    medium: str
    how: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One sealed share that still lies on its medium, as people say: its number, which medium that is, and why."""

    number: int
    medium: str
    why: str


def name(position: str, sealing: int) -> str:
    """`share-A1-0002.sealed`: position and sealing number, for people; the header inside is what counts."""
    return f"share-{position}-{sealing:04d}{SUFFIX}"


def _shares(folder: Path) -> list[Path]:
    """Every sealed share on a medium, whatever its file is called; not what was cut off while it was written or destroyed."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith((PARTIAL, GONE)))


def read(room: Room, position: str) -> list[bytes]:
    """Every sealed share on a position's medium; Malformed if there is none."""
    folder = room.medium(position)
    found = [read_file(path, _MOST) for path in _shares(folder)]
    if not found:
        raise Malformed(f"{position}: no sealed share on this medium ({folder.name}); insert the medium with the file *{SUFFIX}")
    return found


def told(room: Room, trouble: Exception) -> str:
    """Why nothing was written: a control's refusal, which is recorded; or as the system says it, with the file if it names one."""
    if isinstance(trouble, Refused):
        room.noted.append(("tool", refusal(trouble)))
    if not isinstance(trouble, OSError):
        return str(trouble)
    return f"{trouble.strerror or trouble}" + (f" ({shown(trouble.filename)})." if trouble.filename else ".")


@control("GEN-10")
def check_own(position: str, held: Mapping[str, str]) -> None:
    """GEN-10: on a medium that one custodian's share is written to lie shares of that custodian alone. `held`: name -> whose it is."""
    strangers = [f"{name} ({whose})" for name, whose in sorted(held.items()) if whose != position]
    if strangers:
        refuse(
            "GEN-10",
            f"the medium of {position} holds somebody else's share",
            found=", ".join(strangers),
            expected=f"the shares of {position} alone",
            do="Take the right medium. Find out whose share this is, and how it came here.",
        )


def check_folder(folder: Path, position: str) -> None:
    """GEN-10 of a folder: sealed shares, and cards that are printed from it."""
    headers = {path.name: _header(path) for path in _shares(folder)}
    files = {name: header.position if header else "no sealed share" for name, header in headers.items()}
    cards = {path.name: path.name.split("-")[1] for path in folder.glob("card-??-*.pdf")}
    check_own(position, files | cards)


def write(folder: Path, position: str, sealing: int, sealed: bytes) -> bytes:
    """Write a sealed share to its own custodian's medium only (GEN-10), and read it back; what was read is returned."""
    check_folder(folder, position)
    path = folder / name(position, sealing)
    write_new(path, sealed, mode=0o600)
    raw = read_file(path, SEALED)
    if raw != sealed:
        destroy(path)  # else it would be the newest share on this medium
        raise Malformed(f"{position}: the medium reads back something else than was written; use a new medium")
    return raw


def hand_over(room: Room, position: str, sealing: int, sealed: bytes) -> bytes:
    """Write a sealed share to its custodian's medium; one that is full, read-only or the wrong one is told, and another asked for.
    Unwritten when none of them could be written.

    The vault stays alive meanwhile: bad sticks must not end a sitting."""
    tries = TRIES
    while True:
        try:
            return write(room.medium(position), position, sealing, sealed)
        except (OSError, Malformed, Refused) as trouble:
            room.media.pop(position, None)
            said, tries = told(room, trouble), tries - 1
            if not tries:
                raise Unwritten(said) from None
            room.screen.say(f"{position}: nothing was written. {said}\nInsert a medium that can be written, your own.")


def remove(room: Room, position: str, set_identifier: str, below: int | None, recorded: Collection[int]) -> Iterator[Gone]:
    """SEC-01, SEC-04: sealed shares of one set on a position's medium are overwritten and removed, one after the other: those with a
    lower number than `below`, which was proven; or all of them. `recorded`: numbers whose removal the record has.

    The zeroes keep a name until they are recorded: what was cut off in between is recorded when it is done again."""
    folder = room.medium(position)
    medium, begin = medium_of(tree.ROOT, folder), f"{position}-{set_identifier}-"
    for gone in sorted(folder.glob(f"{GONE}{begin}*")):
        number = int(gone.name.rpartition("-")[2])
        wipe(gone, gone.name.removeprefix(GONE))
        if number not in recorded:
            yield Gone(number, medium, HOW)
        _forget(gone)
    _tidy(folder)
    for path in _shares(folder):
        header = _header(path)
        if header is not None and is_due(header, position, set_identifier, below):
            gone = wipe(path, f"{begin}{header.sealing}")
            check_gone(position, path.name, {left.name for left in folder.iterdir()})
            yield Gone(header.sealing, medium, HOW)
            _forget(gone)


def _header(path: Path) -> Header | None:
    """The header of what lies there; None if it is no whole sealed share, but what is left of one."""
    try:
        return Header.unpack(read_file(path, _MOST))
    except (Malformed, Refused):
        return None


def is_due(header: Header, position: str, set_identifier: str, below: int | None) -> bool:
    """Whether a sealed share is of this position and set, and older than number `below` (any, if there is none)."""
    return (header.position, header.set_identifier) == (position, set_identifier) and (below is None or header.sealing < below)


def _forget(gone: Path) -> None:
    gone.unlink()
    sync_folder(gone.parent)


def _tidy(folder: Path) -> None:
    """What was cut off while it was written, or destroyed, goes as well. What has its name already is the same file under two names:
    the bytes stay, or a share that counts would be overwritten."""
    for path in (*folder.glob(f"{PARTIAL}*{SUFFIX}"), *folder.glob(f"{GONE}*{SUFFIX}")):
        if path.stat().st_nlink > 1:
            path.unlink()
        else:
            destroy(path)


@control("SEC-04")
def check_gone(position: str, name: str, left: Collection[str]) -> None:
    """SEC-04: what was destroyed is no longer among the names on its medium; a medium that keeps it is not what it seems to be."""
    if name in left:
        refuse(
            "SEC-04",
            f"the old sealed share of {position} is still on its medium",
            found=name,
            expected="that it is gone after it was overwritten and removed",
            do="Take this medium away and destroy it before two people; write the new share to another one.",
        )
