"""Commands for anywhere: `charter`, `policy`, and (from their own module) `authorize`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

import click

from ceremony.base import signatures
from ceremony.base.amounts import parse_amount, parse_rate
from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import read_file
from ceremony.base.show import shown
from ceremony.base.signatures import Key, Signature
from ceremony.cli import papers
from ceremony.cli.authorize import authorize
from ceremony.cli.parts import Parts, echo
from ceremony.record import charter as charters
from ceremony.record import policy as policies
from ceremony.record.chain import replaced_officer
from ceremony.record.charter import (
    SIGNERS,
    Account,
    Certificate,
    Charter,
    Device,
    Enrolment,
    Hsm,
    Medium,
    Member,
    SignedEnrolment,
    Site,
    StandingException,
    in_order,
)
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.screen.documents import charter_screen, keys_screen, machine_screen, policy_screen
from ceremony.screen.explain import charter_difference, charter_explained, policy_difference, policy_explained
from shares.plan import SchemeName
from transfer.limits import Payee, Policy

__all__ = ["authorize", "charter", "policy"]

_DEVICE = "A USB device of the cold host: vendor, product, serial or any, keyboard|hsm|medium|key|hub, always|asked; repeatable."
_NOTE = 40
"""Characters: a payee's note must leave the screen of an authorization at 24 lines."""


user_verification = click.option(
    "--user-verification",
    "verified",
    multiple=True,
    metavar="PERSON",
    help="Whose security key must verify them at each signature (ASM-06); their enrolment must show it. Repeatable.",
)


@click.group(cls=Parts)
def charter() -> None:
    """Enrol people; make, sign and check the charter."""


@charter.command()
@click.option("--person", required=True, help="A position such as A1, or cfo, cto, administrator, witness.")
@click.option("--name", required=True, help="Full name.")
@click.option("--user-verification", "verification", is_flag=True, help="Your charter will ask that your security key verifies you.")
@papers.key
@papers.out
def enrol(person: str, name: str, key: Path, verification: bool, output: Path) -> None:
    """Hand in who you are and the key that you sign with, signed with that key."""
    enrolment = papers.made(Enrolment(person=person, name=name, key=papers.public_key(key), issued=papers.now()), "enrolment")
    charters.fingerprint(enrolment.key)
    signature = signatures.sign(person, "enrolment@cold-ceremony", dump(enrolment), key)
    check_possession(signed := SignedEnrolment(enrolment=enrolment, blob=signature.blob), verification=verification)
    papers.write(output, signed)
    echo(f"{person}, {name}: {charters.fingerprint(enrolment.key)}")


