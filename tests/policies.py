"""Policies with the times from which they count, and the document of them, signed by whom a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ceremony.base.data import canonical, dump, encode
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record import entries
from ceremony.record.end import End
from ceremony.record.policy_history import PolicyHistory, Taken
from ceremony.record.sets import KEY_MADE
from transfer.in_force import History, then
from transfer.limits import Policy

Sign = Callable[[str, bytes], Signature]
"""Person and text -> their signature of an end."""


def counted(*policies: Policy | tuple[Policy, str]) -> History:
    """A history: each policy from its date on, or from the signed end that is given with it."""
    history: History | None = None
    for each in policies:
        rules, ended = each if isinstance(each, tuple) else (each, each.issued)
        history = then(history, rules, ended)
    assert history is not None
    return history


def closing(ended: str, outcome: str, **changes: Any) -> bytes:
    """The line of a closing entry."""
    body = entries.Closed(outcome=outcome, reason="", signers=("administrator", "witness"))
    line = {"actor": "tool", "body": encode(body), "prev": "33" * 32, "seq": "9", "time": ended, "type": "closed"}
    return canonical({**line, **changes})


def taken(sign: Sign, policy: Policy, ceremony: int, ended: str, /, **changes: Any) -> Taken:
    """A policy that a ceremony took in; `changes`: other facts of its end."""
    first = policy.number == 0
    outcome = KEY_MADE if first else "amended"
    line = closing(ended, outcome)
    facts: dict[str, Any] = {
        "mark": policy.mark, "genesis": policy.genesis, "ceremony": ceremony, "kind": "keygen" if first else "amend",
        "outcome": outcome, "closed": sha256(line), "charter": policy.charter, "policy": policy.digest,
    }  # fmt: skip
    text = End(**{**facts, **changes}).text
    signed = tuple(sign(person, text.encode("ascii")) for person in ("administrator", "witness"))
    return Taken(policy=policy, end=text, signatures=signed, closing=line.decode("ascii"), ended=ended)


def document(*policies: Taken) -> bytes:
    """The file of these policies."""
    first = policies[0].policy
    return dump(PolicyHistory(mark=first.mark, genesis=first.genesis, policies=policies))
