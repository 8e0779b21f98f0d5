"""Money and instants come out of both databases exactly as they went in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError
from sqlmodel import Session, col, func, select

from models.database.session import session_scope
from models.payments.payment import Payment
from models.sync.records import Cycle
from models.sync.runs import Run
from models.tenants.records import Side
from tests.support.builders import get_order, make_line, make_order, make_shop, row_counts, take_in

BERLIN = ZoneInfo("Europe/Berlin")
STORABLE = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda whole: Decimal(whole).scaleb(-4))


def order_id_in(session: Session) -> int:
    """Return the id of an order to hang rows on."""
    take_in(session, make_shop(session), make_order("1", make_line("a")))
    return int(get_order(session, "1").id or 0)


def payment(order_id: int, amount: Decimal, paid_at: Any = None) -> Payment:
    times = {"paid_at": paid_at} if paid_at is not None else {}
    return Payment(order_id=order_id, told_by=Side.channel, amount=amount, currency="EUR", **times)


def test_sums_of_money_are_exact(database: str) -> None:
    """Ten times 0.1 is 1 and 0.1 + 0.2 is 0.3, also when the database adds."""
    with session_scope() as session:
        order_id = order_id_in(session)
        session.add_all([payment(order_id, Decimal("0.1")) for _ in range(10)])
        session.add(payment(order_id, Decimal("0.2")))
        total = session.exec(select(func.sum(Payment.amount))).one()
        three = session.exec(select(func.count()).where(Payment.amount == Decimal("0.20"))).one()

    assert (Decimal(total), three) == (Decimal("1.2"), 1)


@pytest.mark.parametrize(
    ("told", "shown"),
    [("0", "0.00"), ("5", "5.00"), ("19.9", "19.90"), ("-0.01", "-0.01"), ("0.0001", "0.0001"),
     ("-1234.5678", "-1234.5678"), ("99999999999999.9999", "99999999999999.9999")],
)  # fmt: skip
def test_an_amount_is_kept_to_four_places(database: str, told: str, shown: str) -> None:
    """It comes out with two places, or with four where it needs more."""
    with session_scope() as session:
        order_id = order_id_in(session)
        row = payment(order_id, Decimal(told))
        session.add(row)
        session.flush()
        session.refresh(row)

        assert str(row.amount) == shown


def test_a_refused_amount_saves_nothing(database: str) -> None:
    """The database column refuses what a record would have refused."""
    with session_scope() as session:
        order_id = order_id_in(session)
    with pytest.raises(StatementError, match="more than four decimal places"), session_scope() as session:
        session.add_all([payment(order_id, Decimal("1.00")), payment(order_id, Decimal("1.00001"))])

    with session_scope() as session:
        assert row_counts(session, Payment) == [0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=st.lists(STORABLE, min_size=1, max_size=20))
def test_amounts_survive_the_database(database: str, amounts: list[Decimal]) -> None:
    """What is inserted is selected again, and compared and sorted as numbers."""
    with session_scope() as session:
        order_id = find_or_make_order(session)
        rows = [payment(order_id, amount) for amount in amounts]
        session.add_all(rows)
        session.flush()
        ids = [row.id for row in rows]
        session.expire_all()
        stored = session.execute(
            select(col(Payment.amount)).where(col(Payment.id).in_(ids)).order_by(col(Payment.amount))
        ).scalars()

        assert list(stored) == sorted(amounts)


def find_or_make_order(session: Session) -> int:
    known = session.exec(select(Payment.order_id).limit(1)).first()
    return known if known is not None else order_id_in(session)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.datetimes(
        datetime(1990, 1, 1),  # noqa: DTZ001
        datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, BERLIN, ZoneInfo("Asia/Kathmandu")]),
    )
)
def test_an_instant_survives_the_database(database: str, told: datetime) -> None:
    """It goes in with any time zone and comes out as the same instant in UTC, to the microsecond."""
    with session_scope() as session:
        row = payment(find_or_make_order(session), Decimal(1), told)
        session.add(row)
        session.flush()
        session.refresh(row)

        assert (row.paid_at, row.paid_at.tzinfo) == (told.astimezone(UTC), UTC)


def test_the_doubled_hour_of_autumn_is_two_instants(database: str) -> None:
    """02:30 before and after the clock goes back are an hour apart, and are found by their order."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=0)
    second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    with session_scope() as session:
        order_id = order_id_in(session)
        session.add_all([payment(order_id, Decimal(1), second), payment(order_id, Decimal(2), first)])
        session.flush()
        session.expire_all()
        later = (
            session.execute(select(col(Payment.amount)).where(col(Payment.paid_at) > first)).scalars().all()
        )
        times = session.execute(select(col(Payment.paid_at)).order_by(col(Payment.paid_at))).scalars().all()

    assert later == [Decimal(1)]
    assert times == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]


def test_a_time_without_zone_is_refused(database: str) -> None:
    """Nobody can tell which instant it is."""
    with session_scope() as session:
        order_id = order_id_in(session)
    with pytest.raises(StatementError, match="without time zone"), session_scope() as session:
        session.add(payment(order_id, Decimal(1), datetime(2026, 3, 1, 12)))  # noqa: DTZ001

    with session_scope() as session:
        assert row_counts(session, Payment) == [0]


def test_an_offset_is_not_kept(database: str) -> None:
    """A column holds the instant alone."""
    told = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=-5)))
    with session_scope() as session:
        row = payment(order_id_in(session), Decimal(1), told)
        session.add(row)
        session.flush()
        session.refresh(row)

        assert row.paid_at.isoformat() == "2026-03-01T17:00:00+00:00"


def test_a_code_that_nobody_knows_is_refused(database: str) -> None:
    """A status column takes only what its enumeration names."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
    unknown: Any = "coffee-import"
    with pytest.raises(StatementError, match="coffee-import"), session_scope() as session:
        session.add(Run(account_id=account_id, cycle=unknown))

    with session_scope() as session:
        assert row_counts(session, Run) == [0]
        session.add(Run(account_id=account_id, cycle=Cycle.order_import))
        session.flush()
        assert session.exec(select(Run.cycle)).one() is Cycle.order_import
