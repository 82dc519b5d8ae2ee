"""Addresses and the output scripts that they stand for (BIP-13, BIP-16, BIP-141, BIP-173, BIP-341, BIP-350).

Known are P2WPKH, P2WSH, P2TR, P2PKH and P2SH; each script has one address and each address one spelling (lower case)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.base.show import shown
from transfer.bitcoin import base58, bech32, curve
from transfer.bitcoin.wire import hash160
from transfer.request import Network


@dataclass(frozen=True, slots=True)
class Prefixes:
    """How a network spells its addresses: bech32 prefix, version bytes of P2PKH and P2SH."""

    bech32: str
    p2pkh: int
    p2sh: int


PREFIXES: dict[Network, Prefixes] = {
    "main": Prefixes("bc", 0x00, 0x05),
    "test": Prefixes("tb", 0x6F, 0xC4),
    "regtest": Prefixes("bcrt", 0x6F, 0xC4),
}

_KNOWN = "P2WPKH, P2WSH, P2TR, P2PKH or P2SH"
_OP_RETURN = b"\x6a"


def p2wpkh(public_key: bytes) -> bytes:
    """The output script of a compressed public key (BIP-141)."""
    return b"\x00\x14" + hash160(public_key)


@control("TXN-03")
def address_of(script: bytes, network: Network) -> str:
    """TXN-03: the address of an output script; a script that is not fully understood is refused, with no override."""
    known = PREFIXES[network]
    if len(script) in (22, 34) and script[:2] in (b"\x00\x14", b"\x00\x20") and script[1] == len(script) - 2:
        return bech32.encode(known.bech32, [0, *bech32.to_five_bits(script[2:])], "bech32")
    if len(script) == 34 and script[:2] == b"\x51\x20":
        if not curve.is_on_curve(int.from_bytes(script[2:], "big")):
            _unknown(script, "a taproot output whose key is not on the curve; nobody could ever spend it")
        return bech32.encode(known.bech32, [1, *bech32.to_five_bits(script[2:])], "bech32m")
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return base58.encode(bytes([known.p2pkh]) + script[3:23])
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return base58.encode(bytes([known.p2sh]) + script[2:22])
    return _unknown(script, "an output that carries data and pays nobody (OP_RETURN)" if script[:1] == _OP_RETURN else "unknown script")


def _unknown(script: bytes, found: str) -> NoReturn:
    shown = script.hex() if len(script) <= 40 else f"{script[:40].hex()}... ({len(script)} bytes)"
    refuse("TXN-03", "output script", found=f"{found}: {shown}", expected=_KNOWN, do="Ask the payee for an ordinary address.")


def script_of(address: str, network: Network) -> bytes:
    """The output script of an address of this network in its one spelling.

    Malformed if the text is no address of this network; TXN-03 if it is one of a kind that is not understood."""
    is_segwit = address.lower().startswith(tuple(known.bech32 + "1" for known in PREFIXES.values()))
    script = _segwit_script(address, network) if is_segwit else _base58_script(address, network)
    if address_of(script, network) != address:
        raise Malformed(f"the address {shown(address)} is not in its usual spelling (lower case)")
    return script


def segwit_program(address: str, prefix: str) -> tuple[int, bytes]:
    """Witness version and program of any segwit address (BIP-173, BIP-350); Malformed if it is none under this prefix."""
    found, values, variant = bech32.decode(address)
    if found != prefix or not values:
        raise Malformed(f"not an address of this network: found the prefix {shown(found)}, expected {shown(prefix)}")
    version, program = values[0], bech32.to_bytes(values[1:])
    if version > 16 or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise Malformed("segwit address: no such witness version or length")
    if variant != ("bech32" if version == 0 else "bech32m"):
        raise Malformed("segwit address: the check is of the wrong kind for its witness version (BIP-350)")
    return version, program


def witness_script(version: int, program: bytes) -> bytes:
    """The output script of a witness program (BIP-141)."""
    return bytes([version + 0x50 if version else 0, len(program)]) + program


def _segwit_script(address: str, network: Network) -> bytes:
    return witness_script(*segwit_program(address, PREFIXES[network].bech32))


def _base58_script(address: str, network: Network) -> bytes:
    known, payload = PREFIXES[network], base58.decode(address)
    if len(payload) != 21 or payload[0] not in (known.p2pkh, known.p2sh):
        raise Malformed(f"not an address of this network ({network})")
    if payload[0] == known.p2pkh:
        return b"\x76\xa9\x14" + payload[1:] + b"\x88\xac"
    return b"\xa9\x14" + payload[1:] + b"\x87"
