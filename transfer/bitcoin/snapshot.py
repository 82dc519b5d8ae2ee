"""The snapshot: public chain state that the online host collects. Nothing in it is believed before `checked`.

Checked are the previous transactions against their txids, amounts and scripts against these, and scripts against the
account. Heights, times and the rate cannot be checked offline: they choose coins, and never decide what is signed."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Annotated, Literal

from ceremony.base.control import control, refuse
from ceremony.base.data import Btc, Digest, Malformed, Name, Pattern, Time, record
from transfer.bitcoin import tx
from transfer.bitcoin.account import Account, Own, opened
from transfer.bitcoin.bip32 import parse_path
from transfer.bitcoin.tx import Transaction
from transfer.request import AccountKey, Network

CoinPath = Annotated[str, Pattern(r"[01]/(0|[1-9][0-9]{0,3})", "branch 0 or 1 and an index below 10,000, such as 0/5")]
COINBASE_MATURITY = 100
_COLLECT_AGAIN = "Collect the snapshot again, from another node if it repeats, and build from it."


@record
class Coin:
    """An unspent output as the online host reports it; the transaction that made it stands in the snapshot's `previous`."""

    txid: Digest
    vout: int
    amount: Btc
    path: CoinPath
    block_height: int


@record
class Snapshot:
    """`block_height`, `block_hash` and `time` (median time) of the chain's tip; `rate` in satoshi per 1,000 virtual bytes.

    `previous`: txid -> the whole transaction, for every transaction that made a coin, each once however many it made."""

    type: Literal["snapshot"]
    version: Literal["2"]
    chain: Literal["bitcoin"]
    network: Network
    account: Name
    block_height: int
    block_hash: Digest
    time: Time
    rate: int | None = None
    coins: tuple[Coin, ...] = ()
    previous: dict[Digest, bytes]


@dataclass(frozen=True, slots=True)
class OwnCoin:
    """A coin whose amount and script come from the previous transaction and whose script is the account's own."""

    txid: str
    vout: int
    amount: int
    own: Own
    mature: bool
    previous: Transaction

    @property
    def outpoint(self) -> str:
        """ "txid:vout", as people and files name it."""
        return f"{self.txid}:{self.vout}"


_TOKEN = object()


@dataclass(frozen=True, slots=True)
class Coins:
    """The account's coins, proven as far as bytes can prove them. Only `checked` can make one."""

    account: AccountKey
    snapshot: Snapshot
    items: tuple[OwnCoin, ...]
    token: InitVar[object]

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("Coins are made by snapshot.checked alone")

    @property
    def total(self) -> int:
        """The sum of all amounts in satoshi."""
        return sum(coin.amount for coin in self.items)


def checked(snapshot: Snapshot, account: AccountKey) -> Coins:
    """The coins of a snapshot of this very account: TXN-09 for every previous transaction, TXN-10 for every script."""
    if (snapshot.network, snapshot.account) != (account.network, account.name):
        raise Malformed(f"snapshot: of the account {snapshot.account} on {snapshot.network}, expected {account.name} on {account.network}")
    if len({(coin.txid, coin.vout) for coin in snapshot.coins}) != len(snapshot.coins):
        raise Malformed("snapshot: a coin is there twice")
    ours, previous = opened(account), _previous(snapshot)
    items = tuple(_own_coin(coin, previous[coin.txid], ours, snapshot.block_height) for coin in snapshot.coins)
    return Coins(account, snapshot, items, token=_TOKEN)


def _previous(snapshot: Snapshot) -> dict[str, Transaction]:
    """The previous transactions without their witnesses; TXN-09 if one is missing, Malformed if one belongs to no coin."""
    wanted, there = {coin.txid for coin in snapshot.coins}, set(snapshot.previous)
    if missing := sorted(wanted - there):
        found = f"no transaction {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else "")
        expected = "the whole previous transaction of every coin"
        refuse("TXN-09", "snapshot: previous transactions", found=found, expected=expected, do=_COLLECT_AGAIN)
    if extra := sorted(there - wanted):
        raise Malformed(f"snapshot: the transaction {extra[0]} made none of its coins; collect the snapshot again")
    return {txid: tx.parse(raw, f"snapshot: transaction {txid}").without_witness() for txid, raw in snapshot.previous.items()}


def _own_coin(coin: Coin, previous: Transaction, account: Account, tip: int) -> OwnCoin:
    where = f"coin {coin.txid}:{coin.vout}"
    amount, script = spent_output(previous, coin.txid, coin.vout, where)
    if amount != coin.amount:
        refuse(
            "TXN-09", f"{where}: amount", found=f"{coin.amount} sat", expected=f"{amount} sat, as its transaction says", do=_COLLECT_AGAIN
        )
    branch, index = parse_path(coin.path)
    own = own_script(account, branch, index, script, where)
    mature = not previous.is_coinbase or coin.block_height + COINBASE_MATURITY <= tip + 1
    return OwnCoin(coin.txid, coin.vout, amount, own, mature, previous)


@control("TXN-09")
def spent_output(previous: Transaction, txid: str, vout: int, where: str) -> tuple[int, bytes]:
    """TXN-09: amount and script of an output, from the whole previous transaction whose txid is computed here."""
    if previous.txid != txid:
        refuse("TXN-09", f"{where}: previous transaction", found=previous.txid, expected=txid, do=_COLLECT_AGAIN)
    if vout >= len(previous.outputs):
        refuse("TXN-09", f"{where}: output number", found=str(vout), expected=f"below {len(previous.outputs)}", do=_COLLECT_AGAIN)
    return previous.outputs[vout].amount, previous.outputs[vout].script


@control("TXN-10")
def own_script(account: Account, branch: int, index: int, script: bytes, where: str) -> Own:
    """TXN-10: the address of the account at this path, if `script` is its script."""
    try:
        own = account.own(branch, index)
    except Malformed as error:
        refuse("TXN-10", where, found=str(error), expected="a path of the account", do=_COLLECT_AGAIN)
    if own.script != script:
        refuse("TXN-10", f"{where}: script", found=script[:64].hex(), expected=f"{own.script.hex()} ({own.path})", do=_COLLECT_AGAIN)
    return own
