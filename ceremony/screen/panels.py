"""Panels: facts in, lines out. Pure, at most 78 columns, no colour needed to read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ceremony.base.amounts import format_btc, format_rate, grouped
from ceremony.base.catalogue import CATALOGUE
from ceremony.base.show import wrap
from ceremony.base.words import spoken_rows
from shares.plan import Plan
from transfer.authorization import Authorization
from transfer.review import Payment, Review

WIDTH = 78


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the script a screen stands."""

    mark: str
    ceremony: int | None
    """Its number; None where people are to read it from their closing slips."""
    kind: str
    step: int
    steps: int
    title: str
    minutes: int


def header(place: Place) -> tuple[str, ...]:
    """Two lines that stand on top of every screen: mark, ceremony, step, time left."""
    left = f"{place.mark.upper()}  {place.kind}" + (f", ceremony {place.ceremony}" if place.ceremony else "")
    right = f"step {place.step} of {place.steps}, about {place.minutes} min left"
    return (left + right.rjust(WIDTH - len(left)), f"== {place.title} ".ljust(WIDTH - len(KEYS), "=") + KEYS)


KEYS = " ? explains, b p x q"
"""On every screen: the keys of every prompt."""

_WHO = {
    "staff": "administrator and witness",
    "everyone": "everyone",
    "custodians": "custodians, one after the other",
    "officers": "the officers",
}


def explanation(title: str, why: str, who: str, controls: Sequence[str]) -> tuple[str, ...]:
    """What `?` tells of a step: what it is for, who acts, which controls it holds."""
    held = [f"{name} {CATALOGUE[name].rule}" for name in controls]
    return (*paragraph(f"{title}: {why}"), *paragraph(f"Who acts: {_WHO[who]}."), *(listed("It holds:", held) if held else ()))


def field(name: str, value: str) -> tuple[str, ...]:
    """A named value, wrapped under itself."""
    lines = wrap(value, WIDTH - 17) or [""]
    return (f"  {name:<14} {lines[0]}", *(" " * 17 + line for line in lines[1:]))


def words(name: str, digest: str) -> tuple[str, ...]:
    """A digest's 16 words, four in a line, each with its place."""
    return (f"  {name}", *(f"    {row}" for row in spoken_rows(digest)))


def paragraph(text: str) -> tuple[str, ...]:
    """Plain sentences, wrapped."""
    return tuple(wrap(text, WIDTH))


Block = tuple[str, ...]
"""Lines that stay on one page: a payee never stands apart from the address."""


def authorization(wanted: Authorization) -> tuple[Block, ...]:
    """What the officers signed, to be shown in pages."""
    return (
        *paid(wanted),
        (
            *field("worth", wanted.reference_value.shown),
            *field("fee cap", format_btc(wanted.fee_cap)),
            *replaces(wanted),
            *field("purpose", wanted.purpose),
            *field("valid", f"{wanted.not_before} to {wanted.expires}"),
        ),
    )


def paid(wanted: Authorization) -> tuple[Block, ...]:
    """Each payment that was authorized: who, where, how much; their sum if they are several. Of a consolidation, that nobody is paid;
    of a sweep, from which key to which."""
    if wanted.kind == "sweep":
        return ((*field("payees", "none: a sweep"), *field("amount", SWEEP), *sweep(wanted)),)
    if not wanted.payments:
        return ((*field("payees", "none: a consolidation"), *field("amount", CONSOLIDATION), *field("coins", f"at most {wanted.coins}")),)
    several = len(wanted.payments) > 1
    blocks = [
        (
            *field(f"payee {number}" if several else "payee", each.payee),
            *field("address", grouped(each.destination)),
            *field("amount", format_btc(each.amount)),
        )
        for number, each in enumerate(wanted.payments, start=1)
    ]
    return (*blocks, *([field("sum", f"{format_btc(wanted.amount)} in {len(wanted.payments)} payments")] if several else ()))


def as_lines(blocks: Iterable[Block]) -> tuple[str, ...]:
    """The lines of all blocks."""
    return tuple(line for block in blocks for line in block)


def replaces(wanted: Authorization) -> tuple[str, ...]:
    """The transactions that this one can never be mined beside, and the voided transfers that its signers know of (BRD-06)."""
    named = (line for txid in wanted.replaces for line in field("REPLACES", f"{grouped(txid)}, which can then never be mined"))
    known = (line for number in wanted.aware_of for line in field("BEWARE", f"transfer {number} {UNSURE}"))
    return (*named, *known)


UNSURE = "was voided without the notes of two people: it may have signed a payment to this payee, which its record then lacks"


CONSOLIDATION = "nothing leaves but the fee: everything returns to our own account"
SWEEP = "everything of the former key goes to our new key; nothing leaves but the fee"


def nobody_paid(wanted: Authorization) -> str:
    """What a transaction is for that pays nobody."""
    return SWEEP if wanted.kind == "sweep" else CONSOLIDATION


def sweep(wanted: Authorization) -> tuple[str, ...]:
    """Of a sweep: both sets by their identifiers, and the whole address of the new key that takes all of it."""
    assert wanted.key_record is not None  # noqa: S101 (a sweep has all three: transfer.authorization)
    assert wanted.to is not None  # noqa: S101
    return (
        *field("from", f"our former key, set {wanted.key_record[:20]}"),
        *field("TO OUR NEW KEY", f"set {wanted.to[:20]}"),
        *field("address 0/0", grouped(wanted.address or "")),
    )


