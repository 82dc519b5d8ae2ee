"""From raw HSM signatures to the signed transaction. Nothing comes out before every signature is verified (SIG-03)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from transfer.bitcoin import der
from transfer.bitcoin.reading import understood
from transfer.bitcoin.sighash import SIGHASH_ALL, Sighash, sighashes
from transfer.request import AccountKey, SigningRequest


def assemble(request: SigningRequest, signatures: Sequence[bytes], account: AccountKey) -> bytes:
    """The signed transaction as the network takes it (BIP-144).

    `signatures` are raw r||s, 64 bytes each, in the order of `sighashes`. SIG-03 if one does not verify."""
    wanted = sighashes(request, account)
    if len(signatures) != len(wanted):
        raise Malformed(f"{len(signatures)} signatures for {len(wanted)} inputs")
    witnesses = [
        (low_s(signature, sighash) + bytes([SIGHASH_ALL]), sighash.public_key)
        for signature, sighash in zip(signatures, wanted, strict=True)
    ]
    unsigned = understood(request, account).transaction
    inputs = tuple(replace(i, witness=witness) for i, witness in zip(unsigned.inputs, witnesses, strict=True))
    return replace(unsigned, inputs=inputs).raw


def low_s(signature: bytes, sighash: Sighash) -> bytes:
    """The signature as strict DER with low S (SIG-04), verified (SIG-03)."""
    encoded = der.from_raw(signature)
    der.strict(encoded)
    verified(encoded, sighash)
    return encoded


@control("SIG-03")
def verified(encoded: bytes, sighash: Sighash) -> None:
    """SIG-03: the DER signature is by the recorded key over this very digest, says a library that is not the signer's."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), sighash.public_key)
    try:
        key.verify(encoded, sighash.digest, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        refuse(
            "SIG-03",
            f"signature of input {sighash.index}",
            found="it does not verify",
            expected=f"a signature by the key at {sighash.path}, {sighash.public_key.hex()}",
            do="Stop. Nothing leaves: the HSM signed with another key or something else. Keep the transcript for the officers.",
        )
