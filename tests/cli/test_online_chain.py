"""The online host and a chain: the practice chain, and a real node; from the coins to the closed transfer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from ceremony.base.control import Refused
from ceremony.base.data import dump, load
from ceremony.base.lines import sha256
from ceremony.cli import cold
from ceremony.record.register import Register
from ceremony.record.signed import read_signed, signatures_path
from tests.cli.outbound import Outbound, Told, run
from tests.desk import OTHER, ceremony
from tests.node import ROOT, Regtest, regtest
from tests.record.sample import PATH, SEED, FastDesk, Sample
from transfer.bitcoin import bip32, tx
from transfer.bitcoin.account import opened
from transfer.bitcoin.address import address_of
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.build import Order, build
from transfer.bitcoin.sighash import sighashes
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.nodes.practice import PracticeNode
from transfer.receipt import Output, Receipt, Sent, check_independent
from transfer.request import AccountKey, SigningRequest
from transfer.sighted import compare

__all__ = ["run"]

Run = Callable[..., Told]


@pytest.fixture(scope="module")
def funded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the chain, its snapshot, both made by the real command, and the key record that they are of."""
    folder = tmp_path_factory.mktemp("funded")
    (folder / "key-record.json").write_bytes(dump(Sample(FastDesk(folder), folder).key_record))
    account = ("--node", "practice:chain", "--key-record", "key-record.json", "--account", "main")
    for arguments in (("practice", "fund", *account, "--amount", "0.2 BTC", "--count", "2"), ("snapshot", *account)):
        command = [sys.executable, "-m", "ceremony", "online", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": str(ROOT)})
        assert (done.returncode, done.stderr) == (0, "")
    assert "0.40000000 BTC" in done.stdout
    return folder


@pytest.fixture(scope="module")
def signed(funded: Path, tmp_path_factory: pytest.TempPathFactory) -> Outbound:
    """A transfer that spends those coins."""
    outbound = Outbound(tmp_path_factory.mktemp("signed") / "desk", coins=load(Snapshot, (funded / "snapshot.json").read_bytes()))
    outbound.bundle()
    return outbound


class Host:
    """An online host with a chain of its own, and a transfer that has not been sent."""

    def __init__(self, run: Run, outbound: Outbound, chain: Path, receipt: Path) -> None:
        self._run = run
        self.outbound = outbound
        self.chain = chain
        self.node: tuple[str, ...] = ("--node", f"practice:{chain}")
        self.receipt = receipt
        self.log = receipt.with_name("broadcasts.jsonl")
        self.txid = tx.parse(outbound.transaction).txid

    def broadcast(self, typed: str = "BROADCAST\n") -> Told:
        return self._run(
            "online", "broadcast", self.outbound.folder / "outbound", *self.outbound.papers, *self.node, "--log", self.log, typed=typed
        )

    def watch(self, *options: object) -> Told:
        return self._run("online", "watch", self.outbound.folder / "outbound", *self.outbound.papers, *self.node, *options)

    def sign(self, person: str = "A1", broadcaster: str = "administrator", key: str | None = None, typed: str = "SIGN\n") -> Told:
        who = ("--broadcaster", broadcaster, "--as", person, "--key", self.outbound.desk.key_file(key or person), "-o", self.receipt)
        folder = self.outbound.folder / "outbound"
        return self._run("online", "receipt", folder, *self.outbound.papers, *self.node, *who, typed=typed)

    def mine(self, blocks: int = 1) -> None:
        assert self._run("online", "practice", "mine", *self.node, "--blocks", blocks)[0] == 0

    def close(self, typed: str) -> Told:
        register = ("--register", self.outbound.folder / "register", "--genesis", self.outbound.genesis)
        return self._run("online", "close", self.receipt, *register, typed=typed)


@pytest.fixture(autouse=True)
def answers_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """People are asked at a terminal alone; here what they type stands in a file (tests/ceremony closes at a real one)."""
    monkeypatch.setattr(cold, "check_terminal", lambda: None)


@pytest.fixture
def host(run: Run, signed: Outbound, funded: Path, tmp_path: Path) -> Host:
    shutil.copytree(funded / "chain", tmp_path / "chain")
    return Host(run, signed, tmp_path / "chain", tmp_path / "receipt.json")


def test_from_broadcast_to_two_receipts(host: Host) -> None:
    code, out, err = host.broadcast()
    assert (code, err) == (0, "")
    assert out.endswith(f"Sent. txid {host.txid}\n")
    code, _, err = host.sign()
    assert code == 3
    assert err.startswith("AWAITING: ")
    assert not host.receipt.exists()
    host.mine()
    code, out, err = host.sign("A1")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) <= 26
    flat = "".join(out.split())
    for output in tx.parse(host.outbound.transaction).outputs:
        assert address_of(output.script, "regtest") in flat, "addresses are whole"
    host.mine(2)
    code, out, _ = host.sign("B2")
    assert code == 0
    assert "signed by A1" in out
    raw, signed = read_signed(host.receipt)
    found = load(Receipt, raw)
    assert [s.signer for s in signed] == ["A1", "B2"]
    assert (found.txid, found.confirmations, found.ceremony, found.broadcaster) == (host.txid, 1, 2, "administrator")
    assert found.authorization == host.outbound.authorization.digest
    assert [(o.amount, o.address) for o in found.outputs] == [
        (o.amount, address_of(o.script, "regtest")) for o in tx.parse(host.outbound.transaction).outputs
    ]
    assert str(host.chain) not in raw.decode(), "no place of this machine"


