"""Signed documents in a folder that is carried to another machine: `X.json` and `X.signatures`, verified there from the genesis down.

Request folders (requested.py) and kits (kit.py) are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from ceremony.base.control import refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.signatures import Signature
from ceremony.record.chain import Chain, SignedCharter, verify_chain
from ceremony.record.charter import verify_all
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.signed import MOST_BYTES, parse_signatures

STOP = "Do not use this folder. Keep it as it is, and ask who made it, by a way that you knew before."


def document(name: str, raw: bytes, signed: Iterable[Signature]) -> dict[str, bytes]:
    """Both files of one document."""
    return {f"{name}.json": raw, f"{name}.signatures": lines(signed)}


def lines(signed: Iterable[Signature]) -> bytes:
    """A line for each signature."""
    return b"".join(dump(signature) for signature in signed)


def of_charters(links: Iterable[SignedCharter]) -> dict[str, bytes]:
    """Every charter from the genesis on, numbered, with the succession of one that replaced a lost officer."""
    found: dict[str, bytes] = {}
    for number, link in enumerate(links):
        found |= document(f"charter-{number}", link.charter, link.signatures)
        if link.succession is not None:
            found |= document(f"succession-{number}", link.succession, link.succession_signatures)
    return found


def read_signed(files: Mapping[str, bytes], name: str) -> tuple[bytes, tuple[Signature, ...]]:
    """One document and its signatures; KeyError if it is not there."""
    raw, signed = files[f"{name}.json"], files[f"{name}.signatures"]
    if len(signed) > MOST_BYTES:
        raise Malformed("too many signatures")
    return raw, parse_signatures(signed, name)


def read_links(files: Mapping[str, bytes]) -> tuple[SignedCharter, ...]:
    """The charters as they lie there; nothing is verified."""
    items: list[SignedCharter] = []
    while f"charter-{len(items)}.json" in files:
        number = len(items)
        raw, signed = read_signed(files, f"charter-{number}")
        succession, successors = None, tuple[Signature, ...]()
        with suppress(KeyError):
            succession, successors = read_signed(files, f"succession-{number}")
        items.append(SignedCharter(charter=raw, signatures=signed, succession=succession, succession_signatures=successors))
    if not items:
        raise Malformed("no charter")
    return tuple(items)


def read_chain(files: Mapping[str, bytes], genesis: str) -> Chain:
    """The charters, each signed as the one before it demands; AUD-09 unless they begin with the genesis from outside."""
    chain = verify_chain(read_links(files))
    if chain.genesis != genesis:
        refuse("AUD-09", "the genesis", found=chain.genesis, expected=genesis, do=STOP)
    return chain


def read_key_record(files: Mapping[str, bytes], chain: Chain, name: str = "key-record") -> KeyRecord:
    """Of this genesis, signed under the charter that it names by the witness and a quorum of custodians."""
    raw, signed = read_signed(files, name)
    found = load(KeyRecord, raw, "key record")
    if found.genesis != chain.genesis or found.mark != chain.charter.mark:
        refuse("AUD-09", "the key record's genesis", found=found.genesis, expected=chain.genesis, do=STOP)
    founding = chain.named(found.charter, "the key record")
    verify_all(signed, raw, ("witness",), founding, "key-record@cold-ceremony")
    if not founding.plan.enough([s.signer for s in signed if s.signer in founding.custodians]):
        refuse("ASM-01", "the key record's custodians", found="too few", expected="a quorum", do=STOP)
    return found
