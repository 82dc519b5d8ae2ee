from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from ceremony.record.policy import bound
from tests.desk import NOW, OTHER, Desk
from transfer.authorization import Authorization, Authorized, Confirmation, Payment, binds, signed_by
from transfer.valuation import parse_value

CHANGES: dict[str, Any] = {
    "mark": "production",
    "genesis": "00" * 32,
    "charter": "00" * 32,
    "policy": "00" * 32,
    "register_head": "00" * 32,
    "identifier": "t-20261120-00000002",
    "network": "main",
    "account": "other",
    "payments": (Payment(payee="other", destination=OTHER, amount=25_000_001),),
    "fee_cap": 50_001,
    "replaces": ("11" * 32,),
    "aware_of": (2,),
    "purpose": "Other",
    "reference_value": parse_value("USD 1.00 on 2025-11-20", NOW),
    "requester": "cto",
    "not_before": "2026-11-19T09:00:01Z",
    "expires": "2026-11-26T09:00:01Z",
}
"""Every field that an authorization binds, with another value."""
ONE_VALUE = {"type", "version", "chain"}
TOGETHER = {"kind", "coins", "key_record", "to", "address"}
"""Fields that no other value of fits a transfer: `test_consolidation_pays_nobody`."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def refusal(run: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value


def prove(desk: Desk, wanted: Authorization, now: str = NOW, **changes: Any) -> Authorized:
    """The proof for a good authorization, with parts of it changed."""
    said = changes.get("said", desk.confirmation(wanted))
    signed = changes.get("signed", [desk.sign(p, wanted, "authorization@cold-ceremony") for p in ("cfo", "cto")])
    confirmed = changes.get("confirmed") or desk.sign(said.checker, said, "confirmation@cold-ceremony")
    return signed_by(wanted, signed, said, [confirmed], changes.get("keys", desk.charter().keys), now)


def test_a_good_authorization_is_proven(desk: Desk) -> None:
    wanted = desk.authorization()
    assert prove(desk, wanted).authorization == wanted
    charter = desk.charter()
    bound(wanted, charter, desk.policy(), charter.digest)


def test_only_signed_by_makes_the_proof(desk: Desk) -> None:
    wanted = desk.authorization()
    with pytest.raises(TypeError):
        Authorized(wanted, desk.confirmation(wanted), object())


@pytest.mark.control("AUT-01")
def test_every_bound_field_is_in_the_digest_and_the_signatures(desk: Desk) -> None:
    assert set(CHANGES) | ONE_VALUE | TOGETHER == set(Authorization.__dataclass_fields__)
    wanted = desk.authorization()
    signed = [desk.sign(p, wanted, "authorization@cold-ceremony") for p in ("cfo", "cto")]
    for name, value in CHANGES.items():
        altered = replace(wanted, **{name: value})
        assert altered.digest != wanted.digest
        error = refusal(lambda altered=altered: prove(desk, altered, signed=signed))  # type: ignore[misc]
        assert error.identifier == "AUT-03", name


FEW = tuple(Payment(payee=f"p{n}", destination=f"address {n}", amount=1_000 + n) for n in range(100))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"payments": ()}, "1 to 100"),
        ({"payments": (*FEW, Payment(payee="one-more", destination="x", amount=1))}, "1 to 100"),
        ({"payments": (FEW[0], replace(FEW[1], payee="p0"))}, "the payee p0 is there twice"),
        ({"payments": (FEW[0], replace(FEW[1], destination="address 0"))}, "the destination address 0 is there twice"),
        ({"coins": 5}, "no number of coins"),
        ({"kind": "consolidation", "coins": 5}, "no payments"),
        ({"kind": "consolidation", "payments": ()}, "2 to 1000 coins"),
        ({"kind": "consolidation", "payments": (), "coins": 1}, "2 to 1000 coins"),
        ({"kind": "consolidation", "payments": (), "coins": 1_001}, "2 to 1000 coins"),
    ],
)
def test_payments_that_no_authorization_can_have(desk: Desk, changes: dict[str, Any], says: str) -> None:
    wanted = desk.authorization()
    with pytest.raises(Malformed, match=says):
        replace(wanted, **changes)


def test_a_hundred_payees_and_their_sum(desk: Desk) -> None:
    wanted = desk.authorization(payments=FEW)
    assert wanted.amount == sum(range(1_000, 1_100))
    assert load(Authorization, dump(wanted), "authorization") == wanted


def gathering(desk: Desk, coins: int = 5) -> Authorization:
    """A consolidation."""
    return desk.authorization(kind="consolidation", payments=(), coins=coins)


@pytest.mark.control("AUT-08")
def test_a_consolidation_pays_nobody_and_nobody_is_asked(desk: Desk) -> None:
    wanted = gathering(desk)
    assert (wanted.amount, load(Authorization, dump(wanted), "authorization")) == (0, wanted)
    signed = [desk.sign(p, wanted, "authorization@cold-ceremony") for p in ("cfo", "cto")]
    assert signed_by(wanted, signed, None, (), desk.charter().keys, NOW).confirmation is None
    said = replace(desk.confirmation(desk.authorization()), authorization=wanted.digest)
    assert refusal(lambda: prove(desk, wanted, said=said)).identifier == "AUT-08"
    assert refusal(lambda: signed_by(wanted, signed[:1], None, (), desk.charter().keys, NOW)).identifier == "AUT-02"


@pytest.mark.control("AUT-08")
def test_every_payee_is_called(desk: Desk) -> None:
    wanted = desk.authorization(payments=FEW[:3])
    prove(desk, wanted)
    calls = desk.confirmation(wanted).calls
    for wrong in (calls[:2], (*calls, calls[0]), (calls[1], calls[0], calls[2]), (), (replace(calls[0], payee="p9"), *calls[1:])):
        assert refusal(lambda wrong=wrong: prove(desk, wanted, said=desk.confirmation(wanted, calls=wrong))).identifier == "AUT-08"  # type: ignore[misc]
    signed = [desk.sign(p, wanted, "authorization@cold-ceremony") for p in ("cfo", "cto")]
    assert refusal(lambda: signed_by(wanted, signed, None, (), desk.charter().keys, NOW)).identifier == "AUT-08"


@pytest.mark.control("AUT-01")
@pytest.mark.parametrize("name", ["mark", "genesis", "charter", "policy", "network", "account"])
def test_it_stands_on_this_charter_and_policy(desk: Desk, name: str) -> None:
    charter = desk.charter()
    wanted = desk.authorization(**{name: CHANGES[name]})
    assert refusal(lambda: bound(wanted, charter, desk.policy(), charter.digest)).identifier == "AUT-01"


@pytest.mark.control("AUT-01")
def test_it_names_the_register_head(desk: Desk) -> None:
    error = refusal(lambda: binds(desk.authorization(), {"register_head": "cd" * 32}))
    assert error.identifier == "AUT-01"
    assert "register head" in error.what


@pytest.mark.parametrize("value", ["practice2", "", None])
def test_a_field_outside_its_form_is_malformed(desk: Desk, value: str | None) -> None:
    raw = dump(desk.authorization())
    other = raw.replace(b'"mark":"practice",', b"" if value is None else f'"mark":"{value}",'.encode())
    with pytest.raises(Malformed):
        load(Authorization, other, "authorization")


@pytest.mark.control("AUT-02")
@pytest.mark.parametrize("signers", [(), ("cfo",), ("cto",), ("cfo", "cfo"), ("witness", "administrator", "cfo")])
def test_both_officers_sign(desk: Desk, signers: tuple[str, ...]) -> None:
    wanted = desk.authorization()
    signed = [desk.sign(p, wanted, "authorization@cold-ceremony") for p in signers]
    assert refusal(lambda: prove(desk, wanted, signed=signed)).identifier == "AUT-02"


@pytest.mark.control("AUT-02")
def test_the_same_key_twice_is_one_signature(desk: Desk) -> None:
    wanted = desk.authorization()
    signed = [desk.sign(p, wanted, "authorization@cold-ceremony", key="cfo") for p in ("cfo", "cto")]
    one_key = {**desk.charter().keys, "cto": desk.charter().keys["cfo"]}
    assert refusal(lambda: prove(desk, wanted, signed=signed, keys=one_key)).identifier == "AUT-02"
    assert refusal(lambda: prove(desk, wanted, signed=signed)).identifier == "AUT-03"


@pytest.mark.control("AUT-03")
def test_a_signature_of_another_kind_does_not_count(desk: Desk) -> None:
    wanted = desk.authorization()
    good = desk.sign("cfo", wanted, "authorization@cold-ceremony")
    other = desk.sign("cto", wanted, "policy@cold-ceremony")
    disguised = replace(other, namespace="authorization@cold-ceremony")
    for bad in (other, disguised, replace(good, signer="cto")):
        assert refusal(lambda bad=bad: prove(desk, wanted, signed=[good, bad])).identifier == "AUT-03"  # type: ignore[misc]


@pytest.mark.control("AUT-04")
@pytest.mark.parametrize(
    ("now", "valid"),
    [
        ("2026-11-19T08:59:59Z", False),
        ("2026-11-19T09:00:00Z", True),
        ("2026-11-26T09:00:00Z", True),
        ("2026-11-26T09:00:01Z", False),
        ("2027-11-20T09:00:00Z", False),
    ],
)
def test_it_is_valid_only_for_its_time(desk: Desk, now: str, valid: bool) -> None:
    wanted = desk.authorization()
    if valid:
        assert prove(desk, wanted, now=now).authorization == wanted
    else:
        assert refusal(lambda: prove(desk, wanted, now=now)).identifier == "AUT-04"


@pytest.mark.control("AUT-08")
@pytest.mark.parametrize("change", [{"destination": OTHER}, {"amount": 1}, {"authorization": "00" * 32}])
def test_the_confirmation_is_of_this_authorization(desk: Desk, change: dict[str, Any]) -> None:
    wanted = desk.authorization()
    assert refusal(lambda: prove(desk, wanted, said=desk.confirmation(wanted, **change))).identifier == "AUT-08"


@pytest.mark.control("AUT-08")
def test_somebody_else_calls_the_payee_and_signs(desk: Desk) -> None:
    wanted = desk.authorization()
    said = desk.confirmation(wanted)
    by_requester = desk.confirmation(wanted, checker="cfo")
    assert refusal(lambda: prove(desk, wanted, said=by_requester)).identifier == "AUT-08"
    by_other = desk.sign("cto", said, "confirmation@cold-ceremony")
    assert refusal(lambda: prove(desk, wanted, said=said, confirmed=by_other)).identifier == "AUT-08"
    unknown = {person: key for person, key in desk.charter().keys.items() if person != "witness"}
    assert refusal(lambda: prove(desk, wanted, keys=unknown)).identifier == "AUT-08"


@pytest.mark.control("AUT-03")
def test_the_confirmation_is_signed_as_one(desk: Desk) -> None:
    wanted = desk.authorization()
    said: Confirmation = desk.confirmation(wanted)
    wrong_kind = desk.sign("witness", said, "authorization@cold-ceremony")
    assert refusal(lambda: prove(desk, wanted, said=said, confirmed=wrong_kind)).identifier == "AUT-03"
    wrong_key = desk.sign("witness", said, "confirmation@cold-ceremony", key="cto")
    assert refusal(lambda: prove(desk, wanted, said=said, confirmed=wrong_key)).identifier == "AUT-03"
