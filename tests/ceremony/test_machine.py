"""The machine under a ceremony, at the real command: what production refuses, what practice records, and the room around it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable

import pytest

from ceremony import demonstration
from ceremony.base.words import spoken
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.ceremony import rehearsal
from tests.ceremony.test_interruptions import check_ended, vault_processes
from tests.machine.tree import Host, clean

PIN = r"administrator, PIN of the HSM [^\r\n]*then Enter: "


class Happening(list[tuple[str, str]]):
    """Odd answers of which each makes something happen in the room just before it is typed."""

    def __init__(self, happening: Iterable[tuple[str, str, Callable[[], object]]]) -> None:
        happening = list(happening)
        super().__init__((pattern, text) for pattern, text, _ in happening)
        self._acts = [act for _, _, act in happening]

    def pop(self, _index: object = -1) -> tuple[str, str]:
        self._acts.pop(0)()
        return super().pop(0)


def nothing() -> None:
    """Nothing happens."""


@pytest.fixture
def host(authorized: Stage) -> Host:
    """A cold host of files as the demonstration's charter wants it; the register's medium is where its folder will be."""
    return clean(authorized.folder / "host", authorized.folder / "register")


def play(set_: Stage, host: Host, fault: str = "strict", command: str = "resume") -> tuple[str, int]:
    words = demonstration.prepare_command(set_) if command == "prepare" else demonstration.transfer_command(set_, command)
    return rehearsal.run_broken(set_, f"{fault}:{host.root}", words)


def refused(set_: Stage, host: Host, identifier: str, command: str = "resume") -> str:
    shown, code = play(set_, host, command=command)
    assert code == 1, shown[-2000:]
    assert rehearsal.refusals(set_)[-1] == identifier
    return shown


def bodies(set_: Stage, kind: str) -> list[dict[str, str]]:
    return [e["body"] for e in rehearsal.entries(set_) if e["type"] == kind]  # type: ignore[misc]


@pytest.mark.control("SET-02")
@pytest.mark.control("AIR-01")
@pytest.mark.control("AIR-02")
@pytest.mark.control("AIR-03")
@pytest.mark.control("AIR-04")
def test_production_refuses_one_thing_after_the_other(authorized: Stage, host: Host) -> None:
    authorized.cast.image = " ".join(spoken("ab" * 32))
    shown = refused(authorized, host, "SET-02", "prepare")
    assert demonstration.IMAGE not in shown
    authorized.cast.image = " ".join(spoken(demonstration.IMAGE))
    host.interface("eth0")
    assert "eth0" in refused(authorized, host, "AIR-02")
    (host.root / "sys/class/net/eth0/operstate").unlink()
    (host.root / "sys/class/net/eth0").rmdir()
    host.usb("1-4", "046d", "c077", name="Mouse")
    assert "046d:c077 Mouse" in refused(authorized, host, "AIR-03")
    host.unplug("1-4")
    swap = host.root / "proc/swaps"
    before = swap.read_text()
    host.append("proc/swaps", "/dev/sda2 partition 1048572 0 -2\n")
    assert "/dev/sda2" in refused(authorized, host, "AIR-04")
    swap.write_text(before)
    authorized.cast.instead = Happening([(PIN, authorized.cast.pin, lambda: host.usb("1-5", "0951", "1667", interfaces="08 03"))])
    assert "more than the charter says" in refused(authorized, host, "AIR-03")
    host.unplug("1-5")
    authorized.cast.instead = Happening(
        [
            (r"witness: all of this holds[^\r\n]*\[Enter\] ", "6", nothing),
            (r"witness, sound, what does not hold: ", "the window to the yard is open", nothing),
            (r"witness: all of this holds[^\r\n]*\[Enter\] ", "", nothing),
            (r"x fills in the form; Enter stops here: ", "", nothing),
        ]
    )
    shown = refused(authorized, host, "AIR-01")
    assert "officers may sign an exception" in " ".join(shown.split())
    assert [b["item"] for b in bodies(authorized, "room-item") if b["held"] == "no"] == ["sound"]
    machines = [b["findings"] for b in bodies(authorized, "machine")]
    assert [len(findings) for findings in machines] == [1, 1, 1, 0, 0]
    shown, code = play(authorized, host)
    assert code == 0, shown[-2000:]
    assert shown.count("1  sound") == 1
    check_ended(authorized, "carried out")


@pytest.mark.control("AIR-03")
def test_practice_records_each_device_once_and_asked_ones_are_taken_out(authorized: Stage, host: Host) -> None:
    def plugged() -> None:
        host.usb("1-4", "046d", "c077", name="Mouse")
        host.usb("1-5", "0951", "1667", name="Stick of the administrator", interfaces="08")

    authorized.cast.instead = Happening(
        [
            (r"(\S+), the folder of your medium: ", "people/administrator", nothing),
            (PIN, authorized.cast.pin, plugged),
            (r"administrator: they are out\. \[Enter\] ", "", nothing),
            (r"administrator: they are out\. \[Enter\] ", "", lambda: host.unplug("1-5")),
        ]
    )
    shown, code = play(authorized, host, "host", "prepare")
    assert code == 0, shown[-2000:]
    assert authorized.cast.instead == []
    assert "Stick of the administrator" in shown
    assert [b["finding"].split(":")[0] for b in bodies(authorized, "stray-device")] == [
        "AIR-03 a USB device that the charter does not list",
        "AIR-03 a USB device that no step asks for now",
    ]
    book = Register.open(authorized.folder / "register")
    assert verify(authorized.folder / "register", book.genesis, book.head).said == "INCOMPLETE"


@pytest.mark.control("SET-09")
def test_a_broken_block_begins_nothing(authorized: Stage) -> None:
    before = sorted((authorized.folder / "register").iterdir())
    shown, code = rehearsal.run_broken(authorized, "without:transfer.bitcoin.assemble.verified", demonstration.prepare_command(authorized))
    assert code == 1, shown[-2000:]
    assert "SET-09 known-answer test ECDSA on secp256k1" in shown
    assert sorted((authorized.folder / "register").iterdir()) == before


def test_every_run_of_the_vault_says_which_tests_passed(carried_out: Stage) -> None:
    tested = [json.dumps(b, sort_keys=True) for b in bodies(carried_out, "self-tests")]
    assert len(tested) == 6
    assert len(set(tested)) == 3
    assert len(bodies(carried_out, "machine")) == 2
    gone = bodies(carried_out, "removed")
    assert sorted(b["position"] for b in gone) == sorted(carried_out.plot.here)
    assert all(b["medium"].startswith("no USB device: /") and b["tool"].startswith("cold-ceremony ") for b in gone)


@pytest.mark.control("AIR-07")
def test_a_preflight_proves_the_import_path_and_begins_nothing(authorized: Stage) -> None:
    before = sorted((authorized.folder / "register").iterdir())
    words = ("preflight", "--charter", "office/charter.json", "--module", authorized.module, "--import-path")
    shown, code = rehearsal.run(authorized, *words)
    told = " ".join(shown.split())
    assert code == 0, shown[-2000:]
    assert "all passed: 12 in screen, 14 in opener, 14 in hsm" in told
    assert "read back, sign, verify, destroy with a throw-away key: held left there 0 objects" in told
    authorized.cast.instead = [(PIN, "0000")]
    shown, code = rehearsal.run(authorized, *words)
    assert (code, "did not take this PIN (2 tries left)" in shown, authorized.cast.instead) == (0, True, [])
    authorized.cast.instead = [(PIN, lambda child: child.send("\x03"))]
    shown, code = rehearsal.run(authorized, *words)
    assert (code, "Interrupted." in shown) == (130, True)
    assert vault_processes() == []
    assert sorted((authorized.folder / "register").iterdir()) == before


@pytest.mark.control("AIR-06")
def test_a_preflight_refuses_an_hsm_that_holds_a_key(authorized: Stage) -> None:
    tool = (
        "pkcs11-tool",
        "--module",
        authorized.module,
        "--login",
        "--pin",
        authorized.cast.pin,
        "--keypairgen",
        "--key-type",
        "EC:secp256k1",
    )
    subprocess.run(tool, env=dict(authorized.environment), check=True, capture_output=True)
    words = ("preflight", "--charter", "office/charter.json", "--module", authorized.module, "--import-path")
    shown, code = rehearsal.run(authorized, *words)
    assert (code, "AIR-06 the HSM practice-hsm holds keys before the ceremony" in shown) == (1, True)
    assert "throw-away key: held" not in shown
