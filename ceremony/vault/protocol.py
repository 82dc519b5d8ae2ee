"""The closed list of messages between the screen process, the opener and the HSM process.

A message is one canonical line of JSON (base/data.py) over a socket pair. Nothing that is not in these lists is ever
read: the process that finds something else ends. No message has a place for a passphrase, PIN, share, secret, private
key in the clear, or digest to sign (SIG-08, REC-10)."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any, Literal

from ceremony.base.control import Refused
from ceremony.base.data import MAX_FILE, Digest, Free, Malformed, Pattern, Position, SetIdentifier, Text, Time, dump, load, record
from ceremony.base.signatures import Signature
from ceremony.record.chain import SignedCharter
from ceremony.vault.orders import Orders

YesNo = Literal["yes", "no"]
Path = Annotated[str, Pattern(r"[01]/(0|[1-9][0-9]{0,5})", "a path below the account such as 0/5")]

_CHUNK = 1 << 16


# --- screen to either child -----------------------------------------------------------------------------------------


@record
class Hello:
    """The first message: what protects you? -> Ready."""

    message: Literal["hello"] = "hello"


@record
class Arm:
    """Verify these orders; nothing else can be unlocked or signed for the rest of this process's life -> ArmedReply.

    The opener asks the link for HSM randomness meanwhile (serve it)."""

    message: Literal["arm"] = "arm"
    orders: Orders


@record
class Finish:
    """Forget everything and end -> Finished."""

    message: Literal["finish"] = "finish"


# --- screen to opener -----------------------------------------------------------------------------------------------


@record
class BeginKeygen:
    """Generate and split a secret for the charter in force -> KeyRecordMade. Asks the link for HSM randomness (serve it).

    `charters`: those from the genesis to the one in force. `dice`: ask at the prompt for dice rolls, too."""

    message: Literal["begin-keygen"] = "begin-keygen"
    charters: tuple[SignedCharter, ...]
    genesis: Digest
    ceremony: int
    issued: Time
    dice: YesNo = "no"


@record
class Lock:
    """Let this custodian choose a passphrase and lock their share under it -> Sealed."""

    message: Literal["lock"] = "lock"
    position: Position
    sealing: int


@record
class Prove:
    """Let this custodian open what was read back from their medium -> Proven, or Wrong."""

    message: Literal["prove"] = "prove"
    position: Position
    sealed: bytes


@record
class ProveQuorums:
    """Recover from every minimal quorum of the proven shares and compare (GEN-07) -> Quorums."""

    message: Literal["prove-quorums"] = "prove-quorums"


@record
class BeginHealth:
    """Open shares one at a time, each alone, never combined (STO-10) -> HealthBegun. Asks nobody.

    `order`: a share order for a reseal, if there is one: whose shares may then get a new passphrase; `taken`: when the ceremony took
    it in."""

    message: Literal["begin-health"] = "begin-health"
    charters: tuple[SignedCharter, ...]
    genesis: Digest
    key_record: bytes
    key_record_signatures: tuple[Signature, ...]
    order: bytes | None = None
    order_signatures: tuple[Signature, ...] = ()
    taken: Time | None = None


@record
class BeginReshare:
    """Verify the officers' order to make all shares of this key anew; shares are then opened, combined once and split, and nothing else
    is ever done with them -> ReshareBegun. Asks the link for HSM randomness (serve it).

    `charters`: those from the genesis to the one in force, under which the new set is made. `key_record`: of the set in use."""

    message: Literal["begin-reshare"] = "begin-reshare"
    charters: tuple[SignedCharter, ...]
    genesis: Digest
    key_record: bytes
    key_record_signatures: tuple[Signature, ...]
    order: bytes
    order_signatures: tuple[Signature, ...]
    taken: Time
    """When the ceremony took the order in."""
    ceremony: int
    issued: Time


@record
class Resplit:
    """Split the recovered secret anew and forget it -> KeyRecordMade; after that as in a key generation."""

    message: Literal["resplit"] = "resplit"


@record
class Unlock:
    """Check the header, ask for the passphrase once, check the commitment -> Unlocked, or Wrong.

    `numbers`: every sealing number that the register holds for this position, newest last. `retired`: its retired sets, and in
    words what retired each (SEC-05)."""

    message: Literal["unlock"] = "unlock"
    position: Position
    sealed: bytes
    numbers: tuple[int, ...]
    retired: dict[SetIdentifier, Text] = field(default_factory=dict)


@record
class Recover:
    """Combine one minimal quorum and compare all extended public keys -> Recovered."""

    message: Literal["recover"] = "recover"


@record
class Deliver:
    """Wrap one child key for each spent path to the HSM's import key and forget the secret -> Delivered (serve the link)."""

    message: Literal["deliver"] = "deliver"


