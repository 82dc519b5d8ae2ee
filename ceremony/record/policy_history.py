"""The policies of a register as a document that travels: each with the signed end of the ceremony that took it in (AUT-06).

Whoever has the charters verifies it alone. Desk, vault, officers and online host judge payees and limits by what comes out of it, with
the same functions as the cold host (transfer/in_force.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from ceremony.base import signatures
from ceremony.base.control import Refused, refuse
from ceremony.base.data import Digest, Malformed, Mark, Pattern, Time, load, record
from ceremony.base.lines import Line, parse_line
from ceremony.base.signatures import Signature
from ceremony.record import end, entries, policy
from ceremony.record.chain import Chain
from ceremony.record.charter import Charter
from ceremony.record.entries import Signed, decode_body
from ceremony.record.loss import SignedLoss, check_signed, stand_in
from ceremony.record.scripts import STAFF
from transfer.in_force import History, then
from transfer.limits import Policy

if TYPE_CHECKING:
    from ceremony.record.register import Ceremony, Register

NAME = "policy-history.json"
ClosingLine = Annotated[str, Pattern(r"[ -~]{1,10000}\n", "a whole line of a transcript, with its newline")]


@record
class Taken:
    """A policy, and the end of the ceremony that took it in.

    `end`: the line that `signatures` sign. `closing`: the entry whose digest it names, with its newline. `ended`: the time of the last of
    these signatures. `losses`: the forms by which somebody else signed for administrator or witness."""

    policy: Policy
    end: Signed
    signatures: tuple[Signature, ...]
    closing: ClosingLine
    ended: Time
    losses: tuple[SignedLoss, ...] = ()


@record
class PolicyHistory:
    """Every policy from the key generation to the newest, in order."""

    type: Literal["policy-history"] = "policy-history"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    policies: tuple[Taken, ...]


def of(book: Register) -> PolicyHistory:
    """The document of a register; Undecided if there is no policy yet."""
    kept: list[Taken] = []
    for ceremony in (c for c in book.ceremonies if c.rules):
        found = _taken(ceremony)
        if not kept or kept[-1].policy != found.policy:
            kept.append(found)
    return PolicyHistory(mark=book.history.newest.mark, genesis=book.genesis, policies=tuple(kept))


def _taken(ceremony: Ceremony) -> Taken:
    closing = next(e for e in ceremony.state.entries if isinstance(e.body, entries.Closed))
    return Taken(
        policy=ceremony.load(Policy, "policy"),
        end=next(text for _, text in end.signed(ceremony)),
        signatures=ceremony.signatures("end"),
        closing=closing.line.raw.decode("ascii"),
        ended=ceremony.ended,
        losses=ceremony.state.losses,
    )


def verified(raw: bytes, chain: Chain, newest: str) -> History:
    """The history in these bytes, held to the charters and to the digest of the policy that an authorization names.

    Each policy follows the one before it, and the digest of the newest is signed by the officers, so that all are theirs; when each
    counted is signed by those who ended its ceremony. AUT-06 for what does not hold."""
    document = load(PolicyHistory, raw, "policy history")
    _equal("its mark and genesis", (document.mark, document.genesis), (chain.charter.mark, chain.genesis))
    history: History | None = None
    ceremonies = [_end(each).ceremony for each in document.policies]
    _equal("the order of its ceremonies", ceremonies, sorted(set(ceremonies)))
    for each in document.policies:
        rules = each.policy
        policy.check(rules, chain.named(rules.charter, "the policy"), chain.genesis)
        policy.check_follows(rules, history.newest if history else None)
        _check_end(each, chain)
        history = then(history, rules, each.ended)
    if history is None or history.newest.digest != newest:
        _differs("its newest policy", history.newest.digest if history else "none", newest)
    return history


def _end(taken: Taken) -> end.End:
    return load(end.End, taken.end.encode("ascii"), "policy history, signed end")


def _check_end(taken: Taken, chain: Chain) -> None:
    """The end is of a ceremony that took in this very policy, and is signed by those who had to sign it."""
    said = _end(taken)
    line = parse_line(taken.closing.encode("ascii"), "policy history, closing")
    closed = decode_body(line.type, line.body, "policy history, closing")
    if not isinstance(closed, entries.Closed):
        raise Malformed(f"policy history: found an entry of the type {line.type}, expected closed")
    _equal("the genesis of an end", (said.mark, said.genesis), (chain.charter.mark, chain.genesis))
    _equal("the policy of an end", said.policy, taken.policy.digest)
    _equal("the closing of an end", (said.closed, said.outcome), (line.digest, closed.outcome))
    if said.kind not in end.TAKES_POLICY or said.outcome == end.VOID:
        _differs("the ceremony of an end", f"{said.kind}, {said.outcome}", "a key generation or an amendment that counts")
    _check_signers(taken, said, chain)
    _check_time(taken, line)


def _check_time(taken: Taken, line: Line) -> None:
    """Nobody signs an end before its closing is written, whose time the signatures cover."""
    if taken.ended < line.time:
        _differs("the time of an end", taken.ended, f"{line.time}, when it was closed, or later")


def _check_signers(taken: Taken, said: end.End, chain: Chain) -> None:
    charter = chain.named(said.charter, "the signed end")
    for loss in taken.losses:
        _equal("the ceremony of a loss", (loss.form.genesis, loss.form.ceremony), (said.genesis, said.ceremony))
        _check_loss(loss, charter, chain)
    lost = {person for loss in taken.losses for person in loss.form.lost}
    _equal("who signed an end", sorted(s.signer for s in taken.signatures), sorted(stand_in(STAFF, lost)))
    for signature in taken.signatures:
        signatures.verify(signature, taken.end.encode("ascii"), charter.key(signature.signer), end.NAMESPACE)


def _check_loss(loss: SignedLoss, charter: Charter, chain: Chain) -> None:
    """SET-10, under the charter of the end, or the one before it if that ceremony amended it."""
    try:
        check_signed(loss, charter)
    except Refused:
        if charter.previous is None:
            raise
        check_signed(loss, chain.named(charter.previous, "the form of a loss"))


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        _differs(what, str(found), str(expected))


def _differs(what: str, found: str, expected: str) -> NoReturn:
    refuse(
        "AUT-06",
        f"the policy history: {what}",
        found=found[:400],
        expected=expected[:400],
        do="Take a new one from the register: `ceremony register history -o FILE`.",
    )
