"""Runs `ceremony` with a screen process that lies, named by the first argument. It knows the custodians' own passphrases
(known.json in the stage's folder), which no screen process does: the vault must refuse what it makes of them.

`forge`: the first sealed share of key generation holds another share, properly sealed.
`account`: the key record that people sign names another account, and every sealed share names that key record.
`medium`: what is read back after locking again is not what was written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ceremony.base.data import dump, load
from ceremony.cli import main as command
from ceremony.record.keyrecord import KeyRecord
from ceremony.script import on_file
from ceremony.vault.process import Vault
from shares.envelope import SALT, Header, seal, unseal
from transfer.bitcoin import bip32


def passphrase(position: str) -> bytes:
    return bytes(json.loads(Path("known.json").read_text())[position], "ascii")


def sealed_anew(position: str, sealed: bytes, change: Callable[[Header], Header], share: bytes | None = None) -> bytes:
    secret = passphrase(position)
    return seal(change(Header.unpack(sealed)), share or unseal(sealed, secret), secret, bytes(SALT))


def forge() -> None:
    lock = Vault.lock

    def locked(vault: Vault, position: str, sealing: int) -> Any:
        reply = lock(vault, position, sealing)
        return replace(reply, sealed=sealed_anew(position, reply.sealed, lambda header: header, bytes(range(32))))

    Vault.lock = locked  # type: ignore[method-assign]


def account() -> None:
    begin, lock, prove = Vault.begin_keygen, Vault.lock, Vault.prove
    honest: dict[str, bytes] = {}
    told: list[KeyRecord] = []

    def begun(vault: Vault, message: Any) -> Any:
        reply = begin(vault, message)
        record = load(KeyRecord, reply.key_record)
        (mine,) = record.accounts
        stranger = bip32.master(bytes(32), "test").derive(bip32.parse_path(mine.path)).public.text
        told.append(replace(record, accounts=(replace(mine, xpub=stranger),)))
        return replace(reply, key_record=dump(told[0]))

    def locked(vault: Vault, position: str, sealing: int) -> Any:
        reply = lock(vault, position, sealing)
        honest[position] = reply.sealed
        identifier = told[0].set_identifier
        return replace(reply, sealed=sealed_anew(position, reply.sealed, lambda header: replace(header, set_identifier=identifier)))

    def proven(vault: Vault, position: str, sealed: bytes) -> Any:
        assert sealed != honest[position]
        return prove(vault, position, honest[position])

    Vault.begin_keygen = begun  # type: ignore[method-assign]
    Vault.lock = locked  # type: ignore[method-assign]
    Vault.prove = proven  # type: ignore[method-assign]


def medium() -> None:
    write = on_file.write

    def written(folder: Path, position: str, sealing: int, sealed: bytes) -> bytes:
        raw = write(folder, position, sealing, sealed)
        return raw[:-1] + bytes([raw[-1] ^ 1])

    on_file.write = written


if __name__ == "__main__":
    {"forge": forge, "account": account, "medium": medium}[sys.argv[1]]()
    command(sys.argv[2:])
