"""The canary: known passphrases, PIN, shares and keys, searched for everywhere while a ceremony runs and afterwards; found nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from mnemonic import Mnemonic

from ceremony import demonstration
from ceremony.cast import Pace
from ceremony.demonstration import Stage
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from shares.envelope import unseal
from shares.schemes import scheme_of
from tests.ceremony import rehearsal
from tests.ceremony.ordering import share_order
from tests.ceremony.test_interruptions import ancestors
from transfer.bitcoin import bip32

OWN = {
    "A1": "canary one sings 0001 in the mine",
    "A2": "canary two sings 0002 in the mine",
    "B1": "canary three sings 3 in the mine",
    "B2": "canary four sings 44 in the mine",
    "C1": "canary five sings 55 in the mine",
    "C2": "canary six sings 666 in the mine",
}


@dataclass(slots=True)
class Watch(Pace):
    """At each prompt, before it is answered: looks into the processes of the ceremony. Into the screen's memory after each secret that
    was typed, and now and then."""

    canaries: dict[str, bytes] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    looks: int = 0
    searched: int = 0
    """Times that the screen's memory was searched."""
    opener_knew: set[str] = field(default_factory=set)
    shown: str = ""
    """Since the last prompt, which is in it."""
    secret: bool = False
    """Whether what was typed at the last prompt did not show."""

    def __post_init__(self) -> None:
        self.sees = self

    def write(self, text: str) -> None:
        self.shown += text

    def flush(self) -> None:
        """Nothing is kept back."""

    def before_answer(self) -> None:
        self.looks += 1
        look = self.secret or self.looks % 4 == 0
        self.secret, self.shown = "does not show" in self.shown or "the same once more" in self.shown, ""
        for pid, words in processes():
            where = b" ".join(words).decode(errors="replace")[-60:]
            self._search(f"argv of {where}", b"\0".join(words))
            self._search(f"environment of {where}", read(Path(f"/proc/{pid}/environ")))
            if b"ceremony.vault" not in words and look:
                self.searched += 1
                self._search(f"memory of the screen ({where})", memory(pid))
            if b"opener" in words and self.looks % 5 == 0:
                self.opener_knew |= {name for name, canary in self.canaries.items() if canary in memory(pid)}

    def _search(self, where: str, raw: bytes) -> None:
        self.found += [f"{name} in {where}" for name, canary in self.canaries.items() if canary in raw]


