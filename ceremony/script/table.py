"""The script: every step of every ceremony, in order. Screen, printed script and verifier read this one table (SET-01, SET-06)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from ceremony.base.data import canonical
from ceremony.base.lines import sha256
from ceremony.record import entries

if TYPE_CHECKING:
    from ceremony.record.state import State
    from ceremony.script.room import Room, Steps

Who = Literal["staff", "everyone", "custodians", "officers"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `run` is `module:function`; `live`: what it achieves lives in the vault only and is lost with it."""

    phase: str
    title: str
    who: Who
    minutes: int
    controls: tuple[str, ...]
    run: str
    live: bool = False
    staff_signs: bool = False
    """Administrator and witness sign the checkpoint when it is done (end of a phase)."""
    blind: bool = False
    """The screen does not say the ceremony's number: people read it from their closing slips (ASM-05)."""
    number: int = 0
    """Its place in its script, from 1: set by `_numbered`."""

    @property
    def why(self) -> str:
        """What it is for, in one sentence for the people who stand there (`?` at a prompt)."""
        return WHY.get(self.run, "")

    def function(self) -> Callable[[Room], Steps]:
        """The step's function, imported when it is needed."""
        module, name = self.run.split(":")
        function: Callable[[Room], Steps] = getattr(import_module(f"ceremony.script.{module}"), name)
        return function


def _numbered(*steps: Step) -> tuple[Step, ...]:
    return tuple(replace(step, number=number) for number, step in enumerate(steps, start=1))


MACHINE = ("SET-02", "SET-09", "AIR-02", "AIR-03", "AIR-04", "AIR-05", "AIR-06", "AIR-07", "REC-10")
"""What the step that opens the HSM holds to."""

BAGS_OPENED = Step("open", "Open the bags", "custodians", 3, ("STO-01", "STO-02"), "bags:opened")
BAGS_CLOSED = Step("re-secure", "Close the bags", "custodians", 3, ("STO-01", "SEC-02"), "bags:closed")
"""Right after the roll-call of every ceremony that opens shares; and in the step before its adjournment (SEC-02)."""

CONSTITUTION = ("SET-01", "SET-04", "SET-05", "STO-08", "AUT-01", "AUT-02", "AUT-04", "AUT-05")
"""What the first key generation of a register begins with, and (by the officers' order) every later one."""

KEYGEN = _numbered(
    Step("open", "Charter and policy, or order", "staff", 2, CONSTITUTION, "ordered:founded"),
    Step("open", "Room", "staff", 3, ("AIR-01",), "surroundings:checklist", blind=True),
    Step("open", "Clock and closing slips", "everyone", 3, ("ASM-04", "ASM-05", "AUD-10"), "outside:clock_and_slips", blind=True),
    Step("open", "Roll-call", "everyone", 15, ("ASM-01", "ASM-02"), "opening:roll_call_of_all", staff_signs=True),
    Step("prepare", "Machine and HSM", "staff", 5, MACHINE, "prepare:machine", live=True),
    Step("generate", "Generate and split", "staff", 2, ("GEN-02", "GEN-08", "GEN-13"), "generate:generate", live=True),
    Step("generate", "Lock, write, read back, open", "custodians", 40, ("GEN-10", "STO-05", "STO-09"), "generate:lock_all", live=True),
    Step("generate", "Prove every quorum", "staff", 1, ("GEN-07",), "generate:prove_quorums", live=True),
    Step("sign", "Sign the key record", "everyone", 15, ("GEN-14",), "generate:sign_key_record"),
    BAGS_CLOSED,
    Step("close", "Adjourn", "everyone", 10, ("AUD-02",), "closing:adjourn_keygen"),
)

REQUESTED = ("TXN-01", "TXN-07", "TXN-09", "AUT-06", "AUT-07", "AUT-10")

TRANSFER = _numbered(
    Step("prepare", "Authorization", "staff", 3, ("AUT-01", "AUT-02", "AUT-04", "AUT-05", "AUT-08"), "prepare:authorization"),
    Step("prepare", "Machine and HSM", "staff", 5, MACHINE, "prepare:machine"),
    Step("prepare", "Signing request", "staff", 3, REQUESTED, "prepare:request", staff_signs=True),
    Step("open", "Room", "staff", 3, ("AIR-01",), "surroundings:checklist", blind=True),
    Step("open", "Clock and closing slips", "everyone", 5, ("ASM-04", "ASM-05", "AUD-10"), "outside:clock_and_slips", blind=True),
    Step("open", "Roll-call", "everyone", 10, ("ASM-01", "ASM-02"), "opening:roll_call", staff_signs=True),
    BAGS_OPENED,
    Step("review", "Review", "everyone", 5, ("TXN-02", "TXN-05", "TXN-07", "TXN-12"), "review:review"),
    Step("review", "Type back", "custodians", 4, ("TXN-06",), "typeback:type_back", staff_signs=True),
    Step("approve", "Approvals", "everyone", 8, ("SIG-02",), "review:approvals", staff_signs=True),
    Step("assemble", "Unlock the shares", "custodians", 8, ("REC-01", "REC-02", "REC-04", "REC-12", "REC-13"), "sitting:unlock", live=True),
    Step("sign", "Sign", "everyone", 2, ("REC-06", "REC-07", "REC-08", "REC-09", "SIG-01", "SIG-03", "SEC-03"), "sitting:sign"),
    Step("re-secure", "Lock the shares again", "custodians", 5, ("SEC-01",), "sitting:lock_again"),
    BAGS_CLOSED,
    Step("re-secure", "Adjourn", "everyone", 5, ("AUD-02",), "closing:adjourn"),
    Step("carry out", "Bundle and QR", "staff", 5, ("EXP-01", "EXP-02"), "closing:carry_out", staff_signs=True),
    Step("carry out", "Close", "staff", 1, (), "closing:close_transfer"),
)

