"""The commands of the desk with security keys, offered to them by an agent: what a key does not say is refused (ASM-06)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ceremony.base import signatures, sshsig
from ceremony.base.data import Malformed, dump, load
from ceremony.base.signatures import Signature
from ceremony.cli.anywhere import members
from ceremony.record.charter import SIGNERS, Charter, Enrolment, SignedEnrolment
from ceremony.record.signed import signatures_path
from tests.cli.test_anywhere import SIGN, charter_new, draft, policy_new, refused
from tests.desk import ADDED, PEOPLE, Desk, ceremony, real
from tests.record.sample import FastDesk
from tests.soft_keys import TOUCHED, VERIFIED, Agent, SoftKey

KINDS = {"cfo": sshsig.SK_ED25519, "cto": sshsig.SK_ECDSA, "witness": sshsig.ECDSA}
"""Everybody else signs with an Ed25519 key file."""


@dataclass
class SoftDesk(FastDesk):
    """Its people sign with soft keys, here and, through the agent, in the commands."""

    soft: dict[str, SoftKey] = field(default_factory=dict)

    def new_key(self, person: str) -> Path:
        self.soft[person] = SoftKey(KINDS.get(person, sshsig.ED25519), person)
        self.keys[person] = self.soft[person].text
        return self.soft[person].put(self.folder / f"key-{person}")

    def key(self, person: str) -> Path:
        return self.folder / f"key-{person}.pub"

    def _blob(self, person: str, raw: bytes, namespace: str) -> str:
        return self.soft[person].blob(raw, namespace)

    def enrol(self, person: str, flags: int = TOUCHED, *more: str) -> Any:
        self.soft[person].flags = flags
        given = (f"--person={person}", f"--name=Person {person}", f"--key={self.key(person)}", f"-o{self.folder}/enrol-{person}.json")
        return ceremony("charter", "enrol", *given, *more)

    def handed_in(self, person: str, flags: int = TOUCHED) -> Path:
        """An enrolment that no command of ours made."""
        enrolment = Enrolment(person=person, name=f"Person {person}", key=self.keys[person], issued=ADDED)
        blob = SoftKey(self.soft[person].kind, person, flags).blob(dump(enrolment), "enrolment@cold-ceremony")
        return self.put(f"enrol-{person}.json", SignedEnrolment(enrolment=enrolment, blob=blob))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftDesk]:
    made = SoftDesk(tmp_path)
    for person in PEOPLE:
        made.handed_in(person)
    with Agent(tmp_path, made.soft.values()) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
        yield made


def made_charter(desk: Desk, *asked: str, run: Any = ceremony) -> Any:
    path = desk.folder / "charter.json"
    path.unlink(missing_ok=True)
    return charter_new(desk, path, run, **({"user-verification": list(asked)} if asked else {}))


def sign(desk: SoftDesk, person: str, *what: object, run: Any = ceremony) -> Any:
    return run(*what, f"--as={person}", f"--key={desk.key(person)}", typed=SIGN)


def test_keys_of_each_kind_sign_the_whole_way(desk: SoftDesk) -> None:
    """CFO and CTO with a security key each, the witness and everybody else with key files, of the four kinds; the CFO is verified."""
    for person in KINDS:
        (desk.folder / f"enrol-{person}.json").unlink()
        done = desk.enrol(person, VERIFIED)
        assert done.returncode == 0, done.stderr
    done = made_charter(desk, "cfo", run=real)
    assert done.returncode == 0, done.stderr
    assert "verified      at each signature, by their security keys: cfo" in done.stdout
    charter, policy, wanted = (desk.folder / f"{name}.json" for name in ("charter", "policy", "wanted"))
    assert load(Charter, charter.read_bytes(), "charter").verified == ("cfo",)
    assert "security keys of cfo verify them at each signature" in " ".join(ceremony("charter", "explain", charter).stdout.split())
    for person in SIGNERS:
        done = sign(desk, person, "charter", "sign", charter, run=real)
        assert done.returncode == 0, done.stderr
    assert policy_new(desk, policy).returncode == 0
    for person in SIGNERS:
        assert sign(desk, person, "policy", "sign", policy, f"--charter={charter}").returncode == 0
    assert draft(desk, wanted).returncode == 0
    for person in ("cfo", "cto"):
        done = sign(desk, person, "authorize", "sign", wanted, f"--charter={charter}", f"--policy={policy}")
        assert done.returncode == 0, done.stderr


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize("person", ["cfo", "cto"])
def test_no_key_is_enrolled_that_nobody_touched(desk: SoftDesk, person: str) -> None:
    path = desk.folder / f"enrol-{person}.json"
    path.unlink()
    refused(desk.enrol(person, 0), "ASM-06")
    refused(desk.enrol(person, TOUCHED, "--user-verification"), "ASM-06")
    assert not path.exists()
    assert desk.enrol(person, VERIFIED, "--user-verification").returncode == 0


@pytest.mark.control("ASM-06")
def test_a_key_file_is_not_enrolled_where_verification_is_asked(desk: SoftDesk) -> None:
    (desk.folder / "enrol-witness.json").unlink()
    refused(desk.enrol("witness", VERIFIED, "--user-verification"), "ASM-06")
    desk.handed_in("witness")
    refused(made_charter(desk, "witness"), "ASM-06")


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize("person", ["cfo", "cto"])
def test_no_charter_is_made_of_an_enrolment_that_nobody_touched(desk: SoftDesk, person: str) -> None:
    desk.handed_in(person, 0)
    refused(made_charter(desk), "ASM-06")
    desk.handed_in(person, TOUCHED)
    refused(made_charter(desk, person), "ASM-06")
    assert not (desk.folder / "charter.json").exists()
    desk.handed_in(person, VERIFIED)
    assert made_charter(desk, person).returncode == 0


@pytest.mark.control("ASM-06")
@pytest.mark.parametrize("person", ["cfo", "cto"])
def test_nothing_is_signed_that_nobody_touched(desk: SoftDesk, person: str) -> None:
    charter, policy = desk.put_charter(), desk.put_policy()
    wanted = desk.folder / "wanted.json"
    draft(desk, wanted)
    for what in (
        ("charter", "sign", charter),
        ("policy", "sign", policy, f"--charter={charter}"),
        ("authorize", "sign", wanted, f"--charter={charter}", f"--policy={policy}"),
    ):
        signed = signatures_path(what[2])  # type: ignore[arg-type]
        signed.write_bytes(b"")
        desk.soft[person].flags = 0
        refused(sign(desk, person, *what), "ASM-06")
        assert signed.read_bytes() == b""
        desk.soft[person].flags = TOUCHED
        assert sign(desk, person, *what).returncode == 0
        desk.put_charter()
        desk.put_policy()


@pytest.mark.control("ASM-06")
def test_what_was_signed_elsewhere_is_looked_at_too(desk: SoftDesk) -> None:
    """An authorization whose signature no command of ours made."""
    desk.put_charter()
    desk.put_policy()
    desk.put_confirmation()
    desk.soft["cto"].flags = 0
    desk.put_authorization()
    given = (
        f"--charter={desk.folder}/charter.json",
        f"--policy={desk.folder}/policy.json",
        f"--confirmation={desk.folder}/confirmation.json",
    )
    refused(ceremony("authorize", "check", desk.folder / "authorization.json", *given), "ASM-06")


@pytest.mark.control("ASM-06")
def test_an_amendment_asks_for_verification_and_says_so(desk: SoftDesk) -> None:
    first, made = desk.put_charter(), desk.folder / "charter-1.json"
    amend = ("charter", "amend", first, f"--enrolment={desk.folder}/enrol-cfo.json", "--user-verification=cfo")
    genesis = f"--genesis={desk.charter().digest}"
    refused(ceremony(*amend, genesis, "-o", made), "ASM-06")
    desk.handed_in("cfo", VERIFIED)
    done = ceremony(*amend, genesis, "-o", made)
    assert done.returncode == 0, done.stderr
    assert "cfo: the security key must verify them at each signature from now on" in " ".join(done.stdout.split())
    assert "is now spelled" not in done.stdout
    done = sign(desk, "cfo", "charter", "sign", made, "--against", first, genesis)  # by the charter before, which asked for a touch alone
    assert done.returncode == 0, done.stderr
    again = ceremony("charter", "amend", first, "--user-verification=cto", "--vault-minutes=30", genesis, "-o", desk.folder / "x.json")
    assert again.returncode == 2
    assert "expected people whose enrolment is given" in again.stderr


def test_whoever_is_asked_for_verification_hands_in_a_key(desk: SoftDesk) -> None:
    with pytest.raises(Malformed, match="found B2"):
        members([desk.handed_in("cfo", VERIFIED)], ["cfo", "B2"])
    (member,) = members([desk.handed_in("cfo", VERIFIED)], ["cfo"])
    assert (member.person, member.verification) == ("cfo", "yes")


def test_an_agent_signs_as_the_key_does(desk: SoftDesk) -> None:
    """What the tests' agent gives to ssh-keygen is what the soft key gives here."""
    raw = b"the same\n"
    made = signatures.sign("cfo", "policy@cold-ceremony", raw, desk.key("cfo"))
    assert made == Signature(signer="cfo", namespace="policy@cold-ceremony", blob=desk.soft["cfo"].blob(raw, "policy@cold-ceremony"))
