from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.amounts import MOST, format_btc, format_rate, grouped, parse_amount, parse_rate, show_percent
from ceremony.base.control import Refused
from ceremony.base.data import Malformed, canonical, dump, encode
from ceremony.record import policy as policies
from ceremony.record.charter import SIGNERS
from tests.desk import ADDED, NOW, OTHER, PAYEE, Desk, altered
from tests.policies import counted
from transfer.bitcoin.address import address_of
from transfer.in_force import check_payees
from transfer.limits import Payee, Policy, Spent, check_limits, spent_in_window

LATER = "2026-11-10T09:00:00Z"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def refusal(run: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value


def payee(name: str, destination: str, added: str = ADDED) -> Payee:
    return Payee(name=name, chain="bitcoin", network="regtest", destination=destination, added=added, note="x")


def after(policy: Policy, **changes: Any) -> Policy:
    return replace(policy, number=policy.number + 1, previous=policy.digest, issued=LATER, **changes)


@pytest.mark.parametrize(
    ("text", "satoshi"),
    [
        ("0.25 BTC", 25_000_000),
        ("1 BTC", 10**8),
        ("0.00000001 BTC", 1),
        ("21000000 BTC", MOST),
        ("7 sat", 7),
        ("0 sat", 0),
        ("1.5 BTC", 150_000_000),
    ],
)
def test_amounts_are_exact(text: str, satoshi: int) -> None:
    assert parse_amount(text) == satoshi


@pytest.mark.parametrize(
    "text",
    [
        "0.25",
        "BTC",
        "1,000 BTC",
        "1 000 BTC",
        "1'000 BTC",
        "1_000 BTC",
        ".5 BTC",
        "1. BTC",
        "01 BTC",
        "-1 BTC",
        "+1 BTC",
        "1e3 BTC",
        "0,25 BTC",
        "0.000000001 BTC",
        "21000000.00000001 BTC",
        "1.5 sat",
        "1 btc",
        "1 mBTC",
        "1  BTC",
        "1 BTC ",
        " 1 BTC",
        "\u0661 BTC",
        "1BTC",
        "0.25 BTC\n",
        "",
    ],
)
def test_other_ways_to_write_an_amount_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_amount(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, MOST))
def test_an_amount_is_read_back(satoshi: int) -> None:
    assert parse_amount(format_btc(satoshi)) == satoshi
    assert parse_amount(f"{satoshi} sat") == satoshi


@pytest.mark.parametrize(("text", "rate"), [("100 sat/vB", 100_000), ("1.5 sat/vB", 1_500), ("0.001 sat/vB", 1)])
def test_a_fee_rate_is_read_and_shown_exactly(text: str, rate: int) -> None:
    assert (parse_rate(text), parse_rate(str(rate)), format_rate(rate)) == (rate, rate, text)


@pytest.mark.parametrize("text", ["1.5", "1.0005 sat/vB", "1,5 sat/vB", "01 sat/vB", "100 sat/kvB", "-1 sat/vB", "0", ""])
def test_other_ways_to_write_a_fee_rate_are_refused(text: str) -> None:
    with pytest.raises(Malformed, match="sat/vB"):
        parse_rate(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, MOST), st.integers(1, MOST))
def test_a_percentage_is_never_shown_too_small(part: int, whole: int) -> None:
    shown = show_percent(part, whole)
    hundredths = int(shown.removesuffix(" %").replace(".", ""))
    assert (hundredths - 1) * whole < part * 10_000 <= hundredths * whole


@given(st.text("abcdefgh0123", min_size=1, max_size=90))
def test_an_address_is_whole(address: str) -> None:
    assert grouped(address).replace(" ", "") == address
    assert all(len(group) == 4 for group in grouped(address).split(" ")[:-1])


def test_a_good_policy_is_read_back(desk: Desk) -> None:
    policy, charter = desk.policy(), desk.charter()
    assert policies.parse(dump(policy), "policy.json") == policy
    policies.check(policy, charter, charter.digest)
    policies.check_follows(policy, None)
    signed = [desk.sign(person, policy, "policy@cold-ceremony") for person in SIGNERS]
    policies.verify_all(signed, dump(policy), charter)
    assert refusal(lambda: policies.verify_all(signed[:2], dump(policy), charter)).identifier == "AUD-02"


