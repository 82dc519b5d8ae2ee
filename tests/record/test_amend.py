"""Amendments in the register: what counts, from when on, and what both verifiers refuse (STO-07)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.record import entries
from ceremony.record.chain import cool_off_ends
from ceremony.record.charter import OFFICERS
from ceremony.record.register import Register
from ceremony.record.report import commands, report
from ceremony.record.verify import verify
from tests.record.amended import QUORUM, SUCCESSORS, Office
from tests.record.report_page import read, run
from tests.record.sample import Entry, Play
from transfer.limits import Payee

STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
NEW_A1 = {"A1": "second"}
NEW_CFO = {"cfo": "successor"}
PROPOSED, EARLY, LATE = "2026-11-22T09:00:00Z", "2026-11-23T09:00:00Z", "2026-11-25T09:00:00Z"
"""The policy's cool-off is 48 hours."""


def verdict(office: Office) -> str:
    """The verdict of the Python verifier, and that of the stock tools, which must be one."""
    ours = str(verify(office.folder, office.genesis, office.head).said)
    done = subprocess.run(["sh", STOCK, office.folder, office.genesis, office.head], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == [ours], done.stderr
    return ours


def refused(office: Office, *, stock: str | None = None) -> str:
    """The control by which the Python verifier refuses; the stock tools refuse as well (`stock`: by another one; `-`: they do not look)."""
    with pytest.raises(Refused) as caught:
        verify(office.folder, office.genesis, office.head)
    done = subprocess.run(["sh", STOCK, office.folder, office.genesis, office.head], capture_output=True, text=True, check=False)
    if stock != "-":
        assert (done.returncode, done.stderr.split(" ")[0]) == (1, stock or caught.value.identifier), done.stderr
    return caught.value.identifier


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Without a cool-off: what loosens counts at once."""
    return Office(tmp_path / "register", cool_off=0)


@pytest.fixture
def waiting(tmp_path: Path) -> Office:
    """With a cool-off of 48 hours."""
    return Office(tmp_path / "register")


def test_a_transfer_after_a_custodians_key_was_replaced(office: Office) -> None:
    office.transfer()
    office.receipt(of=2)
    office.amend(office.later(NEW_A1), new_keys=NEW_A1)
    office.transfer()
    assert verdict(office) == "VERIFIED"
    book = Register.open(office.folder)
    assert [charter.number for charter in book.charters] == [0, 0, 0, 0, 1, 1]
    assert book.charter.key("A1") != book.charters[0].key("A1")
    assert [charter.number for charter in book.chain.charters] == [0, 1]


@pytest.mark.control("AUT-03")
def test_the_old_key_is_refused_from_then_on(office: Office) -> None:
    office.amend(office.later(NEW_A1))  # A1 goes on signing with the key that is revoked
    office.transfer()
    assert refused(office) == "AUT-03"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("missing", ["cfo", "cto", "witness"])
def test_an_amendment_lacks_a_signature(office: Office, missing: str) -> None:
    signers = [person for person in ("cfo", "cto", "witness") if person != missing]
    office.amend(office.later(NEW_A1), signers=signers, new_keys=NEW_A1)
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("who", ["cfo", "witness"])
def test_an_amendment_is_signed_with_the_keys_that_it_grants(office: Office, who: str) -> None:
    """The subject of a change cannot bring it about: its predecessor's keys sign."""
    new = {who: "mine"}
    charter = office.later(new)
    office.adopt(who, "mine")
    office.amend(charter, new_keys=new)
    assert refused(office, stock="AUT-03") == "AUT-03"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize(
    "change",
    [
        {"organisation": "Another Desk"},
        {"number": 2},
        {"previous": "ab" * 32},
        {"people": lambda c: c.people},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_amendment_of_what_the_key_stands_on(office: Office, change: dict[str, Any]) -> None:
    charter = office.later({} if "people" in change else NEW_A1)
    made = {name: value(charter) if callable(value) else value for name, value in change.items()}
    office.amend(replace(charter, **made))
    assert refused(office) == "STO-07"


def without(kind: type, to: Callable[[Any], Any] | None = None) -> Play:
    """A play in which entries of a kind are missing in amendments, or are others."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony.startswith("amend") and isinstance(body, kind):
            return [] if to is None else [(actor, to(body))]
        return [(actor, body)]

    return Play(change=change)


@pytest.mark.control("STO-07")
@pytest.mark.parametrize(
    ("kind", "to"),
    [
        (entries.Revoked, None),
        (entries.Granted, None),
        (entries.Amended, None),
        (entries.Revoked, lambda b: replace(b, decision="not needed")),
        (entries.Amended, lambda b: replace(b, charter="ab" * 32)),
    ],
)
def test_an_amendment_that_does_not_tell_what_it_does(tmp_path: Path, kind: type, to: Callable[[Any], Any] | None) -> None:
    office = Office(tmp_path / "register", without(kind, to), cool_off=0)
    office.amend(office.later(NEW_A1, {"A1": "Somebody Else"}), new_keys=NEW_A1)
    assert refused(office, stock="-" if kind is entries.Revoked and to else None) == "STO-07"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("person", ["A1", "administrator"])
def test_nobody_enters_what_becomes_of_their_own_key(tmp_path: Path, person: str) -> None:
    """It is the administrator's entry; the witness's where the administrator is the subject."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        mine = isinstance(body, entries.Revoked | entries.Granted) and body.person == person
        return [(person if mine else actor, body)]

    good = Office(tmp_path / "good", cool_off=0)
    good.amend(good.later({person: "new"}), new_keys={person: "new"})
    told = [e for e in Register.open(good.folder).ceremonies[-1].state.entries if isinstance(e.body, entries.Revoked | entries.Granted)]
    assert {e.actor for e in told} == {"witness" if person == "administrator" else "administrator"}
    office = Office(tmp_path / "register", Play(change=change), cool_off=0)
    office.amend(office.later({person: "new"}), new_keys={person: "new"})
    assert refused(office) == "STO-07"


@pytest.mark.control("AUD-02")
def test_who_entered_it_signs_its_end(tmp_path: Path) -> None:
    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        end = ceremony.startswith("amend") and isinstance(body, entries.Closed)
        return [(actor, replace(body, signers=("witness",)) if end else body)]

    office = Office(tmp_path / "register", Play(change=change), cool_off=0)
    office.amend(office.later(NEW_A1), new_keys=NEW_A1)
    assert refused(office) == "AUD-02"


def test_a_later_policy(office: Office) -> None:
    payee = office.sample.policy.payees[0]
    other = Payee(
        name="second", chain="bitcoin", network="regtest", destination="bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
        added="2026-11-21T09:00:00Z", note="A second one",
    )  # fmt: skip
    office.amend(policy=office.policy(payees=(payee, other), per_transfer=150_000_000))
    office.transfer()
    assert verdict(office) == "VERIFIED"
    assert Register.open(office.folder).policy.per_transfer == 150_000_000


@pytest.mark.parametrize(
    ("change", "signers", "identifier"),
    [
        ({"number": 2}, None, "AUT-01"),
        ({"charter": "ab" * 32}, None, "AUT-01"),
        ({}, ("cfo", "cto"), "AUD-02"),
    ],
)
def test_a_policy_that_does_not_follow(office: Office, change: dict[str, Any], signers: tuple[str, ...] | None, identifier: str) -> None:
    office.amend(policy=office.policy(per_transfer=1_000, **change), policy_signers=signers or ("cfo", "cto", "witness"))
    assert refused(office, stock=None if signers else "-") == identifier


def test_a_charter_and_a_policy_at_once(office: Office) -> None:
    """The policy is of the new charter, and signed with its keys."""
    charter = office.later({"cto": "next"}, officers_approve="no", vault_minutes=30)
    policy = office.policy(charter=charter.digest, per_transfer=90_000_000)
    office.amend(charter, policy, new_keys={"cto": "next"})
    office.transfer()
    assert verdict(office) == "VERIFIED"


def test_the_policy_in_force_outlives_an_amendment(office: Office) -> None:
    office.amend(office.later(NEW_A1), new_keys=NEW_A1)
    office.transfer()
    assert Register.open(office.folder).policy.charter == office.genesis
    assert verdict(office) == "VERIFIED"


@pytest.mark.control("AUT-01")
@pytest.mark.parametrize("of", ["charter", "policy"])
def test_an_authorization_of_a_charter_or_policy_that_was_replaced(office: Office, of: str) -> None:
    old = {"charter": office.sample.charter.digest, "policy": office.sample.policy.digest}[of]
    charter = office.later(NEW_A1)
    office.amend(charter, office.policy(charter=charter.digest, per_transfer=90_000_000), new_keys=NEW_A1)
    office.transfer(**{of: old})
    assert refused(office, stock="-") == "AUT-01"


def given_up(kind: str, actor: str, body: Any) -> Iterable[Entry]:
    """Voided at the end of its first step, which administrator and witness have signed."""
    if kind.startswith("amend") and isinstance(body, entries.Step):
        return []
    return [
        (actor, replace(body, outcome="void", reason="given up") if isinstance(body, entries.Closed) and kind.startswith("amend") else body)
    ]


def test_a_void_amendment_never_counted(office: Office) -> None:
    charter = office.later(NEW_A1)
    office.sample.play = Play(change=given_up)
    office.amend(charter)
    office.sample.play, office.sample.charter = Play(), office.sample.founding
    office.transfer()
    assert verdict(office) == "VERIFIED"
    assert Register.open(office.folder).charter.number == 0


def test_the_administrator_who_is_replaced_need_not_be_there(office: Office) -> None:
    """The end of the step is signed with the keys of the charter that counts by then."""
    office.amend(office.later({"administrator": "next"}, {"administrator": "Another Person"}), new_keys={"administrator": "next"})
    office.transfer()
    assert verdict(office) == "VERIFIED"


# --- succession of a lost officer ------------------------------------------------------------------------------------------


def test_a_lost_officer_is_succeeded_after_the_cool_off(waiting: Office) -> None:
    charter = waiting.later(NEW_CFO, {"cfo": "New Officer"})
    waiting.propose(charter, start=PROPOSED)
    assert verdict(waiting) == "VERIFIED"
    told = " ".join(verify(waiting.folder, waiting.genesis, waiting.head).notes)
    assert "a charter is proposed that replaces the cfo, from 2026-11-24T09:00:13Z on" in told
    assert Register.open(waiting.folder).charter.number == 0
    waiting.succeed(charter, waiting.succession(charter, LATE), start=LATE, new_keys=NEW_CFO)
    waiting.transfer()
    assert verdict(waiting) == "VERIFIED"
    assert Register.open(waiting.folder).charter.member("cfo").name == "New Officer"


def proposed(office: Office) -> Any:
    charter = office.later(NEW_CFO, {"cfo": "New Officer"})
    office.propose(charter, start=PROPOSED)
    return charter


@pytest.mark.control("AUT-02", "AUT-03")
def test_the_lost_key_authorizes_nothing_afterwards(waiting: Office) -> None:
    charter = proposed(waiting)
    waiting.succeed(charter, waiting.succession(charter, LATE), start=LATE, new_keys={})  # the lost key goes on signing
    waiting.transfer()
    assert refused(waiting) == "AUT-03"


@pytest.mark.control("AUT-03")
def test_the_new_officer_authorizes_nothing_before(waiting: Office) -> None:
    proposed(waiting)
    waiting.adopt("cfo", "successor")
    waiting.transfer()
    assert refused(waiting) == "AUT-03"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize(
    "signers",
    [
        ("cto", *QUORUM),
        ("witness", *QUORUM),
        ("cto", "witness"),
        ("cto", "witness", "A1", "A2", "B1", "B2", "C1"),
        ("cto", "witness", "A1", "A2", "A3", "B1", "C1", "D1"),
        ("cfo", "witness", *QUORUM),
    ],
    ids="-".join,
)
@pytest.mark.parametrize("time", ["first", "once more"])
def test_a_succession_without_everyone_who_must(waiting: Office, signers: tuple[str, ...], time: str) -> None:
    charter = waiting.later(NEW_CFO, {"cfo": "New Officer"})
    waiting.propose(charter, signers if time == "first" else SUCCESSORS, start=PROPOSED)
    if time == "once more":
        waiting.succeed(charter, waiting.succession(charter, LATE), once_more=signers, start=LATE, new_keys=NEW_CFO)
    assert refused(waiting) == "STO-07"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize(
    ("issued", "start", "change"),
    [
        (EARLY, EARLY, {}),
        (EARLY, LATE, {}),
        (LATE, EARLY, {}),
        (LATE, LATE, {"cool_off_hours": 1}),
        (LATE, LATE, {"proposed_at": "2026-11-10T09:00:00Z"}),
        (LATE, LATE, {"proposed": "ab" * 32}),
        (LATE, LATE, {"charter": "ab" * 32}),
        (LATE, LATE, {"genesis": "ab" * 32}),
    ],
)
def test_a_succession_before_its_time_or_of_something_else(waiting: Office, issued: str, start: str, change: dict[str, Any]) -> None:
    """A clock that is set forward brings no signatures; a document that is dated forward finds the register's clock behind."""
    charter = proposed(waiting)
    waiting.succeed(charter, waiting.succession(charter, issued, **change), start=start, new_keys=NEW_CFO)
    assert refused(waiting, stock="STO-07") == "STO-07"


@pytest.mark.control("STO-07")
def test_a_succession_without_a_proposal(waiting: Office) -> None:
    """The officer and a quorum together cannot skip the cool-off: the charter must have lain in the register meanwhile."""
    charter = waiting.later(NEW_CFO)
    waiting.amend(charter, signers=SUCCESSORS, new_keys=NEW_CFO)
    assert refused(waiting) == "STO-07"


@pytest.mark.control("STO-07")
def test_a_succession_that_changes_more(waiting: Office) -> None:
    waiting.propose(waiting.later({**NEW_CFO, **NEW_A1}), start=PROPOSED)
    assert refused(waiting) == "STO-07"


def test_both_officers_can_replace_one_of_them(office: Office) -> None:
    """An officer who leaves in peace signs the successor's charter."""
    office.amend(office.later(NEW_CFO, {"cfo": "New Officer"}), new_keys=NEW_CFO)
    office.transfer()
    assert verdict(office) == "VERIFIED"


@pytest.mark.control("STO-07")
def test_a_proposal_lapses_when_another_charter_comes_first(waiting: Office) -> None:
    """Who was to be replaced is there after all, and amends with the others."""
    charter = proposed(waiting)
    said = waiting.succession(charter, LATE)
    waiting.amend(waiting.later(vault_minutes=30), start=EARLY)
    waiting.succeed(charter, said, start=LATE, new_keys=NEW_CFO)
    assert refused(waiting) == "STO-07"


def test_the_proposal_is_told_with_its_time(waiting: Office) -> None:
    proposed(waiting)
    (told,) = (e for e in Register.open(waiting.folder).ceremonies[-1].state.entries if isinstance(e.body, entries.Proposed))
    assert told.body.lost in OFFICERS
    assert told.body.not_before == cool_off_ends(told.line.time, 48)


@pytest.mark.long
def test_each_command_of_the_report_holds_by_the_charter_of_its_time(office: Office) -> None:
    office.transfer()
    office.receipt(of=2)
    office.amend(
        office.later(NEW_A1, {"A1": "Another Person"}),
        office.policy(per_transfer=90_000_000, charter=office.later(NEW_A1, {"A1": "Another Person"}).digest),
        new_keys=NEW_A1,
    )
    office.transfer()
    found = verify(office.folder, office.genesis, office.head)
    page = read(report(Register.open(office.folder), found))
    rest = [command for command in page.checks if command != commands.SETUP]
    assert [(command, shown) for command, code, shown in run(commands.SETUP, rest, office.folder) if code != 0] == []
