"""A whole ceremony of a desk whose charter says `slip39`, on the pseudo-terminal; then the account without the tool, from its shares."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.data import load
from ceremony.demonstration import Stage
from ceremony.record.keyrecord import KeyRecord
from shares.envelope import Header, unseal
from shares.schemes.slip39 import mnemonic
from tests import wallet
from tests.ceremony import rehearsal, shared

pytestmark = pytest.mark.long


ROOT = Path(__file__).parents[2]
STOCK = ROOT / "scripts" / "verify-transcript.sh"
RECOVER = ROOT / "scripts" / "recover.py"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Charter, key generation, transfer, block, receipt; it ends with the verdict VERIFIED or fails."""

    def play(folder: Path) -> Stage:
        set_ = rehearsal.stage(folder, plot=replace(rehearsal.SMALL, scheme="slip39"))
        assert demonstration.play(set_).startswith("VERIFIED  txid ")
        return set_

    return shared.once(tmp_path_factory, "slip39", play)


def opened(set_: Stage) -> Mapping[str, tuple[Header, bytes]]:
    """What lies on every custodian's medium, opened with the passphrase that the custodian typed last."""
    raw = {
        p: next((set_.folder / "custodians" / p).glob("*.sealed")).read_bytes()
        for p in set_.plot.names
        if p[0].isupper() and p[1:].isdigit()
    }
    return {p: (Header.unpack(each), unseal(each, set_.cast.passphrases[p].encode())) for p, each in raw.items()}


def key_record(set_: Stage) -> KeyRecord:
    return load(KeyRecord, (set_.folder / demonstration.key_record(set_)).read_bytes())


def test_both_verifiers_take_it(played: Stage) -> None:
    """The tool's own did while it was played; the stock one, by what the auditor's slip says."""
    anchor = dict(line.split() for line in (played.folder / "anchor").read_text().splitlines())
    done = subprocess.run(
        ["sh", str(STOCK), str(played.folder / "register"), anchor["genesis"], anchor["head"]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VERIFIED" in done.stdout


def test_charter_key_record_and_every_card_name_the_scheme(played: Stage) -> None:
    assert json.loads((played.folder / "office" / "charter.json").read_text())["scheme"] == "slip39"
    assert key_record(played).scheme == "slip39"
    assert {header.scheme for header, _ in opened(played).values()} == {"slip39"}


def test_the_printed_script_recovers_the_account_from_the_cards(played: Stage) -> None:
    """Run alone, with the files of four custodians and the key record of the register; it says each share's mnemonic, too."""
    record, here = key_record(played), played.plot.here
    files = [str(next((played.folder / "custodians" / p).glob("*.sealed"))) for p in here]
    arguments = [
        "slip39",
        str(ROOT / "docs" / "words" / "slip39.txt"),
        "--record",
        str(played.folder / demonstration.key_record(played)),
        *files,
    ]
    typed = "".join(f"{played.cast.passphrases[p]}\n" for p in here) + "\n"
    command = ["env", "-i", sys.executable, "-I", "-S", str(RECOVER), *arguments]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False, start_new_session=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (account,) = record.accounts
    seed = bytes.fromhex(done.stdout.split("seed: ")[1].split()[0])
    assert wallet.xpub(seed, account.path, account.network) == account.xpub
    shares = opened(played)
    assert all(mnemonic(record.plan, record.set_identifier, p, shares[p][1]) in done.stdout for p in here)


def test_a_wallet_recovers_the_account_from_the_cards(played: Stage) -> None:
    """From any quorum: the mnemonics of what was sealed, by a wallet's own library, along the account's path. No 24 words."""
    record, shares = key_record(played), opened(played)
    (account,) = record.accounts
    words = {p: mnemonic(record.plan, header.set_identifier, p, share) for p, (header, share) in shares.items()}
    assert {header.set_identifier for header, _ in shares.values()} == {record.set_identifier}
    for quorum in record.plan.quorums():
        seed = wallet.of_mnemonics(words[p] for p in quorum)
        assert len(seed) == 32
        assert wallet.xpub(seed, account.path, account.network) == account.xpub
