"""A register whose policies were amended: what counts, and from when, in the verifier and in the document that travels (AUT-06)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump, load
from ceremony.base.lines import sha256
from ceremony.record import policy_history
from ceremony.record.end import End
from ceremony.record.ledger import Ledger
from ceremony.record.policy import Policy
from ceremony.record.policy_history import Taken, verified
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.desk import OTHER, ceremony
from tests.record import sample
from tests.record.amended import Office
from tests.record.sample import FUND, Play, Scribe
from tests.record.test_verify_stock import run as stock
from transfer.limits import Payee

AT, EARLY = "2026-11-30T06:00:00Z", "2026-11-29T06:00:00Z"
"""When the amendment begins; the first policy's cool-off is 48 hours, and a transfer follows on 1 December at 09:30."""


def listed(policy: Policy) -> Policy:
    """The policy with one more payee, added when it was issued."""
    new = Payee(name="fund", chain="bitcoin", network="regtest", destination=OTHER, added=policy.issued, note="new broker")
    return replace(policy, payees=(*policy.payees, new))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "register")


def refused(office: Office) -> Refused:
    """By both verifiers, with one control."""
    with pytest.raises(Refused) as caught:
        verify(office.folder, office.genesis, office.head)
    done = stock(office.folder, office.genesis, office.head)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, caught.value.identifier), done.stderr
    return caught.value


def verified_by_both(office: Office) -> None:
    assert verify(office.folder, office.genesis, office.head).said == "VERIFIED"
    done = stock(office.folder, office.genesis, office.head)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.control("AUT-06")
@pytest.mark.parametrize("changes", [{"issued": "2026-11-01T09:00:00Z"}, {"cool_off_hours": 0}], ids=["dated back", "lowered"])
def test_a_payee_that_was_listed_the_same_morning_is_not_paid(office: Office, changes: dict[str, Any]) -> None:
    office.amend(policy=listed(office.policy(**changes)), start=AT)
    office.transfer(**FUND)
    found = refused(office)
    assert found.identifier == "AUT-06"
    assert "2026-12-02T06:0" in found.expected


def test_it_is_paid_once_the_older_cool_off_is_over(office: Office) -> None:
    office.amend(policy=listed(office.policy(cool_off_hours=0)), start=EARLY)
    office.transfer(**FUND)
    verified_by_both(office)


@pytest.mark.control("AUT-07")
@pytest.mark.parametrize(("start", "identifier"), [(AT, "AUT-07"), (EARLY, None)])
def test_what_is_loosened_counts_when_the_cool_off_is_over(office: Office, start: str, identifier: str | None) -> None:
    office.amend(policy=office.policy(fee_cap=200_000), start=start)
    office.transfer(fee_cap=150_000)
    if identifier is None:
        verified_by_both(office)
    else:
        assert refused(office).identifier == identifier


@pytest.mark.control("AUD-12")
def test_a_policy_in_a_transfer_never_counts(tmp_path: Path) -> None:
    """Three signatures that were given once, and given up, do not count because an editor puts them into another ceremony."""

    def slipped_in(scribe: Scribe, title: str) -> None:
        if scribe.transcript.state.opened.kind == "transfer" and title == "Review":
            scribe.keep("policy.json", "policy", dump(listed(first[0])))
            scribe.sign_file("policy", "policy.json", ("cfo", "cto", "witness"))

    first: list[Policy] = []
    office = Office(tmp_path / "register", Play(before=slipped_in))
    first.append(office.policy())
    before = Register.open(office.folder).policy
    office.transfer()
    book = Register.open(office.folder)
    assert book.policy == before == _ledger(book).policy
    assert refused(office).identifier == "AUD-12"


def _ledger(book: Register) -> Ledger:
    found = Ledger(genesis=book.genesis, chain=book.chain)
    for each in book.ceremonies:
        found = found.after(each)
    return found


@pytest.mark.control("AUT-06")
@pytest.mark.parametrize("kind", ["policy", "charter"])
def test_nothing_comes_in_that_is_dated_after_the_amendment(office: Office, kind: str) -> None:
    ahead = "2026-11-30T07:00:00Z"
    if kind == "policy":
        office.amend(policy=office.policy(issued=ahead), start=AT)
    else:
        office.amend(office.later(issued=ahead, vault_minutes=30), start=AT)
    assert refused(office).identifier == "AUT-06"


