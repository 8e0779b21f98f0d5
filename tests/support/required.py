"""What a test needs from the machine: without it a test is skipped, unless it is declared required."""

import os
from typing import NoReturn

import pytest


def missing(what: str, reason: str) -> NoReturn:
    """Skip the test; fail it where `WARENFLUSS_REQUIRE` (names separated by commas) lists `what`."""
    if what in os.environ.get("WARENFLUSS_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here: {reason}", pytrace=False)
    pytest.skip(f"{what}: {reason}")
