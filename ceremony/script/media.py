"""Custodians' media: the one place where sealed shares are read and written, whatever they lie on (a file, a card, a token).

A sealed share is not secret, so the screen process handles files and cards; a token's PIN is, so it has a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.charter import Medium
from ceremony.record.sets import Carrier
from ceremony.script import on_card, on_file, on_token
from ceremony.script.on_file import Gone, Kept, Unwritten
from ceremony.script.room import Entry, Room, Steps
from shares.envelope import Header

FILE = Carrier("file")
NAMES: dict[Medium, str] = {"file": "a file on a stick", "card": "a paper card", "token": "a hardware token"}


def choose(room: Room, position: str, *, back: bool = False) -> None:
    """What a share is to be locked onto from here on: the charter's one medium, or the one that its custodian chooses of several
    (`back`: or goes back)."""
    allowed = room.charter.media
    medium = allowed[0]
    if len(allowed) > 1:
        room.screen.fresh(())
        made = room.state.last(entries.Generated) is not None
        room.screen.say(f"{position}: your {'new ' if made else ''}share can lie on {' or '.join(NAMES[each] for each in allowed)}.")
        prompt, expected = f"{position}, what is your share locked onto ({', '.join(allowed)})? ", "one of " + ", ".join(allowed)
        answer = room.screen.ask(prompt, expected, "|".join(allowed), back=back)
        medium = next(each for each in allowed if each == answer)
    room.carriers[position] = Carrier(medium)


def newest(room: Room, position: str, set_identifier: str) -> bytes:
    """The sealed share that a custodian brought, from where the register says that it lies: the newest one of this set. If there is
    none of this set, the newest of all, for the vault to refuse it by its header. What a cut-off lock left unproven gives way to the
    proven one beside it: that its passphrase can be typed is known."""
    carrier = _recorded(room, position, set_identifier)
    room.carriers[position] = carrier
    former = set_identifier in {each.identifier for each in room.book.sets.formers}
    which = f" of the former key, set {set_identifier}" if former else ""
    if former:
        room.screen.say(f"{position}: now your share{which}. Not the one of the key in use.")
    found = _read(room, position, carrier, which)
    whole = [(header, raw) for raw in found if (header := _header(raw)) is not None]
    if not whole:
        return found[0]  # refused by whoever reads it, who says what is wrong with it
    had = room.book.sets.sealed(position, set_identifier)
    unproven = {number for number in had.begun if number > had.proven} if had.proven in (h.sealing for h, _ in whole) else set()

    def fits(each: tuple[Header, bytes]) -> tuple[bool, bool, bool, int, bool]:
        header, raw = each
        whole = sha256(raw) == had.begun.get(header.sealing)  # of two copies the one that is as it was locked
        own = header.position == position, header.set_identifier == set_identifier
        return *own, header.sealing not in unproven, header.sealing, whole

    return max(whole, key=fits)[1]


def _read(room: Room, position: str, carrier: Carrier, which: str) -> list[bytes]:
    if carrier.medium == "card":
        return on_card.read(room, position, which=which)
    return on_token.read(room, position, carrier.token) if carrier.medium == "token" else on_file.read(room, position)


def _header(raw: bytes) -> Header | None:
    """The header of what lies there; None if it is no whole sealed share."""
    try:
        return Header.unpack(raw)
    except (Malformed, Refused):
        return None


def _recorded(room: Room, position: str, set_identifier: str) -> Carrier:
    """What the newest sealed share lies on; a crash may have left two of them, on two media: then its custodian says which."""
    had = room.book.sets.sealed(position, set_identifier)
    carriers = list(dict.fromkeys(had.on[number] for number in reversed(had.acceptable)))
    if len(carriers) < 2:
        return carriers[0] if carriers else FILE
    told = [f"{number} {_said(carrier)}" for number, carrier in enumerate(carriers, start=1)]
    opens = "Any of them opens, each with the passphrase that it was locked under."
    room.screen.say(f"{position}: a lock was cut off. Your share may lie on: {'; '.join(told)}. {opens}")
    numbers = "|".join(str(number) for number, _ in enumerate(carriers, start=1))
    return carriers[
        int(room.screen.ask(f"{position}, which of them is in your hand ({numbers.replace('|', ', ')})? ", "a number", numbers)) - 1
    ]


def _said(carrier: Carrier) -> str:
    return NAMES[carrier.medium] + (f", {carrier.token.label} (serial {carrier.token.serial})" if carrier.token else "")


Locked = Generator[Entry, None, tuple[int, bytes]]
"""Entries, and at the end the sealing number and the sealed share as it was read back from its medium."""


def locked(room: Room, position: str, set_identifier: str, lock: Callable[[int], bytes]) -> Locked:
    """SEC-01, REC-12: a share is locked under the next number (`lock` makes the sealed share of it), recorded with what it goes onto,
    written there, read back and compared. A carrier that cannot take it is told, and another one gets the number after that.

    Onto what: as `choose` has it in this run; else what the share was read from, if the charter still allows that."""
    while True:
        try:
            carrier = _ready(room, position)
        except Unwritten as trouble:
            _another(room, position, trouble)
            continue
        number = room.book.sets.next_number(position)
        sealed = lock(number)
        yield (
            position,
            entries.Sealing(
                position=position,
                number=number,
                set_identifier=set_identifier,
                sha256=sha256(sealed),
                medium=carrier.medium,
                token=carrier.token,
            ),
        )
        try:
            return number, hand_over(room, position, number, sealed)
        except Unwritten as trouble:
            _another(room, position, trouble)


def _another(room: Room, position: str, trouble: Unwritten) -> None:
    room.screen.say(f"{position}: nothing was written. {trouble}")
    room.screen.enter(f"{position}: another medium of your own is ready, or the same one once more.")
    choose(room, position)


def _ready(room: Room, position: str) -> Carrier:
    """The carrier of a position's next lock, in its custodian's hand."""
    if position not in room.carriers or room.carriers[position].medium not in room.charter.media:
        choose(room, position)
    if room.carriers[position].medium == "token":
        room.carriers[position] = on_token.ready(room, position, room.carriers[position].token)
    else:
        room.medium(position)
    return room.carriers[position]


def working(room: Room, position: str, what: str) -> AbstractContextManager[None]:
    """Says what is being done, and how long it took; nothing of a carrier for which somebody is asked meanwhile."""
    return room.screen.working(what) if room.carriers.get(position, FILE).medium == "file" else nullcontext()


def hand_over(room: Room, position: str, number: int, sealed: bytes) -> bytes:
    """Write a sealed share to what its custodian has chosen, and read it back; what was read is returned, equal to what was written.

    Unwritten if a token cannot take it, or a card cannot be printed."""
    if room.carriers.get(position, FILE).medium == "token":
        return on_token.write(room, position, number, sealed, Header.unpack(sealed).set_identifier)
    if room.carriers.get(position, FILE).medium == "card":
        return on_card.hand_over(room, position, number, sealed)
    return on_file.hand_over(room, position, number, sealed)


def remove_older(room: Room, position: str, number: int, set_identifier: str) -> Steps:
    """SEC-01, SEC-04: sealed shares of this set with lower numbers than this one, which was proven, are removed from what they lie on,
    each one recorded: whose, from which medium, by what, and how; or that it was not. Other sets are not touched."""
    for gone in erased(room, position, set_identifier, number):
        if isinstance(gone, Kept):
            yield not_removed(position, gone)
            continue
        yield (
            position,
            entries.Removed(
                position=position, number=gone.number, medium=gone.medium, tool=f"cold-ceremony {version('cold-ceremony')}", how=gone.how
            ),
        )


def not_removed(position: str, kept: Kept) -> Entry:
    """SEC-01: an older sealed share may exist, as its custodian says."""
    return (position, entries.NotRemoved(position=position, number=kept.number, medium=kept.medium, why=kept.why))


def kept(room: Room, position: str, number: int, why: str) -> Kept:
    """An older sealed share of the set that is opened, which its custodian did not bring."""
    return Kept(number, _said(room.book.sets.sealed(position, room.opening.identifier).on[number]), why)


def destroy_set(room: Room, position: str, set_identifier: str) -> Steps:
    """SEC-05, SEC-04: every sealed share of a retired set goes from everything that it lies on, each one recorded. What is cut off
    between the two is not counted as destroyed."""
    for gone in erased(room, position, set_identifier):
        if isinstance(gone, Kept):
            continue  # what was not destroyed may exist: nothing else is asked of it
        yield (
            position,
            entries.Destroyed(
                position=position,
                set_identifier=set_identifier,
                numbers=(gone.number,),
                medium=gone.medium,
                tool=f"cold-ceremony {version('cold-ceremony')}",
                how=gone.how,
            ),
        )


def erased(room: Room, position: str, set_identifier: str, below: int | None = None) -> Iterator[Gone | Kept]:
    """Sealed shares of one set go from everything that they lie on: those of lower numbers than `below`, or all of them; or are said to
    lie there still."""
    had = room.book.sets.sealed(position, set_identifier)
    left = {n: on for n, on in had.on.items() if n not in had.removed and (below is None or n < below)}
    now = room.carriers.get(position) or had.on.get(max(had.on, default=0), FILE)
    if {now.medium, *(on.medium for on in had.on.values())} != {"token"}:
        on_card.tidy(room, position, [n for n in had.begun if now.medium == "card" or below is None or n < below])
    if "file" in {now.medium, *(on.medium for on in left.values())}:
        yield from on_file.remove(room, position, set_identifier, below, had.removed)
    tokens: dict[entries.Token, list[int]] = {}
    for number, on in left.items():
        if on.token is not None:
            tokens.setdefault(on.token, []).append(number)
    yield from on_token.remove(room, position, set_identifier, below, tokens)
    on_token.close(room)
    yield from on_card.remove(room, position, [n for n, on in left.items() if on.medium == "card"])
