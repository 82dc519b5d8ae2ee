"""The screen that everybody opens first: where the register stands, and what to type next. At most 23 lines of 78 columns: the
shell's prompt needs one.

It says neither number nor head of the last ceremony: people read both from their closing slips, and no screen before that (ASM-05)."""

from __future__ import annotations

from ceremony.base.amounts import format_btc
from ceremony.base.words import spoken
from ceremony.record.drills import DUE, OVERDUE, Coming, day, days
from ceremony.record.entries import Step
from ceremony.record.former import Former
from ceremony.record.health import DECIDE
from ceremony.record.register import Ceremony
from ceremony.record.standing import Standing
from ceremony.record.whereabouts import Whereabouts
from ceremony.screen.custody import FINE, brief, left_over
from ceremony.screen.panels import WIDTH, field

LINES = 23
_WORDS = 4
BEGIN = (
    "No register here. A desk begins like this (`ceremony COMMAND --help` says more):",
    "  1  ceremony charter enrol, new, sign, check     people and their keys, the charter",
    "  2  ceremony policy new, sign, check             payees, limits, fee caps",
    "  3  ceremony keygen --register DIR ...           the key and its shares, one sitting",
    "  or ceremony demo --out DIR                      all of it, played by a rehearsed cast",
)
"""What bare `ceremony` says where there is no register."""


def screen(found: Standing, now: str, where: str) -> tuple[str, ...]:
    """One screen. `where`: the register's folder as it was typed, for what to type next."""
    book, charter = found.register, found.charter
    left = f"{charter.mark.upper()}  {charter.organisation}"
    last = [c for c in book.ceremonies if c.state.closed is not None][-1:]
    lines = [
        left[: WIDTH - 18] + f"{now[:16].replace('T', ' ')} UTC".rjust(WIDTH - len(left[: WIDTH - 18])),
        "".ljust(WIDTH, "="),
        *_short("genesis", " ".join(spoken(book.genesis, _WORDS)) + " ..."),
        *_short("last ended", f"{_how(last[0])}, {last[0].time[:10]}; the rest is on your closing slip" if last else "none"),
        *_short("OPEN" if found.open else "open", _open(found)),
        *_short("next", _next(found, where, now)),
        *_suspended(found),
        *_awaiting(found),
        *_void(found),
        *(line for each in found.formers for line in former_key(each, found.register.whereabouts)),
        *_limits(found),
        *_clock(found, now),
        *(coming(found.coming) if found.coming else ()),
        *_short("oldest proof", f"{found.oldest[0]}, {found.oldest[1][:10] or 'never'}" if found.oldest else "no share yet"),
        *(_custody(found, now) if found.key else ()),
        *(_short("RESHARE DUE", "; ".join(found.reshare)) if found.reshare else ()),
        *_left(found),
        *_retired(found),
    ]
    lines += _short("in force", _dates(found))
    return tuple(line[:WIDTH] for line in (*(*lines, *BRING)[: LINES - 1], NO_VERDICT))


BRING = (
    *field("custodians", "bring: own medium with the share, closing slip, watch"),
    *field("officers", "sign on their laptop; somebody else calls the payee"),
    *field("staff", "administrator: HSM, PIN, snapshot; witness: slip, watch"),
)
"""Who brings what: the same every time, so these lines give way when there is more to say than usual."""
NO_VERDICT = "Chain and files read. This is no verdict: `ceremony audit verify` verifies."


def _short(name: str, value: str) -> tuple[str, ...]:
    """A field in one line: what is longer is cut, and the report has it whole."""
    (line, *rest) = field(name, value)
    return (line[: WIDTH - 4].rsplit(" ", 1)[0] + " ..." if rest and len(line) + 4 > WIDTH else line + " ..." if rest else line,)


def _how(last: Ceremony) -> str:
    closed = last.state.closed
    return f"{last.kind} (VOID)" if closed is not None and closed.outcome == "void" else last.kind


def _open(found: Standing) -> str:
    if found.open is None:
        return "nothing"
    steps = [body.title for body in found.open.state.all(Step)]
    return f"{found.open.kind}, " + (f"after the step {steps[-1]!r}" if steps else "in its first step")


def _next(found: Standing, where: str, now: str) -> str:
    if found.open is not None and found.open.kind in ("keygen", "reshare") and found.open.state.file("key-record") is not None:
        return f"ceremony resume --register {where} ..., or void if it says so"
    if found.open is not None:
        prepared = found.open.kind == "transfer" and any(s.title == "Signing request" for s in found.open.state.all(Step))
        return f"ceremony {'transfer' if prepared else 'resume'} --register {where} ..."
    if not found.key:
        return f"ceremony keygen --register {where} ..."
    if found.reshare:
        return "ceremony shares order draft, then ceremony shares reshare"
    if found.awaiting:
        return "ceremony online receipt ..., then ceremony online close ..."
    if any(not each.sweep for each in found.formers):
        return "ceremony authorize draft --sweep, then ceremony prepare"
    if found.clock and days(found.clock, now) > OVERDUE:
        return f"ceremony drill --register {where} ..."
    return "ceremony authorize draft ..., then ceremony prepare ..."


def _suspended(found: Standing) -> tuple[str, ...]:
    """STO-07: whose key signs nothing, by whom, since when and why; one line for each of the first two."""
    told = [each.brief for each in found.register.suspended.undecided(found.charter)]
    more = ("SUSPENDED", f"{len(told) - 2} more: `ceremony audit verify` names them") if len(told) > 2 else ()
    lines = [("SUSPENDED", each) for each in told[:2]] + ([more] if more else [])
    return tuple(line for name, value in lines for line in _short(name, value))


