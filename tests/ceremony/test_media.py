"""One desk, three media: a file, a paper card and a hardware token, through a key generation and a transfer."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from tests import softhsm
from tests.ceremony import rehearsal

TOKEN_PIN = "24681357"
MIXED = replace(rehearsal.SMALL, media=("file", "card", "token"))
ONTO = {"A2": "token", "B1": "card", "C1": "token"}
"""A1 has a file, A2 a token, B1 a card; all three come to the transfer."""


def give_token(set_: Stage, position: str) -> None:
    """A custodian's own token, initialised by its maker's tool."""
    words = ("softhsm2-util", "--init-token", "--free", "--label", f"token-{position}", "--pin", TOKEN_PIN, "--so-pin", "97531864")
    subprocess.run(words, env=dict(set_.environment), check=True, capture_output=True)
    set_.cast.pins[position] = TOKEN_PIN


def objects(set_: Stage, position: str, *, pin: bool = True) -> list[tuple[str, str]]:
    """A second PKCS#11 client: label and application of every data object that it sees on this token."""
    words = ["pkcs11-tool", "--module", softhsm.module(), "--token-label", f"token-{position}", "--list-objects", "--type", "data"]
    if pin:
        words += ["--login", "--pin", TOKEN_PIN]
    shown = subprocess.run(words, env={**os.environ, **set_.environment}, check=True, capture_output=True, text=True).stdout
    return re.findall(r"label: +'(.*)'\s+application: +'(.*)'", shown)


def bodies(set_: Stage, kind: str, ceremony: int = -1) -> list[dict[str, object]]:
    return [e["body"] for e in rehearsal.entries(set_, ceremony) if e["type"] == kind]  # type: ignore[misc]


@pytest.fixture(scope="module")
def mixed_once(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A key whose shares lie on three kinds of media; coins, and a signed authorization."""
    set_ = rehearsal.stage(tmp_path_factory.mktemp("mixed"), locks_onto=ONTO)
    set_ = replace(set_, plot=MIXED)
    demonstration.make_keys(set_)
    serial = demonstration.make_token(set_)
    for position in ("A2", "C1"):
        give_token(set_, position)
    demonstration.found_charter(set_, serial)
    demonstration.sign_policy(set_)
    demonstration.generate(set_)
    demonstration.fund(set_)
    demonstration.snapshot(set_)
    demonstration.authorize(set_)
    return set_


@pytest.fixture
def mixed(mixed_once: Stage, tmp_path: Path) -> Stage:
    return rehearsal.copy(mixed_once, tmp_path / "stage")


def test_each_share_lies_where_its_custodian_chose(mixed_once: Stage) -> None:
    onto = {str(body["position"]): (body["medium"], "token" in body) for body in bodies(mixed_once, "sealing")}
    assert onto == {p: (ONTO.get(p, "file"), ONTO.get(p) == "token") for p in mixed_once.plot.names if p[0].isupper()}
    assert [
        (e["body"]["position"], e["body"]["token"]["label"]) for e in rehearsal.entries(mixed_once) if e["type"] == "custodian-token"
    ] == [  # type: ignore[index]
        ("A2", "token-A2"),
        ("C1", "token-C1"),
    ]
    kept = {
        p: sorted(f.name for f in (mixed_once.folder / "custodians" / p).iterdir() if "id_signing" not in f.name)
        for p in ("A1", "A2", "B1")
    }
    assert kept == {"A1": ["share-A1-0001.sealed"], "A2": [], "B1": []}
    assert [path.name for path in (mixed_once.folder / "paper" / "B1").iterdir()] == ["card-B1-0001.pdf"]


def test_a_second_client_sees_nothing_without_the_pin(mixed_once: Stage) -> None:
    assert objects(mixed_once, "A2", pin=False) == []
    ((label, application),) = objects(mixed_once, "A2")
    assert label.startswith("share-A2-0001 ")
    assert application == "cold-ceremony"
