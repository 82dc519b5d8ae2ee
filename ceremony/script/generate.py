"""Key generation, one sitting: generate, split, lock, read back, open, prove every quorum, sign the key record (GEN-14)."""

from __future__ import annotations

from functools import partial

from ceremony.base.control import control, refuse
from ceremony.base.data import dump, load
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.exceptional import said_no
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.state import State
from ceremony.screen import panels
from ceremony.script import media
from ceremony.script.exceptional import answer
from ceremony.script.prepare import alive, end_vault
from ceremony.script.room import Room, Steps
from ceremony.script.table import in_one_sitting, set_signed
from ceremony.script.tried import asked, taken
from ceremony.vault.protocol import BeginKeygen


def generate(room: Room) -> Steps:
    """GEN-02, GEN-08: the secret from operating system and HSM mixed, split; the key record's body with every commitment."""
    charter = room.charter
    order = BeginKeygen(
        charters=room.book.links,
        genesis=room.genesis,
        ceremony=room.here.number,
        issued=room.clock(),
    )
    with room.screen.working("generate and split the secret"):
        made = alive(room).begin_keygen(order)
    record = load(KeyRecord, made.key_record, "key record")
    yield from room.keep("key-record.json", "key-record", made.key_record)
    commitments = len(record.custodian_commitments) + len(record.site_commitments)
    sources = ("operating system", f"HSM {charter.hsm.label} (C_GenerateRandom)")
    yield ("tool", entries.Generated(sources=sources, set_identifier=record.set_identifier, commitments=commitments))


@control("GEN-14")
def check_one_sitting(state: State) -> None:
    """GEN-14: a set is made in one sitting; cut off between its split and its signed key record, it is void for ever."""
    if in_one_sitting(state):
        refuse(
            "GEN-14",
            "it was cut off before the key record was signed by all",
            found="shares of a set that does not exist",
            expected="one sitting, from the split to the last signature",
            do=f"End it with `ceremony void`, destroy the new shares that it lists, and begin again.{_AS_BEFORE[state.opened.kind]}",
        )


_AS_BEFORE = {"keygen": "", "reshare": " The set in use is as it was: no share of it was touched."}


def check_not_made(state: State) -> None:
    """GEN-14: from the last signature on a resharing's set exists, and the one before it is retired: it cannot be void."""
    if state.opened.kind == "reshare" and set_signed(state):
        refuse(
            "GEN-14",
            "this resharing cannot be void",
            found="the new key record, signed by everyone",
            expected="a ceremony whose set does not exist yet",
            do="Go on with `ceremony resume`: the old shares are still to be destroyed.",
        )


KEEP = {
    "keygen": "Each custodian chooses a new passphrase, for their share of the NEW key. Keep the share of before as well, and remember its "
    "passphrase: what lies at the old key is moved with those, in a transfer of its own.",
    "reshare": "Each custodian chooses a new passphrase, for their NEW share. Until everyone has signed the new key record the share of "
    "before and its passphrase are the ones that count: leave it where it is.",
}
"""Said before the first new passphrase where there is a share of before."""


def lock_all(room: Room) -> Steps:
    """GEN-10, STO-05, STO-09: each custodian locks their share, it is written to their own medium, read back, and they open it."""
    if room.book.has_key:
        room.screen.show(panels.paragraph(KEEP[room.state.opened.kind]))
        room.screen.enter("administrator: everyone has heard this.")
    for position in room.charter.custodians:
        yield from _lock_one(room, position)


def _lock_one(room: Room, position: str) -> Steps:
    """A passphrase that its custodian cannot type again three times is given up: the share is locked anew, under another one."""
    identifier = room.here.load(KeyRecord, "key-record").set_identifier
    media.choose(room, position)
    while True:
        number, read_back = yield from media.locked(room, position, identifier, partial(_locked, room, position))
        room.screen.fresh((f"Written to the medium of {position} and read back. Now open it once more from there.",))
        if taken(room, partial(alive(room).prove, position, read_back)):
            break
        room.screen.enter(f"{position}: this passphrase is given up. Choose another one.")
    yield (position, entries.Proven(position=position, number=number, sha256=sha256(read_back)))
    yield from media.remove_older(room, position, number, identifier)


def _locked(room: Room, position: str, number: int) -> bytes:
    """Its custodian chooses a passphrase; the sealed share of this number."""
    room.screen.fresh(())
    return asked(room, partial(alive(room).lock, position, number)).sealed


def prove_quorums(room: Room) -> Steps:
    """GEN-07: every minimal quorum of every site and of the sites is recovered and compared."""
    with room.screen.working("prove every quorum by its parts"):
        proven = alive(room).prove_quorums()
    plan = room.charter.plan
    of_sites = sum(len(plan.minimal_quorums_of_site(letter)) for letter in plan.letters)
    whole = len(plan.minimal_quorums_of_sites())
    if (proven.of_custodians, proven.of_sites) != (of_sites, whole):
        refuse(
            "GEN-07",
            "not every quorum was proven",
            found=f"{proven.of_custodians} + {proven.of_sites}",
            expected=f"{of_sites} + {whole}",
            do="This set is void: end it with `ceremony void`, and begin again.",
        )
    quorums = sum(1 for _ in plan.quorums())
    yield ("tool", entries.Quorums(of_sites=of_sites, whole=whole, stand_for=quorums))
    room.screen.say(f"{of_sites} quorums of custodians and {whole} of sites recovered: they prove all {quorums}.")


def sign_key_record(room: Room) -> Steps:
    """GEN-14: the set exists from the last of these signatures on. The vault ends first: nobody signs with a secret open."""
    record = room.here.load(KeyRecord, "key-record")
    yield from end_vault(room, "every share is locked and proven")
    room.screen.fresh(summary(record))
    for person in (*room.charter.custodians, "administrator", "witness"):
        if person not in room.state.signers("key-record"):
            yield from answer(room, person, "key-record", "sign the key record.", partial(_signs, room, person))
            check_all_agree(room.state)


def _signs(room: Room, person: str) -> Steps:
    yield room.sign_file(person, "key-record@cold-ceremony", "key-record")


def check_all_agree(state: State) -> None:
    """GEN-14: a set exists when everyone has signed its key record; one who does not agree ends it."""
    if said_no(state, "key-record"):
        refuse(
            "GEN-14",
            "the key record is not signed by everyone",
            found=f"{', '.join(sorted(said_no(state, 'key-record')))} did not agree",
            expected="the signature of everyone who is present",
            do="This set does not exist: end it with `ceremony void`, destroy the new shares that it lists, and begin again."
            + _AS_BEFORE[state.opened.kind],
        )


def summary(record: KeyRecord) -> tuple[str, ...]:
    """What people sign: the set, its accounts, and the words of the digest."""
    lines: list[str] = [*panels.field("set", f"{record.set_identifier}, scheme {record.scheme}")]
    if record.follows is not None:
        lines += panels.field("RETIRES", f"set {record.follows[:20]}: its shares open nothing here any more")
    for account in record.accounts:
        lines += [*panels.field("account", f"{account.name}, {account.chain} {account.network}, {account.path}")]
        lines += [*panels.field("public key", account.xpub)]
    return (*lines, *panels.words("key record", sha256(dump(record))))
