"""What is mounted where, and on which block device (proc_pid_mountinfo(5), sysfs-block)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ceremony.machine.tree import lines, names, text

VIRTUAL = frozenset(
    {
        "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl",
        "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rootfs", "securityfs", "selinuxfs", "sysfs", "tmpfs", "tracefs",
    }
)  # fmt: skip
"""File systems that keep nothing when the machine is switched off. Network file systems and FUSE are none of these."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system. `device`: major and minor number; `writable`: by this mount and by the file system itself."""

    device: str
    where: str
    kind: str
    source: str
    options: frozenset[str]
    writable: bool

    @property
    def virtual(self) -> bool:
        """Whether it lives in memory alone."""
        return self.kind in VIRTUAL

    def __str__(self) -> str:
        return f"{self.where} ({self.kind} of {self.source}, {'writable' if self.writable else 'read-only'})"


def mounts(root: Path) -> tuple[Mount, ...]:
    """All mounts that this process sees, in their order; of several on one place the last one is what is seen there."""
    found: dict[str, Mount] = {}
    for line in lines(root / "proc" / "self" / "mountinfo"):
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) >= 6 and len(right) >= 2:
            own, whole = set(left[5].split(",")), set(right[2].split(",")) if len(right) > 2 else set[str]()
            where = _unescaped(left[4])
            found.pop(where, None)
            found[where] = Mount(
                device=left[2],
                where=where,
                kind=right[0],
                source=_unescaped(right[1]),
                options=frozenset(own | whole),
                writable="rw" in own and "ro" not in whole,
            )
    return tuple(found.values())


def _unescaped(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def holding(all_mounts: tuple[Mount, ...], path: str) -> Mount | None:
    """The mount that a path lies on: the one with the longest place above it."""
    above = [m for m in all_mounts if path == m.where or path.startswith(m.where.rstrip("/") + "/")]
    return max(above, key=lambda m: len(m.where), default=None)


def in_memory(all_mounts: tuple[Mount, ...], mount: Mount) -> bool:
    """Whether what is written there is gone when the machine is switched off: an overlay is, if its upper layer is."""
    if mount.kind != "overlay":
        return mount.virtual
    upper = next((option.removeprefix("upperdir=") for option in mount.options if option.startswith("upperdir=")), None)
    if upper is None:
        return not mount.writable
    below = holding(tuple(m for m in all_mounts if m.kind != "overlay"), upper)
    return below is not None and below.virtual


def disk(root: Path, device: str) -> str:
    """The block device, as /sys/block names it, that a device number belongs to: `sdb` for `8:17`. Nothing if there is none.

    The kernel names a partition after its disk (block/partitions/core.c, `add_partition`): nothing else there is looked at."""
    folder = root / "sys" / "block"
    for name in names(folder):
        parts = (part for part in names(folder / name) if part.startswith(name))
        if device in (text(folder / name / "dev"), *(text(folder / name / part / "dev") for part in parts)):
            return name
    return ""


def protected(root: Path, device: str) -> bool:
    """Whether a block device takes no writes at all: its own flag, or that of the disk that it is a part of."""
    folder = root / "sys" / "block" / disk(root, device)
    flags = [text(folder / "ro"), *(text(folder / part / "ro") for part in names(folder) if text(folder / part / "dev") == device)]
    return bool(disk(root, device)) and "1" in flags
