"""The register as a whole: anchor, chain, files. Rules are in test_verify_rules.py, the stock tools in test_verify_stock.py."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.base.lines import sha256
from ceremony.record import entries, runs
from ceremony.record.register import Register
from ceremony.record.verify import Anchored, verify
from tests.desk import ceremony
from tests.record import sample, tamper
from tests.record.sample import Anchor, Play
from tests.record.tamper import Damage

STRIDE = int(os.environ.get("TAMPER_STRIDE", "121"))
"""Every how many bytes one is changed; TAMPER_STRIDE=1 changes every single one (about ten minutes)."""


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    return sample.given(tmp_path_factory.mktemp("verify") / "register")


def refused(anchor: Anchor, register: Path, *, anchored: bool = True) -> str:
    """The control that refuses; fails the test if nothing does."""
    with pytest.raises(Refused) as caught:
        verify(register, anchor.genesis if anchored else None, anchor.head if anchored else None)
    return caught.value.identifier


def damaged(anchor: Anchor, damages: Iterator[Damage], folder: Path) -> Iterator[tuple[Damage, Path]]:
    """A fresh copy for each damage, with the damage in it."""
    for damage in damages:
        copy = folder / "copy" / "register"
        shutil.copytree(anchor.register, copy)
        damage.apply(copy)
        yield damage, copy
        shutil.rmtree(folder / "copy")


def test_what_is_whole_and_anchored_is_verified(anchor: Anchor) -> None:
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    assert (verdict.said, verdict.code) == ("VERIFIED", 0)
    assert [(c.number, c.kind, c.outcome) for c in verdict.ceremonies] == [
        (1, "keygen", "key record signed"),
        (2, "transfer", "carried out"),
        (3, "receipt", "receipt"),
    ]
    assert verdict.signatures["approval"] == 7
    assert verdict.anchored is not None
    assert verdict.anchored.head == anchor.head


def test_nobody_else_makes_the_proof(anchor: Anchor) -> None:
    register = verify(anchor.register, anchor.genesis, anchor.head).anchored
    assert register is not None
    with pytest.raises(TypeError):
        Anchored(register.register, object())


@pytest.mark.control("AUD-09")
@pytest.mark.parametrize(("genesis", "head"), [(False, False), (True, False), (False, True)])
def test_without_the_whole_anchor_nothing_is_verified(anchor: Anchor, genesis: bool, head: bool) -> None:
    verdict = verify(anchor.register, anchor.genesis if genesis else None, anchor.head if head else None)
    assert (verdict.said, verdict.code, verdict.anchored) == ("NOT ANCHORED", 3, None)


@pytest.mark.control("AUD-09")
def test_a_register_forged_whole_with_fresh_keys_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    forged = sample.write(tmp_path / "register", fresh="attacker")
    assert verify(forged.register).said == "NOT ANCHORED"
    assert refused(anchor, forged.register) == "AUD-09"


@pytest.mark.control("AUD-09")
def test_the_genuine_charter_does_not_carry_forged_signatures(anchor: Anchor, tmp_path: Path) -> None:
    shutil.copytree(anchor.register, tmp_path / "register")
    forger = sample.FastDesk(tmp_path, fresh="attacker")

    def change(_kind: str, actor: str, body: object) -> list[tuple[str, object]]:
        if isinstance(body, entries.Signature) and body.purpose == "adjournment" and body.text:
            blob = forger.sign(actor, body.text.encode(), body.namespace).blob
            body = replace(body, blob=blob)
        return [(actor, body)]

    forged = sample.write(tmp_path / "forged", Play(change=change))
    with pytest.raises(Refused) as caught:
        verify(forged.register, forged.genesis, forged.head)
    assert caught.value.identifier == "AUT-03"


@pytest.mark.control("AUD-10")
def test_an_old_copy_is_refused_as_rolled_back(anchor: Anchor, tmp_path: Path) -> None:
    old = tmp_path / "register"
    shutil.copytree(anchor.register, old)
    shutil.rmtree(old / "0003-receipt")
    verdict = verify(old)
    assert verdict.said == "NOT ANCHORED"
    assert refused(anchor, old) == "AUD-10"
    assert verify(old, anchor.genesis, verdict.head).said == "VERIFIED"


def test_a_slip_that_is_older_than_the_register_anchors_up_to_its_ceremony(anchor: Anchor) -> None:
    earlier = verify(anchor.register).ceremonies[1].head
    verdict = verify(anchor.register, anchor.genesis, earlier)
    assert (verdict.words, verdict.code, verdict.anchored) == (("ANCHORED UP TO CEREMONY 2",), 3, None)


@pytest.mark.control("AUD-09")
def test_a_head_that_no_ceremony_ended_with_vouches_for_nothing(anchor: Anchor) -> None:
    within = Register.open(anchor.register).ceremonies[1].state.entries[-2].line.digest
    with pytest.raises(Refused, match="entries follow") as caught:
        verify(anchor.register, anchor.genesis, within)
    assert caught.value.identifier == "AUD-09"


@pytest.mark.control("AUD-01")
def test_every_changed_byte_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    copy = tmp_path / "register"
    shutil.copytree(anchor.register, copy)
    found: Counter[str] = Counter()
    for damage in tamper.bytes_(anchor.register, STRIDE):
        path = copy / damage.name.partition(":")[0]
        raw = path.read_bytes()
        damage.apply(copy)
        found[refused(anchor, copy)] += 1
        path.write_bytes(raw)
    assert set(found) <= {"AUD-01", "AUD-03", "AUD-08", "AUD-09", "AUD-10", "AUD-11", "ASM-04"}
    assert found["AUD-01"] > len(tamper.files(anchor.register))


@pytest.mark.control("AUD-01")
def test_every_changed_byte_is_refused_without_the_anchor_too(anchor: Anchor, tmp_path: Path) -> None:
    """All but the last entry: whoever changes that one has only its signature to break, and it has none."""
    copy = tmp_path / "register"
    shutil.copytree(anchor.register, copy)
    last = copy / "0003-receipt" / "transcript.jsonl"
    end = len(last.read_bytes()) - len(last.read_bytes().splitlines(keepends=True)[-1])
    for damage in tamper.bytes_(anchor.register, STRIDE * 3):
        path = copy / damage.name.partition(":")[0]
        if path == last and int(damage.name.rpartition(" ")[2]) >= end:
            continue
        raw = path.read_bytes()
        damage.apply(copy)
        refused(anchor, copy, anchored=False)
        path.write_bytes(raw)


@pytest.mark.control("AUD-01")
def test_every_line_dropped_moved_added_or_repeated_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    for _, copy in damaged(anchor, tamper.lines(anchor.register, 3), tmp_path):
        assert refused(anchor, copy).startswith(("AUD-", "ASM-04"))


@pytest.mark.control("AUD-01")
def test_every_other_spelling_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    for _, copy in damaged(anchor, tamper.spellings(anchor.register), tmp_path):
        assert refused(anchor, copy).startswith("AUD-")


@pytest.mark.control("AUD-05")
def test_every_extra_missing_or_odd_file_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    for _, copy in damaged(anchor, tamper.shapes(anchor.register), tmp_path):
        assert refused(anchor, copy) in {"AUD-01", "AUD-03", "AUD-05", "AUD-08", "AUD-09", "AUD-10", "AUD-11"}


@pytest.mark.control("AUD-05")
def test_an_unlisted_file_is_refused_by_name(anchor: Anchor, tmp_path: Path) -> None:
    shutil.copytree(anchor.register, tmp_path / "register")
    (tmp_path / "register" / "0002-transfer" / "notes.txt").write_text("hello")
    with pytest.raises(Refused, match=r"0002-transfer/'notes\.txt' is extra") as caught:
        verify(tmp_path / "register", anchor.genesis, anchor.head)
    assert caught.value.identifier == "AUD-05"


@pytest.mark.control("AUD-03")
def test_a_ceremony_that_continues_from_another_head_is_a_fork(anchor: Anchor, tmp_path: Path) -> None:
    """Two copies of one register that went on apart: the later ceremony of the one does not fit the other."""
    shutil.copytree(anchor.register, tmp_path / "register")
    other = sample.write(tmp_path / "other", Play(wanted={"purpose": "another purpose"}))
    shutil.rmtree(tmp_path / "register" / "0003-receipt")
    shutil.copytree(other.register / "0003-receipt", tmp_path / "register" / "0003-receipt")
    with pytest.raises(Refused) as caught:
        verify(tmp_path / "register")
    assert caught.value.identifier == "AUD-03"


@pytest.mark.control("AUD-08")
def test_a_gap_in_the_numbers_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    shutil.copytree(anchor.register, tmp_path / "register")
    (tmp_path / "register" / "0003-receipt").rename(tmp_path / "register" / "0004-receipt")
    assert refused(anchor, tmp_path / "register") == "AUD-08"


@pytest.mark.control("AUD-08")
def test_a_year_reads_as_one_chain_with_its_voids(tmp_path: Path) -> None:
    many = sample.many(tmp_path / "register", 400)
    verdict = verify(many.register, many.genesis, many.head)
    assert verdict.said == "VERIFIED"
    assert [c.outcome for c in verdict.ceremonies][1:] == ["void"] * (len(verdict.ceremonies) - 1)
    assert "0002-transfer: void: 'a rehearsal of many'" in verdict.notes


@pytest.mark.parametrize("kept", [1, 7, 40, 90])
def test_an_unfinished_ceremony_is_incomplete(anchor: Anchor, tmp_path: Path, kept: int) -> None:
    copy = tmp_path / "register"
    shutil.copytree(anchor.register, copy)
    shutil.rmtree(copy / "0003-receipt")
    transcript = copy / "0002-transfer" / "transcript.jsonl"
    lines = transcript.read_bytes().splitlines(keepends=True)[:kept]
    transcript.write_bytes(b"".join(lines))
    listed = {line.split(b'"name":"')[1].split(b'"')[0].decode() for line in lines if b'"type":"file"' in line}
    for path in transcript.parent.iterdir():
        if path != transcript and path.name not in listed:
            path.unlink()
    if "TAMPER_DEMO" in os.environ:  # nobody has the key of a run of the demonstration: what it signed is not cut
        assert refused(anchor, copy) in {"AUD-08", "AUD-10"}
        return
    runs.sign(sample.run_key("2 1"), transcript.parent, 1, lines[-1])
    begun = kept > 2  # both have signed its first run: before that it is no ceremony
    head = sha256(lines[-1]) if begun else Register.open(anchor.register).ceremonies[0].head
    verdict = verify(copy, anchor.genesis, head)
    assert (verdict.said, verdict.code, verdict.anchored) == ("INCOMPLETE", 3, None)
    assert any(note.startswith("0002-transfer: INCOMPLETE: it has not ended") for note in verdict.notes) == begun


def test_no_register_is_a_wrong_path(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="there is no register"):
        verify(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused) as caught:
        verify(tmp_path / "empty")
    assert caught.value.identifier == "AUD-01"


def test_the_command_says_it_on_one_screen(anchor: Anchor) -> None:
    done = ceremony("audit", "verify", anchor.register, "--genesis", anchor.genesis, "--head", anchor.head)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "VERIFIED"
    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines if str(anchor.register) not in line)


def test_the_command_without_the_anchor_exits_3(anchor: Anchor) -> None:
    done = ceremony("audit", "verify", anchor.register)
    assert done.returncode == 3
    assert done.stdout.startswith("NOT ANCHORED\n")


def test_the_command_refuses_with_the_control_first(anchor: Anchor, tmp_path: Path) -> None:
    shutil.copytree(anchor.register, tmp_path / "register")
    flipped = tmp_path / "register" / "0001-keygen" / "policy.json"
    flipped.write_bytes(flipped.read_bytes().replace(b"exchange", b"exchangf"))
    done = ceremony("audit", "verify", tmp_path / "register", "--genesis", anchor.genesis, "--head", anchor.head)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("AUD-01 0001-keygen/policy.json is changed\n")


def test_a_digest_of_another_form_is_a_wrong_use(anchor: Anchor) -> None:
    done = ceremony("audit", "verify", anchor.register, "--genesis", "12", "--head", anchor.head)
    assert done.returncode == 2
