"""The vault on a real pseudo-terminal, driven from a test.

A screen process of its own runs at the far end of a pseudo-terminal and starts the real children. The test tells it over a
socket which method of `Vault` to call, and types at the terminal what people would type."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import socket
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pexpect

SAMPLE = r"(?s)try the keyboard first.*?, here: "
UNLOCK = r"{}(?:, for the former key's share)?, type your passphrase \(it does not show\), then Enter: "
PROVE = r"{}, to prove it, type your passphrase \(it does not show\), then Enter: "
PIN = r"PIN of the HSM .*\(it does not show\), then Enter: "
PATIENCE = 20


class Told(Exception):
    """What the screen process was told instead of an answer: the error's class, control identifier, tries left."""

    def __init__(self, kind: str, identifier: str, text: str, tries_left: int) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind, self.identifier, self.tries_left = kind, identifier, tries_left


class PtyVault:
    """One screen process with its vault. `folder` is short-lived; `environment` is added to the screen process's."""

    def __init__(self, folder: Path, seconds: int = 300, **environment: str) -> None:
        path = folder / f"screen-{os.urandom(4).hex()}"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen(1)
            self.terminal = pexpect.spawn(
                sys.executable,
                [__file__, str(path), str(seconds)],
                env={**os.environ, **environment},
                dimensions=(24, 80),
                timeout=PATIENCE,
                echo=False,
            )
            self.terminal.delaybeforesend = None
            listening.settimeout(PATIENCE)
            self._screen, _ = listening.accept()
        path.unlink()
        self._shown = ""
        self.pids: dict[str, int] = self._receive()

    def __enter__(self) -> PtyVault:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def screen(self) -> int:
        """Process number of the screen process."""
        return int(self.terminal.pid)

    @property
    def shown(self) -> str:
        """All that the terminal has received so far, as far as it was waited for."""
        return self._shown

    def ask(self, method: str, *arguments: Any) -> None:
        """Let the screen process call a method of its vault; `answer` gives what it returns."""
        _send(self._screen, (method, arguments))

    def answer(self) -> Any:
        """What the method returned; Told if it raised."""
        reply = self._receive()
        if isinstance(reply, dict) and "told" in reply:
            raise Told(**reply["told"])
        return reply

    def call(self, method: str, *arguments: Any) -> Any:
        """`ask` and `answer` in one."""
        self.ask(method, *arguments)
        return self.answer()

    def type(self, prompt: str, text: str, end: str = "\r") -> re.Match[str]:
        """Wait for a prompt (a regular expression), then type."""
        match = self.wait(prompt)
        self.terminal.send(text + end)
        return match

    def wait(self, pattern: str) -> re.Match[str]:
        """Wait until the terminal shows this."""
        self.terminal.expect(pattern.encode())
        self._shown += (self.terminal.before + self.terminal.after).decode("ascii")
        found = re.search(pattern, self.terminal.after.decode("ascii"))
        assert found
        return found

    def rest(self) -> str:
        """Whatever else the terminal has received by now."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            while True:
                self._shown += self.terminal.read_nonblocking(4096, 0.05).decode("ascii")
        return self._shown

    def close(self) -> None:
        """End the screen process, and with it its children."""
        self._screen.close()
        self.terminal.ptyproc.delayafterclose = 0.02  # seconds: it is hung up, and gone by then
        self.terminal.close(force=True)

    def _receive(self) -> Any:
        self._screen.settimeout(60)
        return _receive(self._screen)


def inside(keeper: int) -> int:
    """The process that a keeper keeps: the first one of its own PID namespace, by its number out here."""
    until = time.monotonic() + 10
    while not (found := Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()):
        assert time.monotonic() < until, "it was forked"
        time.sleep(0.01)
    return int(found[0])


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rsplit(")", 1)[1].split()[0] not in "ZX"


def memory(pid: int) -> bytes:
    """All readable memory of a process (root may read it whatever the process does)."""
    found = bytearray()
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if mode.startswith("r") and "[v" not in line:
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    mem.seek(start)
                    found += mem.read(end - start)
    return bytes(found)


def _send(end: socket.socket, value: Any) -> None:
    raw = pickle.dumps(value)
    end.sendall(struct.pack(">I", len(raw)) + raw)


def _receive(end: socket.socket) -> Any:
    (size,) = struct.unpack(">I", _exactly(end, 4))
    return pickle.loads(_exactly(end, size))  # noqa: S301 - from our own child


def _exactly(end: socket.socket, size: int) -> bytes:
    raw = b""
    while len(raw) < size:
        part = end.recv(size - len(raw))
        if not part:
            raise EOFError
        raw += part
    return raw


def _screen_process(path: str, seconds: int) -> None:
    """The far end: start the vault, then call what the test says until it goes away."""
    from ceremony.vault.process import Vault  # noqa: PLC0415 - in the screen process only

    end = socket.socket(socket.AF_UNIX)
    end.connect(path)
    vault = Vault.start_for(seconds)
    _send(end, {"opener": inside(vault.opener.pid), "hsm": inside(vault.hsm.pid)})
    try:
        while True:
            method, arguments = _receive(end)
            try:
                reply = vault.ready if method == "ready" else getattr(vault, method)(*arguments)
            except Exception as error:
                told = {"kind": type(error).__name__, "identifier": getattr(error, "identifier", ""), "text": str(error)}
                reply = {"told": {**told, "tries_left": getattr(error, "tries_left", -1)}}
            _send(end, reply)
    except EOFError:
        vault.end()


if __name__ == "__main__":
    _screen_process(sys.argv[1], int(sys.argv[2]))
