"""Sealed shares on custodians' own hardware tokens: a private data object behind a PIN, which a process of its own asks for.

A process stays for one act: to read a share, or to write a new one and erase the old one after it was proven. Which token it was is
recorded by label and serial number, and expected again when the share is opened. The PIN is no passphrase: that stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.machine.usb import ASKED
from ceremony.record import entries
from ceremony.record.sets import Carrier
from ceremony.script import tried
from ceremony.script.on_file import Gone, Kept, Unwritten, check_gone, check_own, is_due
from ceremony.script.room import Room, refusal
from ceremony.vault.custodian import CustodianToken
from ceremony.vault.process import VaultLost
from ceremony.vault.protocol import PresentToken, StoredShare
from shares.envelope import Header

MODULE = "token_module"
ABSENT = "not among the objects on this token, as a new session lists them: erased before an interruption, or never written"
HOW = "object destroyed (C_DestroyObject), and its absence listed in a new session; a token may keep old cells"


def label(position: str, sealing: int, set_identifier: str) -> str:
    """CKA_LABEL: `share-A1-0002` and the set, for people; the header inside is what counts."""
    return f"share-{position}-{sealing:04d} {set_identifier}"


def whose(share: StoredShare) -> Header | None:
    """The header of what lies there; None if it is no sealed share."""
    try:
        return Header.unpack(share.value)
    except (Malformed, Refused):
        return None


def check_token(position: str, held: Sequence[StoredShare]) -> None:
    """GEN-10 of a token."""
    headers = {share.label: whose(share) for share in held}
    check_own(position, {name: header.position if header else "no sealed share" for name, header in headers.items()})


def read(room: Room, position: str, wanted: entries.Token | None) -> list[bytes]:
    """Every sealed share on this position's token; Malformed if there is none, or it cannot be opened."""
    try:
        found = [share.value for share in _open(room, position, wanted).shares()]
    except VaultLost as lost:
        raise Malformed(f"{position}: {lost}") from None
    finally:
        close(room)
    if not found:
        raise Malformed(f"{position}: no sealed share is on this token; plug in the one that your share was locked onto")
    return found


def ready(room: Room, position: str, wanted: entries.Token | None) -> Carrier:
    """The token that the next share is written to, open until `close`; Unwritten if there is none."""
    try:
        _open(room, position, wanted)
    except Malformed as trouble:
        close(room)
        raise Unwritten(str(trouble)) from None
    assert room.token is not None  # noqa: S101 (opened just now)
    return Carrier("token", room.token[1])


def write(room: Room, position: str, sealing: int, sealed: bytes, set_identifier: str) -> bytes:
    """Write a sealed share to its custodian's open token, on which nobody else's share lies (GEN-10); what another session reads back."""
    assert room.token is not None  # noqa: S101 (`ready` comes before)
    process = room.token[2]
    try:
        check_token(position, process.shares())
        raw = process.write(label(position, sealing, set_identifier), sealed)
    except Refused as refused:
        room.noted.append(("tool", refusal(refused)))
        close(room)
        raise Unwritten(str(refused)) from None
    except Malformed as trouble:
        close(room)
        raise Unwritten(str(trouble)) from None
    return raw


def remove(
    room: Room, position: str, set_identifier: str, below: int | None, tokens: Mapping[entries.Token, Collection[int]]
) -> Iterator[Gone | Kept]:
    """SEC-01, SEC-04: sealed shares of one set go from these tokens of a position: those with a lower number than `below`, or all. A
    token that is not there is asked for again, or left: then what is on it may still exist.

    `tokens`: with the numbers that the record has on each; what went from it before an interruption is recorded now."""
    for token, numbers in tokens.items():
        missing = set(numbers)
        due = partial(is_due, position=position, set_identifier=set_identifier, below=below)
        while True:
            try:
                for gone in _erase(room, position, token, due, missing):
                    missing.discard(gone.number)
                    yield gone
            except (Malformed, VaultLost) as trouble:
                close(room)
                room.screen.say(f"{position}: the old share is still on its token. {trouble}")
                answer = room.screen.ask(f"{position}: try the token again (m), or leave the old share on it (s)? ", "m or s", "[ms]")
                if answer == "m":
                    continue
                for number in sorted(missing):
                    yield Kept(number, _medium(token), "left on the token, which could not be opened or did not erase it")
            break


