"""A register that is really signed, made in a moment: key generation, transfer, receipt, each entry open to a change.

Signatures are made here (Ed25519, OpenSSH PROTOCOL.sshsig) with throw-away keys of fixed seeds, and verify with ssh-keygen.
The HSM's signatures are real ones over a real signing request."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ceremony.base import signatures
from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, encode
from ceremony.base.lines import Line, sha256
from ceremony.base.signatures import Signature
from ceremony.base.sshsig import RunKey
from ceremony.record import end, entries, outbound, runs, scripts, vouched
from ceremony.record.approval import Approval, read_from
from ceremony.record.charter import Charter, Medium
from ceremony.record.checkpoint import Statement, prepared
from ceremony.record.claims import settles
from ceremony.record.entries import type_of
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.loss import stand_in
from ceremony.record.register import Register
from ceremony.record.rules.signing import ATTRIBUTES, STATED
from ceremony.record.rules.surroundings import ITEMS
from ceremony.record.sets import sealed_after
from ceremony.record.signers import NAMESPACES
from ceremony.record.transcript import NAME, Transcript
from ceremony.script.table import SCRIPTS, Step
from shares.plan import Plan
from tests.desk import OTHER, PAYEE, Desk
from transfer.authorization import Authorization, Confirmation, Payment
from transfer.bitcoin import bip32, curve, rules, snapshot
from transfer.bitcoin.account import opened
from transfer.bitcoin.address import address_of
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.build import Order, build
from transfer.bitcoin.reading import review
from transfer.bitcoin.sighash import sighashes
from transfer.bitcoin.tx import Transaction, TxIn, TxOut, parse
from transfer.limits import Policy, written
from transfer.receipt import Output, Receipt
from transfer.request import AccountKey, SigningRequest
from transfer.revocation import Revocation

ONTO: dict[str, tuple[Medium, entries.Token | None]] = {
    "B1": ("card", None),
    "C1": ("token", entries.Token(label="token C1", serial="0001")),
    "C2": ("token", entries.Token(label="token C2", serial="0002")),
}
"""What shares lie on; all others are files."""
ROOM = ("A1", "A2", "B1", "B3", "C1", "C2")
"""Who comes to a transfer: a minimal quorum."""
SEED = b"a seed for tests, worth nothing "
PATH = "m/84h/1h/0h"
EXCHANGE = {"payments": (Payment(payee="exchange", destination=PAYEE, amount=15_000_000),)}
FUND = {"payments": (Payment(payee="fund", destination=OTHER, amount=15_000_000),)}
"""Fields of an authorization that pays one of two payees out of one coin."""
START = {"keygen": "2026-11-10T09:00:00Z", "transfer": "2026-11-20T09:30:00Z", "receipt": "2026-11-20T15:00:00Z"}

Entry = tuple[str, Any]
Change = Callable[[str, str, Any], Iterable[Entry]]
"""Kind of ceremony (`transfer 2` for a second one), actor, body -> the entries that stand there instead."""


def run_key(name: str) -> RunKey:
    """The key of one run of the sample, the same each time."""
    return RunKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"run {name}".encode()).digest()))


def unchanged(_kind: str, actor: str, body: Any) -> Iterable[Entry]:
    return [(actor, body)]


AGAIN = object()
"""Stands for the beginning of another run of the tool."""
BEGIN = (entries.Machine, entries.Vault, entries.SelfTests, entries.Hsm, entries.ImportPath)
"""How each run of the vault begins."""


def cut_off() -> Change:
    """A cut-off after the word SIGN: the vault is armed anew, shares are unlocked again, the same request is signed."""
    run: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(
            body, (*BEGIN, entries.Armed, entries.Unlocked, entries.Recovered, entries.Imported, entries.Signing)
        ):
            run.append((actor, body))
        if isinstance(body, entries.VaultEnded):
            run.clear()
        if kind == "transfer" and isinstance(body, entries.HsmSigned):
            again = [("tool", AGAIN), *run]
            return [*again[:-3], ("tool", UNLOCKED), *again[-3:], (actor, body)]
        return [(actor, body)]

    return change


@dataclass(frozen=True)
class Play:
    """What is different in this register: entries, files (by name), fields of authorization and confirmation, the HSM's nonces."""

    change: Change = unchanged
    file: Callable[[str, bytes], bytes] = lambda _name, raw: raw
    wanted: Mapping[str, Any] = field(default_factory=dict)
    confirmed: Mapping[str, Any] = field(default_factory=dict)
    revoked: Callable[[Authorization], Revocation | None] = lambda _wanted: None
    """A revocation that comes into the register at the end of the preparation; its officer signs it."""
    officers: Literal["", "room", "elsewhere"] = ""
    """Whether CFO and CTO approve too: in the room, or on their laptops after the preparation."""
    pace: int = 1
    """Seconds from one entry to the next."""
    nonce: int = 0
    """The first input's nonce; 0: as RFC 6979 has it."""
    apart: int = 1
    """How far the next input's nonce is from it."""
    coins: int = 0
    """Whose coins are spent: those of the ceremony itself (0), or of this number."""
    before: Callable[[Scribe, str], None] = lambda _scribe, _title: None
    """What people do besides, before the step of this title is done."""


