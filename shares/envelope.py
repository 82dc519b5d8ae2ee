"""The sealed share: a custodian share encrypted under its custodian's passphrase, 86 bytes, version 1.

    version 1 | mark | scheme | profile | set identifier (10) | site threshold | sites | member threshold | members
    | site | member | sealing number (2, big endian)                                                = header, 22 bytes
    salt (16) | ciphertext (32) | tag (16)

Argon2id (RFC 9106) of passphrase and salt gives 44 bytes: the key (32) and the nonce (12) of ChaCha20-Poly1305
(RFC 8439); header and salt are its associated data. Bytes only: nothing here reads, writes, asks or logs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeVar, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Digest, Malformed, Mark, Position, SetIdentifier
from ceremony.base.mark import permits
from shares.commitment import MARKS
from shares.plan import MOST, SchemeName, Terms, indices, position_of
from shares.schemes import CODES, SIZE

VERSION = 1
IDENTIFIER, SALT, TAG = 10, 16, 16
HEADER = 22
SEALED = HEADER + SALT + SIZE + TAG
"""86: bytes of a sealed share."""
MAX_SEALING = 0xFFFF

ProfileName = Literal["standard", "strong", "light"]
N = TypeVar("N", bound=str)


@dataclass(frozen=True, slots=True)
class Profile:
    """Parameters of Argon2id: its byte in the header, memory in KiB, passes, lanes."""

    code: int
    memory: int
    passes: int
    lanes: int


PROFILES: dict[ProfileName, Profile] = {
    "standard": Profile(1, 256 * 1024, 3, 4),
    "strong": Profile(2, 1024 * 1024, 4, 4),
    "light": Profile(3, 8 * 1024, 1, 1),
}
"""A closed list, so nobody's card can make this host take more memory than the strongest of them needs."""
PROFILE_CODES: dict[ProfileName, int] = {name: profile.code for name, profile in PROFILES.items()}


class WrongPassphrase(Exception):
    """The sealed share did not open: the passphrase is wrong or the sealed share is damaged; nothing can tell which."""

    def __init__(self, position: Position) -> None:
        super().__init__(f"the sealed share {position} did not open: the passphrase is wrong, or the sealed share is damaged")
        self.position = position


