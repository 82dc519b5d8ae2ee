"""Facts that somebody wants to say something else, written by somebody who had read docs/formats.md and no verifier: each lie is the most
plausible other value, everybody signs it anew with their own key, and both verifiers must refuse it (AUD-14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries as e
from ceremony.record.checkpoint import Statement
from ceremony.record.fields import FIELDS
from ceremony.record.register import Register
from tests.long import every
from tests.record import sample, sweep, test_settlement
from tests.record.amended import Office
from tests.record.registers import WRITERS
from tests.record.sample import Act, Anchor, Change, Entry, FastDesk, Play, Sample, Scribe
from tests.record.test_custody import A1, OUT
from tests.record.test_custody import Desk as Safe
from tests.record.test_exceptional import form_of
from tests.record.test_stock_rules import Before, _Over, void
from transfer.bitcoin.account import opened

Past = list[tuple[str, str, Any]]
"""Kind of ceremony, actor and body of each entry that was written before."""


@dataclass(frozen=True)
class Lie:
    """Entries of one type say something else: those of one kind of ceremony, of one actor, that have these fields."""

    type: Any
    fields: Mapping[str, Any]
    """Field -> its other value, or what makes it of the body and what was written before."""
    kind: str = ""
    who: str = ""
    has: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    """Who says it instead."""

    def meant(self, kind: str, actor: str, body: Any) -> bool:
        """Whether this entry is the one."""
        if type(body) is not self.type or self.kind not in ("", kind) or self.who not in ("", actor):
            return False
        return all(getattr(body, name) == value for name, value in self.has.items())

    def told(self, body: Any, past: Past) -> Any:
        """The body that stands there instead."""
        return replace(body, **{name: value(body, past) if callable(value) else value for name, value in self.fields.items()})


class Liar:
    """Tells these lies while a register is written."""

    def __init__(self, lies: Iterable[Lie]) -> None:
        self.lies, self.past, self.silent = tuple(lies), Past(), set(range(len(tuple(lies))))

    def __call__(self, kind: str, actor: str, body: Any) -> Iterable[Entry]:
        said = body
        for number, lie in enumerate(self.lies):
            if lie.meant(kind, actor, body):
                said, actor = lie.told(said, self.past), lie.by or actor
                if said != body or lie.by:
                    self.silent.discard(number)
        self.past.append((kind, actor, said))
        return [(actor, said)]


def say(type_: Any, kind: str = "", who: str = "", /, has: Mapping[str, Any] | None = None, told_by: str = "", **fields: Any) -> Lie:
    return Lie(type_, fields, kind, who, has or {}, told_by)


def before(type_: Any, name: str, kind: str = "", /, **has: Any) -> Callable[[Any, Past], Any]:
    """What the first such entry before says in this field."""
    return lambda _body, past: next(getattr(b, name) for k, a, b in past if Lie(type_, {}, kind, "", has).meant(k, a, b))


def more(name: str, by: int) -> Callable[[Any, Past], Any]:
    """The number in this field, and so many more."""
    return lambda body, _past: getattr(body, name) + by


def first_of(name: str, change: Callable[[Any], Any]) -> Callable[[Any, Past], Any]:
    """The list in this field, with another first member."""
    return lambda body, _past: (change(getattr(body, name)[0]), *getattr(body, name)[1:])


def turned(name: str) -> Callable[[Any, Past], Any]:
    return lambda body, _past: tuple(reversed(getattr(body, name)))


def less(name: str) -> Callable[[Any, Past], Any]:
    """The list in this field without its last member."""
    return lambda body, _past: getattr(body, name)[:-1]


def instead(name: str, what: Any, other: Any) -> Callable[[Any, Past], Any]:
    """The list in this field, in which another one stands in the place of one."""
    return lambda body, _past: tuple(other if each == what else each for each in getattr(body, name))


def later(name: str, old: str, new: str) -> Callable[[Any, Past], Any]:
    """The text in this field with another part."""
    return lambda body, _past: getattr(body, name).replace(old, new)


# --- registers beside those of the sweep -------------------------------------------------------------------------------------


def proposed_and_counted(folder: Path, change: Change) -> Anchor:
    """A charter that replaces a custodian is proposed, counts after its cool-off, and a transfer follows."""
    office = Office(folder, Play(change=change))
    new = {"A1": "new"}
    charter = office.later(new, {"A1": "Anna Other"})
    office.propose(charter, ("cfo", "cto", "witness"), lost=None)
    office.amend(charter, new_keys=new)
    return Anchor(folder, office.genesis, office.head)


def two_transfers(folder: Path, change: Change) -> Anchor:
    """A transfer, its receipt, and a second transfer."""
    return sample.write(folder, Play(change=change), transfers=2)


def rivals(folder: Path, change: Change) -> Anchor:
    """A transfer, another one that replaces it, and the deep receipt of the second."""
    acts = (test_settlement.FIRST, test_settlement.REPLACEMENT, Act(of=3, confirmations=6))
    return sample.write_acts(folder, acts, Play(change=change))


def with_(before_: Before) -> Callable[[Path, Change], Anchor]:
    """A transfer in which something more happens."""
    return lambda folder, change: sample.write(folder, Play(change=change, before=before_), receipt=False)


def pause(scribe: Scribe, title: str) -> None:
    """Everybody is away twice before the roll-call is done."""
    if (scribe.kind, title) == ("transfer", "Roll-call"):
        for reason in ("a call", "lunch"):
            number = len(scribe.transcript.state.entries) + 1
            scribe.add("tool", e.Paused(who=("witness",), reason=reason))
            scribe.checkpoint("return", ("administrator", "witness"))
            scribe.add("tool", e.Continued(paused=number))


def exception(scribe: Scribe, title: str) -> None:
    """Both officers except AIR-01."""
    if (scribe.kind, title) == ("transfer", "Roll-call"):
        scribe.keep("exception-1.json", "exception", dump(form_of(scribe)))
        scribe.sign_file("exception", "exception-1.json", ("cfo", "cto"))
        scribe.add("tool", e.Excepted(control="AIR-01", file="exception-1.json"))


def taken_out(folder: Path, change: Change) -> Anchor:
    """Three shares lie in a safe, and one leaves it."""
    desk = Safe(folder, Play(change=change)).safe()
    return desk.take(desk.record("out", site="A", bags=A1), OUT).anchor


def disagreement(scribe: Scribe, title: str) -> None:
    """A custodian signed the adjournment, and does not agree to it after all."""
    if (scribe.kind, title) == ("transfer", "Adjourn"):
        scribe.add("C1", e.Disagreed(to="adjournment", because="the room was noisy"))
        scribe.checkpoint("disagreement", ("C1",))


def disagreement_to_nothing(scribe: Scribe, title: str) -> None:
    """What a custodian signs as a disagreement is a checkpoint of before it."""
    if (scribe.kind, title) == ("transfer", "Adjourn"):
        held = scribe.transcript.state.entries[-1].line
        scribe.add("C1", e.Disagreed(to="adjournment", because="the room was noisy"))
        now = scribe.transcript.state.opened
        said = Statement(mark=now.mark, genesis=scribe.genesis, ceremony=now.ceremony, seq=held.seq, head=held.digest)
        scribe.sign_text("disagreement", said.text, "C1")


def voided(folder: Path, change: Change) -> Anchor:
    """A transfer that is given up before the review."""
    folder.mkdir()
    made = Sample(FastDesk(folder), folder, Play(change=change, before=void("Clock and closing slips")))
    with suppress(_Over):
        made.transfer(2, made.keygen())
    return Anchor(folder, made.founding.digest, Register.open(folder).head)


OWN: Mapping[str, Callable[[Path, Change], Anchor]] = MappingProxyType({
    "counted": proposed_and_counted, "two": two_transfers, "rivals": rivals, "pause": with_(pause), "exception": with_(exception),
    "safe": taken_out, "disagreed": with_(disagreement), "void": voided,
})  # fmt: skip
REGISTERS = MappingProxyType({**WRITERS, **OWN})

BOTH, OURS = "both", "ours"
TYPES = {cls: name for name, cls in e.ALL.items()}


@dataclass(frozen=True)
class Row:
    """One lie, or several that agree with each other."""

    register: str
    says: str
    lies: tuple[Lie, ...]
    control: str = ""
    """By which both refuse, where docs/formats.md says it."""
    by: str = BOTH

    def __str__(self) -> str:
        return f"{self.register}: {' and '.join(self.told)}: {self.says}"

    @property
    def told(self) -> tuple[str, ...]:
        """The fields that lie, as `type.field`."""
        return tuple(dict.fromkeys(f"{TYPES[lie.type]}.{name}" for lie in self.lies for name in lie.fields or ("position",)))


def row(register: str, says: str, *lies: Lie, control: str = "", by: str = BOTH) -> Row:
    return Row(register, says, lies, control, by)


T, T4, K, K2, R = "transfer", "transfer 4", "keygen", "keygen 2", "reshare"
"""Kinds of ceremony, as the writers name them. T4 is the second transfer of a register, K2 its second key generation."""
S3 = "transfer 3"
"""The sweep, and a transfer that replaces another one."""
CHARTER = before(e.File, "sha256", name="charter.json")
SECOND_SET = before(e.Generated, "set_identifier", K2)
TOKEN_C2 = e.Token(label="token C2", serial="0002")
AN_HOUR = ("T09", "T10")


def form(**fields: Any) -> Callable[[Any, Past], Any]:
    """The first suspension, whose form says something else."""
    return first_of("suspensions", lambda s: replace(s, form=replace(s.form, **fields)))


def exchanged(name: str) -> Callable[[Any, Past], Any]:
    """The HSM's signatures, of which two exchange this field."""

    def change(body: Any, _past: Past) -> Any:
        pairs = zip(body.signatures, reversed(body.signatures), strict=True)
        return tuple(replace(one, **{name: getattr(other, name)}) for one, other in pairs)

    return change


