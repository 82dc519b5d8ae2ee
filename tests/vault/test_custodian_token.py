"""The process of a custodian's own token, on a real pseudo-terminal with a real PKCS#11 module, driven message by message."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.data import Malformed
from ceremony.base.lines import sha256
from ceremony.vault import protocol as p
from tests import softhsm
from tests.vault.test_hsm_process import Process

PIN, LABEL = "24681357", "token C1"
SHARE, NAME = bytes(range(86)), "share-C1-0001 00112233445566778899"
ASKS = rb"C1, PIN of the token \(it does not show\), then Enter: "
RISKS = rb"C1, type RISK to use the last try, or only Enter to leave it: "


class TokenProcess(Process):
    """As the HSM process's, for the third child."""

    role = "token"

    def ask(self, message: Any) -> Any:
        self.control.send(message)
        return self.reply()

    def reply(self) -> Any:
        answer = self.control.receive((p.Ready, p.TokensFound, p.TokenReady, p.StoredShares, p.Finished, *p.TROUBLE))
        assert answer is not None
        return p.told(answer)

    def unlock(self, module: str, serial: str, pin: str = PIN, label: str = LABEL) -> Any:
        self.control.send(p.OpenToken(module=module, label=label, serial=serial, person="C1"))
        self.type(pin, ASKS)
        return self.reply()


@pytest.fixture
def token(tmp_path: Path) -> tuple[Path, str]:
    return softhsm.make_token(tmp_path, LABEL, PIN, "97531864")


@pytest.fixture
def process(token: tuple[Path, str]) -> Iterator[TokenProcess]:
    running = TokenProcess(token[0])
    yield running
    running.close()


@pytest.fixture
def shim(tmp_path: Path) -> str:
    return softhsm.make_shim(tmp_path)


def faults(token: tuple[Path, str], *said: str) -> None:
    Path(f"{token[0]}.faults").write_text("".join(f"{line}\n" for line in said))


def second_client(token: tuple[Path, str], *words: str) -> str:
    command = ["pkcs11-tool", "--module", softhsm.module(), "--token-label", LABEL, "--list-objects", "--type", "data", *words]
    environment = {**os.environ, "SOFTHSM2_CONF": str(token[0])}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_written_listed_read_back_and_erased(process: TokenProcess, token: tuple[Path, str]) -> None:
    """The whole life of a share on a token, as a second PKCS#11 client sees it, too."""
    ready = process.ask(p.Hello())
    assert {each.name: each.state for each in ready.protection}["not traceable"] == "held"
    (found,) = process.ask(p.FindTokens(module=softhsm.module())).tokens
    assert (found.label, found.serial, found.pin) == (LABEL, token[1], "no wrong tries")
    assert process.unlock(softhsm.module(), token[1]).label == LABEL
    assert process.ask(p.ListShares()).shares == ()
    assert process.ask(p.WriteShare(label=NAME, value=SHARE)).shares == (p.StoredShare(label=NAME, value=SHARE),)
    assert NAME not in second_client(token)
    seen = second_client(token, "--login", "--pin", PIN)
    assert f"'{NAME}'" in seen
    assert "'cold-ceremony'" in seen
    assert process.ask(p.EraseShare(label=NAME, sha256=sha256(b"another share"))).shares == (p.StoredShare(label=NAME, value=SHARE),)
    assert process.ask(p.EraseShare(label=NAME, sha256=sha256(SHARE))).shares == ()
    assert NAME not in second_client(token, "--login", "--pin", PIN)
    assert process.ask(p.Finish()) == p.Finished()
    assert process.wait() == 0


def test_objects_of_others_are_left_alone(process: TokenProcess, token: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"a note of its owner")
    words = ["pkcs11-tool", "--module", softhsm.module(), "--token-label", LABEL, "--login", "--pin", PIN, "--type", "data", "--private"]
    words += ["--write-object", str(tmp_path / "note"), "--label", NAME, "--application-label", "notes"]
    subprocess.run(words, env={**os.environ, "SOFTHSM2_CONF": str(token[0])}, check=True, capture_output=True)
    process.unlock(softhsm.module(), token[1])
    assert process.ask(p.ListShares()).shares == ()
    process.ask(p.WriteShare(label=NAME, value=SHARE))
    assert process.ask(p.EraseShare(label=NAME, sha256=sha256(SHARE))).shares == ()
    assert "'notes'" in second_client(token, "--login", "--pin", PIN)


