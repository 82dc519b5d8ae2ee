"""Writes what of docs/ is generated from the code: controls.md whole, and the marked tables of formats.md and architecture.md.

`scripts/docs` writes, `scripts/docs --check` says what is stale (exit 1). tests/test_docs.py runs the same functions."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ceremony.base.catalogue import CATALOGUE, EVERY, SECTIONS, Control  # noqa: E402
from ceremony.base.control import HELD  # noqa: E402
from ceremony.base.data import Asset, Pattern, canonical  # noqa: E402
from scripts.picture import picture  # noqa: E402

PACKAGES = ("ceremony", "shares", "transfer")
FORMS = (
    "ceremony.base.data",
    "ceremony.base.signatures",
    "ceremony.record.entries",
    "ceremony.record.scripts",
    "ceremony.record.charter",
    "shares.plan",
    "transfer.request",
    "transfer.valuation",
    "transfer.bitcoin.snapshot",
)
"""Modules whose named forms (patterns and closed lists) the tables of docs/formats.md use."""
NO_MEANING = "?"
Form = Pattern | Asset | tuple[str, ...]
"""What a named form stands for: a pattern, an amount, or a closed list."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A test that breaks controls on purpose: its file, its name, the identifiers of its mark."""

    file: str
    name: str
    identifiers: tuple[str, ...]


def modules() -> Iterator[str]:
    """Every module of ours but the two that are programs."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield from (found.name for found in pkgutil.walk_packages(package.__path__, f"{name}.") if not found.name.endswith("__main__"))


def held() -> Mapping[str, str]:
    """Identifier -> function that enforces it, once every module is loaded."""
    for name in modules():
        importlib.import_module(name)
    return HELD


def broken(root: Path) -> tuple[Broken, ...]:
    """Every test under tests/ that is marked with a control, found by reading it, not by running it."""
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = tuple(name for decorator in node.decorator_list for name in _marks(decorator))
                if marks:
                    found.append(Broken(str(path.relative_to(root)), node.name, tuple(dict.fromkeys(marks))))
    return tuple(found)


def _marks(decorator: ast.expr) -> Iterator[str]:
    """The identifiers of `pytest.mark.control(...)`, also as a mark of one case; those that a test computes are not seen here."""
    for node in ast.walk(decorator):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.control":
            yield from (ast.literal_eval(argument) for argument in node.args if isinstance(argument, ast.Constant))


def used(root: Path) -> Mapping[str, str]:
    """Identifier -> a place in the code that names it in a string by itself, as refusals do."""
    found: dict[str, str] = {}
    named = re.compile(rf"({'|'.join(SECTIONS)})-[0-9]{{2}}")
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and named.fullmatch(node.value):
                    found.setdefault(node.value, f"{path.relative_to(root)}:{node.lineno}")
    return found


# --- docs/controls.md -----------------------------------------------------------------------------------------------

_HEAD = """# The controls

Generated from the code by `scripts/docs`; do not edit. The rules stand in ceremony/base/catalogue.py, what enforces a control is
decorated with its identifier, what breaks it is a test marked with it. tests/test_docs.py fails when this page is stale.

A control is **held** when one function enforces it, one refusal carries its identifier, one transcript entry shows it, and one test
breaks it on purpose and sees it refused. The online host writes no transcript: its controls have no entry. A refusal during a
ceremony is an entry of its own, `refusal`, whatever the control.

{held} of {all} controls are held by a function in this release. For each of the others the page says what there is instead.
"Never excepted" holds for all controls but {excepted}: both officers may except these in a form that they sign (`ceremony exception`)
where they are held.
"""


def controls_page(places: Mapping[str, str], tests: tuple[Broken, ...]) -> str:
    """docs/controls.md."""
    excepted = ", ".join(identifier for identifier, each in CATALOGUE.items() if each.excepted)
    count = sum(identifier in places for identifier in CATALOGUE)
    parts = [_HEAD.format(held=count, all=len(CATALOGUE), excepted=excepted)]
    for prefix, title in SECTIONS.items():
        parts.append(f"## {title}\n")
        mine = {identifier: each for identifier, each in CATALOGUE.items() if identifier.startswith(prefix)}
        parts += [_control(identifier, each, places.get(identifier), tests) for identifier, each in mine.items()]
    return "\n".join(parts)


def _control(identifier: str, each: Control, place: str | None, tests: tuple[Broken, ...]) -> str:
    lines = [f"**{identifier}** {each.rule}.", ""]
    if place is None:
        lines.append(f"- **not held in this release**: {each.instead}")
    else:
        lines.append(f"- held by `{place}`")
        if each.recorded:
            lines.append(f"- recorded in {_listed(each.recorded)}")
        if each.instead:
            lines.append(f"- in this release: {each.instead}")
    by_file: dict[str, list[str]] = {}
    for test in tests:
        if identifier in test.identifiers:
            by_file.setdefault(test.file, []).append(test.name)
    lines += [f"- broken in `{file}`: {', '.join(f'`{name}`' for name in names)}" for file, names in by_file.items()]
    return "\n".join([*lines, ""])


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name if name == EVERY else f"`{name}`" for name in names)


# --- docs/formats.md ------------------------------------------------------------------------------------------------


def entries_table(_: str) -> str:
    """Every kind of transcript entry: type, what it says, its body's fields, and the only kinds of ceremonies that can have it."""
    from ceremony.record import scripts  # noqa: PLC0415
    from ceremony.record.entries import ALL  # noqa: PLC0415

    rows = ["| type | says | body | in |", "|---|---|---|---|"]
    places: dict[str, list[str]] = {}
    for kind in scripts.KINDS:
        for name in {row.split()[0].partition(":")[0] for step in scripts.current(kind).steps for row in step.may}:
            places.setdefault(name, []).append(kind)
    for name, cls in ALL.items():
        body = "; ".join(f"`{f}` {form}" for f, form in forms_of(cls).items())
        rows.append(f"| `{name}` | {_cell(' '.join((cls.__doc__ or '').split()))} | {body} | {', '.join(places.get(name, ()))} |")
    return "\n".join(rows)


