"""The sitting: unlock, recover, import, sign, destroy, lock again, in one run of the vault.

Between the first unlocked share and the destroyed key nobody reads or decides anything but one word."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, dump
from ceremony.base.lines import sha256
from ceremony.machine.usb import ASKED
from ceremony.record import checkpoint, entries, passphrases, policy_history
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.sweeping import spent_by
from ceremony.screen import panels
from ceremony.screen.terminal import REASON, Back
from ceremony.script import bags, media, tried
from ceremony.script.opening import custodians
from ceremony.script.prepare import agreed, alive, authorized, end_vault, moment, start_vault
from ceremony.script.review import approve_late, given
from ceremony.script.room import Entry, Room, Steps, refusal
from ceremony.vault.orders import Orders
from ceremony.vault.process import VaultLost
from shares import envelope
from shares.envelope import Header
from shares.plan import Plan, Terms
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.check import check
from transfer.request import SigningRequest


def unlock(room: Room) -> Steps:
    """REC-01 to REC-05, REC-12, REC-13: the vault is armed, then shares are unlocked in any order until they are enough.

    Who came late joins before the vault is armed. If too few are left because shares were set aside, others may step in: the
    vault ends, and is armed anew for those who approved by then."""
    while True:
        yield from approve_late(room)
        yield from bags.opened(room)
        invited = [p for p in _approved(room) if p not in set_aside_today(room)]
        check_enough(room, invited)
        yield from _armed(room, invited)
        room.screen.word("UNLOCK", "Nobody leaves now before all shares are locked again.")
        yield from board(room, invited, quorum=True)
        if room.plan.enough(opened(room)):
            return
        yield from end_vault(room, "too few shares can be opened")
        others = [p for p in room.holders if p not in set_aside_today(room)]
        check_enough(room, others)
        room.screen.say("Too few shares are left. Nothing is combined, and nothing is lost: somebody else may step in now.")


def check_enough(room: Room, positions: Collection[str]) -> None:
    """REC-01: a short set releases nothing; as soon as these positions cannot be enough, no further share is opened."""
    plan = room.plan
    if not plan.enough(positions):
        refuse(
            "REC-01",
            "too few shares are open, or can be",
            found=" ".join(sorted(positions)) or "none",
            expected=f"{plan.site_threshold} sites with their thresholds",
            do="Nothing is combined, and nothing is lost. `ceremony resume` lets the same custodians try again, and others of the site "
            "step in.",
        )


def _approved(room: Room) -> tuple[str, ...]:
    """The custodians who are here, can open a share of the set that is opened, and have approved."""
    approved = {*custodians(room)} & {*room.state.signers("approval")}
    return tuple(p for p in room.holders if p in approved)


def set_aside_today(room: Room) -> frozenset[str]:
    """Whose share was set aside since the ceremony was last resumed."""
    found: set[str] = set()
    for entry in room.state.entries:
        if isinstance(entry.body, entries.Resumed):
            found = set()
        elif isinstance(entry.body, entries.SetAside):
            found.add(entry.body.position)
    return frozenset(found)


def _armed(room: Room, positions: Collection[str]) -> Steps:
    yield from start_vault(room, ASKED)
    orders = _orders(room, positions)
    with room.screen.working("the vault verifies everything that was signed"):
        reply = alive(room).arm(orders)
    yield ("tool", entries.Armed(request=reply.request, positions=orders.positions))


def _orders(room: Room, positions: Collection[str]) -> Orders:
    """Everything that the vault verifies itself, as the register has it."""
    here, book = room.here, room.book
    made, proof = book.ceremonies[room.opening.ceremony - 1], authorized(room)
    into = book.key_ceremony if proof.authorization.kind == "sweep" else None
    before = checkpoint.prepared(room.state)
    return Orders(
        charters=book.links,
        key_record=made.raw("key-record"),
        key_record_signatures=made.signatures("key-record"),
        into=into.raw("key-record") if into else None,
        into_signatures=into.signatures("key-record") if into else (),
        authorization=here.raw("authorization"),
        authorization_signatures=here.signatures("authorization"),
        confirmation=None if proof.confirmation is None else dump(proof.confirmation),
        confirmation_signatures=here.signatures("confirmation"),
        history=dump(policy_history.of(book)),
        request=here.raw("request"),
        replaced=book.replaced(proof.authorization.replaces),
        approvals=given(room),
        prepared=before.text if before else None,
        prepared_signatures=checkpoint.staff_signatures(room.state, before) if before else (),
        positions=tuple(positions),
        ceremony=here.number,
        head=given(room)[0].approval.head,
        genesis=room.genesis,
        now=moment(room),
    )


RUNS = (entries.Armed, entries.Alone, entries.Resharing)
"""With one of these a run of the vault begins that opens shares."""


def opened(room: Room) -> tuple[str, ...]:
    """Positions whose shares were opened in this run of the vault, armed or alone."""
    return tuple(sorted({u.position for u in room.state.since(*RUNS).all(entries.Unlocked)}))


_TOLD = 18
"""Positions that one line of a prompt has room for."""


def board(room: Room, invited: Collection[str], *, quorum: bool = False, least: bool = False) -> Steps:
    """Shares in any order, until everyone who is invited has unlocked or was set aside.

    `quorum`: they are to be combined; it stops as soon as those who are left are too few for that. `least`: no share is opened that is
    not needed for it."""
    plan = room.plan
    while waiting := [p for p in invited if p not in (*opened(room), *aside(room)) and not (least and _spare(plan, p, opened(room)))]:
        if quorum and not plan.enough({*opened(room), *waiting}):
            return
        room.screen.fresh(panels.board(plan, opened(room), waiting))
        position = waiting[0]
        if len(waiting) > 1:
            choices, told = "|".join(waiting), " ".join(waiting) if len(waiting) <= _TOLD else f"{len(waiting)} wait, as above"
            position = room.screen.ask(f"Who unlocks next ({told})? ", "one of the positions that wait", choices)
        yield from unlock_one(room, position)
    room.screen.fresh(panels.board(plan, opened(room), ()))


def _spare(plan: Plan, position: str, found: Collection[str]) -> bool:
    """Whether a site, or the whole, is open already without this share."""
    return plan.enough(found) or sum(p[0] == position[0] for p in found) >= plan.site(position[0]).threshold


def aside(room: Room) -> tuple[str, ...]:
    """Positions that were set aside in this run of the vault."""
    return tuple(s.position for s in room.state.since(*RUNS).all(entries.SetAside))


def unlock_one(room: Room, position: str) -> Steps:
    """One custodian: their card's header first, then the passphrase, at once against the recorded commitment."""
    try:
        record = room.opening.record
        sealed = media.newest(room, position, record.set_identifier)
        header = envelope.read(sealed, position)
        check_undamaged(room.book, record, position, header, sealed)
        if said := passphrases.told(room.book, position, header.set_identifier, header.sealing):
            room.screen.say(said)
        yield from _tries(room, position, sealed, acceptable(room.book, record, position, header.sealing))
    except VaultLost:
        raise  # no other medium mends that
    except (Refused, Malformed) as trouble:
        if isinstance(trouble, Refused) and trouble.identifier == "AUD-10":
            raise  # the register is old: nobody's share is opened against it
        room.screen.say(str(trouble) if isinstance(trouble, Refused) else f"{position}: {trouble}")
        if isinstance(trouble, Refused):
            yield ("tool", refusal(trouble))
        room.media.pop(position, None)
        answer = room.screen.ask(f"{position}: try again, or another medium (m), or set this share aside for today (s)? ", "m or s", "[ms]")
        if answer == "s":
            yield _set_aside(room, position, "refused")


