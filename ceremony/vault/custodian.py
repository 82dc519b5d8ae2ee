"""The screen process's side of a custodian's token: a process of its own for one act, with the same protections as the vault's.

It is never the opener: a PIN and a passphrase lie in two address spaces."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType

from ceremony.base.data import Mark
from ceremony.base.lines import sha256
from ceremony.vault import protocol
from ceremony.vault.process import ROLES, Helper, Kept, check_protection
from ceremony.vault.protocol import PresentToken, Ready, StoredShare, StoredShares, TokenReady, TokensFound


@dataclass(frozen=True, slots=True)
class CustodianToken:
    """One token process. Each method sends one message and returns its answer.

    Besides Malformed: WrongSecret (the PIN was wrong; ask again while `tries_left`), Interrupted (Ctrl-C at its prompt), VaultLost
    (the process is gone)."""

    helper: Helper
    ready: Ready
    _terminal: Kept

    @classmethod
    def start(cls, minutes: int) -> CustodianToken:
        """Start the process for at most `minutes`. Call from the main thread: it dies with it. It has no link to the vault."""
        nowhere, end = socket.socketpair()
        with nowhere, end:
            helper = Helper("token", nowhere, minutes * 60)
        try:
            return cls(helper, helper.ask(protocol.Hello(), Ready), Kept())
        except BaseException:
            helper.kill()
            raise

    def __enter__(self) -> CustodianToken:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def check_protection(self, mark: Mark) -> tuple[str, ...]:
        """REC-10, as for the vault's own processes."""
        return check_protection({ROLES["token"]: self.ready}, mark)

    def present(self, module: str) -> tuple[PresentToken, ...]:
        """The tokens that this PKCS#11 module sees; Malformed if it is none."""
        return self.helper.ask(protocol.FindTokens(module=module), TokensFound).tokens

    def open(self, module: str, label: str, serial: str, person: str = "") -> TokenReady:
        """Let `person` type the PIN of this token. WrongSecret while it is not taken."""
        with self._terminal.kept():
            return self.helper.ask(protocol.OpenToken(module=module, label=label, serial=serial, person=person), TokenReady)

    def shares(self) -> tuple[StoredShare, ...]:
        """Every sealed share on the token, by its label."""
        return self.helper.ask(protocol.ListShares(), StoredShares).shares

    def write(self, label: str, value: bytes) -> bytes:
        """Write one sealed share; what was read back in another session is returned."""
        (share,) = self.helper.ask(protocol.WriteShare(label=label, value=value), StoredShares).shares
        return share.value

    def erase(self, share: StoredShare) -> tuple[StoredShare, ...]:
        """Erase one sealed share; what is left, as another session lists it."""
        return self.helper.ask(protocol.EraseShare(label=share.label, sha256=sha256(share.value)), StoredShares).shares

    def end(self) -> None:
        """Let it forget the PIN and end. May be called again."""
        self.helper.finish()
        self._terminal.restore()
