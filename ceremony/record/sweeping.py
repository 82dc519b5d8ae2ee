"""Which key an authorization spends from: the one in use; a sweep from a former one, and then all of it goes to the one in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ceremony.base.control import Undecided, refuse
from ceremony.base.data import Malformed
from ceremony.base.show import shown
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.sets import KeySet, Sets
from transfer.authorization import Authorization, binds
from transfer.bitcoin.account import SWEPT_TO, opened
from transfer.request import AccountKey, SweptAccount

if TYPE_CHECKING:
    from ceremony.record.charter import Charter
    from ceremony.record.register import Ceremony, Register

_ANEW = "Draft and sign a new one with `authorize draft --sweep` against this register."


def opens(sets: Sets, wanted: Authorization) -> KeySet:
    """The set whose shares are opened for an authorization: the one in use, or of a sweep the newest one of a former key (AUT-01)."""
    if sets.in_use is None:
        raise Undecided("This register has no key yet; `ceremony keygen` makes one.")
    if wanted.kind != "sweep":
        return sets.in_use
    found = next((each for each in sets.formers if each.record.digest == wanted.key_record), None)
    if found is None:
        known = [f"{each.record.digest} (set {each.identifier}, of ceremony {each.ceremony})" for each in sets.formers]
        refuse(
            "AUT-01",
            f"sweep {wanted.identifier} does not empty a former key",
            found=f"key record {wanted.key_record}",
            expected=" or ".join(known) or "no sweep: this register has had one key only",
            do=_ANEW,
        )
    return found


def account(sets: Sets, wanted: Authorization) -> AccountKey:
    """The account that an authorization spends from, by the sets that there are; of a sweep, with the account that takes all of it."""
    into = sets.in_use.record if sets.in_use is not None and wanted.kind == "sweep" else None
    return account_between(wanted, opens(sets, wanted).record, into)


def account_between(wanted: Authorization, key_record: KeyRecord, into: KeyRecord | None) -> AccountKey:
    """Likewise by the key record whose shares are opened, and of a sweep that of the key in use; AUT-01 if the authorization names
    others, another address than the first one of that key, or a sweep that would come back to the key that it empties."""
    found = account_of(key_record, wanted.account)
    if wanted.kind != "sweep":
        return found
    if into is None:
        raise Malformed(f"sweep {wanted.identifier}: the key record of the key in use is missing")
    to = account_of(into, wanted.account)
    binds(wanted, {"key_record": key_record.digest, "to": into.digest, "network": to.network})
    if to.xpub == found.xpub or into.ceremony <= key_record.ceremony:
        refuse(
            "AUT-01",
            f"sweep {wanted.identifier} leads back to the key that it empties",
            found=f"from set {key_record.set_identifier} to set {into.set_identifier}, of the same key or of an older one",
            expected="another key, made later",
            do=_ANEW,
        )
    binds(wanted, {"address": opened(to).own(*SWEPT_TO).address})
    return SweptAccount(**{name: getattr(found, name) for name in AccountKey.__dataclass_fields__}, to=to)


def founded_on(made: Charter | KeyRecord) -> tuple[str, ...]:
    """What only a new key can change: scheme and accounts, of a charter or of a key record, in words."""
    return (f"scheme {made.scheme}", *(f"account {a.name}, {a.chain} {a.network}, {a.path}" for a in made.accounts))


def account_of(key_record: KeyRecord, name: str) -> AccountKey:
    """One account of a key record; Malformed if it has no such account."""
    found = {each.name: each for each in key_record.accounts}
    if name not in found:
        raise Malformed(f"the key record has no account {shown(name)}; it has {', '.join(found)}")
    return found[name]


def opening(book: Register, ceremony: Ceremony) -> KeySet:
    """The set whose shares a ceremony opens: of a transfer as its authorization says, else the one that was in use when it began."""
    sets = book.sets.before(ceremony.number)
    if ceremony.kind == "transfer" and ceremony.state.file("authorization") is not None:
        return opens(sets, ceremony.load(Authorization, "authorization"))
    return sets.in_use or book.in_use


def spent_by(book: Register, ceremony: Ceremony) -> AccountKey:
    """The account that a transfer of the register spends from, by the sets that there were when it began."""
    return account(book.sets.before(ceremony.number), ceremony.load(Authorization, "authorization"))
