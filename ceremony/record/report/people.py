"""Who did what: one row for each person, the entries in which they did it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.register import Ceremony, Register
from ceremony.record.report import commands, facts
from ceremony.record.report.facts import Transfer
from ceremony.record.report.html import Html, Node, check, el, join, listed, moment, section, table
from ceremony.record.report.tell import KINDS
from ceremony.record.state import Recorded

PURPOSES = (
    "charter", "succession", "policy", "authorization", "confirmation",
    "opening", "phase", "approval", "key-record", "adjournment", "return", "receipt",
)  # fmt: skip
"""What people sign, in the order of a ceremony."""


def people(register: Register) -> Html:
    """Who approved and who was present, for each transfer; who was present wherever else shares were made or opened."""
    parts: list[Node] = []
    for transfer in facts.transfers(register):
        parts += [
            el("h3", f"Ceremony {transfer.ceremony.number}: transfer"),
            _transfer(transfer, register.charters[transfer.ceremony.number - 1]),
        ]
    for ceremony in register.ceremonies:
        if ceremony.kind != "transfer" and ceremony.state.actors(entries.Present):
            charter = register.charters[ceremony.number - 1]
            present = named(charter, ceremony.state.actors(entries.Present))
            parts += [el("h3", f"Ceremony {ceremony.number}: {KINDS[ceremony.kind]}"), el("p", "Present: ", present, ".", class_="whole")]
    return section("Who", *parts)


def named(charter: Charter, found: Iterable[str]) -> Html:
    """Positions with names."""
    known = {member.person: member.name for member in charter.people}
    shown = [join(el("strong", person), f" {known.get(person, '')}") for person in found]
    return listed(shown) if shown else join("none")


def _signs(purpose: str) -> Callable[[Any], bool]:
    return lambda body: isinstance(body, entries.Signature) and body.purpose == purpose


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda body: isinstance(body, kind)


_DEEDS: Mapping[str, Callable[[Any], bool]] = {
    "authorized": _signs("authorization"),
    "confirmed payee": _signs("confirmation"),
    "present": _is(entries.Present),
    "approved": _signs("approval"),
    "unlocked": _is(entries.Unlocked),
    "set aside": _is(entries.SetAside),
    "locked again": _is(entries.Proven),
    "adjourned": _signs("adjournment"),
}
"""What people do in a transfer -> whether an entry is that."""
_PROOFS = ("authorization", "confirmation", "opening", "approval", "adjournment")


def _transfer(transfer: Transfer, charter: Charter) -> Html:
    ceremony = transfer.ceremony
    columns = {name: [e for e in ceremony.state.entries if wanted(e.body)] for name, wanted in _DEEDS.items()}
    proofs = [(ceremony, purpose) for purpose in _PROOFS]
    if transfer.received is not None:
        name = "receipt"
        columns[name] = [e for e in transfer.received.state.entries if _signs("receipt")(e.body)]
        proofs.append((transfer.received, "receipt"))
    return join(el("p", *_told(transfer, charter), class_="whole"), matrix(charter, columns), signed(proofs))


def _told(transfer: Transfer, charter: Charter) -> list[Node]:
    wanted, confirmed, receipt = transfer.authorization, transfer.confirmation, transfer.receipt
    parts: list[Node] = []
    if wanted is not None:
        parts += ["Requested by ", named(charter, [wanted.requester]), ". "]
    if confirmed is not None:
        asked = "; ".join(f"{c.spoken_with} for {c.payee} ({c.channel}, {moment(c.time)})" for c in confirmed.calls)
        parts += ["Every payee confirmed by ", named(charter, [confirmed.checker]), f", who asked {asked}. "]
    if receipt is not None:
        parts += ["Broadcast by ", named(charter, [receipt.broadcaster]), ". "]
    return [*parts, "Numbers are those of the entries", _in_receipt(transfer), "."]


def _in_receipt(transfer: Transfer) -> str:
    return "" if transfer.received is None else f"; of the receipt, those of ceremony {transfer.received.number}"


def matrix(charter: Charter, columns: Mapping[str, Sequence[Recorded]]) -> Html:
    """One row for each person who did something, one column for each thing that somebody did; cells are entry numbers."""
    done = {name: found for name, found in columns.items() if found}
    if not done:
        return el("p", "Nobody did anything yet.")
    actors = {entry.actor for found in done.values() for entry in found}
    rows = [
        (m.person, m.name, *(" ".join(str(e.line.seq) for e in found if e.actor == m.person) or "-" for found in done.values()))
        for m in charter.people
        if m.person in actors
    ]
    count = ("Number", "", *(str(len(found)) for found in done.values()))
    return table(("Position", "Name", *done), [*rows, count], class_="ticks")


def signatures(ceremony: Ceremony, charter: Charter) -> Html:
    """Every signature of a ceremony, and the commands that verify all of them."""
    columns = {purpose: [e for e in ceremony.state.entries if _signs(purpose)(e.body)] for purpose in PURPOSES}
    return join(matrix(charter, columns), signed([(ceremony, purpose) for purpose in PURPOSES]), check(f"stated {ceremony.folder.name}"))


def signed(proofs: Iterable[tuple[Ceremony, str]]) -> Html:
    """One command that verifies these signatures; nothing if there are none."""
    found = ((c.folder.name, purpose, c.state.signers(purpose)) for c, purpose in proofs)
    each = [commands.signed_by(folder, purpose, signers) for folder, purpose, signers in found if signers]
    return check(" &&\n".join(each)) if each else join("")
