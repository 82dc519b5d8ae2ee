"""Custody on the screen: one record as its people sign it, and where every share is. Pure, at most 78 columns, no colour needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from ceremony.base.show import wrap
from ceremony.record.charter import Charter
from ceremony.record.custody import APPROVED, CustodyRecord, must_sign
from ceremony.record.drills import day
from ceremony.record.former import Former
from ceremony.record.retired import Retired
from ceremony.record.survival import SURVIVES, compel, freeze, survives, why
from ceremony.record.whereabouts import WHERE, Custody, Late, Question, Share, Whereabouts, overdue, undecided
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
    names = {member.person: member.name for member in charter.people}
    return f"{name} {names.get(name, '(in the charter no more)')}"


def record_lines(found: CustodyRecord, charter: Charter, where: Whereabouts, signers: tuple[str, ...] = ()) -> tuple[str, ...]:
    """One record whole, and who must sign it. `where`: says which key its set is of."""
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
        "set": found.set_identifier and f"{found.set_identifier}, {_which(where, found.set_identifier)}",
        "to be signed by" if lacking else "signed by": ", ".join(lacking or signers),
    }
    head = f"{found.mark.upper()}  custody record {found.identifier}"
    return (head, "".ljust(WIDTH, "="), *(line for name, value in told.items() if value for line in field(name, value)))


def _which(where: Whereabouts, identifier: str) -> str:
    if identifier == where.in_use.set_identifier:
        return "in use"
    return "RETIRED" if identifier in where.retired else "of a FORMER KEY" if identifier in where.sets else "not known here"


# --- where every share is ---------------------------------------------------------------------------------------------------

LETTERS = "S safe  C custodian  M moving  L lost  G gone  P cannot be opened", "F a former custodian's passphrase  ! overdue"
_PLACES = {"safe": "S", "custodian": "C", "moving": "M", "lost": "L", "destroyed": "G"}


def letter(share: Share) -> str:
    """One letter for one share: the worst that is known of it."""
    if share.place in ("lost", "destroyed"):
        return _PLACES[share.place]
    if share.orphaned:
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


def status(where: Whereabouts, charter: Charter, now: str, old: Sequence[Retired] = (), before: Sequence[Former] = ()) -> tuple[Block, ...]:
    """The picture, what the key survives today, what is overdue; the same of each former key (`before`) until it is empty; the retired
    sets (`old`); then each position. Blocks that stay on one page."""
    custody = where.in_use
    head = f"{charter.mark.upper()}  custody of set {custody.set_identifier}"
    return (
        (head + f"{now[:16].replace('T', ' ')} UTC".rjust(WIDTH - len(head)), "".ljust(WIDTH, "=")),
        (*grid(custody, charter, now), *(f"  {line}" for line in LETTERS)),
        _survived(custody),
        *late_lines(custody, now),
        *(block for each in before for block in _former(each, where.sets[each.key.identifier], now)),
        *(field("RETIRED", _existing(each)) for each in old),
        *(_row(share, now) for _, share in sorted(custody.shares.items())),
        *(block for each in before if not each.empty for block in _former_rows(where.sets[each.key.identifier], now)),
        *(field(f"safe {site}", " and ".join(person(charter, p) for p in two)) for site, two in sorted(where.safes.items())),
    )


def _former(each: Former, custody: Custody, now: str) -> tuple[Block, ...]:
    """What still lies at a former key is moved by its shares alone; once it is empty no more is asked than that they are destroyed."""
    left = sorted(custody.shares.keys() - custody.destroyed)
    if each.empty:
        told = f"set {custody.set_identifier}: empty. {_MAY_GO}: {' '.join(left)}."
        return (field("former key", told),) if left else ()
    state = "swept, not known to be empty" if each.sweep else "NOT SWEPT YET"
    told = f"set {custody.set_identifier}: {state}. Its shares alone move what lies there: keep them until it is empty. Today:"
    return ((*field("FORMER KEY", told), *grid(custody, each.charter, now)), _survived(custody, former=True), *late_lines(custody, now))


_MAY_GO = "Once nobody pays to it any more, its shares may be destroyed (`ceremony custody destroyed --set ...`)"


def _former_rows(custody: Custody, now: str) -> tuple[Block, ...]:
    first, *more = (_row(share, now) for _, share in sorted(custody.shares.items()))
    return ((f"Of the former key, set {custody.set_identifier}:", *first), *more)


def left_over(left: Mapping[str, tuple[int, ...]]) -> str:
    """`A1 number 1; B2 numbers 1, 3`: older sealed shares that may exist."""
    return "; ".join(f"{p} number{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}" for p, numbers in left.items())


def not_removed(left: Mapping[str, tuple[int, ...]]) -> tuple[Block, ...]:
    """SEC-01: position -> numbers of older sealed shares that were not removed when newer ones took their place; nothing if none."""
    told = (
        f"{left_over(left)} may exist. Each opens with its passphrase of then, and is the share of its position. Find and destroy it; if "
        "others may have it, reshare."
    )
    return (field("NOT REMOVED", told),) if left else ()


def _existing(each: Retired) -> str:
    """SEC-05: what may still exist of a retired set, and what that means."""
    return f"set {each.identifier} ({each.told}): {' '.join(each.may_exist) or 'nothing'} may still exist. {each.advice}"


def _survived(custody: Custody, *, former: bool = False, lost: Collection[str] = ()) -> Block:
    """What can be lost yet, so that enough can be opened; and, if they alone are enough, the shares that somebody else may have."""
    (title, told), theirs = survives(custody, lost), sorted(custody.missing | set(lost))
    lines = [line for each in told for line in _item(each)]
    if custody.of.enough(theirs):
        lines += _item(
            f"THE SHARES THAT ARE MISSING ARE A QUORUM ({' '.join(theirs)}): {_safe(custody, lost, former=former)} (SEC-05).", "  ! "
        )
    return (f"{'Former key. ' if former else ''}{title}:", *lines)


def _safe(custody: Custody, lost: Collection[str], *, former: bool) -> str:
    """What still helps when somebody else may have a quorum: to be faster than they; with no quorum of one's own, only to find them."""
    if not custody.of.enough(custody.existing - set(lost)):
        return "whoever has them can move everything, and you cannot move it first; find them"
    return "only sweeping it now is safe" if former else "only a new key and a sweep are safe"


