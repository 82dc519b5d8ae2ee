"""Extended keys (BIP-32): parse, write, derive. Loaded where secrets are handled: standard library and `cryptography` only.

Private keys are plain integers in memory: Python cannot overwrite them, so the process that holds them is short-lived and
its pages are locked by whoever starts it. They appear in no repr and no exception. Paths are written with `h` for a
hardened step ("m/84h/0h/0h/0/5")."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ceremony.base.data import Malformed
from ceremony.base.show import shown
from transfer.bitcoin import base58, curve
from transfer.bitcoin.wire import hash160

Kind = Literal["main", "test"]
HARDENED = 0x80000000

_PUBLIC: dict[bytes, Kind] = {bytes.fromhex("0488b21e"): "main", bytes.fromhex("043587cf"): "test"}
_PRIVATE: dict[bytes, Kind] = {bytes.fromhex("0488ade4"): "main", bytes.fromhex("04358394"): "test"}
_LENGTH = 78


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands in its tree: depth, the parent's fingerprint (4 bytes), its own number among the parent's children."""

    depth: int = 0
    parent: bytes = bytes(4)
    number: int = 0

    @property
    def raw(self) -> bytes:
        """Nine bytes as they stand in an extended key."""
        return bytes([self.depth]) + self.parent + self.number.to_bytes(4, "big")

    def below(self, fingerprint: bytes, number: int) -> Place:
        """The place of a child; Malformed below depth 255."""
        if self.depth == 255:
            raise Malformed("a key path has at most 255 steps (BIP-32)")
        return Place(self.depth + 1, fingerprint, number)


@dataclass(frozen=True, slots=True)
class PublicNode:
    """An extended public key; `key` is the compressed point (33 bytes), `chain_code` has 32 bytes."""

    kind: Kind
    place: Place
    chain_code: bytes
    key: bytes

    @property
    def fingerprint(self) -> bytes:
        """The first four bytes of the key's HASH160."""
        return hash160(self.key)[:4]

    @property
    def text(self) -> str:
        """The serialised extended public key (xpub or tpub)."""
        version = next(version for version, kind in _PUBLIC.items() if kind == self.kind)
        return base58.encode(version + self.place.raw + self.chain_code + self.key)

    def child(self, number: int) -> PublicNode:
        """The child at a step that is not hardened (CKDpub); Malformed for a hardened one."""
        if not 0 <= number < HARDENED:
            raise Malformed("a hardened step cannot be derived from a public key (BIP-32)")
        left, chain_code = _split(self.chain_code, self.key + number.to_bytes(4, "big"))
        point = curve.add(curve.decompress(_public_key(left)), curve.decompress(self.key))
        if point is None:
            raise Malformed(f"there is no key at step {number} (BIP-32); use the next one")
        return PublicNode(self.kind, self.place.below(self.fingerprint, number), chain_code, curve.compress(point))

    def derive(self, path: tuple[int, ...]) -> PublicNode:
        """The key below this one at every step of `path`."""
        node = self
        for number in path:
            node = node.child(number)
        return node


@dataclass(frozen=True, slots=True, eq=False)
class PrivateNode:
    """An extended private key. Secret: neither the key nor the chain code is in its repr, and two are not compared by `==`,
    whose time would depend on them."""

    kind: Kind
    place: Place
    chain_code: bytes = field(repr=False)
    secret: int = field(repr=False)

    @property
    def key(self) -> bytes:
        """The private key, 32 bytes. Secret."""
        return self.secret.to_bytes(32, "big")

    @property
    def text(self) -> str:
        """The serialised extended private key (xprv or tprv). Secret."""
        version = next(version for version, kind in _PRIVATE.items() if kind == self.kind)
        return base58.encode(version + self.place.raw + self.chain_code + b"\x00" + self.key)

    @property
    def public(self) -> PublicNode:
        """The extended public key of this one."""
        return PublicNode(self.kind, self.place, self.chain_code, _public_key(self.secret))

    def child(self, number: int) -> PrivateNode:
        """The child at any step (CKDpriv)."""
        public = self.public
        data = (b"\x00" + self.key if number >= HARDENED else public.key) + number.to_bytes(4, "big")
        left, chain_code = _split(self.chain_code, data)
        secret = (left + self.secret) % curve.N
        if secret == 0:
            raise Malformed(f"there is no key at step {number} (BIP-32); use the next one")
        return PrivateNode(self.kind, self.place.below(public.fingerprint, number), chain_code, secret)

    def derive(self, path: tuple[int, ...]) -> PrivateNode:
        """The key below this one at every step of `path`."""
        node = self
        for number in path:
            node = node.child(number)
        return node


