"""What a rule advises is data, and every command that words it is one that the command line takes."""

import ast
import pickle
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from console.cli.advice import say_refused
from console.cli.app import app
from console.cli.parse import parse_settings
from console.cli.tenant_settings import change_group, read_changes
from documents.commands import BLANK, COMMANDS, OPTIONS, command_of, explain
from models.errors import Action, Advice, RuleError
from models.tenants.options import ChannelOptions
from models.warehouse.pick_items import Refusal, ScanError

ROOT = Path(__file__).parents[3]
ROOMS = ("models", "tasks", "connectors", "documents", "flows", "deployments", "console")
BUILT_FROM_WHAT_IS_MISSING = [
    Advice(Action.tenant_set, "nord", {"legal_name": "", "address": "", "tax_number": ""}),
    Advice(Action.tenant_set, "nord", {"legal_name": "", "address": "", "vat_id": ""}),
]
"""Advice whose values no reader of the source can know."""
SAMPLES = {
    "ALLOWED": "yes",
    "CURRENCY": "SEK",
    "CYCLE": "order-import",
    "DATE": "2026-11-01",
    "EVENTS": "all",
    "FILE": __file__,
    "IBAN": "DE89370400440532013000",
    "ID": "DE136695976",
    "KIND": "afterbuy",
    "LINK": "https://pay.example/{number}",
    "MODE": "live",
    "MONTH": "2026-11",
    "PAYMENT": "prepaid",
    "RATES": "home",
    "SIDE": "channel",
    "STATE": "parked",
    "WHEN": "each",
}
"""What a person may fill in for a word in capitals; 1 for any other."""


class Commands:
    """The commands as they are typed; Typer's classes are its own, whatever click is installed."""

    root: Any = typer.main.get_command(app)

    def parse(self, line: str) -> None:
        """Read a command as the shell and the command line do. Raises: AssertionError, naming it."""
        program, *words = shlex.split(_filled(line))
        assert program == "warenfluss", line
        command = self.root
        while hasattr(command, "get_command"):
            assert words, f"{line}: a verb is missing"
            command = command.get_command(None, words.pop(0))
            assert command is not None, f"{line}: there is no such command"
        try:
            with command.make_context(line, words):
                pass
        except Exception as error:
            pytest.fail(f"{line}: {getattr(error, 'message', error)}")

    def options(self) -> set[str]:
        """Return every option of any command."""

        def found(command: Any) -> Iterator[str]:
            for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
                yield from found(command.get_command(None, name))
            for parameter in command.params:
                yield from parameter.opts

        return set(found(self.root))


def texts_of(file: Path) -> Iterator[str]:
    """Yield the strings of a module, docstrings apart; what an f-string fills in becomes a capital word."""
    source = file.read_text("utf-8")
    if "warenfluss" not in source and "--" not in source:
        return
    known: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            known.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            known.update(ast.walk(node))
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else _capital(part) for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in known:
            yield node.value


def _filled(line: str) -> str:
    return BLANK.sub(lambda blank: SAMPLES.get(blank[0], "1"), line)


def _capital(part: ast.expr) -> str:
    names = re.findall(r"[a-z]\w+", ast.unparse(part))
    return names[-1].upper() if names else "WORD"


def files() -> Iterator[Path]:
    """Yield every module of the program."""
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def advice_in_source() -> Iterator[Any]:
    """Yield the calls `Advice(…)` of all rooms."""
    for file in files():
        source = file.read_text("utf-8")
        for node in ast.walk(ast.parse(source)) if "Advice(" in source else ():
            if isinstance(node, ast.Call) and ast.unparse(node).startswith("Advice(Action."):
                yield pytest.param(node, id=f"{file.relative_to(ROOT)}:{node.lineno}")


def advice_from(call: ast.Call) -> Advice:
    """Return what a call makes; what is worked out at run time is left for a sample."""
    given: dict[str | None, Any] = {keyword.arg: keyword.value for keyword in call.keywords}
    given |= zip(("action", "subject", "values"), call.args, strict=False)
    action = Action[given["action"].attr]
    values = given.get("values", ast.Dict([], []))
    named: Sequence[tuple[Any, ast.expr]] = ()
    if ast.unparse(values).startswith("dict.fromkeys("):
        assert action in {advice.action for advice in BUILT_FROM_WHAT_IS_MISSING}
    else:
        assert isinstance(values, ast.Dict), "write the values out"
        assert None not in values.keys, "write the values out"
        named = list(zip(values.keys, values.values, strict=True))
    assert "subject" not in given or BLANK.search(COMMANDS[action].line), f"{action} has no subject"
    return Advice(
        action,
        values={
            ast.literal_eval(name): ast.literal_eval(value) if isinstance(value, ast.Constant) else ""
            for name, value in named
        },
    )


