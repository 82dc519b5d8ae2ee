"""Somebody in the way: swapped files, a poisoned register, an interruption at the worst moment, a clumsy hand. At the real command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.lines import sha256
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.ceremony import instants, rehearsal
from tests.ceremony.instants import Play
from tests.ceremony.test_interruptions import KILLED, check_ended
from tests.ceremony.test_transfer import receipt_with, refused

LATER = "2027-01-15T09:00:00Z"


def transcript(set_: Stage, kind: str) -> Path:
    (path,) = set_.folder.glob(f"register/*-{kind}/transcript.jsonl")
    return path


def resumed(set_: Stage) -> str:
    shown, code = rehearsal.run(set_, *demonstration.transfer_command(set_, "resume"))
    assert code == 0, shown[-2000:]
    return shown


def void(set_: Stage) -> str:
    shown, code = rehearsal.run(set_, "void", *demonstration.transfer_command(set_)[1:5], "--reason", "given up")
    assert code == 0, shown[-2000:]
    check_ended(set_, "void")
    return shown


@pytest.mark.control("SET-06")
@pytest.mark.control("AUD-02")
def test_a_transfer_cut_off_between_the_closing_and_the_last_signature_of_its_end(transfer: Play, tmp_path: Path) -> None:
    closed, half = transfer.after_entry("closed"), transfer.torn("register/0002-transfer/transcript", after="closed")
    for number, instant in enumerate((closed, half)):
        set_ = instants.staged(transfer, instant, tmp_path / f"stage-{number}")
        shown, code = rehearsal.run(set_, "void", *demonstration.transfer_command(set_)[1:5], "--reason", "given up")
        assert (code, "has its closing" in shown) == (2, True), shown
        shown = resumed(set_)
        assert "Type CLOSE" not in shown, "but for the signatures all is done"
        check_ended(set_, "carried out")


@pytest.mark.control("SET-06")
@pytest.mark.control("AUD-02")
def test_a_key_generation_cut_off_between_the_closing_and_the_signatures_of_its_end(keygen: Play, tmp_path: Path) -> None:
    instants.end_for_real(keygen, keygen.after_entry("closed"), tmp_path / "stage", "key record signed")


@pytest.mark.control("BRD-06")
def test_an_authorization_that_expires_after_the_signature_still_ends(approved: Stage) -> None:
    _shown, code = rehearsal.run_broken(approved, "kill-after:hsm-signed", demonstration.transfer_command(approved, "resume"))
    assert (code, rehearsal.types(approved)[-1]) == (KILLED, "hsm-signed")
    approved.cast.instead = rehearsal.watches(LATER)
    shown, code = rehearsal.run_broken(approved, f"clock:{LATER}", demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
    assert "absent" in rehearsal.types(approved)
    check_ended(approved, "carried out")


@pytest.mark.control("AUT-04")
def test_an_authorization_that_expires_before_the_signature_signs_nothing(approved: Stage) -> None:
    _shown, code = rehearsal.run_broken(approved, "kill-after:imported", demonstration.transfer_command(approved, "resume"))
    assert (code, rehearsal.types(approved)[-1]) == (KILLED, "imported")
    approved.cast.instead = rehearsal.watches(LATER)
    shown, code = rehearsal.run_broken(approved, f"clock:{LATER}", demonstration.transfer_command(approved, "resume"))
    assert code == 1
    assert "AUT-04" in shown
    assert "signing" not in rehearsal.types(approved)


def test_cut_off_before_the_old_share_was_removed(approved: Stage) -> None:
    _shown, code = rehearsal.run_broken(approved, "kill-after:proven", demonstration.transfer_command(approved, "resume"))
    assert (code, rehearsal.types(approved)[-1]) == (KILLED, "proven")
    shutil.rmtree(approved.folder / "outbound", ignore_errors=True)
    resumed(approved)
    assert [len(list((approved.folder / "custodians" / p).glob("*.sealed"))) for p in approved.plot.here] == [1, 1, 1, 1]
    check_ended(approved, "carried out")


@pytest.mark.control("AUT-03")
def test_a_signature_of_something_else_never_enters_the_record(authorized: Stage) -> None:
    office = authorized.folder / "office"
    path = office / "authorization.signatures"
    right = path.read_bytes()
    other = {s["signer"]: s for s in map(json.loads, (office / "policy.signatures").read_text().splitlines())}["cto"]
    wrong = {**other, "namespace": "authorization@cold-ceremony"}
    cfo = next(line for line in right.splitlines(keepends=True) if b'"cfo"' in line)
    path.write_bytes(cfo + json.dumps(wrong, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    refused(authorized, "AUT-03", *demonstration.prepare_command(authorized))
    assert rehearsal.types(authorized) == ["opened", "signature", "signature", "file", "refusal"]
    path.write_bytes(right)
    resumed(authorized)
    check_ended(authorized, "carried out")


def test_a_stranger_who_signs_as_well_changes_nothing(authorized: Stage) -> None:
    office = authorized.folder / "office"
    for name, line in (("authorization", 0), ("confirmation", 0)):
        path = office / f"{name}.signatures"
        stranger = json.loads(path.read_bytes().splitlines()[line]) | {"signer": "C2"}
        path.write_bytes(path.read_bytes() + json.dumps(stranger, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert code == 0, shown[-2000:]
    book = Register.open(authorized.folder / "register")
    assert verify(authorized.folder / "register", book.genesis, book.head).said == "INCOMPLETE"


def test_a_confirmation_that_nobody_signed_is_refused(authorized: Stage) -> None:
    (authorized.folder / "office" / "confirmation.signatures").unlink()
    refused(authorized, "AUT-08", *demonstration.prepare_command(authorized))


@pytest.mark.control("AUT-01")
def test_another_first_policy_does_not_slip_in_with_another_key(authorized: Stage) -> None:
    for path in (authorized.folder / "office").glob("policy.*"):
        path.unlink()
    demonstration.sign_policy(authorized)
    refused(authorized, "AUT-01", *demonstration.keygen_command(authorized))
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert code == 0, shown[-2000:]  # in force is still the policy that the officers signed against


@pytest.mark.control("AUD-11")
def test_a_rewritten_preparation_is_refused_before_anybody_signs_in(prepared: Stage) -> None:
    path = transcript(prepared, "transfer")
    prev, lines = "", []
    for line in map(json.loads, path.read_text().splitlines()):
        line["prev"] = prev or line["prev"]
        if line["type"] == "machine":
            line["body"]["findings"] = []
        lines.append(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        prev = sha256(lines[-1])
    path.write_bytes(b"".join(lines))
    refused(prepared, "AUD-11", *demonstration.transfer_command(prepared))
    assert "present" not in rehearsal.types(prepared)


def test_whatever_lies_in_the_folder_is_kept_aside(approved: Stage) -> None:
    folder = transcript(approved, "transfer").parent
    for name in ("Notes of Max.TXT", ".DS_Store", "torn-Hello World", "again"):
        (folder / name).write_bytes(b"mine\n")
    resumed(approved)
    check_ended(approved, "carried out")
    kept = [e["body"] for e in rehearsal.entries(approved) if e["type"] == "file" and e["body"]["kind"] == "leftover"]  # type: ignore[index]
    assert len(kept) == 1


def enormous(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**34)


@pytest.mark.control("ASM-04")
def test_a_clock_behind_the_chain_is_refused(authorized: Stage) -> None:
    path = authorized.folder / "online" / "snapshot.json"
    snapshot = json.loads(path.read_text()) | {"time": LATER}
    path.write_text(json.dumps(snapshot, sort_keys=True, separators=(",", ":")) + "\n")
    refused(authorized, "ASM-04", *demonstration.prepare_command(authorized))


@pytest.mark.control("AUD-05")
@pytest.mark.parametrize("made", [Path.mkdir, os.mkfifo, lambda p: p.symlink_to("/dev/zero"), enormous])
def test_nothing_but_plain_files_is_taken_in(approved: Stage, made: Callable[[Path], object]) -> None:
    path = transcript(approved, "transfer").parent / "lost+found"
    made(path)
    refused(approved, "AUD-05", *demonstration.transfer_command(approved, "resume"))
    path.rmdir() if path.is_dir() else path.unlink()
    assert "unlocked" not in rehearsal.types(approved)


@pytest.mark.parametrize("entry", [1, 2, 3, 5])
def test_a_key_generation_cut_off_at_its_very_beginning(founded: Stage, entry: int) -> None:
    """Until both have signed its first run it is none: it is begun again, and what lies there is kept aside."""
    begun = False
    for _ in range(2):
        words = demonstration.transfer_command(founded, "resume")[:-2] if begun else demonstration.keygen_command(founded)
        _shown, code = rehearsal.run_broken(founded, f"kill:{entry}", words)
        assert code == KILLED
        begun = entry >= 3
    if begun:
        void(founded)
    shown, code = rehearsal.run(founded, *demonstration.keygen_command(founded))
    assert code == 0, shown[-2000:]


@pytest.mark.control("GEN-14")
def test_a_key_record_swapped_while_people_sign_is_not_signed(founded: Stage) -> None:
    shown, code = rehearsal.run_broken(founded, "swapped:key-record", demonstration.keygen_command(founded))
    assert code == 1
    assert "AUD-01" in shown
    assert "key-record" not in [e["body"].get("purpose") for e in rehearsal.entries(founded)]  # type: ignore[attr-defined]


class Forgetful(dict[str, str]):
    """Passphrases of people of whom one cannot type theirs again: the five further words are read off the screen, then not remembered."""

    def __init__(self, person: str) -> None:
        super().__init__()
        self._person, self._asked = person, 0

    def __getitem__(self, key: str) -> str:
        self._asked += key == self._person
        return "what was it" if key == self._person and 5 < self._asked <= 8 else super().__getitem__(key)


def test_a_passphrase_that_cannot_be_typed_again_is_given_up(founded: Stage) -> None:
    founded.cast.passphrases = Forgetful("B1")
    shown, code = rehearsal.run(founded, *demonstration.keygen_command(founded))
    assert code == 0, shown[-2000:]
    check_ended(founded, "key record signed")
    assert [p.name for p in (founded.folder / "custodians" / "B1").glob("*.sealed")] == ["share-B1-0002.sealed"]


class Fumbling(dict[str, Path]):
    """Media, of which one person inserts several, one after the other."""

    def __init__(self, media: dict[str, Path], person: str, order: Iterator[Path]) -> None:
        super().__init__(media)
        self._person, self._order = person, order

    def __getitem__(self, key: str) -> Path:
        return next(self._order, super().__getitem__(key)) if key == self._person else super().__getitem__(key)


def test_a_medium_that_cannot_be_written_does_not_end_the_sitting(founded: Stage) -> None:
    full, other, theirs = Path("custodians/B1"), Path("custodians/B1-second"), Path("custodians/A2")
    (founded.folder / other).mkdir()
    (founded.folder / full / "share-B1-0001.sealed").mkdir()
    founded.cast.media = Fumbling(dict(founded.cast.media), "B1", iter((full, theirs, other, *[other] * 3, full)))
    shown, code = rehearsal.run(founded, *demonstration.keygen_command(founded))
    assert code == 0, shown[-2000:]
    assert "B1: nothing was written." in shown
    assert "it is someone else's medium" in shown
    assert rehearsal.refusals(founded) == ["ASM-01"] * 4, "at the key record; nothing but q ends this sitting"
    check_ended(founded, "key record signed")


@pytest.mark.control("ASM-01")
def test_a_wrong_medium_is_told_and_another_asked_for(prepared: Stage) -> None:
    nobodys = Path("custodians/empty")
    (prepared.folder / nobodys).mkdir()
    prepared.cast.media = Fumbling(dict(prepared.cast.media), "A2", iter((nobodys, Path("custodians/A2"))))
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert code == 0, shown[-2000:]
    assert "A2: once more." in shown
    assert rehearsal.refusals(prepared) == ["ASM-01"]
    check_ended(prepared, "carried out")


def test_who_signed_in_before_an_interruption_stays_in_the_room(prepared: Stage) -> None:
    _shown, code = rehearsal.run_broken(prepared, "kill-after:present", demonstration.transfer_command(prepared))
    assert (code, rehearsal.entries(prepared)[-1]["actor"]) == (KILLED, "A1")
    prepared.cast.custodians_here = ("B1", "B2", "C1", "C2")
    shown, code = rehearsal.run(prepared, *demonstration.transfer_command(prepared))
    assert code == 0, shown[-2000:]
    check_ended(prepared, "carried out")


@pytest.mark.control("REC-01")
def test_no_further_share_is_opened_once_a_quorum_cannot_be(approved: Stage) -> None:
    approved.cast.passphrases["B2"] = "not the right words at all"
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert (code, "REC-01" in shown) == (1, True)
    assert "unlocked" not in rehearsal.types(approved)


@pytest.mark.control("REC-10")
def test_a_lost_vault_sets_nobody_aside(approved: Stage) -> None:
    shown, code = rehearsal.run_broken(approved, "lost:opener", demonstration.transfer_command(approved, "resume"))
    assert (code, "the opener is gone" in shown) == (2, True)
    assert "set-aside" not in rehearsal.types(approved)
    resumed(approved)


@pytest.mark.control("BRD-05")
def test_a_receipt_of_another_authorization_does_not_close(carried_out: Stage) -> None:
    def another(set_: Stage) -> None:
        path = set_.folder / "online" / "receipt.json"
        changed = json.loads(path.read_text())
        changed["authorization"] = "ab" * 32
        path.write_text(json.dumps(changed, sort_keys=True, separators=(",", ":")) + "\n")

    assert "BRD-05" in receipt_with(carried_out, another)


def test_three_wrong_pins_are_told(authorized: Stage) -> None:
    authorized.cast.pin = "0000"
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert (code, "Traceback" in shown, "wrong three times" in shown) == (2, False, True)


@pytest.mark.parametrize("module", ["/no/such/module.so", "/etc/passwd", "office"])
def test_a_wrong_module_is_told(authorized: Stage, module: str) -> None:
    words = list(demonstration.prepare_command(authorized))
    words[words.index("--module") + 1] = module
    shown, code = rehearsal.run(authorized, *words)
    assert (code, "Traceback" in shown) == (2, False), shown[-2000:]


@pytest.mark.parametrize("snapshot", ["/dev/zero", "fifo"])
def test_a_snapshot_that_never_ends_is_refused(authorized: Stage, snapshot: str) -> None:
    os.mkfifo(authorized.folder / "fifo")
    words = list(demonstration.prepare_command(authorized))
    words[words.index("--snapshot") + 1] = snapshot
    shown, code = rehearsal.run(authorized, *words)
    assert (code, "Traceback" in shown) == (2, False), shown[-2000:]


def test_without_a_terminal_nothing_begins(prepared: Stage) -> None:
    before = transcript(prepared, "transfer").read_bytes()
    command = [sys.executable, "-m", "ceremony", *demonstration.transfer_command(prepared)]
    done = subprocess.run(command, cwd=prepared.folder, env=dict(prepared.environment), input=b"\n" * 99, capture_output=True, check=False)
    assert (done.returncode, b"at a terminal" in done.stderr) == (2, True)
    assert transcript(prepared, "transfer").read_bytes() == before
