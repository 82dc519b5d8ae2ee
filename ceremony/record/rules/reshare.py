"""What a resharing must have recorded: the old quorum under the officers' order, the same accounts, the new set made whole, signed by
everyone, and only then old shares destroyed (SEC-05, REC-01, REC-06, GEN-07, GEN-08, GEN-14)."""

from __future__ import annotations

from ceremony.record import entries
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.ledger import VOID, Ledger
from ceremony.record.order import ShareOrder
from ceremony.record.register import Ceremony
from ceremony.record.rules import keygen, outside, people, surroundings, vault
from ceremony.record.rules.common import STAFF, differs, equal, everyone_signed, is_quorum
from ceremony.record.sets import Sealed, sealed_after

USES_A_KEY = (
    entries.Alone, entries.Authorized, entries.Agreed, entries.Armed, entries.Imported, entries.Signing, entries.HsmSigned, entries.Absent,
    entries.Checked, entries.Exported,
)  # fmt: skip
"""Entries of ceremonies that open shares for anything else, or bring a key into the HSM: none of them stands in a resharing."""
_GONE = (entries.VaultEnded, entries.Resumed, entries.Vault)


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Whose shares were opened and what for, always; all the rest if it ended and was not voided."""
    vault.check(ceremony, ledger.charter.hsm)
    people.check(ceremony, ledger.charter)
    if ledger.key is None:
        differs("AUD-08", ceremony, "a resharing", "no key record before it", "a key generation first")
    _check_opened(ceremony, ledger, ledger.key)
    keygen.check_split(ceremony, ledger, ledger.key)
    _check_destroyed(ceremony, ledger, ledger.key)
    closed = ceremony.state.closing
    if closed is None:
        return
    everyone = (*ledger.charter.custodians, *STAFF)
    if closed.outcome == VOID:
        if ceremony.state.file("key-record") is not None and set(ceremony.state.signers("key-record")) >= set(everyone):
            differs("GEN-14", ceremony, "it was voided", "everyone had signed its key record", "a ceremony that ends as reshared")
        return
    surroundings.check(ceremony, ledger.charter.mark)
    outside.check(ceremony, ledger.charter)
    record = ceremony.load(KeyRecord, "key-record")
    keygen.check_made(ceremony, record)
    equal("REC-06", ceremony, "the accounts of the same key", record.accounts, ledger.key.accounts)
    _check_fresh(ceremony, ledger, record)
    covered = (entries.Generated, entries.Proven, entries.Quorums, entries.VaultEnded, entries.Destroyed)
    everyone_signed(ceremony, everyone, covered)
    keygen.check_signed(ceremony)


def _check_fresh(ceremony: Ceremony, ledger: Ledger, record: KeyRecord) -> None:
    """GEN-13: fresh polynomials: no share of the new set is one of a set before it, or of one that was voided."""
    before = {each for known in (*ledger.sets.all, *ledger.sets.voided) for each in _commitments(known.record)}
    again = sorted(before & set(_commitments(record)))
    equal("GEN-13", ceremony, "shares that a set before it had", len(again), 0)


def _commitments(record: KeyRecord) -> tuple[str, ...]:
    return (*record.custodian_commitments.values(), *record.site_commitments.values())


def _check_opened(ceremony: Ceremony, ledger: Ledger, key: KeyRecord) -> None:
    """SIG-08, REC-01, REC-06, REC-12: under the order, shares of the set in use at their newest number, by who had them; enough of them
    recovered, and nothing split but that."""
    due = set(ledger.chain.stayed(key.charter))
    run: set[str] | None = None
    recovered = False
    for at, entry in enumerate(ceremony.state.entries):
        body, where = entry.body, f"entry {entry.line.seq} ({entry.line.type})"
        if isinstance(body, USES_A_KEY):
            differs("SIG-08", ceremony, where, "shares were opened for something else", "shares split anew, and nothing else")
        elif isinstance(body, _GONE):
            run, recovered = None, False
        elif isinstance(body, entries.Resharing):
            run = set()
            order = ceremony.load(ShareOrder, "share-order").digest if ceremony.state.file("share-order") else None
            equal("SIG-08", ceremony, f"what the vault verified before {where}", (body.key_record, body.order), (key.digest, order))
            equal("SIG-08", ceremony, f"whose shares {where} lets open", sorted(body.positions), sorted(due))
        elif isinstance(body, entries.Unlocked):
            if run is None or recovered or body.position not in due - run:
                differs("SIG-08", ceremony, where, f"{body.position} opened", "a share of the set in use, once, by who had it before")
            run.add(body.position)
            numbers = sealed_after(ledger.sets.sealings, ceremony.state.entries[:at])
            had = numbers.get((body.position, key.set_identifier), Sealed()).acceptable
            if body.number not in had:
                differs("REC-12", ceremony, f"the sealing number of {body.position}", body.number, " or ".join(map(str, had)) or "none")
        elif isinstance(body, entries.Recovered):
            used = {*body.positions, *body.spares}
            if run is None or not used <= run or not is_quorum(body, key.plan):
                differs("REC-01", ceremony, "the quorum", " ".join(sorted(used)), f"enough of {' '.join(sorted(run or ())) or 'nobody'}")
            equal("REC-06", ceremony, "accounts whose keys were compared", sorted(body.accounts), sorted(a.name for a in key.accounts))
            recovered = True
        elif isinstance(body, entries.Generated) and not (recovered and body.made == "recovered"):
            differs("REC-06", ceremony, where, f"a {body.made} secret", "the recovered one, compared with every account")
        elif isinstance(body, entries.Sealing) and (body.set_identifier == key.set_identifier):
            differs("SEC-05", ceremony, where, "a share of the old set was locked again", "the old set as it was")


def _check_destroyed(ceremony: Ceremony, ledger: Ledger, key: KeyRecord) -> None:
    """SEC-05: a share is destroyed only of a set that is retired: of the one before when everyone has signed the new key record."""
    everyone, signed = {*ledger.charter.custodians, *STAFF}, set[str]()
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.Signature) and body.purpose == "key-record":
            signed.add(entry.actor)
        elif isinstance(body, entries.Removed) and body.number in ledger.sets.sealed(body.position, key.set_identifier).begun:
            differs("SEC-05", ceremony, f"entry {entry.line.seq}", "a share of the set in use was removed", "no share of it touched")
        elif isinstance(body, entries.Destroyed):
            where = f"what {body.position} destroyed in entry {entry.line.seq}"
            retired = {*ledger.sets.retired, *({key.set_identifier} if signed >= everyone else set())}
            if body.set_identifier not in retired:
                differs("SEC-05", ceremony, where, f"a share of set {body.set_identifier}", "one of a set that everyone has retired")
            begun = ledger.sets.sealed(body.position, body.set_identifier).begun
            if not body.numbers or not set(body.numbers) <= begun.keys():
                differs("SEC-05", ceremony, where, f"sealing {body.numbers}", " or ".join(map(str, begun)) or "none")
