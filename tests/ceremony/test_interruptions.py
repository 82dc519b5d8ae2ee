"""Kill a ceremony after every entry, and in the middle of writing one, and resume it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.control import Refused
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from ceremony.record.state import State
from ceremony.record.verify import verify
from ceremony.script.generate import check_one_sitting
from ceremony.script.table import number_of
from tests.ceremony import rehearsal

KILLED = 128 + 9
BEFORE_THE_VAULT = {
    str(number_of("transfer", run) - 1) for run in ("prepare:machine", "sitting:unlock", "sitting:sign", "sitting:lock_again")
}
"""Done when a step with the vault begins."""
BEFORE_THE_KEY = {str(number_of("keygen", run) - 1) for run in ("prepare:machine", "generate:generate")}


def last_step(set_: Stage) -> str:
    done = [e["body"]["number"] for e in rehearsal.entries(set_) if e["type"] == "step"]  # type: ignore[index]
    return done[-1] if done else "0"


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


def killed_at_each_entry(set_: Stage, command: tuple[str, ...], fault: str, until: str) -> int:
    """Run and kill, then resume and kill again, always one entry further, until step `until` is done. How often it was killed.

    Most steps go on where they were cut off: one new entry in each run, behind the entry that tells of the interruption. A
    step with the vault begins again with its first entry: there each run goes one entry further than the one before."""
    kills, further = 0, 1
    while True:
        begun = bool(list(set_.folder.glob("register/*-transfer/transcript.jsonl")))
        if begun and int(last_step(set_)) >= int(until):
            return kills
        words = demonstration.transfer_command(set_, "resume") if begun else command
        before = last_step(set_)
        shown, code = rehearsal.run_broken(set_, f"{fault}:{further}", words)
        assert code in (0, KILLED), shown[-2000:]
        kills += code == KILLED
        if before in BEFORE_THE_VAULT and last_step(set_) in BEFORE_THE_VAULT:
            further += 1
        else:
            further = 1 if rehearsal.types(set_)[-1] == "step" else 2


def test_killed_after_every_entry_of_prepare_and_of_the_room(authorized: Stage) -> None:
    kills = killed_at_each_entry(
        authorized, demonstration.prepare_command(authorized), "kill", str(number_of("transfer", "review:approvals"))
    )
    assert kills > 40
    demonstration.transfer_command(authorized)
    shown, code = rehearsal.run(authorized, *demonstration.transfer_command(authorized, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(authorized, "carried out")


IN_THE_SITTING = (
    "vault hsm import-path armed unlocked step recovered imported signing hsm-signed absent file checked step "
    "resumed armed unlocked sealing proven removed vault-ended step signature step exported signature step"
)
"""Types of entries, in an order in which each of them is the last one of a run that was killed."""


def test_killed_after_every_kind_of_entry_of_the_sitting(approved: Stage) -> None:
    for run, kind in enumerate(IN_THE_SITTING.split()):
        words = (*demonstration.transfer_command(approved, "resume")[:-1], f"outbound-{run}")
        shown, code = rehearsal.run_broken(approved, f"kill-after:{kind}", words)
        assert (code, rehearsal.types(approved)[-1]) == (KILLED, kind), shown[-2000:]
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(approved, "carried out")
    media = [list((approved.folder / "custodians" / position).glob("*.sealed")) for position in approved.plot.here]
    assert [len(shares) for shares in media] == [1, 1, 1, 1]


def test_torn_in_the_middle_of_an_entry(approved: Stage) -> None:
    for at in (1, 4, 9, 14):
        _shown, code = rehearsal.run_broken(approved, f"torn:{at}", demonstration.transfer_command(approved, "resume"))
        assert code == KILLED
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(approved, "carried out")
    kept = [e["body"]["name"] for e in rehearsal.entries(approved) if e["type"] == "file" and e["body"]["kind"] == "torn"]  # type: ignore[index]
    assert len(kept) == 4


@pytest.mark.control("GEN-14")
@pytest.mark.parametrize("entry", ["generated", "sealing", "proven", "quorums", "vault-ended"])
def test_key_generation_cut_off_is_void_for_ever(founded: Stage, entry: str) -> None:
    _shown, code = rehearsal.run_broken(founded, f"kill-after:{entry}", demonstration.keygen_command(founded))
    assert code == KILLED
    assert "key-record" in [e["body"]["kind"] for e in rehearsal.entries(founded) if e["type"] == "file"]  # type: ignore[index]
    shown, code = rehearsal.run(founded, *demonstration.transfer_command(founded, "resume")[:-2])
    assert (code, shown.split()[-0:] != []) == (1, True)
    assert "GEN-14" in shown
    sealed = [e["body"]["position"] for e in rehearsal.entries(founded) if e["type"] == "sealing"]  # type: ignore[index]
    words = ("void", *demonstration.transfer_command(founded)[1:5], "--reason", "cut off")
    shown, code = rehearsal.run(founded, *words)
    assert code == 0, shown[-2000:]
    assert all(position in shown for position in sealed)
    check_ended(founded, "void")


@pytest.mark.control("BRD-06")
def test_a_ceremony_that_may_have_signed_cannot_be_void(approved: Stage) -> None:
    further = 10
    while "signing" not in rehearsal.types(approved):
        rehearsal.run_broken(approved, f"kill:{further}", demonstration.transfer_command(approved, "resume"))
        further += 1
    words = ("void", *demonstration.transfer_command(approved)[1:5], "--reason", "we changed our minds")
    shown, code = rehearsal.run(approved, *words)
    assert code == 1
    assert "BRD-06" in shown


def listed(set_: Stage) -> list[str]:
    """The kinds of files that the newest ceremony lists."""
    return [e["body"]["kind"] for e in rehearsal.entries(set_) if e["type"] == "file"]  # type: ignore[index]


@pytest.mark.control("GEN-14")
def test_killed_after_every_entry_of_key_generation_until_its_split(founded: Stage) -> None:
    """Up to the split nothing is lost; from the split on the sitting is void."""
    words, further, kills, before = demonstration.keygen_command(founded), 1, 0, "0"
    while True:
        shown, code = rehearsal.run_broken(founded, f"kill:{further}", words)
        assert code == KILLED, shown[-2000:]
        kills, words = kills + 1, demonstration.transfer_command(founded, "resume")[:-2]
        if "key-record" in listed(founded):
            break
        stuck = before in BEFORE_THE_KEY and last_step(founded) == before
        further = further + 1 if stuck else 1 if rehearsal.types(founded)[-1] == "step" else 2
        before = last_step(founded)
    assert kills > 35
    shown, code = rehearsal.run(founded, *words)
    assert code == 1
    assert "GEN-14" in shown


@pytest.mark.control("GEN-14")
def test_cut_off_after_every_entry_from_the_split_to_the_last_signature(authorized: Stage) -> None:
    """What a kill leaves on disk is the transcript up to that entry: at each of them the sitting is void."""
    state = Register.open(authorized.folder / "register").ceremonies[0].state
    split = next(at for at, e in enumerate(state.entries) if getattr(e.body, "kind", "") == "key-record")
    signed = next(at for at, e in enumerate(state.entries) if getattr(e.body, "title", "") == "Sign the key record")
    assert signed - split > 25
    check_one_sitting(State(state.entries[:split]))
    for count in range(split + 1, signed + 1):
        with pytest.raises(Refused, match="GEN-14"):
            check_one_sitting(State(state.entries[:count]))
    check_one_sitting(State(state.entries[: signed + 1]))
