"""A revocation comes into the register, in whatever ceremony is held next, and stops the one that is prepared with it (AUT-04)."""

from __future__ import annotations

from pathlib import Path

from ceremony.base.control import refuse
from ceremony.base.data import load
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.signed import read_signed
from ceremony.screen import panels
from ceremony.script.opening import take_in
from ceremony.script.room import Room, Steps
from transfer.authorization import Authorization
from transfer.revocation import Revocation, check_revocation, check_unrevoked

NAME = "revocation"


def first_of_all(room: Room) -> Steps:
    """AUT-04: a revocation that the command line gave comes into the record before anything else; and a transfer whose own
    authorization is revoked goes no further, while the HSM has signed nothing."""
    yield from take(room)
    _check_whole(room)
    if room.state.file("authorization") is not None and room.state.last(entries.Signing) is None:
        check_unrevoked(room.here.load(Authorization, "authorization"), room.book.revoked)


def take(room: Room) -> Steps:
    """The revocation that the command line gave, verified and kept; nothing if it gave none. Written once, however often it is given."""
    if NAME not in room.given:
        return
    path = Path(room.given[NAME])
    raw, signed = read_signed(path)
    found = load(Revocation, raw, path.name)
    charter = room.charter
    _check_of_this_register(room, found)
    own = check_revocation(found, signed, charter.keys)
    check_in_time(room.book, found)
    if found.authorization in room.book.revoked:
        return
    name = f"{NAME}-{sha256(raw)[:16]}.json"
    yield from take_in(room, name, "revocation", raw, (own,))
    room.screen.show((*panels.field("REVOKED", found.identifier), *panels.field("by", f"{found.officer}: {found.reason}")))


def _check_whole(room: Room) -> None:
    """AUT-04: a revocation that was cut off before its signature counts for nothing yet, and must not be forgotten."""
    signed = {body.file for body in room.state.all(entries.Signature) if body.purpose == "revocation"}
    cut_off = [file.name for file in room.state.all(entries.File) if file.kind == "revocation" and file.name not in signed]
    if cut_off:
        refuse(
            "AUT-04",
            "a revocation was being taken in when this ceremony was interrupted",
            found=f"{', '.join(cut_off)} without its signature",
            expected="the revocation with its officer's signature",
            do="Give it once more with --revocation. Who has it no longer ends this ceremony with `ceremony void`.",
        )


def check_in_time(book: Register, revocation: Revocation) -> None:
    """BRD-06: what the HSM may have signed cannot be revoked: a signed transaction does not expire."""
    for ceremony in book.ceremonies:
        granted = {body.authorization for body in ceremony.state.all(entries.Authorized)}
        if revocation.authorization in granted and ceremony.state.last(entries.Signing) is not None:
            refuse(
                "BRD-06",
                f"the revocation of {revocation.identifier} is too late",
                found=f"SIGN was typed in ceremony {ceremony.number}, so the HSM may have signed",
                expected="a revocation before the word SIGN",
                do="Go on without it. Only a conflicting transaction that the chain takes first stops a signed one.",
            )


def _check_of_this_register(room: Room, found: Revocation) -> None:
    for what, ours, theirs in (("mark", room.charter.mark, found.mark), ("genesis", room.genesis, found.genesis)):
        if ours != theirs:
            refuse("AUD-09", f"the revocation's {what}", found=theirs, expected=ours, do="Use a revocation of this register.")
