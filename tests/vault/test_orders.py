from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base import signatures, sshsig
from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from ceremony.base.lines import sha256
from ceremony.record.chain import SignedCharter, Succession
from ceremony.record.charter import SIGNERS, Charter
from ceremony.record.checkpoint import Statement
from ceremony.vault.orders import Armed, ArmedOnce, Orders, verify_orders
from tests.desk import altered
from tests.policies import document, taken
from tests.vault.world import AMOUNT, FEE_CAP, PAYEE, POSITIONS, SoftWorld, World
from transfer.authorization import Authorization
from transfer.bitcoin import tx
from transfer.bitcoin.build import Order
from transfer.bitcoin.sighash import sighashes
from transfer.limits import Policy

OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("people"))


def refused(orders: Orders) -> str:
    with pytest.raises(Refused) as caught:
        verify_orders(orders)
    return caught.value.identifier


def flip(raw: bytes) -> bytes:
    return raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:]


def test_good_orders_arm(world: World) -> None:
    armed = verify_orders(load(Orders, dump(world.good)))
    assert armed.review.fee <= FEE_CAP
    assert armed.positions == ("A1", "A2", "B1", "B2")
    assert armed.spends == sighashes(world.request, world.account)
    keys = {path: world.node.derive(tuple(int(p) for p in path.split("/"))).public.key for path in armed.public_keys}
    assert armed.public_keys == keys
    assert len(keys) == 3


def by_policies(world: World, *ended: tuple[Policy, str]) -> Orders:
    """Orders whose authorization names the last of these policies, each with the end of the ceremony that took it in."""
    other = World(world.folder)
    other.__dict__["charter"], other.__dict__["policy"] = world.charter, ended[-1][0]
    ends = [taken(other.sign_end, rules, number, end) for number, (rules, end) in enumerate(ended, start=1)]
    other.__dict__["history"] = document(*ends)
    return other.good


def after(first: Policy, **changes: Any) -> Policy:
    return replace(first, number=1, previous=first.digest, issued="2026-11-01T00:00:00Z", **changes)


LONG_AGO, YESTERDAY = "2026-01-02T00:00:00Z", "2026-11-19T10:00:00Z"


@pytest.mark.control("AUT-06", "AUT-07", "TXN-12")
def test_the_vault_judges_payees_and_limits_as_they_are_in_force(world: World) -> None:
    """It has no register: the policy history says from when, and what a later policy loosened yesterday does not count yet."""
    first = world.policy
    verify_orders(by_policies(world, (first, "2026-11-18T10:00:00Z")))
    assert refused(by_policies(world, (first, "2026-11-18T10:00:01Z"))) == "AUT-06"
    nobody = replace(first, payees=())
    listed = after(nobody, payees=(replace(first.payees[0], added="2026-11-01T00:00:00Z"),))
    assert refused(by_policies(world, (nobody, LONG_AGO), (listed, YESTERDAY))) == "AUT-06"
    verify_orders(by_policies(world, (nobody, LONG_AGO), (listed, "2026-11-18T10:00:00Z")))
    for limit, identifier in ({"per_transfer": AMOUNT - 1}, "AUT-07"), ({"fee_rate_cap": 1_999}, "TXN-12"):
        tight = replace(first, **limit)
        loose = after(tight, **{name: getattr(first, name) for name in limit})
        assert refused(by_policies(world, (tight, LONG_AGO), (loose, YESTERDAY))) == identifier
        verify_orders(by_policies(world, (tight, LONG_AGO), (loose, "2026-11-18T10:00:00Z")))
        assert refused(by_policies(world, (first, LONG_AGO), (after(first, **limit), YESTERDAY))) == identifier


