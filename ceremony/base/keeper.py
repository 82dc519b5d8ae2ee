"""Keeps a child process apart: a PID namespace of its own, and a time limit that nothing in it can reach (REC-10).

The process that was started becomes the keeper. It forks once; the fork is the first process of the namespace and goes on as the child.
When that ends, the kernel ends whatever it or a library of it had started (pid_namespaces(7)). The keeper has no socket, no secret and no
terminal: it waits, and ends the fork when the time is over, when it is told to, and when its own parent dies."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

HELD = "held"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER, _CLONE_NEWPID = 0x10000000, 0x20000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_CAP_IPC_LOCK = 14


@dataclass(frozen=True, slots=True)
class Apart:
    """What held, as `held` or `not held: why`: the end with the parent, the time limit, the namespace. `may_lock`: whether memory
    may be locked without a limit: inside a user namespace the capability looks as if it were there."""

    dies: str
    limit: str
    namespace: str
    may_lock: bool


def apart(parent: int, seconds: int) -> Apart:
    """Go on as the first process of a new PID namespace, for at most `seconds`; the process that was started, a child of `parent`, stays
    behind as its keeper. Before any thread is started (user namespaces need that)."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):  # they reach every process at the terminal
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):  # whatever was inherited, as under nohup
        signal.signal(number, signal.SIG_DFL)
    may_lock = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY or _capable(_CAP_IPC_LOCK)
    dies, namespace = tried(lambda: _die_with(parent)), tried(lambda: unshare(_CLONE_NEWPID))
    limit = tried(lambda: _check(seconds))
    gone, here = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    forked = os.fork()
    if forked:
        _keep(forked, seconds if limit == HELD else None, here)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    os.close(here)
    call(LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if select.select([gone], [], [], 0)[0]:  # the keeper died before the line above, and no signal will come
        os._exit(1)
    os.close(gone)
    os.setsid()  # without a controlling terminal, a library cannot open it by name
    return Apart(dies=dies, limit=limit, namespace=namespace, may_lock=may_lock)


_WATCHED = {signal.SIGCHLD, signal.SIGTERM}


def _keep(forked: int, seconds: int | None, here: int) -> NoReturn:
    """Wait for the end of the fork, and end as it did: by the same signal, or with the same code. `here`: open while this process lives."""
    until = None if seconds is None else time.monotonic() + seconds
    LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.closerange(0, here)
    os.closerange(here + 1, _MOST_FILES)
    while True:
        told = signal.sigwaitinfo(_WATCHED) if until is None else signal.sigtimedwait(_WATCHED, max(0, until - time.monotonic()))
        if told is None or told.si_signo == signal.SIGTERM:
            os.kill(forked, signal.SIGKILL)
            os.waitpid(forked, 0)
            _end_by(signal.SIGALRM if told is None else signal.SIGKILL)
        done, status = os.waitpid(forked, os.WNOHANG)
        if done and os.WIFSIGNALED(status):
            _end_by(os.WTERMSIG(status))
        if done:
            os._exit(os.WEXITSTATUS(status))


_MOST_FILES = 65_536


def _end_by(number: int) -> NoReturn:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(1)


def tried(step: Callable[[], None]) -> str:
    """`held`, or why it is not."""
    try:
        step()
    except (OSError, ValueError) as error:  # what could not be had is told, and whoever asked decides
        return f"not held: {error}"
    return HELD


def call(done: int) -> None:
    """OSError unless a function of libc has succeeded."""
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _die_with(parent: int) -> None:
    call(LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:  # it died before the line above, and no signal will come
        os._exit(1)


def _check(seconds: int) -> None:
    if seconds < 1:
        raise ValueError("a time limit of at least one second is needed")


def unshare(kind: int) -> None:
    """A namespace of this kind for this process alone (of processes: for what it forks from now on). Who is not root makes it inside a user
    namespace of their own (user_namespaces(7))."""
    user, group = os.geteuid(), os.getegid()
    if LIBC.unshare(kind) == 0:
        return
    call(LIBC.unshare(_CLONE_NEWUSER | kind))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _capable(number: int) -> bool:
    capabilities = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    return bool(int(capabilities.split()[1], 16) >> number & 1)
