"""`ceremony loss`: people are lost, or a signed run's signature is; those whom SET-10 names sign a form by which the record goes on."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.base.data import Malformed, load
from ceremony.base.files import read_file
from ceremony.cli import papers
from ceremony.cli.parts import Parts, echo
from ceremony.record.charter import OFFICERS
from ceremony.record.form import check_may_sign
from ceremony.record.loss import NAMESPACE, NOT_LOST, Loss, SignedLoss, check_signed, name, wanting
from ceremony.record.place import place
from ceremony.record.register import Register
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.record.signers import as_begun
from ceremony.record.suspension import ANEW, check_signer
from ceremony.screen.loss import loss_screen

TAKEN_IN = "Carry it to the cold host: give it with --loss to `ceremony resume`, `void`, `amend` or `custody take`."
PEOPLE = (*OFFICERS, "witness", "administrator")


@click.group(cls=Parts)
def loss() -> None:
    """People who are lost, or a damaged record: the form by which a ceremony goes on."""


@loss.command()
@click.option("--register", "folder", type=click.Path(path_type=Path), required=True, help="The register's folder.")
@click.option("--lost", multiple=True, help="Who is lost, such as witness or A1; repeatable; none if a signature alone is.")
@click.option("--reason", required=True, help="What happened.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The form, a new file.")
def draft(folder: Path, lost: tuple[str, ...], reason: str, output: Path) -> None:
    """Draft the form for the ceremony that is open, or for the next one: where the record stands, and what is kept aside."""
    papers.check_new(output)
    book = as_begun(Register.open(folder))
    charter = book.charter
    for person in lost:
        charter.member(person)
    found = place(book)
    form = Loss(
        mark=charter.mark,
        genesis=book.genesis,
        ceremony=found.ceremony,
        entry=found.entry,
        head=found.head,
        aside=found.aside,
        lost=tuple(dict.fromkeys(lost)),
        reason=reason,
        issued=papers.now(),
    )
    papers.made(form, "form of a loss")
    papers.write(output, form)
    papers.show(loss_screen(form, (), wanting(form.lost, (), charter), found.unsigned))


@loss.command()
@click.argument("form", type=papers.FILE)
def show(form: Path) -> None:
    """Show the form whole, and who has signed it (signatures are not checked here)."""
    raw, signed = read_signed(form)
    papers.show(loss_screen(load(Loss, raw, form.name), papers.signers(signed), ()))


@loss.command()
@click.argument("form", type=papers.FILE)
@click.option("--as", "person", required=True, help="Who signs, such as cfo or A1.")
@papers.key
@papers.charter_files
@papers.genesis_digest
def sign(form: Path, person: str, key: Path, charter_paths: tuple[Path, ...], genesis: str | None) -> None:
    """Sign the form, after reading it on one screen."""
    chain = papers.charter_chain(charter_paths, genesis)
    found = load(Loss, read_file(form, MOST_BYTES), form.name)
    check_may_sign("SET-10", name(found), person, found.lost, NOT_LOST)
    papers.sign_form(
        form,
        found,
        person,
        key,
        NAMESPACE,
        chain,
        lambda each, people: loss_screen(each, people, wanting(each.lost, people, chain.charter)),
    )
    papers.signed_so_far(wanting(found.lost, papers.signers(read_signed(form)[1]), chain.charter), TAKEN_IN)


@loss.command()
@click.argument("form", type=papers.FILE)
@click.option("--register", "folder", type=click.Path(path_type=Path), required=True, help="The register's folder.")
def check(form: Path, folder: Path) -> None:
    """Check the form: all whom SET-10 names have signed it, and it says where the record stands now."""
    book = as_begun(Register.open(folder))
    raw, signed = read_signed(form)
    found = load(Loss, raw, form.name)
    check_signed(SignedLoss(form=found, signatures=signed), book.charter)
    for signer in papers.signers(signed):
        check_signer(signer, book.suspended, book.charter, form.name, ANEW)
    due = place(book)
    if not due.is_of(found):
        raise Malformed(
            f"{form}: it was made for entry {found.entry} of ceremony {found.ceremony}; the record stands at {due.entry} of {due.ceremony}"
        )
    papers.show(loss_screen(found, papers.signers(signed), (), due.unsigned))
    echo(TAKEN_IN)
