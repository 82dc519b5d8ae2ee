"""SSH signatures checked in this process (OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f), for registers with thousands of them.

It reads only what it fully understands: Ed25519 and ECDSA on P-256, from a key file or from a security key. The list is closed: what
does not verify here is no signature, whatever another program says. What is made just now must satisfy ssh-keygen as well, and
scripts/verify-transcript.sh holds a whole register to ssh-keygen once more: a signature that only one of the two accepts is seen."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

MAGIC, VERSION = b"SSHSIG", 1
ED25519, ECDSA = b"ssh-ed25519", b"ecdsa-sha2-nistp256"
SK_ED25519, SK_ECDSA = b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"
KINDS = (ED25519, ECDSA, SK_ED25519, SK_ECDSA)
PRESENT, VERIFIED = 0x01, 0x04
"""Flags of a security key: somebody touched it; and it knew who that was, by a PIN or a finger."""

_P = 2**255 - 19
_EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL = frozenset((0, 1, _P - 1, _EIGHTH, _P - _EIGHTH))
"""The y of the eight points of small order of Ed25519: under such a key one signature verifies for many messages."""


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


def is_key(key: str) -> bool:
    """Whether this (type and base64, as the charter has it) is a public key of a kind that is accepted, whole and on its curve."""
    try:
        kind, public = _kind(key)
        reader = _Reader(public)
        reader.string()
        _key(kind, reader)
        if kind in (SK_ED25519, SK_ECDSA):
            reader.string()
        reader.end()
    except (_Wrong, binascii.Error, IndexError, ValueError):
        return False
    return key.split(" ", maxsplit=1)[0].encode("ascii") == kind


def verifies(blob: str, raw: bytes, key: str, namespace: str, flags: int = PRESENT) -> bool:
    """Whether the base64 SSHSIG `blob` is a signature over `raw` under this namespace by this key, of a kind that is accepted; one of a
    security key must have these flags."""
    try:
        kind, public = _kind(key)
        signed, signature = _taken_apart(base64.b64decode(blob, validate=True), raw, public, namespace.encode("ascii"))
        _check(kind, _Reader(public), _Reader(signature), signed, flags)
    except (_Wrong, InvalidSignature, binascii.Error, IndexError, ValueError):
        return False
    return True


def _kind(key: str) -> tuple[bytes, bytes]:
    """The kind of a key, which must be an accepted one, and its bytes."""
    public = base64.b64decode(key.split(" ")[1], validate=True)
    kind = _Reader(public).string()
    if kind not in KINDS:
        raise _Wrong
    return kind, public


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


def _check(kind: bytes, public: _Reader, signature: _Reader, signed: bytes, flags: int) -> None:
    """InvalidSignature or _Wrong unless the key made it."""
    if public.string() != kind or signature.string() != kind:
        raise _Wrong
    key, inner = _key(kind, public), signature.string()
    if isinstance(key, Ed25519PublicKey):
        key.verify(inner, _message(kind, public, signature, signed, flags))
        return
    numbers = _Reader(inner)
    inner = encode_dss_signature(numbers.mpint(), numbers.mpint())
    numbers.end()
    key.verify(inner, _message(kind, public, signature, signed, flags), ec.ECDSA(SHA256()))


def _key(kind: bytes, public: _Reader) -> Ed25519PublicKey | ec.EllipticCurvePublicKey:
    """The point of a public key, after its kind."""
    if kind in (ED25519, SK_ED25519):
        point = public.string()
        height = int.from_bytes(point, "little") & (1 << 255) - 1
        if height >= _P or height in _SMALL:
            raise _Wrong
        return Ed25519PublicKey.from_public_bytes(point)
    if public.string() != b"nistp256":
        raise _Wrong
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public.string())


def _message(kind: bytes, public: _Reader, signature: _Reader, signed: bytes, wanted: int) -> bytes:
    """The bytes under the inner signature; a security key signs its application, flags and counter with them (PROTOCOL.u2f)."""
    if kind in (SK_ED25519, SK_ECDSA):
        application, flags, counter = public.string(), signature.take(1), signature.take(4)
        if flags[0] & wanted != wanted:
            raise _Wrong
        signed = hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(signed).digest()
    public.end()
    signature.end()
    return signed


def ed25519_text(public: bytes) -> str:
    """An Ed25519 public key (32 bytes, RFC 8032) as OpenSSH writes it: type and base64."""
    return f"{ED25519.decode()} {base64.b64encode(_packed(ED25519, public)).decode()}"


class RunKey:
    """The key of a run of the tool: made from the operating system's randomness, never written anywhere (AUD-11)."""

    def __init__(self, secret: Ed25519PrivateKey | None = None) -> None:
        self._secret = secret or Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        """Its public half, 32 bytes in hexadecimal (RFC 8032)."""
        return self._secret.public_key().public_bytes_raw().hex()

    def sign(self, raw: bytes, namespace: str) -> str:
        """A signature over `raw` under this namespace, as base64 of its SSHSIG blob."""
        return made(self._secret, raw, namespace)


def made(secret: Ed25519PrivateKey, raw: bytes, namespace: str) -> str:
    """A signature over `raw` under this namespace, as base64 of its SSHSIG blob (SHA-512)."""
    name = b"sha512"
    common = _packed(namespace.encode("ascii"), b"", name)
    signed = secret.sign(MAGIC + common + _packed(hashlib.new(name.decode(), raw).digest()))
    key = _packed(ED25519, secret.public_key().public_bytes_raw())
    blob = MAGIC + struct.pack(">I", VERSION) + _packed(key) + common + _packed(_packed(ED25519, signed))
    return base64.b64encode(blob).decode("ascii")


def _packed(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)
