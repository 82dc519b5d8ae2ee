"""`scripts/recover.py` recovers without us: run alone, in an empty environment, against shares that the tool made,
against published Vault and SLIP-39 shares, and against everything that it must refuse.

Most plays have no environment, no site packages (`-S`) and no terminal: what is typed comes from a pipe, which
`getpass` reads as well where there is no terminal."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1, Bip39SeedGenerator
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from mnemonic import Mnemonic

from ceremony.base.data import dump
from ceremony.machine import pdf
from ceremony.record.keyrecord import KeyRecord
from ceremony.screen import card as paper
from ceremony.vault.accounts import seed_of
from shares import card, commitment, envelope
from shares.envelope import Header
from shares.plan import Plan, SitePlan, Terms
from shares.schemes import Split
from shares.schemes.gf256 import GF256
from shares.schemes.slip39 import Slip39, mnemonic
from tests import wallet
from tests.shares.test_formats_sealed_share import in_document

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "recover.py"
WORDS = ROOT / "docs" / "words"
VECTORS = ROOT / "tests" / "vectors"
VAULT = json.loads((VECTORS / "vault_shamir.json").read_text())["cases"]
SLIP39 = json.loads((VECTORS / "slip39.json").read_text())["cases"]

SECRET = hashlib.sha256(b"a secret of a test").digest()
PLAN = Plan(site_threshold=3, sites=tuple(SitePlan(letter=letter, threshold=2, members=3) for letter in "ABCD"))
TERMS = Terms(mark="practice", scheme="gf256", plan=PLAN)
TERMS39 = Terms(mark="practice", scheme="slip39", plan=PLAN)
QUORUM = ("A1", "A3", "B2", "B3", "D1", "D2")


def recover(arguments: Iterable[object], typed: Iterable[str], *, site: bool = False) -> subprocess.CompletedProcess[str]:
    """The script, alone: `env -i`, isolated, without site packages unless `site`, and without a terminal."""
    command = ["env", "-i", sys.executable, "-I", *([] if site else ["-S"]), str(SCRIPT), *map(str, arguments)]
    text = "".join(f"{line}\n" for line in typed)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, start_new_session=True, timeout=60)


def shown(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What a recovery that went well shows: name -> value."""
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(re.findall(r"^(?:.*\): )?(secret|24 words|seed|root key|on test networks): (.*)$", done.stdout, flags=re.MULTILINE))


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """All that is said by a recovery that was refused: no traceback, and no secret."""
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "root key" not in said
    assert "24 words" not in said
    return said


def keystream(number: int) -> bytes:
    keystream.at += 1  # type: ignore[attr-defined]
    return hashlib.shake_256(f"draw {keystream.at}".encode()).digest(number)  # type: ignore[attr-defined]


keystream.at = 0  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def split() -> Split:
    """The shares that the tool makes of SECRET."""
    return GF256().split(SECRET, PLAN, keystream)


def recorded(folder: Path, split: Split, terms: Terms) -> Path:
    """The tool's key record over these shares, as it lies in a register."""
    made = KeyRecord(
        mark=terms.mark,
        genesis="11" * 32,
        charter="11" * 32,
        ceremony=1,
        issued="2026-01-02T00:00:00Z",
        scheme=terms.scheme,
        origin="a test",
        plan=terms.plan,
        custodian_commitments={p: commitment.custodian(terms, p, share) for p, share in split.custodian_shares.items()},
        site_commitments={s: commitment.site(terms, s, share) for s, share in split.site_shares.items()},
        accounts=(),
    )
    path = folder / "key-record.json"
    path.write_bytes(dump(made))
    return path


@pytest.fixture(scope="module")
def record(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("register"), split, TERMS)


