"""The form of a loss: for people who are lost others sign, and a record that was damaged goes on (SET-10, AUD-11).

It stands whole in the first entry of the run that it serves, and is good for the rest of that ceremony."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from ceremony.base.control import control
from ceremony.base.data import Digest, Mark, Person, Text, Time, dump, record
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record.charter import Charter
from ceremony.record.form import refuse_signers, verified

NAMESPACE: Literal["loss@cold-ceremony"] = "loss@cold-ceremony"
SEALS = ("cfo", "cto", "witness")
"""Who can freeze a desk; any one or two of them are stood in for by the others and custodians."""
NOT_LOST = "nobody who is lost"
"""Who may sign a form of a loss."""


@record
class Loss:
    """Who is lost, in which ceremony, behind which entry (0: before the first), with the digest of that entry, or of what the ceremony
    continues from. `lost` is empty where nobody is, and a signed run's signature is. `aside`: SHA-256 of what is kept aside."""

    type: Literal["loss"] = "loss"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    ceremony: int
    entry: int
    head: Digest
    aside: Digest | None = None
    lost: tuple[Person, ...]
    reason: Text
    issued: Time

    @property
    def digest(self) -> str:
        """SHA-256 of the form's file."""
        return sha256(dump(self))


@record
class SignedLoss:
    """A form with the signatures of all whom SET-10 names."""

    form: Loss
    signatures: tuple[Signature, ...]


@control("SET-10")
def check_signed(signed: SignedLoss, charter: Charter) -> None:
    """SET-10: for one of CFO, CTO and witness the two others and a quorum of custodians; for two the third and the thresholds of all
    sites; for anybody else, or for damage alone, both officers and the witness. Nobody signs their own loss."""
    form = signed.form
    people = verified(form, signed.signatures, charter, NAMESPACE)
    missing = sorted(wanting(form.lost, people, charter))
    if missing or people & set(form.lost):
        refuse_signers("SET-10", name(form), people, missing, NOT_LOST, "ceremony loss sign")


def name(form: Loss) -> str:
    """The form as a refusal names it."""
    return f"the form of the loss of {', '.join(form.lost) or 'a signature'}"


def wanting(lost: Collection[str], people: Collection[str], charter: Charter) -> set[str]:
    """Who has still to sign, in words; empty if all whom SET-10 names have."""
    sealed = [person for person in SEALS if person in lost]
    missing = {person for person in SEALS if person not in lost and person not in people}
    plan = charter.plan
    custodians = [person for person in people if person in plan.positions]
    if len(sealed) == len(SEALS):
        missing.add("one of cfo, cto, witness, who is not lost")
    elif len(sealed) == 1 and not plan.enough(custodians):
        missing.add("a quorum of custodians")
    elif len(sealed) == 2 and set(plan.sites_open(custodians)) != set(plan.letters):
        missing.add("the threshold of custodians of every site")
    return missing


def stand_in(due: Sequence[str], lost: Collection[str]) -> tuple[str, ...]:
    """Who signs a run or an end for which these are due: without who is lost; if that is nobody, the officers who are not."""
    left = tuple(person for person in due if person not in lost)
    return left or tuple(person for person in ("cfo", "cto") if person not in lost)
