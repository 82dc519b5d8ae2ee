"""Runs of the tool: each is signed at once by its people, and by its own key over its newest line (AUD-11)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.lines import sha256
from ceremony.record import entries, runs, scripts
from ceremony.record.transcript import NAME, Transcript
from ceremony.record.verify import verify
from tests.desk import ceremony
from tests.record import sample
from tests.record.sample import AGAIN, Anchor, Change, Entry, FastDesk, Play, Sample, Scribe, run_key
from tests.record.test_verify_rules import at, by, drop
from tests.record.test_verify_stock import run as stock

T = "transfer"
STRAY = entries.StrayDevice(finding="a device")


def refused(folder: Path, genesis: str, head: str, control: str) -> None:
    """By the command, with this control first."""
    done = ceremony("audit", "verify", folder, "--genesis", genesis, "--head", head)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    assert done.stderr.startswith(f"{control} "), done.stderr


def _again(scribe: Scribe, title: str) -> None:
    if scribe.kind == T and title == "Adjourn":
        scribe.add("tool", AGAIN)


def _resumed(**changes: Any) -> Callable[[Scribe, str], None]:
    """A later run of the transfer, whose first entry has these fields; those whom it names sign it."""

    def before(scribe: Scribe, title: str) -> None:
        if scribe.kind == T and title == "Adjourn":
            body = scribe.resume(**changes)
            if "run_key" in changes:
                scribe.transcript.key = run_key("2 1")
            scribe.add("tool", body)
            scribe.checkpoint("run", body.signers)

    return before


def between(actor: str, body: Any) -> Iterable[Entry]:
    return [("tool", STRAY), (actor, body)]


def test_two_runs_are_verified(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(before=_again))
    assert verify(made.register, made.genesis, made.head).said == "VERIFIED"
    assert (made.register / "0002-transfer" / "run-2.sig").exists()


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize(
    ("before", "change"),
    [
        (_again, lambda: drop(T, by("witness", "run"), 1)),
        (_again, lambda: at(T, by("witness", "run"), between, 1)),
        (_resumed(signers=("administrator",)), lambda: sample.unchanged),
        (_resumed(watches=()), lambda: sample.unchanged),
        (_resumed(run_key=run_key("2 1").public), lambda: sample.unchanged),
    ],
    ids=["signed by one", "something between", "one is named", "no watch", "one key for two runs"],
)
def test_a_run_that_is_not_begun_as_it_must(before: Callable[[Scribe, str], None], change: Callable[[], Change], tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(before=before, change=change()))
    refused(made.register, made.genesis, made.head, "AUD-11")


def _replayed(scribe: Scribe, title: str) -> None:
    """Another run begins; behind its first entry stand the signatures of the first run once more."""
    if scribe.kind == T and title == "Adjourn":
        first = [e for e in scribe.transcript.state.entries if e.line.type == "signature" and e.body.purpose == "run"]
        scribe.add("tool", scribe.resume())
        for entry in first:
            scribe.add(entry.actor, entry.body)


def _once_more(scribe: Scribe, title: str) -> None:
    """In the middle of a run somebody signs as if it began."""
    if scribe.kind == T and title == "Adjourn":
        scribe.checkpoint("run", ("witness",))


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("before", [_replayed, _once_more])
def test_who_begins_a_run_signs_its_first_entry_and_only_there(before: Callable[[Scribe, str], None], tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(before=before))
    refused(made.register, made.genesis, made.head, "AUD-11")
    done = stock(made.register, made.genesis, made.head)
    assert (done.returncode, done.stderr[:6]) == (1, "AUD-11"), done.stderr


@pytest.fixture(scope="module")
def open_(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    """A transfer is prepared, and goes on later."""
    return sample.unfinished(tmp_path_factory.mktemp("runs") / "register")


def _newest(folder: Path) -> list[bytes]:
    return (folder / NAME).read_bytes().splitlines(keepends=True)


def _lost(folder: Path) -> None:
    (folder / "run-1.sig").unlink()


def _behind(folder: Path) -> None:
    runs.sign(run_key("2 1"), folder, 1, _newest(folder)[-2])


def _by_another(folder: Path) -> None:
    runs.sign(run_key("another"), folder, 1, _newest(folder)[-1])


def _too_many(folder: Path) -> None:
    shutil.copy(folder / "run-1.sig", folder / "run-2.sig")


def _of_the_ceremony_before(folder: Path) -> None:
    shutil.copy(folder.parent / "0001-keygen" / "run-1.sig", folder / "run-1.sig")


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("damage", [_lost, _behind, _by_another, _too_many, _of_the_ceremony_before])
def test_the_signature_of_a_run_is_the_one_over_its_last_line(open_: Anchor, damage: Callable[[Path], None], tmp_path: Path) -> None:
    shutil.copytree(open_.register, tmp_path / "register")
    assert verify(tmp_path / "register", open_.genesis, open_.head).said == "INCOMPLETE"
    damage(tmp_path / "register" / "0002-transfer")
    refused(tmp_path / "register", open_.genesis, open_.head, "AUD-11")


@pytest.mark.control("AUD-11")
def test_a_line_that_the_run_did_not_sign_is_no_entry(open_: Anchor, tmp_path: Path) -> None:
    """Written by hand behind the run's last one: the chain is whole, and the head is its own."""
    shutil.copytree(open_.register, tmp_path / "register")
    folder = tmp_path / "register" / "0002-transfer"
    kept, prev = (folder / "run-1.sig").read_bytes(), sha256(_newest(folder.parent / "0001-keygen")[-1])
    transcript, _ = Transcript.open(folder, prev)
    transcript.append("tool", STRAY, transcript.state.entries[-1].line.time)
    (folder / "run-1.sig").write_bytes(kept)
    refused(tmp_path / "register", open_.genesis, transcript.head, "AUD-11")


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("signed", [(), ("administrator",)])
def test_a_first_run_that_not_all_signed_is_no_ceremony(signed: tuple[str, ...], tmp_path: Path) -> None:
    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        cut = isinstance(body, entries.Signature) and body.purpose == "run" and actor not in signed
        return [] if kind == "receipt" and (cut or isinstance(body, entries.File)) else [(actor, body)]

    (tmp_path / "register").mkdir()
    made = Sample(FastDesk(tmp_path), tmp_path / "register", Play(change=change))
    head = made.keygen()
    scribe = made.begin(2, "receipt", "receipt", head, "2026-11-20T15:00:00Z")
    (scribe.transcript.folder / scripts.NAME).unlink()
    done = ceremony("audit", "verify", made.folder, "--genesis", made.founding.digest, "--head", head)
    assert (done.returncode, done.stdout.splitlines()[0]) == (3, "INCOMPLETE"), done.stderr
    assert len(verify(made.folder, made.founding.digest, head).ceremonies) == 1
