"""The practice chain: a regtest chain of its own in a folder, without a network and without another program.

Bitcoin Core's consensus code (py-bitcoinkernel) decides which blocks stand. The folder holds two files of lines, synced as
they grow: `blocks` and `mempool` (every transaction that was taken). They are replayed through the kernel whenever the
chain is opened, so that nothing is lost when a process is killed (the kernel's own database would be), and a changed
file is refused by the kernel. The kernel's own files are thrown away each time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import append_line, make_folder
from transfer.bitcoin import tx
from transfer.bitcoin.account import opened
from transfer.bitcoin.tx import Transaction, TxIn, TxOut
from transfer.nodes import SPAN, Sighting, Tip, Unspent, declined
from transfer.nodes.blocks import Block, build
from transfer.request import AccountKey, Network

MATURITY = 100
"""Blocks until a mined reward may be spent (consensus rule)."""
SPACING = 60
"""Seconds between blocks that are mined together; the last of them is of now."""
GAP = 100
"""Addresses in a row that were never paid, after which nothing more is looked for: deriving all of them takes a second."""
RATE = 2_000
"""Satoshi per kvB: what this chain answers when asked for a fee rate."""
LEAST_RATE = 1_000
"""Satoshi per kvB below which a transaction is not taken, as by nodes in their usual setting."""

_ANYONE = b"\x51"
FAUCET = b"\x00\x20" + hashlib.sha256(_ANYONE).digest()
"""Output script (P2WSH of OP_TRUE) of the practice chain's own coins: anyone can spend them, no key is needed."""
_FEE, _FEE_EACH = 10_000, 50
"""Satoshi that a payment out of the chain's own coins costs, and for each output of it: above `LEAST_RATE` at any likely size."""
_MOST_BLOCKS = 1_000

Outpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Output:
    amount: int
    script: bytes
    height: int
    mined: bool


