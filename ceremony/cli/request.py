"""`ceremony request`, `review` and `approve`: a prepared request for officers, and on their laptops (AUT-09, SIG-02). No secrets."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ceremony.base import signatures
from ceremony.base.data import Malformed, dump
from ceremony.base.files import make_folder, read_file, write_new
from ceremony.cli import digests, papers
from ceremony.cli.parts import echo
from ceremony.record import requested
from ceremony.record.approval import as_person
from ceremony.record.charter import OFFICERS
from ceremony.record.register import Register
from ceremony.record.signed import add_signature
from ceremony.record.verify import verify
from ceremony.screen.requested import request_screen

_register = click.option("--register", "register", type=papers.FILE, required=True, help="The register's folder.")
_folder = click.argument("request", type=papers.FILE)
_genesis = click.option(
    "--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from your closing slip."
)


@click.command()
@_register
@_genesis
@papers.out
def request(register: Path, genesis: str, output: Path) -> None:
    """Write the request folder of the transfer that is prepared, for officers who approve on their laptops (OUTPUT is a new folder).

    `prepare --request-out` does the same at its end; this is for when it was interrupted, or another copy is needed."""
    verify(register, genesis)
    write(Register.open(register), output)
    echo(f"For the officers: {output}")


def write(book: Register, folder: Path) -> None:
    """The request folder, each file read back; nothing in it is secret."""
    check_new(book.folder, folder)
    found = requested.contents(book)
    make_folder(folder)
    for name, raw in found.items():
        write_new(folder / name, raw)
    if {path.name: read_file(path) for path in folder.iterdir()} != found:
        raise Malformed(f"{folder}: what was written does not read back; use another medium")


def check_new(register: Path, folder: Path) -> None:
    """A request folder is a new one, and never among the records, where no extra file may lie (AUD-05)."""
    if folder.exists():
        raise Malformed(f"{folder}: is there already; give a new folder for the request")
    if register.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise Malformed(f"{folder}: lies in the register; give a folder outside of it")


@click.command()
@_folder
@_genesis
def review(request: Path, genesis: str) -> None:
    """Verify the folder REQUEST from the genesis down, then show what would be signed.

    Nothing of it is shown unless all of it holds (AUT-09). `prepare --request-out` makes the folder."""
    found = requested.read(request, genesis, papers.now())
    papers.pages(request_screen(found))
    echo("All of it was verified, from the genesis down. Compare the words by voice.")


@click.command()
@_folder
@_genesis
@click.option("--as", "person", required=True, type=click.Choice(OFFICERS))
@papers.key
@papers.out
def approve(request: Path, genesis: str, person: str, key: Path, output: Path) -> None:
    """Review the folder REQUEST and sign an approval of exactly this, to be carried back to the cold host.

    It is called approval-cfo.json or approval-cto.json there, in the folder that `ceremony transfer --approvals` names."""
    papers.check_new(output)
    found = requested.read(request, genesis, papers.now())
    papers.pages(request_screen(found))
    if found.charter.officers_approve != "yes":
        echo("This charter does not ask officers to approve each request; the cold host takes none.")
    _agreed(person, request, key)
    approval = as_person(found.approval, person, found.approval.head)
    signature = signatures.sign(person, "approval@cold-ceremony", dump(approval), key)
    signatures.verify(signature, dump(approval), found.charter.key(person), "approval@cold-ceremony")
    papers.write(output, approval)
    add_signature(output, signature)


def _agreed(person: str, folder: Path, key: Path) -> None:
    """SIGN, or why not: what an officer does not agree to is not signed here, it is revoked."""
    said = click.prompt(
        f"{person}: type SIGN to approve exactly this, n if you do not agree", prompt_suffix=": ", default="", show_default=False
    )
    if said == "n":
        reason = click.prompt(f"{person}: I do not agree, because", prompt_suffix=" ")
        echo("Nothing was signed, and without your approval no share is opened.")
        echo("To stop this transfer for good, sign that you take it back:")
        echo(f"  ceremony authorize revoke {shlex.quote(str(folder / 'authorization.json'))} \\")
        echo(f"    --as {person} --key {shlex.quote(str(key))} -o revocation.json \\\n    --reason {shlex.quote(reason)}")
    elif said != "SIGN":
        echo("Nothing was signed.", err=True)
    if said != "SIGN":
        raise SystemExit(papers.STOPPED)
    echo("If your key waits for a touch, touch it now.")
