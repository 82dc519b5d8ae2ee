"""A new key and a sweep, on a real pseudo-terminal: what the former key holds goes to the key in use, and to nobody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base import signatures
from ceremony.base.data import dump, load
from ceremony.demonstration import Stage, key
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.signed import add_signature
from tests.ceremony import instants, rehearsal, shared, sweeping
from tests.ceremony.instants import Play
from tests.ceremony.test_custody_commands import by, drafted, taken
from tests.ceremony.test_interruptions import KILLED, check_ended, vault_processes
from transfer.authorization import Authorization
from transfer.bitcoin.account import opened

NAME = "office/authorization.json"


@pytest.fixture(scope="module")
def _with_second_key(_authorized: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Play]:
    """The generation of a second key and every instant of it; then the former one's coins, and a signed sweep."""

    def play(folder: Path) -> tuple[Stage, Play]:
        set_ = rehearsal.copy(_authorized, folder)
        sweeping.order(set_)
        kept = instants.record(set_, sweeping.new_key_command(set_))
        sweeping.snapshot(set_, sweeping.records(set_)[0])
        sweeping.authorize(set_)
        return set_, kept

    return shared.once(tmp_path_factory, "keyed-anew", play)


@pytest.fixture(scope="module")
def second_key(_with_second_key: tuple[Stage, Play]) -> Play:
    return _with_second_key[1]


@pytest.fixture(scope="module")
def _keyed_anew(_with_second_key: tuple[Stage, Play]) -> Stage:
    return _with_second_key[0]


@pytest.fixture
def keyed_anew(_keyed_anew: Stage, tmp_path: Path) -> Stage:
    return rehearsal.copy(_keyed_anew, tmp_path / "stage")


def shares(set_: Stage, position: str) -> list[Path]:
    """The sealed shares on one custodian's medium."""
    return sorted((set_.folder / "custodians" / position).glob("*.sealed"))


@pytest.mark.long
def test_new_key_and_sweep_whole(keyed_anew: Stage, tmp_path: Path) -> None:
    """A share of the former key is lost before it: that is recorded, and said before anybody is asked to open one. At every instant of
    the sweep both sets are whole; until SIGN it may end as void, and from then on it goes on."""
    set_ = keyed_anew
    book, said = Register.open(set_.folder / "register"), (set_.plot.here[0], "witness")
    away = next(p for p in book.charter.custodians if p not in set_.plot.here)
    drafted(set_, "lost", said, "lost", away, "--set", book.sets.formers[0].identifier, *by(*said))
    taken(set_, "lost")
    assert "former key, " + away in rehearsal.run(set_)[0]
    prepared = instants.record(set_, demonstration.prepare_command(set_))
    play = instants.record(set_, demonstration.transfer_command(set_))
    assert f"{away} cannot open their share of the former key: lost" in play.shown
    assert "TO OUR NEW KEY" in play.shown
    assert "closing slip of the new key" in play.shown
    assert instants.check_all(prepared, tmp_path / "prepared", "carried out").keys() == {"goes on", "not begun", "at rest"}
    found = instants.check_all(play, tmp_path / "at", "carried out")
    assert found.keys() == {"goes on", "no return", "ends", "at rest"}
    assert min(found["goes on"], found["no return"]) > 50, found
    sweeping.carry(set_)
    book = Register.open(set_.folder / "register")
    former, in_use = book.sets.all
    assert (former.ceremony, in_use.ceremony) == (1, 2)
    sweep = book.ceremonies[3].state
    assert {body.set_identifier for body in sweep.all(entries.Sealing)} == {former.identifier}
    assert len(sweep.actors(entries.TypedBack)) == 2
    assert [len(shares(set_, p)) for p in set_.plot.here] == [2] * len(set_.plot.here)
    assert "VERIFIED" in sweeping.verified(set_)
    status, _ = rehearsal.run(set_)
    assert f"former key     set {former.identifier}: swept" in status


