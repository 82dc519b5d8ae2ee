"""The report: what it says of a register that is really signed, that its commands hold, and that nothing in it can act."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.amounts import grouped
from ceremony.base.data import Malformed
from ceremony.base.words import spoken
from ceremony.record import entries, runs
from ceremony.record.charter import Charter
from ceremony.record.register import Ceremony, Register
from ceremony.record.report import commands, report, tell
from ceremony.record.verify import Told, Verdict, verify
from tests.desk import PAYEE, ceremony
from tests.record.report_page import Page, read, run
from tests.record.sample import Anchor, Entry, FastDesk, Play, Sample, Scribe, revocation, run_key, write
from transfer.authorization import Authorization

HOSTILE = "<script>alert(1)</script> \"'&amp; $(touch pwned) `touch pwned` </code><img src=x>"


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    return write(tmp_path_factory.mktemp("report") / "register", Play(change=_eventful, before=_cut_off))


@pytest.fixture(scope="module")
def raw(anchored: Anchor) -> bytes:
    return _page(anchored)


@pytest.fixture(scope="module")
def page(raw: bytes) -> Page:
    return read(raw)


def _page(anchor: Anchor, word: str = "VERIFIED") -> bytes:
    register = Register.open(anchor.register)
    return report(register, _verdict(register, word))


def _verdict(register: Register, word: Any) -> Verdict:
    """A verdict as `verify` gives it; that it is deserved is not what these tests look at."""
    told = tuple(Told(c.number, c.kind, "practice", "?", len(c.state.entries), c.head) for c in register.ceremonies)
    return Verdict((word,), register.genesis, register.head, told, {}, (), None)


def _eventful(kind: str, actor: str, body: Any) -> Iterable[Entry]:
    """A transfer with a refusal, a share set aside, and a vault that could not lock its memory."""
    if kind != "transfer":
        return [(actor, body)]
    if isinstance(body, entries.Vault) and body.process == "opener":
        protection = {"no network": "held", "memory locked": "not held: Operation not permitted"}
        return [(actor, replace(body, protection=protection))]
    if isinstance(body, entries.Armed):
        refusal = entries.Refusal(identifier="REC-04", what="the share of C3", found="another commitment", expected="the recorded one")
        aside = entries.SetAside(position="C3", reason="three wrong passphrases")
        return [("tool", refusal), (actor, body), ("C3", aside), ("witness", entries.Left(person="C3"))]
    return [(actor, body)]


def _cut_off(scribe: Scribe, title: str) -> None:
    """The machine stopped while a line was written; the next run keeps what was there of it."""
    if scribe.kind == "transfer" and title == "Approvals":
        body = scribe.resume(found=("torn-50-abcd.bytes",))
        scribe.add("tool", body)
        scribe.checkpoint("run", body.signers)
        scribe.keep("torn-50-abcd.bytes", "torn", b'{"actor"')


def _command(page: Page, start: str) -> str:
    (found,) = (command for command in page.checks if command.startswith(start))
    return found


def test_the_verifier_accepts_the_register_of_these_tests(anchored: Anchor) -> None:
    assert verify(anchored.register, anchored.genesis, anchored.head).said == "VERIFIED"


def test_verdict_and_anchor_come_first_in_digits_and_words(page: Page, anchored: Anchor) -> None:
    order = [
        "PRACTICE",
        "VERIFIEDEvery line",
        "given from outside",
        anchored.genesis,
        "What moved",
        "Who",
        "What did not go as planned",
        "Steps",
    ]
    places = [page.text.index(text) for text in order]
    assert places == sorted(places)
    for digest in (anchored.genesis, anchored.head):
        assert digest in page.text
        assert all(f"{place} {word}" in page.text for place, word in enumerate(spoken(digest), start=1))


def test_what_moved_is_told_whole_and_exactly(page: Page, anchored: Anchor) -> None:
    checked = Register.open(anchored.register).ceremonies[1].state.last(entries.Checked)
    assert checked is not None
    assert grouped(PAYEE) in page.text
    assert "0.25000000 BTC = 25000000 sat" in page.text
    assert f"= {checked.fee} sat" in page.text
    assert checked.txid in page.text
    assert "height 130, 2 confirmations" in page.text
    assert "bitcoin-cli getrawtransaction" in page.text


def test_people_are_told_by_position_and_name(page: Page) -> None:
    front = page.text[page.text.index("Who") : page.text.index("What did not go")]
    assert all(f"{person}Person {person}" in front for person in ("A1", "A2", "B1", "B3", "C1", "C2", "witness", "cfo", "cto"))
    assert "Every payee confirmed by witness Person witness, who asked Zoe for exchange (telephone" in front


def test_what_did_not_go_as_planned_is_on_page_one_and_in_the_verdict(page: Page, anchored: Anchor) -> None:
    assert "Exceptions: none; I do not agree: none; Refusals: 1; Shares set aside: 1; Interruptions: 1; Void ceremonies: none" in page.text
    assert "REC-04 the share of C3. Found: another commitment. Expected: the recorded one." in page.text
    assert "kept aside: torn-50-abcd.bytes" in page.text
    assert "C3: three wrong passphrases" in page.text
    assert "C3: both officers decide, it could not be opened in ceremony 2: three wrong passphrases" in page.text
    assert "opener: memory locked not held: Operation not permitted (ceremony 2)" in page.text
    assert "AIR-04 swap is on: /dev/sda2 (ceremony 1, 2)" in page.text


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        (entries.Authorized, "none yet: nothing was signed"),
        (entries.Signing, "not assembled yet: the HSM may have signed"),
        (entries.Checked, "no receipt yet: a signed transaction does not expire"),
    ],
)
def test_an_unfinished_transfer_says_what_may_be_signed(anchored: Anchor, tmp_path: Path, cut: type, told: str) -> None:
    for name in ("0001-keygen", "0002-transfer"):
        shutil.copytree(anchored.register / name, tmp_path / name)
    lines: list[bytes] = []
    for entry in Register.open(anchored.register).ceremonies[1].state.entries:
        lines.append(entry.line.raw)
        if isinstance(entry.body, cut):
            break
    (tmp_path / "0002-transfer" / "transcript.jsonl").write_bytes(b"".join(lines))
    register = Register.open(tmp_path)
    shown = read(report(register, _verdict(register, "INCOMPLETE"))).text
    assert told in shown
    assert f"Without a receipt: {'none' if cut is entries.Authorized else 1}" in shown


def test_none_is_said_where_nothing_happened(tmp_path: Path) -> None:
    plain = read(_page(write(tmp_path / "register")))
    quiet = (
        *("I do not agree", "Refusals", "Shares set aside", "Interruptions", "Void ceremonies"),
        *("Not ended", "Without a receipt", "Replaced transactions", "Revoked authorizations"),
    )
    assert "; ".join(f"{name}: none" for name in ("Exceptions", *quiet)) + "." in plain.text
    assert all(f"{name}none" in plain.text for name in quiet)


def test_a_revoked_authorization_is_told_on_page_one(tmp_path: Path) -> None:
    play = Play(revoked=lambda _wanted: revocation("ab" * 32))
    told = read(_page(write(tmp_path / "register", play)))
    assert "Revoked authorizations: 1." in told.text
    assert "t-2, by cfo: the payee called it off" in told.text


def test_every_step_stands_there_with_its_time(page: Page, anchored: Anchor) -> None:
    for held in Register.open(anchored.register).ceremonies:
        for entry in held.state.entries:
            if isinstance(entry.body, entries.Step):
                day, clock = entry.line.time.rstrip("Z").split("T")
                assert f"{entry.body.number} {entry.body.title}{day} {clock}" in page.text


def test_every_kind_of_entry_has_a_sentence() -> None:
    assert set(tell.SENTENCES) == set(entries.ALL.values())


def test_nothing_is_put_together_across_an_interruption(anchored: Anchor) -> None:
    transfer = Register.open(anchored.register).ceremonies[1]
    numbers = [e.line.seq for stage in tell.stages(transfer.state.entries) for h in stage.happenings for e in h.done]
    steps = [e.line.seq for e in transfer.state.entries if isinstance(e.body, entries.Step)]
    assert sorted(numbers + steps) == list(range(1, len(transfer.state.entries) + 1))
    found = [replace(e) for e in transfer.state.entries if isinstance(e.body, entries.Unlocked | entries.Resumed)]
    again = tell.happenings([*found[1:], found[0], *found[1:]])
    assert [h.sentence[:12] for h in again] == ["share unlock", "run 2 of the", "share unlock"]


def test_the_same_register_and_anchor_give_the_same_bytes(raw: bytes, anchored: Anchor, tmp_path: Path) -> None:
    copy = tmp_path / "another-name"
    shutil.copytree(anchored.register, copy)
    assert _page(replace(anchored, register=copy)) == raw


def test_each_command_on_the_page_holds(page: Page, anchored: Anchor) -> None:
    setup, *rest = sorted(page.checks, key=lambda command: command != commands.SETUP)
    assert setup == commands.SETUP
    ran = run(setup, rest, anchored.register)
    assert [(command, shown) for command, code, shown in ran if code != 0] == []
    signatures = sum(1 for held in Register.open(anchored.register).ceremonies for _ in held.state.all(entries.Signature))
    assert sum(shown.count('Good "') for _, _, shown in ran) > signatures
    assert sum("Signature Verified Successfully" in shown for _, _, shown in ran) == 2
    assert len(rest) > 45


LIES = (
    ("0001-keygen/charter.json", "Desk Ltd", "Desk Inc", 'same "$(sha256sum < 0001-keygen/charter.json'),
    ("0002-transfer/authorization.json", "25000000", "25000001", "same \"$(jq -r '.payments[0].amount |"),
    ("0002-transfer/authorization.json", "25000000", "25000001", "signed_by 0002-transfer authorization"),
    ("0002-transfer/authorization.json", "25000000", "25000001", "(cd 0002-transfer"),
    ("0002-transfer/transcript.jsonl", '"frames":"2"', '"frames":"3"', 'same "$({ sha256sum'),
    ("0002-transfer/transcript.jsonl", '"purpose":"approval"', '"purpose":"phase"', "signed_by 0002-transfer authorization"),
    ("0002-transfer/transcript.jsonl", '"factors":["signing key file"', '"factors":["a smile"', "stated 0002-transfer"),
    ("0002-transfer/transcript.jsonl", '"raw":"', '"raw":"1', "hsm_signed 0002-transfer"),
    ("0002-transfer/transcript.jsonl", ',"seq":"20",', ', "seq":"20",', "jq -cSa . 0002-transfer"),
    ("0002-transfer/transaction.hex", "40787d0100000000", "41787d0100000000", 'same "$(body 0002-transfer 154 | txid)'),
    ("0002-transfer/transaction.hex", "40787d0100000000", "41787d0100000000", 'same "$(tail -c'),
    ("0003-receipt/transcript.jsonl", '"purpose":"end"', '"purpose":"run"', 'same "$(tail -n 1 0003-receipt'),
)
"""File, what stands there, what stands there instead, how the commands begin that must see it."""


@pytest.mark.parametrize("lie", LIES)
def test_a_command_fails_when_its_claim_does_not_hold(page: Page, anchored: Anchor, tmp_path: Path, lie: tuple[str, str, str, str]) -> None:
    file, old, new, start = lie
    register = tmp_path / "register"
    shutil.copytree(anchored.register, register)
    text = (register / file).read_text()
    assert old in text
    (register / file).write_text(text.replace(old, new))
    found = [command for command in page.checks if command.startswith(start)]
    codes = [code for _, code, _ in run(commands.SETUP, found, register)]
    assert codes
    assert all(codes)


def test_a_value_in_a_command_is_only_a_value(anchored: Anchor) -> None:
    ((_, code, shown),) = run(commands.SETUP, [commands.same("printf %s other", HOSTILE)], anchored.register)
    assert (code, shown) == (1, "DIFFERENT: other\n")
    assert not (anchored.register / "pwned").exists()


def test_an_extra_file_is_seen(page: Page, anchored: Anchor, tmp_path: Path) -> None:
    register = tmp_path / "register"
    shutil.copytree(anchored.register, register)
    (register / "0002-transfer" / ".hidden").write_text("x")
    ((_, code, shown),) = run(commands.SETUP, [_command(page, "(cd 0002-transfer")], register)
    assert (code, shown) == (1, "DIFFERENT: 9\n")


class _Hostile(FastDesk):
    """Everybody's name, the organisation and every free text try to be markup or shell."""

    def charter(self, **changes: Any) -> Charter:
        made = super().charter(**changes)
        people = tuple(replace(member, name=f"{member.person} {HOSTILE}") for member in made.people)
        sites = tuple(replace(site, name=f"{site.letter} {HOSTILE}") for site in made.sites)
        return replace(made, organisation=HOSTILE, room=HOSTILE, people=people, sites=sites)

    def authorization(self, **changes: Any) -> Authorization:
        return super().authorization(**{"purpose": HOSTILE, **changes})


