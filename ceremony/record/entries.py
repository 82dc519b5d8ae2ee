"""Every kind of transcript entry there is: a closed list. The type in the file is the class name in lower case with hyphens."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, get_args

from ceremony.base.data import (
    Btc,
    Digest,
    Free,
    Malformed,
    Mark,
    Name,
    Pattern,
    Person,
    Position,
    SetIdentifier,
    Text,
    Time,
    decode,
    encode,
    record,
)
from ceremony.base.show import shown
from ceremony.base.signatures import Blob, Namespace
from ceremony.record.charter import Certificate, Medium
from ceremony.record.custody import BagNumber, BagState, CustodyRecord
from ceremony.record.loss import SignedLoss
from ceremony.record.order import OrderKind
from ceremony.record.suspension import SignedSuspension
from transfer.authorization import Payment

Kind = Literal["keygen", "transfer", "receipt", "amend", "drill", "check", "custody", "reseal", "reshare"]
FileName = Annotated[str, Pattern(r"[a-z0-9][a-z0-9-]{0,60}\.[a-z]{2,12}", "a file name such as key-record.json")]
FileKind = Literal[
    "charter",
    "succession",
    "policy",
    "key-record",
    "authorization",
    "confirmation",
    "revocation",
    "snapshot",
    "request",
    "transaction",
    "receipt",
    "exception",
    "share-order",
    "custody",
    "health",
    "script",
    "torn",
    "aside",
    "leftover",
]
RoomCheck = Literal["recorders", "windows", "access", "power", "emissions", "sound"]
Signed = Annotated[str, Pattern(r"[ -~\n]{1,4000}", "the text that was signed")]
Control = Annotated[str, Pattern(r"[A-Z]{3}-[0-9]{2}", "a control's identifier such as AIR-01")]
Date = Annotated[str, Pattern(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", "a date such as 2026-11-20", "%Y-%m-%d")]
Hex = Annotated[str, Pattern(r"([0-9a-f]{2})+", "hexadecimal digits in lower case")]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def entry(cls: type[T]) -> type[T]:
    """A record that is an entry's body: it carries the version of its form, and what comes later gets another version."""
    cls.__annotations__ = {"version": 'Literal["2"]', **cls.__annotations__}
    cls.version = "2"  # type: ignore[attr-defined]
    return record(cls)


@record
class Reading:
    """Date and time (UTC, to the minute) on a person's own watch, typed before the machine's were shown (ASM-04)."""

    person: Person
    typed: Time


@record
class Note:
    """What a person noted of this ceremony at their newest checkpoint: the entry's number, whose words they gave (BRD-06). Without one:
    they have none, as they sign with this run."""

    person: Person
    entry: int | None = None


@entry
class Opened:
    """First entry of a ceremony and of its first run (SET-01, AUD-03: its `prev` is the head of the ceremony before, or the genesis
    digest). `run_key`: Ed25519, of this run of the tool; `signers` sign the run at once (AUD-11). `script`: SHA-256 of the ceremony's
    script."""

    kind: Kind
    mark: Mark
    ceremony: int
    genesis: Digest
    script: Digest
    newest: int
    """The newest ceremony on slips and notes of the first who signs; 0 if they have none."""
    tool: Text
    commit: Text
    run_key: Digest
    signers: tuple[Person, ...]
    watches: tuple[Reading, ...]
    loss: SignedLoss | None = None
    """For whom others sign in this run and after it (SET-10)."""
    suspensions: tuple[SignedSuspension, ...] | None = None
    """Keys that are suspended from this entry on, or lifted (STO-07), in this order; absent if there are none."""


@entry
class File:
    """A file of this ceremony's folder, by name and SHA-256 (AUD-05)."""

    name: FileName
    kind: FileKind
    sha256: Digest
    size: int


@entry
class Signature:
    """The actor's SSH signature over a file of this folder, or over the text given here."""

    namespace: Namespace
    purpose: Literal[
        "charter",
        "succession",
        "policy",
        "authorization",
        "confirmation",
        "revocation",
        "key-record",
        "receipt",
        "exception",
        "share-order",
        "custody",
        "health",
        "approval",
        "run",
        "opening",
        "phase",
        "adjournment",
        "disagreement",
        "return",
        "end",
    ]
    file: FileName | None = None
    text: Signed | None = None
    blob: Blob


