"""Prepare: all that can fail without custodians fails here: authorization, machine and HSM, signing request."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

from ceremony.base.amounts import format_btc
from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import is_locked, read_file
from ceremony.base.signatures import Signature
from ceremony.machine import known_answers
from ceremony.record import entries
from ceremony.record.charter import TOLD, Certificate, Charter, DeviceKind
from ceremony.record.drills import check_due
from ceremony.record.exceptional import granted
from ceremony.record.policy import bound
from ceremony.record.register import Ceremony, Register
from ceremony.record.sets import KeySet
from ceremony.record.sweeping import account, account_of, founded_on, opens, spent_by
from ceremony.screen import panels
from ceremony.screen.custody import unable
from ceremony.script import preflight
from ceremony.script.lookalike import check_past
from ceremony.script.opening import take_in
from ceremony.script.room import Room, Steps
from ceremony.vault.process import Vault
from ceremony.vault.protocol import TokenOpened, WrongSecret
from ceremony.vault.token import check_identity
from transfer.agree import Agreed, agree
from transfer.authorization import (
    OFFICERS,
    Authorization,
    Authorized,
    Confirmation,
    check_confirmation,
    check_head,
    check_officers,
    check_valid,
    signed_by,
)
from transfer.bitcoin import second
from transfer.bitcoin.build import Order, build
from transfer.bitcoin.reading import review
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.in_force import check_payees, in_force
from transfer.limits import check_limits
from transfer.limits import moment as calendar
from transfer.outstanding import check_replaces
from transfer.request import AccountKey, SigningRequest, SweptAccount
from transfer.review import Decoded, Review
from transfer.revocation import check_unrevoked
from transfer.sweep import Stays, check_everything

BLOCK_AHEAD = timedelta(hours=2)
"""How far ahead of the time a block may be dated (Bitcoin Core's MAX_FUTURE_BLOCK_TIME); test chains make use of it."""
FALLBACK_RATE = 2_000
"""Satoshi per 1,000 virtual bytes, when the snapshot's node had no estimate (a practice chain has none)."""


def authorization(room: Room) -> Steps:
    """AUT-01 to AUT-08: the authorization is signed, confirmed, of this register, unspent and within the policy; granted here."""
    book = room.book
    raw, signed, wanted = room.signed("authorization", "the signed authorization", partial(load, Authorization))
    signed = tuple(s for s in signed if s.signer in OFFICERS)
    said, confirmed = _asked(room) if wanted.payments else (None, ())
    _check_wanted(room, book, wanted, signed)
    check_confirmation(wanted, said, confirmed, book.charter.keys)
    yield from take_in(room, "authorization.json", "authorization", raw, signed)
    if said is not None:
        yield from take_in(room, "confirmation.json", "confirmation", dump(said), confirmed)
    proof = authorized(room)
    room.screen.pages(panels.authorization(wanted))
    if room.state.last(entries.Authorized) is None:
        yield ("tool", _granted(proof))
    check_granted(room.register, room.here.number, wanted.digest)
    for line in unable(room.custody, former=wanted.kind == "sweep"):
        room.screen.say(line)
    room.screen.enter("administrator and witness: this is the transfer that you prepare.")


def _asked(room: Room) -> tuple[Confirmation, tuple[Signature, ...]]:
    """AUT-08: what the payees said, and the checker's signature over it."""
    _, signed, said = room.signed("confirmation", "the signed confirmation of the payee", partial(load, Confirmation))
    return said, tuple(s for s in signed if s.signer == said.checker)


def _check_wanted(room: Room, book: Register, wanted: Authorization, signed: Sequence[Signature]) -> None:
    """Everything of an authorization that one file can be wrong in, before a byte of it is taken into the record."""
    now = room.clock()
    check_plan(book)
    check_due(book, now, excepted="DRL-01" in granted(room.state))
    book.check_unspent(wanted.digest, wanted.identifier, room.here.number)
    _check_of_this_register(book, wanted)
    check_officers(wanted, signed, book.charter.keys)
    check_valid(wanted, now)
    check_unrevoked(wanted, book.revoked)
    check_payees(book.history, wanted, now)
    check_limits(in_force(book.history, now), wanted, book.spent(room.here.number), now)
    check_replaces(wanted, book.claims(room.here.number))


def check_plan(book: Register) -> None:
    """REC-02: the shares in use were split by the charter's own sites, positions and thresholds; no other plan opens them."""
    plan, split = book.charter.plan, book.key_record.plan
    if plan != split:
        refuse(
            "REC-02",
            "the shares in use were split by another plan than the charter's",
            found=f"{len(split.positions)} positions, {split.site_threshold} of {len(split.sites)} sites in the key record",
            expected=f"{len(plan.positions)} positions, {plan.site_threshold} of {len(plan.sites)} sites, or other thresholds of a site",
            do="Make all shares anew first: `ceremony shares order draft --kind reshare`, then `ceremony shares reshare`.",
        )
    stands, made = founded_on(book.charter), founded_on(book.key_record)
    if stands != made:
        refuse(
            "REC-02",
            "the key in use was made for another scheme or other accounts than the charter's",
            found="; ".join(made),
            expected="; ".join(stands),
            do="Make a new key first, and sweep the old one: `ceremony shares order draft --kind new-key`, then `ceremony keygen --order`.",
        )


@control("AUT-10")
def check_granted(register: Path, number: int, authorization: str) -> None:
    """AUT-10: before anybody is told of a grant it is on disk, where the next one counts it, and this process alone holds the register.

    The limits were counted under the same lock, so that of two requests at once the second one sees the first."""
    book = Register.open(register)
    ceremony = book.ceremonies[-1]
    held, counted = is_locked(register), number in {claim.number for claim in book.claims(0)}
    on_disk = ceremony.number == number and authorization in {body.authorization for body in ceremony.state.all(entries.Authorized)}
    if not (held and counted and on_disk):
        refuse(
            "AUT-10",
            "the grant does not hold",
            found="no lock on the register" if not held else "no such grant on disk",
            expected=f"authorization {authorization} on disk in ceremony {number}, under the register's lock",
            do="Find out what else writes into the register, then resume or void this ceremony.",
        )


def _granted(proof: Authorized) -> entries.Authorized:
    wanted = proof.authorization
    return entries.Authorized(
        authorization=wanted.digest,
        identifier=wanted.identifier,
        payments=wanted.payments,
        fee_cap=wanted.fee_cap,
        replaces=wanted.replaces,
        key_record=wanted.key_record,
        to=wanted.to,
        address=wanted.address,
    )


def authorized(room: Room) -> Authorized:
    """The proof, made anew from the register's own files and signatures each time it is needed; unspent each time, too (AUT-05)."""
    book = room.book
    here = book.ceremonies[-1]
    wanted = here.load(Authorization, "authorization")
    confirmation = here.load(Confirmation, "confirmation") if wanted.payments else None
    book.check_unspent(wanted.digest, wanted.identifier, here.number)
    check_unrevoked(wanted, book.revoked)
    confirmed = here.signatures("confirmation")
    return signed_by(wanted, here.signatures("authorization"), confirmation, confirmed, room.charter.keys, moment(room))


def moment(room: Room) -> str:
    """The time that an authorization must be valid at: now, until SIGN is typed for the first time.

    A signed transaction does not expire (BRD-06): after that it is when the vault that may have signed was armed, so that what
    was begun can always be ended."""
    armed = ""
    for entry in room.state.entries:
        if isinstance(entry.body, entries.Armed):
            armed = entry.line.time
        elif isinstance(entry.body, entries.Signing):
            return armed
    return room.clock()


def _check_of_this_register(book: Register, wanted: Authorization) -> None:
    """AUD-10: the authorization was signed against this register, and against a head that this register still has."""
    bound(wanted, book.charter, book.policy, book.genesis)
    account(book.sets, wanted)
    heads = {book.genesis, *(c.head for c in book.ceremonies if c.state.closed is not None)}
    check_head(wanted, heads, book.ceremonies[-1].prev)


def machine(room: Room) -> Steps:
    """SET-02, AIR-02 to AIR-07: boot image, machine, vault protection, HSM identity, and the import path with a throw-away key."""
    yield from preflight.boot_image(room)
    yield from start_vault(room)
    if room.state.opened.kind == "transfer":
        yield from end_vault(room, "prepared")


def start_vault(room: Room, asked: Collection[DeviceKind] = ()) -> Steps:
    """AIR-02, REC-10, AIR-07: look at the machine, start both vault processes, record what protects them and that every process
    passed its self-tests, open the HSM (it asks for its PIN itself), and prove its import path with a throw-away key, before any
    share is unlocked. `asked`: kinds of device that the step asks for meanwhile."""
    yield from start_processes(room, asked)
    charter = room.charter
    opened = _open_token(room, charter)
    findings = check_hsm(room, opened)
    yield (
        "tool",
        entries.Hsm(
            label=opened.label,
            serial=opened.serial,
            manufacturer=opened.manufacturer,
            model=opened.model,
            firmware=opened.firmware or "not stated",
            certificate=charter.hsm.certificate,
            objects=len(opened.objects),
            findings=(
                *findings,
                _driver(room.path("module", "the HSM's PKCS#11 module")),
                *(f"object: {o.kind} {o.label}" for o in opened.objects),
            ),
        ),
    )
    with room.screen.working("the import path, with a throw-away key"):
        proven = alive(room).try_import_path()
    attributes = tuple(f"{name}={value}" for name, value in sorted(proven.attributes.items()))
    yield ("tool", entries.ImportPath(steps=("wrap", "unwrap", *attributes, "sign", "verify", "destroy", f"{proven.remaining} remain")))


def start_processes(room: Room, asked: Collection[DeviceKind] = (), *, whole: bool = True) -> Steps:
    """AIR-02, REC-10, SET-09: the machine is looked at, both processes of the vault begin, what protects them is recorded, and that
    every process passed its self-tests. The HSM is not asked for anything. `whole`: as `preflight.examine` has it."""
    charter = room.charter
    yield from preflight.examine(room, asked, whole=whole)
    room.vault = Vault.start(charter.vault_minutes)
    for name, ready in sorted(room.vault.ready.items()):
        body = entries.Vault(process=name, protection={p.name: p.state for p in ready.protection})
        yield ("tool", body)
    yield from _self_tests(room)
    for sentence in room.vault.check_protection(charter.mark):
        room.screen.say(sentence)


def _self_tests(room: Room) -> Steps:
    """SET-09: the vault's processes ran theirs before they answered; the screen process runs its own once more."""
    for name, ready in sorted(alive(room).ready.items()):
        yield ("tool", entries.SelfTests(process=name, count=ready.known_answers))
    yield ("tool", entries.SelfTests(process="screen", count=known_answers.run()))


def _driver(module: Path) -> str:
    """The module stands between this tool and the HSM, and whoever runs the command names it: which one it was is recorded."""
    with module.open("rb") as file:
        return f"module: SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}"


def _open_token(room: Room, charter: Charter) -> TokenOpened:
    wanted = charter.hsm
    module = room.path("module", "the HSM's PKCS#11 module")
    room.screen.say(f"administrator: the HSM {wanted.label} asks for its PIN.")
    while True:
        try:
            return alive(room).open_token(str(module), wanted.label, wanted.serial, charter.pin_halves)
        except WrongSecret as wrong:
            room.screen.fresh(())
            room.screen.say(f"administrator: {wrong}")
            if not wrong.tries_left:
                raise Malformed("the PIN of the HSM was wrong three times; let the person who keeps it look it up, then resume") from None


@control("AIR-05")
def check_hsm(room: Room, found: TokenOpened) -> tuple[str, ...]:
    """AIR-05: label, serial number, manufacturer, model and firmware are the charter's, or it is refused. Returns standing findings:
    what production would have refused, and a certificate that says less than it seems to."""
    wanted = room.charter.hsm
    if any(getattr(found, name) != getattr(wanted, name) for name in TOLD):
        refuse(
            "AIR-05",
            "this is not the HSM of the charter",
            found=", ".join(getattr(found, name) for name in TOLD),
            expected=", ".join(getattr(wanted, name) for name in TOLD),
            do="Connect the HSM that the charter names, or amend the charter.",
        )
    findings = (check_identity(found, room.charter), certificate_finding(wanted.certificate))
    return tuple(finding for finding in findings if finding)


def certificate_finding(stated: Certificate) -> str:
    """What is to be said of the certificate that the charter states, or nothing."""
    if stated.standard == "FIPS 140-2":
        return f"certificate {stated.number} is of FIPS 140-2: all of these became historical on 2026-09-22"
    return "the charter states no certificate of the HSM" if stated.standard == "none" else ""


def alive(room: Room) -> Vault:
    """The vault, which a step before this one started."""
    assert room.vault is not None  # noqa: S101 (next_step never comes here without it)
    return room.vault


def end_vault(room: Room, reason: str) -> Iterator[tuple[str, entries.VaultEnded]]:
    """Both processes end, and with them everything that they held."""
    if room.vault is not None:
        room.vault.end()
        room.vault = None
        yield ("tool", entries.VaultEnded(reason=reason))


def _snapshot(path: Path) -> tuple[bytes, Snapshot]:
    raw = read_file(path)
    return raw, load(Snapshot, raw, path.name)


def request(room: Room) -> Steps:
    """TXN-01, TXN-09: the snapshot is checked against itself, the signing request built once, and read by two readers."""
    book, here = room.book, room.here
    wanted = here.load(Authorization, "authorization")
    ours = spent_by(book, here)
    if room.state.file("request") is None:
        raw, snapshot = room.read("snapshot", "the snapshot from the online host", _snapshot)
        _check_clock(room.clock(), snapshot)
        check_key(book, snapshot, wanted)
        built = _build(book, here.number, ours, snapshot, wanted, room.clock())
        yield from room.keep("snapshot.json", "snapshot", raw)
        yield from room.keep("request.psbt", "request", built.raw)
    with room.screen.working("two readers of the signing request"):
        proof = agreed(room)
        check_past(room, proof)
    room.screen.pages(panels.review(proof.review))
    room.screen.show(panels.words("signing request", proof.review.digest))
    if room.state.last(entries.Agreed) is None:
        yield ("tool", _agreed(proof.review))
    moved = wanted.amount + sum(output.amount for output in proof.review.swept)
    room.screen.say(f"Reserved: {format_btc(moved)} and {len(proof.review.inputs)} coin(s).")
    if left := _left(room.book, room.here, proof):
        room.screen.show(panels.listed("Stays at the former key:", left.told or ("nothing: every coin of the snapshot is swept",)))


def _agreed(seen: Review) -> entries.Agreed:
    readers = ("transfer.bitcoin.reading", "Bitcoin Core's kernel with bip-utils, in a process of its own")
    coins = tuple(f"{i.txid}:{i.vout}" for i in seen.inputs)
    return entries.Agreed(request=seen.digest, txid=seen.txid, readers=readers, fee=seen.fee, coins=coins)


def _check_clock(now: str, snapshot: Snapshot) -> None:
    """ASM-04: this machine's clock is not behind the median time of the chain's tip, by more than a block may be ahead."""
    if calendar(now) + BLOCK_AHEAD < calendar(snapshot.time):
        refuse(
            "ASM-04",
            "this machine's clock is behind the chain",
            found=now,
            expected=f"about {snapshot.time} or later, the median time of the snapshot's tip",
            do="Set the clock by people's watches. If it is right, collect the snapshot from another node.",
        )


def _build(  # noqa: PLR0913, PLR0917 (the register, whose coins, what is wanted, and when)
    book: Register, number: int, account: AccountKey, snapshot: Snapshot, wanted: Authorization, now: str
) -> SigningRequest:
    coins = checked(snapshot, account)
    rate, limits = max(snapshot.rate or FALLBACK_RATE, 1_000), in_force(book.history, now)
    order = Order(
        payments=tuple((payment.destination, payment.amount) for payment in wanted.payments),
        gather=wanted.coins,
        max_fee=min(wanted.fee_cap, limits.fee_cap),
        rate=min(rate, limits.fee_rate_cap),
        max_rate=limits.fee_rate_cap,
        change_index=0 if isinstance(account, SweptAccount) else _next_change(book, account, snapshot),
        reserved=book.reserved(number),
        replacing=check_replaces(wanted, book.claims(number)),
    )
    return build(account, coins, order)


def _next_change(book: Register, account: AccountKey, snapshot: Snapshot) -> int:
    """The first index of branch 1 that neither the snapshot nor any earlier signing request of this key uses.

    Not the one after the greatest: who knows the extended public key can pay to the last index there is."""
    used = {coin.path for coin in snapshot.coins}
    for ceremony in book.ceremonies[book.key_began :]:
        if ceremony.state.file("request") is not None and (spent := spent_by(book, ceremony)).name == account.name:
            used |= {c.path for c in review(SigningRequest("bitcoin", ceremony.raw("request")), spent).change}
    return next(index for index in count() if f"1/{index}" not in used)


def agreed(room: Room) -> Agreed:
    """The proof, made anew from the register's own bytes each time it is needed (TXN-01)."""
    book, here = room.book, room.here
    proof = authorized(room)
    ours = spent_by(book, here)
    unsigned = SigningRequest("bitcoin", here.raw("request"))
    now = moment(room)
    found = agree(proof, review(unsigned, ours), _second(room, unsigned, ours), book.history, book.claims(here.number), now)
    _left(book, here, found)
    return found


def _left(book: Register, here: Ceremony, found: Agreed) -> Stays | None:
    """TXN-01: what a sweep leaves where it is, once it is seen to take everything that it can; None for anything but a sweep."""
    wanted = found.authorized.authorization
    if wanted.kind != "sweep":
        return None
    coins = checked(here.load(Snapshot, "snapshot"), spent_by(book, here))
    claims = book.claims(here.number)
    freed = {coin for claim in claims if claim.txid in wanted.replaces for coin in claim.coins}
    return check_everything(found.review, coins, book.reserved(here.number) - freed, freed)


def check_key(book: Register, snapshot: Snapshot, wanted: Authorization) -> None:
    """AUT-01: coins of a former key leave by a sweep alone, and by a sweep no others; the key that has them is named."""
    expected = opens(book.sets, wanted)
    for each in (*book.sets.formers, book.in_use):
        if each != expected and snapshot.coins and _has(each, snapshot, wanted):
            what = "a former key, which only a sweep empties" if each != book.in_use else "the key in use, which no sweep empties"
            refuse(
                "AUT-01",
                f"these coins are not of the key that authorization {wanted.identifier} spends from",
                found=f"coins of set {each.identifier}, of ceremony {each.ceremony}: {what}",
                expected=f"coins of set {expected.identifier}, of ceremony {expected.ceremony}",
                do="Collect a snapshot with the right key record, or draft and sign an authorization for that key.",
            )


def _has(key: KeySet, snapshot: Snapshot, wanted: Authorization) -> bool:
    """Whether all coins of a snapshot are of this key."""
    try:
        checked(snapshot, account_of(key.record, wanted.account))
    except (Refused, Malformed):
        return False
    return True


def _second(room: Room, unsigned: SigningRequest, account: AccountKey) -> Decoded:
    """What the second reader finds in these very bytes for this account: asked once in each run, because it takes seconds."""
    known = (unsigned.digest, account)
    if known not in room.readings:
        room.readings[known] = second.read(unsigned, account)
    return room.readings[known]
