"""`ceremony authorize`: what CFO and CTO sign, and the call to the payee by somebody else. Base install; no secrets."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ceremony.base import signatures
from ceremony.base.amounts import format_btc, parse_amount
from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, Mark, Time, decode, dump, load
from ceremony.base.files import read_file, write_new
from ceremony.base.show import shown
from ceremony.base.signatures import Signature
from ceremony.cli import papers
from ceremony.cli.parts import Parts, echo
from ceremony.record import policy_history
from ceremony.record.chain import Chain
from ceremony.record.charter import OFFICERS, Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.policy import bound
from ceremony.record.received import check_key_record
from ceremony.record.sets import Sets
from ceremony.record.signed import MOST_BYTES, add_signature, read_signed
from ceremony.record.suspension import ANEW, NONE, Suspensions, check_signer
from ceremony.record.sweeping import account as spent_account
from ceremony.record.sweeping import account_of, opens
from ceremony.screen.documents import Balance, Verdict, authorization_screen, digest, field, title, verdicts
from ceremony.screen.panels import as_lines, paid
from ceremony.screen.paper import pdf
from ceremony.screen.payee import as_text, payee_slip
from transfer.authorization import (
    MOST_COINS,
    Authorization,
    Authorized,
    Call,
    Confirmation,
    Payment,
    check_distinct,
    check_valid,
    signed_by,
)
from transfer.bitcoin.account import SWEPT_TO, opened
from transfer.bitcoin.snapshot import Coins, Snapshot, checked
from transfer.in_force import History, check_payees, in_force, then
from transfer.limits import Policy, Spent, check_limits, moment, written
from transfer.outstanding import Claim, check_replaces, must_know
from transfer.revocation import Revocation, check_revocation, check_unrevoked
from transfer.valuation import parse_value

if TYPE_CHECKING:
    from ceremony.record.register import Register

_TAIL = 8
_SLIP = "payee-slip"
_NO_CEREMONY = 0
"""Ceremonies count from 1: on an officer's laptop none is under way, and all of them count."""
_LINE = 64
"""Characters: purpose and reference value take one line of the screen each."""
_HEARD = 200
"""Characters: channel and who answered leave the payee slip at one page."""

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Ground:
    """What an authorization stands on: signed charter and policy, the genesis, and what transfers hold back (None without a register).

    `anchored` is the genesis digest that was given from outside, if one was."""

    chain: Chain
    policy: Policy
    history: History
    """The policies since the key generation, each with the time from which it counts; `policy` is the newest."""
    genesis: str
    anchored: str | None
    claims: tuple[Claim, ...] | None
    revoked: Mapping[str, Revocation]
    """Digest of an authorization -> its revocation, as the register has it; empty without one."""
    sets: Sets | None = None
    """Every set of shares, where a register is at hand."""
    suspended: Suspensions = NONE
    """STO-07: the keys that are suspended, as the register has it."""

    @property
    def key_record(self) -> KeyRecord | None:
        """The one in use, where a register is at hand."""
        return self.sets.in_use.record if self.sets is not None and self.sets.in_use is not None else None

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.chain.charter

    @property
    def spent(self) -> tuple[Spent, ...] | None:
        """What counts against the limits; None without a register."""
        return None if self.claims is None else tuple(spent for claim in self.claims for spent in claim.counts)


def on_ground(command: F) -> Callable[..., object]:
    """The four options that every command here reads, verified before the command runs."""

    @papers.charter_files
    @papers.policy_file
    @papers.genesis_digest
    @click.option("--register", type=papers.FILE, help="A copy of the register, to count what is spent.")
    @click.option("--history", type=papers.FILE, help="What `ceremony register history` wrote: from when each policy counts.")
    @wraps(command)
    def run(
        charter_paths: tuple[Path, ...], policy_path: Path, genesis: str | None, register: Path | None, history: Path | None, **rest: object
    ) -> object:
        chain = papers.charter_chain(charter_paths, genesis)
        return command(ground=ground_of(chain, papers.signed_policy(policy_path, chain), genesis, register, history), **rest)

    return run


