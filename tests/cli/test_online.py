"""The online host: a bundle is received only if all of it holds; what is broken is refused by its control."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ceremony.base.control import Refused
from ceremony.base.data import dump, encode, load
from ceremony.base.lines import Line, parse_chain, parse_line
from ceremony.base.words import spoken
from ceremony.record import entries, policy_history
from ceremony.record.chain import Chain
from ceremony.record.checkpoint import Statement
from ceremony.record.entries import type_of
from ceremony.record.policy_history import PolicyHistory
from ceremony.record.received import Papers, Received, receive
from ceremony.record.register import Register
from ceremony.record.state import fold
from tests.cli.outbound import OfficeDesk, Outbound, Told, run
from tests.desk import OTHER, altered, ceremony
from tests.record.sample import Entry, FastDesk, cut_off
from tests.transfer.bitcoin_case import ACCOUNT
from transfer.authorization import Authorization
from transfer.bitcoin import tx
from transfer.bitcoin.curve import N
from transfer.bitcoin.psbt import parse as parse_psbt
from transfer.gap import bundle as bundles
from transfer.gap.bundle import MANIFEST, Manifest

__all__ = ["run"]

Run = Callable[..., Told]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Outbound:
    """One register with a transfer; tests that change entries make their own."""
    return Outbound(tmp_path_factory.mktemp("made") / "desk")


@pytest.fixture
def named(request: pytest.FixtureRequest) -> str:
    """A name for this test's bundle."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:80]


def refused(identifier: str, outbound: Outbound, folder: Path) -> Refused:
    """The refusal of a bundle by one control, as the online host makes it."""
    with pytest.raises(Refused) as error:
        received(outbound, folder)
    assert error.value.identifier == identifier, str(error.value)
    return error.value


def received(outbound: Outbound, folder: Path) -> Received:
    sample = outbound.sample
    return receive(bundles.read(folder), Papers(Chain((sample.charter,)), sample.policy, outbound.key_record, outbound.genesis))


def changed(tmp_path: Path, change: Callable[[str, Any], Iterable[Entry]], **how: Any) -> tuple[Outbound, Path]:
    """A register whose transfer tells something else, all of it signed by the people who were there; and its bundle."""
    outbound = Outbound(
        tmp_path / "desk", change=lambda kind, actor, body: change(actor, body) if kind == "transfer" else [(actor, body)], **how
    )
    return outbound, outbound.bundle()


def without(kind: type, /, **values: Any) -> Callable[[str, Any], Iterable[Entry]]:
    """Leaves out the entries of a kind whose fields (or actor) are these."""

    def change(actor: str, body: Any) -> Iterable[Entry]:
        gone = isinstance(body, kind) and all({"actor": actor}.get(n, getattr(body, n, None)) == v for n, v in values.items())
        return [] if gone else [(actor, body)]

    return change


def instead(kind: type, /, **values: Any) -> Callable[[str, Any], Iterable[Entry]]:
    """Changes fields of every entry of a kind."""
    return lambda actor, body: [(actor, replace(body, **values) if isinstance(body, kind) else body)]


def after(kind: type, more: Any) -> Callable[[str, Any], Iterable[Entry]]:
    """Adds an entry after every one of a kind."""
    return lambda actor, body: [(actor, body), *([("tool", more)] if isinstance(body, kind) else [])]


def test_a_bundle_is_received_on_one_screen(made: Outbound, run: Run) -> None:
    folder = made.bundle()
    code, out, err = run("online", "receive", folder, *made.papers)
    assert (code, err) == (0, "")
    screen, _, findings = out.partition("Production would refuse:")
    assert len(screen.splitlines()) <= 24
    assert max(map(len, out.splitlines())) <= 80
    wanted, transaction = made.authorization, tx.parse(made.transaction)
    flat = screen.replace(" ", "").replace("\n", "")
    assert wanted.payments[0].destination in flat
    assert transaction.txid in flat
    assert "0.25000000 BTC" in screen
    assert wanted.payments[0].payee in screen
    assert all(person in screen for person in ("A1", "A2", "B1", "B3", "C1", "C2", "witness"))
    assert "system's own medium" in findings or "is mounted on" in findings  # where the tests' folders lie
    assert all(word in screen for word in spoken(bundles.read(folder).digest))


