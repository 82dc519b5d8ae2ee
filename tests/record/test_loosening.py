"""A charter that tightens counts at once; one that loosens waits for the cool-off in force, and counts by a second ceremony (STO-07)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.record.charter import SIGNERS, Account, Certificate, Charter, Device, Hsm, StandingException
from ceremony.record.in_force import LOOSER, difference
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.desk import Desk
from tests.record.amended import Office
from tests.record.test_amend import refused, verdict
from transfer.in_force import ANY, FIXED, ITSELF

AT, EARLY, LATE = "2026-11-22T09:00:00Z", "2026-11-24T09:00:01Z", "2026-11-24T09:10:00Z"
"""The proposal; the second ceremony before and after its cool-off of 48 hours, the one too early by seconds."""
KEYBOARD = Device(vendor="046d", product="c31c", serial="any", what="keyboard", when="asked")
CERTIFIED = Certificate(number="4000", standard="FIPS 140-3", level=3)


def hsm(**changes: Any) -> Hsm:
    told = {"label": "token", "serial": "1234", "manufacturer": "SoftHSM project", "model": "SoftHSM v2", "firmware": "2.6"}
    return Hsm(**{**told, "certificate": CERTIFIED, **changes})


def sites(charter: Charter, **changes: Any) -> Any:
    return (replace(charter.sites[0], **changes), *charter.sites[1:])


def people(charter: Charter, **changes: Any) -> Any:
    return (replace(charter.people[0], **changes), *charter.people[1:])


MADE = StandingException(control="STO-08", expected="e", happened="h", decided="d")
STRICTER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Charter.site_threshold": ({"site_threshold": 3}, {"site_threshold": 4}),
    "Charter.vault_minutes": ({"vault_minutes": 60}, {"vault_minutes": 30}),
    "Charter.officers_approve": ({"officers_approve": "no"}, {"officers_approve": "yes"}),
    "Charter.pin_halves": ({"pin_halves": "no"}, {"pin_halves": "yes"}),
    "Charter.media": ({"media": ("file", "card")}, {"media": ("file",)}),
    "Charter.devices": ({"devices": (KEYBOARD,)}, {"devices": ()}),
    "Charter.exceptions": ({"exceptions": (MADE,)}, {"exceptions": None}),
    "Certificate.level": ({"hsm": hsm(certificate=replace(CERTIFIED, level=2))}, {"hsm": hsm()}),
}
"""Field -> the charter before, and a stricter one."""
LOOSENED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{name: (after, before) for name, (before, after) in STRICTER.items()},
    "Charter.accounts": ({}, {"accounts": (
        Account(name="main", chain="bitcoin", network="regtest", path="m/84h/1h/0h"),
        Account(name="more", chain="bitcoin", network="regtest", path="m/84h/1h/1h"),
    )}),
    "Charter.room": ({}, {"room": "Basel, another room"}),
    "Charter.kdf": ({}, {"kdf": "standard"}),
    "Charter.scheme": ({}, {"scheme": "slip39"}),
    "Charter.boot": ({}, {"boot": "ab" * 32}),
    "Hsm.serial": ({"hsm": hsm()}, {"hsm": hsm(serial="99")}),
    "Certificate.number": ({"hsm": hsm()}, {"hsm": hsm(certificate=replace(CERTIFIED, number="4001"))}),
    "Device.when": ({"devices": (KEYBOARD,)}, {"devices": (replace(KEYBOARD, when="always"),)}),
}  # fmt: skip
"""Field -> the charter before, and a looser one."""


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("loosening"))


def went(desk: Desk, before: dict[str, Any], after: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = difference(desk.charter(**before), desk.charter(**after))
    return found.looser, found.stricter


@pytest.mark.parametrize("name", STRICTER)
def test_what_is_stricter(desk: Desk, name: str) -> None:
    assert went(desk, *STRICTER[name]) == ((), (name,))


@pytest.mark.parametrize("name", LOOSENED)
def test_what_is_looser(desk: Desk, name: str) -> None:
    looser = "Charter.devices" if name.startswith("Device.") else name
    assert went(desk, *LOOSENED[name]) == ((looser,), ())


def test_sites_and_people_field_by_field(desk: Desk) -> None:
    charter = desk.charter()
    for changes, expected in (
        ({"sites": sites(charter, threshold=3)}, ((), ("Site.threshold",))),
        ({"sites": sites(charter, threshold=1)}, (("Site.threshold",), ())),
        ({"sites": sites(charter, name="Bern")}, (("Site.name",), ())),
        ({"sites": sites(charter, name="Bern", threshold=3)}, (("Site.name",), ("Site.threshold",))),
        ({"sites": charter.sites[1:]}, (("Charter.sites",), ())),
        ({"people": people(charter, name="Another Person")}, (("Member.name",), ())),
        ({"people": people(charter, key=charter.people[1].key)}, (("Member.key",), ())),
        ({"people": charter.people[1:]}, (("Charter.people",), ())),
    ):
        assert went(desk, {}, changes) == expected, changes


def test_every_field_that_can_change_is_tried(desk: Desk) -> None:
    """Sites and people above; the rest of a record that is looser whichever way it changes goes with one field of it."""
    tried = {*STRICTER, *LOOSENED, "Site.threshold", "Charter.sites", "Charter.people", "Charter.hsm"}
    rows = {name for name, way in LOOSER.items() if name.startswith("Charter.") and way not in (FIXED, ITSELF)}
    assert rows - tried == set()
    assert {name for name, way in LOOSER.items() if way not in (ANY, FIXED, ITSELF) and name.startswith(("Site.", "Certificate."))} <= tried


@pytest.mark.parametrize("name", ["Charter.vault_minutes", "Charter.pin_halves"])
def test_a_stricter_charter_counts_at_once(tmp_path: Path, name: str) -> None:
    office = Office(tmp_path / "register")
    office.amend(office.later(**STRICTER[name][1]))
    office.transfer()
    assert verdict(office) == "VERIFIED"
    assert Register.open(office.folder).charter.number == 1


AT_ONCE: dict[str, dict[str, Any]] = {
    "vault_minutes": {"vault_minutes": 61},
    "devices": {"devices": (KEYBOARD,)},
    "exceptions": {"exceptions": (MADE,)},
    "room": {"room": "Basel, another room"},
    "boot": {"boot": "ab" * 32},
    "hsm": {"hsm": hsm(serial="99")},
    "site_threshold": {"site_threshold": 2, "exceptions": (MADE,)},
    "accounts": {"accounts": LOOSENED["Charter.accounts"][1]["accounts"]},
    "both ways": {"vault_minutes": 30, "room": "Basel, another room"},
}


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("name", AT_ONCE)
def test_a_looser_charter_does_not_count_at_once(tmp_path: Path, name: str) -> None:
    office = Office(tmp_path / "register")
    office.amend(office.later(**AT_ONCE[name]))
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
@pytest.mark.parametrize(("person", "key"), [("A1", "second"), ("cfo", "successor")])
def test_nobody_gets_another_key_at_once(tmp_path: Path, person: str, key: str) -> None:
    """Not with all signatures: who has them all for an hour gains no key that lasts."""
    office = Office(tmp_path / "register")
    office.amend(office.later({person: key}), new_keys={person: key})
    assert refused(office) == "STO-07"


def proposed(tmp_path: Path, **changes: Any) -> tuple[Office, Charter]:
    office = Office(tmp_path / "register")
    charter = office.later({"A1": "second"})
    office.propose(charter, SIGNERS, start=AT, lost=None, **changes)
    return office, charter


def test_a_looser_charter_counts_after_its_cool_off(tmp_path: Path) -> None:
    office, charter = proposed(tmp_path)
    assert verdict(office) == "VERIFIED"
    assert Register.open(office.folder).charter.number == 0
    notes = " ".join(verify(office.folder, office.genesis, office.head).notes)
    assert "a charter is proposed that loosens, from 2026-11-24T09:00:08Z on" in notes
    office.amend(charter, start=LATE, new_keys={"A1": "second"})
    office.transfer()
    assert verdict(office) == "VERIFIED"
    assert Register.open(office.folder).charter.number == 1


@pytest.mark.control("STO-07")
def test_the_cool_off_counts_from_the_proposals_signed_end(tmp_path: Path) -> None:
    office, charter = proposed(tmp_path)
    office.amend(charter, start=EARLY, new_keys={"A1": "second"})
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
def test_a_proposal_of_another_charter_is_none_of_this(tmp_path: Path) -> None:
    office, _ = proposed(tmp_path)
    office.amend(office.later({"A1": "third"}), start=LATE, new_keys={"A1": "third"})
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
def test_a_proposal_says_when_its_cool_off_ends(tmp_path: Path) -> None:
    office, _ = proposed(tmp_path, not_before="2026-11-23T09:00:13Z")
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
def test_what_is_not_looser_is_not_proposed(tmp_path: Path) -> None:
    office = Office(tmp_path / "register")
    office.propose(office.later(vault_minutes=30), SIGNERS, start=AT, lost=None)
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
def test_a_proposal_names_nobody_as_lost_who_is_there(tmp_path: Path) -> None:
    office = Office(tmp_path / "register")
    office.propose(office.later({"cfo": "successor"}), SIGNERS, start=AT, lost="cfo")
    assert refused(office) == "STO-07"


@pytest.mark.control("STO-07")
def test_a_cool_off_that_was_raised_meanwhile_counts(tmp_path: Path) -> None:
    office, charter = proposed(tmp_path)
    office.amend(policy=office.policy(cool_off_hours=96), start="2026-11-23T09:00:00Z")
    office.amend(charter, start=LATE, new_keys={"A1": "second"})
    assert refused(office) == "STO-07"


def test_without_a_cool_off_it_counts_at_once(tmp_path: Path) -> None:
    office = Office(tmp_path / "register", cool_off=0)
    office.amend(office.later({"A1": "second"}, vault_minutes=30), new_keys={"A1": "second"})
    office.transfer()
    assert verdict(office) == "VERIFIED"
