"""The witness is lost in the middle of a transfer: by a form of those whom SET-10 names it goes on to its end, or ends as void."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record import entries
from ceremony.record.register import Register
from tests.ceremony import editor, rehearsal
from tests.ceremony.test_interruptions import check_ended
from tests.ceremony.test_transfer import refused

OTHERS = ("cfo", "cto", "A1", "A2", "B1", "B2")
"""Both other seals, and a quorum of custodians."""


@pytest.mark.control("SET-10")
def test_a_transfer_goes_on_without_the_witness_to_its_end(prepared: Stage) -> None:
    resume = demonstration.transfer_command(prepared, "resume")
    with pytest.raises(Exception, match="a quorum of custodians"):
        editor.loss(prepared, ("witness",), OTHERS[:4])
    refused(prepared, "SET-10", *resume, "--loss", editor.FORM)
    charter = ("--charter", "office/charter.json", "--genesis", Register.open(prepared.folder / "register").genesis)
    refused(prepared, "SET-10", "loss", "sign", editor.FORM, "--as", "witness", "--key", demonstration.key("witness"), *charter)
    signed = [("loss", "sign", editor.FORM, "--as", p, "--key", demonstration.key(p), *charter) for p in OTHERS[4:]]
    prepared.act("The rest sign", *signed)
    shown, code = rehearsal.run(prepared, *resume, "--loss", editor.FORM)
    assert code == 0, shown[-2000:]
    check_ended(prepared, "carried out")
    state = Register.open(prepared.folder / "register").ceremonies[-1].state
    assert state.lost == {"witness"}
    run = state.run
    assert isinstance(run, entries.Resumed)
    assert "witness" not in run.signers
    assert state.closing is not None
    assert "witness" not in state.closing.signers
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("SET-10")
def test_a_transfer_is_ended_as_void_without_the_witness(prepared: Stage) -> None:
    given = editor.loss(prepared, ("witness",), OTHERS)
    shown, code = rehearsal.run(prepared, "void", *editor.register(prepared), "--reason", "the witness died", *given)
    assert code == 0, shown[-2000:]
    check_ended(prepared, "void")
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]