def test_the_real_command(made: Outbound) -> None:
    done = ceremony("online", "receive", made.bundle("real"), *made.papers)
    assert (done.returncode, done.stderr) == (0, "")
    done = ceremony("online", "receive", made.bundle("unreal", {"request.psbt": b"psbt"}), *made.papers)
    assert (done.returncode, done.stderr[:7]) == (1, "TXN-08 ")
    assert "Traceback" not in done.stderr


def test_the_online_extra_is_enough(made: Outbound) -> None:
    """The libraries of the cold host are not there: key sharing, HSM, QR codes, mnemonics."""
    cold = ("pkcs11", "pyshamir", "shamir_mnemonic", "mnemonic", "qrcode", "PIL", "zxingcpp", "pyzbar", "pexpect")
    program = f"import sys; sys.modules.update(dict.fromkeys({cold!r})); from ceremony.cli import main; main()"
    for arguments in (("receive", made.bundle("extra"), *made.papers), ("close", "--help")):
        command = [sys.executable, "-c", program, "online", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=Path(__file__).parents[2])
        assert (done.returncode, done.stderr) == (0, "")


def test_only_receive_makes_the_proof(made: Outbound) -> None:
    found = received(made, made.bundle("proof"))
    with pytest.raises(TypeError):
        Received(
            Papers(Chain((found.charter,)), found.policy, made.key_record, made.genesis),
            found.bundle,
            found.authorization,
            found.checked,
            found.approved,
            None,
        )


# What the papers are


@pytest.mark.control("AUD-09")
def test_another_genesis(made: Outbound, run: Run) -> None:
    code, _, err = run("online", "receive", made.bundle("genesis"), *made.papers[:-1], "00" * 32)
    assert code == 1
    assert err.startswith("AUD-09 ")


@pytest.mark.control("AUD-09")
def test_a_foreign_charter(made: Outbound, tmp_path: Path, run: Run) -> None:
    foreign = Outbound(tmp_path / "foreign", fresh="others")
    theirs = foreign.bundle()
    ours = dict(zip(made.papers[::2], made.papers[1::2], strict=True))
    charter, policy = ({f"--{name}": foreign.folder / f"{name}.json"} for name in ("charter", "policy"))
    for found, papers in (
        ("BRD-01 ", ours),
        ("AUD-09 this charter is not the genesis", ours | charter | policy),
        ("AUT-01 the policy names another charter", ours | charter | {"--genesis": foreign.genesis}),
        ("AUD-09 the key record is of another charter", ours | charter | policy | {"--genesis": foreign.genesis}),
    ):
        code, _, err = run("online", "receive", theirs, *(part for option in papers.items() for part in option))
        assert (code, err[: len(found)]) == (1, found)


def test_a_charter_or_policy_that_lacks_a_signature(tmp_path: Path, run: Run) -> None:
    outbound = Outbound(tmp_path / "desk")
    folder = outbound.bundle()
    outbound.desk.put_policy(signers=("cfo", "cto"))
    code, _, err = run("online", "receive", folder, *outbound.papers)
    assert (code, err[:7]) == (1, "AUD-02 ")
    outbound.desk.put_charter(signers=("cfo", "witness"))
    code, _, err = run("online", "receive", folder, *outbound.papers)
    assert (code, err[:7]) == (1, "AUD-02 ")


@pytest.mark.parametrize(
    ("identifier", "changes"),
    [
        ("SET-08", {"mark": "production"}),
        ("AUD-09", {"genesis": "11" * 32}),
        ("AUD-09", {"charter": "11" * 32}),
        ("AUD-09", {"accounts": ()}),
        ("SIG-02", {"origin": "from somewhere else"}),
    ],
    ids=str,
)
def test_another_key_record(identifier: str, changes: dict[str, Any], made: Outbound, named: str) -> None:
    folder, record = made.bundle(named), replace(made.key_record, **changes)
    with pytest.raises(Refused) as error:
        receive(bundles.read(folder), Papers(Chain((made.sample.charter,)), made.sample.policy, record, made.genesis))
    assert error.value.identifier == identifier


@pytest.mark.control("AUT-01")
def test_another_policy(made: Outbound) -> None:
    with pytest.raises(Refused) as error:
        Papers(Chain((made.sample.charter,)), replace(made.sample.policy, charter="11" * 32), made.key_record, made.genesis)
    assert error.value.identifier == "AUT-01"


