"""The signing request: one spelling (TXN-08), coins from whole previous transactions (TXN-09, TXN-10), building."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bitcoin_case import ACCOUNT, MADE, MASTER, NODE, PAYEE, coin, coins, order, request, snapshot, vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from transfer.bitcoin import bip32, independent, psbt, rules, tx
from transfer.bitcoin.account import opened
from transfer.bitcoin.build import Order, build
from transfer.bitcoin.reading import review
from transfer.bitcoin.snapshot import Coin, Coins, Snapshot, checked
from transfer.bitcoin.wire import sized
from transfer.outstanding import Claim


def refused(identifier: str, raw: bytes) -> None:
    with pytest.raises(Refused) as error:
        psbt.parse(raw)
    assert error.value.identifier == identifier


@pytest.mark.control("TXN-08")
@pytest.mark.parametrize("case", vectors("bip174"), ids=lambda case: f"{case['kind']}-{case['comment']}")
def test_published_psbts_are_not_signing_requests(case: dict[str, Any]) -> None:
    """The invalid ones for that reason; the valid ones because this tool never writes such a one."""
    refused("TXN-08", bytes.fromhex(case["hex"]))


def test_a_request_comes_back() -> None:
    found = psbt.parse(request().raw)
    assert found.raw == request().raw
    assert len(found.inputs) == 2
    assert [origin is None for origin in found.origins] == [False, True]


def maps(raw: bytes) -> list[list[tuple[bytes, bytes]]]:
    """The pairs of each map, so that a test can break one."""
    found, at, pairs = [], 5, list[tuple[bytes, bytes]]()
    while at < len(raw):
        if raw[at] == 0:
            found.append(pairs)
            at, pairs = at + 1, []
            continue
        key, at = raw[at + 1 : at + 1 + raw[at]], at + 1 + raw[at]
        assert raw[at] < 0xFD
        value, at = raw[at + 1 : at + 1 + raw[at]], at + 1 + raw[at]
        pairs.append((key, value))
    return found


def written(parts: list[list[tuple[bytes, bytes]]]) -> bytes:
    return psbt.MAGIC + b"".join(b"".join(sized(key) + sized(value) for key, value in pairs) + b"\x00" for pairs in parts)


def test_the_helpers_of_this_test_change_nothing() -> None:
    assert written(maps(request().raw)) == request().raw


BREAKS: dict[str, Any] = {
    "a key twice": lambda parts: parts[1].append(parts[1][1]),
    "the transaction twice": lambda parts: parts[0].append(parts[0][0]),
    "a version, even 0": lambda parts: parts[0].append((b"\xfb", bytes(4))),
    "version 2": lambda parts: parts[0].append((b"\xfb", b"\x02\x00\x00\x00")),
    "an extended key": lambda parts: parts[0].append((b"\x01" + bytes(78), bytes(16))),
    "a witness utxo": lambda parts: parts[1].append((b"\x01", bytes(30))),
    "a partial signature": lambda parts: parts[1].append((b"\x02" + parts[1][2][0][1:], bytes(71))),
    "a proprietary key": lambda parts: parts[1].append((b"\xfc\x01x", b"x")),
    "no sighash type": lambda parts: parts[1].pop(1),
    "no previous transaction": lambda parts: parts[1].pop(0),
    "no key origin": lambda parts: parts[1].pop(2),
    "two key origins": lambda parts: parts[1].append((b"\x06\x02" + bytes(32), parts[1][2][1])),
    "sighash SINGLE": lambda parts: parts[1].__setitem__(1, (b"\x03", b"\x03\x00\x00\x00")),
    "sighash ALL|ANYONECANPAY": lambda parts: parts[1].__setitem__(1, (b"\x03", b"\x81\x00\x00\x00")),
    "a short path": lambda parts: parts[1].__setitem__(2, (parts[1][2][0], parts[1][2][1][:-4])),
    "an uncompressed key": lambda parts: parts[1].__setitem__(2, (b"\x06\x04" + bytes(64), parts[1][2][1])),
    "another order of keys": lambda parts: parts[1].reverse(),
    "an unknown key in an output": lambda parts: parts[4].append((b"\x05", b"")),
    "a redeem script in an output": lambda parts: parts[3].append((b"\x00", b"\x51")),
    "a map too many": lambda parts: parts.append([]),
    "a map too few": lambda parts: parts.pop(),
    "no transaction": lambda parts: parts[0].clear(),
}


@pytest.mark.control("TXN-08")
@pytest.mark.parametrize("how", BREAKS)
def test_a_request_written_otherwise_is_refused(how: str) -> None:
    parts = maps(request().raw)
    BREAKS[how](parts)
    assert written(parts) != request().raw
    refused("TXN-08", written(parts))
    if how != "another order of keys":
        with pytest.raises(Malformed):
            independent.answer(ACCOUNT, written(parts))


def changed(**changes: Any) -> psbt.Psbt:
    found = psbt.parse(request().raw)
    return replace(found, transaction=replace(found.transaction, **changes))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("a key twice", "is there twice"),
        ("sighash SINGLE", "expected ALL"),
        ("a short path", "not a compressed key with a path of 5 steps"),
        ("an uncompressed key", "expected at most 34"),
        ("a witness utxo", "input 0 has the keys"),
        ("another order of keys", "the one way that is allowed"),
    ],
)
def test_a_refusal_says_what_is_wrong(how: str, says: str) -> None:
    parts = maps(request().raw)
    BREAKS[how](parts)
    with pytest.raises(Refused, match=says):
        psbt.parse(written(parts))


@pytest.mark.control("TXN-08")
def test_order_duplicates_and_signatures_are_refused() -> None:
    inside = psbt.parse(request().raw).transaction
    refused("TXN-08", changed(inputs=inside.inputs[::-1]).raw)
    refused("TXN-08", changed(outputs=inside.outputs[::-1]).raw)
    refused("TXN-08", changed(inputs=inside.inputs[:1] * 2).raw)
    filled = changed(inputs=(replace(inside.inputs[0], script_sig=b"\x51"), inside.inputs[1])).raw
    refused("TXN-08", filled)
    with pytest.raises(Malformed, match="signed already"):
        independent.answer(ACCOUNT, filled)
    with_witness = replace(psbt.parse(request().raw).inputs[0].previous, inputs=(tx.TxIn("11" * 32, 0, b"", 0, (b"w",)),))
    parts = maps(request().raw)
    parts[1][0] = (b"\x00", with_witness.raw)
    refused("TXN-08", written(parts))


@pytest.mark.control("TXN-08")
def test_size_and_counts_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    refused("TXN-08", request().raw + b"\x00")
    for size in range(len(request().raw)):
        refused("TXN-08", request().raw[:size])
    refused("TXN-08", b"")
    refused("TXN-08", psbt.MAGIC + b"\xff" + b"\xff" * 8)
    for limit, greatest in (("MAX_INPUTS", 1), ("MAX_OUTPUTS", 1), ("MAX_REQUEST", len(request().raw) - 1)):
        with monkeypatch.context() as here:
            here.setattr(rules, limit, greatest)
            refused("TXN-08", request().raw)
    assert psbt.parse(request().raw)


def test_the_second_reader_walks_the_maps_to_the_end() -> None:
    raw = request().raw
    for at in range(len(raw)):
        with pytest.raises(Malformed):
            independent.answer(ACCOUNT, raw[:at])
    long_form = raw[:5] + b"\x01\x00" + b"\xfd" + bytes([raw[7], 0]) + raw[8:]
    assert raw[5:7] == b"\x01\x00"
    for wrong in (long_form, written(maps(raw)[:1])[:-1]):
        with pytest.raises(Malformed, match=r"wrong length|within a map"):
            independent.answer(ACCOUNT, wrong)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused(raw: bytes) -> None:
    refused("TXN-08", raw)
    refused("TXN-08", psbt.MAGIC + raw)


def test_a_snapshot_comes_back() -> None:
    made = snapshot([coin(1), coin(2)])
    assert load(Snapshot, dump(made)) == made
    assert checked(made, ACCOUNT).total == 200_000
    assert load(Snapshot, dump(replace(made, rate=None))).rate is None


def test_only_checking_makes_coins() -> None:
    with pytest.raises(TypeError):
        Coins(ACCOUNT, snapshot([]), (), token=None)
    with pytest.raises((TypeError, ValueError)):
        replace(coins(1_000), items=())


def test_a_snapshot_of_another_account() -> None:
    for changes in ({"account": "other"}, {"network": "test"}):
        with pytest.raises(Malformed, match="expected treasury on regtest"):
            checked(replace(snapshot([]), **changes), ACCOUNT)
    with pytest.raises(Malformed, match="there twice"):
        checked(snapshot([coin(1), coin(1)]), ACCOUNT)


@pytest.mark.control("TXN-09")
@pytest.mark.parametrize(
    "changes",
    [{"amount": 99_999}, {"txid": "00" * 32}, {"vout": 2}],
    ids=["amount", "txid", "vout"],
)
def test_a_coin_that_its_transaction_does_not_have(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as error:
        checked(snapshot([replace(coin(1), **changes)]), ACCOUNT)
    assert error.value.identifier == "TXN-09"


@pytest.mark.control("TXN-10")
@pytest.mark.parametrize("changes", [{"path": "0/1"}, {"path": "1/0"}, {"vout": 0, "amount": 1_001}], ids=str)
def test_a_coin_that_is_not_ours(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as error:
        checked(snapshot([replace(coin(1), **changes)]), ACCOUNT)
    assert error.value.identifier == "TXN-10"


@pytest.mark.control("TXN-09")
def test_a_previous_transaction_that_is_another_one() -> None:
    one, other = coin(1), coin(9)
    with pytest.raises(Refused) as error:
        checked(replace(snapshot([one]), previous={one.txid: MADE[other.txid]}), ACCOUNT)
    assert error.value.identifier == "TXN-09"


@pytest.mark.parametrize("previous", [b"", b"\x00", MADE[coin(1).txid] + b"\x00"])
def test_a_previous_transaction_that_is_none(previous: bytes) -> None:
    one = coin(1)
    with pytest.raises(Malformed):
        checked(replace(snapshot([one]), previous={one.txid: previous}), ACCOUNT)


def test_a_previous_transaction_that_made_no_coin_is_refused() -> None:
    one, other = coin(1), coin(9)
    with pytest.raises(Malformed, match=other.txid):
        checked(replace(snapshot([one]), previous=snapshot([one, other]).previous), ACCOUNT)


def test_many_coins_of_one_payout_carry_it_once() -> None:
    scripts = [opened(ACCOUNT).own(0, index).script for index in range(1_000)]
    payout = tx.Transaction(2, (tx.TxIn("11" * 32, 0, b"", 0),), tuple(tx.TxOut(50_000, script) for script in scripts), 0)
    MADE[payout.txid] = payout.raw
    some = [Coin(txid=payout.txid, vout=n, amount=50_000, path=f"0/{n}", block_height=5) for n in range(1_000)]
    raw = dump(snapshot(some))
    assert len(raw) < 250_000
    assert checked(load(Snapshot, raw), ACCOUNT).total == 50_000_000


def test_same_facts_same_bytes() -> None:
    some: list[Coin] = [coin(n, 50_000 + n % 3, f"0/{n}") for n in range(8)]
    one = build(ACCOUNT, checked(snapshot(some), ACCOUNT), order())
    two = build(ACCOUNT, checked(snapshot(some[::-1], height=300), ACCOUNT), order())
    assert one == two
    assert one.digest == two.digest


def test_change_comes_back_to_the_account() -> None:
    found = review(request(), ACCOUNT)
    assert [payment.address for payment in found.payments] == [PAYEE]
    assert [payment.amount for payment in found.payments] == [120_000]
    assert [change.path for change in found.change] == ["1/7"]
    assert found.fee == 180_000 - 120_000 - found.change[0].amount
    assert 2_000 <= found.rate < 2_010
    assert (found.version, found.locktime, found.sequences) == (2, 0, (0xFFFFFFFD,) * 2)


def test_dust_goes_to_the_fee() -> None:
    found = review(build(ACCOUNT, coins(120_400), order(rate=1_000)), ACCOUNT)
    assert (found.change, found.fee) == ((), 400)


@pytest.mark.control("TXN-12")
def test_a_fee_above_the_cap_is_refused() -> None:
    with pytest.raises(Refused) as error:
        build(ACCOUNT, coins(200_000), order(max_fee=281))
    assert error.value.identifier == "TXN-12"
    assert review(build(ACCOUNT, coins(200_000), order(max_fee=282)), ACCOUNT).fee == 282


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount": 293}, "294 sat or more"),
        ({"amount": 22 * 10**14}, "294 sat or more"),
        ({"amount": 180_000}, "too little"),
        ({"rate": 0}, "expected 0.001 sat/vB"),
        ({"payee": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, "not an address"),
        ({"payee": PAYEE[:-1] + "q"}, "check"),
        ({"change_index": 10_000}, "outside the account"),
    ],
)
def test_orders_that_cannot_be_built(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        build(ACCOUNT, coins(100_000, 80_000), order(**{"rate": 1_000, **changes}))


def test_a_payment_to_the_next_change_address_is_not_built() -> None:
    with pytest.raises(Malformed, match="own next change"):
        build(ACCOUNT, coins(200_000), order(payee=opened(ACCOUNT).own(1, 7).address))


def test_coins_of_another_account_are_not_spent() -> None:
    with pytest.raises(Malformed, match="not of the account"):
        build(replace(ACCOUNT, name="other"), coins(200_000), order())


def spent(found: Any) -> set[str]:
    return {f"{each.txid}:{each.vout}" for each in review(found, ACCOUNT).inputs}


def test_reserved_coins_are_left_alone_and_a_replacement_conflicts() -> None:
    some = coins(200_000, 150_000, 1_000)
    first, second, third = (each.outpoint for each in some.items)
    assert spent(build(ACCOUNT, some, order())) == {first}
    assert spent(build(ACCOUNT, some, order(reserved=frozenset({first})))) == {second}
    claim = Claim(number=2, coins=(third,), txid="11" * 32, signed=True)
    replacing = order(reserved=frozenset({first, third}), replacing=(claim,))
    assert spent(build(ACCOUNT, some, replacing)) == {second, third}
    gone = replace(claim, coins=(f"{'00' * 32}:0",))
    with pytest.raises(Refused) as error:
        build(ACCOUNT, some, order(replacing=(gone,)))
    assert error.value.identifier == "BRD-06"
    rivals = (claim, replace(claim, number=3, txid="22" * 32, coins=(second, third)), replace(claim, number=4, coins=(first,)))
    both = order(reserved=frozenset({first, second, third}), replacing=rivals[:2])
    assert third in spent(build(ACCOUNT, some, both)), "one coin that both of them spend is enough"
    assert spent(build(ACCOUNT, some, order(reserved=frozenset({first, second, third}), replacing=rivals))) >= {first, third}


@settings(max_examples=60)
@given(rate=st.integers(1_000, 40_000), fee=st.integers(0, 60_000), old=st.integers(400, 4_000))
def test_a_replacement_pays_more_than_what_it_replaces(rate: int, fee: int, old: int) -> None:
    """BIP-125: a higher fee, by the relay fee of its own size at least, and a higher rate."""
    some = coins(400_000, 300_000)
    claim = Claim(number=2, coins=(some.items[0].outpoint,), txid="11" * 32, fee=fee, weight=old, signed=True)
    made = review(build(ACCOUNT, some, order(rate=rate, max_fee=4_000_000, replacing=(claim,))), ACCOUNT)
    size = -(-made.weight // 4)
    assert made.fee >= (fee + size if fee else rate * size // 1000)
    assert made.rate > claim.rate


@pytest.mark.parametrize(("height", "spendable"), [(100, False), (99, False), (98, True)])
def test_immature_coinbase_outputs_are_not_spent(height: int, spendable: bool) -> None:
    made = tx.Transaction(
        2, (tx.TxIn(tx.COINBASE_TXID, 0xFFFFFFFF, b"\x51\x51", 0),), (tx.TxOut(200_000, opened(ACCOUNT).own(0, 0).script),), 0
    )
    mined = Coin(txid=made.txid, vout=0, amount=200_000, path="0/0", block_height=height)
    MADE[made.txid] = made.raw
    found = checked(snapshot([mined], height=197), ACCOUNT)
    assert found.items[0].mature is spendable
    if spendable:
        assert spent(build(ACCOUNT, found, order())) == {f"{made.txid}:0"}
    else:
        with pytest.raises(Malformed, match="too little"):
            build(ACCOUNT, found, order())


def enough(taken: list[int], amount: int, rate: int) -> bool:
    """Whether these coins pay for one P2WPKH output and the fee, without change."""
    size = -(-(4 * (10 + 41 * len(taken) + 31) + 2 + 108 * len(taken)) // 4)
    return sum(taken) >= amount + -(-rate * size // 1000)


@given(
    st.lists(st.integers(300, 10**6), min_size=1, max_size=12),
    st.integers(294, 2 * 10**6),
    st.integers(1, 100_000),
)
@settings(max_examples=60, deadline=None)
def test_what_is_built_adds_up(amounts: list[int], amount: int, rate: int) -> None:
    some, wanted = coins(*amounts), order(amount=amount, rate=rate, max_fee=10**8)
    if not any(enough(sorted(amounts, reverse=True)[:count], amount, rate) for count in range(1, len(amounts) + 1)):
        with pytest.raises(Malformed, match="too little"):
            build(ACCOUNT, some, wanted)
        return
    made = build(ACCOUNT, some, wanted)
    found = review(made, ACCOUNT)
    assert sum(i.amount for i in found.inputs) == amount + sum(c.amount for c in found.change) + found.fee
    assert found.rate >= rate
    assert all(c.amount >= 294 for c in found.change)
    if found.change:
        assert found.fee == -(-rate * -(-found.weight // 4) // 1000)


def test_an_order_says_nothing_by_default() -> None:
    assert Order(payments=((PAYEE, 1),), max_fee=1, rate=1, change_index=0).reserved == frozenset()


def test_the_account_is_the_one_of_the_seed() -> None:
    assert MASTER.derive(bip32.parse_path(ACCOUNT.path)).public == NODE.public
    assert bip32.parse_public(ACCOUNT.xpub) == NODE.public


def test_a_request_that_no_reader_would_take_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_REQUEST", len(request().raw) - 1)
    with pytest.raises(Malformed, match="send fewer coins at once"):
        build(ACCOUNT, coins(100_000, 80_000, 5_000), order())
