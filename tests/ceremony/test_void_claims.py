"""A transfer that was voided may have signed before its record was cut: what it would have paid is not paid again unseen (BRD-06)."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import editor, rehearsal
from tests.ceremony.test_interruptions import KILLED, check_ended
from tests.ceremony.test_transfer import refused


def void(set_: Stage) -> None:
    shown, code = rehearsal.run(set_, "void", *editor.register(set_), "--reason", "given up")
    assert code == 0, shown[-2000:]
    check_ended(set_, "void")


def clear(set_: Stage) -> None:
    """The office takes the papers of the one before off its desk."""
    for name in ("authorization.*", "confirmation.*", "payee-slip.*"):
        for path in (set_.folder / "office").glob(name):
            path.unlink()


def judged(set_: Stage) -> tuple[str, int]:
    """What the officers see of the drafted authorization, with a copy of the register."""
    papers = ("--charter", "office/charter.json", "--policy", "office/policy.json", *editor.register(set_)[2:])
    shown, code = rehearsal.run(set_, "authorize", "show", "office/authorization.json", *papers, "--register", "register")
    return " ".join(shown.split()), code


@pytest.mark.control("BRD-06")
def test_a_transfer_that_is_voided_after_both_readers_agreed_stays_a_claim(prepared: Stage) -> None:
    void(prepared)
    (claim,) = Register.open(prepared.folder / "register").claims(0)
    assert (claim.void, claim.outstanding) == (True, True)
    clear(prepared)
    demonstration.authorize(prepared, "example-exchange:0.4 BTC")
    shown, code = judged(prepared)
    assert code == 1
    assert "transfer 2 (void after both readers agreed" in shown
    refused(prepared, "BRD-06", *demonstration.prepare_command(prepared))
    void(prepared)

    clear(prepared)
    demonstration.authorize(prepared, "example-exchange:0.4 BTC", replaces=claim.txid)
    shown, code = judged(prepared)
    assert code == 0, shown


@pytest.mark.control("BRD-06")
def test_a_transfer_that_is_voided_without_notes_is_named_by_the_next_authorization(authorized: Stage) -> None:
    """Its record shows no request, and nobody noted how long it was: the officers sign that they know of it."""
    _shown, code = rehearsal.run_broken(authorized, "kill-after:authorized", demonstration.prepare_command(authorized))
    assert code == KILLED
    authorized.cast.noted.clear()
    void(authorized)
    (claim,) = Register.open(authorized.folder / "register").claims(0)
    assert (claim.unsure, claim.outstanding) == (True, False)
    clear(authorized)
    demonstration.authorize(authorized, "example-exchange:0.4 BTC")
    refused(authorized, "BRD-06", *demonstration.prepare_command(authorized))  # drafted without the register, so it names none
    assert "does not name a voided transfer" in judged(authorized)[0]
    void(authorized)


@pytest.mark.control("BRD-06")
def test_a_transfer_that_is_voided_with_two_notes_before_there_was_a_request_holds_nothing(authorized: Stage) -> None:
    _shown, code = rehearsal.run_broken(authorized, "kill-after:authorized", demonstration.prepare_command(authorized))
    assert code == KILLED
    authorized.cast.instead = [(r"Who reads their note \([^)]*, or none\)\? ", "cfo")]
    void(authorized)
    assert Register.open(authorized.folder / "register").claims(0) == ()