@pytest.mark.control("AUT-06")
def test_the_vault_takes_no_history_of_another_policy(world: World) -> None:
    other = by_policies(world, (replace(world.policy, per_transfer=world.policy.per_transfer + 1), LONG_AGO))
    assert refused(replace(world.good, history=other.history)) == "AUT-06"
    with pytest.raises(Malformed):
        verify_orders(replace(world.good, history=b"{}\n"))


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize("kind", [sshsig.SK_ED25519, sshsig.SK_ECDSA])
def test_no_order_is_taken_from_keys_that_nobody_touched(tmp_path: Path, kind: bytes) -> None:
    assert refused(SoftWorld(tmp_path, kind=kind, flags=0).good) == "ASM-06"
    touched = SoftWorld(tmp_path, kind=kind)
    approvals = tuple(
        replace(a, signature=SoftWorld(tmp_path, kind=kind, flags=0).sign("A2", "approval", dump(a.approval)))
        if a.approval.role == "A2"
        else a
        for a in touched.good.approvals
    )
    assert refused(replace(touched.good, approvals=approvals)) == "ASM-06"
    verify_orders(touched.good)


@pytest.mark.control("SIG-08")
def test_armed_once_and_never_again(world: World) -> None:
    once = ArmedOnce()
    with pytest.raises(Refused, match="SIG-08"):
        once.armed  # noqa: B018
    once.arm(world.good)
    with pytest.raises(Refused) as caught:
        once.arm(world.good)
    assert caught.value.identifier == "SIG-08"
    assert once.armed.request.digest == world.request.digest


def with_officers(world: World, head: str, statement: Statement, staff: tuple[str, ...] = ("administrator", "witness")) -> Orders:
    """Orders under a charter that asks CFO and CTO, too, who approved `head`; and the checkpoint that `staff` signed."""
    other = World(world.folder)
    other.__dict__["charter"] = replace(world.charter, officers_approve="yes")
    orders = other.good
    elsewhere = other.approvals(orders.positions, other.wanted(head=head))
    approvals = tuple(e if e.approval.role in ("cfo", "cto") else a for a, e in zip(orders.approvals, elsewhere, strict=True))
    statement = replace(statement, genesis=other.charter.digest)
    signed = tuple(other.sign(person, "checkpoint", statement.text.encode()) for person in staff)
    return replace(orders, approvals=approvals, prepared=statement.text, prepared_signatures=signed)


PREPARED = Statement(mark="practice", genesis="", ceremony=7, seq=20, head="44" * 32)


def test_officers_approved_what_was_prepared(world: World) -> None:
    armed = verify_orders(load(Orders, dump(with_officers(world, PREPARED.head, PREPARED))))
    assert armed.approved.people[-3:] == ("witness", "cfo", "cto")


@pytest.mark.control("SIG-02")
def test_an_officers_approval_of_another_head_arms_nothing(world: World) -> None:
    assert refused(with_officers(world, "55" * 32, PREPARED)) == "SIG-02"
    assert refused(replace(with_officers(world, PREPARED.head, PREPARED), prepared=None)) == "SIG-02"
    assert refused(with_officers(world, PREPARED.head, PREPARED, staff=("witness",))) == "AUD-02"
    assert refused(with_officers(world, PREPARED.head, replace(PREPARED, ceremony=6))) == "SIG-08"


@pytest.mark.control("SIG-08")
def test_another_request_arms_nothing(world: World) -> None:
    other = world.build(Order(payments=((OTHER, AMOUNT),), max_fee=FEE_CAP, rate=2_000, change_index=0))
    assert refused(replace(world.good, request=other.raw)) == "SIG-08"
    once = ArmedOnce()
    with pytest.raises(Refused):
        once.arm(replace(world.good, request=other.raw))
    with pytest.raises(Refused, match="the vault is not armed"):
        once.armed  # noqa: B018


def test_only_verify_orders_makes_the_proof(world: World) -> None:
    armed = verify_orders(world.good)
    with pytest.raises(TypeError, match="verify_orders"):
        Armed(armed.key_record, None, armed.approved, None, object())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ({"payments": ((OTHER, AMOUNT),)}, "payments"),
        ({"payments": ((PAYEE, AMOUNT + 1),)}, "payments"),
        ({"payments": ((PAYEE, AMOUNT - 10_000), (OTHER, 10_000))}, "payments"),
        ({"payments": ()}, "payments"),
        ({"rate": 80_000, "max_fee": 10**6}, "fee"),
    ],
)
def test_request_against_authorization(world: World, order: dict[str, Any], name: str) -> None:
    facts = {"payments": ((PAYEE, AMOUNT),), "max_fee": FEE_CAP, "rate": 2_000, "change_index": 0, **order}
    request = world.build(Order(**facts))
    approvals = world.approvals(world.good.positions, world.wanted(request=request.digest))
    with pytest.raises(Refused, match=name) as caught:
        verify_orders(replace(world.good, request=request.raw, approvals=approvals))
    assert caught.value.identifier == "SIG-08"


