"""Cursors: how far each cycle of an account has read."""

import pytest

from models.database.session import session_scope
from models.sync.cursors import find_cursor, save_cursor
from tests.support.builders import make_shop


@pytest.fixture
def account_id(database: str) -> int:
    with session_scope() as session:
        return make_shop(session).account.id


def test_a_cursor_is_set_anew(account_id: int) -> None:
    """Each name has one value, of any shape; unknown is empty."""
    with session_scope() as session:
        save_cursor(session, account_id, "orders", {"since": "2026-03-01", "page": None})
        save_cursor(session, account_id, "articles", {"page": "7"})
        save_cursor(session, account_id, "orders", {"since": "2026-03-02"})

    with session_scope() as session:
        assert find_cursor(session, account_id, "orders") == {"since": "2026-03-02"}
        assert find_cursor(session, account_id, "articles") == {"page": "7"}
        assert find_cursor(session, account_id, "payments") == {}
