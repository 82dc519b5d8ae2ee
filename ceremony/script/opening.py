"""Opening: charter and policy come into the register; the roll-call, at which each person signs for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ceremony.base.control import refuse
from ceremony.base.signatures import Signature
from ceremony.record import charter as charters
from ceremony.record import entries, policy
from ceremony.record.charter import SIGNERS
from ceremony.record.exceptional import declined, said_no_now
from ceremony.record.rules.people import FILE, HARDWARE, OWN_SHARE, RECOGNISED, check_factors
from ceremony.record.signers import NAMESPACES
from ceremony.record.suspension import ANEW
from ceremony.screen import panels
from ceremony.screen.custody import unable
from ceremony.script.exceptional import answer, check_agreed
from ceremony.script.room import Entry, Room, Steps
from transfer.limits import Policy

SEVERAL = ("custody", "health", "revocation")
"""Kinds of which one ceremony takes in several files."""


def constitution(room: Room) -> Steps:
    """SET-04: charter and policy, checked and signed, lie in the register before anything else happens."""
    raw, signed, charter = room.signed("charter", "the signed charter", charters.parse)
    charters.verify_all(signed, raw, SIGNERS, charter, "charter@cold-ceremony")
    before, amended = room.book.last_policy, room.state.opened.ceremony > 1 and room.charter.number > 0
    if not amended:
        yield from take_in(room, "charter.json", "charter", raw, signed)
    raw, signed, rules = room.signed("policy", "the signed policy", policy.parse)
    if not (amended and rules == before):  # what an amendment took in counts already, by the charter of then
        yield from _policy(room, raw, signed, rules, before)
    room.screen.show(panels.words("genesis", room.genesis))
    room.screen.show(panels.words("policy", rules.digest))
    room.screen.enter("administrator and witness: these are the words on your papers.")


def _policy(room: Room, raw: bytes, signed: Sequence[Signature], rules: Policy, before: Policy | None) -> Steps:
    """The policy, of the charter in force, and after the one before it."""
    policy.check(rules, room.charter, room.genesis)
    if rules != before:
        policy.check_follows(rules, before)
    charters.verify_all(signed, raw, SIGNERS, room.charter, "policy@cold-ceremony")
    yield from take_in(room, "policy.json", "policy", raw, signed)


def take_in(room: Room, name: str, kind: entries.FileKind, raw: bytes, signed: Sequence[Signature]) -> Steps:
    """A document whose signatures are verified: its file, then each signature that is not there yet; nothing if somebody's key is
    suspended who signed (STO-07)."""
    new = [signature for signature in signed if signature.signer not in room.state.signers(kind, name)]
    for signature in new:
        room.check_unsuspended(signature.signer, f"the signature over {name}", ANEW)
    yield from (room.keep_another if kind in SEVERAL else room.keep)(name, kind, raw)
    for signature in new:
        body = entries.Signature(namespace=NAMESPACES[kind], purpose=kind, file=name, blob=signature.blob)  # type: ignore[arg-type]
        yield (signature.signer, body)


def roll_call_of_all(room: Room) -> Steps:
    """Key generation: every custodian of the charter, administrator and witness."""
    yield from sign_in(room, (*room.charter.custodians, "administrator", "witness"))


def roll_call(room: Room) -> Steps:
    """A transfer: the custodians who are here, administrator and witness. ASM-01: enough of them, each on their own.

    Who signed in before an interruption stays one of them: they are in the record as present."""
    read = (*room.state.actors(entries.Watch), *room.state.actors(entries.SlipRead))
    here = dict.fromkeys((*custodians(room), *_custodians_here(room), *(p for p in read if p in room.charter.custodians)))
    yield from sign_in(room, (*sorted(here), "administrator", "witness"))


def present(room: Room) -> tuple[str, ...]:
    """The positions present, in order."""
    return tuple(sorted(set(room.state.actors(entries.Present)) & set(room.charter.custodians)))


def custodians(room: Room) -> tuple[str, ...]:
    """Likewise, without who does not agree to what is to be done: they open no share."""
    return tuple(person for person in present(room) if person not in declined(room.state))


def _custodians_here(room: Room) -> tuple[str, ...]:
    charter, plan, holders = room.charter, room.plan, room.holders
    for line in unable(room.custody, former=room.opening.identifier != room.book.in_use.identifier):
        room.screen.say(line)
    example = " ".join(p for quorum in plan.minimal(holders).values() for p in quorum)
    while True:
        text = room.screen.ask("Custodians who are here: ", f"positions such as {example}", r"[A-I][1-9]( [A-I][1-9])*")
        named = text.split()
        strangers = [p for p in named if p not in charter.custodians]
        suspended = room.suspended.people(charter) & set(named)
        if suspended:
            room.screen.say(f"STO-07 Found {', '.join(sorted(suspended))}, whose key is suspended, expected custodians whose key is not.")
        elif strangers or len(set(named)) != len(named):
            room.screen.say(f"Found {', '.join(strangers) or 'a position twice'}, expected custodians of the charter, each once.")
        elif not plan.enough([p for p in named if p in holders]):
            missing = f"{plan.site_threshold} sites with their thresholds"
            room.screen.say(f"ASM-01 These are not enough: found {text}, expected custodians of {missing}, such as {example}.")
        else:
            return tuple(sorted(named))


def sign_in(room: Room, people: Sequence[str]) -> Steps:
    """ASM-01: each of these people signs for themselves that they are here, and that this is the transcript. STO-07: nobody whose key is
    suspended is asked.

    ASM-02: the witness says who they are; a custodian who checks their own share alone has none."""
    for person in people:
        if person not in room.state.signers("opening"):
            room.check_unsuspended(person, "the roll-call")
    if "witness" in people:
        _recognise(room, [person for person in people if person not in room.state.signers("opening")])
    room.screen.show(panels.words("transcript so far", room.transcript.head))
    room.screen.show(panels.paragraph("Each person inserts their own medium and signs that they are here and that this is the transcript."))
    text, other = room.statement(), RECOGNISED if "witness" in people else OWN_SHARE
    for person in people:
        if person not in room.state.signers("opening") and person not in said_no_now(room.state, "opening"):
            room.medium(person)
            prompt = f"you are {room.charter.member(person).name}: sign the opening."
            yield from answer(room, person, "opening", prompt, partial(_signed_in, room, person, text, other))
    check_agreed(room)


def _signed_in(room: Room, person: str, text: str, other: str) -> Steps:
    present, signature = sign_opening(room, person, text, other)
    if person not in room.state.actors(entries.Present):
        yield present
    yield signature


def _recognise(room: Room, people: Sequence[str]) -> None:
    """ASM-02: the witness says that each one is who they say they are; a key alone says that somebody has the key."""
    if not people:
        return
    names = [f"{person}  {room.charter.member(person).name}" for person in people]
    room.screen.show(panels.listed("Here are:", names))
    doubt = room.screen.agree("witness", "you know each of them, by sight or by their papers.")
    if doubt:
        refuse(
            "ASM-02",
            "the witness does not recognise somebody",
            found=doubt,
            expected="people whom the witness knows, or whose papers they have seen",
            do="Find out who is there. Then `ceremony resume`.",
        )


def sign_opening(room: Room, person: str, text: str, other: str = RECOGNISED) -> tuple[Entry, Entry]:
    """ASM-02: how one person was authenticated (`other`: beside their key), and their signature over the opening."""
    signature = room.sign_checkpoint(person, "opening", text)
    factors = (HARDWARE if room.charter.key(person).hardware else FILE, other)
    check_factors(person, factors)
    return (person, entries.Present(factors=factors)), signature


def latecomers(room: Room) -> tuple[str, ...]:
    """Custodians who came after the roll-call, or who step in for one who was set aside; known to the witness."""
    absent = [person for person in room.charter.custodians if person not in room.state.actors(entries.Present)]
    choices = "|".join(absent)
    if not absent:
        return ()
    text = room.screen.ask("Custodians who came later (only Enter if nobody did): ", _late(absent), rf"((?:{choices})(?: (?:{choices}))*)?")
    late = tuple(dict.fromkeys(text.split()))
    _recognise(room, late)
    return late


def _late(absent: Sequence[str]) -> str:
    return f"positions that have not signed in, such as {absent[0]}, or only Enter"
