"""The script as it is played: for each step of each ceremony's script (record/scripts.py) the function that plays it, and what people
see of it. Minutes, explanations and controls are presentation: no verifier reads them (SET-01, SET-06)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ceremony.record import entries, scripts
from ceremony.record.scripts import Who

if TYPE_CHECKING:
    from ceremony.record.state import State
    from ceremony.script.room import Room, Steps


@dataclass(frozen=True, slots=True)
class Play:
    """How one step is played. `run` is `module:function`."""

    run: str
    minutes: int
    controls: tuple[str, ...]
    blind: bool = False
    """The screen does not say the ceremony's number: people read it from their closing slips (ASM-05)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a script, and how it is played."""

    script: scripts.ScriptStep
    play: Play

    @property
    def number(self) -> int:
        """Its place in its script, from 1."""
        return self.script.number

    @property
    def phase(self) -> str:
        """The phase that it belongs to."""
        return self.script.phase

    @property
    def title(self) -> str:
        """Its title."""
        return self.script.title

    @property
    def who(self) -> Who:
        """Who acts in it."""
        return self.script.who

    @property
    def staff_signs(self) -> bool:
        """Administrator and witness sign the checkpoint when it is done (end of a phase)."""
        return self.script.signed == "yes"

    @property
    def run(self) -> str:
        """`module:function`."""
        return self.play.run

    @property
    def minutes(self) -> int:
        """About how long it takes."""
        return self.play.minutes

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that it holds to."""
        return self.play.controls

    @property
    def blind(self) -> bool:
        """The screen does not say the ceremony's number."""
        return self.play.blind

    @property
    def why(self) -> str:
        """What it is for, in one sentence for the people who stand there (`?` at a prompt)."""
        return WHY.get(self.run, "")

    def function(self) -> Callable[[Room], Steps]:
        """The step's function, imported when it is needed."""
        module, name = self.run.split(":")
        function: Callable[[Room], Steps] = getattr(import_module(f"ceremony.script.{module}"), name)
        return function


def _played(kind: str, *plays: Play) -> tuple[Step, ...]:
    return tuple(Step(step, play) for step, play in zip(scripts.current(kind).steps, plays, strict=True))


MACHINE = ("SET-02", "SET-09", "AIR-02", "AIR-03", "AIR-04", "AIR-05", "AIR-06", "AIR-07", "REC-10")
"""What the step that opens the HSM holds to."""

BAGS_OPENED = Play("bags:opened", 3, ("STO-01", "STO-02"))
BAGS_CLOSED = Play("bags:closed", 3, ("STO-01", "SEC-02"))
"""Right after the roll-call of every ceremony that opens shares; and in the step before its adjournment (SEC-02)."""

CONSTITUTION = ("SET-01", "SET-04", "SET-05", "STO-08", "AUT-01", "AUT-02", "AUT-04", "AUT-05")
"""What the first key generation of a register begins with, and (by the officers' order) every later one."""

KEYGEN = _played(
    "keygen",
    Play("ordered:founded", 2, CONSTITUTION),
    Play("surroundings:checklist", 3, ("AIR-01",), blind=True),
    Play("outside:clock_and_slips", 3, ("ASM-04", "ASM-05", "AUD-10"), blind=True),
    Play("opening:roll_call_of_all", 15, ("ASM-01", "ASM-02")),
    Play("prepare:machine", 5, MACHINE),
    Play("generate:generate", 2, ("GEN-02", "GEN-08", "GEN-13")),
    Play("generate:lock_all", 40, ("GEN-10", "STO-05", "STO-09")),
    Play("generate:prove_quorums", 1, ("GEN-07",)),
    Play("generate:sign_key_record", 15, ("GEN-14",)),
    BAGS_CLOSED,
    Play("closing:adjourn_keygen", 10, ("AUD-02",)),
)

REQUESTED = ("TXN-01", "TXN-07", "TXN-09", "AUT-06", "AUT-07", "AUT-10")

TRANSFER = _played(
    "transfer",
    Play("prepare:authorization", 3, ("AUT-01", "AUT-02", "AUT-04", "AUT-05", "AUT-08")),
    Play("prepare:machine", 5, MACHINE),
    Play("prepare:request", 3, REQUESTED),
    Play("surroundings:checklist", 3, ("AIR-01",), blind=True),
    Play("outside:clock_and_slips", 5, ("ASM-04", "ASM-05", "AUD-10"), blind=True),
    Play("opening:roll_call", 10, ("ASM-01", "ASM-02")),
    BAGS_OPENED,
    Play("review:review", 5, ("TXN-02", "TXN-05", "TXN-07", "TXN-12")),
    Play("typeback:type_back", 4, ("TXN-06",)),
    Play("review:approvals", 8, ("SIG-02",)),
    Play("sitting:unlock", 8, ("REC-01", "REC-02", "REC-04", "REC-12", "REC-13")),
    Play("sitting:sign", 2, ("REC-06", "REC-07", "REC-08", "REC-09", "SIG-01", "SIG-03", "SEC-03")),
    Play("sitting:lock_again", 5, ("SEC-01",)),
    BAGS_CLOSED,
    Play("closing:adjourn", 5, ("AUD-02",)),
    Play("closing:carry_out", 5, ("EXP-01", "EXP-02")),
    Play("closing:close_transfer", 1, ()),
)

