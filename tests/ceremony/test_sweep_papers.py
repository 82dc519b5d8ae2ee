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
from tests.ceremony import rehearsal, sweeping
from tests.ceremony.test_breakdowns import cut_off_at_each_file
from tests.ceremony.test_custody_commands import by, drafted, taken
from tests.ceremony.test_interruptions import KILLED, check_ended
from transfer.authorization import Authorization
from transfer.bitcoin.account import opened

NAME = "office/authorization.json"


@pytest.fixture(scope="module")
def _keyed_anew(_authorized: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A second key, the former one's coins, and a signed sweep."""
    set_ = rehearsal.copy(_authorized, tmp_path_factory.mktemp("keyed-anew") / "stage")
    sweeping.new_key(set_)
    sweeping.snapshot(set_, sweeping.records(set_)[0])
    sweeping.authorize(set_)
    return set_


@pytest.fixture
def keyed_anew(_keyed_anew: Stage, tmp_path: Path) -> Stage:
    return rehearsal.copy(_keyed_anew, tmp_path / "stage")


def shares(set_: Stage, position: str) -> list[Path]:
    """The sealed shares on one custodian's medium."""
    return sorted((set_.folder / "custodians" / position).glob("*.sealed"))


def test_new_key_and_sweep_whole(keyed_anew: Stage) -> None:
    """A share of the former key is lost before it: that is recorded, and said before anybody is asked to open one."""
    set_ = keyed_anew
    book, said = Register.open(set_.folder / "register"), (set_.plot.here[0], "witness")
    away = next(p for p in book.charter.custodians if p not in set_.plot.here)
    drafted(set_, "lost", said, "lost", away, "--set", book.sets.formers[0].identifier, *by(*said))
    taken(set_, "lost")
    assert "former key, " + away in rehearsal.run(set_)[0]
    demonstration.prepare(set_)
    shown = set_.act("Sweep", demonstration.transfer_command(set_))
    assert f"{away} cannot open their share of the former key: lost" in shown
    assert "TO OUR NEW KEY" in shown
    assert "closing slip of the new key" in shown
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


CUT_OFF = (
    "typed-back armed unlocked recovered signing hsm-signed absent file checked resumed armed unlocked sealing proven removed exported"
)
"""Types of entries, each the last one of a run of the sweep that was killed."""


def test_a_sweep_survives_a_kill_after_every_kind_of_entry(keyed_anew: Stage) -> None:
    set_ = keyed_anew
    for run, kind in enumerate(("authorized", "file", "agreed", *CUT_OFF.split())):
        first = demonstration.prepare_command(set_)
        words = first if not run else (*demonstration.transfer_command(set_, "resume")[:-1], f"outbound-{run}")
        shown, code = rehearsal.run_broken(set_, f"kill-after:{kind}", words)
        assert (code, rehearsal.types(set_)[-1]) == (KILLED, kind), shown[-2000:]
    shown, code = rehearsal.run(set_, *demonstration.transfer_command(set_, "resume"))
    assert code == 0, shown[-2000:]
    check_ended(set_, "carried out")
    assert [len(shares(set_, p)) for p in set_.plot.here] == [2] * len(set_.plot.here)


def test_cut_off_at_each_file_of_a_sweep(keyed_anew: Stage) -> None:
    """Documents, request, transaction, every sealed share of the former key, and every file that leaves."""
    set_ = keyed_anew
    assert cut_off_at_each_file(set_, demonstration.prepare_command(set_)) >= 4 + len(set_.plot.here) + 5
    check_ended(set_, "carried out")
    assert [len(shares(set_, p)) for p in set_.plot.here] == [2] * len(set_.plot.here)


@pytest.mark.control("GEN-14")
@pytest.mark.parametrize(
    "fault", [*(f"kill-after:{entry}" for entry in ("ordered", "generated", "sealing", "quorums")), "kill-file:4", "kill-filed:6"]
)
def test_a_second_key_that_was_cut_off_leaves_the_first_one_in_use(authorized: Stage, fault: str) -> None:
    """Before the split it goes on; from then on it is void, its order is used, and every share of the first key is where it was."""
    set_, before = authorized, {p: shares(authorized, p) for p in authorized.plot.here}
    sweeping.order(set_)
    remembered = dict(set_.cast.passphrases)
    shown, code = rehearsal.run_broken(set_, fault, sweeping.new_key_command(set_))
    assert code == KILLED, shown[-2000:]
    if fault != "kill-after:ordered":
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
    set_.cast.passphrases = remembered


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