@pytest.fixture(scope="module")
def sealed(split: Split, record: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Each position's sealed share, on its medium. The passphrase of A1 is `passphrase of A1`."""
    return locked(tmp_path_factory.mktemp("media"), split, record, TERMS)


def locked(folder: Path, split: Split, record: Path, terms: Terms) -> Mapping[str, Path]:
    identifier = hashlib.sha256(record.read_bytes()).hexdigest()[:20]
    for position, share in split.custodian_shares.items():
        header = Header.of(terms, identifier, position, "light", 3)
        raw = envelope.seal(header, share, passphrase(position).encode(), keystream(16))
        (folder / f"share-{position}-0003.sealed").write_bytes(raw)
    return {position: folder / f"share-{position}-0003.sealed" for position in split.custodian_shares}


def passphrase(position: str) -> str:
    return f"passphrase of {position}"


def typed(split: Split, positions: Iterable[str]) -> list[str]:
    """Open shares as a person types them."""
    every = {**split.custodian_shares, **split.site_shares}
    return [f"{position} {every[position].hex(' ', 4)}" for position in positions]


# ---- the script itself


def test_it_is_one_short_file_of_the_standard_library() -> None:
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 300
    assert max(map(len, text.splitlines())) <= 120
    assert text.isascii()
    imported = {(len(indent), name) for indent, name in re.findall(r"^( *)(?:import|from) ([a-z]+)", text, flags=re.MULTILINE)}
    assert {each for each in imported if each[1] not in sys.stdlib_module_names} == {(8, "cryptography")}  # in its function


def test_the_lists_of_words_are_the_published_ones() -> None:
    assert (WORDS / "bip39.txt").read_text().split() == Mnemonic("english").wordlist
    words = (WORDS / "slip39.txt").read_text().split()
    assert len(words) == len({word[:4] for word in words}) == 1024
    assert words == sorted(words)


def test_the_procedure_quotes_what_the_script_says() -> None:
    page = (ROOT / "docs" / "recovery.md").read_text()
    table = page.partition("| it says | it means |")[2].partition("\n## ")[0]
    quoted = [part.strip() for row in re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE) for part in re.findall(r"`([^`]*)`", row)]
    assert len(quoted) >= 11
    for text in quoted:
        parts = [re.escape(part.strip()) for part in re.sub(r"\bB2\b|\b0\b", "...", text).split("...")]
        assert re.search(".*".join(parts), SCRIPT.read_text()), text
    assert "Share (Enter when all are in):" in page


def test_the_listing_for_a_paper_card_gives_the_sealed_share(sealed: Mapping[str, Path], tmp_path: Path) -> None:
    """The commands of the page as they stand, in an empty environment: what a stranger types of a card's lines is the share, and fits."""
    page = (ROOT / "docs" / "recovery.md").read_text()
    listing = re.findall(r"```sh\n(cat >typed.*?)```", page, flags=re.DOTALL)
    group = f"[{card.LETTERS}]{{4}}"
    printed = " ".join(pdf.text(paper.pdf(sealed["A1"].read_bytes())).split())
    lines = dict(re.findall(rf"\b([1-9]) ((?:{group} ){{4}}){group}\b", printed))
    assert [*lines] == [*"123456789"]
    typed = "".join(f"{line.strip().lower()}\n" for line in lines.values())
    command = ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-eu", "-c", *listing]
    done = subprocess.run(command, cwd=tmp_path, input=typed, capture_output=True, text=True, check=True, timeout=60)
    first, second = done.stdout.split("\n", 1)
    assert first == "".join(second.split())
    assert (tmp_path / "share-A1-0003.sealed").read_bytes() == sealed["A1"].read_bytes()


# ---- gf256: what the tool made


def test_sealed_shares_and_key_record_give_the_words_and_the_root_key(split: Split, record: Path, sealed: Mapping[str, Path]) -> None:
    """The whole procedure; and libraries that are not ours derive the same root key from the words."""
    arguments = ["gf256", WORDS / "bip39.txt", "--record", record, *(sealed[p] for p in QUORUM)]
    done = recover(arguments, [*map(passphrase, QUORUM), ""])
    found = shown(done)
    assert found["secret"] == SECRET.hex()
    assert found["24 words"] == Mnemonic("english").to_mnemonic(SECRET)
    assert bytes.fromhex(found["seed"]) == Bip39SeedGenerator(found["24 words"]).Generate("") == seed_of("gf256", SECRET)
    master = Bip32Slip10Secp256k1.FromSeed(bytes.fromhex(found["seed"]))
    assert found["root key"] == master.PrivateKey().ToExtended()
    test_networks = Bip32KeyNetVersions(bytes.fromhex("043587cf"), bytes.fromhex("04358394"))
    test_master = Bip32Slip10Secp256k1.FromSeed(bytes.fromhex(found["seed"]), test_networks)
    assert found["on test networks"] == test_master.PrivateKey().ToExtended()
    assert "NOT COMPARED" not in done.stdout
    assert not any(passphrase(position) in done.stdout + done.stderr for position in QUORUM)


