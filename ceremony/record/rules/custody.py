"""What custody records must be when they come into the register: each one the file that its people signed, and possible by then."""

from __future__ import annotations

from ceremony.base.data import load
from ceremony.base.files import read_file
from ceremony.record import entries, exceptional, whereabouts
from ceremony.record.custody import CustodyRecord
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.state import Recorded, State


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Each record by the ones before it, also of a ceremony that was voided: what happened has happened. One that takes in a suspension
    at its opening needs no record (STO-07)."""
    known, bags, state = ledger.whereabouts, ledger.bags, ceremony.state
    for at, entry in enumerate(state.entries):
        if not isinstance(entry.body, entries.Custody):
            continue
        if ceremony.kind != "custody":
            differs("AUD-08", ceremony, "a custody record", f"in a {ceremony.kind}", "in a ceremony of its own kind")
        _check_file(ceremony, ledger, entry)
        before, found = State(state.entries[:at]), entry.body.record
        signers, excepted = before.signers("custody", entry.body.file), exceptional.movement(before)
        whereabouts.check_record(known, bags, found, signers, entry.line.time, excepted=excepted)
        known, bags = known.recorded(found), bags.after((entry,))
    closed = state.closing
    if ceremony.kind != "custody" or closed is None or closed.outcome == VOID:
        return
    kept = {file.name for file in state.all(entries.File) if file.kind == "custody"}
    taken = {body.file for body in state.all(entries.Custody)}
    if kept != taken or not (taken or state.opened.suspensions):
        differs("AUD-08", ceremony, "the custody records that were taken in", ", ".join(sorted(taken)), ", ".join(sorted(kept)) or "one")


def _check_file(ceremony: Ceremony, ledger: Ledger, entry: Recorded) -> None:
    body: entries.Custody = entry.body
    before = {e.body.name: e.body.kind for e in ceremony.state.entries if isinstance(e.body, entries.File) and e.line.seq < entry.line.seq}
    equal("AUD-05", ceremony, f"the kind of {body.file}", before.get(body.file), "custody")
    read = load(CustodyRecord, read_file(ceremony.folder / body.file), f"{ceremony.folder.name}/{body.file}")
    equal("AUD-08", ceremony, f"what {body.file} says", body.record, read)
    known = (ledger.charter.mark, ledger.genesis)
    equal("AUD-09", ceremony, f"mark and genesis of {body.file}", (read.mark, read.genesis), known)
    for person in read.people:
        ledger.charter.member(person)
