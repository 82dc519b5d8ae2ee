"""The transaction codec: exact on published transactions, strict on everything else, of one mind with the kernel."""

from __future__ import annotations

from contextlib import suppress

import pbk
import pytest
from bitcoin_case import vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.data import Malformed
from transfer.bitcoin import tx
from transfer.bitcoin.wire import Cursor, compact

SIGNED = [case["signed_tx"] for case in vectors("bip143") if case["signed_tx"]]
UNSIGNED = [case["unsigned_tx"] for case in vectors("bip143") if case["unsigned_tx"]]

scripts = st.binary(max_size=60)
inputs = st.builds(
    tx.TxIn,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(0, 2**32 - 1),
    scripts,
    st.integers(0, 2**32 - 1),
    st.lists(scripts, max_size=3).map(tuple),
)
outputs = st.builds(tx.TxOut, st.integers(0, tx.MAX_MONEY), scripts)
transactions = st.builds(
    tx.Transaction,
    st.integers(0, 2**32 - 1),
    st.lists(inputs, min_size=1, max_size=4).map(tuple),
    st.lists(outputs, min_size=1, max_size=4).map(tuple),
    st.integers(0, 2**32 - 1),
)


@pytest.mark.parametrize("text", [*UNSIGNED, *SIGNED])
def test_published_transactions_come_back(text: str) -> None:
    raw = bytes.fromhex(text)
    found, kernel = tx.parse(raw), pbk.Transaction(raw)
    assert found.raw == raw
    assert found.txid == str(kernel.txid)


def test_weight_and_identifiers_of_a_signed_transaction() -> None:
    signed, unsigned = tx.parse(bytes.fromhex(SIGNED[0])), tx.parse(bytes.fromhex(UNSIGNED[0]))
    assert signed.without_witness().stripped == signed.stripped
    assert signed.weight == 3 * len(signed.stripped) + len(signed.raw)
    assert signed.wtxid != signed.txid
    assert unsigned.wtxid == unsigned.txid


@given(transactions)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(made: tx.Transaction) -> None:
    found = tx.parse(made.raw)
    assert found == made
    assert found.raw == made.raw
    kernel = pbk.Transaction(made.raw)
    assert (str(kernel.txid), bytes(kernel)) == (made.txid, made.raw)
    assert [int(o.amount) for o in kernel.outputs] == [o.amount for o in made.outputs]


@given(transactions, st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_transaction_is_malformed_or_another_one(made: tx.Transaction, data: st.DataObject) -> None:
    raw = bytearray(made.raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = tx.parse(bytes(raw))
    except Malformed:
        return
    assert found.raw == bytes(raw)
    assert found != made


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_malformed_or_come_back(raw: bytes) -> None:
    with suppress(Malformed):
        assert tx.parse(raw).raw == raw


def test_bytes_too_many_or_too_few() -> None:
    raw = bytes.fromhex(SIGNED[0])
    with pytest.raises(Malformed, match="1 bytes too many"):
        tx.parse(raw + b"\x00")
    for size in range(len(raw)):
        with pytest.raises(Malformed):
            tx.parse(raw[:size])


def test_witness_marker_without_witness() -> None:
    made = tx.parse(bytes.fromhex(UNSIGNED[0]))
    raw = made.stripped[:4] + b"\x00\x01" + made.stripped[4:-4] + b"\x00" * len(made.inputs) + made.stripped[-4:]
    with pytest.raises(Malformed, match="every one is empty"):
        tx.parse(raw)


@pytest.mark.parametrize("raw", [b"\xfd\xfc\x00", b"\xfe\xff\xff\x00\x00", b"\xff\xff\xff\xff\xff\x00\x00\x00\x00"])
def test_numbers_have_one_spelling(raw: bytes) -> None:
    with pytest.raises(Malformed, match="shortest form"):
        Cursor(raw, "number").compact(2**64)


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=100, deadline=None)
def test_numbers_come_back(number: int) -> None:
    assert Cursor(compact(number), "number").compact(2**64) == number


def test_a_cursor_never_goes_beyond_its_bytes_or_limits() -> None:
    with pytest.raises(Malformed, match="2 bytes too early"):
        Cursor(b"abc", "bytes").take(5)
    with pytest.raises(Malformed, match="found 4 at byte 0, expected at most 3"):
        Cursor(b"\x04abcd", "bytes").sized(3)
    cursor = Cursor(b"abc", "bytes")
    cursor.take(2)
    with pytest.raises(Malformed, match="1 bytes too many after byte 2"):
        cursor.end()


def test_limits() -> None:
    one = tx.TxIn("11" * 32, 0, b"", 0)
    with pytest.raises(Malformed, match="more than there can be"):
        tx.parse(tx.Transaction(2, (one,), (tx.TxOut(tx.MAX_MONEY + 1, b""),), 0).raw)
    with pytest.raises(Malformed, match="has no outputs"):
        tx.parse(tx.Transaction(2, (one,), (), 0).raw)
    with pytest.raises(Malformed, match="has no inputs"):
        tx.parse(tx.Transaction(2, (), (), 0).raw)
    with pytest.raises(Malformed, match="expected at most"):
        tx.parse(bytes(tx.MAX_TRANSACTION + 1))
