"""What was typed from payee slips: two custodians, other groups each, of addresses that really have them (TXN-06)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ceremony.base.control import control, refuse
from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.state import State
from ceremony.record.vouched import counted
from transfer.authorization import Authorization

GROUP = 4
"""Characters of one group of an address, as the payee slip numbers them from 1."""
ASKED = 3
"""Groups that each of the two types."""
Place = tuple[int, int]
"""A payment's number and a group's number, both from 1."""


def addresses(wanted: Authorization) -> tuple[str, ...]:
    """What is typed back for an authorization: each payee's address, from the payee slip; of a sweep the first address of the new key,
    from the closing slip of the ceremony that made it; of a consolidation nothing."""
    return tuple(payment.destination for payment in wanted.payments) or ((wanted.address,) if wanted.address else ())


def groups_of(address: str) -> tuple[str, ...]:
    """The groups of an address; the last one may be shorter."""
    return tuple(address[at : at + GROUP] for at in range(0, len(address), GROUP))


def typed(state: State) -> dict[str, frozenset[Place]]:
    """Who typed which groups, before anybody approved."""
    found: dict[str, frozenset[Place]] = {}
    for entry in counted(state):
        body = entry.body
        if isinstance(body, entries.Signature) and body.purpose == "approval":
            break
        if isinstance(body, entries.TypedBack):
            found[entry.actor] = found.get(entry.actor, frozenset()) | {(body.payment, group) for group in body.groups}
    return found


def custodians(state: State, charter: Charter) -> tuple[str, ...]:
    """Who can type: every custodian who is there, whether they open a share or not."""
    return tuple(person for person in state.actors(entries.Present) if person in charter.custodians)


@control("TXN-06")
def check_typed(by: Mapping[str, Collection[Place]], addresses: Sequence[str], custodians: Collection[str]) -> None:
    """TXN-06: two custodians each typed groups of the addresses that are paid, none of them the same. Nothing paid, nothing typed."""
    there = {(n, g) for n, address in enumerate(addresses, start=1) for g, _ in enumerate(groups_of(address), start=1)}
    done = {person: set(places) for person, places in by.items() if person in custodians and len(set(places) & there) >= ASKED}
    if addresses and not any(not done[one] & done[other] for one in done for other in done if other != one):
        refuse(
            "TXN-06",
            "the addresses were not typed back from payee slips",
            found="typed by " + (", ".join(sorted(done)) or "nobody"),
            expected=f"two custodians, {ASKED} groups each, none of them the same",
            do="Let two custodians with the payee slip type what the tool asks for.",
        )
