"""SSH signatures checked in this process (OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f), for registers with thousands of them.

It reads only what it fully understands: Ed25519 and ECDSA on P-256, from a key file or from a security key. For any other kind
of key it has no answer, and the caller asks ssh-keygen. What people hand in is verified by ssh-keygen when it is taken in, and
scripts/verify-transcript.sh holds a whole register to ssh-keygen once more: a signature that only one of the two accepts is seen."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

MAGIC, VERSION = b"SSHSIG", 1
ED25519, ECDSA = b"ssh-ed25519", b"ecdsa-sha2-nistp256"
SK_ED25519, SK_ECDSA = b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"
PRESENT = 0x01
"""Flag of a security key: somebody touched it."""


class _Wrong(Exception):
    """Not what the format or the key says."""


class _Reader:
    """Takes SSH's data types off the front of some bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if len(self._raw) < count:
            raise _Wrong
        head, self._raw = self._raw[:count], self._raw[count:]
        return head

    def string(self) -> bytes:
        """A string: four bytes of length, then its bytes."""
        (size,) = struct.unpack(">I", self.take(4))
        return self.take(size)

    def mpint(self) -> int:
        """A positive whole number, in as few bytes as it needs."""
        raw = self.string()
        value = int.from_bytes(raw, "big")
        if value <= 0 or raw != value.to_bytes(value.bit_length() // 8 + 1, "big"):
            raise _Wrong
        return value

    def end(self) -> None:
        """Nothing may be left."""
        if self._raw:
            raise _Wrong


def verifies(blob: str, raw: bytes, key: str, namespace: str) -> bool | None:
    """Whether the base64 SSHSIG `blob` is a signature over `raw` under this namespace by this key (type and base64, as the charter
    has it). None for a kind of key that is not understood here."""
    try:
        public = base64.b64decode(key.split(" ")[1], validate=True)
        kind = _Reader(public).string()
        if kind not in (ED25519, ECDSA, SK_ED25519, SK_ECDSA):
            return None
        signed, signature = _taken_apart(base64.b64decode(blob, validate=True), raw, public, namespace.encode("ascii"))
        _check(kind, _Reader(public), _Reader(signature), signed)
    except (_Wrong, InvalidSignature, binascii.Error, IndexError, ValueError):
        return False
    return True


def _taken_apart(blob: bytes, raw: bytes, public: bytes, namespace: bytes) -> tuple[bytes, bytes]:
    """What the key must have signed, and the inner signature; the blob must carry this very key and namespace."""
    reader = _Reader(blob)
    if reader.take(6) != MAGIC or reader.take(4) != struct.pack(">I", VERSION):
        raise _Wrong
    if reader.string() != public or reader.string() != namespace or reader.string() != b"":
        raise _Wrong
    name = reader.string()
    if name not in (b"sha256", b"sha512"):
        raise _Wrong
    signature = reader.string()
    reader.end()
    digest = hashlib.new(name.decode("ascii"), raw).digest()
    return MAGIC + b"".join(struct.pack(">I", len(part)) + part for part in (namespace, b"", name, digest)), signature


def _check(kind: bytes, public: _Reader, signature: _Reader, signed: bytes) -> None:
    """InvalidSignature or _Wrong unless the key made it."""
    if public.string() != kind or signature.string() != kind:
        raise _Wrong
    if kind in (ED25519, SK_ED25519):
        point, inner = public.string(), signature.string()
        Ed25519PublicKey.from_public_bytes(point).verify(inner, _message(kind, public, signature, signed))
        return
    if public.string() != b"nistp256":
        raise _Wrong
    curve_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public.string())
    numbers = _Reader(signature.string())
    inner = encode_dss_signature(numbers.mpint(), numbers.mpint())
    numbers.end()
    curve_key.verify(inner, _message(kind, public, signature, signed), ec.ECDSA(SHA256()))


def _message(kind: bytes, public: _Reader, signature: _Reader, signed: bytes) -> bytes:
    """The bytes under the inner signature; a security key signs its application, flags and counter with them (PROTOCOL.u2f)."""
    if kind in (SK_ED25519, SK_ECDSA):
        application, flags, counter = public.string(), signature.take(1), signature.take(4)
        if not flags[0] & PRESENT:
            raise _Wrong
        signed = hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(signed).digest()
    public.end()
    signature.end()
    return signed