def ground_of(chain: Chain, policy: Policy, genesis: str | None, register: Path | None, written_history: Path | None = None) -> Ground:
    """The ground of signed papers, and of a copy of the register if there is one."""
    book = None if register is None else papers.book_of(register, chain.genesis)
    claims = None if book is None else book.claims(_NO_CEREMONY)
    sets = None if book is None else book.sets
    history = _history(chain, policy, book, written_history)
    revoked, suspended = ({}, NONE) if book is None else (book.revoked, book.suspended)
    return Ground(chain, policy, history, chain.genesis, genesis, claims, revoked, sets, suspended)


def _history(chain: Chain, policy: Policy, book: Register | None, path: Path | None) -> History:
    """From when the policies count (AUT-06): as a register or a policy history has it, whose newest policy is the one that was given. A
    first policy without either is judged by its date, the earliest that it can be; the cold host counts from the signed end."""
    if path is not None:
        return policy_history.verified(read_file(path, MOST_BYTES), chain, policy.digest)
    if book is not None and book.last_policy is not None:
        if book.history.newest != policy:
            newest = book.history.newest
            refuse(
                "AUT-01",
                "the policy is not the newest of this register",
                found=f"policy {policy.number}, {policy.digest}",
                expected=f"policy {newest.number}, {newest.digest}",
                do="Give the newest signed policy with --policy, or a newer copy of the register.",
            )
        return book.history
    if policy.number:
        raise Malformed(f"this is policy {policy.number}: from when it counts is in the register; give --register or --history")
    return then(None, policy, policy.issued)


at_time = click.option("--now", "at", metavar="TIME", help="Judge at this UTC time instead of now, such as 2026-11-20T09:30:00Z.")


@click.group(cls=Parts)
def authorize() -> None:
    """Draft, show, confirm, sign, check and revoke an authorization."""


