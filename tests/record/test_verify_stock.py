"""The verifier of stock tools (AUD-04): the same words and exit codes as the tool's own, without any of its code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import canonical
from ceremony.base.lines import sha256
from ceremony.record.scripts import RELEASED
from ceremony.record.verify import verify
from tests.long import every
from tests.record import sample, tamper
from tests.record.sample import Anchor
from tests.record.tamper import Damage

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
PARTS = {"verify-transcript.sh": 250, "facts.jq": 350, "comparisons.jq": None}
"""The three files of the verifier, which lie side by side, and how many lines each may have."""
CONTROL = re.compile(r"[A-Z]{3}-[0-9]{2} ")


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    return sample.given(tmp_path_factory.mktemp("stock") / "register")


def copied(folder: Path) -> Path:
    """The verifier's three files, in a folder of their own; the path of the one that is started."""
    folder.mkdir()
    for name in PARTS:
        shutil.copy(SCRIPT.with_name(name), folder)
    return folder / SCRIPT.name


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["dash", str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300)


def words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The words of the verdict: what stands behind the counts, and behind what was not read."""
    return [line for line in done.stdout.splitlines()[3:] if not line.startswith("read by ceremony audit verify alone: ")]


def refused(anchor: Anchor, damages: Iterable[Damage], folder: Path) -> int:
    """How many damages there were; each one is refused, with a control and nothing on standard output."""
    count = 0
    for count, damage in enumerate(damages, start=1):  # noqa: B007
        copy = folder / "copy" / "register"
        shutil.copytree(anchor.register, copy)
        damage.apply(copy)
        done = run(copy, anchor.genesis, anchor.head)
        assert (done.returncode, done.stdout) == (1, ""), damage
        assert CONTROL.match(done.stderr), (damage, done.stderr)
        shutil.rmtree(folder / "copy")
    return count


@pytest.mark.control("AUD-04")
def test_what_is_whole_and_anchored_is_verified(anchor: Anchor) -> None:
    done = run(anchor.register, anchor.genesis, anchor.head)
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == verdict.said == "VERIFIED"
    entries, signatures = sum(c.entries for c in verdict.ceremonies), sum(verdict.signatures.values())
    assert lines[0] == f"3 ceremonies, {entries} entries, {signatures} signatures"
    assert lines[1:3] == [f"genesis {anchor.genesis}", f"head    {anchor.head}"]


@pytest.mark.control("AUD-09")
def test_without_the_anchor_nothing_is_verified(anchor: Anchor) -> None:
    done = run(anchor.register)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "NOT ANCHORED")


@pytest.mark.control("AUD-09")
def test_a_register_forged_whole_with_fresh_keys_is_refused(anchor: Anchor, tmp_path: Path) -> None:
    forged = sample.write(tmp_path / "register", fresh="attacker")
    assert run(forged.register).returncode == 3
    done = run(forged.register, anchor.genesis, anchor.head)
    assert done.returncode == 1
    assert done.stderr.startswith("AUD-09 ")


@pytest.mark.control("AUD-10")
def test_an_old_copy_is_refused_as_rolled_back(anchor: Anchor, tmp_path: Path) -> None:
    old = tmp_path / "register"
    shutil.copytree(anchor.register, old)
    shutil.rmtree(old / "0003-receipt")
    done = run(old, anchor.genesis, anchor.head)
    assert done.returncode == 1
    assert done.stderr.startswith("AUD-10 ")
    assert run(old, anchor.genesis, verify(old).head).returncode == 0


@pytest.mark.control("AUD-09")
def test_an_older_slip_anchors_up_to_its_ceremony_and_another_head_is_refused(anchor: Anchor) -> None:
    entries = (anchor.register / "0003-receipt" / "transcript.jsonl").read_bytes().splitlines(keepends=True)
    older = json.loads(entries[0])["prev"]
    done = run(anchor.register, anchor.genesis, older)
    assert (done.returncode, done.stderr, words(done)) == (3, "", ["ANCHORED UP TO CEREMONY 2"])
    assert list(verify(anchor.register, anchor.genesis, older).words) == ["ANCHORED UP TO CEREMONY 2"]
    done = run(anchor.register, anchor.genesis, sha256(entries[3]))
    assert (done.returncode, done.stdout, done.stderr[:7]) == (1, "", "AUD-09 ")


def test_an_unfinished_ceremony_is_incomplete(tmp_path: Path) -> None:
    made = sample.unfinished(tmp_path / "register")
    done = run(made.register, made.genesis, made.head)
    assert (done.returncode, words(done)) == (3, ["INCOMPLETE"])
    assert words(run(made.register)) == ["NOT ANCHORED", "INCOMPLETE"]


@pytest.mark.control("AUD-11")
@pytest.mark.parametrize("left", [None, 0, 1, 2])
def test_the_newest_folder_is_no_ceremony_before_all_have_signed_its_first_run(anchor: Anchor, tmp_path: Path, left: int | None) -> None:
    copy = tmp_path / "register"
    shutil.copytree(anchor.register, copy)
    shutil.copytree(copy / "0003-receipt", copy / "0004-receipt")
    transcript = copy / "0004-receipt" / "transcript.jsonl"
    lines = transcript.read_bytes().splitlines(keepends=True)
    transcript.unlink()
    if left is not None:
        transcript.write_bytes(b"".join(lines[:left]))
    done = run(copy, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr, words(done)) == (3, "", ["INCOMPLETE"])


@pytest.mark.control("AUD-11")
def test_each_run_signs_its_newest_line_and_nothing_else_is_a_run(anchor: Anchor, tmp_path: Path) -> None:
    def cut(folder: Path) -> None:
        lines = (folder / "transcript.jsonl").read_bytes().splitlines(keepends=True)
        (folder / "transcript.jsonl").write_bytes(b"".join(lines[:-1]))

    damages: tuple[Callable[[Path], object], ...] = (
        cut,
        lambda folder: (folder / "run-1.sig").unlink(),
        lambda folder: shutil.copy(folder / "run-1.sig", folder / "run-2.sig"),
        lambda folder: shutil.copy(folder.parent / "0001-keygen" / "run-1.sig", folder / "run-1.sig"),
        lambda folder: (folder / "run-1.sig").write_bytes((folder / "run-1.sig").read_bytes() + b"more"),
    )
    for number, damage in enumerate(damages):
        copy = tmp_path / str(number)
        shutil.copytree(anchor.register, copy)
        damage(copy / "0003-receipt")
        with pytest.raises(Refused) as caught:
            verify(copy)
        done = run(copy)
        assert (done.returncode, done.stdout, done.stderr[:7], caught.value.identifier) == (1, "", "AUD-11 ", "AUD-11"), number


@pytest.mark.parametrize("of", ["transcript.jsonl", "receipt.json"])
def test_of_another_form_nothing_is_said(anchor: Anchor, tmp_path: Path, of: str) -> None:
    copy = tmp_path / "register"
    shutil.copytree(anchor.register, copy)
    file = copy / "0003-receipt" / of
    file.write_bytes(file.read_bytes().replace(b'"version":"2"', b'"version":"3"', 1))
    done = run(copy, anchor.genesis, anchor.head)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == f"written by form 3: 0003-receipt/{of}\n"
    file.write_bytes(file.read_bytes().replace(b'"version":"3"', b'"versio":"2"', 1))
    assert run(copy, anchor.genesis, anchor.head).stderr.startswith("AUD-01 ")


@pytest.mark.control("SET-01")
def test_both_verifiers_know_the_same_scripts(anchor: Anchor, tmp_path: Path) -> None:
    rows = re.findall(r"(?s)# RELEASED-BEGIN\n(.*?)# RELEASED-END", SCRIPT.read_text())[0].splitlines()
    assert sorted(rows) == sorted(f"{release.kind} {digest} {release.number}" for digest, release in RELEASED.items())
    other = copied(tmp_path / "other")
    of_receipts = next(digest for digest, release in RELEASED.items() if release.kind == "receipt")
    other.write_text(SCRIPT.read_text().replace(of_receipts, "ab" * 32))
    done = subprocess.run(["dash", str(other), str(anchor.register)], capture_output=True, text=True, check=False)
    assert (done.returncode, words(done)) == (3, ["NOT ANCHORED", "NOT HELD TO A SCRIPT"])


@pytest.mark.control("AUD-01")
def test_changed_bytes_are_refused(anchor: Anchor, tmp_path: Path) -> None:
    assert refused(anchor, tamper.bytes_(anchor.register, 4_001), tmp_path) > 40


@pytest.mark.control("AUD-01")
def test_lines_dropped_moved_added_or_repeated_are_refused(anchor: Anchor, tmp_path: Path) -> None:
    assert refused(anchor, tamper.lines(anchor.register, 60), tmp_path) > 30


@pytest.mark.control("AUD-01")
def test_other_spellings_are_refused(anchor: Anchor, tmp_path: Path) -> None:
    assert refused(anchor, tamper.spellings(anchor.register), tmp_path) > 30


@pytest.mark.control("AUD-05")
@pytest.mark.parametrize("part", every(3, range(3)))
def test_extra_missing_and_odd_files_are_refused(anchor: Anchor, tmp_path: Path, part: int) -> None:
    assert refused(anchor, islice(tamper.shapes(anchor.register), part, None, 3), tmp_path) > 15


def recharter(anchor: Anchor, copy: Path, edit: Callable[[dict[str, object]], None]) -> subprocess.CompletedProcess[str]:
    """A register whose charter alone is another; the chain is made to fit, so that only the charter itself can be refused."""
    shutil.copytree(anchor.register, copy)
    path = copy / "0001-keygen" / "charter.json"
    document = json.loads(path.read_bytes())
    edit(document)
    path.write_bytes(canonical(document))
    genesis = sha256(path.read_bytes())
    return run(copy, genesis, tamper.rechain(copy, genesis, lambda line: json.loads(json.dumps(line).replace(anchor.genesis, genesis))))


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize(
    "key", ["* ssh-ed25519 AAAA", "ssh-ed25519 AAAA\n* ssh-ed25519 AAAA", 'x",cert-authority ssh-ed25519 AAAA', "ssh-ed25519"]
)
def test_nothing_in_a_charter_becomes_an_option_of_the_signers_file(anchor: Anchor, tmp_path: Path, key: str) -> None:
    done = recharter(anchor, tmp_path / "register", lambda document: document["people"][0].update(key=key))  # type: ignore[index]
    assert (done.returncode, done.stderr[:7]) == (1, "AUT-03 ")


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("person", ["*", "A1,cfo", "A1 namespaces=", "!A1", "a1", "A10", "A1\n"])
def test_no_person_is_a_pattern(anchor: Anchor, tmp_path: Path, person: str) -> None:
    done = recharter(anchor, tmp_path / "register", lambda document: document["people"][0].update(person=person))  # type: ignore[index]
    assert (done.returncode, done.stderr[:7]) == (1, "AUT-03 ")


@pytest.mark.control("ASM-04")
def test_time_does_not_go_back_from_one_ceremony_to_the_next(anchor: Anchor, tmp_path: Path) -> None:
    def earlier(line: dict[str, Any]) -> dict[str, Any]:
        return {**line, "time": "2026-01-01T00:00:00Z"} if line["type"] == "opened" and line["body"]["kind"] == "receipt" else line

    assert both(anchor, tmp_path / "register", earlier) == "ASM-04"


@pytest.mark.control("AUD-02")
def test_a_chain_that_is_made_whole_again_does_not_fit_what_people_signed(anchor: Anchor, tmp_path: Path) -> None:
    def other(line: dict[str, Any]) -> dict[str, Any]:
        return {**line, "body": {**line["body"], "title": "Another title"}} if line["type"] == "step" else line

    assert both(anchor, tmp_path / "register", other) == "AUD-02"


def both(anchor: Anchor, copy: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """The control by which both verifiers refuse a register that was edited and chained anew, also without an anchor."""
    shutil.copytree(anchor.register, copy)
    tamper.rechain(copy, anchor.genesis, edit)
    with pytest.raises(Refused) as caught:
        verify(copy)
    done = run(copy)
    assert done.returncode == 1
    assert done.stderr.split(" ")[0] == caught.value.identifier
    return caught.value.identifier


@pytest.mark.parametrize(
    "arguments", [(), ("a", "b"), ("a", "b", "c", "d"), (".", "ab", "cd"), ("no-such-folder",), (".", "G" * 64, "a" * 64)]
)
def test_a_wrong_use_says_how(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: sh verify-transcript.sh REGISTER [GENESIS HEAD]" in done.stderr


def test_it_leaves_nothing_behind_and_needs_no_code_of_the_project(anchor: Anchor, tmp_path: Path) -> None:
    script = copied(tmp_path / "alone")
    (tmp_path / "tmp").mkdir()
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path / "tmp")}
    command = ["sh", str(script), str(anchor.register), anchor.genesis, anchor.head]
    assert subprocess.run(command, env=environment, check=False, capture_output=True, cwd="/").returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.control("AUD-01")
def test_a_tool_that_fails_is_no_verdict(anchor: Anchor, tmp_path: Path) -> None:
    """A full disk, a killed jq: whatever its exit code is, it must not be taken for one of the verdicts."""
    for tool, code in (("cut", 3), ("sort", 2), ("xargs", 3), ("jq", 3), ("split", 2), ("sha256sum", 0)):
        broken = tmp_path / tool
        broken.mkdir()
        (broken / tool).write_text(f"#!/bin/sh\nexit {code}\n")
        (broken / tool).chmod(0o755)
        command = ["dash", str(SCRIPT), str(anchor.register), anchor.genesis, anchor.head]
        done = subprocess.run(command, env={"PATH": f"{broken}:/usr/bin:/bin"}, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, ""), (tool, done)


@pytest.mark.control("AUD-04")
@pytest.mark.parametrize(("name", "most"), PARTS.items())
def test_a_stranger_can_read_it(name: str, most: int | None) -> None:
    lines = SCRIPT.with_name(name).read_text(encoding="ascii").splitlines()
    assert most is None or len(lines) <= most
    assert [line for line in lines if len(line) > 110] == []


@pytest.mark.control("AUD-04")
@pytest.mark.parametrize("missing", ["facts.jq", "comparisons.jq"])
def test_the_three_files_belong_together(anchor: Anchor, tmp_path: Path, missing: str) -> None:
    script = copied(tmp_path / "parts")
    script.with_name(missing).unlink()
    command = ["dash", str(script), str(anchor.register), anchor.genesis, anchor.head]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (2, "", f"This needs {missing} beside it.")


@pytest.mark.control("AUD-04")
def test_ten_thousand_entries(tmp_path: Path) -> None:
    """How long 100,000 take is measured by scripts/bench."""
    many = sample.many(tmp_path / "register", 10_000)
    assert run(many.register, many.genesis, many.head).returncode == 0
