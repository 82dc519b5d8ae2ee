"""A Bitcoin-Core-compatible node on this machine: JSON-RPC over HTTP, authenticated by its cookie file.

The password is read from the file for each call and stands nowhere else. Amounts are taken from the JSON text as
decimals, never as floating point (TXN-13)."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, cast

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.base.show import shown
from transfer.bitcoin import tx
from transfer.bitcoin.tx import MAX_MONEY
from transfer.nodes import SPAN, Sighting, Tip, Unresolved, Unspent, accepted, declined, hash_of
from transfer.request import AccountKey, Network

NETWORKS: dict[str, Network] = {"main": "main", "test": "test", "testnet4": "test", "signet": "test", "regtest": "regtest"}
"""`getblockchaininfo`'s chain -> our network; the test networks share their key and address forms."""

COIN = 100_000_000
"""Satoshi in a bitcoin."""

SECONDS = 30
SCAN_SECONDS = 900
"""A scan of the whole set of coins takes minutes on the main network."""
MAX_ANSWER = 100_000_000
BLOCKS_AHEAD = 3
"""Confirmation within this many blocks is what the fee estimate is asked for."""

# src/rpc/protocol.h
NOT_FOUND = -5
BUSY = -8
ALREADY_ON_CHAIN = -27
STARTING = -28
SAID_NO = (-3, -8, -22, -25, -26)
"""Wrong parameter, does not decode, missing inputs, rejected (fee too low, conflict): this node did not take the transaction."""


class _Failed(Exception):
    """The node answered a call with an error."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{shown(words)} (code {code})")
        self.code = code


class _Lost(Exception):
    """The call went out and no answer of the node's came back."""


