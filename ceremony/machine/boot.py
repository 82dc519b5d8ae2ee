"""AIR-04: nothing that is in memory reaches a disk: no swap, hibernation or core dumps; one writable medium, the register's; and
the medium that the machine started from is read-only."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from ceremony.machine.mounts import Mount, disk, holding, in_memory, mounts, protected
from ceremony.machine.tree import Finding, lines, text, unseen

LIVE = ("/run/live/medium", "/lib/live/mount/medium", "/run/initramfs/live", "/run/archiso/bootmnt", "/cdrom")
"""Where live systems mount the medium that they started from, while `/` is in memory."""


def findings(root: Path, register: Path | None, asked: Collection[str] = ()) -> tuple[Finding, ...]:
    """`register`: the register's folder, or None while there is none: then no file system may be writable. `asked`: disks that
    people were asked for, as /sys/block names them."""
    shown = unseen(root, "AIR-04", "proc/self/mountinfo")
    return (*shown, *_swap(root), *_hibernation(root), *_core_dumps(root), *_boot_medium(root), *_writable(root, register, asked))


def _swap(root: Path) -> tuple[Finding, ...]:
    areas = [line.split()[0] for line in lines(root / "proc" / "swaps")[1:] if line.strip()]
    return tuple(Finding("AIR-04", "swap is on", area, "no swap", "swapoff -a, and start from an image without swap.") for area in areas)


def _hibernation(root: Path) -> tuple[Finding, ...]:
    """The kernel offers it (`disk` in /sys/power/state) and has not locked it, or was told from where to resume."""
    found = []
    power = root / "sys" / "power"
    if "disk" in text(power / "state").split() and "[disabled]" not in text(power / "disk"):
        found.append("the kernel can write all of memory to a disk")
    if text(power / "resume") not in ("", "0:0"):
        found.append(f"it would resume from {text(power / 'resume')}")
    if match := re.search(r"(?:^| )(resume=\S+)", text(root / "proc" / "cmdline")):
        found.append(f"the kernel was started with {match[1]}")
    do = "Start with `nohibernate`, and without `resume=`."
    return tuple(Finding("AIR-04", "the machine can hibernate", each, "no hibernation", do) for each in found)


def _core_dumps(root: Path) -> tuple[Finding, ...]:
    """A pattern that begins with | starts a program whatever the limit is (core(5)); a file is written unless the limit is 0."""
    pattern = text(root / "proc" / "sys" / "kernel" / "core_pattern")
    limits = next((line.split() for line in lines(root / "proc" / "self" / "limits") if line.startswith("Max core file size")), [])
    if not pattern or (not pattern.startswith("|") and limits[4:6] == ["0", "0"]):
        return ()
    do = "sysctl kernel.core_pattern= and ulimit -c 0, in the image."
    return (Finding("AIR-04", "core dumps are enabled", f"core_pattern {pattern}", "no core dumps", do),)


def _boot_medium(root: Path) -> tuple[Finding, ...]:
    """The disk that `/` lies on, or of a live system the one that its image lies on, takes no writes."""
    do = "Start from a DVD, or from a stick whose switch forbids writing."
    return tuple(
        Finding("AIR-04", "the boot medium can be written", str(each), "a medium that is read-only by itself", do)
        for each in boot_media(root)
        if not protected(root, each.device)
    )


def boot_media(root: Path) -> tuple[Mount, ...]:
    """What this machine started from: `/`, unless that is in memory; and the medium of a live system, unless it is copied to memory."""
    seen = mounts(root)
    return tuple(m for m in seen if m.where in ("/", *LIVE) and m.kind != "overlay" and not in_memory(seen, m))


def boot_disks(root: Path) -> frozenset[str]:
    """The block devices of the boot media, as /sys/block names them."""
    return frozenset(disk(root, each.device) for each in boot_media(root))


def _writable(root: Path, register: Path | None, asked: Collection[str]) -> tuple[Finding, ...]:
    seen = mounts(root)
    kept = [m for m in seen if m.writable and not in_memory(seen, m)]
    own = holding(seen, str(register)) if register is not None else None
    others = [m for m in kept if (own is None or m.device != own.device) and disk(root, m.device) not in asked]
    found = [Finding("AIR-04", "a file system can be written", str(m), "the register's medium alone", "Unmount it.") for m in others]
    if own is not None and (own not in kept or own.where == "/"):
        do = "Move the register to a medium that holds nothing else."
        found.append(Finding("AIR-04", "the register is not on a medium of its own", str(own), "a medium for the register alone", do))
    return tuple(found)


def says(root: Path) -> str:
    """What the machine says of its own start. It proves nothing (SET-02): a hostile image says what it likes."""
    top = holding(mounts(root), "/")
    media = "; ".join(str(each) for each in boot_media(root)) or "no medium: all is in memory"
    return f"self-reported: / is {top or 'not mounted'}, started from {media}"
