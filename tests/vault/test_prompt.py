from __future__ import annotations

import os
import select
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.data import Malformed
from ceremony.vault.passphrase import COUNT, Passphrases, fault, normal, offer
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
    answer = person.asked(lambda: person.prompt().sample())
    person.type("> ", SAMPLE.replace("y", "Y").replace("z", "y").replace("Y", "z") + "\r")
    person.wait("That is not the same.")
    person.type("> ", SAMPLE + "\r")
    answer()
    answer = person.asked(lambda: person.prompt().sample())
    person.type("> ", "\r")
    answer()


def random() -> Generator:
    return Generator({"operating system": b"1" * 32, "HSM": b"2" * 32})


def test_an_offered_passphrase_is_typed_back_and_gone_from_the_screen(person: Person) -> None:
    words = offer(random())
    talk = Passphrases(person.prompt)
    answer = person.asked(lambda: talk.choose("A1", random(), "practice"))
    person.type("> ", "\r")
    for number, word in enumerate(words, 1):
        if number == 3:
            person.type(f"Word {number} of {COUNT}: ", "nonsense\r")
            person.wait("That is not word 3. Look again.")
        person.type(f"Word {number} of {COUNT}: ", word + "\r")
    assert answer() == " ".join(words).encode()
    offered, erased, after = person.shown.partition(b"\x1b[2J\x1b[3J\x1b[H\x1b[?1049l")
    assert b"\x1b[?1049h" in offered
    assert words[0].encode() not in offered.partition(b"\x1b[?1049h")[0]
    assert erased
    assert not any(word.encode() in after for word in words)


def test_the_words_are_erased_when_somebody_interrupts(person: Person) -> None:
    answer = person.asked(lambda: Passphrases(person.prompt).choose("A1", random(), "practice"))
    person.type("> ", "\r")
    person.type("Word 1 of 6: ", "\x03")
    with pytest.raises(Interrupted):
        answer()
    assert person.shown.endswith(b"\x1b[2J\x1b[3J\x1b[H\x1b[?1049l")


def test_an_own_passphrase_is_typed_twice_and_never_shows(person: Person) -> None:
    talk = Passphrases(person.prompt)
    answer = person.asked(lambda: talk.choose("B2", random(), "practice"))
    person.type("> ", "\r")
    person.type("Word 1 of 6: ", "o\r")
    person.type("Your own passphrase", "too short\r")
    person.wait("shorter than 20")
    person.type("Your own passphrase", "aaaaaaaaaaaaaaaaaaaaaaaaaa\r")
    person.wait("fewer than 8")
    person.type("Your own passphrase", LONG + "\r")
    person.type("The same once more", LONG + "!\r")
    person.wait("The two are not the same.")
    person.type("Your own passphrase", f"  {LONG}\r")
    person.type("The same once more", LONG.replace(" ", "  ") + " \r")
    assert answer() == LONG.encode()
    assert b"fish" not in person.shown


def test_the_sample_comes_once_and_an_empty_passphrase_is_asked_again(person: Person) -> None:
    talk = Passphrases(person.prompt)
    answer = person.asked(lambda: talk.ask("A1", ""))
    person.type("> ", "\r")
    person.type("A1, type your passphrase", " \r")
    person.type("A1, type your passphrase", "six words\r")
    assert answer() == b"six words"
    answer = person.asked(lambda: talk.ask("A2", ""))
    person.type("A2, type your passphrase", "\r")
    person.type("A2, type your passphrase", "other\r")
    answer()
    assert person.shown.count(b"Try the keyboard first") == 1


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
    person.type("> ", "\r")
    person.wait("Word 1 of 6: ")
    assert all(len(line) <= 78 for line in person.shown.decode().replace("\x1b[2J\x1b[H", "").splitlines())
    assert len(person.shown.rpartition(b"\x1b[H")[2].splitlines()) < 24
    os.write(person.master, b"\x03")
    with pytest.raises(Interrupted):
        answer()