@pytest.mark.control("SIG-02")
@pytest.mark.parametrize("person", ["A1", "B2", "witness"])
def test_each_approval_is_needed(world: World, person: str) -> None:
    approvals = tuple(a for a in world.good.approvals if a.approval.role != person)
    assert refused(replace(world.good, approvals=approvals)) == "SIG-02"


@pytest.mark.control("SIG-02")
@pytest.mark.parametrize("change", [{"ceremony": 8}, {"head": "44" * 32}])
def test_approvals_of_another_ceremony(world: World, change: dict[str, Any]) -> None:
    assert refused(replace(world.good, **change)) == "SIG-02"


def test_officers_may_not_be_left_out(world: World) -> None:
    assert refused(replace(world.good, authorization_signatures=world.good.authorization_signatures[:1])) == "AUT-02"
    twice = (world.good.authorization_signatures[0],) * 2
    assert refused(replace(world.good, authorization_signatures=twice)) == "AUT-02"


@pytest.mark.parametrize("now", ["2026-11-19T23:59:59Z", "2026-11-21T00:00:01Z"])
def test_authorization_not_valid_now(world: World, now: str) -> None:
    assert refused(replace(world.good, now=now)) == "AUT-04"


@pytest.mark.parametrize("change", [{"genesis": "55" * 32}, {"charter": "55" * 32}, {"network": "test"}, {"mark": "production"}])
def test_authorization_of_another_register(world: World, change: dict[str, Any]) -> None:
    other: Authorization = replace(world.authorization, **change)
    confirmation = replace(world.confirmation, authorization=other.digest)
    orders = replace(
        world.good,
        authorization=dump(other),
        authorization_signatures=world.all_sign(("cfo", "cto"), "authorization", dump(other)),
        confirmation=dump(confirmation),
        confirmation_signatures=(world.sign("witness", "confirmation", dump(confirmation)),),
    )
    assert refused(orders) == "AUT-01"


def test_unconfirmed(world: World) -> None:
    other = altered(world.confirmation, amount=AMOUNT + 1)
    signature = world.sign("witness", "confirmation", dump(other))
    assert refused(replace(world.good, confirmation=dump(other), confirmation_signatures=(signature,))) == "AUT-08"
    assert refused(replace(world.good, confirmation_signatures=(world.sign("witness", "confirmation", b"other"),))) == "AUT-03"
    assert refused(replace(world.good, confirmation=None, confirmation_signatures=())) == "AUT-08"
    stranger = replace(world.confirmation, checker="D1")
    signature = replace(signature, signer="D1")
    assert refused(replace(world.good, confirmation=dump(stranger), confirmation_signatures=(signature,))) == "AUT-08"


@pytest.mark.parametrize("missing", SIGNERS)
def test_charter_signed_by_all_who_must(world: World, missing: str) -> None:
    (genesis,) = world.good.charters
    few = replace(genesis, signatures=tuple(s for s in genesis.signatures if s.signer != missing))
    assert refused(replace(world.good, charters=(few,))) == "AUD-02"


def test_charter_of_another_genesis(world: World) -> None:
    assert refused(replace(world.good, genesis="66" * 32)) == "SIG-08"


def test_charter_signed_with_other_keys(world: World, tmp_path: Path) -> None:
    strangers = World(tmp_path)
    (genesis,) = world.good.charters
    forged = replace(genesis, signatures=strangers.all_sign(SIGNERS, "charter", genesis.charter))
    assert refused(replace(world.good, charters=(forged,))) == "AUT-03"


