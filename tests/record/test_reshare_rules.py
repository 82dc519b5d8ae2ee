"""What both verifiers hold a resharing to: each rule broken once in a register that is else really signed; and what may still exist of
a retired set."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.chain import Chain, changes
from ceremony.record.charter import Medium, Member
from ceremony.record.custody import CustodyRecord
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.order import ShareOrder
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.retired import Retired, retired
from ceremony.record.standing import standing
from ceremony.record.verify import verify
from ceremony.screen.custody import status
from ceremony.screen.status import screen
from ceremony.script.ordered import left_behind
from ceremony.script.reshare import check_possible
from tests.record import sample
from tests.record.amended import public_of
from tests.record.sample import Anchor, Change, Entry, FastDesk, Play, Sample, unchanged
from tests.record.test_health_rules import other, without
from tests.record.test_verify_stock import run as stock

START = "2026-11-15T09:00:00Z"
OFFICERS = ("cfo", "cto")
LEFT = ("B2", "D3")
"""Who has no old share with them."""


class Reshared(Sample):
    """A register whose newest set is the one of `made`, once there is one."""

    made: KeyRecord | None = None
    scribe: sample.Scribe

    def begin(self, *asked: Any, **more: Any) -> sample.Scribe:
        self.scribe = super().begin(*asked, **more)
        return self.scribe

    @property
    def key_record(self) -> KeyRecord:
        return self.made or super().key_record


def order(made: Sample, head: str, **changes: Any) -> ShareOrder:
    """Both officers let all shares be made anew."""
    given = ShareOrder(
        kind="reshare",
        mark="practice",
        genesis=made.founding.digest,
        charter=made.charter.digest,
        key_record=made.key_record.digest,
        register_head=head,
        identifier="s-20261114-00000001",
        reason="a custodian leaves",
        requester="cfo",
        not_before="2026-11-14T09:00:00Z",
        expires="2026-11-30T09:00:00Z",
    )
    return replace(given, **changes)


def following(made: Sample, number: int) -> KeyRecord:
    """The same key in other shares."""
    old = made.key_record
    return replace(
        old,
        charter=made.charter.digest,
        ceremony=number,
        follows=old.digest,
        issued=START,
        custodian_commitments={p: sha256(f"{p} {number}".encode()) for p in old.plan.positions},
        site_commitments={letter: sha256(f"{letter} {number}".encode()) for letter in old.plan.letters},
    )


def started(number: int) -> str:
    """When a ceremony of this number begins: the second one at START, then one on each day."""
    return f"2026-11-{13 + number}T09:00:00Z"


def reshare(made: Reshared, number: int, prev: str, record: dict[str, Any], signers: tuple[str, ...] = OFFICERS) -> str:
    """As `ceremony shares reshare` records it. `record`: fields of the new key record that are others (or what makes them of it)."""
    scribe = made.begin(number, "reshare", "reshare", prev, started(number))
    everyone = (*made.charter.custodians, "administrator", "witness")
    said, old = order(made, prev, identifier=f"s-20261114-{number}"), made.key_record
    scribe.keep("share-order.json", "share-order", dump(said))
    scribe.sign_file("share-order", "share-order.json", signers)
    scribe.add("tool", entries.Ordered(order=said.digest, identifier=said.identifier, kind=said.kind, positions=()))
    scribe.step("Share order")
    made._start_vault(scribe)
    scribe.add("tool", entries.VaultEnded(reason="prepared"))
    scribe.step("Machine and HSM")
    scribe.from_outside(number - 1)
    scribe.roll_call(everyone)
    scribe.step("Roll-call")
    made.open_bags(scribe, made.charter.custodians)
    made._start_vault(scribe)
    scribe.add("tool", entries.Resharing(key_record=old.digest, order=said.digest, positions=made.charter.custodians))
    for position in sample.ROOM:
        scribe.add(position, entries.Unlocked(position=position, number=1))
    scribe.step("Unlock the old shares")
    scribe.add("tool", entries.Recovered(positions=sample.ROOM, spares=(), accounts=("main",)))
    made.made = following(made, number)
    made.made = replace(made.made, **{name: value(made.made) if callable(value) else value for name, value in record.items()})
    scribe.keep("key-record.json", "key-record", dump(made.made))
    generated = entries.Generated(
        made="recovered", sources=("os", "HSM"), set_identifier=made.made.set_identifier, commitments=len(everyone) - 2 + 4
    )
    scribe.add("tool", generated)
    scribe.step("Recover and split anew")
    for position in made.charter.custodians:
        sealed = entries.Sealing(
            position=position, number=number, set_identifier=made.made.set_identifier, sha256=sha256(f"{position} {number}".encode())
        )
        scribe.add(position, sealed)
        scribe.add(position, entries.Proven(position=position, number=number, sha256=sealed.sha256))
    scribe.step("Lock, write, read back, open")
    scribe.add("tool", entries.Quorums(of_sites=12, whole=4, stand_for=108))
    scribe.step("Prove every quorum")
    scribe.add("tool", entries.VaultEnded(reason="every share is locked and proven"))
    scribe.sign_file("key-record", "key-record.json", everyone)
    scribe.step("Sign the key record")
    for position in made.charter.custodians:
        if position not in LEFT:
            gone = entries.Destroyed(
                position=position,
                set_identifier=old.set_identifier,
                numbers=(1,),
                medium="a stick",
                tool="cold-ceremony",
                how="overwritten",
            )
            scribe.add(position, gone)
    scribe.step("Destroy the old shares")
    made.close_bags(scribe, made.charter.custodians)
    scribe.checkpoint("adjournment", everyone)
    scribe.step("Adjourn")
    scribe.close("set reshared", "B2 D3 may still exist")
    return scribe.transcript.head


def ended(folder: Path, change: Change = unchanged, record: dict[str, Any] | None = None, signers: tuple[str, ...] = OFFICERS) -> Anchor:
    """A key generation, and a resharing after it; `change` as for the sample."""
    folder.mkdir()
    made = Reshared(FastDesk(folder.parent), folder, Play(change=change))
    head = reshare(made, 2, made.keygen(), record or {}, signers)
    return Anchor(folder, made.charter.digest, head)


@pytest.mark.control("SEC-05")
def test_both_verify_it_and_what_may_still_exist_is_counted(tmp_path: Path) -> None:
    anchor = ended(tmp_path / "register")
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    assert verdict.said == "VERIFIED"
    done = stock(anchor.register, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr) == (0, "")
    book = Register.open(anchor.register)
    assert (book.in_use.ceremony, book.key_began, book.sets.former) == (2, 1, None)
    (left,) = retired(book)
    assert (left.ceremony, left.may_exist, left.enough) == (2, LEFT, False)
    assert book.sets.retired == {left.identifier: 2}
    page = report(book, verdict).decode()
    assert "Ceremony 2: resharing" in page[page.index("Who") : page.index("What did not go")]
    assert "Retired sets" in page
    assert "too few to be the key" in page
    assert "recovered secret split anew" in page
    shown = screen(standing(anchor.register, START), START, "register")
    assert f"  old shares     2 of set {left.identifier} may exist, too few for the key" in shown
    assert max(map(len, shown)) <= 78


@pytest.mark.control("SEC-05")
def test_enough_old_shares_at_large_are_the_key(tmp_path: Path) -> None:
    """Nobody had their old share with them: only a new key and a sweep are safe, and every screen says so."""
    anchor = ended(tmp_path / "register", without(entries.Destroyed))
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    book = Register.open(anchor.register)
    (left,) = retired(book)
    assert (left.may_exist, left.enough) == (book.charter.custodians, True)
    assert "ONLY A NEW KEY AND A SWEEP ARE SAFE" in left.advice
    assert "ONLY A NEW KEY AND A SWEEP ARE SAFE" in report(book, verdict).decode()
    shown = screen(standing(anchor.register, START), START, "register")
    assert any("ENOUGH FOR THE KEY" in line for line in shown)


@pytest.mark.control("SEC-05")
@pytest.mark.parametrize(
    ("medium", "twice", "left_over"),
    [
        ("card", entries.Sealing, ("B2", "C1", "D3")),
        ("file", entries.Sealing, LEFT),
        ("file", entries.Sealing | entries.Proven, ("B2", "C1", "D3")),
    ],
)
def test_a_share_on_two_media_is_destroyed_when_it_is_gone_from_both(
    medium: Medium, twice: Any, left_over: tuple[str, ...], tmp_path: Path
) -> None:
    """A lock of C1 was cut off, so that their share lay on a stick and on a card; the stick's is destroyed, the card is at home. (A
    second file may never have been written; it is not asked for, unless it was proven.)"""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "keygen" and actor == "C1" and isinstance(body, twice):
            onto = {"medium": medium} if isinstance(body, entries.Sealing) else {}
            return [(actor, body), (actor, replace(body, number=9, **onto))]
        return [(actor, body)]

    anchor = ended(tmp_path / "register", change)
    (left,) = retired(Register.open(anchor.register))
    assert left.may_exist == left_over


@pytest.mark.control("SEC-05")
def test_an_old_share_counts_as_destroyed_when_two_people_have_signed_it(tmp_path: Path) -> None:
    """C1 says at the end that they do not agree: what C1 destroyed counts as if it still existed."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "reshare" and actor == "C1" and isinstance(body, entries.Signature) and body.purpose == "adjournment":
            return [
                (actor, entries.Disagreed(to="adjournment", because="mine was not destroyed")),
                (actor, replace(body, purpose="disagreement")),
            ]
        return [(actor, body)]

    anchor = ended(tmp_path / "register", change)
    (left,) = retired(Register.open(anchor.register))
    assert left.may_exist == ("B2", "C1", "D3")


