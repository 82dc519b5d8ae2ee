"""Commitments to shares."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from shares import commitment
from shares.plan import Plan, SitePlan, Terms

SHARE = bytes(range(32))


def by_hand(tag: str, header: list[int], share: bytes) -> str:
    """BIP-340's tagged hash, written out."""
    inner = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(inner + inner + bytes(header) + share).hexdigest()


def test_the_hash_is_as_described(terms: Terms) -> None:
    assert commitment.custodian(terms, "B3", SHARE) == by_hand("cold-ceremony/custodian-share", [0x50, 1, 3, 4, 2, 3, 2, 3], SHARE)
    assert commitment.site(terms, "D", SHARE) == by_hand("cold-ceremony/site-share", [0x50, 1, 3, 4, 2, 3, 4, 0], SHARE)
    production = replace(terms, mark="production")
    assert commitment.custodian(production, "A1", SHARE) == by_hand("cold-ceremony/custodian-share", [0x4D, 1, 3, 4, 2, 3, 1, 1], SHARE)


def test_the_same_bytes_elsewhere_have_another_commitment(terms: Terms) -> None:
    """Another kind, scheme, plan, site, custodian or level: all differ."""
    wider = Plan(site_threshold=3, sites=(*terms.plan.sites[:3], SitePlan(letter="D", threshold=2, members=4)))
    fewer = Plan(site_threshold=2, sites=terms.plan.sites)
    every = [terms, replace(terms, mark="production"), replace(terms, scheme="slip39"), replace(terms, plan=fewer)]
    found = [commitment.custodian(its, position, SHARE) for its in every for position in its.plan.positions]
    found += [commitment.site(its, letter, SHARE) for its in every for letter in its.plan.letters]
    found += [commitment.site(replace(terms, plan=wider), "D", SHARE)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("unsealed", "identifier"),
    [
        pytest.param(False, "REC-04", marks=pytest.mark.control("REC-04"), id="as it was entered"),
        pytest.param(True, "REC-05", marks=pytest.mark.control("REC-05"), id="forged"),
    ],
)
@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 31), change=st.integers(1, 255))
def test_a_changed_share_is_refused_and_named(terms: Terms, unsealed: bool, identifier: str, at: int, change: int) -> None:
    recorded = commitment.custodian(terms, "C2", SHARE)
    commitment.check_custodian(terms, "C2", SHARE, recorded, unsealed=unsealed)
    changed = bytearray(SHARE)
    changed[at] ^= change
    with pytest.raises(Refused) as error:
        commitment.check_custodian(terms, "C2", bytes(changed), recorded, unsealed=unsealed)
    assert error.value.identifier == identifier
    assert "C2" in error.value.what
    assert "site C" in error.value.what
    assert changed.hex() not in str(error.value)


@pytest.mark.control("REC-05")
def test_a_forged_site_share_is_refused(terms: Terms) -> None:
    recorded = commitment.site(terms, "A", SHARE)
    commitment.check_site(terms, "A", SHARE, recorded)
    for letter, share in (("A", bytes(32)), ("B", SHARE)):
        with pytest.raises(Refused) as error:
            commitment.check_site(terms, letter, share, recorded)
        assert error.value.identifier == "REC-05"
        assert f"site {letter}" in error.value.what


@pytest.mark.control("REC-05")
def test_a_share_in_the_wrong_place_is_refused(terms: Terms) -> None:
    with pytest.raises(Refused) as error:
        commitment.check_custodian(terms, "A2", SHARE, commitment.custodian(terms, "A1", SHARE))
    assert error.value.identifier == "REC-05"


def test_commitments_are_compared_in_constant_time(terms: Terms, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    commitment.check_custodian(terms, "A1", SHARE, commitment.custodian(terms, "A1", SHARE))
    commitment.check_site(terms, "A", SHARE, commitment.site(terms, "A", SHARE))
    assert len(compared) == 2
