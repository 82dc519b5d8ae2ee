"""Core's JSON-RPC against a real node (Bitcoin Knots on regtest), and against servers that misbehave."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from tests.node import Regtest
from transfer.bitcoin import tx
from transfer.bitcoin.snapshot import Snapshot, checked
from transfer.nodes import Unresolved, open_node
from transfer.nodes.collect import collect
from transfer.nodes.core import CoreNode, satoshi
from transfer.request import AccountKey

BURN = b"\x00\x14" + bytes(20)


@pytest.fixture(scope="module")
def node(knots: Regtest) -> CoreNode:
    return CoreNode(knots.port, knots.cookie)


def spend(knots: Regtest, wallet, coin, to: str, amount: int) -> bytes:
    """One coin of the account to one address; the rest is fee. Signed by the node's own code."""
    outputs = [{to: f"{Decimal(amount) / 10**8:.8f}"}]
    plain = knots.rpc("createrawtransaction", [{"txid": coin.txid, "vout": coin.vout, "sequence": 0xFFFFFFFD}], outputs)
    script = knots.rpc("validateaddress", wallet.address(coin.path))["scriptPubKey"]
    known = [{"txid": coin.txid, "vout": coin.vout, "scriptPubKey": script, "amount": f"{Decimal(coin.amount) / 10**8:.8f}"}]
    signed = knots.rpc("signrawtransactionwithkey", plain, [wallet.wif(coin.path)], known)
    assert signed["complete"]
    return bytes.fromhex(signed["hex"])


def coin_for(knots: Regtest, node: CoreNode, account: AccountKey, wallet, path: str):
    txid = knots.fund({wallet.address(path): 2_000_000})
    return next(coin for coin in node.coins(account) if coin.txid == txid)


class Counting(CoreNode):
    """Counts how often each transaction is fetched."""

    def __init__(self, port: int, cookie: Path) -> None:
        super().__init__(port, cookie)
        self.fetched: Counter[str] = Counter()

    def transaction(self, txid: str, block_hash: str) -> bytes:
        self.fetched[txid] += 1
        return super().transaction(txid, block_hash)


def test_snapshot_of_the_account(knots: Regtest, account: AccountKey, wallet) -> None:
    paid = {
        wallet.address(path): amount
        for path, amount in (("0/0", 5_000_000_000 - 1_000_000), ("0/7", 1), ("1/0", 294), ("0/9999", 12_345_678))
    }
    txid = knots.fund(dict(list(paid.items())[1:]))
    other = knots.fund({wallet.address("0/0"): paid[wallet.address("0/0")]})
    counting = Counting(knots.port, knots.cookie)
    snapshot = collect(counting, account)
    assert {wallet.address(coin.path): coin.amount for coin in snapshot.coins} == paid
    assert {coin.txid for coin in snapshot.coins} == {txid, other}
    assert counting.fetched == {txid: 1, other: 1}
    assert (snapshot.block_height, snapshot.block_hash) == (knots.rpc("getblockcount"), knots.rpc("getbestblockhash"))
    assert load(Snapshot, dump(snapshot)) == snapshot
    coins = checked(snapshot, account)
    assert coins.total == sum(paid.values())
    assert {coin.own.address for coin in coins.items} == set(paid)
    assert counting.fetched[txid] == 1


def test_span_bounds_the_search(node: CoreNode, account: AccountKey, knots: Regtest, wallet) -> None:
    knots.fund({wallet.address("0/20"): 5_000})
    assert "0/20" in {coin.path for coin in node.coins(account, 21)}
    assert "0/20" not in {coin.path for coin in node.coins(account, 20)}
    for span in (0, 10_001):
        with pytest.raises(Malformed, match="1 to 10000"):
            collect(node, account, span)


