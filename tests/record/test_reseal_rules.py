"""What both verifiers hold shares that are sealed anew to: each rule broken once in a register that is else really signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump, encode
from ceremony.base.lines import Line, sha256
from ceremony.record import entries, retired
from ceremony.record.order import ShareOrder
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.standing import standing
from ceremony.record.state import Recorded, State
from ceremony.record.verify import verify
from ceremony.screen.status import screen
from tests.record import sample
from tests.record.sample import Anchor, Change, Entry, FastDesk, Play, Sample, unchanged
from tests.record.test_health_rules import other, without
from tests.record.test_verify_stock import run as stock

START = "2026-11-25T09:00:00Z"
RECOGNISED = "recognised by the witness"
OFFICERS = ("cfo", "cto")


def order(made: Sample, head: str, **changes: Any) -> ShareOrder:
    """Both officers let A1 and B3 seal their shares anew."""
    given = ShareOrder(
        kind="reseal",
        mark="practice",
        genesis=made.founding.digest,
        charter=made.charter.digest,
        key_record=made.key_record.digest,
        register_head=head,
        identifier="s-20261124-00000001",
        positions=("A1", "B3"),
        reason="passphrases of the first day",
        requester="B3",
        not_before="2026-11-24T09:00:00Z",
        expires="2026-11-30T09:00:00Z",
    )
    return replace(given, **changes)


def reseal(
    made: Sample,
    number: int,
    prev: str,
    *,
    here: tuple[str, ...] = ("A1", "B3"),
    wanted: Mapping[str, Any] | None = None,
    signers: tuple[str, ...] = OFFICERS,
    start: str = START,
    others: tuple[str, ...] = ("witness",),
    given_up: bool = False,
) -> str:
    """As `ceremony shares reseal` records it. `given_up`: A1 chose one more passphrase before, which they could not type again."""
    people = (*here, *others)
    scribe = made.begin(number, "reseal", "reseal", prev, start, people)
    said = order(made, prev, **(wanted or {}))
    scribe.keep("share-order.json", "share-order", dump(said))
    scribe.sign_file("share-order", "share-order.json", signers)
    taken = entries.Ordered(order=said.digest, identifier=said.identifier, kind=said.kind, positions=said.positions)
    scribe.add("tool", taken)
    scribe.step("Share order")
    for person in people:
        scribe.add(person, entries.Present(factors=("signing key file", RECOGNISED)))
    scribe.checkpoint("opening", people)
    scribe.step("Roll-call")
    made.open_bags(scribe, here)
    made._start_vault(scribe)
    scribe.add("tool", entries.Alone(key_record=made.key_record.digest))
    sealed = Register.open(made.folder).sets
    for position in here:
        before = sealed.sealed(position, made.key_record.set_identifier).proven
        scribe.add(position, entries.Unlocked(position=position, number=before))
        scribe.add(position, entries.Chosen(position=position, renewed="both"))
        above = before + 1
        if given_up and position == "A1":
            digest = sha256(b"a passphrase that nobody can type again")
            identifier = made.key_record.set_identifier
            scribe.add(position, entries.Sealing(position=position, number=above, set_identifier=identifier, sha256=digest))
            above += 1
        made._lock(scribe, position, above)
        if given_up and position == "A1":
            gone = entries.Removed(position=position, number=before, medium="a stick", tool="cold-ceremony", how="overwritten")
            scribe.add(position, gone)
    scribe.add("tool", entries.VaultEnded(reason="every share is sealed anew"))
    scribe.step("Seal anew")
    made.close_bags(scribe, here)
    scribe.checkpoint("adjournment", people)
    scribe.step("Adjourn")
    scribe.close("shares resealed", "Sealed anew: A1 B3.")
    return scribe.transcript.head


def ended(folder: Path, change: Change = unchanged, **changes: Any) -> Anchor:
    """A key generation, and a reseal after it; `change` as for the sample."""
    folder.mkdir()
    made = Sample(FastDesk(folder.parent), folder, Play(change=change))
    head = reseal(made, 2, made.keygen(), **changes)
    return Anchor(folder, made.charter.digest, head)


def both(anchor: Anchor) -> None:
    assert verify(anchor.register, anchor.genesis, anchor.head).said == "VERIFIED"
    done = stock(anchor.register, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr) == (0, "")


def test_both_verify_it_and_the_report_tells_of_it(tmp_path: Path) -> None:
    anchor = ended(tmp_path / "register", given_up=True)
    both(anchor)
    book = Register.open(anchor.register)
    page = report(book, verify(anchor.register, anchor.genesis, anchor.head)).decode()
    assert "ordered by both officers: a new passphrase or medium for the shares of A1 B3" in page
    assert "chose for their share: a new passphrase and another medium" in page
    assert book.sets.sealed("A1", book.key_record.set_identifier).acceptable == (3,)


def test_a_transfer_goes_on_from_what_was_sealed_anew(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    folder.mkdir()
    made = Sample(FastDesk(tmp_path), folder, Play())
    head = reseal(made, 2, made.keygen(), start="2026-11-12T09:00:00Z", wanted={"not_before": "2026-11-11T09:00:00Z"})
    both(Anchor(folder, made.charter.digest, made.transfer(3, head)))


def left_behind(who: str, **changes: Any) -> Change:
    """Who was cut off says that the old one cannot be brought."""
    said = {"position": who, "number": 1, "medium": "a file on a stick", "why": "the stick was stolen", **changes}

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "reseal" and isinstance(body, entries.Removed) and actor == who:
            return [(actor, entries.NotRemoved(**said))]
        return [(actor, body)]

    return change


@pytest.mark.control("SEC-01")
def test_an_old_share_that_cannot_be_brought_may_exist_and_is_told(tmp_path: Path) -> None:
    """Also when its set is retired: destroying the newer one does not count for the position."""
    anchor = ended(tmp_path / "register", change=left_behind("A1"))
    both(anchor)
    book = Register.open(anchor.register)
    identifier = book.key_record.set_identifier
    assert book.sets.may_exist(identifier) == {"A1": (1,)}
    page = report(book, verify(anchor.register, anchor.genesis, anchor.head)).decode()
    assert "older sealed share 1 NOT removed from a file on a stick, it may exist: the stick was stolen" in page
    now = "2026-11-26T09:00:00Z"
    bare = "\n".join(screen(standing(anchor.register, now), now, "register"))
    assert "NOT REMOVED    A1 number 1 may exist, with the passphrase of then" in bare
    gone = entries.Destroyed(position="A1", set_identifier=identifier, numbers=(2,), medium="a stick", tool="ours", how="wiped")
    destroyed = State((Recorded(Line(2, now, "cd" * 32, "destroyed", "A1", encode(gone)), gone),))
    assert retired.gone(destroyed, identifier, book.sets, signed=False) == frozenset()


@pytest.mark.control("AUT-05")
def test_an_order_is_used_once_also_under_another_name(tmp_path: Path) -> None:
    for wanted in ({}, {"reason": "another one of the same name"}):
        folder = tmp_path / f"register-{len(wanted)}"
        folder.mkdir()
        made = Sample(FastDesk(tmp_path), folder, Play())
        first = reseal(made, 2, made.keygen())
        head = Register.open(folder).ceremonies[0].head
        last = reseal(made, 3, first, wanted={"register_head": head, **wanted}, start="2026-11-26T09:00:00Z")
        with pytest.raises(Refused) as caught:
            verify(folder, made.charter.digest, last)
        assert caught.value.identifier == "AUT-05"
        done = stock(folder, made.charter.digest, last)
        assert (done.returncode, done.stderr[:6]) == (1, "AUT-05")


def moved(kind: type, after: type) -> Change:
    """The first entry of one kind stands only after the first of another."""
    held: list[Entry] = []

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        if ceremony == "reseal" and isinstance(body, kind) and not held:
            held.append((actor, body))
            return []
        if ceremony == "reseal" and isinstance(body, after) and len(held) == 1:
            held.append(held[0])
            return [(actor, body), held[0]]
        return [(actor, body)]

    return change


def unsigned(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
    """The administrator was there, and did not sign what was done."""
    gone = ceremony == "reseal" and actor == "administrator" and isinstance(body, entries.Signature) and body.purpose == "adjournment"
    return [] if gone else [(actor, body)]


BROKEN: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "no order at all": ("AUT-01", lambda: {"change": without(entries.Ordered)}),
    "the order after the shares": ("AUT-01", lambda: {"change": moved(entries.Ordered, entries.Unlocked)}),
    "a share that it does not name": ("AUT-01", lambda: {"wanted": {"positions": ("A1",)}}),
    "an order to reshare": ("AUT-01", lambda: {"wanted": {"kind": "reshare", "positions": ()}}),
    "an order of another set": ("AUT-01", lambda: {"wanted": {"key_record": "ab" * 32}}),
    "an order under another charter": ("AUT-01", lambda: {"wanted": {"charter": "ab" * 32}}),
    "another order than the file": ("AUT-01", lambda: {"change": other(entries.Ordered, order="ab" * 32)}),
    "one officer": ("AUT-02", lambda: {"signers": ("cfo",)}),
    "an order of yesterday": ("AUT-04", lambda: {"wanted": {"expires": "2026-11-24T10:00:00Z"}}),
    "a head of another register": ("AUD-10", lambda: {"wanted": {"register_head": "ab" * 32}}),
    "nothing chosen": ("SEC-01", lambda: {"change": without(entries.Chosen)}),
    "not proven": ("SEC-01", lambda: {"change": without(entries.Proven, position="B3")}),
    "the old one kept": ("SEC-01", lambda: {"change": without(entries.Removed, position="A1")}),
    "the new one left behind": ("SEC-01", lambda: {"change": left_behind("A1", number=2)}),
    "somebody else's left behind": ("ASM-01", lambda: {"change": left_behind("A1", position="B3")}),
    "another share than was written": ("SEC-01", lambda: {"change": other(entries.Proven, sha256="ab" * 32)}),
    "not alone": ("STO-10", lambda: {"change": without(entries.Alone)}),
    "without a witness": ("ASM-03", lambda: {"others": ()}),
    "who acted": ("ASM-01", lambda: {"change": other(entries.Chosen, position="C1")}),
    "a number of before": ("REC-12", lambda: {"change": other(entries.Unlocked, number=9)}),
    "not signed at the end": ("AUD-02", lambda: {"change": unsigned, "others": ("administrator", "witness")}),
}


@pytest.mark.control("SEC-01")
@pytest.mark.control("STO-10")
@pytest.mark.control("AUT-01")
@pytest.mark.control("AUT-04")
@pytest.mark.parametrize("name", list(BROKEN))
def test_each_rule_is_broken_once(name: str, tmp_path: Path) -> None:
    identifier, changes = BROKEN[name]
    anchor = ended(tmp_path / "register", **changes())
    with pytest.raises(Refused) as caught:
        verify(anchor.register, anchor.genesis, anchor.head)
    assert caught.value.identifier == identifier


STOCK = {
    "no order at all": "AUT-01",
    "a share that it does not name": "AUT-01",
    "an order to reshare": "AUT-01",
    "another order than the file": "AUT-01",
    "one officer": "AUT-02",
    "nothing chosen": "SEC-01",
    "not proven": "SEC-01",
    "without a witness": "ASM-03",
}


@pytest.mark.parametrize("name", list(STOCK))
def test_the_stock_verifier_sees_it_too(name: str, tmp_path: Path) -> None:
    anchor = ended(tmp_path / "register", **BROKEN[name][1]())
    done = stock(anchor.register, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr[:6]) == (1, STOCK[name])


def test_an_order_has_no_place_elsewhere(tmp_path: Path) -> None:
    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        extra = entries.Ordered(order="ab" * 32, identifier="s-1", kind="reseal", positions=("A1",))
        return [(actor, body), ("tool", extra)] if ceremony == "transfer" and isinstance(body, entries.Authorized) else [(actor, body)]

    anchor = sample.write(tmp_path / "register", Play(change=change), receipt=False)
    with pytest.raises(Refused) as caught:
        verify(anchor.register, anchor.genesis, anchor.head)
    assert caught.value.identifier == "AUT-01"
    assert stock(anchor.register, anchor.genesis, anchor.head).stderr[:6] == "AUT-01"
