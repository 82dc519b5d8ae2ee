"""Commands of the drill and of the health of shares: both open each share alone and never combine any."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.cli.cards import card
from ceremony.cli.cold import (
    begin,
    document,
    genesis_option,
    module_option,
    register_option,
    slips_option,
    token_module_option,
    without_nothing,
)
from ceremony.cli.health import check, ended, kit, take
from ceremony.cli.orders import order
from ceremony.cli.parts import Parts
from ceremony.cli.tokens import token
from ceremony.record.register import Register
from ceremony.script.closing import slips_folder
from ceremony.script.reshare import check_possible


@click.command()
@register_option
@genesis_option
@click.option(
    "--practice", "evidence", required=True, type=click.Path(exists=True, file_okay=False), help="The practice register's folder."
)
@click.option(
    "--practice-genesis", "evidence_genesis", metavar="HEX", help="Its genesis, from its closing slip (asked for if it is not given)."
)
@click.option("--practice-head", "evidence_head", metavar="HEX", help="Its head, from its closing slip (asked for if it is not given).")
@token_module_option
@slips_option
def drill(folder: Path, genesis: str, slips: str | None, **given: str | None) -> None:
    """The quarter's drill: takes in a practice transfer of these very people, then each proves their production share alone."""
    told = {name: value for name, value in given.items() if value is not None}
    begin(folder, genesis, "drill", {**told, "slips": str(slips_folder(folder, slips))}, until=None)
    ended(folder)


@click.group(cls=Parts)
def shares() -> None:
    """Shares: ordered, sealed or split anew, proven each alone, printed on cards, kept on tokens."""


for command in (card, order, token, check, kit, take):
    shares.add_command(command)


@shares.command()
@register_option
@genesis_option
@click.option("--order", "order_path", required=True, type=document, help="The share order that both officers signed.")
@click.option("--position", "positions", multiple=True, help="A custodian who is here, such as A1; also `administrator`.")
@token_module_option
@slips_option
def reseal(folder: Path, genesis: str, order_path: str, positions: tuple[str, ...], slips: str | None, **module: str | None) -> None:
    """Custodians whom an order names give their share a new passphrase, or another medium; each alone, with the witness (SEC-01).

    A forgotten passphrase cannot be helped by this: nobody opens that share again. Then: `ceremony shares reshare`."""
    given = {"order": order_path, **without_nothing(module), **({"positions": " ".join(positions)} if positions else {})}
    begin(folder, genesis, "reseal", {**given, "slips": str(slips_folder(folder, slips))}, until=None)
    ended(folder)


@shares.command()
@register_option
@genesis_option
@click.option("--order", required=True, type=document, help="The officers' share order; its .signatures lie beside it.")
@module_option
@token_module_option
@slips_option
def reshare(folder: Path, genesis: str, slips: str | None, **given: str | None) -> None:
    """All shares of the same key are made anew, with everyone in the room; those of before are retired and destroyed (SEC-05)."""
    if folder.is_dir() and any(folder.iterdir()):
        check_possible(Register.open(folder))
    begin(folder, genesis, "reshare", {**without_nothing(given), "slips": str(slips_folder(folder, slips))}, until=None)
    ended(folder)