def test_the_package_and_the_library_open_the_same(record: Path, sealed: Mapping[str, Path]) -> None:
    """With site packages Argon2id comes from `cryptography`, without them from the system's libargon2."""
    arguments = ["gf256", WORDS / "bip39.txt", *(sealed[p] for p in QUORUM)]
    with_package = recover(arguments, [*map(passphrase, QUORUM), ""], site=True)
    assert shown(with_package) == shown(recover(arguments, [*map(passphrase, QUORUM), ""]))
    assert "NOT COMPARED" in with_package.stdout  # for there was no key record


def test_open_shares_are_typed(split: Split, record: Path) -> None:
    for positions in (QUORUM, ("C1", "C2", "A", "D"), ("A", "B", "C"), (*QUORUM, "A2", "C1", "C3", "B")):
        done = recover(["gf256", WORDS / "bip39.txt", "--record", record], [*typed(split, positions), ""])
        assert shown(done)["secret"] == SECRET.hex()
    done = recover(["gf256", WORDS / "bip39.txt", "--need", 3, 2], [*typed(split, QUORUM), ""])
    assert shown(done)["secret"] == SECRET.hex()
    assert "NOT COMPARED" in done.stdout


def test_open_and_sealed_shares_together(split: Split, record: Path, sealed: Mapping[str, Path]) -> None:
    arguments = ["gf256", WORDS / "bip39.txt", "--record", record, sealed["A1"], sealed["A2"]]
    done = recover(arguments, [passphrase("A1"), passphrase("A2"), *typed(split, ("B1", "B2", "C")), ""])
    assert shown(done)["secret"] == SECRET.hex()


def test_thresholds_may_differ_from_site_to_site(tmp_path: Path) -> None:
    plan = Plan(
        site_threshold=2, sites=tuple(SitePlan(letter=s, threshold=t, members=n) for s, t, n in (("A", 3, 5), ("B", 2, 2), ("C", 9, 9)))
    )
    made = GF256().split(SECRET, plan, keystream)
    positions = ("A5", "A1", "A2", *(f"C{n}" for n in range(1, 10)))
    path = recorded(tmp_path, made, replace(TERMS, plan=plan, mark="production"))
    done = recover(["gf256", WORDS / "bip39.txt", "--record", path], [*typed(made, positions), ""])
    assert shown(done)["secret"] == SECRET.hex()
    done = recover(["gf256", WORDS / "bip39.txt", "--record", path], [*typed(made, ("A5", "A1", *positions[3:])), ""])
    assert "site A: 2 custodian shares, 3 needed" in refused(done)


def test_the_sealed_share_of_the_document_opens(tmp_path: Path) -> None:
    """At production strength too: the vectors of docs/formats.md, of which a stranger has nothing else."""
    known = in_document("gf256")
    share = tmp_path / "B3"
    for profile in ("light", "standard"):
        share.write_bytes(bytes.fromhex(known[f"sealed, {profile}"]))
        lines = [known["passphrase"], f"B2 {known['custodian share B2']}", f"A {known['site share A']}", f"C {known['site share C']}", ""]
        done = recover(["gf256", WORDS / "bip39.txt", share], lines)
        assert shown(done)["secret"] == known["secret"]


def test_a_passphrase_is_asked_again_and_the_share_set_aside_after_three(record: Path, sealed: Mapping[str, Path]) -> None:
    arguments = ["gf256", WORDS / "bip39.txt", "--record", record, *(sealed[p] for p in ("A2", *QUORUM))]
    wrong = ["no", "Passphrase of A2", passphrase("A1")]
    done = recover(arguments, [*wrong, "mistyped", *map(passphrase, QUORUM), ""])
    assert shown(done)["secret"] == SECRET.hex()
    assert done.stdout.count("A2: did not open") == 3
    assert done.stdout.count("A1: did not open") == 1
    assert "refused: A2: set aside" in done.stdout


@pytest.mark.control("STO-11")
def test_spaces_of_a_passphrase_do_not_matter_and_letters_do(record: Path, sealed: Mapping[str, Path]) -> None:
    """As the tool has it: the shares were locked under `passphrase of A1`, and so on."""
    arguments = ["gf256", WORDS / "bip39.txt", "--record", record, *(sealed[position] for position in QUORUM)]
    spelled = ["  {0} {1}  {2}", "{0}\t{1} {2}", "{0}   {1} {2} ", " {0} {1} \t {2}\t", "{0} {1} {2}", "{0}  {1}\t\t{2}"]
    lines = [form.format(*passphrase(position).split()) for position, form in zip(QUORUM, spelled, strict=True)]
    done = recover(arguments, [passphrase("A1").upper(), *lines, ""])
    assert shown(done)["secret"] == SECRET.hex()
    assert done.stdout.count("did not open") == 1


