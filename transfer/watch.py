"""Where a signed transaction stands: what one node says of it and of its coins; nothing is changed (BRD-02, BRD-06)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from transfer.nodes import Node, Sighting, Tip
from transfer.outstanding import spent_by

BLOCKS_BACK = 1_000
"""How far back a spend is searched unless told otherwise: about a week of the main network."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another transaction that spends one of the coins; without a height and with 0 confirmations while it waits."""

    coin: str
    txid: str
    height: int | None
    confirmations: int


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one node: the transaction if the node has it, and every other spend of its coins."""

    tip: Tip
    seen: Sighting | None
    rivals: tuple[Rival, ...]

    @property
    def confirmations(self) -> int:
        """Of the transaction itself; 0 while it waits or is not seen."""
        return self.seen.confirmations if self.seen is not None else 0

    @property
    def deepest(self) -> Rival | None:
        """The rival with the most confirmations, if there is one."""
        return max(self.rivals, key=lambda rival: rival.confirmations, default=None)


def look(node: Node, txid: str, coins: Sequence[str], since: int | None = None) -> Look:
    """What the node says of a transaction and of its coins (`txid:vout`); `since`: the height from which spends are searched.

    Of a transfer whose signing request is not built yet (no `txid`, no coins) there is nothing to ask."""
    tip = node.tip()
    seen = node.sighting(txid, since) if txid else None
    if seen is not None and seen.confirmations:
        return Look(tip, seen, ())
    start = max(0, tip.height - BLOCKS_BACK) if since is None else since
    rivals: dict[str, Rival] = {}
    for coin in coins:
        if coin in rivals:
            continue
        of, _, vout = coin.partition(":")
        spender = node.spender(of, int(vout), start)
        if spender is not None and spender.txid == txid:
            seen = spender
        elif spender is not None:
            rival = Rival(coin, spender.txid, spender.height, spender.confirmations)
            rivals |= {other: replace(rival, coin=other) for other in spent_by(spender.raw)}
    return Look(tip, seen, tuple(rivals[coin] for coin in coins if coin in rivals))
