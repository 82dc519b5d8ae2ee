"""Pictures and PDFs of share cards, looked at in a process of its own: libraries that read what anybody may have drawn have no secret there
and no network, and end with it (REC-10).

The child (`python -I -m ceremony.machine.pictures`) gets the file on its input. It writes one line for each way in which it looked, and of
what it read nothing but what has the form of a card's code; or the text of a PDF."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal

from ceremony.base.data import Malformed, Text, dump, load, record
from ceremony.base.keeper import CLONE_NEWNET, apart, tried, unshare
from ceremony.machine import pdf

SECONDS = 120
"""How long a picture or a PDF may be looked at."""
MOST_BYTES = 4_000_000
"""Of an answer."""
MEMORY = 4_000_000_000
"""Bytes of address space: a decoder that wants more is given none."""

TOLD = 3
"""The exit code of a child that says why; one that a library ends with another (a traceback is 1) has nothing to say here."""
ENDED = "the picture or PDF could not be read: its reader was ended"


@record
class Look:
    """The codes that each of the two readers found, looking in one way."""

    type: Literal["look"] = "look"
    first: tuple[Text, ...]
    second: tuple[Text, ...]

    @property
    def readers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Both, in order."""
        return self.first, self.second


def looks(raw: bytes, side: int = pdf.SIDE) -> Iterator[Look]:
    """What is found in a picture (the bytes of a PNG, JPEG or PDF file), way after way, as long as somebody asks; `side`: pixels of the
    longer side of a PDF's page. Malformed if it is none, or takes too long."""
    with _asked(raw, "looks", str(side)) as answer:
        while line := answer.readline(MOST_BYTES):
            yield load(Look, line, "a look at a picture")


def text(raw: bytes) -> str:
    """The text of a PDF's pages."""
    with _asked(raw, "text") as answer:
        return answer.read(MOST_BYTES).decode("utf-8", errors="replace")


@contextmanager
def _asked(raw: bytes, *words: str) -> Iterator[IO[bytes]]:
    """The output of a child that was given the file; it is ended when it is not read any further. Malformed with what it says."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "ceremony.machine.pictures", str(os.getpid()), str(SECONDS), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
    )
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None  # noqa: S101, PT018 (pipes)
    try:
        child.stdin.write(raw)
        child.stdin.close()
        yield child.stdout
        if not child.stdout.read(1):
            said = child.stderr.read(MOST_BYTES).decode("ascii", errors="replace").strip()
            if child.wait() != 0:
                raise Malformed(said if child.returncode == TOLD else ENDED)
    except BrokenPipeError:
        raise Malformed(ENDED) from None
    finally:
        child.terminate()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            pipe.close()


def main() -> int:
    """Go apart, take the file, look at it. Exit code TOLD with a sentence on the error output if it cannot be read."""
    parent, seconds, what, *side = sys.argv[1:]
    apart(int(parent), int(seconds))
    tried(lambda: unshare(CLONE_NEWNET))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    raw = sys.stdin.buffer.read(pdf.MAX_PDF + 1)
    try:
        for answer in [pdf.text(raw).encode("utf-8")] if what == "text" else _looked(raw, int(side[0])):
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 0
    except Malformed as error:
        sys.stderr.write(str(error).encode("ascii", errors="replace").decode("ascii"))
        return TOLD
    return 0


def _looked(raw: bytes, side: int) -> Iterator[bytes]:
    from shares import card  # noqa: PLC0415  (here alone, as the libraries that read)
    from transfer.gap import qr  # noqa: PLC0415

    for picture in pdf.pages(raw, side) if pdf.is_pdf(raw) else (raw,):
        for image in qr.looks(picture):
            found = (tuple(text for text in reader(image) if card.is_scan(text)) for reader in (qr.first_reader, qr.second_reader))
            first, second = found
            yield dump(Look(first=first, second=second))


if __name__ == "__main__":
    sys.exit(main())
