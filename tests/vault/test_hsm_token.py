from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.record.charter import Hsm
from ceremony.vault import token as tokens
from ceremony.vault.slots import WrongPin, pin_state, unload
from ceremony.vault.token import ORDER, Token, Wrapped, low_s, whole_digest
from ceremony.vault.wrapping import ImportKey, pkcs8, wrap
from tests import softhsm
from tests.vault.world import World
from transfer.bitcoin.assemble import verified
from transfer.bitcoin.der import from_raw
from transfer.bitcoin.sighash import Sighash

LABEL, PIN, SO_PIN = "vault one", "24681357", "97531864"


@dataclass
class Desk:
    """A token behind the recording shim."""

    module: str
    conf: Path
    serial: str

    def open(self, pin: str = PIN) -> Token:
        return Token.log_in(self.module, LABEL, self.serial, pin)

    def fault(self, *lines: str) -> None:
        self.conf.with_name(self.conf.name + ".faults").write_text("\n".join(lines) + "\n")

    @property
    def calls(self) -> list[str]:
        return self.conf.with_name(self.conf.name + ".calls").read_text().splitlines()


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    return softhsm.make_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def desk(tmp_path: Path, shim: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    conf, serial = softhsm.make_token(tmp_path, LABEL, PIN, SO_PIN)
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    yield Desk(shim, conf, serial)
    unload(shim)


@pytest.fixture
def token(desk: Desk) -> Token:
    return desk.open()


class Keys:
    """Child keys as the opener would derive them."""

    def __init__(self, count: int) -> None:
        self.secrets = {f"0/{i}": secrets.randbelow(ORDER - 1) + 1 for i in range(count)}
        self.public = {path: public_of(secret) for path, secret in self.secrets.items()}

    def wrapped(self, key: ImportKey, random: Callable[[int], bytes] = secrets.token_bytes) -> tuple[bytes, list[Wrapped]]:
        aes, wrapped = wrap(key, [pkcs8(s) for s in self.secrets.values()], random)
        return aes, [Wrapped(path, self.public[path], w) for path, w in zip(self.secrets, wrapped, strict=True)]

    def spends(self) -> list[Sighash]:
        return [Sighash(i, path, public, secrets.token_bytes(32)) for i, (path, public) in enumerate(self.public.items())]

    def into(self, token: Token) -> None:
        aes, wrapped = self.wrapped(token.make_import_key())
        token.take(aes, wrapped, self.public)


def public_of(secret: int) -> bytes:
    key = ec.derive_private_key(secret, ec.SECP256K1()).public_key()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


def refusal(work: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value


def test_whole_way(token: Token) -> None:
    keys = Keys(3)
    import_key = token.make_import_key()
    aes, wrapped = keys.wrapped(import_key)
    attributes = token.take(aes, wrapped, keys.public)
    assert attributes == tokens.CHILD_KEY
    assert tokens.origin(attributes) == "imported"
    assert sorted(item.label for item in token.objects()) == ["0/0", "0/1", "0/2"]
    spends = [*keys.spends(), *keys.spends()]
    signed = token.sign(spends, ())
    assert [s.spend for s in signed] == spends
    for s in signed:
        verified(from_raw(s.raw), s.spend)
    assert token.destroy() == 3
    assert token.objects() == ()
    token.close()


def test_identity_and_pin(desk: Desk) -> None:
    assert pin_state(desk.module, LABEL, "") == "no wrong tries"
    with pytest.raises(WrongPin):
        desk.open("00000000")
    with pytest.raises(WrongPin):
        desk.open("1")
    assert pin_state(desk.module, "", desk.serial) == "wrong tries"
    token = desk.open()
    assert pin_state(desk.module, LABEL, "") == "no wrong tries"
    assert (token.identity.label, token.identity.serial) == (LABEL, desk.serial)
    assert token.identity.manufacturer == "SoftHSM project"


@pytest.mark.parametrize(("label", "serial"), [("other", ""), ("", "00"), (LABEL, "00")])
def test_no_such_token(desk: Desk, label: str, serial: str) -> None:
    with pytest.raises(Malformed, match="expected one token"):
        pin_state(desk.module, label, serial)


def test_two_tokens_of_one_label(desk: Desk, tmp_path: Path) -> None:
    softhsm.make_token(tmp_path, LABEL, PIN, SO_PIN)
    with pytest.raises(Malformed, match="expected one token"):
        pin_state(desk.module, LABEL, "")
    assert pin_state(desk.module, LABEL, desk.serial) == "no wrong tries"


def test_no_module() -> None:
    with pytest.raises(Malformed, match="not a PKCS#11 module"):
        pin_state("/nowhere/libnone.so", "", "")


@pytest.mark.control("AIR-05")
def test_not_the_hsm_of_the_charter(token: Token, tmp_path: Path) -> None:
    world = World(tmp_path, hsm=Hsm(label="x", serial="x", manufacturer="x", model="x", firmware="x"))
    identity = replace(token.identity, manufacturer="Maker", model="Model 5")
    right = Hsm(label=identity.label, serial=identity.serial, manufacturer="Maker", model="Model 5", firmware=identity.firmware)
    charter = replace(world.charter, hsm=right)
    assert tokens.check_identity(identity, charter) == ""
    for name in ("label", "serial", "manufacturer", "model", "firmware"):
        other = replace(identity, **{name: "other"})
        assert refusal(lambda other=other: tokens.check_identity(other, charter)).identifier == "AIR-05"
    soft = replace(charter, hsm=replace(right, manufacturer=token.identity.manufacturer, model=token.identity.model))
    assert tokens.check_identity(token.identity, soft).startswith("production would refuse")
    production = replace(soft, mark="production")
    assert refusal(lambda: tokens.check_identity(token.identity, production)).identifier == "AIR-05"


@pytest.mark.control("AIR-06")
def test_keys_found_before_use(desk: Desk, token: Token) -> None:
    assert token.check_empty() == ()
    lib = pkcs11.lib(desk.module)
    other = lib.get_token(token_serial=desk.serial.encode()).open(rw=True)
    other.create_object({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.DATA, pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.LABEL: "note"})
    assert [(item.kind, item.label) for item in token.check_empty()] == [("DATA", "note")]
    public, private = other.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="of somebody")
    private.destroy()
    refused = refusal(token.check_empty)
    assert (refused.identifier, refused.found) == ("AIR-06", "PUBLIC_KEY 'of somebody'")
    public.destroy()
    other.generate_key(pkcs11.KeyType.AES, 256, store=True, label="stray")
    refused = refusal(token.check_empty)
    assert refused.identifier == "AIR-06"
    assert "stray" in refused.found


@pytest.mark.control("AIR-07")
def test_import_path(desk: Desk, token: Token) -> None:
    fingerprint, attributes = token.try_import_path()
    assert len(fingerprint) == 64
    assert attributes == tokens.CHILD_KEY
    assert token.objects() == ()
    desk.fault("fail C_SignInit")
    assert refusal(token.try_import_path).identifier == "AIR-07"
    desk.fault("fail C_GenerateKeyPair")
    assert refusal(token.try_import_path).identifier == "AIR-07"


@pytest.mark.control("AIR-07")
@pytest.mark.parametrize(
    ("step", "lie", "identifier"),
    [
        ("wrap", "fail C_GenerateKeyPair", "AIR-07"),
        ("the import key may leave", "lie 162 1 0", "REC-08"),
        ("unwrap of the AES key", "fail C_UnwrapKey", "AIR-07"),
        ("the AES key may leave", "lie 162 1 1f", "REC-08"),
        ("unwrap", "spurn", "REC-07"),
        ("attributes read back", "lie 162 1 3", "REC-09"),
        ("sign", "fail C_SignInit", "AIR-07"),
        ("verify", "bend", "GEN-03"),
        ("destroy and absence", "keep", "SEC-03"),
    ],
)
def test_a_lie_at_any_step_of_the_import_path_is_refused(desk: Desk, token: Token, step: str, lie: str, identifier: str) -> None:
    desk.fault(lie)
    assert refusal(token.try_import_path).identifier == identifier, step
    desk.fault()
    token.destroy()
    assert token.objects() == ()
    assert token.try_import_path()[1] == tokens.CHILD_KEY  # once the HSM is as it should be


@pytest.mark.control("REC-07")
def test_keys_enter_by_unwrap_alone(desk: Desk) -> None:
    token = desk.open()
    token.check_empty()
    token.random()
    token.try_import_path()
    keys, drawn = Keys(3), []

    def random(count: int) -> bytes:
        drawn.append(secrets.token_bytes(count))
        return drawn[-1]

    aes, wrapped = keys.wrapped(token.make_import_key(), random)
    token.take(aes, wrapped, keys.public)
    token.sign(keys.spends(), ())
    token.destroy()
    token.close()
    names = [line.split()[0] for line in desk.calls]
    assert set(names) == {
        "C_Initialize", "C_GetInfo", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_OpenSession", "C_Login", "C_Logout",
        "C_CloseSession", "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_GenerateRandom",
        "C_GenerateKeyPair", "C_UnwrapKey", "C_SignInit", "C_Sign", "C_DestroyObject",
    }  # fmt: skip
    assert names.count("C_UnwrapKey") == 2 + 4
    recorded = "\n".join(desk.calls)
    assert all(w.wrapped.hex() in recorded for w in wrapped)
    for secret in (*(s.to_bytes(32, "big") for s in keys.secrets.values()), *drawn):
        assert secret.hex() not in recorded
    assert not any(" 11=" in line for line in desk.calls), "no template carries CKA_VALUE"


@pytest.mark.control("REC-07")
def test_what_does_not_unwrap_is_refused(token: Token) -> None:
    keys = Keys(2)
    aes, wrapped = keys.wrapped(token.make_import_key())
    broken = [wrapped[0], replace(wrapped[1], wrapped=wrapped[1].wrapped[:-1] + b"\x00")]
    assert refusal(lambda: token.take(aes, broken, keys.public)).identifier == "REC-07"
    assert token.objects() == ()


@pytest.mark.control("REC-08")
@pytest.mark.parametrize(
    ("lie", "word"),
    [
        ("lie 162 1 0", "EXTRACTABLE true"),
        ("lie 105 1 0", "DECRYPT true"),
        ("lie 1 1 0", "TOKEN true"),
        ("lie 163 0 0", "LOCAL false"),
        ("lie 162 1 1f", "EXTRACTABLE true"),
        ("lie 105 1 1f", "DECRYPT true"),
        ("lie 103 0 1f", "SENSITIVE false"),
    ],
)
def test_wrapping_keys_that_do_more(desk: Desk, token: Token, lie: str, word: str) -> None:
    desk.fault(lie)
    refused = refusal(lambda: Keys(1).into(token))
    assert refused.identifier == "REC-08"
    assert word in refused.found
    assert token.objects() == ()


@pytest.mark.control("REC-08")
def test_import_key_is_for_one_delivery(token: Token) -> None:
    keys = Keys(1)
    aes, wrapped = keys.wrapped(token.make_import_key())
    token.take(aes, wrapped, keys.public)
    token.destroy()
    assert refusal(lambda: token.take(aes, wrapped, keys.public)).identifier == "REC-08"
    with pytest.raises(Refused, match="REC-08"):
        wrap(ImportKey((1 << 2047).to_bytes(256, "big"), 65537), [], secrets.token_bytes)


@pytest.mark.control("REC-09")
@pytest.mark.parametrize(
    ("lie", "word"),
    [
        ("lie 1 1 3", "TOKEN true"),
        ("lie 103 0 3", "SENSITIVE false"),
        ("lie 162 1 3", "EXTRACTABLE true"),
        ("lie 108 0 3", "SIGN false"),
        ("lie 10c 1 3", "DERIVE true"),
        ("lie 107 1 3", "UNWRAP true"),
        ("lie 170 1 3", "MODIFIABLE true"),
    ],
)
def test_child_keys_that_do_more(desk: Desk, token: Token, lie: str, word: str) -> None:
    desk.fault(lie)
    refused = refusal(lambda: Keys(2).into(token))
    assert refused.identifier == "REC-09"
    assert word in refused.found
    desk.fault()
    assert token.objects() == ()


@pytest.mark.control("REC-09")
@pytest.mark.parametrize("case", ["missing", "surplus", "twice", "other order", "other public key"])
def test_one_key_per_address(token: Token, case: str) -> None:
    keys = Keys(3)
    aes, wrapped = keys.wrapped(token.make_import_key())
    expected = dict(keys.public)
    given = {
        "missing": wrapped[:-1],
        "surplus": wrapped,
        "twice": [wrapped[0], wrapped[0], wrapped[2]],
        "other order": wrapped[::-1],
        "other public key": [replace(wrapped[0], public=wrapped[1].public), *wrapped[1:]],
    }[case]
    if case == "surplus":
        del expected["0/1"]
    assert refusal(lambda: token.take(aes, given, expected)).identifier == "REC-09"
    assert token.objects() == ()


@pytest.mark.control("REC-09")
def test_nothing_is_signed_without_its_key(token: Token) -> None:
    keys = Keys(2)
    keys.into(token)
    strange = Sighash(0, "0/7", keys.public["0/0"], bytes(32))
    assert refusal(lambda: token.sign([strange], ())).identifier == "REC-09"
    assert refusal(lambda: keys.into(token)).identifier == "REC-09"


@pytest.mark.control("GEN-01")
def test_origin_is_not_contradictory() -> None:
    assert tokens.origin(tokens.IMPORT_KEY) == "made in the HSM"
    assert tokens.origin(tokens.CHILD_KEY) == "imported"
    for facts in ({**tokens.CHILD_KEY, "LOCAL": True}, {}):
        assert refusal(lambda facts=facts: tokens.origin(facts)).identifier == "GEN-01"


@pytest.mark.control("GEN-03")
def test_another_key_under_the_right_name(token: Token) -> None:
    keys = Keys(1)
    keys.secrets["0/0"] = (keys.secrets["0/0"] % (ORDER - 1)) + 1
    assert refusal(lambda: keys.into(token)).identifier == "GEN-03"
    assert token.objects() == ()


@pytest.mark.control("SIG-01")
@pytest.mark.parametrize("length", [0, 20, 31, 33, 64])
def test_only_whole_digests(token: Token, length: int) -> None:
    keys = Keys(1)
    keys.into(token)
    spend = replace(keys.spends()[0], digest=bytes(length))
    assert refusal(lambda: token.sign([spend], ())).identifier == "SIG-01"
    with pytest.raises(Refused, match="SIG-01"):
        whole_digest(bytes(length))


@pytest.mark.control("SIG-03")
def test_bent_signature(desk: Desk, token: Token) -> None:
    keys = Keys(1)
    keys.into(token)
    desk.fault("bend")
    assert refusal(lambda: token.sign(keys.spends(), ())).identifier == "SIG-03"


@pytest.mark.control("SIG-05")
def test_r_twice_in_one_run(desk: Desk, token: Token) -> None:
    keys = Keys(1)
    keys.into(token)
    spends = keys.spends()
    token.sign(spends, ())
    desk.fault("replay")
    refused = refusal(lambda: token.sign(spends, ()))
    assert refused.identifier == "SIG-05"
    assert "compromised" in refused.do


@pytest.mark.control("SIG-05")
def test_r_of_an_earlier_ceremony(desk: Desk) -> None:
    keys, earlier = Keys(1), desk.open()
    keys.into(earlier)
    spends = keys.spends()
    past = {signed.raw[:32].hex() for signed in earlier.sign(spends, ())}
    earlier.destroy()
    earlier.close()
    today = desk.open()
    keys.into(today)
    desk.fault("replay")
    assert refusal(lambda: today.sign(spends, past)).identifier == "SIG-05"


@pytest.mark.control("SEC-03")
def test_keys_that_stay(desk: Desk, token: Token) -> None:
    Keys(2).into(token)
    desk.fault("keep")
    refused = refusal(token.destroy)
    assert refused.identifier == "SEC-03"
    assert "0/0" in refused.found
    desk.fault()
    assert token.destroy() == 2


def test_session_is_read_only(token: Token) -> None:
    with pytest.raises(pkcs11.exceptions.SessionReadOnly):
        token._session.generate_key(pkcs11.KeyType.AES, 256, store=True)


def test_low_s_keeps_r_and_verifies(token: Token) -> None:
    keys = Keys(1)
    keys.into(token)
    raws = [s.raw for s in token.sign(keys.spends() * 1 + [replace(keys.spends()[0]) for _ in range(30)], ())]
    assert all(int.from_bytes(raw[32:], "big") <= ORDER // 2 for raw in raws)


@given(r=st.integers(1, ORDER - 1), s=st.integers(1, ORDER - 1))
@settings(max_examples=50, deadline=None)
def test_low_s(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    low = int.from_bytes(low_s(raw)[32:], "big")
    assert low_s(raw)[:32] == raw[:32]
    assert low <= ORDER // 2
    assert low in (s, ORDER - s)


@pytest.mark.parametrize("raw", [bytes(64), b"\x01" * 63, b"\xff" * 64, b"\x01" * 32 + bytes(32), b"\x01" * 65])
def test_not_a_signature(raw: bytes) -> None:
    with pytest.raises(Malformed):
        low_s(raw)


def test_thousand_keys(token: Token) -> None:
    keys = Keys(1000)
    keys.into(token)
    signed = token.sign(keys.spends(), ())
    assert len({hashlib.sha256(s.raw[:32]).digest() for s in signed}) == 1000
    assert token.destroy() == 1000
