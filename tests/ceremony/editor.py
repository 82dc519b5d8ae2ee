"""What one hand can do to an open register with an editor, without any key; and the form by which a damaged record goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ceremony.base.data import canonical, dump
from ceremony.base.lines import sha256
from ceremony.base.signatures import sign
from ceremony.base.sshsig import RunKey
from ceremony.demonstration import Stage, key
from ceremony.record import runs, scripts
from ceremony.record.checkpoint import Statement
from ceremony.record.register import Register
from tests.ceremony import rehearsal
from tests.record.test_verify_stock import run as stock

FORM = "office/loss.json"
NOBODYS = "U1NIU0lH" + "A" * 400
"""A signature in form."""
Forged = tuple[str, str, dict[str, Any]]
"""Actor, type, body of an entry that somebody makes up."""


def register(set_: Stage) -> tuple[str, ...]:
    """The options that every command of the cold host has."""
    return ("--register", "register", "--genesis", Register.open(set_.folder / "register").genesis)


def newest(set_: Stage) -> Path:
    """The transcript of the newest ceremony."""
    return max(set_.folder.glob("register/*/transcript.jsonl"))


def append(path: Path, *made_up: Forged) -> str:
    """Write lines behind a transcript, chained and canonical; the digest of the last one."""
    lines = path.read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1])
    for seq, (actor, kind, body) in enumerate(made_up, start=len(lines) + 1):
        said = {
            "actor": actor,
            "body": {**body, "version": "2"},
            "prev": sha256(lines[-1]),
            "seq": str(seq),
            "time": last["time"],
            "type": kind,
        }
        lines.append(canonical(said))
    path.write_bytes(b"".join(lines))
    return sha256(lines[-1])


def begin_run(set_: Stage, *behind: Forged, blob: str = "", signers: Sequence[str] = ()) -> str:
    """Write a whole run of one's own behind the newest transcript, under a key of one's own: its people's signatures are those of the first
    run once more, or (with `blob`, which is none of theirs) say what they must; the digest of its last line.

    `signers`: whom it names, if not the same people."""
    path = newest(set_)
    before = [json.loads(line) for line in path.read_bytes().splitlines()]
    opened, time, key_ = before[0]["body"], before[-1]["time"], RunKey()
    number = 1 + sum(entry["type"] in ("opened", "resumed") for entry in before)
    people = [*(signers or opened["signers"])]
    body = {name: opened[name] for name in ("script", "tool", "commit")} | {"run": str(number), "after": str(len(before))}
    watches = [{"person": person, "typed": f"{time[:16]}:00Z"} for person in people]
    head = append(
        path, ("tool", "resumed", {**body, "found": [], "notes": [], "run_key": key_.public, "signers": people, "watches": watches})
    )
    said = Statement(mark=opened["mark"], genesis=opened["genesis"], ceremony=int(opened["ceremony"]), seq=len(before) + 1, head=head)
    again = {entry["actor"]: {**entry["body"], **({"blob": blob, "text": said.text} if blob else {})} for entry in before[1:3]}
    head = append(path, *((person, "signature", again.get(person, again["witness"])) for person in people), *behind)
    runs.sign(key_, path.parent, number, path.read_bytes().splitlines(keepends=True)[-1])
    return head


def begin_ceremony(set_: Stage, kind: str, *behind: Forged, own: str = "") -> str:
    """Write a ceremony of one's own as the register's next, begun under a key of one's own, in the names of those whom its script names;
    the digest of its last line. `own`: who of them wrote it, and signed with their own key."""
    book, key_, script = Register.open(set_.folder / "register"), RunKey(), scripts.current(kind)
    number, time = len(book.ceremonies) + 1, book.time
    folder = book.folder / f"{number:04d}-{kind}"
    folder.mkdir()
    (folder / scripts.NAME).write_bytes(dump(script))
    opened = json.loads(book.ceremonies[-1].state.entries[0].line.raw)["body"] | {
        "kind": kind,
        "ceremony": str(number),
        "script": script.digest,
        "run_key": key_.public,
    }
    opened |= {"signers": [*script.runs], "watches": [{"person": person, "typed": f"{time[:16]}:00Z"} for person in script.runs]}
    first = {"actor": "tool", "body": opened, "prev": book.head, "seq": "1", "time": time, "type": "opened"}
    path = folder / "transcript.jsonl"
    path.write_bytes(canonical(first))
    text = Statement(mark=opened["mark"], genesis=book.genesis, ceremony=number, seq=1, head=sha256(canonical(first))).text
    by = {own: sign(own, "checkpoint@cold-ceremony", text.encode("ascii"), set_.folder / key(own)).blob} if own else {}
    said = {"purpose": "run", "namespace": "checkpoint@cold-ceremony", "text": text}
    head = append(path, *((person, "signature", {**said, "blob": by.get(person, NOBODYS)}) for person in script.runs), *behind)
    runs.sign(key_, folder, 1, path.read_bytes().splitlines(keepends=True)[-1])
    return head


def cut(path: Path, before: str) -> int:
    """Cut a transcript off before its first entry of this type, with the files that no entry lists then; how many entries are left."""
    lines = path.read_bytes().splitlines(keepends=True)
    said = [json.loads(line) for line in lines]
    count = next(at for at, entry in enumerate(said) if entry["type"] == before)
    listed = {entry["body"]["name"] for entry in said[:count] if entry["type"] == "file"}
    path.write_bytes(b"".join(lines[:count]))
    for each in path.parent.iterdir():
        if each.name not in listed and each != path and not each.name.startswith("run-"):
            each.unlink()
    return count


def verifiers(set_: Stage, head: str = "") -> list[tuple[int, str]]:
    """Exit code and first word of what both verifiers say of the register as it lies there."""
    book = Register.open(set_.folder / "register")
    found = []
    shown, code = rehearsal.run(set_, "audit", "verify", "register", "--genesis", book.genesis, "--head", head or book.head)
    found.append((code, first_word(shown)))
    done = stock(set_.folder / "register", book.genesis, head or book.head)
    found.append((done.returncode, first_word(done.stderr or done.stdout.splitlines()[-1])))
    return found


def first_word(shown: str) -> str:
    """Of a refusal its control."""
    return (shown.split() or [""])[0]


def loss(set_: Stage, lost: Sequence[str], signers: Sequence[str]) -> tuple[str, str]:
    """The form of a loss, drafted for the register as it lies there, signed by these people, and checked: the option that gives it."""
    charter = ("--charter", "office/charter.json", "--genesis", Register.open(set_.folder / "register").genesis)
    words = [word for person in lost for word in ("--lost", person)]
    set_.act(
        "Loss",
        ("loss", "draft", "--register", "register", *words, "--reason", "what happened", "-o", FORM),
        *(("loss", "sign", FORM, "--as", person, "--key", key(person), *charter) for person in signers),
        ("loss", "check", FORM, "--register", "register"),
    )
    return ("--loss", FORM)
