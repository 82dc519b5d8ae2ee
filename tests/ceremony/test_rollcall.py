"""What people bring from outside: watches and closing slips. Last quarter's copy of a register is refused in each way there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ceremony import demonstration
from ceremony.base.control import Refused
from ceremony.base.words import spoken
from ceremony.demonstration import Stage
from ceremony.record import entries
from ceremony.record.register import Ceremony, Register
from ceremony.record.rules.outside import Seen, check_readers, check_watches
from ceremony.record.state import State
from ceremony.record.verify import verify
from ceremony.screen.terminal import Terminal
from ceremony.script import opening, outside
from tests.ceremony import rehearsal
from tests.ceremony.test_transfer import refused
from tests.record import sample

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
SLIP = "number of the ceremony on your slip"


@pytest.fixture
def key_alone(_authorized: Stage) -> Path:
    """Last quarter's copy: the register as it was before the transfer."""
    return _authorized.folder / "register"


@pytest.fixture
def begun(_prepared: Stage) -> Path:
    """A copy from after `prepare`."""
    return _prepared.folder / "register"


def restore(stage: Stage, older: Path) -> None:
    """Somebody puts an older copy of the same register in place of the newest one; nobody wrote down a note."""
    stage.cast.noted.clear()
    shutil.rmtree(stage.folder / "register")
    shutil.copytree(older, stage.folder / "register")


@pytest.mark.control("AUD-10")
def test_closing_slips_of_a_later_ceremony_show_a_rollback(carried_out: Stage, begun: Path) -> None:
    head = Register.open(begun).ceremonies[0].head
    restore(carried_out, begun)
    shown = refused(carried_out, "AUD-10", *demonstration.transfer_command(carried_out)[:-1], "outbound-again")
    assert "a slip of ceremony 2" in shown
    before = shown.split(SLIP)[0]
    assert "PRACTICE  transfer " in before, "the screen does not say which ceremony this is"
    assert not re.search(r"ceremony [0-9]", before)
    assert sum(word in before for word in spoken(head)) < 3


@pytest.mark.control("AUD-10")
def test_the_head_of_an_authorization_shows_a_rollback(carried_out: Stage, key_alone: Path) -> None:
    for name in ("authorization.json", "authorization.signatures", "confirmation.json", "confirmation.signatures"):
        (carried_out.folder / "office" / name).unlink()
    for path in (carried_out.folder / "office").glob("payee-slip.*"):
        path.unlink()
    demonstration.authorize(carried_out)
    restore(carried_out, key_alone)
    refused(carried_out, "AUD-10", *demonstration.prepare_command(carried_out))


@pytest.mark.control("AUD-10")
def test_the_sealing_number_of_a_card_shows_a_rollback(carried_out: Stage, begun: Path) -> None:
    """Whoever read slips and bags looked away, or read old ones; the shares are newer all the same."""
    restore(carried_out, begun)
    carried_out.cast.bags = {position: f"{position}-0001" for position in carried_out.cast.bags}
    for path in (carried_out.folder / "slips").glob("slip-0002-*"):
        path.unlink()
    shown = refused(carried_out, "AUD-10", *demonstration.transfer_command(carried_out)[:-1], "outbound-again")
    assert "sealing number 2, newer than the register" in shown
    assert "unlocked" not in rehearsal.types(carried_out)


@pytest.mark.control("ASM-04")
def test_a_machine_whose_clock_is_wrong_stands_still_until_it_is_right(prepared: Stage) -> None:
    wrong = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = rehearsal.types(prepared)
    shown, code = rehearsal.run_broken(prepared, f"clock:{wrong}", demonstration.transfer_command(prepared))
    assert code == 1
    assert "ASM-04 people's watches and the machine's clock" in shown
    assert wrong not in shown.split("ASM-04")[0], "the machine's time is not shown before the watches were read"
    assert rehearsal.types(prepared) == before


def test_slips_are_given_to_everybody_and_printed_again(carried_out: Stage) -> None:
    slips = carried_out.folder / "slips"
    people = {*carried_out.plot.names, "auditor"}
    names = {f"slip-{number:04d}-{person}{kind}" for number in (1, 2) for person in people for kind in (".txt", ".pdf")}
    assert {path.name for path in slips.iterdir()} == names
    words = ("register", "slip", *demonstration.transfer_command(carried_out)[1:5])
    shown, code = rehearsal.run(carried_out, *words, "--slips", "again")
    assert code == 0, shown
    for path in (carried_out.folder / "again").iterdir():
        assert path.read_bytes() == (slips / path.name).read_bytes()
    shown, code = rehearsal.run(carried_out, *words, "--slips", "register/slips")
    assert (code, "never lie inside the register" in shown) == (2, True)
    shown, code = rehearsal.run(carried_out, "register", "head", *words[2:])
    assert code == 0
    assert Register.open(carried_out.folder / "register").head in shown


