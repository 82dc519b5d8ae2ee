"""The health of shares: what one custodian found at their own site, as a signed record; and the fold that says of every share when it
was last proven and whether its newest look at it failed (STO-10, DRL-02).

A failed look is a record as well: it asks for a decision, and does not go away before that, or before the share is proven."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, NoReturn

from ceremony.base import signatures
from ceremony.base.control import refuse
from ceremony.base.data import Digest, Free, Mark, Person, Position, SetIdentifier, Text, Time, load, record
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.custody import BagNumber, BagState
from ceremony.record.entries import Control
from ceremony.record.register import Ceremony
from ceremony.record.sets import Sets
from ceremony.record.state import Recorded
from transfer.limits import moment, written

NAMESPACE: signatures.Namespace = "health@cold-ceremony"
APART, MINUTE = timedelta(minutes=2), timedelta(minutes=1)
"""ASM-04: how far a watch may be from the machine; it is read to the minute."""
DECIDE = 14
"""Days within which it is decided what becomes of a share whose newest look failed."""
Result = Literal["matched", "wrong-passphrase", "refused", "not-read"]
MATCHED: Result = "matched"
FAILED = {
    "wrong-passphrase": "its passphrase was wrong three times",
    "refused": "a control refused it",
    "not-read": "it was not there, or could not be read",
}
"""How a look can fail -> in words."""


@record
class HealthRecord:
    """What a custodian's look at their own share gave, at their own site: opened alone, compared with its commitment, locked by nobody.

    `sealing` and `sha256`: of the sealed share that opened and matched; 0 and none if none did.
    `bag`, `bag_state`: the bag as it was before it was cut open, `new_bag`: the one that the share lies in since (STO-01).
    `control`: what refused it, if something did. `watch`: typed by the custodian; `machine`: that machine's clock then."""

    type: Literal["health-record"] = "health-record"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    charter: Digest
    key_record: Digest
    register_head: Digest
    kit: Digest
    position: Position
    set_identifier: SetIdentifier
    sealing: int
    sha256: Digest | None = None
    result: Literal["matched", "wrong-passphrase", "refused", "not-read"]
    control: Control | None = None
    said: Free
    bag: BagNumber | None = None
    bag_state: BagState
    new_bag: BagNumber | None = None
    watch: Time
    machine: Time
    second: Person | None = None
    tool: Text
    commit: Text
    protection: dict[Text, Text]
    findings: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The newest look at one share failed: when, how, and the ceremony that recorded it."""

    time: str
    why: str
    ceremony: int


@dataclass(frozen=True, slots=True)
class Health:
    """What a register says of its shares; `after` gives it with one more ceremony."""

    sealed: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Position and sealing number -> the set that it is of."""
    proven: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Position and set -> when that share was last proven."""
    failed: Mapping[str, Failure] = field(default_factory=dict)
    """Positions whose newest look failed, at their share of the set in use."""
    in_use: str = ""
    """The set in use, of which every share was proven when it was made."""
    taken: frozenset[str] = frozenset()
    """SHA-256 of every health record of which an entry came. One that was cut off before that can come in again."""
    heads: Mapping[str, str] = field(default_factory=dict)
    """Head of each ceremony that has ended -> when it ended."""

    def after(self, ceremony: Ceremony) -> Health:
        """With one more ceremony, ended or not."""
        now, state = self, ceremony.state
        void = state.closed is not None and state.closed.outcome == "void"
        if not (void and state.last(entries.Generated) is not None):  # a set that never existed proves nothing of the one in use
            for entry in state.entries:
                if not isinstance(entry.body, entries.SetAside) or state.last(entries.Alone) is not None:
                    now = now.then(entry, ceremony.number)
        made = state.last(entries.Generated)
        if made is not None and state.closed is not None and not void:
            now = replace(now, failed={}, in_use=made.set_identifier)
        heads = {ceremony.head: ceremony.time} if state.closed is not None else {}
        told = {entry.body.file for entry in state.entries if isinstance(entry.body, entries.Healthy | entries.Unhealthy)}
        taken = {file.sha256 for file in state.all(entries.File) if file.name in told}
        return replace(now, heads={**self.heads, **heads}, taken=self.taken | taken)

    def last(self, position: str, set_identifier: str) -> str:
        """When a position's share of one set was last proven; empty if it never was."""
        return self.proven.get((position, set_identifier), "")

    def _answered(self, positions: Collection[str], set_identifier: str) -> Health:
        """Of these positions nothing is asked any more; unless it was a share of another set than the one in use."""
        left = {p: failure for p, failure in self.failed.items() if p not in positions}
        return replace(self, failed=left) if set_identifier == self.in_use else self

    def then(self, entry: Recorded, number: int) -> Health:
        """With one more entry of the ceremony of this number."""
        body = entry.body
        if isinstance(body, entries.Sealing):
            return replace(self, sealed={**self.sealed, (body.position, body.number): body.set_identifier})
        if isinstance(body, entries.Proven | entries.Healthy):
            at = body.at if isinstance(body, entries.Healthy) else entry.line.time
            share = (body.position, self.sealed.get((body.position, body.number), ""))
            return replace(self._answered((body.position,), share[1]), proven={**self.proven, share: at})
        if isinstance(body, entries.Unhealthy):
            return replace(self, failed={**self.failed, body.position: Failure(body.at, body.why, number)})
        if isinstance(body, entries.Custody) and body.record.event == "decision":
            before = [p for p in body.record.positions if p in self.failed and self.failed[p].time <= body.record.time]
            return self._answered(before, body.record.set_identifier or "")
        if isinstance(body, entries.SetAside):
            failure = Failure(entry.line.time, f"set aside: {body.reason}", number)
            return replace(self, failed={**self.failed, body.position: failure})
        return self


