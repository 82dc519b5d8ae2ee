"""Reading a signing request: attacks on it are refused, and both readers are of one mind about all the rest."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from bitcoin_case import ACCOUNT, NODE, PAYEE, coins, order, request
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from transfer.bitcoin import bip32, independent, psbt, second
from transfer.bitcoin.account import opened
from transfer.bitcoin.address import p2wpkh
from transfer.bitcoin.build import build
from transfer.bitcoin.psbt import Origin, Psbt, in_order, outputs_in_order
from transfer.bitcoin.reading import made_from, review
from transfer.bitcoin.tx import Transaction, TxOut
from transfer.request import SigningRequest
from transfer.review import Decoded, Review

OTHER = bip32.master(bytes(16), "test").derive(bip32.parse_path("m/84h/1h/0h")).public


def parts() -> Psbt:
    return psbt.parse(request().raw)


def asked(found: Psbt) -> SigningRequest:
    return SigningRequest("bitcoin", found.raw)


def refused(identifier: str, found: Psbt, *, second_too: bool = True) -> None:
    """Our reader refuses by this control, and the independent one refuses too unless it leaves that to ours."""
    with pytest.raises(Refused) as error:
        review(asked(found), ACCOUNT)
    assert error.value.identifier == identifier
    if second_too:
        with pytest.raises(Malformed):
            independent.answer(ACCOUNT, found.raw)


def with_input(number: int, **changes: Any) -> Psbt:
    found = parts()
    inputs = list(found.inputs)
    inputs[number] = replace(inputs[number], **changes)
    return replace(found, inputs=tuple(inputs))


def with_transaction(found: Psbt, **changes: Any) -> Psbt:
    return replace(found, transaction=replace(found.transaction, **changes))


def with_outputs(*outputs: tuple[TxOut, Origin | None]) -> Psbt:
    """The request with these outputs, in order, with their origins."""
    origins = dict(outputs)
    ordered = outputs_in_order(tuple(origins))
    return replace(with_transaction(parts(), outputs=ordered), origins=tuple(origins[output] for output in ordered))


def own_origin(branch: int, index: int) -> Origin:
    account = opened(ACCOUNT)
    return Origin(account.own(branch, index).public_key, account.fingerprint, account.full_path(branch, index))


def own_output(branch: int, index: int, amount: int = 50_000) -> TxOut:
    return TxOut(amount, opened(ACCOUNT).own(branch, index).script)


PAYMENT = TxOut(120_000, bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6"))


def test_the_second_reader_finds_the_same_in_a_process_of_its_own() -> None:
    first, other = review(request(), ACCOUNT), second.read(request(), ACCOUNT)
    assert isinstance(first, Review)
    assert type(other) is Decoded
    assert first.decoded == other == independent.answer(ACCOUNT, request().raw)
    assert load(Decoded, dump(other)) == other
    assert load(Review, dump(first)) == first
    assert other.payments[0].address == PAYEE
    assert other.digest == request().digest


def test_the_second_reader_shares_no_reading_code() -> None:
    code = (
        "import sys, transfer.bitcoin.second, transfer.bitcoin.independent\n"
        "print(*(name for name in sys.modules if name.startswith('transfer.')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(found) == {
        "transfer.bitcoin",
        "transfer.bitcoin.second",
        "transfer.bitcoin.independent",
        "transfer.request",
        "transfer.review",
    }


def test_a_request_of_another_chain() -> None:
    with pytest.raises(Malformed, match="expected bitcoin"):
        review(SigningRequest("ethereum", request().raw), ACCOUNT)


@pytest.mark.control("TXN-09")
def test_a_previous_transaction_of_another_coin() -> None:
    found = parts()
    refused("TXN-09", with_input(0, previous=found.inputs[1].previous))
    made = found.inputs[0].previous
    richer = replace(made, outputs=(made.outputs[0], replace(made.outputs[1], amount=made.outputs[1].amount + 1)))
    refused("TXN-09", with_input(0, previous=richer))
    beyond = replace(found.transaction.inputs[0], vout=2)
    refused("TXN-09", with_transaction(found, inputs=in_order((beyond, found.transaction.inputs[1]))))


@pytest.mark.control("TXN-10")
@pytest.mark.parametrize(
    "origin",
    [
        own_origin(0, 5),
        replace(own_origin(0, 0), fingerprint=bytes(4)),
        replace(own_origin(0, 0), path=(84 + 2**31, 1 + 2**31, 1 + 2**31, 0, 0)),
        replace(own_origin(0, 0), path=(*opened(ACCOUNT).path, 2, 0)),
        replace(own_origin(0, 0), path=(*opened(ACCOUNT).path, 0, 10_000)),
        replace(own_origin(0, 0), path=(*opened(ACCOUNT).path, 0, 2**31)),
        replace(own_origin(0, 0), public_key=own_origin(0, 1).public_key),
    ],
    ids=["path", "fingerprint", "account", "branch", "index", "hardened", "key"],
)
def test_an_input_that_is_not_ours(origin: Origin) -> None:
    where = next(n for n, each in enumerate(parts().inputs) if each.origin == own_origin(0, 0))
    refused("TXN-10", with_input(where, origin=origin))


@pytest.mark.control("TXN-10")
def test_an_output_of_a_previous_transaction_that_is_not_ours() -> None:
    found = parts()
    other = replace(found.transaction.inputs[0], vout=0)
    refused("TXN-10", with_transaction(found, inputs=in_order((other, found.transaction.inputs[1]))))


@pytest.mark.control("TXN-11")
@pytest.mark.parametrize(
    ("output", "origin"),
    [
        (own_output(1, 7), own_origin(1, 8)),
        (own_output(0, 7), own_origin(0, 7)),
        (own_output(1, 7), replace(own_origin(1, 7), fingerprint=bytes(4))),
        (own_output(1, 7), replace(own_origin(1, 7), public_key=own_origin(1, 8).public_key)),
        (own_output(1, 7), replace(own_origin(1, 7), path=(*opened(ACCOUNT).path, 1, 10_000))),
        (own_output(1, 7), replace(own_origin(1, 7), path=(*opened(ACCOUNT).path, 1 + 2**31, 7))),
        (TxOut(50_000, PAYMENT.script), own_origin(1, 7)),
        (
            TxOut(50_000, p2wpkh(OTHER.derive((1, 7)).key)),
            replace(own_origin(1, 7), public_key=OTHER.derive((1, 7)).key),
        ),
    ],
    ids=["index", "receive branch", "fingerprint", "key", "limit", "hardened", "stranger", "stranger's key"],
)
def test_false_change_is_refused(output: TxOut, origin: Origin) -> None:
    refused("TXN-11", with_outputs((PAYMENT, None), (output, origin)))


def test_change_beyond_the_path_limit_is_refused() -> None:
    key = NODE.public.derive((1, 10_000)).key
    origin = Origin(key, opened(ACCOUNT).fingerprint, (*opened(ACCOUNT).path, 1, 10_000))
    refused("TXN-11", with_outputs((PAYMENT, None), (TxOut(50_000, p2wpkh(key)), origin)))


def test_an_output_without_a_claim_is_a_payment_whoever_owns_it() -> None:
    found = with_outputs((PAYMENT, None), (own_output(1, 7), None))
    shown = review(asked(found), ACCOUNT)
    assert [payment.amount for payment in shown.payments] == [50_000, 120_000]
    assert shown.change == ()
    assert shown.decoded == independent.answer(ACCOUNT, found.raw)


@pytest.mark.control("TXN-12")
def test_fee_times_and_dust() -> None:
    found = parts()
    refused("TXN-12", with_outputs((TxOut(180_000, PAYMENT.script), None)), second_too=False)
    refused("TXN-12", with_outputs((TxOut(180_001, PAYMENT.script), None)))
    refused("TXN-12", with_outputs((TxOut(293, PAYMENT.script), None)), second_too=False)
    refused("TXN-12", with_outputs((TxOut(329, b"\x00\x20" + bytes(32)), None)), second_too=False)
    refused("TXN-12", with_outputs((TxOut(545, b"\x76\xa9\x14" + bytes(20) + b"\x88\xac"), None)), second_too=False)
    refused("TXN-12", with_outputs((TxOut(539, b"\xa9\x14" + bytes(20) + b"\x87"), None)), second_too=False)
    for changes in ({"version": 1}, {"locktime": 1}, {"locktime": 500_000_000}):
        refused("TXN-12", with_transaction(found, **changes), second_too=False)
    for sequence in (0xFFFFFFFF, 0xFFFFFFFE, 0, 1):
        inputs = (found.transaction.inputs[0], replace(found.transaction.inputs[1], sequence=sequence))
        refused("TXN-12", with_transaction(found, inputs=inputs), second_too=False)


@pytest.mark.control("TXN-03")
@pytest.mark.parametrize("script", [b"\x6a\x04data", b"\x51", b"\x52\x02\x01\x02", b"\x51\x20" + b"\xff" * 32])
def test_scripts_that_are_not_understood(script: bytes) -> None:
    refused("TXN-03", with_outputs((PAYMENT, None), (TxOut(50_000, script), None)), second_too=script[:2] != b"\x51\x20")


@pytest.mark.control("TXN-02")
def test_a_review_of_other_bytes_is_noticed() -> None:
    other = build(ACCOUNT, coins(100_000, 80_000), order(amount=120_001))
    shown = review(request(), ACCOUNT)
    made_from(shown, request(), ACCOUNT)
    for wrong in (review(other, ACCOUNT), replace(shown, fee=shown.fee - 1), replace(shown, digest=other.digest)):
        with pytest.raises(Refused) as error:
            made_from(wrong, request(), ACCOUNT)
        assert error.value.identifier == "TXN-02"


def test_all_kinds_of_payees_are_read_alike() -> None:
    scripts = (
        b"\x00\x14" + bytes(20),
        b"\x00\x20" + bytes(32),
        b"\x51\x20" + (1).to_bytes(32, "big"),
        b"\x76\xa9\x14" + bytes(20) + b"\x88\xac",
        b"\xa9\x14" + bytes(20) + b"\x87",
    )
    found = with_outputs(*((TxOut(10_000, script), None) for script in scripts))
    shown = review(asked(found), ACCOUNT)
    assert len(shown.payments) == 5
    assert shown.decoded == independent.answer(ACCOUNT, found.raw)


def judged(raw: bytes) -> Decoded | None:
    """What both readers say, once they agree; None if ours refuses."""
    try:
        found = review(SigningRequest("bitcoin", raw), ACCOUNT).decoded
    except (Refused, Malformed):
        return None
    assert independent.answer(ACCOUNT, raw) == found
    return found


@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_every_byte_of_a_request_counts(flip: int) -> None:
    """A change anywhere is refused or changes what people see, beyond the digest, and both readers see the same change."""
    raw, before = request().raw, review(request(), ACCOUNT).decoded
    accepted = 0
    for place in range(len(raw)):
        found = judged(raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :])
        if found is not None:
            accepted += 1
            assert found.digest != before.digest
            assert {f.name for f in fields(found) if getattr(found, f.name) != getattr(before, f.name)} > {"digest", "txid"}
    assert 15 < accepted < 60


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_changed_requests_never_divide_the_readers(data: st.DataObject) -> None:
    raw = bytearray(request().raw)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    judged(bytes(raw))


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_the_second_reader_takes_any_bytes(raw: bytes) -> None:
    for each in (raw, psbt.MAGIC + raw, request().raw[: len(raw)]):
        with pytest.raises(Malformed):
            independent.answer(ACCOUNT, each)


@pytest.mark.parametrize("raw", [b"", b"psbt\xff", request().raw + b"\x00", request().raw[:-1]])
def test_what_the_second_reader_does_not_accept_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match=r"^TXN-01 the second reader does not accept"):
        second.read(SigningRequest("bitcoin", raw), ACCOUNT)


def test_a_second_reader_that_dies_or_hangs_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Refused, match="it ended with 1"):
        second.read(request(), ACCOUNT)
    monkeypatch.undo()
    monkeypatch.setattr(second, "TIME_LIMIT", 0.01)
    with pytest.raises(Refused, match=r"no answer within"):
        second.read(request(), ACCOUNT)


def test_transactions_with_bytes_at_their_end_are_noticed_by_the_second_reader() -> None:
    first = parts().inputs[0].previous
    with pytest.raises(Malformed, match="writes other bytes"):
        independent._transaction(first.raw + b"\x00", "previous transaction")
    assert isinstance(first, Transaction)
