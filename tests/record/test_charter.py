from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base import signatures
from ceremony.base.control import Refused
from ceremony.base.data import Malformed, canonical, dump, encode
from ceremony.base.signatures import Key
from ceremony.record import charter as charters
from ceremony.record.charter import SIGNERS, Account, Charter, Member
from ceremony.record.signed import add_signature, parse_signatures, read_signed, signatures_path
from tests.desk import Desk
from tests.soft_keys import SoftKey

MAIN = (Account(name="main", chain="bitcoin", network="main", path="m/84h/0h/0h"),)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def member(charter: Charter, who: str, **changes: Any) -> Charter:
    return replace(charter, people=tuple(replace(m, **changes) if m.person == who else m for m in charter.people))


def refusal(run: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value


def test_a_good_charter_passes_and_is_read_back(desk: Desk, tmp_path: Path) -> None:
    charter = desk.charter()
    path = tmp_path / "charter.json"
    path.write_bytes(dump(charter))
    assert charters.read(path) == charter
    assert charter.plan.recoveries() == 16


@pytest.mark.control("SET-05")
@pytest.mark.parametrize(
    ("who", "change"),
    [("cto", {"person": "cfo"}), ("B2", {"name": "  person   A1 "}), ("D3", {"person": "A1"})],
)
def test_one_person_has_one_role(desk: Desk, who: str, change: dict[str, str]) -> None:
    assert refusal(lambda: charters.check(member(desk.charter(), who, **change))).identifier == "SET-05"


@pytest.mark.control("SET-05")
def test_one_key_stands_for_one_person(desk: Desk) -> None:
    error = refusal(lambda: charters.check(member(desk.charter(), "cto", key=desk.keys["cfo"])))
    assert error.identifier == "SET-05"
    assert "cfo" in error.found
    assert "cto" in error.found


@pytest.mark.control("SET-05")
@pytest.mark.parametrize("role", ["administrator", "cfo", "cto", "witness"])
def test_each_role_is_held(desk: Desk, role: str) -> None:
    charter = desk.charter()
    short = replace(charter, people=tuple(m for m in charter.people if m.person != role))
    assert refusal(lambda: charters.check(short)).identifier == "SET-05"


def test_a_key_has_one_spelling(desk: Desk) -> None:
    kind, text = desk.keys["cfo"].split()
    assert charters.fingerprint(f"{kind} {text}").startswith("SHA256:")
    for other in (f"ssh-rsa {text}", f"{kind} {text[:-2]}", f"{kind} {text}=", "ssh-ed25519-cert-v01@openssh.com " + text):
        with pytest.raises(Malformed):
            charters.fingerprint(other)


@pytest.mark.control("STO-06")
@pytest.mark.parametrize(("names", "room"), [(("North", "east", "South", " EAST"), "Bern"), (("North", "East", "South", "West"), "north")])
def test_no_place_stands_for_two(desk: Desk, names: tuple[str, ...], room: str) -> None:
    charter = desk.charter(room=room)
    sites = tuple(replace(site, name=name) for site, name in zip(charter.sites, names, strict=True))
    assert refusal(lambda: charters.check(replace(charter, sites=sites))).identifier == "STO-06"


@pytest.mark.control("STO-08")
@pytest.mark.parametrize(("countries", "passes"), [("CH CH NO PT", True), ("CH CH CH PT", False), ("NO CH NO NO", False)])
def test_no_jurisdiction_compels_a_quorum(desk: Desk, countries: str, passes: bool) -> None:
    charter = desk.charter()
    sites = tuple(replace(s, jurisdiction=c) for s, c in zip(charter.sites, countries.split(), strict=True))
    moved = replace(charter, sites=sites)
    if passes:
        charters.check(moved)
        assert charters.freezers(moved) == ("CH",)
    else:
        assert refusal(lambda: charters.check(moved)).identifier == "STO-08"


@pytest.mark.control("GEN-05")
@pytest.mark.parametrize("threshold", [0, 1, 5])
def test_thresholds_of_sites(desk: Desk, threshold: int) -> None:
    assert refusal(lambda: charters.check(replace(desk.charter(), site_threshold=threshold))).identifier == "GEN-05"


@pytest.mark.control("GEN-05")
@pytest.mark.parametrize("threshold", [0, 1, 4])
def test_thresholds_of_custodians(desk: Desk, threshold: int) -> None:
    charter = desk.charter()
    sites = (replace(charter.sites[0], threshold=threshold), *charter.sites[1:])
    assert refusal(lambda: charters.check(replace(charter, sites=sites))).identifier == "GEN-05"


@pytest.mark.control("SET-08")
@pytest.mark.parametrize(
    "change",
    [{"accounts": MAIN}, {"mark": "production"}, {"mark": "production", "accounts": MAIN}, {"mark": "production", "kdf": "standard"}],
)
def test_practice_and_production_do_not_mix(desk: Desk, change: dict[str, Any]) -> None:
    assert refusal(lambda: charters.check(replace(desk.charter(), **change))).identifier == "SET-08"


@pytest.mark.control("SET-08")
def test_production_wants_keys_held_by_hardware(desk: Desk) -> None:
    production = replace(desk.charter(), mark="production", accounts=MAIN, kdf="standard")
    error = refusal(lambda: charters.check(production))
    assert error.identifier == "SET-08"
    assert "cfo" in error.found
    hardware = tuple(Member(person=m.person, name=m.name, key=SoftKey(owner=m.person).text) for m in production.people)
    charters.check(replace(production, people=hardware))


@pytest.mark.control("ASM-06")
def test_user_verification_is_asked_of_security_keys_alone(desk: Desk) -> None:
    charter = desk.charter()
    asked = tuple(replace(m, verification="yes") if m.person == "cfo" else m for m in charter.people)
    with pytest.raises(Malformed, match="user verification of cfo"):
        charters.check(replace(charter, people=asked))
    hardware = tuple(replace(m, key=SoftKey(owner="cfo").text) if m.person == "cfo" else m for m in asked)
    charters.check(good := replace(charter, people=hardware))
    assert good.verified == ("cfo",)
    assert good.key("cfo") == Key(SoftKey(owner="cfo").text, verification=True)
    assert good.keys["cto"] == Key(desk.keys["cto"])


def set_field(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    place = tree
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return tree


@pytest.mark.control("SET-04")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("surprise",), "1"),
        (("site_threshold",), "03"),
        (("site_threshold",), 3),
        (("vault_minutes",), "100000"),
        (("mark",), "test"),
        (("issued",), "yesterday"),
        (("sites", 0, "letter"), "Z"),
        (("people", 0, "person"), "auditor"),
        (("people", 0, "key"), "ssh-ed25519 AAAA comment"),
        (("people", 0, "key"), "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC"),
        (("people", 0, "key"), "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQ="),
        (("people", 0, "key"), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        (("people", 0, "verification"), "no"),
        (("accounts",), []),
        (("accounts", 0, "path"), "m/84h/0h/0h"),
        (("previous",), "00" * 32),
    ],
)
def test_a_charter_has_exactly_its_form(desk: Desk, path: tuple[str | int, ...], value: Any) -> None:
    raw = canonical(set_field(encode(desk.charter()), path, value))
    assert refusal(lambda: charters.parse(raw, "charter.json")).identifier == "SET-04"


