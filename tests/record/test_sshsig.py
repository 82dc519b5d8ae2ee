"""Signatures as this process checks them, beside ssh-keygen: whatever one accepts the other accepts, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ceremony.base import signatures, sshsig
from ceremony.base.control import Refused
from ceremony.base.signatures import Signature

SAID, SPACE = b"what was said\n", "approval@cold-ceremony"
APPLICATION = b"ssh:"
Signer = Callable[[bytes], bytes]


def string(raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + raw


def mpint(value: int) -> bytes:
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def sshsig_of(public: bytes, sign: Signer, *, raw: bytes = SAID, space: bytes = SPACE.encode(), name: str = "sha512") -> str:
    """An SSHSIG blob in base64, with the inner signature that `sign` makes."""
    common = string(space) + string(b"") + string(name.encode())
    signed = b"SSHSIG" + common + string(hashlib.new(name, raw).digest())
    blob = b"SSHSIG" + struct.pack(">I", 1) + string(public) + common + string(sign(signed))
    return base64.b64encode(blob).decode()


def pair(kind: bytes, flags: int = 1) -> tuple[bytes, Signer]:
    """A key of one kind: its public key in SSH's form, and what makes its inner signatures (software in place of a security key)."""
    tail = string(APPLICATION) if kind.startswith(b"sk-") else b""

    def touched(signed: bytes) -> tuple[bytes, bytes]:
        after = bytes([flags]) + struct.pack(">I", 7)
        message = hashlib.sha256(APPLICATION).digest() + after + hashlib.sha256(signed).digest()
        return (message, after) if tail else (signed, b"")

    if b"ed25519" in kind:
        secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(kind).digest())

        def sign(signed: bytes) -> bytes:
            message, after = touched(signed)
            return string(kind) + string(secret.sign(message)) + after

        return string(kind) + string(secret.public_key().public_bytes_raw()) + tail, sign
    curve_secret = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
    point = curve_secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign_curve(signed: bytes) -> bytes:
        message, after = touched(signed)
        r, s = decode_dss_signature(curve_secret.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return string(kind) + string(mpint(r) + mpint(s)) + after

    return string(kind) + string(b"nistp256") + string(point) + tail, sign_curve


def key_of(kind: bytes, public: bytes) -> str:
    return f"{kind.decode()} {base64.b64encode(public).decode()}"


def by_ssh_keygen(blob: str, key: str, folder: Path, raw: bytes = SAID) -> bool:
    """What ssh-keygen says of the same signature."""
    (folder / "signers").write_text(f'A1 namespaces="{SPACE}" {key}\n')
    (folder / "signature").write_text(signatures.armour(blob))
    command = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "signers"), "-I", "A1", "-n", SPACE, "-s", str(folder / "signature")]
    return subprocess.run(command, input=raw, capture_output=True, check=False).returncode == 0


KINDS = (sshsig.ED25519, sshsig.ECDSA, sshsig.SK_ED25519, sshsig.SK_ECDSA)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["sha512", "sha256"])
def test_both_accept_what_is_right(kind: bytes, name: str, tmp_path: Path) -> None:
    public, sign = pair(kind)
    blob = sshsig_of(public, sign, name=name)
    assert sshsig.verifies(blob, SAID, key_of(kind, public), SPACE) is True
    assert by_ssh_keygen(blob, key_of(kind, public), tmp_path)


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("kind", KINDS)
def test_both_refuse_other_bytes_another_namespace_and_another_key(kind: bytes, tmp_path: Path) -> None:
    public, sign = pair(kind)
    key = key_of(kind, public)
    wrong = {
        "bytes": sshsig_of(public, sign, raw=SAID + b"\n"),
        "namespace": sshsig_of(public, sign, space=b"checkpoint@cold-ceremony"),
        "a longer namespace": sshsig_of(public, sign, space=SPACE.encode() + b"\0"),
        "hash": sshsig_of(public, sign, name="sha384"),
        "key": sshsig_of(pair(sshsig.ED25519)[0] + b"\0", sign),
    }
    for what, blob in wrong.items():
        assert sshsig.verifies(blob, SAID, key, SPACE) is False, what
        assert not by_ssh_keygen(blob, key, tmp_path), what
        with pytest.raises(Refused, match="AUT-03"):
            signatures.verify(Signature(signer="A1", namespace=SPACE, blob=blob), SAID, key, SPACE)


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("kind", KINDS)
def test_no_changed_byte_of_a_signature_is_accepted(kind: bytes) -> None:
    public, sign = pair(kind)
    raw = base64.b64decode(sshsig_of(public, sign))
    for at in range(len(raw)):
        changed = base64.b64encode(raw[:at] + bytes([raw[at] ^ 1 << (at % 7)]) + raw[at + 1 :]).decode()
        assert sshsig.verifies(changed, SAID, key_of(kind, public), SPACE) is False, at
    for cut in (raw[:-1], raw + b"\0", raw[:40], b""):
        assert sshsig.verifies(base64.b64encode(cut).decode(), SAID, key_of(kind, public), SPACE) is False


@pytest.mark.parametrize("kind", KINDS[2:])
def test_a_security_key_that_nobody_touched_is_left_to_ssh_keygen(kind: bytes) -> None:
    public, sign = pair(kind, flags=0)
    assert sshsig.verifies(sshsig_of(public, sign), SAID, key_of(kind, public), SPACE) is False


def test_of_another_kind_of_key_nothing_is_said() -> None:
    public = string(b"ssh-rsa") + string(b"\1\0\1") + string(bytes(256))
    assert sshsig.verifies("U1NIU0lH", SAID, key_of(b"ssh-rsa", public), SPACE) is None
