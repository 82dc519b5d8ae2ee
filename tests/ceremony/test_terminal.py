"""The terminal: what a clumsy hand types, and what it must not do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pexpect
import pytest

from ceremony.base.data import Malformed
from ceremony.cast import ANSWERS, WAITS
from ceremony.cli import cold
from ceremony.record.state import State
from ceremony.screen.terminal import Stopped, Terminal
from ceremony.script import health, prepare, release
from ceremony.vault.process import VaultLost
from transfer.bitcoin.snapshot import Snapshot

STAKE = "All would begin again."


def typing(*lines: str | type[BaseException] | BaseException) -> Callable[[str], str]:
    """Somebody who types these lines, one at each prompt; an exception stands for what a key does."""
    left: Iterable[Any] = iter(lines)

    def read(prompt: str) -> str:
        sys.stdout.write(prompt)
        line = next(left)  # type: ignore[call-overload]
        if isinstance(line, str):
            return line
        raise line

    return read


def test_a_passphrase_typed_at_the_wrong_prompt_is_not_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(typing("correct horse battery staple", "")).enter("A1: sign.")
    assert "horse" not in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["\x00", "caf\udce9", UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid")])
def test_what_is_no_text_is_asked_again(typed: str | BaseException) -> None:
    assert Terminal(typing(typed, "A1")).ask("Who? ", "a position", "[A-Z][1-9]") == "A1"


@pytest.mark.parametrize("typed", ["A1 B3 administrator", "a1 b3 Administrator", "A1,b3, administrator", " a1  B3,administrator "])
def test_positions_and_roles_are_taken_as_people_write_them(typed: str) -> None:
    assert Terminal(typing(typed)).ask("Who? ", "positions", r"[A-I][1-9]( ([A-I][1-9]|administrator))*") == "A1 B3 administrator"


@pytest.mark.parametrize("typed", ["a1 x9x", "sign", "A1 B3 somebody", ","])
def test_nothing_else_is_made_of_what_people_write(typed: str) -> None:
    assert Terminal(typing(typed, "C2")).ask("Who? ", "a position", r"[A-I][1-9]( [A-I][1-9])*") == "C2"


def test_question_mark_explains_and_asks_again(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(typing("?", "SIGN ON", "sign", "SIGN")).word("SIGN", "Point of no return.")
    assert "Expected here: the word SIGN" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["q", EOFError])
def test_q_and_the_end_of_input_stop(key: Any) -> None:
    with pytest.raises(Stopped):
        Terminal(typing(key)).enter("go on?")


def test_ctrl_c_stops_at_once_where_nothing_is_at_stake() -> None:
    with pytest.raises(KeyboardInterrupt):
        Terminal(typing(KeyboardInterrupt)).enter("go on?")


@pytest.mark.control("GEN-14")
@pytest.mark.parametrize("key", ["q", KeyboardInterrupt, EOFError])
def test_what_cannot_be_resumed_is_not_stopped_by_one_key(key: Any, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal(typing(key, "", "?", "", key, KeyboardInterrupt, "", key, "STOP", key, EOFError))
    screen.screen(("key generation",), STAKE)
    screen.interrupted()  # between two prompts a signal is nobody's word
    for _ in range(2):  # Ctrl-C once more is no STOP
        screen.enter("go on?")
    shown = capsys.readouterr().out
    assert STAKE in shown
    assert "resumable" not in shown
    for _ in range(2):
        with pytest.raises(Stopped):
            screen.enter("go on?")


@pytest.mark.control("GEN-14")
@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device", "share"), VaultLost("the opener is gone.")])
def test_what_ends_the_one_sitting_says_that_it_is_void(trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold, "in_one_sitting", lambda _: True)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    room: Any = SimpleNamespace(screen=Terminal(typing()), state=None)

    def ended() -> None:
        raise trouble

    with pytest.raises(Malformed, match=r"(No space left on device|the opener is gone)[\s\S]*end it with `ceremony void`"):
        cold._interruptible(room, ended)


def test_who_is_here_is_a_position_also_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    room: Any = SimpleNamespace(screen=Terminal(typing("A1 witness")), state=State(()), given={"positions": "istr"})
    room.charter = SimpleNamespace(custodians=("A1", "A2"))
    assert health._here(room, with_staff=False) == ("A1", "witness")
    assert "Found istr, expected positions such as A1" in capsys.readouterr().out


def test_an_enter_from_before_the_question_agrees_to_nothing() -> None:
    code = (
        "import time; from ceremony.screen.terminal import Terminal; print('ready', flush=True); time.sleep(1); Terminal().enter('approve')"
    )
    child = pexpect.spawn(sys.executable, ["-c", code], timeout=20, env={"PATH": os.environ["PATH"], "TERM": "xterm"})
    child.expect("ready")
    child.send("\r\r\r")
    child.expect(r"\[Enter\] ")
    time.sleep(0.3)
    assert child.isalive()
    child.send("\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_machine_without_git_holds_ceremonies(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert release.commit() == "unknown"


@pytest.mark.parametrize("halves", ["yes", "no"])
def test_the_charter_says_whether_two_people_type_half_the_pin_each(halves: str) -> None:
    asked: list[tuple[str, ...]] = []
    hsm = SimpleNamespace(label="vault", serial="1")
    vault = SimpleNamespace(open_token=lambda *words: asked.append(words))
    room: Any = SimpleNamespace(path=lambda *_: "module.so", screen=Terminal(typing()), vault=vault)
    charter: Any = SimpleNamespace(hsm=hsm, pin_halves=halves)
    prepare._open_token(room, charter)
    assert asked == [("module.so", "vault", "1", halves)]


def test_a_payment_to_the_last_change_address_leaves_others() -> None:
    book: Any = SimpleNamespace(ceremonies=(), key_began=1)
    coins = (SimpleNamespace(path="1/9999"), SimpleNamespace(path="1/0"), SimpleNamespace(path="0/1"))
    found: Snapshot = SimpleNamespace(coins=coins)  # type: ignore[assignment]
    account: Any = None
    assert prepare._next_change(book, account, found) == 1


def test_the_cast_waits_at_every_prompt_that_it_knows() -> None:
    """It looks for a prompt once the screen ends like one: what it knows ends so, too."""
    assert [pattern for pattern, _ in ANSWERS if not WAITS.search(pattern[-2:])] == []
