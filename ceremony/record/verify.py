"""Verify a register: one chain, listed files, documents, rules, signatures, and the anchor from outside (AUD-01 to AUD-10).

It needs no key, no vault and no network; `scripts/verify-transcript.sh` checks the chain, the files and the signatures again
with stock tools. What comes from the folder alone can be forged as a whole: only the anchor makes it `VERIFIED`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Malformed, OtherForm, decode
from ceremony.base.files import read_file
from ceremony.base.lines import sha256
from ceremony.record import end, entries, outbound, runs, signers, vouched
from ceremony.record.chain import Chain
from ceremony.record.ledger import Ledger
from ceremony.record.notes import notes
from ceremony.record.register import Ceremony, Register
from ceremony.record.rules import (
    amend,
    bags,
    common,
    custody,
    exceptional,
    health,
    keygen,
    losses,
    media,
    ordered,
    outside,
    receipt,
    reseal,
    reshare,
    script,
    suspensions,
    transfer,
)
from ceremony.record.signers import COPY

VERIFIED, NOT_ANCHORED, NO_SCRIPT, INCOMPLETE = "VERIFIED", "NOT ANCHORED", "NOT HELD TO A SCRIPT", "INCOMPLETE"
"""Words of a verdict; VERIFIED stands alone, the others one on a line, in this order, behind `ANCHORED UP TO CEREMONY N`."""
UNDECIDED = 3
"""The exit code of every verdict but `VERIFIED` (0); a refusal's is 1."""


@dataclass(frozen=True, slots=True)
class Told:
    """One ceremony as the verdict tells of it; `outcome` is `unfinished` while it has not ended."""

    number: int
    kind: str
    mark: str
    outcome: str
    entries: int
    head: str


_TOKEN = object()


