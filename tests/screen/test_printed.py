"""The printed script says what the table says, and each role has one page."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from ceremony.cli.scripts import script as command
from ceremony.record import scripts
from ceremony.record.entries import Kind
from ceremony.screen import paper
from ceremony.script import printed
from ceremony.script.table import SCRIPTS
from tests.screen.test_paper import text_of


def test_every_kind_of_ceremony_has_a_script() -> None:
    assert set(get_args(Kind)) == set(SCRIPTS)


@pytest.mark.parametrize("kind", SCRIPTS)
def test_every_step_stands_there_with_its_blanks(kind: Kind, tmp_path: Path) -> None:
    shown = text_of(paper.pdf("script", printed.pages(kind), "practice"), tmp_path)
    assert scripts.current(kind).digest in shown
    for step in SCRIPTS[kind]:
        row = next(line for line in printed.script(kind) if line.startswith(f"{step.number:>3} {step.title}"))
        assert row.endswith("____  ____    __:__    yes / no")
        assert all(word in shown for word in (*step.title.split(), *step.controls))


@pytest.mark.parametrize("role", printed.ROLES)
def test_each_role_has_one_page(role: printed.Role) -> None:
    for kind in get_args(Kind):
        lines = printed.sheet(role, kind)
        assert len(paper.paged(lines)) == 1
        for heading in ("# You bring", "# You will be asked", "# You refuse when"):
            assert heading in lines


def test_a_custodian_is_told_what_this_kind_of_ceremony_asks() -> None:
    said = {kind: " ".join(" ".join(printed.sheet("custodian", kind)).split()) for kind in get_args(Kind)}
    assert [kind for kind, text in said.items() if "EVERY card, stick and copy" in text] == ["reshare"]
    assert {kind for kind, text in said.items() if "a new passphrase: six words" in text} == {"keygen", "reshare"}
    assert "payee" not in said["check"]


def test_the_command_writes_a_pdf_once(tmp_path: Path) -> None:
    words = ["print", "--for", "custodian", "--mark", "practice", "-o", str(tmp_path / "sheet.pdf")]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    shown = text_of((tmp_path / "sheet.pdf").read_bytes(), tmp_path)
    assert "For the custodian" in shown
    assert "Unlock the shares" in shown
    assert CliRunner().invoke(command, words).exception is not None, "nothing is written over"
    assert "Unlock the shares" in CliRunner().invoke(command, ["show"]).output
