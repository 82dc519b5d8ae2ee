"""Custody between ceremonies, as both verifiers hold to it: each record signed as its event demands, new, and possible by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, encode
from ceremony.base.lines import Line
from ceremony.record import entries
from ceremony.record.custody import CustodyRecord
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.retired import Retired
from ceremony.record.state import Recorded, State
from ceremony.record.verify import verify
from ceremony.record.whereabouts import Whereabouts, check_record, overdue, undecided
from ceremony.screen.custody import brief, letter, loss, status
from tests.record.sample import Anchor, FastDesk, Play, Sample
from tests.record.test_exceptional import form_of
from tests.record.test_verify_stock import run as stock

DAY = "2026-11-{:02}T12:00:00Z"
SAFE, OUT, IN = ("A1", "A2", "cfo"), ("A1", "A2", "cto"), ("A1", "A2")


@dataclass
class Desk:
    """A key, and custody records that come into its register, day by day."""

    folder: Path
    play: Play = field(default_factory=Play)
    number: int = 2
    day: int = 12

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.begin()

    def begin(self) -> None:
        self.made = Sample(FastDesk(self.folder), self.folder, self.play)
        self.head = self.made.keygen()

    def record(self, event: str, **fields: Any) -> CustodyRecord:
        given: dict[str, Any] = {"people": ("A1", "A2"), "reason": "as planned", "set_identifier": self.made.key_record.set_identifier}
        if "bags" in fields:
            given["positions"] = tuple(sorted(fields["bags"]))
        if event == "safe":
            given["set_identifier"] = None
        common = {"mark": "practice", "genesis": self.made.founding.digest, "identifier": f"c-{self.number}"}
        return CustodyRecord(event=event, **{"time": DAY.format(self.day), **common, **given, **fields})  # type: ignore[arg-type]

    def take(
        self,
        record: CustodyRecord,
        signers: Sequence[str],
        said: Callable[[CustodyRecord], CustodyRecord] = lambda r: r,
        *,
        excepted: bool = False,
        then: CustodyRecord | None = None,
    ) -> Desk:
        """One record in a ceremony of its own, and a second one after it. `excepted`: both officers signed a form for STO-04 before."""
        scribe = self.made.begin(self.number, "custody", "custody", self.head, DAY.format(self.day).replace("T12", "T13"))
        if excepted:
            scribe.keep("exception-1.json", "exception", dump(form_of(scribe, control="STO-04")))
            scribe.sign_file("exception", "exception-1.json", ("cfo", "cto"))
            scribe.add("tool", entries.Excepted(control="STO-04", file="exception-1.json"))
        for number, each in enumerate((record, *((then,) if then else ())), start=1):
            scribe.keep(f"custody-{number}.json", "custody", dump(each))
            scribe.sign_file("custody", f"custody-{number}.json", signers)
            scribe.add("tool", entries.Custody(file=f"custody-{number}.json", record=said(each)))
        scribe.step("Custody records")
        scribe.step("Close")
        scribe.close("custody recorded", record.event)
        self.head, self.number, self.day = scribe.transcript.head, self.number + 1, self.day + 1
        return self

    def safe(self) -> Desk:
        """The safe of site A, with all its bags in it."""
        self.take(self.record("safe", site="A"), SAFE)
        return self.take(self.record("in", site="A", bags={f"A{n}": f"A{n}-0001" for n in (1, 2, 3)}), IN)

    @property
    def anchor(self) -> Anchor:
        return Anchor(self.folder, self.made.founding.digest, self.head)

    @property
    def book(self) -> Register:
        return Register.open(self.folder)

    def both(self) -> None:
        assert verify(self.folder, self.made.founding.digest, self.head).said == "VERIFIED"
        done = stock(self.folder, self.made.founding.digest, self.head)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr

    def refused(self, control: str, *, stock_too: bool = True) -> None:
        with pytest.raises(Refused) as refusal:
            verify(self.folder, self.made.founding.digest, self.head)
        assert refusal.value.identifier == control, refusal.value
        if stock_too:
            done = stock(self.folder, self.made.founding.digest, self.head)
            assert (done.returncode, done.stderr.split(" ")[0]) == (1, control), done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "register")


A1 = {"A1": "A1-0001"}
SENT = {"carrier": "courier 17", "due": DAY.format(20), "people": ("A1", "D1")}
BY_D3: dict[str, Any] = {"bags": A1, "state": "intact", "people": ("D3", "D2")}


def test_a_share_travels_and_comes_back(desk: Desk) -> None:
    where: list[tuple[str, str]] = []

    def now() -> None:
        share = desk.book.custody.shares["A1"]
        where.append((share.place, share.bag))

    desk.safe()
    now()
    desk.take(desk.record("out", site="A", bags=A1), OUT)
    now()
    desk.take(desk.record("hand-over", bags=A1, **SENT), ("A1", "cfo"))
    now()
    assert "A1" not in desk.book.custody.able
    desk.take(desk.record("arrived", bags=A1, state="intact", people=("D1", "D2")), ("D1", "D2"))
    now()
    desk.take(desk.record("in", site="A", bags={"A1": "NEW-77"}), IN)
    now()
    assert where == [("safe", "A1-0001"), ("custodian", "A1-0001"), ("moving", "A1-0001"), ("custodian", "A1-0001"), ("safe", "NEW-77")]
    desk.both()
    verdict = verify(desk.folder, desk.made.founding.digest, desk.head)
    assert "custody: hand-over A1" in report(desk.book, verdict).decode()


Taken = Callable[[Desk], Any]
OTHER = replace


@pytest.mark.control("STO-03")
@pytest.mark.parametrize("signers", [("A1", "A2"), ("A1", "cfo"), ("A1", "A2", "witness")])
def test_an_access_that_nobody_approved(desk: Desk, signers: Sequence[str]) -> None:
    desk.safe().take(desk.record("out", site="A", bags=A1), signers)
    desk.refused("STO-03")


@pytest.mark.control("STO-09")
@pytest.mark.parametrize("event", ["out", "in"])
def test_a_safe_is_opened_by_its_two_people(desk: Desk, event: str) -> None:
    desk.safe()
    if event == "in":
        desk.take(desk.record("out", site="A", bags=A1), OUT)
    desk.take(desk.record(event, site="A", bags=A1, people=("A1", "A3")), ("A1", "A3", "cto"))
    desk.refused("STO-09")


@pytest.mark.control("STO-06")
def test_a_safe_holds_the_shares_of_its_own_site(desk: Desk) -> None:
    desk.safe().take(desk.record("in", site="A", bags={"B1": "B1-0001"}), IN)
    desk.refused("STO-06")


@pytest.mark.control("STO-09")
def test_a_safe_that_nobody_recorded(desk: Desk) -> None:
    desk.take(desk.record("in", site="B", bags={"B1": "B1-0001"}, people=("B1", "B2")), ("B1", "B2"))
    desk.refused("STO-09")


@pytest.mark.control("STO-04")
@pytest.mark.parametrize(
    ("what", "stock_too"),
    [
        (lambda d: d.take(d.record("hand-over", bags=A1, **SENT), ("A1", "D1")), True),  # no officer
        (lambda d: d.take(d.record("hand-over", bags=A1, **SENT), ("D1", "cfo"), excepted=True), True),  # who gives it does not say so
        (lambda d: _sent(d).take(d.record("arrived", bags=A1, state="intact", people=("D1", "D2")), ("D2",), excepted=True), True),
        (lambda d: _sent(d).take(d.record("arrived", **BY_D3), ("D2", "D3")), False),  # not the receiver
        (lambda d: d.take(d.record("arrived", **BY_D3), ("D2", "D3")), False),  # nobody sent it
        (lambda d: _sent(d).take(d.record("hand-over", bags=A1, **SENT), ("A1", "cfo")), False),  # it is on its way
    ],
)
def test_a_movement_that_cannot_be(desk: Desk, what: Taken, stock_too: bool) -> None:
    desk.safe().take(desk.record("out", site="A", bags=A1), OUT)
    what(desk)
    desk.refused("STO-04", stock_too=stock_too)


@pytest.mark.parametrize(
    ("event", "signers", "fields"),
    [
        ("found", IN, {"positions": ("A1",)}),  # it was not lost
        ("out", OUT, {"site": "A", "bags": {"A2": "A2-0001"}, "time": DAY.format(12)}),  # before it was put in
        ("lost", IN, {"positions": ("E1",)}),  # nobody's
    ],
)
def test_what_contradicts_the_register_no_form_lets_in(desk: Desk, event: str, signers: Sequence[str], fields: dict[str, Any]) -> None:
    desk.safe().take(desk.record("out", site="A", bags=A1), OUT)
    desk.take(desk.record(event, **fields), signers, excepted=True).refused("AUD-08", stock_too=False)


@pytest.mark.control("STO-04")
def test_both_officers_let_a_movement_in_that_really_was_so(desk: Desk) -> None:
    """Carried by somebody else, without its authorization, and received by somebody else: a form for each record, and for no other."""
    desk.safe().take(desk.record("out", site="A", bags=A1), OUT)
    desk.take(desk.record("hand-over", bags=A1, **SENT), ("A1",), excepted=True)
    desk.take(desk.record("arrived", **BY_D3), ("D2", "D3"), excepted=True)
    desk.both()
    assert desk.book.custody.shares["A1"].told == "arrived, with D3"
    assert "STO-04" in report(desk.book, verify(desk.folder, desk.made.founding.digest, desk.head)).decode()
    again, then = (desk.record("hand-over", bags=A1, identifier=name, **SENT) for name in ("c-91", "c-92"))
    desk.take(again, ("A1",), excepted=True, then=then)
    desk.refused("STO-04")


def _sent(desk: Desk) -> Desk:
    return desk.take(desk.record("hand-over", bags=A1, **SENT), ("A1", "cfo"))


@pytest.mark.control("STO-01")
@pytest.mark.parametrize("bag", ["A2-0001", "D3-0001"])
def test_a_bag_of_another_share(desk: Desk, bag: str) -> None:
    desk.take(desk.record("safe", site="A"), SAFE).take(desk.record("in", site="A", bags={"A1": bag}), IN)
    desk.refused("STO-01")


@pytest.mark.control("STO-01")
def test_a_bag_that_arrived_in_place_of_the_right_one_is_used_as_well(desk: Desk) -> None:
    desk.safe().take(desk.record("out", site="A", bags=A1), OUT)
    other = {"A1": "XY-99"}
    _sent(desk).take(desk.record("arrived", bags=other, state="replaced", people=("D1", "D2")), ("D1", "D2"))
    desk.take(desk.record("in", site="A", bags=other), IN)
    desk.refused("STO-01")


@pytest.mark.parametrize(
    ("what", "control", "stock_too"),
    [
        (lambda d: d.take(d.record("lost", positions=("A1",)), ("A1",)), "AUD-02", True),  # never the subject alone
        (lambda d: d.take(d.record("lost", positions=("A1",), identifier="c-2"), IN), "AUT-05", True),
        (lambda d: d.take(d.record("lost", positions=("A1",), time=DAY.format(29)), IN), "ASM-04", False),
        (lambda d: d.take(d.record("lost", positions=("A1",), set_identifier="ab" * 10), IN), "SEC-05", False),
        (lambda d: d.take(d.record("lost", positions=("A1",)), IN, lambda r: replace(r, reason="another")), "AUD-08", True),
        (lambda d: d.take(d.record("lost", positions=("A1",), genesis="ab" * 32), IN), "AUD-09", False),
        (
            lambda d: d.take(d.record("decision", positions=("A1",), decision="accept", people=("cfo", "cto")), ("cfo", "cto")),
            "STO-07",
            False,
        ),
    ],
)
def test_a_record_that_cannot_be(desk: Desk, what: Taken, control: str, stock_too: bool) -> None:
    desk.safe()
    what(desk)
    desk.refused(control, stock_too=stock_too)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "lost"},  # whose?
        {"event": "lost", "positions": ("A2", "A1")},
        {"event": "lost", "positions": ("A1",), "people": ("A1",)},
        {"event": "lost", "positions": ("A1",), "people": ("A1", "A1")},
        {"event": "lost", "positions": ("A1",), "decision": "accept"},
        {"event": "out", "site": "A", "bags": {"A1": "A1-0001"}, "positions": ("A2",)},
        {"event": "out", "bags": {"A1": "A1-0001"}},
        {"event": "safe", "site": "A", "positions": ("A1",)},
        {"event": "hand-over", "bags": {"A1": "A1-0001"}, "carrier": "courier 17"},
    ],
)
def test_a_record_has_the_fields_of_its_event(desk: Desk, fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        desk.record(**fields)


def test_a_loss_is_asked_about_until_both_officers_have_decided(desk: Desk) -> None:
    desk.safe().take(desk.record("lost", positions=("A1", "A2")), IN)
    custody = desk.book.custody
    assert [(p, q.what) for p, q in undecided(custody)] == [("A1", "it is lost"), ("A2", "it is lost")]
    assert {late.control for late in overdue(custody, DAY.format(28))} == {"SEC-02"}
    late = [late for late in overdue(custody, "2026-12-01T12:00:00Z") if late.position == "A1"]
    assert [(each.control, each.what) for each in late] == [("STO-07", "no decision since 2026-11-14: it is lost")]
    desk.take(desk.record("decision", positions=("A1", "A2"), decision="reshare", people=("cfo", "cto")), ("cfo", "cto"))
    assert undecided(desk.book.custody) == ()
    desk.both()


def test_what_the_key_survives_is_shown_as_a_picture(desk: Desk) -> None:
    desk.safe().take(desk.record("lost", positions=("A1", "A2")), IN)
    blocks = status(desk.book.whereabouts, desk.made.charter, "2026-12-01T12:00:00Z")
    lines = [line for block in blocks for line in block]
    assert max(map(len, lines)) <= 78
    shown = "\n".join(lines)
    assert "  A1 L! | A2 L! | A3 S   1 of 3 can open, needs 2: SHUT" in shown
    assert "  B1 C! | B2 C! | B3 C!  3 of 3 can open" in shown
    assert "  - one custodian at each site\n  - any one share, wherever it is\n" in shown
    assert "OVERDUE A1 A2 STO-07 no decision since 2026-11-14: it is lost" in shown
    assert "whole site" not in shown
    told = "\n".join(loss(desk.book.custody, desk.made.charter, ("A1",)))
    assert "27 of 108 smallest quorums are left, at sites B C D." in told
    assert "needs 4 shares more" in told
    assert max(map(len, told.splitlines())) <= 78
    desk.take(desk.record("lost", positions=("B1", "B2")), IN)
    assert letter(desk.book.custody.shares["B1"]) == "L"
    shown = "\n".join(line for block in status(desk.book.whereabouts, desk.made.charter, "2026-12-01T12:00:00Z") for line in block)
    assert "NO QUORUM today:\n  - 2 of the 3 sites that are needed can open, so nothing can be signed.\n" in shown
    assert "the key is gone unless lost ones are found" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 78
    desk.take(desk.record("lost", positions=("C1", "C2")), IN)
    told = " ".join("\n".join(loss(desk.book.custody, desk.made.charter, ("A1",))).split())
    assert "THE SHARES THAT ARE MISSING ARE A QUORUM (A1 A2 B1 B2 C1 C2): whoever has them can move everything, and you cannot" in told
    whole = replace(
        desk.book.custody,
        shares={p: replace(s, place="custodian", former="2099-01-01T00:00:00Z") for p, s in desk.book.custody.shares.items()},
    )
    told = " ".join("\n".join(loss(whole, desk.made.charter, ("A1",))).split())
    assert "only a new key and a sweep are safe (SEC-05)" in told


def test_a_share_that_cannot_be_opened_today_is_not_gone(desk: Desk) -> None:
    """A share on its way, one whose passphrase nobody knew, a former custodian's: each of them can bring the quorum back."""
    now, book, where = "2026-11-20T12:00:00Z", desk.book.custody, desk.book.whereabouts

    def shown(**changed: dict[str, Any]) -> tuple[tuple[str, str], str]:
        custody = replace(book, shares={**book.shares, **{p: replace(book.shares[p], **fields) for p, fields in changed.items()}})
        known = replace(where, sets={where.newest: custody})
        lines = [line for block in status(known, desk.made.charter, now) for line in block]
        assert max(map(len, lines)) <= 78
        return brief(known, now), " ".join(" ".join(lines).split())

    moving, shut = {"place": "moving"}, {"unopened": "three wrong passphrases"}
    (survives, _), page = shown(A1=moving, A2=moving, B1=shut, B2={"former": now})
    assert survives.startswith("NO QUORUM today: 2 of the 3 sites that are needed can open, so nothing can be signed.")
    assert "The key is not gone: enough of its shares exist. - Site A opens again with 1 of: A1 (on its way), A2 (on its way)." in page
    assert "Site B opens again with 1 of: B1 (three wrong passphrases), B2 (a former custodian's passphrase)." in page
    gone = {"place": "destroyed"}
    (_, _), page = shown(A1=gone, A2=gone, B1=gone, B2=gone, C1=moving)
    assert "THE KEY IS GONE with this set" in page
    assert "opens again" not in page


