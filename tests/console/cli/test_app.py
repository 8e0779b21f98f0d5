"""The command line as a whole: quick to start, plain to read, and the same in its documentation."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from console.cli.app import COMMANDS, app
from tests.support.cli_steps import call

ROOT = Path(__file__).parents[3]


def every_command() -> list[str]:
    """Return all commands as they are typed."""
    names = []
    group: Any = typer.main.get_command(app)
    for noun in COMMANDS:
        command = group.get_command(None, noun)
        verbs = getattr(command, "commands", None)
        names += [f"{noun} {verb}" for verb in verbs] if verbs else [noun]
    return names


def test_the_documentation_lists_every_command_as_it_is() -> None:
    """With each option and its meaning: `make commands` has nothing to change."""
    page = ROOT / "docs" / "command-line.md"
    script = runpy.run_path(str(ROOT / "docs" / "list_commands.py"))
    text = page.read_text("utf-8")
    assert script["with_commands"](text) == text


def test_every_command_explains_itself() -> None:
    """`--help` works for each, in one process, and shows its docstring."""
    for name in every_command():
        result = call(*name.split(), "--help")
        assert result.exit_code == 0, name
        assert "Usage:" in result.stdout, name


def test_lists_import_neither_prefect_nor_pandas(sqlite_database: str) -> None:
    """What takes seconds to import is imported by those commands alone that need it."""
    code = (
        "import sys; from console.cli.app import app; "
        "app(['order', 'list', '--json'], standalone_mode=False); "
        "slow = {'prefect', 'pandas', 'alembic', 'connectors', 'rich'} & set(sys.modules); "
        "sys.stderr.write(' '.join(sorted(slow)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (json.loads(done.stdout), done.stderr) == ([], "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("order", "list", "--state", "nowhere"),
        ("order", "list", "--limit", "-1"),
        ("sync", "order-import"),
        ("sync", "coffee", "--account", "shop"),
        ("sync", "stock-export", "--account", "shop", "--since", "2026-01-01"),
        ("sync", "order-import", "--account", "shop", "--since", "gestern"),
        ("sync", "order-import", "--account", "shop", "--full"),
        ("outbound", "retry"),
        ("schedule", "set", "shop", "order-import"),
        ("stock", "set", "MUG", "-1"),
        ("account", "add", "x", "--kind", "afterbuy", "--tenant", "acme", "--set", "novalue"),
        ("tenant", "set", "acme", "--currency", "EURO"),
        ("simulator", "afterbuy", "--switch", "nix=1"),
    ],
)
def test_a_wrong_option_is_exit_code_2(sqlite_database: str, arguments: tuple[str, ...]) -> None:
    """Usage errors differ from refusals, and nothing is printed to standard output."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
