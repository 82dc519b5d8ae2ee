"""A share card at the terminal: printed and read back before it counts; and read again years later, from a scanner that types, from a
picture, or typed line by line.

A sealed share is no secret, so all of this is the screen process's. What is read here is judged by its header, its digest in the register
and the vault, like a sealed share from a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.machine import pdf, pictures
from ceremony.screen import card as paper
from ceremony.screen.terminal import Back
from ceremony.script.room import Room
from shares import card
from shares.envelope import SEALED, Header

NOT_READ = "No share card can be read there. Hold the picture still and let the code fill it, or type the lines of the card."
NOT_PAPER = (
    "This is the file that the card was printed from, or a copy of it, and proves nothing of the paper: look at the paper itself. Scan "
    "it, name a picture that was taken of it (PNG or JPEG), or type its lines."
)
FROM_PAPER = (
    "Read it from the paper. The tool cannot tell a photograph from a picture that a program made of the file: look at it, and the witness "
    "with you."
)
ABOUT = (
    "Scan the code with a scanner that types, name the file of a picture of the card (PNG, JPEG, PDF), or type its first line. "
    "Each line is checked as it is typed; b goes back one line, or gives up on the first; Enter alone keeps a line that is there."
)
EXPLAINED = (
    "Type the five groups of the line as the card has them; the last one checks the others, so a slip is found at once and named. "
    "Upper and lower case are the same, and spaces do not count. A scan or the path of a picture is taken at each of these prompts."
)
PICTURES = (".png", ".jpg", ".jpeg", ".pdf")
"""What the names of pictures end with."""


def printed(sealed: bytes, sheet: paper.Paper = "A6", copies: int = 1) -> bytes:
    """The card of one sealed share as a PDF that was read back: code by both readers, lines as text, each copy; Malformed if not."""
    raw = paper.pdf(sealed, sheet, copies)
    codes = (card.payload(sealed),) * copies
    lines = list(enumerate(card.lines(sealed), start=1)) * copies
    left = {0, 1}  # the two readers
    for look in pictures.looks(raw, pdf.SIDE if sheet == "A4" else pdf.SIDE // 2):
        left -= {at for at, found in enumerate(look.readers) if found == codes}
        if not left:
            break
    if left or sorted(_lines_of(raw)) != sorted(lines):
        raise Malformed("the card that was drawn does not read back; nothing was written. Look at this machine's poppler and its fonts")
    return raw


def _lines_of(raw: bytes) -> Iterator[tuple[int, str]]:
    """Numbers and groups of the lines of a card's page, as another program reads them off it."""
    group = f"[{card.LETTERS}]{{{card.GROUP}}}"
    for found in re.finditer(rf"(?<!\S)([1-9])\s+({group}(?:\s+{group}){{{card.GROUPS - 1}}})(?!\S)", pictures.text(raw)):
        yield int(found[1]), " ".join(found[2].split())


def scanned(raw: bytes) -> bytes:
    """The sealed share on the one card in a picture (the bytes of a PNG, JPEG or PDF file), by either reader, looked at in several ways.

    Malformed if no card can be read there, or two different ones; REC-03 for a code that is not whole."""
    for look in pictures.looks(raw):
        found = {*look.first, *look.second}
        if len(found) > 1:
            raise Malformed(f"this picture holds {len(found)} different share cards; one custodian's card alone")
        if found:
            return card.from_payload(found.pop())
    raise Malformed(NOT_READ)


def read_card(room: Room, position: str, drawn: bytes = b"", which: str = "") -> bytes:
    """The sealed share on the card of one custodian: 86 bytes, whole, and of that position (REC-02, REC-03). `which`: said of the card
    where they may have two. `drawn`: what the card was printed from just now, which proves nothing of the paper, wherever it lies.

    At one prompt: a scanner's line, the path of a picture, or the nine lines, each checked as it is typed. A slip is named to its line
    and group and mended in place; nothing that was typed is lost, not even by a pause. Malformed if it is given up (`b` on the first
    line): a card that nobody can read must not hold up everybody else."""
    return _Typing(room, position, drawn, which).sealed()


