"""The prompt grammar: `? b p x q` at every prompt, agreeing and not agreeing, pages, forms. Somebody types; a screen answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ceremony.record.rules.surroundings import ITEMS
from ceremony.screen import panels
from ceremony.screen.terminal import NO_CEREMONY, NOT_BACK, Back, Excepting, Pausing, Stopped, Terminal
from ceremony.script import surroundings
from ceremony.script.room import Room
from ceremony.script.table import SCRIPTS, WHY

REASON = ("Why", "a reason", r"[ -~]{3,200}")
WHO = ("Who leaves", "a position", "[A-I][1-9]")


def typing(*lines: str) -> Callable[[str], str]:
    """Somebody who types these lines, one at each prompt."""
    left = iter(lines)

    def read(prompt: str) -> str:
        sys.stdout.write(prompt)
        return next(left)

    return read


def at_a_step(*lines: str, busy: str = "", stake: str = "") -> Terminal:
    """A terminal in the middle of a step."""
    screen = Terminal(typing(*lines))
    explain = panels.explanation("Roll-call", "Each signs that they are here.", "everyone", ("ASM-01",))
    screen.screen(("PRACTICE  transfer", "== Roll-call"), stake, explain, busy=lambda: busy)
    return screen


@pytest.mark.parametrize(("key", "kind"), [("p", Pausing), ("x", Excepting), ("q", Stopped)])
@pytest.mark.parametrize(
    "ask",
    [lambda s: s.enter("A1: sign."), lambda s: s.word("SIGN", "No return."), lambda s: s.agree("A1", "agree?"), lambda s: s.form(WHO)],
)
def test_every_prompt_lets_people_pause_except_and_stop(key: str, kind: type[Exception], ask: Callable[[Terminal], object]) -> None:
    with pytest.raises(kind):
        ask(at_a_step(key))


@pytest.mark.parametrize("key", ["p", "x"])
def test_while_shares_are_open_it_says_why_not_now_and_asks_on(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    at_a_step(key, "", busy="Not now: shares are open. Finish first.").enter("A1: sign.")
    assert "Not now: shares are open." in capsys.readouterr().out


@pytest.mark.parametrize("key", ["p", "x"])
def test_outside_a_ceremony_there_is_nothing_to_pause(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(typing(key, "")).enter("go on?")
    assert NO_CEREMONY in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("key", ["?", "b", "something else"])
def test_outside_a_ceremony_nothing_is_promised_that_is_not_there(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(typing(key, "")).enter("go on?")
    shown = " ".join(capsys.readouterr().out.split())
    assert "q stops." in shown
    for absent in ("resume", "pauses", "exception"):
        assert absent not in shown


def test_back_where_one_can_and_where_one_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Back):
        at_a_step("b").ask("Who? ", "a position", back=True)
    assert at_a_step("b", "A1").ask("Who? ", "a position") == "A1"
    assert NOT_BACK in " ".join(capsys.readouterr().out.split())


def test_question_mark_tells_of_the_step_and_then_of_the_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    screen = at_a_step("?", "", "A1")
    screen.show(("what stood there",))
    assert screen.ask("Who? ", "one position") == "A1"
    shown = capsys.readouterr().out
    explained = shown[shown.index("Each signs") :]
    for said in ("Who acts: everyone", "ASM-01", "Expected here: one position", "p pauses", "what stood there"):
        assert said in explained


def test_who_does_not_agree_says_why() -> None:
    assert at_a_step("").agree("A1", "you have read the address.") == ""
    assert at_a_step("n", "no", "the fee is too high").agree("A1", "you have read the address.") == "the fee is too high"
    assert at_a_step("n", "b", "").agree("A1", "you have read the address.") == ""


def test_who_does_not_agree_is_named_at_both_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    at_a_step("n", "not our payee").agree("C2", "you agree.")
    shown = capsys.readouterr().out
    assert "C2: you agree." in shown
    assert "C2, I do not agree, because: " in shown


def test_a_form_goes_back_one_field() -> None:
    assert at_a_step("A1", "b", "B2", "home").form(WHO, REASON) == ("B2", "home")
    assert at_a_step("b", "A1", "home").form(WHO, REASON) == ("A1", "home")
    with pytest.raises(Back):
        at_a_step("A1", "b", "b").form(WHO, REASON, back=True)


def test_pages_go_forward_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    screen = at_a_step("", "b", "", "")
    screen.pages([f"line {number}" for number in range(30)])
    shown = capsys.readouterr().out
    assert shown.count("line 0\n") == 2
    assert shown.count("line 29\n") == 2
    at_a_step().pages(["one line asks nothing"])
    with pytest.raises(Back):
        at_a_step("b").pages([f"line {number}" for number in range(30)], back=True)


def test_every_step_of_every_script_says_what_it_is_for() -> None:
    steps = [step for script in SCRIPTS.values() for step in script]
    assert [step.run for step in steps if step.run not in WHY] == []
    for step in steps:
        lines = panels.explanation(step.title, step.why, step.who, step.controls)
        assert max(map(len, lines)) <= panels.WIDTH


def test_a_passphrase_typed_where_a_folder_is_asked_for_is_gone_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """GEN-09: neither the answer nor the terminal's memory has it."""
    screen = Terminal(typing("six words that nobody else may see", str(tmp_path)))
    screen._console = Console(force_terminal=True, width=80, height=24)
    screen.screen(("PRACTICE", "== Roll-call"))
    screen.show(("Here are:",))
    capsys.readouterr()
    room = Room(screen, tmp_path, "", None, {})  # type: ignore[arg-type]
    assert room.medium("A1") == tmp_path
    shown = capsys.readouterr().out
    assert "six words" not in shown
    assert shown.index("\x1b[3J") < shown.index("Here are:") < shown.index("There is no such folder")


def test_an_item_of_the_room_that_was_marked_by_mistake_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    room: Any = SimpleNamespace(screen=at_a_step("3", "the door does not lock", "3", "2", "the blind is broken", ""))
    notes = surroundings._asked(room, list(ITEMS))
    assert {item: note for item, note in notes.items() if note} == {"windows": "the blind is broken"}
    assert capsys.readouterr().out.count("witness: the rest holds") == 2
