"""The mail about differences."""

from documents.mails.differences import TITLES
from models.reconciliation.records import DifferenceKind


def test_every_kind_of_difference_has_a_title() -> None:
    """A mail about a new kind is never lost for want of a word."""
    assert set(TITLES) == set(DifferenceKind)
