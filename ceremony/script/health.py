"""Each share alone: opened, compared with its commitment, locked again, and never combined with any other (STO-10).

`shares check` is this and nothing else, at a custodian's own site, without administrator and without an HSM; a drill does it, too."""

from __future__ import annotations

import re

from ceremony.machine.usb import ASKED
from ceremony.record import entries
from ceremony.record.state import State
from ceremony.script import ending, media, sitting
from ceremony.script.closing import adjourn
from ceremony.script.opening import custodians, sign_in
from ceremony.script.ordered import taken
from ceremony.script.prepare import alive, end_vault, start_processes
from ceremony.script.room import Room, Steps, last_step
from ceremony.vault.protocol import BeginHealth

WITNESS = "witness"
STAFF = f"administrator {WITNESS}"
"""Who is here when health records are taken in, as it is typed."""


def roll_call(room: Room) -> Steps:
    """A check: one custodian or more, each for themselves, and the witness if there is one. Health records of other sites are taken in by
    administrator and witness, who need no custodian for it."""
    yield from sign_in(room, _here(room, with_staff=False))


def roll_call_of_drill(room: Room) -> Steps:
    """A drill: whoever of the custodians is here (a drill may be without a site), administrator and witness."""
    yield from sign_in(room, (*_here(room, with_staff=True), "administrator", WITNESS))


def _here(room: Room, *, with_staff: bool) -> tuple[str, ...]:
    """Custodians who are here, as the command line or they themselves say; who signed in before an interruption stays."""
    before = {p for p in room.state.actors(entries.Present) if with_staff is False or p in room.charter.custodians}
    before |= {a for kind in (entries.Watch, entries.SlipRead) for a in room.state.actors(kind) if a in room.charter.custodians}
    example = room.charter.custodians[0]
    end = "" if with_staff else f"( {WITNESS})?|{STAFF}"
    expected = f"positions such as {example}" + ("" if with_staff else f"; {WITNESS} after them if they are here; or {STAFF}, for records")
    given, pattern = room.given.pop("positions", ""), rf"[A-I][1-9]( [A-I][1-9])*{end}"
    while True:
        text = given or room.screen.ask("Custodians who are here: ", expected, pattern)
        given = ""
        named = text.split()
        strangers = [p for p in named if p not in room.charter.custodians and (with_staff or p not in STAFF.split())]
        if not re.fullmatch(pattern, text):
            room.screen.say(f"Found {text}, expected {expected}.")
        elif strangers or len(set(named)) != len(named):
            room.screen.say(f"Found {', '.join(strangers) or 'a position twice'}, expected custodians of the charter, each once.")
        else:
            return tuple(sorted(before | set(named)))


def prove(room: Room) -> Steps:
    """STO-10: one custodian after the other; each share is locked again, under its next number, before the next one is opened."""
    if [p for p in custodians(room) if p not in proven(room)]:
        yield from begin(room)
    while waiting := [p for p in custodians(room) if p not in (*proven(room), *sitting.aside(room))]:
        position = waiting[0]
        room.screen.fresh((f"{position}: your share alone. Still to come: {' '.join(waiting[1:]) or 'nobody'}.", ""))
        yield from sitting.unlock_one(room, position)
        if position in sitting.opened(room) and position in sitting.to_lock(room):
            with media.working(room, position, f"lock, write, read back and prove the share of {position}"):
                yield from sitting.lock_one(room, position)
    for position, number in sitting.to_remove(room):
        yield from sitting.remove_older(room, position, number)
    yield from end_vault(room, "each share was proven alone")
    if custodians(room):
        told = f"Proven alone, and locked again: {' '.join(proven(room)) or 'none'}."
        room.screen.say(told + (f" NOT proven: {' '.join(missing(room))}." if missing(room) else ""))


def missing(room: Room) -> tuple[str, ...]:
    """Custodians who are here and whose share was not proven."""
    return tuple(p for p in custodians(room) if p not in proven(room))


def proven(room: Room) -> tuple[str, ...]:
    """Positions whose shares were proven in this ceremony and are locked again."""
    open_yet = sitting.to_lock(room)
    return tuple(sorted({b.position for b in room.state.all(entries.Proven) if b.position not in open_yet}))


def unproven(state: State) -> tuple[str, ...]:
    """Positions whose share was set aside in a check that has ended, and was not proven in it."""
    done = {body.position for body in state.all(entries.Proven)}
    return tuple(dict.fromkeys(body.position for body in state.all(entries.SetAside) if body.position not in done))


def begin(room: Room, *, with_order: bool = False) -> Steps:
    """The machine is looked at, and the vault begins with this one task for its life. `with_order`: this ceremony's share order says
    whose shares get another passphrase."""
    yield from start_processes(room, ASKED, whole=False)
    raw, signed = room.book.key_papers
    task = BeginHealth(
        charters=room.book.links,
        genesis=room.genesis,
        key_record=raw,
        key_record_signatures=signed,
        order=room.raw("share-order") if with_order else None,
        order_signatures=room.here.signatures("share-order") if with_order else (),
        taken=taken(room) if with_order else None,
    )
    with room.screen.working("the vault verifies charter and key record"):
        begun = alive(room).begin_health(task)
    yield ("tool", entries.Alone(key_record=begun.key_record))


def close(room: Room) -> Steps:
    """Everyone who is here signs what was proven; the check ends."""
    yield from adjourn(room)
    yield from last_step(room)
    told = {
        "proven": proven(room),
        "not proven": missing(room),
        "proven at their sites": room.state.actors(entries.Healthy),
        "FAILED at their sites": room.state.actors(entries.Unhealthy),
    }
    reason = "; ".join(f"{what}: {' '.join(who)}" for what, who in told.items() if who) or "proven: none"
    yield ending.closed(room, outcome="shares checked", reason=reason)
