"""Every form that suspends a key, or lifts that, and every signature after it: a suspended key signs nothing (STO-07)."""

from __future__ import annotations

from ceremony.record import entries, suspension
from ceremony.record.ledger import Ledger
from ceremony.record.register import Ceremony


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """STO-07: forms count from their entry on, by the charter before this ceremony; a signature is judged by the key under which it is
    verified."""
    before, charter_at = ledger.suspended, ceremony.charter_at(ledger.charter)
    for entry in ceremony.state.entries:
        body, where = entry.body, f"{ceremony.folder.name}, entry {entry.line.seq}"
        if isinstance(body, entries.Opened | entries.Resumed):
            before = suspension.check_taken(body.suspensions or (), before, ledger.charter, ledger.genesis, ceremony.number)
            for signature in body.loss.signatures if body.loss is not None else ():
                suspension.check_signer(signature.signer, before, ledger.charter, f"{where} (the form of a loss)")
        elif isinstance(body, entries.Signature):
            suspension.check_signer(entry.actor, before, charter_at(entry.line.seq), f"{where} ({body.purpose})")
