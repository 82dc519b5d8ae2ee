"""Extended keys: BIP-32 and BIP-84 vectors, public and private derivation of one mind, nothing secret in a message."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from bip_utils import Bip32Slip10Secp256k1
from bitcoin_case import vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from ceremony.base.data import Malformed
from transfer.bitcoin import base58, bip32, curve
from transfer.bitcoin.account import MAX_INDEX, opened
from transfer.bitcoin.address import address_of, p2wpkh
from transfer.request import AccountKey

CASES = vectors("bip32")
BIP84 = vectors("bip84")


@pytest.mark.parametrize("case", [c for c in CASES if c["valid"]], ids=lambda c: c["name"])
def test_published_chains(case: dict[str, Any]) -> None:
    master = bip32.master(bytes.fromhex(case["seed"]), "main")
    for step in case["chain"]:
        node = master.derive(bip32.parse_path(step["path"]))
        assert (node.text, node.public.text) == (step["xprv"], step["xpub"])
        assert bip32.parse_private(step["xprv"]).text == step["xprv"]
        assert bip32.parse_public(step["xpub"]) == node.public


@pytest.mark.parametrize("case", [c for c in CASES if not c["valid"]], ids=lambda c: c["comment"])
def test_published_invalid_keys(case: dict[str, Any]) -> None:
    for parse in (bip32.parse_public, bip32.parse_private):
        with pytest.raises(Malformed) as error:
            parse(case["extended_key"])
        assert case["extended_key"][10:30] not in str(error.value)


def test_published_bip84_account() -> None:
    root = bip32.master(Mnemonic.to_seed(BIP84[0]["mnemonic"], ""), "main")
    for case in BIP84:
        node = root.derive(bip32.parse_path(case["path"]))
        if "zprv" in case:
            assert base58.decode(case["zprv"])[4:] == base58.decode(node.text)[4:]
            assert base58.decode(case["zpub"])[4:] == base58.decode(node.public.text)[4:]
        else:
            assert base58.decode(case["privkey_wif"]) == b"\x80" + node.key + b"\x01"
            assert node.public.key.hex() == case["pubkey"]
            assert address_of(p2wpkh(node.public.key), "main") == case["address"]


def test_published_bip84_addresses_from_the_public_key_alone() -> None:
    root = bip32.master(Mnemonic.to_seed(BIP84[0]["mnemonic"], ""), "main")
    account = AccountKey(
        name="desk",
        chain="bitcoin",
        network="main",
        path="m/84h/0h/0h",
        xpub=root.derive(bip32.parse_path("m/84h/0h/0h")).public.text,
        fingerprint=root.public.fingerprint.hex(),
    )
    ours = opened(account)
    found = {case["path"]: case["address"] for case in BIP84 if "address" in case}
    assert found == {f"m/84h/0h/0h/{own.path}": own.address for own in (ours.own(0, 0), ours.own(0, 1), ours.own(1, 0))}
    for branch, index in ((2, 0), (0, MAX_INDEX), (0, -1)):
        with pytest.raises(Malformed, match="outside the account"):
            ours.own(branch, index)


@pytest.mark.parametrize(
    "changes", [{"network": "test"}, {"path": "m/84h/1h/0h"}, {"path": "m/84h/0h/1h"}, {"network": "regtest", "path": "m/84h/1h/0h"}]
)
def test_an_account_whose_parts_do_not_belong_together(changes: dict[str, Any]) -> None:
    node = bip32.master(bytes(16), "main").derive(bip32.parse_path("m/84h/0h/0h"))
    base = {
        "name": "desk",
        "chain": "bitcoin",
        "network": "main",
        "path": "m/84h/0h/0h",
        "xpub": node.public.text,
        "fingerprint": "00000000",
    }
    opened(AccountKey(**base))
    with pytest.raises(Malformed, match="do not belong together"):
        opened(AccountKey(**{**base, **changes}))


def test_an_extended_key_below_the_account_is_not_the_account() -> None:
    master = bip32.master(bytes(16), "main")
    below = master.derive(bip32.parse_path("m/84h/0h/0h/0h")).public
    account = AccountKey(name="desk", chain="bitcoin", network="main", path="m/84h/0h/0h", xpub=below.text, fingerprint="00000000")
    with pytest.raises(Malformed, match="do not belong together"):
        opened(account)


@pytest.mark.parametrize("size", [77, 79])
def test_extended_keys_of_another_length(size: int) -> None:
    text = base58.encode(base58.decode(CASES[0]["chain"][0]["xprv"]).ljust(size, b"\x01")[:size])
    for parse in (bip32.parse_public, bip32.parse_private):
        with pytest.raises(Malformed, match="78 bytes"):
            parse(text)


def test_steps_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody will ever meet one (about 1 in 2^127): the derivation is made to give one."""
    node = bip32.master(bytes(16), "main")
    monkeypatch.setattr(bip32.hmac, "digest", lambda *_: (curve.N - node.secret).to_bytes(32, "big") + bytes(32))
    for each in (node, node.public):
        with pytest.raises(Malformed, match="no key at step 5"):
            each.child(5)
    for left, says in ((curve.N, "no key at this step"), (0, "no master key")):
        monkeypatch.setattr(bip32.hmac, "digest", lambda *_, left=left: left.to_bytes(32, "big") + bytes(32))
        with pytest.raises(Malformed, match=says):
            bip32.master(bytes(16), "main")