def payment(amount: int, destination: str) -> tuple[str, ...]:
    """Who gets how much: stands wherever somebody signs or types a point of no return."""
    return (*field("PAY", format_btc(amount)), *field("to", grouped(destination)))


def at_stake(wanted: Authorization) -> tuple[str, ...]:
    """What stands wherever somebody signs or types a point of no return: one payment whole, or the sum of several, which were
    reviewed one by one and which the words stand for."""
    if wanted.kind == "sweep":
        return (*field("MOVE", SWEEP), *sweep(wanted))
    if not wanted.payments:
        return field("PAY", CONSOLIDATION)
    if len(wanted.payments) == 1:
        return payment(wanted.amount, wanted.payments[0].destination)
    return (*field("PAY", f"{format_btc(wanted.amount)} in {len(wanted.payments)} payments, each as reviewed:"), *_sums(wanted))


def _sums(wanted: Authorization) -> tuple[str, ...]:
    """Payees with their amounts, as many as leave room on the screen; the rest is counted, and nothing of it is cut."""
    told = [f"{each.payee} {format_btc(each.amount)}" for each in wanted.payments]
    left = f"and {len(told) - _SHOWN} more, {format_btc(sum(p.amount for p in wanted.payments[_SHOWN:]))} together"
    return tuple(line for each in (*told[:_SHOWN], *((left,) if told[_SHOWN:] else ())) for line in field("", each))


_SHOWN = 4


def review(seen: Review, names: Mapping[str, str] = MappingProxyType({})) -> tuple[Block, ...]:
    """What the bytes of the signing request say, and nothing else (TXN-02), to be shown in pages.

    `names`: address -> the payee's name in the policy, in the order of the authorization, in which payments are shown and
    numbered then, as on the payee slip; those of other addresses come after them."""
    order = {address: at for at, address in enumerate(names)}
    found = sorted(seen.payments, key=lambda paid: (order.get(paid.address, len(order)), paid.index))
    total = sum(paid.amount for paid in found)
    several = [field("PAY IN ALL", f"{format_btc(total)} in {len(found)} payments")] if len(found) > 1 else []
    back = [
        line
        for change in seen.change
        for line in (*field("change", format_btc(change.amount)), *field(f"own {change.path}", grouped(change.address)))
    ]
    return (
        *(_paid(paid, number, len(found), names) for number, paid in enumerate(found, start=1)),
        *(several if found else [_swept(seen) if seen.swept else field("PAY", CONSOLIDATION)]),
        *([tuple(back)] if back else []),
        (
            *field("fee", f"{format_btc(seen.fee)} ({format_rate(seen.rate)})"),
            *field("spends", f"{len(seen.inputs)} coin(s), {format_btc(sum(i.amount for i in seen.inputs))} in all"),
            *field("network", f"{seen.chain} {seen.network}, account {seen.account}"),
            *field(
                "locktime", f"{seen.locktime}; sequence {', '.join(sorted({f'{s:08x}' for s in seen.sequences}))}; version {seen.version}"
            ),
        ),
    )


def _swept(seen: Review) -> Block:
    """The one output of a sweep, which both readers re-derived from the account of the key in use."""
    (output,) = seen.swept
    return (*field("TO OUR NEW KEY", format_btc(output.amount)), *field(f"its {output.path}", grouped(output.address)))


def _paid(paid: Payment, number: int, count: int, names: Mapping[str, str]) -> Block:
    """One output that leaves the account, under its payee's name if there is one."""
    label = f"payee {number}" if count > 1 else "payee"
    return (*(field(label, names[paid.address]) if paid.address in names else ()), *payment(paid.amount, paid.address))


def board(plan: Plan, opened: Collection[str], invited: Collection[str]) -> tuple[str, ...]:
    """Sites and custodians: which shares are open, who is here, what is still missing; up to nine sites of nine fit the screen."""
    wide = max(site.members for site in plan.sites) <= _SPELT_OUT
    names, legend = (_WORDS, ()) if wide else (_LETTERS, ("  O open, w waiting, - not here",))
    rows = []
    for site in plan.sites:
        positions = [f"{site.letter}{number}" for number in range(1, site.members + 1)]
        states = (names[0 if p in opened else 1 if p in invited else 2] for p in positions)
        cells = "  ".join(f"{position} {state}" for position, state in zip(positions, states, strict=True))
        count = sum(position[0] == site.letter for position in opened)
        rows.append(f"  {cells} {count} of {site.threshold}{'  site open' if count >= site.threshold else ''}")
    enough = sum(sum(p[0] == s.letter for p in opened) >= s.threshold for s in plan.sites)
    return (*rows, *legend, f"  sites open: {enough} of {plan.site_threshold} needed")


_SPELT_OUT = 4
"""Custodians of a site, each with a word; with more of them, letters and a legend."""
_WORDS, _LETTERS = ("OPEN    ", "waiting ", "-       "), ("O", "w", "-")


def listed(title: str, items: Sequence[str]) -> tuple[str, ...]:
    """A title and one indented line for each item."""
    lines = [title]
    for item in items:
        lines += ["  - " + line if at == 0 else "    " + line for at, line in enumerate(wrap(item, WIDTH - 4))]
    return tuple(lines)
