"""What a ceremony that both officers must order has recorded of their share order, and that it is used once (AUT-01 to AUT-05)."""

from __future__ import annotations

from collections.abc import Collection

from ceremony.record import entries, signers
from ceremony.record.charter import OFFICERS
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.order import ORDERS, ShareOrder, bound, check_signed
from ceremony.record.register import Ceremony, used
from ceremony.record.rules.common import differs, equal
from transfer.authorization import check_head, check_valid

BEGINS = (entries.Alone, entries.Armed, entries.Generated, entries.Unlocked, entries.Sealing)
"""Entries from which on something is done with shares: the order stands before them."""


def check(ceremony: Ceremony, ledger: Ledger, heads: Collection[str]) -> None:
    """Always: no order but where one is due, none used twice, nothing done before it. If anything was done with shares, or it ended and
    was not voided: the order itself.

    `heads`: digests of every entry before this ceremony."""
    taken = [(at, e) for at, e in enumerate(ceremony.state.entries) if isinstance(e.body, entries.Ordered)]
    due = ceremony.kind in ORDERS and (ceremony.kind != "keygen" or ledger.key is not None)
    if not due:
        if taken:
            differs("AUT-01", ceremony, "a share order", "taken in", f"none in a {ceremony.kind}")
        return
    for name in used(ceremony.state):
        if name in ledger.used:
            differs("AUT-05", ceremony, f"share order {name}", f"used by ceremony {ledger.used[name]}", "used once")
    begins = next((at for at, e in enumerate(ceremony.state.entries) if isinstance(e.body, BEGINS)), None)
    if begins is not None and not (taken and taken[0][0] < begins):
        differs("AUT-01", ceremony, f"entry {begins + 1}", "no share order before it", "what both officers ordered, first")
    closed = ceremony.state.closing
    if begins is None and (closed is None or closed.outcome == VOID):
        return  # what was taken in by then may be half of it
    if len(taken) != 1:
        differs("AUT-01", ceremony, "the share orders that it took in", len(taken), "one")
    _check_order(ceremony, ledger, heads, taken[0][1].line.time)


def _check_order(ceremony: Ceremony, ledger: Ledger, heads: Collection[str], time: str) -> None:
    """The order is what was taken in; of this register, charter and set; signed by both officers; valid when it was taken."""
    order = order_of(ceremony)
    body = ceremony.state.last(entries.Ordered)
    said = None if body is None else (body.order, body.identifier, body.kind, body.positions)
    equal("AUT-01", ceremony, "what was ordered", said, (order.digest, order.identifier, order.kind, order.positions))
    if ledger.key is None:
        differs("AUD-08", ceremony, f"a {ceremony.kind}", "no key record before it", "a key generation first")
    bound(order, ORDERS[ceremony.kind], ledger.charter, ledger.key, ledger.genesis)
    check_valid(order, time)
    check_head(order, heads, ceremony.prev)
    signers.signed_by(ceremony, "share-order", OFFICERS, "AUT-02")
    check_signed(order, ceremony.signatures("share-order"), ledger.charter)


def order_of(ceremony: Ceremony) -> ShareOrder:
    """The order that a ceremony took in."""
    return ceremony.load(ShareOrder, "share-order")
