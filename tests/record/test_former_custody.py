"""The shares of a former key, until it is swept and empty: where they are, what is asked about them, which old ones still count, and who
can open them (SEC-05)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import encode
from ceremony.base.lines import Line
from ceremony.record import entries, health
from ceremony.record.former import formers
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.retired import retired
from ceremony.record.standing import standing
from ceremony.record.state import Recorded, State
from ceremony.record.suspension import NONE
from ceremony.record.verify import verify
from ceremony.record.whereabouts import check_record, undecided
from ceremony.screen.custody import status, unable
from ceremony.screen.status import screen
from ceremony.screen.terminal import Terminal
from ceremony.script.opening import _custodians_here
from ceremony.script.room import Room
from tests.record.amended import Office
from tests.record.sample import FastDesk, Play
from tests.record.swept import Swept
from tests.record.test_custody import IN, Desk
from tests.record.test_health_rules import without
from tests.record.test_reshare_rules import reshare

OFFICERS = ("cfo", "cto")
LATER = "2026-12-20T12:00:00Z"


class Long(Swept):
    """A register whose first key was reshared before the second one was made."""

    made: KeyRecord | None = None

    @property
    def former_record(self) -> KeyRecord:
        return self.made or self.first_record


@dataclass
class After(Desk):
    """A second key, and nothing swept yet; `reshared`: the first one has a retired set, too."""

    reshared: bool = False

    def begin(self) -> None:
        self.made: Long = Long(FastDesk(self.folder), self.folder, self.play)
        self.head = self.made.keygen()
        if self.reshared:
            self.head = reshare(self.made, 2, self.head, {})  # type: ignore[arg-type]
            self.made.anew = 3
        self.head = self.made.new_key(self.head)
        self.number, self.day = self.made.anew + 1, 19

    @property
    def former(self) -> str:
        return self.made.former_record.set_identifier

    def of_former(self, event: str, signers: tuple[str, ...] = IN, **fields: Any) -> Desk:
        """A record about shares of the former key comes in."""
        return self.take(self.record(event, set_identifier=self.former, **fields), signers)

    def impossible(self, control: str, event: str, **fields: Any) -> None:
        """No register takes this one in, whoever signed it."""
        with pytest.raises(Refused, match=control):
            check_record(self.book.whereabouts, self.book.bags, self.record(event, **fields), (*IN, *OFFICERS), LATER)

    def swept(self) -> None:
        """Everything is moved, and seen on chain."""
        self.head = self.made.sweep(self.head, self.number)
        self.head, self.number = (
            self.made.receipt(self.number + 1, self.head, of=self.number, start="2026-11-29T09:00:00Z"),
            self.number + 2,
        )
        self.day = 29

    def shown(self, now: str = LATER) -> str:
        """`ceremony custody status`."""
        blocks = status(self.book.whereabouts, self.made.charter, now, retired(self.book), formers(self.book))
        assert max(len(line) for block in blocks for line in block) <= 78
        return " ".join(" ".join(line for block in blocks for line in block).split())

    def first_screen(self) -> str:
        """Bare `ceremony`."""
        lines = screen(standing(self.folder, LATER), LATER, "register")
        assert max(map(len, lines)) <= 78
        return "\n".join(lines)


@pytest.fixture
def desk(tmp_path: Path) -> After:
    return After(tmp_path / "register")


@pytest.mark.control("STO-07")
def test_a_lost_share_of_a_former_key_is_asked_about_until_it_is_decided(desk: After) -> None:
    """As one of the key in use is, and beside it; the decision is to sweep, or to accept: making its shares anew does nothing for it."""
    desk.of_former("lost", positions=("A1", "A2", "B1", "B2", "C1"))
    in_use, former = desk.book.custody, desk.book.whereabouts.of(desk.former)
    assert (len(former.able), former.missing, in_use.missing) == (7, {"A1", "A2", "B1", "B2", "C1"}, frozenset())
    shown = desk.shown()
    assert f"FORMER KEY set {desk.former}: NOT SWEPT YET" in shown
    assert "A1 L! | A2 L! | A3 C! 1 of 3 can open, needs 2: SHUT" in shown
    assert "Former key. NO QUORUM today:" in shown
    assert "OVERDUE A1 A2 B1 B2 C1 STO-07 no decision since 2026-11-19: it is lost" in shown
    assert "CUSTODY        former key, A1 no decision since 2026-11-19: it is lost" in desk.first_screen()
    assert f"FORMER KEY     set {desk.former}: NOT SWEPT YET, NO QUORUM TODAY" in desk.first_screen()
    verdict = verify(desk.folder, desk.made.founding.digest, desk.head)
    assert "A1 of the former key: both officers decide, it is lost (2026-11-19)" in verdict.notes
    assert f"Custody of the former key, set {desk.former}" in report(desk.book, verdict).decode()
    desk.of_former("lost", positions=("C2",))
    shown = desk.shown()
    assert "THE SHARES THAT ARE MISSING ARE A QUORUM (A1 A2 B1 B2 C1 C2): whoever has them can move everything, and you cannot" in shown
    assert "NOT SWEPT YET, ENOUGH ARE MISSING" in desk.first_screen()
    positions = ("A1", "A2", "B1", "B2", "C1", "C2")
    for decision in ("reshare", "rekey"):
        desk.impossible("STO-07", "decision", positions=positions, decision=decision, people=OFFICERS, set_identifier=desk.former)
    desk.of_former("decision", OFFICERS, positions=positions, decision="sweep", people=OFFICERS)
    assert undecided(desk.book.whereabouts.of(desk.former)) == ()
    desk.both()


@pytest.mark.control("STO-10")
def test_a_proof_of_the_former_share_says_nothing_of_the_one_in_use(desk: After) -> None:
    """A1's share in use failed its check; in a sweep A1 opens the former one, which has another sealing number."""

    def entry(body: Any) -> Recorded:
        return Recorded(Line(2, LATER, "cd" * 32, "x", "A1", encode(body)), body)

    failed = entry(entries.Unhealthy(position="A1", file="health-1.json", at=LATER, why="three wrong passphrases"))
    for number, left in ((1, ["A1"]), (2, [])):
        proven = entry(entries.Proven(position="A1", number=number, sha256="ab" * 32))
        looked = health.of(desk.book.ceremonies).then(failed, 9).then(proven, 9)
        where = desk.book.whereabouts.after(9, State((failed, proven)), desk.book.sets)
        assert list(looked.failed) == [p for p, _ in undecided(where.in_use)] == left


