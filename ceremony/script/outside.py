"""Before the roll-call: the time from two watches, and the last ceremony from two closing slips; the tool shows neither first."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NoReturn

from ceremony.base.control import Refused, refuse
from ceremony.base.words import spoken
from ceremony.record import entries
from ceremony.record.health import together
from ceremony.record.register import Ceremony
from ceremony.record.rules.outside import PLACES, WORDS, check_readers, check_watches, readers, watches
from ceremony.screen import panels
from ceremony.screen.terminal import Terminal
from ceremony.script.room import Room, Steps
from transfer.limits import moment, written

_PERSON = r"[A-I][1-9]|administrator|witness"
"""Who may read a slip: people who sign in at the roll-call, and with that what is recorded of their reading."""


def clock_and_slips(room: Room) -> Steps:
    """ASM-04, ASM-05: what people know from outside the register and the machine, before either is believed."""
    room.screen.forget()  # what a command before this one showed of the register is not to be read off the terminal
    if room.state.last(entries.Clock) is None:
        yield from _clock(room)
    ended = [c for c in room.book.ceremonies if c.state.closed is not None]
    if ended:
        yield from _slips(room, ended)


def _clock(room: Room) -> Steps:
    """ASM-04: witness and a custodian type date and time from their watches; then the machine's is shown."""
    about = "Two people read date and time, in UTC, from watches of their own. The machine's is shown after that."
    room.screen.show(panels.paragraph(about))
    if "witness" not in _who(room):
        yield _watch(room, "witness")
    while not set(_who(room)) & set(room.charter.custodians):
        person = room.screen.ask("Custodian who reads the time from their own watch: ", "a position such as A1", "[A-I][1-9]")
        if person in room.charter.custodians:
            yield _watch(room, person)
        else:
            room.screen.say(f"{person} is no custodian of the charter.")
    seen = watches(room.state)
    check_watches(seen, room.charter)
    machine = room.clock()
    told = [f"{each.typed} on the watch of {each.person}, when the machine had {each.machine}" for each in seen]
    room.screen.show(panels.listed(f"The machine has {machine}.", told))
    yield ("tool", entries.Clock(machine=machine))


def _who(room: Room) -> tuple[str, ...]:
    return tuple(each.person for each in watches(room.state))


def _watch(room: Room, person: str) -> tuple[str, entries.Watch]:
    return (person, entries.Watch(typed=watch_together(room.screen, person, room.clock)))


def watch_together(screen: Terminal, person: str, clock: Callable[[], str]) -> str:
    """What this person's watch says; asked for once more if it is not together with the machine's clock."""
    return screen.once_more(lambda: watch_of(screen, person), lambda typed: together(typed, clock()), APART)


APART = (
    "That is more than two minutes from the machine's clock, whichever of the two is wrong. Look at date, hour and minute once more; it is "
    "UTC, not the time of this place."
)


def watch_of(screen: Terminal, person: str) -> str:
    """Date and time to the minute, as this person reads them from their own watch before the machine's are shown."""
    while True:
        text = screen.ask(
            f"{person}, date and time (UTC) on your own watch: ",
            "year, month, day, hour and minute in UTC, such as 2026-11-20 10:15",
            r"20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]",
        )
        try:
            return written(moment(f"{text.replace(' ', 'T')}:00Z"))
        except ValueError:
            screen.say("No calendar has that date and time.")


def _slips(room: Room, ended: list[Ceremony]) -> Steps:
    """ASM-05, AUD-10: two people read the last ceremony from their own slips; what is newer than the register, or other, refuses."""
    last = ended[-1]
    about = "Two people, at least one of them a custodian, read from their own closing slips what the last ceremony was. Nobody else looks."
    room.screen.show(panels.paragraph(about))
    while not _enough(room, last.number):
        so_far = ", ".join(readers(room.state, last.number)) or "nobody"
        person = room.screen.ask(
            f"Who reads their slip (so far: {so_far}; none if no other)? ",
            "a position such as A1, or witness, or administrator; none if nobody else has their slip here",
            f"{_PERSON}|none",
        )
        if person == "none":
            check_readers(room.state, last.number, room.charter)
        elif person not in {member.person for member in room.charter.people}:
            room.screen.say(f"{person} is not in the charter.")
        elif person in readers(room.state, last.number):
            room.screen.say(f"{person} has read theirs. Another person, please.")
        else:
            yield from _read(room, person, ended)


def _enough(room: Room, last: int) -> bool:
    try:
        check_readers(room.state, last, room.charter)
    except Refused:
        return False
    return True


def _read(room: Room, person: str, ended: list[Ceremony]) -> Steps:
    last = ended[-1]
    number = room.screen.once_more(lambda: _number(room, person), lambda typed: typed <= last.number, NEWER)
    if number > last.number:
        _rolled_back(person, f"a slip of ceremony {number}", f"ceremony {last.number}, the last one that this register knows to have ended")
    known = ended[number - 1]
    places = _words(room, person, known)
    yield (person, entries.SlipRead(ceremony=number, places=places))
    if number < last.number:
        room.screen.say(f"The words are right, but ceremonies have ended since. Somebody with a newer slip than {person}'s, please.")


NEWER = "This register knows of no ceremony of that number that has ended. Read the number on the slip once more."


def _number(room: Room, person: str) -> int:
    return int(room.screen.ask(f"{person}, number of the ceremony on your slip: ", "the number, such as 7", "[1-9][0-9]{0,3}"))


def _words(room: Room, person: str, known: Ceremony) -> tuple[int, ...]:
    """The places of the words that were right. Asked twice, each time at other places; AUD-10 if neither is this register's head."""
    head, tried = spoken(known.head, WORDS), set[int]()
    while True:
        places = _pick(room, known.number, tried)
        said = [room.screen.ask(f"{person}, word {place} of the head on your slip: ", "one word", "[A-Za-z]{2,20}") for place in places]
        if [word.lower() for word in said] == [head[place - 1].lower() for place in places]:
            return places
        if tried:
            _rolled_back(person, f"other words for the head of ceremony {known.number}", "the words of this register's head")
        tried |= set(places)
        room.screen.say(
            f"{person}: these are not all of this register's. Look at the slip's head, not its genesis; once more, other words."
        )


def _pick(room: Room, number: int, tried: set[int]) -> tuple[int, ...]:
    """Places that the first reader was not asked for, nor this one before."""
    first = next(iter(readers(room.state, number).values()), ())
    free = [place for place in range(1, WORDS + 1) if place not in (*first, *tried)]
    return tuple(sorted(secrets.SystemRandom().sample(free, PLACES)))


def _rolled_back(person: str, found: str, expected: str) -> NoReturn:
    refuse(
        "AUD-10",
        f"the register was rolled back, or this is another one: the closing slip of {person} says so",
        found=found,
        expected=expected,
        do="Stop. Compare with other people's slips. If they agree with this one, get the newest register from who keeps a copy.",
    )
