"""The register: the folder of everything that lasts and is not secret; one hash chain from the genesis to the head.

`register/0001-keygen/transcript.jsonl` and beside it the files that it lists; the next ceremony continues the same chain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from ceremony.base.control import Undecided, control, refuse
from ceremony.base.data import Malformed, load
from ceremony.base.files import PARTIAL, read_file
from ceremony.base.lines import parse_line, sha256, split
from ceremony.base.show import shown
from ceremony.base.signatures import Signature
from ceremony.record import end, entries
from ceremony.record.bags import Bags
from ceremony.record.chain import Chain, SignedCharter
from ceremony.record.charter import OFFICERS, SIGNERS, Charter
from ceremony.record.charter import check as check_charter
from ceremony.record.claims import fold as fold_claims
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.runs import begun, is_cut, is_signature, true_time, vouched_at_all
from ceremony.record.sets import KeySet, Sets
from ceremony.record.state import State
from ceremony.record.suspension import Suspensions
from ceremony.record.transcript import MAX_TRANSCRIPT, NAME, read
from ceremony.record.whereabouts import Custody, Whereabouts
from transfer.bitcoin import psbt
from transfer.in_force import History, then
from transfer.limits import Policy, Spent
from transfer.outstanding import Claim
from transfer.receipt import Receipt
from transfer.revocation import Revocation

T = TypeVar("T")
_FOLDER = re.compile(r"([0-9]{4})-(keygen|transfer|receipt|amend|drill|check|custody|reseal|reshare)")


@dataclass(frozen=True, slots=True)
class Ceremony:
    """One ceremony of the register."""

    number: int
    kind: str
    folder: Path
    state: State
    prev: str
    torn: bytes
    after: str = ""
    """Time of the last entry of the ceremony before; empty for the first."""

    @property
    def head(self) -> str:
        """Digest of its last entry."""
        return self.state.entries[-1].line.digest if self.state.entries else self.prev

    @property
    def time(self) -> str:
        """When its last entry was written, by the clock or, where that was ahead, by people's watches; if it has none, that of the
        ceremony before."""
        return true_time(self.state) if self.state.entries else self.after

    def load(self, cls: type[T], kind: str) -> T:
        """The newest file of one kind, as a record; its digest must be the recorded one."""
        return load(cls, self.raw(kind), f"{self.folder.name}, {kind}")

    def raw(self, kind: str) -> bytes:
        """The bytes of the newest file of one kind; refused if they are not the recorded ones."""
        file = self.state.file(kind)
        if file is None:
            raise Malformed(f"{self.folder.name} has no {kind}")
        return self.raw_of(file.name)

    def raw_of(self, name: str) -> bytes:
        """The bytes of one listed file, by its name; refused if they are not the recorded ones."""
        file = next((f for f in self.state.all(entries.File) if f.name == name), None)
        if file is None:
            raise Malformed(f"{self.folder.name} lists no {name}")
        raw = read_file(self.folder / name)
        if sha256(raw) != file.sha256:
            refuse("AUD-01", f"{self.folder.name}/{name} is not the recorded file", found=sha256(raw), expected=file.sha256, do=_COPY)
        return raw

    def signatures(self, purpose: str) -> tuple[Signature, ...]:
        """Everybody's signature for one purpose, over a file or a text of this ceremony."""
        found = ((e.actor, e.body) for e in self.state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == purpose)
        return tuple(Signature(signer=actor, namespace=body.namespace, blob=body.blob) for actor, body in found)

    def revocations(self) -> Iterator[tuple[int, Revocation]]:
        """Every revocation that its own officer signed here, with the number of the entry from which on it counts (AUT-04)."""
        for entry in self.state.entries:
            body = entry.body
            if isinstance(body, entries.Signature) and body.purpose == "revocation":
                revocation = load(Revocation, read_file(self.folder / (body.file or "")), f"{self.folder.name}, {body.file}")
                if revocation.officer == entry.actor and entry.actor in OFFICERS:
                    yield entry.line.seq, revocation

    @property
    def amends(self) -> bool:
        """Whether the charter of this ceremony counts from its end on."""
        closed = self.state.closed
        amended = closed is not None and closed.outcome == AMENDED and self.state.last(entries.Amended) is not None
        return amended and self.kind == "amend"

    @property
    def proposes(self) -> bool:
        """Whether it ended as the proposal of a charter that waits for its cool-off (STO-07)."""
        closed = self.state.closed
        return self.kind == "amend" and closed is not None and closed.outcome == end.PROPOSED

    @property
    def rules(self) -> bool:
        """Whether the policy of this ceremony counts from its end on: of a key generation or an amendment alone (STO-07)."""
        closed = self.state.closed
        ended = closed is not None and closed.outcome != "void"
        return ended and self.kind in end.TAKES_POLICY and self.state.file("policy") is not None

    @property
    def ended(self) -> str:
        """The time of the last signature of its end; empty if it has not ended."""
        if self.state.closed is None:
            return ""
        return max(e.line.time for e in self.state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == "end")

    @property
    def seen(self) -> str:
        """The time at which people saw a transaction in a block, by the receipt that they signed; empty if this is no receipt."""
        closed = self.state.closed
        if self.kind != "receipt" or closed is None or closed.outcome != "receipt":
            return ""
        return self.load(Receipt, "receipt").time

    def policies(self, before: History | None) -> History | None:
        """The policies that count after this ceremony, by those that did before it."""
        return then(before, self.load(Policy, "policy"), self.ended) if self.rules else before

    @property
    def link(self) -> SignedCharter:
        """The charter of this ceremony, and what was signed over it."""
        return SignedCharter(
            charter=self.raw("charter"),
            signatures=self.signatures("charter"),
            succession=self.raw("succession") if self.state.file("succession") else None,
            succession_signatures=self.signatures("succession"),
        )

    def charter_at(self, before: Charter) -> Callable[[int], Charter]:
        """Entry -> the charter that its signature is verified under: `before`, or after the entry `amended` the new one."""
        at = next((e.line.seq for e in self.state.entries if isinstance(e.body, entries.Amended)), None)
        if at is None:
            return lambda _: before
        after = self.load(Charter, "charter")
        return lambda seq: after if seq > at else before


