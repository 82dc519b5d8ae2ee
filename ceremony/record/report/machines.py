"""What the machines did: for each transfer the HSM with its keys and signatures, and the protection of every vault process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ceremony.record import entries
from ceremony.record.charter import UNCERTIFIED
from ceremony.record.register import Register
from ceremony.record.report import commands, facts
from ceremony.record.report.facts import Place, Transfer
from ceremony.record.report.html import Html, Node, check, digest, el, fields, join, lines, moment, plural, section, table
from ceremony.record.report.tell import KINDS, held


def transactions(register: Register) -> Html:
    """Each signed transaction byte by byte: it is the approved request, and pays what was authorized."""
    parts: list[Node] = []
    for transfer in facts.transfers(register):
        if transfer.transaction is not None and transfer.review is not None:
            parts += [el("h3", f"Ceremony {transfer.ceremony.number}"), _transaction(transfer)]
    return section("Transactions", *(parts or [el("p", "None was signed.")]))


def _transaction(transfer: Transfer) -> Html:
    seen, made, folder = transfer.review, transfer.transaction, transfer.folder
    assert seen is not None  # noqa: S101 (the caller looked)
    assert made is not None  # noqa: S101 (the caller looked)
    size = len(made.stripped)
    bodies = f"tail -c +{_start(size)} {folder}/request.psbt | head -c {size} | od -An -v -tx1 | tr -d ' \\n'"
    rows: list[tuple[str, Node]] = [
        ("Signing request", join(digest(seen.digest), check(commands.sha256_is(f"{folder}/request.psbt", seen.digest)))),
        ("Every approval names it", join("the digest above, and nothing else", check(commands.approvals_name(folder, seen.digest)))),
        (
            "Signed transaction",
            join("the request byte for byte, with signatures added", check(f'same "$({bodies})" "$(body {folder} {size})"')),
        ),
        *((f"Output {i}", _output(transfer, i, size)) for i in range(len(made.outputs))),
        *((f"Input {i}", f"{coin.txid}:{coin.vout}, {coin.amount} sat, our key {coin.path}") for i, coin in enumerate(seen.inputs)),
    ]
    return fields(rows)


def _start(size: int) -> int:
    """Where the unsigned transaction begins in a signing request, counted from 1: after the magic, its key, its length (BIP-174)."""
    return 5 + 2 + (1 if size < 0xFD else 3 if size <= 0xFFFF else 5) + 1


def _output(transfer: Transfer, index: int, size: int) -> Html:
    seen, made = transfer.review, transfer.transaction
    assert seen is not None  # noqa: S101 (the caller looked)
    assert made is not None  # noqa: S101 (the caller looked)
    own = {c.index: f"change to our own key {c.path}" for c in seen.change}
    own |= {c.index: f"swept to {c.path} of our key in use" for c in seen.swept}
    ours = own.get(index, "payment")
    raw = made.outputs[index].raw.hex()
    there = commands.same(f"body {transfer.folder} {size} | grep -c {raw}", "1")
    return join(f"{made.outputs[index].amount} sat, {ours}: amount and script ", digest(raw), check(there))


def hsm(register: Register) -> Html:
    """What the HSM was, what went into it, what it signed, and that nothing stayed."""
    parts: list[Node] = []
    for ceremony in register.ceremonies:
        rows = [
            row for place in facts.places(register, *_TELL) if place.ceremony is ceremony for row in _TELL[type(place.entry.body)](place)
        ]
        if rows:
            parts += [el("h3", f"Ceremony {ceremony.number}: {KINDS[ceremony.kind]}"), fields(rows)]
    for transfer in facts.transfers(register):
        if transfer.ceremony.state.last(entries.HsmSigned) is not None:
            parts += [el("h3", f"Ceremony {transfer.ceremony.number}: signatures of the HSM"), _signatures(transfer)]
    return section("HSM", *(parts or [el("p", "No HSM was used yet.")]))


Rows = list[tuple[str, Node]]


def _identity(place: Place) -> Rows:
    body = place.entry.body
    stated = body.certificate
    told = f"{body.label}, serial number {body.serial}, {body.manufacturer}, {body.model}, firmware {body.firmware}"
    told += f"; certificate {stated.number}, {stated.standard}, level {stated.level}" if stated != UNCERTIFIED else "; no certificate"
    before = f"; {plural(body.objects, 'object')} in it before use (entry {place.seq})"
    rows: Rows = [("HSM", join(told + before, check(commands.show_entry(place.folder, place.seq))))]
    return [*rows, ("Findings", lines(body.findings))] if body.findings else rows


def _imported(place: Place) -> Rows:
    body = place.entry.body
    attributes = "; ".join(f"{name} = {value}" for name, value in sorted(body.attributes.items()))
    key = commands.entry_is(place.folder, place.seq, ".body.import_key", body.import_key)
    read = commands.show_entry(place.folder, place.seq, ".body.attributes")
    return [
        ("Import key (SHA-256)", join(digest(body.import_key), el("strong", f" {body.attested}"), check(key))),
        ("Child keys", f"{len(body.paths)}, one for each address spent: {', '.join(body.paths)}"),
        ("Attributes read back", join(attributes, check(read))),
    ]


def _absent(place: Place) -> Rows:
    body = place.entry.body
    shown = f"{plural(body.destroyed, 'object')} destroyed; {body.remaining} remain, by enumeration (entry {place.seq})"
    return [("Destroyed", join(shown, check(commands.entry_is(place.folder, place.seq, ".body.remaining", str(body.remaining)))))]


_TELL: Mapping[type, Callable[[Place], Rows]] = {
    entries.Hsm: _identity,
    entries.ImportPath: lambda place: [("Import path proven", f"{', '.join(place.entry.body.steps)} (entry {place.seq})")],
    entries.Imported: _imported,
    entries.HsmSigned: lambda place: [("Nonces", f"{place.entry.body.nonces} (entry {place.seq})")],
    entries.Absent: _absent,
}


def _signatures(transfer: Transfer) -> Html:
    place = facts.at(transfer.ceremony, entries.HsmSigned)
    assert place is not None  # noqa: S101 (the caller looked)
    wanted = {s.index: s.digest.hex() for s in transfer.sighashes}
    note = "The digest of each input is computed from the signing request (BIP-143, SIGHASH_ALL); the signature is r and s from the HSM."
    parts: list[Node] = [el("p", note, class_="note")]
    for made in place.entry.body.signatures:
        told = fields([("Public key", digest(made.public)), ("Digest", digest(wanted[made.input])), ("Signature", digest(made.raw))])
        command = f"hsm_signed {transfer.folder} {place.seq} {made.input} {wanted[made.input]}"
        parts += [el("h4", f"Input {made.input}, key {made.path}"), told, check(command)]
    return join(*parts)


def vault(register: Register) -> Html:
    """REC-10: what protected each process that held secrets; what was not held is told in full."""
    found = list(facts.places(register, entries.Vault))
    if not found:
        return section("Vault", el("p", "No vault process ran yet."))
    rows = [
        (str(p.ceremony.number), str(p.seq), el("span", moment(p.entry.line.time), class_="time"), p.entry.body.process, _protection(p))
        for p in found
    ]
    ends = list(facts.places(register, entries.VaultEnded))
    gone = lines(f"{p.folder}, entry {p.seq}, {moment(p.entry.line.time)}: {p.entry.body.reason}" for p in ends)
    return section(
        "Vault",
        table(("Ceremony", "Entry", "Began", "Process", "Protection"), rows),
        el("h3", "Ended"),
        gone if ends else el("p", "Not recorded."),
        check(commands.entries_of(entries.Vault, entries.VaultEnded)),
    )


def _protection(place: Place) -> Html:
    states = place.entry.body.protection
    good = ", ".join(name for name, state in states.items() if state == "held") or "none"
    other = [join(el("strong", name), f": {state}") for name, state in states.items() if state != "held"]
    return lines((f"{held(place.entry.body)} of {len(states)} held: {good}", *other))
