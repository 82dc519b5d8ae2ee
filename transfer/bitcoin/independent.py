# ruff: noqa: PLC0415 - the base install has none of these libraries
"""The second reading of a signing request: by other code than `reading`, so that one error cannot deceive both (TXN-01).

Transactions are parsed by `py-bitcoinkernel` (Bitcoin Core's own code), keys and addresses come from `bip-utils`. Of ours
it shares the shape of question and answer and nothing of the reading: no codec, no derivation, no address code. The kernel
takes bytes beyond the end of a transaction, so each is compared with its re-serialisation."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from ceremony.base.data import Malformed
from transfer.request import AccountKey
from transfer.review import Change, Decoded, Input, Payment

_HARDENED = 1 << 31
_LARGEST_INDEX = 9_999
_VERSIONS = {"main": ("0488b21e", "0488ade4"), "test": ("043587cf", "04358394"), "regtest": ("043587cf", "04358394")}
_BECH32 = {"main": "bc", "test": "tb", "regtest": "bcrt"}
_BASE58 = {"main": (b"\x00", b"\x05"), "test": (b"\x6f", b"\xc4"), "regtest": (b"\x6f", b"\xc4")}

Map = dict[bytes, bytes]


def answer(account: AccountKey, request: bytes, signed: bytes | None = None, to: AccountKey | None = None) -> Decoded:
    """The facts of the request, or Malformed with what is not accepted; `signed`, if given, must be it with every input valid.

    `to`, of a sweep: the account of the key in use; the request must have one output, to its address 0/0."""
    keys, maps = _Keys(account), list(_maps(request))
    _only(maps[0], b"\x00")
    unsigned = _transaction(maps[0][b"\x00"], "unsigned transaction")
    inputs, outputs = list(unsigned.inputs), list(unsigned.outputs)
    if len(maps) != 1 + len(inputs) + len(outputs):
        raise Malformed(f"{len(maps) - 1} maps for {len(inputs)} inputs and {len(outputs)} outputs")
    parsed = cache(lambda raw: _transaction(raw, "previous transaction"))
    spent = tuple(_spent(each, own, keys, parsed) for each, own in zip(inputs, maps[1:], strict=False))
    pairs = list(zip(outputs, maps[1 + len(inputs) :], strict=True))
    made = tuple(_made(n, each, own, keys) for n, (each, own) in enumerate(pairs)) if to is None else ()
    swept = () if to is None else (_swept(pairs, _Keys(to)),)
    if _has_scripts(unsigned):
        raise Malformed("unsigned transaction: an input is signed already")
    if signed is not None and verify_inputs(signed, [(each.amount, keys.script(each.path)) for each in spent]) != str(unsigned.txid):
        raise Malformed("the signed transaction is not the transaction of the request")
    return _facts(account, request, unsigned, (spent, made, swept))


def own_address(account: AccountKey, path: str) -> str:
    """The account's P2WPKH address at "branch/index"; Malformed outside the account."""
    branch, index = path.split("/")
    if branch not in "01" or int(index) > _LARGEST_INDEX:
        raise Malformed(f"the path {path} is outside the account")
    keys = _Keys(account)
    return keys.address(keys.script(path))


def verify_inputs(raw: bytes, outputs: Sequence[tuple[int, bytes]]) -> str:
    """The txid of a signed transaction, once the kernel verified each input against the (amount, script) that it spends.

    All consensus rules that the kernel has a flag for. Malformed names the input that fails. High S passes here: `check`
    refuses it."""
    import pbk
    from pbk.script import PrecomputedTransactionData

    signed = _transaction(raw, "signed transaction")
    if len(signed.inputs) != len(outputs):
        raise Malformed(f"signed transaction: {len(signed.inputs)} inputs, expected {len(outputs)}")
    scripts = [pbk.ScriptPubkey(script) for _, script in outputs]
    spent = [pbk.TransactionOutput(script, amount) for script, (amount, _) in zip(scripts, outputs, strict=True)]
    shared = PrecomputedTransactionData(signed, spent)
    for number, (script, (amount, _)) in enumerate(zip(scripts, outputs, strict=True)):
        if not script.verify(amount, signed, shared, number, pbk.ScriptVerificationFlags.ALL):
            raise Malformed(f"signed transaction: input {number} does not verify")
    return str(signed.txid)


