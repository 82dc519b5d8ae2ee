"""What the chain holds back: replaced, settled and released transfers in a register, to both verifiers (BRD-06, design decision 10)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.record import sample
from tests.record.sample import EXCHANGE, FUND, Act, Anchor, Entry, Play
from transfer.limits import check_limits
from transfer.outstanding import SETTLED_DEPTH

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"

FIRST = Act()
"""0.25 BTC to the exchange: both coins of the second ceremony."""
REPLACEMENT = Act(replaces=(2,), coins=2, wanted=EXCHANGE)
"""0.15 BTC to the same payee: one of those coins."""
DEEP, SHALLOW = SETTLED_DEPTH, SETTLED_DEPTH - 1


def stock(made: Anchor) -> tuple[int, str]:
    """Exit code and complaint of the verifier that is made of stock tools."""
    command = ["dash", str(SCRIPT), str(made.register), made.genesis, made.head]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


def book(made: Anchor) -> Register:
    return Register.open(made.register)


def verified(made: Anchor) -> Sequence[str]:
    """Both verifiers say VERIFIED; the notes of ours."""
    verdict = verify(made.register, made.genesis, made.head)
    assert verdict.said == "VERIFIED"
    assert stock(made) == (0, "")
    return verdict.notes


def test_a_replacement_that_is_mined_settles_what_it_replaced(tmp_path: Path) -> None:
    made = sample.write_acts(tmp_path / "r", (FIRST, REPLACEMENT))
    both = {coin for claim in book(made).claims(0) for coin in claim.coins}
    assert len(both) == 2
    assert book(made).reserved(0) == both
    assert sum(s.amount for s in book(made).spent(0)) == 40_000_000, "until the chain has decided, both count"
    assert [note[-5:] != "" for note in verified(made) if "no receipt yet" in note] == [True, True]

    made = sample.write_acts(tmp_path / "s", (FIRST, REPLACEMENT, Act(of=3, confirmations=DEEP), Act(coins=2, wanted=FUND)))
    first, second, third = book(made).claims(0)
    assert (first.outstanding, first.replaced_by) == (False, second.txid)
    assert (second.outstanding, second.confirmations) == (False, DEEP)
    assert set(third.coins) == both - set(second.coins), "the other coin is free again"
    assert sum(s.amount for s in book(made).spent(0)) == 30_000_000, "what can never be mined no longer counts"
    assert f"0002-transfer: can never be mined, replaced by {second.txid}" in verified(made)


def test_the_original_that_is_mined_late_settles_its_replacement(tmp_path: Path) -> None:
    acts = (FIRST, REPLACEMENT, Act(of=2, confirmations=DEEP), Act(wanted=EXCHANGE))
    made = sample.write_acts(tmp_path / "r", acts)
    first, second, third = book(made).claims(0)
    assert (second.replaced_by, second.outstanding, third.outstanding) == (first.txid, False, True)
    assert f"0003-transfer: can never be mined, replaced by {first.txid}" in verified(made)


def test_a_shallow_receipt_settles_its_own_transfer_alone(tmp_path: Path) -> None:
    shallow = Act(of=3, confirmations=SHALLOW)
    made = sample.write_acts(tmp_path / "r", (FIRST, REPLACEMENT, shallow))
    first, second = book(made).claims(0)
    assert (first.outstanding, second.outstanding) == (True, False)
    assert len(book(made).reserved(0)) == 2
    verified(made)
    made = sample.write_acts(tmp_path / "s", (FIRST, REPLACEMENT, shallow, Act(of=3, confirmations=DEEP)))
    assert not any(claim.outstanding for claim in book(made).claims(0)), "a later, deeper receipt of the same transaction does"
    verified(made)


def test_a_chain_of_replacements_conflicts_with_every_one_before(tmp_path: Path) -> None:
    third = Act(replaces=(2, 3), coins=2, wanted=EXCHANGE)
    made = sample.write_acts(tmp_path / "r", (FIRST, REPLACEMENT, third, Act(of=4, confirmations=DEEP)))
    one, two, three = book(made).claims(0)
    assert {one.replaced_by, two.replaced_by} == {three.txid}
    assert three.fee > one.fee + two.fee
    verified(made)


def test_other_payees_are_paid_with_other_coins_meanwhile(tmp_path: Path) -> None:
    made = sample.write_acts(tmp_path / "r", (FIRST, Act(wanted=FUND)))
    assert [claim.outstanding for claim in book(made).claims(0)] == [True, True]
    verified(made)


def added(body: Any) -> Play:
    """The receipt's ceremony says one thing more."""

    def change(kind: str, actor: str, found: Any) -> Iterable[Entry]:
        more = [("tool", body)] if kind == "receipt" and isinstance(found, entries.Sighting) else []
        return [(actor, found), *more]

    return Play(change=change)


