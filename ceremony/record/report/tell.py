"""Each kind of entry in one plain sentence, without its actor; and the entries of a ceremony, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ceremony.base.amounts import format_btc
from ceremony.record import entries
from ceremony.record.order import ordered
from ceremony.record.report.html import plural
from ceremony.record.state import Recorded
from transfer.authorization import told

KINDS = {
    "keygen": "key generation",
    "transfer": "transfer",
    "receipt": "receipt",
    "amend": "amendment",
    "drill": "drill",
    "check": "check of shares",
    "custody": "custody records",
    "reseal": "shares sealed anew",
    "reshare": "resharing",
}
"""Kind of ceremony -> what people call it."""

_SIGNED = {
    "charter": "signed the charter (before this ceremony)",
    "succession": "signed the succession (before this ceremony)",
    "policy": "signed the policy (before this ceremony)",
    "authorization": "signed the authorization (before this ceremony)",
    "share-order": "signed the share order (before this ceremony)",
    "confirmation": "signed the confirmation of the payee (before this ceremony)",
    "revocation": "signed the revocation of an authorization (before this ceremony)",
    "receipt": "signed the receipt (before this ceremony)",
    "health": "signed the record of a look at a share (before this ceremony)",
    "key-record": "signed the key record",
    "approval": "signed an approval of this request",
    "run": "signed that this run of the tool begins",
    "opening": "signed the opening",
    "phase": "signed the end of the phase",
    "adjournment": "signed the adjournment",
    "exception": "signed the exception form",
    "custody": "signed the custody record (before this ceremony)",
    "disagreement": "signed that they do not agree",
    "return": "signed that they are back",
    "end": "signed the end of the ceremony",
}


def _by_watches(body: entries.Opened | entries.Resumed) -> str:
    """Whose watches the machine agreed with, and which code this was, by its own word."""
    read = ", ".join(f"{each.person} read {each.typed[11:16]} UTC" for each in body.watches)
    return f"{read} from their own watch; tool {body.tool}, commit {body.commit} (self-reported)"


_DECIDED = {
    "reshare": "; this custodian's old share is to be replaced by resharing",
    "rekey": "; a new key is to be generated because of this custodian's old share",
    "undecided": "; NOT YET DECIDED: reshare, or a new key?",
    "not needed": "",
}

_RENEWED = {
    "passphrase": "a new passphrase, on the same medium",
    "medium": "another medium, under the same passphrase",
    "both": "a new passphrase and another medium",
}

SENTENCES: dict[type, Callable[[Any], str]] = {
    entries.Opened: lambda b: f"opened: {b.kind}, {b.mark}; {_by_watches(b)}",
    entries.File: lambda b: f"file kept: {b.name} ({b.kind}, {plural(b.size, 'byte')})",
    entries.Signature: lambda b: _SIGNED[b.purpose],
    entries.Step: lambda b: f"step {b.number} done: {b.title}",
    entries.Present: lambda b: f"in the room ({', '.join(b.factors)})",
    entries.Watch: lambda b: f"read {b.typed[:-4].replace('T', ' ')} UTC from their own watch",
    entries.Clock: lambda b: f"the machine's clock, {b.machine}, agreed with two watches",
    entries.SlipRead: lambda b: (
        f"read ceremony {b.ceremony} from their own closing slip, words {', '.join(map(str, b.places))} of its head"
    ),
    entries.Machine: lambda b: "machine examined: " + (f"production would refuse {'; '.join(b.findings)}" if b.findings else "no finding"),
    entries.RoomItem: lambda b: f"room, {b.item}: " + ("held" if b.held == "yes" else f"NOT HELD: {b.note}"),
    entries.BootImage: lambda b: f"gave the first {b.words} words of the boot image's SHA-256 from their own paper: as the charter has it",
    entries.SelfTests: lambda b: f"self-tests of the {b.process} process passed: {b.count}",
    entries.StrayDevice: lambda b: f"production would refuse: {b.finding}",
    entries.Vault: lambda b: f"vault process {b.process} began: {held(b)} of {plural(len(b.protection), 'protection')} held",
    entries.VaultEnded: lambda b: f"both vault processes ended: {b.reason}",
    entries.Hsm: lambda b: f"HSM opened: {b.label}, serial number {b.serial}, {plural(b.objects, 'object')} in it",
    entries.ImportPath: lambda b: f"import path proven with a throw-away key: {', '.join(s for s in b.steps if '=' not in s)}",
    entries.Generated: lambda b: (
        ("secret generated from" if b.made == "new" else "recovered secret split anew, with randomness of")
        + f" {' and '.join(b.sources)}{', and split' if b.made == 'new' else ''}; {b.commitments} commitments recorded"
    ),
    entries.CustodianToken: lambda b: (
        f"token {b.token.label} (serial {b.token.serial}) opened in a process of its own: {held(b)} of "
        f"{plural(len(b.protection), 'protection')} held, {b.tests} self-tests passed"
    ),
    entries.Sealing: lambda b: f"share locked, sealing number {b.number}, onto {onto(b)}",
    entries.Proven: lambda b: f"sealed share {b.number} read back from its medium, opened, equal to its commitment",
    entries.Chosen: lambda b: f"chose for their share: {_RENEWED[b.renewed]}",
    entries.Healthy: lambda b: (
        f"proved their share alone at their own site, {b.at[:-4].replace('T', ' ')} UTC: sealed share {b.number} opened, equal to its"
        f" commitment ({b.file})"
    ),
    entries.Unhealthy: lambda b: (
        f"share did NOT prove healthy at its own site, {b.at[:-4].replace('T', ' ')} UTC: {b.why} ({b.file}); to be decided"
    ),
    entries.Removed: lambda b: f"older sealed share {b.number} removed from {b.medium}, by {b.tool}: {b.how}",
    entries.NotRemoved: lambda b: f"older sealed share {b.number} NOT removed from {b.medium}, it may exist: {b.why}",
    entries.Destroyed: lambda b: (
        f"old sealed share {', '.join(map(str, b.numbers))} of retired set {b.set_identifier} destroyed on {b.medium}, by {b.tool}: {b.how}"
    ),
    entries.Quorums: lambda b: (
        f"quorums proven: {b.of_sites} of custodians and {b.whole} of sites were recovered, which prove all {b.stand_for}"
    ),
    entries.Authorized: lambda b: (
        f"granted: {'; '.join(map(told, b.payments)) or _nobody_paid(b)}; from here on it counts"
        + "".join(f"; it replaces {txid}, which can then never be mined" for txid in b.replaces)
    ),
    entries.Ordered: lambda b: f"ordered by both officers: {ordered(b.kind, b.positions)}; from here on the order is used",
    entries.Agreed: lambda b: f"readers agree: {' and '.join(b.readers)}; fee {format_btc(b.fee)}, {plural(len(b.coins), 'coin')} reserved",
    entries.Reviewed: lambda _: "read the review of the request",
    entries.TypedBack: lambda b: f"typed groups {', '.join(map(str, b.groups))} of address {b.payment} from their own slip, unseen",
    entries.Armed: lambda b: (
        f"vault armed: it verified everything itself and can sign this request only; shares of {' '.join(b.positions)}"
    ),
    entries.Unlocked: lambda b: f"share unlocked (sealing number {b.number}), equal to its commitment",
    entries.Alone: lambda _: "vault began: shares are opened one at a time, each alone, and never combined",
    entries.Resharing: lambda b: (
        "vault began: it verified the officers' order itself, and can recover and split anew, nothing else; shares of "
        f"{' '.join(b.positions)}"
    ),
    entries.Recovered: lambda b: (
        f"recovered from {' '.join(b.positions)}; every extended public key equals the record"
        + (f"; spare shares {' '.join(b.spares)} checked" if b.spares else "")
    ),
    entries.Imported: lambda b: f"{plural(len(b.paths), 'child key')} unwrapped in the HSM and read back; import key {b.attested}",
    entries.Signing: lambda _: "SIGN was typed: from here on this ceremony cannot be void",
    entries.SetAside: lambda b: f"share set aside for the day: {b.reason}",
    entries.HsmSigned: lambda b: f"HSM signed {plural(len(b.signatures), 'input')}, each signature verified; nonces: {b.nonces}",
    entries.Absent: lambda b: f"keys destroyed in the HSM: {plural(b.destroyed, 'object')}; {b.remaining} remain",
    entries.Checked: lambda b: f"transaction assembled and verified by both readers: txid {b.txid}",
    entries.Exported: lambda b: (
        f"outbound bundle and {plural(b.frames, 'QR frame')} written and read back by {' and '.join(b.readers)}"
        if b.frames
        else "outbound bundle written and read back; its transaction is too large for QR codes"
    ),
    entries.Sighting: lambda b: f"seen on chain by {b.node}: block {b.block_height}, {plural(b.confirmations, 'confirmation')}",
    entries.Disagreed: lambda b: f"DOES NOT AGREE to the {b.to}, because: {b.because}",
    entries.Excepted: lambda b: f"EXCEPTION to {b.control}, signed by both officers: {b.file}",
    entries.Settled: lambda b: f"transfer {b.ceremony} can never be mined: {b.by} spends a coin of it; its amount and other coins are free",
    entries.Refusal: lambda b: f"REFUSED by {b.identifier}: {b.what}",
    entries.Revoked: lambda b: f"key of {b.person} revoked: {b.key}" + _DECIDED[b.decision],
    entries.Granted: lambda b: f"key of {b.person} granted: {b.key}",
    entries.Proposed: lambda b: (
        f"charter proposed that {f'replaces the {b.lost}' if b.lost else 'loosens'}: it cannot count before {b.not_before} ({b.charter})"
    ),
    entries.Amended: lambda b: f"charter amended: charter {b.number} counts from here on ({b.charter})",
    entries.Rehearsed: lambda b: (
        f"practised in {plural(len(b.ceremonies), 'transfer')} of practice register {b.genesis[:16]}...: {' '.join(b.took_part)}"
        + (f"; refused there: {', '.join(b.refused)}" if b.refused else "")
    ),
    entries.Drilled: lambda b: (
        f"drill: {b.scenario}; attack {b.attack}, caught: {b.caught}; {b.outcome}; to mend: {b.remediation}; next {b.next}"
    ),
    entries.BagOpened: lambda b: f"bag {b.bag} of this share opened: {b.state}" if b.bag else "the bag of this share is MISSING",
    entries.BagClosed: lambda b: f"share put into bag {b.bag}, which was closed",
    entries.Custody: lambda b: (
        f"custody: {b.record.event} {' '.join(b.record.positions) or f'of site {b.record.site}'}, {b.record.time}, "
        f"by {' and '.join(b.record.people)}: {b.record.reason}"
    ),
    entries.Resumed: lambda b: (
        f"run {b.run} of the tool goes on after entry {b.after}; {_by_watches(b)}"
        + (f"; kept aside: {', '.join(b.found)}" if b.found else "")
    ),
    entries.Paused: lambda b: f"PAUSED: {', '.join(b.who)} left ({b.reason})",
    entries.Continued: lambda b: f"went on after the pause of entry {b.paused}, administrator and witness back",
    entries.Left: lambda b: f"told that {b.person} left without signing: what stands in their name is the staff's word",
    entries.Closed: lambda b: f"closed: {b.outcome}" + (f" ({b.reason})" if b.reason else ""),
}
"""Kind of entry -> its sentence. Every kind has one."""


def _nobody_paid(body: entries.Authorized) -> str:
    if body.key_record is None:
        return "a consolidation, which pays nobody"
    former, to = body.key_record[:20], (body.to or "")[:20]
    return f"a sweep, which pays nobody: everything of the former key, set {former}, to {body.address} of our key in use, set {to}"


def held(body: entries.Vault | entries.CustodianToken) -> int:
    """How many protections of a process really held."""
    return sum(state == "held" for state in body.protection.values())


def onto(body: entries.Sealing) -> str:
    """What a share was locked onto."""
    return f"token {body.token.label} (serial {body.token.serial})" if body.token else f"a {body.medium}"


@dataclass(frozen=True, slots=True)
class Happening:
    """The same thing done once, or by several people one after the other."""

    sentence: str
    done: tuple[Recorded, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Who did it, in order; nobody if the tool did."""
        return tuple(dict.fromkeys(e.actor for e in self.done if e.actor != "tool"))

    @property
    def numbers(self) -> str:
        """Their entry numbers: `12`, `12-26` without a gap, `12 ... 26` with others between."""
        seqs = [e.line.seq for e in self.done]
        if len(seqs) == 1:
            return str(seqs[0])
        return f"{seqs[0]}-{seqs[-1]}" if seqs[-1] - seqs[0] == len(seqs) - 1 else f"{seqs[0]} ... {seqs[-1]}"


