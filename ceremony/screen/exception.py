"""The screen of an exception form, as the officers read it in the room and on their own machines."""

from __future__ import annotations

from collections.abc import Sequence

from ceremony.base.catalogue import CATALOGUE
from ceremony.record.exceptional import ExceptionForm
from ceremony.screen.documents import title
from ceremony.screen.panels import field, words


def exception_screen(form: ExceptionForm, signers: Sequence[str]) -> tuple[str, ...]:
    """The whole form: the control's own rule, then expected, happened, decided, and the words of its digest."""
    return (
        title(form.mark, f"exception, ceremony {form.ceremony}", signers),
        *field("control", f"{form.control}: {CATALOGUE[form.control].rule}"),
        *field("expected", form.expected),
        *field("happened", form.happened),
        *field("decided", form.decided),
        *field("written", form.issued),
        *words("form", form.digest),
    )
