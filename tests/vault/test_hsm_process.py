from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base import sshsig
from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from ceremony.record.charter import Hsm
from ceremony.vault import protocol as p
from ceremony.vault.token import CHILD_KEY, NONCE
from ceremony.vault.wrapping import ImportKey, pkcs8, wrap
from tests import softhsm
from tests.vault.ptyvault import inside
from tests.vault.world import SoftWorld, World
from transfer.bitcoin.assemble import verified
from transfer.bitcoin.build import Order
from transfer.bitcoin.der import from_raw
from transfer.bitcoin.sighash import sighashes

LABEL, PIN = "vault one", "24681357"
PROMPT = rb"PIN of the HSM \(it does not show\), then Enter: "


class Ended(Exception):
    """The HSM process has ended."""


class Process:
    """A real HSM process. The test plays the screen process, the opener, and the person at the terminal."""

    role = "hsm"

    def __init__(self, conf: Path, seconds: int = 120) -> None:
        self.control, control = self._pair()
        self.link, link = self._pair()
        self.terminal, slave = os.openpty()
        arguments = (control.fileno(), link.fileno(), os.getpid(), seconds)
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-m", "ceremony.vault", self.role, *map(str, arguments)],
            pass_fds=(control.fileno(), link.fileno()),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "SOFTHSM2_CONF": str(conf)},
        )
        os.close(slave)
        control.close()
        link.close()
        self.shown = b""

    @property
    def pid(self) -> int:
        return inside(self._child.pid)

    @staticmethod
    def _pair() -> tuple[p.Channel, socket.socket]:
        ours, theirs = socket.socketpair()
        ours.settimeout(30)
        return p.Channel(ours), theirs

    def ask(self, message: Any) -> Any:
        self.control.send(message)
        return self.reply()

    def reply(self) -> Any:
        everything = (p.Ready, p.TokenOpened, p.PathProven, p.ArmedReply, p.Served, p.ImportedKeys, p.Signed, p.Destroyed, p.Finished)
        reply = self.control.receive((*everything, *p.TROUBLE))
        if reply is None:
            raise Ended
        return p.told(reply)

    def until(self, prompt: bytes) -> bytes:
        """Everything shown up to this prompt."""
        while not re.search(prompt, self.shown):
            self.shown += os.read(self.terminal, 1000)
        return self.shown

    def type(self, text: str, prompt: bytes = PROMPT) -> None:
        self.until(prompt)
        self.shown = b""
        os.write(self.terminal, text.encode() + b"\r")

    def open(self, module: str, pin: str = PIN) -> Any:
        self.control.send(p.Open(module=module, label=LABEL, serial=""))
        self.type(pin)
        return self.reply()

    def question(self, question: Any) -> Any:
        """One exchange as the opener, served."""
        self.control.send(p.ServeLink())
        self.link.send(question)
        answer = self.link.receive((p.Random, p.ImportKey, p.Taken, *p.TROUBLE))
        served = self.ask(p.LinkDone())
        assert served.exchanges == 1
        return p.told(answer)

    def wait(self) -> int:
        return self._child.wait(20)

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        self.control.close()
        self.link.close()
        os.close(self.terminal)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return softhsm.make_token(tmp_path_factory.mktemp("token"), LABEL, PIN, "97531864")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, token: tuple[Path, str]) -> World:
    hsm = Hsm(label=LABEL, serial=token[1], manufacturer="SoftHSM project", model="SoftHSM v2", firmware="2.6")
    return World(tmp_path_factory.mktemp("people"), hsm=hsm)


@pytest.fixture
def process(token: tuple[Path, str]) -> Iterator[Process]:
    running = Process(token[0])
    yield running
    running.close()


def wrapped(world: World, key: p.ImportKey) -> p.TakeKeys:
    """What the opener would send."""
    nodes = {s.path: world.node.derive(tuple(int(n) for n in s.path.split("/"))) for s in sighashes(world.request, world.account)}
    aes, keys = wrap(ImportKey(key.modulus, key.exponent), [pkcs8(node.secret) for node in nodes.values()], os.urandom)
    parts = [p.WrappedKey(path=path, public=node.public.key, wrapped=w) for (path, node), w in zip(nodes.items(), keys, strict=True)]
    return p.TakeKeys(aes=aes, keys=tuple(parts))


