"""How every flow is declared: what it raises becomes its state."""

from typing import Any

import pytest
from prefect.client.schemas.objects import State

from connectors.errors import AccountError
from flows.cycle import cycle_flow, finished, nothing_done
from models.errors import UnexpectedError
from models.sync.records import Counts, Cycle
from tasks.watch.alarms import find_exception
from tests.support.steps import ALL_FLOWS

NAME = "Wunderlichkeit"


def test_an_error_becomes_a_failed_state() -> None:
    """Prefect would write an exception that leaves a flow into a file."""

    @cycle_flow(Cycle.order_import)
    def fail(account: str) -> State[Any]:
        raise AccountError(f"for {account}") from ValueError(NAME)

    state = fail.fn("shop")

    error = find_exception(state)
    assert state.is_failed()
    assert (state.message, str(error)) == ("AccountError: for shop", "for shop")
    assert error is not None
    assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)


def test_an_unknown_error_quotes_nothing() -> None:
    """Class and place stay."""

    @cycle_flow(Cycle.order_import)
    def fail(account: str) -> State[Any]:
        raise KeyError(account)

    state = fail.fn(NAME)

    assert isinstance(find_exception(state), UnexpectedError)
    assert (state.message or "").startswith("UnexpectedError: KeyError at flows/test_cycle.py:")


@pytest.mark.parametrize("cycle", list(ALL_FLOWS))
def test_every_flow_fails_as_a_state(cycle: Cycle) -> None:
    """No flow is declared in another way."""
    flow: Any = ALL_FLOWS[cycle]
    assert (flow.name, flow.persist_result) == (str(cycle), False)

    state = flow.fn(**{"no such": NAME})

    assert state.is_failed()
    assert NAME not in str(state)


def test_a_flow_that_worked_says_how_much() -> None:
    """Its figures are its message; a flow that did nothing is cancelled."""
    counts = Counts(read=3, new=2)

    assert (finished(counts).is_completed(), finished(counts).message) == (True, counts.text())
    assert (nothing_done("held").is_cancelled(), nothing_done("held").message) == (True, "held")