@record
class LockAgain:
    """Lock the share under the same passphrase, fresh salt, this sealing number -> Sealed. Asks nobody."""

    message: Literal["lock-again"] = "lock-again"
    position: Position
    sealing: int


@record
class ProveAgain:
    """Open what was read back with the passphrase of this run and compare -> Proven. Asks nobody."""

    message: Literal["prove-again"] = "prove-again"
    position: Position
    sealed: bytes


@record
class LockNew:
    """Let this custodian choose a new passphrase and lock their open share under it, and this sealing number -> Sealed."""

    message: Literal["lock-new"] = "lock-new"
    position: Position
    sealing: int


@record
class ProveNew:
    """Let this custodian open what was read back, with the passphrase that they chose anew -> Proven, or Wrong."""

    message: Literal["prove-new"] = "prove-new"
    position: Position
    sealed: bytes


# --- screen to HSM process ------------------------------------------------------------------------------------------


@record
class Open:
    """Load the PKCS#11 module, find the token, ask for the PIN -> TokenOpened, or Wrong. An empty text is not asked for.

    `halves`: administrator and witness type one half of the PIN each."""

    message: Literal["open"] = "open"
    module: Text
    label: Free
    serial: Free
    halves: YesNo = "no"


@record
class TryImportPath:
    """Prove the whole import path with a throw-away key (AIR-07) -> PathProven."""

    message: Literal["try-import-path"] = "try-import-path"


@record
class ServeLink:
    """Answer the opener on the link until LinkDone comes on the control socket -> Served (after LinkDone)."""

    message: Literal["serve-link"] = "serve-link"


@record
class LinkDone:
    """The opener has answered: stop serving the link. Has no reply of its own."""

    message: Literal["link-done"] = "link-done"


@record
class Imported:
    """What was imported, read back (REC-08, REC-09) -> ImportedKeys."""

    message: Literal["imported"] = "imported"


@record
class Sign:
    """Sign every input of the armed request -> Signed. `past_r`: r of every signature in the register (SIG-05)."""

    message: Literal["sign"] = "sign"
    past_r: tuple[Digest, ...]


@record
class Destroy:
    """Destroy all session objects and enumerate what is left (SEC-03) -> Destroyed."""

    message: Literal["destroy"] = "destroy"


# --- screen to the process of a custodian's token -------------------------------------------------------------------


@record
class FindTokens:
    """Which tokens does this PKCS#11 module see? -> TokensFound. Asks for no PIN."""

    message: Literal["find-tokens"] = "find-tokens"
    module: Text


@record
class OpenToken:
    """Ask for the PIN of the one token of this label and serial number, and try it -> TokenReady, or Wrong. `person`: who is asked."""

    message: Literal["open-token"] = "open-token"
    module: Text
    label: Text
    serial: Text
    person: Free


@record
class ListShares:
    """Every sealed share on the open token -> StoredShares."""

    message: Literal["list-shares"] = "list-shares"


@record
class WriteShare:
    """Write one sealed share under a label that is not there yet, read it back in a session of its own -> StoredShares, that one alone."""

    message: Literal["write-share"] = "write-share"
    label: Text
    value: bytes


@record
class EraseShare:
    """Destroy the object of this label whose value has this SHA-256 -> StoredShares, what is left, listed in a session of its own."""

    message: Literal["erase-share"] = "erase-share"
    label: Text
    sha256: Digest


