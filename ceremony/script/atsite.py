"""At a custodian's own site, without the register: a kit stands in its place, and what is found leaves as a signed health record (STO-10).

The share is opened alone and compared, and is not locked anew: only the register gives sealing numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, dump, load, printable
from ceremony.base.files import make_folder, read_file, write_new
from ceremony.base.signatures import Signature
from ceremony.record import entries, health, scripts
from ceremony.record.carried import lines
from ceremony.record.health import MATCHED, NAMESPACE, HealthRecord, check_watch
from ceremony.record.kit import Carried, SiteKit
from ceremony.record.register import Register
from ceremony.record.rules.people import FILE, OWN_SHARE
from ceremony.record.sets import KeySet
from ceremony.record.signed import signatures_path
from ceremony.record.transcript import Notes
from ceremony.screen import panels
from ceremony.screen.terminal import Terminal
from ceremony.script import bags, loop, release, sitting
from ceremony.script import health as each_alone
from ceremony.script.outside import watch_of
from ceremony.script.prepare import end_vault
from ceremony.script.room import TRIES, Room


@dataclass(slots=True)
class Site(Room):
    """A room without a register: what it would say is the kit's, and what happens is kept in memory."""

    carried: Carried | None = None

    @property
    def book(self) -> Register:
        """The register as far as the kit carries it."""
        assert self.carried is not None  # noqa: S101 (`room_of` gives it)
        return self.carried

    @property
    def opening(self) -> KeySet:
        """The set in use: no other one is checked."""
        return self.book.in_use


def room_of(kit: SiteKit, out: Path, screen: Terminal, given: dict[str, str]) -> Site:
    """The room at a site; `out`: a new folder for the health records; `given`: what the command line gave besides."""
    book = Carried(out, kit)
    notes = Notes(out, book.head)
    room = Site(screen=screen, register=out, genesis=kit.kit.genesis, transcript=notes, given=given, carried=book, _charter=book.charter)
    opened = entries.Opened(
        kind="check",
        mark=kit.kit.mark,
        ceremony=0,
        genesis=kit.kit.genesis,
        script=scripts.current("check").digest,
        tool=version("cold-ceremony"),
        commit=release.commit(),
        run_key=notes.key.public,
        newest=0,
        signers=(),
        watches=(),
    )
    notes.append("tool", opened, room.clock())
    return room


def check(room: Site, kit: SiteKit, positions: Sequence[str], second: str | None) -> tuple[HealthRecord, ...]:
    """Watch, bag, machine, each share alone, new bag; then a record for each, signed and read back. What was found, for each."""
    room.screen.returned = room.watch.notice
    _step(room, "Watch")
    times = [_watched(room, position) for position in positions]
    for position in positions:
        room.transcript.append(position, entries.Present(factors=(FILE, OWN_SHARE)), room.clock())
    try:
        _step(room, "Bag, before it is cut open")
        loop.append_all(room, bags.opened(room))
        _step(room, "Machine")
        loop.append_all(room, each_alone.begin(room))
        _step(room, "Each share alone")
        for position in positions:
            room.screen.fresh((f"{position}: your share alone.", ""))
            loop.append_all(room, sitting.unlock_one(room, position))
        loop.append_all(room, end_vault(room, "each share was opened alone"))
    finally:
        if room.vault is not None:
            room.vault.end()
    _step(room, "New bag")
    loop.append_all(room, bags.closed(room))
    _step(room, "Signed record")
    found = tuple(_record(room, kit, position, time, second) for position, time in zip(positions, times, strict=True))
    make_folder(room.register)
    for each in found:
        _keep(room, each)
    return found


KEYS = " ? explains, q stops"
STEPS = ("Watch", "Bag, before it is cut open", "Machine", "Each share alone", "New bag", "Signed record")


def _step(room: Site, title: str) -> None:
    """A screen of its own, with the two lines of a ceremony's."""
    left, right = f"{room.charter.mark.upper()}  shares at their own site", f"step {STEPS.index(title) + 1} of {len(STEPS)}"
    rule = f"== {title} ".ljust(panels.WIDTH - len(KEYS), "=") + KEYS
    room.screen.screen((left + right.rjust(panels.WIDTH - len(left)), rule))


