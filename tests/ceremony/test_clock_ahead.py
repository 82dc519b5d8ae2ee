"""The machine's clock is days ahead: at the first command nothing is written; later `void` ends what was begun (ASM-04)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import editor, rehearsal
from tests.ceremony.test_interruptions import check_ended
from tests.ceremony.test_transfer import refused


def ahead(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.control("ASM-04")
def test_a_clock_that_is_days_ahead_at_the_first_command_begins_nothing(founded: Stage) -> None:
    time = ahead(3)
    shown, code = rehearsal.run_broken(founded, f"clock:{time}", demonstration.keygen_command(founded))
    assert code == 1
    assert "ASM-04 people's watches and the machine's clock" in shown
    assert not list((founded.folder / "register").iterdir())


@pytest.mark.control("ASM-04")
def test_a_ceremony_whose_clock_ran_ahead_is_ended_as_void_and_the_next_one_begins(authorized: Stage) -> None:
    rehearsal.run_broken(authorized, f"jump:{ahead(2)}", demonstration.prepare_command(authorized))
    late = Register.open(authorized.folder / "register").time
    assert late > ahead(1), "it ran on in the time that is not yet"
    assert editor.verifiers(authorized)[0][0] == 3
    refused(authorized, "ASM-04", *demonstration.transfer_command(authorized, "resume"))
    shown, code = rehearsal.run(authorized, "void", *editor.register(authorized), "--reason", "the clock was ahead")
    assert code == 0, shown[-2000:]
    check_ended(authorized, "void")
    assert Register.open(authorized.folder / "register").ceremonies[-1].state.entries[-1].line.time == late
    assert editor.verifiers(authorized) == [(0, "VERIFIED"), (0, "VERIFIED")]
    shown, code = rehearsal.run(authorized, "shares", "check", *editor.register(authorized), "--position", "A2", "--position", "B1")
    assert code == 0, shown[-2000:]
    assert Register.open(authorized.folder / "register").time < late
    assert editor.verifiers(authorized) == [(0, "VERIFIED"), (0, "VERIFIED")]