@dataclass(frozen=True)
class Act:
    """One ceremony of a register with several: a transfer, or (with `of`) the receipt of a transfer."""

    replaces: tuple[int, ...] = ()
    """Numbers of the transfers whose transactions it replaces."""
    wanted: Mapping[str, Any] = field(default_factory=dict)
    """Fields of its authorization."""
    coins: int = 0
    """Whose coins it spends: its own (0), or those of this number."""
    careless: bool = False
    """It is built as if nothing were reserved and nothing had to conflict."""
    of: int = 0
    confirmations: int = 2


ALONE = Act()
"""A transfer of a register in which nothing is ever replaced."""


@dataclass
class FastDesk(Desk):
    """A desk whose people sign here, without ssh-keygen; `fresh` gives other keys to the same people."""

    fresh: str = ""
    officers_approve: Literal["yes", "no"] = "no"
    secrets: dict[str, Ed25519PrivateKey] = field(default_factory=dict)

    def new_key(self, person: str) -> Path:
        self.secrets[person] = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{person}{self.fresh}".encode()).digest())
        kind, blob = b"ssh-ed25519", self.secrets[person].public_key().public_bytes_raw()
        self.keys[person] = "ssh-ed25519 " + base64.b64encode(_string(kind) + _string(blob)).decode()
        return self.key(person)

    def charter(self, **changes: Any) -> Charter:
        return super().charter(**{"officers_approve": self.officers_approve, "media": ("file", "card", "token"), **changes})

    def key_file(self, person: str) -> Path:
        """Their private key as ssh-keygen reads it."""
        secret = self.secrets[person]
        self.key(person).write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        self.key(person).chmod(0o600)
        self.key(person).with_name(f"key-{person}.pub").write_text(self.keys[person] + "\n")
        return self.key(person)

    def sign(self, person: str, value: Any, namespace: signatures.Namespace, key: str | None = None) -> Signature:
        raw = value if isinstance(value, bytes) else dump(value)
        return Signature(signer=person, namespace=namespace, blob=self._blob(key or person, raw, namespace))

    def _blob(self, person: str, raw: bytes, namespace: str) -> str:
        secret = self.secrets[person]
        common = _string(namespace.encode()) + _string(b"") + _string(b"sha512")
        signed = secret.sign(b"SSHSIG" + common + _string(hashlib.sha512(raw).digest()))
        key = _string(b"ssh-ed25519") + _string(secret.public_key().public_bytes_raw())
        blob = b"SSHSIG" + struct.pack(">I", 1) + _string(key) + common + _string(_string(b"ssh-ed25519") + _string(signed))
        return base64.b64encode(blob).decode()


class TwoPayees(FastDesk):
    """Its policy lists a second payee."""

    def policy(self, **changes: Any) -> Policy:
        before = super().policy()
        fund = replace(before.payees[0], name="fund", destination=OTHER, note="Fund")
        return super().policy(**{"payees": (*before.payees, fund), **changes})


def _string(raw: bytes) -> bytes:
    return struct.pack(">I", len(raw)) + raw


@dataclass(frozen=True)
class Anchor:
    """A register and what a closing slip says of it."""

    register: Path
    genesis: str
    head: str


