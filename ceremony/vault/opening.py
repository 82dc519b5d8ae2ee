"""Open shares: each checked by its header before its passphrase is asked, and by its commitment as soon as it is open.

A share that was opened in this run can be locked again in it (SEC-01), with the passphrase that is still here."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault.passphrase import Passphrases
from ceremony.vault.protocol import Unlocked, WrongSecret
from shares import commitment, envelope
from shares.envelope import Expected, Header, ProfileName
from shares.plan import Terms

TRIES = 3
"""Times that one custodian may type a wrong passphrase; after that they are set aside for today."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Whose shares may be opened and how they are locked again: key record, KDF profile of the charter, positions.

    `alone`: at most one share is open at a time; the next one replaces it (STO-10). `renewed`: positions that both officers ordered
    to be sealed anew; they may choose another passphrase."""

    record: KeyRecord
    profile: ProfileName
    positions: tuple[str, ...]
    alone: bool = False
    purpose: str = ""
    """Said where a passphrase is asked for, if it may be taken for another one: `for the former key's share, `."""
    renewed: tuple[str, ...] = ()

    @property
    def terms(self) -> Terms:
        """What all shares of the set have in common."""
        return Terms(mark=self.record.mark, scheme=self.record.scheme, plan=self.record.plan)


@dataclass(slots=True, repr=False)
class _Opened:
    """One open share. Secret, all but the sealing numbers."""

    share: bytes
    passphrase: bytearray
    sealing: int
    again: int | None = None
    """Sealing number under which it was locked again."""
    tries: int = 0
    """Times that its custodian may still type the passphrase that they chose anew, to prove it."""


class Board:
    """The shares that are open now."""

    def __init__(self, rules: Rules, random: Callable[[int], bytes], talk: Passphrases) -> None:
        self._rules, self._terms = rules, rules.terms
        self._random, self._talk = random, talk
        self._opened: dict[str, _Opened] = {}
        self._tries: Counter[str] = Counter()
        self._closed = False

    @property
    def shares(self) -> Mapping[str, bytes]:
        """Position -> share. Secret."""
        return {position: opened.share for position, opened in sorted(self._opened.items())}

    def unlock(self, position: str, sealed: bytes, numbers: Sequence[int], retired: Mapping[str, str]) -> Unlocked:
        """Open one share. Refuses by header first; WrongSecret if it does not open. `numbers`: sealings of the register; `retired`:
        its retired sets, in words."""
        self._check_due(position)
        self._check_tries(position)
        header = envelope.read(sealed, position)
        expected = self._expected(position, tuple(numbers), tuple(self._opened))
        envelope.check_header(header, replace(expected, retired=retired))
        passphrase = self._talk.ask(position, self._rules.purpose)
        try:
            share = envelope.unseal(sealed, passphrase)
        except envelope.WrongPassphrase as error:
            passphrase[:] = bytes(len(passphrase))
            self._tries[position] += 1
            raise WrongSecret(str(error), TRIES - self._tries[position]) from None
        commitment.check_custodian(self._terms, position, share, self._rules.record.custodian_commitments[position])
        if self._rules.alone:
            self.forget()
        self._opened[position] = _Opened(share, passphrase, header.sealing)
        board = Counter(opened[0] for opened in sorted(self._opened))
        return Unlocked(position=position, board=dict(board), enough="yes" if self._terms.plan.enough(self._opened) else "no")

    def close(self) -> None:
        """No further share is opened; those that are can still be locked again."""
        self._closed = True

    def lock_again(self, position: str, sealing: int) -> bytes:
        """In the run that opened it a share is locked again, under the same passphrase."""
        opened = self._of(position)
        return self._locked(position, opened, sealing, opened.passphrase)

    def lock_new(self, position: str, sealing: int) -> bytes:
        """In the run that opened it alone a share is locked under a passphrase that its custodian chooses now, other than the one of
        before; AUT-01 if no share order names the position. May be done again: nothing was destroyed yet."""
        opened = self._of(position)
        if position not in self._rules.renewed:
            do = "Let both officers order it: `ceremony shares order`."
            expected = "a share order for these positions" if not self._rules.renewed else " ".join(self._rules.renewed)
            refuse("AUT-01", f"a new passphrase for {position}", found="no order that names it", expected=expected, do=do)
        chosen = self._talk.choose(position, self._random, self._terms.mark, unlike=opened.passphrase)
        sealed = self._locked(position, opened, sealing, chosen)
        chosen[:] = bytes(len(chosen))  # its custodian types it once more before it counts
        opened.tries = TRIES
        return sealed

    @control("SEC-01")
    def _locked(self, position: str, opened: _Opened, sealing: int, passphrase: bytearray) -> bytes:
        """SEC-01: a share is locked again in the run that opened it, with a fresh salt and a higher sealing number."""
        if sealing <= opened.sealing:
            do = "Give the number of this ceremony."
            refuse("SEC-01", f"{position} locked again", found=f"sealing {sealing}", expected=f"above {opened.sealing}", do=do)
        header = Header.of(self._terms, self._rules.record.set_identifier, position, self._rules.profile, sealing)
        sealed = envelope.seal(header, opened.share, passphrase, self._random(envelope.SALT))
        opened.again, opened.tries = sealing, 0
        return sealed

    def prove_again(self, position: str, sealed: bytes) -> None:
        """What was read back is the share, under the same passphrase, with the new sealing number."""
        opened = self._of(position)
        self._check_read_back(position, opened, sealed)
        try:
            share = envelope.unseal(sealed, opened.passphrase)
        except envelope.WrongPassphrase:
            share = b""
        _check_same(position, share, opened)

    def prove_new(self, position: str, sealed: bytes) -> None:
        """What was read back is the share, under the new passphrase, which its custodian types once more; WrongSecret if it does not
        open. Without a try left it must be locked once more, under another one."""
        opened = self._of(position)
        if not opened.tries:
            raise Malformed(f"{position}: choose a new passphrase first (again, if it was wrong {TRIES} times)")
        self._check_read_back(position, opened, sealed)
        passphrase = self._talk.ask(position, "to prove it, ")
        try:
            share = envelope.unseal(sealed, passphrase)
        except envelope.WrongPassphrase as error:
            opened.tries -= 1
            raise WrongSecret(str(error), opened.tries) from None
        _check_same(position, share, opened)

    def _check_read_back(self, position: str, opened: _Opened, sealed: bytes) -> None:
        """By its header it is the one that was just locked."""
        if opened.again is None:
            raise Malformed(f"{position}: lock this share again first")
        envelope.check_header(Header.unpack(sealed), self._expected(position, (opened.again,), ()))

    def forget(self) -> None:
        """Drop every reference to a share. The memory itself goes when the process ends."""
        for opened in self._opened.values():
            opened.passphrase[:] = bytes(len(opened.passphrase))
        self._opened.clear()

    def _check_due(self, position: str) -> None:
        if self._closed:
            raise Malformed("the secret was recovered already; no further share is opened")
        if position not in self._terms.plan.positions:
            raise Malformed(f"the key record has no position {position}")
        if position not in self._rules.positions:
            refuse(
                "SIG-02",
                f"the share of {position} is not one that this vault was armed for",
                found=position,
                expected=", ".join(self._rules.positions),
                do="Only custodians who approved open their shares; in a resharing, only those who had them when they were locked.",
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
        identifier = self._rules.record.set_identifier
        return Expected(terms=self._terms, set_identifier=identifier, position=position, sealings=sealings, opened=opened)

    def _of(self, position: str) -> _Opened:
        if position not in self._opened:
            raise Malformed(f"{position} is not open")
        return self._opened[position]


def _check_same(position: str, share: bytes, opened: _Opened) -> None:
    """SEC-01: what the new sealed share holds is the share that is open."""
    if not hmac.compare_digest(share, opened.share):
        do = "Keep the old sealed share. Write this one again."
        refuse("SEC-01", f"the new sealed share of {position}", found="it does not open to the share", expected="the same share", do=do)