@pytest.mark.control("STO-01")
def test_a_bag_of_the_share_in_use_is_not_that_of_the_former_one(desk: After) -> None:
    bag = {"A1": desk.book.bags.closed["A1", desk.former]}
    desk.take(desk.record("safe", site="A"), (*IN, "cfo"))
    desk.of_former("in", site="A", bags=bag)
    desk.of_former("out", (*IN, "cto"), site="A", bags={"A1": "A1-0002"})
    desk.refused("STO-01")


def test_a_share_of_a_former_key_travels_and_is_destroyed(desk: After) -> None:
    """Into a safe and out, away and back, lost and found; once the key is empty, its shares may be destroyed, and then nothing is said."""
    bag = {"A1": desk.book.bags.closed["A1", desk.former]}
    desk.take(desk.record("safe", site="A"), (*IN, "cfo"))
    desk.of_former("in", site="A", bags=bag)
    desk.of_former("out", (*IN, "cto"), site="A", bags=bag)
    desk.of_former("hand-over", ("A1", "cfo"), bags=bag, carrier="courier 17", due="2026-11-25T12:00:00Z", people=("A1", "D1"))
    desk.of_former("arrived", ("D1", "D2"), bags=bag, state="intact", people=("D1", "D2"))
    desk.of_former("lost", positions=("A1",))
    desk.of_former("found", positions=("A1",))
    assert desk.book.whereabouts.of(desk.former).shares["A1"].place == desk.book.custody.shares["A1"].place == "custodian"
    desk.swept()
    assert f"former key set {desk.former}: empty. Once nobody pays to it any more, its shares may be destroyed" in desk.shown()
    assert "Of the former key" not in desk.shown()
    desk.of_former("destroyed", positions=desk.made.charter.custodians, how="burned")
    assert "former key" not in desk.shown()
    desk.both()


