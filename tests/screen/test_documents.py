"""The screen of an authorization, whole: what an officer compares, in the order in which money is lost."""

from __future__ import annotations

from dataclasses import replace

from ceremony.base.words import spoken_rows
from ceremony.screen.documents import Balance, authorization_screen
from transfer.authorization import Authorization, Payment
from transfer.limits import Payee, Policy, Spent
from transfer.valuation import ReferenceValue

FIRST = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
SECOND = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
NOW = "2026-11-20T09:30:00Z"
WANTED = Authorization(
    mark="practice",
    genesis="11" * 32,
    charter="11" * 32,
    policy="22" * 32,
    register_head="33" * 32,
    identifier="t-20261120-0badcafe",
    network="regtest",
    account="main",
    payments=(Payment(payee="exchange", destination=FIRST, amount=25_000_000),),
    fee_cap=50_000,
    purpose="Exchange float",
    reference_value=ReferenceValue(minor_units=2_500_000, currency="USD", time="2026-11-01T00:00:00Z"),
    requester="cfo",
    not_before="2026-11-19T09:00:00Z",
    expires="2026-11-26T09:00:00Z",
)
POLICY = Policy(
    mark="practice",
    genesis="11" * 32,
    charter="11" * 32,
    number=0,
    issued="2026-11-01T09:00:00Z",
    payees=tuple(
        Payee(name=name, chain="bitcoin", network="regtest", destination=address, added="2026-11-01T09:00:00Z", note=note)
        for name, address, note in (("exchange", FIRST, "settlement account"), ("lender", SECOND, "collateral"))
    ),
    cool_off_hours=48,
    per_transfer=100_000_000,
    window_days=7,
    per_window=200_000_000,
    fee_cap=100_000,
    fee_rate_cap=200_000,
    validity_days=31,
)
SPENT = (Spent(time="2026-11-18T09:00:00Z", amount=30_000_000),)
SCREEN = """\
PRACTICE  authorization t-20261120-0badcafe                      signed by cfo
payee         exchange (settlement account)
address       bcrt 1qw5 08d6 qejx tdg4 y5r3 zarv ary0 c5xw 7kyg t080
amount        0.25000000 BTC (at most 1.00000000 BTC per transfer)
worth         USD 25,000.00 at 2026-11-01 00:00 UTC
fee cap       0.00050000 BTC, 0.20 % of the amount
stays         0.14950000 BTC or more, of 0.40000000 in 2 coin(s), block 120
limits        7 days: 0.30000000 before, 0.55000000 after, of 2.00000000 BTC
valid         2026-11-19T09:00:00Z to 2026-11-26T09:00:00Z
from          main (bitcoin regtest), asked for by cfo
purpose       Exchange float
register head 3333333333333333333333333333333333333333333333333333333333333333
digest        {}
  {}
  {}
  {}
  {}
"""


def test_the_whole_screen() -> None:
    found = authorization_screen(WANTED, POLICY, ("cfo",), SPENT, Balance(40_000_000, 2, 120), NOW)
    assert "\n".join(found) + "\n" == SCREEN.format(WANTED.digest, *spoken_rows(WANTED.digest))
    assert len(found) <= 17  # the verdicts of five checks follow, and an address may take two lines
    assert max(map(len, found)) <= 78


def test_what_is_not_known_is_said() -> None:
    found = "\n".join(authorization_screen(WANTED, POLICY, (), None, None, NOW))
    assert "stays         not known here: give --snapshot" in found
    assert "7 days: at most 2.00000000 BTC; counted on the cold host" in found


def test_an_account_that_cannot_pay_is_said_loudly() -> None:
    short = Balance(25_049_999, 1, 120)
    assert "stays         NOT ENOUGH: the account holds 0.25049999 in 1 coin(s)" in "\n".join(
        authorization_screen(WANTED, POLICY, (), SPENT, short, NOW)
    )
    assert "stays         0.00000000 BTC or more" in "\n".join(
        authorization_screen(WANTED, POLICY, (), SPENT, replace(short, amount=25_050_000), NOW)
    )


def test_several_payments_have_their_sum_and_every_whole_address() -> None:
    paid = (*WANTED.payments, Payment(payee="lender", destination=SECOND, amount=5_000_000))
    lines = authorization_screen(replace(WANTED, payments=paid), POLICY, (), SPENT, None, NOW)
    text = "".join("".join(lines).split())
    assert FIRST in text
    assert SECOND in text
    assert "sum0.30000000BTCin2payments(atmost1.00000000BTCpertransfer)" in text
