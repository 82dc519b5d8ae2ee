"""A prepared request on an officer's laptop: the genuine one is shown and approved, and of anything else nothing is seen (AUT-09)."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import canonical, dump, load
from ceremony.base.signatures import Signature
from ceremony.cli import papers
from ceremony.cli.request import write
from ceremony.record import requested
from ceremony.record.approval import Approval
from ceremony.record.checkpoint import prepared
from ceremony.record.register import Register
from ceremony.record.signed import parse_signatures, read_signed
from tests.desk import NOW, OTHER, PAYEE, ceremony
from tests.record import sample
from tests.record.amended import Office
from transfer.bitcoin import second

SIGN = "SIGN\n"
LATER = "2026-11-21T10:00:00Z"
SHOWN = (PAYEE, OTHER, "0.25000000", "25000000", "0.24000000")
"""What must not be seen of a request that does not hold: addresses and amounts."""


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[sample.Anchor, Path]:
    folder = tmp_path_factory.mktemp("requests")
    anchor = sample.unfinished(folder / "register")
    write(Register.open(anchor.register), folder / "request")
    return anchor, folder / "request"


@pytest.fixture
def anchor(_made: tuple[sample.Anchor, Path], monkeypatch: pytest.MonkeyPatch) -> sample.Anchor:
    monkeypatch.setattr(papers, "now", lambda: NOW)
    return _made[0]


@pytest.fixture
def request_(_made: tuple[sample.Anchor, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(_made[1], tmp_path / "request")
    return tmp_path / "request"


def desk(anchor: sample.Anchor, **fields: Any) -> sample.FastDesk:
    return sample.FastDesk(anchor.register, officers_approve="yes", **fields)


def approve(anchor: sample.Anchor, folder: Path, person: str = "cfo", key: str = "cfo", typed: str = SIGN) -> Any:
    keys = sample.FastDesk(folder.parent, officers_approve="yes")
    words = ("--genesis", anchor.genesis, "--as", person, "--key", keys.key_file(key), "-o", folder.parent / f"approval-{person}.json")
    return ceremony("approve", folder, *words, typed=typed)


def review(anchor: sample.Anchor, folder: Path) -> Any:
    return ceremony("review", folder, "--genesis", anchor.genesis)


def test_a_genuine_request_is_shown_whole(anchor: sample.Anchor, request_: Path) -> None:
    done = review(anchor, request_)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (max(map(len, lines)) <= 80, len(lines) <= 24) == (True, True), done.stdout
    assert done.stdout.startswith("PRACTICE  request of ceremony 2")
    for part in ("signed by administrator, witness", " ".join(re.findall("....", PAYEE)), "0.25000000 BTC", "exchange", "by cfo and cto"):
        assert part in done.stdout


def test_the_folder_can_be_written_again_and_never_over_another_one(anchor: sample.Anchor, request_: Path) -> None:
    words = ("request", "--register", anchor.register, "--genesis", anchor.genesis, "-o")
    assert ceremony(*words, request_.parent / "again").returncode == 0
    files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (request_, request_.parent / "again")]
    assert files[0] == files[1]
    assert ceremony(*words, request_).returncode == 2


def test_a_request_folder_never_lies_among_the_records(anchor: sample.Anchor) -> None:
    inside = anchor.register / "0002-transfer" / "request"
    done = ceremony("request", "--register", anchor.register, "--genesis", anchor.genesis, "-o", inside)
    assert (done.returncode, "lies in the register" in done.stderr, inside.exists()) == (2, True, False)


@pytest.mark.control("AUT-09")
def test_every_byte_of_the_folder_counts(anchor: sample.Anchor, request_: Path) -> None:
    """One bit anywhere, in any file: first, middle and last byte of each."""
    for path in sorted(request_.iterdir()):
        raw = path.read_bytes()
        for at in {0, len(raw) // 2, len(raw) - 2}:
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
            with pytest.raises(Refused, match=r"^AUT-09 "):
                requested.read(request_, anchor.genesis, NOW)
        path.write_bytes(raw)
    assert requested.read(request_, anchor.genesis, NOW).ceremony == 2


def test_a_request_under_an_amended_charter_comes_with_every_charter(tmp_path: Path) -> None:
    """The witness has a new key, the policy is the one of the founding charter."""
    new_key = {"witness": "new"}
    office = Office(tmp_path / "register", cool_off=0)
    office.amend(office.later(new_key), new_keys=new_key)
    scribe, _wanted, _request = office.sample.prepared(office.number, office.head)
    folder, now = tmp_path / "request", scribe.transcript.state.entries[-1].line.time
    write(Register.open(office.folder), folder)
    found = requested.read(folder, office.genesis, now)
    assert (found.ceremony, found.charter.number) == (3, 1)
    (folder / "charter-1.json").unlink()
    with pytest.raises(Refused, match=r"^AUT-09 "):
        requested.read(folder, office.genesis, now)


def test_an_officer_approves_what_the_preparation_left(anchor: sample.Anchor, request_: Path) -> None:
    done = approve(anchor, request_, "cto", "cto")
    assert done.returncode == 0, done.stderr
    raw, (signature,) = read_signed(request_.parent / "approval-cto.json")
    found = load(Approval, raw, "approval")
    here = Register.open(anchor.register).ceremonies[-1]
    said = prepared(here.state)
    assert said is not None
    assert (found.role, found.ceremony, found.head, signature.signer) == ("cto", 2, said.head, "cto")
    assert found.request == here.state.file("request").sha256  # type: ignore[union-attr]


def test_who_does_not_agree_signs_nothing_and_hears_how_to_revoke(anchor: sample.Anchor, request_: Path) -> None:
    done = approve(anchor, request_, typed="n\nit's not my order\n")
    assert done.returncode == 130
    told = shlex.split(done.stdout.partition("take it back:\n")[2].replace("\\\n", ""))  # a whole command: it can be typed as it stands
    assert told[:3] == ["ceremony", "authorize", "revoke"]
    assert Path(told[3]) == request_ / "authorization.json"
    assert told[4:-2] == ["--as", "cfo", "--key", told[7], "-o", "revocation.json"]
    assert told[-2:] == ["--reason", "it's not my order"]
    assert not (request_.parent / "approval-cfo.json").exists()
    done = approve(anchor, request_, typed="yes\n")
    assert (done.returncode, done.stderr) == (130, "Nothing was signed.\n")


@pytest.mark.control("AUT-03")
def test_an_approval_by_another_key_is_not_kept(anchor: sample.Anchor, request_: Path) -> None:
    done = approve(anchor, request_, "cfo", "cto")
    assert (done.returncode, done.stderr.split()[0]) == (1, "AUT-03")
    assert not (request_.parent / "approval-cfo.json").exists()


def another_payee(folder: Path, _desk: sample.FastDesk) -> None:
    """The request of somebody else, among genuine signatures."""
    path = folder / "request.psbt"
    raw = path.read_bytes()
    script = bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")
    assert script in raw
    path.write_bytes(raw.replace(script, bytes.fromhex("0014") + bytes(20)))


def another_amount(folder: Path, _desk: sample.FastDesk) -> None:
    path = folder / "request.psbt"
    path.write_bytes(path.read_bytes().replace((25_000_000).to_bytes(8, "little"), (24_000_000).to_bytes(8, "little")))


def changed(name: str, **fields: Any) -> Callable[[Path, sample.FastDesk], None]:
    def change(folder: Path, _desk: sample.FastDesk) -> None:
        path = folder / name
        path.write_bytes(canonical({**json.loads(path.read_bytes()), **fields}))

    return change


def later_end(folder: Path, _desk: sample.FastDesk) -> None:
    """The policy counts from an end after which its payees still wait."""
    path = folder / "policy-history.json"
    history = json.loads(path.read_bytes())
    (only,) = history["policies"]
    path.write_bytes(canonical({**history, "policies": [{**only, "ended": "2026-11-19T09:00:00Z"}]}))


def to_another(folder: Path, desk: sample.FastDesk) -> None:
    """An authorization of another payee, signed by one officer twice."""
    path = folder / "authorization.json"
    wanted = json.loads(path.read_bytes())
    raw = canonical({**wanted, "payments": [{**wanted["payments"][0], "destination": OTHER}]})
    path.write_bytes(raw)
    signed = [desk.sign("cfo", raw, "authorization@cold-ceremony"), desk.sign("cto", raw, "authorization@cold-ceremony", key="cfo")]
    (folder / "authorization.signatures").write_bytes(b"".join(map(dump, signed)))


def unsigned(name: str) -> Callable[[Path, sample.FastDesk], None]:
    return lambda folder, _desk: (folder / f"{name}.signatures").write_bytes(b"")  # type: ignore[return-value]


def signed_alone(folder: Path, _desk: sample.FastDesk) -> None:
    path = folder / "checkpoint.signatures"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def forged_checkpoint(folder: Path, _desk: sample.FastDesk) -> None:
    """A checkpoint by people of the same names with keys of their own."""
    forger = sample.FastDesk(folder, fresh="forged")
    text = (folder / "checkpoint.txt").read_bytes()
    signed = [forger.sign(person, text, "checkpoint@cold-ceremony") for person in ("administrator", "witness")]
    (folder / "checkpoint.signatures").write_bytes(b"".join(map(dump, signed)))


def checkpoint_of(seq: int) -> Callable[[Path, sample.FastDesk], None]:
    """A genuine checkpoint of the staff, over less than the preparation."""

    def change(folder: Path, desk: sample.FastDesk) -> None:
        lines = (folder / "transcript.jsonl").read_bytes().splitlines(keepends=True)[:seq]
        (folder / "transcript.jsonl").write_bytes(b"".join(lines))
        first, second_, _ = (folder / "checkpoint.txt").read_text().splitlines()
        head = sample.sha256(lines[-1])
        text = f"{first}\n{second_.rpartition(' ')[0]} {seq}\n{head}\n".encode()
        (folder / "checkpoint.txt").write_bytes(text)
        signed = [desk.sign(person, text, "checkpoint@cold-ceremony") for person in ("administrator", "witness")]
        (folder / "checkpoint.signatures").write_bytes(b"".join(map(dump, signed)))

    return change


def longer(folder: Path, _desk: sample.FastDesk) -> None:
    path = folder / "transcript.jsonl"
    path.write_bytes(path.read_bytes() + b'{"torn')


def gone(name: str) -> Callable[[Path, sample.FastDesk], None]:
    return lambda folder, _desk: (folder / name).unlink()


PHISHING: dict[str, Callable[[Path, sample.FastDesk], None]] = {
    "another payee's request": another_payee,
    "another amount": another_amount,
    "another authorization, signed by one officer": to_another,
    "another identifier in the authorization": changed("authorization.json", identifier="t-3"),
    "nobody signed the authorization": unsigned("authorization"),
    "nobody signed the confirmation": unsigned("confirmation"),
    "nobody signed the policy": unsigned("policy"),
    "nobody signed the charter": unsigned("charter-0"),
    "nobody signed the key record": unsigned("key-record"),
    "another key record": changed("key-record.json", issued="2026-11-11T09:00:00Z"),
    "another limit in the policy": changed("policy.json", per_transfer="100000001"),
    "another register's policy history": changed("policy-history.json", genesis="11" * 32),
    "a policy that counts too late to pay": later_end,
    "no policy history": gone("policy-history.json"),
    "another charter": changed("charter-0.json", organisation="Else Ltd"),
    "a forged checkpoint": forged_checkpoint,
    "nobody signed the checkpoint": unsigned("checkpoint"),
    "one person signed the checkpoint": signed_alone,
    "a checkpoint before both readers agreed": checkpoint_of(5),
    "a torn transcript": longer,
    "no transcript": gone("transcript.jsonl"),
    "no request": gone("request.psbt"),
}


@pytest.mark.control("AUT-09")
@pytest.mark.parametrize("spoil", PHISHING.values(), ids=PHISHING)
def test_of_a_request_that_does_not_hold_nothing_is_shown(
    spoil: Callable[[Path, sample.FastDesk], None], anchor: sample.Anchor, request_: Path
) -> None:
    spoil(request_, desk(anchor))
    for done in (review(anchor, request_), approve(anchor, request_)):
        assert (done.returncode, done.stderr.split(" ")[0]) == (1, "AUT-09"), done.stdout + done.stderr
        seen = "".join((done.stdout + done.stderr).split())
        assert [what for what in SHOWN if what in seen] == []
        assert "bcrt1" not in seen
    assert not (request_.parent / "approval-cfo.json").exists()


@pytest.mark.control("AUT-09")
def test_an_expired_request_and_one_of_another_genesis_are_not_shown(
    anchor: sample.Anchor, request_: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = ceremony("review", request_, "--genesis", "ab" * 32)
    assert (done.returncode, done.stderr.split(" ")[0], done.stdout) == (1, "AUT-09", "")
    monkeypatch.setattr(papers, "now", lambda: "2026-12-24T09:30:00Z")
    done = review(anchor, request_)
    assert (done.returncode, done.stderr.split(" ")[0], done.stdout) == (1, "AUT-09", "")
    assert "AUT-04" in done.stderr


def test_a_file_that_no_request_has_makes_the_folder_unreadable(anchor: sample.Anchor, request_: Path) -> None:
    (request_ / "READ_ME_FIRST.txt").write_text(f"pay {OTHER}")
    done = review(anchor, request_)
    assert (done.returncode, done.stdout) == (2, "")
    assert OTHER not in done.stderr


def test_without_the_second_reader_nothing_is_shown(anchor: sample.Anchor, request_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "PACKAGES", ("no_such_package",))
    done = review(anchor, request_)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no_such_package" in done.stderr


def test_only_read_makes_the_proof(anchor: sample.Anchor, request_: Path) -> None:
    found = requested.read(request_, anchor.genesis, NOW)
    with pytest.raises(TypeError, match="only read"):
        requested.Requested(found.agreed, found.charter, found.approval, object())
    signed = parse_signatures((request_ / "checkpoint.signatures").read_bytes(), "checkpoint")
    assert all(isinstance(each, Signature) for each in signed)


@pytest.mark.control("BRD-06")
def test_a_replacement_is_shown_with_what_it_replaces_and_not_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "now", lambda: LATER)
    anchor, folder = sample.replacing(tmp_path / "register"), tmp_path / "request"
    write(Register.open(anchor.register), folder)
    (first, _) = Register.open(anchor.register).claims(0)
    done = review(anchor, folder)
    assert done.returncode == 0, done.stderr
    shown = "".join(done.stdout.split())
    assert f"REPLACES{first.txid},whichcanthenneverbemined" in shown
    replaced = folder / "replaced-0.tx"
    raw = replaced.read_bytes()
    for change in (raw[:5] + bytes([raw[5] ^ 1]) + raw[6:], None):
        if change is None:
            replaced.unlink()
        else:
            replaced.write_bytes(change)
        with pytest.raises(Refused, match=r"^AUT-09 ") as error:
            requested.read(folder, anchor.genesis, LATER)
        assert error.value.found.startswith("BRD-06")
