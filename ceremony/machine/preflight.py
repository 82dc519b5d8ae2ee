"""What the machine is: network interfaces, swap, core dumps. Pure over the folders given, so that tests can hand in others."""

from __future__ import annotations

from pathlib import Path


def findings(sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> tuple[str, ...]:
    """Each thing that production would refuse, with the control that it breaks; empty if there is none."""
    return (*_interfaces(sys), *_swap(proc), *_core_dumps(proc))


def _interfaces(sys: Path) -> tuple[str, ...]:
    folder = sys / "class" / "net"
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    return tuple(f"AIR-02 network interface {name} is present" for name in names if name != "lo")


def _swap(proc: Path) -> tuple[str, ...]:
    path = proc / "swaps"
    areas = path.read_text().splitlines()[1:] if path.exists() else []
    return tuple(f"AIR-04 swap is on: {area.split()[0]}" for area in areas if area.strip())


def _core_dumps(proc: Path) -> tuple[str, ...]:
    path = proc / "sys" / "kernel" / "core_pattern"
    pattern = path.read_text().strip() if path.exists() else ""
    return (f"AIR-04 core dumps go to {pattern}",) if pattern else ()
