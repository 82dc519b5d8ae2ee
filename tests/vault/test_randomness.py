from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.control import Refused
from ceremony.vault import passphrase, randomness
from ceremony.vault.randomness import Generator, first_block, mix

OS, HSM = b"\x01" * 32, b"\x02" * 32


def generator(hsm: bytes = HSM) -> Generator:
    return Generator({"operating system": OS, "HSM": hsm})


def test_it_is_the_generator_of_rfc_6979() -> None:
    """Appendix A.2.5, P-256 with SHA-256, messages "sample" and "test": k is the first block."""
    key = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
    sample = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"
    test = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    first = "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60"
    second = "d16b6ae827f17175e040871a1c7ec3500192c4c92677336ec2537acaee0008e0"
    for digest, k in ((sample, first), (test, second)):
        assert first_block(bytes.fromhex(key + digest)).hex() == k


def test_the_same_sources_give_the_same_stream_and_it_never_repeats() -> None:
    one, other = generator(), generator()
    drawn = [one(32) for _ in range(200)]
    assert drawn == [other(32) for _ in range(200)]
    assert len(set(drawn)) == 200
    assert one.sources == ("operating system", "HSM")


@pytest.mark.control("GEN-13")
def test_a_constant_operating_system_still_gives_another_stream() -> None:
    assert generator(b"\x03" * 32)(64) != generator(b"\x04" * 32)(64)


@pytest.mark.control("GEN-13")
@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"operating system": OS},
        {"operating system": OS, "HSM": OS},
        {"operating system": OS, "HSM": b"short"},
        {"HSM": b"", "dice": b""},
    ],
)
def test_fewer_than_two_sources_are_refused(sources: dict[str, bytes]) -> None:
    with pytest.raises(Refused) as caught:
        Generator(sources)
    assert caught.value.identifier == "GEN-13"
    assert OS.hex() not in str(caught.value)


@given(st.binary(min_size=16, max_size=40), st.binary(min_size=16, max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_source_can_stand_for_another(one: bytes, other: bytes) -> None:
    if one != other:
        assert mix({"a": one, "b": other}) != mix({"a": other, "b": one})
        assert mix({"a": one, "b": other}) != mix({"a": one, "b": other, "c": b"x" * 16})


@pytest.mark.control("GEN-02")
def test_a_stuck_generator_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    random = generator()
    monkeypatch.setattr(randomness.hmac, "digest", lambda *_: b"\x07" * 32)
    with pytest.raises(Refused) as caught:
        random(64)
    assert caught.value.identifier == "GEN-02"
    assert "07" * 8 not in str(caught.value)


def test_odd_lengths() -> None:
    assert [len(generator()(n)) for n in (0, 1, 2, 31, 33, 100)] == [0, 1, 2, 31, 33, 100]


def test_the_word_list_is_the_published_one() -> None:
    words = passphrase.words()
    assert len(words) == len(set(words)) == 7776
    assert all(word.replace("-", "").isalpha() and word.islower() for word in words)


def test_offered_words_are_even_and_come_from_the_generator() -> None:
    random = Generator({"operating system": OS, "HSM": os.urandom(32)})
    counts = Counter(word for _ in range(4000) for word in passphrase.offer(random))
    assert len(counts) > 7000
    assert max(counts.values()) < 20
    assert passphrase.offer(generator()) == passphrase.offer(generator()) != passphrase.offer(generator(b"\x09" * 32))


def test_offered_words_throw_away_what_is_beyond_the_list() -> None:
    taken = iter([0xFFFF, 62208, 0, 1, 2, 3, 4, 62207])
    assert passphrase.offer(lambda n: next(taken).to_bytes(n, "big")) == (*passphrase.words()[:5], passphrase.words()[-1])
