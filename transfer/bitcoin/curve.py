"""Affine points of secp256k1 (SEC 2) on plain integers. Its time depends on the values: for public data only."""

from __future__ import annotations

from ceremony.base.data import Malformed

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

Point = tuple[int, int]


def is_on_curve(x: int) -> bool:
    """Whether some point has this x coordinate."""
    return x < P and _even_root(x) is not None


def decompress(raw: bytes) -> Point:
    """The point of a compressed public key (33 bytes); Malformed if there is none."""
    x = int.from_bytes(raw[1:], "big")
    y = _even_root(x) if len(raw) == 33 and raw[0] in (2, 3) and x < P else None
    if y is None:
        raise Malformed("not a compressed public key on secp256k1")
    return (x, y if raw[0] == 2 else P - y)


def compress(point: Point) -> bytes:
    """33 bytes: 02 or 03 for an even or odd y, and x."""
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")


def add(first: Point, second: Point) -> Point | None:
    """The sum of two points; None for the point at infinity."""
    (x1, y1), (x2, y2) = first, second
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, P) if first == second else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return (x, (slope * (x1 - x) - y1) % P)


def _even_root(x: int) -> int | None:
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    return y if y % 2 == 0 else P - y