@pytest.mark.control("EXP-03")
def test_production_refuses_a_medium_that_practice_only_tells_of(made: Outbound, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ceremony.cli.online.permits", lambda *_: False)
    code, out, err = run("online", "receive", made.bundle("medium"), *made.papers)
    assert (code, out, err[:7]) == (1, "", "EXP-03 ")


def test_an_account_of_somebody_else_in_the_key_record(made: Outbound) -> None:
    """Its coins are not the account's: refused before the approvals, which name the true key record, are looked at."""
    stranger = replace(ACCOUNT, name="main")
    papers = Papers(Chain((made.sample.charter,)), made.sample.policy, replace(made.key_record, accounts=(stranger,)), made.genesis)
    with pytest.raises(Refused) as error:
        receive(bundles.read(made.bundle("stranger")), papers)
    assert error.value.identifier == "TXN-10"


# What the bundle is


@pytest.mark.control("EXP-01")
@pytest.mark.parametrize("name", sorted(bundles.FILES))
def test_a_file_that_the_manifest_does_not_list_so(name: str, made: Outbound, named: str) -> None:
    folder = made.bundle(named)
    path = folder / name
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    refused("EXP-01", made, folder)


@pytest.mark.control("EXP-01", "EXP-03")
def test_something_else_in_the_bundle(made: Outbound) -> None:
    folder = made.bundle("more")
    folder.chmod(0o755)
    (folder / "extra").touch()
    refused("EXP-01", made, folder)
    (folder / "extra").unlink()
    (folder / "transaction").unlink()
    refused("EXP-01", made, folder)
    os.symlink(made.bundle("other") / "transaction", folder / "transaction")
    refused("EXP-03", made, folder)


@pytest.mark.control("BRD-01")
@pytest.mark.parametrize(
    ("identifier", "manifest"),
    [("BRD-01", {"head": "00" * 32}), ("BRD-01", {"ceremony": 3}), ("SET-08", {"mark": "production"})],
    ids=str,
)
def test_a_manifest_that_says_something_else(identifier: str, manifest: dict[str, Any], made: Outbound, named: str) -> None:
    refused(identifier, made, made.bundle(named, **manifest))


def test_a_manifest_with_a_field_more(made: Outbound, run: Run) -> None:
    folder = made.bundle("field")
    path = folder / MANIFEST
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'{"ceremony"', b'{"beautiful":"yes","ceremony"'))
    code, _, err = run("online", "receive", folder, *made.papers)
    assert code == 2
    assert "beautiful" in err


def test_a_changed_manifest_changes_the_words_that_are_said_aloud(made: Outbound) -> None:
    honest = bundles.read(made.bundle("honest"))
    assert bundles.read(made.bundle("lying", ceremony=3)).digest != honest.digest
    assert isinstance(load(Manifest, dump(honest.manifest)), Manifest)


# What was authorized


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("changes", [{"amount": 25_000_001}, {"destination": OTHER}, {"fee_cap": 60_000}, {"purpose": "Other"}], ids=str)
def test_a_changed_authorization_is_not_signed(changes: dict[str, Any], made: Outbound, named: str) -> None:
    wanted = altered(made.authorization, **changes)
    refused("AUT-03", made, made.bundle(named, {"authorization.json": dump(wanted)}))


@pytest.mark.control("AUT-02")
@pytest.mark.parametrize("officers", [(), ("cfo",), ("cto",)], ids=str)
def test_an_authorization_of_one_officer(officers: tuple[str, ...], made: Outbound, named: str) -> None:
    lines = b"".join(dump(made.desk.sign(officer, made.authorization, "authorization@cold-ceremony")) for officer in officers)
    refused("AUT-02", made, made.bundle(named, {"authorization.signatures": lines}))


@pytest.mark.parametrize(
    ("identifier", "changes"),
    [
        ("AUT-06", {"payee": "nobody"}),
        ("AUT-06", {"destination": OTHER}),
        ("AUT-01", {"policy": "11" * 32}),
        ("AUT-01", {"charter": "11" * 32}),
        ("AUT-01", {"genesis": "11" * 32}),
        ("AUT-01", {"mark": "production"}),
        ("AUT-01", {"account": "other"}),
        ("AUT-01", {"network": "test"}),
        ("AUT-04", {"expires": "2026-11-20T09:00:00Z"}),
        ("AUT-04", {"not_before": "2026-11-20T23:00:00Z"}),
        ("AUT-07", {"amount": 100_000_001}),
        ("AUT-07", {"fee_cap": 100_001}),
        ("TXN-01", {"amount": 25_000_001}),
        ("TXN-12", {"fee_cap": 300}),
        ("BRD-01", {"purpose": "Something else"}),
    ],
    ids=str,
)
def test_another_authorization_that_both_officers_signed(identifier: str, changes: dict[str, Any], made: Outbound, named: str) -> None:
    wanted: Authorization = altered(made.authorization, **changes)
    lines = b"".join(dump(made.desk.sign(officer, wanted, "authorization@cold-ceremony")) for officer in ("cfo", "cto"))
    refused(identifier, made, made.bundle(named, {"authorization.json": dump(wanted), "authorization.signatures": lines}))


