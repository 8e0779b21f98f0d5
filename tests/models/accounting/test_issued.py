"""Issued documents and their files: the database itself keeps what was issued."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.accounting.issued import find_document, save_files
from models.database.session import session_scope
from tests.support.invoicing import invoice, shipped, taxed


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE document SET gross = 1",
        "UPDATE document SET content = '{}'",
        "DELETE FROM document",
        "UPDATE document_line SET quantity = 0",
        "DELETE FROM document_line",
        "UPDATE document_file SET sha256 = ''",
        "DELETE FROM document_file",
    ],
)
def test_the_database_refuses_to_change_what_was_issued(change: str, database: str) -> None:
    """Whoever asks for it."""
    with session_scope() as session:
        shipped(session, taxed("a"))
        save_files(session, {invoice(session).row_id: b"%PDF"})
    with pytest.raises(DBAPIError, match="what was issued never changes"), session_scope() as session:
        session.execute(text(change))


def test_a_table_of_documents_cannot_be_emptied_at_once(postgres_database: str) -> None:
    """TRUNCATE fires no trigger for rows."""
    with pytest.raises(DBAPIError, match="what was issued never changes"), session_scope() as session:
        session.execute(text("TRUNCATE document CASCADE"))


def test_a_file_that_is_there_stays(database: str) -> None:
    """Drawing again changes nothing."""
    with session_scope() as session:
        shipped(session, taxed("a"))
        document = invoice(session)
        for pdf in (b"one", b"two"):
            save_files(session, {document.row_id: pdf})

        assert session.execute(text("SELECT pdf FROM document_file")).scalar_one() == b"one"
        assert find_document(session, document.label.lower()).id == document.id
