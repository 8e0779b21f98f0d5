"""Records of returns for lists and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.database.session import Session
from models.fulfilment.returns import Return, ReturnState, lines_of_return
from models.orders.order import Order
from models.orders.queries import lines_of_order


@dataclass(frozen=True)
class ReturnLineView:
    """Announced and returned units of an order line, by judgement."""

    line: str
    announced: int
    to_stock: int
    b_stock: int
    scrapped: int


@dataclass(frozen=True)
class ReturnView:
    number: int
    order: str
    state: ReturnState
    announced_at: datetime
    received_at: datetime | None
    credited: Decimal
    reason: str
    lines: list[ReturnLineView]


def return_views(session: Session, returns: Sequence[Return]) -> list[ReturnView]:
    """Return a view of each return, in the given order."""
    return [_return_view(session, row, session.get_one(Order, row.order_id)) for row in returns]


def _return_view(session: Session, row: Return, order: Order) -> ReturnView:
    return ReturnView(
        number=row.row_id,
        order=order.external_id,
        state=row.state,
        announced_at=row.announced_at,
        received_at=row.received_at,
        credited=row.credited_amount,
        reason=row.reason,
        lines=_line_views(session, row, order),
    )


def _line_views(session: Session, row: Return, order: Order) -> list[ReturnLineView]:
    names = {line.id: line.external_id for line in lines_of_order(session, order)}
    return [
        ReturnLineView(
            line=names[each.order_line_id],
            announced=each.announced,
            to_stock=each.to_stock,
            b_stock=each.b_stock,
            scrapped=each.scrapped,
        )
        for each in lines_of_return(session, row.row_id)
    ]
