"""The table of what is published: it is complete."""

from models.sync.outbound import OUTBOUND
from tasks.outbound.subjects import SUBJECTS


def test_every_kind_that_goes_to_a_system_has_a_subject() -> None:
    """Each under its own name."""
    assert set(SUBJECTS) == {kind for kind, spec in OUTBOUND.items() if spec.capability is not None}
    assert {kind: subject.KIND for kind, subject in SUBJECTS.items()} == {kind: kind for kind in SUBJECTS}