@entry
class Step:
    """A step of the script is done (SET-06)."""

    number: int
    title: Text


@entry
class Present:
    """The actor is in the room; their own signature over the opening follows (ASM-01). Names stand in the charter alone."""

    factors: tuple[Text, ...]


@entry
class Watch:
    """The actor typed date and time (UTC, to the minute) from their own watch, before the machine's was shown (ASM-04)."""

    typed: Time


@entry
class Clock:
    """The machine's time, shown once two watches had agreed with it within two minutes (ASM-04)."""

    machine: Time


@entry
class SlipRead:
    """The actor read a ceremony's number, and the head's words at these places of 16, from their own closing slip (ASM-05)."""

    ceremony: int
    places: tuple[int, ...]


@entry
class RoomItem:
    """One item of the room's checklist, as the actor answered it; `note` says why it does not hold (AIR-01)."""

    item: RoomCheck
    held: Literal["yes", "no"]
    note: Free


@entry
class Machine:
    """The machine was looked at: what production would refuse, which USB devices are there, and what it says of its own start
    (AIR-02 to AIR-04). The last proves nothing: a hostile image says what it likes."""

    findings: tuple[Text, ...]
    usb: tuple[Text, ...]
    says: Text


@entry
class BootImage:
    """The actor gave the first words of the boot image's SHA-256 from their own paper: they are the charter's (SET-02)."""

    sha256: Digest
    words: int


@entry
class SelfTests:
    """Every known-answer test of this process passed, so many of them (SET-09)."""

    process: Literal["screen", "opener", "hsm"]
    count: int


@entry
class StrayDevice:
    """A device came that the charter does not list, or that no step asked for: production would have stopped here (AIR-03)."""

    finding: Text


@entry
class Vault:
    """A vault process began; what protection it really has (REC-10)."""

    process: Literal["opener", "hsm"]
    protection: dict[Text, Text]


@entry
class VaultEnded:
    """Both vault processes are gone."""

    reason: Text


@entry
class Hsm:
    """The HSM as it told of itself, compared with the charter, and the certificate that the charter states (AIR-05, AIR-06)."""

    label: Text
    serial: Text
    manufacturer: Text
    model: Text
    firmware: Text
    certificate: Certificate
    objects: int
    findings: tuple[Text, ...]


@entry
class ImportPath:
    """The import path was proven with a throw-away key (AIR-07)."""

    steps: tuple[Text, ...]


@entry
class Generated:
    """The secret was made, or recovered from the set in use, and split; the key record stands beside (GEN-02, GEN-08)."""

    made: Literal["new", "recovered"] = "new"
    sources: tuple[Text, ...]
    """Of the randomness."""
    set_identifier: SetIdentifier
    commitments: int


@record
class Token:
    """A custodian's hardware token as PKCS#11 tells of it: CK_TOKEN_INFO.label and serialNumber, without trailing spaces."""

    label: Text
    serial: Text


@entry
class CustodianToken:
    """The actor's own token was opened in a process of its own: which token, what protects that process (REC-10), how many known-answer
    tests it passed (SET-09), and the SHA-256 of the PKCS#11 module between the two."""

    position: Position
    token: Token
    protection: dict[Text, Text]
    tests: int
    module: Digest


@entry
class Sealing:
    """The actor's share was locked under this number, and goes onto this medium (`token`: onto which one); on disk before the sealed
    share leaves the vault's reply (REC-12)."""

    position: Position
    number: int
    set_identifier: SetIdentifier
    sha256: Digest
    medium: Medium = "file"
    token: Token | None = None


@entry
class Proven:
    """The sealed share of this number was read back from its medium, opened, and matched its commitment (SEC-01, STO-10)."""

    position: Position
    number: int
    sha256: Digest


Renewed = Literal["passphrase", "medium", "both"]
RENEWED: tuple[Renewed, ...] = get_args(Renewed)


@entry
class Chosen:
    """The actor's share is to be sealed anew: under another passphrase, onto another medium, or both. The sealings that follow are it."""

    position: Position
    renewed: Renewed


