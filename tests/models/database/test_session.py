"""A session ends whole: what it could not commit is not left open for the next one."""

import pytest
from sqlalchemy.exc import OperationalError

from models.database.engine import get_engine
from models.database.session import session_scope
from tests.support.builders import make_shop


def test_a_commit_that_fails_leaves_nothing_open(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is not used again: the transaction on it may still be open, e.g. if the disk is full."""
    dialect = get_engine().dialect

    def fail(_connection: object) -> None:
        raise dialect.loaded_dbapi.OperationalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(dialect, "do_commit", fail)
        with pytest.raises(OperationalError, match="disk full"), session_scope() as session:
            make_shop(session)

    with session_scope() as session:
        make_shop(session)