def _shouting(_kind: str, actor: str, body: Any) -> Iterable[Entry]:
    if isinstance(body, entries.Machine):
        refusal = entries.Refusal(identifier=HOSTILE, what=HOSTILE, found=HOSTILE, expected=HOSTILE)
        return [
            ("tool", entries.VaultEnded(reason=HOSTILE)),
            (actor, entries.Machine(findings=(HOSTILE,), usb=(HOSTILE,), says=HOSTILE)),
            ("tool", refusal),
            ("tool", entries.StrayDevice(finding=HOSTILE)),
            ("witness", entries.RoomItem(item="sound", held="no", note=HOSTILE)),
        ]
    if isinstance(body, entries.Imported):
        return [(actor, replace(body, attributes={HOSTILE: HOSTILE}))]
    return [(actor, replace(body, title=HOSTILE) if isinstance(body, entries.Step) else body)]


def test_what_the_register_says_stays_text(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    folder.mkdir()
    sample = Sample(_Hostile(folder), folder, Play(change=_shouting))
    head = sample.receipt(3, sample.transfer(2, sample.keygen()), of=2)
    shown = read(_page(Anchor(folder, sample.charter.digest, head)))
    assert shown.text.count(HOSTILE) > 60
    assert not any("touch" in command for command in shown.checks)
    _holds_only_harmless_markup(shown)


def test_the_page_is_self_contained(page: Page) -> None:
    _holds_only_harmless_markup(page)


def _holds_only_harmless_markup(page: Page) -> None:
    assert page.policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not {"script", "img", "link", "iframe", "form", "object", "svg", "base"} & {name for name, _ in page.elements}
    for name, given in page.elements:
        assert set(given) <= {"class", "id", "href", "scope", "lang", "charset", "name", "content", "http-equiv"}
        assert given.get("href", "#").startswith("#")  # type: ignore[union-attr]
        assert name != "style" or not given
    targets = {given["id"] for _, given in page.elements if "id" in given}
    assert {(given["href"] or "")[1:] for _, given in page.elements if "href" in given} <= targets


def test_a_register_of_any_length_has_a_page(anchored: Anchor, tmp_path: Path) -> None:
    """A ceremony may have been cut off after any of its entries; each first one of its kind is tried."""
    for held in Register.open(anchored.register).ceremonies:
        folder = tmp_path / held.folder.name
        shutil.copytree(held.folder, folder)
        kinds, text = set[str](), b""
        for entry in held.state.entries:
            text += entry.line.raw
            kind = f"{entry.line.type} {getattr(entry.body, 'purpose', '')} {getattr(entry.body, 'kind', '')}"
            if kind not in kinds and entry.line.seq > 3:  # before both signed its first run it is no ceremony
                (folder / "transcript.jsonl").write_bytes(text)
                _sign(folder, held, entry.line.seq)
                register = Register.open(tmp_path)
                shown = read(report(register, _verdict(register, "INCOMPLETE"))).text
                assert "INCOMPLETE" in shown
                assert "Not ended: 1" in shown
            kinds.add(kind)
        shutil.rmtree(folder)
        shutil.copytree(held.folder, folder)
        register = Register.open(tmp_path)
        assert "Not ended: none" in read(report(register, _verdict(register, "VERIFIED"))).text


def _sign(folder: Path, held: Ceremony, count: int) -> None:
    """The signatures of the runs, as they lie there when this many entries are written."""
    for path in folder.glob("run-*.sig"):
        path.unlink()
    for each in runs.split(held.state.entries[:count]):
        later = each.number > 1
        key = run_key(f"{held.number} {each.number} {each.first}" if later else f"{held.number} 1")
        runs.sign(key, folder, each.number, held.state.entries[each.end - 1].line.raw)


def test_a_verdict_on_another_register_makes_no_page(anchored: Anchor) -> None:
    register = Register.open(anchored.register)
    with pytest.raises(Malformed, match="changed while it was read"):
        report(register, replace(_verdict(register, "VERIFIED"), head="00" * 32))


def test_the_command_writes_the_page_and_tells_the_verdict(anchored: Anchor, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    anchor = ("--genesis", anchored.genesis, "--head", anchored.head)
    done = ceremony("audit", "report", anchored.register, *anchor, "-o", out)
    assert (done.returncode, done.stdout) == (0, f"VERIFIED\nWritten: {out}\n")
    assert out.read_bytes() == _page(anchored)
    assert ceremony("audit", "report", anchored.register, *anchor, "-o", out).returncode == 2


def test_a_page_that_is_not_anchored_says_so_first(anchored: Anchor, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert ceremony("audit", "report", anchored.register, "-o", out).returncode == 3
    shown = read(out.read_bytes())
    assert "NOT ANCHORED" in shown.text
    assert "Genesis, as the register itself says" in shown.text
    assert "given from outside" not in shown.text


@pytest.mark.control("AUD-09")
def test_a_refused_register_gets_no_page(anchored: Anchor, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = ceremony("audit", "report", anchored.register, "--genesis", "00" * 32, "--head", anchored.head, "-o", out)
    assert done.returncode == 1
    assert done.stderr.startswith("AUD-09")
    assert not out.exists()
