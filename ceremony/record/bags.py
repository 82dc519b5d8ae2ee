"""Bags: which numbers a register has ever had, and which bag each share lies in; a fold (STO-01, STO-02, SEC-02).

The step and the verifier read these rules. A share is a position of a set: the shares of an older set lie in bags of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ceremony.base.control import control, refuse
from ceremony.record import entries
from ceremony.record.custody import BagState, CustodyRecord
from ceremony.record.state import Recorded, State

INTACT = "intact"
NO_BAG: tuple[BagState, ...] = ("missing", "replaced")
"""States in which the bag that was closed last is not there."""
Share = tuple[str, str]
"""Position, set identifier."""


@dataclass(frozen=True, slots=True)
class Bags:
    """What a register says of bags."""

    used: Mapping[str, str] = field(default_factory=dict)
    """Number -> the position whose share was closed in it, or came in it."""
    closed: Mapping[Share, str] = field(default_factory=dict)
    """The bag that each share was put into last."""

    def after(self, found: Iterable[Recorded]) -> Bags:
        """With these entries."""
        now = self
        for body in (e.body for e in found):
            if isinstance(body, entries.BagClosed):
                now = now.put((body.position, body.set_identifier), body.bag)
            elif isinstance(body, entries.BagOpened) and body.bag is not None:  # also one that took the place of the right one
                now = now.had(body.position, body.bag)
            elif isinstance(body, entries.Custody):
                now = now.recorded(body.record)
        return now

    def recorded(self, found: CustodyRecord) -> Bags:
        """With one custody record."""
        now = self
        for position, bag in (found.bags or {}).items():
            share = (position, found.set_identifier or "")
            now = now.put(share, bag) if found.event == "in" else now.had(position, bag)
        return now

    def put(self, share: Share, bag: str) -> Bags:
        """With this share in this bag."""
        return replace(self.had(share[0], bag), closed={**self.closed, share: bag})

    def had(self, position: str, bag: str) -> Bags:
        """With this number, which is used."""
        return replace(self, used={**self.used, bag: position})


@control("STO-01")
def check_number(bags: Bags, body: entries.BagOpened | entries.BagClosed, where: str = "") -> None:
    """STO-01: a bag that is closed has a number that no bag of the register ever had; the bag that is opened is the one that was
    closed last for this share. Who says that it was replaced gives the other number; who has none says that it is missing."""
    last = bags.closed.get((body.position, body.set_identifier))
    if isinstance(body, entries.BagClosed):
        if body.bag in bags.used:
            refuse(
                "STO-01",
                f"{where}{body.position}: a bag's number is used once, for ever",
                found=f"{body.bag}, in which the share of {bags.used[body.bag]} lay before",
                expected="the number of a new bag",
                do="Take a new bag; read the number as it is printed.",
            )
    elif (body.bag is None) != (body.state == "missing") or (body.state == "replaced") != (body.bag not in (None, last)):
        refuse(
            "STO-01",
            f"{where}the bag of {body.position} is not the one that was closed last",
            found=f"{body.bag or 'no number'}, {body.state}",
            expected=f"{last or 'no bag at all'}, or the word `replaced` after the other number",
            do="Read the number again. A bag of another number is recorded as `replaced`; one that a custody record names comes in by "
            "`ceremony custody take` first. If bag and number are right, this register may be an old copy.",
        )


def not_intact(state: State) -> tuple[entries.BagOpened, ...]:
    """Bags of this ceremony that were not intact."""
    return tuple(body for body in state.all(entries.BagOpened) if body.state != INTACT)


def covered(state: State) -> bool:
    """Whether both officers excepted the bags as they are: a form that was signed before a bag was found says nothing of it."""
    signed = False
    for entry in state.entries:
        if isinstance(entry.body, entries.BagOpened) and entry.body.state != INTACT:
            signed = False
        elif isinstance(entry.body, entries.Excepted) and entry.body.control == "STO-02":
            signed = True
    return signed


@control("STO-02")
def check_intact(state: State, in_use: str, where: str = "") -> None:
    """STO-02: a bag that is not intact halts an ordinary transfer, unless both officers excepted it since; drills and checks record it,
    and so does a sweep, which opens another set than the one in use (`in_use`): it is what such a bag calls for.

    Whatever the ceremony, it raises the question whether the share is compromised (record/custody.py)."""
    found = [body for body in not_intact(state) if body.set_identifier == in_use]
    if state.opened.kind == "transfer" and found and not covered(state):
        refuse(
            "STO-02",
            f"{where}somebody may have been at a share",
            found="; ".join(f"{body.position}: {body.state}" for body in found),
            expected="every bag intact",
            do="Keep the bag, tell both officers. They decide: reshare, a new key and a sweep, or an exception that they sign here (x).",
        )


def to_close(state: State) -> tuple[entries.BagOpened, ...]:
    """Whose bag was opened in this ceremony and is not closed again: all but those whose share did not come at all."""
    unlocked = {body.position for body in state.all(entries.Unlocked)}
    open_yet: dict[str, entries.BagOpened] = {}
    for body in (e.body for e in state.entries):
        if isinstance(body, entries.BagOpened):
            open_yet[body.position] = body
        elif isinstance(body, entries.BagClosed):
            open_yet.pop(body.position, None)
    return tuple(body for p, body in sorted(open_yet.items()) if body.state != "missing" or p in unlocked)
