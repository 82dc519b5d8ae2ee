"""Registers in which keys are suspended, and lifted: each ceremony of custody takes in some forms, and no record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ceremony.record import entries
from ceremony.record.loss import NAMESPACE as LOSS
from ceremony.record.loss import Loss, SignedLoss, stand_in
from ceremony.record.suspension import NAMESPACE, SignedSuspension, Suspension
from tests.record.sample import Sample

DAY = "2026-11-{:02}T13:00:00Z"


def form(made: Sample, person: str, by: str, act: str = "suspend", **changes: Any) -> Suspension:
    """The key that this person has now is suspended, or lifted."""
    facts = {
        "mark": "practice",
        "genesis": made.founding.digest,
        "act": act,
        "person": person,
        "key": made.desk.keys.get(person, ""),
        "by": by,
        "reason": "the key was stolen",
        "issued": DAY.format(12),
    }
    return Suspension(**{**facts, **changes})


def signed(made: Sample, found: Suspension, *people: str, namespace: Any = NAMESPACE, key: str | None = None) -> SignedSuspension:
    """The form with the signatures of these people. `key`: whose key they sign with, if not their own."""
    return SignedSuspension(form=found, signatures=tuple(made.desk.sign(person, found, namespace, key) for person in people))


def lost(made: Sample, number: int, prev: str, person: str, *people: str) -> SignedLoss:
    """For this person others sign in the ceremony of this number."""
    facts = {"ceremony": number, "entry": 0, "head": prev, "lost": (person,), "reason": "stolen", "issued": DAY.format(11)}
    found = Loss(mark="practice", genesis=made.founding.digest, **facts)  # type: ignore[arg-type]
    return SignedLoss(form=found, signatures=tuple(made.desk.sign(p, found, LOSS) for p in people))


def take(made: Sample, number: int, prev: str, forms: Sequence[SignedSuspension], start: str = "", loss: SignedLoss | None = None) -> str:  # noqa: PLR0917
    """A ceremony of custody that takes these forms in, and nothing else; the new head. `loss`: by which the rest of the staff goes on."""
    before = made.play

    def with_forms(kind: str, actor: str, body: Any) -> Any:
        mine = isinstance(body, entries.Opened) and body.ceremony == number
        if mine and loss is not None:
            people = stand_in(body.signers, loss.form.lost)
            body = replace(body, loss=loss, signers=people, watches=tuple(each for each in body.watches if each.person in people))
        return before.change(kind, actor, replace(body, suspensions=tuple(forms) or None) if mine else body)

    made.play = replace(before, change=with_forms)
    scribe = made.begin(number, "custody", "custody", prev, start or DAY.format(10 + number))
    scribe.step("Custody records")
    scribe.step("Close")
    scribe.close("custody recorded", "")
    made.play = before
    return scribe.transcript.head
