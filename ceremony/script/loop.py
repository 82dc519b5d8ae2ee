"""The loop: fold, next step, append. The same for a first run and for a resumed one."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import MAX_FILE, Malformed, Mark
from ceremony.base.files import PARTIAL, read_file, write_new
from ceremony.base.lines import sha256
from ceremony.machine.preflight import check_devices
from ceremony.record import entries
from ceremony.record.exceptional import granted, may_be_excepted, said_no_now
from ceremony.record.register import Ceremony, Register, leftovers
from ceremony.record.rules.pause import under_way
from ceremony.record.state import State
from ceremony.record.transcript import Transcript
from ceremony.screen import panels
from ceremony.screen.terminal import Excepting, Pausing
from ceremony.script import exceptional, pause, revoke
from ceremony.script.closing import print_slips
from ceremony.script.preflight import known
from ceremony.script.prepare import end_vault
from ceremony.script.room import Room, Steps, refusal, utc_now
from ceremony.script.table import SCRIPTS, Step, digest, in_one_sitting, set_signed

STAFF = {"administrator", "witness"}
VOID_IF_STOPPED = "This is one sitting: if it stops here, the new set is void, its new shares are destroyed, and all begins again."
"""What is at stake; nothing of an older set is, and its media stay as they are."""
OLDER_STAYS = " The shares of before stay as they are: do not touch them."


def play(room: Room, until: int | None = None) -> None:
    """Run steps in their order from where the transcript stands, up to and including `until`, or to the end, closing slips included."""
    script = SCRIPTS[room.state.opened.kind]
    room.screen.returned = room.watch.notice
    if room.state.last(entries.Machine) is not None:
        room.watch.listed = room.charter.devices
    _append_refused(room, revoke.first_of_all(room))
    try:
        while room.state.closed is None:
            step = next_step(script, room.state, alive=room.vault is not None)
            if under_way(room.state) is not None:
                _locked(room, step)
                continue
            if until is not None and step.number > until:
                return
            _run(room, step)
        print_slips(room)
    finally:
        if room.vault is not None:
            room.vault.end()
        if room.token is not None:
            room.token[2].end()


def _locked(room: Room, step: Step) -> None:
    try:
        _append_refused(room, pause.locked(room))
    except Refused as refused:
        if not _excepted(room, step, refused):
            raise


def next_step(script: tuple[Step, ...], state: State, *, alive: bool) -> Step:
    """The first step that is not done; the last one until the ceremony is closed (it writes its own entry before the closing).

    If what a step needs died with the vault, the first of the steps that must be repeated."""
    at = next((i for i, step in enumerate(script) if not state.done(step.number)), len(script) - 1)
    while not alive and at > 0 and script[at - 1].live and not set_signed(state):
        at -= 1
    return script[at]


@control("SET-06")
def check_order(script: tuple[Step, ...], state: State) -> None:
    """SET-06: steps are done in the order of the script, none is left out up to the end of a ceremony that was not voided; only
    steps whose work died with the vault repeat. Where the script says so, administrator and witness have signed the step's end."""
    done, signed = 0, set[str]()
    for entry in state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.purpose == "phase":
            signed.add(entry.actor)
        elif isinstance(entry.body, entries.Step):
            number = entry.body.number
            repeats = 1 <= number <= done and all(step.live for step in script[number - 1 : done])
            if (number != done + 1 and not repeats) or number > len(script):
                _out_of_order(f"step {number}", f"step {done + 1} of {len(script)}")
            if script[number - 1].staff_signs and not signed >= STAFF:
                _out_of_order(f"step {number}, signed by {', '.join(sorted(signed)) or 'nobody'}", "signed by administrator and witness")
            done, signed = number, set()
    if state.closed is not None and state.closed.outcome != "void" and done != len(script):
        _out_of_order(f"the end after step {done}", f"step {done + 1} of {len(script)} first")


def _out_of_order(found: str, expected: str) -> NoReturn:
    refuse("SET-06", "the steps are not those of the script", found=found, expected=expected, do="Use an undamaged copy.")


