"""What can break in a room while people are in it: files cut off, a full disk, a vault process or the HSM gone. Each time the
ceremony goes on where it stood, and nothing of it is left running."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import rehearsal
from tests.ceremony.test_interruptions import KILLED, check_ended, vault_processes
from tests.softhsm import make_shim


def resume(set_: Stage, out: str = "outbound") -> tuple[str, ...]:
    return (*demonstration.transfer_command(set_, "resume")[:-1], out)


def carried_out(set_: Stage, words: Sequence[str]) -> None:
    shown, code = rehearsal.run(set_, *words)
    assert code == 0, shown[-2000:]
    check_ended(set_, "carried out")


def done(set_: Stage) -> int:
    """How many entries it has but for those of the beginnings of runs."""
    found = [e for e in rehearsal.entries(set_) if e["type"] != "resumed" and e["body"].get("purpose") != "run"]  # type: ignore[attr-defined]
    return len([e for e in found if e["type"] != "file" or e["body"]["kind"] not in ("aside", "torn", "leftover")])  # type: ignore[index]


def cut_off_at_each_file(set_: Stage, words: Sequence[str]) -> int:
    """Killed at one file, resumed and killed at the next one, until the command ends: half of them half-written, half whole and
    not yet in the transcript. How often. The outbound bundle is begun anew each time: there each run goes one file further."""
    at, kills, recorded = 1, 0, 0
    while True:
        shown, code = rehearsal.run_broken(set_, f"{'kill-filed' if kills % 2 else 'kill-file'}:{at}", words)
        book = Register.open(set_.folder / "register")
        if code == 0 or (len(book.ceremonies) > 1 and book.unfinished is None):
            return kills
        assert code == KILLED, shown[-2000:]
        assert vault_processes() == []
        kills += 1
        at, recorded = (2 if done(set_) > recorded else at + 1), done(set_)
        words = resume(set_, f"outbound-{kills}") if book.unfinished is not None else words


@pytest.mark.long
def test_cut_off_at_each_file_of_a_transfer(authorized: Stage) -> None:
    """Documents, request, transaction, every sealed share, and every file that leaves."""
    assert cut_off_at_each_file(authorized, demonstration.prepare_command(authorized)) >= 5 + len(authorized.plot.here) + 5
    check_ended(authorized, "carried out")
    media = [list((authorized.folder / "custodians" / position).glob("*.sealed")) for position in authorized.plot.here]
    assert [len(shares) for shares in media] == [1] * len(authorized.plot.here)


@pytest.mark.parametrize(("fault", "said"), [("full", "No space left on device"), ("read-only", "Read-only file system")])
@pytest.mark.parametrize("write", [1, 9, 18])
def test_a_disk_that_takes_nothing_is_told_and_nothing_half_written_counts(approved: Stage, fault: str, said: str, write: int) -> None:
    shown, code = rehearsal.run_broken(approved, f"{fault}:{write}", resume(approved))
    assert code == 2, shown[-2000:]
    assert said in " ".join(shown.split())
    assert "Traceback" not in shown
    assert vault_processes() == []
    carried_out(approved, resume(approved, "outbound-2"))


@pytest.mark.parametrize(("child", "kind"), [("opener", "armed"), ("hsm", "recovered"), ("opener", "signing"), ("hsm", "signing")])
def test_a_vault_process_that_is_gone_is_told(approved: Stage, child: str, kind: str) -> None:
    shown, code = rehearsal.run_broken(approved, f"lose-{child}:{kind}", resume(approved))
    assert code in (1, 2), shown[-2000:]
    assert "Traceback" not in shown
    assert "resume" in shown
    assert vault_processes() == []
    carried_out(approved, resume(approved))


@pytest.mark.parametrize("kind", ["hsm", "armed", "signing", "hsm-signed"])
def test_an_unplugged_hsm_is_told_and_may_be_plugged_in_again(approved: Stage, kind: str) -> None:
    words = list(resume(approved))
    words[words.index("--module") + 1] = make_shim(approved.folder)
    shown, code = rehearsal.run_broken(approved, f"unplugged:{kind}", words)
    assert code in (1, 2), shown[-2000:]
    assert "Traceback" not in shown
    assert "removed" in shown.lower()
    assert vault_processes() == []
    (approved.folder / "hsm" / "softhsm2.conf.faults").unlink()
    carried_out(approved, resume(approved))


@pytest.mark.long
def test_a_receipt_that_is_killed_after_every_entry_closes_the_transfer_once(carried_out: Stage) -> None:
    demonstration.broadcast(carried_out)
    demonstration.mine(carried_out)
    *looked, words = demonstration.receipt_commands(carried_out)
    carried_out.act("Receipts", *looked)
    resumed = ("resume", *demonstration.transfer_command(carried_out)[1:5])
    kills = 0
    while kills == 0 or Register.open(carried_out.folder / "register").unfinished is not None:
        shown, code = rehearsal.run_broken(carried_out, "kill:4", words)  # behind the beginning of each run one entry further
        assert code in (0, KILLED), shown[-2000:]
        kills, words = kills + 1, resumed
    assert kills > 6
    assert rehearsal.types(carried_out).count("sighting") == 1
    check_ended(carried_out, "receipt")


@pytest.mark.parametrize(
    ("out", "said"),
    [("nowhere/outbound", "its folder is not there"), ("register/outbound", "lies in the register"), ("office", "is there already")],
)
def test_where_no_bundle_can_lie_is_told_before_anybody_is_asked(prepared: Stage, out: str, said: str) -> None:
    before = rehearsal.types(prepared)
    for command in ("transfer", "resume"):
        shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared, command)[:-1], out)
        assert (code, said in " ".join(shown.split())) == (2, True), shown
        assert "Room" not in shown
        assert "watch" not in shown
    assert rehearsal.types(prepared) == before
