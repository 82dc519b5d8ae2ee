"""Known-answer tests: a registry of them is run whole at each start of a process, or the process does not go on (SET-09)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ceremony.base.control import control, refuse

Tests = Mapping[str, Callable[[], bool]]
"""Name of a building block -> whether it gives the published answer."""


@control("SET-09")
def run(tests: Tests, count: int) -> int:
    """SET-09: the number of tests that passed; refuses at the first one that fails, or if the registry is not complete.

    A block that fails with an error of its own has failed its test (FIPS 140-2 section 4.9.1)."""
    if len(tests) != count:
        do = "Use an unaltered copy of the tool."
        refuse("SET-09", "known-answer tests", found=f"{len(tests)} tests", expected=f"{count}", do=do)
    for name, test in tests.items():
        if not _passes(test):
            do = "Do not use this machine or this copy of the tool."
            refuse("SET-09", f"known-answer test {name}", found="another answer", expected="the published answer", do=do)
    return len(tests)


def _passes(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except Exception:  # whatever it is: it is not the published answer
        return False
