"""The sweep: every field of every entry is changed, everything after it is signed anew by those people's own keys, and both verifiers are
asked (AUD-14). What record/fields.py calls bound must then be refused by both, what it calls computed by ours."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import types
import typing
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from ceremony.base.control import Refused
from ceremony.base.data import Asset, Malformed, Pattern, _hints, decode, encode
from ceremony.record.entries import ALL, type_of
from ceremony.record.fields import FIELDS
from ceremony.record.verify import verify
from tests.record.registers import WRITERS
from tests.record.sample import Anchor, Entry
from tests.record.test_verify_stock import run as stock


@dataclass(frozen=True)
class Place:
    """One field of the n-th entry of a type in one register."""

    register: str
    type: str
    field: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.register}: {self.type}.{self.field}" + (f" ({self.number + 1})" if self.number else "")


@dataclass
class Changing:
    """Changes one field of one entry while a register is written."""

    place: Place
    seen: int = 0
    made: bool = False

    def __call__(self, _kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if type(body) not in _TYPES or type_of(body) != self.place.type:
            return [(actor, body)]
        self.seen += 1
        if self.seen != self.place.number + 1:
            return [(actor, body)]
        other = changed(body, self.place.field)
        self.made = other is not None
        return [(actor, body if other is None else other)]


_TYPES = frozenset(ALL.values())


def changed(body: Any, name: str) -> Any:
    """The same body with another valid value in this field; None if there is none to try."""
    hint, value = _hints(type(body))[name], getattr(body, name)
    for other in others(hint, value):
        made = replace(body, **{name: other})
        try:
            again = decode(type(body), encode(made), "changed")
        except (Malformed, TypeError):
            continue
        if again != body:
            return again
    return None


def others(hint: Any, value: Any) -> Iterator[Any]:
    """Other values of this form, the likeliest lie first."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        yield from others(args[0], value if value is not None else _any(args[0]))
        if value is not None:
            yield None
    elif origin is Literal:
        yield from (choice for choice in args if choice != value)
    elif origin is Annotated and isinstance(args[1], Pattern):
        yield from _texts(str(value))
    elif hint is int or (origin is Annotated and isinstance(args[1], Asset)):
        yield from (value + 1, max(0, value - 1))
    elif origin is tuple:
        yield from _lists(args[0], value)
    elif origin in (dict, typing.Mapping) or isinstance(value, dict):
        yield {**value, "another": "held"}
        yield dict(list(value.items())[1:])
    elif hasattr(value, "__dict__"):
        for each in vars(value):
            other = changed(value, each)
            if other is not None:
                yield other


def _any(hint: Any) -> Any:
    if hint is int:
        return 0
    return "00" * 32 if get_origin(hint) is Annotated else None


