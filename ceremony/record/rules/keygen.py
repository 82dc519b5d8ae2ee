"""What a key generation must have recorded before its set exists (GEN-07, GEN-08, GEN-14)."""

from __future__ import annotations

from math import comb, prod

from ceremony.record import entries, signers
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.ledger import Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules import outside, people, surroundings, vault
from ceremony.record.rules.common import STAFF, differs, equal, everyone_signed
from ceremony.record.sets import KEY_MADE, Sealed, sealed_after
from shares.plan import Plan

LEAST_SOURCES = 2
"""GEN-02: operating system and HSM at least."""


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """Vault and actors always. One that ended with a signed key record: everyone signed, every share proven, every quorum counted."""
    vault.check(ceremony, ledger.charter.hsm)
    people.check(ceremony, ledger.charter)
    check_split(ceremony, ledger, None)
    closed = ceremony.state.closing
    if closed is None or closed.outcome != KEY_MADE:
        return
    for kind in ("charter", "policy"):
        if ledger.policy is None and ceremony.state.file(kind) is None:
            differs("SET-04", ceremony, f"its {kind}", "none", f"a signed {kind}")
    surroundings.check(ceremony, ledger.charter.mark)
    outside.check(ceremony, ledger.charter)
    record = ceremony.load(KeyRecord, "key-record")
    check_made(ceremony, record)
    everyone = (*ledger.charter.custodians, *STAFF)
    everyone_signed(ceremony, everyone, (entries.Generated, entries.Proven, entries.Quorums, entries.VaultEnded))
    check_signed(ceremony)


def check_signed(ceremony: Ceremony) -> None:
    """GEN-14: everyone who is present has signed the key record."""
    signers.signed_by(ceremony, "key-record", ceremony.state.actors(entries.Present))


def check_made(ceremony: Ceremony, record: KeyRecord) -> None:
    """GEN-14, GEN-07: every share was locked and proven; every quorum counted."""
    _check_sealed(ceremony, record)
    _check_quorums(ceremony, record.plan)


def check_split(ceremony: Ceremony, ledger: Ledger, follows: KeyRecord | None) -> None:
    """GEN-08, GEN-14, also of a ceremony that was voided, whose shares are counted by it: what was split has one key record, of the
    charter in force and of this ceremony. `follows`: in a resharing, the key record of the set in use."""
    made, charter = ceremony.state.last(entries.Generated), ledger.charter
    if made is None:
        return
    equal("GEN-14", ceremony, "how many key records it has", sum(f.kind == "key-record" for f in ceremony.state.all(entries.File)), 1)
    record = ceremony.load(KeyRecord, "key-record")
    equal("SEC-05" if follows else "GEN-08", ceremony, "the key record that it follows", record.follows, follows and follows.digest)
    for what, found, expected in (
        ("mark", record.mark, charter.mark),
        ("genesis", record.genesis, ledger.genesis),
        ("charter", record.charter, charter.digest),
        ("ceremony", record.ceremony, ceremony.number),
        ("secret", made.made, "recovered" if follows else "new"),
        ("scheme", record.scheme, charter.scheme),
        ("plan", record.plan, charter.plan),
        ("custodian commitments", sorted(record.custodian_commitments), list(charter.custodians)),
        ("site commitments", sorted(record.site_commitments), sorted(charter.plan.letters)),
        (
            "accounts",
            [(a.name, a.chain, a.network, a.path) for a in record.accounts],
            [(a.name, a.chain, a.network, a.path) for a in charter.accounts],
        ),
    ):
        equal("GEN-08", ceremony, f"the key record's {what}", found, expected)
    if len(set(made.sources)) < LEAST_SOURCES:
        differs("GEN-02", ceremony, "the sources of randomness", ", ".join(made.sources), "two or more")
    count = len(record.custodian_commitments) + len(record.site_commitments)
    equal("GEN-08", ceremony, "the set that was generated", (made.set_identifier, made.commitments), (record.set_identifier, count))
    digests = [*record.custodian_commitments.values(), *record.site_commitments.values()]
    equal("GEN-08", ceremony, "commitments that differ", len(set(digests)), count)


def _check_sealed(ceremony: Ceremony, record: KeyRecord) -> None:
    """Every share was locked and proven from its medium, in the sitting that made this set."""
    found = ceremony.state.since(entries.Generated).entries
    sealed = sealed_after({}, found)
    proven = {(e.body.position, e.body.number, e.body.sha256) for e in found if isinstance(e.body, entries.Proven)}
    for position in record.plan.positions:
        had = sealed.get((position, record.set_identifier), Sealed())
        if not had.proven or (position, had.proven, had.begun[had.proven]) not in proven:
            differs("GEN-14", ceremony, f"the share of {position}", "not locked and proven", "read back from its medium and opened")


def _check_quorums(ceremony: Ceremony, plan: Plan) -> None:
    proven = ceremony.state.last(entries.Quorums)
    found = None if proven is None else (proven.of_sites, proven.whole, proven.stand_for)
    of_sites = {site.letter: comb(site.members, site.threshold) for site in plan.sites}
    sites = plan.minimal_quorums_of_sites()
    expected = (sum(of_sites.values()), len(sites), sum(prod(of_sites[letter] for letter in letters) for letters in sites))
    equal("GEN-07", ceremony, "the quorums that were proven", found, expected)
