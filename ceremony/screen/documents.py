"""Screens for the documents that people sign: charter, policy, authorization. Pure: data in, lines of at most 78 columns out.

What an officer must compare stands on one screen of 80 by 24, in the order in which money is lost: who, where, how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ceremony.base.amounts import format_btc, format_rate, grouped, show_percent
from ceremony.base.show import wrap
from ceremony.base.words import spoken_rows
from ceremony.record.charter import UNCERTIFIED, Certificate, Charter, Hsm, fingerprint, freezers
from ceremony.record.order import ShareOrder, ordered
from ceremony.screen.panels import CONSOLIDATION, SWEEP, replaces, sweep
from transfer.authorization import Authorization
from transfer.limits import Policy, Spent, spent_in_window

WIDTH = 78
LABEL = 14


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says: its control, what was checked, and the refusal's first line if it refused."""

    identifier: str
    checked: str
    refusal: str | None = None


def field(name: str, value: str) -> tuple[str, ...]:
    """A named value, wrapped under itself."""
    lines = wrap(value, WIDTH - LABEL) or [""]
    if len(name) >= LABEL:
        return (name, *(" " * LABEL + line for line in lines))
    return (f"{name:<{LABEL}}{lines[0]}", *(" " * LABEL + line for line in lines[1:]))


def digest(value: str) -> tuple[str, ...]:
    """A digest in hexadecimal and as words, four in a line, to be read aloud."""
    return (*field("digest", value), *(f"  {row}" for row in spoken_rows(value)))


def title(mark: str, what: str, signers: Sequence[str]) -> str:
    """The first line: practice or production, which document, and who has signed it (AUT-09)."""
    left, right = f"{mark.upper()}  {what}", "signed by " + (", ".join(signers) or "nobody yet")
    return left + right.rjust(max(WIDTH - len(left), len(right) + 2))


def charter_screen(charter: Charter, signers: Sequence[str]) -> tuple[str, ...]:
    """A charter whole: sites, people with their names, accounts, HSM, digest."""
    sites = [f"{s.letter} {s.name}, {s.jurisdiction}, {s.threshold} of {_count(charter, s.letter)}" for s in charter.sites]
    freeze = ", ".join(freezers(charter)) or "none"
    return (
        title(charter.mark, f"charter {charter.number}: {charter.organisation}", signers),
        *field("sites", f"any {charter.site_threshold} of " + "; ".join(sites)),
        *_packed("people", [f"{m.person} {m.name}" for m in charter.people]),
        *(field("verified", f"at each signature, by their security keys: {', '.join(asked)}") if (asked := charter.verified) else ()),
        *(line for a in charter.accounts for line in field("account", f"{a.name}: {a.chain} {a.network}, {a.path}")),
        *field("HSM", _hsm(charter.hsm)),
        *field("machine", f"{_machine(charter)}; shares on {' or '.join(charter.media)}"),
        *field("rules", f"{charter.scheme}, KDF {charter.kdf}, vault {charter.vault_minutes} min, {_officers(charter)}"),
        *field("jurisdictions", f"{'EXCEPTED' if charter.exceptions else 'none can compel a quorum'}; able to freeze the funds: {freeze}"),
        *(line for made in charter.exceptions or () for line in field(f"EXC. {made.control}", f"{made.happened}; {made.decided}")),
        *digest(charter.digest),
    )


def machine_screen(charter: Charter) -> tuple[str, ...]:
    """The cold host as the charter has it: the image that it starts from, and every USB device that it may have (AIR-03, SET-02)."""
    image = digest(charter.boot) if charter.boot else ("no boot image: nothing says what the cold host starts from",)
    rows = [f"  {d.vendor}:{d.product}  {d.what:<9}{d.when:<7} serial {d.serial}" for d in charter.devices]
    return (
        f"{charter.mark.upper()}  charter {charter.number}: the cold host",
        *field("it stands at", f"{charter.room}, where ceremonies are held"),
        "boot image, its SHA-256 taken on another machine:",
        *image,
        "USB devices (any other is refused; `asked`: only while a step asks for it):",
        *(line for row in rows or ["  none"] for line in wrap(row, WIDTH, subsequent_indent=" " * 29)),
    )


def hsm_certificate(stated: Certificate) -> str:
    """The HSM's certificate in words."""
    return "no certificate" if stated == UNCERTIFIED else f"certificate {stated.number}, {stated.standard}, level {stated.level}"


