"""Bags, as both verifiers hold to them: a number is used once, the bag that is opened was closed last, two people sign a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump
from ceremony.record import entries as E
from ceremony.record.verify import verify
from tests.record import sample
from tests.record.sample import Anchor, Change, Play, Scribe
from tests.record.test_exceptional import form_of
from tests.record.test_health_rules import check as checked
from tests.record.test_health_rules import ended
from tests.record.test_verify_stock import run as stock

OPENED, CLOSED = E.BagOpened, E.BagClosed


def at(kind: str, cls: type, position: str, what: Callable[[Any], Iterable[Any]]) -> Change:
    """Other bodies where a bag of this position stands in this kind of ceremony."""

    def change(where: str, actor: str, body: Any) -> Iterable[sample.Entry]:
        if where == kind and isinstance(body, cls) and body.position == position:
            return [(actor, other) for other in what(body)]
        return [(actor, body)]

    return change


def both(anchor: Anchor, control: str) -> None:
    with pytest.raises(Refused) as refused:
        verify(anchor.register, anchor.genesis, anchor.head)
    assert refused.value.identifier == control, refused.value
    found = stock(anchor.register, anchor.genesis, anchor.head)
    assert (found.returncode, found.stderr.split(" ")[0]) == (1, control), found.stderr


@pytest.mark.control("STO-01")
@pytest.mark.parametrize(
    "change",
    [
        at("transfer", CLOSED, "A1", lambda b: [replace(b, bag="A1-0001")]),  # the bag that was cut open just now
        at("transfer", CLOSED, "A1", lambda b: [replace(b, bag="D3-0001")]),  # a number of somebody who is not here
        at("keygen", CLOSED, "B1", lambda b: [replace(b, bag="A1-0001")]),  # two bags of one number
        at("transfer", OPENED, "A1", lambda b: [replace(b, bag="A1-0007")]),  # a bag that was never closed
        at("transfer", OPENED, "A1", lambda b: [replace(b, bag="A2-0001")]),  # another position's
        at("transfer", OPENED, "A1", lambda b: [replace(b, bag="A2-0001", state="wet")]),
        at("transfer", OPENED, "A1", lambda b: [replace(b, state="replaced")]),  # replaced by itself
        at("transfer", OPENED, "A1", lambda b: [replace(b, bag=None)]),  # intact, but none
        at("transfer", OPENED, "A1", lambda b: [replace(b, state="missing")]),  # missing, but with a number
        at("transfer", OPENED, "A1", lambda _: []),  # nobody looked
    ],
)
def test_a_bag_that_cannot_be(change: Change, tmp_path: Path) -> None:
    both(sample.write(tmp_path / "register", Play(change=change)), "STO-01")


STATES = (
    lambda b: [replace(b, state="cut")],
    lambda b: [replace(b, bag="XY-99", state="replaced")],
    lambda b: [replace(b, bag=None, state="missing")],
)


@pytest.mark.control("STO-01")
def test_a_bag_that_took_the_place_of_the_right_one_is_used_as_well(tmp_path: Path) -> None:
    opened = at("check", OPENED, "B3", STATES[1])
    closed = at("check", CLOSED, "B3", lambda b: [replace(b, bag="XY-99")])

    def change(where: str, actor: str, body: Any) -> Iterable[sample.Entry]:
        return [entry for first in opened(where, actor, body) for entry in closed(where, *first)]

    both(ended(tmp_path / "register", checked, change), "STO-01")


@pytest.mark.control("STO-02")
@pytest.mark.parametrize("what", STATES)
def test_a_bag_that_is_not_intact_halts_a_transfer(what: Any, tmp_path: Path) -> None:
    both(sample.write(tmp_path / "register", Play(change=at("transfer", OPENED, "B3", what))), "STO-02")


def signed(title: str) -> Callable[[Scribe, str], None]:
    def before(scribe: Scribe, now: str) -> None:
        if now == title and scribe.kind == "transfer":
            scribe.keep("exception-1.json", "exception", dump(form_of(scribe, control="STO-02")))
            scribe.sign_file("exception", "exception-1.json", ("cfo", "cto"))
            scribe.add("tool", E.Excepted(control="STO-02", file="exception-1.json"))

    return before


def test_both_officers_may_except_it_once_they_know(tmp_path: Path) -> None:
    change = at("transfer", OPENED, "B3", STATES[0])
    made = sample.write(tmp_path / "register", Play(change=change, before=signed("Open the bags")))
    assert verify(made.register, made.genesis, made.head).said == "VERIFIED"
    assert stock(made.register, made.genesis, made.head).returncode == 0
    both(sample.write(tmp_path / "early", Play(change=change, before=signed("Roll-call"))), "STO-02")


def test_a_check_goes_on_and_records_it(tmp_path: Path) -> None:
    made = ended(tmp_path / "register", checked, at("check", OPENED, "B3", STATES[0]))
    assert verify(made.register, made.genesis, made.head).said == "VERIFIED"
    assert stock(made.register, made.genesis, made.head).returncode == 0


@pytest.mark.control("SEC-02")
@pytest.mark.parametrize("kind", ["keygen", "transfer"])
def test_a_share_that_lies_in_no_bag_at_the_end(kind: str, tmp_path: Path) -> None:
    both(sample.write(tmp_path / "register", Play(change=at(kind, CLOSED, "A1", lambda _: []))), "SEC-02")


@pytest.mark.control("SEC-02")
def test_a_bag_that_was_closed_after_the_witness_had_signed(tmp_path: Path) -> None:
    kept: list[Any] = []

    def late(where: str, actor: str, body: Any) -> Iterable[sample.Entry]:
        if where == "transfer" and isinstance(body, CLOSED) and body.position == "A1":
            kept.append((actor, body))
            return []
        if where == "transfer" and isinstance(body, E.Step) and body.title == "Adjourn":
            return [*kept, (actor, body)]
        return [(actor, body)]

    made = sample.write(tmp_path / "register", Play(change=late))
    with pytest.raises(Refused, match="SEC-02 0002-transfer: the new bag of A1"):
        verify(made.register, made.genesis, made.head)
    assert stock(made.register, made.genesis, made.head).stderr.startswith("AUD-02")