def of(ceremonies: Iterable[Ceremony]) -> Health:
    """The health of shares after all these ceremonies."""
    found = Health()
    for ceremony in ceremonies:
        found = found.after(ceremony)
    return found


@dataclass(frozen=True, slots=True)
class Before:
    """What a register said before a health record was brought: who the people are, which sets there are, what is known of shares."""

    genesis: str
    charter: Charter
    sets: Sets
    health: Health


def parse(raw: bytes, name: str) -> HealthRecord:
    """The record in these bytes; STO-10 if it says that a share matched, and not which, or that one failed and matched."""
    found = load(HealthRecord, raw, name)
    if (found.result == MATCHED) != (found.sha256 is not None and found.sealing > 0 and found.control is None):
        _refuse(
            name, f"{found.result}, sealing number {found.sealing}", "number and SHA-256 of a share that matched, else none", "Check again."
        )
    return found


def entry_of(raw: bytes, name: str) -> entries.Healthy | entries.Unhealthy:
    """The entry that a health record becomes. `name`: of its file in the register."""
    found = parse(raw, name)
    if found.result == MATCHED:
        return entries.Healthy(position=found.position, number=found.sealing, sha256=found.sha256 or "", file=name, at=found.machine)
    return entries.Unhealthy(position=found.position, file=name, at=found.machine, why=why(found))


def bags_of(found: HealthRecord) -> tuple[entries.BagOpened | entries.BagClosed, ...]:
    """What the record says of the bag, as entries (STO-01)."""
    share = {"position": found.position, "set_identifier": found.set_identifier}
    opened = entries.BagOpened(**share, bag=found.bag, state=found.bag_state)
    return (opened, *((entries.BagClosed(**share, bag=found.new_bag),) if found.new_bag else ()))


def why(found: HealthRecord) -> str:
    """How a look failed, in words."""
    return FAILED[found.result] + (f" ({found.control})" if found.control else "")


