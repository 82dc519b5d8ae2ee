"""The outbound bundle on the online host: everything is decoded and verified again, from its bytes and signed papers alone (BRD-01).

Nothing that the cold host found is believed: officers' signatures, both readers, each input, each approval, the chain of the
transcript and what its people signed of it are checked anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

from ceremony.base import signatures
from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, load
from ceremony.base.lines import parse_chain, parse_line, sha256
from ceremony.record import checkpoint, entries, policy_history, signers
from ceremony.record import policy as policies
from ceremony.record.approval import Approval, Approved, SignedApproval, approve, read_from
from ceremony.record.chain import Chain
from ceremony.record.charter import Account, Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Ceremony
from ceremony.record.rules import common, order, outside, people, typeback, vault
from ceremony.record.signed import parse_signatures
from ceremony.record.state import Recorded, State, fold
from ceremony.record.sweeping import account_between
from shares.plan import Plan
from transfer.agree import check_fee, check_payment, check_place
from transfer.authorization import Authorization, check_officers, check_valid
from transfer.bitcoin.check import Checked, check
from transfer.gap.bundle import Bundle
from transfer.in_force import History, check_payees, in_force
from transfer.limits import Policy, check_limits
from transfer.request import AccountKey, SigningRequest
from transfer.review import Review

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

    def __init__(  # noqa: PLR0913, PLR0917 (what it proves, and the token)
        self, papers: Papers, bundle: Bundle, authorization: Authorization, checked: Checked, approved: Approved, token: object
    ) -> None:
        if token is not _TOKEN:
            raise TypeError("only receive makes this proof")
        self.charter = papers.charter
        self.policy = papers.policy
        self.account = papers.account(authorization)
        self.bundle = bundle
        self.authorization = authorization
        self.checked = checked
        self.approved = approved


class Papers:
    """Charter, policy and key record that belong together under one genesis digest, which comes from outside."""

    __slots__ = ("chain", "genesis", "into", "key_record", "policy")

    def __init__(self, chain: Chain, policy: Policy, key_record: KeyRecord, genesis: str, into: KeyRecord | None = None) -> None:
        """`chain`: the charters from the genesis on, as `verify_chain` made it. `into`, of a sweep: the key record of the key in use;
        `key_record` is that of the former key then, whose plan and accounts the charter in force need not have any more."""
        _anchored(chain, genesis)
        policies.check(policy, chain.named(policy.charter, "the policy"), genesis)
        check_key_record(key_record, chain, former=into is not None)
        if into is not None:
            check_key_record(into, chain)
        self.into = into
        self.chain = chain
        self.policy = policy
        self.key_record = key_record
        self.genesis = genesis

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.chain.charter

    def account(self, wanted: Authorization) -> AccountKey:
        """What an authorization spends from, by these key records (AUT-01)."""
        return account_between(wanted, self.key_record, self.into)


@control("BRD-01")
def receive(bundle: Bundle, papers: Papers) -> Received:
    """BRD-01: the transaction is the reviewed request, the request is what CFO and CTO authorized, and everyone who must
    approved this very request; or the control that is broken refuses.

    The moment that counts for validity and cool-off is when the vault was armed to sign: a signed transaction does not expire."""
    ceremony = _ceremony(bundle, papers)
    then = _armed(ceremony.state)
    history = policy_history.verified(bundle.files[policy_history.NAME], papers.chain, papers.policy.digest)
    authorization = _authorization(bundle, papers, history, then)
    request = SigningRequest("bitcoin", bundle.files["request.psbt"])
    checked = check(bundle.transaction, request, papers.account(authorization))
    check_place(checked.review, authorization)
    check_payment(checked.review, authorization)
    check_fee(checked.review, authorization, in_force(history, then))
    _tells_the_same(ceremony.state, bundle, authorization, checked)
    approved = _approved(ceremony.state, bundle, papers, authorization.digest, checked.review)
    _check_told(ceremony, approved, papers, authorization)
    return Received(papers, bundle, authorization, checked, approved, _TOKEN)


def check_key_record(key_record: KeyRecord, chain: Chain, *, former: bool = False) -> None:
    """The key record is of this genesis and one of its charters, of the mark, scheme, plan and accounts of the one in force (`former`:
    of the one that it names); what it holds is pinned by the approvals."""
    charter = chain.named(key_record.charter, "the key record") if former else chain.charter
    known = [each.digest for each in chain.charters]
    if key_record.mark != charter.mark:
        found, expected = f"a {key_record.mark} key record", f"a {charter.mark} one"
        refuse("SET-08", "key record and charter are not of one kind", found=found, expected=expected, do="Use the right key record.")
    pairs: dict[str, tuple[object, object]] = {
        "genesis": (key_record.genesis, chain.genesis),
        "charter": (key_record.charter, key_record.charter if key_record.charter in known else " or ".join(known)),
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


def _anchored(chain: Chain, genesis: str) -> None:
    if chain.genesis != genesis:
        refuse(
            "AUD-09",
            "this charter is not the genesis that you know",
            found=chain.genesis,
            expected=genesis,
            do="Compare the words with your closing slip. Do not use this charter.",
        )


def _ceremony(bundle: Bundle, papers: Papers) -> Ceremony:
    """The transcript is one whole chain up to the head that the manifest names, of a transfer of this genesis, mark and number."""
    raw, manifest = bundle.files[_TRANSCRIPT], bundle.manifest
    first = parse_line(raw.partition(b"\n")[0] + b"\n", f"{_TRANSCRIPT}, line 1")
    lines, torn = parse_chain(raw, first.prev, _TRANSCRIPT)
    if torn:
        raise Malformed(f"{_TRANSCRIPT}: ends in the middle of a line")
    state = fold(lines, _TRANSCRIPT)
    _equal("the transcript's head", lines[-1].digest, manifest.head)
    openings = [line.seq for line in lines if line.type == "opened"]
    _equal("the transcript's openings", ", ".join(map(str, openings)) or "none", "1")
    opened = state.opened
    for what, mark in (("transcript", opened.mark), ("bundle", manifest.mark)):
        if mark != papers.charter.mark:
            refuse("SET-08", f"the {what}'s mark", found=mark, expected=papers.charter.mark, do=_STOP)
    _equal("the transcript's kind of ceremony", opened.kind, "transfer")
    _equal("the transcript's ceremony", str(opened.ceremony), str(manifest.ceremony))
    _equal("the transcript's genesis", opened.genesis, papers.genesis)
    _equal("the transcript's outcome", state.closing.outcome if state.closing else "open", "open")  # signed or not
    return Ceremony(opened.ceremony, opened.kind, Path(_TRANSCRIPT), state, first.prev, b"")


def _authorization(bundle: Bundle, papers: Papers, history: History, then: str) -> Authorization:
    """Signed by both officers, of these papers, and within the policy at that moment (its window is counted on the cold host)."""
    authorization = load(Authorization, bundle.files["authorization.json"], "authorization.json")
    signed = parse_signatures(bundle.files["authorization.signatures"], "authorization.signatures")
    check_officers(authorization, signed, papers.charter.keys)
    policies.bound(authorization, papers.charter, papers.policy, papers.genesis)
    check_payees(history, authorization, then)
    check_limits(in_force(history, then), authorization, (), then)
    check_valid(authorization, then)
    return authorization


def _armed(state: State) -> str:
    """When the vault that was first told to sign was armed; BRD-01 if the transcript tells of none.

    After a cut-off the same request may be signed again when the authorization has expired (BRD-06)."""
    armed = ""
    for entry in state.entries:
        if isinstance(entry.body, entries.Armed):
            armed = entry.line.time
        elif isinstance(entry.body, entries.Signing):
            break
    else:
        armed = ""
    if not armed:
        _differs("the transcript's vault", "never armed and told to sign", "armed, then told to sign")
    return armed


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


def _approved(state: State, bundle: Bundle, papers: Papers, authorization: str, review: Review) -> Approved:
    """SIG-02 from the transcript itself: who opened shares, and the head that stood before the first approval."""
    given = [e for e in state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == "approval"]
    _equal("approvals.jsonl", sha256(bundle.files["approvals.jsonl"]), sha256(b"".join(e.line.raw for e in given)))
    positions = _positions(state, papers.charter, papers.key_record.plan)
    wanted = Approval(
        mark=papers.charter.mark,
        genesis=papers.genesis,
        key_record=papers.key_record.digest,
        ceremony=state.opened.ceremony,
        authorization=authorization,
        request=sha256(bundle.files["request.psbt"]),
        **read_from(review),
        head=given[0].line.prev if given else state.entries[0].line.prev,
        role="witness",
    )
    before = checkpoint.prepared(state)
    return approve(wanted, [_approval(entry) for entry in given], papers.charter, positions, before.head if before else None)


def _positions(state: State, charter: Charter, plan: Plan) -> tuple[str, ...]:
    """Everyone whose share the vault was armed for; ASM-01 if they could not have recovered anything."""
    positions = tuple(sorted({p for body in state.all(entries.Armed) for p in body.positions}))
    if not plan.enough([p for p in positions if p in charter.custodians]):
        refuse(
            "ASM-01",
            "the transcript names too few custodians",
            found=", ".join(positions) or "nobody",
            expected=f"the threshold of custodians at {plan.site_threshold} sites",
            do=_STOP,
        )
    return positions


def _approval(entry: Recorded) -> SignedApproval:
    approval = load(Approval, (entry.body.text or "").encode("ascii"), f"{_TRANSCRIPT}, entry {entry.line.seq}, approval")
    return SignedApproval(approval=approval, signature=signers.as_signature(entry))


def _check_told(ceremony: Ceremony, approved: Approved, papers: Papers, wanted: Authorization) -> None:
    """SET-06 and the controls of the order; AUD-02: everyone who was there signed what was done, up to the checked transaction."""
    order.check(ceremony)
    vault.check(ceremony, papers.charter.hsm)
    people.check(ceremony, papers.charter)
    signers.check_forms(ceremony, papers.charter, papers.genesis)
    custodians = [person for person in approved.people if person in papers.charter.custodians]
    people.check_reviewed(ceremony, custodians, approved.approval.request)
    common.everyone_signed(ceremony, (*custodians, *common.STAFF), (entries.HsmSigned, entries.Absent, entries.Checked))
    outside.check(ceremony, papers.charter)
    there = typeback.custodians(ceremony.state, papers.charter)
    typeback.check_typed(typeback.typed(ceremony.state), typeback.addresses(wanted), there)
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Signature) and entry.body.purpose in signers.CHECKPOINTS:
            raw = (entry.body.text or "").encode("ascii")
            signatures.verify(signers.as_signature(entry), raw, papers.charter.key(entry.actor), "checkpoint@cold-ceremony")


def _equal(what: str, found: str, expected: str) -> None:
    if found != expected:
        _differs(what, found, expected)


def _differs(what: str, found: str, expected: str) -> NoReturn:
    refuse("BRD-01", f"the bundle's parts do not belong together: {what}", found=found[:400], expected=expected[:400], do=_STOP)