def wrong_passphrase(header: Header, tries_left: int) -> str:
    """What a custodian is told whose passphrase did not open a sealed share that has exactly the recorded bytes (`check_undamaged`):
    the seal alone could not tell a wrong passphrase from damage, the record can."""
    tries = f"{tries_left} {'try' if tries_left == 1 else 'tries'} left"
    again = "Look at caps lock and the keyboard's layout, then type it again." if tries_left else "It is not tried again today."
    return (
        f"{header.position}: this passphrase does not open the sealed share ({tries})\n"
        f"  found     another passphrase; the sealed share itself is whole, byte for byte as it was locked\n"
        f"  expected  the passphrase that {header.position} chose for it (sealing number {header.sealing})\n"
        f"  do        {again}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a sealed share says of itself in clear. One that is out of range cannot be made (Malformed, GEN-04, STO-05)."""

    mark: Mark
    scheme: SchemeName
    profile: ProfileName
    set_identifier: SetIdentifier
    site_threshold: int
    sites: int
    member_threshold: int
    members: int
    position: Position
    sealing: int

    def __post_init__(self) -> None:
        site, member = indices(self.position)
        for threshold, count, index in ((self.site_threshold, self.sites, site), (self.member_threshold, self.members, member)):
            if not 2 <= threshold <= count <= MOST or index > count:
                raise Malformed(f"sealed share {self.position}: number {index} in {threshold} of {count} cannot be")
        if not 1 <= self.sealing <= MAX_SEALING:
            raise Malformed(f"sealed share {self.position}: sealing number {self.sealing}, expected 1 to {MAX_SEALING}")
        check_profile(self.mark, self.profile, self.position)

    @classmethod
    def of(cls, terms: Terms, set_identifier: SetIdentifier, position: Position, profile: ProfileName, sealing: int) -> Header:
        """The header of one position's sealed share."""
        site = terms.plan.site(position[0])
        return cls(
            mark=terms.mark,
            scheme=terms.scheme,
            profile=profile,
            set_identifier=set_identifier,
            site_threshold=terms.plan.site_threshold,
            sites=len(terms.plan.sites),
            member_threshold=site.threshold,
            members=site.members,
            position=position,
            sealing=sealing,
        )

    def pack(self) -> bytes:
        """The 22 bytes."""
        first = (VERSION, MARKS[self.mark], CODES[self.scheme], PROFILES[self.profile].code)
        thresholds = (self.site_threshold, self.sites, self.member_threshold, self.members)
        places = bytes((*thresholds, *indices(self.position)))
        return bytes(first) + bytes.fromhex(self.set_identifier) + places + self.sealing.to_bytes(2, "big")

    @classmethod
    def unpack(cls, raw: bytes) -> Header:
        """The header of a whole sealed share of 86 bytes; Malformed, GEN-04 or STO-05 for what cannot be."""
        if len(raw) != SEALED:
            raise Malformed(f"sealed share: {len(raw)} bytes, expected {SEALED}")
        if raw[0] != VERSION:
            raise Malformed(f"sealed share: version {raw[0]}, expected {VERSION}")
        places = raw[4 + IDENTIFIER : HEADER]
        if max(places[4:6]) > MOST:
            raise Malformed(f"sealed share: site {places[4]}, member {places[5]}, expected 1 to {MOST}")
        return cls(
            mark=_named(raw[1], MARKS, "kind"),
            scheme=_named(raw[2], CODES, "scheme"),
            profile=_named(raw[3], PROFILE_CODES, "KDF profile"),
            set_identifier=raw[4 : 4 + IDENTIFIER].hex(),
            site_threshold=places[0],
            sites=places[1],
            member_threshold=places[2],
            members=places[3],
            position=position_of(places[4], places[5]),
            sealing=int.from_bytes(places[6:8], "big"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the key record and the register say of the sealed share that should come next.

    `sealings`: every sealing number that the register holds for this position, newest last; `opened`: the positions that
    were opened before it in this ceremony; `retired`: set identifier -> in words who retired it and when."""

    terms: Terms
    set_identifier: SetIdentifier
    position: Position
    sealings: tuple[int, ...]
    opened: Collection[Position] = ()
    retired: Mapping[SetIdentifier, str] = field(default_factory=dict)


def read(raw: bytes, position: Position) -> Header:
    """The header of the bytes that this position's custodian presented; refused with their position if they are no sealed share."""
    what = f"what {position} presented is no whole sealed share"
    if len(raw) != SEALED:
        how = "it was cut off" if len(raw) < SEALED else "something was added to it"
        _damaged(what, position, found=f"{len(raw)} bytes: {how}", expected=f"{SEALED} bytes")
    try:
        return Header.unpack(raw)
    except Malformed as wrong:
        _damaged(what, position, found=str(wrong), expected="a header as every sealed share has it")
    except Refused as wrong:
        refuse(wrong.identifier, f"what {position} presented: {wrong.what}", found=wrong.found, expected=wrong.expected, do=wrong.do)


@control("REC-03")
def check_undamaged(header: Header, sealed: bytes, expected: Expected, recorded: Digest | None) -> None:
    """REC-03: a sealed share that says it is the recorded one has exactly the recorded bytes; it is never mended silently.

    `recorded`: SHA-256 of the sealed share that the register has under this number; None if it has none. Anything else about it
    (another set, position or number) is refused by its header (`check_header`)."""
    if header.mark != expected.terms.mark:
        return
    due = Header.of(expected.terms, expected.set_identifier, expected.position, header.profile, header.sealing)
    found = hashlib.sha256(sealed).hexdigest()
    if header == due and recorded not in (None, found):
        what = f"the sealed share of {header.position} is not the one that was locked: damaged, or changed outside of a ceremony"
        _damaged(what, header.position, found=f"SHA-256 {found}", expected=f"{recorded}, recorded under sealing number {header.sealing}")


def _damaged(what: str, position: Position, *, found: str, expected: str) -> NoReturn:
    do = f"Type no passphrase. Read it in again, from another reader or copy; else another custodian of site {position[0]} steps in."
    refuse("REC-03", what, found=found, expected=expected, do=do)


def check_header(header: Header, expected: Expected) -> None:
    """Refuse by its header alone, before a passphrase is asked, a sealed share that cannot be the one that is due."""
    _check_kind(header, expected)
    _check_retired(header, expected)
    _check_set(header, expected)
    _check_place(header, expected)
    _check_sealing(header, expected)


def seal(header: Header, share: bytes, passphrase: bytes | bytearray, salt: bytes) -> bytes:
    """The sealed share, 86 bytes. `salt`: 16 fresh bytes from the ceremony's generator.

    Takes the profile's memory and time (MemoryError if there is less); Malformed for a passphrase that is not printable ASCII."""
    if len(share) != SIZE or len(salt) != SALT:
        raise ValueError(f"a share of {SIZE} bytes and a salt of {SALT} are needed")
    head = header.pack() + salt
    key, nonce = _derive(PROFILES[header.profile], passphrase, salt)
    return head + ChaCha20Poly1305(key).encrypt(nonce, share, head)


def unseal(raw: bytes, passphrase: bytes | bytearray) -> bytes:
    """The share in a sealed share. WrongPassphrase if it does not open; otherwise refuses as `Header.unpack` and `seal` do."""
    header = Header.unpack(raw)
    head, box = raw[: HEADER + SALT], raw[HEADER + SALT :]
    key, nonce = _derive(PROFILES[header.profile], passphrase, head[HEADER:])
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, box, head)
    except InvalidTag:
        raise WrongPassphrase(header.position) from None


def _derive(profile: Profile, passphrase: bytes | bytearray, salt: bytes) -> tuple[bytes, bytes]:
    """Key and nonce. Printable ASCII only: what a keyboard layout or a text encoding may change would lock people out."""
    if not passphrase or not all(0x20 <= byte <= 0x7E for byte in passphrase):
        raise Malformed("the passphrase is empty or not printable ASCII")
    kdf = Argon2id(salt=salt, length=44, iterations=profile.passes, lanes=profile.lanes, memory_cost=profile.memory)
    derived = kdf.derive(cast(bytes, passphrase))  # it takes any buffer, so a bytearray need not be copied
    return derived[:32], derived[32:]


@control("STO-05")
def check_profile(mark: Mark, profile: ProfileName, position: Position) -> None:
    """STO-05: shares at rest are sealed strongly: the light profile is for practice only."""
    if profile == "light" and not permits(mark, "light KDF profile"):
        found, expected = f"the light KDF profile in {mark}", "standard or strong"
        refuse("STO-05", f"sealed share {position}", found=found, expected=expected, do="Seal production shares with the standard profile.")


def _presented(header: Header, expected: Expected) -> str:
    """Whose sealed share it is, and who presented it if that is somebody else."""
    own = header.position == expected.position
    return f"the sealed share of {header.position}" + ("" if own else f", presented for {expected.position},")


def _check_kind(header: Header, expected: Expected) -> None:
    """REC-13: a sealed share of the other kind."""
    if header.mark != expected.terms.mark:
        due = f"the {expected.terms.mark} share of {expected.position}"
        what = f"{_presented(header, expected)} is of the other kind"
        refuse("REC-13", what, found=f"a {header.mark} share", expected=due, do=f"Put it back, and bring {due}.")


@control("SEC-05")
def _check_retired(header: Header, expected: Expected) -> None:
    """SEC-05: a sealed share of a retired set is refused by the name of its set: mathematics would still accept it."""
    if header.set_identifier in expected.retired and header.set_identifier != expected.set_identifier:
        refuse(
            "SEC-05",
            f"{_presented(header, expected)} is of a retired set",
            found=f"set {header.set_identifier}, {expected.retired[header.set_identifier]}",
            expected=f"set {expected.set_identifier}, which is in use",
            do=f"Bring the share of {expected.position} of the set in use. This one should be gone: destroy it before two people.",
        )


@control("REC-13")
def _check_set(header: Header, expected: Expected) -> None:
    """REC-13: a sealed share of the other kind, or of a set that this register's key record does not make."""
    if header.set_identifier != expected.set_identifier:
        refuse(
            "REC-13",
            f"{_presented(header, expected)} is of another set",
            found=f"set {header.set_identifier}",
            expected=f"set {expected.set_identifier}",
            do="Compare the set on its label: this is the share of another key, or this is the register of another one.",
        )


@control("REC-02")
def _check_place(header: Header, expected: Expected) -> None:
    """REC-02: scheme, thresholds and position agree with the key record, and no position comes twice."""
    what = _presented(header, expected)
    if header.position in expected.opened:
        do = f"Put it back. If it is not the card of {header.position}, somebody copied it: keep it, and tell the officers."
        refuse("REC-02", f"{what} comes a second time", found=f"{header.position} is open", expected="each position once", do=do)
    if header.position != expected.position:
        swapped = header.position[0] == expected.position[0]
        do = (
            f"{header.position} and {expected.position} seem to hold each other's: swap them, and their bags, back."
            if swapped
            else f"Give it back to {header.position} of site {header.position[0]}; find out how it came here."
        )
        expected_words = f"the sealed share of {expected.position}"
        refuse("REC-02", f"{what} is somebody else's", found=f"position {header.position}", expected=expected_words, do=do)
    due = Header.of(expected.terms, expected.set_identifier, expected.position, header.profile, header.sealing)
    if header != due:
        do = "Do not use it: it contradicts the key record, so it was forged. Keep it apart, and tell the officers."
        refuse("REC-02", f"{what} is of another plan", found=_terms_of(header), expected=_terms_of(due), do=do)


@control("REC-12")
def _check_sealing(header: Header, expected: Expected) -> None:
    """REC-12: the sealing number is the register's newest for this position; lower is an old card; higher (AUD-10) an old register."""
    newest = max(expected.sealings, default=0)
    if header.sealing == newest:
        return
    if header.sealing > newest:
        refuse(
            "AUD-10",
            f"the register was rolled back: {_presented(header, expected)} is newer",
            found=f"sealing number {header.sealing}, newer than the register",
            expected=f"{newest or 'no sealing'}, the newest that this register knows",
            do="Stop. Fetch the newest register; compare its head with the closing slips.",
        )
    do = f"Bring the one with sealing number {newest}. This old one should be gone: destroy it before two people."
    known = "an old card" if header.sealing in expected.sealings else "an old card that the register does not know"
    what = f"{_presented(header, expected)} was locked anew since"
    refuse("REC-12", what, found=f"sealing number {header.sealing}, {known}", expected=f"sealing number {newest}", do=do)


def _terms_of(header: Header) -> str:
    sites, members = f"{header.site_threshold} of {header.sites} sites", f"{header.member_threshold} of {header.members} at the site"
    return f"{header.scheme}, {sites}, {members}"


def _named(code: int, names: Mapping[N, int], what: str) -> N:
    for name, known in names.items():
        if known == code:
            return name
    raise Malformed(f"sealed share: unknown {what} {code}")