@authorize.command()
@on_ground
@click.option(
    "--payment",
    "given",
    multiple=True,
    metavar="PAYEE:AMOUNT",
    help="A payee's name in the policy, and how much, such as 'exchange:0.25 BTC'; once for each payee. The address comes from the policy.",
)
@click.option("--payments", "listed", type=papers.FILE, help="A file with one payment in each line: PAYEE,AMOUNT.")
@click.option("--consolidate", is_flag=True, help="Pay nobody: gather coins at one address of our own.")
@click.option("--coins", type=click.IntRange(2, MOST_COINS), help="With --consolidate: so many of the smallest coins; all without it.")
@click.option("--sweep", is_flag=True, help="Pay nobody: move everything of the former key to the key in use. Needs --register.")
@click.option("--of", "former", metavar="SET", help="With --sweep: the set of an older former key; the newest without it.")
@click.option("--fee-cap", required=True, metavar="AMOUNT", help="Such as '0.0005 BTC'.")
@click.option("--aware-of", type=int, multiple=True, metavar="N", help="A voided transfer that may have paid; found in --register.")
@click.option("--replaces", multiple=True, metavar="TXID", help="A signed transaction that can then never be mined; repeatable.")
@click.option("--purpose", required=True)
@click.option(
    "--reference-value",
    required=True,
    metavar="VALUE",
    help="What the amount is worth: 'USD 6,500,000.00 on 2026-11-20' (00:00 UTC), or '... at 2026-11-20T09:30Z'.",
)
@click.option("--account", required=True, help="Name in the charter.")
@click.option("--requester", required=True, help="Who asks for it; somebody else calls the payee.")
@click.option("--register-head", required=True, metavar="HEX", help="The head on your newest closing slip.")
@click.option("--days", type=click.IntRange(1, 31), required=True, help="How long it is valid.")
@papers.out
def draft(  # noqa: PLR0913, PLR0917 (one option each)
    ground: Ground,
    days: int,
    output: Path,
    given: tuple[str, ...],
    listed: Path | None,
    consolidate: bool,
    coins: int | None,
    sweep: bool,
    former: str | None,
    replaces: tuple[str, ...],
    aware_of: tuple[int, ...],
    **options: str,
) -> None:
    """Draft an authorization for listed payees, a consolidation, or a sweep."""
    charter, policy = ground.charter, ground.policy
    account = charter.account(options["account"])
    if coins and not consolidate:
        raise Malformed("--coins is for --consolidate alone: a transfer takes the coins that it needs")
    if (sweep and (consolidate or given or listed)) or (former and not sweep):
        raise Malformed("--sweep pays nobody and gathers everything: no payments, no --consolidate; --of is for --sweep alone")
    if len(options["purpose"]) > _LINE:
        raise Malformed(f"--purpose: {len(options['purpose'])} characters, expected at most {_LINE}")
    now = papers.now()
    drafted = Authorization(
        mark=charter.mark,
        genesis=ground.genesis,
        charter=charter.digest,
        policy=policy.digest,
        register_head=options["register_head"],
        identifier=fresh_identifier("t", now),
        network=account.network,
        account=account.name,
        kind="sweep" if sweep else "consolidation" if consolidate else "transfer",
        **(_swept(ground, account.name, former) if sweep else {}),
        payments=_payments(policy, given, listed),
        coins=(coins or MOST_COINS) if consolidate else None,
        fee_cap=parse_amount(options["fee_cap"], "--fee-cap"),
        replaces=tuple("".join(txid.split()) for txid in replaces),
        purpose=options["purpose"],
        reference_value=parse_value(options["reference_value"], now, "--reference-value"),
        requester=charter.member(options["requester"]).person,
        not_before=now,
        expires=written(moment(now) + timedelta(days=days)),
    )
    drafted = replace(drafted, aware_of=tuple(sorted({*aware_of, *must_know(drafted, ground.claims or ())})))
    papers.made(drafted, "authorization")
    found = judge(drafted, ground, now)
    stop_at_refusal(found)
    papers.write(output, drafted)
    papers.pages(
        (
            *authorization_screen(drafted, in_force(ground.history, now), (), ground.spent, None, now),
            *verdicts([verdict for verdict, _ in found]),
        )
    )


def _swept(ground: Ground, account: str, former: str | None) -> dict[str, Any]:
    """What only a sweep has: the former key, the key in use, and the address that is derived from that one here."""
    formers = ground.sets.formers if ground.sets is not None else ()
    chosen = [each for each in formers if each.identifier == former] if former else formers[-1:]
    if not chosen or ground.key_record is None:
        known = ", ".join(each.identifier for each in formers) or "none: give --register, a copy in which a new key was made"
        raise Malformed(f"--sweep: there is no such former key; former ones are {known}")
    first = opened(account_of(ground.key_record, account)).own(*SWEPT_TO).address
    return {"key_record": chosen[0].record.digest, "to": ground.key_record.digest, "address": first}


def with_balance(command: F) -> Callable[..., object]:
    """The options that tell what the account holds: a snapshot, and the key record unless a register is at hand."""

    @click.option("--snapshot", "snapshot_path", type=papers.FILE, help="What the online host collected: shows what stays in the account.")
    @click.option("--key-record", "key_path", type=papers.FILE, help="The key record that it is checked against, without --register.")
    @wraps(command)
    def run(file: Path, ground: Ground, snapshot_path: Path | None, key_path: Path | None, **rest: object) -> object:
        coins = None if snapshot_path is None else _coins(snapshot_path, key_path, ground, file)
        return command(file=file, ground=ground, coins=coins, **rest)

    return run


