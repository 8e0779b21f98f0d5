"""Plain records of runs: their figures."""

from models.sync.records import Counts


def test_figures_add_up() -> None:
    """Counts of pages become those of the run, figure by figure."""
    total = Counts(read=2, held=1)
    total.add(Counts(read=3, failed=4))

    assert total == Counts(read=5, held=1, failed=4)