def used(state: State) -> tuple[str, ...]:
    """AUT-05: digest and identifier of every authorization and share order that a ceremony was granted."""
    granted = (name for body in state.all(entries.Authorized) for name in (body.authorization, body.identifier))
    ordered = (name for body in state.all(entries.Ordered) for name in (body.order, body.identifier))
    return (*granted, *ordered)


CHARTER = "charter.json"
"""The genesis charter, beside the first transcript before its first entry: the chain begins at its digest."""
AMENDED = end.AMENDED
_COPY = "Use an undamaged copy of the register."


class Register:
    """All ceremonies of a folder, in order; a fold, no database."""

    def __init__(self, folder: Path, genesis: str, ceremonies: tuple[Ceremony, ...], unbegun: Path | None = None) -> None:
        self.folder = folder
        self.genesis = genesis
        self.ceremonies = ceremonies
        self.unbegun = unbegun
        """The folder of a ceremony whose first run was not signed by all: no ceremony yet; the next one takes its place (AUD-11)."""

    @classmethod
    def open(cls, folder: Path, before: Register | None = None, *, beginning: bool = False) -> Register:
        """Read the whole chain; refuses a broken link, a gap in the numbers, two ceremonies open at once.

        `beginning`: also a ceremony that is being begun, whose first run is not signed by all yet.

        `before`: the same register as this process read it under the register's lock, under which a ceremony that has ended
        cannot change: such a one is taken from there, and only what came after it is read. Whoever verifies gives none."""
        if not folder.is_dir():
            raise Malformed(f"{folder}: there is no register")
        names = sorted(p.name for p in folder.iterdir())
        genesis = _genesis(folder, names)
        prev, time = genesis, ""
        found: list[Ceremony] = []
        for number, name in enumerate(names, start=1):
            kind = _kind_of(name, number)
            if found and found[-1].state.closed is None:
                refuse("AUD-08", name, found=f"{found[-1].folder.name} has not ended", expected="one open ceremony, the last", do=_COPY)
            ceremony = _known(before, folder / name, prev) or _read(folder / name, number, kind, prev, time)
            found.append(ceremony)
            prev, time = ceremony.head, ceremony.time
        if found and not beginning and not begun(found[-1].folder, found[-1].state):
            _check_unbegun(found[-1])
            return cls(folder, genesis, tuple(found[:-1]), found[-1].folder)
        return cls(folder, genesis, tuple(found))

    @property
    def head(self) -> str:
        """Digest of the newest entry of all."""
        return self.ceremonies[-1].head if self.ceremonies else self.genesis

    @property
    def time(self) -> str:
        """When the newest entry of all was written; empty if there is none."""
        return self.ceremonies[-1].time if self.ceremonies else ""

    @property
    def unfinished(self) -> Ceremony | None:
        """The ceremony that has not ended, if there is one (always the last). Where the write of the last signature of its end failed,
        it has not: another run asks for it again."""
        last = self.ceremonies[-1] if self.ceremonies else None
        if last is None or (last.state.closed is not None and not is_cut(last.folder, last.state)):
            return None
        return last

    @cached_property
    def charters(self) -> tuple[Charter, ...]:
        """The charter in force at the beginning of each ceremony, and after the last; a fold over the amendments that count."""
        first = self.ceremonies[0].folder if self.ceremonies else self.unbegun
        assert first is not None  # noqa: S101 (a register has a folder of a ceremony, begun or not)
        charter = load(Charter, read_file(first / CHARTER), f"{first.name}, charter")
        check_charter(charter)
        if charter.digest != self.genesis:
            refuse("AUD-09", "the charter", found=charter.digest, expected=self.genesis, do=_COPY)
        found = [charter]
        for ceremony in self.ceremonies:
            found.append(ceremony.load(Charter, "charter") if ceremony.amends else found[-1])
        return tuple(found)

    @property
    def charter(self) -> Charter:
        """The charter in force: the newest that counts."""
        return self.charters[-1]

    @property
    def charter_ceremony(self) -> Ceremony:
        """The ceremony that took in the charter in force."""
        return next((c for c in reversed(self.ceremonies) if c.amends), self.ceremonies[0])

    @property
    def chain(self) -> Chain:
        """The charters that count, from the genesis on (their signatures are the verifier's question)."""
        return Chain(tuple(dict.fromkeys(self.charters)))

    @property
    def links(self) -> tuple[SignedCharter, ...]:
        """The charters that count, with what was signed over each: what a vault verifies by itself."""
        signed = (c for c in self.ceremonies if c.kind == "keygen" and set(c.state.signers("charter")) >= set(SIGNERS))
        first = next(signed, self.ceremonies[0])
        return tuple(ceremony.link for ceremony in (first, *(c for c in self.ceremonies if c.amends)))

    @property
    def policy(self) -> Policy:
        """The newest policy, which authorizations name; its limits count as `transfer.in_force` says."""
        return self.history.newest

    @property
    def last_policy(self) -> Policy | None:
        """The newest policy of a key generation or an amendment that ended and was not voided; None if there is none."""
        return self._history.newest if self._history else None

    @property
    def seen(self) -> str:
        """The time of the newest receipt that people signed; empty without one."""
        return max((ceremony.seen for ceremony in self.ceremonies), default="")

    @property
    def policy_ceremony(self) -> Ceremony | None:
        """The ceremony that took in the newest policy."""
        return next((c for c in reversed(self.ceremonies) if c.rules), None)

    @property
    def history(self) -> History:
        """The policies since the key generation, each with the time from which it counts (AUT-06)."""
        if self._history is None:
            raise Undecided("This register has no policy yet; `ceremony keygen` takes one in.")
        return self._history

    @cached_property
    def _history(self) -> History | None:
        found: History | None = None
        for ceremony in self.ceremonies:
            found = ceremony.policies(found)
        return found

    @cached_property
    def sets(self) -> Sets:
        """Every set of shares that exists, and every sealing; a fold."""
        found = Sets()
        for ceremony in self.ceremonies:
            found = found.after(ceremony.number, ceremony.state, partial(ceremony.load, KeyRecord, "key-record"))
        return found

    @cached_property
    def bags(self) -> Bags:
        """Every bag, and the one that each share lies in; a fold."""
        found = Bags()
        for ceremony in self.ceremonies:
            found = found.after(ceremony.state.entries)
        return found

    @property
    def retired(self) -> dict[str, str]:
        """SEC-05: set identifier -> in words which ceremony retired it, and when."""
        voided = {each.identifier for each in self.sets.voided}
        return {
            set_: f"{'voided in' if set_ in voided else 'retired by'} ceremony {number} on {self.ceremonies[number - 1].time[:10]}"
            for set_, number in self.sets.retired.items()
        }

    @cached_property
    def whereabouts(self) -> Whereabouts:
        """Where every share of every set is, and what is asked about it; a fold."""
        found = Whereabouts()
        for ceremony in self.ceremonies:
            found = found.after(ceremony.number, ceremony.state, self.sets)
        return found

    @property
    def custody(self) -> Custody:
        """Where every share of the set in use is."""
        return self.whereabouts.in_use

    @property
    def in_use(self) -> KeySet:
        """The newest set."""
        if self.sets.in_use is None:
            raise Undecided("This register has no key yet; `ceremony keygen` makes one.")
        return self.sets.in_use

    @property
    def key_record(self) -> KeyRecord:
        """The key record of the set in use."""
        return self.in_use.record

    @property
    def has_key(self) -> bool:
        """Whether a key generation has ended with a signed key record."""
        return self.sets.in_use is not None

    @property
    def key_ceremony(self) -> Ceremony:
        """The ceremony that made the set in use."""
        return self.ceremonies[self.in_use.ceremony - 1]

    @property
    def key_papers(self) -> tuple[bytes, tuple[Signature, ...]]:
        """The key record of the set in use, and everybody's signature over it."""
        made = self.key_ceremony
        return made.raw("key-record"), made.signatures("key-record")

    @property
    def key_began(self) -> int:
        """The number of the key generation that made the key in use, whichever of its sets is in use."""
        founding = self.sets.founding
        return founding.ceremony if founding else self.in_use.ceremony

    @control("AUT-05")
    def check_unspent(self, digest: str, identifier: str, ceremony_now: int, what: str = "authorization") -> None:
        """AUT-05: an authorization, and a share order, is used once; what any other ceremony was granted counts as used, also if it
        was voided."""
        for ceremony in self.ceremonies:
            if ceremony.number != ceremony_now and {digest, identifier} & set(used(ceremony.state)):
                refuse(
                    "AUT-05",
                    f"{what} {identifier} is spent",
                    found=f"used by ceremony {ceremony.number}",
                    expected=f"{'an' if what[0] in 'aeiou' else 'a'} {what} that no ceremony has used",
                    do="Draft and sign a new one.",
                )

    @cached_property
    def revoked(self) -> dict[str, Revocation]:
        """AUT-04: authorization (digest) -> its revocation, whatever became of the ceremony that took it in."""
        return {found.authorization: found for ceremony in self.ceremonies for _, found in ceremony.revocations()}

    @cached_property
    def suspended(self) -> Suspensions:
        """STO-07: every key that is suspended, also by the ceremony that is open; a fold."""
        found = Suspensions()
        for ceremony in self.ceremonies:
            found = found.after(ceremony.state.suspensions, ceremony.number)
        return found

    def claims(self, ceremony_now: int) -> tuple[Claim, ...]:
        """What every other transfer holds back: granted and not voided, until the chain settles it (AUT-10, BRD-06)."""
        return tuple(
            claim for number, claim in fold_claims((c.number, c.state, c.folder) for c in self.ceremonies).items() if number != ceremony_now
        )

    def spent(self, ceremony_now: int) -> tuple[Spent, ...]:
        """AUT-10: everything that other ceremonies were granted, but what was voided and what can never be mined any more."""
        return tuple(spent for claim in self.claims(ceremony_now) for spent in claim.counts)

    def replaced(self, txids: Sequence[str]) -> tuple[bytes, ...]:
        """BRD-06: the transactions that an authorization replaces, without signatures: whoever has them sees that a request conflicts."""
        requests = {body.txid: c for c in self.ceremonies for body in c.state.all(entries.Agreed)}
        return tuple(psbt.parse(requests[txid].raw("request")).transaction.stripped for txid in txids)

    def past_r(self) -> tuple[str, ...]:
        """SIG-05: the r of every signature that the HSM ever gave, in hexadecimal."""
        return tuple(s.raw[:64] for c in self.ceremonies for body in c.state.all(entries.HsmSigned) for s in body.signatures)

    def reserved(self, ceremony_now: int) -> frozenset[str]:
        """BRD-06: coins (`txid:vout`) of other ceremonies' requests that were signed or may yet be: not to be spent again."""
        return frozenset(coin for claim in self.claims(ceremony_now) for coin in claim.held)

    @control("AUD-05")
    def check_files(self) -> None:
        """AUD-05: every file is listed with its SHA-256, and nothing else lies in the register (no link, no folder, no extra file)."""
        for ceremony in self.ceremonies:
            listed = {f.name: f for f in ceremony.state.all(entries.File)}
            present = {p.name: p for p in ceremony.folder.iterdir() if not is_signature(p.name)}
            for name in sorted(present.keys() | listed.keys() | {NAME}):
                _check_file(ceremony, name, present.get(name), listed.get(name))


