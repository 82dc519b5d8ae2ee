"""Under which numbers and onto what shares were locked: a number once (REC-12), onto a medium that the charter allows, and onto tokens
that are their own custodian's alone (GEN-10); and that what is proven was locked here, and what is removed is older (SEC-01)."""

from __future__ import annotations

from ceremony.record import entries
from ceremony.record.ledger import Ledger
from ceremony.record.register import Ceremony
from ceremony.record.rules.common import differs, equal
from ceremony.record.sets import Sealings, Sets, sealed_after


def check(ceremony: Ceremony, ledger: Ledger) -> None:
    """REC-12, GEN-10: number, medium and token of every lock;
    REC-10: a token was opened before, in a process whose protection is recorded;
    SEC-01: every proof, and every share that was replaced. Also of a ceremony that was voided: custody and health count on it."""
    opened: set[tuple[str, entries.Token]] = set()
    locked: dict[tuple[str, int], str] = {}
    sealings: Sealings = ledger.sets.sealings
    for entry in ceremony.state.entries:
        body = entry.body
        if isinstance(body, entries.CustodianToken):
            opened.add((body.position, body.token))
        elif isinstance(body, entries.Sealing):
            where = f"the share of {body.position} in entry {entry.line.seq}"
            locked[body.position, body.number] = body.sha256
            _check_number(ceremony, where, body, sealings)
            _check_another(ceremony, where, body, sealings)
            if body.medium not in ledger.charter.media:
                differs("GEN-10", ceremony, where, f"on a {body.medium}", " or ".join(ledger.charter.media))
            if (body.medium == "token") != (body.token is not None):
                differs(
                    "GEN-10", ceremony, where, "no token is named" if body.token is None else "a token is named", "it, for a token alone"
                )
            if body.token is not None:
                _check_token(ceremony, where, body, body.token, sealings)
                if (body.position, body.token) not in opened:
                    differs("REC-10", ceremony, where, "a token that was not opened", "the process that asked for its PIN before it")
        elif isinstance(body, entries.Proven):
            share = f"the proof of {body.position} in entry {entry.line.seq}"
            equal("SEC-01", ceremony, share, body.sha256, locked.get((body.position, body.number)))
        elif isinstance(body, entries.Removed | entries.NotRemoved):
            sets = Sets(sealings=sealings)
            if body.number >= sets.sealed(body.position, sets.set_of(body.position, body.number)).proven:
                found = f"number {body.number} {entries.type_of(body)}"
                differs("SEC-01", ceremony, f"the share of {body.position}", found, "older ones alone")
        sealings = sealed_after(sealings, (entry,))


def _check_number(ceremony: Ceremony, where: str, body: entries.Sealing, before: Sealings) -> None:
    """REC-12: a sealing number says which sealed share of which set is meant, for ever; also one of a ceremony that was voided."""
    if body.number < (least := Sets(sealings=before).next_number(body.position)):
        differs("REC-12", ceremony, where, f"sealing number {body.number}", f"{least} or higher: a number is never used twice")


def _check_another(ceremony: Ceremony, where: str, body: entries.Sealing, before: Sealings) -> None:
    """REC-12: number, position and set stand in a sealed share, so that no two are the same bytes. Else nothing was locked."""
    for (position, _set), had in before.items():
        for number in (number for number, digest in had.begun.items() if digest == body.sha256):
            differs("REC-12", ceremony, where, f"the sealed share {number} of {position} once more", "another one")


def _check_token(ceremony: Ceremony, where: str, body: entries.Sealing, token: entries.Token, sealings: Sealings) -> None:
    """Nobody else's share of this set lies on it."""
    for (position, set_identifier), had in sealings.items():
        there = [number for number, on in had.on.items() if on.token == token and number not in had.removed]
        if there and position != body.position and set_identifier == body.set_identifier:
            differs("GEN-10", ceremony, where, f"on the token of {position} as well", "a token of their own")