def test_rewards_count_only_when_they_can_be_spent(knots: Regtest, node: CoreNode, account: AccountKey, wallet) -> None:
    script = bytes.fromhex(knots.rpc("validateaddress", wallet.address("0/30"))["scriptPubKey"])
    knots.mine(1, script)
    knots.mine(98, BURN)
    assert "0/30" not in {coin.path for coin in node.coins(account)}
    knots.mine(1, BURN)
    snapshot = collect(node, account)
    found = next(coin for coin in snapshot.coins if coin.path == "0/30")
    assert tx.parse(snapshot.previous[found.txid]).is_coinbase


def test_broadcast_and_sighting(knots: Regtest, node: CoreNode, account: AccountKey, wallet) -> None:
    coin = coin_for(knots, node, account, wallet, "0/40")
    raw = spend(knots, wallet, coin, wallet.address("0/41"), coin.amount - 2_000)
    txid = tx.parse(raw).txid
    since = node.tip().height
    assert node.sighting(txid, since) is None
    assert node.spender(coin.txid, coin.vout, since) is None
    assert node.broadcast(raw) == txid
    waiting = node.sighting(txid)
    assert waiting is not None
    assert (waiting.block_hash, waiting.height, waiting.confirmations, waiting.raw) == (None, None, 0, raw)
    assert node.spender(coin.txid, coin.vout, since) == waiting
    assert node.broadcast(raw) == txid, "the same bytes may be sent again"
    knots.mine(3)
    seen = node.sighting(txid)
    assert seen is not None
    assert (seen.block_hash, seen.height, seen.confirmations, seen.raw) == (knots.rpc("getblockhash", since + 1), since + 1, 3, raw)
    assert node.spender(coin.txid, coin.vout, since) == seen
    with pytest.raises(Unresolved, match="knows it already"):
        node.broadcast(raw)


def test_a_transaction_whose_outputs_are_all_spent_is_found_block_by_block(
    knots: Regtest, node: CoreNode, account: AccountKey, wallet
) -> None:
    coin = coin_for(knots, node, account, wallet, "0/50")
    since = node.tip().height
    first = spend(knots, wallet, coin, wallet.address("0/51"), coin.amount - 2_000)
    txid = node.broadcast(first)
    knots.mine()
    made = next(coin for coin in node.coins(account) if coin.txid == txid)
    node.broadcast(spend(knots, wallet, made, wallet.address("0/52"), made.amount - 2_000))
    knots.mine()
    assert node.sighting(txid) is None
    seen = node.sighting(txid, since)
    assert seen is not None
    assert (seen.height, seen.confirmations, seen.raw) == (since + 1, 2, first)
    assert node.sighting("ab" * 32, since) is None


@pytest.mark.control("BRD-02")
def test_refused_in_the_nodes_own_words(knots: Regtest, node: CoreNode, account: AccountKey, wallet) -> None:
    coin = coin_for(knots, node, account, wallet, "0/60")
    good = spend(knots, wallet, coin, wallet.address("0/61"), coin.amount - 2_000)
    parsed = tx.parse(good)
    forged = bytearray(good)
    at = good.index(parsed.inputs[0].witness[0]) + 20
    forged[at] ^= 1
    greedy = spend(knots, wallet, coin, wallet.address("0/61"), coin.amount + 1)
    for raw, words in ((bytes(forged), "script-verify-flag"), (greedy, "bad-txns-in-belowout")):
        with pytest.raises(Unresolved, match=words) as error:
            node.broadcast(raw)
        assert error.value.identifier == "BRD-02"
    assert node.broadcast(good) == parsed.txid
    rival = spend(knots, wallet, coin, wallet.address("0/62"), coin.amount - 2_000)
    with pytest.raises(Unresolved, match="insufficient fee") as error:
        node.broadcast(rival)
    assert error.value.identifier == "BRD-02"
    dearer = spend(knots, wallet, coin, wallet.address("0/62"), coin.amount - 20_000)
    assert node.broadcast(dearer) == tx.parse(dearer).txid
    with pytest.raises(Malformed):
        node.broadcast(good + b"\x00")


def test_no_rate_is_said_to_be_none(node: CoreNode) -> None:
    assert node.rate() is None


