"""Where this machine tells of itself: the kernel's files under one root, and what is made of them: findings.

Everything in this house reads files below a root that is given, `/` in life, and starts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
"""The machine itself. Tests look at folders with a `sys` and a `proc` of their own instead; no option and no variable does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that production refuses: the control that it breaks, what it is, and what is to be done about it."""

    control: str
    what: str
    found: str
    expected: str
    do: str

    @property
    def sentence(self) -> str:
        """As the transcript has it: `AIR-04 swap is on: /dev/sda2`."""
        return f"{self.control} {self.what}: {self.found}"


def text(path: Path) -> str:
    """What the kernel says in this file, in printable ASCII without white space around it; nothing if it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError:
        return ""
    return plain(raw.decode("utf-8", errors="replace"))


def plain(said: str) -> str:
    """Printable ASCII and newlines alone: a device may call itself anything."""
    return "".join(c if " " <= c <= "~" or c == "\n" else "?" for c in said.replace("\t", " ")).strip()


def lines(path: Path) -> tuple[str, ...]:
    """Its lines; none if it cannot be read."""
    return tuple(text(path).splitlines())


def names(folder: Path) -> tuple[str, ...]:
    """What lies in a folder, in order; nothing if there is no such folder."""
    try:
        return tuple(sorted(path.name for path in folder.iterdir()))
    except OSError:
        return ()


def unseen(root: Path, control: str, *places: str) -> tuple[Finding, ...]:
    """What every kernel of a cold host shows and this one does not: where nothing can be read, nothing found means nothing."""
    do = "Mount /proc and /sys as they are, and start from the cold host's image."
    expected = "what this control looks at"
    return tuple(
        Finding(control, "the machine does not show itself", f"no /{each}", expected, do) for each in places if not _there(root / each)
    )


def _there(path: Path) -> bool:
    return bool(names(path) if path.is_dir() else text(path))
