"""What a document says, and what an erased one keeps of it."""

from models.accounting.records import KEPT_CONTENT, PaperContent


def test_every_field_of_a_document_was_judged() -> None:
    """What is erased of a document is said here; a new field goes until somebody says that it stays."""
    assert set(PaperContent.model_fields) - KEPT_CONTENT == {"buyer", "buyer_vat_id", "lines", "reason"}
