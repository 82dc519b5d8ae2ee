"""Combine, compare, derive, wrap: what the opener does with the open shares of an armed transfer (REC-01, REC-06 to 09)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault import accounts, wrapping
from ceremony.vault.child import Ending
from ceremony.vault.opening import Board, Rules
from ceremony.vault.orders import Armed
from ceremony.vault.protocol import Delivered, GiveImportKey, ImportKey, Recovered, TakeKeys, Taken, WrappedKey
from shares import commitment
from shares.plan import Terms
from shares.schemes import scheme_of


def rules_of(armed: Armed) -> Rules:
    """Whose shares may be opened for an armed transfer: those who approved it."""
    purpose = "for the former key's share, " if armed.authorization.kind == "sweep" else ""
    return Rules(record=armed.key_record, profile=armed.charter.kdf, positions=armed.positions, purpose=purpose)


def combined(board: Board, record: KeyRecord) -> tuple[bytes, Recovered]:
    """The secret of one minimal quorum of the open shares, compared with the key record, and what of it may be told.

    REC-01 if there is none; any other refusal ends the process (REC-06). A spare share needs no combining: its commitment was checked
    when it was opened."""
    terms = Terms(mark=record.mark, scheme=record.scheme, plan=record.plan)
    opened = board.shares
    chosen = terms.plan.minimal(tuple(opened))
    board.close()
    try:
        secret = _secret(terms, opened, chosen, record)
    except Refused as error:
        board.forget()
        raise Ending(error) from None
    used = tuple(sorted(position for quorum in chosen.values() for position in quorum))
    spare = tuple(position for position in opened if position not in used)
    return secret, Recovered(accounts=tuple(a.name for a in record.accounts), combined=used, spare=spare)


def _secret(terms: Terms, shares: Mapping[str, bytes], chosen: Mapping[str, Sequence[str]], record: KeyRecord) -> bytes:
    scheme, site_shares = scheme_of(terms.scheme), dict[str, bytes]()
    for letter, quorum in chosen.items():
        site_shares[letter] = scheme.combine_site(terms.plan, letter, {int(p[1]): shares[p] for p in quorum})
        commitment.check_site(terms, letter, site_shares[letter], record.site_commitments[letter])
    secret = scheme.combine_sites(terms.plan, site_shares)
    accounts.check_accounts(accounts.seed_of(record.scheme, secret), record)
    return secret


class Recovery:
    """The secret of one armed transfer. `ask_link` sends one message to the HSM process and returns its answer."""

    def __init__(self, armed: Armed, board: Board, random: Callable[[int], bytes], ask_link: Callable[[Any, type], Any]) -> None:
        self._armed, self._board = armed, board
        self._random, self._ask_link = random, ask_link
        self._seed: bytes | None = None
        self._done = False

    def recover(self) -> Recovered:
        """Combine one minimal quorum and compare. REC-01 if there is none; any other refusal ends the process (REC-06)."""
        if self._done:
            raise Malformed("the secret was recovered already")
        secret, told = combined(self._board, self._armed.key_record)
        self._seed, self._done = accounts.seed_of(self._armed.key_record.scheme, secret), True
        return told

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