def _facts(
    account: AccountKey, request: bytes, unsigned: Any, found: tuple[tuple[Input, ...], tuple[Payment | Change, ...], tuple[Change, ...]]
) -> Decoded:
    raw, (spent, made, swept) = bytes(unsigned), found
    fee = sum(each.amount for each in spent) - sum(each.amount for each in (*made, *swept))
    if fee < 0:
        raise Malformed(f"{-fee} sat more are paid than spent")
    weight = 4 * len(raw) + 2 + 108 * len(spent)
    return Decoded(
        chain="bitcoin",
        network=account.network,
        account=account.name,
        digest=hashlib.sha256(request).hexdigest(),
        txid=str(unsigned.txid),
        version=struct.unpack("<I", raw[:4])[0],
        locktime=int(unsigned.locktime),
        sequences=tuple(int(each.sequence) for each in unsigned.inputs),
        inputs=spent,
        payments=tuple(each for each in made if isinstance(each, Payment)),
        change=tuple(each for each in made if isinstance(each, Change)),
        swept=swept,
        fee=fee,
        weight=weight,
        rate=-(-fee * 1000 // -(-weight // 4)),
    )


def _has_scripts(unsigned: Any) -> bool:
    """The kernel does not show the scripts of inputs; the length says whether they are empty (41 bytes an input)."""
    inputs, scripts = len(unsigned.inputs), [len(bytes(each.script_pubkey)) for each in unsigned.outputs]
    counts = sum(1 if count < 0xFD else 3 for count in (inputs, len(scripts), *scripts))
    return len(bytes(unsigned)) != 8 + counts + 41 * inputs + sum(8 + size for size in scripts)


class _Keys:
    """Public keys and addresses of the account by `bip-utils`, each derived once."""

    def __init__(self, account: AccountKey) -> None:
        from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1

        public, private = (bytes.fromhex(version) for version in _VERSIONS[account.network])
        self._node = Bip32Slip10Secp256k1.FromExtendedKey(account.xpub, Bip32KeyNetVersions(public, private))
        self._branches = [self._node.ChildKey(branch) for branch in (0, 1)]
        self._network = account.network
        self._origin = bytes.fromhex(account.fingerprint) + b"".join(
            struct.pack("<I", int(step.rstrip("h")) + _HARDENED) for step in account.path.split("/")[1:]
        )
        self.public_key = cache(self._public_key)

    def _public_key(self, path: str) -> bytes:
        branch, index = (int(step) for step in path.split("/"))
        return bytes(self._branches[branch].ChildKey(index).PublicKey().RawCompressed().ToBytes())

    def script(self, path: str) -> bytes:
        """The P2WPKH script of the key at "branch/index"."""
        from bip_utils.utils.crypto import Hash160

        return b"\x00\x14" + bytes(Hash160.QuickDigest(self.public_key(path)))

    def path(self, own: Map, kind: bytes) -> str:
        """The "branch/index" of the one key origin of a map, if it is of this account."""
        key = next(key for key in own if key[:1] == kind)
        value = own[key]
        if len(value) != 24 or value[:16] != self._origin:
            raise Malformed(f"a key origin of another account: {value.hex()}")
        branch, index = struct.unpack("<II", value[16:])
        if branch > 1 or index > _LARGEST_INDEX or self.public_key(f"{branch}/{index}") != key[1:]:
            raise Malformed(f"a key origin whose key is not the account's at {branch}/{index}")
        return f"{branch}/{index}"

    def address(self, script: bytes) -> str:
        """The address of a script of a known kind."""
        from bip_utils import Base58Encoder, SegwitBech32Encoder

        if len(script) in (22, 34) and script[0] in (0, 0x51) and script[1] == len(script) - 2 and script[:2] != b"\x51\x14":
            return str(SegwitBech32Encoder.Encode(_BECH32[self._network], script[0] & 1, script[2:]))
        to_key, to_script = _BASE58[self._network]
        if len(script) == 25 and (script[:3], script[23:]) == (b"\x76\xa9\x14", b"\x88\xac"):
            return str(Base58Encoder.CheckEncode(to_key + script[3:23]))
        if len(script) == 23 and (script[:2], script[22:]) == (b"\xa9\x14", b"\x87"):
            return str(Base58Encoder.CheckEncode(to_script + script[2:22]))
        raise Malformed(f"an output script of an unknown kind: {script[:40].hex()}")


def _spent(each: Any, own: Map, keys: _Keys, parsed: Any) -> Input:
    _only(own, b"\x00", b"\x03", b"\x06")
    if own[b"\x03"] != b"\x01\x00\x00\x00":
        raise Malformed("a sighash type that is not ALL")
    previous, number, path = parsed(own[b"\x00"]), int(each.out_point.index), keys.path(own, b"\x06")
    if str(previous.txid) != str(each.out_point.txid) or number >= len(previous.outputs):
        raise Malformed(f"a previous transaction that is not the spent one: {previous.txid}")
    output = previous.outputs[number]
    script = bytes(output.script_pubkey)
    if script != keys.script(path):
        raise Malformed(f"an input that is not the account's at {path}")
    return Input(txid=str(previous.txid), vout=number, amount=int(output.amount), path=path, address=keys.address(script))


def _made(number: int, each: Any, own: Map, keys: _Keys) -> Payment | Change:
    script, amount = bytes(each.script_pubkey), int(each.amount)
    address = keys.address(script)
    if not own:
        return Payment(index=number, address=address, amount=amount, script=script)
    _only(own, b"\x02")
    path = keys.path(own, b"\x02")
    if path[0] != "1" or script != keys.script(path):
        raise Malformed(f"output {number} claims to be change and is not the account's at {path}")
    return Change(index=number, address=address, amount=amount, script=script, path=path)


def _swept(pairs: Sequence[tuple[Any, Map]], keys: _Keys) -> Change:
    """The one output of a sweep: the new key's own first receiving address, and it says so."""
    if len(pairs) != 1:
        raise Malformed(f"a sweep with {len(pairs)} outputs")
    ((each, own),) = pairs
    _only(own, b"\x02")
    script = bytes(each.script_pubkey)
    if keys.path(own, b"\x02") != "0/0" or script != keys.script("0/0"):
        raise Malformed("a sweep to another address than 0/0 of the key in use")
    return Change(index=0, address=keys.address(script), amount=int(each.amount), script=script, path="0/0")


def _transaction(raw: bytes, what: str) -> Any:
    """The kernel's transaction of exactly these bytes."""
    import pbk

    try:
        found = pbk.Transaction(raw)
    except RuntimeError:
        raise Malformed(f"{what}: the kernel cannot parse it") from None
    if bytes(found) != raw:
        raise Malformed(f"{what}: the kernel writes other bytes than these")
    return found


def _maps(raw: bytes) -> Iterator[Map]:
    """The key-value maps of a PSBT (BIP-174), walked to the last byte."""
    if raw[:5] != b"psbt\xff":
        raise Malformed("not a PSBT")
    at, found = 5, Map()
    while at < len(raw):
        key, at = _string(raw, at)
        if not key:
            yield found
            found = {}
            continue
        value, at = _string(raw, at)
        if key in found:
            raise Malformed(f"the key {key.hex()} is there twice")
        found[key] = value
    if found or at == 5:
        raise Malformed("the PSBT ends within a map")


def _string(raw: bytes, at: int) -> tuple[bytes, int]:
    if at >= len(raw):
        raise Malformed("the PSBT ends too early")
    width = {0xFD: 2, 0xFE: 4, 0xFF: 8}.get(raw[at], 0)
    size = int.from_bytes(raw[at + 1 : at + 1 + width], "little") if width else raw[at]
    start = at + 1 + width
    if (width and size < (0xFD, 1 << 16, 1 << 32)[(2, 4, 8).index(width)]) or start + size > len(raw):
        raise Malformed(f"a wrong length at byte {at}")
    return raw[start : start + size], start + size


def _only(own: Map, *kinds: bytes) -> None:
    """Exactly one key of each kind: kind 00 and 03 alone, 02 and 06 with a compressed public key behind it."""
    found = sorted(key[:1] for key in own)
    if found != sorted(kinds) or any(len(key) != (34 if key[:1] in (b"\x02", b"\x06") else 1) for key in own):
        raise Malformed(f"a map with the keys {', '.join(sorted(key.hex() for key in own)) or 'none'}")