RECEIPT = _played(
    "receipt",
    Play("receipt:take", 5, ("BRD-03", "BRD-04")),
    Play("receipt:close", 1, ("BRD-05",)),
)

AMEND = _played(
    "amend",
    Play("amend:documents", 10, ("STO-07", "AUT-02", "AUT-06", "SET-04")),
    Play("amend:close", 1, ()),
)

DRILL = _played(
    "drill",
    Play("drills:rehearsed", 5, ("DRL-02",)),
    Play("surroundings:checklist", 3, ("AIR-01",), blind=True),
    Play("outside:clock_and_slips", 5, ("ASM-04", "ASM-05", "AUD-10"), blind=True),
    Play("health:roll_call_of_drill", 5, ("ASM-01", "ASM-02")),
    BAGS_OPENED,
    Play("health:prove", 12, ("STO-10", "SEC-01")),
    Play("drills:outcome", 10, ("DRL-01", "DRL-03")),
    BAGS_CLOSED,
    Play("drills:close", 5, ("AUD-02",)),
)

CHECK = _played(
    "check",
    Play("health:roll_call", 3, ("ASM-01", "ASM-02")),
    Play("brought:take", 1, ("STO-10", "AUD-10")),
    BAGS_OPENED,
    Play("health:prove", 4, ("STO-10", "SEC-01")),
    BAGS_CLOSED,
    Play("health:close", 2, ("AUD-02",)),
)

CUSTODY = _played(
    "custody",
    Play("custody:take", 5, ("STO-01", "STO-03", "STO-04", "STO-09")),
    Play("custody:close", 1, ()),
)

RESEAL = _played(
    "reseal",
    Play("ordered:take", 2, ("AUT-01", "AUT-02", "AUT-04", "AUT-05")),
    Play("reseal:roll_call", 3, ("ASM-01", "ASM-02")),
    BAGS_OPENED,
    Play("reseal:reseal", 8, ("STO-10", "SEC-01", "REC-12")),
    BAGS_CLOSED,
    Play("reseal:close", 2, ("AUD-02",)),
)

RESHARE = _played(
    "reshare",
    Play("ordered:take", 3, ("AUT-01", "AUT-02", "AUT-04", "AUT-05")),
    Play("prepare:machine", 5, MACHINE),
    Play("surroundings:checklist", 3, ("AIR-01",), blind=True),
    Play("outside:clock_and_slips", 3, ("ASM-04", "ASM-05", "AUD-10"), blind=True),
    Play("opening:roll_call_of_all", 15, ("ASM-01", "ASM-02")),
    BAGS_OPENED,
    Play("reshare:unlock", 8, ("REC-01", "REC-02", "REC-04", "REC-12", "REC-13")),
    Play("reshare:resplit", 1, ("REC-06", "GEN-08", "GEN-13")),
    Play("generate:lock_all", 40, ("GEN-10", "STO-05", "STO-09")),
    Play("generate:prove_quorums", 1, ("GEN-07",)),
    Play("generate:sign_key_record", 15, ("GEN-14",)),
    Play("reshare:destroy_old", 10, ("SEC-05", "SEC-04")),
    BAGS_CLOSED,
    Play("reshare:close", 10, ("AUD-02",)),
)

SCRIPTS: dict[str, tuple[Step, ...]] = {
    "keygen": KEYGEN, "transfer": TRANSFER, "receipt": RECEIPT, "amend": AMEND, "drill": DRILL, "check": CHECK,
    "custody": CUSTODY, "reseal": RESEAL, "reshare": RESHARE,
}  # fmt: skip