def test_slips_that_an_interruption_left_unprinted_are_printed_later(prepared: Stage) -> None:
    words = demonstration.transfer_command(prepared)[1:5]
    _shown, code = rehearsal.run_broken(prepared, "kill:6", ("void", *words, "--reason", "the payee called it off"))
    assert (code, rehearsal.types(prepared)[-3:]) == (128 + 9, ["closed", "signature", "signature"])
    slips = prepared.folder / "slips"
    assert not list(slips.glob("slip-0002-*"))
    shown, code = rehearsal.run(prepared, "register", "slip", *words)
    assert code == 0, shown
    text = (slips / "slip-0002-B2.txt").read_text()
    assert "(void)" in text
    assert Register.open(prepared.folder / "register").head in text


# --- below the terminal: the sample's register, and somebody who types ------------------------------------------------------


def seen(person: str, minute: int, second: int = 30) -> Seen:
    """A watch, when the machine had 10:15:30 (or another second)."""
    return Seen(person, f"2026-11-20T10:{minute:02d}:00Z", f"2026-11-20T10:15:{second:02d}Z")


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    anchor = sample.write(tmp_path_factory.mktemp("slips") / "register")
    return Register.open(anchor.register)


@pytest.mark.parametrize("minutes", [(15, 15), (14, 15), (17, 16), (13, 13)])
def test_watches_within_two_minutes_are_enough(register: Register, minutes: tuple[int, int]) -> None:
    check_watches((seen("witness", minutes[0]), seen("A1", minutes[1])), register.charter)


@pytest.mark.control("ASM-04")
@pytest.mark.parametrize("watches", [
    (seen("witness", 12), seen("A1", 15)),
    (seen("witness", 18), seen("A1", 15)),
    (seen("witness", 17), seen("A1", 13)),
    (seen("witness", 15),),
    (seen("witness", 15), seen("administrator", 15)),
    (seen("A1", 15), seen("B1", 15)),
    (),
])  # fmt: skip
def test_watches_that_differ_or_of_other_people_are_refused(register: Register, watches: tuple[Seen, ...]) -> None:
    with pytest.raises(Refused, match="ASM-04"):
        check_watches(watches, register.charter)


NOTHING = State(())


def reading(typed: Iterable[str], state: State = NOTHING) -> Any:
    """A room in which somebody types these lines."""
    left = iter(typed)

    def read(prompt: str) -> str:
        sys.stdout.write(prompt)
        return next(left)

    return SimpleNamespace(screen=Terminal(read), state=state)


def words_of(ended: Ceremony, places: Iterable[int]) -> list[str]:
    return [spoken(ended.head)[place - 1] for place in places]


def read(register: Register, monkeypatch: pytest.MonkeyPatch, number: str, *said: Callable[[str], str]) -> entries.SlipRead:
    """A1 reads a slip of this number; each of `said` makes of a right word what is typed for one round of four words."""
    ended = list(register.ceremonies)
    rounds = [(1, 4, 9, 16), (2, 3, 8, 15)]
    asked = iter(rounds)
    monkeypatch.setattr(outside, "_pick", lambda *_: next(asked))
    known = ended[min(int(number), len(ended)) - 1]
    typed = [number] * (2 if int(number) > len(ended) else 1)
    typed += [*(change(word) for places, change in zip(rounds, said, strict=False) for word in words_of(known, places))]
    ((_person, body),) = outside._read(reading(typed), "A1", ended)
    return body


def right(word: str) -> str:
    return word.upper()


def wrong(_: str) -> str:
    return "aardvark"


