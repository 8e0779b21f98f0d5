"""Logos: kept by what they show, and never taken away."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from models.database.session import session_scope
from models.tenants.logo import Logo, find_logos, save_logo
from tests.support.builders import SELLER


def test_a_logo_is_kept_by_what_it_shows(database: str) -> None:
    """Once, however often it is handed in."""
    with session_scope() as session:
        first, again, other = (save_logo(session, data) for data in (b"one", b"one", b"two"))

        assert first == again != other
        assert find_logos(session, [first, other, ""]) == {first: b"one", other: b"two"}
        assert find_logos(session, [""]) == {}
        assert len(session.exec(select(Logo)).all()) == 2
        assert SELLER.get("logo", "") == ""


@pytest.mark.parametrize("change", ["UPDATE logo SET png = ''", "DELETE FROM logo"])
def test_a_logo_stays(change: str, database: str) -> None:
    """What was issued with it could not be drawn any more."""
    with session_scope() as session:
        save_logo(session, b"one")
    with pytest.raises(DBAPIError, match="what was issued never changes"), session_scope() as session:
        session.execute(text(change))