def of_event(event: str, **fields: Any) -> Callable[[Any, Past], Any]:
    """The custody record, which says something else if it is about this event."""
    return lambda body, _past: replace(body.record, **fields) if body.record.event == event else body.record


KEY_GENERATION = (
    row("two", "a byte less", say(e.File, K, has={"name": "policy.json"}, size=more("size", -1))),
    row("two", "the policy is the charter", say(e.File, K, has={"name": "policy.json"}, name="charter.json")),
    row("two", "somebody has it already", say(e.Generated, K, made="recovered")),
    row("two", "those of custodians alone", say(e.Generated, K, commitments=12), control="GEN-08"),
    row("two", "the other token", say(e.Sealing, K, "C1", token=TOKEN_C2), control="REC-10"),
    row("two", "C1's share is on C2's", say(e.CustodianToken, K, "C1", token=TOKEN_C2), say(e.Sealing, K, "C1", token=TOKEN_C2)),
    row("two", "on a token, and on none", say(e.Sealing, K, "C1", token=None), control="GEN-10"),
    row("two", "A2's share", say(e.Sealing, K, "A1", sha256=sha256(b"A2 1")), say(e.Proven, K, "A1", sha256=sha256(b"A2 1")),
        control="REC-12"),
    row("two", "A2 proved it", say(e.Proven, K, "A1", told_by="A2"), control="ASM-01"),
    row("two", "one test less", say(e.CustodianToken, K, "C1", tests=more("tests", -1)), control="SET-09"),
    row("two", "exchanged", say(e.Quorums, K, of_sites=4, whole=12), control="GEN-07"),
    row("two", "of three sites", say(e.Quorums, K, stand_for=27), control="GEN-07"),
    row("two", "A1's", say(e.BagClosed, K, "A2", bag="A1-0001"), control="STO-01"),
    row("two", "one test less", say(e.SelfTests, K, has={"process": "hsm"}, count=more("count", -1)), control="SET-09"),
    row("two", "the screen's are the opener's", say(e.SelfTests, K, has={"process": "screen"}, process="opener"), control="SET-09"),
    row("two", "the HSM's twice", say(e.Vault, K, has={"process": "opener"}, process="hsm"), control="REC-10"),
    row("two", "the next one", say(e.Hsm, K, serial="1235"), control="AIR-05"),
    row("two", "a certified one", say(e.Hsm, T, certificate=lambda b, _p: replace(
        b.certificate, number="4567", standard="FIPS 140-3", level=3)), control="AIR-05"),
    row("two", "nobody asked for sound", say(e.RoomItem, K, has={"item": "sound"}, item="recorders"), control="AIR-01"),
    row("two", "both an hour ahead", say(e.Watch, K, typed=later("typed", *AN_HOUR)), say(e.Clock, K, machine=later("machine", *AN_HOUR)),
        control="ASM-04"),
    row("two", "an hour ahead", say(e.Clock, K, machine=later("machine", *AN_HOUR)), control="ASM-04"),
    row("two", "the witness twice", say(e.Present, K, "A1", factors=("recognised by the witness",) * 2), control="ASM-02"),
    row("two", "those of the step before", say(e.Step, K, has={"title": "Prove every quorum"}, number=more("number", -1),
        title="Lock, write, read back, open"), control="SET-06"),
    row("two", "an opening", say(e.Signature, K, "A3", has={"purpose": "adjournment"}, purpose="opening"), control="AUD-02"),
    row("two", "the witness alone", say(e.Closed, K, signers=("witness",)), control="AUD-02"),
    row("sweep", "a resharing", say(e.Ordered, K2, kind="reshare"), control="AUT-01"),
)  # fmt: skip
BEFORE_SIGNING = (
    row("two", "the number after", say(e.Opened, T4, newest=4), control="AUD-10"),
    row("two", "the administrator alone", say(e.Opened, T, signers=("administrator",)), control="AUD-11"),
    row("two", "one watch", say(e.Opened, T, watches=less("watches")), control="AUD-11"),
    row("two", "one watch twice", say(e.Opened, T, watches=lambda b, _p: (b.watches[0],) * 2), control="AUD-11"),
    row("two", "that of the ceremony before", say(e.Opened, T, run_key=before(e.Opened, "run_key", K)), control="AUD-11"),
    row("two", "that of a key generation", say(e.Opened, T, script=before(e.Opened, "script", K)), control="SET-01"),
    row("two", "the authorization", say(e.File, T, has={"name": "confirmation.json"},
        sha256=before(e.File, "sha256", name="authorization.json"))),
    row("two", "left over", say(e.File, T, has={"name": "snapshot.json"}, kind="leftover"), control="AUD-12"),
    row("two", "an older one", say(e.SlipRead, T4, ceremony=2), control="ASM-05"),
    row("two", "the other reader's", say(e.SlipRead, T, "A1", places=(1, 4, 9, 16)), control="ASM-05"),
    row("two", "three", say(e.SlipRead, T, "A1", places=(2, 3, 8)), control="ASM-05"),
    row("two", "A2's", say(e.BagOpened, T, "A1", bag="A2-0001"), control="STO-01"),
    row("two", "replaced, and the same", say(e.BagOpened, T, "A1", state="replaced"), control="STO-01"),
    row("sweep", "the new key's, and its bag", say(e.BagOpened, S3, "A1", set_identifier=SECOND_SET, bag="A1-0002"), control="STO-01"),
    row("two", "a satoshi more", say(e.Authorized, T, payments=first_of("payments", lambda p: replace(p, amount=p.amount + 1))),
        control="AUT-01"),
    row("two", "the policy's", say(e.Authorized, T, fee_cap=100_000), control="AUT-01"),
    row("two", "that of before", say(e.Authorized, T4, authorization=before(e.Authorized, "authorization")), control="AUT-01"),
    row("rivals", "nothing", say(e.Authorized, S3, replaces=())),
    row("sweep", "the keys exchanged", say(e.Authorized, S3, key_record=lambda b, _p: b.to, to=lambda b, _p: b.key_record),
        control="AUT-01"),
    row("sweep", "the old key's", say(e.Authorized, S3, address=opened(sample.account_of(sample.SEED)).own(0, 0).address),
        control="AUT-01"),
    row("two", "one less, both times", say(e.Agreed, T, fee=more("fee", -1)), say(e.Checked, T, fee=more("fee", -1))),
    row("two", "the other way round", say(e.Agreed, T, coins=turned("coins"))),
    row("two", "that of before", say(e.Agreed, T4, txid=before(e.Agreed, "txid"))),
    row("two", "that of before", say(e.Reviewed, T4, "A1", request=before(e.Agreed, "request")), control="SIG-06"),
    row("two", "a second one", say(e.TypedBack, T, "A1", payment=2), control="TXN-06"),
    row("two", "one of the other person's", say(e.TypedBack, T, "B1", groups=(2, 7, 11)), control="TXN-06"),
    row("two", "behind the address", say(e.TypedBack, T, "B1", groups=(3, 7, 12)), control="TXN-06"),
    row("sweep", "two", say(e.TypedBack, S3, "B1", groups=(3, 7)), control="TXN-06"),
    row("exception", "DRL-01", say(e.Excepted, T, control="DRL-01"), control="SET-06"),
    row("exception", "the confirmation", say(e.Excepted, T, file="confirmation.json"), control="SET-06"),
    row("pause", "the one before", say(e.Continued, T, paused=lambda b, p: next(
        (body.paused for _, _, body in p if isinstance(body, e.Continued)), b.paused)), control="ASM-03"),
    row("pause", "a phase", say(e.Signature, T, "witness", has={"purpose": "return"}, purpose="phase"), control="ASM-03"),
    row("void", "A2", say(e.Left, person="A2"), control="AUD-11"),
)  # fmt: skip
SIGNED = (
    row("two", "A3, who did not approve", say(e.Armed, T, positions=instead("positions", "A2", "A3")), control="SIG-02"),
    row("two", "the one before", say(e.Unlocked, T4, "A1", number=1), control="REC-12"),
    row("two", "A2 opened it", say(e.Unlocked, T, "A1", told_by="A2"), control="ASM-01"),
    row("two", "A3, not A2", say(e.Recovered, T, positions=instead("positions", "A2", "A3")), control="REC-01"),
    row("two", "A2 is both", say(e.Recovered, T, spares=("A2",)), control="REC-01"),
    row("two", "none", say(e.Recovered, T, accounts=()), control="REC-06"),
    row("two", "keys that can leave", say(e.Imported, T, attributes=lambda b, _p: {**b.attributes, "EXTRACTABLE": "true"}),
        control="REC-09"),
    row("two", "a third key", say(e.Imported, T, paths=lambda b, _p: (*b.paths, "0/2")), say(e.Absent, T, destroyed=3), by=OURS),
    row("two", "that of before", say(e.Signing, T4, request=before(e.Agreed, "request")), control="SIG-06"),
    row("two", "exchanged", say(e.HsmSigned, T, signatures=exchanged("raw")), by=OURS),
    row("two", "paths exchanged", say(e.HsmSigned, T, signatures=exchanged("path")), by=OURS),
    row("two", "one less", say(e.Absent, T, destroyed=more("destroyed", -1)), control="SEC-03"),
    row("two", "one", say(e.Absent, T, remaining=1), control="SEC-03"),
    row("two", "that of before", say(e.Checked, T4, txid=before(e.Checked, "txid")), control="SIG-03"),
    row("two", "one less", say(e.Checked, T, weight=more("weight", -1)), by=OURS),
    row("two", "one less", say(e.Exported, T, names=less("names")), control="EXP-01"),
    row("two", "the request", say(e.Exported, T, bundle=before(e.Agreed, "request")), by=OURS),
    row("two", "the lock of before", say(e.Sealing, T, "A1", sha256=sha256(b"A1 1")), say(e.Proven, T, "A1", sha256=sha256(b"A1 1")),
        control="REC-12"),
    row("sweep", "the new key's", say(e.Sealing, S3, "A1", set_identifier=SECOND_SET)),
    row("two", "the number before", say(e.Proven, T, "A1", number=1), control="SEC-01"),
    row("two", "the newest", say(e.Removed, T, "A1", number=2), control="SEC-01"),
    row("two", "the bag of before, twice", say(e.BagClosed, T, "A1", bag="A1-0001"), say(e.BagOpened, T4, "A1", bag="A1-0001"),
        control="STO-01"),
    row("sweep", "the new key's", say(e.BagClosed, S3, "A1", set_identifier=SECOND_SET), control="STO-01"),
    row("two", "void", say(e.Closed, T, outcome="void"), control="BRD-06"),
    row("two", "deep enough to settle", say(e.Sighting, confirmations=6), control="BRD-03"),
    row("two", "a second node", say(e.Sighting, node="another practice chain"), control="BRD-03"),
    row("rivals", "the mined one", say(e.Settled, ceremony=3), control="BRD-06"),
    row("rivals", "the other way round", say(e.Settled, txid=lambda b, _p: b.by, by=lambda b, _p: b.txid), control="BRD-06"),
)  # fmt: skip
OTHERS = (
    row("amend", "left over", say(e.File, "amend 4", has={"name": "policy.json"}, kind="leftover")),
    row("counted", "that of before", say(e.Granted, key=before(e.Revoked, "key")), control="STO-07"),
    row("counted", "A2, both times", say(e.Revoked, person="A2"), say(e.Granted, person="A2"), control="STO-07"),
    row("counted", "the one in force", say(e.Proposed, charter=CHARTER), control="STO-07"),
    row("counted", "the CFO", say(e.Proposed, lost="cfo"), control="STO-07"),
    row("amend", "the CTO", say(e.Proposed, "amend 5", lost="cto"), control="STO-07"),
    row("counted", "an hour sooner", say(e.Proposed, not_before=later("not_before", "T09", "T08")), control="STO-07"),
    row("counted", "the number after", say(e.Amended, number=2), control="STO-07"),
    row("counted", "the one before", say(e.Amended, charter=CHARTER), control="STO-07"),
    row("counted", "it counts at once", say(e.Closed, "amend 2", outcome="amended"), control="STO-07"),
    row("counted", "it only waits", say(e.Closed, "amend 3", outcome="proposed"), control="STO-07"),
    row("drill", "one that nobody refused", say(e.Drilled, attack="TXN-06"), control="DRL-03"),
    row("drill", "none, and it was refused", say(e.Drilled, attack="AUD-01"), say(e.Rehearsed, refused=("AUD-01", "REC-03")),
        control="DRL-03"),
    row("drill", "not", say(e.Drilled, caught="no"), control="DRL-03"),
    row("drill", "the charter", say(e.Alone, key_record=CHARTER), control="STO-10"),
    row("check", "an hour later", say(e.Healthy, at=later("at", "T10", "T11")), control="STO-10"),
    row("check", "the other one's", say(e.Healthy, file="health-2.json"), control="STO-10"),
    row("check", "A2's", say(e.Healthy, sha256=sha256(b"A2 1")), control="STO-10"),
    row("check", "only forgotten", say(e.Unhealthy, why="the passphrase was wrong"), control="STO-10"),
    row("check", "B2's, by B2", say(e.Unhealthy, position="B2", told_by="B2"), control="STO-10"),
    row("check", "another new one", say(e.BagClosed, "check", "A1", bag="A1-9002"), control="SEC-02"),
    row("safe", "two bags exchanged", say(e.Custody, record=of_event(
        "in", bags={"A1": "A2-0001", "A2": "A1-0001", "A3": "A3-0001"})), control="AUD-08"),
    row("safe", "a day before", say(e.Custody, record=of_event("out", time="2026-11-13T12:00:00Z")), control="AUD-08"),
    row("reseal", "A1 alone", say(e.Ordered, positions=("A1",)), control="AUT-01"),
    row("reseal", "the next one", say(e.Ordered, identifier="s-20261124-00000002"), control="AUT-01"),
    row("reseal", "A1 twice", say(e.Chosen, has={"position": "B3"}, position="A1"), control="ASM-01"),
    row("reseal", "checked alone", say(e.Closed, "reseal", outcome="shares checked"), control="AUD-08"),
    row("reshare", "a new one", say(e.Generated, R, made="new"), control="REC-06"),
    row("reshare", "the old set", say(e.Generated, R, set_identifier=before(e.Generated, "set_identifier")), control="GEN-08"),
    row("reshare", "the old number", say(e.Sealing, R, "A1", number=1), say(e.Proven, R, "A1", number=1), control="REC-12"),
    row("reshare", "the charter", say(e.Resharing, order=CHARTER), control="SIG-08"),
    row("reshare", "too few", say(e.Resharing, positions=("A1", "A2", "B1", "B2")), control="SIG-08"),
    row("reshare", "the new set", say(e.Destroyed, "", "A1", set_identifier=before(e.Generated, "set_identifier", R)), control="SEC-05"),
    row("reshare", "one that never was", say(e.Destroyed, "", "A1", numbers=(1, 2)), control="SEC-05"),
    row("suspended", "A1", say(e.Opened, "custody", suspensions=form(person="A1")), control="STO-07"),
    row("suspended", "by the CFO", say(e.Resumed, suspensions=form(by="cfo"))),
    row("suspended", "signed by two", say(e.Opened, "custody", loss=lambda b, _p: replace(
        b.loss, signatures=tuple(each for each in b.loss.signatures if each.signer != "cto"))), control="SET-10"),
    row("suspended", "the witness, too", say(e.Opened, "custody", loss=lambda b, _p: replace(
        b.loss, form=replace(b.loss.form, lost=("administrator", "witness"))))),
    row("suspended", "behind the entry before", say(e.Resumed, after=more("after", -1)), control="AUD-11"),
    row("suspended", "the third", say(e.Resumed, run=3), control="AUD-11"),
    row("suspended", "that of the first run", say(e.Resumed, run_key=before(e.Opened, "run_key", "custody")), control="AUD-11"),
    row("suspended", "nobody", say(e.Resumed, signers=()), control="AUD-11"),
)  # fmt: skip
ROWS = (*KEY_GENERATION, *BEFORE_SIGNING, *SIGNED, *OTHERS)


