"""The screen process's side of the vault: start the two children, ask them, and tell honestly when one is gone.

The children share this terminal and get two sockets each: one to here, one to each other. Nothing secret comes here. (A
custodian's own token has a third child, for one act at a time: custodian.py.)"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, Mark
from ceremony.base.mark import RELAXED, permits
from ceremony.vault import protocol
from ceremony.vault.orders import Orders
from ceremony.vault.protection import KEPT
from ceremony.vault.protocol import (
    ArmedReply,
    BeginHealth,
    BeginKeygen,
    BeginReshare,
    Channel,
    Delivered,
    Destroyed,
    Failed,
    HealthBegun,
    ImportedKeys,
    KeyRecordMade,
    PathProven,
    Proven,
    Quorums,
    Ready,
    Recovered,
    ReshareBegun,
    Sealed,
    Served,
    Signed,
    TokenOpened,
    Unlocked,
)

R = TypeVar("R")
Role = Literal["opener", "hsm"]
ROLES: dict[Role | Literal["token"], str] = {"opener": "opener", "hsm": "HSM process", "token": "token process"}

_PATIENCE = 5.0
"""Seconds that a child has to end by itself once it was told to."""


_LOOK, _SILENT = 0.25, 3.0
"""Seconds between two looks at a child that is waited for, and without an answer before the screen says so."""


class VaultLost(Malformed):
    """A child of the vault is gone: what it held in memory is gone with it, and every sealed share is as it was."""


class Notice:
    """A line that stands on the terminal while something is waited for, and is gone again afterwards."""

    def __init__(self, text: str) -> None:
        self._text, self._shown = text, False

    def __enter__(self) -> Notice:
        return self

    def show(self) -> bool:
        """Write it, once; whether it stood there already. Ctrl-C from before is dropped: it was meant for something else."""
        if self._shown:
            return True
        _drop_keys()
        if os.isatty(1):
            os.write(1, self._text.encode("ascii"))
        self._shown = True
        return False

    def __exit__(self, *_: object) -> None:
        if self._shown and os.isatty(1):
            os.write(1, b"\r\x1b[K")


def _at_prompt() -> bool:
    """Whether a child asks a person for a secret: the terminal then gives each key as it is typed (prompt.py)."""
    return os.isatty(0) and not termios.tcgetattr(0)[3] & termios.ICANON


class Helper:
    """One child process and the socket to it."""

    def __init__(self, role: Role | Literal["token"], link: socket.socket, seconds: int) -> None:
        self._name = ROLES[role]
        for number in (signal.SIGHUP, signal.SIGTERM):  # whatever was inherited, as under nohup: the vault ends with this process
            signal.signal(number, signal.SIG_DFL)
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        arguments = (str(theirs.fileno()), str(link.fileno()), str(os.getpid()), str(seconds))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "ceremony.vault", role, *arguments],
            pass_fds=(theirs.fileno(), link.fileno()),
            env={name: os.environ[name] for name in KEPT if name in os.environ},
        )
        theirs.close()

    @property
    def pid(self) -> int:
        """The process number of its keeper (keeper.py): what happens to that happens to the child."""
        return self._process.pid

    def ask(self, message: Any, kind: type[R]) -> R:
        """Send and wait; raises what the child tells of. Ctrl-C is not taken meanwhile: an answer must not be lost."""
        with _uninterrupted():
            self.send(message)
            self._awaited(_WAITS.get(type(message), f"the {self._name}"))
            return self.receive(kind)

    def send(self, message: Any) -> None:
        """Send without waiting for the answer."""
        try:
            self.channel.send(message)
        except OSError:
            self._lost()

    def receive(self, kind: type[R]) -> R:
        """The answer, of this kind; raises what it tells of."""
        try:
            reply = self.channel.receive((kind, *protocol.TROUBLE))
        except Malformed as error:
            self.kill()
            raise VaultLost(f"the {self._name} was ended: its answer was not of the closed list ({error})") from None
        if reply is None:
            self._lost()
        if isinstance(reply, Failed):
            self.kill()
            raise VaultLost(f"the {self._name} ended: a fault of the program, {reply.what}. {_GONE}")
        answer: R = protocol.told(reply)
        return answer

    def _awaited(self, what: str) -> None:
        """Wait for the answer. After a while the screen says what is waited for; from then on Ctrl-C ends the child, nothing else does.

        A child that is at its own prompt is not waited for: a person is, and Ctrl-C comes there as a character."""
        notice = Notice(f"Waiting for {what}. Ctrl-C ends it; nothing is lost.")
        since = time.monotonic()
        with notice:
            while not self.channel.waiting() and not select.select([self.channel], [], [], _LOOK)[0]:
                if _at_prompt():
                    since = time.monotonic()
                elif time.monotonic() - since >= _SILENT and notice.show() and signal.sigtimedwait(_KEYS, 0):
                    self.kill()
                    raise VaultLost(f"the {self._name} was ended: it was waited for, and did not answer. {_GONE}")

    def finish(self) -> None:
        """Let it forget everything and end; kill it if it does not."""
        with contextlib.suppress(Exception):
            self.send(protocol.Finish())
            if select.select([self.channel], [], [], _PATIENCE)[0]:
                self.receive(protocol.Finished)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self.kill()

    def kill(self) -> None:
        """End it at once, by its process number, and whatever it had started."""
        for end in (self._process.terminate, self._process.kill):
            if self._process.poll() is None:
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        self.channel.close()

    def _lost(self) -> Any:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self.kill()
        code = self._process.returncode
        why = "by itself" if code >= 0 else _SIGNALS.get(-code, f"killed by signal {-code}")
        raise VaultLost(f"the {self._name} is gone ({why}, code {code}). {_GONE}")


_WAITS: dict[type, str] = {
    protocol.Hello: "the vault's self-tests",
    protocol.Arm: "the vault to verify its orders",
    protocol.Open: "the HSM to open its session",
    protocol.TryImportPath: "the HSM to try its import path",
    protocol.Imported: "the HSM to say which keys it holds",
    protocol.Sign: "the HSM to sign",
    protocol.Destroy: "the HSM to destroy the keys",
    protocol.LinkDone: "the HSM to end what it is at",
    protocol.BeginKeygen: "the key to be made",
    protocol.Resplit: "the shares to be made anew",
    protocol.Recover: "the shares to be combined",
    protocol.Deliver: "the keys to reach the HSM",
    protocol.ProveQuorums: "each quorum to be proven",
    **dict.fromkeys((protocol.Lock, protocol.LockAgain, protocol.LockNew), "the share to be locked"),
    **dict.fromkeys((protocol.Unlock, protocol.Prove, protocol.ProveAgain, protocol.ProveNew), "the share to be opened"),
    **dict.fromkeys((protocol.FindTokens, protocol.OpenToken, protocol.ListShares), "the library of the token"),
    **dict.fromkeys((protocol.WriteShare, protocol.EraseShare), "the token to write"),
}
"""Message -> what is waited for until its answer comes."""
_GONE = "What it had in memory is gone; every sealed share is as it was."
_SIGNALS = {int(signal.SIGALRM): "the charter's time limit was reached", int(signal.SIGKILL): "killed"}


@dataclass(frozen=True, slots=True)
class Vault:
    """Both children. Each method sends one message and returns its answer, or raises what the child refused.

    Besides Refused and Malformed: WrongSecret (a passphrase or PIN was wrong; ask again while `tries_left`), Interrupted
    (Ctrl-C at a child's prompt), VaultLost (a child is gone)."""

    opener: Helper
    hsm: Helper
    ready: dict[Role, Ready]
    _terminal: Kept

    @classmethod
    def start(cls, minutes: int) -> Vault:
        """Start both children for at most `minutes` (the charter's vault_minutes). Call from the main thread: they die with it."""
        return cls.start_for(minutes * 60)

    @classmethod
    def start_for(cls, seconds: int) -> Vault:
        """As `start`, in seconds."""
        one, other = socket.socketpair()
        with one, other:
            opener, hsm = Helper("opener", one, seconds), Helper("hsm", other, seconds)
        vault = cls(opener, hsm, {}, Kept())
        try:
            vault.ready["opener"] = opener.ask(protocol.Hello(), Ready)
            vault.ready["hsm"] = hsm.ask(protocol.Hello(), Ready)
        except BaseException:
            vault.kill()
            raise
        return vault

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def check_protection(self, mark: Mark) -> tuple[str, ...]:
        """REC-10 of both."""
        return check_protection({ROLES[role]: ready for role, ready in self.ready.items()}, mark)

    def open_token(self, module: str, label: str, serial: str, halves: protocol.YesNo = "no") -> TokenOpened:
        """Load the PKCS#11 module and let the administrator type the PIN, or administrator and witness one half each (`halves`).

        An empty label or serial is not asked for."""
        with self._terminal.kept():
            return self.hsm.ask(protocol.Open(module=module, label=label, serial=serial, halves=halves), TokenOpened)

    def try_import_path(self) -> PathProven:
        """AIR-07: the whole import path with a throw-away key."""
        return self.hsm.ask(protocol.TryImportPath(), PathProven)

    def begin_keygen(self, message: BeginKeygen) -> KeyRecordMade:
        """Generate, split and commit; the key record's body."""
        return self._linked(message, KeyRecordMade)[0]

    def lock(self, position: str, sealing: int) -> Sealed:
        """Let this custodian choose a passphrase; their sealed share."""
        with self._terminal.kept():
            return self.opener.ask(protocol.Lock(position=position, sealing=sealing), Sealed)

    def prove(self, position: str, sealed: bytes) -> Proven:
        """Let this custodian open what was read back from their medium. WrongSecret while it does not open."""
        with self._terminal.kept():
            return self.opener.ask(protocol.Prove(position=position, sealed=sealed), Proven)

    def prove_quorums(self) -> Quorums:
        """GEN-07: every minimal quorum, by its parts, from the proven shares."""
        return self.opener.ask(protocol.ProveQuorums(), Quorums)

    def arm(self, orders: Orders) -> ArmedReply:
        """Arm both children, once. They verify all of it themselves and must come to the same orders (SIG-08)."""
        armed = self.hsm.ask(protocol.Arm(orders=orders), ArmedReply)
        reply, _ = self._linked(protocol.Arm(orders=orders), ArmedReply)
        if replace(armed, finding="") != replace(reply, finding=""):
            found = f"HSM process: request {armed.request}; opener: request {reply.request}"
            refuse("SIG-08", "the two halves of the vault disagree", found=found, expected="the same orders", do="End this vault.")
        return armed

    def begin_health(self, message: BeginHealth) -> HealthBegun:
        """STO-10: shares are then unlocked and locked again one at a time, and never combined. Needs no orders."""
        return self.opener.ask(message, HealthBegun)

    def begin_reshare(self, message: BeginReshare) -> ReshareBegun:
        """Verify the order to make all shares anew; this vault can then recover and split once, and nothing else."""
        return self._linked(message, ReshareBegun)[0]

    def resplit(self) -> KeyRecordMade:
        """The recovered secret in new shares: the body of the new key record."""
        return self.opener.ask(protocol.Resplit(), KeyRecordMade)

    def unlock(self, position: str, sealed: bytes, numbers: tuple[int, ...], retired: Mapping[str, str] | None = None) -> Unlocked:
        """Check the header, then let this custodian type the passphrase. `numbers`: sealing numbers of the register, newest last;
        `retired`: its retired sets, in words."""
        message = protocol.Unlock(position=position, sealed=sealed, numbers=numbers, retired=dict(retired or {}))
        with self._terminal.kept():
            return self.opener.ask(message, Unlocked)

    def recover(self) -> Recovered:
        """Combine one minimal quorum; compare commitments and extended public keys."""
        return self.opener.ask(protocol.Recover(), Recovered)

    def deliver(self) -> tuple[Delivered, ImportedKeys]:
        """Hand the wrapped child keys to the HSM; both sides must name the same import key (REC-08)."""
        delivered, served = self._linked(protocol.Deliver(), Delivered)
        imported = self.hsm.ask(protocol.Imported(), ImportedKeys)
        if delivered.import_key != served.fingerprint or delivered.keys != len(imported.keys):
            found = f"{delivered.keys} keys wrapped to {delivered.import_key}"
            expected = f"{len(imported.keys)} keys and import key {served.fingerprint}, as the HSM has them"
            refuse(
                "REC-08", "what was delivered is not what arrived", found=found, expected=expected, do="Destroy the keys; end this vault."
            )
        return delivered, imported

    def sign(self, past_r: tuple[str, ...]) -> Signed:
        """Sign every input of the armed request. `past_r`: r of every earlier signature (SIG-05), 64 hexadecimal digits each."""
        return self.hsm.ask(protocol.Sign(past_r=past_r), Signed)

    def destroy(self) -> Destroyed:
        """SEC-03: destroy the session objects and enumerate."""
        return self.hsm.ask(protocol.Destroy(), Destroyed)

    def lock_again(self, position: str, sealing: int) -> Sealed:
        """SEC-01: the same passphrase, a fresh salt, the next sealing number."""
        return self.opener.ask(protocol.LockAgain(position=position, sealing=sealing), Sealed)

    def prove_again(self, position: str, sealed: bytes) -> Proven:
        """SEC-01: what was read back opens, to the same commitment."""
        return self.opener.ask(protocol.ProveAgain(position=position, sealed=sealed), Proven)

    def lock_new(self, position: str, sealing: int) -> Sealed:
        """SEC-01: let this custodian choose a new passphrase, and lock their share under it."""
        with self._terminal.kept():
            return self.opener.ask(protocol.LockNew(position=position, sealing=sealing), Sealed)

    def prove_new(self, position: str, sealed: bytes) -> Proven:
        """SEC-01: let this custodian type the new passphrase once more. WrongSecret while what was read back does not open."""
        with self._terminal.kept():
            return self.opener.ask(protocol.ProveNew(position=position, sealed=sealed), Proven)

    def end(self) -> None:
        """Let both forget everything and end. May be called again."""
        for helper in (self.opener, self.hsm):
            helper.finish()
        self._terminal.restore()

    def kill(self) -> None:
        """End both at once."""
        for helper in (self.opener, self.hsm):
            helper.kill()
        self._terminal.restore()

    def _linked(self, message: Any, kind: type[R]) -> tuple[R, Served]:
        """Ask the opener something for which it asks the HSM process; that serves the link until the opener has answered."""
        with _uninterrupted(), self._terminal.kept():
            self.hsm.send(protocol.ServeLink())
            try:
                reply = self.opener.ask(message, kind)
            except VaultLost:
                self.hsm.kill()  # it may be the one that does not answer
                raise
            except BaseException:
                self.hsm.ask(protocol.LinkDone(), Served)
                raise
            return reply, self.hsm.ask(protocol.LinkDone(), Served)


class Kept:
    """The terminal as it was: a child that was killed at its prompt cannot put it back; this process does."""

    def __init__(self) -> None:
        self._before = termios.tcgetattr(0) if os.isatty(0) else None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put back if a child is lost meanwhile."""
        try:
            yield
        except VaultLost:
            self.restore(leave=True)
            raise

    def restore(self, *, leave: bool = False) -> None:
        """As it was; `leave`: out of the alternate screen, too."""
        if self._before is None:
            return
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, self._before)
        if leave and os.isatty(1):
            os.write(1, b"\x1b[2J\x1b[3J\x1b[H\x1b[?1049l\n")


@control("REC-10")
def check_protection(ready: Mapping[str, Ready], mark: Mark) -> tuple[str, ...]:
    """REC-10: production refuses a process without the essential protections; practice gets the sentences to record."""
    lacking = [f"{name}: {p.name}: {p.state}" for name, each in ready.items() for p in each.protection if _lacks(p)]
    if lacking and not permits(mark, "machine checks"):
        do = "Use the cold host's image, which grants these."
        refuse("REC-10", "the vault is not protected", found="; ".join(lacking), expected="every essential protection held", do=do)
    return tuple(f"production would refuse: {sentence} ({RELAXED['machine checks']})" for sentence in lacking)


def _lacks(protected: protocol.Protected) -> bool:
    return protected.essential == "yes" and protected.state != "held"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and Ctrl-\\ back while an answer is due, and drop them afterwards: prompts take them as characters."""
    held = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, _KEYS)
    try:
        yield
    finally:
        if not held:
            _drop_keys()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _KEYS)


_KEYS = {signal.SIGINT, signal.SIGQUIT}


def _drop_keys() -> None:
    while signal.sigtimedwait(_KEYS, 0):
        pass
