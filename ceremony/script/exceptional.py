"""Exceptions as forms, and "I do not agree, because": what people say when the script does not fit (SET-06, AUD-02).

Neither is a switch. A form counts when both officers have signed it; who does not agree signs that, and opens no share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ceremony.base import signatures
from ceremony.base.catalogue import CATALOGUE
from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, dump
from ceremony.base.files import write_new
from ceremony.base.lines import sha256
from ceremony.record import entries, exceptional
from ceremony.record.exceptional import OFFICERS, ExceptionForm
from ceremony.record.signed import read_signed
from ceremony.record.state import State
from ceremony.screen import panels
from ceremony.screen.exception import exception_screen
from ceremony.screen.terminal import Back
from ceremony.script.room import Entry, Room, Steps
from ceremony.script.table import MAKES_A_SET, Step

NAMESPACE: signatures.Namespace = "exception@cold-ceremony"
SENTENCE = r"[ -~]{3,500}"
LIFTS = (
    "A form for AIR-01, STO-02, DRL-01 or BRD-05 lets the ceremony that it refused go on; one for ASM-03 ends a pause without one "
    "of the two; one for STO-04 lets in the next record of a hand-over or an arrival, which may lack its authorization, the record before "
    "it, or its receiver. STO-08 is excepted in the charter. A form for SET-07 is recorded and reported, and lifts nothing here."
)


def fill(room: Room, step: Step, identifier: str = "") -> Steps:
    """SET-06: a form of four answers, written into the record, then signed by both officers; only then the control is excepted.

    `identifier`: the control that refused just now; else it is asked for. A form that waits for a signature is taken up again."""
    waiting = exceptional.pending(room.state)
    if waiting is None:
        try:
            form = _filled(room, step, identifier)
        except Back:
            return
        name, raw = exceptional.file_name(room.state), dump(form)
        write_new(room.transcript.folder / name, raw)
        yield ("tool", entries.File(name=name, kind=exceptional.KIND, sha256=sha256(raw), size=len(raw)))
    else:
        name, form = waiting.name, exceptional.parse(room.here.raw_of(waiting.name), waiting.name)
    yield from _signed(room, name, form)
    yield ("tool", entries.Excepted(control=form.control, file=name))


def _filled(room: Room, step: Step, identifier: str) -> ExceptionForm:
    room.screen.fresh(
        (
            *panels.paragraph(
                "An exception is a form that CFO and CTO both sign. It stands on page one of the report. These controls may have one:"
            ),
            *(
                f"  {control}  {_short(control)}{'  (this step)' if control in step.controls else ''}"
                for control in exceptional.excepted_controls()
            ),
            *panels.paragraph(f"{LIFTS} All other controls have none. b goes back, and nothing is recorded before the last answer."),
        )
    )
    choices = "|".join(exceptional.excepted_controls())
    fields = [("control", "one of the identifiers above", choices)] if not identifier else []
    fields += [
        ("what the control expects here", "3 to 500 printable characters", SENTENCE),
        ("what happened", "3 to 500 printable characters", SENTENCE),
        ("what was decided, and why it is safe", "3 to 500 printable characters", SENTENCE),
    ]
    answers = (*((identifier,) if identifier else ()), *room.screen.form(*fields, back=True))
    opened = room.state.opened
    return ExceptionForm(
        mark=opened.mark,
        genesis=room.genesis,
        ceremony=opened.ceremony,
        head=room.transcript.head,
        control=answers[0],
        expected=answers[1],
        happened=answers[2],
        decided=answers[3],
        issued=room.clock(),
    )


def _short(control: str) -> str:
    rule = CATALOGUE[control].rule
    return rule if len(rule) <= 56 else rule[:53].rsplit(" ", 1)[0] + " ..."


def _signed(room: Room, name: str, form: ExceptionForm) -> Steps:
    """Both officers: each signs here with their own key, or their signature comes from a form that was carried to them."""
    room.screen.pages(exception_screen(form, room.state.signers(exceptional.KIND, name)))
    for officer in OFFICERS:
        while officer not in room.state.signers(exceptional.KIND, name):
            prompt = f"{officer}: sign this exception here [Enter], or f if it was signed elsewhere: "
            if not room.screen.ask(prompt, "Enter alone, or f; q stops, and the form waits", "f?", _CARRIED.format(name=name)):
                yield room.sign_named(officer, NAMESPACE, exceptional.KIND, name)
                continue
            try:
                yield from _carried(room, name, form)
            except (Malformed, Refused) as trouble:
                room.screen.say(str(trouble))


_CARRIED = (
    "An officer who is not here signs on their own laptop: stop with q, carry {name} from this ceremony's folder to them, "
    "`ceremony exception sign`, and carry file and signatures back; then resume, and answer f."
)


def _carried(room: Room, name: str, form: ExceptionForm) -> Steps:
    """Officers' signatures over exactly this form, from a file beside a copy of it."""
    path = room.path("exception", "the signed exception form")
    del room.given["exception"]
    raw, signed = read_signed(path)
    if raw != dump(form):
        raise Malformed(f"{path}: this is another form, SHA-256 {sha256(raw)}; expected that of this ceremony, {form.digest}")
    for signature in signed:
        if signature.signer in OFFICERS and signature.signer not in room.state.signers(exceptional.KIND, name):
            signatures.verify(signature, raw, room.charter.key(signature.signer), NAMESPACE)
            body = entries.Signature(namespace=NAMESPACE, purpose="exception", file=name, blob=signature.blob)
            yield (signature.signer, body)


