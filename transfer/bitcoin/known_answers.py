"""Known-answer tests of what Bitcoin needs here, for the registries of every process that computes with it (SET-09).

Each compares published answers, and that what is published as wrong is refused."""

from __future__ import annotations

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from transfer.bitcoin import address, assemble, bip32, curve, der, sighash, tx, wire

_R = "813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc9832365"
_S = "6ff18a52dcc0336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba"
_DER = f"3045022100{_R}0220{_S}"


def bip32_private() -> bool:
    """BIP-32 test vector 1, m/0h/1: a hardened and an ordinary step."""
    node = bip32.master(bytes(range(16)), "main").derive(bip32.parse_path("m/0h/1"))
    return node.public.text == (
        "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ"
    )


def bip32_public() -> bool:
    """BIP-32 test vector 2, m/0 from the public key of m."""
    node = bip32.parse_public(
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB"
    )
    return node.child(0).text == (
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH"
    )


def bip84() -> bool:
    """BIP-84: the first receiving address of its account, from the public key at m/84'/0'/0'/0/0."""
    key = bytes.fromhex("0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c")
    return address.address_of(address.p2wpkh(key), "main") == "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


def bech32() -> bool:
    """BIP-173: a valid address, and the same one with another last character."""
    script = address.script_of("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "main")
    return script.hex() == "0014751e76e8199196d454941c45d1b3a323f1433bd6" and _refused("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")


def base58check() -> bool:
    """The address of the first block's output (P2PKH), and the same one with another last character."""
    script = address.script_of("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "main")
    return script.hex() == "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac" and _refused("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")


def _refused(text: str) -> bool:
    try:
        address.script_of(text, "main")
    except (Malformed, Refused):
        return True
    return False


def bip143() -> bool:
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
    return wire.hash256(preimage).hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"


def ecdsa() -> bool:
    """Wycheproof ecdsa_secp256k1_sha256, tcId 2 verifies (SHA-256 of 123400); the same over another digest does not."""
    point = bytes.fromhex("03b838ff44e5bc177bf21189d0766082fc9d843226887fc9760371100b7ee20a6f")
    right = sighash.Sighash(0, "0/0", point, bytes.fromhex("bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023"))
    assemble.verified(bytes.fromhex(_DER), right)
    try:
        assemble.verified(bytes.fromhex(_DER), sighash.Sighash(0, "0/0", point, bytes(32)))
    except Refused:
        return True
    return False


def der_low_s() -> bool:
    """The same signature (its s is low): written with the high s by an HSM it comes out the same, and the high s in DER is refused."""
    r, s = int(_R, 16), int(_S, 16)
    high = curve.N - s
    if der.from_raw(bytes.fromhex(_R) + high.to_bytes(32, "big")).hex() != _DER or der.strict(bytes.fromhex(_DER)) != (r, s):
        return False
    try:
        der.strict(der.encode(r, high))
    except Refused:
        return True
    return False
