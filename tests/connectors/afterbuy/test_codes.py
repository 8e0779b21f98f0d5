"""What follows from Afterbuy's error and warning numbers."""

import pytest

from connectors.afterbuy import codes
from connectors.errors import AccountError, ConnectorError, RequestRefusedError, TransientError


def test_error_and_warning_numbers_stand_in_two_tables() -> None:
    assert "unknown here" in str(codes.error_for("X", [45]))
    assert "another account" in codes.warning_text(45)


@pytest.mark.parametrize(
    ("numbers", "follows"),
    [
        ([52], TransientError),
        ([52, 3004], TransientError),
        ([52, 16], RequestRefusedError),
        ([16, 52, 9], AccountError),
        ([], RequestRefusedError),
    ],
)
def test_an_error_of_the_login_counts_most_and_an_error_that_may_pass_least(
    numbers: list[int], follows: type[ConnectorError]
) -> None:
    assert isinstance(codes.error_for("X", numbers), follows)
