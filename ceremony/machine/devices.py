"""AIR-03: USB, HID and storage devices against the charter's list (sysfs-bus-usb, sysfs-class-input, sysfs-block)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ceremony.base.show import shown
from ceremony.machine.boot import boot_disks
from ceremony.machine.mounts import disk, holding, mounts
from ceremony.machine.tree import Finding, names, text, unseen
from ceremony.record.charter import ANY, Device

INTERFACES = {
    "keyboard": {"03"},
    "hsm": {"0b", "ff"},
    "medium": {"08"},
    "key": {"03", "0b"},
    "hub": {"09"},
}
"""What a device of each kind is made of (USB class codes): 03 HID, 08 storage, 09 hub, 0b smart card, ff the maker's own.
A stick that is a keyboard as well is not a medium."""
BUILT_IN = {"0011": "PS/2", "0018": "I2C", "0019": "host"}
"""Buses of input devices that are soldered to the machine (linux/input.h); USB ones must be listed, all others are refused."""
USB = "0003"
_MADE_UP = re.compile(r"(loop|ram|zram|dm-|md)[0-9]+")
DO = "Take it out. If it belongs to this machine, the charter must list it."


@dataclass(frozen=True, slots=True)
class Usb:
    """One USB device as its descriptors name it; `place` is its port, such as 1-2."""

    place: str
    vendor: str
    product: str
    serial: str
    name: str
    interfaces: frozenset[str]

    def __str__(self) -> str:
        classes = " ".join(sorted(self.interfaces)) or "none"
        return f"{self.vendor}:{self.product} {self.name or 'without a name'}, serial {self.serial or 'none'}, interfaces {classes}"

    def is_a(self, device: Device) -> bool:
        """Whether this may be that device of the charter."""
        return (self.vendor, self.product) == (device.vendor, device.product) and device.serial in (ANY, self.serial)


def usb(root: Path) -> tuple[Usb, ...]:
    """Every USB device but the root hubs, which are the machine's own."""
    folder = root / "sys" / "bus" / "usb" / "devices"
    found = names(folder)
    return tuple(
        Usb(
            place=name,
            vendor=text(folder / name / "idVendor"),
            product=text(folder / name / "idProduct"),
            serial=text(folder / name / "serial")[:100],
            name=" ".join(text(folder / name / "product").split())[:60],
            interfaces=frozenset(text(folder / each / "bInterfaceClass") for each in found if each.startswith(f"{name}:")),
        )
        for name in found
        if ":" not in name and not name.startswith("usb")
    )


def strangers(present: Sequence[Usb], listed: Sequence[Device], asked: Collection[str]) -> tuple[Finding, ...]:
    """USB devices that must not be there now. `asked`: the kinds of device that a step asks for at this moment."""
    found = []
    for device in present:
        known = [each for each in listed if device.is_a(each)]
        kinds = {each.what for each in known if each.when == "always" or each.what in asked}
        if not known:
            found.append(Finding("AIR-03", "a USB device that the charter does not list", str(device), "the charter's devices alone", DO))
        elif not any(device.interfaces <= INTERFACES[each.what] for each in known):
            expected = " or ".join(sorted({each.what for each in known}))
            found.append(Finding("AIR-03", "a USB device that is more than the charter says", str(device), f"a {expected} alone", DO))
        elif not kinds:
            do = "Take it out until a step asks for it."
            found.append(Finding("AIR-03", "a USB device that no step asks for now", str(device), "that it comes when it is asked for", do))
    return (*found, *_twice(present, listed))


def _twice(present: Sequence[Usb], listed: Sequence[Device]) -> tuple[Finding, ...]:
    """Two devices with one serial number of the charter: one of them is a copy."""
    found = []
    for device in (each for each in listed if each.serial != ANY):
        same = [each for each in present if each.is_a(device)]
        if len(same) > 1:
            found.append(Finding("AIR-03", "a USB device is there twice", f"{same[0]}, at {same[0].place} and {same[1].place}", "once", DO))
    return tuple(found)


