"""The rehearsed cast: people at the far end of a pseudo-terminal. They read the screen and type; they know nothing else.

What a person remembers (a passphrase, the PIN) lives in this process only, as it would in their heads."""

from __future__ import annotations

import os
import re
import secrets
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WINDOW = (24, 80)
PATIENCE = 180
"""Seconds without a prompt after which the cast gives up."""
AGAIN = 20
"""Times that the cast answers the very same screen in the same way before it gives up."""
ALIKE = 300
"""Times that the same prompt may come in a row: more than a review has pages."""
SEEN = 8_000
"""Characters that the cast looks back for a prompt: it stands at the end of what is shown, and no longer one is answered."""

WAITS = re.compile(r"[:?)\]] [*?]*\Z")
"""How the screen ends while a command waits; of a passphrase that is asked for once more, its words show as dots."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
Answer = Callable[["Cast", re.Match[str]], str]
Deed = Callable[[Any], None]
"""Something done to the running command (a `pexpect.spawn`): a signal, a key that is no line."""


class Fluffed(Exception):
    """The play did not go as rehearsed: an unexpected end, or a prompt that nobody knows."""


@dataclass(slots=True)
class Pace:
    """How fast the cast plays: at once, or so that somebody at the terminal can follow and pause with the space bar."""

    follow: bool = False
    thinking: float = 0.6
    """Seconds before each answer."""
    sees: Any = None
    """Where all that the terminal receives goes, too (`write`, `flush`)."""

    def before_answer(self) -> None:
        """Let the audience read; the space bar holds the play until it is pressed again."""
        if self.follow:
            time.sleep(self.thinking)
            if _pressed() == " ":
                while _pressed(wait=None) != " ":
                    pass


def _pressed(wait: float | None = 0.0) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], wait)
    return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") if ready else ""


@contextmanager
def keys_as_typed() -> Iterator[None]:
    """The audience's keys come one by one, without Enter; the terminal is as before afterwards."""
    import termios  # noqa: PLC0415 (only with an audience)
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@dataclass(slots=True)
class Typed:
    """What one person did at the keyboard."""

    prompts: int = 0
    """Prompts answered, each Enter included."""
    characters: int = 0
    """Characters typed, without Enter."""
    secrets: int = 0
    """Prompts whose answer does not show: passphrases and the PIN."""


_NAMED = re.compile(r"(?:^|.*[.?] )([A-I][1-9]|cfo|cto|administrator|witness)[:,] ")


def asked(line: str) -> str:
    """Who is asked by a prompt: the person it begins with; else the administrator, who sits at the keyboard."""
    named = _NAMED.match(line)
    return named[1] if named else "administrator"


