"""What lasts: charter, people, policy, the key and the health of its shares."""

from __future__ import annotations

from ceremony.base.amounts import format_btc, format_rate, grouped
from ceremony.record import entries
from ceremony.record.charter import Charter, fingerprint, freezers
from ceremony.record.former import formers
from ceremony.record.register import Register
from ceremony.record.report import commands, facts
from ceremony.record.report.facts import Key, Share
from ceremony.record.report.html import Html, Node, check, digest, el, fields, join, lines, moment, section, table
from ceremony.record.report.tell import onto
from ceremony.record.retired import retired
from ceremony.record.survival import survives
from ceremony.record.whereabouts import WHERE, Custody, overdue, undecided
from transfer.in_force import payable_from, waits
from transfer.limits import Policy, written


def constitution(register: Register) -> Html:
    """Charter, people with the fingerprints of their keys, and the policy in force."""
    charter, path = register.charter, f"{register.charter_ceremony.folder.name}/charter.json"
    return section(
        "Charter and policy",
        _charter(charter, path),
        el("h3", "People"),
        _people(charter, path),
        el("h3", "Policy in force"),
        _policy(register),
    )


def _charter(charter: Charter, path: str) -> Html:
    sites = (f"{s.letter} {s.name}, {s.jurisdiction}: {s.threshold} of its custodians" for s in charter.sites)
    accounts = (f"{a.name}: {a.chain}, {a.network}, {a.path}" for a in charter.accounts)
    freezing = ", ".join(freezers(charter)) or "none"
    rows: list[tuple[str, Node]] = [
        ("Charter", join(f"number {charter.number} ", digest(charter.digest), check(commands.sha256_is(path, charter.digest)))),
        ("Quorum", f"{charter.site_threshold} of {len(charter.sites)} sites, each by its own threshold"),
        ("Sites", lines(sites)),
        ("Ceremonies are held at", charter.room),
        ("Could freeze", f"{freezing} (jurisdictions without whose sites no quorum is left)"),
        ("Accounts", lines(accounts)),
        ("Vault ends after", f"{charter.vault_minutes} minutes, whatever happens"),
    ]
    return fields(rows)


def _people(charter: Charter, path: str) -> Html:
    sites = {s.letter: f"{s.name}, {s.jurisdiction}" for s in charter.sites}
    rows = [
        (m.person, m.name, sites.get(m.person[0], "-") if m.person in charter.custodians else "-", el("code", fingerprint(m.key)))
        for m in charter.people
    ]
    shown = "jq -r '.people[] | .key + \" \" + .person' " + path + " | ssh-keygen -lf -"
    return join(table(("Position", "Name", "Site", "Key"), rows), check(shown))


def _policy(register: Register) -> Html:
    held = register.policy_ceremony
    if held is None:
        return el("p", "None is in the register yet.")
    rules = held.load(Policy, "policy")
    file = held.state.file("policy")
    path = f"{held.folder.name}/{file.name if file else ''}"
    since, over = register.history.items[-1].since, written(waits(register.history)[-1])
    payees = (
        join(el("strong", p.name), f" {grouped(p.destination)} from {moment(payable_from(register.history, p))} on: {p.note}")
        for p in rules.payees
    )
    rows: list[tuple[str, Node]] = [
        ("Policy", join(digest(rules.digest), check(commands.sha256_is(path, rules.digest)))),
        ("Counts", f"from {moment(since)} on; what it loosened, and whom it listed, from {moment(over)} on"),
        ("One transfer", f"at most {format_btc(rules.per_transfer)}"),
        (f"Any {rules.window_days} days", f"at most {format_btc(rules.per_window)}"),
        ("Fee", f"at most {format_btc(rules.fee_cap)}, at most {format_rate(rules.fee_rate_cap)}"),
        ("Cool-off", f"{rules.cool_off_hours} hours"),
        ("Payees", join(lines(payees), check(f"jq -r '.payees[] | .name + \" \" + .destination' {path}"))),
    ]
    return fields(rows)


def key(register: Register) -> Html:
    """The set in use: its record, its quorums, and every sealed share."""
    found = facts.newest_key(register)
    if found is None:
        return section("Key and shares", el("p", "There is no key: no key generation ended with a signed key record."))
    return section(
        "Key and shares",
        _record(found),
        *_formers(register),
        _retired(register),
        el("h3", "Share health"),
        _health(register, found),
        _custody(register),
    )


def _record(key: Key) -> Html:
    record, folder = key.record, key.ceremony.folder.name
    proven = facts.at(key.ceremony, entries.Quorums)
    path = f"{folder}/key-record.json"
    rows: list[tuple[str, Node]] = [
        ("Key record", join(digest(record.digest), check(commands.sha256_is(path, record.digest)))),
        ("Set", join(el("code", record.set_identifier), f", scheme {record.scheme}, made in ceremony {record.ceremony}")),
        *([("Retires", el("code", f"set {record.follows[:20]}"))] if record.follows is not None else []),
        ("Origin", record.origin),
        *(
            (
                f"Account {a.name}",
                join(
                    f"{a.path} ",
                    el("code", a.xpub),
                    check(commands.field_is(path, f'.accounts[] | select(.name == "{a.name}").xpub', a.xpub)),
                ),
            )
            for a in record.accounts
        ),
    ]
    if proven is not None:
        body = proven.entry.body
        told = f"{body.of_sites} of custodians and {body.whole} of sites recovered, which prove all {body.stand_for} (entry {proven.seq})"
        rows.append(("Quorums", join(told, check(commands.show_entry(folder, proven.seq)))))
    return fields(rows)


