"""Base58 with a four-byte check (Base58Check), as extended keys and older addresses are written."""

from __future__ import annotations

from ceremony.base.data import Malformed
from transfer.bitcoin.wire import hash256

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
MAX_LENGTH = 120


def encode(payload: bytes) -> str:
    """The text of `payload` and its check."""
    raw = payload + hash256(payload)[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\x00"))) + text


def decode(text: str) -> bytes:
    """The payload of `text`; Malformed for another alphabet, a wrong check or too long a text (which is never repeated)."""
    if len(text) > MAX_LENGTH or any(character not in _VALUE for character in text):
        raise Malformed(f"not base58: expected at most {MAX_LENGTH} characters without 0, O, I, l")
    number = 0
    for character in text:
        number = number * 58 + _VALUE[character]
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(raw) < 5 or hash256(raw[:-4])[:4] != raw[-4:]:
        raise Malformed("base58: the check at the end does not fit the text")
    return raw[:-4]
