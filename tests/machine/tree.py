"""A cold host as its kernel tells of it: a folder with a `sys` and a `proc`, clean to begin with, each thing easy to spoil."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROUTES = """Main:
  +-- 127.0.0.0/8 2 0 2
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 127.255.255.255
        /32 link BROADCAST
"""
LOOPBACK6 = "00000000000000000000000000000001 01 80 10 80       lo\n"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            unlimited            bytes
Max core file size        0                    0                    bytes
"""
MOUNTS = """20 25 0:19 / /sys rw,nosuid - sysfs sysfs rw
21 25 0:20 / /proc rw,nosuid - proc proc rw
25 1 0:23 / / rw,relatime - overlay overlay rw,lowerdir=/run/live/rootfs,upperdir=/run/live/overlay/rw
26 25 0:24 / /run/live/overlay rw - tmpfs tmpfs rw
27 25 11:0 / /run/live/medium ro - iso9660 /dev/sr0 ro
28 25 8:17 / /media/register rw,nodev,nosuid - ext4 /dev/sdb1 rw
"""
REGISTER = Path("/media/register/register")


@dataclass(frozen=True)
class Host:
    """The folder that stands for `/`."""

    root: Path

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def append(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text() + text)

    def interface(self, name: str) -> None:
        self.write(f"sys/class/net/{name}/operstate", "down\n")

    def radio(self, number: int, kind: str, *, soft: str = "0", hard: str = "0") -> None:
        for part, text in (("type", kind), ("name", f"{kind}-{number}"), ("soft", soft), ("hard", hard)):
            self.write(f"sys/class/rfkill/rfkill{number}/{part}", f"{text}\n")

    def usb(self, place: str, vendor: str, product: str, *, serial: str = "", name: str = "", interfaces: str = "03") -> Path:
        """A device at a port; `interfaces`: class codes, one for each of its interfaces."""
        device = self.root / "sys" / "devices" / "pci" / "usb1" / place
        for part, text in (("idVendor", vendor), ("idProduct", product), ("serial", serial), ("product", name)):
            if text:
                self.write(str((device / part).relative_to(self.root)), f"{text}\n")
        for number, code in enumerate(interfaces.split()):
            self.write(str((device / f"{place}:1.{number}" / "bInterfaceClass").relative_to(self.root)), f"{code}\n")
            self._link(f"sys/bus/usb/devices/{place}:1.{number}", device / f"{place}:1.{number}")
        self._link(f"sys/bus/usb/devices/{place}", device)
        return device

    def unplug(self, place: str) -> None:
        for path in (self.root / "sys/bus/usb/devices").glob(f"{place}*"):
            path.unlink()

    def block(self, name: str, number: str, *, size: int = 2048, ro: str = "0", parts: str = "", below: Path | None = None) -> None:
        """A disk, with its device number; `parts`: `sdb1=8:17`; `below`: the USB device that it is a part of."""
        home = (below or self.root / "sys" / "devices" / "pci" / "ata1") / "block" / name
        for part, text in (("dev", number), ("size", str(size)), ("ro", ro)):
            self.write(str((home / part).relative_to(self.root)), f"{text}\n")
        for each in parts.split():
            part, at = each.split("=")
            self.write(str((home / part / "dev").relative_to(self.root)), f"{at}\n")
        self._link(f"sys/block/{name}", home)

    def input(self, number: int, bus: str, vendor: str, product: str, name: str) -> None:
        for part, text in (("bustype", bus), ("vendor", vendor), ("product", product)):
            self.write(f"sys/class/input/input{number}/id/{part}", f"{text}\n")
        self.write(f"sys/class/input/input{number}/name", f"{name}\n")

    def _link(self, path: str, target: Path) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))


def clean(root: Path, register: Path = REGISTER.parent) -> Host:
    """A host as production wants it: started from a DVD, a keyboard, an HSM, and the register's stick, mounted at `register`."""
    host = Host(root)
    host.write("sys/class/net/lo/operstate", "unknown\n")
    host.write("proc/net/fib_trie", ROUTES)
    host.write("proc/net/if_inet6", LOOPBACK6)
    host.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
    host.write("proc/cmdline", "BOOT_IMAGE=/live/vmlinuz nohibernate quiet\n")
    host.write("proc/sys/kernel/core_pattern", "core\n")
    host.write("proc/self/limits", LIMITS)
    host.write("proc/self/mountinfo", MOUNTS.replace(str(REGISTER.parent), str(register)))
    host.write("sys/power/state", "freeze mem\n")
    host.write("sys/bus/usb/devices/usb1/idVendor", "1d6b\n")
    host.usb("1-1", "046d", "c31c", name="Keyboard K120")
    host.usb("1-2", "20a0", "4230", serial="DENK0200", name="HSM", interfaces="0b")
    stick = host.usb("1-3", "0951", "1666", serial="60A44C413E", name="Stick", interfaces="08")
    host.block("sr0", "11:0", ro="1")
    host.block("sdb", "8:16", parts="sdb1=8:17", below=stick)
    host.block("loop0", "7:0", ro="1")
    host.write("sys/bus/hid/devices/0003:046D:C31C.0001/uevent", "")
    host.input(0, "0019", "0000", "0001", "Power Button")
    host.input(1, "0003", "046d", "c31c", "Keyboard K120")
    return host
