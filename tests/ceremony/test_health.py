"""Each share alone: `shares check` at a custodian's own site, and the drill; nothing is combined, everything is locked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.control import Refused
from ceremony.demonstration import Stage
from ceremony.record import drills
from ceremony.record.register import Register
from ceremony.record.verify import verify
from shares.envelope import Header
from tests.ceremony import rehearsal
from tests.ceremony.eyes import Eyes
from tests.ceremony.practised import practised
from tests.ceremony.test_interruptions import KILLED, check_ended
from tests.ceremony.test_shares import card
from tests.record.sample import Anchor
from tests.record.test_verify_stock import run as stock


def words(set_: Stage, *more: str) -> tuple[str, ...]:
    genesis = Register.open(set_.folder / "register").genesis
    return (*more, "--register", "register", "--genesis", genesis)


def check(set_: Stage, *people: str) -> tuple[str, ...]:
    return (*words(set_, "shares", "check"), *(word for person in people for word in ("--position", person)))


def both_verify(set_: Stage) -> None:
    book = Register.open(set_.folder / "register")
    assert verify(book.folder, book.genesis, book.head).said == "VERIFIED"
    done = stock(book.folder, book.genesis, book.head)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.control("STO-10")
def test_a_custodian_proves_their_share_alone(authorized: Stage) -> None:
    before, eyes = card(authorized, "A2").read_bytes(), Eyes()
    authorized.cast.pace = eyes
    shown, code = rehearsal.run(authorized, *check(authorized, "A2", "B1"))
    assert code == 0, shown[-2000:]
    assert (eyes.headless, eyes.wide, eyes.coloured) == ([], [], set())
    assert {place[:2] for place in eyes.places} == {(n, 6) for n in (1, 3, 4, 5, 6)}, "no record came, so nothing is asked in step 2"
    assert "Shares checked: proven: A2 B1" in shown
    types = rehearsal.types(authorized)
    assert types.count("unlocked") == types.count("proven") == 2
    assert not {"armed", "recovered", "hsm", "import-path"} & set(types)
    after = card(authorized, "A2").read_bytes()
    assert (Header.unpack(before).sealing, Header.unpack(after).sealing) == (1, 2)
    assert after[22:38] != before[22:38]
    both_verify(authorized)
    shown, code = rehearsal.run(authorized, *check(authorized, "A2", "witness"))
    assert code == 0, shown[-2000:]
    both_verify(authorized)


@pytest.mark.control("STO-10")
@pytest.mark.long
def test_a_check_that_is_killed_after_each_entry_goes_on(authorized: Stage) -> None:
    kills, further = 0, 1
    while True:
        begun = Register.open(authorized.folder / "register").unfinished is not None
        command = words(authorized, "resume") if begun else check(authorized, "C1")
        seen = rehearsal.types(authorized).count("resumed") if begun else 0
        shown, code = rehearsal.run_broken(authorized, f"kill:{further}", command)
        assert code in (0, KILLED), shown[-2000:]
        if code == 0:
            break
        kills += 1
        again = rehearsal.types(authorized)
        further = further + 1 if again[-1] not in ("step", "present") or again.count("resumed") == seen else 3
    assert kills > 10
    check_ended(authorized, "shares checked")
    both_verify(authorized)
    assert card(authorized, "C1").exists()


@pytest.mark.control("STO-10")
def test_a_share_that_does_not_open_is_told_and_costs_nothing(authorized: Stage) -> None:
    authorized.cast.passphrases["B2"] = "not the right words at all"
    before = card(authorized, "B2").read_bytes()
    shown, code = rehearsal.run(authorized, *check(authorized, "B2", "A1"))
    assert code == 1, shown[-2000:]
    assert "proven: A1; not proven: B2" in shown
    assert "STO-10 not every share was proven" in shown
    assert card(authorized, "B2").read_bytes() == before
    both_verify(authorized)


def test_who_is_not_in_the_charter_is_asked_again(authorized: Stage) -> None:
    authorized.cast.custodians_here = ("A1",)
    shown, code = rehearsal.run(authorized, *check(authorized, "I9"))
    assert code == 0, shown[-2000:]
    assert "Found I9, expected custodians of the charter" in shown
    with pytest.raises(Refused):
        verify(authorized.folder / "register", "00" * 32)


@pytest.mark.control("DRL-01")
def test_an_overdue_drill_blocks_prepare(authorized: Stage) -> None:
    authorized.cast.instead = [*rehearsal.watches("2027-06-01T09:00:00Z"), ("x fills in the form; Enter stops here: ", "")]
    shown, code = rehearsal.run_broken(authorized, "clock:2027-06-01T09:00:00Z", demonstration.prepare_command(authorized))
    assert code == 1
    assert "DRL-01 a drill is overdue" in shown
    assert rehearsal.refusals(authorized) == ["DRL-01"]


def drill(set_: Stage, practice: Anchor) -> tuple[str, ...]:
    given = ("--practice", str(practice.register), "--practice-genesis", practice.genesis, "--practice-head", practice.head)
    return (*words(set_, "drill"), *given)


@pytest.mark.control("DRL-03")
@pytest.mark.control("DRL-02")
@pytest.mark.control("DRL-01")
def test_a_drill(authorized: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real people, without site C: what they practised counts, each proves their share alone; killed on the way."""
    practice = practised(authorized, tmp_path / "practice", monkeypatch)
    rehearsed = practised(authorized, tmp_path / "rehearsed", monkeypatch, strangers=("B1",))
    shown, code = rehearsal.run(authorized, *drill(authorized, rehearsed))
    assert code == 1
    assert "DRL-02" in shown
    assert "in ceremony 2, B1 of other names or keys" in shown.replace("\n", " ")
    brought = {"the practice register": str(practice.register), "genesis": practice.genesis, "head": practice.head}
    monkeypatch.setattr(authorized.cast, "papers", {**authorized.cast.papers, **brought})
    authorized.cast.pace = eyes = Eyes()
    authorized.cast.instead = [("Path of the practice register: ", "office")]
    for kind in (
        "rehearsed",
        "clock",
        "present",
        "alone",
        "unlocked",
        "sealing",
        "proven",
        "removed",
        "step",
        "drilled",
        "bag-closed",
    ):
        command = words(authorized, "resume")
        shown, code = rehearsal.run_broken(authorized, f"kill-after:{kind}", command)
        assert (code, rehearsal.types(authorized)[-1]) == (KILLED, kind), shown[-2000:]
    _shown, code = rehearsal.run_broken(authorized, "kill-signed:end", words(authorized, "resume"))
    assert code == KILLED
    shown, code = rehearsal.run(authorized, *words(authorized, "resume"))
    assert code == 0, shown[-2000:]
    assert "to practise    C1 C2" in shown
    assert authorized.cast.instead == []
    assert (eyes.headless, eyes.coloured) == ([], set())
    assert [line for line in eyes.wide if " ...PRACTICE" not in line] == [], "but for lines that a kill left unfinished"
    assert {place[0] for place in eyes.places} == set(range(1, 10))
    check_ended(authorized, "drill held")
    both_verify(authorized)
    book = Register.open(authorized.folder / "register")
    (held,) = drills.held(book.ceremonies)
    assert (held.took_part, held.proven) == (frozenset(authorized.plot.here), frozenset(authorized.plot.here))
    coming = drills.who_must_come(book)
    assert (coming.practise, coming.prove, coming.without_site, coming.without_one) == (("C1", "C2"), ("C1", "C2"), False, True)
