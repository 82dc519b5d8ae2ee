"""Every instant at which a ceremony can be cut off, from one play of it (tests/ceremony/recorder.py): what is on disk then, what the tool
makes of it before it asks anybody, and which shares open."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from ceremony.base import lines, sshsig
from ceremony.base.control import Refused
from ceremony.base.data import Malformed, load
from ceremony.base.files import PARTIAL
from ceremony.base.lines import sha256, split
from ceremony.base.signatures import unarmour
from ceremony.cli.cold import check_voidable
from ceremony.demonstration import Stage, key
from ceremony.record import entries, scripts, state
from ceremony.record.checkpoint import statement
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Ceremony, Register
from ceremony.record.runs import NAMESPACE
from ceremony.record.transcript import Notes, Transcript
from ceremony.record.verify import verify
from ceremony.screen.terminal import Terminal
from ceremony.script import beginning, loop, media, release, remembered
from ceremony.script.generate import check_one_sitting
from ceremony.script.room import Room, utc_now
from ceremony.script.table import SCRIPTS, in_one_sitting
from ceremony.vault.accounts import check_accounts, seed_of
from shares import commitment
from shares.envelope import Header, WrongPassphrase, unseal
from shares.plan import Terms
from shares.schemes import scheme_of
from tests.ceremony import rehearsal

STRIDE = int(os.environ.get("CRASH_STRIDE", "0"))
"""Every how many instants the ceremony is ended for real as well, on a terminal, from what lay on disk then. CRASH_STRIDE=1 does it at
every single one, which takes hours; 0, the default: only where a test says so."""


@dataclass(frozen=True)
class Held:
    """One file as it lay there; a folder has no content. The same inode under two names is one file."""

    raw: bytes | None
    inode: int
    mode: int


CHECKPOINT = "checkpoint@cold-ceremony"
Files = Mapping[str, Held]
"""Path in the stage -> what lay there."""


@dataclass(frozen=True)
class Instant:
    """What lay on disk right before the next change of it (`next_`), or in the middle of one (`torn`)."""

    files: Files
    next_: str
    torn: bool = False

    @property
    def folder(self) -> str:
        """The newest ceremony's, in the register."""
        return max((name.split("/")[1] for name in self.files if name.count("/") == 1 and name.startswith("register/")), default="")

    @property
    def whole(self) -> list[bytes]:
        """The whole lines of the newest ceremony's transcript."""
        held = self.files.get(f"register/{self.folder}/transcript.jsonl")
        return [line + b"\n" for line in split((held and held.raw) or b"")[0]]

    @property
    def entries(self) -> list[bytes]:
        """The newest ceremony's entries: the lines that its newest signed run has signed."""
        whole = self.whole
        return whole[: self._standing(whole)]

    @property
    def in_a_write(self) -> bool:
        """Whether something of the register was being written: a file, a line, or the run's signature over it."""
        partial = any(PARTIAL in name for name in self.files if name.startswith("register/"))
        return self.torn or partial or len(self.whole) > len(self.entries)

    def _standing(self, whole: Sequence[bytes]) -> int:
        said = [_read_once(line) for line in whole]
        starts = [at for at, e in enumerate(said) if e["type"] in ("opened", "resumed")]
        for number, first in reversed([*enumerate(starts, start=1)]):
            due = set(said[first]["body"]["signers"])
            if {e["actor"] for e in said[first + 1 : first + 1 + len(due)] if e["body"].get("purpose") == "run"} == due:
                held = self.files.get(f"register/{self.folder}/run-{number}.sig")
                blob, public = (held and held.raw) or b"", said[first]["body"]["run_key"]
                end = starts[number] if number < len(starts) else len(whole)
                vouched = next((at + 1 for at in reversed(range(first, end)) if _signs(blob, whole[at], public)), 0)
                if vouched > first + len(due):
                    return vouched
        return 0

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [_read_once(line)["type"] for line in self.entries]

    @property
    def signers(self) -> set[str]:
        """Who has signed the key record that is made here."""
        said = map(_read_once, self.entries)
        return {e["actor"] for e in said if e["type"] == "signature" and e["body"]["purpose"] == "key-record"}

    def write(self, folder: Path) -> None:
        """Lay all of it into an empty folder."""
        inodes: dict[int, Path] = {}
        for name, held in sorted(self.files.items()):
            path = folder / name
            if held.raw is None:
                path.mkdir(parents=True, exist_ok=True)
            elif held.inode in inodes:
                os.link(inodes[held.inode], path)
            else:
                path.write_bytes(held.raw)
                path.chmod(held.mode)
                inodes[held.inode] = path

    @property
    def kind(self) -> tuple[list[str], dict[str, list[str]]]:
        """What a kill would leave, in kind: the newest ceremony's entries, and what lies on the media."""
        return self.types, self.media()

    def since(self, type_: str) -> tuple[list[str], dict[str, list[str]]]:
        """Likewise, of the entries only those from the last one of this type on: what a ceremony that was resumed has done anew."""
        return self.types[len(self.types) - 1 - self.types[::-1].index(type_) :], self.media()

    def media(self) -> dict[str, list[str]]:
        """Position -> what lies on its medium, in kind: names, sizes, whether there is anything but zeroes; sets without their names."""
        found: dict[str, list[str]] = {}
        for name, held in self.files.items():
            _, person, *rest = (*name.split("/"), "")
            if name.startswith("custodians/") and held.raw is not None and "id_signing" not in name:
                kind = "-".join(part if len(part) != 20 else "set" for part in rest[0].split("-"))
                found.setdefault(person, []).append(f"{kind} {len(held.raw)} {'zeroes' if not any(held.raw) else 'bytes'}")
        return {person: sorted(names) for person, names in found.items()}


