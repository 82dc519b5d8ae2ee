"""What the verifier of stock tools holds beyond signatures and chain, and ours with it: claims of voided transfers (BRD-06), forms of a
loss (SET-10), clocks that were ahead (ASM-04), who left (AUD-11), what approvals say (SIG-02)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base import data
from ceremony.base.control import Refused
from ceremony.base.data import canonical, encode
from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.loss import NAMESPACE, Loss, SignedLoss
from ceremony.record.register import Register
from ceremony.record.runs import tag
from ceremony.record.state import recorded
from ceremony.record.verify import verify
from tests.record import sample
from tests.record.amended import QUORUM
from tests.record.sample import Entry, FastDesk, Play, Sample, Scribe
from tests.record.test_prefixes import NOTES
from tests.record.test_verify_rules import at, by, put, signed
from tests.record.test_verify_stock import run as stock
from transfer.limits import moment, written

T = "transfer"
Before = Callable[[Scribe, str], None]


class _Over(Exception):
    """There the transfer is given up."""


def asked(folder: Path) -> tuple[str, str]:
    """What ours and the stock verifier say: a control, or nothing where all holds."""
    book = Register.open(folder)
    ours = ""
    try:
        verify(folder, book.genesis, book.head)
    except Refused as refused:
        ours = refused.identifier
    done = stock(folder, book.genesis, book.head)
    assert done.returncode == (1 if done.stderr else 0), done.stdout
    return ours, done.stderr.partition(" ")[0]


def given_up(folder: Path, before: Before) -> Sample:
    """A register whose second ceremony, a transfer, is given up there."""
    folder.mkdir()
    made = Sample(FastDesk(folder), folder, Play(before=before))
    with suppress(_Over):
        made.transfer(2, made.keygen())
    return made


def void(title: str, *, notes: tuple[entries.Note, ...] = (), kept: bytes = b"") -> Before:
    """Voided before the step of this title is done; by a later run if people have notes, or lines were kept aside."""

    def before(scribe: Scribe, now: str) -> None:
        if (scribe.kind, now) != (T, title):
            return
        if notes or kept:
            name = f"aside-{len(scribe.transcript.state.entries)}-{tag(kept)}.lines"
            body = scribe.resume(notes=notes, found=(name,) if kept else ())
            scribe.add("tool", body)
            scribe.checkpoint("run", body.signers)
            if kept:
                scribe.keep(name, "aside", kept)
        scribe.close("void", "given up")
        raise _Over

    return before


def then_paid(folder: Path, before: Before, **play: Any) -> tuple[str, str]:
    """A transfer is given up, and another one pays the same payee."""
    made = given_up(folder, before)
    made.play = Play(**play)
    made.transfer(3, Register.open(folder).head)
    return asked(folder)


@pytest.mark.control("BRD-06")
def test_a_transfer_that_was_voided_without_notes_is_named_by_who_pays_the_same(tmp_path: Path) -> None:
    assert then_paid(tmp_path / "unaware", void("Authorization")) == ("BRD-06", "BRD-06")
    assert then_paid(tmp_path / "aware", void("Authorization"), wanted={"aware_of": (2,)}) == ("", "")
    assert then_paid(tmp_path / "noted", void("Authorization", notes=NOTES)) == ("", "")
    alone = (entries.Note(person="witness", entry=1), entries.Note(person="administrator", entry=1))
    assert then_paid(tmp_path / "staff", void("Authorization", notes=alone)) == ("BRD-06", "BRD-06")


@pytest.mark.control("BRD-06")
def test_what_both_readers_had_agreed_stays_held_in_a_voided_transfer(tmp_path: Path) -> None:
    assert then_paid(tmp_path / "register", void("Review", notes=NOTES)) == ("BRD-06", "BRD-06")


@pytest.mark.control("BRD-06")
def test_coins_of_lines_that_were_kept_aside_stay_held(tmp_path: Path) -> None:
    """The other transfer would spend the coins that a cut line names."""
    found: list[entries.Agreed] = []

    def noted(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        found.extend([body] if kind == T and isinstance(body, entries.Agreed) else [])
        return [(actor, body)]

    sample.write(tmp_path / "first", Play(change=noted), receipt=False)
    line = canonical({"type": "agreed", "body": encode(found[0])})
    cut = void("Authorization", kept=b"torn\n" + line)
    wanted = {"aware_of": (2,)}
    assert then_paid(tmp_path / "same", cut, wanted=wanted, coins=2) == ("BRD-06", "BRD-06")
    assert then_paid(tmp_path / "others", cut, wanted=wanted) == ("", "")


def lost(people: Iterable[str], namespace: Any = NAMESPACE, forger: str = "", **changes: Any) -> Before:
    """The witness is lost before the room was looked at; the administrator ends the transfer as void, by a form of these people."""

    def before(scribe: Scribe, title: str) -> None:
        if (scribe.kind, title) != (T, "Clock and closing slips"):
            return
        last, state = scribe.transcript.state.entries[-1].line, scribe.transcript.state
        facts = {"ceremony": 2, "entry": last.seq, "head": last.digest, "lost": ("witness",), "reason": "ill", "issued": last.time}
        form = Loss(**{"mark": "practice", "genesis": scribe.genesis, **facts, **changes})
        desk = scribe.desk
        made = tuple(desk.sign(p, form, namespace, forger or None) for p in people)  # type: ignore[call-arg]
        typed = tuple(each for each in scribe.resume().watches if each.person == "administrator")
        scribe.add("tool", scribe.resume(loss=SignedLoss(form=form, signatures=made), signers=("administrator",), watches=typed))
        scribe.checkpoint("run", ("administrator",))
        for person in ("A1",) if state.actors(entries.Watch) else ():
            scribe.add("administrator", entries.Left(person=person))
        scribe.add("tool", entries.Closed(outcome="void", reason="the witness is lost", signers=("administrator",)))
        scribe.sign_end()
        raise _Over

    return before


STAND_IN = ("cfo", "cto", *QUORUM)
LOSSES: dict[str, tuple[str, Before]] = {
    "by all who must": ("", lost(STAND_IN)),
    "by the officers alone": ("SET-10", lost(("cfo", "cto"))),
    "by one officer": ("SET-10", lost(STAND_IN[1:])),
    "by who is lost, too": ("SET-10", lost((*STAND_IN, "witness"))),
    "with somebody else's key": ("AUT-03", lost(STAND_IN, forger="cfo")),
    "in another namespace": ("AUT-03", lost(STAND_IN, "approval@cold-ceremony")),
    "of another ceremony": ("SET-10", lost(STAND_IN, ceremony=3)),
    "behind another entry": ("SET-10", lost(STAND_IN, entry=7)),
    "of another genesis": ("SET-10", lost(STAND_IN, genesis="ab" * 32)),
    "of production": ("SET-10", lost(STAND_IN, mark="production")),
    "of what was not kept aside": ("SET-10", lost(STAND_IN, aside="ab" * 32)),
}


@pytest.mark.control("SET-10")
@pytest.mark.parametrize("name", LOSSES)
def test_a_form_of_a_loss(name: str, tmp_path: Path) -> None:
    control, before = LOSSES[name]
    given_up(tmp_path / "register", before)
    assert asked(tmp_path / "register") == (control, control)


@pytest.mark.control("AUD-11")
def test_by_a_form_a_run_goes_on_whose_signature_is_lost(tmp_path: Path) -> None:
    given_up(tmp_path / "register", lost(STAND_IN))
    kept = tmp_path / "register" / "0002-transfer" / "run-1.sig"
    kept.write_bytes(b"no signature")
    assert asked(tmp_path / "register") == ("", "")
    kept.unlink()
    assert asked(tmp_path / "register") == ("", "")
    kept.with_name("run-2.sig").unlink()
    assert asked(tmp_path / "register") == ("AUD-11", "AUD-11")


def ahead(minutes: int, title: str = "Room") -> Before:
    """The machine's clock was ahead by so many minutes: a run that all watches contradict ends the transfer as void."""

    def before(scribe: Scribe, now: str) -> None:
        if (scribe.kind, now) != (T, title):
            return
        time = scribe.transcript.state.entries[-1].line.time
        scribe.moment, scribe.play = moment(time), replace(scribe.play, pace=0)
        early = written(moment(time).replace(second=0) - (moment("2026-01-01T01:00:00Z") - moment("2026-01-01T00:00:00Z")) * minutes / 60)
        body = scribe.resume(watches=tuple(entries.Reading(person=p, typed=early) for p in ("administrator", "witness")), notes=NOTES)
        scribe.add("tool", body)
        scribe.checkpoint("run", body.signers)
        scribe.close("void", "the clock was ahead")
        raise _Over

    return before