@pytest.mark.control("SEC-05")
def test_the_count_is_that_of_the_retired_sets_own_plan(tmp_path: Path) -> None:
    """Against brute force over the sites of the desk: three of four sites, two of three at each; a copy of a share is no second share."""
    book = Register.open(ended(tmp_path / "register").register)
    record = book.sets.all[0].record
    for count in (0, 1, 5, 6, 7, 12):
        for gone in list(combinations(record.plan.positions, count))[:200]:
            left = Retired(record, 2, START, frozenset(gone))
            sites = [sum(p[0] == letter for p in left.may_exist) >= 2 for letter in "ABCD"]
            assert left.enough == (sum(sites) >= 3)


def first(kind: type, **fields: Any) -> Change:
    """The first entry of a kind in the resharing with other fields."""
    left = [True]

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "reshare" and isinstance(body, kind) and left:
            left.pop()
            return [(actor, replace(body, **fields))]
        return [(actor, body)]

    return change


def before(kind: type, actor_: str, extra: Any) -> Change:
    """One entry more, before the first of a kind."""
    left = [extra]

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "reshare" and isinstance(body, kind) and left:
            return [(actor_, left.pop()), (actor, body)]
        return [(actor, body)]

    return change


SET = "ab" * 10
GONE = {"medium": "a stick", "tool": "cold-ceremony", "how": "overwritten"}