@entry
class Healthy:
    """The actor proved their share alone at their own site, as their signed health record in this file says: the sealed share of this
    number opened and matched its commitment (STO-10). `at`: when, by that machine's clock."""

    position: Position
    number: int
    sha256: Digest
    file: FileName
    at: Time


@entry
class Unhealthy:
    """The actor's share did not prove healthy at their own site, as their signed health record in this file says (STO-10)."""

    position: Position
    file: FileName
    at: Time
    why: Text


@entry
class Removed:
    """The actor's older sealed share was removed from their medium: which one it is, by what, and how (SEC-01, SEC-04)."""

    position: Position
    number: int
    medium: Text
    tool: Text
    how: Text


@entry
class NotRemoved:
    """An older sealed share of the actor's was not removed, as they say: its number, what it lies on, and why. It may exist, and opens
    with its passphrase of then (SEC-01)."""

    position: Position
    number: int
    medium: Text
    why: Text


@entry
class Destroyed:
    """Sealed shares of a retired set were destroyed: the position whose they were, their numbers, on what, by what, and how (SEC-05).

    It counts for the position once the actor and the witness have signed a checkpoint after it."""

    position: Position
    set_identifier: SetIdentifier
    numbers: tuple[int, ...]
    medium: Text
    tool: Text
    how: Text


@entry
class Quorums:
    """Every minimal quorum was proven by its parts (GEN-07)."""

    of_sites: int
    whole: int
    stand_for: int


@entry
class Authorized:
    """An authorization passed every check; from this entry on it counts (AUT-01 to AUT-08, AUT-10)."""

    authorization: Digest
    identifier: Name
    payments: tuple[Payment, ...]
    """None of a consolidation, and none of a sweep."""
    fee_cap: Btc
    replaces: tuple[Digest, ...]
    """Transactions that can never be mined beside this one (BRD-06)."""
    key_record: Digest | None = None
    """Of a sweep: the key record of the former key, which it empties; absent from everything else."""
    to: Digest | None = None
    """Of a sweep: the key record of the key in use, to whose first address (`address`) everything goes."""
    address: Text | None = None

    @property
    def amount(self) -> int:
        """The sum that counts against the limits."""
        return sum(payment.amount for payment in self.payments)


@entry
class Ordered:
    """A share order passed every check; from this entry on it is used (AUT-01, AUT-02, AUT-04, AUT-05)."""

    order: Digest
    identifier: Name
    kind: OrderKind
    positions: tuple[Position, ...]
    """Whose shares it is about; none of an order about all of them."""


@entry
class Agreed:
    """Both readers read the signing request alike and as authorized (TXN-01); its coins are reserved."""

    request: Digest
    txid: Digest
    """Of the transaction that it will be when it is signed."""
    readers: tuple[Text, ...]
    fee: Btc
    coins: tuple[Text, ...]


@entry
class Reviewed:
    """The actor saw the review made from the request's bytes."""

    request: Digest


@entry
class TypedBack:
    """The actor typed these groups of a payment's address from the payee slip that they brought, unseen; in a sweep, of the new
    key's first address from the closing slip of its key generation (TXN-06)."""

    payment: int
    groups: tuple[int, ...]


@entry
class Armed:
    """Both vault processes verified everything themselves and can sign this request and nothing else (SIG-08)."""

    request: Digest
    positions: tuple[Position, ...]


@entry
class Unlocked:
    """A share was opened and matched its recorded commitment (REC-04)."""

    position: Position
    number: int


@entry
class Alone:
    """From here on the vault opens shares one at a time, each alone, and can never combine them (STO-10)."""

    key_record: Digest


@entry
class Resharing:
    """The vault verified the officers' order itself: from here on it opens shares of the set in use, recovers once and splits anew. It
    can do nothing else with them (SIG-08)."""

    key_record: Digest
    order: Digest
    positions: tuple[Position, ...]


@entry
class Recovered:
    """The whole extended public key of every account equals the recorded one (REC-06)."""

    positions: tuple[Position, ...]
    spares: tuple[Position, ...]
    accounts: tuple[Name, ...]


