"""The drill: what was practised elsewhere since the last one, each production share alone, and what its people tell of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from ceremony.base.control import Refused
from ceremony.base.data import Digest, Malformed, decode
from ceremony.record import entries
from ceremony.record.drills import ATTACKS, OVERDUE, began, check_caught, check_practised, day, evidence, held, who_must_come
from ceremony.record.end import VOID
from ceremony.record.verify import Anchored, verify
from ceremony.screen import panels
from ceremony.screen.status import coming
from ceremony.script import ending
from ceremony.script.closing import adjourn
from ceremony.script.room import Room, Steps, last_step, refusal
from transfer.limits import moment


def rehearsed(room: Room) -> Steps:
    """DRL-02: the practice register is verified whole against its own slip, and its transfers by this charter's people count."""
    if room.state.last(entries.Rehearsed) is None:
        proven = room.read("evidence", "the practice register", partial(_verified, room))
        book = room.book
        since = began(book.ceremonies[:-1])
        found = evidence(proven.register, proven.head, book.charter, book.genesis, since, room.clock())
        check_practised([drill.took_part for drill in held(book.ceremonies)], found.took_part, book.charter.custodians)
        yield ("tool", found)
    found = _rehearsed(room)
    room.screen.show((
        *panels.field("practised in", f"ceremonies {', '.join(map(str, found.ceremonies))} of the practice register"),
        *panels.field("took part", " ".join(found.took_part)),
        *panels.field("missing", " ".join(p for p in room.charter.custodians if p not in found.took_part) or "nobody"),
        *panels.field("caught there", ", ".join(f"{name} {ATTACKS[name]}" for name in found.refused) or "no attack"),
    ))  # fmt: skip
    room.screen.enter("administrator and witness: this is what was practised.")


def _verified(room: Room, folder: Path) -> Anchored:
    if not folder.is_dir():
        raise Malformed(f"{folder}: expected a register, which is a folder")
    genesis, head = (_digest(room, name) for name in ("genesis", "head"))
    with room.screen.working("verify the whole practice register"):
        verdict = verify(folder, genesis, head)
    if verdict.anchored is None:
        raise Malformed(f"{folder}: {verdict.said}; a drill takes in a practice register whose ceremonies have all ended")
    return verdict.anchored


def _digest(room: Room, name: str) -> str:
    """Genesis or head of the practice register, from its closing slip."""
    given = room.given.get(f"evidence_{name}") or room.screen.ask(
        f"administrator, {name} of the practice register, from its closing slip: ", "64 hexadecimal digits", "[0-9a-f]{64}"
    )
    return str(decode(Digest, given, name))


def _rehearsed(room: Room) -> entries.Rehearsed:
    found = room.state.last(entries.Rehearsed)
    assert found is not None  # noqa: S101 (the first step wrote it)
    return found


def outcome(room: Room) -> Steps:
    """DRL-01, DRL-03: scenario, injected attack, outcome, remediation, next date. An attack that was not caught fails the drill."""
    if room.state.last(entries.Drilled) is None:
        told = _form(room)
        scenario, attack, result, remediation, next_date = told
        caught: Literal["yes", "no"] = "yes"
        try:
            check_caught(attack, _rehearsed(room).refused)
        except Refused as wrong:
            room.screen.say(str(wrong))
            yield ("tool", refusal(wrong))
            caught = "no"
        body = entries.Drilled(scenario=scenario, attack=attack, caught=caught, outcome=result, remediation=remediation, next=next_date)
        yield ("tool", body)
    told_now = room.state.last(entries.Drilled)
    assert told_now is not None  # noqa: S101 (written above)
    room.screen.fresh((
        *panels.field("scenario", told_now.scenario),
        *panels.field("attack", f"{told_now.attack} {ATTACKS[told_now.attack]}; caught: {told_now.caught}"),
        *panels.field("outcome", told_now.outcome),
        *panels.field("remediation", told_now.remediation),
        *panels.field("next drill", told_now.next),
    ))  # fmt: skip


def _form(room: Room) -> tuple[str, ...]:
    text, letters = "one line, in plain letters", r"[ -~]{3,500}"
    latest = day(room.clock(), OVERDUE)
    room.screen.show(panels.listed("Attacks, by the control that catches them:", [f"{name} {what}" for name, what in ATTACKS.items()]))
    while True:
        told = room.screen.form(
            ("administrator, scenario: who and what was missing, and why", text, letters),
            ("administrator, which attack was injected", f"one of {', '.join(ATTACKS)}", "|".join(ATTACKS)),
            ("administrator, what came of it", text, letters),
            ("administrator, what is to be mended (or: nothing)", text, letters),
            (f"administrator, date of the next drill (by {latest})", f"a date such as {latest}", r"20[0-9]{2}-[01][0-9]-[0-3][0-9]"),
        )
        if _is_day(told[4]) and room.clock()[:10] < told[4] <= latest:
            return told
        room.screen.say(f"DRL-01 Found {told[4]}, expected a day after today and by {latest}, when the next drill is overdue.")


def _is_day(text: str) -> bool:
    try:
        moment(f"{text}T00:00:00Z")
    except Malformed:
        return False
    return True


def close(room: Room) -> Steps:
    """Everyone signs; the drill counts, unless its attack was not caught."""
    yield from adjourn(room)
    yield from last_step(room)
    told = room.state.last(entries.Drilled)
    held = told is not None and told.caught == "yes"
    reason = f"next by {told.next}" if told is not None else ""
    yield ending.closed(room, outcome="drill held" if held else "drill failed", reason=reason)


def next_one(room: Room) -> None:
    """Who must come to the next drill, once the end of this one is signed: before that it does not count."""
    if room.state.opened.kind == "drill" and room.state.closed is not None and room.state.closed.outcome != VOID:
        room.screen.show(coming(who_must_come(room.book)))