def _tries(room: Room, position: str, sealed: bytes, numbers: tuple[int, ...]) -> Steps:
    header = Header.unpack(sealed)
    unlock = partial(alive(room).unlock, position, sealed, numbers, room.book.retired)
    if tried.taken(room, unlock, lambda wrong: envelope.wrong_passphrase(header, wrong.tries_left)):
        yield (position, entries.Unlocked(position=position, number=header.sealing))
    else:
        yield _set_aside(room, position, "three wrong passphrases")


_UNPROVEN = "This share was not proven: find out why, and check it again. If it stays so, the officers decide within 14 days."


def _set_aside(room: Room, position: str, reason: str) -> Entry:
    alone = any(isinstance(e.body, entries.Alone) for e in room.state.since(entries.Armed, entries.Alone).entries[:1])
    room.screen.say(f"{position} is set aside for today; nothing is lost. {_UNPROVEN if alone else _step_in(room, position)}")
    return (position, entries.SetAside(position=position, reason=reason))


def _step_in(room: Room, position: str) -> str:
    """Who of the same site can unlock in their place: who is here and was not asked yet; if these are too few, who may still come."""
    letter = position[0]
    site = [p for p in room.holders if p[0] == letter and p != position]
    left = [p for p in site if p in custodians(room) and p not in aside(room)]
    fresh = " ".join(p for p in left if p not in opened(room))
    if len(left) >= room.plan.site(letter).threshold:
        return f"Site {letter} can still open" + (f": {fresh} can step in, and is here." if fresh else ".")
    away = " or ".join(p for p in site if p not in custodians(room))
    return f"Site {letter} cannot open with those who are here" + (f"; {away} may come and step in." if away else ", and has nobody else.")


