"""A custody record: what happened to shares between ceremonies, signed by the two people who did it (STO-03, STO-04, STO-09)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal

from ceremony.base import signatures
from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Malformed, Mark, Name, Pattern, Person, Position, SetIdentifier, Text, Time, dump, record
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from ceremony.base.signatures import Namespace, Signature
from ceremony.record.charter import OFFICERS, Charter

NAMESPACE: Namespace = "custody@cold-ceremony"
BagNumber = Annotated[str, Pattern(r"[A-Z0-9][A-Z0-9-]{3,19}", "a bag's number: 4 to 20 capital letters, digits and hyphens")]
BagState = Literal["intact", "cut", "damaged", "wet", "replaced", "missing"]
Event = Literal["safe", "out", "in", "hand-over", "arrived", "lost", "found", "destroyed", "decision"]
Decision = Literal["reshare", "rekey", "sweep", "accept"]
Letter = Annotated[str, Pattern(r"[A-I]", "a site letter, A to I")]

_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "safe": ("site",),
        "out": ("site", "bags", "set_identifier"),
        "in": ("site", "bags", "set_identifier"),
        "hand-over": ("bags", "carrier", "due", "set_identifier"),
        "arrived": ("bags", "state", "set_identifier"),
        "lost": ("set_identifier",),
        "found": ("set_identifier",),
        "destroyed": ("how", "set_identifier"),
        "decision": ("decision", "set_identifier"),
    }
)
"""Event -> the fields that its record has beside those of every record; it has no other."""
_OPTIONAL = ("site", "bags", "carrier", "due", "state", "how", "decision", "set_identifier")
APPROVED = ("safe", "out", "hand-over")
"""Events that an officer approves, who is neither of the two."""


@record
class CustodyRecord:
    """One event, as its two people tell it. Malformed for a field that its event does not have, or lacks.

    `safe`: this site's safe, and the two people without whom it is not opened. `out`, `in`: bags leave it, or lie in it, by these two.
    `hand-over`: from the first of the two to the second, by this carrier. `arrived`: the receiver, and who saw it. `decision`: what both
    officers make of a share that was lost or not opened, of a bag that was not intact, or of a custodian who was replaced."""

    type: Literal["custody"] = "custody"
    version: Literal["2"] = "2"
    event: Event
    mark: Mark
    genesis: Digest
    identifier: Name
    time: Time
    """When it happened."""
    positions: tuple[Position, ...] = ()
    """Whose shares; none of a safe's own record."""
    people: tuple[Person, ...]
    """The two who did it, or who say so; both officers for a decision."""
    reason: Text
    site: Letter | None = None
    set_identifier: SetIdentifier | None = None
    """Of which set the shares are."""
    bags: dict[Position, BagNumber] | None = None
    """The number of each one's bag, read off it."""
    carrier: Text | None = None
    """Who carries it, with their tracking number."""
    due: Time | None = None
    """When it must have arrived."""
    state: BagState | None = None
    """What the bags looked like at arrival."""
    how: Text | None = None
    """How it was destroyed."""
    decision: Decision | None = None

    def __post_init__(self) -> None:
        what = f"custody record {self.identifier}"
        wanted = _FIELDS[self.event]
        wrong = [name for name in _OPTIONAL if (getattr(self, name) is not None) != (name in wanted)]
        if wrong:
            raise Malformed(f"{what}: the event {shown(self.event)} has the fields {', '.join(wanted)}; found wrong: {', '.join(wrong)}")
        if bool(self.positions) == (self.event == "safe") or list(self.positions) != sorted(set(self.positions)):
            raise Malformed(f"{what}: expected positions in their order, each once; none for a safe")
        if self.bags is not None and sorted(self.bags) != list(self.positions):
            raise Malformed(f"{what}: expected the number of the bag of each of its positions")
        if len(self.people) != 2 or len(set(self.people)) != 2:
            raise Malformed(f"{what}: expected two people, found {', '.join(self.people) or 'nobody'}")

    @property
    def digest(self) -> str:
        """SHA-256 of the record's file."""
        return sha256(dump(self))


