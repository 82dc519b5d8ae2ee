"""The HSM's signatures, verified once more from the record alone, and the transaction that was made of them (SIG-03, SIG-06)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ceremony.base.data import Malformed
from ceremony.record import entries
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal, read_transaction
from ceremony.record.runs import split
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.sighash import Sighash, sighashes
from transfer.request import AccountKey, SigningRequest


def check(ceremony: Ceremony, request: SigningRequest, account: AccountKey) -> None:
    """Each signature is by the recorded key at its path over the digest of its input; the transaction is the request with them."""
    wanted = sighashes(request, account)
    assembled = b""
    for body in ceremony.state.all(entries.HsmSigned):
        assembled = _assembled(ceremony, body, wanted, request, account)
    paths = sorted({sighash.path for sighash in wanted})
    for imported in ceremony.state.all(entries.Imported):
        equal("REC-09", ceremony, "the keys in the HSM", sorted(imported.paths), paths)
        check_attributes(ceremony, imported)
    for destroyed, imported_here in _destroyed(ceremony):
        equal("SEC-03", ceremony, "how many keys were destroyed", destroyed, len(paths) if imported_here else 0)
    transaction = read_transaction(ceremony.raw("transaction"), f"{ceremony.folder.name}, transaction")
    if transaction.raw != assembled:
        differs("SIG-06", ceremony, "the transaction", transaction.txid, "the approved request with the recorded signatures")
    for checked in ceremony.state.all(entries.Checked):
        equal(
            "SIG-03", ceremony, "the transaction that was checked", (checked.txid, checked.weight), (transaction.txid, transaction.weight)
        )
        (agreed, *_) = ceremony.state.all(entries.Agreed)
        equal("SIG-03", ceremony, "the fee that was checked", checked.fee, agreed.fee)


def _destroyed(ceremony: Ceremony) -> Iterator[tuple[int, bool]]:
    """How many keys each `absent` counts, and whether its run had imported them: those of an earlier run ended with its session."""
    for run in split(ceremony.state.entries):
        here = False
        for entry in ceremony.state.entries[run.first : run.end]:
            here = here or isinstance(entry.body, entries.Imported)
            if isinstance(entry.body, entries.Absent):
                yield entry.body.destroyed, here


ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {"DECRYPT": "false", "DERIVE": "false", "EXTRACTABLE": "false", "MODIFIABLE": "false", "PRIVATE": "true", "SENSITIVE": "true",
     "SIGN": "true", "SIGN_RECOVER": "false", "TOKEN": "false", "UNWRAP": "false"}
)  # fmt: skip
"""PKCS#11 attributes of an imported key (section 4.9 of the specification) that no HSM may state otherwise."""
STATED = frozenset({*ATTRIBUTES, "ALWAYS_SENSITIVE", "LOCAL", "NEVER_EXTRACTABLE", "origin", "AES key"})
"""Every attribute that is recorded."""


def check_attributes(ceremony: Ceremony, imported: entries.Imported) -> None:
    """REC-09: the imported keys can sign and nothing else, and stay in this session."""
    equal("REC-09", ceremony, "the attributes that were recorded", sorted(imported.attributes), sorted(STATED))
    found = {name: imported.attributes[name] for name in ATTRIBUTES}
    equal("REC-09", ceremony, "the attributes of the keys in the HSM", found, dict(ATTRIBUTES))


def _assembled(
    ceremony: Ceremony, body: entries.HsmSigned, wanted: tuple[Sighash, ...], request: SigningRequest, account: AccountKey
) -> bytes:
    """The transaction with these signatures; SIG-03 if one does not verify."""
    by_input = sorted(body.signatures, key=lambda signature: signature.input)
    found = [(s.input, s.path, s.public) for s in by_input]
    equal("SIG-03", ceremony, "the keys that signed", found, [(s.index, s.path, s.public_key.hex()) for s in wanted])
    if any(len(s.raw) != 128 for s in by_input):
        raise Malformed(f"{ceremony.folder.name}: a signature of the HSM has not 64 bytes")
    return assemble(request, tuple(bytes.fromhex(s.raw) for s in by_input), account)
