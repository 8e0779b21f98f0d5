"""Lists of orders: which ones, page by page, and what a list shows beside the order itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from models.order import AddressRole, Hold, LinePart, Order, OrderAddress, OrderState


@dataclass(frozen=True)
class OrderFilter:
    """Which orders a list shows; what is left out restricts nothing."""

    account_id: int | None = None
    states: tuple[OrderState, ...] = ()
    held: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a query's rows have to meet."""
        conditions: list[ColumnElement[bool]] = []
        if self.account_id is not None:
            conditions.append(col(Order.account_id) == self.account_id)
        if self.states:
            conditions.append(col(Order.state).in_(self.states))
        if self.held:
            held = select(Hold.order_id).where(col(Hold.released_at).is_(None))
            conditions.append(col(Order.id).in_(held))
        return conditions


def list_orders(
    session: Session, wanted: OrderFilter, limit: int | None = None, batch: int = 500
) -> Iterator[Sequence[Order]]:
    """Yield orders, the latest placed first, in batches, so that a long list fits into memory."""
    query = (
        select(Order)
        .where(*wanted.conditions())
        .order_by(col(Order.placed_at).desc(), col(Order.id).desc())
        .limit(limit)
        .execution_options(yield_per=batch)
    )
    return session.exec(query).partitions()


def count_orders(session: Session, wanted: OrderFilter) -> int:
    """Return how many orders a list without limit would show."""
    return session.exec(select(func.count(col(Order.id))).where(*wanted.conditions())).one()


def addresses_of(session: Session, order_ids: Sequence[int]) -> dict[int, dict[AddressRole, OrderAddress]]:
    """Return the addresses of each order by role; an order without one for shipping goes to the other."""
    addresses: dict[int, dict[AddressRole, OrderAddress]] = {}
    for row in session.exec(select(OrderAddress).where(col(OrderAddress.order_id).in_(order_ids))):
        addresses.setdefault(row.order_id, {})[row.role] = row
    return addresses


def line_parts_of(session: Session, line_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Return for each matched line its parts as (article id, quantity for one of the line)."""
    parts: dict[int, list[tuple[int, int]]] = {}
    rows = session.exec(
        select(LinePart).where(col(LinePart.order_line_id).in_(line_ids)).order_by(col(LinePart.article_id))
    )
    for row in rows:
        parts.setdefault(row.order_line_id, []).append((row.article_id, row.quantity))
    return parts
