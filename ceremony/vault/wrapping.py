"""How child keys travel from the opener to the HSM: AES-256 under RSA-OAEP, and each key's PKCS#8 under that AES key.

RSA-OAEP is with SHA-1 and MGF1-SHA-1, no label (RFC 8017 section 7.1): the one kind that SoftHSM unwraps. The keys are
wrapped by AES key wrap with padding (RFC 5649, CKM_AES_KEY_WRAP_PAD)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.base.lines import sha256

RSA_BITS = 3072
RSA_EXPONENT = 65537
AES_BYTES = 32


@dataclass(frozen=True, slots=True)
class ImportKey:
    """The public half of the import key that the HSM made for one ceremony: modulus (384 bytes) and exponent."""

    modulus: bytes
    exponent: int

    @property
    def public(self) -> rsa.RSAPublicKey:
        """The key; refuses with REC-08 one that is not RSA of 3,072 bits with the exponent 65537."""
        number = int.from_bytes(self.modulus, "big")
        if number.bit_length() != RSA_BITS or self.exponent != RSA_EXPONENT:
            refuse(
                "REC-08",
                "the import key",
                found=f"{number.bit_length()} bits, exponent {self.exponent}",
                expected=f"RSA of {RSA_BITS} bits, exponent {RSA_EXPONENT}",
                do="Use an HSM that can make one.",
            )
        try:
            return rsa.RSAPublicNumbers(self.exponent, number).public_key()
        except ValueError:
            raise Malformed("the import key is not an RSA key") from None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo in DER, 64 hexadecimal digits."""
        return sha256(self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def pkcs8(secret: int) -> bytes:
    """A secp256k1 private key as unencrypted PKCS#8 in DER (RFC 5208, RFC 5915). Secret."""
    key = ec.derive_private_key(secret, ec.SECP256K1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def wrap(import_key: ImportKey, keys: Iterable[bytes], random: Callable[[int], bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """A fresh AES key under the import key, and each of `keys` (PKCS#8 in DER) under that AES key, in their order."""
    aes = random(AES_BYTES)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303  (OAEP needs no collision resistance)
    return import_key.public.encrypt(aes, oaep), tuple(keywrap.aes_key_wrap_with_padding(aes, key) for key in keys)
