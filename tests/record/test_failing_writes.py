"""A medium that fails at one write of a ceremony (AUT-10): the process that saw it writes nothing more to the transcript, and what lies
on disk then is taken up again, ended, and verified by both verifiers."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pexpect
import pytest

from ceremony.base import files
from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.record import end, entries, scripts
from ceremony.record.register import Register
from ceremony.record.signers import NAMESPACES
from ceremony.record.transcript import NAME, Transcript
from ceremony.record.verify import verify
from ceremony.script import beginning, loop, remembered
from ceremony.script.room import utc_now
from tests.record import sample
from tests.record.sample import Anchor, FastDesk
from tests.record.test_verify_stock import run as stock

BROKEN = Path(__file__).parents[1] / "ceremony" / "broken.py"
STRAY = entries.StrayDevice(finding="usb 1-1 Some stick")
Fault = Callable[[int, bytes], None]
"""What a medium does with a write to an open file before it fails."""


def nothing(_descriptor: int, _raw: bytes) -> None:
    """None of it arrives."""


def half(descriptor: int, raw: bytes) -> None:
    os.write(descriptor, raw[: len(raw) // 2])


def all_but_the_newline(descriptor: int, raw: bytes) -> None:
    os.write(descriptor, raw[:-1])


def whole(descriptor: int, raw: bytes) -> None:
    os.write(descriptor, raw)


def zeroes(descriptor: int, raw: bytes) -> None:
    os.write(descriptor, bytes(len(raw)))


def a_block_of_zeroes_and_the_end(descriptor: int, raw: bytes) -> None:
    os.write(descriptor, bytes(len(raw) - 20) + raw[-20:])


FAULTS = (nothing, half, all_but_the_newline, whole, zeroes, a_block_of_zeroes_and_the_end)


class Failing:
    """Stands for `os` in base/files.py: the one write, or the one sync, that is named by its number fails, and no other."""

    def __init__(self, call: str, at: int, fault: Fault = nothing, number: int = errno.EIO) -> None:
        self.call, self.at, self.fault, self.number = call, at, fault, number
        self.counted = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _counts(self, call: str) -> bool:
        self.counted += call == self.call
        return call == self.call and self.counted == self.at

    def write(self, descriptor: int, raw: bytes) -> int:
        if self._counts("write"):
            self.fault(descriptor, bytes(raw))
            raise OSError(self.number, os.strerror(self.number))
        return os.write(descriptor, raw)

    def fsync(self, descriptor: int) -> None:
        if self._counts("fsync"):
            raise OSError(self.number, os.strerror(self.number))
        os.fsync(descriptor)


@contextmanager
def failing(fault: Failing) -> Iterator[Failing]:
    with patch.object(files, "os", fault):
        yield fault


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    """A transfer that is prepared; a line of it is torn, so that going on begins with entries."""
    anchor = sample.unfinished(tmp_path_factory.mktemp("failing") / "register")
    with (anchor.register / "0002-transfer" / NAME).open("ab") as file:
        file.write(b'{"actor":"tool","bo')
    return anchor


def copied(anchor: Anchor, folder: Path) -> Path:
    shutil.copytree(anchor.register, folder / "register")
    return folder / "register"


class Desk:
    """Takes the ceremony up and ends it, entry by entry, as `ceremony void` does; people answer at once, and sign."""

    def __init__(self, register: Path, folder: Path) -> None:
        self.register, self.desk = register, FastDesk(folder)

    @contextmanager
    def people(self) -> Iterator[None]:
        """They type the time that their watches show, have no note, and sign."""
        readings = tuple(entries.Reading(person=person, typed=utc_now()) for person in scripts.STAFF)
        with (
            patch.object(beginning, "_screen", lambda *_: None),
            patch.object(beginning, "_readings", lambda *_: readings),
            patch.object(beginning, "_sign", lambda room: self.sign(room.transcript, "run", room.statement())),
            patch.object(remembered, "notes", lambda *_, **__: ()),
            patch.object(remembered, "newest", lambda *_: 0),
        ):
            yield

    def begin(self, genesis: str) -> None:
        book = Register.open(self.register)
        with self.people():
            beginning.begin(book, self.register, "amend", "practice", genesis, {})

    def reopen(self) -> Transcript:
        book = Register.open(self.register)
        with self.people():
            return beginning.reopen(book, book.genesis, {}, signers=scripts.STAFF).transcript

    def sign(self, transcript: Transcript, purpose: Any, text: str, people: tuple[str, ...] = scripts.STAFF) -> None:
        for person in people:
            signed = self.desk.sign(person, text.encode(), NAMESPACES[purpose])
            body = entries.Signature(namespace=signed.namespace, purpose=purpose, text=text, blob=signed.blob)
            transcript.append(person, body, utc_now())

    def end(self) -> None:
        transcript = self.reopen()
        if transcript.state.closing is None:
            transcript.append("tool", entries.Closed(outcome="void", reason="the stick glitched", signers=scripts.STAFF), utc_now())
        book = Register.open(self.register)
        policy = book.last_policy
        said = end.of(book.ceremonies[-1], book.genesis, book.charter.digest, policy.digest if policy else None)
        self.sign(transcript, "end", said.text, transcript.state.unended)


def check_ended(anchor: Anchor, register: Path, *, by_both: bool = True) -> None:
    book = Register.open(register)
    assert verify(register, anchor.genesis, book.head).said == "VERIFIED"
    if not by_both:
        return
    done = stock(register, anchor.genesis, book.head)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "VERIFIED"), done.stderr


@pytest.mark.control("AUT-10")
@pytest.mark.parametrize("shift", range(3))
def test_each_write_that_fails_is_the_last_one_and_what_is_there_ends_and_verifies(unfinished: Anchor, tmp_path: Path, shift: int) -> None:
    """Every line and every signature of the run over it, from the beginning of the run to its end, whatever of it arrived."""
    with failing(Failing("write", 0)) as counted:
        Desk(copied(unfinished, tmp_path / "0"), tmp_path / "0").end()
    assert counted.counted > 12
    for at in range(1, counted.counted + 1):
        desk = Desk(copied(unfinished, tmp_path / str(at)), tmp_path / str(at))
        with failing(Failing("write", at, FAULTS[(at // 2 + 2 * shift) % 6])), pytest.raises(OSError, match="Input/output error") as told:
            desk.end()
        assert Path(told.value.filename).parent == desk.register / "0002-transfer"
        check_taken_up(unfinished, desk, by_both=at % 5 == 0)


@pytest.mark.control("AUT-10")
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_each_sync_that_fails_is_told_and_what_is_there_ends_and_verifies(unfinished: Anchor, tmp_path: Path, number: int) -> None:
    """Files and folders too: the torn line that is kept aside, and the folder that it lies in."""
    with failing(Failing("fsync", 0)) as counted:
        Desk(copied(unfinished, tmp_path / "0"), tmp_path / "0").end()
    for at in range(1, counted.counted + 1):
        desk = Desk(copied(unfinished, tmp_path / str(at)), tmp_path / str(at))
        with failing(Failing("fsync", at, number=number)), pytest.raises(OSError, match=os.strerror(number)):
            desk.end()
        check_taken_up(unfinished, desk, by_both=at % 9 == 0)


def check_taken_up(anchor: Anchor, desk: Desk, *, by_both: bool) -> None:
    """The next run ends it; unless the last signature of its end was there, whole."""
    if Register.open(desk.register).unfinished is not None:
        desk.end()
    check_ended(anchor, desk.register, by_both=by_both)


@pytest.mark.control("AUT-10")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_nothing_follows_what_failed_though_the_medium_works_again(unfinished: Anchor, tmp_path: Path, fault: Fault) -> None:
    """Neither what a step noted meanwhile, nor a refusal, nor the next entry: not one byte."""
    register = copied(unfinished, tmp_path)
    transcript = Desk(register, tmp_path).reopen()
    room: Any = SimpleNamespace(transcript=transcript, noted=[], clock=utc_now)

    def step() -> Iterator[tuple[str, Any]]:
        room.noted.extend([("tool", STRAY)] * 2)  # as a second bad stick would be
        yield ("A1", entries.Reviewed(request="ab" * 32))

    with failing(Failing("write", 1, fault)), pytest.raises(Refused, match="AUT-10") as told:
        loop.append_all(room, step())
    assert told.value.found == f"Input/output error, after entry {len(transcript.state.entries)}"
    assert "ceremony resume" in told.value.do
    left = (register / "0002-transfer" / NAME).read_bytes()
    with pytest.raises(Refused, match="AUT-10"):
        transcript.append("tool", STRAY, utc_now())
    assert (register / "0002-transfer" / NAME).read_bytes() == left


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\0" * 99 + b"\n", b'{"actor":"tool"\0\0\0\n', b"\0\0\0}\n", b"x", b'{"actor":"tool"}'])
def test_both_verifiers_take_such_a_tail_as_torn(tmp_path: Path, tail: bytes) -> None:
    anchor = sample.unfinished(tmp_path / "register")
    with (anchor.register / "0002-transfer" / NAME).open("ab") as file:
        file.write(tail)
    with pytest.raises(Refused, match="AUD-01 0002-transfer: the last line is torn"):
        verify(anchor.register, anchor.genesis)
    done = stock(anchor.register)
    assert (done.returncode, done.stderr[:7], done.stdout) == (1, "AUD-01 ", "")
    assert Register.open(anchor.register).ceremonies[-1].torn == tail


def test_zero_bytes_before_a_whole_line_are_not_torn_but_damage(tmp_path: Path) -> None:
    anchor = sample.unfinished(tmp_path / "register")
    path = anchor.register / "0002-transfer" / NAME
    *lines, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-1], bytes(len(lines[-1]) - 1) + b"\n", last]))
    with pytest.raises(Malformed, match="not a line of JSON"):
        Register.open(anchor.register)


# --- a folder that was begun -------------------------------------------------------------------------------------------------


FIRST = (*(("write", 1, fault) for fault in FAULTS), *(("fsync", at, nothing) for at in range(1, 7)))
"""The opening itself; the new folder's name, the script's bytes and name, the opening's sync, the transcript's name."""


@pytest.mark.parametrize("first", FIRST, ids=lambda first: f"{first[0]}-{first[1]}-{first[2].__name__}")
def test_a_ceremony_whose_first_writes_fail_is_begun_again(tmp_path: Path, first: tuple[str, int, Fault]) -> None:
    """In the same folder, which nobody has to remove; what lay there is kept aside."""
    anchor = sample.write(tmp_path / "register", receipt=False)
    desk = Desk(anchor.register, tmp_path)
    with failing(Failing(*first)), pytest.raises(OSError, match="Input/output error"):
        desk.begin(anchor.genesis)
    assert Register.open(anchor.register).unfinished is None
    desk.begin(anchor.genesis)
    desk.end()
    check_ended(anchor, anchor.register, by_both=False)


def test_a_new_folder_is_synced_in_the_one_that_holds_it(tmp_path: Path) -> None:
    synced: list[str] = []
    real = files.sync_folder
    with patch.object(files, "sync_folder", lambda folder: (synced.append(folder.name), real(folder))):
        files.make_folder(tmp_path / "a" / "b", parents=True)
        files.append_line(tmp_path / "a" / "b" / "lines", b"one\n")
        files.append_line(tmp_path / "a" / "b" / "lines", b"two\n")
    assert synced == [tmp_path.name, "a", "b"]
    assert (tmp_path / "a" / "b" / "lines").read_bytes() == b"one\ntwo\n"


# --- what nobody is told to remove -------------------------------------------------------------------------------------------


def lost_transcript(register: Path) -> None:
    (register / "0002-transfer" / NAME).unlink()


def zeroed_transcript(register: Path) -> None:
    path = register / "0002-transfer" / NAME
    path.write_bytes(bytes(path.stat().st_size))


def lost_charter(register: Path) -> None:
    (register / "0001-keygen" / "charter.json").unlink()


def hidden_folder(register: Path) -> None:
    (register / ".x").mkdir()


def hidden_file(register: Path) -> None:
    (register / ".DS_Store").write_bytes(b"")


def foreign_folder(register: Path) -> None:
    (register / "0000-photos").mkdir()


def foreign_last(register: Path) -> None:
    (register / "photos").mkdir()


def foreign_new(register: Path) -> None:
    (register / "0003-receipt").mkdir()
    (register / "0003-receipt" / "notes.txt").write_text("mine")


def foreign_inside(register: Path) -> None:
    (register / "0002-transfer" / "lost+found").mkdir()


FOREIGN = (
    lost_transcript,
    zeroed_transcript,
    lost_charter,
    hidden_folder,
    hidden_file,
    foreign_folder,
    foreign_last,
    foreign_new,
    foreign_inside,
)


@pytest.mark.parametrize("harm", FOREIGN, ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("command", [("resume",), ("void", "--reason", "cut off"), ("audit", "verify")], ids=lambda words: words[0])
def test_nobody_is_told_to_remove_what_is_hidden_foreign_or_not_empty(
    unfinished: Anchor, tmp_path: Path, harm: Callable[[Path], None], command: tuple[str, ...]
) -> None:
    register = copied(unfinished, tmp_path)
    harm(register)
    where = ("register",) if command[0] == "audit" else ("--register", "register")
    shown, code = at_terminal(tmp_path, "-m", "ceremony", *command, *where, "--genesis", unfinished.genesis)
    assert code in (1, 2), shown
    assert "Traceback" not in shown
    said = " ".join(shown.split()).lower()
    assert not any(word in said for word in ("remove", "delete", "take it away", "begin again")), shown
    assert "undamaged copy" in said or "keep it" in said, shown


# --- the real command --------------------------------------------------------------------------------------------------------


def at_terminal(folder: Path, *words: str) -> tuple[str, int]:
    """A command at a terminal. People type the time of their watches, have no notes, and stop when they are to sign."""
    child = pexpect.spawn(sys.executable, list(words), cwd=str(folder), encoding="utf-8", timeout=60, dimensions=(60, 140))
    asked = ("on your own watch: ", r"this ceremony \(or none\): ", r"Who reads their note .*\? ", r"sign the beginning\.", pexpect.EOF)
    shown = ""
    while True:
        at = child.expect(list(asked))
        shown += child.before or ""
        if at == len(asked) - 1:
            child.close()
            return shown, child.exitstatus or 0
        child.sendline((utc_now()[:16].replace("T", " "), "none", "none", "q")[at])
        shown += " ASKED TO SIGN " if at == 3 else ""


@pytest.mark.control("AUT-10")
def test_a_stick_that_glitches_under_the_command_leaves_what_the_next_one_takes_up(unfinished: Anchor, tmp_path: Path) -> None:
    """The first line of the new run is half there, run after run; then the stick is mended."""
    register = copied(unfinished, tmp_path)
    words = ("void", "--register", "register", "--genesis", unfinished.genesis, "--reason", "cut off")
    for _ in range(2):
        shown, code = at_terminal(tmp_path, str(BROKEN), "glitch:1", *words)
        assert code == 2, shown
        assert "The system refused: Input/output error (" in " ".join(shown.split()), shown
        assert Register.open(register).ceremonies[-1].torn
    shown, _ = at_terminal(tmp_path, "-m", "ceremony", *words)
    assert "ASKED TO SIGN" in shown
    desk = Desk(register, tmp_path)
    desk.end()
    check_ended(unfinished, register)
