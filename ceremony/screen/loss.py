"""The screen of a form of loss, as those read it who stand in for others (SET-10)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ceremony.record.loss import Loss
from ceremony.screen.documents import title
from ceremony.screen.panels import field, words


def loss_screen(form: Loss, signers: Sequence[str], wanting: Collection[str], unsigned: int = 0) -> tuple[str, ...]:
    """The whole form: who is lost, behind which entry, what is kept aside, why; who has still to sign; the words of its digest.

    `unsigned`: where the register is at hand, how many entries stand behind the newest signature of a person."""
    return (
        title(form.mark, f"form of a loss, ceremony {form.ceremony}", signers),
        *field("lost", ", ".join(form.lost) or "nobody: a signature of the record is"),
        *field("goes on", f"behind entry {form.entry}, {form.head}"),
        *(field("take care", _unsigned(form, unsigned)) if unsigned else ()),
        *field("kept aside", form.aside or "nothing"),
        *field("because", form.reason),
        *field("written", form.issued),
        *(field("must sign", ", ".join(sorted(wanting))) if wanting else ()),
        *words("form", form.digest),
    )


def _unsigned(form: Loss, count: int) -> str:
    return (
        f"Entries {form.entry - count + 1} to {form.entry} stand behind the newest signature of a person. Who signs this form takes them "
        "for true: compare them with what you saw."
    )
