"""Runs of the tool: each has a key in memory, and one signature of its newest line beside the transcript (AUD-11).

A ceremony's first run begins with `opened`, each later one with `resumed`; the entry carries the public half of the run's key, and
those whom it names sign it at once, with nothing between. Until the last of these it is no run. `run-N.sig` is replaced after each
line: what it does not cover was not written by the tool, or was cut off before its step went on, and is no entry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from ceremony.base import sshsig
from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.base.files import read_file, write_over
from ceremony.base.lines import Line, parse_line
from ceremony.base.signatures import armour, unarmour
from ceremony.record import checkpoint, entries
from ceremony.record.state import Recorded, State
from transfer.limits import moment

NAMESPACE = "run@cold-ceremony"
MOST = 1_000
"""Bytes of a run's signature, armoured."""
LATE = "If the ceremony was interrupted just now: `ceremony resume`, which keeps them aside. Else use an undamaged copy of the register."
COPY = "Use an undamaged copy of the register: what a run signed is never cut, and nothing is added to it."
APART = timedelta(minutes=15)
"""How far a clock must have been ahead for a run that stands still."""


def sign(key: sshsig.RunKey, folder: Path, run: int, raw: bytes) -> None:
    """Put the signature over this line, newline included, in the place of the one over the line before."""
    write_over(path_of(folder, run), armour(key.sign(raw, NAMESPACE)).encode("ascii"))


def path_of(folder: Path, run: int) -> Path:
    """Where the signature of a run lies."""
    return folder / f"run-{run}.sig"


def is_signature(name: str) -> bool:
    """Whether a file of this name is the signature of a run, which no entry lists."""
    number = name.removeprefix("run-").removesuffix(".sig")
    return name == f"run-{number}.sig" and number.isdecimal() and number[0] != "0" and number.isascii()


def run_of(path: Path) -> int:
    """Of which run a signature is, by its name."""
    return int(path.stem.removeprefix("run-"))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its number, the indices of its first entry and of the one behind its last, and whether all have signed it."""

    number: int
    first: int
    end: int
    body: entries.Opened | entries.Resumed
    signed: bool

    @property
    def begins(self) -> int:
        """The index of the entry behind its people's signatures, once all have signed."""
        return self.first + 1 + len(set(self.body.signers))


