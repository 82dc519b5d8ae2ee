"""Later charters and policies at the command line: made, explained, signed as the predecessor demands, given as a chain; yes or no."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ceremony.base.data import dump
from ceremony.cli import papers
from ceremony.record.chain import Succession
from ceremony.record.charter import SIGNERS, Charter
from ceremony.record.policy import Policy
from ceremony.screen.explain import charter_difference, charter_explained, policy_difference, policy_explained
from tests.desk import NOW, OTHER, PAYEE, Desk, ceremony
from tests.record.amended import QUORUM, SUCCESSORS, Office
from transfer.limits import Payee

Done = subprocess.CompletedProcess[str]


def refused(done: Done, identifier: str) -> Done:
    assert (done.returncode, done.stderr.split(" ")[0]) == (1, identifier), done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("desk"))
    made.put_charter()
    made.put_policy()
    return made


def genesis(desk: Desk) -> str:
    return f"--genesis={desk.charter().digest}"


def later(desk: Desk, **changes: Any) -> Charter:
    return replace(desk.charter(), number=1, previous=desk.charter().digest, **{"vault_minutes": 30, **changes})


def put(desk: Desk, charter: Charter, signers: Sequence[str] = SIGNERS) -> Path:
    return desk.put(f"charter-{charter.number}.json", charter, [desk.sign(p, charter, "charter@cold-ceremony") for p in signers])


def policy_1(desk: Desk, **changes: Any) -> Policy:
    before = desk.policy()
    return replace(before, number=1, previous=before.digest, issued=NOW, **changes)


def check(desk: Desk, *later_: Path, given: str = "") -> Done:
    first = desk.folder / "charter.json"
    return ceremony(
        "charter", "check", later_[-1], "--against", first, *(w for p in later_[:-1] for w in ("--against", p)), given or genesis(desk)
    )


# --- the charter -----------------------------------------------------------------------------------------------------------


@pytest.mark.control("STO-08")
def test_a_charter_explains_itself(desk: Desk) -> None:
    done = ceremony("charter", "explain", desk.folder / "charter.json")
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    for sentence in (
        "Money moves only when 6 custodians or more come together: any 3 of the 4 sites must open",
        "A Geneva, CH: any 2 of A1 Person A1, A2 Person A2, A3 Person A3",
        "No country alone can compel a quorum.",
        "Acting together, CH and NO, or CH and PT could.",
        "CH alone could freeze the funds: without its sites no quorum is left.",
        "Person cfo (cfo) and Person cto (cto) authorize each transfer, both of them, within the policy. Neither opens a share.",
        "A lost witness is replaced by nobody",
        "The key holds the account main: bitcoin, regtest network, m/84h/1h/0h.",
        "No share is open longer than 60 minutes.",
    ):
        assert sentence in said, sentence
    assert max(len(line) for line in done.stdout.splitlines()) <= 78


def test_an_amendment_is_told_sentence_by_sentence(desk: Desk) -> None:
    before = desk.charter()
    people = tuple(replace(m, name="Zoe Zander", key=desk.keys["witness"]) if m.person == "A1" else m for m in before.people)
    after = later(desk, people=people, hsm=replace(before.hsm, serial="9999"), officers_approve="yes")
    said = " ".join(" ".join(charter_difference(before, after)).split())
    for sentence in (
        "A1: Person A1 is replaced by Zoe Zander. Key SHA256:",
        "Reshare, or a new key?",
        "HSM, serial: 1234 becomes 9999.",
        "vault minutes: 60 becomes 30.",
        "officers approve: no becomes yes.",
        "Everything else stays as in charter 0.",
    ):
        assert sentence in said, sentence
    assert all(len(line) <= 78 for line in (*charter_difference(before, after), *charter_explained(after)))


def test_a_charter_is_amended_signed_and_checked(desk: Desk, tmp_path: Path) -> None:
    new, made = tmp_path / "id", tmp_path / "charter-1.json"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(new)], check=True)
    enrolment = tmp_path / "enrolment.json"
    assert ceremony("charter", "enrol", "--person", "B2", "--name", "Person B2", "--key", new, "-o", enrolment).returncode == 0
    first, against = desk.folder / "charter.json", ("--against", desk.folder / "charter.json")
    done = ceremony("charter", "amend", first, "--enrolment", enrolment, "--vault-minutes", 45, genesis(desk), "-o", made)
    assert done.returncode == 0, done.stderr
    assert "B2: Person B2 signs with another key." in done.stdout
    for person in SIGNERS:
        done = ceremony("charter", "sign", made, "--as", person, "--key", desk.key(person), *against, genesis(desk), typed="SIGN\n")
        assert done.returncode == 0, done.stderr
        assert "what changes against charter 0" in done.stdout
        assert "in plain English" in done.stdout
    done = check(desk, made)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ANCHORED: the charter is the genesis that you named.")
    assert ceremony("charter", "check", made).returncode == 1  # alone it proves nothing: STO-07
    assert ceremony("charter", "sign", made, "--as", "cfo", "--key", desk.key("cfo"), typed="SIGN\n").returncode == 2
    assert ceremony("charter", "sign", made, "--as", "A1", "--key", desk.key("A1"), *against, genesis(desk), typed="SIGN\n").returncode == 2
    refused(check(desk, made, given=f"--genesis={'ab' * 32}"), "AUD-09")


@pytest.mark.control("STO-07")
@pytest.mark.parametrize("missing", SIGNERS)
def test_a_charter_that_not_all_signed_is_refused(desk: Desk, missing: str) -> None:
    refused(check(desk, put(desk, later(desk), [p for p in SIGNERS if p != missing])), "STO-07")


@pytest.mark.control("STO-07")
def test_nobody_amends_what_the_key_stands_on(desk: Desk) -> None:
    before = desk.charter()
    for change in (
        {"organisation": "Another Desk"},
        {"accounts": (replace(before.accounts[0], name="renamed"),)},
        {"vault_minutes": 60},
    ):
        refused(check(desk, put(desk, later(desk, **change))), "STO-07")


@pytest.mark.parametrize("change", ["path", "more", "scheme"])
def test_what_only_the_next_key_is_made_for_may_change(desk: Desk, change: str) -> None:
    """The key that exists keeps its scheme and its paths; it is swept to the same account of the next one."""
    (main,) = desk.charter().accounts
    moved = replace(main, path="m/84h/1h/1h")
    changes: dict[str, dict[str, object]] = {
        "path": {"accounts": (moved,)},
        "more": {"accounts": (main, replace(moved, name="reserve"))},
        "scheme": {"scheme": "slip39"},
    }
    done = check(desk, put(desk, later(desk, **changes[change])))
    assert done.returncode == 0, done.stderr


def test_an_amendment_for_the_next_key_says_what_it_means(desk: Desk, tmp_path: Path) -> None:
    first, made = desk.folder / "charter.json", tmp_path / "charter-1.json"
    moved = ("--account", "main:bitcoin:regtest:m/84h/1h/1h")
    done = ceremony("charter", "amend", first, "--scheme", "slip39", *moved, genesis(desk), "-o", made)
    assert done.returncode == 0, done.stderr
    assert "only a new key is made for these" in " ".join(done.stdout.split())


def test_charters_may_be_given_in_any_order(desk: Desk) -> None:
    first, second = desk.folder / "charter.json", put(desk, later(desk))
    policy = desk.folder / "policy.json"
    for given in ((first, second), (second, first)):
        done = ceremony("policy", "check", policy, *(w for path in given for w in ("--charter", path)), genesis(desk))
        assert done.returncode == 0, done.stderr
    refused(ceremony("policy", "check", policy, "--charter", second, genesis(desk)), "STO-07")
    refused(ceremony("policy", "check", policy, "--charter", first, "--charter", second, "--charter", second, genesis(desk)), "STO-07")


# --- the policy ------------------------------------------------------------------------------------------------------------


def test_a_policy_explains_itself_with_exact_amounts(desk: Desk) -> None:
    done = ceremony("policy", "explain", desk.folder / "policy.json")
    said = " ".join(done.stdout.split())
    for sentence in (
        "Money can go to 1 payee and to nobody else:",
        "exchange (Exchange), on the regtest network, from 2026-11-03T09:00:00Z at the earliest, at",
        "bcrt 1qw5 08d6 qejx tdg4 y5r3 zarv ary0 c5xw 7kyg t080",
        "can be paid 2 days after the end of the ceremony that takes in the policy which first lists it, not before.",
        "One transfer pays at most 1.00000000 BTC, all its payments together, without its fee. 1.00000001 BTC is refused.",
        "All transfers of any 7 days together pay at most 2.00000000 BTC. 2.00000001 BTC is refused",
        "at most 0.00100000 BTC, and at most 200 sat/vB.",
    ):
        assert sentence in said, sentence
    assert max(len(line) for line in done.stdout.splitlines()) <= 78
    assert "NO cool-off" in " ".join(policy_explained(replace(desk.policy(), cool_off_hours=0)))


def test_a_policy_is_shown_as_what_it_changes_before_it_is_signed(desk: Desk) -> None:
    other = Payee(name="second", chain="bitcoin", network="regtest", destination=OTHER, added=NOW, note="A second one")
    wanted = policy_1(desk, payees=(*desk.policy().payees, other), per_transfer=150_000_000, cool_off_hours=72)
    path = desk.put("policy-1.json", wanted)
    given = ("--as", "cfo", "--key", desk.key("cfo"), "--charter", desk.folder / "charter.json", genesis(desk))
    assert ceremony("policy", "sign", path, *given, typed="SIGN\n").returncode == 2  # the one before it is missing
    done = ceremony("policy", "sign", path, *given, "--previous", desk.folder / "policy.json", typed="no\n")
    said = " ".join(done.stdout.split())
    for sentence in (
        "NEW PAYEE second (A second one), from 2026-11-23T09:30:00Z at the earliest, at",
        "the most of one transfer: 1.00000000 BTC becomes 1.50000000 BTC (this allows MORE than before, when the cool-off is over).",
        "the cool-off, in hours: 48 becomes 72 (this allows less than before, at once).",
        "Everything else stays as in policy 0.",
    ):
        assert sentence in said, sentence
    moved = replace(desk.policy().payees[0], destination=OTHER, added=NOW)
    assert "ANOTHER ADDRESS" in " ".join(policy_difference(desk.policy(), policy_1(desk, payees=(moved,))))
    assert PAYEE[-4:] in " ".join(policy_difference(desk.policy(), policy_1(desk, payees=(moved,))))


@pytest.mark.control("AUT-07")
def test_a_policy_says_yes_or_no_to_an_authorization(desk: Desk) -> None:
    papers_ = ("--charter", desk.folder / "charter.json", genesis(desk), "--now", NOW)
    wanted = desk.put_authorization()
    done = ceremony("policy", "check", desk.folder / "policy.json", *papers_, "--against", wanted)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "Without --register nothing that was spent before is counted here.",
        "YES: this policy lets it pass.",
    ]
    tight = replace(desk.policy(), per_transfer=1_000_000)
    path = desk.put_policy(tight, name="tight.json")
    done = ceremony("policy", "check", path, *papers_, "--against", wanted)
    assert done.returncode == 1
    told = next(line for line in done.stdout.splitlines() if line.startswith("AUT-07"))
    assert told.startswith("AUT-07  REFUSED")
    assert "policy's limit" in told
    why = done.stdout.partition("AUT-07 the sum")[2].splitlines()
    assert [line.split()[0] for line in why[1:4]] == ["found", "expected", "do"]  # why, and not only that
    assert done.stdout.splitlines()[-1].startswith("NO: this policy refuses it")
    done = ceremony("policy", "check", desk.folder / "policy.json", *papers_[:3], "--now", "2026-12-20T09:00:00Z", "--against", wanted)
    assert (done.returncode, "AUT-04  REFUSED" in done.stdout) == (1, True)


@pytest.mark.control("BRD-06")
def test_what_the_register_holds_back_counts(tmp_path: Path) -> None:
    """With a copy of the register, what was granted and signed before counts here, too."""
    office = Office(tmp_path / "register")
    office.transfer()
    for kind, value in (("charter", office.sample.founding), ("policy", office.sample.policy)):
        office.desk.folder = tmp_path
        office.desk.put(f"{kind}.json", value, [office.desk.sign(p, value, f"{kind}@cold-ceremony") for p in SIGNERS])
    wanted = office.sample.desk.authorization(
        genesis=office.genesis, charter=office.genesis, policy=office.sample.policy.digest, register_head=office.head,
        not_before="2026-12-01T09:00:00Z", expires="2026-12-05T09:00:00Z",
    )  # fmt: skip
    path = tmp_path / "authorization.json"
    path.write_bytes(dump(wanted))
    given = ("--charter", tmp_path / "charter.json", "--genesis", office.genesis, "--against", path, "--now", "2026-12-01T09:30:00Z")
    check_ = ("policy", "check", tmp_path / "policy.json", *given)
    assert ceremony(*check_).stdout.splitlines()[-1] == "YES: this policy lets it pass."
    done = ceremony(*check_, "--register", office.folder)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "NO: this policy refuses it."), done.stdout + done.stderr
    assert "BRD-06  REFUSED  a signed transfer to the same payee is outstanding" in done.stdout


# --- succession ------------------------------------------------------------------------------------------------------------


@pytest.mark.control("STO-07")
def test_a_succession_is_signed_after_the_cool_off_and_by_whom_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cool-off is over 48 hours after the proposal, by the clock of each signer's own machine."""
    office = Office(tmp_path / "register")
    charter = office.later({"cfo": "successor"}, {"cfo": "New Officer"})
    office.propose(charter, start="2026-11-22T09:00:00Z")
    file, out = tmp_path / "charter-1.json", tmp_path / "succession.json"
    file.write_bytes(dump(charter))

    def sign(person: str, now: str) -> Done:
        key = tmp_path / f"id-{person}"
        key.write_bytes(office.desk.secrets[person].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        key.chmod(0o600)
        key.with_name(f"id-{person}.pub").write_text(office.desk.keys[person] + "\n")
        monkeypatch.setattr(papers, "now", lambda: now)
        words = ("--register", office.folder, "--genesis", office.genesis, "--as", person, "--key", key, "-o", out)
        return ceremony("charter", "succeed", file, *words, typed="SIGN\n")

    refused(sign("cto", "2026-11-24T08:59:59Z"), "STO-07")
    assert not out.exists()
    refused(sign("cfo", "2026-11-25T09:00:00Z"), "STO-07")
    refused(sign("administrator", "2026-11-25T09:00:00Z"), "STO-07")
    for person in SUCCESSORS:
        done = sign(person, "2026-11-25T09:00:00Z")
        assert done.returncode == 0, done.stderr
    assert sign(QUORUM[0], "2026-11-25T09:00:00Z").returncode == 1  # twice counts once
    made = Succession(
        mark="practice", genesis=office.genesis, charter=charter.digest, proposed=office.head, proposed_at="2026-11-22T09:00:13Z",
        cool_off_hours=48, issued="2026-11-25T09:00:00Z",
    )  # fmt: skip
    assert out.read_bytes() == dump(made)
