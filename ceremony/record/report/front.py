"""Page one: the verdict and its anchor, what moved, who did it, and what did not go as planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ceremony.base.amounts import format_btc, grouped
from ceremony.base.words import spoken
from ceremony.record import entries
from ceremony.record.charter import Charter
from ceremony.record.ledger import VOID
from ceremony.record.register import Ceremony, Register
from ceremony.record.report import commands, facts
from ceremony.record.report.facts import Place, Transfer
from ceremony.record.report.html import Html, Node, check, digest, el, elsewhere, fields, join, lines, listed, moment, plural, section
from ceremony.record.report.tell import held
from ceremony.record.verify import Verdict

MEANING = {
    "VERIFIED": "Every line, file and signature of the register holds, by the rules of each ceremony, and the register begins and ends"
    " with the two digests below, which were given from outside.",
    "CONSISTENT, NOT ANCHORED": "The register agrees with itself. That proves nothing yet: a whole register can be forged with fresh keys."
    " It is verified only against genesis and head from a closing slip that never lay with it.",
    "INCOMPLETE": "The register holds and is anchored, but its last ceremony has not ended.",
}
NOTHING = "none"


def verdict(found: Verdict, register: Register) -> Html:
    """The verdict, what it means, and the anchor in digits and in words."""
    charter = register.charter
    last = register.ceremonies[-1].folder.name
    given = "given from outside" if found.word != "CONSISTENT, NOT ANCHORED" else "as the register itself says"
    return join(
        el("p", charter.mark.upper(), class_="mark"),
        el("h1", "Report of the register of ", charter.organisation),
        el(
            "p",
            f"{plural(len(register.ceremonies), 'ceremony').replace('ceremonys', 'ceremonies')}, {_span(register)}. "
            + ("A practice register: no production money, key or network. " if charter.mark == "practice" else "")
            + "Confidential: it shows holdings and holders.",
            class_="note",
        ),
        el("div", el("strong", found.word), MEANING[found.word], class_="verdict" if found.code == 0 else "verdict undecided"),
        fields(
            [
                (
                    f"Genesis, {given}",
                    join(_spoken(found.genesis), check(commands.sha256_is("0001-keygen/charter.json", found.genesis))),
                ),
                (f"Head, {given}", join(_spoken(found.head), check(commands.head_is(last, found.head)))),
            ]
        ),
    )


def _span(register: Register) -> str:
    times = [e.line.time for c in register.ceremonies for e in c.state.entries]
    return f"{moment(times[0])} to {moment(times[-1])}"


def _spoken(hexadecimal: str) -> Html:
    """A digest in digits, and its first 128 bits in PGP words, each with its place."""
    words = (el("li", f"{place} {word}") for place, word in enumerate(spoken(hexadecimal), start=1))
    return join(digest(hexadecimal), el("ol", *words, class_="words"))


def moved(register: Register) -> Html:
    """What moved: every transfer whose transaction was signed, and in words every other one."""
    found = facts.transfers(register)
    parts: list[Node] = [_moved(transfer) for transfer in found]
    return section("What moved", *(parts or [el("p", "Nothing: the register has no transfer.")]))


def _moved(transfer: Transfer) -> Html:
    wanted = transfer.authorization
    title = f"Ceremony {transfer.ceremony.number}: {_outcome(transfer.ceremony)}"
    if wanted is None:
        return join(el("h3", title), el("p", "Nothing was authorized in it yet, and nothing moved."))
    path = f"{transfer.folder}/authorization.json"
    rows: list[tuple[str, Node]] = [
        ("Payee", join(el("strong", wanted.payee), f": {wanted.purpose}")),
        ("Address", join(_address(wanted.destination), check(commands.field_is(path, ".destination", wanted.destination)))),
        (
            "Amount",
            join(_amount(wanted.amount), f" ({wanted.reference_value})", check(commands.field_is(path, ".amount", str(wanted.amount)))),
        ),
        *_spent(transfer),
    ]
    return join(el("h3", title), fields(rows))


def _outcome(ceremony: Ceremony) -> str:
    closed = ceremony.state.closed
    return "not ended" if closed is None else closed.outcome


def _address(text: str) -> Html:
    return el("span", grouped(text), class_="address")


def _amount(satoshi: int) -> Html:
    return join(el("strong", format_btc(satoshi)), f" = {satoshi} sat")


def _spent(transfer: Transfer) -> list[tuple[str, Node]]:
    """Fee, change, transaction and block; or in words that nothing was signed."""
    place, seen = facts.at(transfer.ceremony, entries.Checked), transfer.review
    if place is None or seen is None or transfer.transaction is None:
        return [("Transaction", "none: nothing was signed that could leave")]
    checked, size = place.entry.body, len(transfer.transaction.stripped)
    txid = commands.same(f"body {transfer.folder} {size} | txid", checked.txid)
    rate = -(-checked.fee * 4_000 // checked.weight)
    rows: list[tuple[str, Node]] = [
        (
            "Fee",
            join(
                _amount(checked.fee),
                f", {rate // 1000}.{rate % 1000:03d} sat/vB",
                check(commands.entry_is(transfer.folder, place.seq, ".body.fee", str(checked.fee))),
            ),
        ),
        (
            "Change to our own",
            lines(join(_address(c.address), f"  {format_btc(c.amount)}, key {c.path}") for c in seen.change) if seen.change else NOTHING,
        ),
        ("Transaction (txid)", join(digest(checked.txid), check(txid))),
        ("Block", _block(transfer)),
    ]
    return rows


def _block(transfer: Transfer) -> Html:
    receipt, received = transfer.receipt, transfer.received
    if receipt is None or received is None:
        return join("no receipt yet: a signed transaction does not expire; its amount and its coins stay reserved")
    place = facts.at(received, entries.Sighting)
    return join(
        digest(receipt.block),
        f" height {receipt.height}, {plural(receipt.confirmations, 'confirmation')} when seen by {receipt.node}",
        check(commands.entry_is(received.folder.name, place.seq, ".body.block", receipt.block)) if place else "",
        elsewhere(f"bitcoin-cli getrawtransaction {receipt.txid} 1 {receipt.block}   # on a node of your own"),
    )


def people(register: Register) -> Html:
    """Who approved and who was present: positions and names, for each transfer; then for each key generation."""
    charter = register.charter
    parts: list[Node] = []
    for transfer in facts.transfers(register):
        parts += [el("h3", f"Ceremony {transfer.ceremony.number}: transfer"), _transfer_people(transfer, charter)]
    for ceremony in register.ceremonies:
        if ceremony.kind == "keygen":
            parts += [
                el("h3", f"Ceremony {ceremony.number}: key generation"),
                fields(_roll(ceremony, charter, ("key-record", "adjournment"))),
            ]
    return section("Who", *parts)


_PURPOSES = {
    "opening": "Signed the opening",
    "approval": "Approved",
    "key-record": "Signed the key record",
    "adjournment": "Signed the adjournment",
    "receipt": "Signed the receipt",
    "authorization": "Authorized",
}


def _transfer_people(transfer: Transfer, charter: Charter) -> Html:
    ceremony, wanted, confirmed = transfer.ceremony, transfer.authorization, transfer.confirmation
    rows: list[tuple[str, Node]] = []
    if wanted is not None:
        rows.append(("Requested", named(charter, [wanted.requester])))
        rows.append(_signed(ceremony, charter, "authorization"))
    if confirmed is not None:
        _, who = _signed(ceremony, charter, "confirmation")
        asked = f", who asked {confirmed.spoken_with} by {confirmed.channel}, {moment(confirmed.time)}"
        rows.append(("Payee confirmed", join(named(charter, [confirmed.checker]), asked, who)))
    rows += _roll(ceremony, charter, ("approval", "adjournment"))
    opened = tuple(dict.fromkeys(e.actor for e in ceremony.state.entries if isinstance(e.body, entries.Unlocked)))
    rows.append(("Shares unlocked", named(charter, opened)))
    if transfer.received is not None and transfer.receipt is not None:
        name, who = _signed(transfer.received, charter, "receipt")
        rows.append((name, join(who, f"Broadcast by {transfer.receipt.broadcaster}.")))
    return fields(rows)


def _roll(ceremony: Ceremony, charter: Charter, purposes: Iterable[str]) -> list[tuple[str, Node]]:
    present = ceremony.state.actors(entries.Present)
    _, opening = _signed(ceremony, charter, "opening", named_too=False)
    return [("Present", join(named(charter, present), opening)), *(_signed(ceremony, charter, purpose) for purpose in purposes)]


def _signed(ceremony: Ceremony, charter: Charter, purpose: str, *, named_too: bool = True) -> tuple[str, Node]:
    """Who signed for a purpose, and the command that verifies each of them."""
    signers = ceremony.state.signers(purpose)
    if not signers:
        return (_PURPOSES.get(purpose, purpose), NOTHING if named_too else "")
    who: Node = named(charter, signers) if named_too and purpose != "confirmation" else ""
    return (_PURPOSES.get(purpose, purpose), join(who, check(commands.signed_by(ceremony.folder.name, purpose, signers))))


def named(charter: Charter, present: Iterable[str]) -> Html:
    """Positions with names."""
    known = {member.person: member.name for member in charter.people}
    found = [join(el("strong", person), f" {known.get(person, '')}") for person in present]
    return listed(found) if found else join(NOTHING)


def exceptions(register: Register) -> Html:
    """What did not go as planned, and the findings that stand; `none` is said where there is none."""
    rows: list[tuple[str, Node]] = [
        ("Exceptions", "none: this release grants no exception to any control"),
        *((name, _told(register, kinds, tell)) for name, kinds, tell in _UNPLANNED),
        ("Void ceremonies", _ended(register, lambda c: c.state.closed is not None and c.state.closed.outcome == VOID)),
        ("Not ended", _ended(register, lambda c: c.state.closed is None)),
        ("Without a receipt", _awaiting(register)),
        *((name, _standing(register, kind, tell)) for name, kind, tell in _STANDING),
    ]
    return section("What did not go as planned", fields(rows))


def _refusal(place: Place) -> str:
    body = place.entry.body
    return f"{body.identifier} {body.what}. Found: {body.found}. Expected: {body.expected}."


def _resumed(place: Place) -> str:
    body = place.entry.body
    kept = f"; kept aside: {', '.join(body.found)}" if body.found else "; nothing was torn"
    return f"cut off after entry {body.after}{kept}"


_UNPLANNED: tuple[tuple[str, tuple[type, ...], Callable[[Place], str]], ...] = (
    ("Refusals", (entries.Refusal,), _refusal),
    ("Interruptions", (entries.Resumed,), _resumed),
    ("Shares set aside", (entries.SetAside,), lambda p: f"{p.entry.body.position}: {p.entry.body.reason}"),
)


def _told(register: Register, kinds: tuple[type, ...], tell: Callable[[Place], str]) -> Html:
    found = list(facts.places(register, *kinds))
    names = [next(name for name, cls in entries.ALL.items() if cls is kind) for kind in kinds]
    count = check(commands.none_of_type(names, len(found)))
    if not found:
        return join(NOTHING, count)
    return join(lines(f"{p.folder}, entry {p.seq}, {moment(p.entry.line.time)}: {tell(p)}" for p in found), count)


def _ended(register: Register, wanted: Callable[[Ceremony], bool]) -> Node:
    found = [c for c in register.ceremonies if wanted(c)]
    return lines(f"{c.folder.name}{': ' + c.state.closed.reason if c.state.closed else ''}" for c in found) if found else NOTHING


def _awaiting(register: Register) -> Node:
    found = [t.folder for t in facts.transfers(register) if t.transaction is not None and t.receipt is None]
    return ", ".join(found) or NOTHING


def _missing(body: entries.Vault) -> str:
    return "; ".join(f"{body.process}: {name} {state}" for name, state in body.protection.items() if state != "held")


_STANDING: tuple[tuple[str, type, Callable[[Any], str]], ...] = (
    ("Production would refuse", entries.Machine, lambda b: "; ".join(b.findings)),
    ("Protection not held", entries.Vault, lambda b: "" if held(b) == len(b.protection) else _missing(b)),
    ("Import key", entries.Imported, lambda b: "" if b.attested == "attested" else f"made in the HSM, but {b.attested}"),
    ("Nonces", entries.HsmSigned, lambda b: b.nonces),
)
"""Findings that stand: name, kind of entry, and what is told of one (nothing if there is nothing to find)."""


def _standing(register: Register, kind: type, tell: Callable[..., str]) -> Node:
    """Findings of one kind, each sentence once with the ceremonies that it was found in."""
    found: dict[str, list[str]] = {}
    for place in facts.places(register, kind):
        if sentence := tell(place.entry.body):
            found.setdefault(sentence, []).append(str(place.ceremony.number))
    if not found:
        return NOTHING
    return lines(f"{sentence} (ceremony {', '.join(dict.fromkeys(numbers))})" for sentence, numbers in found.items())