def test_a_node_on_another_network(node: CoreNode) -> None:
    main = AccountKey(
        name="cold",
        chain="bitcoin",
        network="main",
        path="m/84h/0h/0h",
        xpub="xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V",
        fingerprint="73c5da0a",
    )
    with pytest.raises(Malformed, match="network regtest, the account cold on main"):
        collect(node, main)


def test_wrong_cookie(knots: Regtest, tmp_path: Path) -> None:
    wrong = tmp_path / "cookie"
    wrong.write_text("__cookie__:" + "0" * 64)
    with pytest.raises(Malformed, match="does not accept the cookie") as error:
        CoreNode(knots.port, wrong).tip()
    assert "0" * 64 not in str(error.value)
    wrong.write_text("no cookie at all\n")
    with pytest.raises(Malformed, match="not a cookie file"):
        CoreNode(knots.port, wrong).tip()
    with pytest.raises(Malformed, match="cannot be read"):
        CoreNode(knots.port, tmp_path / "nowhere").tip()


def test_unreachable(knots: Regtest) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = CoreNode(taken.getsockname()[1], knots.cookie)
        with pytest.raises(Malformed, match="is it running"):
            nobody.tip()
        with pytest.raises(Malformed, match="is it running"):
            nobody.broadcast(SIGNED)


def test_open_node(knots: Regtest, tmp_path: Path) -> None:
    with open_node(knots.url, knots.cookie) as node:
        assert node.chain() == "regtest"
    with open_node(f"practice:{tmp_path}") as node:
        assert node.tip().height == 0
    for text in (
        "http://192.0.2.1:8332",
        "https://127.0.0.1:8332",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "practice:",
        "127.0.0.1:1",
        "",
    ):
        with pytest.raises(Malformed, match="expected practice:FOLDER or"), open_node(text, knots.cookie):
            pass
    with pytest.raises(Malformed, match="cookie"), open_node(knots.url):
        pass


# A transaction that is in form; what is asked of it here is only its identifier.
SIGNED = tx.Transaction(2, (tx.TxIn("11" * 32, 0, b"", 0xFFFFFFFD, (b"\x30", b"\x02")),), (tx.TxOut(1_000, BURN),), 0).raw
TXID = tx.parse(SIGNED).txid


def http_answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def result(value: object) -> bytes:
    return http_answer(json.dumps({"result": value, "error": None, "id": 1}).encode())


def error(code: int, message: str) -> bytes:
    return http_answer(json.dumps({"result": None, "error": {"code": code, "message": message}, "id": 1}).encode(), "500 Error")


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that reads a request and then does what `answer` says."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                raw = b""
                while b"\r\n\r\n" not in raw or not raw.endswith(b"}"):
                    raw += client.recv(65536)
                answer(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def cookie(tmp_path: Path) -> Path:
    path = tmp_path / "cookie"
    path.write_text("__cookie__:00")
    return path


AMBIGUOUS = {
    "hangs up": b"",
    "breaks off": http_answer(b'{"result": "' + TXID.encode() + b'"}')[:-20],
    "not HTTP": b"hello\r\n",
    "not JSON": http_answer(b"<html>busy</html>", "503 Service Unavailable"),
    "JSON, no RPC": http_answer(b"[]"),
    "another transaction": result("22" * 32),
    "no transaction": result(None),
    "internal error": error(-32603, "something went wrong"),
    "database error": error(-20, "cannot write"),
}


@pytest.mark.control("BRD-02")
@pytest.mark.parametrize("case", AMBIGUOUS)
def test_an_unclear_answer_to_a_broadcast_is_unresolved(case: str, cookie: Path) -> None:
    with server(lambda client: client.sendall(AMBIGUOUS[case])) as port, pytest.raises(Unresolved, match="UNRESOLVED") as error:
        CoreNode(port, cookie).broadcast(SIGNED)
    assert error.value.identifier == "BRD-02"
    assert error.value.txid == TXID


@pytest.mark.control("BRD-02")
def test_silence_after_a_broadcast_is_unresolved(cookie: Path) -> None:
    with server(lambda client: threading.Event().wait(0.6)) as port, pytest.raises(Unresolved, match="no answer within") as error:
        CoreNode(port, cookie, seconds=0.2).broadcast(SIGNED)
    assert error.value.identifier == "BRD-02"


@pytest.mark.parametrize("code", [-3, -8, -22, -25, -26])
def test_a_no_is_unresolved_in_the_nodes_words(code: int, cookie: Path) -> None:
    with (
        server(lambda client: client.sendall(error(code, "its words"))) as port,
        pytest.raises(Unresolved, match="not take it: 'its words'"),
    ):
        CoreNode(port, cookie).broadcast(SIGNED)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(-28, "Loading block index"), "still starting: 'Loading block index'"),
        (http_answer(b"", "403 Forbidden"), "does not let this machine ask"),
        (http_answer(b"", "401 Unauthorized"), "does not accept the cookie"),
    ],
)
def test_what_is_certainly_not_sent_is_not_unresolved(answer: bytes, words: str, cookie: Path) -> None:
    with server(lambda client: client.sendall(answer)) as port:
        for ask in (lambda node: node.broadcast(SIGNED), lambda node: node.tip()):
            with pytest.raises(Malformed, match=words):
                ask(CoreNode(port, cookie))