@dataclass
class Scribe:
    """Writes one ceremony: every entry goes through `change` first; people sign what stands there then."""

    desk: Desk
    kind: str
    genesis: str
    transcript: Transcript
    play: Play
    moment: datetime

    def add(self, actor: str, body: Any) -> None:
        for who, what in self.play.change(self.kind, actor, body):
            self._append(who, what)

    def _append(self, who: str, what: Any) -> None:
        """One entry; of a run that begins (`AGAIN`), also the signatures of those whom it names."""
        again = what is AGAIN
        self.transcript.append(who, self.resume() if again else what, written(self.moment))
        self.moment += timedelta(seconds=self.play.pace)
        if again:
            self.checkpoint("run", self.transcript.state.run.signers)

    def keep(self, name: str, kind: entries.FileKind, raw: bytes) -> None:
        raw = self.play.file(name, raw)
        (self.transcript.folder / name).write_bytes(raw)
        self.add("tool", entries.File(name=name, kind=kind, sha256=sha256(raw), size=len(raw)))

    def sign_file(self, purpose: Any, name: str, people: Iterable[str]) -> None:
        raw = (self.transcript.folder / name).read_bytes()
        for person in people:
            signed = self.desk.sign(person, raw, NAMESPACES[purpose])
            self.add(person, entries.Signature(namespace=signed.namespace, purpose=purpose, file=name, blob=signed.blob))

    def sign_text(self, purpose: Any, text: str, person: str) -> None:
        signed = self.desk.sign(person, text.encode(), NAMESPACES[purpose])
        self.add(person, entries.Signature(namespace=signed.namespace, purpose=purpose, text=text, blob=signed.blob))

    def checkpoint(self, purpose: Any, people: Iterable[str]) -> None:
        opened_, last = self.transcript.state.opened, self.transcript.state.entries[-1].line
        said = Statement(mark=opened_.mark, genesis=self.genesis, ceremony=opened_.ceremony, seq=last.seq, head=last.digest)
        for person in people:
            self.sign_text(purpose, said.text, person)

    def step(self, title: str) -> None:
        """The step of this title is done; where the script says so, administrator and witness sign first."""
        self.play.before(self, title)
        step = step_called(self.transcript.state.opened.kind, title)
        if step.staff_signs:
            self.checkpoint("phase", ("administrator", "witness"))
        self.add("tool", entries.Step(number=step.number, title=step.title))

    def resume(self, **changes: Any) -> entries.Resumed:
        """The beginning of another run, as an entry; `add` it, and the people whom it names sign it."""
        opened_, count = self.transcript.state.opened, len(self.transcript.state.entries)
        key = run_key(f"{opened_.ceremony} {self.transcript.runs + 1} {count}")
        self.transcript.key = key
        typed = tuple(entries.Reading(person=each.person, typed=written(self.moment.replace(second=0))) for each in opened_.watches)
        made = {
            "run": self.transcript.runs + 1,
            "after": count,
            "found": (),
            "notes": (),
            "script": opened_.script,
            "tool": "0.1.0",
            "commit": "unknown",
        }
        return entries.Resumed(**{**made, "run_key": key.public, "signers": opened_.signers, "watches": typed, **changes})

    def close(self, outcome: entries.Outcome, reason: str) -> None:
        """The closing, and its end signed by those whom the script names; of a void one it is told who left before they signed."""
        state = self.transcript.state
        alone = {entry.actor for entry in vouched.unvouched(state)} - {*scripts.STAFF} if outcome == "void" else set()
        for person in sorted(alone):
            self.add("administrator", entries.Left(person=person))
        script = scripts.current(state.opened.kind)
        people = scripts.STAFF if outcome == "void" else script.ends or state.actors(entries.Present)
        self.add("tool", entries.Closed(outcome=outcome, reason=reason, signers=stand_in(people, state.lost)))
        self.sign_end()

    def sign_end(self) -> None:
        """Those whom the closing names sign it."""
        try:
            book = Register.open(self.transcript.folder.parent)
            charter = book.charter.digest if book.ceremonies else ""
        except (Refused, Malformed):
            return  # nobody can: it is no register any more
        closing = self.transcript.state.closing
        if closing is None or not book.ceremonies:
            return
        held = book.policy_ceremony
        said = end.of(book.ceremonies[-1], self.genesis, charter, sha256(held.raw("policy")) if held else None)
        for person in closing.signers:
            self.sign_text("end", said.text, person)

    def from_outside(self, before: int) -> None:
        """The room's checklist; two watches, and the slips of the ceremony of this number (0: there is none)."""
        for item in ITEMS:
            self.add("witness", entries.RoomItem(item=item, held="yes", note=""))
        self.step("Room")
        for person in ("witness", "A1"):
            self.add(person, entries.Watch(typed=written(self.moment.replace(second=0))))
        self.add("tool", entries.Clock(machine=written(self.moment)))
        for person, places in (("witness", (1, 4, 9, 16)), ("A1", (2, 3, 8, 15))):
            if before:
                self.add(person, entries.SlipRead(ceremony=before, places=places))
        self.step("Clock and closing slips")

    def roll_call(self, people: Iterable[str]) -> None:
        for person in people:
            self.add(person, entries.Present(factors=("signing key file", "recognised by the witness")))
        self.checkpoint("opening", people)


def step_called(kind: str, title: str) -> Step:
    """The step of this title in one kind of ceremony."""
    return next(step for step in SCRIPTS[kind] if step.title == title)


UNLOCKED = entries.Step(number=step_called("transfer", "Unlock the shares").number, title="Unlock the shares")


