"""`ceremony register`: the register's head as people read it aloud, and its closing slips printed once more."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.base.data import Malformed
from ceremony.cli import papers
from ceremony.cli.cold import genesis_option, register_option, slips_option
from ceremony.cli.parts import Parts, echo
from ceremony.record import policy_history
from ceremony.record.register import Ceremony, Register
from ceremony.record.verify import verify
from ceremony.screen import panels
from ceremony.script.closing import slips_folder, write_slips


@click.group(cls=Parts)
def register() -> None:
    """The register's head, and the closing slips of its newest ceremony."""


@register.command()
@register_option
@genesis_option
def head(folder: Path, genesis: str) -> None:
    """The newest ceremony that has ended, and the head after it, in hexadecimal digits and words. Not before the roll-call has asked."""
    ended = _newest(folder, genesis)
    echo(f"ceremony {ended.number}, {ended.kind}\ngenesis {genesis}\nhead {ended.head}")
    echo("\n".join(panels.words("head", ended.head)))


@register.command()
@register_option
@genesis_option
@slips_option
def slip(folder: Path, genesis: str, slips: str | None) -> None:
    """Write the closing slips of the newest ceremony again, if something came between its end and them.

    Hand them out at once. At a roll-call they prove nothing: what is printed from the register says what the register says."""
    where = slips_folder(folder, slips)
    ended = _newest(folder, genesis)
    count = write_slips(Register.open(folder), ended, where)
    echo(f"{count} closing slips of ceremony {ended.number} lie in {where}.")


@register.command()
@register_option
@genesis_option
@papers.out
def history(folder: Path, genesis: str, output: Path) -> None:
    """Write every policy with the signed end from which it counts, for who has no copy of the register.

    `authorize` takes it with --history; it names payees and limits, and is confidential."""
    papers.check_new(output)
    verify(folder, genesis)
    papers.write(output, policy_history.of(Register.open(folder)))


def _newest(folder: Path, genesis: str) -> Ceremony:
    """The newest ceremony that has ended, of a register that holds together."""
    verify(folder, genesis)
    ended = [c for c in Register.open(folder).ceremonies if c.state.closed is not None]
    if not ended:
        raise Malformed(f"{folder}: no ceremony has ended yet")
    return ended[-1]