@pytest.mark.control("SET-04")
@pytest.mark.parametrize("field", ["mark", "site_threshold", "people", "hsm", "kdf"])
def test_no_field_may_be_missing(desk: Desk, field: str) -> None:
    tree = encode(desk.charter())
    del tree[field]
    assert refusal(lambda: charters.parse(canonical(tree), "charter.json")).identifier == "SET-04"


@pytest.mark.control("SET-04")
@pytest.mark.parametrize("change", [b" ", b"\n", b"\r\n"])
def test_only_the_canonical_line(desk: Desk, change: bytes) -> None:
    raw = dump(desk.charter())
    for other in (
        change + raw,
        raw + change,
        raw[:-1] + change if change != b"\n" else raw[:-1],
        raw.replace(b'"mark"', b'"mark":"practice","mark"'),
    ):
        assert refusal(lambda other=other: charters.parse(other, "charter.json")).identifier == "SET-04"  # type: ignore[misc]


def test_all_signers_sign_the_same_bytes(desk: Desk) -> None:
    charter = desk.charter()
    raw = dump(charter)
    signed = [desk.sign(p, charter, "charter@cold-ceremony") for p in SIGNERS]
    charters.verify_all(signed, raw, SIGNERS, charter, "charter@cold-ceremony")
    assert refusal(lambda: charters.verify_all(signed[1:], raw, SIGNERS, charter, "charter@cold-ceremony")).identifier == "AUD-02"
    wrong = desk.sign("cfo", replace(charter, organisation="Other"), "charter@cold-ceremony")
    assert refusal(lambda: charters.verify_all([wrong, *signed[1:]], raw, SIGNERS, charter, "charter@cold-ceremony")).identifier == "AUT-03"


@pytest.mark.control("AUT-03")
def test_no_wildcard_and_no_other_persons_key(desk: Desk) -> None:
    charter = desk.charter()
    raw, key = dump(charter), desk.keys["cfo"]
    good = desk.sign("cfo", charter, "charter@cold-ceremony")
    signatures.verify(good, raw, Key(key), "charter@cold-ceremony")
    for bad in (
        desk.sign("cfo", charter, "charter@cold-ceremony", key="cto"),
        replace(desk.sign("cfo", charter, "policy@cold-ceremony"), namespace="charter@cold-ceremony"),
        desk.sign("cfo", charter, "policy@cold-ceremony"),
    ):
        assert refusal(lambda bad=bad: signatures.verify(bad, raw, Key(key), "charter@cold-ceremony")).identifier == "AUT-03"  # type: ignore[misc]
    with pytest.raises(Malformed):
        parse_signatures(dump(good).replace(b'"cfo"', b'"*"'), "x.signatures")


@pytest.mark.control("AUT-02")
def test_nobody_signs_a_document_twice(desk: Desk, tmp_path: Path) -> None:
    charter = desk.charter()
    path = tmp_path / "charter.json"
    path.write_bytes(dump(charter))
    signature = desk.sign("cfo", charter, "charter@cold-ceremony")
    assert read_signed(path) == (dump(charter), ())
    add_signature(path, signature)
    assert read_signed(path) == (dump(charter), (signature,))
    assert refusal(lambda: add_signature(path, desk.sign("cfo", charter, "charter@cold-ceremony", key="cto"))).identifier == "AUT-02"
    with signatures_path(path).open("ab") as file:
        file.write(dump(signature))
    assert refusal(lambda: read_signed(path)).identifier == "AUT-02"


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\n", lambda raw: raw.replace(b",", b", ", 1), lambda raw: raw + b"x"]
)
def test_a_signatures_file_is_strict(desk: Desk, change: Callable[[bytes], bytes]) -> None:
    raw = dump(desk.sign("cfo", desk.charter(), "charter@cold-ceremony"))
    assert len(parse_signatures(raw, "x.signatures")) == 1
    with pytest.raises(Malformed):
        parse_signatures(change(raw), "x.signatures")
