"""Somebody leaves the room: the ceremony is locked until administrator and witness have both signed. At the real command (ASM-03)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import rehearsal
from tests.ceremony.test_interruptions import KILLED, check_ended, vault_processes

STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
LEAVES = [("A2: you are Anton Ackermann: sign the opening", "p"), ("Who leaves: ", "witness"), ("Why: ", "a call from home")]


def said(shown: str) -> str:
    return " ".join(shown.split())


@pytest.mark.control("ASM-03")
def test_nothing_goes_on_without_the_witness(prepared: Stage) -> None:
    """The witness leaves during the roll-call; the administrator alone, an interruption, and a kill do not end the pause."""
    cast, resume = prepared.cast, demonstration.transfer_command(prepared, "resume")
    cast.instead = [*LEAVES, ("witness: you are back", "n"), ("witness, I do not agree, because: ", "still on the telephone")]
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert (code, cast.instead) == (1, [])
    assert "LOCKED" in shown
    assert "ASM-03" in shown
    assert "still on the telephone" in said(shown)
    assert rehearsal.types(prepared)[-3:] == ["paused", "signature", "refusal"]
    assert vault_processes() == []

    cast.instead = [("witness: you are back", "p"), ("witness: you are back", "q")]
    shown, code = rehearsal.run(prepared, *resume)
    assert code == 130
    assert "This ceremony is paused already" in said(shown)
    assert "administrator: you are back" not in shown, "the administrator had signed, and is not asked again"

    shown, code = rehearsal.run_broken(prepared, "kill:3", resume)
    assert (code, rehearsal.types(prepared)[-3:]) == (KILLED, ["resumed", "signature", "signature"])
    assert "continued" not in rehearsal.types(prepared)

    cast.instead = [
        ("B1: you have read every address", "?"),
        (r"Who unlocks next \(A1 A2 B1\)\? ", "p"),
        (r"Who unlocks next \(A1 A2 B1\)\? ", "x"),
        (r"Who unlocks next \(A1 A2 B1\)\? ", "A1"),
        ("Type SIGN: ", "p"),
        ("Type CLOSE: ", "p"),
        ("Who leaves: ", "B1 B2"),
        ("Why: ", "a train"),
    ]
    shown, code = rehearsal.run(prepared, *resume)
    assert (code, cast.instead) == (0, []), shown[-2000:]
    assert said(shown).count("Not now: shares are open.") == 3
    assert "Everyone reads whom this pays" in said(shown)
    assert rehearsal.types(prepared).count("paused") == rehearsal.types(prepared).count("continued") == 2
    assert rehearsal.types(prepared).count("exported") == 1, "what was carried out is not carried out again"
    check_ended(prepared, "carried out")
    book = Register.open(prepared.folder / "register")
    done = subprocess.run(
        ["sh", str(STOCK), str(prepared.folder / "register"), book.genesis, book.head], capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("VERIFIED\n"), done.stderr


def test_a_pause_that_was_not_meant_and_one_before_any_custodian_came(authorized: Stage) -> None:
    """`b` out of the form records nothing; `x` says what may be excepted; with the HSM open, a pause ends the vault first."""
    cast = authorized.cast
    cast.instead = [
        ("this is the transfer that you prepare", "p"),
        ("Who leaves: ", "A1"),
        ("Why: ", "b"),
        ("Who leaves: ", "b"),
    ]
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert (code, cast.instead) == (0, []), shown[-2000:]
    assert "paused" not in rehearsal.types(authorized)
    shutil.rmtree(authorized.folder / "outbound", ignore_errors=True)
