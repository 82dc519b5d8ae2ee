"""Wallets that are none of ours: `slip39` of npm for SLIP-39, bip-utils for BIP-39 and BIP-32.

`scripts/fetch-slip39` has put the first into .cache/slip39 of the checkout. Where it is missing tests fail: they are never skipped."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1, Bip39SeedGenerator

ROOT = Path(__file__).parents[1]
SLIP39 = ROOT / ".cache" / "slip39" / "package" / "index.js"
TEST = Bip32KeyNetVersions(bytes.fromhex("043587cf"), bytes.fromhex("04358394"))

_RECOVER = """
const asked = JSON.parse(require('fs').readFileSync(0));
const found = require(asked.library).recoverSecret(asked.mnemonics, asked.passphrase);
process.stdout.write(Buffer.from(found).toString('hex'));
"""


class Unreadable(Exception):
    """The wallet does not take these mnemonics."""


def of_mnemonics(mnemonics: Iterable[str], passphrase: str = "") -> bytes:
    """The seed that a SLIP-39 wallet recovers; Unreadable for what it refuses."""
    if not SLIP39.exists():
        raise FileNotFoundError(f"no SLIP-39 library at {SLIP39}: run scripts/fetch-slip39 first (scripts/test does)")
    asked = json.dumps({"library": str(SLIP39), "mnemonics": list(mnemonics), "passphrase": passphrase})
    done = subprocess.run(["node", "-e", _RECOVER], input=asked, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Unreadable(done.stderr)
    return bytes.fromhex(done.stdout)


def of_words(words: str) -> bytes:
    """The seed that a BIP-39 wallet makes of 24 words, without a passphrase."""
    return bytes(Bip39SeedGenerator(words).Generate(""))


def xpub(seed: bytes, path: str, network: str) -> str:
    """The account's extended public key along this path, as the key record writes it (`xpub`, or `tpub` off the main network)."""
    root = Bip32Slip10Secp256k1.FromSeed(seed) if network == "main" else Bip32Slip10Secp256k1.FromSeed(seed, TEST)
    return str(root.DerivePath(path.replace("h", "'")).PublicKey().ToExtended())
