"""The loop: fold, next step, append. The same for a first run and for a resumed one."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed, Mark
from ceremony.base.files import PARTIAL, write_new
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.register import Ceremony, Register, leftovers
from ceremony.record.state import State
from ceremony.record.transcript import Transcript
from ceremony.screen import panels
from ceremony.script.room import Room, Steps, utc_now
from ceremony.script.table import SCRIPTS, Step, digest


def play(room: Room, until: int | None = None) -> None:
    """Run steps in their order from where the transcript stands, up to and including `until`, or to the end."""
    script = SCRIPTS[room.state.opened.kind]
    try:
        while room.state.closed is None:
            step = next_step(script, room.state, alive=room.vault is not None)
            if step is None or (until is not None and step.number > until):
                return
            _run(room, script, step)
    finally:
        if room.vault is not None:
            room.vault.end()


def next_step(script: tuple[Step, ...], state: State, *, alive: bool) -> Step | None:
    """The first step that is not done. If what it needs died with the vault, the first of the steps that must be repeated."""
    at = next((i for i, step in enumerate(script) if not state.done(step.number)), None)
    if at is None:
        return None
    while not alive and at > 0 and script[at - 1].live:
        at -= 1
    return script[at]


@control("SET-06")
def check_order(script: tuple[Step, ...], state: State) -> None:
    """SET-06: steps are done in the order of the script, none is left out; only steps whose work died with the vault repeat."""
    done = 0
    for number in (s.number for s in state.all(entries.Step)):
        repeats = number <= done and all(step.live for step in script[number - 1 : done])
        if number != done + 1 and not repeats:
            refuse("SET-06", "the order of the steps", found=f"step {number}", expected=f"step {done + 1}", do="Use an undamaged copy.")
        done = number


def _run(room: Room, script: tuple[Step, ...], step: Step) -> None:
    left = sum(s.minutes for s in script if s.number >= step.number)
    opened = room.state.opened
    place = panels.Place(
        mark=opened.mark,
        ceremony=opened.ceremony,
        kind=opened.kind,
        step=step.number,
        steps=len(script),
        title=step.title,
        minutes=left,
    )
    room.screen.screen(panels.header(place))
    try:
        _append_all(room, step.function()(room))
        if step.staff_signs:
            _append_all(room, _staff_sign(room, step))
    except Refused as refusal:
        _record_refusal(room, refusal)
        raise
    if room.state.closed is None:
        room.transcript.append("tool", entries.Step(number=step.number, title=step.title), room.clock())


def _append_all(room: Room, steps: Steps) -> None:
    for actor, body in steps:
        room.transcript.append(actor, body, room.clock())


def _record_refusal(room: Room, refusal: Refused) -> None:
    body = entries.Refusal(
        identifier=refusal.identifier,
        what=_printable(refusal.what),
        found=_printable(refusal.found),
        expected=_printable(refusal.expected),
    )
    room.transcript.append("tool", body, room.clock())


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:2000] or "-"


def _staff_sign(room: Room, step: Step) -> Steps:
    """AUD-02: administrator and witness sign the checkpoint at the end of a phase."""
    text = room.statement()
    room.screen.say(f"End of the phase {step.phase!r}: administrator and witness sign the transcript so far.")
    for person in ("administrator", "witness"):
        room.screen.enter(f"{person}: sign.")
        yield room.sign_checkpoint(person, "phase", text)


def begin(  # noqa: PLR0913, PLR0917
    register: Register | None, folder: Path, kind: entries.Kind, mark: Mark, genesis: str, charter: bytes = b""
) -> Transcript:
    """A new ceremony: the next number, its folder, its first entry (SET-01, AUD-03).

    In the first one the genesis charter lies beside the transcript before its first entry: the chain begins at its digest."""
    number = 1 if register is None else len(register.ceremonies) + 1
    prev = genesis if register is None else register.head
    transcript = Transcript.create(folder / f"{number:04d}-{kind}", prev, register.time if register else "")
    if charter:
        write_new(transcript.folder / "charter.json", charter)
    body = entries.Opened(
        kind=kind, mark=mark, ceremony=number, genesis=genesis, script=digest(kind), tool=version("cold-ceremony"), commit=commit()
    )
    transcript.append("tool", body, utc_now())
    return transcript


def commit() -> str:
    """The commit that this code was checked out from, `self-reported` (SET-02); `unknown` outside a checkout."""
    here = Path(__file__).resolve().parents[2]
    done = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def reopen(ceremony: Ceremony, now: str) -> Transcript:
    """An interrupted ceremony, opened again: what was torn or unlisted is kept aside and recorded first thing."""
    if not ceremony.state.entries:
        raise Malformed(f"{ceremony.folder.name} was cut off before its first entry; remove this empty folder and begin again")
    transcript, torn = Transcript.open(ceremony.folder, ceremony.prev, ceremony.after)
    if torn:
        transcript.keep_torn(torn)
    found = tuple(_set_aside(path, len(transcript.state.entries)) for path in leftovers(ceremony))
    kept = tuple(path for path in found if path is not None)
    if not kept and isinstance(transcript.state.entries[-1].body, entries.Step):
        return transcript  # left between two steps, as after `prepare`: nothing was interrupted
    transcript.append("tool", entries.Resumed(after=len(transcript.state.entries), found=tuple(p.name for p in kept)), now)
    for path in kept:
        raw = path.read_bytes()
        kind: entries.FileKind = "torn" if path.name.startswith("torn-") else "leftover"
        transcript.append("tool", entries.File(name=path.name, kind=kind, sha256=sha256(raw), size=len(raw)), now)
    return transcript


def _set_aside(path: Path, seq: int) -> Path | None:
    """Half-written files go; whole files that no entry lists keep their bytes under another name."""
    if path.name.startswith(PARTIAL):
        path.unlink()
        return None
    if path.name.startswith(("torn-", "leftover-")):
        return path
    aside = path.with_name(f"leftover-{seq}-{path.stem}.bytes")
    path.rename(aside)
    return aside