def master(seed: bytes, kind: Kind) -> PrivateNode:
    """The master key of a seed of 16 to 64 bytes."""
    if not 16 <= len(seed) <= 64:
        raise Malformed(f"a seed of {len(seed)} bytes, expected 16 to 64 (BIP-32)")
    secret, chain_code = _split(b"Bitcoin seed", seed)
    if secret == 0:
        raise Malformed("this seed has no master key (BIP-32); make another one")
    return PrivateNode(kind, Place(), chain_code, secret)


def parse_public(text: str) -> PublicNode:
    """The extended public key that `text` serialises; Malformed otherwise."""
    version, place, chain_code, key = _fields(text)
    if version not in _PUBLIC:
        raise Malformed("not an extended public key (xpub or tpub)")
    curve.decompress(key)
    return PublicNode(_PUBLIC[version], place, chain_code, key)


def parse_private(text: str) -> PrivateNode:
    """The extended private key that `text` serialises; Malformed otherwise, and the text is not repeated."""
    version, place, chain_code, key = _fields(text)
    secret = int.from_bytes(key[1:], "big")
    if version not in _PRIVATE or key[0] != 0 or not 0 < secret < curve.N:
        raise Malformed("not an extended private key (xprv or tprv)")
    return PrivateNode(_PRIVATE[version], place, chain_code, secret)


def parse_path(text: str) -> tuple[int, ...]:
    """The steps of a path such as "m/84h/0h/0h/0/5" or, below an account, "0/5"; Malformed otherwise."""
    steps = text.removeprefix("m/").split("/") if text != "m" else []
    if not all(re.fullmatch(r"(0|[1-9][0-9]{0,9})h?", step) and int(step.rstrip("h")) < HARDENED for step in steps):
        raise Malformed(f"not a key path: {shown(text)}, expected a form such as m/84h/0h/0h/0/5")
    return tuple(int(step.rstrip("h")) + (HARDENED if step.endswith("h") else 0) for step in steps)


def path_text(path: tuple[int, ...]) -> str:
    """The steps as people write them, without the leading "m/"."""
    return "/".join(f"{step - HARDENED}h" if step >= HARDENED else str(step) for step in path)


def _fields(text: str) -> tuple[bytes, Place, bytes, bytes]:
    raw = base58.decode(text)
    if len(raw) != _LENGTH:
        raise Malformed(f"an extended key has {_LENGTH} bytes, this text has {len(raw)}")
    place = Place(raw[4], raw[5:9], int.from_bytes(raw[9:13], "big"))
    if place.depth == 0 and (place.parent != bytes(4) or place.number):
        raise Malformed("an extended key of depth 0 has neither a parent nor a number (BIP-32)")
    return raw[:4], place, raw[13:45], raw[45:]


def _split(key: bytes, data: bytes) -> tuple[int, bytes]:
    """HMAC-SHA512 as the scalar and the chain code; the scalar must be below the group order (else BIP-32 skips the step)."""
    digest = hmac.digest(key, data, "sha512")
    left = int.from_bytes(digest[:32], "big")
    if left >= curve.N:
        raise Malformed("there is no key at this step (BIP-32); use the next one")
    return left, digest[32:]


def _public_key(secret: int) -> bytes:
    key = ec.derive_private_key(secret, ec.SECP256K1()).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
