"""The picture in README: the upper halves of two screens of a transfer, drawn from the panels that the tool itself shows."""

from __future__ import annotations

from html import escape

from ceremony.base.lines import sha256
from ceremony.demonstration import FULL, PAYEE
from ceremony.screen import panels
from shares.plan import Plan, SitePlan

COLUMNS, ROWS = 80, 13
_CELL, _LINE = 8.4, 18
_STYLE = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:14px;white-space:pre"


def picture() -> str:
    """SVG, text only, light ink on dark ground."""
    screens = (_unlock(), _sign())
    width, height = COLUMNS * _CELL + 32, ROWS * _LINE + 32
    whole = 2 * height + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {whole:.0f}" width="{width:.0f}" role="img">',
        "<title>Two screens of a practice transfer: unlock the shares, sign</title>",
    ]
    for number, lines in enumerate(screens):
        top = number * (height + 16)
        parts.append(f'<rect x="0" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" rx="8" fill="#16191d"/>')
        for row, line in enumerate(lines):
            place = f'x="16" y="{top + 32 + row * _LINE:.0f}"'
            parts.append(f'<text {place} fill="#d8dee6" style="{_STYLE}" xml:space="preserve">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _place(step: int, title: str, minutes: int) -> panels.Place:
    return panels.Place(mark="practice", ceremony=2, kind="transfer", step=step, steps=12, title=title, minutes=minutes)


def _unlock() -> tuple[str, ...]:
    sites = tuple(SitePlan(letter=letter, threshold=2, members=3) for letter, _, _ in FULL.sites)
    plan = Plan(site_threshold=FULL.site_threshold, sites=sites)
    return (
        *panels.header(_place(7, "Unlock the shares", 26)),
        *panels.board(plan, ("B1", "B2", "D2", "D3", "A3"), FULL.here),
        "A1, type your passphrase (it does not show), then Enter: ****",
    )


def _sign() -> tuple[str, ...]:
    return (
        *panels.header(_place(8, "Sign", 18)),
        *panels.payment(75_000_000, PAYEE),
        *panels.words("signing request", sha256(b"a picture, not a request")),
        "Point of no return. Type SIGN: SIGN",
        "  the HSM signs, every signature is verified ... done (0.1 s)",
        "  destroy every key in the HSM, show their absence ... done (0.0 s)",
    )
