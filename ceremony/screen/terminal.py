"""The terminal: the only place that shows and asks. Secrets never pass here: the vault asks for them itself."""

from __future__ import annotations

import re
import sys
import termios
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ceremony.base.data import Malformed
from ceremony.base.show import escaped, rows

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 78
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
_INK, _PLAIN = "\x1b[38;2;0;0;0;48;2;255;255;255m", "\x1b[0m"
HELP = "At any prompt: ? explains, b goes back where it can, p pauses, x is for an exception, q stops (resumable with `ceremony resume`)."
AT_STAKE = "At any prompt: ? explains, q asks whether to stop."
ALONE = "At any prompt: ? explains, q stops."
BACK_EXPLAINED = "b goes back."
NOT_BACK = "Nothing to go back to here: what is recorded stays as it is."
NOTHING_LOST = " p pauses, q stops and loses nothing."
"""Of `b`, where nothing is at stake."""
ONLY_BACK = "Enter goes back to where you were; q stops."
NOTHING_BEFORE = "Nothing to go back to here. q stops."
NO_CEREMONY = "No ceremony is under way at this prompt: nothing is to be paused or excepted. q stops."
DISAGREE = "I do not agree, because: "
REASON = r"[ -~]{3,2000}"
"""A reason, as the record takes it: printable ASCII."""


T = TypeVar("T")


class Stopped(Exception):
    """Somebody typed q, or the terminal is gone."""


class Back(Exception):
    """Somebody typed b where one can go back."""


class Pausing(Exception):
    """Somebody typed p: who plays the step deals with it, and runs the step again from its fold."""


class Excepting(Exception):
    """Somebody typed x, as `Pausing`: an exception to what this step asks for."""


def _nothing() -> None:
    """Nobody waits for prompts to be answered."""


def _no_ceremony() -> str:
    return NO_CEREMONY


