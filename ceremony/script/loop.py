"""The loop: fold, next step, append. The same for a first run and for a resumed one."""

from __future__ import annotations

from functools import partial

from ceremony.base.control import Refused
from ceremony.machine.preflight import check_devices
from ceremony.record import entries, scripts
from ceremony.record.exceptional import granted, may_be_excepted, said_no_now
from ceremony.record.rules.pause import under_way
from ceremony.record.scripts import Walk
from ceremony.record.state import State
from ceremony.record.suspension import ANEW
from ceremony.screen import panels
from ceremony.screen.terminal import Excepting, Pausing
from ceremony.script import drills, ending, exceptional, pause, revoke
from ceremony.script.closing import print_slips
from ceremony.script.preflight import known
from ceremony.script.prepare import end_vault
from ceremony.script.room import Room, Steps, refusal
from ceremony.script.table import SCRIPTS, Step, in_one_sitting

STAFF = {"administrator", "witness"}
VOID_IF_STOPPED = "This is one sitting: if it stops here, the new set is void, its new shares are destroyed, and all begins again."
"""What is at stake; nothing of an older set is, and its media stay as they are."""
OLDER_STAYS = " The shares of before stay as they are: do not touch them."


def play(room: Room, until: int | None = None) -> None:
    """Run steps in their order from where the transcript stands, up to and including `until`, or to the end, closing slips included."""
    room.screen.returned = room.watch.notice
    if room.state.last(entries.Machine) is not None:
        room.watch.listed = room.charter.devices
    _append_refused(room, revoke.first_of_all(room))
    try:
        while room.state.closing is None:
            step = next_step(room)
            if under_way(room.state) is not None:
                _locked(room, step)
                continue
            if until is not None and step.number > until:
                return
            _run(room, step)
        finish(room)
    finally:
        if room.vault is not None:
            room.vault.end()
        if room.token is not None:
            room.token[2].end()


def finish(room: Room) -> None:
    """The end is signed by all; then the slips are printed."""
    room.screen.fresh(panels.paragraph("The end: each of you signs it. Nothing stands behind it, and before it nothing counts."))
    _append_refused(room, ending.sign(room))
    drills.next_one(room)
    print_slips(room)


def _locked(room: Room, step: Step) -> None:
    try:
        _append_refused(room, pause.locked(room))
    except Refused as refused:
        if not _excepted(room, step, refused):
            raise


def next_step(room: Room) -> Step:
    """The step in which the transcript stands: the first that is not done, or the first of those whose work died with the vault."""
    script = SCRIPTS[room.state.opened.kind]
    walk = Walk(scripts.current(room.state.opened.kind).steps)
    for entry in room.state.entries:
        walk.after(entry)
    return script[(walk.next if room.vault is not None else walk.again).number - 1]


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
    if room.state.closing is None:
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
            if isinstance(body, entries.Signature):
                room.check_unsuspended(actor, body.purpose, ANEW)  # also what was signed elsewhere and is only carried here
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
    if room.state.closing is not None or under_way(room.state) is not None:
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
    for person in sorted(STAFF - signed.keys() - room.state.lost):
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
        elif not _is_interruption(body):
            break
    return signed


def _is_interruption(body: object) -> bool:
    """What the beginning of a later run writes."""
    if isinstance(body, entries.Signature):
        return body.purpose == "run"
    return isinstance(body, entries.Resumed) or (isinstance(body, entries.File) and body.kind in ("torn", "aside", "leftover"))
