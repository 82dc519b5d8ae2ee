"""The rules of the house as functions of a folder: each returns its breaches, one line for each, or nothing.

Functions of a folder, so that test_walls.py can run the same rule on the real tree and on one in which it is broken."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OURS = ("ceremony", "shares", "transfer")

BASE = {"ceremony.base"}
RECORD = BASE | {"shares", "transfer"}
SIDE = RECORD | {"ceremony.record"}
SCRIPT = SIDE | {"ceremony.screen", "ceremony.vault", "ceremony.machine"}
PLAY = SCRIPT | {"ceremony.script"}
MAY_IMPORT: dict[str, set[str]] = {
    "ceremony": set(),
    "ceremony.base": set(),
    "shares": BASE,
    "transfer": BASE,
    "ceremony.record": RECORD,
    "ceremony.screen": SIDE,
    "ceremony.vault": SIDE,
    "ceremony.machine": SIDE,
    "ceremony.script": SCRIPT,
    "ceremony.cast": set(),  # the cast reads the screen and types; it knows nothing else
    "ceremony.demonstration": PLAY | {"ceremony.cast"},
    "ceremony.cli": PLAY | {"ceremony.cast", "ceremony.demonstration"},
    "ceremony.__main__": {"ceremony.cli"},
}
"""House -> the other houses of ours that it may import: `cli, cast -> script -> screen | vault | machine -> record -> ...`."""

THIRD: dict[str, set[str]] = {
    "ceremony.base": {"cryptography"},  # SSH signatures checked in process
    "ceremony.screen": {"reportlab", "rich"},
    "ceremony.vault": {"cryptography", "mnemonic", "pkcs11"},
    "ceremony.cast": {"pexpect"},
    "ceremony.cli": {"click"},
    "shares": {"cryptography", "pyshamir", "shamir_mnemonic"},
    "transfer": {"PIL", "bip_utils", "cryptography", "mnemonic", "pbk", "pyzbar", "qrcode", "zxingcpp"},
}
"""House -> third-party packages that it may import; the others none."""
AT_THE_TOP = {"click", "cryptography"}
"""Third-party packages that may be imported when a module is loaded; all others inside the function that needs them."""

_TESTED = {"mnemonic", "pyshamir", "shamir_mnemonic"}
PROCESSES: dict[str, tuple[set[str], set[str]]] = {
    "ceremony.vault.opener": (
        {"cryptography", "mnemonic", "pyshamir", "shamir_mnemonic"},
        {"ceremony.vault.hsm", "ceremony.vault.token", "ceremony.vault.custodian_token", "ceremony.vault.slots",
         "ceremony.vault.process", "ceremony.screen", "ceremony.script", "ceremony.cli"},
    ),
    "ceremony.vault.hsm": (
        {"cryptography", "pkcs11"} | _TESTED,  # the known-answer tests run in both children (SET-09)
        {"ceremony.vault.opener", "ceremony.vault.recovery", "ceremony.vault.generation", "ceremony.vault.passphrase", "shares.envelope",
         "ceremony.vault.process", "ceremony.screen", "ceremony.script", "ceremony.cli"},
    ),
    "ceremony.vault.custodian_token": (
        {"cryptography", "pkcs11"} | _TESTED,
        {"ceremony.vault.opener", "ceremony.vault.recovery", "ceremony.vault.generation", "ceremony.vault.passphrase", "ceremony.vault.hsm",
         "ceremony.vault.token", "ceremony.vault.process", "shares.envelope", "ceremony.screen", "ceremony.script", "ceremony.cli"},
    ),
    "ceremony.cli.cold": (
        {"PIL", "bip_utils", "click", "cryptography", "mnemonic", "pbk", "pkcs11", "pyshamir", "pyzbar", "qrcode", "reportlab", "rich",
         "shamir_mnemonic", "zxingcpp"},
        {"ceremony.vault.opener", "ceremony.vault.recovery", "ceremony.vault.generation", "ceremony.vault.passphrase",
         "ceremony.vault.prompt", "ceremony.vault.randomness", "ceremony.vault.accounts", "ceremony.vault.hsm",
         "ceremony.vault.custodian_token", "transfer.nodes"},
    ),
    "transfer.bitcoin.independent": (
        {"bip_utils", "pbk"},
        {"transfer.bitcoin.reading", "transfer.bitcoin.psbt", "transfer.bitcoin.tx", "transfer.bitcoin.bip32", "transfer.bitcoin.address"},
    ),
}  # fmt: skip
"""Where a process begins -> third-party packages that it may reach, and modules of ours that it must never reach."""

NETWORK = {"asyncio", "ftplib", "http", "imaplib", "multiprocessing", "poplib", "smtplib", "socket", "socketserver", "ssl", "telnetlib",
           "urllib", "webbrowser", "wsgiref", "xmlrpc"}  # fmt: skip
MAY_NETWORK = {("transfer.nodes", name) for name in NETWORK} | {("ceremony.vault", "socket")}
"""The online host's nodes; and socket pairs between the vault's processes, which lead nowhere else."""

MAY_SECRETS = {
    "ceremony/cast.py": "a practice PIN",
    "ceremony/cli/authorize.py": "the identifier of an authorization",
    "ceremony/script/outside.py": "which words of a closing slip are asked for: nobody can know them before (ASM-05)",
    "ceremony/script/typeback.py": "which groups of an address are asked for: nobody can know them before (TXN-06)",
    "ceremony/vault/token.py": "throw-away key and self-test values",
}
MAY_URANDOM = {"ceremony/vault/opener.py": "one of the sources of the ceremony's generator (GEN-13)"}
MAY_START = {
    "ceremony/base/signatures.py": "ssh-keygen",
    "ceremony/demonstration.py": "ssh-keygen and softhsm2-util of a demonstration",
    "ceremony/machine/pdf.py": "pdftoppm and pdftotext, for share cards",
    "ceremony/machine/pictures.py": "the process that reads pictures of cards",
    "ceremony/script/release.py": "git, for the commit",
    "ceremony/vault/process.py": "the vault's children",
    "transfer/bitcoin/second.py": "the second reader",
}
"""Files that start another process, and which."""
BY_OTHER_NAMES = {"os.system", "os.popen", "os.execvp", "os.spawnvp", "os.fork"}
MAY_FORK = {"ceremony/base/keeper.py": {"os.fork"}}
"""Files that start a process in another way, and how."""
MAY_NAME_MARK = {
    "ceremony/base/mark.py": "the one table",
    "ceremony/base/data.py": "the type",
    "ceremony/cli/anywhere.py": "the choice of `charter new`",
    "ceremony/cli/online.py": "`online practice` is for the practice chain alone",
    "ceremony/demonstration.py": "the command lines of a demonstration",
    "ceremony/record/report/front.py": "a sentence of the report",
    "ceremony/screen/card.py": "what each kind looks like on paper",
    "shares/commitment.py": "the byte in headers",
    "transfer/nodes/__init__.py": "the name of the practice chain's node",
}
MAY_COMPARE_MARK = {"ceremony/base/mark.py", "ceremony/record/report/front.py", "transfer/nodes/__init__.py"}
MAY_MAKE_FOLDERS = {
    "ceremony/base/files.py": "make_folder itself, which syncs the folder above",
    "ceremony/cast.py": "the drawer of somebody in a demonstration",
}
MAY_SHOW = {
    "ceremony/cli/parts.py": "echo, for every command",
    "ceremony/screen/terminal.py": "the terminal itself, and QR frames of ours",
    "ceremony/machine/pictures.py": "the reader of pictures, to the process that started it",
    "transfer/bitcoin/second.py": "the second reader, to the process that started it",
}
STEPS = "ceremony.script.table"
MAY_IMPORT_BY_NAME = {"ceremony/cli/__init__.py": "commands", "ceremony/script/table.py": "steps"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's module; `name` of `from module import name`, or nothing. `top`: it runs when the module is loaded."""

    file: str
    line: int
    module: str
    name: str
    top: bool

    @property
    def root(self) -> str:
        return self.module.split(".")[0]

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.full}"


