"""Whose entries are whose: nobody acts on another position's share, and people, not the tool, review (ASM-01, ASM-02, TXN-02, SIG-02)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ceremony.base.control import control, refuse
from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs

HARDWARE, FILE, RECOGNISED = "hardware key, touched", "signing key file", "recognised by the witness"
OWN_SHARE = "the passphrase of their share, which follows"
FACTORS: Mapping[str, str] = MappingProxyType(
    {HARDWARE: "what they have", FILE: "what they have", RECOGNISED: "who they are", OWN_SHARE: "what they know"}
)
"""What shows that somebody is who they say they are -> of which type it is. (The passphrase, what they know, opens their share.)"""
LEAST_TYPES = 2

_OWN = (
    entries.Unlocked
    | entries.SetAside
    | entries.CustodianToken
    | entries.Sealing
    | entries.Proven
    | entries.Chosen
    | entries.Removed
    | entries.NotRemoved
    | entries.Destroyed
    | entries.BagOpened
    | entries.BagClosed
)


def check(ceremony: Ceremony, charter: Charter) -> None:
    """ASM-01: what is done with a share is done by its position; TXN-02: who reviewed is a custodian or the witness."""
    for entry in ceremony.state.entries:
        where = f"who acted in entry {entry.line.seq} ({entry.line.type})"
        if isinstance(entry.body, _OWN) and entry.actor != entry.body.position:
            differs("ASM-01", ceremony, where, entry.actor, entry.body.position)
        if isinstance(entry.body, entries.Present):
            check_factors(entry.actor, entry.body.factors)
            if OWN_SHARE in entry.body.factors and ceremony.kind != "check":
                differs("ASM-02", ceremony, where, OWN_SHARE, "recognised by the witness; who checks a share alone may have none")
        if isinstance(entry.body, entries.Reviewed) and entry.actor not in (*charter.custodians, "witness"):
            differs("TXN-02", ceremony, where, entry.actor, "a custodian or the witness")


@control("ASM-02")
def check_factors(person: str, factors: Iterable[str]) -> None:
    """ASM-02: who is present was authenticated by factors of two types at least; each is one of the closed list."""
    found = tuple(factors)
    if not set(found) <= set(FACTORS) or len({FACTORS[name] for name in found}) < LEAST_TYPES:
        refuse(
            "ASM-02",
            f"how {person} was authenticated",
            found=", ".join(found) or "not at all",
            expected=f"factors of {LEAST_TYPES} types or more of these: {', '.join(FACTORS)}",
            do="Let them sign with their own key, in front of a witness who knows them or has seen their papers.",
        )


def check_reviewed(ceremony: Ceremony, positions: Iterable[str], request: str) -> None:
    """SIG-02: each of these positions and the witness had reviewed this very request before they approved it."""
    seen: set[str] = set()
    approved: set[str] = set()
    missing: set[str] = set()
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.purpose == "approval" and entry.actor not in approved:
            approved.add(entry.actor)
            missing |= {entry.actor} - seen
        if isinstance(entry.body, entries.Reviewed) and entry.body.request == request:
            seen.add(entry.actor)
    missing = ({*positions, "witness"} - seen) | (missing & {*positions, "witness"})
    if missing:
        found = f"not by {', '.join(sorted(missing))}"
        differs("SIG-02", ceremony, "the review before the approvals", found, "by everyone who opens a share, and the witness")