@pytest.mark.control("AUT-06")
def test_a_payee_in_its_cool_off_when_the_vault_was_armed(tmp_path: Path) -> None:
    outbound = Outbound(tmp_path / "desk", policy={"cool_off_hours": 1_000})
    refused("AUT-06", outbound, outbound.bundle())


@pytest.mark.control("AUT-06")
def test_a_policy_history_that_does_not_hold(tmp_path: Path, made: Outbound) -> None:
    """Another register's; and one by which the policy began to count the day before, so that its payees still wait."""
    elsewhere = Outbound(tmp_path / "elsewhere", fresh="else")
    refused("AUT-06", made, made.bundle("history-of-another", {policy_history.NAME: elsewhere.content()[policy_history.NAME]}))
    own = load(PolicyHistory, made.content()[policy_history.NAME])
    late = replace(own, policies=(replace(own.policies[0], ended="2026-11-19T09:00:00Z"),))
    refused("AUT-06", made, made.bundle("history-too-late", {policy_history.NAME: dump(late)}))


def test_signed_again_after_a_cut_off_when_the_authorization_had_expired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BRD-06: what was begun can be ended: the moment that counts is when the vault was armed that was first told to sign."""
    before = Outbound(tmp_path / "before", change=cut_off())
    found = [e for e in Register.open(before.folder / "register").ceremonies[1].state.entries if isinstance(e.body, entries.Armed)]
    first, again = (entry.line.time for entry in found)

    def ending(desk: FastDesk, **wanted: Any) -> Authorization:
        return FastDesk.authorization(desk, **{**wanted, "expires": first})

    monkeypatch.setattr(OfficeDesk, "authorization", ending)
    outbound = Outbound(tmp_path / "desk", change=cut_off())
    assert first == received(outbound, outbound.bundle()).authorization.expires < again


# What was signed


def rewitnessed(outbound: Outbound, change: Callable[[bytes], bytes]) -> bytes:
    """The transaction with the first input's signature changed, as its file."""
    parsed = tx.parse(outbound.transaction)
    signature, key = parsed.inputs[0].witness
    first = replace(parsed.inputs[0], witness=(change(signature), key))
    return replace(parsed, inputs=(first, *parsed.inputs[1:])).raw.hex().encode() + b"\n"


def high_s(signature: bytes) -> bytes:
    """The other signature that verifies: n - s in place of s (BIP-146)."""
    r, s = decode_dss_signature(signature[:-1])
    return encode_dss_signature(r, N - s) + signature[-1:]


@pytest.mark.control("SIG-04")
def test_a_high_s_signature(made: Outbound) -> None:
    refused("SIG-04", made, made.bundle("high", {"transaction": rewitnessed(made, high_s)}))


@pytest.mark.control("SIG-06")
def test_another_kind_of_sighash(made: Outbound) -> None:
    refused("SIG-06", made, made.bundle("sighash", {"transaction": rewitnessed(made, lambda s: s[:-1] + b"\x03")}))


@pytest.mark.control("SIG-03")
def test_a_signature_of_something_else(made: Outbound) -> None:
    parsed = tx.parse(made.transaction)
    other = tx.parse(bytes.fromhex(rewitnessed(made, lambda _: tx.parse(made.transaction).inputs[-1].witness[0]).decode()))
    assert parsed.txid == other.txid
    if len(parsed.inputs) > 1:
        refused("SIG-03", made, made.bundle("signature", {"transaction": other.raw.hex().encode() + b"\n"}))


@pytest.mark.control("SIG-06")
def test_another_transaction(made: Outbound) -> None:
    parsed = tx.parse(made.transaction)
    outputs = tuple(replace(output, amount=output.amount - 1) for output in parsed.outputs)
    refused("SIG-06", made, made.bundle("another", {"transaction": replace(parsed, outputs=outputs).raw.hex().encode() + b"\n"}))


