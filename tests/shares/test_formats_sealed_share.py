"""docs/formats.md says of shares what the code does: its vectors are computed anew, by the code and without it.

After a change on purpose, `python tests/shares/test_formats_sealed_share.py gf256` (or slip39) prints the block to paste."""

from __future__ import annotations

import hashlib
import hmac
import re
import sys
from itertools import combinations
from pathlib import Path

import pytest
from Crypto.Cipher import ChaCha20_Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from shares import commitment, envelope
from shares.envelope import PROFILES, Header
from shares.plan import Plan, SchemeName, SitePlan, Terms, indices
from shares.schemes import CODES, scheme_of, slip39
from tests.wallet import of_mnemonics

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
SECRET = bytes(range(32))
SALT = bytes(range(0xA0, 0xB0))
PASSPHRASE = "abacus bobbin cactus dollop embark fossil"
IDENTIFIER = "00112233445566778899"
POSITION, SEALING = "B3", 7
SEED = "cold-ceremony test vector"


def keystream() -> bytes:
    """SHA-256(seed || counter), counter in 4 bytes big endian from 0, one after the other: 192 bytes are used."""
    return b"".join(hashlib.sha256(SEED.encode() + counter.to_bytes(4, "big")).digest() for counter in range(6))


def vectors(scheme: SchemeName) -> dict[str, str]:
    """Name -> value of every line of the block, in order."""
    plan = Plan(site_threshold=3, sites=tuple(SitePlan(letter=letter, threshold=2, members=3) for letter in "ABCD"))
    terms, source = Terms(mark="practice", scheme=scheme, plan=plan), bytearray(keystream())

    def draw(number: int) -> bytes:
        drawn = bytes(source[:number])
        del source[:number]
        return drawn

    split = scheme_of(scheme).split(SECRET, plan, draw)
    found = {"plan": "2 of 3 custodians at 3 of 4 sites", "mark": "practice", "scheme": scheme}
    found |= {"random seed": SEED, "secret": SECRET.hex()}
    found |= {f"site share {letter}": share.hex() for letter, share in split.site_shares.items()}
    found |= {f"custodian share {position}": share.hex() for position, share in split.custodian_shares.items()}
    found |= {f"commitment {letter}": commitment.site(terms, letter, share) for letter, share in split.site_shares.items()}
    found |= {f"commitment {position}": commitment.custodian(terms, position, share) for position, share in split.custodian_shares.items()}
    found |= {
        "passphrase": PASSPHRASE,
        "salt": SALT.hex(),
        "set identifier": IDENTIFIER,
        "position": POSITION,
        "sealing number": str(SEALING),
    }
    if scheme == "slip39":
        quorum = ("A1", "A3", "B2", "B3", "D1", "D2")
        found |= {f"mnemonic {p}": slip39.mnemonic(plan, IDENTIFIER, p, split.custodian_shares[p]) for p in quorum}
    for profile in PROFILES:
        if profile != "strong":  # a gigabyte for a test that proves nothing more
            header = Header.of(terms, IDENTIFIER, POSITION, profile, SEALING)
            found[f"sealed, {profile}"] = envelope.seal(header, split.custodian_shares[POSITION], PASSPHRASE.encode(), SALT).hex()
    return found


def block(found: dict[str, str]) -> str:
    """The block as it stands in the document."""
    return "".join(f"{name} = {value}\n" for name, value in found.items())


