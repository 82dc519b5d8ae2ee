"""Checkpoints: the three-line statement of a transcript's head that people sign (AUD-02)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.base.signatures import Signature
from ceremony.record import entries
from ceremony.record.state import State


@dataclass(frozen=True, slots=True)
class Statement:
    """What is signed: mark, genesis, the ceremony's number, the entry's number and its digest."""

    mark: str
    genesis: str
    ceremony: int
    seq: int
    head: str

    @property
    def text(self) -> str:
        """The three lines, each with its newline."""
        return f"cold-ceremony checkpoint, {self.mark}\ngenesis {self.genesis} ceremony {self.ceremony} entry {self.seq}\n{self.head}\n"


_FORM = re.compile(
    r"cold-ceremony checkpoint, (practice|production)\n"
    r"genesis ([0-9a-f]{64}) ceremony ([1-9][0-9]*) entry ([1-9][0-9]*)\n"
    r"([0-9a-f]{64})\n"
)


def parse(text: str) -> Statement:
    """The statement in a signed text; Malformed if it has another form."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise Malformed("a signed checkpoint is not in its three-line form")
    return Statement(mark=match[1], genesis=match[2], ceremony=int(match[3]), seq=int(match[4]), head=match[5])


def statement(state: State, genesis: str) -> Statement:
    """The statement of the newest entry."""
    last, opened = state.entries[-1].line, state.opened
    return Statement(mark=opened.mark, genesis=genesis, ceremony=opened.ceremony, seq=last.seq, head=last.digest)


STAFF = frozenset({"administrator", "witness"})


def prepared(state: State) -> Statement | None:
    """What administrator and witness both signed at the end of a transfer's preparation: the first checkpoint after `agreed` that
    has both signatures; None before that. It vouches for the request that officers approve elsewhere (AUT-09)."""
    signed: dict[str, set[str]] = {}
    agreed = False
    for entry in state.entries:
        agreed = agreed or isinstance(entry.body, entries.Agreed)
        if agreed and isinstance(entry.body, entries.Signature) and entry.body.purpose == "phase":
            text = entry.body.text or ""
            signed.setdefault(text, set()).add(entry.actor)
            if signed[text] >= STAFF:
                return parse(text)
    return None


def staff_signatures(state: State, said: Statement) -> tuple[Signature, ...]:
    """The signatures of administrator and witness over this checkpoint at the end of a phase, each once."""
    found = {
        e.actor: Signature(signer=e.actor, namespace=e.body.namespace, blob=e.body.blob)
        for e in reversed(state.entries)
        if isinstance(e.body, entries.Signature) and e.body.purpose == "phase" and e.body.text == said.text and e.actor in STAFF
    }
    return tuple(found[person] for person in sorted(found))


@control("AUD-02")
def check(text: str, state: State, genesis: str, before: int) -> None:
    """AUD-02: a signed checkpoint states the digest of an entry of this ceremony that stands before entry `before`."""
    said = parse(text)
    entry = state.entries[said.seq - 1].line if said.seq < before else None
    opened = state.opened
    wanted = (opened.mark, genesis, opened.ceremony, entry.digest if entry else "")
    if (said.mark, said.genesis, said.ceremony, said.head) != wanted:
        refuse(
            "AUD-02",
            f"the checkpoint signed in entry {before} is of another transcript",
            found=f"ceremony {said.ceremony}, entry {said.seq}, {said.head}",
            expected=f"ceremony {opened.ceremony}, the digest of an earlier entry",
            do="Use an undamaged copy of the register.",
        )