@pytest.mark.control("SIG-06")
def test_another_request(made: Outbound) -> None:
    parts = parse_psbt(made.content()["request.psbt"])
    outputs = tuple(
        replace(o, amount=o.amount - (1 if origin else 0)) for o, origin in zip(parts.transaction.outputs, parts.origins, strict=True)
    )
    other = replace(parts, transaction=replace(parts.transaction, outputs=outputs))
    refused("SIG-06", made, made.bundle("request", {"request.psbt": other.raw}))


# What the transcript tells


@pytest.mark.control("SIG-02")
@pytest.mark.parametrize("person", ["A1", "C2", "witness"])
def test_a_missing_approval(person: str, tmp_path: Path) -> None:
    refused("SIG-02", *changed(tmp_path, without(entries.Signature, purpose="approval", actor=person)))


@pytest.mark.control("SIG-02")
def test_no_approval_at_all(tmp_path: Path) -> None:
    refused("SIG-02", *changed(tmp_path, without(entries.Signature, purpose="approval")))


@pytest.mark.control("AUT-03")
@pytest.mark.parametrize("purpose", ["approval", "opening", "adjournment"])
def test_a_signature_that_somebody_else_made(purpose: str, made: Outbound, tmp_path: Path) -> None:
    def swap(actor: str, body: Any) -> Iterable[Entry]:
        if isinstance(body, entries.Signature) and body.purpose == purpose and actor == "B1":
            return [(actor, replace(body, blob=made.desk.sign("A1", (body.text or "").encode(), body.namespace).blob))]
        return [(actor, body)]

    refused("AUT-03", *changed(tmp_path, swap))


@pytest.mark.control("AUD-02")
def test_a_signed_checkpoint_of_another_transcript(made: Outbound, tmp_path: Path) -> None:
    text = Statement(mark="practice", genesis=made.genesis, ceremony=3, seq=5, head="11" * 32).text
    blob = made.desk.sign("witness", text.encode(), "checkpoint@cold-ceremony").blob
    said = entries.Signature(namespace="checkpoint@cold-ceremony", purpose="phase", text=text, blob=blob)
    refused("AUD-02", *changed(tmp_path, lambda a, b: [(a, b), *([("witness", said)] if isinstance(b, entries.Armed) else [])]))


@pytest.mark.control("AUD-02")
def test_an_adjournment_that_was_signed_before_the_transaction_was_checked(tmp_path: Path) -> None:
    kept: list[Entry] = []

    def later(actor: str, body: Any) -> Iterable[Entry]:
        if isinstance(body, entries.Checked):
            kept.append((actor, body))
            return []
        return [*kept, (actor, body)] if isinstance(body, entries.Step) and body.title == "Adjourn" else [(actor, body)]

    refused("AUD-02", *changed(tmp_path, later))


@pytest.mark.control("ASM-01")
def test_too_few_custodians(tmp_path: Path) -> None:
    refused("ASM-01", *changed(tmp_path, instead(entries.Armed, positions=("A1", "A2", "B1"))))


@pytest.mark.control("BRD-01")
@pytest.mark.parametrize(
    "change",
    [
        instead(entries.Authorized, authorization="11" * 32),
        instead(entries.Agreed, request="11" * 32),
        instead(entries.Armed, request="11" * 32),
        instead(entries.Signing, request="11" * 32),
        instead(entries.HsmSigned, request="11" * 32),
        instead(entries.Checked, txid="11" * 32),
        without(entries.Authorized),
        without(entries.Agreed),
        without(entries.Armed),
        without(entries.Signing),
        without(entries.HsmSigned),
        without(entries.Checked),
        without(entries.File, kind="authorization"),
        without(entries.File, kind="request"),
        without(entries.File, kind="transaction"),
        instead(entries.Opened, genesis="11" * 32),
        instead(entries.Opened, kind="receipt"),
        instead(entries.Opened, ceremony=3),
        without(entries.Opened),
        lambda actor, body: [(actor, body)] * (2 if isinstance(body, entries.Opened) else 1),
        after(entries.Checked, entries.Closed(outcome="void", reason="", signers=("administrator", "witness"))),
    ],
)
def test_a_transcript_of_something_else(change: Callable[[str, Any], Iterable[Entry]], tmp_path: Path, made: Outbound, named: str) -> None:
    """The entries are changed and the chain is made anew; so are the manifest and the approvals that are carried beside it."""
    refused("BRD-01", made, made.bundle(named, retold(made, change)))


