"""A run of the tool begins: the time from people's watches, then its first entry, signed at once (ASM-04, AUD-11).

Watches come before the first entry: a clock that is days ahead would leave a ceremony that cannot go on before that day."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from ceremony.base.control import refuse
from ceremony.base.data import MAX_FILE, Malformed, Mark, dump, load
from ceremony.base.files import PARTIAL, make_folder, read_file, sync_folder, write_new
from ceremony.base.lines import sha256
from ceremony.base.show import shown
from ceremony.record import entries, scripts
from ceremony.record.health import together
from ceremony.record.loss import Loss, SignedLoss, check_signed, stand_in
from ceremony.record.place import place
from ceremony.record.register import CHARTER, Ceremony, Register, leftovers
from ceremony.record.runs import COPY, is_explained, is_signature, newest, run_of, standing, tag, vouched
from ceremony.record.signed import read_signed
from ceremony.record.signers import genuine
from ceremony.record.state import State
from ceremony.record.suspension import ANEW, FIRST, SignedSuspension, Suspensions, check_signer, check_taken, loss_command, read_suspension
from ceremony.record.transcript import NAME, Transcript
from ceremony.screen import panels
from ceremony.screen.terminal import Terminal
from ceremony.script import release, remembered
from ceremony.script.outside import watch_together
from ceremony.script.room import Room, utc_now

NAMES: Mapping[str, str] = MappingProxyType({
    "keygen": "A key generation",
    "transfer": "A transfer",
    "receipt": "A receipt",
    "amend": "An amendment",
    "drill": "A drill",
    "check": "A check of shares",
    "custody": "A custody ceremony",
    "reseal": "A resealing",
    "reshare": "A resharing",
})  # fmt: skip
HERE = r"[A-I][1-9]|administrator|witness"


def begin(  # noqa: PLR0913, PLR0917
    register: Register | None, folder: Path, kind: entries.Kind, mark: Mark, genesis: str, given: dict[str, str], charter: bytes = b""
) -> Room:
    """A new ceremony: watches, the next number, its folder, its first entry, signed (SET-01, AUD-03).

    In the first one the genesis charter lies beside the transcript before its first entry: the chain begins at its digest."""
    number = 1 if register is None else len(register.ceremonies) + 1
    screen, script = Terminal(), scripts.current(kind)
    _check_forward(register)
    _screen(screen, mark, f"{NAMES[kind]} begins")
    loss, suspensions = _loss(given, register), _suspensions(given)
    signers = stand_in(script.runs or _who_is_here(screen, register, given), loss.form.lost if loss else ())
    if register is not None:
        _check_keys(screen, register, register.suspended, Asked(signers, (), (), loss, suspensions), by_loss=kind in TAKE_LOSS)
    watches = _readings(screen, signers)
    newest = remembered.newest(screen, _rememberer(signers), register)
    place = folder / f"{number:04d}-{kind}"
    kept = _made(place, register.unbegun if register is not None else _only(folder), genesis)
    for name, raw in ((scripts.NAME, dump(script)), *(((CHARTER, charter),) if charter else ())):
        if not (place / name).exists():
            write_new(place / name, raw)
    has = register is not None and bool(register.ceremonies)
    prev, time = (register.head, register.time) if register is not None and has else (genesis, "")
    transcript = Transcript(place, State(()), prev, time)
    opened = entries.Opened(
        kind=kind,
        mark=mark,
        ceremony=number,
        genesis=genesis,
        script=script.digest,
        newest=newest,
        tool=version("cold-ceremony"),
        commit=release.commit(),
        run_key=transcript.key.public,
        signers=signers,
        watches=watches,
        loss=loss,
        suspensions=suspensions or None,
    )
    transcript.append("tool", opened, utc_now())
    room = Room(screen, folder, genesis, transcript, given)
    _sign(room)
    for path in (place / scripts.NAME, *kept):
        _list(transcript, path, room.clock())
    return room


@dataclass(frozen=True, slots=True)
class Asked:
    """What people say before a run goes on: who signs it, their watches and notes, the form that it goes on by, if there is one, and
    those by which keys are suspended."""

    signers: tuple[str, ...]
    watches: tuple[entries.Reading, ...]
    notes: tuple[entries.Note, ...] = ()
    loss: SignedLoss | None = None
    suspensions: tuple[SignedSuspension, ...] = ()


def reopen(
    register: Register, genesis: str, given: dict[str, str], may: Callable[[State], None] = lambda _: None, *, signers: Sequence[str] = ()
) -> Room:
    """An interrupted ceremony, opened again: what no signed run covers, what was torn or unlisted is kept aside and recorded.

    `may`: refuses by what stands in it, before anybody is asked. `signers`: who signs this run, if not those whom the script names."""
    ceremony = register.unfinished
    assert ceremony is not None  # noqa: S101 (the command looked)
    count = check_uncut(register, by_form="loss" in given)
    stands = State(ceremony.state.entries[:count])
    may(stands)
    opened, screen, loss = ceremony.state.opened, Terminal(), _loss(given, register)
    suspensions = _suspensions(given)
    check_released(ceremony)
    _check_leftovers(list(leftovers(ceremony)))
    _screen(screen, opened.mark, f"{NAMES[opened.kind]} goes on")
    lost = ceremony.state.lost | set(loss.form.lost if loss else ())
    who = stand_in(tuple(signers) or scripts.current(opened.kind).runs or _who_is_here(screen, register, given), lost)
    signed = replace(ceremony, state=stands)  # a run that not all have signed suspends nobody
    before = Register(register.folder, genesis, (*register.ceremonies[:-1], signed)).suspended
    _check_keys(screen, register, before, Asked(who, (), (), loss, suspensions))
    watches = _readings(screen, who)
    notes = () if loss else remembered.notes(screen, ceremony, count, _rememberer(who), always=bool(signers))
    clock = _clock(ceremony, count, ends=bool(signers))
    transcript, kept = go_on(ceremony, count, Asked(who, watches, notes, loss, suspensions), clock())
    room = Room(screen, register.folder, genesis, transcript, given, clock)
    _sign(room)
    list_kept(transcript, ceremony, kept, clock())
    return room


def go_on(ceremony: Ceremony, count: int, asked: Asked, now: str) -> tuple[Transcript, list[Path]]:
    """The transcript with the first entry of another run, behind entry `count`; and the files in which the rest is kept aside. It is no
    run until all have signed it."""
    transcript, torn = Transcript.open(ceremony.folder, ceremony.prev, ceremony.after)
    cut = transcript.cut(count, torn)
    stands = replace(ceremony, state=transcript.state)  # a file whose entry was cut off is listed no more
    found = [path for path in leftovers(stands) if path != cut and not _belongs(ceremony, path)]
    replaced = transcript.runs + is_explained(ceremony.folder, transcript.runs + 1, ceremony.state)
    found += [path for path in sorted(ceremony.folder.iterdir()) if is_signature(path.name) and run_of(path) > replaced]
    kept = [*dict.fromkeys([*([cut] if cut else []), *filter(None, (_set_aside(path, count) for path in found))])]
    resumed = entries.Resumed(
        run=transcript.runs + 1,
        after=len(transcript.state.entries),
        found=tuple(path.name for path in kept),
        notes=asked.notes,
        script=ceremony.state.opened.script,
        tool=version("cold-ceremony"),
        commit=release.commit(),
        run_key=transcript.key.public,
        signers=asked.signers,
        watches=asked.watches,
        loss=asked.loss,
        suspensions=asked.suspensions or None,
    )
    transcript.append("tool", resumed, now)
    return transcript, kept


def list_kept(transcript: Transcript, ceremony: Ceremony, kept: Sequence[Path], now: str) -> None:
    """List what was kept aside, and script and genesis charter where they were cut off before their entries."""
    listed = {file.name for file in transcript.state.all(entries.File)}
    own = [ceremony.folder / name for name in (CHARTER, scripts.NAME) if name not in listed]
    for path in (*(path for path in own if path.exists() and _belongs(ceremony, path)), *kept):
        _list(transcript, path, now)


def _clock(ceremony: Ceremony, count: int, *, ends: bool) -> Callable[[], str]:
    """The machine's clock; where it was ahead when the last entry was written, and this run only ends the ceremony, it stands still."""
    last = ceremony.state.entries[count - 1].line.time
    behind = utc_now() < last
    return (lambda: last) if ends and behind else utc_now