def check_terminal() -> None:
    """Malformed unless a person can be asked here: what people agree to is typed at a terminal, never piped in."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Malformed("a ceremony is held at a terminal; run this command in one, without redirection")


class Terminal:
    """Shows lines and asks for lines. `head` are the lines that stand on top of every screen."""

    def __init__(self, read: Callable[[str], str] = input) -> None:
        from rich.console import Console  # noqa: PLC0415 (slow to import)

        self._console: Console = Console(highlight=False, markup=False, soft_wrap=True, emoji=False)
        self._read = read
        self.returned: Callable[[], None] = _nothing
        """Called each time a prompt was answered (AIR-03: what is connected is looked at)."""
        self._head: tuple[str, ...] = ()
        self._stake = ""
        self._step: tuple[str, ...] = ()
        self._busy: Callable[[], str] = _no_ceremony
        self._panel: list[str] = []
        self._said: list[str] = []
        self._said_before: list[str] = []
        self._rows = 0
        self._asking = False

    def screen(self, head: Sequence[str], stake: str = "", explain: Sequence[str] = (), busy: Callable[[], str] = _no_ceremony) -> None:
        """Begin a new screen with this header. `stake`: what is lost for good if somebody stops here; empty if nothing is.

        `explain`: what `?` tells of this step before it tells what the prompt expects. `busy`: why `p` and `x` must wait, and
        what to do instead, asked at the moment somebody types them; an empty text lets them through."""
        self._head, self._stake, self._step, self._busy = tuple(head), stake, tuple(explain), busy
        self._clear()

    def show(self, lines: Sequence[str]) -> None:
        """Lines below what stands there; they stay when prompts fill the screen and it is drawn anew."""
        self._panel.extend(lines)
        for line in lines:
            self._print(line)

    def fresh(self, lines: Sequence[str]) -> None:
        """The same header, and these lines instead of what stood there."""
        self._clear()
        self.show(lines)

    def forget(self) -> None:
        """The header alone: what stood here, and what the terminal kept of earlier screens (ECMA-48 ED 3 of xterm), is gone."""
        if self._console.is_terminal:
            sys.stdout.write("\x1b[3J")
        self._clear()

    def wipe(self) -> None:
        """The screen as it stood, without anything that was typed on it, also not in what the terminal kept."""
        kept = list(self._panel)
        self.forget()
        self.show(kept)

    def say(self, line: str) -> None:
        """One plain message, wrapped; what is indented stays indented, and what a refusal names stays in its column."""
        for part in line.split("\n"):
            start = re.match(r"  (?:found|expected|do) {2,}|\s*", part)
            indent = " " * (start.end() if start else 0)
            for row in rows(part, _WIDTH, indent) or [""]:
                self._said.append(row)
                self._print(row)

    def ask(self, prompt: str, expected: str, pattern: str = r".+", explain: str = "", *, back: bool = False) -> str:
        """One line that matches `pattern`; asks again with what was expected. `? b p x q` are never answers (design: the prompt
        grammar): Back (where `back`), Pausing, Excepting (where nothing speaks against it now) and Stopped tell of them.

        What was typed is never shown once more: under stress people type a passphrase where none is asked for."""
        while True:
            text = self._typed(prompt)
            if text == "?":
                self._explain(explain or f"Expected here: {expected}.", back=back)
            elif text == "b":
                if back:
                    raise Back
                self.say(NOTHING_BEFORE if self._busy is _no_ceremony else NOT_BACK + ("" if self._stake else NOTHING_LOST))
            elif text in _INTERLUDES:
                self._interlude(text)
            elif text == "q":
                self.stop()
            elif re.fullmatch(pattern, text):
                return text
            elif re.fullmatch(pattern, named := _as_names(text)):
                return named
            else:
                self.say(f"That is not what is asked for here. Expected {expected}. {self._hint}")

    def once_more(self, ask: Callable[[], T], holds: Callable[[T], bool], said: str) -> T:
        """An answer; one that does not hold is asked for once more, after `said`: the first may be a slip of the finger. The second may be
        as wrong: whoever asked judges it."""
        first = ask()
        if holds(first):
            return first
        self.say(said)
        return ask()

    def _typed(self, prompt: str) -> str:
        try:
            return self._line(prompt)
        except (KeyboardInterrupt, Stopped):  # Ctrl-C, Ctrl-D
            if not self._stake:
                raise
            return "q"

    def interrupted(self, *_: object) -> None:
        """Ctrl-C and Ctrl-\\, as signals come: nothing stops what is under way while something is at stake; the next prompt can."""
        if self._asking or not self._stake:
            raise KeyboardInterrupt

    def _interlude(self, key: str) -> None:
        """`p` and `x`: out of the step, unless something must be brought to its end first."""
        reason = self._busy()
        if not reason:
            raise _INTERLUDES[key]
        self.say(reason)

    @property
    def _hint(self) -> str:
        if self._busy is _no_ceremony:
            return ALONE
        return AT_STAKE if self._stake else HELP

    def _explain(self, prompt: str, *, back: bool) -> None:
        """What `?` says: first the step, on a page of its own, then this prompt; what stood on the screen comes back."""
        here = f"{prompt} {BACK_EXPLAINED if back else ''}".strip()
        if not self._step:
            self.say(f"{here} {self._hint}")
            return
        kept, said = list(self._panel), list(self._said_before)
        lines = [*self._step, "", *textwrap.wrap(here, _WIDTH), *textwrap.wrap(self._hint, _WIDTH)]
        self._leaf(lines)
        self.fresh(kept)
        for row in said:
            self.say(row)

    def agree(self, person: str, prompt: str, explain: str = "") -> str:
        """One person agrees with Enter alone (an empty text is returned), or types `n` and says why not (AUD-02): the reason."""
        why = f"{explain} " if explain else ""
        while True:
            text = self.ask(
                f"{person}: {prompt} [Enter or n] ", "Enter alone, or n", "n?", f"{why}Enter agrees; n does not, and asks for the reason."
            )
            if not text:
                return ""
            try:
                return self.ask(f"{person}, {DISAGREE}", "the reason, in plain letters", REASON, "It is recorded as typed.", back=True)
            except Back:
                continue

    def pages(self, lines: Sequence[str | Sequence[str]], *, back: bool = False) -> None:
        """Lines that may be more than a screen: Enter shows the next page, `b` the one before it (`back`: before the first, Back).

        Lines that are given together (a payee with its address) stay on one page."""
        leaves = _leaves(lines, self._room_for_lines)
        at = 0
        while at < len(leaves):
            self.fresh(leaves[at])
            if len(leaves) == 1:
                return
            try:
                self.ask(f"Page {at + 1} of {len(leaves)}. [Enter] ", "Enter alone", r"", "Enter shows the next page.", back=at > 0 or back)
            except Back:
                if at == 0:
                    raise
                at -= 1
            else:
                at += 1

    def _leaf(self, lines: Sequence[str]) -> None:
        """Some lines instead of the screen, page by page; Enter goes on, or `b` (and q stops, as everywhere)."""
        rows = self._room_for_lines - 1
        for at in range(0, max(len(lines), 1), rows):
            self.fresh(lines[at : at + rows])
            while (text := self._typed("[Enter] ")) not in {"", "b"}:
                if text == "q":
                    self.stop()
                self.fresh(lines[at : at + rows])
                self.say(ONLY_BACK)

    @property
    def _room_for_lines(self) -> int:
        """Lines below the header that leave room for a prompt."""
        return max(3, self._console.size.height - len(self._head) - 2)

    def form(self, *fields: tuple[str, str, str], back: bool = False) -> tuple[str, ...]:
        """One answer for each field (label, what is expected, pattern). `b` goes back one field; on the first one it raises Back if
        `back`. Nothing is recorded before the last answer."""
        given: list[str] = []
        while len(given) < len(fields):
            label, expected, pattern = fields[len(given)]
            try:
                given.append(self.ask(f"{label}: ", expected, pattern, back=bool(given) or back))
            except Back:
                if not given:
                    raise
                given.pop()
        return tuple(given)

    def stop(self) -> None:
        """Stop here, if nothing is at stake or somebody says so once more."""
        if self._stake:
            self.say(f"\n{self._stake}")
            try:
                if self._line("Type STOP to stop all the same, or only Enter to go on: ") != "STOP":
                    return
            except KeyboardInterrupt:
                return  # typed twice, it is not meant more; without a terminal Stopped comes out of here
        raise Stopped

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
        self._rows += 1
        self._console.print(f"  {escaped(what)} ...", end="")
        try:
            yield
        except BaseException:
            self._console.print(" stopped")
            raise
        self._console.print(f" done ({time.monotonic() - started:.1f} s)")

    def _line(self, prompt: str) -> str:
        """One line that was typed after the prompt stood there: an Enter from before it agrees to nothing. No text of control
        characters or of bytes in another encoding than the terminal's comes out."""
        self._keep_in_sight()
        self._rows += 1
        sys.stdout.flush()
        if self._read is input and sys.stdin.isatty():
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
        self._said_before, self._said = self._said, []
        try:
            self._asking = True
            prompt = escaped(prompt)
            text = self._read(prompt).strip()
            self._rows += (len(prompt) + len(text)) // self._console.size.width
        except EOFError:
            raise Stopped from None
        except UnicodeDecodeError:
            return _UNREADABLE
        finally:
            self._asking = False
            self.returned()
        return text if text.isprintable() else _UNREADABLE

    def _clear(self) -> None:
        if self._console.is_terminal:
            self._console.clear()
        self._panel, self._said, self._rows = [], [], 0
        for line in self._head:
            self._print(line)

    def _print(self, line: str) -> None:
        line = escaped(line)
        self._rows += 1 + max(0, len(line) - 1) // self._console.size.width
        self._console.print(line, style="bold" if line.isupper() else None)

    def _keep_in_sight(self) -> None:
        """Before a prompt would push the header out of sight, the screen is drawn anew: header, what was shown, what was said last."""
        if self._console.is_terminal and self._rows + 2 > self._console.size.height:
            kept, said = list(self._panel), list(self._said)
            self._clear()
            self.show(kept)
            for row in said:
                self._print(row)


def _as_names(text: str) -> str:
    """What was typed, as positions and roles are written, if it is nothing else: `a1 a2` and `A1,A2` are `A1 A2`."""
    words = text.replace(",", " ").split()
    if not all(re.fullmatch(r"[a-i][1-9]|cfo|cto|administrator|witness|none", word, re.IGNORECASE) for word in words):
        return text
    return " ".join(word.upper() if word[1:].isdigit() else word.lower() for word in words)


_INTERLUDES: dict[str, type[Exception]] = {"p": Pausing, "x": Excepting}


def _leaves(lines: Sequence[str | Sequence[str]], rows: int) -> list[list[str]]:
    """The lines of each page, at most `rows` of them; one page at least. What is given together and longer than a page is cut."""
    leaves: list[list[str]] = [[]]
    for item in lines:
        block = [item] if isinstance(item, str) else list(item)
        if leaves[-1] and len(leaves[-1]) + len(block) > rows:
            leaves.append([])
        for line in block:
            if len(leaves[-1]) == rows:
                leaves.append([])
            leaves[-1].append(line)
    return leaves