RECEIPT = _numbered(
    Step("receipt", "Receipt", "staff", 5, ("BRD-03", "BRD-04"), "receipt:take", staff_signs=True),
    Step("receipt", "Close", "staff", 1, ("BRD-05",), "receipt:close"),
)

AMEND = _numbered(
    Step("amend", "Charter or policy", "staff", 10, ("STO-07", "AUT-02", "AUT-06", "SET-04"), "amend:documents", staff_signs=True),
    Step("amend", "Close", "staff", 1, (), "amend:close"),
)

DRILL = _numbered(
    Step("open", "Practice transfer", "staff", 5, ("DRL-02",), "drills:rehearsed"),
    Step("open", "Room", "staff", 3, ("AIR-01",), "surroundings:checklist", blind=True),
    Step("open", "Clock and closing slips", "everyone", 5, ("ASM-04", "ASM-05", "AUD-10"), "outside:clock_and_slips", blind=True),
    Step("open", "Roll-call", "everyone", 5, ("ASM-01", "ASM-02"), "health:roll_call_of_drill", staff_signs=True),
    BAGS_OPENED,
    Step("prove", "Each share alone", "custodians", 12, ("STO-10", "SEC-01"), "health:prove"),
    Step("record", "Outcome of the drill", "staff", 10, ("DRL-01", "DRL-03"), "drills:outcome", staff_signs=True),
    BAGS_CLOSED,
    Step("close", "Adjourn", "everyone", 5, ("AUD-02",), "drills:close"),
)

CHECK = _numbered(
    Step("open", "Roll-call", "custodians", 3, ("ASM-01", "ASM-02"), "health:roll_call"),
    Step("open", "Health records", "staff", 1, ("STO-10", "AUD-10"), "brought:take"),
    BAGS_OPENED,
    Step("prove", "Each share alone", "custodians", 4, ("STO-10", "SEC-01"), "health:prove"),
    BAGS_CLOSED,
    Step("close", "Adjourn", "custodians", 2, ("AUD-02",), "health:close"),
)

CUSTODY = _numbered(
    Step("custody", "Custody records", "staff", 5, ("STO-01", "STO-03", "STO-04", "STO-09"), "custody:take", staff_signs=True),
    Step("custody", "Close", "staff", 1, (), "custody:close"),
)

RESEAL = _numbered(
    Step("open", "Share order", "custodians", 2, ("AUT-01", "AUT-02", "AUT-04", "AUT-05"), "ordered:take"),
    Step("open", "Roll-call", "custodians", 3, ("ASM-01", "ASM-02"), "reseal:roll_call"),
    BAGS_OPENED,
    Step("re-secure", "Seal anew", "custodians", 8, ("STO-10", "SEC-01", "REC-12"), "reseal:reseal"),
    BAGS_CLOSED,
    Step("close", "Adjourn", "custodians", 2, ("AUD-02",), "reseal:close"),
)

RESHARE = _numbered(
    Step("open", "Share order", "staff", 3, ("AUT-01", "AUT-02", "AUT-04", "AUT-05"), "ordered:take"),
    Step("open", "Machine and HSM", "staff", 5, MACHINE, "prepare:machine"),
    Step("open", "Room", "staff", 3, ("AIR-01",), "surroundings:checklist", blind=True),
    Step("open", "Clock and closing slips", "everyone", 3, ("ASM-04", "ASM-05", "AUD-10"), "outside:clock_and_slips", blind=True),
    Step("open", "Roll-call", "everyone", 15, ("ASM-01", "ASM-02"), "opening:roll_call_of_all", staff_signs=True),
    BAGS_OPENED,
    Step(
        "recover", "Unlock the old shares", "custodians", 8, ("REC-01", "REC-02", "REC-04", "REC-12", "REC-13"), "reshare:unlock", live=True
    ),
    Step("generate", "Recover and split anew", "staff", 1, ("REC-06", "GEN-08", "GEN-13"), "reshare:resplit", live=True),
    Step("generate", "Lock, write, read back, open", "custodians", 40, ("GEN-10", "STO-05", "STO-09"), "generate:lock_all", live=True),
    Step("generate", "Prove every quorum", "staff", 1, ("GEN-07",), "generate:prove_quorums", live=True),
    Step("sign", "Sign the key record", "everyone", 15, ("GEN-14",), "generate:sign_key_record"),
    Step("retire", "Destroy the old shares", "custodians", 10, ("SEC-05", "SEC-04"), "reshare:destroy_old"),
    BAGS_CLOSED,
    Step("close", "Adjourn", "everyone", 10, ("AUD-02",), "reshare:close"),
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


def digest(kind: str) -> str:
    """SET-01: SHA-256 of the script of one kind of ceremony: numbers, phases, titles, who, minutes, controls."""
    rows = [[str(s.number), s.phase, s.title, s.who, str(s.minutes), *s.controls] for s in SCRIPTS[kind]]
    return sha256(canonical(rows))
