"""The process of a custodian's own token: it holds the PIN for one act, and sees sealed shares alone, which are no secret (REC-10).

A sealed share lies on the token as a private data object (PKCS#11 2.40 section 4.5: CKO_DATA). It opens nothing without its passphrase;
the PIN stands before it and is no second passphrase. Each message has sessions of its own, which end with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ceremony.base.data import Malformed
from ceremony.vault import slots
from ceremony.vault.child import Child, loop
from ceremony.vault.protocol import (
    TO_TOKEN,
    EraseShare,
    FindTokens,
    Finish,
    Finished,
    Interrupted,
    ListShares,
    OpenToken,
    PresentToken,
    StoredShare,
    StoredShares,
    TokenReady,
    TokensFound,
    WriteShare,
    WrongSecret,
    plain,
)

if TYPE_CHECKING:
    import pkcs11

APPLICATION = "cold-ceremony"
"""CKA_APPLICATION of our objects; no other object on the token is read, listed or erased."""
MOST = 4096
"""Bytes of a value that are read; a sealed share has 86."""
PIN_TRIES = 3
RISK = "RISK"
"""Typed before the last try that a token gives: it cannot be taken back."""
_PIN_STATES = {
    "wrong tries": "The token counts wrong PINs: not all of its tries are left. It may lock itself.",
    "last try": "ONE MORE WRONG PIN LOCKS THIS TOKEN: one try is left. If you are not sure of the PIN, do not risk it; nothing is lost.",
}
_ANSWERS = {
    "DeviceMemory": "it is full: erase an old share with `ceremony shares token erase`, or take another token",
    "TokenWriteProtected": "it is read-only: take another token",
    "SessionReadOnly": "it is read-only: take another token",
    "DeviceRemoved": "it was pulled out",
    "TokenNotPresent": "it is not there",
    "PinLocked": "its PIN is locked: reset it as its maker says, or take another token",
}
"""What a token refuses or fails at -> in words."""


def serve(child: Child) -> None:
    """Answer messages until `finish`, the end of the socket, or a fault; PIN and module end with it."""
    process = TokenProcess(child)
    try:
        loop(child, TO_TOKEN, process.handlers)
    finally:
        with suppress(Exception):
            process.end()


class TokenProcess:
    """What this process knows: the token that was opened, its PIN, and how many tries this tool still gives."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._opened: OpenToken | None = None
        self._pin = bytearray()
        self._tries_left = PIN_TRIES

    @property
    def handlers(self) -> Mapping[type, Callable[[Any], Any]]:
        """The messages of the screen process and what answers them."""
        handlers: dict[type, Callable[[Any], Any]] = {
            FindTokens: self._find,
            OpenToken: self._open,
            ListShares: self._list,
            WriteShare: self._write,
            EraseShare: self._erase,
            Finish: self._finish,
        }
        return {kind: _token_answers()(handler) for kind, handler in handlers.items()}

    def end(self) -> None:
        """The PIN is overwritten; C_Finalize ends whatever the module still holds."""
        self._pin[:] = bytes(len(self._pin))
        if self._opened is not None:
            module, self._opened = self._opened.module, None
            slots.unload(module)

    def _find(self, message: FindTokens) -> TokensFound:
        found = [told for _, told in slots.present(message.module)]
        tokens = tuple(
            PresentToken(
                label=plain(told.label),
                serial=plain(told.serial),
                model=_free(f"{told.manufacturer} {told.model}"),
                pin=slots.pin_state(message.module, told.label, told.serial),
            )
            for told in found
        )
        slots.unload(message.module)  # a module looks for new tokens when it is loaded, and some not again
        return TokensFound(tokens=tokens)

    def _open(self, message: OpenToken) -> TokenReady:
        if self._opened is not None:
            raise Malformed("a token is open already")
        state = slots.pin_state(message.module, message.label, message.serial)
        if state == "locked" or self._tries_left == 0:
            why = "the token has locked its PIN" if state == "locked" else "the PIN was wrong three times"
            raise Malformed(f"{why}; reset it as its maker says, or take another token. Nothing is lost.")
        pin = self._asked(message, state)
        try:
            slots.find(message.module, message.label, message.serial)[0].open(user_pin=pin.decode("ascii")).close()
        except BaseException as error:
            pin[:] = bytes(len(pin))
            if not isinstance(error, _wrong_pin()):
                raise
            self._tries_left -= 1
            raise WrongSecret("the token did not take this PIN", self._tries_left) from None
        self._opened, self._pin, self._tries_left = message, pin, PIN_TRIES
        return TokenReady(label=message.label, serial=message.serial)

    def _asked(self, message: OpenToken, state: str) -> bytearray:
        prompt, person = self._child.prompt(), message.person
        prompt.say(f"The token {message.label} (serial {message.serial}) asks for its PIN. It is not the passphrase of the share.")
        if state in _PIN_STATES:
            prompt.say(_PIN_STATES[state])
        begin = f"{person}, " if person else ""
        if state == "last try" and prompt.line(f"{begin}type {RISK} to use the last try, or only Enter to leave it: ") != RISK:
            raise Interrupted
        if person:
            prompt.hand_over(person)
        return prompt.pin(f"{begin}PIN of the token (it does not show), then Enter: ")

    @contextmanager
    def _session(self, *, rw: bool = False) -> Iterator[pkcs11.Session]:
        if self._opened is None:
            raise Malformed("no token is open")
        try:
            token, _ = slots.find(self._opened.module, self._opened.label, self._opened.serial)
        except Malformed:
            raise Malformed(f"the token {self._opened.label} does not answer any more: it was pulled out. Nothing is lost.") from None
        session = token.open(rw=rw, user_pin=self._pin.decode("ascii"))
        try:
            yield session
        finally:
            with suppress(_pkcs11_error()):
                session.close()

    def _shares(self) -> tuple[StoredShare, ...]:
        with self._session() as session:
            return tuple(sorted((_stored(item) for item in _ours(session)), key=lambda share: share.label))

    def _list(self, _: ListShares) -> StoredShares:
        return StoredShares(shares=self._shares())

    def _write(self, message: WriteShare) -> StoredShares:
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415

        if not 0 < len(message.value) <= MOST:
            raise Malformed(f"a sealed share of 1 to {MOST} bytes is written, not of {len(message.value)}")
        if any(share.label == message.label for share in self._shares()):
            raise Malformed(f"the token holds {message.label} already")
        with self._session(rw=True) as session:
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: True,
                    Attribute.MODIFIABLE: False,
                    Attribute.APPLICATION: APPLICATION,
                    Attribute.LABEL: message.label,
                    Attribute.VALUE: message.value,
                }
            )
        found = tuple(share for share in self._shares() if share.label == message.label)
        if [share.value for share in found] != [message.value] or not self._private(message.label):
            self._drop(message.label)  # else it would be the newest share on this token
            raise Malformed("the token reads back something else than was written, or does not keep it private; use another token")
        return StoredShares(shares=found)

    def _private(self, label: str) -> bool:
        """What the token states of it: lasting, and private."""
        from pkcs11 import Attribute  # noqa: PLC0415

        with self._session() as session:
            return all(item[Attribute.PRIVATE] and item[Attribute.TOKEN] for item in _ours(session) if _stored(item).label == label)

    def _erase(self, message: EraseShare) -> StoredShares:
        self._drop(message.label, message.sha256)
        return StoredShares(shares=self._shares())

    def _drop(self, label: str, digest: str | None = None) -> None:
        with self._session(rw=True) as session:
            for item in _ours(session):
                share = _stored(item)
                if share.label == label and digest in (None, sha256(share.value).hexdigest()):
                    item.destroy()

    def _finish(self, _: Finish) -> Finished:
        self.end()
        return Finished()


def _ours(session: pkcs11.Session) -> list[Any]:
    from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415

    return list(session.get_objects({Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: APPLICATION}))


def _stored(item: Any) -> StoredShare:
    from pkcs11 import Attribute  # noqa: PLC0415

    return StoredShare(label=_free(item[Attribute.LABEL] or ""), value=bytes(item[Attribute.VALUE])[:MOST])


@contextmanager
def _token_answers() -> Iterator[None]:
    """What the token itself refuses or fails at, in words or by the name of its answer (CKR_...), which holds nothing secret."""
    try:
        yield
    except _pkcs11_error() as error:
        name = type(error).__name__
        raise Malformed(f"the token answered {name}: {_ANSWERS.get(name, 'look at its light and its plug')}. Nothing is lost.") from None


def _pkcs11_error() -> type[Exception]:
    from pkcs11 import PKCS11Error  # noqa: PLC0415

    error: type[Exception] = PKCS11Error
    return error


def _wrong_pin() -> tuple[type[Exception], ...]:
    from pkcs11 import PinIncorrect, PinInvalid, PinLenRange  # noqa: PLC0415

    return PinIncorrect, PinInvalid, PinLenRange


def _free(text: str) -> str:
    return plain(text) if text.strip() else ""
