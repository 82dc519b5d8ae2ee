"""Addresses: BIP-173 and BIP-350 vectors, one spelling each, refusal of scripts that are not understood."""

from __future__ import annotations

from typing import Any

import pytest
from bip_utils import Base58Encoder, SegwitBech32Encoder
from bitcoin_case import vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from transfer.bitcoin import base58, bech32, curve
from transfer.bitcoin.address import PREFIXES, address_of, script_of, segwit_program, witness_script
from transfer.bitcoin.wire import hash160, hash256

CASES = vectors("bip173_350")
STRINGS = [case for case in CASES if case["kind"] in ("bech32", "bech32m")]
ADDRESSES = [case for case in CASES if case["kind"] == "segwit_address"]
NETWORKS = {"bc": "main", "tb": "test"}


def text(case: dict[str, Any]) -> str:
    return bytes.fromhex(case["bytes_hex"]).decode("latin-1")


@pytest.mark.parametrize("case", STRINGS, ids=lambda case: f"{case['spec']}-{case['string'][:20]!r}")
def test_published_strings(case: dict[str, Any]) -> None:
    if not case["valid"]:
        try:
            assert bech32.decode(text(case))[2] != case["kind"]
        except Malformed:
            return
    else:
        prefix, values, variant = bech32.decode(text(case))
        assert variant == case["kind"]
        assert bech32.encode(prefix, values, variant) == text(case).lower()


@pytest.mark.parametrize("case", ADDRESSES, ids=lambda case: f"{case['spec']}-{case['string'][:30]!r}")
def test_published_addresses(case: dict[str, Any]) -> None:
    prefix = text(case).lower().partition("1")[0]
    if not case["valid"] or not case.get("valid_under_bip350", True):
        for known in ("bc", "tb"):
            with pytest.raises(Malformed):
                segwit_program(text(case), known)
        return
    version, program = segwit_program(text(case), prefix)
    assert witness_script(version, program).hex() == case["script_pubkey"]
    assert version == case["witness_version"]
    _is_understood_or_refused(text(case), bytes.fromhex(case["script_pubkey"]), NETWORKS[prefix])


def _is_understood_or_refused(address: str, script: bytes, network: Any) -> None:
    kinds = {(0, 20), (0, 32), (1, 32)}
    if (script[0] - 0x50 if script[0] else 0, len(script) - 2) in kinds:
        assert script_of(address.lower(), network) == script
        assert address_of(script, network) == address.lower()
    else:
        with pytest.raises(Refused, match=r"^TXN-03 "):
            script_of(address.lower(), network)


@given(st.sampled_from(["main", "test", "regtest"]), st.binary(min_size=32, max_size=32))
@settings(max_examples=60, deadline=None)
def test_same_addresses_as_another_library(network: Any, seed: bytes) -> None:
    known = PREFIXES[network]
    for version, program in ((0, seed[:20]), (0, seed)):
        script = witness_script(version, program)
        assert address_of(script, network) == SegwitBech32Encoder.Encode(known.bech32, version, program)
        assert script_of(address_of(script, network), network) == script
    to_key, to_script = b"\x76\xa9\x14" + seed[:20] + b"\x88\xac", b"\xa9\x14" + seed[:20] + b"\x87"
    assert address_of(to_key, network) == Base58Encoder.CheckEncode(bytes([known.p2pkh]) + seed[:20])
    assert address_of(to_script, network) == Base58Encoder.CheckEncode(bytes([known.p2sh]) + seed[:20])
    for script in (to_key, to_script):
        assert script_of(address_of(script, network), network) == script


@given(st.binary(min_size=20, max_size=20), st.data())
@settings(max_examples=150, deadline=None)
def test_one_wrong_character_is_noticed(program: bytes, data: st.DataObject) -> None:
    for script in (witness_script(0, program), b"\x76\xa9\x14" + program + b"\x88\xac"):
        address = address_of(script, "main")
        place = data.draw(st.integers(0, len(address) - 1))
        other = data.draw(st.sampled_from([c for c in "qpzry9x8gf2tvdw0s3jn54khce6mua7l123456789ABC!" if c != address[place]]))
        with pytest.raises(Malformed):
            script_of(address[:place] + other + address[place + 1 :], "main")


@given(st.text(max_size=100))
@settings(max_examples=200, deadline=None)
def test_any_text_is_malformed(words: str) -> None:
    with pytest.raises((Malformed, Refused)):
        script_of(words, "main")


def test_upper_case_and_other_networks_are_refused() -> None:
    address = address_of(witness_script(0, bytes(20)), "main")
    with pytest.raises(Malformed, match="usual spelling"):
        script_of(address.upper(), "main")
    for network in ("test", "regtest"):
        with pytest.raises(Malformed):
            script_of(address, network)
    with pytest.raises(Malformed, match="not an address of this network"):
        script_of(base58.encode(b"\x00" + bytes(20)), "test")


@pytest.mark.control("TXN-03")
@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"\x6a\x04data",
        b"\x51",
        b"\x00\x15" + bytes(21),
        b"\x52\x20" + bytes(32),
        b"\x51\x20" + bytes(31) + b"\x05",
        b"\x21" + b"\x02" * 33 + b"\xac",
        b"\x76\xa9\x14" + bytes(20) + b"\x88\xad",
        b"\xa9\x14" + bytes(20) + b"\x88",
        b"\x51\x02\x4e\x73",
    ],
)
def test_a_script_that_is_not_understood_is_refused(script: bytes) -> None:
    with pytest.raises(Refused) as error:
        address_of(script, "main")
    assert error.value.identifier == "TXN-03"


def test_a_taproot_key_off_the_curve_is_told_as_such() -> None:
    with pytest.raises(Refused, match="not on the curve"):
        address_of(b"\x51\x20" + bytes(31) + b"\x05", "main")
    assert curve.is_on_curve(1)
    assert not curve.is_on_curve(curve.P)


@given(st.binary(min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_base58_comes_back(payload: bytes) -> None:
    assert base58.decode(base58.encode(payload)) == payload


@pytest.mark.parametrize("words", ["", "1", "3QJmnh", "0OIl", "é"])
def test_base58_is_strict(words: str) -> None:
    with pytest.raises(Malformed):
        base58.decode(words)


def test_lengths_are_limited_before_any_work() -> None:
    with pytest.raises(Malformed, match="at most 120"):
        base58.decode("5" * 121)
    with pytest.raises(Malformed, match="at most 90"):
        bech32.decode("bc1" + "q" * 88)
    for payload in (b"\x00" + bytes(19), b"\x00" + bytes(21), b"\x05" + bytes(21)):
        with pytest.raises(Malformed, match="not an address of this network"):
            script_of(base58.encode(payload), "main")


def test_hashes() -> None:
    assert hash160(b"").hex() == "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb"
    assert hash256(b"").hex() == "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"