@pytest.mark.control("SEC-05")
def test_old_shares_of_a_former_key_count_until_it_is_swept(tmp_path: Path) -> None:
    """Nobody destroyed theirs: the new key is there already, and what is safe is to sweep. Swept and seen on chain, they are worthless."""
    desk = After(tmp_path / "register", Play(change=without(entries.Destroyed)), reshared=True)
    (left,) = retired(desk.book)
    assert (left.former, left.enough, left.may_exist) == (True, True, desk.made.charter.custodians)
    assert "OLD SHARES     12 may exist, ENOUGH FOR THE FORMER KEY: sweep it now" in desk.first_screen()
    assert "SWEEP IT NOW to the key in use (SEC-05)" in desk.shown()
    old, burned = left.identifier, {"event": "destroyed", "how": "burned", "set_identifier": left.identifier}
    desk.impossible("SEC-05", "lost", positions=("A1",), set_identifier=old)
    desk.impossible("SEC-05", **{**burned, "set_identifier": "ab" * 10}, positions=("A1",))
    desk.impossible("AUD-08", **burned, positions=("A1", "E1"))
    desk.impossible("AUD-08", **burned, positions=("A1",), time="2026-11-10T12:00:00Z")
    desk.take(desk.record(**burned, positions=("A1", "A2", "B1", "B2")), IN)
    (left,) = retired(desk.book)
    assert left.may_exist == ("A3", "B3", "C1", "C2", "C3", "D1", "D2", "D3")
    assert f"old shares     8 of former set {old} may exist, too few" in desk.first_screen()
    desk.swept()
    assert retired(desk.book) == ()
    assert "may exist" not in desk.first_screen() + desk.shown()
    desk.both()


class Changed(Office):
    """A second key; then custodians are replaced."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.play, self.desk = folder, None, FastDesk(folder)
        self.sample = made = Long(self.desk, folder, cool_off=0)
        self.head, self.number = made.new_key(made.keygen()), 3
        made.shift = 10


@pytest.mark.control("ASM-01")
def test_who_was_replaced_is_not_counted_on_for_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The passphrase went with them. Who else of the site can is said; if too few are left, nothing opens it without those who left."""
    office = Changed(tmp_path / "register")
    former = office.sample.first_record.set_identifier

    def book() -> Register:
        return Register.open(office.folder)

    def replaced(*people: str) -> Any:
        names = {p: f"New {p}" for p in people}
        keys = {p: f"fresh {p}" for p in people}
        office.amend(office.later(keys, names), new_keys=keys)
        custody = book().whereabouts.of(former)
        room = SimpleNamespace(charter=office.sample.charter, plan=custody.plan, custody=custody)
        return custody, Room.holders.fget(room)  # type: ignore[attr-defined]

    custody, holders = replaced("A1", "A2")
    assert custody.missing == {"A1", "A2"}
    assert [q.what for _, q in undecided(custody)] == ["its custodian was replaced"] * 2
    assert holders == tuple(p for p in office.sample.charter.custodians if p not in ("A1", "A2"))
    said = "its custodian was replaced, and only they know its passphrase. Do not count on them; at site A A3 can, and 2 are needed."
    assert unable(custody, former=True)[0] == f"A1 cannot open their share of the former key: {said}"
    answers = ["A1 A2 B1 B2 C1 C2", "A1 B1 B2 C1 C2 D1 D2"]
    room = SimpleNamespace(charter=office.sample.charter, plan=custody.plan, custody=custody, holders=holders)
    room.book, room.opening, room.suspended = book(), book().sets.formers[0], NONE
    room.screen = Terminal(lambda _: answers.pop(0))
    assert _custodians_here(room) == ("A1", "B1", "B2", "C1", "C2", "D1", "D2")  # type: ignore[arg-type]
    shown = " ".join(capsys.readouterr().out.split())
    assert "ASM-01 These are not enough: found A1 A2 B1 B2 C1 C2" in shown
    assert shown.index(said) < shown.index("ASM-01")
    proven = replace(custody.shares["A1"], proven=LATER)
    assert not proven.orphaned
    custody, holders = replaced("B1", "B2")
    assert holders == office.sample.charter.custodians
    assert not custody.plan.enough(custody.able)
