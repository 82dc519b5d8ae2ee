"""A signing key that is suspended signs nothing, from the entry on that says so, until it is lifted or the charter has another (STO-07)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ceremony.record.loss import SignedLoss
from ceremony.record.register import Register
from ceremony.record.suspension import SignedSuspension
from tests.record import suspended as forms
from tests.record.amended import QUORUM, Office
from tests.record.sample import FastDesk, Sample
from tests.record.suspended import form, signed, take
from tests.record.test_stock_rules import asked


@dataclass
class Play:
    """A key, and suspensions that come into its register."""

    folder: Path
    number: int = 2
    made: Sample = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.made = Sample(FastDesk(self.folder), self.folder)
        self.head = self.made.keygen()

    def take(self, *forms: SignedSuspension, **opening: Any) -> Play:
        self.head = take(self.made, self.number, self.head, forms, **opening)
        self.number += 1
        return self

    def suspend(self, person: str, by: str, *signers: str, **changes: Any) -> SignedSuspension:
        return signed(self.made, form(self.made, person, by, **changes), *(signers or (by,)))

    def lift(self, person: str, by: str, *signers: str, **changes: Any) -> SignedSuspension:
        return signed(self.made, form(self.made, person, by, "lift", **changes), *signers)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path / "register")


def told(play: Play) -> list[str]:
    book = Register.open(play.folder)
    return [f"{each.form.person} by {each.form.by}" for each in book.suspended.undecided(book.charter)]


Forms = Callable[[Play], tuple[SignedSuspension, ...]]
TAKEN: dict[str, tuple[str, Forms]] = {
    "by themself": ("", lambda p: (p.suspend("A2", "A2"),)),
    "by an officer": ("", lambda p: (p.suspend("A2", "cfo"),)),
    "the other officer": ("", lambda p: (p.suspend("cto", "cfo"),)),
    "by another custodian": ("STO-07", lambda p: (p.suspend("A2", "A1"),)),
    "by the witness": ("STO-07", lambda p: (p.suspend("A2", "witness"),)),
    "signed by another officer": ("STO-07", lambda p: (p.suspend("A2", "cfo", "cto"),)),
    "of another key": ("STO-07", lambda p: (p.suspend("A2", "cfo", key=p.made.desk.keys["A1"]),)),
    "of another genesis": ("STO-07", lambda p: (p.suspend("A2", "cfo", genesis="ab" * 32),)),
    "of production": ("STO-07", lambda p: (p.suspend("A2", "cfo", mark="production"),)),
    "with somebody else's key": ("AUT-03", lambda p: (signed(p.made, form(p.made, "A2", "cfo"), "cfo", key="A2"),)),
    "in another namespace": ("AUT-03", lambda p: (signed(p.made, form(p.made, "A2", "cfo"), "cfo", namespace="loss@cold-ceremony"),)),
    "twice": ("STO-07", lambda p: (p.suspend("A2", "cfo"), p.suspend("A2", "A2"))),
    "a second by the same officer": ("STO-07", lambda p: (p.suspend("A2", "cfo"), p.suspend("B1", "cfo"))),
    "a second with the witness": ("", lambda p: (p.suspend("A2", "cfo"), p.suspend("B1", "cfo", "cfo", "witness"))),
    "a second with the other officer": ("", lambda p: (p.suspend("A2", "cfo"), p.suspend("B1", "cfo", "cfo", "cto"))),
    "a second with its own person": ("STO-07", lambda p: (p.suspend("A2", "cfo"), p.suspend("witness", "cfo", "cfo", "witness"))),
    "a second with a custodian": ("STO-07", lambda p: (p.suspend("A2", "cfo"), p.suspend("B1", "cfo", "cfo", "B2"))),
    "a second by the other officer": ("", lambda p: (p.suspend("A2", "cfo"), p.suspend("B1", "cto"))),
    "by who is suspended": ("STO-07", lambda p: (p.suspend("cfo", "cto"), p.suspend("A2", "cfo"))),
    "a second with who is suspended": (
        "STO-07",
        lambda p: (p.suspend("witness", "witness"), p.suspend("A2", "cfo"), p.suspend("B1", "cfo", "cfo", "witness")),
    ),
    "lifted by all who must": ("", lambda p: (p.suspend("A2", "cfo"), p.lift("A2", "cfo", "cto", "witness", *without("A2")))),
    "lifted of themself by all who must": ("", lambda p: (p.suspend("A2", "A2"), p.lift("A2", "A2", "cfo", "cto", "witness"))),
    "lifted by the suspender": ("STO-07", lambda p: (p.suspend("A2", "cfo"), p.lift("A2", "cfo", "cfo", "cto", "witness", *without("A2")))),
    "lifted by the suspended": ("STO-07", lambda p: (p.suspend("A2", "A2"), p.lift("A2", "A2", "A2", "cfo", "cto", "witness"))),
    "lifted by too few": ("STO-07", lambda p: (p.suspend("A2", "cfo"), p.lift("A2", "cfo", "cto", "witness"))),
    "lifted as if by another": (
        "STO-07",
        lambda p: (p.suspend("A2", "cfo"), p.lift("A2", "cto", "cfo", "witness", *without("A2"))),
    ),
    "lifted and not suspended": ("STO-07", lambda p: (p.lift("A2", "cfo", "cto", "witness", *without("A2")),)),
    "lifted by who is suspended": (
        "STO-07",
        lambda p: (p.suspend("A2", "A2"), p.suspend("B1", "B1"), p.lift("A2", "A2", "cfo", "cto", "witness", "B1")),
    ),
    "one of two lifted for the other": (
        "",
        lambda p: (p.suspend("cfo", "cfo"), p.suspend("cto", "cto"), p.lift("cfo", "cfo", "witness", *every_site())),
    ),
    "an old form, once more": (
        "STO-07",
        lambda p: (p.suspend("A2", "A2"), p.lift("A2", "A2", "cfo", "cto", "witness"), p.suspend("A2", "A2")),
    ),
    "an old lift of a later suspension": (
        "STO-07",
        lambda p: (p.suspend("A2", "A2"), p.lift("A2", "A2", "cfo", "cto", "witness", issued="2026-11-11T00:00:00Z")),
    ),
    "a lift that was taken in before": (
        "STO-07",
        lambda p: (
            p.suspend("A2", "A2"),
            p.lift("A2", "A2", "cfo", "cto", "witness"),
            p.suspend("A2", "A2", reason="once more"),
            p.lift("A2", "A2", "cfo", "cto", "witness"),
        ),
    ),
    "suspended, lifted, suspended": (
        "",
        lambda p: (p.suspend("A2", "A2"), p.lift("A2", "A2", "cfo", "cto", "witness"), p.suspend("A2", "cfo")),
    ),
}


def without(*people: str) -> tuple[str, ...]:
    """A quorum without these custodians."""
    return tuple(p for p in (*QUORUM, "A3", "B3") if p not in people)


def every_site() -> tuple[str, ...]:
    """The threshold of custodians of every site."""
    return tuple(f"{letter}{n}" for letter in "ABCD" for n in (1, 2))


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("name", TAKEN)
def test_a_form_that_suspends_or_lifts(name: str, play: Play) -> None:
    control, made = TAKEN[name]
    play.take(*made(play))
    assert asked(play.folder) == (control, control)


def test_a_suspension_counts_from_ceremony_to_ceremony(play: Play) -> None:
    """One that a ceremony took in stands in the next one; the order is that of the list and of the ceremonies."""
    play.take(play.suspend("A2", "cfo"))
    assert told(play) == ["A2 by cfo"]
    play.take(play.suspend("B1", "cfo", "cfo", "witness"))
    assert told(play) == ["A2 by cfo", "B1 by cfo"]
    play.take(play.lift("A2", "cfo", "cto", "witness", *without("A2", "B1")))
    assert told(play) == ["B1 by cfo"]
    assert asked(play.folder) == ("", "")
    play.take(play.suspend("C1", "cfo"))
    assert asked(play.folder) == ("STO-07", "STO-07")


@pytest.mark.control("AUD-08")
def test_a_custody_ceremony_without_a_record_takes_in_a_suspension_or_is_none(play: Play) -> None:
    """Who takes the suspension out of the record, and lets all sign anew, leaves a ceremony that did nothing."""
    play.take()
    assert asked(play.folder) == ("AUD-08", "AUD-08")


def lost(play: Play, person: str, *people: str) -> SignedLoss:
    """For this person others sign in the next ceremony."""
    return forms.lost(play.made, play.number, play.head, person, *people)


@pytest.mark.control("STO-07", "SET-10")
def test_for_a_suspended_administrator_others_sign_by_the_form_of_a_loss(play: Play) -> None:
    play.take(play.suspend("administrator", "cfo"))
    assert asked(play.folder) == ("STO-07", "STO-07")
    again = Play(play.folder.with_name("again"))
    again.take(again.suspend("administrator", "cfo"), loss=lost(again, "administrator", "cfo", "cto", "witness"))
    assert asked(again.folder) == ("", "")


@pytest.mark.control("STO-07")
def test_who_is_suspended_signs_no_form_of_a_loss(play: Play) -> None:
    """Not one beside which they are suspended either: the suspension counts first."""
    signers = ("cfo", "cto", "witness", "A2")
    play.take(play.suspend("A2", "A2"), loss=lost(play, "administrator", *signers))
    assert asked(play.folder) == ("STO-07", "STO-07")


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("person", ["cfo", "A1", "B1"])
def test_what_a_suspended_key_signs_is_no_entry(person: str, play: Play) -> None:
    """An authorization of the CFO; a custodian's opening; the approval is behind it. All others sign anew over it."""
    play.take(play.suspend(person, "cto"))
    play.made.transfer(3, play.head)
    assert asked(play.folder) == ("STO-07", "STO-07")


