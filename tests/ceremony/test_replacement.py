"""Money held back by the chain, on a real node: a transaction that is withheld or stuck, the one that replaces it, and which is mined.

The whole way at the command line (BRD-02, BRD-06, design decision 10)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.ceremony import rehearsal, shared
from tests.ceremony.test_many_payments import _put_away
from tests.ceremony.test_regtest import with_node
from tests.node import Regtest, regtest
from transfer.bitcoin.account import opened
from transfer.outstanding import SETTLED_DEPTH

pytestmark = pytest.mark.long


SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
ORIGINAL, REPLACEMENT = 2, 4
"""Numbers of the two transfers; between them stands one that was refused and voided."""


@dataclass(frozen=True)
class Desk:
    """The stage of these plays, its node, and what was signed."""

    stage: Stage
    node: Regtest

    @property
    def book(self) -> Register:
        return Register.open(self.stage.folder / "register")

    def txid(self, number: int) -> str:
        checked = self.book.ceremonies[number - 1].state.last(entries.Checked)
        assert checked is not None
        return checked.txid

    def take(self, number: int) -> None:
        """The bundle of this transfer comes to the online host."""
        shutil.rmtree(self.stage.folder / "outbound", ignore_errors=True)
        shutil.copytree(self.stage.folder / f"bundle-{number}", self.stage.folder / "outbound")

    def online(self, command: str, number: int, *options: str) -> tuple[str, int]:
        self.take(number)
        papers = demonstration._papers(self.stage)
        told, code = rehearsal.run(self.stage, "online", command, "outbound", *papers, *self.stage.node, *options)
        return " ".join(told.split()), code

    def receive(self, number: int) -> None:
        """Receipt and close of this transfer."""
        self.take(number)
        for path in self.stage.folder.glob("online/receipt.*"):
            path.unlink()
        demonstration.receipt(self.stage)

    def reconcile(self) -> tuple[str, int]:
        words = ("--register", "register", *demonstration._genesis(self.stage), *self.stage.node)
        told, code = rehearsal.run(self.stage, "online", "reconcile", *words)
        return " ".join(told.split()), code

    def verified(self) -> None:
        """Both verifiers say VERIFIED."""
        book = self.book
        assert verify(book.folder, book.genesis, book.head).said == "VERIFIED"
        command = ["dash", str(SCRIPT), str(book.folder), book.genesis, book.head]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def signed(_founded: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Path, dict[str, str]]:
    """Two signed transfers to the same payee, none of them sent; the second replaces the first. The node's folder; what screens said."""

    def play(folder: Path) -> tuple[Stage, Path, dict[str, str]]:
        folder.mkdir()
        copied = rehearsal.copy(_founded, folder / "stage")
        demonstration.generate(copied)
        said: dict[str, str] = {}
        with regtest(folder / "node") as node:
            set_ = with_node(copied, node)
            ours = opened(Register.open(set_.folder / "register").key_record.accounts[0])
            node.fund({ours.own(0, index).address: 50_000_000 for index in range(3)})
            demonstration.snapshot(set_)
            demonstration.authorize(set_)
            demonstration.prepare(set_)
            demonstration.transfer(set_)
            desk = Desk(set_, node)
            (set_.folder / "outbound").rename(set_.folder / f"bundle-{ORIGINAL}")
            _put_away(set_, "first")

            demonstration.snapshot(set_)
            demonstration.authorize(set_, "example-exchange:0.4 BTC")
            papers = ("--charter", "office/charter.json", "--policy", "office/policy.json", *demonstration._genesis(set_))
            said["shown"], code = rehearsal.run(set_, "authorize", "show", "office/authorization.json", *papers, "--register", "register")
            assert code == 1, said["shown"]
            said["refused"], code = rehearsal.run(set_, *demonstration.prepare_command(set_))
            assert code == 1, said["refused"]
            words = ("--register", "register", *demonstration._genesis(set_), "--reason", "it must replace the first one")
            set_.act("Void", ("void", *words))
            _put_away(set_, "refused")

            demonstration.snapshot(set_)
            demonstration.authorize(set_, "example-exchange:0.4 BTC", replaces=desk.txid(ORIGINAL))
            demonstration.prepare(set_)
            said["transfer"] = set_.act("Transfer", demonstration.transfer_command(set_))
            (set_.folder / "outbound").rename(set_.folder / f"bundle-{REPLACEMENT}")
            _put_away(set_, "second")
        return set_, folder / "node", said

    return shared.once(tmp_path_factory, "replacement", play)


@pytest.fixture
def desk(signed: tuple[Stage, Path, dict[str, str]], tmp_path: Path) -> Iterator[Desk]:
    with copied(signed, tmp_path) as found:
        yield found


@contextmanager
def copied(signed: tuple[Stage, Path, dict[str, str]], folder: Path) -> Iterator[Desk]:
    played, chain, _ = signed
    shutil.copytree(chain, folder / "node")
    set_ = rehearsal.copy(played, folder / "stage")
    with regtest(folder / "node") as node:
        yield Desk(with_node(set_, node), node)


