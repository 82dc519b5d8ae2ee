"""Commands of the online host: snapshot, receive, broadcast, receipt, close; and the practice chain's own money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack

import click

from ceremony.base.amounts import format_btc, grouped, parse_amount
from ceremony.base.control import refuse
from ceremony.base.data import Mark, dump, load
from ceremony.base.files import read_file, write_new
from ceremony.base.mark import permits
from ceremony.cli import papers
from ceremony.record import charter as charters
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.received import Papers, Received, account_of, receive
from ceremony.record.signed import read_signed
from ceremony.screen import online as screens
from ceremony.screen.panels import listed
from ceremony.screen.terminal import Stopped, Terminal
from transfer.bitcoin.account import RECEIVE, opened
from transfer.gap import bundle as bundles
from transfer.gap import media
from transfer.nodes import Node, open_node
from transfer.nodes.collect import collect
from transfer.receipt import Receipt
from transfer.request import AccountKey
from transfer.sighted import InBlock, check_sent_again, compare, in_block

F = TypeVar("F", bound=Callable[..., object])

_PRACTICE = "practice:"
_NODE = "practice:FOLDER or http://127.0.0.1:PORT"
_node = click.option("--node", "node_name", required=True, metavar="NODE", help=f"{_NODE}.")
_cookie = click.option("--cookie", type=papers.FILE, help="The node's cookie file (.cookie in its data folder).")
_key_record = click.option("--key-record", "key_record_path", type=papers.FILE, required=True, help="The key record.")
_account = click.option("--account", "account_name", required=True, help="Name of the account.")
_since = click.option("--since", type=click.IntRange(0), metavar="HEIGHT", help="Search blocks from here on, if the node has no index.")


class Given(TypedDict):
    """What every command about a bundle is given."""

    charter_path: Path
    policy_path: Path
    key_record_path: Path
    genesis: str


def of_bundle(command: F) -> F:
    """The bundle, and the papers that it is checked against."""
    genesis = click.option("--genesis", required=True, metavar="HEX", help="Digest of the genesis charter, from a closing slip.")
    folder = click.argument("folder", metavar="BUNDLE", type=papers.FILE)
    for option in (_key_record, papers.policy_file, papers.charter_file, genesis, folder):
        command = option(command)
    return command


@click.group()
def online() -> None:
    """Online host: snapshot, receive, broadcast, receipt, close."""


@online.command()
@_node
@_cookie
@_key_record
@_account
@click.option("-o", "--output", type=papers.FILE, default="snapshot.json", show_default=True, help="File to make.")
def snapshot(node_name: str, cookie: Path | None, key_record_path: Path, account_name: str, output: Path) -> None:
    """Collect the account's coins with their whole previous transactions, for the cold host."""
    record = _record(key_record_path)
    with open_node(node_name, cookie) as node:
        found = collect(node, account_of(record, account_name))
    papers.write(output, found)
    papers.show(screens.snapshot_screen(found, record.mark))


@online.command("receive")
@of_bundle
def receive_bundle(folder: Path, **given: Unpack[Given]) -> None:
    """Decode and verify everything in the outbound bundle again; send nothing."""
    _shown(folder, given)


@online.command()
@of_bundle
@_node
@_cookie
def broadcast(folder: Path, node_name: str, cookie: Path | None, **given: Unpack[Given]) -> None:
    """Receive once more, then send the transaction. The same bytes may be sent again; nothing is ever signed again."""
    found = _shown(folder, given)
    with _right_node(node_name, cookie, found.account) as node:
        seen = node.sighting(found.checked.txid)
        check_sent_again(seen, found.checked)
        if seen is not None and seen.confirmations:
            click.echo(f"It is in block {seen.height} already, {seen.confirmations} confirmation(s); nothing was sent.")
        else:
            if seen is not None:
                click.echo("The node has these very bytes already, waiting to be mined; they can be sent again.")
            _typed("BROADCAST", f"{format_btc(found.authorization.amount)} will leave for {found.authorization.payee}.")
            click.echo(f"Sent. txid {node.broadcast(found.checked.raw)}")


@online.command()
@of_bundle
@_node
@_cookie
@_since
@click.option("--broadcaster", required=True, help="Who sent it: a position or role.")
@click.option("--as", "person", required=True, help="Who looks now and signs.")
@papers.key
@click.option("-o", "--output", type=papers.FILE, default="receipt.json", show_default=True, help="The receipt; made, or signed as well.")
def receipt(  # noqa: PLR0913, PLR0917 (what is received, where to look, who signs)
    folder: Path,
    node_name: str,
    cookie: Path | None,
    since: int | None,
    broadcaster: str,
    person: str,
    key: Path,
    output: Path,
    **given: Unpack[Given],
) -> None:
    """Look at the chain: the very bytes in a block, their outputs; then sign the receipt beside the others who looked."""
    found, _ = _received(folder, given)
    for someone in (broadcaster, person):
        found.charter.member(someone)
    with _right_node(node_name, cookie, found.account) as node:
        place = in_block(node.sighting(found.checked.txid, since), found.checked)
    shown = _receipt(found, place, _seen_on(node_name), broadcaster)
    if not output.exists():
        write_new(output, dump(shown))
    raw, signed = read_signed(output)
    kept = load(Receipt, raw, output.name)
    compare(kept, shown)
    charters.verify_all(signed, raw, (), found.charter, "receipt@cold-ceremony")
    papers.show(screens.receipt_screen(kept, found, papers.signers(signed)))
    papers.sign(output, person, key, "receipt@cold-ceremony", found.charter)


