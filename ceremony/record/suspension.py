"""A suspension: one signature stops a signing key at once, until others lift it or the charter has another key (STO-07).

The form stands whole in the first entry of the run that takes it in. It counts from that entry on, in every later ceremony, too, and
voids nothing that stands before it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NoReturn

from ceremony.base.control import refuse
from ceremony.base.data import Digest, Mark, Person, PublicKey, Text, Time, dump, load, record
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from ceremony.base.signatures import Signature
from ceremony.record import loss
from ceremony.record.charter import OFFICERS, Charter
from ceremony.record.form import refuse_signers, verified
from ceremony.record.signed import read_signed

NAMESPACE: Literal["suspension@cold-ceremony"] = "suspension@cold-ceremony"
SECONDS = frozenset({*OFFICERS, "witness"})
"""Who stands with an officer that suspends a second person."""
COPY = "Use an undamaged copy of the register."
ANEW = (
    "Let it be signed by keys that are not suspended. Their owner signs again once others lift the suspension "
    "(`ceremony suspend draft --lift`), or the charter has another key for them (`ceremony charter amend`)."
)
FIRST = (
    "A ceremony of this kind begins once the charter has another key for them (`ceremony amend`, which takes --loss), or "
    "others lifted the suspension (`ceremony suspend draft --lift`)."
)
AGAIN = "Draft it anew with `ceremony suspend draft --register`, by the register as it stands now."


@record
class Suspension:
    """Whose key is suspended, or lifted. `key`: their public key in the charter. `by`: who suspends; of a lift, who suspended."""

    type: Literal["suspension"] = "suspension"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    act: Literal["suspend", "lift"]
    person: Person
    key: PublicKey
    by: Person
    reason: Text
    issued: Time

    @property
    def digest(self) -> str:
        """SHA-256 of the form's file."""
        return sha256(dump(self))


@record
class SignedSuspension:
    """A form with the signatures of all who must sign it."""

    form: Suspension
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Suspended:
    """A key that is suspended: by which form, and in which ceremony it was taken in."""

    form: Suspension
    ceremony: int

    @property
    def brief(self) -> str:
        """Whose it is, by whom, since when and why it is suspended."""
        return f"{self.form.person}, by {self.form.by}, since ceremony {self.ceremony} ({shown(self.form.reason)})"

    @property
    def told(self) -> str:
        """The sentence where the line itself does not say that it is about a key."""
        return f"the key of {self.brief}"


@dataclass(frozen=True, slots=True)
class Suspensions:
    """Every key that was suspended and not lifted. A charter that gives its person another key decides it; one that comes back to this
    key finds it suspended."""

    keys: Mapping[str, Suspended] = field(default_factory=lambda: MappingProxyType({}))
    taken: frozenset[str] = frozenset()
    """Digests of all forms that were taken in: each counts once."""

    def after(self, taken: Iterable[SignedSuspension], ceremony: int) -> Suspensions:
        """With the forms that a ceremony of this number took in, in their order."""
        keys, digests = dict(self.keys), set(self.taken)
        for signed in taken:
            digests.add(signed.form.digest)
            if signed.form.act == "lift":
                keys.pop(signed.form.key, None)
            else:
                keys[signed.form.key] = Suspended(signed.form, ceremony)
        return Suspensions(MappingProxyType(keys), frozenset(digests))

    def of(self, person: str, charter: Charter) -> Suspended | None:
        """What suspends the key that this charter has for a person; None if nothing does."""
        return next((self.keys.get(member.key) for member in charter.people if member.person == person), None) if self.keys else None

    def undecided(self, charter: Charter) -> tuple[Suspended, ...]:
        """Those of keys that this charter still has."""
        people = (self.of(member.person, charter) for member in charter.people)
        return tuple(found for found in people if found is not None)

    def people(self, charter: Charter) -> frozenset[str]:
        """Who signs nothing under this charter."""
        return frozenset(member.person for member in charter.people if member.key in self.keys)


NONE = Suspensions()
NOT_BARRED = "nobody who suspended, or is suspended"
"""Who may sign a lift."""


def check_signer(person: str, before: Suspensions, charter: Charter, what: str, do: str = COPY) -> None:
    """STO-07: a suspended key signs nothing."""
    found = before.of(person, charter)
    if found is not None:
        _refuse(f"{what}: the key of {person} is suspended", found.told, "the signature of a key that is not suspended", do)


def read_suspension(path: Path) -> SignedSuspension:
    """The form in this file, with the signatures beside it; nothing is verified here."""
    raw, signed = read_signed(path)
    return SignedSuspension(form=load(Suspension, raw, path.name), signatures=signed)