def check_released(ceremony: Ceremony) -> None:
    """AUD-12: a ceremony goes on by the script that it began with; Malformed where this release plays another one."""
    opened = ceremony.state.opened
    if scripts.current(opened.kind).digest != opened.script:
        raise Malformed(f"{ceremony.folder.name} was begun by tool {opened.tool}, whose script is another one; go on with that release")


def check_uncut(register: Register, *, by_form: bool = False) -> int:
    """How many entries of the open ceremony stand: up to the newest line that the newest signed run's key signed; AUD-11 if it signed none
    that is here, unless people signed by a form where the record stands (SET-10)."""
    ceremony = register.unfinished
    assert ceremony is not None  # noqa: S101 (the command looked)
    state = genuine(register, ceremony)
    lines = [entry.line for entry in state.entries]
    run = newest(ceremony.folder, state)
    count = standing(ceremony.folder, state) if by_form else vouched(ceremony.folder, run, state)
    if count is None:
        refuse(
            "AUD-11",
            f"{ceremony.folder.name}: run {run.number} was signed, and its signature is over none of its lines",
            found=f"{len(lines)} entries, and run-{run.number}.sig over another line, or none",
            expected="the line that the run signed last",
            do=LOST,
        )
    if not by_form and not is_explained(ceremony.folder, run.number + 1, ceremony.state):
        refuse(
            "AUD-11",
            f"{ceremony.folder.name}: run {run.number + 1} is not there as it was, and its signature is",
            found=f"run-{run.number + 1}.sig, over no entry that is here or was kept aside",
            expected="the entry that it is over, or neither",
            do=LOST,
        )
    return count


