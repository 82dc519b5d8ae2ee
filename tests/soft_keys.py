"""Keys of every kind that signs here, in software: they state what a test wants them to state of who touched them.

A security key's signature is made as OpenSSH's PROTOCOL.u2f has it. `Agent` offers such keys to ssh-keygen over the protocol of
ssh-agent, so that the real commands sign with them."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ceremony.base import sshsig

APPLICATION = b"ssh:"
COUNTER = 7
TOUCHED, VERIFIED = 1, 5
"""What a security key states: a touch, or a touch by somebody whom it knows."""
Signer = Callable[[bytes], bytes]


def string(raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + raw


def mpint(value: int) -> bytes:
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def curve_key(kind: bytes, seed: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key of a kind that is ECDSA."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(kind + seed).digest()[:31], "big"), ec.SECP256R1())


def numbers(secret: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """The two numbers of an ECDSA signature, as SSH writes them; the same ones for the same message."""
    r, s = decode_dss_signature(secret.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return mpint(r) + mpint(s)


def pair(kind: bytes, flags: int = TOUCHED, seed: bytes = b"") -> tuple[bytes, Signer]:
    """A key of one kind: its public key in SSH's form, and what makes its inner signatures (software in place of a security key)."""
    tail = string(APPLICATION) if kind.startswith(b"sk-") else b""

    def touched(signed: bytes) -> tuple[bytes, bytes]:
        after = bytes([flags]) + struct.pack(">I", COUNTER)
        message = hashlib.sha256(APPLICATION).digest() + after + hashlib.sha256(signed).digest()
        return (message, after) if tail else (signed, b"")

    if b"ed25519" in kind:
        secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(kind + seed).digest())

        def sign(signed: bytes) -> bytes:
            message, after = touched(signed)
            return string(kind) + string(secret.sign(message)) + after

        return string(kind) + string(secret.public_key().public_bytes_raw()) + tail, sign
    curve_secret = curve_key(kind, seed)
    point = curve_secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign_curve(signed: bytes) -> bytes:
        message, after = touched(signed)
        return string(kind) + string(numbers(curve_secret, message)) + after

    return string(kind) + string(b"nistp256") + string(point) + tail, sign_curve


def sshsig_of(public: bytes, sign: Signer, raw: bytes, space: bytes, name: str = "sha512") -> str:
    """An SSHSIG blob in base64, with the inner signature that `sign` makes."""
    common = string(space) + string(b"") + string(name.encode())
    signed = b"SSHSIG" + common + string(hashlib.new(name, raw).digest())
    blob = b"SSHSIG" + struct.pack(">I", 1) + string(public) + common + string(sign(signed))
    return base64.b64encode(blob).decode()


class SoftKey:
    """One person's key of one kind; another one for each `owner`. `flags` may be set anew before each signature."""

    def __init__(self, kind: bytes = sshsig.SK_ED25519, owner: str = "", flags: int = TOUCHED) -> None:
        self.kind, self.owner, self.flags = kind, owner, flags

    @property
    def public(self) -> bytes:
        return pair(self.kind, seed=self.owner.encode())[0]

    @property
    def text(self) -> str:
        """As a charter has it."""
        return f"{self.kind.decode()} {base64.b64encode(self.public).decode()}"

    def inner(self, signed: bytes) -> bytes:
        return pair(self.kind, self.flags, self.owner.encode())[1](signed)

    def blob(self, raw: bytes, namespace: str) -> str:
        """The SSHSIG, as a signature file or an entry has it."""
        return sshsig_of(self.public, self.inner, raw, namespace.encode())

    def put(self, path: Path) -> Path:
        """The public key as a file, which ssh-keygen takes to ask an agent for the key; without `.pub`."""
        path.with_name(f"{path.name}.pub").write_text(self.text + "\n")
        return path.with_name(f"{path.name}.pub")


class Agent:
    """An ssh-agent that holds soft keys. `socket` is what SSH_AUTH_SOCK names."""

    _FAILURE, _LIST, _LISTED, _SIGN, _SIGNED = 5, 11, 12, 13, 14

    def __init__(self, folder: Path, keys: Iterable[SoftKey]) -> None:
        self.socket = folder / "agent"
        self.keys = {key.public: key for key in keys}
        self._listening = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Agent:
        self._listening.bind(str(self.socket))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.socket.unlink()

    def _serve(self) -> None:
        while True:
            try:
                asked, _ = self._listening.accept()
            except OSError:
                return
            with asked, asked.makefile("rwb") as stream:
                while size := stream.read(4):
                    stream.write(string(self._answer(stream.read(int.from_bytes(size, "big")))))
                    stream.flush()

    def _answer(self, asked: bytes) -> bytes:
        if asked[0] == self._LIST:
            return struct.pack(">BI", self._LISTED, len(self.keys)) + b"".join(string(key) + string(b"") for key in self.keys)
        size = int.from_bytes(asked[1:5], "big")
        public, rest = asked[5 : 5 + size], asked[5 + size :]
        if asked[0] != self._SIGN or public not in self.keys:
            return bytes([self._FAILURE])
        return bytes([self._SIGNED]) + string(self.keys[public].inner(rest[4 : 4 + int.from_bytes(rest[:4], "big")]))
