"""Signatures as this process checks them, beside ssh-keygen: whatever one accepts the other accepts, and nothing else."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from ceremony.base import signatures, sshsig
from ceremony.base.control import Refused
from ceremony.base.signatures import Key, Signature
from tests.soft_keys import APPLICATION, Signer, pair, sshsig_of, string

SAID, SPACE = b"what was said\n", "approval@cold-ceremony"


def made(public: bytes, sign: Signer, *, raw: bytes = SAID, space: bytes = SPACE.encode(), name: str = "sha512") -> str:
    return sshsig_of(public, sign, raw, space, name)


def key_of(kind: bytes, public: bytes) -> str:
    return f"{kind.decode()} {base64.b64encode(public).decode()}"


def by_ssh_keygen(blob: str, key: str, folder: Path, raw: bytes = SAID) -> bool:
    """What ssh-keygen says of the same signature."""
    (folder / "signers").write_text(f'A1 namespaces="{SPACE}" {key}\n')
    (folder / "signature").write_text(signatures.armour(blob))
    command = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "signers"), "-I", "A1", "-n", SPACE, "-s", str(folder / "signature")]
    return subprocess.run(command, input=raw, capture_output=True, check=False).returncode == 0


KINDS = sshsig.KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["sha512", "sha256"])
def test_both_accept_what_is_right(kind: bytes, name: str, tmp_path: Path) -> None:
    public, sign = pair(kind)
    blob = made(public, sign, name=name)
    assert sshsig.verifies(blob, SAID, key_of(kind, public), SPACE) is True
    assert by_ssh_keygen(blob, key_of(kind, public), tmp_path)


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("kind", KINDS)
def test_both_refuse_other_bytes_another_namespace_and_another_key(kind: bytes, tmp_path: Path) -> None:
    public, sign = pair(kind)
    key = key_of(kind, public)
    wrong = {
        "bytes": made(public, sign, raw=SAID + b"\n"),
        "namespace": made(public, sign, space=b"checkpoint@cold-ceremony"),
        "a longer namespace": made(public, sign, space=SPACE.encode() + b"\0"),
        "hash": made(public, sign, name="sha384"),
        "key": made(pair(sshsig.ED25519)[0] + b"\0", sign),
    }
    for what, blob in wrong.items():
        assert sshsig.verifies(blob, SAID, key, SPACE) is False, what
        assert not by_ssh_keygen(blob, key, tmp_path), what
        with pytest.raises(Refused, match="AUT-03"):
            signatures.verify(Signature(signer="A1", namespace=SPACE, blob=blob), SAID, Key(key), SPACE)


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("kind", KINDS)
def test_no_changed_byte_of_a_signature_is_accepted(kind: bytes) -> None:
    public, sign = pair(kind)
    raw = base64.b64decode(made(public, sign))
    for at in range(len(raw)):
        changed = base64.b64encode(raw[:at] + bytes([raw[at] ^ 1 << (at % 7)]) + raw[at + 1 :]).decode()
        assert sshsig.verifies(changed, SAID, key_of(kind, public), SPACE) is False, at
    for cut in (raw[:-1], raw + b"\0", raw[:40], b""):
        assert sshsig.verifies(base64.b64encode(cut).decode(), SAID, key_of(kind, public), SPACE) is False


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize("kind", KINDS[2:])
@pytest.mark.parametrize(("flags", "touched", "verified"), [(0, False, False), (1, True, False), (4, False, False), (5, True, True)])
def test_what_a_security_key_states_is_asked_for(kind: bytes, flags: int, touched: bool, verified: bool, tmp_path: Path) -> None:
    """ssh-keygen verifies all four of them: it does not look."""
    public, sign = pair(kind, flags)
    key, blob = key_of(kind, public), made(public, sign)
    assert by_ssh_keygen(blob, key, tmp_path)
    assert sshsig.verifies(blob, SAID, key, SPACE) is touched
    signature = Signature(signer="A1", namespace=SPACE, blob=blob)
    for wanted, holds in ((Key(key), touched), (Key(key, verification=True), verified)):
        for fresh in (False, True):
            if holds:
                signatures.verify(signature, SAID, wanted, SPACE, fresh=fresh)
                continue
            with pytest.raises(Refused, match="ASM-06"):
                signatures.verify(signature, SAID, wanted, SPACE, fresh=fresh)


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_key_file_verifies_nobody(kind: bytes) -> None:
    public, sign = pair(kind)
    signature = Signature(signer="A1", namespace=SPACE, blob=made(public, sign))
    signatures.verify(signature, SAID, Key(key_of(kind, public)), SPACE)
    with pytest.raises(Refused, match="ASM-06"):
        signatures.verify(signature, SAID, Key(key_of(kind, public), verification=True), SPACE)


@pytest.mark.control("AUT-03")
def test_ssh_keygen_never_overrules(tmp_path: Path) -> None:
    """A key of another kind, whose signatures only ssh-keygen understands: it says yes, and that is not enough."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", "", "-C", "", "-f", str(tmp_path / "key")], check=True)
    key = signatures.public_key_of(tmp_path / "key.pub")
    signature = signatures.sign("A1", SPACE, SAID, tmp_path / "key")
    assert by_ssh_keygen(signature.blob, key, tmp_path)
    assert not sshsig.is_key(key)
    for fresh in (False, True):
        with pytest.raises(Refused, match="AUT-03"):
            signatures.verify(signature, SAID, Key(key), SPACE, fresh=fresh)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_whole_and_of_the_kind_that_it_says(kind: bytes) -> None:
    public, _ = pair(kind)
    assert sshsig.is_key(key_of(kind, public))
    for wrong in (public[:-1], public + b"\0", public.replace(b"-", b"_"), b""):
        assert not sshsig.is_key(key_of(kind, wrong))
    other = KINDS[(KINDS.index(kind) + 1) % len(KINDS)]
    assert not sshsig.is_key(key_of(other, public))


SMALL = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""The eight points of Ed25519 of small order, and two of them in another spelling."""


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("point", SMALL)
@pytest.mark.parametrize("kind", [sshsig.ED25519, sshsig.SK_ED25519])
def test_a_key_of_small_order_is_none(kind: bytes, point: str) -> None:
    """Under the first of them the base point and 1 verify for every message."""
    tail = string(APPLICATION) if kind == sshsig.SK_ED25519 else b""
    public = string(kind) + string(bytes.fromhex(point)) + tail
    forged = bytes.fromhex("58" + "66" * 31) + (1).to_bytes(32, "little")
    blob = made(public, lambda _signed: string(kind) + string(forged) + (b"\1\0\0\0\7" if tail else b""))
    assert not sshsig.verifies(blob, SAID, key_of(kind, public), SPACE)
    assert not sshsig.is_key(key_of(kind, public))


def test_of_another_kind_of_key_nothing_verifies() -> None:
    public = string(b"ssh-rsa") + string(b"\1\0\1") + string(bytes(256))
    assert sshsig.verifies("U1NIU0lH", SAID, key_of(b"ssh-rsa", public), SPACE) is False
