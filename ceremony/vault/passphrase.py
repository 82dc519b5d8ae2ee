"""Passphrases: six words offered and typed back, or one of the custodian's own; asked for again when a share is opened.

The words are the EFF large list of 7,776 (Joseph Bonneau, Electronic Frontier Foundation, 2016; licence CC BY 3.0 US;
as packaged in `diceware` 1.0.1), in words.txt unchanged. Six of them are 77 bits, before the KDF."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import cache
from importlib import resources

from ceremony.base.control import control, refuse
from ceremony.base.data import Mark
from ceremony.vault.prompt import Prompt

COUNT = 6
"""Words in an offered passphrase."""
LEAST = 20
"""Characters in an own one."""

_SHA256 = "addd35536511597a02fa0a9ff1e5284677b8883b83e986e43f15a3db996b903e"
_SIZE = 7776
_OWN = "o"

Random = Callable[[int], bytes]


@cache
def words() -> tuple[str, ...]:
    """The list; SET-09 if it is not the published one."""
    raw = resources.files("ceremony.vault").joinpath("words.txt").read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != _SHA256:
        refuse("SET-09", "the word list", found=found, expected=_SHA256, do="Use an unaltered copy of the tool.")
    return tuple(line.split("\t")[1] for line in raw.decode("ascii").splitlines())


def is_word(word: bytes) -> bool:
    """Whether this is a word of the list, letter by letter."""
    return word in _known()


@cache
def _known() -> frozenset[bytes]:
    return frozenset(word.encode("ascii") for word in words())


def offer(random: Random) -> tuple[str, ...]:
    """COUNT words, each drawn evenly: two bytes, thrown away when they are beyond the last whole multiple of the list."""
    chosen: list[str] = []
    while len(chosen) < COUNT:
        number = int.from_bytes(random(2), "big")
        if number < 65536 // _SIZE * _SIZE:
            chosen.append(words()[number % _SIZE])
    return tuple(chosen)


@control("STO-11")
def normal(typed: bytes | bytearray) -> bytearray:
    """STO-11: what is hashed. Spaces at either end are dropped, several count as one; letters are left as they are. Whoever recovers
    without this tool must come to the same bytes: docs/formats.md has the vectors."""
    return bytearray(b" ".join(bytes(typed).split()))


def fault(own: bytearray) -> str:
    """Why an own passphrase will not do, or nothing. Never quotes it."""
    if len(own) < LEAST:
        return f"That is shorter than {LEAST} characters."
    if len(set(own)) < 8:
        return "That has fewer than 8 different characters."
    return ""


class Passphrases:
    """The talk with custodians at the terminal; each one tries the keyboard before their first passphrase."""

    def __init__(self, prompt: Callable[[], Prompt]) -> None:
        self._make = prompt
        self._prompt: Prompt | None = None
        self._tried: set[str] = set()

    def choose(self, position: str, random: Random, mark: Mark, unlike: bytes | bytearray = b"") -> bytearray:
        """A new passphrase for one custodian, on a screen that carries the mark, other than `unlike`. Raises Interrupted."""
        prompt = self._ready(position)
        offered = offer(random)
        with prompt.aside():
            typed = _typed_back(prompt, position, _page(position, offered, mark), offered)
        return bytearray(" ".join(offered), "ascii") if typed else _own(prompt, position, unlike)

    def ask(self, position: str, purpose: str) -> bytearray:
        """The passphrase of one custodian, typed once: `purpose` says for what. Raises Interrupted."""
        prompt = self._ready(position)
        prompt.say("One * shows for each word, and ? for one that is not in the list of words.")
        typed = bytearray()
        while not typed:
            typed = normal(prompt.secret(f"{position}, {purpose}type your passphrase (it does not show), then Enter: ", is_word))
        return typed

    def dice(self) -> bytes:
        """The numbers of 50 throws or more of a die, or nothing. Raises Interrupted."""
        prompt = self._make()
        while True:
            typed = bytes(prompt.secret("Dice: type 50 throws or more (they do not show), or only Enter: ")).replace(b" ", b"")
            if not typed or (len(typed) >= 50 and set(typed) <= set(b"123456")):
                return typed
            prompt.say("Only the digits 1 to 6, 50 of them or more.")

    def _ready(self, position: str) -> Prompt:
        if self._prompt is None:
            self._prompt = self._make()
        self._prompt.hand_over(position)
        if position not in self._tried:
            self._prompt.sample(position, is_word)
            self._tried.add(position)
        return self._prompt


def _page(position: str, offered: tuple[str, ...], mark: Mark) -> tuple[str, ...]:
    return (
        f"{mark.upper()}  {position}, your new passphrase. Nobody else looks now.",
        "",
        *(f"    {number}  {word}" for number, word in enumerate(offered, 1)),
        "",
        "Type each word when it is asked for. After that they are gone from the screen.",
        "Or type o and Enter to choose a passphrase of your own.",
        "",
    )


def _typed_back(prompt: Prompt, position: str, page: tuple[str, ...], offered: tuple[str, ...]) -> bool:
    """Each word is checked as it is typed; False if the custodian wants one of their own. A mistake shows the page afresh."""
    prompt.page(page)
    for number, word in enumerate(offered, 1):
        while not _same(typed := prompt.line(f"{position}, word {number} of {len(offered)}: ").strip(), word):
            if number == 1 and typed == _OWN:
                return False
            prompt.page((*page, f"That is not word {number}. Look again."))
    return True


def _same(typed: str, word: str) -> bool:
    """In constant time, as everything that is compared with a secret."""
    return hmac.compare_digest(typed.encode("ascii"), word.encode("ascii"))


def _own(prompt: Prompt, position: str, unlike: bytes | bytearray) -> bytearray:
    """One of their own, typed twice; not the one that they have already."""
    prompt.say(f"{position}, {LEAST} or more letters, digits, signs and spaces without accents.")
    while True:
        first = normal(prompt.secret(f"{position}, your own passphrase (it does not show), then Enter: "))
        reason = "That is your passphrase of before." if hmac.compare_digest(first, unlike) else fault(first)
        if not reason:
            again = normal(prompt.secret(f"{position}, the same once more, then Enter: "))
            if hmac.compare_digest(first, again):
                return first
            reason = "The two are not the same."
        prompt.say(f"{reason} Try again.")