@pytest.mark.parametrize("kind", sshsig.KINDS)
def test_the_vault_is_armed_with_keys_of_each_kind(process: Process, world: World, tmp_path: Path, kind: bytes) -> None:
    """And, but for key files, not with signatures of the same keys that nobody touched."""
    soft = SoftWorld(tmp_path, hsm=world.hsm, kind=kind)
    process.ask(p.Hello())
    process.open(softhsm.module())
    process.ask(p.TryImportPath())
    if kind in (sshsig.SK_ED25519, sshsig.SK_ECDSA):
        with pytest.raises(Refused, match="ASM-06"):
            process.ask(p.Arm(orders=SoftWorld(tmp_path, hsm=world.hsm, kind=kind, flags=0).good))
    armed = process.ask(p.Arm(orders=soft.good))
    assert (armed.request, armed.inputs) == (soft.request.digest, 3)


def test_whole_ceremony(process: Process, world: World) -> None:
    process.ask(p.Hello())
    opened = process.open(softhsm.module())
    assert (opened.label, opened.serial, opened.pin, opened.objects) == (LABEL, world.hsm.serial, "no wrong tries", ())
    proven = process.ask(p.TryImportPath())
    assert proven.remaining == 0
    assert proven.attributes == {name: "true" if value else "false" for name, value in CHILD_KEY.items()}
    first, second = (process.question(p.GiveRandom()).value for _ in range(2))
    assert len(first) == 32
    assert first != second
    armed = process.ask(p.Arm(orders=world.good))
    assert (armed.request, armed.inputs, armed.paths) == (world.request.digest, 3, 3)
    assert armed.finding.startswith("production would refuse")
    key = process.question(p.GiveImportKey())
    assert key.fingerprint == ImportKey(key.modulus, key.exponent).fingerprint != proven.fingerprint
    assert process.question(wrapped(world, key)).count == 3
    imported = process.ask(p.Imported())
    assert sorted(k.path for k in imported.keys) == ["0/0", "0/1", "0/2"]
    assert imported.attributes["origin"] == "imported"
    signed = process.ask(p.Sign(past_r=()))
    assert signed.nonce == NONCE
    for s, wanted in zip(signed.signatures, sighashes(world.request, world.account), strict=True):
        assert (s.input, s.path, s.public) == (wanted.index, wanted.path, wanted.public_key)
        verified(from_raw(s.raw), wanted)
    assert process.ask(p.Destroy()) == p.Destroyed(count=3, remaining=0)
    assert process.ask(p.Finish()) == p.Finished()
    assert process.wait() == 0


def test_signing_again_uses_other_nonces(process: Process, world: World) -> None:
    import_keys(process, world)
    first = process.ask(p.Sign(past_r=()))
    again = process.ask(p.Sign(past_r=tuple(s.raw[:32].hex() for s in first.signatures)))
    assert {s.raw[:32] for s in first.signatures}.isdisjoint(s.raw[:32] for s in again.signatures)


def import_keys(process: Process, world: World) -> None:
    process.open(softhsm.module())
    process.ask(p.TryImportPath())
    process.ask(p.Arm(orders=world.good))
    process.question(wrapped(world, process.question(p.GiveImportKey())))


@pytest.mark.control("SIG-08")
def test_nothing_is_signed_or_taken_unless_armed(process: Process, world: World) -> None:
    process.open(softhsm.module())
    process.ask(p.TryImportPath())
    with pytest.raises(Refused, match="SIG-08"):
        process.ask(p.Sign(past_r=()))
    for question in (p.GiveImportKey(), p.TakeKeys(aes=b"", keys=())):
        with pytest.raises(Refused, match="SIG-08"):
            process.question(question)
    process.ask(p.Arm(orders=world.good))
    with pytest.raises(Refused, match="REC-09"):
        process.ask(p.Sign(past_r=()))


