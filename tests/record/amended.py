"""Registers with amendments: what `ceremony amend` records, each part open to a change."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ceremony.base.data import dump
from ceremony.record import entries
from ceremony.record.chain import Succession, cool_off_ends, performer, rekeyed
from ceremony.record.charter import SIGNERS, Charter
from ceremony.record.register import Register
from tests.record.sample import FastDesk, Play, Sample, Scribe, _string
from transfer.limits import Policy, written

QUORUM = ("A1", "A2", "B1", "B2", "C1", "C2")
SUCCESSORS = ("cto", "witness", *QUORUM)
"""Who replaces a lost CFO."""


def secret_of(person: str, fresh: str) -> Ed25519PrivateKey:
    """The key that FastDesk gives a person under this name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{person}{fresh}".encode()).digest())


def public_of(person: str, fresh: str) -> str:
    blob = secret_of(person, fresh).public_key().public_bytes_raw()
    return "ssh-ed25519 " + base64.b64encode(_string(b"ssh-ed25519") + _string(blob)).decode()


@dataclass
class Office:
    """A register that is written ceremony by ceremony. `head` is its head, `number` the next ceremony."""

    folder: Path
    play: Play | None = None
    cool_off: int | None = None
    """Hours, of its first policy; None: 48, as the desk has it. With 0 a charter that loosens counts at once."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.desk = FastDesk(self.folder)
        self.sample = Sample(self.desk, self.folder, self.play or Play(), cool_off=self.cool_off)
        self.head = self.sample.keygen()
        self.number = 2
        self.sample.shift = 10

    @property
    def genesis(self) -> str:
        return self.sample.founding.digest

    def transfer(self, **wanted: Any) -> None:
        """A transfer under the charter and policy in force, as they stand."""
        before, self.sample.play = self.sample.play, replace(self.sample.play, wanted=wanted)
        self._ended(self.sample.transfer(self.number, self.head))
        self.sample.play = before

    def receipt(self, of: int) -> None:
        """The transfer of this number was seen in a block, soon after it."""
        start = written(datetime(2026, 11, 30, 12, tzinfo=UTC) + timedelta(days=of - 2))
        self._ended(self.sample.receipt(self.number, self.head, of, start=start))

    def _ended(self, head: str) -> None:
        self.head, self.number = head, self.number + 1

    def later(self, new_keys: Mapping[str, str] | None = None, names: Mapping[str, str] | None = None, **changes: Any) -> Charter:
        """The charter after the one in force: new keys (person -> name of the key), names, other fields."""
        before = self.sample.charter
        people = tuple(
            replace(
                m,
                key=public_of(m.person, new_keys[m.person]) if m.person in (new_keys or {}) else m.key,  # type: ignore[index]
                name=(names or {}).get(m.person, m.name),
            )
            for m in before.people
        )
        fields = {"number": before.number + 1, "previous": before.digest, "issued": "2026-11-21T09:00:00Z", "people": people, **changes}
        return replace(before, **fields)

    def policy(self, **changes: Any) -> Policy:
        """The policy after the one in force."""
        before = self.sample.policy
        fields = {"number": before.number + 1, "previous": before.digest, "issued": "2026-11-21T09:00:00Z"}
        return replace(before, **{**fields, "charter": self.sample.charter.digest, **changes})

    @contextmanager
    def _amending(self, start: str) -> Iterator[Scribe]:
        scribe = self.sample.begin(self.number, "amend", f"amend {self.number}", self.head, start)
        yield scribe
        scribe.step("Close")

    def amend(
        self,
        charter: Charter | None = None,
        policy: Policy | None = None,
        *,
        signers: Iterable[str] = SIGNERS,
        policy_signers: Iterable[str] = SIGNERS,
        start: str | None = None,
        new_keys: Mapping[str, str] | None = None,
    ) -> None:
        """An ordinary amendment, which counts."""
        with self._amending(start or written(datetime(2026, 11, 30, 6, tzinfo=UTC) + timedelta(days=self.number - 2))) as scribe:
            if charter is not None:
                self._charter(scribe, charter, signers)
                self._counts(scribe, charter, new_keys or {})
            if policy is not None:
                scribe.keep("policy.json", "policy", dump(policy))
                scribe.sign_file("policy", "policy.json", policy_signers)
                self.sample.amended_policy = policy
            scribe.step("Charter or policy")
        scribe.close("amended", "")
        self._ended(scribe.transcript.head)

    def propose(self, charter: Charter, signers: Iterable[str] = SUCCESSORS, start: str = "2026-11-22T09:00:00Z", **changes: Any) -> None:
        """A charter that waits for its cool-off comes in, and does not count. It replaces a lost CFO, unless `lost` is another one, or
        None."""
        with self._amending(start) as scribe:
            self._charter(scribe, charter, signers, told=False)
            hours = self.sample.policy.cool_off_hours
            ends = cool_off_ends(scribe.moment.strftime("%Y-%m-%dT%H:%M:%SZ"), hours)
            facts: dict[str, Any] = {"charter": charter.digest, "lost": "cfo", "not_before": ends, **changes}
            scribe.add("tool", entries.Proposed(**facts))
            scribe.step("Charter or policy")
        scribe.close("proposed", "")
        self._ended(scribe.transcript.head)

    def succession(self, charter: Charter, issued: str, /, **changes: Any) -> Succession:
        """What all sign once more, of the newest proposal."""
        proposal = Register.open(self.folder).ceremonies[-1]
        (entry,) = (e for e in proposal.state.entries if isinstance(e.body, entries.Proposed))
        facts: dict[str, Any] = {
            "mark": "practice",
            "genesis": self.genesis,
            "charter": charter.digest,
            "proposed": proposal.head,
            "proposed_at": entry.line.time,
            "cool_off_hours": self.sample.policy.cool_off_hours,
            "issued": issued,
        }
        return Succession(**{**facts, **changes})

    def succeed(
        self,
        charter: Charter,
        said: Succession,
        *,
        signers: Iterable[str] = SUCCESSORS,
        once_more: Iterable[str] = SUCCESSORS,
        start: str,
        new_keys: Mapping[str, str],
    ) -> None:
        """The second ceremony of a succession."""
        with self._amending(start) as scribe:
            self._charter(scribe, charter, signers, told=False)
            scribe.keep("succession.json", "succession", dump(said))
            scribe.sign_file("succession", "succession.json", once_more)
            self._told(scribe, charter)
            self._counts(scribe, charter, new_keys)
            scribe.step("Charter or policy")
        scribe.close("amended", "")
        self._ended(scribe.transcript.head)

    def _charter(self, scribe: Scribe, charter: Charter, signers: Iterable[str], *, told: bool = True) -> None:
        scribe.keep("charter.json", "charter", dump(charter))
        scribe.sign_file("charter", "charter.json", signers)
        if told:
            self._told(scribe, charter)

    def _told(self, scribe: Scribe, charter: Charter) -> None:
        for change in rekeyed(self.sample.charter, charter):
            asked = change.replaced and change.person in self.sample.charter.custodians
            decision: Any = "undecided" if asked else "not needed"
            if change.before:
                scribe.add(performer(change.person), entries.Revoked(person=change.person, key=change.before, decision=decision))
            if change.after:
                scribe.add(performer(change.person), entries.Granted(person=change.person, key=change.after))

    def _counts(self, scribe: Scribe, charter: Charter, new_keys: Mapping[str, str]) -> None:
        scribe.add("tool", entries.Amended(charter=charter.digest, number=charter.number))
        self.sample.charter = charter
        for person, fresh in new_keys.items():
            self.adopt(person, fresh)

    def adopt(self, person: str, fresh: str) -> None:
        """From now on this person signs with the key of this name."""
        self.desk.secrets[person], self.desk.keys[person] = secret_of(person, fresh), public_of(person, fresh)