@authorize.command()
@click.argument("file", type=papers.FILE)
@on_ground
@with_balance
@at_time
def show(file: Path, ground: Ground, coins: Coins | None, at: str | None) -> None:
    """Everything that an officer must compare, on one screen, with the verdict of each check."""
    _shown(file, ground, coins, time(at))


@authorize.command()
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, type=click.Choice(OFFICERS))
@papers.key
@on_ground
@with_balance
def sign(file: Path, person: str, key: Path, ground: Ground, coins: Coins | None) -> None:
    """Run every check, read it on one screen, and sign it."""
    _shown(file, ground, coins, papers.now())
    papers.sign(file, person, key, "authorization@cold-ceremony", ground.charter, ground.suspended)


@authorize.command()
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, help="You: a person of the charter, and not the one who asked for the transfer.")
@papers.key
@click.option(
    "--channel",
    multiple=True,
    required=True,
    help="How you reach the payee: a number or place that you knew before. Once for all payees, or once for each in their order.",
)
@click.option("--spoken-with", multiple=True, required=True, help="Who at the payee answers. Once for all payees, or once for each.")
@click.option("--slip", type=papers.FILE, help="Folder for the payee slip (payee-slip.txt, .pdf); beside the confirmation otherwise.")
@papers.charters_to_see
@papers.out
def confirm(  # noqa: PLR0913, PLR0917 (one option each)
    file: Path,
    person: str,
    key: Path,
    channel: tuple[str, ...],
    spoken_with: tuple[str, ...],
    slip: Path | None,
    charter_paths: tuple[Path, ...],
    output: Path,
) -> None:
    """Call each payee: while they are on the line they say amount and address, you type the end of it, unseen. Writes the payee slip."""
    wanted = load(Authorization, read_file(file, MOST_BYTES), file.name)
    check_distinct(wanted, person)
    if not wanted.payments:
        raise Malformed(f"a {wanted.kind} pays nobody: there is no payee to call, and it needs no confirmation")
    spoken = zip(wanted.payments, _each(channel, wanted, "--channel"), _each(spoken_with, wanted, "--spoken-with"), strict=True)
    paper = _paper(slip or output.parent)
    papers.check_new(output)
    papers.show(digest(wanted.digest))
    calls = tuple(_call(payment, by, whom) for payment, by, whom in spoken)
    said = papers.made(Confirmation(authorization=wanted.digest, checker=person, calls=calls), "confirmation")
    papers.confirmed()
    signature = signatures.sign(person, "confirmation@cold-ceremony", dump(said), key)
    if charter_paths:
        charter = papers.charter_chain(charter_paths, wanted.genesis).charter
        signatures.verify(signature, dump(said), charter.key(person), "confirmation@cold-ceremony")
    papers.write(output, said)
    add_signature(output, signature)
    _write_slip(paper, payee_slip(wanted, said), wanted.mark)


@authorize.command()
@click.argument("file", type=papers.FILE)
@click.option("--confirmation", "confirmation_path", type=papers.FILE, help="What the payees said; a consolidation has none.")
@on_ground
@at_time
def check(file: Path, confirmation_path: Path | None, ground: Ground, at: str | None) -> None:
    """Check an authorization as the cold host will: signatures, confirmation, validity, payee, limits."""
    now = time(at)
    wanted, _, found = _read(file, ground, now)
    stop_at_refusal(found)
    said = _prove(file, confirmation_path, ground.charter, now).confirmation
    papers.show(
        (
            *verdicts([verdict for verdict, _ in found]),
            *verdicts((Verdict("AUT-02", "signed by cfo and cto, each with a key of their own"),)),
            *verdicts([Verdict("AUT-08", told) for told in _heard_by(said)]),
        )
    )
    papers.show((f"VALID at {now}", *as_lines(paid(wanted))))
    papers.anchored(ground.anchored)