@dataclass(frozen=True, slots=True)
class Stage:
    """What was done for one step, up to the entry that says that it is done; `step` is None for what came after the last."""

    step: Recorded | None
    happenings: tuple[Happening, ...]

    @property
    def began(self) -> str:
        """Time of its first entry."""
        return min(e.line.time for h in self.happenings for e in h.done) if self.happenings else self.ended

    @property
    def ended(self) -> str:
        """Time of its last entry."""
        if self.step is not None:
            return self.step.line.time
        return max(e.line.time for h in self.happenings for e in h.done)


def stages(found: Iterable[Recorded]) -> tuple[Stage, ...]:
    """All entries of a ceremony, in the order of its steps."""
    result: list[Stage] = []
    waiting: list[Recorded] = []
    for entry in found:
        if isinstance(entry.body, entries.Step):
            result.append(Stage(entry, happenings(waiting)))
            waiting = []
        else:
            waiting.append(entry)
    return (*result, Stage(None, happenings(waiting))) if waiting else tuple(result)


def happenings(found: Iterable[Recorded]) -> tuple[Happening, ...]:
    """Entries of one step, those of one sentence together, in the order in which each sentence began.

    Nothing is put together across a refusal or an interruption: what was done again afterwards is told again."""
    runs: list[dict[tuple[str, bool], list[Recorded]]] = [{}]
    for entry in found:
        if isinstance(entry.body, entries.Refusal | entries.Resumed):
            runs.append({})
        runs[-1].setdefault((SENTENCES[type(entry.body)](entry.body), entry.actor == "tool"), []).append(entry)
    return tuple(Happening(sentence, tuple(same)) for run in runs for (sentence, _), same in run.items())
