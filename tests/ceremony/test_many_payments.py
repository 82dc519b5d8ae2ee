"""Several payments in one authorization, then a consolidation: the whole way at the command line, on the practice chain."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.amounts import grouped
from ceremony.base.data import load
from ceremony.demonstration import PAYEE, Stage
from ceremony.record.register import Register
from tests.ceremony import rehearsal, shared
from transfer.authorization import Authorization
from transfer.bitcoin import tx
from transfer.bitcoin.address import address_of
from transfer.bitcoin.reading import review
from transfer.request import SigningRequest
from transfer.review import Review

pytestmark = pytest.mark.long


PAYEES = {
    "example-exchange": PAYEE,
    "lawyers": address_of(b"\x51\x20" + bytes.fromhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"), "regtest"),
    "old-broker": address_of(b"\x76\xa9\x14" + bytes(range(20)) + b"\x88\xac", "regtest"),
    "landlord": address_of(b"\x00\x20" + bytes(range(32, 64)), "regtest"),
    **{f"member-{n}": address_of(b"\x00\x14" + bytes([n] * 20), "regtest") for n in range(1, 17)},
}
"""One of each kind of address that there is, and more: 20 payees."""
MEMBERS = [f"member-{n}:0.019 BTC" for n in range(1, 17)]
PAID = ("lawyers:0.11 BTC", "example-exchange:0.1 BTC", "landlord:0.05 BTC", "old-broker:7000 sat", *MEMBERS)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Twenty payees are paid from some 140 coins in one transfer; then a few of the coins that are left are gathered."""

    def play(folder: Path) -> Stage:
        set_ = rehearsal.stage(folder, replace(rehearsal.SMALL, payees=PAYEES))
        demonstration.found(set_)
        demonstration.generate(set_)
        demonstration.fund(set_, "0.004 BTC", 150)
        _carry_out(set_, *PAID)
        _put_away(set_, "first")
        _carry_out(set_, "--consolidate", "--coins", "5")
        return set_

    return shared.once(tmp_path_factory, "many-payments", play)


def _carry_out(set_: Stage, *paid: str) -> None:
    demonstration.snapshot(set_)
    demonstration.authorize(set_, *paid)
    for act in (demonstration.prepare, demonstration.transfer, *demonstration.AFTER_TRANSFER):
        act(set_)


def _put_away(set_: Stage, name: str) -> None:
    """What one transfer needed, so that the next one finds an empty desk."""
    away = set_.folder / name
    away.mkdir()
    documents = ["authorization.*", "confirmation.*", "payee-slip.*"]
    for path in (*(p for d in documents for p in set_.folder.glob(f"office/{d}")), *set_.folder.glob("online/*.json")):
        path.rename(away / path.name)
    for path in (*set_.folder.glob("online/*.signatures"), *set_.folder.glob("outbound*")):
        path.rename(away / path.name)


def _transfers(set_: Stage) -> list[tuple[Authorization, Review, tx.Transaction]]:
    """Authorization, review and signed transaction of each transfer."""
    book, found = Register.open(set_.folder / "register"), []
    for each in book.ceremonies:
        if each.kind == "transfer":
            wanted = load(Authorization, each.raw("authorization"))
            seen = review(SigningRequest("bitcoin", each.raw("request")), book.key_record.account(wanted.account))
            found.append((wanted, seen, tx.parse(bytes.fromhex(each.raw("transaction").decode().strip()))))
    return found


def test_exactly_the_payments_and_one_change(played: Stage) -> None:
    (wanted, seen, made), _ = _transfers(played)
    assert [p.payee for p in wanted.payments][:4] == ["lawyers", "example-exchange", "landlord", "old-broker"]
    assert wanted.amount == 56_407_000
    assert len(seen.inputs) == 142
    outputs = sorted((address_of(o.script, "regtest"), o.amount) for o in made.outputs)
    ours = [(c.address, c.amount) for c in seen.change]
    assert len(ours) == 1
    assert outputs == sorted([*ours, *((p.destination, p.amount) for p in wanted.payments)])


def test_a_consolidation_returns_everything(played: Stage) -> None:
    _, (wanted, seen, made) = _transfers(played)
    assert (wanted.kind, wanted.payments, wanted.coins, wanted.amount) == ("consolidation", (), 5, 0)
    assert seen.payments == ()
    assert [o.amount for o in made.outputs] == [seen.change[0].amount]
    assert 1 < len(seen.inputs) <= 5
    assert seen.change[0].amount == sum(i.amount for i in seen.inputs) - seen.fee
    assert not (played.folder / "register" / "0004-transfer" / "confirmation.json").exists()
    assert (played.folder / "online" / "receipt.json").exists()


def test_both_verifiers_and_the_report(played: Stage) -> None:
    assert demonstration.verify(played).startswith("VERIFIED")
    anchor = dict(line.split() for line in (played.folder / "anchor").read_text().splitlines())
    script = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
    command = ["sh", str(script), str(played.folder / "register"), anchor["genesis"], anchor["head"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "VERIFIED"), done.stdout + done.stderr
    page = (played.folder / "report.html").read_text()
    for name, address in PAYEES.items():
        assert name in page
        assert grouped(address) in page
    assert "its transaction is too large for QR codes" in page
    assert "a consolidation pays nobody" in page


def test_the_screens_name_each_payee_and_a_consolidation(played: Stage) -> None:
    slip = (played.folder / "first" / "payee-slip.txt").read_text()
    assert slip.count("payee slip, page") == len(PAYEES)
    authorization = json.loads((played.folder / "office" / "authorization.json").read_text())
    assert authorization["kind"] == "consolidation"
