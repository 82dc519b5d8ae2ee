"""One custodian presents one wrong share after the other at the real prompt, then types a wrong passphrase, then does it right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from shares.envelope import Header
from tests.ceremony import rehearsal
from tests.ceremony.test_shares import card, passphrase, put, sealed_anew

MEDIUM = "another medium \\(m\\), or set this share aside for today \\(s\\)"
WRONG = (
    ("REC-03", "what A1 presented is no whole sealed share"),
    ("REC-03", "the sealed share of A1 is not the one that was locked"),
    ("REC-03", "the sealed share of A1 is not the one that was locked"),
    ("GEN-04", "what A1 presented: member number of a share"),
    ("REC-13", "the sealed share of A1 is of the other kind"),
    ("REC-13", "the sealed share of A1 is of another set"),
    ("REC-02", "the sealed share of A2, presented for A1, is somebody else's"),
    ("REC-02", "the sealed share of B1, presented for A1, is somebody else's"),
    ("REC-02", "the sealed share of A1 is of another plan"),
    ("REC-12", "the sealed share of A1 was locked anew since"),
)
"""In the order of the play: the control, and what it says is wrong."""


def presents(set_: Stage, raw: bytes) -> Callable[[Any], None]:
    """A1 puts another one on the medium, and says so."""

    def deed(child: Any) -> None:
        put(set_, "A1", raw)
        child.sendline("m")

    return deed


@pytest.mark.control("REC-02")
@pytest.mark.control("REC-03")
@pytest.mark.control("REC-12")
@pytest.mark.control("REC-13")
@pytest.mark.control("GEN-04")
def test_one_wrong_share_after_the_other_is_named_and_the_right_one_opens(carried_out: Stage, request: pytest.FixtureRequest) -> None:
    right, secret = card(carried_out, "A1").read_bytes(), passphrase(carried_out, "A1")
    assert Header.unpack(right).sealing == 2
    shown_wrong = [
        right[:-1],
        right[:60] + bytes([right[60] ^ 1]) + right[61:],
        sealed_anew(right, secret, profile="light"),  # the same share and passphrase, sealed outside of a ceremony
        right[:19] + b"\0" + right[20:],
        sealed_anew(right, secret, mark="production", profile="standard"),
        sealed_anew(right, secret, set_identifier="00" * 10),
        card(carried_out, "A2").read_bytes(),
        card(carried_out, "B1").read_bytes(),
        sealed_anew(right, secret, sites=4),
        card(request.getfixturevalue("_prepared"), "A1").read_bytes(),
    ]
    assert len(shown_wrong) == len(WRONG)
    put(carried_out, "A1", shown_wrong[0])
    typed = (r"A1,(?: to prove it,)? type your passphrase", "not the right words at all")
    carried_out.cast.instead = [*((MEDIUM, presents(carried_out, raw)) for raw in (*shown_wrong[1:], right)), typed]
    register = demonstration.transfer_command(carried_out)[1:5]
    shown, code = rehearsal.run(carried_out, "shares", "check", *register, "--position", "A1")
    assert code == 0, shown[-2000:]
    assert carried_out.cast.instead == []
    said = " ".join(shown.split())
    assert "A1: this passphrase does not open the sealed share (2 tries left)" in said
    assert "Shares checked: proven: A1" in said
    refused = [(e["body"]["identifier"], e["body"]["what"]) for e in rehearsal.entries(carried_out) if e["type"] == "refusal"]  # type: ignore[index]
    assert [(name, what[: len(expected)]) for (name, what), (_, expected) in zip(refused, WRONG, strict=True)] == list(WRONG)
    assert all(what in said for _, what in WRONG)
    assert "swap them" in said
    assert rehearsal.types(carried_out).count("unlocked") == 1
    assert secret.decode() not in shown
