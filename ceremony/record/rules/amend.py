"""What an amendment must have recorded: a charter that its predecessor's people signed, a policy that follows (STO-07, AUT-02)."""

from __future__ import annotations

from ceremony.record import charter as charters
from ceremony.record import entries
from ceremony.record.chain import check_amendment, check_past, check_succession, cool_off_ends, parse_succession, performer, rekeyed
from ceremony.record.charter import Charter
from ceremony.record.dates import check_amending, check_issued
from ceremony.record.end import PROPOSED
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.waiting import check_waited, hours_in_force, proposal_of, waits
from transfer.limits import Policy


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """One that ended and was not voided: the charter counts as it was signed, or waits for its cool-off; grants are told whole."""
    closed = ceremony.state.closing
    if closed is None or closed.outcome == VOID:
        return
    if ledger.key is None:
        differs("AUD-08", ceremony, "an amendment", "no key record before it", "a key generation first")
    given = [kind for kind in ("charter", "policy") if ceremony.state.file(kind) is not None]
    if not given:
        differs("STO-07", ceremony, "what it brings", "nothing", "a charter, a policy, or both")
    _check_dates(ceremony, ledger)
    if "charter" not in given:
        _no_charter(ceremony)
        return
    before = ledger.charter
    after = charters.parse(ceremony.raw("charter"), f"{ceremony.folder.name}, charter")
    lost = check_amendment(before, after, ceremony.signatures("charter"))
    _check_performed(ceremony)
    if closed.outcome == PROPOSED:
        _check_proposed(ceremony, ledger, after, lost)
        return
    _check_told(ceremony, before, after)
    _counts(ceremony, after)
    if lost is not None:
        _check_succeeded(ceremony, ledger, after, lost)
    else:
        _check_loosened(ceremony, ledger, after)


def _check_dates(ceremony: Ceremony, ledger: Ledger) -> None:
    """ASM-04, AUT-06: when it took them in, and of which date they are."""
    documents = {"charter": Charter, "policy": Policy}
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.File) and entry.body.kind in documents:
            check_amending(entry.line.time, ledger.seen)
            check_issued(entry.body.kind, ceremony.load(documents[entry.body.kind], entry.body.kind).issued, entry.line.time)


def _no_charter(ceremony: Ceremony) -> None:
    """A policy alone grants and revokes nothing."""
    for kind in (entries.Amended, entries.Proposed, entries.Granted, entries.Revoked):
        if ceremony.state.last(kind) is not None:
            differs("STO-07", ceremony, f"an entry of the kind {kind.__name__.lower()}", "there", "none without a charter")
    equal("AUD-08", ceremony, "its outcome", ceremony.state.closing and ceremony.state.closing.outcome, "amended")


def _check_told(ceremony: Ceremony, before: Charter, after: Charter) -> None:
    """Every key that is revoked and granted stands in an entry, and nothing else; a replaced custodian's share is decided on."""
    wanted = rekeyed(before, after)
    found = {(b.person, b.key) for b in ceremony.state.all(entries.Revoked)}
    equal("STO-07", ceremony, "the keys that are revoked", sorted(found), sorted((c.person, c.before) for c in wanted if c.before))
    found = {(b.person, b.key) for b in ceremony.state.all(entries.Granted)}
    equal("STO-07", ceremony, "the keys that are granted", sorted(found), sorted((c.person, c.after) for c in wanted if c.after))
    asked = {c.person for c in wanted if c.replaced and c.person in before.custodians}
    decided = {b.person for b in ceremony.state.all(entries.Revoked) if b.decision != "not needed"}
    equal("STO-07", ceremony, "for whose share it was decided: reshare or rekey?", sorted(decided), sorted(asked))


def _check_performed(ceremony: Ceremony) -> None:
    """Each of these entries is by somebody whose key it is not; that they signed it is AUD-11, and the end AUD-02."""
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Revoked | entries.Granted):
            who = performer(entry.body.person)
            if entry.actor != who:
                where = f"the key of {entry.body.person} in entry {entry.line.seq}"
                differs("STO-07", ceremony, where, f"entered by {entry.actor}", f"entered by {who}")


def _counts(ceremony: Ceremony, after: Charter) -> None:
    told = [(b.charter, b.number) for b in ceremony.state.all(entries.Amended)]
    equal("STO-07", ceremony, "the charter that counts from here on", told, [(after.digest, after.number)])
    equal("AUD-08", ceremony, "its outcome", ceremony.state.closing and ceremony.state.closing.outcome, "amended")


def _check_proposed(ceremony: Ceremony, ledger: Ledger, after: Charter, lost: str | None) -> None:
    """It does not count: nothing is amended, revoked or granted by it, and no policy comes with it."""
    state = ceremony.state
    for kind in (entries.Amended, entries.Revoked, entries.Granted):
        if state.last(kind) is not None:
            differs("STO-07", ceremony, "a charter that is proposed", "counts at once", "a proposal, which waits for its cool-off")
    if state.file("policy") is not None:
        differs("STO-07", ceremony, "a charter that is proposed", "with a policy", "alone")
    told = [(b.charter, b.lost) for b in state.all(entries.Proposed)]
    equal("STO-07", ceremony, "the charter that is proposed", told, [(after.digest, lost)])
    entry = state.newest(entries.Proposed)
    now = entry.line.time
    if lost is None and not waits(ledger.charter, after, ledger.history, now):
        differs(
            "STO-07", ceremony, "a charter that is proposed", "nothing in it waits for a cool-off", "an amendment, which counts at once"
        )
    equal("STO-07", ceremony, "the end of its cool-off", entry.body.not_before, cool_off_ends(now, hours_in_force(ledger.history, now)))


def _check_loosened(ceremony: Ceremony, ledger: Ledger, after: Charter) -> None:
    """A charter that loosens was proposed, and the cool-off in force is over."""
    now = ceremony.state.newest(entries.Amended).line.time
    if waits(ledger.charter, after, ledger.history, now):
        check_waited(proposal_of(ledger.proposals.values(), after), after, ledger.history, now)


def _check_succeeded(ceremony: Ceremony, ledger: Ledger, after: Charter, lost: str) -> None:
    """It was proposed in an earlier ceremony, the cool-off of the policy is over, and all signed once more."""
    if ceremony.state.file("succession") is None:
        differs("STO-07", ceremony, f"a charter that replaces the {lost}", "no succession", "one that is signed after the cool-off")
    raw = ceremony.raw("succession")
    said = parse_succession(raw, f"{ceremony.folder.name}, succession")
    proposal = ledger.proposals.get(said.proposed)
    if proposal is None or proposal.raw("charter") != ceremony.raw("charter"):
        differs("STO-07", ceremony, "the proposal of its charter", said.proposed, "the head of the ceremony that took it in")
    entry = proposal.state.newest(entries.Proposed)
    equal("STO-07", ceremony, "when it was proposed", (said.genesis, said.proposed_at), (ledger.genesis, entry.line.time))
    equal("STO-07", ceremony, "the end of its cool-off", cool_off_ends(said.proposed_at, said.cool_off_hours), entry.body.not_before)
    check_succession(ledger.charter, after, lost, raw, ceremony.signatures("succession"))
    check_past(said, ceremony.state.newest(entries.Amended).line.time)
