"""The script on paper: the numbered steps with blanks for initials and times, and one sheet for each role. From the same table as
the screen (SET-01)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal, get_args

from ceremony.record import scripts
from ceremony.record.entries import Kind
from ceremony.screen.paper import COLUMNS, ROWS
from ceremony.script.table import SCRIPTS, Step

Role = Literal["custodian", "officer", "administrator", "witness", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one role brings, is asked, and refuses."""

    bring: tuple[str, ...]
    asked: tuple[str, ...]
    refuse: tuple[str, ...]


SHEETS: dict[Role, Sheet] = {
    "custodian": Sheet(
        bring=(
            "your medium with the sealed share, in its closed bag; the key that you sign with",
            "your passphrase, in your head and nowhere else",
            "your newest closing slip, and the payee slip if one was given to you",
            "a watch that you set yourself; this sheet and a pen",
        ),
        asked=(
            "to sign three times: that you are here, that you approve, that this is how it went",
            "perhaps: the time on your watch; words from your closing slip; groups of the address from the payee slip",
            "to note an entry number and two words at each signature: if the ceremony is interrupted, they are asked for",
            "your passphrase, once, in a line that does not show it; three tries, and nothing is lost if they fail",
            "to wait until your share is locked again, and to take it home in a new bag",
        ),
        refuse=(
            "the first line does not say what you came for: PRACTICE or PRODUCTION, the kind, the number",
            "the address, the amount or the words differ from your paper: type n and say why; it is signed like any other answer",
            "anybody asks for your passphrase outside the line that hides it, or wants to type it for you",
            "anybody shows, reads out or asks for 24 words: no ceremony shows them",
            "somebody wants to hurry you, skip a step, or says that a refusal is a fault of the tool",
        ),
    ),
    "officer": Sheet(
        bring=(
            "the genesis digest or its words, from your own paper",
            "the key that you sign with, and nobody else's",
            "what you know of the payee from the contract, not from a message",
        ),
        asked=(
            "to read one screen: payee, whole address, amount, worth, fee, what stays, limits, validity, register head, words",
            "to type SIGN, once, for identical bytes that the other officer signs with another key",
            "to sign or refuse an exception form; to revoke what should not go on",
        ),
        refuse=(
            "a request that carries no valid signatures: the tool does not show it, and neither should you sign it elsewhere",
            "an address that differs in any group from what the payee read out; a payee who is new and urgent",
            "an amount, a fee or an account that you did not agree to; a register head that is older than your last slip",
            "an exception whose reason you would not want to read on page one of the report",
        ),
    ),
    "administrator": Sheet(
        bring=(
            "cold host, HSM, its PIN (or your half of it), the register's medium, empty sticks, printer and paper",
            "the signed authorization, the confirmation of the payee, the snapshot, the request for each custodian to come",
            "your newest closing slip; the key that you sign with; the genesis digest from outside the register",
        ),
        asked=(
            "to prepare with the witness alone: documents, machine, HSM, signing request; all that can fail fails here",
            "the PIN of the HSM; the tries that are left are shown before one is risked",
            "the time on your watch at the beginning of each run; to sign that beginning, and the end, together with the witness",
            "to sign the end of each phase together with the witness",
            "to carry the bundle to the online host, send it, and bring the receipt back",
        ),
        refuse=(
            "a machine finding that you cannot explain; a device that is not in the charter's list",
            "an HSM with another serial number, firmware or certificate, or with objects that nobody expects",
            "to go on while the witness is out of the room",
            "to bypass a refusal: there is no option for it; mend what it names, or end the ceremony as void",
        ),
    ),
    "witness": Sheet(
        bring=(
            "your newest closing slip; the key that you sign with; a watch that you set yourself",
            "the hash of the boot image, taken by you on another machine",
            "this script, to note initials, times and whatever is not as it says",
        ),
        asked=(
            "the time on your watch before the machine shows its own; words from your closing slip",
            "at the beginning of each run: your newest slip or note (entry number, two words); note them at each signature",
            "to answer for the room: recorders, windows, access, power, radiation, sound",
            "to approve the request like a custodian, and to sign the end of each phase together with the administrator",
        ),
        refuse=(
            "anything that is done and not on the screen, or on the screen and not done",
            "to sign for what you did not see; to leave while others go on (p pauses, and your signature ends the pause)",
            "words that differ between screen, slip and voice",
        ),
    ),
    "auditor": Sheet(
        bring=(
            "the genesis digest and the newest head from a closing slip that never lay with the register",
            "a machine of your own with sh, jq, ssh-keygen and openssl",
        ),
        asked=(
            "to run the verifier of stock tools and the tool's own over the register, and to compare the two verdicts",
            "to read page one of the report: exceptions, disagreement, refusals, interruptions, void ceremonies",
            "to look the transaction up on a node of your own",
        ),
        refuse=(
            "any verdict but VERIFIED alone: NOT ANCHORED proves nothing, ANCHORED UP TO CEREMONY N nothing of what follows",
            "a head that somebody sends together with the register",
            "gaps in the numbers, a receipt that is missing, an exception that nobody can explain",
        ),
    ),
}

