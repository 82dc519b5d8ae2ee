"""Outbound bundles of a register that is really signed (tests/record/sample.py), with coins of any chain; each part can be changed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ceremony import cli
from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.record import entries, policy_history
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.transcript import NAME
from tests.record.sample import Change, FastDesk, Play, Sample, unchanged
from transfer.authorization import Authorization
from transfer.bitcoin.snapshot import Snapshot
from transfer.gap import bundle
from transfer.limits import Policy

Told = tuple[int, str, str]
"""Exit code, output, error output."""


class OfficeDesk(FastDesk):
    """A desk whose policy can be changed, and whose signing keys can be had as files."""

    changes: Mapping[str, Any] = {}

    def policy(self, **changes: Any) -> Policy:
        return super().policy(**{**self.changes, **changes})

    def key_file(self, person: str) -> Path:
        """The private key as ssh-keygen reads it, and its public key beside it."""
        path = self.folder / person / "id_signing"
        if not path.exists():
            path.parent.mkdir()
            path.write_bytes(self.secrets[person].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
            path.chmod(0o600)
            path.with_name("id_signing.pub").write_text(self.keys[person] + "\n")
        return path


@dataclass
class OnChain(Sample):
    """A register whose transfer spends the coins of `coins`, if there are any."""

    coins: Snapshot | None = None

    def snapshot(self, number: int) -> Snapshot:
        return self.coins or super().snapshot(number)


@dataclass
class Outbound:
    """A register with one transfer, the papers of the online host, and bundles of that transfer. `folder` gets everything."""

    folder: Path
    coins: Snapshot | None = None
    change: Change = unchanged
    policy: Mapping[str, Any] | None = None
    fresh: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "register").mkdir()
        self.desk = OfficeDesk(self.folder, fresh=self.fresh)
        self.desk.changes = self.policy or {}
        self.desk.put_charter()
        self.desk.put_policy()
        self.sample = OnChain(self.desk, self.folder / "register", Play(change=self.change), coins=self.coins)
        self.head = self.sample.transfer(2, self.sample.keygen())
        self.put_key_record()

    @property
    def genesis(self) -> str:
        return self.sample.charter.digest

    @property
    def key_record(self) -> KeyRecord:
        return self.sample.key_record

    def put_key_record(self, **changes: Any) -> Path:
        """The key record of the online host, in place of what was there."""
        return self.desk.put("key-record.json", replace(self.key_record, **changes))

    @property
    def papers(self) -> tuple[str | Path, ...]:
        """The options that every command about a bundle needs."""
        names = ("charter", "policy", "key-record")
        files = [part for name in names for part in (f"--{name}", self.folder / f"{name}.json")]
        return (*files, "--genesis", self.genesis)

    @property
    def authorization(self) -> Authorization:
        return Register.open(self.folder / "register").ceremonies[1].load(Authorization, "authorization")

    @property
    def transaction(self) -> bytes:
        return bytes.fromhex(Register.open(self.folder / "register").ceremonies[1].raw("transaction").decode())

    def content(self) -> dict[str, bytes]:
        """The files of the bundle as `ceremony transfer` carries them out: the transcript ends before the export."""
        here = Register.open(self.folder / "register").ceremonies[1]
        lines = [e.line.raw for e in here.state.entries]
        done = next((n for n, e in enumerate(here.state.entries) if isinstance(e.body, entries.Exported)), len(lines))
        approvals = [e.line.raw for e in here.state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == "approval"]
        assert b"".join(lines) == (here.folder / NAME).read_bytes()
        return {
            "transaction": here.raw("transaction"),
            "authorization.json": here.raw("authorization"),
            "authorization.signatures": b"".join(dump(signature) for signature in here.signatures("authorization")),
            "policy-history.json": dump(policy_history.of(Register.open(self.folder / "register"))),
            "request.psbt": here.raw("request"),
            "approvals.jsonl": b"".join(approvals),
            "transcript.jsonl": b"".join(lines[:done]),
        }

    def bundle(self, name: str = "outbound", files: Mapping[str, bytes] | None = None, **manifest: Any) -> Path:
        """A bundle in a folder of this name, with `files` in place of its own and other facts in its manifest."""
        content = {**self.content(), **(files or {})}
        facts = {"mark": "practice", "ceremony": 2, **manifest}
        if "head" not in facts:
            facts["head"] = sha256(content["transcript.jsonl"].splitlines(keepends=True)[-1])
        folder = self.folder / name
        bundle.write(folder, content, **facts)
        return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """The `ceremony` command in this process; `typed` is what people type."""

    def command(*arguments: object, typed: str = "") -> Told:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    return command
