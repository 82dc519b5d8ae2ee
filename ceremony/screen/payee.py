"""The payee slip: what the checker heard, on paper, for those who will type groups of the address from it (AUT-08, TXN-06). Pure.

One page for each payment; the whole address in numbered groups of four, so that a group can be asked for by its number."""

from __future__ import annotations

from collections.abc import Sequence

from ceremony.base.amounts import format_btc
from ceremony.base.words import spoken_rows
from ceremony.screen.documents import field, title
from transfer.authorization import Authorization, Call, Confirmation

GROUP, IN_A_ROW = 4, 6
BRING = (
    "Bring this to the ceremony. There the tool asks two custodians for groups of the",
    "address by their numbers, and does not show it. Type from this paper, from nothing",
    "else, and let nobody change it: who wants to pay themselves begins here.",
)


def groups(address: str) -> tuple[str, ...]:
    """The whole address in groups of four characters, the last one with what is left; they are counted from 1."""
    return tuple(address[at : at + GROUP] for at in range(0, len(address), GROUP))


def numbered(address: str) -> tuple[str, ...]:
    """The groups with their numbers, six in a row: `  1 bcrt   2 1qw5 ...`, each row indented by two spaces."""
    cells = [f"{number:>2} {group:<{GROUP}}" for number, group in enumerate(groups(address), start=1)]
    return tuple("  " + "  ".join(cells[at : at + IN_A_ROW]).rstrip() for at in range(0, len(cells), IN_A_ROW))


def payee_slip(wanted: Authorization, said: Confirmation) -> tuple[tuple[str, ...], ...]:
    """The pages, one for each payment, of printable ASCII with at most 84 columns."""
    return tuple(_page(wanted, said, number, call) for number, call in enumerate(said.calls, start=1))


def as_text(pages: Sequence[Sequence[str]]) -> bytes:
    """The pages as one text file: a form feed alone in a line between two of them."""
    return "\n\f\n".join("\n".join(page) for page in pages).encode("ascii") + b"\n"


def _page(wanted: Authorization, said: Confirmation, number: int, call: Call) -> tuple[str, ...]:
    return (
        title(wanted.mark, f"payee slip, page {number} of {len(said.calls)}", (said.checker,)),
        *field("authorization", wanted.identifier),
        "",
        f"payment {number}  {call.payee}",
        *numbered(call.destination),
        *field("amount", format_btc(call.amount)),
        "",
        *field("confirmed", f"by {said.checker}, with {call.spoken_with}"),
        *field("channel", call.channel),
        *field("time", call.time),
        "",
        "authorization, in words",
        *(f"  {row}" for row in spoken_rows(wanted.digest)),
        "",
        *BRING,
    )
