from __future__ import annotations

import pytest

from shares.plan import Plan, SitePlan, Terms


@pytest.fixture(scope="session")
def plan() -> Plan:
    """The desk's own: 2 of 3 custodians at 3 of 4 sites."""
    return Plan(site_threshold=3, sites=tuple(SitePlan(letter=letter, threshold=2, members=3) for letter in "ABCD"))


@pytest.fixture(scope="session")
def terms(plan: Plan) -> Terms:
    return Terms(mark="practice", scheme="gf256", plan=plan)
