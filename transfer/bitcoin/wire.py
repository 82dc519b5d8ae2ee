"""Reading and writing the integers and byte strings of Bitcoin's serialisation, with one encoding for each value."""

from __future__ import annotations

import hashlib

from ceremony.base.data import Malformed


def hash256(raw: bytes) -> bytes:
    """SHA-256 twice."""
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()


def hash160(raw: bytes) -> bytes:
    """RIPEMD-160 of SHA-256."""
    return hashlib.new("ripemd160", hashlib.sha256(raw).digest(), usedforsecurity=False).digest()


def compact(number: int) -> bytes:
    """CompactSize in its shortest form."""
    if number < 0xFD:
        return bytes([number])
    if number <= 0xFFFF:
        return b"\xfd" + number.to_bytes(2, "little")
    if number <= 0xFFFFFFFF:
        return b"\xfe" + number.to_bytes(4, "little")
    return b"\xff" + number.to_bytes(8, "little")


def sized(raw: bytes) -> bytes:
    """The bytes with their length before them."""
    return compact(len(raw)) + raw


class Cursor:
    """Takes bytes from the front; Malformed as soon as there are too few, or a number is not in its shortest form."""

    __slots__ = ("_at", "_raw", "_what")

    def __init__(self, raw: bytes, what: str) -> None:
        self._raw = raw
        self._at = 0
        self._what = what

    @property
    def at(self) -> int:
        """How many bytes have been taken."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._raw) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise Malformed(f"{self._what}: ends at byte {len(self._raw)}, {size - self.left} bytes too early")
        self._at += size
        return self._raw[self._at - size : self._at]

    def peek(self, size: int) -> bytes:
        """At most the next `size` bytes, which stay where they are."""
        return self._raw[self._at : self._at + size]

    def integer(self, size: int) -> int:
        """An unsigned little-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def compact(self, limit: int) -> int:
        """A CompactSize of at most `limit`, in its shortest form."""
        start = self._at
        first = self.integer(1)
        number = first if first < 0xFD else self.integer(2 << (first - 0xFD))
        if compact(number) != self._raw[start : self._at]:
            raise Malformed(f"{self._what}: the number at byte {start} is not in its shortest form")
        if number > limit:
            raise Malformed(f"{self._what}: found {number} at byte {start}, expected at most {limit}")
        return number

    def sized(self, limit: int) -> bytes:
        """A byte string of at most `limit` bytes with its length before it."""
        return self.take(self.compact(limit))

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise Malformed(f"{self._what}: {self.left} bytes too many after byte {self._at}")
