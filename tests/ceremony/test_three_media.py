"""One desk, three media: a file, a paper card and a hardware token, through every ceremony that opens or locks a share; of `slip39`
shares, so that these are played with the second scheme, too."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.machine import pdf
from ceremony.record.register import Register
from ceremony.record.retired import retired
from ceremony.record.verify import verify
from ceremony.screen import card as paper
from ceremony.script.typed_card import scanned
from shares.envelope import unseal
from tests import softhsm
from tests.ceremony import rehearsal, shared
from tests.ceremony.ordering import share_order
from tests.ceremony.test_health import both_verify
from tests.ceremony.test_reshare import order, reshare
from tests.ceremony.test_secrets import Watch, memory, processes

pytestmark = pytest.mark.long


STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
TOKEN_PIN = "24681357"
MIXED = replace(rehearsal.SMALL, media=("file", "card", "token"), scheme="slip39")
ONTO = {"A2": "token", "B1": "card", "C1": "token"}
"""A1 has a file, A2 a token, B1 a card; all three come to the transfer."""


def give_token(set_: Stage, position: str) -> None:
    """A custodian's own token, initialised by its maker's tool."""
    words = ("softhsm2-util", "--init-token", "--free", "--label", f"token-{position}", "--pin", TOKEN_PIN, "--so-pin", "97531864")
    subprocess.run(words, env=dict(set_.environment), check=True, capture_output=True)
    set_.cast.pins[position] = TOKEN_PIN


def objects(set_: Stage, position: str, *, pin: bool = True) -> list[tuple[str, str]]:
    """A second PKCS#11 client: label and application of every data object that it sees on this token."""
    words = ["pkcs11-tool", "--module", softhsm.module(), "--token-label", f"token-{position}", "--list-objects", "--type", "data"]
    if pin:
        words += ["--login", "--pin", TOKEN_PIN]
    shown = subprocess.run(words, env={**os.environ, **set_.environment}, check=True, capture_output=True, text=True).stdout
    return re.findall(r"label: +'(.*)'\s+application: +'(.*)'", shown)


def bodies(set_: Stage, kind: str, ceremony: int = -1) -> list[dict[str, object]]:
    return [e["body"] for e in rehearsal.entries(set_, ceremony) if e["type"] == kind]  # type: ignore[misc]


def kept(set_: Stage, position: str) -> list[str]:
    """What lies on a custodian's own stick beside their key."""
    return sorted(f.name for f in (set_.folder / "custodians" / position).iterdir() if "id_signing" not in f.name)