@pytest.mark.control("SIG-08")
def test_another_request_after_arming(process: Process, world: World) -> None:
    import_keys(process, world)
    other = world.build(
        Order(payments=((world.authorization.payments[0].destination, 150_000),), max_fee=20_000, rate=3_000, change_index=1)
    )
    approvals = world.approvals(world.good.positions, world.wanted(request=other.digest))
    with pytest.raises(Refused) as caught:
        process.ask(p.Arm(orders=replace(world.good, request=other.raw, approvals=approvals)))
    assert caught.value.identifier == "SIG-08"
    signed = process.ask(p.Sign(past_r=()))
    assert [s.input for s in signed.signatures] == [0, 1, 2]


@pytest.mark.control("SIG-08")
@pytest.mark.parametrize(
    "line",
    [
        b'{"digest":"' + b"00" * 32 + b'","message":"sign","past_r":[]}\n',
        b'{"digest":"' + b"00" * 32 + b'","message":"sign-digest"}\n',
        b'{"message":"give-random"}\n',
        b'{"message": "destroy"}\n',
        b"\n",
        b"\xff\xfe\n",
    ],
)
def test_unknown_messages_end_it(process: Process, world: World, line: bytes) -> None:
    process.ask(p.Hello())
    process.control._end.sendall(line)
    with pytest.raises(Malformed):
        process.reply()
    assert process.wait() == 0


def test_unknown_questions_on_the_link_end_it(process: Process, world: World) -> None:
    process.control.send(p.ServeLink())
    process.link._end.sendall(b'{"message":"sign","past_r":[]}\n')
    with pytest.raises(Refused, match="SIG-08"):
        process.reply()
    assert process.wait() == 0


def test_only_link_done_while_the_link_is_served(process: Process) -> None:
    process.control.send(p.ServeLink())
    process.control.send(p.Sign(past_r=()))
    with pytest.raises(Refused, match="SIG-08"):
        process.reply()
    assert process.wait() == 0


def test_link_of_a_dead_opener(process: Process) -> None:
    process.control.send(p.ServeLink())
    process.link.close()
    assert process.ask(p.LinkDone()) == p.Served(exchanges=0, fingerprint="", attested="no")


@pytest.mark.control("AIR-07")
def test_import_key_needs_a_proven_path(process: Process, world: World) -> None:
    process.open(softhsm.module())
    process.ask(p.Arm(orders=world.good))
    with pytest.raises(Refused) as caught:
        process.question(p.GiveImportKey())
    assert caught.value.identifier == "AIR-07"


@pytest.mark.control("REC-09")
def test_keys_of_other_addresses(process: Process, world: World) -> None:
    process.open(softhsm.module())
    process.ask(p.TryImportPath())
    process.ask(p.Arm(orders=world.good))
    right = wrapped(world, process.question(p.GiveImportKey()))
    renamed = replace(right.keys[0], path="0/9")
    with pytest.raises(Refused) as caught:
        process.question(replace(right, keys=(renamed, *right.keys[1:])))
    assert caught.value.identifier == "REC-09"
    with pytest.raises(Malformed, match="no keys"):
        process.ask(p.Imported())
    process.question(wrapped(world, process.question(p.GiveImportKey())))
    with pytest.raises(Malformed, match="destroyed"):
        process.ask(p.TryImportPath())


def test_wrong_pin_three_times(process: Process) -> None:
    for left in (2, 1, 0):
        with pytest.raises(p.WrongSecret) as caught:
            process.open(softhsm.module(), pin="00000000")
        assert caught.value.tries_left == left
    with pytest.raises(Malformed, match="three times"):
        process.ask(p.Open(module=softhsm.module(), label=LABEL, serial=""))


def test_a_wrong_pin_does_not_end_the_ceremony(process: Process) -> None:
    with pytest.raises(p.WrongSecret):
        process.open(softhsm.module(), pin="00000000")
    process.control.send(p.Open(module=softhsm.module(), label=LABEL, serial=""))
    process.type(PIN)
    assert process.reply().pin == "wrong tries"


FINAL_TRY, LOCKED = "20000", "40000"
"""CKF_USER_PIN_...: flags that SoftHSM does not show when they are due, stated by the module in front of it."""


