"""The room: screen, vault, clock, register and people's media, bundled, so that steps have no other effects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ceremony.base import signatures
from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed, printable
from ceremony.base.files import read_file, write_new
from ceremony.base.lines import sha256
from ceremony.base.mark import permits
from ceremony.base.signatures import Namespace, Signature
from ceremony.machine.usb import ASKED, Watch
from ceremony.record import entries, exceptional, sweeping
from ceremony.record.charter import Charter
from ceremony.record.checkpoint import statement
from ceremony.record.register import Ceremony, Register
from ceremony.record.sets import Carrier, KeySet
from ceremony.record.signed import read_signed
from ceremony.record.state import State
from ceremony.record.suspension import ANEW, Suspensions, check_signer, loss_command
from ceremony.record.transcript import Transcript
from ceremony.record.whereabouts import Custody
from ceremony.screen.terminal import Terminal
from ceremony.script import remembered
from ceremony.script.table import SCRIPTS, in_one_sitting
from shares.plan import Plan
from transfer.request import AccountKey
from transfer.review import Decoded

if TYPE_CHECKING:
    from ceremony.vault.custodian import CustodianToken
    from ceremony.vault.process import Vault

Entry = tuple[str, Any]
"""Who acted (a person or `tool`), and the entry's body (record/entries.py)."""
Steps = Iterator[Entry]
T = TypeVar("T")

TRIES = 3
"""Times that a person may insert a medium, or a medium may be written, before the ceremony stands still."""
BY_LOSS = ("checkpoint", "approval", "end")
"""What others sign for somebody by the form of a loss (SET-10)."""
KEY = "id_signing"
"""On a person's medium: the handle of their security key, or their key file (practice); or `id_signing.pub` of one that an agent holds."""


def refusal(refused: Refused) -> entries.Refusal:
    """A refusal as an entry; what is not printable, or too long for one, is cut."""
    said = (printable(text) for text in (refused.what, refused.found, refused.expected))
    return entries.Refusal(**dict(zip(("what", "found", "expected"), said, strict=True)), identifier=refused.identifier)


def last_step(room: Room) -> Steps:
    """The entry of a ceremony's last step, which stands before its closing; written once, also if it was cut off between the two."""
    last = SCRIPTS[room.state.opened.kind][-1]
    if not room.state.done(last.number):
        yield ("tool", entries.Step(number=last.number, title=last.title))


def read_as(parse: Callable[[bytes, str], T], path: Path) -> tuple[bytes, tuple[Signature, ...], T]:
    """A signed document in a file: its bytes, its signatures, and what it is."""
    raw, signed = read_signed(path)
    return raw, signed, parse(raw, path.name)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file system takes
        return False


