"""Ceremonies for tests: a small desk on a real pseudo-terminal, copied from state to state so that each test starts where it likes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ceremony import demonstration
from ceremony.cast import Cast, Pace
from ceremony.demonstration import Plot, Stage

SMALL = Plot(
    sites=(("A", "North vault", "CH"), ("B", "East vault", "SG"), ("C", "South vault", "US")),
    site_threshold=2,
    names={
        "A1": "Ada Arnold",
        "A2": "Anton Ackermann",
        "B1": "Ben Baker",
        "B2": "Bao Bui",
        "C1": "Clara Caspari",
        "C2": "Cem Can",
        **demonstration.OFFICE,
    },
    here=("A1", "A2", "B1", "B2"),
)
"""Two of three sites, two custodians each: the least that can be."""


def silent(_: str) -> None:
    """Tests have no audience."""


def stage(folder: Path, plot: Plot = SMALL, **people: object) -> Stage:
    """An empty stage for the small desk, or another one, under the light KDF profile."""
    set_ = demonstration.stage(folder, "light", Pace(), silent, plot)
    for name, value in people.items():
        setattr(set_.cast, name, value)
    return set_


def copy(set_: Stage, folder: Path) -> Stage:
    """The same stage in another folder: everything on disk, everything that people remember."""
    shutil.copytree(set_.folder, folder, symlinks=True)
    conf = folder / "hsm" / "softhsm2.conf"
    conf.write_text(conf.read_text().replace(str(set_.folder), str(folder)))
    return remembering(replace(set_, folder=folder))


def remembering(set_: Stage) -> Stage:
    """The same stage, with what people remember at this moment, whatever they learn later."""
    cast: Cast = replace(set_.cast, **_remembered(set_.cast), budget={}, instead=[], pace=Pace())
    return replace(set_, cast=cast, seconds={})


def _remembered(cast: Cast) -> dict[str, Any]:
    """What people keep in mind, so that a copy of the stage does not change it."""
    return {
        "passphrases": dict(cast.passphrases),
        "former": dict(cast.former),
        "bags": dict(cast.bags),
        "opened": set(cast.opened),
        "noted": dict(cast.noted),
    }


def run(set_: Stage, *words: str) -> tuple[str, int]:
    """One `ceremony` command: what it showed, and its exit code."""
    return set_.cast.run([sys.executable, "-m", "ceremony", *words], set_.folder, set_.environment)


def run_broken(set_: Stage, broken: str, words: Sequence[str]) -> tuple[str, int]:
    """A command with one named fault (tests/ceremony/broken.py) in its own process."""
    harness = Path(__file__).with_name("broken.py")
    return set_.cast.run([sys.executable, str(harness), broken, *words], set_.folder, set_.environment)


def run_lying(set_: Stage, lie: str, words: Sequence[str]) -> tuple[str, int]:
    """A command whose screen process tells one lie (tests/ceremony/lying.py)."""
    harness = Path(__file__).with_name("lying.py")
    return set_.cast.run([sys.executable, str(harness), lie, *words], set_.folder, set_.environment)


def entries(set_: Stage, ceremony: int = -1) -> list[dict[str, object]]:
    """A ceremony's transcript, line by line (the last ceremony's unless told otherwise)."""
    paths = sorted(set_.folder.glob("register/*/transcript.jsonl"))
    return [json.loads(line) for line in paths[ceremony].read_text().splitlines()]


def types(set_: Stage, ceremony: int = -1) -> list[str]:
    """The types of its entries."""
    return [str(entry["type"]) for entry in entries(set_, ceremony)]


def files(set_: Stage, ceremony: int = -1) -> list[str]:
    """The kinds of the files that it lists."""
    return [e["body"]["kind"] for e in entries(set_, ceremony) if e["type"] == "file"]  # type: ignore[index]


def watches(time: str, count: int = 2) -> list[tuple[str, str]]:
    """What people type instead of the time that it is (to the minute), when a run begins (`instead` of the cast)."""
    return [(r"\S+, date and time \(UTC\) on your own watch: ", time[:16].replace("T", " "))] * count


def refusals(set_: Stage) -> list[str]:
    """The controls that refused in the newest ceremony, as it recorded them."""
    return [e["body"]["identifier"] for e in entries(set_) if e["type"] == "refusal"]  # type: ignore[index]