def _lists(hint: Any, value: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for other in others(hint, value[0]) if value else ():
        yield (other, *value[1:])
        break
    if len(value) > 1:
        yield value[:-1]
    if value:
        yield (*value, value[-1])
    for other in ("A1", "00" * 32, "x"):
        yield (*value, other)


def _texts(value: str) -> Iterator[str]:
    if len(value) == 64:
        yield value[:-1] + ("0" if value[-1] != "0" else "1")
    yield from ("B3" if value == "A1" else "A1", "A9")
    if value[-1:].isdigit():
        yield value[:-1] + str((int(value[-1]) + 1) % 10)
    if len(value) > 17 and value[4:5] == "-":
        yield f"{value[:2]}{int(value[2:4]) + 1}{value[4:]}"
    yield value[:-2] + ("aa" if value[-2:] != "aa" else "bb")
    yield value + "x"
    yield "x" + value
    yield "another"


@dataclass(frozen=True)
class Outcome:
    """What became of one change: the control by which each verifier refused; empty if it did not."""

    place: Place
    ours: str
    stock: str

    @property
    def how(self) -> str:
        """What record/fields.py says of the field."""
        return FIELDS[self.place.type][self.place.field].how

    @property
    def faults(self) -> tuple[str, ...]:
        """Who should have refused and did not."""
        who = [name for name, found in (("ours", self.ours), ("stock", self.stock)) if not found]
        if self.how == "bound":
            return tuple(who)
        return tuple(name for name in who if name == "ours") if self.how == "computed" else ()


def tried(place: Place, folder: Path, *, stock_too: bool = True) -> Outcome | None:
    """The outcome of one change, made in a new folder that is removed; None if there is nothing of that type, or no other value."""
    change = Changing(place)
    register = folder / "register"
    try:
        anchor = WRITERS[place.register](register, change)
    except Exception as wrong:
        return Outcome(place, f"not written: {wrong}"[:60], "not written") if change.made else None
    finally:
        if not change.made:
            shutil.rmtree(register, ignore_errors=True)
    if not change.made:
        return None
    outcome = Outcome(place, by_ours(anchor), by_stock(anchor) if stock_too else "-")
    shutil.rmtree(register)
    return outcome


def by_ours(anchor: Anchor) -> str:
    try:
        verify(anchor.register, anchor.genesis, anchor.head)
    except Refused as refused:
        return refused.identifier
    return ""


def by_stock(anchor: Anchor) -> str:
    done = stock(anchor.register, anchor.genesis, anchor.head)
    return done.stderr.partition(" ")[0] if done.returncode == 1 else ""


Seen = dict[str, list[frozenset[str]]]
"""Entry type -> of each such entry the fields that have a value."""


def filled(folder: Path) -> dict[str, Seen]:
    """Register -> what its entries have."""
    found: dict[str, Seen] = {}
    for name, write in WRITERS.items():
        seen: Seen = {}

        def note(_kind: str, actor: str, body: Any, seen: Seen = seen) -> Iterable[Entry]:
            if type(body) in _TYPES:
                seen.setdefault(type_of(body), []).append(frozenset(n for n, value in vars(body).items() if value not in (None, ())))
            return [(actor, body)]

        write(folder / name, note)
        shutil.rmtree(folder / name)
        found[name] = seen
    return found


def places(folder: Path, *, whole: bool = False) -> Iterator[Place]:
    """One place for each field of each entry type: the first entry that has a value there, or else the first of its type; `whole`: every
    entry of every register, and of its fields those that are bound or computed."""
    found = [
        (Place(name, type_, each, number), each in has)
        for name, seen in filled(folder).items()
        for type_, entries in seen.items()
        for number, has in enumerate(entries)
        for each in FIELDS[type_]
    ]
    if whole:
        yield from (place for place, _ in found if FIELDS[place.type][place.field].how in ("bound", "computed"))
        return
    first: dict[tuple[str, str], Place] = {}
    for place, _ in sorted(found, key=lambda each: not each[1]):
        first.setdefault((place.type, place.field), place)
    yield from first.values()


def _line(place: Place, outcome: Outcome | None) -> str:
    """What is kept of one change, so that a sweep that was stopped goes on where it was."""
    said = None if outcome is None else [outcome.ours, outcome.stock]
    return json.dumps([place.register, place.type, place.field, place.number, said]) + "\n"


def _kept(path: Path | None) -> dict[Place, Outcome | None]:
    """The changes that an earlier run tried; its last line may be cut off."""
    lines = path.read_text(encoding="ascii").splitlines(keepends=True) if path is not None and path.exists() else []
    found: dict[Place, Outcome | None] = {}
    for *where, said in (json.loads(line) for line in lines if line.endswith("\n")):
        place = Place(*where)
        found[place] = None if said is None else Outcome(place, *said)
    return found


def _swept(path: Path | None, *, whole: bool) -> list[Outcome]:
    """Every change, on two cores; each is kept in this file as soon as it was tried."""
    done = _kept(path)
    with (
        tempfile.TemporaryDirectory(prefix="sweep-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")) as name,
        ProcessPoolExecutor(2) as pool,
        open(path or os.devnull, "a", encoding="ascii") as kept,
    ):
        found = list(places(Path(name), whole=whole))
        left = [place for place in found if place not in done]
        for place, outcome in zip(left, pool.map(tried, left, (Path(tempfile.mkdtemp(dir=name)) for _ in left), chunksize=4), strict=True):
            done[place] = outcome
            kept.write(_line(place, outcome))
            kept.flush()
    return [outcome for place in found if (outcome := done[place]) is not None]


def main() -> int:
    """The sweep: `--whole`, and `--kept FILE` to go on where it was stopped. Exit code 1 if a field that is bound or computed was not
    held."""
    started = time.monotonic()
    path = Path(sys.argv[sys.argv.index("--kept") + 1]) if "--kept" in sys.argv else None
    outcomes = _swept(path, whole="--whole" in sys.argv)
    for each in outcomes:
        if each.faults:
            print(f"{each.how} {each.place}: not refused by {' and '.join(each.faults)}")
    fields = Counter(rests.how for each in FIELDS.values() for rests in each.values())
    print("fields: " + ", ".join(f"{how} {count}" for how, count in fields.items()))
    for how in fields:
        of_it = [each for each in outcomes if each.how == how]
        ours, stock_ = sum(bool(each.ours) for each in of_it), sum(bool(each.stock) for each in of_it)
        print(f"{how}: {len(of_it)} changes tried, refused by ours {ours}, by stock {stock_}")
    print(f"{(time.monotonic() - started) / 60:.1f} minutes")
    return int(any(each.faults for each in outcomes))


if __name__ == "__main__":
    sys.exit(main())