LOST = f"{COPY} If there is none: `ceremony loss draft`, and go on by the form that others sign."


def _check_forward(register: Register | None) -> None:
    """ASM-04: a ceremony that cannot be written now is not begun."""
    if register is not None and register.ceremonies and utc_now() < register.time:
        refuse("ASM-04", "the clock went backwards", found=utc_now(), expected=f"{register.time} or later", do="Set the clock, then begin.")


def _loss(given: dict[str, str], register: Register | None) -> SignedLoss | None:
    """SET-10: the form that the command line gave, signed by all who must, and made for where the record stands."""
    if "loss" not in given or register is None:
        return None
    path = Path(given["loss"])
    raw, signed = read_signed(path)
    found = SignedLoss(form=load(Loss, raw, path.name), signatures=signed)
    check_signed(found, register.charter)
    form, due = found.form, place(register)
    if not due.is_of(form):
        refuse(
            "SET-10",
            f"the form {path.name} was made for another state of the record",
            found=f"ceremony {form.ceremony}, entry {form.entry}",
            expected=f"ceremony {due.ceremony}, entry {due.entry}, with its digest",
            do="Draft it anew with `ceremony loss draft`, and let all sign that.",
        )
    return found


SUSPENSION = "suspension"
"""What the command line gave: paths of forms that suspend a key, or lift that, one in a line."""


def _suspensions(given: Mapping[str, str]) -> tuple[SignedSuspension, ...]:
    """The forms that the command line gave, in their order; nothing of them is checked here."""
    return tuple(read_suspension(Path(line)) for line in given.get(SUSPENSION, "").split("\n") if line)


TAKE_LOSS = ("amend", "custody")
"""Kinds of ceremonies whose beginning takes the form of a loss; what goes on takes it always."""


def _check_keys(screen: Terminal, register: Register, before: Suspensions, asked: Asked, *, by_loss: bool = True) -> None:
    """STO-07: every form may be taken in; by them and those before, nobody is suspended who signed the form of a loss, signs this run, or
    has still to sign the end of the ceremony that goes on."""
    charter = register.charter
    number = register.unfinished.number if register.unfinished is not None else len(register.ceremonies) + 1
    after = check_taken(asked.suspensions, before, charter, register.genesis, number)
    for signature in asked.loss.signatures if asked.loss else ():
        check_signer(signature.signer, after, charter, "the form of a loss", ANEW)
    for person in asked.signers:
        do = loss_command(person, register.folder, "give --loss loss.json beside what you gave") if by_loss else FIRST
        check_signer(person, after, charter, "the beginning of this run", do)
    for person in register.unfinished.state.unended if register.unfinished is not None else ():
        check_signer(person, after, charter, "the end of this ceremony", "Let it end first. Then: `ceremony custody take --suspension`.")
    for signed in asked.suspensions:
        screen.show(panels.field("LIFTED" if signed.form.act == "lift" else "SUSPENDED", f"the key of {signed.form.person}"))


def _screen(screen: Terminal, mark: str, title: str) -> None:
    screen.screen((mark.upper(), f"== {title} ".ljust(panels.WIDTH - len(KEYS), "=") + KEYS))
    screen.forget()  # what an earlier command left there: its head, and what people were to note (ASM-05)


KEYS = " ? explains, q stops"


def _who_is_here(screen: Terminal, register: Register | None, given: dict[str, str]) -> tuple[str, ...]:
    """Who is there where the script names nobody: custodians at their own site, or who takes records in."""
    known = {member.person for member in register.charter.people} if register is not None else set()
    text = given.get("positions", "")
    while True:
        text = text or screen.ask(
            "Who is here: ", "positions such as A1, and witness or administrator if they are", rf"({HERE})( ({HERE}))*"
        )
        found = tuple(dict.fromkeys(text.split()))
        if known.issuperset(found):
            return found
        screen.say(f"Found {' '.join(p for p in found if p not in known)}, expected people of the charter.")
        text = ""