def _check_file(ceremony: Ceremony, name: str, path: Path | None, listed: entries.File | None) -> None:
    where = f"{ceremony.folder.name}/{name if listed or name == NAME else shown(name)}"
    if path is None:
        refuse("AUD-05", f"{where} is missing", found="no such file", expected="the recorded file", do=_COPY)
    if path.is_symlink() or not path.is_file():
        refuse("AUD-05", where, found="not a regular file", expected="regular files only", do=_COPY)
    if name == NAME:
        return
    if listed is None:
        refuse("AUD-05", f"{where} is extra", found="a file that no entry lists", expected="listed files only", do=_COPY)
    raw = read_file(path)
    if sha256(raw) != listed.sha256 or len(raw) != listed.size:
        refuse("AUD-01", f"{where} is changed", found=sha256(raw), expected=listed.sha256, do=_COPY)


def _known(before: Register | None, folder: Path, prev: str) -> Ceremony | None:
    """The ceremony of this folder as it was read before, if it had ended by then and continues the same head."""
    found = (c for c in before.ceremonies if c.folder == folder) if before is not None else iter(())
    return next((c for c in found if c.prev == prev and c.state.closed is not None), None)


def _read(folder: Path, number: int, kind: str, prev: str, after: str) -> Ceremony:
    path = folder / NAME
    raw = read_file(path, MAX_TRANSCRIPT) if path.exists() else b""
    _check_continues(raw, prev, folder.name)
    state, torn = read(folder, raw, prev, after)
    _check_shape(folder.name, number, kind, state)
    return Ceremony(number=number, kind=kind, folder=folder, state=state, prev=prev, torn=torn, after=after)