# --- replies of either child ----------------------------------------------------------------------------------------


@record
class Protected:
    """One protection and what it really achieved: `held`, or `not held: reason`."""

    name: Text
    state: Text
    essential: YesNo


@record
class Ready:
    """Protections (REC-10), and how many known-answer tests passed (SET-09)."""

    message: Literal["ready"] = "ready"
    protection: tuple[Protected, ...]
    known_answers: int


@record
class ArmedReply:
    """What this process will sign, and nothing else. `finding`: a standing finding, or nothing."""

    message: Literal["armed"] = "armed"
    request: Digest
    authorization: Digest
    key_record: Digest
    inputs: int
    paths: int
    finding: Free


@record
class Finished:
    """The last message; the process ends."""

    message: Literal["finished"] = "finished"


@record
class RefusedReply:
    """A control refuses; the client raises it as Refused."""

    message: Literal["refused"] = "refused"
    identifier: Text
    what: Text
    found: Text
    expected: Text
    do: Text


@record
class MalformedReply:
    """Something given has not its form; the client raises it as Malformed."""

    message: Literal["malformed"] = "malformed"
    what: Text


@record
class Wrong:
    """The passphrase or PIN was wrong; send the same message again while tries are left. The client raises WrongSecret."""

    message: Literal["wrong"] = "wrong"
    what: Text
    tries_left: int


@record
class InterruptedReply:
    """Ctrl-C at a prompt; nothing has changed. The client raises Interrupted."""

    message: Literal["interrupted"] = "interrupted"


@record
class Failed:
    """A fault of the program; the process ends. Only the kind of error and its place, never its text (GEN-09)."""

    message: Literal["failed"] = "failed"
    what: Text


# --- replies of the opener ------------------------------------------------------------------------------------------


@record
class KeyRecordMade:
    """The body of the key record, to be signed once all is proven (GEN-14)."""

    message: Literal["key-record"] = "key-record"
    key_record: bytes


@record
class HealthBegun:
    """The key record whose shares are opened one by one."""

    message: Literal["health-begun"] = "health-begun"
    key_record: Digest


@record
class ReshareBegun:
    """The key record whose shares are opened, the order, and whose shares may be opened."""

    message: Literal["reshare-begun"] = "reshare-begun"
    key_record: Digest
    order: Digest
    positions: tuple[Position, ...]


@record
class Sealed:
    """A sealed share, to be written to its custodian's own medium only (GEN-10)."""

    message: Literal["sealed"] = "sealed"
    position: Position
    sealed: bytes


@record
class Proven:
    """The sealed share opens to the recorded share."""

    message: Literal["proven"] = "proven"
    position: Position


@record
class Quorums:
    """How many minimal quorums of sites' custodians and of sites were recovered and compared."""

    message: Literal["quorums"] = "quorums"
    of_custodians: int
    of_sites: int


@record
class Unlocked:
    """The board: open shares by site letter, and whether they are enough."""

    message: Literal["unlocked"] = "unlocked"
    position: Position
    board: dict[Text, int]
    enough: YesNo


@record
class Recovered:
    """Accounts whose whole extended public keys agree, the positions combined, and those checked by commitment only."""

    message: Literal["recovered"] = "recovered"
    accounts: tuple[Text, ...]
    combined: tuple[Position, ...]
    spare: tuple[Position, ...]


@record
class Delivered:
    """How many keys went over the link, and the import key that they were wrapped to (REC-08)."""

    message: Literal["delivered"] = "delivered"
    keys: int
    import_key: Digest
    attested: Literal["no"]


# --- replies of the HSM process -------------------------------------------------------------------------------------


@record
class TokenObject:
    """One object that lies on the token, by its PKCS#11 class, label and CKA_ID."""

    kind: Text
    label: Free
    identifier: Free


