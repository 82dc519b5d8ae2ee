"""Type-back from payee slips, with no address on the screen; and addresses that only look like ones that are known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ceremony import demonstration
from ceremony.base.control import Refused
from ceremony.demonstration import PAYEE, Stage
from ceremony.record import entries
from ceremony.record.chain import Chain
from ceremony.record.ledger import Ledger
from ceremony.record.register import Register
from ceremony.record.rules import transfer
from ceremony.record.rules.typeback import check_typed, groups_of
from ceremony.record.slip import _groups
from ceremony.record.state import State
from ceremony.record.verify import verify
from ceremony.screen.payee import groups, numbered
from ceremony.screen.terminal import Terminal
from ceremony.script import lookalike, typeback
from tests.ceremony import rehearsal
from tests.ceremony.test_transfer import refused
from tests.record import sample

LEGACY = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"


@pytest.mark.control("TXN-06")
def test_a_slip_with_another_address_stops_the_ceremony(prepared: Stage) -> None:
    """Somebody changed the address after the payee confirmed it, or the slip is another payment's: it is seen before anybody approves."""
    slip = prepared.folder / "office" / "payee-slip.txt"
    there, other = (chr(10).join(numbered(address)) for address in (PAYEE, PAYEE[:6] + PAYEE[:5:-1]))
    assert there in slip.read_text()
    slip.write_text(slip.read_text().replace(there, other))
    shown = refused(prepared, "TXN-06", *demonstration.transfer_command(prepared))
    assert "what A1 types from the payee slip is not what this request pays to" in shown
    typing = shown.partition("== Type back")[2].split("TXN-06")[0]
    assert typing.count("on your payee slip") == 6, "three groups, and once more three others"
    assert PAYEE[:8] not in typing.replace(" ", "")
    assert "typed-back" not in rehearsal.types(prepared)
    assert rehearsal.refusals(prepared) == ["TXN-06"]
    assert "witness: you know each of them, by sight or by their papers." in " ".join(shown.split())


@pytest.mark.control("TXN-07")
def test_a_payee_whose_address_looks_like_a_past_one_is_refused(prepared: Stage) -> None:
    poisoned = PAYEE[:10] + "q" * (len(PAYEE) - 14) + PAYEE[-4:]
    shown, code = rehearsal.run_broken(prepared, f"past:{poisoned}", demonstration.transfer_command(prepared))
    assert code == 1
    assert "TXN-07 the address of example-exchange looks like one that ceremony 1 paid" in shown
    assert "reviewed" not in rehearsal.types(prepared)


@pytest.mark.control("TXN-07")
def test_a_look_alike_is_refused_before_anybody_comes(authorized: Stage) -> None:
    poisoned = PAYEE[:10] + "q" * (len(PAYEE) - 14) + PAYEE[-4:]
    shown, code = rehearsal.run_broken(authorized, f"past:{poisoned}", demonstration.prepare_command(authorized))
    assert (code, "TXN-07 the address of example-exchange looks like one" in shown) == (1, True)
    assert "agreed" not in rehearsal.types(authorized)


# --- below the terminal -----------------------------------------------------------------------------------------------------


class Room:
    """A room in which somebody types from a slip; what is yielded is in its state."""

    def __init__(self, addresses: tuple[str, ...], said: Callable[[str], str]) -> None:
        self.state, self.addresses, self.said, self.asked = State(()), addresses, said, list[tuple[int, int]]()
        self.screen = Terminal(self._read)

    def _read(self, prompt: str) -> str:
        sys.stdout.write(prompt)
        words = prompt.split()
        place = (int(words[5]), int(words[2]))
        self.asked.append(place)
        return self.said(groups_of(self.addresses[place[0] - 1])[place[1] - 1])

    def types(self, person: str) -> None:
        for actor, body in typeback._typed(self, person, self.addresses, typeback.PAYEE_SLIP):  # type: ignore[arg-type]
            line: Any = SimpleNamespace(actor=actor, body=body)
            self.state = self.state.then(line)


def wrong(said: str) -> str:
    return ("q" if said[0] != "q" else "p") + said[1:]


