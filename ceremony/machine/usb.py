"""AIR-03 while a ceremony runs: what is connected is looked at when a prompt returns and after every entry."""

from __future__ import annotations

from dataclasses import dataclass, field

from ceremony.machine import devices, tree
from ceremony.machine.tree import Finding
from ceremony.record.charter import Device, DeviceKind

ASKED: tuple[DeviceKind, ...] = ("medium", "key")
"""What people bring: a medium with their share, a key that signs."""


@dataclass(slots=True)
class Watch:
    """The charter's devices once the watch begins (None before), what the step in hand asks for, and what was noticed meanwhile."""

    listed: tuple[Device, ...] | None = None
    asked: set[DeviceKind] = field(default_factory=set)
    noticed: dict[str, Finding] = field(default_factory=dict)

    def notice(self) -> None:
        """Look, and keep what must not be there until somebody asks: a device that came and went between two entries is seen."""
        if self.listed is not None:
            for finding in devices.present(tree.ROOT, self.listed, self.asked):
                self.noticed.setdefault(finding.sentence, finding)

    def look(self) -> tuple[Finding, ...]:
        """What must not be there now, or was there since the last look."""
        self.notice()
        found = tuple(self.noticed.values())
        self.noticed.clear()
        return found

    def left(self) -> tuple[str, ...]:
        """Devices that were asked for and are still there."""
        if self.listed is None:
            return ()
        brought = [each for each in self.listed if each.when == "asked" and each.what in self.asked]
        return tuple(str(found) for found in devices.usb(tree.ROOT) if any(found.is_a(each) for each in brought))
