"""Resharing: the same key in new shares, under the charter in force (SEC-05). No old share is touched before everybody has signed the
new key record; from then on the set of before is retired, and its shares are destroyed.

What stands between the split and the last signature is one sitting, as in a key generation, and uses its steps (generate.py)."""

from __future__ import annotations

from ceremony.base.control import refuse
from ceremony.base.data import load
from ceremony.machine.usb import ASKED
from ceremony.record import entries
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.retired import Retired, gone
from ceremony.record.sweeping import founded_on
from ceremony.screen import panels
from ceremony.script import closing, ending, media, sitting
from ceremony.script.opening import custodians
from ceremony.script.ordered import taken
from ceremony.script.prepare import alive, start_vault
from ceremony.script.room import Room, Steps, last_step
from ceremony.vault.protocol import BeginReshare


def check_possible(book: Register) -> None:
    """Before anybody comes. REC-02: the charter in force is of this very key; REC-01: those who still have their own share of the set in
    use are enough to open it."""
    charter, record = book.charter, book.key_record
    if founded_on(charter) != founded_on(record):
        refuse(
            "REC-02",
            "the charter in force is not of the key in use",
            found="; ".join(founded_on(charter)),
            expected="; ".join(founded_on(record)),
            do="Another scheme or other accounts need a new key: `ceremony shares order draft --kind new-key`, then `ceremony keygen`.",
        )
    left = book.chain.stayed(record.charter)
    if not record.plan.enough(left):
        refuse(
            "REC-01",
            "too few still have their own share of the set in use",
            found=" ".join(left) or "nobody",
            expected=f"{record.plan.site_threshold} sites with their thresholds, each custodian the one who locked the share",
            do="Amend the charter in two steps, and reshare after each, so that enough of those who know a passphrase stay.",
        )


def unlock(room: Room) -> Steps:
    """REC-01 to REC-05, REC-12, REC-13: the vault verifies the order, then shares of the set in use are opened until they are enough.

    Whose share was given to somebody else since it was locked cannot open it: the passphrase went with the person."""
    invited = [p for p in openable(room) if p not in sitting.set_aside_today(room)]
    sitting.check_enough(room, invited)
    yield from _begun(room)
    room.screen.word("UNLOCK", "Nobody leaves before the new key record is signed.")
    yield from sitting.board(room, invited, quorum=True, least=True)
    sitting.check_enough(room, sitting.opened(room))


def openable(room: Room) -> tuple[str, ...]:
    """The custodians who are here and have a share of the set in use of their own."""
    mine = room.book.chain.stayed(room.book.key_record.charter)
    return tuple(position for position in custodians(room) if position in mine)


def _begun(room: Room) -> Steps:
    """The vault begins with this one task for its life."""
    yield from start_vault(room, ASKED)
    book, here = room.book, room.here
    made = book.key_ceremony
    order = BeginReshare(
        charters=book.links,
        genesis=room.genesis,
        key_record=made.raw("key-record"),
        key_record_signatures=made.signatures("key-record"),
        order=here.raw("share-order"),
        order_signatures=here.signatures("share-order"),
        taken=taken(room),
        ceremony=here.number,
        issued=room.clock(),
    )
    with room.screen.working("the vault verifies charter, key record and order"):
        begun = alive(room).begin_reshare(order)
    yield ("tool", entries.Resharing(key_record=begun.key_record, order=begun.order, positions=begun.positions))


def resplit(room: Room) -> Steps:
    """REC-06, GEN-08, GEN-13: recover, compare every extended public key, split in fresh polynomials; the new key record's body."""
    with room.screen.working("recover, compare every extended public key, split anew"):
        recovered = alive(room).recover()
        made = alive(room).resplit()
    yield ("tool", entries.Recovered(positions=recovered.combined, spares=recovered.spare, accounts=recovered.accounts))
    record = load(KeyRecord, made.key_record, "key record")
    yield from room.keep("key-record.json", "key-record", made.key_record)
    commitments = len(record.custodian_commitments) + len(record.site_commitments)
    sources = ("operating system", f"HSM {room.charter.hsm.label} (C_GenerateRandom)")
    yield (
        "tool",
        entries.Generated(made="recovered", sources=sources, set_identifier=record.set_identifier, commitments=commitments),
    )


def destroy_old(room: Room) -> Steps:
    """SEC-05: who is here brings their old share, and what a resharing that was voided left of another one: destroyed before two people;
    the others are counted, and told."""
    old = room.book.key_record
    sets = {each.identifier: each.record.plan for each in room.book.sets.voided} | {old.set_identifier: old.plan}
    for position in room.charter.custodians:
        theirs = [identifier for identifier, plan in sets.items() if position in plan.positions]
        if not theirs:
            continue
        room.screen.fresh(
            (
                *(line for identifier in theirs for line in panels.field("RETIRED", f"set {identifier}")),
                *panels.paragraph(
                    f"{position}: bring whatever holds a share of {'this set' if len(theirs) == 1 else 'these sets'}: your medium, every "
                    "card and copy. It opens nothing any more, but enough of them together are still the key. The witness watches."
                ),
                "",
            )
        )
        for identifier in theirs:
            yield from media.destroy_set(room, position, identifier)
    left = _retired(room)
    room.screen.fresh(told(left))
    room.screen.enter("witness: you saw these destroyed, and the screen says what is left.")


def _retired(room: Room) -> Retired:
    """The set that this ceremony retires, and whose shares of it were destroyed here."""
    old = room.book.key_record
    return Retired(old, room.here.number, "", gone(room.state, old.set_identifier, room.book.sets, signed=False))


def told(left: Retired) -> tuple[str, ...]:
    """What became of the shares of a retired set, in words."""
    destroyed = [p for p in left.record.plan.positions if p in left.destroyed]
    return (
        *panels.field("retired set", left.identifier),
        *panels.field("destroyed", " ".join(destroyed) or "none"),
        *panels.field("MAY EXIST", " ".join(left.may_exist) or "none"),
        *panels.paragraph(left.advice),
    )


def close(room: Room) -> Steps:
    """Everyone signs the transcript as it stands: with it custodian and witness sign what was destroyed. The new set is in use."""
    yield from closing.adjourn(room)
    yield from last_step(room)
    left = _retired(room)
    count = len(left.may_exist)
    reason = f"{count} old share{'' if count == 1 else 's'} may still exist" + (": ENOUGH FOR THE KEY" if left.enough else "")
    yield ending.closed(room, outcome="set reshared", reason=reason)