def early(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
    """An old share is destroyed before the last signature."""
    if ceremony == "reshare" and actor == "witness" and isinstance(body, entries.Signature) and body.purpose == "key-record":
        return [("A1", entries.Destroyed(position="A1", set_identifier=IDENTIFIER[0], numbers=(1,), **GONE)), (actor, body)]
    return [(actor, body)]


IDENTIFIER: list[str] = []
"""The set identifier of the sample's first set, known when it is made."""

BROKEN: dict[str, tuple[str, str | None, Any, dict[str, Any]]] = {
    "a quorum too few": ("REC-01", None, lambda: first(entries.Recovered, positions=("A1", "A2", "B1", "B3", "C1")), {}),
    "not recovered": ("REC-06", "REC-06", lambda: without(entries.Recovered), {}),
    "another secret": ("REC-06", "REC-06", lambda: first(entries.Generated, made="new"), {}),
    "no account compared": ("REC-06", None, lambda: first(entries.Recovered, accounts=()), {}),
    "another set": ("SIG-08", "SIG-08", lambda: first(entries.Resharing, key_record="00" * 32), {}),
    "another order": ("SIG-08", "SIG-08", lambda: first(entries.Resharing, order="00" * 32), {}),
    "not begun": ("SIG-08", "SIG-08", lambda: without(entries.Resharing), {}),
    "a key for the HSM": (
        "SIG-08",
        "SIG-08",
        lambda: before(
            entries.Quorums, "tool", entries.Imported(import_key="00" * 32, attested="not attested", paths=(), attributes={"SIGN": "yes"})
        ),
        {},
    ),
    "an old card": ("REC-12", None, lambda: first(entries.Unlocked, number=7), {}),
    "one share not proven": ("GEN-14", "GEN-14", lambda: without(entries.Proven, position="C3"), {}),
    "no quorum proven": ("GEN-07", "GEN-07", lambda: without(entries.Quorums), {}),
    "destroyed before the last signature": ("SEC-05", "SEC-05", lambda: early, {}),
    "a share of no retired set destroyed": ("SEC-05", "SEC-05", lambda: first(entries.Destroyed, set_identifier=SET), {}),
    "a share that there never was": ("SEC-05", None, lambda: first(entries.Destroyed, numbers=(9,)), {}),
    "of somebody else": ("ASM-01", None, lambda: first(entries.Destroyed, position="A2"), {}),
    "an old share removed": ("SEC-05", None, lambda: before(entries.Quorums, "A1", entries.Removed(position="A1", number=1, **GONE)), {}),
    "it follows nothing": ("SEC-05", "SEC-05", lambda: unchanged, {"follows": None}),
    "it follows another one": ("SEC-05", "SEC-05", lambda: unchanged, {"follows": "cd" * 32}),
    "other accounts": (
        "REC-06",
        "REC-06",
        lambda: unchanged,
        {"accounts": lambda made: tuple(replace(a, fingerprint="00" * 4) for a in made.accounts)},
    ),
    "a site's share as before": (
        "GEN-13",
        None,
        lambda: unchanged,
        {"site_commitments": lambda made: {**made.site_commitments, "B": sha256(b"B")}},
    ),
    "another charter": ("GEN-08", "GEN-08", lambda: unchanged, {"charter": "cd" * 32}),
    "a number used before": ("REC-12", None, lambda: other(entries.Sealing | entries.Proven, number=1), {}),
    "another outcome": ("AUD-08", "AUD-08", lambda: first(entries.Closed, outcome="key record signed"), {}),
    "void after the last signature": ("GEN-14", "GEN-14", lambda: first(entries.Closed, outcome="void"), {}),
}


@pytest.mark.control("SEC-05")
@pytest.mark.control("GEN-14")
@pytest.mark.parametrize("name", list(BROKEN))
def test_each_rule_is_broken_once(name: str, tmp_path: Path) -> None:
    identifier, also, change, record = BROKEN[name]
    IDENTIFIER[:] = [Sample(FastDesk(tmp_path), tmp_path).key_record.set_identifier]
    anchor = ended(tmp_path / "register", change(), record)
    with pytest.raises(Refused) as caught:
        verify(anchor.register, anchor.genesis, anchor.head)
    assert caught.value.identifier == identifier, caught.value
    if also is not None:
        done = stock(anchor.register, anchor.genesis, anchor.head)
        assert (done.returncode, done.stderr.split(" ")[0]) == (1, also), done.stderr


class _CutOff(Exception):
    """There the resharing ends."""


class Voided:
    """A key generation, and a resharing that was voided when three sites had locked their new shares. `else_`: what stands there instead
    of entries of the resharing; `record`: fields of its key record."""

    def __init__(
        self, folder: Path, signers: tuple[str, ...] = OFFICERS, record: dict[str, Any] | None = None, else_: Change = unchanged
    ) -> None:
        self.else_ = else_
        self.left: dict[str, list[Entry]] = {}
        folder.mkdir()
        self.made = Reshared(FastDesk(folder.parent), folder, Play(change=self._change))
        with suppress(_CutOff):
            reshare(self.made, 2, self.made.keygen(), record or {}, signers)
        assert self.made.made is not None
        self.set, self.made.made = self.made.made.set_identifier, None
        self.made.scribe.close("void", "cut off")

    def _change(self, ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "reshare" and actor == "D1" and isinstance(body, entries.Sealing) and body.number == 2:
            raise _CutOff
        before = self.left.pop(type(body).__name__, []) if ceremony == "reshare" else []
        return [*before, *self.else_(ceremony, actor, body)]

    @property
    def head(self) -> str:
        return self.made.scribe.transcript.head

    def burned(self, number: int) -> None:
        """A1 burned their share of the set that was voided, before the witness."""
        scribe = self.made.begin(number, "custody", "custody", self.head, started(number))
        common: Any = {
            "mark": "practice",
            "genesis": self.made.founding.digest,
            "identifier": "c-1",
            "time": started(number),
            "reason": "void",
        }
        said = CustodyRecord(
            event="destroyed", positions=("A1",), people=("A1", "witness"), how="burned", set_identifier=self.set, **common
        )
        scribe.keep("custody-1.json", "custody", dump(said))
        scribe.sign_file("custody", "custody-1.json", ("A1", "witness"))
        scribe.add("tool", entries.Custody(file="custody-1.json", record=said))
        for title in ("Custody records", "Close"):
            scribe.step(title)
        scribe.close("custody recorded", "destroyed")

    def both(self, folder: Path) -> Register:
        assert verify(folder, self.made.founding.digest, self.head).said == "VERIFIED"
        done = stock(folder, self.made.founding.digest, self.head)
        assert (done.returncode, done.stderr) == (0, "")
        return Register.open(folder)


@pytest.mark.control("SEC-05")
def test_what_a_voided_resharing_left_is_the_key_as_well(tmp_path: Path) -> None:
    """Its shares are of the key in use: refused by name, counted, and destroyed before two people by a record or in the next one."""
    folder = tmp_path / "register"
    played = Voided(folder)
    book = played.both(folder)
    (left,) = retired(book)
    assert (left.identifier, left.may_exist, left.enough) == (played.set, sample_of("ABC"), True)
    assert book.retired[played.set].startswith("voided in ceremony 2 on ")
    assert {share.proven[:10] for share in book.custody.shares.values()} == {"2026-11-10"}, "what was proven then was not the share in use"
    assert any("ENOUGH FOR THE KEY" in line for line in screen(standing(folder, START), START, "register"))
    assert f"set {played.set} (ceremony 2, void): A1 A2 A3 B1" in _status(book)
    played.burned(3)
    (left,) = retired(played.both(folder))
    assert left.may_exist == sample_of("ABC")[1:]
    gone = entries.Destroyed(position="A2", set_identifier=played.set, numbers=(2,), **GONE)
    played.left = {"Destroyed": [("A2", gone)]}
    reshare(played.made, 4, played.head, {})
    old, void = retired(played.both(folder))
    assert (old.may_exist, void.may_exist) == (LEFT, sample_of("ABC")[2:])


def sample_of(letters: str) -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for letter in letters for number in (1, 2, 3))


def _status(book: Register) -> str:
    blocks = status(book.whereabouts, book.charter, START, retired(book))
    return " ".join(" ".join(line for block in blocks for line in block).split())


@pytest.mark.control("SEC-05")
@pytest.mark.parametrize(
    ("control", "record", "else_", "stock_too"),
    [
        ("STO-01", {}, lambda: first(entries.Sealing, set_identifier=SET), True),  # a share that would be counted for no set
        ("GEN-08", {}, lambda: first(entries.Generated, set_identifier=SET), False),
        ("GEN-08", {"plan": lambda made: replace(made.plan, site_threshold=4)}, lambda: unchanged, False),  # four sites would be needed
        ("GEN-08", {"ceremony": 1}, lambda: unchanged, False),
        ("SEC-05", {"follows": None}, lambda: unchanged, True),
    ],
)
def test_a_voided_resharing_tells_whose_shares_it_left(
    control: str, record: dict[str, Any], else_: Any, stock_too: bool, tmp_path: Path
) -> None:
    """What may still exist is counted by its key record and its locks: they hold, though nobody signed the one."""
    played = Voided(tmp_path / "register", record=record, else_=else_())
    with pytest.raises(Refused) as caught:
        verify(tmp_path / "register", played.made.founding.digest, played.head)
    assert caught.value.identifier == control, caught.value
    if stock_too:
        done = stock(tmp_path / "register", played.made.founding.digest, played.head)
        assert (done.returncode, done.stderr.split(" ")[0]) == (1, control), done.stderr


@pytest.mark.control("GEN-13")
def test_no_share_of_a_voided_resharing_is_made_again(tmp_path: Path) -> None:
    played = Voided(tmp_path / "register")
    reshare(played.made, 3, played.head, {"site_commitments": lambda made: {**made.site_commitments, "B": sha256(b"B 2")}})
    with pytest.raises(Refused, match="GEN-13"):
        verify(tmp_path / "register", played.made.founding.digest, played.head)


@pytest.mark.control("AUT-02")
def test_one_officer_orders_no_resharing_that_is_voided(tmp_path: Path) -> None:
    """The key was recovered and split: that it came to nothing excuses nobody."""
    played = Voided(tmp_path / "register", signers=("cfo",))
    with pytest.raises(Refused, match="AUT-02"):
        verify(tmp_path / "register", played.made.founding.digest, played.head)
    done = stock(tmp_path / "register", played.made.founding.digest, played.head)
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, "AUT-02"), done.stderr


