"""Known-answer tests of what the screen process computes with (SET-09); the vault's processes have theirs in ceremony/vault."""

from __future__ import annotations

import hashlib

from ceremony.base import known_answers as people
from ceremony.base import self_tests, words
from ceremony.base.data import Malformed
from ceremony.base.self_tests import Tests
from transfer.bitcoin import known_answers as bitcoin
from transfer.gap import qr, ur

COUNT = 12


def run() -> int:
    """How many passed; SET-09 refuses at the first that fails, and if one was left out."""
    return self_tests.run(TESTS, COUNT)


def _sha256() -> bool:
    """FIPS 180-4, as NIST's examples have it: "abc"."""
    return hashlib.sha256(b"abc").hexdigest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def _pgp_words() -> bool:
    """The fingerprint that Zimmermann and Juola's list was published with."""
    spoken = words.spoken("e58294f2e9a227486e8b061b31cc528fd7fa3f19", 20)
    return " ".join(spoken) == (
        "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado chatter revolver Dupont "
        "midsummer stopwatch whimsical cowbell bottomless"
    )


def _ur() -> bool:
    """bc-ur's test vectors: bytewords, a frame of one part, a wrong check; and many parts, in another order, are the whole again."""
    frame = "ur:bytes/hdeymejtswhhylkepmykhhtsytsnoyoyaxaedsuttydmmhhpktpmsrjtgwdpfnsboxgwlbaawzuefywkdplrsrjynbvygabwjldapfcsdwkbrkch"
    collected = ur.Collector().add(frame).payload()
    if ur.to_bytewords(bytes.fromhex("00010280ff")) != "aeadaolazmjendeoti" or collected[:8].hex() != "916ec65cf77cadf5":
        return False
    long, collector = bytes(range(256)) * 2, ur.Collector()
    for part in reversed(ur.encode(long)):
        collector = collector.add(part)
    try:
        ur.from_bytewords("aeadaolazojendeowf")
    except Malformed:
        return collector.payload() == long
    return False


def _qr() -> bool:
    """What one library draws, two others read."""
    text = "UR:BYTES/HDEYMEJTSWHHYLKEPMYKHHTSYTSNOYOYAXAEDSUTTYDMMHHPKTPMSRJT"
    qr.read_back(qr.png(text), text)
    return True


TESTS: Tests = {
    "SHA-256": _sha256,
    "SSH signatures": people.ssh_signatures,
    "PGP words": _pgp_words,
    "Base58Check": bitcoin.base58check,
    "bech32": bitcoin.bech32,
    "BIP-32, public": bitcoin.bip32_public,
    "BIP-84": bitcoin.bip84,
    "BIP-143": bitcoin.bip143,
    "ECDSA on secp256k1": bitcoin.ecdsa,
    "strict DER and low S": bitcoin.der_low_s,
    "UR frames": _ur,
    "QR": _qr,
}
