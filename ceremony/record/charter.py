"""The charter: the signed constitution. The digest of the first one, the genesis, is the anchor of everything else.

It names sites, people and their keys, thresholds, accounts, the HSM, and whether all this is practice or production."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

from ceremony.base import signatures, sshsig
from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Malformed, Mark, Name, Pattern, Person, PublicKey, Text, Time, dump, record
from ceremony.base.files import read_file
from ceremony.base.lines import sha256
from ceremony.base.mark import permits
from ceremony.base.show import shown
from ceremony.base.signatures import Blob, Key, Signature
from ceremony.record.signed import refuse_form, strict
from shares.plan import Plan, SchemeName, SitePlan, check_plan

OFFICERS = ("cfo", "cto")
STAFF = ("cfo", "cto", "administrator", "witness")
SIGNERS = ("cfo", "cto", "witness")
"""Who signs a charter or a policy."""

Letter = Annotated[str, Pattern(r"[A-I]", "a site letter, A to I")]
Jurisdiction = Annotated[str, Pattern(r"[A-Z]{2}", "an ISO 3166 country code such as CH")]
Path84 = Annotated[str, Pattern(r"m/84h/[01]h/[0-9]{1,3}h", "an account path such as m/84h/0h/0h (BIP-84)")]
YesNo = Literal["yes", "no"]
UsbNumber = Annotated[str, Pattern(r"[0-9a-f]{4}", "four hexadecimal digits in lower case, as lsusb shows them")]
DeviceKind = Literal["keyboard", "hsm", "medium", "key", "hub"]
DeviceTime = Literal["always", "asked"]
ANY = "any"
"""The serial number of a kind of device that has none of its own."""
MOST_DEVICES = 64
Medium = Literal["file", "card", "token"]
"""What a sealed share may lie on: a file on its custodian's own medium, a card of paper, a hardware token."""
LONGEST_VAULT = 240
"""Minutes: both children of the vault end by then, whatever happens."""


@record
class Enrolment:
    """What one person hands in: who they are and the key they sign with, signed with that key."""

    type: Literal["enrolment"] = "enrolment"
    version: Literal["2"] = "2"
    person: Person
    name: Text
    key: PublicKey
    issued: Time


@record
class SignedEnrolment:
    """An enrolment file: the enrolment and the signature by its own key (proof of possession)."""

    enrolment: Enrolment
    blob: Blob


@record
class Member:
    """One person of the charter: position or role, name, public key."""

    person: Person
    name: Text
    key: PublicKey
    verification: Literal["yes"] | None = None
    """Their security key must verify them, by a PIN or a finger, at each signature (ASM-06). Absent where it is not asked."""


@record
class Site:
    """One place: its letter, name, jurisdiction, and how many of its custodians open it."""

    letter: Letter
    name: Text
    jurisdiction: Jurisdiction
    threshold: int


@record
class Account:
    """One account that the secret holds (BIP-84 P2WPKH)."""

    name: Name
    chain: Literal["bitcoin"]
    network: Literal["main", "test", "regtest"]
    path: Path84


@record
class Certificate:
    """The HSM's certificate as the desk states it: its number, or `none`; which standard; the level, 0 without a certificate."""

    number: Text
    standard: Literal["FIPS 140-2", "FIPS 140-3", "none"]
    level: int


UNCERTIFIED = Certificate(number="none", standard="none", level=0)


@record
class Hsm:
    """The HSM as PKCS#11 tells of it (C_GetTokenInfo), without trailing spaces; and its certificate, which it cannot tell."""

    label: Text
    serial: Text
    manufacturer: Text
    model: Text
    firmware: Text
    certificate: Certificate = UNCERTIFIED


TOLD = ("label", "serial", "manufacturer", "model", "firmware")
"""What an HSM tells of itself, and what is compared (AIR-05)."""


@record
class Device:
    """One USB device that the cold host may have (AIR-03): as its descriptors name it, what it is, and when it may be there.

    `serial` is `any` for a kind of device that has none. `asked`: only while a step asks for it."""

    vendor: UsbNumber
    product: UsbNumber
    serial: Text
    what: DeviceKind
    when: DeviceTime


