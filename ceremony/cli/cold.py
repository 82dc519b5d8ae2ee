"""Commands of the cold host: key generation, prepare, transfer, resume, void."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from ceremony.base.control import control, refuse
from ceremony.base.data import Free, Malformed, decode
from ceremony.base.files import locked, make_folder, read_file
from ceremony.base.lines import sha256
from ceremony.base.show import of_system
from ceremony.cli import digests, request
from ceremony.cli.papers import loss_option, suspension_option
from ceremony.cli.parts import echo
from ceremony.machine import known_answers
from ceremony.record import charter as charters
from ceremony.record import entries
from ceremony.record.bags import to_close
from ceremony.record.end import BY_FORM, CARRIED_OUT, VOID
from ceremony.record.entries import Kind
from ceremony.record.register import CHARTER, Register
from ceremony.record.scripts import STAFF
from ceremony.record.signers import as_begun
from ceremony.record.state import State
from ceremony.record.verify import verify, verify_known
from ceremony.screen import panels
from ceremony.screen.terminal import Stopped, check_terminal
from ceremony.script import beginning, ending, loop, revoke
from ceremony.script.closing import check_out, slips_folder
from ceremony.script.generate import check_not_made, check_one_sitting
from ceremony.script.room import Room
from ceremony.script.table import MAKES_A_SET, PREPARED, in_one_sitting
from ceremony.vault.process import VaultLost
from ceremony.vault.protocol import Interrupted

INTERRUPTED = 130
"""The exit code of a command that somebody stopped."""
MODULE = "/usr/lib/softhsm/libsofthsm2.so"

register_option = click.option("--register", "folder", type=click.Path(path_type=Path), required=True, help="The register's folder.")
genesis_option = click.option(
    "--genesis", required=True, metavar="HEX", callback=digests.taken, help="Digest of the genesis charter, from your closing slip."
)
module_option = click.option("--module", default=MODULE, show_default=True, metavar="FILE", help="The HSM's PKCS#11 library.")
token_module_option = click.option(
    "--token-module", metavar="FILE", help="The PKCS#11 library of custodians' tokens; asked for when a share lies on one."
)
slips_option = click.option(
    "--slips", type=click.Path(), metavar="DIR", help="Folder for the closing slips; `slips` beside the register if not given."
)
document = click.Path(exists=True, dir_okay=False)
approvals_option = click.option(
    "--approvals", type=click.Path(exists=True, file_okay=False), metavar="DIR", help="Officers' approvals, made elsewhere."
)
revocation_option = click.option("--revocation", type=document, help="A signed revocation of an authorization, to be taken in.")


@click.command()
@register_option
@click.option("--charter", type=document, help="For the first key: the signed charter; its .signatures lie beside it.")
@click.option("--policy", type=document, help="For the first key: the signed policy; its .signatures lie beside it.")
@click.option(
    "--genesis", metavar="HEX", callback=digests.taken, help="For a new key: digest of the genesis charter, from your closing slip."
)
@click.option("--order", type=document, help="For a new key: the share order of both officers (`shares order draft --kind new-key`).")
@module_option
@token_module_option
@slips_option
def keygen(folder: Path, slips: str | None, **given: str | None) -> None:
    """Generate a key and its shares, with every custodian in the room, in one sitting.

    The first key of a register needs --charter and --policy; a new one, to which the old one is swept, --genesis and --order."""
    documents = {**without_nothing(given), "slips": str(slips_folder(folder, slips))}
    asked = frozenset(documents) - {"module", "token_module", "slips"}
    if asked == {"charter", "policy"}:
        _first_key(folder, documents)
    elif asked == {"genesis", "order"}:
        genesis = documents.pop("genesis")
        begin(folder, genesis, "keygen", documents, until=None)
        echo(f"genesis {genesis}\nhead {Register.open(folder).head}")
    else:
        raise click.UsageError("Give --charter and --policy for the first key of a register, or --genesis and --order for a new one.")


def _first_key(folder: Path, given: dict[str, str]) -> None:
    check_ready()
    charter = given["charter"]
    raw = read_file(Path(charter))
    genesis = sha256(raw)
    mark = charters.parse(raw, charter).mark
    make_folder(folder, exist_ok=True)
    with locked(folder):
        book = _known(folder)
        if book is not None:
            check_genesis(book, genesis)
            _nothing_unfinished(book)
            _check_keyless(book)
            verify_known(book)
        room = _begun(lambda: beginning.begin(book, folder, "keygen", mark, genesis, given, raw))
        _play(room)
    echo(f"genesis {genesis}\nhead {Register.open(folder).head}")


def _known(folder: Path) -> Register | None:
    """The register, if a ceremony was begun in it."""
    names = sorted(path.name for path in folder.iterdir())
    if names in ([], ["0001-keygen"]) and not (folder / "0001-keygen" / CHARTER).exists():
        return None
    book = as_begun(Register.open(folder))
    return book if book.ceremonies else None


def _check_keyless(book: Register) -> None:
    """AUT-01: a register that has a key gets another one by the order of both officers alone."""
    if book.has_key:
        refuse(
            "AUT-01",
            "this register has a key",
            found=f"set {book.key_record.set_identifier}, of ceremony {book.in_use.ceremony}",
            expected="a share order of kind new-key, signed by both officers",
            do="Draft one with `ceremony shares order draft --kind new-key`, and give --genesis and --order instead of charter and policy.",
        )


@click.command()
@register_option
@genesis_option
@click.option("--confirmation", type=document, help="The signed confirmation of the payees; a consolidation has none.")
@click.option("--snapshot", required=True, type=document, help="The snapshot from the online host.")
@module_option
@revocation_option
@suspension_option
@click.option(
    "--request-out", type=click.Path(path_type=Path), metavar="DIR", help="A new folder for officers who approve on their laptops."
)
@click.argument("authorization", type=document)
def prepare(folder: Path, genesis: str, authorization: str, request_out: Path | None, **given: str | None) -> None:
    """Begin a transfer with administrator and witness alone: authorization, machine, HSM, signing request."""
    if request_out is not None:
        request.check_new(folder, request_out)
    begin(folder, genesis, "transfer", {"authorization": authorization, **without_nothing(given)}, until=PREPARED)
    if request_out is not None:
        request.write(Register.open(folder), request_out)
        echo(f"For the officers: {request_out}. They read it with `ceremony review` and sign with `ceremony approve`.")
    echo("Prepared. `ceremony transfer` goes on when the custodians are in the room.")


@click.command()
@register_option
@genesis_option
@click.option("--out", required=True, type=click.Path(), help="A new folder for the outbound bundle (QR frames go beside it).")
@module_option
@token_module_option
@slips_option
@revocation_option
@approvals_option
@suspension_option
def transfer(folder: Path, genesis: str, slips: str | None, **given: str | None) -> None:
    """The transfer itself, with custodians, administrator and witness in the room."""
    given["slips"] = str(slips_folder(folder, slips))
    documents = without_nothing(given)
    with _continued(folder, genesis, documents, "transfer", partial(check_out, given=documents, register=folder)) as room:
        verify(folder, genesis)
        _play(room)
    echo(f"Carried out: {given['out']}\nhead {Register.open(folder).head}")


@click.command()
@register_option
@genesis_option
@click.option("--charter", type=document, help="The signed charter that follows the one in force; its .signatures lie beside it.")
@click.option("--policy", type=document, help="The signed policy that follows the one in force.")
@click.option("--succession", type=document, help="The signed succession of a charter that an earlier amendment took in as a proposal.")
@slips_option
@loss_option
@suspension_option
def amend(folder: Path, genesis: str, slips: str | None, **given: str | None) -> None:
    """Take a later charter, a later policy, or both into the register; with administrator and witness alone."""
    documents = without_nothing(given)
    if not documents.keys() - {"loss", "suspension"} or {"charter", "succession"} <= documents.keys():
        raise click.UsageError("Give --charter or --succession, or --policy, or a policy with one of them.")
    begin(folder, genesis, "amend", {**documents, "slips": str(slips_folder(folder, slips))}, until=None)
    echo(f"Closed. head {Register.open(folder).head}")


@click.command()
@register_option
@genesis_option
@click.option("--out", type=click.Path(), help="A new folder for the outbound bundle, when a transfer goes on.")
@module_option
@token_module_option
@slips_option
@revocation_option
@approvals_option
@loss_option
@suspension_option
def resume(folder: Path, genesis: str, slips: str | None, **given: str | None) -> None:
    """Go on with the ceremony that was interrupted, where it stands."""
    given["slips"] = str(slips_folder(folder, slips))
    documents = without_nothing(given)

    def may(state: State) -> None:
        check_one_sitting(state)
        check_out(state, documents, folder)

    with _continued(folder, genesis, documents, None, may) as room:
        verify(folder, genesis)
        _play(room)
    echo(f"head {Register.open(folder).head}")


@click.command()
@register_option
@genesis_option
@click.option("--reason", required=True, help="Why it ends without a result.")
@slips_option
@revocation_option
@loss_option
@suspension_option
def void(folder: Path, genesis: str, reason: str, slips: str | None, **given: str | None) -> None:
    """End an interrupted ceremony that signed nothing; administrator and witness sign."""
    decode(Free, reason, "--reason")
    given["slips"] = str(slips_folder(folder, slips))
    may = partial(check_voidable, by_form=given["loss"] is not None)
    with _continued(folder, genesis, without_nothing(given), None, may, STAFF) as room:
        loop.append_all(room, revoke.take(room))
        _interruptible(room, lambda: _void(room, reason))
    echo(f"Void. head {Register.open(folder).head}")


def without_nothing(given: dict[str, str | None]) -> dict[str, str]:
    """The options that were given."""
    return {name: value for name, value in given.items() if value is not None}


def check_ready() -> None:
    """SET-09: a person can be asked here, and everything that this process computes with gives the published answers."""
    check_terminal()
    known_answers.run()


def check_genesis(book: Register, genesis: str) -> None:
    """AUD-09: the register's genesis is the one that people brought from outside."""
    if book.genesis != genesis:
        refuse(
            "AUD-09",
            "this is another register",
            found=f"genesis {book.genesis}",
            expected=genesis,
            do="Compare with your closing slip. If the slip is right, this folder is not your register.",
        )


