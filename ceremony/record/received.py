"""The outbound bundle on the online host: everything is decoded and verified again, from its bytes and signed papers alone (BRD-01).

Nothing that the cold host found is believed: officers' signatures, both readers, each input, each approval, the chain of the
transcript and what its people signed of it are checked anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from ceremony.base import signatures
from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, load
from ceremony.base.lines import parse_chain, parse_line, sha256
from ceremony.base.signatures import Signature
from ceremony.record import checkpoint, entries
from ceremony.record import policy as policies
from ceremony.record.approval import Approval, Approved, SignedApproval, approve
from ceremony.record.charter import Account, Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.signed import parse_signatures
from ceremony.record.state import Recorded, State, fold
from transfer.agree import check_fee, check_payment, check_place
from transfer.authorization import Authorization, check_officers, check_valid
from transfer.bitcoin.check import Checked, check
from transfer.gap.bundle import Bundle
from transfer.limits import Policy, check_payee
from transfer.request import AccountKey, SigningRequest

_TOKEN = object()
_STOP = "Send nothing. Keep the medium as it is, and tell the officers."
_TRANSCRIPT = "transcript.jsonl"
_RECORDED: Mapping[entries.FileKind, str] = {
    "authorization": "authorization.json",
    "request": "request.psbt",
    "transaction": "transaction",
}
"""Kind of file in the transcript -> its name in the bundle."""


class Received:
    """Proof that a bundle is one approved transfer of this genesis, and nothing else. Only `receive` makes one."""

    __slots__ = ("account", "approved", "authorization", "bundle", "charter", "checked", "policy")

    def __init__(self, papers: Papers, bundle: Bundle, authorization: Authorization, checked: Checked, approved: Approved) -> None:
        self.charter = papers.charter
        self.policy = papers.policy
        self.account = papers.account(authorization.account)
        self.bundle = bundle
        self.authorization = authorization
        self.checked = checked
        self.approved = approved


class Papers:
    """Charter, policy and key record that belong together under one genesis digest, which comes from outside."""

    __slots__ = ("charter", "genesis", "key_record", "policy")

    def __init__(self, charter: Charter, policy: Policy, key_record: KeyRecord, genesis: str) -> None:
        _anchored(charter, genesis)
        policies.check(policy, charter, genesis)
        check_key_record(key_record, charter)
        self.charter = charter
        self.policy = policy
        self.key_record = key_record
        self.genesis = genesis

    def account(self, name: str) -> AccountKey:
        """One account of the key record."""
        return account_of(self.key_record, name)


def account_of(key_record: KeyRecord, name: str) -> AccountKey:
    """One account of a key record; Malformed if it has no such account."""
    found = {account.name: account for account in key_record.accounts}
    if name not in found:
        raise Malformed(f"the key record has no account {name!r}; it has {', '.join(found)}")
    return found[name]


@control("BRD-01")
def receive(bundle: Bundle, papers: Papers) -> Received:
    """BRD-01: the transaction is the reviewed request, the request is what CFO and CTO authorized, and everyone who must
    approved this very request; or the control that is broken refuses.

    The moment that counts for cool-off and validity is when the vault was armed: a signed transaction does not expire."""
    state = _transcript(bundle, papers)
    authorization = _authorization(bundle, papers, _time(state))
    account = papers.account(authorization.account)
    request = SigningRequest("bitcoin", bundle.files["request.psbt"])
    checked = check(bundle.transaction, request, account)
    check_place(checked.review, authorization)
    check_payment(checked.review, authorization)
    check_fee(checked.review, authorization, papers.policy)
    _tells_the_same(state, bundle, authorization, checked)
    approved = _approved(state, bundle, papers, authorization.digest)
    _check_signed(state, papers)
    return Received(papers, bundle, authorization, checked, approved)


def check_key_record(key_record: KeyRecord, charter: Charter) -> None:
    """The key record is of this charter (its genesis), mark, scheme, plan and accounts; what it holds is pinned by the approvals."""
    if key_record.mark != charter.mark:
        found, expected = f"a {key_record.mark} key record", f"a {charter.mark} one"
        refuse("SET-08", "key record and charter are not of one kind", found=found, expected=expected, do="Use the right key record.")
    pairs: dict[str, tuple[object, object]] = {
        "genesis": (key_record.genesis, charter.digest),
        "charter": (key_record.charter, charter.digest),
        "scheme": (key_record.scheme, charter.scheme),
        "plan": (key_record.plan, charter.plan),
        "accounts": (_facts(key_record.accounts), _facts(charter.accounts)),
    }
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            refuse(
                "AUD-09",
                f"the key record is of another charter: {what}",
                found=str(ours)[:400],
                expected=str(theirs)[:400],
                do="Use the key record of this register.",
            )


def _facts(accounts: Iterable[Account | AccountKey]) -> list[tuple[str, ...]]:
    return [(account.name, account.chain, account.network, account.path) for account in accounts]


def _anchored(charter: Charter, genesis: str) -> None:
    if charter.digest != genesis:
        refuse(
            "AUD-09",
            "this charter is not the genesis that you know",
            found=charter.digest,
            expected=genesis,
            do="Compare the words with your closing slip. Do not use this charter.",
        )


def _transcript(bundle: Bundle, papers: Papers) -> State:
    """The transcript is one whole chain up to the head that the manifest names, of a transfer of this genesis and number."""
    raw, manifest = bundle.files[_TRANSCRIPT], bundle.manifest
    first = parse_line(raw.partition(b"\n")[0] + b"\n", f"{_TRANSCRIPT}, line 1")
    lines, torn = parse_chain(raw, first.prev, _TRANSCRIPT)
    if torn:
        raise Malformed(f"{_TRANSCRIPT}: ends in the middle of a line")
    state = fold(lines, _TRANSCRIPT)
    _equal("the transcript's head", lines[-1].digest, manifest.head)
    if not isinstance(state.entries[0].body, entries.Opened):
        _differs("the transcript's first entry", lines[0].type, "opened")
    opened = state.opened
    _equal("the transcript's kind of ceremony", opened.kind, "transfer")
    _equal("the transcript's ceremony", str(opened.ceremony), str(manifest.ceremony))
    _equal("the transcript's genesis", opened.genesis, papers.genesis)
    for what, mark in (("transcript", opened.mark), ("bundle", manifest.mark)):
        if mark != papers.charter.mark:
            refuse("SET-08", f"the {what}'s mark", found=mark, expected=papers.charter.mark, do=_STOP)
    return state


def _authorization(bundle: Bundle, papers: Papers, then: str) -> Authorization:
    authorization = load(Authorization, bundle.files["authorization.json"], "authorization.json")
    signed = parse_signatures(bundle.files["authorization.signatures"], "authorization.signatures")
    check_officers(authorization, signed, {member.person: member.key for member in papers.charter.people})
    policies.bound(authorization, papers.charter, papers.policy, papers.genesis)
    check_payee(papers.policy, authorization, then)
    check_valid(authorization, then)
    return authorization


def _time(state: State) -> str:
    """When the vault was armed to sign; BRD-01 if the transcript does not say that it ever was."""
    armed = [e.line.time for e in state.entries if isinstance(e.body, entries.Armed)]
    if not armed:
        _differs("the transcript's armed vault", "no entry", "the entry before the first share was opened")
    return armed[0]


def _tells_the_same(state: State, bundle: Bundle, authorization: Authorization, checked: Checked) -> None:
    """The transcript is of these very files, from the granted authorization to the checked transaction."""
    for kind, name in _RECORDED.items():
        file = state.file(kind)
        _equal(f"{name} in the transcript", file.sha256 if file else "no such file", sha256(bundle.files[name]))
    request = checked.review.digest
    for entry, name, expected in (
        (entries.Authorized, "authorization", authorization.digest),
        (entries.Agreed, "request", request),
        (entries.Armed, "request", request),
        (entries.Signing, "request", request),
        (entries.HsmSigned, "request", request),
        (entries.Checked, "txid", checked.txid),
    ):
        found = sorted({str(getattr(body, name)) for body in state.all(entry)})
        _equal(f"{name} in the transcript ({entry.__name__})", ", ".join(found) or "no such entry", expected)


def _approved(state: State, bundle: Bundle, papers: Papers, authorization: str) -> Approved:
    """SIG-02 from the transcript itself: who opened shares, and the head that stood before the first approval."""
    given = [e for e in state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == "approval"]
    _equal("approvals.jsonl", sha256(bundle.files["approvals.jsonl"]), sha256(b"".join(e.line.raw for e in given)))
    positions = _positions(state, papers.charter)
    wanted = Approval(
        mark=papers.charter.mark,
        genesis=papers.genesis,
        key_record=papers.key_record.digest,
        ceremony=state.opened.ceremony,
        authorization=authorization,
        request=sha256(bundle.files["request.psbt"]),
        head=given[0].line.prev if given else state.entries[0].line.prev,
        role="witness",
    )
    return approve(wanted, [_approval(entry) for entry in given], papers.charter, positions)


def _positions(state: State, charter: Charter) -> tuple[str, ...]:
    """Everyone whose share the vault was armed for or opened; ASM-01 if they could not have recovered anything."""
    armed = {p for body in state.all(entries.Armed) for p in body.positions}
    positions = tuple(sorted(armed | {body.position for body in state.all(entries.Unlocked)}))
    if not charter.plan.enough(positions):
        refuse(
            "ASM-01",
            "the transcript names too few custodians",
            found=", ".join(positions) or "nobody",
            expected=f"the threshold of custodians at {charter.site_threshold} sites",
            do=_STOP,
        )
    return positions


def _approval(entry: Recorded) -> SignedApproval:
    approval = load(Approval, (entry.body.text or "").encode("ascii"), f"approval in entry {entry.line.seq}")
    return SignedApproval(approval=approval, signature=_signature(entry))


def _signature(entry: Recorded) -> Signature:
    return Signature(signer=entry.actor, namespace=entry.body.namespace, blob=entry.body.blob)


def _check_signed(state: State, papers: Papers) -> None:
    """AUD-02: every checkpoint verifies, and everyone who was present signed the adjournment, after the transaction was checked."""
    done = max((e.line.seq for e in state.entries if isinstance(e.body, entries.Checked)), default=0)
    signers = set()
    for entry in state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.namespace == "checkpoint@cold-ceremony":
            text = entry.body.text or ""
            checkpoint.check(text, state, papers.genesis, entry.line.seq)
            signatures.verify(_signature(entry), text.encode("ascii"), papers.charter.key(entry.actor), "checkpoint@cold-ceremony")
            if entry.body.purpose == "adjournment" and checkpoint.parse(text).seq >= done:
                signers.add(entry.actor)
    _all_adjourned(signers, state.actors(entries.Present))


def _all_adjourned(signers: set[str], present: Sequence[str]) -> None:
    missing = [person for person in present if person not in signers]
    if missing or not present:
        refuse(
            "AUD-02",
            "not everyone who was present signed the transcript of this transaction",
            found="signed by " + (", ".join(sorted(signers)) or "nobody"),
            expected=", ".join(present) or "people who were present",
            do=_STOP,
        )


def _equal(what: str, found: str, expected: str) -> None:
    if found != expected:
        _differs(what, found, expected)


def _differs(what: str, found: str, expected: str) -> NoReturn:
    refuse("BRD-01", f"the bundle's parts do not belong together: {what}", found=found[:400], expected=expected[:400], do=_STOP)