BEST = "33" * 32


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (result({"chain": "regtest", "blocks": 3, "headers": 9, "bestblockhash": BEST, "mediantime": 5}), "3 of 9 blocks"),
        (result({"chain": "regtest", "blocks": -1, "headers": -1, "bestblockhash": BEST, "mediantime": 5}), "whole number"),
        (result({"chain": "regtest", "blocks": True, "headers": True, "bestblockhash": BEST, "mediantime": 5}), "whole number"),
        (result({"chain": "regtest", "blocks": 1, "headers": 1, "bestblockhash": "33", "mediantime": 5}), "64 hexadecimal"),
        (result({}), "whole number"),
        (result([]), "not an object"),
        (http_answer(b'{"result": {"blocks": NaN}, "error": null}'), "whole number"),
        (http_answer(b"[" * 100_000), "no JSON-RPC answer"),
    ],
)
def test_strange_answers_are_named(answer: bytes, words: str, cookie: Path) -> None:
    with server(lambda client: client.sendall(answer)) as port, pytest.raises(Malformed, match=words):
        CoreNode(port, cookie).tip()


def test_an_unknown_chain(cookie: Path) -> None:
    with server(lambda client: client.sendall(result({"chain": "elsewhere"}))) as port, pytest.raises(Malformed, match="'elsewhere'"):
        CoreNode(port, cookie).chain()


def test_a_previous_transaction_with_another_identifier_is_not_taken(cookie: Path) -> None:
    with server(lambda client: client.sendall(result(SIGNED.hex()))) as port:
        node = CoreNode(port, cookie)
        assert node.transaction(TXID, BEST) == SIGNED
        with pytest.raises(Malformed, match="another identifier"):
            node.transaction("44" * 32, BEST)


@given(st.integers(0, 21_000_000 * 10**8))
@settings(deadline=None, max_examples=200)
def test_amounts_are_exact(units: int) -> None:
    text = f"{units // 10**8}.{units % 10**8:08d}"
    assert satoshi(json.loads(text, parse_float=Decimal)) == units


@pytest.mark.control("TXN-13")
@pytest.mark.parametrize(
    "text",
    [
        "0.000000001",
        "0.123456780000000000000000000000000000001",
        "-0.1",
        "-1",
        "21000000.00000001",
        "1e400",
        "1e-9",
        "NaN",
        "Infinity",
        "true",
        '"1.0"',
        "null",
    ],
)
def test_amounts_that_are_not_exact_are_refused(text: str) -> None:
    with pytest.raises(Refused) as error:
        satoshi(json.loads(text, parse_float=Decimal))
    assert error.value.identifier == "TXN-13"
    with pytest.raises(Refused):
        satoshi(0.1)
