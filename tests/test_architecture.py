"""The tree keeps its order: who may import whom, what from outside, and where SQL and commits stand."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each room with the rooms below it that it may import, and the packages from outside.
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "models": (
        set(),
        {"alembic", "email_validator", "pydantic", "pydantic_settings", "sqlalchemy", "sqlmodel", "stdnum"},
    ),
    "connectors": ({"models"}, {"httpcore", "httpx", "lxml", "pydantic"}),
    "documents": ({"models"}, {"PIL", "babel", "jinja2", "pypdf", "reportlab", "segno"}),
    "tasks": (
        {"models", "documents", "connectors"},
        {"certifi", "pandas", "prefect", "pydantic", "sqlalchemy"},
    ),
    "flows": ({"models", "tasks"}, {"prefect", "pydantic"}),
    "deployments": (
        {"models", "documents", "connectors", "tasks", "flows"},
        {"anyio", "prefect", "sqlalchemy", "starlette"},
    ),
    "console": (
        {"models", "documents", "connectors", "tasks", "flows", "deployments"},
        {
            *("click", "fastapi", "jinja2", "pandas", "prefect", "pydantic", "rich", "starlette", "typer"),
            *("httpx", "uvicorn"),
        },
    ),
}

CONNECTOR = {"", "http", "protocols"}
"""What a connector may import of its room: never another connector."""

# Each package of a room with the packages of the same room that it may import. Modules that stand beside
# the packages count as the package "". A permission that no import uses fails, too.
ARROWS: dict[str, dict[str, set[str]]] = {
    "models": {
        "": set(),
        "database": {""},
        "tenants": {"", "database"},
        "catalog": {"", "database", "tenants"},
        "tax": {"", "tenants"},
        "sync": {"", "database", "tenants"},
        "orders": {"", "database", "catalog", "tenants", "sync"},
        "accounting": {"", "database", "tenants", "tax", "orders"},
        "mails": {"", "database", "tenants", "sync", "orders"},
        "warehouse": {"", "database", "catalog", "tenants", "sync", "orders"},
        "fulfilment": {"", "database", "tenants", "sync", "orders", "accounting", "mails", "warehouse"},
        "invoicing": {"", "database", "tenants", "tax", "orders", "accounting", "fulfilment"},
        "payments": {"", "database", "tenants", "sync", "orders", "accounting", "mails", "fulfilment"},
        "intake": {
            *("", "database", "catalog", "tenants", "sync", "orders", "mails", "warehouse"),
            *("fulfilment", "payments"),
        },
        "papers": {
            *("", "database", "catalog", "tenants", "tax", "orders", "accounting", "mails", "warehouse"),
            *("fulfilment", "invoicing", "payments"),
        },
        "order_desk": {
            *("", "database", "catalog", "tenants", "sync", "orders", "accounting", "warehouse"),
            *("fulfilment", "invoicing", "payments", "intake", "papers"),
        },
        "reconciliation": {
            *("", "database", "catalog", "tenants", "sync", "orders", "accounting", "fulfilment"),
            *("payments", "intake"),
        },
        "privacy": {
            *("", "database", "tenants", "sync", "tax", "orders", "accounting", "mails", "fulfilment"),
            *("invoicing", "intake", "order_desk"),
        },
        "upkeep": {
            *("", "database", "catalog", "tenants", "sync", "orders", "accounting", "mails", "warehouse"),
            *("reconciliation", "privacy"),
        },
    },
    "connectors": {
        "": {"protocols", "afterbuy"},
        "protocols": set(),
        "http": {"", "protocols"},
        "afterbuy": CONNECTOR,
    },
    "documents": {"": set(), "papers": {""}, "mails": {""}},
    "tasks": {
        "watch": set(),
        "run": {"watch"},
        "intake": {"run"},
        "outbound": {"run"},
        "reconciliation": {"run", "intake", "outbound"},
        "sheets": set(),
        "": {"run", "watch"},
    },
    "console": {
        "machine": set(),
        "cli": {"machine", "demo"},
        "demo": {"machine"},
        "": {"cli"},
    },
}
LADDERS = {"models.migrations"}
"""Packages that stand beside the arrows: migrations load every table and are loaded by name."""

# Modules of plain data, by the last part of their name: all that connectors and documents may import of
# models, beside the modules of `PLAIN_GROUND`.
PLAIN_NAMES = {"records", "options", "account_kinds"}
PLAIN_GROUND = {"models.errors", "models.values", "models.clock", "models.files"}
PLAIN_TABLES = {"models.tax.rates", "models.countries"}
"""Tables of constants that plain data may read."""

COMMITS = {"models.database.session", "models.migrations.env"}
WRITES = {"write_text", "write_bytes", "copyfile", "mkstemp", "NamedTemporaryFile"}
WITHOUT_OWN_TEST = Path(__file__).with_name("modules_without_own_test.txt")
SQL = {"select", "update", "delete", "insert", "text", "col", "func", "and_", "or_", "exists", "case"}
"""What says SQL; whoever needs it belongs into models."""

# Only the command line and the demo it starts run a cycle or a simulator themselves; pages ask Prefect.
RUNNERS = re.compile(r"console\.(cli|demo)\b")
SIMULATOR = re.compile(r"connectors\.(\w+\.)*simulators?\b")
SHELL = re.compile(r"(?<![\w=-])warenfluss [a-z]|^--[a-z-]+ | --[a-z]")
"""A command, or an option in a sentence; the arguments of another program are single words."""
COMMAND_WORDS = ROOT / "documents" / "commands.py"

MODULES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
EVERY_MODULE = sorted([*MODULES, *(ROOT / "tests").rglob("*.py")])


@dataclass(frozen=True)
class Import:
    """One imported name: `name` is empty where the whole module is imported."""

    line: int
    module: str
    name: str = ""


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(file) for file in MODULES}


@cache
def source_of(file: Path) -> str:
    return file.read_text("utf-8")


def find_imports(source: str) -> Iterator[Import]:
    """Yield every import, wherever the statement stands; relative ones keep dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                # `from connectors.afterbuy import simulator` imports a module, too.
                yield Import(node.lineno, full) if full in NAMES else Import(node.lineno, base, alias.name)