def loss_command(person: str, register: Path, then: str = "") -> str:
    """What to do where the key of somebody is suspended whose signature a ceremony needs. `then`: what takes the form, if not `resume`."""
    where = shlex.quote(str(register))
    draft = f'ceremony loss draft --register {where} --lost {person} --reason "their key is suspended" -o loss.json'
    then = then or f"`ceremony resume --register {where} --genesis HEX --loss loss.json`"
    return f"Let others sign for {person} by the form of a loss: `{draft}`. All whom it names sign it; then {then}."


def check_taken(taken: Iterable[SignedSuspension], before: Suspensions, charter: Charter, genesis: str, ceremony: int) -> Suspensions:
    """STO-07: each form of one entry, in their order; what is suspended after the last of them."""
    for signed in taken:
        check_signed(signed, before, charter, genesis)
        before = before.after((signed,), ceremony)
    return before


def check_signed(signed: SignedSuspension, before: Suspensions, charter: Charter, genesis: str) -> None:
    """STO-07: the form is of this register and of a key that it can be about, and signed by those who must."""
    form = signed.form
    check_form(form, before, charter, genesis)
    people = verified(form, signed.signatures, charter, NAMESPACE)
    for person in sorted(people):
        check_signer(
            person,
            before,
            charter,
            name(form),
            "Draft it anew, and let others sign that one: a suspended key signs neither a suspension nor a lift.",
        )
    missing = sorted(wanting(form, people, before, charter))
    if missing or people & barred(form, before, charter):
        refuse_signers("STO-07", name(form), people, missing, NOT_BARRED, "ceremony suspend sign")


def check_form(form: Suspension, before: Suspensions, charter: Charter, genesis: str) -> None:
    """STO-07: who suspends is the person themself or an officer, the key is the charter's, and it is not suspended twice, or lifted
    while it is not suspended. A form counts once: an old one neither suspends again nor lifts a later suspension."""
    found = (form.mark, form.genesis, form.key)
    wanted = (charter.mark, genesis, next((member.key for member in charter.people if member.person == form.person), "no key"))
    if found != wanted:
        _refuse(f"{name(form)} is of another register or key", ", ".join(found), ", ".join(wanted), AGAIN)
    known = before.keys.get(form.key)
    if form.digest in before.taken and not (form.act == "suspend" and known is not None):
        _refuse(name(form), "a form that was taken in before", "one that was not", AGAIN)
    if form.act == "lift" and known is not None and form.issued < known.form.issued:
        _refuse(name(form), f"drafted {form.issued}", f"drafted after the suspension, {known.form.issued}", AGAIN)
    if form.act == "lift" and (known is None or known.form.by != form.by):
        told = "a key that is not suspended" if known is None else f"suspended by {known.form.by}, lifted as if by {form.by}"
        _refuse(name(form), told, f"a suspended key, by the {form.by}", AGAIN)
    if form.act == "suspend" and known is not None:
        _refuse(name(form), f"suspended already: {known.told}", "a key that is not suspended", "Leave this form out.")
    if form.by not in (*OFFICERS, form.person):
        _refuse(name(form), f"suspended by {form.by}", f"by {form.person}, cfo or cto", "Tell an officer.")


def wanting(form: Suspension, people: Collection[str], before: Suspensions, charter: Charter) -> set[str]:
    """Who has still to sign, in words. Of a lift SET-10 says it: who suspended and who is suspended count as lost. A second person whom
    an officer suspends wants a second signature."""
    if form.act == "lift":
        return loss.wanting(barred(form, before, charter), people, charter)
    missing = {form.by} - set(people)
    others = [each for each in before.undecided(charter) if each.form.by == form.by]
    if form.by != form.person and others and not SECONDS - {form.by, form.person} & set(people):
        missing.add("the other officer or the witness")
    return missing


def barred(form: Suspension, before: Suspensions, charter: Charter) -> frozenset[str]:
    """Who does not sign a lift: who suspended, and everyone whose key is suspended, or two suspensions would bar each other's lift."""
    return frozenset({form.by, form.person} | before.people(charter)) if form.act == "lift" else frozenset()


def name(form: Suspension) -> str:
    """The form as a refusal names it."""
    return f"the form that {'lifts the suspension of' if form.act == 'lift' else 'suspends'} the key of {form.person}"


def _refuse(what: str, found: str, expected: str, do: str) -> NoReturn:
    refuse("STO-07", what, found=found[:500], expected=expected[:500], do=do)
