"""What a child process that touches secrets does to itself first, and what of it really held (REC-10).

prctl(2), setrlimit(2), mlockall(2), unshare(2), alarm(2). Nothing here stops root of this machine: the cold host's image
and the people in the room do."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from ceremony.vault.protocol import Protected, plain

KEPT = ("LANG", "PATH", "SOFTHSM2_CONF", "TERM")
"""The environment of a child: what the terminal and a PKCS#11 module need. Nothing in it is secret."""

_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 1, 3, 4, 38, 39
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CAP_IPC_LOCK = 14
_LIBC = ctypes.CDLL(None, use_errno=True)


def protect(parent: int, seconds: int) -> tuple[Protected, ...]:
    """Protect this process, the child of `parent`, for at most `seconds`; the list says what held.

    Ends the process at once if the parent has gone already. Before any thread is started (user namespaces need that)."""
    steps: tuple[tuple[str, bool, Callable[[], None]], ...] = (
        ("dies with its parent", True, lambda: _die_with(parent)),
        ("time limit", True, lambda: _limit(seconds)),
        ("no core dumps", True, _no_core),
        ("memory locked", False, _lock_memory),
        ("no network", True, _no_network),
        ("not traceable", True, _not_traceable),
        ("no new privileges", False, _no_new_privileges),
        ("clean environment", False, _clean_environment),
    )
    return tuple(Protected(name=name, state=_tried(step), essential="yes" if essential else "no") for name, essential, step in steps)


def _tried(step: Callable[[], None]) -> str:
    try:
        step()
    except (OSError, ValueError) as error:  # what could not be had is told, and whoever asked decides
        return plain(f"not held: {error}")
    return "held"


def _call(done: int) -> None:
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _die_with(parent: int) -> None:
    _call(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:  # it died before the line above, and no signal will come
        os._exit(1)


def _limit(seconds: int) -> None:
    if seconds < 1:
        raise ValueError("a time limit of at least one second is needed")
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def _no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _no_network() -> None:
    """An empty network namespace of its own; who is not root makes one inside a user namespace of their own."""
    user, group = os.geteuid(), os.getegid()
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        _call(_LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    if names:
        raise OSError(f"interfaces are left: {', '.join(names)}")


def _not_traceable() -> None:
    """No ptrace and no /proc/PID/mem for processes of the same user, and no core dump."""
    _call(_LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    if _LIBC.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("the process is still dumpable")


def _no_new_privileges() -> None:
    _call(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if _LIBC.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        raise OSError("privileges can still be gained")


def _lock_memory() -> None:
    """All pages, present and future. Not under a small limit: the KDF's memory would then be refused, not locked.

    Before the user namespace, in which the capability looks as if it were there."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    capabilities = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    privileged = int(capabilities.split()[1], 16) >> _CAP_IPC_LOCK & 1
    if limit != resource.RLIM_INFINITY and not privileged:
        raise OSError(f"only {limit // 1024} KiB may be locked (ulimit -l)")
    _call(_LIBC.mlockall(_MCL_CURRENT | _MCL_FUTURE))


def _clean_environment() -> None:
    for name in [name for name in os.environ if name not in KEPT]:
        del os.environ[name]