@pytest.mark.control("STO-07")
def test_a_share_that_could_not_be_opened_is_asked_about_until_it_is_proven(desk: Desk) -> None:
    def after(where: Whereabouts, *bodies: Any) -> Whereabouts:
        lines = [Line(n, DAY.format(12 + n), "cd" * 32, "x", "A1", encode(body)) for n, body in enumerate(bodies, start=1)]
        return where.after(9, State(tuple(map(Recorded, lines, bodies))), desk.book.sets)

    aside = entries.SetAside(position="A1", reason="three wrong passphrases")
    where = after(desk.book.whereabouts, aside, aside)
    assert [(p, q.since, q.what) for p, q in undecided(where.in_use)] == [
        ("A1", DAY.format(13), "it could not be opened in ceremony 9: three wrong passphrases")
    ]
    assert "A1" not in where.in_use.able
    (_, asked) = brief(where, DAY.format(20))
    assert asked.startswith("A1: decide by 2026-11-27, it could not be opened in ceremony 9"), "before what is only late"
    assert [each.control for each in overdue(where.in_use, DAY.format(28)) if each.position == "A1"] == ["STO-07", "SEC-02"]
    lost = where.recorded(desk.record("lost", positions=("A1",)))
    proven = after(lost, entries.Proven(position="A1", number=1, sha256="ab" * 32))
    assert [q.what for _, q in undecided(proven.in_use)] == ["it is lost"], "a proof answers its own question alone"
    decision = desk.record("decision", positions=("A1",), decision="reshare", people=("cfo", "cto"), time=DAY.format(20))
    check_record(where, desk.book.bags, decision, ("cfo", "cto"), DAY.format(21))
    decided = where.recorded(decision)
    assert undecided(decided.in_use) == ()
    assert len(undecided(after(decided, aside).in_use)) == 1, "the next time it is asked again"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize(("kind", "left"), [("reseal", 1), ("reshare", 0), ("new-key", 0)])
