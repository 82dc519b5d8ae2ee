"""Runs `ceremony` with one fault put in, named by the first argument. The rest is the command line.

`kill:N`: the process kills itself (SIGKILL) right after its N-th transcript entry is on disk and signed by its run.
`kill-line:N`: likewise, when the line is on disk and its run has not signed it.
`kill-after:TYPE`: likewise after its first entry of this type.
`kill-step:TITLE`: likewise after the entry of the step with this title; `kill-signed:PURPOSE`: after its first signature for this.
`kill-file:N`: it kills itself when its N-th file is written, but has not its name yet; `kill-filed:N`: when it has.
`kill-wiped:N`: it kills itself when its N-th file that is destroyed was overwritten, and still has a name.
`full:N`: from its N-th write on (an entry or a file) the disk is full, and half of it is there; `read-only:N`: none of it.
`glitch:N`: its N-th entry is written half, with an I/O error; all that is asked of the medium after it works.
`lose-opener:TYPE`, `lose-hsm:TYPE`: that process of the vault is killed after its first entry of this type.
`kill-token:METHOD`: it kills itself right after a custodian's token did this (write, erase), before it is recorded.
`lose-token:METHOD`: the process of a custodian's token is killed when it is first to do this.
`unplugged:TYPE`: the HSM (tests/vault/shim.c) answers nothing more after its first entry of this type.
`torn:N`: it kills itself in the middle of writing its N-th entry.
`recorded:FOLDER`: nothing breaks; what is on disk at every instant is kept there (tests/ceremony/recorder.py).
`clock:TIME`: the machine's clock says TIME; `jump:TIME`: from the try of the import path on.
`without:MODULE.FUNCTION`: that function checks nothing.
`swapped:KIND`: that file of the register is another one from the moment on at which people see what they are to sign.
`host:FOLDER`: the machine is the one that the files in this folder tell of; `strict:FOLDER`: likewise, and findings about machine
and room stop this practice ceremony as they would stop production.
`past:ADDRESS`: an earlier ceremony paid this address.
`lost:opener`: the opener is gone when the first share is to be unlocked."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ceremony.base import files
from ceremony.cli import main as command
from ceremony.machine import preflight, tree
from ceremony.record import transcript
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.rules import surroundings
from ceremony.script import beginning, generate, lookalike, on_file, room
from ceremony.script import preflight as script_preflight
from ceremony.vault import process, protocol
from ceremony.vault.custodian import CustodianToken


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(said: str, act: Callable[[], object]) -> None:
    """Do this after the first entry that says so is on disk."""
    done = False

    def written(raw: bytes) -> None:
        nonlocal done
        if said.encode() in raw and not done:
            done = True
            act()

    _when_written(written)


def _when_written(then: Callable[[bytes], object]) -> None:
    """Do this whenever an entry is on disk and its run has signed it."""
    real = transcript.Transcript._write

    def write(self: transcript.Transcript, raw: bytes) -> None:
        real(self, raw)
        then(raw)

    transcript.Transcript._write = write  # type: ignore[method-assign]


def _killing_at_file(at: int, *, named: bool) -> None:
    appear, made = files._appear, 0

    def counted(partial: Path, path: Path) -> None:
        nonlocal made
        made += 1
        if named or made < at:
            appear(partial, path)
        if made == at:
            _die()

    files._appear = counted  # type: ignore[assignment]


def _killing_at_wiped(at: int) -> None:
    wipe, done = files.wipe, 0

    def counted(path: Path, name: str) -> Path:
        nonlocal done
        gone, done = wipe(path, name), done + 1
        if done == at:
            _die()
        return gone

    files.wipe = on_file.wipe = counted  # type: ignore[assignment]


def _full_from(at: int, number: int) -> None:
    written = 0

    def check(path: Path) -> None:
        nonlocal written
        written += 1
        if written >= at:
            raise OSError(number, os.strerror(number), str(path))

    def append(path: Path, raw: bytes) -> None:
        try:
            check(path)
        except OSError:
            if written == at and number == errno.ENOSPC:
                files.append_line(path, raw[: len(raw) // 2])
            raise
        files.append_line(path, raw)

    def appear(partial: Path, path: Path) -> None:
        check(path)
        real(partial, path)

    real, files._appear, transcript.append_line = files._appear, appear, append  # type: ignore[assignment]


def _glitch(at: int) -> None:
    written = 0

    def append(path: Path, raw: bytes) -> None:
        nonlocal written
        written += 1
        files.append_line(path, raw[: len(raw) // 2] if written == at else raw)
        if written == at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    transcript.append_line = append  # type: ignore[assignment]


def _losing_after(child: str, said: str) -> None:
    start, begun = process.Vault.start, []

    def started(*words: object, **named: object) -> process.Vault:
        begun.append(start(*words, **named))  # type: ignore[arg-type]
        return begun[-1]

    process.Vault.start = started  # type: ignore[method-assign,assignment]
    _after(said, lambda: os.kill(getattr(begun[-1], child).pid, signal.SIGKILL))


def _at_token(method: str, *, lose: bool) -> None:
    """Once, and then as always."""
    real = getattr(CustodianToken, method)

    def once(process: CustodianToken, *words: object) -> object:
        setattr(CustodianToken, method, real)
        if lose:
            os.kill(process.helper.pid, signal.SIGKILL)
        found: object = real(process, *words)
        _die()
        return found

    setattr(CustodianToken, method, once)


def _record(folder: str) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.ceremony.recorder import recording  # noqa: PLC0415 (as a script this one is in no package)

    recording(Path(folder))


def _unplug() -> None:
    Path(os.environ["SOFTHSM2_CONF"] + ".faults").write_text("unplugged\n")


def _killing(after: int) -> None:
    written = 0

    def count(_raw: bytes) -> None:
        nonlocal written
        written += 1
        if written == after:
            _die()

    _when_written(count)


def _killing_in_line(after: int, *, torn: bool) -> None:
    written = 0

    def append(path: Path, raw: bytes) -> None:
        nonlocal written
        written += 1
        files.append_line(path, raw[: len(raw) // 2] if torn and written == after else raw)
        if written == after:
            _die()

    transcript.append_line = append  # type: ignore[assignment]


def _swapping(name: str) -> None:
    shown = generate.summary

    def summary(record: KeyRecord) -> tuple[str, ...]:
        for path in Path("register").glob(f"*/{name}"):
            path.write_bytes(path.read_bytes().replace(b"software", b"somebody"))
        return shown(record)

    generate.summary = summary


def _losing() -> None:
    def unlock(vault: process.Vault, *_: object) -> None:
        os.kill(vault.opener.pid, signal.SIGKILL)
        vault.opener.ask(protocol.Hello(), protocol.Ready)

    process.Vault.unlock = unlock  # type: ignore[assignment,method-assign]


ENTRY: dict[str, Callable[[], object]] = {
    "kill-after": _die,
    "unplugged": _unplug,
}
"""What happens after an entry of the type that is named."""


def _set_clock(time: str) -> None:
    beginning.utc_now = room.utc_now = lambda: time


def _jumping(time: str) -> None:
    jumped, real = [False], room.utc_now
    beginning.utc_now = room.utc_now = lambda: time if jumped[0] else real()
    _after('"type":"import-path"', lambda: jumped.__setitem__(0, True))


OTHERS: dict[str, Callable[[str], object]] = {
    "kill-step": lambda title: _after(f'"title":"{title}"', _die),
    "kill-signed": lambda purpose: _after(f'"purpose":"{purpose}"', _die),
    "kill-token": lambda method: _at_token(method, lose=False),
    "lose-token": lambda method: _at_token(method, lose=True),
    "lose-opener": lambda said: _losing_after("opener", f'"type":"{said}"'),
    "lose-hsm": lambda said: _losing_after("hsm", f'"type":"{said}"'),
    "kill-wiped": lambda at: _killing_at_wiped(int(at)),
    "recorded": _record,
    "jump": _jumping,
    "glitch": lambda at: _glitch(int(at)),
}
"""A process is lost: this one, or a child; or a write; or none, and all is kept."""


def _elsewhere(host: Path, *, strict: bool) -> None:
    tree.ROOT = host
    if strict:
        preflight.permits = script_preflight.permits = surroundings.permits = lambda *_: False  # type: ignore[attr-defined]


def main() -> None:
    """Put the fault in, then run the command."""
    fault, value = sys.argv[1].split(":", 1)
    if fault == "kill":
        _killing(int(value))
    elif fault in ("kill-line", "torn"):
        _killing_in_line(int(value), torn=fault == "torn")
    elif fault in ("kill-file", "kill-filed"):
        _killing_at_file(int(value), named=fault == "kill-filed")
    elif fault in ("full", "read-only"):
        _full_from(int(value), errno.ENOSPC if fault == "full" else errno.EROFS)
    elif fault in ENTRY:
        _after(f'"type":"{value}"', ENTRY[fault])
    elif fault in OTHERS:
        OTHERS[fault](value)
    elif fault == "clock":
        _set_clock(value)
    elif fault == "without":
        module, name = value.rsplit(".", 1)
        setattr(__import__(module, fromlist=[name]), name, lambda *_args, **_kwargs: None)
    elif fault == "swapped":
        _swapping(f"{value}.json")
    elif fault in ("host", "strict"):
        _elsewhere(Path(value), strict=fault == "strict")
    elif fault == "past":
        lookalike.past = lambda *_: {value: "one that ceremony 1 paid"}  # type: ignore[assignment]
    elif fault == "lost":
        _losing()
    command(sys.argv[2:])


if __name__ == "__main__":
    main()
