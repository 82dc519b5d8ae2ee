"""The officers' share order comes into the ceremony that it orders, as its first step, and is used from then on (AUT-05)."""

from __future__ import annotations

from functools import partial

from ceremony.base.data import load
from ceremony.base.signatures import Signature
from ceremony.record import entries
from ceremony.record.charter import OFFICERS
from ceremony.record.order import ORDERS, ShareOrder, bound, check_signed
from ceremony.record.register import Register
from ceremony.screen.documents import order_explained
from ceremony.script.opening import constitution, take_in
from ceremony.script.room import Room, Steps
from transfer.authorization import check_head, check_valid

NAME = "share-order.json"
_WHO = {"reseal": "witness"}
"""Kind of ceremony -> who looks at what was ordered, where administrator and witness are not both there."""


def take(room: Room) -> Steps:
    """AUT-01 to AUT-05: the order is of this register, charter and set, signed by both officers, valid now and unused. What an
    interruption left of it in the record is read from there."""
    raw, signed, wanted = _given(room)
    signed = tuple(s for s in signed if s.signer in OFFICERS)
    if room.state.last(entries.Ordered) is None:
        check_wanted(room.book, wanted, signed, room.state.opened.kind, room.clock())
    yield from take_in(room, NAME, "share-order", raw, signed)
    if room.state.last(entries.Ordered) is None:
        yield ("tool", entries.Ordered(order=wanted.digest, identifier=wanted.identifier, kind=wanted.kind, positions=wanted.positions))
    room.screen.pages((order_explained(wanted),))
    if wanted.kind == "new-key" and (said := left_behind(room.book)):
        room.screen.say(said)
    room.screen.enter(f"{_WHO.get(room.state.opened.kind, 'administrator and witness')}: this is what both officers ordered.")


def left_behind(book: Register) -> str:
    """Of a new key: that too few of those who know a passphrase of the key in use are left to sweep it; nothing if they are enough."""
    record = book.key_record
    left = book.chain.stayed(record.charter)
    if record.plan.enough(left):
        return ""
    return (
        f"NOBODY CAN SWEEP THE KEY IN USE AFTERWARDS: only {' '.join(left) or 'nobody'} still have their own share of it, which is no "
        "quorum; the others were replaced. If anything lies there, stop: amend the charter so that enough of them stay, make the new "
        "key, sweep, and replace the rest then."
    )


def founded(room: Room) -> Steps:
    """The first step of a key generation: charter and policy (SET-04); in a register that has a key has these, the order for a new
    one."""
    yield from take(room) if room.book.has_key else constitution(room)


def order_of(room: Room) -> ShareOrder:
    """The order of this ceremony, from the register's own file."""
    return room.here.load(ShareOrder, "share-order")


def taken(room: Room) -> str:
    """When this ceremony took its order in: it was valid then (AUT-04), and is used."""
    return next(entry.line.time for entry in room.state.entries if isinstance(entry.body, entries.Ordered))


def check_wanted(book: Register, wanted: ShareOrder, signed: tuple[Signature, ...], kind: str, now: str) -> None:
    """Everything that an order can be wrong in, before a byte of it is taken into the record. `kind`: of the ceremony."""
    here = book.ceremonies[-1].number if book.unfinished is not None else 0
    book.check_unspent(wanted.digest, wanted.identifier, here, "share order")
    bound(wanted, ORDERS[kind], book.charter, book.key_record, book.genesis)
    heads = {book.genesis, *(c.head for c in book.ceremonies if c.state.closed is not None)}
    check_head(wanted, heads, book.ceremonies[-1].prev)
    check_signed(wanted, signed, book.charter)
    check_valid(wanted, now)


def _given(room: Room) -> tuple[bytes, tuple[Signature, ...], ShareOrder]:
    """The order that was taken in whole before an interruption, or the one of the command line."""
    if set(room.state.signers("share-order", NAME)) >= set(OFFICERS):
        return room.raw("share-order"), room.here.signatures("share-order"), room.here.load(ShareOrder, "share-order")
    return room.signed("order", "the signed share order", partial(load, ShareOrder))
