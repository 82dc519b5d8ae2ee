"""The `ceremony` command: thin Click commands; each part is imported when it is used, so that help is quick."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from ceremony.base.control import Refused, Undecided
from ceremony.base.data import Malformed, OtherForm
from ceremony.base.show import line, of_system, rows
from ceremony.cli.parts import echo

COMMANDS: dict[str, tuple[str, str]] = {
    "charter": ("ceremony.cli.amending:charter", "Enrol people; make, sign, check, explain and amend the charter."),
    "policy": ("ceremony.cli.amending:policy", "Make, sign, check and explain the policy: payees, limits, fee caps."),
    "authorize": ("ceremony.cli.anywhere:authorize", "Draft, show, confirm, sign, check and revoke an authorization (CFO and CTO)."),
    "request": ("ceremony.cli.request:request", "Cold host: write the request folder for officers who approve elsewhere."),
    "review": ("ceremony.cli.request:review", "Officer's laptop: verify a prepared request and read it."),
    "approve": ("ceremony.cli.request:approve", "Officer's laptop: review a prepared request and sign an approval of it."),
    "address": ("ceremony.cli.lookup:address", "Show an own receiving address, derived twice."),
    "words": ("ceremony.cli.lookup:words", "A digest or a file as words; words compared with a digest."),
    "register": ("ceremony.cli.register:register", "The register's head, and its closing slips once more."),
    "exception": ("ceremony.cli.exceptions:exception", "Read and sign an exception form (CFO and CTO)."),
    "script": ("ceremony.cli.scripts:script", "Show or print the script: steps with blanks, and a sheet for each role."),
    "audit": ("ceremony.cli.audit:audit", "Verify a register against its anchor; write the report."),
    "preflight": ("ceremony.cli.preflight:preflight", "Cold host: look at machine, devices and HSM, and begin nothing."),
    "keygen": ("ceremony.cli.cold:keygen", "Cold host: generate the key and its shares, in one sitting."),
    "prepare": ("ceremony.cli.cold:prepare", "Cold host: begin a transfer: machine, HSM, snapshot, signing request."),
    "transfer": ("ceremony.cli.cold:transfer", "Cold host: the transfer with everybody in the room."),
    "amend": ("ceremony.cli.cold:amend", "Cold host: take a later charter or policy into the register."),
    "resume": ("ceremony.cli.cold:resume", "Cold host: go on with the ceremony that was interrupted."),
    "void": ("ceremony.cli.cold:void", "Cold host: end an interrupted ceremony that signed nothing."),
    "loss": ("ceremony.cli.loss:loss", "People who are lost, or a damaged record: the form by which a ceremony goes on."),
    "suspend": ("ceremony.cli.suspend:suspend", "A stolen key: one signature suspends it at once; others lift that."),
    "drill": ("ceremony.cli.drills:drill", "Cold host: the quarter's drill with the real people."),
    "shares": ("ceremony.cli.drills:shares", "Shares: ordered, sealed or split anew, proven each alone; cards and tokens."),
    "custody": ("ceremony.cli.custody:custody", "Bags, safes, hand-overs, losses; where every share is, and what the key survives."),
    "online": ("ceremony.cli.online:online", "Online host: snapshot, receive, broadcast, receipt, close."),
    "demo": ("ceremony.cli.demo:demo", "A whole practice ceremony, played by the rehearsed cast."),
}
"""Name -> where the command is, and the line that help shows; so help imports none of them."""


class Ceremony(click.Group):
    """A group whose commands are imported when one is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 (a wrong line in the table is a bug, not an input)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Help from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Ceremony, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="cold-ceremony", prog_name="ceremony")
@click.option("--register", "folder", type=click.Path(path_type=Path), help="Without a command: say where this register stands.")
@click.pass_context
def cli(context: click.Context, folder: Path | None) -> None:
    """Move money out of cold storage: shares of shares, an HSM, one reviewed transaction, a record that anyone can check.

    Without a command: where ./register stands, what is due, what is next, who brings what."""
    if context.invoked_subcommand is None:
        import_module("ceremony.cli.status").show(folder)
    elif folder is not None:
        raise click.UsageError(f"--register goes after {context.invoked_subcommand}.")


def _say(text: str) -> None:
    """A message to who sits there; on a terminal no word is torn at the edge, and what a refusal names stays in its column."""
    if sys.stderr.isatty():
        told = (rows(line, 79, " " * (12 if line.startswith("  ") else 0)) for line in text.split("\n"))
        text = "\n".join("\n".join(each) for each in told)
    echo(text, err=True)


def _wrongly_used(error: click.ClickException) -> None:
    """What click says of a command line, in printable ASCII."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        echo(error.message, err=True)
        return
    said = io.StringIO()
    error.show(said)
    echo("\n".join(map(line, said.getvalue().rstrip("\n").split("\n"))), err=True)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command; a refusal is a message and an exit code, never a traceback."""
    try:
        code = cli.main(args=arguments, standalone_mode=False) or 0
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        _wrongly_used(error)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        _say("\nInterrupted. Nothing is lost; `ceremony`, alone, says what is open and the next command.")
        code = 130
    except Refused as refusal:
        _say(str(refusal))
        code = 1
    except OtherForm as error:
        _say(str(error))
        code = 3
    except Malformed as error:
        _say(f"Cannot use this: {error}")
        code = 2
    except Undecided as undecided:
        _say(str(undecided))
        code = 3
    except OSError as error:
        _say(f"The system refused: {of_system(error)}. Nothing is lost.")
        code = 2
    sys.exit(code)
