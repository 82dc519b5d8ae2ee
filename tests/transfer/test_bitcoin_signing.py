"""Sighashes, signatures and the signed transaction: BIP-143, strict DER with low S, and the check before anything leaves."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from functools import cache
from typing import Any

import pytest
from bitcoin_case import ACCOUNT, coin, coins, order, request, sign, snapshot, vectors
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from transfer.bitcoin import der, independent, rules, second, tx
from transfer.bitcoin.assemble import assemble, verified
from transfer.bitcoin.build import build
from transfer.bitcoin.check import Checked, check
from transfer.bitcoin.curve import N
from transfer.bitcoin.reading import review
from transfer.bitcoin.sighash import Sighash, midstate, p2wpkh_code, preimage, sighashes
from transfer.bitcoin.snapshot import checked
from transfer.bitcoin.wire import Cursor, hash256, sized
from transfer.review import Decoded

BIP143 = vectors("bip143")
SIGNED_AND_SPENT = [case for case in BIP143 if case["signed_tx"] and all(each["script_pubkey"] for each in case["spent"])]
WYCHEPROOF = vectors("wycheproof_ecdsa_secp256k1_sha256_bitcoin")


@pytest.mark.parametrize("case", BIP143, ids=lambda case: f"{case['name']}-{case['public_key'][:8]}")
def test_published_sighashes(case: dict[str, Any]) -> None:
    transaction = tx.parse(bytes.fromhex(case["unsigned_tx"] or case["signed_tx"]))
    code = Cursor(bytes.fromhex(case["script_code"]), "script code").sized(10_000)
    found = preimage(transaction, midstate(transaction), int(case["index"]), code, int(case["value_sat"]))
    assert found.hex() == case["preimage"]
    assert hash256(found).hex() == case["sighash"]
    if "p2wpkh" in case["type"]:
        assert sized(p2wpkh_code(bytes.fromhex(case["public_key"]))).hex() == case["script_code"]


@pytest.mark.parametrize("case", SIGNED_AND_SPENT, ids=lambda case: case["name"])
def test_the_kernel_verifies_published_transactions(case: dict[str, Any]) -> None:
    spent = [(int(each["value_sat"]), bytes.fromhex(each["script_pubkey"])) for each in case["spent"]]
    raw = bytes.fromhex(case["signed_tx"])
    assert independent.verify_inputs(raw, spent) == tx.parse(raw).txid
    with pytest.raises(Malformed, match="does not verify"):
        independent.verify_inputs(raw, [(amount + 1, script) for amount, script in spent])
    with pytest.raises(Malformed, match="inputs, expected"):
        independent.verify_inputs(raw, [*spent, spent[0]])


def is_valid(case: dict[str, Any]) -> bool:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), bytes.fromhex(case["public_key"]))
    digest = hashlib.sha256(bytes.fromhex(case["msg"])).digest()
    try:
        der.strict(bytes.fromhex(case["sig"]))
        key.verify(bytes.fromhex(case["sig"]), digest, ec.ECDSA(Prehashed(SHA256())))
    except (Refused, InvalidSignature):
        return False
    return True


@pytest.mark.control("SIG-04")
def test_published_signatures() -> None:
    wrong = [case["tc_id"] for case in WYCHEPROOF if is_valid(case) != (case["result"] == "valid")]
    assert wrong == []
    assert len(WYCHEPROOF) == 463


@pytest.mark.control("SIG-04")
def test_high_s_and_other_spellings_are_refused() -> None:
    good = der.from_raw((1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
    assert good.hex() == "3006020101020102"
    assert der.strict(good) == (1, 2)
    for wrong in (
        der.encode(1, N - 2),
        der.encode(0, 2),
        der.encode(1, 0),
        der.encode(N, 1),
        b"",
        good + b"\x00",
        bytes.fromhex("300702020001020102"),
        bytes.fromhex("30810602010102" + "0102"),
        bytes.fromhex("3006020181020102"),
    ):
        with pytest.raises(Refused) as error:
            der.strict(wrong)
        assert error.value.identifier == "SIG-04"


@given(st.integers(1, N - 1), st.integers(1, N - 1))
@settings(max_examples=100, deadline=None)
def test_raw_signatures_become_strict(r: int, s: int) -> None:
    encoded = der.from_raw(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert der.strict(encoded) == (r, min(s, N - s))
    assert len(encoded) <= 71


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_as_a_signature(raw: bytes) -> None:
    for each in (raw, b"\x30" + bytes([max(0, len(raw) - 2) & 127]) + raw):
        try:
            r, s = der.strict(each)
        except Refused as error:
            assert error.identifier == "SIG-04"  # noqa: PT017 - most bytes are refused, a few are a signature
        else:
            assert der.encode(r, s) == each


@pytest.mark.parametrize(
    "raw", [b"", b"\x01" * 63, bytes(64), bytes(65), b"\xff" * 64, bytes(32) + b"\x01" * 32, N.to_bytes(32, "big") + b"\x01" * 32]
)
def test_what_is_no_raw_signature(raw: bytes) -> None:
    with pytest.raises(Malformed, match="not a raw signature"):
        der.from_raw(raw)


@cache
def wanted() -> tuple[Sighash, ...]:
    return sighashes(request(), ACCOUNT)


@cache
def signatures() -> tuple[bytes, ...]:
    return tuple(sign(wanted()))


@cache
def signed() -> bytes:
    return assemble(request(), signatures(), ACCOUNT)


def test_sighashes_are_one_per_input() -> None:
    assert [(each.index, each.path) for each in wanted()] == [(n, i.path) for n, i in enumerate(review(request(), ACCOUNT).inputs)]
    assert {len(each.digest) for each in wanted()} == {32}
    assert len({each.digest for each in wanted()}) == len(wanted())


def test_a_signed_transaction_passes_our_codec_and_the_kernel() -> None:
    found = check(signed(), request(), ACCOUNT)
    assert found.raw == signed()
    assert found.txid == found.review.txid == tx.parse(signed()).txid
    assert found.wtxid == tx.parse(signed()).wtxid
    assert found.review.weight - 4 <= found.weight <= found.review.weight
    assert second.verify(signed(), request(), ACCOUNT) == found.review.decoded


def test_every_signature_of_a_software_key_is_taken() -> None:
    """Fresh nonces each time: high and low S, long and short r."""
    keys, sizes = independent._Keys(ACCOUNT), set()
    spent = [(each.amount, keys.script(each.path)) for each in review(request(), ACCOUNT).inputs]
    for _ in range(20):
        raw = assemble(request(), sign(wanted()), ACCOUNT)
        assert independent.verify_inputs(raw, spent) == review(request(), ACCOUNT).txid
        sizes |= {len(each.witness[0]) for each in tx.parse(raw).inputs}
    assert sizes >= {71, 72}
    assert max(sizes) == 72


def test_only_the_check_makes_checked() -> None:
    with pytest.raises(TypeError):
        Checked(signed(), "", "", 0, review(request(), ACCOUNT), token=None)
    with pytest.raises((TypeError, ValueError)):
        replace(check(signed(), request(), ACCOUNT), raw=b"")


@pytest.mark.control("SIG-03")
def test_a_signature_that_does_not_verify_stops_everything() -> None:
    first, other = signatures()
    flipped = bytes([first[0] ^ 1]) + first[1:]
    for wrong in ((other, first), (first, first), (flipped, other)):
        with pytest.raises(Refused) as error:
            assemble(request(), wrong, ACCOUNT)
        assert error.value.identifier == "SIG-03"
    with pytest.raises(Refused) as error:
        verified(der.from_raw(first), replace(wanted()[0], digest=bytes(32)))
    assert error.value.identifier == "SIG-03"
    with pytest.raises(Malformed, match="1 signatures for 2 inputs"):
        assemble(request(), (first,), ACCOUNT)


def with_witness(*items: bytes) -> bytes:
    found = tx.parse(signed())
    return replace(found, inputs=(replace(found.inputs[0], witness=items), *found.inputs[1:])).raw


def refused(identifier: str, raw: bytes) -> None:
    with pytest.raises(Refused) as error:
        check(raw, request(), ACCOUNT)
    assert error.value.identifier == identifier


def test_another_transaction_is_not_this_request_signed() -> None:
    found = tx.parse(signed())
    richer = replace(found, outputs=(replace(found.outputs[0], amount=found.outputs[0].amount + 1), *found.outputs[1:]))
    refused("SIG-06", richer.raw)
    refused("SIG-06", replace(found, locktime=1).raw)
    refused("SIG-06", replace(found, inputs=(replace(found.inputs[0], script_sig=b"\x00"), *found.inputs[1:])).raw)
    other = build(ACCOUNT, coins(100_000, 80_000), order(amount=120_001))
    refused("SIG-06", assemble(other, sign(sighashes(other, ACCOUNT)), ACCOUNT))
    for wrong in (b"", signed() + b"\x00", signed()[:-1]):
        with pytest.raises(Malformed):
            check(wrong, request(), ACCOUNT)


def test_a_transaction_heavier_than_reviewed_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = signed()
    monkeypatch.setattr(rules, "WITNESS_BYTES", 100)
    with pytest.raises(Malformed, match="reviewed as at most"):
        check(raw, request(), ACCOUNT)


def test_another_witness_is_refused() -> None:
    signature, key = tx.parse(signed()).inputs[0].witness
    r, s = der.strict(signature[:-1])
    refused("SIG-06", with_witness())
    refused("SIG-06", with_witness(signature))
    refused("SIG-06", with_witness(signature, key, b""))
    refused("SIG-06", with_witness(signature[:-1] + b"\x81", key))
    refused("SIG-06", with_witness(signature[:-1], key))
    refused("SIG-06", with_witness(b"", key))
    refused("SIG-06", with_witness(*tx.parse(signed()).inputs[1].witness))
    refused("SIG-04", with_witness(der.encode(r, N - s) + b"\x01", key))
    refused("SIG-04", with_witness(b"\x01", key))
    refused("SIG-03", with_witness(der.encode(r, s - 1) + b"\x01", key))
    refused("SIG-06", tx.parse(signed()).stripped)


def test_the_second_reader_refuses_what_the_kernel_does_not_verify() -> None:
    signature, key = tx.parse(signed()).inputs[0].witness
    r, s = der.strict(signature[:-1])
    other = build(ACCOUNT, coins(100_000, 80_000), order(amount=120_001))
    for wrong in (
        with_witness(der.encode(r, s - 1) + b"\x01", key),
        with_witness(signature, key, b""),
        tx.parse(signed()).stripped,
        assemble(other, sign(sighashes(other, ACCOUNT)), ACCOUNT),
    ):
        with pytest.raises(Refused, match=r"^TXN-01 "):
            second.verify(wrong, request(), ACCOUNT)


@pytest.mark.parametrize("name", [f.name for f in fields(Decoded)])
def test_nothing_leaves_if_the_readers_differ_in_any_field(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = review(request(), ACCOUNT).decoded
    value = getattr(honest, name)
    lie: Any = value + 1 if isinstance(value, int) else (value[::-1] + value[:1] or (None,))
    monkeypatch.setattr(second, "verify", lambda *_: replace(honest, **{name: lie}))
    refused("TXN-01", signed())


def test_as_many_inputs_as_there_may_be() -> None:
    some = checked(snapshot([coin(n, 10_000) for n in range(rules.MAX_INPUTS)]), ACCOUNT)
    asked = build(ACCOUNT, some, order(amount=9_000 * rules.MAX_INPUTS, rate=1_000, max_fee=10**6))
    all_wanted = sighashes(asked, ACCOUNT)
    raw = assemble(asked, sign(all_wanted), ACCOUNT)
    assert check(raw, asked, ACCOUNT).weight < 400_000
    assert len(all_wanted) > 900
