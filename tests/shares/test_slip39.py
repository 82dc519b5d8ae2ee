"""SLIP-39 alone: the 45 published vectors, the mnemonics that a wallet takes, and the digest that a forger can grind out.

What every scheme holds to is in test_schemes.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import shamir_mnemonic
from shamir_mnemonic import Share, cipher, shamir

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from shares import commitment
from shares.plan import Plan, Terms, indices
from shares.schemes import slip39
from shares.schemes.slip39 import Slip39, mnemonic, secret_of
from tests.shares.splitting import SECRET, lagrange, members_of, refused, stream

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "slip39.json").read_text())["cases"]
SET = "c0ffee" + "00" * 7

each_vector = pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["description"].split(".")[0])


# The published vectors


@pytest.mark.control("GEN-06")
@each_vector
def test_every_vector_behaves_as_published(case: Mapping[str, Any]) -> None:
    """15 decode, 30 are refused, by a message that says nothing of a mnemonic."""
    if case["valid"]:
        assert secret_of(case["mnemonics"], case["passphrase"].encode()).hex() == case["master_secret"]
    else:
        with pytest.raises(Malformed) as error:
            secret_of(case["mnemonics"], b"TREZOR")
        assert not any(word in str(error.value) for words in case["mnemonics"] for word in words.split() if len(word) > 5)
        assert error.value.__context__ is None


def test_there_are_45_vectors() -> None:
    assert [case["valid"] for case in VECTORS].count(True) == 15
    assert len(VECTORS) == 45


@pytest.mark.control("GEN-06")
@each_vector
def test_what_combines_here_combines_every_vector(case: Mapping[str, Any]) -> None:
    """Member shares to group shares to the encrypted secret, by the function that a ceremony combines with: the shares of each
    good vector give its secret; those whose digest does not fit are refused."""
    if case["valid"]:
        assert by_hand(case["mnemonics"], case["passphrase"].encode()).hex() == case["master_secret"]
    elif "invalid digest" in case["description"]:
        refused("REC-02", lambda: by_hand(case["mnemonics"], b"TREZOR"))


def by_hand(mnemonics: list[str], passphrase: bytes) -> bytes:
    shares = [Share.from_mnemonic(words) for words in mnemonics]
    first, groups = shares[0], {}
    for share in shares:
        groups.setdefault(share.group_index + 1, {})[share.index + 1] = share.value
    whole = alone_or_combined({x: alone_or_combined(members) for x, members in groups.items()})
    return cipher.decrypt(whole, passphrase, first.iteration_exponent, first.identifier, first.extendable)


def alone_or_combined(shares: dict[int, bytes]) -> bytes:
    """Published vectors have thresholds of 1 as well: such a share is the value itself. A plan never has them (GEN-05)."""
    return slip39._combined("shares", shares) if len(shares) > 1 else next(iter(shares.values()))


# The mnemonics of a split


def test_every_share_with_its_header_is_a_standard_mnemonic(plan: Plan) -> None:
    """33 words: groups are sites, members are custodians, both counted from 0; extendable; the identifier is the set's."""
    split = Slip39().split(SECRET, plan, stream(b"words"))
    for position, value in split.custodian_shares.items():
        words = mnemonic(plan, SET, position, value)
        assert len(words.split()) == 33
        site, member = indices(position)
        assert Share.from_mnemonic(words) == Share(int("c0ff", 16) >> 1, True, 1, site - 1, 3, 4, member - 1, 2, value)
    prefixes = {mnemonic(plan, SET, p, value).split()[0] for p, value in split.custodian_shares.items()}
    assert len(prefixes) == 1  # so that the cards of one set begin alike


def test_the_mnemonics_of_any_quorum_give_the_secret_under_any_identifier(plan: Plan) -> None:
    """The extendable flag: the identifier salts nothing."""
    split = Slip39().split(SECRET, plan, stream(b"quorum"))
    for identifier in (SET, "00" * 10, "ff" * 10):
        for quorum in list(plan.quorums())[::17]:
            assert secret_of([mnemonic(plan, identifier, p, split.custodian_shares[p]) for p in quorum]) == SECRET


def test_the_passphrase_is_empty(plan: Plan) -> None:
    split = Slip39().split(SECRET, plan, stream(b"passphrase"))
    words = [mnemonic(plan, SET, p, split.custodian_shares[p]) for p in ("A1", "A2", "B1", "B2", "C1", "C2")]
    assert secret_of(words, b"") == SECRET
    assert secret_of(words, b"TREZOR") != SECRET  # without a word: why it is always empty


def test_what_is_shared_is_the_secret_encrypted(plan: Plan) -> None:
    """SLIP-39's Feistel network by the standard library: four rounds of PBKDF2, 5,000 iterations each, no salt but the half."""
    split = Slip39().split(SECRET, plan, stream(b"cipher"))
    left, right = SECRET[:16], SECRET[16:]
    for number in range(4):
        key = hashlib.pbkdf2_hmac("sha256", bytes([number]), right, 5_000, 16)
        left, right = right, bytes(a ^ b for a, b in zip(left, key, strict=True))
    points = {"ABCD".index(letter): split.site_shares[letter] for letter in "ACD"}
    assert lagrange(points, 255) == right + left
    assert {lagrange({m - 1: s for m, s in members_of(split, ("B1", "B3")).items()}, 255)} == {split.site_shares["B"]}


