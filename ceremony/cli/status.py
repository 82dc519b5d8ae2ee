"""Bare `ceremony`: where the register stands and what to type next; without a register, how to begin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ceremony.base.data import Malformed
from ceremony.cli.parts import echo
from ceremony.record.standing import standing
from ceremony.screen.status import BEGIN, screen
from transfer.limits import written


def show(folder: Path | None) -> None:
    """The status of the register in `folder`, or in ./register if none is named. Refused (exit code 1) where verify would refuse."""
    named = folder or Path("register")
    if folder is None and not named.is_dir():
        echo("\n".join(BEGIN))
        return
    if not named.is_dir():
        raise Malformed(f"{named}: there is no register")
    now = written(datetime.now(UTC))
    echo("\n".join(screen(standing(named, now), now, str(named))))