@authorize.command()
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, type=click.Choice(OFFICERS))
@papers.key
@click.option("--reason", required=True, help="Why it must not be paid.")
@papers.charters_to_see
@papers.out
def revoke(file: Path, person: str, key: Path, reason: str, charter_paths: tuple[Path, ...], output: Path) -> None:  # noqa: PLR0913, PLR0917 (one option each)
    """Take an authorization back, for ever: CFO or CTO alone. It counts when the cold host has it, before the word SIGN."""
    papers.check_new(output)
    raw, signed = read_signed(file)
    wanted = load(Authorization, raw, file.name)
    if len(reason) > _HEARD:
        raise Malformed(f"--reason: {len(reason)} characters, expected at most {_HEARD}")
    revocation = papers.made(
        Revocation(
            mark=wanted.mark,
            genesis=wanted.genesis,
            authorization=wanted.digest,
            identifier=wanted.identifier,
            officer=person,
            reason=reason,
            time=papers.now(),
        ),
        "revocation",
    )
    papers.show((title(wanted.mark, f"REVOKE authorization {wanted.identifier}", papers.signers(signed)), *as_lines(paid(wanted))))
    papers.show((*field("because", reason), *digest(wanted.digest)))
    papers.confirmed()
    signature = signatures.sign(person, "revocation@cold-ceremony", dump(revocation), key)
    if charter_paths:
        check_revocation(revocation, (signature,), papers.charter_chain(charter_paths, wanted.genesis).charter.keys)
    papers.write(output, revocation)
    add_signature(output, signature)
    echo("Carry it to the cold host at once; prepare, transfer, resume and void take it")
    echo("with --revocation. Once SIGN is typed there it is too late.")


def _read(file: Path, ground: Ground, now: str) -> tuple[Authorization, tuple[str, ...], list[tuple[Verdict, Refused | None]]]:
    """An authorization, who signed it (each signature verifies, AUT-09), and what every check says."""
    raw, signed = read_signed(file)
    wanted = load(Authorization, raw, file.name)
    for signature in signed:
        signatures.verify(signature, raw, ground.charter.key(signature.signer), "authorization@cold-ceremony")
        check_signer(signature.signer, ground.suspended, ground.charter, file.name, ANEW)
    return wanted, papers.signers(signed), judge(wanted, ground, now)


def _shown(file: Path, ground: Ground, coins: Coins | None, now: str) -> None:
    """The screen of an authorization, complete, in pages if it is more than one; a refusal stops after it."""
    wanted, signers, found = _read(file, ground, now)
    lines = authorization_screen(wanted, in_force(ground.history, now), signers, ground.spent, _balance(coins, wanted), now)
    papers.pages((*lines, *verdicts([verdict for verdict, _ in found])))
    stop_at_refusal(found)


def _coins(path: Path, key_path: Path | None, ground: Ground, file: Path) -> Coins:
    """A snapshot's coins, each proven by its whole previous transaction to be the account's own (TXN-09, TXN-10); for a sweep, that of
    the former key."""
    wanted = load(Authorization, read_file(file, MOST_BYTES), file.name)
    known = opens(ground.sets, wanted).record if ground.sets is not None and ground.sets.in_use is not None else None
    key_record = known if key_path is None else load(KeyRecord, read_file(key_path, MOST_BYTES), key_path.name)
    if key_record is None:
        raise Malformed("--snapshot needs the key record: give --register, or --key-record")
    check_key_record(key_record, ground.chain, former=wanted.kind == "sweep")
    snapshot = load(Snapshot, read_file(path), path.name)
    return checked(snapshot, account_of(key_record, snapshot.account))


def _balance(coins: Coins | None, wanted: Authorization) -> Balance | None:
    if coins is None:
        return None
    if coins.snapshot.account != wanted.account:
        raise Malformed(f"the snapshot is of the account {coins.snapshot.account}, the authorization of {wanted.account}")
    return Balance(coins.total, len(coins.items), coins.snapshot.block_height)


