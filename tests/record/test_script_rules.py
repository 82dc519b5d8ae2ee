"""Every transcript is held to the script that its first entry names, entry by entry (SET-01, SET-06, AUD-12)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries as E
from ceremony.record import scripts
from ceremony.record.rules import script
from ceremony.record.verify import verify
from tests.desk import ceremony
from tests.record import sample
from tests.record.sample import Change, Entry, Play
from tests.record.test_runs import _resumed, refused
from tests.record.test_verify_rules import at, drop, of
from tests.record.test_verify_stock import SCRIPT
from tests.record.test_verify_stock import run as stock

K, T, R = "keygen", "transfer", "receipt"
LOOKED = ("witness", E.RoomItem(item="sound", held="yes", note=""))


def also(*more: Entry) -> Callable[[str, Any], Iterable[Entry]]:
    """These entries stand behind the one that is there."""
    return lambda actor, body: [(actor, body), *more]


WRONG: dict[str, tuple[str, Callable[[], Change]]] = {
    "an entry that its step does not have": ("AUD-12", lambda: at(R, of(E.Sighting), also(LOOKED))),
    "an entry of a later step": ("AUD-12", lambda: drop(T, of(E.Step, number=5))),
    "an entry by somebody who does not write it": ("AUD-12", lambda: at(R, of(E.Sighting), also(("cfo", E.Left(person="witness"))))),
    "an entry of the tool by a person": ("AUD-12", lambda: at(R, of(E.Sighting), also(("witness", E.StrayDevice(finding="a stick"))))),
    "a step without what it must have": ("AUD-12", lambda: drop(T, of(E.ImportPath), 0)),
    "a step under another title": (
        "SET-06",
        lambda: at(T, of(E.Step, number=17), lambda a, b: [(a, replace(b, title="Closed"))]),
    ),
    "a step that the script does not have": (
        "SET-06",
        lambda: at(R, of(E.Step, number=2), also(("tool", E.Step(number=3, title="Close")))),
    ),
    "ended before its last step": ("SET-06", lambda: drop(T, of(E.Step, number=17))),
}


@pytest.mark.control("AUD-12", "SET-06")
@pytest.mark.parametrize("name", list(WRONG))
def test_a_transcript_that_leaves_its_script(name: str, tmp_path: Path) -> None:
    control, change = WRONG[name]
    made = sample.write(tmp_path / "register", Play(change=change()))
    refused(made.register, made.genesis, made.head, control)
    done = stock(made.register, made.genesis, made.head)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, control), done.stderr


def edited(raw: bytes) -> bytes:
    """Another script: closings may stand by the witness, too."""
    return raw.replace(b'"closed tool"', b'"closed tool witness"')


def of_another_script(name: str, raw: bytes) -> bytes:
    return edited(raw) if name == scripts.NAME else raw


@pytest.mark.control("SET-01")
def test_the_script_is_the_one_that_the_first_entry_names(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(file=of_another_script))
    refused(made.register, made.genesis, made.head, "SET-01")
    done = stock(made.register, made.genesis, made.head)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, "SET-01"), done.stderr


@pytest.mark.control("SET-01")
def test_a_later_run_goes_on_by_the_same_script(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(before=_resumed(script="ab" * 32)))
    refused(made.register, made.genesis, made.head, "SET-01")


@pytest.mark.control("SET-01")
def test_a_script_that_was_never_released_holds_nobody(tmp_path: Path) -> None:
    """Both verifiers say so, and neither says VERIFIED."""

    def change(_kind: str, actor: str, body: Any) -> Iterable[Entry]:
        ours = isinstance(body, E.Opened)
        return [(actor, replace(body, script=sha256(edited(dump(scripts.current(body.kind))))) if ours else body)]

    made = sample.write(tmp_path / "register", Play(change=change, file=of_another_script))
    verdict = verify(made.register, made.genesis, made.head)
    assert (verdict.said, verdict.code, verdict.anchored) == ("NOT HELD TO A SCRIPT", 3, None)
    done = ceremony("audit", "verify", made.register, "--genesis", made.genesis, "--head", made.head)
    assert (done.returncode, done.stdout.splitlines()[0]) == (3, "NOT HELD TO A SCRIPT")
    done = stock(made.register, made.genesis, made.head)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "NOT HELD TO A SCRIPT"), done.stderr


@pytest.mark.control("STO-05")
def test_no_share_is_locked_under_a_weaker_profile_than_its_script_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a script that asks practice for more than a light one; both verifiers are told, in this test alone, that it was released."""
    ours, current = scripts.current(K), scripts.current
    stricter = replace(ours, kdf_floor={"practice": "standard", "production": "standard"})
    monkeypatch.setattr(scripts, "current", lambda kind: stricter if kind == K else current(kind))
    monkeypatch.setattr(script, "RELEASED", {**scripts.RELEASED, stricter.digest: scripts.RELEASED[ours.digest]})
    made = sample.write(tmp_path / "register")
    refused(made.register, made.genesis, made.head, "STO-05")
    for each in (SCRIPT, SCRIPT.with_name("facts.jq"), SCRIPT.with_name("comparisons.jq")):
        (tmp_path / each.name).write_text(each.read_text().replace(ours.digest, stricter.digest))
    command = ["dash", tmp_path / SCRIPT.name, made.register, made.genesis, made.head]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, "STO-05"), done.stderr
