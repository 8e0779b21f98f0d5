"""Many processes do whatever they may to the same few orders and articles; every law holds at the end."""

from collections import Counter
from decimal import Decimal
from functools import reduce
from operator import add

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from models.database.columns import need_id
from models.database.engine import dispose, get_engine
from models.database.session import session_scope
from models.orders.order import Order, OrderState
from models.payments.payment import Payment
from models.tenants.records import Side
from models.warehouse.allocation import allocate
from tests.support.builders import add_article, check_laws, make_shop, stock_in
from tests.support.races import run_at_once
from tests.support.storms import SKUS, rage

PROCESSES = 6
STEPS = 20


def deadlocks() -> int:
    """Return how many deadlocks PostgreSQL had to break in the database under test."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with get_engine().connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def left_lying(session: Session) -> bool:
    """Return whether an order waits for stock that is there."""
    before = stock_in(session)
    waiting = select(Order.id).where(col(Order.state).in_([OrderState.pending, OrderState.open]))
    allocate(session, [need_id(order_id) for order_id in session.exec(waiting.order_by(col(Order.id)))])
    return stock_in(session) != before


def test_a_storm_breaks_no_law(database: str, storm: int) -> None:
    """Imports, merges, counts, cancellations, shipments, payments and exports of six processes at once.

    No step is lost or done twice, nobody waits for stock that is there, and as all lock in one order,
    PostgreSQL finds no deadlock.
    """
    with session_scope() as session:
        shop = make_shop(session)
        ids = [add_article(session, shop, sku, on_hand=6, listed=True) for sku in SKUS[:3]]
        add_article(session, shop, SKUS[3], parts={ids[0]: 1, ids[2]: 2}, listed=True)
        warehouse_id = shop.warehouse_id

    done = run_at_once(
        database, rage, [(storm, worker, STEPS, ids, warehouse_id) for worker in range(PROCESSES)]
    )

    assert all(isinstance(each, Counter) for each in done), done
    total: Counter[str] = reduce(add, done)
    assert total.total() == PROCESSES * STEPS
    with session_scope() as session:
        check_laws(session)
        numbers = session.exec(select(Order.external_id)).all()
        assert len(set(numbers)) == len(numbers)
        paid = select(func.count()).where(Payment.told_by == Side.warenfluss)
        assert session.exec(paid).one() == total["pay"]
        received = sum((row.paid_amount for row in session.exec(select(Order))), Decimal(0))
        assert received == sum((row.amount for row in session.exec(select(Payment))), Decimal(0))
        assert not left_lying(session)
    dispose()
    if database.startswith("postgresql"):
        assert deadlocks() == 0
