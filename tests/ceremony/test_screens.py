"""Every screen of every kind of ceremony at 80 x 24: the header at each prompt, nothing wrapped, nothing told by colour alone."""

from __future__ import annotations

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.script.table import SCRIPTS, number_of
from tests.ceremony import golden
from tests.ceremony.eyes import Eyes

KINDS = ("keygen", "transfer", "receipt")


@pytest.fixture(scope="module")
def eyes(watched: dict[str, Eyes], carried_out_once: Stage) -> dict[str, Eyes]:
    """Eyes on each kind of ceremony, from its first prompt to its last one."""
    demonstration.broadcast(carried_out_once)
    demonstration.mine(carried_out_once)
    words = demonstration.receipt_commands(carried_out_once)
    carried_out_once.act("Receipts", *words[:-1])
    carried_out_once.cast.pace = watched["receipt"] = Eyes()
    carried_out_once.act("Close", words[-1])
    return watched


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_is_on_the_screen_at_every_prompt(eyes: dict[str, Eyes], kind: str) -> None:
    assert eyes[kind].seen > 0
    assert "\n----\n".join(eyes[kind].headless) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_step_and_minutes_are_those_of_the_script(eyes: dict[str, Eyes], kind: str) -> None:
    """Each step that asks something is shown with its number, how many there are, and the minutes of what is left of the script."""
    script = SCRIPTS[kind]
    seen = list(dict.fromkeys(eyes[kind].places))
    assert [place[0] for place in seen] == sorted(place[0] for place in seen)
    assert seen[-1][0] == len(script)
    for step, steps, minutes in seen:
        assert (steps, minutes) == (len(script), sum(s.minutes for s in script[step - 1 :]))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_wraps(eyes: dict[str, Eyes], kind: str) -> None:
    assert "\n".join(eyes[kind].wide) == ""


@pytest.mark.parametrize("typed", ["", "n"])
def test_a_prompt_that_is_too_long_would_be_seen(typed: str) -> None:
    """Also one that begins with who is asked, whatever they type."""
    watching = Eyes()
    watching.write("PRACTICE\r\nwitness: " + "word " * 15)
    watching.before_answer()
    watching.write(f"{typed}\r\n")
    assert watching.wide


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_told_by_colour(eyes: dict[str, Eyes], kind: str) -> None:
    assert eyes[kind].coloured == set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_kept_screens_are_what_people_see(eyes: dict[str, Eyes], kind: str) -> None:
    """`python -m tests.ceremony.golden` keeps them anew. Read what changed: it is what people read."""
    assert golden.text_of(eyes[kind].leaves) == (golden.SCREENS / f"{kind}.txt").read_text(encoding="utf-8")


@pytest.mark.control("ASM-05")
def test_before_slips_are_read_the_terminal_forgets_what_it_showed(eyes: dict[str, Eyes]) -> None:
    """The head that an earlier command left on the terminal cannot be scrolled back to, nor what it gave to be noted."""
    raw = "".join(eyes["transfer"].raw)
    step = f"step {number_of('transfer', 'outside:clock_and_slips')} of "
    assert "\x1b[3J" in raw[raw.index(step) : raw.index("on your own watch", raw.index(step))]
    assert "\x1b[3J" in raw[: raw.index("on your own watch")]
    before, after = raw.index("Note: entry"), raw.index("newest note of this ceremony")
    assert "\x1b[3J" in raw[before:after]


def test_the_kept_screens_of_an_officer_are_what_is_shown(authorized: Stage) -> None:
    for kind, text in golden.outputs(authorized).items():
        assert text == (golden.SCREENS / f"{kind}.txt").read_text(encoding="utf-8")
