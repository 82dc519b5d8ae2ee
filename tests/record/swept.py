"""A register in which a second key was made by the officers' order, and the first one is swept to it; each entry open to a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.order import ShareOrder
from tests.record.sample import Anchor, FastDesk, Play, Sample, account_of
from transfer.authorization import Authorization
from transfer.bitcoin.account import opened
from transfer.request import AccountKey, SweptAccount

NEW_SEED = b"another seed for tests, worthless"
MADE = "2026-11-18T09:00:00Z"
"""When the second key was made: between the first one and the sweep."""


@dataclass
class Swept(Sample):
    """Ceremony 1 makes the first key, 2 the second one, 3 sweeps, 4 is the receipt; if nothing else comes between."""

    ordered: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the share order."""
    swept: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the sweep's authorization."""
    new: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the second key record."""
    phase: str = field(init=False, default="first")
    anew: int = field(init=False, default=2)
    """The ceremony that makes the second key."""

    @property
    def former_record(self) -> KeyRecord:
        """Of the newest set of the first key."""
        return self.first_record

    @property
    def second_record(self) -> KeyRecord:
        commitments = {p: sha256(f"second {p}".encode()) for p in self.charter.plan.positions}
        facts: dict[str, Any] = {
            "ceremony": self.anew,
            "issued": MADE,
            "charter": self.charter.digest,
            "accounts": (account_of(NEW_SEED),),
            "custodian_commitments": commitments,
            "site_commitments": {letter: sha256(f"second {letter}".encode()) for letter in self.charter.plan.letters},
        }
        return replace(self.first_record, **{**facts, **self.new})

    @property
    def key_record(self) -> KeyRecord:
        return self.second_record if self.phase == "second" else self.former_record

    @property
    def account(self) -> AccountKey:
        found = super().account
        if self.phase != "sweep":
            return found
        return SweptAccount(**{n: getattr(found, n) for n in AccountKey.__dataclass_fields__}, to=self.second_record.accounts[0])

    def new_key(self, prev: str) -> str:
        """The second key generation, as `ceremony keygen --order` records it; the new head."""
        self.phase = "second"
        scribe = self.begin(self.anew, "keygen", "keygen 2", prev, MADE)
        order = self.order(prev)
        scribe.keep("share-order.json", "share-order", dump(order))
        scribe.sign_file("share-order", "share-order.json", ("cfo", "cto"))
        scribe.add("tool", entries.Ordered(order=order.digest, identifier=order.identifier, kind=order.kind, positions=()))
        return self.generated(scribe, (*self.charter.custodians, "administrator", "witness"), self.anew - 1)

    def order(self, prev: str) -> ShareOrder:
        facts = {
            "kind": "new-key",
            "mark": "practice",
            "genesis": self.founding.digest,
            "charter": self.charter.digest,
            "key_record": self.former_record.digest,
            "register_head": prev,
            "identifier": "o-20261118-00000001",
            "reason": "too many old cards are at large",
            "requester": "cfo",
            "not_before": "2026-11-17T09:00:00Z",
            "expires": "2026-11-24T09:00:00Z",
        }
        return ShareOrder(**{**facts, **self.ordered})

    def sweep(self, prev: str, number: int = 3) -> str:
        """The sweep, carried out; the new head."""
        self.phase = "sweep"
        return self.transfer(number, prev)

    def authorization(self, number: int, prev: str, act: Any) -> Authorization:
        facts: dict[str, Any] = {
            "kind": "sweep",
            "payments": (),
            "key_record": self.former_record.digest,
            "to": self.second_record.digest,
            "address": opened(self.second_record.accounts[0]).own(0, 0).address,
        }
        return replace(super().authorization(number, prev, act), **{**facts, **self.swept})


def write(folder: Path, play: Play | None = None, *, receipt: bool = True, **changes: Mapping[str, Any]) -> Anchor:
    """A whole register in `folder` (which is made)."""
    folder.mkdir()
    made = Swept(FastDesk(folder), folder, play or Play(), **changes)
    head = made.sweep(made.new_key(made.keygen()))
    if receipt:
        head = made.receipt(4, head, of=3)
    return Anchor(folder, made.founding.digest, head)