def test_a_label_is_never_written_twice(process: TokenProcess, token: tuple[Path, str]) -> None:
    process.unlock(softhsm.module(), token[1])
    process.ask(p.WriteShare(label=NAME, value=SHARE))
    with pytest.raises(Malformed, match=r"holds share-C1-0001 .* already"):
        process.ask(p.WriteShare(label=NAME, value=SHARE))


def test_a_wrong_pin_is_told_with_the_tries_that_are_left(process: TokenProcess, token: tuple[Path, str]) -> None:
    for left in (2, 1, 0):
        with pytest.raises(p.WrongSecret) as caught:
            process.unlock(softhsm.module(), token[1], "00000000")
        assert caught.value.tries_left == left
    with pytest.raises(Malformed, match="wrong three times"):
        process.ask(p.OpenToken(module=softhsm.module(), label=LABEL, serial=token[1], person="C1"))
    with pytest.raises(Malformed, match="no token is open"):
        process.ask(p.ListShares())


def test_the_last_try_of_a_token_is_not_taken_unasked(process: TokenProcess, token: tuple[Path, str], shim: str) -> None:
    """CKF_USER_PIN_FINAL_TRY: Enter alone leaves it; a locked PIN asks for none."""
    faults(token, "flags 20000")
    process.control.send(p.OpenToken(module=shim, label=LABEL, serial=token[1], person="C1"))
    process.type("", RISKS)
    with pytest.raises(p.Interrupted):
        process.reply()
    faults(token, "flags 40000")
    with pytest.raises(Malformed, match="has locked its PIN"):
        process.ask(p.OpenToken(module=shim, label=LABEL, serial=token[1], person="C1"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("answer C_CreateObject 31", "DeviceMemory: it is full"),
        ("answer C_CreateObject e2", "TokenWriteProtected: it is read-only"),
        ("unplugged", "it was pulled out"),
        ("fail C_CreateObject", "DeviceError"),
    ],
)
def test_a_token_that_cannot_take_a_share_is_told_by_what_it_is(
    process: TokenProcess, token: tuple[Path, str], shim: str, fault: str, said: str
) -> None:
    process.unlock(shim, token[1])
    faults(token, fault)
    with pytest.raises(Malformed, match=said):
        process.ask(p.WriteShare(label=NAME, value=SHARE))
    assert NAME not in second_client(token, "--login", "--pin", PIN)


def test_a_share_that_is_not_kept_private_is_taken_back(process: TokenProcess, token: tuple[Path, str], shim: str) -> None:
    """A token that states CKA_PRIVATE false of what it was given as private."""
    process.unlock(shim, token[1])
    faults(token, "public")
    with pytest.raises(Malformed, match="does not keep it private"):
        process.ask(p.WriteShare(label=NAME, value=SHARE))
    assert NAME not in second_client(token, "--login", "--pin", PIN)


def test_no_such_module_and_no_such_token(process: TokenProcess, token: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="not a PKCS#11 module that works here"):
        process.ask(p.FindTokens(module=str(tmp_path / "nothing.so")))
    with pytest.raises(Malformed, match="expected one token with label"):
        process.ask(p.OpenToken(module=softhsm.module(), label=LABEL, serial="0000", person="C1"))


@pytest.mark.control("REC-10")
@pytest.mark.parametrize("line", [b'{"message":"sign","past_r":[]}\n', b'{"message":"hello","more":"1"}\n', b"\n", b"\xff\xfe\n"])
def test_unknown_messages_end_it(process: TokenProcess, line: bytes) -> None:
    process.ask(p.Hello())
    process.control._end.sendall(line)
    with pytest.raises(Malformed):
        process.reply()
    assert process.wait() == 0
