"""Lines that somebody writes with an editor behind those of a run that was cut off: they are no entries (AUD-11)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from tests.ceremony import editor, instants, rehearsal
from tests.ceremony.instants import Play
from tests.ceremony.test_interruptions import KILLED, check_ended

ROOM = ("recorders", "windows", "access", "power", "emissions", "sound")


def kept_aside(set_: Stage) -> list[bytes]:
    """What lies in the files that the newest ceremony lists as lines kept aside."""
    found = [e["body"]["name"] for e in rehearsal.entries(set_) if e["type"] == "file" and e["body"]["kind"] == "aside"]  # type: ignore[index]
    return [(editor.newest(set_).parent / str(name)).read_bytes() for name in found]


@pytest.mark.control("AUD-11")
def test_lines_that_an_editor_appends_after_a_power_cut_are_kept_aside(transfer: Play, tmp_path: Path) -> None:
    """In other people's names, before the transcript is closed: no verifier takes them, and no slip is printed over them."""
    before_close = next(each for each in transfer.instants if not each.torn and b'"Bundle and QR"' in each.entries[-1])
    set_ = instants.staged(transfer, before_close, tmp_path / "stage")
    path = editor.newest(set_)
    head = editor.append(path, ("witness", "left", {"person": "A1"}))
    assert editor.verifiers(set_, head) == [(1, "AUD-11"), (1, "AUD-11")]
    removed = {"position": "A1", "number": "1", "medium": "the spare stick", "tool": "shredder", "how": "cut into pieces"}
    item = next(e["body"] for e in rehearsal.entries(set_) if e["type"] == "room-item")
    head = editor.append(
        path,
        ("A1", "removed", removed),
        ("witness", "room-item", dict(item, note="looked at once more")),  # type: ignore[call-overload]
        ("C1", "present", {"factors": ["signing key file", "recognised by the witness"]}),
    )
    made_up = path.read_bytes().splitlines(keepends=True)[-4:]
    assert editor.verifiers(set_, head) == [(1, "AUD-12"), (1, "AUD-12")], "in a step that has none of them"
    assert not list(set_.folder.glob("slips/slip-0002-*"))

    shown, code = rehearsal.run_broken(set_, "kill-after:closed", demonstration.transfer_command(set_, "resume"))
    assert code == KILLED, shown[-2000:]
    assert kept_aside(set_) == [b"".join(made_up)], "listed before anything else is done"
    assert not list(set_.folder.glob("slips/slip-0002-*"))
    shown, code = rehearsal.run(set_, *demonstration.transfer_command(set_, "resume"))
    assert code == 0, shown[-2000:]
    assert list(set_.folder.glob("slips/slip-0002-*"))
    lines = path.read_bytes().splitlines(keepends=True)
    assert not set(made_up) & set(lines)
    assert not [e for e in map(json.loads, lines) if e["type"] == "present" and e["actor"] == "C1"]
    check_ended(set_, "carried out")
    assert editor.verifiers(set_) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("line", [b"mine\n", b'{"type":"closed"}\n', b"{}\n\n", b"\xff" * 9000 + b"\n"])
def test_lines_that_nobody_can_read_keep_nobody_from_going_on(prepared: Stage, line: bytes) -> None:
    path = editor.newest(prepared)
    before = path.read_bytes()
    path.write_bytes(before + line + b"more")
    assert [code for code, _ in editor.verifiers(prepared, "ab" * 32)] == [1, 1]
    shown, code = rehearsal.run(prepared, "void", *editor.register(prepared), "--reason", "somebody wrote into it")
    assert code == 0, shown[-2000:]
    assert path.read_bytes().startswith(before)
    (kept,) = (e["body"]["name"] for e in rehearsal.entries(prepared) if e["type"] == "file" and e["body"]["kind"] == "torn")  # type: ignore[index]
    assert (path.parent / str(kept)).read_bytes() == line + b"more"
    check_ended(prepared, "void")
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
def test_a_line_behind_a_run_that_was_cut_off_as_it_began_goes_aside_with_it(prepared: Stage) -> None:
    """The second of its people's signatures was on disk, and its key had not signed that one."""
    count = len(rehearsal.entries(prepared))
    _shown, code = rehearsal.run_broken(prepared, "kill-line:3", demonstration.transfer_command(prepared))
    assert code == KILLED
    editor.append(editor.newest(prepared), ("A1", "present", {"factors": ["recognised by the witness"]}))
    shown, code = rehearsal.run(prepared, "void", *editor.register(prepared), "--reason", "given up")
    assert code == 0, shown[-2000:]
    assert rehearsal.entries(prepared)[count]["body"]["run"] == "2"  # type: ignore[index]
    assert [len(aside.splitlines()) for aside in kept_aside(prepared)] == [4]
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