@pytest.fixture(scope="module")
def mixed_once(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A key whose shares lie on three kinds of media; coins, and a signed authorization."""

    def play(folder: Path) -> Stage:
        set_ = rehearsal.stage(folder, locks_onto=ONTO)
        set_ = replace(set_, plot=MIXED)
        demonstration.make_keys(set_)
        serial = demonstration.make_token(set_)
        for position in ("A2", "C1"):
            give_token(set_, position)
        demonstration.found_charter(set_, serial)
        demonstration.sign_policy(set_)
        set_.cast.instead = [(PIN_PROMPT, f"{wrong}0000000") for wrong in (1, 2, 3)]  # of a key generation, which that does not end
        demonstration.generate(set_)
        assert set_.cast.instead == []
        demonstration.fund(set_)
        demonstration.snapshot(set_)
        demonstration.authorize(set_)
        return set_

    return shared.once(tmp_path_factory, "three-media", play)


@pytest.fixture
def mixed(mixed_once: Stage, tmp_path: Path) -> Stage:
    return rehearsal.copy(mixed_once, tmp_path / "stage")


def test_each_share_lies_where_its_custodian_chose(mixed_once: Stage) -> None:
    onto = {str(body["position"]): (body["medium"], "token" in body) for body in bodies(mixed_once, "sealing")}
    assert onto == {p: (ONTO.get(p, "file"), ONTO.get(p) == "token") for p in mixed_once.plot.names if p[0].isupper()}
    tokens = [(body["position"], body["token"]["label"]) for body in bodies(mixed_once, "custodian-token")]  # type: ignore[index]
    assert tokens == [("A2", "token-A2"), ("C1", "token-C1")]
    assert [kept(mixed_once, position) for position in ("A1", "A2", "B1")] == [["share-A1-0001.sealed"], [], []]
    assert [path.name for path in (mixed_once.folder / "paper" / "B1").iterdir()] == ["card-B1-0001.png"]


def test_a_second_client_sees_nothing_without_the_pin(mixed_once: Stage) -> None:
    assert objects(mixed_once, "A2", pin=False) == []
    ((label, application),) = objects(mixed_once, "A2")
    assert label.startswith("share-A2-0001 ")
    assert application == "cold-ceremony"


@pytest.fixture(scope="module")
def carried(mixed_once: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The transfer: A2 plugs the wrong token in first and mistypes the PIN, and B1 shows somebody else's card at the
    read-back of the new one."""

    def play(folder: Path) -> Stage:
        set_ = rehearsal.copy(mixed_once, folder)
        demonstration.prepare(set_)
        somebody_elses = set_.folder / "card-of-a1.png"
        sealed = (set_.folder / "custodians" / "A1" / "share-A1-0001.sealed").read_bytes()
        somebody_elses.write_bytes(pdf.pages(paper.pdf(sealed))[0])
        set_.cast.instead = [
            (r"A2, PIN of the token \(it does not show\), then Enter: ", "11111111"),
            (r"B1, line 1, a scan, or the path of a picture: ", str(set_.folder / "paper" / "B1" / "card-B1-0001.png")),
            (r"B1, line 1, a scan, or the path of a picture: ", str(somebody_elses)),
        ]
        demonstration.transfer(set_)
        return set_

    return shared.once(tmp_path_factory, "three-media-carried", play)


def test_each_share_is_opened_from_its_own_medium_and_locked_onto_it_again(carried: Stage) -> None:
    assert carried.cast.instead == []
    assert rehearsal.refusals(carried) == ["REC-02"], "told, and the right card asked for"
    sealed = {str(body["position"]): (body["number"], body["medium"]) for body in bodies(carried, "sealing")}
    assert sealed == {p: ("2", ONTO.get(p, "file")) for p in carried.plot.here}
    assert [(b["position"], b["token"]["label"]) for b in bodies(carried, "custodian-token")] == [("A2", "token-A2")] * 2  # type: ignore[index]
    assert kept(carried, "A1") == ["share-A1-0002.sealed"]
    assert kept(carried, "B1") == []


@pytest.mark.control("SEC-04")
def test_old_shares_are_gone_from_token_and_paper_as_the_record_says(carried: Stage) -> None:
    removed = {str(body["position"]): body for body in bodies(carried, "removed")}
    assert {position: body["number"] for position, body in removed.items()} == dict.fromkeys(carried.plot.here, "1")
    assert removed["A2"]["medium"] == f"token token-A2 (serial {serial_of(carried, 'A2')})"
    assert removed["B1"]["medium"] == "a paper card"
    assert "before B1 and witness" in str(removed["B1"]["how"])
    assert [label.split()[0] for label, _ in objects(carried, "A2")] == ["share-A2-0002"]


def serial_of(set_: Stage, position: str) -> str:
    (serial,) = {body["token"]["serial"] for body in bodies(set_, "custodian-token", 0) if body["position"] == position}  # type: ignore[index]
    return str(serial)


def test_both_verifiers_hold_to_it(carried: Stage) -> None:
    genesis = demonstration.transfer_command(carried)[4]
    head = Register.open(carried.folder / "register").head
    shown, code = rehearsal.run(carried, "audit", "verify", "register", "--genesis", genesis, "--head", head)
    assert (code, "VERIFIED" in shown) == (0, True), shown
    done = subprocess.run(["sh", str(STOCK), str(carried.folder / "register"), genesis, head], capture_output=True, text=True, check=False)
    assert (done.returncode, "VERIFIED" in done.stdout) == (0, True), done.stdout + done.stderr


def of_token(set_: Stage, position: str, *words: str, typed: str = "") -> tuple[str, int]:
    """`ceremony shares token`: its owner types the PIN."""
    ours = ("--module", softhsm.module(), "--serial", serial_of(set_, position))
    set_.cast.instead = [(r"PIN of the token \(it does not show\), then Enter: ", TOKEN_PIN)]
    if typed:
        set_.cast.instead.append((r"Type ERASE to erase it, anything else to stop: ", typed))
    return rehearsal.run(set_, "shares", "token", *words[:1], *ours, *words[1:])


def test_a_custodian_looks_at_their_token_and_erases_a_share(mixed: Stage) -> None:
    shown, code = of_token(mixed, "A2", "list")
    assert code == 0, shown
    assert re.search(r"share-A2-0001 +A2  practice, set [0-9a-f]{20}, sealing number 1", shown)
    shown, code = of_token(mixed, "A2", "erase", "share-A2-0009")
    assert (code, "0 shares on this token" in shown) == (2, True), shown
    for typed, code, left in (("erase", 130, ["share-C1-0001"]), ("ERASE", 0, [])):
        shown, ended = of_token(mixed, "C1", "erase", "share-C1-0001", typed=typed)
        assert ended == code, shown
        assert [label.split()[0] for label, _ in objects(mixed, "C1")] == left
    assert "no share" in shown.rpartition("Left on this token:")[2]


def check(set_: Stage, command: str, *positions: str) -> tuple[str, ...]:
    """`ceremony shares check` for these people, or `resume`."""
    register = demonstration.transfer_command(set_)[1:5]
    return (
        ("resume", *register) if command == "resume" else ("shares", "check", *register, *[w for p in positions for w in ("--position", p)])
    )


def on_record(set_: Stage, position: str) -> dict[str, str]:
    """Sealing number -> SHA-256 of every share that the newest register would accept from this position."""
    book = Register.open(set_.folder / "register")
    had = book.sets.sealed(position, book.key_record.set_identifier)
    return {had.begun[number]: str(number) for number in had.acceptable}


def on_token(set_: Stage, position: str) -> list[str]:
    """SHA-256 of every share on a token, as the second client reads them."""
    found = []
    for label, _ in objects(set_, position):
        words = ["pkcs11-tool", "--module", softhsm.module(), "--token-label", f"token-{position}", "--login", "--pin", TOKEN_PIN]
        words += ["--read-object", "--type", "data", "--label", label, "--application-label", "cold-ceremony"]
        done = subprocess.run(words, env={**os.environ, **set_.environment}, check=True, capture_output=True)
        found.append(hashlib.sha256(done.stdout).hexdigest())
    return found


@pytest.mark.control("SEC-01")
@pytest.mark.parametrize("broken", ["kill-after:sealing", "kill-token:write", "kill-after:proven", "kill-token:erase"])
def test_a_crash_at_any_write_to_a_token_leaves_a_share_that_opens(mixed: Stage, broken: str) -> None:
    """The new share is proven before the old one goes: at every instant one of those that the register accepts lies on the token."""
    shown, code = rehearsal.run_broken(mixed, broken, check(mixed, "check", "A2"))
    assert code == 128 + 9, shown[-2000:]
    assert set(on_token(mixed, "A2")) & on_record(mixed, "A2").keys()
    shown, code = rehearsal.run(mixed, *check(mixed, "resume"))
    assert code == 0, shown[-2000:]
    assert "Proven alone, and locked again: A2." in shown
    (left,) = on_token(mixed, "A2")
    assert list(on_record(mixed, "A2")) == [left]


def test_a_token_process_that_is_lost_ends_no_sitting(mixed: Stage) -> None:
    """Nothing was written: the share gets the next number, and the same token is asked for again."""
    mixed.cast.locks_onto = {"A2": "token"}
    shown, code = rehearsal.run_broken(mixed, "lose-token:write", check(mixed, "check", "A2"))
    assert code == 0, shown[-2000:]
    assert "A2: nothing was written." in shown
    assert [body["number"] for body in bodies(mixed, "sealing")] == ["2", "3"]
    (left,) = on_token(mixed, "A2")
    assert on_record(mixed, "A2") == {left: "3"}


def killed(child: Any) -> None:
    child.kill(signal.SIGKILL)
    child.close(force=True)


PRINTED = r"B1: your card number 2 is printed, and in your hand\. \[Enter or n\] "
TORN = r"B1: I saw card 1 of B1 destroyed, or it was never printed\. \[Enter or n\] "


@pytest.mark.control("SEC-01")
@pytest.mark.parametrize("broken", ["kill-after:sealing", PRINTED, "kill-after:proven", TORN])
def test_a_crash_at_any_write_of_a_card_leaves_a_card_that_opens(mixed: Stage, broken: str) -> None:
    """The old card is not asked for before the new one was read back from paper and proven."""
    if broken.startswith("kill"):
        shown, code = rehearsal.run_broken(mixed, broken, check(mixed, "check", "B1"))
        assert code == 128 + 9, shown[-2000:]
    else:
        unprinted = [(PRINTED, "n")] if broken == TORN else []  # then number 3 is printed, and 2 never was
        mixed.cast.instead = [*unprinted, (broken, killed)]
        rehearsal.run(mixed, *check(mixed, "check", "B1"))
        assert mixed.cast.instead == []
    papers = [scanned(path.read_bytes()) for path in (mixed.folder / "paper" / "B1").iterdir()]
    assert {hashlib.sha256(raw).hexdigest() for raw in papers} & on_record(mixed, "B1").keys()
    shown, code = rehearsal.run(mixed, *check(mixed, "resume"))
    assert code == 0, shown[-2000:]
    (left,) = (mixed.folder / "paper" / "B1").iterdir()
    assert list(on_record(mixed, "B1")) == [hashlib.sha256(scanned(left.read_bytes())).hexdigest()]
    assert kept(mixed, "B1") == []


def test_somebody_elses_token_is_named(mixed: Stage) -> None:
    """A2 plugs in what C1 has: it is not the token that the share was locked onto, and nobody's PIN is asked for."""
    serial = serial_of(mixed, "A2")
    (home,) = {path.parent for path in (mixed.folder / "hsm" / "tokens").glob("*/token.object") if serial.encode() in path.read_bytes()}
    shutil.move(home, mixed.folder / "at-home")
    shown, _code = rehearsal.run(mixed, *check(mixed, "check", "A2"))
    said = " ".join(shown.split())
    found, expected = f"token-C1 (serial {serial_of(mixed, 'C1')})", f"token-A2 (serial {serial})"
    assert f"A2: this is not the token of your share. Found {found}; expected {expected}, onto which it was locked." in said
    assert "not proven: A2" in said
    assert "PIN of the token" not in said


@pytest.mark.control("GEN-10")
def test_a_token_with_somebody_elses_share_takes_none(mixed: Stage) -> None:
    """C1's share was copied onto A2's token: A2 opens their own, and locks it onto a stick instead."""
    environment = {**os.environ, **mixed.environment}
    client = ["pkcs11-tool", "--module", softhsm.module(), "--login", "--pin", TOKEN_PIN, "--type", "data"]
    named = ["--label", objects(mixed, "C1")[0][0], "--application-label", "cold-ceremony"]
    copy = str(mixed.folder / "copied")
    subprocess.run([*client, *named, "--token-label", "token-C1", "--read-object", "-o", copy], env=environment, check=True)
    subprocess.run([*client, *named, "--token-label", "token-A2", "--write-object", copy, "--private"], env=environment, check=True)
    mixed.cast.locks_onto = {"A2": "file"}
    shown, code = rehearsal.run(mixed, *check(mixed, "check", "A2"))
    assert code == 0, shown[-2000:]
    assert rehearsal.refusals(mixed) == ["GEN-10"]
    assert "share-C1-0001" in shown.split("GEN-10")[1]
    assert [(body["number"], body["medium"]) for body in bodies(mixed, "sealing")] == [("2", "token"), ("3", "file")]
    assert kept(mixed, "A2") == ["share-A2-0003.sealed"]
    assert [label.split()[0] for label, _ in objects(mixed, "A2")] == ["share-C1-0001"]


@pytest.mark.control("GEN-09")
def test_no_pin_of_a_token_is_in_anything_that_is_kept(carried: Stage) -> None:
    """Not in the register, not on a stick, not in a bundle; the tokens themselves keep what their maker keeps."""
    files = [path for path in carried.folder.rglob("*") if path.is_file() and "tokens" not in path.parts]
    assert len(files) > 40
    assert [str(path) for path in files if TOKEN_PIN.encode() in path.read_bytes()] == []


@pytest.mark.control("GEN-09")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory")
def test_the_pin_of_a_token_is_in_its_own_process_alone(mixed: Stage) -> None:
    """Neither in the screen's memory, nor the opener's; in nobody's arguments or environment. The token is open while A2 chooses."""
    order = share_order(mixed, "reseal", "A2")
    where = (*check(mixed, "resume")[1:], "--token-module", softhsm.module())
    mixed.cast.pace = watch = Apart(canaries={"PIN of the token": TOKEN_PIN.encode()})
    shown, code = rehearsal.run(mixed, "shares", "reseal", "--order", order, *where)
    assert code == 0, shown[-2000:]
    assert TOKEN_PIN not in shown
    assert (watch.found, watch.apart) == ([], {"token"})


@dataclass(slots=True)
class Apart(Watch):
    """Which processes of the vault know a canary, too."""

    apart: set[str] = field(default_factory=set)

    def before_answer(self) -> None:
        Watch.before_answer(self)
        for pid, words in processes():
            if b"ceremony.vault" in words and any(canary in memory(pid) for canary in self.canaries.values()):
                self.apart.add(words[words.index(b"ceremony.vault") + 1].decode())


PIN_PROMPT = r"A2, PIN of the token \(it does not show\), then Enter: "
MODULE_PROMPT = r"Path of the PKCS#11 library of the custodians' tokens: "
AGAIN = r"A2: try again, or another medium \(m\), or set this share aside for today \(s\)\? "


def test_a_missing_module_and_three_wrong_pins_end_no_sitting(mixed: Stage) -> None:
    mixed.cast.instead = [
        (MODULE_PROMPT, "/nowhere/opensc-pkcs11.so"),
        *[(PIN_PROMPT, f"{wrong}0000000") for wrong in (1, 2, 3)],
        (AGAIN, "m"),
    ]
    shown, code = rehearsal.run(mixed, *check(mixed, "check", "A2"))
    said = " ".join(shown.split())
    assert code == 0, shown[-2000:]
    assert mixed.cast.instead == []
    assert "There is nothing at that path." in said
    assert "A2: the token did not take this PIN (2 tries left)" in said
    assert "A2: the PIN was wrong three times. Your passphrase and your share are as they were" in said
    assert "Proven alone, and locked again: A2." in said


def test_a_token_that_is_full_gives_way_to_a_stick(mixed: Stage, tmp_path: Path) -> None:
    """The new share goes elsewhere, under the number after that; the old one is erased from the token all the same."""
    Path(f"{mixed.folder}/hsm/softhsm2.conf.faults").write_text("answer C_CreateObject 31\n")
    mixed.cast.papers = {**mixed.cast.papers, "the PKCS#11 library of the custodians' tokens": softhsm.make_shim(tmp_path)}
    mixed.cast.locks_onto = {"A2": "file"}
    shown, code = rehearsal.run(mixed, *check(mixed, "check", "A2"))
    assert code == 0, shown[-2000:]
    assert "it is full: erase an old share" in " ".join(shown.split())
    assert [(body["number"], body["medium"]) for body in bodies(mixed, "sealing")] == [("2", "token"), ("3", "file")]
    assert [(body["number"], str(body["medium"]).split(" (")[0]) for body in bodies(mixed, "removed")] == [
        ("2", "token token-A2"),
        ("1", "token token-A2"),
    ]
    assert "never written" in str(bodies(mixed, "removed")[0]["how"])
    assert kept(mixed, "A2") == ["share-A2-0003.sealed"]
    assert objects(mixed, "A2") == []


def test_a_reseal_moves_shares_from_one_medium_to_another(mixed: Stage) -> None:
    """A1 from a stick onto a card, under a new passphrase; A2 from their token onto a stick, under the one that they have; with the
    witness alone; cut off between what was written and what was proven, and between what was erased from the token and its record."""
    order = share_order(mixed, "reseal", "A1", "A2")
    genesis = demonstration.transfer_command(mixed)[4]
    where = ("--register", "register", "--genesis", genesis, "--token-module", softhsm.module())
    mixed.cast.locks_onto = {**ONTO, "A1": "card", "A2": "file"}
    news = (
        (r"A1, what becomes new \(passphrase, medium, both\)\? ", "both"),
        (r"A2, what becomes new \(passphrase, medium, both\)\? ", "medium"),
    )
    mixed.cast.instead = [*news[:1]]
    shown, code = rehearsal.run_broken(mixed, "kill-after:sealing", ("shares", "reseal", "--order", order, *where))
    assert code == 128 + signal.SIGKILL, shown[-2000:]
    mixed.cast.instead = [(r"A1, which of them is in your hand \([^)]*\)\? ", "2"), *news]
    shown, code = rehearsal.run_broken(mixed, "kill-token:erase", ("resume", *where))
    assert code == 128 + signal.SIGKILL, shown[-2000:]
    assert "passphrase of BEFORE" in " ".join(shown.split())
    shown, code = rehearsal.run(mixed, "resume", *where)
    assert code == 0, shown[-2000:]
    assert "Sealed anew: A1 A2." in shown
    assert "erased before an interruption" in str(bodies(mixed, "removed")[-1]["how"])
    sealed = {str(body["position"]): body["medium"] for body in bodies(mixed, "sealing")}
    assert sealed == {"A1": "card", "A2": "file"}
    assert (kept(mixed, "A1"), kept(mixed, "A2"), objects(mixed, "A2")) == ([], ["share-A2-0002.sealed"], [])
    raw = scanned(max((mixed.folder / "paper" / "A1").glob("*.png")).read_bytes())
    assert unseal(raw, mixed.cast.passphrases["A1"].encode())
    book = Register.open(mixed.folder / "register")
    assert verify(book.folder, book.genesis, book.head).said == "VERIFIED"
    done = subprocess.run(["sh", str(STOCK), str(book.folder), book.genesis, book.head], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.control("SEC-05")
def test_a_reshare_takes_the_old_set_off_every_medium(mixed: Stage) -> None:
    """Each old share is destroyed where it lies, and the new one lies where its custodian chose anew: A1 takes a card, B1 a file."""
    old = Register.open(mixed.folder / "register").key_record.set_identifier
    mixed.cast.locks_onto = {"A1": "card", "A2": "token", "C1": "token"}
    order(mixed)
    shown, code = rehearsal.run(mixed, *reshare(mixed))
    assert code == 0, shown[-3000:]
    book = Register.open(mixed.folder / "register")
    (left,) = retired(book)
    assert (left.identifier, left.may_exist) == (old, ())
    gone = {str(body["position"]): str(body["medium"]) for body in bodies(mixed, "destroyed")}
    assert gone["B1"] == "a paper card"
    assert gone["A2"].startswith("token token-A2 (serial ")
    assert [label for label, _ in objects(mixed, "A2")] == [f"share-A2-0002 {book.key_record.set_identifier}"]
    assert kept(mixed, "A1") == []
    assert kept(mixed, "B1") == ["share-B1-0002.sealed"]
    assert [path.name for path in (mixed.folder / "paper").rglob("*.*")] == ["card-A1-0002.png"]
    both_verify(mixed)
