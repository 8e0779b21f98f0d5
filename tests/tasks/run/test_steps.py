"""Steps: an error that may quote a record is replaced by its class and place."""

import pytest
from sqlalchemy.exc import OperationalError

from connectors.errors import ConnectorError, TransientError
from models.errors import LeaseLostError, RuleError, UnexpectedError
from tasks.run.steps import step


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
    "error",
    [
        ConnectorError("no"),
        TransientError("later"),
        RuleError("no"),
        LeaseLostError("lost"),
        OperationalError("", {}, Exception()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_that_quote_no_record_pass(error: Exception) -> None:
    """The policy of retries has to see what they are."""

    @step
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        fail.fn()
    assert caught.value is error
