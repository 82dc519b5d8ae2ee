"""What a custodian types counts as the same bytes for the tool, for scripts/recover.py and for the listing in docs/recovery.md: the
vectors of docs/formats.md (STO-11)."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from ceremony.vault.passphrase import normal

ROOT = Path(__file__).parents[2]
BLOCK = re.findall(r"```text passphrases\n(.*?)```", (ROOT / "docs" / "formats.md").read_text(), flags=re.DOTALL)
VECTORS = [tuple(map(json.loads, line.split(" -> "))) for line in BLOCK[0].splitlines()]
LISTING = re.findall(r"```sh\n(stty .*?)```", (ROOT / "docs" / "recovery.md").read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module")
def recover() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recover", ROOT / "scripts" / "recover.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_vectors_are_of_every_kind() -> None:
    typed = [vector[0] for vector in VECTORS]
    assert (len(BLOCK), len(LISTING)) == (1, 1)
    for kind in ("  +[a-z]", "[a-z]  +[a-z]", "[a-z] +$", "\t", "[A-Z]", "^ "):
        assert any(re.search(kind, text) for text in typed), kind
    assert all(re.fullmatch("[\t -~]+", text) for text in typed)


@pytest.mark.control("STO-11")
@pytest.mark.parametrize(("typed", "counts"), VECTORS)
def test_the_tool(typed: str, counts: str) -> None:
    assert normal(typed.encode()) == counts.encode()


@pytest.mark.control("STO-11")
@pytest.mark.parametrize(("typed", "counts"), VECTORS)
def test_the_recovery_script(recover: ModuleType, monkeypatch: pytest.MonkeyPatch, typed: str, counts: str) -> None:
    """What it hands to Argon2id. That a real share opens so stands in test_recover.py."""
    handed: list[bytes] = []

    def argon2id(passphrase: bytes, *_: object) -> bytes:
        handed.append(passphrase)
        return bytes(44)

    monkeypatch.setattr(recover, "argon2id", argon2id)
    monkeypatch.setattr(recover, "decrypt", lambda *_: b"share")
    monkeypatch.setattr(recover.getpass, "getpass", lambda _prompt: typed)
    assert recover.unlock(bytes((1, 0x50, 1, 3)) + bytes(82), "A1") == b"share"
    assert handed == [counts.encode()]


@pytest.mark.control("STO-11")
@pytest.mark.parametrize(("typed", "counts"), VECTORS)
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_printed_listing(tmp_path: Path, shell: str, typed: str, counts: str) -> None:
    """The listing as it stands, with an `openssl` that says what it was given, and in a folder with files that `*` would name."""
    stub = tmp_path / "openssl"
    stub.write_text('#!/bin/sh\nfor word; do case $word in pass:*) printf %s "${word#pass:}" >given ;; esac; done\n')
    stub.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        [shell, "-c", LISTING[0]], input=f"{typed}\n", text=True, check=False, cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "given").read_text() == counts
