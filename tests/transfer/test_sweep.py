"""A sweep: everything of a former key, to the first address of the key in use, and to nobody else; both readers see to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bitcoin_case import ACCOUNT, MASTER, PAYEE, coin, order, sign, snapshot

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from tests.desk import Desk
from tests.policies import counted
from transfer.agree import agree, check_payment
from transfer.authorization import Authorization, Authorized, signed_by
from transfer.bitcoin import bip32, independent, psbt, rules, second
from transfer.bitcoin.account import opened
from transfer.bitcoin.address import script_of
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.build import build
from transfer.bitcoin.check import check
from transfer.bitcoin.psbt import Origin, Psbt, in_order, outputs_in_order
from transfer.bitcoin.reading import review
from transfer.bitcoin.sighash import sighashes
from transfer.bitcoin.snapshot import Coins, checked
from transfer.bitcoin.tx import TxOut
from transfer.request import AccountKey, SigningRequest, SweptAccount
from transfer.sweep import check_everything, stays

NOW = "2026-11-20T09:30:00Z"
NEW_MASTER = bip32.master(bytes(range(1, 33)), "test")
NEW = replace(ACCOUNT, xpub=NEW_MASTER.derive(bip32.parse_path(ACCOUNT.path)).public.text, fingerprint=NEW_MASTER.public.fingerprint.hex())
SWEPT = SweptAccount(**{name: getattr(ACCOUNT, name) for name in AccountKey.__dataclass_fields__}, to=NEW)
FIRST = opened(NEW).own(0, 0)
AMOUNTS = (100_000, 80_000, 5_000)


def held(*amounts: int) -> Coins:
    """What the former key has."""
    return checked(snapshot([coin(n, amount, f"0/{n}") for n, amount in enumerate(amounts)]), SWEPT)


def swept(*amounts: int, **changes: Any) -> SigningRequest:
    return build(SWEPT, held(*(amounts or AMOUNTS)), order(**{"payments": (), **changes}))


def order_to(**changes: Any) -> Any:
    return order(**{"payments": (), **changes})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def wanted(desk: Desk, **changes: Any) -> Authorization:
    fields = {
        "account": "treasury",
        "kind": "sweep",
        "payments": (),
        "fee_cap": 10_000,
        "key_record": "ab" * 32,
        "to": "cd" * 32,
        "address": FIRST.address,
    }
    return desk.authorization(**{**fields, **changes})


def proof(desk: Desk, authorization: Authorization) -> Authorized:
    signed = [desk.sign(person, authorization, "authorization@cold-ceremony") for person in ("cfo", "cto")]
    return signed_by(authorization, signed, None, (), desk.charter().keys, NOW)


def test_it_takes_every_coin_to_the_first_address_of_the_new_key(desk: Desk) -> None:
    request = swept()
    seen = review(request, SWEPT)
    assert (seen.payments, seen.change) == ((), ())
    assert [(out.address, out.path) for out in seen.swept] == [(FIRST.address, "0/0")]
    assert seen.swept[0].amount + seen.fee == sum(AMOUNTS)
    assert seen.decoded == second.read(request, SWEPT)
    agree(proof(desk, wanted(desk)), seen, second.read(request, SWEPT), counted(desk.policy()), (), NOW)


def test_it_is_signed_and_verified_like_any_other() -> None:
    request = swept()
    raw = assemble(request, sign(sighashes(request, SWEPT)), SWEPT)
    assert check(raw, request, SWEPT).review.swept[0].address == FIRST.address


def test_without_the_new_key_nobody_reads_it() -> None:
    """Who leaves the account of the key in use out sees a claim to change that is none."""
    request = swept()
    with pytest.raises(Refused, match="TXN-11"):
        review(request, ACCOUNT)
    with pytest.raises(Refused, match="TXN-01"):
        second.read(request, ACCOUNT)


def refused(parts: Psbt, account: AccountKey = SWEPT) -> None:
    """Both readers, each on its own."""
    request = SigningRequest("bitcoin", parts.raw)
    with pytest.raises(Refused) as error:
        review(request, account)
    assert error.value.identifier == "TXN-11"
    assert isinstance(account, SweptAccount)
    with pytest.raises(Malformed):
        independent.answer(account.former, parts.raw, None, account.to)


def origin(account: AccountKey, branch: int, index: int) -> Origin:
    ours = opened(account)
    own = ours.own(branch, index)
    return Origin(own.public_key, ours.fingerprint, ours.full_path(branch, index))


def paying(*outputs: tuple[bytes, int, Origin | None]) -> Psbt:
    """The sweep with these outputs instead of its own: script, satoshi, claim."""
    found = psbt.parse(swept().raw)
    claims = {script: claim for script, _, claim in outputs}
    made = outputs_in_order(tuple(TxOut(amount, script) for script, amount, _ in outputs))
    transaction = replace(found.transaction, outputs=made)
    return replace(found, transaction=transaction, origins=tuple(claims[out.script] for out in made))


@pytest.mark.control("TXN-11")
def test_it_cannot_pay_anyone_else() -> None:
    payee, there = script_of(PAYEE, "regtest"), origin(NEW, 0, 0)
    old = opened(ACCOUNT)
    refused(paying((payee, 150_000, None)))
    refused(paying((payee, 150_000, there)))
    refused(paying((FIRST.script, 150_000, there), (payee, 20_000, None)))
    refused(paying((FIRST.script, 150_000, there), (old.own(1, 0).script, 20_000, origin(ACCOUNT, 1, 0))))
    refused(paying((old.own(0, 0).script, 150_000, origin(ACCOUNT, 0, 0))))
    refused(paying((old.own(1, 0).script, 150_000, origin(ACCOUNT, 1, 0))))


@pytest.mark.control("TXN-11")
def test_only_the_first_address_of_the_new_key_and_only_with_its_claim() -> None:
    new = opened(NEW)
    refused(paying((FIRST.script, 150_000, None)))
    refused(paying((new.own(0, 1).script, 150_000, origin(NEW, 0, 1))))
    refused(paying((new.own(1, 0).script, 150_000, origin(NEW, 1, 0))))
    refused(paying((FIRST.script, 150_000, origin(ACCOUNT, 0, 0))))


@pytest.mark.control("TXN-11")
def test_a_sweep_to_a_third_key_is_refused() -> None:
    third = bip32.master(bytes(range(2, 34)), "test")
    node = third.derive(bip32.parse_path(ACCOUNT.path)).public
    other = replace(SWEPT, to=replace(NEW, xpub=node.text, fingerprint=third.public.fingerprint.hex()))
    refused(psbt.parse(build(other, checked(held(*AMOUNTS).snapshot, other), order_to()).raw))


@pytest.mark.control("TXN-01")
def test_the_officers_address_is_the_one(desk: Desk) -> None:
    seen = review(swept(), SWEPT)
    other = wanted(desk, address=opened(NEW).own(0, 1).address)
    with pytest.raises(Refused, match="TXN-01"):
        check_payment(seen, other)
    with pytest.raises(Refused, match="TXN-01"):
        check_payment(seen, desk.authorization(account="treasury", kind="consolidation", payments=(), coins=3))
    with pytest.raises(Refused, match="TXN-01"):
        check_payment(replace(seen, swept=()), wanted(desk))
    with pytest.raises(Refused, match="TXN-01"):
        check_payment(replace(seen, swept=seen.swept * 2), wanted(desk))
    with pytest.raises(Refused, match="TXN-01"):
        check_payment(replace(seen, change=seen.swept), wanted(desk))


@pytest.mark.control("TXN-12")
def test_its_fee_is_what_the_coins_leave_over(desk: Desk) -> None:
    seen = review(swept(), SWEPT)
    with pytest.raises(Refused, match="TXN-12"):
        agree(proof(desk, wanted(desk, fee_cap=seen.fee - 1)), seen, seen.decoded, counted(desk.policy()), (), NOW)
    with pytest.raises(Refused, match="TXN-12"):
        swept(max_fee=10)


@pytest.mark.parametrize(
    "change",
    [
        {"to": None},
        {"key_record": None},
        {"address": None},
        {"to": "ab" * 32},
        {"coins": 3},
        {"kind": "consolidation", "coins": 3},
        {"kind": "transfer", "payments": ()},
    ],
    ids=str,
)
def test_what_no_sweep_says(desk: Desk, change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        wanted(desk, **change)
    with pytest.raises(Malformed):
        Authorization(**{**{n: getattr(desk.authorization(), n) for n in Authorization.__dataclass_fields__}, "to": "ab" * 32})
    assert load(Authorization, dump(wanted(desk))) == wanted(desk)


def left_out(outpoints: int, *amounts: int) -> tuple[SigningRequest, Coins]:
    """A sweep from which the last coins of these are left out."""
    coins = held(*amounts)
    some = replace(coins.snapshot, coins=coins.snapshot.coins[:-outpoints])
    used = {c.txid for c in some.coins}
    return build(SWEPT, checked(replace(some, previous={t: r for t, r in some.previous.items() if t in used}), SWEPT), order_to()), coins


@pytest.mark.control("TXN-01")
def test_one_coin_left_out_is_refused() -> None:
    request, coins = left_out(1, *AMOUNTS)
    with pytest.raises(Refused, match="left out"):
        check_everything(review(request, SWEPT), coins, ())
    assert check_everything(review(swept(), SWEPT), coins, ()).told == ()


@pytest.mark.control("TXN-01")
def test_a_coin_that_is_not_in_the_snapshot_is_refused() -> None:
    request, _ = left_out(1, *AMOUNTS)
    with pytest.raises(Refused, match="not in the snapshot"):
        check_everything(review(request, SWEPT), held(*AMOUNTS[:1]), ())


def test_what_stays_is_told() -> None:
    """A coin of another transaction, one that is dust at this rate, and a block's reward that is too young."""
    coins = held(100_000, 80_000, 100)
    request = build(SWEPT, coins, order_to(reserved={coins.items[1].outpoint}))
    found = check_everything(review(request, SWEPT), coins, {coins.items[1].outpoint})
    assert (len(found.held), len(found.dust), len(found.later)) == (1, 1, 0)
    assert len(found.told) == 2
    with pytest.raises(Refused, match="left out"):
        check_everything(review(request, SWEPT), coins, ())


