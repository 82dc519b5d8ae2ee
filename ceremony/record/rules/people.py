"""Whose entries are whose: nobody acts on another position's share, and people, not the tool, review (ASM-01, TXN-02, SIG-02)."""

from __future__ import annotations

from collections.abc import Iterable

from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs

_OWN = entries.Unlocked | entries.SetAside | entries.Sealing | entries.Proven | entries.Removed


def check(ceremony: Ceremony, charter: Charter) -> None:
    """ASM-01: what is done with a share is done by its position; TXN-02: who reviewed is a custodian or the witness."""
    for entry in ceremony.state.entries:
        where = f"who acted in entry {entry.line.seq} ({entry.line.type})"
        if isinstance(entry.body, _OWN) and entry.actor != entry.body.position:
            differs("ASM-01", ceremony, where, entry.actor, entry.body.position)
        if isinstance(entry.body, entries.Reviewed) and entry.actor not in (*charter.custodians, "witness"):
            differs("TXN-02", ceremony, where, entry.actor, "a custodian or the witness")


def check_reviewed(ceremony: Ceremony, positions: Iterable[str], request: str) -> None:
    """SIG-02: each of these positions and the witness had reviewed this very request before the first approval of it."""
    seen: set[str] = set()
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.purpose == "approval":
            break
        if isinstance(entry.body, entries.Reviewed) and entry.body.request == request:
            seen.add(entry.actor)
    missing = sorted({*positions, "witness"} - seen)
    if missing:
        found = f"not by {', '.join(missing)}"
        differs("SIG-02", ceremony, "the review before the approvals", found, "by everyone who opens a share, and the witness")