def _hsm(hsm: Hsm) -> str:
    named = f"{hsm.label}, serial {hsm.serial}, {hsm.manufacturer} {hsm.model}"
    return f"{named}, firmware {hsm.firmware}, {hsm_certificate(hsm.certificate)}"


def _machine(charter: Charter) -> str:
    count = len(charter.devices)
    return f"{'a' if charter.boot else 'no'} boot image, {count or 'no'} USB device{'' if count == 1 else 's'}"


def policy_screen(policy: Policy, signers: Sequence[str]) -> tuple[str, ...]:
    """A policy whole: every payee with its whole address, every limit, digest."""
    payees = [
        line
        for p in policy.payees
        for line in (*field(p.name, f"{p.note} ({p.network}, added {p.added})"), *field("", grouped(p.destination)))
    ]
    cool_off = f"{policy.cool_off_hours} hours" if policy.cool_off_hours else "NONE: a new payee can be paid at once"
    return (
        title(policy.mark, f"policy {policy.number}, issued {policy.issued}", signers),
        *payees,
        *field("cool-off", cool_off),
        *field("per transfer", f"at most {format_btc(policy.per_transfer)}"),
        *field(f"in {policy.window_days} days", f"at most {format_btc(policy.per_window)}"),
        *field("fee cap", f"{format_btc(policy.fee_cap)} per transfer, and {format_rate(policy.fee_rate_cap)}"),
        *field("validity", f"an authorization lives at most {policy.validity_days} days"),
        *digest(policy.digest),
    )


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account holds, by a snapshot that was checked against the key record: satoshi, in so many coins, at this block."""

    amount: int
    coins: int
    height: int


def authorization_screen(  # noqa: PLR0913, PLR0917 (the document, the policy, who signed, what is known besides, the moment)
    wanted: Authorization, policy: Policy, signers: Sequence[str], spent: Sequence[Spent] | None, balance: Balance | None, now: str
) -> tuple[str, ...]:
    """What an officer reads before signing, in this order: payee, whole address, amount, worth, fee cap, what stays, limits
    before and after, validity, whose order for what, register head, digest.

    `spent` is what the register has granted so far, or None where no register is at hand; `balance` None without a snapshot."""
    fee = format_btc(wanted.fee_cap)
    return (
        title(wanted.mark, f"{'authorization' if wanted.payments else wanted.kind.upper()} {wanted.identifier}", signers),
        *_payments(wanted, policy),
        *replaces(wanted),
        *field("worth", wanted.reference_value.shown),
        *field("fee cap", f"{fee}, {show_percent(wanted.fee_cap, wanted.amount)} of the amount" if wanted.amount else fee),
        *field("stays", _stays(wanted, balance)),
        *field("limits", _window(wanted, policy, spent, now)),
        *field("valid", f"{wanted.not_before} to {wanted.expires}"),
        *field("from", f"{wanted.account} ({wanted.chain} {wanted.network}), asked for by {wanted.requester}"),
        *field("purpose", wanted.purpose),
        *field("register head", wanted.register_head),
        *digest(wanted.digest),
    )


def _payments(wanted: Authorization, policy: Policy) -> tuple[str, ...]:
    """Payee, whole address, amount of each payment, and the sum if they are several; of a consolidation, that nobody is paid; of a
    sweep, from which key to which."""
    if wanted.kind == "sweep":
        return (*field("amount", SWEEP), *sweep(wanted))
    if not wanted.payments:
        return (
            *field("payees", "none: at most " + f"{wanted.coins} coins, the smallest, go to one own address"),
            *field("amount", CONSOLIDATION),
        )
    several, lines, most = len(wanted.payments) > 1, list[str](), f"at most {format_btc(policy.per_transfer)} per transfer"
    for number, each in enumerate(wanted.payments, start=1):
        payee = policy.payee(each.payee)
        lines += field(f"payee {number}" if several else "payee", each.payee + (f" ({payee.note})" if payee else ""))
        amount = format_btc(each.amount)
        lines += (*field("address", grouped(each.destination)), *field("amount", amount if several else f"{amount} ({most})"))
    return (*lines, *(field("sum", f"{format_btc(wanted.amount)} in {len(wanted.payments)} payments ({most})") if several else ()))


_PEOPLE_DO = {
    "reseal": "Each of them opens their own share alone, with the witness, and locks it under a new passphrase or onto another "
    "medium. The new one is opened once more before the old one is destroyed.",
    "reshare": "A quorum opens; the key is recovered, compared and split anew; every custodian of the charter in force locks a new "
    "share; all sign the new key record; old shares are destroyed.",
    "new-key": "Every custodian of the charter in force locks a share of a new key, in one sitting. The key of today can then only be "
    "swept: a transfer of its own moves everything to the new one.",
}
_STAYS = {
    "reseal": "The key, its addresses, the set, every other share. A copy that was made before still opens with the passphrase of "
    "before: against that only resharing or a new key helps.",
    "reshare": "The key and its addresses. Old shares that are not destroyed still are shares of this key: if enough of them may be in "
    "wrong hands, only a new key and a sweep are safe.",
    "new-key": "Nothing: addresses change, and what is sent to the old ones later must be swept again.",
}


def order_explained(order: ShareOrder) -> tuple[str, ...]:
    """What a share order does, in words: what people will do, what stays as it is, who asked for it and why."""
    return (
        *field("ORDERED", ordered(order.kind, order.positions)),
        *field("people", _PEOPLE_DO[order.kind]),
        *field("stays", _STAYS[order.kind]),
        *field("because", order.reason),
        *field("asked for by", order.requester),
        *field("valid", f"{order.not_before} to {order.expires}, once"),
    )


def order_screen(order: ShareOrder, signers: Sequence[str]) -> tuple[str, ...]:
    """What an officer reads before signing a share order, whole."""
    return (
        title(order.mark, f"share order {order.identifier}", signers),
        *order_explained(order),
        *field("set", f"{order.key_record[:20]} (in use when it was drafted)"),
        *field("register head", order.register_head),
        *digest(order.digest),
    )


def verdicts(found: Sequence[Verdict]) -> tuple[str, ...]:
    """One line for each check, wrapped under itself if it must be."""
    lines: list[str] = []
    for verdict in found:
        start = f"{verdict.identifier:<8}{'held' if verdict.refusal is None else 'REFUSED':<9}"
        lines += wrap(verdict.refusal or verdict.checked, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
    return tuple(lines)


def _stays(wanted: Authorization, balance: Balance | None) -> str:
    """What is left in the account after the amount and the fee cap; it may be more, since the fee may be less."""
    if balance is None:
        return "not known here: give --snapshot"
    if wanted.kind == "sweep":
        return f"nothing that can be spent, of {_bare(balance.amount)} in {balance.coins} coin(s), block {balance.height}"
    held, left = f"{_bare(balance.amount)} in {balance.coins} coin(s), block {balance.height}", balance.amount - wanted.amount
    if left < wanted.fee_cap:
        return f"NOT ENOUGH: the account holds {held}"
    return f"{format_btc(left - wanted.fee_cap)} or more, of {held}"


def _window(wanted: Authorization, policy: Policy, spent: Sequence[Spent] | None, now: str) -> str:
    limit = format_btc(policy.per_window)
    if spent is None:
        return f"{policy.window_days} days: at most {limit}; counted on the cold host"
    before = spent_in_window(policy, spent, now)
    return f"{policy.window_days} days: {_bare(before)} before, {_bare(before + wanted.amount)} after, of {limit}"


def _bare(amount: int) -> str:
    return format_btc(amount).removesuffix(" BTC")


def _count(charter: Charter, letter: str) -> int:
    return sum(person[0] == letter for person in charter.custodians)


def _officers(charter: Charter) -> str:
    said = "officers approve each request" if charter.officers_approve == "yes" else "officers authorize only"
    return said + (", PIN typed in halves" if charter.pin_halves == "yes" else "")


def _packed(name: str, cells: Sequence[str]) -> tuple[str, ...]:
    """Two cells in a line where both fit, one where not; nothing is cut off."""
    half, lines = (WIDTH - LABEL) // 2, [""]
    for cell in cells:
        if lines[-1] and len(lines[-1]) < half and len(cell) <= half:
            lines[-1] = f"{lines[-1]:<{half}}{cell}"
        else:
            lines.append(cell)
    return tuple(f"{name if at == 0 else '':<{LABEL}}{line}" for at, line in enumerate(lines[1:]))


def keys_screen(charter: Charter) -> tuple[str, ...]:
    """Each person's key as `ssh-keygen -l` shows it, to be compared with what they say themselves."""
    return tuple(f"{m.person:<{LABEL}}{fingerprint(m.key)}" for m in charter.people)
