"""Exceptions and "I do not agree", at the real command: a form that both officers sign, and an answer that is signed like any other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.cast import Pace
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.verify import Verdict, verify
from tests.ceremony import rehearsal
from tests.ceremony.eyes import Eyes

STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
LONG = "; and so on" * 40
FORM = [
    ("what the control expects here: ", "a receipt of the transaction" + LONG),
    ("what happened: ", "the chain was stopped for good" + LONG),
    ("what was decided, and why it is safe: ", "the transfer is closed, and everything stays reserved" + LONG),
]
"""As long as people are when they have to explain themselves: more than a screen."""


def both_verify(set_: Stage) -> Verdict:
    book = Register.open(set_.folder / "register")
    done = subprocess.run(["sh", str(STOCK), str(book.folder), book.genesis, book.head], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return verify(book.folder, book.genesis, book.head)


def page_one(set_: Stage, verdict: Verdict) -> str:
    return report(Register.open(set_.folder / "register"), verdict).decode()


@pytest.mark.control("BRD-05")
def test_without_a_receipt_only_both_officers_close_a_transfer(carried_out: Stage) -> None:
    cast = carried_out.cast
    register = demonstration.transfer_command(carried_out)[1:5]
    shown, code = rehearsal.run(carried_out, "online", "close", "--without-receipt", "2", *register)
    assert code == 1, shown[-2000:]
    assert rehearsal.refusals(carried_out) == ["BRD-05"]

    cast.instead = [("Path of the signed receipt: ", "x"), ("control: ", "SIG-02"), ("control: ", "BRD-05"), *FORM, ("cto: sign this", "q")]
    cast.pace = eyes = Eyes()
    shown, code = rehearsal.run(carried_out, "resume", *register)
    cast.pace = Pace()
    assert (code, cast.instead) == (130, []), shown[-2000:]
    assert eyes.headless == []
    assert "excepted" not in rehearsal.types(carried_out), "one officer is not both"

    elsewhere = carried_out.folder / "office" / "exception-1.json"
    (form,) = carried_out.folder.glob("register/*-receipt/exception-1.json")
    shutil.copy(form, elsewhere)
    papers = ("--charter", "office/charter.json")
    words = ("exception", "sign", "office/exception-1.json", "--as", "cto", "--key", demonstration.key("cto"), *papers)
    shown, code = rehearsal.run(carried_out, *words)
    assert code == 0, shown[-2000:]
    assert "the chain was stopped for good" in shown

    cast.papers = {**cast.papers, "the signed exception form": "office/exception-1.json"}
    cast.instead = [("Number of the transfer without", "2"), ("x fills in the form; Enter stops here: ", "x"), ("cto: sign this", "f")]
    shown, code = rehearsal.run(carried_out, "resume", *register)
    assert (code, cast.instead) == (0, []), shown[-2000:]
    verdict = both_verify(carried_out)
    assert verdict.said == "VERIFIED"
    assert "0003-receipt: excepted: BRD-05" in verdict.notes
    assert "the transfer is closed, and everything stays reserved" in page_one(carried_out, verdict)
    assert Register.open(carried_out.folder / "register").reserved(99), "what was signed may still come into a block"


@pytest.mark.control("SIG-02")
def test_who_does_not_agree_opens_no_share_and_signs_that(prepared: Stage) -> None:
    cast = prepared.cast
    cast.instead = [("B2: you have read", "n"), ("B2, I do not agree, because: ", "the amount is not what we spoke of")]
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert (code, cast.instead) == (1, []), shown[-2000:]
    assert rehearsal.refusals(prepared) == ["SIG-02"]

    resume = demonstration.transfer_command(prepared, "resume")
    cast.instead = [("witness: sign your approval", "n"), ("witness, I do not agree, because: ", "a word differs from my paper")]
    shown, code = rehearsal.run(prepared, *resume)
    assert (code, cast.instead) == (1, []), shown[-2000:]
    assert rehearsal.refusals(prepared) == ["SIG-02", "SIG-02"]
    assert "unlocked" not in rehearsal.types(prepared)

    cast.instead = [("A1: sign the adjournment", "n"), ("A1, I do not agree, because: ", "somebody photographed the screen")]
    shown, code = rehearsal.run(prepared, *resume)
    assert (code, cast.instead) == (0, []), shown[-2000:]
    verdict = both_verify(prepared)
    assert "0002-transfer: did not agree: B2, witness, A1" in verdict.notes
    assert "A1 does not agree to the adjournment, because: somebody photographed the screen" in page_one(prepared, verdict)


@pytest.mark.control("AUD-02")
@pytest.mark.control("GEN-14")
def test_a_phase_and_a_key_record_need_everyone(founded: Stage) -> None:
    cast = founded.cast
    cast.instead = [("witness: sign. ", "n"), ("witness, I do not agree, because: ", "a custodian was not there")]
    shown, code = rehearsal.run(founded, *demonstration.keygen_command(founded))
    assert (code, cast.instead) == (1, []), shown[-2000:]
    assert rehearsal.refusals(founded) == ["AUD-02"]

    cast.instead = [("B1: sign the key record", "n"), ("B1, I do not agree, because: ", "the account is another one")]
    resume = demonstration.transfer_command(founded, "resume")[:-2]
    shown, code = rehearsal.run(founded, *resume)
    assert (code, cast.instead) == (1, []), shown[-2000:]
    assert rehearsal.refusals(founded) == ["AUD-02", "GEN-14"]
    shown, code = rehearsal.run(founded, *resume)
    assert code == 1
    assert "GEN-14" in shown


@pytest.mark.control("ASM-03")
def test_a_pause_is_ended_without_the_witness_by_both_officers_alone(prepared: Stage) -> None:
    cast = prepared.cast
    cast.instead = [
        ("A2: you are Anton Ackermann: sign the opening", "p"),
        ("Who leaves: ", "witness"),
        ("Why: ", "taken to hospital"),
        ("witness: you are back", "n"),
        ("witness, I do not agree, because: ", "not here"),
        ("x fills in the form; Enter stops here: ", "x"),
        ("what the control expects here: ", "the witness is in the room"),
        ("what happened: ", "the witness was taken to hospital"),
        ("what was decided, and why it is safe: ", "this ceremony is brought to its end as void"),
    ]
    shown, code = rehearsal.run_broken(prepared, "kill-after:continued", demonstration.transfer_command(prepared))
    assert (code, cast.instead) == (128 + 9, []), shown[-2000:]
    assert rehearsal.types(prepared)[-6:] == ["refusal", "file", "signature", "signature", "excepted", "continued"]
    register = demonstration.transfer_command(prepared)[1:5]
    shown, code = rehearsal.run(prepared, "void", *register, "--reason", "the witness is ill")
    assert code == 0, shown[-2000:]
    assert "0002-transfer: excepted: ASM-03" in both_verify(prepared).notes
