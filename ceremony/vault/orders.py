"""Orders: what the vault is armed with, once. Both children verify all of it themselves and take nobody's word (SIG-08).

`verify_orders` reads charter, key record, authorization, request and approvals from their bytes, checks every signature
from the genesis down, and computes the sighashes from the request. Only it makes `Armed`, and only `Armed` can be signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Malformed, Mark, Position, Time, load, record
from ceremony.base.signatures import Signature
from ceremony.record import checkpoint, policy_history
from ceremony.record.approval import Approval, Approved, SignedApproval, approve, read_from
from ceremony.record.chain import Chain, SignedCharter, verify_chain
from ceremony.record.charter import Charter, verify_all
from ceremony.record.entries import Signed
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.sweeping import account_between
from shares.plan import Plan
from transfer.agree import check_fee
from transfer.authorization import Authorization, Authorized, Confirmation, binds, signed_by
from transfer.bitcoin import reading
from transfer.bitcoin.sighash import Sighash, sighashes
from transfer.in_force import check_payees, in_force
from transfer.limits import Policy, check_limits
from transfer.outstanding import check_conflicts, of_transaction
from transfer.request import AccountKey, SigningRequest
from transfer.review import Review


@record
class Orders:
    """Everything that the vault needs to know before the first share is unlocked; nothing in it is secret.

    Documents are the bytes of their files. `charters` are those from the genesis to the one in force. `genesis` and `head` are
    digests that the ceremony took from outside the register."""

    charters: tuple[SignedCharter, ...]
    key_record: bytes
    key_record_signatures: tuple[Signature, ...]
    into: bytes | None = None
    """Of a sweep: the key record of the key in use, to which everything goes; `key_record` is the former key's then."""
    into_signatures: tuple[Signature, ...] = ()
    authorization: bytes
    authorization_signatures: tuple[Signature, ...]
    confirmation: bytes | None = None
    """None of a consolidation and of a sweep, which have no payee to ask."""
    confirmation_signatures: tuple[Signature, ...]
    history: bytes
    """Every policy with the signed end from which it counts; the authorization names the newest (AUT-06, AUT-07)."""
    request: bytes
    replaced: tuple[bytes, ...] = ()
    """The transactions that the authorization replaces, in its order."""
    approvals: tuple[SignedApproval, ...]
    prepared: Signed | None = None
    """The checkpoint at the end of the preparation, which an officer's approval may name: its text, signed by administrator and witness."""
    prepared_signatures: tuple[Signature, ...] = ()
    positions: tuple[Position, ...]
    ceremony: int
    head: Digest
    genesis: Digest
    now: Time


_TOKEN = object()