def test_a_passphrase_does_not_show_on_a_terminal(sealed: Mapping[str, Path]) -> None:
    """The one play on a terminal: what is typed at the prompt for a passphrase is not echoed; Ctrl-D ends without a traceback."""
    arguments = ["-I", str(SCRIPT), "gf256", str(WORDS / "bip39.txt"), str(sealed["A1"])]
    with pexpect.spawn(sys.executable, arguments, env={}, timeout=30) as terminal:
        terminal.expect_exact("A1: passphrase: ")
        terminal.sendline(passphrase("A1"))
        terminal.expect_exact("all are in): ")
        seen = terminal.before
        terminal.sendeof()
        terminal.expect(pexpect.EOF)
        seen += terminal.before
    assert b"passphrase of" not in seen
    assert b"refused: stopped" in seen
    assert b"Traceback" not in seen
    assert terminal.exitstatus == 1


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    """Standard strength takes 256 MiB: with less the library says so, and no share is lost."""
    (tmp_path / "B3").write_bytes(bytes.fromhex(in_document("gf256")["sealed, standard"]))
    arguments = ["gf256", str(WORDS / "bip39.txt"), str(tmp_path / "B3")]
    command = ["prlimit", f"--as={200 << 20}", "env", "-i", sys.executable, "-I", "-S", str(SCRIPT), *arguments]
    done = subprocess.run(command, input="x\n\n", capture_output=True, text=True, check=False, start_new_session=True, timeout=60)
    assert "are 256 MiB of memory free?" in refused(done)


def test_without_argon2id_it_says_how_to_compute_it(record: Path, sealed: Mapping[str, Path]) -> None:
    """The listing: its numbers are the share's; what they give elsewhere is typed, and opens the share."""
    begin = ["r", "gf256", str(WORDS / "bip39.txt"), "--record", str(record), str(sealed["A1"])]
    code = "import ctypes, runpy, sys; ctypes.CDLL = open\n"  # there is no file of that name: an OSError, as without the library
    code += f"sys.argv = {begin!r}\nrunpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    raw = sealed["A1"].read_bytes()
    profile = envelope.PROFILES["light"]
    derived = Argon2id(salt=raw[22:38], length=44, iterations=profile.passes, lanes=profile.lanes, memory_cost=profile.memory)
    lines = [passphrase("A1"), derived.derive(passphrase("A1").encode()).hex(), ""]
    command = ["env", "-i", sys.executable, "-I", "-S", "-c", code]
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, start_new_session=True, timeout=60)
    said = refused(done)
    assert f"hexsalt:{raw[22:38].hex()}" in said
    assert "-keylen 44" in said
    assert f"iter:{profile.passes} -kdfopt lanes:{profile.lanes} -kdfopt memcost:{profile.memory} ARGON2ID" in said
    assert "site A: 1 custodian shares, 2 needed" in said  # the share opened


# ---- gf256: what is refused, by position


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["A0 " + "00" * 32], "A0: x = 0 would dictate the secret"),
        (["0 " + "00" * 32], "0: x = 0 would dictate the secret"),
        (["J1 " + "00" * 32], "J1: expected a position"),
        (["A10 " + "00" * 32], "A10: x = 0"),
        (["A1 " + "00" * 31], "A1: expected 64 digits"),
        (["A1 " + "0O" * 32], "A1: expected 64 digits"),
        (["A4 " + "00" * 32], "A4: the key record has no such position"),
        (["A1 " + "00" * 32], "A1: not the share that the key record commits to"),
    ],
)
def test_a_wrong_line_is_refused_by_its_position_and_the_rest_goes_on(record: Path, split: Split, lines: list[str], said: str) -> None:
    done = recover(["gf256", WORDS / "bip39.txt", "--record", record], [*lines, *typed(split, QUORUM), ""])
    assert shown(done)["secret"] == SECRET.hex()
    assert f"refused: {said}" in done.stdout


