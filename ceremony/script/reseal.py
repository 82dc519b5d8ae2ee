"""Sealed anew: a custodian whom both officers named gives their share another passphrase, another medium, or both (SEC-01, STO-10).

Each share is opened alone, at its custodian's own site, before the witness. The new sealed share is opened from its medium before
the old one goes; up to then the old one opens with the passphrase of before, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.screen.terminal import Back
from ceremony.script import ending, health, media, on_file, sitting, tried
from ceremony.script.closing import adjourn
from ceremony.script.opening import custodians, sign_in
from ceremony.script.ordered import order_of
from ceremony.script.prepare import alive, end_vault
from ceremony.script.room import Room, Steps, last_step

CHOICES = ("passphrase", "medium", "both")
GIVEN_UP = (
    "This new passphrase is given up: you have to be able to type it years from now. Your share of before is untouched. Choose another one."
)

FORGOTTEN = (
    "Whoever has forgotten their passphrase is not helped by this: nobody can open that share again. The others still can: with them, "
    "`ceremony shares reshare` gives everybody a new share."
)


def roll_call(room: Room) -> Steps:
    """Custodians whom the order names, the witness, and the administrator if they are here."""
    yield from sign_in(room, _here(room))


def _here(room: Room) -> tuple[str, ...]:
    """Who is here, as the command line or they themselves say; who signed in before an interruption stays."""
    ordered = order_of(room).positions
    before = set(room.state.actors(entries.Present))
    expected = f"one or more of those whom the order names ({' '.join(ordered)}), and administrator if they are here"
    given = room.given.pop("positions", "")
    while True:
        text = given or room.screen.ask(
            f"Custodians who are here ({' '.join(ordered)}): ", expected, r"[A-I][1-9]( [A-I][1-9])*( administrator)?"
        )
        given = ""
        named = text.split()
        strangers = [p for p in named if p not in (*ordered, "administrator")]
        if strangers or len(set(named)) != len(named) or not set(named) & set(ordered):
            room.screen.say(f"Found {', '.join(strangers) or text}, expected {expected}, each once.")
        else:
            return tuple(sorted(before | set(named) | {"witness"}))


def reseal(room: Room) -> Steps:
    """One custodian after the other: opened alone, sealed anew, proven; then the one of before goes."""
    if waiting(room):
        yield from health.begin(room, with_order=True)
    while left := waiting(room):
        position = left[0]
        room.screen.fresh((f"{position}: your share alone, sealed anew. Still to come: {' '.join(left[1:]) or 'nobody'}.", ""))
        yield from sitting.unlock_one(room, position)
        if position in sitting.opened(room) and position in sitting.to_lock(room):
            yield from _seal_anew(room, position)
    for position, number in _left(room):
        yield from _remove(room, position, number)
    forgotten = set(sitting.aside(room)) - set(resealed(room))
    yield from end_vault(room, "every share is sealed anew")
    room.screen.say(told(room))
    if forgotten:
        room.screen.say(FORGOTTEN)


def waiting(room: Room) -> tuple[str, ...]:
    """Whose share is still to be sealed anew: here, not done, and not set aside in this run."""
    return tuple(p for p in custodians(room) if p not in (*resealed(room), *sitting.aside(room)))


def _left(room: Room) -> tuple[tuple[str, int], ...]:
    """Positions that were sealed anew here and may have older sealed shares left of which nothing was said (an interruption while they
    were removed), with the number that was proven."""
    identifier = room.book.key_record.set_identifier
    had = ((position, room.book.sets.sealed(position, identifier)) for position in resealed(room))
    return tuple((position, of.proven) for position, of in had if any(n < of.proven and n not in of.removed | of.kept for n in of.begun))


def resealed(room: Room) -> tuple[str, ...]:
    """Positions whose shares were sealed anew in this ceremony, and proven."""
    return health.proven(room)


def _seal_anew(room: Room, position: str) -> Steps:
    """Chosen, locked, written, read back, opened. A passphrase that its custodian cannot type again is given up; nothing is lost."""
    before = room.media.get(position)
    renewed = _choice(room, position)
    yield (position, entries.Chosen(position=position, renewed=renewed))
    while True:
        number, read_back = yield from media.locked(room, position, room.book.key_record.set_identifier, _lock(room, position, renewed))
        if renewed == "medium":
            alive(room).prove_again(position, read_back)
        elif not _proven(room, position, read_back):
            room.screen.fresh(())
            room.screen.say(f"{position}: {GIVEN_UP}")
            continue
        yield (position, entries.Proven(position=position, number=number, sha256=sha256(read_back)))
        break
    yield from _remove(room, position, number, before)


def _choice(room: Room, position: str) -> entries.Renewed:
    """What becomes new, and what the share goes onto then; `b` there goes back to the first."""
    folder, carrier = room.media.get(position), room.carriers[position]
    while True:
        room.screen.fresh(())
        text = room.screen.ask(
            f"{position}, what becomes new ({', '.join(CHOICES)})? ",
            "passphrase, medium, or both; the other one stays as it is",
            "|".join(CHOICES),
        )
        renewed = next(each for each in entries.RENEWED if each == text)
        if renewed == "passphrase":
            return renewed
        try:
            _other_medium(room, position)
        except Back:
            room.carriers[position] = carrier
            if folder is not None:
                room.media[position] = folder
        else:
            return renewed


def _lock(room: Room, position: str, renewed: entries.Renewed) -> Callable[[int], bytes]:
    def lock(number: int) -> bytes:
        if renewed == "medium":
            return alive(room).lock_again(position, number).sealed
        return tried.asked(room, partial(alive(room).lock_new, position, number)).sealed

    return lock


def _proven(room: Room, position: str, read_back: bytes) -> bool:
    """Whether its custodian opened what was read back with the new passphrase, in as many tries as they have."""
    room.screen.fresh(())
    return tried.taken(room, partial(alive(room).prove_new, position, read_back))


def _other_medium(room: Room, position: str) -> None:
    """What the share goes onto from here on; another stick takes the place of the one of before, which stays connected until its share
    is removed. Back: something else becomes new."""
    before = room.carriers[position]
    media.choose(room, position, back=True)
    if room.carriers[position].medium == before.medium == "file":
        room.screen.say(f"{position}: leave the medium of before connected, and insert the new one, with no share on it.")
        used = room.media.pop(position, None)
        while True:
            folder = room.medium(position, back=True)
            try:
                if used is not None and folder.resolve() == used.resolve():
                    raise Malformed("this is the medium of before. Insert the new one and type its folder.")
                on_file.check_folder(folder, position)
            except (Malformed, Refused) as trouble:
                room.screen.say(f"{position}: {on_file.told(room, trouble)}")
                room.media.pop(position)
            else:
                return


def _remove(room: Room, position: str, number: int, before: Path | None = None) -> Steps:
    """SEC-01: every older sealed share goes, also from the medium of before (which has its custodian's signing key, and is what they
    sign with afterwards)."""
    if before is not None and before != room.media.get(position):
        yield from media.remove_older(room, position, number, room.book.key_record.set_identifier)
        room.media[position] = before
    yield from sitting.remove_older(room, position, number)


def told(room: Room) -> str:
    """What came of it, in one line."""
    missing = [p for p in order_of(room).positions if p not in resealed(room)]
    return f"Sealed anew: {' '.join(resealed(room)) or 'none'}." + (f" NOT sealed anew: {' '.join(missing)}." if missing else "")


def close(room: Room) -> Steps:
    """Everyone who is here signs what was done; the order is used."""
    yield from adjourn(room)
    yield from last_step(room)
    yield ending.closed(room, outcome="shares resealed", reason=told(room))