def judge(wanted: Authorization, ground: Ground, now: str) -> list[tuple[Verdict, Refused | None]]:
    """Every check of an authorization by itself, none left out because another one refused."""
    charter, policy, spent = ground.charter, ground.policy, ground.spent or ()
    limits = in_force(ground.history, now)
    checks: tuple[tuple[str, str, Callable[[], object]], ...] = (
        ("AUT-01", "names this genesis, charter, policy, network and account", lambda: bound(wanted, charter, policy, ground.genesis)),
        ("AUT-04", "valid now" + (" and not revoked" if ground.spent is not None else ""), lambda: _live(wanted, ground, now)),
        ("AUT-06", _listed_ones(wanted), lambda: check_payees(ground.history, wanted, now)),
        ("AUT-07", "sum, window, fee and validity are within the policy", lambda: check_limits(limits, wanted, spent, now)),
    )
    if wanted.kind == "sweep":
        checks = (checks[0], ("AUT-01", _keys_named(wanted), lambda: _check_keys(wanted, ground)), *checks[1:])
    if ground.claims is not None:
        claims = ground.claims
        checks = (
            *checks,
            ("BRD-06", "replaces what it must and no more, knows of what was voided", lambda: check_replaces(wanted, claims)),
        )
    return [verdict_of(*each) for each in checks]


def _keys_named(wanted: Authorization) -> str:
    former, in_use = (wanted.key_record or "")[:20], (wanted.to or "")[:20]
    return f"from our former key, set {former}, to the first address of the key in use, set {in_use}"


def _check_keys(wanted: Authorization, ground: Ground) -> None:
    """Both keys are those of the register, and the address is derived here from the one in use."""
    if ground.sets is None:
        raise Malformed("a sweep is judged by a copy of the register, which says which keys are yours: give --register")
    spent_account(ground.sets, wanted)


def _live(wanted: Authorization, ground: Ground, now: str) -> None:
    check_valid(wanted, now)
    check_unrevoked(wanted, ground.revoked)


def fresh_identifier(letter: str, now: str) -> str:
    """The name of a document that counts once: `t-20261120-1f2e3d4c`."""
    return f"{letter}-{now[:10].replace('-', '')}-{secrets.token_hex(4)}"


def verdict_of(identifier: str, checked: str, run: Callable[[], object]) -> tuple[Verdict, Refused | None]:
    """What one check says, for the screen, and its refusal if it refused."""
    try:
        run()
    except Refused as refusal:
        return Verdict(identifier, checked, refusal.what), refusal
    return Verdict(identifier, checked), None


def stop_at_refusal(found: Sequence[tuple[Verdict, Refused | None]]) -> None:
    """Raise the first refusal, once all were shown."""
    for _, refusal in found:
        if refusal is not None:
            raise refusal


def _prove(file: Path, confirmation_path: Path | None, charter: Charter, now: str) -> Authorized:
    raw, signed = read_signed(file)
    confirmation, confirmed = None, tuple[Signature, ...]()
    if confirmation_path is not None:
        said, confirmed = read_signed(confirmation_path)
        confirmation = load(Confirmation, said, confirmation_path.name)
    keys = charter.keys
    return signed_by(load(Authorization, raw, file.name), signed, confirmation, confirmed, keys, now)


def _heard_by(said: Confirmation | None) -> tuple[str, ...]:
    """Who heard each payment from whom; of a consolidation, that nobody had to be asked."""
    if said is None:
        return ("it pays nobody: there is nobody to ask",)
    return tuple(f"{said.checker} heard it from {call.spoken_with}, {call.channel}" for call in said.calls)


def _listed_ones(wanted: Authorization) -> str:
    if not wanted.payments:
        return "nobody is paid"
    return "each address is the listed one, and its cool-off is over"


