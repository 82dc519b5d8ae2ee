"""Resharing at the command line: all shares of the same key are made anew; the old ones are retired, destroyed, and refused by name."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ceremony import demonstration
from ceremony.cast import Pace
from ceremony.demonstration import Stage, key
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.retired import reshare_due, retired
from ceremony.record.signed import signatures_path
from ceremony.record.standing import standing
from ceremony.record.state import State
from ceremony.screen.status import screen
from ceremony.script.loop import next_step
from ceremony.script.table import SCRIPTS, in_one_sitting, number_of, set_signed
from shares.envelope import Header
from tests.ceremony import instants, rehearsal, shared
from tests.ceremony.eyes import Eyes
from tests.ceremony.instants import Play
from tests.ceremony.test_amendment import CHARTER, GENESIS, amend_charter, new_key, signs, take, use_new_key
from tests.ceremony.test_health import both_verify, words
from tests.ceremony.test_interruptions import KILLED, check_ended

ORDER = "office/share-order.json"


def order(set_: Stage, charters: Sequence[str] = ("office/charter.json",)) -> None:
    """Both officers order it."""
    for path in (set_.folder / ORDER, signatures_path(set_.folder / ORDER)):
        path.unlink(missing_ok=True)
    book = Register.open(set_.folder / "register")
    papers = (*(w for path in charters for w in ("--charter", path)), "--genesis", book.genesis, "--register", "register")
    draft = (
        "shares", "order", "draft", *papers, "--kind", "reshare", "--reason", "a custodian leaves", "--requester", "cfo",
        "--register-head", book.head, "--days", "7", "-o", ORDER,
    )  # fmt: skip
    set_.act("Order", draft, *(("shares", "order", "sign", ORDER, *papers, "--as", p, "--key", key(p)) for p in ("cfo", "cto")))


def reshare(set_: Stage) -> tuple[str, ...]:
    return (*words(set_, "shares", "reshare"), "--order", ORDER, "--module", set_.module)


def resume(set_: Stage) -> tuple[str, ...]:
    return (*words(set_, "resume"), "--module", set_.module)


def sealed(set_: Stage, position: str) -> list[Path]:
    return sorted((set_.folder / "custodians" / position).glob("*.sealed"))


def set_of(path: Path) -> str:
    return Header.unpack(path.read_bytes()).set_identifier


@dataclass
class Reshared:
    """A whole resharing, to which everyone but C2 brought their old share: the stage after it, every instant of it, and what was seen."""

    stage: Stage
    play: Play
    eyes: Eyes
    before: KeyRecord
    old_card: bytes
    """Of A1."""


def leave_at_home(set_: Stage, position: str) -> None:
    """This custodian comes with another stick than the one that their share lies on."""
    home = set_.folder / "custodians" / f"{position}-at-home"
    home.mkdir()
    (share,) = sealed(set_, position)
    share.rename(home / share.name)


@pytest.fixture(scope="module")
def reshared(_authorized: Stage, tmp_path_factory: pytest.TempPathFactory) -> Reshared:
    def play(folder: Path) -> Reshared:
        set_ = rehearsal.copy(_authorized, folder)
        leave_at_home(set_, "C2")
        (card,) = sealed(set_, "A1")
        old_card, before = card.read_bytes(), Register.open(set_.folder / "register").key_record
        order(set_)
        set_.cast.pace = eyes = Eyes()
        kept = instants.record(set_, reshare(set_))
        set_.cast.pace = Pace()
        return Reshared(set_, kept, eyes, before, old_card)

    return shared.once(tmp_path_factory, "reshared", play)


@pytest.mark.control("SEC-05")
def test_a_reshare_and_a_transfer_after_it(reshared: Reshared, tmp_path: Path) -> None:
    """An old card is refused by name, and a transfer is signed with the new set."""
    eyes, before = reshared.eyes, reshared.before
    authorized = rehearsal.copy(reshared.stage, tmp_path / "stage")
    assert (eyes.headless, eyes.wide, eyes.coloured) == ([], [], set())
    assert "the share of before and its passphrase are the ones that count" in " ".join(reshared.play.shown.split())
    assert {place[1] for place in eyes.places} == {len(SCRIPTS["reshare"])}
    book = Register.open(authorized.folder / "register")
    assert book.ceremonies[-1].state.closed.outcome == "set reshared"
    made = book.key_record
    assert (made.follows, made.accounts, made.plan) == (before.digest, before.accounts, before.plan)
    assert made.set_identifier != before.set_identifier
    assert not set(made.custodian_commitments.values()) & set(before.custodian_commitments.values())
    for position in authorized.plot.names:
        if position[0].isupper():
            assert [set_of(path) for path in sealed(authorized, position)] == [made.set_identifier]
    (left,) = retired(book)
    assert (left.may_exist, left.enough) == (("C2",), False)
    both_verify(authorized)
    home = authorized.folder / "custodians" / "A1"
    (new,) = sealed(authorized, "A1")
    new.rename(tmp_path / "new.sealed")
    (home / "old.sealed").write_bytes(reshared.old_card)
    shown, _ = rehearsal.run(authorized, *words(authorized, "shares", "check"), "--position", "A1")
    assert "not proven: A1" in shown, shown[-2000:]
    assert rehearsal.refusals(authorized) == ["SEC-05"]
    assert f"set {before.set_identifier}" in shown
    assert f"retired by ceremony {made.ceremony}" in shown.replace("\n", " ")
    (home / "old.sealed").unlink()
    (tmp_path / "new.sealed").rename(new)
    demonstration.prepare(authorized)
    demonstration.transfer(authorized)
    check_ended(authorized, "carried out")
    both_verify(authorized)


@pytest.mark.control("GEN-14")
@pytest.mark.long
def test_at_every_instant_of_a_reshare_a_complete_set_opens(reshared: Reshared, tmp_path: Path) -> None:
    """Cut off before any change on disk, or within it: before the split it goes on; from there to the last signature it can only be void,
    and the old set is as it was; after that it cannot be void, and every new share opens while the old ones go."""
    found = instants.check_all(reshared.play, tmp_path / "stage", "set reshared")
    assert found.keys() == {"goes on", "void", "no return", "not begun", "ends", "at rest"}
    assert min(found["goes on"], found["void"], found["no return"]) > 50, found
    at, proven = instants.Reopened(reshared.play, tmp_path / "lost"), reshared.play.after_entry("quorums")
    for path in ("custodians/B2/share-B2-0001.sealed", "custodians/C2-at-home/share-C2-0001.sealed"):
        at.at(replace(proven, files={name: held for name, held in proven.files.items() if name != path}))
        with pytest.raises(AssertionError):
            at.check_whole()


@dataclass(slots=True)
class Later(Stage):
    """The same stage after an amendment of the charter alone: every command is given both charters."""

    def act(self, title: str, *commands: Sequence[str]) -> str:
        both = [[w for word in words for w in ([word, "--charter", CHARTER] if word == GENESIS else [word])] for words in commands]
        return Stage.act(self, title, *both)


def replaced(set_: Stage, away: Path) -> None:
    """A2 is somebody else from now on, and takes no share over; site C gets a third custodian. It is decided to reshare."""
    new_key(set_, "A2", "Amy Adler")
    home = set_.folder / "custodians" / "C3"
    home.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "C3", "-f", str(home / "id_signing")], check=True)
    enrol = ("charter", "enrol", "--person", "C3", "--name", "Cyril Cole", "--key", key("C3"), "-o", "office/enrolment-C3-new.json")
    set_.act("Enrol", enrol)
    set_.cast.media = {**set_.cast.media, "C3": Path("custodians/C3")}
    amend_charter(set_, "--enrolment", "office/enrolment-A2-new.json", "--enrolment", "office/enrolment-C3-new.json")
    signs(set_, "cfo", "cto", "witness")
    set_.cast.instead = [(r"administrator, A2: Reshare, or a new key\? ", "reshare")]
    set_.act("Amend", take(set_, "--charter", CHARTER))
    use_new_key(set_, "A2")
    (old,) = sealed(set_, "A2")
    old.rename(away / "at-home.sealed")


@pytest.mark.control("GEN-14")
@pytest.mark.control("REC-02")
@pytest.mark.long
def test_a_custodian_is_replaced_and_another_one_comes(authorized: Stage, tmp_path: Path) -> None:
    """Nothing is prepared before the reshare; it is cut off after the last signature, and while old shares go; then all goes on."""
    before = Register.open(authorized.folder / "register").key_record
    replaced(authorized, tmp_path)
    found = standing(authorized.folder / "register", "2026-11-20T00:00:00Z")
    assert found.reshare == ("the charter has other sites, positions or thresholds", "A2 was replaced")
    assert any(line.startswith("  RESHARE DUE") for line in screen(found, "2026-11-20T00:00:00Z", "register"))
    shown, code = rehearsal.run(authorized, *demonstration.prepare_command(authorized))
    assert (code, rehearsal.refusals(authorized)) == (1, ["REC-02"]), shown[-2000:]
    assert "ceremony shares reshare" in shown.replace("\n", " ")
    authorized.act("Void", (*words(authorized, "void"), "--reason", "reshare first"))
    order(authorized, (GENESIS, CHARTER))
    shown, code = rehearsal.run_broken(authorized, "kill-step:Sign the key record", reshare(authorized))
    assert code == KILLED, shown[-2000:]
    shown, code = rehearsal.run(authorized, *words(authorized, "void"), "--reason", "too late")
    assert code == 1
    assert "GEN-14 this resharing cannot be void" in shown
    shown, code = rehearsal.run_broken(authorized, "kill-after:destroyed", resume(authorized))
    assert (code, rehearsal.types(authorized)[-1]) == (KILLED, "destroyed"), shown[-2000:]
    shown, code = rehearsal.run(authorized, *resume(authorized))
    assert code == 0, shown[-2000:]
    assert "MAY EXIST      A2" in shown
    both_verify(authorized)
    book = Register.open(authorized.folder / "register")
    assert (book.key_record.plan, book.key_record.accounts) == (book.charter.plan, before.accounts)
    assert "C3" in book.key_record.custodian_commitments
    assert reshare_due(book) == ()
    (left,) = retired(book)
    assert (left.may_exist, left.enough) == (("A2",), False)
    state = book.ceremonies[-1].state
    for at in range(1, len(state.entries)):
        cut = State(state.entries[:at])
        split = cut.file("key-record") is not None
        assert in_one_sitting(cut) == (split and not set_signed(cut))
        if set_signed(cut):
            assert next_step(cast(Any, SimpleNamespace(state=cut, vault=None))).number >= number_of("reshare", "generate:sign_key_record")
    later = Later(**{f.name: getattr(authorized, f.name) for f in fields(Stage)})
    for name in ("authorization", "confirmation", "payee-slip"):
        for path in later.folder.glob(f"office/{name}.*"):
            path.unlink()
    demonstration.authorize(later)
    demonstration.prepare(later)
    demonstration.transfer(later)
    check_ended(authorized, "carried out")
    both_verify(authorized)


@pytest.mark.control("GEN-14")
@pytest.mark.long
def test_a_kill_leaves_what_the_play_has_at_that_instant(authorized: Stage, reshared: Reshared, tmp_path: Path) -> None:
    """Killed before the split, it goes on; killed while a new share gets its name, it is void. Whether what lies there then is what the
    play has at the same change: entries and media, in kind."""
    leave_at_home(authorized, "C2")
    order(authorized)
    play, genuine = reshared.play, Register.open(authorized.folder / "register").key_record
    shown, code = rehearsal.run_broken(authorized, "kill-after:recovered", reshare(authorized))
    assert code == KILLED, shown[-2000:]
    assert play.after_entry("recovered").kind == instants.of_stage(authorized).kind
    shown, code = rehearsal.run_broken(authorized, "kill-file:4", resume(authorized))
    assert code == KILLED, shown[-2000:]
    assert instants.of_stage(authorized).since("generated") == play.before_change("os.link custodians/B1").since("generated")
    shown, code = rehearsal.run(authorized, *resume(authorized))
    assert code == 1
    assert "GEN-14" in shown
    assert "The set in use is as it was" in shown.replace("\n", " ")
    shown, code = rehearsal.run(authorized, *words(authorized, "void"), "--reason", "cut off")
    assert code == 0, shown[-2000:]
    check_ended(authorized, "void")
    both_verify(authorized)
    assert Register.open(authorized.folder / "register").key_record == genuine


def test_from_instants_of_each_kind_it_is_ended_for_real(reshared: Reshared, tmp_path: Path) -> None:
    """As void, or by going on: from a torn entry, a share that is being overwritten, and one that is gone but not recorded."""
    play = reshared.play
    chosen = [
        play.after_entry("quorums"),
        play.torn("register/0002-reshare/transcript.jsonl", after="destroyed"),
        play.before_change("os.remove custodians/A1/.gone-"),
        play.torn("custodians/B1/.gone-"),
    ]
    for number, instant in enumerate(chosen):
        instants.end_for_real(play, instant, tmp_path / f"stage-{number}", "set reshared")