@cache
def imports_of_tree() -> Mapping[str, tuple[Import, ...]]:
    """Return the imports of each module of the product."""
    return {name_of(file): tuple(find_imports(source_of(file))) for file in MODULES}


def find_breaches(module: str, source: str) -> list[str]:
    """Return one line for each import that the rules do not allow in this module."""
    room = module.partition(".")[0]
    rooms, packages = ROOMS[room]
    return [
        f"{module}:{found.line}: {found.module} {found.name}: {reason}"
        for found in find_imports(source)
        if (reason := _judge(module, found, {room} | rooms, packages))
    ]


def _judge(module: str, found: Import, rooms: set[str], packages: set[str]) -> str:
    imported, top = f"{found.module}.{found.name}".strip("."), found.module.partition(".")[0]
    runs_cycles = bool(RUNNERS.match(module))
    if found.module.startswith("."):
        return "imports are absolute"
    if top == "tests":
        return "nothing imports tests"
    if SIMULATOR.match(imported) and not (runs_cycles or SIMULATOR.match(module)):
        return "a simulator stands outside the product"
    if SIMULATOR.match(module) and top in ROOMS and not SIMULATOR.match(imported):
        return "a simulator is written from the wire notes alone"
    if top == "flows" and module.startswith("console") and not runs_cycles:
        return "pages ask Prefect to run a cycle"
    if top in ROOMS:
        return _judge_inside(module, found) if top in rooms else "imports point one way"
    if top in sys.stdlib_module_names:
        return ""
    if top not in packages:
        return "this package is not for this room"
    if top == "sqlalchemy" and found.name in SQL and not module.startswith("models."):
        return "only models say SQL"
    return ""