@record
class TokenOpened:
    """The token as C_GetTokenInfo and C_GetInfo tell of it, its PIN state, and every object found on it (AIR-05, AIR-06)."""

    message: Literal["opened"] = "opened"
    label: Free
    serial: Free
    manufacturer: Free
    model: Free
    firmware: Free
    hardware: Free
    library: Free
    pin: Text
    objects: tuple[TokenObject, ...]


@record
class PathProven:
    """The throw-away key went the whole way: its import key, its attributes as read back, objects that remain (0)."""

    message: Literal["path-proven"] = "path-proven"
    fingerprint: Digest
    attributes: dict[Text, Text]
    remaining: int


@record
class Served:
    """How many exchanges the link had, and the import key given in them (`fingerprint` empty if none)."""

    message: Literal["served"] = "served"
    exchanges: int
    fingerprint: Free
    attested: Literal["no"]


@record
class ImportedKey:
    """One imported key: its path and public key (33 bytes)."""

    path: Path
    public: bytes


@record
class ImportedKeys:
    """Every imported key, the attributes that all of them have, and what became of the AES key."""

    message: Literal["imported-keys"] = "imported-keys"
    keys: tuple[ImportedKey, ...]
    attributes: dict[Text, Text]
    aes: Text


@record
class InputSignature:
    """One signature: input index, path, public key (33 bytes), r and s (64 bytes, low s)."""

    input: int
    path: Path
    public: bytes
    raw: bytes


@record
class Signed:
    """All signatures, each verified, and how their nonces were made (SIG-07)."""

    message: Literal["signed"] = "signed"
    signatures: tuple[InputSignature, ...]
    nonce: Text


@record
class Destroyed:
    """Objects destroyed and objects that remain, by enumeration."""

    message: Literal["destroyed"] = "destroyed"
    count: int
    remaining: int


# --- replies of the process of a custodian's token ------------------------------------------------------------------


@record
class PresentToken:
    """One initialised token, and what its flags say of its PIN."""

    label: Text
    serial: Text
    model: Free
    pin: Text


@record
class TokensFound:
    """Every token that the module sees."""

    message: Literal["tokens-found"] = "tokens-found"
    tokens: tuple[PresentToken, ...]


@record
class TokenReady:
    """The PIN was taken; the token answers until `finish`."""

    message: Literal["token-ready"] = "token-ready"
    label: Text
    serial: Text


@record
class StoredShare:
    """One data object of ours: CKA_LABEL and CKA_VALUE as the token gives them (a value is cut after 4,096 bytes)."""

    label: Free
    value: bytes


@record
class StoredShares:
    """Data objects of the application `cold-ceremony` on this token, by their labels."""

    message: Literal["stored-shares"] = "stored-shares"
    shares: tuple[StoredShare, ...]


# --- the link: the opener asks, the HSM process answers -------------------------------------------------------------


@record
class GiveRandom:
    """-> Random, from C_GenerateRandom."""

    message: Literal["give-random"] = "give-random"


@record
class Random:
    """32 bytes of the HSM's generator: one of the sources that the opener mixes. Goes over the link only."""

    message: Literal["random"] = "random"
    value: bytes


@record
class GiveImportKey:
    """-> ImportKey, made for this."""

    message: Literal["give-import-key"] = "give-import-key"


@record
class ImportKey:
    """The public half of the import key (RSA); `fingerprint` is the SHA-256 of its SubjectPublicKeyInfo in DER."""

    message: Literal["import-key"] = "import-key"
    modulus: bytes
    exponent: int
    fingerprint: Digest
    attested: Literal["no"]


@record
class WrappedKey:
    """One child key: path, public key (33 bytes), AES-KWP (RFC 5649) of its PKCS#8 DER."""

    path: Path
    public: bytes
    wrapped: bytes


@record
class TakeKeys:
    """-> Taken. `aes`: the 32-byte wrapping key under RSA-OAEP (SHA-1, MGF1 with SHA-1, empty label)."""

    message: Literal["take-keys"] = "take-keys"
    aes: bytes
    keys: tuple[WrappedKey, ...]


@record
class Taken:
    """How many keys are in the HSM."""

    message: Literal["taken"] = "taken"
    count: int


