"""Closing slips: one page for each person and the auditor, the memory that no attacker with the register holds (ASM-05, AUD-10).

Data in, lines out; `ceremony/screen/paper.py` makes a page of them. The same lines are the text file."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from ceremony.base.data import Malformed
from ceremony.base.words import spoken_rows
from ceremony.record import entries
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Ceremony, Register
from ceremony.record.sets import KEY_MADE, RESHARED
from transfer.bitcoin.account import SWEPT_TO, opened

AUDITOR = "auditor"
"""Who gets a slip besides the people of the charter."""
STOCK = "fe6a69d0099f11b806e68405677fede561a22494c67819f3e2c01f9e702d8700"
"""SHA-256 of the verifier of stock tools of this release, its three files behind one another:
`cat verify-transcript.sh facts.jq comparisons.jq | sha256sum`, in `scripts`. Who gets them from elsewhere compares it with their slip."""
_WIDTH = 78
_GROUPS = 7
"""Groups of an address in one line."""
_DOCUMENTS = (("key-record", "key record"), ("authorization", "authorization"), ("request", "signing request"))
_BRING = (
    "Keep this page with you, apart from the register, and bring it to the next ceremony. There two people are asked for the "
    "number above and for words of the head, before the tool shows any. Read them from this page. Do not show it to whoever "
    "operates the tool before you have typed."
)
_REFUSE = (
    "If the tool says that the register knows no such ceremony, or other words for it, stop: the register is an old copy, or "
    "another one (AUD-10). An auditor verifies a copy with:  ceremony audit verify REGISTER --genesis ... --head ..."
)


@dataclass(frozen=True, slots=True)
class Slip:
    """What one ceremony that has ended leaves in people's hands. `digests`: name -> 64 hexadecimal digits, genesis and head first."""

    mark: str
    organisation: str
    number: int
    kind: str
    outcome: str
    ended: str
    digests: tuple[tuple[str, str], ...]
    addresses: tuple[tuple[str, str], ...] = ()
    """Of a ceremony that made a key: each account and its first address, where a sweep of the key before would go."""

    @property
    def head(self) -> str:
        """The register's head after the closing entry."""
        return dict(self.digests)["head"]


def slip_of(book: Register, ceremony: Ceremony) -> Slip:
    """The slip of one ceremony of the register; Malformed if it has not ended."""
    state = ceremony.state
    if state.closed is None:
        raise Malformed(f"{ceremony.folder.name} has not ended: it has no closing slip yet")
    return Slip(
        mark=state.opened.mark,
        organisation=book.charter.organisation,
        number=ceremony.number,
        kind=ceremony.kind,
        outcome=state.closed.outcome,
        ended=ceremony.time,
        digests=(("genesis", book.genesis), ("head", ceremony.head), *_documents(book, ceremony)),
        addresses=_addresses(ceremony),
    )


def _addresses(ceremony: Ceremony) -> tuple[tuple[str, str], ...]:
    if ceremony.state.closed is None or ceremony.state.closed.outcome != KEY_MADE:
        return ()
    made = ceremony.load(KeyRecord, "key-record")
    return tuple((account.name, opened(account).own(*SWEPT_TO).address) for account in made.accounts)


def _documents(book: Register, ceremony: Ceremony) -> tuple[tuple[str, str], ...]:
    """Digests of what this ceremony was about: the key record in use after it, its authorization and request, its transaction."""
    before = book.ceremonies[: ceremony.number]
    made = [c for c in before if c.state.closed is not None and c.state.closed.outcome in (KEY_MADE, RESHARED)]
    files = {"key-record": made[-1].state.file("key-record") if made else None}
    files |= {kind: ceremony.state.file(kind) for kind, _ in _DOCUMENTS[1:]}
    found = [(name, file.sha256) for kind, name in _DOCUMENTS if (file := files[kind]) is not None]
    checked, sighted = ceremony.state.last(entries.Checked), ceremony.state.last(entries.Sighting)
    txid = checked.txid if checked else sighted.txid if sighted else ""
    return (*found, *((("txid", txid),) if txid else ()))


def lines(slip: Slip, person: str, name: str) -> tuple[str, ...]:
    """The page of one person: at most 78 columns and 64 rows; a line that begins with `# ` is a heading."""
    rows = [
        f"# CLOSING SLIP   {slip.mark.upper()}",
        "",
        *_row("for", f"{person}, {name}" if name else person),
        *_row("organisation", slip.organisation),
        *_row("ceremony", f"{slip.number}"),
        *_row("kind", slip.kind),
        *_row("ended", f"{slip.ended} ({slip.outcome})"),
    ]
    for what, digest in slip.digests:
        rows += [f"# {what}", f"  {digest}", *(f"    {row}" for row in spoken_rows(digest))]
    rows += ["# verifier", f"  {STOCK}"]
    for account, address in slip.addresses:
        rows += [f"# first address of {account}", *_groups(address)]
    for text in (_BRING, _REFUSE):
        rows += ["", *textwrap.wrap(text, _WIDTH)]
    return tuple(rows)


def _groups(address: str) -> list[str]:
    """The groups of an address, numbered as they are asked for."""
    cells = [f"{at:>2} {address[4 * at - 4 : 4 * at]:<4}" for at in range(1, -(-len(address) // 4) + 1)]
    return ["  " + "   ".join(cells[at : at + _GROUPS]).rstrip() for at in range(0, len(cells), _GROUPS)]


def _row(name: str, value: str) -> list[str]:
    """A named value, wrapped under itself; of one that is absurdly long, the beginning: the digests stand for the rest."""
    wrapped = textwrap.wrap(value, _WIDTH - 15)[:3]
    return [f"{label:<14} {line}" for label, line in zip((name, "", ""), wrapped, strict=False)]