@control("AUD-03")
def _check_continues(raw: bytes, prev: str, name: str) -> None:
    """AUD-03: the first entry holds the head of the ceremony before (or the genesis digest); a fork has another."""
    whole, _ = split(raw)
    found = parse_line(whole[0] + b"\n", f"{name}, line 1").prev if whole else prev
    if found != prev:
        refuse("AUD-03", f"{name} continues from another ceremony", found=f"prev {found}", expected=prev, do=_COPY)


@control("AUD-08")
def _check_shape(name: str, number: int, kind: str, state: State) -> None:
    """AUD-08: a ceremony begins with its opening, under its own number and kind; behind its closing stand the signatures of its end
    and what an interruption between them leaves, and nothing once all have signed."""
    due: set[str] | None = None
    for at, entry in enumerate(state.entries):
        body = entry.body
        if isinstance(body, entries.Opened) != (at == 0):
            refuse("AUD-08", f"{name}, entry {at + 1}", found=entry.line.type, expected="one opening, first", do=_COPY)
        if due is not None and not (due and _behind_closing(body)):
            expected = "nothing behind the signed end" if not due else "the signatures of the end"
            refuse("AUD-08", f"{name}, entry {at + 1}", found=f"{entry.line.type} after the closing", expected=expected, do=_COPY)
        if isinstance(body, entries.Closed):
            due = set(body.signers)
        elif due is not None and isinstance(body, entries.Signature) and body.purpose == "end":
            due.discard(entry.actor)
    if state.entries and (state.opened.ceremony, state.opened.kind) != (number, kind):
        refuse("AUD-08", name, found=f"{state.opened.ceremony} {state.opened.kind}", expected=f"{number} {kind}", do=_COPY)


