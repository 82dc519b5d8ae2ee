"""Amounts and addresses as people read them: exact decimals with their unit, addresses whole and in groups of four (TXN-05, TXN-13).

Inside, an amount is a whole number of satoshi; no float ever holds one."""

from __future__ import annotations

import re

from ceremony.base.data import Malformed
from ceremony.base.show import shown

COIN = 10**8
"""Satoshi in one bitcoin."""
MOST = 21_000_000 * COIN
"""Satoshi: no amount is greater."""
_DECIMALS = 8
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,20})(?:\.([0-9]{1,30}))? (BTC|sat)")


def parse_amount(text: str, what: str = "amount") -> int:
    """Satoshi for `0.25 BTC` or `25000000 sat`; the unit is needed.

    Malformed for anything else: thousands separators, a sign, an exponent, a comma, more than 8 decimals, more than there can be."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise Malformed(f"{what}: found {shown(text)}, expected digits, a point, and the unit, such as '0.25 BTC' (no separators)")
    whole, decimals, unit = found.groups(default="")
    if unit == "sat" and decimals:
        raise Malformed(f"{what}: found {shown(text)}, expected a whole number of sat")
    if len(decimals) > _DECIMALS:
        raise Malformed(f"{what}: found {len(decimals)} decimals in {shown(text)}, expected at most {_DECIMALS}")
    value = int(whole) if unit == "sat" else int(whole) * COIN + int(decimals.ljust(_DECIMALS, "0"))
    if value > MOST:
        raise Malformed(f"{what}: found {shown(text)}, expected at most 21000000 BTC")
    return value


def format_btc(satoshi: int) -> str:
    """`0.25000000 BTC`: always eight decimals, so that amounts line up and nothing is rounded."""
    if satoshi < 0:
        raise ValueError("an amount is not negative")
    return f"{satoshi // COIN}.{satoshi % COIN:0{_DECIMALS}d} BTC"


_RATE = re.compile(r"(0|[1-9][0-9]{0,6})(?:\.([0-9]{1,3}))? sat/vB|([1-9][0-9]{0,9})")


def parse_rate(text: str, what: str = "fee rate") -> int:
    """Satoshi per 1,000 virtual bytes for `100 sat/vB` (at most three decimals), or for that number itself, `100000`."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise Malformed(f"{what}: found {shown(text)}, expected such as '100 sat/vB' or '1.5 sat/vB', or a whole number of sat/kvB")
    whole, decimals, kilo = found.groups(default="")
    return int(kilo) if kilo else int(whole) * 1000 + int(decimals.ljust(3, "0"))


def format_rate(rate: int) -> str:
    """`100 sat/vB`, `1.5 sat/vB` for satoshi per 1,000 virtual bytes: exact, and no decimals that say nothing."""
    whole, rest = divmod(rate, 1000)
    return f"{whole}{f'.{rest:03d}'.rstrip('0') if rest else ''} sat/vB"


def show_percent(part: int, whole: int) -> str:
    """`part` in percent of `whole`, rounded up to two decimals: never shown smaller than it is."""
    if whole < 1 or part < 0:
        raise ValueError("percent of nothing")
    hundredths = -(-part * 10_000 // whole)
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def grouped(address: str, size: int = 4) -> str:
    """The whole text in groups of four, one space between: nothing is left out."""
    return " ".join(address[at : at + size] for at in range(0, len(address), size))
