"""A ceremony's transcript on disk: read as a chain, appended by whole synced lines, mended only by keeping what was torn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, encode
from ceremony.base.files import append_line, cut_file, make_folder, read_file, write_new
from ceremony.base.lines import Line, parse_chain, parse_line, sha256, split
from ceremony.base.sshsig import RunKey
from ceremony.record.entries import Opened, Resumed, type_of
from ceremony.record.runs import begun, is_vouched, sign, tag
from ceremony.record.state import Recorded, State, fold, recorded

NAME = "transcript.jsonl"
MAX_TRANSCRIPT = 256_000_000
"""Bytes."""


class Transcript:
    """One ceremony's folder, open for appending. `state` is always the fold of what is on disk."""

    def __init__(self, folder: Path, state: State, prev: str, time: str, key: RunKey | None = None) -> None:
        self.folder = folder
        self.state = state
        self.key = key or RunKey()
        """Of this run; its public half stands in the run's first entry (AUD-11)."""
        self._prev = prev
        self._time = time
        self._run = sum(isinstance(e.body, Opened | Resumed) for e in state.entries)
        self._failed = ""
        """What became of the write that failed: after one, this process appends nothing more (AUT-10)."""

    @classmethod
    def create(cls, folder: Path, prev: str, time: str = "", key: RunKey | None = None) -> Transcript:
        """A new, empty transcript that continues from `prev` (the head of the ceremony before, or the genesis digest) and from
        `time` (of that head's entry, if there is one)."""
        make_folder(folder)
        return cls(folder, State(()), prev, time, key)

    @classmethod
    def open(cls, folder: Path, prev: str, time: str = "") -> tuple[Transcript, bytes]:
        """The transcript in a folder, and its torn tail, which is no entry."""
        raw = read_file(folder / NAME, MAX_TRANSCRIPT) if (folder / NAME).exists() else b""
        state, torn = read(folder, raw, prev, time)
        return cls(folder, state, prev, time), torn

    @property
    def runs(self) -> int:
        """How many runs the transcript has."""
        return self._run

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
        self._run += isinstance(body, Opened | Resumed)
        self._write(raw)
        self.state = self.state.then(entry)
        return entry

    def _write(self, raw: bytes) -> None:
        """The line, synced; then the run's signature over it, before anything goes on.

        AUT-10: nothing follows a write that failed. What is on disk then ends in a torn line, or in a whole one that may not last:
        the next run reads which, and this one cannot know."""
        if self._failed:
            refuse(
                "AUT-10",
                f"{self.folder.name} could not be written, so nothing more is written to it",
                found=self._failed,
                expected="every entry on disk before the next one",
                do="See to the medium (space, plug, another one), then `ceremony resume`; `ceremony void` where a set is made.",
            )
        self._failed = f"the write after entry {len(self.state.entries)} was cut off"
        try:
            append_line(self.folder / NAME, raw)
            sign(self.key, self.folder, self._run, raw)
        except OSError as error:
            error.filename = error.filename or str(self.folder / NAME)  # neither a full disk nor a bad one names any
            self._failed = f"{error.strerror or error}, after entry {len(self.state.entries)}"
            raise
        self._failed = ""

    def cut(self, count: int, torn: bytes) -> Path | None:
        """Keep the first `count` entries; what lies behind them, and a torn line, is set aside in a file of its own, which the caller
        records. None if nothing does."""
        rest = aside_of(self.state, count, torn)
        if not rest:
            return None
        whole = len(rest) > len(torn)
        aside = self.folder / (f"aside-{count}-{tag(rest)}.lines" if whole else f"torn-{count}-{sha256(torn)[:8]}.bytes")
        if not aside.exists():
            write_new(aside, rest)
        self.state = State(self.state.entries[:count])
        self._run = sum(isinstance(e.body, Opened | Resumed) for e in self.state.entries)
        cut_file(self.folder / NAME, sum(len(e.line.raw) for e in self.state.entries))
        return aside


def read(folder: Path, raw: bytes, prev: str, time: str) -> tuple[State, bytes]:
    """The entries of a transcript, and what behind them is none: a torn line; and while the ceremony is open, lines behind the newest that
    a run signed from the first on that cannot be read. Somebody wrote those with an editor: they must not keep people from going on."""
    try:
        lines, torn = parse_chain(raw, prev, folder.name, time)
        return fold(lines, folder.name), torn
    except (Malformed, Refused):
        state = _readable(folder, raw, prev, time)
        if state.closed is not None or not begun(folder, state) or not is_vouched(folder, state):
            raise
        return state, raw[sum(len(e.line.raw) for e in state.entries) :]


def _readable(folder: Path, raw: bytes, prev: str, time: str) -> State:
    """As many of its first lines as can be read."""
    whole, _ = split(raw)
    state, low, high = State(()), 0, len(whole)
    while low < high:
        count = (low + high + 1) // 2
        try:
            lines, _ = parse_chain(b"".join(line + b"\n" for line in whole[:count]), prev, folder.name, time)
            state, low = fold(lines, folder.name), count
        except (Malformed, Refused):
            high = count - 1
    return state


def aside_of(state: State, count: int, torn: bytes) -> bytes:
    """What lies behind the first `count` entries, a torn line included."""
    return b"".join(e.line.raw for e in state.entries[count:]) + torn


class Notes(Transcript):
    """Likewise, kept in memory: what is done where there is no register, until what came of it is signed (record/health.py)."""

    def __init__(self, folder: Path, prev: str) -> None:
        super().__init__(folder, State(()), prev, "")

    def _write(self, raw: bytes) -> None:
        """Nothing is written."""
