"""`ceremony shares card`: the card of one custodian's sealed share, as a PDF on their own medium."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.base.files import read_file, write_new
from ceremony.cli.cold import check_genesis, document, genesis_option, register_option
from ceremony.cli.parts import echo
from ceremony.machine import pdf
from ceremony.record.charter import Charter
from ceremony.record.register import Register
from ceremony.screen.card import MOST, Paper
from ceremony.screen.terminal import Terminal
from ceremony.script.on_file import check_folder
from ceremony.script.sitting import acceptable, check_undamaged
from ceremony.script.typed_card import PICTURES, printed, scanned
from shares.envelope import Expected, Header, check_header
from shares.plan import Terms

AFTERWARDS = (
    "Print it on a printer that hangs on a cable and keeps nothing, look at it, and put it into its bag. Copies of one share count once; "
    "each of them goes when the share is locked again: an old card with its passphrase opens as before, and this tool refuses it."
)

TYPED = "(Lines are typed where a ceremony asks for the card, such as `ceremony shares reseal`, which gives it a new one.)"


@click.command()
@register_option
@genesis_option
@click.option(
    "--paper", "sheet", type=click.Choice(list(MOST)), default="A6", show_default=True, help="A6, or a sheet of A4 that is cut to A6."
)
@click.option("--copies", type=click.IntRange(1, max(MOST.values())), default=1, show_default=True, help="On A4: copies of this one card.")
@click.argument("share", type=document)
def card(folder: Path, genesis: str, share: str, sheet: str, copies: int) -> None:
    """Print the card of SHARE, a sealed share or a picture of its old card, for its custodian: a PDF beside it, on their own medium."""
    size = cast(Paper, sheet)
    if copies > MOST[size]:
        raise click.UsageError(f"{size} has room for one card; --paper A4 for {copies}.")
    book, path = Register.open(folder), Path(share)
    check_genesis(book, genesis)
    _check_allowed(book.charter)
    sealed = _read(path)
    header = _checked(book, sealed)
    check_folder(path.parent, header.position)
    out = path.with_name(f"card-{header.position}-{header.sealing:04d}.pdf")
    if out.exists():
        raise Malformed(f"{out}: is there already; print that one, or remove it to make it anew")
    with Terminal().working("draw the card, and read it back"):
        raw = printed(sealed, size, copies)
        write_new(out, raw, mode=0o600)
        if scanned(read_file(out)) != sealed:
            raise Malformed(f"{out}: reads back something else than was written; use a new medium")
    echo(f"{header.mark.upper()} card of {header.position}, set {header.set_identifier}, sealing number {header.sealing}: {out}")
    echo(f"Read back: {copies} on {size}, the code by both readers and every line.\n{AFTERWARDS}")


def _check_allowed(charter: Charter) -> None:
    """GEN-10: a share lies on what the charter names, and on nothing else that nobody would count or destroy."""
    if "card" not in charter.media:
        refuse(
            "GEN-10",
            "the charter lets no share lie on paper",
            found=f"media: {', '.join(charter.media)}",
            expected="card among them",
            do="Print nothing. If the desk wants cards, amend the charter first (`ceremony charter amend --media`).",
        )


def _read(path: Path) -> bytes:
    """A sealed share from its file, or from a picture of its card."""
    raw = read_file(path, pdf.MAX_PDF)
    if not path.name.lower().endswith(PICTURES):
        return raw
    try:
        return scanned(raw)
    except Malformed as error:
        raise Malformed(f"{path}: {error} {TYPED}") from None


def _checked(book: Register, sealed: bytes) -> Header:
    """REC-02, REC-03, REC-12, REC-13: only what the register knows as the newest sealed share of its position, whole, goes onto a card."""
    header, record = Header.unpack(sealed), book.key_record
    expected = Expected(
        terms=Terms(mark=record.mark, scheme=record.scheme, plan=record.plan),
        set_identifier=record.set_identifier,
        position=header.position,
        sealings=acceptable(book, record, header.position, header.sealing),
        retired=book.retired,
    )
    check_header(header, expected)
    check_undamaged(book, record, header.position, header, sealed)
    return header
