"""Bech32 and Bech32m (BIP-173, BIP-350)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ceremony.base.data import Malformed

Variant = Literal["bech32", "bech32m"]

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CONSTANT: dict[Variant, int] = {"bech32": 1, "bech32m": 0x2BC830A3}
MAX_LENGTH = 90


def encode(prefix: str, data: Iterable[int], variant: Variant) -> str:
    """The text of five-bit values under a human-readable prefix in lower case."""
    values = list(data)
    check = _polymod([*_expanded(prefix), *values, *[0] * 6]) ^ _CONSTANT[variant]
    values += [check >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in values)


def decode(text: str) -> tuple[str, tuple[int, ...], Variant]:
    """Prefix in lower case, five-bit values without the check, and which of the two checks fits; Malformed if neither does."""
    if len(text) > MAX_LENGTH or any(not 33 <= ord(character) <= 126 for character in text):
        raise Malformed(f"not bech32: expected at most {MAX_LENGTH} printable characters")
    if text != text.lower() and text != text.upper():
        raise Malformed("bech32: mixes upper and lower case")
    prefix, _, tail = text.lower().rpartition("1")
    if not prefix or len(tail) < 6:
        raise Malformed("bech32: expected a prefix, the digit 1, and six characters or more")
    if any(character not in _VALUE for character in tail):
        raise Malformed("bech32: a character that is not in the alphabet")
    values = [_VALUE[character] for character in tail]
    found = _polymod([*_expanded(prefix), *values])
    for variant, constant in _CONSTANT.items():
        if found == constant:
            return prefix, tuple(values[:-6]), variant
    raise Malformed("bech32: the check at the end does not fit the text")


def to_five_bits(raw: bytes) -> tuple[int, ...]:
    """Eight-bit bytes as five-bit values, filled up with zero bits."""
    bits = "".join(f"{byte:08b}" for byte in raw)
    bits += "0" * (-len(bits) % 5)
    return tuple(int(bits[at : at + 5], 2) for at in range(0, len(bits), 5))


def to_bytes(values: Iterable[int]) -> bytes:
    """Five-bit values as bytes; Malformed if the bits left over are five or more or not zero."""
    bits = "".join(f"{value:05b}" for value in values)
    whole = len(bits) // 8 * 8
    if len(bits) - whole > 4 or "1" in bits[whole:]:
        raise Malformed("bech32: wrong padding")
    return bytes(int(bits[at : at + 8], 2) for at in range(0, whole, 8))


def _expanded(prefix: str) -> list[int]:
    return [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check
