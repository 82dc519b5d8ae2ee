"""Bare `ceremony`: what everybody opens first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ceremony.base.words import spoken
from ceremony.record.register import Register
from ceremony.record.standing import standing
from ceremony.screen.status import screen
from tests.record import sample


def bare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ceremony", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_without_a_register_it_says_how_to_begin_in_five_lines(tmp_path: Path) -> None:
    done = bare(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 5
    assert "ceremony keygen" in done.stdout


def test_it_says_where_a_register_stands_here_and_elsewhere(tmp_path: Path) -> None:
    sample.write(tmp_path / "register")
    here, there = bare(tmp_path), bare(tmp_path, "--register", str(tmp_path / "register"))
    assert (here.returncode, here.stderr) == (0, "")
    lines = here.stdout.splitlines()
    assert lines[1:] == there.stdout.splitlines()[1:]  # the first one has the time
    assert len(lines) < 24
    assert max(map(len, lines)) <= 78
    for said in ("PRACTICE  Desk Ltd", "receipt, 2026-", "left of 2.00000000 BTC", "to practise", "no verdict"):
        assert said in here.stdout
    book = Register.open(tmp_path / "register")
    assert "last ended     receipt, 2026-12-20; the rest is on your closing slip" in here.stdout
    assert not [word for word in set(spoken(book.head)) - set(spoken(book.genesis)) if f" {word} " in here.stdout], (
        "people read the head from their slips first (ASM-05)"
    )
    assert f"ceremony {len(book.ceremonies)}" not in here.stdout


def test_when_a_drill_is_overdue_it_is_what_comes_next(tmp_path: Path) -> None:
    sample.write(tmp_path / "register")
    book = standing(tmp_path / "register", "2027-06-01T00:00:00Z")
    shown = "\n".join(screen(book, "2027-06-01T00:00:00Z", "register"))
    assert "DRILL OVERDUE" in shown
    assert "next           ceremony drill --register register ..." in shown


def test_of_a_damaged_register_it_says_what_the_verifier_says(tmp_path: Path) -> None:
    register = sample.write(tmp_path / "register").register
    (register / "0003-receipt" / "extra").write_bytes(b"")
    done = bare(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("AUD-05 ")
    for path in register.glob("*/transcript.jsonl"):
        path.write_bytes(b"\xff\n")
        done = bare(tmp_path)
        assert (done.returncode, done.stdout, done.stderr[:4]) == (1, "", "AUD-"), done.stderr


def test_a_folder_that_is_not_there_is_no_damaged_register(tmp_path: Path) -> None:
    (tmp_path / "paper").write_bytes(b"")
    for named in ("elsewhere", "paper"):
        done = bare(tmp_path, "--register", named)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{named}: there is no register" in done.stderr


def test_an_empty_folder_is_no_register(tmp_path: Path) -> None:
    (tmp_path / "register").mkdir()
    done = bare(tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_its_option_is_not_that_of_a_command(tmp_path: Path) -> None:
    done = bare(tmp_path, "--register", "register", "audit")
    assert done.returncode == 2
    assert "--register goes after audit" in done.stderr
