"""Later charters and policies, anywhere: make an amendment, succeed a lost officer, explain, check an authorization by the policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, get_args

import click

from ceremony.base.control import refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import read_file, write_new
from ceremony.cli import authorize, digests, papers
from ceremony.cli.anywhere import account, certificate, charter, device, members, policy, site, user_verification
from ceremony.cli.parts import echo
from ceremony.record import charter as charters
from ceremony.record import entries
from ceremony.record import policy as policies
from ceremony.record.chain import (
    Succession,
    check_follows,
    check_past,
    check_succession_signer,
    cool_off_ends,
    parse_succession,
)
from ceremony.record.charter import Charter, Medium, Member, in_order
from ceremony.record.register import Ceremony, Register
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.record.waiting import hours_of
from ceremony.screen.documents import charter_screen, digest, field, machine_screen, policy_screen, verdicts
from ceremony.screen.explain import charter_difference, charter_explained, policy_difference, policy_explained
from shares.plan import SchemeName
from transfer.authorization import Authorization

__all__ = ["charter", "policy"]

T = TypeVar("T")

_HSM = ("label", "serial", "manufacturer", "model", "firmware")
_register = click.option("--register", "folder", type=papers.FILE, required=True, help="A copy of the register.")


@charter.command()
@click.argument("chain", nargs=-1, required=True, type=papers.FILE)
@papers.genesis_digest
@click.option("--enrolment", "enrolments", multiple=True, type=papers.FILE, help="New name and key of one person: repeatable.")
@click.option("--remove", "removed", multiple=True, metavar="POSITION", help="A position that is no more: repeatable.")
@click.option("--site", "sites", multiple=True, metavar="A:NAME:CC:N", help="All sites, instead of those before: repeatable.")
@click.option("--site-threshold", type=int)
@click.option("--room", help="Where ceremonies are held and the cold host stands; none of the sites.")
@click.option("--scheme", type=click.Choice(get_args(SchemeName)), help="How the next key is shared; the one in use stays as it is.")
@click.option("--account", "accounts", multiple=True, metavar="NAME:CHAIN:NETWORK:PATH", help="All accounts of the next key: repeatable.")
@click.option("--hsm-label")
@click.option("--hsm-serial")
@click.option("--hsm-manufacturer")
@click.option("--hsm-model")
@click.option("--hsm-firmware")
@click.option("--hsm-certificate", metavar="NUMBER:STANDARD:LEVEL")
@click.option(
    "--device", "devices", multiple=True, metavar="V:P:SERIAL:WHAT:WHEN", help="All of them, instead of those before: repeatable."
)
@click.option("--boot-image", "boot", metavar="HEX", help="SHA-256 of the cold host's image, taken on another machine.")
@click.option("--kdf", type=click.Choice(["standard", "strong", "light"]))
@click.option("--vault-minutes", type=int)
@click.option("--officers-approve", type=click.Choice(["yes", "no"]))
@click.option("--media", type=click.Choice(get_args(Medium)), multiple=True, help="All of them, instead of those before: repeatable.")
@click.option("--pin-halves", type=click.Choice(["yes", "no"]))
@user_verification
@papers.out
def amend(  # noqa: PLR0913, PLR0917 (one for each repeatable option)
    chain: tuple[Path, ...],
    genesis: str | None,
    enrolments: tuple[Path, ...],
    devices: tuple[str, ...],
    removed: tuple[str, ...],
    sites: tuple[str, ...],
    accounts: tuple[str, ...],
    media: tuple[Medium, ...],
    verified: tuple[str, ...],
    hsm_certificate: str | None,
    output: Path,
    **options: str | int | None,
) -> None:
    """Make the charter after CHAIN, the signed charters from the genesis to the one in force. Give only what changes."""
    before = papers.charter_chain(chain, genesis).charter
    stated = {name: value for name in _HSM if (value := options.pop(f"hsm_{name}")) is not None}
    if hsm_certificate is not None:
        stated["certificate"] = certificate(hsm_certificate)  # type: ignore[assignment]
    fields: dict[str, object] = {name: value for name, value in options.items() if value is not None}
    fields |= {"hsm": replace(before.hsm, **stated)} if stated else {}  # type: ignore[arg-type]
    if sites:
        fields["sites"] = tuple(map(site, sites))
    if accounts:
        fields["accounts"] = tuple(map(account, accounts))
    if devices:
        fields["devices"] = tuple(sorted(map(device, devices), key=lambda d: (d.vendor, d.product, d.serial)))
    if media:
        fields["media"] = in_order(media)
    changed = replace(
        before,
        number=before.number + 1,
        previous=before.digest,
        issued=papers.now(),
        people=_people(before, members(enrolments, verified), removed),
        **fields,  # type: ignore[arg-type]
    )
    made = charters.parse(dump(changed), output.name)
    check_follows(before, made)
    papers.write(output, made)
    papers.pages(charter_difference(before, made))


def _people(before: Charter, enrolled: tuple[Member, ...], removed: tuple[str, ...]) -> tuple[Member, ...]:
    """The people of before, with who is enrolled anew in their place or beside them, without who was removed."""
    new = {member.person: member for member in enrolled}
    strangers = sorted(set(removed) - set(before.custodians))
    if strangers or len(new) != len(enrolled) or set(removed) & set(new):
        raise Malformed(
            f"--enrolment, --remove: found {', '.join(strangers) or 'one person twice'}, expected each person once, and positions of the "
            "charter to remove"
        )
    found = {member.person: member for member in before.people if member.person not in removed} | new
    return tuple(found[person] for person in sorted(found))


@charter.command("explain")
@click.argument("file", type=papers.FILE)
@click.option("--against", type=papers.FILE, help="The charter before it: what changes is told, too.")
def explain_charter(file: Path, against: Path | None) -> None:
    """Say in plain English who can do what under a charter. No signature is looked at."""
    _explained(file, against, charters.read, check_follows, charter_difference, charter_explained)


def _explained(  # noqa: PLR0913, PLR0917 (two files, and what is done with their kind)
    file: Path,
    against: Path | None,
    read: Callable[[Path], T],
    follows: Callable[[T, T], None],
    difference: Callable[[T, T], Sequence[str]],
    explained: Callable[[T], Sequence[str]],
) -> None:
    """What changes against the one before it, if that was given; then the whole in plain English."""
    found = read(file)
    said = [explained(found)]
    if against is not None:
        before = read(against)
        follows(before, found)
        said.insert(0, difference(before, found))
    papers.pages(*said)


@charter.command()
@click.argument("file", type=papers.FILE)
@_register
@click.option("--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from a closing slip.")
@click.option("--as", "person", required=True, help="The other officer, the witness, or a position.")
@papers.key
@click.option("-o", "--output", type=papers.FILE, default="succession.json", show_default=True, help="Made, or signed as well.")
def succeed(file: Path, folder: Path, genesis: str, person: str, key: Path, output: Path) -> None:  # noqa: PLR0913, PLR0917 (one for each option)
    """After the cool-off: sign once more that the charter in FILE, which replaces a lost officer, counts from now on."""
    book = Register.open(folder)
    papers.check_genesis(book.genesis, genesis)
    raw = read_file(file, MOST_BYTES)
    after, before = charters.parse(raw, file.name), book.charter
    check_follows(before, after)
    said = _succession(book, _proposal(book, raw), papers.now())
    check_succession_signer(before, after, person)
    check_past(said, papers.now())
    if not output.exists():
        write_new(output, dump(said))
    kept, signed = read_signed(output)
    found = parse_succession(kept, output.name)
    if replace(found, issued=said.issued) != said:
        raise Malformed(f"{output}: this succession is of another charter or proposal; give a new file with -o")
    papers.pages(
        charter_difference(before, after),
        (
            *field("proposed", f"{found.proposed_at}, in the ceremony with the head"),
            *digest(found.proposed),
            *field("cool-off", f"{found.cool_off_hours} hours, over since {cool_off_ends(found.proposed_at, found.cool_off_hours)}"),
            *field("made", found.issued),
            *field("signed by", ", ".join(papers.signers(signed)) or "nobody yet"),
        ),
        (*machine_screen(after), *charter_screen(after, ())),
    )
    papers.sign(output, person, key, "succession@cold-ceremony", before)


def _proposal(book: Register, raw: bytes) -> Ceremony:
    """The newest ceremony that took this charter in as a proposal."""
    found = [c for c in book.ceremonies if c.proposes and c.raw("charter") == raw]
    if not found:
        refuse(
            "STO-07",
            "this charter was not proposed",
            found="no ceremony that took it in",
            expected="`ceremony amend` with this charter, then the cool-off",
            do="Let the other officer, the witness and a quorum of custodians sign it, and take it into the register first.",
        )
    return found[-1]


def _succession(book: Register, proposal: Ceremony, now: str) -> Succession:
    entry = proposal.state.newest(entries.Proposed)
    return Succession(
        mark=book.charter.mark,
        genesis=book.genesis,
        charter=entry.body.charter,
        proposed=proposal.head,
        proposed_at=entry.line.time,
        cool_off_hours=hours_of(proposal),
        issued=now,
    )


@policy.command("explain")
@click.argument("file", type=papers.FILE)
@click.option("--against", type=papers.FILE, help="The policy before it: what changes is told, too.")
def explain_policy(file: Path, against: Path | None) -> None:
    """Say in plain English what a policy allows and refuses, with exact amounts. No signature is looked at."""
    _explained(file, against, policies.read, lambda b, f: policies.check_follows(f, b), policy_difference, policy_explained)


@policy.command("check")
@click.argument("file", type=papers.FILE)
@papers.charter_files
@papers.previous_policy
@papers.genesis_digest
@click.option("--against", "authorization", type=papers.FILE, help="An authorization: would this policy let it pass, and why?")
@click.option("--register", "folder", type=papers.FILE, help="A copy of the register, to count what is spent.")
@authorize.at_time
def check_policy(  # noqa: PLR0913, PLR0917 (one for each option)
    file: Path,
    charter_paths: tuple[Path, ...],
    previous: Path | None,
    genesis: str | None,
    authorization: Path | None,
    folder: Path | None,
    at: str | None,
) -> None:
    """Check form, payees, dates and signatures against the charter and the policy before; with --against, an authorization by it.

    Exit code 0 is yes, 1 is no: each control says why on a line of its own."""
    chain = papers.charter_chain(charter_paths, genesis)
    wanted = papers.signed_policy(file, chain)
    if authorization is None:
        papers.policy_before(wanted, previous, chain)
        papers.show(policy_screen(wanted, charters.SIGNERS))
        papers.anchored(genesis)
        return
    asked = load(Authorization, read_file(authorization, MOST_BYTES), authorization.name)
    found = authorize.judge(asked, authorize.ground_of(chain, wanted, genesis, folder), authorize.time(at))
    papers.show(verdicts([verdict for verdict, _ in found]))
    refusals = [refusal for _, refusal in found if refusal is not None]
    for refusal in refusals:
        papers.show(("", *papers.wrapped(refusal)))
    if folder is None:
        papers.show(("", "Without --register nothing that was spent before is counted here."))
    echo("NO: this policy refuses it." if refusals else "YES: this policy lets it pass.")
    if refusals:
        raise SystemExit(1)
