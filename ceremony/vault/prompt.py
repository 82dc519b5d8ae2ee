"""Secrets from the terminal, typed into the very process that needs them: no echo, and never by way of another process.

While a prompt is up the terminal sends no signals: Ctrl-C arrives as a character and raises Interrupted. Input that was
typed before the prompt is thrown away. The terminal is put back whatever happens."""

from __future__ import annotations

import os
import re
import termios
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ceremony.base.data import Malformed
from ceremony.base.show import escaped, wrap
from ceremony.vault.protocol import Interrupted

SAMPLE = 'the quick brown fox; yz 2+2=4 @#"-_'
"""Typed with echo before the first passphrase: it differs on every keyboard layout that is commonly mixed up."""

_ENTER, _INTERRUPT, _END, _BACKSPACE, _CLEAR, _ESCAPE = b"\r\n", 0x03, 0x04, (0x08, 0x7F), 0x15, 0x1B
_MOST = 1000
_WIDTH = 78
_DOT, _MARK = b"*", b"?"
MARKED = (
    "The word marked ? is not in the list of words. If your passphrase is made of them, take it back with Backspace and type it anew; "
    "if it is one of your own, or you are sure:"
)
ONE_TIME = (
    "That is what a security key types when it is touched, and no PIN. Nothing was sent, and no try is used. Move the security key away, "
    "then type the PIN:"
)
SEEN = (
    "Words of the list were typed where they show. If they are of a passphrase, it was seen: it opens its share today, and is then to be "
    "changed (`ceremony shares reseal`). Tell the witness now."
)
AS_IT_IS = "Enter tries it as it stands, or correct it: "

Known = Callable[[bytes], bool]
"""Whether a word is in the list that a secret may be made of."""


