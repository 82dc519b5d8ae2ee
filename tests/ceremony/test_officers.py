"""Officers who approve each request, too: one on a laptop, whose approval is carried back, and one in the room."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.data import canonical
from ceremony.demonstration import Stage, key
from ceremony.record.register import Register
from ceremony.record.verify import verify
from tests.ceremony import rehearsal

APPROVALS = ("--approvals", "office/approvals")
STOCK = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"


@pytest.fixture
def asked(tmp_path: Path) -> Stage:
    """A charter that asks CFO and CTO to approve; a transfer is prepared, and its request folder made."""
    set_ = rehearsal.stage(tmp_path / "stage")
    set_ = replace(set_, plot=replace(set_.plot, officers_approve="yes"))
    for act in (demonstration.found, demonstration.generate, demonstration.fund, demonstration.snapshot, demonstration.authorize):
        act(set_)
    set_.act("Prepare", (*demonstration.prepare_command(set_), "--request-out", "office/request"))
    return set_


@pytest.mark.control("SIG-02")
def test_one_approval_is_carried_back_and_one_is_given_in_the_room(asked: Stage) -> None:
    genesis = demonstration.prepare_command(asked)[4:6]
    assert "0.75000000 BTC" in asked.act("Review", ("review", "office/request", *genesis))
    (asked.folder / "office" / "approvals").mkdir()
    path = asked.folder / "office" / "approvals" / "approval-cfo.json"
    approve = ("approve", "office/request", *genesis, "--as", "cfo", "--key", key("cfo"), "-o", str(path))
    asked.act("Approve", approve)
    genuine = path.read_bytes()
    path.write_bytes(canonical({**json.loads(genuine), "request": "ab" * 32}))
    shown, code = rehearsal.run(asked, *demonstration.transfer_command(asked), *APPROVALS)
    assert (code, rehearsal.refusals(asked)) == (1, ["SIG-02"]), shown[-2000:]
    path.write_bytes(genuine)
    shown, code = rehearsal.run(asked, *demonstration.transfer_command(asked, "resume"), *APPROVALS)
    assert code == 0, shown[-3000:]
    assert "cfo approved this very request elsewhere" in shown
    heads = {str(e["actor"]): json.loads(e["body"]["text"])["head"] for e in approvals(asked)}  # type: ignore[index]
    assert heads["cfo"] == json.loads(genuine)["head"] != heads["cto"]
    assert {head for person, head in heads.items() if person != "cfo"} == {heads["cto"]}
    demonstration.broadcast(asked)  # the online host believes neither: it reads everything anew
    book = Register.open(asked.folder / "register")
    assert verify(book.folder, book.genesis, book.head).said == "VERIFIED"
    done = subprocess.run(["dash", str(STOCK), str(book.folder), book.genesis, book.head], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def approvals(set_: Stage) -> list[dict[str, object]]:
    """The approvals in the newest transcript."""
    found = [e for e in rehearsal.entries(set_) if e["type"] == "signature"]
    return [e for e in found if e["body"]["purpose"] == "approval"]  # type: ignore[index]
