"""The end of a ceremony: signed by those whom its script names, it says what counts from then on (AUD-02)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.data import canonical
from ceremony.record import entries
from ceremony.record.verify import verify
from tests.desk import ceremony
from tests.record import sample, tamper
from tests.record.amended import Office
from tests.record.sample import Change, Entry, Play
from tests.record.test_runs import refused
from tests.record.test_verify_rules import at, by, drop, of, put, signed
from tests.record.test_verify_stock import run as stock

R = "receipt"


@pytest.mark.control("AUD-02")
@pytest.mark.parametrize("missing", ["administrator", "witness"])
def test_an_end_that_not_all_signed_is_none(missing: str, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(change=drop(R, by(missing, "end"))))
    verdict = verify(made.register, made.genesis, made.head)
    assert (verdict.said, verdict.code, verdict.anchored) == ("INCOMPLETE", 3, None)
    assert verdict.ceremonies[-1].outcome == "unfinished"
    assert any(f"its end waits for {missing}" in note for note in verdict.notes)
    done = ceremony("audit", "verify", made.register, "--genesis", made.genesis, "--head", made.head)
    assert (done.returncode, done.stdout.splitlines()[0]) == (3, "INCOMPLETE")
    done = stock(made.register, made.genesis, made.head)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "INCOMPLETE"), done.stderr


@pytest.mark.control("AUD-02")
def test_who_is_still_to_sign_an_end_signs_their_entries_with_it(tmp_path: Path) -> None:
    """The administrator has granted a key, and has signed nothing since."""

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        end = kind.startswith("amend") and isinstance(body, entries.Signature) and body.purpose == "end"
        return [] if end else [(actor, body)]

    office = Office(tmp_path / "register", Play(change=change), cool_off=0)
    office.amend(office.later({"A1": "second"}), new_keys={"A1": "second"})
    assert verify(office.folder, office.genesis, office.head).said == "INCOMPLETE"


def other(field: str, value: str) -> Callable[[str, Any], Iterable[Entry]]:
    """The end as it was signed, but for one field."""
    return lambda actor, body: [signed(actor, body, canonical({**json.loads(body.text), field: value}).decode())]


SAYS = {
    "outcome": "void",
    "kind": "transfer",
    "mark": "production",
    "genesis": "ab" * 32,
    "ceremony": "2",
    "closed": "ab" * 32,
    "charter": "ab" * 32,
    "policy": "ab" * 32,
}


@pytest.mark.control("AUD-02")
@pytest.mark.parametrize("field", list(SAYS))
def test_an_end_that_says_something_else(field: str, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(change=at(R, by("witness", "end"), other(field, SAYS[field]))))
    refused(made.register, made.genesis, made.head, "AUD-02")
    done = stock(made.register, made.genesis, made.head)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, "AUD-02"), done.stderr


def behind(actor: str, body: Any) -> Iterable[Entry]:
    return [(actor, body), ("tool", entries.StrayDevice(finding="a device"))]


WRONG: dict[str, tuple[str, Callable[[], Change]]] = {
    "an entry behind it": ("AUD-08", lambda: at(R, by("witness", "end"), behind)),
    "an entry behind the closing": (
        "AUD-08",
        lambda: at(R, of(entries.Closed), lambda a, b: [(a, b), ("tool", entries.Paused(who=("witness",), reason="a call"))]),
    ),
    "one signs it": ("AUD-02", lambda: put(R, of(entries.Closed), signers=("witness",))),
    "others sign it": ("AUD-02", lambda: put(R, of(entries.Closed), signers=("witness", "A1"))),
}


@pytest.mark.control("AUD-02", "AUD-08")
@pytest.mark.parametrize("name", list(WRONG))
def test_an_end_by_others_or_with_something_behind_it(name: str, tmp_path: Path) -> None:
    control, change = WRONG[name]
    made = sample.write(tmp_path / "register", Play(change=change()))
    refused(made.register, made.genesis, made.head, control)


@pytest.mark.control("AUD-09")
def test_a_slip_of_an_older_ceremony_anchors_up_to_it(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register")
    older = verify(made.register).ceremonies[1].head
    done = ceremony("audit", "verify", made.register, "--genesis", made.genesis, "--head", older)
    assert (done.returncode, done.stdout.splitlines()[0]) == (3, "ANCHORED UP TO CEREMONY 2")
    done = stock(made.register, made.genesis, older)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "ANCHORED UP TO CEREMONY 2"), done.stderr


def test_a_register_of_another_form_is_named_by_it(tmp_path: Path) -> None:
    """Not refused: it is nobody's lie, and another release reads it."""
    made = sample.write(tmp_path / "register", receipt=False)
    head = tamper.rechain(made.register, made.genesis, lambda line: {**line, "body": {**line["body"], "version": "1"}})
    done = ceremony("audit", "verify", made.register, "--genesis", made.genesis, "--head", head)
    assert done.returncode == 3
    assert "written by form 1" in done.stdout + done.stderr