def split(found: Sequence[Recorded]) -> tuple[Run, ...]:
    """The runs of a transcript, in order."""
    starts = [at for at, e in enumerate(found) if isinstance(e.body, entries.Opened | entries.Resumed)]
    ends = [*starts[1:], len(found)] if starts else []
    return tuple(
        Run(number, first, end, found[first].body, _signed(found[first:end]))
        for number, (first, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )


def _signed(run: Sequence[Recorded]) -> bool:
    """Whether its signers have all signed its first entry, right behind it: what they signed of an earlier run begins no other."""
    due = set(run[0].body.signers)
    behind = run[1 : 1 + len(due)]
    return {e.actor for e in behind if _begins(e) and _is_over(e, run[0].line)} == due and bool(due)


def _is_over(entry: Recorded, line: Line) -> bool:
    try:
        said = checkpoint.parse(entry.body.text or "")
    except Malformed:
        return False  # another rule refuses it
    return (said.seq, said.head) == (line.seq, line.digest)


def begun(folder: Path, state: State) -> bool:
    """Whether the first run was signed by all: before that there is no ceremony."""
    found = split(state.entries)
    return bool(found) and _stands(folder, found[0], state)


def vouched_at_all(folder: Path, state: State) -> bool:
    """Whether the first run's signature is over one of its lines."""
    found = split(state.entries)
    return bool(found) and covered(folder, found[0], [entry.line for entry in state.entries]) is not None


def is_cut(folder: Path, state: State) -> bool:
    """Whether the newest run did not sign its last line: its write failed, or was cut off, and the line is no entry yet."""
    last = split(state.entries)[-1]
    return covered(folder, last, [entry.line for entry in state.entries]) not in (None, last.end)


def newest(folder: Path, state: State) -> Run:
    """The newest run that was signed by all."""
    return next(run for run in reversed(split(state.entries)) if _stands(folder, run, state))


def is_vouched(folder: Path, state: State) -> bool:
    """Whether the newest run that was signed by all has signed one of its lines."""
    return vouched(folder, newest(folder, state), state) is not None


def _stands(folder: Path, run: Run, state: State) -> bool:
    """Whether all have signed it, and its key the line of the last of them: if that write failed, or was cut off, it is no run either."""
    if not run.signed or (run.first == 0 and run.end > run.begins):
        return run.signed
    found = covered(folder, run, [entry.line for entry in state.entries])
    return found is None or found >= run.begins


def vouched(folder: Path, run: Run, state: State) -> int | None:
    """How many entries the signature of a run that all have signed vouches for; None if for none, or for less than their signatures."""
    found = covered(folder, run, [entry.line for entry in state.entries])
    return None if found is None or found < run.begins else found


def standing(folder: Path, state: State) -> int:
    """How many entries stand: up to the newest line that the newest signed run signed. If its signature is lost, as many as there are
    in it."""
    run = newest(folder, state)
    return vouched(folder, run, state) or run.end


def stands_still(state: State) -> bool:
    """Whether the newest run does nothing but end the ceremony as void, all at the time of the entry before it: the machine's clock was
    ahead once, and people's watches, which are earlier, say the true time (ASM-04)."""
    run = split(state.entries)[-1]
    within = state.entries[run.first :]
    time = within[0].line.time
    closing = state.closing
    before = state.entries[run.first - 1].line.time if run.first else ""
    ahead = all(moment(each.typed) + APART < moment(time) for each in run.body.watches)
    void = closing is not None and closing.outcome == "void" and any(isinstance(e.body, entries.Closed) for e in within)
    return ahead and void and before == time and all(e.line.time == time for e in within)


def true_time(state: State) -> str:
    """The time that the next ceremony continues from: of the newest entry, or what the watches said where the clock stood still."""
    last = state.entries[-1].line.time
    return max(each.typed for each in state.run.watches) if stands_still(state) else last


def interruptions(state: State) -> tuple[entries.Resumed, ...]:
    """The beginnings of later runs that followed an interruption: not those that go on with the next step, as after `prepare`."""
    found = []
    for before, entry in zip(state.entries, state.entries[1:], strict=False):
        body = entry.body
        if isinstance(body, entries.Resumed) and not (isinstance(before.body, entries.Step) and not body.found):
            found.append(body)
    return tuple(found)


def is_explained(folder: Path, number: int, state: State) -> bool:
    """Whether the signature of a run that does not stand is not there, is over a line of it that is here, or is of one whose lines were
    kept aside. Else lines of that run were cut off."""
    if not path_of(folder, number).exists() or number in _kept_aside(folder):
        return True
    run = next((run for run in split(state.entries) if run.number == number), None)
    return run is not None and covered(folder, run, [entry.line for entry in state.entries]) is not None


def _kept_aside(folder: Path) -> frozenset[int]:
    """The numbers of the runs whose first lines were kept aside."""
    found = []
    for raw in (line for path in folder.glob("aside-*.lines") for line in read_file(path).splitlines(keepends=True)):
        with suppress(Malformed, KeyError, ValueError, TypeError):
            line = parse_line(raw, "a line kept aside")
            found += [int(line.body["run"])] if line.type == "resumed" else []
    return frozenset(found)


def _begins(entry: Recorded) -> bool:
    return isinstance(entry.body, entries.Signature) and entry.body.purpose == "run"


def covered(folder: Path, run: Run, lines: Sequence[Line]) -> int | None:
    """How many lines of the transcript the signature of this run vouches for; None if it vouches for none of this run's."""
    try:
        blob = unarmour(read_file(path_of(folder, run.number), MOST).decode("ascii"))
    except (Malformed, UnicodeDecodeError):
        return None
    key = sshsig.ed25519_text(bytes.fromhex(run.body.run_key))
    signed = (at for at in reversed(range(run.first, run.end)) if sshsig.verifies(blob, lines[at].raw, key, NAMESPACE))
    found = next(signed, None)
    return None if found is None else found + 1


def check(folder: Path, state: State) -> None:
    """AUD-11: each run is signed at once by those whom it names, and its own signature covers its last line; no run has two keys."""
    found = split(state.entries)
    lines = [entry.line for entry in state.entries]
    keys = [run.body.run_key for run in found]
    if len(set(keys)) != len(keys):
        _differs(folder, "the keys of its runs", "one key twice", "a key of its own for each run", COPY)
    for run, after in zip(found, [*found[1:], None], strict=True):
        where = f"run {run.number} (entries {run.first + 1} to {run.end})"
        if not run.signed:
            due = ", ".join(run.body.signers) or "somebody"
            _differs(folder, where, "not signed at once by all whom it names", f"signed by {due} right behind its first entry", LATE)
        if isinstance(run.body, entries.Resumed) and (run.body.run, run.body.after) != (run.number, run.first):
            said = f"run {run.body.run}, behind entry {run.body.after}"
            _differs(folder, where, said, f"run {run.number}, behind entry {run.first}", COPY)
        found_at = covered(folder, run, lines)
        if found_at != run.end and by_form(run.end, after, lines):
            continue
        if found_at is None:
            _differs(
                folder, where, f"no signature of its key over one of its lines in run-{run.number}.sig", "one over its last line", COPY
            )
        if found_at != run.end:
            behind = f"{run.end - found_at} line(s) behind the newest that the run signed, from entry {found_at + 1} on"
            _differs(folder, where, behind, "a signature over its last line: such lines are no entries", LATE)
    _check_numbers(folder, len(found))
    _check_places(folder, state, found)


def by_form(end: int, after: Run | None, lines: Sequence[Line]) -> bool:
    """Whether the run after this one goes on by a form that names the last entry of this one: its own signature was lost (SET-10)."""
    loss = after.body.loss if after is not None else None
    return loss is not None and (loss.form.entry, loss.form.head) == (end, lines[end - 1].digest)


def _check_numbers(folder: Path, runs: int) -> None:
    wanted = {path_of(folder, number).name for number in range(1, runs + 1)}
    extra = sorted(path.name for path in folder.iterdir() if is_signature(path.name) and path.name not in wanted)
    if extra:
        _differs(folder, "signatures of runs", f"{extra[0]}, of a run that is not there", f"{runs} run(s)", COPY)


def _check_places(folder: Path, state: State, found: Sequence[Run]) -> None:
    """A signature that a run begins stands at its beginning: elsewhere it would make people vouch for what stands before it."""
    first = {at for run in found for at in range(run.first + 1, run.begins)}
    stray = next((e for at, e in enumerate(state.entries) if _begins(e) and at not in first), None)
    if stray is not None:
        where = f"entry {stray.line.seq}"
        _differs(folder, where, "a signature that a run begins", "one only right behind the first entry of a run, of each signer", COPY)


def _differs(folder: Path, what: str, found: str, expected: str, do: str) -> NoReturn:
    refuse("AUD-11", f"{folder.name}: {what}", found=found, expected=expected, do=do)


def tag(raw: bytes) -> str:
    """The digest by which a file is named that keeps lines aside."""
    return hashlib.sha256(raw).hexdigest()[:16]
