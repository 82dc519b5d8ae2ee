"""What the commands of "anywhere" have in common: signed documents are read, made, signed and anchored in one way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from ceremony.base import signatures
from ceremony.base.control import Refused, Undecided, refuse
from ceremony.base.data import Malformed, Mark, dump, load
from ceremony.base.files import write_new
from ceremony.base.show import wrap
from ceremony.base.signatures import Namespace, Signature
from ceremony.cli import digests
from ceremony.cli.parts import echo
from ceremony.record import charter as charters
from ceremony.record import policy as policies
from ceremony.record.chain import Chain, SignedCharter, check_follows, parse_succession, verify_chain
from ceremony.record.charter import Charter
from ceremony.record.signed import add_signature, read_signed
from ceremony.record.suspension import ANEW, NONE, Suspensions, check_signer
from transfer.limits import Policy, written

if TYPE_CHECKING:
    from ceremony.record.register import Register

T = TypeVar("T")


class OfRegister(Protocol):
    """What says of which register it is."""

    @property
    def genesis(self) -> str:
        """Digest of the genesis charter."""

    @property
    def mark(self) -> Mark:
        """Practice or production."""


Form = TypeVar("Form", bound=OfRegister)

STOPPED = 130
_ROWS = 23
"""Lines of a page: a terminal has 24, and one is for the prompt."""
FILE = click.Path(path_type=Path)
out = click.option("-o", "--output", type=FILE, required=True, help="File to make; it must not be there yet.")
key = click.option("--key", type=FILE, required=True, help="SSH private key file, or the .pub of a key held by hardware or an agent.")
_CHARTERS = "The signed charter; every one from the genesis on, and successions, if it was amended: repeatable."
charter_files = click.option("--charter", "charter_paths", type=FILE, required=True, multiple=True, help=_CHARTERS)
_SEE = "The signed charters, to see at once that your key is the right one: repeatable."
charters_to_see = click.option("--charter", "charter_paths", type=FILE, multiple=True, help=_SEE)
_BEFORE = "The signed charters before it, from the genesis on: repeatable."
against = click.option("--against", type=FILE, multiple=True, help=_BEFORE)
previous_policy = click.option("--previous", type=FILE, help="The signed policy before this one, unless this is the first.")
policy_file = click.option("--policy", "policy_path", type=FILE, required=True, help="The signed policy.")
loss_option = click.option(
    "--loss",
    type=click.Path(exists=True, dir_okay=False),
    help="The form of a loss by which it goes on (`ceremony loss`); its .signatures beside it.",
)
suspension_option = click.option(
    "--suspension",
    type=click.Path(exists=True, dir_okay=False),
    multiple=True,
    callback=lambda _context, _option, paths: "\n".join(paths) or None,
    help="A form that suspends a key, or lifts that (`ceremony suspend`); its .signatures beside it. Repeatable.",
)
_COPY = "A copy of the register: whose key is suspended in it signs nothing."
register_to_see = click.option("--register", "folder", type=FILE, help=_COPY)
genesis_digest = click.option(
    "--genesis", metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from a closing slip."
)


def now() -> str:
    """The clock, in our form."""
    return written(datetime.now(UTC))


def show(lines: Sequence[str]) -> None:
    """Lines on the screen."""
    echo("\n".join(lines))


def wrapped(refusal: Refused) -> tuple[str, ...]:
    """A refusal whole: what was found, what was expected, what to do; no word is torn."""
    rows = (
        wrap(line, 78, subsequent_indent=" " * 12 * line.startswith("  "), break_long_words=False) for line in str(refusal).splitlines()
    )
    return tuple(line for row in rows for line in row)


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
    echo(f"Written: {path}")


def check_new(path: Path) -> None:
    """Malformed, before anybody is asked for anything, if the file to be made cannot be made."""
    if path.exists():
        raise Malformed(f"{path}: is there already; give another name with -o")
    if not path.absolute().parent.is_dir():
        raise Malformed(f"{path}: there is no such folder; make it first")


def public_key(path: Path) -> str:
    """The public key that belongs to a `--key`."""
    return signatures.public_key_of(path if path.suffix == ".pub" else path.with_name(path.name + ".pub"))


def charter_chain(paths: Sequence[Path], given: str | None) -> Chain:
    """The charters in these files, in any order, each signed as the one before it demands; AUD-09 if the genesis is not the one from
    outside. A succession lies in a file of its own."""
    read = [(path, *read_signed(path)) for path in paths]
    successions = {parse_succession(raw, path.name).charter: (raw, signed) for path, raw, signed in read if _is_succession(raw)}
    found = [(charters.parse(raw, path.name), raw, signed) for path, raw, signed in read if not _is_succession(raw)]
    links = []
    for charter, raw, signed in sorted(found, key=lambda each: each[0].number):
        said, confirmed = successions.get(charter.digest, (None, ()))
        links.append(SignedCharter(charter=raw, signatures=signed, succession=said, succession_signatures=confirmed))
    if not links:
        raise Malformed("--charter: found no charter, expected the genesis and each later one")
    chain = verify_chain(links)
    check_genesis(chain.genesis, given)
    return chain


def predecessor(charter: Charter, against: Sequence[Path], given: str | None) -> Charter | None:
    """The charter that this one amends, from the signed files of `--against`; None for a genesis. STO-07 if it does not follow."""
    if charter.number == 0 and not against:
        check_genesis(charter.digest, given)
        return None
    if not against:
        raise Malformed(f"charter {charter.number} amends another one; give every charter before it with --against")
    before = charter_chain(against, given).charter
    check_follows(before, charter)
    return before


def policy_before(policy: Policy, previous: Path | None, chain: Chain) -> Policy | None:
    """The signed policy that this one follows, None for the first; AUT-01, AUT-06 if it does not follow."""
    if previous is None and policy.number:
        raise Malformed(f"this is policy {policy.number}; give the one before it with --previous")
    before = signed_policy(previous, chain) if previous else None
    policies.check_follows(policy, before)
    return before


def _is_succession(raw: bytes) -> bool:
    return b'"type":"succession"' in raw


def check_genesis(genesis: str, given: str | None) -> None:
    """AUD-09: a genesis is the one that came from outside, if one was given."""
    if given not in (None, genesis):
        refuse(
            "AUD-09",
            "this charter is not the genesis that you know",
            found=genesis,
            expected=str(given),
            do="Compare the words with your closing slip. Do not use this charter.",
        )


def anchored(given: str | None) -> None:
    """AUD-09: without the genesis digest from outside nothing is proven; the verdict is undecided (exit 3)."""
    if given is None:
        raise Undecided("NOT ANCHORED\n  do        Give --genesis with the digest from your closing slip.")
    echo("ANCHORED: the charter is the genesis that you named.")


def signed_policy(path: Path, chain: Chain) -> Policy:
    """A policy that CFO, CTO and witness have signed, under the charter of the chain that it names."""
    raw, signed = read_signed(path)
    policy = policies.parse(raw, path.name)
    charter = chain.named(policy.charter, "the policy")
    policies.check(policy, charter, chain.genesis)
    policies.verify_all(signed, raw, charter)
    return policy


def signers(signed: Sequence[Signature]) -> tuple[str, ...]:
    """Who signed, in a fixed order."""
    return tuple(sorted(s.signer for s in signed))


def sign(path: Path, person: str, key_path: Path, namespace: Namespace, charter: Charter, suspended: Suspensions = NONE) -> None:  # noqa: PLR0913, PLR0917
    """After the screen: one typed word, then a signature that must be of the charter's key before it is kept. STO-07: a key that is
    suspended, as a register at hand has it, signs nothing."""
    raw, signed = read_signed(path)
    check_signer(person, suspended, charter, path.name, ANEW)
    confirmed()
    signature = signatures.sign(person, namespace, raw, key_path)
    signatures.verify(signature, raw, charter.key(person), namespace, fresh=True)
    add_signature(path, signature)
    echo(f"Signed by {', '.join(sorted((*signers(signed), person)))}.")


def sign_form(  # noqa: PLR0913, PLR0917 (a form, who signs it, and what it is shown and compared with)
    path: Path,
    found: Form,
    person: str,
    key_path: Path,
    namespace: Namespace,
    chain: Chain,
    screen: Callable[[Form, tuple[str, ...]], Sequence[str]],
    suspended: Suspensions = NONE,
) -> None:
    """A form of this register is shown on one screen with who has signed it, and signed."""
    if (found.genesis, found.mark) != (chain.genesis, chain.charter.mark):
        refuse(
            "AUD-09",
            "this form is of another register",
            found=f"{found.mark}, genesis {found.genesis}",
            expected=f"{chain.charter.mark}, genesis {chain.genesis}",
            do="Ask who gave it to you. Do not sign it.",
        )
    show(screen(found, signers(read_signed(path)[1])))
    sign(path, person, key_path, namespace, chain.charter, suspended)


def signed_so_far(wanting: Collection[str], done: str) -> None:
    """After a signature: who has still to sign, or, where nobody has, what to do with the form."""
    echo(f"Still to sign: {', '.join(sorted(wanting))}." if wanting else done)


def suspended_in(folder: Path | None, genesis: str | None) -> Suspensions:
    """STO-07: which keys are suspended in a copy of the register; none are known without one."""
    return NONE if folder is None else book_of(folder, genesis).suspended


def book_of(register: Path, genesis: str | None) -> Register:
    """A copy of the register; AUD-09 if it is of another genesis, where one is known."""
    from ceremony.record.register import Register  # noqa: PLC0415 (only where there is a register)

    book = Register.open(register)
    if genesis not in (None, book.genesis):
        refuse(
            "AUD-09",
            "the register is not of this genesis",
            found=book.genesis,
            expected=str(genesis),
            do="Use a copy of the register that this charter belongs to.",
        )
    return book


def confirmed() -> None:
    """The word that an officer types once the screen is what they expect."""
    word = click.prompt("Type SIGN to sign this, anything else to stop", prompt_suffix=": ", show_default=False, default="")
    if word != "SIGN":
        echo("Nothing was signed.", err=True)
        raise SystemExit(STOPPED)
    echo("If your key waits for a touch, touch it now.")