def test_too_few_give_nothing(record: Path, split: Split) -> None:
    for number in range(len(QUORUM)):
        for arguments in (["--record", record], ["--need", 3, 2]):
            said = refused(recover(["gf256", WORDS / "bip39.txt", *arguments], [*typed(split, QUORUM[:number]), ""]))
            assert ("sites (A is 1): " in said and "3 needed" in said) if number > 1 else ("No share is in" in said) or "needed" in said
    said = refused(recover(["gf256", WORDS / "bip39.txt"], [*typed(split, QUORUM), ""]))
    assert "A1: thresholds unknown" in said
    for need in ((0, 0), (1, 1), (3, 1), (1, 2)):
        said = refused(recover(["gf256", WORDS / "bip39.txt", "--need", *need], [*typed(split, QUORUM), ""]))
        assert "A1: thresholds unknown, or below 2" in said


def test_a_site_share_is_compared_with_its_commitment(split: Split, tmp_path: Path) -> None:
    """Custodians' shares that match, of a key record whose commitments to site shares are of another split."""
    other = GF256().split(SECRET, PLAN, keystream)
    path = recorded(tmp_path, replace(split, site_shares=other.site_shares), TERMS)
    said = refused(recover(["gf256", WORDS / "bip39.txt", "--record", path], [*typed(split, QUORUM), ""]))
    assert "refused: A: not the share that the key record commits to" in said


def test_a_repeated_share_is_refused_however_it_comes(record: Path, split: Split, sealed: Mapping[str, Path]) -> None:
    a1 = split.custodian_shares["A1"].hex()
    done = recover(["gf256", WORDS / "bip39.txt", "--need", 3, 2], [f"A1 {a1}", f"a1 {a1.upper()}", f"B2 {a1}", ""])
    said = refused(done)
    assert "A1: repeated" in said
    assert "B2: repeats A1" in said
    said = refused(recover(["gf256", WORDS / "bip39.txt", sealed["A1"], sealed["A1"]], [passphrase("A1"), ""]))
    assert "A1: repeated" in said


def test_spares_that_disagree_are_seen_without_a_key_record(split: Split) -> None:
    wrong = bytes([split.custodian_shares["A2"][0] ^ 1]) + split.custodian_shares["A2"][1:]
    lines = [*typed(split, (*QUORUM, "B1", "C")), f"A2 {wrong.hex()}", ""]
    assert "site A, custodians: 3 disagrees" in refused(recover(["gf256", WORDS / "bip39.txt", "--need", 3, 2], lines))
    lines = [*typed(split, QUORUM), f"C {split.custodian_shares['C1'].hex()}", ""]
    assert "sites (A is 1): 4 disagrees" in refused(recover(["gf256", WORDS / "bip39.txt", "--need", 3, 2], lines))
    lines = [*typed(split, QUORUM), f"A {split.custodian_shares['C1'].hex()}", ""]
    assert "site A: its share and its custodians' disagree" in refused(recover(["gf256", WORDS / "bip39.txt", "--need", 3, 2], lines))


def test_every_damaged_byte_of_a_sealed_share_is_refused(sealed: Mapping[str, Path], tmp_path: Path) -> None:
    """Each by its header, or since it does not open; and one that was cut off, or goes on."""
    raw, files = sealed["B2"].read_bytes(), []
    for at in range(len(raw)):
        if at != 3:  # the profile: another one, or none
            files.append(tmp_path / f"byte-{at}")
            files[-1].write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    for name, bad in (("cut", raw[:-1]), ("long", raw + b"\n"), ("empty", b""), ("profile", raw[:3] + b"\4" + raw[4:])):
        files.append(tmp_path / name)
        files[-1].write_bytes(bad)
    asked = [passphrase("B2")] * 3 * len(files)
    said = refused(recover(["gf256", WORDS / "bip39.txt", *files], [*asked, ""], site=True))
    assert said.count("refused: ") >= len(files)
    assert "is in already" not in said


