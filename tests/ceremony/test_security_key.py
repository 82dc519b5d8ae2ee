"""Signing with a security key, over OpenSSH's own interface to one. The key is a stand-in (security_key.c): none can be had here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from ceremony.base import signatures
from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.record import entries
from ceremony.record.state import State
from ceremony.record.suspension import NONE
from ceremony.screen.terminal import Terminal
from ceremony.script.room import Room
from tests.desk import Desk
from tests.record.sample import FastDesk

NAMESPACE: signatures.Namespace = "checkpoint@cold-ceremony"
RAW = b"what stands in the transcript\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return FastDesk(tmp_path_factory.mktemp("desk"))


class SecurityKey:
    """A1's security key: plugged in or not, touched or not; its handle lies on A1's medium."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "state"
        self.library = folder / "security_key.so"
        source = Path(__file__).with_name("security_key.c")
        define = f'-DSTATE="{self._state}"'
        command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", define, "-o", str(self.library), str(source), "-l:libcrypto.so.3"]
        subprocess.run(command, check=True)
        self.medium = folder / "A1"
        self.medium.mkdir()
        self.touched()
        make = ["ssh-keygen", "-q", "-t", "ecdsa-sk", "-w", str(self.library), "-N", "", "-C", "", "-f", str(self.medium / "id_signing")]
        subprocess.run(make, check=True, capture_output=True)
        self.public = signatures.public_key_of(self.medium / "id_signing.pub")

    def touched(self) -> None:
        self._state.write_text("t")

    def nobody_touches(self) -> None:
        self._state.write_text("n")

    def signs_untouched(self) -> None:
        self._state.write_text("u")

    def verifies(self) -> None:
        self._state.write_text("v")

    def unplug(self) -> None:
        self._state.unlink()


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecurityKey:
    made = SecurityKey(tmp_path)
    monkeypatch.setenv(signatures.PROVIDER, str(made.library))
    return made


def room(desk: Desk, medium: Path, public: str, mark: str, *typed: Callable[[], None], verification: Literal["yes"] | None = None) -> Room:
    """A room in which A1's key is this one; at each prompt one thing happens, and Enter is typed."""
    happens: Iterator[Callable[[], None]] = iter(typed)

    def read(prompt: str) -> str:
        sys.stdout.write(prompt)
        next(happens)()
        return ""

    people = tuple(
        m if m.person != "A1" else type(m)(person="A1", name=m.name, key=public, verification=verification) for m in desk.charter().people
    )
    opened = entries.Opened(
        kind="transfer",
        mark="practice",
        ceremony=2,
        genesis="00" * 32,
        script="00" * 32,
        newest=1,
        tool="x",
        commit="x",
        run_key="00" * 32,
        signers=("administrator", "witness"),
        watches=(),
    )
    begun: Any = SimpleNamespace(body=opened, actor="tool")
    empty: Any = SimpleNamespace(state=State((begun,)))
    made = Room(Terminal(read), medium, "", empty, {}, media={"A1": medium})
    made._charter, made._suspended = desk.charter(people=people, mark=mark), NONE
    return made


def test_a_security_key_signs_when_it_is_touched(desk: Desk, key: SecurityKey, capsys: pytest.CaptureFixture[str]) -> None:
    signed = room(desk, key.medium, key.public, "practice")._sign("A1", NAMESPACE, RAW)
    signatures.verify(signed, RAW, signatures.Key(key.public), NAMESPACE)
    signatures.verify(signed, RAW, signatures.Key(key.public), NAMESPACE, fresh=True)
    assert "A1: insert your security key, and touch it" in capsys.readouterr().out
    with pytest.raises(Refused, match="AUT-03"):
        signatures.verify(signed, RAW + b"x", signatures.Key(key.public), NAMESPACE)


def test_one_that_is_not_there_or_not_touched_is_told_and_asked_for_again(
    desk: Desk, key: SecurityKey, capsys: pytest.CaptureFixture[str]
) -> None:
    key.unplug()
    here = room(desk, key.medium, key.public, "practice", key.nobody_touches, key.touched)
    signatures.verify(here._sign("A1", NAMESPACE, RAW), RAW, signatures.Key(key.public), NAMESPACE)
    shown = capsys.readouterr().out
    assert "device not found" in shown
    assert shown.count("could not sign") == 2
    assert here.media == {"A1": key.medium}, "the medium is not asked for again: it is the right one"