def under(world: World, *later: SignedCharter) -> Orders:
    """Orders in which everything after the key record is of the last of these charters."""
    charter = load(Charter, later[-1].charter)
    authorization = replace(world.authorization, charter=charter.digest)
    confirmation = replace(world.confirmation, authorization=authorization.digest)
    return replace(
        world.good,
        charters=(*world.good.charters, *later),
        authorization=dump(authorization),
        authorization_signatures=world.all_sign(("cfo", "cto"), "authorization", dump(authorization)),
        confirmation=dump(confirmation),
        confirmation_signatures=(world.sign("witness", "confirmation", dump(confirmation)),),
        approvals=world.approvals(world.good.positions, world.wanted(authorization=authorization.digest)),
    )


def amended(world: World, signers: tuple[str, ...] = SIGNERS, **changes: Any) -> SignedCharter:
    """The charter after the genesis, with changes."""
    raw = dump(replace(world.charter, number=1, previous=world.charter.digest, **changes))
    return SignedCharter(charter=raw, signatures=world.all_sign(signers, "charter", raw))


@pytest.mark.control("STO-07")
def test_amended_charter_needs_its_predecessor(world: World) -> None:
    orders = under(world, amended(world, vault_minutes=20))
    genesis, later = orders.charters
    assert verify_orders(orders).charter.vault_minutes == 20
    assert refused(replace(orders, charters=(later,))) == "STO-07"
    assert refused(replace(orders, charters=(genesis, genesis, later))) == "STO-07"
    assert refused(replace(orders, charters=(replace(genesis, signatures=genesis.signatures[:2]), later))) == "AUD-02"
    assert refused(under(world, amended(world, SIGNERS[:2], vault_minutes=20))) == "STO-07"
    assert refused(under(world, amended(world, vault_minutes=20, site_threshold=3))) == "SIG-08"  # the set in use has another plan
    with pytest.raises(Malformed):
        verify_orders(replace(orders, charters=()))


QUORUM = ("A1", "A2", "B1", "B2")


def succeeded(world: World, once_more: tuple[str, ...] = ("cto", "witness", *QUORUM), **changes: Any) -> SignedCharter:
    """The charter that replaces a lost CFO, signed by the others, and once more after the cool-off."""
    successor = signatures.public_key_of(world.key("successor").with_suffix(".pub"))
    people = tuple(replace(m, name="Successor", key=successor) if m.person == "cfo" else m for m in world.charter.people)
    link = amended(world, ("cto", "witness", *QUORUM), people=people)
    said: dict[str, Any] = {
        "mark": "practice",
        "genesis": world.charter.digest,
        "charter": sha256(link.charter),
        "proposed": "44" * 32,
        "proposed_at": "2026-11-01T09:00:00Z",
        "cool_off_hours": 48,
        "issued": "2026-11-03T09:00:00Z",
    }
    raw = dump(Succession(**{**said, **changes}))
    return replace(link, succession=raw, succession_signatures=world.all_sign(once_more, "succession", raw))


@pytest.mark.control("STO-07")
def test_a_lost_officer_is_succeeded(world: World) -> None:
    """The vault reads it from signatures alone: the same quorum twice, and a cool-off between."""
    orders = under(world, succeeded(world))
    raw = orders.authorization
    by_successor = signatures.sign("cfo", "authorization@cold-ceremony", raw, world.key("successor"))
    assert refused(orders) == "AUT-03"  # the lost key still signs
    good = replace(orders, authorization_signatures=(by_successor, world.sign("cto", "authorization", raw)))
    assert verify_orders(good).charter.member("cfo").name == "Successor"
    assert refused(replace(good, charters=good.charters[:1])) == "AUT-03"  # not before it counts
    (genesis, later) = good.charters
    assert refused(replace(good, charters=(genesis, replace(later, succession=None, succession_signatures=())))) == "STO-07"
    for wrong in (
        succeeded(world, ("cto", "witness", "A1", "A2", "B1")),
        succeeded(world, ("witness", *QUORUM)),
        succeeded(world, ("cto", *QUORUM)),
        succeeded(world, issued="2026-11-03T08:59:59Z"),
        succeeded(world, charter="55" * 32),
        succeeded(world, genesis="55" * 32),
    ):
        assert refused(replace(good, charters=(genesis, wrong))) == "STO-07"


