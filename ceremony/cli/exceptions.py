"""`ceremony exception`: an officer reads a form that the cold host wrote, and signs it on a machine of their own. No secrets."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.base.files import read_file
from ceremony.cli import papers
from ceremony.cli.parts import Parts
from ceremony.record import exceptional
from ceremony.record.exceptional import OFFICERS
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.screen.exception import exception_screen


@click.group(cls=Parts)
def exception() -> None:
    """Read and sign an exception form (CFO and CTO)."""


@exception.command()
@click.argument("form", type=papers.FILE)
def show(form: Path) -> None:
    """Show the form whole, and who has signed it (signatures are not checked here)."""
    raw, signed = read_signed(form)
    papers.show(exception_screen(exceptional.parse(raw, form.name), papers.signers(signed)))


@exception.command()
@click.argument("form", type=papers.FILE)
@click.option("--as", "person", type=click.Choice(OFFICERS), required=True, help="Who signs.")
@papers.key
@papers.charter_files
@papers.genesis_digest
def sign(form: Path, person: str, key: Path, charter_paths: tuple[Path, ...], genesis: str | None) -> None:
    """Sign the form, after reading it on one screen."""
    chain = papers.charter_chain(charter_paths, genesis)
    found = exceptional.parse(read_file(form, MOST_BYTES), form.name)
    papers.sign_form(form, found, person, key, "exception@cold-ceremony", chain, exception_screen)
