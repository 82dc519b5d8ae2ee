"""The walls of the house hold; and each rule bites when it is broken."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ceremony.cli import COMMANDS
from ceremony.script.table import SCRIPTS
from tests import walls

ROOT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]

BREACHES: tuple[tuple[Rule, str, str], ...] = (
    (walls.downwards, "ceremony/base/data.py", "import ceremony.record.charter"),
    (walls.downwards, "ceremony/base/data.py", "from ceremony import record"),
    (walls.downwards, "ceremony/record/charter.py", "from ceremony.script.table import SCRIPTS"),
    (walls.downwards, "ceremony/screen/panels.py", "from ceremony.vault.process import Vault"),
    (walls.downwards, "ceremony/cast.py", "from ceremony.record.register import Register"),
    (walls.downwards, "shares/plan.py", "def late():\n    from transfer.request import AccountKey"),
    (walls.downwards, "shares/plan.py", "from ceremony.record.charter import Charter"),
    (walls.downwards, "transfer/agree.py", "from shares.plan import Plan"),
    (walls.downwards, "transfer/agree.py", "from . import review"),
    (walls.by_name, "transfer/agree.py", "import importlib\nimportlib.import_module('shares.plan')"),
    (walls.sockets, "transfer/gap/ur.py", "import socket"),
    (walls.sockets, "ceremony/vault/opener.py", "from http import client"),
    (walls.sockets, "ceremony/script/room.py", "def fetch():\n    from urllib.request import urlopen"),
    (walls.randomness, "shares/schemes/gf256.py", "from random import shuffle"),
    (walls.randomness, "ceremony/vault/randomness.py", "import secrets"),
    (walls.randomness, "shares/envelope.py", "import os\nsalt = os.urandom(16)"),
    (walls.randomness, "shares/envelope.py", "from os import urandom"),
    (walls.third_parties, "ceremony/base/data.py", "def late():\n    import rich"),
    (walls.third_parties, "shares/plan.py", "import numpy"),
    (walls.third_parties, "transfer/gap/qr.py", "import qrcode"),
    (walls.third_parties, "ceremony/screen/terminal.py", "if True:\n    from rich.console import Console"),
    (walls.processes, "ceremony/vault/opener.py", "def late():\n    import pkcs11"),
    (walls.processes, "ceremony/vault/hsm.py", "from ceremony.vault import passphrase"),
    (walls.processes, "ceremony/vault/custodian_token.py", "from ceremony.vault import passphrase"),
    (walls.processes, "ceremony/cli/cold.py", "from ceremony.vault.prompt import Prompt"),
    (walls.starts, "transfer/agree.py", "import subprocess"),
    (walls.starts, "ceremony/vault/process.py", "import subprocess\nsubprocess.run('ls', shell=True)"),
    (walls.starts, "ceremony/cast.py", "import os\nos.system('ls')"),
    (walls.folders, "ceremony/script/room.py", "from pathlib import Path\nPath('new').mkdir()"),
    (walls.folders, "transfer/gap/bundle.py", "from os import makedirs\nmakedirs('new')"),
    (walls.shows, "ceremony/cli/cold.py", "import click\nclick.echo('a name')"),
    (walls.shows, "ceremony/script/room.py", "print('a name')"),
    (walls.marks, "ceremony/script/room.py", "if charter.mark == 'practice':\n    pass"),
    (walls.marks, "ceremony/vault/hsm.py", "relaxed = {'practice': True, 'production': False}[mark]"),
    (walls.marks, "shares/commitment.py", "strict = mark in ('production',)"),
    (walls.marks, "ceremony/script/room.py", "match mark:\n    case 'practice':\n        pass"),
)


@pytest.mark.parametrize("rule", walls.RULES, ids=lambda rule: rule.__name__)
def test_the_walls_hold(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize(("rule", "file", "source"), BREACHES, ids=[f"{rule.__name__}-{n}" for n, (rule, _, _) in enumerate(BREACHES)])
def test_a_breach_is_seen(tmp_path: Path, rule: Rule, file: str, source: str) -> None:
    for other in ("ceremony/vault/passphrase.py", "ceremony/vault/prompt.py"):
        _write(tmp_path / other, "")
    assert rule(tmp_path) == []
    _write(tmp_path / file, source)
    found = rule(tmp_path)
    assert len(found) >= 1
    assert file.removesuffix(".py").replace("/", ".") in found[0].replace("/", ".")


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(walls.RULES)


def test_the_lists_name_nothing_that_is_gone() -> None:
    lists = (
        walls.MAY_SECRETS,
        walls.MAY_URANDOM,
        walls.MAY_START,
        walls.MAY_MAKE_FOLDERS,
        walls.MAY_SHOW,
        walls.MAY_NAME_MARK,
        walls.MAY_IMPORT_BY_NAME,
    )
    assert [file for each in lists for file in each if not (ROOT / file).is_file()] == []
    assert walls.MAY_START.keys() == {each.file for each in walls.all_imports(ROOT) if each.root == "subprocess"}
    assert [start for start in walls.PROCESSES if len(walls.reached(ROOT, start)[0]) < 2] == []
    unused = {(house, name) for house, names in walls.THIRD.items() for name in names}
    unused -= {(walls.house(walls.module_of(each.file)), each.root) for each in walls.all_imports(ROOT)}
    assert unused == set()


def test_commands_and_steps_name_modules_of_their_own_house() -> None:
    """The two tables of names are imports as well."""
    assert {target.rpartition(".")[0] for target, _ in COMMANDS.values()} == {"ceremony.cli"}
    steps = [step for script in SCRIPTS.values() for step in script]
    assert all((ROOT / "ceremony" / "script" / f"{step.run.split(':')[0]}.py").is_file() and callable(step.function()) for step in steps)


def test_help_loads_click_and_nothing_else() -> None:
    """So that `ceremony --help` is quick on every host, also on one without the extras."""
    code = "import sys\nfrom ceremony.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    print('loaded', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.split(".")[0] for name in done.stdout.rpartition("loaded ")[2].split()}
    heavy = {name for names in walls.THIRD.values() for name in names} - {"click"}
    assert "click" in loaded
    assert loaded & heavy == set()
    ours = {name for name in done.stdout.rpartition("loaded ")[2].split() if name.split(".")[0] in walls.OURS}
    assert {walls.house(name) for name in ours} <= {"ceremony", "ceremony.cli", "ceremony.base"}


def _write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source + "\n")


def test_each_test_module_has_a_name_of_its_own() -> None:
    """pytest imports a test module by its name alone: of two with one name it reads one."""
    names = [file.stem for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


def test_no_control_rests_on_long_proofs_alone() -> None:
    """What the suite leaves to scripts/prove breaks no control that nothing else breaks."""
    broken: dict[bool, set[str]] = {True: set(), False: set()}
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        for test in (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)):
            marks = [ast.unparse(mark) for mark in test.decorator_list]
            of = {word for mark in marks if mark.startswith("pytest.mark.control(") for word in re.findall(r"[A-Z]{3}-[0-9]{2}", mark)}
            broken["pytestmark = pytest.mark.long" in text or "pytest.mark.long" in marks] |= of
    assert broken[True] - broken[False] == set()
    assert broken[True]
