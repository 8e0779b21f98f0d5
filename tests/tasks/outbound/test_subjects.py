"""The table of what is published: it is complete."""

from models.sync.records import OutboundKind
from tasks.outbound.subjects import SUBJECTS

MAILED = {OutboundKind.buyer_mail, OutboundKind.order_notice}
"""Kinds that the mail server takes."""


def test_every_kind_that_goes_to_a_system_has_a_subject() -> None:
    """Each under its own name."""
    assert set(SUBJECTS) == set(OutboundKind) - MAILED
    assert {kind: subject.KIND for kind, subject in SUBJECTS.items()} == {kind: kind for kind in SUBJECTS}