def in_document(scheme: SchemeName) -> dict[str, str]:
    """What the document publishes of one scheme."""
    blocks = re.findall(r"```text vectors\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    every = [dict(line.split(" = ", 1) for line in text.splitlines()) for text in blocks]
    assert [each["scheme"] for each in every] == list(CODES)
    return next(each for each in every if each["scheme"] == scheme)


@pytest.fixture(scope="module", params=CODES)
def published(request: pytest.FixtureRequest) -> dict[str, str]:
    return in_document(request.param)


def test_the_vectors_of_the_document_are_what_the_code_gives(published: dict[str, str]) -> None:
    assert published == vectors(published["scheme"])  # type: ignore[arg-type]
    assert block(published) in DOCUMENT.read_text()


def test_the_commitments_of_the_document_without_our_code(published: dict[str, str]) -> None:
    checked = 0
    for name, value in published.items():
        if name.startswith("commitment "):
            place = name.removeprefix("commitment ")
            level, member = ("site", 0) if len(place) == 1 else ("custodian", int(place[1]))
            tag = hashlib.sha256(f"cold-ceremony/{level}-share".encode()).digest()
            header = bytes([ord("P"), {"gf256": 1, "slip39": 2}[published["scheme"]], 3, 4, 2, 3, "ABCD".index(place[0]) + 1, member])
            assert hashlib.sha256(tag + tag + header + bytes.fromhex(published[f"{level} share {place}"])).hexdigest() == value
            checked += 1
    assert checked == 16


@pytest.mark.parametrize(("profile", "parameters"), [("light", (1, 1, 8192)), ("standard", (3, 4, 262_144))])
def test_the_sealed_shares_of_the_document_without_our_code(
    published: dict[str, str], profile: str, parameters: tuple[int, int, int]
) -> None:
    sealed, (passes, lanes, memory) = bytes.fromhex(published[f"sealed, {profile}"]), parameters
    kdf = Argon2id(salt=sealed[22:38], length=44, iterations=passes, lanes=lanes, memory_cost=memory)
    derived = kdf.derive(published["passphrase"].encode())
    cipher = ChaCha20_Poly1305.new(key=derived[:32], nonce=derived[32:])
    cipher.update(sealed[:38])
    assert cipher.decrypt_and_verify(sealed[38:70], sealed[70:]).hex() == published["custodian share B3"]


def test_the_shares_of_the_document_without_our_code(published: dict[str, str]) -> None:
    """By the plainest arithmetic there is: GF(256) by shifting, 1 / x as x to the 254th. SLIP-39 counts from 0, has the secret
    at 255 and a digest at 254, and shares it encrypted."""
    first, at = (0, 255) if published["scheme"] == "slip39" else (1, 0)

    def mul(a: int, b: int) -> int:
        result = 0
        while b:
            result ^= a * (b & 1)
            a, b = (a << 1) ^ (0x11B if a & 0x80 else 0), b >> 1
        return result

    def value(shares: dict[int, str], at: int) -> str:
        result = bytearray(32)
        for x, share in shares.items():
            weight = 1
            for other in shares:
                if other != x:
                    inverse = 1
                    for _ in range(254):
                        inverse = mul(inverse, x ^ other)
                    weight = mul(weight, mul(at ^ other, inverse))
            for number, y in enumerate(bytes.fromhex(share)):
                result[number] ^= mul(y, weight)
        return result.hex()

    def shared(shares: dict[int, str]) -> str:
        found = value(shares, at)
        if published["scheme"] == "slip39":
            digest = bytes.fromhex(value(shares, 254))
            assert hmac.digest(digest[4:], bytes.fromhex(found), "sha256")[:4] == digest[:4]
        return found

    for letters in combinations("ABCD", 3):
        whole = shared({"ABCD".index(letter) + first: published[f"site share {letter}"] for letter in letters})
        assert (decrypted(whole) if published["scheme"] == "slip39" else whole) == published["secret"]
    for letter in "ABCD":
        for members in combinations((0, 1, 2), 2):
            shares = {member + first: published[f"custodian share {letter}{member + 1}"] for member in members}
            assert shared(shares) == published[f"site share {letter}"]


def decrypted(whole: str) -> str:
    """SLIP-39's cipher: empty passphrase, exponent 1, extendable."""
    left, right = bytes.fromhex(whole[:32]), bytes.fromhex(whole[32:])
    for number in (3, 2, 1, 0):
        key = hashlib.pbkdf2_hmac("sha256", bytes([number]), right, 5_000, 16)
        left, right = right, bytes(a ^ b for a, b in zip(left, key, strict=True))
    return (right + left).hex()


def test_a_wallet_takes_the_mnemonics_of_the_document() -> None:
    known = in_document("slip39")
    words = [value for name, value in known.items() if name.startswith("mnemonic ")]
    assert of_mnemonics(words).hex() == known["secret"]


def test_the_tables_of_the_document_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text().partition("### The sealed share")[2].partition("### Test vectors")[0]
    for name, profile in PROFILES.items():
        assert f"| {profile.code} | {name} | {profile.memory // 1024} MiB | {profile.passes} | {profile.lanes} |" in text
    header = Header.unpack(bytes.fromhex(in_document("gf256")["sealed, light"]))
    fields = re.findall(r"^\| ([0-9]+) \| ([0-9]+) \| ([a-z ]+) \|", text, flags=re.MULTILINE)
    ends = [int(at) + int(size) for at, size, _ in fields]
    assert [int(at) for at, _, _ in fields] == [0, *ends[:-1]]
    assert ends[-1] == envelope.SEALED
    assert [name for _, _, name in fields][-3:] == ["salt", "ciphertext", "tag"]
    assert sum(int(size) for _, size, _ in fields[:-3]) == len(header.pack())
    assert indices(header.position) == (2, 3)


if __name__ == "__main__":
    print(block(vectors(sys.argv[1])), end="")  # type: ignore[arg-type]