@control("TXN-13")
def satoshi(value: object) -> int:
    """TXN-13: an amount of the node's JSON (bitcoin, at most 8 decimals) as whole satoshi, exactly; anything else is refused."""
    number = Decimal(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else Decimal("NaN")
    if not (number.is_finite() and 0 <= number <= MAX_MONEY // COIN and cast(int, number.as_tuple().exponent) >= -8):
        refuse(
            "TXN-13",
            "an amount of the node's",
            found=str(value)[:60],
            expected="a decimal number of bitcoin from 0 to 21,000,000 with at most 8 decimals",
            do="Use another node; this one does not speak exactly.",
        )
    return int(number * COIN)


class CoreNode:
    """Bitcoin Core, Knots or a compatible node at 127.0.0.1:`port`; `cookie` is the file `.cookie` that it writes at start."""

    def __init__(self, port: int, cookie: Path, seconds: float = SECONDS) -> None:
        self._port = port
        self._cookie = cookie
        self._seconds = seconds

    def chain(self) -> Network:
        """The network that the node is on; Malformed for one that we do not know."""
        name = self._dict("getblockchaininfo").get("chain")
        if not isinstance(name, str) or name not in NETWORKS:
            raise Malformed(f"the node is on the chain {shown(name)}, expected one of {', '.join(NETWORKS)}")
        return NETWORKS[name]

    def tip(self) -> Tip:
        """The last block; Malformed while the node is still behind the headers that it knows."""
        info = self._dict("getblockchaininfo")
        height, headers = _whole(info.get("blocks"), "blocks"), _whole(info.get("headers"), "headers")
        if height < headers:
            raise Malformed(f"the node is still catching up: it has {height} of {headers} blocks; wait until it has them all")
        return Tip(height, hash_of(info.get("bestblockhash"), "best block"), _whole(info.get("mediantime"), "median time"))

    def coins(self, account: AccountKey, span: int = SPAN) -> tuple[Unspent, ...]:
        """`scantxoutset` over the account's own descriptors (BIP-380, BIP-84); the node derives the addresses for itself."""
        objects = [{"desc": self._descriptor(account, branch), "range": [0, span - 1]} for branch in (0, 1)]
        found = self._dict("scantxoutset", "start", objects, seconds=SCAN_SECONDS)
        if found.get("success") is not True or not isinstance(found.get("unspents"), list):
            raise Malformed("the node's scan for coins did not come to its end; ask again")
        tip = _whole(found.get("height"), "height")
        coins = [self._coin(entry, tip) for entry in found["unspents"]]
        return tuple(sorted((coin for coin in coins if coin is not None), key=lambda coin: (coin.txid, coin.vout)))

    def transaction(self, txid: str, block_hash: str) -> bytes:
        """The whole transaction from its block (works without a transaction index)."""
        raw = _bytes(self._call("getrawtransaction", txid, False, block_hash), f"transaction {txid}")
        if tx.parse(raw).txid != txid:
            raise Malformed(f"the node's transaction {txid} has another identifier; use another node")
        return raw

    def rate(self) -> int | None:
        """`estimatesmartfee` for the next few blocks, in satoshi per kvB; None while the node has seen too few transactions."""
        estimate = self._dict("estimatesmartfee", BLOCKS_AHEAD).get("feerate")
        return None if estimate is None else satoshi(estimate)

    def broadcast(self, raw: bytes) -> str:
        """`sendrawtransaction`. Not reached: certainly not sent. Any answer but the txid: Unresolved (BRD-02)."""
        txid = tx.parse(raw).txid
        try:
            return accepted(txid, self._ask("sendrawtransaction", (raw.hex(),)))
        except _Lost as lost:
            raise Unresolved(txid, str(lost)) from None
        except _Failed as failed:
            if failed.code == STARTING:
                raise Malformed(f"the node is still starting: {failed}") from None
            if failed.code == ALREADY_ON_CHAIN:
                raise Unresolved(txid, f"the node knows it already: {failed}") from None
            if failed.code in SAID_NO:
                declined(txid, str(failed))
            raise Unresolved(txid, f"the node answered: {failed}") from None

    def sighting(self, txid: str, since: int | None = None) -> Sighting | None:
        """From the mempool or the node's index; else the block of any output not yet spent; else block by block from `since`."""
        shown = self._find("getrawtransaction", txid, True)
        if shown is None:
            block_hash = self._block_by_output(txid) or self._block_by_walk(txid, since)
            shown = self._find("getrawtransaction", txid, True, block_hash) if block_hash else None
        return None if shown is None else self._sighting(shown, txid)

    def spender(self, txid: str, vout: int, since: int) -> Sighting | None:
        """Who spends an output: asked of the mempool first, then of each block from `since` on."""
        if self._call("gettxout", txid, vout, True) is not None:
            return None
        waiting = self._call("gettxspendingprevout", [{"txid": txid, "vout": vout}])
        other = waiting[0].get("spendingtxid") if isinstance(waiting, list) and waiting else None
        if other is not None:
            return self.sighting(hash_of(other, "spending transaction"))
        for block in self._blocks(since, 2):
            for entry in block["tx"]:
                if any(spent.get("txid") == txid and spent.get("vout") == vout for spent in entry["vin"]):
                    shown = {**entry, "blockhash": block.get("hash"), "confirmations": block.get("confirmations")}
                    return self._sighting(shown, hash_of(entry.get("txid"), "transaction"))
        return None

    def _descriptor(self, account: AccountKey, branch: int) -> str:
        origin = f"{account.fingerprint}/{account.path.removeprefix('m/')}"
        plain = f"wpkh([{origin}]{account.xpub}/{branch}/*)"
        return str(self._dict("getdescriptorinfo", plain).get("descriptor"))

    def _coin(self, entry: Any, tip: int) -> Unspent | None:
        """One coin of a scan; None for a mined reward that may not be spent yet (100 blocks)."""
        path = re.search(r"/([01]/(?:0|[1-9][0-9]{0,8}))\]", str(entry.get("desc")))
        if path is None:
            raise Malformed("the node's scan gives a coin without its path; a newer node is needed")
        height = _whole(entry.get("height"), "height of a coin")
        if entry.get("coinbase") is True and tip + 1 - height < 100:
            return None
        return Unspent(
            txid=hash_of(entry.get("txid"), "transaction of a coin"),
            vout=_whole(entry.get("vout"), "output of a coin"),
            amount=satoshi(entry.get("amount")),
            path=path[1],
            height=height,
            block_hash=self._block_hash(height),
        )

    def _sighting(self, shown: Any, txid: str) -> Sighting:
        raw = _bytes(shown.get("hex"), f"transaction {txid}")
        if tx.parse(raw).txid != txid:
            raise Malformed(f"the node's transaction {txid} has another identifier; use another node")
        if shown.get("blockhash") is None:
            return Sighting(txid, None, None, 0, raw)
        block_hash = hash_of(shown["blockhash"], "block")
        header = self._dict("getblockheader", block_hash)
        confirmations = header.get("confirmations")
        if confirmations == -1:  # the block is no longer part of the chain
            return Sighting(txid, None, None, 0, raw)
        return Sighting(txid, block_hash, _whole(header.get("height"), "height"), _whole(confirmations, "confirmations"), raw)

    def _block_by_output(self, txid: str) -> str | None:
        for vout in range(8):
            output = self._call("gettxout", txid, vout, False)
            if output is not None:
                best = self._dict("getblockheader", hash_of(output.get("bestblock"), "best block"))
                depth = _whole(output.get("confirmations"), "confirmations") - 1
                return self._block_hash(_whole(best.get("height"), "height") - depth)
        return None

    def _block_by_walk(self, txid: str, since: int | None) -> str | None:
        if since is None:
            return None
        return next((hash_of(block.get("hash"), "block") for block in self._blocks(since, 1) if txid in block["tx"]), None)

    def _blocks(self, since: int, detail: int) -> Iterator[dict[str, Any]]:
        for height in range(since, self.tip().height + 1):
            block = self._dict("getblock", self._block_hash(height), detail)
            if not isinstance(block.get("tx"), list):
                raise Malformed(f"the node's block {height} has no transactions")
            yield block

    def _block_hash(self, height: int) -> str:
        return hash_of(self._call("getblockhash", height), "block hash")

    def _find(self, method: str, *parameters: object) -> Any | None:
        try:
            return self._answer(method, parameters, self._seconds)
        except _Failed as failed:
            if failed.code != NOT_FOUND:
                _unusable(method, failed)
            return None

    def _dict(self, method: str, *parameters: object, seconds: float | None = None) -> dict[str, Any]:
        answer = self._call(method, *parameters, seconds=seconds)
        if not isinstance(answer, dict):
            raise Malformed(f"the node's answer to {method} is not an object")
        return answer

    def _call(self, method: str, *parameters: object, seconds: float | None = None) -> Any:
        try:
            return self._answer(method, parameters, seconds or self._seconds)
        except _Failed as failed:
            _unusable(method, failed)

    def _answer(self, method: str, parameters: tuple[object, ...], seconds: float) -> Any:
        """The answer to a question that changes nothing: a lost one can simply be asked again."""
        try:
            return self._ask(method, parameters, seconds)
        except _Lost as lost:
            raise Malformed(f"the node did not answer {method} ({lost}); ask again") from None

    def _ask(self, method: str, parameters: tuple[object, ...], seconds: float | None = None) -> Any:
        """One call. Malformed: certainly not acted on. _Failed: the node's own error. _Lost: sent, and no answer of the node's."""
        status, body = self._post(json.dumps({"jsonrpc": "1.0", "id": 1, "method": method, "params": parameters}), seconds)
        if status == http.client.UNAUTHORIZED:
            raise Malformed(f"the node does not accept the cookie of {self._cookie}: is it the file of this node, and newly written?")
        if status == http.client.FORBIDDEN:
            raise Malformed("the node does not let this machine ask (its settings rpcallowip and rpcwhitelist)")
        try:
            answer = json.loads(body, parse_float=Decimal)
            error = answer["error"]
            if error is not None:
                raise _Failed(int(error["code"]), str(error["message"]))
            return answer["result"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _Lost(f"HTTP status {status} and no JSON-RPC answer") from None

    def _post(self, body: str, seconds: float | None) -> tuple[int, bytes]:
        authorization = "Basic " + base64.b64encode(_cookie(self._cookie)).decode("ascii")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds or self._seconds)
        try:
            connection.connect()
        except OSError as error:
            raise Malformed(f"no node answers at 127.0.0.1:{self._port} ({error.strerror or error}): is it running?") from None
        try:
            connection.request("POST", "/", body, {"Authorization": authorization, "Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read(MAX_ANSWER + 1)
        except TimeoutError:
            raise _Lost(f"no answer within {seconds or self._seconds:g} seconds") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Lost(f"the connection broke: {type(error).__name__}") from None
        finally:
            connection.close()
        if len(answer) > MAX_ANSWER:
            raise _Lost(f"the answer is longer than {MAX_ANSWER} bytes")
        return response.status, answer


def _unusable(method: str, failed: _Failed) -> NoReturn:
    if failed.code == STARTING:
        raise Malformed(f"the node is still starting: {failed}") from None
    if method == "scantxoutset" and failed.code == BUSY:
        raise Malformed(f"the node is busy with another scan, or does not take the descriptor: {failed}") from None
    raise Malformed(f"the node refuses {method}: {failed}") from None


def _cookie(path: Path) -> bytes:
    raw = read_file(path, 1000)
    if not re.fullmatch(rb"[!-~]+:[!-~]+", raw):
        raise Malformed(f"{path}: not a cookie file of a node (one line, name:password)")
    return raw


def _whole(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed(f"the node's {what}: found {shown(value)}, expected a whole number")
    return value


def _bytes(value: object, what: str) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("([0-9a-f]{2})+", value):
        raise Malformed(f"the node's {what}: expected hexadecimal digits")
    return bytes.fromhex(value)
