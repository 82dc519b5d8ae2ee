"""A share at its custodian's own site: a kit instead of the register, a signed record instead of a transcript, which comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ceremony.demonstration import Stage
from ceremony.record import drills, health
from ceremony.record.register import Register
from ceremony.record.verify import verify
from ceremony.script.atsite import STEPS
from shares.envelope import Header
from tests.ceremony import rehearsal
from tests.ceremony.eyes import Eyes
from tests.ceremony.test_health import both_verify, words
from tests.ceremony.test_interruptions import KILLED
from tests.ceremony.test_shares import card


def kit(set_: Stage, out: str, *positions: str) -> tuple[str, int]:
    return rehearsal.run(set_, *words(set_, "shares", "kit"), "--out", out, *positions)


def at_site(set_: Stage, out: str, *more: str, kit: str = "kit") -> tuple[str, ...]:
    genesis = Register.open(set_.folder / "register").genesis
    return ("shares", "check", "--kit", kit, "--genesis", genesis, "--out", out, *more)


def take(set_: Stage, *records: str) -> tuple[str, ...]:
    return (*words(set_, "shares", "take"), *records)


def found(set_: Stage, path: str) -> dict[str, object]:
    read: dict[str, object] = json.loads((set_.folder / path).read_text())
    return read


@pytest.mark.control("STO-10")
@pytest.mark.control("DRL-02")
def test_health_comes_back_from_two_sites(authorized: Stage) -> None:
    """A1 proves theirs with the witness; B2 mistypes three times. Both records come back, one killed on the way, and count once."""
    shown, code = kit(authorized, "kit", "A1", "B2")
    assert code == 0, shown[-2000:]
    (authorized.folder / "register").rename(authorized.folder / "elsewhere")
    before = {p: card(authorized, p).read_bytes() for p in ("A1", "B2")}
    authorized.cast.pace = eyes = Eyes()
    genesis = at_site_genesis(authorized)
    shown, code = rehearsal.run(authorized, *genesis, "--out", "from-a1", "--position", "A1", "--with", "witness")
    assert code == 0, shown[-2000:]
    assert "A1: the sealed share opened, and matched its commitment" in shown
    assert (eyes.wide, eyes.coloured) == ([], set())
    assert [n for n in range(1, len(STEPS) + 1) if f"step {n} of {len(STEPS)}" not in shown] == []
    right, authorized.cast.passphrases["B2"] = authorized.cast.passphrases["B2"], "not the right words at all"
    shown, code = rehearsal.run(authorized, *genesis, "--out", "from-b2", "--position", "B2")
    assert (code, "STO-10 not every share proved healthy" in shown) == (1, True), shown[-2000:]
    assert {p: card(authorized, p).read_bytes() for p in ("A1", "B2")} == before, "locked by nobody"
    (authorized.folder / "elsewhere").rename(authorized.folder / "register")
    record = found(authorized, "from-a1/health-a1.json")
    assert (record["result"], record["sealing"], record["second"]) == ("matched", "1", "witness")
    assert record["protection"]
    assert found(authorized, "from-b2/health-b2.json")["result"] == "wrong-passphrase"
    both = ("from-a1/health-a1.json", "from-b2/health-b2.json")
    shown, code = rehearsal.run_broken(authorized, "kill-after:healthy", take(authorized, *both))
    assert code == KILLED, shown[-2000:]
    authorized.cast.papers = {**authorized.cast.papers, "a health record, or of a folder of them": "from-b2"}
    shown, code = rehearsal.run(authorized, *words(authorized, "resume"))
    assert code == 0, shown[-2000:]
    types = rehearsal.types(authorized)
    assert (types.count("healthy"), types.count("unhealthy"), types.count("bag-closed")) == (1, 0, 1)
    shown, code = rehearsal.run(authorized, *take(authorized, *both))
    assert code == 0, shown[-2000:]
    assert "has already" in shown
    assert rehearsal.refusals(authorized) == ["STO-10"]
    assert "FAILED at their sites: B2" in shown
    both_verify(authorized)
    book = Register.open(authorized.folder / "register")
    known = health.of(book.ceremonies)
    assert (set(known.failed), known.failed["B2"].why) == ({"B2"}, "its passphrase was wrong three times")
    assert "A1" not in drills.who_must_come(book).prove
    authorized.cast.passphrases["B2"] = right
    shown, code = rehearsal.run(authorized, *words(authorized, "shares", "check"), "--position", "A1", "--position", "B2")
    assert code == 0, shown[-2000:]
    assert Header.unpack(card(authorized, "A1").read_bytes()).sealing == 2
    both_verify(authorized)
    assert health.of(Register.open(authorized.folder / "register").ceremonies).failed == {}
    (authorized.folder / "register").rename(authorized.folder / "elsewhere")
    shown, code = rehearsal.run(authorized, *genesis, "--out", "late", "--position", "A1")
    assert code == 1
    assert "STO-01" in shown, "the kit is older than the bag"


def at_site_genesis(set_: Stage) -> tuple[str, ...]:
    genesis = Register.open(set_.folder / "elsewhere").genesis
    return ("shares", "check", "--kit", "kit", "--genesis", genesis)


@pytest.mark.control("AUD-09")
def test_what_is_no_kit_asks_nobody_for_anything(authorized: Stage, tmp_path: Path) -> None:
    shown, code = kit(authorized, "kit", "A1")
    assert code == 0, shown[-2000:]
    for more, said, expected in (
        (("--position", "B1"), "B1: found no such position in this kit", 2),
        (("--with", "A1"), "expected another person of the charter", 2),
        ((), "is there already", 2),
    ):
        out = "kit" if not more else "out"
        shown, code = rehearsal.run(authorized, *at_site(authorized, out, *more))
        assert (code, said in " ".join(shown.split())) == (expected, True), shown
    shown, code = rehearsal.run(authorized, "shares", "check", "--kit", "kit", "--genesis", "00" * 32, "--out", "out")
    assert (code, "AUD-09" in shown) == (1, True)
    for given in (("--register", "register", "--kit", "kit"), (), ("--kit", "kit"), ("--register", "register", "--out", "out")):
        shown, code = rehearsal.run(authorized, "shares", "check", *given, "--genesis", "00" * 32)
        assert code == 2, shown
    shown, code = kit(authorized, "register/kit", "A1")
    assert (code, "lies in the register" in " ".join(shown.split())) == (2, True)
    shown, code = kit(authorized, "other", "I9")
    assert (code, "I9: found no such position" in shown) == (2, True)
    assert verify(authorized.folder / "register").said == "NOT ANCHORED"
    assert tmp_path.exists()
