"""Registers whose people sign with keys of all kinds that are accepted; and one signature in which a security key does not say that
anybody was there: `ceremony audit verify` and the stock tools refuse it (ASM-06)."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base import sshsig
from ceremony.record.charter import Charter
from ceremony.record.report.commands import SETUP
from tests.desk import ceremony
from tests.record.sample import Anchor, FastDesk, Sample
from tests.soft_keys import TOUCHED, VERIFIED, SoftKey, curve_key, numbers, string

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
KINDS = {"cfo": sshsig.SK_ED25519, "cto": sshsig.ECDSA, "witness": sshsig.SK_ECDSA, "A1": sshsig.SK_ECDSA, "B1": sshsig.SK_ED25519}
"""Everybody else signs with an Ed25519 key file."""
VERIFYING = ("cfo", "witness")
"""Whose user verification the charter asks for."""
Maker = Callable[[SoftKey, bytes, str], str]


class TouchDesk(FastDesk):
    """Its people sign with KINDS; `purpose` of `person` is signed by `maker` instead."""

    person, purpose = "", ""
    maker: Maker = SoftKey.blob
    odd: Mapping[str, str] = {}
    """What the charter says of the CTO instead."""

    def soft(self, person: str) -> SoftKey:
        return SoftKey(KINDS.get(person, sshsig.ED25519), person, VERIFIED if person in VERIFYING else TOUCHED)

    def new_key(self, person: str) -> Path:
        self.keys[person] = self.soft(person).text
        return self.key(person)

    def charter(self, **changes: Any) -> Charter:
        made = super().charter(**changes)
        people = tuple(replace(m, verification="yes") if m.person in VERIFYING else m for m in made.people)
        people = tuple(replace(m, **self.odd) if m.person == "cto" else m for m in people)
        return replace(made, people=people)

    def _blob(self, person: str, raw: bytes, namespace: str) -> str:
        other = (self.person, f"{self.purpose}@cold-ceremony") == (person, namespace)
        return (type(self).maker if other else SoftKey.blob)(self.soft(person), raw, namespace)


def register(
    folder: Path, person: str = "", purpose: str = "", maker: Maker = SoftKey.blob, odd: Mapping[str, str] | None = None
) -> Anchor:
    """A key generation and a transfer; with a charter that is `odd` the first alone, which nobody can end."""
    desk = type("OneDesk", (TouchDesk,), {"person": person, "purpose": purpose, "maker": staticmethod(maker), "odd": odd or {}})(folder)
    (folder / "register").mkdir()
    made = Sample(desk, folder / "register")
    head = made.keygen()
    return Anchor(made.folder, made.founding.digest, head if odd else made.transfer(2, head))


def stock(anchor: Anchor, shell: str = "dash") -> subprocess.CompletedProcess[str]:
    command = [shell, str(SCRIPT), str(anchor.register), anchor.genesis, anchor.head]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def tool(anchor: Anchor) -> subprocess.CompletedProcess[str]:
    return ceremony("audit", "verify", anchor.register, f"--genesis={anchor.genesis}", f"--head={anchor.head}")


def states(flags: int) -> Maker:
    """The key states these flags, whatever it should."""
    return lambda key, raw, namespace: SoftKey(key.kind, key.owner, flags).blob(raw, namespace)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_keys_of_all_kinds_are_verified_by_both(tmp_path: Path, shell: str) -> None:
    anchor = register(tmp_path)
    for done in (tool(anchor), stock(anchor, shell)):
        assert done.returncode == 0, done.stderr
        assert "VERIFIED" in done.stdout


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize(
    ("person", "purpose", "flags"),
    [
        ("cfo", "authorization", 0),  # nobody was there
        ("A1", "approval", 0),
        ("B1", "key-record", 0),
        ("A1", "checkpoint", 0x80),
        ("cfo", "authorization", TOUCHED),  # somebody was, and nobody knows who
        ("witness", "approval", TOUCHED),
        ("witness", "checkpoint", VERIFIED - TOUCHED),  # it knew who, and did not wait for a touch
        ("cfo", "charter", TOUCHED),
        ("witness", "policy", 0),
    ],
)
def test_what_no_key_said_is_refused_by_both(tmp_path: Path, person: str, purpose: str, flags: int) -> None:
    anchor = register(tmp_path, person, purpose, states(flags))
    for done in (tool(anchor), stock(anchor)):
        assert done.returncode == 1
        assert done.stderr.startswith("ASM-06 "), done.stderr


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize(("flags", "good"), [(VERIFIED, True), (TOUCHED, False), (0, False)])
def test_the_commands_of_the_report_look_too(tmp_path: Path, flags: int, good: bool) -> None:
    anchor = register(tmp_path, "cfo", "authorization", states(flags))
    done = report_says(anchor, "authorization", "cfo cto")
    assert (done.returncode == 0, "NOBODY THERE for cfo" in done.stdout) == (good, not good), done.stdout + done.stderr


def report_says(anchor: Anchor, purpose: str, people: str) -> subprocess.CompletedProcess[str]:
    """What the report's own commands say of who signed."""
    command = f"{SETUP}\nsigned_by 0002-transfer {purpose} {people}"
    return subprocess.run(["dash", "-c", command], capture_output=True, text=True, check=False, cwd=anchor.register)