def _readings(screen: Terminal, signers: Iterable[str]) -> tuple[entries.Reading, ...]:
    """ASM-04: the watches of the first two who sign, typed before the machine's time is shown or written."""
    found = []
    for person in tuple(signers)[:2]:
        typed, machine = watch_together(screen, person, utc_now), utc_now()
        if not together(typed, machine):
            refuse(
                "ASM-04",
                "people's watches and the machine's clock",
                found=f"{typed} on the watch of {person}, {machine} on the machine",
                expected="at most two minutes between them",
                do="Set the machine's clock, or the watch, by one that both people trust. Then give the command once more.",
            )
        found.append(entries.Reading(person=person, typed=typed))
    return tuple(found)


def _sign(room: Room) -> None:
    """AUD-11: those whom the script names sign the run, with nothing between: until then it is none."""
    room.screen.show(panels.paragraph("Each of you signs that this run of the tool begins. Nothing counts before that."))
    text = room.statement()
    for person in room.state.run.signers:
        room.screen.enter(f"{person}: sign the beginning.")
        room.transcript.append(*room.sign_checkpoint(person, "run", text), room.clock())
    room.screen.say(remembered.told(text, numbered=False))


def written_down(room: Room) -> None:
    """What `_sign` said to note stays until they have it. The run has begun by then: who stops here stops a ceremony that goes on later."""
    room.screen.enter("Write that down, each of you.")


def _rememberer(signers: Sequence[str]) -> str:
    """Whose slips and notes are asked for: the witness's, where there is one."""
    return "witness" if "witness" in signers else signers[0]


def _only(folder: Path) -> Path | None:
    """The one folder of a register in which nothing was begun."""
    return next(iter(sorted(folder.iterdir())), None)


def _made(place: Path, before: Path | None, genesis: str) -> list[Path]:
    """The ceremony's folder; what a beginning that not all signed left in it is kept aside."""
    if before is None:
        make_folder(place)
        return []
    _check_leftovers(list(before.iterdir()))
    if before != place:
        before.rename(place)
        sync_folder(place.parent)
    kept = []
    for path in sorted(place.iterdir(), key=lambda each: (each.name == NAME, is_signature(each.name), each.name)):
        if is_signature(path.name):
            path.unlink()  # of a run that was none
        elif path.name == NAME:
            kept.append(path.rename(path.with_name(f"aside-0-{tag(read_file(path))}.lines")))
        elif path.name.startswith("aside-0-"):
            kept.append(path)
        elif not (path.name == CHARTER and sha256(read_file(path)) == genesis) and (aside := _set_aside(path, 0)) is not None:
            kept.append(aside)
    return [*dict.fromkeys(kept)]  # two files of the same bytes are one


def _belongs(ceremony: Ceremony, path: Path) -> bool:
    """Whether an unlisted file is the genesis charter or the script: cut off before their entries, and kept where they are."""
    script = path.name == scripts.NAME and sha256(read_file(path)) == ceremony.state.opened.script
    return script or (ceremony.number == 1 and path.name == CHARTER)


def _list(transcript: Transcript, path: Path, now: str) -> None:
    raw = read_file(path)
    body = entries.File(name=path.name, kind=_kind_of(path.name), sha256=sha256(raw), size=len(raw))
    transcript.append("tool", body, now)


def _kind_of(name: str) -> entries.FileKind:
    named: dict[str, entries.FileKind] = {scripts.NAME: "script", CHARTER: "charter"}
    if name in named:
        return named[name]
    return "aside" if name.startswith("aside-") else "torn" if name.startswith("torn-") else "leftover"


def _check_leftovers(found: Sequence[Path]) -> None:
    """AUD-05: an interruption leaves regular files of a size that a register can have; nothing else is taken into the record."""
    for path in found:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            refuse(
                "AUD-05",
                f"{path.parent.name} holds something that no ceremony leaves there",
                found=shown(path.name),
                expected=f"regular files of at most {MAX_FILE} bytes",
                do="Find out what it is and who put it there. Keep it, in another place than the register; then resume.",
            )


def _set_aside(path: Path, seq: int) -> Path | None:
    """Half-written files go; whole files that no entry lists keep their bytes under a name that says what they are.

    Their own name may be anything: it is not taken over."""
    if path.name.startswith(PARTIAL):
        path.unlink()
        return None
    digest_of = sha256(read_file(path))[:16]
    if re.fullmatch(rf"torn-[0-9]{{1,9}}-{digest_of[:8]}\.bytes|aside-[0-9]{{1,9}}-{digest_of}\.lines", path.name):
        return path
    aside = path.with_name(f"leftover-{seq}-{digest_of}.bytes")
    path.rename(aside)
    sync_folder(path.parent)  # before an entry lists it
    return aside
