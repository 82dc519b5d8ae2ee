"""`ceremony preflight`: this machine, its devices and its HSM, looked at as a ceremony looks at them. Nothing is started or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.files import read_file
from ceremony.cli import papers
from ceremony.machine import known_answers
from ceremony.machine import preflight as machine
from ceremony.record import charter as charters
from ceremony.record.charter import Charter
from ceremony.screen import panels
from ceremony.script.preflight import check_image, no_image
from ceremony.script.prepare import certificate_finding
from ceremony.vault.token import check_identity, find, unload

_WOULD = "production would refuse: "


@click.command()
@click.option("--charter", "charter_file", type=papers.FILE, required=True, help="The charter.")
@click.option("--register", "folder", type=papers.FILE, help="The register's folder, if its medium is here.")
@click.option("--module", help="The HSM's PKCS#11 library: its HSM is compared with the charter's, and no PIN is asked for.")
def preflight(charter_file: Path, folder: Path | None, module: str | None) -> None:
    """Look at this machine, its devices and its HSM, and start nothing. Production: exit 1 if a ceremony would be refused here."""
    charter = charters.parse(read_file(charter_file), charter_file.name)
    tests = known_answers.run()
    found = machine.look(charter, folder)
    hsm, refusals = _hsm(charter, module)
    sentences = (*(finding.sentence for finding in found.findings), *no_image(charter), *hsm)
    papers.pages(
        (
            f"{charter.mark.upper()}  preflight",
            *panels.field("self-tests", f"{tests} of {known_answers.COUNT} passed"),
            *panels.field("start", found.says),
            *panels.listed("USB devices:", found.usb or ("none",)),
            *panels.listed("Production would refuse:", sentences or ("nothing",)),
        )
    )
    machine.check_network(charter.mark, found.network)
    machine.check_devices(charter.mark, found.devices)
    machine.check_boot(charter.mark, found.boot)
    for check in refusals:
        check()
    if charter.boot is None:
        check_image(charter, "none: the charter names no image")


def _hsm(charter: Charter, module: str | None) -> tuple[tuple[str, ...], tuple[Callable[[], object], ...]]:
    """Findings about the HSM, and the check to repeat once everything is shown."""
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