def processes() -> list[tuple[int, list[bytes]]]:
    """Processes that descend from this test."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = read(path).split(b"\0")
        pid = int(path.parent.name)
        if b"ceremony" in b" ".join(words) and os.getpid() in ancestors(pid):
            found.append((pid, words))
    return found


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def memory(pid: int) -> bytes:
    found = bytearray()
    try:
        with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
            for line in maps:
                place, rights = line.split()[:2]
                start, end = (int(part, 16) for part in place.split("-"))
                if rights.startswith("rw"):
                    try:
                        mem.seek(start)
                        found += mem.read(end - start)
                    except OSError:
                        continue
    except OSError:
        pass
    return bytes(found)


def everything_secret(set_: Stage, own: Mapping[str, str] = OWN) -> dict[str, bytes]:
    """What the ceremony must never show: computed here from the sealed shares, with the passphrases that the test chose."""
    book = Register.open(set_.folder / "register")
    record: KeyRecord = book.key_record
    found = typed(set_, own)
    shares = {}
    for position, text in own.items():
        (path,) = (set_.folder / "custodians" / position).glob("*.sealed")
        shares[position] = unseal(path.read_bytes(), text.encode())
        found[f"share of {position}"] = shares[position]
    scheme = scheme_of(record.scheme)
    sites = {x: scheme.combine_site(record.plan, x, {1: shares[f"{x}1"], 2: shares[f"{x}2"]}) for x in "AB"}
    found |= {f"share of site {x}": share for x, share in sites.items()}
    found["secret"] = secret = scheme.combine_sites(record.plan, sites)
    found["seed"] = seed = Mnemonic.to_seed(Mnemonic("english").to_mnemonic(secret), "")
    account = bip32.master(seed, "test").derive(bip32.parse_path(record.accounts[0].path))
    found["account key"] = account.key
    assert account.public.text == record.accounts[0].xpub
    hexed = {f"{name} in hexadecimal": value.hex().encode() for name, value in found.items() if "passphrase" not in name and name != "PIN"}
    return found | hexed


def typed(set_: Stage, own: Mapping[str, str]) -> dict[str, bytes]:
    """What people type, and nobody else may know."""
    return {f"passphrase of {p}": text.encode() for p, text in own.items()} | {"PIN": set_.cast.pin.encode()}


def files_with(canaries: dict[str, bytes], folder: Path) -> list[str]:
    return [
        f"{name} in {path.relative_to(folder)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for name, canary in canaries.items()
        if canary in path.read_bytes()
    ]


@pytest.mark.control("GEN-09")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory")
def test_no_secret_is_found_anywhere(founded: Stage) -> None:
    temporary = founded.folder / "tmp"
    temporary.mkdir()
    founded.cast.own = OWN
    founded.cast.pace = watch = Watch(canaries=typed(founded, OWN))
    founded = replace(founded, extra={"TMPDIR": str(temporary)})
    shown, code = rehearsal.run(founded, *demonstration.keygen_command(founded))
    assert code == 0, shown[-2000:]
    canaries = everything_secret(founded)
    watch.canaries = canaries
    said = [shown]
    demonstration.fund(founded)
    demonstration.snapshot(founded)
    demonstration.authorize(founded)
    for words in (demonstration.prepare_command(founded), demonstration.transfer_command(founded)):
        shown, code = rehearsal.run(founded, *words)
        assert code == 0, shown[-2000:]
        said.append(shown)
    assert watch.found == []
    assert (watch.looks > 100, watch.searched > 50) == (True, True)
    assert "passphrase of A1" in watch.opener_knew, "the canary would have been found where it must be"
    assert [name for name, canary in canaries.items() for text in said if canary in text.encode()] == []
    assert files_with(canaries, founded.folder) == []


ANEW = {position: text.replace("canary", "wagtail") for position, text in OWN.items()}
"""What everybody chooses when all shares are made anew."""
RENEWED = "a goldcrest that A1 chose when they sealed anew"


@pytest.mark.control("GEN-09")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory")
@pytest.mark.long
def test_no_secret_is_found_anywhere_while_shares_are_sealed_and_made_anew(founded: Stage) -> None:
    """A1 gets a new passphrase, cannot type it at once, and types it; then all shares are opened, and made anew under other ones."""
    temporary = founded.folder / "tmp"
    temporary.mkdir()
    founded.cast.own = OWN
    founded = replace(founded, extra={"TMPDIR": str(temporary)})
    demonstration.generate(founded)
    before = {f"{name}, before": value for name, value in everything_secret(founded).items()}
    founded.cast.own = {**OWN, "A1": RENEWED}
    renewed = {"new passphrase of A1": RENEWED.encode()}
    founded.cast.pace = watch = Watch(canaries=before | renewed)
    prove = r"A1, to prove it, type your passphrase \(it does not show\), then Enter: "
    founded.cast.instead = [(prove, OWN["A1"])]
    words = (*demonstration._register(), *demonstration._genesis(founded))
    said = []
    shown, code = rehearsal.run(founded, "shares", "reseal", "--order", share_order(founded, "reseal", "A1"), *words)
    assert code == 0, shown[-2000:]
    assert founded.cast.instead == []
    said.append(shown)
    founded.cast.own = ANEW
    watch.canaries = before | renewed | {f"{name}, anew": value for name, value in typed(founded, ANEW).items()}
    reshare = ("shares", "reshare", "--order", share_order(founded, "reshare"), *words, *demonstration._module(founded))
    shown, code = rehearsal.run(founded, *reshare)
    assert code == 0, shown[-2000:]
    said.append(shown)
    canaries = watch.canaries | {f"{name}, anew": value for name, value in everything_secret(founded, ANEW).items()}
    assert canaries["secret, before"] == canaries["secret, anew"]
    assert canaries["share of A1, before"] != canaries["share of A1, anew"]
    assert watch.found == []
    assert (watch.looks > 80, watch.searched > 40) == (True, True)
    assert {"new passphrase of A1", "passphrase of B1, anew"} <= watch.opener_knew
    assert [name for name, canary in canaries.items() for text in said if canary in text.encode()] == []
    assert files_with(canaries, founded.folder) == []
