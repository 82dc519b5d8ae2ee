"""What the shares give, wallets that know nothing of this tool give as well: the same account along the same path.

`gf256` from its 24 words, `slip39` from the shares' mnemonics; each account by derivation that is not ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mnemonic import Mnemonic

from ceremony.record.charter import Account
from ceremony.vault import accounts
from shares.plan import Plan, SitePlan
from shares.schemes import Split, scheme_of, slip39
from tests import wallet
from tests.shares.splitting import combined, stream

SECRET = hashlib.sha256(b"a secret that wallets recover").digest()
PLAN = Plan(
    site_threshold=3,
    sites=tuple(SitePlan(letter=s, threshold=t, members=n) for s, t, n in zip("ABCD", (2, 3, 2, 9), (3, 5, 2, 9), strict=True)),
)
QUORUMS = (("A1", "A3", "B2", "B3", "B5", "C1", "C2"), ("A2", "A3", "C1", "C2", *PLAN.site("D").positions))
SET = "5eed" * 5
ACCOUNTS = (
    Account(name="cold", chain="bitcoin", network="main", path="m/84h/0h/0h"),
    Account(name="other", chain="bitcoin", network="main", path="m/84h/0h/7h"),
    Account(name="practice", chain="bitcoin", network="regtest", path="m/84h/1h/0h"),
)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "slip39.json").read_text())["cases"]


def words_of(split: Split, quorum: tuple[str, ...]) -> list[str]:
    return [slip39.mnemonic(PLAN, SET, position, split.custodian_shares[position]) for position in quorum]


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.path)
def test_a_wallet_recovers_the_account_from_mnemonics(account: Account) -> None:
    split = scheme_of("slip39").split(SECRET, PLAN, stream(b"wallet"))
    recorded = accounts.account_key(accounts.seed_of("slip39", SECRET), account)
    for quorum in QUORUMS:
        seed = wallet.of_mnemonics(words_of(split, quorum))
        assert seed == combined(scheme_of("slip39"), PLAN, split, quorum) == SECRET
        assert wallet.xpub(seed, account.path, account.network) == recorded.xpub


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.path)
def test_a_wallet_recovers_the_account_from_24_words(account: Account) -> None:
    split = scheme_of("gf256").split(SECRET, PLAN, stream(b"wallet"))
    recorded = accounts.account_key(accounts.seed_of("gf256", SECRET), account)
    for quorum in QUORUMS:
        words = Mnemonic("english").to_mnemonic(combined(scheme_of("gf256"), PLAN, split, quorum))
        assert len(words.split()) == 24
        assert wallet.xpub(wallet.of_words(words), account.path, account.network) == recorded.xpub


def test_the_same_secret_is_another_key_in_the_other_scheme() -> None:
    """So the scheme stands in the charter, in the key record, in every header and in every commitment."""
    assert accounts.seed_of("gf256", SECRET) != accounts.seed_of("slip39", SECRET) == SECRET


def test_a_wallet_takes_no_mnemonic_of_another_set_and_none_too_few() -> None:
    one, other = (scheme_of("slip39").split(SECRET, PLAN, stream(seed)) for seed in (b"wallet", b"other"))
    words = words_of(one, QUORUMS[0])
    for wrong in (words[:-1], [*words[:-1], words_of(other, QUORUMS[0])[-1]], [words[0].replace("academic", "acid"), *words[1:]]):
        if wrong != words:
            with pytest.raises(wallet.Unreadable):
                wallet.of_mnemonics(wrong)


@pytest.mark.parametrize("case", [case for case in VECTORS if case["valid"]], ids=lambda case: case["description"].split(".")[0])
def test_the_wallet_is_a_fair_judge(case: Mapping[str, Any]) -> None:
    """It gives the published secrets of the published vectors."""
    assert wallet.of_mnemonics(case["mnemonics"], case["passphrase"]).hex() == case["master_secret"]
