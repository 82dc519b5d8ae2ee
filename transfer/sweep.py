"""A sweep takes everything: no coin of the former key is left behind that could have come along. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ceremony.base.amounts import format_btc
from ceremony.base.control import refuse
from transfer.bitcoin import select
from transfer.bitcoin.snapshot import Coins, OwnCoin
from transfer.review import Review


@dataclass(frozen=True, slots=True)
class Stays:
    """The coins of a snapshot that a sweep leaves where they are, by the reason for it."""

    young: tuple[OwnCoin, ...]
    """Of a block's reward, not yet to be spent."""
    held: tuple[OwnCoin, ...]
    """Of another transaction that is signed or prepared."""
    dust: tuple[OwnCoin, ...]
    """They cost more to spend than they bring."""
    later: tuple[OwnCoin, ...]
    """One transaction takes no more: another sweep moves them."""

    @property
    def told(self) -> tuple[str, ...]:
        """Each reason that there is, in words."""
        reasons = (
            ("one transaction takes no more: another sweep moves them", self.later),
            ("another transaction that is signed or prepared spends them", self.held),
            ("rewards of blocks that are too young to be spent", self.young),
            ("they cost more to spend than they bring", self.dust),
        )
        return tuple(f"{len(coins)} coin(s), {format_btc(sum(c.amount for c in coins))}: {why}" for why, coins in reasons if coins)


def stays(review: Review, coins: Coins, held: Collection[str]) -> Stays:
    """What stays. `held`: coins (`txid:vout`) of other transactions that this one does not replace."""
    spent = {f"{each.txid}:{each.vout}" for each in review.inputs}
    left = [coin for coin in coins.items if coin.outpoint not in spent]
    young = tuple(coin for coin in left if not coin.mature)
    taken = tuple(coin for coin in left if coin.mature and coin.outpoint in held)
    free = [coin for coin in left if coin.mature and coin.outpoint not in held]
    dust = tuple(coin for coin in free if select.costs_more(coin.amount, review.rate))
    return Stays(young, taken, dust, tuple(coin for coin in free if coin not in dust))


def check_everything(review: Review, coins: Coins, held: Collection[str], freed: Collection[str] = ()) -> Stays:
    """TXN-01: a sweep spends every coin of the snapshot that it can; if they are too many for one transaction, the greatest of them.

    `freed`: coins of the transactions that it replaces, of which one is spent whatever its size. Returns what stays."""
    known = {coin.outpoint: coin for coin in coins.items}
    strangers = [f"{each.txid}:{each.vout}" for each in review.inputs if f"{each.txid}:{each.vout}" not in known]
    left = stays(review, coins, held)
    if strangers:
        _refuse(f"coin {strangers[0]}, which is not in the snapshot", "coins of the snapshot alone")
    if not left.later:
        return left
    spent = [known[f"{each.txid}:{each.vout}"] for each in review.inputs]
    greatest = max(left.later, key=lambda coin: coin.amount)
    least = min((coin.amount for coin in spent if coin.outpoint not in freed), default=greatest.amount)
    if select.fit_together((*spent, greatest)) or least < greatest.amount:
        _refuse(f"coin {greatest.outpoint}, {format_btc(greatest.amount)}, is left out", "every coin that can be spent, the greatest first")
    return left


def _refuse(found: str, expected: str) -> None:
    refuse(
        "TXN-01",
        "the sweep does not take everything",
        found=found,
        expected=expected,
        do="Build the signing request again from this authorization and the snapshot.",
    )
