"""A ceremony that nobody signed the beginning of was not begun: the next one takes its place, and keeps aside what lies there (AUD-11)."""

from __future__ import annotations

import json

import pytest

from ceremony import demonstration
from ceremony.base.data import canonical
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


VOID = {"outcome": "void", "reason": "given up", "signers": ["administrator", "witness"]}
LEFT = [("witness", "left", {"person": "A1"})]


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize(
    ("kind", "own", "behind"),
    [("transfer", "", LEFT), ("custody", "administrator", []), ("amend", "administrator", [("tool", "closed", VOID)])],
    ids=["by nobody", "by one of two", "and ended"],
)
def test_a_beginning_that_was_written_with_an_editor_is_none(authorized: Stage, kind: str, own: str, behind: list[editor.Forged]) -> None:
    """It has a key of its own, which signs its lines, and none of the others whom its script names has signed it."""
    head, register = editor.begin_ceremony(authorized, kind, *behind, own=own), editor.register(authorized)
    (authorized.folder / f"register/0002-{kind}/charter.json").write_bytes(b"{}")
    forged = editor.newest(authorized).read_bytes()
    assert [code for code, _ in editor.verifiers(authorized, head)] == [1, 1]
    for command in ("resume", "void"):
        more = ("--reason", "x") if command == "void" else ("--out", "outbound")
        shown, code = rehearsal.run(authorized, command, *register, *more)
        assert (code, "was not begun" in shown) == (2, True), shown
    shown, code = rehearsal.run(authorized, "shares", "check", *register, "--position", "A2", "--position", "B1")
    assert code == 0, shown[-2000:]
    assert sorted(path.name for path in (authorized.folder / "register").iterdir()) == ["0001-keygen", "0002-check"]
    aside = [path.read_bytes() for path in authorized.folder.glob("register/0002-check/aside-0-*.lines")]
    assert (aside, rehearsal.files(authorized).count("leftover")) == ([forged], 2)
    check_ended(authorized, "shares checked")
    assert editor.verifiers(authorized) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
def test_what_had_begun_is_not_taken_for_a_beginning_that_is_none(prepared: Stage) -> None:
    """Somebody who changes a signature of it by one bit cuts nothing off: the run's own key signed other lines."""
    path = editor.newest(prepared)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    blob = lines[2]["body"]["blob"]
    lines[2]["body"]["blob"] = blob[:-12] + ("A" if blob[-12] != "A" else "B") + blob[-11:]
    path.write_bytes(canonical(lines[0]))
    editor.append(path, *((line["actor"], line["type"], line["body"]) for line in lines[1:]))
    for command in (demonstration.transfer_command(prepared, "resume"), ("void", *editor.register(prepared), "--reason", "x")):
        shown, code = rehearsal.run(prepared, *command)
        assert (code, "AUT-03" in shown) == (1, True), shown


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