def _item(text: str, start: str = "  - ") -> tuple[str, ...]:
    first, *rest = wrap(text, WIDTH - len(start))
    return (f"{start}{first}", *(" " * len(start) + line for line in rest))


def late_lines(custody: Custody, now: str) -> tuple[Block, ...]:
    """What is overdue, and what waits for a decision; one block for all of whom the same is said."""
    late, asked = _due(custody, now)
    whose: dict[tuple[str, str], list[str]] = {}
    for each in late:
        whose.setdefault(("  OVERDUE ", f"{each.control} {each.what}"), []).append(each.position)
    for position, question in asked:
        whose.setdefault(("  DECIDE  ", f"by {_by(question.since)}: {question.what}"), []).append(position)
    return tuple(_item(f"{' '.join(positions)} {what}", start) for (start, what), positions in whose.items())


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


def loss(custody: Custody, charter: Charter, positions: tuple[str, ...], *, former: bool = False) -> tuple[str, ...]:
    """What the key survives once these shares are lost: quorums left, by site and country; and what whoever finds them needs more.

    `charter`: one that has the sites of this set. `former`: it is of a former key."""
    plan, able, there = custody.of, custody.able - set(positions), custody.existing - set(positions)
    places = {site.letter: site.jurisdiction for site in charter.sites}
    theirs = custody.missing | set(positions)
    needed = still_needed(plan, theirs)
    openable = plan.sites_open(able)
    finder = f"Whoever has {' '.join(sorted(theirs))} and their passphrases needs {needed} shares more for a quorum."
    decide = "reshare, a new key and a sweep, or accept (`ceremony custody decision`)"
    if former:
        decide = "sweep the former key, or accept (`ceremony custody decision --set ...`)"
    sentences = (
        f"{quorums(plan, able)} of {quorums(plan, plan.positions)} smallest quorums are left, at sites {' '.join(openable) or 'none'}.",
        *((finder,) if needed else ()),
        "A sealed share alone opens nothing: its passphrase can only be guessed (STO-05).",
        *(compel(compelling(plan, places, there), tuple(places.values())) if there else ()),
        *freeze(freezing(plan, places, able), tuple(places.values())),
        f"Both officers decide within 14 days: {decide}.",
    )
    return (*_survived(custody, former=former, lost=positions), "", *(line for each in sentences for line in _item(each)))


def unable(custody: Custody, *, former: bool = False) -> tuple[str, ...]:
    """Before anything is opened: who cannot open their share, why, and who else of their site can; a sentence for each."""
    return tuple(_unable(custody, share, former=former) for _, share in sorted(custody.shares.items()) if not share.able)


def _unable(custody: Custody, share: Share, *, former: bool) -> str:
    site = custody.of.site(share.position[0])
    others = [p for p in site.positions if custody.shares[p].able]
    reason = f"{why(share)}, {share.told}"
    if share.orphaned:
        reason = "its custodian was replaced, and only they know its passphrase"
    can = f"at site {site.letter} {' '.join(others) or 'nobody'} can, and {site.threshold} are needed"
    return f"{share.position} cannot open their share{' of the former key' if former else ''}: {reason}. Do not count on them; {can}."


FINE = "nothing is overdue, nothing waits for a decision"


def brief(where: Whereabouts, now: str, before: Sequence[Former] = ()) -> tuple[str, str]:
    """Two lines for the screen that everybody opens first: what the key survives, and what is overdue or to be decided; of a former key,
    too, until it is empty."""
    title, told = survives(where.in_use)
    decisions, others = list[str](), list[str]()
    for whose, custody in (("", where.in_use), *(("former key, ", where.of(each.key.identifier)) for each in before if not each.empty)):
        late, asked = _due(custody, now)
        decisions += [f"{whose}{each.position} {each.what}" for each in late if each.control == "STO-07"]
        decisions += [f"{whose}{p}: decide by {_by(q.since)}, {q.what}" for p, q in asked]
        others += [f"{whose}{each.position} {each.what}" for each in late if each.control != "STO-07"]
    worst = [*decisions, *others]
    more = f", and {len(worst) - 1} more" if len(worst) > 1 else ""
    return ("; ".join(told) if title == SURVIVES else f"{title}: {told[0]}", (worst[0] + more) if worst else FINE)
