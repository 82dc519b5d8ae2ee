"""The real commands in processes of their own: the whole way, and each control broken once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from ceremony.base import signatures
from ceremony.base.data import canonical, dump, encode, load
from ceremony.base.lines import sha256
from ceremony.record.charter import SIGNERS, Charter, Enrolment, SignedEnrolment
from ceremony.record.charter import read as read_charter
from ceremony.record.checkpoint import statement
from ceremony.record.entries import Authorized, Opened, Signature
from ceremony.record.signed import read_signed, signatures_path
from ceremony.record.transcript import Transcript
from tests.desk import ADDED, CUSTODIANS, HEAD, NOW, OTHER, PAYEE, PEOPLE, Desk, ceremony, real
from tests.record import sample
from transfer.authorization import Authorization, Payment
from transfer.limits import Payee, Policy, written
from transfer.revocation import Revocation, check_revocation
from transfer.valuation import parse_value

TAIL = PAYEE[-8:]
SIGN = "SIGN\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("desk"))
    for person in PEOPLE:
        enrolment = Enrolment(person=person, name=f"Person {person}", key=made.keys[person], issued=ADDED)
        blob = made.sign(person, enrolment, "enrolment@cold-ceremony").blob
        made.put(f"enrol-{person}.json", SignedEnrolment(enrolment=enrolment, blob=blob))
    return made


@pytest.fixture
def good(desk: Desk) -> Desk:
    """Charter, policy, authorization and confirmation as they should be, signed."""
    desk.put_charter()
    desk.put_policy()
    desk.put_authorization()
    desk.put_confirmation()
    return desk


def charter_new(desk: Desk, output: Path, run: Callable[..., Any] = ceremony, **changes: Any) -> Any:
    options = {
        "organisation": "Desk Ltd",
        "room": "Bern, the cold room",
        "mark": "practice",
        "site": ["A:Geneva:CH:2", "B:Zurich:CH:2", "C:Oslo:NO:2", "D:Lisbon:PT:2"],
        "site-threshold": 3,
        "account": ["main:bitcoin:regtest:m/84h/1h/0h"],
        "hsm-label": "token",
        "hsm-serial": "1234",
        "hsm-manufacturer": "SoftHSM project",
        "hsm-model": "SoftHSM v2",
        "hsm-firmware": "2.6",
        "enrolments": [desk.folder / f"enrol-{person}.json" for person in PEOPLE],
        "output": output,
        **changes,
    }
    return run("charter", "new", *options.pop("enrolments"), *flags(options))


def policy_new(desk: Desk, output: Path, run: Callable[..., Any] = ceremony, **changes: Any) -> Any:
    options = {
        "charter": desk.folder / "charter.json",
        "payee": [f"exchange:{PAYEE}:Exchange: deposits"],
        "cool-off-hours": 0,
        "per-transfer": "1 BTC",
        "window-days": 7,
        "per-window": "2 BTC",
        "fee-cap": "0.001 BTC",
        "fee-rate-cap": 200_000,
        "validity-days": 14,
        "output": output,
        **changes,
    }
    return run("policy", "new", *flags(options))


def draft(desk: Desk, output: Path, run: Callable[..., Any] = ceremony, **changes: Any) -> Any:
    options = {
        "charter": desk.folder / "charter.json",
        "policy": desk.folder / "policy.json",
        "payment": f"exchange:{changes.pop('amount', '0.25 BTC')}",
        "fee-cap": "0.0005 BTC",
        "purpose": "Exchange float",
        "reference-value": "USD 25,000.00 on 2025-11-20",
        "account": "main",
        "requester": "cfo",
        "register-head": HEAD,
        "days": 7,
        "output": output,
        **changes,
    }
    return run("authorize", "draft", *flags(options))


def flags(options: dict[str, Any]) -> list[str]:
    """Options as they stand on a command line; a list repeats its option."""
    return [f"--{name}={item}" for name, value in options.items() for item in (value if isinstance(value, list) else [value])]


def on(desk: Desk) -> list[str]:
    return flags({"charter": desk.folder / "charter.json", "policy": desk.folder / "policy.json"})


def check(desk: Desk, **changes: Any) -> Any:
    options = {"confirmation": desk.folder / "confirmation.json", "genesis": desk.charter().digest, "now": NOW, **changes}
    return ceremony("authorize", "check", desk.folder / "authorization.json", *on(desk), *flags(options))


def refused(done: Any, identifier: str) -> None:
    """Exit code 1, the identifier first, and what was found, expected and to be done."""
    assert (done.returncode, done.stderr.split(" ", 1)[0]) == (1, identifier), done.stdout + done.stderr
    assert re.search(r"\n  found     .+\n  expected  .+\n  do        .+\n\Z", done.stderr, re.DOTALL)


def screen(text: str) -> list[str]:
    """The lines of a screen; each fits the terminal and is plain ASCII without colour."""
    assert text.isascii()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_the_whole_way(desk: Desk, tmp_path: Path) -> None:
    for person in PEOPLE:
        done = real(
            "charter", "enrol", f"--person={person}", f"--name=Person {person}", f"--key={desk.key(person)}", f"-o{tmp_path / person}.json"
        )
        assert done.returncode == 0, done.stderr
    charter, policy, wanted, said = (tmp_path / f"{name}.json" for name in ("charter", "policy", "authorization", "confirmation"))
    done = charter_new(desk, charter, real, enrolments=[tmp_path / f"{p}.json" for p in reversed(PEOPLE)])
    assert done.returncode == 0, done.stderr
    shown = "\n".join(screen(done.stdout.split("\n", 1)[1])).split("PRACTICE")[1:]  # the machine's page, the charter's page
    assert [len(page.splitlines()) <= 23 for page in shown] == [True] * 2
    genesis = sha256(charter.read_bytes())
    assert genesis in done.stdout
    for person in SIGNERS:
        done = real("charter", "sign", charter, f"--as={person}", f"--key={desk.key(person)}", typed=SIGN)
        assert done.returncode == 0, done.stderr
    assert real("charter", "check", charter, f"--genesis={genesis}").returncode == 0
    done = policy_new(desk, policy, real, charter=charter)
    assert done.returncode == 0, done.stderr
    for person in SIGNERS:
        done = real("policy", "sign", policy, f"--charter={charter}", f"--as={person}", f"--key={desk.key(person)}", typed=SIGN)
        assert done.returncode == 0, done.stderr
    assert real("policy", "check", policy, f"--charter={charter}", f"--genesis={genesis}").returncode == 0
    ground = [f"--charter={charter}", f"--policy={policy}"]
    done = draft(desk, wanted, real, charter=charter, policy=policy)
    assert done.returncode == 0, done.stderr
    caller = ["--as=witness", f"--key={desk.key('witness')}", "--channel=telephone, known number", "--spoken-with=Zoe", f"-o{said}"]
    done = real("authorize", "confirm", wanted, *caller, typed=f"{TAIL}\n{SIGN}")
    assert done.returncode == 0, done.stderr
    assert PAYEE[-4:] not in done.stdout.replace(" ", "")
    for person in ("cfo", "cto"):
        done = real("authorize", "sign", wanted, *ground, f"--as={person}", f"--key={desk.key(person)}", typed=SIGN)
        assert done.returncode == 0, done.stderr
    done = real("authorize", "check", wanted, *ground, f"--confirmation={said}", f"--genesis={genesis}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ANCHORED: the charter is the genesis that you named."), done.stderr
    screen(done.stdout)
    found = load(Authorization, wanted.read_bytes(), "authorization")
    assert (found.payments, found.fee_cap) == ((Payment(payee="exchange", destination=PAYEE, amount=25_000_000),), 50_000)


DEVICES = ["1050:0407:any:key:asked", "046d:c31c:any:keyboard:always", "0951:1666:60A44C413E:medium:asked"]


def test_the_cold_host_in_the_charter(desk: Desk, tmp_path: Path) -> None:
    stated = {"device": DEVICES, "boot-image": "ab" * 32, "hsm-certificate": "4321:FIPS 140-3:3"}
    done = charter_new(desk, tmp_path / "charter.json", **stated)
    assert done.returncode == 0, done.stderr
    found = read_charter(tmp_path / "charter.json")
    assert [f"{d.vendor}:{d.product}:{d.serial}:{d.what}:{d.when}" for d in found.devices] == [DEVICES[1], DEVICES[2], DEVICES[0]]
    assert (found.boot, found.hsm.firmware, found.hsm.certificate.level) == ("ab" * 32, "2.6", 3)
    for said in ("ab" * 32, "046d:c31c  keyboard always", "serial 60A44C413E", "certificate 4321, FIPS 140-3, level 3", "3 USB devices"):
        assert said in "\n".join(screen(done.stdout.split("\n", 1)[1])).replace("\n" + " " * 14, " ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": ["046d:c31c:any:mouse:always"]},
        {"device": ["046D:c31c:any:keyboard:always"]},
        {"device": ["046d:c31c:any:keyboard"]},
        {"device": [DEVICES[0], DEVICES[0]]},
        {"boot-image": "ab" * 31},
        {"hsm-certificate": "4321:FIPS 140-3:0"},
        {"hsm-certificate": "4321:none:0"},
        {"hsm-certificate": "4321:FIPS 140-4:3"},
        {"hsm-certificate": "none:none:x"},
    ],
)
def test_a_cold_host_that_cannot_be_stated_so(desk: Desk, tmp_path: Path, wrong: dict[str, Any]) -> None:
    done = charter_new(desk, tmp_path / "charter.json", **wrong)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert not (tmp_path / "charter.json").exists()


def test_one_screen_of_24_lines_in_order(good: Desk) -> None:
    done = ceremony("authorize", "show", good.folder / "authorization.json", *on(good), f"--now={NOW}")
    assert done.returncode == 0, done.stderr
    lines = screen(done.stdout)
    assert len(lines) <= 24
    labels = [line.split("  ")[0] for line in lines if line[0] != " "]
    order = ["PRACTICE", "payee", "address", "amount", "worth", "fee cap", "stays", "limits", "valid", "from", "purpose"]
    assert labels[:11] == order
    assert [line.split()[0] for line in lines[-4:]] == ["AUT-01", "AUT-04", "AUT-06", "AUT-07"]
    text = done.stdout
    for part in (
        " ".join(re.findall("....", PAYEE)),
        "0.25000000 BTC",
        "0.20 % of the amount",
        HEAD,
        good.authorization().digest,
        "signed by cfo, cto",
    ):
        assert part in text


def test_the_longest_authorization_still_fits(good: Desk) -> None:
    """A P2WSH address, two lines of address, and every text as long as `draft` takes it."""
    note, long = "x" * 40, "y" * 64
    listed = (Payee(name="p" * 20, chain="bitcoin", network="regtest", destination=OTHER, added=ADDED, note=note),)
    policy = good.policy(payees=listed)
    good.put_policy(policy)
    wanted = good.authorization(policy=policy.digest, payee="p" * 20, destination=OTHER, purpose=long)
    good.put_authorization(wanted)
    done = ceremony("authorize", "show", good.folder / "authorization.json", *on(good), f"--now={NOW}")
    assert done.returncode == 0, done.stderr
    assert len(screen(done.stdout)) <= 22  # one line for BRD-06, where a register is at hand, and one for the question


def confirm(desk: Desk, output: Path, *more: str) -> Any:
    """The witness calls the payee, who reads the address as it is."""
    caller = ["--as=witness", f"--key={desk.key('witness')}", "--channel=telephone, known number", "--spoken-with=Zoe"]
    return ceremony("authorize", "confirm", desk.folder / "authorization.json", *caller, f"-o{output}", *more, typed=f"{TAIL}\n{SIGN}")


def test_the_payee_slip_holds_the_whole_address_in_numbered_groups(good: Desk, tmp_path: Path) -> None:
    done = confirm(good, tmp_path / "confirmation.json")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "payee-slip.txt").read_text().splitlines()
    at = lines.index("payment 1  exchange")
    rows = list(takewhile(lambda line: line.startswith("  "), lines[at + 1 :]))
    found = re.findall(r"([0-9]+) (\S{1,4})(?: |$)", "".join(f"{row} " for row in rows))
    assert "".join(group for _, group in found) == PAYEE
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    text = " ".join(" ".join(lines).split())
    for part in ("0.25000000 BTC", "by witness, with Zoe", "telephone, known number", "Bring this to the ceremony"):
        assert part in text
    assert max(map(len, lines)) <= 84
    assert (tmp_path / "payee-slip.pdf").read_bytes().startswith(b"%PDF-")


def test_a_payee_slip_never_replaces_another_one(good: Desk, tmp_path: Path) -> None:
    assert confirm(good, tmp_path / "confirmation.json").returncode == 0
    before = (tmp_path / "payee-slip.txt").read_bytes()
    done = confirm(good, tmp_path / "again.json")
    assert (done.returncode, "another payee slip is there already" in done.stderr) == (2, True)
    assert "Ask them" not in done.stdout
    assert not (tmp_path / "again.json").exists()
    assert (tmp_path / "payee-slip.txt").read_bytes() == before
    done = confirm(good, tmp_path / "again.json", f"--slip={tmp_path / 'else'}")
    assert (done.returncode, "there is no such folder for the payee slip" in done.stderr) == (2, True)
    (tmp_path / "else").mkdir()
    done = confirm(good, tmp_path / "confirmation.json", f"--slip={tmp_path / 'else'}")
    assert (done.returncode, "is there already" in done.stderr, "Ask them" in done.stdout) == (2, True, False)
    assert confirm(good, tmp_path / "again.json", f"--slip={tmp_path / 'else'}").returncode == 0


@pytest.mark.control("AUT-03")
def test_a_confirmation_by_another_key_is_not_kept(good: Desk, tmp_path: Path) -> None:
    caller = ["--as=witness", f"--key={good.key('cto')}", "--channel=telephone", "--spoken-with=Zoe"]
    words = ("authorize", "confirm", good.folder / "authorization.json", *caller, f"-o{tmp_path / 'confirmation.json'}")
    refused(ceremony(*words, f"--charter={good.folder / 'charter.json'}", typed=f"{TAIL}\n{SIGN}"), "AUT-03")
    assert not list(tmp_path.iterdir())


def revoke(desk: Desk, output: Path, officer: str = "cfo", key: str = "cfo", typed: str = SIGN) -> Any:
    options = {"as": officer, "key": desk.key(key), "reason": "the payee called it off", "charter": desk.folder / "charter.json"}
    return ceremony("authorize", "revoke", desk.folder / "authorization.json", *flags(options), f"-o{output}", typed=typed)


def test_one_officer_revokes(good: Desk, tmp_path: Path) -> None:
    path = tmp_path / "revocation.json"
    done = revoke(good, path, "cto", "cto")
    assert done.returncode == 0, done.stderr
    assert len(screen(done.stdout.partition("Type SIGN")[0])) <= 22
    raw, (signature,) = read_signed(path)
    found = load(Revocation, raw, "revocation")
    assert (found.authorization, found.officer) == (good.authorization().digest, "cto")
    assert check_revocation(found, (signature,), good.charter().keys) == signature
    assert revoke(good, tmp_path / "not.json", typed="NO\n").returncode == 130
    assert not (tmp_path / "not.json").exists()


@pytest.mark.control("AUT-03")
def test_a_revocation_by_another_key_is_not_kept(good: Desk, tmp_path: Path) -> None:
    refused(revoke(good, tmp_path / "revocation.json", "cto", "A1"), "AUT-03")
    assert not list(tmp_path.iterdir())
    assert revoke(good, tmp_path / "revocation.json", "witness", "witness").returncode == 2


@pytest.mark.control("AUT-04")
def test_with_the_register_a_revoked_authorization_is_refused(good: Desk, tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", sample.Play(revoked=lambda wanted: sample.revocation(wanted.digest)), receipt=False)
    desk = sample.FastDesk(made.register)
    wanted = made.register / "0002-transfer" / "authorization.json"
    charter = good.put("charter.json", desk.charter(), [desk.sign(p, desk.charter(), "charter@cold-ceremony") for p in SIGNERS])
    policy = good.put("policy.json", desk.policy(), [desk.sign(p, desk.policy(), "policy@cold-ceremony") for p in SIGNERS])
    ground = flags({"charter": charter, "policy": policy, "now": NOW})
    assert ceremony("authorize", "show", wanted, *ground).returncode == 0
    done = ceremony("authorize", "show", wanted, *ground, f"--register={made.register}")
    refused(done, "AUT-04")
    assert "revoked by cfo" in done.stderr


def test_what_stays_comes_from_a_snapshot_that_the_key_record_proves(good: Desk, tmp_path: Path) -> None:
    made = sample.unfinished(tmp_path / "register")
    desk = sample.FastDesk(made.register, officers_approve="yes")
    charter = good.put("charter.json", desk.charter(), [desk.sign(p, desk.charter(), "charter@cold-ceremony") for p in SIGNERS])
    policy = good.put("policy.json", desk.policy(), [desk.sign(p, desk.policy(), "policy@cold-ceremony") for p in SIGNERS])
    folder = made.register / "0002-transfer"
    snapshot, key_record = folder / "snapshot.json", made.register / "0001-keygen" / "key-record.json"
    show = ("authorize", "show", folder / "authorization.json", *flags({"charter": charter, "policy": policy, "now": NOW}))
    for known in (f"--register={made.register}", f"--key-record={key_record}"):
        done = ceremony(*show, f"--snapshot={snapshot}", known)
        assert done.returncode == 0, done.stderr
        assert "stays         0.14950000 BTC or more, of 0.40000000 in 2 coin(s), block 120" in screen(done.stdout)
        assert len(screen(done.stdout)) <= 24
    done = ceremony(*show, f"--snapshot={snapshot}")
    assert (done.returncode, "needs the key record" in done.stderr) == (2, True)
    lying = tmp_path / "lying.json"
    lying.write_bytes(snapshot.read_bytes().replace(b'"units":"20000000"', b'"units":"90000000"', 1))
    refused(ceremony(*show, f"--snapshot={lying}", known), "TXN-09")


@pytest.mark.control("AUD-09")
def test_without_the_genesis_from_outside_nothing_is_proven(good: Desk) -> None:
    charter = good.folder / "charter.json"
    for done in (
        ceremony("charter", "check", charter),
        ceremony("policy", "check", good.folder / "policy.json", f"--charter={charter}"),
        ceremony(
            "authorize",
            "check",
            good.folder / "authorization.json",
            *on(good),
            f"--confirmation={good.folder}/confirmation.json",
            f"--now={NOW}",
        ),
    ):
        assert done.returncode == 3, done.stderr
        assert done.stderr.startswith("NOT ANCHORED\n")
    for done in (real("charter", "check", charter, f"--genesis={HEAD}"), check(good, genesis=HEAD)):
        refused(done, "AUD-09")


@pytest.mark.control("SET-04")
@pytest.mark.parametrize("change", [{"surprise": "1"}, {"vault_minutes": "9999"}, {"kdf": "none"}, {"mark": None}])
def test_a_charter_of_another_form(good: Desk, change: dict[str, str | None]) -> None:
    tree = {name: value for name, value in {**encode(good.charter()), **change}.items() if value is not None}
    path = good.put("charter.json", canonical(tree))
    refused(ceremony("charter", "check", path), "SET-04")
    refused(ceremony("charter", "sign", path, "--as=cfo", f"--key={good.key('cfo')}", typed=SIGN), "SET-04")
    refused(check(good), "SET-04")


@pytest.mark.control("SET-04")
@pytest.mark.parametrize("change", [{"surprise": "1"}, {"window_days": "0"}, {"per_transfer": None}])
def test_a_policy_of_another_form(good: Desk, change: dict[str, str | None]) -> None:
    tree = {name: value for name, value in {**encode(good.policy()), **change}.items() if value is not None}
    path = good.put("policy.json", canonical(tree))
    refused(ceremony("policy", "check", path, f"--charter={good.folder}/charter.json"), "SET-04")
    refused(check(good), "SET-04")


@pytest.mark.control("SET-05")
def test_a_person_in_two_roles(desk: Desk, tmp_path: Path) -> None:
    enrolment = Enrolment(person="cto", name="Person  CFO", key=desk.keys["cto"], issued=ADDED)
    twice = desk.put("twice.json", SignedEnrolment(enrolment=enrolment, blob=desk.sign("cto", enrolment, "enrolment@cold-ceremony").blob))
    others = [desk.folder / f"enrol-{person}.json" for person in PEOPLE if person != "cto"]
    refused(charter_new(desk, tmp_path / "charter.json", enrolments=[*others, twice]), "SET-05")
    assert not list(tmp_path.iterdir())


@pytest.mark.control("SET-05")
def test_a_key_of_two_people(desk: Desk, tmp_path: Path) -> None:
    enrolment = Enrolment(person="cto", name="Person cto", key=desk.keys["cfo"], issued=ADDED)
    twice = desk.put(
        "twice.json", SignedEnrolment(enrolment=enrolment, blob=desk.sign("cto", enrolment, "enrolment@cold-ceremony", key="cfo").blob)
    )
    others = [desk.folder / f"enrol-{person}.json" for person in PEOPLE if person != "cto"]
    refused(charter_new(desk, tmp_path / "charter.json", enrolments=[*others, twice]), "SET-05")


@pytest.mark.control("SET-05")
def test_a_missing_role(desk: Desk, tmp_path: Path) -> None:
    refused(
        charter_new(desk, tmp_path / "charter.json", enrolments=[desk.folder / f"enrol-{p}.json" for p in (*CUSTODIANS, "cfo", "cto")]),
        "SET-05",
    )


@pytest.mark.control("AUT-03")
def test_an_enrolment_needs_the_private_key(desk: Desk, tmp_path: Path) -> None:
    enrolment = Enrolment(person="cto", name="Person cto", key=desk.keys["cto"], issued=ADDED)
    stolen = desk.put(
        "stolen.json", SignedEnrolment(enrolment=enrolment, blob=desk.sign("cto", enrolment, "enrolment@cold-ceremony", key="cfo").blob)
    )
    others = [desk.folder / f"enrol-{person}.json" for person in PEOPLE if person != "cto"]
    refused(charter_new(desk, tmp_path / "charter.json", enrolments=[*others, stolen]), "AUT-03")


@pytest.mark.control("STO-08")
def test_a_jurisdiction_that_could_compel_a_quorum(desk: Desk, tmp_path: Path) -> None:
    sites = ["A:Geneva:CH:2", "B:Zurich:CH:2", "C:Basel:CH:2", "D:Lisbon:PT:2"]
    refused(charter_new(desk, tmp_path / "charter.json", site=sites), "STO-08")


def test_officers_may_except_a_jurisdiction_in_the_charter_that_they_sign(desk: Desk, tmp_path: Path) -> None:
    sites = ["A:Geneva:CH:2", "B:Zurich:CH:2", "C:Basel:CH:2", "D:Lisbon:PT:2"]
    form = ("--exception", "STO-08", "at most two sites in one country", "a third vault in CH", "D moves to NO by March; cover is bought")

    def new(*words: str) -> Any:
        return ceremony(*words, *form)

    done = charter_new(desk, tmp_path / "charter.json", new, site=sites)
    assert done.returncode == 0, done.stderr
    assert "EXC. STO-08" in done.stdout
    explained = " ".join(ceremony("charter", "explain", tmp_path / "charter.json").stdout.split())
    assert "makes an exception to STO-08. Expected: at most two sites in one country." in explained


@pytest.mark.parametrize(("scheme", "said"), [("gf256", "it is 24 words"), ("slip39", "There are no 24 words")])
def test_the_scheme_is_chosen_in_the_charter(desk: Desk, tmp_path: Path, scheme: str, said: str) -> None:
    done = charter_new(desk, tmp_path / "charter.json", scheme=scheme)
    assert done.returncode == 0, done.stderr
    assert f"{scheme}, KDF standard" in done.stdout
    explained = " ".join(ceremony("charter", "explain", tmp_path / "charter.json").stdout.split())
    assert f"(scheme {scheme})" in explained
    assert said in explained
    assert charter_new(desk, tmp_path / "other.json", scheme="rot13").returncode == 2


@pytest.mark.control("GEN-05")
@pytest.mark.parametrize(
    "change", [{"site-threshold": 1}, {"site-threshold": 5}, {"site": ["A:a:CH:1", "B:b:CH:2", "C:c:NO:2", "D:d:PT:2"]}]
)
def test_a_threshold_that_protects_nothing(desk: Desk, tmp_path: Path, change: dict[str, Any]) -> None:
    refused(charter_new(desk, tmp_path / "charter.json", **change), "GEN-05")


@pytest.mark.control("SET-08")
@pytest.mark.parametrize(
    "change",
    [
        {"account": ["main:bitcoin:main:m/84h/0h/0h"]},
        {"mark": "production"},
        {"mark": "production", "account": ["main:bitcoin:main:m/84h/0h/0h"]},
    ],
)
def test_practice_and_production_do_not_mix(desk: Desk, tmp_path: Path, change: dict[str, Any]) -> None:
    refused(charter_new(desk, tmp_path / "charter.json", **change), "SET-08")


@pytest.mark.control("SET-08")
def test_a_policy_of_the_other_kind(good: Desk) -> None:
    good.put_policy(good.policy(mark="production"))
    refused(check(good), "SET-08")


@pytest.mark.control("AUD-02")
def test_a_charter_or_policy_that_not_all_have_signed(good: Desk) -> None:
    good.put_charter(signers=("cfo", "cto"))
    refused(check(good), "AUD-02")
    good.put_charter()
    good.put_policy(signers=("cfo", "witness"))
    refused(check(good), "AUD-02")


@pytest.mark.control("AUT-01")
@pytest.mark.parametrize(
    ("field", "value", "identifier"),
    [
        ("mark", "production", "AUT-01"),
        ("genesis", HEAD, "AUT-01"),
        ("charter", HEAD, "AUT-01"),
        ("policy", HEAD, "AUT-01"),
        ("network", "main", "AUT-01"),
        ("account", "other", "AUT-01"),
        ("payee", "other", "AUT-06"),
        ("destination", OTHER, "AUT-06"),
        ("amount", 100_000_001, "AUT-07"),
        ("fee_cap", 100_001, "AUT-07"),
        ("not_before", "2026-11-21T09:00:00Z", "AUT-04"),
        ("expires", "2026-11-20T09:00:00Z", "AUT-04"),
        ("requester", "witness", "AUT-08"),
        ("amount", 25_000_001, "AUT-08"),
        ("register_head", "cd" * 32, "AUT-08"),
        ("identifier", "t-2", "AUT-08"),
        ("purpose", "Other", "AUT-08"),
        ("reference_value", parse_value("USD 1.00 on 2025-11-20", NOW), "AUT-08"),
    ],
)
def test_every_bound_field_signed_anew_is_still_caught(good: Desk, field: str, value: Any, identifier: str) -> None:
    """Even if both officers sign the changed bytes: charter, policy, clock and confirmation hold it."""
    good.put_authorization(good.authorization(**{field: value}))
    refused(check(good), identifier)


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize(
    ("field", "value"), [("amount", 25_000_001), ("destination", OTHER), ("register_head", "cd" * 32), ("expires", "2026-11-27T09:00:00Z")]
)
def test_an_altered_authorization_has_no_signature(good: Desk, field: str, value: Any) -> None:
    (good.folder / "authorization.json").write_bytes(dump(good.authorization(**{field: value})))
    refused(check(good), "AUT-03")


@pytest.mark.control("AUT-02")
def test_an_officer_is_missing(good: Desk) -> None:
    for signers in (("cfo",), ("cto",), ()):
        good.put_authorization(signers=signers)
        refused(check(good), "AUT-02")


@pytest.mark.control("AUT-02")
def test_the_same_officer_twice(good: Desk) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    wanted = good.authorization(not_before=written(start), expires=written(start + timedelta(days=7)))
    path = good.put_authorization(wanted, signers=("cfo",))
    arguments = ("authorize", "sign", path, *on(good), "--as=cfo", f"--key={good.key('cfo')}")
    before = signatures_path(path).read_bytes()
    done = ceremony(*arguments, typed=SIGN)
    refused(done, "AUT-02")
    assert signatures_path(path).read_bytes() == before
    signatures_path(path).write_bytes(before + before)
    refused(check(good), "AUT-02")


@pytest.mark.control("AUT-03")
def test_a_signature_of_another_kind_or_of_anybody(good: Desk) -> None:
    wanted = good.authorization()
    cfo = good.sign("cfo", wanted, "authorization@cold-ceremony")
    wrong = good.sign("cto", wanted, "approval@cold-ceremony")
    for bad in (
        wrong,
        replace(wrong, namespace="authorization@cold-ceremony"),
        good.sign("cto", wanted, "authorization@cold-ceremony", key="A1"),
    ):
        good.put("authorization.json", wanted, [cfo, bad])
        refused(check(good), "AUT-03")
    path = good.put_authorization()
    signed = signatures_path(path).read_bytes()
    signatures_path(path).write_bytes(signed.replace(b'"signer":"cto"', b'"signer":"*"'))
    assert check(good).returncode == 2


@pytest.mark.control("AUT-03")
def test_nobody_signs_with_the_key_of_another(good: Desk, tmp_path: Path) -> None:
    path = good.put_charter(signers=())
    refused(ceremony("charter", "sign", path, "--as=cfo", f"--key={good.key('cto')}", typed=SIGN), "AUT-03")
    assert read_signed(path)[1] == ()


@pytest.mark.control("AUT-04")
@pytest.mark.parametrize("now", ["2026-11-19T08:59:59Z", "2026-11-26T09:00:01Z"])
def test_expired_or_not_yet_valid(good: Desk, now: str) -> None:
    refused(check(good, now=now), "AUT-04")
    done = ceremony("authorize", "show", good.folder / "authorization.json", *on(good), f"--now={now}")
    refused(done, "AUT-04")
    assert "AUT-04  REFUSED" in done.stdout
    assert "AUT-07  held" in done.stdout


@pytest.mark.control("AUT-06")
def test_a_new_destination_waits(good: Desk, tmp_path: Path) -> None:
    policy = good.policy(cool_off_hours=24 * 20)
    good.put_policy(policy)
    good.put_authorization(good.authorization(policy=policy.digest))
    refused(check(good), "AUT-06")
    assert policy_new(good, tmp_path / "new.json", **{"cool-off-hours": 48}).returncode == 0
    made = load(Policy, (tmp_path / "new.json").read_bytes(), "policy")
    good.put_policy(made)
    refused(draft(good, tmp_path / "authorization.json"), "AUT-06")
    assert not (tmp_path / "authorization.json").exists()


@pytest.mark.control("AUT-06")
def test_a_later_policy_keeps_dates_and_cannot_be_dated_back(good: Desk, tmp_path: Path) -> None:
    previous, charter = good.folder / "policy.json", good.folder / "charter.json"
    done = policy_new(good, tmp_path / "next.json", previous=previous, payee=[f"exchange:{PAYEE}:Exchange", f"b:{OTHER}:Second"])
    assert done.returncode == 0, done.stderr
    made = load(Policy, (tmp_path / "next.json").read_bytes(), "policy")
    assert [p.added for p in made.payees] == [ADDED, made.issued]
    path = good.put_policy(made, name="next.json")
    genesis = f"--genesis={good.charter().digest}"
    assert ceremony("policy", "check", path, f"--charter={charter}", f"--previous={previous}", genesis).returncode == 0
    assert ceremony("policy", "check", path, f"--charter={charter}", genesis).returncode == 2
    forged = replace(made, payees=(made.payees[0], replace(made.payees[1], added=ADDED)))
    path = good.put_policy(forged, name="next.json")
    refused(ceremony("policy", "check", path, f"--charter={charter}", f"--previous={previous}", genesis), "AUT-06")


@pytest.mark.control("AUT-07")
@pytest.mark.parametrize("change", [{"amount": "1.00000001 BTC"}, {"fee-cap": "0.00100001 BTC"}, {"days": 15}, {"amount": "0 BTC"}])
def test_limits_hold_when_drafting(good: Desk, tmp_path: Path, change: dict[str, Any]) -> None:
    assert policy_new(good, tmp_path / "policy.json").returncode == 0
    good.put_policy(load(Policy, (tmp_path / "policy.json").read_bytes(), "policy"))
    at_limit = {"amount": "1 BTC", "fee-cap": "0.001 BTC", "days": 14}
    assert draft(good, tmp_path / "good.json", **at_limit).returncode == 0
    refused(draft(good, tmp_path / "bad.json", **{**at_limit, **change}), "AUT-07")


def register(desk: Desk, charter: Charter, folder: Path, amount: int) -> Path:
    """A register in which one transfer of this amount was granted two days ago."""
    first = folder / "register" / "0001-transfer"
    first.parent.mkdir(parents=True)
    transcript = Transcript.create(first, charter.digest)
    opened = Opened(
        kind="transfer",
        mark="practice",
        ceremony=1,
        genesis=charter.digest,
        script=HEAD,
        newest=0,
        tool="cold-ceremony 0",
        commit="none",
        run_key=transcript.key.public,
        signers=("witness",),
        watches=(),
    )
    granted = Authorized(
        authorization=HEAD,
        identifier="t-1",
        payments=(Payment(payee="exchange", destination=PAYEE, amount=amount),),
        fee_cap=1,
        replaces=(),
    )
    (first / "charter.json").write_bytes(dump(charter))
    transcript.append("tool", opened, "2026-11-18T09:30:00Z")
    text = statement(transcript.state, charter.digest).text
    signed = signatures.sign("witness", "checkpoint@cold-ceremony", text.encode(), desk.key("witness"))
    said = Signature(namespace="checkpoint@cold-ceremony", purpose="run", text=text, blob=signed.blob)
    transcript.append("witness", said, "2026-11-18T09:30:00Z")
    transcript.append("tool", granted, "2026-11-18T09:30:00Z")
    return first.parent


@pytest.mark.control("AUT-07")
def test_the_window_is_counted_from_the_register(good: Desk, tmp_path: Path) -> None:
    show = ("authorize", "show", good.folder / "authorization.json", *on(good), f"--now={NOW}")
    spent = register(good, good.charter(), tmp_path, 175_000_000)
    done = ceremony(*show, f"--register={spent}")
    assert done.returncode == 0, done.stderr
    assert "7 days: 1.75000000 before, 2.00000000 after, of 2.00000000 BTC" in done.stdout
    assert len(screen(done.stdout)) <= 24
    more = register(good, good.charter(), tmp_path / "more", 175_000_001)
    refused(ceremony(*show, f"--register={more}"), "AUT-07")
    refused(check(good, register=more), "AUT-07")


@pytest.mark.control("AUD-09")
def test_a_register_of_another_genesis_counts_nothing(good: Desk, tmp_path: Path) -> None:
    refused(check(good, register=register(good, good.charter(organisation="Other"), tmp_path, 1)), "AUD-09")


@pytest.mark.control("AUT-08")
def test_the_payee_reads_another_address(good: Desk, tmp_path: Path) -> None:
    said = tmp_path / "confirmation.json"
    caller = ["--as=witness", f"--key={good.key('witness')}", "--channel=telephone", "--spoken-with=Zoe", f"-o{said}"]
    for typed in ("00000000", TAIL[1:], "", PAYEE, TAIL[::-1]):
        done = ceremony("authorize", "confirm", good.folder / "authorization.json", *caller, typed=f"{typed}\n{SIGN}")
        assert done.returncode in (1, 130)
        if typed:
            refused(done, "AUT-08")
        assert TAIL not in done.stdout + done.stderr or TAIL in typed
        assert not said.exists()
    spaced = f"{TAIL[:4].upper()} {TAIL[4:].upper()}"
    assert ceremony("authorize", "confirm", good.folder / "authorization.json", *caller, typed=f"{spaced}\n{SIGN}").returncode == 0


@pytest.mark.control("AUT-08")
def test_the_requester_does_not_call_the_payee(good: Desk, tmp_path: Path) -> None:
    caller = ["--as=cfo", f"--key={good.key('cfo')}", "--channel=telephone", "--spoken-with=Zoe", f"-o{tmp_path}/c.json"]
    refused(ceremony("authorize", "confirm", good.folder / "authorization.json", *caller, typed=f"{TAIL}\n{SIGN}"), "AUT-08")
    wanted = good.authorization()
    good.put_confirmation(good.confirmation(wanted, checker="cfo"))
    refused(check(good), "AUT-08")
    good.put_confirmation(good.confirmation(wanted), signer="cto")
    refused(check(good), "AUT-08")
    good.put_confirmation(good.confirmation(wanted, amount=1))
    refused(check(good), "AUT-08")
    good.put("confirmation.json", good.confirmation(wanted))
    refused(check(good), "AUT-08")


@pytest.mark.control("AUT-03")
def test_what_is_badly_signed_is_never_shown(good: Desk) -> None:
    wanted = good.authorization()
    good.put("authorization.json", wanted, [good.sign("cfo", wanted, "authorization@cold-ceremony", key="cto")])
    done = ceremony("authorize", "show", good.folder / "authorization.json", *on(good), f"--now={NOW}")
    refused(done, "AUT-03")
    assert done.stdout == ""


@pytest.mark.parametrize("word", ["sign", "yes", "y", "SIGN it", ""])
def test_any_other_word_signs_nothing(good: Desk, word: str) -> None:
    path = good.put_charter(signers=())
    done = ceremony("charter", "sign", path, "--as=cfo", f"--key={good.key('cfo')}", typed=word + "\n")
    assert done.returncode == 130
    assert not signatures_path(path).exists()


@pytest.mark.parametrize("amount", ["0.25", "1,000 BTC", "0.123456789 BTC", "-1 BTC", "0.25 EUR"])
def test_amounts_that_are_not_exact(good: Desk, tmp_path: Path, amount: str) -> None:
    done = draft(good, tmp_path / "a.json", amount=amount)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_wrong_files_and_words_are_explained(good: Desk, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(good.folder / "charter.json")
    garbage = tmp_path / "garbage.json"
    garbage.write_bytes(b"\xff\x00")
    authorization = good.folder / "authorization.json"
    for done in (
        ceremony("charter", "check", tmp_path / "nothing.json"),
        ceremony("charter", "check", tmp_path / "link.json"),
        ceremony("charter", "sign", good.folder / "charter.json", "--as=A1", f"--key={good.key('A1')}"),
        ceremony("charter", "enrol", "--person=chef", "--name=x", f"--key={good.key('A1')}", f"-o{tmp_path}/e.json"),
        ceremony("charter", "enrol", "--person=A1", "--name=Zo\u00eb", f"--key={good.key('A1')}", f"-o{tmp_path}/e.json"),
        ceremony("charter", "enrol", "--person=A1", "--name=x", f"--key={tmp_path}/none", f"-o{tmp_path}/e.json"),
        charter_new(good, tmp_path / "c.json", enrolments=[garbage]),
        charter_new(good, tmp_path / "c.json", site=["A:Geneva"]),
        charter_new(good, tmp_path / "c.json", site=["A:Geneva:CH:two"]),
        charter_new(good, good.folder / "charter.json"),
        policy_new(good, tmp_path / "p.json", payee=["exchange"]),
        policy_new(good, tmp_path / "p.json", payee=[f"exchange:{PAYEE}:{'x' * 41}"]),
        draft(good, tmp_path / "a.json", payment="nobody:1 BTC"),
        draft(good, tmp_path / "a.json", account="nothing"),
        draft(good, tmp_path / "a.json", requester="A9"),
        draft(good, tmp_path / "a.json", purpose="x" * 65),
        draft(good, tmp_path / "a.json", **{"register-head": "abc"}),
        ceremony("authorize", "show", garbage, *on(good)),
        ceremony("authorize", "show", authorization, *on(good), "--now=2026-02-31T00:00:00Z"),
        check(good, confirmation=good.folder / "none.json"),
    ):
        assert done.returncode == 2, (done.args, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


def test_the_charter_shows_whose_key_is_whose(good: Desk) -> None:
    done = ceremony("charter", "check", good.folder / "charter.json", "--keys", f"--genesis={good.charter().digest}")
    assert done.returncode == 0
    assert len(re.findall(r"^\S+ +SHA256:\S{43}$", done.stdout, re.MULTILINE)) == len(PEOPLE)


def test_a_made_charter_is_the_one_that_was_asked_for(desk: Desk, tmp_path: Path) -> None:
    done = charter_new(
        desk, tmp_path / "charter.json", **{"kdf": "strong", "vault-minutes": 45, "officers-approve": "yes", "pin-halves": "yes"}
    )
    assert done.returncode == 0, done.stderr
    made = load(Charter, (tmp_path / "charter.json").read_bytes(), "charter")
    assert made == replace(desk.charter(), issued=made.issued, kdf="strong", vault_minutes=45, officers_approve="yes", pin_halves="yes")
    assert "able to freeze the funds: CH" in done.stdout
