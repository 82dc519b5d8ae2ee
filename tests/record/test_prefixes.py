"""Every open prefix of a ceremony: cut with an editor it is refused; as the tool left it, it goes on, and ends as void with the claim that
it must keep, those before the readers agreed too (BRD-06, AUD-11)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.cli.cold import check_voidable
from ceremony.record import entries
from ceremony.record.checkpoint import statement
from ceremony.record.register import Ceremony, Register, leftovers
from ceremony.record.runs import split
from ceremony.record.scripts import STAFF
from ceremony.record.state import State
from ceremony.record.transcript import NAME
from ceremony.record.verify import verify
from ceremony.script import beginning
from tests.record.registers import WRITERS
from tests.record.sample import Entry, FastDesk, Play, Scribe
from tests.record.test_verify_stock import run as stock
from transfer.limits import moment, written

STRIDE = int(os.environ.get("PREFIX_STRIDE", "18"))
"""Every how many prefixes one is looked at; PREFIX_STRIDE=1 looks at each."""
CUT = {"transfer": "transfer", "check": "check", "custody": "custody", "reseal": "reseal", "reshare": "reshare", "drill": "drill"}
"""Writer of a register -> the ceremony in it that is cut off."""
NOTES = (entries.Note(person="witness", entry=1), entries.Note(person="A1", entry=1))


class _CutOffError(Exception):
    """The power is gone."""


@dataclass
class _UpTo:
    """Lets so many entries of one ceremony be written, and then ends."""

    kind: str
    count: int
    seen: int = 0

    def __call__(self, kind: str, actor: str, body: Any) -> Iterable[Entry]:
        if kind == self.kind:
            self.seen += 1
            if self.seen > self.count:
                raise _CutOffError
        return [(actor, body)]


def cut_off(name: str, count: int, folder: Path) -> Register:
    """The register of this writer, whose ceremony was cut off after so many entries."""
    with pytest.raises(_CutOffError):
        WRITERS[name](folder / "register", _UpTo(CUT[name], count))
    return Register.open(folder / "register")


def voided(ceremony: Ceremony, folder: Path, notes: tuple[entries.Note, ...]) -> Register:
    """The ceremony after another run, in which administrator and witness ended it as void."""
    desk, now = FastDesk(folder), ceremony.state.entries[-1].line.time
    desk.charter()
    watches = tuple(entries.Reading(person=person, typed=now[:-3] + "00Z") for person in STAFF)
    asked = beginning.Asked(STAFF, watches, notes)
    transcript, kept = beginning.go_on(ceremony, beginning.check_uncut(Register.open(ceremony.folder.parent)), asked, now)
    genesis = transcript.state.opened.genesis
    scribe = Scribe(desk, "cut off", genesis, transcript, Play(), moment(now))
    text = statement(transcript.state, genesis).text
    for person in STAFF:
        scribe.sign_text("run", text, person)
    beginning.list_kept(transcript, ceremony, kept, written(scribe.moment))
    scribe.moment = moment(transcript.state.entries[-1].line.time)
    scribe.close("void", "the power was gone")
    return Register.open(ceremony.folder.parent)


def length(name: str, folder: Path) -> int:
    """How many entries the ceremony has before its closing."""
    WRITERS[name](folder / "whole", lambda _kind, actor, body: [(actor, body)])
    found = next(c for c in Register.open(folder / "whole").ceremonies if c.kind == CUT[name])
    return next(at for at, e in enumerate(found.state.entries) if isinstance(e.body, entries.Closed))


def may_be_void(state: State) -> bool:
    try:
        check_voidable(state)
    except Refused:
        return False
    return True


@pytest.mark.control("BRD-06")
@pytest.mark.parametrize("name", CUT)
def test_every_open_prefix_ends_as_void_and_keeps_its_claim(name: str, tmp_path: Path) -> None:
    ended = 0
    for count in range(4, length(name, tmp_path), STRIDE):
        for noted in (True, False):
            place = tmp_path / f"{count}-{noted}"
            place.mkdir()
            book = cut_off(name, count, place)
            ceremony = book.unfinished
            assert ceremony is not None
            assert len(ceremony.state.entries) <= count  # a run that begins again stands for several
            if not list(leftovers(ceremony)) and split(ceremony.state.entries)[-1].signed:  # else it waits for the next run
                assert verify(book.folder).words == ("NOT ANCHORED", "INCOMPLETE")
            if not may_be_void(ceremony.state):
                continue
            after = voided(ceremony, place, NOTES if noted else ())
            assert verify(after.folder, after.genesis, after.head).said == "VERIFIED", count
            _check_claim(after, ceremony.state, noted=noted)
            ended += 1
            if count % (5 * STRIDE) == 4:
                done = stock(after.folder, after.genesis, after.head)
                assert (done.returncode, done.stderr) == (0, ""), (count, done.stderr)
    assert ended


def _check_claim(after: Register, before: State, *, noted: bool) -> None:
    """After `agreed` amount and coins stay held; without two notes the authorization's payees may have been paid."""
    claims = [claim for claim in after.claims(0) if claim.number == after.ceremonies[-1].number]
    if before.opened.kind != "transfer":
        assert claims == []
    elif (agreed := before.last(entries.Agreed)) is not None:
        (claim,) = claims
        assert (claim.outstanding, claim.held, claim.txid) == (True, agreed.coins, agreed.txid)
    elif noted:
        assert claims == []
    else:
        (claim,) = claims
        assert claim.unsure
        granted = before.last(entries.Authorized)
        assert claim.payments == (granted.payments if granted else ())


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("name", CUT)
def test_a_prefix_that_was_cut_with_an_editor_is_refused(name: str, tmp_path: Path) -> None:
    """What a run signed last is not there any more: neither verified nor gone on with, in both verifiers."""
    whole = length(name, tmp_path)
    book = cut_off(name, whole - 1, tmp_path)
    ceremony = book.unfinished
    assert ceremony is not None
    lines = [entry.line.raw for entry in ceremony.state.entries]
    for count in range(4, len(lines), 3 * STRIDE):
        (ceremony.folder / NAME).write_bytes(b"".join(lines[:count]))
        with pytest.raises(Refused) as caught:
            verify(book.folder)
        assert caught.value.identifier in {"AUD-05", "AUD-11"}, count
        with pytest.raises(Refused) as caught:
            beginning.check_uncut(Register.open(book.folder))
        assert caught.value.identifier == "AUD-11"
    done = stock(book.folder)
    assert (done.returncode, done.stderr[:4]) == (1, "AUD-"), done.stderr
