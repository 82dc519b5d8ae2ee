from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ceremony.base.control import Refused
from shares import card
from transfer.gap import bundle
from transfer.gap.scan import secrets_in

# Published examples: BIP-39 and BIP-32 test vectors, and the private key of the Bitcoin developer guide. None may ever hold value.
MNEMONIC = "legal winner thank year wave sausage worth useful legal winner thank yellow"
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
XPUB = "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8"
WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LEAKS = {
    "mnemonic": (MNEMONIC, "a row of BIP-39 words"),
    "numbered mnemonic": ("\n".join(f"{n}. {word.upper()}" for n, word in enumerate(MNEMONIC.split())), "a row of BIP-39 words"),
    "list of words": ('["' + '","'.join(MNEMONIC.split()) + '"]', "a row of BIP-39 words"),
    "xprv": (f'{{"key":"{XPRV}"}}', "an extended private key"),
    "WIF": (f"key={WIF};".replace("=", ":"), "a private key in WIF"),
    "PEM": (KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), "a private key file"),
    "OpenSSH": (KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(), "a private key file"),
    "OpenSSH without its armour": (
        base64.b64encode(b"openssh-key-v1\0none").decode(),
        "a private key file",
    ),
    "sealed share": ('"' + "0150" + "01" * 84 + '"', "a sealed share"),
    "share card": (card.payload(bytes(86)), "a share card"),
}


@pytest.mark.parametrize("case", LEAKS)
def test_a_secret_is_found(case: str) -> None:
    text, kind = LEAKS[case]
    assert secrets_in(b'{"before":"1"} ' + text.encode() + b" after") == (kind,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        XPUB,
        WIF[:-1] + "K",
        " ".join(MNEMONIC.split()[:11]),
        "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado chatter revolver",
        "0150" + "01" * 85,
        "20" * 300,
        "COLDSHARE1.",
        "-----BEGIN SSH SIGNATURE-----",
    ],
)
def test_what_is_not_secret_passes(text: str) -> None:
    assert secrets_in(text.encode()) == ()


def test_random_data_passes() -> None:
    for _ in range(20):
        raw = os.urandom(20_000)
        assert secrets_in(base64.b64encode(raw)) == secrets_in(raw.hex().encode()) == secrets_in(raw) == ()


@pytest.mark.control("EXP-01")
@pytest.mark.parametrize("case", LEAKS)
def test_nothing_secret_leaves(tmp_path: Path, case: str) -> None:
    text, kind = LEAKS[case]
    content = dict.fromkeys(bundle.FILES, b"{}\n") | {"transaction": b"00\n", "transcript.jsonl": text.encode()}
    with pytest.raises(Refused, match=r"transcript\.jsonl must not leave") as error:
        bundle.write(tmp_path / "bundle", content, mark="practice", ceremony=1, head="00" * 32)
    assert (error.value.identifier, error.value.found) == ("EXP-01", kind)
    assert list(tmp_path.iterdir()) == []