@pytest.mark.control("ASM-04")
def test_no_amendment_is_dated_before_a_receipt_that_people_signed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that wrote receipt and amendment is two days behind the time that the receipt names."""
    office.transfer()
    monkeypatch.setitem(sample.START, "receipt", "2026-12-04T12:00:00Z")
    office.receipt(of=2)
    office.amend(policy=office.policy(), start="2026-12-02T06:00:00Z")
    assert refused(office).identifier == "ASM-04"


def test_the_document_says_what_the_register_says(office: Office) -> None:
    office.amend(policy=listed(office.policy(cool_off_hours=0)), start=AT)
    book = Register.open(office.folder)
    raw = dump(policy_history.of(book))
    assert verified(raw, book.chain, book.policy.digest) == book.history


def test_the_register_writes_the_document(office: Office, tmp_path: Path) -> None:
    """`ceremony register history`, never over another file."""
    office.amend(policy=listed(office.policy(cool_off_hours=0)), start=AT)
    out = tmp_path / "history.json"
    asked = ("register", "history", f"--register={office.folder}", f"--genesis={office.genesis}", f"-o{out}")
    done = ceremony(*asked)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == dump(policy_history.of(Register.open(office.folder)))
    assert ceremony(*asked).returncode == 2


Change = Callable[[Office, Taken], Taken]


def _said(office: Office, old: Taken, **changes: Any) -> Taken:
    """The end says something else, and is signed again by administrator and witness."""
    return _signed(office, old, replace(load(End, old.end.encode(), "end"), **changes).text)


def _signed(office: Office, old: Taken, text: str, people: tuple[str, ...] = ("administrator", "witness")) -> Taken:
    return replace(old, end=text, signatures=tuple(office.desk.sign(person, text.encode(), "end@cold-ceremony") for person in people))


def _closed(office: Office, old: Taken, before: str, after: str) -> Taken:
    """The closing is another one, which the end names."""
    line = old.closing.replace(before, after)
    assert line != old.closing
    return _said(office, replace(old, closing=line), closed=sha256(line.encode()))


BROKEN: dict[str, Change] = {
    "earlier than its closing": lambda _, old: replace(old, ended="2026-11-29T00:00:00Z"),
    "another closing": lambda _, old: replace(old, closing=old.closing.replace("2026-11-30T06", "2026-11-20T06")),
    "another policy": lambda office, old: _said(office, old, policy="11" * 32),
    "another genesis": lambda office, old: _said(office, old, genesis="11" * 32),
    "of a transfer": lambda office, old: _said(office, old, kind="transfer"),
    "void": lambda office, old: _closed(office, _said(office, old, outcome="void"), '"amended"', '"void"'),
    "of the ceremony before": lambda office, old: _said(office, old, ceremony=1),
    "by the administrator alone": lambda office, old: _signed(office, old, old.end, ("administrator",)),
    "by somebody else": lambda office, old: _signed(office, old, old.end, ("administrator", "cfo")),
    "by neither": lambda _, old: replace(old, signatures=()),
    "a signature of another end": lambda office, old: replace(_said(office, old, ceremony=7), end=old.end),
}


@pytest.mark.control("AUT-06")
@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_document_that_does_not_hold(office: Office, name: str) -> None:
    office.amend(policy=listed(office.policy(cool_off_hours=0)), start=AT)
    book = Register.open(office.folder)
    good = policy_history.of(book)
    first, second = good.policies
    bad = replace(good, policies=(first, BROKEN[name](office, second)))
    with pytest.raises(Refused) as caught:
        verified(dump(bad), book.chain, book.policy.digest)
    assert caught.value.identifier in {"AUT-06", "AUT-03"}


@pytest.mark.control("AUT-06")
def test_no_policy_is_left_out_of_the_document(office: Office) -> None:
    office.amend(policy=office.policy(cool_off_hours=0), start=EARLY)
    office.amend(policy=listed(office.policy(cool_off_hours=0)), start="2026-12-01T06:00:00Z")
    book = Register.open(office.folder)
    good = policy_history.of(book)
    first, second, third = good.policies
    for policies in ((first, third), (second, third), (third,), (first, second), ()):
        with pytest.raises(Refused) as caught:
            verified(dump(replace(good, policies=policies)), book.chain, book.policy.digest)
        assert caught.value.identifier in {"AUT-01", "AUT-06"}