def test_case_does_not_matter_where_it_means_nothing() -> None:
    room = Room((PAYEE,), str.upper)
    room.types("A1")
    legacy = Room((LEGACY,), str)
    legacy.types("A1")
    with pytest.raises(Refused, match="TXN-06"):
        Room((LEGACY,), str.swapcase).types("A1")


@pytest.mark.control("TXN-06")
def test_a_wrong_group_is_asked_once_more_with_others_and_then_stops() -> None:
    slips = iter([wrong, str, str, str, str, str])

    def slipping_once(said: str) -> str:
        return next(slips)(said)

    room = Room((PAYEE,), slipping_once)
    room.types("A1")
    assert len(set(room.asked)) == 6
    again = Room((PAYEE,), wrong)
    with pytest.raises(Refused, match="TXN-06"):
        again.types("A1")
    assert len(set(again.asked)) == 6


def test_the_second_person_types_other_groups_and_the_first_group_is_never_asked() -> None:
    room = Room((PAYEE,), str)
    room.types("A1")
    room.types("B1")
    assert len(set(room.asked)) == 6
    assert all(group != 1 for _, group in room.asked)
    check_typed(typeback.typed(room.state), (PAYEE,), ("A1", "B1"))


def test_with_several_payments_the_groups_are_spread_over_them() -> None:
    room = Room((PAYEE,) * 3, str)
    room.types("A1")
    assert {payment for payment, _ in room.asked} == {1, 2, 3}
    assert [body.payment for body in room.state.all(entries.TypedBack)] == [1, 2, 3]


@pytest.mark.parametrize("taken", [(), ((1, 2), (1, 3), (1, 4))])
def test_a_short_address_is_enough_for_both_and_for_a_mistake(taken: Iterable[tuple[int, int]]) -> None:
    tried = set(typeback.pick((LEGACY,), set(taken), set()))
    assert len(typeback.pick((LEGACY,), set(taken), tried)) == 3


def test_the_slips_groups_are_those_that_are_asked_for() -> None:
    assert groups(PAYEE) == groups_of(PAYEE)


def test_the_groups_on_a_closing_slip_of_a_new_key_are_those_that_are_asked_for() -> None:
    cells = " ".join(_groups(PAYEE)).split()
    assert dict(zip(map(int, cells[::2]), cells[1::2], strict=True)) == dict(enumerate(groups_of(PAYEE), start=1))


def test_the_address_is_gone_from_the_screen_and_from_what_the_terminal_kept(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal(lambda _: "")
    screen._console = Console(force_terminal=True, width=80, height=24)
    screen.screen(("PRACTICE", "== Type back"))
    screen.show((PAYEE,))
    capsys.readouterr()
    screen.forget()
    shown = capsys.readouterr().out
    assert "\x1b[3J" in shown
    assert "== Type back" in shown
    assert PAYEE not in shown


@pytest.mark.control("TXN-07")
def test_a_verifier_sees_a_payment_to_a_look_alike_of_a_past_payee(tmp_path: Path) -> None:
    anchor = sample.write(tmp_path / "register")
    verify(anchor.register, anchor.genesis, anchor.head)
    book = Register.open(anchor.register)
    poisoned = PAYEE[:10] + "q" * (len(PAYEE) - 14) + PAYEE[-4:]
    ledger = Ledger(genesis=book.genesis, chain=Chain(book.charters[:1])).after(book.ceremonies[0])
    transfer.check(book.ceremonies[1], ledger, {book.genesis, book.ceremonies[0].head})
    assert ledger.after(book.ceremonies[1]).paid == {PAYEE: 2}
    with pytest.raises(Refused, match="TXN-07"):
        transfer.check(book.ceremonies[1], replace(ledger, paid={poisoned: 1}), {book.genesis, book.ceremonies[0].head})


def test_past_and_own_addresses_are_known(tmp_path: Path) -> None:
    book = Register.open(sample.write(tmp_path / "register").register)
    known = lookalike.past(book, 3)
    assert known[PAYEE] == "one that ceremony 2 paid"
    assert sum("our own" in whose for whose in known.values()) == 3, "two coins and the change"
    assert lookalike.past(book, 2) == {}
