"""Every transcript is held to the script that it names, entry by entry (SET-01, SET-06, AUD-12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ceremony.base.control import control
from ceremony.base.data import load
from ceremony.record import entries, scripts
from ceremony.record.charter import Charter
from ceremony.record.end import VOID, by_form
from ceremony.record.health import together
from ceremony.record.loss import stand_in
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.runs import stands_still
from ceremony.record.scripts import RELEASED, Script, ScriptStep, Walk, allowed, key_of, matches
from ceremony.record.state import Recorded

ALWAYS_FIRST = (entries.Opened, entries.Resumed)


def known(ceremony: Ceremony) -> bool:
    """Whether this verifier knows the script that entry 1 names, for this kind of ceremony."""
    release = RELEASED.get(ceremony.state.opened.script)
    return release is not None and release.kind == ceremony.kind


@control("SET-01")
def script_of(ceremony: Ceremony) -> Script:
    """SET-01: the script is a listed file whose SHA-256 entry 1 carries; each run goes on by the same one."""
    opened, file = ceremony.state.opened, ceremony.state.file("script")
    equal("SET-01", ceremony, "the script that entry 1 names", file.sha256 if file else "no script in the list of files", opened.script)
    for resumed in ceremony.state.all(entries.Resumed):
        equal("SET-01", ceremony, f"the script of run {resumed.run}", resumed.script, opened.script)
    return load(Script, ceremony.raw("script"), f"{ceremony.folder.name}, script")


def check_forward(ceremonies: Iterable[Ceremony]) -> None:
    """SET-01: of one kind of ceremony the releases of its script never go back in a register."""
    newest: dict[str, int] = {}
    for ceremony in ceremonies:
        if known(ceremony):
            number = RELEASED[ceremony.state.opened.script].number
            if number < newest.get(ceremony.kind, 0):
                differs("SET-01", ceremony, "its script", f"release {number}", f"release {newest[ceremony.kind]} or newer")
            newest[ceremony.kind] = number


def check(ceremony: Ceremony, charter: Charter) -> None:
    """SET-01, SET-06, AUD-12 for one ceremony whose script is known; who signs runs and end are those whom it names. `charter`: the one in
    force."""
    if ceremony.state.file("script") is None and ceremony.state.closing is None:
        return  # cut off before its entry: the next run lists it
    script = script_of(ceremony)
    if not known(ceremony):
        return
    _check_signers(ceremony, script)
    _check_watches(ceremony)
    _check_tests(ceremony, script)
    _check_kdf(ceremony, script, charter)
    _check_entries(ceremony, script)


@control("SET-06")
def _check_step(ceremony: Ceremony, entry: Recorded, due: tuple[ScriptStep, ...]) -> ScriptStep:
    """SET-06: steps are done in the order of the script, under their titles; only steps whose work died with the vault are repeated."""
    body = entry.body
    step = next((step for step in due if step.number == body.number and step.title == body.title), None)
    if step is None:
        expected = " or ".join(f"step {each.number}, {each.title}" for each in due)
        differs("SET-06", ceremony, f"entry {entry.line.seq}", f"step {body.number}, {body.title}", expected)
    return step


@dataclass(slots=True)
class _Stood:
    """What stood in each step so far: the rows of its `must` that were met."""

    met: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, steps: tuple[ScriptStep, ...], entry: Recorded) -> None:
        """An entry stands in one of these steps."""
        for step in steps:
            self.met[step.number].update(row for row in step.must if matches(row, entry))


@control("AUD-12")
def _check_entries(ceremony: Ceremony, script: Script) -> None:
    """AUD-12: every entry stands in a step that allows it, by whom it allows, and what a step must have is there when it is done."""
    walk, stood, behind = Walk(script.steps), _Stood(), False
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.Step):
            step = _check_step(ceremony, entry, walk.now)
            missing = [row for row in step.must if row not in stood.met[step.number] and not set(row.split()[1:]) <= ceremony.state.lost]
            if missing:
                where = f"step {step.number}, {step.title}, which ends with entry {entry.line.seq}"
                differs("AUD-12", ceremony, where, f"no {', no '.join(missing)}", "what its script asks for")
        elif not _begins(body) and not behind:
            _check_place(ceremony, script, walk.now, entry)
            stood.note(walk.now, entry)
        behind = behind or isinstance(body, entries.Closed)
        walk.after(entry)
    closing = ceremony.state.closing
    if closing is not None and closing.outcome != VOID and not by_form(ceremony.state) and walk.done != len(script.steps):
        differs("SET-06", ceremony, "its end", f"after step {walk.done}", f"after step {len(script.steps)}")


def _begins(body: object) -> bool:
    """What belongs to the beginning of a run, and is held by AUD-11."""
    return isinstance(body, ALWAYS_FIRST) or (isinstance(body, entries.Signature) and body.purpose == "run")


def _check_place(ceremony: Ceremony, script: Script, steps: tuple[ScriptStep, ...], entry: Recorded) -> None:
    rows = [*script.always, *(row for step in steps for row in step.may)]
    if not allowed(rows, entry):
        where = " or ".join(f"step {step.number} ({step.title})" for step in steps)
        named = [row for row in rows if row.split()[0] == key_of(entry)]
        expected = " or ".join(named) or "no such entry there"
        differs("AUD-12", ceremony, f"entry {entry.line.seq}", f"{key_of(entry)} by {entry.actor} in {where}", expected)


def _check_tests(ceremony: Ceremony, script: Script) -> None:
    """SET-09: each process passed as many known-answer tests as the release has."""
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.SelfTests):
            _check_count(ceremony, entry, script, entry.body.process, entry.body.count)
        elif isinstance(entry.body, entries.CustodianToken):
            _check_count(ceremony, entry, script, "token", entry.body.tests)


def _check_count(ceremony: Ceremony, entry: Recorded, script: Script, name: str, count: int) -> None:
    equal("SET-09", ceremony, f"the self-tests of {name} in entry {entry.line.seq}", count, script.self_tests.get(name))


STRENGTH = ("light", "standard", "strong")
"""KDF profiles, the weakest first."""


def _check_kdf(ceremony: Ceremony, script: Script, charter: Charter) -> None:
    """STO-05: shares are locked under the charter's profile, which is none weaker than the release has for its mark."""
    floor = script.kdf_floor.get(charter.mark, STRENGTH[-1])
    if ceremony.state.last(entries.Sealing) and STRENGTH.index(charter.kdf) < STRENGTH.index(floor):
        differs("STO-05", ceremony, "the charter's KDF profile", charter.kdf, f"{floor} or stronger, as its script says")


