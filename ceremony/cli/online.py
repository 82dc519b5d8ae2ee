"""Commands of the online host: snapshot, receive, broadcast, watch, receipt, close; and the practice chain's own money."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import sleep as wait
from typing import TypedDict, TypeVar, Unpack

import click

from ceremony.base.amounts import format_btc, grouped, parse_amount
from ceremony.base.control import Undecided, refuse
from ceremony.base.data import Malformed, Mark, dump, load, printable
from ceremony.base.files import read_file, write_new
from ceremony.base.lines import sha256
from ceremony.base.mark import permits
from ceremony.cli import digests, papers
from ceremony.cli.parts import Parts, echo
from ceremony.cli.reconcile import reconcile
from ceremony.record import charter as charters
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.received import Papers, Received, receive
from ceremony.record.signed import read_signed
from ceremony.record.sweeping import account_of
from ceremony.screen import online as screens
from ceremony.screen.panels import listed, nobody_paid
from ceremony.screen.terminal import Stopped, Terminal
from transfer.authorization import Authorization
from transfer.bitcoin.account import RECEIVE, opened
from transfer.gap import bundle as bundles
from transfer.gap import media
from transfer.nodes import Node, Unresolved, open_node
from transfer.nodes.collect import collect
from transfer.outstanding import SETTLED_DEPTH, spent_by
from transfer.receipt import Receipt, Sent, check_independent, note_sent
from transfer.request import AccountKey
from transfer.sighted import InBlock, Shown, check_same, check_sent_again, compare, in_block
from transfer.watch import look

F = TypeVar("F", bound=Callable[..., object])

EVERY = 10.0
"""Seconds between two looks of `watch`."""

_PRACTICE = "practice:"
_NODE = "practice:FOLDER or http://127.0.0.1:PORT"
_node = click.option("--node", "node_name", required=True, metavar="NODE", help=f"{_NODE}.")
_cookie = click.option("--cookie", type=papers.FILE, help="The node's cookie file (.cookie in its data folder).")
_nodes = click.option(
    "--node", "node_names", required=True, multiple=True, metavar="NODE", help=f"{_NODE}. Repeatable: two that do not depend on each other."
)
_cookies = click.option("--cookie", "cookies", multiple=True, type=papers.FILE, help="Cookie file; one for each node, in their order.")
_key_record = click.option("--key-record", "key_record_path", type=papers.FILE, required=True, help="The key record.")
_new_key = click.option(
    "--new-key-record", "new_key_path", type=papers.FILE, help="Of a sweep: the key record of the new key; --key-record is the former one."
)
_account = click.option("--account", "account_name", required=True, help="Name of the account.")
_since = click.option("--since", type=click.IntRange(0), metavar="HEIGHT", help="Search blocks from here on, if the node has no index.")


class Given(TypedDict):
    """What every command about a bundle is given."""

    charter_paths: tuple[Path, ...]
    policy_path: Path
    key_record_path: Path
    new_key_path: Path | None
    genesis: str


def of_bundle(command: F) -> F:
    """The bundle, and the papers that it is checked against."""
    genesis = click.option(
        "--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from a closing slip."
    )
    folder = click.argument("folder", metavar="BUNDLE", type=papers.FILE)
    for option in (_new_key, _key_record, papers.policy_file, papers.charter_files, genesis, folder):
        command = option(command)
    return command


@click.group(cls=Parts)
def online() -> None:
    """Online host: snapshot, receive, broadcast, watch, receipt, close, reconcile."""


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
@click.option("--log", type=papers.FILE, default="broadcasts.jsonl", show_default=True, help="Where each attempt is written down.")
def broadcast(folder: Path, node_name: str, cookie: Path | None, log: Path, **given: Unpack[Given]) -> None:
    """Receive once more, then send the transaction. The same bytes may be sent again; nothing is ever signed again.

    Any answer but the transaction's own identifier is UNRESOLVED (exit code 3), also a refusal by the node."""
    found = _shown(folder, given)
    with _right_node(node_name, cookie, found.account) as node:
        seen = node.sighting(found.checked.txid)
        check_sent_again(seen, found.checked)
        if seen is not None and seen.confirmations:
            echo(f"It is in block {seen.height} already, {seen.confirmations} confirmation(s); nothing was sent.")
        else:
            if seen is not None:
                echo("The node has these very bytes already, waiting to be mined; they can be sent again.")
            _typed("BROADCAST", _leaves(found.authorization))
            echo(f"Sent. txid {_send(node, _seen_on(node_name), found, log)}")