_SLIP = ("your newest closing slip; a watch that you set yourself; this sheet and a pen",)
_OLD = (
    "your medium with the sealed share, in its closed bag; the key that you sign with",
    "your passphrase, in your head and nowhere else",
    *_SLIP,
)
_ALONE = (
    "to sign that you are here, and how it went",
    "the number of your bag before it is cut open, and of a new one afterwards",
    "your passphrase, in a line that does not show it; three tries, and nothing is lost if they fail",
)
_NEW = (
    "what your new share is locked onto, if the charter allows several media",
    "a new passphrase: six words from the screen, or one of your own; then to open your new share with it from its medium",
    "to sign the key record: the set of shares exists from the last of these signatures on, and nobody leaves before it",
)
CUSTODIAN: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "keygen": (
        ("your medium with room for a new share, and a new bag; the key that you sign with", *_SLIP),
        ("to sign that you are here, and at the end how it went", *_NEW, "the number of the bag that your share goes into"),
    ),
    "reshare": (
        (
            *_OLD[:2],
            "EVERY card, stick and copy of your old share, from wherever it lies: it is destroyed before you and the witness",
            "a medium with room for your new share, and a new bag",
            *_SLIP,
        ),
        (*_ALONE, *_NEW, "to see every old share of yours destroyed, and to say so; what is not brought counts as if somebody had it"),
    ),
    "reseal": (
        (*_OLD, "the new medium, if that changes; the medium of before all the same"),
        (
            *_ALONE,
            "what becomes new: passphrase, medium or both; then to open your share once more with what you chose",
            "to see the sealed share of before go, after the new one has been proven",
        ),
    ),
    "check": (_OLD, _ALONE),
    "drill": (_OLD, _ALONE),
}
"""Of a custodian in other kinds of ceremonies than a transfer: what they bring, and are asked."""

_WHO = {"staff": "adm wit", "everyone": "all", "custodians": "cust", "officers": "cfo cto"}


def sheet(role: Role, kind: Kind = "transfer") -> tuple[str, ...]:
    """One page for one role in one kind of ceremony."""
    found = SHEETS[role]
    if role == "custodian" and kind in CUSTODIAN:
        found = Sheet(
            *CUSTODIAN[kind], tuple(line.replace("the address, the amount or the words", "numbers or words") for line in found.refuse)
        )
    parts = (("You bring", found.bring), ("You will be asked", found.asked), ("You refuse when", found.refuse))
    lines = [f"# For the {role}", ""]
    for name, items in parts:
        lines += [f"# {name}", *(line for item in items for line in _item(item)), ""]
    return (
        *lines,
        *_wrapped("At any prompt of a ceremony: ? explains, b goes back where it can, p pauses, x asks for an exception, q stops."),
    )


def script(kind: Kind) -> tuple[str, ...]:
    """The numbered steps of one kind of ceremony, with blanks for initials and times."""
    return tuple(line for block in _blocks(kind) for line in block)


def pages(kind: Kind) -> tuple[tuple[str, ...], ...]:
    """The same on pages: no step is torn between two of them."""
    found: list[list[str]] = [[]]
    for block in _blocks(kind):
        if len(found[-1]) + len(block) > ROWS:
            found.append([])
        found[-1] += block
    return tuple(tuple(page) for page in found)


def _blocks(kind: Kind) -> list[list[str]]:
    steps = SCRIPTS[kind]
    top = [
        f"# The script of a {kind}, SHA-256",
        scripts.current(kind).digest,
        "",
        f"about {sum(step.minutes for step in steps)} minutes in all",
        "initials: of who did it, and of the witness; time: when it was done",
        "",
        f"# {'':>3} {'step':<32}  {'who':<8} {'min':>3}   initials      time   as said?",
        "",
    ]
    return [top, *(_step(step) for step in steps), ["# What was not as the script says", *("_" * COLUMNS for _ in range(6))]]


def _step(step: Step) -> list[str]:
    row = f"{step.number:>3} {step.title[:32]:<32}  {_WHO[step.who]:<8} {step.minutes:>3}   ____  ____    __:__    yes / no"
    lines = [row, *("      " + line for line in textwrap.wrap(step.why, COLUMNS - 6))]
    if step.controls:
        lines += ["      " + line for line in textwrap.wrap(", ".join(step.controls), COLUMNS - 6)]
    if step.staff_signs:
        lines.append("      administrator and witness sign the transcript")
    return [*lines, ""]


def _item(text: str) -> list[str]:
    return [("  [ ] " if at == 0 else "      ") + line for at, line in enumerate(textwrap.wrap(text, COLUMNS - 6))]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS)