@entry
class Imported:
    """Wrapped child keys were unwrapped in the HSM, read back and counted (REC-07 to REC-09)."""

    import_key: Digest
    attested: Literal["attested", "not attested"]
    paths: tuple[Text, ...]
    attributes: dict[Text, Text]


@entry
class Signing:
    """The word SIGN was typed. From here on the HSM may have signed: this ceremony can never be void (BRD-06)."""

    request: Digest


@entry
class SetAside:
    """The actor's share could not be opened today; nothing is lost (three wrong passphrases, or a refused share)."""

    position: Position
    reason: Text


@record
class HsmSignature:
    """One input's signature as the HSM gave it (raw r||s, 64 bytes) and the public key that verified it."""

    input: int
    path: Text
    public: Hex
    raw: Hex


@entry
class HsmSigned:
    """The HSM signed; every signature was verified before it is written here (SIG-01, SIG-03, SIG-04, SIG-05, SIG-07)."""

    request: Digest
    nonces: Text
    signatures: tuple[HsmSignature, ...]


@entry
class Absent:
    """Every session object was destroyed and its absence shown by enumeration (SEC-03)."""

    destroyed: int
    remaining: int


@entry
class Checked:
    """The signed transaction was assembled and verified by both readers (SIG-03, BRD-01)."""

    txid: Digest
    fee: Btc
    weight: int


@entry
class Exported:
    """What left: the outbound bundle and the QR frames, each read back (EXP-01, EXP-02)."""

    bundle: Digest
    names: tuple[Text, ...]
    frames: int
    readers: tuple[Text, ...]


@entry
class Sighting:
    """What the online host saw of the transaction (BRD-03)."""

    node: Text
    txid: Digest
    block_hash: Digest
    block_height: int
    confirmations: int


@entry
class Disagreed:
    """The actor does not agree to what they were asked to sign; their signature over this very entry follows (AUD-02)."""

    to: Literal["opening", "review", "approval", "key-record", "phase", "adjournment", "end"]
    because: Text


@entry
class Excepted:
    """Both officers signed the form in this file: the control is excepted in this ceremony, and page one of the report says so."""

    control: Control
    file: FileName


@entry
class Settled:
    """The chain settled another transfer: `by` spends one of its coins and is deep enough, so that its own `txid` can never be mined.

    From here on its amount no longer counts and its other coins are free (BRD-06)."""

    ceremony: int
    txid: Digest
    by: Digest


@entry
class Refusal:
    """A control refused; the ceremony stood still."""

    identifier: Text
    what: Text
    found: Text
    expected: Text


@entry
class Revoked:
    """A person's key counts no more from the amendment on (STO-07). `decision`: for the share of a custodian who is replaced."""

    person: Person
    key: Text
    decision: Literal["reshare", "rekey", "undecided", "not needed"]


@entry
class Granted:
    """A person signs with this key from the amendment on (STO-07)."""

    person: Person
    key: Text


@entry
class Proposed:
    """A charter was taken in that waits for its cool-off: it loosens, or replaces a lost officer. A later amendment makes it count
    (STO-07)."""

    charter: Digest
    lost: Person | None = None
    """The officer whom it replaces; then all sign once more. Absent from a charter that loosens."""
    not_before: Time


@entry
class Amended:
    """A later charter counts from this entry on, if the ceremony is not voided (STO-07)."""

    charter: Digest
    number: int


@entry
class Rehearsed:
    """Practice transfers since the last drill, from a practice register that was verified whole against this genesis and head: who
    took part, by their positions here (DRL-02), and which controls refused an attack in it (DRL-03)."""

    genesis: Digest
    head: Digest
    ceremonies: tuple[int, ...]
    took_part: tuple[Position, ...]
    refused: tuple[Control, ...]


@entry
class Drilled:
    """The drill as its people tell it: what was practised, the injected attack by the control that catches it, whether it was
    caught, what came of it, what is to be mended, and when the next one is (DRL-01, DRL-03)."""

    scenario: Text
    attack: Control
    caught: Literal["yes", "no"]
    outcome: Text
    remediation: Text
    next: Date