@dataclass(slots=True)
class Cast:
    """Everybody in the play: their media, what they remember, and who comes to the transfer."""

    media: Mapping[str, Path]
    custodians_here: Sequence[str]
    hears: Mapping[str, str] = field(default_factory=dict)
    """What each payee reads out on the telephone: the whole address."""
    late: list[str] = field(default_factory=list)
    """Custodians who come after the roll-call: the first of them when it is first asked, and so on."""
    image: str = ""
    """The witness's own paper: the words of the boot image's SHA-256, as another machine gave them."""
    pin: str = field(default_factory=lambda: "".join(secrets.choice("0123456789") for _ in range(12)))
    passphrases: dict[str, str] = field(default_factory=dict)
    bags: dict[str, str] = field(default_factory=dict)
    """Number of the bag that each custodian's share lies in; of a former key's, under the position and `of the former key`."""
    opened: set[str] = field(default_factory=set)
    """Whose bag was cut open and no new one closed yet."""
    pins: dict[str, str] = field(default_factory=dict)
    """Custodian -> the PIN of their own token."""
    locks_onto: Mapping[str, str] = field(default_factory=dict)
    """Custodian -> what they choose to lock their share onto, where they may choose; a file if nothing is said."""
    former: dict[str, str] = field(default_factory=dict)
    """Passphrases that people had before they chose another one."""
    papers: Mapping[str, str] = field(default_factory=dict)
    """Where each document lies, by the name that a prompt gives it."""
    payee_slip: str = "office/payee-slip.txt"
    """Where the payee slip lies that custodians bring, seen from the folder of the play."""
    slips: str = "slips"
    """Where everybody keeps their closing slips, seen from the folder of the play; each one brings their newest."""
    folder: Path = Path()
    own: Mapping[str, str] = field(default_factory=dict)
    """Passphrases that people bring themselves instead of taking the offered words."""
    pace: Pace = field(default_factory=Pace)
    instead: list[tuple[str, str | Deed]] = field(default_factory=list)
    """What somebody does instead of what was rehearsed, in this order: at the next prompt like this, they type that, once, or do
    something to the command itself."""
    noted: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Under `note`: entry number and both words that everybody noted last of the ceremony in hand."""
    budget: dict[str, Typed] = field(default_factory=dict)
    """Person -> what they were asked and typed: the budget of a ceremony is counted."""

    def play(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
        """Run one command on a terminal and answer each prompt until it ends; what it showed. Fluffed if it fails."""
        shown, code = self.run(command, folder, environment)
        if code != 0:
            raise Fluffed(f"{' '.join(command)} ended with {code}:\n{shown[-2000:]}")
        return shown

    def run(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[str, int]:
        """As `play`, for a command that may well be refused: what it showed, and its exit code."""
        import pexpect  # noqa: PLC0415

        self.folder = folder
        if {"keygen", "--order"} <= set(command):  # what people chose for the key before is not what they choose now
            self.passphrases |= {p + _FORMER: phrase for p, phrase in self.passphrases.items() if _FORMER not in p}
        child = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=str(folder),
            env=dict(environment),
            dimensions=WINDOW,
            encoding="utf-8",
            maxread=65_536,
            searchwindowsize=SEEN,
        )
        child.delaybeforesend = None
        child.logfile_read = sys.stdout if self.pace.follow else self.pace.sees
        shown: str = self._answer_all(child)
        if not child.closed:
            child.wait()
            child.ptyproc.delayafterclose = 0  # it has ended
        child.close()
        code = child.exitstatus if child.exitstatus is not None else 128 + (child.signalstatus or 0)
        return shown, code

    def _answer_all(self, child: Any) -> str:
        shown: list[str] = []
        again, alike, asked_before = 0, 0, ""
        while True:
            prompts = _Prompts([*(_whole(pattern) for pattern, _ in self.instead[:1]), *(pattern for pattern, _ in ANSWERS)])
            found = child.expect_loop(prompts, PATIENCE) - len(prompts.patterns) + len(ANSWERS)
            shown.append(_ESCAPES.sub("", child.before if isinstance(child.before, str) else ""))
            self._notes(shown[-1])
            if found == len(ANSWERS):
                return str("".join(shown)).replace("\r", "")
            if found > len(ANSWERS):
                child.close(force=True)
                raise Fluffed(f"nobody knows what to answer to:\n{shown[-1][-1500:]}")
            shown.append(_ESCAPES.sub("", child.after))
            again = again + 1 if shown[-2:] == shown[-4:-2] else 0
            line = _ESCAPES.sub("", child.after).rsplit("\n", 1)[-1]
            alike, asked_before = (alike + 1 if line == asked_before else 0), line
            if again == AGAIN or alike == ALIKE:
                child.close(force=True)
                raise Fluffed(f"asked the same again and again:\n{''.join(shown[-2:])[-1500:]}")
            self.pace.before_answer()
            text = self.instead.pop(0)[1] if found < 0 else ANSWERS[found][1](self, child.match)
            if not isinstance(text, str):
                text(child)
                if child.closed:
                    return "".join(shown).replace("\r", "")
                continue
            self._count(shown, text)
            child.sendline(text)

    def _notes(self, shown: str) -> None:
        """What stands there to be noted; of a new ceremony nobody has a note."""
        if re.search(r"== An? [a-z ]+ begins", shown):
            self.noted.clear()
        for number, words in re.findall(r"Note: (?:ceremony \d+, )?entry (\d+), words\s+(\S+\s+\S+)\.", shown):
            self.noted["note"] = (number, " ".join(words.split()))

    def _count(self, shown: Sequence[str], text: str) -> None:
        line = "".join(shown[-2:]).replace("\r", "").rsplit("\n", 1)[-1]
        counted = self.budget.setdefault(asked(line), Typed())
        counted.prompts += 1
        counted.characters += len(text)
        counted.secrets += "(it does not show)" in line


class _Prompts:
    """What `pexpect` looks for: the first of these patterns that begins earliest, as its own searcher has it. But nothing is looked
    for before the screen ends as a prompt does: its own tries every pattern after every line, which takes longer than the ceremony."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = [re.compile(pattern, re.DOTALL) for pattern in patterns]
        self.eof_index, self.timeout_index = len(patterns), len(patterns) + 1
        self.match: re.Match[str] | None = None
        self.start = self.end = 0

    def search(self, shown: str, _fresh: int, _window: int | None = None) -> int:
        """The number of the pattern that was found in what was shown last; -1 if none was."""
        if WAITS.search(_ESCAPES.sub("", shown[-WINDOW[1] :])) is None:
            return -1
        found = [(match.start(), at, match) for at, pattern in enumerate(self.patterns) if (match := pattern.search(shown))]
        if not found:
            return -1
        self.start, at, self.match = min(found, key=lambda each: each[:2])
        self.end = self.match.end()
        return at


