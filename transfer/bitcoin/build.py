"""Build the signing request: the same facts always give the same bytes.

Coins as `select` chooses them, change to the account's own branch 1, inputs and outputs in the order of BIP-69 (psbt),
version, sequence and locktime from `rules`."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from ceremony.base.amounts import format_rate
from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from transfer.bitcoin import rules, select
from transfer.bitcoin.account import CHANGE, SWEPT_TO, Account, Own, opened
from transfer.bitcoin.address import script_of
from transfer.bitcoin.psbt import Origin, Psbt, RequestInput, in_order, outputs_in_order
from transfer.bitcoin.select import Choice, Rates
from transfer.bitcoin.snapshot import Coins, OwnCoin
from transfer.bitcoin.tx import MAX_MONEY, Transaction, TxIn, TxOut
from transfer.outstanding import Claim
from transfer.request import AccountKey, SigningRequest, SweptAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be paid and how: (address, satoshi) of each payment, a rate in satoshi per 1,000 virtual bytes.

    Without payments coins are gathered: the smallest ones, `gather` of them at most, to one own change address; or, if the account
    is one that is swept, all of them, to the first address of the key in use.
    `change_index` is the first unused index of branch 1. `reserved` are outpoints ("txid:vout") that unsettled transactions
    spend and that are left alone. Of each transaction in `replacing` one coin is spent for certain, so that the new one
    conflicts with it (BRD-06), at a fee and a rate for which nodes take the new one instead (BIP-125)."""

    payments: tuple[tuple[str, int], ...]
    max_fee: int
    rate: int
    change_index: int
    reserved: Set[str] = frozenset()
    replacing: tuple[Claim, ...] = ()
    gather: int | None = None
    max_rate: int | None = None
    """The fee rate cap; the wanted rate if absent."""


def build(account: AccountKey, coins: Coins, order: Order) -> SigningRequest:
    """The signing request of an order. Malformed if address, amount, rate or coins do not do; TXN-12 if the fee would be above
    its cap."""
    if coins.account != account:
        raise Malformed(f"the coins are not of the account {account.name}")
    if order.rate < 1:
        raise Malformed(f"the fee rate is {format_rate(order.rate)}, expected 0.001 sat/vB or more")
    ours, home = opened(account), opened(account.to) if isinstance(account, SweptAccount) else opened(account)
    change = ours.own(CHANGE, order.change_index) if home is ours else home.own(*SWEPT_TO)
    if home is not ours and order.payments:
        raise Malformed("a sweep pays nobody")
    rates = _rates(order)
    choice = _chosen(coins, order, _payments(order, account, change), change, rates, sweep=home is not ours)
    most = rates.most(choice.weight)
    if choice.fee > most:
        do = "Lower the rate, authorize a higher fee, or gather fewer coins at once."
        refuse("TXN-12", "fee", found=f"{choice.fee} sat", expected=f"at most {most} sat", do=do)
    raw = _request(ours, choice, home, change).raw
    if len(raw) > rules.MAX_REQUEST:
        raise Malformed(f"the request would have {len(raw)} bytes, expected at most {rules.MAX_REQUEST}: send fewer coins at once")
    return SigningRequest("bitcoin", raw)


def _rates(order: Order) -> Rates:
    """The wanted rate, or just above that of what is replaced; nodes ask for a higher rate and a higher fee (BIP-125)."""
    rate = max((order.rate, *(claim.rate + 1 for claim in order.replacing)))
    return Rates(rate, max(order.max_rate or rate, 1), order.max_fee, sum(claim.fee for claim in order.replacing))


def _payments(order: Order, account: AccountKey, change: Own) -> tuple[TxOut, ...]:
    payments = tuple(TxOut(amount, script_of(address, account.network)) for address, amount in order.payments)
    for payment in payments:
        if not rules.dust_limit(payment.script) <= payment.amount <= MAX_MONEY:
            raise Malformed(f"the amount is {payment.amount} sat, expected {rules.dust_limit(payment.script)} sat or more")
        if payment.script == change.script:
            raise Malformed("the payee's address is the account's own next change address")
    if len({payment.script for payment in payments}) != len(payments):
        raise Malformed("two payments go to one address: make them one")
    if len(payments) >= rules.MAX_OUTPUTS:
        raise Malformed(f"{len(payments)} payments, expected at most {rules.MAX_OUTPUTS - 1}")
    return payments


def _chosen(  # noqa: PLR0913 (coins, what is wanted of them, and how)
    coins: Coins, order: Order, payments: tuple[TxOut, ...], change: Own, rates: Rates, *, sweep: bool
) -> Choice:
    """The coins that may be spent, of which the conflicting one must be, and what they pay."""
    mature = [coin for coin in coins.items if coin.mature]
    forced = _forced(mature, order.replacing)
    freed = {outpoint for claim in order.replacing for outpoint in claim.coins}
    left_alone = order.reserved - freed | {coin.outpoint for coin in forced}
    free = [coin for coin in mature if coin.outpoint not in left_alone]
    if sweep:
        return select.everything(forced, free, change.script, rates)
    if payments:
        return select.pay(forced, free, payments, change.script, rates)
    return select.gather(forced, free, order.gather or rules.MAX_INPUTS, change.script, rates)


def _forced(mature: Sequence[OwnCoin], replacing: Sequence[Claim]) -> list[OwnCoin]:
    """The greatest coin of each transaction that is replaced, unless one that is taken already is a coin of it, too."""
    forced: list[OwnCoin] = []
    for claim in replacing:
        if claim.conflicts(coin.outpoint for coin in forced):
            continue
        coins = [coin for coin in mature if coin.outpoint in claim.coins]
        if not coins:
            refuse(
                "BRD-06",
                f"none of the coins of {claim.txid} is there to be spent",
                found="a snapshot without any of them: it may be in a block, or another transaction spends them",
                expected="one of its coins or more, so that the new transaction conflicts with it",
                do="Look with `online watch` or `online reconcile`. If it is in a block, make its receipt instead.",
            )
        forced.append(min(coins, key=lambda coin: (-coin.amount, coin.outpoint)))
    return forced


def _request(account: Account, choice: Choice, home: Account, change: Own) -> Psbt:
    """`change`: an address of `home`, which is the same account, or of a sweep that of the key in use."""
    by_outpoint = {(coin.txid, coin.vout): coin for coin in choice.coins}
    inputs = in_order(tuple(TxIn(coin.txid, coin.vout, b"", rules.SEQUENCE) for coin in choice.coins))
    outputs = outputs_in_order(choice.outputs)
    return Psbt(
        Transaction(rules.VERSION, inputs, outputs, rules.LOCKTIME),
        tuple(_request_input(account, by_outpoint[i.txid, i.vout]) for i in inputs),
        tuple(_origin(home, change) if output.script == change.script else None for output in outputs),
    )


def _request_input(account: Account, coin: OwnCoin) -> RequestInput:
    return RequestInput(coin.previous, _origin(account, coin.own))


def _origin(account: Account, own: Own) -> Origin:
    return Origin(own.public_key, account.fingerprint, account.full_path(own.branch, own.index))
