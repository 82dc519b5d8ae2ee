"""Registers whose chain is whole and whose people really signed, but in which a rule was broken: each is refused by its control.

The stock tools say so too wherever they can; what they cannot know (the Bitcoin transaction, limits, sealing numbers) is None."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import canonical
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.signers import NAMESPACES
from ceremony.record.verify import verify
from tests.record import sample
from tests.record.sample import AGAIN, BEGIN, Change, Entry, FastDesk, Play, cut_off

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
Test = Callable[[str, Any], bool]


def of(cls: type, **wanted: Any) -> Test:
    """Bodies of this kind with these fields."""
    return lambda _actor, body: isinstance(body, cls) and all(getattr(body, name) == value for name, value in wanted.items())


def by(actor: str, purpose: str) -> Test:
    """The signature of one person for one purpose."""
    return lambda who, body: who == actor and isinstance(body, entries.Signature) and body.purpose == purpose


def here(person: str) -> Test:
    """The entry that says that this person is in the room."""
    return lambda who, body: who == person and isinstance(body, entries.Present)


def at(kind: str, test: Test, instead: Callable[[str, Any], Iterable[Entry]], only: int | None = None) -> Change:
    """A change of the entries of one kind of ceremony that `test` is true of; of the `only`-th one if that is given."""
    count = 0

    def change(where: str, actor: str, body: Any) -> Iterable[Entry]:
        nonlocal count
        if where != kind or not test(actor, body):
            return [(actor, body)]
        count += 1
        return instead(actor, body) if only in (None, count - 1) else [(actor, body)]

    return change


def drop(kind: str, test: Test, only: int | None = None) -> Change:
    return at(kind, test, lambda _actor, _body: [], only)


def put(kind: str, test: Test, only: int | None = None, **fields: Any) -> Change:
    return at(kind, test, lambda actor, body: [(actor, replace(body, **fields))], only)


def signed(actor: str, body: entries.Signature, text: str) -> Entry:
    """The same signature entry over another text, really signed."""
    blob = FastDesk(Path()).sign(actor, text.encode(), NAMESPACES[body.purpose]).blob
    return (actor, replace(body, text=text, blob=blob))


def early_adjournment() -> Change:
    """Everyone signs at the end what they signed at the beginning: a checkpoint that covers nothing of what was done."""
    opening: dict[str, str] = {}

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, entries.Signature) and body.text:
            if body.purpose == "opening":
                opening[actor] = body.text
            elif body.purpose == "adjournment":
                return [signed(actor, body, opening[actor])]
        return [(actor, body)]

    return change


def one_token_for_two() -> Change:
    """C1 and C2 lock their shares onto the same token, each for themselves."""
    token = entries.Token(label="token C1", serial="0001")

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        ours = kind == "keygen" and isinstance(body, entries.Sealing | entries.CustodianToken) and body.position == "C2"
        return [(actor, replace(body, token=token) if ours else body)]

    return change


def armed_before_approvals() -> Change:
    """The vault is armed after the review, and people approve later."""
    held: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, entries.Signature) and body.purpose == "approval":
            held.append((actor, body))
            return []
        if kind == "transfer" and isinstance(body, entries.Recovered):
            return [*held, (actor, body)]
        return [(actor, body)]

    return change


def relocked_after_export() -> Change:
    held: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, entries.Proven | entries.Removed) and body.position == "A1":
            held.append((actor, body))
            return []
        if kind == "transfer" and isinstance(body, entries.Exported):
            return [(actor, body), *held]
        return [(actor, body)]

    return change


def reviewed_late() -> Change:
    """A custodian approves first and reviews then."""
    held: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and actor == "A1" and isinstance(body, entries.Reviewed):
            held.append((actor, body))
            return []
        return [*held, (actor, body)] if kind == "transfer" and isinstance(body, entries.Armed) else [(actor, body)]

    return change


def by_another(_actor: str, body: Any) -> Iterable[Entry]:
    """Somebody else of the room acts on a share."""
    return [("A1", body)]


def swapped_signatures(_actor: str, body: entries.HsmSigned) -> Iterable[Entry]:
    first, second = body.signatures
    yield ("tool", replace(body, signatures=(replace(first, raw=second.raw), replace(second, raw=first.raw))))


def twice(actor: str, body: Any) -> Iterable[Entry]:
    return [(actor, body), (actor, body)]


def other_head(actor: str, body: entries.Signature) -> Iterable[Entry]:
    assert body.text is not None
    document = json.loads(body.text)
    yield signed(actor, body, canonical({**document, "head": "ab" * 32}).decode())


def typed_late() -> Change:
    """What is typed once somebody has approved comes too late."""
    late: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, entries.TypedBack):
            late.append((actor, body))
            return []
        if kind == "transfer" and isinstance(body, entries.Signature) and body.purpose == "approval" and late:
            found, late[:] = list(late), []
            return [(actor, body), *found]
        return [(actor, body)]

    return change


REFUSED = entries.Refusal(identifier="ASM-04", what="the clock", found="-", expected="-")


def by_staff(actor: str, body: Any) -> Iterable[Entry]:
    return [("administrator" if actor == "A1" else actor, body)]


def approved_early(person: str) -> Change:
    """Somebody who must be in the room approves what the preparation left, as officers may."""
    staff: dict[str, str] = {}

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, entries.Signature) and body.text and body.purpose == "phase":
            staff.setdefault("head", body.text.splitlines()[2])
        if kind == "transfer" and by(person, "approval")(actor, body):
            return [signed(actor, body, canonical({**json.loads(body.text), "head": staff["head"]}).decode())]
        return [(actor, body)]

    return change


@dataclass(frozen=True)
class Case:
    """A way to break a rule: the control that must refuse, and the one that the stock tools name (None: they cannot see it)."""

    name: str
    control: str
    stock: str | None
    play: Callable[[], Play]
    transfers: int = 1

    def __str__(self) -> str:
        return f"{self.control}: {self.name}"


def case(name: str, control: str, stock: str | None, change: Callable[[], Change]) -> Case:
    return Case(name, control, stock, lambda: Play(change=change()))


def document(name: str, control: str, stock: str | None, file: str, edit: Callable[[bytes], bytes]) -> Case:
    return Case(name, control, stock, lambda: Play(file=lambda found, raw: edit(raw) if found == file else raw))


def wanted(name: str, control: str, stock: str | None, **fields: Any) -> Case:
    return Case(name, control, stock, lambda: Play(wanted=fields))


def confirmed(name: str, control: str, stock: str | None, **fields: Any) -> Case:
    return Case(name, control, stock, lambda: Play(confirmed=fields))


VALUED = b'"reference_value":{"asset":"BTC'


def in_ether(raw: bytes) -> bytes:
    """The document with its first amount in another asset."""
    return raw.replace(b'"asset":"BTC"', b'"asset":"ETH"', 1)


def bare(raw: bytes) -> bytes:
    """The document with its first amount as a number alone."""
    return re.sub(rb'\{"asset":"BTC","units":("[0-9]+")\}', rb"\1", raw, count=1)


K, T = "keygen", "transfer"
E = entries
OTHER: str = f"cold-ceremony checkpoint, practice\ngenesis {'ab' * 32} ceremony 2 entry 1\n{'cd' * 32}\n"

COMMON = (
    case("practice opened as production", "SET-08", "AUD-03", lambda: put(T, of(E.Opened), mark="production")),
    case("another genesis", "AUD-03", "AUD-03", lambda: put(K, of(E.Opened), genesis="ab" * 32)),
    case("a number twice", "AUD-08", "AUD-08", lambda: put("receipt", of(E.Opened), ceremony=1)),
    case("two openings", "AUD-08", "AUD-08", lambda: at("receipt", of(E.Opened), twice)),
    case("entries after the closing", "AUD-08", "AUD-08", lambda: at(T, of(E.Closed), twice)),
    case("an outcome of another kind", "AUD-08", "AUD-08", lambda: put(K, of(E.Closed), outcome="carried out")),
    case("never closed, yet another follows", "AUD-08", "AUD-08", lambda: drop(T, of(E.Closed))),
    case("a file listed twice", "AUD-05", "AUD-05", lambda: at(T, of(E.File, kind="request"), twice)),
    case("the transcript lists itself", "AUD-05", "AUD-05", lambda: put(T, of(E.File, kind="snapshot"), name="transcript.jsonl")),
    case("a step left out", "SET-06", "SET-06", lambda: drop(T, of(E.Step, number=16))),
    case("a step twice", "SET-06", "SET-06", lambda: at(T, of(E.Step, number=5), twice)),
    case("steps out of order", "SET-06", "SET-06", lambda: put(T, of(E.Step, number=5), number=6)),
    case("one of two signs the phase", "AUD-02", "AUD-02", lambda: drop(T, by("witness", "phase"), 1)),
    case("another namespace", "AUT-03", "AUT-03", lambda: put(T, by("cfo", "authorization"), namespace="approval@cold-ceremony")),
    case("the tool signs", "AUT-03", "AUT-03", lambda: at(T, by("A1", "opening"), lambda _, body: [("tool", body)])),
    case("another person's signature", "AUT-03", "AUT-03", lambda: at(T, by("witness", "opening"), lambda a, b: [(a, b), ("A1", b)])),
    case("a signature over another kind of file", "AUT-03", "AUT-03", lambda: put(T, by("cfo", "authorization"), file="snapshot.json")),
    case("a signature over nothing", "AUT-03", "AUT-03", lambda: put(T, by("A1", "adjournment"), text=None)),
    case(
        "a checkpoint of another ceremony", "AUD-02", "AUD-02", lambda: at(T, by("A1", "adjournment"), lambda a, b: [signed(a, b, OTHER)])
    ),
)

KEYGEN = (
    case("a quorum not proven", "GEN-07", "GEN-07", lambda: put(K, of(E.Quorums), whole=3)),
    case("no quorum proven", "GEN-07", "GEN-07", lambda: drop(K, of(E.Quorums))),
    case("a commitment too few", "GEN-08", "GEN-08", lambda: put(K, of(E.Generated), commitments=15)),
    case("another set", "GEN-08", "GEN-08", lambda: put(K, of(E.Generated), set_identifier="ab" * 10)),
    case("one source of randomness", "GEN-02", "GEN-02", lambda: put(K, of(E.Generated), sources=("os",))),
    case("one source of randomness, named twice", "GEN-02", "GEN-02", lambda: put(K, of(E.Generated), sources=("os", "os"))),
    case("generated on a machine that was not looked at", "AIR-02", "AIR-02", lambda: drop(K, of(E.Machine))),
    case("generated without an opener", "REC-10", "REC-10", lambda: drop(K, of(E.Vault, process="opener"))),
    case("generated before the self-tests", "SET-09", "SET-09", lambda: drop(K, of(E.SelfTests))),
    case("generated in a room that nobody looked at", "AIR-01", "AIR-01", lambda: drop(K, of(E.RoomItem))),
    case("generated with another HSM", "AIR-05", "AIR-05", lambda: put(K, of(E.Hsm), label="another")),
    case("generated without an HSM", "AIR-05", "AIR-05", lambda: drop(K, of(E.Hsm))),
    case("generated without a throw-away key", "AIR-07", "AIR-07", lambda: drop(K, of(E.ImportPath))),
    case("a token of another medium", "GEN-10", "GEN-10", lambda: put(K, of(E.Sealing, position="C1"), medium="card")),
    case("a token that is not named", "GEN-10", "GEN-10", lambda: put(K, of(E.Sealing, position="C1"), token=None)),
    case("a file on a token", "GEN-10", "GEN-10", lambda: put(K, of(E.Sealing, position="A1"), token=E.Token(label="t", serial="1"))),
    case("two shares on one token", "GEN-10", "GEN-10", one_token_for_two),
    case("a token that nobody opened", "REC-10", "REC-10", lambda: drop(K, of(E.CustodianToken, position="C1"))),
    case(
        "somebody else's token opened",
        "ASM-01",
        "ASM-01",
        lambda: at(K, of(E.CustodianToken, position="C1"), lambda _, body: [("C2", body)]),
    ),
    case("a share locked by the tool", "ASM-01", "ASM-01", lambda: at(K, of(E.Sealing, position="C3"), lambda _, body: [("tool", body)])),
    case("a share proven by another", "ASM-01", "ASM-01", lambda: at(K, of(E.Proven, position="C3"), by_another)),
    case("a share not proven", "GEN-14", "GEN-14", lambda: drop(K, of(E.Proven, position="C3"))),
    case("another share proven", "GEN-14", "SEC-01", lambda: put(K, of(E.Proven, position="C3"), sha256="ab" * 32)),
    case("a custodian was not there", "ASM-01", "ASM-01", lambda: drop(K, here("D1"))),
    case("the witness was not there", "ASM-03", "ASM-01", lambda: drop(K, here("witness"))),
    case("an opening not signed", "AUD-02", "AUD-02", lambda: drop(K, by("D1", "opening"))),
    case("a key record not signed", "AUD-02", "AUD-02", lambda: drop(K, by("B2", "key-record"))),
    case("an adjournment not signed", "AUD-02", "AUD-02", lambda: drop(K, by("A1", "adjournment"))),
    case("a charter not signed", "AUD-02", "AUD-02", lambda: drop(K, by("cto", "charter"))),
    case("a policy not signed", "AUD-02", "AUD-02", lambda: drop(K, by("witness", "policy"))),
    document("a policy with another field", "SET-04", "AUT-01", "policy.json", lambda raw: raw.replace(b'"number"', b'"numbers"')),
    document(
        "a key record of another plan",
        "GEN-08",
        "GEN-08",
        "key-record.json",
        lambda raw: raw.replace(b'"site_threshold":"3"', b'"site_threshold":"2"'),
    ),
    document("limits in another asset", "SET-04", "AUD-01", "policy.json", in_ether),
    document("a limit without its asset", "SET-04", "AUD-01", "policy.json", bare),
    document("an authorization in another asset", "AUD-01", "AUD-01", "authorization.json", in_ether),
    document("an authorization without its asset", "AUD-01", "AUD-01", "authorization.json", bare),
    document("a value of another asset", "AUD-01", "AUD-01", "authorization.json", lambda raw: raw.replace(VALUED, VALUED[:-3] + b"ETH")),
    document("a value of a later time", "AUD-01", "AUD-01", "authorization.json", lambda raw: raw.replace(b"2025-11-01T", b"2026-12-01T")),
    document("a confirmation in another asset", "AUD-01", "AUD-01", "confirmation.json", in_ether),
    document("coins in another asset", "AUD-01", "AUD-01", "snapshot.json", in_ether),
    document("a receipt in another asset", "AUD-01", "AUD-01", "receipt.json", in_ether),
    document("a document in another spelling", "AUD-01", "AUD-01", "snapshot.json", lambda raw: raw.replace(b'","', b'", "', 1)),
)

TRANSFER = (
    case("one officer", "AUT-02", "AUD-02", lambda: drop(T, by("cfo", "authorization"))),
    case("no confirmation", "AUT-08", "AUD-02", lambda: drop(T, by("witness", "confirmation"))),
    confirmed("confirmed by the requester", "AUT-08", "AUT-08", checker="cfo"),
    confirmed("another amount confirmed", "AUT-08", "AUT-08", amount=1),
    wanted("of another policy", "AUT-01", "AUT-01", policy="ab" * 32),
    wanted("expired", "AUT-04", "AUT-04", expires="2026-11-20T09:00:00Z"),
    wanted("an unknown payee", "AUT-06", "AUT-06", payee="someone"),
    wanted("above the limit", "AUT-07", "AUT-07", fee_cap=200_000),
    wanted("a head that the register does not have", "AUD-10", "AUD-10", register_head="ab" * 32),
    case("another amount granted", "AUT-01", "AUT-01", lambda: put(T, of(E.Authorized), payments=())),
    case("another authorization granted", "AUT-01", "AUT-01", lambda: put(T, of(E.Authorized), authorization="ab" * 32)),
    case("never granted", "TXN-01", "TXN-01", lambda: drop(T, of(E.Authorized))),
    case("another fee agreed", "TXN-01", "SIG-02", lambda: put(T, of(E.Agreed), fee=1)),
    case("other coins agreed", "TXN-01", "TXN-01", lambda: put(T, of(E.Agreed), coins=("x:0",))),
    case("another request agreed", "SIG-06", "SIG-06", lambda: put(T, of(E.Agreed), request="ab" * 32)),
    case("another request reviewed", "SIG-06", "SIG-06", lambda: put(T, of(E.Reviewed), 0, request="ab" * 32)),
    case("reviewed by the tool", "TXN-02", "TXN-02", lambda: at(T, of(E.Reviewed), lambda _, body: [("tool", body)], 0)),
    case("reviewed by the witness alone", "SIG-02", "SIG-02", lambda: drop(T, lambda a, b: isinstance(b, E.Reviewed) and a != "witness")),
    case("a custodian did not review", "SIG-02", "SIG-02", lambda: drop(T, lambda a, b: isinstance(b, E.Reviewed) and a == "B3")),
    case("the witness did not review", "SIG-02", "SIG-02", lambda: drop(T, lambda a, b: isinstance(b, E.Reviewed) and a == "witness")),
    case("reviewed after the first approval", "SIG-02", "SIG-02", reviewed_late),
    case("another request signed", "SIG-06", "SIG-06", lambda: put(T, of(E.HsmSigned), request="ab" * 32)),
    case("the witness did not approve", "SIG-02", "SIG-02", lambda: drop(T, by("witness", "approval"))),
    case("a custodian did not approve", "SIG-02", "SIG-02", lambda: drop(T, by("B3", "approval"))),
    case("approved after the vault was armed", "SIG-02", "SIG-02", armed_before_approvals),
    case("approved after another transcript", "SIG-02", "SIG-02", lambda: at(T, by("B3", "approval"), other_head)),
    case("armed for one who did not approve", "SIG-02", "SIG-02", lambda: put(T, of(E.Armed), positions=(*sample.ROOM, "D1"))),
    case("no throw-away key before", "AIR-07", "AIR-07", lambda: drop(T, of(E.ImportPath))),
    case("unlocked without being armed", "SIG-08", "SIG-08", lambda: drop(T, of(E.Armed))),
    case(
        "unlocked after the vault ended",
        "SIG-08",
        "SIG-08",
        lambda: at(T, of(E.Armed), lambda a, b: [(a, b), (a, E.VaultEnded(reason="gone"))]),
    ),
    case(
        "unlocked after a cut-off, without being armed again",
        "SIG-08",
        "SIG-08",
        lambda: at(T, of(E.Armed), lambda a, b: [(a, b), (a, AGAIN)]),
    ),
    case(
        "unlocked in another vault than the armed one",
        "SIG-08",
        "SIG-08",
        lambda: at(T, of(E.Armed), lambda a, b: [(a, b), (a, E.Vault(process="opener", protection={}))]),
    ),
    case("the machine was not looked at", "AIR-02", "AIR-02", lambda: drop(T, of(E.Machine))),
    case("no opener", "REC-10", "REC-10", lambda: drop(T, of(E.Vault, process="opener"), 1)),
    case("no HSM process", "REC-10", "REC-10", lambda: drop(T, of(E.Vault, process="hsm"), 1)),
    case("no process at all", "REC-10", "REC-10", lambda: drop(T, of(E.Vault))),
    case("the machine was not looked at before the run that unlocked", "AIR-02", "AIR-02", lambda: drop(T, of(E.Machine), 1)),
    case("one process was not tested", "SET-09", "SET-09", lambda: drop(T, of(E.SelfTests, process="screen"), 1)),
    case("an item of the room was left out", "AIR-01", "AIR-01", lambda: drop(T, of(E.RoomItem, item="sound"))),
    case("the room as a custodian saw it", "AIR-01", "AIR-01", lambda: at(T, of(E.RoomItem), lambda _, b: [("A1", b)])),
    case("another HSM", "AIR-05", "AIR-05", lambda: put(T, of(E.Hsm), 1, serial="4321")),
    case("another HSM when it was prepared", "AIR-05", "AIR-05", lambda: put(T, of(E.Hsm), 0, model="another")),
    case("no HSM", "AIR-05", "AIR-05", lambda: drop(T, of(E.Hsm), 1)),
    case("no throw-away key in the run that unlocked", "AIR-07", "AIR-07", lambda: drop(T, of(E.ImportPath), 1)),
    case(
        "a throw-away key before another vault began",
        "REC-10",
        "REC-10",
        lambda: at(T, of(E.ImportPath), lambda a, b: [(a, b), (a, E.Vault(process="opener", protection={}))], 1),
    ),
    case(
        "a position that was not armed",
        "SIG-08",
        "STO-01",
        lambda: at(T, of(E.Unlocked, position="A2"), lambda _, body: [("D1", replace(body, position="D1"))]),
    ),
    *(
        case(f"{kind.__name__} by another position", "ASM-01", "ASM-01", partial(at, T, of(kind, position="A2"), by_another))
        for kind in (E.Unlocked, E.Sealing, E.Proven, E.Removed)
    ),
    case("unlocked by the tool", "ASM-01", "ASM-01", lambda: at(T, of(E.Unlocked), lambda _, body: [("tool", body)])),
    case(
        "set aside by another position",
        "ASM-01",
        "ASM-01",
        lambda: at(T, of(E.Armed), lambda a, b: [(a, b), ("A1", E.SetAside(position="B1", reason="refused"))]),
    ),
    case("an old card", "REC-12", "REC-12", lambda: put(T, of(E.Unlocked, position="A2"), number=2)),
    case("a share that was not unlocked", "REC-01", "REC-01", lambda: drop(T, of(E.Unlocked, position="A2"))),
    case("too few shares", "REC-01", "REC-01", lambda: put(T, of(E.Recovered), positions=sample.ROOM[:5])),
    case("no public key compared", "REC-06", "REC-06", lambda: put(T, of(E.Recovered), accounts=())),
    case("never recovered", "REC-06", "REC-06", lambda: drop(T, of(E.Recovered))),
    case("never imported", "REC-07", "REC-07", lambda: drop(T, of(E.Imported))),
    case("another key imported", "REC-09", "SIG-03", lambda: put(T, of(E.Imported), paths=("0/7",))),
    case("the word was not typed", "SIG-08", "SIG-08", lambda: drop(T, of(E.Signing))),
    case("signatures of other inputs", "SIG-03", None, lambda: at(T, of(E.HsmSigned), swapped_signatures)),
    case("never signed", "SIG-03", "AUD-12", lambda: drop(T, of(E.HsmSigned))),
    case("keys left in the HSM", "SEC-03", "SEC-03", lambda: put(T, of(E.Absent), remaining=1)),
    case("absence not shown", "SEC-03", "SEC-03", lambda: drop(T, of(E.Absent))),
    case("another transaction checked", "SIG-03", "SIG-03", lambda: put(T, of(E.Checked), txid="ab" * 32)),
    case("another fee checked", "SIG-03", "SIG-03", lambda: put(T, of(E.Checked), fee=1)),
    case("exported unchecked", "SIG-03", "SIG-03", lambda: drop(T, of(E.Checked))),
    case("never exported", "EXP-01", "EXP-01", lambda: drop(T, of(E.Exported))),
    case("exported before a share was locked again", "SEC-01", "SEC-01", relocked_after_export),
    case("the old sealing proven again", "SEC-01", "SEC-01", lambda: put(T, of(E.Proven, position="A1"), number=1)),
    case("another share proven again", "SEC-01", "SEC-01", lambda: put(T, of(E.Proven, position="A1"), sha256="ab" * 32)),
    case("the new share removed", "SEC-01", "SEC-01", lambda: put(T, of(E.Removed, position="A1"), number=2)),
    case("a sealing number twice", "REC-12", "REC-12", lambda: put(T, of(E.Sealing, position="A1"), number=1)),
    case("a custodian was not there at the transfer", "ASM-01", "ASM-01", lambda: drop(T, here("B3"))),
    case("the administrator was not there", "ASM-03", "ASM-03", lambda: drop(T, here("administrator"))),
    case("the adjournment covers nothing", "AUD-02", "AUD-02", early_adjournment),
    case("void after it was signed", "BRD-06", "BRD-06", lambda: put(T, of(E.Closed), outcome="void")),
    document("another transaction", "SIG-06", "BRD-03", "transaction.hex", lambda raw: raw[:-9] + b"1" + raw[-8:]),
    document("bytes after the request", "TXN-08", "SIG-06", "request.psbt", lambda raw: raw + b"\0"),
    document("a snapshot with another field", "AUD-01", None, "snapshot.json", lambda raw: raw.replace(b'"rate"', b'"ratee"')),
    Case("an r twice in one signing", "SIG-05", "SIG-05", lambda: Play(nonce=7, apart=0)),
    Case("an r of an earlier transfer", "SIG-05", "SIG-05", lambda: Play(nonce=7), transfers=2),
    Case("coins of an earlier transfer", "BRD-06", "BRD-06", lambda: Play(coins=2), transfers=2),
    Case(
        "a custodian approves after the preparation alone", "SIG-02", "SIG-02", lambda: Play(change=approved_early("A1"), officers="room")
    ),
    Case(
        "an officer approves another head",
        "SIG-02",
        "SIG-02",
        lambda: Play(change=at(T, by("cto", "approval"), other_head), officers="elsewhere"),
    ),
    Case("an officer's approval is missing", "SIG-02", "SIG-02", lambda: Play(change=drop(T, by("cfo", "approval")), officers="room")),
    Case("signed after it was revoked", "AUT-04", "AUT-04", lambda: Play(revoked=lambda wanted: sample.revocation(wanted.digest))),
    Case("an authorization used twice", "AUT-05", "AUT-05", lambda: Play(wanted={"identifier": "t-2"}), transfers=2),
)


R = "receipt"
RECEIPT = (
    case("one person signs the receipt", "BRD-04", "BRD-04", lambda: drop(R, by("B1", "receipt"))),
    case("nothing was seen", "BRD-03", "BRD-03", lambda: drop(R, of(E.Sighting))),
    case("another transaction was seen", "BRD-03", "BRD-03", lambda: put(R, of(E.Sighting), txid="ab" * 32)),
    document("a receipt of another transaction", "BRD-03", "BRD-03", "receipt.json", lambda raw: _with(raw, txid="ab" * 32)),
    document(
        "a receipt of another amount",
        "BRD-03",
        None,
        "receipt.json",
        lambda raw: raw.replace(b'"units":"25000000"', b'"units":"25000001"'),
    ),
    document("a receipt of one node twice", "BRD-03", "BRD-03", "receipt.json", lambda raw: _with(raw, nodes=["practice chain"] * 2)),
    document("a receipt of no node", "BRD-03", "BRD-03", "receipt.json", lambda raw: _with(raw, nodes=[])),
    document("a receipt of no confirmation", "BRD-03", "BRD-03", "receipt.json", lambda raw: _with(raw, confirmations="0")),
)


def _with(raw: bytes, **fields: object) -> bytes:
    return canonical({**json.loads(raw), **fields})


OUTSIDE = (
    case("no clock", "ASM-04", "ASM-04", lambda: drop(T, of(E.Clock))),
    case("no clock at key generation", "ASM-04", "ASM-04", lambda: drop(K, of(E.Clock))),
    case("one watch", "ASM-04", "ASM-04", lambda: at(T, of(E.Watch), lambda actor, body: [(actor, body)] if actor == "A1" else [])),
    case("a watch that is wrong", "ASM-04", "ASM-04", lambda: put(T, of(E.Watch), 0, typed="2026-11-20T09:26:00Z")),
    case("watches of before a refusal", "ASM-04", "ASM-04", lambda: at(T, of(E.Clock), lambda a, b: [("tool", REFUSED), (a, b)])),
    case("nobody read a slip", "ASM-05", "ASM-05", lambda: drop(T, of(E.SlipRead))),
    case("one person read a slip", "ASM-05", "ASM-05", lambda: drop(T, of(E.SlipRead), 0)),
    case("no custodian read a slip", "ASM-05", "ASM-05", lambda: at(T, of(E.SlipRead), by_staff)),
    case("a slip of an older ceremony", "ASM-05", "ASM-05", lambda: put(T, of(E.SlipRead), ceremony=7)),
    case("both read the same words", "ASM-05", "ASM-05", lambda: put(T, of(E.SlipRead), places=(1, 2, 3, 4))),
    case("nobody typed the address back", "TXN-06", "TXN-06", lambda: drop(T, of(E.TypedBack))),
    case("one person typed the address back", "TXN-06", "TXN-06", lambda: drop(T, of(E.TypedBack), 0)),
    case("both typed the same groups", "TXN-06", "TXN-06", lambda: put(T, of(E.TypedBack), groups=(2, 5, 9))),
    case("too few groups", "TXN-06", "TXN-06", lambda: put(T, of(E.TypedBack), 0, groups=(2, 5))),
    case("groups that no address has", "TXN-06", "TXN-06", lambda: put(T, of(E.TypedBack), 0, groups=(12, 13, 14))),
    case("somebody else typed", "TXN-06", "TXN-06", lambda: at(T, of(E.TypedBack), by_staff)),
    case("typed after the approvals", "TXN-06", "TXN-06", typed_late),
    case("one factor", "ASM-02", "ASM-02", lambda: put(T, here("A1"), factors=("signing key file",))),
    case("two factors of one type", "ASM-02", "ASM-02", lambda: put(T, here("A1"), factors=("signing key file", "hardware key, touched"))),
    case("a factor that is none", "ASM-02", "ASM-02", lambda: put(T, here("A1"), factors=("signing key file", "a smile"))),
    case("who read a slip was not there", "ASM-05", "ASM-05", lambda: at(T, of(E.SlipRead), lambda a, b: [("C3" if a == "A1" else a, b)])),
)


def pausing(scribe: sample.Scribe, title: str) -> None:
    """The witness leaves during the review, and both come back."""
    if title == "Review":
        scribe.add("tool", E.Paused(who=("witness",), reason="a call"))
        number = scribe.transcript.state.entries[-1].line.seq
        scribe.checkpoint("return", STAFF)
        scribe.add("tool", E.Continued(paused=number))


STAFF = ("administrator", "witness")


def paused(name: str, change: Callable[[], Change]) -> Case:
    return Case(name, "ASM-03", "ASM-03", lambda: Play(before=pausing, change=change()))


def back_with_old_signatures() -> Change:
    """Both sign at their return what they signed at the opening."""
    old: dict[str, str] = {}

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, entries.Signature) and body.text:
            if body.purpose == "opening":
                old[actor] = body.text
            elif body.purpose == "return":
                return [signed(actor, body, old[actor])]
        return [(actor, body)]

    return change


PAUSE = (
    paused("it went on without the witness", lambda: drop(T, by("witness", "return"))),
    paused("it went on without anybody", lambda: at(T, of(E.Signature, purpose="return"), lambda _a, _b: [])),
    paused(
        "a custodian came back for the witness", lambda: at(T, by("witness", "return"), lambda _, b: [("A1", signed("A1", b, b.text)[1])])
    ),
    paused("both came back with old signatures", back_with_old_signatures),
    paused("it went on without saying so", lambda: drop(T, of(E.Continued))),
    paused("it went on after another pause", lambda: put(T, of(E.Continued), paused=3)),
    paused("a return without a pause", lambda: drop(T, of(E.Paused))),
    paused("a pause within a pause", lambda: at(T, of(E.Paused), twice)),
    paused(
        "something was done meanwhile",
        lambda: at(T, of(E.Continued), lambda a, b: [("A1", E.SetAside(position="A1", reason="refused")), (a, b)]),
    ),
)

CASES = (*COMMON, *OUTSIDE, *PAUSE, *KEYGEN, *TRANSFER, *RECEIPT)


@pytest.mark.parametrize("broken", [pytest.param(case, marks=pytest.mark.control(case.control), id=str(case)) for case in CASES])
def test_a_broken_rule_is_refused_by_its_control(broken: Case, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", broken.play(), transfers=broken.transfers)
    with pytest.raises(Refused) as caught:
        verify(made.register, made.genesis, made.head)
    assert caught.value.identifier == broken.control
    done = subprocess.run(["dash", str(SCRIPT), str(made.register), made.genesis, made.head], capture_output=True, text=True, check=False)
    assert done.stderr.split(" ")[0] == (broken.stock or ""), done.stderr
    assert done.returncode == (1 if broken.stock else 0)


def absence_after_a_cut_off() -> Change:
    """A cut-off after the signatures: the resumed run shows the absence of the keys, then the transaction is assembled."""
    run: list[Entry] = []

    def change(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == "transfer" and isinstance(body, (*BEGIN, E.Armed, E.Unlocked)):
            run.append((actor, body))
        if isinstance(body, E.VaultEnded):
            run.clear()
        if kind == "transfer" and isinstance(body, E.Absent):
            again = [("tool", AGAIN), *run, ("tool", sample.UNLOCKED)]
            return [*again, (actor, replace(body, destroyed=0))]
        return [(actor, body)]

    return change


def torn_line(kind: str, actor: str, body: Any) -> Iterable[Entry]:
    """A phase that one person signed before the cut-off, and both afterwards."""
    if kind == "transfer" and isinstance(body, E.Step) and body.title == "Adjourn":
        return [
            ("tool", E.Refusal(identifier="EXP-01", what="w", found="f", expected="e")),
            ("tool", AGAIN),
            (actor, body),
        ]
    return [(actor, body)]


def test_a_pause_that_both_ended_is_verified(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(before=pausing))
    verdict = verify(made.register, made.genesis, made.head)
    assert verdict.said == "VERIFIED"
    assert "0002-transfer: paused 1 time(s)" in verdict.notes
    done = subprocess.run(["dash", str(SCRIPT), str(made.register), made.genesis, made.head], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change", [cut_off, absence_after_a_cut_off, lambda: torn_line])
def test_what_was_cut_off_and_resumed_is_verified(change: Callable[[], Change], tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(change=change()))
    verdict = verify(made.register, made.genesis, made.head)
    assert verdict.said == "VERIFIED"
    assert "0002-transfer: interrupted 1 time(s)" in verdict.notes
    done = subprocess.run(["dash", str(SCRIPT), str(made.register), made.genesis, made.head], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("officers", ["room", "elsewhere"])
def test_officers_who_approve_in_the_room_or_on_their_laptops_are_verified(officers: Any, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(officers=officers))
    verdict = verify(made.register, made.genesis, made.head)
    assert (verdict.said, verdict.signatures["approval"]) == ("VERIFIED", len(sample.ROOM) + 3)
    done = subprocess.run(["dash", str(SCRIPT), str(made.register), made.genesis, made.head], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.control("AUD-12")
def test_a_revocation_by_somebody_else_is_refused(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", Play(revoked=lambda wanted: replace(sample.revocation(wanted.digest), officer="A1")))
    with pytest.raises(Refused, match="AUD-12"):
        verify(made.register, made.genesis, made.head)
    assert Register.open(made.register).revoked == {}


def test_a_revocation_of_another_authorization_stops_nothing(tmp_path: Path) -> None:
    other = Play(revoked=lambda wanted: replace(sample.revocation(wanted.digest), authorization="ab" * 32))
    made = sample.write(tmp_path / "register", other)
    assert verify(made.register, made.genesis, made.head).said == "VERIFIED"
    assert Register.open(made.register).revoked.keys() == {"ab" * 32}
    done = subprocess.run(["dash", str(SCRIPT), str(made.register), made.genesis, made.head], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_revocation_that_was_cut_off_before_its_signature_counts_for_nothing(tmp_path: Path) -> None:
    cut = Play(revoked=lambda wanted: sample.revocation(wanted.digest), change=drop(T, by("cfo", "revocation")))
    made = sample.write(tmp_path / "register", cut)
    assert verify(made.register, made.genesis, made.head).said == "VERIFIED"
    assert Register.open(made.register).revoked == {}


def test_two_transfers_are_verified_and_the_second_awaits_its_receipt(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", transfers=2)
    verdict = verify(made.register, made.genesis, made.head)
    assert verdict.said == "VERIFIED"
    assert any(note.startswith("0004-transfer: no receipt yet of ") for note in verdict.notes)


class _GivenUp(Exception):
    """There the transfer is voided."""


def test_a_prepared_transfer_may_be_void(tmp_path: Path) -> None:
    """Nothing was signed: nothing must be locked again, and no receipt is awaited."""

    def called_off(scribe: sample.Scribe, title: str) -> None:
        if title == "Approvals":
            scribe.close("void", "the payee called it off")
            raise _GivenUp

    folder = tmp_path / "register"
    with suppress(_GivenUp):
        sample.write(folder, Play(before=called_off), receipt=False)
    book = Register.open(folder)
    verdict = verify(folder, book.genesis, book.head)
    assert verdict.said == "VERIFIED"
    assert any(note.startswith("0002-transfer: void: ") and "the payee called it off" in note for note in verdict.notes)
    assert any(note.startswith("0002-transfer: void after both readers agreed, its coins stay held") for note in verdict.notes)
