from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.data import Malformed
from ceremony.vault.passphrase import COUNT, Passphrases, fault, is_word, normal, offer
from ceremony.vault.prompt import SAMPLE, Prompt
from ceremony.vault.protocol import Interrupted
from ceremony.vault.randomness import Generator

LONG = "My own sentence, 2026: fish & chips"


class Person:
    """Somebody at a terminal: waits for a text, then types."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.shown = b""
        self._seen = 0

    def prompt(self) -> Prompt:
        return Prompt(self.slave, self.slave)

    def asked(self, talk: Callable[[], Any]) -> Callable[[], Any]:
        """Let `talk` run meanwhile; the result is a function that waits for what it gives, or raises."""
        result: list[Any] = []

        def run() -> None:
            try:
                result.append(talk())
            except BaseException as error:
                result.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def answer() -> Any:
            thread.join(10)
            assert result, self.shown
            self.read()
            if isinstance(result[0], BaseException):
                raise result[0]
            return result[0]

        return answer

    def wait(self, text: str) -> None:
        until = time.monotonic() + 10
        while (at := self.shown.find(text.encode(), self._seen)) < 0:
            assert time.monotonic() < until, (text, self.shown)
            self.read(0.1)
        self._seen = at + len(text)

    def type(self, text: str, keys: str | bytes) -> None:
        self.wait(text)
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def read(self, seconds: float = 0.05) -> None:
        while select.select([self.master], [], [], seconds)[0]:
            self.shown += os.read(self.master, 4096)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def person() -> Iterator[Person]:
    made = Person()
    yield made
    made.close()


def test_a_secret_does_not_show_and_the_terminal_is_put_back(person: Person) -> None:
    before = termios.tcgetattr(person.slave)
    answer = person.asked(lambda: person.prompt().secret("Say: "))
    person.type("Say: ", "alpha  beta gamma\r")
    assert answer() == b"alpha  beta gamma"
    assert person.shown == b"Say: ***\r\n"
    assert termios.tcgetattr(person.slave) == before


def test_backspace_and_clear(person: Person) -> None:
    answer = person.asked(lambda: person.prompt().secret("Say: "))
    person.type("Say: ", b"one twx\x7f\x7fwo thr\x7f\x7f\x7f\x7f\x15\x7fne\x08\x08one two\x08\x08\x08\n")
    assert answer() == b"one "
    assert b"one" not in person.shown


def test_a_line_shows(person: Person) -> None:
    answer = person.asked(lambda: person.prompt().line("Say: "))
    person.type("Say: ", "abd\x7fc\r")
    assert answer() == "abc"
    assert person.shown.startswith(b"Say: abd\b \bc")


def test_ctrl_c_interrupts_and_puts_the_terminal_back(person: Person) -> None:
    before = termios.tcgetattr(person.slave)
    for key in (b"\x03", b"\x04"):
        answer = person.asked(lambda: person.prompt().secret("Say: "))
        person.type("Say: ", b"half a sec" + key)
        with pytest.raises(Interrupted):
            answer()
    assert termios.tcgetattr(person.slave) == before
    assert b"half" not in person.shown


def test_what_was_typed_earlier_is_thrown_away(person: Person) -> None:
    os.write(person.master, b"too early\r")
    person.read()
    answer = person.asked(lambda: person.prompt().secret("Say: "))
    person.type("Say: ", "now\r")
    assert answer() == b"now"


@pytest.mark.parametrize("stray", ["é".encode(), b"\x1b[A", b"\t", b"\x1bOP", b"\x00"])
def test_a_key_that_is_no_plain_character_is_told_and_asked_again(person: Person, stray: bytes) -> None:
    answer = person.asked(lambda: person.prompt().secret("Say: "))
    person.type("Say: ", b"wrong" + stray + b"\r")
    person.wait("no plain character")
    person.type("Say: ", "right\r")
    assert answer() == b"right"


def test_no_more_than_a_thousand_characters(person: Person) -> None:
    answer = person.asked(lambda: person.prompt().secret("Say: "))
    person.type("Say: ", "x" * 1001 + "\r")
    person.type("Say: ", "x" * 1000 + "\r")
    assert len(answer()) == 1000


def test_no_terminal_no_secret() -> None:
    read, write = os.pipe()
    master, slave = os.openpty()
    try:
        for source, target in ((read, slave), (slave, write)):
            with pytest.raises(Malformed, match="terminal"):
                Prompt(source, target)
    finally:
        for descriptor in (read, write, master, slave):
            os.close(descriptor)


def test_the_sample_line_shows_a_wrong_layout(person: Person) -> None:
    answer = person.asked(lambda: person.prompt().sample("A1", is_word))
    person.type(", here: ", SAMPLE.replace("y", "Y").replace("z", "y").replace("Y", "z") + "\r")
    person.wait("That is not the same.")
    person.type(", here: ", SAMPLE + "\r")
    answer()
    answer = person.asked(lambda: person.prompt().sample("A1", is_word))
    person.type(", here: ", "\r")
    answer()
    assert b"it was seen" not in person.shown


def test_a_passphrase_that_was_typed_where_it_shows_is_wiped_and_told(person: Person) -> None:
    fcntl.ioctl(person.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    typed = " ".join(offer(random()))
    answer = person.asked(lambda: person.prompt().sample("A1", is_word))
    person.type(", here: ", typed + "\r")
    person.type(", here: ", "\r")
    answer()
    shown = b" ".join(person.shown.split())
    assert b"it was seen: it opens its share today" in shown
    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(person.shown)
    assert not set(typed.split()) & set(" ".join(screen.display).split())
    assert any("try the keyboard first" in line for line in screen.display), "nothing else is wiped"


@pytest.mark.parametrize("length", [1, 69, 70, 71, 149, 150, 151, 230, 999])
def test_a_line_of_any_length_is_wiped_whole(person: Person, length: int) -> None:
    """Also one that fills its row, goes over several, or over the screen."""
    fcntl.ioctl(person.master, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 80, 0, 0))
    answer = person.asked(lambda: person.prompt().sample("A1", is_word))
    person.type("A1, here: ", "#" * length + "\r")
    person.type("A1, here: ", "\r")
    answer()
    screen = pyte.HistoryScreen(80, 12)
    pyte.ByteStream(screen).feed(person.shown)
    assert not any("##" in line or line.strip() == "#" for line in screen.display)
    assert any("same. Is the keyboard" in line for line in screen.display)


@pytest.mark.parametrize("once", ["ccccccbtthhlvhbtrnrgblcfrlbdtnhhnbfvulgfcriv", "CCCCCCBTTHHLVHBTRNRGBLCFRLBDTNHH", "c" * 64])
def test_what_a_touched_security_key_types_is_no_pin(person: Person, once: str) -> None:
    answer = person.asked(lambda: person.prompt().pin("PIN: "))
    person.type("PIN: ", once + "\r")
    person.wait("no try is used.")
    person.type("PIN: ", "24681357\r")
    assert answer() == b"24681357"
    assert once.encode() not in person.shown


def random() -> Generator:
    return Generator({"operating system": b"1" * 32, "HSM": b"2" * 32})


def test_an_offered_passphrase_is_typed_back_and_gone_from_the_screen(person: Person) -> None:
    words = offer(random())
    talk = Passphrases(person.prompt)
    answer = person.asked(lambda: talk.choose("A1", random(), "practice"))
    person.type(", here: ", "\r")
    for number, word in enumerate(words, 1):
        if number == 3:
            person.type(f"A1, word {number} of {COUNT}: ", "nonsense\r")
            person.wait("That is not word 3. Look again.")
        person.type(f"A1, word {number} of {COUNT}: ", word + "\r")
    assert answer() == " ".join(words).encode()
    offered, erased, after = person.shown.partition(b"\x1b[2J\x1b[3J\x1b[H\x1b[?1049l")
    assert b"\x1b[?1049h" in offered
    assert words[0].encode() not in offered.partition(b"\x1b[?1049h")[0]
    assert erased
    assert not any(word.encode() in after for word in words)


def test_the_words_are_erased_when_somebody_interrupts(person: Person) -> None:
    answer = person.asked(lambda: Passphrases(person.prompt).choose("A1", random(), "practice"))
    person.type(", here: ", "\r")
    person.type("A1, word 1 of 6: ", "\x03")
    with pytest.raises(Interrupted):
        answer()
    assert person.shown.endswith(b"\x1b[2J\x1b[3J\x1b[H\x1b[?1049l")


def test_an_own_passphrase_is_typed_twice_and_never_shows(person: Person) -> None:
    talk = Passphrases(person.prompt)
    answer = person.asked(lambda: talk.choose("B2", random(), "practice"))
    person.type(", here: ", "\r")
    person.type("B2, word 1 of 6: ", "o\r")
    person.type("B2, your own passphrase", "too short\r")
    person.wait("shorter than 20")
    person.type("B2, your own passphrase", "aaaaaaaaaaaaaaaaaaaaaaaaaa\r")
    person.wait("fewer than 8")
    person.type("B2, your own passphrase", LONG + "\r")
    person.type("B2, the same once more", LONG + "!\r")
    person.wait("The two are not the same.")
    person.type("B2, your own passphrase", f"  {LONG}\r")
    person.type("B2, the same once more", LONG.replace(" ", "  ") + " \r")
    assert answer() == LONG.encode()
    assert b"fish" not in person.shown


def test_the_sample_comes_once_for_each_person_and_an_empty_passphrase_is_asked_again(person: Person) -> None:
    talk = Passphrases(person.prompt)
    answer = person.asked(lambda: talk.ask("A1", ""))
    person.type(", here: ", "\r")
    person.type("A1, type your passphrase", " \r")
    person.type("A1, type your passphrase", "six words\r")
    assert answer() == b"six words"
    answer = person.asked(lambda: talk.ask("A2", ""))
    person.type("A2, here: ", "\r")
    person.type("A2, type your passphrase", "\r")
    person.type("A2, type your passphrase", "other\r")
    answer()
    answer = person.asked(lambda: talk.ask("A1", ""))
    person.type("A1, type your passphrase", "once more\r")
    answer()
    assert person.shown.count(b"A1, try the keyboard first") == person.shown.count(b"A2, try the keyboard first") == 1
    for turn, times in (("A1", 2), ("A2", 1)):
        assert person.shown.count(f"Hand the keyboard to {turn}. Everyone else steps back.".encode()) == times


def in_list(word: bytes) -> bool:
    return word in b"one two three four five six".split()


def test_a_word_that_is_not_in_the_list_is_marked_as_soon_as_it_is_whole(person: Person) -> None:
    """No text is shown and no right word told; Backspace takes the mark away."""
    answer = person.asked(lambda: person.prompt().secret("Say: ", in_list))
    person.type("Say: ", "one twi ")
    person.wait("?")
    os.write(person.master, b"\x7f" * 4 + b"two six")
    assert screen_of(person) == "Say: ***"
    os.write(person.master, b"\r")
    assert answer() == b"one two six"
    assert all(word not in person.shown for word in (b"one", b"tw", b"six", b"not in the list"))


def test_a_last_word_that_is_not_in_the_list_is_asked_about_once(person: Person) -> None:
    answer = person.asked(lambda: person.prompt().secret("Say: ", in_list))
    person.type("Say: ", "one two sixx\r")
    person.wait("not in the list of words")
    person.type("or correct it: **?", "\x7f\r")
    assert answer() == b"one two six"
    assert max(len(line) for line in person.shown.decode().splitlines()) <= 78
    answer = person.asked(lambda: person.prompt().secret("Say: ", in_list))
    person.type("Say: ", "one two sixx\r")
    person.type("or correct it: **?", "\r")
    assert answer() == b"one two sixx", "whoever is sure goes on"


def test_who_brings_a_passphrase_of_their_own_is_not_asked_about_words(person: Person) -> None:
    answer = person.asked(lambda: person.prompt().secret("Say: ", in_list))
    person.type("Say: ", "My own sentence, one two\r")
    assert answer() == b"My own sentence, one two"
    assert b"not in the list" not in person.shown


def screen_of(person: Person) -> str:
    """The last line as a person sees it, once nothing more comes."""
    person.read(0.3)
    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(person.shown)
    return screen.display[screen.cursor.y].rstrip()


def test_dice(person: Person) -> None:
    answer = person.asked(lambda: Passphrases(person.prompt).dice())
    person.type("Dice: ", "123\r")
    person.wait("Only the digits 1 to 6")
    person.type("Dice: ", "7" * 50 + "\r")
    person.type("Dice: ", "12345 " * 10 + "\r")
    assert answer() == b"12345" * 10
    answer = person.asked(lambda: Passphrases(person.prompt).dice())
    person.type("Dice: ", "\r")
    assert answer() == b""


def test_rules_and_normal_form() -> None:
    assert normal(b"  a  b ") == b"a b"
    assert not fault(bytearray(LONG, "ascii"))
    assert fault(bytearray(LONG[:19], "ascii"))


def test_prompts_fit_the_screen(person: Person) -> None:
    """80 columns and 24 lines, before anything is typed."""
    answer = person.asked(lambda: Passphrases(person.prompt).choose("A1", random(), "practice"))
    person.type(", here: ", "\r")
    person.wait("A1, word 1 of 6: ")
    assert all(len(line) <= 78 for line in re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", person.shown.decode()).splitlines())
    assert len(person.shown.rpartition(b"\x1b[H")[2].splitlines()) < 24
    os.write(person.master, b"\x03")
    with pytest.raises(Interrupted):
        answer()