@pytest.mark.control("AUT-02")
def test_one_officer_orders_no_resharing(tmp_path: Path) -> None:
    anchor = ended(tmp_path / "register", signers=("cfo",))
    with pytest.raises(Refused, match="AUT-02"):
        verify(anchor.register, anchor.genesis, anchor.head)
    assert stock(anchor.register, anchor.genesis, anchor.head).returncode == 1


@pytest.mark.control("REC-02")
def test_a_transfer_after_it_is_of_the_new_set(tmp_path: Path) -> None:
    """Sealing numbers go on; with the old set's numbers it is refused."""
    folder = tmp_path / "register"
    folder.mkdir()
    made = Reshared(FastDesk(tmp_path), folder, Play())
    head = made.transfer(3, reshare(made, 2, made.keygen(), {}))
    assert verify(folder, made.charter.digest, head).said == "VERIFIED"
    done = stock(folder, made.charter.digest, head)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.control("REC-02")
@pytest.mark.control("REC-01")
def test_before_anybody_comes_it_is_said_that_a_reshare_cannot_be(tmp_path: Path) -> None:
    """Another scheme needs a new key; and if too many custodians were replaced at once, nobody is left who can open the old set."""
    made = Sample(FastDesk(tmp_path), tmp_path)
    charter = made.charter

    def possible(**changes: Any) -> None:
        later = replace(charter, number=1, previous=charter.digest, **changes)
        book: Any = SimpleNamespace(charter=later, key_record=made.key_record, chain=Chain((charter, later)))
        check_possible(book)

    def told(**changes: Any) -> str:
        """Before a new key is made: who could still sweep this one?"""
        later = replace(charter, number=1, previous=charter.digest, **changes)
        book: Any = SimpleNamespace(charter=later, key_record=made.key_record, chain=Chain((charter, later)))
        return left_behind(book)

    def people(*gone: str) -> tuple[Member, ...]:
        new = {person: {"name": f"New {person}", "key": public_of(person, "new")} for person in gone}
        return tuple(replace(m, **new.get(m.person, {})) for m in charter.people)

    possible(people=people("A1", "A2", "B1"))
    assert told(people=people("A1", "A2", "B1")) == ""
    assert "only A3 B3 C1 C2 C3 D1 D2 D3 still have their own share of it" in told(people=people("A1", "A2", "B1", "B2"))
    with pytest.raises(Refused, match="REC-01"):
        possible(people=people("A1", "A2", "B1", "B2"))
    with pytest.raises(Refused, match="REC-02"):
        possible(scheme="slip39")


