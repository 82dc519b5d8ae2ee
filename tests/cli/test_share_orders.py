"""`ceremony shares order`: drafted, shown, signed by both officers, checked; anywhere, with the base install."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.data import dump, load
from ceremony.record.order import ShareOrder
from ceremony.record.register import Register
from ceremony.record.signed import read_signed
from tests.desk import ceremony
from tests.record import sample

SIGN = "SIGN\n"


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> sample.Anchor:
    """A register with a key, and beside it the signed charter and everybody's key files."""
    folder = tmp_path_factory.mktemp("orders")
    made = sample.write(folder / "register", receipt=False)
    people = sample.FastDesk(folder)
    people.put_charter(people.charter())
    for person in ("cfo", "cto", "witness"):
        people.key_file(person)
    return made


def ground(anchor: sample.Anchor) -> list[str]:
    charter = anchor.register.parent / "charter.json"
    return [f"--charter={charter}", f"--genesis={anchor.genesis}", f"--register={anchor.register}"]


def draft(anchor: sample.Anchor, output: Path, *options: str, head: str | None = None) -> Any:
    common = ["--reason=a new home", "--requester=A1", f"--register-head={head or anchor.head}", "--days=7", f"--output={output}"]
    return ceremony("shares", "order", "draft", *ground(anchor), *common, *options)


def sign(anchor: sample.Anchor, file: Path, person: str, typed: str = SIGN) -> Any:
    key = anchor.register.parent / f"key-{person}"
    return ceremony("shares", "order", "sign", file, *ground(anchor), f"--as={person}", f"--key={key}", typed=typed)


def check(anchor: sample.Anchor, file: Path, *options: str) -> Any:
    return ceremony("shares", "order", "check", file, *ground(anchor), *options)


def test_an_order_is_drafted_read_and_signed_by_both_officers(anchor: sample.Anchor, tmp_path: Path) -> None:
    file = tmp_path / "share-order.json"
    drafted = draft(anchor, file, "--kind=reseal", "--position=B1", "--position=A1")
    assert drafted.returncode == 0, drafted.stderr
    wanted = load(ShareOrder, file.read_bytes(), "order")
    assert (wanted.positions, wanted.key_record) == (("A1", "B1"), Register.open(anchor.register).key_record.digest)
    for person in ("cfo", "cto"):
        assert sign(anchor, file, person).returncode == 0
    assert [s.signer for s in read_signed(file)[1]] == ["cfo", "cto"]
    done = check(anchor, file)
    assert done.returncode == 0, done.stderr
    assert "ANCHORED" in done.stdout
    assert "AUT-05" in done.stdout


@pytest.mark.parametrize("kind", ["reseal", "reshare", "new-key"])
def test_what_it_does_stands_on_one_screen_in_words(anchor: sample.Anchor, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "share-order.json"
    assert draft(anchor, file, f"--kind={kind}", *(["--position=A1"] if kind == "reseal" else [])).returncode == 0
    shown = ceremony("shares", "order", "show", file, *ground(anchor))
    lines = shown.stdout.splitlines()
    assert shown.returncode == 0
    assert lines[0].startswith("PRACTICE  share order s-")
    assert max(map(len, lines)) <= 78
    assert len(lines) <= 22, "more than one page"
    text = re.sub(r"\s+", " ", shown.stdout)
    for told in {
        "reseal": ("open their own share alone".replace("open", "opens"), "only resharing or a new key helps"),
        "reshare": ("the key is recovered", "only a new key and a sweep are safe"),
        "new-key": ("can then only be swept", "addresses change"),
    }[kind]:
        assert told in text


@pytest.mark.control("AUT-02")
def test_one_officer_alone_does_not_order(anchor: sample.Anchor, tmp_path: Path) -> None:
    file = tmp_path / "share-order.json"
    draft(anchor, file, "--kind=reshare")
    assert sign(anchor, file, "cfo").returncode == 0
    done = check(anchor, file)
    assert (done.returncode, done.stderr[:7]) == (1, "AUT-02 ")
    assert "signatures of cfo" in done.stderr


def test_who_types_another_word_has_signed_nothing(anchor: sample.Anchor, tmp_path: Path) -> None:
    file = tmp_path / "share-order.json"
    draft(anchor, file, "--kind=reshare")
    assert sign(anchor, file, "cfo", typed="sign\n").returncode == 130
    assert read_signed(file)[1] == ()


@pytest.mark.control("AUT-01")
def test_an_order_of_another_set_is_refused_before_it_is_signed(anchor: sample.Anchor, tmp_path: Path) -> None:
    file = tmp_path / "share-order.json"
    draft(anchor, file, "--kind=reshare")
    raw = file.read_bytes()
    key = Register.open(anchor.register).key_record.digest
    file.write_bytes(raw.replace(key.encode(), ("ab" * 32).encode()))
    done = sign(anchor, file, "cfo")
    assert (done.returncode, done.stderr[:7]) == (1, "AUT-01 ")
    assert read_signed(file)[1] == ()


@pytest.mark.control("AUD-10")
def test_a_head_that_the_copy_of_the_register_does_not_have_is_refused(anchor: sample.Anchor, tmp_path: Path) -> None:
    done = draft(anchor, tmp_path / "share-order.json", "--kind=reshare", head="ab" * 32)
    assert (done.returncode, done.stderr[:7]) == (1, "AUD-10 ")
    assert not (tmp_path / "share-order.json").exists()


def test_wrong_use_is_told(anchor: sample.Anchor, tmp_path: Path) -> None:
    for options in (["--kind=reseal"], ["--kind=reshare", "--position=A1"], ["--kind=burn"]):
        assert draft(anchor, tmp_path / "share-order.json", *options).returncode == 2
    assert draft(anchor, tmp_path / "share-order.json", "--kind=reseal", "--position=E1").returncode == 1
    file = tmp_path / "share-order.json"
    bare = ceremony("shares", "order", "show", file, ground(anchor)[0])
    assert bare.returncode == 2


def test_without_a_register_the_key_record_is_given(anchor: Any, tmp_path: Path) -> None:
    key = tmp_path / "key-record.json"
    key.write_bytes(dump(Register.open(anchor.register).key_record))
    file = tmp_path / "share-order.json"
    charter = anchor.register.parent / "charter.json"
    common = ["--reason=a new home", "--requester=A1", f"--register-head={anchor.head}", "--days=7", f"--output={file}", "--kind=reshare"]
    done = ceremony("shares", "order", "draft", f"--charter={charter}", f"--key-record={key}", *common)
    assert done.returncode == 0, done.stderr
    assert "AUT-05" not in done.stdout
