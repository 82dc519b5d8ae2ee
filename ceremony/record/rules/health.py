"""What a check of shares and a drill must have recorded: each share alone, locked again, never combined (STO-10, DRL-01 to DRL-03)."""

from __future__ import annotations

from dataclasses import replace

from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record import entries, health
from ceremony.record.drills import ATTACKS, check_caught, check_practised
from ceremony.record.ledger import DRILL_FAILED, DRILL_HELD, VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules import outside, people, surroundings, vault
from ceremony.record.rules.common import STAFF, differs, equal, everyone_signed
from ceremony.record.rules.transfer import check_secured
from ceremony.record.sets import Sealed, sealed_after
from ceremony.record.signers import as_signature
from ceremony.record.state import State

BROUGHT = (entries.Healthy, entries.Unhealthy)
"""What comes of a health record that was brought from a site."""
COMBINES = (
    entries.Generated, entries.Quorums, entries.Authorized, entries.Agreed, entries.Armed, entries.Recovered, entries.Imported,
    entries.Signing, entries.HsmSigned, entries.Absent, entries.Checked, entries.Exported,
)  # fmt: skip
"""Entries of ceremonies that make, combine or use the secret: none of them stands in a check or a drill."""


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Each share alone, always; all the rest if it ended and was not voided."""
    vault.check(ceremony, ledger.charter.hsm)
    people.check(ceremony, ledger.charter)
    check_alone(ceremony, ledger)
    closed = ceremony.state.closing
    if closed is None or closed.outcome == VOID:
        return
    if ledger.key is None:
        differs("AUD-08", ceremony, f"a {ceremony.kind}", "no key record before it", "a key generation first")
    check_secured(ceremony, ledger.key)
    drill = ceremony.kind == "drill"
    brought = any(isinstance(entry.body, BROUGHT) for entry in ceremony.state.entries)
    needed = STAFF if drill or brought else ()
    everyone_signed(ceremony, needed, (entries.Proven, entries.Removed, entries.NotRemoved, entries.Drilled, *BROUGHT))
    if not brought and not set(ceremony.state.actors(entries.Present)) & set(ledger.charter.custodians):
        differs("ASM-01", ceremony, "who was there", "no custodian", "one custodian at least")
    if drill:
        outside.check(ceremony, ledger.charter)
        surroundings.check(ceremony, ledger.charter.mark)
        _check_drill(ceremony, ledger, closed.outcome)


def check_brought(ceremony: Ceremony, ledger: Ledger) -> None:
    """STO-10: each health record that came from a site is one that counts, signed by whose share it is; its entry says what it says, and
    nothing else does. Only a check takes any in."""
    state, known, told = ceremony.state, ledger.health, set[str]()
    _check_bags(ceremony)
    for entry in state.entries:
        body = entry.body
        where = f"entry {entry.line.seq} ({entry.line.type})"
        if not isinstance(body, BROUGHT):
            continue
        if ceremony.kind != "check":
            differs("STO-10", ceremony, where, f"a health record in a {ceremony.kind}", "a check of shares")
        raw = ceremony.raw_of(body.file)
        before = health.Before(ledger.genesis, ledger.charter, ledger.sets, known)
        health.check(raw, body.file, _signed(state, body.file, entry.line.seq), before, entry.line.time)
        equal("STO-10", ceremony, where, body, health.entry_of(raw, body.file))
        equal("ASM-01", ceremony, f"who acted in {where}", entry.actor, body.position)
        known = replace(known.then(entry, ceremony.number), taken=known.taken | {sha256(raw)})
        told.add(body.file)
    ended = state.closing is not None and state.closing.outcome != VOID
    if left := [file.name for file in state.all(entries.File) if file.kind == "health" and file.name not in told and ended]:
        differs("STO-10", ceremony, "health records that nothing came of", ", ".join(left), "an entry for each")


def _check_bags(ceremony: Ceremony) -> None:
    """SEC-02: the bag of who is not here is what their own signed record says of it, and all that it says, before what came of it."""
    state, present = ceremony.state, set(ceremony.state.actors(entries.Present))
    said: dict[str, list[object]] = {}
    for entry in state.entries if ceremony.kind == "check" else ():
        body = entry.body
        if isinstance(body, entries.File) and body.kind == "health":
            found = health.parse(ceremony.raw_of(body.name), body.name)
            said[found.position] = list(health.bags_of(found))
        elif isinstance(body, entries.BagOpened | entries.BagClosed) and body in said.get(entry.actor, ()):
            said[entry.actor].remove(body)
        elif isinstance(body, entries.BagOpened | entries.BagClosed) and entry.actor not in present:
            differs("SEC-02", ceremony, f"the bag of {entry.actor} in entry {entry.line.seq}", body.bag, "what their own record says")
        elif isinstance(body, BROUGHT) and said.get(entry.actor):
            differs("SEC-02", ceremony, f"the bag of {entry.actor}", f"nothing before entry {entry.line.seq}", "what their record says")


def _signed(state: State, name: str, before: int) -> tuple[Signature, ...]:
    """Everybody's signature over one health record, as it stood before this entry."""
    return tuple(
        as_signature(entry)
        for entry in state.entries
        if isinstance(entry.body, entries.Signature)
        and (entry.body.purpose, entry.body.file) == ("health", name)
        and entry.line.seq < before
    )