def _run(room: Room, step: Step) -> None:
    """One step, up to its entry; or up to a pause or an exception: then it is run again, and goes on from its fold."""
    place = _place(room, step)
    stake = VOID_IF_STOPPED + (OLDER_STAYS if room.book.has_key else "") if in_one_sitting(room.state) else ""
    told = panels.explanation(step.title, step.why, step.who, step.controls)
    room.screen.screen(panels.header(place), stake, told, busy=lambda: pause.busy(room))
    try:
        _append_refused(room, step.function()(room))
        if step.staff_signs:
            _append_refused(room, _staff_sign(room, step))
        _take_out(room)
    except (Pausing, Excepting) as interlude:
        room.screen.screen(panels.header(place), stake, told, busy=lambda: pause.FORM)
        _append_refused(room, end_vault(room, "set aside for a moment"))  # nothing is open in it, or the key would not have been taken
        _append_refused(room, pause.leave(room) if isinstance(interlude, Pausing) else exceptional.fill(room, step))
        return
    except Refused as refused:
        if not _excepted(room, step, refused):
            raise
        return
    if room.state.closed is None:
        room.transcript.append("tool", entries.Step(number=step.number, title=step.title), room.clock())


def _place(room: Room, step: Step) -> panels.Place:
    script, opened = SCRIPTS[room.state.opened.kind], room.state.opened
    return panels.Place(
        mark=opened.mark,
        ceremony=None if step.blind else opened.ceremony,
        kind=opened.kind,
        step=step.number,
        steps=len(script),
        title=step.title,
        minutes=sum(s.minutes for s in script if s.number >= step.number),
    )


def _excepted(room: Room, step: Step, refused: Refused) -> bool:
    """Whether what refused may be excepted and the officers' form for it is complete now: then the step is run again."""
    if not may_be_excepted(refused.identifier) or room.vault is not None:
        return False
    head = panels.header(_place(room, step))
    room.screen.screen(head, busy=lambda: "")
    room.screen.say(f"{refused}\n\nBoth officers may except {refused.identifier} in a form that they sign.")
    try:
        room.screen.ask("x fills in the form; Enter stops here: ", "x, or Enter alone", r"")
    except Excepting:
        room.screen.screen(head, busy=lambda: pause.FORM)
        _append_refused(room, exceptional.fill(room, step, refused.identifier))
        return refused.identifier in granted(room.state)
    except Pausing:
        pass  # nothing is under way that would wait
    return False


def _append_refused(room: Room, steps: Steps) -> None:
    """Append what is yielded, and a refusal that ends it."""
    try:
        append_all(room, steps)
    except Refused as refused:
        room.transcript.append("tool", refusal(refused), room.clock())
        raise


def append_all(room: Room, steps: Steps) -> None:
    """Each entry is appended and synced before its step goes on."""
    try:
        for actor, body in steps:
            _append_noted(room)
            room.transcript.append(actor, body, room.clock())
            _look_around(room)
    finally:
        _append_noted(room)


def _append_noted(room: Room) -> None:
    """What was noted meanwhile, each once."""
    while room.noted:
        actor, body = room.noted.pop(0)
        room.transcript.append(actor, body, room.clock())


def _look_around(room: Room) -> None:
    """AIR-03: what is connected, after every entry and with what was noticed at prompts meanwhile. Production stops; practice
    records each device once."""
    if room.state.closed is not None or under_way(room.state) is not None:
        return
    found = room.watch.look()
    check_devices(room.state.opened.mark, found)
    for finding in found:
        if finding.sentence not in known(room):
            room.transcript.append("tool", entries.StrayDevice(finding=finding.sentence), room.clock())


def _take_out(room: Room) -> None:
    """AIR-03: what a step asked for is taken out when it is done, unless shares are open: then they are locked again first."""
    if pause.busy(room):
        return
    while left := room.watch.left():
        room.media.clear()
        room.screen.show(panels.listed("Take out, until a step asks for them again:", left))
        room.screen.enter("administrator: they are out.")
    room.watch.asked.clear()


def _staff_sign(room: Room, step: Step) -> Steps:
    """AUD-02: administrator and witness sign the same checkpoint at the end of a phase, also if they are interrupted between."""
    signed = _signed_this_end(room.state)
    text = next(iter(signed.values()), None) or room.statement()
    room.screen.say(f"End of the phase {step.phase!r}: administrator and witness sign the transcript.")
    for person in sorted(STAFF - signed.keys()):
        if person not in said_no_now(room.state, "phase"):
            yield from exceptional.answer(room, person, "phase", "sign.", partial(_signs, room, person, text))
        exceptional.check_phase(room.state, step.phase)


def _signs(room: Room, person: str, text: str) -> Steps:
    yield room.sign_checkpoint(person, "phase", text)