def check_undamaged(book: Register, record: KeyRecord, position: str, header: Header, sealed: bytes) -> None:
    """REC-03 for a sealed share of the set that is opened: what the register recorded when it was locked."""
    had = book.sets.sealed(position, record.set_identifier)
    terms = Terms(mark=record.mark, scheme=record.scheme, plan=record.plan)
    expected = envelope.Expected(terms=terms, set_identifier=record.set_identifier, position=position, sealings=had.acceptable)
    envelope.check_undamaged(header, sealed, expected, had.begun.get(header.sealing))


def acceptable(book: Register, record: KeyRecord, position: str, sealing: int) -> tuple[int, ...]:
    """REC-12: the sealing numbers that the vault compares with, newest last.

    A crash between sealing and proof leaves either the proven share or the new one on the medium: both are the newest then."""
    had = book.sets.sealed(position, record.set_identifier)
    return tuple(n for n in had.begun if n <= sealing) if sealing in had.acceptable else tuple(had.begun)


def sign(room: Room) -> Steps:
    """REC-06 to REC-09, SIG-01 to SIG-05, SEC-03: recover, import wrapped, one word, sign, destroy, show absence, assemble."""
    if room.state.last(entries.HsmSigned) is None:
        yield from _recover_and_sign(room)
    elif not room.state.since(entries.HsmSigned).actors(entries.Absent):
        yield from _destroy(room)  # cut off between the two; what was in the HSM went with its session, and is looked for
    yield from _assemble(room)


def _recover_and_sign(room: Room) -> Steps:
    vault = alive(room)
    proof = agreed(room)
    with room.screen.working("recover, and compare every extended public key"):
        recovered = vault.recover()
    yield ("tool", entries.Recovered(positions=recovered.combined, spares=recovered.spare, accounts=recovered.accounts))
    with room.screen.working("child keys into the HSM, wrapped; the secret is forgotten"):
        delivered, imported = vault.deliver()
    yield (
        "tool",
        entries.Imported(
            import_key=delivered.import_key,
            attested="not attested",
            paths=tuple(key.path for key in imported.keys),
            attributes={**imported.attributes, "AES key": imported.aes},
        ),
    )
    room.screen.show((*panels.at_stake(proof.authorized.authorization), *panels.words("signing request", proof.review.digest)))
    room.screen.word("SIGN", "Point of no return.")
    yield ("tool", entries.Signing(request=proof.review.digest))
    with room.screen.working("the HSM signs, every signature is verified"):
        signed = vault.sign(room.book.past_r())
    signatures = tuple(entries.HsmSignature(input=s.input, path=s.path, public=s.public.hex(), raw=s.raw.hex()) for s in signed.signatures)
    yield ("tool", entries.HsmSigned(request=proof.review.digest, nonces=signed.nonce, signatures=signatures))
    yield from _destroy(room)


def _destroy(room: Room) -> Steps:
    """SEC-03: nothing of this ceremony stays in the HSM."""
    with room.screen.working("destroy every key in the HSM, show their absence"):
        gone = alive(room).destroy()
    yield ("tool", entries.Absent(destroyed=gone.count, remaining=gone.remaining))