def test_shares_of_two_sets_are_never_mixed(record: Path, split: Split, sealed: Mapping[str, Path], tmp_path: Path) -> None:
    """Another set, another kind, other thresholds, x = 0: refused by its header, before a passphrase is asked."""
    header, files = Header.of(TERMS, "ab" * 10, "B2", "light", 1), {}
    files["set"] = header.pack()
    own = sealed["B2"].read_bytes()[:22]
    files["kind"] = own[:1] + b"M" + own[2:]
    files["threshold"] = own[:16] + b"\3" + own[17:]
    files["one"] = own[:14] + b"\1" + own[15:]
    files["member"] = own[:19] + b"\0" + own[20:]
    files["site"] = own[:18] + b"\0" + own[19:]
    files["scheme"] = own[:2] + b"\2" + own[3:]
    for name, head in files.items():
        (tmp_path / name).write_bytes(head + bytes(64))
    paths = {name: tmp_path / name for name in files}
    said = refused(recover(["gf256", WORDS / "bip39.txt", "--record", record, *paths.values()], [""]))
    assert said.count("B2: its kind or thresholds contradict") == 2
    assert said.count("passphrase") == 0
    del paths["threshold"]  # without the key record nothing but B's own header, under B2's passphrase, says B's threshold
    other = recover(["gf256", WORDS / "bip39.txt", sealed["A1"], *paths.values()], [passphrase("A1"), ""])
    assert refused(other).count("B2: its kind or thresholds contradict") == 1
    assert "B2: passphrase" not in refused(other)
    for each in (said, refused(other)):
        assert "B2: thresholds unknown, or below 2" in each
        assert f"B2: of set {'ab' * 10}, not " in each
        assert "B0: x = 0 would dictate the secret" in each
        assert "02: x = 0 would dictate the secret" in each
        assert f"{tmp_path / 'scheme'}: expected 86 bytes" in each


def test_a_list_of_words_that_is_not_the_list(split: Split, tmp_path: Path) -> None:
    (tmp_path / "words").write_text((WORDS / "bip39.txt").read_text().replace("zoo", "zoom"))
    for words in (tmp_path / "words", WORDS / "slip39.txt", tmp_path / "none"):
        assert "refused: " in refused(recover(["gf256", words, "--need", 3, 2], [*typed(split, QUORUM), ""]))


# ---- slip39: what the tool made


@pytest.fixture(scope="module")
def split39() -> Split:
    """The shares that the tool makes of SECRET by SLIP-39."""
    return Slip39().split(SECRET, PLAN, keystream)


@pytest.fixture(scope="module")
def record39(split39: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("register39"), split39, TERMS39)


