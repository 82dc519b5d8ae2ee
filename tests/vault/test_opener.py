from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump, load
from ceremony.record.charter import Hsm
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.order import ShareOrder
from ceremony.vault import accounts, opener, prompt
from ceremony.vault import passphrase as passphrases
from ceremony.vault.opener import Opener
from ceremony.vault.passphrase import offer
from ceremony.vault.protocol import (
    Arm,
    BeginHealth,
    BeginKeygen,
    BeginReshare,
    Channel,
    Delivered,
    Lock,
    MalformedReply,
    Random,
    RefusedReply,
)
from shares import envelope
from shares.envelope import Header
from shares.plan import SchemeName, Terms
from shares.schemes import CODES, scheme_of, slip39
from tests.softhsm import make_token, module
from tests.vault.ptyvault import PIN, PROVE, SAMPLE, UNLOCK, PtyVault, Told, alive, memory
from tests.vault.test_sweep_orders import HERE, Sweep
from tests.vault.world import POSITIONS, World
from transfer.bitcoin.assemble import assemble
from transfer.bitcoin.check import check

PIN_TYPED = "271828"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str, str]]:
    """A world whose charter names a real software token; its configuration and serial number."""
    folder = tmp_path_factory.mktemp("desk")
    conf, serial = make_token(folder, "vault", PIN_TYPED, "314159")
    hsm = Hsm(label="vault", serial=serial, manufacturer="SoftHSM project", model="SoftHSM v2", firmware="2.6")
    return World(folder, hsm=hsm), str(conf), serial


def started(folder: Path, conf: str, serial: str) -> PtyVault:
    """A vault whose token is open."""
    screen = PtyVault(folder, SOFTHSM2_CONF=conf)
    screen.ask("open_token", module(), "vault", serial)
    screen.type(PIN, PIN_TYPED)
    screen.answer()
    return screen


@pytest.fixture
def screen(desk: tuple[World, str, str], tmp_path: Path) -> Iterator[PtyVault]:
    with started(tmp_path, desk[1], desk[2]) as made:
        yield made


def keygen(world: World) -> BeginKeygen:
    return BeginKeygen(charters=world.good.charters, genesis=world.charter.digest, ceremony=1, issued="2026-11-20T10:00:00Z")


def lock(screen: PtyVault, position: str) -> tuple[bytes, str]:
    """Lock one share under the words that are offered."""
    screen.ask("lock", position, 1)
    if f"{position}, try the keyboard" not in screen.shown:
        screen.type(SAMPLE, "")
    words = [screen.wait(r"    [1-6]  ([a-z-]+)").group(1) for _ in range(6)]
    for number, word in enumerate(words, 1):
        screen.type(f"{position}, word {number} of 6: ", word)
    return screen.answer().sealed, " ".join(words)


def refused(screen: PtyVault) -> Told:
    with pytest.raises(Told) as caught:
        screen.answer()
    return caught.value


def needles(secret: bytes, *more: bytes) -> list[bytes]:
    """What a canary scan looks for: raw and in hexadecimal."""
    seed = accounts.seed_of("gf256", secret)
    return [form for value in (secret, seed, *more) for form in (value, value.hex().encode())]


@pytest.mark.control("GEN-07")
@pytest.mark.parametrize("scheme", CODES)
def test_a_key_generation(desk: tuple[World, str, str], screen: PtyVault, scheme: SchemeName) -> None:
    """From the charter to proven quorums; then nothing secret is found in the screen process or the HSM process."""
    world = World(desk[0].folder, scheme=scheme, hsm=desk[0].hsm)
    record = load(KeyRecord, screen.call("begin_keygen", keygen(world)).key_record)
    assert record.origin == "software; sources: operating system, HSM"
    assert (record.charter, record.plan, len(record.custodian_commitments)) == (world.charter.digest, world.charter.plan, 6)
    locked = {position: lock(screen, position) for position in POSITIONS}
    for position, (sealed, passphrase) in locked.items():
        screen.ask("prove_quorums")
        assert refused(screen).identifier == "GEN-07"
        screen.ask("prove", position, sealed)
        screen.type(PROVE.format(position), passphrase)
        assert screen.answer().position == position
    quorums = screen.call("prove_quorums")
    assert (quorums.of_custodians, quorums.of_sites) == (3, 3)

    shares = {position: envelope.unseal(sealed, passphrase.encode()) for position, (sealed, passphrase) in locked.items()}
    secret = combined(world, {p: shares[p] for p in ("A1", "A2", "B1", "B2")})
    assert accounts.account_key(accounts.seed_of(scheme, secret), record.accounts[0]) == record.accounts[0]
    words = [passphrase.encode() for _, passphrase in locked.values()]
    if scheme == "slip39":
        words += [slip39.mnemonic(world.charter.plan, record.set_identifier, p, share)[40:].encode() for p, share in shares.items()]
    scan(screen, needles(secret, *shares.values()) + words)