def _judge_inside(module: str, found: Import) -> str:
    """Return what is wrong with an import of our own: an arrow, a private name, more than plain data."""
    room, target_room = module.partition(".")[0], found.module.partition(".")[0]
    package, target = package_of(module), package_of(found.module)
    private = found.name.startswith("_") or found.module.rpartition(".")[2].startswith("_")
    if private and not found.name.startswith("__") and (room, package) != (target_room, target):
        return "a name with an underscore belongs to its package"
    needs_plain = target_room == "models" and (room in ("connectors", "documents") or is_plain(module))
    if needs_plain and not is_plain(found.module, tables=is_plain(module)):
        return "plain data alone may be imported here"
    if room != target_room or package == target or room not in ARROWS or _beside(module, found.module):
        return ""
    if target not in ARROWS[room].get(package, CONNECTOR if room == "connectors" else set()):
        return f"{room} has no arrow from {package or 'its ground'} to {target or 'its ground'}"
    return ""


def _beside(*modules: str) -> bool:
    return any(module.startswith(ladder) for module in modules for ladder in LADDERS)


def package_of(module: str) -> str:
    """Return the package of its room that a module stands in, "" for a module beside the packages."""
    parts = module.split(".")
    is_package = len(parts) > 2 or (ROOT / parts[0] / parts[-1] / "__init__.py").exists()
    return parts[1] if len(parts) > 1 and is_package else ""


def is_plain(module: str, *, tables: bool = False) -> bool:
    """Return whether a module of models holds plain data, by its name; with `tables` also constants."""
    names = PLAIN_GROUND | PLAIN_TABLES if tables else PLAIN_GROUND
    return module.startswith("models.") and (module in names or module.rpartition(".")[2] in PLAIN_NAMES)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    """No module imports what stands above it, what its package may not see, or a package not for its room."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    breaches = [line for file in files for line in find_breaches(name_of(file), source_of(file))]
    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize("room", ARROWS)
def test_every_arrow_is_used(room: str) -> None:
    """No package may import another without need: a permission that no import uses goes from the table."""
    used = {
        (package_of(module), package_of(found.module))
        for module, imports in imports_of_tree().items()
        for found in imports
        if module.startswith(f"{room}.") and found.module.startswith(f"{room}.")
    }
    allowed = {(package, target) for package, targets in ARROWS[room].items() for target in targets}
    assert allowed - used == set()


def test_no_module_imports_itself_in_a_circle() -> None:
    """All imports, also those within functions, sort into one order."""
    graph = {
        module: {found.module for found in imports if found.module in NAMES and found.module != module}
        for module, imports in imports_of_tree().items()
    }
    assert find_circle(graph) == []


def find_circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return one circle of imports, empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found() -> None:
    """The check above can fail."""
    assert set(find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "models"])
def test_only_models_commit(room: str) -> None:
    """A transaction ends in `models.database.session`, and nowhere else."""
    assert [line for name, line in _commits() if name.startswith(room)] == []


def test_models_commit_in_one_place() -> None:
    """Of models, only the session and the migrations commit."""
    assert {name for name, _ in _commits()} == COMMITS


@cache
def _commits() -> list[tuple[str, str]]:
    return [
        (name_of(file), f"{name_of(file)}:{node.lineno}")
        for file in MODULES
        for node in ast.walk(ast.parse(source_of(file)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def writes_itself(source: str) -> bool:
    """Return whether a module writes files without `models.files`, which syncs them and keeps others out."""
    tree = ast.parse(source)
    if any(isinstance(node, ast.ImportFrom) and node.module == "models.files" for node in ast.walk(tree)):
        return False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = [str(each.value) for each in values if isinstance(each, ast.Constant)]
        opens = name == "open" and any(re.fullmatch("r?[wax+][bt+]*", mode) for mode in modes)
        if opens or name in WRITES:
            return True
    return False


def test_files_are_written_in_one_place() -> None:
    """Files for people are written by `models.files`; logs and Prefect's own files need no sync."""
    exempt = ("console.machine.", "models.files")
    writers = [name_of(file) for file in MODULES if writes_itself(source_of(file))]

    assert [name for name in writers if not name.startswith(exempt)] == []


