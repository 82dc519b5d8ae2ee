"""Bags and custody at the real command: a bag that is not the one, one that is not intact; records between ceremonies, and a loss."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.cast import Pace
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from tests.ceremony import rehearsal
from tests.ceremony.eyes import Eyes
from tests.ceremony.test_exceptions import both_verify, page_one

SENT = [
    ("what the control expects here: ", "an officer's signature before it leaves"),
    ("what happened: ", "the officers were on one flight, and the flood came nearer"),
    ("what was decided, and why it is safe: ", "it was the right thing to do; the bag was never opened"),
]
FORM = [
    ("what the control expects here: ", "a bag that is intact"),
    ("what happened: ", "the bag was cut at the airport, before two officers of the customs"),
    ("what was decided, and why it is safe: ", "the card never left their sight; it is locked anew today"),
]


@pytest.mark.control("STO-02")
@pytest.mark.control("STO-01")
@pytest.mark.control("SEC-02")
def test_a_bag_that_was_cut_halts_a_transfer_until_both_officers_except_it(prepared: Stage) -> None:
    cast = prepared.cast
    cast.instead = [("A1, the number on your bag: ", "A2-0001"), ("B2, the number on your bag: ", f"{cast.bags['B2'].lower()} cut")]
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert (code, cast.instead) == (1, []), shown[-2000:]
    assert "STO-01 the bag of A1 is not the one that was closed last" in shown.replace("\n", " ")
    assert "STO-02 somebody may have been at a share" in shown
    assert rehearsal.refusals(prepared) == ["STO-01", "STO-02"]
    assert "unlocked" not in rehearsal.types(prepared)

    resume = demonstration.transfer_command(prepared, "resume")
    cast.instead = [("x fills in the form; Enter stops here: ", "x"), *FORM, ("A2, the number of your new bag: ", cast.bags["B1"])]
    shown, code = rehearsal.run(prepared, *resume)
    assert (code, cast.instead) == (0, []), shown[-2000:]
    assert rehearsal.refusals(prepared) == ["STO-01", "STO-02", "STO-02", "STO-01"]
    verdict = both_verify(prepared)
    assert verdict.said == "VERIFIED"
    assert "0002-transfer: excepted: STO-02" in verdict.notes
    assert "B2: both officers decide, its bag was cut in ceremony 2" in page_one(prepared, verdict)


def words(set_: Stage, *more: str) -> tuple[str, ...]:
    return ("custody", *more, "--register", "register", "--genesis", Register.open(set_.folder / "register").genesis)


def drafted(set_: Stage, name: str, signers: tuple[str, ...], *more: str) -> str:
    """A record, drafted and signed; what the draft showed."""
    file = f"office/{name}.json"
    shown, code = rehearsal.run(set_, *words(set_, *more, "--reason", "as planned", "-o", file))
    assert code == 0, shown[-2000:]
    for person in signers:
        said, code = rehearsal.run(set_, *words(set_, "sign", file, "--as", person, "--key", demonstration.key(person)))
        assert code == 0, said[-2000:]
    return shown


def by(*people: str) -> tuple[str, ...]:
    return tuple(word for person in people for word in ("--by", person))


def taken(set_: Stage, name: str) -> None:
    shown, code = rehearsal.run(set_, *words(set_, "take", f"office/{name}.json"))
    assert code == 0, shown[-2000:]


def in_a_safe(set_: Stage) -> str:
    """The bag of A1 lies in the safe of site A; its number."""
    bag = set_.cast.bags["A1"]
    drafted(set_, "safe", ("A1", "A2", "cfo"), "safe", "--site", "A", *by("A1", "A2"))
    taken(set_, "safe")
    drafted(set_, "in", ("A1", "A2"), "in", "--site", "A", "--bag", f"A1:{bag}", *by("A1", "A2"))
    return bag


@pytest.mark.control("STO-09")
@pytest.mark.control("STO-03")
def test_a_safe_is_opened_by_its_two_people_and_with_an_approval(authorized: Stage) -> None:
    set_ = authorized
    bag = set_.cast.bags["A1"]
    early = ("in", "--site", "A", "--bag", f"A1:{bag}", *by("A1", "A2"), "--reason", "x", "-o", "office/early.json")
    shown, code = rehearsal.run(set_, *words(set_, *early))
    assert code == 1, "no safe is recorded yet"
    assert "STO-09" in shown
    set_.cast.pace = eyes = Eyes()
    in_a_safe(set_)
    assert ([s for s in eyes.headless if "== " in s], eyes.coloured) == ([], set())
    set_.cast.pace = Pace()
    shown, code = rehearsal.run_broken(set_, "kill:5", words(set_, "take", "office/in.json"))
    assert rehearsal.files(set_)[-1] == "custody"
    set_.cast.papers = {**set_.cast.papers, "the signed custody record": "office/in.json"}
    set_.cast.instead = [
        ("Path of the signed custody record: ", "office/im.json"),
        ("Path of the signed custody record: ", "office/charter.json"),
    ]
    shown, code = rehearsal.run(set_, "resume", *words(set_)[1:])
    assert (code, set_.cast.instead) == (0, []), shown[-2000:]
    assert "There is nothing at that path." in shown
    assert "charter.json: " in shown, "what was found instead"

    drafted(set_, "out", ("A1", "A2"), "out", "--site", "A", "--bag", f"A1:{bag}", *by("A1", "A2"))
    shown, code = rehearsal.run(set_, *words(set_, "show", "office/out.json"))
    assert code == 1
    assert "STO-03" in shown
    assert "cfo or cto, who approves" in shown
    shown, code = rehearsal.run(set_, *words(set_, "take", "office/out.json"))
    assert (code, "STO-03" in shown) == (1, True), "no officer approved it"
    assert Register.open(set_.folder / "register").unfinished is None, "and nothing began"
    rehearsal.run(set_, *words(set_, "sign", "office/out.json", "--as", "cto", "--key", demonstration.key("cto")))
    taken(set_, "out")
    assert both_verify(set_).said == "VERIFIED"


@pytest.mark.control("STO-04")
@pytest.mark.long
def test_a_share_travels_and_is_lost(authorized: Stage) -> None:
    set_, bag = authorized, authorized.cast.bags["A1"]
    sent = ("hand-over", "--bag", f"A1:{bag}", "--from", "A1", "--to", "C1", "--carrier", "courier, 1Z-17", "--due", "2098-01-01T00:00:00Z")
    drafted(set_, "sent", ("A1",), *sent)
    shown, code = rehearsal.run(set_, *words(set_, "show", "office/sent.json"))
    assert (code, "STO-04" in shown) == (1, True), shown[-2000:]
    set_.cast.instead = [("x fills in the form; Enter stops here: ", "x"), *SENT]
    taken(set_, "sent")
    assert (set_.cast.instead, rehearsal.refusals(set_)) == ([], ["STO-04"])
    assert "excepted" in rehearsal.types(set_)
    shown, code = rehearsal.run(set_, *words(set_, "status"))
    assert code == 0, shown[-2000:]
    assert "A1 M  | A2 C " in shown
    assert "A1 on its way, courier, 1Z-17, to C1" in " ".join(shown.split())
    shown, code = rehearsal.run(set_, *words(set_, "status", "--at", "2099-01-01T00:00:00Z"))
    assert "OVERDUE A1 STO-04 not arrived, due 2098-01-01" in shown

    shown = drafted(set_, "lost", ("C1", "witness"), "lost", "A1", *by("C1", "witness"))
    assert "needs 3 shares more for a quorum" in " ".join(shown.split())
    assert shown.count("PRACTICE  custody record c-") == 2, "on each of its pages"
    taken(set_, "lost")
    shown, code = rehearsal.run(set_, "--register", "register")
    assert "CUSTODY" in shown
    assert "A1: decide by" in shown
    drafted(set_, "decided", ("cfo", "cto"), "decision", "A1", "--decision", "reshare")
    taken(set_, "decided")
    assert both_verify(set_).said == "VERIFIED"
    shown, code = rehearsal.run(set_, *demonstration.prepare_command(set_))
    assert code == 0, shown[-2000:]
    assert "A1 cannot open their share: lost" in shown
