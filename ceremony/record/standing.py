"""Where a register stands: what is open and next, what awaits, limits, drills, shares, dates. A fold; it verifies nothing but form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ceremony.base.control import refuse
from ceremony.base.data import Malformed
from ceremony.record import health
from ceremony.record.charter import Charter
from ceremony.record.drills import Coming, began, who_must_come
from ceremony.record.former import Former, formers
from ceremony.record.register import Ceremony, Register
from ceremony.record.retired import Retired, reshare_due, retired
from ceremony.record.sets import KEY_MADE
from ceremony.record.signers import COPY, as_begun
from ceremony.record.verify import check_whole
from transfer.in_force import in_force
from transfer.limits import Policy, moment


@dataclass(frozen=True, slots=True)
class Standing:
    """What everybody wants to know first. Amounts in satoshi, times in our form; None or empty where there is nothing yet."""

    register: Register
    charter: Charter
    policy: Policy | None
    key: str
    """When the key in use was made; empty without one."""
    open: Ceremony | None
    awaiting: tuple[tuple[int, str], ...]
    """BRD-06: transfers that may still be mined and have no receipt: ceremony, txid (empty until it is assembled)."""
    void: tuple[int, ...]
    """BRD-06: voided transfers that stay claims: what was signed in them may have been cut off the record."""
    used: int
    """Granted within the policy's window that ends now."""
    clock: str
    """When the last drill ended, or the key generation; empty without a key."""
    coming: Coming | None
    oldest: tuple[str, str] | None
    """The position whose share was proven longest ago, and when."""
    reshare: tuple[str, ...]
    """Why the set in use must be made anew."""
    retired: tuple[Retired, ...]
    """SEC-05: the retired sets of the key in use, and of former keys that are not empty."""
    formers: tuple[Former, ...]
    """Keys that are no longer in use."""


def standing(folder: Path, now: str) -> Standing:
    """Read the chain and compare the files; refuses as the verifier would. No signature is verified but those of the newest beginning:
    it is no verdict."""
    try:
        book = as_begun(Register.open(folder))
        check_whole(book)
        book.check_files()
        return _standing(book, now)
    except Malformed as error:
        refuse("AUD-01", "a part of the register has lost its form", found=str(error), expected="the form of docs/formats.md", do=COPY)


def _standing(book: Register, now: str) -> Standing:
    shares = health.of(book.ceremonies)
    keyed = [c for c in book.ceremonies if _outcome(c) == KEY_MADE]
    return Standing(
        register=book,
        charter=book.charter,
        policy=in_force(book.history, now) if book.last_policy else None,
        key=keyed[-1].time if keyed else "",
        open=book.unfinished,
        void=tuple(claim.number for claim in book.claims(0) if claim.void and not claim.settled),
        awaiting=tuple((claim.number, claim.txid) for claim in book.claims(0) if claim.outstanding and not claim.void),
        used=_used(book, now),
        clock=began(book.ceremonies),
        coming=who_must_come(book) if keyed else None,
        reshare=reshare_due(book),
        retired=retired(book),
        formers=formers(book),
        oldest=min(((p, shares.last(p, book.in_use.identifier)) for p in book.key_record.plan.positions), key=lambda pair: pair[1])
        if keyed
        else None,
    )


def _outcome(ceremony: Ceremony) -> str:
    return ceremony.state.closed.outcome if ceremony.state.closed else ""


def _used(book: Register, now: str) -> int:
    if book.last_policy is None:
        return 0
    since = moment(now) - timedelta(days=in_force(book.history, now).window_days)
    return sum(spent.amount for spent in book.spent(0) if moment(spent.time) > since)