@charter.command()
@click.argument("enrolments", nargs=-1, required=True, type=papers.FILE)
@click.option("--organisation", required=True)
@click.option("--room", required=True, help="Where ceremonies are held and the cold host stands; none of the sites (STO-06).")
@click.option("--mark", required=True, type=click.Choice(["practice", "production"]))
@click.option("--site", "sites", multiple=True, required=True, metavar="A:NAME:CH:2", help="Letter, name, country, threshold; repeatable.")
@click.option("--site-threshold", type=int, required=True)
@click.option("--account", "accounts", multiple=True, required=True, metavar="NAME:bitcoin:regtest:PATH", help="Repeatable.")
@click.option("--hsm-label", required=True)
@click.option("--hsm-serial", required=True)
@click.option("--hsm-manufacturer", required=True)
@click.option("--hsm-model", required=True)
@click.option("--hsm-firmware", required=True, help="The firmware version that the HSM states, such as 2.6.")
@click.option("--hsm-certificate", default="none:none:0", show_default=True, metavar="NUMBER:STANDARD:LEVEL", help="FIPS 140-2 or 140-3.")
@click.option("--device", "devices", multiple=True, metavar="V:P:SERIAL:WHAT:WHEN", help=_DEVICE)
@click.option("--boot-image", "boot", metavar="HEX", help="SHA-256 of the cold host's image, taken on another machine.")
@click.option("--scheme", type=click.Choice(get_args(SchemeName)), default="gf256", show_default=True, help="How the secret is shared.")
@click.option("--kdf", type=click.Choice(["standard", "strong", "light"]), default="standard", show_default=True)
@click.option("--vault-minutes", type=int, default=60, show_default=True)
@click.option("--officers-approve", type=click.Choice(["yes", "no"]), default="no", show_default=True)
@click.option(
    "--exception",
    "excepted",
    nargs=4,
    multiple=True,
    metavar="STO-08 EXPECTED HAPPENED DECIDED",
    help="What the charter excepts, with its reasons; CFO and CTO sign it with the charter.",
)
@click.option(
    "--media",
    type=click.Choice(get_args(Medium)),
    multiple=True,
    default=("file",),
    show_default=True,
    help="What shares may lie on; repeatable.",
)
@click.option("--pin-halves", type=click.Choice(["yes", "no"]), default="no", show_default=True, help="Two people type half the PIN each.")
@user_verification
@papers.out
def new(  # noqa: PLR0913, PLR0917 (one for each repeatable option)
    enrolments: tuple[Path, ...],
    sites: tuple[str, ...],
    accounts: tuple[str, ...],
    devices: tuple[str, ...],
    media: tuple[Medium, ...],
    excepted: tuple[tuple[str, str, str, str], ...],
    verified: tuple[str, ...],
    hsm_certificate: str,
    output: Path,
    **options: object,
) -> None:
    """Make the genesis charter from the enrolments of all its people."""
    stated = {name: str(options.pop(f"hsm_{name}")) for name in ("label", "serial", "manufacturer", "model", "firmware")}
    hsm = Hsm(**stated, certificate=certificate(hsm_certificate))
    fields = {
        **options,
        "number": 0,
        "issued": papers.now(),
        "sites": tuple(site(text) for text in sites),
        "people": members(enrolments, verified),
        "accounts": tuple(account(text) for text in accounts),
        "hsm": hsm,
        "exceptions": tuple(StandingException(**dict(zip(_FORM, words, strict=True))) for words in excepted) or None,  # type: ignore[arg-type]
        "media": in_order(media),
        "devices": tuple(sorted(map(device, devices), key=lambda d: (d.vendor, d.product, d.serial))),
    }
    made = charters.parse(dump(Charter(**fields)), output.name)  # type: ignore[arg-type]
    papers.write(output, made)
    papers.pages(machine_screen(made), charter_screen(made, ()))


_FORM = ("control", "expected", "happened", "decided")


@charter.command("sign")
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, help="cfo, cto or witness; of a charter that replaces a lost officer also a position.")
@papers.key
@papers.against
@papers.register_to_see
@papers.genesis_digest
def sign_charter(  # noqa: PLR0913, PLR0917 (one for each option)
    file: Path, person: str, key: Path, against: tuple[Path, ...], folder: Path | None, genesis: str | None
) -> None:
    """Read in plain English what the charter says, and what it changes; then read it whole, and sign it.

    A later charter is signed with the keys of the one before it (--against)."""
    raw, signed = read_signed(file)
    found = charters.parse(raw, file.name)
    before = papers.predecessor(found, against, genesis)
    _check_signer(person, found, before)
    said = (charter_explained(found),) if before is None else (charter_difference(before, found), charter_explained(found))
    papers.pages(*said, machine_screen(found), charter_screen(found, papers.signers(signed)))
    suspended = papers.suspended_in(folder, genesis)
    papers.sign(file, person, key, "charter@cold-ceremony", before or found, suspended)


def _check_signer(person: str, found: Charter, before: Charter | None) -> None:
    """Custodians sign a charter only to replace a lost officer (STO-07)."""
    succession = before is not None and replaced_officer(before, found) is not None
    allowed = (*SIGNERS, *found.custodians) if succession else SIGNERS
    if person not in allowed:
        raise Malformed(f"--as: found {shown(person)}, expected {', '.join(allowed)}")


