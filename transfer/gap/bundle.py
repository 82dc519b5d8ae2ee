"""The outbound bundle: what leaves the cold host for the online host, a read-only folder with a closed list of names.

    transaction               the signed transaction, raw, in lower-case hexadecimal digits, and a newline
    authorization.json        what the officers signed
    authorization.signatures  their signatures, one line of JSON each
    policy-history.json       every policy, and the signed end from which it counts
    request.psbt              the signing request
    approvals.jsonl           the approvals, one line of JSON each
    transcript.jsonl          the transcript to the checkpoint of this export
    manifest.json             name, SHA-256 and size of each of them, the ceremony and its head

Control EXP-01 holds the list and the scan; EXP-03 that each is one regular file, no link, not too large."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NoReturn

from ceremony.base.control import control, refuse
from ceremony.base.data import MAX_FILE, Digest, Malformed, Mark, Text, dump, load, record
from ceremony.base.files import PARTIAL, make_folder, read_file, sync_folder, write_new
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from transfer.gap.scan import secrets_in

MANIFEST = "manifest.json"
LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "approvals.jsonl": 1_000_000,
        "authorization.json": 100_000,
        "authorization.signatures": 100_000,
        "policy-history.json": 1_000_000,
        "request.psbt": 4_000_000,
        "transaction": 1_000_000,
        "transcript.jsonl": MAX_FILE,
        MANIFEST: 10_000,
    }
)
"""The closed list: each name and the most bytes that its file may have."""
FILES = tuple(sorted(name for name in LIMITS if name != MANIFEST))
"""What the caller gives; the manifest is made here."""


@record
class Listed:
    """One file of the bundle: its SHA-256 and its size in bytes."""

    name: Text
    sha256: Digest
    size: int


@record
class Manifest:
    """What the bundle holds, of which ceremony (its number), and the head of the transcript in it; files sorted by name."""

    type: Literal["outbound-bundle"] = "outbound-bundle"
    version: Literal["2"] = "2"
    mark: Mark
    ceremony: int
    head: Digest
    files: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are those that its manifest lists, byte for byte."""

    manifest: Manifest
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: what both sides speak and hear (EXP-04)."""
        return sha256(dump(self.manifest))

    @property
    def transaction(self) -> bytes:
        """The signed transaction; Malformed unless its file is lower-case hexadecimal digits and one newline."""
        text = self.files["transaction"]
        if not re.fullmatch(rb"([0-9a-f]{2})+\n", text):
            raise Malformed("transaction: expected hexadecimal digits in lower case and one newline")
        return bytes.fromhex(text[:-1].decode("ascii"))


def write(folder: Path, files: Mapping[str, bytes], *, mark: Mark, ceremony: int, head: str) -> Bundle:
    """Write `files` (all of FILES) and their manifest to a new folder, read everything back, and only then give it its name.

    Refuses with EXP-01 another set of names, and anything that looks like a secret; Malformed if `folder` is there already
    or the medium cannot be written. A folder left half-written by a crash is removed first."""
    if not folder.name:
        raise Malformed(f"{folder}: expected the name of a new folder")
    closed([*files, MANIFEST])
    _innocent(files)
    manifest = manifest_of(files, mark, ceremony, head)
    bundle = Bundle(manifest=load(Manifest, dump(manifest), MANIFEST), files=MappingProxyType(dict(files)))
    _sound(bundle)
    partial = folder.with_name(PARTIAL + folder.name)
    try:
        if os.path.lexists(folder):
            raise Malformed(f"{folder}: there already; a bundle is never overwritten, give another name")
        _fill(partial, {**files, MANIFEST: dump(manifest)})
        verify(partial, bundle)
        partial.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise Malformed(f"{folder}: the bundle cannot be written ({error.strerror}); nothing was lost, use another medium") from None
    return bundle


def manifest_of(files: Mapping[str, bytes], mark: Mark, ceremony: int, head: str) -> Manifest:
    """The manifest of these files, whose transcript ends with `head`."""
    return Manifest(mark=mark, ceremony=ceremony, head=head, files=_listed(files))


def read(folder: Path) -> Bundle:
    """The bundle in `folder`. Refuses with EXP-01 a missing or unlisted file and content that the manifest does not list, with
    EXP-03 a link, anything but a regular file, and a file that is too large; Malformed for a broken manifest."""
    closed(_names(folder))
    content = {name: _regular(folder / name, limit) for name, limit in LIMITS.items()}
    manifest = load(Manifest, content.pop(MANIFEST), MANIFEST)
    bundle = Bundle(manifest=manifest, files=MappingProxyType(content))
    _sound(bundle)
    return bundle


def verify(folder: Path, expected: Bundle) -> None:
    """EXP-01: what lies in `folder` is, byte for byte, what was meant to be written."""
    found = read(folder)
    if found != expected:
        refuse(
            "EXP-01",
            "the bundle reads back differently",
            found=f"manifest {found.digest}",
            expected=expected.digest,
            do="Use another medium.",
        )


@control("EXP-01")
def closed(names: Collection[str]) -> None:
    """EXP-01: exactly the names of the closed list, each once."""
    if sorted(names) != sorted(LIMITS):
        extra, missing = sorted(set(names) - set(LIMITS)), sorted(set(LIMITS) - set(names))
        refuse(
            "EXP-01",
            "what leaves is a closed list",
            found="; ".join([*(f"not on the list: {shown(name)}" for name in extra[:5]), *(f"missing: {name}" for name in missing)]),
            expected=", ".join(sorted(LIMITS)),
            do="Leave the medium as it is, and find out who changed the folder.",
        )


def _innocent(files: Mapping[str, bytes]) -> None:
    for name, raw in files.items():
        if found := secrets_in(raw):
            refuse("EXP-01", f"{name} must not leave", found=", ".join(found), expected="nothing secret", do="Stop, and call the officers.")


def _listed(files: Mapping[str, bytes]) -> tuple[Listed, ...]:
    return tuple(Listed(name=name, sha256=sha256(files[name]), size=len(files[name])) for name in FILES)


def _sound(bundle: Bundle) -> None:
    """The manifest lists what is there, nothing is too large, the transaction has its form."""
    names = tuple(item.name for item in bundle.manifest.files)
    if names != FILES:
        _unlike(MANIFEST, f"lists {', '.join(names)[:200]}", ", ".join(FILES))
    for item, there in zip(bundle.manifest.files, _listed(bundle.files), strict=True):
        if item != there:
            _unlike(item.name, f"{there.size} bytes, SHA-256 {there.sha256}", f"{item.size} bytes, SHA-256 {item.sha256} by the manifest")
        _small(item.name, there.size)
    _ = bundle.transaction


def _unlike(name: str, found: str, expected: str) -> NoReturn:
    refuse("EXP-01", f"{name} is not what was written", found=found, expected=expected, do="Use an undamaged copy from the cold host.")


def _names(folder: Path) -> list[str]:
    """The names in a folder that is itself no link; reading stops when there are far too many."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            _not_regular(f"{folder}: not a folder", "something else")
        with os.scandir(folder) as entries:
            return [entry.name for entry, _ in zip(entries, range(10 * len(LIMITS)), strict=False)]
    except OSError as error:
        raise Malformed(f"{folder}: cannot be read ({error.strerror})") from None