def combined(world: World, shares: dict[str, bytes]) -> bytes:
    scheme, plan = scheme_of(world.scheme), world.charter.plan
    sites = {letter: scheme.combine_site(plan, letter, {int(p[1]): s for p, s in shares.items() if p[0] == letter}) for letter in "AB"}
    return scheme.combine_sites(plan, sites)


def scan(screen: PtyVault, canaries: list[bytes]) -> None:
    """GEN-09, REC-10: no canary in the memory of the two other processes; the opener's memory shows that the scan sees."""
    if os.geteuid() != 0:
        pytest.skip("only root reads another process's memory here")
    opener = memory(screen.pids["opener"])
    assert any(canary in opener for canary in canaries)
    for pid in (screen.screen, screen.pids["hsm"]):
        found = memory(pid)
        assert len(found) > 1_000_000
        assert not any(canary in found for canary in canaries)
    for pid in screen.pids.values():
        for name in ("cmdline", "environ"):
            assert not any(canary in Path(f"/proc/{pid}/{name}").read_bytes() for canary in canaries)


SAID = "".join(Path(module.__file__ or "").read_text(encoding="utf-8") for module in (passphrases, prompt, opener))
"""What the opener says of its own accord: a word of the list may stand there as well (`one`, `list`, `told`)."""


