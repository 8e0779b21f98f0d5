"""Many processes allocate the same article at once, one order per transaction; the sums must be right."""

import time
from collections.abc import Iterator, Sequence

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import database

NAME = "hot-article"
ORDERS = {"small": 40, "default": 2_000, "full": 10_000}
WRITERS = {"small": 2, "default": 8, "full": 8}
STARTING_SECONDS = 6.0
ON_HAND = 0.8
"""Stock as a share of the ordered units: the last orders find none."""


def measure(plan: Plan) -> Iterator[Row]:
    """Yield one row for each database; the floor updates one row with the same commits and processes."""
    writers = WRITERS[plan.extent]
    for orders in plan.sizes_of(*((ORDERS[extent],) for extent in ("small", "default", "full"))):
        for kind in plan.kinds:
            rates, floor = [], []
            peak, note = 0.0, ""
            for _ in range(plan.runs_at(orders)):
                with database(kind):
                    child.run("benchmarks.hot_article:prepare", orders=orders)
                    floor.append(_rate("count_up", orders, writers)[0])
                with database(kind):
                    child.run("benchmarks.hot_article:prepare", orders=orders)
                    rate, peak = _rate("allocate_each", orders, writers)
                    rates.append(rate)
                    note = child.run("benchmarks.hot_article:check", orders=orders)["note"]
            row = Row(NAME, f"{writers} writers", kind, orders, "orders/s", rates, floor, peak, note=note)
            row.budget, row.reached = "the sum is right", True
            yield row


def _rate(function: str, orders: int, writers: int) -> tuple[float, float]:
    """Return orders per second, from the first process's start to the last one's end, and peak memory."""
    begin_at = time.time() + STARTING_SECONDS
    answers = child.run_together(
        f"benchmarks.hot_article:{function}",
        [
            {"order_ids": list(range(writer + 1, orders + 1, writers)), "begin_at": begin_at}
            for writer in range(writers)
        ],
    )
    begun = min(answer["begun"] for answer in answers)
    ended = max(answer["ended"] for answer in answers)
    return orders / (ended - begun), max(answer["peak_mb"] for answer in answers)


def prepare(orders: int) -> None:
    """Save orders of one unit each of the same listed article, without allocation."""
    from decimal import Decimal

    from models.catalog.article import Article
    from models.catalog.listing import Listing
    from models.clock import utc_now
    from models.database.bulk import insert_returning, insert_rows
    from models.database.session import session_scope
    from models.orders.order import LinePart, Order, OrderLine, OrderState, PaymentState
    from models.tenants.account import add_account
    from models.tenants.tenant import add_tenant
    from models.warehouse.ledger import set_on_hand
    from models.warehouse.warehouses import main_warehouse

    with session_scope() as session:
        tenant_id = add_tenant(session, "hot").row_id
        account_id = add_account(session, tenant_id, "hot", "afterbuy", {}).row_id
        article = Article(tenant_id=tenant_id, sku="HOT")
        session.add(article)
        session.flush()
        article_id = article.row_id
        session.add(Listing(account_id=account_id, external_id="HOT", article_id=article_id))
        set_on_hand(session, main_warehouse(session, tenant_id).row_id, {article_id: int(orders * ON_HAND)})
        ids = insert_returning(
            session,
            Order,
            [
                {
                    "tenant_id": tenant_id,
                    "account_id": account_id,
                    "external_id": str(number),
                    "state": OrderState.open,
                    "payment_state": PaymentState.paid,
                    "placed_at": utc_now(),
                    "currency": "EUR",
                    "total": Decimal("12.90"),
                    "details": {},
                }
                for number in range(1, orders + 1)
            ],
        )
        assert ids == list(range(1, orders + 1))
        lines = insert_returning(
            session,
            OrderLine,
            [
                {
                    "order_id": order_id,
                    "account_id": account_id,
                    "external_id": str(order_id),
                    "position": 0,
                    "quantity": 1,
                    "price": Decimal("12.90"),
                    "article_id": article_id,
                    "codes": {},
                    "details": {},
                }
                for order_id in ids
            ],
        )
        insert_rows(
            session,
            LinePart,
            [{"order_line_id": line_id, "article_id": article_id, "quantity": 1} for line_id in lines],
        )


def allocate_each(order_ids: Sequence[int], begin_at: float) -> dict[str, float]:
    """Allocate orders one by one, a transaction each; return the clock at start and end."""
    from models.database.session import session_scope
    from models.tenants.locks import lock_tenants
    from models.warehouse.allocation import allocate

    begun = _wait(begin_at)
    for order_id in order_ids:
        with session_scope() as session:
            lock_tenants(session, [1])
            allocate(session, [order_id])
    return {"begun": begun, "ended": time.time()}


def count_up(order_ids: Sequence[int], begin_at: float) -> dict[str, float]:
    """Add one to the same row for each order while the limit allows it, a transaction each."""
    from sqlalchemy import update
    from sqlmodel import col

    from models.database.session import session_scope
    from models.warehouse.levels import StockLevel

    begun = _wait(begin_at)
    for _ in order_ids:
        with session_scope() as session:
            session.execute(
                update(StockLevel)
                .where(col(StockLevel.allocated) < StockLevel.on_hand)
                .values(allocated=StockLevel.allocated + 1)
            )
    return {"begun": begun, "ended": time.time()}


def _wait(begin_at: float) -> float:
    time.sleep(max(0.0, begin_at - time.time()))
    return time.time()


def check(orders: int) -> dict[str, str]:
    """Return the sums in words. Raises: AssertionError, unless all stock and no more was allocated."""
    from sqlmodel import func, select

    from models.database.session import read_scope
    from models.orders.holds import Hold
    from models.orders.order import OrderLine
    from models.warehouse.levels import Allocation, StockLevel, StockMovement

    with read_scope() as session:
        level = session.exec(select(StockLevel)).one()
        allocated = session.exec(select(func.sum(Allocation.quantity))).one()
        of_lines = session.exec(select(func.sum(OrderLine.allocated))).one()
        moved = session.exec(select(func.sum(StockMovement.quantity))).one()
        short = session.exec(select(func.count()).select_from(Hold)).one()
    assert level.on_hand == moved == int(orders * ON_HAND)
    assert level.allocated == allocated == of_lines == level.on_hand
    assert short == orders - level.on_hand
    return {"note": f"{allocated} of {level.on_hand} allocated, {short} held as short"}
