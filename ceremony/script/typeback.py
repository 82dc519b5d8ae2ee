"""Type-back: two custodians type groups of the address from the payee slip that they brought, with no address on the screen (TXN-06)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ceremony.base.control import Refused, refuse
from ceremony.record import entries
from ceremony.record.rules.typeback import ASKED, Place, check_typed, groups_of, typed
from ceremony.record.rules.typeback import addresses as addresses_of
from ceremony.screen import panels
from ceremony.script.opening import custodians
from ceremony.script.prepare import agreed
from ceremony.script.room import Room, Steps
from transfer.authorization import Authorization
from transfer.lookalike import is_segwit

ABOUT = (
    "Two custodians type parts of the address from the payee slip that they brought, not from memory and not from each other. "
    "The address is not on the screen. Upper and lower case are the same, unless the address begins with 1, 2 or 3."
)


def type_back(room: Room) -> Steps:
    """TXN-06: what people hold in their hands since the payee confirmed it is what the bytes pay to."""
    wanted = agreed(room).authorized.authorization
    addresses, paper = addresses_of(wanted), paper_of(wanted)
    room.screen.forget()
    if not addresses:
        room.screen.say("Nothing leaves to anybody: all of it comes back to the own account. There is no payee slip to type from.")
        return
    room.screen.show(panels.paragraph(paper.about))
    while not _done(room, addresses):
        so_far = ", ".join(_finished(room)) or "nobody"
        waiting = [p for p in custodians(room) if p not in _finished(room)]
        person = room.screen.ask(
            f"Who types from the {paper.name} (so far: {so_far})? ",
            f"one of {' '.join(waiting)}, with their slip in hand",
            "|".join(waiting),
        )
        yield from _typed(room, person, addresses, paper)
    check_typed(typed(room.state), addresses, room.charter.custodians)


@dataclass(frozen=True, slots=True)
class Paper:
    """What people type from: its name, what is said before, how one group of one address is asked for, and who is to be asked when
    it says something else."""

    name: str
    about: str
    group: str
    again: str


PAYEE_SLIP = Paper(
    "payee slip",
    ABOUT,
    "group {group} of payment {payment} on your payee slip",
    "Either the slip is of another payment, or the address was changed since the payee confirmed it. Compare the slip with other "
    "people's, and call the payee again.",
)
KEY_SLIP = Paper(
    "closing slip of the new key",
    "Nobody outside is paid, but only paper says which key is the new one: a machine that lies would show another. Two custodians type "
    "parts of its first address from the closing slip that they took home when it was made. The address is not on the screen.",
    "group {group} of the first address on your closing slip of the new key",
    "Either the slip is of another key, or this register is not the one in which your new key was made. Compare the slip with other "
    "people's. Nothing is lost: everything is where it was.",
)


def paper_of(wanted: Authorization) -> Paper:
    """Of a sweep the closing slip of the key generation: there is no payee who could have said anything."""
    return KEY_SLIP if wanted.kind == "sweep" else PAYEE_SLIP


def _finished(room: Room) -> tuple[str, ...]:
    return tuple(person for person, places in typed(room.state).items() if len(places) >= ASKED)


def _done(room: Room, addresses: Sequence[str]) -> bool:
    try:
        check_typed(typed(room.state), addresses, room.charter.custodians)
    except Refused:
        return False
    return True


def _typed(room: Room, person: str, addresses: Sequence[str], paper: Paper) -> Steps:
    """One custodian: a wrong group is asked once more with others; a second mismatch stops."""
    taken = {place for other, places in typed(room.state).items() if other != person for place in places}
    tried: set[Place] = set()
    while True:
        places = pick(addresses, taken, tried)
        wrong = [place for place in places if not _asked(room, person, place, addresses, paper)]
        if not wrong:
            break
        if tried:
            refuse(
                "TXN-06",
                f"what {person} types from the {paper.name} is not what this request pays to",
                found="group " + ", ".join(f"{group} of payment {payment}" for payment, group in wrong) + " is another one, twice",
                expected=f"the groups of the {paper.name}",
                do=f"Stop. {paper.again}",
            )
        tried |= set(places)
        room.screen.say(f"{person}: not every group is the request's. Look at the slip once more; now other groups.")
    for payment in sorted({payment for payment, _ in places}):
        yield (person, entries.TypedBack(payment=payment, groups=tuple(sorted(g for p, g in places if p == payment))))


def _asked(room: Room, person: str, place: Place, addresses: Sequence[str], paper: Paper) -> bool:
    payment, group = place
    address = addresses[payment - 1]
    expected = groups_of(address)[group - 1]
    prompt = f"{person}, {paper.group.format(group=group, payment=payment)}: "
    said = room.screen.ask(prompt, "the characters of that group, at most four", "[0-9A-Za-z]{1,4}")
    return said.lower() == expected.lower() if is_segwit(address) else said == expected


def pick(addresses: Sequence[str], taken: Collection[Place], tried: Collection[Place]) -> tuple[Place, ...]:
    """Three groups that nobody has typed and this person was not asked for, of as many payments as there are.

    Never the first group of an address, which everybody knows, as long as there are others."""
    chance = secrets.SystemRandom()
    every = [(n, g) for n, address in enumerate(addresses, start=1) for g in range(1, len(groups_of(address)) + 1)]
    free = [place for place in every if place not in {*taken, *tried}]
    chance.shuffle(free)
    picked: list[Place] = []
    while len(picked) < ASKED and free:
        free.sort(key=lambda place: (place[1] == 1, sum(p == place[0] for p, _ in picked)))
        picked.append(free.pop(0))
    return tuple(sorted(picked))
