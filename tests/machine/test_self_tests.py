"""Each building block broken on purpose: the known-answer tests of every process that computes with it see it and stop (SET-09)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import mnemonic
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from shamir_mnemonic import cipher

from ceremony.base import self_tests, sshsig, words
from ceremony.base.control import Refused
from ceremony.machine import known_answers as of_screen
from ceremony.vault import known_answers as of_vault
from shares.schemes.gf256 import GF256
from transfer.bitcoin import address, assemble, base58, bech32, bip32, der, sighash
from transfer.gap import qr, ur


class Wrong:
    """Whatever it is called as: another answer."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __getattr__(self, _: str) -> Callable[..., Any]:
        return lambda *_args, **_kwargs: b"another answer"


def other(*_: object, **__: object) -> Any:
    return b"another answer"


def nothing(*_: object, **__: object) -> Any:
    """A check that checks nothing."""
    return None


def unreadable(*_: object) -> Any:
    raise OSError("no such library")


BROKEN: tuple[tuple[ModuleType, str, object, str, object], ...] = (
    (of_vault, "sharing", GF256, "combine_site", other),
    (of_vault, "SLIP-39", cipher, "decrypt", other),
    (of_vault, "Argon2id", of_vault, "Argon2id", Wrong),
    (of_vault, "ChaCha20-Poly1305", of_vault, "ChaCha20Poly1305", Wrong),
    (of_vault, "HMAC_DRBG", of_vault, "first_block", other),
    (of_vault, "SHA-256", hashlib, "sha256", hashlib.sha512),
    (of_vault, "SSH signatures", sshsig, "verifies", lambda *_: True),
    (of_vault, "BIP-39", mnemonic, "Mnemonic", Wrong),
    (of_vault, "BIP-32", bip32, "master", Wrong),
    (of_vault, "BIP-84", address, "p2wpkh", lambda key: b"\x00\x14" + key[:20]),
    (of_vault, "BIP-143", sighash, "p2wpkh_code", lambda key: key),
    (of_vault, "AES key wrap", of_vault, "aes_key_wrap_with_padding", other),
    (of_vault, "ECDSA", assemble, "verified", nothing),
    (of_vault, "strict DER", der, "strict", nothing),
    (of_screen, "SHA-256", hashlib, "sha256", hashlib.sha512),
    (of_screen, "SSH signatures", sshsig, "_check", nothing),
    (of_screen, "PGP words", words, "spoken", lambda *_: ("topmost",) * 20),
    (of_screen, "Base58Check", base58, "hash256", lambda raw: hashlib.sha256(raw).digest()),
    (of_screen, "bech32", bech32, "_polymod", lambda _values: 1),
    (of_screen, "BIP-32", bip32.PublicNode, "child", lambda node, _number: node),
    (of_screen, "BIP-84", address, "p2wpkh", lambda key: b"\x00\x14" + key[:20]),
    (of_screen, "BIP-143", sighash, "preimage", other),
    (of_screen, "ECDSA", assemble, "verified", unreadable),
    (of_screen, "strict DER", der, "from_raw", other),
    (of_screen, "UR frames", ur, "crc32", lambda _raw: 0),
    (of_screen, "QR", qr, "first_reader", lambda _picture: ["another text"]),
)
"""Registry, its test, and what is broken: where it is, its name, and what stands there instead."""


@pytest.mark.control("SET-09")
@pytest.mark.parametrize("case", range(len(BROKEN)), ids=[f"{each[0].__name__.split('.')[1]} {each[1]}" for each in BROKEN])
def test_a_broken_block_stops_the_tool(case: int, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, name, where, what, instead = BROKEN[case]
    assert registry.run() == registry.COUNT
    monkeypatch.setattr(where, what, instead)
    (test,) = (test for title, test in registry.TESTS.items() if title.startswith(name))
    with pytest.raises(Refused, match=name) as caught:
        self_tests.run({name: test}, 1)
    assert caught.value.identifier == "SET-09"
    with pytest.raises(Refused) as caught:
        registry.run()
    assert caught.value.identifier == "SET-09"


def test_every_block_is_broken_once() -> None:
    for registry in (of_vault, of_screen):
        assert len([each for each in BROKEN if each[0] is registry]) == registry.COUNT == len(registry.TESTS)
        for title in registry.TESTS:
            assert any(each[0] is registry and title.startswith(each[1]) for each in BROKEN), title


@pytest.mark.control("SET-09")
@pytest.mark.parametrize("registry", [of_vault, of_screen])
def test_a_test_that_is_left_out_stops_the_tool(registry: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry.TESTS, "BIP-143")
    with pytest.raises(Refused, match="expected") as caught:
        registry.run()
    assert caught.value.identifier == "SET-09"


def test_the_library_that_encrypts_is_the_one_that_is_tested() -> None:
    assert of_vault.ChaCha20Poly1305 is ChaCha20Poly1305
