"""What a child process that touches secrets does to itself first, and what of it really held (REC-10).

prctl(2), setrlimit(2), mlockall(2), unshare(2). Nothing here stops root of this machine: the cold host's image
and the people in the room do."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable

from ceremony.base.keeper import CLONE_NEWNET, LIBC, Apart, call, tried, unshare
from ceremony.vault.protocol import Protected, plain

KEPT = ("LANG", "PATH", "SOFTHSM2_CONF", "TERM")
"""The environment of a child: what the terminal and a PKCS#11 module need. Nothing in it is secret."""

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 3, 4, 38, 39
_MCL_CURRENT, _MCL_FUTURE = 1, 2


def protect(kept: Apart) -> tuple[Protected, ...]:
    """Protect this process, which is kept apart already; the list says what held. Before any thread is started (user namespaces need
    that)."""
    steps: tuple[tuple[str, bool, Callable[[], None]], ...] = (
        ("no core dumps", True, _no_core),
        ("memory locked", False, lambda: _lock_memory(may=kept.may_lock)),
        ("no network", True, _no_network),
        ("not traceable", True, _not_traceable),
        ("no new privileges", False, _no_new_privileges),
        ("clean environment", False, _clean_environment),
    )
    held = (("dies with its parent", kept.dies), ("time limit", kept.limit), ("processes of its own", kept.namespace))
    return (
        *(Protected(name=name, state=plain(state), essential="yes") for name, state in held),
        *(Protected(name=name, state=plain(tried(step)), essential="yes" if essential else "no") for name, essential, step in steps),
    )


def _no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _no_network() -> None:
    """An empty network namespace of its own."""
    unshare(CLONE_NEWNET)
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    if names:
        raise OSError(f"interfaces are left: {', '.join(names)}")


def _not_traceable() -> None:
    """No ptrace and no /proc/PID/mem for processes of the same user, and no core dump."""
    call(LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    if LIBC.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("the process is still dumpable")


def _no_new_privileges() -> None:
    call(LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if LIBC.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        raise OSError("privileges can still be gained")


def _lock_memory(*, may: bool) -> None:
    """All pages, present and future. Not under a small limit: the KDF's memory would then be refused, not locked."""
    if not may:
        limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        raise OSError(f"only {limit // 1024} KiB may be locked (ulimit -l)")
    call(LIBC.mlockall(_MCL_CURRENT | _MCL_FUTURE))


def _clean_environment() -> None:
    for name in [name for name in os.environ if name not in KEPT]:
        del os.environ[name]
