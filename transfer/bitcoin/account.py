"""An account of ours: its addresses, re-derived from the extended public key alone, each one once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from ceremony.base.data import Malformed
from transfer.bitcoin import bip32
from transfer.bitcoin.address import address_of, p2wpkh
from transfer.request import AccountKey, Network

RECEIVE, CHANGE = 0, 1
SWEPT_TO = (RECEIVE, 0)
"""Branch and index of the address of the key in use to which a sweep moves everything."""
MAX_INDEX = 10_000
"""Indexes below this one are ours (TXN-11): a path beyond it would be change that nobody finds again."""


@dataclass(frozen=True, slots=True)
class Own:
    """One address of the account: its path below the account, public key, output script and address."""

    branch: int
    index: int
    public_key: bytes
    script: bytes
    address: str

    @property
    def path(self) -> str:
        """ "branch/index"."""
        return f"{self.branch}/{self.index}"


@dataclass(frozen=True, slots=True)
class Account:
    """The account with what was derived of it so far."""

    name: str
    network: Network
    fingerprint: bytes
    path: tuple[int, ...]
    branches: tuple[bip32.PublicNode, bip32.PublicNode]
    known: dict[tuple[int, int], Own] = field(default_factory=dict, repr=False, compare=False)

    def own(self, branch: int, index: int) -> Own:
        """The address at branch 0 (receive) or 1 (change); Malformed outside the path limits."""
        if branch not in (RECEIVE, CHANGE) or not 0 <= index < MAX_INDEX:
            raise Malformed(f"the path {branch}/{index} is outside the account: branch 0 or 1, index below {MAX_INDEX}")
        if (branch, index) not in self.known:
            key = self.branches[branch].child(index).key
            script = p2wpkh(key)
            self.known[branch, index] = Own(branch, index, key, script, address_of(script, self.network))
        return self.known[branch, index]

    def full_path(self, branch: int, index: int) -> tuple[int, ...]:
        """The steps from the master key."""
        return (*self.path, branch, index)


@lru_cache(maxsize=16)
def opened(account: AccountKey) -> Account:
    """The account of its recorded key; Malformed if path, network and extended key do not belong together (BIP-44, BIP-84)."""
    node, path = bip32.parse_public(account.xpub), bip32.parse_path(account.path)
    kind = "main" if account.network == "main" else "test"
    coin = bip32.HARDENED + (0 if account.network == "main" else 1)
    if node.kind != kind or path[1] != coin or node.place.depth != 3 or node.place.number != path[2]:
        raise Malformed(f"account {account.name}: network {account.network}, path {account.path} and extended key do not belong together")
    return Account(account.name, account.network, bytes.fromhex(account.fingerprint), path, (node.child(RECEIVE), node.child(CHANGE)))