def _payments(policy: Policy, given: Sequence[str], listed: Path | None) -> tuple[Payment, ...]:
    """The payments of the command line and of a list, in this order; Malformed says which one is not in its form."""
    pairs = [("--payment", *each.partition(":")) for each in given]
    if listed is not None:
        lines = read_file(listed, MOST_BYTES).decode("utf-8", "replace").splitlines()
        pairs += [(f"{listed.name}, line {n}", *line.partition(",")) for n, line in enumerate(lines, start=1) if line.strip()]
    return tuple(_payment(policy, where, name.strip(), amount.strip()) for where, name, _, amount in pairs)


def _payment(policy: Policy, where: str, name: str, amount: str) -> Payment:
    payee = policy.payee(name)
    if payee is None:
        raise Malformed(f"{where}: the policy has no payee {shown(name)}; it has {', '.join(p.name for p in policy.payees)}")
    return Payment(payee=payee.name, destination=payee.destination, amount=parse_amount(amount, f"{where}: amount"))


def _each(said: tuple[str, ...], wanted: Authorization, option: str) -> tuple[str, ...]:
    """One for each payment, if one was given for all of them."""
    count = len(wanted.payments)
    for text in said:
        if len(text) > _HEARD:
            raise Malformed(f"{option}: {len(text)} characters, expected at most {_HEARD}")
    if len(said) not in (1, count):
        raise Malformed(f"{option}: given {len(said)} times, expected once for all payees, or {count} times, once for each")
    return said * count if len(said) == 1 else said


def _call(payment: Payment, channel: str, spoken_with: str) -> Call:
    """AUT-08: one payee is on the line and reads out; the checker types what they hear."""
    papers.show((*field("payee", payment.payee), *field("amount", format_btc(payment.amount))))
    echo("Ask them for the amount and for the address, and let them read both to you.")
    _heard(payment, click.prompt(f"{payment.payee}, the last {_TAIL} characters as they read", prompt_suffix=": "))
    return Call(
        payee=payment.payee,
        destination=payment.destination,
        amount=payment.amount,
        channel=channel,
        spoken_with=spoken_with,
        time=papers.now(),
    )


def _heard(payment: Payment, typed: str) -> None:
    """AUT-08: what the payee read is how the authorized address ends; bech32 has no capital letters, base58 does."""
    ends, said = payment.destination[-_TAIL:], "".join(typed.split())
    if payment.destination.lower().startswith(("bc1", "tb1", "bcrt1")):
        said = said.lower()
    if not hmac.compare_digest(said.encode(), ends.encode()):
        refuse(
            "AUT-08",
            f"{payment.payee} reads another address",
            found=f"{shown(said)} at the end of the payee's address",
            expected="the end of the address in the authorization, which is not shown here",
            do="Do not sign. Find out who is right, by another channel, before anything else.",
        )


def _paper(folder: Path) -> Path:
    """Where the payee slip will lie, without its ending; Malformed, before anybody is called, if it cannot lie there."""
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no such folder for the payee slip; make it first")
    for path in (folder / f"{_SLIP}.txt", folder / f"{_SLIP}.pdf"):
        if path.exists():
            raise Malformed(f"{path}: another payee slip is there already; give a folder of its own with --slip")
    return folder / _SLIP


def _write_slip(paper: Path, pages: Sequence[Sequence[str]], mark: Mark) -> None:
    """AUT-08: what was heard, for the people who will type from it; the PDF only where the program that draws it is installed."""
    written_ = [paper.with_suffix(".txt")]
    write_new(written_[0], as_text(pages))
    if find_spec("reportlab") is not None:
        written_.append(paper.with_suffix(".pdf"))
        write_new(written_[1], pdf("payee slip", pages, mark))
    echo(f"Payee slip: {' and '.join(map(str, written_))}")
    if len(written_) == 1:
        echo("No PDF: reportlab is not installed here. Print the text.")


def time(given: str | None) -> str:
    """The time at which to judge: the given one, or now."""
    if given is None:
        return papers.now()
    text = decode(Time, given, "--now")
    moment(text)
    return str(text)