@online.command()
@click.argument("receipt_path", metavar="RECEIPT", type=papers.FILE)
@click.option("--register", "folder", type=papers.FILE, required=True, help="The register's folder.")
@click.option("--genesis", required=True, metavar="HEX", help="Digest of the genesis charter, from your closing slip.")
def close(receipt_path: Path, folder: Path, genesis: str) -> None:
    """Take the signed receipt into the register and close the transfer with it; administrator and witness sign."""
    from ceremony.cli import cold  # noqa: PLC0415 (the vault's code, which no other command here needs)
    from ceremony.record.register import Register  # noqa: PLC0415

    cold.begin(folder, genesis, "receipt", {"receipt": str(receipt_path)}, until=None)
    click.echo(f"Closed. head {Register.open(folder).head}")


@online.group()
def practice() -> None:
    """The practice chain: pay an account, mine blocks. For nodes named practice:FOLDER alone."""


@practice.command()
@_node
@_key_record
@_account
@click.option("--amount", required=True, metavar="AMOUNT", help="Of each payment, such as '1.5 BTC'.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="Payments, each to an address of its own.")
def fund(node_name: str, key_record_path: Path, account_name: str, amount: str, count: int) -> None:
    """Pay the account out of the practice chain's own coins, and mine them."""
    record = _record(key_record_path)
    _only_practice(node_name, record.mark)
    account, satoshi = account_of(record, account_name), parse_amount(amount, "--amount")
    ours = opened(account)
    from transfer.nodes.practice import PracticeNode  # noqa: PLC0415 (the kernel)

    with PracticeNode(_folder(node_name)) as node:
        used = [int(coin.path[2:]) for coin in node.coins(account) if coin.path.startswith(f"{RECEIVE}/")]
        first = max(used, default=-1) + 1
        paid = [ours.own(RECEIVE, index) for index in range(first, first + count)]
        txid = node.fund(*((own.script, satoshi) for own in paid))
        height = node.tip().height
    for own in paid:
        click.echo(f"{format_btc(satoshi)} to own {own.path}  {grouped(own.address)}")
    click.echo(f"In block {height}. txid {txid}")


@practice.command()
@_node
@click.option("--blocks", type=click.IntRange(1, 1000), default=1, show_default=True)
def mine(node_name: str, blocks: int) -> None:
    """Mine blocks; the first one takes every waiting transaction."""
    _only_practice(node_name, "practice")
    from transfer.nodes.practice import PracticeNode  # noqa: PLC0415

    with PracticeNode(_folder(node_name)) as node:
        tip = node.mine(blocks)
    click.echo(f"Tip: block {tip.height}, {tip.hash}")


def _record(path: Path) -> KeyRecord:
    return load(KeyRecord, read_file(path), path.name)


def _received(folder: Path, given: Given) -> tuple[Received, tuple[str, ...]]:
    """The proof, and what production would refuse of the medium (EXP-03)."""
    charter = papers.signed_charter(given["charter_path"])
    policy = papers.signed_policy(given["policy_path"], charter, charter.digest)
    checked = Papers(charter, policy, _record(given["key_record_path"]), given["genesis"])
    findings = media.receivable(folder, media.mounts())
    if not permits(charter.mark, "machine checks"):
        media.refuse_unreceivable(findings)
    return receive(bundles.read(folder), checked), findings


def _shown(folder: Path, given: Given) -> Received:
    found, findings = _received(folder, given)
    papers.show(screens.received_screen(found))
    if findings:
        papers.show(listed("Production would refuse:", findings))
    return found


@contextmanager
def _right_node(name: str, cookie: Path | None, account: AccountKey) -> Iterator[Node]:
    """The node, on the account's own network; SET-08 otherwise: practice never reaches the main network."""
    with open_node(name, cookie) as node:
        if (network := node.chain()) != account.network:
            refuse(
                "SET-08",
                "this node is on another network",
                found=network,
                expected=account.network,
                do="Use a node of the account's network.",
            )
        yield node


def _seen_on(node_name: str) -> str:
    """The node as a receipt names it, without a folder of this machine."""
    return "practice chain" if node_name.startswith(_PRACTICE) else node_name.rstrip("/")


def _receipt(found: Received, place: InBlock, seen_on: str, broadcaster: str) -> Receipt:
    wanted = found.authorization
    made = Receipt(
        mark=wanted.mark,
        genesis=wanted.genesis,
        ceremony=found.bundle.manifest.ceremony,
        authorization=wanted.digest,
        txid=place.txid,
        node=seen_on,
        block=place.block,
        height=place.height,
        confirmations=place.confirmations,
        outputs=place.outputs,
        broadcaster=broadcaster,
        time=papers.now(),
    )
    return papers.made(made, "receipt")


def _only_practice(name: str, mark: Mark) -> None:
    if not name.startswith(_PRACTICE) or not permits(mark, "practice chain"):
        refuse(
            "SET-08",
            "only a practice chain gives money away",
            found=f"{name[:80]}, {mark}",
            expected="practice:FOLDER and a practice key record",
            do="Use the practice chain.",
        )


def _folder(name: str) -> Path:
    return Path(name.removeprefix(_PRACTICE))


def _typed(word: str, why: str) -> None:
    try:
        Terminal().word(word, why)
    except Stopped:
        raise KeyboardInterrupt from None
