"""Amounts in files: each says its asset, in one form, and no field of a document or an entry is a bare amount."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest

from ceremony.base import data
from ceremony.base.data import Btc, Malformed, amounts_of, canonical, dump, load, record

COUNTS = frozenset({
    "after", "aware_of", "block_height", "board", "ceremonies", "ceremony", "coins", "commitments", "confirmations", "cool_off_hours",
    "count", "destroyed", "entry", "exchanges", "exponent", "fee_rate_cap", "frames", "groups", "index", "input",
    "inputs", "keys", "known_answers", "level", "locktime", "members", "minor_units", "newest", "number", "numbers", "objects",
    "of_custodians", "of_sites", "paths", "paused", "payment", "places", "proven", "rate", "remaining", "run",
    "sealing", "self_tests", "sequences", "site_threshold", "size", "stand_for", "tests", "threshold", "tries_left",
    "validity_days", "vault_minutes", "version", "vout", "weight", "whole", "window_days", "words",
})  # fmt: skip
"""Fields that are whole numbers and no money: counts, places, sizes, hours, numbers of ceremonies, rates in sat/kvB, minor units of a
currency that stands beside them."""


@record
class Paper:
    """A document with amounts."""

    fee: Btc
    more: Btc | None = None


def test_an_amount_is_written_with_its_asset() -> None:
    assert dump(Paper(fee=7)) == b'{"fee":{"asset":"BTC","units":"7"}}\n'
    assert load(Paper, dump(Paper(fee=0, more=21 * 10**14))) == Paper(fee=0, more=21 * 10**14)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("7", "found '\"7\"', expected an amount of BTC such as"),
        ({"asset": "ETH", "units": "7"}, 'found \'{"asset":"ETH","units":"7"}\', expected an amount of BTC such as'),
        ({"units": "7"}, "expected an amount of BTC such as"),
        ({"asset": "BTC", "units": "7", "decimals": "8"}, "expected an amount of BTC such as"),
        ({"asset": "btc", "units": "7"}, "expected an amount of BTC such as"),
        ({"asset": "BTC", "units": "07"}, "document.fee.units: found '07', expected a whole number in digits"),
        ({"asset": "BTC", "units": "0.7"}, "document.fee.units: found '0.7', expected a whole number in digits"),
        ({"asset": "BTC", "units": 7}, "document.fee.units: expected a string"),
        (["BTC", "7"], "expected an amount of BTC such as"),
    ],
)
def test_another_form_of_an_amount_is_refused(said: object, told: str) -> None:
    with pytest.raises(Malformed) as error:
        load(Paper, canonical({"fee": said}))
    assert told in str(error.value)


def test_the_keys_of_an_amount_stand_in_order() -> None:
    with pytest.raises(Malformed, match="canonical form"):
        load(Paper, b'{"fee":{"units":"7","asset":"BTC"}}\n')


def records() -> Iterator[type]:
    """Every class of ours that `load` and `dump` know."""
    for name in ("ceremony", "shares", "transfer"):
        for found in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                module = importlib.import_module(found.name)
                yield from (cls for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__init__ is data._init)


def whole_numbers(hint: Any) -> bool:
    """Whether a number stands somewhere in this form without an asset of its own field."""
    return hint is int or (get_origin(hint) is Annotated and hint == Btc) or any(map(whole_numbers, get_args(hint)))


def test_every_number_is_a_count_or_an_amount_with_its_asset() -> None:
    found = {
        f"{cls.__name__}.{name}": name
        for cls in set(records())
        for name, hint in data._hints(cls).items()
        if name not in amounts_of(cls) and whole_numbers(hint)
    }
    assert {place for place, name in found.items() if name not in COUNTS} == set()
    assert COUNTS - set(found.values()) == set()
