"""Custody records come into the register: what happened to shares between ceremonies, as its two people signed it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ceremony.base.data import Malformed, load
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record import entries, exceptional
from ceremony.record.custody import CustodyRecord, check_own, check_signatures
from ceremony.record.register import Register
from ceremony.record.whereabouts import check_record
from ceremony.screen.custody import record_lines
from ceremony.script import ending
from ceremony.script.opening import take_in
from ceremony.script.room import Room, Steps, last_step, read_as

FILES = "custody"
"""What the command line gave: the paths, one in a line."""


def take(room: Room) -> Steps:
    """STO-01, STO-03, STO-04, STO-09: each record is checked against everything before it, shown, and taken in with its signatures.

    After an interruption the same files are given once more; those that are in the record already are passed over."""
    for raw, signed, found in _given(room):
        if any(body.record == found for body in room.state.all(entries.Custody)):
            continue
        check(room.book, found, raw, signed, room.clock(), excepted=exceptional.movement(room.state))
        room.screen.fresh(record_lines(found, room.charter, room.book.whereabouts, tuple(s.signer for s in signed)))
        room.screen.enter("administrator and witness: this goes into the register.")
        name = f"custody-{sha256(raw)[:16]}.json"
        yield from take_in(room, name, "custody", raw, signed)
        yield ("tool", entries.Custody(file=name, record=found))
    cut_off = _cut_off(room)
    if cut_off:
        raise Malformed(f"{', '.join(cut_off)}: taken in half when this was interrupted; give that one once more: `ceremony resume`")


def _given(room: Room) -> Iterator[tuple[bytes, tuple[Signature, ...], CustodyRecord]]:
    parse = partial(load, CustodyRecord)
    if FILES in room.given:
        yield from (read_as(parse, Path(line)) for line in room.given[FILES].split("\n"))
    elif _cut_off(room) or not (room.state.opened.suspensions or room.state.last(entries.Custody)):
        yield room.signed(FILES, "the signed custody record", parse)


def _cut_off(room: Room) -> list[str]:
    """Files that were kept, and then it was interrupted."""
    taken = {body.file for body in room.state.all(entries.Custody)}
    return [file.name for file in room.state.all(entries.File) if file.kind == "custody" and file.name not in taken]


def check(  # noqa: PLR0913 (a record, its signatures, and what it is compared with)
    book: Register, found: CustodyRecord, raw: bytes, signed: tuple[Signature, ...], now: str, *, excepted: bool
) -> None:
    """A record as the cold host takes it: of this register, of people of the charter, by their own signatures, and possible by now."""
    check_own(found, book.charter, book.genesis)
    check_signatures(raw, signed, book.charter)
    check_record(book.whereabouts, book.bags, found, [s.signer for s in signed], now, excepted=excepted)


def close(room: Room) -> Steps:
    """This transcript ends; what came in counts."""
    yield from last_step(room)
    told = [f"{signed.form.act} {signed.form.person}" for signed in room.state.suspensions]
    told += [f"{body.record.event} {' '.join(body.record.positions) or body.record.site}" for body in room.state.all(entries.Custody)]
    yield ending.closed(room, outcome="custody recorded", reason="; ".join(told)[:500])