def must_sign(found: CustodyRecord) -> tuple[str, ...]:
    """Who signs it, but for the officer of `APPROVED`. A receiver signs when it has arrived, not when it leaves."""
    if found.event == "decision":
        return OFFICERS
    return found.people[:1] if found.event == "hand-over" else found.people


def check_own(found: CustodyRecord, charter: Charter, genesis: str) -> None:
    """AUD-09: of this register and of this mark; its people stand in the charter (STO-03: full names stand there)."""
    if (found.genesis, found.mark) != (genesis, charter.mark):
        refuse(
            "AUD-09",
            "this record is of another register",
            found=f"{found.mark}, genesis {found.genesis}",
            expected=f"{charter.mark}, genesis {genesis}",
            do="Ask who gave it to you. Do not sign it.",
        )
    for person in found.people:
        charter.member(person)


def check_signatures(raw: bytes, signed: Sequence[Signature], charter: Charter) -> None:
    """Whoever signed did so with the key that the charter has for them."""
    for signature in signed:
        signatures.verify(signature, raw, charter.key(signature.signer), NAMESPACE)


def check_signers(found: CustodyRecord, signers: Collection[str], *, excepted: bool = False) -> None:
    """Everyone who must has signed: nobody records anything about their own share alone. `excepted`: as `check_movement` has it."""
    if found.event in ("out", "safe"):
        check_access(found, signers)
    elif found.event in ("hand-over", "arrived"):
        check_movement(found, signers, excepted=excepted)
    elif missing := sorted(set(must_sign(found)) - set(signers)):
        refuse(
            "AUD-02",
            f"custody record {found.identifier} ({found.event}) lacks a signature",
            found="signatures of " + (", ".join(sorted(signers)) or "nobody"),
            expected=", ".join(must_sign(found)),
            do=f"Let {' and '.join(missing)} sign it: `ceremony custody sign`.",
        )


@control("STO-03")
def check_access(found: CustodyRecord, signers: Collection[str]) -> None:
    """STO-03: who opens a safe is two people of the charter, by name, at a time, for a reason, and an officer approved it."""
    approved = set(OFFICERS) & set(signers) - set(found.people)
    if not (set(found.people) <= set(signers) and approved):
        refuse(
            "STO-03",
            f"custody record {found.identifier}: the access to the safe of site {found.site} is not valid",
            found="signed by " + (", ".join(sorted(signers)) or "nobody"),
            expected=f"{' and '.join(found.people)}, and cfo or cto, who approves",
            do="Nothing is taken out of a safe before an officer approved it: `ceremony custody sign`.",
        )


@control("STO-04")
def check_movement(found: CustodyRecord, signers: Collection[str], *, excepted: bool = False) -> None:
    """STO-04: what is moved was authorized by an officer, is tracked, and is signed for at its arrival by whoever received it.

    `excepted`: both officers signed a form for this movement, which then needs no other authorization; never instead of who did it."""
    who = [person for person in must_sign(found) if person not in signers]
    approved = excepted or found.event == "arrived" or set(OFFICERS) & set(signers) - set(found.people)
    if who or not approved:
        refuse(
            "STO-04",
            f"custody record {found.identifier}: the {found.event} is not valid",
            found="signed by " + (", ".join(sorted(signers)) or "nobody"),
            expected=" and ".join(must_sign(found)) + ("" if found.event == "arrived" else ", and cfo or cto, who authorizes it"),
            do=f"Let {' and '.join(who)} sign it: `ceremony custody sign`. No form stands in for who did it."
            if who
            else f"Let cfo or cto sign it: `ceremony custody sign`. {BY_FORM}",
        )


BY_FORM = "What really moved like this comes in by a form of both officers: x, when `ceremony custody take` refuses it."
"""STO-04 may be excepted."""
