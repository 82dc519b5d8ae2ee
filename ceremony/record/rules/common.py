"""The rules that every ceremony is held to, whatever its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NoReturn

from ceremony.base.control import refuse
from ceremony.base.data import Malformed, load
from ceremony.base.files import read_file
from ceremony.record import checkpoint, entries, policy, signers
from ceremony.record.charter import SIGNERS, Charter
from ceremony.record.end import AMENDED, PROPOSED, TAKES_POLICY
from ceremony.record.health import HealthRecord
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.ledger import (
    CARRIED_OUT,
    CHECKED,
    CUSTODY_RECORDED,
    DRILL_FAILED,
    DRILL_HELD,
    EXCEPTED,
    RECEIVED,
    RESEALED,
    VOID,
    Ledger,
)
from ceremony.record.order import ShareOrder
from ceremony.record.register import Ceremony
from ceremony.record.rules import pause
from ceremony.record.sets import KEY_MADE, RESHARED
from ceremony.record.signers import COPY
from ceremony.record.transcript import NAME
from shares.plan import Plan
from transfer.authorization import Authorization, Confirmation
from transfer.bitcoin import psbt, tx
from transfer.bitcoin.snapshot import Snapshot
from transfer.revocation import Revocation

STAFF = ("administrator", "witness")
ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "keygen": (KEY_MADE, VOID),
        "transfer": (CARRIED_OUT, VOID),
        "receipt": (RECEIVED, EXCEPTED, VOID),
        "amend": (AMENDED, PROPOSED, VOID),
        "drill": (DRILL_HELD, DRILL_FAILED, VOID),
        "check": (CHECKED, VOID),
        "custody": (CUSTODY_RECORDED, VOID),
        "reseal": (RESEALED, VOID),
        "reshare": (RESHARED, VOID),
    }
)
"""Kind -> the outcomes that a ceremony of this kind can have."""


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Opening, list of files, documents, signatures in their form, checkpoints, outcome."""
    _check_opening(ceremony, ledger)
    _check_listed(ceremony)
    _check_documents(ceremony)
    _check_constitution(ceremony, ledger)
    signers.check_forms(ceremony, ledger.charter, ledger.genesis)
    _check_phases(ceremony)
    pause.check(ceremony)
    _check_outcome(ceremony)


def differs(identifier: str, ceremony: Ceremony, what: str, found: object, expected: object) -> NoReturn:
    """The refusal of a ceremony in which something is not as it must be."""
    refuse(identifier, f"{ceremony.folder.name}: {what}", found=str(found)[:500] or "nothing", expected=str(expected)[:500], do=COPY)


def equal(identifier: str, ceremony: Ceremony, what: str, found: object, expected: object) -> None:
    """Refuses with the identifier unless both are equal."""
    if found != expected:
        differs(identifier, ceremony, what, found, expected)


def _check_opening(ceremony: Ceremony, ledger: Ledger) -> None:
    opened = ceremony.state.opened
    equal("SET-08", ceremony, "practice or production", opened.mark, ledger.charter.mark)
    equal("AUD-03", ceremony, "the genesis that it was opened under", opened.genesis, ledger.genesis)
    for body in ceremony.state.all(entries.BootImage):
        equal("SET-02", ceremony, "the boot image whose words were given", body.sha256, ledger.charter.boot)
    for resumed in ceremony.state.all(entries.Resumed):
        if late := [note for note in resumed.notes if (note.entry or 0) > resumed.after]:
            differs(
                "AUD-10",
                ceremony,
                f"the note of {late[0].person} in run {resumed.run}",
                f"entry {late[0].entry}",
                f"at most {resumed.after}",
            )
    if opened.newest > ceremony.number - 1:
        differs("AUD-10", ceremony, "the newest ceremony that was remembered", opened.newest, f"{ceremony.number - 1} or less")


def _check_listed(ceremony: Ceremony) -> None:
    names = Counter(file.name for file in ceremony.state.all(entries.File))
    for name, count in names.items():
        if count > 1 or name == NAME:
            differs(
                "AUD-05", ceremony, f"the list of files has {name}", f"{count} times", "each file once, and never the transcript itself"
            )


def read_transaction(raw: bytes, what: str) -> tx.Transaction:
    """A signed transaction's file: the network's bytes in lower-case hexadecimal digits, and a newline."""
    text = raw.decode("ascii", errors="replace")
    try:
        found = bytes.fromhex(text.rstrip("\n"))
    except ValueError:
        found = b""
    if not found or found.hex() + "\n" != text:
        raise Malformed(f"{what}: expected hexadecimal digits in lower case and a newline")
    return tx.parse(found, what)


_READERS: Mapping[str, Callable[[bytes, str], object]] = MappingProxyType(
    {
        "policy": policy.parse,
        "key-record": lambda raw, what: load(KeyRecord, raw, what),
        "authorization": lambda raw, what: load(Authorization, raw, what),
        "confirmation": lambda raw, what: load(Confirmation, raw, what),
        "revocation": lambda raw, what: load(Revocation, raw, what),
        "share-order": lambda raw, what: load(ShareOrder, raw, what),
        "health": lambda raw, what: load(HealthRecord, raw, what),
        "snapshot": lambda raw, what: load(Snapshot, raw, what),
        "request": lambda raw, _: psbt.parse(raw),
        "transaction": read_transaction,
    }
)


