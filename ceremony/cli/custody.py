"""`ceremony custody`: what happens to shares between ceremonies, as records that its people sign; and where every share is. No secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from ceremony.base.control import Refused, Undecided
from ceremony.base.data import Malformed, load
from ceremony.base.files import read_file
from ceremony.cli import digests, papers
from ceremony.cli.authorize import fresh_identifier
from ceremony.cli.parts import Parts, echo
from ceremony.record.bags import Bags
from ceremony.record.charter import OFFICERS
from ceremony.record.custody import NAMESPACE, BagState, CustodyRecord, Decision, Event, check_own, check_signatures
from ceremony.record.exceptional import may_be_excepted
from ceremony.record.former import formers
from ceremony.record.register import Register
from ceremony.record.retired import retired
from ceremony.record.signed import MOST_BYTES, read_signed
from ceremony.record.suspension import ANEW, check_signer
from ceremony.record.verify import verify
from ceremony.record.whereabouts import Whereabouts, check_record
from ceremony.screen.custody import loss, not_removed, record_lines, status

F = TypeVar("F", bound=Callable[..., object])

register_option = click.option("--register", "folder", type=papers.FILE, required=True, help="The register, or a copy of it.")
by = click.option("--by", "people", multiple=True, required=True, help="Who did it, or says so: a position or role. Twice.")
reason = click.option("--reason", required=True, help="Why, or how it came: it is recorded.")
bags = click.option("--bag", "bags", multiple=True, required=True, metavar="POSITION:NUMBER", help="Each bag, by its number. Repeatable.")
at = click.option("--at", "time", metavar="TIME", help="When it happened, such as 2026-11-20T09:30:00Z; now, if not given.")
of_set = click.option(
    "--set", "identifier", metavar="HEX", help="The set on the card, of a former key's share; if not given, the one in use."
)
site = click.option("--site", required=True, help="The site whose safe it is: its letter.")


@click.group(cls=Parts)
def custody() -> None:
    """Bags, safes, hand-overs, losses: records that two people sign, and where every share is."""


def drafted(command: F) -> Callable[..., object]:
    """The options of every draft. The command gives what is its event's own; the rest comes from the register."""

    @register_option
    @papers.genesis_digest
    @at
    @of_set
    @reason
    @papers.out
    @wraps(command)
    def run(folder: Path, genesis: str | None, output: Path, time: str | None, **given: Any) -> None:
        papers.check_new(output)
        book = _book(folder, genesis)
        identifier, reason = given.pop("identifier"), given.pop("reason")
        own: dict[str, Any] = command(**given)  # type: ignore[assignment]
        if "people" in own and len(set(own["people"])) != 2:
            raise Malformed("--by: expected two people, each once; nobody records anything about their own share alone")
        now = papers.now()
        found = CustodyRecord(
            mark=book.charter.mark,
            genesis=book.genesis,
            identifier=fresh_identifier("c", now),
            time=time or now,
            reason=reason,
            set_identifier=identifier or (None if own["event"] == "safe" else book.key_record.set_identifier),
            **own,
        )
        papers.made(found, "custody record")
        everybody = (*found.people, *OFFICERS)
        refused = _checked(book.whereabouts, book.bags, found, everybody, now)
        papers.write(output, found)
        shown = record_lines(found, book.charter, book.whereabouts)
        told = [(shown[0], *_loss(book, found))] if found.event == "lost" else []
        told += [papers.wrapped(refused)] if refused else []
        papers.pages(shown, *told)

    return run


def _checked(before: Whereabouts, bags: Bags, found: CustodyRecord, signers: Sequence[str], now: str) -> Refused | None:
    """A record that could come into the register: as it is, or, as the refusal that is returned says, by a form of both officers."""
    known = (before, bags, found, signers, now)
    try:
        check_record(*known)
    except Refused as refused:
        if not may_be_excepted(refused.identifier):
            raise
        check_record(*known, excepted=True)
        return refused
    return None


def _loss(book: Register, found: CustodyRecord) -> tuple[str, ...]:
    """What is left; by the sites that the set has, which a later charter may not."""
    each = next(each for each in book.sets.all if each.identifier == found.set_identifier)
    charter = book.charter if book.charter.plan == each.record.plan else book.chain.named(each.record.charter, "the key record")
    return loss(book.whereabouts.of(each.identifier), charter, found.positions, former=each is not book.sets.in_use)


