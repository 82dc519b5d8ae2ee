"""`ceremony preflight`: machine, devices and HSM, looked at as a ceremony looks at them. None is begun, nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.cli import papers, pins
from ceremony.machine import known_answers
from ceremony.machine import preflight as machine
from ceremony.record import charter as charters
from ceremony.record.charter import Charter
from ceremony.screen import panels
from ceremony.screen.terminal import check_terminal
from ceremony.script.preflight import check_image, no_image
from ceremony.script.prepare import certificate_finding
from ceremony.vault.process import Vault
from ceremony.vault.slots import find, unload
from ceremony.vault.token import check_identity

_WOULD = "production would refuse: "


@click.command()
@click.option("--charter", "charter_file", type=papers.FILE, required=True, help="The charter; no signature of it is looked at.")
@click.option("--register", "folder", type=papers.FILE, help="The register's folder, if its medium is here.")
@click.option("--module", help="The HSM's PKCS#11 library: its HSM is compared with the charter's, and no PIN is asked for.")
@click.option("--import-path", is_flag=True, help="Open that HSM with its PIN: what lies in it, and the import path with a throw-away key.")
def preflight(charter_file: Path, folder: Path | None, module: str | None, import_path: bool) -> None:
    """Look at this machine, its devices and its HSM, and begin no ceremony. Production: exit 1 if one would be refused here.

    Every process that a ceremony needs is started, tests itself and ends. Only with --import-path is anything asked of the HSM."""
    charter = charters.parse(read_file(charter_file), charter_file.name)
    if import_path:
        if module is None:
            raise click.UsageError("--import-path needs --module.")
        check_terminal()
    tests = {"screen": known_answers.run()}
    found = machine.look(charter, folder)
    hsm, refusals = _hsm(charter, module)
    with Vault.start(charter.vault_minutes) as vault:
        tests |= {process: ready.known_answers for process, ready in vault.ready.items()}
        lacking, unprotected = _protection(vault, charter)
        sentences = (*(finding.sentence for finding in found.findings), *no_image(charter), *lacking, *hsm)
        papers.pages(
            (
                f"{charter.mark.upper()}  preflight",
                *panels.field("self-tests", f"all passed: {', '.join(f'{count} in {process}' for process, count in tests.items())}"),
                *panels.field("start", found.says),
                *panels.listed("USB devices:", found.usb or ("none",)),
                *panels.listed("Production would refuse:", sentences or ("nothing",)),
            )
        )
        machine.check_network(charter.mark, found.network)
        machine.check_devices(charter.mark, found.devices)
        machine.check_boot(charter.mark, found.boot)
        for check in (*unprotected, *refusals):
            check()
        if charter.boot is None:
            check_image(charter, "none: the charter names no image")
        if import_path:
            papers.show(_proven(vault, charter, str(module)))


Judged = tuple[tuple[str, ...], tuple[Callable[[], object], ...]]
"""Findings, and the checks to repeat once everything is shown."""


def _protection(vault: Vault, charter: Charter) -> Judged:
    """REC-10: what protects the vault's processes on this machine."""
    try:
        lacking = vault.check_protection(charter.mark)
    except Refused as refused:
        return (f"REC-10 {refused.what}: {refused.found}",), (lambda: vault.check_protection(charter.mark),)
    return tuple(f"REC-10 {sentence.removeprefix(_WOULD)}" for sentence in lacking), ()


def _proven(vault: Vault, charter: Charter, module: str) -> tuple[str, ...]:
    """AIR-06, AIR-07: the HSM opens, no key lies in it, and a throw-away key goes the whole way in and out of it again."""
    wanted = charter.hsm
    opened = pins.opened(
        lambda: vault.open_token(module, wanted.label, wanted.serial, charter.pin_halves),
        "the PIN of the HSM was wrong three times; let the person who keeps it look it up",
    )
    proven = vault.try_import_path()
    objects = [f"{item.kind} {item.label}" for item in opened.objects] or ["nothing"]
    return (
        *panels.field("in the HSM", f"no key; {', '.join(objects)}"),
        *panels.field("import path", "wrap, unwrap, attributes read back, sign, verify, destroy with a throw-away key: held"),
        *panels.field("left there", f"{proven.remaining} objects"),
    )


def _hsm(charter: Charter, module: str | None) -> Judged:
    """AIR-05: what the HSM says of itself, and what the charter states of it."""
    stated = certificate_finding(charter.hsm.certificate)
    standing = (f"AIR-05 {stated}",) if stated else ()
    if module is None:
        return ("AIR-05 the HSM was not looked at: no --module was given", *standing), ()
    try:
        _, identity = find(module, charter.hsm.label, charter.hsm.serial)
        unload(module)
        said = check_identity(identity, charter)
    except Malformed as error:
        raise Malformed(f"the HSM of the charter is not there: {error}") from None
    except Refused as refused:
        return (f"AIR-05 {refused.what}: {refused.found}", *standing), (lambda: check_identity(identity, charter),)
    return ((f"AIR-05 {said.removeprefix(_WOULD)}",) if said else ()) + standing, ()
