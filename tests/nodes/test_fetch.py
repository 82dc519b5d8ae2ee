"""scripts/fetch-node: a second run does nothing, and the script names no host."""

from __future__ import annotations

import re
import subprocess

from tests.node import PROGRAM, ROOT

SCRIPT = ROOT / "scripts" / "fetch-node"


def test_a_second_run_does_nothing() -> None:
    assert PROGRAM.exists(), "run scripts/fetch-node first (scripts/test does)"
    before = PROGRAM.stat()
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{PROGRAM}\n", "")
    assert (PROGRAM.stat().st_ino, PROGRAM.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_path_that_apt_cannot_take_is_refused() -> None:
    done = subprocess.run([SCRIPT, "a b"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "give another folder" in done.stderr
    assert not (ROOT / "a b").exists()


def test_no_host_is_named() -> None:
    assert not re.search(r"https?://|\.(org|com|net)\b", SCRIPT.read_text())
