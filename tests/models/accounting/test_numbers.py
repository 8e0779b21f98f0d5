"""Numbers of documents: one after the other in each German year, without a gap."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session, select

from models.accounting.numbers import DocumentSeries
from models.database.engine import get_engine
from models.database.session import session_scope
from tests.support.builders import make_invoicing_shop, ship_units
from tests.support.invoicing import invoice, sell, shipped, taxed


def test_numbers_begin_anew_with_the_german_year(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half past eleven in the evening of New Year's Eve by UTC is next year in Germany."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        labels = []
        for number, at in enumerate(["2026-12-31T22:59", "2026-12-31T23:30", "2027-06-01T12:00"]):
            monkeypatch.setattr(
                "models.accounting.issued.utc_now",
                lambda at=at: datetime.fromisoformat(at).replace(tzinfo=UTC),
            )
            sell(session, shop, str(number), taxed(f"l{number}"))
            ship_units(session, str(number))
            labels.append(invoice(session, str(number)).label)

        assert labels == ["RE-2026-00001", "RE-2027-00001", "RE-2027-00002"]


def test_an_abort_leaves_no_gap(database: str) -> None:
    """A transaction that issued one and fails gives its number to the next."""
    with session_scope() as session:
        shipped(session, taxed("a"))
    with Session(get_engine()) as session:
        assert invoice(session).number == 1
        session.rollback()
    with session_scope() as session:
        assert invoice(session).number == 1
        assert session.exec(select(DocumentSeries.last)).all() == [1]
