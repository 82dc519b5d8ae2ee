"""`ceremony shares order`: what CFO and CTO sign so that shares are sealed anew, split anew, or replaced. Base install; no secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TypeVar, get_args

import click

from ceremony.base import signatures
from ceremony.base.control import Refused, refuse
from ceremony.base.data import Malformed, load
from ceremony.base.files import read_file
from ceremony.cli import authorize, papers
from ceremony.cli.parts import Parts
from ceremony.record.chain import Chain
from ceremony.record.charter import OFFICERS
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.order import MOST_DAYS, NAMESPACE, OrderKind, ShareOrder, bound, check_signed
from ceremony.record.register import Register
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.record.suspension import ANEW, NONE, check_signer
from ceremony.screen.documents import Verdict, order_screen, verdicts
from transfer.authorization import check_head, check_valid
from transfer.limits import moment, written

_LINE = 200
"""Characters: the reason leaves the screen of an order at one page."""

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Ground:
    """What a share order stands on: the signed charters, the key record in use, a copy of the register if there is one, and the
    genesis digest that was given from outside, if one was."""

    chain: Chain
    key_record: KeyRecord
    register: Register | None
    anchored: str | None


def on_ground(command: F) -> Callable[..., object]:
    """The options that every command here reads, verified before the command runs."""

    @papers.charter_files
    @papers.genesis_digest
    @click.option("--register", "folder", type=papers.FILE, help="A copy of the register: it has the key record, and what was used.")
    @click.option("--key-record", "key_path", type=papers.FILE, help="The key record in use, without --register.")
    @wraps(command)
    def run(charter_paths: tuple[Path, ...], genesis: str | None, folder: Path | None, key_path: Path | None, **rest: object) -> object:
        chain = papers.charter_chain(charter_paths, genesis)
        register = None if folder is None else papers.book_of(folder, chain.genesis)
        if register is not None:
            key_record = register.key_record
        elif key_path is not None:
            key_record = load(KeyRecord, read_file(key_path, MOST_BYTES), key_path.name)
        else:
            raise Malformed("a share order names the set in use: give --register, or --key-record")
        _check_of_chain(key_record, chain)
        return command(ground=Ground(chain, key_record, register, genesis), **rest)

    return run


def _check_of_chain(key_record: KeyRecord, chain: Chain) -> None:
    """AUD-09: the key record is of this genesis and names one of its charters; the plan of the one in force may be another by now."""
    known = [each.digest for each in chain.charters]
    if key_record.genesis != chain.genesis or key_record.charter not in known:
        refuse(
            "AUD-09",
            "the key record is of another charter",
            found=f"genesis {key_record.genesis}, charter {key_record.charter}",
            expected=f"genesis {chain.genesis}, charter {' or '.join(known)}",
            do="Use the key record of this register.",
        )


@click.group(cls=Parts)
def order() -> None:
    """What both officers sign so that shares are sealed or split anew, or a new key is made."""


@order.command()
@on_ground
@click.option("--kind", type=click.Choice(get_args(OrderKind)), required=True, help="What is ordered.")
@click.option("--position", "positions", multiple=True, help="Of a reseal: whose share, such as A1; repeatable.")
@click.option("--reason", required=True, help="Why: it is recorded.")
@click.option("--requester", required=True, help="Who asks for it: a person of the charter.")
@click.option("--register-head", required=True, metavar="HEX", help="The head on your newest closing slip.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), required=True, help="How long it is valid.")
@papers.out
def draft(  # noqa: PLR0913, PLR0917 (one option each)
    ground: Ground, kind: OrderKind, positions: tuple[str, ...], reason: str, requester: str, register_head: str, days: int, output: Path
) -> None:
    """Draft a share order against the charter and the set in use."""
    charter = ground.chain.charter
    if len(reason) > _LINE:
        raise Malformed(f"--reason: {len(reason)} characters, expected at most {_LINE}")
    papers.check_new(output)
    now = papers.now()
    drafted = ShareOrder(
        kind=kind,
        mark=charter.mark,
        genesis=ground.chain.genesis,
        charter=charter.digest,
        key_record=ground.key_record.digest,
        register_head=register_head,
        identifier=authorize.fresh_identifier("s", now),
        positions=tuple(sorted(positions)),
        reason=reason,
        requester=charter.member(requester).person,
        not_before=now,
        expires=written(moment(now) + timedelta(days=days)),
    )
    papers.made(drafted, "share order")
    found = judge(drafted, ground, now)
    authorize.stop_at_refusal(found)
    papers.write(output, drafted)
    papers.pages((*order_screen(drafted, ()), *verdicts([verdict for verdict, _ in found])))


@order.command()
@click.argument("file", type=papers.FILE)
@on_ground
@authorize.at_time
def show(file: Path, ground: Ground, at: str | None) -> None:
    """What it does, in words, and everything that an officer must compare, with the verdict of each check."""
    _shown(file, ground, authorize.time(at))


@order.command()
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, type=click.Choice(OFFICERS))
@papers.key
@on_ground
def sign(file: Path, person: str, key: Path, ground: Ground) -> None:
    """Run every check, read it, and sign it."""
    _shown(file, ground, papers.now())
    papers.sign(file, person, key, NAMESPACE, ground.chain.charter, ground.register.suspended if ground.register else NONE)


@order.command()
@click.argument("file", type=papers.FILE)
@on_ground
@authorize.at_time
def check(file: Path, ground: Ground, at: str | None) -> None:
    """Check a share order as the cold host will: signatures, validity, register, charter, set, and that it is unused."""
    now = authorize.time(at)
    wanted, _, found = _read(file, ground, now)
    authorize.stop_at_refusal(found)
    check_signed(wanted, read_signed(file)[1], ground.chain.charter)
    signed = Verdict("AUT-02", "signed by cfo and cto, each with a key of their own")
    papers.show((*verdicts([*(verdict for verdict, _ in found), signed]), f"VALID at {now}"))
    papers.anchored(ground.anchored)


def _read(file: Path, ground: Ground, now: str) -> tuple[ShareOrder, tuple[str, ...], list[tuple[Verdict, Refused | None]]]:
    """An order, who signed it (each signature verifies, AUT-09), and what every check says."""
    raw, signed = read_signed(file)
    wanted = load(ShareOrder, raw, file.name)
    for signature in signed:
        signatures.verify(signature, raw, ground.chain.charter.key(signature.signer), NAMESPACE)
        if ground.register is not None:
            check_signer(signature.signer, ground.register.suspended, ground.chain.charter, file.name, ANEW)
    return wanted, papers.signers(signed), judge(wanted, ground, now)


def _shown(file: Path, ground: Ground, now: str) -> None:
    """The screen of an order, complete; a refusal stops after it."""
    wanted, signers, found = _read(file, ground, now)
    papers.pages((*order_screen(wanted, signers), *verdicts([verdict for verdict, _ in found])))
    authorize.stop_at_refusal(found)


def judge(wanted: ShareOrder, ground: Ground, now: str) -> list[tuple[Verdict, Refused | None]]:
    """Every check of a share order by itself, none left out because another one refused."""
    chain, key_record = ground.chain, ground.key_record
    checks: tuple[tuple[str, str, Callable[[], object]], ...] = (
        (
            "AUT-01",
            "names this genesis, charter and set",
            lambda: bound(wanted, wanted.kind, chain.charter, key_record, chain.genesis),
        ),
        ("AUT-04", "valid now", lambda: check_valid(wanted, now)),
    )
    book = ground.register
    if book is not None:
        heads = {book.genesis, *(ceremony.head for ceremony in book.ceremonies)}
        checks = (
            *checks,
            ("AUT-05", "no ceremony has used it", lambda: book.check_unspent(wanted.digest, wanted.identifier, 0, "share order")),
            ("AUD-10", "names a head that this register has", lambda: check_head(wanted, heads, book.head)),
        )
    return [authorize.verdict_of(*each) for each in checks]
