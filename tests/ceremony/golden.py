"""Golden screens: what stands at the prompts of a ceremony, kept in docs/screens. What differs from play to play (digests, words, times,
own addresses) is covered with letters of the same length, so that everything else, and the layout, must be as it is kept."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ceremony import demonstration
from ceremony.base.amounts import grouped
from ceremony.base.words import THREE_SYLLABLES, TWO_SYLLABLES
from ceremony.cast import Pace
from ceremony.demonstration import PAYEE, Stage
from tests.ceremony import rehearsal
from tests.ceremony.eyes import Eyes

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
Leaf = tuple[str, str]
"""The step's title, and the screen at one of its prompts."""

OFFERED, MACHINE, ASKS = "your new passphrase", "Machine and HSM", "asks for its PIN"
_PGP = {word.lower() for word in (*TWO_SYLLABLES, *THREE_SYLLABLES)}
_KEPT = grouped(PAYEE).split()
_RULES: tuple[tuple[str, str], ...] = (
    (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T00:00:00Z"),
    (r"20\d\d-\d\d-\d\d \d\d:\d\d", "2026-01-01 00:00"),
    (r"20\d\d-\d\d-\d\d(?! \d\d:)", "2026-01-01"),
    (r"\d+\.\d s\)", "0.0 s)"),
    (r"word \d+ of the head on your slip:.*", "word n of the head on your slip:"),
    (r"\bt-\d{8}-[0-9a-f]{8}", "t-20260101-xxxxxxxx"),
    (r"(genesis +|, head )(?:[A-Za-z]+ ?){3,4}(?: ?\.\.\.)?$", r"\1word word word word ..."),
    (r"group \d+ (.*slip:).*", r"group n \1"),
    (r"(word \d of 6: ).+", r"\1word"),
    (r"(Note: (?:ceremony \d+, )?entry) \d+, words \S+ \S+\.$", r"\1 n, words word word."),
    (r"(entry number of your newest note of this ceremony \(or none\): )\d+", r"\1n"),
    (r"(both words of that note: )\S+ \S+", r"\1word word"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:" + "x" * 43),
)


def covered(screen: str) -> str:
    """The screen with everything covered that is another thing in each play."""
    lines = [_covered(line).rstrip() for line in screen.splitlines()]
    if OFFERED in screen:
        lines = [re.sub(r"([1-6]  )[a-z-]+", r"\1word", line) for line in lines]
    asks = next((at for at, line in enumerate(lines) if ASKS in line), None)
    if asks is not None:  # what this machine has is another thing on each
        lines[2:asks] = ["  ..."]
    return "\n".join(lines)


def _covered(line: str) -> str:
    for pattern, instead in _RULES:
        line = re.sub(pattern, instead, line)
    line = re.sub(r"(?<![0-9a-z])(?:[0-9a-f]{4} ){2,}[0-9a-f]{4}(?![0-9a-z])", lambda m: re.sub(r"[0-9a-f]", "x", m[0]), line)
    line = re.sub(r"[0-9a-f]{16,}|[1-9A-HJ-NP-Za-km-z]{40,}", lambda m: "x" * len(m[0]), line)
    line = re.sub(r"(?<![0-9a-z])(?:[0-9a-z]{4} ){4,}[0-9a-z]{1,4}(?![0-9a-z])", lambda m: _groups(m[0]), line)
    return re.sub(r"(\d )([A-Za-z]+)( *)", _word, line)


def _groups(text: str) -> str:
    """Groups of four: those of the payee stand as they are, hexadecimal digits and own addresses are covered."""
    groups = text.split()
    return text if any(groups == _KEPT[at : at + len(groups)] for at in range(len(_KEPT))) else re.sub(r"[0-9a-z]", "x", text)


def _word(match: re.Match[str]) -> str:
    """A PGP word with its number, padded as it stands there."""
    if match[2].lower() not in _PGP:
        return match[0]
    return match[1] + ("word".ljust(len(match[2]) + len(match[3])) if match[3] else "word")


def distinct(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The first screen of each step and kind of prompt: not the same one again for each person."""
    found: dict[tuple[str, str], Leaf] = {}
    for title, seen in leaves:
        screen = covered(seen)
        prompt = screen.rstrip().rpartition("\n")[2]
        if title == MACHINE and prompt.startswith("Page "):
            continue  # as many pages as this machine has findings
        asked = re.sub(r"\b([A-I][1-9]|cfo|cto|administrator|witness|custodians?|you are [A-Z]\w+ [A-Z]\w+)\b", "person", prompt)
        found.setdefault((title, asked), (title, screen))
    return list(found.values())


def text_of(leaves: Iterable[Leaf]) -> str:
    """The file in docs/screens: each screen under its step's title."""
    return "".join(f"=== {title}\n{screen.rstrip()}\n\n" for title, screen in distinct(leaves))


def outputs(set_: Stage) -> dict[str, str]:
    """Screens without a prompt, of a desk that has authorized a transfer: what an officer reads, and where everything stands."""
    papers = ("--charter", "office/charter.json", "--policy", "office/policy.json")
    known = ("--register", "register", "--snapshot", "online/snapshot.json", "--key-record", demonstration.key_record(set_))
    shown, _ = rehearsal.run(set_, "authorize", "show", "office/authorization.json", *papers, *known)
    status, _ = rehearsal.run(set_)
    custody, _ = rehearsal.run(set_, "custody", "status", "--register", "register")
    named = {"authorize": ("show", shown), "status": ("ceremony", status), "custody": ("custody status", custody)}
    return {name: text_of([leaf]) for name, leaf in named.items()}


def main() -> None:
    """Play the small desk, and keep its screens."""
    with tempfile.TemporaryDirectory() as folder:
        set_ = rehearsal.stage(Path(folder) / "stage")
        demonstration.found(set_)
        eyes = {kind: Eyes() for kind in ("keygen", "transfer", "receipt")}
        acts = {
            "keygen": (demonstration.generate,),
            "": (demonstration.fund, demonstration.snapshot, demonstration.authorize),
            "transfer": (demonstration.prepare, demonstration.transfer),
        }
        for kind, played in acts.items():
            set_.cast.pace = eyes.get(kind, Pace())
            for act in played:
                act(set_)
            if not kind:
                kept = outputs(set_)
        set_.cast.pace = Pace()
        demonstration.broadcast(set_)
        demonstration.mine(set_)
        *looked, close = demonstration.receipt_commands(set_)
        set_.act("Receipts", *looked)
        set_.cast.pace = eyes["receipt"]
        set_.act("Close", close)
    SCREENS.mkdir(exist_ok=True)
    for kind, text in {**kept, **{kind: text_of(seen.leaves) for kind, seen in eyes.items()}}.items():
        (SCREENS / f"{kind}.txt").write_text(text, encoding="utf-8")
        print(f"written: docs/screens/{kind}.txt")


if __name__ == "__main__":
    main()
