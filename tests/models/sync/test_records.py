"""Plain records of runs: their figures."""

from models.sync.records import Counts


def test_figures_add_up() -> None:
    """Counts of pages become those of the run, figure by figure."""
    total = Counts(read=2, held=1)
    total.add(Counts(read=3, failed=4))

    assert total == Counts(read=5, held=1, failed=4)


def test_figures_of_older_versions_are_read() -> None:
    """Their runs saved rejected records under another name; what is saved now has the new name."""
    counts = Counts.model_validate({"read": 3, "set_aside": 2})

    assert counts.rejected == 2
    assert "set_aside" not in counts.model_dump()
