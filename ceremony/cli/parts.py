"""Groups of commands, as their help lists them."""

from __future__ import annotations

import click

from ceremony.base.show import plain


class Parts(click.Group):
    """A group whose help says of every command the whole first sentence, and cuts none."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Name and sentence, wrapped."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in sorted(self.commands.items())])


def echo(text: str, *, err: bool = False) -> None:
    """AUD-13: lines to who sits there, in printable ASCII whatever they were made of."""
    click.echo(plain(text), err=err)


_WHOLE = 1000
"""Characters: more than any first sentence has."""
