"""An amendment at the command line: A1 gets another key, the policy another limit; then a transfer under both. And a lost officer."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.data import dump, load
from ceremony.demonstration import Stage, key
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.ceremony import rehearsal
from tests.ceremony.test_interruptions import KILLED
from tests.ceremony.test_transfer import refused
from transfer.limits import Policy, written

STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
GENESIS, CHARTER, POLICY = "office/charter.json", "office/charter-1.json", "office/policy-1.json"


@dataclass(slots=True)
class Later(Stage):
    """The same stage after an amendment: every command is given both charters and the later policy, and an officer's the register, which
    says from when that policy counts."""

    def act(self, title: str, *commands: Sequence[str]) -> str:
        return Stage.act(self, title, *(amended(words) for words in commands))


def amended(words: Sequence[str]) -> list[str]:
    found: list[str] = []
    for word in words:
        found += [word, "--charter", CHARTER] if word == GENESIS else [POLICY if word == "office/policy.json" else word]
    return [*found, "--register", "register"] if found[0] == "authorize" and "--policy" in found else found


def later(set_: Stage) -> Later:
    return Later(**{f.name: getattr(set_, f.name) for f in fields(Stage)})


def genesis(set_: Stage) -> tuple[str, str]:
    return ("--genesis", Register.open(set_.folder / "register").genesis)


def new_key(set_: Stage, person: str, name: str) -> None:
    """A person makes another key and enrols with it."""
    home = (set_.folder / key(person)).parent
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(home / "id_new")], check=True)
    words = (
        "charter",
        "enrol",
        "--person",
        person,
        "--name",
        name,
        "--key",
        str(home / "id_new"),
        "-o",
        f"office/enrolment-{person}-new.json",
    )
    set_.act("Enrol", words)


def use_new_key(set_: Stage, person: str) -> None:
    home = (set_.folder / key(person)).parent
    for end in ("", ".pub"):
        (home / f"id_signing{end}").unlink()
        (home / f"id_new{end}").rename(home / f"id_signing{end}")


def amend_charter(set_: Stage, *words: str) -> None:
    set_.act("Amend", ("charter", "amend", GENESIS, *words, *genesis(set_), "-o", CHARTER))


def signs(set_: Stage, *people: str) -> None:
    for person in people:
        against = ("--against", GENESIS, *genesis(set_))
        set_.act("Sign", ("charter", "sign", CHARTER, "--as", person, "--key", key(person), *against))


def take(set_: Stage, *words: str) -> tuple[str, ...]:
    return ("amend", "--register", "register", *genesis(set_), *words)


def void(set_: Stage) -> None:
    set_.act("Void", ("void", "--register", "register", *genesis(set_), "--reason", "not signed by all"))


def later_policy(set_: Stage, *charters: str, hours: str = "0") -> None:
    """Another limit, of the last of these charters, with a cool-off of so many hours."""
    given = [word for charter in charters for word in ("--charter", charter)]
    papers = (*given, "--previous", "office/policy.json", *genesis(set_))
    new = (
        "policy", "new", *papers, "--payee", f"example-exchange:{demonstration.PAYEE}:settlement account",
        "--cool-off-hours", hours, "--per-transfer", "0.9 BTC", "--window-days", "7", "--per-window", "2 BTC",
        "--fee-cap", "0.001 BTC", "--fee-rate-cap", "100000", "--validity-days", "14", "-o", POLICY,
    )  # fmt: skip
    set_.act("Policy", new, *(("policy", "sign", POLICY, "--as", p, "--key", key(p), *papers) for p in ("cfo", "cto", "witness")))


def verified(set_: Stage) -> None:
    book = Register.open(set_.folder / "register")
    assert verify(book.folder, book.genesis, book.head).said == "VERIFIED"
    done = subprocess.run(["sh", STOCK, book.folder, book.genesis, book.head], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["VERIFIED"], done.stderr


@pytest.mark.control("STO-07")
def test_a_charter_and_a_policy_are_amended_and_a_transfer_follows(authorized: Stage) -> None:
    new_key(authorized, "A1", "Agnes Amato")
    amend_charter(authorized, "--enrolment", "office/enrolment-A1-new.json")
    signs(authorized, "cfo", "cto")
    shown = refused(authorized, "STO-07", *take(authorized, "--charter", CHARTER))  # the witness has not signed
    assert "is not signed as its predecessor demands" in shown
    void(authorized)
    signs(authorized, "witness")
    later_policy(authorized, GENESIS, CHARTER)

    shown = authorized.act("Amendment", take(authorized, "--charter", CHARTER, "--policy", POLICY))
    for said in (
        "A1: Ada Arnold is replaced by Agnes Amato.",
        "Reshare, or a new key?",
        "the most of one transfer: 1.00000000 BTC becomes 0.90000000 BTC",
    ):
        assert said in " ".join(shown.split()), said
    book = Register.open(authorized.folder / "register")
    assert (book.charter.member("A1").name, book.policy.per_transfer) == ("Agnes Amato", 90_000_000)
    (revoked,) = book.ceremonies[-1].state.all(entries.Revoked)
    assert (revoked.person, revoked.decision) == ("A1", "undecided")
    verified(authorized)
    refused(authorized, "AUT-01", *demonstration.prepare_command(authorized))  # the authorization of the charter before
    void(authorized)

    after = later(authorized)
    for name in ("authorization", "confirmation"):
        (after.folder / "office" / f"{name}.json").unlink()
        (after.folder / "office" / f"{name}.signatures").unlink()
    for slip in (after.folder / "office").glob("payee-slip*"):
        slip.unlink()
    demonstration.authorize(after)
    demonstration.prepare(after)
    after.cast.custodians_here = tuple(p for p in after.plot.names if p[0].isupper())
    after.cast.instead = [("Custodians who are here: ", "A1 A2 B1 B2")]  # A1's share is locked under what Ada Arnold knows
    shown = refused(after, "ASM-01", *demonstration.transfer_command(after))  # A1 comes with the key that was revoked
    assert "These are not enough: found A1 A2 B1 B2" in " ".join(shown.split())
    assert "this is not the key of A1" in shown
    use_new_key(after, "A1")
    after.act("Transfer", demonstration.transfer_command(after, "resume"))
    alone = ("--charter", GENESIS, "--policy", POLICY, *genesis(after), "--key-record", "register/0001-keygen/key-record.json")
    refused(after, "AUT-01", "online", "receive", "outbound", *alone)  # the online host needs every charter
    demonstration.broadcast(after)
    demonstration.mine(after)
    demonstration.receipt(after)
    verified(after)


@pytest.mark.control("AUT-06")
def test_a_policy_that_is_dated_tomorrow_is_not_taken_in(authorized: Stage) -> None:
    """Nor one whose clock was set back, which is the same: the machine's time is before the date that people signed."""
    before = load(Policy, (authorized.folder / "office/policy.json").read_bytes())
    tomorrow = written(datetime.now(UTC) + timedelta(days=1))
    wanted = replace(before, number=1, previous=before.digest, issued=tomorrow, per_transfer=before.per_transfer - 1)
    (authorized.folder / POLICY).write_bytes(dump(wanted))
    papers = ("--charter", GENESIS, "--previous", "office/policy.json", *genesis(authorized))
    authorized.act("Policy", *(("policy", "sign", POLICY, "--as", p, "--key", key(p), *papers) for p in ("cfo", "cto", "witness")))
    shown = refused(authorized, "AUT-06", *take(authorized, "--policy", POLICY))
    assert f"found {tomorrow}" in " ".join(shown.split())
    void(authorized)
    assert Register.open(authorized.folder / "register").policy == before