def _send(node: Node, name: str, found: Received, log: Path) -> str:
    """BRD-02: the bytes of the bundle go out once, written down before and after; what is unclear is looked for, not sent again."""
    raw, txid = found.checked.raw, found.checked.txid
    sending = Sent(txid=txid, bytes=sha256(raw), node=name, time=papers.now(), answer="sending")
    note_sent(log, sending)
    try:
        node.broadcast(raw)
    except Unresolved as unclear:
        note_sent(log, replace(sending, time=papers.now(), answer=printable(f"UNRESOLVED: {unclear.why}")))
        raise Unresolved(txid, unclear.why, _known(node, found)) from None
    note_sent(log, replace(sending, time=papers.now(), answer="taken"))
    return txid


def _known(node: Node, found: Received) -> str:
    """What a look says after an unclear answer; the node may be gone by now."""
    try:
        return screens.standing(look(node, found.checked.txid, spent_by(found.checked.raw)))
    except Malformed as error:
        return f"no more: {error}"


def _leaves(wanted: Authorization) -> str:
    if not wanted.payments:
        return f"{nobody_paid(wanted)}."
    return f"{format_btc(wanted.amount)} will leave for {', '.join(payment.payee for payment in wanted.payments)}."


@online.command()
@of_bundle
@_node
@_cookie
@_since
@click.option("--until", type=click.IntRange(1, 1000), default=SETTLED_DEPTH, show_default=True, help="Confirmations to wait for.")
@click.option("--once", is_flag=True, help="Look once, do not wait.")
def watch(  # noqa: PLR0913, PLR0917 (what is watched, where, how long)
    folder: Path, node_name: str, cookie: Path | None, since: int | None, until: int, once: bool, **given: Unpack[Given]
) -> None:
    """Look for the transaction of a bundle, and for other spends of its coins; send nothing. Ctrl-C ends it, nothing is lost.

    Exit code 0: in a block, deep enough (--once: at all). 3: it waits, another transaction spends its coins, or nobody knows."""
    found, _ = _received(folder, given)
    txid, coins, told = found.checked.txid, spent_by(found.checked.raw), ""
    papers.show((f"txid {txid}", f"  {_leaves(found.authorization)}"))
    while True:
        with _right_node(node_name, cookie, found.account) as node:
            seen = look(node, txid, coins, since)
        if seen.seen is not None:
            check_same((Shown(_seen_on(node_name), seen.tip, seen.seen),), found.checked)
        if (now := screens.standing(seen)) != told:
            papers.show(screens.at_time(papers.now(), now))
            told = now
        if seen.confirmations >= (1 if once else until):
            return
        if once or (seen.deepest is not None and seen.deepest.confirmations >= until):
            raise Undecided(screens.undecided(seen, txid))
        wait(EVERY)


@online.command()
@of_bundle
@_nodes
@_cookies
@_since
@click.option("--broadcaster", required=True, help="Who sent it: a position or role.")
@click.option("--as", "person", required=True, help="Who looks now and signs.")
@papers.key
@click.option("-o", "--output", type=papers.FILE, default="receipt.json", show_default=True, help="The receipt; made, or signed as well.")
def receipt(  # noqa: PLR0913, PLR0917 (what is received, where to look, who signs)
    folder: Path,
    node_names: tuple[str, ...],
    cookies: tuple[Path, ...],
    since: int | None,
    broadcaster: str,
    person: str,
    key: Path,
    output: Path,
    **given: Unpack[Given],
) -> None:
    """Look at the chain on two or more nodes: the very bytes in one block, their outputs; then sign the receipt beside the others
    who looked."""
    found, _ = _received(folder, given)
    for someone in (broadcaster, person):
        found.charter.member(someone)
    names = tuple(_seen_on(name) for name in node_names)
    lacking = check_independent(names, found.charter.mark)
    place = in_block([_shown_by(*one, found, since) for one in _with_cookies(node_names, cookies)], found.checked)
    shown = _receipt(found, place, names, broadcaster)
    if not output.exists():
        write_new(output, dump(shown))
    raw, signed = read_signed(output)
    kept = load(Receipt, raw, output.name)
    compare(kept, shown)
    charters.verify_all(signed, raw, (), found.charter, "receipt@cold-ceremony")
    papers.show(screens.receipt_screen(kept, found, papers.signers(signed)))
    if lacking:
        papers.show(listed("Production would refuse:", (lacking,)))
    papers.sign(output, person, key, "receipt@cold-ceremony", found.charter)


def _shown_by(name: str, cookie: Path | None, found: Received, since: int | None) -> Shown:
    """What one node shows of the transaction; its tip is asked for first, so that a block that comes meanwhile is no difference."""
    with _right_node(name, cookie, found.account) as node:
        tip = node.tip()
        return Shown(_seen_on(name), tip, node.sighting(found.checked.txid, since))