def test_they_are_of_fields_that_the_page_calls_bound_or_computed() -> None:
    fields = {each for found in ROWS for each in found.told}
    held = {each for each in fields if FIELDS[each.partition(".")[0]][each.partition(".")[2]].how in ("bound", "computed")}
    limited = {"rehearsed.refused", "bag-opened.state", "bag-closed.bag", "typed-back.groups"}
    assert fields - held == limited, "told, within limits that the change breaks"
    assert len(held) >= 80


@pytest.mark.control("AUD-14")
@pytest.mark.parametrize("found", every(3, ROWS), ids=str)
def test_both_verifiers_refuse_it(found: Row, tmp_path: Path) -> None:
    liar = Liar(found.lies)
    anchor = REGISTERS[found.register](tmp_path / "register", liar)
    assert not liar.silent, "the register has no such entry, or it says that anyway"
    ours, stock = sweep.by_ours(anchor), sweep.by_stock(anchor)
    assert ours
    assert stock or found.by == OURS
    if found.control:
        assert (ours, stock) == (found.control, found.control)


@pytest.mark.parametrize("name", OWN)
def test_without_a_lie_both_accept_it(name: str, tmp_path: Path) -> None:
    anchor = OWN[name](tmp_path / "register", sample.unchanged)
    assert (sweep.by_ours(anchor), sweep.by_stock(anchor)) == ("", "")


@pytest.mark.control("AUD-02")
def test_a_disagreement_is_signed_over_itself_or_later(tmp_path: Path) -> None:
    """Not over an entry before it: that signature says nothing of it."""
    anchor = with_(disagreement_to_nothing)(tmp_path / "register", sample.unchanged)
    assert (sweep.by_ours(anchor), sweep.by_stock(anchor)) == ("AUD-02", "AUD-02")
