"""`ceremony audit`: verify a register against its anchor and report on it, anywhere, with the base install alone."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from ceremony.base.data import Digest, Malformed, decode
from ceremony.base.files import write_new
from ceremony.cli.parts import Parts
from ceremony.record.register import Register
from ceremony.record.report import report as report_on
from ceremony.record.verify import Anchored, Verdict
from ceremony.record.verify import verify as verify_register
from ceremony.script.loop import check_order
from ceremony.script.table import SCRIPTS
from ceremony.script.table import digest as script_digest

WIDTH = 78
MOST_LINES = 6
"""Ceremonies, and notes, that one screen shows; the newest ceremonies and the first notes."""


def _digest(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return str(decode(Digest, value, str(parameter.name)))
    except Malformed as error:
        raise click.BadParameter(str(error)) from None


@click.group(cls=Parts)
def audit() -> None:
    """Verify a register against its anchor; write the report."""


_folder = click.argument("register", type=click.Path(path_type=Path))
_genesis = click.option("--genesis", metavar="HEX", callback=_digest, help="Digest of the genesis charter, from a closing slip.")
_head = click.option("--head", metavar="HEX", callback=_digest, help="The register's head, from the newest closing slip.")


@audit.command()
@_folder
@_genesis
@_head
def verify(register: Path, genesis: str | None, head: str | None) -> None:
    """Verify REGISTER: chain, files, documents, rules, every signature.

    Exit code 0 is VERIFIED: whole, and equal to the genesis and the head from outside the folder. 1 is a refusal, which
    begins with the control that is broken. 3 is CONSISTENT, NOT ANCHORED (genesis or head was not given, so that the whole
    could be forged) or INCOMPLETE (the newest ceremony has not ended)."""
    verdict = verify_register(register, genesis, head)
    scripted = _check_scripts(verdict.anchored) if verdict.anchored else 0
    click.echo("\n".join(lines(verdict, register, scripted)))
    raise SystemExit(verdict.code)


@audit.command()
@_folder
@_genesis
@_head
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Page of HTML to make; it must not be there yet.")
def report(register: Path, genesis: str | None, head: str | None, output: Path) -> None:
    """Verify REGISTER and write one page about it: what moved, who, what did not go as planned, and how to check each claim.

    Exit codes are those of `audit verify`. A register that is refused (1) gets no page; one that is not anchored or has not
    ended (3) gets a page that says so first."""
    verdict = verify_register(register, genesis, head)
    if verdict.anchored:
        _check_scripts(verdict.anchored)
    book = verdict.anchored.register if verdict.anchored else Register.open(register)
    write_new(output, report_on(book, verdict))
    click.echo(f"{verdict.word}\nWritten: {output}")
    raise SystemExit(verdict.code)


def _check_scripts(anchored: Anchored) -> int:
    """SET-06 against the whole script, for each ceremony that followed the script of this version; how many these are."""
    count = 0
    for ceremony in anchored.register.ceremonies:
        if ceremony.state.opened.script == script_digest(ceremony.kind):
            check_order(SCRIPTS[ceremony.kind], ceremony.state)
            count += 1
    return count


def lines(verdict: Verdict, register: Path, scripted: int) -> list[str]:
    """One screen: the verdict, the ceremonies, signatures, what else to know, and how to check without this tool."""
    told = [f"{c.number:>4}  {c.kind:<9}{c.mark:<11}{c.outcome:<19}{c.entries:>6} entries" for c in verdict.ceremonies]
    earlier = len(told) - MOST_LINES
    shown = [f"      {earlier} earlier ceremonies"] if earlier > 0 else []
    notes = [_cut(f"  {note}") for note in verdict.notes[:MOST_LINES]]
    more = len(verdict.notes) - MOST_LINES
    counted = ", ".join(f"{purpose} {count}" for purpose, count in verdict.signatures.items())
    return [
        verdict.word,
        *(["The whole could be forged: give --genesis and --head from a closing slip."] if verdict.word.startswith("CONS") else []),
        *(["The newest ceremony has not ended: `ceremony resume` goes on with it."] if verdict.word == "INCOMPLETE" else []),
        f"  genesis {verdict.genesis}",
        f"  head    {verdict.head}",
        *shown,
        *told[-MOST_LINES:],
        *_wrapped(f"Signatures that verify: {sum(verdict.signatures.values())} ({counted})"),
        *([f"Followed the script of this version step by step: {scripted} ceremonies"] if scripted else []),
        *(["To know:"] if notes else []),
        *notes,
        *([f"  and {more} more"] if more > 0 else []),
        "Check without this tool:",
        f"  sh scripts/verify-transcript.sh {register} GENESIS HEAD",
    ]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
