"""Golden screens: what stands at the prompts of a ceremony, kept in docs/screens. What differs from play to play (digests, words, times,
own addresses) is covered with letters of the same length, so that everything else, and the layout, must be as it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ceremony.base.amounts import grouped
from ceremony.base.words import THREE_SYLLABLES, TWO_SYLLABLES
from ceremony.demonstration import PAYEE

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
Leaf = tuple[str, str]
"""The step's title, and the screen at one of its prompts."""

_PGP = {word.lower() for word in (*TWO_SYLLABLES, *THREE_SYLLABLES)}
_KEPT = grouped(PAYEE).split()
_RULES: tuple[tuple[str, str], ...] = (
    (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T00:00:00Z"),
    (r"20\d\d-\d\d-\d\d \d\d:\d\d", "2026-01-01 00:00"),
    (r"\d+\.\d s\)", "0.0 s)"),
    (r"word \d+ of the head", "word n of the head"),
    (r"group \d+", "group n"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:" + "x" * 43),
)


def covered(screen: str) -> str:
    """The screen with everything covered that is another thing in each play."""
    return "\n".join(_covered(line).rstrip() for line in screen.splitlines())


def _covered(line: str) -> str:
    for pattern, instead in _RULES:
        line = re.sub(pattern, instead, line)
    line = re.sub(r"[0-9a-f]{16,}", lambda m: "x" * len(m[0]), line)
    line = re.sub(r"(?:[0-9a-z]{4} ){3,}[0-9a-z]{1,4}\b", lambda m: _groups(m[0]), line)
    line = re.sub(r"(\d )([A-Za-z]+)( *)", _word, line)
    return re.sub(r"([1-6]  )([a-z-]+)", lambda m: m[1] + "word", line)


def _groups(text: str) -> str:
    """Groups of four: those of the payee stand as they are, hexadecimal digits and own addresses are covered."""
    groups = text.split()
    return text if any(groups == _KEPT[at : at + len(groups)] for at in range(len(_KEPT))) else re.sub(r"[0-9a-z]", "x", text)


def _word(match: re.Match[str]) -> str:
    """A PGP word with its number, padded as it stands there."""
    if match[2].lower() not in _PGP:
        return match[0]
    return match[1] + ("word".ljust(len(match[2]) + len(match[3])) if match[3] else "word")


def distinct(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The first screen of each step and kind of prompt: not the same one again for each person."""
    found: dict[tuple[str, str], Leaf] = {}
    for title, screen in leaves:
        prompt = screen.rstrip().rpartition("\n")[2]
        asked = re.sub(r"\b([A-I][1-9]|cfo|cto|administrator|witness|custodians?|you are [A-Z]\w+ [A-Z]\w+)\b", "person", prompt)
        found.setdefault((title, asked), (title, covered(screen)))
    return list(found.values())


def text_of(leaves: Iterable[Leaf]) -> str:
    """The file in docs/screens: each screen under its step's title."""
    return "".join(f"=== {title}\n{screen.rstrip()}\n\n" for title, screen in distinct(leaves))