@control("BRD-06")
def check_voidable(state: State, *, by_form: bool = False) -> None:
    """BRD-06: from the first HSM signature on, a ceremony cannot be void."""
    if state.closing is not None:
        raise Malformed("this ceremony has its closing: `ceremony resume` asks for the signatures of its end that are missing")
    if state.last(entries.Signing) is not None and not by_form:
        refuse(
            "BRD-06",
            "this ceremony cannot be void",
            found="SIGN was typed, so the HSM may have signed",
            expected="a ceremony that signed nothing",
            do="Go on with `ceremony resume`; a signed transaction does not expire.",
        )
    check_not_made(state)


DESTROY = "Destroy these new sealed shares, wherever they lie, before two people, and nothing else on a medium:"
STILL_THE_KEY = (
    "Enough of them are the key in use, with their passphrases: each counts as if it existed (SEC-05) until two people recorded that it "
    "was destroyed: `ceremony custody destroyed`, with --set {}."
)


def _void(room: Room, reason: str) -> None:
    beginning.written_down(room)
    makes = room.state.opened.kind in MAKES_A_SET  # elsewhere what was sealed anew may be the one share that opens
    locked = {(s.position, s.number, s.medium) for s in room.state.all(entries.Sealing)} if makes else ()
    sealed = [f"{position} number {number}{'' if medium == 'file' else f' ({medium})'}" for position, number, medium in sorted(locked)]
    room.screen.screen((f"{room.state.opened.mark.upper()}  end ceremony {room.state.opened.ceremony} as void", ""))
    room.screen.show(panels.field("reason", reason))
    if sealed:
        room.screen.show(panels.paragraph(f"{DESTROY} {', '.join(sealed)}."))
    made = room.state.last(entries.Generated)
    if sealed and made is not None and made.made == "recovered":
        room.screen.show(panels.paragraph(STILL_THE_KEY.format(made.set_identifier)))
    if unbagged := [body.position for body in to_close(room.state)]:
        what = "In no bag now; each goes into a new one, and into its safe by a record (`ceremony custody in`):"
        room.screen.show(panels.paragraph(f"{what} {' '.join(unbagged)}."))
    if gone := ending.gone(room):
        what = "They signed nothing after what stands in their name; it is recorded that they left, and it closes no question:"
        room.screen.show(panels.paragraph(f"{what} {' '.join(gone)}."))
    room.screen.word("VOID", "It can never be taken up again.")
    for person in ending.gone(room):
        by = "witness" if "administrator" in room.state.lost else "administrator"
        room.transcript.append(by, entries.Left(person=person), room.clock())
    signed = room.state.last(entries.Signing) is not None
    outcome: entries.Outcome = CARRIED_OUT if signed else VOID
    why = f"{BY_FORM}: {reason}"[:2000] if signed else reason
    room.transcript.append(*ending.closed(room, outcome, why), room.clock())
    loop.finish(room)


