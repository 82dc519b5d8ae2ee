"""`ceremony suspend`: one signature stops a signing key at once; those whom SET-10 names lift that by another form (STO-07)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ceremony.base.data import Malformed, load
from ceremony.base.files import read_file
from ceremony.cli import papers
from ceremony.cli.parts import Parts, echo
from ceremony.record.form import check_may_sign
from ceremony.record.register import Register
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.record.suspension import (
    NAMESPACE,
    NONE,
    NOT_BARRED,
    Suspension,
    Suspensions,
    barred,
    check_form,
    check_signed,
    name,
    read_suspension,
    wanting,
)
from ceremony.screen.suspension import suspension_screen

TAKEN_IN = "Carry it to the cold host: give it with --suspension to the next run, or to `ceremony custody take` if none is due."


@click.group(cls=Parts)
def suspend() -> None:
    """A stolen key: the form by which its owner or an officer suspends it, and the one that lifts that."""


@suspend.command()
@papers.charters_to_see
@papers.register_to_see
@papers.genesis_digest
@click.option("--person", required=True, help="Whose key: a position such as A1, or cfo, cto, administrator, witness.")
@click.option("--by", help="Who suspends: the person themself, cfo or cto. Of a lift the register says it.")
@click.option("--lift", is_flag=True, help="The key signs again. Needs --register, which says who suspended it.")
@click.option("--reason", required=True, help="What happened.")
@papers.out
def draft(  # noqa: PLR0913, PLR0917 (one for each option)
    charter_paths: tuple[Path, ...],
    folder: Path | None,
    genesis: str | None,
    person: str,
    by: str | None,
    lift: bool,
    reason: str,
    output: Path,
) -> None:
    """Draft the form, by a copy of the register, or by the signed charters where there is none at hand."""
    papers.check_new(output)
    if (folder is None) == (not charter_paths):
        raise click.UsageError("Give --register, or --charter (repeatable) where no copy of the register is at hand.")
    book = None if folder is None else papers.book_of(folder, genesis)
    chain, before = (book.chain, book.suspended) if book is not None else (papers.charter_chain(charter_paths, genesis), NONE)
    member = chain.charter.member(person)
    if lift:
        by = by or _by(before, member.key, person)
    if by is None:
        raise click.UsageError("Give --by: who suspends, the person themself, cfo or cto.")
    form = Suspension(
        mark=chain.charter.mark,
        genesis=chain.genesis,
        act="lift" if lift else "suspend",
        person=person,
        key=member.key,
        by=by,
        reason=reason,
        issued=papers.now(),
    )
    papers.made(form, "form of a suspension")
    check_form(form, before, chain.charter, chain.genesis)
    papers.write(output, form)
    papers.show(suspension_screen(form, (), wanting(form, (), before, chain.charter)))


def _by(before: Suspensions, key: str, person: str) -> str:
    """Who suspended this key, as the register has it."""
    if key not in before.keys:
        raise Malformed(f"--lift: the key of {person} is not suspended in this register; give --register, a newer copy")
    return before.keys[key].form.by


@suspend.command()
@click.argument("form", type=papers.FILE)
def show(form: Path) -> None:
    """Show the form whole, and who has signed it (signatures are not checked here)."""
    found = read_suspension(form)
    papers.show(suspension_screen(found.form, papers.signers(found.signatures), ()))


@suspend.command()
@click.argument("form", type=papers.FILE)
@click.option("--as", "person", required=True, help="Who signs, such as cfo or A1.")
@papers.key
@papers.charter_files
@papers.register_to_see
@papers.genesis_digest
def sign(form: Path, person: str, key: Path, charter_paths: tuple[Path, ...], folder: Path | None, genesis: str | None) -> None:  # noqa: PLR0913, PLR0917
    """Sign the form, after reading it on one screen."""
    chain = papers.charter_chain(charter_paths, genesis)
    found = load(Suspension, read_file(form, MOST_BYTES), form.name)
    before = papers.suspended_in(folder, chain.genesis)
    check_may_sign("STO-07", name(found), person, barred(found, before, chain.charter), NOT_BARRED)

    def screen(each: Suspension, people: Sequence[str]) -> tuple[str, ...]:
        return suspension_screen(each, people, wanting(each, people, before, chain.charter))

    papers.sign_form(form, found, person, key, NAMESPACE, chain, screen, before)
    papers.signed_so_far(wanting(found, papers.signers(read_signed(form)[1]), before, chain.charter), TAKEN_IN)


@suspend.command()
@click.argument("form", type=papers.FILE)
@click.option("--register", "folder", type=papers.FILE, required=True, help="The register's folder.")
def check(form: Path, folder: Path) -> None:
    """Check the form: it is of this register as it stands now, and all who must have signed it."""
    book = Register.open(folder)
    signed = read_suspension(form)
    check_signed(signed, book.suspended, book.charter, book.genesis)
    papers.show(suspension_screen(signed.form, papers.signers(signed.signatures), ()))
    echo(TAKEN_IN)
