"""What is generated in docs/ is what the code says, and every control is what the catalogue, its function and its tests say."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from ceremony.base.catalogue import CATALOGUE, EVERY, SECTIONS
from ceremony.base.signatures import Namespace
from ceremony.cli import cli
from ceremony.record import entries
from tests import walls
from tests.record import sample

ROOT = Path(__file__).parents[1]
FORMATS = ROOT / "docs" / "formats.md"

UNTESTED: set[str] = set()
"""Controls that a function holds and that no test breaks yet. A gap, to be closed; nothing else may be added."""
UNCALLED: set[str] = set()
"""Functions that hold a control and that nothing calls: likewise."""


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_script"] = module
    spec.loader.exec_module(module)
    return module


docs = _script()
HELD = dict(docs.held())
BROKEN = docs.broken(ROOT)
MARKED = {identifier for test in BROKEN for identifier in test.identifiers}


def test_generated_documents_are_not_stale() -> None:
    assert [str(path.relative_to(ROOT)) for path in docs.stale(ROOT)] == [], "run scripts/docs"


def test_a_stale_page_and_a_stale_table_are_seen(tmp_path: Path) -> None:
    for name in ("controls.md", "formats.md", "architecture.md"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_bytes((ROOT / "docs" / name).read_bytes())
    changed = tmp_path / "docs" / "formats.md"
    changed.write_text(changed.read_text().replace("| `removed` |", "| `remove` |"))
    assert changed in docs.stale(tmp_path)
    controls = tmp_path / "docs" / "controls.md"
    assert controls in docs.stale(tmp_path)  # it names no test: there is none under tmp_path


def test_every_control_that_is_held_is_in_the_catalogue() -> None:
    assert set(HELD) - set(CATALOGUE) == set()
    assert {identifier: place for identifier, place in docs.used(ROOT).items() if identifier not in CATALOGUE} == {}


def test_every_control_that_is_held_has_a_test_that_breaks_it() -> None:
    assert sorted(set(HELD) - MARKED) == sorted(UNTESTED)


def test_every_mark_names_a_control_of_the_catalogue() -> None:
    assert {f"{test.file}::{test.name}": test.identifiers for test in BROKEN if set(test.identifiers) - set(CATALOGUE)} == {}


def test_every_function_that_holds_a_control_is_called() -> None:
    """A check that nothing calls holds nothing: its name stands elsewhere in the code than where it is defined."""
    named: set[str] = set()
    for path in walls.sources(ROOT):
        for node in ast.walk(walls.parsed(path)):
            if isinstance(node, ast.Name | ast.Attribute):
                named.add(node.id if isinstance(node, ast.Name) else node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.add(node.value.rpartition(":")[2])  # the steps of the script are named in strings
    assert sorted({place for place in HELD.values() if place.rpartition(".")[2] not in named}) == sorted(UNCALLED)


def test_docstrings_of_controls_name_them() -> None:
    """Whoever reads the function reads which control it is."""
    missing = []
    for path in walls.sources(ROOT):
        for node in ast.walk(walls.parsed(path)):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    names = [ast.literal_eval(a) for a in decorator.args] if _is_control(decorator) else []  # type: ignore[attr-defined]
                    missing += [f"{node.name}: {name}" for name in names if name not in (ast.get_docstring(node) or "")]
    assert missing == []


def _is_control(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "control"


def test_the_catalogue_is_in_order_and_names_real_entries() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE, key=lambda name: (list(SECTIONS).index(name[:3]), name))
    assert {name for each in CATALOGUE.values() for name in each.recorded} - set(entries.ALL) <= {EVERY}
    assert [identifier for identifier, each in CATALOGUE.items() if identifier not in HELD and not each.instead] == []
    assert [identifier for identifier, each in CATALOGUE.items() if not re.fullmatch(r"[A-Z`][ -~]+[^.]", each.rule)] == []


def test_every_field_has_a_meaning() -> None:
    found = [line for line in FORMATS.read_text().splitlines() if line.endswith(f"| {docs.NO_MEANING} |")]
    assert found == []


@pytest.mark.parametrize("names", [Namespace.__args__, entries.FileKind.__args__, entries.Signature.__annotations__["purpose"]])  # type: ignore[attr-defined]
def test_every_kind_of_file_and_signature_is_described(names: tuple[str, ...] | str) -> None:
    text = FORMATS.read_text()
    listed = ast.literal_eval(names.removeprefix("Literal").replace("[", "(").replace("]", ")")) if isinstance(names, str) else names
    assert [name for name in listed if f"`{name}`" not in text] == []


def test_every_control_that_a_document_names_is_in_the_catalogue() -> None:
    named = re.compile(rf"\b(?:{'|'.join(SECTIONS)})-[0-9]{{2}}\b")
    found = {name for path in sorted((ROOT / "docs").glob("*.md")) for name in named.findall(path.read_text())}
    assert len(found) > 50
    assert found - set(CATALOGUE) == set()


def test_links_within_a_document_lead_somewhere() -> None:
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text()
        titles = {re.sub(r"[^a-z0-9 _-]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in re.findall(r"(?m)^#+ .*$", text)}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) - titles == set(), path.name


COMMANDS = re.findall(r"```sh in ([0-9a-z-]+)\n(.*?)```", FORMATS.read_text(), flags=re.DOTALL) if FORMATS.exists() else []


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats") / "register"
    sample.write(folder)
    return folder


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_the_commands_of_formats_work_on_a_register(register: Path, number: int, tmp_path: Path) -> None:
    folder, commands = COMMANDS[number]
    command, environment = ["sh", "-eu", "-c", commands], {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=register / folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if "ssh-keygen" in commands:
        assert done.stdout.startswith("Good ")


def test_formats_has_commands() -> None:
    assert len(COMMANDS) == 4


COMMAND = re.compile(r"(?:^|[` ])ceremony ((?:[a-z-]+ )*[a-z-]+)((?: [A-Z]{2,}| --[a-z-]+(?: [A-Za-z0-9./_-]+)?)*)", re.MULTILINE)


@pytest.mark.parametrize("path", ["README.md", "docs/*.md", "docs/guides/*.md", "ceremony/**/*.py"])
def test_every_command_that_a_text_names_is_there_with_its_options(path: str) -> None:
    """What people are told to type: the command, each option, and no argument where it takes none."""
    seen = 0
    for page in sorted(ROOT.glob(path)):
        for match in COMMAND.finditer(page.read_text(encoding="utf-8")):
            words, rest = match[1].split(), match[2]
            command: click.Command | None = cli
            while words and isinstance(command, click.Group) and words[0] in command.list_commands(click.Context(command)):
                command = command.get_command(click.Context(command), words.pop(0))
            if command is None or isinstance(command, click.Group):
                continue
            seen += 1
            told = {option for parameter in command.params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= {*told, "--help"}, f"{page.name}: {match[0]}"
            takes = any(isinstance(parameter, click.Argument) for parameter in command.params)
            assert takes or not re.match(r" [A-Z]", rest) or words, f"{page.name}: {match[0]}"
    assert seen
