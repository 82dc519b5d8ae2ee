"""Exceptions: a form that both officers sign, for one control, in one ceremony; the catalogue says which controls may have one.

What has no form here is refused and stays refused: an exception is a document, not a switch."""

from __future__ import annotations

from typing import Literal

from ceremony.base.catalogue import CATALOGUE
from ceremony.base.control import refuse
from ceremony.base.data import Digest, Malformed, Mark, Text, Time, dump, load, record
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from ceremony.record import entries
from ceremony.record.state import State

OFFICERS = ("cfo", "cto")
KIND: entries.FileKind = "exception"


@record
class ExceptionForm:
    """One exception: what the control expected, what happened, what the officers decided. `head`: the transcript it was asked in."""

    type: Literal["exception"] = "exception"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    ceremony: int
    head: Digest
    control: entries.Control
    expected: Text
    happened: Text
    decided: Text
    issued: Time

    @property
    def digest(self) -> str:
        """SHA-256 of the form's file."""
        return sha256(dump(self))


def may_be_excepted(identifier: str) -> bool:
    """Whether both officers may except this control in a signed form."""
    return identifier in CATALOGUE and CATALOGUE[identifier].excepted


def excepted_controls() -> tuple[str, ...]:
    """The controls that may be excepted, in the catalogue's order."""
    return tuple(identifier for identifier, control in CATALOGUE.items() if control.excepted)


def check_may(identifier: str) -> None:
    """Refuses, with the control's own identifier, an exception to a control that may never have one; Malformed for an unknown one."""
    if identifier not in CATALOGUE:
        raise Malformed(f"there is no control {shown(identifier)}; an exception is of one of {', '.join(excepted_controls())}")
    if not may_be_excepted(identifier):
        refuse(
            identifier,
            "this control has no exceptions",
            found="an exception form",
            expected=f"an exception to one of {', '.join(excepted_controls())}",
            do="Do what the control asks for, or end this ceremony as void.",
        )


def parse(raw: bytes, what: str) -> ExceptionForm:
    """The form in these bytes; Malformed in another form, refused for a control that has no exceptions."""
    form = load(ExceptionForm, raw, what)
    check_may(form.control)
    return form


def granted(state: State) -> frozenset[str]:
    """The controls that this ceremony's signed forms except."""
    return frozenset(body.control for body in state.all(entries.Excepted))


def movement(state: State) -> bool:
    """STO-04: whether both officers except the movement that the next custody record tells. A form counts for one record."""
    since = state.since(entries.Custody)
    return "STO-04" in granted(since if since.entries else state)


def pending(state: State) -> entries.File | None:
    """The newest form that was written and is not granted yet, if there is one."""
    done = {body.file for body in state.all(entries.Excepted)}
    waiting = [file for file in state.all(entries.File) if file.kind == KIND and file.name not in done]
    return waiting[-1] if waiting else None


def declined(state: State) -> frozenset[str]:
    """Who does not agree now: whose newest answer at opening, review or approval is no.

    After an interruption they may be asked again, and the newest answer counts."""
    answers: dict[str, bool] = {}
    for entry in state.entries:
        body = entry.body
        if isinstance(body, entries.Disagreed) and body.to in ("opening", "review", "approval"):
            answers[entry.actor] = False
        elif isinstance(body, entries.Present | entries.Reviewed) or (isinstance(body, entries.Signature) and body.purpose == "approval"):
            answers[entry.actor] = True
    return frozenset(person for person, agrees in answers.items() if not agrees)


def unsigned(state: State) -> frozenset[str]:
    """Who said that they do not agree, and was cut off before they signed it."""
    waiting: set[str] = set()
    for entry in state.entries:
        if isinstance(entry.body, entries.Disagreed):
            waiting.add(entry.actor)
        elif isinstance(entry.body, entries.Signature) and entry.body.purpose == "disagreement":
            waiting.discard(entry.actor)
    return frozenset(waiting)


def said_no(state: State, to: str) -> frozenset[str]:
    """Who said no to this, and signed that."""
    return frozenset(e.actor for e in state.entries if isinstance(e.body, entries.Disagreed) and e.body.to == to) - unsigned(state)


def said_no_now(state: State, to: str) -> frozenset[str]:
    """Likewise, since the newest interruption: nobody is asked twice in one run, and everybody once more in the next one."""
    run = state.since(entries.Resumed)
    return said_no(run if run.entries else state, to)


def file_name(state: State) -> str:
    """The name of this ceremony's next form: `exception-1.json`."""
    return f"exception-{1 + sum(file.kind == KIND for file in state.all(entries.File))}.json"
