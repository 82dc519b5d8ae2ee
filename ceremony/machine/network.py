"""AIR-02: network interfaces, addresses and radios, as the kernel lists them (sysfs-class-net, fib_trie, if_inet6, sysfs-class-rfkill)."""

from __future__ import annotations

import re
from pathlib import Path

from ceremony.machine.tree import Finding, lines, names, text, unseen

LOOPBACK = "lo"
RADIOS = {"ieee80211": "Wi-Fi", "bluetooth": "Bluetooth", "wwan": "mobile radio", "nfc": "NFC"}
"""Folder of /sys/class -> what transmits there."""
_HOST = re.compile(r"/32 host LOCAL")
_NODE = re.compile(r"\|-- ([0-9.]+)")


def findings(root: Path) -> tuple[Finding, ...]:
    """Everything through which this machine could speak to another one."""
    return (*unseen(root, "AIR-02", "sys/class/net/lo"), *_interfaces(root), *_addresses(root), *_radios(root))


def _interfaces(root: Path) -> tuple[Finding, ...]:
    folder = root / "sys" / "class" / "net"
    found = [f"{name} ({text(folder / name / 'operstate') or 'state unknown'})" for name in names(folder) if _is_interface(folder / name)]
    do = "Take the network card out, or start from the cold host's image, which has no driver for it."
    return tuple(Finding("AIR-02", "a network interface is present", each, "loopback alone", do) for each in found)


def _is_interface(path: Path) -> bool:
    return path.name != LOOPBACK and path.is_dir()  # `bonding_masters` is a file


def _addresses(root: Path) -> tuple[Finding, ...]:
    do = "Take the cable out and the interface down; find out what gave this machine an address."
    return tuple(
        Finding("AIR-02", "this machine has an address", each, "127.0.0.0/8 and ::1 alone", do) for each in (*_ipv4(root), *_ipv6(root))
    )


def _ipv4(root: Path) -> tuple[str, ...]:
    """Local addresses of the routing table: each stands above its line `/32 host LOCAL`; every table repeats them."""
    found, node = dict[str, None](), ""
    for line in lines(root / "proc" / "net" / "fib_trie"):
        if match := _NODE.search(line):
            node = match[1]
        elif _HOST.search(line) and not node.startswith("127."):
            found[node] = None
    return tuple(found)


def _ipv6(root: Path) -> tuple[str, ...]:
    """Every line of if_inet6 is an address, in 32 digits, and its interface; ::1 on loopback is the one that may be there."""
    found = []
    for line in lines(root / "proc" / "net" / "if_inet6"):
        words = line.split()
        if len(words) == 6 and not (words[5] == LOOPBACK and words[0] == "0" * 31 + "1"):
            found.append(":".join(words[0][at : at + 4] for at in range(0, 32, 4)) + f" on {words[5]}")
    return tuple(found)


def _radios(root: Path) -> tuple[Finding, ...]:
    """A radio is blocked when its switch says so, by hardware or by software; one without a switch cannot be."""
    found = []
    switches = root / "sys" / "class" / "rfkill"
    for name in names(switches):
        if text(switches / name / "hard") != "1" and text(switches / name / "soft") != "1":
            found.append(f"{text(switches / name / 'name') or name} ({text(switches / name / 'type') or 'unknown'}) is not blocked")
    for folder, radio in RADIOS.items():
        for name in names(root / "sys" / "class" / folder):
            if not any(each.startswith("rfkill") for each in names(root / "sys" / "class" / folder / name)):
                found.append(f"{radio} {name} has no switch that could block it")
    do = "Take the radio out of the machine, or switch it off by hardware; `rfkill block all` is the least."
    return tuple(Finding("AIR-02", "a radio can transmit", each, "every radio blocked", do) for each in found)