def room_of() -> list[editor.Forged]:
    """The room was looked at, and nobody was in it."""
    items: list[editor.Forged] = [("witness", "room-item", {"item": item, "held": "yes", "note": ""}) for item in ROOM]
    return [*items, ("tool", "step", {"number": "4", "title": "Room"})]


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize(
    "how", [{}, {"blob": editor.NOBODYS}, {"signers": ("witness",)}], ids=["replayed", "none of theirs", "one is named"]
)
def test_a_run_that_was_written_with_an_editor_is_none(prepared: Stage, how: dict[str, Any]) -> None:
    """It has a key of its own, which signs its lines; nobody whom it names has signed it, or they signed another one."""
    before = editor.newest(prepared).read_bytes()
    head = editor.begin_run(prepared, *room_of(), **how)
    assert [code for code, _ in editor.verifiers(prepared, head)] == [1, 1]
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert code == 0, shown[-2000:]
    assert "step 4 of 17" in shown, "the witness looks at the room"
    assert editor.newest(prepared).read_bytes().startswith(before)
    assert [aside.count(b'"room-item"') for aside in kept_aside(prepared)] == [len(ROOM)]
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
def test_signatures_of_runs_that_are_none_are_kept_aside(prepared: Stage) -> None:
    """Two runs that were written with an editor, and the signature of a third of which there is no line."""
    for _ in range(2):
        editor.begin_run(prepared)
    folder = editor.newest(prepared).parent
    (folder / "run-7.sig").write_bytes((folder / "run-1.sig").read_bytes())
    shown, code = rehearsal.run(prepared, "void", *editor.register(prepared), "--reason", "somebody wrote into it")
    assert code == 0, shown[-2000:]
    assert rehearsal.files(prepared).count("leftover") == 2
    assert sorted(path.name for path in folder.glob("run-*.sig")) == ["run-1.sig", "run-2.sig"]
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
def test_a_room_that_was_written_with_an_editor_is_looked_at_all_the_same(prepared: Stage) -> None:
    time = str(rehearsal.entries(prepared)[-1]["time"])
    forged = room_of()
    forged += [(person, "watch", {"typed": f"{time[:16]}:00Z"}) for person in ("witness", "A1")]
    forged += [("tool", "clock", {"machine": time})]
    forged += [(person, "slip-read", {"ceremony": "1", "places": ["2", "5"]}) for person in ("witness", "A1")]
    forged += [("tool", "step", {"number": "5", "title": "Clock and closing slips"})]
    head = editor.append(editor.newest(prepared), *forged)
    assert editor.verifiers(prepared, head) == [(1, "AUD-11"), (1, "AUD-11")]
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert code == 0, shown[-2000:]
    assert "step 4 of 17" in shown, "the witness looks at the room"
    assert [len(aside.splitlines()) for aside in kept_aside(prepared)] == [len(forged)]
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("instead", [b"", b"mine\n"], ids=["cut off", "made unreadable"])
def test_a_run_that_is_gone_whole_is_not_gone_on_without(prepared: Stage, instead: bytes) -> None:
    """Its signature lies there, and none of its lines: neither `resume` nor `void` goes on, but by a form that others sign."""
    path = editor.newest(prepared)
    before = path.read_bytes()
    _shown, code = rehearsal.run_broken(prepared, "kill-after:present", demonstration.transfer_command(prepared))
    assert code == KILLED
    path.write_bytes(before + instead + path.read_bytes()[len(before) :] * bool(instead))
    for command in (demonstration.transfer_command(prepared, "resume"), ("void", *editor.register(prepared), "--reason", "x")):
        shown, code = rehearsal.run(prepared, *command)
        assert (code, "AUD-11" in shown, "run-2.sig" in shown) == (1, True, True), shown
    form = editor.loss(prepared, (), ("cfo", "cto", "witness"))
    shown, code = rehearsal.run(prepared, "void", *editor.register(prepared), "--reason", "a run is gone", *form)
    assert code == 0, shown[-2000:]
    assert rehearsal.files(prepared).count("leftover") == 1
    check_ended(prepared, "void")
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]