@charter.command("check")
@click.argument("file", type=papers.FILE)
@click.option("--keys", is_flag=True, help="Show each person's key fingerprint instead, as `ssh-keygen -l` does.")
@papers.against
@papers.genesis_digest
def check_charter(file: Path, keys: bool, against: tuple[Path, ...], genesis: str | None) -> None:
    """Check form, roles, jurisdictions and signatures, from the genesis on; with --genesis also that it is the genesis you know."""
    chain = papers.charter_chain((*against, file), genesis)
    found = chain.charter
    if keys:
        papers.show(keys_screen(found))
    else:
        papers.pages(machine_screen(found), charter_screen(found, papers.signers(read_signed(file)[1])))
    papers.anchored(genesis)


@click.group(cls=Parts)
def policy() -> None:
    """Make, sign and check the policy: payees, limits, fee caps."""


@policy.command("new")
@papers.charter_files
@papers.genesis_digest
@click.option("--payee", "payees", multiple=True, required=True, metavar="NAME:ADDRESS:NOTE", help="Repeatable.")
@click.option("--network", type=click.Choice(["main", "test", "regtest"]), help="Of the payees; needed if the accounts have several.")
@papers.previous_policy
@click.option("--cool-off-hours", type=int, required=True)
@click.option("--per-transfer", required=True, metavar="AMOUNT", help="Such as '1.5 BTC'.")
@click.option("--window-days", type=int, required=True)
@click.option("--per-window", required=True, metavar="AMOUNT")
@click.option("--fee-cap", required=True, metavar="AMOUNT", help="Of one transfer, such as '0.001 BTC'.")
@click.option("--fee-rate-cap", required=True, metavar="RATE", help="Such as '100 sat/vB', or a whole number of sat/kvB (100000).")
@click.option("--validity-days", type=int, required=True, help="Longest life of an authorization.")
@papers.out
def new_policy(
    charter_paths: tuple[Path, ...], genesis: str | None, payees: tuple[str, ...], previous: Path | None, output: Path, **options: object
) -> None:
    """Make a policy against a signed charter."""
    chain = papers.charter_chain(charter_paths, genesis)
    found, anchor = chain.charter, chain.genesis
    before = papers.signed_policy(previous, chain) if previous else None
    issued = papers.now()
    network = _network(found, cast("str | None", options.pop("network")))
    for name in ("per_transfer", "per_window", "fee_cap"):
        options[name] = parse_amount(str(options[name]), "--" + name.replace("_", "-"))
    options["fee_rate_cap"] = parse_rate(str(options["fee_rate_cap"]), "--fee-rate-cap")
    fields = {
        **options,
        "mark": found.mark,
        "genesis": anchor,
        "charter": found.digest,
        "number": before.number + 1 if before else 0,
        "previous": before.digest if before else None,
        "issued": issued,
        "payees": tuple(_payee(text, network, before, issued) for text in payees),
    }
    made = policies.parse(dump(Policy(**fields)), output.name)  # type: ignore[arg-type]
    policies.check(made, found, anchor)
    policies.check_follows(made, before)
    papers.write(output, made)
    papers.show(policy_screen(made, ()))


@policy.command("sign")
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, type=click.Choice(SIGNERS))
@papers.key
@papers.charter_files
@papers.previous_policy
@papers.register_to_see
@papers.genesis_digest
def sign_policy(  # noqa: PLR0913, PLR0917 (one for each option)
    file: Path, person: str, key: Path, charter_paths: tuple[Path, ...], previous: Path | None, folder: Path | None, genesis: str | None
) -> None:
    """Read in plain English what the policy allows and refuses, and what it changes; then read it whole, and sign it."""
    chain = papers.charter_chain(charter_paths, genesis)
    raw, signed = read_signed(file)
    wanted = policies.parse(raw, file.name)
    policies.check(wanted, chain.charter, chain.genesis)
    before = papers.policy_before(wanted, previous, chain)
    said = (policy_explained(wanted),) if before is None else (policy_difference(before, wanted), policy_explained(wanted))
    papers.pages(*said, policy_screen(wanted, papers.signers(signed)))
    papers.sign(file, person, key, "policy@cold-ceremony", chain.charter, papers.suspended_in(folder, chain.genesis))