TO_OPENER = (
    Hello, Arm, Finish, BeginKeygen, BeginHealth, BeginReshare, Lock, Prove, ProveQuorums, Unlock, Recover, Resplit, Deliver, LockAgain,
    ProveAgain, LockNew, ProveNew,
)  # fmt: skip
TO_HSM = (Hello, Arm, Finish, Open, TryImportPath, ServeLink, LinkDone, Imported, Sign, Destroy)
TO_TOKEN = (Hello, Finish, FindTokens, OpenToken, ListShares, WriteShare, EraseShare)
OVER_LINK = (GiveRandom, GiveImportKey, TakeKeys)
TROUBLE = (RefusedReply, MalformedReply, Wrong, InterruptedReply, Failed)


class Interrupted(Exception):
    """Ctrl-C at a prompt of a child (exit code 130). Nothing has changed."""


class WrongSecret(Exception):
    """A passphrase or PIN was wrong; `tries_left` says whether to ask again."""

    def __init__(self, what: str, tries_left: int) -> None:
        super().__init__(f"{what} ({tries_left} {'try' if tries_left == 1 else 'tries'} left)")
        self.what = what
        self.tries_left = tries_left


class Channel:
    """One end of a socket pair: whole lines, each a message of a closed list."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._kept = bytearray()

    def fileno(self) -> int:
        """For `select`."""
        return self._end.fileno()

    def send(self, message: Any) -> None:
        """Send one message; OSError if the other end is gone."""
        self._end.sendall(dump(message))

    def receive(self, closed: Sequence[type]) -> Any:
        """The next message, of one of these types; None at the end. Malformed for anything else: the process must end."""
        raw = self._line()
        return None if raw is None else parse(raw, closed)

    def waiting(self) -> bool:
        """Whether a whole line has been read already: `select` would not tell."""
        return b"\n" in self._kept

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _line(self) -> bytes | None:
        searched = 0
        while (at := self._kept.find(b"\n", searched)) < 0:
            searched = len(self._kept)
            if searched > MAX_FILE:
                raise Malformed(f"vault message: longer than {MAX_FILE} bytes")
            try:
                chunk = self._end.recv(_CHUNK)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return None
            self._kept += chunk
        line = bytes(self._kept[: at + 1])
        del self._kept[: at + 1]
        return line


def parse(raw: bytes, closed: Sequence[type]) -> Any:
    """The message in a line, if it is one of the closed list and in canonical form; Malformed otherwise."""
    try:
        name = json.loads(raw)["message"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise Malformed("vault message: not a message") from None
    for kind in closed:
        if kind.__dataclass_fields__["message"].default == name:  # type: ignore[attr-defined]
            return load(kind, raw, f"vault message {name}")
    raise Malformed("vault message: not in the closed list")


def plain(text: str) -> str:
    """`text` in the form that a message may carry: printable ASCII, 1 to 2,000 characters."""
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)[:2000] or "nothing"


def trouble(error: Refused | Malformed | WrongSecret | Interrupted) -> Any:
    """The reply that tells of an error."""
    if isinstance(error, Refused):
        return RefusedReply(
            identifier=plain(error.identifier),
            what=plain(error.what),
            found=plain(error.found),
            expected=plain(error.expected),
            do=plain(error.do),
        )
    if isinstance(error, WrongSecret):
        return Wrong(what=plain(error.what), tries_left=error.tries_left)
    return InterruptedReply() if isinstance(error, Interrupted) else MalformedReply(what=plain(str(error)))


def told(reply: Any) -> Any:
    """The reply itself, or the error that it tells of, raised."""
    if isinstance(reply, RefusedReply):
        raise Refused(reply.identifier, reply.what, found=reply.found, expected=reply.expected, do=reply.do)
    if isinstance(reply, Wrong):
        raise WrongSecret(reply.what, reply.tries_left)
    if isinstance(reply, InterruptedReply):
        raise Interrupted
    if isinstance(reply, MalformedReply):
        raise Malformed(reply.what)
    return reply
