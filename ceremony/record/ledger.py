"""The ledger: what a register says before a ceremony begins, folded ceremony by ceremony, as a verifier must know it.

Policy and key in force, sealing numbers, what was granted, which coins are spoken for, every r that the HSM gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ceremony.record import entries
from ceremony.record.bags import Bags
from ceremony.record.chain import Chain
from ceremony.record.charter import Charter
from ceremony.record.claims import NONE, Claims, after, aside_coins
from ceremony.record.health import Health
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Ceremony, used
from ceremony.record.sets import KEY_MADE, Sets
from ceremony.record.state import Recorded, State
from ceremony.record.suspension import Suspensions
from ceremony.record.whereabouts import Whereabouts
from transfer.in_force import History
from transfer.limits import Policy, Spent
from transfer.outstanding import Claim

CARRIED_OUT, RECEIVED, EXCEPTED, VOID = "carried out", "receipt", "excepted", "void"
CHECKED, DRILL_HELD, DRILL_FAILED = "shares checked", "drill held", "drill failed"
CUSTODY_RECORDED = "custody recorded"
RESEALED = "shares resealed"
"""How a ceremony can end (beside those of record/end.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the register says before the next ceremony; `after` gives the one after it. Ceremonies are meant by their numbers."""

    genesis: str
    chain: Chain
    """The charters that count, from the genesis on."""
    history: History | None = None
    """The policies since the key generation, each with the time from which it counts (AUT-06)."""
    proposals: Mapping[str, Ceremony] = field(default_factory=dict)
    """Head of the ceremony that took it in -> a charter that waits for its cool-off."""
    sets: Sets = field(default_factory=Sets)
    """Every set that exists, and every sealing."""
    bags: Bags = field(default_factory=Bags)
    """STO-01: every bag that was closed, and the one that each share lies in."""
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    """Where every share of every set is."""
    health: Health = field(default_factory=Health)
    """STO-10: when each share was last proven, and whose newest look failed."""
    claims: Claims = field(default_factory=lambda: NONE)
    """Number of a transfer -> what it holds back."""
    used: Mapping[str, int] = field(default_factory=dict)
    """Digest or identifier of an authorization or share order -> the ceremony that used it, also if it was voided."""
    suspended: Suspensions = field(default_factory=Suspensions)
    """STO-07: every key that is suspended."""
    revoked: frozenset[str] = frozenset()
    """AUT-04: digests of authorizations that an officer revoked."""
    nonces: Mapping[str, str] = field(default_factory=dict)
    """SIG-05: r in hexadecimal -> the one signature that has it, as `signature_name` gives it."""
    paid: Mapping[str, int] = field(default_factory=dict)
    """TXN-07: destination -> the first ceremony that was granted a payment to it, also if it was voided."""
    carried: Mapping[str, Ceremony] = field(default_factory=dict)
    """Transaction -> the transfer that carried it out."""
    seen: str = ""
    """ASM-04: the time of the newest receipt that people signed; empty without one."""
    drilled: str = ""
    """DRL-01: when the last drill, or the key generation, ended; empty before a key."""
    practised: tuple[frozenset[str], ...] = ()
    """DRL-02: who took part in the practice transfers of each drill that was held since the newest key, but for who was replaced since."""

    @property
    def spent(self) -> tuple[Spent, ...]:
        """AUT-10: what counts against the limits."""
        return tuple(spent for claim in self.claims.values() for spent in claim.counts)

    @property
    def waiting(self) -> tuple[Claim, ...]:
        """Signed transfers that the chain has not settled (BRD-06)."""
        return tuple(claim for claim in self.claims.values() if claim.outstanding and not claim.void)

    @property
    def key(self) -> KeyRecord | None:
        """The key record of the set in use; None before the first key."""
        return self.sets.in_use.record if self.sets.in_use else None

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.chain.charter

    @property
    def policy(self) -> Policy | None:
        """The newest policy that counts; None before the first."""
        return self.history.newest if self.history else None

    def after(self, ceremony: Ceremony) -> Ledger:
        """The ledger with one more ceremony in it."""
        state = ceremony.state
        outcome = state.closed.outcome if state.closed else None
        revoked = self.revoked | {found.authorization for _, found in ceremony.revocations()}
        claims = after(self.claims, ceremony.number, state, partial(aside_coins, ceremony.folder, state))
        kept = replace(
            self,
            bags=self.bags.after(state.entries),
            health=self.health.after(ceremony),
            nonces={**self.nonces, **nonces(state.entries)},
            claims=claims,
            revoked=revoked,
            suspended=self.suspended.after(state.suspensions, ceremony.number),
        )
        kept = replace(kept, history=ceremony.policies(self.history), seen=max(self.seen, ceremony.seen))
        if ceremony.amends:
            kept = replace(kept, chain=Chain((*self.chain.charters, ceremony.load(Charter, "charter"))))
        if ceremony.proposes:
            kept = replace(kept, proposals={**self.proposals, ceremony.head: ceremony})
        kept = replace(kept, sets=self.sets.after(ceremony.number, state, lambda: ceremony.load(KeyRecord, "key-record")))
        kept = replace(kept, whereabouts=self.whereabouts.after(ceremony.number, state, kept.sets))
        kept = replace(kept, practised=_practised(self.practised, ceremony))
        if outcome in (KEY_MADE, DRILL_HELD):
            kept = replace(kept, drilled=ceremony.time)
        destinations = [payment.destination for body in state.all(entries.Authorized) for payment in body.payments]
        paid = {**dict.fromkeys(destinations, ceremony.number), **self.paid}
        kept = replace(kept, used={**self.used, **dict.fromkeys(used(state), ceremony.number)}, paid=paid)
        if outcome == VOID or ceremony.kind != "transfer":
            return kept
        return replace(kept, carried={**kept.carried, **{body.txid: ceremony for body in state.all(entries.Checked)}})


def _practised(before: tuple[frozenset[str], ...], ceremony: Ceremony) -> tuple[frozenset[str], ...]:
    outcome = ceremony.state.closed.outcome if ceremony.state.closed else None
    if outcome == KEY_MADE:
        return ()
    if outcome == DRILL_HELD:
        return (*before, frozenset(p for body in ceremony.state.all(entries.Rehearsed) for p in body.took_part))
    return tuple(there - granted(ceremony.state) for there in before) if ceremony.amends else before


def granted(state: State) -> frozenset[str]:
    """Positions that somebody else, or another key, has from an amendment on: what was practised before it was not their practice."""
    return frozenset(body.person for body in state.all(entries.Granted))


def nonces(found: Iterable[Recorded]) -> dict[str, str]:
    """r -> the signature that has it, for every signature of the HSM among these entries."""
    bodies = (e.body for e in found if isinstance(e.body, entries.HsmSigned))
    return {s.raw[:64]: signature_name(body, s) for body in bodies for s in body.signatures}


def signature_name(body: entries.HsmSigned, signature: entries.HsmSignature) -> str:
    """What makes two signatures the very same: request, input and bytes. The same one twice gives nothing away."""
    return f"{body.request} {signature.input} {signature.raw}"
