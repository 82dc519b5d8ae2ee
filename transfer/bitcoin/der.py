"""ECDSA signatures on secp256k1: raw r||s as an HSM gives them, strict DER as Bitcoin takes them (BIP-66, BIP-146)."""

from __future__ import annotations

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from transfer.bitcoin.curve import N


def from_raw(raw: bytes) -> bytes:
    """Strict DER with low S of the 64 bytes r||s of CKM_ECDSA (PKCS#11 v2.40, 2.3.6); Malformed if they are no signature."""
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if len(raw) != 64 or not (0 < r < N and 0 < s < N):
        raise Malformed("not a raw signature: expected 64 bytes, r and s between 1 and the order of the curve")
    return encode(r, min(s, N - s))


def encode(r: int, s: int) -> bytes:
    """DER of the sequence of both integers; each below 2^256."""
    body = _integer(r) + _integer(s)
    return b"\x30" + bytes([len(body)]) + body


@control("SIG-04")
def strict(raw: bytes) -> tuple[int, int]:
    """SIG-04: r and s of a signature in strict DER with low S (BIP-66, BIP-146); any other spelling is refused."""
    r, s = _parsed(raw)
    if not (0 < r < N and 0 < s <= N // 2) or encode(r, s) != raw:
        refuse(
            "SIG-04",
            "signature",
            found=f"{raw[:80].hex()} ({len(raw)} bytes)",
            expected="r and s in strict DER, s in the lower half of the order",
            do="Do not send this transaction; let it be assembled again from the recorded signatures.",
        )
    return r, s


def _integer(number: int) -> bytes:
    raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(raw)]) + raw


def _parsed(raw: bytes) -> tuple[int, int]:
    """Both integers wherever the lengths put them; the caller compares with the one right encoding. (0, 0) if there are none."""
    if len(raw) < 8 or len(raw) > 72:
        return 0, 0
    end = 4 + raw[3]
    if end + 2 > len(raw):
        return 0, 0
    return int.from_bytes(raw[4:end], "big"), int.from_bytes(raw[end + 2 :], "big")
