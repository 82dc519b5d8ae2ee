"""Custody on the screen: one record as its people sign it, and where every share is. Pure, at most 78 columns, no colour needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from types import MappingProxyType

from ceremony.record.charter import Charter
from ceremony.record.custody import APPROVED, CustodyRecord, must_sign
from ceremony.record.drills import day
from ceremony.record.former import Former
from ceremony.record.retired import Retired
from ceremony.record.survival import SURVIVES, compel, freeze, survives
from ceremony.record.whereabouts import WHERE, Custody, Late, Question, Share, overdue, undecided
from ceremony.screen.panels import WIDTH, Block, field
from shares.survival import compelling, freezing, quorums, still_needed
from transfer.limits import moment

TOLD: Mapping[str, str] = MappingProxyType(
    {
        "safe": "a safe, and the two people without whom it is not opened",
        "out": "out of the safe",
        "in": "into the safe",
        "hand-over": "handed over, to be carried",
        "arrived": "arrived, and signed for",
        "lost": "LOST",
        "found": "found again",
        "destroyed": "destroyed before two people",
        "decision": "what both officers decided",
    }
)
"""Event -> what people call it."""


def person(charter: Charter, name: str) -> str:
    """`A1 Ada Arnold`: who did something stands there by full name (STO-03)."""
    return f"{name} {charter.member(name).name}"


def record_lines(found: CustodyRecord, charter: Charter, signers: tuple[str, ...] = ()) -> tuple[str, ...]:
    """One record whole, and who must sign it."""
    lacking = [p for p in must_sign(found) if p not in signers]
    if found.event in APPROVED and not {"cfo", "cto"} & set(signers) - set(must_sign(found)):
        lacking.append("cfo or cto, who approves")
    bags = [f"{position} in bag {bag}" for position, bag in sorted((found.bags or {}).items())]
    told = {
        "event": TOLD[found.event],
        "shares": ", ".join(bags) or " ".join(found.positions),
        "site": found.site and f"{found.site} {next((s.name for s in charter.sites if s.letter == found.site), '')}",
        "from, to" if found.event == "hand-over" else "by": ", ".join(person(charter, p) for p in found.people),
        "at": found.time,
        "carried by": found.carrier,
        "due": found.due,
        "its bag": found.state,
        "how": found.how,
        "DECISION": found.decision,
        "reason": found.reason,
        "set": found.set_identifier,
        "to be signed by" if lacking else "signed by": ", ".join(lacking or signers),
    }
    head = f"{found.mark.upper()}  custody record {found.identifier}"
    return (head, "".ljust(WIDTH, "="), *(line for name, value in told.items() if value for line in field(name, value)))


# --- where every share is ---------------------------------------------------------------------------------------------------

LETTERS = "S safe  C custodian  M moving  L lost  G gone  P cannot be opened", "F a former custodian's passphrase  ! overdue"
_PLACES = {"safe": "S", "custodian": "C", "moving": "M", "lost": "L", "destroyed": "G"}


def letter(share: Share) -> str:
    """One letter for one share: the worst that is known of it."""
    if share.place in ("lost", "destroyed"):
        return _PLACES[share.place]
    if share.former:
        return "F"
    return "P" if share.unopened and share.place != "moving" else _PLACES[share.place]


def grid(custody: Custody, charter: Charter, now: str) -> tuple[str, ...]:
    """One row for each site: its letter, a cell for each custodian, how many must open it; `!` where something is overdue."""
    late = {each.position for each in overdue(custody, now)}
    places = {site.letter: f"{site.name}, {site.jurisdiction}" for site in charter.sites}
    rows = []
    for site in custody.of.sites:
        cells = [f"{p} {letter(custody.shares[p])}{'!' if p in late else ' '}" for p in site.positions]
        can = sum(custody.shares[p].able for p in site.positions)
        state = f"{can} of {site.members} can open" + ("" if can >= site.threshold else f", needs {site.threshold}: SHUT")
        rows.append((" | ".join(cells), f"{state}  {places.get(site.letter, '')}"))
    wide = max(len(cells) for cells, _ in rows)
    return tuple(f"  {cells.ljust(wide)}  {state}"[:WIDTH].rstrip() for cells, state in rows)


def status(custody: Custody, charter: Charter, now: str, old: Sequence[Retired] = (), before: Sequence[Former] = ()) -> tuple[Block, ...]:
    """The picture, what the key survives today, what is overdue; the former keys (`before`) whose shares are needed still, and the
    retired sets (`old`); then each position. Blocks that stay on one page."""
    head = f"{charter.mark.upper()}  custody of set {custody.set_identifier}"
    return (
        (head + f"{now[:16].replace('T', ' ')} UTC".rjust(WIDTH - len(head)), "".ljust(WIDTH, "=")),
        (*grid(custody, charter, now), *(f"  {line}" for line in LETTERS)),
        _survived(custody),
        *late_lines(custody, now),
        *(field(f"FORMER {each.key.identifier[:7]}", _needed(each)) for each in before if not each.empty),
        *(field(f"RETIRED {each.identifier[:6]}", _existing(each)) for each in old),
        *(_row(share, now) for _, share in sorted(custody.shares.items())),
        *(field(f"safe {site}", " and ".join(person(charter, p) for p in two)) for site, two in sorted(custody.safes.items())),
    )


def _needed(each: Former) -> str:
    """What still lies at a former key is moved by its shares alone, and nothing above counts those."""
    state = "swept, not known to be empty" if each.sweep else "NOT SWEPT YET"
    return f"key of set {each.key.identifier}: {state}. Keep its shares until it is empty; this page does not count them."


def _existing(each: Retired) -> str:
    """SEC-05: what may still exist of a retired set, and what that means."""
    return f"set {each.identifier} ({each.told}): {' '.join(each.may_exist) or 'nothing'} may still exist. {each.advice}"


def _survived(custody: Custody, lost: Sequence[str] = ()) -> Block:
    title, told = survives(custody, lost)
    return (f"{title}:", *(line for each in told for line in _item(each)))


def _item(text: str, start: str = "  - ") -> tuple[str, ...]:
    first, *rest = wrap(text, WIDTH - len(start))
    return (f"{start}{first}", *(" " * len(start) + line for line in rest))


def late_lines(custody: Custody, now: str) -> tuple[Block, ...]:
    """What is overdue, and what waits for a decision; one block each."""
    late, asked = _due(custody, now)
    passed = [_item(f"{each.position} {each.control} {each.what}", "  OVERDUE ") for each in late]
    return (*passed, *(_item(f"{p} by {_by(q.since)}: {q.what}", "  DECIDE  ") for p, q in asked))


def _due(custody: Custody, now: str) -> tuple[Sequence[Late], Sequence[tuple[str, Question]]]:
    """What is overdue, and the questions that officers still have time for."""
    late = overdue(custody, now)
    done = {(each.position, each.what.partition(": ")[2]) for each in late}
    return late, [(p, question) for p, question in undecided(custody) if (p, question.what) not in done]


def _by(since: str) -> str:
    return day(since, 14)


def _row(share: Share, now: str) -> Block:
    days = (moment(now) - moment(share.since)).days
    proven = f"proven {share.proven[:10]}" if share.proven else "never proven"
    more = [share.unopened, "one signature on its bag" if share.alone else "", f"decided: {share.decided}" if share.decided else ""]
    line = f"{share.position} {WHERE[share.place]}, {share.told}, since {share.since[:10]} ({days} d), bag {share.bag or 'none'}, {proven}"
    text = "; ".join([line, *(each for each in more if each)])
    return tuple(wrap(text, WIDTH, subsequent_indent="   "))


def loss(custody: Custody, charter: Charter, positions: tuple[str, ...]) -> tuple[str, ...]:
    """What the key survives once these shares are lost: quorums left, by site and country; and what whoever finds them needs more."""
    plan, able, there = custody.of, custody.able - set(positions), custody.existing - set(positions)
    places = {site.letter: site.jurisdiction for site in charter.sites}
    theirs = custody.missing | set(positions)
    needed = still_needed(plan, theirs)
    openable = plan.sites_open(able)
    finder = (
        f"Whoever has {' '.join(sorted(theirs))} and their passphrases needs {needed} shares more for a quorum."
        if needed
        else f"THE SHARES THAT ARE MISSING ARE A QUORUM ({' '.join(sorted(theirs))}): only a new key and a sweep are safe (SEC-05)."
    )
    sentences = (
        f"{quorums(plan, able)} of {quorums(plan, plan.positions)} smallest quorums are left, at sites {' '.join(openable) or 'none'}.",
        finder,
        "A sealed share alone opens nothing: its passphrase can only be guessed (STO-05).",
        *(compel(compelling(plan, places, there), tuple(places.values())) if there else ()),
        *freeze(freezing(plan, places, able), tuple(places.values())),
        "Both officers decide within 14 days: reshare, a new key and a sweep, or accept (`ceremony custody decision`).",
    )
    return (*_survived(custody, positions), "", *(line for each in sentences for line in _item(each)))


FINE = "nothing is overdue, nothing waits for a decision"


def brief(custody: Custody, now: str) -> tuple[str, str]:
    """Two lines for the screen that everybody opens first: what the key survives, and what is overdue or to be decided."""
    title, told = survives(custody)
    late, asked = _due(custody, now)
    decisions = [f"{each.position} {each.what}" for each in late if each.control == "STO-07"]
    decisions += [f"{p}: decide by {_by(q.since)}, {q.what}" for p, q in asked]
    worst = [*decisions, *(f"{each.position} {each.what}" for each in late if each.control != "STO-07")]
    more = f", and {len(worst) - 1} more" if len(worst) > 1 else ""
    return ("; ".join(told) if title == SURVIVES else f"{title}: {told[0]}", (worst[0] + more) if worst else FINE)