def _signed_this_end(state: State) -> dict[str, str | None]:
    """Who signed this end of a phase before an interruption, and what: nothing but the interruption was recorded since."""
    signed: dict[str, str | None] = {}
    for entry in reversed(state.entries):
        body = entry.body
        if isinstance(body, entries.Signature) and body.purpose == "phase":
            signed[entry.actor] = body.text
        elif not isinstance(body, entries.Resumed) and not (isinstance(body, entries.File) and body.kind in ("torn", "leftover")):
            break
    return signed


def begin(  # noqa: PLR0913, PLR0917
    register: Register | None, folder: Path, kind: entries.Kind, mark: Mark, genesis: str, charter: bytes = b""
) -> Transcript:
    """A new ceremony: the next number, its folder, its first entry (SET-01, AUD-03).

    In the first one the genesis charter lies beside the transcript before its first entry: the chain begins at its digest."""
    number = 1 if register is None else len(register.ceremonies) + 1
    prev = genesis if register is None else register.head
    body = entries.Opened(
        kind=kind, mark=mark, ceremony=number, genesis=genesis, script=digest(kind), tool=version("cold-ceremony"), commit=commit()
    )
    transcript = Transcript.create(folder / f"{number:04d}-{kind}", prev, register.time if register else "")
    if register is None:
        write_new(transcript.folder / CHARTER, charter)
    transcript.append("tool", body, utc_now())
    return transcript


CHARTER = "charter.json"


def commit() -> str:
    """The commit that this code was checked out from, `self-reported` (SET-02); `unknown` outside a checkout, or without git."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return "unknown"  # a repository further up is somebody else's
    try:
        done = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def reopen(ceremony: Ceremony, now: str) -> Transcript:
    """An interrupted ceremony, opened again: what was torn or unlisted is kept aside and recorded first thing."""
    if not ceremony.state.entries:
        raise Malformed(f"{ceremony.folder.name} was cut off before its first entry: nothing is in it. Remove this folder, and begin again")
    transcript, torn = Transcript.open(ceremony.folder, ceremony.prev, ceremony.after)
    if torn:
        transcript.keep_torn(torn)
    found = list(leftovers(ceremony))
    unlisted = [path for path in found if ceremony.number > 1 or path.name != CHARTER]
    _check_leftovers(unlisted)
    seq = len(transcript.state.entries)
    kept = tuple(dict.fromkeys(aside for aside in (_set_aside(path, seq) for path in unlisted) if aside is not None))
    if not found and _between_steps(transcript.state):
        return transcript
    transcript.append("tool", entries.Resumed(after=len(transcript.state.entries), found=tuple(p.name for p in kept)), now)
    for path in kept:
        _list(transcript, path, "torn" if path.name.startswith("torn-") else "leftover", now)
    if len(unlisted) < len(found):
        _list(transcript, ceremony.folder / CHARTER, "charter", now)  # the chain begins at its digest: it stays where it is
    return transcript


def _between_steps(state: State) -> bool:
    """Whether it was left after one step and goes on with the next, as after `prepare`: nothing was interrupted."""
    last, script = state.entries[-1].body, SCRIPTS[state.opened.kind]
    return isinstance(last, entries.Step) and next_step(script, state, alive=False).number == last.number + 1


def _list(transcript: Transcript, path: Path, kind: entries.FileKind, now: str) -> None:
    raw = read_file(path)
    transcript.append("tool", entries.File(name=path.name, kind=kind, sha256=sha256(raw), size=len(raw)), now)


def _check_leftovers(found: Sequence[Path]) -> None:
    """AUD-05: an interruption leaves regular files of a size that a register can have; nothing else is taken into the record."""
    for path in found:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            refuse(
                "AUD-05",
                f"{path.parent.name} holds something that no ceremony leaves there",
                found=ascii(path.name)[1:-1][:200],
                expected=f"regular files of at most {MAX_FILE} bytes",
                do="Find out who put it there, take it away, then resume.",
            )


def _set_aside(path: Path, seq: int) -> Path | None:
    """Half-written files go; whole files that no entry lists keep their bytes under a name that says what they are.

    Their own name may be anything: it is not taken over."""
    if path.name.startswith(PARTIAL):
        path.unlink()
        return None
    digest_of = sha256(read_file(path))[:16]
    if path.name.startswith("torn-") and path.name.endswith(f"-{digest_of[:8]}.bytes") and path.name.count("-") == 2:
        return path
    aside = path.with_name(f"leftover-{seq}-{digest_of}.bytes")
    path.rename(aside)
    return aside
