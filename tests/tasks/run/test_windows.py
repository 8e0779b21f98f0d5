"""What a run reads, as its cursor keeps it."""

from tasks.run.windows import Window


def test_a_first_number_that_was_saved_as_a_number_is_read_as_a_text() -> None:
    """Earlier versions saved it so; numbers of other channels hold letters."""
    assert Window.model_validate({"first_number": 4711}).first_number == "4711"
    assert Window.model_validate({"first_number": "A-4711"}).first_number == "A-4711"