def _event(event: Event, people: Sequence[str], **own: Any) -> dict[str, Any]:
    return {"event": event, "people": tuple(people), **own}


def _bagged(given: Sequence[str]) -> dict[str, Any]:
    """`A1:AB-1234` each: positions and the numbers of their bags."""
    parts = [text.partition(":") for text in given]
    if any(not number for _, _, number in parts) or len({position for position, _, _ in parts}) != len(parts):
        raise Malformed("--bag: expected POSITION:NUMBER such as A1:AB-1234, each position once")
    found = {position: number.upper() for position, _, number in sorted(parts)}
    return {"positions": tuple(found), "bags": found}


@custody.command("safe")
@site
@by
@drafted
def safe_(site: str, people: tuple[str, ...]) -> dict[str, Any]:
    """A safe, and the two people without whom it is not opened (STO-09)."""
    return _event("safe", people, site=site)


@custody.command("out")
@site
@bags
@by
@drafted
def out_(site: str, bags: tuple[str, ...], people: tuple[str, ...]) -> dict[str, Any]:
    """Bags leave a safe, by its two people; an officer approves it first (STO-03)."""
    return _event("out", people, site=site, **_bagged(bags))


@custody.command("in")
@site
@bags
@by
@drafted
def in_(site: str, bags: tuple[str, ...], people: tuple[str, ...]) -> dict[str, Any]:
    """Bags lie in a safe again, by its two people (STO-09). A share may go in in a new bag."""
    return _event("in", people, site=site, **_bagged(bags))


@custody.command("hand-over")
@bags
@click.option("--from", "giver", required=True, help="Who hands it over: a position or role.")
@click.option("--to", "receiver", required=True, help="Who is to receive it: a position or role.")
@click.option("--carrier", required=True, help="Who carries it, with their tracking number.")
@click.option("--due", required=True, metavar="TIME", help="When it must have arrived.")
@drafted
def hand_over(bags: tuple[str, ...], giver: str, receiver: str, carrier: str, due: str) -> dict[str, Any]:
    """Bags are carried to somebody; an officer authorizes it first (STO-04)."""
    return _event("hand-over", (giver, receiver), carrier=carrier, due=due, **_bagged(bags))


@custody.command()
@bags
@click.option("--state", type=click.Choice(get_args(BagState)), default="intact", show_default=True, help="What the bags look like.")
@by
@drafted
def arrived(bags: tuple[str, ...], state: BagState, people: tuple[str, ...]) -> dict[str, Any]:
    """Bags have arrived: the receiver first, then who saw it (STO-04)."""
    return _event("arrived", people, state=state, **_bagged(bags))


positions_argument = click.argument("positions", nargs=-1, required=True)


@custody.command()
@positions_argument
@by
@drafted
def lost(positions: tuple[str, ...], people: tuple[str, ...]) -> dict[str, Any]:
    """A share is lost. Says what the key survives now; both officers decide within 14 days."""
    return _event("lost", people, positions=tuple(sorted(positions)))


@custody.command()
@positions_argument
@by
@drafted
def found(positions: tuple[str, ...], people: tuple[str, ...]) -> dict[str, Any]:
    """A lost share was found again. The decision is still due: somebody may have copied it."""
    return _event("found", people, positions=tuple(sorted(positions)))


@custody.command()
@positions_argument
@click.option("--how", required=True, help="How: shredded, burned, ...")
@by
@drafted
def destroyed(positions: tuple[str, ...], how: str, people: tuple[str, ...]) -> dict[str, Any]:
    """Shares were destroyed before two people: of the set in use, of a former key's, or of a retired one (SEC-05)."""
    return _event("destroyed", people, positions=tuple(sorted(positions)), how=how)


@custody.command()
@positions_argument
@click.option("--decision", "decided", type=click.Choice(get_args(Decision)), required=True)
@drafted
def decision(positions: tuple[str, ...], decided: Decision) -> dict[str, Any]:
    """What both officers make of a loss, a doubtful bag, a share that was not opened, or a custodian who was replaced (STO-07)."""
    return _event("decision", OFFICERS, positions=tuple(sorted(positions)), decision=decided)


