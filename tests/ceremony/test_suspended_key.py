"""A stolen signing key at the real command: suspended by its owner or an officer, taken in at once, and lifted by others (STO-07)."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.base import signatures
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from ceremony.record.signed import add_signature
from ceremony.record.suspension import NAMESPACE
from tests.ceremony import editor, rehearsal
from tests.ceremony.test_exceptions import both_verify, page_one
from tests.ceremony.test_interruptions import check_ended
from tests.ceremony.test_lost_witness import OTHERS
from tests.ceremony.test_transfer import refused

HERE = "Custodians who are here: "
EVERYBODY = ("A1", "A2", "B1", "B2", "C1", "C2")


def charter(set_: Stage) -> tuple[str, ...]:
    return ("--charter", "office/charter.json", "--genesis", Register.open(set_.folder / "register").genesis)


def form(set_: Stage, person: str, by: str, *signers: str, lift: bool = False) -> tuple[str, str]:
    """A form, drafted by the register as it lies there, and signed by these people: the option that gives it."""
    name = f"office/{'lift' if lift else 'suspend'}-{person}-{by}.json"
    said = ("--lift",) if lift else ("--by", by)
    draft = ("suspend", "draft", "--register", "register", "--person", person, *said, "--reason", "stolen at the airport", "-o", name)
    set_.act("Suspend", draft, *(("suspend", "sign", name, "--as", p, "--key", demonstration.key(p), *charter(set_)) for p in signers))
    return ("--suspension", name)


def checked(option: tuple[str, str]) -> tuple[str, ...]:
    return ("suspend", "check", option[1], "--register", "register")


def taken(set_: Stage, *options: str) -> str:
    """A ceremony of custody that takes in nothing else; what it showed."""
    shown, code = rehearsal.run(set_, "custody", "take", *editor.register(set_), *options)
    assert code == 0, shown[-2000:]
    return shown


@pytest.mark.control("STO-07")
def test_who_suspends_and_who_lifts(authorized: Stage) -> None:
    own = form(authorized, "A2", "A2", "A2")
    officers = form(authorized, "cto", "cfo", "cfo")
    taken(authorized, *own, *officers)
    told = "SUSPENDED: the key of A2, by A2, since ceremony 2 ('stolen at the airport')"
    verdict = both_verify(authorized)
    assert told in verdict.notes
    assert told.replace("'", "&#x27;") in page_one(authorized, verdict)
    shown, code = rehearsal.run(authorized, "--register", "register")
    assert (code, "SUSPENDED      A2, by A2, since ceremony 2 ('stolen at the airport')" in shown) == (0, True), shown
    shown = refused(authorized, "STO-07", "custody", "take", *editor.register(authorized), *own)
    assert "suspended already" in shown

    alone = form(authorized, "B2", "cfo", "cfo")
    assert "the other officer or the witness" in refused(authorized, "STO-07", *checked(alone))
    refused(authorized, "STO-07", "custody", "take", *editor.register(authorized), *alone)
    sign = ("suspend", "sign", alone[1], "--as", "witness", "--key", demonstration.key("witness"), *charter(authorized))
    authorized.act("A second person, with the witness", sign, checked(alone))

    taken(authorized, *form(authorized, "A2", "A2", "cfo", "witness", *OTHERS[4:], "C1", "C2", lift=True))
    lift = form(authorized, "cto", "cfo", "witness", *EVERYBODY, lift=True)
    spoilt = ("suspend", "sign", lift[1], "--as", "cfo", "--key", demonstration.key("cfo"), *charter(authorized))
    assert "Nothing was added" in refused(authorized, "STO-07", *spoilt)
    authorized.act("Whole without them", checked(lift))
    path = authorized.folder / lift[1]
    add_signature(path, signatures.sign("cfo", NAMESPACE, path.read_bytes(), authorized.folder / demonstration.key("cfo")))
    assert "signed by nobody who suspended" in refused(authorized, "STO-07", *checked(lift)).replace("\n            ", " ")
    for path in (authorized.folder / "office").glob("lift-cto*"):
        path.unlink()
    taken(authorized, *form(authorized, "cto", "cfo", "witness", *EVERYBODY, lift=True))
    assert not [note for note in both_verify(authorized).notes if "SUSPENDED" in note]


@pytest.mark.control("STO-07")
def test_an_authorization_that_a_suspended_officer_signed_is_not_granted(authorized: Stage) -> None:
    taken(authorized, *form(authorized, "cfo", "cfo", "cfo"))
    words = ("office/authorization.json", "--policy", "office/policy.json", "--register", "register", *charter(authorized))
    refused(authorized, "STO-07", "authorize", "check", *words, "--confirmation", "office/confirmation.json")
    refused(authorized, "STO-07", "authorize", "sign", *words, "--as", "cfo", "--key", demonstration.key("cfo"))
    signing = ("--as", "cfo", "--key", demonstration.key("cfo"), "--register", "register")
    refused(authorized, "STO-07", "policy", "sign", "office/policy.json", *signing, *charter(authorized))
    refused(authorized, "STO-07", "charter", "sign", "office/charter.json", *signing, *charter(authorized)[2:])
    shown = refused(authorized, "STO-07", *demonstration.prepare_command(authorized))
    assert "the key of cfo is suspended" in shown.replace("\n", " ")
    assert "authorized" not in rehearsal.types(authorized)
    assert "authorization" not in rehearsal.files(authorized)
    assert editor.verifiers(authorized) == [(3, "INCOMPLETE"), (3, "INCOMPLETE")]


@pytest.mark.control("STO-07")
def test_a_suspended_custodian_is_not_taken_at_the_roll_call(prepared: Stage) -> None:
    """The transfer that is prepared takes the form in, also if the first run that would was cut off; others are enough."""
    words = (*demonstration.transfer_command(prepared), *form(prepared, "A2", "cfo", "cfo"))
    rehearsal.run_broken(prepared, "kill:1", words)
    assert rehearsal.types(prepared)[-1] == "resumed"
    prepared.cast.instead = [(HERE, "A1 A2 B1 B2"), (HERE, "B1 B2 C1 C2")]
    shown, code = rehearsal.run_broken(prepared, "kill-step:Roll-call", words)
    assert (code, prepared.cast.instead) == (128 + 9, []), shown[-2000:]
    assert "STO-07 Found A2, whose key is suspended" in shown.replace("\n", " ")
    assert "A2" not in {e["actor"] for e in rehearsal.entries(prepared) if e["type"] == "present"}


@pytest.mark.control("STO-07", "SET-10")
def test_for_a_suspended_witness_others_sign_by_the_form_of_a_loss(prepared: Stage) -> None:
    suspended = form(prepared, "witness", "cfo", "cfo")
    void = ("void", *editor.register(prepared), "--reason", "the key of the witness was stolen", *suspended)
    shown = refused(prepared, "STO-07", *void)
    assert "ceremony loss draft --register register --lost witness" in shown.replace("\n", " ").replace("            ", "")
    shown, code = rehearsal.run(prepared, *void, *editor.loss(prepared, ("witness",), OTHERS))
    assert code == 0, shown[-2000:]
    check_ended(prepared, "void")
    assert editor.verifiers(prepared) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("STO-07", "SET-10")
def test_who_is_suspended_in_the_middle_signs_no_more_and_others_end_it(approved: Stage) -> None:
    """A2 approved before; their share still opens. Their adjournment is refused, and a form of a loss stands in for it."""
    resume = demonstration.transfer_command(approved, "resume")
    shown = refused(approved, "STO-07", *resume, *form(approved, "A2", "cfo", "cfo"))
    assert "--lost A2" in shown
    assert rehearsal.refusals(approved)[-1] == "STO-07"
    assert "absent" in rehearsal.types(approved), "the transaction was signed, and no key is left"
    shown, code = rehearsal.run(approved, *resume, *editor.loss(approved, ("A2",), ("cfo", "cto", "witness")))
    assert code == 0, shown[-2000:]
    check_ended(approved, "carried out")
    assert editor.verifiers(approved) == [(0, "VERIFIED"), (0, "VERIFIED")]


@pytest.mark.control("STO-07", "SET-10")
def test_a_suspension_of_the_administrator_comes_in_without_them(authorized: Stage) -> None:
    suspended = form(authorized, "administrator", "administrator", "administrator")
    shown = refused(authorized, "STO-07", "custody", "take", *editor.register(authorized), *suspended)
    assert "--lost administrator" in shown
    taken(authorized, *suspended, *editor.loss(authorized, ("administrator",), ("cfo", "cto", "witness")))
    assert editor.verifiers(authorized) == [(0, "VERIFIED"), (0, "VERIFIED")]
    shown = refused(authorized, "STO-07", *demonstration.prepare_command(authorized))
    assert "`ceremony amend`" in shown
    assert Register.open(authorized.folder / "register").unfinished is None
