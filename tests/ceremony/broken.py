"""Runs `ceremony` with one fault put in, named by the first argument. The rest is the command line.

`kill:N`: the process kills itself (SIGKILL) right after its N-th transcript entry is on disk.
`kill-after:TYPE`: likewise after its first entry of this type.
`kill-step:TITLE`: likewise after the entry of the step with this title.
`torn:N`: it kills itself in the middle of writing its N-th entry.
`clock:TIME`: the machine's clock says TIME.
`without:MODULE.FUNCTION`: that function checks nothing.
`swapped:KIND`: that file of the register is another one from the moment on at which people see what they are to sign.
`lost:opener`: the opener is gone when the first share is to be unlocked."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ceremony.base import files
from ceremony.cli import cold
from ceremony.cli import main as command
from ceremony.record import transcript
from ceremony.record.keyrecord import KeyRecord
from ceremony.script import generate, loop, room
from ceremony.vault import process, protocol


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killing_after(said: str) -> None:
    def append(path: Path, raw: bytes) -> None:
        files.append_line(path, raw)
        if said.encode() in raw:
            _die()

    transcript.append_line = append  # type: ignore[assignment]


def _killing(after: int, *, torn: bool) -> None:
    written = 0

    def append(path: Path, raw: bytes) -> None:
        nonlocal written
        written += 1
        if torn and written == after:
            files.append_line(path, raw[: len(raw) // 2])
            _die()
        files.append_line(path, raw)
        if written == after:
            _die()

    transcript.append_line = append  # type: ignore[assignment]


def _swapping(name: str) -> None:
    shown = generate.summary

    def summary(record: KeyRecord) -> tuple[str, ...]:
        for path in Path("register").glob(f"*/{name}"):
            path.write_bytes(path.read_bytes().replace(b"software", b"somebody"))
        return shown(record)

    generate.summary = summary


def _losing() -> None:
    def unlock(vault: process.Vault, *_: object) -> None:
        os.kill(vault.opener.pid, signal.SIGKILL)
        vault.opener.ask(protocol.Hello(), protocol.Ready)

    process.Vault.unlock = unlock  # type: ignore[assignment,method-assign]


def main() -> None:
    """Put the fault in, then run the command."""
    fault, value = sys.argv[1].split(":", 1)
    if fault in ("kill", "torn"):
        _killing(int(value), torn=fault == "torn")
    elif fault == "kill-after":
        _killing_after(f'"type":"{value}"')
    elif fault == "kill-step":
        _killing_after(f'"title":"{value}"')
    elif fault == "clock":
        loop.utc_now = cold.utc_now = room.utc_now = lambda: value
    elif fault == "without":
        module, name = value.rsplit(".", 1)
        setattr(__import__(module, fromlist=[name]), name, lambda *_args, **_kwargs: None)
    elif fault == "swapped":
        _swapping(f"{value}.json")
    elif fault == "lost":
        _losing()
    command(sys.argv[2:])


if __name__ == "__main__":
    main()
