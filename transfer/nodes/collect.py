"""The snapshot: what the online host collects of an account, for the cold host to check (transfer/bitcoin/snapshot.py)."""

from __future__ import annotations

from datetime import UTC, datetime

from ceremony.base.data import Malformed
from transfer.bitcoin.account import MAX_INDEX
from transfer.bitcoin.snapshot import Coin, Snapshot
from transfer.nodes import SPAN, Node, Tip, Unspent
from transfer.request import AccountKey

_TRIES = 3


def collect(node: Node, account: AccountKey, span: int = SPAN) -> Snapshot:
    """The account's coins with their whole previous transactions (TXN-09), all as of one and the same tip.

    `span`: how many addresses of each branch are looked at. Malformed if the node is on another network than the account."""
    if not 0 < span <= MAX_INDEX:
        raise Malformed(f"the number of addresses to look at: found {span}, expected 1 to {MAX_INDEX}")
    if (network := node.chain()) != account.network:
        raise Malformed(f"the node is on the network {network}, the account {account.name} on {account.network}: use the right node")
    for _ in range(_TRIES):
        tip = node.tip()
        coins = node.coins(account, span)
        previous = _previous(node, coins)
        if node.tip() == tip:
            return _snapshot(account, tip, node.rate(), coins, previous)
    raise Malformed("the chain moved on each time while the coins were collected; ask again in a minute")


def _previous(node: Node, coins: tuple[Unspent, ...]) -> dict[str, bytes]:
    """Transaction identifier -> whole transaction, each fetched once."""
    return {txid: node.transaction(txid, block_hash) for txid, block_hash in {coin.txid: coin.block_hash for coin in coins}.items()}


def _snapshot(account: AccountKey, tip: Tip, rate: int | None, coins: tuple[Unspent, ...], previous: dict[str, bytes]) -> Snapshot:
    return Snapshot(
        type="snapshot",
        version="2",
        chain="bitcoin",
        network=account.network,
        account=account.name,
        block_height=tip.height,
        block_hash=tip.hash,
        time=datetime.fromtimestamp(tip.median_time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        rate=rate,
        coins=tuple(Coin(txid=coin.txid, vout=coin.vout, amount=coin.amount, path=coin.path, block_height=coin.height) for coin in coins),
        previous=previous,
    )
