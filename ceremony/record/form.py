"""A form that several people sign: who signed it, who has still to, and who must not (SET-10, STO-07)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NoReturn

from ceremony.base import signatures
from ceremony.base.control import refuse
from ceremony.base.data import dump
from ceremony.base.signatures import Namespace, Signature
from ceremony.record.charter import Charter


def verified(form: object, signed: Iterable[Signature], charter: Charter, namespace: Namespace) -> set[str]:
    """Who signed a form, each with the key that the charter has for them (AUT-03)."""
    signed, raw = tuple(signed), dump(form)
    for signature in signed:
        signatures.verify(signature, raw, charter.key(signature.signer), namespace)
    return {signature.signer for signature in signed}


def refuse_signers(identifier: str, what: str, people: Collection[str], missing: Sequence[str], others: str, command: str) -> NoReturn:  # noqa: PLR0913, PLR0917
    """The refusal of a form that too few have signed, or somebody who must not. `others`: who may sign it."""
    refuse(
        identifier,
        what,
        found=f"signed by {', '.join(sorted(people)) or 'nobody'}",
        expected=f"also by {', '.join(missing)}" if missing else f"signed by {others}",
        do=f"Let them sign with `{command}`." if missing else "Draft it anew, and let the others sign that one.",
    )


def check_may_sign(identifier: str, what: str, person: str, barred: Collection[str], others: str) -> None:
    """A signature of somebody who must not sign spoils the form, so it is refused before it is made."""
    if person in barred:
        refuse(
            identifier,
            what,
            found=f"{person}, who is about to sign it",
            expected=f"signed by {others}",
            do="Let the others sign. Nothing was added to the form.",
        )
