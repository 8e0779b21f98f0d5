"""A stand-in for Afterbuy, empty and at noon, for each test."""

from collections.abc import Iterator

import httpx
import pytest

from connectors.afterbuy.simulator import Simulator, State
from tests.connectors.afterbuy.simulator.requests import NOON


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An empty account whose clock stands at noon."""
    with Simulator(State(now=lambda: NOON)) as running:
        yield running


@pytest.fixture
def state(simulator: Simulator) -> State:
    """The account's records."""
    return simulator.state


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that keeps no proxy and waits briefly."""
    with httpx.Client(timeout=5, trust_env=False, verify=False) as client:
        yield client
