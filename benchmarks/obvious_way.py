"""For comparison: the obvious way, with one Prefect task and one commit per order; 500 orders are measured.

Each task saves one order with its lines and addresses by the ORM, and does nothing else.
"""

from collections.abc import Iterator
from typing import Any

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import database, stand_in

NAME = "obvious-way"
ORDERS = {"small": 20, "default": 500, "full": 500}


def measure(plan: Plan) -> Iterator[Row]:
    """Yield orders per second for each database."""
    orders = ORDERS[plan.extent]
    with stand_in(orders=orders) as url:
        for kind in plan.kinds:
            floor, rates = [], []
            peak = 0.0
            for _ in range(plan.runs):
                with database(kind):
                    answer = child.run("benchmarks.floor:orders", url=f"{url}/bench")
                    floor.append(orders / answer["seconds"])
                with database(kind):
                    answer = child.run("benchmarks.obvious_way:load", url=f"{url}/bench", orders=orders)
                    rates.append(orders / answer["seconds"])
                    peak = max(peak, answer["peak_mb"])
            yield Row(NAME, "a task and a commit each", kind, orders, "orders/s", rates, floor, peak)


def load(url: str, orders: int) -> dict[str, float]:
    """Return the seconds of a flow that saves each order in a separate task."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    from benchmarks.floor import read_orders
    from benchmarks.stand_in import read_pages
    from benchmarks.surroundings import open_account, time_flow
    from models.database.session import session_scope
    from models.orders.order import Order, OrderAddress, OrderLine, OrderState, PaymentState
    from models.orders.row_values import addresses_of

    @task(cache_policy=NO_CACHE, persist_result=False)
    def save_order(record: Any) -> None:
        with session_scope() as session:
            order = Order(
                tenant_id=1,
                account_id=1,
                external_id=record.external_id,
                state=OrderState.open,
                payment_state=PaymentState.open,
                placed_at=record.placed_at,
                currency=record.currency,
                total=record.total,
            )
            session.add(order)
            session.flush()
            order_id = order.row_id
            for position, line in enumerate(record.lines):
                session.add(
                    OrderLine(
                        order_id=order_id,
                        account_id=1,
                        external_id=line.external_id,
                        position=position,
                        title=line.title,
                        quantity=line.quantity,
                        price=line.price,
                    )
                )
            for role, address in addresses_of(record):
                session.add(OrderAddress(order_id=order_id, role=role, **address.model_dump()))

    @flow(name="obvious", persist_result=False)
    def obvious() -> dict[str, int]:
        records = [record for page in read_pages(url, "GetSoldItems") for record in read_orders(page)]
        for record in records:
            save_order(record)
        return {"new": len(records)}

    open_account(url)
    seconds, counts = time_flow(obvious)
    assert counts["new"] == orders, counts
    return {"seconds": seconds}