def test_words_are_erased_and_passphrases_never_shown(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("begin_keygen", keygen(desk[0]))
    sealed, passphrase = lock(screen, "A1")
    screen.ask("prove", "A1", sealed)
    screen.type(PROVE.format("A1"), passphrase)
    screen.answer()
    shown = screen.rest()
    before, _, rest = shown.partition("\x1b[?1049h")
    aside, _, after = rest.partition("\x1b[?1049l")
    assert passphrase.split()[0] in aside
    assert [word for word in passphrase.split() if word in before + after and word not in SAID] == []
    assert PIN_TYPED not in shown


@pytest.mark.control("GEN-14")
def test_proving_wants_what_was_locked_last(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """Another position's share, an altered one and a wrong passphrase are refused; after three, lock again."""
    screen.call("begin_keygen", keygen(desk[0]))
    one, passphrase = lock(screen, "A1")
    two, _ = lock(screen, "A2")
    screen.ask("prove", "A1", two)
    assert refused(screen).identifier == "REC-02"
    screen.ask("prove", "B1", one)
    assert "lock this share first" in str(refused(screen))
    for left in (2, 1, 0):
        screen.ask("prove", "A1", one)
        screen.type(PROVE.format("A1"), "x " + passphrase)
        assert refused(screen).tries_left == left
    screen.ask("prove", "A1", one)
    assert refused(screen).kind == "Malformed"
    again, another = lock(screen, "A1")
    assert another != passphrase
    assert again != one
    screen.ask("prove", "A1", one)
    screen.type(PROVE.format("A1"), another)
    assert refused(screen).tries_left == 2
    screen.ask("prove", "A1", again)
    screen.type(PROVE.format("A1"), another)
    assert screen.answer().position == "A1"


def test_interrupting_changes_nothing(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("begin_keygen", keygen(desk[0]))
    screen.ask("lock", "A1", 1)
    screen.type(SAMPLE, "")
    screen.type("word 1 of 6: ", "\x03", end="")
    assert refused(screen).kind == "Interrupted"
    sealed, passphrase = lock(screen, "A1")
    screen.ask("prove", "A1", sealed)
    screen.type(PROVE.format("A1"), "\x03", end="")
    assert refused(screen).kind == "Interrupted"
    screen.ask("prove", "A1", sealed)
    screen.type(PROVE.format("A1"), passphrase)
    assert screen.answer().position == "A1"


def test_a_child_killed_at_its_prompt_leaves_the_terminal_in_order(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """No echo and the alternate screen are undone by the screen process."""
    terminal = os.readlink(f"/proc/{screen.screen}/fd/0")
    settings = ["stty", "-F", terminal, "-a"]
    before = subprocess.run(settings, capture_output=True, text=True, check=True).stdout
    screen.call("begin_keygen", keygen(desk[0]))
    screen.ask("lock", "A1", 1)
    screen.type(SAMPLE, "")
    screen.wait("word 1 of 6: ")
    assert subprocess.run(settings, capture_output=True, text=True, check=True).stdout != before
    os.kill(screen.pids["opener"], signal.SIGKILL)
    told = refused(screen)
    assert told.kind == "VaultLost"
    assert "every sealed share is as it was" in str(told)
    assert subprocess.run(settings, capture_output=True, text=True, check=True).stdout == before
    assert screen.rest().endswith("\x1b[?1049l\r\n")


def test_an_interrupt_while_an_answer_is_due_loses_nothing(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """Ctrl-C and Ctrl-\\ that come as signals, to all processes at the terminal, between prompts."""
    screen.call("begin_keygen", keygen(desk[0]))
    screen.ask("lock", "A1", 1)
    screen.wait(SAMPLE)
    for pid in (screen.screen, *screen.pids.values()):
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGQUIT)
    screen.terminal.send("\r")
    screen.type("word 1 of 6: ", "\x03", end="")
    assert refused(screen).kind == "Interrupted"
    assert lock(screen, "A2")


@pytest.mark.control("SIG-08")
def test_one_task_in_its_life(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("begin_keygen", keygen(desk[0]))
    screen.ask("begin_keygen", keygen(desk[0]))
    assert refused(screen).identifier == "SIG-08"
    screen.ask("arm", desk[0].good)
    assert refused(screen).identifier == "SIG-08"


@pytest.mark.control("AUT-03")
def test_key_generation_wants_a_signed_charter(desk: tuple[World, str, str], screen: PtyVault) -> None:
    good = keygen(desk[0])
    raw = dump(replace(desk[0].charter, organisation="Another desk"))
    screen.ask("begin_keygen", replace(good, charters=(replace(good.charters[0], charter=raw),)))
    assert refused(screen).identifier == "AUT-03"


class Transfer:
    """Sealed shares of the world, and how they are unlocked."""

    def __init__(self, world: World, screen: PtyVault, split: Any = None) -> None:
        self.world, self.screen = world, screen
        terms = Terms(mark="practice", scheme=world.scheme, plan=world.charter.plan)
        self.shares = dict((split or world.split).custodian_shares)
        self.sealed = {}
        for position in POSITIONS:
            header = Header.of(terms, world.key_record.set_identifier, position, "light", 3)
            self.sealed[position] = envelope.seal(header, self.shares[position], self.passphrase(position).encode(), os.urandom(16))

    @staticmethod
    def passphrase(position: str) -> str:
        return f"Unlikely words of the custodian of {position}"

    def unlock(self, position: str, sealed: bytes | None = None, numbers: tuple[int, ...] = (1, 3), typed: str | None = None) -> None:
        self.screen.ask("unlock", position, sealed or self.sealed[position], numbers)
        if typed != "":
            if f"{position}, try the keyboard" not in self.screen.shown:
                self.screen.type(SAMPLE, "")
            self.screen.type(UNLOCK.format(position), typed or self.passphrase(position))

    def opened(self, *positions: str) -> Any:
        for position in positions:
            self.unlock(position)
            answer = self.screen.answer()
        return answer


def with_all(world: World) -> Any:
    """Orders under which all six custodians open their shares."""
    return replace(world.good, positions=POSITIONS, approvals=world.approvals(POSITIONS, world.wanted()))


def test_a_transfer(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """Arm, unlock, recover, deliver, sign, destroy, lock again, prove again; canaries after each stage."""
    world = desk[0]
    assert screen.call("try_import_path").remaining == 0
    armed = screen.call("arm", with_all(world))
    assert armed.request == world.request.digest
    transfer = Transfer(world, screen)
    board = transfer.opened("A1", "A2", "C1", "B2", "B1")
    assert (board.board, board.enough) == ({"A": 2, "B": 2, "C": 1}, "yes")
    recovered = screen.call("recover")
    assert (recovered.accounts, recovered.combined, recovered.spare) == (("cold",), ("A1", "A2", "B1", "B2"), ("C1",))
    passphrases = [transfer.passphrase(p).encode() for p in ("A1", "B2")]
    canaries = needles(world.secret, *transfer.shares.values()) + passphrases
    scan(screen, canaries)
    delivered, imported = screen.call("deliver")
    assert isinstance(delivered, Delivered)
    assert delivered.keys == len(imported.keys) == len({s.path for s in imported.keys})
    scan(screen, canaries)
    signed = screen.call("sign", ())
    assert len(signed.signatures) == armed.inputs
    assert screen.call("destroy").remaining == 0
    for position in ("A1", "A2", "B1", "B2", "C1"):
        again = screen.call("lock_again", position, 7).sealed
        assert Header.unpack(again).sealing == 7
        assert again[22:38] != transfer.sealed[position][22:38]
        assert envelope.unseal(again, transfer.passphrase(position).encode()) == transfer.shares[position]
        assert screen.call("prove_again", position, again).position == position
    scan(screen, canaries)
    screen.call("end")
    assert not any(alive(pid) for pid in screen.pids.values())


def test_a_sweep_of_slip39_shares(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """The former key's child keys sign, and all of it goes to the key in use."""
    world = Sweep(desk[0].folder, scheme="slip39", hsm=desk[0].hsm)
    screen.call("try_import_path")
    screen.call("arm", world.orders())
    Transfer(world, screen).opened(*HERE)
    assert screen.call("recover").combined == HERE
    screen.call("deliver")
    signed = sorted(screen.call("sign", ()).signatures, key=lambda s: s.input)
    raw = assemble(world.request, tuple(s.raw for s in signed), world.swept)
    assert [each.address for each in check(raw, world.request, world.swept).review.swept] == [world.authorization.address]
    assert screen.call("destroy").remaining == 0


@pytest.mark.control("SEC-01")
def test_locking_again(desk: tuple[World, str, str], screen: PtyVault) -> None:
    world = desk[0]
    screen.call("arm", world.good)
    transfer = Transfer(world, screen)
    transfer.opened("A1", "A2")
    for number in (2, 3):
        screen.ask("lock_again", "A1", number)
        assert refused(screen).identifier == "SEC-01"
    screen.ask("prove_again", "A1", transfer.sealed["A1"])
    assert refused(screen).kind == "Malformed"
    again = screen.call("lock_again", "A1", 4).sealed
    screen.ask("prove_again", "A1", transfer.sealed["A1"])
    assert refused(screen).identifier == "REC-12"
    screen.ask("prove_again", "A1", again[:-1] + bytes([again[-1] ^ 1]))
    assert refused(screen).identifier == "SEC-01"
    screen.ask("lock_again", "B1", 4)
    assert "not open" in str(refused(screen))


def foreign(transfer: Transfer, what: str) -> bytes:
    """A's sealed share with one thing wrong."""
    world = transfer.world
    terms = Terms(mark="practice", scheme=world.scheme, plan=world.charter.plan)
    header = Header.of(terms, world.key_record.set_identifier, "A1", "light", 3)
    wrong = {
        "set": {"set_identifier": "00" * 10},
        "mark": {"mark": "production", "profile": "standard"},
        "position": {"position": "A2"},
        "terms": {"members": 3},
        "newer": {"sealing": 4},
        "older": {"sealing": 1},
    }[what]
    return replace(header, **wrong).pack() + transfer.sealed["A1"][22:]


@pytest.mark.control("REC-12", "REC-13", "REC-02", "AUD-10")
def test_a_header_is_refused_before_a_passphrase_is_asked(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("arm", desk[0].good)
    transfer = Transfer(desk[0], screen)
    cases = {"set": "REC-13", "mark": "REC-13", "position": "REC-02", "terms": "REC-02", "newer": "AUD-10", "older": "REC-12"}
    for what, identifier in cases.items():
        transfer.unlock("A1", foreign(transfer, what), typed="")
        assert refused(screen).identifier == identifier, what
    transfer.unlock("A1", transfer.sealed["A1"][:-1], typed="")
    assert refused(screen).identifier == "REC-03"
    assert "passphrase" not in screen.rest()


@pytest.mark.control("REC-02", "SIG-02", "REC-01", "ASM-01")
def test_who_may_open(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """Not who has not approved, not twice, not with too few, not after three wrong passphrases."""
    screen.call("arm", desk[0].good)
    transfer = Transfer(desk[0], screen)
    transfer.unlock("C1", typed="")
    assert refused(screen).identifier == "SIG-02"
    for left in (2, 1, 0):
        transfer.unlock("A2", typed="not the passphrase")
        told = refused(screen)
        assert (told.kind, told.tries_left) == ("WrongSecret", left)
    transfer.unlock("A2", typed="")
    told = refused(screen)
    assert told.identifier == "ASM-01"
    assert "Nothing is lost" in str(told)
    transfer.opened("A1", "B1", "B2")
    transfer.unlock("A1", typed="")
    assert refused(screen).identifier == "REC-02"
    screen.ask("recover")
    told = refused(screen)
    assert told.identifier == "REC-01"
    assert alive(screen.pids["opener"])
    screen.ask("deliver")
    assert refused(screen).kind == "Malformed"


@pytest.mark.control("REC-05")
@pytest.mark.parametrize("scheme", CODES)
def test_a_forged_share_is_refused_as_it_is_opened(desk: tuple[World, str, str], screen: PtyVault, scheme: SchemeName) -> None:
    """Sealed properly, header right, another share inside."""
    world = World(desk[0].folder, scheme=scheme, hsm=desk[0].hsm)
    screen.call("arm", world.good)
    forger = scheme_of(scheme).split(bytes(32), world.charter.plan, os.urandom)
    transfer = Transfer(world, screen, forger)
    transfer.unlock("A1")
    told = refused(screen)
    assert told.identifier == "REC-05"
    assert "A1" in str(told)


@pytest.mark.control("REC-06")
def test_other_accounts_wipe_everything(desk: tuple[World, str, str], tmp_path: Path) -> None:
    """Shares and commitments of one secret, accounts of another: the opener ends."""
    world = World(desk[0].folder, hsm=desk[0].hsm)
    other = bytes(range(1, 33))
    world.split = scheme_of("gf256").split(other, world.charter.plan, os.urandom)
    with started(tmp_path, desk[1], desk[2]) as screen:
        screen.call("arm", world.good)
        transfer = Transfer(world, screen)
        transfer.opened("A1", "A2", "B1", "B2")
        screen.ask("recover")
        told = refused(screen)
        assert told.identifier == "REC-06"
        assert accounts.account_key(accounts.seed_of("gf256", other), world.account).xpub in str(told)
        screen.ask("lock_again", "A1", 4)
        assert refused(screen).kind == "VaultLost"
        assert not alive(screen.pids["opener"])


@pytest.mark.control("SIG-08")
def test_armed_once(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("arm", desk[0].good)
    screen.ask("arm", desk[0].good)
    assert refused(screen).identifier == "SIG-08"
    screen.ask("begin_keygen", keygen(desk[0]))
    assert refused(screen).identifier == "SIG-08"


@pytest.mark.control("STO-10")
def test_a_share_is_proven_healthy_alone(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """Opened, checked, locked again, without orders; the next one replaces it; nothing is combined."""
    good = desk[0].good
    message = BeginHealth(
        charters=good.charters,
        genesis=good.genesis,
        key_record=good.key_record,
        key_record_signatures=good.key_record_signatures,
    )
    screen.ask("begin_health", replace(message, genesis="00" * 32))
    assert refused(screen).identifier
    assert screen.call("begin_health", message).key_record == desk[0].key_record.digest
    transfer = Transfer(desk[0], screen)
    for position in ("A1", "A2", "B1", "C2"):
        answer = transfer.opened(position)
        assert (answer.board, answer.enough) == ({position[0]: 1}, "no")
        again = screen.call("lock_again", position, 4).sealed
        screen.call("prove_again", position, again)
    screen.ask("lock_again", "A1", 5)
    assert "not open" in str(refused(screen))
    for method in ("recover", "deliver"):
        screen.ask(method)
        assert refused(screen).identifier == "STO-10"
    screen.ask("arm", good)
    assert refused(screen).identifier == "SIG-08"


def reseal_begun(world: World, *positions: str, **changes: Any) -> BeginHealth:
    """A health check under an order of both officers for these positions."""
    good = world.good
    order = ShareOrder(
        kind="reseal",
        mark=world.charter.mark,
        genesis=good.genesis,
        charter=world.charter.digest,
        key_record=world.key_record.digest,
        register_head="ab" * 32,
        identifier="s-1",
        positions=positions,
        reason="overheard",
        requester="witness",
        not_before="2026-11-20T09:00:00Z",
        expires="2026-11-21T09:00:00Z",
    )
    order = replace(order, **changes)
    return BeginHealth(
        charters=good.charters,
        genesis=good.genesis,
        key_record=good.key_record,
        key_record_signatures=good.key_record_signatures,
        order=dump(order),
        taken="2026-11-20T10:00:00Z",
        order_signatures=tuple(world.sign(person, "share-order", dump(order)) for person in ("cfo", "cto")),
    )


def chosen(screen: PtyVault, position: str, sealing: int, own: str = "") -> tuple[bytes, str]:
    """A new passphrase for an open share: the words that are offered, or one of their own."""
    screen.ask("lock_new", position, sealing)
    words = [screen.wait(r"    [1-6]  ([a-z-]+)").group(1) for _ in range(6)]
    if own:
        screen.type(f"{position}, word 1 of 6: ", "o")
        for prompt_ in ("your own passphrase", "the same once more"):
            screen.type(rf"{position}, {prompt_}[^:]*: ", own)
        return screen.answer().sealed, own
    for number, word in enumerate(words, 1):
        screen.type(f"{position}, word {number} of 6: ", word)
    return screen.answer().sealed, " ".join(words)


@pytest.mark.control("SEC-01")
def test_a_share_gets_a_new_passphrase_which_is_typed_once_more(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """The old sealed share still opens with the passphrase of before; the new one only with the new one."""
    screen.call("begin_health", reseal_begun(desk[0], "A1"))
    transfer = Transfer(desk[0], screen)
    transfer.opened("A1")
    sealed, passphrase = chosen(screen, "A1", 4)
    assert envelope.unseal(sealed, passphrase.encode()) == transfer.shares["A1"]
    for left in (2, 1, 0):
        screen.ask("prove_new", "A1", sealed)
        screen.type(PROVE.format("A1"), transfer.passphrase("A1"))
        wrong = refused(screen)
        assert (wrong.kind, wrong.tries_left) == ("WrongSecret", left)
    screen.ask("prove_new", "A1", sealed)
    assert "choose a new passphrase first" in str(refused(screen))
    again, other = chosen(screen, "A1", 5, own="Another sentence of my own, longer")
    screen.ask("prove_new", "A1", sealed)
    assert refused(screen).identifier == "REC-12"
    screen.ask("prove_new", "A1", again)
    screen.type(PROVE.format("A1"), other)
    assert screen.answer().position == "A1"
    scan(screen, [other.encode(), passphrase.encode(), transfer.shares["A1"]])


@pytest.mark.control("AUT-01")
def test_only_whom_the_officers_named_chooses_a_new_passphrase(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.ask("begin_health", reseal_begun(desk[0], "A1", key_record="cd" * 32))
    assert refused(screen).identifier == "AUT-01"
    one = reseal_begun(desk[0], "A1")
    screen.ask("begin_health", replace(one, order_signatures=one.order_signatures[:1]))
    assert refused(screen).identifier == "AUT-02"
    for late in ("2026-11-20T08:59:59Z", "2026-11-21T09:00:01Z"):
        screen.ask("begin_health", replace(one, taken=late))
        assert refused(screen).identifier == "AUT-04"
    screen.ask("begin_health", replace(one, taken=None))
    assert refused(screen).kind == "Malformed"
    screen.ask("begin_health", resharing_as_reseal(desk[0]))
    assert refused(screen).identifier == "AUT-01"
    screen.call("begin_health", one)
    Transfer(desk[0], screen).opened("A2")
    screen.ask("lock_new", "A2", 4)
    assert refused(screen).identifier == "AUT-01"
    screen.ask("lock_new", "A1", 4)
    assert "not open" in str(refused(screen))


def resharing_as_reseal(world: World) -> BeginHealth:
    """The order for a resharing, where one for a reseal is due."""
    other = resharing(world)
    return replace(reseal_begun(world, "A1"), order=other.order, order_signatures=other.order_signatures)


@pytest.mark.control("AUT-01")
def test_in_a_transfer_nobody_chooses_a_new_passphrase(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("arm", with_all(desk[0]))
    Transfer(desk[0], screen).opened("A1")
    screen.ask("lock_new", "A1", 4)
    assert refused(screen).identifier == "AUT-01"


def test_the_passphrase_of_before_is_no_new_one(desk: tuple[World, str, str], screen: PtyVault) -> None:
    screen.call("begin_health", reseal_begun(desk[0], "A1"))
    transfer = Transfer(desk[0], screen)
    transfer.opened("A1")
    screen.ask("lock_new", "A1", 4)
    screen.type("A1, word 1 of 6: ", "o")
    screen.type(r"A1, your own passphrase[^:]*: ", transfer.passphrase("A1"))
    screen.wait("That is your passphrase of before")
    for prompt_ in ("your own passphrase", "the same once more"):
        screen.type(rf"A1, {prompt_}[^:]*: ", "Another sentence of my own, longer")
    assert screen.answer().position == "A1"


class FakeLink(Channel):
    """A link at whose other end an HSM gives always the same."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def send(self, message: Any) -> None:
        pass

    def receive(self, closed: Any) -> Any:
        return Random(value=self._value)


class FakeTalk:
    """A custodian who takes the words that are offered."""

    def choose(self, position: str, random: Any, mark: str) -> bytearray:
        self.words = " ".join(offer(random))
        return bytearray(self.words, "ascii")


@pytest.mark.control("GEN-13")
def test_with_a_constant_operating_system_two_runs_differ_everywhere(desk: tuple[World, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And with the same HSM too they are the same: so the generator is the only source there is."""
    monkeypatch.setattr(os, "urandom", lambda n: b"\x55" * n)
    runs = []
    for value in (b"a" * 32, b"b" * 32, b"a" * 32):
        talk = FakeTalk()
        opener = Opener(FakeLink(value), talk)  # type: ignore[arg-type]
        record = load(KeyRecord, opener.begin_keygen(keygen(desk[0])).key_record)
        sealed = opener.lock(Lock(position="A1", sealing=1)).sealed
        facts = {**record.custodian_commitments, **record.site_commitments}
        runs.append({**facts, "account": record.accounts[0].xpub, "words": talk.words, "salt": sealed[22:38], "box": sealed[38:]})
    assert runs[0] == runs[2]
    assert all(runs[0][name] != runs[1][name] for name in runs[0])


def test_a_refusing_hsm_is_told() -> None:
    class Refusing(FakeLink):
        def receive(self, closed: Any) -> Any:
            return RefusedReply(identifier="AIR-06", what="w", found="f", expected="e", do="d")

    with pytest.raises(Refused) as caught:
        Opener(Refusing(b""), FakeTalk()).ask_link(Arm, Random)  # type: ignore[arg-type]
    assert caught.value.identifier == "AIR-06"


@pytest.mark.control("SIG-08")
def test_without_the_hsm_no_task_has_begun(desk: tuple[World, str, str]) -> None:
    """The link refuses randomness once: then nothing is armed, and the orders may come again; after that nothing else."""

    class Once(FakeLink):
        refusing = True

        def receive(self, closed: Any) -> Any:
            first, self.refusing = self.refusing, False
            return MalformedReply(what="the HSM is not open") if first else super().receive(closed)

    made = Opener(Once(b"a" * 32), FakeTalk())  # type: ignore[arg-type]
    with pytest.raises(Malformed, match="the HSM is not open"):
        made.arm(Arm(orders=desk[0].good))
    made.arm(Arm(orders=desk[0].good))
    for ask in (lambda: made.begin_keygen(keygen(desk[0])), lambda: made.begin_reshare(resharing(desk[0]))):
        with pytest.raises(Refused, match="SIG-08"):
            ask()


def share_order(world: World, **changes: Any) -> ShareOrder:
    """The officers' order to make all shares anew."""
    facts: dict[str, Any] = {
        "kind": "reshare",
        "mark": "practice",
        "genesis": world.charter.digest,
        "charter": world.charter.digest,
        "key_record": world.key_record.digest,
        "register_head": "22" * 32,
        "identifier": "s-1",
        "reason": "a custodian leaves",
        "requester": "cfo",
        "not_before": "2026-11-20T00:00:00Z",
        "expires": "2026-11-21T00:00:00Z",
    }
    return ShareOrder(**{**facts, **changes})


def resharing(world: World, signers: tuple[str, ...] = ("cfo", "cto"), **changes: Any) -> BeginReshare:
    order = dump(share_order(world, **changes))
    return BeginReshare(
        charters=world.good.charters,
        genesis=world.charter.digest,
        key_record=world.good.key_record,
        key_record_signatures=world.good.key_record_signatures,
        order=order,
        order_signatures=world.all_sign(signers, "share-order", order),
        taken="2026-11-20T10:00:00Z",
        ceremony=7,
        issued="2026-11-20T10:00:00Z",
    )


@pytest.mark.control("SIG-08")
def test_a_vault_that_reshares_recovers_once_and_splits_anew_and_can_do_nothing_else(
    desk: tuple[World, str, str], screen: PtyVault
) -> None:
    """Driven by its pipe: no key for the HSM, no share locked again, no other task; the new set is of the very same accounts."""
    world = desk[0]
    assert screen.call("begin_reshare", resharing(world)).positions == POSITIONS
    transfer = Transfer(world, screen)
    for ask in (("resplit",), ("deliver",), ("begin_keygen", keygen(world)), ("arm", world.good), ("begin_reshare", resharing(world))):
        screen.ask(*ask)
        refused(screen)
    for position in ("A1", "A2", "B1"):
        transfer.opened(position)
    screen.ask("recover")
    assert refused(screen).identifier == "REC-01"
    screen.ask("lock_again", "A1", 4)
    assert refused(screen).identifier == "SIG-08"


@pytest.mark.control("SEC-05")
@pytest.mark.control("REC-06")
def test_a_secret_in_fresh_polynomials(desk: tuple[World, str, str], screen: PtyVault) -> None:
    world = desk[0]
    screen.call("begin_reshare", resharing(world))
    transfer = Transfer(world, screen)
    for position in ("A1", "A2", "C1", "C2"):
        transfer.opened(position)
    assert screen.call("recover").combined == ("A1", "A2", "C1", "C2")
    screen.ask("unlock", "B1", transfer.sealed["B1"], (3,))
    assert refused(screen).kind == "Malformed"
    record = load(KeyRecord, screen.call("resplit").key_record)
    old = world.key_record
    assert (record.follows, record.accounts, record.charter, record.ceremony) == (old.digest, old.accounts, world.charter.digest, 7)
    assert record.origin.startswith("as the set before it: recovered")
    assert not set(record.custodian_commitments.values()) & set(old.custodian_commitments.values())
    assert not set(record.site_commitments.values()) & set(old.site_commitments.values())
    for ask in (("recover",), ("resplit",), ("lock_again", "A1", 4), ("deliver",), ("arm", world.good)):
        screen.ask(*ask)
        assert refused(screen).identifier in ("SIG-08", "")
    locked = {position: lock(screen, position) for position in POSITIONS}
    for position, (sealed, passphrase) in locked.items():
        assert Header.unpack(sealed).set_identifier == record.set_identifier
        screen.ask("prove", position, sealed)
        screen.type(PROVE.format(position), passphrase)
        screen.answer()
    assert screen.call("prove_quorums").of_sites == 3
    shares = {position: envelope.unseal(sealed, passphrase.encode()) for position, (sealed, passphrase) in locked.items()}
    assert combined(world, {p: shares[p] for p in ("A1", "A2", "B1", "B2")}) == world.secret
    assert all(shares[position] != world.split.custodian_shares[position] for position in POSITIONS)
    scan(screen, needles(world.secret, *shares.values()))


@pytest.mark.control("SIG-08")
def test_the_vault_takes_nobodys_word_for_an_order(desk: tuple[World, str, str], screen: PtyVault) -> None:
    """Each document is verified in the opener itself, and after a refusal nothing has begun."""
    world = desk[0]
    for wrong, identifier in (
        (resharing(world, ("cfo",)), "AUT-02"),
        (resharing(world, kind="new-key"), "AUT-01"),
        (resharing(world, key_record="00" * 32), "AUT-01"),
        (resharing(world, charter="00" * 32), "AUT-01"),
        (resharing(world, kind="reseal", positions=("A1",)), "AUT-01"),
        (replace(resharing(world), taken="2026-11-21T00:00:01Z"), "AUT-04"),
        (replace(resharing(world), genesis="00" * 32), "SIG-08"),
        (replace(resharing(world), key_record_signatures=()), "AUD-02"),
        (replace(resharing(world), order_signatures=resharing(world, identifier="s-2").order_signatures), "AUT-03"),
    ):
        screen.ask("begin_reshare", wrong)
        assert refused(screen).identifier == identifier
        screen.ask("recover")
        assert refused(screen).identifier == "SIG-08"