@pytest.mark.control("BRD-02")
def test_the_same_bytes_may_be_sent_again(host: Host) -> None:
    assert host.broadcast()[0] == 0
    code, out, _ = host.broadcast()
    assert code == 0
    assert "can be sent again" in out
    assert out.endswith(f"Sent. txid {host.txid}\n")
    host.mine()
    code, out, _ = host.broadcast(typed="")
    assert (code, "nothing was sent" in out) == (0, True)
    attempts = [load(Sent, line) for line in host.log.read_bytes().splitlines(keepends=True)]
    assert [(a.txid, a.bytes, a.node, a.answer) for a in attempts] == [
        (host.txid, sha256(host.outbound.transaction), "practice chain", answer) for answer in ("sending", "taken") * 2
    ]


@pytest.mark.control("BRD-02")
def test_other_bytes_of_a_transaction_that_was_sent_are_not_sent(host: Host) -> None:
    assert host.broadcast()[0] == 0
    first = load(Sent, host.log.read_bytes().splitlines(keepends=True)[0])
    host.log.write_bytes(dump(replace(first, bytes="11" * 32)))
    code, out, err = host.broadcast()
    assert (code, err[:7]) == (1, "BRD-02 ")
    assert "Sent." not in out


def test_watching_from_nowhere_into_a_block(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = host.watch("--once")
    assert (code, err[:11]) == (3, "UNRESOLVED:")
    assert "unknown to this node" in out
    assert host.broadcast()[0] == 0
    code, out, err = host.watch("--once")
    assert (code, err[:9]) == (3, "AWAITING:")
    assert "in the node's mempool" in out

    def pass_by(_: float) -> None:
        with PracticeNode(host.chain) as node:
            node.mine()

    monkeypatch.setattr("ceremony.cli.online.wait", pass_by)
    code, out, err = host.watch("--until", 2)
    assert (code, err) == (0, "")
    told = [line.partition("  ")[2] for line in out.splitlines()[2:]]
    assert [line.partition(",")[0] for line in told] == ["in the node's mempool", "in block 103", "in block 103"]
    assert host.watch("--once")[0] == 0


def test_somebody_stops_watching(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ceremony.cli.online.wait", stop)
    code, out, err = host.watch()
    assert (code, "unknown to this node" in out) == (130, True)
    assert "Nothing is lost" in err


def test_watching_a_transaction_whose_coins_another_one_spends(host: Host) -> None:
    txid = spent_elsewhere(host)
    for options in (("--once",), ("--until", 1)):
        code, out, err = host.watch(*options)
        assert (code, err[:11]) == (3, "CONFLICTED:")
        assert f"{txid}, which spends" in " ".join(err.split())
        assert "1 confirmation(s)" in " ".join(out.split())
        assert max(map(len, out.splitlines())) <= 80


def spent_elsewhere(host: Host) -> str:
    """Another transaction of the same account takes both coins, and is mined."""
    account = host.outbound.sample.account
    order = Order(payments=((OTHER, 39_000_000),), max_fee=10_000, rate=2_000, change_index=9)
    raw = signed_anew(build(account, checked(host.outbound.coins, account), order), account)
    with PracticeNode(host.chain) as node:
        txid = node.broadcast(raw)
        node.mine()
    return txid


@pytest.mark.parametrize("typed", ["", "broadcast\nq\n", "yes\n\nq\n", "BROADCAS\n"])
def test_nothing_is_sent_without_the_word(host: Host, typed: str) -> None:
    code, _, err = host.broadcast(typed)
    assert code == 130
    assert "Traceback" not in err
    with PracticeNode(host.chain) as node:
        assert node.sighting(host.txid) is None


def signed_anew(request: SigningRequest, account: AccountKey) -> bytes:
    """The transaction of a request with other signatures than the register's: the same txid, other bytes."""
    node = bip32.master(SEED, "test").derive(bip32.parse_path(PATH))
    raws = []
    for wanted in sighashes(request, account):
        secret = int.from_bytes(node.derive(bip32.parse_path(wanted.path)).key, "big")
        key = ec.derive_private_key(secret, ec.SECP256K1())
        r, s = utils.decode_dss_signature(key.sign(wanted.digest, ec.ECDSA(utils.Prehashed(SHA256()))))
        raws.append(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return assemble(request, raws, account)


@pytest.mark.control("BRD-02", "BRD-03")
def test_the_same_transaction_with_other_signatures_is_an_incident(host: Host) -> None:
    request = SigningRequest("bitcoin", host.outbound.content()["request.psbt"])
    other = signed_anew(request, host.outbound.sample.account)
    assert (tx.parse(other).txid, other != host.outbound.transaction) == (host.txid, True)
    with PracticeNode(host.chain) as node:
        node.broadcast(other)
    code, _, err = host.broadcast()
    assert (code, err[:7]) == (1, "BRD-02 ")
    host.mine()
    code, _, err = host.sign()
    assert (code, err[:7]) == (1, "BRD-03 ")
    assert not host.receipt.exists()


@pytest.mark.control("BRD-02")
def test_a_transaction_whose_coins_are_gone_is_not_taken(host: Host) -> None:
    txid = spent_elsewhere(host)
    code, _, err = host.broadcast()
    assert (code, err[:18]) == (3, "BRD-02 UNRESOLVED:")
    assert "missingorspent" in err
    assert f"known     CONFLICTED: {txid}, which spends" in err
    lines = host.log.read_text().splitlines()
    assert [json.loads(line)["answer"].split(":")[0] for line in lines] == ["sending", "UNRESOLVED"]


def sent(host: Host) -> None:
    assert host.broadcast()[0] == 0
    host.mine()


@pytest.mark.control("BRD-03")
def test_a_receipt_that_says_something_else_is_not_signed(host: Host) -> None:
    sent(host)
    assert host.sign("A1")[0] == 0
    honest = load(Receipt, host.receipt.read_bytes())
    host.receipt.write_bytes(dump(replace(honest, block_hash="11" * 32)))
    code, _, err = host.sign("B2")
    assert (code, err[:7]) == (1, "BRD-03 ")
    assert [s.signer for s in read_signed(host.receipt)[1]] == ["A1"]


SHOWN = Receipt(
    mark="practice",
    genesis="11" * 32,
    ceremony=2,
    authorization="22" * 32,
    txid="33" * 32,
    nodes=("practice chain",),
    block_hash="44" * 32,
    block_height=103,
    confirmations=2,
    outputs=(Output(address="an address", amount=1),),
    broadcaster="administrator",
    time="2026-11-20T09:30:00Z",
)


@pytest.mark.control("BRD-03")
@pytest.mark.parametrize(
    "changes",
    [
        {"mark": "production"},
        {"genesis": "00" * 32},
        {"ceremony": 3},
        {"authorization": "00" * 32},
        {"txid": "00" * 32},
        {"block_hash": "00" * 32},
        {"block_height": 1},
        {"outputs": ()},
        {"outputs": (Output(address="an address", amount=2),)},
        {"broadcaster": "A1"},
        {"confirmations": 3},
        {"confirmations": 0},
        {"time": "2099-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_a_receipt_and_another_sighting(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as error:
        compare(replace(SHOWN, **changes), SHOWN)
    assert error.value.identifier == "BRD-03"


def test_a_receipt_and_the_same_sighting_later_on_another_node() -> None:
    compare(SHOWN, replace(SHOWN, confirmations=9, nodes=("http://127.0.0.1:8332",), time="2026-11-21T09:30:00Z"))


@pytest.mark.control("AUT-03")
def test_a_receipt_is_signed_by_the_charters_people_with_their_own_keys(host: Host) -> None:
    sent(host)
    code, _, err = host.sign("A1", key="A2")
    assert (code, err[:7]) == (1, "AUT-03 ")
    assert read_signed(host.receipt)[1] == ()
    assert host.sign("D9", key="A1")[0] == 2
    assert host.sign("A1", broadcaster="somebody")[0] == 2
    assert host.sign("A1", typed="no\n")[0] == 130
    assert read_signed(host.receipt)[1] == ()
    assert host.sign("A1")[0] == 0
    code, _, err = host.sign("A1")
    assert (code, err[:7]) == (1, "AUT-02 ")


@pytest.mark.control("AUT-03")
def test_a_forged_signature_beside_the_receipt_is_seen_by_the_next_one(host: Host) -> None:
    sent(host)
    assert host.sign("A1")[0] == 0
    (line,) = read_signed(host.receipt)[1]
    signatures_path(host.receipt).write_bytes(dump(replace(line, signer="A2")))
    code, _, err = host.sign("B2")
    assert (code, err[:7]) == (1, "AUT-03 ")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cold host's clock stands after the sample register's last entry, whatever day it is."""
    for module in ("beginning", "room"):
        monkeypatch.setattr(f"ceremony.script.{module}.utc_now", lambda: "2099-01-01T00:00:00Z")


@pytest.mark.usefixtures("later")
@pytest.mark.control("BRD-05")
def test_the_transfer_is_closed_by_the_receipt(run: Run, funded: Path, tmp_path: Path) -> None:
    shutil.copytree(funded / "chain", tmp_path / "chain")
    host = Host(run, transfer(tmp_path, funded / "snapshot.json"), tmp_path / "chain", tmp_path / "receipt.json")
    sent(host)
    assert host.sign("A1")[0] == 0
    assert host.sign("B2")[0] == 0
    code, out, err = host.close(people(host))
    assert (code, err) == (0, "")
    book = Register.open(host.outbound.folder / "register")
    closed = book.ceremonies[-1].state.closed
    assert closed is not None
    assert (closed.outcome, closed.reason) == ("receipt", host.txid)
    assert out.endswith(f"Closed. head {book.head}\n")
    assert ceremony("audit", "verify", book.folder, "--genesis", book.genesis, "--head", book.head).returncode == 0


@pytest.mark.usefixtures("later")
@pytest.mark.control("BRD-04")
def test_one_custodian_is_too_few_to_close(run: Run, funded: Path, tmp_path: Path) -> None:
    shutil.copytree(funded / "chain", tmp_path / "chain")
    host = Host(run, transfer(tmp_path, funded / "snapshot.json"), tmp_path / "chain", tmp_path / "receipt.json")
    sent(host)
    assert host.sign("A1")[0] == 0
    code, _, err = host.close(people(host))
    assert (code, err[:7]) == (1, "BRD-04 ")


def transfer(folder: Path, snapshot: Path) -> Outbound:
    """A register of its own with a transfer that spends the coins of a snapshot."""
    outbound = Outbound(folder / "desk", coins=load(Snapshot, snapshot.read_bytes()))
    outbound.bundle()
    return outbound


def people(host: Host) -> str:
    """What administrator and witness type to close: the time of their watches, the newest ceremony on a slip, Enter and the folder of
    their medium each, Enter for the note, the word, and Enter each for the end."""
    folders = [host.outbound.desk.key_file(person).parent for person in ("administrator", "witness")]
    return "2099-01-01 00:00\n" * 2 + "2\n" + "".join(f"\n{folder}\n" for folder in folders) + "\nCLOSE\n\n\n"


@pytest.fixture(scope="module")
def knots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regtest]:
    with regtest(tmp_path_factory.mktemp("node")) as node:
        yield node


def test_a_real_node(run: Run, knots: Regtest, tmp_path: Path) -> None:
    record = tmp_path / "key-record.json"
    sample = Sample(FastDesk(tmp_path), tmp_path)
    record.write_bytes(dump(sample.key_record))
    own = opened(sample.account)
    knots.fund({own.own(0, index).address: 20_000_000 for index in (0, 1)})
    node = ("--node", knots.url, "--cookie", knots.cookie)
    snapshot = tmp_path / "snapshot.json"
    code, out, err = run("online", "snapshot", *node, "--key-record", record, "--account", "main", "-o", snapshot)
    assert (code, err) == (0, "")
    assert "0.40000000 BTC" in out
    assert run("online", "snapshot", *node, "--key-record", record, "--account", "main", "-o", snapshot)[0] == 2, "never over another one"
    host = Host(run, transfer(tmp_path, snapshot), tmp_path, tmp_path / "receipt.json")
    host.node = tuple(map(str, node))
    assert host.sign()[0] == 3
    assert host.broadcast()[0] == 0
    assert host.sign()[0] == 3
    assert host.broadcast()[1].endswith(f"Sent. txid {host.txid}\n"), "the same bytes once more"
    knots.mine()
    assert host.broadcast(typed="")[0] == 0
    assert host.sign("A1")[0] == 0
    knots.mine(2)
    code, out, err = host.sign("B2")
    assert (code, err) == (0, "")
    found = load(Receipt, host.receipt.read_bytes())
    assert (found.nodes, found.block_hash, found.confirmations) == ((knots.url,), knots.rpc("getblockhash", found.block_height), 1)
    assert [s.signer for s in read_signed(host.receipt)[1]] == ["A1", "B2"]


def carried_over(one: Regtest, other: Regtest) -> None:
    """The other node learns every block of the first."""
    for height in range(other.rpc("getblockcount") + 1, one.rpc("getblockcount") + 1):
        assert other.rpc("submitblock", one.rpc("getblock", one.rpc("getblockhash", height), 0)) is None


@pytest.mark.control("BRD-03")
def test_two_real_nodes_that_agree_or_differ(run: Run, tmp_path: Path) -> None:
    sample = Sample(FastDesk(tmp_path), tmp_path)
    (tmp_path / "key-record.json").write_bytes(dump(sample.key_record))
    own, snapshot = opened(sample.account), tmp_path / "snapshot.json"
    with regtest(tmp_path / "one") as one, regtest(tmp_path / "two") as two:
        one.fund({own.own(0, index).address: 20_000_000 for index in (0, 1)})
        node = ("--node", one.url, "--cookie", one.cookie)
        record = ("--key-record", tmp_path / "key-record.json")
        assert run("online", "snapshot", *node, *record, "--account", "main", "-o", snapshot)[0] == 0
        host = Host(run, transfer(tmp_path, snapshot), tmp_path, tmp_path / "receipt.json")
        host.node = tuple(map(str, node))
        assert host.broadcast()[0] == 0
        one.mine()
        host.node = (*host.node, "--node", two.url, "--cookie", str(two.cookie))
        code, _, err = host.sign("A1")
        assert (code, err[:9]) == (3, "AWAITING:"), "the other node is behind"
        assert f"{two.url}: not there, tip 0" in err
        carried_over(one, two)
        code, out, err = host.sign("A1")
        assert (code, err) == (0, "")
        assert "Production would refuse" not in out
        assert load(Receipt, host.receipt.read_bytes()).nodes == (one.url, two.url)
        bad = two.rpc("getbestblockhash")
        two.rpc("invalidateblock", bad)
        for _ in range(2):
            two.rpc("generateblock", OTHER, [])
        code, _, err = host.sign("B2")
        assert (code, err[:7]) == (1, "BRD-03 "), "the other node has another chain"
        assert f"{one.url}: block {one.rpc('getblockcount')}, {bad}" in err
        assert f"{two.url}: waiting to be mined" in err
        assert [s.signer for s in read_signed(host.receipt)[1]] == ["A1"]


@pytest.mark.control("BRD-03")
def test_one_node_is_enough_in_practice_alone(host: Host) -> None:
    sent(host)
    code, out, _ = host.sign("A1")
    assert (code, "Production would refuse:" in out, "one node" in out) == (0, True, True)
    host.node = host.node * 2
    code, _, err = host.sign("B2")
    assert (code, err[:30]) == (1, "BRD-03 one node was given twic")
    with pytest.raises(Refused, match="too few nodes looked") as error:
        check_independent(("http://127.0.0.1:8332",), "production")
    assert error.value.identifier == "BRD-03"
    assert check_independent(("http://127.0.0.1:8332", "http://127.0.0.1:8432"), "production") == ""


class Answering(BaseHTTPRequestHandler):
    """A node that answers what `answers` of its server says; a call that is not there breaks the connection."""

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers: dict[str, Any] = self.server.answers  # type: ignore[attr-defined]
        if call["method"] in answers:
            result = answers[call["method"]]
            answer = {"result": None, **result} if isinstance(result, dict) and "error" in result else {"result": result, "error": None}
            body = json.dumps({"id": 1, **answer})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def pretended(folder: Path, **answers: Any) -> Iterator[tuple[str, ...]]:
    """The options for a pretended node."""
    cookie = folder / "cookie"
    cookie.write_text("user:word")
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.answers = answers  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ("--node", f"http://127.0.0.1:{server.server_port}", "--cookie", str(cookie))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.control("BRD-02")
def test_no_answer_after_sending_is_unresolved(host: Host, tmp_path: Path) -> None:
    unknown = {"error": {"code": -5, "message": "not known here"}}
    with pretended(tmp_path, getblockchaininfo={"chain": "regtest"}, getrawtransaction=unknown, gettxout=None) as node:
        host.node = node
        code, out, err = host.broadcast()
    assert (code, err[:18]) == (3, "BRD-02 UNRESOLVED:")
    assert host.txid in err
    assert "Sent" not in out


@pytest.mark.control("SET-08")
def test_a_node_of_another_network(host: Host, tmp_path: Path) -> None:
    with pretended(tmp_path, getblockchaininfo={"chain": "main"}) as node:
        host.node = node
        for command in (host.broadcast, host.sign):
            code, _, err = command()
            assert (code, err[:7]) == (1, "SET-08 ")


@pytest.mark.control("SET-08")
def test_money_for_practice_comes_from_a_practice_chain_alone(run: Run, funded: Path, tmp_path: Path) -> None:
    url = ("--node", "http://127.0.0.1:18443")
    account = ("--account", "main", "--amount", "1 BTC")
    assert run("online", "practice", "mine", *url)[2].startswith("SET-08 ")
    assert run("online", "practice", "fund", *url, "--key-record", funded / "key-record.json", *account)[2].startswith("SET-08 ")
    production = tmp_path / "key-record.json"
    production.write_bytes((funded / "key-record.json").read_bytes().replace(b'"mark":"practice"', b'"mark":"production"'))
    chain = ("--node", f"practice:{tmp_path / 'chain'}")
    assert run("online", "practice", "fund", *chain, "--key-record", production, *account)[2].startswith("SET-08 ")
    assert not (tmp_path / "chain").exists()


@pytest.mark.parametrize("options", [("--amount", "1"), ("--amount", "0 BTC"), ("--amount", "1 BTC", "--account", "other")], ids=str)
def test_what_cannot_be_paid(run: Run, funded: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    chain = ("--node", f"practice:{tmp_path / 'chain'}", "--key-record", funded / "key-record.json", "--account", "main")
    code, _, err = run("online", "practice", "fund", *chain, *options)
    assert code == 2
    assert "Traceback" not in err


def test_payments_go_to_addresses_that_hold_nothing(run: Run, funded: Path, tmp_path: Path) -> None:
    chain = ("--node", f"practice:{tmp_path / 'chain'}", "--key-record", funded / "key-record.json", "--account", "main")
    for count in (2, 3):
        assert run("online", "practice", "fund", *chain, "--amount", "60 BTC", "--count", count)[0] == 0
    code, out, _ = run("online", "snapshot", *chain, "-o", tmp_path / "snapshot.json")
    assert code == 0
    coins = load(Snapshot, (tmp_path / "snapshot.json").read_bytes()).coins
    assert sorted(coin.path for coin in coins) == [f"0/{n}" for n in range(5)]
    assert "300.00000000 BTC" in out
