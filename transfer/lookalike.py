"""Look-alikes: addresses that begin and end like another one, as a poisoned address would (TXN-07). Pure.

People compare heads and tails. By chance two addresses agree in these eight characters once in 10^12."""

from __future__ import annotations

from collections.abc import Mapping

from ceremony.base.amounts import grouped
from ceremony.base.control import control, refuse

SEGWIT = ("bc1", "tb1", "bcrt1")
"""How addresses begin in which case does not matter (BIP-173)."""


def is_segwit(address: str) -> bool:
    """Whether the address is one of BIP-173 or BIP-350: upper and lower case are the same."""
    return address.lower().startswith(SEGWIT)


def ends(address: str) -> tuple[str, str]:
    """The four characters after the network and the version, and the last four: what people look at."""
    body = address.lower().rpartition("1")[2] if is_segwit(address) else address
    return (body[1:5], body[-4:])


@control("TXN-07")
def check_unlike(address: str, name: str, others: Mapping[str, str]) -> None:
    """TXN-07: an address that begins and ends like another one, and is not that one, is refused. `others`: address -> whose it is."""
    for other, whose in others.items():
        if other != address and ends(other) == ends(address):
            refuse(
                "TXN-07",
                f"the address of {name} looks like {whose}, and is another one",
                found=f"{grouped(address)} beside {grouped(other)}",
                expected="addresses that differ at the head or at the tail",
                do="Find out where each address came from. One of them may be an attacker's.",
            )
