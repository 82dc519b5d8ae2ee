"""A practice account, its coins and a software signer for the tests of transfer/bitcoin. The seed is public: never hold value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from transfer.bitcoin import bip32, tx
from transfer.bitcoin.account import opened
from transfer.bitcoin.build import Order, build
from transfer.bitcoin.sighash import Sighash
from transfer.bitcoin.snapshot import Coin, Coins, Snapshot, checked
from transfer.request import AccountKey, SigningRequest

PATH = "m/84h/1h/0h"
MASTER = bip32.master(bytes(range(32)), "test")
NODE = MASTER.derive(bip32.parse_path(PATH))
ACCOUNT = AccountKey(
    name="treasury",
    chain="bitcoin",
    network="regtest",
    path=PATH,
    xpub=NODE.public.text,
    fingerprint=MASTER.public.fingerprint.hex(),
)
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

MADE: dict[str, bytes] = {}
"""Every transaction that made a coin of a test: txid -> raw."""


def vectors(name: str) -> list[dict[str, Any]]:
    """The cases of a published vector file."""
    path = Path(__file__).resolve().parents[1] / "vectors" / f"{name}.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


def coin(number: int, amount: int = 100_000, path: str = "0/0", height: int = 5, script: bytes | None = None) -> Coin:
    """A coin of the account in a made-up transaction that has a witness and another output before it."""
    branch, index = bip32.parse_path(path)
    own = opened(ACCOUNT).own(branch, index)
    spent = tx.TxIn(f"{number + 1:064x}", 0, b"", 0xFFFFFFFF, (b"witness",))
    made = tx.Transaction(2, (spent,), (tx.TxOut(1_000 + number, b"\x51"), tx.TxOut(amount, own.script if script is None else script)), 0)
    MADE[made.txid] = made.raw
    return Coin(txid=made.txid, vout=1, amount=amount, path=path, block_height=height)


def snapshot(coins: Sequence[Coin], height: int = 200) -> Snapshot:
    """A snapshot of these coins, with the transactions in MADE that made them."""
    return Snapshot(
        type="snapshot",
        version="2",
        chain="bitcoin",
        network="regtest",
        account="treasury",
        block_height=height,
        block_hash="ab" * 32,
        time="2026-11-20T09:30:00Z",
        rate=1_000,
        coins=tuple(coins),
        previous={each.txid: MADE[each.txid] for each in coins if each.txid in MADE},
    )


def coins(*amounts: int) -> Coins:
    """Checked coins of these amounts, on receive addresses 0/0, 0/1 and so on."""
    return checked(snapshot([coin(n, amount, f"0/{n}") for n, amount in enumerate(amounts)]), ACCOUNT)


def order(**changes: Any) -> Order:
    """An order of 120,000 sat."""
    payment = (changes.pop("payee", PAYEE), changes.pop("amount", 120_000))
    return Order(**{"payments": (payment,), "max_fee": 10_000, "rate": 2_000, "max_rate": 10**7, "change_index": 7, **changes})


@cache
def request() -> SigningRequest:
    """Two inputs, one payment, change at 1/7."""
    return build(ACCOUNT, coins(100_000, 80_000, 5_000), order())


def sign(sighashes: Sequence[Sighash]) -> list[bytes]:
    """Raw r||s of each, as CKM_ECDSA gives them; high S as often as low S."""
    return [_raw(sighash) for sighash in sighashes]


def _raw(sighash: Sighash) -> bytes:
    r, s = utils.decode_dss_signature(_key(sighash.path).sign(sighash.digest, ec.ECDSA(utils.Prehashed(SHA256()))))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@cache
def _key(path: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(NODE.derive(bip32.parse_path(path)).secret, ec.SECP256K1())
