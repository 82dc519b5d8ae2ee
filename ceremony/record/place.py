"""Where a register goes on: what the form of a loss names, and what a run by that form begins behind (SET-10)."""

from __future__ import annotations

from dataclasses import dataclass

from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.loss import Loss
from ceremony.record.register import Register
from ceremony.record.runs import standing
from ceremony.record.signers import genuine
from ceremony.record.transcript import aside_of


@dataclass(frozen=True, slots=True)
class Place:
    """`ceremony`: the open one, else the next one. `entry`: the last that stands; 0 before the first. `head`: its digest, or what the
    ceremony continues from. `aside`: SHA-256 of what lies behind it, if anything does. `unsigned`: how many entries stand behind the newest
    signature of a person: of these nobody says that they are true, unless it is by the form."""

    ceremony: int
    entry: int
    head: str
    aside: str | None
    unsigned: int = 0

    def is_of(self, form: Loss) -> bool:
        """Whether a form was made for this place."""
        return (form.ceremony, form.entry, form.head, form.aside) == (self.ceremony, self.entry, self.head, self.aside)


def place(register: Register) -> Place:
    """The place of a register as it lies there; AUT-03 if those who must have not signed that its open ceremony begins."""
    ceremony = register.unfinished
    if ceremony is None:
        return Place(len(register.ceremonies) + 1, 0, register.head, None)
    count = standing(ceremony.folder, genuine(register, ceremony))
    found = ceremony.state.entries[:count]
    signed = max((entry.line.seq for entry in found if isinstance(entry.body, entries.Signature)), default=0)
    rest = aside_of(ceremony.state, count, ceremony.torn)
    return Place(ceremony.number, count, found[-1].line.digest, sha256(rest) if rest else None, count - signed)