@record
class StandingException:
    """An exception that the charter itself makes: its signers, both officers among them, sign it with everything else."""

    control: Literal["STO-08"]
    expected: Text
    happened: Text
    decided: Text


@record
class Charter:
    """One charter. `previous` is the digest of its predecessor and absent from the genesis (number 0).

    `pin_halves`: administrator and witness type one half each of the HSM's PIN.

    `boot` is the SHA-256 of the image that the cold host starts from, taken on another machine (SET-02)."""

    type: Literal["charter"] = "charter"
    version: Literal["2"] = "2"
    mark: Mark
    number: int
    previous: Digest | None = None
    organisation: Text
    room: Text
    """Where ceremonies are held, and the cold host stands."""
    issued: Time
    scheme: SchemeName
    kdf: Literal["standard", "strong", "light"]
    site_threshold: int
    sites: tuple[Site, ...]
    people: tuple[Member, ...]
    accounts: tuple[Account, ...]
    hsm: Hsm
    devices: tuple[Device, ...] = ()
    boot: Digest | None = None
    vault_minutes: int
    officers_approve: YesNo
    pin_halves: YesNo = "no"
    media: tuple[Medium, ...] = ("file",)
    """What sealed shares may be locked onto (STO-05), in the order in which `Medium` names them."""
    exceptions: tuple[StandingException, ...] | None = None
    """Absent where there is none."""

    @property
    def digest(self) -> str:
        """SHA-256 of the charter's file."""
        return sha256(dump(self))

    @property
    def plan(self) -> Plan:
        """Sites, custodians and thresholds."""
        sizes = Counter(person[0] for person in self.custodians)
        sites = tuple(SitePlan(letter=s.letter, threshold=s.threshold, members=sizes[s.letter]) for s in self.sites)
        return Plan(site_threshold=self.site_threshold, sites=sites)

    @property
    def custodians(self) -> tuple[str, ...]:
        """All positions, A1 first."""
        return tuple(sorted(m.person for m in self.people if m.person not in STAFF))

    def key(self, person: str) -> Key:
        """The public key of one person, with what is asked of it; Malformed if the charter does not know them."""
        return _key(self.member(person))

    @property
    def keys(self) -> dict[str, Key]:
        """Person -> public key, with what is asked of it."""
        return {member.person: _key(member) for member in self.people}

    @property
    def verified(self) -> tuple[str, ...]:
        """Those whose security key must verify them (ASM-06)."""
        return tuple(member.person for member in self.people if member.verification is not None)

    def member(self, person: str) -> Member:
        """One person; Malformed if the charter does not know them."""
        for member in self.people:
            if member.person == person:
                return member
        raise Malformed(f"{person} is not in the charter")

    def account(self, name: str) -> Account:
        """One account by its name."""
        for account in self.accounts:
            if account.name == name:
                return account
        raise Malformed(f"the charter has no account {shown(name)}; it has {', '.join(a.name for a in self.accounts)}")


def _key(member: Member) -> Key:
    return Key(member.key, verification=member.verification is not None)


def in_order(media: Iterable[Medium]) -> tuple[Medium, ...]:
    """Media in the one order that a charter has them in, each once."""
    named = set(media)
    return tuple(medium for medium in get_args(Medium) if medium in named)


def check(charter: Charter) -> None:
    """Everything that a charter must hold to by itself; refuses with the control that is broken."""
    _check_ranges(charter)
    _check_roles(charter)
    _check_plan(charter)
    _check_places(charter)
    _check_machine(charter)
    _check_verification(charter)
    _check_jurisdictions(charter)
    _check_mark(charter)


@control("SET-05")
def _check_roles(charter: Charter) -> None:
    """SET-05: a closed set of roles, each held by one person; nobody has two, and no key appears twice."""
    for what, values in (
        ("role", [m.person for m in charter.people]),
        ("person", [_folded(m.name) for m in charter.people]),
        ("key", [fingerprint(m.key) for m in charter.people]),
    ):
        value, count = Counter(values).most_common(1)[0] if values else ("nobody", 0)
        if count != 1:
            holders = ", ".join(m.person for m in charter.people if value in (m.person, _folded(m.name), fingerprint(m.key)))
            refuse(
                "SET-05",
                f"the charter has one {what} {count} times",
                found=f"{value[:60]} as {holders}",
                expected=f"each {what} once",
                do="Give each role to another person with a key of their own.",
            )
    missing = [role for role in STAFF if role not in {m.person for m in charter.people}]
    if missing:
        refuse("SET-05", "the charter lacks roles", found="no " + ", ".join(missing), expected=", ".join(STAFF), do="Enrol them.")
    if tuple(m.person for m in charter.people) != tuple(sorted(m.person for m in charter.people)):
        raise Malformed("charter.people: expected in order of their roles and positions")


