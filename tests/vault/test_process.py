from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump
from ceremony.vault import known_answers, protocol
from ceremony.vault.process import Vault, VaultLost
from ceremony.vault.protocol import Protected, Ready
from tests.vault.ptyvault import PtyVault, alive, inside


@pytest.fixture
def vault() -> Iterator[Vault]:
    started = Vault.start_for(60)
    yield started
    started.kill()


def gone(*pids: int, within: float = 5) -> bool:
    until = time.monotonic() + within
    while any(alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    return not any(alive(pid) for pid in pids)


def test_both_start_protected_and_say_so(vault: Vault) -> None:
    assert vault.check_protection("practice") == vault.check_protection("production") == ()
    for ready in vault.ready.values():
        states = {p.name: p.state for p in ready.protection}
        assert states["no network"] == states["not traceable"] == states["dies with its parent"] == states["processes of its own"] == "held"
        assert ready.known_answers == known_answers.COUNT


@pytest.mark.control("REC-10")
def test_the_protections_are_real(vault: Vault, tmp_path: Path) -> None:
    for pid in (inside(vault.opener.pid), inside(vault.hsm.pid)):
        proc = Path(f"/proc/{pid}")
        assert os.readlink(proc / "ns/pid") != os.readlink("/proc/self/ns/pid")
        assert os.readlink(proc / "ns/net") != os.readlink("/proc/self/ns/net")
        assert "\nMax core file size        0                    0 " in (proc / "limits").read_text()
        assert "\nNoNewPrivs:\t1\n" in (proc / "status").read_text()
        assert (proc / "net/dev").read_text().count(":") == 1
        names = {entry.partition(b"=")[0].decode() for entry in (proc / "environ").read_bytes().split(b"\0")} - {""}
        assert names <= {"LANG", "PATH", "SOFTHSM2_CONF", "TERM"}
        words = (proc / "cmdline").read_bytes().split(b"\0")[1:-1]
        assert words[:3] == [b"-I", b"-m", b"ceremony.vault"]
        assert all(word.isdigit() for word in words[4:])
        assert proc.stat().st_uid == 0  # what is not dumpable belongs to root in /proc, whoever runs it


@pytest.mark.control("REC-10")
def test_production_refuses_without_an_essential_protection(vault: Vault) -> None:
    ready = vault.ready["opener"]
    bad = Protected(name="no network", state="not held: not permitted", essential="yes")
    fine = Protected(name="memory locked", state="not held: 8192 KiB", essential="no")
    vault.ready["opener"] = replace(ready, protection=(bad, fine))
    with pytest.raises(Refused) as caught:
        vault.check_protection("production")
    assert caught.value.identifier == "REC-10"
    (sentence,) = vault.check_protection("practice")
    assert sentence.startswith("production would refuse: opener: no network: not held")


@pytest.mark.control("REC-10")
def test_kill_9_of_the_parent_leaves_no_child(tmp_path: Path) -> None:
    with PtyVault(tmp_path) as screen:
        assert alive(screen.pids["opener"])
        assert alive(screen.pids["hsm"])
        os.kill(screen.screen, signal.SIGKILL)
        screen.terminal.wait()
        assert gone(*screen.pids.values())


@pytest.mark.control("REC-10")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_parent_leaves_no_child(tmp_path: Path, number: int) -> None:
    with PtyVault(tmp_path) as screen:
        os.kill(screen.screen, number)
        screen.terminal.wait()
        assert gone(*screen.pids.values())


@pytest.mark.control("REC-10")
def test_a_signal_ends_it_that_was_ignored_where_it_was_started(tmp_path: Path) -> None:
    """As under nohup(1)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        screen = PtyVault(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    with screen:
        os.kill(screen.screen, signal.SIGHUP)
        screen.terminal.wait()
        assert gone(*screen.pids.values())


@pytest.mark.control("REC-10")
def test_the_time_limit_ends_both() -> None:
    vault = Vault.start_for(1)
    try:
        assert gone(vault.opener.pid, vault.hsm.pid)
        with pytest.raises(VaultLost, match="time limit") as caught:
            vault.prove_quorums()
        assert "every sealed share is as it was" in str(caught.value)
    finally:
        vault.kill()


def test_no_time_limit_is_told(tmp_path: Path) -> None:
    vault = Vault.start_for(0)
    try:
        with pytest.raises(Refused, match="time limit: not held"):
            vault.check_protection("production")
    finally:
        vault.kill()


def test_a_lost_child_is_told_and_the_other_can_be_ended(vault: Vault) -> None:
    os.kill(inside(vault.opener.pid), signal.SIGKILL)
    with pytest.raises(VaultLost, match="opener is gone"):
        vault.prove_quorums()
    vault.end()
    vault.end()
    assert gone(vault.opener.pid, vault.hsm.pid)


def test_ending_ends_both(vault: Vault) -> None:
    vault.end()
    assert gone(vault.opener.pid, vault.hsm.pid, within=0)


@pytest.mark.control("SIG-08")
def test_nothing_is_done_for_who_has_not_armed(vault: Vault) -> None:
    asks: tuple[Callable[[], Any], ...] = (
        lambda: vault.unlock("A1", bytes(86), (1,)),
        vault.recover,
        vault.deliver,
        lambda: vault.lock_again("A1", 2),
        lambda: vault.prove_again("A1", bytes(86)),
        lambda: vault.sign(()),
    )
    for ask in asks:
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.identifier == "SIG-08"
    assert alive(vault.opener.pid)


def test_no_share_is_locked_before_there_is_one(vault: Vault) -> None:
    for ask in (lambda: vault.lock("A1", 1), lambda: vault.prove("A1", bytes(86)), vault.prove_quorums):
        with pytest.raises(Malformed, match="no key generation"):
            ask()


@pytest.mark.control("SIG-08")
@pytest.mark.parametrize(
    "line",
    [
        b'{"message":"sign-digest","digest":"' + b"00" * 32 + b'"}\n',
        b'{"digest":"00","message":"sign","past_r":[]}\n',
        b'{"message": "finish"}\n',
        b'{"message":"finish","message":"finish"}\n',
        b'"finish"\n',
        b"\xff\n",
        b'{"aes":"","keys":[],"message":"take-keys"}\n',
        b"[" * 100_000 + b"\n",
    ],
    ids=["unknown", "a field too many", "space", "twice", "text", "not ASCII", "of the link", "deep"],
)
def test_a_message_that_is_not_in_the_closed_list_ends_the_process(vault: Vault, line: bytes) -> None:
    """SIG-08: there is no message that signs a digest, on either socket."""
    for helper in (vault.opener, vault.hsm):
        helper.channel._end.sendall(line)
        with pytest.raises(Malformed):
            helper.receive(Ready)
    assert gone(vault.opener.pid, vault.hsm.pid)


def test_each_child_takes_its_own_messages_only(vault: Vault) -> None:
    vault.opener.send(protocol.Sign(past_r=()))
    vault.hsm.send(protocol.Recover())
    for helper in (vault.opener, vault.hsm):
        with pytest.raises(Malformed, match="closed list"):
            helper.receive(Ready)
        assert gone(helper.pid)


def test_a_message_beyond_the_cap_ends_the_process(vault: Vault) -> None:
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        vault.opener.channel._end.sendall(b"x" * 40_000_000)
    assert gone(vault.opener.pid)


def test_no_message_has_a_place_for_a_secret() -> None:
    kinds = {*protocol.TO_OPENER, *protocol.TO_HSM, *protocol.OVER_LINK, *protocol.TROUBLE}
    fields = {name for kind in kinds for name in kind.__dataclass_fields__}
    assert not fields & {"passphrase", "pin", "share", "secret", "seed", "digest", "private", "entropy", "mnemonic"}


def test_trouble_travels() -> None:
    refusal = Refused("REC-02", "wh\u00e4t\n", found="", expected="e" * 3000, do="d")
    for error, kind in ((refusal, Refused), (Malformed("m"), Malformed), (protocol.WrongSecret("w", 2), protocol.WrongSecret)):
        reply = protocol.parse(dump(protocol.trouble(error)), protocol.TROUBLE)
        with pytest.raises(kind):
            protocol.told(reply)
    with pytest.raises(protocol.Interrupted):
        protocol.told(protocol.trouble(protocol.Interrupted()))


def test_less_privilege_is_told_or_made_good(tmp_path: Path) -> None:
    """Without its capabilities root locks no memory under a small limit, and makes the network namespace in one of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can give capabilities up here")
    few = "--bounding-set=-sys_admin,-ipc_lock"
    code = (
        "import os; from ceremony.base.keeper import apart; from ceremony.vault.protection import protect\n"
        "print(*(p.state for p in protect(apart(os.getppid(), 9))), sep='|')"
    )
    command = ["prlimit", "--memlock=8388608:8388608", "setpriv", "--inh-caps=-sys_admin,-ipc_lock", few, sys.executable, "-c", code]
    states = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split("|")
    assert states[:2] == ["held"] * 2
    assert states[2] == "held" or states[2].startswith("not held: [Errno 1]")
    assert states[3] == "held"
    assert states[4] == "not held: only 8192 KiB may be locked (ulimit -l)"
    assert states[5] == "held" or states[5].startswith("not held: [Errno 1]")


OPENER_MODULES = {"_cffi_backend", "_openssl", "ceremony", "cryptography", "mnemonic", "pyshamir", "shamir_mnemonic", "shares", "transfer"}


def test_the_opener_loads_nothing_else() -> None:
    """The modules of a process that has loaded the opener and computed with everything in it."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import ceremony.vault.child, ceremony.vault.opener, ceremony.vault.known_answers as k\n"
        "k.run(); from shares.plan import Plan, SitePlan; from shares.schemes import scheme_of\n"
        "p = Plan(site_threshold=2, sites=tuple(SitePlan(letter=x, threshold=2, members=2) for x in 'AB'))\n"
        "from ceremony.vault import accounts\n"
        "for s in ('gf256', 'slip39'): scheme_of(s).split(bytes(32), p, bytes); accounts.seed_of(s, bytes(32))\n"
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= OPENER_MODULES


def test_the_running_opener_maps_no_other_library(vault: Vault) -> None:
    maps = Path(f"/proc/{inside(vault.opener.pid)}/maps").read_text()
    mapped = {
        line.partition("site-packages/")[2].partition("/")[0].partition(".")[0] for line in maps.splitlines() if "site-packages/" in line
    }
    assert mapped <= OPENER_MODULES
    assert "softhsm" not in maps