@pytest.mark.long
def test_a_sweep_survives_a_kill(keyed_anew: Stage) -> None:
    """After entries, and at files: while the former key's shares are open, while it signs, while they are locked again."""
    set_ = keyed_anew
    demonstration.prepare(set_)
    faults = "kill-after:recovered kill-after:hsm-signed kill-file:2 kill-wiped:1"
    for run, fault in enumerate(faults.split()):
        words = (*demonstration.transfer_command(set_, "resume")[:-1], f"outbound-{run}")
        shown, code = rehearsal.run_broken(set_, fault, words)
        assert code == KILLED, (fault, shown[-2000:])
        assert vault_processes() == []
    shown, code = rehearsal.run(set_, *demonstration.transfer_command(set_, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(set_, "carried out")
    assert [len(shares(set_, p)) for p in set_.plot.here] == [2] * len(set_.plot.here)


@pytest.mark.control("GEN-14")
@pytest.mark.long
def test_at_every_instant_of_a_second_key_generation_the_first_one_is_whole(second_key: Play, tmp_path: Path) -> None:
    """Before the split it goes on, then it can only be void; when everybody has signed, both keys are whole. The first one's shares lie
    there all the time, byte for byte."""
    found = instants.check_all(second_key, tmp_path / "stage", "key record signed")
    assert found.keys() == {"goes on", "void", "not begun", "at rest", "ends"}
    assert min(found["goes on"], found["void"]) > 50, found
    first = {path: held for path, held in second_key.instants[0].files.items() if path.endswith(".sealed")}
    assert len(first) == len(second_key.known)
    assert all(each.files.get(path) == held for each in second_key.instants for path, held in first.items())


@pytest.mark.control("GEN-14")
@pytest.mark.long
def test_a_second_key_that_was_cut_off_leaves_the_first_one_in_use(authorized: Stage, second_key: Play, tmp_path: Path) -> None:
    """Killed while a share gets its name: what is left is what the play has at that change. It is void, and its order is used."""
    set_, before = authorized, {p: shares(authorized, p) for p in authorized.plot.here}
    sweeping.order(set_)
    shown, code = rehearsal.run_broken(set_, "kill-file:6", sweeping.new_key_command(set_))
    assert code == KILLED
    assert instants.of_stage(set_).kind == second_key.before_change("os.link custodians/B1").kind
    shown, code = rehearsal.run(set_, *demonstration.transfer_command(set_, "resume")[:-2])
    assert code == 1
    assert "GEN-14" in shown
    words = ("void", *demonstration.transfer_command(set_)[1:5], "--reason", "cut off")
    shown, code = rehearsal.run(set_, *words)
    assert code == 0, shown[-2000:]
    check_ended(set_, "void")
    shown, code = rehearsal.run(set_, *sweeping.new_key_command(set_))
    assert code == 1
    assert "AUT-05" in shown
    book = Register.open(set_.folder / "register")
    assert book.in_use.ceremony == 1
    assert all(set(before[p]) <= set(shares(set_, p)) for p in before)
    assert not book.sets.formers


@pytest.mark.long
def test_from_instants_of_each_kind_a_second_key_generation_is_ended_for_real(second_key: Play, tmp_path: Path) -> None:
    """When everybody has signed it goes on, also from a torn entry; before, it is void."""
    play = second_key
    chosen = [play.after_entry("quorums"), play.signed, play.torn("register/0002-keygen/transcript.jsonl", after="bag-closed")]
    for number, instant in enumerate(chosen):
        instants.end_for_real(play, instant, tmp_path / f"stage-{number}", "key record signed")


def forged(set_: Stage, **changes: object) -> None:
    """What both officers sign without looking: the authorization of the sweep, with something else in it."""
    path = set_.folder / NAME
    wanted = replace(load(Authorization, path.read_bytes()), identifier=f"t-{len(changes)}-{abs(hash(str(changes))) % 10**8}", **changes)
    sweeping.clear(set_)
    path.write_bytes(dump(wanted))
    for person in ("cfo", "cto"):
        signed = signatures.sign(person, "authorization@cold-ceremony", dump(wanted), set_.folder / key(person))
        add_signature(path, signed)


@pytest.mark.control("AUT-01")
def test_a_sweep_elsewhere_is_refused_though_both_officers_signed_it(keyed_anew: Stage) -> None:
    """To the key that it empties, to another address of the new one, to a payee, from or to a third key, with the keys swapped; and
    coins of one key never leave by an authorization for the other."""
    set_ = keyed_anew
    good = (set_.folder / NAME).read_bytes()
    sets = Register.open(set_.folder / "register").sets
    former, in_use = (each.record for each in sets.all)
    old, new = opened(former.accounts[0]), opened(in_use.accounts[0])
    elsewhere: tuple[dict[str, object], ...] = (
        {"to": former.digest, "key_record": in_use.digest, "address": old.own(0, 0).address},
        {"address": old.own(0, 0).address},
        {"address": new.own(0, 1).address},
        {"address": demonstration.PAYEE},
        {"to": "ab" * 32},
        {"key_record": "ab" * 32},
    )
    words = demonstration.prepare_command(set_)
    for changes in elsewhere:
        (set_.folder / NAME).write_bytes(good)
        forged(set_, **changes)
        shown, code = rehearsal.run(set_, *words)
        assert (code, "AUT-01" in shown) == (1, True), shown[-1500:]
        words = demonstration.transfer_command(set_, "resume")[:-2]
    (set_.folder / NAME).write_bytes(good)
    forged(set_)
    sweeping.snapshot(set_, sweeping.records(set_)[1])
    shown, code = rehearsal.run(set_, *words)
    assert code != 0
    assert rehearsal.types(set_)[-1] != "agreed"
