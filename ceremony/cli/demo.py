"""`ceremony demo`: a whole practice ceremony, played by the cast on a real pseudo-terminal."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import click

from ceremony.base.data import Malformed
from ceremony.cast import Fluffed, Pace, keys_as_typed
from ceremony.cli.parts import echo


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="A new folder that keeps everything; made and named if not given.")
@click.option("--kdf", type=click.Choice(["standard", "strong", "light"]), default="standard", show_default=True, help="KDF profile.")
@click.option("--fast", is_flag=True, help="Full speed also on a terminal.")
def demo(out: Path | None, kdf: str, fast: bool) -> None:
    """Play a whole practice ceremony, from the charter to a transaction in a block. It counts for nothing.

    On a terminal one can follow it: the space bar pauses and goes on."""
    from ceremony import demonstration  # noqa: PLC0415 (the cold host's parts)

    follow = sys.stdout.isatty() and sys.stdin.isatty() and not fast
    folder = out or Path(tempfile.mkdtemp(prefix="cold-ceremony-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise Malformed(f"{folder}: not empty; give a new folder")
    echo(f"Everything is kept in {folder}." + (" The space bar pauses." if follow else ""))
    started = time.monotonic()
    stage = demonstration.stage(folder, kdf, Pace(follow=follow), echo)
    try:
        with keys_as_typed() if follow else contextlib.nullcontext():
            last = demonstration.play(stage)
    except Fluffed as fluffed:
        raise Malformed(f"the demonstration stopped: {fluffed}") from None
    for title, seconds in stage.seconds.items():
        echo(f"   {title:<32} {seconds:6.1f} s")
    echo(f"   {'in all':<32} {time.monotonic() - started:6.1f} s")
    echo(f"Open {folder}/report.html. The anchor lies in {folder}/anchor.")
    echo(last)
