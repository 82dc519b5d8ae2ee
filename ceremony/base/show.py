"""AUD-13: what comes from outside (a file, a name, a node, a library), as it may stand on a terminal, a page or paper.

`shown` is for one such text behind our own name of it. `plain` and `rows` are for all that is shown: whatever was forgotten leaves as
printable ASCII too."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

MOST = 200
"""Characters of a text from outside that are shown."""
VERDICTS = frozenset({"VERIFIED", "INCOMPLETE", "NOT ANCHORED", "ANCHORED", "NOT HELD TO A SCRIPT"})
"""What only we say alone on a line."""
_QUOTED = re.compile(r"(?<![^\s(/=:,;])'[!-&(-~]*(?: [!-&(-~]+)* ?'(?![A-Za-z0-9])")
"""What `shown` gives: no quote within, no two spaces in a row. An apostrophe of a sentence begins none."""
_KEPT = "\0"


def escaped(text: str) -> str:
    """Printable ASCII as it is, every other character (a newline too) by its number."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if " " <= each <= "~" else _number(each) for each in text)


def _number(each: str) -> str:
    code = ord(each)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no text
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def line(text: str) -> str:
    """One line of ours that a text from outside may stand in: escaped, and no two spaces in a row."""
    return re.sub("(?<= ) ", "\\\\x20", escaped(text))


def plain(text: str) -> str:
    """Lines of ours, each in printable ASCII."""
    return "\n".join(escaped(line) for line in text.split("\n"))


def shown(text: object) -> str:
    """AUD-13: any text from outside: printable ASCII, in quotes, cut at 200 characters.

    A quote, a backslash and the second of two spaces are written by number, so that it ends where it says, and nothing of it is moved to
    where a line of ours begins."""
    said = line(str(text).replace("\\", "\\x5c").replace("'", "\\x27"))
    return f"'{said}'" if len(said) <= MOST else f"'{said[:MOST]}...'"


def of_system(error: OSError) -> str:
    """What the system said, and of which file."""
    return f"{error.strerror or escaped(str(error))} ({shown(error.filename) if error.filename else 'no file named'})"


def rows(text: str, width: int, indent: str = "") -> list[str]:
    """A message of one line as rows that are torn at spaces alone."""
    return wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def wrap(text: str, width: int, **how: Any) -> list[str]:
    """`textwrap.wrap`, but that nothing which `shown` gave is torn at a space, and that a later row which would be nothing but one of our
    verdicts says that it goes on."""
    kept = _QUOTED.sub(lambda found: found[0].replace(" ", _KEPT), escaped(text))
    wrapped = _back(textwrap.wrap(kept, width, **how))
    return [row if at == 0 else _marked(row, how.get("subsequent_indent", "")) for at, row in enumerate(wrapped)]


def _back(wrapped: Sequence[str]) -> list[str]:
    return [row.replace(_KEPT, " ") for row in wrapped]


def _marked(row: str, indent: str) -> str:
    alone = row.strip().strip("'\".,;:!-").upper() in VERDICTS
    return f"{indent}| {row.strip()}" if alone else row
