"""A new set inside the opener: split, commit, lock, prove (GEN-02 to GEN-14). Its secret is new, or that of the set that it follows.

Nothing lasts before the key record is signed; nothing in here writes a file. A share that is proven was opened from what
its custodian's medium really holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, dump
from ceremony.record.charter import Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault import accounts
from ceremony.vault.passphrase import Passphrases
from ceremony.vault.protocol import Quorums, WrongSecret
from shares import commitment, envelope
from shares.envelope import Expected, Header
from shares.plan import Terms
from shares.schemes import SIZE, Split, scheme_of

TRIES = 3
"""Times that one passphrase may be typed wrongly."""


@dataclass(frozen=True, slots=True)
class Birth:
    """What the key record of a new set states besides its shares and accounts. `follows`: digest of the key record that it retires."""

    genesis: str
    ceremony: int
    issued: str
    origin: str
    follows: str | None = None


class Generation:
    """One sitting. `random` is the ceremony's generator; all shares live here until the process ends.

    `secret`: of a set that was reshared, the one that was recovered; without it a new one is made."""

    def __init__(
        self, birth: Birth, charter: Charter, random: Callable[[int], bytes], talk: Passphrases, secret: bytes | None = None
    ) -> None:
        self._terms = Terms(mark=charter.mark, scheme=charter.scheme, plan=charter.plan)
        self._scheme, self._profile = scheme_of(charter.scheme), charter.kdf
        self._random, self._talk = random, talk
        secret = random(SIZE) if secret is None else secret
        self._split: Split = self._scheme.split(secret, charter.plan, random)
        self._record = self._committed(birth, charter, accounts.seed_of(charter.scheme, secret))
        self._sealings: dict[str, int] = {}
        self._tries: dict[str, int] = {}
        self._proven: dict[str, bytes] = {}

    @property
    def key_record(self) -> bytes:
        """The body of the key record, as a file."""
        return dump(self._record)

    @control("GEN-08")
    def _committed(self, birth: Birth, charter: Charter, seed: bytes) -> KeyRecord:
        """GEN-08: the key record has a commitment to every custodian share and every site share."""
        custodians = {p: commitment.custodian(self._terms, p, share) for p, share in self._split.custodian_shares.items()}
        if len(set(custodians.values())) != len(charter.custodians):
            do = "Stop; begin this ceremony anew."
            refuse("GEN-08", "the split", found=f"{len(set(custodians.values()))} shares", expected=f"{len(charter.custodians)}", do=do)
        return KeyRecord(
            mark=charter.mark,
            genesis=birth.genesis,
            charter=charter.digest,
            ceremony=birth.ceremony,
            follows=birth.follows,
            issued=birth.issued,
            scheme=charter.scheme,
            origin=birth.origin,
            plan=charter.plan,
            custodian_commitments=custodians,
            site_commitments={letter: commitment.site(self._terms, letter, share) for letter, share in self._split.site_shares.items()},
            accounts=tuple(accounts.account_key(seed, account) for account in charter.accounts),
        )

    def lock(self, position: str, sealing: int) -> bytes:
        """The sealed share of one custodian, under a passphrase that they choose now. May be done again until all is proven."""
        share = self._split.custodian_shares.get(position)
        if share is None:
            raise Malformed(f"the charter has no position {position}")
        header = Header.of(self._terms, self._record.set_identifier, position, self._profile, sealing)
        passphrase = self._talk.choose(position, self._random, self._terms.mark)
        sealed = envelope.seal(header, share, passphrase, self._random(envelope.SALT))
        self._sealings[position] = sealing
        self._tries[position] = TRIES
        self._proven.pop(position, None)
        return sealed

    def prove(self, position: str, sealed: bytes) -> None:
        """Open what the custodian's medium holds, with the passphrase typed once more; WrongSecret if it does not open."""
        if not self._tries.get(position):
            raise Malformed(f"{position}: lock this share first (again, if the passphrase was wrong {TRIES} times)")
        sealings = (self._sealings[position],)
        expected = Expected(terms=self._terms, set_identifier=self._record.set_identifier, position=position, sealings=sealings)
        envelope.check_header(Header.unpack(sealed), expected)
        passphrase = self._talk.ask(position, "to prove it, ")
        try:
            share = envelope.unseal(sealed, passphrase)
        except envelope.WrongPassphrase as error:
            self._tries[position] -= 1
            raise WrongSecret(str(error), self._tries[position]) from None
        recorded = self._record.custodian_commitments[position]
        commitment.check_custodian(self._terms, position, share, recorded, unsealed=False)  # its seal is a minute old: nobody forged it
        self._proven[position] = share

    @control("GEN-07")
    def prove_quorums(self) -> Quorums:
        """GEN-07: each minimal quorum of a site gives that site's share, each minimal quorum of sites the recorded accounts."""
        plan = self._terms.plan
        missing = [position for position in plan.positions if position not in self._proven]
        if missing:
            do = "Let each of them open their share from their medium."
            refuse("GEN-07", "not every share is proven", found=f"{', '.join(missing)} not yet", expected="all of them", do=do)
        of_custodians = of_sites = 0
        site_shares: dict[str, bytes] = {}
        for site in plan.sites:
            for quorum in plan.minimal_quorums_of_site(site.letter):
                share = self._scheme.combine_site(plan, site.letter, {int(p[1]): self._proven[p] for p in quorum})
                commitment.check_site(self._terms, site.letter, share, self._record.site_commitments[site.letter])
                site_shares[site.letter] = share
                of_custodians += 1
        for letters in plan.minimal_quorums_of_sites():
            secret = self._scheme.combine_sites(plan, {letter: site_shares[letter] for letter in letters})
            accounts.check_accounts(accounts.seed_of(self._terms.scheme, secret), self._record)
            of_sites += 1
        return Quorums(of_custodians=of_custodians, of_sites=of_sites)