@cache
def _read_once(line: bytes) -> dict[str, Any]:
    """An entry; only looked at."""
    found: dict[str, Any] = json.loads(line)
    return found


@cache
def _signs(armoured: bytes, line: bytes, public: str) -> bool:
    """Whether this is a run's signature over this line."""
    try:
        blob = unarmour(armoured.decode("ascii"))
    except Malformed:
        return False
    return sshsig.verifies(blob, line, sshsig.ed25519_text(bytes.fromhex(public)), NAMESPACE)


@cache
def _secret(raw: bytes) -> Ed25519PrivateKey:
    """Somebody's signing key, of its file."""
    found = load_ssh_private_key(raw, None)
    assert isinstance(found, Ed25519PrivateKey)
    return found


def of_stage(set_: Stage) -> Instant:
    """What lies on a stage now."""
    files = {}
    for path in (p for place in ("register", "custodians") for p in (set_.folder / place).rglob("*")):
        status = path.stat()
        files[str(path.relative_to(set_.folder))] = Held(path.read_bytes() if path.is_file() else None, status.st_ino, status.st_mode)
    return Instant(files, "")


@dataclass
class Play:
    """One command that was played with the recorder on, and what people had in mind before it and after it."""

    folder: Path
    before: Stage
    after: Stage
    shown: str

    @cached_property
    def instants(self) -> list[Instant]:
        """Each instant that differs from the one before it."""
        return list(_read(self.folder))

    @property
    def makers(self) -> set[str]:
        """Who signs the key record of a set that is made."""
        return {p for p in self.after.plot.names if p[0].isupper()} | {"administrator", "witness"}

    @property
    def signed(self) -> Instant:
        """Right after the last signature of the key record."""
        return next(each for each in self.instants if each.folder == self.instants[-1].folder and each.signers >= self.makers)

    def after_entry(self, type_: str) -> Instant:
        """Right after the first entry of this type."""
        return next(each for each in self.instants if not each.torn and each.types[-1:] == [type_])

    def before_change(self, begin: str) -> Instant:
        """Right before the first change that is called so."""
        return next(each for each in self.instants if each.next_.startswith(begin))

    def torn(self, path: str, after: str = "") -> Instant:
        """In the middle of the first change of this file (after the first entry of this type)."""
        found = (each for each in self.instants if each.torn and each.next_.startswith(f"half of {path}"))
        return next(each for each in found if not after or after in each.types)

    @property
    def known(self) -> dict[str, tuple[str, ...]]:
        """Position -> every passphrase that its custodian knew at some time of the play."""
        casts = [self.before.cast.passphrases, self.after.cast.passphrases]
        found = {(name[:2], phrase): None for cast in casts for name, phrase in cast.items() if name[0].isupper()}
        return {p: tuple(phrase for whose, phrase in found if whose == p) for p, _ in found}


