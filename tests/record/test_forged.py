"""Registers that were forged by who may write to the cold host and has too few keys: entries where they have no place, and voids that
nobody signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.transcript import Transcript
from ceremony.record.verify import verify
from ceremony.record.whereabouts import undecided
from tests.record.brought import looked, taken
from tests.record.sample import Change, Entry, FastDesk, Play, Sample, Scribe, run_key, unchanged
from tests.record.swept import Swept
from tests.record.test_brought import keyed
from tests.record.test_custody import A1, IN, OUT, SAFE, SENT, Desk
from tests.record.test_health_rules import check, without
from tests.record.test_reshare_rules import GONE, START, Reshared, order, reshare
from tests.record.test_verify_stock import run as stock
from transfer.limits import moment

STAFF = ("administrator", "witness")


def refused(folder: Path, genesis: str, head: str, control: str, also: str | None) -> None:
    """By both verifiers; `also`: by which control the stock one does, None if it cannot know."""
    with pytest.raises(Refused) as caught:
        verify(folder, genesis, head)
    assert caught.value.identifier == control, caught.value
    if also is not None:
        done = stock(folder, genesis, head)
        assert (done.returncode, done.stderr.split(" ")[0]) == (1, also), done.stderr


def misplaced(made: Desk) -> dict[str, tuple[Entry, ...]]:
    """Entries of which none has a place where custody records are taken in, each true as far as its form goes."""
    key = made.made.key_record
    share = {"position": "A1", "set_identifier": key.set_identifier}
    digest = made.book.sets.sealed("A1", key.set_identifier).begun[1]
    bag = made.book.bags.closed["A1", key.set_identifier]
    opened = ("A1", entries.BagOpened(**share, bag=bag, state="intact"))
    sealing = entries.Sealing(**share, number=2, sha256=sha256(b"another"))
    return {
        "a proof": (("A1", entries.Proven(position="A1", number=1, sha256=digest)),),
        "a lock": (
            opened,
            ("A1", sealing),
            ("A1", entries.Proven(position="A1", number=2, sha256=sealing.sha256)),
            ("A1", entries.BagClosed(**share, bag="A1-7777")),
        ),
        "a set": (("tool", entries.Generated(sources=("os", "HSM"), set_identifier="ab" * 10, commitments=16)),),
        "destroyed": (("A1", entries.Destroyed(**share, numbers=(1,), **GONE)),),
        "shares for a split": (("tool", entries.Resharing(key_record=key.digest, order="ab" * 32, positions=("A1",))),),
        "a drill": (("tool", entries.Rehearsed(genesis="ab" * 32, head="ab" * 32, ceremonies=(2,), took_part=("A1",), refused=())),),
        "a share set aside": (("A1", entries.SetAside(position="A1", reason="three wrong passphrases")),),
    }


@pytest.mark.parametrize("name", ["a proof", "a lock", "a set", "destroyed", "shares for a split", "a drill", "a share set aside"])
def test_entries_stand_in_ceremonies_of_their_kind_alone(name: str, tmp_path: Path) -> None:
    """Custody records are taken in by administrator and witness: nothing is proven, locked or made there, whatever the entry says."""
    extra: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "custody" and isinstance(body, entries.Custody):
            return [(actor, body), *extra]
        return [(actor, body)]

    desk = Desk(tmp_path / "register", Play(change=change))
    extra += misplaced(desk)[name]
    desk.take(desk.record("safe", site="A"), SAFE)
    first = {"a lock": "SEC-02", "a set": "SEC-02", "a proof": "SEC-01"}.get(name, "AUD-12")  # of bags and locks it is said before
    also = {"a proof": "SEC-01", "destroyed": "SEC-05", "shares for a split": "REC-10", "a set": "REC-10"}.get(name, "AUD-12")
    refused(desk.folder, desk.made.founding.digest, desk.head, first, also)


@pytest.mark.control("STO-01")
def test_one_bag_for_two_shares(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "register")
    desk.take(desk.record("safe", site="A"), SAFE)
    desk.take(desk.record("in", site="A", bags={"A1": "NEW-77", "A2": "NEW-77"}), IN).refused("STO-01")


@pytest.mark.control("STO-04")
def test_who_receives_a_share_does_not_authorize_that(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "register").safe()
    desk.take(desk.record("out", site="A", bags=A1), OUT)
    desk.take(desk.record("hand-over", bags=A1, **{**SENT, "people": ("A1", "cfo")}), ("A1", "cfo")).refused("STO-04")


@pytest.mark.control("GEN-14")
def test_a_key_record_that_nobody_signed_beside_the_signed_one(tmp_path: Path) -> None:
    """Everybody signed one key record; the one that was listed after it, and that everything else is about, nobody saw."""
    folder = tmp_path / "register"
    folder.mkdir()

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "reshare" and isinstance(body, entries.File) and body.kind == "key-record":
            raw = dump(replace(made.key_record, origin="somebody else's"))
            (folder / "0002-reshare" / "another.json").write_bytes(raw)
            return [("tool", replace(body, name="another.json", sha256=sha256(raw), size=len(raw))), (actor, body)]
        if kind == "reshare" and isinstance(body, entries.Signature) and body.purpose == "key-record":
            raw = (folder / "0002-reshare" / "another.json").read_bytes()
            blob = made.desk.sign(actor, raw, "key-record@cold-ceremony").blob
            return [(actor, replace(body, file="another.json", blob=blob))]
        return [(actor, body)]

    made = Reshared(FastDesk(tmp_path), folder, Play(change=change))
    head = reshare(made, 2, made.keygen(), {})
    refused(folder, made.founding.digest, head, "GEN-14", "AUD-05")


@pytest.mark.control("GEN-08")
def test_a_new_key_follows_no_other(tmp_path: Path) -> None:
    """Else it would pass for other shares of the same key, and what lies at the former one could never be swept."""
    folder = tmp_path / "register"
    folder.mkdir()
    made = Swept(FastDesk(folder), folder, Play())
    made.new = {"follows": made.first_record.digest}
    head = made.new_key(made.keygen())
    refused(folder, made.founding.digest, head, "GEN-08", "GEN-08")


@pytest.mark.control("SEC-02")
@pytest.mark.parametrize("kind", [entries.BagOpened, entries.BagClosed])
def test_the_bag_of_who_is_not_there_is_that_of_their_record(kind: type, tmp_path: Path) -> None:
    """Who signed their health record signed for the bag that it names, and for no other."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        return [(actor, replace(body, bag="EVIL-1") if ceremony == "check" and isinstance(body, kind) else body)]

    made, head = keyed(tmp_path / "register", change)
    head = taken(made, 2, head, looked(made))
    refused(made.folder, made.founding.digest, head, "SEC-02", "SEC-02")


