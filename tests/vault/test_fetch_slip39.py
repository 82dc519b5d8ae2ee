"""scripts/fetch-slip39: a second run does nothing, and the script names no host."""

from __future__ import annotations

import re
import subprocess

from tests.wallet import ROOT, SLIP39

SCRIPT = ROOT / "scripts" / "fetch-slip39"


def test_a_second_run_does_nothing() -> None:
    assert SLIP39.exists(), "run scripts/fetch-slip39 first (scripts/test does)"
    before = SLIP39.stat()
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{SLIP39.parents[1]}\n", "")
    assert (SLIP39.stat().st_ino, SLIP39.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in SLIP39.parents[1].iterdir()] == ["package"]


def test_no_host_is_named_and_the_release_is_pinned() -> None:
    text = SCRIPT.read_text()
    assert not re.search(r"https?://|\.(org|com|net)\b", text)
    assert re.search(r"^RELEASE=slip39@[0-9.]+$", text, flags=re.MULTILINE)
    assert re.search(r"^SHA256=[0-9a-f]{64}$", text, flags=re.MULTILINE)
