"""Reads a report as a browser does, and runs its commands as an auditor does."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta"}


@dataclass
class Page(HTMLParser):
    """The text of the page, its elements and its commands, in order. Fails on an element that is not closed in its place."""

    text: str = ""
    checks: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    policy: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag not in VOID:
            self.open.append((tag, given.get("class") or ""))
            if tag == "pre" and "check" in (given.get("class") or "").split():
                self.checks.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self.open]
        if "style" not in inside:
            self.text += data
        if any(tag == "pre" and "check" in class_.split() for tag, class_ in self.open):
            self.checks[-1] += data


def read(raw: bytes) -> Page:
    page = Page()
    page.feed(raw.decode("utf-8"))
    page.close()
    assert not page.open
    return page


def run(setup: str, commands: list[str], register: Path) -> list[tuple[str, int, str]]:
    """Each command in one dash, inside the register's folder: the command, its exit code, what it printed."""
    mark = "--- this was one command, exit code"
    script = setup + "\n" + "".join(f"{command}\necho '{mark}' $?\n" for command in commands) + 'rm -r "$d"\n'
    done = subprocess.run(["dash"], input=script, cwd=register, capture_output=True, text=True, check=False, timeout=120)
    parts = done.stdout.split(mark)
    assert len(parts) == len(commands) + 1, done.stderr
    codes = [int(part.split("\n", 1)[0]) for part in parts[1:]]
    shown = [parts[0], *(part.split("\n", 1)[1] for part in parts[1:-1])]
    return list(zip(commands, codes, shown, strict=True))