def check_possession(signed: SignedEnrolment, *, verification: bool) -> None:
    """AUT-03, ASM-06: who hands in a key can sign with it, and as the charter will ask."""
    enrolment = signed.enrolment
    signature = Signature(signer=enrolment.person, namespace="enrolment@cold-ceremony", blob=signed.blob)
    signatures.verify(signature, dump(enrolment), Key(enrolment.key, verification), "enrolment@cold-ceremony")


def members(paths: Sequence[Path], verified: Sequence[str]) -> tuple[Member, ...]:
    """The people of these enrolments; user verification is asked of those in `verified`, and their enrolments must show it."""
    signed = [load(SignedEnrolment, read_file(path, MOST_BYTES), path.name) for path in paths]
    strangers = sorted(set(verified) - {each.enrolment.person for each in signed})
    if strangers:
        raise Malformed(f"--user-verification: found {', '.join(strangers)[:60]}, expected people whose enrolment is given")
    return tuple(sorted((_member(each, each.enrolment.person in verified) for each in signed), key=lambda member: member.person))


def _member(signed: SignedEnrolment, verification: bool) -> Member:
    check_possession(signed, verification=verification)
    handed = signed.enrolment
    return Member(person=handed.person, name=handed.name, key=handed.key, verification="yes" if verification else None)


def _parts(text: str, option: str, names: str) -> list[str]:
    parts = text.split(":", names.count(":"))
    if len(parts) != names.count(":") + 1:
        raise Malformed(f"{option}: found {shown(text)}, expected {names}")
    return parts


def site(text: str) -> Site:
    letter, name, jurisdiction, threshold = _parts(text, "--site", "LETTER:NAME:COUNTRY:THRESHOLD")
    if not threshold.isdecimal():
        raise Malformed(f"--site: found the threshold {shown(threshold)}, expected digits")
    return Site(letter=letter, name=name, jurisdiction=jurisdiction, threshold=int(threshold))


def account(text: str) -> Account:
    """One account, as an option says it."""
    name, chain, network, path = _parts(text, "--account", "NAME:CHAIN:NETWORK:PATH")
    return Account(name=name, chain=chain, network=network, path=path)  # type: ignore[arg-type]


def certificate(text: str) -> Certificate:
    number, standard, level = _parts(text, "--hsm-certificate", "NUMBER:STANDARD:LEVEL")
    if not level.isdecimal():
        raise Malformed(f"--hsm-certificate: found the level {shown(level)}, expected a digit")
    return Certificate(number=number, standard=standard, level=int(level))  # type: ignore[arg-type]


def device(text: str) -> Device:
    vendor, product, serial, what, when = _parts(text, "--device", "VENDOR:PRODUCT:SERIAL:WHAT:WHEN")
    return Device(vendor=vendor, product=product, serial=serial, what=what, when=when)  # type: ignore[arg-type]


def _payee(text: str, network: str, before: Policy | None, issued: str) -> Payee:
    """One payee; a destination that the policy before has under this name keeps the date on which it was added."""
    name, address, note = _parts(text, "--payee", "NAME:ADDRESS:NOTE")
    if len(note) > _NOTE:
        raise Malformed(f"--payee {name}: a note of {len(note)} characters, expected at most {_NOTE}")
    old = before.payee(name) if before else None
    added = old.added if old and (old.network, old.destination) == (network, address) else issued
    return Payee(name=name, chain="bitcoin", network=network, destination=address, added=added, note=note)  # type: ignore[arg-type]


def _network(found: Charter, given: str | None) -> str:
    networks = sorted({account.network for account in found.accounts})
    if given is None and len(networks) > 1:
        raise Malformed(f"the accounts are on {', '.join(networks)}; give --network")
    return given or networks[0]
