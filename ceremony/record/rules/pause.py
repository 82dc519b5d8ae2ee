"""A pause: between `paused` and `continued` nothing but signatures and interruptions, and nobody goes on alone (ASM-03)."""

from __future__ import annotations

from typing import NoReturn

from ceremony.base.control import control, refuse
from ceremony.record import checkpoint, entries
from ceremony.record.exceptional import granted
from ceremony.record.register import Ceremony
from ceremony.record.state import Recorded, State

STAFF = ("administrator", "witness")
_FOUND = ("torn", "aside", "leftover", "exception")


def under_way(state: State) -> Recorded | None:
    """The entry of the pause that is not over, if there is one."""
    for entry in reversed(state.entries):
        if isinstance(entry.body, entries.Continued):
            return None
        if isinstance(entry.body, entries.Paused):
            return entry
    return None


def returned(state: State) -> dict[str, str]:
    """Who has signed since the newest pause that they are back, and which checkpoint."""
    run = state.since(entries.Paused).entries
    return {e.actor: e.body.text or "" for e in run if isinstance(e.body, entries.Signature) and e.body.purpose == "return"}


@control("ASM-03")
def check_back(state: State, where: str, said: str = "") -> None:
    """ASM-03: after a pause nothing goes on before administrator and witness have both signed one checkpoint of the transcript anew;
    or one of them has, and both officers excepted the other one since.

    `said`: why one of them did not sign now, in their own words."""
    signed, pause = returned(state), state.since(entries.Paused).entries[:1]
    early = [text for text in signed.values() if checkpoint.parse(text).seq < max(entry.line.seq for entry in pause)]
    excepted = "ASM-03" in granted(state.since(entries.Paused))
    if early or (set(signed) != set(STAFF) and not (excepted and signed)) or len(set(signed.values())) != 1:
        refuse(
            "ASM-03",
            where,
            found=f"signed by {', '.join(sorted(signed)) or 'nobody'}" + (f"; {said}" if said else ""),
            expected="administrator and witness, who are both in the room the whole time, over the same checkpoint after the pause",
            do="Wait until both are back, then `ceremony resume`. Nothing is lost. If one of them cannot come back: an exception.",
        )


def check(ceremony: Ceremony) -> None:
    """ASM-03 for every pause of a ceremony, also for one that is not over."""
    paused: Recorded | None = None
    for at, entry in enumerate(ceremony.state.entries):
        body, where = entry.body, f"{ceremony.folder.name}, entry {entry.line.seq} ({entry.line.type})"
        if isinstance(body, entries.Paused):
            if paused is not None:
                _out_of_place(where, "a pause within a pause", "a pause that was over")
            paused = entry
        elif isinstance(body, entries.Continued):
            if paused is None or body.paused != paused.line.seq:
                _out_of_place(where, "no such pause before it", "the pause that it ends")
            check_back(State(ceremony.state.entries[:at]), where)
            paused = None
        elif paused is not None and not _may_stand(body):
            _out_of_place(where, f"while the ceremony was paused (entry {paused.line.seq})", "signatures and interruptions alone")
        elif paused is None and isinstance(body, entries.Signature) and body.purpose == "return":
            _out_of_place(where, "a return without a pause", "the pause before it")


def _may_stand(body: object) -> bool:
    """Those who come back, what an interruption leaves, a refusal and its exception; the end of a ceremony that is given up."""
    if isinstance(body, entries.Signature):
        return body.purpose in ("return", "exception", "run", "end")
    if isinstance(body, entries.File):
        return body.kind in _FOUND
    return isinstance(body, entries.Resumed | entries.Refusal | entries.Excepted) or (
        isinstance(body, entries.Closed) and body.outcome == "void"
    )


def _out_of_place(where: str, found: str, expected: str) -> NoReturn:
    refuse("ASM-03", where, found=found, expected=expected, do="Use an undamaged copy of the register.")