def _whole(pattern: str) -> str:
    """The pattern up to the end of its prompt: else the rest of it would be taken for another prompt, and answered as well. A prompt
    that says in brackets what Enter does ends there, whatever stands in it before."""
    return pattern if pattern.endswith((": ", "? ", "] ")) else pattern + r"(?:[^\r\n\[]*\[Enter[^\]\r\n]*\] |[^\r\n]*?(?:: |\? |\] ))"


def _choose_words(cast: Cast, match: re.Match[str]) -> str:
    """The custodian reads the six offered words and remembers them; types the first."""
    words = re.findall(r"[1-6]  ([a-z-]+)", _ESCAPES.sub("", match[0]))
    if len(words) != 6:
        raise Fluffed("a passphrase of other than six words was offered")
    cast.former[match[1]] = cast.passphrases.get(match[1], "")
    cast.passphrases[match[1]] = " ".join(words)
    cast.passphrases["now"] = match[1]
    if match[1] in cast.own:
        cast.passphrases[match[1]] = cast.own[match[1]]
        return "o"
    return str(words[0])


def _of_before(cast: Cast, match: re.Match[str]) -> str:
    """A new passphrase was not proven: this custodian remembers the one of before, and forgets the other."""
    cast.passphrases[match[1]] = cast.former[match[1]]
    return "" if match[2] == "here" else cast.passphrases[match[1]]


def _own_passphrase(cast: Cast, _: re.Match[str]) -> str:
    return cast.passphrases[cast.passphrases["now"]]


def _next_word(cast: Cast, match: re.Match[str]) -> str:
    return cast.passphrases[cast.passphrases["now"]].split()[int(match[1]) - 1]


def _image_words(cast: Cast, match: re.Match[str]) -> str:
    """The witness reads the words off the paper on which they noted what another machine said of the image."""
    return " ".join(cast.image.split()[: int(match[1])])


def _watch(_cast: Cast, _match: re.Match[str]) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())


def _who_reads(cast: Cast, match: re.Match[str]) -> str:
    return next((person for person in ("witness", *cast.custodians_here) if person not in match[1].split(", ")), "none")


def _slip(cast: Cast, person: str) -> str:
    """The newest closing slip that this person keeps."""
    kept = sorted((cast.folder / cast.slips).glob(f"slip-*-{person}.txt"))
    if not kept:
        raise Fluffed(f"{person} has no closing slip")
    return kept[-1].read_text(encoding="ascii")