def test_more_coins_than_one_transaction_takes_are_swept_greatest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_INPUTS", 2)
    coins = held(50_000, 100_000, 80_000)
    request = build(SWEPT, coins, order_to())
    seen = review(request, SWEPT)
    assert sorted(each.amount for each in seen.inputs) == [80_000, 100_000]
    assert [each.amount for each in check_everything(seen, coins, ()).later] == [50_000]
    smaller = build(
        SWEPT, checked(replace(coins.snapshot, coins=coins.snapshot.coins), SWEPT), order_to(reserved={coins.items[1].outpoint})
    )
    with pytest.raises(Refused, match="left out"):
        check_everything(review(smaller, SWEPT), coins, ())
    assert stays(seen, coins, ()).later


def test_nothing_to_sweep_says_so() -> None:
    with pytest.raises(Malformed, match="nothing to sweep"):
        swept(200, 100)
    with pytest.raises(Malformed, match="pays nobody"):
        build(SWEPT, held(*AMOUNTS), order())


def test_the_former_account_is_what_its_key_record_states() -> None:
    assert SWEPT.former == ACCOUNT
    assert MASTER.public.fingerprint.hex() == SWEPT.fingerprint
    assert in_order(psbt.parse(swept().raw).transaction.inputs) == psbt.parse(swept().raw).transaction.inputs