class Anchored:
    """Proof that a register was verified whole and ends in the head that came from outside. Only `verify` makes one."""

    __slots__ = ("genesis", "head", "register")

    def __init__(self, register: Register, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only verify makes this proof")
        self.register = register
        self.genesis = register.genesis
        self.head = register.head


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier found; nothing was refused. `signatures`: purpose -> how many verify. `notes`: what an auditor should know, gravest
    first."""

    words: tuple[str, ...]
    genesis: str
    head: str
    ceremonies: tuple[Told, ...]
    signatures: Mapping[str, int]
    notes: tuple[str, ...]
    anchored: Anchored | None

    @property
    def code(self) -> int:
        """The exit code: 0 only for a whole register that is anchored."""
        return 0 if self.words == (VERIFIED,) else UNDECIDED

    @property
    def said(self) -> str:
        """The words, on one line."""
        return "; ".join(self.words)


def verify(folder: Path, genesis: str | None = None, head: str | None = None) -> Verdict:
    """The verdict on the register in `folder`; refuses with the control that is broken.

    `genesis` and `head`: digests in 64 hexadecimal digits from a closing slip; without both, nothing is anchored.
    Malformed only if there is no such folder or a digest has another form; a file that has lost its form is AUD-01."""
    for name, digest in (("genesis", genesis), ("head", head)):
        if digest is not None:
            decode(Digest, digest, name)
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no register")
    with _in_form():
        _check_genesis(folder, genesis)
        return _verify(Register.open(folder), genesis, head)


def verify_known(register: Register) -> None:
    """Refuses as `verify` does, of a register that a command has opened and whose genesis it has compared."""
    with _in_form():
        _verify(register, register.genesis, None)


@contextmanager
def _in_form() -> Iterator[None]:
    """AUD-01: what has lost its form is a damaged register; what another release wrote is not."""
    try:
        yield
    except OtherForm:
        raise
    except Malformed as error:
        refuse("AUD-01", "a part of the register has lost its form", found=str(error), expected="the form of docs/formats.md", do=COPY)


def _verify(register: Register, genesis: str | None, head: str | None) -> Verdict:
    check_whole(register)
    up_to = _check_head(register, head)
    register.check_files()
    ledger = _check_rules(register)
    signers.verify_each(register)
    words = _words(register, up_to, anchored=genesis is not None and head is not None)
    return Verdict(
        words=words,
        genesis=register.genesis,
        head=register.head,
        ceremonies=tuple(_told(ceremony) for ceremony in register.ceremonies),
        signatures=_count(register),
        notes=notes(register, ledger),
        anchored=Anchored(register, _TOKEN) if words == (VERIFIED,) else None,
    )


@control("AUD-09")
def _check_genesis(folder: Path, genesis: str | None) -> None:
    """AUD-09: the register's charter is the one whose digest came from outside; a register forged with fresh keys has another."""
    if genesis is None:
        return
    found = sha256(read_file(folder / "0001-keygen" / "charter.json"))
    if found != genesis:
        refuse("AUD-09", "this is another register", found=f"genesis {found}", expected=f"genesis {genesis}", do=_SLIP)


_SLIP = "Compare with the newest closing slip; if the digests were typed right, get the register from someone else who keeps a copy."


@control("AUD-10")
def _check_head(register: Register, head: str | None) -> int | None:
    """AUD-10: the head from outside is the register's; one that the register does not have means that it was rolled back.

    The number of the ceremony that ended with it, if newer ones follow: of them the slip says nothing. AUD-09 for a head that no
    ceremony ended with."""
    ended = next((c.number for c in register.ceremonies if c.head == head and c.state.closed is not None), None)
    if head in (None, register.head):
        return None
    if ended is None and head in _heads(register):
        refuse(
            "AUD-09", "entries follow the head that was given", found=register.head, expected=str(head), do="Use the newest closing slip."
        )
    if ended is None:
        refuse(
            "AUD-10",
            "the register does not have the head that was given: it is an older copy, or its last entries were changed",
            found=f"head {register.head}",
            expected=f"head {head}",
            do=_SLIP,
        )
    return ended


def _heads(register: Register) -> frozenset[str]:
    """Every digest that an entry continues from: the genesis, and each entry but the last."""
    return frozenset(entry.line.prev for ceremony in register.ceremonies for entry in ceremony.state.entries)


def check_whole(register: Register) -> None:
    """AUD-01: nothing is torn; AUD-05: every ceremony lies in a folder of its own, not behind a link; AUD-08: it has an opening."""
    for ceremony in register.ceremonies:
        name = ceremony.folder.name
        if ceremony.folder.is_symlink() or not ceremony.folder.is_dir():
            refuse("AUD-05", name, found="not a folder", expected="a folder for each ceremony", do=COPY)
        if not ceremony.state.entries and not ceremony.torn:
            refuse(
                "AUD-08",
                name,
                found="no entry at all",
                expected="its opening",
                do=COPY,
            )
        if ceremony.torn:
            refuse(
                "AUD-01",
                f"{name}: the last line is torn",
                found=f"{len(ceremony.torn)} bytes after the last whole entry",
                expected="whole lines",
                do="If the ceremony was just interrupted: `ceremony resume`. Else use an undamaged copy of the register.",
            )


def _check_rules(register: Register) -> Ledger:
    ledger = Ledger(genesis=register.genesis, chain=Chain(register.charters[:1]))
    heads: set[str] = {register.genesis}
    script.check_forward(register.ceremonies)
    for ceremony in register.ceremonies:
        common.check(ceremony, ledger)
        suspensions.check(ceremony, ledger)
        exceptional.check(ceremony, ledger)
        health.check_brought(ceremony, ledger)
        custody.check(ceremony, ledger)
        heads.add(ceremony.prev)
        ordered.check(ceremony, ledger, heads)
        if ceremony.kind == "keygen":
            keygen.check(ceremony, ledger)
        elif ceremony.kind == "transfer":
            transfer.check(ceremony, ledger, heads)
            transfer.check_nonces(ceremony, ledger.nonces)
        elif ceremony.kind == "reshare":
            reshare.check(ceremony, ledger)
        elif ceremony.kind == "amend":
            amend.check(ceremony, ledger)
        elif ceremony.kind in ("drill", "check"):
            health.check(ceremony, ledger)
        elif ceremony.kind == "reseal":
            reseal.check(ceremony, ledger)
        elif ceremony.kind == "receipt":
            receipt.check(ceremony, ledger)
        bags.check(ceremony, ledger)
        outside.check_clock(ceremony)
        media.check(ceremony, ledger)
        outbound.check(register, ceremony)
        script.check(ceremony, ledger.charter)
        losses.check(ceremony, ledger)
        runs.check(ceremony.folder, ceremony.state)
        vouched.check(ceremony.state, ceremony.folder.name)
        end.check(ceremony, ledger.genesis, ledger.charter.digest, ledger.policy.digest if ledger.policy else None)
        heads.update(entry.line.prev for entry in ceremony.state.entries)
        ledger = ledger.after(ceremony)
    return ledger


def _words(register: Register, up_to: int | None, *, anchored: bool) -> tuple[str, ...]:
    held = all(script.known(ceremony) for ceremony in register.ceremonies)
    found = (
        (anchored and up_to is not None, f"ANCHORED UP TO CEREMONY {up_to}"),
        (not anchored, NOT_ANCHORED),
        (not held, NO_SCRIPT),
        (register.unfinished is not None or register.unbegun is not None, INCOMPLETE),
    )
    return tuple(word for holds, word in found if holds) or (VERIFIED,)


def _told(ceremony: Ceremony) -> Told:
    state = ceremony.state
    outcome = state.closed.outcome if state.closed else "unfinished"
    return Told(ceremony.number, ceremony.kind, state.opened.mark, outcome, len(state.entries), ceremony.head)


def _count(register: Register) -> dict[str, int]:
    found = Counter(body.purpose for ceremony in register.ceremonies for body in ceremony.state.all(entries.Signature))
    return dict(sorted(found.items()))
