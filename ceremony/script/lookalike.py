"""Every address that this register ever paid, listed or used itself, beside the ones that are to be paid now (TXN-07)."""

from __future__ import annotations

from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.sweeping import spent_by
from ceremony.script.room import Room
from transfer.agree import Agreed
from transfer.authorization import Authorization
from transfer.bitcoin.reading import review
from transfer.lookalike import check_unlike
from transfer.request import SigningRequest


def check_past(room: Room, proof: Agreed) -> None:
    """TXN-07: no payment of this request goes to an address that only looks like a listed one, a past one or one of our own."""
    book = room.book
    listed = {payee.destination: f"that of {payee.name}, which the policy lists" for payee in book.policy.payees}
    others = {**past(book, room.here.number), **listed}
    for payment in proof.authorized.authorization.payments:
        check_unlike(payment.destination, payment.payee, others)


def past(book: Register, number: int) -> dict[str, str]:
    """Address -> whose it is: what ceremonies before this one paid, and the own addresses in requests of the key in use."""
    found: dict[str, str] = {}
    for ceremony in book.ceremonies[: number - 1]:
        if ceremony.state.last(entries.Authorized) is not None:
            wanted = ceremony.load(Authorization, "authorization")
            found |= {payment.destination: f"one that ceremony {ceremony.number} paid" for payment in wanted.payments}
        if ceremony.number > book.key_began and ceremony.state.last(entries.Agreed) is not None:
            seen = review(SigningRequest("bitcoin", ceremony.raw("request")), spent_by(book, ceremony))
            own = [output.address for output in (*seen.change, *seen.swept)] + [coin.address for coin in seen.inputs]
            found |= dict.fromkeys(own, f"one of our own, of ceremony {ceremony.number}")
    return found