def begin(folder: Path, genesis: str, kind: Kind, given: dict[str, str], until: int | None) -> None:
    """A new ceremony in a register that exists, played up to step `until` or to its end; the register is locked meanwhile.

    A receipt is taken in where the online host's libraries are, and the ones that the self-tests try are not."""
    (check_terminal if kind == "receipt" else check_ready)()
    with locked(_existing(folder)):
        book = as_begun(Register.open(folder))
        check_genesis(book, genesis)
        _nothing_unfinished(book)
        verify_known(book)
        mark = book.key_record.mark if kind != "keygen" else book.charter.mark
        room = _begun(lambda: beginning.begin(book, folder, kind, mark, genesis, given))
        _play(room, until)


@contextmanager
def _continued(  # noqa: PLR0913, PLR0917
    folder: Path,
    genesis: str,
    given: dict[str, str],
    kind: Kind | None,
    may: Callable[[State], None] = lambda _: None,
    signers: tuple[str, ...] = (),
) -> Iterator[Room]:
    """The unfinished ceremony of a register, opened again under its lock, if `may` refuses nothing of what stands in it."""
    check_ready()
    with locked(_existing(folder)):
        book = as_begun(Register.open(folder))
        check_genesis(book, genesis)
        if book.unbegun is not None:
            raise Malformed(
                f"{book.unbegun.name} was not begun: those who must did not sign its first run, so nothing is in it. The next "
                "ceremony takes its place, and keeps aside what lies there"
            )
        if book.unfinished is None or (kind is not None and book.unfinished.kind != kind):
            raise Malformed(f"{folder}: no {kind or 'ceremony'} is waiting; `ceremony prepare` begins a transfer")
        yield _begun(lambda: beginning.reopen(book, genesis, given, may, signers=signers))


