"""Closing: everyone signs the transcript, the bundle and the QR frames leave, the ceremony ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ceremony.base.amounts import grouped
from ceremony.base.data import Malformed
from ceremony.base.files import make_folder, read_file, write_new
from ceremony.base.lines import sha256
from ceremony.record import entries, exceptional, outbound, slip
from ceremony.record.register import Ceremony, Register
from ceremony.record.state import State
from ceremony.screen import panels, paper
from ceremony.screen.terminal import Excepting, Pausing
from ceremony.script import ending
from ceremony.script.exceptional import answer
from ceremony.script.prepare import end_vault
from ceremony.script.room import Room, Steps, last_step
from transfer.gap import bundle, qr, ur

AFTER = {"transfer": "Custodians may leave after that; their closing slip comes when this transcript ends, a few minutes later."}
"""What is said to who may leave before the end. Elsewhere this is the end."""


def adjourn(room: Room) -> Steps:
    """AUD-02: everyone who is present signs the transcript as it stands; then custodians may leave."""
    yield from end_vault(room, "adjourned")
    text = room.statement()
    room.screen.show(panels.words("transcript", room.transcript.head))
    room.screen.show(panels.paragraph(f"Each one notes these words and signs. {AFTER.get(room.state.opened.kind, '')}".strip()))
    for person in room.state.actors(entries.Present):
        if (
            person not in room.state.lost
            and person not in room.state.signers("adjournment")
            and person not in exceptional.said_no(room.state, "adjournment")
        ):
            signed = partial(_signs, room, person, text)
            yield from answer(room, person, "adjournment", "sign the adjournment.", signed)


def _signs(room: Room, person: str, text: str) -> Steps:
    yield room.sign_checkpoint(person, "adjournment", text)


def adjourn_keygen(room: Room) -> Steps:
    """The last signatures of a key generation, and its end."""
    yield from adjourn(room)
    yield from last_step(room)
    yield ending.closed(room, outcome="key record signed", reason="")


def carry_out(room: Room) -> Steps:
    """EXP-01, EXP-02: the outbound bundle and the QR frames of the signed transaction, each read back before it counts. A
    transaction above 20 kB goes on the stick alone."""
    out = room.read("out", "a new folder for the outbound bundle", partial(_where, room), new=True)
    if _written_already(room, out):
        return  # people paused, or were cut off, while they signed that it is done
    checked = room.state.last(entries.Checked)
    assert checked is not None  # noqa: S101 (signing is done)
    raw = bytes.fromhex(room.raw("transaction").decode("ascii").strip())
    with room.screen.working("write the bundle and read it back"):
        contents = outbound.contents(room.book, room.here, len(room.state.entries))
        written = bundle.write(out, contents, mark=room.state.opened.mark, ceremony=room.here.number, head=room.transcript.head)
    frames = ur.encode(raw) if len(raw) <= ur.MAX_PAYLOAD else ()
    if frames:
        with room.screen.working(f"draw {len(frames)} QR frame(s), each read back by two readers"):
            _draw(_frames(out), frames)
        _show(room, frames)
    else:
        room.screen.say(f"Use the stick: {len(raw)} bytes are too many for QR codes (at most {ur.MAX_PAYLOAD}).")
    room.screen.show((*panels.field("txid", grouped(checked.txid)), *panels.words("bundle", written.digest)))
    yield ("tool", entries.Exported(bundle=written.digest, names=outbound.NAMES, frames=len(frames), readers=READERS if frames else ()))


READERS = ("zxing-cpp", "zbar")
"""Who read each QR frame back."""


def _written_already(room: Room, out: Path) -> bool:
    """Whether what lies there is the bundle whose export is recorded."""
    exported, manifest = room.state.last(entries.Exported), out / bundle.MANIFEST
    return exported is not None and manifest.is_file() and sha256(read_file(manifest)) == exported.bundle


def _show(room: Room, frames: tuple[str, ...]) -> None:
    """Who pauses between two frames gets a new bundle afterwards, of the longer transcript, in another folder."""
    try:
        room.screen.qr(frames)
    except (Pausing, Excepting):
        del room.given["out"]
        raise


def check_out(state: State, given: Mapping[str, str], register: Path) -> None:
    """Before anybody is asked for anything: the bundle that was named on the command line can be written where it was named."""
    if "out" in given and state.last(entries.Exported) is None:
        _check_place(Path(given["out"]), register)


def _where(room: Room, out: Path) -> Path:
    """A folder where the bundle lies already, or that can be made for it. What an earlier, interrupted run wrote is another bundle (of a
    shorter transcript): it must not be mistaken for this."""
    if not _written_already(room, out):
        _check_place(out, room.register)
    return out


def _check_place(out: Path, register: Path) -> None:
    for path in (out, _frames(out)):
        if os.path.lexists(path):
            raise Malformed(f"{path}: is there already; give a new folder for the outbound bundle")
    if not out.absolute().parent.is_dir():
        raise Malformed(f"{out}: its folder is not there; insert the medium, or make the folder")
    if register.resolve() in out.resolve().parents:
        raise Malformed(f"{out}: lies in the register, where no other file may lie; give a folder outside of it")


def _frames(out: Path) -> Path:
    """Where the QR frames lie: beside the bundle."""
    return out.with_name(out.name + "-qr")


def _draw(folder: Path, frames: tuple[str, ...]) -> None:
    """One PNG for each frame, and what the terminal shows, read back by both readers (EXP-02)."""
    make_folder(folder)
    for number, frame in enumerate(frames, start=1):
        path = folder / f"frame-{number}-of-{len(frames)}.png"
        write_new(path, qr.png(frame))
        qr.read_back(read_file(path), frame)
        qr.read_back(qr.rasterise(qr.terminal_lines(frame)), frame)


def close_transfer(room: Room) -> Steps:
    """The transfer's transcript ends here; the receipt is a ceremony of its own, later and without custodians (BRD-05)."""
    room.screen.say("The receipt follows later: `ceremony online receipt`, then `ceremony online close`.")
    room.screen.word("CLOSE", "End this transcript.")
    yield from last_step(room)
    yield ending.closed(room, outcome="carried out", reason="awaiting receipt")


