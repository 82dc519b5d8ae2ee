"""The figures of a release, each measured in this run and compared with its bound or with something beside it."""

from __future__ import annotations

import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import get_args
from unittest import mock

from ceremony import demonstration
from ceremony.cast import Pace
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.record.transcript import Transcript
from ceremony.script import typed_card
from ceremony.script.table import SCRIPTS, number_of
from shares import card
from tests import softhsm
from tests.ceremony import rehearsal
from tests.record import sample
from tests.screen import stains
from tests.screen import test_paper_card as of_a_card
from transfer.bitcoin.address import address_of
from transfer.bitcoin.sighash import sighashes
from transfer.request import SigningRequest

ROOT = Path(__file__).parents[1]
CEREMONY = str(ROOT / ".venv" / "bin" / "ceremony")
Row = tuple[str, str, str]


def seconds(run: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def quiet(*command: str) -> None:
    """Run a command, without what it prints."""
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # each checkout runs its own code
    subprocess.run(command, check=True, capture_output=True, env=alone)


def the_demo(folder: Path) -> list[Row]:
    """The demonstration at production KDF strength, and where its time goes."""
    stage = demonstration.stage(folder, "standard", Pace(), lambda _: None)
    before, after = demonstration.BEFORE_TRANSFER, demonstration.AFTER_TRANSFER
    started = time.perf_counter()
    for act in before:
        act(stage)
    stage.cast.budget.clear()
    shown = stage.act("Transfer", demonstration.transfer_command(stage))
    budget = demonstration.budget(stage, len(Register.open(stage.folder / "register").ceremonies))
    for act in after:
        act(stage)
    demonstration.verify(stage)
    whole = time.perf_counter() - started
    rows = [("demonstration, standard KDF", f"{whole:.1f} s", "at most 60 s")]
    rows += [(f"  {title}", f"{took:.1f} s ({100 * took / whole:.0f} %)", "") for title, took in stage.seconds.items()]
    signing, steps = number_of("transfer", "sitting:sign"), len(SCRIPTS["transfer"])
    sitting = shown.split(f"step {signing} of {steps}", 1)[1].split("assemble the transaction", 1)[0]
    machine = sum(float(t) for t in re.findall(r"done \((\d+\.\d) s\)", sitting))
    rows.append(("last share to destroyed key, machine time", f"{machine:.1f} s", "at most 10 s"))
    rows += [("machine time of the transfer, by phase", "", ""), *phases(shown)]
    return [*rows, *((f"the transfer asks of each: {line}" if at == 0 else f"  {line}", "", "") for at, line in enumerate(budget))]


def phases(shown: str) -> list[Row]:
    """What the screen says of machine time, summed up for each phase of a transfer."""
    parts = re.split(r"step (\d+) of \d+", shown)
    spent: dict[str, float] = {step.phase: 0.0 for step in SCRIPTS["transfer"]}
    for number, part in zip(parts[1::2], parts[2::2], strict=True):
        spent[SCRIPTS["transfer"][int(number) - 1].phase] += sum(_worked(part).values())
    return [(f"  {phase}", f"{took:.1f} s", "") for phase, took in spent.items()]


def _worked(shown: str) -> dict[str, float]:
    """What the machine did while people waited -> seconds."""
    found: dict[str, float] = {}
    for what, took in re.findall(r"  ([^\r\n]+?) \.\.\. done \((\d+\.\d) s\)", shown):
        found[what] = found.get(what, 0.0) + float(took)
    return found


PARTS = {
    "HSM": ("import path", "child keys into the HSM", "the HSM signs", "destroy every key"),
    "both readers": ("readers", "read by"),
    "the vault's own check": ("the vault verifies",),
    "writing and reading back": ("write",),
}
"""Part of a transfer's machine time -> words by which the screen tells of it."""


def a_thousand_inputs(folder: Path) -> list[Row]:
    """1,000 coins at 1,000 addresses, 100 payments, end to end at the light KDF profile, and where the machine's time goes."""
    payees = {f"payee-{n}": address_of(b"\x00\x14" + n.to_bytes(20, "big"), "regtest") for n in range(1, 101)}
    stage = demonstration.stage(
        folder, "light", Pace(), lambda _: None, replace(rehearsal.SMALL, payees=payees, fees=("0.005 BTC", "0.01 BTC"))
    )
    demonstration.found(stage)
    demonstration.generate(stage)
    demonstration.fund(stage, "0.001 BTC", 1000)
    started = time.perf_counter()
    demonstration.snapshot(stage)
    demonstration.authorize(stage, *(f"{name}:0.00995 BTC" for name in payees))
    shown = "".join(
        (stage.act("Prepare", demonstration.prepare_command(stage)), stage.act("Transfer", demonstration.transfer_command(stage)))
    )
    for act in demonstration.AFTER_TRANSFER:
        act(stage)
    demonstration.verify(stage)
    whole = time.perf_counter() - started
    book = Register.open(stage.folder / "register")
    request, account = SigningRequest("bitcoin", book.ceremonies[1].raw("request")), book.key_record.accounts[0]
    inputs = len(sighashes(request, account))
    worked = _worked(shown)
    rows = [(f"{inputs:,} inputs, 100 payments, from snapshot to verdict", f"{whole:.1f} s", "")]
    rows += [
        (f"  {title}", f"{took:.1f} s ({100 * took / whole:.0f} %)", "") for title, took in stage.seconds.items() if title in _AFTER_FUNDS
    ]
    total = sum(worked.values())
    rows.append(("  of the ceremony, machine time", f"{total:.1f} s", ""))
    for part, words in PARTS.items():
        took = sum(t for what, t in worked.items() if any(word in what for word in words))
        rows.append((f"    {part}", f"{took:.1f} s ({100 * took / total:.0f} %)", ""))
    hashed = seconds(lambda: sighashes(request, account))
    rows.append((f"    all {inputs:,} digests to be signed, once", f"{hashed:.2f} s ({100 * hashed / total:.0f} %)", ""))
    return rows


_AFTER_FUNDS = ("Snapshot", "Authorization", "Prepare", "Transfer", "Receive and broadcast", "Receipt and close", "Report and verdict")


class _Typist:
    """Twelve people who type at once: what is measured is the machine."""

    def choose(self, position: str, *_: object) -> bytearray:
        """A passphrase of six words."""
        return bytearray(f"abacus bobbin cactus dollop embark {position}".encode())

    ask = choose


def twelve_shares(folder: Path) -> list[Row]:
    """Split, lock, write, read back and open twelve shares at the standard KDF profile, and prove all 108 quorums: in each scheme."""
    from ceremony.base.files import read_file, write_new  # noqa: PLC0415
    from ceremony.vault.generation import Birth, Generation  # noqa: PLC0415
    from ceremony.vault.randomness import Generator  # noqa: PLC0415
    from shares.plan import SchemeName  # noqa: PLC0415
    from tests.desk import CUSTODIANS, Desk  # noqa: PLC0415

    folder.mkdir()
    desk = Desk(folder)

    def whole(scheme: SchemeName) -> None:
        charter = desk.charter(scheme=scheme, kdf="standard")
        birth = Birth(genesis=charter.digest, ceremony=1, issued=charter.issued, origin="a measurement")
        random = Generator({"operating system": secrets.token_bytes(32), "HSM": secrets.token_bytes(32)})
        made = Generation(birth, charter, random, _Typist())
        for position in CUSTODIANS:
            write_new(folder / f"{scheme}-{position}.sealed", made.lock(position, 1))
            made.prove(position, read_file(folder / f"{scheme}-{position}.sealed"))
        made.prove_quorums()

    took = {scheme: seconds(lambda scheme=scheme: whole(scheme)) for scheme in get_args(SchemeName)}
    cores = len(os.sched_getaffinity(0))
    return [
        (f"split, lock, write, prove 12 shares, {s}, standard KDF", f"{t:.1f} s on {cores} cores", "at most 30 s") for s, t in took.items()
    ]


def share_cards() -> list[Row]:
    """What a share card asks of a hand, and what its code stands, rendered from the PDF at 300 dots per inch; the leading decoder."""
    sealed = of_a_card.sealed()
    text, image = card.payload(sealed), of_a_card.page()
    groups = sum(len(line.split()) for line in card.lines(sealed))
    rows: list[Row] = [("a typed card, groups of four", f"{groups}", "at most 48")]
    printing = seconds(lambda: typed_card.printed(sealed))
    rows.append(("  drawn, rendered, read back by both readers and as text", f"{printing:.2f} s", ""))
    blurred = stains.is_read(stains.blurred(stains.none(image, text)), text)
    rows.append(("a card's code, blurred by half a module", "read" if blurred else "NOT READ", "read"))
    for what, look in (("a tenth of it blackened", lambda stain: stain.image), ("both", stains.blurred)):
        found = [stains.is_read(look(stain), text) for stain in stains.of(image, text, 7)]
        rows.append((f"  {what}, wherever the blot lies", f"read in {sum(found)} of {len(found)} places", "all"))
    return rows


def help_is_quick() -> list[Row]:
    """`ceremony --help` beside a bare import of click, in turn."""
    pairs = [(seconds(lambda: quiet(CEREMONY, "--help")), seconds(lambda: quiet(sys.executable, "-c", "import click"))) for _ in range(15)]
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    return [("ceremony --help : import click", f"{ours / bare:.2f} ({1000 * ours:.0f} ms : {1000 * bare:.0f} ms)", "at most 2.5")]


def hsm_rate(folder: Path, count: int = 1000) -> list[Row]:
    """Import and sign with `count` child keys, beside the HSM's raw rate: `count` signatures with one of these keys."""
    from ceremony.vault.protocol import WrappedKey  # noqa: PLC0415
    from ceremony.vault.token import Token, _ecdsa  # noqa: PLC0415
    from ceremony.vault.wrapping import pkcs8, wrap  # noqa: PLC0415
    from transfer.bitcoin import bip32  # noqa: PLC0415
    from transfer.bitcoin.sighash import Sighash  # noqa: PLC0415

    conf, serial = softhsm.make_token(folder, "bench", "4711-bench", "4711-so")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    token = Token.log_in(softhsm.module(), "bench", serial, "4711-bench")
    nodes = {f"0/{i}": bip32.master(secrets.token_bytes(32), "test") for i in range(count)}
    spends = [
        Sighash(index=i, path=path, public_key=node.public.key, digest=secrets.token_bytes(32))
        for i, (path, node) in enumerate(nodes.items())
    ]
    token.try_import_path()
    import_key = token.make_import_key()
    aes, wrapped = wrap(import_key, [pkcs8(node.secret) for node in nodes.values()], secrets.token_bytes)
    public = {path: node.public.key for path, node in nodes.items()}
    keys = [WrappedKey(path=path, public=public[path], wrapped=raw) for path, raw in zip(nodes, wrapped, strict=True)]
    imported = seconds(lambda: token.take(aes, keys, public))
    signed = seconds(lambda: token.sign(spends, ()))
    one = token._children["0/0"]  # (the HSM's own rate has no place in the vault's interface)
    raw = seconds(lambda: [_ecdsa(one, spend.digest) for spend in spends])
    token.destroy()
    token.close()
    ratio = (imported + signed) / raw
    return [
        (f"import + sign {count} child keys", f"{imported:.2f} + {signed:.2f} s", ""),
        (f"  beside {count} bare signatures of the HSM", f"{raw:.2f} s, ratio {ratio:.1f}", ""),
    ]


def verification(folder: Path, beside: Path | None) -> list[Row]:
    """Both verifiers over 1,000, 10,000 and 100,000 entries: the time per entry must not grow. `beside`: another checkout, which makes
    the same play and verifies it by its own verifiers in this run."""
    rows = []
    for count in (1_000, 10_000, 100_000):
        took = _verified(ROOT, folder / f"entries-{count}", count)
        each = " : ".join(f"{1_000_000 * t / count:.0f} us" for t in took)
        rows.append((f"verify {count:>7,} entries, ceremony : stock", f"{took[0]:.1f} s : {took[1]:.1f} s ({each} each)", "linear; 60 s"))
        if beside is not None:
            there = _verified(beside, folder / f"beside-{count}", count)
            ratio = " : ".join(f"{ours / theirs:.2f}" for ours, theirs in zip(took, there, strict=True))
            rows.append(("  beside the other checkout", f"{there[0]:.1f} s : {there[1]:.1f} s, ratio {ratio}", "at most 1.5"))
    return rows


def _verified(checkout: Path, place: Path, count: int) -> tuple[float, float]:
    """Seconds that both verifiers of a checkout need for a register of so many entries, which that checkout's tests write."""
    python = str(checkout / ".venv" / "bin" / "python")
    code = f"from tests.record.sample import Path, many; a = many(Path({str(place)!r}), {count}); print(a.genesis, a.head)"
    made = subprocess.run([python, "-c", code], cwd=checkout, check=True, capture_output=True, text=True)
    genesis, head = made.stdout.split()
    ours = (str(checkout / ".venv" / "bin" / "ceremony"), "audit", "verify", str(place), "--genesis", genesis, "--head", head)
    stock = (str(checkout / "scripts" / "verify-transcript.sh"), str(place), genesis, head)
    return seconds(lambda: quiet(*ours)), seconds(lambda: quiet(*stock))


def run_keys(folder: Path, count: int = 500) -> list[Row]:
    """What a run's key costs: milliseconds a line, with and without its signature, and the bytes that a run leaves."""
    body = entries.Refusal(identifier="AIR-03", what="a device", found="a stick", expected="none")
    took = {}
    for name in ("signed", "not signed"):
        transcript = Transcript.create(folder / name.replace(" ", "-"), "00" * 32)
        with mock.patch("ceremony.record.transcript.sign") if name != "signed" else nullcontext():
            took[name] = seconds(lambda t=transcript: [t.append("tool", body, "2026-11-20T09:30:00Z") for _ in range(count)])  # type: ignore[misc]
    size = sum(path.stat().st_size for path in (folder / "signed").glob("run-*.sig"))
    each = " : ".join(f"{1000 * took[name] / count:.2f} ms" for name in ("signed", "not signed"))
    return [("a line, signed by its run : not signed", each, ""), ("  beside the transcript, for each run", f"{size} bytes", "")]


def forty_ceremonies(folder: Path) -> list[Row]:
    """Bare `ceremony` and the verifier that begins each ceremony, on a register with 40 of them."""
    anchor = sample.settled(folder, 40)
    bare = statistics.median(seconds(lambda: quiet(CEREMONY, "--register", str(folder))) for _ in range(5))
    words = (CEREMONY, "audit", "verify", str(folder), "--genesis", anchor.genesis, "--head", anchor.head)
    whole = seconds(lambda: quiet(*words))
    what = "bare `ceremony` on a register with 40 ceremonies"
    keys, lines = run_key_bytes(folder)
    return [
        (what, f"{1000 * bare:.0f} ms", "at most 2 s"),
        ("  the same verified whole", f"{whole:.1f} s", ""),
        ("  what run keys cost a ceremony there", f"{keys / 40:.0f} bytes, beside {lines / 40:.0f} of other lines", ""),
    ]


def run_key_bytes(register: Path) -> tuple[int, int]:
    """What run keys leave in a register: the signatures over each run's first line, and each run's own; bytes of all other lines."""
    lines = [line for path in register.glob("*/transcript.jsonl") for line in path.read_bytes().splitlines(keepends=True)]
    signed = sum(len(line) for line in lines if b'"purpose":"run"' in line)
    own = sum(path.stat().st_size for path in register.glob("*/run-*.sig"))
    return signed + own, sum(map(len, lines)) - signed


def made(folder: Path) -> Path:
    """The folder, made."""
    folder.mkdir()
    return folder


def main() -> None:
    """All figures, as one table. An argument is another checkout, with its `.venv`, beside which verification is timed."""
    beside = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(prefix="cold-ceremony-bench-") as name:
        folder = Path(name)
        rows = [
            *the_demo(folder / "demo"),
            *twelve_shares(folder / "twelve"),
            *share_cards(),
            *help_is_quick(),
            *hsm_rate(folder / "hsm"),
            *a_thousand_inputs(folder / "thousand"),
            *forty_ceremonies(folder / "forty"),
            *run_keys(made(folder / "runs")),
            *verification(folder, beside),
        ]
    width = max(len(row[0]) for row in rows)
    for what, figure, bound in rows:
        print(f"{what:<{width}}  {figure:<44}  {bound}")


if __name__ == "__main__":
    main()