@pytest.mark.parametrize(
    ("source", "noticed"),
    [
        ("file.write_bytes(b'')", True),
        ("open(file, 'w')", True),
        ("file.open(mode='xb')", True),
        ("shutil.copyfile(a, b)", True),
        ("file.open('rb')", False),
        ("open(file, encoding='utf-8')", False),
        ("from models.files import write_whole\npart.open('wb')", False),
    ],
)
def test_a_module_that_writes_files_itself_is_noticed(source: str, noticed: bool) -> None:
    """The check above can fail."""
    assert writes_itself(source) == noticed


def find_shell(source: str) -> list[str]:
    """Return the texts of a module that name a shell command; comments and docstrings may."""
    tree = ast.parse(source)
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        f"{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docs
        and SHELL.search(node.value)
    ]


@pytest.mark.parametrize("room", ["models", "tasks", "connectors", "documents", "flows", "deployments"])
def test_rules_speak_no_shell(room: str) -> None:
    """What a rule tells people to do is data; each face words it, and commands stand in one table."""
    found = [
        f"{name_of(file)}:{line}"
        for file in sorted({*(ROOT / room).rglob("*.py")} - {COMMAND_WORDS})
        for line in find_shell(source_of(file))
    ]
    assert not found, "\n".join(found)


def test_a_shell_command_is_found() -> None:
    """The check above finds a command also in a text with values, and passes what is none."""
    assert find_shell(
        'raise RuleError(f"{name} is a draft; `warenfluss account mode {name} test` opens it.")'
    )
    assert find_shell('RuleError("name one with --tenant.")')
    assert find_shell('RuleError("--invoice-years does not fit.")')
    assert (
        find_shell('"""Start with `warenfluss up`."""\nx = "Warenfluss keeps it; warenfluss@example.com"')
        == []
    )
    assert find_shell('run("pg_dump", "--format=custom")') == []


@pytest.mark.parametrize("room", ["models", "tasks", "connectors", "documents", "console"])
def test_packages_say_what_they_are(room: str) -> None:
    """An `__init__` holds a docstring and nothing else, so that an import says where a name lives."""
    for file in sorted((ROOT / room).rglob("*/__init__.py")):
        if SIMULATOR.match(name_of(file)) or "versions" in file.parts:
            continue
        body = ast.parse(source_of(file)).body
        assert len(body) == 1, file
        assert isinstance(body[0], ast.Expr), file
        assert isinstance(body[0].value, ast.Constant), file


def test_tests_mirror_the_tree() -> None:
    """Each module has a test of its name in the same place below tests, or stands on the list without one.

    The list may only get shorter: a module that has its test now leaves it.
    """
    without = {
        name_of(file)
        for file in MODULES
        if file.stem not in ("__init__", "__main__", "env")
        and "versions" not in file.parts
        and not mirror_of(file).exists()
    }
    assert without == set(WITHOUT_OWN_TEST.read_text("utf-8").split())


