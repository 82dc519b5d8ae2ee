"""The hash chain: each entry is one canonical line and names the SHA-256 of the line before it, newline included."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Malformed, Name, Person, Time, canonical, decode

FIELDS = ("actor", "body", "prev", "seq", "time", "type")
KEPT = 4096
"""Entries that are kept once they were read: a ceremony reads its register anew at every step, and the same bytes say the same."""


def sha256(raw: bytes) -> str:
    """SHA-256 in 64 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


@dataclass(frozen=True, slots=True)
class Line:
    """One transcript entry as it stands in the file; `digest` is the SHA-256 of its bytes, newline included.

    `seq` counts from 1 in each ceremony; `actor` is a person of the charter or `tool`; `body` is a JSON object of
    strings, lists and objects, whose form its type decides (record/entries.py)."""

    seq: int
    time: str
    prev: str
    type: str
    actor: str
    body: Mapping[str, Any]

    def __hash__(self) -> int:
        return hash((self.prev, self.seq, self.type))

    @property
    def raw(self) -> bytes:
        """The canonical line."""
        return canonical(
            {"actor": self.actor, "body": self.body, "prev": self.prev, "seq": str(self.seq), "time": self.time, "type": self.type}
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the line: the `prev` of the next one, and the head while it is the last."""
        return _digest(self)


@lru_cache(KEPT)
def _digest(line: Line) -> str:
    return sha256(line.raw)


@lru_cache(KEPT)
def parse_line(raw: bytes, where: str) -> Line:
    """The entry that `raw` (with its newline) is the canonical line of; Malformed otherwise."""
    try:
        tree = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError):
        raise Malformed(f"{where}: not a line of JSON in ASCII") from None
    if not isinstance(tree, dict) or tuple(sorted(tree)) != FIELDS or not isinstance(tree["body"], dict):
        raise Malformed(f"{where}: expected the fields {', '.join(FIELDS)}")
    line = Line(
        seq=decode(int, tree["seq"], f"{where}.seq"),
        time=decode(Time, tree["time"], f"{where}.time"),
        prev=decode(Digest, tree["prev"], f"{where}.prev"),
        type=decode(Name, tree["type"], f"{where}.type"),
        actor=tree["actor"] if tree["actor"] == "tool" else decode(Person, tree["actor"], f"{where}.actor"),
        body=tree["body"],
    )
    if canonical(tree) != raw:
        raise Malformed(f"{where}: not in canonical form (one line, sorted keys, no spaces, every key once)")
    return line


def split(raw: bytes) -> tuple[list[bytes], bytes]:
    """The whole lines of a transcript, without their newlines, and the torn tail: the bytes after the last newline.

    Where the power failed, a file system may leave zero bytes in place of what was written last, the newline before or behind them:
    a last line that holds any is torn as well. No canonical line does."""
    *whole, torn = raw.split(b"\n")
    if whole and not torn and b"\0" in whole[-1]:
        torn = whole.pop() + b"\n"
    return whole, torn


@control("AUD-01")
def parse_chain(raw: bytes, prev: str, where: str, time: str = "") -> tuple[tuple[Line, ...], bytes]:
    """All whole entries of a transcript that continues from `prev`, and the torn tail.

    `time`: of the entry before the first, if there is one.

    AUD-01: refuses a broken chain, a gap in the numbers, and a time that goes backwards."""
    whole, torn = split(raw)
    lines: list[Line] = []
    for number, text in enumerate(whole, start=1):
        line = parse_line(text + b"\n", f"{where}, line {number}")
        _follows(line, number, prev, time, where)
        lines.append(line)
        prev, time = sha256(text + b"\n"), line.time
    return tuple(lines), torn


def _follows(line: Line, number: int, prev: str, time: str, where: str) -> None:
    if line.seq != number:
        refuse("AUD-01", f"{where}, line {number}", found=f"entry number {line.seq}", expected=f"{number}", do="Use an undamaged copy.")
    if line.prev != prev:
        refuse(
            "AUD-01", f"{where}, line {number}: the chain is broken", found=f"prev {line.prev}", expected=prev, do="Use an undamaged copy."
        )
    if line.time < time:
        refuse(
            "ASM-04", f"{where}, line {number}: time goes backwards", found=line.time, expected=f"{time} or later", do="Check the clock."
        )
