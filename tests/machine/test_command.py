"""`ceremony preflight` at the command line, on a cold host of files; and the watch that looks while a ceremony runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.machine import tree, usb
from ceremony.record import entries
from ceremony.record.charter import Account, Certificate, Charter, Member
from ceremony.record.rules.surroundings import ITEMS, check_room
from ceremony.record.state import Recorded, State
from ceremony.script.preflight import check_image
from ceremony.script.prepare import certificate_finding
from tests.desk import ceremony
from tests.machine.test_preflight import LISTED
from tests.machine.tree import REGISTER, Host, clean
from tests.record.sample import FastDesk
from tests.soft_keys import SoftKey


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = clean(tmp_path / "host")
    monkeypatch.setattr(tree, "ROOT", made.root)
    return made


@pytest.fixture
def desk(tmp_path: Path) -> FastDesk:
    return FastDesk(tmp_path)


def practice(desk: FastDesk) -> Charter:
    return desk.charter(devices=LISTED, boot="ab" * 32)


def production(desk: FastDesk) -> Charter:
    people = tuple(Member(person=m.person, name=m.name, key=SoftKey(owner=str(n)).text) for n, m in enumerate(practice(desk).people))
    main = (Account(name="main", chain="bitcoin", network="main", path="m/84h/0h/0h"),)
    return replace(practice(desk), mark="production", people=people, accounts=main, kdf="standard")


def look(desk: FastDesk, charter: Charter) -> tuple[int, str, str]:
    path = desk.put("charter.json", charter)
    done = ceremony("preflight", f"--charter={path}", f"--register={REGISTER}")
    assert max(map(len, done.stdout.splitlines())) <= 78
    return done.returncode, done.stdout, done.stderr


def test_a_clean_host(desk: FastDesk, host: Host) -> None:
    for charter in (practice(desk), production(desk)):
        code, shown, _ = look(desk, charter)
        assert code == 0
        assert not {"AIR-02", "AIR-03", "AIR-04", "SET-02"} & set(shown.split())
        assert "all passed: 12 in screen, 14 in opener, 14 in hsm" in shown
        assert "1-2: 20a0:4230 HSM, serial DENK0200, interfaces 0b" in shown
        assert "ab" * 8 not in shown  # the image's digest is the witness's to bring


@pytest.mark.control("AIR-02")
@pytest.mark.control("AIR-03")
@pytest.mark.control("AIR-04")
def test_practice_shows_what_production_refuses(desk: FastDesk, host: Host) -> None:
    host.append("proc/swaps", "/dev/sda2 partition 1048572 0 -2\n")
    for identifier, spoil in (
        ("AIR-04", lambda: None),
        ("AIR-03", lambda: host.usb("1-4", "046d", "c077")),
        ("AIR-02", lambda: host.interface("eth0")),
    ):
        spoil()
        code, shown, _ = look(desk, practice(desk))
        assert code == 0
        assert identifier in shown
        code, shown, said = look(desk, production(desk))
        assert (code, said.split(" ")[0]) == (1, identifier)
        assert "AIR-04 swap is on: /dev/sda2" in shown


@pytest.mark.control("SET-02")
def test_a_charter_without_an_image(desk: FastDesk, host: Host) -> None:
    code, shown, _ = look(desk, replace(practice(desk), boot=None))
    assert (code, "SET-02" in shown) == (0, True)
    code, _, said = look(desk, replace(production(desk), boot=None))
    assert (code, said.split(" ")[0]) == (1, "SET-02")
    with pytest.raises(Refused) as caught:
        check_image(practice(desk), "absurd")
    assert caught.value.identifier == "SET-02"


def test_an_hsm_that_is_not_there(desk: FastDesk, host: Host) -> None:
    path = desk.put("charter.json", practice(desk))
    done = ceremony("preflight", f"--charter={path}", "--module=/no/such/module.so")
    assert (done.returncode, "the HSM of the charter is not there" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (Certificate(number="4321", standard="FIPS 140-3", level=3), ""),
        (Certificate(number="1234", standard="FIPS 140-2", level=3), "historical on 2026-09-22"),
        (Certificate(number="none", standard="none", level=0), "no certificate"),
    ],
)
def test_what_is_said_of_a_certificate(stated: Certificate, said: str) -> None:
    assert said in certificate_finding(stated)
    assert bool(certificate_finding(stated)) == bool(said)


@pytest.mark.control("AIR-03")
def test_the_watch_sees_what_came_and_went(host: Host) -> None:
    watch = usb.Watch()
    host.usb("1-4", "046d", "c077")
    watch.notice()
    assert watch.look() == ()  # it has not begun
    host.unplug("1-4")
    watch.listed = LISTED
    host.usb("1-4", "046d", "c077", name="Mouse")
    watch.notice()
    host.unplug("1-4")
    watch.notice()
    assert [finding.found.split(",")[0] for finding in watch.look()] == ["046d:c077 Mouse"]
    assert watch.look() == ()
    host.usb("1-5", "0951", "1667", interfaces="08")
    assert [finding.what for finding in watch.look()] == ["a USB device that no step asks for now"]
    watch.asked.add("medium")
    assert watch.look() == ()
    assert len(watch.left()) == 1


@pytest.mark.control("AIR-01")
def test_an_item_of_the_room_that_does_not_hold(desk: FastDesk) -> None:
    def state(*bodies: object) -> State:
        return State(tuple(Recorded(line=None, body=body) for body in bodies))  # type: ignore[arg-type]

    held = [entries.RoomItem(item=item, held="yes", note="") for item in ITEMS]
    broken = entries.RoomItem(item="windows", held="no", note="the blind is broken")
    check_room(state(*held), "production")
    check_room(state(*held, broken), "practice")
    check_room(state(broken, *held), "production")  # put right
    check_room(state(*held, broken, entries.Excepted(control="AIR-01", file="exception-1.json")), "production")
    signed = entries.Excepted(control="AIR-01", file="exception-1.json")
    for bodies in ((*held, broken), (signed, *held, broken)):  # a form from before says nothing of it
        with pytest.raises(Refused, match="the blind is broken") as caught:
            check_room(state(*bodies), "production")
    assert caught.value.identifier == "AIR-01"
