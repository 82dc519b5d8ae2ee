"""What a child of the vault, and whatever a library of it does, ends with (REC-10); and what is waited for is said."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceremony.vault import protocol as p
from ceremony.vault.process import Helper, VaultLost
from tests import softhsm
from tests.vault.ptyvault import PIN, PtyVault, Told, alive, inside
from tests.vault.test_process import gone

LABEL, DIGITS = "vault one", "24681357"


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A token, seen through the module of shim.c."""
    made, _ = softhsm.make_token(tmp_path, LABEL, DIGITS, "97531864")
    monkeypatch.setenv("SOFTHSM2_CONF", str(made))
    softhsm.make_shim(tmp_path)
    return made


def faults(conf: Path, *lines: str) -> str:
    """What the module does from now on; its path."""
    conf.with_name(conf.name + ".faults").write_text("".join(f"{line}\n" for line in lines))
    return str(conf.with_name("shim.so"))


@pytest.fixture
def started() -> Iterator[list[Helper]]:
    made: list[Helper] = []
    yield made
    for helper in made:
        helper.kill()


def token(started: list[Helper], seconds: int = 60) -> Helper:
    nowhere, end = socket.socketpair()
    with nowhere, end:
        started.append(Helper("token", nowhere, seconds))
    started[-1].ask(p.Hello(), p.Ready)
    return started[-1]


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.control("REC-10")
@pytest.mark.parametrize("how", ["finish", "kill", "kill -9 of the child", "kill -9 of its keeper", "time limit"])
def test_what_a_library_forks_ends_with_the_child(conf: Path, started: list[Helper], how: str) -> None:
    helper = token(started, seconds=3 if how == "time limit" else 60)
    helper.ask(p.FindTokens(module=faults(conf, "fork", "alarm")), p.TokensFound)
    child = inside(helper.pid)
    (forked,) = children(child)
    if how.startswith("kill -9"):
        os.kill(child if how.endswith("child") else helper.pid, signal.SIGKILL)
    elif how != "time limit":
        getattr(helper, how)()
    assert gone(helper.pid, child, forked)


@pytest.mark.control("REC-10")
@pytest.mark.parametrize("fault", [("hang C_GetSlotList",), ("alarm", "hang C_GetSlotList")])
def test_the_time_limit_holds_whatever_a_library_does(conf: Path, started: list[Helper], fault: tuple[str, ...]) -> None:
    helper = token(started, seconds=2)
    began = time.monotonic()
    with pytest.raises(VaultLost, match="time limit"):
        helper.ask(p.FindTokens(module=faults(conf, *fault)), p.TokensFound)
    assert time.monotonic() - began < 5
    assert not alive(helper.pid)


@pytest.mark.control("REC-10")
def test_a_child_that_does_not_answer_is_ended_all_the_same(conf: Path, started: list[Helper]) -> None:
    helper = token(started)
    helper.send(p.FindTokens(module=faults(conf, "hang C_GetSlotList")))
    child = inside(helper.pid)
    helper.kill()
    assert not alive(helper.pid)
    assert not alive(child)


@pytest.mark.control("REC-10")
def test_what_is_waited_for_is_said_and_ctrl_c_leaves_it(conf: Path, tmp_path: Path) -> None:
    """Nothing happens at Ctrl-C before that: it was meant for something else."""
    with PtyVault(tmp_path) as screen:
        screen.ask("open_token", faults(conf, "hang C_Login"), LABEL, "")
        screen.type(PIN, DIGITS)
        screen.terminal.send("\x03")
        screen.wait("Waiting for the HSM to open its session. Ctrl-C ends it; nothing is lost.")
        began = time.monotonic()
        screen.terminal.send("\x03")
        with pytest.raises(
            Told, match=r"VaultLost: the HSM process was ended: it was waited for, and did not answer. What it had in memory"
        ):
            screen.answer()
        assert time.monotonic() - began < 3
        assert gone(screen.pids["hsm"])


def test_nothing_is_said_of_a_child_that_asks_a_person(conf: Path, tmp_path: Path) -> None:
    with PtyVault(tmp_path) as screen:
        screen.ask("open_token", faults(conf), LABEL, "")
        screen.wait(PIN)
        time.sleep(3.5)
        assert "Waiting" not in screen.rest()
        screen.terminal.send(DIGITS + "\r")
        assert screen.answer().label == LABEL


def test_what_a_library_prints_is_kept_from_the_screen(conf: Path, tmp_path: Path) -> None:
    with PtyVault(tmp_path) as screen:
        screen.ask("open_token", faults(conf, "print"), LABEL, "")
        screen.type(PIN, DIGITS)
        assert screen.answer().label == LABEL
        assert "PRINTED" not in screen.rest()