def mirror_of(file: Path) -> Path:
    """Return where the test of a module stands."""
    place = file.relative_to(ROOT)
    return ROOT / "tests" / place.with_name(f"test_{place.stem.lstrip('_')}.py")


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("models.orders.order", "import connectors", "imports point one way"),
        (
            "models.orders.order",
            "def late():\n    from tasks.intake.orders import save",
            "imports point one way",
        ),
        ("connectors.shop.client", "if TYPE_CHECKING:\n    import tasks.orders", "imports point one way"),
        ("documents.invoice", "from connectors.errors import RecordError", "imports point one way"),
        ("tasks.intake.orders", "import flows.import_orders as cycle", "imports point one way"),
        ("flows.import_orders", "from connectors import connect", "imports point one way"),
        (
            "deployments.local",
            "try:\n    import console.cli\nexcept ImportError: pass",
            "imports point one way",
        ),
        ("models.orders.order", "import httpx", "this package is not for this room"),
        ("connectors.shop.client", "import requests", "this package is not for this room"),
        ("documents.invoice", "import sqlmodel", "this package is not for this room"),
        ("flows.import_orders", "import pandas as pd", "this package is not for this room"),
        ("connectors.shop.client", "from . import wire", "imports are absolute"),
        ("connectors.shop.client", "from ..errors import RecordError", "imports are absolute"),
        ("tasks.intake.orders", "from tests.support import smtp", "nothing imports tests"),
        ("connectors.shop", "from connectors.shop import simulator", "a simulator stands outside"),
        ("tasks.intake.orders", "import connectors.shop.simulator.server", "a simulator stands outside"),
        ("console.web.orders", "import connectors.shop.simulator", "a simulator stands outside"),
        ("connectors.shop.simulator", "from connectors.shop.wire import Order", "from the wire notes alone"),
        ("console.web.orders", "from flows.import_orders import import_orders", "pages ask Prefect"),
        ("models.sync.calls", "from models.orders.order import Order", "no arrow from sync to orders"),
        ("models.settings", "from models.database.session import session_scope", "no arrow from its ground"),
        ("models.later.order", "from models.orders.order import Order", "no arrow from later to orders"),
        ("tasks.watch.alarms", "from tasks.run.work import Work", "no arrow from watch to run"),
        ("console.machine.up", "from console.cli.app import main", "no arrow from machine to cli"),
        ("connectors.shop.client", "from connectors.afterbuy.values import at", "no arrow from shop"),
        ("connectors.shop.client", "from models.orders.order import Order", "plain data alone"),
        ("documents.papers.label", "import models.orders.queries", "plain data alone"),
        ("models.orders.records", "from models.orders.order import Order", "plain data alone"),
        ("tasks.intake.orders", "from sqlalchemy import select", "only models say SQL"),
        ("tasks.intake.orders", "from sqlmodel import Session", "this package is not for this room"),
        ("tasks.intake.orders", "from models.sync.outbound import _of", "a name with an underscore"),
        ("models.orders.order", "import models.warehouse._items", "a name with an underscore"),
    ],
)
def test_a_breach_is_found(module: str, source: str, reason: str) -> None:
    """The check above can fail, wherever the import stands and however it is spelled."""
    (breach,) = find_breaches(module, source)
    assert reason in breach


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "models.orders.order",
            "import decimal\nfrom sqlmodel import Field\nfrom models.database.columns import money",
        ),
        ("models.orders.order", "from models.orders._finders import find"),
        ("models.tenants.records", "from models.values import plain_address"),
        ("connectors.shop.client", "import httpx\nfrom connectors.errors import RecordError"),
        ("connectors.afterbuy.client", "from models.orders.records import OrderData"),
        ("connectors.shop.simulator.server", "from connectors.shop.simulator.state import State"),
        (
            "console.cli.app",
            "from connectors.shop.simulator import serve\nfrom flows.import_orders import run",
        ),
        ("console.demo.run", "import connectors.shop.simulator"),
        ("tasks.run.steps", "from sqlalchemy.exc import OperationalError"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    """The check above does not cry wolf."""
    assert find_breaches(module, source) == []


UNFINISHED = re.compile(r"\b(?:TODO|FIXME)\b")
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|work|Users)/\w|[A-Z]:\\\\?Users\b")
HYGIENE = {"unfinished work": UNFINISHED, "a path of one machine": MACHINE_PATH}


@pytest.mark.parametrize("what", HYGIENE)
def test_modules_hold_nothing_left_behind(what: str) -> None:
    """No module names unfinished work or a path of somebody's machine."""
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in EVERY_MODULE
        if file != Path(__file__)
        for number, line in enumerate(source_of(file).splitlines(), start=1)
        if HYGIENE[what].search(line)
    ]
    assert not found, "\n".join([f"{what}:", *found])


def test_what_is_left_behind_is_found() -> None:
    """The patterns above match what they are for and nothing alike."""
    assert UNFINISHED.search("# TODO: later")
    assert not UNFINISHED.search("methodology")
    assert MACHINE_PATH.search("open('/home/anna/orders.csv')")
    assert not MACHINE_PATH.search("https://shop.example/home/page and /workers/")
