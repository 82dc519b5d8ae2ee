"""What `--help` lists: each command with a whole sentence."""

from __future__ import annotations

import click
import pytest

from ceremony.cli import COMMANDS, cli, main


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_help_is_cut_off(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)  # type: ignore[attr-defined]
    assert command is not None
    told = command.get_help(click.Context(command, info_name=name, terminal_width=80)).split("Commands:")
    assert not [line for line in "".join(told[1:]).splitlines() if line.endswith("...")]


def test_a_group_alone_shows_its_help_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["suspend"])
    told = capsys.readouterr().err
    assert "\n  draft" in told
    assert "\\x20" not in told
