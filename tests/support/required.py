"""What a test needs from the machine: if it is missing, the test is skipped or, if required, fails."""

import os
from typing import NoReturn

import pytest


def missing(what: str, reason: str) -> NoReturn:
    """Skip the test; fail it if `WARENFLUSS_REQUIRE` (names separated by commas) lists `what`."""
    if what in os.environ.get("WARENFLUSS_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here: {reason}", pytrace=False)
    pytest.skip(f"{what}: {reason}")
