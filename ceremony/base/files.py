"""Files that last: created exclusively, written whole, synced, never overwritten; appended by whole synced lines.

A file appears under its name only when it is complete: it is written beside it as `.partial-…` and then linked."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ceremony.base.data import MAX_FILE, Malformed

PARTIAL = ".partial-"
GONE = ".gone-"
"""What a file is called that is being destroyed: nobody takes it for a whole one, should that be cut off."""


def sync_folder(folder: Path) -> None:
    """Make the folder's own entries last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, *, parents: bool = False, exist_ok: bool = False) -> None:
    """Create a folder and make its name last in the one that holds it. The flags are those of `Path.mkdir`."""
    if parents and not folder.parent.exists():
        make_folder(folder.parent, parents=True, exist_ok=True)
    folder.mkdir(exist_ok=exist_ok)
    sync_folder(folder.parent)


def write_new(path: Path, raw: bytes, mode: int = 0o644) -> None:
    """Create `path` with exactly these bytes, synced; FileExistsError if it is there already."""
    partial = path.with_name(PARTIAL + path.name)
    partial.unlink(missing_ok=True)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        _appear(partial, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk names none
        raise
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def _appear(partial: Path, path: Path) -> None:
    """Give a complete file its name, never over another one. FAT sticks have no hard links: there it is looked for, then renamed."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        partial.rename(path)


def _write_out(descriptor: int, raw: bytes) -> None:
    """Write all of `raw`, sync it, and close the descriptor, also after a failure."""
    try:
        view = memoryview(raw)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_over(path: Path, raw: bytes) -> None:
    """Put `raw` in the place of what `path` holds, in one step: written beside it, synced, renamed, and the folder synced."""
    partial = path.with_name(PARTIAL + path.name)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    _write_out(descriptor, raw)
    partial.replace(path)
    sync_folder(path.parent)


def cut_file(path: Path, size: int) -> None:
    """Cut a file down to its first `size` bytes, synced."""
    with path.open("r+b") as file:
        file.truncate(size)
        file.flush()
        os.fsync(file.fileno())


def append_line(path: Path, raw: bytes) -> None:
    """Add one whole line to `path` and sync it, with its name if it is a new file; a failed write leaves at most a torn tail, never
    half an entry taken as whole."""
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    _write_out(descriptor, raw)
    if new:
        sync_folder(path.parent)


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """The whole of a regular file of at most `limit` bytes; Malformed for anything else (no links followed)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Malformed(f"{path}: cannot be read ({error.strerror})") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not os.path.isfile(path) or status.st_size > limit:
            raise Malformed(f"{path}: expected a regular file of at most {limit} bytes")
        return file.read(limit + 1)


def destroy(path: Path) -> None:
    """Overwrite a file with zeroes, sync and remove it. On flash memory old cells may survive (docs/threat-model.md)."""
    wipe(path, path.name).unlink()
    sync_folder(path.parent)


def wipe(path: Path, name: str) -> Path:
    """All of `destroy` but the removal: the zeroes lie under `.gone-NAME`, which is returned."""
    gone = path.with_name(GONE + name)
    with path.open("r+b") as file:  # before it loses its name: what cannot be written stays as it is
        path.rename(gone)
        file.write(bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return gone


def is_locked(folder: Path) -> bool:
    """Whether somebody holds the lock on a folder, this process included."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the one lock on a folder (flock on the folder itself, so that no lock file lies among the records)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Malformed(f"{folder}: another ceremony command holds this register; wait for it or end it") from None
    finally:
        os.close(descriptor)