def test_what_was_signed_before_stands(play: Play) -> None:
    play.head, play.number = play.made.transfer(2, play.head), 3
    play.take(play.suspend("cfo", "cfo"), play.suspend("A1", "A1"), start="2026-11-25T09:00:00Z")
    assert asked(play.folder) == ("", "")


@pytest.mark.control("STO-07")
def test_another_key_in_the_charter_decides_it(tmp_path: Path) -> None:
    """And the key of before stays suspended, should a charter ever come back to it."""
    office = Office(tmp_path / "register", cool_off=0)
    old = office.desk.keys["A1"]
    own = signed(office.sample, form(office.sample, "A1", "cfo"), "cfo")
    office._ended(take(office.sample, office.number, office.head, (own,)))
    office.amend(office.later({"A1": "second"}), new_keys={"A1": "second"})
    book = Register.open(office.folder)
    assert (book.suspended.undecided(book.charter), list(book.suspended.keys)) == ((), [old])
    office.sample.shift = 20
    office.transfer()
    assert asked(office.folder) == ("", "")
    office.amend(office.later({"A1": ""}), new_keys={"A1": ""}, start="2026-12-20T09:00:00Z")
    book = Register.open(office.folder)
    assert [each.form.person for each in book.suspended.undecided(book.charter)] == ["A1"]
