"""Exceptions and disagreement: each exception has its signed form, each "I do not agree" its signature (SET-06, AUD-02)."""

from __future__ import annotations

from ceremony.record import checkpoint, entries, exceptional
from ceremony.record.ledger import Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.state import Recorded


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """What both officers excepted is a control that may be, in a form of this very ceremony; who does not agree has signed that."""
    for at, entry in enumerate(ceremony.state.entries):
        if isinstance(entry.body, entries.Excepted):
            _check_form(ceremony, ledger, entry)
        elif isinstance(entry.body, entries.Disagreed):
            _check_said(ceremony, entry, ceremony.state.entries[at + 1 :])


def _check_form(ceremony: Ceremony, ledger: Ledger, entry: Recorded) -> None:
    body: entries.Excepted = entry.body
    before = [e for e in ceremony.state.entries if e.line.seq < entry.line.seq]
    kinds = {e.body.name: e.body.kind for e in before if isinstance(e.body, entries.File)}
    equal("SET-06", ceremony, f"the form of the exception to {body.control}", kinds.get(body.file), exceptional.KIND)
    form = exceptional.parse(ceremony.raw_of(body.file), f"{ceremony.folder.name}/{body.file}")
    found = (form.control, form.mark, form.genesis, form.ceremony)
    equal("SET-06", ceremony, f"what {body.file} excepts", found, (body.control, ledger.charter.mark, ledger.genesis, ceremony.number))
    if form.head not in {e.line.digest for e in before}:
        differs("SET-06", ceremony, f"the transcript that {body.file} was asked in", form.head, "an entry before it")
    signed = {
        e.actor for e in before if isinstance(e.body, entries.Signature) and (e.body.purpose, e.body.file) == (exceptional.KIND, body.file)
    }
    if not signed >= set(exceptional.OFFICERS):
        differs("SET-06", ceremony, f"who signed {body.file}", ", ".join(sorted(signed)), "cfo and cto")


def _check_said(ceremony: Ceremony, entry: Recorded, after: tuple[Recorded, ...]) -> None:
    """The signature of "I do not agree" covers the entry itself. A ceremony that was cut off right there may lack it until it ends."""
    said = (e.body for e in after if isinstance(e.body, entries.Signature) and (e.actor, e.body.purpose) == (entry.actor, "disagreement"))
    if ceremony.state.closing is not None and not any(checkpoint.parse(b.text or "").seq >= entry.line.seq for b in said):
        differs("AUD-02", ceremony, f"the disagreement in entry {entry.line.seq}", "not signed", f"the signature of {entry.actor}")