@pytest.mark.parametrize(
    "change", [{"genesis": "77" * 32}, {"charter": "77" * 32}, {"mark": "production"}, {"accounts": ()}], ids=lambda c: next(iter(c))
)
def test_key_record_of_something_else(world: World, change: dict[str, Any]) -> None:
    other = replace(world.key_record, **change)
    signed = world.all_sign(("witness", *POSITIONS), "key-record", dump(other))
    assert refused(replace(world.good, key_record=dump(other), key_record_signatures=signed)) == "SIG-08"


def test_key_record_signed_by_too_few(world: World) -> None:
    by = {s.signer: s for s in world.good.key_record_signatures}
    few = tuple(by[p] for p in ("witness", "A1", "A2", "B1", "C1"))
    assert refused(replace(world.good, key_record_signatures=few)) == "ASM-01"
    unwitnessed = tuple(by[p] for p in POSITIONS)
    assert refused(replace(world.good, key_record_signatures=unwitnessed)) == "AUD-02"
    forged = (*few, world.sign("B2", "key-record", b"something else"))
    assert refused(replace(world.good, key_record_signatures=forged)) == "AUT-03"


def test_too_few_positions(world: World) -> None:
    assert refused(replace(world.good, positions=("A1", "A2", "B1"))) == "ASM-01"
    with pytest.raises(Malformed, match="twice"):
        verify_orders(replace(world.good, positions=("A1", "A1", "A2", "B1", "B2")))
    with pytest.raises(Malformed, match="D1"):
        verify_orders(replace(world.good, positions=("A1", "A2", "B1", "B2", "D1")))


@pytest.mark.parametrize("name", ["key_record", "authorization", "confirmation", "request"])
def test_no_changed_document_arms(world: World, name: str) -> None:
    with pytest.raises((Refused, Malformed)):
        verify_orders(replace(world.good, **{name: flip(getattr(world.good, name))}))
    with pytest.raises((Refused, Malformed)):
        verify_orders(replace(world.good, **{name: getattr(world.good, name) + b"\n"}))


def test_no_changed_charter_arms(world: World) -> None:
    (genesis,) = world.good.charters
    for raw in (flip(genesis.charter), genesis.charter + b"\n"):
        with pytest.raises((Refused, Malformed)):
            verify_orders(replace(world.good, charters=(replace(genesis, charter=raw),)))


def transaction(*coins: tuple[str, int]) -> tx.Transaction:
    """One that spends these coins; signatures do not matter here."""
    return tx.Transaction(
        2, tuple(tx.TxIn(txid, vout, b"", 0xFFFFFFFD) for txid, vout in coins), (tx.TxOut(1_000, b"\x00\x14" + bytes(20)),), 0
    )


def replacing(world: World, *txids: str) -> Orders:
    """Orders whose authorization names these transactions."""
    other = World(world.folder)
    other.__dict__["authorization"] = replace(world.authorization, replaces=txids)
    return other.good


@pytest.mark.control("BRD-06")
def test_the_vault_sees_for_itself_that_a_replacement_conflicts(world: World) -> None:
    spent = [(i.txid, i.vout) for i in verify_orders(world.good).review.inputs]
    rival, second = transaction(spent[0], ("ab" * 32, 0)), transaction(spent[1])
    orders = replacing(world, rival.txid, second.txid)
    armed = verify_orders(load(Orders, dump(replace(orders, replaced=(rival.stripped, second.stripped)))))
    assert armed.authorization.replaces == (rival.txid, second.txid)
    for replaced in ((), (rival.stripped,), (rival.stripped, transaction(spent[2]).stripped)):
        assert refused(replace(orders, replaced=replaced)) == "BRD-06"
    stranger = transaction(("ab" * 32, 0))
    assert refused(replace(replacing(world, stranger.txid), replaced=(stranger.stripped,))) == "BRD-06"
