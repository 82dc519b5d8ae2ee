"""Custodians' media: one folder for each person, with their own sealed share and nobody else's (GEN-10)."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed
from ceremony.base.files import PARTIAL, destroy, read_file, write_new
from ceremony.machine import tree
from ceremony.machine.devices import medium_of
from ceremony.record import entries
from ceremony.script.room import TRIES, Room, Steps
from shares.envelope import SEALED, Header

SUFFIX = ".sealed"
_MOST = 4096
"""Bytes of a file that are looked at: one that is no sealed share is told by what it is."""
HOW = "overwritten once with zeroes, synced, removed; flash memory may keep old cells"
"""SEC-04: what `destroy` does."""


def name(position: str, sealing: int) -> str:
    """`share-A1-0002.sealed`: position and sealing number, for people; the header inside is what counts."""
    return f"share-{position}-{sealing:04d}{SUFFIX}"


def _shares(folder: Path) -> list[Path]:
    """Every sealed share on a medium, whatever its file is called; not what was cut off while it was written."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(PARTIAL))


def newest(room: Room, position: str, set_identifier: str) -> bytes:
    """The sealed share on a position's medium: the newest one of this set. If there is none of this set, the newest of all, for the
    vault to refuse it by its header."""
    folder = room.medium(position)
    found = [read_file(path, _MOST) for path in _shares(folder)]
    if not found:
        raise Malformed(f"{position}: no sealed share on this medium ({folder.name}); insert the medium with the file *{SUFFIX}")
    whole = [(header, raw) for raw in found if (header := _header(raw)) is not None]
    if not whole:
        return found[0]  # refused by whoever reads it, who says what is wrong with it
    return max(whole, key=lambda each: (each[0].set_identifier == set_identifier, each[0].sealing))[1]


def _header(raw: bytes) -> Header | None:
    """The header of what lies there; None if it is no whole sealed share."""
    try:
        return Header.unpack(raw)
    except (Malformed, Refused):
        return None


@control("GEN-10")
def write(folder: Path, position: str, sealing: int, sealed: bytes) -> bytes:
    """GEN-10: write a sealed share to its own custodian's medium only, and read it back; what was read is returned."""
    strangers = [path.name for path in _shares(folder) if Header.unpack(read_file(path, SEALED)).position != position]
    if strangers:
        refuse(
            "GEN-10",
            f"the medium of {position} holds somebody else's share",
            found=", ".join(strangers),
            expected=f"the shares of {position} alone",
            do="Take the right medium. Find out whose share this is, and how it came here.",
        )
    path = folder / name(position, sealing)
    write_new(path, sealed, mode=0o600)
    raw = read_file(path, SEALED)
    if raw != sealed:
        destroy(path)  # else it would be the newest share on this medium
        raise Malformed(f"{position}: the medium reads back something else than was written; use a new medium")
    return raw


def hand_over(room: Room, position: str, sealing: int, sealed: bytes) -> bytes:
    """Write a sealed share to its custodian's medium; one that is full, read-only or the wrong one is told, and another asked for.

    The vault stays alive meanwhile: a bad stick must not end a sitting."""
    tries = TRIES
    while True:
        try:
            return write(room.medium(position), position, sealing, sealed)
        except (OSError, Malformed, Refused) as trouble:
            room.media.pop(position, None)
            tries -= 1
            if not tries:
                raise
            said = f"{trouble.strerror} ({trouble.filename})" if isinstance(trouble, OSError) else str(trouble)
            room.screen.say(f"{position}: nothing was written. {said}\nInsert a medium that can be written, your own.")


def remove_older(room: Room, position: str, sealing: int, set_identifier: str) -> Steps:
    """SEC-01, SEC-04: sealed shares of this set with lower numbers than this one, which was proven, are overwritten and removed, each
    one recorded: whose, from which medium, by what, and how."""
    folder = room.medium(position)
    _tidy(folder)
    for path in _shares(folder):
        header = Header.unpack(read_file(path, SEALED))
        number = header.sealing
        if number < sealing and header.set_identifier == set_identifier:
            destroy(path)
            check_gone(path, position)
            yield (
                position,
                entries.Removed(
                    position=position,
                    number=number,
                    medium=medium_of(tree.ROOT, folder),
                    tool=f"cold-ceremony {version('cold-ceremony')}",
                    how=HOW,
                ),
            )


def _tidy(folder: Path) -> None:
    """What was cut off while it was written goes as well. One that has its name already is the same file under two names: the bytes
    stay, or a share that counts would be overwritten."""
    for path in folder.glob(f"{PARTIAL}*{SUFFIX}"):
        if path.stat().st_nlink > 1:
            path.unlink()
        else:
            destroy(path)


@control("SEC-04")
def check_gone(path: Path, position: str) -> None:
    """SEC-04: what was destroyed is no longer on its medium; a medium that keeps it is not what it seems to be."""
    if path.exists():
        refuse(
            "SEC-04",
            f"the old sealed share of {position} is still on its medium",
            found=path.name,
            expected="that it is gone after it was overwritten and removed",
            do="Take this medium away and destroy it before two people; write the new share to another one.",
        )