def _erase(room: Room, position: str, token: entries.Token, due: Callable[[Header], bool], missing: Collection[int]) -> Iterator[Gone]:
    process, medium = _open(room, position, token), _medium(token)
    old = [(share, header.sealing) for share in process.shares() if (header := whose(share)) is not None and due(header)]
    for number in sorted(set(missing) - {number for _, number in old}):
        yield Gone(number, medium, ABSENT)
    for share, number in old:
        left = process.erase(share)
        check_gone(position, share.label, {each.label for each in left})
        yield Gone(number, medium, HOW)


def _medium(token: entries.Token) -> str:
    return f"token {token.label} (serial {token.serial})"


def close(room: Room) -> None:
    """The process ends, and with it the PIN."""
    if room.token is not None:
        process, room.token = room.token[2], None
        process.end()


def _open(room: Room, position: str, wanted: entries.Token | None) -> CustodianToken:
    """The token of one position, its PIN taken: the one that is wanted, or the one that its custodian says is theirs."""
    if room.token is not None and room.token[0] == position and wanted in (None, room.token[1]):
        return room.token[2]
    close(room)
    room.watch.asked.update(ASKED)
    room.screen.enter(f"{position}: your token is plugged in" + (f", {wanted.label} (serial {wanted.serial})." if wanted else "."))
    module = _module(room)
    process = CustodianToken.start(room.charter.vault_minutes)
    try:
        process.check_protection(room.charter.mark)
        token = _which(room, position, _present(room, process, module), wanted)
        _pin(room, position, process, module, token)
    except BaseException:
        process.end()
        raise
    room.token = (position, token, process)
    room.noted.append((position, _noted(position, token, process, module)))
    return process


def _module(room: Room) -> Path:
    """The PKCS#11 library of custodians' tokens: asked for once, and again if it is none."""
    path = room.path(MODULE, "the PKCS#11 library of the custodians' tokens")
    if not path.is_file():
        del room.given[MODULE]
        raise Malformed(f"{path}: there is no such library; give the path of the PKCS#11 library of this token")
    return path


def _present(room: Room, process: CustodianToken, module: Path) -> tuple[PresentToken, ...]:
    try:
        return process.present(str(module))
    except Malformed:
        room.given.pop(MODULE, None)  # perhaps this token needs another library
        raise


def _which(room: Room, position: str, found: Sequence[PresentToken], wanted: entries.Token | None) -> entries.Token:
    hsm = room.charter.hsm
    there = [entries.Token(label=t.label, serial=t.serial) for t in found if (t.label, t.serial) != (hsm.label, hsm.serial)]
    if wanted is not None and wanted not in there:
        room.given.pop(MODULE, None)
        said = ", ".join(f"{token.label} (serial {token.serial})" for token in there) or "no token"
        raise Malformed(
            f"{position}: this is not the token of your share. Found {said}; expected {wanted.label} (serial {wanted.serial}), "
            "onto which it was locked. Plug that one in"
        )
    if wanted is not None:
        return wanted
    if not there:
        raise Malformed(f"{position}: no token is there. Plug yours in; it must be initialised, with a PIN")
    if len(there) == 1:
        return there[0]
    room.screen.say(f"{position}: several tokens are there: " + "; ".join(f"{n} {t.label}, serial {t.serial}" for n, t in _numbered(there)))
    choices = ", ".join(f"{n} {t.label}" for n, t in _numbered(there))
    answer = room.screen.ask(f"{position}, which token is yours ({choices})? ", "a number", "|".join(str(n) for n, _ in _numbered(there)))
    return there[int(answer) - 1]


def _numbered(tokens: Sequence[entries.Token]) -> list[tuple[int, entries.Token]]:
    return list(enumerate(tokens, start=1))


def _pin(room: Room, position: str, process: CustodianToken, module: Path, token: entries.Token) -> None:
    """A wrong PIN is told with the tries that are left; Malformed when there are none, which ends no sitting."""
    opens = partial(process.open, str(module), token.label, token.serial, position)
    if not tried.taken(room, opens, lambda wrong: f"{position}: {wrong}"):
        raise Malformed(f"{position}: the PIN was wrong three times. Your passphrase and your share are as they were")


def _noted(position: str, token: entries.Token, process: CustodianToken, module: Path) -> entries.CustodianToken:
    with module.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return entries.CustodianToken(
        position=position,
        token=token,
        protection={p.name: p.state for p in process.ready.protection},
        tests=process.ready.known_answers,
        module=digest,
    )
