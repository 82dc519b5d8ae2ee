"""How ceremonies begin: at a terminal, with building blocks that give the published answers, or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.cli import cold
from ceremony.machine import known_answers
from tests.record import sample

COMMANDS = (
    ("shares", "check", "--position", "A1"),
    ("drill", "--practice", "register"),
    ("amend", "--policy", "paper"),
    ("prepare", "paper", "--snapshot", "paper"),
    ("online", "close", "paper"),
    ("resume",),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_without_a_terminal_nothing_begins(tmp_path: Path, words: tuple[str, ...]) -> None:
    anchor = sample.write(tmp_path / "register")
    (tmp_path / "paper").write_bytes(b"")
    before = sorted(anchor.register.iterdir())
    command = [sys.executable, "-m", "ceremony", *words, "--register", "register", "--genesis", anchor.genesis]
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, sorted(anchor.register.iterdir())) == (2, before), done.stderr
    assert "a ceremony is held at a terminal" in done.stderr


@pytest.mark.control("SET-09")
@pytest.mark.parametrize("kind", ["transfer", "amend", "drill", "check"])
def test_with_a_broken_building_block_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    anchor = sample.write(tmp_path / "register")
    before = sorted(anchor.register.iterdir())
    monkeypatch.setattr(cold, "check_terminal", lambda: None)
    monkeypatch.setitem(known_answers.TESTS, "SHA-256", lambda: False)  # type: ignore[index]
    with pytest.raises(Refused, match="SET-09"):
        cold.begin(anchor.register, anchor.genesis, kind, {}, until=None)  # type: ignore[arg-type]
    assert sorted(anchor.register.iterdir()) == before
