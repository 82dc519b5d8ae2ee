"""Cut a ceremony off at every change that it makes on disk, and in the middle of each, and resume it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.ceremony import instants, rehearsal
from tests.ceremony.instants import Play

KILLED = 128 + 9


def vault_processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ceremony.vault" in words and os.getpid() in ancestors(int(path.parent.name)):
            found.append(path.parent.name)
    return found


def ancestors(pid: int) -> list[int]:
    chain = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
        chain.append(pid)
    return chain


def check_ended(set_: Stage, outcome: str) -> None:
    book = Register.open(set_.folder / "register")
    assert book.ceremonies[-1].state.closed is not None
    assert book.ceremonies[-1].state.closed.outcome == outcome
    verdict = verify(set_.folder / "register", book.genesis, book.head)
    assert verdict.anchored
    assert vault_processes() == []


def test_at_every_instant_of_prepare_and_transfer_a_complete_set_opens(prepare: Play, transfer: Play, tmp_path: Path) -> None:
    """Cut off before any change on disk, or within it: every share opens, the record verifies, and it goes on where it was; until SIGN it
    may end as void, from then on it cannot."""
    found = instants.check_all(prepare, tmp_path / "prepare", "carried out")
    assert found.keys() == {"goes on", "not begun", "at rest"}
    assert found["goes on"] > 50, found
    found = instants.check_all(transfer, tmp_path / "transfer", "carried out")
    assert found.keys() == {"goes on", "no return", "ends", "at rest"}
    assert min(found["goes on"], found["no return"]) > 50, found


IN_THE_SITTING = "torn:1 after:recovered after:signing torn:9 wiped:1 after:exported"
"""Where one run after the other is killed, each later than the one before: while shares are open, while it signs, while they are locked."""


def test_killed_at_every_kind_of_moment_of_the_sitting(approved: Stage) -> None:
    for run, moment in enumerate(IN_THE_SITTING.split()):
        words = (*demonstration.transfer_command(approved, "resume")[:-1], f"outbound-{run}")
        shown, code = rehearsal.run_broken(approved, moment if moment[0] == "t" else f"kill-{moment}", words)
        assert code == KILLED, (moment, shown[-2000:])
        assert vault_processes() == []
        if moment == "after:signing":
            shown, code = rehearsal.run(approved, "void", *words[1:5], "--reason", "we changed our minds")
            assert code == 1
            assert "BRD-06" in shown
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(approved, "carried out")
    media = [list((approved.folder / "custodians" / position).glob("*.sealed")) for position in approved.plot.here]
    assert [len(shares) for shares in media] == [1, 1, 1, 1]
    kept = [e["body"]["name"] for e in rehearsal.entries(approved) if e["type"] == "file" and e["body"]["kind"] == "torn"]  # type: ignore[index]
    assert len(kept) == 2


@pytest.mark.control("GEN-14")
def test_at_every_instant_of_key_generation_it_goes_on_or_is_void(keygen: Play, tmp_path: Path) -> None:
    """Up to the split nothing is lost; from the split to the last signature the sitting is void; then every share opens."""
    found = instants.check_all(keygen, tmp_path / "stage", "key record signed")
    assert found.keys() == {"nothing yet", "goes on", "void", "ends", "at rest"}
    assert min(found["goes on"], found["void"]) > 50, found


@pytest.mark.control("GEN-14")
def test_key_generation_cut_off_is_void_for_ever(founded: Stage, keygen: Play, tmp_path: Path) -> None:
    """Killed before its split it goes on, killed after it, it is void; what lies there then is what the play has at that change."""
    shown, code = rehearsal.run_broken(founded, "kill-after:import-path", demonstration.keygen_command(founded))
    assert code == KILLED, shown[-2000:]
    assert instants.of_stage(founded).kind == keygen.after_entry("import-path").kind
    shown, code = rehearsal.run_broken(founded, "kill-after:proven", demonstration.transfer_command(founded, "resume")[:-2])
    assert code == KILLED, shown[-2000:]
    assert instants.of_stage(founded).since("generated") == keygen.after_entry("proven").since("generated")
    shown, code = rehearsal.run(founded, *demonstration.transfer_command(founded, "resume")[:-2])
    assert code == 1
    assert "GEN-14" in shown
    words = ("void", *demonstration.transfer_command(founded)[1:5], "--reason", "cut off")
    shown, code = rehearsal.run(founded, *words)
    assert code == 0, shown[-2000:]
    assert "A1 number 1" in shown
    check_ended(founded, "void")
    for number, instant in enumerate((keygen.after_entry("vault-ended"), keygen.torn("register/0001-keygen/transcript", after="quorums"))):
        instants.end_for_real(keygen, instant, tmp_path / f"at-{number}", "void")
    instants.end_for_real(keygen, keygen.signed, tmp_path / "signed", "key record signed")
