"""Known-answer tests of what the vault's processes compute with, run at each start (SET-09, FIPS 140-2 section 4.9.1).

Each compares a published answer; the registry's length is compared too, so that none can be left out unseen."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from ceremony.base.control import control, refuse
from ceremony.vault.randomness import first_block
from shares.plan import Plan, SitePlan
from shares.schemes import scheme_of
from transfer.bitcoin import bip32, sighash, tx
from transfer.bitcoin.wire import hash256

COUNT = 9


@control("SET-09")
def run() -> int:
    """SET-09: the number of tests that passed; refuses at the first one that fails, or if the registry is not complete."""
    if len(TESTS) != COUNT:
        refuse("SET-09", "known-answer tests", found=f"{len(TESTS)} tests", expected=f"{COUNT}", do="Use an unaltered copy of the tool.")
    for name, test in TESTS.items():
        if not test():
            do = "Do not use this machine or this copy of the tool."
            refuse("SET-09", f"known-answer test {name}", found="another answer", expected="the published answer", do=do)
    return len(TESTS)


def _sharing() -> bool:
    """FIPS 197 section 4.2.1: {57} times {02} is {ae}, times {08} is {8e}; the shares of {01} at x = 2 and 8."""
    sites = (SitePlan(letter="A", threshold=2, members=9), SitePlan(letter="B", threshold=2, members=2))
    plan = Plan(site_threshold=2, sites=sites)
    return scheme_of("gf256").combine_site(plan, "A", {2: b"\xaf" * 32, 8: b"\x8f" * 32}) == b"\x01" * 32


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


def _bip39() -> bool:
    """The all-zero entropy of 256 bits in the vectors of trezor/python-mnemonic (passphrase TREZOR)."""
    from mnemonic import Mnemonic  # noqa: PLC0415 - the base install does not have it

    words = Mnemonic("english").to_mnemonic(bytes(32))
    seed: bytes = Mnemonic.to_seed(words, "TREZOR")
    return words.endswith(" art") and seed.hex() == (
        "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8"
    )


def _bip32() -> bool:
    """BIP-32 test vector 1, m/0h/1: a hardened and an ordinary step."""
    node = bip32.master(bytes(range(16)), "main").derive(bip32.parse_path("m/0h/1"))
    return node.public.text == (
        "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ"
    )


def _bip143() -> bool:
    """BIP-143, native P2WPKH: the digest of its second input."""
    transaction = tx.parse(
        bytes.fromhex(
            "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3a"
            "a89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d59"
            "88ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000"
        )
    )
    code = sighash.p2wpkh_code(bytes.fromhex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357"))
    preimage = sighash.preimage(transaction, sighash.midstate(transaction), 1, code, 600_000_000)
    return hash256(preimage).hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"


def _key_wrap() -> bool:
    """RFC 5649 section 6: AES key wrap with padding of 20 bytes."""
    wrapping = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    wrapped = aes_key_wrap_with_padding(wrapping, bytes.fromhex("c37b7e6492584340bed12207808941155068f738"))
    return wrapped.hex() == "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"


def _ecdsa() -> bool:
    """Wycheproof ecdsa_secp256k1_sha256, tcId 2 verifies; the same over another message does not."""
    point = (
        "04b838ff44e5bc177bf21189d0766082fc9d843226887fc9760371100b7ee20a6ff0c9d75bfba7b31a6bca1974496eeb56de357071955d83c4b1badaa0b21832e9"
    )
    der = (
        "3045022100813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc983236502206ff18a52dcc0336f7af62400a6dd9b810732baf1ff758000"
        "d6f613a556eb31ba"
    )
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), bytes.fromhex(point))
    key.verify(bytes.fromhex(der), b"123400", ec.ECDSA(hashes.SHA256()))
    try:
        key.verify(bytes.fromhex(der), b"123401", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return True
    return False


TESTS: dict[str, Callable[[], bool]] = {
    "sharing (GF(256))": _sharing,
    "Argon2id": _argon2id,
    "ChaCha20-Poly1305": _chacha20_poly1305,
    "HMAC_DRBG": _hmac_drbg,
    "BIP-39": _bip39,
    "BIP-32": _bip32,
    "BIP-143": _bip143,
    "AES key wrap with padding": _key_wrap,
    "ECDSA on secp256k1": _ecdsa,
}
