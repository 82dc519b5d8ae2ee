"""Bags: each share comes in one that was closed in front of two people, and leaves in a new one (STO-01, STO-02, SEC-02)."""

from __future__ import annotations

from typing import get_args

from ceremony.base.control import Refused
from ceremony.record import entries
from ceremony.record.bags import check_intact, check_number, not_intact, to_close
from ceremony.record.custody import BagState
from ceremony.screen import panels
from ceremony.script.opening import present
from ceremony.script.room import TRIES, Room, Steps, refusal

NUMBER = r"[A-Za-z0-9][A-Za-z0-9-]{3,19}"
WORDS = "|".join(word for word in get_args(BagState) if word not in ("intact", "missing"))
LOOK = (
    "Each custodian looks at their bag before it is cut open: number, closure, seams. Its number alone says that it is intact. If it is "
    f"not, a word after it: {WORDS.replace('|', ', ')}. If there is no bag: only the word missing."
)
PRINTED = "the number that is printed on the bag: 4 to 20 letters, digits and hyphens"
STATED = f"; after it, if the bag is not intact, one of {WORDS.replace('|', ', ')}; or only: missing"
CLOSE = "Each share goes into a new bag, which is closed here in front of everybody. Type the number that is printed on it."
OLD_BAG = " Keep the bag that was cut open for the administrator, who destroys it."
FORMER = " A share of the former key stays in the bag that it lies in."


def opened(room: Room) -> Steps:
    """STO-01, STO-02: number and state of the bag of everybody who is present, as they see it before it is opened."""
    shut = _shut_at_their_sites(room)
    told = {body.position for body in room.state.all(entries.BagOpened)} - shut
    waiting = [position for position in _holders(room) if position not in told]
    if waiting:
        room.screen.show(panels.paragraph(LOOK))
    for position in waiting:
        yield from _asked(room, position, "the number on your bag", f"missing|{NUMBER}( ({WORDS}))?", _as_opened)
    check_intact(room.state, room.book.key_record.set_identifier)
    for body in not_intact(room.state):
        room.screen.say(f"STO-02, recorded: the bag of {body.position} is {body.state}. Officers decide within 14 days what it means.")


def _shut_at_their_sites(room: Room) -> frozenset[str]:
    """Positions whose bag was opened and closed by a health record that came in here: who is here opens that one."""
    state = room.state
    return frozenset(state.actors(entries.BagClosed)) - {body.position for body in to_close(state)}


def _holders(room: Room) -> tuple[str, ...]:
    """Who is present and holds a position of the set that is opened. Who has another one's place comes to a resharing without a share,
    and to a transfer or a sweep."""
    kind, shares = room.state.opened.kind, room.custody.shares
    held = room.holders if kind == "transfer" else room.plan.positions
    return tuple(p for p in present(room) if p in held and not (kind == "reshare" and shares[p].former))


def closed(room: Room) -> Steps:
    """STO-01, SEC-02: everybody whose bag was opened here, or whose share was made here, closes a new one."""
    waiting = _to_close(room)
    if waiting:
        room.screen.show(panels.paragraph(CLOSE + _of_the_old_one(room)))
    for position in waiting:
        yield from _asked(room, position, "the number of your new bag", NUMBER, _as_closed)


def _of_the_old_one(room: Room) -> str:
    """What becomes of a bag that was cut open; in a key generation none was, and shares of a former key stay in theirs."""
    if room.state.last(entries.BagOpened) is not None:
        return OLD_BAG
    return FORMER if any(each.ceremony != room.here.number for each in room.book.sets.all) else ""


def _to_close(room: Room) -> tuple[str, ...]:
    if room.state.last(entries.Generated) is None:
        return tuple(body.position for body in to_close(room.state))
    done = {body.position for body in room.state.all(entries.BagClosed)}
    return tuple(p for p in room.charter.custodians if p not in done)


def share_of(room: Room) -> str:
    """The set whose shares are in the bags of this ceremony: the one that it made, or the one that it opens."""
    made = room.state.last(entries.Generated)
    return made.set_identifier if made else room.opening.identifier


def _which(room: Room) -> str:
    """Said of a bag where its custodian has two: in a sweep, which opens the former key's share and not the one in use."""
    return " of the former key" if share_of(room) in {each.identifier for each in room.book.sets.formers} else ""


def _asked(room: Room, position: str, what: str, pattern: str, body_of: object) -> Steps:
    """One bag; a number that cannot be is refused, recorded, and asked for again: it may have been misread."""
    tries = TRIES
    while True:
        text = room.screen.ask(f"{position}, {what}{_which(room)}: ", PRINTED + (STATED if " " in pattern else ""), pattern)
        body = body_of(room, position, text)  # type: ignore[operator]
        try:
            check_number(room.book.bags, body)
        except Refused as wrong:
            tries -= 1
            if not tries:
                raise
            yield ("tool", refusal(wrong))
            room.screen.say(str(wrong))
        else:
            yield (position, body)
            return


def _as_opened(room: Room, position: str, text: str) -> entries.BagOpened:
    if text == "missing":
        return entries.BagOpened(position=position, set_identifier=share_of(room), state="missing")
    number, _, state = text.partition(" ")
    return entries.BagOpened(position=position, set_identifier=share_of(room), bag=number.upper(), state=state or "intact")  # type: ignore[arg-type]


def _as_closed(room: Room, position: str, text: str) -> entries.BagClosed:
    return entries.BagClosed(position=position, set_identifier=share_of(room), bag=text.upper())
