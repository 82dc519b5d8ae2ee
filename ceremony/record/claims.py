"""Claims: the fold over a register that says what each transfer holds back (AUT-10, BRD-06). Both the cold host and a verifier use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, decode
from ceremony.base.files import read_file
from ceremony.record import entries
from ceremony.record.state import State
from transfer.bitcoin import psbt
from transfer.limits import Spent
from transfer.outstanding import SETTLED_DEPTH, Claim

Claims = Mapping[int, Claim]
"""Number of a transfer -> what it holds back. A voided one holds nothing and is not there."""

NONE: Claims = MappingProxyType({})


def after(claims: Claims, number: int, state: State, aside: Callable[[], tuple[str, ...]] = tuple) -> Claims:
    """The claims with one more ceremony in the register. `aside`: the coins of every request that its kept-aside files name."""
    outcome = state.closed.outcome if state.closed is not None else ""
    if state.opened.kind == "receipt" and outcome == "receipt":
        return settled(claims, state)
    if state.opened.kind != "transfer" or (outcome == "void" and not holds(state)):
        return claims
    made = claim(number, state)
    return {**claims, number: replace(made, coins=tuple(dict.fromkeys((*made.coins, *aside())))) if outcome == "void" else made}


def holds(state: State) -> bool:
    """BRD-06: whether a voided transfer stays a claim: both readers had agreed, or two people's notes do not vouch for its record."""
    return state.last(entries.Agreed) is not None or not noted(state)


def noted(state: State) -> bool:
    """Whether the witness and a custodian or officer gave their notes of the record in the run that voided it."""
    run = state.run
    notes = {note.person for note in run.notes if note.entry is not None} if isinstance(run, entries.Resumed) else set()
    return "witness" in notes and bool(notes - {"witness", "administrator"})


def aside_coins(folder: Path, state: State) -> tuple[str, ...]:
    """The coins (`txid:vout`) of every request that files kept aside name: lines that were cut, and requests that no entry lists."""
    found: list[str] = []
    for file in state.all(entries.File):
        if file.kind in ("aside", "torn", "leftover"):
            raw = read_file(folder / file.name)
            found += _of_lines(raw) if file.kind != "leftover" else _of_request(raw)
    return tuple(dict.fromkeys(found))


def _of_lines(raw: bytes) -> list[str]:
    coins: list[str] = []
    for line in raw.split(b"\n"):
        try:
            entry = json.loads(line)
            coins += decode(entries.Agreed, entry["body"], "a line kept aside").coins if entry["type"] == "agreed" else ()
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # what cannot be read names nothing
    return coins


def _of_request(raw: bytes) -> list[str]:
    try:
        return [f"{spent.txid}:{spent.vout}" for spent in psbt.parse(raw).transaction.inputs]
    except (Malformed, Refused):
        return []  # what is no request names nothing


def claim(number: int, state: State) -> Claim:
    """What one transfer holds back by its own entries: from the grant its amount, from the request on its coins."""
    void = state.closed is not None and state.closed.outcome == "void"
    granted = [e for e in state.entries if isinstance(e.body, entries.Authorized)]
    agreed, checked = state.last(entries.Agreed), state.last(entries.Checked)
    return Claim(
        number=number,
        spent=tuple(Spent(time=e.line.time, amount=e.body.amount) for e in granted),
        payments=tuple(payment for e in granted for payment in e.body.payments),
        coins=agreed.coins if agreed is not None else (),
        txid=agreed.txid if agreed is not None else "",
        fee=agreed.fee if agreed is not None else 0,
        weight=checked.weight if checked is not None else 0,
        signed=state.last(entries.Signing) is not None or (void and agreed is not None),
        void=void,
        unsure=void and agreed is None,
    )


def settled(claims: Claims, state: State) -> Claims:
    """What a receipt settles: the transfer that it is of, and those that it says can never be mined."""
    now = dict(claims)
    for seen in state.all(entries.Sighting):
        for number, one in now.items():
            if one.txid == seen.txid:
                now[number] = replace(one, confirmations=max(one.confirmations, seen.confirmations))
    for body in state.all(entries.Settled):
        if body.ceremony in now:
            now[body.ceremony] = replace(now[body.ceremony], replaced_by=body.by)
    return now


def settles(claims: Claims, txid: str, confirmations: int) -> tuple[Claim, ...]:
    """The transfers that can never be mined once `txid` has so many confirmations: those that spend one of its coins, too."""
    winner = next((one for one in claims.values() if one.txid == txid), None)
    if winner is None or confirmations < SETTLED_DEPTH:
        return ()
    return tuple(one for one in claims.values() if one.txid not in {txid, ""} and not one.replaced_by and one.conflicts(winner.coins))


def check_settlement(claims: Claims, txid: str, confirmations: int) -> None:
    """BRD-03: of transactions that can never be mined beside one another, only one is ever seen `SETTLED_DEPTH` deep.

    A shallow receipt may be overtaken when the chain reorganises itself; a deep one never is, or a node lied."""
    winner = next((one for one in claims.values() if one.txid == txid), None)
    deep = [one for one in settles(claims, txid, confirmations) if one.confirmations >= SETTLED_DEPTH]
    if winner is not None and (winner.replaced_by or deep):
        refuse(
            "BRD-03",
            "the receipt contradicts an earlier one",
            found=f"{txid} in a block",
            expected=f"{winner.replaced_by or deep[0].txid}, which spends a coin of it and is deep, says its receipt",
            do="Send nothing and sign nothing. Look with nodes of others and tell the officers: this is an incident.",
        )


def fold(ceremonies: Iterable[tuple[int, State, Path]]) -> Claims:
    """The claims of all these ceremonies (number, state, folder), in their order."""
    claims: Claims = NONE
    for number, state, folder in ceremonies:
        claims = after(claims, number, state, partial(aside_coins, folder, state))
    return claims
