"""Sealed shares on paper: drawn as a PDF in the custodian's own folder, printed by them, read back from the paper before it counts, and
destroyed before two people when a newer one has been proven."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.files import GONE, destroy, write_new
from ceremony.record import entries
from ceremony.script.on_file import Gone, Kept, Unwritten, check_folder, check_gone, told
from ceremony.script.room import Room
from ceremony.script.typed_card import printed, read_card

SUFFIX = ".pdf"
PAPER = "a paper card"
HOW = "paper torn, burned or shredded before {people}, who said so: no program can see it"
WITNESS = "witness"


def name(position: str, sealing: int) -> str:
    """`card-A1-0002.pdf`: the file that is printed from, which goes when its card was proven."""
    return f"card-{position}-{sealing:04d}{SUFFIX}"


def read(room: Room, position: str, drawn: bytes = b"", which: str = "") -> list[bytes]:
    """The one share on the card that this custodian brought, or has just printed from what was `drawn`."""
    return [read_card(room, position, drawn, which)]


def hand_over(room: Room, position: str, sealing: int, sealed: bytes) -> bytes:
    """Draw the card, let its custodian print it, and read it back from the paper; a card that reads otherwise, or is somebody else's, is
    told, and read again. Unwritten if it cannot be drawn or printed.

    Nobody's folder but their own may hold the file (GEN-10)."""
    try:
        drawn = printed(sealed)
    except Malformed as trouble:
        raise Unwritten(str(trouble)) from None
    _write(room, position, sealing, drawn)
    room.screen.fresh(())
    room.screen.say(
        f"{position}: print {name(position, sealing)} from your own medium, on paper that lasts; no copy may stay in a printer."
    )
    prompt = f"{position}: your card number {sealing} is printed, and in your hand. [Enter or n] "
    while not room.screen.ask(prompt, *_PRINTED):
        try:
            (raw,) = read(room, position, drawn)
            said = f"{position}: this is another card. Expected number {sealing}, the one that was printed just now."
        except (Refused, Malformed) as trouble:
            raw, said = b"", told(room, trouble)
        if raw == sealed:
            return raw
        room.screen.forget()
        room.screen.say(said)
        prompt = f"{position}: the right card, number {sealing}, is in your hand. [Enter or n] "
    tidy(room, position, [sealing])
    raise Unwritten(f"Card number {sealing} does not count; if any of it came out of the printer, destroy that.")


_PRINTED = (
    "Enter alone, or n if there is none",
    "n?",
    "Enter: read it back from the paper. n: it cannot be printed, or read; it goes onto something else.",
)


def _write(room: Room, position: str, sealing: int, raw: bytes) -> None:
    """The file to print from, onto the custodian's own medium; another one is asked for if it cannot be written there."""
    while True:
        folder = room.medium(position)
        path = folder / name(position, sealing)
        try:
            check_folder(folder, position)
            write_new(path, raw, mode=0o600)
        except (OSError, Malformed, Refused) as trouble:
            room.media.pop(position, None)
            room.screen.say(f"{position}: nothing was written. {told(room, trouble)}")
            room.screen.enter(f"{position}: another medium of your own is in.")
        else:
            return


def tidy(room: Room, position: str, numbers: Collection[int]) -> None:
    """The files that cards of these sealing numbers were printed from go: they hold the sealed share, too."""
    folder = room.medium(position)
    cut_off = sorted(folder.glob(f"{GONE}*{SUFFIX}"))
    for path in (*cut_off, *(folder / name(position, number) for number in sorted(numbers))):
        if not path.is_file():
            continue
        destroy(path)
        check_gone(position, path.name, {left.name for left in folder.iterdir()})


def remove(room: Room, position: str, numbers: Collection[int]) -> Iterator[Gone | Kept]:
    """SEC-01, SEC-04: cards of these numbers are destroyed before two people, who say so; a card that is not is asked for again later."""
    for number in sorted(numbers):
        people = _before(room, position)
        room.screen.say(
            f"{position}: card number {number} is replaced and opens nothing new. It is destroyed now, so that nobody reads it."
        )
        said = [
            room.screen.ask(
                f"{person}: I saw card {number} of {position} destroyed, or it was never printed. [Enter or n] ",
                "Enter alone, or n if it is not",
                "n?",
            )
            for person in people
        ]
        if any(said):
            room.screen.say(f"Card {number} of {position} still exists. It is refused from now on as an old card; destroy it today.")
            yield Kept(number, PAPER, f"not destroyed, as {' and '.join(p for p, no in zip(people, said, strict=True) if no)} said")
            continue
        yield Gone(number, PAPER, HOW.format(people=" and ".join(people)))


def _before(room: Room, position: str) -> tuple[str, ...]:
    """Who sees it: the custodian, and the witness; without a witness whoever else signed in; or nobody else."""
    here = [person for person in room.state.actors(entries.Present) if person != position]
    second = [WITNESS] if WITNESS in here else here[:1]
    return (position, *second)