class Prompt:
    """The terminal on two descriptors. Malformed if either is no terminal."""

    def __init__(self, source: int, target: int) -> None:
        if not (os.isatty(source) and os.isatty(target)):
            raise Malformed("a passphrase or PIN is typed at a terminal only; run this command in one, without redirection")
        self._source = source
        self._target = target

    def say(self, text: str = "") -> None:
        """One message for the person, in lines that no word is broken in."""
        for row in wrap(text, _WIDTH) if len(text) > _WIDTH else [text]:
            self._write(escaped(row).encode("ascii") + b"\n")

    def line(self, prompt: str) -> str:
        """One line, with echo. Raises Interrupted on Ctrl-C."""
        return self._read(prompt, echo=True).decode("ascii")

    def secret(self, prompt: str, known: Known | None = None) -> bytearray:
        """One line without echo: printable ASCII, as typed; one `*` shows for each word begun. Raises Interrupted on Ctrl-C.

        `known`: words are checked as they are typed. The first whole one that is not in the list, where all before it were, shows
        as `?`; if others stand before it, Enter asks once more. Which word would be right is never said."""
        return self._read(prompt, echo=False, known=known)

    def hand_over(self, person: str) -> None:
        """Before every secret: whose turn it is at the keyboard, and that nobody else looks."""
        self.say(f"Hand the keyboard to {person}. Everyone else steps back.")

    def pin(self, prompt: str) -> bytearray:
        """A PIN, without echo. What costs a try for nothing is asked again: Enter alone, and what a security key types that is touched."""
        while True:
            typed = self.secret(prompt)
            if typed and not _is_one_time(typed):
                return typed
            self.say(ONE_TIME if typed else "Nothing was typed, and no try is used.")

    def sample(self, person: str, known: Known) -> None:
        """Let the person see that the keyboard gives what is printed on it; Enter alone skips. Whatever was typed is wiped as soon as it is
        whole. `known`: words of a passphrase that somebody typed there are told: they were seen."""
        self.say(f"{person}, try the keyboard first. Type this line (it shows), or only Enter to skip:")
        while True:
            self.say(f"  {SAMPLE}")
            prompt = f"{person}, here: "
            typed = self.line(prompt)
            self._wipe(len(prompt) + len(typed))
            if typed in ("", SAMPLE):
                return
            if _are_words(typed, known):
                self.say(SEEN)
            self.say("That is not the same. Is the keyboard layout right? Once more, or Enter:")

    def page(self, lines: Iterable[str]) -> None:
        """Clear the screen and show these lines."""
        self._write(b"\x1b[2J\x1b[H")
        for line in lines:
            self.say(line)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The alternate screen: what is shown in it is cleared, and gone from the terminal afterwards.

        The scrollback is cleared, too: the Linux console has no alternate screen."""
        self._write(b"\x1b[?1049h")
        try:
            yield
        finally:
            self._write(b"\x1b[2J\x1b[3J\x1b[H\x1b[?1049l")

    def _wipe(self, length: int) -> None:
        """Take a line of so many characters off the screen, from which Enter has just led."""
        columns, rows = os.get_terminal_size(self._target)
        used = max(1, -(-length // max(columns, 1)))
        self._write(b"\x1b[%dA\r\x1b[J" % used if used < rows else b"\x1b[2J\x1b[3J\x1b[H")

    def _read(self, prompt: str, *, echo: bool, known: Known | None = None) -> bytearray:
        while True:
            with self._quiet():
                self._write(escaped(prompt).encode("ascii"))
                typed, strays = self._typed(bytearray(), echo, known)
                self._write(b"\n")
                if not strays and _doubtful(typed, known):
                    self.say(MARKED)
                    self._write(AS_IT_IS.encode("ascii") + _shown(typed, echo, known, whole=True))
                    typed, strays = self._typed(typed, echo, known)
                    self._write(b"\n")
            if not strays:
                return typed
            self.say("A key gave no plain character (accent, arrow, function key). Once more:")

    def _typed(self, typed: bytearray, echo: bool, known: Known | None) -> tuple[bytearray, bool]:
        """What stands there once Enter is typed, and whether anything but plain characters was among it."""
        strays, shown = False, _shown(typed, echo, known, whole=bool(typed))
        while True:
            key = self._key()
            if key == _ESCAPE:
                strays, key = True, self._after_escape()
            if key in _ENTER:
                return typed, strays
            if key in (_INTERRUPT, _END):
                self._write(b"\n")
                raise Interrupted
            if key in _BACKSPACE:
                del typed[-1:]
            elif key == _CLEAR:
                typed.clear()
                strays = False
            elif 0x20 <= key <= 0x7E and len(typed) < _MOST:
                typed.append(key)
            else:
                strays = True
            before, shown = shown, _shown(typed, echo, known)
            self._update(before, shown)

    def _update(self, before: bytes, now: bytes) -> None:
        same = next((at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), min(len(before), len(now)))
        self._write(b"\b \b" * (len(before) - same) + now[same:])

    def _key(self) -> int:
        raw = os.read(self._source, 1)
        if not raw:
            raise Interrupted
        return raw[0]

    def _after_escape(self) -> int:
        """The first key after an escape sequence (arrow, function key), or the control character that cuts it short."""
        key = self._key()
        if key in b"[O":
            while 0x20 <= (key := self._key()) < 0x40:
                pass
        return key if key < 0x20 else self._key()

    def _write(self, raw: bytes) -> None:
        while raw:
            raw = raw[os.write(self._target, raw) :]

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """No echo, no line editing, no signals, and nothing that was typed earlier (termios(3), TCSAFLUSH)."""
        before = termios.tcgetattr(self._source)
        quiet = [*before[:3], before[3] & ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN), *before[4:]]
        control = list(before[6])
        control[termios.VMIN], control[termios.VTIME] = 1, 0
        quiet[0], quiet[6] = before[0] & ~(termios.IXON | termios.INLCR | termios.ISTRIP), control
        termios.tcsetattr(self._source, termios.TCSAFLUSH, quiet)
        try:
            yield
        finally:
            termios.tcsetattr(self._source, termios.TCSADRAIN, before)


def _shown(typed: bytearray, echo: bool, known: Known | None = None, *, whole: bool = False) -> bytes:
    """What the terminal shows of it: all, or a dot for each word, so that a watcher learns no lengths; and a mark instead of a dot
    for a word that is not known. `whole`: the last word is complete, too."""
    if echo:
        return bytes(typed)
    count, at = len(typed.split()), _unknown(typed, known, whole=whole)
    return _DOT * count if at is None else _DOT * at + _MARK + _DOT * (count - at - 1)


def _unknown(typed: bytearray, known: Known | None, *, whole: bool) -> int | None:
    """The place of the first whole word that is not in the list; None if there is none, or no list."""
    words = bytes(typed).split()
    complete = words if whole or typed.endswith(b" ") else words[:-1]
    return None if known is None else next((at for at, word in enumerate(complete) if not known(word)), None)


def _doubtful(typed: bytearray, known: Known | None) -> bool:
    """Whether it begins like words of the list and goes on with one that is none."""
    return bool(_unknown(typed, known, whole=True))


def _is_one_time(typed: bytearray) -> bool:
    """Whether it is what a security key types at a touch: 32 to 64 letters of modhex."""
    return re.fullmatch(rb"[cbdefghijklnrtuv]{32,64}", bytes(typed), re.IGNORECASE) is not None


def _are_words(typed: str, known: Known) -> bool:
    """Whether three words or more are of the list, and not of the sample."""
    return sum(known(word.encode("ascii")) for word in set(typed.lower().split()) - set(SAMPLE.split())) >= 3
