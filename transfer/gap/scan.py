"""What a secret looks like when it has slipped into a file that is about to leave (EXP-01, GEN-09).

A scan finds forms, not values: a bare 32-byte number looks like any digest. So it is the last net; the first is that the
processes that write what leaves never see a secret."""

from __future__ import annotations

import hashlib
import re

MNEMONIC = 12
"""Words: the shortest run of BIP-39 words that is taken for a mnemonic."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FORMS = (
    ("a private key file", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|b3BlbnNzaC1rZXktdjE")),
    ("an extended private key", re.compile(rf"[xyztuvYZUV]prv[{_BASE58}]{{80,}}")),
    ("a share card", re.compile(r"COLDSHARE[0-9]{1,3}\.[0-9A-Z]{20}", re.IGNORECASE)),
    ("a sealed share", re.compile(r"(?<![0-9a-fA-F])01(?:50|4[dD])[0-9a-fA-F]{168}(?![0-9a-fA-F])")),
)
_WIF = re.compile(rf"(?<![A-Za-z0-9+/=])[5KLc9][{_BASE58}]{{50,51}}(?![A-Za-z0-9+/=])")
_WORD = re.compile(r"[a-z]+")


def secrets_in(raw: bytes) -> tuple[str, ...]:
    """Names of the kinds of secret that `raw` seems to hold, never the secret itself; empty if none."""
    text = raw.decode("latin-1")
    found = [name for name, form in _FORMS if form.search(text)]
    if any(_is_wif(match) for match in _WIF.findall(text)):
        found.append("a private key in WIF")
    if _has_mnemonic(text):
        found.append("a row of BIP-39 words")
    return tuple(found)


def _is_wif(text: str) -> bool:
    """Base58check with the version byte of a private key, main network or test."""
    number = 0
    for digit in text:
        number = number * 58 + _BASE58.index(digit)
    size = (number.bit_length() + 7) // 8
    raw = number.to_bytes(size, "big")
    body, check = raw[:-4], raw[-4:]
    return raw[:1] in (b"\x80", b"\xef") and hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4] == check


def _has_mnemonic(text: str) -> bool:
    """Whether MNEMONIC words of the BIP-39 list follow each other, whatever stands between them (numbers, commas, lines)."""
    from mnemonic import Mnemonic  # noqa: PLC0415  (an extra of the cold host, where alone bundles are written)

    known = set(Mnemonic("english").wordlist)
    row = 0
    for word in _WORD.findall(text.lower()):
        row = row + 1 if word in known else 0
        if row == MNEMONIC:
            return True
    return False
