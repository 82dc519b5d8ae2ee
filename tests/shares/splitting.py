"""What tests of the schemes share: a reproducible source, an independent interpolation, and short names."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_256

import pytest

from ceremony.base.control import Refused
from shares.plan import Plan, indices
from shares.schemes import Random, Scheme, Split

SECRET = bytes(range(100, 132))

EXP = [1] * 255
for _power in range(1, 255):
    _twice = EXP[_power - 1] << 1
    EXP[_power] = EXP[_power - 1] ^ (_twice ^ 0x11B if _twice & 0x100 else _twice)  # times the generator 3
LOG = {value: power for power, value in enumerate(EXP)}


def mul(a: int, b: int) -> int:
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def div(a: int, b: int) -> int:
    return EXP[(LOG[a] - LOG[b]) % 255] if a else 0


def lagrange(points: dict[int, bytes], at: int = 0) -> bytes:
    """The value at `at` of the polynomials through these points, byte by byte."""
    result = bytearray(len(next(iter(points.values()))))
    for x, ys in points.items():
        weight = 1
        for other in points:
            if other != x:
                weight = mul(weight, div(at ^ other, x ^ other))
        for number, y in enumerate(ys):
            result[number] ^= mul(y, weight)
    return bytes(result)


def stream(seed: bytes) -> Random:
    """A reproducible source: it gives what was not given before."""
    given_so_far = 0
    whole = shake_256(seed).digest(20_000)

    def draw(number: int) -> bytes:
        nonlocal given_so_far
        given_so_far += number
        assert given_so_far <= len(whole)
        return whole[given_so_far - number : given_so_far]

    return draw


def members_of(split: Split, positions: tuple[str, ...]) -> dict[int, bytes]:
    """These custodian shares, by member number."""
    return {indices(position)[1]: split.custodian_shares[position] for position in positions}


def combined(scheme: Scheme, plan: Plan, split: Split, positions: tuple[str, ...]) -> bytes:
    """The secret, as these positions alone give it."""
    chosen = plan.minimal(positions)
    sites = {letter: scheme.combine_site(plan, letter, members_of(split, quorum)) for letter, quorum in chosen.items()}
    return scheme.combine_sites(plan, sites)


def refused(identifier: str, ask: Callable[[], object]) -> None:
    with pytest.raises(Refused) as error:
        ask()
    assert error.value.identifier == identifier