@given(st.binary(min_size=16, max_size=64), st.lists(st.integers(0, bip32.HARDENED - 1), max_size=3).map(tuple))
@settings(max_examples=40, deadline=None)
def test_public_derivation_is_private_derivation(seed: bytes, path: tuple[int, ...]) -> None:
    node = bip32.master(seed, "main").derive((84 + bip32.HARDENED,))
    assert node.public.derive(path) == node.derive(path).public
    other = Bip32Slip10Secp256k1.FromSeed(seed).ChildKey(84 + bip32.HARDENED)
    for step in path:
        other = other.ChildKey(step)
    assert other.PrivateKey().ToExtended() == node.derive(path).text


def test_steps_that_do_not_exist() -> None:
    public = bip32.master(bytes(16), "main").public
    with pytest.raises(Malformed, match="hardened"):
        public.child(bip32.HARDENED)
    with pytest.raises(Malformed, match="255"):
        bip32.PublicNode("main", bip32.Place(255), bytes(32), public.key).child(0)


@pytest.mark.parametrize("path", ["", "m/", "84'/0'", "m/84H", "m/00", "m/1/", "/1", f"m/{2**31}", "m/-1", "m/1h0", "m/0x1"])
def test_paths_have_one_spelling(path: str) -> None:
    with pytest.raises(Malformed):
        bip32.parse_path(path)


def test_paths_come_back() -> None:
    assert bip32.path_text(bip32.parse_path("m/84h/0h/0h/0/5")) == "84h/0h/0h/0/5"
    assert bip32.parse_path("m") == ()
    assert bip32.parse_path("1/7") == (1, 7)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_seeds_of_other_lengths(size: int) -> None:
    with pytest.raises(Malformed, match="16 to 64"):
        bip32.master(bytes(size), "main")


def test_nothing_secret_in_a_repr() -> None:
    node = bip32.master(bytes(range(32)), "main")
    for secret in (str(node.secret), node.key.hex(), node.chain_code.hex(), repr(node.chain_code), node.text):
        assert secret not in repr(node)


def test_points() -> None:
    one, two = curve.decompress(_public(1)), curve.decompress(_public(2))
    assert curve.compress(one).hex() == "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    assert curve.add(one, one) == two
    assert curve.add(one, two) == curve.decompress(_public(3))
    assert curve.add(one, (one[0], curve.P - one[1])) is None
    for raw in (b"", b"\x04" + bytes(32), b"\x02" + bytes(31) + b"\x07", b"\x02" + b"\xff" * 32, b"\x02" + bytes(32) + b"\x01"):
        with pytest.raises(Malformed):
            curve.decompress(raw)


def _public(secret: int) -> bytes:
    return bip32.PrivateNode("main", bip32.Place(), bytes(32), secret).public.key


def test_it_loads_the_standard_library_and_cryptography_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import transfer.bitcoin.sighash\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(found.split()) <= {"ceremony", "transfer", "cryptography", "_cffi_backend", "_openssl"}
