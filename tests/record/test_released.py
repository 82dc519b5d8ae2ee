"""Every released script is kept; what a newer one accepts that the one before did not is told in docs/formats.md (SET-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony.record.rules.script import STRENGTH
from ceremony.record.scripts import KINDS, RELEASED, Script, ScriptStep, current, released

FORMATS = Path(__file__).parents[2] / "docs/formats.md"


def accepts(old: Script, new: Script) -> set[str]:
    """What the newer script accepts and the older one does not, each by name."""
    steps = {step.title: step for step in old.steps}
    found = {f"{name} without {who}" for name in ("runs", "ends") for who in {*getattr(old, name)} - {*getattr(new, name)}}
    found |= {f"{mark}: KDF profile {floor}" for mark, floor in new.kdf_floor.items() if _is_weaker(floor, old.kdf_floor.get(mark))}
    found |= {f"fewer self-tests of {name}" for name, count in old.self_tests.items() if new.self_tests.get(name, 0) < count}
    found |= {f"always {row}" for row in _rows(new.always) - _rows(old.always)}
    found |= {f"no step {step.title}" for step in old.steps if step.title not in {each.title for each in new.steps}}
    if [step.title for step in new.steps if step.title in steps] != [title for title in steps if title in {s.title for s in new.steps}]:
        found.add("another order of steps")
    for step in new.steps:
        found |= {f"{step.title}: {name}" for name in _step(steps.get(step.title), step, old)}
    return found


def _step(old: ScriptStep | None, new: ScriptStep, script: Script) -> Iterator[str]:
    before = _rows(old.may) if old else set()
    yield from (f"may {row}" for row in _rows(new.may) - before - _rows(script.always))
    if old is not None:
        yield from (f"need not {row}" for row in {*old.must} - {*new.must})
        yield from ("need not be signed" for _ in [0] if old.signed == "yes" and new.signed == "no")
        yield from (f"live {new.live}" for _ in [0] if old.live != new.live)


def _rows(rows: tuple[str, ...]) -> set[str]:
    """Each kind of entry with each of those who may write it."""
    return {f"{row.split()[0]} by {who}" for row in rows for who in row.split()[1:]}


def _is_weaker(floor: str, before: str | None) -> bool:
    return before is None or STRENGTH.index(floor) < STRENGTH.index(before)


@pytest.mark.control("SET-01")
@pytest.mark.parametrize("kind", KINDS)
def test_every_released_script_is_kept_and_what_a_newer_one_accepts_is_told(kind: str) -> None:
    numbers = {release.number: digest for digest, release in RELEASED.items() if release.kind == kind}
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert {number: released(kind, number).digest for number in numbers} == numbers
    assert current(kind).digest == numbers[len(numbers)]
    told = set(re.findall(r"(?m)^- `([a-z]+ \d+: [^`]+)`: .{10,}$", FORMATS.read_text(encoding="utf-8")))
    for number in range(2, len(numbers) + 1):
        due = {f"{kind} {number}: {name}" for name in accepts(released(kind, number - 1), released(kind, number))}
        assert due <= told, due - told


def _with_step(script: Script, title: str, **fields: object) -> Script:
    return replace(script, steps=tuple(replace(s, **fields) if s.title == title else s for s in script.steps))  # type: ignore[arg-type]


ROOM = next(step for step in current("transfer").steps if step.title == "Room")
LOOSER = {
    "runs without witness": lambda old: replace(old, runs=("administrator",)),
    "ends without witness": lambda old: replace(old, ends=("administrator",)),
    "production: KDF profile light": lambda old: replace(old, kdf_floor={**old.kdf_floor, "production": "light"}),
    "fewer self-tests of hsm": lambda old: replace(old, self_tests={**old.self_tests, "hsm": 1}),
    "always removed by tool": lambda old: replace(old, always=(*old.always, "removed tool")),
    "no step Room": lambda old: replace(old, steps=tuple(step for step in old.steps if step.title != "Room")),
    "another order of steps": lambda old: replace(old, steps=(*old.steps[1:], old.steps[0])),
    "Room: may removed by witness": lambda old: _with_step(old, "Room", may=(*ROOM.may, "removed witness")),
    f"Room: need not {ROOM.must[0]}": lambda old: _with_step(old, "Room", must=ROOM.must[1:]),
    "Room: live yes": lambda old: _with_step(old, "Room", live="yes"),
}


@pytest.mark.parametrize("name", LOOSER)
def test_what_a_looser_script_accepts_is_found(name: str) -> None:
    old = current("transfer")
    assert name in accepts(old, LOOSER[name](old))
    assert accepts(old, old) == set()