def _newest(cast: Cast, _match: re.Match[str]) -> str:
    """The newest ceremony of which there is a slip: everybody takes theirs when it ends."""
    kept = [int(path.name[5:9]) for path in (cast.folder / cast.slips).glob("slip-*-witness.txt")]
    return str(max(kept, default=0))


def _who_noted(cast: Cast, match: re.Match[str]) -> str:
    """The first of those who were there, if anybody noted anything; whoever comes of the others."""
    if not cast.noted:
        return "none"
    named = match[1].split()[0]
    return named if named != "a" else cast.custodians_here[0]


def _slip_number(cast: Cast, match: re.Match[str]) -> str:
    return _found(r"(?m)^ceremony +(\d+)$", _slip(cast, match[1]))


def _slip_word(cast: Cast, match: re.Match[str]) -> str:
    return _found(rf"(?s)\n# head\n.*?\b{match[2]} ([A-Za-z]+)", _slip(cast, match[1]))


def _who_types(cast: Cast, match: re.Match[str]) -> str:
    return next(person for person in cast.custodians_here if person not in match[1].split(", "))


def _group(cast: Cast, match: re.Match[str]) -> str:
    """One numbered group of one payment on the payee slip."""
    paper = (cast.folder / cast.payee_slip).read_text(encoding="ascii")
    rows = _found(rf"(?m)^payment {match[3]}  .*\n((?:  +\d+ \S+.*\n)+)", paper)
    cells = rows.split()
    return dict(zip(cells[::2], cells[1::2], strict=True))[match[2]]


def _group_of_key(cast: Cast, match: re.Match[str]) -> str:
    """One numbered group of the first address, on the newest closing slip of this person that has one."""
    kept = sorted((cast.folder / cast.slips).glob(f"slip-*-{match[1]}.txt"))
    text = next((found for path in reversed(kept) if "# first address of" in (found := path.read_text(encoding="ascii"))), "")
    cells = _found(r"(?m)^# first address of .*\n((?:  +\d+ \S+.*\n)+)", text).split()
    return dict(zip(cells[::2], cells[1::2], strict=True))[match[2]]


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise Fluffed(f"nothing like {pattern} stands on this paper:\n{text}")
    return found[1]


def _drawer(cast: Cast, position: str) -> Path:
    """Where this custodian keeps cards of paper: each is a photograph of it."""
    return cast.folder / "paper" / position


def _print(cast: Cast, match: re.Match[str]) -> str:
    """The custodian prints their card, has it in their hand, and takes a photograph of it."""
    import pexpect  # noqa: PLC0415

    source = cast.folder / cast.media[match[1]] / f"card-{match[1]}-{int(match[2]):04d}.pdf"
    drawer = _drawer(cast, match[1])
    drawer.mkdir(parents=True, exist_ok=True)
    printer = pexpect.spawn("pdftoppm", ["-png", "-gray", "-r", "200", "-singlefile", str(source), str(drawer / source.stem)])
    printer.expect(pexpect.EOF)
    printer.close()
    return ""


def _card(cast: Cast, match: re.Match[str]) -> str:
    """A picture of the newest card that this custodian has: of paper, or the file that it would be printed from."""
    kept = sorted(_drawer(cast, match[1]).glob("card-*")) or sorted((cast.folder / cast.media[match[1]]).glob("card-*.pdf"))
    if not kept:
        raise Fluffed(f"{match[1]} has no card")
    return str(kept[-1])


def _tear(cast: Cast, match: re.Match[str]) -> str:
    """An old card is torn, before two people who say so one after the other."""
    for old in _drawer(cast, match[2]).glob(f"card-{match[2]}-{int(match[1]):04d}.*"):
        old.unlink()
    return ""


def _own_token(_: Cast, match: re.Match[str]) -> str:
    """Of the tokens that are plugged in, the one with their own position on it."""
    found = re.search(rf"(\d+) [^,)]*{match[1]}", match[2])
    if found is None:
        raise Fluffed(f"{match[1]} has no token among {match[2]}")
    return found[1]


