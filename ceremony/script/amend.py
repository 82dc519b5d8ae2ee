"""Amendment: a later charter, a later policy, or both come into the register. A charter that loosens, and one that replaces a lost
officer, take two such ceremonies, with the cool-off between them.

Administrator and witness alone. What counts is what was signed anywhere before; here it is checked, shown and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.base.signatures import Signature
from ceremony.record import charter as charters
from ceremony.record import entries, policy
from ceremony.record.chain import (
    SignedCharter,
    check_amendment,
    check_past,
    check_succession,
    cool_off_ends,
    parse_succession,
    performer,
    rekeyed,
)
from ceremony.record.charter import Charter
from ceremony.record.dates import check_amending, check_issued
from ceremony.record.register import Register
from ceremony.record.waiting import check_waited, hours_in_force, proposal_of, waits
from ceremony.screen import panels
from ceremony.screen.explain import RESHARE, charter_difference, policy_difference
from ceremony.script import ending
from ceremony.script.opening import take_in
from ceremony.script.room import Room, Steps, last_step
from transfer.limits import Policy

Decision = Literal["reshare", "rekey", "undecided", "not needed"]
_KINDS = ("succession", "charter", "policy")


@dataclass(frozen=True, slots=True)
class Taken:
    """A charter that comes in: what was signed, the charter before it, the lost officer if it is a succession, and whether it counts from
    the end of this ceremony on (else it is proposed here)."""

    link: SignedCharter
    before: Charter
    after: Charter
    lost: str | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy that comes in, with its signatures, and the one before it."""

    raw: bytes
    signed: tuple[Signature, ...]
    before: Policy
    after: Policy


def documents(room: Room) -> Steps:
    """STO-07: everything is checked before a byte is taken in; then it is shown as what changes, recorded, and counts."""
    kinds = _wanted(room)
    book = room.book
    taken = _succession(room, book) if "succession" in kinds else _charter(room, book) if "charter" in kinds else None
    rules = _policy(room, book, taken.after if taken else book.charter) if "policy" in kinds else None
    _check_dates(room, book, taken, rules)
    if taken is not None and rules is not None and not taken.counts:
        raise Malformed(
            "a charter that waits for its cool-off comes without a policy; void this ceremony and begin anew with the charter alone"
        )
    if taken is not None:
        yield from _take_charter(room, book, taken)
    if rules is not None:
        yield from _take_policy(room, rules)
    room.screen.enter("Who is here: this is what was signed, and you know of it.")


def _check_dates(room: Room, book: Register, taken: Taken | None, rules: Rules | None) -> None:
    """ASM-04, AUT-06: before anything is taken in, by this machine's time."""
    now = room.clock()
    check_amending(now, book.seen)
    for what, document in (("charter", taken), ("policy", rules)):
        if document is not None:
            check_issued(what, document.after.issued, now)


def _wanted(room: Room) -> tuple[str, ...]:
    """What the command line gave, or what was taken in before an interruption; asked for if there is neither."""
    found = tuple(kind for kind in _KINDS if kind in room.given or room.state.file(kind) is not None)
    if found:
        return found
    expected = "charter, policy, both or succession"
    text = room.screen.ask("administrator, what comes in (charter, policy, both, succession)? ", expected, "charter|policy|both|succession")
    return ("charter", "policy") if text == "both" else (text,)


def _charter(room: Room, book: Register) -> Taken:
    """The signed charter, which follows the one in force; one that was proposed and has waited counts now."""
    raw, signed, after = room.signed("charter", "the signed charter", charters.parse)
    lost = check_amendment(book.charter, after, signed)
    counts, now = lost is None, room.clock()
    if counts and waits(book.charter, after, book.history, now):
        proposal = proposal_of((c for c in book.ceremonies if c.proposes), after)
        counts = proposal is not None
        if counts:
            check_waited(proposal, after, book.history, now)
    return Taken(SignedCharter(charter=raw, signatures=signed), book.charter, after, lost, counts)


def _succession(room: Room, book: Register) -> Taken:
    """The charter that an earlier ceremony took in as a proposal, with the succession that was signed after the cool-off."""
    raw, signed, said = room.signed("succession", "the signed succession", parse_succession)
    proposal = next((c for c in book.ceremonies if c.head == said.proposed and c.proposes), None)
    if proposal is None:
        _refuse("the succession names no proposal of this register", said.proposed, "the head of the ceremony that took the charter in")
    link = proposal.link
    after = charters.parse(link.charter, "charter")
    lost = check_amendment(book.charter, after, link.signatures)
    if lost is None:
        _refuse("the charter of this succession is an ordinary amendment", "signed by both officers", "a lost officer")
    entry = proposal.state.newest(entries.Proposed)
    ends = cool_off_ends(said.proposed_at, said.cool_off_hours)
    told = (said.genesis, said.proposed_at, ends)
    if told != (book.genesis, entry.line.time, entry.body.not_before):
        _refuse("the succession is of another proposal", ", ".join(told), f"{book.genesis}, {entry.line.time}, {entry.body.not_before}")
    check_succession(book.charter, after, lost, raw, signed)
    check_past(said, room.clock())
    return Taken(
        SignedCharter(charter=link.charter, signatures=link.signatures, succession=raw, succession_signatures=signed),
        book.charter,
        after,
        lost,
        counts=True,
    )


