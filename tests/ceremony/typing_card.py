"""A process of its own in which one custodian reads a card at a real terminal; what came of it is its last line."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from ceremony.base.control import Refused
from ceremony.base.lines import sha256
from ceremony.screen import panels
from ceremony.screen.terminal import Terminal
from ceremony.script import typed_card


def main(position: str) -> int:
    screen = Terminal()
    place = panels.Place(mark="practice", ceremony=2, kind="check", step=2, steps=3, title="Each share alone", minutes=5)
    screen.screen(panels.header(place))
    room: Any = SimpleNamespace(screen=screen, cards={})
    try:
        raw = typed_card.read_card(room, position)
    except Refused as refused:
        print(refused)
        return 1
    print(f"read {sha256(raw)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
