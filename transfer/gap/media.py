"""What kind of medium a folder lies on, from the kernel's mount table (proc(5), /proc/self/mountinfo).

The parts over the table's text are pure, so that any table can be tested; reading the table is the one side effect."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ceremony.base.control import refuse
from ceremony.base.data import Malformed, Text, record
from ceremony.base.show import shown

RECEIVER = ("ro", "noexec", "nosuid", "nodev")
"""The options under which the online host may read a stick (EXP-03)."""
MOUNTS = Path("/proc/self/mountinfo")

_OCTAL = re.compile(r"\\([0-7]{3})")


@record
class Medium:
    """What is recorded of a medium: kernel device number, source, file system, where it is mounted, its options as found."""

    device: Text
    source: Text
    filesystem: Text
    mounted: Text
    options: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class _Mount:
    number: str
    parent: str
    medium: Medium


def mounts() -> str:
    """The kernel's mount table as this process sees it."""
    return MOUNTS.read_text(encoding="utf-8", errors="replace")


def describe(folder: Path, mounts_text: str | None = None) -> Medium:
    """The medium that `folder` lies on; `mounts_text` stands in for the kernel's table. Malformed if the table has none."""
    resolved = folder.resolve()
    table = _parse(mounts() if mounts_text is None else mounts_text)
    return _over(resolved, table)


def receivable(folder: Path, mounts_text: str) -> tuple[str, ...]:
    """What is wrong with receiving from `folder` (EXP-03); empty if nothing. The caller's practice mark decides whether
    findings are refused or recorded as what production would refuse."""
    medium = describe(folder, mounts_text)
    if medium.mounted == "/":
        return ("the folder lies on the system's own medium, not on a stick mounted for this",)
    missing = [option for option in RECEIVER if option not in medium.options]
    return tuple(f"{medium.source} is mounted on {medium.mounted} without {option}" for option in missing)


def refuse_unreceivable(findings: Sequence[str]) -> None:
    """EXP-03 (held with `bundle.read`): refuse the findings of `receivable`, if there are any."""
    if findings:
        refuse(
            "EXP-03",
            "the medium is not mounted as a receiver must mount it",
            found="; ".join(findings),
            expected=",".join(RECEIVER),
            do=f"Take the stick out and mount it with -o {','.join(RECEIVER)}.",
        )


def _over(path: Path, table: Sequence[_Mount]) -> Medium:
    """Follow the mounts from the root down, as a path is looked up: what a later mount covers is not seen."""
    numbers = {mount.number for mount in table}
    roots = [mount for mount in table if mount.medium.mounted == "/" and (mount.parent not in numbers or mount.parent == mount.number)]
    if not roots:
        raise Malformed("the mount table has no root")
    here, left = roots[-1], list(table)
    while True:
        left = [mount for mount in left if mount is not here]
        below = [mount for mount in left if mount.parent == here.number and path.is_relative_to(mount.medium.mounted)]
        if not below:
            return here.medium
        here = min(below, key=lambda mount: len(mount.medium.mounted))


def _parse(text: str) -> list[_Mount]:
    return [_mount(line) for line in text.splitlines() if line]


def _mount(line: str) -> _Mount:
    """One line: `36 35 98:0 /root /mounted rw,noatime [tags] - filesystem source super-options`."""
    before, mark, after = line.partition(" - ")
    fields, rest = before.split(" "), after.split(" ")
    if not mark or len(fields) < 6 or len(rest) < 3:
        raise Malformed(f"the mount table has a line of another form: {shown(line)}")
    number, parent, device, _, mounted, options = fields[:6]
    both = dict.fromkeys([*options.split(","), *(option for option in rest[2].split(",") if option == "ro")])
    if "ro" in both:
        both.pop("rw", None)
    medium = Medium(device=device, source=_plain(rest[1]), filesystem=_plain(rest[0]), mounted=_plain(mounted), options=tuple(both))
    return _Mount(number, parent, medium)


def _plain(text: str) -> str:
    """Without the octal escapes for space, tab, newline and backslash."""
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)
