"""From the secret to keys: seed, accounts, child keys. Only the opener loads this.

Scheme `gf256`: the secret is BIP-39 entropy; the BIP-39 passphrase is always empty, so its 24 words restore everything in any
standard wallet. Scheme `slip39`: the secret is the seed itself, as SLIP-39 wallets take it; there are no 24 words."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from ceremony.base.control import control, refuse
from ceremony.record.charter import Account
from ceremony.record.keyrecord import KeyRecord
from shares.plan import SchemeName
from transfer.bitcoin import bip32
from transfer.request import AccountKey, Network

KINDS: Mapping[Network, bip32.Kind] = {"main": "main", "test": "test", "regtest": "test"}


def seed_of(scheme: SchemeName, secret: bytes) -> bytes:
    """The BIP-32 seed of 32 bytes of secret: by BIP-39 (64 bytes) for `gf256`, the secret itself for `slip39`. Secret."""
    if scheme == "slip39":
        return secret
    from mnemonic import Mnemonic  # noqa: PLC0415 - the base install does not have it

    seed: bytes = Mnemonic.to_seed(Mnemonic("english").to_mnemonic(secret), "")
    return seed


def account_key(seed: bytes, account: Account | AccountKey) -> AccountKey:
    """The account as the key record states it; nothing secret."""
    master = bip32.master(seed, KINDS[account.network])
    node = master.derive(bip32.parse_path(account.path))
    return AccountKey(
        name=account.name,
        chain=account.chain,
        network=account.network,
        path=account.path,
        xpub=node.public.text,
        fingerprint=master.public.fingerprint.hex(),
    )


@control("REC-06")
def check_accounts(seed: bytes, key_record: KeyRecord) -> None:
    """REC-06: the whole serialised extended public key of every account equals the recorded one; never the fingerprint alone."""
    for account in key_record.accounts:
        found = account_key(seed, account).xpub
        if not hmac.compare_digest(found, account.xpub):
            refuse(
                "REC-06",
                f"the recovered account {account.name} is not the recorded one",
                found=found,
                expected=account.xpub,
                do="Stop and tell the officers. Everything recovered was wiped; no key was derived.",
            )


def child_keys(seed: bytes, account: AccountKey, paths: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Path -> private key (a number, secret) and public key (33 bytes), for each `branch/index` below the account."""
    top = bip32.master(seed, KINDS[account.network]).derive(bip32.parse_path(account.path))
    branches: dict[int, bip32.PrivateNode] = {}
    found = {}
    for path in paths:
        branch, index = bip32.parse_path(path)
        parent = branches[branch] if branch in branches else branches.setdefault(branch, top.child(branch))
        node = parent.child(index)
        found[path] = (node.secret, node.public.key)
    return found