def left_out() -> Play:
    return Play(change=lambda _kind, actor, body: [] if isinstance(body, entries.Settled) else [(actor, body)])


def settled_early(folder: Path) -> Play:
    """What a deep receipt would have said, under a shallow one."""
    one, two = book(sample.write_acts(folder / "before", (FIRST, REPLACEMENT))).claims(0)
    return added(entries.Settled(ceremony=2, txid=one.txid, by=two.txid))


BROKEN = {
    "a second payment beside the first": ((FIRST, Act(wanted=EXCHANGE)), True),
    "a replacement that does not conflict": ((FIRST, Act(replaces=(2,), wanted=EXCHANGE, careless=True)), True),
    "a reserved coin for somebody else": ((FIRST, Act(coins=2, wanted=FUND, careless=True)), True),
    "a coin that is not free yet": (
        (FIRST, REPLACEMENT, Act(of=3, confirmations=SHALLOW), Act(coins=2, wanted=FUND, careless=True)),
        True,
    ),
    "a replacement of what has its receipt": ((FIRST, Act(of=2), Act(replaces=(2,), coins=2, wanted=EXCHANGE)), True),
    "a rival that is left out": ((FIRST, REPLACEMENT, Act(replaces=(3,), coins=2, wanted=EXCHANGE, careless=True)), True),
}


@pytest.mark.control("BRD-06")
@pytest.mark.parametrize("name", BROKEN)
def test_what_could_be_paid_twice_is_refused(name: str, tmp_path: Path) -> None:
    acts, both = BROKEN[name]
    made = sample.write_acts(tmp_path / "r", acts)
    with pytest.raises(Refused) as error:
        verify(made.register, made.genesis, made.head)
    assert error.value.identifier == "BRD-06", str(error.value)
    code, said = stock(made)
    assert (code, said[:7]) == ((1, "BRD-06 ") if both else (0, "")), said


@pytest.mark.control("BRD-06")
def test_a_shallow_receipt_that_settles_a_rival_is_refused(tmp_path: Path) -> None:
    made = sample.write_acts(tmp_path / "r", (FIRST, REPLACEMENT, Act(of=3, confirmations=SHALLOW)), settled_early(tmp_path))
    with pytest.raises(Refused) as error:
        verify(made.register, made.genesis, made.head)
    assert error.value.identifier == "BRD-06"
    assert stock(made)[1].startswith("BRD-06 ")


@pytest.mark.control("BRD-06")
def test_a_deep_receipt_that_settles_nothing_is_refused(tmp_path: Path) -> None:
    made = sample.write_acts(tmp_path / "r", (FIRST, REPLACEMENT, Act(of=3, confirmations=DEEP)), left_out())
    with pytest.raises(Refused) as error:
        verify(made.register, made.genesis, made.head)
    assert error.value.identifier == "BRD-06"


@pytest.mark.control("AUT-07")
def test_the_window_has_room_again_when_the_chain_has_settled(tmp_path: Path) -> None:
    """0.25, its replacement of 0.15, then 0.15: within a window of 0.4 only when the first can never be mined."""
    desk = sample.TwoPayees(tmp_path)
    policy, wanted = desk.policy(per_window=40_000_000, per_transfer=40_000_000), desk.authorization(**FUND)
    now = "2026-11-23T10:00:00Z"
    for confirmations, fits in ((SHALLOW, False), (DEEP, True)):
        acts = (FIRST, REPLACEMENT, Act(of=3, confirmations=confirmations))
        spent = book(sample.write_acts(tmp_path / str(confirmations), acts)).spent(0)
        if fits:
            check_limits(policy, wanted, spent, now)
            continue
        with pytest.raises(Refused) as error:
            check_limits(policy, wanted, spent, now)
        assert error.value.identifier == "AUT-07"


@pytest.mark.control("BRD-03")
def test_two_deep_receipts_of_rivals_are_an_incident(tmp_path: Path) -> None:
    acts = (FIRST, REPLACEMENT, Act(of=3, confirmations=DEEP), Act(of=2, confirmations=DEEP))
    made = sample.write_acts(tmp_path / "r", acts)
    with pytest.raises(Refused) as error:
        verify(made.register, made.genesis, made.head)
    assert error.value.identifier == "BRD-03"
