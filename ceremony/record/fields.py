"""What every field of every entry rests on (AUD-14): docs/formats.md prints this page, and the sweep of re-signed changes holds it.

A *bound* field is held by both verifiers against a document, a signature, an earlier entry or a constant. A *computed* one is bound by
reading a chain's own bytes: `ceremony audit verify` holds it from the bytes, the verifier of stock tools against every signed document
that repeats it. A *told* one is somebody's word, and the report says whose. A *free* one says nothing that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Rest = Literal["bound", "computed", "told", "free"]


@dataclass(frozen=True, slots=True)
class Rests:
    """How one field is held, and against what; of a told one, whose word it is."""

    how: Rest
    to: str


def _b(to: str) -> Rests:
    return Rests("bound", to)


def _c(to: str) -> Rests:
    return Rests("computed", to)


def _t(to: str) -> Rests:
    return Rests("told", to)


def _f(to: str) -> Rests:
    return Rests("free", to)


TOOL = "the tool's word, self-reported"
_RUN = {
    "script": _b("the file script.json, and the list of released scripts"),
    "tool": _t(TOOL),
    "commit": _t(TOOL),
    "run_key": _b("run-N.sig, over the run's last line"),
    "signers": _b("the script, or who signs the run"),
    "watches": _b("the first two signers, and the entry's own time, within two minutes"),
    "loss": _b("signatures of those whom SET-10 names"),
    "suspensions": _b("signatures of those whom STO-07 names, and the keys of the charter"),
}
_VAULT = _t("the vault's word")
_HERE = _b("the actor")
_SET = _b("the key record in use, or made here")
_REQUEST = _b("the file request.psbt")

FIELDS: Mapping[str, Mapping[str, Rests]] = MappingProxyType({
    "opened": {
        "kind": _b("the folder's name"), "mark": _b("the charter"), "ceremony": _b("the folder's number"), "genesis": _b("the charter"),
        "newest": _b("at most the number of the ceremony before"), **_RUN,
    },
    "resumed": {
        "run": _b("the number of runs"), "after": _b("the number of entries"), "found": _t("the tool's word; the files are listed next"),
        "notes": _t("that person's word, of an entry that is here"), **_RUN,
    },
    "file": {"name": _b("the file"), "kind": _b("the script's step"), "sha256": _b("the file"), "size": _b("the file")},
    "signature": {
        "namespace": _b("the purpose"), "purpose": _b("the script's step, and what was signed"), "file": _b("the list of files"),
        "text": _b("the signature"), "blob": _b("the signer's key in the charter"),
    },
    "step": {"number": _b("the script"), "title": _b("the script")},
    "present": {"factors": _b("a closed list, two types of it")},
    "watch": {"typed": _b("the entry's own time, within two minutes")},
    "clock": {"machine": _b("the entry's own time")},
    "slip-read": {"ceremony": _b("a ceremony that has ended"), "places": _b("four places, other ones than the other reader's")},
    "room-item": {"item": _b("a closed list, each once held"), "held": _t("the witness's word"), "note": _t("the witness's word")},
    "machine": {"findings": _t("the machine's word; production refuses any"), "usb": _t("the machine's word"),
                "says": _t("the machine's word")},
    "boot-image": {"sha256": _b("the charter"), "words": _t("the witness's word")},
    "self-tests": {"process": _b("each process of the vault, and the screen"), "count": _b("a constant of the release")},
    "stray-device": {"finding": _t("the machine's word")},
    "vault": {"process": _b("a closed list"), "protection": _t("the machine's word; production refuses without")},
    "vault-ended": {"reason": _f("a sentence")},
    "hsm": {
        "label": _b("the charter"), "serial": _b("the charter"), "manufacturer": _b("the charter"), "model": _b("the charter"),
        "firmware": _b("the charter"), "certificate": _b("the charter"), "objects": _t("the HSM's word"), "findings": _t("the tool's word"),
    },
    "import-path": {"steps": _t("the HSM's word")},
    "generated": {
        "made": _b("the kind of ceremony"), "sources": _t("the vault's word"), "set_identifier": _b("the file key-record.json"),
        "commitments": _b("the file key-record.json"),
    },
    "custodian-token": {
        "position": _HERE, "token": _b("the sealing that follows"), "protection": _t("the machine's word"),
        "tests": _b("a constant of the release"), "module": _t("the tool's word"),
    },
    "sealing": {
        "position": _HERE, "number": _b("the next number of this position"), "set_identifier": _SET,
        "sha256": _b("the entry `proven`, and no sealing before has it"), "medium": _t("the custodian's word"),
        "token": _b("the entry custodian-token"),
    },
    "proven": {"position": _HERE, "number": _b("the sealing"), "sha256": _b("the sealing")},
    "chosen": {"position": _b("the share order"), "renewed": _t("the custodian's word")},
    "healthy": {
        "position": _b("the health record"), "number": _b("the health record"), "sha256": _b("the health record"),
        "file": _b("the list of files"), "at": _b("the health record"),
    },
    "unhealthy": {
        "position": _b("the health record"), "file": _b("the list of files"), "at": _b("the health record"), "why": _b("the health record"),
    },
    "removed": {"position": _HERE, "number": _b("an older sealing"), "medium": _t("the custodian's word"),
                "tool": _t("the custodian's word"), "how": _t("the custodian's word")},
    "not-removed": {"position": _HERE, "number": _b("an older sealing"), "medium": _t("the custodian's word"),
                    "why": _t("the custodian's word")},
    "destroyed": {
        "position": _HERE, "set_identifier": _b("a retired set"), "numbers": _b("sealings of it"),
        "medium": _t("the custodian's word"), "tool": _t("the custodian's word"), "how": _t("the custodian's word"),
    },
    "quorums": {"of_sites": _b("the plan"), "whole": _b("the plan"), "stand_for": _b("the plan")},
    "authorized": {
        "authorization": _b("the file authorization.json"), "identifier": _b("the authorization"), "payments": _b("the authorization"),
        "fee_cap": _b("the authorization"), "replaces": _b("the authorization"), "key_record": _b("the authorization"),
        "to": _b("the authorization"), "address": _b("the authorization"),
    },
    "ordered": {
        "order": _b("the file share-order.json"), "identifier": _b("the share order"), "kind": _b("the share order"),
        "positions": _b("the share order"),
    },
    "agreed": {
        "request": _REQUEST, "txid": _c("the request; approvals name it"), "readers": _t("the tool's word"),
        "fee": _c("the request; approvals name it"), "coins": _c("the request; approvals name their digest"),
    },
    "reviewed": {"request": _REQUEST},
    "typed-back": {"payment": _b("the authorization"),
                   "groups": _t("the custodian's word: three or more of the address, none of the other's (TXN-06)")},
    "armed": {"request": _REQUEST, "positions": _b("who approved")},
    "unlocked": {"position": _HERE, "number": _b("the newest sealing that counts")},
    "alone": {"key_record": _SET},
    "resharing": {"key_record": _SET, "order": _b("the share order"), "positions": _b("a quorum of custodians who are there")},
    "recovered": {"positions": _b("shares that were unlocked"), "spares": _b("shares that were unlocked"),
                  "accounts": _b("the key record")},
    "imported": {"import_key": _t("the HSM's word"), "attested": _t("the HSM's word"), "paths": _c("the request; not by stock tools"),
                 "attributes": _b("a constant of the release")},
    "signing": {"request": _REQUEST},
    "set-aside": {"position": _HERE, "reason": _t("the vault's word")},
    "hsm-signed": {"request": _REQUEST, "nonces": _t("the HSM's word"),
                   "signatures": _c("the request, and the account's public keys; not by stock tools")},
    "absent": {"destroyed": _b("the paths that were imported"), "remaining": _b("none")},
    "checked": {"txid": _c("the file transaction.hex; `agreed`"), "fee": _c("the request; `agreed`"),
                "weight": _c("the file transaction.hex; not by stock tools")},
    "exported": {"bundle": _c("what the register has; not by stock tools"), "names": _b("the closed list of the bundle"),
                 "frames": _t("the tool's word"), "readers": _t("the tool's word")},
    "sighting": {"node": _b("the receipt"), "txid": _b("the receipt"), "block_hash": _b("the receipt"),
                 "block_height": _b("the receipt"),
                 "confirmations": _b("the receipt")},
    "settled": {"ceremony": _b("a transfer that shares a coin"), "txid": _b("that transfer"), "by": _b("the receipt")},
    "disagreed": {"to": _t("the person's word; nothing but `end` stands behind `closed`"), "because": _t("the person's word")},
    "excepted": {"control": _b("the form"), "file": _b("the list of files")},
    "refusal": {"identifier": _t("the tool's word"), "what": _t("the tool's word"), "found": _t("the tool's word"),
                "expected": _t("the tool's word")},
    "revoked": {"person": _b("both charters"), "key": _b("the charter before"), "decision": _t("the administrator's word")},
    "granted": {"person": _b("both charters"), "key": _b("the charter after")},
    "proposed": {"charter": _b("the file charter.json"), "lost": _b("who has not signed it"), "not_before": _b("the policy in force")},
    "amended": {"charter": _b("the file charter.json"), "number": _b("the charter")},
    "rehearsed": {
        "genesis": _t("the staff's word: the practice register's slip"), "head": _t("the staff's word: the practice register's slip"),
        "ceremonies": _t("the practice register"), "took_part": _t("the practice register"), "refused": _t("the practice register"),
    },
    "drilled": {
        "scenario": _t("the staff's word"), "attack": _b("a closed list"),
        "caught": _b("`yes`: the practice register's refusals; the outcome says the same"),
        "outcome": _t("the staff's word"), "remediation": _t("the staff's word"), "next": _t("the staff's word, within 92 days"),
    },
    "bag-opened": {"position": _HERE, "set_identifier": _SET, "bag": _b("the bag that was closed last"),
                   "state": _t("the custodian's word; a transfer wants `intact` (STO-02)")},
    "bag-closed": {"position": _HERE, "set_identifier": _SET,
                   "bag": _t("the custodian's word: a number that was not used; the bag that is opened next has it (STO-01)")},
    "custody": {"file": _b("the list of files"), "record": _b("the file")},
    "left": {"person": _b("who signed nothing after what stands in their name")},
    "paused": {"who": _t("the staff's word"), "reason": _t("the staff's word")},
    "continued": {"paused": _b("the entry `paused`")},
    "closed": {"signers": _b("the script"), "outcome": _b("the kind of ceremony, and what was done"), "reason": _t("the staff's word")},
})  # fmt: skip
"""Entry type -> field -> what it rests on."""
