"""Health records as a site makes them, and a check that takes them in, for registers that are really signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ceremony.base.data import dump
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record import health
from ceremony.record.health import HealthRecord
from ceremony.record.register import Register
from tests.record.sample import Sample

START = "2026-11-25T09:00:00Z"
LOOKED = "2026-11-24T10:00:20Z"
STAFF = ("administrator", "witness")


def looked(made: Sample, position: str = "A1", **changes: Any) -> HealthRecord:
    """What a look at a share of the sample gave: it matched."""
    book, key = Register.open(made.folder), made.key_record
    had = book.sets.sealed(position, key.set_identifier)
    found = HealthRecord(
        mark="practice",
        genesis=made.founding.digest,
        charter=made.charter.digest,
        key_record=key.digest,
        register_head=book.head if book.unfinished is None else book.unfinished.prev,
        kit=sha256(b"a kit"),
        position=position,
        set_identifier=key.set_identifier,
        sealing=had.proven,
        sha256=had.begun[had.proven],
        result="matched",
        said="the sealed share opened, and matched its commitment",
        bag=book.bags.closed[position, key.set_identifier],
        bag_state="intact",
        new_bag=f"{position}-9001",
        watch="2026-11-24T10:00:00Z",
        machine=LOOKED,
        tool="0.1.0",
        commit="unknown",
        protection={"no network": "held"},
        findings=(),
    )
    return replace(found, **changes)


def failed(made: Sample, position: str = "B3", **changes: Any) -> HealthRecord:
    """The look at a share failed: it was damaged."""
    said = "the sealed share of B3 is not the one that was locked"
    return looked(made, position, **{"result": "refused", "control": "REC-03", "said": said, "sealing": 0, "sha256": None, **changes})


def signed(made: Sample, found: HealthRecord, *people: str) -> tuple[Signature, ...]:
    """Signed by whose share it is, or by these people."""
    return tuple(made.desk.sign(person, dump(found), health.NAMESPACE) for person in people or (found.position,))


def taken(made: Sample, number: int, prev: str, *found: HealthRecord, signers: Sequence[str] = (), start: str = START) -> str:
    """The check that takes these records in, as `ceremony shares take` records it; the new head."""
    scribe = made.begin(number, "check", "check", prev, start, STAFF)
    scribe.roll_call(STAFF)
    scribe.step("Roll-call")
    for at, each in enumerate(found, start=1):
        name, raw = f"health-{at}.json", dump(each)
        scribe.keep(name, "health", raw)
        scribe.sign_file("health", name, signers or (each.position, *((each.second,) if each.second else ())))
        for body in (*health.bags_of(each), health.entry_of(raw, name)):
            scribe.add(each.position, body)
    scribe.step("Health records")
    scribe.step("Open the bags")
    scribe.step("Each share alone")
    scribe.step("Close the bags")
    scribe.checkpoint("adjournment", STAFF)
    scribe.step("Adjourn")
    scribe.close("shares checked", "proven at their sites: A1")
    return scribe.transcript.head
