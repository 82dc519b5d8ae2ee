"""Which addresses of an account a register has seen in use: no address is given to a payer twice."""

from __future__ import annotations

from ceremony.record.register import Register
from transfer.bitcoin.reading import review
from transfer.bitcoin.snapshot import Snapshot
from transfer.request import AccountKey, SigningRequest


def used(book: Register, account: AccountKey) -> dict[str, int]:
    """Path ("branch/index") -> the first ceremony whose snapshot or signing request has it, of the key in use."""
    found: dict[str, int] = {}
    for ceremony in book.ceremonies[book.key_began :]:
        if ceremony.state.file("snapshot") is None:
            continue
        snapshot = ceremony.load(Snapshot, "snapshot")
        if snapshot.account != account.name:
            continue
        paths = [coin.path for coin in snapshot.coins]
        if ceremony.state.file("request") is not None:
            seen = review(SigningRequest("bitcoin", ceremony.raw("request")), account)
            paths += [*(spent.path for spent in seen.inputs), *(change.path for change in seen.change)]
        for path in paths:
            found.setdefault(path, ceremony.number)
    return found
