"""What a transfer asks of each person: prompts, characters, secrets, signatures. Counted in a real play, and printed (`pytest -s`)."""

from __future__ import annotations

from collections import Counter

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.script.table import TRANSFER

WORDS = 6 * 10 + 5
"""Characters of six words at most, with their spaces."""


def signatures(set_: Stage) -> Counter[tuple[str, str]]:
    """How often each person signed for each purpose in the transfer."""
    state = Register.open(set_.folder / "register").ceremonies[1].state
    return Counter((e.actor, e.body.purpose) for e in state.entries if isinstance(e.body, entries.Signature))


def test_a_transfer_asks_no_more_than_was_promised(played: Stage) -> None:
    """Three signatures and one passphrase for a custodian; administrator and witness also sign each run, phases, and the end."""
    print("\n" + "\n".join(demonstration.budget(played, 2)))
    signed, budget, here = signatures(played), played.cast.budget, played.plot.here
    phases = sum(step.staff_signs for step in TRANSFER)
    for person in here:
        assert {p: n for (who, p), n in signed.items() if who == person} == {"opening": 1, "approval": 1, "adjournment": 1}
        assert budget[person].secrets == 1
        assert budget[person].prompts <= 18  # medium, three signatures, review, keyboard, passphrase, two bags; watch and slip for one
    for person, more in (("administrator", {}), ("witness", {"approval": 1})):
        expected = {"run": 2, "opening": 1, "adjournment": 1, "phase": phases, "end": 1, **more}  # two runs: `prepare` and `transfer`
        own = {p: n for (who, p), n in signed.items() if who == person and p in demonstration.SIGNED_THERE}
        assert own == expected
    passphrases = {person: len(played.cast.passphrases[person]) for person in here}
    assert all(length <= WORDS for length in passphrases.values())
    folder = max(len(str(path)) for path in played.cast.media.values())
    slack = 4 * folder + 40  # the folder of their medium, watch, closing slip
    assert all(budget[p].characters <= passphrases[p] + slack for p in here), budget
