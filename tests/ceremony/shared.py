"""What several tests begin from is played once in a test run, also when two processes run the tests."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Played = TypeVar("Played")


def once(factory: pytest.TempPathFactory, name: str, play: Callable[[Path], Played]) -> Played:
    """What `play` makes in a folder that is not there yet, and what it returns: by whoever comes first; the others wait for it.

    The folder belongs to all tests: it is copied, or only looked at."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    root = (factory.getbasetemp().parent if worker else factory.getbasetemp()) / "once"
    root.mkdir(exist_ok=True)
    kept = root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(play(root / f"{name}{worker}")))
    played: Played = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
    return played