def _awaiting(found: Standing) -> tuple[str, ...]:
    told = [f"{txid[:16]}..." if txid else "one not assembled yet" for _, txid in found.awaiting]
    more = f", and {len(told) - 2} more" if len(told) > 2 else ""
    return _short(
        "UNRESOLVED" if told else "unresolved", ("no receipt yet: " + "; ".join(told[:2]) + more) if told else "nothing awaits a receipt"
    )


def _void(found: Standing) -> tuple[str, ...]:
    if not found.void:
        return ()
    numbers = ", ".join(map(str, found.void))
    return _short("VOID CLAIM", f"transfer {numbers}: may have signed before it was voided; its coins stay held")


def former_key(found: Former, where: Whereabouts) -> tuple[str, ...]:
    """Whether a former key was swept, and whether something is left there; a late deposit needs another sweep. Before that, whether its
    shares are enough, in the wrong hands or in the right ones (SEC-05)."""
    if not found.sweep:
        custody = where.of(found.key.identifier)
        worst = ", ENOUGH ARE MISSING" if custody.of.enough(custody.missing) else ""
        worst = worst or ("" if custody.of.enough(custody.able) else ", NO QUORUM TODAY")
        return _short("FORMER KEY", f"set {found.key.identifier}: NOT SWEPT YET{worst}")
    if not found.settled:
        return _short("former key", f"set {found.key.identifier}: swept {found.time[:10]}, no receipt yet")
    left = found.stays.told if found.stays else ()
    if found.empty:
        return _short("former key", f"set {found.key.identifier}: swept {found.time[:10]}, empty then")
    return _short("FORMER KEY", f"set {found.key.identifier}: not empty, sweep again: {'; '.join(left)}")


def _limits(found: Standing) -> tuple[str, ...]:
    policy = found.policy
    if policy is None:
        return _short("limits", "no policy yet")
    left = max(0, policy.per_window - found.used)
    return _short("limits", f"{format_btc(left)} left of {format_btc(policy.per_window)} in {policy.window_days} days")


def decide(position: str, time: str, why: str, now: str) -> str:
    """What a share that did not prove healthy asks of the officers."""
    until = day(time, DECIDE)
    due = f"decide by {until}" if now[:10] <= until else f"decision OVERDUE since {until}"
    return (
        f"The share of {position} did not prove healthy on {time[:10]}: {why}. Officers, {due}: let it be proven again (the "
        "right card, the right passphrase), or reshare (`ceremony shares reshare`). Until then count on its site without it."
    )


def _clock(found: Standing, now: str) -> tuple[str, ...]:
    if not found.clock:
        return _short("drill", "the clock begins with the key")
    gone = days(found.clock, now)
    if gone > OVERDUE:
        return _short("DRILL OVERDUE", f"since {day(found.clock, OVERDUE)}: no ordinary transfer is prepared (DRL-01)")
    state = "DUE NOW" if gone >= DUE else f"due from {day(found.clock, DUE)}"
    return _short("drill", f"{state}, {OVERDUE - gone} days left, overdue after {day(found.clock, OVERDUE)}")


def _custody(found: Standing, now: str) -> tuple[str, ...]:
    """What the key survives, and what is overdue (`ceremony custody status` has all of it)."""
    survives, asked = brief(found.register.whereabouts, now, found.formers)
    return (*_short("survives", survives), *_short("CUSTODY" if asked != FINE else "custody", asked))


def coming(found: Coming) -> tuple[str, ...]:
    """Who must come to the next drill (DRL-02)."""
    word = "must" if found.must else "to"
    lines = [*_short(f"{word} practise", " ".join(found.practise) or "nobody: all have, lately")]
    lines += _short(f"{word} prove", " ".join(found.prove) or "nobody: every share was proven alone, lately")
    owed = [text for due, text in ((found.without_site, "one whole site"), (found.without_one, "one custodian at each site")) if due]
    return (*lines, *(_short("to rehearse", f"a drill without {' and '.join(owed)}") if owed else ()))


def _left(found: Standing) -> tuple[str, ...]:
    """SEC-01: older sealed shares that were not removed, and open with their passphrases of then."""
    sets = found.register.sets
    left = sets.may_exist(sets.in_use.identifier) if sets.in_use else {}
    return _short("NOT REMOVED", f"{left_over(left)} may exist, with the passphrase of then") if left else ()


def _retired(found: Standing) -> tuple[str, ...]:
    """SEC-05: old shares that may still exist, in one line for the retired set that matters most."""
    worst = max(found.retired, key=lambda each: (each.enough, len(each.may_exist)), default=None)
    if worst is None:
        return ()
    count = f"{len(worst.may_exist)} may exist, ENOUGH FOR THE"
    if worst.enough:
        told = f"{count} FORMER KEY: sweep it now" if worst.former else f"{count} KEY: only a new key and a sweep are safe"
        return _short("OLD SHARES", told)
    told = (
        f"of former set {worst.identifier} may exist, too few"
        if worst.former
        else f"of set {worst.identifier} may exist, too few for the key"
    )
    return _short("old shares", f"{len(worst.may_exist)} {told}")


def _dates(found: Standing) -> str:
    policy = f"policy {found.policy.number} {found.policy.issued[:10]}" if found.policy else "no policy"
    key = f"key {found.key[:10]}" if found.key else "no key"
    return f"charter {found.charter.number} {found.charter.issued[:10]}, {policy}, {key}"
