"""The order of a transfer: what must stand in the transcript before what. Held also while it is unfinished, and when it is void."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from ceremony.record import entries
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs
from ceremony.record.state import Recorded

NEEDS: dict[type, tuple[str, type]] = {
    entries.Agreed: ("TXN-01", entries.Authorized),
    entries.Reviewed: ("TXN-02", entries.Agreed),
    entries.Armed: ("SIG-02", entries.Reviewed),
    entries.Checked: ("SIG-03", entries.HsmSigned),
    entries.Exported: ("SIG-03", entries.Checked),
}
"""Kind of entry -> the control that is broken unless an entry of the other kind stands before it."""

RUN = (entries.Armed, entries.Unlocked, entries.Recovered, entries.Imported, entries.Signing, entries.HsmSigned)
"""One run of the vault, in its order. Only `Unlocked` may stand there more than once; after `Absent` nothing of it may follow."""
_BROKEN = ("SIG-08", "SIG-08", "REC-01", "REC-06", "REC-07", "SIG-08")
_OVER = len(RUN)
GONE = (entries.VaultEnded, entries.Resumed, entries.Vault)
"""After one of these nothing is armed: the run ended, was cut off, or another one begins."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run of the vault has come: the place in `RUN` of its newest entry; -1 while there is no armed vault."""

    at: int = -1
    left_in_hsm: bool = False
    """The HSM signed, and the absence of its keys is not shown yet."""


def check(ceremony: Ceremony) -> None:
    """Refuses the first entry that stands before something that it needs."""
    seen: set[type] = set()
    progress = Progress()
    for entry in ceremony.state.entries:
        kind = type(entry.body)
        if kind in NEEDS and NEEDS[kind][1] not in seen:
            _early(NEEDS[kind][0], ceremony, entry, NEEDS[kind][1])
        if kind is entries.Checked and progress.left_in_hsm:
            _early("SEC-03", ceremony, entry, entries.Absent)
        progress = _advance(progress, ceremony, entry)
        seen.add(kind)


def _advance(progress: Progress, ceremony: Ceremony, entry: Recorded) -> Progress:
    kind = type(entry.body)
    if kind in GONE:
        return replace(progress, at=-1)
    if kind is entries.Absent:
        if progress.at < 0:
            _early("SIG-08", ceremony, entry, entries.Armed)
        return Progress(at=_OVER)
    if kind not in RUN:
        return progress
    at = RUN.index(kind)
    if at > 0 and progress.at != at - 1 and not (kind is entries.Unlocked and progress.at == at):
        _early(_BROKEN[at], ceremony, entry, RUN[at - 1])
    return Progress(at=at, left_in_hsm=progress.left_in_hsm or kind is entries.HsmSigned)


def _early(identifier: str, ceremony: Ceremony, entry: Recorded, missing: type) -> NoReturn:
    what = f"entry {entry.line.seq} ({entry.line.type}) is out of order"
    differs(identifier, ceremony, what, f"no {missing.__name__} before it", f"{missing.__name__} first")
