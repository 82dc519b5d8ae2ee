"""A command that is broken off at its prompts: killed, hung up on, interrupted, typed at wrongly. No process and no key stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ceremony import demonstration
from ceremony.cast import Deed
from ceremony.demonstration import LABEL, Stage
from tests import softhsm
from tests.ceremony import rehearsal
from tests.ceremony.test_interruptions import KILLED, check_ended

PASSPHRASE = "B1, type your passphrase"
SIGN = "Type SIGN: "
SOON = 20
"""Seconds in which everything must be gone."""


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The vault's processes: children of the command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rsplit(")", 1)[1].split()[1]
            words = path.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == pid and b"ceremony.vault" in words:
            found.append(int(path.parent.name))
    return found


class Broken:
    """Breaks a command off in one way, and knows which processes there were."""

    def __init__(self, how: Callable[[Any], None]) -> None:
        self._how = how
        self.pids: list[int] = []

    def __call__(self, child: Any) -> None:
        vault = children(child.pid)
        assert len(vault) == 2, "opener and HSM process were there"
        self.pids = [child.pid, *vault]
        self._how(child)

    def check_gone(self) -> None:
        until = time.monotonic() + SOON
        while left := [pid for pid in self.pids if alive(pid)]:
            assert time.monotonic() < until, left
            time.sleep(0.05)


def killed(child: Any) -> None:
    os.kill(child.pid, signal.SIGKILL)


def hung_up(child: Any) -> None:
    """The window is closed: the terminal is gone, and nobody tells the processes in any other way."""
    child.ptyproc.fileobj.close()
    child.ptyproc.closed = child.closed = True


def ctrl_c(child: Any) -> None:
    child.send("\x03")


def objects_left(set_: Stage) -> str:
    """What another PKCS#11 program finds on the token, logged in."""
    done = subprocess.run(
        ["pkcs11-tool", "--module", softhsm.module(), "--token-label", LABEL, "--login", "--pin", set_.cast.pin, "-O"],
        env=dict(set_.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def broken_off(set_: Stage, prompt: str, how: Deed) -> tuple[str, int]:
    breaking = Broken(how)
    set_.cast.instead = [(prompt, breaking)]
    shown, code = rehearsal.run(set_, *demonstration.transfer_command(set_, "resume"))
    assert set_.cast.instead == [], shown[-2000:]
    breaking.check_gone()
    assert objects_left(set_) == ""
    return shown, code


@pytest.mark.control("REC-10")
def test_killed_hung_up_and_interrupted_at_a_passphrase_and_with_a_key_loaded(approved: Stage) -> None:
    """Each time the vault is gone, the HSM is empty, and the ceremony goes on; at the end as if nothing had been."""
    assert shutil.which("pkcs11-tool"), "Debian package opensc"
    _shown, code = broken_off(approved, PASSPHRASE, killed)
    assert code == KILLED
    broken_off(approved, PASSPHRASE, hung_up)
    shown, code = broken_off(approved, PASSPHRASE, ctrl_c)
    assert code == 130
    assert "Traceback" not in shown
    _shown, code = broken_off(approved, SIGN, killed)
    assert (code, rehearsal.types(approved)[-1]) == (KILLED, "imported")
    broken_off(approved, SIGN, hung_up)
    assert "signing" not in rehearsal.types(approved)
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(approved, "carried out")


CLUMSY = [
    ("administrator, PIN of the HSM", "31415926"),
    ("Who unlocks next", "nobody"),
    (r"B2, type your passphrase[^\r\n]*Enter: ", "the wrong words"),
    (SIGN, "sign"),
    (SIGN, "SIGN "),
    (r"A1: sign the adjournment\.", "yes"),
    ("Type CLOSE: ", "close"),
    ("Type CLOSE: ", "b"),
]
"""What somebody types first at these prompts, in the order of the ceremony (`SIGN ` is SIGN: blanks at the ends are dropped)."""


def test_a_clumsy_hand_is_told_and_asked_again(approved: Stage) -> None:
    approved.cast.instead = [(prompt, typed) for prompt, typed in CLUMSY]
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert (code, approved.cast.instead) == (0, []), shown[-2000:]
    assert "Traceback" not in shown
    assert "31415926" not in shown
    assert "the wrong words" not in shown
    assert shown.count("That is not what is asked for here.") == 4
    assert "Nothing to go back to here" in shown
    assert "the HSM did not take this PIN (2 tries left)" in shown
    check_ended(approved, "carried out")


def test_the_end_of_input_stops_and_nothing_is_lost(approved: Stage) -> None:
    approved.cast.instead = [("Who unlocks next", lambda child: child.sendeof())]
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert code == 130, shown[-2000:]
    assert rehearsal.types(approved)[-1] == "armed"
