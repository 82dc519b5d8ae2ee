"""Damage to a register, of every sort that must be seen. Works on any register: the sample's, and what a demonstration leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceremony.base.data import canonical
from ceremony.base.lines import sha256
from ceremony.record.transcript import NAME


@dataclass(frozen=True)
class Damage:
    """One change, made in a copy of the register."""

    name: str
    apply: Callable[[Path], None]

    def __str__(self) -> str:
        return self.name


def files(register: Path) -> list[Path]:
    """Every file, by its path inside the register."""
    return sorted(p.relative_to(register) for p in register.rglob("*") if p.is_file())


def transcripts(register: Path) -> list[Path]:
    return [p for p in files(register) if p.name == NAME]


def flip(path: Path, at: int) -> Callable[[Path], None]:
    """One bit of the byte at `at`; another bit for each place."""

    def apply(register: Path) -> None:
        raw = bytearray((register / path).read_bytes())
        raw[at] ^= 1 << (at % 7)
        (register / path).write_bytes(raw)

    return apply


def bytes_(register: Path, stride: int) -> Iterator[Damage]:
    """Every `stride`-th byte of every file, and always its first and last one."""
    for path in files(register):
        size = (register / path).stat().st_size
        for at in sorted({*range(0, size, stride), size - 1}):
            yield Damage(f"{path}: byte {at}", flip(path, at))


def _lines(path: Path, edit: Callable[[list[bytes]], None]) -> Callable[[Path], None]:
    def apply(register: Path) -> None:
        lines = (register / path).read_bytes().splitlines(keepends=True)
        edit(lines)
        (register / path).write_bytes(b"".join(lines))

    return apply


def lines(register: Path, stride: int = 1) -> Iterator[Damage]:
    """Every line dropped, repeated, moved behind the next one, followed by an added one; the transcript cut off after it."""
    for path in transcripts(register):
        count = len((register / path).read_bytes().splitlines())
        for at in sorted({*range(0, count, stride), count - 1}):
            yield Damage(f"{path}: line {at + 1} dropped", _lines(path, lambda found, at=at: found.pop(at)))  # type: ignore[misc]
            yield Damage(f"{path}: line {at + 1} repeated", _lines(path, lambda found, at=at: found.insert(at, found[at])))  # type: ignore[misc]
            yield Damage(f"{path}: line after {at + 1} added", _lines(path, lambda found, at=at: _add(found, at)))  # type: ignore[misc]
            if at < count - 1:
                yield Damage(f"{path}: line {at + 1} moved", _lines(path, lambda found, at=at: found.insert(at + 1, found.pop(at))))  # type: ignore[misc]
                yield Damage(f"{path}: cut after line {at + 1}", _lines(path, lambda found, at=at: _cut(found, at + 1)))  # type: ignore[misc]


def _cut(found: list[bytes], count: int) -> None:
    del found[count:]


def _add(found: list[bytes], at: int) -> None:
    """A well-formed line that continues the chain rightly."""
    line = json.loads(found[at])
    line |= {"prev": sha256(found[at]), "seq": str(int(line["seq"]) + 1), "type": "resumed", "actor": "tool"}
    line["body"] = {"after": line["seq"], "found": []}
    found.insert(at + 1, canonical(line))


def spellings(register: Path) -> Iterator[Damage]:
    """The same facts, written in another way."""
    for path in transcripts(register):
        last = len((register / path).read_bytes().splitlines()) - 1
        for at in (0, last // 2, last):
            yield Damage(f"{path}: CRLF in line {at + 1}", _lines(path, lambda found, at=at: _put(found, at, found[at][:-1] + b"\r\n")))  # type: ignore[misc]
            yield Damage(
                f"{path}: repeated key in line {at + 1}",
                _lines(path, lambda found, at=at: _put(found, at, b'{"actor":"tool",' + found[at][1:])),  # type: ignore[misc]
            )
            yield Damage(f"{path}: space in line {at + 1}", _lines(path, lambda found, at=at: _put(found, at, b"{ " + found[at][1:])))  # type: ignore[misc]
            yield Damage(f"{path}: blank line {at + 1}", _lines(path, lambda found, at=at: found.insert(at, b"\n")))  # type: ignore[misc]
        yield Damage(f"{path}: no newline at the end", _lines(path, lambda found: _put(found, -1, found[-1][:-1])))
        yield Damage(f"{path}: torn tail", _lines(path, lambda found: found.append(b'{"actor"')))
        yield Damage(f"{path}: empty", lambda register, path=path: _write(register / path, b""))  # type: ignore[misc]


def _put(found: list[bytes], at: int, line: bytes) -> None:
    found[at] = line


def _write(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


def _link(path: Path) -> None:
    moved = path.parents[2] / f"moved-{path.name}"
    path.rename(moved)
    path.symlink_to(moved)


def shapes(register: Path) -> Iterator[Damage]:
    """Files and folders that are too many, missing, renamed, or something else than they seem."""
    for path in files(register):
        yield Damage(f"{path}: missing", lambda register, path=path: (register / path).unlink())  # type: ignore[misc]
        yield Damage(f"{path}: a link", lambda register, path=path: _link(register / path))  # type: ignore[misc]
        yield Damage(f"{path}: copied", lambda register, path=path: _copy(register / path))  # type: ignore[misc]
    for folder in sorted({p.parts[0] for p in files(register)}):
        yield Damage(f"{folder}: extra file", lambda register, folder=folder: _write(register / folder / "notes.txt", b"hello\n"))  # type: ignore[misc]
        yield Damage(f"{folder}: hidden file", lambda register, folder=folder: _write(register / folder / ".hidden", b""))  # type: ignore[misc]
        yield Damage(f"{folder}: odd name", lambda register, folder=folder: _write(register / folder / "a\n b'.json", b"{}\n"))  # type: ignore[misc]
        yield Damage(f"{folder}: folder inside", lambda register, folder=folder: (register / folder / "more").mkdir())  # type: ignore[misc]
        yield Damage(f"{folder}: gone", lambda register, folder=folder: shutil.rmtree(register / folder))  # type: ignore[misc]
        yield Damage(f"{folder}: a link", lambda register, folder=folder: _link_folder(register / folder))  # type: ignore[misc]
    yield Damage("file in the register", lambda register: _write(register / "zz.txt", b""))
    yield Damage("hidden file in the register", lambda register: _write(register / ".zz", b""))
    yield Damage("folder in the register", lambda register: (register / "9999-transfer").mkdir())
    yield Damage("hidden folder in the register", lambda register: (register / ".git").mkdir())
    yield Damage("first entry moved to the ceremony before", _shift)


def _copy(path: Path) -> None:
    path.with_name("copy-of-" + path.name).write_bytes(path.read_bytes())


def _link_folder(path: Path) -> None:
    moved = path.parents[1] / f"moved-{path.name}"
    path.rename(moved)
    path.symlink_to(moved)


def _shift(register: Path) -> None:
    """The chain stays whole; only the border between two ceremonies moves."""
    first, second, *_ = [register / p for p in transcripts(register)]
    lines_ = second.read_bytes().splitlines(keepends=True)
    first.write_bytes(first.read_bytes() + lines_[0])
    second.write_bytes(b"".join(lines_[1:]))


def rechain(register: Path, genesis: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Edits every line and makes the chain whole again, as a forger would; the new head. Signed checkpoints do not fit any more."""
    prev = genesis
    for transcript in (register / p for p in transcripts(register)):
        found = []
        for line in transcript.read_bytes().splitlines():
            found.append(canonical({**edit(json.loads(line)), "prev": prev}))
            prev = sha256(found[-1])
        transcript.write_bytes(b"".join(found))
    return prev