class _Typing:
    """Somebody types a card. `lines`: those that fit, kept in the room; `at`: the line that is due; `wrong`: how it was last typed."""

    def __init__(self, room: Room, position: str, drawn: bytes, which: str) -> None:
        self.room, self.position, self.drawn, self.which = room, position, drawn, which
        self.lines: list[str] = room.cards.setdefault(position, [])
        self.at = len(self.lines) + 1
        self.wrong: list[str] = []

    def sealed(self) -> bytes:
        """Asks until the card is read."""
        said = ""
        while True:
            self._draw(said)
            said = ""
            try:
                raw = self._taken(self._ask())
            except Back:
                if self.at == 1:
                    raise Malformed("the card was not read") from None
                self.at, self.wrong = self.at - 1, []
                continue
            except (Refused, Malformed) as trouble:
                said = str(trouble)
                continue
            if raw is None and len(self.lines) == _HEADER_LINES:
                self._check_whose((card.beginning(self.lines) + bytes(SEALED))[:SEALED])
            elif raw is not None:
                self._check_whose(raw)
                self._forget()
                return raw

    def _draw(self, said: str) -> None:
        """What fits so far, the line as it was last typed, and what is wrong with it. Whatever else was typed is gone from the screen:
        it may have been a passphrase (GEN-09)."""
        screen = self.room.screen
        screen.forget()
        screen.show((f"{self.position}: your share card{self.which}.",))
        screen.say(f"{FROM_PAPER} {ABOUT}" if self.drawn else ABOUT)
        for number, line in enumerate(self.lines, start=1):
            *groups, check = card.grouped(line).split()
            screen.show((f"  {number}  {' '.join(groups)}   {check}{'   <- this one?' if number == self.at else ''}",))
        if self.wrong:
            screen.show((f"  {self.at}  {' '.join(self.wrong[:-1])}   {self.wrong[-1]}   as typed",))
        if said:
            screen.say(said)

    def _ask(self) -> str:
        if self.wrong:
            what = "once more, or only a group as in 2=7KQM"
        elif self.at <= len(self.lines):
            what = "once more (only Enter keeps it)"
        else:
            what = "a scan, or the path of a picture" if self.at == 1 else f"of {card.LINES}"
        prompt = f"{self.position}, line {self.at}{' ' if what.startswith('of') else ', '}{what}: "
        return self.room.screen.ask(prompt, "a line of the card, its scanned code, or the path of a picture", r".*", EXPLAINED, back=True)

    def _taken(self, text: str) -> bytes | None:
        """What was typed, by its form: a scan, a path, or a line; the sealed share if that makes it whole."""
        if _is_path(text):
            raw = _picture(text)
            if self.drawn:
                _check_paper(raw, self.drawn)
            return scanned(raw)
        if card.is_scan(text) or len(text) > _NO_LINE:
            return card.from_payload(text)
        self._line(text)
        if self.at <= card.LINES:
            return None
        self.at = 1  # if they do not fit each other, each is looked at once more
        return card.from_lines(self.lines)

    def _line(self, text: str) -> None:
        """One line, or one group of the line that was wrong; or nothing, for a line that is to stay."""
        if not text and self.at <= len(self.lines) and not self.wrong:
            self.at += 1
            return
        only = re.fullmatch(r"([1-5]) ?= ?(\S{1,6})", text)
        if only and self.wrong:
            text = " ".join([*self.wrong[: int(only[1]) - 1], only[2], *self.wrong[int(only[1]) :]])
        self.wrong = _as_groups(text) or self.wrong
        self.lines[self.at - 1 : self.at] = [card.check_line(self.at, text)]
        self.at, self.wrong = self.at + 1, []

    def _check_whose(self, raw: bytes) -> None:
        """REC-02: the card of somebody else is told as soon as its header is there, and nothing of it is kept."""
        try:
            header = Header.unpack(raw)
            if header.position != self.position:
                found, expected = f"the {header.mark} card of {header.position}", f"the card of {self.position}"
                do = f"Put it back into its bag. {self.position} takes their own card."
                refuse("REC-02", f"this is not the card of {self.position}", found=found, expected=expected, do=do)
        except (Refused, Malformed):
            self._forget()
            raise

    def _forget(self) -> None:
        self.room.cards.pop(self.position, None)


_NO_LINE = 100
"""Characters: what is longer was not typed by hand, though a scanner that is set to another keyboard may have changed all of it."""
_HEADER_LINES = 3
"""Lines of a card that hold the whole header."""


def _as_groups(text: str) -> list[str]:
    """A line as it was typed, in its five groups; nothing if it has not their form, for it may be anything else, then."""
    groups = text.replace("-", " ").upper().split()
    if len(groups) == card.GROUPS + 1 and groups[0].rstrip(".:)").isdigit():
        groups = groups[1:]
    if len(groups) == 1 and len(groups[0]) == card.LENGTH:
        groups = card.grouped(groups[0]).split()
    even = sum(len(group) == card.GROUP for group in groups)
    return groups if len(groups) == card.GROUPS and even >= card.GROUPS - 1 and "".join(groups).isalnum() else []


def _is_path(text: str) -> bool:
    return "/" in text or text.lower().endswith(PICTURES)


def _check_paper(raw: bytes, drawn: bytes) -> None:
    """Malformed for the file that the card was printed from, by its bytes, and for what a program made of it: a PDF in which the lines
    of a card stand as text. A picture that was made of the file cannot be told from one of the paper: that is for people to see."""
    if raw == drawn or (pdf.is_pdf(raw) and any(_lines_of(raw))):
        raise Malformed(NOT_PAPER)


def _picture(path: str) -> bytes:
    """A file that is there. What was typed is not repeated if there is none: it may have been a passphrase."""
    try:
        there = Path(path).is_file()
    except OSError:  # a name that no file system takes
        there = False
    if not there:
        raise Malformed("There is no such file. Type the path of the picture, or the lines of the card.")
    return read_file(Path(path), pdf.MAX_PDF)