@pytest.mark.control("SET-04")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surprise", "1"),
        ("per_transfer", "100"),
        ("per_transfer", {"asset": "BTC", "units": "0"}),
        ("per_transfer", {"asset": "BTC", "units": "-1"}),
        ("per_transfer", {"asset": "BTC", "units": "1.5"}),
        ("per_transfer", {"asset": "BTC", "units": 100}),
        ("per_transfer", {"asset": "BTC", "units": "2100000000000001"}),
        ("per_window", {"asset": "BTC", "units": "99999999"}),
        ("window_days", "0"),
        ("cool_off_hours", "9000"),
        ("fee_rate_cap", "1"),
        ("validity_days", "32"),
        ("previous", "00" * 32),
        ("number", "1"),
        ("issued", "2026-02-31T00:00:00Z"),
        ("issued", "2026-10-01T00:00:00Z"),
        ("mark", "test"),
        ("payees", [{"name": "exchange"}]),
    ],
)
def test_a_policy_has_exactly_its_form(desk: Desk, field: str, value: Any) -> None:
    raw = canonical({**encode(desk.policy()), field: value})
    assert refusal(lambda: policies.parse(raw, "policy.json")).identifier == "SET-04"


@pytest.mark.control("SET-04")
@pytest.mark.parametrize("field", sorted(set(Policy.__dataclass_fields__) - {"previous", "type", "version"}))
def test_no_field_may_be_missing(desk: Desk, field: str) -> None:
    tree = encode(desk.policy())
    del tree[field]
    assert refusal(lambda: policies.parse(canonical(tree), "policy.json")).identifier == "SET-04"


@pytest.mark.control("SET-04")
@pytest.mark.parametrize(
    "payees",
    [
        (payee("a", PAYEE), payee("a", OTHER)),
        (payee("a", PAYEE), payee("b", PAYEE)),
        (payee("a", PAYEE[:-1] + "q"),),
        (payee("a", PAYEE.upper()),),
        (payee("a", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),),
    ],
)
def test_payees_cannot_be_taken_for_one_another(desk: Desk, payees: tuple[Payee, ...]) -> None:
    assert refusal(lambda: policies.parse(dump(desk.policy(payees=payees)), "policy.json")).identifier == "SET-04"


@pytest.mark.control("TXN-07")
def test_addresses_that_look_alike_are_refused(desk: Desk) -> None:
    first, second = _alike()
    policies.parse(dump(desk.policy(payees=(payee("a", PAYEE), payee("b", OTHER)))), "policy.json")
    error = refusal(lambda: policies.parse(dump(desk.policy(payees=(payee("a", first), payee("b", second)))), "policy.json"))
    assert error.identifier == "TXN-07"


def _alike() -> tuple[str, str]:
    """Two addresses with one head and one tail: the head is chosen, the tail (20 bits) is searched for."""
    seen: dict[str, str] = {}
    for number in range(20_000):
        address = address_of(b"\x00\x14" + bytes(4) + hashlib.sha256(b"%d" % number).digest()[:16], "regtest")
        if address[-4:] in seen:
            return seen[address[-4:]], address
        seen[address[-4:]] = address
    raise AssertionError("no two alike")


