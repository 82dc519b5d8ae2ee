"""Scripts: what a ceremony is held to, entry by entry (SET-01, SET-06, AUD-12).

A script is data: steps with number, phase, title, who, and which kinds of entries may and must stand in each, by whom. It lies in
the register beside the transcript, and its SHA-256 in entry 1. What people see of a step (minutes, explanations, controls) is in
script/table.py. `RELEASED` is this verifier's own list; no register adds to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from ceremony.base.data import Name, Person, Text, dump, load, record
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.entries import Kind
from ceremony.record.state import Recorded

NAME = "script.json"
STAFF: tuple[str, ...] = ("administrator", "witness")
Who = Literal["staff", "everyone", "custodians", "officers"]
Yes = Literal["yes", "no"]


@record
class ScriptStep:
    """One step. A row of `may` and `must` is a kind of entry (of a file and a signature with what it is, as in `file:policy`) and who
    writes it: `tool`, a role, `custodian`, `self` (the custodian whose share it is about). `live`: what it achieves is in the vault
    alone, and lost with it. `signed`: administrator and witness sign the checkpoint at its end."""

    number: int
    phase: Text
    title: Text
    who: Who
    live: Yes
    signed: Yes
    may: tuple[Text, ...]
    must: tuple[Text, ...]


@record
class Script:
    """The script of one kind of ceremony. `runs`: who signs each run at its beginning; `ends`: who signs its end; of both, if it is
    empty, who is there. `always`: what may stand in every step."""

    type: Literal["script"] = "script"
    version: Literal["2"] = "2"
    kind: Kind
    runs: tuple[Person, ...]
    ends: tuple[Person, ...]
    always: tuple[Text, ...]
    kdf_floor: dict[Name, Name]
    """Mark -> the weakest KDF profile under which its shares may be locked: a constant of the release (STO-05)."""
    self_tests: dict[Name, int]
    """Process -> how many known-answer tests it passes at each start: a constant of the release (SET-09)."""
    steps: tuple[ScriptStep, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of its file."""
        return sha256(dump(self))


@dataclass(frozen=True, slots=True)
class Release:
    """Of which kind a released script is, and the number of its release among those of its kind."""

    kind: str
    number: int


KINDS: tuple[str, ...] = ("keygen", "transfer", "receipt", "amend", "drill", "check", "custody", "reseal", "reshare")


@cache
def released(kind: str, number: int) -> Script:
    """The script of one release for a kind of ceremony."""
    raw = files("ceremony.record").joinpath("released", str(number), f"{kind}.json").read_bytes()
    return load(Script, raw, f"the script of a {kind}")


def current(kind: str) -> Script:
    """The script by which this release plays a kind of ceremony: the newest one."""
    return released(kind, max(release.number for release in RELEASED.values() if release.kind == kind))


RELEASED: Mapping[str, Release] = MappingProxyType({
    # RELEASED-BEGIN
    "ea7464d6f30a70358250aaf19d6b29cbd0ad6c89a54af6d015c207b1ca3fdb75": Release("keygen", 1),
    "2f30e7e8bf4afb1bbcdfed4f42557afdbc961fa450a5c59af72e167de474a7a4": Release("transfer", 1),
    "a39d8676d0f60133f502a393f6da1b0d9985a5c84368d2c5b5778b3100003554": Release("receipt", 1),
    "73f32999478560d9133c2dc555cdd42b70f1a5c6658000feff658d8a830b3899": Release("amend", 1),
    "01fe1cb2c30d50393cd1101b17532b40f7e830bc7c8f158ddbd35c8304189ccc": Release("drill", 1),
    "b540979a549587524f585f07484b203421d4c2b26226e2f003045c4aa64b0895": Release("check", 1),
    "56976fdfccdbf6a0ca1690b69b29a73ddc93db68d81c8aeee3ad7d2a28e422a4": Release("custody", 1),
    "cc26e40353ba4ad24ac708134b14e69b39fc0c3bd998b24002ec7686701c3d99": Release("reseal", 1),
    "16e9175bb8a5371bbe635eca4ee70d010d7f63a29f7ebcb7bc526e143d861ce8": Release("reshare", 1),
    # RELEASED-END
})  # fmt: skip
"""SHA-256 of every script that was ever released."""


def key_of(entry: Recorded) -> str:
    """The kind of an entry as the rows of a script have it."""
    body = entry.body
    if isinstance(body, entries.Signature):
        return f"{entry.line.type}:{body.purpose}"
    if isinstance(body, entries.File):
        return f"{entry.line.type}:{body.kind}"
    return entry.line.type


def allowed(rows: Iterable[str], entry: Recorded) -> bool:
    """Whether one of these rows lets this entry stand."""
    return any(matches(row, entry) for row in rows)


def matches(row: str, entry: Recorded) -> bool:
    """Whether an entry is of a row's kind, and by one of those whom it names."""
    key, who = _parts(row)
    return key == key_of(entry) and any(_is(name, entry) for name in who)


@cache
def _parts(row: str) -> tuple[str, tuple[str, ...]]:
    """What a row lets stand, and the people whom it names."""
    key, *who = row.split()
    return key, tuple(who)


def _is(name: str, entry: Recorded) -> bool:
    custodian = len(entry.actor) == 2
    if name == "custodian":
        return custodian
    if name == "self":
        return custodian and entry.actor == getattr(entry.body, "position", None)
    return entry.actor == name


@dataclass(slots=True)
class Walk:
    """Where a transcript stands in its script, entry after entry. What a step achieved in the vault is lost when the vault ends: then
    the first of the steps that must be repeated is next, unless everybody signed the new set's key record."""

    steps: Sequence[ScriptStep]
    done: int = 0
    _vault: bool = False
    _ended: bool = False
    _resumed: bool = False
    _present: set[str] = field(default_factory=set)
    _keyed: set[str] = field(default_factory=set)
    _made: bool = False

    @property
    def next(self) -> ScriptStep:
        """The first step that is not done."""
        return self.steps[min(self.done, len(self.steps) - 1)]

    @property
    def again(self) -> ScriptStep:
        """The first step that is not done once no vault is alive."""
        at = self.next.number - 1
        while at > 0 and self.steps[at - 1].live == "yes" and not self.set_signed:
            at -= 1
        return self.steps[at]

    @property
    def set_signed(self) -> bool:
        """Whether everybody who is there has signed the key record of this ceremony."""
        return self._made and bool(self._present) and self._keyed >= self._present

    @property
    def now(self) -> tuple[ScriptStep, ...]:
        """The steps that the next entry can stand in: two of them while a vault has just ended."""
        if self._vault:
            return (self.next,)
        if self._resumed or not self._ended:
            return (self.again,)
        return (self.next, self.again)

    def after(self, entry: Recorded) -> None:
        """Go on behind an entry."""
        body = entry.body
        if isinstance(body, entries.Resumed):
            self._vault, self._ended, self._resumed = False, True, True
        elif isinstance(body, entries.VaultEnded):
            self._vault, self._ended = False, True
        elif isinstance(body, entries.Step):
            self.done = body.number
            self._vault, self._resumed = self._alive, False
        if isinstance(body, entries.Vault):
            self._alive = True
        elif isinstance(body, entries.Resumed | entries.VaultEnded):
            self._alive = False
        elif isinstance(body, entries.Present):
            self._present.add(entry.actor)
        elif isinstance(body, entries.File):
            self._made = self._made or body.kind == "key-record"
        elif isinstance(body, entries.Signature) and body.purpose == "key-record":
            self._keyed.add(entry.actor)

    _alive: bool = False
