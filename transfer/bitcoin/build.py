"""Build the signing request: the same facts always give the same bytes.

Largest coins first, change to the account's own branch 1, inputs and outputs in the order of BIP-69 (psbt), version,
sequence and locktime from `rules`."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from transfer.bitcoin import rules
from transfer.bitcoin.account import CHANGE, Account, Own, opened
from transfer.bitcoin.address import script_of
from transfer.bitcoin.psbt import Origin, Psbt, RequestInput, in_order, outputs_in_order
from transfer.bitcoin.snapshot import Coins, OwnCoin
from transfer.bitcoin.tx import MAX_MONEY, Transaction, TxIn, TxOut
from transfer.request import AccountKey, SigningRequest


@dataclass(frozen=True, slots=True)
class Choice:
    """Coins that pay for `outputs` and the fee that is left."""

    coins: tuple[OwnCoin, ...]
    outputs: tuple[TxOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be paid and how: satoshi, an address, a rate in satoshi per 1,000 virtual bytes.

    `change_index` is the first unused index of branch 1. `reserved` are outpoints ("txid:vout") that unsettled transactions
    spend and that are left alone. With `replacing`, one of these outpoints is spent for certain, whether reserved or not, so
    that the new transaction conflicts with the old one (BRD-06)."""

    payee: str
    amount: int
    max_fee: int
    rate: int
    change_index: int
    reserved: Set[str] = frozenset()
    replacing: Set[str] = frozenset()


def build(account: AccountKey, coins: Coins, order: Order) -> SigningRequest:
    """The signing request of an order. Malformed if address, amount, rate or coins do not do; TXN-12 if the fee would be above
    the greatest one allowed."""
    if coins.account != account:
        raise Malformed(f"the coins are not of the account {account.name}")
    ours = opened(account)
    change = ours.own(CHANGE, order.change_index)
    payment = _payment(order, account, change)
    choice = _choose(_in_turn(coins, order), payment, change, order.rate)
    fee = sum(coin.amount for coin in choice.coins) - sum(output.amount for output in choice.outputs)
    if fee > order.max_fee:
        do = "Lower the rate, or authorize a higher fee."
        refuse("TXN-12", "fee", found=f"{fee} sat", expected=f"at most {order.max_fee} sat", do=do)
    raw = _request(ours, choice, change).raw
    if len(raw) > rules.MAX_REQUEST:
        raise Malformed(f"the request would have {len(raw)} bytes, expected at most {rules.MAX_REQUEST}: send fewer coins at once")
    return SigningRequest("bitcoin", raw)


def _payment(order: Order, account: AccountKey, change: Own) -> TxOut:
    payment = TxOut(order.amount, script_of(order.payee, account.network))
    if not rules.dust_limit(payment.script) <= order.amount <= MAX_MONEY:
        raise Malformed(f"the amount is {order.amount} sat, expected {rules.dust_limit(payment.script)} sat or more")
    if payment.script == change.script:
        raise Malformed("the payee's address is the account's own next change address")
    if order.rate < 1:
        raise Malformed(f"the fee rate is {order.rate}, expected 1 sat per 1,000 virtual bytes or more")
    return payment


def _in_turn(coins: Coins, order: Order) -> tuple[OwnCoin, ...]:
    """The coins that may be spent, in the order in which they are taken: the conflicting one, then the largest."""
    ranked = sorted((coin for coin in coins.items if coin.mature), key=lambda coin: (-coin.amount, coin.txid, coin.vout))
    first = [coin for coin in ranked if coin.outpoint in order.replacing][:1]
    if order.replacing and not first:
        raise Malformed("none of the coins that the new transaction must spend is in the snapshot; the old one may be in a block")
    left_alone = order.reserved - order.replacing | {coin.outpoint for coin in first}
    return (*first, *(coin for coin in ranked if coin.outpoint not in left_alone))


def _choose(candidates: tuple[OwnCoin, ...], payment: TxOut, change: Own, rate: int) -> Choice:
    """As few of the coins, in their order, as pay for the payment and the fee; what is left is change unless it is dust."""
    total = 0
    for count, coin in enumerate(candidates[: rules.MAX_INPUTS], start=1):
        total += coin.amount
        alone, both = (payment,), (payment, TxOut(0, change.script))
        rest = total - payment.amount - _fee(count, both, rate)
        if rest >= rules.dust_limit(change.script):
            return Choice(candidates[:count], (payment, TxOut(rest, change.script)))
        if total - payment.amount >= _fee(count, alone, rate):
            return Choice(candidates[:count], alone)
    most = f"at most {rules.MAX_INPUTS} at once"
    raise Malformed(f"the coins that may be spent ({most}) come to {total} sat, too little for {payment.amount} sat and the fee")


def _fee(inputs: int, outputs: tuple[TxOut, ...], rate: int) -> int:
    return (rate * rules.virtual_size(rules.signed_weight(inputs, outputs)) + 999) // 1000


def _request(account: Account, choice: Choice, change: Own) -> Psbt:
    by_outpoint = {(coin.txid, coin.vout): coin for coin in choice.coins}
    inputs = in_order(tuple(TxIn(coin.txid, coin.vout, b"", rules.SEQUENCE) for coin in choice.coins))
    outputs = outputs_in_order(choice.outputs)
    return Psbt(
        Transaction(rules.VERSION, inputs, outputs, rules.LOCKTIME),
        tuple(_request_input(account, by_outpoint[i.txid, i.vout]) for i in inputs),
        tuple(_origin(account, change) if output.script == change.script else None for output in outputs),
    )


def _request_input(account: Account, coin: OwnCoin) -> RequestInput:
    return RequestInput(coin.previous, _origin(account, coin.own))


def _origin(account: Account, own: Own) -> Origin:
    return Origin(own.public_key, account.fingerprint, account.full_path(own.branch, own.index))
