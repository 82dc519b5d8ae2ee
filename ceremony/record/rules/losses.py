"""Every form of a loss by which a ceremony goes on: of this ceremony, behind the entry that it names, signed by all who must (SET-10)."""

from __future__ import annotations

from ceremony.base.lines import sha256
from ceremony.record import entries, loss
from ceremony.record.end import by_form
from ceremony.record.ledger import Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal

KEPT = ("aside", "torn")


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """SET-10 for each form; what it says is kept aside is what the run that it begins listed."""
    state = ceremony.state
    for at, entry in enumerate(state.entries):
        body = entry.body
        if not isinstance(body, entries.Opened | entries.Resumed) or body.loss is None:
            continue
        form = body.loss.form
        head = state.entries[at - 1].line.digest if at else ceremony.prev
        found = (form.mark, form.genesis, form.ceremony, form.entry, form.head)
        wanted = (ledger.charter.mark, ledger.genesis, ceremony.number, at, head)
        equal("SET-10", ceremony, f"what the form in entry {entry.line.seq} is of", found, wanted)
        loss.check_signed(body.loss, ledger.charter)
        names = body.found if isinstance(body, entries.Resumed) else ()
        kept = [sha256(ceremony.raw_of(name)) for name in names if name.startswith(tuple(f"{kind}-" for kind in KEPT))]
        equal("SET-10", ceremony, f"what the form in entry {entry.line.seq} says is kept aside", form.aside, kept[0] if kept else None)
    if by_form(state) and state.last(entries.Signing) is None:
        differs("SET-10", ceremony, "it was ended as carried out by a form", "nothing was signed", "an end as void")