def test_after_three_times_the_ceremony_stands_still(desk: Desk, key: SecurityKey) -> None:
    key.unplug()
    with pytest.raises(Malformed, match="device not found"):
        room(desk, key.medium, key.public, "practice", lambda: None, lambda: None)._sign("A1", NAMESPACE, RAW)


@pytest.mark.control("ASM-06")
def test_one_that_signs_though_nobody_touches_it_is_refused(desk: Desk, key: SecurityKey, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told and recorded, and asked for once more; touched, it signs."""
    key.signs_untouched()
    here = room(desk, key.medium, key.public, "practice", key.touched)
    signatures.verify(here._sign("A1", NAMESPACE, RAW), RAW, signatures.Key(key.public), NAMESPACE)
    assert "ASM-06 signature of A1: their security key does not say that anybody was there" in capsys.readouterr().out
    assert [(who, body.identifier) for who, body in here.noted if isinstance(body, entries.Refusal)] == [("tool", "ASM-06")]
    assert here.media == {"A1": key.medium}, "the medium is not asked for again: it is the right one"
    key.signs_untouched()
    with pytest.raises(Refused, match="ASM-06"):
        room(desk, key.medium, key.public, "practice", lambda: None, lambda: None)._sign("A1", NAMESPACE, RAW)


@pytest.mark.control("ASM-06")
def test_one_that_must_verify_is_refused_when_it_was_only_touched(desk: Desk, key: SecurityKey) -> None:
    here = room(desk, key.medium, key.public, "practice", verification="yes")
    with pytest.raises(Refused, match="ASM-06"):
        here._signed("A1", NAMESPACE, RAW)
    key.verifies()
    signed = here._signed("A1", NAMESPACE, RAW)
    signatures.verify(signed, RAW, signatures.Key(key.public, verification=True), NAMESPACE)


@pytest.mark.control("ASM-01")
def test_in_production_a_handle_is_used_and_a_key_file_is_refused(desk: Desk, key: SecurityKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handle goes to ssh-keygen as it is; only that OpenSSH's own library would look for real hardware is set aside here."""
    plain = subprocess.run

    def with_stand_in(command: list[str], **options: Any) -> Any:
        assert "sign" not in command or signatures.PROVIDER not in options["env"], "nobody chooses another library in production"
        return plain(command, **{**options, "env": dict(os.environ)})

    monkeypatch.setattr(subprocess, "run", with_stand_in)
    signed = room(desk, key.medium, key.public, "production")._sign("A1", NAMESPACE, RAW)
    monkeypatch.undo()
    signatures.verify(signed, RAW, signatures.Key(key.public), NAMESPACE, fresh=True)
    for path in key.medium.iterdir():
        path.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key.medium / "id_signing")], check=True)
    with pytest.raises(Refused, match="ASM-01 the signing key of A1 is a file"):
        room(desk, key.medium, key.public, "production")._signed("A1", NAMESPACE, RAW)


@pytest.mark.control("ASM-01")
def test_another_security_key_is_not_the_persons_own(desk: Desk, key: SecurityKey) -> None:
    with pytest.raises(Refused, match="ASM-01 this is not the key of A1"):
        room(desk, key.medium, desk.keys["A1"], "practice")._signed("A1", NAMESPACE, RAW)


@pytest.mark.parametrize("raw", [b"", b"-----BEGIN X-----\nAAAA\n-----END X-----\n", b"\xff\n\xff\n\xff\n"])
def test_what_is_no_key_file_is_no_handle(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "id_signing"
    path.write_bytes(raw)
    assert not signatures.is_handle(path)
    assert not signatures.is_handle(tmp_path)


def test_a_handle_that_is_cut_off_is_none(key: SecurityKey, tmp_path: Path) -> None:
    lines = (key.medium / "id_signing").read_text().splitlines()
    assert signatures.is_handle(key.medium / "id_signing")
    (tmp_path / "cut").write_text("\n".join([lines[0], lines[1][:40], lines[-1]]))
    assert not signatures.is_handle(tmp_path / "cut")
