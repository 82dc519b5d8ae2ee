"""What every ceremony that opens or makes shares must have recorded of their bags (STO-01, STO-02, SEC-02)."""

from __future__ import annotations

from ceremony.base.control import control, refuse
from ceremony.record import checkpoint, entries
from ceremony.record.bags import check_intact, check_number, to_close
from ceremony.record.end import by_form
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.signers import COPY
from ceremony.record.state import Recorded


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Every bag by the ones before it, always, and of a share that is opened or made here; no share is unlocked whose bag was not
    looked at; at the end each is closed again, and two people have signed that."""
    bags, looked, where = ledger.bags, dict[str, str](), f"{ceremony.folder.name}: "
    made = ceremony.state.last(entries.Generated)
    formers = ledger.sets.formers if ceremony.kind == "transfer" else ()
    opens = {each.identifier for each in (ledger.sets.in_use, *formers) if each is not None}
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.BagOpened | entries.BagClosed):
            check_number(bags, body, where)
        if isinstance(body, entries.BagOpened):
            if body.set_identifier not in opens:
                differs("STO-01", ceremony, f"the bag of {body.position}", f"of set {body.set_identifier}", " or ".join(sorted(opens)))
            looked[body.position] = body.set_identifier
        if isinstance(body, entries.BagClosed | entries.Sealing):
            share = made.set_identifier if made else looked.get(body.position)
            equal("STO-01", ceremony, f"the set of the share of {body.position} in entry {entry.line.seq}", body.set_identifier, share)
        if isinstance(body, entries.Unlocked) and body.position not in looked:
            differs("STO-01", ceremony, f"the bag of {body.position}", "not looked at before its share was unlocked", "number and state")
        bags = bags.after((entry,))
    closed = ceremony.state.closing
    if closed is None or closed.outcome == VOID or by_form(ceremony.state):
        return
    check_intact(ceremony.state, ledger.key.set_identifier if ledger.key else "", where)
    open_yet = [body.position for body in to_close(ceremony.state)]
    if made is not None:
        open_yet = [p for p in ledger.charter.custodians if (p, made.set_identifier) not in bags.closed]
    if open_yet:
        differs("SEC-02", ceremony, f"the share of {', '.join(open_yet)}", "in no bag at the end", "a new bag for each share")
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.BagClosed):
            check_two(ceremony, entry)


@control("SEC-02")
def check_two(ceremony: Ceremony, entry: Recorded) -> None:
    """SEC-02: custodian and witness have both signed the transcript with the new bag in it. Who checks their share with another
    custodian signs with them; alone, the second signature is that of the safe's second person (custody record `in`). Who checked it at
    their own site signed their health record, and the witness signs that it came in. For who is lost the second person signs (SET-10)."""
    state = ceremony.state
    ends = (e for e in state.entries if isinstance(e.body, entries.Signature) and e.body.purpose in ("adjournment", "disagreement"))
    signed = {e.actor for e in ends if checkpoint.parse(e.body.text or "").seq >= entry.line.seq}
    here = set(state.actors(entries.Present))
    if entry.actor not in here and entry.actor in state.actors(entries.Healthy) + state.actors(entries.Unhealthy):
        signed |= set(state.signers("health"))
    second = (
        {"administrator"}
        if "witness" in state.lost
        else {"witness"}
        if "witness" in here or ceremony.kind != "check"
        else here - {entry.actor}
    )
    if entry.actor not in signed | state.lost or (second and not second & signed):
        refuse(
            "SEC-02",
            f"{ceremony.folder.name}: the new bag of {entry.actor}",
            found="signed by " + (", ".join(sorted(signed)) or "nobody"),
            expected=f"two signatures over it: {entry.actor} and {' or '.join(sorted(second)) or 'whoever is there'}",
            do=COPY,
        )
