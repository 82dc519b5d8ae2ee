"""What both verifiers hold a check of shares and a drill to: each rule broken once in a register that is else really signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.verify import verify
from tests.record import sample
from tests.record.sample import Anchor, Change, Entry, FastDesk, Play, Sample, Scribe, unchanged
from tests.record.test_verify_stock import run as stock
from transfer.limits import moment, written

HERE = ("A1", "B3")
OWN = "the passphrase of their share, which follows"
START = "2026-11-25T09:00:00Z"


def alone(made: Sample, scribe: Scribe, positions: Iterable[str], number: int = 1) -> None:
    """Each share alone: unlocked under this number, locked again under the next one, proven, the older one removed."""
    made._start_vault(scribe)
    scribe.add("tool", entries.Alone(key_record=made.key_record.digest))
    for position in positions:
        scribe.add(position, entries.Unlocked(position=position, number=number))
        made._lock(scribe, position, number + 1)
    scribe.add("tool", entries.VaultEnded(reason="each share was proven alone"))
    scribe.step("Each share alone")


def check(made: Sample, number: int, prev: str, sealing: int = 1) -> str:
    """A1 and B3 prove their shares, which have this sealing number."""
    scribe = made.begin(number, "check", "check", prev, START, HERE)
    for person in HERE:
        scribe.add(person, entries.Present(factors=("signing key file", OWN)))
    scribe.checkpoint("opening", HERE)
    scribe.step("Roll-call")
    scribe.step("Health records")
    made.open_bags(scribe, HERE)
    alone(made, scribe, HERE, sealing)
    made.close_bags(scribe, HERE)
    scribe.checkpoint("adjournment", HERE)
    scribe.step("Adjourn")
    scribe.close("shares checked", "proven: A1 B3")
    return scribe.transcript.head


def drill(made: Sample, number: int, prev: str) -> str:
    """Each one 80 days after the one before; always the same people practise."""
    start = written(moment(START) + timedelta(days=80 * (number - 2)))
    scribe = made.begin(number, "drill", "drill", prev, start)
    other = sha256(b"a practice register")
    found = entries.Rehearsed(genesis=other, head=other, ceremonies=(2,), took_part=sample.ROOM, refused=("REC-03",))
    scribe.add("tool", found)
    scribe.step("Practice transfer")
    scribe.from_outside(number - 1)
    scribe.roll_call((*HERE, "administrator", "witness"))
    scribe.step("Roll-call")
    made.open_bags(scribe, HERE)
    alone(made, scribe, HERE, number - 1)
    told = {"scenario": "site D was missing", "outcome": "nothing", "remediation": "nothing", "next": "2027-02-20"}
    scribe.add("tool", entries.Drilled(attack="REC-03", caught="yes", **told))  # type: ignore[arg-type]
    scribe.step("Outcome of the drill")
    made.close_bags(scribe, HERE)
    scribe.checkpoint("adjournment", (*HERE, "administrator", "witness"))
    scribe.step("Adjourn")
    scribe.close("drill held", "")
    return scribe.transcript.head


def ended(folder: Path, what: Any, change: Change = unchanged) -> Anchor:
    """A key generation, and this after it; `change` as for the sample."""
    folder.mkdir()
    made = Sample(FastDesk(folder.parent), folder, Play(change=change))
    head = what(made, 2, made.keygen())
    return Anchor(folder, made.charter.digest, head)


@pytest.mark.parametrize("what", [check, drill])
def test_both_verify_a_check_and_a_drill(what: Any, tmp_path: Path) -> None:
    anchor = ended(tmp_path / "register", what)
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    assert verdict.said == "VERIFIED"
    page = report(Register.open(anchor.register), verdict).decode()
    assert "each alone, and never combined" in page
    done = stock(anchor.register, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr) == (0, "")


def without(kind: type, **only: Any) -> Change:
    """These entries are not there."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        gone = ceremony != "keygen" and isinstance(body, kind) and all(getattr(body, name) == value for name, value in only.items())
        return [] if gone else [(actor, body)]

    return change


def before(kind: type, actor_: str, extra: Any) -> Change:
    """One entry more, before the first of a kind."""
    left = [extra]

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony != "keygen" and isinstance(body, kind) and left:
            return [(actor_, left.pop()), (actor, body)]
        return [(actor, body)]

    return change


def other(kind: Any, **fields: Any) -> Change:
    """Entries of a kind with other fields."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        return [(actor, replace(body, **fields) if ceremony != "keygen" and isinstance(body, kind) else body)]

    return change


RECOVERED = entries.Recovered(positions=HERE, spares=(), accounts=("main",))
BROKEN = {
    "combined": (check, "STO-10", lambda: before(entries.VaultEnded, "tool", RECOVERED)),
    "another task of the vault": (check, "STO-10", lambda: without(entries.Alone)),
    "two at once": (check, "STO-10", lambda: without(entries.Proven, position="A1")),
    "shares of another set": (check, "STO-10", lambda: other(entries.Alone, key_record="00" * 32)),
    "not locked again": (check, "SEC-01", lambda: without(entries.Proven, position="B3")),
    "no practice": (drill, "DRL-02", lambda: without(entries.Rehearsed)),
    "nobody practised": (drill, "DRL-02", lambda: other(entries.Rehearsed, took_part=())),
    "nothing told": (drill, "DRL-01", lambda: without(entries.Drilled)),
    "not caught": (drill, "DRL-03", lambda: other(entries.Rehearsed, refused=("REC-12",))),
    "held though not caught": (drill, "DRL-03", lambda: other(entries.Drilled, caught="no")),
    "its own witness": (drill, "ASM-02", lambda: other(entries.Present, factors=("signing key file", OWN))),
}


@pytest.mark.control("STO-10")
@pytest.mark.control("DRL-01")
@pytest.mark.control("DRL-02")
@pytest.mark.control("DRL-03")
@pytest.mark.parametrize("name", list(BROKEN))
def test_each_rule_is_broken_once(name: str, tmp_path: Path) -> None:
    what, identifier, change = BROKEN[name]
    anchor = ended(tmp_path / "register", what, change())
    with pytest.raises(Refused) as caught:
        verify(anchor.register, anchor.genesis, anchor.head)
    assert caught.value.identifier == identifier
    done = stock(anchor.register, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, identifier), done.stderr


@pytest.mark.control("DRL-02")
def test_a_fourth_drill_in_which_somebody_never_practised_is_none(tmp_path: Path) -> None:
    (tmp_path / "register").mkdir()
    made = Sample(FastDesk(tmp_path), tmp_path / "register")
    head = made.keygen()
    for number in (2, 3, 4):
        head = drill(made, number, head)
    assert verify(made.folder, made.founding.digest, head).said == "VERIFIED"
    head = drill(made, 5, head)
    with pytest.raises(Refused, match=r"DRL-02 A3 B2 C3 D1 D2 D3 took part in no practice transfer"):
        verify(made.folder, made.founding.digest, head)
