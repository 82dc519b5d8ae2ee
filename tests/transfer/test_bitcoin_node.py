"""Signing requests before a real node (Bitcoin Knots on regtest): it reads them, signs them itself, and takes what we sign."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal

import pytest
from bitcoin_case import ACCOUNT, MASTER, order, sign

from ceremony.base.data import Malformed
from tests.node import Regtest, regtest
from transfer.bitcoin import tx
from transfer.bitcoin.account import opened
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.build import build
from transfer.bitcoin.check import check
from transfer.bitcoin.reading import review
from transfer.bitcoin.sighash import sighashes
from transfer.bitcoin.snapshot import Coins, checked
from transfer.nodes.collect import collect
from transfer.nodes.core import CoreNode
from transfer.outstanding import Claim
from transfer.request import SigningRequest

DESCRIPTORS = tuple(f"wpkh({MASTER.text}/84h/1h/0h/{branch}/*)" for branch in (0, 1))


@pytest.fixture(scope="module")
def knots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regtest]:
    with regtest(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def coins(knots: Regtest) -> Coins:
    account = opened(ACCOUNT)
    knots.fund({account.own(0, 3).address: 90_000, account.own(0, 4).address: 60_000, account.own(1, 2).address: 50_000})
    return checked(collect(CoreNode(knots.port, knots.cookie), ACCOUNT, 20), ACCOUNT)


def signed(request: SigningRequest) -> bytes:
    return check(assemble(request, sign(sighashes(request, ACCOUNT)), ACCOUNT), request, ACCOUNT).raw


def test_the_node_reads_and_signs_the_same_request(knots: Regtest, coins: Coins) -> None:
    request = build(ACCOUNT, coins, order())
    found, psbt = review(request, ACCOUNT), base64.b64encode(request.raw).decode()
    told = knots.rpc("decodepsbt", psbt)
    assert told["tx"]["txid"] == found.txid
    assert told["fee"] == Decimal(found.fee) / 10**8
    assert [each["sighash"] for each in told["inputs"]] == ["ALL"] * len(found.inputs)
    ours = [f"m/84h/1h/0h/{each.path}" for each in found.inputs]
    assert [each["bip32_derivs"][0]["path"].replace("'", "h") for each in told["inputs"]] == ours
    assert [each.path for each in found.change] == ["1/7"]
    done = knots.rpc("descriptorprocesspsbt", psbt, DESCRIPTORS)
    assert done["complete"]
    assert check(bytes.fromhex(done["hex"]), request, ACCOUNT).txid == found.txid


def test_the_node_takes_what_is_signed_and_its_replacement(knots: Regtest, coins: Coins) -> None:
    request = build(ACCOUNT, coins, order())
    raw = signed(request)
    told = knots.rpc("testmempoolaccept", [raw.hex()])[0]
    assert told["allowed"], told
    assert told["vsize"] <= -(-review(request, ACCOUNT).weight // 4) <= told["vsize"] + 2
    assert told["fees"]["base"] == Decimal(review(request, ACCOUNT).fee) / 10**8
    knots.rpc("sendrawtransaction", raw.hex())
    spent, seen = tuple(f"{each.txid}:{each.vout}" for each in review(request, ACCOUNT).inputs), review(request, ACCOUNT)
    claim = Claim(number=2, coins=spent, txid=seen.txid, fee=seen.fee, weight=tx.parse(raw).weight, signed=True)
    replacement = signed(build(ACCOUNT, coins, order(reserved=frozenset(spent), replacing=(claim,), max_fee=50_000)))
    txid = knots.rpc("sendrawtransaction", replacement.hex())
    assert knots.rpc("getrawmempool") == [txid]
    knots.mine()
    assert knots.rpc("getrawmempool") == []
    assert knots.rpc("gettxout", txid, 0)["confirmations"] == 1


def test_the_least_amount_is_taken_and_one_satoshi_less_is_not_built(knots: Regtest, coins: Coins) -> None:
    account = opened(ACCOUNT)
    payees = [
        (account.own(0, 0).address, 294),
        (knots.rpc("deriveaddresses", _described(knots, f"wsh(pk({_key()}))"))[0], 330),
        (knots.rpc("deriveaddresses", _described(knots, f"tr({_key()[2:]})"))[0], 330),
        (knots.rpc("deriveaddresses", _described(knots, f"pkh({_key()})"))[0], 546),
        (knots.rpc("deriveaddresses", _described(knots, f"sh(wpkh({_key()}))"))[0], 540),
    ]
    for payee, least in payees:
        raw = signed(build(ACCOUNT, coins, order(payee=payee, amount=least)))
        assert knots.rpc("testmempoolaccept", [raw.hex()])[0]["allowed"], payee
        with pytest.raises(Malformed, match=f"expected {least} sat or more"):
            build(ACCOUNT, coins, order(payee=payee, amount=least - 1))


def _key() -> str:
    return opened(ACCOUNT).own(0, 9).public_key.hex()


def _described(knots: Regtest, descriptor: str) -> str:
    return str(knots.rpc("getdescriptorinfo", descriptor)["descriptor"])
