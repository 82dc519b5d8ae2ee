"""Prepare: all that can fail without custodians fails here: authorization, machine and HSM, signing request."""

from __future__ import annotations

from collections.abc import Iterator

from ceremony.base.amounts import format_btc
from ceremony.base.control import control, refuse
from ceremony.base.data import load
from ceremony.base.mark import permits
from ceremony.machine import preflight
from ceremony.record import entries
from ceremony.record.charter import Hsm
from ceremony.record.register import Register
from ceremony.record.signed import read_signed
from ceremony.screen import panels
from ceremony.script.opening import take_signatures
from ceremony.script.room import Room, Steps
from ceremony.vault.process import Vault
from ceremony.vault.protocol import TokenOpened, WrongSecret
from ceremony.vault.token import check_identity
from transfer.agree import Agreed, agree
from transfer.authorization import Authorization, Authorized, Confirmation, binds, signed_by
from transfer.bitcoin import second
from transfer.bitcoin.build import Order, build
from transfer.bitcoin.reading import review
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.limits import check_limits, check_payee
from transfer.request import AccountKey, SigningRequest

FALLBACK_RATE = 2_000
"""Satoshi per 1,000 virtual bytes, when the snapshot's node had no estimate (a practice chain has none)."""


def authorization(room: Room) -> Steps:
    """AUT-01 to AUT-08: the authorization is signed, confirmed, of this register, unspent and within the policy; granted here."""
    book = room.book
    path = room.path("authorization", "the signed authorization")
    raw, signed = read_signed(path)
    wanted = load(Authorization, raw, path.name)
    confirmation_path = room.path("confirmation", "the signed confirmation of the payee")
    confirmation_raw, confirmed = read_signed(confirmation_path)
    load(Confirmation, confirmation_raw, confirmation_path.name)
    book.check_unspent(wanted.digest, wanted.identifier, room.here.number)
    _check_of_this_register(book, wanted)
    yield from room.keep("authorization.json", "authorization", raw)
    yield from take_signatures(room, signed, "authorization@cold-ceremony", "authorization", "authorization.json")
    yield from room.keep("confirmation.json", "confirmation", confirmation_raw)
    yield from take_signatures(room, confirmed, "confirmation@cold-ceremony", "confirmation", "confirmation.json")
    proof = authorized(room)
    check_payee(book.policy, wanted, room.clock())
    check_limits(book.policy, wanted, book.spent(room.here.number), room.clock())
    room.screen.show(panels.authorization(wanted))
    if room.state.last(entries.Authorized) is None:
        yield ("tool", _granted(proof))
    room.screen.enter("administrator and witness: this is the transfer that you prepare.")


def _granted(proof: Authorized) -> entries.Authorized:
    wanted = proof.authorization
    return entries.Authorized(
        authorization=wanted.digest,
        identifier=wanted.identifier,
        payee=wanted.payee,
        destination=wanted.destination,
        amount=wanted.amount,
        greatest_fee=wanted.greatest_fee,
    )


def authorized(room: Room) -> Authorized:
    """The proof, made anew from the register's own files and signatures each time it is needed."""
    here, charter = room.here, room.charter
    wanted = here.load(Authorization, "authorization")
    confirmation = here.load(Confirmation, "confirmation")
    keys = {member.person: member.key for member in charter.people}
    (confirmed,) = here.signatures("confirmation")
    return signed_by(wanted, here.signatures("authorization"), confirmation, confirmed, keys, room.clock())


def _check_of_this_register(book: Register, wanted: Authorization) -> None:
    """AUD-10: the authorization was signed against this register, and against a head that this register still has."""
    policy = book.policy
    binds(wanted, {"mark": book.charter.mark, "genesis": book.genesis, "charter": book.charter.digest, "policy": policy.digest})
    heads = {book.genesis, *(c.head for c in book.ceremonies if c.state.closed is not None)}
    if wanted.register_head not in heads:
        refuse(
            "AUD-10",
            "the authorization names a register head that this register does not have",
            found=wanted.register_head,
            expected=f"a head of this register, such as {max(book.ceremonies, key=lambda c: c.number).prev}",
            do="If the register is an old copy, get the newest one. Else draft and sign a new authorization.",
        )


def machine(room: Room) -> Steps:
    """AIR-05 to AIR-07: machine, vault protection, HSM identity, and the import path with a throw-away key."""
    found = preflight.findings()
    yield ("tool", entries.Machine(findings=found))
    relaxed = permits(room.charter.mark, "machine checks")
    if found and not relaxed:
        refuse("AIR-02", "this machine", found="; ".join(found), expected="none of these", do="Use the cold host, offline.")
    room.screen.show(panels.listed("Production would refuse:", found or ("nothing",)))
    yield from start_vault(room)
    if room.state.opened.kind == "transfer":
        yield from end_vault(room, "prepared")


