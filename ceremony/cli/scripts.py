"""`ceremony script`: the script of a ceremony on the screen or on paper, whole or for one role. From the same table that plays it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from ceremony.base.data import Mark
from ceremony.base.files import write_new
from ceremony.cli import papers
from ceremony.cli.parts import Parts, echo
from ceremony.record.entries import Kind
from ceremony.screen.paper import pdf
from ceremony.script import printed
from ceremony.script.printed import ROLES, Role

kind_option = click.option("--kind", type=click.Choice(get_args(Kind)), default="transfer", show_default=True, help="Which ceremony.")


@click.group(cls=Parts)
def script() -> None:
    """Show or print the script of a ceremony."""


@script.command()
@kind_option
@click.option("--for", "role", type=click.Choice(ROLES), help="What this role brings, is asked, and refuses.")
def show(kind: Kind, role: Role | None) -> None:
    """Show the steps, or one role's sheet."""
    papers.show([line.removeprefix("# ") for line in (printed.sheet(role, kind) if role else printed.script(kind))])


@script.command("print")
@kind_option
@click.option("--for", "role", type=click.Choice(ROLES), help="The sheet of one role first; else the script alone.")
@click.option("--mark", type=click.Choice(get_args(Mark)), required=True, help="Stands on every page.")
@papers.out
def print_(kind: Kind, role: Role | None, mark: Mark, output: Path) -> None:
    """Write the script as a PDF (A4): numbered steps with blanks for initials and times."""
    found = (*((printed.sheet(role, kind),) if role else ()), *printed.pages(kind))
    title = f"script of a {kind}" + (f", for the {role}" if role else "")
    write_new(output, pdf(title, found, mark))
    echo(f"Written: {output}")
