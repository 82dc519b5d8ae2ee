"""The reference value of an authorization: one form on the command line, one in the file, one on the screen."""

from __future__ import annotations

from typing import get_args

import pytest

from ceremony.base.data import Malformed, dump, load
from tests.desk import Desk
from transfer.authorization import Authorization
from transfer.valuation import DECIMALS, Currency, ReferenceValue, parse_value

NOW = "2026-11-20T10:00:00Z"


@pytest.mark.parametrize(
    ("said", "units", "currency", "time", "told"),
    [
        ("USD 6,500,000.00 on 2026-11-20", 650_000_000, "USD", "2026-11-20T00:00:00Z", "USD 6,500,000.00 at 2026-11-20 00:00 UTC"),
        ("EUR 6500000.07 at 2026-11-20T09:30Z", 650_000_007, "EUR", "2026-11-20T09:30:00Z", "EUR 6,500,000.07 at 2026-11-20 09:30 UTC"),
        ("JPY 1,000 on 2026-11-20", 1_000, "JPY", "2026-11-20T00:00:00Z", "JPY 1,000 at 2026-11-20 00:00 UTC"),
        ("KWD 0.005 on 2026-11-20", 5, "KWD", "2026-11-20T00:00:00Z", "KWD 0.005 at 2026-11-20 00:00 UTC"),
    ],
)
def test_a_value_is_read_and_shown_exactly(said: str, units: int, currency: Currency, time: str, told: str) -> None:
    found = parse_value(said, NOW)
    assert found == ReferenceValue(minor_units=units, currency=currency, time=time)
    assert found.shown == told
    assert load(ReferenceValue, dump(found)) == found


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("nothing", "expected such as 'USD 6,500,000.00 on 2026-11-20'"),
        ("USD 1.00", "expected such as"),
        ("6,500,000.00 USD on 2026-11-20", "expected such as"),
        ("USD 65,00,000.00 on 2026-11-20", "expected such as"),
        ("USD -1.00 on 2026-11-20", "expected such as"),
        ("USD 1.00 on 2026-11-20 (desk)", "expected such as"),
        ("USD 1.00 at 2026-11-20 09:30", "expected such as"),
        ("usd 1.00 on 2026-11-20", "expected such as"),
        ("XBT 1.00 on 2026-11-20", "found the currency XBT, expected one of AED"),
        ("USD 1 on 2026-11-20", "expected 2 for USD"),
        ("JPY 1.00 on 2026-11-20", "expected 0 for JPY"),
        ("USD 1.00 on 2026-02-30", "expected a UTC time"),
        ("USD 1.00 at 2026-11-20T24:30Z", "expected a UTC time"),
        ("USD 1.00 at 2026-11-20T10:01Z", "not later than now"),
    ],
)
def test_another_form_is_refused(said: str, told: str) -> None:
    with pytest.raises(Malformed, match="reference value: found") as error:
        parse_value(said, NOW)
    assert told in str(error.value)


def test_each_currency_has_its_decimals() -> None:
    assert set(get_args(Currency)) == set(DECIMALS)


def test_no_authorization_is_valued_later_than_it_was_drafted(tmp_path_factory: pytest.TempPathFactory) -> None:
    wanted = Desk(tmp_path_factory.mktemp("desk")).authorization()
    late = ReferenceValue(minor_units=1, currency="USD", time="2026-11-19T09:00:01Z")
    raw = dump(wanted).replace(within(wanted.reference_value), within(late))
    with pytest.raises(Malformed, match="its reference value is of 2026-11-19T09:00:01Z, expected no later than 2026-11-19T09:00:00Z"):
        load(Authorization, raw)


def within(value: ReferenceValue) -> bytes:
    """The value as it stands within a document."""
    return dump(value).rstrip()