def test_the_shares_are_the_bytes_that_were_drawn(plan: Plan) -> None:
    """All but two of the threshold, in order; then the key of the digest: the digest itself is computed."""
    split, source = Slip39().split(SECRET, plan, stream(b"drawn")), stream(b"drawn")
    assert split.site_shares["A"] == source(32)  # three of four: one share is drawn
    points = {"ABCD".index(letter): share for letter, share in split.site_shares.items()}
    assert lagrange(points, 254)[4:] == source(28)
    for letter in plan.letters:  # two of three: none
        members = {m - 1: s for m, s in members_of(split, plan.site(letter).positions).items()}
        assert lagrange(members, 254)[4:] == source(28)


@pytest.mark.control("GEN-06")
@pytest.mark.parametrize("broken", ["another list of words", "another cipher", "another index", "no mnemonic"])
def test_a_split_that_no_wallet_would_read_is_refused(plan: Plan, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason: before a share is locked, each split's own mnemonics are read back as a wallet reads them."""
    real = Share.mnemonic
    if broken == "another cipher":
        monkeypatch.setattr(cipher, "encrypt", lambda secret, *_: secret[::-1])
    elif broken == "another index":
        monkeypatch.setattr(slip39, "indices", lambda position: (indices(position)[0], indices(position)[1] % 3 + 1))
    elif broken == "another list of words":
        monkeypatch.setattr(Share, "mnemonic", lambda share: real(share).replace("academic", "acid"))
    else:
        monkeypatch.setattr(Share, "mnemonic", lambda share: "word " + real(share))
    refused("GEN-06", lambda: Slip39().split(SECRET, plan, stream(b"broken")))


def test_no_library_no_words(plan: Plan) -> None:
    """What is refused keeps its words to itself: neither message nor cause quotes one."""
    words = "academic " * 32 + "acid"
    with pytest.raises(Malformed) as error:
        secret_of([words])
    assert "acid" not in str(error.value)
    assert "academic" not in str(error.value)


# The digest is no signature


@pytest.mark.control("REC-05")
def test_a_share_forged_to_pass_the_digest_is_refused_by_its_commitment(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A1 has seen the share of A2. With a digest of 8 bits instead of 32 another share for A1 is found in a few hundred tries: SLIP-39
    takes it without a word, and gives what A1 likes. The commitments do not take it, nor the site's share that comes of it."""
    monkeypatch.setattr(shamir, "DIGEST_LENGTH_BYTES", 1)
    monkeypatch.setattr(slip39, "DIGEST", 1)
    scheme = Slip39()
    terms = Terms(mark="practice", scheme="slip39", plan=plan)
    split = scheme.split(SECRET, plan, stream(b"honest"))
    good = split.custodian_shares
    forged = ground(scheme, plan, good["A2"], good["A1"])

    other = scheme.combine_site(plan, "A", {1: forged, 2: good["A2"]})  # no word of warning
    assert other != split.site_shares["A"]
    words = [mnemonic(plan, SET, p, {**good, "A1": forged}[p]) for p in ("A1", "A2")]
    assert all(shamir_mnemonic.Share.from_mnemonic(each) for each in words)  # and every checksum is in order

    for position, share in {**good, "A1": forged}.items():
        recorded = commitment.custodian(terms, position, good[position])
        if position != "A1":
            commitment.check_custodian(terms, position, share, recorded)
        else:
            with pytest.raises(Refused, match="custodian share A1, position 1 of site A") as error:
                commitment.check_custodian(terms, position, share, recorded)
            assert error.value.identifier == "REC-05"
    refused("REC-05", lambda: commitment.check_site(terms, "A", other, commitment.site(terms, "A", split.site_shares["A"])))


def ground(scheme: Slip39, plan: Plan, seen: bytes, own: bytes) -> bytes:
    """A share for A1, not its own, that fits the digest together with the one that was seen at A2."""
    for number in count():
        forged = hashlib.sha256(number.to_bytes(4, "big")).digest()
        try:
            scheme.combine_site(plan, "A", {1: forged, 2: seen})
        except Refused as error:
            assert error.identifier == "REC-02"  # noqa: PT017 - most tries
        else:
            assert 8 < number < 4_000
            assert forged != own
            return forged
    raise AssertionError


@pytest.mark.control("REC-02")
def test_shares_whose_digest_does_not_fit_are_refused(plan: Plan) -> None:
    """Of two splits of the same secret, at both levels; nothing is released, and nothing of a share is said."""
    scheme = Slip39()
    one, two = (scheme.split(SECRET, plan, stream(seed)) for seed in (b"one", b"two"))
    mixed = {1: one.custodian_shares["A1"], 2: two.custodian_shares["A2"]}
    with pytest.raises(Refused, match="custodian shares of site A") as error:
        scheme.combine_site(plan, "A", mixed)
    assert error.value.identifier == "REC-02"
    assert not any(share.hex() in str(error.value) for share in mixed.values())
    of_sites = {"A": one.site_shares["A"], "B": one.site_shares["B"], "C": two.site_shares["C"]}
    refused("REC-02", lambda: scheme.combine_sites(plan, of_sites))
