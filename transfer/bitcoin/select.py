"""Coin selection: which coins pay for a transfer, and whether it has change. The same coins always give the same choice.

What a choice costs is its fee and, if it has change, what spending that change will cost at the same rate. Taken is the
choice that costs least among: a set without change that fits closely (branch and bound, as Bitcoin Core does it), and the
greatest coins first, with change and without. A fee is never below the rate, but by less than one satoshi where it would be
above the fee rate cap. Amounts are satoshi, rates satoshi per 1,000 virtual bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ceremony.base.data import Malformed
from transfer.bitcoin import rules
from transfer.bitcoin.snapshot import OwnCoin
from transfer.bitcoin.tx import TxOut

TRIES = 100_000
"""Steps of the search for a set without change: about a tenth of a second. Up to 15 coins it is complete."""
INCREMENTAL_RATE = 1_000
"""Satoshi per 1,000 virtual bytes that a replacement pays on top of what it replaces: the most that nodes ask for by default."""
_INPUT_WEIGHT = 4 * rules.INPUT_BYTES + rules.WITNESS_BYTES


@dataclass(frozen=True, slots=True)
class Choice:
    """Coins that pay for `outputs`; what these leave over is the fee."""

    coins: tuple[OwnCoin, ...]
    outputs: tuple[TxOut, ...]

    @property
    def fee(self) -> int:
        """Satoshi."""
        return sum(coin.amount for coin in self.coins) - sum(output.amount for output in self.outputs)

    @property
    def weight(self) -> int:
        """The greatest weight that the signed transaction can have."""
        return rules.signed_weight(len(self.coins), self.outputs)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a transaction must and may cost: the wanted rate, and the caps of rate and fee."""

    rate: int
    fee_rate_cap: int
    fee_cap: int
    replaced_fees: int = 0
    """What the transactions that are replaced pay: a node takes the new one only if it pays more, also for its own size (BIP-125)."""

    def due(self, weight: int) -> int:
        """The fee at the wanted rate, for the greatest weight that the signed transaction can have."""
        size = rules.virtual_size(weight)
        due = min(-(-self.rate * size // 1000), self.fee_rate_cap * size // 1000)
        return max(due, self.replaced_fees + -(-INCREMENTAL_RATE * size // 1000)) if self.replaced_fees else due

    def most(self, weight: int) -> int:
        """The highest fee that both caps allow."""
        return min(self.fee_cap, self.fee_rate_cap * rules.virtual_size(weight) // 1000)

    @property
    def spending(self) -> int:
        """What it will cost to spend one change output."""
        return -(-self.rate * _INPUT_WEIGHT // 4000)


@dataclass(frozen=True, slots=True)
class _Task:
    """Coins that must be spent, coins that may be (greatest first), what is paid, where change goes."""

    forced: tuple[OwnCoin, ...]
    free: tuple[OwnCoin, ...]
    payments: tuple[TxOut, ...]
    change: bytes
    rates: Rates
    target: int
    """What the payments need."""
    plain: int
    """The weight of the payments without an input."""
    changed: int
    """The same with change."""


def pay(forced: Sequence[OwnCoin], free: Sequence[OwnCoin], payments: Sequence[TxOut], change: bytes, rates: Rates) -> Choice:
    """The cheapest choice of coins that pays exactly `payments` and at most one change to the script `change`.

    `forced` are spent whatever it costs. At most 1,000 coins. Malformed if all of them together are too little. If no choice
    is within the fee cap, the cheapest is returned: its caller refuses it."""
    task = _task(forced, free, tuple(payments), change, rates)
    found = [choice for choice in (_with_change(task), _closest(task), _without_change(task)) if choice is not None]
    if not found:
        total = sum(coin.amount for coin in (*task.forced, *task.free)[: rules.MAX_INPUTS])
        most = f"at most {rules.MAX_INPUTS} at once"
        raise Malformed(f"the coins that may be spent ({most}) come to {total} sat, too little for {task.target} sat and the fee")
    return min(found, key=lambda choice: (_too_dear(task, choice), _cost(task, choice)))


def _task(forced: Sequence[OwnCoin], free: Sequence[OwnCoin], payments: tuple[TxOut, ...], change: bytes, rates: Rates) -> _Task:
    return _Task(
        forced=tuple(forced),
        free=tuple(sorted(free, key=_greatest_first)),
        payments=payments,
        change=change,
        rates=rates,
        target=sum(output.amount for output in payments),
        plain=rules.signed_weight(0, payments),
        changed=rules.signed_weight(0, (*payments, TxOut(0, change))),
    )


def gather(forced: Sequence[OwnCoin], free: Sequence[OwnCoin], most: int, change: bytes, rates: Rates) -> Choice:
    """The forced coins and the smallest of the others, `most` in all at most, to one output. A coin that costs as much to spend
    as it brings stays where it is. Malformed if fewer than two are left, or if they are worth nothing after the fee."""
    worth = (*forced, *sorted((coin for coin in free if coin.amount > rates.spending), key=_smallest_first))
    taken = _that_fit(worth[: min(most, rules.MAX_INPUTS)])
    if len(taken) < 2:
        raise Malformed(f"{len(worth)} coin(s) are worth more than it costs to spend them: there is nothing to gather")
    total = sum(coin.amount for coin in taken)
    rest = total - rates.due(rules.signed_weight(len(taken), (TxOut(0, change),)))
    if rest < rules.dust_limit(change):
        raise Malformed(f"the {len(taken)} smallest coins come to {total} sat, too little for the fee")
    return Choice(taken, (TxOut(rest, change),))


def everything(forced: Sequence[OwnCoin], free: Sequence[OwnCoin], script: bytes, rates: Rates) -> Choice:
    """The forced coins and all others, the greatest first, to one output: as many as one transaction takes. A coin that costs as
    much to spend as it brings stays where it is. Malformed if there is none, or if they are worth nothing after the fee."""
    worth = (*forced, *sorted((coin for coin in free if coin.amount > rates.spending), key=_greatest_first))
    taken = _that_fit(worth[: rules.MAX_INPUTS])
    total = sum(coin.amount for coin in taken)
    rest = total - rates.due(rules.signed_weight(len(taken), (TxOut(0, script),)))
    if not taken or rest < rules.dust_limit(script):
        raise Malformed(f"{len(taken)} coin(s) of {total} sat are worth more than it costs to spend them: there is nothing to sweep")
    return Choice(taken, (TxOut(rest, script),))


def fit_together(coins: Sequence[OwnCoin]) -> bool:
    """Whether one signing request takes all of these coins."""
    return len(coins) <= rules.MAX_INPUTS and len(_that_fit(coins)) == len(coins)


def costs_more(amount: int, rate: int) -> bool:
    """Whether a coin brings no more than it costs to spend it at the rate that a transaction has turned out to have: a satoshi more
    or less than the wanted one."""
    return amount <= -(-rate * _INPUT_WEIGHT // 4000) + 1


def _that_fit(coins: Sequence[OwnCoin]) -> tuple[OwnCoin, ...]:
    """The first coins whose whole previous transactions fit into one signing request."""
    size, taken = rules.ROOM_FOR_REST, list[OwnCoin]()
    for coin in coins:
        size += len(coin.previous.stripped) + rules.ROOM_FOR_INPUT
        if size > rules.MAX_REQUEST:
            break
        taken.append(coin)
    return tuple(taken)


def _greatest_first(coin: OwnCoin) -> tuple[int, str, int]:
    return (-coin.amount, coin.txid, coin.vout)


def _smallest_first(coin: OwnCoin) -> tuple[int, str, int]:
    return (coin.amount, coin.txid, coin.vout)


def _cost(task: _Task, choice: Choice) -> int:
    return choice.fee + (task.rates.spending if len(choice.outputs) > len(task.payments) else 0)


def _too_dear(task: _Task, choice: Choice) -> bool:
    return choice.fee > task.rates.most(choice.weight)


def _growing(task: _Task) -> Iterator[tuple[int, int]]:
    """How many coins, and their sum: the forced ones, then one more of the greatest each time."""
    total = sum(coin.amount for coin in task.forced)
    if task.forced:
        yield len(task.forced), total
    for count, coin in enumerate(task.free, start=len(task.forced) + 1):
        if count > rules.MAX_INPUTS:
            return
        total += coin.amount
        yield count, total


def _greatest(task: _Task, count: int) -> tuple[OwnCoin, ...]:
    return (*task.forced, *task.free[: count - len(task.forced)])


def _with_change(task: _Task) -> Choice | None:
    """As few coins as there can be, the greatest first, that leave enough for change."""
    for count, total in _growing(task):
        rest = total - task.target - task.rates.due(rules.with_inputs(task.changed, count))
        if rest >= rules.dust_limit(task.change):
            return Choice(_greatest(task, count), (*task.payments, TxOut(rest, task.change)))
    return None


def _without_change(task: _Task) -> Choice | None:
    """The greatest coins first until they are enough; what is left over goes to the fee, if that is not too much."""
    for count, total in _growing(task):
        if total - task.target >= task.rates.due(rules.with_inputs(task.plain, count)):
            choice = Choice(_greatest(task, count), task.payments)
            return None if _too_dear(task, choice) else choice
    return None


def _closest(task: _Task) -> Choice | None:
    """The set whose sum is closest above what is needed, if it costs less than change would: depth first over the coins, the
    greatest first, leaving out what cannot be enough or is dearer than the best so far.

    A coin that costs as much to spend as it brings never helps here."""
    changed = _with_change(task)
    bound = min(task.rates.fee_cap, task.rates.fee_cap if changed is None else _cost(task, changed) - 1)
    free = tuple(coin for coin in task.free if 4000 * coin.amount > task.rates.rate * _INPUT_WEIGHT)
    best = _Search(task, free).run(bound)
    return None if best is None else Choice((*task.forced, *(free[at] for at in best)), task.payments)


class _Search:
    """Depth first, without recursion. Sums are counted in 4,000ths of a satoshi after each coin's own fee, so that nothing is
    rounded until a set is judged."""

    def __init__(self, task: _Task, free: Sequence[OwnCoin]) -> None:
        self._task = task
        self._amounts = [coin.amount for coin in free]
        rate = min(task.rates.rate, task.rates.fee_rate_cap)
        self._worth = [4000 * amount - rate * _INPUT_WEIGHT for amount in self._amounts]
        self._left = [0] * (len(free) + 1)
        for at in reversed(range(len(free))):
            self._left[at] = self._left[at + 1] + self._worth[at]
        own = sum(coin.amount for coin in task.forced)
        self._start = own - task.target
        self._start_worth = 4000 * (own - task.target) - rate * (task.plain + _INPUT_WEIGHT * len(task.forced))

    def run(self, bound: int) -> tuple[int, ...] | None:
        """Places of the coins in the best set whose fee is at most `bound`; None if the search finds none."""
        best: tuple[int, ...] | None = None
        taken: list[int] = []
        rest, worth, at = self._start, self._start_worth, 0
        for _ in range(TRIES):
            if rest <= bound and self._is_enough(rest, len(taken)):
                best, bound = tuple(taken), rest - 1
            if rest <= bound and at < len(self._amounts) and worth + self._left[at] >= -4000 and self._has_room(taken):
                rest, worth = rest + self._amounts[at], worth + self._worth[at]
                taken.append(at)
                at += 1
                continue
            if not taken:
                break
            last = taken.pop()
            rest, worth = rest - self._amounts[last], worth - self._worth[last]
            at = last + 1
            while at < len(self._amounts) and self._amounts[at] == self._amounts[last]:
                at += 1  # the same amount in the same place would be the same search again
        return best

    def _has_room(self, taken: Sequence[int]) -> bool:
        return len(self._task.forced) + len(taken) < rules.MAX_INPUTS

    def _is_enough(self, rest: int, count: int) -> bool:
        """Pays the fee, and the fee is not too much; judged as `_too_dear` does."""
        inputs, rates = len(self._task.forced) + count, self._task.rates
        if rest < 0 or not inputs:
            return False
        weight = rules.with_inputs(self._task.plain, inputs)
        return rates.due(weight) <= rest <= rates.most(weight)
