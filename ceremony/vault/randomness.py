"""The one generator of the opener (GEN-02, GEN-13): HMAC_DRBG with SHA-256, seeded by hash from two or more sources.

NIST SP 800-90A section 10.1.2, without reseeding (a few kilobytes are drawn, the limit is 2^48 requests), and with the
continuous test of FIPS 140-2 section 4.9.2. Secret, coefficients, salts, wrapping keys and offered words come from it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from ceremony.base.control import control, refuse

LEAST = 16
"""Bytes that each source gives at least; 32 are asked for."""

_TAG = b"cold-ceremony/randomness"
_BLOCK = 32


class _State:
    """Key and V of HMAC_DRBG."""

    __slots__ = ("_key", "_value")

    def __init__(self) -> None:
        self._key, self._value = bytes(_BLOCK), b"\x01" * _BLOCK

    def block(self) -> bytes:
        """The next 32 bytes of output."""
        self._value = hmac.digest(self._key, self._value, "sha256")
        return self._value

    def update(self, data: bytes) -> None:
        """HMAC_DRBG_Update: takes in `data`; what was given out cannot be found again from the state."""
        for separator in (b"\x00", b"\x01") if data else (b"\x00",):
            self._key = hmac.digest(self._key, self._value + separator + data, "sha256")
            self._value = hmac.digest(self._key, self._value, "sha256")


class Generator:
    """Call it with a number of bytes. Source names are public and kept; source values are not kept."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        """`sources`: name -> bytes of each source (operating system, HSM, dice). GEN-13 if there are not two."""
        self.sources = tuple(sources)
        self._state = _State()
        self._state.update(mix(sources))
        self._last = b""

    def __call__(self, number: int) -> bytes:
        """`number` uniform bytes. GEN-02 if a block of 32 repeats the one before it: then nothing may be used."""
        drawn = b""
        while len(drawn) < number:
            drawn += self._fresh(self._state.block())
        self._state.update(b"")
        return drawn[:number]

    @control("GEN-02")
    def _fresh(self, block: bytes) -> bytes:
        """GEN-02: a repeated output block aborts: the generator is stuck."""
        if hmac.compare_digest(block, self._last):
            refuse(
                "GEN-02",
                "the random generator repeats itself",
                found="the same block of 32 bytes twice running",
                expected="blocks that differ",
                do="Stop. Use no share of this run; destroy its media and have the machine examined.",
            )
        self._last = block
        return block


@control("GEN-13")
def mix(sources: Mapping[str, bytes]) -> bytes:
    """GEN-13: the seed, a hash over two sources or more, each with its name and length before it, so that none can stand for another."""
    short = [name for name, value in sources.items() if len(value) < LEAST]
    if short or len(set(sources.values())) < 2:
        refuse(
            "GEN-13",
            "too few sources of randomness",
            found=f"{', '.join(sources) or 'none'}; too short: {', '.join(short) or 'none'}",
            expected=f"two different sources of {LEAST} bytes or more",
            do="Connect the HSM, or throw dice.",
        )
    hashed = hashlib.sha512(_TAG)
    for name, value in sources.items():
        for part in (name.encode("ascii"), value):
            hashed.update(len(part).to_bytes(4, "big") + part)
    return hashed.digest()


def first_block(seed_material: bytes) -> bytes:
    """The first 32 bytes after this very seed material: for the known-answer test, which has published material."""
    state = _State()
    state.update(seed_material)
    return state.block()