def webauthn(key: SoftKey, raw: bytes, namespace: str) -> str:
    """A signature of the other kind that OpenSSH takes from such a key: made by a browser. What follows the flags is the page's to choose:
    here it ends in what looks like the flags of a touch."""
    common = string(namespace.encode()) + string(b"") + string(b"sha512")
    signed = b"SSHSIG" + common + string(hashlib.sha512(raw).digest())
    asked = base64.urlsafe_b64encode(signed).rstrip(b"=")
    wrapper = b'{"type":"webauthn.get","challenge":"' + asked + b'","origin":"https://example.org"}'
    extensions, after = bytes([VERIFIED, 0, 0, 0, 7]), bytes([0x80, 0, 0, 0, 7])  # 0x80: with extensions; nobody touched it
    message = hashlib.sha256(b"ssh:").digest() + after + extensions + hashlib.sha256(wrapper).digest()
    inner = string(b"webauthn-" + key.kind) + string(plain(key, message))
    inner += after + string(b"https://example.org") + string(wrapper) + string(extensions)
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + string(key.public) + common + string(inner)
    return base64.b64encode(blob).decode()


def plain(key: SoftKey, message: bytes) -> bytes:
    """The two numbers of an ECDSA signature over just this, by a key that is in software after all."""
    return numbers(curve_key(key.kind, key.owner.encode()), message)


@pytest.mark.control("ASM-06")
def test_a_signature_that_a_browser_made_is_refused_by_both(tmp_path: Path) -> None:
    """ssh-keygen takes it. The tool knows no such signature; the stock tools find no flags in it."""
    anchor = register(tmp_path, "A1", "approval", webauthn)
    done = tool(anchor)
    assert (done.returncode, done.stderr[:7]) == (1, "AUT-03 ")
    done = stock(anchor)
    assert (done.returncode, done.stderr[:7]) == (1, "ASM-06 "), done.stderr
    done = report_says(anchor, "approval", "A1")
    assert (done.returncode, "NOBODY THERE for A1" in done.stdout) == (1, True), done.stderr


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize(
    "change",
    [
        {"verification": "no"},
        {"verification": "yes", "key": SoftKey(sshsig.ED25519, "cfo").text},
        {"key": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC="},
        {"key": "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQ="},
        {"key": "webauthn-sk-ecdsa-sha2-nistp256@openssh.com AAAA"},
    ],
)
def test_a_charter_with_keys_of_another_form_is_refused_by_both(tmp_path: Path, change: dict[str, str]) -> None:
    anchor = register(tmp_path, odd=change)
    for done, identifier, what in (
        (tool(anchor), "AUD-01", "a part of the register has lost its form"),
        (stock(anchor), "AUT-03", "a person or a key of another form"),
    ):
        assert (done.returncode, done.stderr[:6]) == (1, identifier)
        assert what in done.stderr
