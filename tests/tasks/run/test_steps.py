"""Steps: what they raise is tried again if it may pass."""

from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError

from connectors.errors import AccountError, ConnectorError, TransientError, UncertainError
from models.errors import LeaseLostError, RuleError, UnexpectedError
from tasks.run.steps import Delays, is_transient, step


def test_an_error_that_nobody_expected_quotes_nothing() -> None:
    """Prefect would keep its text, and with it a buyer."""

    @step
    def read_street(street: str) -> int:
        return int(street)

    with pytest.raises(UnexpectedError) as caught:
        read_street.fn("Am Ölberg 3")
    assert str(caught.value).startswith("ValueError at run/test_steps.py:")
    assert "read_street" in str(caught.value)
    assert "Ölberg" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TransientError("later"), True),
        (OperationalError("", {}, Exception()), True),
        (IntegrityError("", {}, Exception()), True),
        (DataError("", {}, Exception()), False),
        (ProgrammingError("", {}, Exception()), False),
        (ConnectorError("no"), False),
        (AccountError("no"), False),
        (UncertainError("?"), False),
        (RuleError("no"), False),
        (LeaseLostError("lost"), False),
        (ValueError("no"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    """The policy sees what a step makes of an error, as Prefect hands it over."""

    @step
    def fail() -> None:
        raise error

    assert _judge(fail.fn, is_transient) is again


def test_a_channel_says_how_long_to_wait() -> None:
    """What it asked for survives the way out of the step."""

    @step
    def fail() -> None:
        raise TransientError("later", 12.5)

    assert _judge(fail.fn, is_transient)
    assert Delays([0.0])[0] == 12.5


def _judge(function: Callable[[], Any], policy: Callable[..., bool]) -> bool:
    try:
        function()
    except Exception as error:
        return policy(None, TaskRun(task_key="", dynamic_key=""), Failed(data=error))
    raise AssertionError("it raised nothing")
