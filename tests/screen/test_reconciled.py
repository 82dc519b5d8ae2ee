"""What `online reconcile` says of one transfer that holds something back: one line on the chain, one on what to do."""

from __future__ import annotations

import pytest

from ceremony.base.amounts import grouped
from ceremony.screen.online import reconciled, standing, undecided
from tests.desk import NOW, PAYEE
from transfer.authorization import Payment
from transfer.limits import Spent
from transfer.nodes import Sighting, Tip
from transfer.outstanding import Claim
from transfer.watch import Look, Rival, look

OURS, OTHER = "11" * 32, "22" * 32
CLAIM = Claim(
    number=2,
    spent=(Spent(time=NOW, amount=25_000_000),),
    payments=(Payment(payee="exchange", destination=PAYEE, amount=25_000_000),),
    coins=(f"{'aa' * 32}:0", f"{'bb' * 32}:1"),
    txid=OURS,
    signed=True,
)
TIP = Tip(812_345, "33" * 32, 0)
WAITING = Sighting(OURS, None, None, 0, b"")
MINED = Sighting(OURS, "44" * 32, 812_344, 2, b"")
RIVAL = Rival(CLAIM.coins[0], OTHER, 812_340, 6)
UNSIGNED = Claim(number=3, coins=CLAIM.coins, txid=OURS)

SAYS = {
    "nobody has it": (CLAIM, Look(TIP, None, ()), "unknown to this node", "It may still be sent"),
    "it waits": (CLAIM, Look(TIP, WAITING, ()), "in the node's mempool", "--replaces"),
    "it is mined": (CLAIM, Look(TIP, MINED, ()), "in block 812344, 2 confirmation(s)", "Make its receipt"),
    "a rival of ours": (CLAIM, Look(TIP, None, (RIVAL,)), f"CONFLICTED: {grouped(OTHER)}", "Transfer 4 spends the same coin"),
    "it is prepared": (UNSIGNED, Look(TIP, None, ()), "unknown to this node", "void it"),
}


@pytest.mark.parametrize("name", SAYS)
def test_each_state_says_what_to_do(name: str) -> None:
    claim, seen, chain, do = SAYS[name]
    lines = reconciled(claim, seen, {OURS: 2, OTHER: 4})
    assert max(map(len, lines)) <= 78
    told = " ".join(" ".join(lines).split())
    assert chain in told
    assert do in told
    assert len(lines) <= 12


def test_a_spend_that_nobody_here_signed_is_an_incident() -> None:
    told = " ".join(" ".join(reconciled(CLAIM, Look(TIP, None, (RIVAL,)), {OURS: 2})).split())
    assert "INCIDENT: this register does not know the transaction that spends its coin" in told


def test_the_deepest_rival_is_told() -> None:
    young = Rival(CLAIM.coins[1], "55" * 32, None, 0)
    assert standing(Look(TIP, None, (young, RIVAL))).startswith(f"CONFLICTED: {OTHER}")
    assert "waits to be mined" in standing(Look(TIP, None, (young,)))
    for seen, word in (
        (Look(TIP, None, ()), "UNRESOLVED"),
        (Look(TIP, WAITING, ()), "AWAITING"),
        (Look(TIP, None, (young,)), "CONFLICTED"),
    ):
        assert undecided(seen, OURS).startswith(f"{word}: the transaction is not settled")


def test_a_transfer_without_a_request_is_not_asked_for() -> None:
    """Cut off between its grant and its signing request: it has no transaction that a node could know."""

    class Node:
        def tip(self) -> Tip:
            return TIP

    seen = look(Node(), "", ())  # type: ignore[arg-type]
    assert seen == Look(TIP, None, ())
    assert "void it" in " ".join(reconciled(Claim(number=3), seen, {}))
