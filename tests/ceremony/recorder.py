"""Keeps what is on disk at every instant of a command: what a kill at that instant would leave behind.

A process that is killed leaves the folder as it is (its children die with it, and with them what the HSM holds for this session). So
one play tells of all kills: right before each change that this process makes to a file, the changes since the one before are kept."""

from __future__ import annotations

import atexit
import json
import os
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
"""Audit events (PEP 578) before a change; the last one, `open`, is one if it is opened for writing."""
PLACES = ("register", "custodians", "people", "office", "hsm", "slips", "outbound", "outbound-qr")
"""What is looked at; the practice chain is nobody's here."""


_SETTLED = 1_000_000_000
"""Nanoseconds."""


class Recorder:
    """`folder/instants.jsonl`: a line for each instant, with what changed since the one before; `folder/blobs`: contents by digest."""

    def __init__(self, stage: Path, folder: Path) -> None:
        self._stage, self._folder = stage, folder
        (folder / "blobs").mkdir(parents=True)
        self._held: dict[str, list[Any]] = {}
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}
        self._busy = False

    def start(self) -> None:
        """From here on, for the life of this process."""
        self._take("begin", "")
        sys.addaudithook(self._hear)

    def end(self) -> None:
        """The last instant: nothing more is written."""
        self._take("end", "")

    def _hear(self, event: str, words: tuple[Any, ...]) -> None:
        if self._busy or not (event in CHANGES or (event == "open" and _writes(words))):
            return
        self._busy = True
        try:
            named = words[1] if event in ("os.rename", "os.link") else words[0]
            path = Path(os.path.abspath(os.fsdecode(named))) if not isinstance(named, int) else self._stage
            if path.is_relative_to(self._stage):
                self._take(event, str(path.relative_to(self._stage)))
        finally:
            self._busy = False

    def _take(self, event: str, path: str) -> None:
        now = {name: list(held) for name, held in self._look()}
        changed = {name: held for name, held in now.items() if self._held.get(name) != held}
        gone = sorted(self._held.keys() - now.keys())
        self._held = now
        line = json.dumps({"event": event, "path": path, "changed": changed, "gone": gone})
        with (self._folder / "instants.jsonl").open("a") as file:
            file.write(line + "\n")

    def _look(self) -> Iterator[tuple[str, tuple[str, int, int]]]:
        """Path -> digest (of a folder: none), inode, mode."""
        waiting = [self._stage / place for place in PLACES if (self._stage / place).is_dir()]
        while waiting:
            folder = waiting.pop()
            yield str(folder.relative_to(self._stage)), ("", 0, folder.stat().st_mode)
            with os.scandir(folder) as found:
                for each in found:
                    if each.is_dir(follow_symlinks=False):
                        waiting.append(Path(each.path))
                    else:
                        status = each.stat(follow_symlinks=False)
                        yield os.path.relpath(each.path, self._stage), (self._kept(each.path, status), status.st_ino, status.st_mode)

    def _kept(self, path: str, status: os.stat_result) -> str:
        """The digest of a file; it is not read again if it was last changed long before it was read (the file system's clock ticks)."""
        is_ = (status.st_ino, status.st_size, status.st_mtime_ns)
        if path in self._known and self._known[path][0] == is_:
            return self._known[path][1]
        raw = Path(path).read_bytes()
        name = sha256(raw).hexdigest()
        blob = self._folder / "blobs" / name
        if not blob.exists():
            blob.write_bytes(raw)
        if status.st_mtime_ns < time.time_ns() - _SETTLED:
            self._known[path] = (is_, name)
        return name


def _writes(words: tuple[Any, ...]) -> bool:
    flags = words[2] if len(words) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def recording(folder: Path) -> None:
    """From here on, for the life of this process, every instant is kept; the last one when nothing more is written."""
    recorder = Recorder(Path.cwd(), folder)
    recorder.start()
    atexit.register(recorder.end)