def _policy(room: Room, book: Register, charter: Charter) -> Rules:
    """The signed policy, which follows the one in force, under the charter that is in force then."""
    raw, signed, after = room.signed("policy", "the signed policy", policy.parse)
    policy.check(after, charter, book.genesis)
    policy.check_follows(after, book.policy)
    policy.verify_all(signed, raw, charter)
    return Rules(raw, signed, book.policy, after)


def _take_charter(room: Room, book: Register, taken: Taken) -> Steps:
    """Files, signatures, what is revoked and granted; last the entry from which on it counts, or is proposed."""
    link = taken.link
    room.screen.pages(
        (*charter_difference(taken.before, taken.after), "", *panels.words(f"charter {taken.after.number}", taken.after.digest))
    )
    yield from take_in(room, "charter.json", "charter", link.charter, link.signatures)
    if link.succession is not None:
        yield from take_in(room, "succession.json", "succession", link.succession, link.succession_signatures)
    if taken.counts:
        yield from _revoke_and_grant(room, taken)
        if room.state.last(entries.Amended) is None:
            yield ("tool", entries.Amended(charter=taken.after.digest, number=taken.after.number))
    elif room.state.last(entries.Proposed) is None:
        now = room.clock()
        ends = cool_off_ends(now, hours_in_force(book.history, now))
        yield ("tool", entries.Proposed(charter=taken.after.digest, lost=taken.lost, not_before=ends))


def _revoke_and_grant(room: Room, taken: Taken) -> Steps:
    """STO-07: each key that changes, in two entries by somebody whose key it is not, and who signs them at the end of the phase; for a
    custodian who is replaced it is asked what becomes of the share."""
    revoked = {body.person for body in room.state.all(entries.Revoked)}
    granted = {body.person for body in room.state.all(entries.Granted)}
    for change in rekeyed(taken.before, taken.after):
        if change.before and change.person not in revoked:
            asked = change.replaced and change.person in taken.before.custodians
            yield (
                performer(change.person),
                entries.Revoked(person=change.person, key=change.before, decision=_decided(room, change.person) if asked else "not needed"),
            )
        if change.after and change.person not in granted:
            yield (performer(change.person), entries.Granted(person=change.person, key=change.after))


def _decided(room: Room, person: str) -> Decision:
    """Reshare, or a new key? Nobody takes back what the one before knows."""
    about = f"Who was {person} may still know the passphrase and have a copy of the card: until the key is reshared or replaced it counts."
    room.screen.say(about)
    text = room.screen.ask(
        f"administrator, {person}: {RESHARE} (reshare, rekey, undecided) ",
        "reshare, rekey or undecided; the officers decide it, and it is recorded",
        "reshare|rekey|undecided",
    )
    return cast("Decision", text)


def _take_policy(room: Room, rules: Rules) -> Steps:
    room.screen.pages(
        (*policy_difference(rules.before, rules.after), "", *panels.words(f"policy {rules.after.number}", rules.after.digest))
    )
    yield from take_in(room, "policy.json", "policy", rules.raw, rules.signed)


def close(room: Room) -> Steps:
    """What was taken in counts from the closing on; a proposal does not."""
    proposed = room.state.last(entries.Proposed)
    if proposed is not None:
        then = (
            "all sign once more: `ceremony charter succeed`" if proposed.lost else "begin `ceremony amend` with the same charter once more"
        )
        room.screen.say(
            f"The charter before it stays in force. The cool-off runs from the last signature of this end. Some minutes after "
            f"{proposed.not_before} {then}."
        )
    room.screen.word("CLOSE", "End this transcript.")
    yield from last_step(room)
    yield ending.closed(room, outcome="proposed" if proposed is not None else "amended", reason=_told(room))


def _told(room: Room) -> str:
    """What came in, in words."""
    names = [name for name in ("charter", "policy") if room.state.file(name) is not None]
    return " and ".join(names)


def _refuse(what: str, found: str, expected: str) -> NoReturn:
    refuse("STO-07", what, found=found, expected=expected, do="Sign the succession of the proposal that this register has.")
