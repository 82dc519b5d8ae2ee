"""A record that was cut with an editor, or put back as it was: `resume` and `void` refuse it; a form that others sign goes on (SET-10)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from tests.ceremony import editor, instants, rehearsal
from tests.ceremony.instants import Play
from tests.ceremony.test_interruptions import check_ended
from tests.ceremony.test_transfer import refused

NEWEST = (r"\S+, newest ceremony on your slips and notes \(0 if none\): ", "2")

SEALS = ("cfo", "cto", "witness")


def ways_on(set_: Stage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`resume` and `void`."""
    return (
        demonstration.transfer_command(set_, "resume"),
        ("void", *editor.register(set_), "--reason", "the machine stopped before SIGN"),
    )


@pytest.fixture
def cut(transfer: Play, tmp_path: Path) -> Stage:
    """The HSM has signed; then the power was cut, and somebody cut the record off before `signing`."""
    set_ = instants.staged(transfer, transfer.after_entry("hsm-signed"), tmp_path / "stage")
    editor.cut(editor.newest(set_), "signing")
    return set_


@pytest.mark.control("AUD-11")
@pytest.mark.control("SET-10")
def test_a_run_whose_signed_lines_were_cut_off_goes_on_by_a_form_alone(cut: Stage) -> None:
    for words in ways_on(cut):
        shown = refused(cut, "AUD-11", *words)
        assert "its signature is over none of its lines" in " ".join(shown.split())
    assert editor.verifiers(cut) == [(1, "AUD-11"), (1, "AUD-11")]
    given = editor.loss(cut, (), SEALS)
    shown, code = rehearsal.run(cut, *demonstration.transfer_command(cut, "resume"), *given)
    assert code == 0, shown[-2000:]
    check_ended(cut, "carried out")
    assert editor.verifiers(cut) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("SET-10")
def test_a_form_counts_with_all_its_signatures_and_for_the_record_that_it_names(cut: Stage) -> None:
    void = ways_on(cut)[1]
    with pytest.raises(Exception, match="SET-10"):
        editor.loss(cut, (), SEALS[:2])
    refused(cut, "SET-10", *void, "--loss", editor.FORM)
    for path in (cut.folder / "office").glob("loss.*"):
        path.unlink()
    given = editor.loss(cut, (), SEALS)
    editor.cut(editor.newest(cut), "recovered")
    refused(cut, "SET-10", *void, *given)


@pytest.mark.control("SET-10")
@pytest.mark.control("BRD-06")
def test_a_cut_transfer_that_is_voided_by_a_form_stays_a_claim(cut: Stage) -> None:
    shown, code = rehearsal.run(cut, *ways_on(cut)[1], *editor.loss(cut, (), SEALS))
    assert code == 0, shown[-2000:]
    check_ended(cut, "void")
    assert editor.verifiers(cut) == [(0, "VERIFIED"), (0, "VERIFIED")]
    (claim,) = editor.Register.open(cut.folder / "register").claims(0)
    assert (claim.void, claim.outstanding, len(claim.coins)) == (True, True, 2)


@pytest.mark.control("AUD-10")
def test_an_earlier_copy_of_the_ceremony_is_refused_by_what_the_witness_noted(approved: Stage, request: pytest.FixtureRequest) -> None:
    """The whole folder, with its runs' signatures, as it was before the room came; people noted where their run began."""
    prepared: Stage = request.getfixturevalue("_prepared")
    number, _words = approved.cast.noted["note"]
    assert int(number) > len(rehearsal.entries(prepared))
    folder = editor.newest(approved).parent
    shutil.rmtree(folder)
    shutil.copytree(editor.newest(prepared).parent, folder)
    before = editor.newest(approved).read_bytes()
    for words in ways_on(approved):
        shown = refused(approved, "AUD-10", *words)
        assert f"entry {number} with other words, on the note of witness" in " ".join(shown.split())
    assert editor.newest(approved).read_bytes() == before, "nothing is written over what may be put back"


@pytest.mark.control("AUD-10")
def test_a_ceremony_that_was_cut_back_to_its_opening_is_not_begun_again(transfer: Play, tmp_path: Path) -> None:
    """The HSM has signed; nothing is left that a run signed. The witness has a note of it, so it was begun."""
    set_ = instants.staged(transfer, transfer.after_entry("hsm-signed"), tmp_path / "stage")
    path = editor.newest(set_)
    editor.cut(path, "signature")
    for each in path.parent.glob("run-*"):
        each.unlink()
    before = path.read_bytes()
    assert [code for code, _ in editor.verifiers(set_)] == [3, 3], "it ends with the ceremony before"
    set_.cast.instead = [NEWEST] * 2
    refused(set_, "AUD-10", *demonstration.prepare_command(set_))
    assert path.read_bytes() == before


@pytest.mark.control("AUD-10", "ASM-04")
def test_a_number_and_a_watch_that_were_mistyped_are_asked_for_once_more(authorized: Stage) -> None:
    """Before the ceremony has a line: nothing of it is recorded, and what would have been right is not shown."""
    authorized.cast.instead = [*rehearsal.watches("2024-01-01T10:00:00Z", 1), NEWEST]
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert code == 0, shown[-2000:]
    said = " ".join(shown.split())
    assert "more than two minutes from the machine's clock, whichever of the two is wrong." in said
    assert "No ceremony of that number was begun in this register. Read the number once more." in said
    assert rehearsal.refusals(authorized) == []
    assert "2024-01-01" not in editor.newest(authorized).read_text()
