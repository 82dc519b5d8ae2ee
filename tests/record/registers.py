"""A small register of each kind of ceremony, really signed, each entry open to a change: what the sweep changes and signs anew."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from ceremony.base.lines import sha256
from ceremony.record import entries
from ceremony.record.charter import SIGNERS
from ceremony.record.rules.people import RECOGNISED
from tests.record import brought, sample, swept, test_custody, test_reseal_rules, test_reshare_rules
from tests.record import suspended as forms
from tests.record.amended import Office
from tests.record.sample import Anchor, Change, FastDesk, Play, Sample, Scribe
from transfer.limits import written

HERE = ("A1", "B3")
DRILL = "2026-12-01T09:00:00Z"


def transfer(folder: Path, change: Change) -> Anchor:
    """A key generation, a transfer that was cut off after the word SIGN, and its receipt."""
    cut = sample.cut_off()
    return sample.write(folder, Play(change=lambda kind, actor, body: [e for each in cut(kind, actor, body) for e in change(kind, *each)]))


def amend(folder: Path, change: Change) -> Anchor:
    """A custodian's key is replaced, after its cool-off, and a policy follows; then a charter that replaces the CFO is proposed."""
    office = Office(folder, Play(change=change))
    new = {"A1": "new"}
    charter = office.later(new)
    office.propose(charter, SIGNERS, lost=None)
    office.amend(charter, new_keys=new)
    office.amend(policy=office.policy())
    office.propose(office.later({"cfo": "other"}, {"cfo": "Carla Other"}), start="2026-12-03T09:00:00Z")
    return Anchor(folder, office.genesis, office.head)


def check(folder: Path, change: Change) -> Anchor:
    """Health records of two custodians come in: one share is healthy, one is not."""
    folder.mkdir()
    made = Sample(FastDesk(folder), folder, Play(change=change))
    head = made.keygen()
    head = brought.taken(made, 2, head, brought.looked(made), brought.failed(made))
    return Anchor(folder, made.founding.digest, head)


def custody(folder: Path, change: Change) -> Anchor:
    """A safe, and the shares that lie in it."""
    return test_custody.Desk(folder, Play(change=change)).safe().anchor


def reseal(folder: Path, change: Change) -> Anchor:
    """Two shares are sealed anew."""
    return test_reseal_rules.ended(folder, change)


def reshare(folder: Path, change: Change) -> Anchor:
    """All shares of the key are made anew."""
    return test_reshare_rules.ended(folder, change)


def sweep(folder: Path, change: Change) -> Anchor:
    """A second key, and everything moved to it."""
    return swept.write(folder, Play(change=change))


def drill(folder: Path, change: Change) -> Anchor:
    """A drill that was held."""
    folder.mkdir()
    made = Sample(FastDesk(folder), folder, Play(change=change))
    scribe = made.begin(2, "drill", "drill", made.keygen(), DRILL)
    everybody = (*HERE, "administrator", "witness")
    scribe.add(
        "tool",
        entries.Rehearsed(
            genesis=sha256(b"practice"),
            head=sha256(b"its head"),
            ceremonies=(2,),
            took_part=("A1", "A2", "B1", "B3", "C1", "C2"),
            refused=("REC-03",),
        ),
    )
    scribe.step("Practice transfer")
    scribe.from_outside(1)
    for person in everybody:
        scribe.add(person, entries.Present(factors=("signing key file", RECOGNISED)))
    scribe.checkpoint("opening", everybody)
    scribe.step("Roll-call")
    made.open_bags(scribe, HERE)
    made._start_vault(scribe)
    scribe.add("tool", entries.Alone(key_record=made.key_record.digest))
    for position in HERE:
        scribe.add(position, entries.Unlocked(position=position, number=1))
        made._lock(scribe, position, 2)
    scribe.add("tool", entries.VaultEnded(reason="each share was proven alone"))
    scribe.step("Each share alone")
    told = {"scenario": "C was missing", "outcome": "as expected", "remediation": "nothing"}
    next_ = written(datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=90))[:10]
    scribe.add("tool", entries.Drilled(attack="REC-03", caught="yes", next=next_, **told))
    scribe.step("Outcome of the drill")
    made.close_bags(scribe, HERE)
    scribe.checkpoint("adjournment", everybody)
    scribe.step("Adjourn")
    scribe.close("drill held", f"next by {next_}")
    return Anchor(folder, made.founding.digest, scribe.transcript.head)


def happenings(folder: Path, change: Change) -> Anchor:
    """A transfer in which everything happens that need not: a pause, a refusal, a disagreement, an exception, a share set aside."""

    def more(kind: str, actor: str, body: object) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = []
        if kind == "transfer" and isinstance(body, entries.Armed):
            found += [
                ("tool", entries.Refusal(identifier="REC-04", what="the share of C3", found="another", expected="the recorded one")),
                ("tool", entries.StrayDevice(finding="AIR-03 a stick")),
            ]
        return [e for each in (*found, (actor, body)) for e in change(kind, *each)]

    return sample.write(folder, Play(change=more), receipt=False)


def suspended(folder: Path, change: Change) -> Anchor:
    """A key is suspended in a ceremony that goes on without the administrator, and another one when it goes on after a cut-off."""
    folder.mkdir()

    def cut(scribe: Scribe, title: str) -> None:
        if (scribe.kind, title) == ("custody", "Custody records"):
            own = forms.signed(made, forms.form(made, "B1", "B1"), "B1")
            body = scribe.resume(notes=(entries.Note(person="witness", entry=2),), suspensions=(own,))
            scribe.add("tool", body)
            scribe.checkpoint("run", scribe.transcript.state.run.signers)

    made = Sample(FastDesk(folder), folder, Play(change=change, before=cut))
    head = made.keygen()
    by_officer = forms.signed(made, forms.form(made, "A2", "cfo"), "cfo")
    lost = forms.lost(made, 2, head, "administrator", "cfo", "cto", "witness")
    return Anchor(folder, made.founding.digest, forms.take(made, 2, head, (by_officer,), loss=lost))


WRITERS: Mapping[str, Callable[[Path, Change], Anchor]] = MappingProxyType({
    "transfer": transfer, "amend": amend, "check": check, "custody": custody, "reseal": reseal, "reshare": reshare, "sweep": sweep,
    "drill": drill, "happenings": happenings, "suspended": suspended,
})  # fmt: skip
"""Name -> writes a register in a new folder, each entry of which goes through the change."""


def replaced(body: object, **fields: object) -> object:
    """The body with other fields."""
    return replace(body, **fields)  # type: ignore[type-var]


KEPT = Path(__file__).parents[1] / "registers"
"""Registers that stay as they are, one for each release that changed a form: both verifiers read every one of them for good."""


def keep(name: str) -> None:
    """Write the register of a release, and beside it what a closing slip says of it."""
    folder = KEPT / name
    folder.mkdir(parents=True)
    anchor = transfer(folder / "register", sample.unchanged)
    for path in folder.glob("*key-*"):
        path.unlink()
    (folder / "anchor").write_text(f"genesis {anchor.genesis}\nhead {anchor.head}\n", encoding="ascii")


if __name__ == "__main__":
    keep(sys.argv[1])
