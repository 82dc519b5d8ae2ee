"""The same transfer against a real node: snapshot from it, broadcast to it, confirmed by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import rehearsal
from tests.node import Regtest, regtest
from transfer.bitcoin.account import opened


def with_node(set_: Stage, node: Regtest) -> Stage:
    return replace(set_, node=("--node", node.url, "--cookie", str(node.cookie)))


def first_address(set_: Stage) -> str:
    record = Register.open(set_.folder / "register").key_record
    return opened(record.accounts[0]).own(0, 0).address


def test_a_transfer_confirmed_by_a_real_node(founded: Stage, tmp_path: Path) -> None:
    demonstration.generate(founded)
    with regtest(tmp_path / "node") as node:
        set_ = with_node(founded, node)
        node.fund({first_address(set_): 100_000_000})
        demonstration.snapshot(set_)
        demonstration.authorize(set_)
        demonstration.prepare(set_)
        demonstration.transfer(set_)
        early, code = rehearsal.run(set_, *demonstration.receipt_commands(set_)[0])
        assert code == 3, early
        demonstration.broadcast(set_)
        assert len(node.rpc("getrawmempool")) == 1
        node.mine()
        demonstration.receipt(set_)
        last = demonstration.verify(set_)
        receipt = json.loads((set_.folder / "online" / "receipt.json").read_text())
        assert last == f"VERIFIED  txid {receipt['txid']} in block {receipt['block_height']}"
        block = node.rpc("getblock", receipt["block_hash"], 2)
        (mined,) = [t for t in block["tx"] if t["txid"] == receipt["txid"]]
        signed = (set_.folder / "register" / "0002-transfer" / "transaction.hex").read_text().strip()
        assert mined["hex"] == signed
        paid = {o["scriptPubKey"]["address"]: int(o["value"] * 10**8) for o in mined["vout"]}
        assert paid[demonstration.PAYEE] == 75_000_000
