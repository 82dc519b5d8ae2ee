"""The HSM process: it holds the PIN and the PKCS#11 session, and sees only wrapped keys (REC-10).

It answers the screen process on one socket and, while told to, the opener on another. What it may sign it takes from
orders that it verified itself; it has no message that signs a digest (SIG-08)."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed
from ceremony.vault import slots
from ceremony.vault import token as hsm
from ceremony.vault.child import Child, Ending, loop
from ceremony.vault.orders import ArmedOnce
from ceremony.vault.prompt import Prompt
from ceremony.vault.protocol import (
    OVER_LINK,
    TO_HSM,
    Arm,
    ArmedReply,
    Channel,
    Destroy,
    Destroyed,
    Finish,
    Finished,
    GiveImportKey,
    GiveRandom,
    Imported,
    ImportedKey,
    ImportedKeys,
    ImportKey,
    InputSignature,
    Interrupted,
    LinkDone,
    Open,
    PathProven,
    Random,
    Served,
    ServeLink,
    Sign,
    Signed,
    TakeKeys,
    Taken,
    TokenObject,
    TokenOpened,
    TryImportPath,
    WrongSecret,
    plain,
    trouble,
)

PIN_TRIES = 3
_PIN_STATES = {
    "no wrong tries": "The HSM counts no wrong PIN since the last right one: all its tries are left.",
    "wrong tries": "The HSM counts wrong PINs: not all of its tries are left. It may lock itself.",
    "last try": "ONE MORE WRONG PIN LOCKS THIS HSM: one try is left. If you are not sure of the PIN, do not risk it; nothing is lost.",
}
RISK = "RISK"
"""Typed before the last try that an HSM gives: it cannot be taken back."""


def serve(child: Child) -> None:
    """Answer messages until `finish`, the end of the socket, or a fault; the session ends with it."""
    process = HsmProcess(child)
    try:
        loop(child, TO_HSM, process.handlers)
    finally:
        with suppress(Malformed), _hsm_answers():
            process.end()


class HsmProcess:
    """What this process knows: its orders, its token, and the keys that it took."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._orders = ArmedOnce()
        self._opened: tuple[str, hsm.Token] | None = None
        self._tries_left = PIN_TRIES
        self._proven = False
        self._imported: tuple[dict[str, bytes], hsm.Attributes] | None = None

    @property
    def handlers(self) -> Mapping[type, Callable[[Any], Any]]:
        """The messages of the screen process and what answers them."""
        handlers: dict[type, Callable[[Any], Any]] = {
            Open: self._open,
            TryImportPath: self._try_import_path,
            Arm: self._arm,
            ServeLink: self._serve_link,
            Imported: self._tell_imported,
            Sign: self._sign,
            Destroy: self._destroy,
            Finish: self._finish,
        }
        return {kind: _hsm_answers()(handler) for kind, handler in handlers.items()}

    def end(self) -> None:
        """C_Logout, C_CloseSession, C_Finalize, as far as the HSM still answers: session objects end with the session anyway."""
        if self._opened is not None:
            module, token = self._opened
            self._opened = None
            try:
                token.close()
            finally:
                slots.unload(module)

    def _open(self, message: Open) -> TokenOpened:
        if self._opened is not None:
            raise Malformed("the HSM is open already")
        state = slots.pin_state(message.module, message.label, message.serial)
        if state == "locked" or self._tries_left == 0:
            why = "the HSM has locked its PIN" if state == "locked" else "the PIN was wrong three times"
            raise Malformed(f"{why}; let the person who keeps it look it up, or reset it as its maker says. Nothing is lost.")
        token = self._log_in(message, state)
        try:
            objects = token.check_empty()
        except BaseException:
            token.close()
            raise
        self._opened, self._tries_left = (message.module, token), PIN_TRIES
        found = tuple(TokenObject(kind=plain(o.kind), label=_free(o.label), identifier=o.identifier) for o in objects)
        return _opened(token.identity, state, found)

    def _log_in(self, message: Open, state: str) -> hsm.Token:
        prompt = self._child.prompt()
        prompt.say(_PIN_STATES[state])
        prompt.say(f"This tool lets you try {_times(self._tries_left)}.")
        if state == "last try" and prompt.line(f"administrator, type {RISK} to use the last try, or only Enter to leave it: ") != RISK:
            raise Interrupted
        pin = _asked(prompt, message)
        try:
            return hsm.Token.log_in(message.module, message.label, message.serial, pin.decode("ascii"))
        except slots.WrongPin:
            self._tries_left -= 1
            raise WrongSecret("the HSM did not take this PIN", self._tries_left) from None
        finally:
            pin[:] = bytes(len(pin))

    def _try_import_path(self, _: TryImportPath) -> PathProven:
        if self._imported is not None:
            raise Malformed("keys are in the HSM: the import path is tried before that, or after they are destroyed")
        fingerprint, attributes = self._token.try_import_path()
        self._proven = True
        return PathProven(fingerprint=fingerprint, attributes=_stated(attributes), remaining=0)

    def _arm(self, message: Arm) -> ArmedReply:
        token = self._token
        armed = self._orders.arm(message.orders)
        try:
            finding = hsm.check_identity(token.identity, armed.charter)
        except Refused as refusal:
            raise Ending(refusal) from None  # armed, but with another HSM: nothing may follow
        return ArmedReply(
            request=armed.request.digest,
            authorization=armed.authorization.digest,
            key_record=armed.key_record.digest,
            inputs=len(armed.spends),
            paths=len(armed.public_keys),
            finding=_free(finding),
        )

    def _serve_link(self, _: ServeLink) -> Served:
        """Answer the opener until the screen process says that it is done; the opener may be gone before."""
        control, link = self._child.control, self._child.link
        exchanges, fingerprint, open_ends = 0, "", [control, link]
        while True:
            ready = [end for end in open_ends if end.waiting()] or select.select(open_ends, [], [])[0]
            if link not in ready:
                _only(control, (LinkDone,))
                return Served(exchanges=exchanges, fingerprint=fingerprint, attested="no")
            question = _only(link, OVER_LINK, or_end=True)
            if question is None:
                open_ends.remove(link)
                continue
            answer = self._answer(question)
            link.send(answer)
            exchanges += 1
            fingerprint = answer.fingerprint if isinstance(answer, ImportKey) else fingerprint

    def _answer(self, question: GiveRandom | GiveImportKey | TakeKeys) -> Any:
        try:
            with _hsm_answers():
                if isinstance(question, GiveRandom):
                    return Random(value=self._token.random())
                return self._give_import_key() if isinstance(question, GiveImportKey) else self._take(question)
        except (Refused, Malformed) as error:
            return trouble(error)

    def _give_import_key(self) -> ImportKey:
        self._orders.armed  # noqa: B018 - refuses with SIG-08 unless armed
        if not self._proven:
            refuse(
                "AIR-07",
                "the import path of this HSM is not proven",
                found="no trial with a throw-away key since the HSM was opened",
                expected="one, before any share is opened",
                do="Try the import path first.",
            )
        key = self._token.make_import_key()
        return ImportKey(modulus=key.modulus, exponent=key.exponent, fingerprint=key.fingerprint, attested="no")

    def _take(self, question: TakeKeys) -> Taken:
        wanted = self._orders.armed.public_keys
        keys = [hsm.Wrapped(key.path, key.public, key.wrapped) for key in question.keys]
        self._imported = wanted, self._token.take(question.aes, keys, wanted)
        return Taken(count=len(keys))

    def _tell_imported(self, _: Imported) -> ImportedKeys:
        if self._imported is None:
            raise Malformed("no keys are in the HSM")
        wanted, attributes = self._imported
        keys = tuple(ImportedKey(path=path, public=public) for path, public in wanted.items())
        stated = {**_stated(attributes), "origin": hsm.origin(attributes)}
        return ImportedKeys(keys=keys, attributes=stated, aes="unwrap only, sensitive, not extractable; destroyed in the same step")

    def _sign(self, message: Sign) -> Signed:
        armed = self._orders.armed
        made = self._token.sign(armed.spends, frozenset(message.past_r))
        signatures = tuple(InputSignature(input=m.spend.index, path=m.spend.path, public=m.spend.public_key, raw=m.raw) for m in made)
        return Signed(signatures=signatures, nonce=hsm.NONCE)

    def _destroy(self, _: Destroy) -> Destroyed:
        self._imported = None
        return Destroyed(count=self._token.destroy(), remaining=0)

    def _finish(self, _: Finish) -> Finished:
        self.end()
        return Finished()

    @property
    def _token(self) -> hsm.Token:
        if self._opened is None:
            raise Malformed("the HSM is not open")
        return self._opened[1]