def _retired(register: Register) -> Html:
    """SEC-05: every retired set of this key: what was destroyed, what may still exist, and what that means."""
    found = retired(register)
    if not found:
        return join()
    rows = [
        (
            el("code", each.identifier),
            f"{each.told}, {each.time[:10]}",
            " ".join(p for p in each.record.plan.positions if p in each.destroyed) or "none",
            el("strong", " ".join(each.may_exist) or "none"),
            each.advice,
        )
        for each in found
    ]
    shown = check(commands.all_of(entries.Destroyed, '.body.position, .body.set_identifier, (.body.numbers | join(" "))'))
    return join(el("h3", "Retired sets"), table(("Set", "Retired by", "Destroyed", "May still exist", "Meaning"), rows), shown)


def _formers(register: Register) -> tuple[Node, ...]:
    """Keys that are no longer in use: whether each was swept, by what, and what was left at it."""
    told = []
    for each in formers(register):
        left = "; ".join(each.stays.told) if each.stays and each.stays.told else "nothing"
        swept = f"swept by transfer {each.sweep}, {'seen on chain' if each.settled else 'NO RECEIPT YET'}; left there: {left}"
        told.append((f"Of ceremony {each.key.ceremony}", f"set {each.key.identifier}: {swept if each.sweep else 'NOT SWEPT YET'}"))
    return (el("h3", "Former keys"), fields(told)) if told else ()


def _health(register: Register, key: Key) -> Html:
    rows = [_share(share, register.charter, key) for share in facts.shares(register, key)]
    note = (
        "A card must carry the sealing number given here. A higher one means that the register was rolled back, a lower one an old card;"
        " both are refused (REC-12)."
    )
    columns = ".body.position, .body.number, .body.sha256"
    commitments = f"jq -r '.custodian_commitments | to_entries[] | .key + \" \" + .value' {key.ceremony.folder.name}/key-record.json"
    return join(
        el("p", note, class_="note"),
        table(("Position", "Sealing", "On", "Proven", "Unlocked in", "SHA-256"), rows),
        check(commands.all_of(entries.Proven, columns)),
        check(commitments),
    )


def _custody(register: Register) -> Html:
    """Where every share is, at the end of this register: what it would say later, `ceremony custody status` says."""
    where, now = register.whereabouts, register.time
    safes = [f"site {site}: {' and '.join(people)}" for site, people in sorted(where.safes.items())]
    waiting = [each.key.identifier for each in formers(register) if not each.empty]
    return join(
        el("h3", "Custody"),
        el("p", f"As this register ends, {moment(now)}.", class_="note"),
        fields([("Safes", lines(safes or ["none is recorded"]))]),
        *_shares(where.in_use, now),
        *(
            node
            for identifier in waiting
            for node in (el("h3", f"Custody of the former key, set {identifier}"), *_shares(where.of(identifier), now))
        ),
        check(commands.all_of(entries.BagClosed, ".body.position, .body.bag")),
    )


def _shares(custody: Custody, now: str) -> tuple[Html, ...]:
    """What the shares of one set survive, what is asked about them, and where each one is."""
    if custody.plan is None:
        return ()
    rows = [
        (share.position, f"{WHERE[share.place]}: {share.told}", moment(share.since), share.bag or "none", share.decided or "-")
        for _, share in sorted(custody.shares.items())
    ]
    late = [f"{each.position}: {each.control} {each.what}" for each in overdue(custody, now)]
    asked = [f"{position}: both officers decide, {question.what}" for position, question in undecided(custody)]
    title, survived = survives(custody)
    told: list[tuple[str, Node]] = [
        (title, lines(survived)),
        ("Overdue", lines(late or ["nothing"])),
        ("To be decided", lines(asked or ["nothing"])),
    ]
    return fields(told), table(("Position", "Where", "Since", "Bag", "Decided"), rows)


def _share(share: Share, charter: Charter, key: Key) -> tuple[Node, ...]:
    newest = share.proven[-1] if share.proven else None
    proven = newest.entry.body.number if newest else 0
    begun = max((p.entry.body.number for p in share.begun), default=0)
    number = str(proven or "none") + (f" ({begun} was begun and not proven)" if begun > proven else "")
    when = join(f"{newest.folder}, entry {newest.seq}, ", el("span", moment(newest.entry.line.time), class_="time")) if newest else "never"
    lies = next((onto(p.entry.body) for p in share.begun if newest and p.entry.body.number == proven), "nothing")
    unlocked = ", ".join(dict.fromkeys(str(p.ceremony.number) for p in share.unlocked)) or "none"
    sealed = digest(newest.entry.body.sha256) if newest else "none"
    commitment = digest(key.record.custodian_commitments[share.position])
    names = {member.person: member.name for member in charter.people}
    who = join(share.position, " ", el("span", names.get(share.position, "in the charter no more"), class_="plain"))
    named = lines((join(el("span", "sealed share ", class_="note"), sealed), join(el("span", "commitment ", class_="note"), commitment)))
    return (who, el("strong", number), lies, when, unlocked, named)
