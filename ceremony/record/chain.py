"""The chain of charters: the genesis, and each later one, signed as its predecessor demands (STO-07).

An ordinary amendment has CFO, CTO and witness of the predecessor. One officer who is lost is succeeded by the other officer, the
witness and a quorum of custodians, who sign twice: the new charter, and after the cool-off the succession."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import pairwise
from typing import Literal, NoReturn

from ceremony.base import signatures
from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Mark, Time, dump, record
from ceremony.base.signatures import Signature
from ceremony.record import charter as charters
from ceremony.record.charter import OFFICERS, SIGNERS, Charter, fingerprint
from ceremony.record.signed import strict
from transfer.limits import moment, written

FIXED = ("mark", "organisation")
"""What no amendment changes. Sites, positions and thresholds may: then the set in use must be reshared before anything else is done with
it. So may the scheme and the paths of accounts, and accounts may be added: then only a new key makes a set under the new charter."""
_ITSELF = ("number", "previous", "issued")


@record
class Succession:
    """After the cool-off: the same people say once more that the new officer takes over. Only then the new charter counts."""

    type: Literal["succession"] = "succession"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    charter: Digest
    proposed: Digest
    proposed_at: Time
    cool_off_hours: int
    issued: Time


@record
class SignedCharter:
    """The bytes of one charter and the signatures over them; of one that replaces a lost officer, the succession as well."""

    charter: bytes
    signatures: tuple[Signature, ...]
    succession: bytes | None = None
    succession_signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """The charters from the genesis on; the last one is in force. `verify_chain` makes one from signed files."""

    charters: tuple[Charter, ...]

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.charters[-1]

    @property
    def genesis(self) -> str:
        """Digest of the first."""
        return self.charters[0].digest

    def named(self, digest: str, what: str) -> Charter:
        """The charter of the chain that a document names; AUT-01 if it names none of them."""
        known = {charter.digest: charter for charter in self.charters}
        if digest not in known:
            refuse(
                "AUT-01",
                f"{what} names another charter",
                found=digest,
                expected=" or ".join(known),
                do="Give every charter from the genesis on, or make the document against the right one.",
            )
        return known[digest]

    def stayed(self, digest: str) -> tuple[str, ...]:
        """The positions whose custodian is the same person since the charter of this digest, which a key record names: nobody else knows
        the passphrase of the share that they had. Who was replaced in between is not, as custody has it (record/whereabouts.py)."""
        since = self.charters[self.charters.index(self.named(digest, "the key record")) :]
        moved = {change.person for before, after in pairwise(since) for change in changes(before, after) if change.replaced}
        return tuple(p for p in since[0].custodians if p in since[-1].custodians and p not in moved)


@dataclass(frozen=True, slots=True)
class Change:
    """What an amendment does to one person: another key, or somebody else in the role."""

    person: str
    before: str
    """Fingerprint of the key that is revoked; empty if the position is new."""
    after: str
    """Fingerprint of the key that is granted; equal to `before` if only the name is spelled anew, empty if the position is gone."""
    replaced: bool
    """Somebody else is in the role from now on, or nobody. Who has another name and another key is somebody else: a name is spelled
    anew, and a person gets a new key."""


def changes(before: Charter, after: Charter) -> tuple[Change, ...]:
    """Whose name or key differs, who is new and who is gone, in the order of roles and positions."""
    old, new = ({member.person: member for member in charter.people} for charter in (before, after))
    return tuple(
        Change(
            person=person,
            before=fingerprint(old[person].key) if person in old else "",
            after=fingerprint(new[person].key) if person in new else "",
            replaced=person in old and (person not in new or (old[person].name != new[person].name and old[person].key != new[person].key)),
        )
        for person in sorted(old.keys() | new.keys())
        if old.get(person) != new.get(person)
    )


def rekeyed(before: Charter, after: Charter) -> tuple[Change, ...]:
    """The changes that revoke one key and grant another."""
    return tuple(change for change in changes(before, after) if change.before != change.after)


def performer(person: str) -> str:
    """STO-07: who enters, and signs at the end of the phase, that somebody's key is revoked or granted: never that person themself. The
    channel over which they learn of it is the charter, signed as the one before it demands; nothing else gives access, or takes it."""
    return "witness" if person == "administrator" else "administrator"


def changed_fields(before: Charter, after: Charter) -> tuple[str, ...]:
    """The fields that differ, but for number, predecessor and date."""
    return tuple(f.name for f in fields(before) if f.name not in _ITSELF and getattr(before, f.name) != getattr(after, f.name))


@control("STO-07")
def check_amendment(before: Charter, after: Charter, signed: Sequence[Signature]) -> str | None:
    """STO-07: a later charter follows its predecessor, changes only what may change, and is signed as the predecessor demands:
    by CFO, CTO and witness, so that nobody grants or revokes alone what is their own. Every signature must be of the predecessor's keys.

    If it replaces one officer, and that one alone has not signed: by the other officer, the witness and a quorum of custodians. That
    is a succession: the lost officer is returned, and it counts only with `check_succession`."""
    check_follows(before, after)
    raw = dump(after)
    for signature in signed:
        signatures.verify(signature, raw, before.key(signature.signer), "charter@cold-ceremony")
    lost = _lost(before, after, signed)
    if lost is None:
        _check_signed("the amended charter", signed, SIGNERS)
    else:
        _check_successors("the charter", before, lost, signed)
    return lost


def check_follows(before: Charter, after: Charter) -> None:
    """Number and predecessor; nothing that the key that exists depends on; somebody or something is different."""
    if (after.number, after.previous) != (before.number + 1, before.digest):
        _refuse(
            "the charter does not follow the one before it",
            found=f"number {after.number} after {after.previous or 'none'}",
            expected=f"number {before.number + 1} after {before.digest}",
            do="Make it anew with `ceremony charter amend` from the charter in force.",
        )
    fixed = [name for name in FIXED if getattr(before, name) != getattr(after, name)]
    kept = {(account.name, account.chain, account.network) for account in after.accounts}
    fixed += [f"account {a.name}" for a in before.accounts if (a.name, a.chain, a.network) not in kept]
    if fixed:
        _refuse(
            "an amendment cannot change what the key was made under",
            found="other " + ", ".join(name.replace("_", " ") for name in fixed),
            expected="the same as in the charter before: a key exists that stands on these, and only a sweep to an account of the same "
            "name empties it",
            do="Amend people, sites, thresholds, scheme, paths of accounts, HSM and rules alone; add an account rather than rename one.",
        )
    if not changed_fields(before, after):
        _refuse("the amendment changes nothing", found="the same charter", expected="a difference", do="Say what is to change.")


def replaced_officer(before: Charter, after: Charter) -> str | None:
    """The one officer whose key is another one, if the charter changes nothing else; None otherwise."""
    replaced = [change.person for change in rekeyed(before, after)]
    alone = changed_fields(before, after) == ("people",) and len(changes(before, after)) == 1
    return replaced[0] if alone and set(replaced) <= set(OFFICERS) and replaced else None


def _lost(before: Charter, after: Charter, signed: Sequence[Signature]) -> str | None:
    """The officer who is replaced and has not signed, while the other one has or must."""
    replaced, signers = replaced_officer(before, after), {s.signer for s in signed}
    return replaced if replaced is not None and replaced not in signers else None


def _check_signed(what: str, signed: Sequence[Signature], needed: Sequence[str]) -> None:
    found = {s.signer for s in signed}
    if not found >= set(needed):
        _refuse(
            f"{what} is not signed as its predecessor demands",
            found="signed by " + (", ".join(sorted(found)) or "nobody"),
            expected=", ".join(needed) + ", each with the key of the charter before",
            do="Let " + ", ".join(person for person in needed if person not in found) + " sign these same bytes.",
        )


def _check_successors(what: str, before: Charter, lost: str, signed: Sequence[Signature]) -> None:
    """The other officer, the witness, and custodians enough to recover the key."""
    (other,) = (officer for officer in OFFICERS if officer != lost)
    _check_signed(f"{what} that replaces the {lost}", signed, (other, "witness"))
    custodians = sorted({s.signer for s in signed} & set(before.custodians))
    if not before.plan.enough(custodians):
        _refuse(
            f"{what} that replaces the {lost} is not signed by a quorum of custodians",
            found=", ".join(custodians) or "no custodian",
            expected=f"the {other}, the witness, and the thresholds of custodians at {before.site_threshold} sites",
            do=f"Let the missing custodians sign, or the {lost}, if they are there after all.",
        )


def check_succession_signer(before: Charter, after: Charter, person: str) -> None:
    """STO-07: who is replaced does not sign a succession, and neither does the administrator."""
    lost = replaced_officer(before, after)
    if lost is None:
        _refuse(
            "this charter is not a succession",
            found=", ".join(changed_fields(before, after)),
            expected="another key for one officer, and nothing else changed",
            do="An ordinary amendment needs no succession: CFO, CTO and witness sign it.",
        )
    allowed = [p for p in (*OFFICERS, "witness", *before.custodians) if p != lost]
    if person not in allowed:
        _refuse(f"{person} cannot sign this succession", found=person, expected=", ".join(allowed), do="Let one of these sign.")


def parse_succession(raw: bytes, what: str) -> Succession:
    """The succession in these bytes; refuses with SET-04 what does not have its form."""
    return strict(Succession, raw, what)


def cool_off_ends(proposed_at: str, hours: int) -> str:
    """The first moment at which a charter that was proposed then can count."""
    return written(moment(proposed_at) + timedelta(hours=hours))


def check_succession(before: Charter, after: Charter, lost: str, raw: bytes, signed: Sequence[Signature]) -> Succession:
    """STO-07: the same kind of quorum signed once more, after the cool-off, that this charter counts.

    A clock that somebody sets forward gives no signatures: each signer reads both dates on a machine of their own."""
    said = parse_succession(raw, "succession")
    if (said.mark, said.charter) != (after.mark, after.digest):
        _refuse("the succession is of another charter", found=said.charter, expected=after.digest, do="Sign the one of this charter.")
    check_past(said, said.issued)
    for signature in signed:
        signatures.verify(signature, raw, before.key(signature.signer), "succession@cold-ceremony")
    _check_successors("the succession", before, lost, signed)
    return said


def check_past(said: Succession, now: str) -> None:
    """STO-07: the cool-off that the succession names is over."""
    ends = cool_off_ends(said.proposed_at, said.cool_off_hours)
    if now < ends:
        _refuse(
            "the cool-off of the succession is not over",
            found=f"proposed {said.proposed_at}, now {now}",
            expected=f"{ends} or later ({said.cool_off_hours} hours after it was proposed)",
            do="Wait. Until then the charter before is in force, and whoever is to be replaced can still object.",
        )


def verify_chain(items: Sequence[SignedCharter]) -> Chain:
    """The charters of these bytes, each verified under the one before it, the genesis under itself.

    AUD-02, AUT-03 for the genesis; STO-07 for each later one. Whether the genesis is the right one is another question."""
    found: list[Charter] = []
    for number, item in enumerate(items):
        after = charters.parse(item.charter, f"charter {number}")
        if found:
            lost = check_amendment(found[-1], after, item.signatures)
            if lost is not None:
                if item.succession is None:
                    _waiting(lost)
                said = check_succession(found[-1], after, lost, item.succession, item.succession_signatures)
                if said.genesis != found[0].digest:
                    _refuse("the succession is of another register", found=said.genesis, expected=found[0].digest, do="Use the right one.")
        else:
            check_first(after)
            charters.verify_all(item.signatures, item.charter, SIGNERS, after, "charter@cold-ceremony")
        found.append(after)
    return Chain(tuple(found))


def check_first(charter: Charter) -> None:
    """A chain begins with a genesis."""
    if charter.number:
        _refuse(
            "the chain of charters does not begin with the genesis",
            found=f"charter {charter.number} first",
            expected="charter 0, then each later one",
            do="Give every charter from the genesis on.",
        )


def _waiting(lost: str) -> NoReturn:
    _refuse(
        f"the charter that replaces the {lost} does not count yet",
        found="no succession",
        expected="the succession, signed after the cool-off",
        do="Take it in with `ceremony amend`; after the cool-off sign with `ceremony charter succeed`.",
    )


def _refuse(what: str, *, found: str, expected: str, do: str) -> NoReturn:
    refuse("STO-07", what, found=found, expected=expected, do=do)