def _behind_closing(body: object) -> bool:
    """What may stand between the closing and the last signature of the end."""
    if isinstance(body, entries.Signature):
        return body.purpose in ("end", "run", "disagreement")
    if isinstance(body, entries.File):
        return body.kind in ("torn", "aside", "leftover")
    return isinstance(body, entries.Resumed | entries.Refusal | entries.StrayDevice) or (
        isinstance(body, entries.Disagreed) and body.to == "end"
    )


def _genesis(folder: Path, names: list[str]) -> str:
    """The genesis digest that the register itself claims: that of the first ceremony's charter file."""
    if not names:
        raise Malformed(f"{folder}: the register is empty")
    _kind_of(names[0], 1)
    path = folder / names[0] / CHARTER
    if not path.exists():
        raise Malformed(f"{folder / names[0]} has no {CHARTER}; {_COPY}")
    return sha256(read_file(path))


def _kind_of(name: str, number: int) -> str:
    """The kind of the ceremony whose folder has this name; AUD-08 if it is not the one with this number."""
    match = _FOLDER.fullmatch(name)
    if match is None:
        refuse(
            "AUD-08",
            "something that is no ceremony lies in the register",
            found=shown(name),
            expected=f"{number:04d}-KIND",
            do=_FOREIGN,
        )
    if int(match[1]) != number:
        refuse("AUD-08", "the register's numbers", found=shown(name), expected=f"ceremony {number:04d}", do=_COPY)
    return match[2]