@pytest.mark.control("SET-08")
@pytest.mark.parametrize("change", ["mark", "network"])
def test_a_policy_is_of_its_charters_kind(desk: Desk, change: str) -> None:
    charter = desk.charter()
    elsewhere = replace(payee("a", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"), network="test")
    other: dict[str, dict[str, Any]] = {"mark": {"mark": "production"}, "network": {"payees": (elsewhere,)}}
    wrong = policies.parse(dump(desk.policy(**other[change])), "policy.json")
    assert refusal(lambda: policies.check(wrong, charter, charter.digest)).identifier == "SET-08"


@pytest.mark.parametrize("field", ["charter", "genesis"])
def test_a_policy_names_its_charter(desk: Desk, field: str) -> None:
    charter = desk.charter()
    assert refusal(lambda: policies.check(desk.policy(**{field: "00" * 32}), charter, charter.digest)).identifier == "AUT-01"


def test_a_policy_follows_the_one_before(desk: Desk) -> None:
    first = desk.policy()
    second = after(first, payees=(*first.payees, payee("b", OTHER, LATER)))
    policies.check_follows(policies.parse(dump(second), "policy.json"), first)
    for wrong in (replace(second, number=2), replace(second, previous="00" * 32), first):
        assert refusal(lambda wrong=wrong: policies.check_follows(wrong, first)).identifier == "AUT-01"  # type: ignore[misc]


@pytest.mark.control("AUT-06")
@pytest.mark.parametrize("dated", [ADDED, "2026-11-09T00:00:00Z"])
def test_a_new_destination_is_not_dated_back(desk: Desk, dated: str) -> None:
    first = desk.policy()
    for payees in ((*first.payees, payee("b", OTHER, dated)), (replace(first.payees[0], destination=OTHER, added=dated),)):
        assert refusal(lambda payees=payees: policies.check_follows(after(first, payees=payees), first)).identifier == "AUT-06"  # type: ignore[misc]
    old = desk.policy(payees=(payee("a", PAYEE, "2026-10-01T00:00:00Z"),))
    assert refusal(lambda: policies.check_follows(old, None)).identifier == "AUT-06"


@pytest.mark.control("AUT-06")
@pytest.mark.parametrize(
    "change",
    [{"destination": OTHER}, {"payee": "nobody"}, {"network": "test"}, {"destination": PAYEE[:-1]}, {"destination": PAYEE.upper()}],
)
def test_only_a_listed_destination(desk: Desk, change: dict[str, str]) -> None:
    check_payees(counted(desk.policy()), desk.authorization(), NOW)
    error = refusal(lambda: check_payees(counted(desk.policy()), desk.authorization(**change), NOW))
    assert error.identifier == "AUT-06"


@pytest.mark.control("AUT-06")
def test_the_cool_off_is_over_to_the_second(desk: Desk) -> None:
    policy, wanted = desk.policy(cool_off_hours=48), desk.authorization()
    check_payees(counted(policy), wanted, "2026-11-03T09:00:00Z")
    error = refusal(lambda: check_payees(counted(policy), wanted, "2026-11-03T08:59:59Z"))
    assert error.identifier == "AUT-06"
    assert "2026-11-03T09:00:00Z" in error.expected


@pytest.mark.control("AUT-07")
@pytest.mark.parametrize(
    "change",
    [
        {"amount": 100_000_001},
        {"amount": 0},
        {"fee_cap": 100_001},
        {"expires": "2026-12-20T09:00:01Z"},
        {"expires": "2026-11-19T09:00:00Z"},
        {"expires": "2026-11-18T09:00:00Z"},
    ],
)
def test_limits_of_one_authorization(desk: Desk, change: dict[str, Any]) -> None:
    at_limit = desk.authorization(amount=100_000_000, fee_cap=100_000, expires="2026-12-20T09:00:00Z")
    check_limits(desk.policy(), at_limit, (), NOW)
    assert refusal(lambda: check_limits(desk.policy(), altered(at_limit, **change), (), NOW)).identifier == "AUT-07"


@pytest.mark.control("AUT-07")
def test_the_window_counts_what_was_spent(desk: Desk) -> None:
    policy, wanted = desk.policy(), desk.authorization(amount=100_000_000)
    recent, old, future = (Spent(time, 100_000_001) for time in ("2026-11-13T09:30:01Z", "2026-11-13T09:30:00Z", "2027-01-01T00:00:00Z"))
    check_limits(policy, wanted, [old, Spent(NOW, 100_000_000)], NOW)
    for spent in ([recent], [future], [old, recent], [Spent(NOW, 60_000_000), Spent(NOW, 60_000_000)]):
        assert refusal(lambda spent=spent: check_limits(policy, wanted, spent, NOW)).identifier == "AUT-07"  # type: ignore[misc]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 10**8)), max_size=8))
def test_the_window_is_the_sum_of_its_days(spent: list[tuple[int, int]]) -> None:
    policy = Policy(
        mark="practice",
        genesis="00" * 32,
        charter="00" * 32,
        number=0,
        issued=ADDED,
        payees=(),
        cool_off_hours=0,
        per_transfer=1,
        window_days=7,
        per_window=1,
        fee_cap=1,
        fee_rate_cap=1000,
        validity_days=1,
    )
    found = spent_in_window(policy, [Spent(f"2026-10-{day:02d}T12:00:00Z", amount) for day, amount in spent], "2026-10-30T12:00:00Z")
    assert found == sum(amount for day, amount in spent if day > 23)