@entry
class BagOpened:
    """The actor looked at the tamper-evident bag of their share of this set before it was cut open: number and state (STO-01, STO-02).

    `replaced`: the share came in a bag of another number than was closed. Without a number there was none: `missing`."""

    position: Position
    set_identifier: SetIdentifier
    bag: BagNumber | None = None
    state: BagState


@entry
class BagClosed:
    """The actor's share of this set went into this bag, which was closed in front of those who sign the adjournment (SEC-02)."""

    position: Position
    set_identifier: SetIdentifier
    bag: BagNumber


@entry
class Custody:
    """A custody record was checked and taken in: the file that its people signed, and what it says (STO-03, STO-04, STO-09)."""

    file: FileName
    record: CustodyRecord


@entry
class Left:
    """A person left without signing what stands in their name: it counts only against the desk (AUD-11)."""

    person: Person


@entry
class Resumed:
    """First entry of a later run: the ceremony goes on behind entry `after`. What was found (a torn line, lines that no signed run
    covers, an unlisted file) is kept in files listed next. `run_key`, `signers`, `watches` as in `opened`."""

    run: int
    after: int
    found: tuple[Text, ...]
    notes: tuple[Note, ...]
    script: Digest
    tool: Text
    commit: Text
    run_key: Digest
    signers: tuple[Person, ...]
    watches: tuple[Reading, ...]
    loss: SignedLoss | None = None
    """For whom others sign in this run and after it (SET-10)."""
    suspensions: tuple[SignedSuspension, ...] | None = None
    """Keys that are suspended from this entry on, or lifted (STO-07), in this order; absent if there are none."""


@entry
class Paused:
    """People left: the session is locked from here on (ASM-03). The entry's own time says since when."""

    who: tuple[Person, ...]
    reason: Text


@entry
class Continued:
    """Administrator and witness are back and signed the transcript anew; `paused` is the number of the pause's entry (ASM-03)."""

    paused: int


Outcome = Literal[
    "key record signed",
    "carried out",
    "receipt",
    "excepted",
    "amended",
    "proposed",
    "shares checked",
    "drill held",
    "drill failed",
    "shares resealed",
    "set reshared",
    "custody recorded",
    "void",
]


@entry
class Closed:
    """How the ceremony ends. It has ended when all of `signers` have signed that behind it, and nothing else follows (AUD-02)."""

    signers: tuple[Person, ...]

    outcome: Outcome
    reason: Free


ALL: dict[str, type] = {
    re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower(): cls
    for cls in (
        Opened,
        File,
        Signature,
        Step,
        Present,
        Watch,
        Clock,
        SlipRead,
        RoomItem,
        Machine,
        BootImage,
        SelfTests,
        StrayDevice,
        Vault,
        VaultEnded,
        Hsm,
        ImportPath,
        Generated,
        CustodianToken,
        Sealing,
        Proven,
        Chosen,
        Healthy,
        Unhealthy,
        Removed,
        NotRemoved,
        Destroyed,
        Quorums,
        Authorized,
        Ordered,
        Agreed,
        Reviewed,
        TypedBack,
        Armed,
        Unlocked,
        Alone,
        Resharing,
        Recovered,
        Imported,
        Signing,
        SetAside,
        HsmSigned,
        Absent,
        Checked,
        Exported,
        Sighting,
        Settled,
        Disagreed,
        Excepted,
        Refusal,
        Revoked,
        Granted,
        Proposed,
        Amended,
        Rehearsed,
        Drilled,
        BagOpened,
        BagClosed,
        Custody,
        Left,
        Resumed,
        Paused,
        Continued,
        Closed,
    )
}

_NAMES = {cls: name for name, cls in ALL.items()}


def type_of(body: object) -> str:
    """The type's name in the file."""
    return _NAMES[type(body)]


def decode_body(name: str, body: Any, where: str) -> Any:
    """The record of an entry's body; Malformed for a type that is not in the closed list."""
    if name not in ALL:
        raise Malformed(f"{where}: unknown entry type {shown(name)}")
    value = decode(ALL[name], body, where)
    if encode(value) != body:
        raise Malformed(f"{where}: the body of {shown(name)} is not in its one form")
    return value
