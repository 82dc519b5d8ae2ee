"""`ceremony online reconcile`: what the register holds back, against the chain. It only looks; receipts settle."""

from __future__ import annotations

from pathlib import Path

import click

from ceremony.base.control import Undecided, refuse
from ceremony.base.data import load
from ceremony.cli import digests, papers
from ceremony.cli.parts import echo
from ceremony.record.register import Register
from ceremony.screen import online as screens
from transfer.bitcoin.snapshot import Snapshot
from transfer.nodes import Node, open_node
from transfer.outstanding import Claim
from transfer.watch import look


@click.command()
@click.option("--register", "folder", type=papers.FILE, required=True, help="A copy of the register.")
@click.option(
    "--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from your closing slip."
)
@click.option("--node", "node_name", required=True, metavar="NODE", help="practice:FOLDER or http://127.0.0.1:PORT.")
@click.option("--cookie", type=papers.FILE, help="The node's cookie file (.cookie in its data folder).")
def reconcile(folder: Path, genesis: str, node_name: str, cookie: Path | None) -> None:
    """Look on the chain for every transfer that is not settled, and for other spends of its coins; change nothing.

    Exit code 0: nothing is held back. 3: something is, and what to do about each."""
    from ceremony.cli.cold import check_genesis  # noqa: PLC0415 (the vault's code, which no other command here needs)

    book = Register.open(folder)
    check_genesis(book, genesis)
    waiting = [claim for claim in book.claims(0) if claim.txid and not claim.settled]
    if not waiting:
        echo("Nothing is held back: every transfer of this register is settled or void.")
        return
    known = {claim.txid: claim.number for claim in book.claims(0) if claim.txid}
    with open_node(node_name, cookie) as node:
        _check_network(book, node)
        for claim in waiting:
            seen = look(node, claim.txid, claim.coins, _since(book, claim))
            papers.show(screens.reconciled(claim, seen, known))
    raise Undecided(f"OUTSTANDING: {len(waiting)} transfer(s) of this register hold back amounts and coins until receipts settle them.")


def _check_network(book: Register, node: Node) -> None:
    networks = sorted({account.network for account in book.key_record.accounts})
    if (network := node.chain()) not in networks:
        refuse(
            "SET-08",
            "this node is on another network",
            found=network,
            expected=" or ".join(networks),
            do="Use a node of the accounts' network.",
        )


def _since(book: Register, claim: Claim) -> int | None:
    """Nothing can have spent its coins before the snapshot that showed them."""
    ceremony = book.ceremonies[claim.number - 1]
    if ceremony.state.file("snapshot") is None:
        return None
    return load(Snapshot, ceremony.raw("snapshot"), f"{ceremony.folder.name}, snapshot").block_height