def utc_now() -> str:
    """The machine's time in the transcript's form."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Room:
    """Everything that a step may touch."""

    screen: Terminal
    register: Path
    genesis: str
    transcript: Transcript
    given: dict[str, str]
    """What the command line gave: paths of documents and of the HSM's module; asked for when it is not there."""
    clock: Callable[[], str] = field(default_factory=lambda: utc_now)
    media: dict[str, Path] = field(default_factory=dict)
    carriers: dict[str, Carrier] = field(default_factory=dict)
    """What each position's share was read from, or goes onto, in this run (script/media.py)."""
    token: tuple[str, entries.Token, CustodianToken] | None = None
    """Whose token is open, which one, and its process (script/on_token.py)."""
    noted: list[Entry] = field(default_factory=list)
    """Entries of what was done outside a step's own: the loop appends them before the next one."""
    cards: dict[str, list[str]] = field(default_factory=dict)
    """Lines of share cards that were typed so far, so that neither a pause nor a slip loses any."""
    vault: Vault | None = None
    watch: Watch = field(default_factory=Watch)
    """What is connected, once the machine was looked at (AIR-03)."""
    readings: dict[tuple[str, AccountKey], Decoded] = field(default_factory=dict)
    """Digest of a signing request, account -> what the second reader found in it."""
    _noted_text: str = ""
    """The newest checkpoint whose words were shown."""
    _charter: Charter | None = None
    _book: Register | None = None
    _suspended: Suspensions | None = None

    @property
    def state(self) -> State:
        """The fold of this ceremony as it stands on disk."""
        return self.transcript.state

    @property
    def book(self) -> Register:
        """The whole register as it stands on disk; ceremonies that have ended are read once in each run."""
        self._book = Register.open(self.register, self._book, beginning=True)
        return self._book

    @property
    def charter(self) -> Charter:
        """The charter in force, read once in each run; within an amendment the new one, from the entry `amended` on."""
        if self._charter is None or self.state.last(entries.Amended) is not None:
            self._charter = self.here.charter_at(self.book.charter)(len(self.state.entries) + 1)
        return self._charter

    @property
    def suspended(self) -> Suspensions:
        """The keys that are suspended (STO-07), read once in each run: a run's first entry is the only one that changes it."""
        if self._suspended is None:
            self._suspended = self.book.suspended
        return self._suspended

    @property
    def opening(self) -> KeySet:
        """The set whose shares this ceremony opens: the one in use, or of a sweep the newest one of the key that it empties."""
        return sweeping.opening(self.book, self.here)

    @property
    def plan(self) -> Plan:
        """The plan of that set: who is enough to open it."""
        return self.opening.record.plan

    @property
    def holders(self) -> tuple[str, ...]:
        """Who can open a share of that set: its positions that the charter in force has, too, and whose share is not of a custodian who
        was replaced; unless these are too few: then all of them, for without the passphrases of those who left nothing is opened."""
        plan, shares = self.plan, self.custody.shares
        here = tuple(p for p in self.charter.custodians if p in plan.positions)
        own = tuple(p for p in here if p not in shares or not shares[p].orphaned)
        return own if plan.enough(own) else here

    @property
    def custody(self) -> Custody:
        """Where the shares of that set are."""
        return self.book.whereabouts.of(self.opening.identifier)

    def path(self, name: str, what: str, *, new: bool = False) -> Path:
        """A path that the command line gave; or that is asked for now, until something lies there (`new`: or something could)."""
        while name not in self.given:
            typed = self.screen.ask(f"Path of {what}: ", "a path" if new else "the path of an existing file or folder")
            if new or os.path.lexists(typed):
                self.given[name] = typed
            else:
                self.screen.wipe()  # it may have been a passphrase, typed a prompt too early (GEN-09)
                self.screen.say("There is nothing at that path. Look how the file is called, and type its path once more.")
        return Path(self.given[name])

    def read(self, name: str, what: str, read: Callable[[Path], T], *, new: bool = False) -> T:
        """What `read` makes of a path that the command line gave; one that is typed here, and is of something else, is asked for anew."""
        while True:
            typed = name not in self.given
            path = self.path(name, what, new=new)
            try:
                return read(path)
            except (Refused, Malformed) as wrong:
                if not typed:
                    raise
                del self.given[name]
                self.screen.say(str(wrong))
                if isinstance(wrong, Refused):
                    self.noted.append(("tool", refusal(wrong)))

    def signed(self, name: str, what: str, parse: Callable[[bytes, str], T]) -> tuple[bytes, tuple[Signature, ...], T]:
        """A signed document, likewise: its bytes, its signatures, and what it is. Nothing is verified here."""
        return self.read(name, what, partial(read_as, parse))

    def medium(self, person: str, *, back: bool = False) -> Path:
        """The folder of one person's own medium, asked for once in each run (`back`: Back may be raised instead); media and keys may be
        connected from here on (AIR-03)."""
        self.watch.asked.update(ASKED)
        while person not in self.media or not _is_folder(self.media[person]):  # it may have been taken out, to print from it
            folder = Path(self.screen.ask(f"{person}, the folder of your medium: ", "the folder where your medium is", back=back))
            others = {p.resolve() for name, p in self.media.items() if name != person}
            if _is_folder(folder) and folder.resolve() not in others and not self._somebody_elses(person, folder):
                self.media[person] = folder
            else:
                self.screen.wipe()  # it may have been a passphrase, typed a prompt too early (GEN-09)
                self.screen.say("There is no such folder, or it is someone else's medium. Insert yours and type its folder.")
        return self.media[person]

    def _somebody_elses(self, person: str, folder: Path) -> bool:
        """Whether another person of the charter signs with the key that lies there."""
        try:
            key = signatures.public_key_of(folder / f"{KEY}.pub")
        except (OSError, Malformed):
            return False
        keys = {member.person: member.key for member in self.charter.people}
        return key in keys.values() and key != keys.get(person)

    @control("SIG-06")
    def keep(self, name: str, kind: entries.FileKind, raw: bytes) -> Steps:
        """SIG-06: one ceremony has one file of a kind: written whole and synced, then listed; another one later is refused."""
        listed = self.state.file(kind)
        if listed is not None and listed.sha256 != sha256(raw):
            refuse(
                "SIG-06",
                f"this ceremony has its {kind} already",
                found=sha256(raw),
                expected=listed.sha256,
                do=f"Go on with the {kind} that was taken first, or void this ceremony.",
            )
        if listed is None:
            yield from self.keep_another(name, kind, raw)

    def keep_another(self, name: str, kind: entries.FileKind, raw: bytes) -> Steps:
        """One of several files of a kind: written whole and synced, then listed; once, however often it is given."""
        if name in {file.name for file in self.state.all(entries.File)}:
            return
        path = self.transcript.folder / name
        if not (path.exists() and read_file(path) == raw):
            write_new(path, raw)
        yield ("tool", entries.File(name=name, kind=kind, sha256=sha256(raw), size=len(raw)))

    def raw(self, kind: str) -> bytes:
        """The bytes of this ceremony's file of one kind, equal to what was recorded."""
        return self.here.raw(kind)

    @property
    def here(self) -> Ceremony:
        """This ceremony as the register has it."""
        return self.book.ceremonies[-1]

    def sign_text(self, person: str, namespace: Namespace, purpose: Any, text: str) -> Entry:
        """Let one person sign a text with their own key."""
        signature = self._sign(person, namespace, text.encode("ascii"))
        return (person, entries.Signature(namespace=namespace, purpose=purpose, text=text, blob=signature.blob))

    def sign_checkpoint(self, person: str, purpose: Any, text: str) -> Entry:
        """Let one person sign a checkpoint statement; once for each statement the screen says what to note of it (BRD-06)."""
        if purpose != "run" and text != self._noted_text:
            self._noted_text = text
            self.screen.say(remembered.told(text))
        return self.sign_text(person, "checkpoint@cold-ceremony", purpose, text)

    def sign_file(self, person: str, namespace: Namespace, kind: Any) -> Entry:
        """Let one person sign this ceremony's file of one kind: the bytes that were recorded, whatever lies there now."""
        file = self.state.file(kind)
        if file is None:
            raise Malformed(f"{self.here.folder.name} has no {kind}")
        return self.sign_named(person, namespace, kind, file.name)

    def sign_named(self, person: str, namespace: Namespace, purpose: Any, name: str) -> Entry:
        """Let one person sign one listed file, by its name."""
        signature = self._sign(person, namespace, self.here.raw_of(name))
        return (person, entries.Signature(namespace=namespace, purpose=purpose, file=name, blob=signature.blob))

    def sign_bytes(self, person: str, namespace: Namespace, raw: bytes) -> signatures.Signature:
        """Let one person sign a document that is in no register yet."""
        return self._sign(person, namespace, raw)

    def excepted(self, identifier: str) -> bool:
        """Whether both officers excepted this control in this ceremony."""
        return identifier in exceptional.granted(self.state)

    def check_unsuspended(self, person: str, what: str, do: str = "") -> None:
        """STO-07: who signs has a key that is not suspended. `do`: what to do then, if it is not that others sign by the form of a loss."""
        check_signer(person, self.suspended, self.charter, what, do or loss_command(person, self.register))

    def statement(self) -> str:
        """The checkpoint text of the newest entry."""
        return statement(self.state, self.genesis).text

    def _sign(self, person: str, namespace: Namespace, raw: bytes) -> signatures.Signature:
        """A wrong medium is told and another one asked for, and so is a security key that is not there or was not touched: it must
        not end a sitting in which everybody has come; that which makes a set never (GEN-14)."""
        what = namespace.partition("@")[0]
        self.check_unsuspended(person, f"{what} of this ceremony", "" if what in BY_LOSS else ANEW)
        hardware = self.charter.key(person).hardware
        tries = TRIES
        while True:
            if hardware:
                self.screen.say(f"{person}: insert your security key, and touch it when it blinks.")
            try:
                return self._signed(person, namespace, raw)
            except (Refused, Malformed) as trouble:
                tries -= 1
                if not (tries > 0 or in_one_sitting(self.state)):
                    raise
                if isinstance(trouble, Refused):
                    self.noted.append(("tool", refusal(trouble)))
                self.screen.say(f"{trouble}\n{person}: once more.")
                if hardware and (isinstance(trouble, Malformed) or trouble.identifier == "ASM-06"):
                    self.screen.enter(f"{person}: your security key is in, and you are ready to touch it.")
                else:
                    self.media.pop(person, None)

    def _key_file(self, person: str) -> Path:
        """What ssh-keygen signs with: the handle of a security key, which is no secret; a key file in practice alone; else the public
        key of one that an agent holds."""
        folder = self.medium(person)
        private, public = folder / KEY, folder / f"{KEY}.pub"
        if private.exists() and (signatures.is_handle(private) or permits(self.charter.mark, "software keys")):
            return private
        if private.exists():
            refuse(
                "ASM-01",
                f"the signing key of {person} is a file",
                found=f"a software key, {KEY}",
                expected="a security key: its handle, which ssh-keygen -t ed25519-sk writes",
                do="Take the file off the medium, and destroy it. In production people sign with keys that hardware holds.",
            )
        if not public.exists():
            refuse(
                "ASM-01", f"{person} cannot sign", found=f"no {KEY} on their medium", expected="their signing key", do="Insert the medium."
            )
        return public

    @control("ASM-01")
    def _signed(self, person: str, namespace: Namespace, raw: bytes) -> signatures.Signature:
        """ASM-01: each person is authenticated on their own, by a signature under the key that the charter lists for them."""
        charter = self.charter
        practice = permits(charter.mark, "software keys")
        signature = signatures.sign(person, namespace, raw, self._key_file(person), provider=practice)
        try:
            signatures.verify(signature, raw, charter.key(person), namespace, fresh=True)
        except Refused as wrong:
            if wrong.identifier == "ASM-06":
                raise
            refuse(
                "ASM-01",
                f"this is not the key of {person}",
                found=wrong.found,
                expected=f"a signature by the key that the charter lists for {person}",
                do=f"Insert the medium of {person}, then resume.",
            )
        return signature