def print_slips(room: Room) -> None:
    """ASM-05: the closing slips of this ceremony, which has just ended, for each person of the charter and the auditor.

    Written after the closing entry, since the head on them is the register's head. If something comes between the two,
    `ceremony register slip` writes them."""
    folder = slips_folder(room.register, room.given.get("slips"))
    with room.screen.working("print the closing slips"):
        written = write_slips(room.book, room.here, folder)
    room.screen.say(f"{written} closing slips lie in {folder} (PDF, and the same as text). Each one takes theirs, apart from the register.")


def slips_folder(register: Path, wanted: str | None = None) -> Path:
    """Where closing slips go: a folder beside the register unless told otherwise. Malformed for one inside the register."""
    folder = Path(wanted) if wanted else register.resolve().parent / "slips"
    if folder.resolve().is_relative_to(register.resolve()):
        raise Malformed(f"{folder}: closing slips never lie inside the register; who has the register must not have them")
    return folder


def write_slips(book: Register, ceremony: Ceremony, folder: Path) -> int:
    """One PDF and one text file for each person and the auditor; how many people. What is there already must be the same."""
    made = slip.slip_of(book, ceremony)
    make_folder(folder, parents=True, exist_ok=True)
    people = {**{member.person: member.name for member in book.charter.people}, slip.AUDITOR: ""}
    for person, name in people.items():
        lines = slip.lines(made, person, name)
        page = paper.pdf(f"closing slip {made.number}", [lines], ceremony.state.opened.mark)
        path = folder / f"slip-{made.number:04d}-{person}"
        _write_once(path.with_suffix(".txt"), "".join(f"{line}\n" for line in lines).encode("ascii"))
        _write_once(path.with_suffix(".pdf"), page)
    return len(people)


def _write_once(path: Path, raw: bytes) -> None:
    if path.exists() and read_file(path) != raw:
        raise Malformed(f"{path} is there already, and is another slip; `ceremony register slip --slips DIR` writes them elsewhere")
    if not path.exists():
        write_new(path, raw)