def answer(room: Room, person: str, to: Any, prompt: str, agreed: Callable[[], Iterator[Entry]]) -> Steps:
    """AUD-02: one person agrees, and what `agreed` yields is recorded; or says why not, and signs that instead.

    `to`: what they were asked for (record/entries.py, Disagreed). A disagreement that was cut off before its signature is signed first."""
    if person not in exceptional.unsigned(room.state):
        because = room.screen.agree(person, prompt)
        if not because:
            yield from agreed()
            return
        yield (person, entries.Disagreed(to=to, because=because))
    room.screen.say(f"{person} does not agree: this is signed like any other answer.")
    yield room.sign_checkpoint(person, "disagreement", room.statement())


def check_agreed(room: Room) -> None:
    """SIG-02: who does not agree opens no share; without the witness, or with too few custodians left, the ceremony stands still.

    A set of shares is made by everyone or not at all."""
    declined = exceptional.declined(room.state)
    left = [p for p in room.state.actors(entries.Present) if p in room.charter.custodians and p not in declined]
    everyone = room.state.opened.kind in MAKES_A_SET
    if not declined or (
        not everyone and declined <= set(room.charter.custodians) and room.plan.enough([p for p in room.holders if p in left])
    ):
        return
    said = {e.actor: e.body.because for e in room.state.entries if isinstance(e.body, entries.Disagreed)}
    refuse(
        "SIG-02",
        "not everyone who must agrees",
        found="; ".join(f"{person}: {said[person]}" for person in sorted(declined)),
        expected="everyone who must approve, and enough custodians to open the shares",
        do="Find out what is wrong. `ceremony resume` asks them once more; `ceremony void` ends this ceremony, and nothing moves.",
    )


def check_phase(state: State, phase: str) -> None:
    """AUD-02: a phase ends when administrator and witness agree on what was done in it."""
    said = exceptional.said_no_now(state, "phase")
    if said:
        refuse(
            "AUD-02",
            f"the phase {phase!r} is not signed",
            found=f"{', '.join(sorted(said))} did not agree to it, and signed that",
            expected="the signatures of administrator and witness",
            do="Find out what is wrong. `ceremony resume` asks once more; `ceremony void` ends what has signed nothing.",
        )