@pytest.mark.control("BRD-06")
def test_a_second_payment_must_name_and_replace_the_first(signed: tuple[Stage, Path, dict[str, str]]) -> None:
    set_, _, said = signed
    book = Register.open(set_.folder / "register")
    first, second = book.claims(0)
    assert "BRD-06" in said["shown"], "the officers see it on their laptop, too"
    refused = " ".join(said["refused"].split())
    assert "BRD-06 a signed transfer to the same payee is outstanding" in refused
    assert f"--replaces {first.txid}" in refused
    assert "which can then never be mined" in " ".join(said["transfer"].split())
    assert (first.number, second.number) == (ORIGINAL, REPLACEMENT)
    assert set(first.coins) & set(second.coins)
    assert second.fee > first.fee
    assert (len(first.coins), len(second.coins)) == (2, 1), "the third coin is left alone"
    assert sum(s.amount for s in book.spent(0)) == 115_000_000, "both count until one of them is mined"
    assert book.reserved(0) == set(first.coins)


def test_the_replacement_is_mined_and_the_withheld_original_comes_late(desk: Desk) -> None:
    original, replacement = desk.txid(ORIGINAL), desk.txid(REPLACEMENT)
    told, code = desk.reconcile()
    assert code == 3
    assert told.count("still be sent by whoever") == 2
    assert desk.online("broadcast", REPLACEMENT)[1] == 0
    desk.node.mine(SETTLED_DEPTH)
    told, code = desk.online("broadcast", ORIGINAL)
    assert code == 3, "the node refuses it"
    assert "BRD-02 UNRESOLVED" in told
    assert f"CONFLICTED: {replacement}" in told
    told, code = desk.online("watch", ORIGINAL, "--once")
    assert (code, f"{SETTLED_DEPTH} confirmation(s)" in told) == (3, True)
    told, code = desk.reconcile()
    assert code == 3
    assert "Make its receipt" in told
    assert f"Transfer {REPLACEMENT} spends the same coin" in told
    desk.receive(REPLACEMENT)
    first, second = desk.book.claims(0)
    assert (first.replaced_by, second.confirmations) == (replacement, SETTLED_DEPTH)
    assert sum(s.amount for s in desk.book.spent(0)) == 40_000_000
    assert desk.book.reserved(0) == set(second.coins), "the original's other coin is free again"
    assert desk.reconcile()[1] == 0
    desk.verified()
    _, code = rehearsal.run(desk.stage, "audit", "report", "register", "-o", "page.html")
    assert code == 3
    report = (desk.stage.folder / "page.html").read_text()
    assert "Replaced transactions" in report
    assert original in report


def test_the_original_is_mined_before_its_replacement_is_sent(desk: Desk) -> None:
    original, replacement = desk.txid(ORIGINAL), desk.txid(REPLACEMENT)
    assert desk.online("broadcast", ORIGINAL)[1] == 0
    desk.node.mine(SETTLED_DEPTH)
    told, code = desk.online("broadcast", REPLACEMENT)
    assert (code, "BRD-02 UNRESOLVED" in told) == (3, True)
    told, code = desk.online("watch", REPLACEMENT, "--once")
    assert (code, f"CONFLICTED: {original}" in told) == (3, True)
    desk.receive(ORIGINAL)
    first, second = desk.book.claims(0)
    assert (first.confirmations, second.replaced_by) == (SETTLED_DEPTH, original)
    assert sum(s.amount for s in desk.book.spent(0)) == 75_000_000
    assert desk.txid(REPLACEMENT) == replacement
    assert desk.reconcile()[1] == 0
    desk.verified()


def test_a_stuck_original_is_replaced_by_a_higher_fee_and_settled_when_it_is_deep(desk: Desk) -> None:
    original, replacement = desk.txid(ORIGINAL), desk.txid(REPLACEMENT)
    assert desk.online("broadcast", ORIGINAL)[1] == 0
    assert desk.node.rpc("getrawmempool") == [original]
    told, code = desk.online("broadcast", REPLACEMENT)
    assert code == 0, told
    assert desk.node.rpc("getrawmempool") == [replacement]
    desk.node.mine()
    told, code = desk.online("watch", ORIGINAL, "--once")
    assert (code, f"CONFLICTED: {replacement}" in told, "1 confirmation(s)" in told) == (3, True, True)
    desk.receive(REPLACEMENT)
    first, _ = desk.book.claims(0)
    assert first.outstanding, "one block may still be undone"
    assert desk.book.reserved(0) == set(first.coins)
    desk.verified()
    desk.node.mine(SETTLED_DEPTH - 1)
    desk.receive(REPLACEMENT)
    first, second = desk.book.claims(0)
    assert (first.replaced_by, second.confirmations) == (replacement, SETTLED_DEPTH)
    desk.verified()