def check_alone(ceremony: Ceremony, ledger: Ledger) -> None:
    """STO-10: the vault opens shares alone, of people who are there, at their newest number; one is locked again before the next."""
    state, running, unlocked = ceremony.state, False, ""
    for at, entry in enumerate(state.entries):
        body = entry.body
        where = f"entry {entry.line.seq} ({entry.line.type})"
        if isinstance(body, COMBINES):
            differs("STO-10", ceremony, where, "a share was combined or used", "each share alone")
        elif isinstance(body, entries.VaultEnded | entries.Resumed | entries.Vault):
            running, unlocked = False, ""
        elif isinstance(body, entries.Alone):
            running = True
            equal("STO-10", ceremony, "the key record whose shares are opened", body.key_record, ledger.key and ledger.key.digest)
        elif isinstance(body, entries.Unlocked):
            if not running or unlocked:
                differs("STO-10", ceremony, where, f"{unlocked or 'another task of the vault'} before it", "each share alone")
            if entry.actor not in {e.actor for e in state.entries[:at] if isinstance(e.body, entries.Present)}:
                differs("ASM-01", ceremony, where, f"{entry.actor} is not there", "who is there")
            unlocked = body.position
            known = sealed_after(ledger.sets.sealings, state.entries[:at])
            numbers = known.get((body.position, ledger.key.set_identifier if ledger.key else ""), Sealed()).acceptable
            if body.number not in numbers:
                differs("REC-12", ceremony, f"the sealing number of {body.position}", body.number, " or ".join(map(str, numbers)) or "none")
        elif isinstance(body, entries.Proven):
            unlocked = ""


def _check_drill(ceremony: Ceremony, ledger: Ledger, outcome: str) -> None:
    """DRL-01 to DRL-03: what was practised elsewhere, told by the people of this drill, with an attack that was caught."""
    state = ceremony.state
    practised, told = state.last(entries.Rehearsed), state.last(entries.Drilled)
    if practised is None or not practised.ceremonies or not practised.took_part or practised.genesis == ledger.genesis:
        differs("DRL-02", ceremony, "its practice transfer", "none", "one from a practice register, by this charter's people")
    if told is None:
        differs("DRL-01", ceremony, "what its people tell", "nothing", "scenario, attack, outcome, remediation, next date")
    if not set(practised.took_part) <= set(ledger.charter.custodians):
        differs("DRL-02", ceremony, "who took part", " ".join(practised.took_part), "custodians of this charter")
    check_practised(ledger.practised, practised.took_part, ledger.charter.custodians)
    if told.attack not in ATTACKS:
        differs("DRL-03", ceremony, "the attack that it tells of", told.attack, f"one of {', '.join(ATTACKS)}")
    if told.caught == "yes":
        check_caught(told.attack, practised.refused)
    equal("DRL-03", ceremony, "its outcome", outcome, DRILL_HELD if told.caught == "yes" else DRILL_FAILED)
