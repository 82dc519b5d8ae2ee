"""What leaves for the online host, made from the register alone: the closed list, and the digest of its manifest (EXP-01).

The cold host writes it; a verifier makes it once more and compares the digest that was recorded."""

from __future__ import annotations

from pathlib import Path

from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries, policy_history
from ceremony.record.register import Ceremony, Register
from ceremony.record.rules.common import equal
from ceremony.record.signed import signatures_path
from transfer.gap import bundle

BETWEEN = (entries.Refusal, entries.StrayDevice)
"""What may be written between the bundle and the entry that it left."""


def contents(book: Register, ceremony: Ceremony, count: int) -> dict[str, bytes]:
    """Name -> bytes of each file, the transcript up to its first `count` entries. `book` ends with the ceremony."""
    found = ceremony.state.entries[:count]
    approvals = [e.line.raw for e in found if isinstance(e.body, entries.Signature) and e.body.purpose == "approval"]
    signed = b"".join(dump(signature) for signature in ceremony.signatures("authorization"))
    return {
        "transaction": ceremony.raw("transaction"),
        "authorization.json": ceremony.raw("authorization"),
        str(signatures_path(Path("authorization.json"))): signed,
        policy_history.NAME: dump(policy_history.of(book)),
        "request.psbt": ceremony.raw("request"),
        "approvals.jsonl": b"".join(approvals),
        "transcript.jsonl": b"".join(entry.line.raw for entry in found),
    }


def digest(book: Register, ceremony: Ceremony, count: int) -> str:
    """SHA-256 of the manifest of what leaves after the first `count` entries."""
    head = ceremony.state.entries[count - 1].line.digest
    manifest = bundle.manifest_of(contents(book, ceremony, count), ceremony.state.opened.mark, ceremony.number, head)
    return sha256(dump(manifest))


NAMES = (*bundle.FILES, bundle.MANIFEST)


def check(register: Register, ceremony: Ceremony) -> None:
    """EXP-01: what was recorded as having left is what the register has: its names, and the digest of its manifest."""
    book = Register(register.folder, register.genesis, register.ceremonies[: ceremony.number])
    for at, entry in enumerate(ceremony.state.entries):
        if isinstance(entry.body, entries.Exported):
            equal("EXP-01", ceremony, "the files that left", entry.body.names, NAMES)
            counts = [at]
            while isinstance(ceremony.state.entries[counts[-1] - 1].body, BETWEEN):
                counts.append(counts[-1] - 1)
            found = [digest(book, ceremony, count) for count in counts]
            if entry.body.bundle not in found:
                equal("EXP-01", ceremony, "the bundle that left", entry.body.bundle, found[0])