@pytest.mark.control("SET-06")
@pytest.mark.long
def test_an_amendment_that_is_killed_again_and_again_is_taken_in_once(authorized: Stage) -> None:
    new_key(authorized, "A1", "Agnes Amato")
    amend_charter(authorized, "--enrolment", "office/enrolment-A1-new.json")
    signs(authorized, "cfo", "cto", "witness")
    authorized.cast.papers = {**authorized.cast.papers, "the signed charter": CHARTER}
    words, kills, found = take(authorized, "--charter", CHARTER), 0, [""]
    while kills == 0 or Register.open(authorized.folder / "register").unfinished is not None:
        shown, code = rehearsal.run_broken(authorized, "kill:4", words)  # behind `resumed` and two signatures one entry further each time
        assert code in (0, KILLED), shown[-2000:]
        words, found, kills = ("resume", "--register", "register", *genesis(authorized)), rehearsal.types(authorized), kills + 1
    assert kills > 8
    assert [found.count(kind) for kind in ("revoked", "granted", "amended", "closed")] == [1, 1, 1, 1]
    verified(authorized)


@pytest.mark.control("STO-07")
def test_another_key_waits_for_the_cool_off(authorized: Stage) -> None:
    """All signatures do not give anybody a key within the hour: the charter before counts until the cool-off is over."""
    later_policy(authorized, GENESIS, hours="1")
    authorized.act("A cool-off", take(authorized, "--policy", POLICY))
    new_key(authorized, "A1", "Ada Arnold")
    amend_charter(authorized, "--enrolment", "office/enrolment-A1-new.json")
    signs(authorized, "cfo", "cto", "witness")
    shown = authorized.act("Proposal", take(authorized, "--charter", CHARTER))
    for said in ("It loosens the key of a person", "begin `ceremony amend` with the same charter"):
        assert said in " ".join(shown.split()), said
    book = Register.open(authorized.folder / "register")
    assert (book.charter.number, book.ceremonies[-1].state.closed.outcome) == (0, "proposed")  # type: ignore[union-attr]
    verified(authorized)
    refused(authorized, "STO-07", *take(authorized, "--charter", CHARTER))
    void(authorized)
    assert Register.open(authorized.folder / "register").charter.number == 0
    verified(authorized)


