"""A desk for tests: people with SSH keys, a charter, a policy and an authorization that are really signed, each easy to break."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ceremony.base import signatures
from ceremony.base.data import dump
from ceremony.base.signatures import Signature
from ceremony.cli import amending, main  # noqa: F401 (amending: imported once, before the forks)
from ceremony.record.charter import SIGNERS, Account, Charter, Hsm, Member, Site
from ceremony.record.signed import add_signature
from transfer.authorization import Authorization, Call, Confirmation, Payment
from transfer.limits import Payee, Policy
from transfer.valuation import ReferenceValue

CUSTODIANS = tuple(f"{site}{number}" for site in "ABCD" for number in (1, 2, 3))
STAFF = ("administrator", "cfo", "cto", "witness")
PEOPLE = (*CUSTODIANS, *STAFF)
ADDED, NOW = "2026-11-01T09:00:00Z", "2026-11-20T09:30:00Z"
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
HEAD = "ab" * 32


Wanted = TypeVar("Wanted", Authorization, Confirmation)


def altered(value: Wanted, **changes: Any) -> Wanted:
    """An authorization or confirmation with other values; what is of a payment or call (payee, amount) changes its first one."""
    name, parts = ("payments", value.payments) if isinstance(value, Authorization) else ("calls", value.calls)
    own = {f.name for f in fields(value)}
    of_first = {key: changes.pop(key) for key in tuple(changes) if key not in own}
    if of_first:
        first, *rest = parts
        changes[name] = (replace(first, **of_first), *rest)
    return replace(value, **changes)


@dataclass
class Desk:
    """Keys of all people in `folder`, and documents that are signed with them."""

    folder: Path
    keys: dict[str, str] = field(default_factory=dict)
    made: dict[tuple[str, signatures.Namespace, bytes, Path], Signature] = field(default_factory=dict, repr=False)
    """Signatures that were made before, so that no test waits for the same one twice."""

    def __post_init__(self) -> None:
        for person in PEOPLE:
            self.new_key(person)

    def new_key(self, person: str) -> Path:
        path = self.folder / f"key-{person}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
        self.keys[person] = signatures.public_key_of(path.with_name(path.name + ".pub"))
        return path

    def key(self, person: str) -> Path:
        return self.folder / f"key-{person}"

    def sign(self, person: str, value: Any, namespace: signatures.Namespace, key: str | None = None) -> Signature:
        wanted = (person, namespace, dump(value), self.key(key or person))
        if wanted not in self.made:
            self.made[wanted] = signatures.sign(*wanted)
        return self.made[wanted]

    def charter(self, **changes: Any) -> Charter:
        return replace(
            Charter(
                mark="practice",
                number=0,
                organisation="Desk Ltd",
                room="Bern, the cold room",
                issued=ADDED,
                scheme="gf256",
                kdf="light",
                site_threshold=3,
                sites=tuple(
                    Site(letter=letter, name=name, jurisdiction=country, threshold=2)
                    for letter, name, country in (("A", "Geneva", "CH"), ("B", "Zurich", "CH"), ("C", "Oslo", "NO"), ("D", "Lisbon", "PT"))
                ),
                people=tuple(Member(person=person, name=f"Person {person}", key=self.keys[person]) for person in PEOPLE),
                accounts=(Account(name="main", chain="bitcoin", network="regtest", path="m/84h/1h/0h"),),
                hsm=Hsm(label="token", serial="1234", manufacturer="SoftHSM project", model="SoftHSM v2", firmware="2.6"),
                vault_minutes=60,
                officers_approve="no",
            ),
            **changes,
        )

    def policy(self, **changes: Any) -> Policy:
        charter = self.charter().digest
        return replace(
            Policy(
                mark="practice",
                genesis=charter,
                charter=charter,
                number=0,
                issued=ADDED,
                payees=(Payee(name="exchange", chain="bitcoin", network="regtest", destination=PAYEE, added=ADDED, note="Exchange"),),
                cool_off_hours=48,
                per_transfer=100_000_000,
                window_days=7,
                per_window=200_000_000,
                fee_cap=100_000,
                fee_rate_cap=200_000,
                validity_days=31,
            ),
            **changes,
        )

    def authorization(self, **changes: Any) -> Authorization:
        """The desk's authorization; `changes` as `altered` takes them."""
        charter = self.charter()
        return altered(
            Authorization(
                mark="practice",
                genesis=charter.digest,
                charter=charter.digest,
                policy=self.policy().digest,
                register_head=HEAD,
                identifier="t-20261120-00000001",
                network="regtest",
                account="main",
                payments=(Payment(payee="exchange", destination=PAYEE, amount=25_000_000),),
                fee_cap=50_000,
                purpose="Exchange float",
                reference_value=ReferenceValue(minor_units=2_500_000, currency="USD", time="2025-11-01T00:00:00Z"),
                requester="cfo",
                not_before="2026-11-19T09:00:00Z",
                expires="2026-11-26T09:00:00Z",
            ),
            **changes,
        )

    def confirmation(self, authorization: Authorization, /, **changes: Any) -> Confirmation:
        """The witness called every payee; `changes` as `altered` takes them."""
        return altered(
            Confirmation(
                authorization=authorization.digest,
                checker="witness",
                calls=tuple(
                    Call(payee=p.payee, destination=p.destination, amount=p.amount, channel="telephone", spoken_with="Zoe", time=NOW)
                    for p in authorization.payments
                ),
            ),
            **changes,
        )

    def put(self, name: str, value: Any, signed: Sequence[Signature] = ()) -> Path:
        """The document and its signatures on disk, in place of what was there."""
        path = self.folder / name
        path.write_bytes(value if isinstance(value, bytes) else dump(value))
        path.with_suffix(".signatures").unlink(missing_ok=True)
        for signature in signed:
            add_signature(path, signature)
        return path

    def put_charter(self, value: Charter | None = None, signers: Sequence[str] = SIGNERS) -> Path:
        value = value or self.charter()
        return self.put("charter.json", value, [self.sign(p, value, "charter@cold-ceremony") for p in signers])

    def put_policy(self, value: Policy | None = None, signers: Sequence[str] = SIGNERS, name: str = "policy.json") -> Path:
        value = value or self.policy()
        return self.put(name, value, [self.sign(p, value, "policy@cold-ceremony") for p in signers])

    def put_authorization(self, value: Authorization | None = None, signers: Sequence[str] = ("cfo", "cto")) -> Path:
        value = value or self.authorization()
        return self.put("authorization.json", value, [self.sign(p, value, "authorization@cold-ceremony") for p in signers])

    def put_confirmation(self, value: Confirmation | None = None, signer: str | None = None) -> Path:
        value = value or self.confirmation(self.authorization())
        return self.put("confirmation.json", value, [self.sign(signer or value.checker, value, "confirmation@cold-ceremony")])


def real(*arguments: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The real command, started as a person starts it."""
    command = [sys.executable, "-m", "ceremony", *map(str, arguments)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=False, timeout=60, cwd=Path(__file__).parents[1])


def ceremony(*arguments: object, typed: str = "") -> subprocess.CompletedProcess[str]:
    """The same in a forked process, which spares the start of an interpreter; files stand in for the terminal."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(typed.encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            _run([str(a) for a in arguments], (stdin.fileno(), stdout.fileno(), stderr.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess(list(map(str, arguments)), code, stdout.read().decode(), stderr.read().decode())


def _run(arguments: list[str], files: tuple[int, int, int]) -> NoReturn:
    code = 99
    try:
        for number, descriptor in enumerate(files):
            os.dup2(descriptor, number)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        main(arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
