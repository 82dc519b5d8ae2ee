"""Charter and policy in plain English, for whoever signs them; and what a later one changes. Pure: data in, lines of 78 columns out.

Everything here is said from the document's own fields and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import timedelta
from itertools import combinations

from ceremony.base.amounts import format_btc, format_rate, grouped
from ceremony.base.data import encode
from ceremony.base.mark import permits
from ceremony.base.show import wrap
from ceremony.record.chain import changed_fields, changes, replaced_officer
from ceremony.record.charter import Charter, Medium, Site
from ceremony.record.in_force import difference
from ceremony.record.survival import compel, freeze
from ceremony.screen.documents import hsm_certificate
from shares.plan import SchemeName
from shares.survival import compelling, freezing
from transfer.in_force import LOWER, POLICY
from transfer.limits import Payee, Policy, moment, written

WIDTH = 78
RESHARE = "Reshare, or a new key?"


def told(title: str, sentences: Iterable[str]) -> tuple[str, ...]:
    """A title, and each sentence as a line of its own, wrapped under itself."""
    lines = [title, ""]
    for sentence in sentences:
        indent = " " * (len(sentence) - len(sentence.lstrip()))
        lines += wrap(sentence.strip(), WIDTH, initial_indent=f"{indent}- ", subsequent_indent=f"{indent}  ", break_on_hyphens=False)
    return tuple(lines)


# --- the charter -----------------------------------------------------------------------------------------------------------


def charter_explained(charter: Charter) -> tuple[str, ...]:
    """Who can do what, and with whom; what countries can do; what is held where."""
    return told(
        f"{charter.mark.upper()}  charter {charter.number} of {charter.organisation}, in plain English",
        (*_mark(charter), *_quorum(charter), *_countries(charter), *_officers(charter), *_change(charter), *_holds(charter)),
    )


def _mark(charter: Charter) -> tuple[str, ...]:
    if permits(charter.mark, "practice chain"):
        return ("What is done under it counts for nothing, and no real money may go to its addresses.",)
    return ("The key that is made under it holds REAL MONEY.",)


def _quorum(charter: Charter) -> Sequence[str]:
    least = min(sum(s.threshold for s in group) for group in _groups(charter))
    names = {m.person: m.name for m in charter.people}
    return (
        f"Money moves only when {least} custodians or more come together: any {charter.site_threshold} of the {len(charter.sites)} sites "
        "must open, and a site opens when so many of its custodians unlock their shares:",
        *(
            f"  {s.letter} {s.name}, {s.jurisdiction}: any {s.threshold} of "
            + ", ".join(f"{p} {names[p]}" for p in charter.custodians if p[0] == s.letter)
            for s in charter.sites
        ),
        "Fewer than that learn nothing of the key. That many need nobody else: with their cards, their "
        "passphrases and the published recovery "
        "they can move everything, without officers and without this tool.",
    )


def _groups(charter: Charter) -> Iterable[tuple[Site, ...]]:
    return combinations(charter.sites, charter.site_threshold)


def _countries(charter: Charter) -> tuple[str, ...]:
    """STO-08 in words."""
    places = {site.letter: site.jurisdiction for site in charter.sites}
    names = tuple(places.values())
    excepted = [
        f"The charter makes an exception to {made.control}. Expected: {made.expected}. So it is: {made.happened}. Decided: {made.decided}."
        for made in charter.exceptions or ()
    ]
    return (*compel(compelling(charter.plan, places), names), *excepted, *freeze(freezing(charter.plan, places), names))


def _officers(charter: Charter) -> tuple[str, ...]:
    asked = charter.verified
    name = {m.person: m.name for m in charter.people}
    approve = (
        "They also approve the signing request of each transfer, in person."
        if charter.officers_approve == "yes"
        else "They need not come to the ceremony."
    )
    return (
        f"{name['cfo']} (cfo) and {name['cto']} (cto) authorize each transfer, both of them, within the policy. "
        f"Neither opens a share. {approve}",
        f"{name['administrator']} (administrator) runs the machine and {name['witness']} (witness) watches; "
        "both sign what was done. Neither opens a "
        "share. Without either of them no ceremony is held, and none goes on while one of them is away.",
        *(("Each of these two types one half of the HSM's PIN: neither opens the HSM alone.",) if charter.pin_halves == "yes" else ()),
        *((f"The security keys of {', '.join(asked)} verify them at each signature, by a PIN or a finger.",) if asked else ()),
    )


def _change(charter: Charter) -> tuple[str, ...]:
    name = {m.person: m.name for m in charter.people}
    return (
        f"This charter and its policy are changed only by what {name['cfo']}, {name['cto']} and {name['witness']} sign, all three.",
        "If one officer is lost, the other officer, the witness and a quorum of custodians name another one: "
        "they sign twice, before and after the "
        "policy's cool-off. A lost witness is replaced by nobody: then neither charter nor policy can change any more.",
        "Nothing changes mark, organisation or the names of accounts once a key exists. "
        "Another scheme, other paths or one more account count for the next key, "
        "and until there is one nothing moves. When sites, positions or thresholds change, "
        "nothing is signed before all shares were made anew (`ceremony shares reshare`).",
    )


_SCHEMES: dict[SchemeName, str] = {
    "gf256": "The secret is shared over GF(256) (scheme gf256). Recovered without this tool it is 24 words, which any wallet takes.",
    "slip39": "The secret is shared by SLIP-39 (scheme slip39). Without this tool each share is a mnemonic of 33 words, and any "
    "SLIP-39 wallet recovers the accounts from enough of them, with an empty passphrase. There are no 24 words.",
}


_MEDIA: dict[Medium, str] = {
    "file": "its custodian's own stick, as a file",
    "card": "a paper card that its custodian prints",
    "token": "its custodian's own hardware token, behind a PIN, which is not the passphrase",
}


def _holds(charter: Charter) -> tuple[str, ...]:
    hsm, certificate = charter.hsm, hsm_certificate(charter.hsm.certificate)
    devices = f"{len(charter.devices)} USB devices are listed" if charter.devices else "no USB device is listed"
    return (
        *(f"The key holds the account {a.name}: {a.chain}, {a.network} network, {a.path}." for a in charter.accounts),
        f"Keys of a transfer are used in one HSM and no other: {hsm.label}, serial {hsm.serial}, "
        f"{hsm.manufacturer} {hsm.model}, {certificate}.",
        "The PIN of the HSM is typed in two halves, by administrator and witness."
        if charter.pin_halves == "yes"
        else "One person types the whole PIN of the HSM.",
        f"Ceremonies are held at another place than any site's: {charter.room}.",
        f"The cold host: {'its boot image is fixed' if charter.boot else 'no boot image is fixed'}, and {devices}; any other is refused.",
        _SCHEMES[charter.scheme],
        f"Each share is locked under its custodian's own passphrase (profile {charter.kdf}). No share is open "
        f"longer than {charter.vault_minutes} minutes.",
        "A locked share lies on " + ", or on ".join(_MEDIA[medium] for medium in charter.media) + ".",
    )


def charter_difference(before: Charter, after: Charter) -> tuple[str, ...]:
    """What an amendment changes, sentence by sentence; nothing else differs."""
    lost = replaced_officer(before, after)
    sentences = [*_people(before, after)]
    for name in changed_fields(before, after):
        if name != "people":
            sentences += _values(name, getattr(before, name), getattr(after, name))
    if lost is not None:
        sentences.append(
            f"If the {lost} of before does not sign it, the other officer, the witness and a quorum of "
            "custodians must; it is then taken in as a "
            "proposal, and counts only when all of them sign once more after the cool-off."
        )
    sentences += [*_from_when(before, after), f"Everything else stays as in charter {before.number}."]
    return told(f"{after.mark.upper()}  charter {after.number}: what changes against charter {before.number}", sentences)


def _from_when(before: Charter, after: Charter) -> Iterable[str]:
    """From when it counts (STO-07)."""
    found = difference(before, after)
    if not found.looser:
        yield "It loosens nothing: it counts from the signed end of the ceremony that takes it in."
        return
    yield (
        f"It loosens {_fields(found.looser)}: it counts after the cool-off of the policy in force, by a second ceremony `amend` with the "
        f"same charter. Until then charter {before.number} counts. Without a cool-off it counts from the signed end of the first one."
    )
    if found.stricter:
        yield (
            f"It tightens {_fields(found.stricter)}. While there is a cool-off it is refused: make two charters, the stricter one first."
        )


def _fields(names: Iterable[str]) -> str:
    """Fields such as `Member.key`, in words."""
    pairs = (each.split(".") for each in names)
    return ", ".join(f"the {name.replace('_', ' ')} of {_RECORDS[record]}" for record, name in pairs)


_RECORDS = {
    "Account": "an account",
    "Certificate": "the HSM's certificate",
    "Charter": "the charter",
    "Device": "a device",
    "Hsm": "the HSM",
    "Member": "a person",
    "Site": "a site",
    "StandingException": "a standing exception",
}


def _people(before: Charter, after: Charter) -> Iterable[str]:
    old, new = ({m.person: m.name for m in charter.people} for charter in (before, after))
    for change in changes(before, after):
        was, now = old.get(change.person), new.get(change.person)
        keys = f"Key {change.before} is revoked, key {change.after} is granted."
        if was is None:
            yield f"{change.person} is a NEW POSITION: {now}. Key {change.after} is granted."
        elif now is None:
            yield f"{change.person}, {was}, is a position NO MORE. Key {change.before} is revoked."
        elif change.before == change.after and was != now:
            yield f"{change.person}: {was} is now spelled {now}; the key stays."
        elif change.before != change.after and not change.replaced:
            yield f"{change.person}: {was} signs with another key. {keys}"
        elif change.replaced:
            yield f"{change.person}: {was} is replaced by {now}. {keys}"
        yield from _asked(change.person, before, after)
        if change.replaced and change.person in before.custodians:
            yield f"  {was} may still know the passphrase of {change.person} and have a copy of the card. {RESHARE}"
    if before.plan != after.plan:
        yield (
            "The shares in use were split by the sites, positions and thresholds of before: nothing can be signed until they are made "
            "anew by `ceremony shares reshare`."
        )
    if (before.scheme, before.accounts) != (after.scheme, after.accounts):
        yield (
            "The key in use was made for the scheme and the accounts of before: only a new key is made for these, by `ceremony keygen "
            "--order`, and the old one is swept to it. Until then nothing moves."
        )


def _asked(person: str, before: Charter, after: Charter) -> Iterable[str]:
    """Whether user verification is asked of somebody from now on, or no more."""
    was, now = (person in charter.verified for charter in (before, after))
    if now and not was:
        yield f"{person}: the security key must verify them at each signature from now on, by a PIN or a finger."
    elif was and not now:
        yield f"{person}: NO MORE must the security key verify them at each signature; a touch is enough."


def _values(name: str, old: object, new: object) -> Iterable[str]:
    """One sentence for a field, or for each part of it that differs."""
    parts = (encode(old) if old is not None else "none", encode(new) if new is not None else "none")
    if isinstance(parts[0], dict) and isinstance(parts[1], dict):
        for key in sorted(parts[0].keys() | parts[1].keys()):
            if parts[0].get(key) != parts[1].get(key):
                yield f"{_words(name)}, {_words(key)}: {_shown(parts[0].get(key))} becomes {_shown(parts[1].get(key))}."
    elif isinstance(parts[0], list) and isinstance(parts[1], list):
        yield from (f"{_words(name)}: {_shown(item)} is taken out." for item in parts[0] if item not in parts[1])
        yield from (f"{_words(name)}: {_shown(item)} is added." for item in parts[1] if item not in parts[0])
    else:
        yield f"{_words(name)}: {_shown(parts[0])} becomes {_shown(parts[1])}."


def _words(name: str) -> str:
    return "HSM" if name == "hsm" else name.replace("_", " ")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_words(key)} {_shown(item)}" for key, item in value.items())
    return "none" if value is None or value == "" else str(value)


# --- the policy ------------------------------------------------------------------------------------------------------------


def policy_explained(policy: Policy) -> tuple[str, ...]:
    """Who can be paid, from when on and how much; what is refused, with exact amounts."""
    over, week = format_btc(policy.per_transfer + 1), format_btc(policy.per_window + 1)
    cool_off = (
        f"A new payee, or a new address of an old one, can be paid {_hours(policy.cool_off_hours)} after the "
        "end of the ceremony that takes in the policy which first lists it, not before."
        if policy.cool_off_hours
        else "There is NO cool-off: whoever is listed can be paid at once, also an attacker's address."
    )
    return told(
        f"{policy.mark.upper()}  policy {policy.number}, in plain English",
        (
            f"Money can go to {_number(len(policy.payees), 'payee')} and to nobody else:",
            *(line for payee in policy.payees for line in _payee(payee, policy)),
            cool_off,
            f"One transfer pays at most {format_btc(policy.per_transfer)}, all its payments together, without its fee. {over} is refused.",
            f"All transfers of any {_number(policy.window_days, 'day')} together pay at most "
            f"{format_btc(policy.per_window)}. {week} is refused; "
            "what was authorized counts whether the chain has it or not.",
            f"The fee of one transfer is at most {format_btc(policy.fee_cap)}, and at most {format_rate(policy.fee_rate_cap)}.",
            "Coins may be gathered at an address of our own within the same fees: that pays nobody and counts against no limit.",
            f"An authorization lives at most {_number(policy.validity_days, 'day')}, and is used once.",
            "Nobody who runs a ceremony can go beyond this. Only CFO, CTO and witness together can, with a new policy.",
        ),
    )


def _payee(payee: Payee, policy: Policy) -> tuple[str, ...]:
    ready = written(moment(payee.added) + timedelta(hours=policy.cool_off_hours))
    return (
        f"  {payee.name} ({payee.note}), on the {payee.network} network, from {ready} at the earliest, at",
        f"    {grouped(payee.destination)}",
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _hours(hours: int) -> str:
    days, rest = divmod(hours, 24)
    return _number(days, "day") if days and not rest else _number(hours, "hour")


_AMOUNTS = ("per_transfer", "per_window", "fee_cap")
_LIMITS = {
    "cool_off_hours": "the cool-off, in hours",
    "per_transfer": "the most of one transfer",
    "window_days": "the window, in days",
    "per_window": "the most within the window",
    "fee_cap": "the fee cap",
    "fee_rate_cap": "the fee rate cap",
    "validity_days": "the longest life of an authorization, in days",
}


def _limit(name: str, value: object) -> str:
    if name == "fee_rate_cap":
        return format_rate(int(str(value)))
    return format_btc(int(str(value))) if name in _AMOUNTS else _shown(encode(value))


def policy_difference(before: Policy, after: Policy) -> tuple[str, ...]:
    """What a later policy changes: payees one by one, limits with both values."""
    old, new = {p.name: p for p in before.payees}, {p.name: p for p in after.payees}
    sentences = [f"{name} can be paid no more." for name in old if name not in new]
    for name, payee in new.items():
        here = old.get(name)
        if here is None:
            sentences += [
                f"NEW PAYEE {name} ({payee.note}), from {_ready(payee, before, after)} at the earliest, at",
                f"  {grouped(payee.destination)}",
            ]
        elif (here.network, here.destination) != (payee.network, payee.destination):
            sentences += [
                f"{name} has ANOTHER ADDRESS, from {_ready(payee, before, after)} at the earliest:",
                f"  {grouped(payee.destination)}",
                "  instead of",
            ]
            sentences.append(f"  {grouped(here.destination)}")
        elif here != payee:
            sentences.append(f"{name}: the note {here.note} becomes {payee.note}.")
    for field in fields(before):
        values = (getattr(before, field.name), getattr(after, field.name))
        if field.name not in ("number", "previous", "issued", "payees", "charter") and values[0] != values[1]:
            shown = [_limit(field.name, value) for value in values]
            sentences.append(f"{_LIMITS.get(field.name, _words(field.name))}: {shown[0]} becomes {shown[1]}{_more(field.name, *values)}.")
    sentences.append(f"Everything else stays as in policy {before.number}.")
    return told(f"{after.mark.upper()}  policy {after.number}: what changes against policy {before.number}", sentences)


def _ready(payee: Payee, before: Policy, after: Policy) -> str:
    """By its date and the longer cool-off of both; the ceremony that takes the policy in has to end first."""
    return written(moment(payee.added) + timedelta(hours=max(before.cool_off_hours, after.cool_off_hours)))


def _more(name: str, old: object, new: object) -> str:
    """Said where a change lets more through than before."""
    if not (isinstance(old, int) and isinstance(new, int)):
        return ""
    looser = new < old if POLICY[name] == LOWER else new > old
    return " (this allows MORE than before, when the cool-off is over)" if looser else " (this allows less than before, at once)"
