"""Which passphrase a sealed share has: the one of the key generation, or one that its custodian chose later (SEC-01).

No passphrase is known here; only in which ceremony each was chosen. A change that was cut off leaves two sealed shares that count,
under two passphrases: then it must be said which is which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ceremony.record import entries
from ceremony.record.register import Ceremony, Register


@dataclass(frozen=True, slots=True)
class Choice:
    """When a passphrase was chosen: the number of the ceremony, and the time (UTC) of the first share that was locked under it."""

    ceremony: int
    time: str
    anew: bool
    """By somebody who had one for this set already."""


def choices(book: Register, position: str, set_identifier: str) -> Mapping[int, Choice]:
    """Sealing number -> when its passphrase was chosen, for one position's sealed shares of one set."""
    found: dict[int, Choice] = {}
    for ceremony in book.ceremonies:
        _fold(found, ceremony, position, set_identifier)
    return found


def _fold(found: dict[int, Choice], ceremony: Ceremony, position: str, set_identifier: str) -> None:
    """A share that was unlocked is locked again under its own passphrase, unless its custodian chose another one since."""
    opened: Choice | None = None
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.Unlocked) and body.position == position:
            opened = found.get(body.number)
        elif isinstance(body, entries.Chosen) and body.position == position and body.renewed != "medium":
            opened = None
        elif isinstance(body, entries.Sealing) and (body.position, body.set_identifier) == (position, set_identifier):
            found[body.number] = opened or Choice(ceremony.number, entry.line.time, anew=bool(found))


def told(book: Register, position: str, set_identifier: str, number: int) -> str:
    """What a custodian is told before they type it: nothing as long as they ever had one passphrase for this set."""
    known, had = choices(book, position, set_identifier), book.sets.sealed(position, set_identifier)
    if number not in known or not any(choice.anew for choice in known.values()):
        return ""
    here, proven = known[number], known.get(had.proven)
    day = here.time[:10]
    if number > had.proven and here != proven:
        return (
            f"{position}: this is sealed share {number}, under the NEW passphrase of {day}, which you have not proven yet. If you cannot "
            f"type it, bring the medium with number {had.proven}: that one opens with your passphrase of before."
        )
    if any(known[other] != here for other in had.acceptable if other > number):
        return (
            f"{position}: a new passphrase was begun and never proven. This is sealed share {number}: it opens with your passphrase of "
            f"BEFORE, chosen on {day}."
        )
    return f"{position}: this is sealed share {number}. Its passphrase is the one that you chose on {day}."