def _new_bag(cast: Cast, match: re.Match[str]) -> str:
    """The next bag from the pile of this custodian: its number has their position in it. A share for which no bag was opened here is
    one of a new key; the bag of the former key's stays as it is."""
    position, former = match[1], match[1] + _FORMER
    known = [int(number[-4:]) for name, number in cast.bags.items() if name in {position, former}]
    if position in cast.bags and position not in cast.opened and not match[2]:
        cast.bags[former] = cast.bags[position]
    cast.opened.discard(position)
    cast.bags[position + (match[2] or "")] = f"{position}-{max(known, default=0) + 1:04d}"
    return cast.bags[position + (match[2] or "")]


def _bag(cast: Cast, match: re.Match[str]) -> str:
    """The number on the bag that this custodian brought."""
    cast.opened.add(match[1])
    return cast.bags[match[1] + (match[2] or "")]


_FORMER = " of the former key"


_SECRETLY = r"type your passphrase \(it does not show\), then Enter"

ANSWERS: tuple[tuple[str, Answer], ...] = (
    (rf"passphrase\s+of\s+BEFORE,[\s\S]*?([A-I][1-9]), (here|{_SECRETLY}): ", _of_before),
    (r"[A-I][1-9], here: ", lambda _cast, _match: ""),
    (r"([A-I][1-9]), your new passphrase\.[\s\S]*?word 1 of 6: ", _choose_words),
    (r"[A-I][1-9], word ([2-6]) of 6: ", _next_word),
    (r"[A-I][1-9], your own passphrase \(it does not show\), then Enter: ", _own_passphrase),
    (r"[A-I][1-9], the same once more, then Enter: ", _own_passphrase),
    (r"Enter tries it as it stands, or correct it: ", lambda _cast, _match: ""),
    (r"([A-I][1-9]),(?: to prove it,)? type your passphrase \(it does not show\), then Enter: ", lambda c, m: c.passphrases[m[1]]),
    (
        r"([A-I][1-9]), for the former key's share, type your passphrase \(it does not show\), then Enter: ",
        lambda c, m: c.passphrases[m[1] + _FORMER],
    ),
    (r"administrator, PIN of the HSM [^\r\n]*then Enter: ", lambda c, _m: c.pin),
    (r"administrator, first half of the PIN [^\r\n]*then Enter: ", lambda c, _m: c.pin[:6]),
    (r"witness, second half of the PIN [^\r\n]*then Enter: ", lambda c, _m: c.pin[6:]),
    (r"Please (?:re)?enter (?:SO|user) PIN: ", lambda c, _m: c.pin),
    (r"(\S+), the folder of your medium: ", lambda c, m: str(c.media[m[1]])),
    (r"([A-I][1-9]), what is your share locked onto \([^)]*\)\? ", lambda c, m: c.locks_onto.get(m[1], "file")),
    (r"([A-I][1-9]): your card number (\d+) is printed, and in your hand\. \[Enter or n\] ", _print),
    (r"I saw card (\d+) of ([A-I][1-9]) destroyed, or it was never printed\. \[Enter or n\] ", _tear),
    (r"([A-I][1-9]), which token is yours \(([^)]*)\)\? ", _own_token),
    (r"([A-I][1-9]), PIN of the token \(it does not show\), then Enter: ", lambda c, m: c.pins[m[1]]),
    (r"([A-I][1-9]), which of them is in your hand \([^)]*\)\? ", lambda _c, _m: "1"),
    (r"[A-I][1-9]: try the token again \(m\), or leave the old share on it \(s\)\? ", lambda _c, _m: "s"),
    (r"[A-I][1-9]: insert the medium of before \(m\), or can it not be brought \(n\)\? ", lambda _c, _m: "n"),
    (r"[A-I][1-9], why not, and where may it be\? ", lambda _c, _m: "it was lost on the way"),
    (r"([A-I][1-9]), line 1, a scan, or the path of a picture: ", _card),
    (r"Path of ([^\r\n:]+): ", lambda c, m: c.papers[m[1]]),
    (r"witness, the first (\d+) words of its SHA-256, from your paper: ", _image_words),
    (r"Custodian who reads the time from their own watch: ", lambda c, _m: c.custodians_here[0]),
    (r"(\S+), date and time \(UTC\) on your own watch: ", _watch),
    (r"Who reads their slip \(so far: ([^;]*); [^)]*\)\? ", _who_reads),
    (r"(\S+), number of the ceremony on your slip: ", _slip_number),
    (r"(\S+), word (\d+) of the head on your slip: ", _slip_word),
    (r"x fills in the form; Enter stops here: ", lambda _c, _m: ""),
    (r"Custodians who came later \(only Enter if nobody did\): ", lambda c, _m: c.late.pop(0) if c.late else ""),
    (r"Who types from the (?:payee slip|closing slip of the new key) \(so far: ([^)]*)\)\? ", _who_types),
    (r"(\S+), group (\d+) of the first address on your closing slip of the new key: ", _group_of_key),
    (r"(\S+), group (\d+) of payment (\d+) on your payee slip: ", _group),
    (rf"([A-I][1-9]), the number on your bag({_FORMER})?: ", _bag),
    (rf"([A-I][1-9]), the number of your new bag({_FORMER})?: ", _new_bag),
    (r"administrator, ([A-I][1-9]): Reshare, or a new key\? \(reshare, rekey, undecided\) ", lambda _c, _m: "undecided"),
    (r"administrator, what comes in \(charter, policy, both, succession\)\? ", lambda _c, _m: "charter"),
    (r"Custodians who are here \(([A-I][^)]*)\): ", lambda _c, m: m[1]),
    (r"[A-I][1-9], what becomes new \(passphrase, medium, both\)\? ", lambda _c, _m: "passphrase"),
    (r"\S+, newest ceremony on your slips and notes \(0 if none\): ", _newest),
    (r"\S+, entry number of your newest note of this ceremony \(or none\): ", lambda c, _m: c.noted.get("note", ("none", ""))[0]),
    (r"\S+, both words of that note: ", lambda c, _m: c.noted["note"][1]),
    (r"Who reads their note \(([^)]*), or none\)\? ", _who_noted),
    (r"Who is here: ", lambda c, _m: c.custodians_here[0]),
    (r"Custodians who are here: ", lambda c, _m: " ".join(c.custodians_here)),
    (r"Who unlocks next \(([^)]*)\)\? ", lambda _c, m: m[1].split()[-1]),
    (r"another medium \(m\), or set this share aside for today \(s\)\? ", lambda _c, _m: "s"),
    (r"administrator, scenario[^\r\n]*: ", lambda _c, _m: "the East vault and one custodian at each site were missing"),
    (r"administrator, which attack was injected: ", lambda _c, _m: "REC-03"),
    (r"administrator, what (?:came of it|is to be mended \(or: nothing\)): ", lambda _c, _m: "nothing unexpected"),
    (r"administrator, date of the next drill \(by (\S+)\): ", lambda _c, m: m[1]),
    (r"administrator, (genesis|head) of the practice register, from its closing slip: ", lambda c, m: c.papers[m[1]]),
    (r"Type (UNLOCK|SIGN|CLOSE|VOID|BROADCAST)(?: to sign this, anything else to stop)?: ", lambda _c, m: m[1]),
    (r"type SIGN to approve exactly this[^\r\n]*: ", lambda _c, _m: "SIGN"),
    (r"(\S+), the last 8 characters as they read: ", lambda c, m: c.hears[m[1]][-8:]),
    (r"sign this exception here \[Enter\], or f if it was signed elsewhere: ", lambda _c, _m: ""),
    (r"\[Enter(?: or n)?\] ", lambda _c, _m: ""),
)
"""What is on the screen, and what the person it speaks to types."""
