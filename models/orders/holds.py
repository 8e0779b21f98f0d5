"""Holds: why an order waits."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text, update
from sqlmodel import JSON, Field, Session, col, select

from models.clock import utc_now
from models.database.columns import Numbered, code, instant
from models.database.conditions import among
from models.orders.order import Order


class HoldReason(StrEnum):
    line_unmatched = "line_unmatched"
    line_ambiguous = "line_ambiguous"
    total_mismatch = "total_mismatch"
    stock_short = "stock_short"
    address_incomplete = "address_incomplete"
    address_too_long = "address_too_long"
    country_unknown = "country_unknown"
    postcode_misfit = "postcode_misfit"
    price_off = "price_off"
    payment_unmapped = "payment_unmapped"
    shipping_unmapped = "shipping_unmapped"
    paid_too_early = "paid_too_early"
    """Reported as paid, though its method is paid at the door or at pickup."""
    article_discontinued = "article_discontinued"
    suspected_duplicate = "suspected_duplicate"
    changed_after_release = "changed_after_release"
    cancelled_after_release = "cancelled_after_release"
    invoice_refused = "invoice_refused"
    """Shipped goods cannot be invoiced; further goods may still ship."""


NOT_BLOCKING = frozenset({HoldReason.invoice_refused})
"""Holds that stop no goods."""
SHORTAGES = frozenset({HoldReason.stock_short, HoldReason.article_discontinued})
"""Holds that stop only the missing units."""
NO_ARTICLE = (HoldReason.line_unmatched, HoldReason.line_ambiguous)
"""Holds of a line until a person chooses its article."""
CHANGED_LATE = (HoldReason.changed_after_release, HoldReason.cancelled_after_release)
"""Holds because the channel changed or cancelled the order after its release."""


class Hold(Numbered, table=True):
    """A named reason why an order waits for a person (Prüfung)."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(
            "ix_hold_open",
            "reason",
            "order_id",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    order_id: int = Field(foreign_key="sales_order.id", index=True)
    order_line_id: int | None = Field(default=None, foreign_key="order_line.id")
    reason: HoldReason = code(HoldReason)
    field: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    released_at: datetime | None = instant(nullable=True)
    accepted: bool = False
    """Released by a person who accepted it: the same finding does not hold the order again."""


def hold_values(
    order_id: int, reason: HoldReason, field: str, detail: dict[str, Any], line_id: int | None = None
) -> dict[str, Any]:
    """Return the values of a `Hold` row, for bulk inserts."""
    return {
        "order_id": order_id,
        "order_line_id": line_id,
        "reason": reason,
        "field": field,
        "detail": detail,
        "created_at": utc_now(),
        "accepted": False,
    }


def open_holds(session: Session, order_ids: Sequence[int]) -> dict[int, list[Hold]]:
    """Return {order id: its open holds, oldest first}; orders without open holds are missing."""
    rows = session.exec(
        select(Hold)
        .where(among(col(Hold.order_id), order_ids), col(Hold.released_at).is_(None))
        .order_by(col(Hold.id))
    ).all()
    holds: dict[int, list[Hold]] = {}
    for row in rows:
        holds.setdefault(row.order_id, []).append(row)
    return holds


def holds_of_order(session: Session, order: Order) -> list[Hold]:
    """Return an order's open holds, oldest first."""
    return open_holds(session, [order.row_id]).get(order.row_id, [])


def close_holds(
    session: Session, order: Order, reasons: tuple[HoldReason, ...], line_id: int | None = None
) -> None:
    """Release an order's open holds with these reasons; with `line_id`, only the holds of that line."""
    statement = (
        update(Hold)
        .where(col(Hold.order_id) == order.id, col(Hold.reason).in_(reasons), col(Hold.released_at).is_(None))
        .values(released_at=utc_now())
    )
    if line_id is not None:
        statement = statement.where(col(Hold.order_line_id) == line_id)
    session.execute(statement)
