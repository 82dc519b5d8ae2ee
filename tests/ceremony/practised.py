"""A practice register as a drill takes it in: the sample's ceremonies, by the people of a stage, with their names and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from ceremony.demonstration import Stage, key
from ceremony.record import entries
from ceremony.record.charter import Charter, Member, Site
from tests.record import sample
from tests.record.sample import Anchor, Entry, FastDesk, Play, Sample
from transfer.limits import written

CAUGHT = "REC-03"


@dataclass
class StageDesk(FastDesk):
    """A desk whose people are those of a stage; `strangers` have keys of their own."""

    set_: Stage | None = None
    strangers: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)

    def new_key(self, person: str) -> Path:
        assert self.set_ is not None
        if person not in self.set_.plot.names or person in self.strangers:
            return super().new_key(person)
        secret = load_ssh_private_key((self.set_.folder / key(person)).read_bytes(), None)
        assert isinstance(secret, Ed25519PrivateKey)
        self.secrets[person] = secret
        self.keys[person] = (self.set_.folder / f"{key(person)}.pub").read_text().rsplit(" ", 1)[0].strip()
        return self.key(person)

    def charter(self, **changes: Any) -> Charter:
        assert self.set_ is not None
        plot = self.set_.plot
        people = tuple(Member(person=p, name=name, key=self.keys[p]) for p, name in sorted(plot.names.items()))
        sites = tuple(Site(letter=letter, name=name, jurisdiction=country, threshold=2) for letter, name, country in plot.sites)
        return super().charter(people=people, sites=sites, site_threshold=plot.site_threshold, **changes)


def _change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
    """The plan's own quorums; and a damaged share that was refused before the first one was unlocked."""
    if isinstance(body, entries.Quorums):
        return [(actor, entries.Quorums(of_sites=3, whole=3, stand_for=3))]
    if kind == "transfer" and isinstance(body, entries.Armed):
        said = entries.Refusal(identifier=CAUGHT, what="the sealed share of A1 is damaged", found="x", expected="y")
        return [(actor, body), ("tool", said)]
    return [(actor, body)]


def practised(set_: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch, strangers: tuple[str, ...] = ()) -> Anchor:
    """Key generation four days ago, so that its payees' cool-off is over, and a transfer just now (after the stage's own key), by A1 A2 B1
    B2."""
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"keygen": now - timedelta(days=4), "transfer": now, "receipt": now + timedelta(hours=2)}
    monkeypatch.setattr(sample, "START", {kind: written(time) for kind, time in times.items()})
    monkeypatch.setattr(sample, "ROOM", set_.plot.here)
    folder.mkdir()
    wanted = {"not_before": written(now - timedelta(days=1)), "expires": written(now + timedelta(days=6))}
    desk = StageDesk(folder, fresh="stranger", set_=set_, strangers=strangers)
    made = Sample(desk, folder, Play(change=_change, wanted=wanted, pace=0))
    return Anchor(folder, made.charter.digest, made.transfer(2, made.keygen()))
