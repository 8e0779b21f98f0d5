"""How the command line says what a rule refused."""

from console.cli.output import say
from documents.commands import explain
from models.errors import RuleError


def say_refused(error: RuleError) -> None:
    """Print what was refused, and which command helps."""
    say(explain(error))