@dataclass(slots=True)
class _Ledger:
    """What the blocks add up to. It believes them: the kernel has accepted each one before it is added."""

    hashes: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    coins: dict[Outpoint, _Output] = field(default_factory=dict)
    confirmed: dict[str, tuple[int, Transaction]] = field(default_factory=dict)
    spenders: dict[Outpoint, str] = field(default_factory=dict)
    scripts: set[bytes] = field(default_factory=set)

    @property
    def height(self) -> int:
        return len(self.hashes) - 1

    @property
    def median_time(self) -> int:
        last = sorted(self.times[-11:])
        return last[len(last) // 2]

    def add(self, block: Block) -> None:
        self.hashes.append(block.hash)
        self.times.append(block.time)
        for raw in block.transactions:
            transaction = tx.parse(raw)
            txid = transaction.txid
            for spent in transaction.inputs:
                self.coins.pop((spent.txid, spent.vout), None)
                self.spenders[spent.txid, spent.vout] = txid
            for vout, output in enumerate(transaction.outputs):
                self.scripts.add(output.script)
                self.coins[txid, vout] = _Output(output.amount, output.script, self.height, transaction.is_coinbase)
            self.confirmed[txid] = (self.height, transaction)


class _Kernel:
    """A chain in Bitcoin Core's consensus code, in a working folder that is made new and removed again."""

    def __init__(self, folder: Path) -> None:
        import pbk  # noqa: PLC0415 - heavy

        shutil.rmtree(folder, ignore_errors=True)
        self._pbk: Any = pbk
        self._folder = folder
        self._complaints: list[str] = []
        options = pbk.ChainstateManagerOptions(pbk.make_context(pbk.ChainType.REGTEST), str(folder), str(folder / "blocks"))
        options.update_block_tree_db_in_memory(True)
        options.update_chainstate_db_in_memory(True)
        self._manager: Any = pbk.ChainstateManager(options)
        self._chain: Any = self._manager.get_active_chain()
        self._log: Any = pbk.LoggingConnection(self._hear)

    def genesis(self) -> tuple[str, int]:
        """Hash and time of the first block."""
        entry = self._chain.block_tree_entries[0]
        return str(entry.block_hash), int(entry.block_header.timestamp.timestamp())

    def objection(self, block: Block) -> str | None:
        """None if the block is now the tip of the chain; else the kernel's words."""
        self._complaints.clear()
        height = self._chain.height
        try:
            self._manager.process_block(self._pbk.Block(block.raw))
        except (RuntimeError, self._pbk.ProcessBlockException):
            return self._words()
        return None if self._chain.height == height + 1 else self._words()

    def close(self) -> None:
        self._log = self._chain = self._manager = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _hear(self, line: str) -> None:
        if "[error]" in line:
            self._complaints.append(line.partition("[error] ")[2].strip())

    def _words(self) -> str:
        return self._complaints[0] if self._complaints else "the block does not stand"


class PracticeNode:
    """The practice chain of a folder (made if it is not there); one process holds it at a time. `clock` gives seconds since 1970."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        make_folder(self._folder, parents=True, exist_ok=True)
        self._lock = _hold(self._folder)
        try:
            self._kernel = _Kernel(self._folder / "kernel")
            self._ledger = _Ledger()
            genesis, born = self._kernel.genesis()
            self._ledger.hashes.append(genesis)
            self._ledger.times.append(born)
            self._replay(self._kernel)
            self._taken = [_transaction(line) for line in _lines(self._folder / "mempool")]
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> PracticeNode:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._kernel.close()
        os.close(self._lock)

    def chain(self) -> Network:
        """Always regtest: the practice chain's coins are worth nothing anywhere."""
        return "regtest"

    def tip(self) -> Tip:
        """The last block."""
        return Tip(self._ledger.height, self._ledger.hashes[-1], self._ledger.median_time)

    def coins(self, account: AccountKey, span: int = SPAN) -> tuple[Unspent, ...]:
        """The account's coins that can be spent in the next block; the search ends after `GAP` addresses that were never paid."""
        paths = self._paths(account, span)
        return tuple(
            Unspent(txid, vout, output.amount, paths[output.script], output.height, self._ledger.hashes[output.height])
            for (txid, vout), output in sorted(self._ledger.coins.items())
            if output.script in paths and self._mature(output)
        )

    def transaction(self, txid: str, block_hash: str) -> bytes:
        """The whole transaction, if that block holds it."""
        height, transaction = self._ledger.confirmed.get(txid, (-1, None))
        if transaction is None or self._ledger.hashes[height] != block_hash:
            raise Malformed(f"practice chain: the block {block_hash} does not hold the transaction {txid}")
        return transaction.raw

    def rate(self) -> int:
        """A constant."""
        return RATE

    def broadcast(self, raw: bytes) -> str:
        """Take a transaction for the next block, if the kernel accepts a block with it; a higher fee replaces a waiting rival."""
        transaction = tx.parse(raw)
        waiting = self._waiting()
        if transaction.txid in waiting or transaction.txid in self._ledger.confirmed:
            return transaction.txid
        if (words := self._objection(transaction, waiting)) is not None:
            declined(transaction.txid, words)
        append_line(self._folder / "mempool", raw.hex().encode("ascii") + b"\n")
        self._taken.append(transaction)
        return transaction.txid

    def sighting(self, txid: str, since: int | None = None) -> Sighting | None:  # noqa: ARG002 - every block is known
        """Where the transaction is."""
        if txid in self._ledger.confirmed:
            height, transaction = self._ledger.confirmed[txid]
            return Sighting(txid, self._ledger.hashes[height], height, self._ledger.height - height + 1, transaction.raw)
        waiting = self._waiting().get(txid)
        return None if waiting is None else Sighting(txid, None, None, 0, waiting.raw)

    def spender(self, txid: str, vout: int, since: int) -> Sighting | None:  # noqa: ARG002
        """Who spends an output, in a block or waiting."""
        other = self._ledger.spenders.get((txid, vout))
        if other is None:
            other = next((name for name, waiting in self._waiting().items() if (txid, vout) in _spends(waiting)), None)
        return None if other is None else self.sighting(other)

    def mine(self, count: int = 1, script: bytes = FAUCET) -> Tip:
        """Mine blocks whose rewards go to `script`; the first one takes every waiting transaction."""
        now = int(self._clock())
        for left in reversed(range(count)):
            block = self._next(self._waiting(), script, now - left * SPACING)
            if (words := self._kernel.objection(block)) is not None:
                raise Malformed(f"practice chain: the kernel refuses the next block: {words}")
            append_line(self._folder / "blocks", dump(block))
            self._ledger.add(block)
        return self.tip()

    def fund(self, *payments: tuple[bytes, int]) -> str:
        """Pay each (output script, satoshi) in one transaction out of the chain's own coins, mine it, and return its txid."""
        wanted = sum(amount for _, amount in payments) + _FEE + _FEE_EACH * len(payments)
        if not payments or min(amount for _, amount in payments) <= 0:
            raise Malformed("practice chain: each payment is of at least one satoshi")
        spent = self._faucet(wanted)
        change = sum(output.amount for output in spent.values()) - wanted
        inputs = tuple(TxIn(txid, vout, b"", 0xFFFFFFFF, (_ANYONE,)) for txid, vout in spent)
        outputs = (*(TxOut(amount, script) for script, amount in payments), TxOut(change, FAUCET))
        txid = self.broadcast(Transaction(2, inputs, outputs, 0).raw)
        self.mine()
        return txid

    def _paths(self, account: AccountKey, span: int) -> dict[bytes, str]:
        """Output script -> path of the account's addresses that the chain has ever paid."""
        ours, paths = opened(account), dict[bytes, str]()
        for branch in (0, 1):
            last = -1
            for index in range(span):
                script = ours.own(branch, index).script
                if script in self._ledger.scripts:
                    paths[script], last = f"{branch}/{index}", index
                if index - last == GAP:
                    break
        return paths

    def _faucet(self, wanted: int) -> dict[Outpoint, _Output]:
        """Coins of the chain's own for more than `wanted`; mines as many blocks as that takes."""
        for _ in range(_MOST_BLOCKS):
            spent: dict[Outpoint, _Output] = {}
            for outpoint, output in self._ledger.coins.items():
                if output.script == FAUCET and self._mature(output) and sum(coin.amount for coin in spent.values()) <= wanted:
                    spent[outpoint] = output
            if sum(coin.amount for coin in spent.values()) > wanted:
                return spent
            self.mine(max(1, MATURITY + 1 - self._ledger.height))
        raise Malformed(f"practice chain: it cannot mine {wanted} satoshi")

    def _next(self, waiting: Mapping[str, Transaction], script: bytes, at: int) -> Block:
        tip, outputs = self.tip(), self._outputs(waiting)
        fees = sum(_fee(transaction, outputs) for transaction in waiting.values())
        return build(tip, max(tip.median_time + 1, at), script, fees, tuple(waiting.values()))

    def _waiting(self, also: Iterable[Transaction] = ()) -> dict[str, Transaction]:
        """The taken transactions that can still be mined; of two that spend the same coin, the later one."""
        waiting: dict[str, Transaction] = {}
        for transaction in (*self._taken, *also):
            if transaction.txid not in self._ledger.confirmed:
                rest = (other for other in waiting.values() if not _spends(other) & _spends(transaction))
                waiting = self._connected((*rest, transaction))
        return waiting

    def _connected(self, transactions: Iterable[Transaction]) -> dict[str, Transaction]:
        """Those whose coins are on the chain or made by one before them."""
        kept: dict[str, Transaction] = {}
        for transaction in transactions:
            if _spends(transaction) <= self._outputs(kept).keys():
                kept[transaction.txid] = transaction
        return kept

    def _outputs(self, waiting: Mapping[str, Transaction]) -> dict[Outpoint, _Output]:
        made = {
            (txid, vout): _Output(output.amount, output.script, self._ledger.height + 1, mined=False)
            for txid, transaction in waiting.items()
            for vout, output in enumerate(transaction.outputs)
        }
        return self._ledger.coins | made

    def _objection(self, transaction: Transaction, waiting: Mapping[str, Transaction]) -> str | None:
        """Why the transaction is not taken, in the words of nodes; the kernel has the last one."""
        outputs = self._outputs(waiting)
        if transaction.is_coinbase or not _spends(transaction) <= outputs.keys():
            return "bad-txns-inputs-missingorspent"
        if not all(self._mature(outputs[outpoint]) for outpoint in _spends(transaction)):
            return "bad-txns-premature-spend-of-coinbase"
        fee, least = _fee(transaction, outputs), -(-transaction.weight // 4) * LEAST_RATE // 1000
        if fee < 0:
            return "bad-txns-in-belowout"
        if fee < least:
            return f"min relay fee not met, {fee} < {least}"
        rivals = [other for other in waiting.values() if _spends(other) & _spends(transaction)]
        if rivals and fee <= sum(_fee(rival, outputs) for rival in rivals):
            return "insufficient fee, rejecting replacement"
        return self._trial(transaction)

    def _trial(self, transaction: Transaction) -> str | None:
        """What the kernel says of a block with the transaction, on a copy of the chain."""
        kernel = _Kernel(self._folder / "trial")
        try:
            for line in _lines(self._folder / "blocks"):
                kernel.objection(load(Block, line + b"\n", "block"))
            return kernel.objection(self._next(self._waiting((transaction,)), FAUCET, int(self._clock())))
        finally:
            kernel.close()

    def _replay(self, kernel: _Kernel) -> None:
        for number, line in enumerate(_lines(self._folder / "blocks"), start=1):
            block = load(Block, line + b"\n", f"practice chain: block {number}")
            if (words := kernel.objection(block)) is not None:
                raise Malformed(f"practice chain: the kernel refuses block {number} of {self._folder / 'blocks'}: {words}")
            self._ledger.add(block)

    def _mature(self, output: _Output) -> bool:
        return not output.mined or self._ledger.height + 1 - output.height >= MATURITY


def _spends(transaction: Transaction) -> set[Outpoint]:
    return {(spent.txid, spent.vout) for spent in transaction.inputs}


def _fee(transaction: Transaction, outputs: Mapping[Outpoint, _Output]) -> int:
    return sum(outputs[outpoint].amount for outpoint in _spends(transaction)) - sum(output.amount for output in transaction.outputs)


def _transaction(line: bytes) -> Transaction:
    try:
        return tx.parse(bytes.fromhex(line.decode("ascii")))
    except ValueError:
        raise Malformed("practice chain: its file mempool holds a line that is no transaction") from None


def _lines(path: Path) -> list[bytes]:
    """The whole lines of a file that only grows; a torn last line, left by a lost power, is cut off for good."""
    if not path.exists():
        return []
    raw = path.read_bytes()
    *whole, torn = raw.split(b"\n")
    if torn:
        os.truncate(path, len(raw) - len(torn))
    return whole


def _hold(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Malformed(f"{folder}: another process has this practice chain open; wait for it or end it") from None
    return descriptor
