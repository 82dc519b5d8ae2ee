"""What sealing shares anew must have recorded: ordered, opened alone, chosen, proven before the old one went (SEC-01, STO-10)."""

from __future__ import annotations

from ceremony.record import entries
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules import health, people, vault
from ceremony.record.rules.common import differs, everyone_signed
from ceremony.record.rules.ordered import order_of
from ceremony.record.rules.transfer import check_secured


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Each share alone, and of those whom the order names, always; all the rest if it ended and was not voided."""
    vault.check(ceremony, ledger.charter.hsm)
    people.check(ceremony, ledger.charter)
    health.check_alone(ceremony, ledger)
    _check_named(ceremony)
    _check_chosen(ceremony)
    closed = ceremony.state.closing
    if closed is None or closed.outcome == VOID:
        return
    if ledger.key is None:
        differs("AUD-08", ceremony, "a reseal", "no key record before it", "a key generation first")
    check_secured(ceremony, ledger.key)
    _check_replaced(ceremony)
    everyone_signed(ceremony, ("witness",), (entries.Proven, entries.Removed, entries.NotRemoved))
    if not set(ceremony.state.actors(entries.Present)) & set(order_of(ceremony).positions):
        differs("ASM-01", ceremony, "who was there", "nobody whom the order names", " or ".join(order_of(ceremony).positions))


def _check_named(ceremony: Ceremony) -> None:
    """AUT-01: no share is opened but of a position that the order names."""
    named: tuple[str, ...] = ()
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.Ordered):
            named = body.positions
        elif isinstance(body, entries.Unlocked | entries.Sealing) and body.position not in named:
            where = f"entry {entry.line.seq} ({entry.line.type})"
            differs("AUT-01", ceremony, where, f"the share of {body.position}", f"one that the order names: {' '.join(named)}")


def _check_chosen(ceremony: Ceremony) -> None:
    """SEC-01: what is sealed was unlocked in this run, and its custodian had said what becomes new."""
    ready: set[str] = set()
    opened = ""
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.Unlocked):
            opened, ready = body.position, set()
        elif isinstance(body, entries.Vault | entries.VaultEnded | entries.Resumed):
            opened, ready = "", set()
        elif isinstance(body, entries.Chosen):
            ready.add(body.position)
        elif isinstance(body, entries.Sealing) and not (opened == body.position and body.position in ready):
            where = f"entry {entry.line.seq} ({entry.line.type})"
            differs("SEC-01", ceremony, where, f"the share of {body.position}, not open or nothing chosen", "opened, and its choice")


def _check_replaced(ceremony: Ceremony) -> None:
    """SEC-01: after each proof the sealed share that was opened for it was removed, or its custodian said that it may exist."""
    opened: dict[str, int] = {}
    due: dict[str, int] = {}
    for body in (e.body for e in ceremony.state.entries):
        if isinstance(body, entries.Unlocked):
            opened[body.position] = body.number
        elif isinstance(body, entries.Proven) and body.position in opened:
            due[body.position] = opened[body.position]
        elif isinstance(body, entries.Removed | entries.NotRemoved) and due.get(body.position) == body.number:
            del due[body.position]
    if due:
        left = ", ".join(f"{position} {number}" for position, number in sorted(due.items()))
        differs(
            "SEC-01",
            ceremony,
            "the sealed shares that were replaced",
            f"not removed: {left}",
            "removed, or said to be left, once the new one was proven",
        )
