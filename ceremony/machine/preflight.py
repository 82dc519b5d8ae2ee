"""What this machine is, all of it in one look; and the three controls that judge it. Looking refuses nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ceremony.base.control import control, refuse
from ceremony.base.data import Mark
from ceremony.base.mark import permits
from ceremony.machine import boot, devices, network, tree
from ceremony.machine.tree import Finding
from ceremony.record.charter import Charter


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, by control; the USB devices that are there; and what the machine says of its own start."""

    network: tuple[Finding, ...]
    devices: tuple[Finding, ...]
    boot: tuple[Finding, ...]
    usb: tuple[str, ...]
    says: str

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order in which production refuses."""
        return (*self.network, *self.devices, *self.boot)


def look(charter: Charter, register: Path | None, asked: Collection[str] = (), *, whole: bool = True) -> Look:
    """One look at this machine. `register`: its folder, if there is one. `asked`: kinds of device that a step asks for now.
    `whole`: what the charter says is always there must be."""
    root = tree.ROOT
    there = devices.present(root, charter.devices, asked)
    lacking = devices.missing(devices.usb(root), charter.devices) if whole else ()
    return Look(
        network=network.findings(root),
        devices=(*there, *lacking),
        boot=boot.findings(root, register and register.resolve(), devices.asked_disks(root, charter.devices, asked)),
        usb=tuple(f"{device.place}: {device}" for device in devices.usb(root)),
        says=boot.says(root),
    )


@control("AIR-02")
def check_network(mark: Mark, found: Sequence[Finding]) -> None:
    """AIR-02: any interface but loopback, any address, any radio that is not blocked: production stops, practice records."""
    _judge("AIR-02", mark, found)


@control("AIR-03")
def check_devices(mark: Mark, found: Sequence[Finding]) -> None:
    """AIR-03: USB, input and storage devices are those of the charter, there only while a step asks: production stops, practice
    records."""
    _judge("AIR-03", mark, found)


@control("AIR-04")
def check_boot(mark: Mark, found: Sequence[Finding]) -> None:
    """AIR-04: read-only boot medium, no swap, no hibernation, no core dumps, one writable medium: production stops, practice records."""
    _judge("AIR-04", mark, found)


def _judge(identifier: str, mark: Mark, found: Sequence[Finding]) -> None:
    if found and not permits(mark, "machine checks"):
        _refuse(identifier, found[0])


def _refuse(identifier: str, first: Finding) -> NoReturn:
    refuse(identifier, f"on this machine {first.what}", found=first.found, expected=first.expected, do=first.do)
