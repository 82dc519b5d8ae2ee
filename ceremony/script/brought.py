"""Health records that were brought from custodians' own sites come into the register, each once (STO-10, DRL-02).

They are taken in by administrator and witness, alone or while custodians prove their shares here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, load
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record import entries, health
from ceremony.record.bags import check_number
from ceremony.record.signed import read_signed
from ceremony.screen import panels
from ceremony.screen.status import decide
from ceremony.script.opening import custodians, take_in
from ceremony.script.room import Room, Steps, read_as, refusal

BETWEEN = "\n"
"""Between the paths that the command line gave."""


def take(room: Room) -> Steps:
    """STO-10: each record is checked against the register as it stands, and what does not count is told, recorded as refused, and left
    out. Where nobody proves a share here, one at least must count."""
    trouble: Refused | None = None
    for name, raw, signed in _given(room):
        try:
            yield from _one(room, name, raw, signed)
        except Refused as wrong:
            trouble = wrong
            room.screen.say(str(wrong))
            yield ("tool", refusal(wrong))
    if trouble is not None and not custodians(room) and not _told(room):
        raise trouble
    if _cut_off(room):
        raise Malformed("A health record was taken in in half when this was interrupted; give that one once more: `ceremony resume`")
    failed = [(body.position, body) for body in room.state.all(entries.Unhealthy)]
    for position, body in failed:
        room.screen.show(panels.paragraph(decide(position, body.at, body.why, room.clock())))


Given = tuple[str, bytes, tuple[Signature, ...]]
"""A record's name, bytes and signatures."""


def _given(room: Room) -> tuple[Given, ...]:
    """What the command line gave; or, where staff alone is here, or a record was cut off while it was taken in, what is asked for."""
    given = room.given.pop("records", "")
    if given:
        return tuple((Path(each).name, *read_signed(Path(each))) for each in given.split(BETWEEN))
    if _cut_off(room) or not (custodians(room) or _told(room)):
        return room.read("record", "a health record, or of a folder of them", _there)
    return ()


def _there(path: Path) -> tuple[Given, ...]:
    """One record, or all that lie in a folder."""
    found = tuple(sorted(path.glob("health-*.json"))) if path.is_dir() else (path,)
    if not found:
        raise Malformed(f"{path}: no health record lies in this folder")
    return tuple((each.name, *read_as(partial(load, health.HealthRecord), each)[:2]) for each in found)


def _told(room: Room) -> frozenset[str]:
    """Names of the records that were taken in."""
    return frozenset(e.body.file for e in room.state.entries if isinstance(e.body, entries.Healthy | entries.Unhealthy))


def _cut_off(room: Room) -> bool:
    return any(file.kind == "health" and file.name not in _told(room) for file in room.state.all(entries.File))


def _since_listed(room: Room, name: str) -> list[object]:
    """What stands in the transcript after a record's file: of one that was cut off, what came of it already."""
    bodies = [entry.body for entry in room.state.entries]
    at = next((i for i, body in enumerate(bodies) if isinstance(body, entries.File) and body.name == name), len(bodies))
    return bodies[at:]


def _one(room: Room, given: str, raw: bytes, signed: Sequence[Signature]) -> Steps:
    """One record: checked, listed, its signatures, what it says of the share, and of the bag. One that was cut off goes on from there."""
    listed = {file.sha256: file.name for file in room.state.all(entries.File) if file.kind == "health"}
    name = listed.get(sha256(raw), f"health-{len(listed) + 1}.json")
    if name not in _told(room):
        book = room.book
        before = health.Before(book.genesis, room.charter, book.sets, health.of(book.ceremonies))
        found = health.check(raw, given, signed, before, room.clock())
        bags = [body for body in health.bags_of(found) if body not in _since_listed(room, name)]
        for body in bags:
            check_number(book.bags, body)
        wanted = {found.position, found.second}
        yield from take_in(room, name, "health", raw, [s for s in signed if s.signer in wanted])
        yield from ((found.position, body) for body in bags)
        yield (found.position, health.entry_of(raw, name))
    found = health.parse(raw, name)
    room.screen.show(panels.field(found.position, f"{found.machine[:16].replace('T', ' ')} UTC: {found.said}"))
