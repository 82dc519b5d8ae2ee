"""What the practice mark changes: this one table, and nothing else (DRL-04, SET-08).

Practice and production run the same code. Where production would refuse, practice records the sentence given here."""

from __future__ import annotations

from typing import Literal

from ceremony.base.data import Mark

Relaxation = Literal["software keys", "light KDF profile", "software HSM", "practice chain", "machine checks", "one node"]

RELAXED: dict[Relaxation, str] = {
    "software keys": "people may sign with key files; production wants keys held by hardware",
    "light KDF profile": "shares may be locked under a light profile, for tests; production wants the standard one or stronger",
    "software HSM": "the HSM may be a software token; production wants the HSM of the charter",
    "practice chain": "accounts are of a test or practice network; production wants the main network",
    "machine checks": "checks of machine and room record what they found; production stops",
    "one node": "a receipt may be of one node; production wants two or more that do not depend on each other",
}


def permits(mark: Mark, what: Relaxation) -> bool:
    """Whether a ceremony of this mark may go on in spite of `what`."""
    return mark == "practice" and what in RELAXED