def test_words_are_compared_in_any_case_and_once_more_when_they_are_wrong(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(register, monkeypatch, "3", right) == entries.SlipRead(ceremony=3, places=(1, 4, 9, 16))
    assert read(register, monkeypatch, "3", wrong, right).places == (2, 3, 8, 15)


@pytest.mark.control("AUD-10")
@pytest.mark.parametrize(("number", "said"), [("4", ()), ("3", (wrong, wrong)), ("2", (wrong, wrong))])
def test_a_higher_number_or_other_words_for_the_same_one_are_refused(
    register: Register, monkeypatch: pytest.MonkeyPatch, number: str, said: tuple[Callable[[str], str], ...]
) -> None:
    with pytest.raises(Refused, match="AUD-10"):
        read(register, monkeypatch, number, *said)


def state_of(*bodies: tuple[str, entries.SlipRead]) -> State:
    return State(tuple(SimpleNamespace(actor=actor, body=body) for actor, body in bodies))  # type: ignore[misc]


def slip(person: str, ceremony: int, *places: int) -> tuple[str, entries.SlipRead]:
    return (person, entries.SlipRead(ceremony=ceremony, places=places))


@pytest.mark.control("ASM-05")
@pytest.mark.parametrize("bodies", [
    (),
    (slip("A1", 3, 1, 2, 3, 4),),
    (slip("A1", 3, 1, 2, 3, 4), slip("B1", 2, 5, 6, 7, 8)),
    (slip("A1", 3, 1, 2, 3, 4), slip("B1", 3, 4, 5, 6, 7)),
    (slip("witness", 3, 1, 2, 3, 4), slip("administrator", 3, 5, 6, 7, 8)),
    (slip("A1", 3, 1, 2, 3), slip("witness", 3, 5, 6, 7, 8)),
])  # fmt: skip
def test_too_few_or_too_old_slips_are_refused(register: Register, bodies: tuple[tuple[str, entries.SlipRead], ...]) -> None:
    with pytest.raises(Refused, match="ASM-05"):
        check_readers(state_of(*bodies), 3, register.charter)
    check_readers(state_of(slip("A1", 3, 1, 2, 3, 4), slip("witness", 3, 5, 6, 7, 8)), 3, register.charter)


@pytest.mark.control("ASM-05")
def test_without_anybody_elses_slip_the_ceremony_stands_still(register: Register) -> None:
    room = reading(["none"])
    room.charter = register.charter
    with pytest.raises(Refused, match="ASM-05"):
        list(outside._slips(room, list(register.ceremonies)))


def test_places_are_others_for_the_second_reader_and_after_a_mistake() -> None:
    room = reading([], state_of(slip("witness", 3, 1, 2, 3, 4)))
    assert not set(outside._pick(room, 3, {5, 6, 7, 8})) & set(range(1, 9))


# --- who comes late -----------------------------------------------------------------------------------------------------------


@pytest.mark.control("REC-01")
def test_others_step_in_for_a_share_that_was_set_aside_and_the_ceremony_goes_on(approved: Stage) -> None:
    """C1 comes late, and power fails while C1 signs in. B2 has forgotten the passphrase: C2 steps in, and the vault is armed anew."""
    approved.cast.passphrases["B2"] = "not the passphrase of B2 at all"
    approved.cast.late += ["C1"]
    _shown, code = rehearsal.run_broken(approved, "kill-after:present", demonstration.transfer_command(approved, "resume"))
    assert (code, rehearsal.types(approved)[-1]) == (128 + 9, "present")
    approved.cast.late += ["", "C2"]
    shown, code = rehearsal.run(approved, *demonstration.transfer_command(approved, "resume"))
    assert code == 0, shown[-2000:]
    assert "Too few shares are left" in shown
    found = rehearsal.entries(approved)
    armed = [e["body"]["positions"] for e in found if e["type"] == "armed"]  # type: ignore[index]
    assert armed == [["A1", "A2", "B1", "B2", "C1"], ["A1", "A2", "B1", "C1", "C2"]]
    for person in ("A1", "B2", "C1", "C2"):
        signed = [e["body"]["purpose"] for e in found if e["type"] == "signature" and e["actor"] == person]  # type: ignore[index]
        assert signed == ["opening", "approval", "adjournment"], "everyone signs three times"
    book = Register.open(approved.folder / "register")
    assert verify(approved.folder / "register", book.genesis, book.head).said == "VERIFIED"
    stock = ["sh", str(SCRIPT), str(approved.folder / "register"), book.genesis, book.head]
    assert subprocess.run(stock, check=True, capture_output=True, text=True).stdout.endswith("VERIFIED\n")


@pytest.mark.control("ASM-02")
def test_whom_the_witness_does_not_know_does_not_sign_in() -> None:
    room = reading(["n", "the man with the key of A1 is not Ada"])
    room.charter = SimpleNamespace(member=lambda _: SimpleNamespace(name="Ada"))
    with pytest.raises(Refused, match="ASM-02"):
        opening._recognise(room, ["A1"])