WHY: dict[str, str] = {
    "ordered:founded": "Charter and policy are taken into the register, so that everything later is held to them; or, where a key "
    "exists, the order of both officers for a new one.",
    "opening:roll_call_of_all": "Each person signs for themselves that they are here and that this is the transcript.",
    "opening:roll_call": "Each person signs for themselves that they are here and that this is the transcript. Enough custodians must be.",
    "prepare:authorization": "What both officers signed is checked and granted once; from here on its amount counts against the limits.",
    "prepare:machine": "The machine is looked at, the HSM opened with its PIN, and its import path tried with a throw-away key.",
    "prepare:request": "The one file that people approve and that keys sign from is built from the snapshot, and read by two readers.",
    "generate:generate": "The secret is made from two sources and split; nobody sees it.",
    "generate:lock_all": "Each custodian locks their share under a passphrase of their own, and opens it once more from their medium.",
    "generate:prove_quorums": "Every group of custodians that must be enough is tried, so that none is found wanting later.",
    "generate:sign_key_record": "Everyone signs which set of shares exists from now on. Before the last signature there is none.",
    "reshare:unlock": "Enough shares of the set in use are opened. Their sealed shares stay as they are until the new set is signed.",
    "reshare:resplit": "The secret is recovered, compared with every recorded account, and split anew; nobody sees it.",
    "reshare:destroy_old": "Old shares would still open the key together: they are destroyed before two people, and the rest is counted.",
    "reshare:close": "Everyone signs the transcript as it stands; then people may leave, and the new set is in use.",
    "surroundings:checklist": "The witness walks through the room: what listens, looks in or transmits here must not, before people speak.",
    "outside:clock_and_slips": "Watches and closing slips say what no copy of the register can: the time, and how the last ceremony ended.",
    "bags:opened": "A bag tells whether anybody was at the share since it was closed. Look at it before it is cut open.",
    "bags:closed": "Each share goes into a new bag before its custodian leaves. Its number is what the next opening is compared with.",
    "review:review": "Everyone reads whom this pays, how much, and the fee, made from the very bytes that will be signed.",
    "typeback:type_back": "What the payee said is compared with the bytes by two people, from their paper and not from the screen.",
    "review:approvals": "Everyone who must signs an approval of this request and no other. No share is open yet.",
    "sitting:unlock": "Each custodian opens their share with their passphrase; it is checked at once. Nothing is combined too early.",
    "sitting:sign": "The keys go into the HSM, SIGN is typed, the HSM signs, and the keys are destroyed.",
    "sitting:lock_again": "Every share that was opened is locked again and proven before anybody leaves.",
    "closing:adjourn_keygen": "Everyone signs the transcript as it stands; then people may leave.",
    "closing:adjourn": "Everyone signs the transcript as it stands; then custodians may leave.",
    "closing:carry_out": "The signed transaction leaves for the online host, as a bundle and as QR frames, each read back.",
    "closing:close_transfer": "This transcript ends. The receipt follows when the chain has the transaction.",
    "drills:rehearsed": "What these people practised since the last drill is taken in, from a practice register that is verified whole.",
    "drills:outcome": "What was tried and missing, which attack was injected and caught, what is to be mended, and when the next drill is.",
    "drills:close": "Everyone signs the drill as it stands; the clock of 92 days begins anew.",
    "health:roll_call": "Who proves a share signs that they are here. The witness signs, too, where there is one.",
    "health:roll_call_of_drill": "Each person signs for themselves that they are here. They need not be enough: nothing is combined.",
    "brought:take": "What custodians found at their own sites, and signed there, comes into the register: it counts once.",
    "health:prove": "Each custodian opens their share alone; it is compared with its commitment and locked again. None is combined.",
    "ordered:take": "What both officers ordered about shares is checked and taken in; it is used by this ceremony and by no other.",
    "reseal:roll_call": "Who gives their share another passphrase or medium signs that they are here, and so does the witness.",
    "reseal:reseal": "Each custodian opens their share alone and locks it anew. It is opened once more before the old one goes.",
    "reseal:close": "Everyone who is here signs what was done.",
    "health:close": "Everyone who is here signs what was proven.",
    "receipt:take": "What was seen of the transaction on chain is compared with what was signed, and with who looked.",
    "receipt:close": "The transfer is complete.",
    "amend:documents": "What was signed elsewhere is checked by the charter in force, shown as what it changes, and taken in.",
    "custody:take": "What happened to shares between ceremonies, as its people signed it, is compared with the register and kept.",
    "custody:close": "This transcript ends, and where the shares are is known.",
    "amend:close": "This transcript ends, and what came in counts.",
}
"""What each step is for, by its `run`."""


def number_of(kind: str, run: str) -> int:
    """The number of the step that `run` (`module:function`) plays in one kind of ceremony."""
    return next(step.number for step in SCRIPTS[kind] if step.run == run)


MAKES_A_SET = ("keygen", "reshare")
"""Kinds of ceremonies that make a set of shares."""


def set_signed(state: State) -> bool:
    """Whether a ceremony has made its set: everyone who is there has signed its key record. From here on a resharing cannot be void."""
    if state.opened.kind not in MAKES_A_SET or state.file("key-record") is None:
        return False
    return set(state.signers("key-record")) >= set(state.actors(entries.Present))


def in_one_sitting(state: State) -> bool:
    """Whether the secret was split and the key record is not signed by all: stopped now, it is void (GEN-14)."""
    return state.opened.kind in MAKES_A_SET and state.file("key-record") is not None and not set_signed(state)


PREPARED = number_of("transfer", "prepare:request")
"""The last step of a transfer that needs administrator and witness alone (`ceremony prepare`)."""