def test_the_bag_of_a_record_is_not_left_out(tmp_path: Path) -> None:
    made, head = keyed(tmp_path / "register", without(entries.BagClosed))
    head = taken(made, 2, head, looked(made))
    refused(made.folder, made.founding.digest, head, "SEC-02", None)


def voided(desk: Desk) -> str:
    """A resharing that nobody came to: all that it took in is the order."""
    scribe = desk.made.begin(desk.number, "reshare", "reshare", desk.head, START)
    said = order(desk.made, desk.head)
    scribe.keep("share-order.json", "share-order", dump(said))
    scribe.sign_file("share-order", "share-order.json", ("cfo", "cto"))
    scribe.add("tool", entries.Ordered(order=said.digest, identifier=said.identifier, kind=said.kind, positions=()))
    scribe.close("void", "nobody came")
    return scribe.transcript.head


@pytest.mark.control("STO-07")
def test_an_order_whose_ceremony_was_voided_is_no_decision(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "register").safe()
    desk.take(desk.record("lost", positions=("A1",)), IN)
    desk.head = voided(desk)
    desk.both()
    assert [position for position, _ in undecided(desk.book.custody)] == ["A1"]


@pytest.mark.control("AUD-02")
@pytest.mark.parametrize("signers", [("administrator",), ("witness",), ("witness", "A1")])
def test_a_void_is_signed_by_both(signers: tuple[str, ...], tmp_path: Path) -> None:
    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        return [(actor, replace(body, signers=signers) if kind == "reshare" and isinstance(body, entries.Closed) else body)]

    desk = Desk(tmp_path / "register", Play(change=change))
    refused(desk.folder, desk.made.founding.digest, voided(desk), "AUD-02", "AUD-02")