def released_table(_: str) -> str:
    """Every script that was ever released."""
    from ceremony.record.scripts import RELEASED  # noqa: PLC0415

    rows = ["| kind | release | SHA-256 |", "|---|---|---|"]
    rows += [f"| {release.kind} | {release.number} | `{digest}` |" for digest, release in RELEASED.items()]
    return "\n".join(rows)


def looser_table(_: str) -> str:
    """Which way each field of charter and policy is looser (`LOOSER`)."""
    from ceremony.record.in_force import LOOSER  # noqa: PLC0415

    rows: dict[str, list[str]] = {}
    for name, way in LOOSER.items():
        rows.setdefault(way, []).append(f"`{name}`")
    return "| way | fields |\n|---|---|\n" + "\n".join(f"| {way} | {', '.join(names)} |" for way, names in rows.items())


def rests_table(_: str) -> str:
    """What every field of every entry rests on."""
    from ceremony.record.fields import FIELDS  # noqa: PLC0415

    rows = ["| entry | field | is | to, or whose word |", "|---|---|---|---|"]
    rows += [f"| `{name}` | `{field}` | {rests.how} | {rests.to} |" for name, each in FIELDS.items() for field, rests in each.items()]
    return "\n".join(rows)


def forms_table(_: str) -> str:
    """The named forms that the other tables use."""
    rows = ["| form | what it is | exactly |", "|---|---|---|"]
    for name, form in sorted(named_forms().items()):
        if isinstance(form, Asset):
            written = canonical(form.written(60_000_000)).decode().rstrip()
            rows.append(f"| {name} | an amount of {form.code} in base units | such as `{written}`, `units` a number |")
        elif isinstance(form, Pattern):
            rows.append(f"| {name} | {_cell(form.name)} | `{_cell(form.regex)}` |")
        else:
            rows.append(f"| {name} | one of a closed list | {_cell(', '.join(f'`{choice}`' for choice in form))} |")
    return "\n".join(rows)


def named_forms() -> dict[str, Form]:
    """Name -> pattern, amount or choices, of every form in FORMS; two forms of one name must be the same."""
    found: dict[str, Form] = {}
    for module in FORMS:
        for name, value in vars(importlib.import_module(module)).items():
            origin, args = typing.get_origin(value), typing.get_args(value)
            form: Form
            if origin is Annotated and isinstance(args[1], Pattern | Asset):
                form = args[1]
            elif origin is Literal:
                form = args
            else:
                continue
            if found.setdefault(name, form) != form:
                raise ValueError(f"two forms are called {name}")
    return found


def forms_of(cls: type) -> dict[str, str]:
    """Field -> its form in words, from the annotations as they stand in the code."""
    inherited: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        inherited |= getattr(base, "__annotations__", {})
    return {f.name: _form(ast.parse(inherited[f.name], mode="eval").body) for f in fields(cls)}


def _form(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        return f"{_form(node.left)}, may be absent"
    if isinstance(node, ast.Name | ast.Attribute):
        return {"int": "number", "bytes": "bytes"}.get(ast.unparse(node), ast.unparse(node))
    if not isinstance(node, ast.Subscript):
        raise TypeError(f"no words for {ast.unparse(node)}")
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    outer = ast.unparse(node.value)
    if outer == "Literal":
        return " or ".join(f"`{ast.literal_eval(choice)}`" for choice in inner)
    if outer == "tuple":
        return f"list of {_form(inner[0])}"
    if outer == "dict":
        return f"object: {_form(inner[0])} to {_form(inner[1])}"
    raise TypeError(f"no words for {ast.unparse(node)}")


def fields_table(argument: str, old: str = "") -> str:
    """Field, form and meaning of one record (`module:Class`). The meaning is written by hand in the table and kept."""
    module, name = argument.split(":")
    cls = getattr(importlib.import_module(module), name)
    meanings = {row[0]: row[2] for row in _rows(old)}
    rows = ["| field | form | meaning |", "|---|---|---|"]
    rows += [f"| `{f}` | {_cell(form)} | {meanings.get(f'`{f}`', NO_MEANING)} |" for f, form in forms_of(cls).items()]
    return "\n".join(rows)


def _rows(table: str) -> Iterator[list[str]]:
    for line in table.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if len(cells) == 3:
            yield cells


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "\\n")


