"""HTML that cannot be broken by what it shows: a plain string is text and is escaped; only `Html` is markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ceremony.base.show import plain


@dataclass(frozen=True, slots=True)
class Html:
    """Markup. Only the functions of this module make it from strings."""

    markup: str


Node = Html | str
"""What an element may hold: markup, or text that is escaped."""


def el(name: str, *children: Node, **attributes: str) -> Html:
    """One element. A trailing underscore of an attribute's name is dropped (`class_`)."""
    given = "".join(f' {key.rstrip("_")}="{html.escape(plain(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{join(*children).markup}</{name}>")


def join(*children: Node) -> Html:
    """Several nodes, one after the other."""
    return Html("".join(child.markup if isinstance(child, Html) else html.escape(plain(child)) for child in children))


def listed(items: Iterable[Node], between: str = ", ") -> Html:
    """Nodes with text between them."""
    parts: list[Node] = []
    for item in items:
        parts += [between, item] if parts else [item]
    return join(*parts)


def lines(items: Iterable[Node]) -> Html:
    """Nodes below each other."""
    return join(*(el("div", item) for item in items))


def section(title: str, *children: Node) -> Html:
    """A part of the page; its title is also its name in links."""
    return el("section", el("h2", title), *children, id=anchor(title))


def anchor(title: str) -> str:
    """The name of a section in links: lower-case letters, digits and hyphens."""
    words = "".join(c if c.isalnum() else " " for c in title.lower()).split()
    return "-".join(words)


def table(head: Sequence[Node], rows: Iterable[Sequence[Node]], class_: str = "") -> Html:
    """A table whose first cell names each row. It scrolls by itself where the screen is narrow."""
    top = el("thead", el("tr", *(el("th", cell, scope="col") for cell in head)))
    body = el("tbody", *(el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:])) for row in rows))
    return el("div", el("table", top, body, class_=class_), class_="wide")


def fields(rows: Iterable[tuple[str, Node]], class_: str = "") -> Html:
    """Names and values."""
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in rows), class_=class_)


def check(command: str) -> Html:
    """A command that checks a claim. It ends with exit code 0 only if the claim holds, or it shows what to compare."""
    return el("pre", el("code", command), class_="check")


def elsewhere(command: str) -> Html:
    """A command that needs more than this folder, such as a node of one's own."""
    return el("pre", el("code", command), class_="elsewhere")


def digest(text: str) -> Html:
    """A long text of hexadecimal digits in groups of eight; the groups are drawn, so that copying gives the text itself."""
    groups = (el("span", text[at : at + 8]) for at in range(0, len(text), 8))
    return el("code", *groups, class_="digest")


def moment(time: str) -> str:
    """A time of the transcript as people read it."""
    return time.replace("T", " ").replace("Z", " UTC")


def plural(count: int, one: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def document(title: str, policy: str, style: str, page: Html) -> str:
    """The whole file. `policy`: its Content-Security-Policy; `style`: its style sheet, which is code and never from outside."""
    metas = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy, quote=False)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
    )
    head = f"{''.join(metas)}{el('title', title).markup}<style>{style}</style>"
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body><main>{page.markup}</main></body>\n</html>\n'
