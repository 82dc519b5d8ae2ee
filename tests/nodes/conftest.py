from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bip_utils import Bip44Changes, Bip84, Bip84Coins

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.node import Regtest, regtest
from transfer.bitcoin import bip32
from transfer.request import AccountKey

SEED = bytes(range(64))


@pytest.fixture(scope="module")
def knots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regtest]:
    with regtest(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(scope="session")
def account() -> AccountKey:
    master = bip32.master(SEED, "test")
    below = master.derive(bip32.parse_path("m/84h/1h/0h"))
    return AccountKey(
        name="cold",
        chain="bitcoin",
        network="regtest",
        path="m/84h/1h/0h",
        xpub=below.public.text,
        fingerprint=master.public.fingerprint.hex(),
    )


class Wallet:
    """The same account by another library (bip-utils): addresses, and private keys for the node to sign with."""

    def __init__(self) -> None:
        self._root = Bip84.FromSeed(SEED, Bip84Coins.BITCOIN_REGTEST).Purpose().Coin().Account(0)

    def _at(self, path: str):
        branch, index = path.split("/")
        return self._root.Change(Bip44Changes(int(branch))).AddressIndex(int(index))

    def address(self, path: str) -> str:
        return self._at(path).PublicKey().ToAddress()

    def wif(self, path: str) -> str:
        return self._at(path).PrivateKey().ToWif()


@pytest.fixture(scope="session")
def wallet() -> Wallet:
    return Wallet()