def missing(present: Sequence[Usb], listed: Sequence[Device]) -> tuple[Finding, ...]:
    """Devices that the charter says are always there, and are not."""
    return tuple(
        Finding(
            "AIR-03",
            "a device of the charter is not there",
            f"no {each.what} {each.vendor}:{each.product}, serial {each.serial}",
            "every device that is always there",
            "Connect it. If it was replaced, amend the charter.",
        )
        for each in listed
        if each.when == "always" and not any(device.is_a(each) for device in present)
    )


def inputs(root: Path, listed: Sequence[Device]) -> tuple[Finding, ...]:
    """Whatever can type or point: what is built in, and listed USB keyboards and keys; nothing over the air, nothing made up."""
    may_type = {(each.vendor, each.product) for each in listed if each.what in ("keyboard", "key")}
    expected = "built-in or listed USB devices alone"
    return tuple(
        Finding("AIR-03", "an input device that is not of the charter's list", said, expected, DO)
        for bus, vendor, product, said in (*_hid(root), *_input(root))
        if bus not in BUILT_IN and not (bus == USB and (vendor, product) in may_type)
    )


Typing = tuple[str, str, str, str]
"""Bus, vendor, product, in four digits each; and what is said of it."""


def _hid(root: Path) -> tuple[Typing, ...]:
    """/sys/bus/hid/devices names them 0003:046D:C31C.0001."""
    found = []
    for name in names(root / "sys" / "bus" / "hid" / "devices"):
        match = re.fullmatch(r"([0-9A-F]{4}):([0-9A-F]{4}):([0-9A-F]{4})\.[0-9A-F]+", name)
        bus, vendor, product = (part.lower() for part in match.groups()) if match else ("", "", "")
        found.append((bus, vendor, product, f"HID {name}"))
    return tuple(found)


def _input(root: Path) -> tuple[Typing, ...]:
    folder = root / "sys" / "class" / "input"
    found = []
    for name in names(folder):
        if re.fullmatch(r"input[0-9]+", name):
            bus, vendor, product = (text(folder / name / "id" / part) for part in ("bustype", "vendor", "product"))
            found.append((bus, vendor, product, f"{name} {shown(text(folder / name / 'name'))}, bus {bus or 'unknown'}"))
    return tuple(found)


def storage(root: Path, present: Sequence[Usb], listed: Sequence[Device]) -> tuple[Finding, ...]:
    """Disks, sticks and cards: the boot medium and listed USB media; no other, whether it is mounted or not."""
    folder = root / "sys" / "block"
    media = {device.place for device in present for each in listed if each.what == "medium" and device.is_a(each)}
    found, boots = [], boot_disks(root)
    for name in names(folder):
        made_up = _MADE_UP.fullmatch(name) is not None
        if made_up or text(folder / name / "size") in ("", "0") or name in boots:
            continue
        if not media & set((folder / name).resolve().parts):
            found.append(f"{name}, {int(text(folder / name / 'size')) * 512:,} bytes")
    expected = "the boot medium and the charter's media alone"
    return tuple(Finding("AIR-03", "a storage device that is not of the charter's list", each, expected, DO) for each in found)


def present(root: Path, listed: Sequence[Device], asked: Collection[str] = ()) -> tuple[Finding, ...]:
    """Everything that is connected and must not be."""
    there = usb(root)
    return (*unseen(root, "AIR-03", "sys/block"), *strangers(there, listed, asked), *inputs(root, listed), *storage(root, there, listed))


def medium_of(root: Path, folder: Path) -> str:
    """Which medium a folder lies on: the USB device as its descriptors name it; if it is none, the file system."""
    mount = holding(mounts(root), str(folder.resolve()))
    name = disk(root, mount.device) if mount is not None else ""
    above = (root / "sys" / "block" / name).resolve().parts if name else ()
    return next((str(device) for device in usb(root) if device.place in above), f"no USB device: {mount or 'an unknown file system'}")


def asked_disks(root: Path, listed: Sequence[Device], asked: Collection[str]) -> frozenset[str]:
    """The block devices of listed media that a step asks for now: what is mounted from them may be written."""
    brought = [each for each in listed if each.what == "medium" and each.what in asked]
    places = {device.place for device in usb(root) for each in brought if device.is_a(each)}
    folder = root / "sys" / "block"
    return frozenset(name for name in names(folder) if places & set((folder / name).resolve().parts))
