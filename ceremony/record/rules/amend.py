"""What an amendment must have recorded: a charter that its predecessor's people signed, a policy that follows (STO-07, AUT-02)."""

from __future__ import annotations

from ceremony.record import charter as charters
from ceremony.record import checkpoint, entries
from ceremony.record.chain import check_amendment, check_succession, check_waited, cool_off_ends, parse_succession, performer, rekeyed
from ceremony.record.charter import Charter
from ceremony.record.ledger import PROPOSED, VOID, Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """One that ended and was not voided: the charter counts as it was signed, or waits for its cool-off; grants are told whole."""
    closed = ceremony.state.closed
    if closed is None or closed.outcome == VOID:
        return
    if ledger.key is None:
        differs("AUD-08", ceremony, "an amendment", "no key record before it", "a key generation first")
    given = [kind for kind in ("charter", "policy") if ceremony.state.file(kind) is not None]
    if not given:
        differs("STO-07", ceremony, "what it brings", "nothing", "a charter, a policy, or both")
    if "charter" not in given:
        _no_charter(ceremony)
        return
    before = ledger.charter
    after = charters.parse(ceremony.raw("charter"), f"{ceremony.folder.name}, charter")
    lost = check_amendment(before, after, ceremony.signatures("charter"))
    _check_told(ceremony, before, after)
    _check_performed(ceremony)
    if lost is None:
        _counts(ceremony, after)
    elif closed.outcome == PROPOSED:
        _check_proposed(ceremony, ledger, after, lost)
    else:
        _counts(ceremony, after)
        _check_succeeded(ceremony, ledger, after, lost)


def _no_charter(ceremony: Ceremony) -> None:
    """A policy alone grants and revokes nothing."""
    for kind in (entries.Amended, entries.Proposed, entries.Granted, entries.Revoked):
        if ceremony.state.last(kind) is not None:
            differs("STO-07", ceremony, f"an entry of the kind {kind.__name__.lower()}", "there", "none without a charter")
    equal("AUD-08", ceremony, "its outcome", ceremony.state.closed and ceremony.state.closed.outcome, "amended")


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
    """Each of these entries is by somebody whose key it is not, and who has signed the transcript with it."""
    ends = [e for e in ceremony.state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == "phase"]
    signed = {(e.actor, checkpoint.parse(e.body.text or "").seq) for e in ends}
    for entry in ceremony.state.entries:
        if isinstance(entry.body, entries.Revoked | entries.Granted):
            who = performer(entry.body.person)
            if entry.actor != who or not any(actor == who and seq >= entry.line.seq for actor, seq in signed):
                found = f"entered by {entry.actor}, the phase signed by {', '.join(sorted({actor for actor, _ in signed})) or 'nobody'}"
                differs(
                    "STO-07", ceremony, f"the key of {entry.body.person} in entry {entry.line.seq}", found, f"entered and signed by {who}"
                )


def _counts(ceremony: Ceremony, after: Charter) -> None:
    told = [(b.charter, b.number) for b in ceremony.state.all(entries.Amended)]
    equal("STO-07", ceremony, "the charter that counts from here on", told, [(after.digest, after.number)])
    equal("AUD-08", ceremony, "its outcome", ceremony.state.closed and ceremony.state.closed.outcome, "amended")


def _check_proposed(ceremony: Ceremony, ledger: Ledger, after: Charter, lost: str) -> None:
    """It does not count: nothing is amended by it, and no policy comes with it."""
    if ceremony.state.last(entries.Amended) is not None or ceremony.state.file("policy") is not None:
        differs("STO-07", ceremony, f"a charter that replaces the {lost}", "counts at once", "a proposal, which waits for its cool-off")
    told = [(b.charter, b.lost) for b in ceremony.state.all(entries.Proposed)]
    equal("STO-07", ceremony, "the charter that is proposed", told, [(after.digest, lost)])
    hours = 0 if ledger.policy is None else ledger.policy.cool_off_hours
    (entry,) = (e for e in ceremony.state.entries if isinstance(e.body, entries.Proposed))
    equal("STO-07", ceremony, "the end of its cool-off", entry.body.not_before, cool_off_ends(entry.line.time, hours))


def _check_succeeded(ceremony: Ceremony, ledger: Ledger, after: Charter, lost: str) -> None:
    """It was proposed in an earlier ceremony, the cool-off of the policy is over, and all signed once more."""
    if ceremony.state.file("succession") is None:
        differs("STO-07", ceremony, f"a charter that replaces the {lost}", "no succession", "one that is signed after the cool-off")
    raw = ceremony.raw("succession")
    said = parse_succession(raw, f"{ceremony.folder.name}, succession")
    proposal = ledger.proposals.get(said.proposed)
    if proposal is None or proposal.raw("charter") != ceremony.raw("charter"):
        differs("STO-07", ceremony, "the proposal of its charter", said.proposed, "the head of the ceremony that took it in")
    (entry,) = (e for e in proposal.state.entries if isinstance(e.body, entries.Proposed))
    equal("STO-07", ceremony, "when it was proposed", (said.genesis, said.proposed_at), (ledger.genesis, entry.line.time))
    equal("STO-07", ceremony, "the end of its cool-off", cool_off_ends(said.proposed_at, said.cool_off_hours), entry.body.not_before)
    check_succession(ledger.charter, after, lost, raw, ceremony.signatures("succession"))
    amended = next(e for e in ceremony.state.entries if isinstance(e.body, entries.Amended))
    check_waited(said, amended.line.time)
