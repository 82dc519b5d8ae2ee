"""Which code this is: the commit that it was checked out from, `self-reported` (SET-02)."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit() -> str:
    """The commit of this checkout, and `, changed` behind it where files differ from it; `unknown` outside a checkout, or without git."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return "unknown"  # a repository further up is somebody else's
    at = _git(here, "rev-parse", "HEAD")
    if not at:
        return "unknown"
    return at + (", changed" if _git(here, "status", "--porcelain", "--", "ceremony", "shares", "transfer") else "")


def _git(here: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