_FOREIGN = "Find out what it is and who put it there; throw nothing away. Go on with an undamaged copy of the register."


def _check_unbegun(ceremony: Ceremony) -> None:
    """AUD-08: a ceremony that nobody began holds what a beginning leaves; where there is more, its transcript was lost."""
    kept = {path.name for path in ceremony.folder.iterdir() if not path.name.startswith(PARTIAL)}
    found = sorted(kept - {NAME, "script.json", CHARTER if ceremony.number == 1 else NAME, "run-1.sig"})
    others = [name for name in found if not _KEPT.fullmatch(name)] if not ceremony.state.entries else []
    vouched = "run-1.sig" not in kept or vouched_at_all(ceremony.folder, ceremony.state)
    if not vouched and ceremony.state.signers("run"):
        refuse(
            "AUD-02",
            f"{ceremony.folder.name}: the beginning that people signed is another one",
            found="signatures of the run that are not over its first entry",
            expected="signatures over the first entry, and the run's own over its newest",
            do=_COPY,
        )
    if others or not vouched:
        refuse(
            "AUD-08",
            f"{ceremony.folder.name} has lost its transcript, or entries of it",
            found=", ".join(map(shown, others[:3])) or "the signature of a run, and none of the lines that it was over",
            expected="the entries that go with it",
            do=_FOREIGN,
        )


_KEPT = re.compile(r"(aside|torn|leftover)-0-[0-9a-f]{8,16}\.(lines|bytes)")


def leftovers(ceremony: Ceremony) -> Iterator[Path]:
    """Files of an interrupted ceremony that no entry lists: written, but cut off before their entry."""
    listed = {f.name for f in ceremony.state.all(entries.File)}
    for path in sorted(ceremony.folder.iterdir()):
        if path.name.startswith(PARTIAL) or (path.name != NAME and path.name not in listed and not is_signature(path.name)):
            yield path