def check(raw: bytes, name: str, signed: Sequence[Signature], before: Before, now: str) -> HealthRecord:
    """STO-10: a health record that counts: of this register, of the set in use, signed by whose share it is, newer than the last
    proof, not taken in before. AUD-10 for the head that its kit names, AUT-03 for a signature, ASM-04 for its clock."""
    found = parse(raw, name)
    what = f"the health record of {found.position} ({name})"
    _check_place(found, what, before)
    for person in (found.position, *((found.second,) if found.second else ())):
        _check_signed(what, person, raw, signed, before.charter)
    if sha256(raw) in before.health.taken:
        _refuse(what, "a record that the register has already", "one that was not taken in before", "It counts once. Put it aside.")
    _check_times(found, what, before.health, now)
    had = before.sets.sealed(found.position, found.set_identifier)
    if found.result == MATCHED and (found.sealing not in had.acceptable or had.begun.get(found.sealing) != found.sha256):
        _refuse(
            what,
            f"sealing number {found.sealing}, SHA-256 {found.sha256 or 'none'}",
            " or ".join(f"{number}, {had.begun[number]}" for number in had.acceptable) or "no sealing",
            "An older or another sealed share was opened there: the kit was old, or forged. Write a new kit, and check again.",
        )
    return found


def _check_place(found: HealthRecord, what: str, before: Before) -> None:
    """Register, charter and set are those in force; the kit was written against a head of this very register."""
    record_ = before.sets.in_use.record if before.sets.in_use else None
    if found.genesis != before.genesis or found.mark != before.charter.mark:
        _refuse(
            what,
            f"{found.mark}, genesis {found.genesis}",
            f"{before.charter.mark}, genesis {before.genesis}",
            "Take it to its own register.",
        )
    if record_ is None or (found.key_record, found.set_identifier) != (record_.digest, record_.set_identifier):
        expected = f"set {record_.set_identifier}, which is in use" if record_ else "a key first"
        _refuse(what, f"set {found.set_identifier}", expected, "It says nothing of the set in use. Check the share of that set.")
    if found.position not in record_.plan.positions:
        _refuse(what, f"position {found.position}", "a position of the key record", "Look at the kit that it was made with.")
    if found.register_head not in before.health.heads:
        refuse(
            "AUD-10",
            f"{what} names a head that this register does not have",
            found=found.register_head,
            expected="the head of a ceremony of this register that has ended",
            do="If this register is an old copy, get the newest one. Else the kit was not written here: write one, and check again.",
        )


def _check_signed(what: str, person: str, raw: bytes, signed: Sequence[Signature], charter: Charter) -> None:
    """Signed by whose share it is, and by the second person that it names."""
    own = [signature for signature in signed if signature.signer == person]
    if not own:
        found = "signed by " + (", ".join(s.signer for s in signed) or "nobody")
        _refuse(what, found, f"signed by {person}", f"Let {person} sign it, with the key that the charter lists.")
    signatures.verify(own[0], raw, charter.key(person), NAMESPACE)


def _check_times(found: HealthRecord, what: str, health: Health, now: str) -> None:
    """After the kit and after the last proof of this share, not in the future; watch and machine agreed."""
    check_watch(found.watch, found.machine, found.position)
    last = max(
        health.last(found.position, found.set_identifier), health.failed[found.position].time if found.position in health.failed else ""
    )
    if found.machine <= last:
        _refuse(
            what, f"made {found.machine}", f"later than {last}, when this share was looked at last", "It says nothing new. Put it aside."
        )
    if not health.heads[found.register_head] <= found.machine <= written(moment(now) + APART):
        expected = f"between {health.heads[found.register_head]}, when its kit's head was made, and now ({now})"
        _refuse(what, f"made {found.machine}", expected, "Set that machine's clock by two watches, and check again.")


def together(watch: str, machine: str) -> bool:
    """ASM-04: whether a watch, read to the minute, and a machine are at most two minutes apart."""
    return -APART <= moment(machine) - moment(watch) < APART + MINUTE


def check_watch(watch: str, machine: str, person: str) -> None:
    """ASM-04: a watch and the machine are at most two minutes apart; a watch is read to the minute."""
    if not together(watch, machine):
        refuse(
            "ASM-04",
            "the clock of the machine is not that of people's watches",
            found=f"{watch} on the watch of {person}, {machine} on the machine",
            expected="at most two minutes between them",
            do="Set the machine's clock, or the watch, by one that you trust; then check again.",
        )


def _refuse(what: str, found: str, expected: str, do: str) -> NoReturn:
    refuse("STO-10", f"{what} does not count", found=found, expected=expected, do=do)