def record(set_: Stage, words: Sequence[str]) -> Play:
    """Play a command to its end, and keep every instant of it, in a folder beside the stage."""
    folder = set_.folder.with_name(f"{set_.folder.name}-{words[0]}-instants")
    before = rehearsal.remembering(set_)
    shown, code = rehearsal.run_broken(set_, f"recorded:{folder}", words)
    assert code == 0, shown[-3000:]
    return Play(folder, before, rehearsal.remembering(set_), shown)


def _read(folder: Path) -> Iterator[Instant]:
    """Each instant that differs from the one before it, and before each that adds to a file, one with half of that."""
    blobs: dict[str, bytes] = {"": b""}
    files: dict[str, Held] = {}
    for line in (folder / "instants.jsonl").read_text().splitlines():
        said = json.loads(line)
        if not said["changed"] and not said["gone"]:
            continue
        before = dict(files)
        for name in said["gone"]:
            del files[name]
        for name, (digest, inode, mode) in said["changed"].items():
            if digest not in blobs:
                blobs[digest] = (folder / "blobs" / digest).read_bytes()
            files[name] = Held(blobs[digest] if digest else None, inode, mode)
        if before:
            yield from _halves(before, files)
        yield Instant(dict(files), f"{said['event']} {said['path']}")


def _halves(before: Files, after: Files) -> Iterator[Instant]:
    """What was added to a file, or written over it, half done; and of what was renamed first, not begun. An error in that write leaves no
    more than that, since nothing follows it in a transcript (tests/record/test_failing_writes.py)."""
    of = {held.inode: held.raw for held in before.values() if held.raw is not None}
    changed = [name for name, held in after.items() if held.raw and of.get(held.inode) != held.raw]
    for name in changed:
        held = after[name]
        raw, old = held.raw or b"", of.get(held.inode) or b""
        half = (len(old) + len(raw)) // 2 if raw.startswith(old) else len(raw) // 2
        done = _torn_line(old, raw) if name.endswith("/transcript.jsonl") else raw[:half] + old[half:]
        for content in (done, *([old] if name not in before and old else [])):
            same = {other: replace(each, raw=content) for other, each in after.items() if each.inode == held.inode and each.raw is not None}
            yield Instant({**after, **same}, f"half of {name}", torn=True)


