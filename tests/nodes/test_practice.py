"""The practice chain: the kernel accepts its blocks, and so does a real node; it survives its process and refuses what is not in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceremony.base.data import Malformed, dump, load
from tests.node import Regtest
from transfer.bitcoin import tx
from transfer.bitcoin.account import opened
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.bitcoin.tx import Transaction, TxIn, TxOut
from transfer.nodes import Unresolved
from transfer.nodes.blocks import Block
from transfer.nodes.collect import collect
from transfer.nodes.core import CoreNode
from transfer.nodes.practice import FAUCET, GAP, PracticeNode
from transfer.request import AccountKey

ANYONE = b"\x51"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[PracticeNode]:
    with PracticeNode(tmp_path / "chain") as node:
        yield node


def own(account: AccountKey, branch: int, index: int) -> bytes:
    return opened(account).own(branch, index).script


def spend(*coins: tuple[str, int], amount: int, script: bytes = FAUCET, witness: bytes = ANYONE, locktime: int = 0) -> Transaction:
    inputs = tuple(TxIn(txid, vout, b"", 0xFFFFFFFD, (witness,)) for txid, vout in coins)
    return Transaction(2, inputs, (TxOut(amount, script),), locktime)


def blocks(folder: Path) -> list[Block]:
    return [load(Block, line + b"\n") for line in (folder / "blocks").read_bytes().splitlines()]


def test_110_blocks(tmp_path: Path) -> None:
    with PracticeNode(tmp_path) as chain:
        assert chain.mine(110).height == 110


def test_snapshot_of_the_account(chain: PracticeNode, account: AccountKey) -> None:
    paid = {"0/0": 123_456_789, "0/99": 1, "1/3": 294}
    txid = chain.fund(*((own(account, *map(int, path.split("/"))), amount) for path, amount in paid.items()))
    snapshot = collect(chain, account)
    assert {coin.path: coin.amount for coin in snapshot.coins} == paid
    assert {coin.txid for coin in snapshot.coins} == {txid}
    assert (snapshot.network, snapshot.block_height, snapshot.block_hash) == ("regtest", 102, chain.tip().hash)
    assert load(Snapshot, dump(snapshot)) == snapshot
    assert checked(snapshot, account).total == sum(paid.values())
    assert len(collect(chain, account, 99).coins) == 2
    assert tx.parse(chain.transaction(txid, snapshot.block_hash)).txid == txid
    with pytest.raises(Malformed, match="does not hold"):
        chain.transaction(txid, "00" * 32)


def test_the_search_ends_after_a_gap(chain: PracticeNode, account: AccountKey) -> None:
    chain.fund((own(account, 0, GAP), 1_000))
    assert chain.coins(account) == ()
    chain.fund((own(account, 0, 0), 1_000))
    assert [coin.path for coin in chain.coins(account)].count("0/0") == 1
    assert len(chain.coins(account)) == 2


def test_rewards_count_only_when_they_can_be_spent(chain: PracticeNode, account: AccountKey) -> None:
    chain.mine(1, own(account, 0, 0))
    chain.mine(98)
    assert chain.coins(account) == ()
    chain.mine()
    assert [(coin.path, coin.amount, coin.height) for coin in chain.coins(account)] == [("0/0", 50 * 10**8, 1)]


def test_a_real_node_takes_every_block(knots: Regtest, account: AccountKey, tmp_path: Path) -> None:
    with PracticeNode(tmp_path) as chain:
        first = chain.fund((own(account, 0, 0), 70_000_000), (own(account, 1, 0), 10_000))
        chain.fund((own(account, 0, 1), 5_000))
        reward = tx.parse(chain.transaction(first, chain.sighting(first).block_hash)).inputs[0]
        for block in blocks(tmp_path):
            assert knots.rpc("submitblock", block.raw.hex()) is None
        real = CoreNode(knots.port, knots.cookie)
        assert real.tip() == chain.tip()
        assert real.coins(account) == chain.coins(account)
        assert collect(real, account).coins == collect(chain, account).coins
        assert real.sighting(first, 0) == chain.sighting(first)
        assert real.spender(reward.txid, reward.vout, 0) == chain.spender(reward.txid, reward.vout, 0) == chain.sighting(first)
        assert real.sighting("ab" * 32, 0) is None


def test_a_signed_spend_is_mined(knots: Regtest, chain: PracticeNode, account: AccountKey, wallet) -> None:
    chain.fund((own(account, 0, 0), 50_000))
    coin = chain.coins(account)[0]
    unsigned = spend((coin.txid, coin.vout), amount=48_000, script=own(account, 0, 1), witness=b"")
    known = {"txid": coin.txid, "vout": coin.vout, "scriptPubKey": own(account, 0, 0).hex(), "amount": "0.00050000"}
    signed = knots.rpc("signrawtransactionwithkey", unsigned.without_witness().raw.hex(), [wallet.wif("0/0")], [known])
    raw = bytes.fromhex(signed["hex"])
    forged = bytearray(raw)
    forged[raw.index(tx.parse(raw).inputs[0].witness[0]) + 20] ^= 1
    with pytest.raises(Unresolved, match="script-verify-flag-failed"):
        chain.broadcast(bytes(forged))
    txid = chain.broadcast(raw)
    seen = chain.sighting(txid)
    assert seen is not None
    assert (seen.block_hash, seen.confirmations) == (None, 0)
    assert chain.spender(coin.txid, coin.vout, 0) == seen
    assert chain.broadcast(raw) == txid, "the same bytes may be sent again"
    tip = chain.mine(6)
    seen = chain.sighting(txid)
    assert seen is not None
    assert (seen.height, seen.confirmations, seen.raw) == (tip.height - 5, 6, raw)
    assert chain.broadcast(raw) == txid
    assert [(coin.path, coin.amount) for coin in chain.coins(account)] == [("0/1", 48_000)]
    assert chain.sighting("ab" * 32) is None


@pytest.mark.control("BRD-02")
def test_what_is_not_in_order_is_declined(chain: PracticeNode) -> None:
    txid = chain.fund((FAUCET, 100_000))
    young = blocks(chain._folder)[-1].transactions[0]
    reward = tx.parse(young)
    cases = {
        "bad-txns-inputs-missingorspent": spend(("ab" * 32, 0), amount=1_000),
        "premature-spend-of-coinbase": spend((reward.txid, 0), amount=1_000),
        "bad-txns-in-belowout": spend((txid, 0), amount=100_001),
        "min relay fee not met": spend((txid, 0), amount=100_000),
        "script-verify-flag-failed": spend((txid, 0), amount=90_000, witness=b"\x52"),
        "bad-txns-nonfinal": spend((txid, 0), amount=90_000, locktime=500),
        "bad-txns-inputs-duplicate": spend((txid, 0), (txid, 0), amount=90_000),
    }
    for words, transaction in cases.items():
        with pytest.raises(Unresolved, match=words) as error:
            chain.broadcast(transaction.raw)
        assert error.value.identifier == "BRD-02"
    with pytest.raises(Malformed):
        chain.broadcast(spend((txid, 0), amount=90_000).raw + b"\x00")
    assert chain.mine().height == 103, "none of them got into a block"


def test_the_dearer_of_two_spends_of_one_coin_is_mined(chain: PracticeNode) -> None:
    coin = (chain.fund((FAUCET, 100_000)), 0)
    first = spend(coin, amount=90_000)
    chain.broadcast(first.raw)
    child = spend((first.txid, 0), amount=80_000)
    chain.broadcast(child.raw)
    with pytest.raises(Unresolved, match="rejecting replacement"):
        chain.broadcast(spend(coin, amount=90_000, script=b"\x00\x14" + bytes(20)).raw)
    second = spend(coin, amount=50_000)
    chain.broadcast(second.raw)
    assert chain.sighting(first.txid) is None
    assert chain.sighting(child.txid) is None
    chain.mine()
    seen = chain.spender(*coin, 0)
    assert seen is not None
    assert (seen.txid, seen.confirmations) == (second.txid, 1)
    with pytest.raises(Unresolved, match="missingorspent"):
        chain.broadcast(first.raw)


def test_only_one_process_holds_the_chain(chain: PracticeNode) -> None:
    with pytest.raises(Malformed, match="another process has this practice chain open"):
        PracticeNode(chain._folder)


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from transfer.nodes.practice import *\n"
        "chain = PracticeNode(Path(sys.argv[1])); txid = chain.fund((FAUCET, 100_000))\n"
        "raw = Transaction(2, (TxIn(txid, 0, b'', 0, (b'\\x51',)),), (TxOut(90_000, FAUCET),), 0).raw\n"
        "print(chain.tip().hash, chain.broadcast(raw), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    tip, txid = done.stdout.split()
    with PracticeNode(tmp_path) as chain:
        assert chain.tip().hash == tip
        chain.mine()
        seen = chain.sighting(txid)
        assert seen is not None
        assert seen.confirmations == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocks", "mempool"]


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    with PracticeNode(tmp_path) as chain:
        chain.mine(3)
    path = tmp_path / "blocks"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with PracticeNode(tmp_path) as chain:
        assert chain.tip().height == 2
        assert chain.mine().height == 3
    with PracticeNode(tmp_path) as chain:
        assert chain.tip().height == 3


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    with PracticeNode(tmp_path) as chain:
        chain.fund((FAUCET, 100_000))
    path, lines = tmp_path / "blocks", (tmp_path / "blocks").read_bytes().splitlines(keepends=True)
    last = load(Block, lines[-1])
    paid_more = last.transactions[1].replace((100_000).to_bytes(8, "little"), (100_001).to_bytes(8, "little"))
    changed = Block(header=last.header, transactions=(last.transactions[0], paid_more))
    for text in ([*lines[:-1], dump(changed)], lines[1:], [*lines, lines[-1]], [*lines, b"{}\n"]):
        path.write_bytes(b"".join(text))
        with pytest.raises(Malformed, match="practice chain"):
            PracticeNode(tmp_path)
    path.write_bytes(b"".join(lines))
    (tmp_path / "mempool").write_bytes(b"nonsense\n")
    with pytest.raises(Malformed, match="mempool"):
        PracticeNode(tmp_path)


def test_times_are_of_now_and_the_same_clock_gives_the_same_chain(tmp_path: Path) -> None:
    now = 1_790_000_000
    tips = []
    for name in ("a", "b"):
        with PracticeNode(tmp_path / name, clock=lambda: now) as chain:
            chain.mine(101)
            assert chain.tip().median_time <= now
            tips.append(chain.tip())
            for _ in range(10):
                chain.mine()
            assert chain.tip().median_time <= now + 10
    assert tips[0] == tips[1]


def test_what_the_faucet_does_not_pay(chain: PracticeNode) -> None:
    for payments in ((), ((FAUCET, 0),), ((FAUCET, -5),)):
        with pytest.raises(Malformed, match="at least one satoshi"):
            chain.fund(*payments)
    assert chain.fund((FAUCET, 120 * 10**8)), "more than one reward"


def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with PracticeNode(tmp_path) as chain:
            chain.mine()
    assert len(os.listdir("/proc/self/fd")) <= before + 1