def _check_ranges(charter: Charter) -> None:
    if not 5 <= charter.vault_minutes <= LONGEST_VAULT:
        raise Malformed(f"charter.vault_minutes: found {charter.vault_minutes}, expected 5 to {LONGEST_VAULT}")
    if not charter.media or charter.media != in_order(charter.media):
        raise Malformed(f"charter.media: expected one or more of {', '.join(get_args(Medium))}, in this order, each once")
    names = [account.name for account in charter.accounts]
    if not names or len(set(names)) != len(names) or len({(a.chain, a.path) for a in charter.accounts}) != len(names):
        raise Malformed("charter.accounts: expected one account or more, each name and each path once")
    if charter.exceptions == () or len({made.control for made in charter.exceptions or ()}) != len(charter.exceptions or ()):
        raise Malformed("charter.exceptions: expected one for a control at most, and no field where there is none")
    if (charter.number == 0) != (charter.previous is None):
        raise Malformed("charter.previous: the genesis (number 0) has none, every later charter has one")


def _check_verification(charter: Charter) -> None:
    files = [person for person in charter.verified if not charter.key(person).hardware]
    if files:
        raise Malformed(
            f"charter.people: user verification of {', '.join(files)}, whose key is a file; only a security key can verify anybody"
        )


def _check_machine(charter: Charter) -> None:
    stated = charter.hsm.certificate
    if (stated.standard == "none") != (stated.number == "none") or not (1 <= stated.level <= 4 or stated == UNCERTIFIED):
        raise Malformed("charter.hsm.certificate: expected a number, a standard and a level from 1 to 4, or none, none and 0")
    named = [(d.vendor, d.product, d.serial) for d in charter.devices]
    if len(set(named)) != len(named) or named != sorted(named) or len(named) > MOST_DEVICES:
        raise Malformed(f"charter.devices: expected at most {MOST_DEVICES}, in the order of vendor, product and serial number, each once")


def fingerprint(key: str) -> str:
    """SHA-256 of an OpenSSH public key, in the spelling of `ssh-keygen -l` (RFC 4253 section 6.6: the type stands within as well).

    Malformed for a certificate, for base64 in another spelling, if the type before the key is not the one within, or if the key is not
    one under which signatures are verified here (base/sshsig.py)."""
    kind, text = key.split(" ")
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        blob = b""
    inner = len(kind).to_bytes(4, "big") + kind.encode("ascii")
    if base64.b64encode(blob).decode("ascii") != text or not blob.startswith(inner) or "-cert-" in kind:
        raise Malformed(
            f"public key {shown(text[-12:])}: expected an OpenSSH public key of type {kind}, not a certificate, in its one spelling"
        )
    if not sshsig.is_key(key):
        raise Malformed(f"public key {shown(text[-12:])}: expected a point of its curve that is no weak one, in a key of an accepted type")
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _check_plan(charter: Charter) -> None:
    letters = {s.letter for s in charter.sites}
    strays = [p for p in charter.custodians if p[0] not in letters]
    if strays:
        raise Malformed(f"charter: {', '.join(strays)} belong to no site of the charter")
    for site in charter.sites:
        numbers = [p[1] for p in charter.custodians if p[0] == site.letter]
        if numbers != [str(n) for n in range(1, len(numbers) + 1)]:
            raise Malformed(f"charter: the custodians of site {site.letter} are not numbered 1, 2, 3 ...")
    check_plan(charter.plan)


