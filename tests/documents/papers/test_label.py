"""Address labels on sheets."""

from documents.papers.label import render_label_sheets
from tests.support.sample_papers import label, pages_of


def test_labels_stand_eight_on_a_sheet() -> None:
    """The ninth begins the next."""
    labels = [label(order_number=f"L-{number}") for number in range(9)]
    first, second = pages_of(render_label_sheets(labels))

    assert [number for number in range(9) if f"L-{number}" in first] == list(range(8))
    assert "L-8" in second
