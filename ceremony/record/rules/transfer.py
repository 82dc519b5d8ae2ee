"""What a transfer must have recorded: authorized, approved, unlocked, signed and locked again, all of one and the same request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ceremony.base.data import load
from ceremony.record import checkpoint, entries, exceptional, signers
from ceremony.record.approval import Approval, SignedApproval, approve, read_from
from ceremony.record.charter import OFFICERS
from ceremony.record.drills import check_clock
from ceremony.record.end import by_form
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.ledger import VOID, Ledger, nonces
from ceremony.record.register import Ceremony
from ceremony.record.rules import order, outside, people, signing, surroundings, typeback, vault
from ceremony.record.rules.common import STAFF, differs, equal, everyone_signed, is_quorum
from ceremony.record.sets import Sealed, sealed_after
from ceremony.record.sweeping import account as spent_account
from ceremony.record.sweeping import founded_on, opens
from transfer.agree import check_fee, check_payment, check_place
from transfer.authorization import Authorization, Confirmation, binds, check_confirmation, check_head, check_officers, check_valid
from transfer.bitcoin.reading import review
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.in_force import History, check_payees, in_force
from transfer.limits import check_limits
from transfer.lookalike import check_unlike
from transfer.outstanding import check_conflicts
from transfer.request import AccountKey, SigningRequest
from transfer.review import Review
from transfer.sweep import check_everything


@dataclass(frozen=True, slots=True)
class Known:
    """What a transfer stands on: the key record, the policies, its authorization and its signing request."""

    key: KeyRecord
    """Of the set whose shares are opened: the one in use, or in a sweep that of a former key."""
    account: AccountKey
    """What is spent from; in a sweep, with the account of the key in use that takes all of it."""
    history: History
    authorization: Authorization
    request: SigningRequest


def check(ceremony: Ceremony, ledger: Ledger, heads: Collection[str]) -> None:
    """Order, vault and actors always; all the rest if it was carried out. `heads`: digests of every entry before this ceremony."""
    order.check(ceremony)
    vault.check(ceremony, ledger.charter.hsm)
    people.check(ceremony, ledger.charter)
    _check_unrevoked(ceremony, ledger)
    closed = ceremony.state.closing
    if closed is None or closed.outcome == VOID:
        return
    if by_form(ceremony.state):
        _check_spending(ceremony, ledger)
        return
    if ceremony.state.last(entries.Exported) is None:
        differs("EXP-01", ceremony, "it was carried out", "nothing exported", "an export that was read back")
    surroundings.check(ceremony, ledger.charter.mark)
    outside.check(ceremony, ledger.charter)
    known = _known(ceremony, ledger)
    _check_authorization(ceremony, ledger, known, heads)
    _check_spending(ceremony, ledger)
    _check_request(ceremony, ledger, known)
    _check_approvals(ceremony, ledger, known)
    _check_shares(ceremony, ledger, known.key)
    check_secured(ceremony, known.key)
    signing.check(ceremony, known.request, known.account)
    covered = (entries.HsmSigned, entries.Absent, entries.Proven)
    everyone_signed(ceremony, (*_armed_positions(ceremony), *STAFF), covered)


def _known(ceremony: Ceremony, ledger: Ledger) -> Known:
    if ledger.key is None or ledger.history is None:
        differs("AUD-08", ceremony, "a transfer", "no key record and policy before it", "a key generation first")
    equal("REC-02", ceremony, "the plan of the set in use", ledger.key.plan, ledger.charter.plan)
    equal("REC-02", ceremony, "what the key in use was made for", founded_on(ledger.key), founded_on(ledger.charter))
    authorization = ceremony.load(Authorization, "authorization")
    return Known(
        key=opens(ledger.sets, authorization).record,
        account=spent_account(ledger.sets, authorization),
        history=ledger.history,
        authorization=authorization,
        request=SigningRequest("bitcoin", ceremony.raw("request")),
    )


def _check_authorization(ceremony: Ceremony, ledger: Ledger, known: Known, heads: Collection[str]) -> None:
    """AUT-01 to AUT-10: what was granted is what both officers signed, confirmed by a second person, and was within the policy."""
    wanted, charter = known.authorization, ledger.charter
    found = [(e.line.time, e.body) for e in ceremony.state.entries if isinstance(e.body, entries.Authorized)]
    fields = ("identifier", "payments", "fee_cap", "replaces", "key_record", "to", "address")
    for time, granted in found:
        signed = (wanted.digest, *(getattr(wanted, name) for name in fields))
        equal("AUT-01", ceremony, "what was granted", (granted.authorization, *(getattr(granted, name) for name in fields)), signed)
        check_valid(wanted, time)
        check_clock(ledger.drilled, time, excepted="DRL-01" in exceptional.granted(ceremony.state))
        check_payees(known.history, wanted, time)
        check_limits(in_force(known.history, time), wanted, ledger.spent, time)
        past = {address: f"one that ceremony {number} paid" for address, number in ledger.paid.items()}
        for payment in wanted.payments:
            check_unlike(payment.destination, payment.payee, past)
    account = charter.account(wanted.account)
    bound = {"mark": charter.mark, "genesis": ledger.genesis, "charter": charter.digest, "policy": known.history.newest.digest}
    binds(wanted, {**bound, "chain": account.chain, "network": account.network})
    check_head(wanted, heads, ceremony.prev)
    keys = charter.keys
    signers.signed_by(ceremony, "authorization", OFFICERS, "AUT-02")
    check_officers(wanted, ceremony.signatures("authorization"), keys)
    confirmation = ceremony.load(Confirmation, "confirmation") if ceremony.state.file("confirmation") else None
    if confirmation is not None:
        signers.signed_by(ceremony, "confirmation", (confirmation.checker,), "AUT-08")
    check_confirmation(wanted, confirmation, ceremony.signatures("confirmation"), keys)


def _check_unrevoked(ceremony: Ceremony, ledger: Ledger) -> None:
    """AUT-04: what was granted and signed had not been revoked until then."""
    counts = {found.authorization: seq for seq, found in ceremony.revocations()}
    revoked = {**counts, **dict.fromkeys(ledger.revoked, 0)}
    granted: set[str] = set()
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Authorized):
            granted.add(entry.body.authorization)
        if isinstance(entry.body, entries.Authorized | entries.Signing):
            for name in sorted(granted & revoked.keys()):
                if revoked[name] < entry.line.seq:
                    differs("AUT-04", ceremony, f"authorization {name} in entry {entry.line.seq}", "revoked before", "not revoked")


def _check_spending(ceremony: Ceremony, ledger: Ledger) -> None:
    """AUT-05, BRD-06, SIG-05: authorization, coins and nonces that no other ceremony has used."""
    for granted in ceremony.state.all(entries.Authorized):
        for name in (granted.authorization, granted.identifier):
            if name in ledger.used:
                differs("AUT-05", ceremony, f"authorization {name}", f"used by ceremony {ledger.used[name]}", "used once")
    for granted in ceremony.state.all(entries.Authorized):
        held = [claim for claim in ledger.claims.values() if claim.txid not in granted.replaces]
        for coin, claim in ((coin, claim) for body in ceremony.state.all(entries.Agreed) for coin in body.coins for claim in held):
            if coin in claim.held:
                differs("BRD-06", ceremony, f"coin {coin}", f"held by transfer {claim.number}", "a coin of this request alone")


def check_nonces(ceremony: Ceremony, before: Mapping[str, str]) -> None:
    """SIG-05: no r appears twice, here or earlier, but in the very same signature."""
    known = dict(before)
    for entry in ceremony.state.entries:
        for r, name in nonces((entry,)).items():
            if known.setdefault(r, name) != name:
                differs("SIG-05", ceremony, f"the r of a signature in entry {entry.line.seq}", f"{r}, used before", "a new r each time")
        body = entry.body
        if isinstance(body, entries.HsmSigned) and len({s.raw[:64] for s in body.signatures}) != len(body.signatures):
            differs("SIG-05", ceremony, f"the signatures of entry {entry.line.seq}", "one r twice", "a new r each time")


def _check_request(ceremony: Ceremony, ledger: Ledger, known: Known) -> None:
    """SIG-06, TXN-01, BRD-06: one request everywhere; it pays what was authorized, and conflicts with what it replaces alone."""
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Agreed | entries.Reviewed | entries.Armed | entries.Signing | entries.HsmSigned):
            equal("SIG-06", ceremony, f"the request of entry {entry.line.seq}", entry.body.request, known.request.digest)
    seen = review(known.request, known.account)
    check_place(seen, known.authorization)
    check_payment(seen, known.authorization)
    there = typeback.custodians(ceremony.state, ledger.charter)
    typeback.check_typed(typeback.typed(ceremony.state), typeback.addresses(known.authorization), there)
    for time in (e.line.time for e in ceremony.state.entries if isinstance(e.body, entries.Agreed)):
        check_fee(seen, known.authorization, in_force(known.history, time))
    coins = tuple(f"{coin.txid}:{coin.vout}" for coin in seen.inputs)
    for agreed in ceremony.state.all(entries.Agreed):
        found = (agreed.coins, agreed.fee, agreed.txid)
        equal("TXN-01", ceremony, "coins, fee and transaction that were agreed", found, (coins, seen.fee, seen.txid))
    check_conflicts(seen, known.authorization, tuple(ledger.claims.values()))
    if known.authorization.kind == "sweep":
        _check_swept(ceremony, ledger, known, seen)


def _check_swept(ceremony: Ceremony, ledger: Ledger, known: Known, seen: Review) -> None:
    """TXN-01: a sweep took every coin of its snapshot that it could."""
    coins = checked(ceremony.load(Snapshot, "snapshot"), known.account)
    freed = {coin for claim in ledger.claims.values() if claim.txid in known.authorization.replaces for coin in claim.coins}
    held = {coin for claim in ledger.claims.values() for coin in claim.held}
    check_everything(seen, coins, held - freed, freed)


def _check_approvals(ceremony: Ceremony, ledger: Ledger, known: Known) -> None:
    """SIG-02: everyone who must review and approve did so before the vault was armed, this very request, after this very transcript."""
    before, armed = "", False
    given: list[SignedApproval] = []
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Armed):
            armed = True
            early = sorted(set(entry.body.positions) - {each.signature.signer for each in given})
            if early:
                differs("SIG-02", ceremony, f"armed in entry {entry.line.seq}", f"not approved by {', '.join(early)}", "approvals first")
        elif isinstance(entry.body, entries.Signature) and entry.body.purpose == "approval":
            before = before or entry.line.prev
            if armed and entry.actor not in ledger.charter.custodians:
                where = f"the approval of {entry.actor} in entry {entry.line.seq}"
                differs("SIG-02", ceremony, where, "after the vault was armed", "before the first time that it was armed")
            text = (entry.body.text or "").encode("ascii")
            where = f"{ceremony.folder.name}, entry {entry.line.seq}, approval"
            given.append(SignedApproval(approval=load(Approval, text, where), signature=signers.as_signature(entry)))
    wanted = Approval(
        mark=ledger.charter.mark,
        genesis=ledger.genesis,
        key_record=known.key.digest,
        ceremony=ceremony.number,
        authorization=known.authorization.digest,
        request=known.request.digest,
        **read_from(review(known.request, known.account)),
        head=before or ceremony.prev,
        role="witness",
    )
    prepared = checkpoint.prepared(ceremony.state)
    approve(wanted, given, ledger.charter, _armed_positions(ceremony), prepared.head if prepared else None)
    people.check_reviewed(ceremony, _armed_positions(ceremony), known.request.digest)


def _armed_positions(ceremony: Ceremony) -> tuple[str, ...]:
    return tuple(sorted({p for body in ceremony.state.all(entries.Armed) for p in body.positions}))


def _check_shares(ceremony: Ceremony, ledger: Ledger, key: KeyRecord) -> None:
    """REC-01, REC-06, REC-12, SIG-08: shares of armed positions, at their newest sealing number, enough of them to recover."""
    state = ceremony.state
    positions: set[str] = set()
    unlocked: set[str] = set()
    for at, entry in enumerate(state.entries):
        body = entry.body
        if isinstance(body, entries.Armed):
            positions, unlocked = set(body.positions), set()
        elif isinstance(body, entries.Unlocked):
            if body.position not in positions or body.position in unlocked:
                differs("SIG-08", ceremony, f"the share of {body.position}", "not armed for, or unlocked twice", "each armed position once")
            unlocked.add(body.position)
            sealed = sealed_after(ledger.sets.sealings, state.entries[:at])
            numbers = sealed.get((body.position, key.set_identifier), Sealed()).acceptable
            if body.number not in numbers:
                differs("REC-12", ceremony, f"the sealing number of {body.position}", body.number, " or ".join(map(str, numbers)) or "none")
        elif isinstance(body, entries.Recovered):
            used = {*body.positions, *body.spares}
            if used != unlocked or not is_quorum(body, key.plan):
                differs("REC-01", ceremony, "the quorum", " ".join(sorted(used)), f"enough of {' '.join(sorted(unlocked))}")
            equal("REC-06", ceremony, "accounts whose keys were compared", sorted(body.accounts), sorted(a.name for a in key.accounts))


def check_secured(ceremony: Ceremony, key: KeyRecord) -> None:
    """SEC-01, SEC-03: every share that was unlocked is locked again and proven before anything leaves, or all ends; nothing is left
    in the HSM."""
    for absent in ceremony.state.all(entries.Absent):
        equal("SEC-03", ceremony, "keys left in the HSM", absent.remaining, 0)
    waiting: dict[str, int] = {}
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.Unlocked):
            waiting[body.position] = body.number
        elif isinstance(body, entries.Sealing):
            equal("REC-12", ceremony, f"the set of the new sealing of {body.position}", body.set_identifier, key.set_identifier)
        elif isinstance(body, entries.Proven):
            if body.number > waiting.get(body.position, body.number):
                del waiting[body.position]
        elif isinstance(body, entries.Exported | entries.Closed) and waiting:
            differs(
                "SEC-01",
                ceremony,
                "it was exported or ended",
                f"{' '.join(sorted(waiting))} not locked again",
                "locked again and proven first",
            )
