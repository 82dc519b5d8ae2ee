"""`ceremony audit`: verify a register against its anchor and report on it, anywhere, with the base install alone."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.base.files import write_new
from ceremony.base.show import line, rows
from ceremony.cli import digests
from ceremony.cli.parts import Parts, echo
from ceremony.record.register import Register
from ceremony.record.report import report as report_on
from ceremony.record.verify import INCOMPLETE, NO_SCRIPT, NOT_ANCHORED, Verdict
from ceremony.record.verify import verify as verify_register

WIDTH = 78
MOST_LINES = 6
"""Ceremonies, and notes, that one screen shows; the newest ceremonies, and the gravest notes."""


@click.group(cls=Parts)
def audit() -> None:
    """Verify a register against its anchor; write the report."""


_folder = click.argument("register", type=click.Path(path_type=Path))
_genesis = click.option(
    "--genesis",
    metavar="DIGEST",
    callback=digests.words_too,
    help="Digest of the genesis charter, from a closing slip, in digits or words.",
)
_head = click.option(
    "--head", metavar="DIGEST", callback=digests.words_too, help="The register's head, from the newest closing slip, in digits or words."
)


@audit.command()
@_folder
@_genesis
@_head
@click.option("--notes", "all_notes", is_flag=True, help="Tell all that there is to know, not the gravest and newest alone.")
def verify(register: Path, genesis: str | None, head: str | None, all_notes: bool) -> None:
    """Verify REGISTER: chain, files, documents, rules, every signature.

    Exit code 0 is VERIFIED: whole, and equal to the genesis and the head from outside the folder. 1 is a refusal, which
    begins with the control that is broken. 3 is one word or more, each on a line: ANCHORED UP TO CEREMONY N (the head
    is of an older slip, which says nothing of what follows), NOT ANCHORED (genesis or head was not given, so that the
    whole could be forged), NOT HELD TO A SCRIPT (of another release), INCOMPLETE (the newest ceremony has not ended)."""
    said = words_given(genesis, head)
    verdict = verify_register(register, *digests.whole(register, genesis, head))
    echo("\n".join([*verdict.words, *said, *lines(verdict, register, all_notes=all_notes)]))
    raise SystemExit(verdict.code)


@audit.command()
@_folder
@_genesis
@_head
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Page of HTML to make; it must not be there yet.")
def report(register: Path, genesis: str | None, head: str | None, output: Path) -> None:
    """Verify REGISTER and write one page about it: what moved, who, what did not go as planned, and how to check each claim.

    Exit codes are those of `audit verify`. A register that is refused (1) gets no page; one that is not VERIFIED (3)
    gets a page that says so first."""
    said = words_given(genesis, head)
    verdict = verify_register(register, *digests.whole(register, genesis, head))
    book = verdict.anchored.register if verdict.anchored else Register.open(register)
    write_new(output, report_on(book, verdict))
    echo("\n".join([*verdict.words, *said, f"Written: {output}"]))
    raise SystemExit(verdict.code)


def words_given(genesis: str | None, head: str | None) -> tuple[str, ...]:
    """What the verdict says of words: they stand for half of a digest."""
    spoken = [name for name, given in (("genesis", genesis), ("head", head)) if given is not None and len(given) == digests.SPOKEN]
    return (f"Compared by words: 128 bits of {' and '.join(spoken)}; digits would be 256.",) if spoken else ()


def lines(verdict: Verdict, register: Path, *, all_notes: bool = False) -> list[str]:
    """One screen below the verdict: the ceremonies, signatures, what else to know, and how to check without this tool."""
    told = [f"{c.number:>4}  {c.kind:<9}{c.mark:<11}{c.outcome:<19}{c.entries:>6} entries" for c in verdict.ceremonies]
    earlier = len(told) - MOST_LINES
    shown = [f"      {earlier} earlier ceremonies"] if earlier > 0 else []
    most = len(verdict.notes) if all_notes else MOST_LINES
    notes = [row for note in verdict.notes[:most] for row in (rows(f"  {note}", WIDTH, "    ") if all_notes else [_cut(f"  {note}")])]
    more = len(verdict.notes) - most
    counted = ", ".join(f"{purpose} {count}" for purpose, count in verdict.signatures.items())
    return [
        *(["The whole could be forged: give --genesis and --head from a closing slip."] if NOT_ANCHORED in verdict.words else []),
        *(
            ["A ceremony follows a script that this verifier does not know: use the release that has it."]
            if NO_SCRIPT in verdict.words
            else []
        ),
        *(["The newest ceremony has not ended: `ceremony resume` goes on with it."] if INCOMPLETE in verdict.words else []),
        f"  genesis {verdict.genesis}",
        f"  head    {verdict.head}",
        *shown,
        *told[-MOST_LINES:],
        *_wrapped(f"Signatures that verify: {sum(verdict.signatures.values())} ({counted})"),
        *(["To know:"] if notes else []),
        *notes,
        *([f"  and {more} more: --notes tells all"] if more > 0 else []),
        "Check without this tool:",
        f"  sh scripts/verify-transcript.sh {line(str(register))} GENESIS HEAD",
    ]


def _wrapped(text: str) -> list[str]:
    return rows(text, WIDTH, "  ")


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
