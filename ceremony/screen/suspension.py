"""The screen of a form that suspends a key, or lifts that, as those read it who sign it (STO-07)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ceremony.record.charter import fingerprint
from ceremony.record.suspension import Suspension
from ceremony.screen.documents import title
from ceremony.screen.panels import field, words

TITLE = {"suspend": "suspend a signing key", "lift": "lift the suspension of a key"}
EFFECT = {
    "suspend": "from the run that takes it in, this key signs nothing; what it signed before stands",
    "lift": "from the run that takes it in, this key signs again",
}


def suspension_screen(form: Suspension, signers: Sequence[str], wanting: Collection[str]) -> tuple[str, ...]:
    """The whole form: whose key, by whom, why, what follows; who has still to sign; the words of its digest."""
    return (
        title(form.mark, TITLE[form.act], signers),
        *field("person", form.person),
        *field("key", fingerprint(form.key)),
        *field("suspended by", form.by),
        *field("because", form.reason),
        *field("effect", EFFECT[form.act]),
        *field("written", form.issued),
        *(field("must sign", "; ".join(sorted(wanting))) if wanting else ()),
        *words("form", form.digest),
    )