def _times(count: int) -> str:
    return "once more" if count == 1 else f"{count} times"


def _asked(prompt: Prompt, message: Open) -> bytearray:
    """The PIN, whole, or in two halves that two people type one after the other; nobody but this process has the whole of it."""
    if message.halves == "no":
        prompt.hand_over("the administrator")
        return prompt.pin("administrator, PIN of the HSM (it does not show), then Enter: ")
    pin = bytearray()
    for person, half in (("administrator", "first"), ("witness", "second")):
        prompt.hand_over(f"the {person}")
        typed = prompt.pin(f"{person}, {half} half of the PIN (it does not show), then Enter: ")
        pin += typed
        typed[:] = bytes(len(typed))
    return pin


@contextmanager
def _hsm_answers() -> Iterator[None]:
    """What the HSM itself refuses or fails at, said by the name of its answer (CKR_...), which holds nothing secret."""
    from pkcs11 import PKCS11Error  # noqa: PLC0415

    try:
        yield
    except PKCS11Error as error:
        raise Malformed(f"the HSM answered {type(error).__name__}; look at its display, its cable and its log") from None


def _only(end: Channel, closed: Sequence[type], *, or_end: bool = False) -> Any:
    """The next message while the link is served; anything else ends this process (SIG-08)."""
    try:
        message = end.receive(closed)
    except Malformed as error:
        raise Ending(_other(str(error))) from None
    if message is None and not or_end:
        raise Ending(_other("the end of the socket"))
    return message


def _other(found: str) -> Refused:
    expected = "a question of the opener, or link-done"
    return Refused("SIG-08", "the HSM process, while it serves the opener", found=found, expected=expected, do="Start the vault anew.")


def _opened(identity: slots.Identity, pin: str, objects: tuple[TokenObject, ...]) -> TokenOpened:
    return TokenOpened(
        label=_free(identity.label),
        serial=_free(identity.serial),
        manufacturer=_free(identity.manufacturer),
        model=_free(identity.model),
        firmware=_free(identity.firmware),
        hardware=_free(identity.hardware),
        library=_free(identity.library),
        pin=pin,
        objects=objects,
    )


def _stated(attributes: hsm.Attributes) -> dict[str, str]:
    return {name: "true" if value else "false" for name, value in attributes.items()}


def _free(text: str) -> str:
    return plain(text) if text else ""
