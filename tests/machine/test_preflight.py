"""Preflight over a cold host of files: each thing that must not be is found, refused in production and recorded in practice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.machine import boot, devices, network, preflight, tree
from ceremony.machine.tree import Finding
from ceremony.record.charter import Device
from tests.machine.tree import MOUNTS, REGISTER, Host, clean

LISTED = (
    Device(vendor="046d", product="c31c", serial="any", what="keyboard", when="always"),
    Device(vendor="0951", product="1666", serial="60A44C413E", what="medium", when="always"),
    Device(vendor="0951", product="1667", serial="any", what="medium", when="asked"),
    Device(vendor="1050", product="0407", serial="any", what="key", when="asked"),
    Device(vendor="20a0", product="4230", serial="DENK0200", what="hsm", when="always"),
)
Spoil = Callable[[Host], object]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return clean(tmp_path)


def found(host: Host, asked: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    return (
        *network.findings(host.root),
        *devices.present(host.root, LISTED, asked),
        *devices.missing(devices.usb(host.root), LISTED),
        *boot.findings(host.root, REGISTER),
    )


def test_a_clean_host_has_no_finding(host: Host) -> None:
    assert found(host) == ()
    assert boot.says(host.root).endswith("started from /run/live/medium (iso9660 of /dev/sr0, read-only)")


def remount(host: Host, old: str, new: str) -> None:
    assert old in MOUNTS
    host.write("proc/self/mountinfo", MOUNTS.replace(old, new))


def stick(host: Host, serial: str = "X", product: str = "1667") -> None:
    host.block("sdc", "8:32", below=host.usb("1-5", "0951", product, serial=serial, name="Stick", interfaces="08"))


SPOILED: dict[str, tuple[str, str, Spoil]] = {
    "a network card": ("AIR-02", "eth0 (down)", lambda h: h.interface("eth0")),
    "a tunnel": ("AIR-02", "tun0", lambda h: h.interface("tun0")),
    "an address": (
        "AIR-02",
        "192.168.1.7",
        lambda h: h.append("proc/net/fib_trie", "     |-- 192.168.1.7\n        /32 host LOCAL\n"),
    ),
    "an IPv6 address": (
        "AIR-02",
        "fe80:0000:0000:0000:0000:0000:0000:0001 on eth0",
        lambda h: h.append("proc/net/if_inet6", "fe800000000000000000000000000001 02 40 20 80     eth0\n"),
    ),
    "another address of loopback": (
        "AIR-02",
        "on lo",
        lambda h: h.append("proc/net/if_inet6", "fd000000000000000000000000000001 01 40 00 80       lo\n"),
    ),
    "a radio": ("AIR-02", "wlan-0 (wlan) is not blocked", lambda h: h.radio(0, "wlan")),
    "a radio without a switch": ("AIR-02", "Bluetooth hci0", lambda h: h.write("sys/class/bluetooth/hci0/uevent", "")),
    "a Wi-Fi card without a switch": ("AIR-02", "Wi-Fi phy0", lambda h: h.write("sys/class/ieee80211/phy0/index", "0")),
    "a mouse": ("AIR-03", "046d:c077", lambda h: h.usb("1-4", "046d", "c077", name="Mouse")),
    "a hub": ("AIR-03", "interfaces 09", lambda h: h.usb("1-4", "05e3", "0608", interfaces="09")),
    "a stick with a keyboard in it": (
        "AIR-03",
        "interfaces 03 08",
        lambda h: h.usb("1-3.1", "0951", "1666", serial="60A44C413E", interfaces="08 03"),
    ),
    "a keyboard that is a stick as well": ("AIR-03", "interfaces 03 08", lambda h: h.usb("1-4", "046d", "c31c", interfaces="03 08")),
    "another HSM": ("AIR-03", "serial DENK0201", lambda h: h.usb("1-4", "20a0", "4230", serial="DENK0201", interfaces="0b")),
    "a copy of the HSM": (
        "AIR-03",
        "at 1-2 and 1-4",
        lambda h: h.usb("1-4", "20a0", "4230", serial="DENK0200", interfaces="0b"),
    ),
    "a medium that nobody asked for": ("AIR-03", "0951:1667", stick),
    "a key that nobody asked for": ("AIR-03", "1050:0407", lambda h: h.usb("1-4", "1050", "0407", interfaces="03 0b")),
    "no HSM": ("AIR-03", "no hsm 20a0:4230", lambda h: h.unplug("1-2")),
    "a Bluetooth keyboard": ("AIR-03", "0005:046D:B342", lambda h: h.write("sys/bus/hid/devices/0005:046D:B342.0002/uevent", "")),
    "a keyboard that is made up": ("AIR-03", "bus 0006", lambda h: h.input(2, "0006", "0001", "0001", "virtual keyboard")),
    "an input device of a listed stick": ("AIR-03", "bus 0003", lambda h: h.input(2, "0003", "0951", "1666", "Stick")),
    "a disk": ("AIR-03", "nvme0n1, 1,048,576 bytes", lambda h: h.block("nvme0n1", "259:0")),
    "an SD card": ("AIR-03", "mmcblk0", lambda h: h.block("mmcblk0", "179:0")),
    "swap": ("AIR-04", "/dev/zram0", lambda h: h.append("proc/swaps", "/dev/zram0 partition 1048572 0 100\n")),
    "hibernation": ("AIR-04", "all of memory", lambda h: h.write("sys/power/state", "freeze mem disk\n")),
    "a place to resume from": ("AIR-04", "8:3", lambda h: h.write("sys/power/resume", "8:3\n")),
    "resume= at the start": ("AIR-04", "resume=/dev/sda3", lambda h: h.write("proc/cmdline", "quiet resume=/dev/sda3\n")),
    "core dumps to a program": ("AIR-04", "|/usr/lib/x", lambda h: h.write("proc/sys/kernel/core_pattern", "|/usr/lib/x %p\n")),
    "core dumps to a file": (
        "AIR-04",
        "core_pattern core",
        lambda h: h.write("proc/self/limits", "Max core file size 0 unlimited bytes\n"),
    ),
    "a boot medium that can be written": ("AIR-04", "/run/live/medium", lambda h: h.write("sys/block/sr0/ro", "0\n")),
    "a root on a disk": (
        "AIR-04",
        "/ (ext4 of /dev/sda1, writable)",
        lambda h: remount(h, "0:23 / / rw,relatime - overlay overlay rw,", "8:1 / / rw,relatime - ext4 /dev/sda1 rw,"),
    ),
    "an overlay that is kept": ("AIR-04", "overlay of overlay, writable", lambda h: remount(h, "tmpfs tmpfs rw", "ext4 /dev/sda2 rw")),
    "another medium mounted": (
        "AIR-04",
        "/mnt",
        lambda h: h.append("proc/self/mountinfo", "29 25 8:33 / /mnt rw - vfat /dev/sdc1 rw\n"),
    ),
    "a network file system": (
        "AIR-04",
        "nfs4 of box:/x",
        lambda h: h.append("proc/self/mountinfo", "29 25 0:44 / /mnt rw - nfs4 box:/x rw\n"),
    ),
    "a register that is read-only": ("AIR-04", "/media/register", lambda h: remount(h, "/dev/sdb1 rw", "/dev/sdb1 ro")),
    "no network classes": ("AIR-02", "no /sys/class/net/lo", lambda h: shutil.rmtree(h.root / "sys/class/net")),
    "no disks": ("AIR-03", "no /sys/block", lambda h: shutil.rmtree(h.root / "sys/block")),
    "no mounts": ("AIR-04", "no /proc/self/mountinfo", lambda h: (h.root / "proc/self/mountinfo").unlink()),
    "a register in memory": ("AIR-04", "/media/register", lambda h: remount(h, "ext4 /dev/sdb1 rw", "tmpfs tmpfs rw")),
}


@pytest.mark.control("AIR-02")
@pytest.mark.control("AIR-03")
@pytest.mark.control("AIR-04")
@pytest.mark.parametrize("name", SPOILED)
def test_what_must_not_be_is_found(host: Host, name: str) -> None:
    identifier, said, spoil = SPOILED[name]
    spoil(host)
    seen = found(host)
    assert identifier in {finding.control for finding in seen}
    assert said in "\n".join(finding.sentence for finding in seen)
    check = {"AIR-02": preflight.check_network, "AIR-03": preflight.check_devices, "AIR-04": preflight.check_boot}[identifier]
    check("practice", seen)
    with pytest.raises(Refused) as caught:
        check("production", [finding for finding in seen if finding.control == identifier])
    assert caught.value.identifier == identifier


ALLOWED: dict[str, Spoil] = {
    "a blocked radio": lambda h: h.radio(0, "wlan", soft="1"),
    "a radio switched off by hardware": lambda h: h.radio(0, "bluetooth", hard="1"),
    "a touchpad that is built in": lambda h: h.input(2, "0018", "06cb", "cd8b", "Touchpad"),
    "hibernation that the kernel has locked": lambda h: (
        h.write("sys/power/state", "freeze mem disk\n"),
        h.write("sys/power/disk", "[disabled]\n"),
    ),
    "a card reader without a card": lambda h: h.block("sdd", "8:48", size=0),
    "a root that is copied to memory, its medium taken out": lambda h: (
        h.write("proc/self/mountinfo", "25 1 0:23 / / rw - tmpfs tmpfs rw\n28 25 8:17 / /media/register rw - ext4 /dev/sdb1 rw\n"),
        (h.root / "sys/block/sr0").unlink(),
    ),
    "a medium mounted twice": lambda h: h.append("proc/self/mountinfo", "29 25 8:17 / /srv/register rw - ext4 /dev/sdb1 rw\n"),
    "no core pattern": lambda h: (h.write("proc/sys/kernel/core_pattern", "\n"), h.write("proc/self/limits", "")),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_may_be_is_no_finding(host: Host, name: str) -> None:
    ALLOWED[name](host)
    assert found(host) == ()


def test_a_listed_device_may_be_there_while_it_is_asked_for(host: Host) -> None:
    stick(host)
    assert found(host, ("medium",)) == ()
    assert [f.what for f in found(host, ("key",))] == ["a USB device that no step asks for now"]


def test_this_very_machine_can_be_looked_at() -> None:
    assert boot.says(tree.ROOT).startswith("self-reported: / is /")
    for finding in found(Host(tree.ROOT)):
        assert finding.sentence.isascii()