@control("EXP-03")
def _regular(path: Path, limit: int) -> bytes:
    """EXP-03: the content of one regular file with one name and at most `limit` bytes."""
    try:
        status = path.lstat()
    except OSError as error:
        raise Malformed(f"{path}: cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode):
        _not_regular(path.name, "a link" if stat.S_ISLNK(status.st_mode) else "a folder, pipe or device")
    if status.st_nlink != 1:
        _not_regular(path.name, f"a file with {status.st_nlink} names")
    _small(path.name, status.st_size)
    return read_file(path, limit)


def _small(name: str, size: int) -> None:
    if size > LIMITS[name]:
        _not_regular(name, f"{size} bytes")


def _not_regular(name: str, found: str) -> NoReturn:
    refuse(
        "EXP-03",
        name,
        found=found,
        expected="regular files without links, of the sizes that a bundle can have",
        do="Use the medium that the cold host wrote, and find out who changed it.",
    )


def _fill(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write every file, make all read-only, and drop them from memory so that they are read back from the medium."""
    if folder.is_dir() and not folder.is_symlink():
        folder.chmod(0o700)
        shutil.rmtree(folder)
    make_folder(folder)
    for name, raw in content.items():
        write_new(folder / name, raw, 0o444)
        _forget(folder / name)
    for path, mode in [*((folder / name, 0o444) for name in content), (folder, 0o555)]:
        # A courtesy against slips, not a control: FAT keeps no such modes, and says so.
        with contextlib.suppress(PermissionError):
            path.chmod(mode)


def _forget(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