@dataclass
class Sample:
    """The documents that the ceremonies of one register share."""

    desk: FastDesk
    folder: Path
    play: Play = field(default_factory=Play)
    book: Register | None = None
    rivals: bool = False
    """Whether transfers of this register replace one another, so that a receipt may settle several."""
    cool_off: int | None = None
    """Hours, of the first policy; None: as the desk has it."""

    founding: Charter = field(init=False)
    charter: Charter = field(init=False)
    """The charter in force: the founding one until an amendment (tests/record/amended.py)."""
    shift: int = field(init=False, default=0)
    """Days by which transfers are later."""
    amended_policy: Policy | None = field(init=False, default=None)
    bags: dict[str, int] = field(init=False, default_factory=dict)
    """How many bags each position has had."""
    lies: dict[tuple[str, str], str] = field(init=False, default_factory=dict)
    """(position, set) -> the bag that this share lies in."""

    def __post_init__(self) -> None:
        self.founding = self.charter = self.desk.charter()

    @property
    def policy(self) -> Policy:
        changes = {} if self.cool_off is None else {"cool_off_hours": self.cool_off}
        return self.amended_policy or self.desk.policy(genesis=self.founding.digest, charter=self.founding.digest, **changes)

    @property
    def account(self) -> AccountKey:
        return account_of(SEED)

    @property
    def key_record(self) -> KeyRecord:
        """Of the set whose shares are opened or made; in tests/record/swept.py there are two."""
        return self.first_record

    @property
    def first_record(self) -> KeyRecord:
        plan: Plan = self.founding.plan
        return KeyRecord(
            mark="practice",
            genesis=self.founding.digest,
            charter=self.founding.digest,
            ceremony=1,
            issued=START["keygen"],
            scheme="gf256",
            origin="software, HSM and operating system mixed",
            plan=plan,
            custodian_commitments={p: sha256(p.encode()) for p in plan.positions},
            site_commitments={letter: sha256(letter.encode()) for letter in plan.letters},
            accounts=(account_of(SEED),),
        )

    def begin(  # noqa: PLR0917
        self, number: int, kind: entries.Kind, name: str, prev: str, start: str, signers: tuple[str, ...] = ()
    ) -> Scribe:
        folder = self.folder / f"{number:04d}-{kind}"
        transcript = Transcript.create(folder, prev, key=run_key(f"{number} 1"))
        moment = datetime.strptime(start, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        scribe = Scribe(self.desk, name, self.founding.digest, transcript, self.play, moment)
        body = entries.Opened(
            kind=kind,
            mark="practice",
            ceremony=number,
            genesis=self.founding.digest,
            script=scripts.current(kind).digest,
            newest=number - 1,
            tool="0.1.0",
            commit="unknown",
            run_key=transcript.key.public,
            signers=signers or scripts.current(kind).runs,
            watches=tuple(entries.Reading(person=p, typed=written(moment.replace(second=0))) for p in (signers or scripts.STAFF)[:2]),
        )
        scribe.add("tool", body)
        scribe.checkpoint("run", scribe.transcript.state.run.signers)
        scribe.keep(scripts.NAME, "script", dump(scripts.current(kind)))
        return scribe

    def keygen(self) -> str:
        """Key generation, as `ceremony keygen` records it; the new head."""
        scribe = self.begin(1, "keygen", "keygen", self.founding.digest, START["keygen"])
        everyone = (*self.charter.custodians, "administrator", "witness")
        for kind, document in (("charter", self.charter), ("policy", self.policy)):
            scribe.keep(f"{kind}.json", kind, dump(document))  # type: ignore[arg-type]
            scribe.sign_file(kind, f"{kind}.json", ("cfo", "cto", "witness"))
        return self.generated(scribe, everyone, 0)

    def generated(self, scribe: Scribe, everyone: Sequence[str], before: int) -> str:
        """All of a key generation after its documents, which end its first step. `before`: the ceremony before it."""
        scribe.step("Charter and policy, or order")
        scribe.from_outside(before)
        scribe.roll_call(everyone)
        scribe.step("Roll-call")
        self._start_vault(scribe)
        scribe.step("Machine and HSM")
        record = self.key_record
        scribe.keep("key-record.json", "key-record", dump(record))
        count = len(record.custodian_commitments) + len(record.site_commitments)
        scribe.add("tool", entries.Generated(sources=("os", "HSM"), set_identifier=record.set_identifier, commitments=count))
        scribe.step("Generate and split")
        for position in self.charter.custodians:
            self._lock(scribe, position, self._next_number(scribe, position))
        scribe.step("Lock, write, read back, open")
        scribe.add("tool", entries.Quorums(of_sites=12, whole=4, stand_for=108))
        scribe.step("Prove every quorum")
        scribe.add("tool", entries.VaultEnded(reason="every share is locked and proven"))
        scribe.sign_file("key-record", "key-record.json", everyone)
        scribe.step("Sign the key record")
        self.close_bags(scribe, self.charter.custodians)
        scribe.checkpoint("adjournment", everyone)
        scribe.step("Adjourn")
        scribe.close("key record signed", "")
        return scribe.transcript.head

    def open_bags(self, scribe: Scribe, positions: Iterable[str]) -> None:
        """The bag that each share was put into last, intact."""
        for position in positions:
            identifier = self.key_record.set_identifier
            bag = self.lies[position, identifier]
            scribe.add(position, entries.BagOpened(position=position, set_identifier=identifier, bag=bag, state="intact"))
        scribe.step("Open the bags")

    def close_bags(self, scribe: Scribe, positions: Iterable[str]) -> None:
        """Each share into a new bag."""
        for position in positions:
            self.bags[position] = self.bags.get(position, 0) + 1
            bag = self.lies[position, self.key_record.set_identifier] = f"{position}-{self.bags[position]:04d}"
            scribe.add(position, entries.BagClosed(position=position, set_identifier=self.key_record.set_identifier, bag=bag))
        scribe.step("Close the bags")

    def _start_vault(self, scribe: Scribe) -> None:
        scribe.add("tool", entries.Machine(findings=("AIR-04 swap is on: /dev/sda2",), usb=(), says="self-reported: / is in memory"))
        for process in ("hsm", "opener"):
            scribe.add("tool", entries.Vault(process=process, protection={"no network": "held"}))
        for process in ("hsm", "opener", "screen"):
            scribe.add("tool", entries.SelfTests(process=process, count=scripts.current("transfer").self_tests[process]))
        hsm = self.charter.hsm
        told = entries.Hsm(
            label=hsm.label,
            serial=hsm.serial,
            manufacturer=hsm.manufacturer,
            model=hsm.model,
            firmware=hsm.firmware,
            certificate=hsm.certificate,
            objects=0,
            findings=(),
        )
        scribe.add("tool", told)
        scribe.add("tool", entries.ImportPath(steps=("wrap", "unwrap")))

    def _lock(self, scribe: Scribe, position: str, number: int) -> None:
        sealed = sha256(f"{position} {number}".encode())
        identifier = self.key_record.set_identifier
        medium, token = ONTO.get(position, ("file", None))
        if token is not None:
            told = entries.CustodianToken(
                position=position,
                token=token,
                protection={"no network": "held"},
                tests=scripts.current("transfer").self_tests["token"],
                module=sha256(b"module"),
            )
            scribe.add(position, told)
        scribe.add(
            position,
            entries.Sealing(position=position, number=number, set_identifier=identifier, sha256=sealed, medium=medium, token=token),
        )
        scribe.add(position, entries.Proven(position=position, number=number, sha256=sealed))
        known = sealed_after({}, self._sealing_entries(scribe)).get((position, identifier))
        if older := max((each for each in (known.begun if known else ()) if each < number), default=0):
            scribe.add(
                position, entries.Removed(position=position, number=older, medium="a stick", tool="cold-ceremony", how="overwritten")
            )

    def _next_number(self, scribe: Scribe, position: str) -> int:
        known = sealed_after({}, self._sealing_entries(scribe))
        return max((number for (whose, _), had in known.items() if whose == position for number in had.begun), default=0) + 1

    def authorization(self, number: int, prev: str, act: Act) -> Authorization:
        first = datetime(2026, 11, 19, 9, tzinfo=UTC) + timedelta(days=number - 2 + self.shift)
        replaces = tuple(Register.open(self.folder).ceremonies[of - 1].state.last(entries.Agreed).txid for of in act.replaces)  # type: ignore[union-attr]
        papers = {"genesis": self.founding.digest, "charter": self.charter.digest, "policy": self.policy.digest}
        values = {**papers, "register_head": prev, "identifier": f"t-{number}", "replaces": replaces}
        valid = {"not_before": written(first), "expires": written(first + timedelta(days=7))}
        return self.desk.authorization(**{**values, **valid, **act.wanted, **self.play.wanted})

    def snapshot(self, number: int) -> snapshot.Snapshot:
        """Two coins of 20,000,000 satoshi; other ones for each number."""
        ours = opened(self.account)
        outputs = tuple(TxOut(20_000_000, ours.own(0, index).script) for index in (0, 1))
        funding = Transaction(2, (TxIn(sha256(str(number).encode()), 0, b"", rules.SEQUENCE),), outputs, 0)
        coins = tuple(snapshot.Coin(txid=funding.txid, vout=i, amount=20_000_000, path=f"0/{i}", block_height=100) for i in (0, 1))
        return snapshot.Snapshot(
            type="snapshot",
            version="2",
            chain="bitcoin",
            network="regtest",
            account="main",
            block_height=120,
            block_hash=sha256(b"tip"),
            time=START["transfer"],
            rate=2_000,
            coins=coins,
            previous={funding.txid: funding.raw},
        )

    def prepared(self, number: int, prev: str, act: Act | None = None) -> tuple[Scribe, Authorization, SigningRequest]:
        """A transfer that administrator and witness have prepared, as `ceremony prepare` leaves it."""
        name = "transfer" if number == 2 else f"transfer {number}"
        start = written(
            datetime.strptime(START["transfer"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) + timedelta(days=number - 2 + self.shift)
        )
        scribe = self.begin(number, "transfer", name, prev, start)
        wanted = self.authorization(number, prev, act or ALONE)
        return scribe, wanted, self._prepare(scribe, wanted, number, act or ALONE)

    def transfer(self, number: int, prev: str, act: Act | None = None) -> str:
        """A transfer, carried out, as `ceremony transfer` records it; the new head."""
        scribe, wanted, request = self.prepared(number, prev, act)
        scribe.from_outside(number - 1)
        scribe.roll_call((*ROOM, "administrator", "witness"))
        scribe.step("Roll-call")
        self.open_bags(scribe, ROOM)
        for person in (*ROOM, "witness"):
            scribe.add(person, entries.Reviewed(request=request.digest))
        scribe.step("Review")
        for person, groups in (("A1", (2, 5, 9)), ("B1", (3, 7, 11))):
            scribe.add(person, entries.TypedBack(payment=1, groups=groups))
        scribe.step("Type back")
        self._approve(scribe, wanted, request, number)
        scribe.step("Approvals")
        self._sign(scribe, request)
        for position in ROOM:
            self._lock(scribe, position, self._next_number(scribe, position))
        scribe.add("tool", entries.VaultEnded(reason="every share is locked again"))
        scribe.step("Lock the shares again")
        self.close_bags(scribe, ROOM)
        scribe.checkpoint("adjournment", (*ROOM, "administrator", "witness"))
        scribe.step("Adjourn")
        scribe.add("tool", entries.Exported(bundle=self._bundle(scribe), names=outbound.NAMES, frames=2, readers=("zxing-cpp", "zbar")))
        scribe.step("Bundle and QR")
        scribe.step("Close")
        scribe.close("carried out", "awaiting receipt")
        return scribe.transcript.head

    def _bundle(self, scribe: Scribe) -> str:
        """The digest of the bundle's manifest; any other where a document of the register is none."""
        try:
            book = Register.open(self.folder)
            return outbound.digest(book, book.ceremonies[-1], len(scribe.transcript.state.entries))
        except Malformed:
            return sha256(b"no bundle")

    def _sealing_entries(self, scribe: Scribe) -> Iterator[Any]:
        self.book = Register.open(self.folder, self.book)
        for ceremony in self.book.ceremonies[: scribe.transcript.state.opened.ceremony - 1]:
            yield from ceremony.state.entries
        yield from scribe.transcript.state.entries

    def _prepare(self, scribe: Scribe, wanted: Authorization, number: int, act: Act) -> SigningRequest:
        scribe.keep("authorization.json", "authorization", dump(wanted))
        scribe.sign_file("authorization", "authorization.json", ("cfo", "cto"))
        if wanted.payments:
            confirmation: Confirmation = self.desk.confirmation(wanted, **self.play.confirmed)
            scribe.keep("confirmation.json", "confirmation", dump(confirmation))
            scribe.sign_file("confirmation", "confirmation.json", (confirmation.checker,))
        granted = entries.Authorized(
            authorization=wanted.digest,
            identifier=wanted.identifier,
            payments=wanted.payments,
            fee_cap=wanted.fee_cap,
            replaces=wanted.replaces,
            key_record=wanted.key_record,
            to=wanted.to,
            address=wanted.address,
        )
        scribe.add("tool", granted)
        scribe.step("Authorization")
        self._start_vault(scribe)
        scribe.add("tool", entries.VaultEnded(reason="prepared"))
        scribe.step("Machine and HSM")
        state = self.snapshot(self.play.coins or act.coins or number)
        coins = snapshot.checked(state, self.account)
        held: dict[str, Any] = {}
        if act is not ALONE and not act.careless:
            book = Register.open(self.folder)
            replacing = tuple(claim for claim in book.claims(number) if claim.txid in wanted.replaces)
            held = {"reserved": book.reserved(number), "replacing": replacing, "max_rate": 10**7}
        order = Order(
            payments=tuple((p.destination, p.amount) for p in wanted.payments),
            max_fee=wanted.fee_cap,
            rate=2_000,
            change_index=0,
            **held,
        )
        request = build(self.account, coins, order)
        seen = review(request, self.account)
        scribe.keep("snapshot.json", "snapshot", dump(state))
        scribe.keep("request.psbt", "request", request.raw)
        coin_names = tuple(f"{i.txid}:{i.vout}" for i in seen.inputs)
        scribe.add(
            "tool", entries.Agreed(request=request.digest, txid=seen.txid, readers=("ours", "second"), fee=seen.fee, coins=coin_names)
        )
        revocation = self.play.revoked(wanted)
        if revocation is not None:
            scribe.keep("revocation-1.json", "revocation", dump(revocation))
            scribe.sign_file("revocation", "revocation-1.json", (revocation.officer,))
        scribe.step("Signing request")
        return request

    def _approve(self, scribe: Scribe, wanted: Authorization, request: SigningRequest, number: int) -> None:
        before = prepared(scribe.transcript.state)
        room, laptop = scribe.transcript.head, before.head if before else ""
        officers = ("cfo", "cto") if self.play.officers else ()
        for person in (*ROOM, "witness", *officers):
            approval = Approval(
                mark="practice",
                genesis=self.founding.digest,
                key_record=self.key_record.digest,
                ceremony=number,
                authorization=wanted.digest,
                request=request.digest,
                **read_from(review(request, self.account)),
                head=laptop if person in officers and self.play.officers == "elsewhere" else room,
                role=person,
            )
            scribe.sign_text("approval", dump(approval).decode(), person)

    def _sign(self, scribe: Scribe, request: SigningRequest) -> None:
        self._start_vault(scribe)
        scribe.add("tool", entries.Armed(request=request.digest, positions=ROOM))
        known = sealed_after({}, self._sealing_entries(scribe))
        for position in ROOM:
            scribe.add(position, entries.Unlocked(position=position, number=known[position, self.key_record.set_identifier].proven))
        scribe.step("Unlock the shares")
        scribe.add("tool", entries.Recovered(positions=ROOM, spares=(), accounts=("main",)))
        wanted = sighashes(request, self.account)
        paths = tuple(sorted({s.path for s in wanted}))
        scribe.add(
            "tool",
            entries.Imported(
                import_key=sha256(b"key"),
                attested="not attested",
                paths=paths,
                attributes=dict.fromkeys(STATED, "false") | dict(ATTRIBUTES),
            ),
        )
        scribe.add("tool", entries.Signing(request=request.digest))
        node = bip32.master(SEED, "test").derive(bip32.parse_path(PATH))
        nonce = self.play.nonce
        raws = [
            raw_signature(node.derive(bip32.parse_path(s.path)).key, s.digest, nonce and nonce + s.index * self.play.apart) for s in wanted
        ]
        made = tuple(
            entries.HsmSignature(input=s.index, path=s.path, public=s.public_key.hex(), raw=raw.hex())
            for s, raw in zip(wanted, raws, strict=True)
        )
        scribe.add("tool", entries.HsmSigned(request=request.digest, nonces="HSM DRBG, not verifiable", signatures=made))
        scribe.add("tool", entries.Absent(destroyed=len(paths), remaining=0))
        signed = parse(assemble(request, raws, self.account))
        scribe.keep("transaction.hex", "transaction", signed.raw.hex().encode() + b"\n")
        fee = review(request, self.account).fee
        scribe.add("tool", entries.Checked(txid=signed.txid, fee=fee, weight=signed.weight))
        scribe.step("Sign")

    def receipt(self, number: int, prev: str, of: int, confirmations: int = 2, start: str = "") -> str:
        """The receipt of a transfer, which settles what can never be mined beside it; the new head."""
        folder = self.folder / f"{of:04d}-transfer"
        signed = parse(bytes.fromhex((folder / "transaction.hex").read_text().strip()))
        later = written(datetime(2026, 12, 20, tzinfo=UTC) + timedelta(days=max(0, number - 30)))
        claims = {claim.number: claim for claim in Register.open(self.folder).claims(number)} if self.rivals else {}
        scribe = self.begin(number, "receipt", "receipt", prev, start or later)
        document = Receipt(
            mark="practice",
            genesis=self.founding.digest,
            ceremony=of,
            authorization=sha256((folder / "authorization.json").read_bytes()),
            txid=signed.txid,
            nodes=("practice chain",),
            block_hash=sha256(b"block"),
            block_height=130,
            confirmations=confirmations,
            outputs=tuple(Output(address=address_of(o.script, "regtest"), amount=o.amount) for o in signed.outputs),
            broadcaster="A1",
            time=START["receipt"],
        )
        scribe.keep("receipt.json", "receipt", dump(document))
        scribe.sign_file("receipt", "receipt.json", ("A1", "B1"))
        scribe.add(
            "tool",
            entries.Sighting(
                node=document.nodes[0],
                txid=document.txid,
                block_hash=document.block_hash,
                block_height=document.block_height,
                confirmations=confirmations,
            ),
        )
        for one in settles(claims, document.txid, confirmations):
            scribe.add("tool", entries.Settled(ceremony=one.number, txid=one.txid, by=document.txid))
        scribe.step("Receipt")
        scribe.step("Close")
        scribe.close("receipt", document.txid)
        return scribe.transcript.head


def revocation(authorization: str) -> Revocation:
    """The CFO takes back an authorization of the sample's genesis."""
    return Revocation(
        mark="practice",
        genesis="ab" * 32,
        authorization=authorization,
        identifier="t-2",
        officer="cfo",
        reason="the payee called it off",
        time=START["transfer"],
    )


@cache
def account_of(seed: bytes) -> AccountKey:
    """The account that a seed gives, as a key record states it."""
    master = bip32.master(seed, "test")
    node = master.derive(bip32.parse_path(PATH))
    fingerprint = master.public.fingerprint.hex()
    return AccountKey(name="main", chain="bitcoin", network="regtest", path=PATH, xpub=node.public.text, fingerprint=fingerprint)


def raw_signature(key: bytes, digest: bytes, nonce: int = 0) -> bytes:
    """r||s, 64 bytes, as CKM_ECDSA gives it; with this nonce if there is one (which gives the key away when it is used twice)."""
    secret = ec.derive_private_key(int.from_bytes(key, "big"), ec.SECP256K1())
    r, s = decode_dss_signature(secret.sign(digest, ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True)))
    if nonce:
        r = ec.derive_private_key(nonce, ec.SECP256K1()).public_key().public_numbers().x % curve.N
        s = pow(nonce, -1, curve.N) * (int.from_bytes(digest, "big") + r * int.from_bytes(key, "big")) % curve.N
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def write(folder: Path, play: Play | None = None, *, transfers: int = 1, receipt: bool = True, fresh: str = "") -> Anchor:
    """A whole register in `folder` (which is made): key generation, a transfer, its receipt, and the other transfers."""
    folder.mkdir()
    play = play or Play()
    sample = Sample(FastDesk(folder, fresh=fresh, officers_approve="yes" if play.officers else "no"), folder, play)
    head = sample.transfer(2, sample.keygen())
    if receipt:
        head = sample.receipt(3, head, of=2, **({} if transfers == 1 else {"start": "2026-11-20T15:00:00Z"}))
    for number in range(4, 3 + transfers):
        head = sample.transfer(number, head)
    return Anchor(folder, sample.founding.digest, head)


def write_acts(folder: Path, acts: Sequence[Act], play: Play | None = None) -> Anchor:
    """A register in which these ceremonies follow the key generation, numbered from 2, a day apart."""
    folder.mkdir()
    sample = Sample(TwoPayees(folder), folder, play or Play(), rivals=True)
    head = sample.keygen()
    for number, act in enumerate(acts, start=2):
        start = written(datetime.strptime(START["transfer"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) + timedelta(days=number - 2))
        head = sample.receipt(number, head, act.of, act.confirmations, start) if act.of else sample.transfer(number, head, act)
    return Anchor(folder, sample.founding.digest, head)


def unfinished(folder: Path, play: Play | None = None) -> Anchor:
    """A register in which one transfer is prepared, and officers are asked to approve too."""
    folder.mkdir()
    sample = Sample(FastDesk(folder, officers_approve="yes"), folder, play or Play())
    scribe, _wanted, _request = sample.prepared(2, sample.keygen())
    return Anchor(folder, sample.founding.digest, scribe.transcript.head)


def settled(folder: Path, count: int) -> Anchor:
    """A register of `count` ceremonies: a key generation, then a transfer every other day, each with its receipt."""
    folder.mkdir()
    made = Sample(FastDesk(folder), folder)
    head, first = made.keygen(), datetime.strptime(START["transfer"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    for number in range(2, count + 1):
        later = written(first + timedelta(days=number - 3, hours=6))
        head = made.receipt(number, head, of=number - 1, start=later) if number % 2 else made.transfer(number, head)
    return Anchor(folder, made.charter.digest, head)


def replacing(folder: Path) -> Anchor:
    """A register in which one transfer is outstanding, and another one is prepared that replaces it."""
    folder.mkdir()
    sample = Sample(TwoPayees(folder, officers_approve="yes"), folder)
    head = sample.transfer(2, sample.keygen(), Act())
    scribe, _wanted, _request = sample.prepared(3, head, Act(replaces=(2,), coins=2, wanted=EXCHANGE))
    return Anchor(folder, sample.founding.digest, scribe.transcript.head)


def given(folder: Path) -> Anchor:
    """The register that the tamper suite works on: the sample, or a copy of what a demonstration left in the folder TAMPER_DEMO."""
    if "TAMPER_DEMO" not in os.environ:
        return write(folder)
    left = Path(os.environ["TAMPER_DEMO"])
    shutil.copytree(left / "register", folder)
    said = dict(line.split() for line in (left / "anchor").read_text().splitlines())
    return Anchor(folder, said["genesis"], said["head"])


def many(folder: Path, count: int) -> Anchor:
    """A register of at least `count` entries: a key generation, then void transfers of 100 entries each."""
    folder.mkdir()
    sample = Sample(FastDesk(folder), folder)
    head, number = sample.keygen(), 1
    written_ = sum(1 for _ in (folder / "0001-keygen" / NAME).open())
    policy, charter = sample.policy.digest, sample.founding.digest
    while written_ < count:
        number += 1
        lines = _void(sample, number, head, charter, policy)
        head, written_ = lines[-1].digest, written_ + len(lines)
    return Anchor(folder, charter, head)


def _void(sample: Sample, number: int, prev: str, charter: str, policy: str) -> list[Line]:
    """A transfer that was begun and voided, with a hundred refusals."""
    genesis, lines, key = sample.founding.digest, list[Line](), run_key(f"{number} 1")
    place, script, time = sample.folder / f"{number:04d}-transfer", scripts.current("transfer"), "2026-11-20T09:30:00Z"
    place.mkdir()
    (place / scripts.NAME).write_bytes(dump(script))

    def add(actor: str, body: Any) -> None:
        before = lines[-1].digest if lines else prev
        lines.append(Line(len(lines) + 1, time, before, type_of(body), actor, encode(body)))

    def sign(purpose: Any, text: str) -> None:
        for person in scripts.STAFF:
            signed = sample.desk.sign(person, text.encode(), NAMESPACES[purpose])
            add(person, entries.Signature(namespace=signed.namespace, purpose=purpose, text=text, blob=signed.blob))

    opened_ = entries.Opened(
        kind="transfer",
        mark="practice",
        ceremony=number,
        genesis=genesis,
        script=script.digest,
        newest=number - 1,
        tool="0.1.0",
        commit="unknown",
        run_key=key.public,
        signers=scripts.STAFF,
        watches=tuple(entries.Reading(person=person, typed=time) for person in scripts.STAFF),
    )
    add("tool", opened_)
    sign("run", Statement(mark="practice", genesis=genesis, ceremony=number, seq=1, head=lines[-1].digest).text)
    add("tool", entries.File(name=scripts.NAME, kind="script", sha256=script.digest, size=len(dump(script))))
    for count in range(93):
        add("tool", entries.Refusal(identifier="AIR-03", what=f"device {count}", found="a device", expected="none"))
    add("tool", entries.Closed(outcome="void", reason="a rehearsal of many", signers=scripts.STAFF))
    said = end.End(
        mark="practice", genesis=genesis, ceremony=number, kind="transfer", outcome="void", closed=lines[-1].digest, charter=charter,
        policy=policy,
    )  # fmt: skip
    sign("end", said.text)
    (place / NAME).write_bytes(b"".join(line.raw for line in lines))
    runs.sign(key, place, 1, lines[-1].raw)
    return lines