def _with_cookies(names: Sequence[str], cookies: Sequence[Path]) -> list[tuple[str, Path | None]]:
    """Each node with its cookie file: cookies in the order of the nodes that need one."""
    needing = [name for name in names if not name.startswith(_PRACTICE)]
    if cookies and len(needing) != len(cookies):
        raise Malformed(f"--cookie: found {len(cookies)}, expected one for each node that has one, {len(needing)}")
    given = dict(zip(needing, cookies, strict=False))
    return [(name, given.get(name)) for name in names]


@online.command()
@click.argument("receipt_path", metavar="[RECEIPT]", type=papers.FILE, required=False)
@click.option(
    "--without-receipt", "without", type=click.IntRange(1), metavar="N", help="Transfer N has none: by an exception of both officers."
)
@click.option("--register", "folder", type=papers.FILE, required=True, help="The register's folder.")
@click.option(
    "--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from your closing slip."
)
@click.option("--slips", type=click.Path(), metavar="DIR", help="Folder for the closing slips; `slips` beside the register if not given.")
def close(receipt_path: Path | None, without: int | None, folder: Path, genesis: str, slips: str | None) -> None:
    """Take the signed receipt into the register and close the transfer with it; administrator and witness sign."""
    from ceremony.cli import cold  # noqa: PLC0415 (the vault's code, which no other command here needs)
    from ceremony.record.register import Register  # noqa: PLC0415
    from ceremony.script.closing import slips_folder  # noqa: PLC0415
    from ceremony.script.receipt import WITHOUT  # noqa: PLC0415

    if (receipt_path is None) == (without is None):
        raise click.UsageError("Give the signed RECEIPT, or --without-receipt N.")
    what = {"receipt": str(receipt_path)} if without is None else {WITHOUT: str(without)}
    given = {**what, "slips": str(slips_folder(folder, slips))}
    cold.begin(folder, genesis, "receipt", given, until=None)
    echo(f"Closed. head {Register.open(folder).head}")


online.add_command(reconcile)


@online.group(cls=Parts)
def practice() -> None:
    """The practice chain: pay an account, mine blocks. For nodes named practice:FOLDER alone."""


@practice.command()
@_node
@_key_record
@_account
@click.option("--amount", required=True, metavar="AMOUNT", help="Of each payment, such as '1.5 BTC'.")
@click.option(
    "--count", "--addresses", "count", type=click.IntRange(1, 1000), default=1, show_default=True, help="Payments, each to a new address."
)
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
        for at in range(0, count, _TOGETHER):
            part = paid[at : at + _TOGETHER]
            txid = node.fund(*((own.script, satoshi) for own in part))
            for own in part:
                echo(f"{format_btc(satoshi)} to own {own.path}  {grouped(own.address)}")
            echo(f"In block {node.tip().height}. txid {txid}")


_TOGETHER = 20
"""Payments in one transaction of the practice chain, as an exchange would pay them: a signing request carries each whole."""


@practice.command()
@_node
@click.option("--blocks", type=click.IntRange(1, 1000), default=1, show_default=True)
def mine(node_name: str, blocks: int) -> None:
    """Mine blocks; the first one takes every waiting transaction."""
    _only_practice(node_name, "practice")
    from transfer.nodes.practice import PracticeNode  # noqa: PLC0415

    with PracticeNode(_folder(node_name)) as node:
        tip = node.mine(blocks)
    echo(f"Tip: block {tip.height}, {tip.hash}")


def _record(path: Path) -> KeyRecord:
    return load(KeyRecord, read_file(path), path.name)


def _received(folder: Path, given: Given) -> tuple[Received, tuple[str, ...]]:
    """The proof, and what production would refuse of the medium (EXP-03)."""
    chain = papers.charter_chain(given["charter_paths"], given["genesis"])
    policy = papers.signed_policy(given["policy_path"], chain)
    new_key = given["new_key_path"]
    into = None if new_key is None else _record(new_key)
    checked = Papers(chain, policy, _record(given["key_record_path"]), given["genesis"], into)
    findings = media.receivable(folder, media.mounts())
    if not permits(chain.charter.mark, "machine checks"):
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
    """The node as a receipt names it, in one spelling, without a folder of this machine."""
    return "practice chain" if node_name.startswith(_PRACTICE) else node_name.rstrip("/").replace("//localhost:", "//127.0.0.1:")


def _receipt(found: Received, place: InBlock, nodes: tuple[str, ...], broadcaster: str) -> Receipt:
    wanted = found.authorization
    made = Receipt(
        mark=wanted.mark,
        genesis=wanted.genesis,
        ceremony=found.bundle.manifest.ceremony,
        authorization=wanted.digest,
        txid=place.txid,
        nodes=nodes,
        block_hash=place.block,
        block_height=place.height,
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
