"""`ceremony shares token`: what lies on a custodian's own hardware token; and one share erased from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from ceremony.base.data import Malformed
from ceremony.base.show import shown
from ceremony.cli import papers, pins
from ceremony.cli.cold import check_ready
from ceremony.cli.parts import Parts, echo
from ceremony.screen import panels
from ceremony.script.on_file import check_gone
from ceremony.script.on_token import whose
from ceremony.vault.custodian import CustodianToken
from ceremony.vault.protocol import PresentToken, StoredShare

MINUTES = 10
"""How long the process that holds the PIN lives at most."""
LOST = (
    "Erased is gone for good. If this is the newest share of its position and lies nowhere else, only the other custodians of the site can "
    "open it from then on; the register says which sealing number counts."
)
module_option = click.option(
    "--module", required=True, type=click.Path(exists=True, dir_okay=False), help="The token's PKCS#11 library, from its maker or OpenSC."
)
serial_option = click.option("--serial", default="", help="The token's serial number, where several are plugged in.")


@click.group(cls=Parts)
def token() -> None:
    """Your own hardware token: what shares lie on it, and one of them erased."""


@token.command("list")
@module_option
@serial_option
def list_(module: str, serial: str) -> None:
    """Say which shares lie on your token: position, kind, set, sealing number. The token asks for its PIN; no passphrase is asked for."""
    with _opened(module, serial) as opened:
        papers.show(_told(opened.shares()))


@token.command()
@module_option
@serial_option
@click.argument("name")
def erase(module: str, serial: str, name: str) -> None:
    """Erase one share, by its NAME as `list` shows it (its beginning is enough if that is one share's alone), and show its absence."""
    with _opened(module, serial) as opened:
        found = [share for share in opened.shares() if share.label.startswith(name)]
        if len(found) != 1:
            raise Malformed(f"{len(found)} shares on this token have a name that begins with {shown(name)}; expected one")
        papers.show((*_told(found), "", *panels.paragraph(LOST)))
        if click.prompt("Type ERASE to erase it, anything else to stop", prompt_suffix=": ", show_default=False, default="") != "ERASE":
            echo("Nothing was erased.", err=True)
            raise SystemExit(papers.STOPPED)
        header = whose(found[0])
        left = opened.erase(found[0])
        check_gone(header.position if header else "nobody", found[0].label, {share.label for share in left})
        papers.show((f"Erased: {found[0].label}. Left on this token:", *_told(left)))


@contextmanager
def _opened(module: str, serial: str) -> Iterator[CustodianToken]:
    """The one token, its PIN taken. What of its process's protection is not held is told: there is no charter to refuse it by."""
    check_ready()
    with CustodianToken.start(MINUTES) as process:
        wanted = _one(process.present(module), serial)
        lacking = [f"{each.name}: {each.state}" for each in process.ready.protection if each.state != "held"]
        papers.show(
            (f"token {wanted.label}, serial {wanted.serial}", *(panels.listed("Protection that is not held:", lacking) if lacking else ()))
        )
        pins.opened(
            lambda: process.open(module, wanted.label, wanted.serial),
            "the PIN of the token was wrong three times; nothing is lost, and the passphrase is another one",
        )
        yield process


def _one(found: tuple[PresentToken, ...], serial: str) -> PresentToken:
    there = [each for each in found if serial in ("", each.serial)]
    if len(there) != 1:
        said = ", ".join(f"{each.label} (serial {each.serial})" for each in found) or "no token"
        raise Malformed(f"found {said}; expected one token: plug yours in, and name it with --serial if several are there")
    return there[0]


def _told(shares: tuple[StoredShare, ...] | list[StoredShare]) -> tuple[str, ...]:
    """One row for each share, from its header alone; nothing in it is secret."""
    rows = []
    for share in shares:
        header = whose(share)
        kind = (
            f"{header.position}  {header.mark}, set {header.set_identifier}, sealing number {header.sealing}"
            if header
            else "no sealed share"
        )
        rows.append(f"  {share.label.split(' ')[0][:24]:<16} {kind}")
    return tuple(rows) or ("  no share",)
