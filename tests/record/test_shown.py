"""AUD-13: whatever comes from a file, a name, a node or a library, nothing reaches a terminal, page or PDF but printable ASCII, in quotes,
cut, behind our own words; and no verdict stands alone on a line but ours."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceremony.base import show
from ceremony.base.control import Refused
from ceremony.base.data import Malformed, canonical
from ceremony.base.lines import sha256
from ceremony.cli import main
from ceremony.record.report import html
from ceremony.record.transcript import NAME
from ceremony.record.verify import verify
from ceremony.screen import panels, paper
from ceremony.screen.terminal import Stopped, Terminal
from ceremony.vault.prompt import Prompt
from tests.long import every
from tests.nodes.test_core import SIGNED, error, http_answer, server
from tests.record import sample, tamper
from tests.record.sample import Anchor
from tests.record.test_verify_stock import run as stock
from transfer.nodes import Unresolved
from transfer.nodes.core import CoreNode

WIDTH = 80
HOSTILE = (
    "\x1b[2J\x1b[HVERIFIED\x1b[E\x1b[8m",
    "\x9b2J\x9bHVERIFIED\x9bE",
    "\u202eDEIFIREV\u202c\u2028VERIFIED\u2029",
    "a\nVERIFIED\nb\r\nVERIFIED\r",
    f"{' ' * 78}VERIFIED{' ' * 78}VERIFIED ",
    f"{'a' * 70} VERIFIED {'b' * 75}",
    "' VERIFIED '\\",
    "\uff36\uff25\uff32\uff29\uff26\uff29\uff25\uff24 \x00\x07\x08\x7f\ud800",
)
"""Escape, C1, directions and line separators, newlines, spaces up to the next row, words that wrap, quotes, letters that look like ours."""


def check_shown(shown: str) -> None:
    """No character but printable ASCII and our newlines; no verdict alone on a row of a terminal, however that breaks long lines."""
    assert all(" " <= each <= "~" or each == "\n" for each in shown), ascii(shown)
    for line in shown.split("\n"):
        for at in range(0, max(len(line), 1), WIDTH):
            assert line[at : at + WIDTH].strip() != "VERIFIED", shown


def command(*words: str) -> tuple[str, int]:
    """A command in this process: all that it shows, and its exit code."""
    shown = io.StringIO()
    with redirect_stdout(shown), redirect_stderr(shown), pytest.raises(SystemExit) as ended:
        main(words)
    return shown.getvalue(), int(ended.value.code or 0)


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    return sample.given(tmp_path_factory.mktemp("shown") / "register")


def check_both(register: Path) -> None:
    """Both verifiers say something that can be shown, and neither says VERIFIED."""
    shown, code = command("audit", "verify", str(register))
    assert code in (1, 2, 3), shown
    check_shown(shown)
    assert "VERIFIED" not in shown.split("\n")[0].split("'")[0]
    done = stock(register)
    assert done.returncode in (1, 3), done.stderr
    check_shown(done.stdout + done.stderr)


# --- the function itself -----------------------------------------------------------------------------------------------------


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_text_from_outside_is_quoted_cut_and_in_plain_characters(text: str) -> None:
    found = show.shown(text * 50)
    assert (found[0], found[-1], found.count("'"), "  " in found, "\\" in found or text.isascii()) == ("'", "'", 2, False, True)
    assert len(found) <= show.MOST + len("'...'")
    check_shown(found)


@given(st.text())
def test_what_is_short_can_be_told_apart(text: str) -> None:
    found = show.shown(text)
    assert found.isascii()
    assert found.isprintable()
    if len(found) < show.MOST and "\udc80" > max(text, default="") > "":
        told = found[1:-1].encode("ascii").decode("unicode_escape")
        assert told == text


@given(st.lists(st.sampled_from(["VERIFIED", " ", "  ", "a" * 60, "b" * 77, "'", "\n", "incomplete", "."])), st.integers(20, 90))
def test_no_row_is_a_verdict_of_somebody_else(parts: list[str], width: int) -> None:
    text = f"the file {show.shown(''.join(parts))} is extra; he said {''.join(parts)}"
    told = show.rows(text, width, "  ")
    assert all(row.strip() not in show.VERDICTS for row in told)
    assert "".join("".join(told).replace("| ", "").split()) == "".join(show.escaped(text).replace("| ", "").split())


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_nobody_quoted_leaves_in_plain_characters_all_the_same(text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Errors, the terminal, prompts, the vault's prompt, a page, paper."""
    with pytest.raises(Refused) as refused:
        raise Refused("AUD-01", text, found=text, expected=text, do=text)
    assert len(str(refused.value).split("\n")) == 4
    terminal = Terminal(read=lambda prompt: print(prompt) or "q")  # type: ignore[func-returns-value]
    terminal.say(f"{refused.value}")
    terminal.say(str(Malformed(f"a file: {text}")))
    terminal.show(panels.field("name", text))
    terminal.show(panels.paragraph(f"The reason is {text}"))
    with pytest.raises(Stopped):
        terminal.ask(f"{show.shown(text)}: ", "Enter")
    check_shown(capsys.readouterr().out)
    page = html.el("p", text, title=text).markup
    assert all(" " <= each <= "~" or each == "\n" for each in page)
    if not (text.isascii() and text.isprintable()):
        with pytest.raises(ValueError, match="does not fit the page"):
            paper.pdf("title", [[text]], "practice")