def _check_documents(ceremony: Ceremony) -> None:
    """Every document is one of its kind; receipts are read by their own rules, torn and left-over bytes are nothing."""
    for file in ceremony.state.all(entries.File):
        if file.kind in _READERS:
            _READERS[file.kind](read_file(ceremony.folder / file.name), f"{ceremony.folder.name}/{file.name}")


def _check_constitution(ceremony: Ceremony, ledger: Ledger) -> None:
    """A charter is the genesis itself, signed as it demands (an amendment has rules of its own); a policy comes in a key generation or
    an amendment alone, follows the one before it, and is signed likewise.

    A key generation that was cut off while it took these in has nothing yet that must be signed."""
    amends = ceremony.kind == "amend"
    if ceremony.kind not in TAKES_POLICY and ceremony.state.file("policy") is not None:
        differs("AUD-12", ceremony, "a policy", "in its list of files", "policies in key generations and amendments alone")
    for charter in (f for f in ceremony.state.all(entries.File) if f.kind == "charter" and not amends):
        equal("AUD-09", ceremony, "the charter", charter.sha256, ledger.genesis)
    if ceremony.state.closing is None or ceremony.state.closing.outcome == VOID:
        return
    for kind in ("policy",) if amends else ("charter", "policy"):
        if ceremony.state.file(kind) is not None:
            signers.signed_by(ceremony, kind, SIGNERS)
    if ceremony.state.file("policy") is not None:
        rules = policy.parse(ceremony.raw("policy"), f"{ceremony.folder.name}, policy")
        policy.check(rules, ceremony.load(Charter, "charter") if ceremony.amends else ledger.charter, ledger.genesis)
        if ledger.policy != rules:
            policy.check_follows(rules, ledger.policy)


def _check_phases(ceremony: Ceremony) -> None:
    """AUD-02: when a step ends with a checkpoint, administrator and witness have both signed the same one."""
    signed: dict[str, set[str]] = {}
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.purpose == "phase":
            signed.setdefault(entry.body.text or "", set()).add(entry.actor)
        elif isinstance(entry.body, entries.Step):
            if signed and not any(people >= set(STAFF) - ceremony.state.lost for people in signed.values()):
                found = ", ".join(sorted(set().union(*signed.values())))
                differs(
                    "AUD-02", ceremony, f"the checkpoint of step {entry.body.number}", f"signed by {found}", "administrator and witness"
                )
            signed = {}


def _check_outcome(ceremony: Ceremony) -> None:
    """A ceremony ends as its kind can end; BRD-06: one that may have signed is never void."""
    closed = ceremony.state.closing
    if closed is None:
        return
    if closed.outcome not in ENDINGS[ceremony.kind]:
        differs("AUD-08", ceremony, "its outcome", closed.outcome, " or ".join(ENDINGS[ceremony.kind]))
    if closed.outcome == VOID and any(isinstance(e.body, entries.Signing | entries.HsmSigned) for e in ceremony.state.entries):
        differs("BRD-06", ceremony, "it was voided", "the HSM may have signed", "a ceremony that ends as carried out")


def everyone_signed(ceremony: Ceremony, needed: Iterable[str], covered: tuple[type, ...]) -> None:
    """ASM-01, AUD-02: these people are present; everyone present signed the opening, and at the end a checkpoint that covers the
    newest entry of each of these kinds."""
    state = ceremony.state
    present = set(state.actors(entries.Present)) - state.lost
    missing = sorted(set(needed) - present - state.lost)
    if missing:
        identifier = "ASM-03" if set(missing) & set(STAFF) else "ASM-01"
        differs(identifier, ceremony, "who was there", ", ".join(sorted(present)), f"also {', '.join(missing)}")
    signers.signed_by(ceremony, "opening", present)
    declined = {e.actor for e in state.entries if isinstance(e.body, entries.Disagreed) and e.body.to == "adjournment"}
    signers.signed_by(ceremony, "adjournment", present - declined)
    signers.signed_by(ceremony, "disagreement", declined)
    last = max((e.line.seq for e in state.entries if isinstance(e.body, covered)), default=0)
    late = {
        e.actor
        for e in state.entries
        if isinstance(e.body, entries.Signature)
        and (e.body.purpose == "adjournment" or (e.body.purpose == "disagreement" and e.actor in declined))
        and checkpoint.parse(e.body.text or "").seq >= last
    }
    if not late >= present:
        found = ", ".join(sorted(late)) or "nobody"
        differs("AUD-02", ceremony, f"the adjournment after entry {last}", f"signed by {found}", "everyone present, over what was done")


def is_quorum(body: entries.Recovered, plan: Plan) -> bool:
    """REC-01: the shares that were combined are enough, and none of them, nor of the spares, is named twice."""
    used = (*body.positions, *body.spares)
    return plan.enough(body.positions) and len(set(used)) == len(used)
