"""A real Bitcoin node for tests: regtest, this machine only, in the test's own folder, stopped by its process.

`scripts/fetch-node` has put it into .cache/node of the checkout. Where it is missing tests fail: they are never skipped."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from transfer.bitcoin import tx

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / ".cache" / "node" / "bitcoind"
READY_SECONDS = 30

ANYONE = b"\x51"
FAUCET = b"\x00\x20" + hashlib.sha256(ANYONE).digest()
"""Output script (P2WSH of OP_TRUE) that anyone can spend: where the test's own money comes from."""
FEE = 10_000


class Failed(Exception):
    """The node answered with an error."""


@dataclass(frozen=True)
class Regtest:
    """A running node: its JSON-RPC port on 127.0.0.1 and its cookie file."""

    port: int
    cookie: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rpc(self, method: str, *parameters: object) -> Any:
        """The result of one call; Failed with the node's words."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            authorization = "Basic " + base64.b64encode(self.cookie.read_bytes()).decode()
            body = json.dumps({"method": method, "params": parameters})
            connection.request("POST", "/", body, {"Authorization": authorization})
            answer = json.loads(connection.getresponse().read(), parse_float=Decimal)
        finally:
            connection.close()
        if answer["error"] is not None:
            raise Failed(answer["error"]["message"])
        return answer["result"]

    def mine(self, count: int = 1, script: bytes = FAUCET) -> None:
        """Mine blocks whose rewards go to an output script."""
        if count:
            self.rpc("generatetodescriptor", count, self._descriptor(script))

    def fund(self, payments: Mapping[str, int]) -> str:
        """Pay each address so many satoshi in one transaction, already mined; its txid. One reward (at most 50 bitcoin) pays."""
        while not (spendable := self._spendable()):
            self.mine(101)
        coin = max(spendable, key=lambda entry: entry["amount"])
        change = int(coin["amount"] * 10**8) - sum(payments.values()) - FEE
        outputs = [{address: f"{Decimal(amount) / 10**8:.8f}"} for address, amount in payments.items()]
        outputs.append({self._address(FAUCET): f"{Decimal(change) / 10**8:.8f}"})
        plain = tx.parse(bytes.fromhex(self.rpc("createrawtransaction", [{"txid": coin["txid"], "vout": coin["vout"]}], outputs)))
        paid = replace(plain, inputs=(replace(plain.inputs[0], witness=(ANYONE,)),))
        self.rpc("generateblock", self._address(FAUCET), [paid.raw.hex()])
        return paid.txid

    def _spendable(self) -> list[dict[str, Any]]:
        found = self.rpc("scantxoutset", "start", [self._descriptor(FAUCET)])
        return [entry for entry in found["unspents"] if not entry["coinbase"] or found["height"] + 1 - entry["height"] >= 100]

    def _descriptor(self, script: bytes) -> str:
        return str(self.rpc("getdescriptorinfo", f"raw({script.hex()})")["descriptor"])

    def _address(self, script: bytes) -> str:
        return str(self.rpc("decodescript", script.hex())["address"])


@contextmanager
def regtest(folder: Path, *options: str) -> Iterator[Regtest]:
    """Start a node in `folder` (made if need be), wait until it answers, stop it at the end."""
    if not PROGRAM.exists():
        raise FileNotFoundError(f"no Bitcoin node at {PROGRAM}: run scripts/fetch-node first (scripts/test does)")
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    ours = [f"-datadir={folder}", "-regtest", "-server", "-listen=0", "-connect=0", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1"]
    quick = [f"-rpcport={port}", "-txindex=0", "-dbcache=16", "-printtoconsole=0"]
    process = subprocess.Popen([PROGRAM, *ours, *quick, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        node = Regtest(port, folder / "regtest" / ".cookie")
        _wait(node, process)
        yield node
    finally:
        process.terminate()
        try:
            process.communicate(timeout=READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait(node: Regtest, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the node ended at once: {process.communicate()[1].decode(errors='replace')[-500:]}")
        try:
            node.rpc("getblockchaininfo")
        except (OSError, Failed, http.client.HTTPException, ValueError):
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"the node was not ready within {READY_SECONDS} seconds")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
