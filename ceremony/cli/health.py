"""`ceremony shares check`, `kit` and `take`: a share is proven alone, at the register or at its custodian's own site (STO-10)."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed
from ceremony.base.files import make_folder, read_file, write_new
from ceremony.cli.cold import (
    begin,
    check_genesis,
    check_ready,
    document,
    genesis_option,
    slips_option,
    token_module_option,
    without_nothing,
)
from ceremony.cli.parts import echo
from ceremony.cli.request import check_new
from ceremony.record import kit as kits
from ceremony.record.register import Ceremony, Register
from ceremony.record.verify import verify
from ceremony.screen.terminal import Stopped, Terminal
from ceremony.script import atsite
from ceremony.script.brought import BETWEEN
from ceremony.script.closing import slips_folder
from ceremony.script.health import STAFF, unproven
from ceremony.script.room import utc_now
from ceremony.vault.protocol import Interrupted

_register = click.option("--register", "folder", type=click.Path(path_type=Path), required=True, help="The register's folder.")
_new = click.Path(path_type=Path)
STOPPED = """
Stopped. This look counts for nothing, and your share is as it was. Begin anew with the same command.
If your bag is open by now: close the share into a new one, and tell the administrator both numbers."""


@click.command()
@click.option("--register", "folder", type=click.Path(path_type=Path), help="The register's folder, where it is.")
@click.option("--kit", "kit_folder", type=click.Path(path_type=Path), help="Without the register: the kit's folder.")
@genesis_option
@click.option("--position", "positions", multiple=True, help="A custodian who is here, such as A1; also `witness`. Asked for if not given.")
@click.option("--with", "second", metavar="PERSON", help="With a kit: a second person who is here and signs, such as `witness`.")
@click.option("--out", type=_new, help="With a kit: a new folder for the signed health records.")
@token_module_option
@slips_option
def check(  # noqa: PLR0913, PLR0917
    folder: Path | None,
    kit_folder: Path | None,
    genesis: str,
    positions: tuple[str, ...],
    second: str | None,
    out: Path | None,
    slips: str | None,
    **module: str | None,
) -> None:
    """Each custodian who is here opens their share alone; it is compared, and never combined (STO-10).

    At the register it is locked again under its next number, as a ceremony. With a kit, at a custodian's own site, it stays as it is,
    and what was found is signed, to be taken into the register."""
    if (folder is None) == (kit_folder is None):
        raise click.UsageError("Give --register where the register is, or --kit where it is not.")
    if kit_folder is not None:
        if out is None:
            raise click.UsageError("With --kit give --out, a new folder for the signed health records.")
        _at_site(kit_folder, genesis, positions, second, out, without_nothing(module))
        return
    assert folder is not None  # noqa: S101 (one of the two was given)
    if out is not None or second is not None:
        raise click.UsageError("--out and --with go with --kit; the register keeps what is done at it.")
    given = {**without_nothing(module), **({"positions": " ".join(positions)} if positions else {})}
    begin(folder, genesis, "check", {**given, "slips": str(slips_folder(folder, slips))}, until=None)
    check_proven(ended(folder))


@click.command()
@_register
@genesis_option
@click.option("--out", type=_new, required=True, help="A new folder for the kit.")
@click.argument("positions", nargs=-1, required=True, metavar="POSITION...")
def kit(folder: Path, genesis: str, out: Path, positions: tuple[str, ...]) -> None:
    """Write the kit that these custodians need to prove their shares at their own site: `shares check --kit`.

    It holds names, keys and extended public keys: confidential, as the register is, and no secret."""
    book = Register.open(folder)
    check_genesis(book, genesis)
    verify(folder, genesis)
    check_new(book.folder, out)
    found = kits.contents(book, positions, utc_now())
    make_folder(out)
    for name, raw in found.items():
        write_new(out / name, raw)
    if {path.name: read_file(path) for path in out.iterdir()} != found:
        raise Malformed(f"{out}: what was written does not read back; use another medium")
    kits.read(out, genesis)
    echo(f"Kit for {' '.join(sorted(set(positions)))}: {out}\nIt is good until one of these shares is locked again.")


@click.command()
@_register
@genesis_option
@slips_option
@click.argument("records", nargs=-1, required=True, type=document, metavar="RECORD...")
def take(folder: Path, genesis: str, slips: str | None, records: tuple[str, ...]) -> None:
    """Take signed health records that came back from custodians' own sites into the register: administrator and witness."""
    given = {"positions": STAFF, "records": BETWEEN.join(records), "slips": str(slips_folder(folder, slips))}
    begin(folder, genesis, "check", given, until=None)
    ended(folder)


def _at_site(folder: Path, genesis: str, positions: tuple[str, ...], second: str | None, out: Path, given: dict[str, str]) -> None:  # noqa: PLR0913, PLR0917
    check_ready()
    found = kits.read(folder, genesis)
    known = [share.position for share in found.kit.shares]
    here = positions or tuple(known)
    if strangers := [p for p in here if p not in known]:
        raise Malformed(f"{', '.join(strangers)}: found no such position in this kit, expected some of {', '.join(known)}")
    if second is not None and (second in here or second not in {member.person for member in found.chain.charter.people}):
        raise Malformed(f"--with {second}: expected another person of the charter than who checks their own share")
    check_new(folder, out)
    if not out.absolute().parent.is_dir():
        raise Malformed(f"{out}: its folder is not there; insert the medium, or make the folder")
    try:
        done = atsite.check(atsite.room_of(found, out, Terminal(), given), found, here, second)
    except (Stopped, Interrupted, KeyboardInterrupt):
        echo(STOPPED, err=True)
        raise SystemExit(130) from None
    except (Refused, Malformed, OSError):
        echo(STOPPED, err=True)
        raise
    for each in done:
        echo(f"{each.position}: {each.said}")
    echo(f"Signed: {out}\nBring it to the cold host: `ceremony shares take`. It counts once it is there.")
    atsite.check_proven(done, out)


def check_proven(ceremony: Ceremony) -> None:
    """STO-10: a check that left a share unproven says so by its exit code, too: it is recorded, and asks for a decision."""
    missing = unproven(ceremony.state)
    if missing:
        refuse(
            "STO-10",
            "not every share was proven",
            found=f"not proven: {' '.join(missing)}",
            expected="each opens, matches its commitment, and is locked again",
            do="It is recorded. Find out why; let them prove it in another check, or tell the officers, who decide within 14 days.",
        )


def ended(folder: Path) -> Ceremony:
    """What came of it, and the new head."""
    book = Register.open(folder)
    ceremony = book.ceremonies[-1]
    closed = ceremony.state.closed
    if closed is None:
        raise Malformed(f"{ceremony.folder.name} has not ended: `ceremony resume` goes on with it")
    echo(f"{closed.outcome.capitalize()}: {closed.reason}\nhead {book.head}")
    return ceremony