class Armed:
    """Proof that orders are verified, and all that may be unlocked and signed under them. Only `verify_orders` makes one."""

    __slots__ = ("account", "approved", "authorization", "charter", "key_record", "positions", "request", "review", "spends")

    def __init__(self, key_record: KeyRecord, authorized: Authorized, approved: Approved, reviewed: _Reviewed, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only verify_orders makes this proof")
        self.charter = reviewed.charter
        self.key_record = key_record
        self.authorization = authorized.authorization
        self.approved = approved
        self.account = reviewed.account
        self.request = reviewed.request
        self.review = reviewed.review
        self.spends = reviewed.spends
        self.positions = reviewed.positions

    @property
    def mark(self) -> Mark:
        """Practice or production."""
        return self.charter.mark

    @property
    def public_keys(self) -> dict[str, bytes]:
        """Path -> public key (33 bytes), once for each path that the request spends from."""
        return {spend.path: spend.public_key for spend in self.spends}


@dataclass(frozen=True, slots=True)
class _Reviewed:
    charter: Charter
    account: AccountKey
    request: SigningRequest
    review: Review
    spends: tuple[Sighash, ...]
    positions: tuple[str, ...]


class ArmedOnce:
    """What each child keeps: nothing before the orders, then these orders for the rest of its life."""

    __slots__ = ("_armed",)

    def __init__(self) -> None:
        self._armed: Armed | None = None

    @control("SIG-08")
    def arm(self, orders: Orders) -> Armed:
        """SIG-08: the vault is armed once, with orders that it has verified itself; a second time, or anything else, is refused."""
        if self._armed is not None:
            refuse(
                "SIG-08",
                "the vault is armed already",
                found="a second set of orders",
                expected=f"nothing but the request {self._armed.request.digest}",
                do="End this vault. Another request is another ceremony.",
            )
        self._armed = verify_orders(orders)
        return self._armed

    @property
    def armed(self) -> Armed:
        """The verified orders; refuses with SIG-08 before there are any."""
        if self._armed is None:
            refuse(
                "SIG-08", "the vault is not armed", found="no orders", expected="verified orders first", do="Approve the request and arm."
            )
        return self._armed


def verify_orders(orders: Orders) -> Armed:
    """The proof that these orders hold from the genesis down; refuses with the control that is broken, Malformed for bad files."""
    chain = verify_charters(orders.charters, orders.genesis)
    charter = chain[-1]
    authorized = _authorized(orders, charter)
    limits = _allowed(orders, chain, authorized.authorization)
    key_record, into = _key_records(orders, chain, authorized.authorization)
    reviewed = _reviewed(orders, charter, (key_record, into), authorized.authorization)
    check_fee(reviewed.review, authorized.authorization, limits)
    wanted = _wanted(orders, key_record, authorized, reviewed)
    approved = approve(wanted, orders.approvals, charter, reviewed.positions, _prepared(orders, charter))
    return Armed(key_record, authorized, approved, reviewed, _TOKEN)


def verify_charters(items: Sequence[SignedCharter], genesis: str) -> tuple[Charter, ...]:
    """The charters from the genesis on, each signed as the one before it demands (STO-07); the last is in force."""
    if not items:
        raise Malformed("orders: there is no charter")
    chain = verify_chain(items)
    _equal("charter", "genesis", chain.genesis, genesis)
    return chain.charters


def _key_records(orders: Orders, chain: Sequence[Charter], wanted: Authorization) -> tuple[KeyRecord, KeyRecord | None]:
    """The key record whose shares are opened; of a sweep, which opens those of a former key, also that of the key in use."""
    sweep = wanted.kind == "sweep"
    key_record = verify_key_record(orders.key_record, orders.key_record_signatures, orders.genesis, chain, former=sweep)
    _equal("orders", "key record of the key in use", "there" if orders.into is not None else "none", "there" if sweep else "none")
    if orders.into is None:
        return key_record, None
    return key_record, verify_key_record(orders.into, orders.into_signatures, orders.genesis, chain)


def verify_key_record(
    raw: bytes, signatures: Sequence[Signature], genesis: str, chain: Sequence[Charter], *, former: bool = False
) -> KeyRecord:
    """The key record of this genesis, signed under the charter that it names by the witness and a quorum of custodians.

    `chain`: the charters from the genesis on, as `verify_charters` gives them. `former`: of a key that is not in use, so that the
    charter in force may have another plan, scheme or accounts than the one that it names."""
    key_record = load(KeyRecord, raw, "key record")
    _equal("key record", "genesis", key_record.genesis, genesis)
    founding = next((charter for charter in chain if charter.digest == key_record.charter), None)
    if founding is None:
        _differ("key record", "charter", key_record.charter, " or ".join(charter.digest for charter in chain))
    for charter in (founding,) if former else (founding, chain[-1]):
        _check_facts(key_record, charter)
    verify_all(signatures, raw, ("witness",), founding, "key-record@cold-ceremony")
    signers = [s.signer for s in signatures]
    custodians = [p for p in founding.custodians if p in signers]
    _enough("the key record is not signed by a quorum of custodians", founding, custodians, founding.plan)
    return key_record


def _check_facts(key_record: KeyRecord, charter: Charter) -> None:
    _equal("key record", "mark", key_record.mark, charter.mark)
    _equal("key record", "scheme", key_record.scheme, charter.scheme)
    _equal("key record", "plan", key_record.plan, charter.plan)
    recorded = [(a.name, a.chain, a.network, a.path) for a in key_record.accounts]
    _equal("key record", "accounts", recorded, [(a.name, a.chain, a.network, a.path) for a in charter.accounts])


def _authorized(orders: Orders, charter: Charter) -> Authorized:
    """The authorization, signed by both officers, confirmed, valid at `now`, and of this register."""
    authorization = load(Authorization, orders.authorization, "authorization")
    confirmation = None if orders.confirmation is None else load(Confirmation, orders.confirmation, "confirmation")
    keys = charter.keys
    confirmed = orders.confirmation_signatures
    authorized = signed_by(authorization, orders.authorization_signatures, confirmation, confirmed, keys, orders.now)
    account = charter.account(authorization.account)
    expected = {"mark": charter.mark, "genesis": orders.genesis, "charter": charter.digest}
    binds(authorization, {**expected, "chain": account.chain, "network": account.network})
    return authorized


def _allowed(orders: Orders, chain: Sequence[Charter], wanted: Authorization) -> Policy:
    """The limits in force at `now`: each payee is older than its cool-off (AUT-06), and the sum within what one transfer may have
    (AUT-07). What the window has room for is counted on the cold host, which has the register."""
    history = policy_history.verified(orders.history, Chain(tuple(chain)), wanted.policy)
    limits = in_force(history, orders.now)
    check_payees(history, wanted, orders.now)
    check_limits(limits, wanted, (), orders.now)
    return limits


def _reviewed(orders: Orders, charter: Charter, keys: tuple[KeyRecord, KeyRecord | None], authorization: Authorization) -> _Reviewed:
    """The request read from its bytes, equal to the authorization, and what is to be signed for it."""
    account = account_between(authorization, *keys)
    request = SigningRequest(chain="bitcoin", raw=orders.request)
    review = reading.review(request, account)
    matches(review, authorization)
    check_conflicts(review, authorization, tuple(of_transaction(raw) for raw in orders.replaced))
    if len(set(orders.positions)) != len(orders.positions):
        raise Malformed("orders: a position is named twice")
    _enough("the custodians who are to open shares are too few", charter, orders.positions, keys[0].plan)
    return _Reviewed(charter, account, request, review, sighashes(request, account), orders.positions)


def matches(review: Review, authorization: Authorization) -> None:
    """Exactly the payments that the officers authorized, at most one change, at no more than their fee cap (SIG-08)."""
    what = "signing request"
    _equal(what, "chain and network", (review.chain, review.network), (authorization.chain, authorization.network))
    paid = sorted((payment.address, payment.amount) for payment in review.payments)
    _equal(what, "payments", paid, sorted((payment.destination, payment.amount) for payment in authorization.payments))
    swept = [output.address for output in review.swept]
    _equal(what, "output to our new key", swept, [authorization.address] if authorization.kind == "sweep" else [])
    if authorization.kind == "sweep":
        _equal(what, "change", len(review.change), 0)
    elif len(review.change) != 1 and (not authorization.payments or review.change):
        _differ(what, "change", f"{len(review.change)} outputs", "at most one" if authorization.payments else "one: everything returns")
    if authorization.coins is not None and len(review.inputs) > authorization.coins:
        _differ(what, "coins", str(len(review.inputs)), f"at most {authorization.coins}, as authorized")
    if review.fee > authorization.fee_cap:
        _differ(what, "fee", f"{review.fee} sat", f"at most {authorization.fee_cap} sat")


def _wanted(orders: Orders, key_record: KeyRecord, authorized: Authorized, reviewed: _Reviewed) -> Approval:
    """What each person must have approved; their own role takes the place of `witness`."""
    return Approval(
        mark=key_record.mark,
        genesis=orders.genesis,
        key_record=key_record.digest,
        ceremony=orders.ceremony,
        authorization=authorized.authorization.digest,
        request=reviewed.request.digest,
        **read_from(reviewed.review),
        head=orders.head,
        role="witness",
    )


def _prepared(orders: Orders, charter: Charter) -> str | None:
    """The head that administrator and witness signed at the end of this ceremony's preparation, if the orders have one."""
    if orders.prepared is None:
        return None
    said = checkpoint.parse(orders.prepared)
    _equal("checkpoint", "place", (said.mark, said.genesis, said.ceremony), (charter.mark, orders.genesis, orders.ceremony))
    raw = orders.prepared.encode("ascii")
    verify_all(orders.prepared_signatures, raw, sorted(checkpoint.STAFF), charter, "checkpoint@cold-ceremony")
    return said.head


def _enough(what: str, charter: Charter, positions: Sequence[str], plan: Plan) -> None:
    """Enough of the plan by which the set was split, each of them a person of the charter, too."""
    for position in positions:
        charter.member(position)
    if not plan.enough(positions):
        refuse(
            "ASM-01",
            what,
            found=", ".join(positions) or "nobody",
            expected=f"the threshold of custodians at {plan.site_threshold} sites",
            do="Let the missing custodians take part.",
        )


def _equal(what: str, name: str, found: object, expected: object) -> None:
    if found != expected:
        _differ(what, name, str(found), str(expected))


def _differ(what: str, name: str, found: str, expected: str) -> NoReturn:
    refuse(
        "SIG-08",
        f"the vault's orders: {name} of the {what}",
        found=found[:400],
        expected=expected[:400],
        do="Arm the vault with documents that belong together.",
    )
