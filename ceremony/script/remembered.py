"""What people remember of the record is asked before a run begins: nothing that they signed can then have been cut off (BRD-06, AUD-10).

At each checkpoint the screen gives the entry's number and two words to note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from ceremony.base.control import refuse
from ceremony.base.words import spoken
from ceremony.record import checkpoint, entries, runs
from ceremony.record.register import Ceremony, Register
from ceremony.record.state import State
from ceremony.screen.terminal import Terminal

WORDS = 2
"""Of an entry's digest, as people note them."""
NONE = "none"


def words_of(digest: str) -> tuple[str, ...]:
    """The two words that stand for an entry."""
    return spoken(digest, WORDS)


def told(text: str, *, numbered: bool = True) -> str:
    """What to note of a checkpoint that is signed now. `numbered`: with the ceremony's number, by which who has a note knows that this
    ceremony was begun; without it where people have still to read that number from their closing slips (ASM-05)."""
    said = checkpoint.parse(text)
    ceremony = f"ceremony {said.ceremony}, " if numbered else ""
    return f"Note: {ceremony}entry {said.seq}, words {' '.join(words_of(said.head))}."


def newest(screen: Terminal, person: str, register: Register | None) -> int:
    """AUD-10: the newest ceremony that this person's slips and notes name; one that the register lacks was cut off it.

    Also one whose folder is there and says that it was never begun: nobody has a note of a ceremony before all have signed that it begins,
    so what was signed in it was cut off."""
    known = len(register.ceremonies) if register is not None else 0
    said = "No ceremony of that number was begun in this register. Read the number once more."
    number = screen.once_more(lambda: _number(screen, person), lambda typed: typed <= known, said)
    if number > known:
        _cut(f"ceremony {number}, on the slips and notes of {person}", f"ceremony {known} or less, the newest that is here")
    return number


def _number(screen: Terminal, person: str) -> int:
    prompt = f"{person}, newest ceremony on your slips and notes (0 if none): "
    return int(screen.ask(prompt, "the number, such as 7; 0 if you have neither slip nor note", r"0|[1-9][0-9]{0,3}"))


def notes(screen: Terminal, ceremony: Ceremony, count: int, first: str, *, always: bool) -> tuple[entries.Note, ...]:
    """The notes of `first` (the witness) and of one custodian or officer who was in the newest signed run (`always`: or in any other).

    `count`: how many entries stand."""
    state = State(ceremony.state.entries[:count])
    others = [person for person in present(state) if person not in ("administrator", "witness", first)]
    found = [_note(screen, first, state)]
    if others or always:
        who = " ".join(others) if others else "a custodian or officer"
        pattern = "|".join([*others, NONE]) if others else rf"[A-I][1-9]|cfo|cto|{NONE}"
        expected = "one of them who noted words; none if nobody did or is here"
        person = screen.ask(f"Who reads their note ({who}, or none)? ", expected, pattern)
        if person != NONE:
            found.append(_note(screen, person, state))
    return tuple(found)


def present(state: State) -> tuple[str, ...]:
    """Who signed in the newest run that all signed, each once."""
    signed = [run for run in runs.split(state.entries) if run.signed]
    if not signed:
        return ()
    within = state.entries[signed[-1].first : signed[-1].end]
    return tuple(dict.fromkeys(e.actor for e in within if isinstance(e.body, entries.Signature) and e.body.text is not None))


def _note(screen: Terminal, person: str, state: State) -> entries.Note:
    """One person's note, asked once more if it is another; AUD-10 for the second."""
    tries = 2
    about = f"one of the {len(state.entries)} entries that are here, with its words"
    while True:
        prompt = f"{person}, entry number of your newest note of this ceremony (or none): "
        text = screen.ask(prompt, "the number, such as 57, or none", rf"[1-9][0-9]{{0,6}}|{NONE}")
        if text == NONE:
            return entries.Note(person=person)
        prompt = f"{person}, both words of that note: "
        said = screen.ask(prompt, "two words, such as: aardvark adroitness", r"[A-Za-z]{2,20} +[A-Za-z]{2,20}")
        number = int(text)
        if number <= len(state.entries) and _same(said.split(), words_of(state.entries[number - 1].line.digest)):
            return entries.Note(person=person, entry=number)
        tries -= 1
        if not tries:
            _cut(f"entry {number} with other words, on the note of {person}", about)
        screen.say("No entry of that number has these words here. Read your newest note of this ceremony once more.")


def _same(said: Sequence[str], words: Iterable[str]) -> bool:
    return [word.lower() for word in said] == [word.lower() for word in words]


def _cut(found: str, expected: str) -> NoReturn:
    refuse(
        "AUD-10",
        "the record is shorter than what somebody noted of it, or another one",
        found=found,
        expected=expected,
        do="Stop. Something may have been cut off, also a signature. Compare with other people's notes, and get the newest copy.",
    )