@pytest.mark.control("ASM-04")
@pytest.mark.parametrize(("minutes", "control"), [(60, ""), (10, "ASM-04")])
def test_a_clock_that_was_ahead_stands_still(minutes: int, control: str, tmp_path: Path) -> None:
    given_up(tmp_path / "register", ahead(minutes))
    assert asked(tmp_path / "register") == (control, control)


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("told", [True, False])
def test_who_left_without_signing_is_told(told: bool, tmp_path: Path) -> None:
    """A1 typed the time and read a slip, and signed nothing after that."""

    def before(scribe: Scribe, title: str) -> None:
        if (scribe.kind, title) == (T, "Clock and closing slips"):
            for person in ("A1",) if told else ():
                scribe.add("administrator", entries.Left(person=person))
            scribe.add("tool", entries.Closed(outcome="void", reason="A1 left", signers=("administrator", "witness")))
            scribe.sign_end()
            raise _Over

    given_up(tmp_path / "register", before)
    control = "" if told else "AUD-11"
    assert asked(tmp_path / "register") == (control, control)


def other(field: str, value: object) -> Callable[[str, Any], Iterable[Entry]]:
    """An approval that says something else."""
    return lambda actor, body: [signed(actor, body, canonical({**json.loads(body.text), field: value}).decode())]


