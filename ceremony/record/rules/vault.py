"""What each run of the vault must have recorded, in its order, before it is armed or makes a secret (REC-10, AIR-05, AIR-07)."""

from __future__ import annotations

from typing import NoReturn

from ceremony.record import entries
from ceremony.record.charter import TOLD, Hsm
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.state import Recorded

PROCESSES = {"opener", "hsm"}
TESTED = {"tests of opener", "tests of hsm", "tests of screen"}
USES = (entries.Armed, entries.Resharing, entries.Generated)
"""With these a run of the vault begins to matter: no share is unlocked, and none is made, before. (So it does with `Alone`, for which
no HSM is needed.)"""

Run = frozenset[str]
"""What one run of the vault has recorded so far: `machine`, its processes, `tests of` each, `HSM` and `import path`."""
_NOTHING: Run = frozenset()


def check(ceremony: Ceremony, hsm: Hsm) -> None:
    """AIR-02, REC-10, SET-09, AIR-05, AIR-07: each run of the vault records the machine, both processes, every process's self-tests,
    the charter's HSM and the import path, before it is used."""
    run = _NOTHING
    for entry in ceremony.state.entries:
        run = _advance(run, ceremony, entry, hsm)


def _advance(run: Run, ceremony: Ceremony, entry: Recorded, hsm: Hsm) -> Run:
    body = entry.body
    if isinstance(body, entries.VaultEnded | entries.Resumed):
        return _NOTHING
    if isinstance(body, entries.Machine):
        return frozenset({"machine"})
    if isinstance(body, entries.Vault):
        return (_NOTHING if run - PROCESSES - {"machine"} or body.process in run else run) | {body.process}
    if isinstance(body, entries.SelfTests):
        return run | {f"tests of {body.process}"}
    if isinstance(body, (entries.Hsm, entries.ImportPath, entries.Alone, *USES)) and not run >= PROCESSES:
        _missing("REC-10", ceremony, entry, "both processes of this run of the vault")
    if isinstance(body, entries.Hsm):
        _check_hsm(ceremony, body, hsm)
        return run | {"HSM"}
    if isinstance(body, (entries.ImportPath, *USES)) and "HSM" not in run:
        _missing("AIR-05", ceremony, entry, "the HSM of this run of the vault")
    if isinstance(body, entries.ImportPath):
        return run | {"import path"}
    if isinstance(body, USES) and "import path" not in run:
        _missing("AIR-07", ceremony, entry, "the import path of this run of the vault")
    if isinstance(body, (entries.Alone, *USES)) and "machine" not in run:
        _missing("AIR-02", ceremony, entry, "what was found of the machine before this run of the vault")
    if isinstance(body, (entries.Alone, *USES)) and not run >= TESTED:
        _missing("SET-09", ceremony, entry, "the self-tests of every process of this run of the vault")
    return run


def _check_hsm(ceremony: Ceremony, body: entries.Hsm, wanted: Hsm) -> None:
    for name in TOLD:
        equal("AIR-05", ceremony, f"the HSM's {name}", getattr(body, name), getattr(wanted, name))
    equal("AIR-05", ceremony, "the HSM's certificate", body.certificate, wanted.certificate)


def _missing(identifier: str, ceremony: Ceremony, entry: Recorded, what: str) -> NoReturn:
    differs(identifier, ceremony, f"entry {entry.line.seq} ({entry.line.type}) is out of order", f"not before it: {what}", f"{what} first")
