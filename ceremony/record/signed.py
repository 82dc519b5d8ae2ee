"""A signed document on disk: `X.json`, one canonical line, and beside it `X.signatures`, one canonical line for each signature.

Signatures may come in any order; nobody signs twice; a line that is torn, or written in another way, makes the whole unreadable."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, TypeVar

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import append_line, read_file
from ceremony.base.signatures import Signature

T = TypeVar("T")

MOST_SIGNATURES = 100
"""More lines than any document has signers."""
MOST_BYTES = 1_000_000
"""Bytes: no document that people sign is larger."""


def signatures_path(path: Path) -> Path:
    """Where the signatures of a document lie: `charter.json` -> `charter.signatures`."""
    return path.with_suffix(".signatures")


def read_signed(path: Path) -> tuple[bytes, tuple[Signature, ...]]:
    """The document's bytes and its signatures (none if nobody has signed yet). Nothing is verified here.

    Malformed if a line is not one that `add_signature` writes; refuses with AUT-02 a signer who is there twice."""
    raw = read_file(path, MOST_BYTES)
    beside = signatures_path(path)
    return raw, parse_signatures(read_file(beside, MOST_BYTES), beside.name) if beside.exists() else ()


def parse_signatures(raw: bytes, where: str) -> tuple[Signature, ...]:
    """The signatures in a `.signatures` file."""
    *lines, torn = raw.split(b"\n")
    if torn:
        raise Malformed(f"{where}: the last line is torn; remove it and sign again")
    if len(lines) > MOST_SIGNATURES:
        raise Malformed(f"{where}: {len(lines)} lines, expected at most {MOST_SIGNATURES}")
    found: dict[str, Signature] = {}
    for number, line in enumerate(lines, start=1):
        signature = load(Signature, line + b"\n", f"{where}, line {number}")
        _only_once(signature.signer, found, where)
        found[signature.signer] = signature
    return tuple(found.values())


def add_signature(path: Path, signature: Signature) -> None:
    """Append one signature to the document at `path` and sync it; refuses with AUT-02 a person who has signed already."""
    _, signed = read_signed(path)
    _only_once(signature.signer, {s.signer: s for s in signed}, signatures_path(path).name)
    append_line(signatures_path(path), dump(signature))


def _only_once(signer: str, found: dict[str, Signature], where: str) -> None:
    if signer in found:
        refuse(
            "AUT-02",
            f"{where}: {signer} signs a second time",
            found=f"two signatures of {signer}",
            expected="one signature of each person; twice counts once",
            do="Let the person who is still missing sign, or take the second line out.",
        )


@control("SET-04")
def strict(cls: type[T], raw: bytes, what: str) -> T:
    """SET-04: a document that governs (charter, policy) has exactly its form; an unknown, missing or out-of-range field stops."""
    try:
        return load(cls, raw, what)
    except Malformed as error:
        refuse_form(what, str(error))


def refuse_form(what: str, found: str, expected: str = "exactly the form that docs/formats.md gives") -> NoReturn:
    """The refusal of SET-04, also for a field that is out of its range."""
    refuse("SET-04", f"{what} does not have its form", found=found, expected=expected, do="Make the file again with `ceremony`.")