@control("STO-06")
def _check_places(charter: Charter) -> None:
    """STO-06: every site is a place of its own, and none is the room where ceremonies are held: with one place at most one site's shares
    are lost, and none with the room. (Nobody has two shares: SET-05.)"""
    places = [*((f"site {site.letter}", _folded(site.name)) for site in charter.sites), ("the room", _folded(charter.room))]
    for name, count in Counter(name for _, name in places).items():
        if count > 1:
            refuse(
                "STO-06",
                "one place stands for two",
                found=f"{name[:60]} as {', '.join(what for what, here in places if here == name)}",
                expected="each site at a place of its own, and the room of the ceremonies at another one",
                do="Name each place so that it is told from the others (town, street). Move the site's safe if it is the same one.",
            )


@control("STO-08")
def _check_jurisdictions(charter: Charter) -> None:
    """STO-08: at most one site fewer than the threshold lies in one jurisdiction, so that none can compel a quorum; or the charter
    says why not, over the signatures of both officers."""
    if any(made.control == "STO-08" for made in charter.exceptions or ()):
        return
    for jurisdiction, count in sorted(Counter(s.jurisdiction for s in charter.sites).items()):
        if count > charter.site_threshold - 1:
            letters = ", ".join(s.letter for s in charter.sites if s.jurisdiction == jurisdiction)
            refuse(
                "STO-08",
                f"one jurisdiction, {jurisdiction}, could compel a quorum",
                found=f"{count} sites ({letters}) in {jurisdiction}",
                expected=f"at most {charter.site_threshold - 1} of the sites in one jurisdiction",
                do="Move a site, or raise the threshold of sites. Officers may sign an exception: `charter new --exception STO-08 ...`.",
            )


def freezers(charter: Charter) -> tuple[str, ...]:
    """The jurisdictions that could freeze the funds: without their sites no quorum is left (STO-08 says so, and refuses nothing)."""
    counts = Counter(s.jurisdiction for s in charter.sites)
    return tuple(sorted(j for j, count in counts.items() if len(charter.sites) - count < charter.site_threshold))


@control("SET-08")
def _check_mark(charter: Charter) -> None:
    """SET-08: a production charter has the main network and a production KDF profile; a practice charter never has the main network."""
    for account in charter.accounts:
        if (account.network == "main") == permits(charter.mark, "practice chain"):
            refuse(
                "SET-08",
                f"account {account.name}",
                found=f"network {account.network} in a {charter.mark} charter",
                expected="the main network in production, and only there",
                do="Make a charter of the right kind.",
            )
        if account.path.split("/")[2] != ("0h" if account.network == "main" else "1h"):
            raise Malformed(f"charter: account {account.name}: path {account.path} is not of network {account.network} (SLIP-44)")
    soft = [person for person, key in charter.keys.items() if not key.hardware]
    if soft and not permits(charter.mark, "software keys"):
        refuse(
            "SET-08",
            "keys that are files in a production charter",
            found="software keys of " + ", ".join(soft),
            expected="keys held by hardware (types that begin with sk-)",
            do="Enrol them again, each with a security key (ssh-keygen -t ed25519-sk).",
        )
    if charter.kdf == "light" and not permits(charter.mark, "light KDF profile"):
        refuse("SET-08", "KDF profile", found="light in a production charter", expected="standard or strong", do="Choose standard.")


def verify_all(signed: Iterable[Signature], raw: bytes, needed: Sequence[str], charter: Charter, namespace: signatures.Namespace) -> None:
    """Everyone in `needed` has signed exactly these bytes, each with the key that the charter lists for them alone."""
    by_person = {s.signer: s for s in signed}
    for person in needed:
        if person not in by_person:
            refuse(
                "AUD-02",
                f"the {namespace.split('@')[0]} lacks a signature",
                found="signatures of " + (", ".join(sorted(by_person)) or "nobody"),
                expected=", ".join(needed),
                do=f"Let {', '.join(each for each in needed if each not in by_person)} sign these same bytes.",
            )
    for person in sorted(by_person):
        signatures.verify(by_person[person], raw, charter.key(person), namespace)


def parse(raw: bytes, what: str) -> Charter:
    """The charter in these bytes, checked by itself; refuses with SET-04 what does not have its form."""
    charter = strict(Charter, raw, what)
    try:
        check(charter)
    except Malformed as error:
        refuse_form(what, str(error))
    return charter


def read(path: Path) -> Charter:
    """The charter in a file, checked by itself (its signatures are another question)."""
    return parse(read_file(path), path.name)
