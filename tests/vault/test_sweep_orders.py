"""Orders of a sweep: the vault itself sees to it that everything goes to the key in use, by both key records and all signatures."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from ceremony.base.lines import sha256
from ceremony.record.approval import read_from
from ceremony.record.chain import SignedCharter
from ceremony.record.charter import SIGNERS
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault.orders import Orders, verify_orders
from tests.vault.world import PATH, POSITIONS, World, seed_of
from transfer.authorization import Authorization
from transfer.bitcoin import bip32, build, snapshot
from transfer.bitcoin.account import opened
from transfer.bitcoin.reading import review
from transfer.bitcoin.tx import Transaction, TxIn, TxOut
from transfer.request import AccountKey, SigningRequest, SweptAccount

HERE = ("A1", "A2", "B1", "B2")


class Sweep(World):
    """The desk after a second key was made: the first one is swept."""

    def account_of(self, secret: bytes) -> AccountKey:
        master = bip32.master(seed_of("slip39", secret), "test")
        node = master.derive(bip32.parse_path(PATH))
        return replace(self.account, xpub=node.public.text, fingerprint=master.public.fingerprint.hex())

    def record(self, secret: bytes, ceremony: int, **changes: Any) -> KeyRecord:
        """The key record of another key. Its commitments are of no share: the vault opens none of it."""
        changed = {"ceremony": ceremony, "accounts": (self.account_of(secret),), **changes}
        return replace(self.key_record, **changed)

    @cached_property
    def into(self) -> KeyRecord:
        return self.record(b"another secret, of the key in use", 5)

    @cached_property
    def swept(self) -> SweptAccount:
        return self.swept_to(self.into)

    def swept_to(self, record: KeyRecord) -> SweptAccount:
        return SweptAccount(**{n: getattr(self.account, n) for n in AccountKey.__dataclass_fields__}, to=record.accounts[0])

    @cached_property
    def request(self) -> SigningRequest:
        return self.request_to(self.swept)

    @property
    def read(self) -> dict[str, Any]:
        return read_from(review(self.request, self.swept))

    def request_to(self, account: AccountKey, **changes: Any) -> SigningRequest:
        order = build.Order(**{"payments": (), "max_fee": 20_000, "rate": 2_000, "change_index": 0, **changes})
        own, coins, made = opened(account), [], {}
        for index, amount in enumerate(self.coins):
            before = Transaction(2, (TxIn(f"{index + 1:064x}", 0, b"\x00", 0xFFFFFFFF),), (TxOut(amount, own.own(0, index).script),), 0)
            coins.append(snapshot.Coin(txid=before.txid, vout=0, amount=amount, path=f"0/{index}", block_height=100))
            made[before.txid] = before.raw
        taken = snapshot.Snapshot(
            type="snapshot", version="2", chain="bitcoin", network="regtest", account="cold",
            block_height=200, block_hash="00" * 32, time="2026-11-20T09:00:00Z", rate=2_000, coins=tuple(coins), previous=made,
        )  # fmt: skip
        return build.build(account, snapshot.checked(taken, account), order)

    @cached_property
    def authorization(self) -> Authorization:
        return self.authorized()

    def authorized(self, **changes: Any) -> Authorization:
        before = World(self.folder, scheme=self.scheme, hsm=self.hsm).authorization
        facts = {
            "kind": "sweep",
            "payments": (),
            "key_record": self.key_record.digest,
            "to": self.into.digest,
            "address": opened(self.into.accounts[0]).own(0, 0).address,
        }
        return replace(before, **{**facts, **changes})

    def orders(self, authorization: Authorization | None = None, request: SigningRequest | None = None, **changes: Any) -> Orders:
        wanted, asked = authorization or self.authorization, request or self.request
        raw, into, key_record = dump(wanted), dump(self.into), dump(self.key_record)
        charter = dump(self.charter)
        approved = self.wanted(authorization=wanted.digest, request=asked.digest)
        good = Orders(
            charters=(SignedCharter(charter=charter, signatures=self.all_sign(SIGNERS, "charter", charter)),),
            key_record=key_record,
            key_record_signatures=self.all_sign(("witness", *POSITIONS), "key-record", key_record),
            into=into,
            into_signatures=self.all_sign(("witness", *POSITIONS), "key-record", into),
            authorization=raw,
            authorization_signatures=self.all_sign(("cfo", "cto"), "authorization", raw),
            confirmation_signatures=(),
            history=self.history,
            request=asked.raw,
            approvals=self.approvals(HERE, approved),
            positions=HERE,
            ceremony=7,
            head="33" * 32,
            genesis=self.charter.digest,
            now="2026-11-20T10:00:00Z",
        )
        return replace(good, **changes)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return Sweep(tmp_path_factory.mktemp("people"))


def refused(orders: Orders) -> str:
    with pytest.raises(Refused) as caught:
        verify_orders(orders)
    return caught.value.identifier


def signed(world: Sweep, record: KeyRecord) -> dict[str, Any]:
    raw = dump(record)
    return {"into": raw, "into_signatures": world.all_sign(("witness", *POSITIONS), "key-record", raw)}


def test_a_sweep_arms_with_the_former_keys_record(world: Sweep) -> None:
    armed = verify_orders(load(Orders, dump(world.orders())))
    assert armed.key_record == world.key_record
    assert armed.review.swept[0].address == world.authorization.address
    assert len(armed.spends) == 3


@pytest.mark.control("SIG-08")
def test_both_key_records_are_there_and_signed(world: Sweep) -> None:
    good = world.orders()
    assert refused(replace(good, into=None, into_signatures=())) == "SIG-08"
    assert refused(replace(good, into_signatures=good.into_signatures[1:])) == "AUD-02"
    assert refused(replace(good, into_signatures=good.into_signatures[:2])) == "ASM-01"
    assert refused(replace(good, key_record_signatures=good.key_record_signatures[:2])) == "ASM-01"
    ordinary = World(world.folder).good
    assert refused(replace(ordinary, **signed(world, world.into))) == "SIG-08"


@pytest.mark.control("AUT-01")
def test_swapped_key_records_are_refused(world: Sweep) -> None:
    good = world.orders()
    swapped = replace(
        good,
        key_record=good.into or b"",
        key_record_signatures=good.into_signatures,
        into=good.key_record,
        into_signatures=good.key_record_signatures,
    )
    assert refused(swapped) == "AUT-01"


@pytest.mark.control("AUT-01")
def test_an_authorization_of_a_third_key_is_refused(world: Sweep) -> None:
    third = world.record(b"a third secret, of nobody's key.", 6)
    assert refused(world.orders(**signed(world, third))) == "AUT-01"
    named = world.authorized(to=third.digest)
    assert refused(world.orders(named)) == "AUT-01"
    assert refused(world.orders(world.authorized(key_record=third.digest))) == "AUT-01"


@pytest.mark.control("AUT-01")
def test_a_sweep_back_to_the_key_that_it_empties_is_refused(world: Sweep) -> None:
    """Resharing makes another key record of the same key, and an older key is no key in use."""
    same = replace(world.key_record, ceremony=5, follows=world.key_record.digest)
    back = world.authorized(to=same.digest, address=opened(world.account).own(0, 0).address)
    assert refused(world.orders(back, **signed(world, same))) == "AUT-01"
    older = world.record(b"another secret, of an older key.", 1)
    address = opened(older.accounts[0]).own(0, 0).address
    assert refused(world.orders(world.authorized(to=older.digest, address=address), **signed(world, older))) == "AUT-01"


@pytest.mark.control("AUT-01")
def test_another_address_of_the_new_key_is_refused(world: Sweep) -> None:
    other = opened(world.into.accounts[0]).own(0, 1).address
    assert refused(world.orders(world.authorized(address=other))) == "AUT-01"


@pytest.mark.control("TXN-11")
def test_a_request_that_goes_elsewhere_is_refused(world: Sweep) -> None:
    third = world.record(b"a third secret, of nobody's key.", 6)
    assert refused(world.orders(request=world.request_to(world.swept_to(third)))) == "TXN-11"
    gathered = world.request_to(world.account, gather=3)
    assert refused(world.orders(request=gathered)) == "TXN-11"


@pytest.mark.control("SIG-08")
def test_an_ordinary_authorization_does_not_sign_a_sweep(world: Sweep) -> None:
    ordinary = World(world.folder).good
    assert refused(replace(ordinary, request=world.request.raw)) == "TXN-11"
    former = World(world.folder)
    assert former.authorization.kind == "transfer"
    with pytest.raises(Malformed):
        world.authorized(kind="transfer", payments=())


def test_the_former_key_may_have_another_plan_than_the_charter_in_force(world: Sweep) -> None:
    """The one in use must not; custodians are enough by the plan of the key that they open."""
    later = dump(replace(world.charter, number=1, previous=world.charter.digest, site_threshold=3))
    wanted = world.authorized(charter=sha256(later))
    charters = (*world.orders().charters, SignedCharter(charter=later, signatures=world.all_sign(SIGNERS, "charter", later)))
    assert refused(world.orders(wanted, charters=charters)) == "SIG-08"
    plan = replace(world.charter, number=1, previous=world.charter.digest, site_threshold=3)
    into = replace(world.into, charter=plan.digest, plan=plan.plan)
    moved = world.authorized(charter=plan.digest, to=into.digest)
    armed = verify_orders(world.orders(moved, charters=charters, **signed(world, into)))
    assert armed.positions == HERE
    assert refused(world.orders(moved, charters=charters, positions=HERE[:3], **signed(world, into))) == "ASM-01"