@pytest.mark.control("STO-07")
def test_a_lost_officer_is_succeeded(authorized: Stage) -> None:
    """Without a cool-off in this policy: two ceremonies all the same, and everyone signs twice."""
    quorum = ("A1", "A2", "B1", "B2")
    new_key(authorized, "cfo", "Nora Novak")
    amend_charter(authorized, "--enrolment", "office/enrolment-cfo-new.json")
    signs(authorized, "cto", "witness", *quorum)
    succeed = ("charter", "succeed", CHARTER, "--register", "register", *genesis(authorized), "-o", "office/succession.json")
    refused(authorized, "STO-07", *succeed, "--as", "cto", "--key", key("cto"))  # it was not proposed
    shown = authorized.act("Proposal", take(authorized, "--charter", CHARTER))
    assert "cfo: Fiona Fischer is replaced by Nora Novak." in " ".join(shown.split())
    book = Register.open(authorized.folder / "register")
    assert (book.charter.number, book.ceremonies[-1].state.closed.outcome) == (0, "proposed")  # type: ignore[union-attr]
    refused(authorized, "STO-07", *succeed, "--as", "cfo", "--key", key("cfo"))  # who is replaced does not sign it
    for person in ("cto", "witness", *quorum[:3]):
        authorized.act("Once more", (*succeed, "--as", person, "--key", key(person)))
    refused(authorized, "STO-07", *take(authorized, "--succession", "office/succession.json"))  # no quorum yet
    void(authorized)
    authorized.act("Once more", (*succeed, "--as", "B2", "--key", key("B2")))
    authorized.act("Succession", take(authorized, "--succession", "office/succession.json"))
    assert Register.open(authorized.folder / "register").charter.member("cfo").name == "Nora Novak"
    verified(authorized)
    chain = ("--charter", GENESIS, "--charter", CHARTER, "--charter", "office/succession.json", *genesis(authorized))
    shown, code = rehearsal.run(authorized, "policy", "check", "office/policy.json", *chain)
    assert code == 0, shown
    shown, code = rehearsal.run(authorized, "policy", "check", "office/policy.json", *chain[:4], *chain[6:])
    assert (code, "STO-07" in shown) == (1, True)