def start_vault(room: Room) -> Steps:
    """REC-10, AIR-07: start both vault processes, record what protects them, open the HSM (it asks for its PIN itself), and
    prove its import path with a throw-away key, before any share is unlocked."""
    charter = room.charter
    room.vault = Vault.start(charter.vault_minutes)
    for name, ready in sorted(room.vault.ready.items()):
        body = entries.Vault(process=name, protection={p.name: p.state for p in ready.protection})
        yield ("tool", body)
    for sentence in room.vault.check_protection(charter.mark):
        room.screen.say(sentence)
    opened = _open_token(room, charter.hsm)
    finding = check_hsm(room, opened)
    yield (
        "tool",
        entries.Hsm(
            label=opened.label,
            serial=opened.serial,
            manufacturer=opened.manufacturer,
            model=opened.model,
            firmware=opened.firmware or "not stated",
            objects=len(opened.objects),
            findings=(*((finding,) if finding else ()), *(f"object: {o.kind} {o.label}" for o in opened.objects)),
        ),
    )
    with room.screen.working("the import path, with a throw-away key"):
        proven = alive(room).try_import_path()
    attributes = tuple(f"{name}={value}" for name, value in sorted(proven.attributes.items()))
    yield ("tool", entries.ImportPath(steps=("wrap", "unwrap", *attributes, "sign", "verify", "destroy", f"{proven.remaining} remain")))


def _open_token(room: Room, wanted: Hsm) -> TokenOpened:
    module = room.path("module", "the HSM's PKCS#11 module")
    room.screen.say(f"administrator: the HSM {wanted.label} asks for its PIN.")
    while True:
        try:
            return alive(room).open_token(str(module), wanted.label, wanted.serial)
        except WrongSecret as wrong:
            room.screen.say(str(wrong))
            if not wrong.tries_left:
                raise


@control("AIR-05")
def check_hsm(room: Room, found: TokenOpened) -> str:
    """AIR-05: label, serial number, manufacturer and model are the charter's. What production would have refused, or nothing."""
    wanted = room.charter.hsm
    seen = Hsm(label=found.label, serial=found.serial, manufacturer=found.manufacturer, model=found.model)
    if seen != wanted:
        refuse(
            "AIR-05",
            "this is not the HSM of the charter",
            found=f"{seen.label}, {seen.serial}, {seen.manufacturer}, {seen.model}",
            expected=f"{wanted.label}, {wanted.serial}, {wanted.manufacturer}, {wanted.model}",
            do="Connect the HSM that the charter names.",
        )
    return check_identity(found, room.charter)


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


def request(room: Room) -> Steps:
    """TXN-01, TXN-09: the snapshot is checked against itself, the signing request built once, and read by two readers."""
    book, here = room.book, room.here
    wanted = here.load(Authorization, "authorization")
    account = book.key_record.account(wanted.account)
    if room.state.file("request") is None:
        path = room.path("snapshot", "the snapshot from the online host")
        raw = path.read_bytes()
        built = _build(book, here.number, account, load(Snapshot, raw, path.name), wanted)
        yield from room.keep("snapshot.json", "snapshot", raw)
        yield from room.keep("request.psbt", "request", built.raw)
    with room.screen.working("two readers of the signing request"):
        proof = agreed(room)
    room.screen.show(panels.review(proof.review))
    room.screen.show(panels.words("signing request", proof.review.digest))
    if room.state.last(entries.Agreed) is None:
        coins = tuple(f"{i.txid}:{i.vout}" for i in proof.review.inputs)
        readers = ("transfer.bitcoin.reading", "Bitcoin Core's kernel with bip-utils, in a process of its own")
        yield ("tool", entries.Agreed(request=proof.review.digest, readers=readers, fee=proof.review.fee, coins=coins))
    room.screen.say(f"Reserved: {format_btc(wanted.amount)} and {len(proof.review.inputs)} coin(s).")


def _build(book: Register, number: int, account: AccountKey, snapshot: Snapshot, wanted: Authorization) -> SigningRequest:
    coins = checked(snapshot, account)
    rate = max(snapshot.rate or FALLBACK_RATE, 1_000)
    order = Order(
        payee=wanted.destination,
        amount=wanted.amount,
        max_fee=min(wanted.greatest_fee, book.policy.greatest_fee),
        rate=min(rate, book.policy.greatest_rate),
        change_index=_next_change(book, account, snapshot),
        reserved=book.reserved(number),
    )
    return build(account, coins, order)


def _next_change(book: Register, account: AccountKey, snapshot: Snapshot) -> int:
    """The first index of branch 1 that neither the snapshot nor any earlier signing request of the register uses."""
    used = [coin.path for coin in snapshot.coins]
    for ceremony in book.ceremonies:
        if ceremony.state.file("request") is not None:
            used += [c.path for c in review(SigningRequest("bitcoin", ceremony.raw("request")), account).change]
    return 1 + max((int(path[2:]) for path in used if path.startswith("1/")), default=-1)


def agreed(room: Room) -> Agreed:
    """The proof, made anew from the register's own bytes each time it is needed (TXN-01)."""
    book, here = room.book, room.here
    proof = authorized(room)
    account = book.key_record.account(proof.authorization.account)
    unsigned = SigningRequest("bitcoin", here.raw("request"))
    now = room.clock()
    return agree(proof, review(unsigned, account), second.read(unsigned, account), book.policy, book.spent(here.number), now)
