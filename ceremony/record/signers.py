"""The signatures of a transcript: each is of the right kind, over the right bytes, and by the person whom the charter names."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import NoReturn

from ceremony.base import signatures
from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.base.signatures import Namespace
from ceremony.record import checkpoint, entries, runs, scripts
from ceremony.record.charter import Charter
from ceremony.record.loss import check_signed, stand_in
from ceremony.record.register import Ceremony, Register
from ceremony.record.scripts import Script
from ceremony.record.state import Recorded, State

COPY = "Use an undamaged copy of the register."
CHECKPOINTS = ("run", "opening", "phase", "adjournment", "disagreement", "return")
NAMESPACES: Mapping[str, Namespace] = MappingProxyType(
    {
        "charter": "charter@cold-ceremony",
        "succession": "succession@cold-ceremony",
        "policy": "policy@cold-ceremony",
        "key-record": "key-record@cold-ceremony",
        "authorization": "authorization@cold-ceremony",
        "confirmation": "confirmation@cold-ceremony",
        "revocation": "revocation@cold-ceremony",
        "receipt": "receipt@cold-ceremony",
        "exception": "exception@cold-ceremony",
        "share-order": "share-order@cold-ceremony",
        "custody": "custody@cold-ceremony",
        "health": "health@cold-ceremony",
        "approval": "approval@cold-ceremony",
        "end": "end@cold-ceremony",
        **dict.fromkeys(CHECKPOINTS, "checkpoint@cold-ceremony"),
    }
)
"""Purpose -> the only namespace that its signatures may have. An approval, an end and a checkpoint sign a text, all others a file."""
_TEXTS = ("approval", "end", *CHECKPOINTS)


def check_forms(ceremony: Ceremony, charter: Charter, genesis: str) -> None:
    """Every signature names what it signs: a listed file of its own kind or a text, in its namespace, by a person of the charter.

    AUT-03 for another kind or person; AUD-02 for a checkpoint of another transcript. Nothing is verified yet."""
    people = {member.person for member in charter.people}
    listed: dict[str, str] = {}
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.File):
            listed[body.name] = body.kind
        elif isinstance(body, entries.Signature):
            where = f"{ceremony.folder.name}, entry {entry.line.seq}"
            _check_kind(where, entry.actor, body, people, listed)
            if body.purpose in CHECKPOINTS:
                checkpoint.check(body.text or "", ceremony.state, genesis, entry.line.seq)


def _check_kind(where: str, actor: str, body: entries.Signature, people: Collection[str], listed: Mapping[str, str]) -> None:
    if actor not in people:
        _differs(where, f"signed by {actor}", "a person of the charter")
    if body.namespace != NAMESPACES[body.purpose]:
        _differs(where, f"{body.namespace} for {body.purpose}", NAMESPACES[body.purpose])
    if body.purpose in _TEXTS:
        if body.text is None or body.file is not None:
            _differs(where, f"{body.purpose} without its text", "the text that was signed, and no file")
    elif body.text is not None or listed.get(body.file or "") != body.purpose:
        _differs(where, f"{body.purpose} over {body.file or 'no file'}", f"a file of the kind {body.purpose}, listed before it is signed")


def _differs(where: str, found: str, expected: str) -> NoReturn:
    refuse("AUT-03", f"the signature in {where}", found=found, expected=expected, do=COPY)


def signed_by(ceremony: Ceremony, purpose: str, needed: Iterable[str], identifier: str = "AUD-02") -> None:
    """Refuses with the identifier unless everyone in `needed` has signed for this purpose."""
    found = ceremony.state.signers(purpose)
    missing = sorted(set(needed) - set(found))
    if missing:
        refuse(
            identifier,
            f"{ceremony.folder.name}: signatures are missing ({purpose})",
            found="signed by " + (", ".join(sorted(found)) or "nobody"),
            expected=f"also by {', '.join(missing)}",
            do=COPY,
        )


def verify_each(register: Register) -> None:
    """AUT-03 for the first signature that does not verify under the charter that was in force then; several at once, since
    one by a kind of key that is not understood in this process is a run of ssh-keygen."""
    signed = [
        (ceremony, entry, charter_at(entry.line.seq))
        for ceremony, before in zip(register.ceremonies, register.charters, strict=False)
        for charter_at in (ceremony.charter_at(before),)
        for entry in ceremony.state.entries
        if isinstance(entry.body, entries.Signature)
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for _ in pool.map(lambda each: _verify(*each), signed):
            pass


def _verify(ceremony: Ceremony, entry: Recorded, charter: Charter) -> None:
    body = entry.body
    raw = body.text.encode("ascii") if body.text is not None else read_file(ceremony.folder / body.file)
    signature = as_signature(entry)
    signatures.verify(signature, raw, charter.key(entry.actor), NAMESPACES[body.purpose])


def genuine(register: Register, ceremony: Ceremony) -> State:
    """The entries of an open ceremony, up to the first run that those who must have not signed with their own keys: who holds none of these
    can write all the rest of a run with an editor, its key included (AUD-11).

    AUT-03 if that is the first run."""
    charter = register.charters[ceremony.number - 1]
    found, lines = ceremony.state.entries, [entry.line for entry in ceremony.state.entries]
    script, whole = scripts.current(ceremony.state.opened.kind), True
    every = runs.split(found)
    for run, after in zip(every, [*every[1:], None], strict=True):
        if not _is_genuine(ceremony, run, charter, script, amended=whole):
            if run.number == 1:
                refuse(
                    "AUT-03",
                    f"{ceremony.folder.name}: run 1 is not signed by those who must, with their own keys",
                    found="a signature that does not verify, or of other people",
                    expected=f"signatures of {', '.join(script.runs) or 'who is there'}",
                    do=COPY,
                )
            return State(found[: run.first])
        whole = whole and (runs.covered(ceremony.folder, run, lines) == run.end or runs.by_form(run.end, after, lines))
    return ceremony.state


def as_begun(register: Register) -> Register:
    """The register as commands go on with it: where those who must have not signed the first run of its newest ceremony with their own
    keys, nothing was begun, whoever's key its lines carry; the next ceremony takes its place (AUD-11). A verifier refuses it (AUT-03).

    A run whose key signed none of its lines is another matter: somebody changed what had begun."""
    last = register.ceremonies[-1] if register.ceremonies else None
    if register.unbegun is not None or last is None or scripts.current(last.kind).digest != last.state.opened.script:
        return register
    before = Register(register.folder, register.genesis, register.ceremonies[:-1], last.folder)
    run, signature = runs.split(last.state.entries)[0], runs.path_of(last.folder, 1)
    is_whole = not signature.exists() or runs.vouched_at_all(last.folder, last.state)
    genuine_ = _is_genuine(last, run, before.charter, scripts.current(last.kind), amended=False)
    return before if is_whole and not genuine_ else register


def _is_genuine(ceremony: Ceremony, run: runs.Run, charter: Charter, script: Script, *, amended: bool) -> bool:
    """Whether those who must sign a run have. `amended`: a charter that the entries before it put in force has their keys, since a signed
    run vouches for those entries."""
    begins = replace(ceremony, state=State(ceremony.state.entries[: run.begins]))
    lost = set(begins.state.lost)
    loss = run.body.loss
    if not run.signed or (loss is not None and not _holds(lambda: check_signed(loss, charter))):
        return False
    if script.runs and set(run.body.signers) != set(stand_in(script.runs, lost)):
        return False
    return _holds(lambda: _verify_beginning(begins, run, begins.charter_at(charter) if amended else lambda _: charter))


def _verify_beginning(ceremony: Ceremony, run: runs.Run, charter_at: Callable[[int], Charter]) -> None:
    for entry in ceremony.state.entries[run.first + 1 : run.begins]:
        _verify(ceremony, entry, charter_at(entry.line.seq))


def _holds(check: Callable[[], object]) -> bool:
    try:
        check()
    except (Refused, Malformed):
        return False
    return True


def as_signature(entry: Recorded) -> signatures.Signature:
    """A signature entry as a signature of its actor."""
    return signatures.Signature(signer=entry.actor, namespace=entry.body.namespace, blob=entry.body.blob)
