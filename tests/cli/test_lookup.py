"""`ceremony address` and `ceremony words` at the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect
import pytest

from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.base.words import spoken
from ceremony.cli import lookup
from ceremony.record.register import Register
from tests.desk import ceremony, real
from tests.record import sample
from transfer.bitcoin import second
from transfer.bitcoin.account import opened
from transfer.gap import qr

DIGEST = sha256(b"a document")


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> sample.Anchor:
    return sample.write(tmp_path_factory.mktemp("lookup") / "register")


def test_a_receiving_address_is_the_first_unused_one_derived_twice(anchor: sample.Anchor, tmp_path: Path) -> None:
    """The sample's transfer spent 0/0 and 0/1."""
    picture = tmp_path / "address.png"
    done = real("address", "--account=main", f"--register={anchor.register}", f"--genesis={anchor.genesis}", f"--png={picture}")
    assert done.returncode == 0, done.stderr
    key = Register.open(anchor.register).key_record.account("main")
    expected = opened(key).own(0, 2).address
    (shown,) = [line for line in done.stdout.splitlines() if line.startswith("address")]
    assert "".join(shown.split()[1:]) == expected
    assert " ".join(spoken(sha256(expected.encode()), 8)) in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 78
    assert qr.read(picture.read_bytes()).lower() == expected


def test_the_address_as_a_qr_code_on_the_terminal(anchor: sample.Anchor) -> None:
    """On a terminal of 24 lines; what it shows was read back by both readers before."""
    words = ["-m", "ceremony", "address", "--account=main", f"--register={anchor.register}", f"--genesis={anchor.genesis}", "--qr"]
    child = pexpect.spawn(sys.executable, words, dimensions=(24, 80), encoding="utf-8", timeout=120)
    child.expect(r"\[Enter\]")
    shown = child.before
    child.sendline("")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    key = Register.open(anchor.register).key_record.account("main")
    drawn = qr.terminal_lines(opened(key).own(0, 2).address.upper())
    assert [row for row in drawn if row not in shown] == []
    assert ceremony(*words[2:]).returncode == 2  # not at a terminal


def test_a_used_index_is_refused_and_the_next_one_named(anchor: sample.Anchor) -> None:
    done = ceremony("address", "--account=main", "--index=1", f"--register={anchor.register}", f"--genesis={anchor.genesis}")
    assert done.returncode == 2
    assert "index 1 was used already, seen in ceremony 2; the first unused one is 2" in done.stderr
    assert "address  " not in done.stdout


def test_a_key_record_alone_proves_nothing_without_its_digest(anchor: sample.Anchor) -> None:
    path = anchor.register / "0001-keygen" / "key-record.json"
    words = ("address", "--account=main", "--index=7", f"--key-record={path}")
    done = ceremony(*words)
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "NOT ANCHORED")
    done = ceremony(*words, f"--digest={sha256(path.read_bytes())}")
    assert done.returncode == 0, done.stderr
    done = ceremony(*words, f"--digest={DIGEST}")
    assert (done.returncode, done.stderr.split()[0], done.stdout) == (1, "AUD-09", "")


def test_an_address_on_which_the_readers_differ_is_not_shown(anchor: sample.Anchor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "address", lambda _key, _path: "bcrt1qother")
    path = anchor.register / "0001-keygen" / "key-record.json"
    done = ceremony("address", "--account=main", "--index=7", f"--key-record={path}")
    assert (done.returncode, done.stderr.split()[0], done.stdout) == (1, "TXN-01", "")


def test_without_the_second_reader_no_address_is_shown(anchor: sample.Anchor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "PACKAGES", ("no_such_package",))
    path = anchor.register / "0001-keygen" / "key-record.json"
    done = ceremony("address", "--account=main", "--index=7", f"--key-record={path}")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no_such_package" in done.stderr


def test_a_digest_and_a_file_as_words(tmp_path: Path) -> None:
    said = " ".join(spoken(DIGEST))
    done = real("words", DIGEST)
    assert said.split() == [word for row in done.stdout.splitlines()[-4:] for word in row.split() if not word.isdigit()]
    path = tmp_path / "document"
    path.write_bytes(b"a document")
    assert ceremony("words", path).stdout == done.stdout
    assert ceremony("words", path, *said.upper().split()).returncode == 0
    assert ceremony("words", *said.split()).stdout.splitlines()[0] == DIGEST[:32]


@pytest.mark.control("EXP-04")
def test_words_of_another_digest_are_refused() -> None:
    words = list(spoken(DIGEST))
    words[5] = spoken(sha256(dump({})))[5]
    done = ceremony("words", DIGEST, *words)
    assert (done.returncode, done.stderr.split()[0]) == (1, "EXP-04")
    assert "word 6" in done.stderr
    assert spoken(DIGEST)[5] not in done.stderr + done.stdout
    assert ceremony("words", DIGEST, words[1], words[0]).returncode == 2
    assert lookup.WORDS == 8
