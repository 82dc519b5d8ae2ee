"""Every way in which a share can be wrong, at the real prompt: refused at once, named, and nothing is combined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from shares.envelope import SALT, Header, seal, unseal
from tests.ceremony import rehearsal

Wrong = Callable[[bytes, bytes], bytes]


def card(set_: Stage, position: str) -> Path:
    (path,) = (set_.folder / "custodians" / position).glob("*.sealed")
    return path


def put(set_: Stage, position: str, sealed: bytes) -> None:
    path = card(set_, position)
    path.chmod(0o600)
    path.write_bytes(sealed)


def passphrase(set_: Stage, position: str) -> bytes:
    return set_.cast.passphrases[position].encode()


def unlock(set_: Stage) -> tuple[str, int]:
    return rehearsal.run(set_, *demonstration.transfer_command(set_, "resume"))


def sealed_anew(raw: bytes, secret: bytes, *, share: bytes | None = None, **header: object) -> bytes:
    """The same share under another header, or another share under the same header, sealed with the right passphrase."""
    changed = replace(Header.unpack(raw), **header)  # type: ignore[arg-type]
    return seal(changed, share or unseal(raw, secret), secret, bytes(SALT))


CASES = {
    "damaged": ("REC-03", lambda raw, _: raw[:60] + bytes([raw[60] ^ 1]) + raw[61:]),
    "foreign": ("REC-13", lambda raw, secret: sealed_anew(raw, secret, set_identifier="00" * 10)),
    "other kind": ("REC-13", lambda raw, secret: sealed_anew(raw, secret, mark="production", profile="standard")),
    "other thresholds": ("REC-02", lambda raw, secret: sealed_anew(raw, secret, sites=4)),
    "x is 0": ("GEN-04", lambda raw, _: raw[:19] + b"\0" + raw[20:]),
}


@pytest.mark.control("REC-01")
@pytest.mark.control("REC-02")
@pytest.mark.control("REC-03")
@pytest.mark.control("REC-13")
@pytest.mark.control("GEN-04")
@pytest.mark.parametrize("name", CASES)
def test_a_wrong_share_is_refused_and_named(approved: Stage, name: str) -> None:
    identifier, wrong = CASES[name]
    put(approved, "A2", wrong(card(approved, "A2").read_bytes(), passphrase(approved, "A2")))
    shown, code = unlock(approved)
    assert code == 1
    assert identifier in rehearsal.refusals(approved)
    assert rehearsal.refusals(approved)[-1] == "REC-01"
    assert "A2" in shown.split(identifier)[1]
    assert "recovered" not in rehearsal.types(approved)


@pytest.mark.control("AUD-10")
def test_a_share_that_is_newer_than_the_register_ends_the_run(approved: Stage) -> None:
    """No other medium mends that: the register is an old copy."""
    put(approved, "A2", sealed_anew(card(approved, "A2").read_bytes(), passphrase(approved, "A2"), sealing=7))
    _shown, code = unlock(approved)
    assert code == 1
    assert rehearsal.refusals(approved) == ["AUD-10"]
    assert "recovered" not in rehearsal.types(approved)


@pytest.mark.control("REC-12")
def test_an_old_card_is_refused_by_its_number(carried_out: Stage, request: pytest.FixtureRequest) -> None:
    """It was locked again since: somebody kept a copy of what was overwritten then."""
    assert Header.unpack(card(carried_out, "A2").read_bytes()).sealing == 2
    put(carried_out, "A2", card(request.getfixturevalue("_prepared"), "A2").read_bytes())
    register = demonstration.transfer_command(carried_out)[1:5]
    shown, _code = rehearsal.run(carried_out, "shares", "check", *register, "--position", "A2")
    assert "REC-12" in rehearsal.refusals(carried_out), shown[-2000:]
    assert "unlocked" not in rehearsal.types(carried_out)
    assert "not proven: A2" in shown


@pytest.mark.control("REC-02")
def test_the_card_of_another_position_is_refused(approved: Stage) -> None:
    put(approved, "A2", card(approved, "A1").read_bytes())
    shown, code = unlock(approved)
    assert code == 1
    assert "REC-02" in rehearsal.refusals(approved)
    assert "position A1" in shown


@pytest.mark.control("REC-05")
def test_a_forged_share_is_refused_by_its_commitment_too(approved: Stage) -> None:
    secret = passphrase(approved, "B1")
    put(approved, "B1", sealed_anew(card(approved, "B1").read_bytes(), secret, share=bytes(range(32))))
    words = demonstration.transfer_command(approved, "resume")
    shown, code = rehearsal.run_broken(approved, "without:shares.envelope.check_undamaged", words)
    assert code == 1
    assert "REC-05" in rehearsal.refusals(approved)
    assert "B1" in shown.split("REC-05")[1]


def test_truncated_is_named(approved: Stage) -> None:
    put(approved, "B2", card(approved, "B2").read_bytes()[:-1])
    shown, code = unlock(approved)
    assert code == 1
    assert "REC-03 what B2 presented is no whole sealed share" in shown
    assert "85 bytes: it was cut off" in shown


@pytest.mark.control("REC-01")
def test_three_wrong_passphrases_set_a_custodian_aside_and_lose_nothing(approved: Stage) -> None:
    right = approved.cast.passphrases["B2"]
    approved.cast.passphrases["B2"] = "not the right words at all"
    before = card(approved, "B2").read_bytes()
    shown, code = unlock(approved)
    assert code == 1
    said = " ".join(shown.split())
    assert "B2 is set aside for today; nothing is lost. Site B cannot open with those who are here, and has nobody else." in said
    assert "(2 tries left)" in said
    assert rehearsal.refusals(approved) == ["REC-01"]
    assert card(approved, "B2").read_bytes() == before
    approved.cast.passphrases["B2"] = right
    shown, code = unlock(approved)
    assert code == 0, shown[-2000:]


@pytest.mark.control("SEC-01")
@pytest.mark.control("SEC-03")
def test_every_share_is_locked_again_and_no_key_remains(approved: Stage) -> None:
    before = {p: card(approved, p).read_bytes() for p in approved.plot.here}
    shown, code = unlock(approved)
    assert code == 0, shown[-2000:]
    for position in approved.plot.here:
        after = card(approved, position).read_bytes()
        old, new = Header.unpack(before[position]), Header.unpack(after)
        assert (old.sealing, new.sealing) == (1, 2)
        assert after[22:38] != before[position][22:38]
        secret = passphrase(approved, position)
        assert unseal(after, secret) == unseal(before[position], secret)
    (absent,) = [e["body"] for e in rehearsal.entries(approved) if e["type"] == "absent"]
    assert absent["remaining"] == "0"  # type: ignore[index]