def _torn_line(old: bytes, raw: bytes) -> bytes:
    """A transcript to which a line is being added: half of it, or zero bytes in its place, or zero bytes up to its newline; in turn."""
    line = raw[len(old) :]
    return old + (line[: len(line) // 2], bytes(len(line)), bytes(len(line) - 1) + b"\n")[old.count(b"\n") % 3]


@cache
def _opened(raw: bytes, passphrase: str) -> bytes | None:
    try:
        return bytes(unseal(raw, passphrase.encode()))
    except WrongPassphrase:
        return None


@cache
def _record(raw: bytes) -> tuple[KeyRecord, str]:
    """A key record and its set identifier."""
    found = load(KeyRecord, raw, "key record")
    return found, found.set_identifier


@cache
def _recovered(shares: tuple[tuple[str, bytes], ...], record: bytes) -> None:
    """Enough of these shares are the key of this record: its every extended public key."""
    (key, _), held = _record(record), dict(shares)
    scheme, plan = scheme_of(key.scheme), key.plan
    quorums = plan.minimal(tuple(held))
    of_sites = {letter: scheme.combine_site(plan, letter, {int(p[1]): held[p] for p in quorum}) for letter, quorum in quorums.items()}
    check_accounts(seed_of(key.scheme, scheme.combine_sites(plan, of_sites)), key)


@contextmanager
def _remembered() -> Iterator[None]:
    """Every line of a transcript is read once, however often: what it says depends on nothing else."""
    parse, understand = cache(lines.parse_line), state.recorded
    known: dict[bytes, state.Recorded] = {}

    def recorded(line: lines.Line, where: str) -> state.Recorded:
        if line.raw not in known:
            known[line.raw] = understand(line, where)
        return known[line.raw]

    with (
        patch.object(lines, "parse_line", parse),
        patch.object(state, "recorded", recorded),
        patch.object(release, "commit", cache(release.commit)),
    ):
        yield


class Standing(Room):
    """A room whose register does not change: read once."""

    still: Register

    @property
    def book(self) -> Register:
        """As it was read."""
        return self.still


class Reopened:
    """A stage at one instant after the other, each after all that `ceremony resume` does before it asks anybody: what was torn or unlisted
    is kept aside, and the register is verified."""

    def __init__(self, play: Play, folder: Path) -> None:
        self.play, self.folder = play, folder
        self.transcript: Transcript | None = None
        self._laid: dict[str, Files] = {}
        self._torn: set[str] = set()
        """Types of entries after which one that was cut off in its write was verified."""

    def at(self, instant: Instant) -> bool:
        """Go to this instant; whether register or media are other ones than at the one before."""
        self.instant = instant
        parts: dict[str, dict[str, Held]] = {}
        for name, held in instant.files.items():
            place, part = (*name.split("/"), "")[:2]
            if place in ("register", "custodians") and part:
                parts.setdefault(f"{place}/{part}", {})[name] = held
        changed = [part for part in parts.keys() | self._laid.keys() if parts.get(part) != self._laid.get(part)]
        for part in changed:
            for path in (self.folder / part).glob("*"):
                path.unlink()
            Instant(parts[part], "").write(self.folder)
        self._laid = {**parts}
        if any(part.startswith("register/") for part in changed):
            self._reopen()
        return bool(changed)

    def _reopen(self) -> None:
        book, self.transcript = Register.open(self.folder / "register"), None
        if book.unfinished is not None:
            self.transcript = self._gone_on(book, book.unfinished)
        self.book = Register.open(book.folder, book)
        self.room = Standing(Terminal(), book.folder, book.genesis, self.transcript or Notes(self.folder, ""), {})
        self.room.still = self.book
        if not book.ceremonies:
            return
        kind = self.instant.types[-1] if self.instant.in_a_write and self.instant.types else ""
        if not (kind and kind in self._torn):
            verify(book.folder, book.genesis)
        self._torn.add(kind)

    def _gone_on(self, book: Register, ceremony: Ceremony) -> Transcript:
        """As `ceremony resume` goes on, with what people type and sign before it does: those whom its script names, or who began it."""
        people, now = scripts.current(ceremony.kind).runs or ceremony.state.opened.signers, utc_now()
        watches = tuple(entries.Reading(person=person, typed=now[:-3] + "00Z") for person in people[:2])
        found, kept = beginning.go_on(ceremony, beginning.check_uncut(book), beginning.Asked(people, watches), now)
        text = statement(found.state, ceremony.state.opened.genesis).text
        for person in people:
            found.append(person, self._signature(person, text), now)
        beginning.list_kept(found, ceremony, kept, now)
        return found

    def _signature(self, person: str, text: str) -> entries.Signature:
        """With their own key file; it is none that a kill could change."""
        secret = _secret((self.play.after.folder / key(person)).read_bytes())
        blob = sshsig.made(secret, text.encode("ascii"), CHECKPOINT)
        return entries.Signature(namespace=CHECKPOINT, purpose="run", text=text, blob=blob)

    @property
    def state(self) -> state.State:
        """The newest ceremony, as the next run goes on with it."""
        return self.room.state

    def signed(self) -> bool:
        """Whether everybody has signed the key record that this ceremony makes."""
        return self.play.makers <= self.instant.signers

    def records(self) -> list[bytes]:
        """The key record of every set that must be whole now: the one in use, of the former key the newest, and one that is made here."""
        book, kind = self.book, self.instant.folder.split("-", 1)[1]
        sets = [each for each in (book.sets.former, book.sets.in_use) if each is not None]
        found = [book.ceremonies[each.ceremony - 1].raw("key-record") for each in sets]
        if kind in ("keygen", "reshare") and book.unfinished is not None and self.signed():
            new = book.unfinished.raw("key-record")
            return [*(found if kind == "keygen" else found[:-1]), new]
        return found

    def check_whole(self) -> None:
        """Every share of these sets is where the tool looks for it, opens with what its custodian knows, and is the committed one."""
        for raw in self.records():
            record, identifier = _record(raw)
            _recovered(tuple((p, self._share(record, identifier, p)) for p in record.plan.positions), raw)

    def _share(self, record: KeyRecord, identifier: str, position: str) -> bytes:
        room = self.room
        home = self.folder / "custodians" / f"{position}-at-home"
        room.media[position] = home if self._lies_at(home, identifier) else self.folder / "custodians" / position
        sealed = media.newest(room, position, identifier)
        header, had = Header.unpack(sealed), room.book.sets.sealed(position, identifier)
        assert (header.position, header.set_identifier) == (position, identifier), self.instant.next_
        assert header.sealing in had.acceptable, self.instant.next_
        found = [share for phrase in self.play.known[position] if (share := _opened(sealed, phrase)) is not None]
        assert found, f"{position} cannot open its share before {self.instant.next_}"
        terms = Terms(mark=record.mark, scheme=record.scheme, plan=record.plan)
        commitment.check_custodian(terms, position, found[0], record.custodian_commitments[position])
        return found[0]

    @staticmethod
    def _lies_at(home: Path, identifier: str) -> bool:
        """Whether a custodian keeps a share of this set somewhere else than on the medium that they brought."""
        return identifier in {h.set_identifier for path in home.glob("*.sealed") if (h := _header(path.read_bytes()))}

    def check_gone(self) -> None:
        """What is recorded as removed or destroyed lies nowhere any more."""
        whole = {(h.position, h.sealing) for held in self.instant.files.values() if (h := _header(held.raw)) is not None}
        for body in (*self.state.all(entries.Removed), *self.state.all(entries.Destroyed)):
            numbers = body.numbers if isinstance(body, entries.Destroyed) else (body.number,)
            assert not {(body.position, number) for number in numbers} & whole, self.instant.next_

    def check_goes_on(self) -> str:
        """`goes on`, `void`, `no return` or `ends`: what the next run does with it, and what it refuses."""
        now, types = self.state, self.instant.types
        if now.closing is not None:
            with pytest.raises(Malformed, match="has its closing"):
                check_voidable(now)
            return "ends"
        made = now.opened.kind in ("keygen", "reshare") and '"kind":"key-record"' in b"".join(self.instant.entries).decode()
        if made and not self.signed():
            assert _refused(lambda: check_one_sitting(now)) == "GEN-14", self.instant.next_
            assert _refused(lambda: check_voidable(now)) == "", self.instant.next_
            return "void"
        assert _refused(lambda: check_one_sitting(now)) == "", self.instant.next_
        due = "BRD-06" if "signing" in types else "GEN-14" if made and now.opened.kind == "reshare" else ""
        assert _refused(lambda: check_voidable(now)) == due, self.instant.next_
        self._check_next()
        return "no return" if due else "goes on"

    def _check_next(self) -> None:
        """It goes on in the step in which it was cut off, or in an earlier one whose work died with the vault; nothing else is repeated."""
        script = SCRIPTS[self.state.opened.kind]
        done = max((int(e["body"]["number"]) for e in map(_read_once, self.instant.entries) if e["type"] == "step"), default=0)
        at = loop.next_step(self.room).number
        assert at <= min(done + 1, len(script)), self.instant.next_
        assert all(step.script.live == "yes" for step in script[at - 1 : done]) or done == len(script), self.instant.next_


def _header(raw: bytes | None) -> Header | None:
    """Of whatever lies there; None if it is no whole sealed share."""
    try:
        return Header.unpack(raw or b"")
    except (Malformed, Refused):
        return None


def _refused(act: Callable[[], object]) -> str:
    try:
        act()
    except Refused as refused:
        return refused.identifier
    return ""


def check_all(play: Play, folder: Path, outcome: str) -> Counter[str]:
    """At every instant of a play: at least one complete set opens, and the next run goes on, ends it as void, or can do nothing else
    than go on. How many there were of each. `outcome`: how the ceremony ends if it is not void."""
    found: Counter[str] = Counter()
    at = Reopened(play, folder)
    with _remembered():
        _check_each(play, at, found, outcome)
    return found


def _check_each(play: Play, at: Reopened, found: Counter[str], outcome: str) -> None:
    for number, instant in enumerate(play.instants):
        if "register/0001-keygen/charter.json" not in instant.files:
            if instant.folder:
                with pytest.raises(Malformed, match=r"has no charter\.json"):
                    Reopened(play, at.folder.with_name("nothing")).at(instant)
            found["nothing yet"] += 1
            continue
        if not at.at(instant):
            continue
        if not at.book.ceremonies:
            found["nothing yet"] += 1
            continue
        at.check_whole()
        if at.transcript is None:
            found["at rest" if at.book.unbegun is None else "not begun"] += 1
            continue
        at.check_gone()
        found[at.check_goes_on()] += 1
        if STRIDE and number % STRIDE == 0:
            shutil.rmtree(end_for_real(play, instant, at.folder.with_name(f"real-{number}"), outcome).folder)


def staged(play: Play, instant: Instant, folder: Path) -> Stage:
    """The whole stage at one instant, and what people have in mind then, to go on with for real."""
    instant.write(folder)
    shutil.copytree(play.after.folder / "online", folder / "online", dirs_exist_ok=True)
    conf = folder / "hsm" / "softhsm2.conf"
    conf.write_text(conf.read_text().replace(str(play.after.folder), str(folder)))
    set_ = rehearsal.remembering(replace(play.before, folder=folder))
    said = [_read_once(line) for line in instant.entries]
    starts = [at for at, each in enumerate(said) if each["type"] in ("opened", "resumed")]
    set_.cast.noted.clear()
    if starts:  # what people noted when this run began
        set_.cast.noted["note"] = (str(starts[-1] + 1), " ".join(remembered.words_of(sha256(instant.entries[starts[-1]]))))
    if instant.signers >= play.makers:
        set_.cast.passphrases.update(play.after.cast.passphrases)
    for body in (e["body"] for e in said if e["type"] in ("bag-opened", "bag-closed")):
        set_.cast.bags[body["position"]] = body["bag"]
        set_.cast.opened.add(body["position"])
    for body in (e["body"] for e in said if e["type"] == "bag-closed"):
        set_.cast.opened.discard(body["position"])
    return set_


def end_for_real(play: Play, instant: Instant, folder: Path, outcome: str) -> Stage:
    """Go on from an instant with real commands, to the end that is left: as void where the set is cut off, else as it would have ended."""
    set_ = staged(play, instant, folder)
    book = Register.open(folder / "register")
    now = book.ceremonies[-1].state
    common, module = ("--register", "register", "--genesis", book.genesis), ("--module", set_.module)
    if in_one_sitting(now):
        shown, code = rehearsal.run(set_, "void", *common, "--reason", "cut off")
        outcome = "void"
    else:
        out = ("--out", "outbound-of-resume") if now.opened.kind == "transfer" else ()
        shown, code = rehearsal.run(set_, "resume", *common, *module, *out)
    assert code == 0, (instant.next_, shown[-2000:])
    book = Register.open(folder / "register")
    assert book.ceremonies[-1].state.closed is not None
    assert book.ceremonies[-1].state.closed.outcome == outcome, instant.next_
    assert verify(book.folder, book.genesis, book.head).said == "VERIFIED", instant.next_
    return set_