@pytest.fixture
def stating(tmp_path: Path) -> Iterator[Callable[[str], tuple[Process, str]]]:
    """An HSM process in front of a token whose flags say this of its PIN, and the module to open it with."""
    conf, _ = softhsm.make_token(tmp_path, LABEL, PIN, "97531864")
    module, running = softhsm.make_shim(tmp_path), Process(conf)

    def states(flags: str) -> tuple[Process, str]:
        conf.with_name(conf.name + ".faults").write_text(f"flags {flags}\n")
        return running, module

    yield states
    running.close()


def test_how_many_tries_are_left_is_said_before_one_is_risked(process: Process) -> None:
    process.control.send(p.Open(module=softhsm.module(), label=LABEL, serial=""))
    seen = process.until(PROMPT)
    assert b"all its tries are left" in seen
    assert b"lets you try 3 times" in seen
    assert b"Hand the keyboard to the administrator. Everyone else steps back." in seen
    process.type("")
    process.until(rb"Nothing was typed, and no try is used\.\s+administrator, " + PROMPT)
    process.type("00000000", rb".")
    with pytest.raises(p.WrongSecret, match=r"\(2 tries left\)"):
        process.reply()
    process.control.send(p.Open(module=softhsm.module(), label=LABEL, serial=""))
    seen = process.until(PROMPT)
    assert max(len(line) for line in seen.splitlines()) <= 78
    assert b"not all of its tries are left" in seen
    assert b"lets you try 2 times" in seen


def test_the_last_try_is_taken_by_a_typed_word_alone(stating: Callable[[str], tuple[Process, str]], tmp_path: Path) -> None:
    process, module = stating(FINAL_TRY)
    for answer in ("", "risk"):
        process.control.send(p.Open(module=module, label=LABEL, serial=""))
        assert b"ONE MORE WRONG PIN LOCKS THIS HSM: one try is left." in process.until(rb"leave it: ")
        process.type(answer, rb"leave it: ")
        with pytest.raises(p.Interrupted):
            process.reply()
    assert "C_Login" not in (tmp_path / "softhsm2.conf.calls").read_text()
    process.control.send(p.Open(module=module, label=LABEL, serial=""))
    process.type("RISK", rb"leave it: ")
    process.type(PIN)
    assert process.reply().pin == "last try"


def test_a_locked_hsm_is_told_and_asks_for_nothing(stating: Callable[[str], tuple[Process, str]], tmp_path: Path) -> None:
    process, module = stating(LOCKED)
    with pytest.raises(Malformed, match="the HSM has locked its PIN"):
        process.ask(p.Open(module=module, label=LABEL, serial=""))
    assert "C_Login" not in (tmp_path / "softhsm2.conf.calls").read_text()


def test_two_people_type_half_the_pin_each(process: Process) -> None:
    """A real token takes the two halves joined, and neither of them alone; neither shows."""
    halves = rb"administrator, first half of the PIN .*then Enter: ", rb"witness, second half of the PIN .*then Enter: "
    for first, second, takes in ((PIN[:4], "0000", False), ("0000", PIN[4:], False), (PIN[:4], PIN[4:], True)):
        process.control.send(p.Open(module=softhsm.module(), label=LABEL, serial="", halves="yes"))
        process.type(first, halves[0])
        seen = process.until(halves[1])
        assert b"Hand the keyboard to the witness." in seen
        assert PIN[:4].encode() not in seen
        process.type(second, halves[1])
        if takes:
            assert process.reply().label == LABEL
        else:
            with pytest.raises(p.WrongSecret):
                process.reply()


def test_interrupted_at_the_pin(process: Process) -> None:
    process.control.send(p.Open(module=softhsm.module(), label=LABEL, serial=""))
    process.type("123\x03")
    with pytest.raises(p.Interrupted):
        process.reply()
    assert process.open(softhsm.module()).label == LABEL


