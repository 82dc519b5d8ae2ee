"""The 92-day clock, evidence of practice, attacks that were caught, and who must come next: folds, without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.record import drills
from ceremony.record.register import Register
from ceremony.record.standing import standing
from ceremony.screen import status
from tests.record import sample
from tests.record.sample import Anchor

KEY = "2026-11-10T09:30:00Z"


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    return sample.write(tmp_path_factory.mktemp("drills") / "register")


def refused(since: str, now: str, *, excepted: bool = False) -> bool:
    try:
        drills.check_clock(since, now, excepted=excepted)
    except Refused as found:
        return found.identifier == "DRL-01"
    return False


@pytest.mark.control("DRL-01")
def test_an_overdue_drill_blocks_and_one_exception_gives_thirty_days() -> None:
    day = {92: "2027-02-10T09:30:00Z", 93: "2027-02-11T09:30:00Z", 122: "2027-03-12T09:30:00Z", 123: "2027-03-13T09:30:00Z"}
    assert [refused(KEY, day[count]) for count in (92, 93, 122)] == [False, True, True]
    assert [refused(KEY, day[count], excepted=True) for count in (93, 122, 123)] == [False, False, True]
    assert not refused("", day[123])


@pytest.mark.control("DRL-01")
def test_the_clock_begins_at_the_key_where_there_never_was_a_drill(anchor: Anchor) -> None:
    book = Register.open(anchor.register)
    assert drills.began(book.ceremonies) == book.ceremonies[0].time
    drills.check_due(book, "2026-12-01T00:00:00Z", excepted=False)
    with pytest.raises(Refused, match="DRL-01"):
        drills.check_due(book, "2027-03-01T00:00:00Z", excepted=False)


@pytest.mark.control("DRL-02")
def test_only_what_this_charters_own_people_practised_since_then_counts(anchor: Anchor, tmp_path: Path) -> None:
    practice, ours = Register.open(anchor.register), Register.open(anchor.register).charter
    other = "00" * 32
    now = "2026-12-01T00:00:00Z"
    found = drills.evidence(practice, anchor.head, ours, other, KEY, now)
    assert (found.ceremonies, found.took_part) == ((2,), sample.ROOM)
    rehearsed = Register.open(sample.write(tmp_path / "cast", fresh="a rehearsed cast").register)
    for book, genesis, since, until in (
        (practice, practice.genesis, KEY, now),
        (practice, other, "2026-11-30T00:00:00Z", now),
        (practice, other, KEY, "2026-11-20T00:00:00Z"),
        (rehearsed, other, KEY, now),
    ):
        with pytest.raises(Refused, match="DRL-02"):
            drills.evidence(book, anchor.head, ours, genesis, since, until)


@pytest.mark.control("DRL-03")
def test_an_attack_that_was_not_caught_fails_the_drill() -> None:
    drills.check_caught("REC-03", ("REC-03", "REC-12"))
    for attack, found in (("REC-03", ()), ("REC-03", ("REC-12",)), ("SIG-01", ("REC-03",))):
        with pytest.raises(Refused, match="DRL-03"):
            drills.check_caught(attack, found)


def test_everybody_is_still_to_come_where_there_was_no_drill(anchor: Anchor) -> None:
    book = Register.open(anchor.register)
    coming = drills.who_must_come(book)
    assert (coming.practise, coming.prove) == (book.charter.custodians, book.charter.custodians)
    assert (coming.drills, coming.must, coming.without_site, coming.without_one) == (0, False, True, True)


@pytest.mark.parametrize("now", ["2026-11-25T00:00:00Z", "2027-01-30T00:00:00Z", "2027-06-01T00:00:00Z"])
def test_the_status_fits_one_screen(anchor: Anchor, now: str) -> None:
    shown = status.screen(standing(anchor.register, now), now, "register")
    assert len(shown) <= status.LINES - 1
    assert max(map(len, shown)) <= status.WIDTH
    assert "no verdict" in shown[-1]
    assert ("DRILL OVERDUE" in "\n".join(shown)) == (now > "2027-03")
    assert ("DUE NOW" in "\n".join(shown)) == ("2027-01" < now < "2027-03")


def test_the_status_says_of_a_damaged_register_what_the_verifier_says(tmp_path: Path) -> None:
    damaged = sample.write(tmp_path / "register").register
    path = damaged / "0002-transfer" / "authorization.json"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Refused, match="AUD-01"):
        standing(damaged, KEY)
    (damaged / "0002-transfer" / "transcript.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(Refused, match="AUD-01"):
        standing(damaged, KEY)


@pytest.mark.control("DRL-02")
def test_the_fourth_drill_is_refused_while_somebody_was_in_none() -> None:
    """Eleven practised in the three before: the twelfth is in the fourth, or it is none."""
    everybody = ("A1", "A2", "B1", "B2")
    before = [frozenset({"A1", "A2"}), frozenset({"B1"}), frozenset({"A1"})]
    drills.check_practised(before, ("B2",), everybody)
    drills.check_practised(before[:2], ("A1",), everybody)
    for held in (before, [frozenset({"B2"}), *before]):  # B2's own was five drills ago
        with pytest.raises(Refused, match=r"DRL-02 B2 took part in no practice transfer of 4 drills"):
            drills.check_practised(held, ("A1", "A2"), everybody)
