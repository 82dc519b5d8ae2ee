"""The sealed share: what opens it, and everything that must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from Crypto.Cipher import ChaCha20_Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from shares import envelope
from shares.envelope import HEADER, PROFILES, SEALED, Expected, Header, Profile, WrongPassphrase, check_header, seal, unseal
from shares.plan import MOST, Plan, SitePlan, Terms, position_of

IDENTIFIER = "00112233445566778899"
SHARE = bytes(range(200, 232))
SALT = bytes(range(16))
PASSPHRASE = b"abacus bobbin cactus dollop embark fossil"
TINY = Profile(3, 8, 1, 1)
"""Argon2id's least, so that a test can try every byte."""
OUT_OF_RANGE = {
    0: (0, 2),
    1: (0, 0x70),
    2: (0, 3),
    3: (0, 4, 255),
    14: (1, 5),
    15: (2, 10),
    16: (1, 4),
    17: (1, 10),
    18: (5, 255),
    19: (4, 10),
    21: (0,),
}
"""Place of a header byte -> values that it cannot have in the sealed share of the tests (B3, 3 of 4 sites, 2 of 3 custodians)."""
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=60).map(lambda text: text.encode())


@pytest.fixture(scope="module")
def header(terms: Terms) -> Header:
    return Header.of(terms, IDENTIFIER, "B3", "light", 7)


@pytest.fixture(scope="module")
def sealed(header: Header) -> bytes:
    return seal(header, SHARE, PASSPHRASE, SALT)


@pytest.fixture
def expected(terms: Terms) -> Expected:
    return Expected(terms=terms, set_identifier=IDENTIFIER, position="B3", sealings=(1, 4, 7))


@st.composite
def headers(draw: st.DrawFn) -> Header:
    sites, members = draw(st.integers(2, MOST)), draw(st.integers(2, MOST))
    mark = draw(st.sampled_from(["practice", "production"]))
    return Header(
        mark=mark,
        scheme="gf256",
        profile=draw(st.sampled_from(["standard", "strong"] if mark == "production" else list(PROFILES))),
        set_identifier=draw(st.binary(min_size=10, max_size=10)).hex(),
        site_threshold=draw(st.integers(2, sites)),
        sites=sites,
        member_threshold=draw(st.integers(2, members)),
        members=members,
        position=position_of(draw(st.integers(1, sites)), draw(st.integers(1, members))),
        sealing=draw(st.integers(1, 0xFFFF)),
    )


def refused(identifier: str, header: Header, expected: Expected) -> Refused:
    with pytest.raises(Refused) as error:
        check_header(header, expected)
    assert error.value.identifier == identifier
    assert header.position in error.value.what
    return error.value


# Bytes


def test_the_layout_is_as_described(header: Header, sealed: bytes) -> None:
    head = bytes([1, 0x50, 1, 3]) + bytes.fromhex(IDENTIFIER) + bytes([3, 4, 2, 3, 2, 3]) + (7).to_bytes(2, "big")
    assert header.pack() == head == sealed[:22]
    assert sealed[22:38] == SALT
    assert len(sealed) == SEALED == 86


def test_another_library_opens_it(sealed: bytes) -> None:
    derived = Argon2id(salt=SALT, length=44, iterations=1, lanes=1, memory_cost=8192).derive(PASSPHRASE)
    cipher = ChaCha20_Poly1305.new(key=derived[:32], nonce=derived[32:])
    cipher.update(sealed[:38])
    assert cipher.decrypt_and_verify(sealed[38:70], sealed[70:]) == SHARE == unseal(sealed, PASSPHRASE)


def test_argon2id_of_rfc_9106() -> None:
    """RFC 9106, section 5.3."""
    kdf = Argon2id(salt=b"\x02" * 16, length=32, iterations=3, lanes=4, memory_cost=32, secret=b"\x03" * 8, ad=b"\x04" * 12)
    assert kdf.derive(b"\x01" * 32).hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"


def test_the_profiles_are_these() -> None:
    assert PROFILES["standard"] == Profile(1, 262_144, 3, 4)
    assert PROFILES["strong"] == Profile(2, 1_048_576, 4, 4)
    assert PROFILES["light"] == Profile(3, 8_192, 1, 1)
    assert len(PROFILES) == 3


def test_the_standard_profile_seals_production(terms: Terms) -> None:
    header = Header.of(replace(terms, mark="production"), IDENTIFIER, "A1", "standard", 1)
    assert unseal(seal(header, SHARE, bytearray(PASSPHRASE), SALT), bytearray(PASSPHRASE)) == SHARE


@settings(max_examples=200, deadline=None)
@given(headers())
def test_a_header_survives_its_bytes(header: Header) -> None:
    packed = header.pack()
    assert len(packed) == HEADER
    assert Header.unpack(packed + bytes(SEALED - HEADER)) == header