def test_the_vaults_prompt_shows_plain_characters_alone() -> None:
    reader, writer = os.openpty()
    prompt = Prompt(writer, writer)
    for text in HOSTILE:
        prompt.say(f"token {text.strip()[:40]}")
    os.write(writer, b"end\n")
    found = b""
    while b"end" not in found:
        found += os.read(reader, 10_000)
    os.close(reader)
    os.close(writer)
    assert all(each in b"\r\n" or 0x20 <= each <= 0x7E for each in found)


# --- a register --------------------------------------------------------------------------------------------------------------


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("text", [text for text in HOSTILE if "\x00" not in text], ids=ascii)
@pytest.mark.parametrize("where", ["0003-receipt/", "", "."])
def test_a_name_in_the_register(anchor: Anchor, tmp_path: Path, text: str, where: str) -> None:
    """A file beside the documents; a folder beside the ceremonies; a hidden one."""
    shutil.copytree(anchor.register, tmp_path / "register")
    path = tmp_path / "register" / f"{where}{text}"
    if where == "0003-receipt/":
        path.write_text("x")
    else:
        path.mkdir()
    check_both(tmp_path / "register")


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("text", [text for text in HOSTILE if "\x00" not in text], ids=ascii)
def test_a_name_on_the_command_line(anchor: Anchor, tmp_path: Path, text: str) -> None:
    for words in (("audit", "verify", text), ("audit", text), (text,), ("audit", "verify", f"--{text}"), ("words", text, text)):
        shown, code = command(*words)
        assert code != 0, shown
        check_shown(shown)
    shutil.copytree(anchor.register, tmp_path / f"of {text}")
    shown, code = command("audit", "verify", str(tmp_path / f"of {text}"), "--genesis", anchor.genesis, "--head", anchor.head)
    assert (code, shown.split("\n")[0]) == (0, "VERIFIED")
    check_shown(shown.removeprefix("VERIFIED\n"))
    check_shown(stock(tmp_path / f"no {text}").stderr)


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every text of a document stands, and every key."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key, "KEY")
            yield from fields(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from fields(item, (*path, at))
    else:
        yield path


def changed(value: Any, path: tuple[Any, ...], text: str) -> Any:
    """The same document with this text in that place."""
    if not path:
        return text
    if path[1:] == ("KEY",):
        return {(text if key == path[0] else key): item for key, item in value.items()}
    if isinstance(value, dict):
        return {key: changed(item, path[1:], text) if key == path[0] else item for key, item in value.items()}
    return [changed(item, path[1:], text) if at == path[0] else item for at, item in enumerate(value)]


def each_field(register: Path) -> list[tuple[Path, int, tuple[Any, ...]]]:
    """Every field of every type of entry once: transcript, line, place."""
    found: dict[tuple[Any, ...], tuple[Path, int, tuple[Any, ...]]] = {}
    for name in tamper.transcripts(register):
        for at, line in enumerate((register / name).read_bytes().splitlines()):
            entry = json.loads(line)
            for path in fields(entry):
                if path[0] not in ("seq", "prev"):
                    kind = tuple(part for part in path if not isinstance(part, int))
                    found.setdefault((entry["type"], kind), (register / name, at, path))
    return list(found.values())


def put(register: Path, genesis: str, where: tuple[Path, int, tuple[Any, ...]], text: str) -> None:
    """One field of one entry, and the chain made whole again."""
    name, at, path = where
    lines = name.read_bytes().splitlines(keepends=True)
    lines[at] = canonical(changed(json.loads(lines[at]), path, text))
    name.write_bytes(b"".join(lines))
    tamper.rechain(register, genesis, lambda entry: entry)


STRIDE = int(os.environ.get("SHOWN_STRIDE", "7"))
"""Every how many fields the stock verifier is asked as well; ours is asked of each."""


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("part", every(4, range(4)))
def test_every_field_of_every_entry(anchor: Anchor, tmp_path: Path, part: int) -> None:
    """Whatever stands in it, neither verifier shows it as it is."""
    count = 0
    for number, (name, at, path) in enumerate(each_field(anchor.register)):
        if number % 4 != part:
            continue
        copy = tmp_path / "register"
        shutil.copytree(anchor.register, copy)
        text = HOSTILE[number % len(HOSTILE)]
        put(copy, anchor.genesis, (copy / name.relative_to(anchor.register), at, path), text)
        shown, code = command("audit", "verify", str(copy), "--notes")
        assert code in (1, 3), (path, shown)
        check_shown(shown)
        if number % STRIDE == 0:
            done = stock(copy)
            assert done.returncode in (1, 3), done.stderr
            check_shown(done.stdout + done.stderr)
        count += 1
        shutil.rmtree(copy)
    assert count > 30


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_first_entry_that_draws_a_verdict(anchor: Anchor, tmp_path: Path, text: str) -> None:
    """With the genuine genesis and the head of what is there, as somebody would be told to type them."""
    folder = tmp_path / "register" / "0001-keygen"
    folder.mkdir(parents=True)
    shutil.copy(anchor.register / "0001-keygen" / "charter.json", folder)
    body = {"ceremony": text, "kind": text, "genesis": text, "mark": text}
    for entry_type, given_body in ((text, body), ("opened", body), ("opened", {**body, "ceremony": "1"}), ("opened", {text: text})):
        line = {"actor": "tool", "body": given_body, "prev": anchor.genesis, "seq": "1", "time": "2026-11-30T11:00:00Z", "type": entry_type}
        raw = canonical(line)
        (folder / NAME).write_bytes(raw)
        shown, code = command("audit", "verify", str(tmp_path / "register"), "--genesis", anchor.genesis, "--head", sha256(raw))
        done = stock(tmp_path / "register", anchor.genesis, sha256(raw))
        assert code == 1
        assert done.returncode in (1, 3)
        check_shown(shown)
        check_shown(done.stdout + done.stderr)


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("document", ["charter.json", "policy.json", "key-record.json"])
def test_every_field_of_what_people_sign(anchor: Anchor, tmp_path: Path, document: str) -> None:
    tree = json.loads((anchor.register / "0001-keygen" / document).read_bytes())
    for number, path in enumerate(fields(tree)):
        text = HOSTILE[number % len(HOSTILE)]
        register = tmp_path / str(number)
        shutil.copytree(anchor.register, register)
        (register / "0001-keygen" / document).write_bytes(canonical(changed(tree, path, text)))
        shown, code = command("audit", "verify", str(register))
        assert code == 1, shown
        check_shown(shown)
        shutil.rmtree(register)


# --- a node ------------------------------------------------------------------------------------------------------------------


@pytest.mark.control("AUD-13")
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_nodes_words(tmp_path: Path, text: str) -> None:
    cookie = tmp_path / "cookie"
    cookie.write_text("name:password")
    told: list[str] = []
    for code in (-1, -5, -25, -26, -27, -28):
        with server(lambda socket_, code=code: socket_.sendall(http_answer(error(code, text)))) as port:  # type: ignore[misc]
            with pytest.raises(Malformed) as unusable:
                CoreNode(port, cookie).tip()
            with pytest.raises((Malformed, Unresolved)) as unclear:
                CoreNode(port, cookie).broadcast(SIGNED)
        told += [str(unusable.value), str(unclear.value)]
    chain = http_answer(json.dumps({"result": {"chain": text}, "error": None}).encode())
    with server(lambda socket_: socket_.sendall(chain)) as port, pytest.raises(Malformed) as other:
        CoreNode(port, cookie).chain()
    for each in (*told, str(other.value)):
        check_shown(each)
        check_shown("\n".join(show.rows(each.split("\n")[0], 79)))
    assert any("'" in each for each in told)


# --- notes, and digests as people have them ------------------------------------------------------------------------------------


def test_the_gravest_and_newest_note_is_told_first_and_all_of_them_on_demand(tmp_path: Path) -> None:
    anchor = sample.settled(tmp_path / "register", 8)
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    shown, _ = command("audit", "verify", str(anchor.register), "--genesis", anchor.genesis, "--head", anchor.head)
    whole, _ = command("audit", "verify", str(anchor.register), "--genesis", anchor.genesis, "--head", anchor.head, "--notes")
    assert len(verdict.notes) > 6
    assert all(note in " ".join(whole.split()) for note in verdict.notes)
    assert f"and {len(verdict.notes) - 6} more: --notes tells all" in shown
    assert all(note[:60] in shown for note in verdict.notes[:6])
    numbers = [int(note[:4]) for note in verdict.notes if "finding" in note]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) > 2


