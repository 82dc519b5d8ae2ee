"""A ceremony's transcript on disk: read as a chain, appended by whole synced lines, mended only by keeping what was torn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ceremony.base.control import refuse
from ceremony.base.data import encode
from ceremony.base.files import append_line, read_file, write_new
from ceremony.base.lines import Line, parse_chain, parse_line, sha256
from ceremony.record.entries import type_of
from ceremony.record.state import Recorded, State, fold, recorded

NAME = "transcript.jsonl"
MAX_TRANSCRIPT = 256_000_000
"""Bytes."""


class Transcript:
    """One ceremony's folder, open for appending. `state` is always the fold of what is on disk."""

    def __init__(self, folder: Path, state: State, prev: str, time: str) -> None:
        self.folder = folder
        self.state = state
        self._prev = prev
        self._time = time

    @classmethod
    def create(cls, folder: Path, prev: str, time: str = "") -> Transcript:
        """A new, empty transcript that continues from `prev` (the head of the ceremony before, or the genesis digest) and from
        `time` (of that head's entry, if there is one)."""
        folder.mkdir()
        return cls(folder, State(()), prev, time)

    @classmethod
    def open(cls, folder: Path, prev: str, time: str = "") -> tuple[Transcript, bytes]:
        """The transcript in a folder, and its torn tail, which is no entry."""
        raw = read_file(folder / NAME, MAX_TRANSCRIPT) if (folder / NAME).exists() else b""
        lines, torn = parse_chain(raw, prev, folder.name, time)
        return cls(folder, fold(lines, folder.name), prev, time), torn

    @property
    def head(self) -> str:
        """Digest of the last entry; the digest it continues from while there is none."""
        return self.state.entries[-1].line.digest if self.state.entries else self._prev

    def append(self, actor: str, body: Any, time: str) -> Recorded:
        """ASM-04: write one entry and sync it; its time is never before the last one's."""
        last = self.state.entries[-1].line if self.state.entries else None
        earliest = last.time if last else self._time
        if time < earliest:
            refuse("ASM-04", "the clock went backwards", found=time, expected=f"{earliest} or later", do="Set the clock, then resume.")
        line = Line(
            seq=last.seq + 1 if last else 1,
            time=time,
            prev=self.head,
            type=type_of(body),
            actor=actor,
            body=encode(body),
        )
        raw = line.raw
        where = f"{self.folder.name}, line {line.seq}"
        entry = recorded(parse_line(raw, where), self.folder.name)  # what could not be read again is not written
        self._write(raw)
        self.state = self.state.then(entry)
        return entry

    def _write(self, raw: bytes) -> None:
        append_line(self.folder / NAME, raw)

    def keep_torn(self, torn: bytes) -> Path:
        """Set a torn last line aside in a file of its own and cut it off; the caller records the file first thing."""
        aside = self.folder / f"torn-{len(self.state.entries)}-{sha256(torn)[:8]}.bytes"
        if not aside.exists():
            write_new(aside, torn)
        whole = b"".join(e.line.raw for e in self.state.entries)
        with (self.folder / NAME).open("r+b") as file:
            file.truncate(len(whole))
            file.flush()
        return aside


class Notes(Transcript):
    """Likewise, kept in memory: what is done where there is no register, until what came of it is signed (record/health.py)."""

    def __init__(self, folder: Path, prev: str) -> None:
        super().__init__(folder, State(()), prev, "")

    def _write(self, raw: bytes) -> None:
        """Nothing is written."""