# --- docs/architecture.md -------------------------------------------------------------------------------------------


def house_tree(_: str) -> str:
    """Every module with the first sentence of its docstring."""
    lines = ["```text"]
    folder = ""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py"), key=lambda path: (str(path.parent), path.name)):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"), str(path)))
            if said is None and path.name == "__init__.py":
                continue
            here = str(path.parent.relative_to(ROOT))
            if here != folder:
                lines.append(f"{here}/")
                folder = here
            lines.append(f"  {path.name:<18} {_sentence(said or '')}")
    return "\n".join([*lines, "```"])


def _sentence(text: str) -> str:
    first = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[a-z0-9)`])[.](?:\s|$)", first)[0]


def script_table(kind: str) -> str:
    """The script of one kind of ceremony."""
    from ceremony.script.table import SCRIPTS  # noqa: PLC0415

    rows = ["| step | phase | title | who | minutes | controls | ends with |", "|---|---|---|---|---|---|---|"]
    for step in SCRIPTS[kind]:
        ends = "administrator and witness sign" if step.staff_signs else ""
        ends += "; lost with the vault, then repeated" if step.script.live == "yes" else ""
        controls = ", ".join(step.controls)
        rows.append(
            f"| {step.number} | {step.phase} | {step.title} | {step.who} | {step.minutes} | {controls} | {ends.removeprefix('; ')} |"
        )
    return "\n".join(rows)


def screen_block(argument: str) -> str:
    """A golden screen (docs/screens, held to what people see by tests/ceremony/test_screens.py): `KIND TITLE`, and which one of that
    title if it is not the first."""
    match = re.fullmatch(r"(\w+) (.+?)(?: (\d+))?", argument)
    if match is None:
        raise ValueError(f"not a screen: {argument!r}")
    kind, title, number = match[1], match[2], int(match[3] or 1)
    kept = (ROOT / "docs" / "screens" / f"{kind}.txt").read_text(encoding="utf-8")
    found = [part for part in re.split(r"^=== ", kept, flags=re.MULTILINE) if part.startswith(f"{title}\n")]
    return "```text\n" + found[number - 1].removeprefix(f"{title}\n").rstrip() + "\n```"


MARKED = re.compile(
    r"<!-- (entries|forms|fields|looser|released|rests|tree|script|screen)(?: ([A-Za-z0-9_.:, -]+?))? -->\n(.*?)<!-- end -->", re.DOTALL
)
MAKERS: dict[str, Callable[[str], str]] = {
    "entries": entries_table,
    "forms": forms_table,
    "looser": looser_table,
    "released": released_table,
    "rests": rests_table,
    "tree": house_tree,
    "script": script_table,
    "screen": screen_block,
}


def regenerated(text: str) -> str:
    """A document with each of its marked tables made anew."""

    def table(match: re.Match[str]) -> str:
        kind, argument, old = match[1], match[2] or "", match[3]
        made = fields_table(argument, old) if kind == "fields" else MAKERS[kind](argument)
        start = match[0].partition("\n")[0]
        return f"{start}\n{made}\n<!-- end -->"

    return MARKED.sub(table, text)


def _regenerated_file(path: Path) -> str:
    return regenerated(path.read_text(encoding="utf-8"))


def pages(root: Path = ROOT) -> dict[Path, Callable[[], str]]:
    """Each generated document and how it is made."""
    marked = (root / "docs" / "formats.md", root / "docs" / "architecture.md", *sorted((root / "docs" / "guides").glob("*.md")))
    return {
        root / "docs" / "controls.md": lambda: controls_page(held(), broken(root)),
        root / "docs" / "pictures" / "demo.svg": picture,
        **{path: partial(_regenerated_file, path) for path in marked},
    }


def stale(root: Path = ROOT) -> list[Path]:
    """The documents that are not what the code says."""
    return [path for path, make in pages(root).items() if not path.exists() or path.read_text(encoding="utf-8") != make()]


def main() -> int:
    """Write, or with --check only tell."""
    found = stale()
    for path in found:
        if "--check" not in sys.argv[1:]:
            path.write_text(pages()[path](), encoding="utf-8")
        print(f"{'stale' if '--check' in sys.argv[1:] else 'written'}: {path.relative_to(ROOT)}")
    return 1 if found and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