@custody.command()
@click.argument("file", type=papers.FILE)
@register_option
@papers.genesis_digest
def show(file: Path, folder: Path, genesis: str | None) -> None:
    """One record whole, and whether the register would take it in as it stands."""
    book = _book(folder, genesis)
    raw, signed = read_signed(file)
    record = load(CustodyRecord, raw, file.name)
    check_own(record, book.charter, book.genesis)
    papers.pages(record_lines(record, book.charter, book.whereabouts, papers.signers(signed)))
    check_signatures(raw, signed, book.charter)
    check_record(book.whereabouts, book.bags, record, papers.signers(signed), papers.now())
    echo("It can be taken in: `ceremony custody take`.")


@custody.command()
@click.argument("file", type=papers.FILE)
@click.option("--as", "person", required=True, help="Who signs: a position or role.")
@papers.key
@register_option
@papers.genesis_digest
def sign(file: Path, person: str, key: Path, folder: Path, genesis: str | None) -> None:
    """Read one record and sign it."""
    book = _book(folder, genesis)
    record = load(CustodyRecord, read_file(file, MOST_BYTES), file.name)
    check_own(record, book.charter, book.genesis)
    book.charter.member(person)
    papers.pages(record_lines(record, book.charter, book.whereabouts, papers.signers(read_signed(file)[1])))
    papers.sign(file, person, key, NAMESPACE, book.charter, book.suspended)


@custody.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@register_option
@click.option(
    "--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from your closing slip."
)
@click.option("--slips", type=click.Path(), metavar="DIR", help="Folder for the closing slips; `slips` beside the register if not given.")
@papers.loss_option
@papers.suspension_option
def take(files: tuple[str, ...], folder: Path, genesis: str, slips: str | None, **given: str | None) -> None:
    """Cold host: take signed records into the register, in this order; with administrator and witness.

    With --suspension it needs no record: a key is suspended, or that is lifted, when no other ceremony is due."""
    from ceremony.cli.cold import begin, without_nothing  # noqa: PLC0415 (the cold host's own packages)
    from ceremony.script.closing import slips_folder  # noqa: PLC0415
    from ceremony.script.custody import FILES  # noqa: PLC0415

    documents = without_nothing({**given, FILES: "\n".join(files) or None})
    if not documents.keys() - {"loss"}:
        raise click.UsageError("Give a record, or --suspension.")
    _check_all(_book(folder, genesis), [Path(file) for file in files])
    begin(folder, genesis, "custody", {**documents, "slips": str(slips_folder(folder, slips))}, until=None)
    echo(f"Recorded. head {Register.open(folder).head}")


def _check_all(book: Register, files: Sequence[Path]) -> None:
    """Before a ceremony begins: each of these records could come in, one after the other."""
    where, bags = book.whereabouts, book.bags
    for file in files:
        raw, signed = read_signed(file)
        found = load(CustodyRecord, raw, file.name)
        check_own(found, book.charter, book.genesis)
        check_signatures(raw, signed, book.charter)
        for signer in papers.signers(signed):
            check_signer(signer, book.suspended, book.charter, file.name, ANEW)
        _checked(where, bags, found, papers.signers(signed), papers.now())
        where, bags = where.recorded(found), bags.recorded(found)


@custody.command("status")
@register_option
@papers.genesis_digest
@click.option("--at", "time", metavar="TIME", help="As it would stand at this time; now, if not given.")
def status_(folder: Path, genesis: str | None, time: str | None) -> None:
    """Where every share is, since when, last proven, what is overdue, and which losses the key survives today."""
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no register")
    verify(folder, genesis)
    book = Register.open(folder)
    if book.custody.plan is None:
        raise Undecided("This register has no key yet; `ceremony keygen` makes one.")
    left = book.sets.may_exist(book.key_record.set_identifier)
    blocks = status(book.whereabouts, book.charter, time or papers.now(), retired(book), formers(book))
    papers.pages(*_pages((*blocks, *not_removed(left))))
    if genesis is None:
        raise Undecided("Not anchored: give --genesis, from your closing slip.")


_ROWS = 22


def _pages(blocks: Sequence[Sequence[str]]) -> list[list[str]]:
    """Blocks on pages of at most 22 lines; a block stays whole."""
    leaves: list[list[str]] = [[]]
    for block in blocks:
        if leaves[-1] and len(leaves[-1]) + len(block) > _ROWS:
            leaves.append([])
        leaves[-1] += block
    return leaves


def _book(folder: Path, genesis: str | None) -> Register:
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no register")
    book = Register.open(folder)
    papers.check_genesis(book.genesis, genesis)
    return book
