"""Eyes on the terminal of a play: 80 columns and 24 lines, seen through `pyte` at each prompt, as a person would see them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pyte

from ceremony.cast import WINDOW, Pace

HEADER = re.compile(
    r"(PRACTICE|PRODUCTION)  (keygen|transfer|receipt|amend|drill|check|reseal|reshare|custody)(?:, ceremony \d+)? +"
    r"step (\d+) of (\d+), about (\d+) min left *"
)
BEGINS = re.compile(r"An? [a-z ]+ (?:begins|goes on)")
"""The title of the screen on which a run begins; no step is done there, and its ceremony has no number yet, or is not said."""
TITLE = re.compile(r"== (.+?) =+")
SGR = re.compile(r"\x1b\[([0-9;:]*)m")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PROMPTED = re.compile(r"^((?:[A-I][1-9]|administrator|witness|Path of)\b[^:]*: ).*")
_PATH = re.compile(r"/\S+")
PLAIN = {"", "0", "1"}
"""Bold, and the end of it: all that is ever done to letters."""


@dataclass(slots=True)
class Eyes(Pace):
    """What was seen at each prompt, and what was wrong with it."""

    screen: pyte.Screen = field(default_factory=lambda: pyte.Screen(WINDOW[1], WINDOW[0]))
    raw: list[str] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)
    """Step, steps and minutes left, as the header said at each prompt."""
    headless: list[str] = field(default_factory=list)
    """Screens with a prompt and without their header."""
    seen: int = 0
    prompts: list[str] = field(default_factory=list)
    """Each prompt, as it stood there before anything was typed."""
    leaves: list[tuple[str, str]] = field(default_factory=list)
    """The step's title and the whole screen, at each prompt."""

    def __post_init__(self) -> None:
        self.sees = self

    def __reduce__(self) -> tuple[object, ...]:
        """All but the screen, which the next play clears first (tests/ceremony/shared.py)."""
        return _again, ({name: getattr(self, name) for name in ("raw", "places", "headless", "seen", "prompts", "leaves")},)

    def write(self, text: str) -> None:
        """What the terminal receives."""
        self.raw.append(text)
        pyte.Stream(self.screen).feed(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def before_answer(self) -> None:
        """At a prompt: everything that should stand on the screen does."""
        self.seen += 1
        self.prompts.append(re.split(r"[\r\n]", ESCAPES.sub("", "".join(self.raw[-50:])))[-1])
        shown = "\n".join(row.rstrip() for row in self.screen.display).rstrip()
        header = HEADER.fullmatch(self.screen.display[0])
        if header is not None:
            self.places.append((int(header[3]), int(header[4]), int(header[5])))
        titled = TITLE.match(self.screen.display[1])
        begins = self.screen.display[0].rstrip() in ("PRACTICE", "PRODUCTION") and titled and BEGINS.fullmatch(titled[1])
        if header is None and not begins and "your new passphrase. Nobody else looks now." not in self.screen.display[0]:
            self.headless.append(shown)
        self.leaves.append((titled[1] if titled else self.leaves[-1][0] if self.leaves else "", shown))

    @property
    def wide(self) -> list[str]:
        """Lines that do not fit the screen, but for a path alone; of a prompt what stood there before somebody typed (words, a path)."""
        text = ESCAPES.sub("", "".join(self.raw)).replace("\x07", "")
        lines = [re.sub(r".\x08|[^\n]*\r(?!\n)", "", line) for line in text.replace("\r\n", "\n").split("\n")]
        return [
            line
            for line in (*self.prompts, *(_PROMPTED.sub(r"\1", line) for line in lines))
            if len(line) > WINDOW[1] and not _PATH.fullmatch(line)
        ]

    @property
    def coloured(self) -> set[str]:
        """Parts of SGR sequences that do more to letters than make them bold."""
        return {part for codes in SGR.findall("".join(self.raw)) for part in codes.split(";")} - PLAIN


def _again(kept: dict[str, Any]) -> Eyes:
    return Eyes(**kept)
