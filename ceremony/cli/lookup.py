"""`ceremony address` and `ceremony words`: what people look up and compare, anywhere. No secrets."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import click

from ceremony.base.amounts import grouped
from ceremony.base.control import Undecided, control, refuse
from ceremony.base.data import Digest, Malformed, decode, load
from ceremony.base.files import read_file, write_new
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from ceremony.base.words import heard, spoken
from ceremony.cli import digests, papers
from ceremony.cli.parts import echo
from ceremony.record.addresses import used
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.signed import MOST_BYTES
from ceremony.record.sweeping import account_of
from ceremony.record.verify import verify
from ceremony.screen.documents import digest, field
from ceremony.screen.terminal import Terminal, check_terminal
from transfer.bitcoin import second
from transfer.bitcoin.account import MAX_INDEX, opened
from transfer.request import AccountKey

RECEIVE = 0
WORDS = 8
"""Of the address's SHA-256: 64 bits, enough to hear that two people look at the same address."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@click.command()
@click.option("--account", required=True, help="Name in the charter.")
@click.option("--index", type=click.IntRange(0, MAX_INDEX - 1), help="Of the receiving address; with --register the first unused one.")
@click.option("--register", type=papers.FILE, help="The register, which knows the key and the addresses that were used.")
@click.option(
    "--genesis", metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from a closing slip (with --register)."
)
@click.option("--key-record", "record_path", type=papers.FILE, help="The key record, instead of the register.")
@click.option(
    "--digest",
    "record_digest",
    metavar="HEX",
    callback=digests.taken,
    help="Digest of the key record, from a closing slip (with --key-record).",
)
@click.option("--png", type=papers.FILE, help="A picture of the QR code to make.")
@click.option("--qr", is_flag=True, help="Show the QR code on this terminal.")
def address(  # noqa: PLR0913, PLR0917 (one option each)
    account: str,
    index: int | None,
    register: Path | None,
    genesis: str | None,
    record_path: Path | None,
    record_digest: str | None,
    png: Path | None,
    qr: bool,
) -> None:
    """Show a receiving address of our own, derived by both readers from the key record.

    It is proven only if the key record is: with the genesis or the key record's digest from a closing slip. Without, exit code 3."""
    if (register is None) == (record_path is None):
        raise Malformed("give --register, or --key-record of a copy")
    if register is not None:
        key, at = _of_register(register, genesis, account, index)
        anchored = genesis is not None
    else:
        assert record_path is not None  # noqa: S101 (one of the two)
        key = account_of(_of_file(record_path, record_digest), account)
        at, anchored = _given(index), record_digest is not None
    found = _derived_twice(key, f"{RECEIVE}/{at}")
    papers.show(_screen(key, at, found, known=register is not None))
    if png is not None or qr:
        _draw(found.upper(), png, on_terminal=qr)
    if not anchored:
        raise Undecided("NOT ANCHORED\n  do        Give --genesis or --digest from your closing slip before anybody pays to this.")


def _draw(text: str, png: Path | None, *, on_terminal: bool) -> None:
    """EXP-02: the QR code of an address (bech32 in capitals, BIP-173), as a file or on the terminal; what is shown is read back first."""
    from transfer.gap import qr  # noqa: PLC0415 (draws with libraries that not everybody has)

    if on_terminal:
        check_terminal()
        qr.read_back(qr.rasterise(qr.terminal_lines(text)), text)
    if png is not None:
        picture = qr.png(text)
        qr.read_back(picture, text)
        write_new(png, picture)
        echo(f"Written: {png}")
    if on_terminal:
        Terminal().qr((text,))


def _of_register(folder: Path, genesis: str | None, account: str, index: int | None) -> tuple[AccountKey, int]:
    """The account of the key in use, and an index that no ceremony has seen used."""
    verify(folder, genesis)
    book = Register.open(folder)
    key = account_of(book.key_record, account)
    taken = used(book, key)
    free = next(at for at in count() if f"{RECEIVE}/{at}" not in taken)
    if index is not None and f"{RECEIVE}/{index}" in taken:
        raise Malformed(f"index {index} was used already, seen in ceremony {taken[f'{RECEIVE}/{index}']}; the first unused one is {free}")
    return key, free if index is None else index


def _of_file(path: Path, expected: str | None) -> KeyRecord:
    raw = read_file(path, MOST_BYTES)
    if expected is not None and sha256(raw) != decode(Digest, expected, "--digest"):
        refuse(
            "AUD-09",
            "this is another key record",
            found=sha256(raw),
            expected=expected,
            do="Compare with your closing slip. Do not pay to an address of this key record.",
        )
    return load(KeyRecord, raw, path.name)


def _given(index: int | None) -> int:
    if index is None:
        raise Malformed("give --index: a key record alone does not know which addresses were used")
    return index


def _derived_twice(key: AccountKey, path: str) -> str:
    """TXN-01: our derivation and the second reader's give the same address."""
    if missing := second.missing():
        raise Undecided(
            f"The second reader is not installed here ({', '.join(missing)}): an address that only one reader derived is not shown."
        )
    branch, index = map(int, path.split("/"))
    ours, theirs = opened(key).own(branch, index).address, second.address(key, path)
    if ours != theirs:
        refuse(
            "TXN-01",
            f"the two readers derive different addresses at {path}",
            found=grouped(ours),
            expected=grouped(theirs),
            do="Pay to neither. Keep the key record: this is what an attack looks like.",
        )
    return ours


def _screen(key: AccountKey, index: int, found: str, *, known: bool) -> tuple[str, ...]:
    unused = "no ceremony of this register has used it" if known else "not known here: give --register"
    return (
        f"Receiving address {index} of {key.name} ({key.chain} {key.network}, {key.path}/{RECEIVE}/{index})",
        *field("address", grouped(found)),
        *field("in words", " ".join(spoken(sha256(found.encode()), WORDS))),
        *field("derived", "by our code and by bip-utils, which agree"),
        *field("unused", unused),
    )


@click.command()
@click.argument("what")
@click.argument("said", nargs=-1)
def words(what: str, said: tuple[str, ...]) -> None:
    """WHAT is a digest, a file, or the first of several words.

    A digest or file is shown as words. With SAID words behind it, they are compared. Words alone are shown as digits."""
    if not _DIGEST.fullmatch(what) and not Path(what).is_file():
        echo(f"{heard((what, *said)).hex()}\n{1 + len(said)} words: the first {2 + 2 * len(said)} digits of the digest.")
        return
    value = what if _DIGEST.fullmatch(what) else sha256(read_file(Path(what)))
    if said:
        check_heard(value, said)
    papers.show(digest(value))
    if said:
        echo(f"The same in all {len(said)} words.")


@control("EXP-04")
def check_heard(value: str, said: tuple[str, ...]) -> None:
    """EXP-04: the words that the other side reads aloud are the words of this digest."""
    found = heard(said).hex()
    if len(said) > len(value) // 2 or not value.startswith(found):
        expected = spoken(value, min(len(said), len(value) // 2))
        at = next(
            (n for n, (ours, theirs) in enumerate(zip(expected, said, strict=False)) if ours.lower() != theirs.lower()), len(expected)
        )
        refuse(
            "EXP-04",
            "these words are of another digest",
            found=f"word {at + 1}: {shown(said[at])}",
            expected="the words of this digest, which are not shown here",
            do="Let them be read once more. If they differ still, it is another document.",
        )
