"""Draw issued documents, each once, from what was issued."""

from collections.abc import Sequence

from documents.paper_invoice import render_invoice
from models.columns import need_id
from models.db import read_scope
from models.document import Document, PaperContent, list_undrawn


def draw_missing(documents: Sequence[Document]) -> dict[int, bytes]:
    """Return by id the PDFs of those of the documents that have none; no transaction is open meanwhile."""
    with read_scope() as session:
        undrawn = list_undrawn(session, documents)
    return {
        need_id(document.id): render_invoice(PaperContent.model_validate(document.content))
        for document in undrawn
    }
