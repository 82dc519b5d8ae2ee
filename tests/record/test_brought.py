"""Health records that came back from custodians' own sites: what counts, once; what does not; what a failed look asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump, encode
from ceremony.base.lines import Line
from ceremony.record import drills, entries, health, kit
from ceremony.record.custody import CustodyRecord
from ceremony.record.health import HealthRecord
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.standing import standing
from ceremony.record.state import Recorded
from ceremony.record.verify import verify
from ceremony.screen import status
from tests.record import brought
from tests.record.brought import failed, looked, signed, taken
from tests.record.sample import Change, Entry, FastDesk, Play, Sample
from tests.record.test_health_rules import other, without
from tests.record.test_verify_stock import run as stock

NOW = "2026-11-25T09:00:00Z"


def keyed(folder: Path, change: Change | None = None) -> tuple[Sample, str]:
    """A register with a key, and nothing since."""
    folder.mkdir()
    made = Sample(FastDesk(folder.parent), folder, Play(change=change) if change else Play())
    return made, made.keygen()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return keyed(tmp_path_factory.mktemp("brought") / "register")[0]


def before(made: Sample) -> health.Before:
    book = Register.open(made.folder)
    return health.Before(book.genesis, book.charter, book.sets, health.of(book.ceremonies))


def test_both_verify_records_that_were_taken_in(tmp_path: Path) -> None:
    made, head = keyed(tmp_path / "register")
    head = taken(made, 2, head, looked(made, second="witness"), failed(made))
    book = Register.open(made.folder)
    verdict = verify(made.folder, book.genesis, head)
    assert verdict.said == "VERIFIED"
    done = stock(made.folder, book.genesis, head)
    assert (done.returncode, done.stderr) == (0, "")
    page = report(book, verdict).decode()
    assert "proved their share alone at their own site" in page
    assert "did NOT prove healthy" in page
    assert drills.who_must_come(book).prove == tuple(p for p in book.charter.custodians if p != "A1")
    found = standing(made.folder, NOW)
    known = health.of(book.ceremonies).failed
    assert {position: failure.why for position, failure in known.items()} == {"B3": "a control refused it (REC-03)"}
    (said,) = (line for line in status.screen(found, NOW, "register") if "B3: " in line)
    assert "CUSTODY        B3: decide by 2026-12-08, its check at its own site" in said
    (said,) = (line for line in status.screen(found, "2026-12-20T00:00:00Z", "register") if "CUSTODY" in line)
    assert "B3 no decision since 2026-11-24" in said


@pytest.mark.control("STO-10")
@pytest.mark.control("DRL-02")
def test_a_record_counts_once_and_a_later_proof_ends_a_failure(tmp_path: Path) -> None:
    made, head = keyed(tmp_path / "register")
    first, wrong = looked(made), failed(made)
    head = taken(made, 2, head, first, wrong)
    raw = dump(first)
    with pytest.raises(Refused, match=r"STO-10 .*does not count[\s\S]*has already"):
        health.check(raw, "health.json", signed(made, first), before(made), NOW)
    again = replace(first, kit="00" * 32)
    with pytest.raises(Refused, match="nothing new"):
        health.check(dump(again), "health.json", signed(made, again), before(made), NOW)
    mended = looked(made, "B3", machine="2026-11-25T12:00:00Z", watch="2026-11-25T12:00:00Z", bag="B3-9001", new_bag="B3-9002")
    head = taken(made, 3, head, replace(mended, register_head=head), start="2026-11-26T09:00:00Z")
    assert verify(made.folder, made.founding.digest, head).said == "VERIFIED"
    known = health.of(Register.open(made.folder).ceremonies)
    assert known.failed == {}
    assert known.last("B3", made.key_record.set_identifier) == "2026-11-25T12:00:00Z"


@pytest.mark.control("STO-10")
def test_a_record_of_which_nothing_came_can_come_in_again(tmp_path: Path) -> None:
    """It was listed, then the check was cut off, and ended as void."""
    made, head = keyed(tmp_path / "register")
    scribe, first = made.begin(2, "check", "check", head, brought.START, brought.STAFF), looked(made)
    scribe.step("Roll-call")
    scribe.keep("health-1.json", "health", dump(first))
    scribe.close("void", "cut off")
    head = taken(made, 3, scribe.transcript.head, first, start="2026-11-26T09:00:00Z")
    assert verify(made.folder, made.founding.digest, head).said == "VERIFIED"
    assert stock(made.folder, made.founding.digest, head).returncode == 0


@pytest.mark.control("STO-10")
@pytest.mark.parametrize(("time", "left"), [("2026-11-24T10:00:00Z", ["B3"]), (NOW, [])])
def test_a_decision_answers_what_was_known_when_it_was_made(made: Sample, time: str, left: list[str]) -> None:
    """As in custody (STO-07): one that was made before the look that failed says nothing of it."""
    said = CustodyRecord(
        event="decision", positions=("B3",), people=("cfo", "cto"), decision="accept", reason="a new one is ordered", time=time,
        mark="practice", genesis=made.founding.digest, identifier="c-1", set_identifier=made.key_record.set_identifier,
    )  # fmt: skip
    known = health.of(Register.open(made.folder).ceremonies)
    for body in (health.entry_of(dump(failed(made)), "health-1.json"), entries.Custody(file="custody-1.json", record=said)):
        known = known.then(Recorded(Line(2, NOW, "cd" * 32, "x", "B3", encode(body)), body), 2)
    assert list(known.failed) == left


WRONG: dict[str, tuple[str, Callable[[Sample], HealthRecord]]] = {
    "another register": ("STO-10", lambda made: looked(made, genesis="00" * 32)),
    "production": ("STO-10", lambda made: looked(made, mark="production")),
    "another key record": ("STO-10", lambda made: looked(made, key_record="00" * 32)),
    "another set": ("STO-10", lambda made: looked(made, set_identifier="00" * 10)),
    "a head that the register does not have": ("AUD-10", lambda made: looked(made, register_head="00" * 32)),
    "the genesis as head": ("AUD-10", lambda made: looked(made, register_head=made.founding.digest)),
    "an old sealing": ("STO-10", lambda made: looked(made, sealing=7)),
    "other bytes": ("STO-10", lambda made: looked(made, sha256="00" * 32)),
    "matched, but no share": ("STO-10", lambda made: looked(made, sha256=None, sealing=0)),
    "failed, but a share that matched": ("STO-10", lambda made: looked(made, result="not-read")),
    "older than the last proof": ("STO-10", lambda made: looked(made, machine="2026-11-10T09:00:30Z", watch="2026-11-10T09:00:00Z")),
    "of the future": ("STO-10", lambda made: looked(made, machine="2026-11-25T09:02:01Z", watch="2026-11-25T09:02:00Z")),
    "a watch that is apart": ("ASM-04", lambda made: looked(made, watch="2026-11-24T09:57:00Z")),
    "a position that is none": ("STO-10", lambda made: replace(looked(made), position="I9")),
}


@pytest.mark.control("STO-10")
@pytest.mark.control("AUD-10")
@pytest.mark.parametrize("name", list(WRONG))
def test_what_does_not_count_is_refused_by_name(made: Sample, name: str) -> None:
    identifier, of = WRONG[name]
    found = of(made)
    with pytest.raises(Refused) as caught:
        health.check(dump(found), "health-a1.json", signed(made, found, "A1"), before(made), NOW)
    assert caught.value.identifier == identifier
    right = looked(made)
    assert health.check(dump(right), "health-a1.json", signed(made, right), before(made), NOW) == right


@pytest.mark.control("STO-10")
@pytest.mark.control("AUT-03")
def test_a_record_is_signed_by_whose_share_it_is(made: Sample) -> None:
    found = looked(made)
    theirs = signed(made, found, "A2")
    for given in ((), theirs):
        with pytest.raises(Refused, match="STO-10"):
            health.check(dump(found), "health.json", given, before(made), NOW)
    forged = (replace(theirs[0], signer="A1"),)
    with pytest.raises(Refused, match="AUT-03"):
        health.check(dump(found), "health.json", forged, before(made), NOW)
    named = looked(made, second="witness")
    with pytest.raises(Refused, match="STO-10"):
        health.check(dump(named), "health.json", signed(made, named), before(made), NOW)


def before_entry(kind: type, change: Callable[[Any], Any]) -> Change:
    def changed(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        return [(actor, change(body) if ceremony == "check" and isinstance(body, kind) else body)]

    return changed


BAGS = (entries.BagOpened, entries.BagClosed)
BROKEN: dict[str, tuple[str, Callable[[], Change]]] = {
    "nothing came of it": ("STO-10", lambda: without(entries.Healthy)),
    "another time": ("STO-10", lambda: other(entries.Healthy, at="2026-11-24T10:00:21Z")),
    "another number": ("STO-10", lambda: other(entries.Healthy, number=2)),
    "not signed": ("STO-10", lambda: without(entries.Signature, purpose="health")),
    "a failure told as health": (
        "STO-10",
        lambda: before_entry(
            entries.Unhealthy, lambda body: entries.Healthy(position=body.position, number=1, sha256="00" * 32, file=body.file, at=body.at)
        ),
    ),
    "another bag than it says": (
        "SEC-02",
        lambda: before_entry(entries.BagClosed, lambda body: replace(body, bag="XY-99") if body.position == "A1" else body),
    ),
    "no bag, though it says one": (
        "SEC-02",
        lambda: lambda kind, actor, body: [] if kind == "check" and actor == "A1" and type(body) in BAGS else [(actor, body)],
    ),
    "somebody else's": ("ASM-01", lambda: lambda kind, actor, body: [("A2" if isinstance(body, entries.Healthy) else actor, body)]),
}


@pytest.mark.control("STO-10")
@pytest.mark.control("SEC-02")
@pytest.mark.parametrize("name", list(BROKEN))
def test_each_rule_of_records_is_broken_once(name: str, tmp_path: Path) -> None:
    identifier, change = BROKEN[name]
    made, head = keyed(tmp_path / "register", change())
    head = taken(made, 2, head, looked(made), failed(made))
    with pytest.raises(Refused) as caught:
        verify(made.folder, made.founding.digest, head)
    assert caught.value.identifier == identifier
    done = stock(made.folder, made.founding.digest, head)
    assert done.returncode == 1, done.stderr


def test_a_kit_has_what_a_site_needs_and_nothing_more(made: Sample, tmp_path: Path) -> None:
    book = Register.open(made.folder)
    found = kit.contents(book, ("B3", "A1", "A1"), NOW)
    assert sorted(found) == ["charter-0.json", "charter-0.signatures", "key-record.json", "key-record.signatures", "kit.json"]
    assert b"B1" not in found["kit.json"]
    folder = write(tmp_path / "kit", found)
    read = kit.read(folder, book.genesis)
    assert [share.position for share in read.kit.shares] == ["A1", "B3"]
    carried = kit.Carried(tmp_path, read)
    assert carried.key_record == book.key_record
    assert carried.links == book.links
    assert carried.charter == book.charter
    assert carried.sets.sealed("A1", book.key_record.set_identifier).begun == book.sets.sealed("A1", book.key_record.set_identifier).begun


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder


@pytest.mark.control("STO-10")
def test_a_kit_that_does_not_hold_is_refused(made: Sample, tmp_path: Path) -> None:
    book = Register.open(made.folder)
    found = kit.contents(book, ("A1",), NOW)
    with pytest.raises(Refused, match="AUD-09"):
        kit.read(write(tmp_path / "other", found), "00" * 32)
    wrong = found["kit.json"].replace(book.key_record.digest.encode(), b"00" * 32)
    with pytest.raises(Refused, match="STO-10 this kit does not hold together"):
        kit.read(write(tmp_path / "wrong", {**found, "kit.json": wrong}), book.genesis)
    with pytest.raises(Refused, match="AUD-02"):
        kit.read(write(tmp_path / "unsigned", {**found, "charter-0.signatures": b""}), book.genesis)
