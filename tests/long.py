"""What the suite leaves to scripts/prove: of a list of cases all but every so manieth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """The cases for `pytest.mark.parametrize`: the first of each `step` in the suite, the others with the mark `long`."""
    return [case if at % step == 0 else pytest.param(case, marks=pytest.mark.long) for at, case in enumerate(cases)]