@pytest.mark.control("AIR-05")
def test_another_hsm_ends_it(world: World, tmp_path: Path) -> None:
    conf, _ = softhsm.make_token(tmp_path, LABEL, PIN, "97531864")
    conf.with_name(conf.name + ".faults").write_text("rename\n")
    process = Process(conf)
    try:
        opened = process.open(softhsm.make_shim(tmp_path))
        assert (opened.manufacturer, opened.model) == ("Maker", "Model 5")
        with pytest.raises(Refused) as caught:
            process.ask(p.Arm(orders=world.good))
        assert caught.value.identifier == "AIR-05"
        assert process.wait() == 0
    finally:
        process.close()


def test_an_hsm_that_fails_is_told_and_can_be_asked_again(world: World, tmp_path: Path) -> None:
    conf, _ = softhsm.make_token(tmp_path, LABEL, PIN, "97531864")
    faults = conf.with_name(conf.name + ".faults")
    process = Process(conf)
    try:
        process.open(softhsm.make_shim(tmp_path))
        process.ask(p.TryImportPath())
        process.ask(p.Arm(orders=world.good))
        faults.write_text("fail C_GenerateRandom\nfail C_GenerateKeyPair\n")
        for question in (p.GiveRandom(), p.GiveImportKey()):
            with pytest.raises(Malformed, match="DeviceError"):
                process.question(question)
        faults.write_text("")
        process.question(wrapped(world, process.question(p.GiveImportKey())))
        faults.write_text("fail C_SignInit\n")
        with pytest.raises(Malformed, match="DeviceError"):
            process.ask(p.Sign(past_r=()))
        faults.write_text("")
        assert len(process.ask(p.Sign(past_r=())).signatures) == 3
        faults.write_text("fail C_Logout\n")
        with pytest.raises(Malformed, match="DeviceError"):
            process.ask(p.Finish())
        assert process.wait() == 0
    finally:
        process.close()


@pytest.mark.control("AIR-06")
def test_keys_on_the_token(tmp_path: Path) -> None:
    conf, _ = softhsm.make_token(tmp_path, LABEL, PIN, "97531864")
    tool = ["pkcs11-tool", "--module", softhsm.module(), "--login", "--pin", PIN, "--keypairgen", "--key-type", "EC:secp256k1"]
    subprocess.run(tool, env={**os.environ, "SOFTHSM2_CONF": str(conf)}, check=True, capture_output=True)
    process = Process(conf)
    try:
        with pytest.raises(Refused) as caught:
            process.open(softhsm.module())
        assert caught.value.identifier == "AIR-06"
        with pytest.raises(Malformed, match="not open"):
            process.ask(p.TryImportPath())
    finally:
        process.close()


def test_before_open(process: Process, world: World) -> None:
    for message in (p.TryImportPath(), p.Destroy(), p.Arm(orders=world.good), p.Imported()):
        with pytest.raises(Malformed):
            process.ask(message)
    with pytest.raises(Malformed, match="not open"):
        process.question(p.GiveRandom())


@pytest.mark.parametrize("module", ["/nowhere/lib.so", "/bin/true"])
def test_no_such_module(process: Process, module: str) -> None:
    with pytest.raises(Malformed, match="not a PKCS#11 module"):
        process.ask(p.Open(module=module, label=LABEL, serial=""))


def test_end_of_the_socket_ends_it(process: Process, world: World) -> None:
    import_keys(process, world)
    process.control.close()
    assert process.wait() == 0


@pytest.mark.control("GEN-09")
def test_no_secret_in_its_memory(process: Process, world: World) -> None:
    """It holds the PIN and what the software token in it decrypts; never the secret or the account's key, in any place."""
    import_keys(process, world)
    assert PIN.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    found = memory(process.pid)
    assert world.key_record.digest.encode() in found, "the scan sees what is there"
    shares = (*world.split.custodian_shares.values(), *world.split.site_shares.values())
    for canary in (world.secret, world.node.key, *shares):
        assert canary not in found
        assert canary.hex().encode() not in found


def memory(pid: int) -> bytes:
    found = bytearray()
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if " r" in line[:40] and "[v" not in line:
                try:
                    mem.seek(start)
                    found += mem.read(end - start)
                except OSError:
                    continue
    return bytes(found)