def _watched(room: Site, position: str) -> tuple[str, str]:
    """ASM-04: what the custodian's watch says, and the machine; asked again if they are apart."""
    tries = TRIES
    while True:
        typed, machine = watch_of(room.screen, position), room.clock()
        try:
            check_watch(typed, machine, position)
        except Refused as wrong:
            tries -= 1
            if not tries:
                raise
            room.screen.say(str(wrong))
        else:
            return typed, machine


def _record(room: Site, kit: SiteKit, position: str, time: tuple[str, str], second: str | None) -> HealthRecord:
    state, key = room.state, kit.key_record
    own = [entry.body for entry in state.entries if entry.actor == position]
    opened = next((body for body in own if isinstance(body, entries.Unlocked)), None)
    bag = next(body for body in own if isinstance(body, entries.BagOpened))
    new_bag = next((body.bag for body in own if isinstance(body, entries.BagClosed)), None)
    control, result, said = _result(room, position, matched=opened is not None)
    started = next(state.all(entries.Opened))
    had = room.book.sets.sealed(position, key.set_identifier)
    return HealthRecord(
        mark=kit.kit.mark,
        genesis=kit.kit.genesis,
        charter=kit.kit.charter,
        key_record=key.digest,
        register_head=kit.kit.register_head,
        kit=kit.digest,
        position=position,
        set_identifier=key.set_identifier,
        sealing=opened.number if opened else 0,
        sha256=had.begun[opened.number] if opened else None,
        result=result,
        control=control,
        said=said,
        bag=bag.bag,
        bag_state=bag.state,
        new_bag=new_bag,
        watch=time[0],
        machine=time[1],
        second=second,
        tool=started.tool,
        commit=started.commit,
        protection={name: held for body in state.all(entries.Vault) if body.process == "opener" for name, held in body.protection.items()},
        findings=next(state.all(entries.Machine)).findings,
    )


def _result(room: Site, position: str, *, matched: bool) -> tuple[str | None, health.Result, str]:
    """Which way it went: the control that refused it last, the result, and both in words."""
    if matched:
        return None, MATCHED, "the sealed share opened, and matched its commitment"
    last: entries.Refusal | None = None
    reason = ""
    for entry in room.state.entries:
        if isinstance(entry.body, entries.Refusal):
            last = entry.body
        elif isinstance(entry.body, entries.SetAside) and entry.actor == position:
            reason = entry.body.reason
            break
        elif isinstance(entry.body, entries.Unlocked | entries.SetAside):
            last = None
    if reason != "refused":
        return None, "wrong-passphrase", f"{health.FAILED['wrong-passphrase']}: the sealed share is whole"
    if last is None:
        return None, "not-read", health.FAILED["not-read"]
    return last.identifier, "refused", printable(f"{last.what}; found {last.found}; expected {last.expected}")


def _keep(room: Site, found: HealthRecord) -> None:
    """The record, shown, signed by the custodian and by whom it names, written and read back."""
    raw = dump(found)
    room.screen.fresh(
        (
            *panels.field("share", f"{found.position} of set {found.set_identifier}"),
            *panels.field("result", found.said),
            *panels.field("bag", f"{found.bag or 'none'} ({found.bag_state}), now {found.new_bag or 'none'}"),
            *panels.field("time", f"{found.watch[:16].replace('T', ' ')} UTC on the watch, {found.machine} on the machine"),
        )
    )
    signed: list[Signature] = []
    for person in (found.position, *((found.second,) if found.second else ())):
        room.screen.enter(f"{person}: sign this record.")
        signed.append(room.sign_bytes(person, NAMESPACE, raw))
    path = room.register / f"health-{found.position.lower()}.json"
    write_new(path, raw)
    write_new(signatures_path(path), lines(signed))
    if load(HealthRecord, read_file(path), path.name) != found or read_file(signatures_path(path)) != lines(signed):
        raise Malformed(f"{path}: what was written does not read back; use another medium, and check again")


def check_proven(found: Sequence[HealthRecord], where: Path) -> None:
    """STO-10: what was found wanting is told when all is written and signed: it is a record as well, and goes to the register."""
    failed = [each for each in found if each.result != MATCHED]
    if failed:
        refuse(
            "STO-10",
            "not every share proved healthy",
            found="; ".join(f"{each.position}: {health.why(each)}" for each in failed),
            expected="each opens and matches its commitment",
            do=f"Bring {where} to the cold host all the same, and tell the officers: they decide within {health.DECIDE} days.",
        )