def _check_watches(ceremony: Ceremony) -> None:
    """ASM-04: each run began when the watches of who signs it agreed with the machine; one that stands still only ends it as void."""
    for entry in ceremony.state.entries:
        if isinstance(entry.body, ALWAYS_FIRST):
            apart = [each for each in entry.body.watches if not together(each.typed, entry.line.time)]
            if apart and not (entry.body is ceremony.state.run and stands_still(ceremony.state)):
                told = f"{apart[0].typed} on the watch of {apart[0].person}, {entry.line.time} on the machine"
                differs("ASM-04", ceremony, f"the clock in entry {entry.line.seq}", told, "at most two minutes between them")


def _check_signers(ceremony: Ceremony, script: Script) -> None:
    """AUD-11, AUD-02: runs and end are signed by those whom the script names; where it names nobody, by who is there."""
    state, void = ceremony.state, ceremony.state.closing is not None and ceremony.state.closing.outcome == VOID
    lost = set[str]()
    for body in (e.body for e in state.entries if isinstance(e.body, ALWAYS_FIRST)):
        lost |= set(body.loss.form.lost) if body.loss is not None else set()
        due = stand_in(script.runs, lost)
        if (script.runs and set(body.signers) != set(due)) or lost & set(body.signers):
            differs("AUD-11", ceremony, "who signs its runs", ", ".join(body.signers), ", ".join(due))
        watched, first = tuple(each.person for each in body.watches), body.signers[:2]
        if not first or watched != first:
            differs("AUD-11", ceremony, "whose watches its runs began with", ", ".join(watched), ", ".join(first))
    if state.closing is not None:
        wanted = stand_in(scripts.STAFF if void else script.ends or state.actors(entries.Present), state.lost)
        if set(state.closing.signers) != set(wanted) or not wanted:
            differs("AUD-02", ceremony, "who signs its end", ", ".join(state.closing.signers) or "nobody", ", ".join(wanted))
