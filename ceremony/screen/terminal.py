"""The terminal: the only place that shows and asks. Secrets never pass here: the vault asks for them itself."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ceremony.base.control import Refused

if TYPE_CHECKING:
    from rich.console import Console

_INK, _PLAIN = "\x1b[38;2;0;0;0;48;2;255;255;255m", "\x1b[0m"
HELP = "At any prompt: ? explains, q stops (resumable with `ceremony resume`)."


class Stopped(Exception):
    """Somebody typed q, or the terminal is gone. Nothing is lost."""


class Terminal:
    """Shows lines and asks for lines. `head` are the lines that stand on top of every screen."""

    def __init__(self, read: Callable[[str], str] = input) -> None:
        from rich.console import Console  # noqa: PLC0415 (slow to import)

        self._console: Console = Console(highlight=False, markup=False, soft_wrap=True, emoji=False)
        self._read = read
        self._head: tuple[str, ...] = ()

    def screen(self, head: Sequence[str]) -> None:
        """Begin a new screen with this header."""
        self._head = tuple(head)
        self._clear()

    def show(self, lines: Sequence[str]) -> None:
        """Lines below what stands there."""
        for line in lines:
            self._console.print(line, style="bold" if line.isupper() else None)

    def fresh(self, lines: Sequence[str]) -> None:
        """The same header, and these lines instead of what stood there."""
        self._clear()
        self.show(lines)

    def say(self, line: str) -> None:
        """One plain line."""
        self._console.print(line)

    def refused(self, refusal: Refused) -> None:
        """A refusal that can be mended in place."""
        self._console.print(str(refusal), style="bold")

    def ask(self, prompt: str, expected: str, pattern: str = r".+", explain: str = "") -> str:
        """One line that matches `pattern`; asks again with what was expected. `?` explains, `q` stops."""
        while True:
            text = self._line(prompt)
            if text == "?":
                self.say(explain or f"Expected here: {expected}. {HELP}")
            elif text == "q":
                raise Stopped
            elif re.fullmatch(pattern, text):
                return text
            else:
                self.say(f"Found {text[:40]!r}, expected {expected}. {HELP}")

    def enter(self, prompt: str, explain: str = "") -> None:
        """Wait for Enter alone."""
        self.ask(f"{prompt} [Enter] ", "Enter alone", r"", explain)

    def word(self, word: str, why: str) -> None:
        """A point of no return: exactly this word, in capitals."""
        self.ask(f"{why} Type {word}: ", f"the word {word} in capitals, or q to stop", re.escape(word))

    def qr(self, frames: Sequence[str]) -> None:
        """Show QR frames one after the other, black on white whatever the theme, if the terminal is large enough."""
        from transfer.gap.qr import measure, terminal_lines  # noqa: PLC0415 (draws with a library)

        for number, frame in enumerate(frames, start=1):
            lines = terminal_lines(frame)
            size, window = measure(lines), self._console.size
            if size.columns > window.width or size.rows + 2 > window.height:
                self.say(f"The QR frames need {size.columns} x {size.rows + 2} cells, this terminal has {window.width} x {window.height}:")
                self.say("enlarge it next time, or show the PNG files that lie beside the bundle.")
                return
            self._console.clear()
            for line in lines:
                sys.stdout.write(f"{_INK}{line}{_PLAIN}\n")
            self.enter(f"QR frame {number} of {len(frames)}: scanned on the other side.")

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Say what is being done and how long it took."""
        started = time.monotonic()
        self._console.print(f"  {what} ...", end="")
        try:
            yield
        except BaseException:
            self._console.print(" stopped")
            raise
        self._console.print(f" done ({time.monotonic() - started:.1f} s)")

    def _line(self, prompt: str) -> str:
        sys.stdout.flush()
        try:
            return self._read(prompt).strip()
        except EOFError:
            raise Stopped from None

    def _clear(self) -> None:
        if self._console.is_terminal:
            self._console.clear()
        self.show(self._head)