def retold(outbound: Outbound, change: Callable[[str, Any], Iterable[Entry]]) -> dict[str, bytes]:
    """The transcript with entries changed and every line after them linked again."""
    raw = outbound.content()["transcript.jsonl"]
    prev = parse_line(raw.partition(b"\n")[0] + b"\n", "first").prev
    state, lines = fold(parse_chain(raw, prev, "transcript")[0], "transcript"), []
    for entry in state.entries:
        for actor, body in change(entry.actor, entry.body):
            line = Line(len(lines) + 1, entry.line.time, lines[-1].digest if lines else prev, type_of(body), actor, encode(body))
            lines.append(line)
    approvals = [line.raw for line in lines if line.type == "signature" and line.body["purpose"] == "approval"]
    return {"transcript.jsonl": b"".join(line.raw for line in lines), "approvals.jsonl": b"".join(approvals)}


@pytest.mark.parametrize(
    ("identifier", "change"),
    [
        ("SET-08", instead(entries.Opened, mark="production")),
        ("AUD-02", without(entries.Signature, purpose="adjournment", actor="C1")),
        ("AUD-02", without(entries.Signature, purpose="adjournment")),
        ("AUD-02", without(entries.Signature, purpose="opening", actor="A1")),
        ("ASM-03", without(entries.Present, actor="administrator")),
        ("REC-06", without(entries.Recovered)),
        ("SEC-03", without(entries.Absent)),
        ("AIR-07", without(entries.ImportPath)),
        ("AIR-05", instead(entries.Hsm, serial="4321")),
        ("REC-10", without(entries.Vault)),
        ("AIR-02", without(entries.Machine)),
        ("SIG-02", without(entries.Reviewed, actor="B3")),
        ("ASM-04", without(entries.Clock)),
        ("ASM-05", without(entries.SlipRead, actor="A1")),
        ("TXN-06", without(entries.TypedBack, actor="B1")),
        ("SIG-02", instead(entries.Reviewed, request="11" * 32)),
        ("ASM-01", lambda actor, body: [("A1" if isinstance(body, entries.Unlocked) else actor, body)]),
    ],
)
def test_a_transcript_in_which_something_did_not_happen(
    identifier: str, change: Callable[[str, Any], Iterable[Entry]], tmp_path: Path
) -> None:
    refused(identifier, *changed(tmp_path, change))


@pytest.mark.control("AUD-02")
def test_a_transcript_that_was_changed_after_people_signed_it(made: Outbound) -> None:
    refused(
        "SIG-02",
        made,
        made.bundle("retold", retold(made, instead(entries.Present, factors=("recognised by the witness", "signing key file")))),
    )
    refused("AUD-02", made, made.bundle("retold-later", retold(made, instead(entries.Absent, destroyed=99))))


@pytest.mark.control("AUD-01")
def test_a_transcript_whose_chain_is_broken(made: Outbound) -> None:
    lines = made.content()["transcript.jsonl"].splitlines(keepends=True)
    refused("AUD-01", made, made.bundle("cut", {"transcript.jsonl": b"".join(lines[:5] + lines[6:])}))
    refused("AUD-01", made, made.bundle("swapped", {"transcript.jsonl": b"".join([*lines[:5], lines[6], lines[5], *lines[7:]])}))


@pytest.mark.control("AUD-02")
def test_a_transcript_that_ends_early(made: Outbound) -> None:
    lines = made.content()["transcript.jsonl"].splitlines(keepends=True)
    refused("AUD-02", made, made.bundle("early", {"transcript.jsonl": b"".join(lines[:-3])}))


@pytest.mark.control("BRD-01")
def test_approvals_that_are_not_those_of_the_transcript(made: Outbound) -> None:
    refused("BRD-01", made, made.bundle("approvals", {"approvals.jsonl": b"".join(made.content()["approvals.jsonl"].splitlines(True)[1:])}))


@pytest.mark.parametrize("raw", [b"", b"\n", b"{}\n", b"\xff\n"])
def test_a_transcript_that_is_none(raw: bytes, made: Outbound, named: str, run: Run) -> None:
    folder = made.bundle(named, {"transcript.jsonl": raw}, head="00" * 32)
    code, _, err = run("online", "receive", folder, *made.papers)
    assert code == 2
    assert "transcript.jsonl" in err


def test_a_transcript_with_a_torn_end(made: Outbound, run: Run) -> None:
    raw = made.content()["transcript.jsonl"]
    head = bundles.read(made.bundle("whole")).manifest.head
    code, _, err = run("online", "receive", made.bundle("torn", {"transcript.jsonl": raw + b"{"}, head=head), *made.papers)
    assert (code, "middle of a line" in err) == (2, True)
