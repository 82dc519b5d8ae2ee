"""The signing request: the one file that people review and approve and that keys sign from; and the account it spends from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from ceremony.base.data import Digest, Name, Pattern, record
from ceremony.base.lines import sha256

Network = Literal["main", "test", "regtest"]
AccountPath = Annotated[str, Pattern(r"m/84h/[01]h/(0|[1-9][0-9]{0,9})h", "a BIP-84 account path such as m/84h/0h/0h")]
ExtendedKey = Annotated[str, Pattern(r"[xt]pub[1-9A-HJ-NP-Za-km-z]{107}", "an extended public key (xpub or tpub)")]
Fingerprint = Annotated[str, Pattern(r"[0-9a-f]{8}", "8 hexadecimal digits in lower case")]


@record
class AccountKey:
    """An account as the key record states it: all that is needed to re-derive its addresses, and nothing secret.

    `fingerprint` is the BIP-32 fingerprint of the master key; `xpub` is the extended public key at `path`."""

    name: Name
    chain: Literal["bitcoin"]
    network: Network
    path: AccountPath
    xpub: ExtendedKey
    fingerprint: Fingerprint


@record
class SweptAccount(AccountKey):
    """An account of a former key, as a sweep spends it: with the account of the key in use whose first address takes all of it.

    A request read for such an account has exactly one output, to that address; for any other account no address of another key is
    ours."""

    to: AccountKey

    @property
    def former(self) -> AccountKey:
        """The account alone, as its key record states it."""
        return AccountKey(**{f.name: getattr(self, f.name) for f in fields(AccountKey)})


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """The bytes to be reviewed, approved and signed. Bitcoin: an unsigned PSBT as `transfer.bitcoin.psbt` writes it.

    Making one asserts nothing about the bytes: `review` does."""

    chain: str
    raw: bytes

    @property
    def digest(self) -> Digest:
        """The digest: SHA-256 of the bytes in 64 hexadecimal digits."""
        return sha256(self.raw)