def check(advice: Advice) -> None:
    """Make sure that the command line takes an advice, and that the settings in it exist and fit."""
    line = command_of(advice)
    if line.startswith("--"):
        return
    Commands().parse(line)
    settings = parse_settings([word for word in shlex.split(_filled(line)) if "=" in word], "--set")
    if advice.action is Action.account_set and "setting" not in advice.values:
        assert {name for name, _ in settings} <= set(ChannelOptions.model_fields)
        ChannelOptions.model_validate(dict(settings))
    if advice.action is Action.tenant_set:
        for group, changes in read_changes(settings).items():
            change_group(group, {}, changes)


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_command_that_can_be_typed(action: Action) -> None:
    """The command exists, and takes what it is given; an option goes on the command that was refused."""
    line = command_of(Advice(action))
    if line.startswith("--"):
        assert line.split()[0] in Commands().options()
    else:
        Commands().parse(line)


@pytest.mark.parametrize("call", list(advice_in_source()))
def test_every_advice_is_a_command_that_can_be_typed(call: ast.Call) -> None:
    """Also with the options that stand for its values."""
    check(advice_from(call))


@pytest.mark.parametrize("advice", BUILT_FROM_WHAT_IS_MISSING)
def test_advice_of_what_is_missing_can_be_typed(advice: Advice) -> None:
    """Each field that may be missing has its option."""
    check(advice)


def test_no_option_is_kept_that_no_advice_has() -> None:
    """What is in the table is said somewhere."""
    calls = [advice_from(param.values[0]) for param in advice_in_source()]
    said = {name for advice in (*calls, *BUILT_FROM_WHAT_IS_MISSING) for name in advice.values}
    assert set(OPTIONS) - said == set()


def test_every_action_is_advised_somewhere() -> None:
    """None is kept for nothing."""
    source = "".join(file.read_text("utf-8") for file in files() if file.name != "commands.py")
    assert set(Action) - set(re.findall(r"\bAction\.(\w+)", source)) == set()


def test_what_the_command_line_itself_says_can_be_typed() -> None:
    """Its own texts name commands, too."""
    lines = {
        line
        for file in sorted((ROOT / "console").rglob("*.py"))
        for text in texts_of(file)
        for line in re.findall(r"`(warenfluss [^`]+)`", text)
    }
    assert lines
    for line in sorted(lines):
        Commands().parse(line)


def test_a_refusal_is_followed_by_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """On the same line, or below a list of faults; a refusal without advice stands alone."""
    advice = Advice(Action.order_unsplit, "7")
    say_refused(RuleError("All of order 7 is held back.", advice))
    assert capsys.readouterr().err == (
        "All of order 7 is held back. `warenfluss order unsplit 7` releases what is held back.\n"
    )
    assert explain(RuleError("one.\ntwo.", advice)).splitlines()[2].startswith("`warenfluss order")
    assert explain(RuleError("It is sold.")) == "It is sold."


def subclasses_of(cls: type[RuleError]) -> Iterator[type[RuleError]]:
    """Yield a class and all that derive from it."""
    yield cls
    for derived in cls.__subclasses__():
        yield from subclasses_of(derived)


@pytest.mark.parametrize("error", list(subclasses_of(RuleError)), ids=lambda cls: cls.__name__)
def test_a_refusal_crosses_processes_with_its_advice(error: type[RuleError]) -> None:
    """Prefect pickles what ends a run."""
    advice = Advice(Action.account_set, "shop", {"invoices": "channel"})
    sent = ScanError(Refusal.unknown, "No such code.") if error is ScanError else error("No.", advice)
    come = pickle.loads(pickle.dumps(sent))
    assert (type(come), str(come), come.advice, vars(come)) == (error, str(sent), sent.advice, vars(sent))
