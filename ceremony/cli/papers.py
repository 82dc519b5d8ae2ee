"""What the commands of "anywhere" have in common: signed documents are read, made, signed and anchored in one way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from ceremony.base import signatures
from ceremony.base.control import Undecided, refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import write_new
from ceremony.base.signatures import Namespace, Signature
from ceremony.record import charter as charters
from ceremony.record import policy as policies
from ceremony.record.charter import SIGNERS, Charter
from ceremony.record.signed import add_signature, read_signed
from transfer.limits import Policy, written

T = TypeVar("T")

STOPPED = 130
_ROWS = 23
"""Lines of a page: a terminal has 24, and one is for the prompt."""
FILE = click.Path(path_type=Path)
out = click.option("-o", "--output", type=FILE, required=True, help="File to make; it must not be there yet.")
key = click.option("--key", type=FILE, required=True, help="SSH private key file, or the .pub of a key held by hardware or an agent.")
charter_file = click.option("--charter", "charter_path", type=FILE, required=True, help="The signed charter.")
policy_file = click.option("--policy", "policy_path", type=FILE, required=True, help="The signed policy.")
genesis_digest = click.option("--genesis", metavar="HEX", help="Digest of the genesis charter, from a closing slip.")


def now() -> str:
    """The clock, in our form."""
    return written(datetime.now(UTC))


def show(lines: Sequence[str]) -> None:
    """Lines on the screen."""
    click.echo("\n".join(lines))


def pages(*screens: Sequence[str]) -> None:
    """Screens one after the other, each cut at what a terminal of 24 lines shows; somebody at a terminal says when to go on."""
    cut = [lines[at : at + _ROWS] for lines in screens for at in range(0, len(lines), _ROWS)]
    for number, lines in enumerate(cut, start=1):
        show(lines)
        if number < len(cut) and sys.stdin.isatty():
            click.prompt(f"Page {number} of {len(cut)} [Enter]", prompt_suffix=" ", show_default=False, default="")


def made(value: T, what: str) -> T:
    """The same record, once it has proven its form by being read back; Malformed says which field is wrong."""
    return load(type(value), dump(value), what)


def write(path: Path, value: object) -> None:
    """Make the file, never over another one."""
    write_new(path, dump(value))
    click.echo(f"Written: {path}")


def public_key(path: Path) -> str:
    """The public key that belongs to a `--key`."""
    return signatures.public_key_of(path if path.suffix == ".pub" else path.with_name(path.name + ".pub"))


def genesis_of(charter: Charter, given: str | None) -> str:
    """The genesis that this charter belongs to; refuses with AUD-09 if it is not the one from outside."""
    if charter.number == 0:
        if given not in (None, charter.digest):
            refuse(
                "AUD-09",
                "this charter is not the genesis that you know",
                found=charter.digest,
                expected=str(given),
                do="Compare the words with your closing slip. Do not use this charter.",
            )
        return charter.digest
    if given is None:
        raise Malformed(f"charter {charter.number} is not the genesis; give the genesis digest with --genesis")
    return given


def anchored(charter: Charter, given: str | None) -> None:
    """AUD-09: without the genesis digest from outside nothing is proven; the verdict is undecided (exit 3)."""
    if given is None:
        raise Undecided("CONSISTENT, NOT ANCHORED\n  do        Give --genesis with the digest from your closing slip.")
    if charter.number != 0:
        raise Undecided("CONSISTENT, NOT ANCHORED\n  do        `ceremony audit verify` follows later charters back to the genesis.")
    click.echo("ANCHORED: the charter is the genesis that you named.")


def signed_charter(path: Path) -> Charter:
    """A charter that CFO, CTO and witness have signed."""
    raw, signed = read_signed(path)
    charter = charters.parse(raw, path.name)
    charters.verify_all(signed, raw, SIGNERS, charter, "charter@cold-ceremony")
    return charter


def signed_policy(path: Path, charter: Charter, genesis: str) -> Policy:
    """A policy of this charter that CFO, CTO and witness have signed."""
    raw, signed = read_signed(path)
    policy = policies.parse(raw, path.name)
    policies.check(policy, charter, genesis)
    policies.verify_all(signed, raw, charter)
    return policy


def signers(signed: Sequence[Signature]) -> tuple[str, ...]:
    """Who signed, in a fixed order."""
    return tuple(sorted(s.signer for s in signed))


def sign(path: Path, person: str, key_path: Path, namespace: Namespace, charter: Charter) -> None:
    """After the screen: one typed word, then a signature that must be of the charter's key before it is kept."""
    raw, signed = read_signed(path)
    confirmed()
    signature = signatures.sign(person, namespace, raw, key_path)
    signatures.verify(signature, raw, charter.key(person), namespace, fresh=True)
    add_signature(path, signature)
    click.echo(f"Signed by {', '.join(sorted((*signers(signed), person)))}.")


def confirmed() -> None:
    """The word that an officer types once the screen is what they expect."""
    word = click.prompt("Type SIGN to sign this, anything else to stop", prompt_suffix=": ", show_default=False, default="")
    if word != "SIGN":
        click.echo("Nothing was signed.", err=True)
        raise SystemExit(STOPPED)
    click.echo("If your key waits for a touch, touch it now.")
