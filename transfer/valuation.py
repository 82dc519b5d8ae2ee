"""What the amount of an authorization was worth, as its drafter says: so much of a currency at a time. Nothing is computed from it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Literal, cast

from ceremony.base.data import Malformed, Time, decode, record
from ceremony.base.show import shown

Currency = Literal["AED", "AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "HKD", "JPY", "KRW", "KWD", "NOK", "NZD", "SEK", "SGD", "USD"]
DECIMALS: MappingProxyType[str, int] = MappingProxyType({
    "AED": 2, "AUD": 2, "CAD": 2, "CHF": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "JPY": 0, "KRW": 0, "KWD": 3, "NOK": 2, "NZD": 2,
    "SEK": 2, "SGD": 2, "USD": 2,
})  # fmt: skip
"""Decimals of a currency's minor unit (ISO 4217)."""
_FORM = re.compile(
    r"([A-Z]{3}) ([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,18})(?:\.([0-9]{1,4}))? (?:on ([0-9-]{10})|at ([0-9-]{10}T[0-9]{2}:[0-9]{2})Z)"
)
_EXPECTED = "such as 'USD 6,500,000.00 on 2026-11-20' or 'USD 6,500,000.00 at 2026-11-20T09:30Z'"


@record
class ReferenceValue:
    """What was worth so much: `asset`; how much: `minor_units` (cents) of `currency`; when: `time`."""

    asset: Literal["BTC"] = "BTC"
    minor_units: int
    currency: Currency
    time: Time

    @property
    def shown(self) -> str:
        """`USD 6,500,000.00 at 2026-11-20 09:30 UTC`."""
        decimals = DECIMALS[self.currency]
        whole, rest = divmod(self.minor_units, 10**decimals)
        fraction = f".{rest:0{decimals}d}" if decimals else ""
        return f"{self.currency} {whole:,}{fraction} at {self.time[:-1].removesuffix(':00').replace('T', ' ')} UTC"


def parse_value(text: str, now: str, what: str = "reference value") -> ReferenceValue:
    """The value for `USD 6,500,000.00 on 2026-11-20` (00:00 UTC) or `... at 2026-11-20T09:30Z`; Malformed for another form, another
    number of decimals than the currency has, an unknown currency, or a time after `now`."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Malformed(f"{what}: found {shown(text)}, expected {_EXPECTED}")
    currency, whole, fraction, day, minute = found.groups(default="")
    if currency not in DECIMALS:
        raise Malformed(f"{what}: found the currency {currency}, expected one of {', '.join(DECIMALS)}")
    if len(fraction) != DECIMALS[currency]:
        raise Malformed(f"{what}: found {len(fraction)} decimals in {shown(text)}, expected {DECIMALS[currency]} for {currency}")
    time = decode(Time, f"{day}T00:00:00Z" if day else f"{minute}:00Z", what)
    if time > now:
        raise Malformed(f"{what}: found {time}, expected a time that is not later than now, {now}")
    return ReferenceValue(minor_units=int(whole.replace(",", "") + fraction), currency=cast("Currency", currency), time=time)