def _nothing_unfinished(book: Register) -> None:
    if book.unfinished is not None:
        raise Malformed(
            f"{book.unfinished.folder.name} has not ended: `ceremony resume` goes on with it, `ceremony void --reason TEXT` ends it"
        )


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no register")
    return folder


def _begun(begin: Callable[[], Room]) -> Room:
    """A run that begins; stopped before it is signed by all, it is none."""
    try:
        return begin()
    except (Stopped, Interrupted, KeyboardInterrupt):
        echo("\nStopped before it began: nothing is recorded.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def _play(room: Room, until: int | None = None) -> None:
    def run() -> None:
        beginning.written_down(room)
        loop.play(room, until)

    _interruptible(room, run)


def _interruptible(room: Room, run: Callable[[], Any]) -> None:
    for each in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(each, room.screen.interrupted)
    try:
        run()
    except (Stopped, Interrupted, KeyboardInterrupt):
        if in_one_sitting(room.state):
            echo(f"\nStopped {VOID_NOW}.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        raise KeyboardInterrupt from None
    except (OSError, Malformed) as error:
        if in_one_sitting(room.state):
            said = str(error) if isinstance(error, Malformed) else of_system(error)
            raise Malformed(f"{said.rstrip('.')}. Stopped {VOID_NOW}.") from None
        if isinstance(error, VaultLost):
            raise VaultLost(f"{error} `ceremony resume` goes on.") from None
        raise


VOID_NOW = "in the one sitting that makes a set: end it with `ceremony void`, which lists its shares"
