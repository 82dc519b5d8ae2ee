"""Which entries stand in which kinds of ceremonies: what opens, makes, proves or destroys shares, uses the key, or changes what
counts, stands only where a script has a step for it, before the people who sign there (AUD-08)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ceremony.record import entries
from ceremony.record.entries import type_of
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs

OPENS = ("transfer", "drill", "check", "reseal", "reshare")
LOCKS = ("keygen", *OPENS)
_TRANSFER = (
    entries.Authorized, entries.Agreed, entries.Reviewed, entries.TypedBack, entries.Armed, entries.Imported, entries.Signing,
    entries.HsmSigned, entries.Absent, entries.Checked, entries.Exported,
)  # fmt: skip
PLACES: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys((entries.BagOpened, entries.Unlocked, entries.SetAside), OPENS),
        **dict.fromkeys(
            (entries.BagClosed, entries.CustodianToken, entries.Sealing, entries.Proven, entries.Removed, entries.NotRemoved), LOCKS
        ),
        **dict.fromkeys((entries.Generated, entries.Quorums), ("keygen", "reshare")),
        **dict.fromkeys((entries.Resharing, entries.Destroyed), ("reshare",)),
        **dict.fromkeys(_TRANSFER, ("transfer",)),
        **dict.fromkeys((entries.Sighting, entries.Settled), ("receipt",)),
        **dict.fromkeys((entries.Revoked, entries.Granted, entries.Proposed, entries.Amended), ("amend",)),
        **dict.fromkeys((entries.Rehearsed, entries.Drilled), ("drill",)),
        entries.Recovered: ("transfer", "reshare"),
        entries.Alone: ("drill", "check", "reseal"),
        entries.Chosen: ("reseal",),
    }
)
"""Kind of entry -> the kinds of ceremonies that can have it. Every other entry can stand in all of them, or has a rule of its own."""


def check(ceremony: Ceremony) -> None:
    """AUD-08, also of a ceremony that has not ended or was voided: what the register says of shares is a fold over these entries."""
    for entry in ceremony.state.entries:
        places = PLACES.get(type(entry.body))
        if places is not None and ceremony.kind not in places:
            differs("AUD-08", ceremony, f"entry {entry.line.seq} ({type_of(entry.body)})", f"in a {ceremony.kind}", " or ".join(places))
