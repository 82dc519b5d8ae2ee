"""What an auditor should know besides the verdict: what happened that no rule forbids. Gravest first, then newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ceremony.base.show import shown
from ceremony.record import entries, whereabouts
from ceremony.record.bags import not_intact
from ceremony.record.former import formers
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.register import Ceremony, Register
from ceremony.record.runs import interruptions

Gravity = Literal[0, 1, 2]
GRAVE: Gravity = 0
"""Somebody refused, was refused, or must decide; or a control was not held in full."""
UNUSUAL: Gravity = 1
"""It did not go as a ceremony should, and nothing is asked of anybody now."""
USUAL: Gravity = 2
"""Interruptions, pauses, what is still to come."""
NOW = 10_000
"""Stands for the ceremony of what is asked of people today: newer than every number that a register can have."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know. `ceremony`: the number of the one in which it happened."""

    gravity: Gravity
    ceremony: int
    text: str


def notes(register: Register, ledger: Ledger) -> tuple[str, ...]:
    """Every note in the order in which they are told."""
    found = [*_suspended(ledger), *_asked(register, ledger), *_claims(ledger)]
    for ceremony in register.ceremonies:
        for gravity, text in (*_grave(ceremony), *_lesser(ceremony)):
            found.append(Note(gravity, ceremony.number, f"{ceremony.folder.name}: {text}"))
    return tuple(each.text for each in sorted(found, key=lambda each: (each.gravity, -each.ceremony)))


def _grave(ceremony: Ceremony) -> Iterator[tuple[Gravity, str]]:
    state = ceremony.state
    if state.closed is None:
        waits = f"; its end waits for {', '.join(state.unended)}" if state.closing is not None else ""
        yield GRAVE, f"INCOMPLETE: it has not ended{waits}"
    for signed in state.losses:
        lost = ", ".join(signed.form.lost) or "nobody: a signature of the record"
        yield GRAVE, f"goes on by a form of loss; lost: {lost}; {shown(signed.form.reason)}"
    if gone := sorted({body.person for body in state.all(entries.Left)}):
        yield GRAVE, f"left without signing: {', '.join(gone)}"
    if kept := [file.name for file in state.all(entries.File) if file.kind == "aside"]:
        yield GRAVE, f"lines that no run signed were kept aside: {', '.join(kept)}"
    for run in (body for body in state.all(entries.Resumed) if not any(note.entry for note in body.notes)):
        yield GRAVE, f"nobody had a note of it when run {run.run} went on"
    if refused := Counter(body.identifier for body in state.all(entries.Refusal)):
        yield GRAVE, "refused and then mended: " + ", ".join(f"{name} ({count})" for name, count in sorted(refused.items()))
    if disagreed := state.actors(entries.Disagreed):
        yield GRAVE, f"did not agree: {', '.join(disagreed)}"
    if excepted := sorted({body.control for body in state.all(entries.Excepted)}):
        yield GRAVE, f"excepted: {', '.join(excepted)}"
    if opened := not_intact(state):
        yield GRAVE, f"bags: {', '.join(f'{body.position} {body.state}' for body in opened)}"
    if undecided := [body.person for body in state.all(entries.Revoked) if body.decision == "undecided"]:
        yield GRAVE, f"not decided for {', '.join(undecided)}: reshare, or a new key? (STO-07)"
    if (proposed := state.last(entries.Proposed)) is not None:
        what = f"replaces the {proposed.lost}" if proposed.lost else "loosens"
        yield GRAVE, f"a charter is proposed that {what}, from {proposed.not_before} on"
    for _, revocation in ceremony.revocations():
        yield GRAVE, f"{revocation.officer} revoked {revocation.identifier}: {shown(revocation.reason)}"


def _lesser(ceremony: Ceremony) -> Iterator[tuple[Gravity, str]]:
    state = ceremony.state
    if state.closed is not None and state.closed.outcome == VOID:
        yield UNUSUAL, f"void: {shown(state.closed.reason)}"
    if aside := state.actors(entries.SetAside):
        yield UNUSUAL, f"set aside: {', '.join(aside)}"
    if findings := sum(len(body.findings) for body in state.all(entries.Machine)):
        yield UNUSUAL, f"{findings} finding(s) about the machine"
    if strays := sum(1 for _ in state.all(entries.StrayDevice)):
        yield UNUSUAL, f"{strays} device(s) that nobody expects"
    if any(body.attested == "not attested" for body in state.all(entries.Imported)):
        yield USUAL, "the HSM's import key was not attested"
    if paused := sum(1 for _ in state.all(entries.Paused)):
        yield USUAL, f"paused {paused} time(s)"
    if resumed := len(interruptions(state)):
        yield USUAL, f"interrupted {resumed} time(s)"


def _suspended(ledger: Ledger) -> Iterator[Note]:
    """STO-07: which keys sign nothing until others lift that, or the charter has another key."""
    for each in ledger.suspended.undecided(ledger.charter):
        yield Note(GRAVE, NOW, f"SUSPENDED: {each.told}")


def _asked(register: Register, ledger: Ledger) -> Iterator[Note]:
    """What both officers must decide about shares."""
    waiting = [each.key.identifier for each in formers(register) if not each.empty]
    for identifier in (*waiting, ledger.whereabouts.in_use.set_identifier):
        of_key = " of the former key" if identifier in waiting else ""
        for position, question in whereabouts.undecided(ledger.whereabouts.of(identifier)):
            yield Note(GRAVE, NOW, f"{position}{of_key}: both officers decide, {question.what} ({question.since[:10]})")


def _claims(ledger: Ledger) -> Iterator[Note]:
    """Which transfers have no receipt yet, and which can never be mined."""
    for claim in ledger.claims.values():
        name = f"{claim.number:04d}-transfer"
        if claim.outstanding and claim.void:
            yield Note(GRAVE, claim.number, f"{name}: void after both readers agreed, its coins stay held: {claim.txid}")
        elif claim.unsure:
            yield Note(GRAVE, claim.number, f"{name}: void without two people's notes; its record may lack a signed payment")
        elif claim.outstanding:
            yield Note(UNUSUAL, claim.number, f"{name}: no receipt yet of {claim.txid}")
        elif claim.replaced_by:
            yield Note(UNUSUAL, claim.number, f"{name}: can never be mined, replaced by {claim.replaced_by}")
