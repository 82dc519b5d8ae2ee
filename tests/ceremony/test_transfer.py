"""A transfer at the command line: what it must refuse, from a spent authorization to a receipt that too few people signed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage, key
from ceremony.record.register import Register
from tests.ceremony import rehearsal
from tests.softhsm import make_shim


def refused(set_: Stage, identifier: str, *words: str) -> str:
    shown, code = rehearsal.run(set_, *words)
    assert code == 1, shown[-2000:]
    assert any(line.startswith(identifier + " ") for line in shown.splitlines()), shown[-2000:]
    return shown


def body(set_: Stage, kind: str, ceremony: int = -1) -> dict[str, str]:
    (found,) = [e["body"] for e in rehearsal.entries(set_, ceremony) if e["type"] == kind]
    assert isinstance(found, dict)
    return found


def close(set_: Stage) -> None:
    """Broadcast, a block, two receipts, close."""
    demonstration.broadcast(set_)
    demonstration.mine(set_)
    demonstration.receipt(set_)


@pytest.mark.control("AUT-05")
def test_an_authorization_is_used_once(carried_out: Stage) -> None:
    close(carried_out)
    refused(carried_out, "AUT-05", *demonstration.prepare_command(carried_out))


@pytest.mark.control("AUT-05")
def test_a_voided_ceremony_has_used_its_authorization_up(prepared: Stage) -> None:
    genesis = demonstration.transfer_command(prepared)[1:5]
    shown, code = rehearsal.run(prepared, "void", *genesis, "--reason", "the payee called it off")
    assert code == 0, shown[-2000:]
    refused(prepared, "AUT-05", *demonstration.prepare_command(prepared))


def revoked(set_: Stage, officer: str = "cto") -> tuple[str, str]:
    """One officer revokes the authorization of the stage: the option that brings it to the cold host."""
    words = (
        "authorize",
        "revoke",
        "office/authorization.json",
        "--as",
        officer,
        "--key",
        key(officer),
        "--reason",
        "the payee called it off",
    )
    set_.act("Revocation", (*words, "-o", "office/revocation.json"))
    return ("--revocation", "office/revocation.json")


@pytest.mark.control("AUT-04")
def test_a_revoked_transfer_must_be_voided_and_its_authorization_stays_refused(prepared: Stage) -> None:
    option = revoked(prepared)
    _shown, code = rehearsal.run_broken(prepared, "kill:4", (*demonstration.transfer_command(prepared), *option))
    assert code == 128 + 9
    shown = refused(prepared, "AUT-04", *demonstration.transfer_command(prepared, "resume"))
    assert "without its signature" in shown
    shown = refused(prepared, "AUT-04", *demonstration.transfer_command(prepared), *option)
    assert "revoked by cto" in shown
    assert "signature" in rehearsal.types(prepared)[-2:]
    refused(prepared, "AUT-04", *demonstration.transfer_command(prepared, "resume"))  # it is in the register now
    shown, code = rehearsal.run(prepared, "void", *demonstration.transfer_command(prepared)[1:5], "--reason", "revoked")
    assert code == 0, shown[-2000:]
    book = Register.open(prepared.folder / "register")
    assert [found.officer for found in book.revoked.values()] == ["cto"]
    (claim,) = book.claims(0)
    assert (claim.void, claim.coins != ()) == (True, True), "both readers had agreed: its coins stay held (BRD-06)"


@pytest.mark.control("AUT-04")
def test_a_revocation_comes_in_with_the_next_ceremony_and_a_void_takes_it_in(authorized: Stage) -> None:
    option = revoked(authorized)
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized), *option)
    assert (code, rehearsal.refusals(authorized)) == (1, ["AUT-04"]), shown[-2000:]
    assert "authorized" not in rehearsal.types(authorized)
    shown, code = rehearsal.run(authorized, "void", *demonstration.transfer_command(authorized)[1:5], "--reason", "revoked", *option)
    assert code == 0, shown[-2000:]
    assert rehearsal.files(authorized) == ["script", "revocation"]
    refused(authorized, "AUT-04", *demonstration.prepare_command(authorized))


@pytest.mark.control("BRD-06")
def test_a_revocation_after_sign_is_too_late(carried_out: Stage) -> None:
    option = revoked(carried_out)
    close(carried_out)
    shown = refused(carried_out, "BRD-06", *demonstration.prepare_command(carried_out), *option)
    assert "too late" in shown
    assert rehearsal.files(carried_out) == ["script"]


@pytest.mark.control("TXN-09")
def test_a_coin_whose_previous_transaction_says_otherwise_is_refused(authorized: Stage) -> None:
    path = authorized.folder / "online" / "snapshot.json"
    snapshot = json.loads(path.read_text())
    snapshot["coins"][0]["amount"]["units"] = str(int(snapshot["coins"][0]["amount"]["units"]) + 1)
    path.write_text(json.dumps(snapshot, sort_keys=True, separators=(",", ":")) + "\n")
    refused(authorized, "TXN-09", *demonstration.prepare_command(authorized))


@pytest.mark.control("AUD-09")
def test_another_register_is_refused(prepared: Stage) -> None:
    words = list(demonstration.transfer_command(prepared))
    words[words.index("--genesis") + 1] = "00" * 32
    refused(prepared, "AUD-09", *words)


@pytest.mark.control("AUD-05")
def test_a_changed_file_in_the_register_stops_the_next_ceremony(authorized: Stage) -> None:
    (authorized.folder / "register" / "0001-keygen" / "notes.txt").write_text("mine\n")
    refused(authorized, "AUD-05", *demonstration.prepare_command(authorized))


@pytest.mark.control("ASM-01")
def test_a_key_that_is_not_the_persons_own_is_refused(prepared: Stage) -> None:
    """With another person's key in it the medium is not taken; with a key of nobody's, nothing that it signs is."""
    mine = prepared.folder / key("A1")
    for path in (mine, mine.with_suffix(".pub")):
        path.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(mine)], check=True)
    prepared.cast.instead = [(r"A1, the folder of your medium: ", "custodians/A2")]
    shown = refused(prepared, "ASM-01", *demonstration.transfer_command(prepared))
    assert "it is someone else's medium" in " ".join(shown.split())


@pytest.mark.control("ASM-04")
def test_a_clock_that_went_backwards_is_refused(prepared: Stage) -> None:
    words = demonstration.transfer_command(prepared)
    shown, code = rehearsal.run_broken(prepared, "clock:2025-01-01T00:00:00Z", words)
    assert code == 1
    assert "ASM-04" in shown


@pytest.mark.control("AIR-05")
def test_another_hsm_is_refused(authorized: Stage) -> None:
    conf = authorized.folder / "hsm" / "softhsm2.conf"
    (authorized.folder / "hsm" / "softhsm2.conf.faults").write_text("rename\n")
    assert conf.exists()
    words = list(demonstration.prepare_command(authorized))
    words[words.index("--module") + 1] = make_shim(authorized.folder)
    refused(authorized, "AIR-05", *words)


@pytest.mark.control("REC-07")
def test_nothing_enters_the_hsm_in_plaintext(approved: Stage) -> None:
    words = list(demonstration.transfer_command(approved, "resume"))
    words[words.index("--module") + 1] = make_shim(approved.folder)
    shown, code = rehearsal.run(approved, *words)
    assert code == 0, shown[-2000:]
    calls = (approved.folder / "hsm" / "softhsm2.conf.calls").read_text()
    assert "C_UnwrapKey" in calls
    assert "C_Sign" in calls
    assert "C_CreateObject" not in calls


@pytest.mark.control("SIG-06")
def test_a_request_that_changed_after_approval_is_refused(approved: Stage) -> None:
    path = approved.folder / "register" / "0002-transfer" / "request.psbt"
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    refused(approved, "AUD-01", *demonstration.transfer_command(approved, "resume"))


@pytest.mark.control("GEN-10")
def test_a_medium_with_somebody_elses_share_is_refused(founded: Stage, played: Stage) -> None:
    """Nothing is written to it, and it ends no sitting: A1 brings another stick."""
    home, new, prompt = founded.folder / "custodians" / "A1", founded.folder / "new-stick", r"A1, the folder of your medium: "
    shutil.copytree(home, new)
    (theirs,) = (played.folder / "custodians" / "A2").glob("*.sealed")
    shutil.copy(theirs, home)
    founded.cast.instead = [(prompt, "custodians/A1"), (prompt, "new-stick")]
    shown, code = rehearsal.run(founded, *demonstration.keygen_command(founded))
    assert code == 0, shown[-2000:]
    assert "A1: nothing was written. GEN-10 the medium of A1 holds somebody else's share" in " ".join(shown.split())
    assert rehearsal.refusals(founded) == ["GEN-10"]
    assert [path.name for path in home.glob("*.sealed")] == [theirs.name]
    assert [path.name for path in new.glob("*.sealed")] == ["share-A1-0001.sealed"]


@pytest.mark.control("BRD-04")
def test_a_receipt_needs_two_custodians(carried_out: Stage) -> None:
    def one_signs(set_: Stage) -> None:
        path = set_.folder / "online" / "receipt.signatures"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])

    shown = receipt_with(carried_out, one_signs)
    assert "BRD-04" in shown


@pytest.mark.control("BRD-05")
def test_a_receipt_of_another_transaction_does_not_close(carried_out: Stage) -> None:
    def another(set_: Stage) -> None:
        path = set_.folder / "online" / "receipt.json"
        changed = json.loads(path.read_text())
        changed["txid"] = "ab" * 32
        path.write_text(json.dumps(changed, sort_keys=True, separators=(",", ":")) + "\n")

    shown = receipt_with(carried_out, another)
    assert "BRD-05" in shown


def receipt_with(set_: Stage, change: Callable[[Stage], None]) -> str:
    """Broadcast, a block, two receipts; then `change`; then the attempt to close: what it showed."""
    demonstration.broadcast(set_)
    demonstration.mine(set_)
    *looked, closing = demonstration.receipt_commands(set_)
    set_.act("Receipts", *looked)
    change(set_)
    shown, code = rehearsal.run(set_, *closing)
    assert code == 1
    return shown


def test_the_bundle_is_closed_and_read_only(carried_out: Stage) -> None:
    out = carried_out.folder / "outbound"
    assert sorted(p.name for p in out.iterdir()) == [
        "approvals.jsonl",
        "authorization.json",
        "authorization.signatures",
        "manifest.json",
        "policy-history.json",
        "request.psbt",
        "transaction",
        "transcript.jsonl",
    ]
    assert all(Path(p).stat().st_mode & 0o222 == 0 for p in out.iterdir())
    assert body(carried_out, "exported")["frames"] == str(len(list(Path(f"{out}-qr").iterdir())))