@pytest.mark.control("SIG-02")
@pytest.mark.parametrize("field", ["txid", "fee", "inputs"])
def test_an_approval_of_another_transaction(field: str, tmp_path: Path) -> None:
    value = {"asset": "BTC", "units": "1"} if field == "fee" else sha256(b"another")
    sample.write(tmp_path / "register", Play(change=at(T, by("A1", "approval"), other(field, value))), receipt=False)
    assert asked(tmp_path / "register") == ("SIG-02", "SIG-02")


@pytest.mark.control("SIG-02")
def test_an_approval_of_the_same_number_of_another_asset(tmp_path: Path) -> None:
    made = Play(change=at(T, by("A1", "approval"), lambda actor, body: [signed(actor, body, body.text.replace("BTC", "ETH"))]))
    sample.write(tmp_path / "register", made, receipt=False)
    assert asked(tmp_path / "register") == ("AUD-01", "SIG-02")


@pytest.mark.control("AUD-01")
@pytest.mark.parametrize("cls", [entries.Authorized, entries.Agreed, entries.Checked])
def test_an_entry_with_an_amount_of_another_asset(cls: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, said = [False], data.Asset.written

    def look(_kind: str, actor: str, body: object) -> Iterable[Entry]:
        here[0] = isinstance(body, cls)
        return [(actor, body)]

    with monkeypatch.context() as patch:
        patch.setattr(data.Asset, "written", lambda self, units: {**said(self, units), **({"asset": "ETH"} if here[0] else {})})
        patch.setattr(data, "_units", lambda _asset, value, _where: int(value["units"]))
        anchor = sample.write(tmp_path / "register", Play(change=look), receipt=False)
    recorded.cache_clear()  # it would remember the lines as they were decoded while they were written
    with pytest.raises(Refused, match="AUD-01"):
        verify(anchor.register, anchor.genesis, anchor.head)
    assert stock(anchor.register, anchor.genesis, anchor.head).stderr.startswith("AUD-01 ")


def bodies(cls: type) -> Callable[[str, Any], bool]:
    return lambda _actor, body: isinstance(body, cls)


@pytest.mark.control("SET-09")
def test_a_process_that_passed_fewer_tests(tmp_path: Path) -> None:
    sample.write(tmp_path / "register", Play(change=put(T, bodies(entries.SelfTests), 0, count=3)), receipt=False)
    assert asked(tmp_path / "register") == ("SET-09", "SET-09")
