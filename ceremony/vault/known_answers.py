"""Known-answer tests of what the vault's processes compute with, run at each start (SET-09, FIPS 140-2 section 4.9.1).

Each compares a published answer; the registry's length is compared too, so that none can be left out unseen."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from ceremony.base import known_answers as people
from ceremony.base import self_tests
from ceremony.base.self_tests import Tests
from ceremony.vault.randomness import first_block
from shares.plan import Plan, SitePlan
from shares.schemes import scheme_of, slip39
from transfer.bitcoin import known_answers as bitcoin

COUNT = 14


def run() -> int:
    """How many passed; SET-09 refuses at the first that fails, and if one was left out."""
    return self_tests.run(TESTS, COUNT)


def _sharing() -> bool:
    """FIPS 197 section 4.2.1: {57} times {02} is {ae}, times {08} is {8e}; the shares of {01} at x = 2 and 8."""
    sites = (SitePlan(letter="A", threshold=2, members=9), SitePlan(letter="B", threshold=2, members=2))
    plan = Plan(site_threshold=2, sites=sites)
    return scheme_of("gf256").combine_site(plan, "A", {2: b"\xaf" * 32, 8: b"\x8f" * 32}) == b"\x01" * 32


def _slip39() -> bool:
    """Vector 45 of trezor/python-shamir-mnemonic: an extendable set, 2 of 3, 256 bits, passphrase TREZOR."""
    mnemonics = (
        "western apart academic always artist resident briefing sugar woman oven coding club ajar merit pecan answer prisoner artist "
        "fraction amount desktop mild false necklace muscle photo wealthy alpha category unwrap spew losing making",
        "western apart academic acid answer ancient auction flip image penalty oasis beaver multiple thunder problem switch alive heat "
        "inherit superior teaspoon explain blanket pencil numb lend punish endless aunt garlic humidity kidney observe",
    )
    found = slip39.secret_of(mnemonics, b"TREZOR").hex()
    return found == "8dc652d6d6cd370d8c963141f6d79ba440300f25c467302c1d966bff8f62300d"


def _argon2id() -> bool:
    """RFC 9106 section 5.3."""
    kdf = Argon2id(salt=b"\x02" * 16, length=32, iterations=3, lanes=4, memory_cost=32, ad=b"\x04" * 12, secret=b"\x03" * 8)
    return kdf.derive(b"\x01" * 32).hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"


def _chacha20_poly1305() -> bool:
    """RFC 8439 section 2.8.2 (the tag)."""
    text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    nonce, data = bytes.fromhex("070000004041424344454647"), bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    sealed = ChaCha20Poly1305(bytes(range(0x80, 0xA0))).encrypt(nonce, text, data)
    return sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"


def _hmac_drbg() -> bool:
    """RFC 6979 appendix A.2.5 (P-256, SHA-256, "sample"): its k is the first block of the same generator."""
    key = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
    digest = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"
    return first_block(bytes.fromhex(key + digest)).hex() == "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60"


def _sha256() -> bool:
    """FIPS 180-4, as NIST's examples have it: "abc"."""
    return hashlib.sha256(b"abc").hexdigest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def _bip39() -> bool:
    """The all-zero entropy of 256 bits in the vectors of trezor/python-mnemonic (passphrase TREZOR)."""
    from mnemonic import Mnemonic  # noqa: PLC0415 - the base install does not have it

    words = Mnemonic("english").to_mnemonic(bytes(32))
    seed: bytes = Mnemonic.to_seed(words, "TREZOR")
    return words.endswith(" art") and seed.hex() == (
        "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8"
    )


def _key_wrap() -> bool:
    """RFC 5649 section 6: AES key wrap with padding of 20 bytes."""
    wrapping = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    wrapped = aes_key_wrap_with_padding(wrapping, bytes.fromhex("c37b7e6492584340bed12207808941155068f738"))
    return wrapped.hex() == "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"


TESTS: Tests = {
    "sharing (GF(256))": _sharing,
    "SLIP-39": _slip39,
    "Argon2id": _argon2id,
    "ChaCha20-Poly1305": _chacha20_poly1305,
    "HMAC_DRBG": _hmac_drbg,
    "SHA-256": _sha256,
    "SSH signatures": people.ssh_signatures,
    "BIP-39": _bip39,
    "BIP-32": bitcoin.bip32_private,
    "BIP-84": bitcoin.bip84,
    "BIP-143": bitcoin.bip143,
    "AES key wrap with padding": _key_wrap,
    "ECDSA on secp256k1": bitcoin.ecdsa,
    "strict DER and low S": bitcoin.der_low_s,
}
