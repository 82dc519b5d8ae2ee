"""Combine, compare, derive, wrap: what the opener does with the open shares of an armed transfer (REC-01, REC-06 to 09)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed
from ceremony.vault import accounts, wrapping
from ceremony.vault.child import Ending
from ceremony.vault.opening import Board, Rules
from ceremony.vault.orders import Armed
from ceremony.vault.protocol import Delivered, GiveImportKey, ImportKey, Recovered, TakeKeys, Taken, WrappedKey
from shares import commitment
from shares.schemes import scheme_of


def rules_of(armed: Armed) -> Rules:
    """Whose shares may be opened for an armed transfer: those who approved it."""
    return Rules(record=armed.key_record, profile=armed.charter.kdf, positions=armed.positions)


class Recovery:
    """The secret of one armed transfer. `ask_link` sends one message to the HSM process and returns its answer."""

    def __init__(self, armed: Armed, board: Board, random: Callable[[int], bytes], ask_link: Callable[[Any, type], Any]) -> None:
        self._armed, self._board = armed, board
        self._terms = rules_of(armed).terms
        self._random, self._ask_link = random, ask_link
        self._seed: bytes | None = None
        self._done = False

    def recover(self) -> Recovered:
        """Combine one minimal quorum and compare. REC-01 if there is none; any other refusal ends the process (REC-06)."""
        if self._done:
            raise Malformed("the secret was recovered already")
        opened = self._board.shares
        chosen = self._terms.plan.minimal(tuple(opened))
        self._board.close()
        try:
            self._seed = self._combined(chosen)
        except Refused as error:
            self._board.forget()
            raise Ending(error) from None
        self._done = True
        combined = tuple(sorted(position for quorum in chosen.values() for position in quorum))
        spare = tuple(position for position in opened if position not in combined)
        return Recovered(accounts=tuple(a.name for a in self._armed.key_record.accounts), combined=combined, spare=spare)

    def _combined(self, chosen: dict[str, tuple[str, ...]]) -> bytes:
        """The seed; a spare share needs no combining: its commitment was checked when it was opened."""
        scheme, plan, record = scheme_of(self._terms.scheme), self._terms.plan, self._armed.key_record
        shares, site_shares = self._board.shares, {}
        for letter, quorum in chosen.items():
            site_shares[letter] = scheme.combine_site(plan, letter, {int(p[1]): shares[p] for p in quorum})
            commitment.check_site(self._terms, letter, site_shares[letter], record.site_commitments[letter])
        seed = accounts.seed_of(record.scheme, scheme.combine_sites(plan, site_shares))
        accounts.check_accounts(seed, record)
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
