"""What a transfer holds back from its grant on, until the chain settles it; and what a new one must then conflict with.

A signed transaction does not expire (design decision 10): whoever holds its bytes can send them in a year. So its amount
counts and its coins stay reserved until the chain shows it, or another spend of one of its coins, `SETTLED_DEPTH` deep. A
second payment to the same payee in the meantime must be one of the two that can never both be mined (BRD-06)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ceremony.base.amounts import format_btc
from ceremony.base.control import refuse
from transfer.authorization import Authorization, Payment
from transfer.bitcoin import rules, tx
from transfer.limits import Spent
from transfer.review import Review

SETTLED_DEPTH = 6
"""Confirmations of another spend after which the transaction can be taken as impossible: six blocks, as the trade counts them.

A constant and not a policy: who could lower it could free the coins of a transaction that may still be mined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one transfer of the register holds back. Amounts in satoshi, coins as `txid:vout`."""

    number: int
    """Of the ceremony."""
    spent: tuple[Spent, ...] = ()
    payments: tuple[Payment, ...] = ()
    coins: tuple[str, ...] = ()
    """Of its signing request; none before it is built."""
    txid: str = ""
    fee: int = 0
    weight: int = 0
    """Of the signed transaction; 0 before there is one."""
    signed: bool = False
    """The word SIGN was typed, or both readers had agreed and it was voided then: there may be a signed transaction."""
    void: bool = False
    """The transfer was voided: what was signed in it may have been cut off the record."""
    unsure: bool = False
    """It was voided without two people's notes: the record may lack what was agreed and signed in it, and who was to be paid."""
    confirmations: int = 0
    """What its deepest receipt says; 0 without one."""
    replaced_by: str = ""
    """The transaction that spends one of its coins and is `SETTLED_DEPTH` deep: this one can never be mined."""

    @property
    def outstanding(self) -> bool:
        """It may still be mined, and no receipt says that it was."""
        return self.signed and not self.settled

    @property
    def settled(self) -> bool:
        """The chain has decided: it was mined, or never can be."""
        return bool(self.confirmations or self.replaced_by)

    @property
    def held(self) -> tuple[str, ...]:
        """The coins that nothing else may spend: also those that it has spent for good."""
        return () if self.replaced_by else self.coins

    @property
    def counts(self) -> tuple[Spent, ...]:
        """What counts against the limits."""
        return () if self.replaced_by else self.spent

    def pays(self, payments: Iterable[Payment]) -> bool:
        """Whether one of these goes to a payee, or to an address, that this transfer pays, too."""
        ours = {name for payment in self.payments for name in (payment.payee, payment.destination)}
        return any(payment.payee in ours or payment.destination in ours for payment in payments)

    def conflicts(self, coins: Iterable[str]) -> bool:
        """Whether a transaction that spends these coins can never be mined beside this one."""
        return not set(self.coins).isdisjoint(coins)

    @property
    def rate(self) -> int:
        """Its fee rate: satoshi per 1,000 virtual bytes, rounded up; 0 without a signed transaction."""
        return rules.fee_rate(self.fee, self.weight) if self.weight else 0


def spent_by(raw: bytes) -> tuple[str, ...]:
    """The coins (`txid:vout`) that a transaction spends, in its order."""
    return tuple(f"{spent.txid}:{spent.vout}" for spent in tx.parse(raw).inputs)


def of_transaction(raw: bytes) -> Claim:
    """A transaction that is to be replaced, where the register is not at hand: what it spends; signatures do not matter."""
    return Claim(number=0, coins=spent_by(raw), txid=tx.parse(raw).txid, signed=True)


def check_replaces(authorization: Authorization, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """BRD-06: the outstanding transfers that this authorization replaces: exactly those that it names.

    It must name every one that pays one of its payees, and every one that shares a coin with one that it names: of several
    rivals only one can be mined. `claims`: of all other transfers of the register."""
    check_aware(authorization, claims)
    named = tuple(claim for claim in claims if claim.txid and claim.txid in authorization.replaces)
    waiting = {claim.txid for claim in named if claim.outstanding}
    for txid in authorization.replaces:
        if txid not in waiting:
            refuse(
                "BRD-06",
                f"authorization {authorization.identifier} replaces what is not outstanding",
                found=txid,
                expected=" or ".join(c.txid for c in claims if c.outstanding) or "nothing: no signed transaction is outstanding",
                do="Look at the register's state (`online reconcile`), then draft and sign a new one.",
            )
    for claim in claims:
        shares = any(claim.conflicts(one.coins) for one in named)
        if claim.outstanding and claim not in named and (shares or claim.pays(authorization.payments)):
            amount = format_btc(sum(spent.amount for spent in claim.spent))
            refuse(
                "BRD-06",
                "a signed transfer to the same payee is outstanding" if not shares else "a rival of what it replaces is outstanding",
                found=f"transfer {claim.number}{_VOID if claim.void else ''}, {amount}, txid {claim.txid}: it can still be mined",
                expected="its receipt first, or an authorization that names it and so can never be mined beside it",
                do=f"Wait for it and close it with its receipt, or draft a new one with --replaces {claim.txid}.",
            )
    return named


_VOID = " (void after both readers agreed: what was signed may have been cut off the record)"


def must_know(authorization: Authorization, claims: Sequence[Claim]) -> tuple[int, ...]:
    """The voided transfers that an authorization must name as known to its signers: those whose record may lack what was signed, to a
    payee of it, or to whom is not known."""
    pays = authorization.payments
    return tuple(claim.number for claim in claims if claim.unsure and (not claim.payments or claim.pays(pays)))


def check_aware(authorization: Authorization, claims: Sequence[Claim]) -> None:
    """BRD-06: the officers signed that they know of every voided transfer that may have paid one of these payees already."""
    missing = [number for number in must_know(authorization, claims) if number not in authorization.aware_of]
    if missing:
        refuse(
            "BRD-06",
            f"authorization {authorization.identifier} does not name a voided transfer",
            found=f"transfer {missing[0]} was voided without the notes of two people: it may have signed to this payee",
            expected="an authorization in which both officers sign that they know of it",
            do=f"Look at the chain for a payment of then. Then draft a new one with --aware-of {missing[0]}.",
        )


def check_conflicts(review: Review, authorization: Authorization, claims: Sequence[Claim]) -> None:
    """BRD-06: the request spends a coin of each transfer that it replaces, and none that any other one holds."""
    named = check_replaces(authorization, claims)
    coins = [f"{spent.txid}:{spent.vout}" for spent in review.inputs]
    for claim in named:
        if not claim.conflicts(coins):
            refuse(
                "BRD-06",
                "the signing request does not conflict with what it replaces",
                found=f"none of the coins of {claim.txid} is spent",
                expected="one of them or more, so that only one of the two can ever be mined",
                do="Build the signing request again from this authorization.",
            )
    for claim in claims:
        twice = [coin for coin in coins if coin in claim.held]
        if claim not in named and twice:
            refuse(
                "BRD-06",
                "the signing request spends a reserved coin",
                found=twice[0],
                expected=f"a coin that no other transfer holds; transfer {claim.number} spends this one",
                do="Build the signing request again from a new snapshot.",
            )
