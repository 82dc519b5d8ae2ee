"""Runs `ceremony` with one fault put in, named by the first argument. The rest is the command line.

`kill:N`: the process kills itself (SIGKILL) right after its N-th transcript entry is on disk.
`torn:N`: it kills itself in the middle of writing its N-th entry.
`clock:TIME`: the machine's clock says TIME.
`without:MODULE.FUNCTION`: that function checks nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ceremony.base import files
from ceremony.cli import cold
from ceremony.cli import main as command
from ceremony.record import transcript
from ceremony.script import loop, room


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


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


def main() -> None:
    """Put the fault in, then run the command."""
    fault, value = sys.argv[1].split(":", 1)
    if fault in ("kill", "torn"):
        _killing(int(value), torn=fault == "torn")
    elif fault == "clock":
        loop.utc_now = cold.utc_now = room.utc_now = lambda: value
    elif fault == "without":
        module, name = value.rsplit(".", 1)
        setattr(__import__(module, fromlist=[name]), name, lambda *_args, **_kwargs: None)
    command(sys.argv[2:])


if __name__ == "__main__":
    main()
