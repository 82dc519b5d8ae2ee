"""The control register and the one error that names a control.

A control is *held* when one function enforces it (decorated with `@control`), one refusal carries its identifier, one
transcript entry records it, and one test breaks it (marked with it) and sees it refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from ceremony.base.show import line

F = TypeVar("F", bound=Callable[..., object])

HELD: dict[str, str] = {}
"""Identifier -> `module.function` that enforces it, filled as modules are imported."""


class Refused(Exception):
    """A control refuses (exit code 1). The message starts with its identifier and says found, expected, and what to do, each in one line
    of printable ASCII."""

    def __init__(self, identifier: str, what: str, *, found: str, expected: str, do: str) -> None:
        what, found, expected, do = map(line, (what, found, expected, do))
        super().__init__(f"{identifier} {what}\n  found     {found}\n  expected  {expected}\n  do        {do}")
        self.identifier = identifier
        self.what = what
        self.found = found
        self.expected = expected
        self.do = do


class Undecided(Exception):
    """Nothing is wrong and nothing is proven yet: unresolved, not anchored, awaiting a receipt (exit code 3)."""


def refuse(identifier: str, what: str, *, found: str, expected: str, do: str) -> NoReturn:
    """Raise the refusal of one control. Never hand it anything secret."""
    raise Refused(identifier, what, found=found, expected=expected, do=do)


def control(*identifiers: str) -> Callable[[F], F]:
    """Register the decorated function as the one that enforces these controls; its docstring names the first of them."""

    def mark(function: F) -> F:
        for identifier in identifiers:
            place = f"{function.__module__}.{function.__qualname__}"
            if HELD.setdefault(identifier, place) != place:
                raise RuntimeError(f"{identifier} is enforced twice: {HELD[identifier]} and {place}")
        return function

    return mark
