"""A register that was made by another hand than this tool's does not follow the script: `audit verify` says where (AUD-12)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ceremony.cli.audit import audit
from ceremony.record import entries
from tests.record import sample
from tests.record.sample import Play


def without(kind: str, left_out: Any) -> Play:
    """A register in which these entries of one kind of ceremony are left out."""
    return Play(change=lambda where, actor, body: [] if where == kind and left_out(actor, body) else [(actor, body)])


def after(number: int) -> Any:
    return lambda _actor, body: isinstance(body, entries.Step) and body.number > number


def phase(*people: str) -> Any:
    return lambda actor, body: isinstance(body, entries.Signature) and body.purpose == "phase" and actor in people


CASES = {
    "ends early": without("transfer", after(10)),
    "ends before the key record is signed": without("keygen", after(6)),
    "no steps": without("transfer", after(0)),
    "nobody signed the phases": without("transfer", phase("administrator", "witness")),
}


def verified(folder: Path, play: Play | None) -> tuple[Any, str]:
    anchor = sample.write(folder, play)
    words = ["verify", str(folder), "--genesis", anchor.genesis, "--head", anchor.head]
    done = CliRunner().invoke(audit, words)
    return done, str(done.exception)


def test_the_whole_script_is_followed(tmp_path: Path) -> None:
    done, _ = verified(tmp_path / "register", None)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("VERIFIED\n")


@pytest.mark.control("AUD-12")
@pytest.mark.parametrize("name", CASES)
def test_a_script_that_was_not_followed_is_refused(tmp_path: Path, name: str) -> None:
    done, said = verified(tmp_path / "register", CASES[name])
    assert done.exit_code != 0, sys.stdout
    assert said.startswith("AUD-12 ")
