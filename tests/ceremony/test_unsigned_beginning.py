"""A ceremony that nobody signed the beginning of was not begun: the next one takes its place, and keeps aside what lies there (AUD-11)."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import editor, rehearsal
from tests.ceremony.test_interruptions import KILLED, check_ended

SIGNS = "administrator: sign the beginning"


@pytest.mark.control("AUD-11")
def test_a_beginning_that_is_stopped_or_killed_before_all_have_signed_it_is_none(authorized: Stage) -> None:
    words, register = demonstration.prepare_command(authorized), editor.register(authorized)
    head = Register.open(authorized.folder / "register").head
    authorized.cast.instead = [(SIGNS, "q")]
    shown, code = rehearsal.run(authorized, *words)
    assert (code, "Stopped before it began: nothing is recorded." in shown) == (130, True), shown
    for broken in ("kill:1", "kill:2", "torn:1", "kill-line:1", "kill-line:3"):
        _shown, code = rehearsal.run_broken(authorized, broken, words)
        assert code == KILLED
        book = Register.open(authorized.folder / "register")
        assert (len(book.ceremonies), book.head) == (1, head)
        assert book.unbegun is not None
    for command in ("resume", "void"):
        more = ("--reason", "x") if command == "void" else ("--out", "outbound")
        shown, code = rehearsal.run(authorized, command, *register, *more)
        assert (code, "was not begun" in shown) == (2, True), shown
    assert [code for code, _ in editor.verifiers(authorized)] == [3, 3]

    shown, code = rehearsal.run(authorized, "shares", "check", *register, "--position", "A2", "--position", "B1")
    assert code == 0, shown[-2000:]
    folders = sorted(path.name for path in (authorized.folder / "register").iterdir())
    assert folders == ["0001-keygen", "0002-check"]
    assert rehearsal.files(authorized).count("aside") == 6
    check_ended(authorized, "shares checked")
    assert editor.verifiers(authorized) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
def test_who_stops_at_the_note_stops_a_run_that_all_have_signed(authorized: Stage) -> None:
    authorized.cast.instead = [("Write that down, each of you", "q")]
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert (code, "Nothing is lost" in shown, "nothing is recorded" in shown) == (130, True, False), shown
    assert Register.open(authorized.folder / "register").unfinished is not None


@pytest.mark.control("AUD-11")
def test_the_first_ceremony_of_all_is_begun_anew(founded: Stage) -> None:
    words = demonstration.keygen_command(founded)
    for broken in ("kill-file:1", "kill-filed:1", "kill-file:2", "kill-filed:2", "torn:1", "kill:2"):
        _shown, code = rehearsal.run_broken(founded, broken, words)
        assert code == KILLED, broken
        if list(founded.folder.glob("register/0001-keygen/charter.json")):
            assert editor.verifiers(founded) == [(3, "INCOMPLETE")] * 2, broken
    founded.cast.instead = [(SIGNS, "q")]
    _shown, code = rehearsal.run(founded, *words)
    assert code == 130
    _shown, code = rehearsal.run_broken(founded, "kill-after:machine", words)
    assert code == KILLED
    book = Register.open(founded.folder / "register")
    assert [ceremony.number for ceremony in book.ceremonies] == [1]
    assert [code for code, _ in editor.verifiers(founded)] == [3, 3]
