"""Every dependency of the cold host has a reason that somebody wrote down, and a hash."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "scripts" / name).read_text(), re.M))


def explained() -> set[str]:
    """The packages in the first column of the table."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.split("## Dependencies of the cold host", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")][1:]
    return {name for row in rows for name in re.findall(r"[a-z0-9-]+", row)}


def test_every_locked_package_is_explained_and_nothing_else() -> None:
    assert explained() == locked("cold.lock")


def test_every_package_is_pinned_by_hash() -> None:
    for name in ("cold.lock", "dev.lock"):
        entries = re.split(r"^(?=[a-z0-9-]+==)", (ROOT / "scripts" / name).read_text(), flags=re.M)[1:]
        assert all("--hash=sha256:" in entry for entry in entries)
    assert locked("cold.lock") <= locked("dev.lock")
