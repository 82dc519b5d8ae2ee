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
from ceremony.record.register import Register
from tests import softhsm
from tests.ceremony import rehearsal

STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
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


def kept(set_: Stage, position: str) -> list[str]:
    """What lies on a custodian's own stick beside their key."""
    return sorted(f.name for f in (set_.folder / "custodians" / position).iterdir() if "id_signing" not in f.name)


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
    tokens = [(body["position"], body["token"]["label"]) for body in bodies(mixed_once, "custodian-token")]  # type: ignore[index]
    assert tokens == [("A2", "token-A2"), ("C1", "token-C1")]
    assert [kept(mixed_once, position) for position in ("A1", "A2", "B1")] == [["share-A1-0001.sealed"], [], []]
    assert [path.name for path in (mixed_once.folder / "paper" / "B1").iterdir()] == ["card-B1-0001.pdf"]


def test_a_second_client_sees_nothing_without_the_pin(mixed_once: Stage) -> None:
    assert objects(mixed_once, "A2", pin=False) == []
    ((label, application),) = objects(mixed_once, "A2")
    assert label.startswith("share-A2-0001 ")
    assert application == "cold-ceremony"


def photograph(set_: Stage, position: str) -> Path:
    """The newest paper card, photographed: a PNG."""
    card = max((set_.folder / "paper" / position).glob("*.pdf"))
    subprocess.run(["pdftoppm", "-png", "-r", "200", "-singlefile", str(card), str(card.with_suffix(""))], check=True)
    return card.with_suffix(".png")


@pytest.fixture(scope="module")
def carried(mixed_once: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The transfer: A2 plugs the wrong token in first and mistypes the PIN, B1 shows a photograph of their card."""
    set_ = rehearsal.copy(mixed_once, tmp_path_factory.mktemp("carried") / "stage")
    demonstration.prepare(set_)
    set_.cast.instead = [
        (r"A2, PIN of the token \(it does not show\), then Enter: ", "11111111"),
        (r"B1, line 1, a scan, or the path of a picture: ", str(photograph(set_, "B1"))),
    ]
    demonstration.transfer(set_)
    return set_


def test_each_share_is_opened_from_its_own_medium_and_locked_onto_it_again(carried: Stage) -> None:
    assert carried.cast.instead == []
    sealed = {str(body["position"]): (body["number"], body["medium"]) for body in bodies(carried, "sealing")}
    assert sealed == {p: ("2", ONTO.get(p, "file")) for p in carried.plot.here}
    assert [(b["position"], b["token"]["label"]) for b in bodies(carried, "custodian-token")] == [("A2", "token-A2")] * 2  # type: ignore[index]
    assert kept(carried, "A1") == ["share-A1-0002.sealed"]
    assert kept(carried, "B1") == []


@pytest.mark.control("SEC-04")
def test_old_shares_are_gone_from_token_and_paper_as_the_record_says(carried: Stage) -> None:
    removed = {str(body["position"]): body for body in bodies(carried, "removed")}
    assert {position: body["number"] for position, body in removed.items()} == dict.fromkeys(carried.plot.here, "1")
    assert removed["A2"]["medium"] == f"token token-A2 (serial {serial_of(carried, 'A2')})"
    assert removed["B1"]["medium"] == "a paper card"
    assert "before B1 and witness" in str(removed["B1"]["how"])
    assert [label.split()[0] for label, _ in objects(carried, "A2")] == ["share-A2-0002"]


def serial_of(set_: Stage, position: str) -> str:
    (serial,) = {body["token"]["serial"] for body in bodies(set_, "custodian-token") if body["position"] == position}  # type: ignore[index]
    return str(serial)


def test_both_verifiers_hold_to_it(carried: Stage) -> None:
    genesis = demonstration.transfer_command(carried)[4]
    head = Register.open(carried.folder / "register").head
    shown, code = rehearsal.run(carried, "audit", "verify", "register", "--genesis", genesis, "--head", head)
    assert (code, "VERIFIED" in shown) == (0, True), shown
    done = subprocess.run(["sh", str(STOCK), str(carried.folder / "register"), genesis, head], capture_output=True, text=True, check=False)
    assert (done.returncode, "VERIFIED" in done.stdout) == (0, True), done.stdout + done.stderr
