"""Page one: the verdict and its anchor, what moved, who did it, and what did not go as planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ceremony.base.amounts import format_btc, format_rate, grouped
from ceremony.base.catalogue import CATALOGUE
from ceremony.base.words import spoken
from ceremony.record import entries, exceptional
from ceremony.record.charter import Charter
from ceremony.record.ledger import VOID
from ceremony.record.register import Register
from ceremony.record.report import commands, facts
from ceremony.record.report.facts import Place, Transfer
from ceremony.record.report.html import Html, Node, check, digest, el, elsewhere, fields, join, lines, moment, plural, section
from ceremony.record.report.tell import held
from ceremony.record.verify import Verdict
from transfer.authorization import Authorization, Payment

MEANING = {
    "VERIFIED": "Every line, file and signature of the register holds, by the rules of each ceremony, and the register begins and ends"
    " with the two digests below, which were given from outside.",
    "NOT ANCHORED": "The register agrees with itself. That proves nothing yet: a whole register can be forged with fresh keys."
    " It is verified only against genesis and head from a closing slip that never lay with it.",
    "NOT HELD TO A SCRIPT": "A ceremony follows a script that this release does not know: use the release that has it.",
    "INCOMPLETE": "The last ceremony of the register has not ended.",
}
NOTHING = "none"


def _meaning(word: str) -> str:
    """What a word of the verdict means."""
    return MEANING.get(word, "Newer ceremonies follow the one that the slip is of: of them it says nothing. Use the newest slip.")


def verdict(found: Verdict, register: Register) -> Html:
    """The verdict, what it means, and the anchor in digits and in words."""
    charter = register.charter
    last = register.ceremonies[-1].folder.name
    given = "given from outside" if "NOT ANCHORED" not in found.words else "as the register itself says"
    return join(
        el("p", charter.mark.upper(), class_="mark"),
        el("h1", "Report of the register of ", charter.organisation),
        el(
            "p",
            f"Ceremonies: {len(register.ceremonies)}, {_span(register)}. "
            + ("A practice register: no production money, key or network. " if charter.mark == "practice" else "")
            + "Confidential: it shows holdings and holders.",
            class_="note whole",
        ),
        el(
            "div",
            el("strong", found.said),
            *(el("p", _meaning(word)) for word in found.words),
            el("p", el("b", summary(register))),
            class_="verdict" if found.code == 0 else "verdict undecided",
        ),
        el(
            "div",
            _end(f"Genesis, {given}", found.genesis, commands.sha256_is("0001-keygen/charter.json", found.genesis)),
            _end(f"Head, {given}", found.head, commands.head_is(last, found.head)),
            class_="pair",
        ),
    )


def _end(name: str, hexadecimal: str, command: str) -> Html:
    """One end of the chain: a digest in digits, its first 128 bits in PGP words, each with its place, and its check."""
    words = (el("li", f"{place} {word}") for place, word in enumerate(spoken(hexadecimal), start=1))
    return el("div", el("h4", name), digest(hexadecimal), el("ol", *words, class_="words"), check(command))


def _span(register: Register) -> str:
    times = [e.line.time for c in register.ceremonies for e in c.state.entries]
    return f"{moment(times[0])} to {moment(times[-1])}"


def moved(register: Register) -> Html:
    """What moved: every transfer whose transaction was signed, and in words every other one."""
    found = facts.transfers(register)
    parts: list[Node] = [_moved(transfer) for transfer in found]
    return section("What moved", *(parts or [el("p", "Nothing: the register has no transfer.")]))


def _moved(transfer: Transfer) -> Html:
    wanted = transfer.authorization
    closed, received = transfer.ceremony.state.closed, transfer.received
    outcome = "not ended" if closed is None else closed.outcome
    title = f"Ceremony {transfer.ceremony.number}: {outcome}" + (f", receipt in ceremony {received.number}" if received else "")
    if wanted is None:
        return join(el("h3", title), el("p", "Nothing was authorized in it yet, and nothing moved."))
    path = f"{transfer.folder}/authorization.json"
    rows: list[tuple[str, Node]] = [
        ("Purpose", f"{wanted.purpose} ({wanted.reference_value.shown})"),
        *(row for number, each in enumerate(wanted.payments) for row in _payment(path, each, number, len(wanted.payments))),
        *(_swept(path, wanted) if wanted.kind == "sweep" else [] if len(wanted.payments) == 1 else [("Sum", _sum(path, wanted))]),
        *_spent(transfer),
    ]
    return join(el("h3", title), fields(rows))


def _payment(path: str, each: Payment, number: int, count: int) -> list[tuple[str, Node]]:
    """One payment of the authorization, field by field."""
    place = f" {number + 1}" if count > 1 else ""
    is_said = partial(commands.field_is, path)
    return [
        (f"Payee{place}", join(el("strong", each.payee), check(is_said(f".payments[{number}].payee", each.payee)))),
        (f"Address{place}", join(_address(each.destination), check(is_said(f".payments[{number}].destination", each.destination)))),
        (f"Amount{place}", join(_amount(each.amount), check(is_said(*commands.amount(f".payments[{number}].amount", each.amount))))),
    ]


def _swept(path: str, wanted: Authorization) -> list[tuple[str, Node]]:
    """Of a sweep: both keys, and the address of the key in use that takes everything."""
    is_said = partial(commands.field_is, path)
    told = (("From our former key", "key_record"), ("To our key in use", "to"), ("Its first address", "address"))
    values = [(name, field, str(getattr(wanted, field))) for name, field in told]
    return [
        ("Sweep", "pays nobody: everything of the former key goes to our key in use"),
        *((n, join(_address(v) if f == "address" else digest(v), check(is_said(f".{f}", v)))) for n, f, v in values),
    ]


def _sum(path: str, wanted: Authorization) -> Html:
    """What leaves in all; nothing in a consolidation."""
    total = commands.field_is(path, "[.payments[].amount.units | tonumber] | add // 0", str(wanted.amount))
    said = f", {plural(len(wanted.payments), 'payment')}" if wanted.payments else ": a consolidation pays nobody, everything returns to us"
    return join(_amount(wanted.amount), said, check(total))


def _address(text: str) -> Html:
    return el("span", grouped(text), class_="address")


def _amount(satoshi: int) -> Html:
    return join(el("strong", format_btc(satoshi)), f" = {satoshi} sat")


def _spent(transfer: Transfer) -> list[tuple[str, Node]]:
    """Fee, change, transaction and block; or in words that nothing was signed."""
    place, seen = facts.at(transfer.ceremony, entries.Checked), transfer.review
    if place is None or seen is None or transfer.transaction is None:
        return [("Transaction", _unsigned(transfer))]
    checked, size = place.entry.body, len(transfer.transaction.stripped)
    txid = commands.same(f"body {transfer.folder} {size} | txid", checked.txid)
    rate = -(-checked.fee * 4_000 // checked.weight)
    rows: list[tuple[str, Node]] = [
        (
            "Fee",
            join(
                _amount(checked.fee),
                f", {format_rate(rate)}",
                check(commands.entry_is(transfer.folder, place.seq, *commands.amount(".body.fee", checked.fee))),
            ),
        ),
        (
            "Change",
            lines(join(_address(c.address), f"  {format_btc(c.amount)}, to our own key {c.path}") for c in seen.change)
            if seen.change
            else NOTHING,
        ),
        *((f"Swept to {c.path} of our key in use", join(_address(c.address), f"  {format_btc(c.amount)}")) for c in seen.swept),
        ("Transaction (txid)", join(digest(checked.txid), check(txid))),
        ("Block", _block(transfer)),
    ]
    return rows


def _unsigned(transfer: Transfer) -> str:
    """BRD-06: why there is no transaction, and what that means for the amount."""
    closed = transfer.ceremony.state.closed
    if closed is not None:
        return "none: the ceremony is void and signed nothing"
    if _may_have_signed(transfer):
        return "not assembled yet: the HSM may have signed, so that amount and coins stay reserved and the ceremony cannot be void"
    return "none yet: nothing was signed; amount and coins are reserved"


def _may_have_signed(transfer: Transfer) -> bool:
    return transfer.ceremony.state.last(entries.Signing) is not None


def _block(transfer: Transfer) -> Html:
    receipt, received, settled = transfer.receipt, transfer.received, transfer.settled
    if settled is not None:
        by = settled.entry.body.by
        shown = check(commands.entry_is(settled.folder, settled.seq, ".body.by", by))
        return join(f"never: ceremony {settled.ceremony.number} settled it; replaced by ", digest(by), shown)
    if receipt is None or received is None:
        return join("no receipt yet: a signed transaction does not expire; its amount and its coins stay reserved")
    place = facts.at(received, entries.Sighting)
    return join(
        digest(receipt.block_hash),
        f" height {receipt.block_height}, {plural(receipt.confirmations, 'confirmation')} when seen by {' and '.join(receipt.nodes)}",
        check(commands.entry_is(received.folder.name, place.seq, ".body.block_hash", receipt.block_hash)) if place else "",
        elsewhere(f"bitcoin-cli getrawtransaction {receipt.txid} 1 {receipt.block_hash}   # on a node of your own"),
    )


def exceptions(register: Register) -> Html:
    """What did not go as planned, and the findings that stand; `none` is said where there is none."""
    rows = [
        *((name, lines(told) if told else NOTHING) for name, told in _unplanned(register).items()),
    ]
    standing = [(name, _standing(register, kind, tell)) for name, kind, tell in _STANDING]
    shown = commands.entries_of(*(kind for kind, _ in _TOLD.values()))
    return section(
        "What did not go as planned",
        fields(rows, class_="columns"),
        el("h3", "Findings that stand"),
        fields(standing),
        check(shown),
        check(commands.suspensions()),
    )


def summary(register: Register) -> str:
    """The same in one line, for the verdict itself."""
    counts = {name: len(told) for name, told in _unplanned(register).items()}
    return "; ".join(f"{name}: {count or NOTHING}" for name, count in counts.items()) + "."


def _unplanned(register: Register) -> dict[str, list[str]]:
    """What did not go as planned -> each time that it happened, in words."""
    told = {name: [_where(p) + tell(p) for p in facts.places(register, kind)] for name, (kind, tell) in _TOLD.items()}
    told["Interruptions"] = [_where(p) + _resumed(p) for p in facts.interruptions(register)]
    closed = [(c.folder.name, c.state.closed) for c in register.ceremonies]
    moved = facts.transfers(register)
    for charter, where in _charters(register):
        told["Exceptions"] += [
            f"{where}: {made.control} ({CATALOGUE[made.control].rule}). Expected: {made.expected}. Happened: {made.happened}. "
            f"Decided by who signed charter {charter.number}: {made.decided}"
            for made in charter.exceptions or ()
        ]
    return {
        "Suspended keys": [f"SUSPENDED: {each.told}" for each in register.suspended.undecided(register.charter)],
        **told,
        "Void ceremonies": [f"{name}: {end.reason}" for name, end in closed if end is not None and end.outcome == VOID],
        "Not ended": [name for name, end in closed if end is None],
        "Without a receipt": [t.folder for t in moved if _may_have_signed(t) and t.receipt is None and t.settled is None],
        "Replaced transactions": [f"{t.folder}: settled by {t.settled.folder}, entry {t.settled.seq}" for t in moved if t.settled],
        "Revoked authorizations": [
            f"{c.folder.name}, entry {seq}: {found.identifier}, by {found.officer}: {found.reason}"
            for c in register.ceremonies
            for seq, found in c.revocations()
        ],
    }


def _charters(register: Register) -> list[tuple[Charter, str]]:
    """Every charter that came into the register, and the ceremony that took it in."""
    taken = (c for c in register.ceremonies if c.state.file("charter") is not None)
    return [(c.load(Charter, "charter"), c.folder.name) for c in taken]


def _where(place: Place) -> str:
    return f"{place.folder}, entry {place.seq}, {moment(place.entry.line.time)}: "


def _refusal(place: Place) -> str:
    body = place.entry.body
    return f"{body.identifier} {body.what}. Found: {body.found}. Expected: {body.expected}."


def _resumed(place: Place) -> str:
    body = place.entry.body
    kept = f"kept aside: {', '.join(body.found)}" if body.found else "nothing was torn"
    return f"cut off after entry {body.after}, {kept}"


def _excepted(place: Place) -> str:
    """The whole form in one sentence: what the officers signed."""
    body = place.entry.body
    form = exceptional.parse(place.ceremony.raw_of(body.file), body.file)
    return (
        f"{body.control} ({CATALOGUE[body.control].rule}). Expected: {form.expected}. Happened: {form.happened}. "
        f"Decided by cfo and cto: {form.decided}. Form: {body.file}"
    )


def _disagreed(place: Place) -> str:
    body = place.entry.body
    return f"{place.entry.actor} does not agree to the {body.to}, because: {body.because}"


_TOLD: Mapping[str, tuple[type, Callable[[Place], str]]] = {
    "Exceptions": (entries.Excepted, _excepted),
    "I do not agree": (entries.Disagreed, _disagreed),
    "Refusals": (entries.Refusal, _refusal),
    "Shares set aside": (entries.SetAside, lambda p: f"{p.entry.body.position}: {p.entry.body.reason}"),
}


def _missing(body: entries.Vault) -> str:
    return _not_held(body.process, body.protection)


def _not_held(process: str, protection: Mapping[str, str]) -> str:
    return "; ".join(f"{process}: {name} {state}" for name, state in protection.items() if state != "held")


_STANDING: tuple[tuple[str, type, Callable[[Any], str]], ...] = (
    ("Production would refuse", entries.Machine, lambda b: "; ".join(b.findings)),
    ("Devices that came", entries.StrayDevice, lambda b: b.finding),
    ("Room", entries.RoomItem, lambda b: "" if b.held == "yes" else f"{b.item} is not held: {b.note}"),
    ("HSM", entries.Hsm, lambda b: "; ".join(b.findings)),
    ("Protection not held", entries.Vault, lambda b: "" if held(b) == len(b.protection) else _missing(b)),
    ("Protection not held, tokens", entries.CustodianToken, lambda b: _not_held(f"token of {b.position}", b.protection)),
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