def test_an_order_of_both_officers_for_new_shares_is_their_decision(desk: Desk, kind: Any, left: int) -> None:
    """Not one for another passphrase: that takes nothing from whoever has the lost share."""
    desk.safe().take(desk.record("lost", positions=("A1",)), IN)
    positions = ("A2",) if kind == "reseal" else ()
    body = entries.Ordered(order="ab" * 32, identifier="s-1", kind=kind, positions=positions)
    line = Line(2, "2026-11-20T09:30:00Z", "cd" * 32, "ordered", "tool", encode(body))
    custody = desk.book.whereabouts.after(9, State((Recorded(line, body),)), desk.book.sets).in_use
    assert len(undecided(custody)) == left
    assert custody.shares["A1"].decided == ("" if left else f"{kind}, 2026-11-20: s-1")


def test_what_may_still_exist_of_a_retired_set_is_told(desk: Desk) -> None:
    now = "2026-11-20T12:00:00Z"
    old = Retired(desk.made.key_record, 5, now, frozenset({"A1", "A2"}))
    shown = "\n".join(line for block in status(desk.book.whereabouts, desk.made.charter, now, (old,)) for line in block)
    assert "A3 B1 B2 B3 C1 C2 C3 D1 D2 D3 may still exist" in " ".join(shown.split())
    assert "ONLY A NEW KEY AND A SWEEP ARE SAFE (SEC-05)" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 78
