"""The end of a ceremony: what those sign whom its script names, behind `closed` (AUD-02, AUT-06).

It says what counts from here on: the charter and the policy in force. It travels with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from ceremony.base.control import refuse
from ceremony.base.data import Digest, Mark, Text, dump, load, record
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.state import State

if TYPE_CHECKING:
    from ceremony.record.register import Ceremony

NAMESPACE: Literal["end@cold-ceremony"] = "end@cold-ceremony"
VOID: Literal["void"] = "void"
CARRIED_OUT: Literal["carried out"] = "carried out"
AMENDED: Literal["amended"] = "amended"
"""How a ceremony ends whose charter or policy counts from then on."""
PROPOSED: Literal["proposed"] = "proposed"
"""How one ends whose charter waits for its cool-off."""
TAKES_POLICY = ("keygen", "amend")
"""Kinds of ceremonies that can bring a policy which counts."""


@record
class End:
    """How one ceremony ended, and what is in force from then on. `closed`: digest of its closing entry."""

    type: Literal["end"] = "end"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    ceremony: int
    kind: entries.Kind
    outcome: Text
    closed: Digest
    charter: Digest
    policy: Digest | None = None

    @property
    def text(self) -> str:
        """The signed line."""
        return dump(self).decode("ascii")


def of(ceremony: Ceremony, genesis: str, charter: str, policy: str | None) -> End:
    """The end of a ceremony whose closing is written. `charter`, `policy`: digests of those in force before it."""
    state = ceremony.state
    closing = state.newest(entries.Closed)
    counts = closing.body.outcome != VOID
    if counts and closing.body.outcome == AMENDED and state.last(entries.Amended) is not None:
        charter = sha256(ceremony.raw("charter"))
    if counts and ceremony.kind in TAKES_POLICY and state.file("policy") is not None:
        policy = sha256(ceremony.raw("policy"))
    return End(
        mark=state.opened.mark,
        genesis=genesis,
        ceremony=ceremony.number,
        kind=state.opened.kind,
        outcome=closing.body.outcome,
        closed=closing.line.digest,
        charter=charter,
        policy=policy,
    )


def by_form(state: State) -> bool:
    """Whether a transfer whose HSM may have signed was ended by the form of a loss, wherever it stood: it holds its claim (SET-10)."""
    closing = state.closing
    return closing is not None and closing.outcome == CARRIED_OUT and closing.reason.startswith(BY_FORM) and bool(state.losses)


BY_FORM = "ended by a form of loss"
"""How the reason of such an end begins."""


def signed(ceremony: Ceremony) -> Iterator[tuple[int, str]]:
    """Entry number and text of each signature of an end."""
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.purpose == "end":
            yield entry.line.seq, entry.body.text or ""


def check(ceremony: Ceremony, genesis: str, charter: str, policy: str | None) -> None:
    """AUD-02: who signed the end signed this one, and nothing else."""
    if ceremony.state.closing is None:
        if any(True for _ in signed(ceremony)):
            _refuse(ceremony, "signed before there is one", "a closing first")
        return
    wanted = of(ceremony, genesis, charter, policy)
    for number, text in signed(ceremony):
        said = load(End, text.encode("ascii"), f"{ceremony.folder.name}, entry {number}")
        if said != wanted:
            different = [name for name in vars(wanted) if getattr(said, name) != getattr(wanted, name)]
            _refuse(ceremony, f"entry {number} says another {', '.join(different)}", "what the transcript says")


def _refuse(ceremony: Ceremony, found: str, expected: str) -> None:
    refuse("AUD-02", f"{ceremony.folder.name}: the signed end", found=found, expected=expected, do="Use an undamaged copy of the register.")
