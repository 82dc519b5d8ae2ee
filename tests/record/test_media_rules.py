"""What shares may lie on: the charter says it, in words too, and the verifier holds every lock to it (GEN-10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import charter as charters
from ceremony.record import entries
from ceremony.record.chain import Chain, check_follows
from ceremony.record.charter import Medium
from ceremony.record.ledger import Ledger
from ceremony.record.register import Register
from ceremony.record.rules import media
from ceremony.record.verify import verify
from ceremony.screen.explain import charter_difference, charter_explained
from tests.desk import Desk
from tests.record import sample
from tests.record.sample import Change, Entry, FastDesk, Play, Sample
from tests.record.test_verify_stock import run as stock


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.mark.control("SET-04")
@pytest.mark.parametrize("named", [(), ("card", "file"), ("file", "file")])
def test_media_stand_once_and_in_order(desk: Desk, named: tuple[Medium, ...]) -> None:
    with pytest.raises(Refused, match=r"charter\.media: expected one or more of file, card, token") as caught:
        charters.parse(dump(desk.charter(media=named)), "charter")
    assert caught.value.identifier == "SET-04"
    assert charters.in_order(("token", "file", "token")) == ("file", "token")


def test_media_are_told_in_words_and_may_be_amended(desk: Desk) -> None:
    before = desk.charter()
    after = replace(before, number=1, previous=before.digest, media=("file", "token"))
    check_follows(before, after)
    assert "A locked share lies on its custodian's own stick, as a file." in " ".join(" ".join(charter_explained(before)).split())
    said = " ".join(" ".join(charter_explained(after)).split())
    assert "or on its custodian's own hardware token, behind a PIN, which is not the passphrase." in said
    assert any("media: token is added." in line for line in charter_difference(before, after))


@pytest.mark.control("GEN-10")
def test_a_lock_onto_a_medium_that_the_charter_does_not_allow_is_refused(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(), transfers=1)
    book = Register.open(made.register)
    generated = book.ceremonies[0]
    allowed = Ledger(genesis=book.genesis, chain=Chain((book.charters[0],)))
    media.check(generated, allowed)
    with pytest.raises(Refused) as caught:
        media.check(generated, replace(allowed, chain=Chain((replace(book.charters[0], media=("file", "card")),))))
    assert caught.value.identifier == "GEN-10"
    assert "on a token" in caught.value.found


def locked(position: str, **other: Any) -> Change:
    """This position's share is locked onto something else."""

    def change(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
        return [(actor, replace(body, **other) if isinstance(body, entries.Sealing) and actor == position else body)]

    return change


def unopened(ceremony: str, actor: str, body: Any) -> Iterable[Entry]:
    """No process asked for the PIN of C1's token."""
    return [] if isinstance(body, entries.CustodianToken) and actor == "C1" else [(actor, body)]


@pytest.mark.control("GEN-10")
@pytest.mark.control("REC-10")
@pytest.mark.parametrize(
    ("change", "control"),
    [
        (locked("C2", token=sample.ONTO["C1"][1]), "GEN-10"),  # two people's shares on one token
        (locked("C1", token=None), "GEN-10"),
        (locked("A1", token=sample.ONTO["C1"][1]), "GEN-10"),  # a file that names one
        (unopened, "REC-10"),
    ],
)
def test_a_token_is_its_own_custodians_alone(change: Change, control: str, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(change=change), receipt=False)
    with pytest.raises(Refused) as caught:
        verify(made.register, made.genesis, made.head)
    assert caught.value.identifier == control


@pytest.mark.control("SEC-01")
@pytest.mark.parametrize(
    ("body", "stock_too"),
    [
        (entries.Proven(position="A1", number=1, sha256=sha256(b"A1 1")), True),
        (entries.Removed(position="A1", number=1, medium="a stick", tool="cold-ceremony", how="overwritten"), False),
        (entries.NotRemoved(position="A1", number=1, medium="a stick", why="at home"), False),
    ],
)
def test_a_voided_ceremony_tells_nothing_of_a_share_that_was_not_locked_in_it(body: Any, stock_too: bool, tmp_path: Path) -> None:
    """Administrator and witness alone say that A1's share was proven, or that it is gone: it would count as that."""
    folder = tmp_path / "register"
    folder.mkdir()
    made = Sample(FastDesk(tmp_path), folder)
    scribe, _wanted, _request = made.prepared(2, made.keygen())
    scribe.add("A1", body)
    scribe.close("void", "cut off")
    head = scribe.transcript.head
    with pytest.raises(Refused, match="SEC-01"):
        verify(folder, made.founding.digest, head)
    if stock_too:
        assert stock(folder, made.founding.digest, head).stderr.startswith("SEC-01")