@settings(max_examples=25, deadline=None)
@given(headers(), st.binary(min_size=32, max_size=32), PRINTABLE, st.binary(min_size=16, max_size=16))
def test_what_is_sealed_opens(header: Header, share: bytes, passphrase: bytes, salt: bytes) -> None:
    header = replace(header, mark="practice", profile="light")
    sealed = seal(header, share, passphrase, salt)
    assert unseal(sealed, passphrase) == share
    assert share not in sealed
    with pytest.raises(WrongPassphrase):
        unseal(sealed, passphrase + b" ")


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120) | st.binary(min_size=SEALED, max_size=SEALED).map(lambda raw: b"\x01P\x01\x03" + raw[4:]))
@example(b"")
@example(bytes(SEALED))
def test_arbitrary_bytes_are_a_header_or_refused(raw: bytes) -> None:
    try:
        header = Header.unpack(raw)
    except (Malformed, Refused):
        return
    assert header.pack() == raw[:HEADER]


# What must not open


def test_every_change_of_every_byte_is_refused(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 86 x 255, under the least KDF. The profiles are made equal, so it is the seal that notices another profile."""
    for name, profile in PROFILES.items():
        monkeypatch.setitem(PROFILES, name, replace(TINY, code=profile.code))
    sealed = seal(header, SHARE, PASSPHRASE, SALT)
    assert unseal(sealed, PASSPHRASE) == SHARE
    outcomes = set()
    for at in range(SEALED):
        for change in range(1, 256):
            changed = bytearray(sealed)
            changed[at] ^= change
            with pytest.raises((WrongPassphrase, Malformed, Refused)) as error:
                unseal(bytes(changed), PASSPHRASE)
            outcomes.add(error.type)
    assert outcomes == {WrongPassphrase, Malformed, Refused}


@pytest.mark.parametrize("at", [at for at in range(SEALED) if at != 3])
def test_a_changed_byte_is_refused_under_the_real_kdf(sealed: bytes, at: int) -> None:
    """Byte 3 is the profile: another one would take its real memory, so only the test above changes it."""
    for change in (0x01, 0x80):
        changed = bytearray(sealed)
        changed[at] ^= change
        with pytest.raises((WrongPassphrase, Malformed, Refused)):
            unseal(bytes(changed), PASSPHRASE)


@settings(max_examples=40, deadline=None)
@given(st.integers(HEADER, SEALED - 1), st.integers(1, 255), st.integers(HEADER, SEALED - 1), st.integers(0, 255))
def test_two_changes_are_refused(sealed: bytes, first: int, one: int, second: int, two: int) -> None:
    changed = bytearray(sealed)
    changed[first] ^= one
    changed[second] ^= two if second != first else 0
    with pytest.raises(WrongPassphrase):
        unseal(bytes(changed), PASSPHRASE)


@pytest.mark.parametrize("raw", [b"", b"\x01", bytes(85), bytes(87), bytes(172)], ids=len)
def test_another_length_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed, match="expected 86"):
        unseal(raw, PASSPHRASE)


def test_a_truncated_or_extended_one_is_refused(sealed: bytes) -> None:
    for raw in (sealed[:-1], sealed + b"\x00", sealed[1:]):
        with pytest.raises(Malformed):
            unseal(raw, PASSPHRASE)


@pytest.mark.parametrize(
    ("at", "value"),
    [(at, value) for at, values in OUT_OF_RANGE.items() for value in values],
)
def test_a_header_out_of_range_is_refused_before_memory_is_taken(
    sealed: bytes, at: int, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "_derive", lambda *_: pytest.fail("the KDF ran"))
    changed = bytearray(sealed)
    changed[at] = value
    with pytest.raises(Malformed):
        unseal(bytes(changed), PASSPHRASE)


@pytest.mark.control("GEN-04")
@pytest.mark.parametrize("at", [18, 19])
def test_a_zero_in_the_position_is_refused(sealed: bytes, at: int) -> None:
    changed = bytearray(sealed)
    changed[at] = 0
    with pytest.raises(Refused) as error:
        unseal(bytes(changed), PASSPHRASE)
    assert error.value.identifier == "GEN-04"


@pytest.mark.control("STO-05")
def test_production_refuses_the_light_profile(header: Header, sealed: bytes, terms: Terms) -> None:
    with pytest.raises(Refused) as error:
        Header.of(replace(terms, mark="production"), IDENTIFIER, "B3", "light", 7)
    assert error.value.identifier == "STO-05"
    with pytest.raises(Refused) as error:
        unseal(sealed[:1] + b"\x4d" + sealed[2:], PASSPHRASE)
    assert error.value.identifier == "STO-05"


def test_a_wrong_passphrase_says_both_causes_and_no_secret(sealed: bytes) -> None:
    for wrong in (b"a", PASSPHRASE[:-1], PASSPHRASE.upper(), b" " + PASSPHRASE):
        with pytest.raises(WrongPassphrase) as error:
            unseal(sealed, wrong)
        assert error.value.position == "B3"
        assert str(error.value) == "the sealed share B3 did not open: the passphrase is wrong, or the sealed share is damaged"
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__


@pytest.mark.parametrize("passphrase", [b"", b"with\ttab", b"newline\n", "Gr\u00fc\u00dfe".encode(), b"\x00" * 20, b"del\x7f"])
def test_only_printable_ascii_is_a_passphrase(header: Header, sealed: bytes, passphrase: bytes) -> None:
    for ask in (lambda: seal(header, SHARE, passphrase, SALT), lambda: unseal(sealed, passphrase)):
        with pytest.raises(Malformed) as error:
            ask()
        assert str(error.value) == "the passphrase is empty or not printable ASCII"


def test_fresh_salt_and_number_make_another_sealed_share(header: Header, sealed: bytes) -> None:
    again = seal(replace(header, sealing=8), SHARE, PASSPHRASE, SALT[::-1])
    assert again[38:] != sealed[38:]
    assert unseal(again, PASSPHRASE) == unseal(sealed, PASSPHRASE)
    for share, salt in ((SHARE[:-1], SALT), (SHARE, SALT[:-1]), (SHARE + b"\x01", SALT), (SHARE, b"")):
        with pytest.raises(ValueError, match="needed"):
            seal(header, share, PASSPHRASE, salt)


@pytest.mark.parametrize("sealing", [0, -1, 0x10000])
def test_a_sealing_number_out_of_range_cannot_be(header: Header, sealing: int) -> None:
    with pytest.raises(Malformed):
        replace(header, sealing=sealing)


# The header against what is due


def test_the_share_that_is_due_is_taken(header: Header, expected: Expected) -> None:
    check_header(header, expected)
    check_header(replace(header, profile="standard"), expected)  # the profile may change with a new sealing


@pytest.mark.control("REC-13")
def test_the_other_kind_and_foreign_sets_are_refused(header: Header, expected: Expected) -> None:
    real = replace(header, mark="production", profile="standard")
    assert "a production share" in refused("REC-13", real, expected).found
    due = replace(expected, terms=replace(expected.terms, mark="production"))
    assert "a practice share" in refused("REC-13", header, due).found
    foreign = "00112233445566778898"
    assert foreign in refused("REC-13", replace(header, set_identifier=foreign), expected).found


@pytest.mark.control("REC-02")
@pytest.mark.parametrize(
    "change",
    [
        {"position": "B2"},
        {"position": "C3"},
        {"site_threshold": 2},
        {"site_threshold": 4},
        {"sites": 5},
        {"member_threshold": 3},
        {"members": 4},
        {"scheme": "slip39"},
    ],
    ids=str,
)
def test_a_header_that_disagrees_with_the_key_record_is_refused(header: Header, expected: Expected, change: dict) -> None:
    error = refused("REC-02", replace(header, **change), expected)
    assert error.found != error.expected


@pytest.mark.control("REC-02")
def test_the_thresholds_of_its_own_site_count(terms: Terms, expected: Expected) -> None:
    plan = Plan(site_threshold=3, sites=(*terms.plan.sites[:3], SitePlan(letter="D", threshold=3, members=5)))
    uneven = replace(expected, terms=replace(terms, plan=plan), position="D3")
    check_header(Header.of(uneven.terms, IDENTIFIER, "D3", "light", 7), uneven)
    refused("REC-02", Header.of(terms, IDENTIFIER, "D3", "light", 7), uneven)


@pytest.mark.control("REC-02")
def test_a_position_counts_once(header: Header, expected: Expected) -> None:
    assert "a second time" in refused("REC-02", header, replace(expected, opened={"A1", "B3"})).what
    assert "a second time" in refused("REC-02", header, replace(expected, position="B2", opened={"B3"})).what


@pytest.mark.control("REC-12")
@pytest.mark.parametrize(
    ("sealing", "words"),
    [(4, "an old card"), (1, "an old card"), (5, "the register does not know")],
)
def test_an_old_card_is_refused(header: Header, expected: Expected, sealing: int, words: str) -> None:
    assert words in refused("REC-12", replace(header, sealing=sealing), expected).found


@pytest.mark.control("AUD-10")
def test_a_register_older_than_the_card_was_rolled_back(header: Header, expected: Expected) -> None:
    for sealing in (8, 0xFFFF):
        assert "newer than the register" in refused("AUD-10", replace(header, sealing=sealing), expected).found
    assert "rolled back" in refused("AUD-10", header, replace(expected, sealings=())).what


def test_the_set_is_looked_at_before_the_place_and_the_number(header: Header, expected: Expected) -> None:
    """A card of another key has other numbers too; what a person must hear first is that it is of another key."""
    refused("REC-13", replace(header, set_identifier="f" * 20, position="A1", sealing=9), expected)
    refused("REC-02", replace(header, position="A1", sealing=9), expected)
