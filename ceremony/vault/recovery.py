"""Unlock, combine, derive, wrap, lock again: what the opener does with shares in a transfer (REC-01 to REC-13, SEC-01).

Every share is checked by header before its passphrase is asked, and by commitment as soon as it is open."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed
from ceremony.vault import accounts, wrapping
from ceremony.vault.child import Ending
from ceremony.vault.orders import Armed
from ceremony.vault.passphrase import Passphrases
from ceremony.vault.protocol import Delivered, GiveImportKey, ImportKey, Recovered, TakeKeys, Taken, Unlocked, WrappedKey, WrongSecret
from shares import commitment, envelope
from shares.envelope import Expected, Header
from shares.plan import Terms
from shares.schemes import scheme_of

TRIES = 3
"""Times that one custodian may type a wrong passphrase; after that they are set aside for today."""


@dataclass(slots=True, repr=False)
class _Opened:
    """One open share. Secret, all but the sealing numbers."""

    share: bytes
    passphrase: bytearray
    sealing: int
    again: int | None = field(default=None)
    """Sealing number under which it was locked again."""


class Recovery:
    """The shares of one armed transfer. `ask_link` sends one message to the HSM process and returns its answer."""

    def __init__(self, armed: Armed, random: Callable[[int], bytes], talk: Passphrases, ask_link: Callable[[Any, type], Any]) -> None:
        record = armed.key_record
        self._armed, self._record = armed, record
        self._terms = Terms(mark=record.mark, scheme=record.scheme, plan=record.plan)
        self._random, self._talk, self._ask_link = random, talk, ask_link
        self._opened: dict[str, _Opened] = {}
        self._tries: Counter[str] = Counter()
        self._seed: bytes | None = None
        self._recovered = False

    def unlock(self, position: str, sealed: bytes, numbers: tuple[int, ...]) -> Unlocked:
        """Open one share. Refuses by header first; WrongSecret if it does not open."""
        self._check_due(position)
        self._check_tries(position)
        header = Header.unpack(sealed)
        envelope.check_header(header, self._expected(position, numbers, tuple(self._opened)))
        passphrase = self._talk.ask(position, "")
        try:
            share = envelope.unseal(sealed, passphrase)
        except envelope.WrongPassphrase as error:
            self._tries[position] += 1
            raise WrongSecret(str(error), TRIES - self._tries[position]) from None
        commitment.check_custodian(self._terms, position, share, self._record.custodian_commitments[position])
        self._opened[position] = _Opened(share, passphrase, header.sealing)
        board = Counter(opened[0] for opened in sorted(self._opened))
        return Unlocked(position=position, board=dict(board), enough="yes" if self._terms.plan.enough(self._opened) else "no")

    def recover(self) -> Recovered:
        """Combine one minimal quorum and compare. REC-01 if there is none; any other refusal ends the process (REC-06)."""
        if self._recovered:
            raise Malformed("the secret was recovered already")
        chosen = self._terms.plan.minimal(tuple(self._opened))
        try:
            self._seed = self._combined(chosen)
        except Refused as error:
            self.forget()
            raise Ending(error) from None
        self._recovered = True
        combined = tuple(sorted(position for quorum in chosen.values() for position in quorum))
        spare = tuple(position for position in sorted(self._opened) if position not in combined)
        return Recovered(accounts=tuple(account.name for account in self._record.accounts), combined=combined, spare=spare)

    def _combined(self, chosen: dict[str, tuple[str, ...]]) -> bytes:
        scheme, plan = scheme_of(self._terms.scheme), self._terms.plan
        site_shares = {}
        for letter, quorum in chosen.items():
            site_shares[letter] = scheme.combine_site(plan, letter, {int(p[1]): self._opened[p].share for p in quorum})
            commitment.check_site(self._terms, letter, site_shares[letter], self._record.site_commitments[letter])
        seed = accounts.seed_of(scheme.combine_sites(plan, site_shares))
        accounts.check_accounts(seed, self._record)
        return seed

    def deliver(self) -> Delivered:
        """Hand one child key for each spent path to the HSM, wrapped, and forget the secret (REC-08, REC-09)."""
        if self._seed is None:
            raise Malformed("recover the secret first; it is delivered once")
        given: ImportKey = self._ask_link(GiveImportKey(), ImportKey)
        import_key = wrapping.ImportKey(given.modulus, given.exponent)
        if import_key.fingerprint != given.fingerprint:
            refuse("REC-08", "the import key", found=import_key.fingerprint, expected=given.fingerprint, do="End this vault.")
        public = self._armed.public_keys
        keys = accounts.child_keys(self._seed, self._armed.account, tuple(public))
        self._seed = None
        if {path: key for path, (_, key) in keys.items()} != public:
            do = "Stop and tell the officers."
            refuse("REC-06", "derived keys", found="other public keys", expected="the public keys that the request spends from", do=do)
        aes, wrapped = wrapping.wrap(import_key, [wrapping.pkcs8(secret) for secret, _ in keys.values()], self._random)
        taking = tuple(WrappedKey(path=path, public=public[path], wrapped=box) for path, box in zip(keys, wrapped, strict=True))
        taken: Taken = self._ask_link(TakeKeys(aes=aes, keys=taking), Taken)
        if taken.count != len(keys):
            refuse("REC-09", "imported keys", found=str(taken.count), expected=str(len(keys)), do="Destroy them; end this vault.")
        return Delivered(keys=len(keys), import_key=import_key.fingerprint, attested=given.attested)

    @control("SEC-01")
    def lock_again(self, position: str, sealing: int) -> bytes:
        """SEC-01: in the run that opened it a share is locked again: same passphrase, fresh salt, a higher sealing number."""
        opened = self._of(position)
        if sealing <= opened.sealing:
            do = "Give the number of this ceremony."
            refuse("SEC-01", f"{position} locked again", found=f"sealing {sealing}", expected=f"above {opened.sealing}", do=do)
        header = Header.of(self._terms, self._record.set_identifier, position, self._armed.charter.kdf, sealing)
        sealed = envelope.seal(header, opened.share, opened.passphrase, self._random(envelope.SALT))
        opened.again = sealing
        return sealed

    def prove_again(self, position: str, sealed: bytes) -> None:
        """What was read back is the share, under the same passphrase, with the new sealing number."""
        opened = self._of(position)
        if opened.again is None:
            raise Malformed(f"{position}: lock this share again first")
        envelope.check_header(Header.unpack(sealed), self._expected(position, (opened.again,), ()))
        try:
            share = envelope.unseal(sealed, opened.passphrase)
        except envelope.WrongPassphrase:
            share = b""
        if not hmac.compare_digest(share, opened.share):
            do = "Keep the old sealed share. Write this one again."
            refuse("SEC-01", f"the new sealed share of {position}", found="it does not open to the share", expected="the same share", do=do)

    def forget(self) -> None:
        """Drop every reference to a secret. The memory itself goes when the process ends, which follows at once."""
        for opened in self._opened.values():
            opened.passphrase[:] = bytes(len(opened.passphrase))
        self._opened.clear()
        self._seed = None

    def _check_due(self, position: str) -> None:
        if self._recovered:
            raise Malformed("the secret was recovered already; no further share is opened")
        if position not in self._armed.positions:
            refuse(
                "SIG-02",
                f"{position} has not approved this request",
                found=position,
                expected=", ".join(self._armed.positions),
                do="Only custodians who approved open their shares.",
            )

    def _check_tries(self, position: str) -> None:
        if self._tries[position] >= TRIES:
            refuse(
                "ASM-01",
                f"{position} is set aside for today",
                found=f"{TRIES} wrong passphrases",
                expected="the custodian's own passphrase",
                do=f"Let another custodian of site {position[0]} step in. Nothing is lost.",
            )

    def _expected(self, position: str, sealings: tuple[int, ...], opened: tuple[str, ...]) -> Expected:
        identifier = self._record.set_identifier
        return Expected(terms=self._terms, set_identifier=identifier, position=position, sealings=sealings, opened=opened)

    def _of(self, position: str) -> _Opened:
        if position not in self._opened:
            raise Malformed(f"{position} is not open")
        return self._opened[position]
