"""The policy: the signed schedule to the charter. CFO, CTO and witness sign it; it changes more often than the charter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.base.signatures import Signature
from ceremony.record import charter as charters
from ceremony.record.charter import SIGNERS, Charter
from ceremony.record.signed import MOST_BYTES, refuse_form, strict
from transfer.authorization import Authorization, binds
from transfer.limits import Payee, Policy, check_form, check_look_alikes

__all__ = ["Payee", "Policy", "bound", "check", "check_follows", "parse", "read", "verify_all"]


def parse(raw: bytes, what: str) -> Policy:
    """The policy in these bytes, checked by itself; refuses with SET-04 what does not have its form."""
    policy = strict(Policy, raw, what)
    try:
        check_form(policy)
    except Malformed as error:
        refuse_form(what, str(error))
    check_look_alikes(policy)
    return policy


def read(path: Path) -> Policy:
    """The policy in a file, checked by itself (its charter and signatures are other questions)."""
    return parse(read_file(path, MOST_BYTES), path.name)


def check(policy: Policy, charter: Charter, genesis: str) -> None:
    """The policy belongs to this charter, this genesis and this kind (practice or production); its payees to the charter's networks."""
    if policy.mark != charter.mark:
        refuse(
            "SET-08",
            "policy and charter are not of one kind",
            found=f"a {policy.mark} policy",
            expected=f"a {charter.mark} policy",
            do="Make the policy against the right charter.",
        )
    for what, found, expected in (("charter", policy.charter, charter.digest), ("genesis", policy.genesis, genesis)):
        if found != expected:
            refuse(
                "AUT-01",
                f"the policy names another {what}",
                found=found,
                expected=expected,
                do="Make the policy against the right charter.",
            )
    networks = {(account.chain, account.network) for account in charter.accounts}
    for payee in policy.payees:
        if (payee.chain, payee.network) not in networks:
            refuse(
                "SET-08",
                f"payee {payee.name} is on a network that no account has",
                found=f"{payee.chain}, {payee.network}",
                expected=" or ".join(f"{chain}, {network}" for chain, network in sorted(networks)),
                do="List the payee's address of the right network.",
            )


def check_follows(policy: Policy, previous: Policy | None) -> None:
    """The policy follows `previous`, and no destination was dated back to escape its cool-off (AUT-06).

    A destination that the predecessor has under the same name keeps its date; every other one was added when this was issued."""
    number, digest = (0, None) if previous is None else (previous.number + 1, previous.digest)
    if (policy.number, policy.previous) != (number, digest):
        refuse(
            "AUT-01",
            "the policy does not follow the one before it",
            found=f"number {policy.number} after {policy.previous or 'none'}",
            expected=f"number {number} after {digest or 'none'}",
            do="Make it anew from the last signed policy.",
        )
    before = {(p.name, p.chain, p.network, p.destination): p.added for p in (previous.payees if previous else ())}
    for payee in policy.payees:
        expected = before.get((payee.name, payee.chain, payee.network, payee.destination), policy.issued)
        if payee.added != expected:
            refuse(
                "AUT-06",
                f"the date of payee {payee.name} is not the day on which its destination was added",
                found=payee.added,
                expected=expected,
                do="Make the policy anew; a cool-off counts from the policy that first lists the destination.",
            )


def bound(authorization: Authorization, charter: Charter, policy: Policy, genesis: str) -> None:
    """AUT-01: the authorization names this genesis, charter and policy, and an account of the charter with its network."""
    binds(authorization, {"mark": charter.mark, "genesis": genesis, "charter": charter.digest, "policy": policy.digest})
    account = next((a for a in charter.accounts if a.name == authorization.account), None)
    if account is None:
        refuse(
            "AUT-01",
            "the authorization names an account that the charter does not have",
            found=authorization.account,
            expected=" or ".join(a.name for a in charter.accounts),
            do="Draft and sign a new one.",
        )
    binds(authorization, {"chain": account.chain, "network": account.network})


def verify_all(signed: Iterable[Signature], raw: bytes, charter: Charter) -> None:
    """CFO, CTO and witness signed exactly these bytes, each with the key of the charter."""
    charters.verify_all(signed, raw, SIGNERS, charter, "policy@cold-ceremony")