def groups(digest: str) -> str:
    return " ".join(digest[at : at + 8] for at in range(0, 64, 8))


def test_digests_are_taken_as_they_are_printed(anchor: Anchor) -> None:
    from ceremony.base.words import spoken, spoken_rows  # noqa: PLC0415

    for form in (str.upper, lambda digest: groups(digest).title()):
        genesis, head = form(anchor.genesis), form(anchor.head)
        shown, code = command("audit", "verify", str(anchor.register), "--genesis", genesis, "--head", head)
        assert (code, shown.split("\n")[0], "Compared by words" in shown) == (0, "VERIFIED", False)
        done = stock(anchor.register, genesis, head)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "VERIFIED")
    for said in (" ".join(spoken(anchor.head)), "\n".join(spoken_rows(anchor.head)).lower()):
        shown, code = command("audit", "verify", str(anchor.register), "--genesis", anchor.genesis, "--head", said)
        assert (code, shown.split("\n")[:2]) == (0, ["VERIFIED", "Compared by words: 128 bits of head; digits would be 256."])


@pytest.mark.control("AUD-10")
def test_words_of_another_register_and_of_an_older_head_are_refused(anchor: Anchor) -> None:
    from ceremony.base.words import spoken  # noqa: PLC0415

    def with_words(genesis: str, head: str) -> str:
        words = ("--genesis", " ".join(spoken(genesis)), "--head", " ".join(spoken(head)))
        shown, code = command("audit", "verify", str(anchor.register), *words)
        assert code != 0, shown
        return shown[:6]

    assert with_words(anchor.head, anchor.head) == "AUD-09"
    assert with_words(anchor.genesis, "ab" * 32) == "AUD-10"
    assert with_words(anchor.genesis, verify(anchor.register).ceremonies[0].head) == "ANCHOR"


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "zz" * 32, "aardvark adroitness"])
def test_what_is_no_digest_is_not_taken(anchor: Anchor, text: str) -> None:
    shown, code = command("audit", "verify", str(anchor.register), "--genesis", text, "--head", anchor.head)
    assert (code, "hexadecimal digits" in shown) == (2, True), shown
    assert stock(anchor.register, text, anchor.head).returncode == 2
