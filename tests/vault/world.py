"""A small desk for tests of the vault: three sites of two custodians, all of whom sign; real keys, shares, charter and orders.

Everything is made once for each folder; `orders` takes changes, so that a test can break one thing at a time."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mnemonic import Mnemonic

from ceremony.base import signatures, sshsig
from ceremony.base.data import dump
from ceremony.base.signatures import Signature
from ceremony.record.approval import Approval, SignedApproval, approvers, read_from
from ceremony.record.chain import SignedCharter
from ceremony.record.charter import SIGNERS, STAFF, Account, Charter, Hsm, Member, Site
from ceremony.record.keyrecord import KeyRecord
from ceremony.vault.orders import Orders
from shares import commitment
from shares.plan import SchemeName, Terms
from shares.schemes import Split, scheme_of
from tests.policies import document, taken
from tests.soft_keys import TOUCHED, SoftKey
from transfer.authorization import Authorization, Call, Confirmation, Payment
from transfer.bitcoin import bip32, build, snapshot
from transfer.bitcoin.account import opened
from transfer.bitcoin.reading import review
from transfer.bitcoin.tx import Transaction, TxIn, TxOut
from transfer.limits import Payee, Policy
from transfer.request import AccountKey, SigningRequest
from transfer.valuation import ReferenceValue

POSITIONS = ("A1", "A2", "B1", "B2", "C1", "C2")
PATH = "m/84h/1h/0h"
NOW = "2026-11-20T10:00:00Z"
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
"""BIP-173's example program on regtest: nobody's of this desk."""
AMOUNT, FEE_CAP = 150_000, 20_000


def seed_of(scheme: SchemeName, secret: bytes) -> bytes:
    """SLIP-39: the secret itself. Else the BIP-39 seed of 32 bytes of entropy, by the standard library: PBKDF2 over the mnemonic."""
    if scheme == "slip39":
        return secret
    return hashlib.pbkdf2_hmac("sha512", Mnemonic("english").to_mnemonic(secret).encode(), b"mnemonic", 2048)


@dataclass
class World:
    """The desk. `coins` are the amounts of its coins, each at an address of its own."""

    folder: Path
    secret: bytes = hashlib.sha256(b"the secret of a small desk").digest()
    scheme: SchemeName = "gf256"
    coins: tuple[int, ...] = (60_000, 70_000, 80_000)
    hsm: Hsm = field(
        default_factory=lambda: Hsm(label="vault", serial="1", manufacturer="SoftHSM project", model="SoftHSM v2", firmware="2.6")
    )

    def key(self, person: str) -> Path:
        """The private key file of a person, made when it is first asked for."""
        path = self.folder / person
        if not path.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(path)]
            subprocess.run(command, check=True, capture_output=True)
        return path

    def public(self, person: str) -> str:
        """Their public key, as the charter has it."""
        return signatures.public_key_of(self.key(person).with_suffix(".pub"))

    def sign(self, person: str, kind: str, raw: bytes) -> Signature:
        """One person's signature over a document of this kind, such as `charter`."""
        return signatures.sign(person, f"{kind}@cold-ceremony", raw, self.key(person))  # type: ignore[arg-type]

    @cached_property
    def charter(self) -> Charter:
        """The genesis charter."""
        people = [Member(person=p, name=f"Person {p}", key=self.public(p)) for p in self.people]
        where = zip("ABC", ("CH", "DE", "SG"), strict=True)
        return Charter(
            mark="practice",
            number=0,
            organisation="A small desk",
            room="The cold room",
            issued="2026-01-01T00:00:00Z",
            scheme=self.scheme,
            kdf="light",
            site_threshold=2,
            sites=tuple(Site(letter=letter, name=f"Site {letter}", jurisdiction=country, threshold=2) for letter, country in where),
            people=tuple(sorted(people, key=lambda m: m.person)),
            accounts=(Account(name="cold", chain="bitcoin", network="regtest", path=PATH),),
            hsm=self.hsm,
            vault_minutes=10,
            officers_approve="no",
        )

    @property
    def people(self) -> tuple[str, ...]:
        """All roles and positions."""
        return (*STAFF, *POSITIONS)

    @cached_property
    def split(self) -> Split:
        """The shares of the secret, always the same."""
        stream = hashlib.shake_256(b"test coefficients").digest(100_000)
        taken = iter(range(0, 100_000 - 64, 64))
        return scheme_of(self.scheme).split(self.secret, self.charter.plan, lambda n: stream[(at := next(taken)) : at + n])

    @cached_property
    def node(self) -> bip32.PrivateNode:
        """The account's private key."""
        return bip32.master(seed_of(self.scheme, self.secret), "test").derive(bip32.parse_path(PATH))

    @cached_property
    def account(self) -> AccountKey:
        """The account as the key record states it."""
        fingerprint = bip32.master(seed_of(self.scheme, self.secret), "test").public.fingerprint.hex()
        return AccountKey(name="cold", chain="bitcoin", network="regtest", path=PATH, xpub=self.node.public.text, fingerprint=fingerprint)

    @cached_property
    def key_record(self) -> KeyRecord:
        """The key record of `split`."""
        charter = self.charter
        terms = Terms(mark=charter.mark, scheme=charter.scheme, plan=charter.plan)
        return KeyRecord(
            mark=charter.mark,
            genesis=charter.digest,
            charter=charter.digest,
            ceremony=1,
            issued="2026-01-02T00:00:00Z",
            scheme=self.scheme,
            origin="software; sources: operating system, HSM",
            plan=charter.plan,
            custodian_commitments={p: commitment.custodian(terms, p, share) for p, share in self.split.custodian_shares.items()},
            site_commitments={s: commitment.site(terms, s, share) for s, share in self.split.site_shares.items()},
            accounts=(self.account,),
        )

    @cached_property
    def request(self) -> SigningRequest:
        """A payment of AMOUNT to PAYEE from the coins."""
        order = build.Order(payments=((PAYEE, AMOUNT),), max_fee=FEE_CAP, rate=2_000, change_index=0)
        return self.build(order)

    def build(self, order: build.Order) -> SigningRequest:
        """Another request from the same coins."""
        own = opened(self.account)
        coins, made = [], {}
        for index, amount in enumerate(self.coins):
            before = Transaction(2, (TxIn(f"{index + 1:064x}", 0, b"\x00", 0xFFFFFFFF),), (TxOut(amount, own.own(0, index).script),), 0)
            coin = snapshot.Coin(txid=before.txid, vout=0, amount=amount, path=f"0/{index}", block_height=100)
            coins.append(coin)
            made[before.txid] = before.raw
        taken = snapshot.Snapshot(
            type="snapshot", version="2", chain="bitcoin", network="regtest", account="cold",
            block_height=200, block_hash="00" * 32, time="2026-11-20T09:00:00Z", rate=2_000, coins=tuple(coins), previous=made,
        )  # fmt: skip
        return build.build(self.account, snapshot.checked(taken, self.account), order)

    @cached_property
    def policy(self) -> Policy:
        """The first policy; its cool-off is over."""
        long_ago = "2026-01-01T00:00:00Z"
        return Policy(
            mark="practice", genesis=self.charter.digest, charter=self.charter.digest, number=0, issued=long_ago,
            payees=(Payee(name="desk", chain="bitcoin", network="regtest", destination=PAYEE, added=long_ago, note="us"),),
            cool_off_hours=48, per_transfer=10_000_000, window_days=7, per_window=20_000_000,
            fee_cap=100_000, fee_rate_cap=200_000, validity_days=14,
        )  # fmt: skip

    @cached_property
    def history(self) -> bytes:
        """The policy history: that policy, of the key generation."""
        return document(taken(self.sign_end, self.policy, 1, "2026-01-02T00:00:00Z"))

    def sign_end(self, person: str, text: bytes) -> Signature:
        """One person's signature over an end."""
        return self.sign(person, "end", text)

    @cached_property
    def authorization(self) -> Authorization:
        """CFO's and CTO's authorization of the request."""
        return Authorization(
            mark="practice",
            genesis=self.charter.digest,
            charter=self.charter.digest,
            policy=self.policy.digest,
            register_head="22" * 32,
            identifier="transfer-7",
            network="regtest",
            account="cold",
            payments=(Payment(payee="desk", destination=PAYEE, amount=AMOUNT),),
            fee_cap=FEE_CAP,
            purpose="a test",
            reference_value=ReferenceValue(minor_units=10_000, currency="USD", time="2026-11-01T00:00:00Z"),
            requester="administrator",
            not_before="2026-11-20T00:00:00Z",
            expires="2026-11-21T00:00:00Z",
        )

    @cached_property
    def confirmation(self) -> Confirmation:
        """The witness asked the payee."""
        return Confirmation(
            authorization=self.authorization.digest,
            checker="witness",
            calls=(
                Call(
                    payee="desk",
                    destination=PAYEE,
                    amount=AMOUNT,
                    channel="telephone, number of the contract",
                    spoken_with="Person Y",
                    time="2026-11-20T08:00:00Z",
                ),
            ),
        )

    def approvals(self, positions: tuple[str, ...], wanted: Approval) -> tuple[SignedApproval, ...]:
        """Everyone who must, approves `wanted`."""
        each = [replace(wanted, role=person) for person in approvers(self.charter, positions)]
        return tuple(SignedApproval(approval=a, signature=self.sign(a.role, "approval", dump(a))) for a in each)

    @property
    def read(self) -> dict[str, Any]:
        """What an approval says of the request beside its digest."""
        return read_from(review(self.request, self.account))

    def wanted(self, **changes: Any) -> Approval:
        """What is to be approved."""
        facts: dict[str, Any] = {
            "mark": "practice",
            "genesis": self.charter.digest,
            "key_record": self.key_record.digest,
            "ceremony": 7,
            "authorization": self.authorization.digest,
            "request": self.request.digest,
            **self.read,
            "head": "33" * 32,
            "role": "witness",
        }
        return Approval(**{**facts, **changes})

    @cached_property
    def good(self) -> Orders:
        """Orders that hold."""
        charter, key_record, authorization = dump(self.charter), dump(self.key_record), dump(self.authorization)
        positions = ("A1", "A2", "B1", "B2")
        return Orders(
            charters=(SignedCharter(charter=charter, signatures=self.all_sign(SIGNERS, "charter", charter)),),
            key_record=key_record,
            key_record_signatures=self.all_sign(("witness", *POSITIONS), "key-record", key_record),
            authorization=authorization,
            authorization_signatures=self.all_sign(("cfo", "cto"), "authorization", authorization),
            confirmation=dump(self.confirmation),
            confirmation_signatures=(self.sign("witness", "confirmation", dump(self.confirmation)),),
            history=self.history,
            request=self.request.raw,
            approvals=self.approvals(positions, self.wanted()),
            positions=positions,
            ceremony=7,
            head="33" * 32,
            genesis=self.charter.digest,
            now=NOW,
        )

    def all_sign(self, people: tuple[str, ...], kind: str, raw: bytes) -> tuple[Signature, ...]:
        """Each of them signs these bytes."""
        return tuple(self.sign(person, kind, raw) for person in people)


@dataclass
class SoftWorld(World):
    """The same desk, whose people all sign with soft keys of one kind, which state these flags."""

    kind: bytes = sshsig.SK_ED25519
    flags: int = TOUCHED

    def public(self, person: str) -> str:
        return SoftKey(self.kind, person).text

    def sign(self, person: str, kind: str, raw: bytes) -> Signature:
        blob = SoftKey(self.kind, person, self.flags).blob(raw, f"{kind}@cold-ceremony")
        return Signature(signer=person, namespace=f"{kind}@cold-ceremony", blob=blob)  # type: ignore[arg-type]