def _assemble(room: Room) -> Steps:
    """SIG-03: the signed transaction from the recorded signatures, verified by both readers before it is written anywhere."""
    agreed(room)
    account = spent_by(room.book, room.here)
    request = SigningRequest("bitcoin", room.raw("request"))
    signed = room.state.last(entries.HsmSigned)
    assert signed is not None  # noqa: S101 (written by the step before)
    by_input = sorted(signed.signatures, key=lambda s: s.input)
    with room.screen.working("assemble the transaction, verify it with both readers"):
        raw = assemble(request, tuple(bytes.fromhex(s.raw) for s in by_input), account)
        checked = check(raw, request, account)
    yield from room.keep("transaction.hex", "transaction", checked.raw.hex().encode("ascii") + b"\n")
    yield ("tool", entries.Checked(txid=checked.txid, fee=checked.review.fee, weight=checked.weight))


def lock_again(room: Room) -> Steps:
    """SEC-01: every share that was opened is locked again: next number, fresh salt, read back, proven; then the old one goes."""
    remaining = to_lock(room)
    if remaining and room.vault is None:
        room.screen.show(
            panels.paragraph("The vault ended before these shares were locked again. Each is opened once more and then locked.")
        )
        yield from _armed(room, _approved(room))
        yield from board(room, remaining)
    for position in to_lock(room):
        with media.working(room, position, f"lock, write, read back and prove the share of {position}"):
            yield from lock_one(room, position)
    for position, number in to_remove(room):
        yield from remove_older(room, position, number)
    yield from end_vault(room, "every share is locked again")


def to_lock(room: Room) -> tuple[str, ...]:
    """Positions that were unlocked in this ceremony and have no sealing proven since."""
    waiting: dict[str, None] = {}
    for entry in room.state.entries:
        if isinstance(entry.body, entries.Unlocked):
            waiting[entry.body.position] = None
        elif isinstance(entry.body, entries.Proven):
            waiting.pop(entry.body.position, None)
    return tuple(waiting)


def lock_one(room: Room, position: str) -> Steps:
    """SEC-01: one open share is locked again under its next number, read back and proven; then the older ones go."""
    identifier = room.opening.identifier
    number, read_back = yield from media.locked(room, position, identifier, lambda n: alive(room).lock_again(position, n).sealed)
    alive(room).prove_again(position, read_back)
    yield (position, entries.Proven(position=position, number=number, sha256=sha256(read_back)))
    yield from remove_older(room, position, number)


def remove_older(room: Room, position: str, number: int) -> Steps:
    """SEC-01: sealed shares of lower numbers than this one, which was proven, go from the medium. Who was cut off in between brings it
    once more, or says that it may exist elsewhere."""
    yield from media.remove_older(room, position, number, room.opening.identifier)
    while position in dict(to_remove(room)):
        old = opened_as(room, position)
        room.screen.say(f"{position}: your new share is proven. The one of before (number {old}) is not on this medium.")
        answer = room.screen.ask(f"{position}: insert the medium of before (m), or can it not be brought (n)? ", "m or n", "[mn]")
        if answer == "m":
            room.media.pop(position, None)
            yield from media.remove_older(room, position, number, room.opening.identifier)
            continue
        try:
            why = room.screen.ask(f"{position}, why not, and where may it be? ", "the reason, in plain letters", REASON, back=True)
        except Back:
            continue
        yield media.not_removed(position, media.kept(room, position, old, why))
        room.screen.say(NOT_REMOVED)


NOT_REMOVED = (
    "Recorded as not removed. Whoever has it opens it with the passphrase of then, and has your share: `ceremony custody status` says so "
    "from now on. Find it and destroy it; if others may have it, both officers order `ceremony shares reshare`."
)


def opened_as(room: Room, position: str) -> int:
    """The number of the sealed share of this position that was opened last in this ceremony."""
    return [body.number for body in room.state.all(entries.Unlocked) if body.position == position][-1]


def to_remove(room: Room) -> tuple[tuple[str, int], ...]:
    """Positions whose old share was neither removed nor said to be left after the new one was proven (an interruption between the two),
    with the new number."""
    found: dict[str, int] = {}
    opened: dict[str, int] = {}
    for body in (entry.body for entry in room.state.entries):
        if isinstance(body, entries.Unlocked):
            opened[body.position] = body.number
        elif isinstance(body, entries.Proven):
            found[body.position] = body.number
        elif isinstance(body, entries.Removed | entries.NotRemoved) and opened.get(body.position) == body.number:
            found.pop(body.position, None)
    return tuple(found.items())
