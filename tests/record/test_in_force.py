"""What counts, from when: waits, the stricter of both, payees (AUT-06), by hand and against a slow reading of the rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.record.charter import Charter
from ceremony.record.in_force import LOOSER, known, undecided
from ceremony.record.policy import Policy
from tests.desk import OTHER, PAYEE
from tests.policies import counted
from transfer.in_force import HIGHER, LOWER, POLICY, History, in_force, payable_from, waits
from transfer.limits import RANGES, Payee, moment, written

BEGAN = "2026-11-01T00:00:00Z"
LIMITS = {
    "per_transfer": 100, "window_days": 7, "per_window": 200, "fee_cap": 100_000, "fee_rate_cap": 200_000, "validity_days": 14,
}  # fmt: skip


def payee(name: str, destination: str = PAYEE) -> Payee:
    return Payee(name=name, chain="bitcoin", network="regtest", destination=destination, added=BEGAN, note="n")


def policy(number: int, hours: int, **changes: Any) -> Policy:
    facts: dict[str, Any] = {
        "mark": "practice", "genesis": "11" * 32, "charter": "11" * 32, "number": number, "issued": BEGAN,
        "previous": None if number == 0 else "22" * 32, "payees": (payee("a"),), "cool_off_hours": hours, **LIMITS,
    }  # fmt: skip
    return Policy(**{**facts, **changes})


def after(hours: float) -> str:
    return written(moment(BEGAN) + timedelta(hours=hours))


NEW = (payee("a"), payee("b", OTHER))


@pytest.mark.control("AUT-06")
@pytest.mark.parametrize(
    ("second", "ended", "expected"),
    [
        ({"hours": 48}, 1_000, 1_048),
        ({"hours": 0}, 1_000, 1_048),  # a shorter cool-off in the same policy does not count for it
        ({"hours": 100}, 1_000, 1_100),  # a longer one does, at once
        ({"hours": 48, "issued": "2020-01-01T00:00:00Z"}, 1_000, 1_048),  # dated back
        ({"hours": 48, "issued": after(1_200)}, 1_000, 1_248),  # dated ahead
    ],
)
def test_a_new_payee_waits_from_the_later_of_end_and_date(second: dict[str, Any], ended: int, expected: int) -> None:
    history = counted(policy(0, 48), (policy(1, payees=NEW, **second), after(ended)))
    assert payable_from(history, NEW[1]) == after(expected)
    assert payable_from(history, NEW[0]) == after(48)  # the old one is not made to wait again


@pytest.mark.control("AUT-06")
def test_what_came_meanwhile_and_what_is_left_out_in_between() -> None:
    first, listed = policy(0, 48), policy(1, 0, payees=NEW)
    raised = counted(first, (listed, after(100)), (policy(2, 90, payees=NEW), after(147)))
    assert payable_from(raised, NEW[1]) == after(190)
    late = counted(first, (listed, after(100)), (policy(2, 90, payees=NEW), after(148)))
    assert payable_from(late, NEW[1]) == after(148)
    broken = counted(first, (listed, after(100)), (policy(2, 0), after(200)), (policy(3, 0, payees=NEW), after(300)))
    assert payable_from(broken, NEW[1]) == after(300)  # listed anew; by then no cool-off is in force
    other = counted(first, (policy(1, 0, payees=(payee("a", OTHER),)), after(100)))
    assert payable_from(other, payee("a", OTHER)) == after(148)  # the same name elsewhere is somebody new


@pytest.mark.control("AUT-07")
def test_the_stricter_of_both_field_by_field() -> None:
    changed = policy(1, 0, per_transfer=150, window_days=1, per_window=150, fee_cap=1, fee_rate_cap=300_000, validity_days=31)
    history = counted(policy(0, 48), (changed, after(100)))
    strict = policy(1, 48, **{**LIMITS, "per_window": 150, "fee_cap": 1})
    assert in_force(history, after(100)) == in_force(history, after(147.9)) == strict
    assert in_force(history, after(148)) == changed
    assert in_force(counted(policy(0, 48)), BEGAN) == policy(0, 48)  # the first one counts whole from its end


@pytest.mark.control("AUT-06")
def test_two_steps_are_no_shorter_than_one() -> None:
    """The cool-off is lowered first, and the payee listed an hour later: the old cool-off is still in force."""
    history = counted(policy(0, 48), (policy(1, 0), after(100)), (policy(2, 0, payees=NEW), after(101)))
    assert payable_from(history, NEW[1]) == after(149)
    waited = counted(policy(0, 48), (policy(1, 0), after(100)), (policy(2, 0, payees=NEW), after(148)))
    assert payable_from(waited, NEW[1]) == after(148)


HOURS = st.integers(0, 30)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(HOURS, HOURS), min_size=1, max_size=6))
def test_waits_against_the_rule_hour_by_hour(steps: list[tuple[int, int]]) -> None:
    """`waits` finds by arithmetic what the words of the rule say of each hour: the greatest cool-off in force at any of them."""
    at, items = 0, []
    for number, (gap, hours) in enumerate(steps):
        at += gap
        items.append((policy(number, hours), after(at)))
    history = counted(*items)
    for place, over in enumerate(waits(history)):
        start = moment(history.items[place].since)
        seen = {0: max(_strict(history, start, among=place), history.items[place].policy.cool_off_hours)}
        hour = 0
        while hour < max(seen.values()):
            now = start + timedelta(hours=hour)
            counts = [item for item in history.items if moment(item.since) <= now]
            seen[hour] = max(seen.get(hour, 0), in_force(History(tuple(counts)), written(now)).cool_off_hours)
            hour += 1
        assert over == start + timedelta(hours=max(seen.values()))


def _strict(history: History, now: Any, among: int) -> int:
    """The cool-off in force when a policy began to count, by those before it."""
    return in_force(History(history.items[:among]), written(now)).cool_off_hours if among else 0


@pytest.mark.control("AUT-06")
def test_of_each_field_it_is_decided_which_way_is_looser() -> None:
    """Fields of fields too: a new one fails here until somebody has decided it."""
    assert undecided() == ()
    found = set(known(Charter, Policy))
    assert {"Policy.per_transfer", "Payee.destination", "Charter.people", "Member.key", "Site.threshold", "Certificate.level"} <= found


def test_a_field_without_a_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for left_out in ("Policy.window_days", "Site.threshold", "Device.serial"):
        rows = {name: way for name, way in LOOSER.items() if name != left_out}
        monkeypatch.setattr("ceremony.record.in_force.LOOSER", rows)
        assert undecided() == (left_out,)
    monkeypatch.setattr("ceremony.record.in_force.LOOSER", {**LOOSER, "Policy.gone": "fixed"})
    assert undecided() == ("Policy.gone",)


def test_every_limit_of_a_policy_has_a_direction_that_is_judged() -> None:
    """Ranges are limits; each must be one of which the stricter value can be told."""
    assert {name for name, way in POLICY.items() if way in {HIGHER, LOWER}} == set(RANGES)
