"""The key record: the outcome of key generation. Its digest's first 80 bits are the set identifier that every card carries."""

from __future__ import annotations

from typing import Literal

from ceremony.base.data import Digest, Mark, Position, SetIdentifier, Text, Time, dump, record
from ceremony.base.lines import sha256
from shares.plan import Plan, SchemeName
from transfer.request import AccountKey


@record
class KeyRecord:
    """Scheme, thresholds, a commitment per custodian share and per site share, the accounts' extended public keys, the charter."""

    type: Literal["key-record"] = "key-record"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    charter: Digest
    ceremony: int
    follows: Digest | None = None
    """Of a set that was reshared: the digest of the key record that it retires. Absent for a new key."""
    issued: Time
    scheme: SchemeName
    origin: Text
    """How the secret came to be: `software, HSM and operating system mixed` (GEN-01, GEN-02)."""
    plan: Plan
    custodian_commitments: dict[Position, Digest]
    site_commitments: dict[Text, Digest]
    accounts: tuple[AccountKey, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the key record's file."""
        return sha256(dump(self))

    @property
    def set_identifier(self) -> SetIdentifier:
        """The first 80 bits of the digest, in 20 hexadecimal digits."""
        return self.digest[:20]

    def account(self, name: str) -> AccountKey:
        """The extended public key of one account."""
        return next(account for account in self.accounts if account.name == name)
