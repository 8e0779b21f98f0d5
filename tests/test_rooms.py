"""The rooms keep their order: who may import whom, and what from outside."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each room with the rooms below it that it may import, and the packages from outside.
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "models": (set(), {"alembic", "pydantic", "pydantic_settings", "sqlalchemy", "sqlmodel"}),
    "connectors": ({"models"}, {"httpcore", "httpx", "lxml", "pydantic"}),
    "documents": ({"models"}, {"PIL", "babel", "jinja2", "pypdf", "reportlab", "segno"}),
    "tasks": (
        {"models", "documents", "connectors"},
        {"pandas", "prefect", "pydantic", "sqlalchemy", "sqlmodel"},
    ),
    "flows": ({"models", "tasks"}, {"prefect", "pydantic"}),
    "deployments": (
        {"models", "documents", "connectors", "tasks", "flows"},
        {"anyio", "prefect", "sqlalchemy"},
    ),
    "console": (
        {"models", "documents", "connectors", "tasks", "flows", "deployments"},
        {
            *("click", "fastapi", "jinja2", "pandas", "prefect", "pydantic", "rich", "starlette", "typer"),
            *("certifi", "httpx", "uvicorn"),
        },
    ),
}

# Only the command line and the demo it starts run a cycle or a simulator themselves; pages ask Prefect.
RUNNERS = re.compile(r"console\.(cli\w*|demo)\b")
SIMULATOR = re.compile(r"connectors\.(\w+\.)*simulators?\b")

MODULES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
EVERY_MODULE = sorted([*MODULES, *(ROOT / "tests").rglob("*.py")])


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def find_imports(source: str) -> Iterator[tuple[int, str]]:
    """Yield every imported module with its line, wherever the statement stands; relative ones keep dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # `from connectors.afterbuy import simulator` imports a module, too.
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if node.module else base


def find_breaches(module: str, source: str) -> list[str]:
    """Return one line for each import that the module's room does not allow."""
    room = module.partition(".")[0]
    rooms, packages = ROOMS[room]
    return [
        f"{module}:{line}: {imported}: {reason}"
        for line, imported in find_imports(source)
        if (reason := _judge(module, imported, {room} | rooms, packages))
    ]


def _judge(module: str, imported: str, rooms: set[str], packages: set[str]) -> str:
    top = imported.partition(".")[0]
    runs_cycles = bool(RUNNERS.match(module))
    if imported.startswith("."):
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
        return "" if top in rooms else "imports point one way"
    if top in sys.stdlib_module_names or top in packages:
        return ""
    return "this package is not for this room"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    """No module of a room imports what stands above it, or a package that is not for it."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    breaches = [line for file in files for line in find_breaches(name_of(file), file.read_text("utf-8"))]
    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("models.order", "import connectors", "imports point one way"),
        ("models.order", "def late():\n    from tasks.orders import save", "imports point one way"),
        ("connectors.shop.client", "if TYPE_CHECKING:\n    import tasks.orders", "imports point one way"),
        ("documents.invoice", "from connectors.errors import RecordError", "imports point one way"),
        ("tasks.orders", "import flows.import_orders as cycle", "imports point one way"),
        ("flows.import_orders", "from connectors import connect", "imports point one way"),
        (
            "deployments.local",
            "try:\n    import console.cli\nexcept ImportError: pass",
            "imports point one way",
        ),
        ("models.order", "import httpx", "this package is not for this room"),
        ("connectors.shop.client", "import requests", "this package is not for this room"),
        ("documents.invoice", "import sqlmodel", "this package is not for this room"),
        ("flows.import_orders", "import pandas as pd", "this package is not for this room"),
        ("connectors.shop.client", "from . import wire", "imports are absolute"),
        ("connectors.shop.client", "from ..errors import RecordError", "imports are absolute"),
        ("tasks.orders", "from tests.support import smtp", "nothing imports tests"),
        ("connectors.shop", "from connectors.shop import simulator", "a simulator stands outside"),
        ("tasks.orders", "import connectors.shop.simulator.server", "a simulator stands outside"),
        ("console.orders", "import connectors.shop.simulator", "a simulator stands outside"),
        ("connectors.shop.simulator", "from connectors.shop.wire import Order", "from the wire notes alone"),
        ("console.orders", "from flows.import_orders import import_orders", "pages ask Prefect"),
    ],
)
def test_a_breach_is_found(module: str, source: str, reason: str) -> None:
    """The check above can fail, wherever the import stands and however it is spelled."""
    (breach,) = find_breaches(module, source)
    assert reason in breach


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models.order", "import decimal\nfrom sqlmodel import Field\nfrom models.columns import Money"),
        ("connectors.shop.client", "import httpx\nfrom connectors.errors import RecordError"),
        ("connectors.shop.simulator.server", "from connectors.shop.simulator.state import State"),
        ("console.cli", "from connectors.shop.simulator import serve\nfrom flows.import_orders import run"),
        ("console.demo", "import connectors.shop.simulator"),
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
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1)
        if HYGIENE[what].search(line)
    ]
    assert not found, "\n".join([f"{what}:", *found])


def test_what_is_left_behind_is_found() -> None:
    """The patterns above match what they are for and nothing alike."""
    assert UNFINISHED.search("# TODO: later")
    assert not UNFINISHED.search("methodology")
    assert MACHINE_PATH.search("open('/home/anna/orders.csv')")
    assert not MACHINE_PATH.search("https://shop.example/home/page and /workers/")
