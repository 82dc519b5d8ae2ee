"""Exceptions and "I do not agree" in a register, as both verifiers hold to them and as page one of the report tells them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump
from ceremony.record import entries, exceptional
from ceremony.record.exceptional import ExceptionForm
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.verify import verify
from tests.record import sample
from tests.record.sample import Play, Scribe
from tests.record.test_verify_stock import SCRIPT

Form = Callable[[ExceptionForm], ExceptionForm]


def form_of(scribe: Scribe, **changed: object) -> ExceptionForm:
    """The recorder in the corner could not be taken down."""
    opened = scribe.transcript.state.opened
    form = ExceptionForm(
        mark=opened.mark,
        genesis=opened.genesis,
        ceremony=opened.ceremony,
        head=scribe.transcript.head,
        control="AIR-01",
        expected="no recorder in the room",
        happened="a camera in the corner cannot be taken down",
        decided="it is covered and its cable is cut",
        issued="2026-11-12T09:30:00Z",
    )
    return replace(form, **changed)  # type: ignore[arg-type]


def excepting(signers: Sequence[str] = ("cfo", "cto"), change: Form = lambda form: form, control: str = "AIR-01") -> Play:
    """A form before the roll-call is over, signed by these people."""

    def before(scribe: Scribe, title: str) -> None:
        if title == "Roll-call" and scribe.kind == "transfer":
            scribe.keep("exception-1.json", "exception", dump(change(form_of(scribe))))
            scribe.sign_file("exception", "exception-1.json", signers)
            scribe.add("tool", entries.Excepted(control=control, file="exception-1.json"))

    return Play(before=before)


def stock(made: sample.Anchor) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["dash", str(SCRIPT), str(made.register), made.genesis, made.head], capture_output=True, text=True, check=False)


def test_an_exception_of_both_officers_is_verified_and_stands_on_page_one(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", excepting())
    verdict = verify(made.register, made.genesis, made.head)
    assert verdict.said == "VERIFIED"
    assert "0002-transfer: excepted: AIR-01" in verdict.notes
    assert stock(made).returncode == 0
    page = report(Register.open(made.register), verdict).decode()
    front = page[: page.index("Who did what")] if "Who did what" in page else page
    for said in ("AIR-01", "a camera in the corner cannot be taken down", "it is covered and its cable is cut"):
        assert said in front


@pytest.mark.parametrize(
    "play",
    [
        excepting(signers=("cfo",)),
        excepting(signers=("cfo", "witness")),
        excepting(change=lambda form: replace(form, ceremony=7)),
        excepting(change=lambda form: replace(form, control="BRD-05")),
    ],
)
def test_an_exception_without_its_form_is_refused_by_both_verifiers(play: Play, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", play)
    with pytest.raises(Refused, match=r"^SET-06 "):
        verify(made.register, made.genesis, made.head)
    done = stock(made)
    assert (done.returncode, done.stderr[:6]) == (1, "SET-06")


@pytest.mark.parametrize("head", ["0" * 64])
def test_a_form_that_was_asked_in_another_transcript_is_refused(head: str, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", excepting(change=lambda form: replace(form, head=head)))
    with pytest.raises(Refused, match=r"^SET-06 "):
        verify(made.register, made.genesis, made.head)


def test_a_control_without_exceptions_is_refused_whoever_signs(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", excepting(change=lambda form: replace(form, control="SIG-02"), control="SIG-02"))
    with pytest.raises(Refused, match=r"^SIG-02 this control has no exceptions"):
        verify(made.register, made.genesis, made.head)
    assert stock(made).stderr.startswith("SET-06")


def test_only_the_eight_controls_of_the_catalogue_may_be_excepted() -> None:
    listed = {"SET-07", "STO-02", "STO-04", "STO-08", "AIR-01", "ASM-03", "DRL-01", "BRD-05"}
    assert set(exceptional.excepted_controls()) == listed
    with pytest.raises(Malformed, match="there is no control"):
        exceptional.check_may("AIR-99")


def declining(person: str, to: str, *, signed: bool = True) -> Play:
    """This person does not agree, before the transcript of the transfer is adjourned."""

    def before(scribe: Scribe, title: str) -> None:
        if title == "Adjourn" and scribe.kind == "transfer":
            scribe.add(person, entries.Disagreed(to=to, because="the amount is not what we spoke of"))  # type: ignore[arg-type]
            if signed:
                scribe.checkpoint("disagreement", (person,))

    return Play(before=before)


def test_who_does_not_agree_has_signed_that_and_it_stands_on_page_one(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", declining("B1", "adjournment"))
    verdict = verify(made.register, made.genesis, made.head)
    assert verdict.said == "VERIFIED"
    assert "0002-transfer: did not agree: B1" in verdict.notes
    assert stock(made).returncode == 0
    assert (
        "B1 does not agree to the adjournment, because: the amount is not what we spoke of"
        in report(Register.open(made.register), verdict).decode()
    )


@pytest.mark.control("AUD-02")
def test_a_disagreement_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", declining("B1", "adjournment", signed=False))
    with pytest.raises(Refused, match=r"^AUD-02 "):
        verify(made.register, made.genesis, made.head)
    assert stock(made).stderr.startswith("AUD-02")
