"""Digests as people have them from a closing slip: hexadecimal digits in any case, whole or in groups, or the words beside them."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from ceremony.base.words import heard
from ceremony.record.register import CHARTER, Register

DIGITS = 64
SPOKEN = 32
"""Digits that 16 words stand for: 128 bits."""


def read(text: str) -> str:
    """The 64 digits of a digest, or the first 32 of them if it was given in words. Malformed for anything else."""
    parts = text.split()
    digits = "".join(parts).lower()
    if re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", digits):
        return digits
    words = [part for part in parts if not re.fullmatch(r"[0-9]{1,2}[.:]?", part)]  # slips number the words
    if len(words) == SPOKEN // 2:
        return heard(words).hex()
    raise Malformed(f"found {shown(text)}, expected {DIGITS} hexadecimal digits, whole or in groups, or {SPOKEN // 2} words")


def taken(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """For options that take digits alone."""
    found = words_too(_context, parameter, value)
    if found is not None and len(found) != DIGITS:
        raise click.BadParameter(f"words stand for {SPOKEN * 4} bits of it; here all {DIGITS} hexadecimal digits are asked for")
    return found


def words_too(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """For options that take words, too."""
    if value is None:
        return None
    try:
        return read(value)
    except Malformed as error:
        raise click.BadParameter(str(error)) from None


def whole(folder: Path, genesis: str | None, head: str | None) -> tuple[str | None, str | None]:
    """Genesis and head in all their digits. What was given in words is the digest of this register that has them, if one has; else
    one that no register has, so that it is refused as any other."""
    return _of(genesis, _charter(folder) if genesis else ()), _of(head, _heads(folder) if head and len(head) != DIGITS else ())


def _of(given: str | None, known: tuple[str, ...]) -> str | None:
    if given is None or len(given) == DIGITS:
        return given
    return next((each for each in known if each.startswith(given)), given.ljust(DIGITS, "0"))


def _charter(folder: Path) -> tuple[str, ...]:
    path = folder / "0001-keygen" / CHARTER
    return (sha256(read_file(path)),) if path.is_file() else ()


def _heads(folder: Path) -> tuple[str, ...]:
    """The head, and each that there was before; none of a register that cannot be read, which its verification tells."""
    try:
        book = Register.open(folder)
    except (Malformed, Refused):
        return ()
    return (book.head, *(entry.line.prev for ceremony in book.ceremonies for entry in ceremony.state.entries))