@pytest.mark.control("AUD-08")
def test_a_void_that_was_signed_before_what_it_says(tmp_path: Path) -> None:
    """One more entry after the two signatures: nobody signed that."""

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "reshare" and isinstance(body, entries.Signature) and (actor, body.purpose) == ("witness", "end"):
            return [(actor, body), ("tool", entries.StrayDevice(finding="a device"))]
        return [(actor, body)]

    desk = Desk(tmp_path / "register", Play(change=change))
    refused(desk.folder, desk.made.founding.digest, voided(desk), "AUD-08", "AUD-08")


@pytest.mark.control("REC-12")
def test_a_number_of_before_in_a_set_that_never_was(tmp_path: Path) -> None:
    """In a resharing that was voided a new share has the number that the share in use has: its proof would count for that one."""

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "reshare" and isinstance(body, entries.Sealing):
            return [(actor, replace(body, number=1))]
        return [(actor, body)]

    made, head = cut_short(tmp_path / "register", change)
    refused(made.folder, made.founding.digest, head, "REC-12", None)


def cut_short(folder: Path, change: Change = unchanged) -> tuple[Sample, str]:
    """A resharing that was voided after its shares were locked: the set in use is as it was."""
    ended: list[str] = []

    def changed(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "reshare" and (ended or isinstance(body, entries.Quorums)):
            ended.append(kind)
            return []
        return change(kind, actor, body)

    folder.mkdir()
    made = Reshared(FastDesk(folder.parent), folder, Play(change=changed))
    first = made.keygen()
    reshare(made, 2, first, {})
    made.made = None
    transcript, _ = Transcript.open(folder / "0002-reshare", first)
    transcript.key = run_key("2 1")
    scribe = Scribe(made.desk, "its end", made.founding.digest, transcript, made.play, moment(transcript.state.entries[-1].line.time))
    scribe.close("void", "cut off")
    return made, transcript.head


def test_a_resharing_that_was_voided_counts_for_nothing(tmp_path: Path) -> None:
    made, head = cut_short(tmp_path / "register")
    book = Register.open(made.folder)
    assert (len(book.sets.all), list(book.sets.retired.values())) == (1, [2])
    assert book.sets.sealed("A1", made.key_record.set_identifier).acceptable == (1,)
    assert verify(made.folder, made.founding.digest, head).said == "VERIFIED"
    done = stock(made.folder, made.founding.digest, head)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.control("SEC-05")
@pytest.mark.parametrize("kind", [entries.BagOpened, entries.BagClosed])
def test_the_bag_of_a_retired_share_is_not_the_bag_of_the_share_in_use(kind: type, tmp_path: Path) -> None:
    """After a resharing: A1 shows the bag of the share of before, and opens the one in use."""

    def change(name: str, actor: str, body: Any) -> Iterable[Entry]:
        if name == "check" and isinstance(body, kind) and body.position == "A1":
            old = made.first_record.set_identifier
            bag = "A1-0001" if kind is entries.BagOpened else body.bag
            return [(actor, replace(body, set_identifier=old, bag=bag))]
        return [(actor, body)]

    folder = tmp_path / "register"
    folder.mkdir()
    made = Reshared(FastDesk(tmp_path), folder, Play(change=change))
    head = check(made, 3, reshare(made, 2, made.keygen(), {}), 2)
    refused(folder, made.founding.digest, head, "STO-01", "STO-01")


def test_a_check_after_a_resharing_is_of_the_new_set(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    folder.mkdir()
    made = Reshared(FastDesk(tmp_path), folder, Play())
    head = check(made, 3, reshare(made, 2, made.keygen(), {}), 2)
    assert verify(folder, made.founding.digest, head).said == "VERIFIED"
    done = stock(folder, made.founding.digest, head)
    assert (done.returncode, done.stderr) == (0, "")