def sources(root: Path) -> Iterator[Path]:
    """Every module of ours, in order."""
    for package in OURS:
        yield from sorted((root / package).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(root: Path, path: Path) -> Iterator[Import]:
    """All imports of one module, wherever they stand. A relative one has the module `.`."""
    file = str(path.relative_to(root))
    for node, top in _statements(parsed(path), True):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name, "", top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." if node.level else node.module or ""
            yield from (Import(file, node.lineno, module, alias.name, top) for alias in node.names)


def _statements(node: ast.AST, top: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        inner = top and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            inner = False
        yield child, top
        yield from _statements(child, inner)


def all_imports(root: Path) -> Iterator[Import]:
    for path in sources(root):
        yield from imports(root, path)


def house(module: str) -> str:
    """`ceremony.base` for `ceremony.base.data`, `shares` for `shares.plan`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "ceremony" else parts[0]


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def downwards(root: Path) -> list[str]:
    """Imports go downwards only; `shares` and `transfer` know `ceremony.base` and themselves, and not each other."""
    found = []
    for each in all_imports(root):
        here = house(module_of(each.file))
        if each.module == ".":
            found.append(f"{each}: a relative import")
        elif each.root in OURS and (there := house(each.full)) != here and there not in MAY_IMPORT.get(here, set()):
            found.append(f"{each}: {here} must not know {there}")
    return found


def by_name(root: Path) -> list[str]:
    """Modules are imported by a name in a string in two tables only, whose names the tests read."""
    found = []
    for path in sources(root):
        file = str(path.relative_to(root))
        for node in ast.walk(parsed(path)):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name in ("import_module", "__import__") and file not in MAY_IMPORT_BY_NAME:
                found.append(f"{file}:{node.lineno} imports a module by its name")  # type: ignore[attr-defined]
    return found


def sockets(root: Path) -> list[str]:
    """Only transfer/nodes speaks to a network."""
    return [
        f"{each}: only transfer/nodes has sockets"
        for each in all_imports(root)
        if each.root in NETWORK and not any(_within(each.file, place) and each.root == name for place, name in MAY_NETWORK)
    ]


def _within(file: str, package: str) -> bool:
    return f"{module_of(file)}.".startswith(f"{package}.")


def randomness(root: Path) -> list[str]:
    """Never `random` or `uuid`; `secrets` and the operating system's source where the lists say so, and for what."""
    found = []
    for each in all_imports(root):
        if each.root in ("random", "uuid") or (each.root == "secrets" and each.file not in MAY_SECRETS):
            found.append(f"{each}: randomness comes from the ceremony's generator")
    for path in sources(root):
        file = str(path.relative_to(root))
        for node in ast.walk(parsed(path)):
            name = node.attr if isinstance(node, ast.Attribute) else node.name if isinstance(node, ast.alias) else ""
            if name in ("urandom", "getrandom") and file not in MAY_URANDOM:
                found.append(f"{file} draws from the operating system alone")
    return found


def third_parties(root: Path) -> list[str]:
    """Each house imports the third-party packages of its list, and heavy ones only inside the function that needs them."""
    found = []
    for each in all_imports(root):
        if each.module == "." or each.root in OURS or each.root in sys.stdlib_module_names:
            continue
        if each.root not in THIRD.get(house(module_of(each.file)), set()):
            found.append(f"{each}: not on the list of {house(module_of(each.file))}")
        elif each.top and each.root not in AT_THE_TOP:
            found.append(f"{each}: import it inside the function that needs it")
    return found


def reached(root: Path, start: str) -> tuple[set[str], set[str]]:
    """Modules of ours, and third-party packages, that a process beginning in `start` can ever import."""
    ours, third, waiting = set[str](), set[str](), [start]
    while waiting:
        module = waiting.pop()
        path = _file(root, module)
        if module in ours or path is None:
            continue
        ours.add(module)
        if module == STEPS:  # it names the other modules of its house in strings
            waiting += [module_of(str(step.relative_to(root))) for step in path.parent.glob("*.py")]
        for each in imports(root, path):
            if each.root in OURS:
                waiting += [each.module, each.full]
            elif each.root not in sys.stdlib_module_names:
                third.add(each.root)
    return ours, third


def _file(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def processes(root: Path) -> list[str]:
    """Each process that touches secrets loads its list and nothing else; the screen process never the modules that hold secrets."""
    found = []
    for start, (allowed, never) in PROCESSES.items():
        ours, third = reached(root, start)
        found += [f"{start} reaches the package {name}" for name in sorted(third - allowed)]
        found += [f"{start} reaches {name}" for name in sorted(ours) if any(f"{name}.".startswith(f"{other}.") for other in never)]
    return found


def starts(root: Path) -> list[str]:
    """Other programs are started in the files of the list only, and never through a shell."""
    found = [f"{each}: it starts processes" for each in all_imports(root) if each.root == "subprocess" and each.file not in MAY_START]
    for path in sources(root):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                found.append(f"{path.relative_to(root)}:{node.value.lineno} starts a shell")
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in BY_OTHER_NAMES - MAY_FORK.get(str(path.relative_to(root)), set()):
                found.append(f"{path.relative_to(root)}:{node.lineno} starts a process by {ast.unparse(node)}")
    return found


def folders(root: Path) -> list[str]:
    """A folder is made by base/files.make_folder alone: elsewhere nobody would sync the one that holds it."""
    found = []
    for path in sources(root):
        file = str(path.relative_to(root))
        for node in ast.walk(parsed(path)):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in ("mkdir", "makedirs") and file not in MAY_MAKE_FOLDERS:
                found.append(f"{file}:{getattr(node, 'lineno', '?')} makes a folder; ask base/files.make_folder")
    return found


def shows(root: Path) -> list[str]:
    """AUD-13: nothing is written to a terminal but by the few functions that let printable ASCII alone through."""
    found = []
    for path in sources(root):
        file = str(path.relative_to(root))
        for node in ast.walk(parsed(path)):
            name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            if name in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write") and file not in MAY_SHOW:
                found.append(f"{file}:{getattr(node, 'lineno', '?')} shows something by {name}; ask cli/parts.echo or the terminal")
    return found


def marks(root: Path) -> list[str]:
    """Nothing asks for the practice mark but base/mark.permits: elsewhere the two words stand in no code, and in no comparison."""
    found = []
    for path in sources(root):
        file, tree = str(path.relative_to(root)), parsed(path)
        named = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in ("practice", "production")]
        if file not in MAY_NAME_MARK:
            found += [f"{file}:{node.lineno} names the mark {node.value!r}" for node in named]
        for compared in (node for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.match_case)):
            if file not in MAY_COMPARE_MARK and any(node in named for node in ast.walk(compared)):
                found.append(f"{file}:{getattr(compared, 'lineno', '?')} compares the mark; ask base/mark.permits")
    return found


RULES = (downwards, by_name, sockets, randomness, third_parties, processes, starts, folders, shows, marks)