@pytest.mark.control("SEC-05")
def test_who_stayed_is_who_was_never_replaced(tmp_path: Path) -> None:
    """One rule for the vault, the verifier, the amendment that asks about the share, and custody: a name is spelled anew (A1, A2), a
    person gets another key (A2, A3); B1 was somebody else in between, D1 is now."""
    founding = Sample(FastDesk(tmp_path), tmp_path).charter
    first = {m.person: m for m in founding.people}
    new = {p: replace(m, name=f"New {p}", key=public_of(p, "new")) for p, m in first.items()}
    spelled = {p: replace(m, name=f"New {p}") for p, m in first.items()}
    steps: tuple[dict[str, Member], ...] = (
        {**first, "A1": spelled["A1"], "A2": spelled["A2"], "A3": replace(first["A3"], key=new["A3"].key), "B1": new["B1"]},
        {**first, "A1": spelled["A1"], "A2": new["A2"], "A3": replace(first["A3"], key=new["A3"].key), "D1": new["D1"]},
    )
    chain, replaced = [founding], []
    for people in steps:
        before = chain[-1]
        chain.append(replace(before, number=before.number + 1, previous=before.digest, people=tuple(people.values())))
        replaced.append([c.person for c in changes(before, chain[-1]) if c.replaced])
    assert replaced == [["B1"], ["B1", "D1"]]
    stayed = Chain(tuple(chain)).stayed(founding.digest)
    assert set(founding.custodians) - set(stayed) == {"B1", "D1"}
