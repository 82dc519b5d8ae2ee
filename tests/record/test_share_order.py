"""A share order: what it binds, that both officers sign it, that it is valid, of this register, and used once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from ceremony.record.charter import Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.order import NAMESPACE, ShareOrder, verified
from ceremony.record.register import Register
from ceremony.script.ordered import check_wanted
from tests.desk import ADDED, CUSTODIANS, HEAD, NOW, Desk
from tests.record import sample
from transfer.authorization import check_head, check_valid

GENESIS = "12" * 32


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("order"))


def key_record(charter: Charter) -> KeyRecord:
    """A key record of the charter's plan; its commitments are worth nothing."""
    return KeyRecord(
        mark=charter.mark,
        genesis=charter.digest,
        charter=charter.digest,
        ceremony=1,
        issued=ADDED,
        scheme=charter.scheme,
        origin="software",
        plan=charter.plan,
        custodian_commitments=dict.fromkeys(CUSTODIANS, HEAD),
        site_commitments=dict.fromkeys("ABCD", HEAD),
        accounts=(),
    )


def order(charter: Charter, /, **changes: Any) -> ShareOrder:
    made = ShareOrder(
        kind="reseal",
        mark=charter.mark,
        genesis=charter.digest,
        charter=charter.digest,
        key_record=key_record(charter).digest,
        register_head=HEAD,
        identifier="s-20261120-00000001",
        positions=("A1",),
        reason="A1 may have been overheard",
        requester="A1",
        not_before="2026-11-19T09:00:00Z",
        expires="2026-11-26T09:00:00Z",
    )
    return replace(made, **changes)


def verify(desk: Desk, wanted: ShareOrder, signers: dict[str, str] | None = None, kind: Any = None) -> ShareOrder:
    """As a vault verifies it. `signers`: person -> whose key they use."""
    charter = desk.charter()
    signed = [desk.sign(person, wanted, NAMESPACE, key) for person, key in (signers or {"cfo": "cfo", "cto": "cto"}).items()]
    return verified(dump(wanted), signed, kind or wanted.kind, charter, key_record(charter), charter.digest)


def refusal(run: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value


def test_an_order_that_both_officers_signed_is_taken(desk: Desk) -> None:
    wanted = order(desk.charter())
    assert verify(desk, wanted) == wanted
    assert load(ShareOrder, dump(wanted), "order") == wanted


@pytest.mark.control("AUT-02")
def test_one_officer_alone_orders_nothing(desk: Desk) -> None:
    wanted = order(desk.charter())
    assert refusal(lambda: verify(desk, wanted, {"cfo": "cfo"})).identifier == "AUT-02"
    assert refusal(lambda: verify(desk, wanted, {"cfo": "cfo", "witness": "witness"})).identifier == "AUT-02"
    assert refusal(lambda: verify(desk, wanted, {"cfo": "cfo", "cto": "cfo"})).identifier == "AUT-03"


@pytest.mark.control("AUT-03")
def test_a_signature_over_an_authorization_is_none_over_an_order(desk: Desk) -> None:
    wanted, charter = order(desk.charter()), desk.charter()
    signed = [desk.sign(person, wanted, "authorization@cold-ceremony") for person in ("cfo", "cto")]
    error = refusal(lambda: verified(dump(wanted), signed, "reseal", charter, key_record(charter), charter.digest))
    assert error.identifier == "AUT-03"


@pytest.mark.control("AUT-01")
@pytest.mark.parametrize(
    "changes",
    [
        {"genesis": GENESIS},
        {"charter": GENESIS},
        {"key_record": GENESIS},
        {"mark": "production"},
        {"positions": ("E1",)},
        {"kind": "reshare", "positions": ()},
    ],
)
def test_an_order_of_something_else_is_refused(desk: Desk, changes: dict[str, Any]) -> None:
    wanted = order(desk.charter(), **changes)
    error = refusal(lambda: verify(desk, wanted, kind="reseal"))
    assert error.identifier == "AUT-01"
    assert "share order s-20261120-00000001" in error.what


@pytest.mark.control("AUT-04")
@pytest.mark.parametrize("now", ["2026-11-19T08:59:59Z", "2026-11-26T09:00:01Z"])
def test_an_order_counts_between_its_two_times(desk: Desk, now: str) -> None:
    wanted = order(desk.charter())
    check_valid(wanted, NOW)
    assert refusal(lambda: check_valid(wanted, now)).identifier == "AUT-04"


@pytest.mark.parametrize(
    "changes",
    [{"positions": ()}, {"positions": ("B1", "A1")}, {"positions": ("A1", "A1")}, {"kind": "reshare"}, {"kind": "new-key"}],
)
def test_a_reseal_names_positions_in_their_order_and_nothing_else_does(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="share order"):
        order(desk.charter(), **changes)


@pytest.mark.control("AUD-10")
def test_an_order_signed_against_a_newer_register_shows_that_this_one_is_old(desk: Desk) -> None:
    wanted = order(desk.charter())
    check_head(wanted, {HEAD}, HEAD)
    assert refusal(lambda: check_head(wanted, {GENESIS}, GENESIS)).identifier == "AUD-10"


def test_the_register_says_whether_an_order_may_be_taken_in(tmp_path: Path) -> None:
    anchor = sample.write(tmp_path / "register", receipt=False)
    book, people = Register.open(anchor.register), sample.FastDesk(tmp_path)
    key, until = book.key_record.digest, "2027-01-01T00:00:00Z"
    wanted = order(book.charter, key_record=key, register_head=book.head, not_before=book.time, expires=until)
    signed = tuple(people.sign(person, wanted, NAMESPACE) for person in ("cfo", "cto"))
    check_wanted(book, wanted, signed, "reseal", book.time)
    assert refusal(lambda: check_wanted(book, wanted, signed[:1], "reseal", book.time)).identifier == "AUT-02"
    assert refusal(lambda: check_wanted(book, wanted, signed, "reshare", book.time)).identifier == "AUT-01"
    assert refusal(lambda: check_wanted(book, wanted, signed, "reseal", "2027-01-01T00:00:01Z")).identifier == "AUT-04"
    later = replace(wanted, register_head=HEAD)
    assert refusal(lambda: check_wanted(book, later, signed, "reseal", book.time)).identifier == "AUD-10"