@pytest.fixture(scope="module")
def sealed39(split39: Split, record39: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return locked(tmp_path_factory.mktemp("media39"), split39, record39, TERMS39)


def words_of(split: Split, record: Path, positions: Iterable[str]) -> list[str]:
    """Each share as the mnemonic that it is."""
    identifier = hashlib.sha256(record.read_bytes()).hexdigest()[:20]
    return [mnemonic(PLAN, identifier, position, split.custodian_shares[position]) for position in positions]


def test_sealed_slip39_shares_give_mnemonics_and_the_root_key(split39: Split, record39: Path, sealed39: Mapping[str, Path]) -> None:
    """The seed is the secret itself; a wallet that is not ours takes the mnemonics and finds the same. No SLIP-39 passphrase is asked."""
    for known in (["--record", record39], []):
        arguments = ["slip39", WORDS / "slip39.txt", *known, *(sealed39[p] for p in QUORUM)]
        done = recover(arguments, [*map(passphrase, QUORUM), ""])
        found = shown(done)
        assert bytes.fromhex(found["seed"]) == seed_of("slip39", SECRET) == SECRET
        assert found["root key"] == Bip32Slip10Secp256k1.FromSeed(SECRET).PrivateKey().ToExtended()
        assert "24 words" not in done.stdout + done.stderr
        assert "SLIP-39 passphrase" not in done.stdout + done.stderr
        words = re.findall(r"^(?:.*: )?([A-D][1-3]): ((?:[a-z]+ ){32}[a-z]+)$", done.stdout, flags=re.MULTILINE)
        assert [position for position, _ in words] == list(QUORUM)
        assert [each for _, each in words] == words_of(split39, record39, QUORUM)
        assert wallet.of_mnemonics(each for _, each in words) == SECRET


def test_mnemonics_are_typed_and_compared_with_the_key_record(split39: Split, record39: Path, sealed39: Mapping[str, Path]) -> None:
    spares = (*QUORUM, "A2", "C1", "C2")
    arguments = ["slip39", WORDS / "slip39.txt", "--record", record39]
    done = recover(arguments, [*words_of(split39, record39, spares), ""])
    assert shown(done)["seed"] == SECRET.hex()
    sealed = [sealed39[p] for p in ("A1", "D2")]
    done = recover([*arguments, *sealed], [passphrase("A1"), passphrase("D2"), *words_of(split39, record39, spares[1:5]), ""])
    assert shown(done)["seed"] == SECRET.hex()
    done = recover(["slip39", WORDS / "slip39.txt"], [*words_of(split39, record39, QUORUM), "", ""])  # alone: as any SLIP-39 set
    assert shown(done)["seed"] == SECRET.hex()


def test_a_forged_mnemonic_is_refused_by_its_commitment(split39: Split, record39: Path) -> None:
    """Its checksum is in order, and its words are of this set; without a key record the digest says that one of two is wrong."""
    forged = replace(split39, custodian_shares={**split39.custodian_shares, "A1": bytes(range(32))})
    words = words_of(forged, record39, QUORUM)
    done = recover(["slip39", WORDS / "slip39.txt", "--record", record39], [*words, *words_of(split39, record39, ["A2"]), ""])
    assert shown(done)["seed"] == SECRET.hex()
    assert "refused: A1: not the share that the key record commits to" in done.stdout
    said = refused(recover(["slip39", WORDS / "slip39.txt"], [*words, "", ""]))
    assert "site A, custodians: the digest does not fit" in said


def test_schemes_are_not_mixed(record: Path, record39: Path, sealed: Mapping[str, Path], sealed39: Mapping[str, Path]) -> None:
    """Neither a sealed share of the other scheme nor the other scheme's key record."""
    said = refused(recover(["slip39", WORDS / "slip39.txt", sealed["A1"]], [""]))
    assert "expected 86 bytes, version 1, scheme 2" in said
    said = refused(recover(["gf256", WORDS / "bip39.txt", sealed39["A1"]], [""]))
    assert "expected 86 bytes, version 1, scheme 1" in said
    said = refused(recover(["slip39", WORDS / "slip39.txt", "--record", record, sealed39["A1"]], [""]))
    assert "A1: of set " in said
    assert "passphrase" not in said


def test_mnemonics_that_do_not_belong_together_end_it(split39: Split, record39: Path) -> None:
    """Another set, or other thresholds: nobody can tell which one is wrong."""
    plan = Plan(site_threshold=2, sites=PLAN.sites)
    identifier = hashlib.sha256(record39.read_bytes()).hexdigest()[:20]
    first = words_of(split39, record39, ["A1"])
    said = refused(recover(["slip39", WORDS / "slip39.txt"], [*first, mnemonic(plan, identifier, "A2", bytes(range(32)))]))
    assert "refused: A2: its kind or thresholds contradict" in said
    said = refused(recover(["slip39", WORDS / "slip39.txt"], [*first, mnemonic(PLAN, "00" * 10, "A2", bytes(range(32)))]))
    assert "refused: A2: of another set" in said


def test_the_mnemonics_and_the_sealed_share_of_the_document(tmp_path: Path) -> None:
    known = in_document("slip39")
    share = tmp_path / "B3"
    share.write_bytes(bytes.fromhex(known["sealed, light"]))
    typed = [known[f"mnemonic {p}"] for p in ("A1", "A3", "B2", "D1", "D2")]
    done = recover(["slip39", WORDS / "slip39.txt", share], [known["passphrase"], *typed, ""])
    assert shown(done)["seed"] == known["secret"]
    assert f"B3: {known['mnemonic B3']}\n" in done.stdout


# ---- the arithmetic, against what others published


def test_published_vault_shares() -> None:
    """Vault's example: any three of five shares give its secret; fewer, unequal lengths and a wrong one are refused; its field is ours."""
    probe = f"""
import json, runpy, sys
from itertools import combinations
m = runpy.run_path({str(SCRIPT)!r})
for case in json.load(sys.stdin):
    if case["kind"] == "combine":
        points = {{int(s[-2:], 16): bytes.fromhex(s[:-2]) for s in case["shares"]}}
        for size in (3, 4, 5):
            for some in combinations(points, size):
                assert m["combine"]("v", {{x: points[x] for x in some}}, 3).hex() == case["secret"]
        print("combined")
        two = dict(list(points.items())[:2])
        for bad in (two, points | {{1: bytes(31)}}, points | {{1: bytes(32)}}):
            try:
                m["combine"]("v", bad, 3)
            except ValueError:
                print("refused")
    elif case.get("operation") == "mult":
        assert m["mul"](case["a"], case["b"]) == case["expected"]
        print("mult")
"""
    command = ["env", "-i", sys.executable, "-I", "-S", "-c", probe]
    done = subprocess.run(command, input=json.dumps(VAULT), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["combined", *["refused"] * 3, *["mult"] * 3]


def test_the_decryption_is_that_of_the_standard() -> None:
    """ChaCha20-Poly1305 against `cryptography`, over boxes of the one size that there is."""
    boxes = []
    for _ in range(20):
        key, nonce, plain, head = keystream(32), keystream(12), keystream(32), keystream(38)
        boxes.append([each.hex() for each in (key, nonce, ChaCha20Poly1305(key).encrypt(nonce, plain, head), head, plain)])
    probe = f"import json, runpy, sys; m = runpy.run_path({str(SCRIPT)!r})\n"
    probe += "for k, n, b, h, p in ([bytes.fromhex(x) for x in box] for box in json.load(sys.stdin)):\n"
    probe += "    assert m['decrypt'](k, n, b, h) == p and m['decrypt'](k, n, b, h[:-1] + bytes([h[-1] ^ 1])) is None\n"
    probe += "    assert m['decrypt'](k, n, b[:-1] + bytes([b[-1] ^ 1]), h) is None\n    print('opened')"
    command = ["env", "-i", sys.executable, "-I", "-S", "-c", probe]
    done = subprocess.run(command, input=json.dumps(boxes), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["opened"] * 20


# ---- SLIP-39


@pytest.mark.parametrize("case", SLIP39, ids=lambda case: case["description"].split(".")[0])
def test_every_slip39_vector(case: Mapping[str, object]) -> None:
    """15 give their master secret and root key, 30 are refused."""
    mnemonics = case["mnemonics"]
    assert isinstance(mnemonics, list)
    done = recover(["slip39", WORDS / "slip39.txt"], [*mnemonics, "", "TREZOR"])
    if case["valid"]:
        assert (shown(done)["seed"], shown(done)["root key"]) == (case["master_secret"], case["xprv"])
        assert "refused" not in done.stdout
    else:
        refused(done)


def test_there_are_45_slip39_vectors() -> None:
    assert [case["valid"] for case in SLIP39].count(True) == 15
    assert len(SLIP39) == 45


@pytest.mark.parametrize("case", [each for each in SLIP39 if each["valid"]], ids=lambda case: case["description"].split(".")[0])
def test_four_letters_of_a_word_are_enough(case: Mapping[str, object]) -> None:
    """Four, all, or something between; three are none, and neither are four right ones with a wrong fifth."""
    mnemonics = case["mnemonics"]
    assert isinstance(mnemonics, list)
    short = [" ".join(word[: 4 + number % 3] for number, word in enumerate(m.split())) for m in mnemonics]
    words = mnemonics[0].split()
    at = next(number for number, word in enumerate(words) if len(word) > 4)
    wrong = [" ".join([*words[:at], other, *words[at + 1 :]]) for other in (words[at][:3], words[at][:4] + "?")]
    done = recover(["slip39", WORDS / "slip39.txt"], [*wrong, *short, "", "TREZOR"])
    assert shown(done)["seed"] == case["master_secret"]
    assert re.findall(r"refused: (.*)", done.stdout) == [f"{other!r} is not in list" for other in (words[at][:3], words[at][:4] + "?")]


def test_the_first_four_letters_tell_the_words_apart() -> None:
    known = (WORDS / "slip39.txt").read_text().split()
    assert (len(known), len({word[:4] for word in known}), min(map(len, known))) == (1024, 1024, 4)


def test_slip39_shares_are_refused_by_group_and_member() -> None:
    [case] = [each for each in SLIP39 if each["description"].startswith("4.")]  # 2 of 3
    first, second = case["mnemonics"]
    [other] = [each["mnemonics"][0] for each in SLIP39 if each["description"].startswith("20.")]
    words = first.split()
    swapped = " ".join([*words[:9], words[10], words[9], *words[11:]])
    lines = [first, first, swapped, " ".join(words[:-1]), first.replace(words[3], "bitcoin"), second.upper(), "", "TREZOR"]
    done = recover(["slip39", WORDS / "slip39.txt"], lines)
    assert shown(done)["seed"] == case["master_secret"]
    refusals = re.findall(r"refused: (.*)", done.stdout)
    assert len(refusals) == 4
    assert re.match(r"A\d: repeated", refusals[0])
    assert "checksum" in refusals[1]
    assert refusals[2].startswith("19 words")
    assert "'bitcoin' is not in list" in refusals[3]
    done = recover(["slip39", WORDS / "slip39.txt"], [first, other])  # which of the two is wrong nobody can tell: it ends
    assert re.search(r"refused: A\d: of another set", refused(done))
    assert "site A: 1 custodian shares, 2 needed" in refused(recover(["slip39", WORDS / "slip39.txt"], [first, "", ""]))
